/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "route.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void add(char *text, size_t size, const char *format, ...) FBN_PRINTF(3, 4);
static void add(char *text, size_t size, const char *format, ...)
{
        size_t used = strlen(text);
        va_list arguments;

        if (used > 0 && used + 1 < size)
                text[used++] = ' ';
        text[used] = 0;
        va_start(arguments, format);
        vsnprintf(text + used, size - used, format, arguments);
        va_end(arguments);
}

static void add_gateway(char *text, size_t size, uint16_t family, const fbn_address *gateway, const char *device)
{
        char address[FBN_ADDRESS_TEXT];

        if (gateway->family)
                add(text, size, "via %s%s", gateway->family != family ? "inet6 " : "", fbn_address_format(gateway, address, sizeof(address)));
        if (device)
                add(text, size, "dev %s", device);
}

void route_way(const fbn_route *route, char *text, size_t size)
{
        uint16_t family = route->destination.address.family;
        char address[FBN_ADDRESS_TEXT];

        *text = 0;
        add_gateway(text, size, family, &route->gateway, route->device);
        if (route->nexthop)
                add(text, size, "nhid %u", route->nexthop);
        if (route->source.family)
                add(text, size, "src %s", fbn_address_format(&route->source, address, sizeof(address)));
        if (route->tos)
                add(text, size, "tos 0x%02x", route->tos);
        if (route->metric)
                add(text, size, "metric %u", route->metric);
        if (route->mtu)
                add(text, size, "mtu %u", route->mtu);
        if (route->advmss)
                add(text, size, "advmss %u", route->advmss);
        if (route->onlink)
                add(text, size, "onlink");
        for (size_t i = 0; i < route->n_hops; i++) {
                add(text, size, "nexthop");
                add_gateway(text, size, family, &route->hops[i].gateway, route->hops[i].device);
                if (route->hops[i].weight > 1)
                        add(text, size, "weight %u", route->hops[i].weight);
                if (route->hops[i].onlink)
                        add(text, size, "onlink");
        }
}

static json_t *address_json(const fbn_address *address)
{
        char text[FBN_ADDRESS_TEXT];

        return address->family ? json_string(fbn_address_format(address, text, sizeof(text))) : json_null();
}

static json_t *hops_json(const fbn_route *route)
{
        json_t *list = json_array();

        for (size_t i = 0; i < route->n_hops; i++)
                json_array_append_new(list, json_pack("{s:o, s:s?, s:i, s:b}", "gateway", address_json(&route->hops[i].gateway), "device",
                                                      route->hops[i].device, "weight", (int)route->hops[i].weight, "onlink", (int)route->hops[i].onlink));
        return list;
}

json_t *route_json(const fbn_route *route)
{
        char destination[FBN_ADDRESS_TEXT];

        fbn_prefix_format(&route->destination, destination, sizeof(destination));
        return json_pack("{s:s, s:s, s:o, s:s?, s:o, s:I, s:I, s:I, s:I, s:i, s:s, s:b, s:I, s:o, s:i, s:b}", "destination", destination, "type",
                         route_type_word(route->type), "gateway", address_json(&route->gateway), "device", route->device, "source",
                         address_json(&route->source), "table", (json_int_t)route->table, "metric", (json_int_t)route->metric, "mtu",
                         (json_int_t)route->mtu, "advmss", (json_int_t)route->advmss, "tos", (int)route->tos, "scope", route_scope_word(route->scope),
                         "onlink", (int)route->onlink, "nexthop", (json_int_t)route->nexthop, "hops", hops_json(route), "protocol", (int)route->protocol,
                         "ours", (int)(route->protocol == FBN_PROTOCOL));
}

static int print_routes(const struct command *command, const fbn_routes *routes)
{
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};

        for (size_t i = 0; i < fbn_routes_count(routes); i++) {
                const fbn_route *route = fbn_routes_at(routes, i);
                char destination[FBN_ADDRESS_TEXT], number[32], way[4096];

                if (all) {
                        json_array_append_new(all, route_json(route));
                        continue;
                }
                snprintf(number, sizeof(number), "table %u", route->table);
                route_way(route, way, sizeof(way));
                table_add(&table, route->type ? route_type_word(route->type) : "");
                table_add(&table, fbn_prefix_format(&route->destination, destination, sizeof(destination)));
                table_add(&table, number);
                table_add(&table, route->protocol == FBN_PROTOCOL ? "ours" : "");
                table_add(&table, way);
        }
        if (all)
                return print_json(all);
        table_print(&table, 5, stdout);
        return EXIT_DONE;
}

/* "show [table N] [dev LINK] [proto N]" */
static int show(struct command *command)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;
        fbn_route_filter filter = {.size = sizeof(filter)};
        uint64_t number;
        int r;

        for (int i = 0; i < command->count; i += 2) {
                const char *word = command->argument[i], *value = i + 1 < command->count ? command->argument[i + 1] : NULL;

                if (value && strcmp(word, "dev") == 0)
                        filter.device = value;
                else if (value && strcmp(word, "table") == 0 && number_of(value, UINT32_MAX, &number))
                        filter.table = (uint32_t)number;
                else if (value && strcmp(word, "proto") == 0 && number_of(value, UINT8_MAX, &number))
                        filter.protocol = (uint8_t)number;
                else
                        return misused("usage: fabricnet route show [table N] [dev LINK] [proto N]");
        }
        r = fbn_route_list(command->c, &filter, &routes);
        return r < 0 ? failed(command, r) : print_routes(command, routes);
}

