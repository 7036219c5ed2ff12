/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETNS_FABRIC_HOST_H
#define NETNS_FABRIC_HOST_H

/* One host in the sandbox's own network namespace, what others made on it, and four fabrics that it may have: A has nothing but what every host
 * has, B a tunnel, C that tunnel changed and another one, D three others. Beside it the system-call table, whose changing calls a test can count, end or fail. */

#include "netns/namespace.h"

#include <fabricnet/fabric.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>

#define FABRIC_FILE "/run/fabric/fabric.json"

static char *host_keys[6]; /* public; of private keys k0 to k5 */

static inline void host_write_keys(void)
{
        command("mkdir -p -m 700 /run/wireguard && mkdir -p /run/fabric && cd /run/fabric && umask 077 && for i in 0 1 2 3 4 5; do wg genkey > k$i.key; wg genpsk > p$i.psk; done");
        for (int i = 0; i < 6; i++)
                host_keys[i] = command_output("wg pubkey < /run/fabric/k%d.key | tr -d '\\n'", i);
}

/* Docker's, UFW's, fail2ban's, tailscaled's ways, as they look on a host; addresses, routes and files of others. */
static inline void host_add_others(void)
{
        command("ip link add eth0 type veth peer name far && ip link set eth0 up && ip link set far up && ip address add 192.0.2.1/24 dev eth0 && "
                "ip route add 198.51.100.0/24 via 192.0.2.254 proto static && ip link add docker0 type bridge && ip link set docker0 up && "
                "ip address add 172.17.0.1/16 dev docker0 && ip rule add pref 5210 fwmark 0x80000/0xff0000 table main && "
                "ip rule add pref 5270 table 52 && ip route add 100.64.0.9/32 dev eth0 table 52 && ip -6 rule add pref 5270 table 52");
        command("nft -f - <<'EOF'\n"
                "table ip nat { chain POSTROUTING { type nat hook postrouting priority 100; ip saddr 172.17.0.0/16 oifname != \"docker0\" masquerade; }; }\n"
                "table ip filter { chain ufw-user-forward { ct state established accept; }; chain FORWARD { type filter hook forward priority 0; policy accept; "
                "jump ufw-user-forward; }; }\n"
                "table inet f2b-table { set addr-set-sshd { type ipv4_addr; elements = { 203.0.113.66 }; }; chain f2b-chain { type filter hook input "
                "priority -1; tcp dport 22 ip saddr @addr-set-sshd reject; }; }\n"
                "EOF");
        command("mkdir -p /run/others && echo foreign > /run/others/file");
        /* of its own, for the machine's may be changed meanwhile */
        command("for i in sysctl.d systemd; do cp -a /etc/$i /run/etc-$i && mount --bind /run/etc-$i /etc/$i || exit 1; done");
}

