/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fabricnet: a two-layer private network from one file. See fabricnet(1). */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LIST_MAX 64

enum { OPTION_NETNS = 256, OPTION_SECRETS, OPTION_HOST, OPTION_JSON, OPTION_DOT, OPTION_SVG, OPTION_PNG, OPTION_LOCAL, OPTION_DRY, OPTION_AUTH_KEY, OPTION_PLAN,
       OPTION_PROBE, OPTION_METRICS,
       OPTION_CA, OPTION_URL, OPTION_API_KEY, OPTION_SOCKET, OPTION_LISTEN, OPTION_ROUTE, OPTION_STUB, OPTION_MANAGER, OPTION_DEVICE, OPTION_RESTART, OPTION_SEARCH, OPTION_FORCE, OPTION_INTERVAL, OPTION_CONFIRM, OPTION_UNCHANGED, OPTION_UNVERIFIED, OPTION_STATE, OPTION_SOURCE, OPTION_DESTINATION, OPTION_VERSION };

static const struct option options[] = {
        {"file", required_argument, NULL, 'f'},
        {"host", required_argument, NULL, OPTION_HOST},
        {"netns", required_argument, NULL, OPTION_NETNS},
        {"secrets-dir", required_argument, NULL, OPTION_SECRETS},
        {"json", no_argument, NULL, OPTION_JSON},
        {"verbose", no_argument, NULL, 'v'},
        {"output", required_argument, NULL, 'o'},
        {"dot", no_argument, NULL, OPTION_DOT},
        {"svg", no_argument, NULL, OPTION_SVG},
        {"png", no_argument, NULL, OPTION_PNG},
        {"local-only", no_argument, NULL, OPTION_LOCAL},
        {"dry-run", no_argument, NULL, OPTION_DRY},
        {"force", no_argument, NULL, OPTION_FORCE},
        {"interval", required_argument, NULL, OPTION_INTERVAL},
        {"confirm-within", required_argument, NULL, OPTION_CONFIRM},
        {"state", required_argument, NULL, OPTION_STATE},
        {"unchanged", no_argument, NULL, OPTION_UNCHANGED},
        {"unverified", no_argument, NULL, OPTION_UNVERIFIED},
        {"auth-key", required_argument, NULL, OPTION_AUTH_KEY},
        {"probe", no_argument, NULL, OPTION_PROBE},
        {"openmetrics", no_argument, NULL, OPTION_METRICS},
        {"plan", required_argument, NULL, OPTION_PLAN},
        {"ca-file", required_argument, NULL, OPTION_CA},
        {"url", required_argument, NULL, OPTION_URL},
        {"api-key", required_argument, NULL, OPTION_API_KEY},
        {"socket", required_argument, NULL, OPTION_SOCKET},
        {"listen", required_argument, NULL, OPTION_LISTEN},
        {"route", required_argument, NULL, OPTION_ROUTE},
        {"stub", required_argument, NULL, OPTION_STUB},
        {"manager", required_argument, NULL, OPTION_MANAGER},
        {"device", required_argument, NULL, OPTION_DEVICE},
        {"restart", required_argument, NULL, OPTION_RESTART},
        {"search", required_argument, NULL, OPTION_SEARCH},
        {"source", required_argument, NULL, OPTION_SOURCE},
        {"destination", required_argument, NULL, OPTION_DESTINATION},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {0},
};

