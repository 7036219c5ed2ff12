/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <string.h>
#include <unistd.h>

/* The router of argument[0], as it is managed from this host. */
static int declared(struct command *command, fbn_router **ret_router)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char name[256] = "";
        fbn_fabric_options options = {.size = sizeof(options), .host = command->host, .auth_key_file = command->auth_key};
        int r;

        if (!options.host && gethostname(name, sizeof(name) - 1) == 0) {
                name[strcspn(name, ".")] = 0;
                options.host = name;
        }
        r = fbn_fabric_load_file(command->c, command->file, &fabric);
        if (r == 0)
                r = fbn_fabric_router(command->c, fabric, &options, command->argument[0], ret_router);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int apply(struct command *command)
{
        FBN_CLEANUP(fbn_router) router = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_router_options options = {.size = sizeof(options), .dry_run = command->dry_run, .confirm_within = command->confirm_within, .backups = command->state,
                                      .local_only = command->local_only};
        int code = declared(command, &router), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_router_apply(command->c, router, &options, &changes);
        if (r == 0 && !command->json)
                printf("%s is as declared\n", command->argument[0]);
        return changed(command, r, changes);
}

static int plan(struct command *command)
{
        command->dry_run = true;
        return apply(command);
}

static void print_object(const fbn_router_object *object)
{
        json_t *content = json_loads(object->content, 0, NULL);
        char *text = json_dumps(content, JSON_COMPACT);

        printf("%-10s %-24s %s\n", object->kind, object->name, text ? text : "");
        fbn_free(text);
        json_decref(content);
}

static int show(struct command *command)
{
        FBN_CLEANUP(fbn_router) router = NULL;
        FBN_CLEANUP(fbn_router) have = NULL;
        int code = declared(command, &router), r;
        json_t *list;

        if (code != EXIT_DONE)
                return code;
        r = fbn_router_read(command->c, router, &have);
        if (r < 0)
                return failed(command, r);
        list = json_array();
        for (size_t i = 0; i < fbn_router_count(have); i++) {
                const fbn_router_object *object = fbn_router_at(have, i);

                if (command->json)
                        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "kind", object->kind, "name", object->name, "content",
                                                              json_loads(object->content, 0, NULL)));
                else
                        print_object(object);
        }
        if (command->json)
                return print_json(list);
        json_decref(list);
        if (r == 0)
                printf("%s has nothing of this fabric\n", command->argument[0]);
        return EXIT_DONE;
}

static int render(struct command *command)
{
        FBN_CLEANUP(fbn_router) router = NULL;
        int code = declared(command, &router), r;
        char *text = NULL;

        if (code != EXIT_DONE)
                return code;
        r = fbn_router_render(command->c, router, &text);
        if (r < 0)
                return failed(command, r);
        fputs(text, stdout);
        fbn_free(text);
        return EXIT_DONE;
}

int command_router(struct command *command)
{
        static const struct verb verbs[] = {
                {"plan", 1, plan, "plan HOST"}, {"apply", 1, apply, "apply HOST"}, {"show", 1, show, "show HOST"}, {"render", 1, render, "render HOST"}};

        return verb_run(command, "router", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
