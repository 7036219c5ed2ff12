/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "route.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void add(char *text, size_t size, const char *format, ...) FBN_PRINTF(3, 4);
static void add(char *text, size_t size, const char *format, ...)
{
        size_t used = strlen(text);
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text + used, size - used, format, arguments);
        va_end(arguments);
}

static void add_ports(char *text, size_t size, const char *word, uint16_t first, uint16_t last)
{
        if (first)
                add(text, size, last && last != first ? " %s %u-%u" : " %s %u", word, first, last);
}

void rule_selectors(const fbn_rule *rule, char *text, size_t size)
{
        char prefix[FBN_ADDRESS_TEXT];

        snprintf(text, size, "%sfrom %s", rule->invert ? "not " : "",
                 rule->from.address.family ? fbn_prefix_format(&rule->from, prefix, sizeof(prefix)) : "all");
        if (rule->to.address.family)
                add(text, size, " to %s", fbn_prefix_format(&rule->to, prefix, sizeof(prefix)));
        if (rule->in_device)
                add(text, size, " iif %s", rule->in_device);
        if (rule->out_device)
                add(text, size, " oif %s", rule->out_device);
        if (rule->fwmark || rule->fwmask)
                add(text, size, " fwmark 0x%x/0x%x", rule->fwmark, rule->fwmask);
        if (rule->tos)
                add(text, size, " tos 0x%02x", rule->tos);
        if (rule->dscp)
                add(text, size, " dscp %d", rule->dscp - 1);
        if (rule->uid_end)
                add(text, size, " uidrange %u-%u", rule->uid, rule->uid_end - 1);
        if (rule->ip_protocol)
                add(text, size, " ipproto %u", rule->ip_protocol);
        add_ports(text, size, "sport", rule->source_port, rule->source_port_last);
        add_ports(text, size, "dport", rule->destination_port, rule->destination_port_last);
        if (rule->tunnel)
                add(text, size, " tun_id %" PRIu64, rule->tunnel);
        if (rule->flow_label || rule->flow_label_mask)
                add(text, size, " flowlabel 0x%x/0x%x", rule->flow_label, rule->flow_label_mask);
}

static const char *action_word(const fbn_rule *rule)
{
        static const char *const words[] = {"lookup", "goto", "nop", "blackhole", "unreachable", "prohibit"};

        return words[rule->action];
}

void rule_result(const fbn_rule *rule, char *text, size_t size)
{
        snprintf(text, size, "%s", rule->l3mdev ? "l3mdev" : action_word(rule));
        if (!rule->l3mdev && rule->action <= FBN_RULE_GOTO)
                add(text, size, " %u", rule->action == FBN_RULE_GOTO ? rule->target : rule->table);
        if (rule->suppress_prefix_length)
                add(text, size, " suppress_prefixlength %d", rule->suppress_prefix_length - 1);
        if (rule->suppress_group)
                add(text, size, " suppress_ifgroup %d", rule->suppress_group - 1);
}

static json_t *prefix_json(const fbn_prefix *prefix)
{
        char text[FBN_ADDRESS_TEXT];

        return prefix->address.family ? json_string(fbn_prefix_format(prefix, text, sizeof(text))) : json_null();
}

static json_t *one_more_json(int32_t value)
{
        return value ? json_integer(value - 1) : json_null();
}

static void add_packet(json_t *object, const fbn_rule *rule)
{
        json_t *more = json_pack("{s:I, s:I, s:i, s:o, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I}", "fwmark", (json_int_t)rule->fwmark, "fwmask",
                                 (json_int_t)rule->fwmask, "tos", (int)rule->tos, "dscp", one_more_json(rule->dscp), "ip_protocol", (int)rule->ip_protocol,
                                 "source_port", (int)rule->source_port, "source_port_last", (int)rule->source_port_last, "destination_port",
                                 (int)rule->destination_port, "destination_port_last", (int)rule->destination_port_last, "uid", (json_int_t)rule->uid,
                                 "uid_end", (json_int_t)rule->uid_end, "tunnel", (json_int_t)rule->tunnel, "flow_label", (json_int_t)rule->flow_label,
                                 "flow_label_mask", (json_int_t)rule->flow_label_mask);

        json_object_update(object, more);
        json_decref(more);
}