static const struct {
        const char *name;
        int (*run)(struct command *command);
        const char *what;
} commands[] = {
        {"check", command_check, "validate the fabric file and look for what would not work"},
        {"plan", command_plan, "say what apply would do on this host"},
        {"apply", command_apply, "make this host as declared"},
        {"adopt", command_adopt, "apply, and take over the links and routes that others made for declared tunnels"},
        {"confirm", command_confirm, "keep what was applied with --confirm-within"},
        {"rollback", command_rollback, "go back: undo what waits for confirmation, else the last generation; or to generation N"},
        {"recover", command_recover, "put back what was interrupted; after a boot, bring back what was confirmed"},
        {"history", command_history, "what was changed here, when and by whom"},
        {"status", command_status, "what is live here, and how it differs from what is declared"},
        {"explain", command_explain, "the way of a packet from a host to another, and what decides it"},
        {"certificates", command_certificates, "get what services' certificates are missing or due"},
        {"backup", command_backup, "fetch the files of other hosts that are kept on this one"},
        {"graph", command_graph, "draw the topology: SVG, or DOT with --dot"},
        {"render", command_render, "files for others: wg-quick, netdev, network, headscale, nixos, prometheus, alerts"},
        {"import", command_import, "a fabric file from wg-quick files, a Headscale server, or what is live here"},
        {"lab", command_lab, "rehearse a fabric in namespaces: up, down, exec, verify"},
        {"key", command_key, "WireGuard keys: generate, preshared, public"},
        {"wg", command_wg, "WireGuard interfaces: list, show, create, delete, apply, diff, import, export, qr, watch"},
        {"link", command_link, "links and addresses: show, add, set, del, move, apply, diff, addresses, watch"},
        {"route", command_route, "routes: show, get, add, replace, append, del, apply, diff, watch; rule, nexthop, neighbour"},
        {"sysctl", command_sysctl, "network settings: show, get, set, apply, diff, explain, persist"},
        {"nat", command_nat, "our nftables table: show, apply, diff, add, del, set, foreign, clear, watch, trace"},
        {"ban", command_ban, "bans that hold: add, del, list, status, flush, reconcile, ranges, serve"},
        {"metrics", command_metrics, "for Prometheus: serve, get those of another host"},
        {"dns", command_dns, "split DNS: serve, query, explain, routes, host, apply, keep, remove, headscale"},
        {"headscale", command_headscale, "a Headscale server: users, nodes, routes, keys, policy, dns, config, apply, diff, watch, health, version"},
        {"tailscale", command_tailscale, "this host's tailscaled: status, up, down, apply, watch, prefs, logout"},
        {"router", command_router, "routers over ssh, pfSense or Linux: plan, apply, show, render"},
};

static fbn_context *interruptible; /* what a signal cancels */

static void interrupt(int number)
{
        (void)number;
        if (interruptible)
                fbn_context_cancel(interruptible);
        signal(number, SIG_DFL); /* the second one ends it at once */
}

static int help(FILE *to)
{
        fprintf(to, "usage: fabricnet [OPTION…] COMMAND [ARGUMENT…]\n\n");
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
                fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].what);
        fprintf(to, "\n"
                    "  -f, --file FILE      the fabric file (fabric.json)\n"
                    "  --host NAME          which of its hosts this one is (this machine's name)\n"
                    "  --netns NAME         work in this network namespace\n"
                    "  --secrets-dir DIR    where relative secret files are (beside the fabric file)\n"
                    "  --json               for programs\n"
                    "  -v, --verbose        say each step\n\n"
                    "Exit: 0 done or nothing to do; 1 failed, nothing changed; 2 differences found; 3 bad input;\n"
                    "4 failed, all was put back; 5 failed midway, what stands is said; 6 not allowed. All options: man fabricnet\n");
        return to == stdout ? EXIT_DONE : EXIT_BAD_INPUT;
}

static int append(const char **list, size_t *count, const char *option)
{
        if (*count == LIST_MAX)
                return misused("--%s: at most %d of them", option, LIST_MAX);
        list[(*count)++] = optarg;
        return EXIT_DONE;
}

static bool interval_of(const char *text, double *ret_seconds)
{
        char *end;

        *ret_seconds = strtod(text, &end);
        return *text >= '0' && *text <= '9' && !*end && *ret_seconds >= 0.01 && *ret_seconds <= 86400;
}

static bool seconds_of(const char *text, uint32_t *ret_seconds)
{
        char *unit;
        unsigned long value = strtoul(text, &unit, 10), factor = !*unit || !strcmp(unit, "s") ? 1 : !strcmp(unit, "m") ? 60 : !strcmp(unit, "h") ? 3600 : 0;

        *ret_seconds = (uint32_t)(value * factor);
        return *text >= '0' && *text <= '9' && value <= 86400 && value * factor >= 1 && value * factor <= 86400;
}

