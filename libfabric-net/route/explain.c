/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "route/route.h"
#include "route/rule.h"

#include <errno.h>
#include <linux/rtnetlink.h>

/* Why a packet goes nowhere. The kernel answers with an errno alone, and one of them for several reasons: the lookup is made again here,
 * over the rules and tables as they are read. Source: net/ipv4/fib_rules.c, fib4_rule_action() and fib4_rule_suppress(); net/ipv4/route.c,
 * ip_route_input_slow(). */

struct search {
        const fbn_route_query *query;
        struct route_parts best; /* the longest prefix so far, of the lowest metric */
        bool found;
};

static bool is_better(const struct route_entry *entry, bool same, void *data)
{
        struct search *search = data;
        const fbn_route *route = &entry->route, *best = &search->best.entry.route;

        (void)same;
        if (!fbn_prefix_contains(&route->destination, &search->query->destination) || (route->tos && route->tos != search->query->tos))
                return false;
        if (search->found && (route->destination.length < best->destination.length ||
                              (route->destination.length == best->destination.length && entry->metric >= search->best.entry.metric)))
                return false;
        search->found = true;
        search->best.entry = *entry; /* of its ways nothing is looked at afterwards */
        return false;
}

static int search_table(fbn_context *c, const struct devices *devices, uint32_t table, struct search *search)
{
        const fbn_route_filter filter = {.size = sizeof(filter), .family = search->query->destination.family, .table = table};
        _cleanup_(fbn_routes_unrefp) fbn_routes *none = NULL;
        int r = fbn_routes_new(c, &none);

        search->found = false;
        return r < 0 ? r : routes_read(c, devices, &filter, &(struct routes_visitor){.accept = is_better, .data = search}, none);
}

static const char *refusal(bool blackhole, bool unreachable)
{
        return blackhole ? "drops it without a word (blackhole)" : unreachable ? "makes it unreachable" : "prohibits it";
}

static int refused_by_rule(fbn_context *c, const fbn_rule *rule)
{
        char name[RULE_TEXT], words[RULE_TEXT];

        return fail(c, FBN_ENOENT, "%s, %s: %s", rule_name(rule, name), rule_in_words(rule, words),
                    refusal(rule->action == FBN_RULE_BLACKHOLE, rule->action == FBN_RULE_UNREACHABLE));
}

/* 1: this route decides; 0: the next rule is asked; negative: it refuses, the error is set. */
static int judge(fbn_context *c, const fbn_rule *rule, const struct search *search)
{
        const fbn_route *route = &search->best.entry.route;
        char name[ROUTE_TEXT];

        if (!search->found || route->type == FBN_ROUTE_THROW)
                return 0;
        if (route->type >= FBN_ROUTE_BLACKHOLE && route->type <= FBN_ROUTE_PROHIBIT)
                return fail(c, FBN_ENOENT, "%s %s", route_name(route, name),
                            refusal(route->type == FBN_ROUTE_BLACKHOLE, route->type == FBN_ROUTE_UNREACHABLE));
        return rule->suppress_prefix_length && route->destination.length < rule->suppress_prefix_length ? 0 : 1;
}

/* 1: a route is found; 0: there is none; negative: something refuses. */
static int look_up(fbn_context *c, const fbn_route_query *query, const struct devices *devices)
{
        _cleanup_(fbn_rules_unrefp) fbn_rules *rules = NULL;
        struct search search = {.query = query};
        uint32_t from = 0;
        int r = fbn_rule_match(c, query, &rules);

        for (size_t i = 0; r == 0 && i < fbn_rules_count(rules); i++) {
                const fbn_rule *rule = fbn_rules_at(rules, i);

                if (rule->priority < from || rule->action == FBN_RULE_NOP || rule->l3mdev)
                        continue;
                if (rule->action == FBN_RULE_GOTO) {
                        from = rule->target;
                        continue;
                }
                if (rule->action != FBN_RULE_LOOKUP)
                        return refused_by_rule(c, rule);
                r = search_table(c, devices, rule->table, &search);
                if (r == 0)
                        r = judge(c, rule, &search);
        }
        return r;
}

/* Source: net/ipv4/route.c, ip_route_input_slow() and fib_validate_source(). */
static bool is_impossible_source(fbn_context *c, const fbn_route_query *query, const struct devices *devices)
{
        const uint8_t first = query->source.bytes[0];
        struct search search = {.query = &(fbn_route_query){.destination = query->source}};

        if (query->source.family == AF_INET && (first == 0 || first == 127 || first >= 224))
                return true;
        return search_table(c, devices, RT_TABLE_LOCAL, &search) == 0 && search.found && search.best.entry.route.type != FBN_ROUTE_UNICAST;
}

/* For a packet that came in, whose way on is found: what is wrong is its way back. */
static int explain_input(fbn_context *c, const fbn_route_query *query, const struct error_record *kernel)
{
        const fbn_route_query back = {.size = sizeof(back), .destination = query->source, .mark = query->mark, .tos = query->tos};
        _cleanup_(fbn_routes_unrefp) fbn_routes *routes = NULL;
        char text[FBN_ADDRESS_TEXT];
        const char *source = fbn_address_format(&query->source, text, sizeof(text)), *device;

        if (kernel->os_errno == EHOSTUNREACH)
                return fail(c, FBN_ENOENT, "forwarding is off on '%s'", query->in_device);
        if (fbn_route_get(c, &back, &routes) < 0)
                return fail(c, FBN_ENOENT, "the reverse-path filter of '%s' drops it: there is no way back to %s", query->in_device, source);
        device = fbn_routes_at(routes, 0) ? fbn_routes_at(routes, 0)->device : NULL;
        if (device && !streq(device, query->in_device))
                return fail(c, FBN_ENOENT, "the reverse-path filter of '%s' drops it: the way back to %s is through '%s'", query->in_device, source, device);
        c->error = *kernel;
        return -kernel->code;
}

int route_explain(fbn_context *c, const fbn_route_query *query, int r)
{
        _cleanup_(devices_free) struct devices devices = {0};
        struct error_record kernel = c->error;
        char text[FBN_ADDRESS_TEXT];
        int found;

        if (kernel.os_errno != ENETUNREACH && kernel.os_errno != EHOSTUNREACH && kernel.os_errno != EACCES && kernel.os_errno != EINVAL &&
            kernel.os_errno != EXDEV)
                return r;
        found = devices_read(c, &devices);
        if (found == 0 && query->in_device && is_impossible_source(c, query, &devices))
                return fail(c, FBN_ENOENT, "a packet from %s cannot come in by '%s': that source is this host's own, or nobody's (martian)",
                            fbn_address_format(&query->source, text, sizeof(text)), query->in_device);
        if (found == 0)
                found = look_up(c, query, &devices);
        if (found == 0)
                return fail(c, FBN_ENOENT, "no route");
        if (found < 0)
                return found;
        if (query->in_device && query->destination.family == AF_INET)
                return explain_input(c, query, &kernel);
        c->error = kernel;
        return r;
}
