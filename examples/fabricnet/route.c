/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *const types[] = {"unicast", "blackhole", "unreachable", "prohibit", "other"};

static json_t *route_json(const fbn_route *route)
{
        char destination[FBN_ADDRESS_TEXT], gateway[FBN_ADDRESS_TEXT], source[FBN_ADDRESS_TEXT];

        fbn_prefix_format(&route->destination, destination, sizeof(destination));
        fbn_address_format(&route->gateway, gateway, sizeof(gateway));
        fbn_address_format(&route->source, source, sizeof(source));
        return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:I, s:I, s:I, s:i, s:b}", "destination", destination, "type", types[route->type], "gateway",
                         *gateway ? gateway : NULL, "device", route->device, "source", *source ? source : NULL, "table", (json_int_t)route->table,
                         "metric", (json_int_t)route->metric, "mtu", (json_int_t)route->mtu, "protocol", (int)route->protocol, "ours",
                         route->protocol == FBN_PROTOCOL);
}

static int print_routes(const struct command *command, const fbn_routes *routes)
{
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};

        for (size_t i = 0; i < fbn_routes_count(routes); i++) {
                const fbn_route *route = fbn_routes_at(routes, i);
                char destination[FBN_ADDRESS_TEXT], gateway[FBN_ADDRESS_TEXT], number[32];

                if (all) {
                        json_array_append_new(all, route_json(route));
                        continue;
                }
                snprintf(number, sizeof(number), "table %u", route->table);
                table_add(&table, fbn_prefix_format(&route->destination, destination, sizeof(destination)));
                table_add(&table, types[route->type]);
                table_add(&table, fbn_address_format(&route->gateway, gateway, sizeof(gateway)));
                table_add(&table, route->device);
                table_add(&table, number);
                table_add(&table, route->protocol == FBN_PROTOCOL ? "ours" : "");
        }
        if (all)
                return print_json(all);
        table_print(&table, 6, stdout);
        return EXIT_DONE;
}

static int list(struct command *command)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;
        int r = fbn_route_list(command->c, NULL, &routes);

        return r < 0 ? failed(command, r) : print_routes(command, routes);
}

static int get(struct command *command)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;
        fbn_address address;
        int r;

        if (fbn_address_parse(command->argument[0], &address) < 0)
                return misused("'%s' is no address", command->argument[0]);
        r = fbn_route_get(command->c, &address, &routes);
        return r < 0 ? failed(command, r) : print_routes(command, routes);
}

/* "PREFIX [via ADDRESS] [dev NAME] [table N] [metric N] [mtu N]": words as ip-route(8) has them. */
static int words(struct command *command, fbn_route *route)
{
        const char *destination = command->count > 0 ? command->argument[0] : "";

        if (strcmp(destination, "default") == 0)
                destination = "0.0.0.0/0";
        if (fbn_prefix_parse(destination, &route->destination) < 0)
                return misused("route: '%s' is no prefix", destination);
        for (int i = 1; i < command->count; i += 2) {
                const char *word = command->argument[i];
                const char *value = i + 1 < command->count ? command->argument[i + 1] : NULL;
                uint64_t number = 0;

                if (!value)
                        return misused("route: '%s' needs a value", word);
                if ((strcmp(word, "table") == 0 || strcmp(word, "metric") == 0 || strcmp(word, "mtu") == 0) && !number_of(value, UINT32_MAX, &number))
                        return misused("route: '%s' is no number for '%s'", value, word);
                if (strcmp(word, "via") == 0) {
                        if (fbn_address_parse(value, &route->gateway) < 0)
                                return misused("route: '%s' is no address", value);
                } else if (strcmp(word, "dev") == 0)
                        route->device = value;
                else if (strcmp(word, "table") == 0)
                        route->table = (uint32_t)number;
                else if (strcmp(word, "metric") == 0)
                        route->metric = (uint32_t)number;
                else if (strcmp(word, "mtu") == 0)
                        route->mtu = (uint32_t)number;
                else
                        return misused("route: '%s' is not one of via, dev, table, metric, mtu", word);
        }
        return EXIT_DONE;
}

static int change(struct command *command, int (*verb)(fbn_context *c, const fbn_route *route))
{
        fbn_route route = {.size = sizeof(route)};
        int code = words(command, &route);
        int r;

        if (code != EXIT_DONE)
                return code;
        r = verb(command->c, &route);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int add(struct command *command)
{
        return change(command, fbn_route_add);
}

static int delete(struct command *command)
{
        return change(command, fbn_route_delete);
}

static int rules(struct command *command)
{
        FBN_CLEANUP(fbn_rules) list = NULL;
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};
        int r = fbn_rule_list(command->c, 0, &list);

        for (size_t i = 0; r >= 0 && i < fbn_rules_count(list); i++) {
                const fbn_rule *rule = fbn_rules_at(list, i);
                char from[FBN_ADDRESS_TEXT], to[FBN_ADDRESS_TEXT], priority[16], mark[48] = "", target[16];

                fbn_prefix_format(&rule->from, from, sizeof(from));
                fbn_prefix_format(&rule->to, to, sizeof(to));
                if (all) {
                        json_array_append_new(all, json_pack("{s:s, s:I, s:b, s:s?, s:s?, s:I, s:I, s:b}", "family",
                                                             rule->family == AF_INET ? "ipv4" : "ipv6", "priority", (json_int_t)rule->priority, "not",
                                                             (int)rule->invert, "from", *from ? from : NULL, "to", *to ? to : NULL, "fwmark",
                                                             (json_int_t)rule->fwmark, "table", (json_int_t)rule->table, "ours",
                                                             rule->protocol == FBN_PROTOCOL));
                        continue;
                }
                snprintf(priority, sizeof(priority), "%u", rule->priority);
                if (rule->fwmark)
                        snprintf(mark, sizeof(mark), "%sfwmark 0x%x", rule->invert ? "not " : "", rule->fwmark);
                snprintf(target, sizeof(target), "table %u", rule->table);
                table_add(&table, priority);
                table_add(&table, rule->family == AF_INET ? "ipv4" : "ipv6");
                table_add(&table, *from ? from : "all");
                table_add(&table, mark);
                table_add(&table, target);
                table_add(&table, rule->protocol == FBN_PROTOCOL ? "ours" : "");
        }
        if (r < 0) {
                json_decref(all);
                return failed(command, r);
        }
        if (all)
                return print_json(all);
        table_print(&table, 6, stdout);
        return EXIT_DONE;
}

int command_route(struct command *command)
{
        static const struct verb verbs[] = {
                {"list", 0, list, "list"},
                {"get", 1, get, "get ADDRESS"},
                {"add", -1, add, "add PREFIX [via ADDRESS] [dev LINK] [table N] [metric N] [mtu N]"},
                {"delete", -1, delete, "delete PREFIX [via ADDRESS] [dev LINK] [table N] [metric N]"},
                {"rules", 0, rules, "rules"},
        };

        return verb_run(command, "route", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
