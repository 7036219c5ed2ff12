/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever the kernel were to send: the readers of routes, rules, nexthops and neighbours stay inside their message, and a route that was
 * read can be kept, looked at and written again.
 *
 * The input is what one recvmsg() gives: messages one behind the other. With clang link it with -fsanitize=fuzzer and -DFUZZ_LIBFUZZER; else
 * it replays files: fuzz-route_dump SEED… */
#include "netlink/netlink.h"
#include "route/neighbour.h"
#include "route/nexthop.h"
#include "route/rule.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#include "replay.h"

static void need(bool holds)
{
        if (!holds)
                abort();
}

static void try_route(fbn_context *c, fbn_routes *routes, const struct nlmsghdr *message)
{
        _Alignas(8) static char bytes[NETLINK_MESSAGE * 2];
        const struct devices none = {0};
        struct route_parts parts, again;
        char text[ROUTE_TEXT];

        if (!route_parse(message, &none, &parts))
                return;
        need(parts.entry.route.n_hops <= FBN_ROUTE_HOPS);
        route_name(&parts.entry.route, text);
        route_describe(&parts.entry.route, text);
        need(routes_append(c, routes, &parts.entry) == 0);
        need(fbn_routes_at(routes, fbn_routes_count(routes) - 1)->n_hops == parts.entry.route.n_hops);
        if (parts.entry.route.type != FBN_ROUTE_OTHER) {
                struct nlmsghdr *written = mnl_nlmsg_put_header(bytes);

                written->nlmsg_type = message->nlmsg_type;
                route_put(written, &parts.entry);
                need(written->nlmsg_len <= NETLINK_MESSAGE && route_parse(written, &none, &again));
                need(again.entry.route.n_hops == parts.entry.route.n_hops && again.entry.route.nexthop == parts.entry.route.nexthop);
        }
}

static void try_others(const struct nlmsghdr *message)
{
        const struct devices none = {0};
        char rule_text[RULE_TEXT], nexthop_text[NEXTHOP_TEXT], link_address[LINK_ADDRESS_TEXT], name[NEIGHBOUR_TEXT];
        struct nexthop_parts nexthop;
        fbn_neighbour neighbour;
        struct rule_entry rule;

        if (rule_parse(message, &rule))
                need(*rule_in_words(&rule.rule, rule_text) && rule_compare(&rule.rule, &rule.rule) == 0);
        if (nexthop_parse(message, &none, &nexthop))
                nexthop_describe(&nexthop.nexthop, nexthop_text);
        if (neighbour_parse(message, &none, link_address, &neighbour))
                need(*neighbour_name(&neighbour, name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *aligned = malloc(size + 1); /* messages are aligned, and exactly as large, so that the sanitizers see a byte too far */
        const struct nlmsghdr *message = (const void *)aligned;
        fbn_routes *routes = NULL;
        fbn_context *c = NULL;
        int left = (int)size;

        memcpy(aligned, data, size);
        need(fbn_context_new(NULL, &c) == 0 && fbn_routes_new(c, &routes) == 0);
        /* libmnl takes a length of 2 GiB and more for a negative one, which fits: the kernel's are never so long. */
        for (; mnl_nlmsg_ok(message, left) && message->nlmsg_len <= (uint32_t)left; message = mnl_nlmsg_next(message, &left)) {
                size_t length = MNL_ALIGN(message->nlmsg_len);
                struct nlmsghdr *one = calloc(1, length); /* the kernel pads */

                memcpy(one, message, message->nlmsg_len);
                try_route(c, routes, one);
                try_others(one);
                free(one);
        }
        fbn_routes_unref(routes);
        fbn_context_unref(c);
        free(aligned);
        return 0;
}