json_t *rule_json(const fbn_rule *rule)
{
        json_t *object = json_pack("{s:s, s:I, s:b, s:o, s:o, s:s?, s:s?, s:s, s:I, s:I, s:b, s:o, s:o, s:i, s:b}", "family",
                                   rule->family == AF_INET ? "ipv4" : "ipv6", "priority", (json_int_t)rule->priority, "not", (int)rule->invert, "from",
                                   prefix_json(&rule->from), "to", prefix_json(&rule->to), "in_device", rule->in_device, "out_device", rule->out_device,
                                   "action", action_word(rule), "table", (json_int_t)rule->table, "target", (json_int_t)rule->target, "l3mdev",
                                   (int)rule->l3mdev, "suppress_prefix_length", one_more_json(rule->suppress_prefix_length), "suppress_group",
                                   one_more_json(rule->suppress_group), "protocol", (int)rule->protocol, "ours", (int)(rule->protocol == FBN_PROTOCOL));

        add_packet(object, rule);
        return object;
}

static int print_rules(const struct command *command, const fbn_rules *rules)
{
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};

        for (size_t i = 0; i < fbn_rules_count(rules); i++) {
                const fbn_rule *rule = fbn_rules_at(rules, i);
                char priority[16], selectors[512], result[128];

                if (all) {
                        json_array_append_new(all, rule_json(rule));
                        continue;
                }
                snprintf(priority, sizeof(priority), "%u", rule->priority);
                rule_selectors(rule, selectors, sizeof(selectors));
                rule_result(rule, result, sizeof(result));
                table_add(&table, rule->family == AF_INET ? "ipv4" : "ipv6");
                table_add(&table, priority);
                table_add(&table, selectors);
                table_add(&table, result);
                table_add(&table, rule->protocol == FBN_PROTOCOL ? "ours" : "");
        }
        if (all)
                return print_json(all);
        table_print(&table, 5, stdout);
        return EXIT_DONE;
}

static int show(struct command *command)
{
        FBN_CLEANUP(fbn_rules) rules = NULL;
        int r = fbn_rule_list(command->c, 0, &rules);

        return r < 0 ? failed(command, r) : print_rules(command, rules);
}

static int match(struct command *command)
{
        FBN_CLEANUP(fbn_rules) rules = NULL;
        fbn_route_query query;
        int code = query_words(command, &query), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_rule_match(command->c, &query, &rules);
        return r < 0 ? failed(command, r) : print_rules(command, rules);
}

static int change(struct command *command, bool complete, int (*verb)(fbn_context *c, const fbn_rule *rule))
{
        fbn_rule rule;
        int code = rule_words(command, complete, &rule), r;

        if (code != EXIT_DONE)
                return code;
        r = verb(command->c, &rule);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int add_one(struct command *command)
{
        return change(command, true, fbn_rule_add);
}

static int delete_one(struct command *command)
{
        return change(command, false, fbn_rule_delete);
}

static int take_line(const struct command *command, void *data)
{
        fbn_rule rule;
        int code = rule_words(command, true, &rule), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_rules_add(command->c, data, &rule);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int apply(struct command *command)
{
        FBN_CLEANUP(fbn_rules) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int code, r;

        r = fbn_rules_new(command->c, &want);
        if (r < 0)
                return failed(command, r);
        code = each_line_of_words(command, command->argument[0], take_line, want);
        if (code != EXIT_DONE)
                return code;
        r = fbn_rule_apply(command->c, want, FBN_OPTIONS(fbn_rule_apply_options, .dry_run = command->dry_run), &changes);
        return changed(command, r, changes);
}

int command_rule(struct command *command)
{
        static const struct verb verbs[] = {
                {"show", 0, show, "show"},
                {"match", -1, match, "match ADDRESS [from ADDRESS] [iif LINK] [WORD VALUE…]"},
                {"add", -1, add_one, "add [ipv4|ipv6] priority N [not] [from PREFIX] [to PREFIX] [WORD VALUE…] lookup TABLE"},
                {"del", -1, delete_one, "del …, as add: the first that has all of it"},
                {"apply", 1, apply, "apply FILE"},
                {"diff", 1, apply, "diff FILE"},
        };

        return verb_run(command, "route rule", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
