/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "route.h"

#include <stdlib.h>

static int show(struct command *command)
{
        FBN_CLEANUP(fbn_neighbours) neighbours = NULL;
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};
        int r = fbn_neighbour_list(command->c, command->count > 0 ? command->argument[0] : NULL, &neighbours);

        for (size_t i = 0; r >= 0 && i < fbn_neighbours_count(neighbours); i++) {
                const fbn_neighbour *neighbour = fbn_neighbours_at(neighbours, i);
                char address[FBN_ADDRESS_TEXT];

                fbn_address_format(&neighbour->address, address, sizeof(address));
                if (all) {
                        json_array_append_new(all, json_pack("{s:s, s:s?, s:s?, s:s?, s:b, s:b, s:i, s:b}", "address", address, "device",
                                                             neighbour->device, "link_address", neighbour->link_address, "state", neighbour->state,
                                                             "proxy", (int)neighbour->proxy, "router", (int)neighbour->router, "protocol",
                                                             (int)neighbour->protocol, "ours", (int)(neighbour->protocol == FBN_PROTOCOL)));
                        continue;
                }
                table_add(&table, neighbour->device);
                table_add(&table, address);
                table_add(&table, neighbour->link_address);
                table_add(&table, neighbour->proxy ? "proxy" : neighbour->state);
                table_add(&table, neighbour->protocol == FBN_PROTOCOL ? "ours" : "");
        }
        if (r < 0) {
                json_decref(all);
                return failed(command, r);
        }
        if (all)
                return print_json(all);
        table_print(&table, 5, stdout);
        return EXIT_DONE;
}

static int change(struct command *command, int (*verb)(fbn_context *c, const fbn_neighbour *neighbour))
{
        fbn_neighbour neighbour;
        int code = neighbour_words(command, &neighbour), r;

        if (code != EXIT_DONE)
                return code;
        r = verb(command->c, &neighbour);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int add_one(struct command *command)
{
        return change(command, fbn_neighbour_add);
}

static int delete_one(struct command *command)
{
        return change(command, fbn_neighbour_delete);
}

static int take_line(const struct command *command, void *data)
{
        fbn_neighbour neighbour;
        int code = neighbour_words(command, &neighbour), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_neighbours_add(command->c, data, &neighbour);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int apply(struct command *command)
{
        FBN_CLEANUP(fbn_neighbours) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int code, r;

        r = fbn_neighbours_new(command->c, &want);
        if (r < 0)
                return failed(command, r);
        code = each_line_of_words(command, command->argument[0], take_line, want);
        if (code != EXIT_DONE)
                return code;
        r = fbn_neighbour_apply(command->c, want, FBN_OPTIONS(fbn_neighbour_apply_options, .dry_run = command->dry_run), &changes);
        return changed(command, r, changes);
}

int command_neighbour(struct command *command)
{
        static const struct verb verbs[] = {
                {"show", -1, show, "show [LINK]"},
                {"add", -1, add_one, "add ADDRESS dev LINK lladdr ADDRESS [router] | proxy ADDRESS dev LINK"},
                {"del", -1, delete_one, "del [proxy] ADDRESS dev LINK"},
                {"apply", 1, apply, "apply FILE"},
                {"diff", 1, apply, "diff FILE"},
        };

        return verb_run(command, "route neighbour", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
