/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "route/rule.h"

#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>

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

int rule_check(fbn_context *c, const fbn_rule *rule)
{
        char text[RULE_TEXT];
        int r = 0;

        if (rule->family != AF_INET && rule->family != AF_INET6)
                return fail(c, FBN_EINVAL, "a rule needs a family, AF_INET or AF_INET6");
        if (!rule->priority || !rule->table)
                r = fail(c, FBN_EINVAL, "a rule needs a priority and a table");
        if (r == 0 && rule->suppress_prefix_length < 0)
                r = fail(c, FBN_EINVAL, "suppress_prefix_length %d is negative", rule->suppress_prefix_length);
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
        };

        for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
                if (orders[i])
                        return orders[i];
        return 0;
}

const char *rule_name(const fbn_rule *rule, char text[static RULE_TEXT])
{
        snprintf(text, RULE_TEXT, "rule %u %s", rule->priority, rule->family == AF_INET6 ? "IPv6" : "IPv4");
        return text;
}

static void add_word(char *text, const char *word, const char *value)
{
        size_t used = strlen(text);

        if (value && *value)
                snprintf(text + used, RULE_TEXT - used, " %s %s", word, value);
}

const char *rule_in_words(const fbn_rule *rule, char text[static RULE_TEXT])
{
        char prefix[FBN_ADDRESS_TEXT], number[32];

        snprintf(text, RULE_TEXT, "%sfrom %s", rule->invert ? "not " : "",
                 rule->from.address.family ? fbn_prefix_format(&rule->from, prefix, sizeof(prefix)) : "all");
        add_word(text, "to", fbn_prefix_format(&rule->to, prefix, sizeof(prefix)));
        add_word(text, "iif", rule->in_device);
        add_word(text, "oif", rule->out_device);
        snprintf(number, sizeof(number), "%#x/%#x", rule->fwmark, rule_mask(rule));
        add_word(text, "fwmark", rule_mask(rule) ? number : NULL);
        snprintf(number, sizeof(number), "%u", rule->table);
        add_word(text, "lookup", number);
        snprintf(number, sizeof(number), "%d", rule->suppress_prefix_length - 1);
        add_word(text, "suppress_prefixlength", rule->suppress_prefix_length ? number : NULL);
        return text;
}
