/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "route/rule.h"

#include <linux/netlink.h>
#include <net/if.h>

struct fbn_rules {
        unsigned references;
        struct arena arena;
        struct rule_entry *items;
        size_t count, capacity;
};

int fbn_rules_new(fbn_context *c, fbn_rules **ret_rules)
{
        fbn_rules *rules = memory_alloc(sizeof(*rules));

        if (!rules)
                return fail_memory(c);
        rules->references = 1;
        *ret_rules = rules;
        return 0;
}

fbn_rules *fbn_rules_ref(fbn_rules *rules)
{
        rules->references++;
        return rules;
}

fbn_rules *fbn_rules_unref(fbn_rules *rules)
{
        if (!rules || --rules->references > 0)
                return NULL;
        arena_free(&rules->arena);
        memory_free(rules->items);
        memory_free(rules);
        return NULL;
}

size_t fbn_rules_count(const fbn_rules *rules)
{
        return rules ? rules->count : 0;
}

const fbn_rule *fbn_rules_at(const fbn_rules *rules, size_t index)
{
        return index < fbn_rules_count(rules) ? &rules->items[index].rule : NULL;
}

const struct rule_entry *rules_entry(const fbn_rules *rules, size_t index)
{
        return &rules->items[index];
}

void rules_cut(fbn_rules *rules, size_t count)
{
        rules->count = count;
}

static bool keep(fbn_rules *rules, const char **device)
{
        if (!*device)
                return true;
        *device = arena_strdup(&rules->arena, *device);
        return *device;
}

int rules_append(fbn_context *c, fbn_rules *rules, struct rule_entry entry)
{
        if (entry.odd && !(entry.odd = arena_copy(&rules->arena, entry.odd, entry.odd->nlmsg_len)))
                return fail_memory(c);
        if (!keep(rules, &entry.rule.in_device) || !keep(rules, &entry.rule.out_device) ||
            !ARRAY_RESERVE(rules->items, rules->count, rules->capacity))
                return fail_memory(c);
        rules->items[rules->count++] = entry;
        return 0;
}

int fbn_rules_add(fbn_context *c, fbn_rules *rules, const fbn_rule *rule)
{
        struct rule_entry entry = {0};
        int r;

        r = OPTIONS_READ(c, fbn_rule, rule, &entry.rule);
        if (r == 0)
                r = rule_check(c, &entry.rule);
        return r < 0 ? r : rules_append(c, rules, entry);
}

static int check_prefix(fbn_context *c, const fbn_rule *rule, const fbn_prefix *prefix, const char *what)
{
        fbn_prefix network;

        if (!prefix->address.family)
                return 0;
        if (prefix->address.family != rule->family)
                return fail(c, FBN_EINVAL, "'%s' is of another family", what);
        return fbn_prefix_network(prefix, &network) ? fail(c, FBN_EINVAL, "'%s' has host bits set", what) : 0;
}

static int check_device(fbn_context *c, const char *device)
{
        return device && (!*device || strlen(device) >= IFNAMSIZ) ? fail(c, FBN_EINVAL, "'%s' is no name of a link", device) : 0;
}

static int check_action(fbn_context *c, const fbn_rule *rule)
{
        bool looks = rule->action == FBN_RULE_LOOKUP;

        if (rule->action < FBN_RULE_LOOKUP || rule->action > FBN_RULE_PROHIBIT)
                return fail(c, FBN_EINVAL, "%d is no action", (int)rule->action);
        if (looks && !rule->table && !rule->l3mdev)
                return fail(c, FBN_EINVAL, "a rule needs a priority and a table");
        if (rule->l3mdev && (rule->table || !looks))
                return fail(c, FBN_EINVAL, "l3mdev looks in the table of the packet's VRF: no other table or action besides");
        if (!looks && (rule->table || rule->suppress_prefix_length || rule->suppress_group))
                return fail(c, FBN_EINVAL, "only a rule that looks in a table has a table, or suppresses");
        if ((rule->action == FBN_RULE_GOTO) != (rule->target != 0))
                return fail(c, FBN_EINVAL, "goto and its target go together");
        return rule->target && rule->target <= rule->priority ? fail(c, FBN_EINVAL, "goto %u leads backwards", rule->target) : 0;
}

static int check_ports(fbn_context *c, uint16_t first, uint16_t last, const char *what)
{
        return last && (!first || last < first) ? fail(c, FBN_EINVAL, "%s ports %u to %u are no range", what, first, last) : 0;
}

