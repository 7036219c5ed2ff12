/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random links and addresses applied one after the other: ip agrees each time on what is there, a second apply sends nothing that changes
 * anything, and what is somebody else's stays. FBN_SEED repeats a sequence, FBN_STEPS makes it longer or shorter. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/link.h>
#include <linux/rtnetlink.h>

#define STEPS 200
#define ALIAS "fabricnet:model"
#define ADDRESSES 5

static unsigned changes_sent;
static unsigned long long seed;

static ssize_t counting_sendmsg(int fd, const struct msghdr *message, int flags)
{
        const struct nlmsghdr *header = message->msg_iov[0].iov_base;
        const struct sockaddr *to = message->msg_name;

        /* Of each object the kernel has NEW, DEL, GET and SET, in this order. */
        if (to && to->sa_family == AF_NETLINK && header->nlmsg_type >= RTM_BASE && (header->nlmsg_type & 3) != 2)
                changes_sent++;
        return sendmsg(fd, message, flags);
}

static unsigned dice(unsigned sides)
{
        seed ^= seed << 13; /* xorshift64 */
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (unsigned)(seed % sides);
}

struct wanted_link {
        const char *name, *kind, *peer;
        bool port;     /* may be one of a bridge */
        bool there;    /* is to be */
        bool made;     /* is */
        uint32_t mtu;
        fbn_link_state state;
        fbn_link_switch stp;
        const char *master;
        bool named;    /* has an altname */
        fbn_link_address addresses[ADDRESSES];
        size_t n_addresses;
};

/* Bridges first, as ports need them. An end of a veth link is there with the other one. */
static struct wanted_link links[] = {
        {.name = "b0", .kind = "bridge"}, {.name = "b1", .kind = "bridge"}, {.name = "v0", .kind = "veth", .peer = "v1", .port = true},
        {.name = "v1", .kind = "veth"},   {.name = "t0", .kind = "tun"},
};

static fbn_context *c;

static struct wanted_link *link_named(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(links); i++)
                if (streq(links[i].name, name))
                        return &links[i];
        return NULL;
}

/* IPv4: addresses of one prefix must have one scope. Source: net/ipv4/devinet.c, __inet_insert_ifa(). */
static void throw_four(fbn_link_address *address, unsigned link, unsigned host)
{
        static const fbn_link_scope scopes[] = {FBN_LINK_SCOPE_GLOBAL, FBN_LINK_SCOPE_SITE, FBN_LINK_SCOPE_LINK, FBN_LINK_SCOPE_HOST};
        unsigned net = dice(4);
        char text[64];

        snprintf(text, sizeof(text), "10.%u.%u.%u/%u", link, net, host, dice(4) ? 24 : 32);
        assert_int_equal(fbn_prefix_parse(text, &address->address), 0);
        address->scope = scopes[net];
        if (dice(3) == 0) {
                snprintf(text, sizeof(text), "10.%u.%u.%u", link, net, 100 + host);
                assert_int_equal(fbn_address_parse(text, &address->peer), 0);
        } else if (dice(3) == 0) {
                snprintf(text, sizeof(text), "10.%u.%u.255", link, net);
                assert_int_equal(fbn_address_parse(text, &address->broadcast), 0);
        }
}

static void throw_six(fbn_link_address *address, unsigned link, unsigned host)
{
        char text[64];

        snprintf(text, sizeof(text), "fd00:%u::%x/%u", link + 1, host, dice(3) ? 64 : 128);
        assert_int_equal(fbn_prefix_parse(text, &address->address), 0);
        address->no_dad = dice(2);
        if (dice(4) == 0) {
                snprintf(text, sizeof(text), "fd00:%u::%x", link + 1, 0x100 + host);
                assert_int_equal(fbn_address_parse(text, &address->peer), 0);
        }
}

static void throw_address(fbn_link_address *address, unsigned link, unsigned host)
{
        *address = (fbn_link_address){.size = sizeof(*address), .device = links[link].name};
        if (dice(2))
                throw_four(address, link, host);
        else
                throw_six(address, link, host);
        if (dice(3) == 0)
                address->valid = 1000 + dice(9000);
        if (address->valid && dice(2))
                address->preferred = 500 + dice(500);
        address->deprecated = dice(5) == 0;
        if (address->deprecated)
                address->preferred = 0;
        address->no_prefix_route = dice(4) == 0;
}

