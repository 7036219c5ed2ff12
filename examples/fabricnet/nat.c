/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat_json.h"

#include <inttypes.h>
#include <string.h>

static void add_prefixes(struct table *table, const fbn_prefix *prefixes, size_t count)
{
        char cell[256] = "", text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < count && strlen(cell) + FBN_ADDRESS_TEXT + 2 < sizeof(cell); i++) {
                strcat(cell, i ? ", " : "");
                strcat(cell, fbn_prefix_format(&prefixes[i], text, sizeof(text)));
        }
        table_add(table, count ? cell : "any");
}

static int show(struct command *command)
{
        FBN_CLEANUP(fbn_nat) nat = NULL;
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};
        int r = fbn_nat_get(command->c, &nat);

        if (r < 0 && r != -FBN_ENOENT) {
                json_decref(all);
                return failed(command, r);
        }
        for (size_t i = 0; i < fbn_nat_count(nat); i++) {
                const fbn_nat_rule *rule = fbn_nat_at(nat, i);
                char counter[64];

                if (all) {
                        json_array_append_new(all, nat_rule_json(rule));
                        continue;
                }
                snprintf(counter, sizeof(counter), "%" PRIu64 " packets, %" PRIu64 " bytes", rule->packets, rule->bytes);
                table_add(&table, rule->name);
                table_add(&table, nat_kind_word(rule->kind));
                add_prefixes(&table, rule->sources, rule->n_sources);
                add_prefixes(&table, rule->destinations, rule->n_destinations);
                table_add(&table, rule->out_device ? rule->out_device : "any link");
                table_add(&table, counter);
        }
        if (all)
                return print_json(all);
        table_print(&table, 6, stdout);
        return EXIT_DONE;
}

static const char *const foreign_words[] = {
        [FBN_NAT_REVERSE_PATH] = "drops flows that come in by one layer and leave by the other",
        [FBN_NAT_FORWARD_POLICY] = "drops forwarded packets that no rule there accepts",
        [FBN_NAT_FORWARD_RULES] = "drops some forwarded packets",
};

static json_t *foreign_json(const fbn_nat_foreigns *foreigns)
{
        static const char *const kinds[] = {
                [FBN_NAT_REVERSE_PATH] = "reverse-path", [FBN_NAT_FORWARD_POLICY] = "forward-policy", [FBN_NAT_FORWARD_RULES] = "forward-rules"};
        json_t *all = json_array();

        for (size_t i = 0; i < fbn_nat_foreigns_count(foreigns); i++) {
                const fbn_nat_foreign *one = fbn_nat_foreigns_at(foreigns, i);

                json_array_append_new(all, json_pack("{s:s, s:s, s:I}", "kind", kinds[one->kind], "where", one->where, "rules", (json_int_t)one->rules));
        }
        return all;
}

/* What of others can undo ours. */
static int foreign(struct command *command)
{
        FBN_CLEANUP(fbn_nat_foreigns) foreigns = NULL;
        struct table table = {0};
        int r = fbn_nat_foreign_list(command->c, &foreigns);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(foreign_json(foreigns));
        for (size_t i = 0; i < fbn_nat_foreigns_count(foreigns); i++) {
                table_add(&table, fbn_nat_foreigns_at(foreigns, i)->where);
                table_add(&table, foreign_words[fbn_nat_foreigns_at(foreigns, i)->kind]);
        }
        table_print(&table, 2, stdout);
        return EXIT_DONE;
}

/* One rule beside those that are there. */
static int masquerade(struct command *command)
{
        FBN_CLEANUP(fbn_nat) nat = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_nat_apply_options options = {.size = sizeof(options), .dry_run = command->dry_run};
        fbn_prefix source;
        fbn_nat_rule rule = {.size = sizeof(rule), .kind = FBN_NAT_MASQUERADE, .name = command->argument[0], .sources = &source, .n_sources = 1,
                             .out_device = command->argument[2]};
        int r;

        if (fbn_prefix_parse(command->argument[1], &source) < 0)
                return misused("'%s' is no prefix", command->argument[1]);
        r = fbn_nat_get(command->c, &nat);
        if (r == -FBN_ENOENT)
                r = fbn_nat_new(command->c, &nat);
        if (r >= 0)
                r = fbn_nat_add(command->c, nat, &rule);
        if (r >= 0)
                r = fbn_nat_apply(command->c, nat, &options, &changes);
        return r < 0 ? failed(command, r) : print_changes(command, changes);
}

static int clear(struct command *command)
{
        FBN_CLEANUP(fbn_nat) nothing = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_nat_apply_options options = {.size = sizeof(options), .dry_run = command->dry_run};
        int r = fbn_nat_new(command->c, &nothing);

        if (r >= 0)
                r = fbn_nat_apply(command->c, nothing, &options, &changes);
        return r < 0 ? failed(command, r) : print_changes(command, changes);
}

int command_nat(struct command *command)
{
        static const struct verb verbs[] = {
                {"show", 0, show, "show"},
                {"masquerade", 3, masquerade, "masquerade NAME SOURCE-PREFIX OUT-LINK [--dry-run]"},
                {"foreign", 0, foreign, "foreign"},
                {"clear", 0, clear, "clear [--dry-run]"},
        };

        return verb_run(command, "nat", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