static int check_numbers(fbn_context *c, const fbn_rule *rule)
{
        int r;

        if (rule->suppress_prefix_length < 0)
                return fail(c, FBN_EINVAL, "suppress_prefix_length %d is negative", rule->suppress_prefix_length);
        if (rule->suppress_group < 0)
                return fail(c, FBN_EINVAL, "suppress_group %d is negative", rule->suppress_group);
        if (rule->dscp < 0 || rule->dscp > 64)
                return fail(c, FBN_EINVAL, "dscp %d is not of six bits", rule->dscp - 1);
        if (rule->tos && rule->dscp)
                return fail(c, FBN_EINVAL, "tos and dscp are the same bits: give one");
        if (rule->family == AF_INET && rule->tos & ~0x1c)
                return fail(c, FBN_EINVAL, "tos 0x%02x: of IPv4 the bits of 0x1c only; dscp has all", rule->tos);
        if (rule->uid_end ? rule->uid_end <= rule->uid : rule->uid != 0)
                return fail(c, FBN_EINVAL, "uids from %u to before %u are no range", rule->uid, rule->uid_end);
        if ((rule->flow_label | rule->flow_label_mask) > 0xfffff || (rule->family == AF_INET && (rule->flow_label | rule->flow_label_mask)))
                return fail(c, FBN_EINVAL, "a flow label has 20 bits, and is of IPv6");
        if ((rule->source_port || rule->destination_port) && !rule->ip_protocol)
                return fail(c, FBN_EINVAL, "ports are of a protocol: ip_protocol says which");
        r = check_ports(c, rule->source_port, rule->source_port_last, "source");
        return r < 0 ? r : check_ports(c, rule->destination_port, rule->destination_port_last, "destination");
}

int rule_check(fbn_context *c, const fbn_rule *rule)
{
        char text[RULE_TEXT];
        int r = 0;

        if (rule->family != AF_INET && rule->family != AF_INET6)
                return fail(c, FBN_EINVAL, "a rule needs a family, AF_INET or AF_INET6");
        if (!rule->priority)
                r = fail(c, FBN_EINVAL, "a rule needs a priority and a table");
        if (r == 0)
                r = check_action(c, rule);
        if (r == 0)
                r = check_numbers(c, rule);
        if (r == 0)
                r = check_prefix(c, rule, &rule->from, "from");
        if (r == 0)
                r = check_prefix(c, rule, &rule->to, "to");
        if (r == 0)
                r = check_device(c, rule->in_device);
        if (r == 0)
                r = check_device(c, rule->out_device);
        return r < 0 ? fail_in(c, r, "%s", rule_name(rule, text)) : 0;
}

uint32_t rule_mask(const fbn_rule *rule)
{
        return rule->fwmask || !rule->fwmark ? rule->fwmask : UINT32_MAX;
}

uint32_t rule_label_mask(const fbn_rule *rule)
{
        return rule->flow_label_mask || !rule->flow_label ? rule->flow_label_mask : 0xfffff;
}

static int compare_numbers(int64_t a, int64_t b)
{
        return a < b ? -1 : a > b;
}

/* "from all" may be written as no prefix or as one of length 0. */
static int compare_prefixes(const fbn_prefix *a, const fbn_prefix *b)
{
        static const fbn_prefix all;

        return prefix_compare(a->length ? a : &all, b->length ? b : &all);
}

static int compare_texts(const char *a, const char *b)
{
        return strcmp(a ? a : "", b ? b : "");
}

static uint16_t last_port(uint16_t first, uint16_t last)
{
        return last ? last : first;
}

int rule_compare(const fbn_rule *a, const fbn_rule *b)
{
        const int orders[] = {
                compare_numbers(a->family, b->family),
                compare_numbers(a->priority, b->priority),
                compare_numbers(a->invert, b->invert),
                compare_prefixes(&a->from, &b->from),
                compare_prefixes(&a->to, &b->to),
                compare_texts(a->in_device, b->in_device),
                compare_texts(a->out_device, b->out_device),
                compare_numbers(a->fwmark, b->fwmark),
                compare_numbers(rule_mask(a), rule_mask(b)),
                compare_numbers(a->table, b->table),
                compare_numbers(a->suppress_prefix_length, b->suppress_prefix_length),
                compare_numbers(a->suppress_group, b->suppress_group),
                compare_numbers(a->action, b->action),
                compare_numbers(a->target, b->target),
                compare_numbers(a->tos, b->tos),
                compare_numbers(a->dscp, b->dscp),
                compare_numbers(a->ip_protocol, b->ip_protocol),
                compare_numbers(a->source_port, b->source_port),
                compare_numbers(last_port(a->source_port, a->source_port_last), last_port(b->source_port, b->source_port_last)),
                compare_numbers(a->destination_port, b->destination_port),
                compare_numbers(last_port(a->destination_port, a->destination_port_last), last_port(b->destination_port, b->destination_port_last)),
                compare_numbers(a->uid, b->uid),
                compare_numbers(a->uid_end, b->uid_end),
                compare_numbers(a->l3mdev, b->l3mdev),
                compare_numbers((int64_t)a->tunnel, (int64_t)b->tunnel),
                compare_numbers(a->flow_label, b->flow_label),
                compare_numbers(rule_label_mask(a), rule_label_mask(b)),
        };

        for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
                if (orders[i])
                        return orders[i];
        return 0;
}