/* One of the addresses goes, comes or changes. Each place has a host number of its own, so that none clashes. */
static void shake_addresses(struct wanted_link *link, unsigned index)
{
        unsigned at = dice(ADDRESSES);

        if (at < link->n_addresses && dice(3) == 0)
                link->n_addresses = at;
        else if (at < link->n_addresses)
                throw_address(&link->addresses[at], index, at + 1);
        else {
                throw_address(&link->addresses[link->n_addresses], index, (unsigned)link->n_addresses + 1);
                link->n_addresses++;
        }
}

static void throw_link(struct wanted_link *link)
{
        static const char *const masters[] = {"", "b0", "b1"};

        link->mtu = 1280 + dice(300); /* below 1280 there is no IPv6 */
        link->state = dice(3) ? FBN_LINK_UP : FBN_LINK_DOWN;
        link->stp = streq(link->kind, "bridge") ? (dice(2) ? FBN_LINK_ON : FBN_LINK_OFF) : FBN_LINK_AS_IT_IS;
        link->master = link->port ? masters[dice(3)] : NULL;
        link->named |= dice(4) == 0;
}

static void delete_link(struct wanted_link *link)
{
        assert_ok(c, fbn_link_delete(c, link->name));
        link->there = link->made = link->named = false;
        link->n_addresses = 0;
        if (!link->peer)
                return;
        link = link_named(link->peer);
        link->there = link->made = link->named = false;
        link->n_addresses = 0;
}

/* Two links in a step change, one may go. */
static void shake(void)
{
        for (unsigned i = 0; i < 2; i++) {
                unsigned index = dice(ARRAY_SIZE(links));
                struct wanted_link *link = &links[index];

                if (link->made && index >= 2 && !streq(link->name, "v1") && dice(8) == 0) {
                        delete_link(link);
                        continue;
                }
                link->there = true;
                throw_link(link);
                if (link->peer && !link_named(link->peer)->there) {
                        link_named(link->peer)->there = true;
                        throw_link(link_named(link->peer));
                }
                if (streq(link->name, "v1") && !link_named("v0")->there) {
                        link_named("v0")->there = true;
                        throw_link(link_named("v0"));
                }
                shake_addresses(link, index);
        }
}

static unsigned apply_links(void)
{
        unsigned count = 0;

        for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
                struct wanted_link *link = &links[i];
                char altname[16];
                const char *const altnames[] = {altname};
                int r;

                if (!link->there)
                        continue;
                snprintf(altname, sizeof(altname), "alt-%s", link->name);
                r = fbn_link_apply(c, FBN_OPTIONS(fbn_link, .name = link->name, .kind = link->kind, .peer = link->peer, .mtu = link->mtu, .state = link->state,
                                                  .alias = ALIAS, .master = link->master, .stp = link->stp, .altnames = altnames, .n_altnames = link->named),
                                   FBN_OPTIONS(fbn_link_apply_options, .adopt = streq(link->name, "v1")), NULL);
                assert_ok(c, r);
                link->made = true;
                count += (unsigned)r;
        }
        return count;
}

static unsigned apply_addresses(void)
{
        unsigned count = 0;

        for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
                FBN_CLEANUP(fbn_link_addresses) want = NULL;
                int r;

                if (!links[i].there)
                        continue;
                assert_ok(c, fbn_link_addresses_new(c, &want));
                for (size_t j = 0; j < links[i].n_addresses; j++)
                        assert_ok(c, fbn_link_addresses_add(c, want, &links[i].addresses[j]));
                r = fbn_link_address_apply(c, links[i].name, want, NULL, NULL);
                assert_ok(c, r);
                count += (unsigned)r;
        }
        return count;
}

static const char *text_or(const fbn_address *address, const char *otherwise)
{
        static char text[2][FBN_ADDRESS_TEXT];
        static unsigned next;

        return address->family ? fbn_address_format(address, text[next++ % 2], FBN_ADDRESS_TEXT) : otherwise;
}

