/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <string.h>

#define UPSTREAMS_MAX 8

/* "ADDRESS" or "ADDRESS:PORT" or "[ADDRESS]:PORT". */
static bool endpoint_of(const char *text, fbn_endpoint *endpoint)
{
        memset(endpoint, 0, sizeof(*endpoint));
        endpoint->port = 53;
        return fbn_address_parse(text, &endpoint->address) == 0 || fbn_endpoint_parse(text, endpoint) == 0;
}

/* "SUFFIX=UPSTREAM,UPSTREAM…"; SUFFIX may begin with "=" itself, and "SUFFIX=blocked" and "=NAME=@ADDRESS,@ADDRESS…" ask nobody. */
static int add_route(struct command *command, fbn_dns_routes *routes, const char *option)
{
        fbn_endpoint upstreams[UPSTREAMS_MAX];
        fbn_address addresses[UPSTREAMS_MAX];
        fbn_dns_route route = {.size = sizeof(route), .upstreams = upstreams, .addresses = addresses};
        char text[512], *value, *state = NULL;
        int r;

        if (snprintf(text, sizeof(text), "%s", option) >= (int)sizeof(text) || !*text || !strchr(text + 1, '='))
                return misused("--route '%s': write SUFFIX=UPSTREAM[,UPSTREAM…], for instance local.example=192.0.2.1", option);
        route.suffix = text;
        value = strchr(text + 1, '=');
        *value++ = 0;
        route.blocked = strcmp(value, "blocked") == 0;
        for (value = route.blocked ? NULL : strtok_r(value, ",", &state); value; value = strtok_r(NULL, ",", &state)) {
                bool here = *value == '@';
                size_t count = route.n_upstreams + route.n_addresses;

                if (count == UPSTREAMS_MAX ||
                    !(here ? fbn_address_parse(value + 1, &addresses[route.n_addresses++]) == 0 : endpoint_of(value, &upstreams[route.n_upstreams++])))
                        return misused("--route '%s': '%s' is no address or more than %d of them", option, value, UPSTREAMS_MAX);
        }
        r = fbn_dns_routes_add(command->c, routes, &route);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int routes_of(struct command *command, fbn_dns_routes **ret_routes)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        int r = fbn_dns_routes_new(command->c, &routes);

        if (r < 0)
                return failed(command, r);
        if (command->n_route == 0)
                return misused("dns: name at least one route with --route SUFFIX=UPSTREAM; '.' is the default");
        for (size_t i = 0; i < command->n_route; i++) {
                int code = add_route(command, routes, command->route[i]);

                if (code != EXIT_DONE)
                        return code;
        }
        *ret_routes = fbn_dns_routes_ref(routes);
        return EXIT_DONE;
}

static int serve(struct command *command)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        fbn_endpoint listen[64];
        fbn_dns_stub_options options = {.size = sizeof(options), .listen = command->n_listen ? listen : NULL, .n_listen = command->n_listen};
        int code = routes_of(command, &routes);
        int r;

        if (code != EXIT_DONE)
                return code;
        for (size_t i = 0; i < command->n_listen; i++)
                if (!endpoint_of(command->listen[i], &listen[i]))
                        return misused("--listen '%s': no address", command->listen[i]);
        r = fbn_dns_stub_new(command->c, routes, &options, &stub);
        if (r < 0)
                return failed(command, r);
        for (size_t i = 0;; i++) {
                fbn_endpoint bound = fbn_dns_stub_address(stub, i);
                char text[FBN_ADDRESS_TEXT];

                if (!bound.address.family)
                        break;
                fprintf(stderr, "listening on %s\n", fbn_endpoint_format(&bound, text, sizeof(text)));
        }
        r = fbn_dns_stub_run(command->c, stub);
        return r == -FBN_ECANCELED ? EXIT_DONE : failed(command, r);
}

static int match(struct command *command)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        const fbn_dns_route *route;
        int code = routes_of(command, &routes);

        if (code != EXIT_DONE)
                return code;
        route = fbn_dns_routes_match(routes, command->argument[0]);
        if (!route) {
                printf("no route: refused\n");
                return EXIT_FAILED;
        }
        printf("%s →%s", route->suffix, route->blocked ? " blocked" : "");
        for (size_t i = 0; i < route->n_addresses; i++) {
                char text[FBN_ADDRESS_TEXT];

                printf(" @%s", fbn_address_format(&route->addresses[i], text, sizeof(text)));
        }
        for (size_t i = 0; i < route->n_upstreams; i++) {
                char text[FBN_ADDRESS_TEXT];

                printf(" %s", fbn_endpoint_format(&route->upstreams[i], text, sizeof(text)));
        }
        printf("\n");
        return EXIT_DONE;
}

int command_dns(struct command *command)
{
        static const struct verb verbs[] = {
                {"serve", 0, serve, "serve --route SUFFIX=UPSTREAM… [--listen ADDRESS:PORT…]"},
                {"match", 1, match, "match NAME --route SUFFIX=UPSTREAM…"},
        };

        return verb_run(command, "dns", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
