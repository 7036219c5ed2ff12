/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns.h"

#include <string.h>

static const struct {
        const char *name;
        fbn_dns_manager manager;
} managers[] = {
        {"systemd-resolved", FBN_DNS_MANAGER_RESOLVED}, {"resolvconf", FBN_DNS_MANAGER_RESOLVCONF}, {"dnsmasq", FBN_DNS_MANAGER_DNSMASQ},
        {"unbound", FBN_DNS_MANAGER_UNBOUND},           {"file", FBN_DNS_MANAGER_FILE},
};

static const char *manager_word(fbn_dns_manager manager)
{
        for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++)
                if (managers[i].manager == manager)
                        return managers[i].name;
        return "unknown";
}

static bool manager_of(const char *name, fbn_dns_manager *ret_manager)
{
        for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++)
                if (strcmp(managers[i].name, name) == 0) {
                        *ret_manager = managers[i].manager;
                        return true;
                }
        return false;
}

/* restart has room for the shell that runs --restart. */
static int options_of(struct command *command, fbn_dns_host_options *options, const char *restart[3])
{
        *options = (fbn_dns_host_options){.size = sizeof(*options), .device = command->device, .search = command->search, .n_search = command->n_search,
                                          .dry_run = command->dry_run};
        if (command->manager && !manager_of(command->manager, &options->manager))
                return misused("--manager '%s': systemd-resolved, resolvconf, dnsmasq, unbound or file", command->manager);
        if (command->stub && !dns_endpoint(command->stub, &options->stub))
                return misused("--stub '%s': no ADDRESS or ADDRESS:PORT", command->stub);
        if (command->restart) {
                restart[0] = "/bin/sh";
                restart[1] = "-c";
                restart[2] = command->restart;
                options->restart = restart;
                options->n_restart = 3;
        }
        return EXIT_DONE;
}

static void print_state(const fbn_dns_host_state *state)
{
        char text[FBN_ADDRESS_TEXT];

        printf("manager  %s: %s\nservers ", manager_word(state->manager), state->reason);
        for (size_t i = 0; i < state->n_servers; i++)
                printf(" %s", fbn_endpoint_format(&state->servers[i], text, sizeof(text)));
        printf("%s\nsearch  ", state->n_servers ? "" : " none");
        for (size_t i = 0; i < state->n_search; i++)
                printf(" %s", state->search[i]);
        printf("%s\nours     %s\n", state->n_search ? "" : " none", state->ours ? "yes" : "no");
}

static int print_state_json(const fbn_dns_host_state *state)
{
        json_t *servers = json_array(), *search = json_array();
        char text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < state->n_servers; i++)
                json_array_append_new(servers, json_string(fbn_endpoint_format(&state->servers[i], text, sizeof(text))));
        for (size_t i = 0; i < state->n_search; i++)
                json_array_append_new(search, json_string(state->search[i]));
        return print_json(json_pack("{s:s, s:s, s:o, s:o, s:b}", "manager", manager_word(state->manager), "reason", state->reason, "servers", servers, "search", search,
                                    "ours", state->ours));
}

int dns_host(struct command *command)
{
        FBN_CLEANUP(fbn_dns_host) host = NULL;
        fbn_dns_host_options options;
        const char *restart[3];
        int code = options_of(command, &options, restart), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_dns_host_get(command->c, &options, &host);
        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_state_json(fbn_dns_host_state_get(host));
        print_state(fbn_dns_host_state_get(host));
        return EXIT_DONE;
}

/* Those that know single names. */
static bool has_records(const struct command *command)
{
        return command->stub || (command->manager && (strcmp(command->manager, "unbound") == 0 || strcmp(command->manager, "dnsmasq") == 0));
}

static int apply(struct command *command, const fbn_dns_routes *routes)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_dns_host_options options;
        const char *restart[3];
        int code = options_of(command, &options, restart), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_dns_host_apply(command->c, routes, &options, &changes);
        return changed(command, r, changes);
}

int dns_apply(struct command *command)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        int code = dns_routes(command, has_records(command), &routes);

        return code == EXIT_DONE ? apply(command, routes) : code;
}

int dns_remove(struct command *command)
{
        return apply(command, NULL);
}

/* All that is to be known is in the fabric file. */
static int keep_declared(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        fbn_monitor *monitor = NULL;
        int r = fbn_fabric_load_file(command->c, command->file, &fabric);

        if (r >= 0)
                r = fbn_fabric_dns_keep(command->c, fabric, dns_this_host(command), &monitor);
        return r < 0 ? failed(command, r) : watch(command, monitor);
}

static int keep(struct command *command)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        fbn_dns_host_options options;
        fbn_monitor *monitor = NULL;
        const char *restart[3];
        int code = dns_routes(command, has_records(command), &routes), r;

        if (code == EXIT_DONE)
                code = options_of(command, &options, restart);
        if (code != EXIT_DONE)
                return code;
        r = fbn_dns_host_monitor_new(command->c, routes, &options, &monitor);
        return r < 0 ? failed(command, r) : watch(command, monitor);
}

int dns_keep(struct command *command)
{
        bool given = command->n_route || command->stub || command->manager || command->device || command->n_search || command->restart;

        return given ? keep(command) : keep_declared(command);
}

int dns_headscale(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char *text = NULL;
        int r = fbn_fabric_load_file(command->c, command->file, &fabric);

        if (r >= 0)
                r = fbn_fabric_headscale_dns(command->c, fabric, &text);
        if (r < 0)
                return failed(command, r);
        printf("%s\n", text);
        fbn_free(text);
        return EXIT_DONE;
}
