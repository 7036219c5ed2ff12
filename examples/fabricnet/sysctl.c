/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const rules[] = {"the link's own", "the larger of all and own", "all or own", "all and own", "all alone"};

static bool value_of(const char *text, int64_t *ret_value)
{
        char *end;

        errno = 0;
        *ret_value = strtoll(text, &end, 10);
        return !errno && end != text && !*end;
}

static int get(struct command *command)
{
        int64_t value;
        int r = fbn_sysctl_get(command->c, command->argument[0], &value);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(json_pack("{s:s, s:I}", "key", command->argument[0], "value", (json_int_t)value));
        printf("%" PRId64 "\n", value);
        return EXIT_DONE;
}

static int set(struct command *command)
{
        int64_t value;
        int r;

        if (!value_of(command->argument[1], &value))
                return misused("sysctl: '%s' is not a number", command->argument[1]);
        r = fbn_sysctl_set(command->c, command->argument[0], value);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static json_t *effect_json(const fbn_sysctl_effect *effect)
{
        return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s}", "key", effect->key, "name", effect->name, "own", (json_int_t)effect->own, "all",
                         (json_int_t)effect->all, "effective", (json_int_t)effect->value, "rule", rules[effect->rule], "meaning", effect->meaning);
}

static void add_row(struct table *table, const fbn_sysctl_effect *effect)
{
        char value[24], source[96];
        const char *family = strncmp(effect->key, "net/ipv6", 8) == 0 ? "ipv6 " : "";
        char name[64];

        snprintf(name, sizeof(name), "%s%s", family, effect->name);
        snprintf(value, sizeof(value), "%" PRId64, effect->value);
        snprintf(source, sizeof(source), "all %" PRId64 ", own %" PRId64 ": %s", effect->all, effect->own, rules[effect->rule]);
        table_add(table, name);
        table_add(table, value);
        table_add(table, source);
        table_add(table, effect->meaning);
}

static int explain_link(struct command *command)
{
        FBN_CLEANUP(fbn_sysctl_effects) effects = NULL;
        json_t *all = NULL;
        struct table table = {0};
        int r = fbn_sysctl_explain(command->c, command->argument[0], &effects);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                all = json_array();
        for (size_t i = 0; i < fbn_sysctl_effects_count(effects); i++) {
                if (all)
                        json_array_append_new(all, effect_json(fbn_sysctl_effects_at(effects, i)));
                else
                        add_row(&table, fbn_sysctl_effects_at(effects, i));
        }
        if (all)
                return print_json(all);
        table_print(&table, 4, stdout);
        return EXIT_DONE;
}

static int read_packet(struct command *command, fbn_rpfilter_packet *packet)
{
        packet->in_device = command->argument[0];
        if (fbn_address_parse(command->argument[1], &packet->source) < 0)
                return misused("sysctl: '%s' is no address", command->argument[1]);
        if (fbn_address_parse(command->argument[2], &packet->destination) < 0)
                return misused("sysctl: '%s' is no address", command->argument[2]);
        for (int i = 3; i < command->count; i += 2) {
                const char *word = command->argument[i];
                const char *value = i + 1 < command->count ? command->argument[i + 1] : "";
                uint64_t number;
                bool mark = strcmp(word, "mark") == 0;

                if (!mark && strcmp(word, "tos") != 0)
                        return misused("sysctl: '%s' is not one of mark, tos", word);
                if (!number_of(value, mark ? UINT32_MAX : 255, &number))
                        return misused("sysctl: '%s' is no number for '%s'", value, word);
                if (mark)
                        packet->mark = (uint32_t)number;
                else
                        packet->tos = (uint8_t)number;
        }
        return EXIT_DONE;
}

static int explain_packet(struct command *command)
{
        static const char *const kinds[] = {"accepted", "dropped by the reverse-path filter", "dropped as a martian", "not routed"};
        fbn_rpfilter_packet packet = {.size = sizeof(packet)};
        fbn_rpfilter_result result = {.size = sizeof(result)};
        int code = read_packet(command, &packet);
        int r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_rpfilter_ask(command->c, &packet, &result);
        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(json_pack("{s:s, s:s, s:i, s:b, s:b, s:b, s:b, s:b, s:b}", "verdict", kinds[result.kind], "why", result.why, "rp_filter",
                                            (int)result.state.rp_filter, "accept_local", (int)result.state.accept_local, "no_address",
                                            (int)result.state.no_address, "own_source", (int)result.state.own_source, "policy",
                                            (int)result.state.policy, "redirects", (int)result.state.redirects, "reverse_device",
                                            (int)result.state.reverse_device));
        printf("%s: %s\n", kinds[result.kind], result.why);
        return EXIT_DONE;
}

static int explain(struct command *command)
{
        if (command->count == 1)
                return explain_link(command);
        if (command->count < 3)
                return misused("usage: fabricnet sysctl explain LINK [SOURCE DESTINATION [mark N] [tos N]]");
        return explain_packet(command);
}

