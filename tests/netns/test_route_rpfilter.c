/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include "netlink/netlink.h"
#include "route/rpfilter.h"

#include <arpa/inet.h>
#include <fabricnet/link.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

/* The model of the reverse-path filter against the kernel: packets with any source are sent into a namespace of random settings, addresses,
 * rules and routes, and its counters say what became of each; `ip route get … from … iif` is asked too. Then without each clause in turn.
 * FBN_PROBES: how many; FBN_SEED: which. */

#define LINKS 4
#define PROBES_EACH 200

static unsigned seed = 1;

static unsigned number(unsigned below)
{
        seed = seed * 1103515245u + 12345u;
        return (seed >> 8) % below;
}

static bool often(void)
{
        return number(2);
}

static const char *pick(const char *const *texts)
{
        unsigned count = 0;

        while (texts[count])
                count++;
        return texts[number(count)];
}

#define PICK(...) pick((const char *const[]){__VA_ARGS__, NULL})

/* A batch of ip(8) for the namespace "host", and settings. */
struct configuration {
        FILE *to;
        char *text;
        size_t length;
        char settings[2048];
        bool quiet; /* nothing that makes rp_filter 0 look */
};

static void add_route(struct configuration *made, const char *prefix, bool several, unsigned table)
{
        unsigned link = number(LINKS);

        switch (number(several ? 9 : 7)) {
        case 0: break;
        case 1: fprintf(made->to, "route add %s %s table %u\n", PICK("blackhole", "unreachable", "prohibit"), prefix, table); break;
        case 2: fprintf(made->to, "route add %s %s table %u\n", table == 254 ? "unreachable" : "throw", prefix, table); break;
        case 7:
        case 8: fprintf(made->to, "route add %s table %u nexthop dev d%u nexthop dev d%u\n", prefix, table, link, (link + 1) % LINKS); break;
        default: fprintf(made->to, "route add %s dev d%u table %u%s\n", prefix, link, table, number(4) ? "" : " tos 0x10"); break;
        }
}

static void add_rules(struct configuration *made)
{
        for (unsigned i = 0, count = 1 + number(5); i < count; i++)
                fprintf(made->to, "rule add pref %u %s%s %s\n", 100 + i, number(5) ? "" : "not ",
                        PICK("from 10.0.0.0/23", "from 10.9.0.0/16", "to 10.9.1.0/24", "to 10.0.1.0/24", "fwmark 1", "fwmark 1", "fwmark 2", "fwmark 0x2/0x2", "iif d0", "iif d1",
                             "iif lo", "from all ipproto udp dport 4001", "from all ipproto udp sport 4001", "from all tos 0x10", "from all"),
                        PICK("lookup 100", "lookup 101", "lookup 100", "lookup 101", "lookup main suppress_prefixlength 0", "blackhole", "goto 32766", "nop"));
        for (unsigned i = 0; i < 4; i++) {
                char prefix[32];

                snprintf(prefix, sizeof(prefix), "10.9.%u.0/24", i);
                add_route(made, prefix, i > 1, 100);
                snprintf(prefix, sizeof(prefix), "10.0.%u.0/24", i);
                add_route(made, prefix, false, 101);
        }
}

static void add_setting(struct configuration *made, const char *name, unsigned values)
{
        char *end = made->settings + strlen(made->settings);
        size_t left = sizeof(made->settings) - strlen(made->settings);

        snprintf(end, left, " net.ipv4.conf.all.%s=%u net.ipv4.conf.d0.%s=%u net.ipv4.conf.d1.%s=%u net.ipv4.conf.d2.%s=%u net.ipv4.conf.d3.%s=%u", name,
                 number(3) ? 0 : number(values), name, number(values), name, number(values), name, number(values), name, number(values));
}

