/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETNS_NAT_TOPOLOGY_H
#define NETNS_NAT_TOPOLOGY_H

/* client 10.1.0.2 - router - server 10.2.0.2, and the same in IPv6 (fd00:1::2, fd00:2::2); the server answers visitors on port 8000.
 * Include after unit/test.h. */

#include "netns/namespace.h"

#include <fabricnet/nat.h>
#include <fabricnet/types.h>

#ifndef VISIT_SECONDS
#define VISIT_SECONDS 1 /* how long a visit may take */
#endif

/* Tells each visitor whom it sees and how large its segments may be. */
static const char server_script[] =
        "import socket,threading\n"
        "s=socket.create_server(('::',8000),family=socket.AF_INET6,dualstack_ipv6=True)\n"
        "while True:\n"
        " c,a=s.accept()\n"
        " c.sendall(('%s mss %d\\n'%(a[0].replace('::ffff:',''),c.getsockopt(6,2))).encode());c.close()\n";

static inline fbn_prefix prefix_of(const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return prefix;
}

static inline fbn_address address_of(const char *text)
{
        fbn_address address;

        assert_int_equal(fbn_address_parse(text, &address), 0);
        return address;
}

static inline int topology(void **state)
{
        static const char *const names[] = {"client", "router", "server"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                namespace_new(names[i]);
        namespace_join("client", "eth0", "10.1.0.2/24", "router", "lan0", "10.1.0.1/24");
        namespace_join("router", "wan0", "10.2.0.1/24", "server", "eth0", "10.2.0.2/24");
        command("ip -n client address add fd00:1::2/64 dev eth0 nodad && ip -n router address add fd00:1::1/64 dev lan0 nodad");
        command("ip -n server address add fd00:2::2/64 dev eth0 nodad && ip -n router address add fd00:2::1/64 dev wan0 nodad");
        command("ip -n client route add default via 10.1.0.1 && ip -n client route add default via fd00:1::1");
        command("ip -n server route add default via 10.2.0.1 && ip -n server route add default via fd00:2::1");
        command("ip netns exec router sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'");
        command("ip netns exec server sh -c 'echo 0 > /proc/sys/net/ipv4/tcp_timestamps'");
        command("ip netns exec server python3 -c \"%s\" & ", server_script);
        command_until("ip netns exec client timeout %d bash -c 'exec 3<>/dev/tcp/10.2.0.2/8000' 2>/dev/null", VISIT_SECONDS);
        command_until("ip netns exec client timeout %d bash -c 'exec 3<>/dev/tcp/fd00:2::2/8000' 2>/dev/null", VISIT_SECONDS);
        *state = namespace_context("router");
        return 0;
}

/* What the server says to a visitor from that namespace at that address and port; "nothing" if they do not meet. */
static inline const char *visit_port(const char *from, const char *server, unsigned port)
{
        static char words[128];
        char *output = command_output("ip netns exec %s timeout %d bash -c 'exec 3<>/dev/tcp/%s/%u && cat <&3' 2>/dev/null || echo nothing", from,
                                      VISIT_SECONDS, server, port);

        snprintf(words, sizeof(words), "%.*s", (int)strcspn(output, "\n"), output);
        free(output);
        return words;
}

static inline const char *visit(const char *from, const char *server)
{
        return visit_port(from, server, 8000);
}

static inline void apply(fbn_context *c, const fbn_nat_rule *rules, size_t count)
{
        FBN_CLEANUP(fbn_nat) want = NULL;

        assert_ok(c, fbn_nat_new(c, &want));
        for (size_t i = 0; i < count; i++)
                assert_ok(c, fbn_nat_add(c, want, &rules[i]));
        assert_ok(c, fbn_nat_apply(c, want, NULL, NULL));
}

#define APPLY(...)                                                          \
        do {                                                                \
                const fbn_nat_rule rules_[] = {__VA_ARGS__};                \
                apply(c, rules_, ARRAY_SIZE(rules_));                       \
        } while (0)
#define RULE(...) {.size = sizeof(fbn_nat_rule), __VA_ARGS__}

#endif
