/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands in a server's configuration and is nothing that its API tells. */
#include "headscale_file.h"

#include <string.h>

static void splits_add(struct table *table, json_t *split)
{
        const char *suffix;
        json_t *servers, *server;
        size_t i;

        json_object_foreach(split, suffix, servers) {
                json_array_foreach(servers, i, server) {
                        table_add(table, suffix);
                        table_add(table, "and below: asked at");
                        table_add(table, json_string_value(server));
                }
        }
}

/* The split domains and the extra records that the fabric declares. */
int headscale_dns(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        struct table table = {0};
        char *text = NULL;
        json_t *section, *record;
        size_t i;
        int r = fbn_fabric_load_file(command->c, command->file, &fabric);

        if (r >= 0)
                r = fbn_fabric_headscale_dns(command->c, fabric, &text);
        if (r < 0)
                return failed(command, r);
        section = json_loads(text, 0, NULL);
        fbn_free(text);
        if (command->json)
                return print_json(section);
        splits_add(&table, json_object_get(json_object_get(section, "nameservers"), "split"));
        json_array_foreach(json_object_get(section, "extra_records"), i, record) {
                table_add(&table, json_string_value(json_object_get(record, "name")));
                table_add(&table, json_string_value(json_object_get(record, "type")));
                table_add(&table, json_string_value(json_object_get(record, "value")));
        }
        table_print(&table, 3, stdout);
        json_decref(section);
        return EXIT_DONE;
}

static void print_lines(char *text)
{
        json_t *lines = json_array();
        char *rest = NULL;

        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                json_array_append_new(lines, json_string(line));
        print_json(lines);
}

static int check(struct command *command)
{
        char *report = NULL;
        int count = fbn_headscale_config_check(command->c, command->argument[1], &report);

        if (count < 0)
                return failed(command, count);
        if (command->json)
                print_lines(report);
        else
                printf("%s", report);
        fbn_free(report);
        return count > 0 ? EXIT_BAD_INPUT : EXIT_DONE;
}

/* What apply would write, to look at or for a host that writes it by other means. */
static int render(struct command *command)
{
        struct wanted wanted = {.path = command->argument[1]};
        char *text = NULL;
        int code = wanted_read(&wanted), r = 0;

        if (!code && !wanted.want.config)
                code = misused("%s: it has no member \"config\"", wanted.path);
        if (!code)
                r = fbn_headscale_config_render(command->c, wanted.want.config, &text);
        wanted_clear(&wanted);
        if (code || r < 0)
                return code ? code : failed(command, r);
        printf("%s", text);
        fbn_free(text);
        return EXIT_DONE;
}

int headscale_config(struct command *command)
{
        if (strcmp(command->argument[0], "check") == 0)
                return check(command);
        if (strcmp(command->argument[0], "render") == 0)
                return render(command);
        return misused("usage: fabricnet headscale config check|render FILE");
}
