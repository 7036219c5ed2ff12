/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/macro.h"
#include "route/rule.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

const char *rule_name(const fbn_rule *rule, char text[static RULE_TEXT])
{
        snprintf(text, RULE_TEXT, "rule %u %s", rule->priority, rule->family == AF_INET6 ? "IPv6" : "IPv4");
        return text;
}

static void add(char *text, const char *format, ...) FBN_PRINTF(2, 3);
static void add(char *text, const char *format, ...)
{
        size_t used = strlen(text);
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text + used, RULE_TEXT - used, format, arguments);
        va_end(arguments);
}

static void add_text(char *text, const char *word, const char *value)
{
        if (value && *value)
                add(text, " %s %s", word, value);
}

static void add_ports(char *text, const char *word, uint16_t first, uint16_t last)
{
        if (first)
                add(text, " %s %u", word, first);
        if (last && last != first)
                add(text, "-%u", last);
}

static void add_packet_selectors(char *text, const fbn_rule *rule)
{
        if (rule_mask(rule))
                add(text, " fwmark %#x/%#x", rule->fwmark, rule_mask(rule));
        if (rule->tos)
                add(text, " tos 0x%02x", rule->tos);
        if (rule->dscp)
                add(text, " dscp %d", rule->dscp - 1);
        if (rule->uid_end)
                add(text, " uidrange %u-%u", rule->uid, rule->uid_end - 1);
        if (rule->ip_protocol)
                add(text, " ipproto %u", rule->ip_protocol);
        add_ports(text, "sport", rule->source_port, rule->source_port_last);
        add_ports(text, "dport", rule->destination_port, rule->destination_port_last);
        if (rule->tunnel)
                add(text, " tun_id %" PRIu64, rule->tunnel);
        if (rule_label_mask(rule))
                add(text, " flowlabel %#x/%#x", rule->flow_label, rule_label_mask(rule));
}

static void add_action(char *text, const fbn_rule *rule)
{
        static const char *const words[] = {"lookup", "goto", "nop", "blackhole", "unreachable", "prohibit"};

        if (rule->l3mdev)
                add(text, " lookup [l3mdev-table]");
        else if (rule->action == FBN_RULE_LOOKUP || rule->action == FBN_RULE_GOTO)
                add(text, " %s %u", words[rule->action], rule->action == FBN_RULE_GOTO ? rule->target : rule->table);
        else
                add(text, " %s", words[rule->action]);
        if (rule->suppress_prefix_length)
                add(text, " suppress_prefixlength %d", rule->suppress_prefix_length - 1);
        if (rule->suppress_group)
                add(text, " suppress_ifgroup %d", rule->suppress_group - 1);
}

const char *rule_in_words(const fbn_rule *rule, char text[static RULE_TEXT])
{
        char prefix[FBN_ADDRESS_TEXT];

        snprintf(text, RULE_TEXT, "%sfrom %s", rule->invert ? "not " : "",
                 rule->from.address.family ? fbn_prefix_format(&rule->from, prefix, sizeof(prefix)) : "all");
        add_text(text, "to", fbn_prefix_format(&rule->to, prefix, sizeof(prefix)));
        add_text(text, "iif", rule->in_device);
        add_text(text, "oif", rule->out_device);
        add_packet_selectors(text, rule);
        add_action(text, rule);
        return text;
}
