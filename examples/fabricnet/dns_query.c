/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static json_t *json_endpoints(const fbn_endpoint *endpoints, size_t count)
{
        json_t *list = json_array();
        char text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < count; i++)
                json_array_append_new(list, json_string(fbn_endpoint_format(&endpoints[i], text, sizeof(text))));
        return list;
}

static json_t *json_route(const fbn_dns_route *route)
{
        return json_pack("{s:s, s:o, s:o, s:b, s:b, s:o}", "suffix", route->suffix, "upstreams", json_endpoints(route->upstreams, route->n_upstreams), "addresses",
                         json_addresses(route->addresses, route->n_addresses), "blocked", route->blocked, "system", route->system, "reverse",
                         json_prefixes(route->reverse, route->n_reverse));
}

static void print_route(const fbn_dns_route *route)
{
        char text[FBN_ADDRESS_TEXT];

        printf("%s →%s", route->suffix, route->blocked ? " blocked" : "");
        for (size_t i = 0; i < route->n_addresses; i++)
                printf(" @%s", fbn_address_format(&route->addresses[i], text, sizeof(text)));
        for (size_t i = 0; i < route->n_upstreams; i++)
                printf(" %s", fbn_endpoint_format(&route->upstreams[i], text, sizeof(text)));
        printf("%s", route->system ? " (what this host had)" : "");
        for (size_t i = 0; i < route->n_reverse; i++)
                printf("%s%s", i ? ", " : "; reverse names of ", fbn_prefix_format(&route->reverse[i], text, sizeof(text)));
        printf("\n");
}

int dns_show_routes(struct command *command)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        json_t *list = command->json ? json_array() : NULL;
        int code = dns_routes(command, true, &routes);

        for (size_t i = 0; code == EXIT_DONE && i < fbn_dns_routes_count(routes); i++)
                if (list)
                        json_array_append_new(list, json_route(fbn_dns_routes_at(routes, i)));
                else
                        print_route(fbn_dns_routes_at(routes, i));
        if (list && code == EXIT_DONE)
                return print_json(list);
        json_decref(list);
        return code;
}

static const char *source_word(fbn_dns_source source)
{
        static const char *const words[] = {"none", "upstream", "cache", "route", "local"};

        return words[source];
}

static const char *section_word(fbn_dns_section section)
{
        static const char *const words[] = {"question", "answer", "authority", "additional"};

        return words[section];
}

/* stub: who was asked, or NULL for this process. */
static json_t *json_answer(const fbn_dns_answer *answer, const fbn_endpoint *stub)
{
        const fbn_dns_explanation *why = fbn_dns_answer_explain(answer);
        char upstream[FBN_ADDRESS_TEXT], address[FBN_ADDRESS_TEXT];
        json_t *records = json_array();

        for (size_t i = 0; i < fbn_dns_answer_count(answer); i++) {
                const fbn_dns_record *record = fbn_dns_answer_at(answer, i);

                json_array_append_new(records, json_pack("{s:s, s:s, s:s, s:I, s:s}", "section", section_word(record->section), "name", record->name, "type", record->type,
                                                         "ttl", (json_int_t)record->ttl, "data", record->data));
        }
        fbn_endpoint_format(&why->upstream, upstream, sizeof(upstream));
        return json_pack("{s:s, s:s, s:s, s:s?, s:s, s:s?, s:b, s:I, s:I, s:s?, s:o}", "name", why->name, "type", why->type, "status", why->status, "route",
                         *why->route ? why->route : NULL, "source", source_word(why->source), "upstream", *upstream ? upstream : NULL, "authoritative",
                         why->authoritative, "kept_s", (json_int_t)why->kept_s, "microseconds", (json_int_t)why->microseconds, "stub",
                         stub ? fbn_endpoint_format(stub, address, sizeof(address)) : NULL, "records", records);
}

static void print_records(const fbn_dns_answer *answer)
{
        struct table table = {0};
        char ttl[24];

        for (size_t i = 0; i < fbn_dns_answer_count(answer); i++) {
                const fbn_dns_record *record = fbn_dns_answer_at(answer, i);

                if (record->section != FBN_DNS_SECTION_ANSWER)
                        continue;
                snprintf(ttl, sizeof(ttl), "%" PRIu32, record->ttl);
                table_add(&table, record->name);
                table_add(&table, ttl);
                table_add(&table, record->type);
                table_add(&table, record->data);
        }
        table_print(&table, 4, stdout);
}