/* What most often stands in a packet's way. */
static bool is_important(const char *name)
{
        static const char *const names[] = {"rp_filter", "accept_local", "src_valid_mark", "forwarding"};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return false;
}

static void show_link(const char *name, const fbn_sysctl_effects *effects, json_t *all, struct table *table)
{
        json_t *values = all ? json_object() : NULL;

        for (size_t i = 0; i < fbn_sysctl_effects_count(effects); i++) {
                const fbn_sysctl_effect *effect = fbn_sysctl_effects_at(effects, i);
                char cell[64];

                if (values)
                        json_object_set_new(values, effect->key, json_integer(effect->value));
                if (all || !is_important(effect->name))
                        continue;
                snprintf(cell, sizeof(cell), "%s%s = %" PRId64, strncmp(effect->key, "net/ipv6", 8) == 0 ? "ipv6 " : "", effect->name, effect->value);
                table_add(table, i == 0 ? name : "");
                table_add(table, cell);
                table_add(table, effect->meaning);
        }
        if (all)
                json_object_set_new(all, name, values);
}

static int show(struct command *command)
{
        FBN_CLEANUP(fbn_links) links = NULL;
        struct table table = {0};
        json_t *all = command->json ? json_object() : NULL;
        int r = fbn_link_list(command->c, NULL, &links);

        for (size_t i = 0; r >= 0 && i < fbn_links_count(links); i++) {
                FBN_CLEANUP(fbn_sysctl_effects) effects = NULL;
                const char *name = fbn_links_at(links, i)->name;

                r = fbn_sysctl_explain(command->c, name, &effects);
                if (r >= 0)
                        show_link(name, effects, all, &table);
        }
        if (r < 0) {
                json_decref(all);
                return failed(command, r);
        }
        if (all)
                return print_json(all);
        table_print(&table, 3, stdout);
        return EXIT_DONE;
}

/* "KEY=VALUE" words from the given one on; the texts are cut at their "=". */
static int read_wanted(struct command *command, int from, fbn_sysctls *want)
{
        for (int i = from; i < command->count; i++) {
                fbn_sysctl sysctl = {.size = sizeof(sysctl), .key = command->argument[i]};
                char *equals = strchr(command->argument[i], '=');
                int r;

                if (!equals || !value_of(equals + 1, &sysctl.value))
                        return misused("sysctl: '%s' is not KEY=NUMBER", command->argument[i]);
                *equals = 0;
                r = fbn_sysctls_add(command->c, want, &sysctl);
                if (r < 0)
                        return failed(command, r);
        }
        return EXIT_DONE;
}

static int apply(struct command *command)
{
        FBN_CLEANUP(fbn_sysctls) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_sysctl_apply_options options = {.size = sizeof(options), .dry_run = command->dry_run};
        int code, r = fbn_sysctls_new(command->c, &want);

        if (r < 0)
                return failed(command, r);
        code = read_wanted(command, 0, want);
        if (code != EXIT_DONE)
                return code;
        r = fbn_sysctl_apply(command->c, want, &options, &changes);
        return changed(command, r, changes);
}

static int persist(struct command *command)
{
        FBN_CLEANUP(fbn_sysctls) want = NULL;
        int code, r = fbn_sysctls_new(command->c, &want);

        if (command->count < 1)
                return misused("usage: fabricnet sysctl persist FILE [KEY=NUMBER…]");
        if (r < 0)
                return failed(command, r);
        code = read_wanted(command, 1, want);
        if (code != EXIT_DONE)
                return code;
        r = fbn_sysctl_persist(command->c, command->argument[0], want);
        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(json_pack("{s:s, s:b}", "file", command->argument[0], "changed", r > 0));
        return EXIT_DONE;
}

static int rp_filter(struct command *command)
{
        static const char *const words[] = {"off", "strict", "loose"};
        int64_t value;
        int r = fbn_sysctl_rp_filter(command->c, command->argument[0], &value);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(json_pack("{s:s, s:I}", "link", command->argument[0], "effective", (json_int_t)value));
        printf("%s (%" PRId64 ")\n", value >= 0 && value <= 2 ? words[value] : "unknown", value);
        return EXIT_DONE;
}

int command_sysctl(struct command *command)
{
        static const struct verb verbs[] = {
                {"show", 0, show, "show"},
                {"get", 1, get, "get KEY"},
                {"set", 2, set, "set KEY NUMBER"},
                {"apply", -1, apply, "apply KEY=NUMBER… [--dry-run]"},
                {"diff", -1, apply, "diff KEY=NUMBER…"},
                {"explain", -1, explain, "explain LINK [SOURCE DESTINATION [mark N] [tos N]]"},
                {"persist", -1, persist, "persist FILE [KEY=NUMBER…]"},
                {"rp-filter", 1, rp_filter, "rp-filter LINK"},
        };

        return verb_run(command, "sysctl", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
