/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"
#include "dns.h"

#include <string.h>
#include <unistd.h>

#define UPSTREAMS_MAX 8

/* "ADDRESS" or "ADDRESS:PORT" or "[ADDRESS]:PORT". */
bool dns_endpoint(const char *text, fbn_endpoint *endpoint)
{
        memset(endpoint, 0, sizeof(*endpoint));
        endpoint->port = 53;
        return fbn_address_parse(text, &endpoint->address) == 0 || fbn_endpoint_parse(text, endpoint) == 0;
}

/* "SUFFIX=UPSTREAM,UPSTREAM…"; SUFFIX may begin with "=" itself. "SUFFIX=blocked" and "=NAME=@ADDRESS,@ADDRESS…" ask nobody, "SUFFIX=system"
 * those whom this host had. */
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
        route.system = strcmp(value, "system") == 0;
        for (value = route.blocked || route.system ? NULL : strtok_r(value, ",", &state); value; value = strtok_r(NULL, ",", &state)) {
                bool here = *value == '@';
                size_t count = route.n_upstreams + route.n_addresses;

                if (count == UPSTREAMS_MAX ||
                    !(here ? fbn_address_parse(value + 1, &addresses[route.n_addresses++]) == 0 : dns_endpoint(value, &upstreams[route.n_upstreams++])))
                        return misused("--route '%s': '%s' is no address or more than %d of them", option, value, UPSTREAMS_MAX);
        }
        r = fbn_dns_routes_add(command->c, routes, &route);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

/* Those of the fabric file for this host, and what the host had for the rest. */
static int fabric_routes(struct command *command, fbn_dns_routes **ret_routes)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        char name[256] = "";
        int r;

        if (access(command->file, F_OK) < 0)
                return misused("dns: name routes with --route SUFFIX=UPSTREAM, '.' is the default, or a fabric file with -f: there is no %s", command->file);
        gethostname(name, sizeof(name) - 1);
        name[strcspn(name, ".")] = 0;
        r = fbn_fabric_load_file(command->c, command->file, &fabric);
        if (r >= 0)
                r = fbn_fabric_dns(command->c, fabric, command->host ? command->host : name, &routes);
        if (r >= 0)
                r = fbn_dns_routes_add(command->c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = ".", .system = true));
        if (r < 0)
                return failed(command, r);
        *ret_routes = fbn_dns_routes_ref(routes);
        return EXIT_DONE;
}

int dns_routes(struct command *command, fbn_dns_routes **ret_routes)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        int r;

        if (command->n_route == 0)
                return fabric_routes(command, ret_routes);
        r = fbn_dns_routes_new(command->c, &routes);
        if (r < 0)
                return failed(command, r);
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
        int code = dns_routes(command, &routes);
        int r;

        if (code != EXIT_DONE)
                return code;
        for (size_t i = 0; i < command->n_listen; i++)
                if (!dns_endpoint(command->listen[i], &listen[i]))
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

int command_dns(struct command *command)
{
        static const struct verb verbs[] = {
                {"serve", 0, serve, "serve [--route SUFFIX=UPSTREAM…] [--listen ADDRESS:PORT…]"},
                {"query", -1, dns_query, "query NAME [TYPE] [--route SUFFIX=UPSTREAM…]"},
                {"explain", -1, dns_explain, "explain NAME [TYPE] [--route SUFFIX=UPSTREAM…] [--dry-run]"},
                {"routes", 0, dns_show_routes, "routes [--route SUFFIX=UPSTREAM…]"},
                {"host", 0, dns_host, "host [--manager NAME]"},
                {"apply", 0, dns_apply, "apply [--route SUFFIX=UPSTREAM…] [--stub ADDRESS[:PORT]] [--manager NAME] [--device LINK] [--search DOMAIN…] [--restart COMMAND]"},
                {"keep", 0, dns_keep, "keep, with the options of apply"},
                {"remove", 0, dns_remove, "remove [--restart COMMAND]"},
                {"headscale", 0, dns_headscale, "headscale"},
        };

        return verb_run(command, "dns", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
