/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"
#include "dns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
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

const char *dns_this_host(const struct command *command)
{
        static char name[256];

        gethostname(name, sizeof(name) - 1);
        name[strcspn(name, ".")] = 0;
        return command->host ? command->host : name;
}

/* Those of the fabric file for this host, and what the host had for the rest. */
static int fabric_routes(struct command *command, bool records, fbn_dns_routes **ret_routes)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        int r;

        if (access(command->file, F_OK) < 0)
                return misused("dns: name routes with --route SUFFIX=UPSTREAM, '.' is the default, or a fabric file with -f: there is no %s", command->file);
        r = fbn_fabric_load_file(command->c, command->file, &fabric);
        if (r >= 0)
                r = fbn_fabric_dns(command->c, fabric, dns_this_host(command), records, &routes);
        if (r >= 0)
                r = fbn_dns_routes_add(command->c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = ".", .system = true));
        if (r < 0)
                return failed(command, r);
        *ret_routes = fbn_dns_routes_ref(routes);
        return EXIT_DONE;
}

int dns_routes(struct command *command, bool records, fbn_dns_routes **ret_routes)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        int r;

        if (command->n_route == 0)
                return fabric_routes(command, records, ret_routes);
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

/* The namespace of ip-netns(8) that the daemon starts in. */
static bool enter_namespace(const char *name)
{
        char path[512];
        int fd, r;

        if (!name)
                return true;
        snprintf(path, sizeof(path), strchr(name, '/') ? "%s" : "/run/netns/%s", name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        r = fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
        if (fd >= 0)
                close(fd);
        return r == 0;
}

/* The daemon lies beside this command, or in sbin when both are installed, or somewhere on PATH. */
static void become_daemon(char **words)
{
        static const char *const places[] = {"/fabricnet-dnsd", "/../sbin/fabricnet-dnsd"};
        char self[4096], path[4200], *slash;
        ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

        self[length < 0 ? 0 : length] = 0;
        slash = strrchr(self, '/');
        for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
                *slash = 0;
                snprintf(path, sizeof(path), "%s%s", self, places[i]);
                execv(path, words);
        }
        execvp("fabricnet-dnsd", words);
}

/* A route as lines of the daemon's file. */
static void print_route(FILE *to, const fbn_dns_route *route)
{
        char text[FBN_ADDRESS_TEXT];

        fprintf(to, "%s %s", route->blocked ? "block" : route->system ? "system" : route->n_addresses ? "answer" : "route", route->suffix);
        for (size_t i = 0; i < route->n_addresses; i++)
                fprintf(to, " %s", fbn_address_format(&route->addresses[i], text, sizeof(text)));
        for (size_t i = 0; !route->system && i < route->n_upstreams; i++)
                fprintf(to, " %s", fbn_endpoint_format(&route->upstreams[i], text, sizeof(text)));
        fputc(0, to);
        if (route->n_reverse == 0)
                return;
        fprintf(to, "reverse %s", route->suffix);
        for (size_t i = 0; i < route->n_reverse; i++)
                fprintf(to, " %s", fbn_prefix_format(&route->reverse[i], text, sizeof(text)));
        fputc(0, to);
}

/* Lines for the daemon, each with its zero: routes, addresses to listen on, and what else is said. */
static size_t print_lines(const struct command *command, const fbn_dns_routes *routes, char **ret_lines)
{
        size_t length, count = 0;
        FILE *to = open_memstream(ret_lines, &length);

        if (!to)
                return 0;
        for (size_t i = 0; i < fbn_dns_routes_count(routes); i++)
                print_route(to, fbn_dns_routes_at(routes, i));
        for (size_t i = 0; i < command->n_listen; i++)
                fprintf(to, "listen %s%c", command->listen[i], 0);
        for (int i = 0; i < command->count; i++)
                fprintf(to, "%s%c", command->argument[i], 0);
        if (fclose(to) != 0)
                return 0;
        for (size_t i = 0; i < length; i++)
                count += (*ret_lines)[i] == 0;
        return count;
}

/* It becomes fabricnet-dnsd, which is linked with the core alone. */
static int serve(struct command *command)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        char *lines = NULL, **words;
        int code = dns_routes(command, true, &routes);
        size_t count;

        if (code != EXIT_DONE)
                return code;
        count = print_lines(command, routes, &lines);
        words = calloc(2 * count + 2, sizeof(char *));
        if (!words || count == 0)
                return EXIT_FAILED;
        words[0] = (char *)(uintptr_t)"fabricnet-dnsd";
        for (size_t i = 0; i < count; i++) {
                words[1 + 2 * i] = (char *)(uintptr_t)"--set";
                words[2 + 2 * i] = lines;
                lines += strlen(lines) + 1;
        }
        if (!enter_namespace(command->netns)) {
                fprintf(stderr, "fabricnet: --netns %s: %s\n", command->netns, strerror(errno));
                return EXIT_FAILED;
        }
        become_daemon(words);
        fprintf(stderr, "fabricnet: cannot start fabricnet-dnsd: %s\n", strerror(errno));
        return EXIT_FAILED;
}

int command_dns(struct command *command)
{
        static const struct verb verbs[] = {
                {"serve", -1, serve, "serve [--route SUFFIX=UPSTREAM…] [--listen ADDRESS:PORT…] ['WORD VALUE…'…]"},
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
