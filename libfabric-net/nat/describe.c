/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

static void describe_prefixes(struct text *text, const char *word, const fbn_prefix *prefixes, size_t count)
{
        char buffer[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < count; i++)
                text_add(text, "%s%s", i ? ", " : word, fbn_prefix_format(&prefixes[i], buffer, sizeof(buffer)));
}

static void describe_ports(struct text *text, const char *word, uint16_t first, uint16_t last)
{
        if (first)
                text_add(text, "%s%u", word, first);
        if (first && last)
                text_add(text, "-%u", last);
}

static void describe_mark(struct text *text, const char *word, uint32_t mark, uint32_t mask)
{
        if (full_mask(mark, mask))
                text_add(text, " %s 0x%x/0x%x", word, mark, full_mask(mark, mask));
}

static void describe_action(struct text *text, const fbn_nat_rule *rule)
{
        static const char *const words[] = {
                [FBN_NAT_MASQUERADE] = "masquerade", [FBN_NAT_ACCEPT] = "accept",       [FBN_NAT_DROP] = "drop",
                [FBN_NAT_CLAMP_MSS] = "clamp MSS",   [FBN_NAT_KEEP_OUT] = "keep out",   [FBN_NAT_SNAT] = "snat",
                [FBN_NAT_DNAT] = "dnat",             [FBN_NAT_REDIRECT] = "redirect",   [FBN_NAT_COUNT] = "count",
                [FBN_NAT_SET_MARK] = "set mark",     [FBN_NAT_SAVE_MARK] = "save mark", [FBN_NAT_RESTORE_MARK] = "restore mark",
                [FBN_NAT_NOTRACK] = "do not track",  [FBN_NAT_OFFLOAD] = "offload",
        };
        static const char *const places[] = {
                [FBN_NAT_FORWARD] = "", [FBN_NAT_INPUT] = " input", [FBN_NAT_OUTPUT] = " output", [FBN_NAT_ARRIVAL] = " on arrival"};

        text_add(text, "%s", words[rule->kind]);
        if (rule->at)
                text_add(text, "%s", places[rule->at]);
        if (rule->mss)
                text_add(text, " to %u", rule->mss);
        if (rule->kind == FBN_NAT_SET_MARK)
                text_add(text, " to 0x%x", rule->set_mark);
        if (rule->set_mark_mask)
                text_add(text, " bits 0x%x", rule->set_mark_mask);
}

static void describe_connection(struct text *text, const fbn_nat_rule *rule)
{
        if (rule->states)
                text_add(text, " %s", rule->states);
        if (rule->dnat)
                text_add(text, " translated");
        if (rule->protocol)
                text_add(text, " %s", rule->protocol);
}

static void describe_target(struct text *text, const fbn_nat_rule *rule)
{
        char buffer[FBN_ADDRESS_TEXT];

        if (rule->to.family || rule->to_port)
                text_add(text, " as %s", fbn_address_format(&rule->to, buffer, sizeof(buffer)));
        describe_ports(text, rule->to.family ? " port " : "port ", rule->to_port, rule->to_port_last);
        if (rule->to_map)
                text_add(text, " as in map %s", rule->to_map);
        if (rule->random)
                text_add(text, " at random");
        if (rule->hairpin)
                text_add(text, " hairpin /%u", rule->hairpin);
}

static void describe_care(struct text *text, const fbn_nat_rule *rule)
{
        if (rule->rate)
                text_add(text, " at most %u in %u s burst %u", rule->rate, rule->rate_seconds, rule->burst);
        if (rule->log)
                text_add(text, " log '%s'", rule->log);
        if (rule->log_group)
                text_add(text, " group %u", rule->log_group);
        if (rule->log_level)
                text_add(text, " level %u", rule->log_level);
}

void rule_describe(const fbn_nat_rule *rule, struct text *text)
{
        describe_action(text, rule);
        describe_connection(text, rule);
        describe_prefixes(text, " from ", rule->sources, rule->n_sources);
        if (rule->source_set)
                text_add(text, " from set %s", rule->source_set);
        describe_ports(text, " port ", rule->source_port, rule->source_port_last);
        describe_prefixes(text, " to ", rule->destinations, rule->n_destinations);
        if (rule->destination_set)
                text_add(text, " to set %s", rule->destination_set);
        if (rule->local)
                text_add(text, " to this host");
        describe_ports(text, " to port ", rule->destination_port, rule->destination_port_last);
        if (rule->in_device)
                text_add(text, " in %s", rule->in_device);
        if (rule->out_device)
                text_add(text, " out %s", rule->out_device);
        describe_mark(text, "mark", rule->mark, rule->mark_mask);
        describe_mark(text, "connection mark", rule->connection_mark, rule->connection_mark_mask);
        describe_target(text, rule);
        describe_care(text, rule);
}
