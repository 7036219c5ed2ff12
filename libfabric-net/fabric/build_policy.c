/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/build.h"

#include <sys/socket.h>

/* "from" of a segment becomes an accept and a drop of its router, behind what /nat declares: all that knows rules knows these. */

struct sources {
        const struct prefix **list;
        size_t n;
};

/* Of the segment's own family: others never come to it. */
static void add_source(const struct prefix *segment, const struct prefix *source, struct sources *sources)
{
        if (source->prefix.address.family == segment->prefix.address.family)
                sources->list[sources->n++] = source;
}

static void add_address(struct builder *b, const struct prefix *segment, const struct host *host, const fbn_address *address, struct sources *sources)
{
        struct prefix *source = address->family ? build_array(b, 1, sizeof(*source)) : NULL;

        if (!source)
                return;
        *source = (struct prefix){.name = host->name, .pointer = host->pointer,
                                  .prefix = {.address = *address, .length = address->family == AF_INET6 ? 128 : 32}};
        add_source(segment, source, sources);
}

/* Whatever address of its own a host may come with. */
static void add_host(struct builder *b, const struct prefix *segment, const struct host *host, struct sources *sources)
{
        for (size_t i = 0; i < host->n_interfaces; i++)
                add_address(b, segment, host, &host->interfaces[i].address, sources);
        for (const struct member *member = host->memberships; member; member = member->next_of_host)
                add_address(b, segment, host, &member->address, sources);
        if (host->node)
                add_address(b, segment, host, &host->node->address, sources);
}

static size_t count_addresses(const struct host *host)
{
        size_t n = host->n_interfaces + 1;

        for (const struct member *member = host->memberships; member; member = member->next_of_host)
                n++;
        return n;
}

static void find_sources(struct builder *b, const struct prefix *segment, json_t *from, struct sources *sources)
{
        size_t room = 0, i;
        json_t *name;

        json_array_foreach(from, i, name) {
                const struct host *host = names_find(&b->hosts, json_string_value(name));

                room += host ? count_addresses(host) : 1;
        }
        sources->list = build_array(b, room, sizeof(*sources->list));
        json_array_foreach(from, i, name) {
                const struct prefix *prefix = names_find(&b->prefixes, json_string_value(name));

                if (b->failed)
                        return;
                if (prefix)
                        add_source(segment, prefix, sources);
                else
                        add_host(b, segment, names_find(&b->hosts, json_string_value(name)), sources);
        }
}

static int add_rule(struct builder *b, struct prefix *segment, enum nat_action action, const struct sources *sources)
{
        struct host *router = segment->at;
        struct nat_entry *rule = &router->nat[router->n_nat];
        const struct prefix **destination = build_array(b, 1, sizeof(*destination));

        rule->name = arena_printf(&b->fabric->arena, action == NAT_ACCEPT ? "%s-from" : "%s-closed", segment->name);
        rule->pointer = build_pointer(b, segment->pointer, "from");
        rule->action = action;
        rule->sources = sources->list;
        rule->n_sources = sources->n;
        rule->destinations = destination;
        rule->n_destinations = 1;
        if (b->failed || !rule->name)
                return fail_memory(b->document->c);
        *destination = segment;
        for (size_t i = 0; i < router->n_nat; i++)
                if (streq(router->nat[i].name, rule->name))
                        return document_refuse(b->document, router->nat[i].pointer, false,
                                               "the name '%s' is that of the rule which \"from\" of prefix '%s' makes; take another", rule->name,
                                               segment->name);
        router->n_nat++;
        return 0;
}

static int close_segment(struct builder *b, struct prefix *segment, json_t *from)
{
        const struct sources all = {0};
        struct sources sources = {0};
        struct nat_entry *rules;
        int r = 0;

        if (!segment->at)
                return document_refuse(b->document, segment->pointer, false, "'at' is missing: the segment's router is who minds 'from'");
        find_sources(b, segment, from, &sources);
        rules = build_array(b, segment->at->n_nat + 2, sizeof(*rules));
        if (b->failed)
                return fail_memory(b->document->c);
        if (segment->at->n_nat)
                memcpy(rules, segment->at->nat, segment->at->n_nat * sizeof(*rules));
        segment->at->nat = rules;
        if (sources.n)
                r = add_rule(b, segment, NAT_ACCEPT, &sources);
        return r < 0 ? r : add_rule(b, segment, NAT_DROP, &all);
}

int build_policies(struct builder *b)
{
        json_t *prefixes = json_object_get(b->document->root, "prefixes");

        for (size_t i = 0; i < b->fabric->n_prefixes; i++) {
                struct prefix *prefix = &b->fabric->prefixes[i];
                int r = prefix->closed ? close_segment(b, prefix, json_object_get(json_object_get(prefixes, prefix->name), "from")) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}