static int by_text(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is random, counted or late: indexes and timers; link-local addresses, which each tun draws anew, and their routes; handshakes. */
static bool is_told(const char *line)
{
        static const char *const left_out[] = {"fe80", "ff00::", "multicast", "stable_secret"};

        for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
                if (strstr(line, left_out[i]))
                        return false;
        return *line != 0;
}

/* A daemon tells allowed IPs in the order in which they came. */
static void sort_allowed(char *line)
{
        char *field = line, *parts[64], copy[2048];
        size_t count = 0, length;

        for (int tab = 0; field && tab < 4; tab++)
                field = strchr(field, '\t') ? strchr(field, '\t') + 1 : NULL;
        length = field ? strcspn(field, "\t") : 0;
        if (!length || length >= sizeof(copy) || !field[length])
                return;
        memcpy(copy, field, length);
        copy[length] = 0;
        for (char *save = NULL, *part = strtok_r(copy, ",", &save); part && count < ARRAY_SIZE(parts); part = strtok_r(NULL, ",", &save))
                parts[count++] = part;
        qsort(parts, count, sizeof(*parts), by_text);
        for (size_t i = 0; i < count; i++) {
                memcpy(field, parts[i], strlen(parts[i]));
                field += strlen(parts[i]);
                if (i + 1 < count)
                        *field++ = ',';
        }
}

static char *told(char *line)
{
        static const char *const ends[] = {" numtxqueues", "bridge forward_delay"};
        char *colon = strchr(line, ':'), *unknown = strstr(line, " UNKNOWN mode");
        size_t tabs = 0;

        if (colon && strspn(line, "0123456789") == (size_t)(colon - line))
                line = colon + 1; /* the index */
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
                if (strstr(line, ends[i]))
                        *strstr(line, ends[i]) = 0;
        if (strstr(line, " qdisc "))
                memset(strstr(line, " qdisc "), ' ', 20);
        if (unknown) { /* what a link's state is for a moment */
                memcpy(unknown, " UP", 3);
                memmove(unknown + 3, unknown + 8, strlen(unknown + 8) + 1);
        }
        sort_allowed(line);
        for (char *at = line; *at; at++)
                if (*at == '\t' && ++tabs >= 6 && tabs < 9) /* of wg show all dump: latest handshake, bytes */
                        memset(at + 1, '0', strcspn(at + 1, "\t"));
        return line;
}

/* Each line of nftables with its table, its chain and its place in that: there the order counts, among chains it does not. */
static inline size_t chains_observe(char *text, char **lines, size_t room)
{
        char table[128] = "", chain[128] = "";
        unsigned place = 0;
        size_t count = 0;

        for (char *line = strtok(text, "\n"); line && count < room; line = strtok(NULL, "\n")) {
                if (strncmp(line, "table ", 6) == 0)
                        snprintf(table, sizeof(table), "%s", line);
                if (strncmp(line, "table ", 6) == 0 || strncmp(line, "\tchain ", 7) == 0 || strncmp(line, "\tset ", 5) == 0) {
                        snprintf(chain, sizeof(chain), "%s", line);
                        place = 0;
                }
                if (!line[strspn(line, "\t }")])
                        continue;
                if (asprintf(&lines[count], "%s %s %03u %s", table, chain, place++, line) > 0)
                        count++;
        }
        return count;
}

/* All that is on the host, by stock tools. */
static inline char *host_observe(void)
{
        char *all = command_output("ip -d -o link show; ip -o address show; ip -details route show table all; ip rule; ip -6 rule; wg show all dump; "
                                   "grep -s . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/* /proc/sys/net/ipv6/conf/*/*; "
                                   "find /run/wireguard /run/others /run/fabric /etc/sysctl.d /etc/systemd; cat /run/others/file; "
                                   "echo; nft -s list ruleset"),
             *nft = strstr(all, "\n\n"), *output = NULL;
        char *lines[8192];
        size_t count = 0, length;
        FILE *to = open_memstream(&output, &length);

        *nft = 0;
        for (char *line = strtok(all, "\n"); line && count < ARRAY_SIZE(lines); line = strtok(NULL, "\n"))
                if (is_told(line))
                        lines[count++] = strdup(told(line));
        count += chains_observe(nft + 2, lines + count, ARRAY_SIZE(lines) - count);
        assert_true(count < ARRAY_SIZE(lines));
        qsort(lines, count, sizeof(*lines), by_text);
        for (size_t i = 0; i < count; i++) {
                fprintf(to, "%s\n", lines[i]);
                free(lines[i]);
        }
        fclose(to);
        free(all);
        return output;
}

static void host_write(const char *path, const char *text)
{
        FILE *file = fopen(path, "w");

        fputs(text, file);
        fclose(file);
}

/* With the lines that differ. */
static inline void host_assert_same(const char *now, const char *want)
{
        if (streq(now, want))
                return;
        host_write("/run/now", now);
        host_write("/run/want", want);
        command_try("diff /run/want /run/now >&2");
        fail_msg("the state is not as it should be");
}

static fbn_fabric *host_fabric(fbn_context *c, char which)
{
        fbn_fabric *fabric = NULL;
        char text[8192], tunnels[6144] = "";

        if (which == 'B')
                snprintf(tunnels, sizeof(tunnels),
                         ", \"wireguard\": {\"s\": {\"prefix\": \"wg\", \"mtu\": 1280, \"members\": {"
                         "\"h\": {\"address\": \"10.9.0.1\", \"interface\": \"wga\", \"endpoint\": \"192.0.2.1:51820\", \"public_key\": \"%s\", \"private_key\": {\"file\": \"k0.key\"}},"
                         "\"x\": {\"address\": \"10.9.0.2\", \"announces\": [\"lan\"], \"endpoint\": \"192.0.2.7:51820\", \"public_key\": \"%s\", \"preshared_key\": {\"file\": \"p1.psk\"}},"
                         "\"y\": {\"address\": \"10.9.0.3\", \"public_key\": \"%s\"}}}},"
                         "\"nat\": {\"h\": [{\"masquerade\": [\"wg\"], \"out\": {\"interface\": \"eth0\"}}]}",
                         host_keys[0], host_keys[1], host_keys[2]);
        else if (which == 'C')
                snprintf(tunnels, sizeof(tunnels),
                         ", \"wireguard\": {\"s\": {\"prefix\": \"wg\", \"mtu\": 1380, \"members\": {"
                         "\"h\": {\"address\": \"10.9.0.9\", \"interface\": \"wga\", \"endpoint\": \"192.0.2.1:51821\", \"public_key\": \"%s\", \"private_key\": {\"file\": \"k3.key\"}},"
                         "\"x\": {\"address\": \"10.9.0.2\", \"announces\": [\"store\"], \"endpoint\": \"192.0.2.8:51820\", \"public_key\": \"%s\", \"preshared_key\": {\"file\": \"p2.psk\"}},"
                         "\"z\": {\"address\": \"10.9.0.4\", \"public_key\": \"%s\"}}},"
                         "\"t\": {\"prefix\": \"wh\", \"mtu\": 1280, \"members\": {"
                         "\"h\": {\"address\": \"10.8.0.1\", \"interface\": \"wgb\", \"endpoint\": \"192.0.2.1:51822\", \"public_key\": \"%s\", \"private_key\": {\"file\": \"k4.key\"}},"
                         "\"y\": {\"address\": \"10.8.0.3\", \"public_key\": \"%s\"}}}},"
                         "\"nat\": {\"h\": [{\"masquerade\": [\"wg\", \"wh\"], \"out\": {\"interface\": \"eth0\"}}]}",
                         host_keys[3], host_keys[1], host_keys[5], host_keys[4], host_keys[2]);
        else if (which == 'D')
                snprintf(tunnels, sizeof(tunnels),
                         ", \"wireguard\": {\"p\": {\"prefix\": \"wg\", \"mtu\": 1300, \"members\": {"
                         "\"h\": {\"address\": \"10.9.0.5\", \"interface\": \"wgc\", \"endpoint\": \"192.0.2.1:51823\", \"public_key\": \"%s\", \"private_key\": {\"file\": \"k0.key\"}},"
                         "\"x\": {\"address\": \"10.9.0.2\", \"announces\": [\"lan\", \"store\"], \"endpoint\": \"192.0.2.9:51820\", \"public_key\": \"%s\"}}},"
                         "\"q\": {\"prefix\": \"wh\", \"mtu\": 1320, \"members\": {"
                         "\"h\": {\"address\": \"10.8.0.5\", \"interface\": \"wgd\", \"endpoint\": \"192.0.2.1:51824\", \"public_key\": \"%s\", \"private_key\": {\"file\": \"k3.key\"}},"
                         "\"y\": {\"address\": \"10.8.0.3\", \"announces\": [\"hall\"], \"public_key\": \"%s\", \"preshared_key\": {\"file\": \"p1.psk\"}}}},"
                         "\"r\": {\"prefix\": \"wi\", \"mtu\": 1340, \"members\": {"
                         "\"h\": {\"address\": \"10.7.0.5\", \"interface\": \"wge\", \"endpoint\": \"192.0.2.1:51825\", \"public_key\": \"%s\", \"private_key\": {\"file\": \"k4.key\"}},"
                         "\"z\": {\"address\": \"10.7.0.3\", \"announces\": [\"yard\"], \"public_key\": \"%s\", \"preshared_key\": {\"file\": \"p2.psk\"}}}}},"
                         "\"nat\": {\"h\": [{\"masquerade\": [\"wg\", \"wh\", \"wi\"], \"out\": {\"interface\": \"eth0\"}}]}",
                         host_keys[0], host_keys[1], host_keys[3], host_keys[2], host_keys[4], host_keys[5]);
        snprintf(text, sizeof(text),
                 "{\"fabric\": 1, \"name\": \"t\", \"prefixes\": {\"lan\": {\"prefix\": \"192.168.8.0/24\", \"at\": \"x\"}, \"store\": {\"prefix\": "
                 "\"192.168.20.0/24\", \"at\": \"x\"}, \"hall\": {\"prefix\": \"192.168.30.0/24\", \"at\": \"y\"}, \"yard\": {\"prefix\": \"192.168.40.0/24\", \"at\": \"z\"}, "
                 "\"wg\": \"10.9.0.0/24\", \"wh\": \"10.8.0.0/24\", \"wi\": \"10.7.0.0/24\"}, \"hosts\": {\"h\": {\"interfaces\": {\"eth0\": "
                 "{\"wan\": true}}, \"forwarding\": %s}, \"x\": {\"forwarding\": true}, \"y\": {\"forwarding\": true}, \"z\": {\"forwarding\": true}}%s}",
                 which == 'A' ? "false" : "true", tunnels);
        assert_ok(c, fbn_fabric_load(c, FABRIC_FILE, text, &fabric));
        return fabric;
}

/* The changing calls. In the process that acts, number acting.at of them ends it (or its first half, torn) or fails with acting.fault. */
static struct {
        size_t count, at;
        bool torn;
        const char *after; /* end at the first call after this record, whatever its number */
        const char *only; /* this call alone counts; NULL: all do */
        int fault;       /* errno; 0: SIGKILL. -1: the kernel refuses it instead */
        bool undo;       /* the first call after that record fails, whereupon all is undone; of the calls of that number at is counted, */
        bool undoing;
        const char *lasting; /* and from then on each whose name begins so fails too; NULL: that one alone */
} acting;

static struct seen {
        char call[16], record[64]; /* the last call, and the last record of a journal that was written whole */
        size_t count;
} *seen; /* shared with the test */

static const char *record_of(const void *bytes, size_t length)
{
        static char name[64];
        const char *found = memmem(bytes, length, "{\"record\":\"", 11), *stage;
        size_t n = 0;

        if (!found)
                return NULL;
        for (found += 11; n < 20 && *found != '"'; n++)
                name[n] = *found++;
        name[n] = 0;
        stage = memmem(found, length - (size_t)(found - (const char *)bytes), "\"stage\":\"", 9);
        if (stage && !strcmp(name, "begin") == 0)
                snprintf(name + n, sizeof(name) - n, " %.*s", (int)strcspn(stage + 9, "\""), stage + 9);
        return name;
}

/* 0: go on; else what the call returns, with errno set. */
static int act(const char *call)
{
        if (acting.undo && !acting.undoing) {
                acting.undoing = streq(seen->record, acting.after);
                errno = EIO;
                return acting.undoing ? -1 : 0;
        }
        if (acting.lasting && acting.count >= acting.at && strncmp(call, acting.lasting, strlen(acting.lasting)) == 0) {
                errno = acting.fault;
                return -1;
        }
        if (acting.after && !acting.undo && streq(seen->record, acting.after))
                raise(SIGKILL);
        if (!acting.at || (acting.only && !streq(call, acting.only)))
                return 0;
        acting.count++;
        seen->count = acting.count;
        if (acting.count != acting.at)
                return 0;
        snprintf(seen->call, sizeof(seen->call), "%s", call);
        if (acting.fault == 0 && !acting.torn)
                raise(SIGKILL);
        if (acting.fault <= 0)
                return 0;
        errno = acting.fault;
        return -1;
}

static bool at_it(void) { return acting.at && acting.count == acting.at; }

static bool changes(const struct msghdr *message)
{
        const struct nlmsghdr *first = message->msg_iov->iov_base;

        if (message->msg_iov->iov_len >= 4 && memcmp(first, "get=", 4) == 0) /* a WireGuard daemon is asked */
                return false;
        if (message->msg_iov->iov_len < sizeof(*first))
                return true;
        if (first->nlmsg_type == NFNL_MSG_BATCH_BEGIN)
                return true;
        if (first->nlmsg_type >= RTM_BASE && first->nlmsg_type <= RTM_MAX)
                return (first->nlmsg_type & 3) != 2;
        return false;
}

/* A request that the kernel does not know: it answers with an error, as for one that it refuses. */
static void spoil(const struct msghdr *message)
{
        char *bytes = message->msg_iov->iov_base;
        struct nlmsghdr *first = (void *)bytes;

        if (first->nlmsg_type == NFNL_MSG_BATCH_BEGIN)
                first = (void *)(bytes + NLMSG_ALIGN(first->nlmsg_len));
        first->nlmsg_type |= 0xf0;
}

static ssize_t acted_sendmsg(int fd, const struct msghdr *message, int flags)
{
        if (message->msg_iovlen && changes(message)) {
                if (act("sendmsg") < 0)
                        return -1;
                if (at_it() && acting.fault == -1)
                        spoil(message);
        }
        return sendmsg(fd, message, flags);
}

static int acted_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
        if (count && messages->msg_hdr.msg_iovlen && changes(&messages->msg_hdr)) {
                if (act("sendmmsg") < 0)
                        return -1;
                if (at_it() && acting.fault == -1)
                        spoil(&messages->msg_hdr);
        }
        return sendmmsg(fd, messages, count, flags);
}

