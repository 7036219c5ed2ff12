/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "route.h"

#include <stdlib.h>
#include <string.h>

static json_t *nexthop_json(const fbn_nexthop *nexthop)
{
        json_t *members = json_array();
        char gateway[FBN_ADDRESS_TEXT];

        fbn_address_format(&nexthop->gateway, gateway, sizeof(gateway));
        for (size_t i = 0; i < nexthop->n_members; i++)
                json_array_append_new(members, json_pack("{s:I, s:i}", "id", (json_int_t)nexthop->members[i].id, "weight", (int)nexthop->members[i].weight));
        return json_pack("{s:I, s:s?, s:s?, s:b, s:b, s:o, s:i, s:b}", "id", (json_int_t)nexthop->id, "gateway", *gateway ? gateway : NULL, "device",
                         nexthop->device, "onlink", (int)nexthop->onlink, "blackhole", (int)nexthop->blackhole, "members", members, "protocol",
                         (int)nexthop->protocol, "ours", (int)(nexthop->protocol == FBN_PROTOCOL));
}

/* As the words that would make it. */
static void describe(const fbn_nexthop *nexthop, char *text, size_t size)
{
        char gateway[FBN_ADDRESS_TEXT];
        size_t used;

        fbn_address_format(&nexthop->gateway, gateway, sizeof(gateway));
        snprintf(text, size, "%s%s%s%s%s%s%s", nexthop->blackhole ? "blackhole" : "", *gateway ? "via " : "", gateway, nexthop->device ? " dev " : "",
                 nexthop->device ? nexthop->device : "", nexthop->onlink ? " onlink" : "", nexthop->n_members ? "group " : "");
        for (size_t i = 0; i < nexthop->n_members; i++) {
                used = strlen(text);
                snprintf(text + used, size - used, "%s%u,%u", i ? "/" : "", nexthop->members[i].id, nexthop->members[i].weight);
        }
}

static int show(struct command *command)
{
        FBN_CLEANUP(fbn_nexthops) nexthops = NULL;
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};
        int r = fbn_nexthop_list(command->c, &nexthops);

        for (size_t i = 0; r >= 0 && i < fbn_nexthops_count(nexthops); i++) {
                const fbn_nexthop *nexthop = fbn_nexthops_at(nexthops, i);
                char id[16], text[2048];

                if (all) {
                        json_array_append_new(all, nexthop_json(nexthop));
                        continue;
                }
                snprintf(id, sizeof(id), "%u", nexthop->id);
                describe(nexthop, text, sizeof(text));
                table_add(&table, id);
                table_add(&table, nexthop->protocol == FBN_PROTOCOL ? "ours" : "");
                table_add(&table, text + strspn(text, " "));
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

static int add_one(struct command *command)
{
        struct nexthop_line line;
        int code = nexthop_words(command, &line), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_nexthop_add(command->c, &line.nexthop);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int delete_one(struct command *command)
{
        uint64_t id;
        int r;

        if (!number_of(command->argument[0], UINT32_MAX, &id))
                return misused("route nexthop: '%s' is no id", command->argument[0]);
        r = fbn_nexthop_delete(command->c, (uint32_t)id);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int take_line(const struct command *command, void *data)
{
        struct nexthop_line line;
        int code = nexthop_words(command, &line), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_nexthops_add(command->c, data, &line.nexthop);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int apply(struct command *command)
{
        FBN_CLEANUP(fbn_nexthops) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int code, r;

        r = fbn_nexthops_new(command->c, &want);
        if (r < 0)
                return failed(command, r);
        code = each_line_of_words(command, command->argument[0], take_line, want);
        if (code != EXIT_DONE)
                return code;
        r = fbn_nexthop_apply(command->c, want, FBN_OPTIONS(fbn_nexthop_apply_options, .dry_run = command->dry_run), &changes);
        return changed(command, r, changes);
}

int command_nexthop(struct command *command)
{
        static const struct verb verbs[] = {
                {"show", 0, show, "show"},
                {"add", -1, add_one, "add ID via ADDRESS dev LINK [onlink] | ID [ipv6] dev LINK | ID [ipv6] blackhole | ID group ID[,WEIGHT]/…"},
                {"del", 1, delete_one, "del ID"},
                {"apply", 1, apply, "apply FILE"},
                {"diff", 1, apply, "diff FILE"},
        };

        return verb_run(command, "route nexthop", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