static const char *scope_name(const fbn_link_address *address)
{
        return address->scope == FBN_LINK_SCOPE_SITE ? "site" : address->scope == FBN_LINK_SCOPE_LINK ? "link" : address->scope == FBN_LINK_SCOPE_HOST ? "host" : "global";
}

/* What ip is to show, in our own words: of an IPv6 address that need not be, whether it goes without detection is left open. */
static void expect_address(FILE *to, const fbn_link_address *address)
{
        char prefix[FBN_ADDRESS_TEXT];

        fprintf(to, "%s address %s peer %s scope %s%s%s\n", address->device, fbn_prefix_format(&address->address, prefix, sizeof(prefix)),
                text_or(&address->peer, "-"), scope_name(address), address->no_prefix_route ? " noprefixroute" : "", address->deprecated ? " deprecated" : "");
}

static char *expected(void)
{
        char *text = NULL;
        size_t length;
        FILE *to = open_memstream(&text, &length);

        for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
                const struct wanted_link *link = &links[i];

                if (!link->there)
                        continue;
                fprintf(to, "%s %s mtu %u %s master %s stp %s %s%s\n", link->name, link->kind, link->mtu, link->state == FBN_LINK_UP ? "up" : "down",
                        link->master && *link->master ? link->master : "-", link->stp == FBN_LINK_ON ? "1" : link->stp == FBN_LINK_OFF ? "0" : "-", ALIAS,
                        link->named ? " named" : "");
                for (size_t j = 0; j < link->n_addresses; j++)
                        expect_address(to, &link->addresses[j]);
        }
        fclose(to);
        return text;
}

/* The same from ip(8), each line with what a comparison of texts cannot settle behind a tab. The kernel's own link-local addresses are left out. */
static const char words[] =
        "[.[] | select(.ifname | test(\"^[bvt][0-9]$\"))] | sort_by(.ifname)[] | .ifname as $n | "
        "\"\\($n) \\(.linkinfo.info_kind) mtu \\(.mtu) \\(if .flags | index(\"UP\") then \"up\" else \"down\" end) master \\(.master // \"-\") "
        "stp \\(.linkinfo.info_data.stp_state | if . == null then \"-\" else . end) \\(.ifalias)\\(if .altnames then \" named\" else \"\" end)\", "
        "(.addr_info[] | select(.local and (.local | test(\"^fe80\") | not) and .local != \"203.0.113.9\") | "
        "\"\\($n) address \\(.local)/\\(.prefixlen) peer \\(.address // \"-\") scope \\(.scope)\\(if .noprefixroute then \" noprefixroute\" else \"\" end)"
        "\\(if .deprecated then \" deprecated\" else \"\" end)\\t\\(.valid_life_time) \\(.preferred_life_time) \\(.broadcast // \"-\") \\(.nodad // false)\")";

static char *shown(void)
{
        return command_output("ip -n host -j -d address show | jq -r '%s'", words);
}

static void check_left(const char *what, unsigned long left, uint32_t want)
{
        if (want ? left > want || left < want / 2 : left != UINT32_MAX)
                test_failed("%s: %lu s are left of %u", what, left, want);
}

/* What stands behind the tab. */
static void check_rest(const fbn_link_address *want, const char *line, const char *rest)
{
        unsigned long valid, preferred;
        char broadcast[64], no_dad[8];

        assert_int_equal(sscanf(rest, "%lu %lu %63s %7s", &valid, &preferred, broadcast, no_dad), 4);
        check_left(line, valid, want->valid);
        if (want->deprecated) /* of IPv4 addresses that stay for ever the kernel tells no times */
                assert_int_equal(preferred, want->valid || want->address.address.family == AF_INET6 ? 0 : UINT32_MAX);
        else
                check_left(line, preferred, want->preferred ? want->preferred : want->valid);
        if (want->broadcast.family)
                assert_string_equal(broadcast, text_or(&want->broadcast, ""));
        if (want->no_dad)
                assert_string_equal(no_dad, "true");
}