/* Who holds the lock, for whoever wants it too, is no state. */
static bool is_lock(int fd)
{
        char path[64], target[64] = "";

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return readlink(path, target, sizeof(target) - 1) > 0 && streq(target, "/var/lib/fabricnet/lock");
}

static ssize_t acted_write(int fd, const void *buffer, size_t count)
{
        const char *record;
        ssize_t n;

        if (is_lock(fd))
                return write(fd, buffer, count);
        if (act("write") < 0)
                return -1;
        if (at_it() && acting.torn) {
                n = write(fd, buffer, (count + 1) / 2);
                raise(SIGKILL);
        }
        n = write(fd, buffer, count);
        record = acting.at || acting.after ? record_of(buffer, count) : NULL;
        if (record)
                snprintf(seen->record, sizeof(seen->record), "%s", record);
        return n;
}

static int acted_fsync(int fd) { return act("fsync") < 0 ? -1 : fsync(fd); }
static int acted_fdatasync(int fd) { return act("fdatasync") < 0 ? -1 : fdatasync(fd); }
static int acted_rename(const char *from, const char *to) { return act("rename") < 0 ? -1 : rename(from, to); }
static int acted_unlink(const char *path) { return act("unlink") < 0 ? -1 : unlink(path); }

static int acted_open(const char *path, int flags, mode_t mode)
{
        bool makes = flags & O_TRUNC || (flags & O_CREAT && access(path, F_OK) < 0);

        if (makes && act("open") < 0)
                return -1;
        return open(path, flags, mode);
}