/* 0, or an exit code plus one when the program is to end. */
static int parse(struct command *command, int argc, char **argv)
{
        static const char *listen[LIST_MAX], *route[LIST_MAX], *search[LIST_MAX];
        int option;

        command->listen = listen;
        command->route = route;
        command->search = search;
        while ((option = getopt_long(argc, argv, "f:o:vh", options, NULL)) != -1) {
                switch (option) {
                case 'f': command->file = optarg; break;
                case 'o': command->output = optarg; break;
                case 'v': command->verbose = true; break;
                case 'h': return help(stdout) + 1;
                case OPTION_HOST: command->host = optarg; break;
                case OPTION_NETNS: command->netns = optarg; break;
                case OPTION_SECRETS: command->secrets_dir = optarg; break;
                case OPTION_JSON: command->json = true; break;
                case OPTION_DOT: command->dot = true; break;
                case OPTION_SVG: command->svg = true; break;
                case OPTION_PNG: command->png = true; break;
                case OPTION_LOCAL: command->local_only = true; break;
                case OPTION_DRY: command->dry_run = true; break;
                case OPTION_FORCE: command->force = true; break;
                case OPTION_INTERVAL:
                        if (!interval_of(optarg, &command->interval))
                                return misused("--interval '%s': seconds, 0.01 to 86400", optarg) + 1;
                        break;
                case OPTION_CONFIRM:
                        if (!seconds_of(optarg, &command->confirm_within))
                                return misused("--confirm-within '%s': a time like 60s or 5m, 1 s to 24 h", optarg) + 1;
                        break;
                case OPTION_UNCHANGED: command->unchanged = true; break;
                case OPTION_UNVERIFIED: command->unverified = true; break;
                case OPTION_STATE: command->state = optarg; break;
                case OPTION_AUTH_KEY: command->auth_key = optarg; break;
                case OPTION_PROBE: command->probe = true; break;
                case OPTION_METRICS: command->metrics = true; break;
                case OPTION_PLAN: command->plan = optarg; break;
                case OPTION_CA: command->ca_file = optarg; break;
                case OPTION_URL: command->url = optarg; break;
                case OPTION_API_KEY: command->api_key = optarg; break;
                case OPTION_SOCKET: command->socket = optarg; break;
                case OPTION_LISTEN:
                        if (append(listen, &command->n_listen, "listen"))
                                return EXIT_BAD_INPUT + 1;
                        break;
                case OPTION_STUB: command->stub = optarg; break;
                case OPTION_MANAGER: command->manager = optarg; break;
                case OPTION_DEVICE: command->device = optarg; break;
                case OPTION_RESTART: command->restart = optarg; break;
                case OPTION_SEARCH:
                        if (append(search, &command->n_search, "search"))
                                return EXIT_BAD_INPUT + 1;
                        break;
                case OPTION_SOURCE: command->source = optarg; break;
                case OPTION_DESTINATION: command->destination = optarg; break;
                case OPTION_ROUTE:
                        if (append(route, &command->n_route, "route"))
                                return EXIT_BAD_INPUT + 1;
                        break;
                case OPTION_VERSION:
                        printf("fabricnet %s\n", fbn_version());
                        return EXIT_DONE + 1;
                default:
                        return EXIT_BAD_INPUT + 1; /* getopt has said what */
                }
        }
        command->count = argc - optind;
        command->argument = argv + optind;
        return 0;
}

static int open_context(struct command *command)
{
        fbn_context_options wanted = {.size = sizeof(wanted), .netns = command->netns, .secrets_dir = command->secrets_dir};
        struct sigaction action = {.sa_handler = interrupt};
        int r;

        r = fbn_context_new(&wanted, &command->c);
        if (r < 0) {
                fprintf(stderr, "fabricnet: %s\n", fbn_context_error(NULL));
                return r == -FBN_EPERM ? EXIT_NOT_ALLOWED : r == -FBN_ENOENT ? EXIT_BAD_INPUT : EXIT_FAILED;
        }
        interruptible = command->c;
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        signal(SIGPIPE, SIG_IGN);
        return EXIT_DONE;
}

static int run(struct command *command)
{
        const char *name;
        int code;

        if (command->count == 0)
                return help(stderr);
        name = command->argument[0];
        command->count--;
        command->argument++;
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
                if (strcmp(name, commands[i].name) != 0)
                        continue;
                code = open_context(command);
                if (code == EXIT_DONE)
                        code = commands[i].run(command);
                interruptible = NULL;
                command->c = fbn_context_unref(command->c);
                return code;
        }
        return misused("no command is called '%s'; 'fabricnet --help' lists them", name);
}

int main(int argc, char **argv)
{
        struct command command = {.file = "fabric.json"};
        int code;

        prctl(PR_SET_DUMPABLE, 0); /* keys pass through this process */
        if (argc > 1 && strcmp(argv[1], "lab") == 0)
                return lab_start(argc - 2, argv + 2);
        code = parse(&command, argc, argv);
        code = code ? code - 1 : run(&command);
        if (fflush(stdout) != 0 || ferror(stdout)) {
                if (errno != EPIPE)
                        fprintf(stderr, "fabricnet: cannot write the output: %s\n", strerror(errno));
                return code ? code : EXIT_FAILED;
        }
        return code;
}