static void configure(struct configuration *made)
{
        memset(made, 0, sizeof(*made));
        made->quiet = number(4) == 0;
        made->to = open_memstream(&made->text, &made->length);
        for (unsigned i = 0; i < LINKS; i++) {
                char prefix[32];

                if (number(4))
                        fprintf(made->to, "address add 10.0.%u.1/24 broadcast 10.0.%u.255 dev d%u\n", i, i, i);
                snprintf(prefix, sizeof(prefix), "10.9.%u.0/24", i);
                add_route(made, prefix, i > 1, 254);
        }
        if (often())
                fprintf(made->to, "route add default dev d%u\n", number(LINKS));
        if (!made->quiet && !number(4))
                fprintf(made->to, "route add local 10.7.0.0/24 dev lo\n");
        if (!number(4))
                fprintf(made->to, "route add broadcast 10.6.0.0/24 dev d0 table main\n");
        if (!made->quiet && !number(3))
                fprintf(made->to, "route add local 10.5.0.0/16 dev lo\nroute add 10.5.1.0/24 dev d1\n");
        if (!made->quiet && often())
                add_rules(made);
        add_setting(made, "rp_filter", made->quiet ? 1 : 3);
        add_setting(made, "accept_local", 2);
        add_setting(made, "src_valid_mark", 2);
        add_setting(made, "send_redirects", 2);
        add_setting(made, "route_localnet", 2);
        fclose(made->to);
}

struct world {
        fbn_context *c;
        int sockets[LINKS];
        int snmp, netstat;
        struct netlink *netlink;
};

/* Sockets and counters belong to the namespace in which they were opened. */
static int opened_in(const char *name, int (*open_it)(unsigned index), unsigned index)
{
        char path[64];
        int own = open("/proc/self/ns/net", O_RDONLY), fd;

        snprintf(path, sizeof(path), "/run/netns/%s", name);
        fd = open(path, O_RDONLY);
        assert_true(own >= 0 && fd >= 0);
        assert_int_equal(setns(fd, CLONE_NEWNET), 0);
        close(fd);
        fd = open_it(index);
        assert_int_equal(setns(own, CLONE_NEWNET), 0);
        close(own);
        assert_true(fd >= 0);
        return fd;
}

static int open_socket(unsigned index)
{
        struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
        char name[16];
        int fd = socket(AF_PACKET, SOCK_RAW, 0);

        snprintf(name, sizeof(name), "w%u", index);
        to.sll_ifindex = (int)if_nametoindex(name);
        return bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? -1 : fd;
}

static int open_counters(unsigned index)
{
        return open(index ? "/proc/thread-self/net/netstat" : "/proc/thread-self/net/snmp", O_RDONLY);
}

static void prepare(struct world *world, const struct configuration *made)
{
        FILE *batch = fopen("/run/batch", "w");

        for (unsigned i = 0; i < LINKS; i++)
                fprintf(batch, "link add d%u address 02:00:00:00:00:0%u type veth peer name w%u netns outside\nlink set d%u up\n", i, i, i, i);
        fputs(made->text, batch);
        fclose(batch);
        command("ip netns add host; ip netns add outside; ip -n host link set lo up; ip netns exec host sysctl -qw net.ipv6.conf.default.disable_ipv6=1; "
                "ip netns exec outside sysctl -qw net.ipv6.conf.default.disable_ipv6=1; ip -n host -force -batch /run/batch 2>/run/errors; "
                "for i in 0 1 2 3; do ip -n outside link set w$i up; done; ip netns exec host sysctl -qw net.ipv4.ip_forward=1%s; "
                "printf 'table ip marks { chain c { type filter hook prerouting priority -300; ip id 1 meta mark set 1; ip id 2 meta mark set 2; }; }' | "
                "ip netns exec host nft -f -", made->settings);
        if (!number(6))
                command("ip netns exec host sysctl -qw net.ipv4.conf.d%u.forwarding=0", number(LINKS));
        world->c = namespace_context("host");
        for (unsigned i = 0; i < LINKS; i++)
                world->sockets[i] = opened_in("outside", open_socket, i);
        world->snmp = opened_in("host", open_counters, 0);
        world->netstat = opened_in("host", open_counters, 1);
        assert_ok(world->c, netlink_get(world->c, NETLINK_ROUTE, &world->netlink));
}

static void clear(struct world *world)
{
        for (unsigned i = 0; i < LINKS; i++)
                close(world->sockets[i]);
        close(world->snmp);
        close(world->netstat);
        fbn_context_unref(world->c);
        command("ip netns delete host; ip netns delete outside");
}