static inline void host_set_tables(void)
{
        const fbn_system_calls calls = {.size = sizeof(calls), .sendmsg = acted_sendmsg, .sendmmsg = acted_sendmmsg, .write = acted_write,
                                        .fsync = acted_fsync, .fdatasync = acted_fdatasync, .rename = acted_rename, .unlink = acted_unlink,
                                        .open = acted_open};

        seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (seen == MAP_FAILED || fbn_set_tables(NULL, &calls) < 0)
                _exit(1);
}

/* What a test does to the host: to a fabric, or back by one generation, with so many seconds to confirm. */
struct operation {
        const char *name;
        char from, to;
        bool rollback;
        unsigned within;
        int (*go)(fbn_context *c, const struct operation *operation); /* NULL: host_go() */
};

static int host_go(fbn_context *c, const struct operation *operation)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;

        if (operation->rollback)
                return fbn_fabric_rollback(c, 0, NULL, NULL);
        fabric = host_fabric(c, operation->to);
        return fbn_fabric_apply(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "h", .confirm_within = operation->within), NULL);
}

static inline void host_apply(char which)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        struct operation operation = {.to = which};

        assert_int_equal(fbn_context_new(NULL, &c), 0);
        if (host_go(c, &operation) < 0)
                fail_msg("%c: %s", which, fbn_context_error(c));
}

/* In a process of its own, as a command is: 0, the exit code 1 to 99 of a failure, or 128 and the signal that ended it. */
static inline int host_run(const struct operation *operation, int (*go)(fbn_context *c, const struct operation *operation))
{
        pid_t child;

        fflush(NULL);
        child = fork();
        if (child == 0) {
                fbn_context *c = NULL;
                int r;

                if (fbn_context_new(NULL, &c) < 0)
                        _exit(99);
                r = go(c, operation);
                if (r < 0 && acting.fault == 0)
                        fprintf(stderr, "%s\n", fbn_context_error(c));
                _exit(r < 0 ? -r : 0);
        }
        assert_true(child > 0);
        return sandbox_wait(child);
}

#endif