static int print_lookup(const struct command *command, const fbn_routes *routes, const fbn_rule *rule)
{
        const fbn_route *way = fbn_routes_at(routes, 0), *match = fbn_routes_at(routes, 1);
        char text[4096], selectors[512], result[128], prefix[FBN_ADDRESS_TEXT];

        if (command->json)
                return print_json(json_pack("{s:o, s:o, s:o}", "way", route_json(way), "match", match ? route_json(match) : json_null(), "rule",
                                            rule ? rule_json(rule) : json_null()));
        route_way(way, text, sizeof(text));
        fbn_address_format(&way->destination.address, prefix, sizeof(prefix));
        printf("%s %s table %u\n", prefix, text, way->table);
        if (match) {
                route_way(match, text, sizeof(text));
                printf("  by the route %s%s%s %s\n", route_type_word(match->type), match->type ? " " : " ",
                       fbn_prefix_format(&match->destination, prefix, sizeof(prefix)), text);
        }
        if (rule) {
                rule_selectors(rule, selectors, sizeof(selectors));
                rule_result(rule, result, sizeof(result));
                printf("  by the rule %u: %s %s\n", rule->priority, selectors, result);
        }
        return EXIT_DONE;
}

static int get(struct command *command)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;
        FBN_CLEANUP(fbn_rules) rules = NULL;
        const fbn_rule *rule = NULL;
        fbn_route_query query;
        int code = query_words(command, &query), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_route_get(command->c, &query, &routes);
        if (r >= 0)
                r = fbn_rule_match(command->c, &query, &rules);
        if (r < 0)
                return failed(command, r);
        for (size_t i = 0; i < fbn_rules_count(rules) && !rule; i++)
                if (fbn_rules_at(rules, i)->table == fbn_routes_at(routes, 0)->table)
                        rule = fbn_rules_at(rules, i);
        return print_lookup(command, routes, rule);
}

static int change(struct command *command, int (*verb)(fbn_context *c, const fbn_route *route))
{
        struct route_line line;
        int code = route_words(command, &line);
        int r;

        if (code != EXIT_DONE)
                return code;
        r = verb(command->c, &line.route);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int add_one(struct command *command)
{
        return change(command, fbn_route_add);
}

static int replace_one(struct command *command)
{
        return change(command, fbn_route_replace);
}

static int append_one(struct command *command)
{
        return change(command, fbn_route_append);
}

static int delete_one(struct command *command)
{
        return change(command, fbn_route_delete);
}

static int take_line(const struct command *command, void *data)
{
        struct route_line line;
        int code = route_words(command, &line), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_routes_add(command->c, data, &line.route);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int apply(struct command *command)
{
        FBN_CLEANUP(fbn_routes) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int code, r;

        r = fbn_routes_new(command->c, &want);
        if (r < 0)
                return failed(command, r);
        code = each_line_of_words(command, command->argument[0], take_line, want);
        if (code != EXIT_DONE)
                return code;
        r = fbn_route_apply(command->c, want, FBN_OPTIONS(fbn_route_apply_options, .dry_run = command->dry_run), &changes);
        return changed(command, r, changes);
}

/* The line's words, cut in place. */
static int split(char *line, char **words, int capacity)
{
        int count = 0;

        for (char *rest = NULL, *word = strtok_r(line, " \t", &rest); word && count < capacity && *word != '#'; word = strtok_r(NULL, " \t", &rest))
                words[count++] = word;
        return count;
}

struct lines {
        const struct command *command;
        int (*take)(const struct command *line, void *data);
        void *data;
};

static int take_words(char *text, void *data)
{
        const struct lines *lines = data;
        struct command line = *lines->command;
        char *words[512];
        int capacity = (int)(sizeof(words) / sizeof(words[0]));

        line.argument = words;
        line.count = split(text, words, capacity);
        if (line.count == capacity)
                return misused("more than %d words", capacity - 1);
        return line.count > 0 ? lines->take(&line, lines->data) : EXIT_DONE;
}

int each_line_of_words(struct command *command, const char *path, int (*take)(const struct command *line, void *data), void *data)
{
        return each_line(path, take_words, &(struct lines){command, take, data});
}

int command_route(struct command *command)
{
        static const struct verb verbs[] = {
                {"show", -1, show, "show [table N] [dev LINK] [proto N]"},
                {"get", -1, get, "get ADDRESS [from ADDRESS] [iif LINK] [oif LINK] [mark N] [tos N] [ipproto P sport N dport N] [uid N]"},
                {"add", -1, add_one, "add [TYPE] PREFIX [via ADDRESS] [dev LINK] [WORD VALUE…] [nexthop via ADDRESS dev LINK weight N]…"},
                {"replace", -1, replace_one, "replace …, as add"},
                {"append", -1, append_one, "append …, as add"},
                {"del", -1, delete_one, "del …, as add: the first that matches"},
                {"apply", 1, apply, "apply FILE"},
                {"diff", 1, apply, "diff FILE"},
                {"rule", -1, command_rule, "rule show|add|del|match|apply|diff …"},
                {"nexthop", -1, command_nexthop, "nexthop show|add|del|apply|diff …"},
                {"neighbour", -1, command_neighbour, "neighbour show|add|del|apply|diff …"},
                {"watch", -1, watch_routes, "watch [dev LINK] [table N] [protocol N] [neighbours]"},
        };

        return verb_run(command, "route", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