/* The value of a column: "Ip: A B" is followed by "Ip: 1 2". */
static unsigned long long column(const char *text, const char *group, const char *name)
{
        char *line = strstr(text, group), *names, *values, *name_end, *value_end;
        char copy[8192];

        assert_non_null(line);
        snprintf(copy, sizeof(copy), "%s", line);
        values = strchr(copy, '\n') + 1;
        values[-1] = 0;
        for (names = strtok_r(copy, " ", &name_end), values = strtok_r(values, " \n", &value_end); names;
             names = strtok_r(NULL, " ", &name_end), values = strtok_r(NULL, " \n", &value_end))
                if (streq(names, name))
                        return strtoull(values, NULL, 10);
        test_failed("no counter %s", name);
        return 0;
}

struct counters {
        unsigned long long received, filtered, accepted, unrouted;
};

static struct counters counters_of(const struct world *world)
{
        static char snmp[16384], netstat[16384];
        struct counters counters;

        snmp[pread(world->snmp, snmp, sizeof(snmp) - 1, 0)] = 0;
        netstat[pread(world->netstat, netstat, sizeof(netstat) - 1, 0)] = 0;
        counters.received = column(snmp, "Ip: ", "InReceives");
        counters.filtered = column(netstat, "TcpExt: ", "IPReversePathFilter");
        counters.accepted = column(snmp, "Ip: ", "ForwDatagrams") + column(snmp, "Udp: ", "NoPorts");
        counters.unrouted = column(snmp, "Ip: ", "InAddrErrors") + column(netstat, "IpExt: ", "InNoRoutes");
        return counters;
}

static uint16_t checksum(const void *bytes, size_t length)
{
        const uint16_t *words = bytes;
        uint32_t sum = 0;

        for (size_t i = 0; i < length / 2; i++)
                sum += words[i];
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return (uint16_t)~sum;
}

static void send_packet(const struct world *world, unsigned link, const fbn_rpfilter_packet *packet)
{
        struct {
                struct ethhdr ethernet;
                struct iphdr ip;
                struct udphdr udp;
        } __attribute__((packed)) frame = {
                .ethernet = {.h_dest = {2, 0, 0, 0, 0, (unsigned char)link}, .h_source = {2, 0, 0, 0, 1, 0}, .h_proto = htons(ETH_P_IP)},
                .ip = {.version = 4, .ihl = 5, .tos = packet->tos, .tot_len = htons(28), .id = htons((uint16_t)packet->mark), .ttl = 64, .protocol = 17},
                .udp = {.source = htons(packet->source_port), .dest = htons(packet->destination_port), .len = htons(8)},
        };
        struct iphdr header;

        memcpy(&frame.ip.saddr, packet->source.bytes, 4);
        memcpy(&frame.ip.daddr, packet->destination.bytes, 4);
        memcpy(&header, &frame.ip, sizeof(header));
        frame.ip.check = checksum(&header, sizeof(header));
        assert_int_equal(send(world->sockets[link], &frame, sizeof(frame), 0), sizeof(frame));
}

/* What became of the packet: the kind, or -1: dropped without a count, as a martian or on a blackhole. */
static int seen(const struct world *world, unsigned link, const fbn_rpfilter_packet *packet, int expected)
{
        struct counters before = counters_of(world), after;

        send_packet(world, link, packet);
        for (int tries = 0;; tries++) {
                after = counters_of(world);
                if (after.filtered > before.filtered)
                        return FBN_RPFILTER_DROP;
                if (after.accepted > before.accepted)
                        return FBN_RPFILTER_ACCEPT;
                if (after.unrouted > before.unrouted)
                        return FBN_RPFILTER_UNROUTED;
                if (after.received > before.received && tries >= (expected == FBN_RPFILTER_MARTIAN || expected == FBN_RPFILTER_UNROUTED ? 1 : 200))
                        return -1;
                if (tries > 2000)
                        test_failed("the packet did not arrive");
                if (tries)
                        poll(NULL, 0, 1);
        }
}

