/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg.h"

#include <string.h>

#define CREATE_WORDS "[kernel | userspace] [daemon PROGRAM] [mtu N] [adopt]"

const char *backend_name(const fbn_wireguard_interface *interface)
{
        return interface->backend == FBN_WIREGUARD_KERNEL ? "kernel" : "userspace";
}

static json_t *list_json(const fbn_wireguards *wireguards)
{
        json_t *list = json_array();

        for (size_t i = 0; i < fbn_wireguards_count(wireguards); i++) {
                const fbn_wireguard_interface *interface = fbn_wireguards_at(wireguards, i);

                json_array_append_new(list, json_pack("{s:s, s:s}", "name", interface->name, "backend", backend_name(interface)));
        }
        return list;
}

static int list(struct command *command)
{
        FBN_CLEANUP(fbn_wireguards) wireguards = NULL;
        struct table table = {0};
        int r = fbn_wireguard_list(command->c, &wireguards);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(list_json(wireguards));
        for (size_t i = 0; i < fbn_wireguards_count(wireguards); i++) {
                table_add(&table, fbn_wireguards_at(wireguards, i)->name);
                table_add(&table, backend_name(fbn_wireguards_at(wireguards, i)));
        }
        table_print(&table, 2, stdout);
        return EXIT_DONE;
}

static int delete(struct command *command)
{
        int r = fbn_wireguard_delete(command->c, command->argument[0]);

        return r < 0 ? failed(command, r) : EXIT_DONE;
}

/* One word of "wg create" with the word after it, which may be missing. Returns how many were taken, 0 for a mistake. */
static int create_word(fbn_wireguard_create_options *options, const char *word, const char *value)
{
        uint64_t number = 0;

        if (strcmp(word, "adopt") == 0) {
                options->adopt = true;
                return 1;
        }
        if (strcmp(word, "kernel") == 0 || strcmp(word, "userspace") == 0) {
                options->backend = *word == 'k' ? FBN_WIREGUARD_KERNEL : FBN_WIREGUARD_USERSPACE;
                return 1;
        }
        if (value && strcmp(word, "daemon") == 0)
                options->daemon = value;
        else if (value && strcmp(word, "mtu") == 0 && number_of(value, UINT32_MAX, &number) && number > 0)
                options->mtu = (uint32_t)number;
        else
                return 0;
        return 2;
}

static int create_mistake(const char *word, const char *value)
{
        if (strcmp(word, "daemon") == 0)
                return misused("wg create: daemon: which program?");
        if (strcmp(word, "mtu") == 0)
                return misused("wg create: mtu '%s': a number of bytes is expected", value ? value : "");
        return misused("wg create: '%s' is not one of adopt, kernel, userspace, mtu N, daemon PROGRAM", word);
}

static int create(struct command *command)
{
        fbn_wireguard_create_options options = {.size = sizeof(options)};
        int r, taken;

        if (command->count < 1)
                return misused("usage: fabricnet wg create INTERFACE " CREATE_WORDS);
        for (int i = 1; i < command->count; i += taken) {
                const char *word = command->argument[i], *value = i + 1 < command->count ? command->argument[i + 1] : NULL;

                taken = create_word(&options, word, value);
                if (!taken)
                        return create_mistake(word, value);
        }
        r = fbn_wireguard_create(command->c, command->argument[0], &options);
        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(json_pack("{s:s, s:s}", "name", command->argument[0], "backend",
                                            r == FBN_WIREGUARD_KERNEL ? "kernel" : "userspace"));
        return EXIT_DONE;
}

int resolve_names(struct command *command, const char *name, fbn_wireguard **want, int *ret_unresolved)
{
        FBN_CLEANUP(fbn_wireguard) resolved = NULL;
        int r = fbn_wireguard_resolve(command->c, name, *want, 0, &resolved);

        *ret_unresolved = r;
        if (r < 0)
                return r;
        if (r > 0)
                fprintf(stderr, "fabricnet: %s%s\n", fbn_context_error(command->c), r > 1 ? "; it is not the only one" : "");
        fbn_wireguard_unref(*want);
        *want = fbn_wireguard_ref(resolved);
        return 0;
}

/* Makes the interface as the file says. Returns an exit code; *ret_changes is NULL unless it is EXIT_DONE. */
static int apply_file(struct command *command, fbn_changes **ret_changes, int *ret_unresolved)
{
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        fbn_wireguard_apply_options options = {.size = sizeof(options), .dry_run = command->dry_run};
        int r;

        options.keep_peers = command->count == 3 && strcmp(command->argument[2], "keep-peers") == 0;
        if (command->count != (options.keep_peers ? 3 : 2))
                return misused("usage: fabricnet wg apply|diff INTERFACE FILE [keep-peers]");
        r = fbn_wireguard_parse_file(command->c, command->argument[1], &want);
        if (r >= 0)
                r = resolve_names(command, command->argument[0], &want, ret_unresolved);
        if (r >= 0)
                r = fbn_wireguard_apply(command->c, command->argument[0], want, &options, ret_changes);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int apply(struct command *command)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int unresolved = 0;
        int code = apply_file(command, &changes, &unresolved);

        if (code)
                return code;
        code = changed(command, 0, changes);
        if (unresolved && !command->dry_run) /* a peer is left without its endpoint */
                return fbn_changes_count(changes) > 0 ? EXIT_NOT_UNDONE : EXIT_FAILED;
        return code;
}

static int watch_wireguard(struct command *command)
{
        fbn_wireguard_monitor_options options = {.size = sizeof(options), .interval_ms = (uint32_t)(command->interval * 1000), .existing = true};
        fbn_monitor *monitor = NULL;
        int r;

        if (command->count > 1)
                return misused("usage: fabricnet wg watch [INTERFACE] [--interval SECONDS]");
        r = fbn_wireguard_monitor_new(command->c, command->count ? command->argument[0] : NULL, &options, &monitor);
        return r < 0 ? failed(command, r) : watch(command, monitor);
}

int command_wg(struct command *command)
{
        static const struct verb verbs[] = {
                {"list", 0, list, "list"},
                {"show", -1, wg_show, "show [INTERFACE]"},
                {"create", -1, create, "create INTERFACE " CREATE_WORDS},
                {"delete", 1, delete, "delete INTERFACE"},
                {"apply", -1, apply, "apply INTERFACE FILE [keep-peers] [--dry-run]"},
                {"diff", -1, apply, "diff INTERFACE FILE [keep-peers]"},
                {"import", -1, wg_import, "import FILE [INTERFACE]"},
                {"export", -1, wg_export, "export INTERFACE [wg-quick|netdev|network] [-o FILE]"},
                {"qr", 1, wg_qr, "qr FILE|INTERFACE [--svg|--png] [-o FILE]"},
                {"watch", -1, watch_wireguard, "watch [INTERFACE] [--interval SECONDS]"},
        };

        return verb_run(command, "wg", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