static void print_explanation(const fbn_dns_explanation *why, const fbn_endpoint *stub)
{
        static const char *const words[] = {"nobody answered", "asked just now", "known from before", "the route says it itself",
                                            "answered here whatever the routes are"};
        char upstream[FBN_ADDRESS_TEXT];

        printf("%s %s: %s\n", why->name, why->type, why->status);
        printf("route     %s\n", *why->route ? why->route : "none");
        printf("source    %s", words[why->source]);
        if (why->source == FBN_DNS_SOURCE_UPSTREAM)
                printf(": %s, %" PRIu64 ".%03u ms", fbn_endpoint_format(&why->upstream, upstream, sizeof(upstream)), why->microseconds / 1000,
                       (unsigned)(why->microseconds % 1000));
        if (stub)
                printf("\nstub      %s", fbn_endpoint_format(stub, upstream, sizeof(upstream)));
        else
                printf("\nstub      none is running: this process asked");
        printf("\nkept      ");
        if (why->kept_s)
                printf("%" PRIu32 " s\n", why->kept_s);
        else
                printf("no\n");
}

/* Without routes and without a fabric file: as this host asks. */
static int routes_or_system(struct command *command, fbn_dns_routes **ret_routes)
{
        static const char *const system[] = {".=system"};

        if (command->n_route == 0 && access(command->file, F_OK) < 0) {
                command->route = system;
                command->n_route = 1;
        }
        return dns_routes(command, true, ret_routes);
}

static int ask(struct command *command, fbn_dns_answer **ret_answer)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        int code = routes_or_system(command, &routes), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_dns_stub_new(command->c, routes, FBN_OPTIONS(fbn_dns_stub_options, .in_process = true), &stub);
        if (r >= 0)
                r = fbn_dns_query(command->c, stub, command->argument[0], command->count > 1 ? command->argument[1] : "A", 0, ret_answer);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static bool is_good(const fbn_dns_answer *answer)
{
        return strcmp(fbn_dns_answer_explain(answer)->status, "NOERROR") == 0;
}

static int say_bad(const fbn_dns_answer *answer)
{
        const fbn_dns_explanation *why = fbn_dns_answer_explain(answer);

        fprintf(stderr, "fabricnet: %s %s: %s\n", why->name, why->type, why->status);
        return EXIT_FAILED;
}

int dns_query(struct command *command)
{
        FBN_CLEANUP(fbn_dns_answer) answer = NULL;
        int code;

        if (command->count < 1 || command->count > 2)
                return misused("usage: fabricnet dns query NAME [TYPE]");
        code = ask(command, &answer);
        if (code != EXIT_DONE)
                return code;
        if (command->json)
                print_json(json_answer(answer, NULL));
        else
                print_records(answer);
        return is_good(answer) ? EXIT_DONE : command->json ? EXIT_FAILED : say_bad(answer);
}

/* Which route alone, without asking anybody. */
static int explain_route(struct command *command)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        const fbn_dns_route *route;
        int code = routes_or_system(command, &routes);

        if (code != EXIT_DONE)
                return code;
        route = fbn_dns_routes_match(routes, command->argument[0]);
        if (command->json) {
                print_json(route ? json_route(route) : json_null());
                return route ? EXIT_DONE : EXIT_FAILED;
        }
        if (route)
                print_route(route);
        else
                printf("no route: refused\n");
        return route ? EXIT_DONE : EXIT_FAILED;
}

/* The stub that runs, with its cache; without one, or for routes that are only tried or another host, this process by itself. */
static int ask_stub(struct command *command, fbn_endpoint *stub, fbn_dns_answer **ret_answer)
{
        int r;

        if (!dns_endpoint(command->stub ? command->stub : "127.0.0.1", stub))
                return misused("--stub '%s': no ADDRESS or ADDRESS:PORT", command->stub);
        r = command->n_route || command->host ? -FBN_EUNAVAILABLE
                             : fbn_dns_explain(command->c, stub, command->argument[0], command->count > 1 ? command->argument[1] : "A", 0, ret_answer);
        if (r >= 0)
                return EXIT_DONE;
        if (command->stub || (r != -FBN_EUNAVAILABLE && r != -FBN_EUNSUPPORTED))
                return failed(command, r);
        *stub = (fbn_endpoint){0};
        return ask(command, ret_answer);
}

int dns_explain(struct command *command)
{
        FBN_CLEANUP(fbn_dns_answer) answer = NULL;
        const fbn_endpoint *asked;
        fbn_endpoint stub;
        int code;

        if (command->count < 1 || command->count > 2)
                return misused("usage: fabricnet dns explain NAME [TYPE]");
        if (command->dry_run)
                return explain_route(command);
        code = ask_stub(command, &stub, &answer);
        if (code != EXIT_DONE)
                return code;
        asked = stub.address.family ? &stub : NULL;
        if (command->json)
                print_json(json_answer(answer, asked));
        else {
                print_explanation(fbn_dns_answer_explain(answer), asked);
                print_records(answer);
        }
        return is_good(answer) ? EXIT_DONE : EXIT_FAILED;
}