/* The kernel's own answer: 0 or an errno. */
static int asked(const struct world *world, const fbn_rpfilter_packet *packet)
{
        _Alignas(8) char bytes[256];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct rtmsg *header;
        FBN_CLEANUP(fbn_links) links = NULL;

        message->nlmsg_type = RTM_GETROUTE;
        header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        header->rtm_family = AF_INET;
        header->rtm_dst_len = header->rtm_src_len = 32;
        header->rtm_tos = packet->tos;
        mnl_attr_put(message, RTA_DST, 4, packet->destination.bytes);
        mnl_attr_put(message, RTA_SRC, 4, packet->source.bytes);
        assert_ok(world->c, fbn_link_list(world->c, packet->in_device, &links));
        mnl_attr_put_u32(message, RTA_IIF, fbn_links_at(links, 0)->index);
        if (packet->mark)
                mnl_attr_put_u32(message, RTA_MARK, packet->mark);
        mnl_attr_put_u8(message, RTA_IP_PROTO, IPPROTO_UDP);
        mnl_attr_put_u16(message, RTA_SPORT, htons(packet->source_port));
        mnl_attr_put_u16(message, RTA_DPORT, htons(packet->destination_port));
        return netlink_request(world->c, world->netlink, message, NULL, NULL) < 0 ? world->c->error.os_errno : 0;
}

static const char *const links[] = {"d0", "d1", "d2", "d3"};

static fbn_rpfilter_packet some_packet(unsigned *ret_link)
{
        fbn_rpfilter_packet packet = {.size = sizeof(packet), .mark = number(3), .ip_protocol = IPPROTO_UDP, .tos = number(4) ? 0 : 0x10};
        char text[32];

        if (number(3))
                snprintf(text, sizeof(text), "10.%s.%u.%s", PICK("0", "9"), number(LINKS), PICK("7", "7", "7", "1", "255"));
        else
                snprintf(text, sizeof(text), "%s", PICK("192.0.2.9", "10.7.0.9", "10.6.0.9", "10.5.1.9", "10.5.2.9", "127.0.0.9", "224.0.0.9", "0.0.0.9", "0.0.0.0", "240.0.0.1"));
        assert_int_equal(fbn_address_parse(text, &packet.source), 0);
        snprintf(text, sizeof(text), "10.%s", PICK("0.0.1", "0.1.1", "0.2.1", "0.3.1", "0.0.7", "0.1.7", "9.0.7", "9.1.7", "7.0.9", "5.1.9", "5.2.9"));
        assert_int_equal(fbn_address_parse(number(20) ? text : PICK("127.0.0.1", "0.0.0.0", "255.255.255.255", "10.0.0.255", "10.0.1.255"), &packet.destination), 0);
        packet.source_port = (uint16_t)(4001 + number(2));
        packet.destination_port = (uint16_t)(4001 + number(2));
        *ret_link = number(LINKS);
        packet.in_device = links[*ret_link];
        return packet;
}

static const struct part {
        enum rpfilter_part bit;
        const char *name;
} parts[] = {
        {PART_MAX, "the larger of all and the link's"},
        {PART_MARK, "no mark without src_valid_mark"},
        {PART_MARK_ALL, "src_valid_mark of all"},
        {PART_REVERSE_SOURCE, "the way back is from the destination"},
        {PART_REVERSE_IN, "the way back comes in where the packet leaves"},
        {PART_ACCEPT_LOCAL, "accept_local"},
        {PART_ACCEPT_LOCAL_ALL, "accept_local of all"},
        {PART_NO_ADDRESS, "a link without an address"},
        {PART_POLICY_RULES, "rules make rp_filter 0 look"},
        {PART_POLICY_LOCAL, "local routes make rp_filter 0 look"},
        {PART_OWN_SOURCE, "own addresses with rp_filter 0"},
        {PART_STRICT, "strict"},
        {PART_LOOSE, "loose"},
        {PART_ALL_WAYS, "any of several ways"},
        {PART_NO_ROUTE, "no route back"},
        {PART_SOURCE_TYPE, "type of the route back"},
        {PART_MARTIAN, "impossible sources"},
        {PART_REDIRECTS, "leaving where it came in"},
        {PART_MERGED, "local and main are one table"},
        {PART_PORTS, "ports of the way back"},
};

static bool agrees(int verdict, int kernel)
{
        return verdict == kernel || (kernel == -1 && (verdict == FBN_RPFILTER_MARTIAN || verdict == FBN_RPFILTER_UNROUTED));
}