static void check_rests(char *theirs)
{
        char *end;

        for (char *line = strtok_r(theirs, "\n", &end); line; line = strtok_r(NULL, "\n", &end)) {
                char *rest = strchr(line, '\t'), name[16], local[64];
                const struct wanted_link *link;
                char prefix[FBN_ADDRESS_TEXT];

                if (!rest)
                        continue;
                assert_int_equal(sscanf(line, "%15s address %63s", name, local), 2);
                link = link_named(name);
                for (size_t i = 0; i < link->n_addresses; i++)
                        if (streq(fbn_prefix_format(&link->addresses[i].address, prefix, sizeof(prefix)), local))
                                check_rest(&link->addresses[i], line, rest + 1);
        }
}

static int by_text(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines in order, without what is behind a tab. */
static char *sorted(const char *text)
{
        char *copy = strdup(text), *lines[128], *end, *out = calloc(1, strlen(text) + 2);
        size_t count = 0;

        for (char *line = strtok_r(copy, "\n", &end); line && count < ARRAY_SIZE(lines); line = strtok_r(NULL, "\n", &end)) {
                line[strcspn(line, "\t")] = 0;
                lines[count++] = line;
        }
        qsort(lines, count, sizeof(lines[0]), by_text);
        for (size_t i = 0; i < count; i++)
                strcat(strcat(out, lines[i]), "\n");
        free(copy);
        return out;
}

static void check_shown(unsigned step)
{
        char *want = expected(), *theirs = shown(), *want_sorted = sorted(want), *theirs_sorted = sorted(theirs);

        if (!streq(want_sorted, theirs_sorted))
                test_failed("step %u: wanted\n%sip shows\n%s", step, want_sorted, theirs_sorted);
        check_rests(theirs);
        free(want);
        free(theirs);
        free(want_sorted);
        free(theirs_sorted);
}

static char *foreign(void)
{
        return command_output("ip -n host -j -d address show dev theirs; ip -n host -j address show to 203.0.113.9");
}

static void step_once(unsigned step)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        unsigned before;

        shake();
        apply_links();
        apply_links(); /* a bridge follows the MTU of its ports until it is given one when it stands */
        apply_addresses();
        before = changes_sent;
        if (apply_links() + apply_addresses() != 0 || changes_sent != before)
                test_failed("step %u: the second apply sent %u changes", step, changes_sent - before);
        assert_int_equal(fbn_link_apply(c, FBN_OPTIONS(fbn_link, .name = "theirs", .kind = "bridge", .alias = ALIAS, .mtu = 1300), NULL, NULL), -FBN_ECONFLICT);
        check_shown(step);
}

static void states_are_reached_and_others_links_stay(void **state)
{
        unsigned steps = getenv("FBN_STEPS") ? (unsigned)atoi(getenv("FBN_STEPS")) : STEPS;
        char *before, *after;

        seed = getenv("FBN_SEED") ? strtoull(getenv("FBN_SEED"), NULL, 10) : (unsigned long long)time(NULL);
        print_message("FBN_SEED=%llu\n", seed);
        seed = seed * 2685821657736338717ULL + 1;
        namespace_new("host");
        c = namespace_context("host");
        command("ip netns exec host sysctl -qw net.ipv6.conf.default.keep_addr_on_down=1 && "
                "ip -n host link add name theirs alias somebody type bridge && ip -n host address add 198.51.100.1/24 dev theirs && "
                "ip -n host address add fd00:99::1/64 dev theirs nodad");
        links[0].there = true;
        throw_link(&links[0]);
        links[1].there = true;
        throw_link(&links[1]);
        apply_links();
        command("ip -n host address add 203.0.113.9/24 dev b0");
        before = foreign();
        for (unsigned i = 0; i < steps; i++)
                step_once(i);
        after = foreign();
        /* The link below their address is ours: only its addresses are theirs. */
        assert_non_null(strstr(after, "203.0.113.9"));
        *strchr(before, '\n') = *strchr(after, '\n') = 0;
        assert_string_equal(before, after);
        print_message("%u states, %u messages that change\n", steps, changes_sent);
        assert_true(changes_sent > steps / 2);
        free(before);
        free(after);
        fbn_context_unref(c);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(states_are_reached_and_others_links_stay)};

        namespace_sandbox();
        assert_int_equal(fbn_set_tables(NULL, FBN_OPTIONS(fbn_system_calls, .sendmsg = counting_sendmsg)), 0);
        return cmocka_run_group_tests_name("random states", tests, NULL, NULL);
}
