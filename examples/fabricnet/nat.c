/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat_json.h"
#include "trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
                char counter[64], *words;

                if (all) {
                        json_array_append_new(all, nat_rule_json(rule));
                        continue;
                }
                snprintf(counter, sizeof(counter), "%" PRIu64 " packets, %" PRIu64 " bytes", rule->packets, rule->bytes);
                table_add(&table, rule->name);
                table_add(&table, nat_kind_word(rule->kind));
                words = nat_rule_text(rule);
                table_add(&table, words);
                table_add(&table, counter);
                free(words);
        }
        if (all)
                return print_json(all);
        table_print(&table, 4, stdout);
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

int nat_copy(struct command *command, const fbn_nat *stands, const char *rule, const char *set, fbn_nat *left)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < fbn_nat_set_count(stands); i++)
                if (!set || strcmp(fbn_nat_set_at(stands, i)->name, set) != 0)
                        r = fbn_nat_set_add(command->c, left, fbn_nat_set_at(stands, i));
        for (size_t i = 0; r >= 0 && i < fbn_nat_count(stands); i++)
                if (!rule || strcmp(fbn_nat_at(stands, i)->name, rule) != 0)
                        r = fbn_nat_add(command->c, left, fbn_nat_at(stands, i));
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

/* One try; *ret is the library's answer to the apply, if it came to that. */
static int edit_once(struct command *command, nat_editor *editor, void *data, fbn_nat_apply_options *options, fbn_changes **ret_changes, int *ret)
{
        FBN_CLEANUP(fbn_nat) stands = NULL;
        FBN_CLEANUP(fbn_nat) want = NULL;
        int r = fbn_nat_generation(command->c, &options->generation), code;

        if (r >= 0)
                r = fbn_nat_get(command->c, &stands);
        if (r >= 0 || r == -FBN_ENOENT)
                r = fbn_nat_new(command->c, &want);
        if (r < 0)
                return failed(command, r);
        code = editor(command, stands, want, data);
        if (code == EXIT_DONE)
                *ret = fbn_nat_apply(command->c, want, options, ret_changes);
        return code;
}

#define EDIT_TRIES 50

int nat_edit(struct command *command, nat_editor *editor, void *data)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_nat_apply_options options = {.size = sizeof(options), .dry_run = command->dry_run};
        int code = EXIT_DONE, r = -FBN_ESTALE;

        for (int i = 0; code == EXIT_DONE && r == -FBN_ESTALE && i < EDIT_TRIES; i++)
                code = edit_once(command, editor, data, &options, &changes, &r);
        return code != EXIT_DONE ? code : changed(command, r, changes);
}

struct rules {
        json_t *list;
        const char *path;
};

/* The sets of what stands, since one that nobody wants any more would go with its elements, and the rules of a file. */
static int with_rules(struct command *command, const fbn_nat *stands, fbn_nat *want, void *data)
{
        const struct rules *rules = data;
        int code = EXIT_DONE, r = 0;

        for (size_t i = 0; r >= 0 && i < fbn_nat_set_count(stands); i++)
                r = fbn_nat_set_add(command->c, want, fbn_nat_set_at(stands, i));
        if (r < 0)
                return failed(command, r);
        for (size_t i = 0; code == EXIT_DONE && i < json_array_size(rules->list); i++) {
                char where[512];

                snprintf(where, sizeof(where), "%s: rule %zu", rules->path, i + 1);
                code = nat_rule_add(command, want, json_array_get(rules->list, i), where);
        }
        return code;
}

/* A list of rules as "show --json" prints it. */
static int apply(struct command *command)
{
        const char *path = command->argument[0];
        json_error_t error;
        json_t *list = strcmp(path, "-") == 0 ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &error) : json_load_file(path, JSON_REJECT_DUPLICATES, &error);
        int code;

        if (!list)
                return error.line > 0 ? misused("%s:%d:%d: %s", path, error.line, error.column, error.text) : misused("%s: %s", path, error.text);
        code = json_is_array(list) ? nat_edit(command, with_rules, &(struct rules){list, path})
                                   : misused("%s: expected a list of rules, as 'fabricnet nat show --json' prints it", path);
        json_decref(list);
        return code;
}

static int with_rule(struct command *command, const fbn_nat *stands, fbn_nat *want, void *data)
{
        int code = nat_copy(command, stands, NULL, NULL, want);

        return code == EXIT_DONE ? nat_rule_add(command, want, data, "nat") : code;
}

/* A rule after those that are there. */
static int add(struct command *command)
{
        json_t *rule = nat_rule_words(command);
        int code;

        if (!rule)
                return EXIT_BAD_INPUT;
        code = nat_edit(command, with_rule, rule);
        json_decref(rule);
        return code;
}

static int without_rule(struct command *command, const fbn_nat *stands, fbn_nat *want, void *data)
{
        int code = nat_copy(command, stands, data, NULL, want);

        if (code == EXIT_DONE && fbn_nat_count(want) == fbn_nat_count(stands))
                return misused("nat: there is no rule '%s' of ours; 'fabricnet nat show' lists them", (const char *)data);
        return code;
}

static int delete(struct command *command)
{
        return nat_edit(command, without_rule, command->argument[0]);
}

static int with_nothing(struct command *command, const fbn_nat *stands, fbn_nat *want, void *data)
{
        (void)command, (void)stands, (void)want, (void)data;
        return EXIT_DONE;
}

static int clear(struct command *command)
{
        return nat_edit(command, with_nothing, NULL);
}

int command_nat(struct command *command)
{
        static const struct verb verbs[] = {
                {"show", 0, show, "show"},
                {"apply", 1, apply, "apply FILE [--dry-run]"},
                {"diff", 1, apply, "diff FILE"},
                {"add", -1, add, "add NAME KIND [MEMBER VALUE]… [--dry-run]"},
                {"del", 1, delete, "del NAME [--dry-run]"},
                {"set", -1, nat_set, "set list|show|create|remove|ban|add|del|refresh|replace|flush …"},
                {"foreign", 0, foreign, "foreign"},
                {"trace", -1, nat_trace, "trace [--source PREFIX] [--destination PREFIX] [protocol NAME] [sport N] [dport N] [in LINK] [rate N]"},
                {"clear", 0, clear, "clear [--dry-run]"},
                {"watch", -1, watch_nat, "watch [all]"},
        };

        return verb_run(command, "nat", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
