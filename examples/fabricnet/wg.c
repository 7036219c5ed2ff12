/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg.h"

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

static int create(struct command *command)
{
        int r = fbn_wireguard_create(command->c, command->argument[0], NULL);

        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int apply_file(struct command *command, bool dry_run, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        fbn_wireguard_apply_options options = {.size = sizeof(options), .dry_run = dry_run};
        int r;

        r = fbn_wireguard_parse_file(command->c, command->argument[1], &want);
        if (r >= 0)
                r = fbn_wireguard_apply(command->c, command->argument[0], want, &options, ret_changes);
        return r;
}

static int apply(struct command *command)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = apply_file(command, command->dry_run, &changes);

        return r < 0 ? failed(command, r) : print_changes(command, changes);
}

static int diff(struct command *command)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = apply_file(command, true, &changes);

        if (r < 0)
                return failed(command, r);
        print_changes(command, changes);
        return r > 0 ? EXIT_DIFFERENT : EXIT_DONE;
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
                {"create", 1, create, "create INTERFACE"},
                {"delete", 1, delete, "delete INTERFACE"},
                {"apply", 2, apply, "apply INTERFACE FILE [--dry-run]"},
                {"diff", 2, diff, "diff INTERFACE FILE"},
                {"import", -1, wg_import, "import FILE [INTERFACE]"},
                {"export", -1, wg_export, "export INTERFACE [wg-quick|netdev|network] [-o FILE]"},
                {"qr", 1, wg_qr, "qr FILE|INTERFACE [--svg|--png] [-o FILE]"},
                {"watch", -1, watch_wireguard, "watch [INTERFACE] [--interval SECONDS]"},
        };

        return verb_run(command, "wg", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