static char *described(const fbn_rpfilter_packet *packet)
{
        static char text[256];
        char source[FBN_ADDRESS_TEXT], destination[FBN_ADDRESS_TEXT];

        snprintf(text, sizeof(text), "%s from %s iif %s mark %u tos %u sport %u dport %u", fbn_address_format(&packet->destination, destination, sizeof(destination)),
                 fbn_address_format(&packet->source, source, sizeof(source)), packet->in_device, packet->mark, packet->tos, packet->source_port,
                 packet->destination_port);
        return text;
}

static unsigned shown[ARRAY_SIZE(parts)];

static void try_without_each(const struct world *world, const fbn_rpfilter_packet *packet, int kernel)
{
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                fbn_rpfilter_result result;
                fbn_rpfilter_state state;

                if (shown[i] >= 3)
                        continue;
                assert_ok(world->c, rpfilter_observe(world->c, packet, parts[i].bit, &state));
                rpfilter_decide(&state, parts[i].bit, &result);
                shown[i] += !agrees(result.kind, kernel);
        }
}

static void report(const struct world *world, const struct configuration *made, const fbn_rpfilter_packet *packet, const fbn_rpfilter_result *result, int kernel)
{
        char *rules = command_output("ip -n host rule; ip -n host route show table all type all 2>/dev/null | grep -v '^ff'; ip -n host -4 -br address");

        print_error("%s\n%s\n%s\n", made->text, made->settings, rules);
        print_error("%s: the model says %d (%s), the kernel %d; rp_filter %u own %d policy %d reverse %d device %d redirects %d\n", described(packet),
                    result->kind, result->why, kernel, result->state.rp_filter, result->state.own_source, result->state.policy, result->state.reverse,
                    result->state.reverse_device, result->state.redirects);
        free(rules);
}

static unsigned kinds[4];

static void probe(const struct world *world, const struct configuration *made)
{
        unsigned link;
        fbn_rpfilter_packet packet = some_packet(&link);
        fbn_rpfilter_result result = {.size = sizeof(result)};
        int answer, kernel;

        assert_ok(world->c, fbn_rpfilter_ask(world->c, &packet, &result));
        /* What is for everybody is not counted when nobody listens. */
        kernel = packet.destination.bytes[3] == 255 || packet.destination.bytes[0] == 0 ? (int)result.kind : seen(world, link, &packet, result.kind);
        if (!agrees(result.kind, kernel)) {
                report(world, made, &packet, &result, kernel);
                test_failed("a packet");
        }
        answer = asked(world, &packet);
        if ((answer == 0) != (result.kind == FBN_RPFILTER_ACCEPT) || ((result.kind == FBN_RPFILTER_DROP || result.kind == FBN_RPFILTER_MARTIAN) && answer != EINVAL && answer != EXDEV)) {
                report(world, made, &packet, &result, -answer);
                test_failed("an answer");
        }
        kinds[result.kind]++;
        try_without_each(world, &packet, kernel);
}

static void the_model_agrees_with_the_kernel_and_needs_each_clause(void **state)
{
        unsigned wanted = getenv("FBN_PROBES") ? (unsigned)atoi(getenv("FBN_PROBES")) : 10000;
        unsigned missing = 0, done;

        seed = getenv("FBN_SEED") ? (unsigned)atoi(getenv("FBN_SEED")) : 1;
        for (done = 0; done < wanted; done += PROBES_EACH) {
                struct configuration made;
                struct world world;

                configure(&made);
                prepare(&world, &made);
                for (unsigned i = 0; i < PROBES_EACH; i++)
                        probe(&world, &made);
                clear(&world);
                free(made.text);
        }
        print_message("%u probes: %u accepted, %u dropped, %u martian, %u unrouted; no mismatch\n", done, kinds[0], kinds[1], kinds[2], kinds[3]);
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                print_message("without '%s': %u mismatches%s\n", parts[i].name, shown[i], shown[i] >= 3 ? " (then no longer tried)" : "");
                missing += shown[i] == 0;
        }
        assert_int_equal(missing, 0);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                assert_true(kinds[i] > wanted / 100);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_model_agrees_with_the_kernel_and_needs_each_clause),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
