/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const severities[] = {"", "error", "warning", "note"};
static const enum color severity_colors[] = {COLOR_NONE, COLOR_RED, COLOR_YELLOW, COLOR_BOLD};

static json_t *findings_json(const fbn_findings *findings)
{
        json_t *list = json_array();

        for (size_t i = 0; i < fbn_findings_count(findings); i++) {
                const fbn_finding *finding = fbn_findings_at(findings, i);

                json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s?, s:s?, s:s?}", "code", finding->code, "severity",
                                                      severities[finding->severity], "file", finding->file, "pointer", finding->pointer, "line", (int)finding->line,
                                                      "column", (int)finding->column, "what", finding->what, "why", finding->why, "fix", finding->fix, "allowed",
                                                      finding->allowed));
        }
        return list;
}

/* What the file allows is told with -v only. Returns how many those are. */
static size_t print_findings(const struct command *command, const fbn_findings *findings, FILE *to)
{
        size_t allowed = 0;

        for (size_t i = 0; i < fbn_findings_count(findings); i++) {
                const fbn_finding *finding = fbn_findings_at(findings, i);

                allowed += finding->allowed != NULL;
                if (finding->allowed && !command->verbose)
                        continue;
                fprintf(to, "%s:%u:%u: %s%s%s: %s [%s]\n", finding->file, finding->line, finding->column,
                        color(to, finding->allowed ? COLOR_NONE : severity_colors[finding->severity]),
                        finding->allowed ? "allowed" : severities[finding->severity], color(to, COLOR_NONE), finding->what, finding->code);
                if (finding->allowed)
                        fprintf(to, "    because: %s\n", finding->allowed);
                if (finding->why)
                        fprintf(to, "    why: %s\n", finding->why);
                if (finding->fix)
                        fprintf(to, "    fix: %s\n", finding->fix);
        }
        return allowed;
}

static int load(struct command *command, fbn_fabric **ret_fabric)
{
        int r;

        if (command->count > 0)
                return misused("'%s' is one word too many", command->argument[0]);
        r = fbn_fabric_load_file(command->c, command->file, ret_fabric);
        if (r == -FBN_ENOENT) {
                failed(command, r);
                fprintf(stderr, "fabricnet: name the fabric file with -f FILE\n");
                return EXIT_BAD_INPUT;
        }
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

int command_check(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_findings) findings = NULL;
        int code = load(command, &fabric);
        size_t allowed, further;
        int r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_fabric_check(command->c, fabric, &findings);
        if (r < 0)
                return failed(command, r);
        if (command->json) {
                print_json(findings_json(findings));
                return r > 0 ? EXIT_BAD_INPUT : EXIT_DONE;
        }
        allowed = print_findings(command, findings, stdout);
        further = fbn_findings_count(findings) - (size_t)r - allowed;
        printf("%s: %zu hosts, %d error%s, %zu further finding%s, %zu allowed\n", fbn_fabric_name(fabric), fbn_fabric_host_count(fabric), r,
               r == 1 ? "" : "s", further, further == 1 ? "" : "s", allowed);
        return r > 0 ? EXIT_BAD_INPUT : EXIT_DONE;
}

static void progress(void *data, const char *step)
{
        (void)data;
        fprintf(stderr, "%s\n", step);
}

/* For systemd, which is to start this very program at the deadline. */
const char *command_path(void)
{
        static char path[4096];
        ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

        path[length < 0 ? 0 : length] = 0;
        return *path ? path : NULL;
}

/* The options of the library from those of the command line; the host is this machine's name unless given. */
fbn_fabric_options fabric_options(const struct command *command)
{
        static char name[256], management[64];
        const char *ssh = getenv("SSH_CONNECTION"); /* Source: ssh(1): "client-address client-port server-address server-port" */
        fbn_fabric_options options = {
                .size = sizeof(options),
                .host = command->host,
                .tailscale_socket = command->socket,
                .ca_file = command->ca_file,
                .auth_key_file = command->auth_key,
                .local_only = command->local_only,
                .ignore_errors = command->force,
                .state_directory = command->state,
                .confirm_within = command->confirm_within,
                .adopt = command->adopt,
                .unchanged = command->unchanged,
                .unverified = command->unverified,
                .command = command_path(),
                .progress = command->verbose || isatty(STDERR_FILENO) ? progress : NULL,
        };

        if (ssh && sscanf(ssh, "%63s", management) == 1)
                options.management = management;
        if (!options.host && gethostname(name, sizeof(name) - 1) == 0) {
                name[strcspn(name, ".")] = 0;
                options.host = name;
        }
        return options;
}

static json_t *steps_json(const fbn_plan *plan)
{
        json_t *list = json_array();

        for (size_t i = 0; i < fbn_plan_count(plan); i++) {
                const fbn_plan_step *step = fbn_plan_at(plan, i);

                json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:i, s:s?, s:s?, s:i, s:b, s:b}", "domain",
                                                      step->domain, "kind", change_word(step->kind), "object", step->object, "field", step->field,
                                                      "before", step->before, "after", step->after, "reason", step->reason, "pointer", step->pointer,
                                                      "line", (int)step->line, "file", step->file, "disruption", step->disruption, "needs",
                                                      (int)step->needs, "replaces", step->replaces, "drift", step->drift));
        }
        return list;
}

static void print_drift(const fbn_plan *plan)
{
        size_t drift = 0;

        for (size_t i = 0; i < fbn_plan_count(plan); i++)
                drift += fbn_plan_at(plan, i)->drift;
        if (drift)
                printf("%zu of %zu step%s only bring%s back what somebody changed since the last apply\n", drift, fbn_plan_count(plan),
                       fbn_plan_count(plan) == 1 ? "" : "s", drift == 1 ? "s" : "");
}

static void print_plan(const fbn_plan *plan)
{
        static const char *const signs[] = {"", "+", "~", "-"};
        static const enum color colors[] = {COLOR_NONE, COLOR_GREEN, COLOR_YELLOW, COLOR_RED};

        for (size_t i = 0; i < fbn_plan_count(plan); i++) {
                const fbn_plan_step *step = fbn_plan_at(plan, i);

                printf("%s%s%s %-9s %s", color(stdout, colors[step->kind]), signs[step->kind], color(stdout, COLOR_NONE), step->domain, step->object);
                if (step->field)
                        printf(" %s: %s → %s", step->field, step->before ? step->before : "none", step->after ? step->after : "none");
                if (step->reason && step->line)
                        printf("   (%s, line %u)", step->reason, step->line);
                else if (step->reason)
                        printf("   (%s)", step->reason);
                if (step->drift)
                        printf("   %sdrift%s", color(stdout, COLOR_YELLOW), color(stdout, COLOR_NONE));
                if (step->disruption)
                        printf("\n            %s! %s%s", color(stdout, COLOR_YELLOW), step->disruption, color(stdout, COLOR_NONE));
                printf("\n");
        }
        print_drift(plan);
}

/* The one object that text and JSON of a plan are made of; its schema is plan.schema.json. */
static json_t *plan_json(const struct command *command, const char *host, const fbn_plan *plan)
{
        return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "format", "plan/1", "file", command->file, "host", host, "digest", fbn_plan_digest(plan),
                         "findings", findings_json(fbn_plan_findings(plan)), "steps", steps_json(plan));
}

static int show_plan(const struct command *command, const char *host, const fbn_plan *plan, const char *nothing)
{
        if (command->json)
                return print_json(plan_json(command, host, plan));
        print_plan(plan);
        if (fbn_plan_count(plan) == 0)
                printf("%s\n", nothing);
        return EXIT_DONE;
}

static int save_plan(const struct command *command, const char *host, const fbn_plan *plan)
{
        json_t *saved = plan_json(command, host, plan);
        int r = json_dump_file(saved, command->output, JSON_INDENT(2));

        json_decref(saved);
        return r < 0 ? misused("%s: %s", command->output, strerror(errno)) : EXIT_DONE;
}

/* What a saved plan was made of: apply takes its steps or none. digest needs room for 64 digits. */
static int read_plan(const struct command *command, const fbn_fabric_options *options, char *digest)
{
        json_error_t error;
        json_t *saved = json_load_file(command->plan, 0, &error);
        const char *format = NULL, *host = NULL, *text = NULL;
        int code = EXIT_DONE;

        if (!saved || json_unpack(saved, "{s:s, s:s, s:s}", "format", &format, "host", &host, "digest", &text) < 0 || strcmp(format, "plan/1") != 0 ||
            strlen(text) != 64)
                code = misused("%s: is no saved plan; 'fabricnet plan -o FILE' makes one", command->plan);
        else if (strcmp(host, options->host) != 0)
                code = misused("%s: is a plan for host '%s', this one is '%s'", command->plan, host, options->host);
        else
                memcpy(digest, text, 65);
        json_decref(saved);
        return code;
}

int command_plan(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_plan) plan = NULL;
        fbn_fabric_options options = fabric_options(command);
        int code = load(command, &fabric);
        int r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_fabric_plan(command->c, fabric, &options, &plan);
        if (r < 0)
                return failed(command, r);
        print_findings(command, fbn_plan_findings(plan), stderr);
        if (command->output) {
                code = save_plan(command, options.host, plan);
                if (code != EXIT_DONE)
                        return code;
        }
        show_plan(command, options.host, plan, "nothing to do: this host is as declared");
        return fbn_plan_count(plan) > 0 ? EXIT_DIFFERENT : EXIT_DONE;
}

int command_apply(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_plan) done = NULL;
        fbn_fabric_options options = fabric_options(command);
        char digest[65];
        int code = load(command, &fabric);
        int r;

        if (code != EXIT_DONE)
                return code;
        if (command->plan) {
                code = read_plan(command, &options, digest);
                if (code != EXIT_DONE)
                        return code;
                options.plan_digest = digest;
        }
        r = fbn_fabric_apply(command->c, fabric, &options, &done);
        if (r < 0)
                return failed(command, r);
        if (r > 0 && command->confirm_within)
                fprintf(stderr, "applied; unless 'fabricnet confirm' is called within %u s of the start, all is put back\n", command->confirm_within);
        return show_plan(command, options.host, done, "nothing to do: this host is as declared");
}

/* An apply that also takes over what others made under the names of declared tunnels. */
int command_adopt(struct command *command)
{
        command->adopt = true;
        return command_apply(command);
}

int command_confirm(struct command *command)
{
        fbn_fabric_options options = fabric_options(command);
        int r;

        if (command->count > 0)
                return misused("'%s' is one word too many", command->argument[0]);
        r = fbn_fabric_confirm(command->c, &options);
        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(json_pack("{s:b}", "confirmed", 1));
        printf("confirmed\n");
        return EXIT_DONE;
}

int command_rollback(struct command *command)
{
        FBN_CLEANUP(fbn_plan) done = NULL;
        fbn_fabric_options options = fabric_options(command);
        uint64_t generation = 0;
        int r;

        if (command->count > 1)
                return misused("'%s' is one word too many", command->argument[1]);
        if (command->count == 1 && (!number_of(command->argument[0], INT64_MAX, &generation) || generation == 0))
                return misused("'%s' is no generation; 'fabricnet history' shows their numbers", command->argument[0]);
        r = fbn_fabric_rollback(command->c, generation, &options, &done);
        return r < 0 ? failed(command, r) : show_plan(command, options.host, done, "all is as it was");
}

int command_recover(struct command *command)
{
        FBN_CLEANUP(fbn_plan) done = NULL;
        fbn_fabric_options options = fabric_options(command);
        int r;

        if (command->count > 0)
                return misused("'%s' is one word too many", command->argument[0]);
        options.progress = progress;
        r = fbn_fabric_recover(command->c, &options, &done);
        return r < 0 ? failed(command, r) : show_plan(command, options.host, done, r ? "what was open is put back" : "nothing to do: nothing is open");
}

static const char *const outcomes[] = {"", "open", "confirmed", "undone", "failed"};

static json_t *generation_json(const fbn_generation *generation)
{
        json_t *changes = json_array();

        for (size_t i = 0; i < generation->n_changes; i++)
                json_array_append_new(changes, json_string(generation->changes[i]));
        return json_pack("{s:I, s:s, s:s?, s:I, s:I, s:I, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?, s:o}", "number", (json_int_t)generation->number, "outcome",
                         outcomes[generation->outcome], "verb", generation->verb, "of", (json_int_t)generation->of, "begun",
                         (json_int_t)generation->begun, "ended", (json_int_t)generation->ended, "by", generation->by, "fabric", generation->fabric,
                         "host", generation->host, "file", generation->file, "why", generation->why, "stands", generation->stands, "changes", changes);
}

static void print_generation(const fbn_generation *generation, bool all)
{
        static const enum color colors[] = {COLOR_NONE, COLOR_YELLOW, COLOR_GREEN, COLOR_YELLOW, COLOR_RED};
        time_t seconds = generation->begun / 1000000000;
        char when[32];

        strftime(when, sizeof(when), "%F %T", localtime(&seconds));
        printf("%4llu  %s  %s%-9s%s  %s by %s", (unsigned long long)generation->number, when, color(stdout, colors[generation->outcome]),
               outcomes[generation->outcome], color(stdout, COLOR_NONE), generation->verb, generation->by);
        if (generation->of)
                printf(" to %llu", (unsigned long long)generation->of);
        printf(", %zu change%s%s%s\n", generation->n_changes, generation->n_changes == 1 ? "" : "s", generation->why ? ": " : "",
               generation->why ? generation->why : "");
        if (generation->stands)
                printf("        still there: %s\n", generation->stands);
        for (size_t i = 0; all && i < generation->n_changes; i++)
                printf("        %s\n", generation->changes[i]);
}

/* Without a word all of them, a line each; with a number that one and its changes. */
int command_history(struct command *command)
{
        FBN_CLEANUP(fbn_generations) generations = NULL;
        fbn_fabric_options options = fabric_options(command);
        json_t *list = json_array();
        uint64_t only = 0;
        size_t shown = 0;
        int r;

        if (command->count > 1)
                return misused("'%s' is one word too many", command->argument[1]);
        if (command->count == 1 && (!number_of(command->argument[0], INT64_MAX, &only) || only == 0))
                return misused("'%s' is no generation", command->argument[0]);
        r = fbn_fabric_history(command->c, &options, &generations);
        if (r < 0) {
                json_decref(list);
                return failed(command, r);
        }
        for (size_t i = 0; i < fbn_generations_count(generations); i++) {
                const fbn_generation *generation = fbn_generations_at(generations, i);

                if (only && generation->number != only)
                        continue;
                shown++;
                if (command->json)
                        json_array_append_new(list, generation_json(generation));
                else
                        print_generation(generation, only > 0 || command->verbose);
        }
        if (command->json)
                print_json(list);
        else
                json_decref(list);
        if (only && !shown)
                return misused("there is no generation %llu here", (unsigned long long)only);
        if (!shown && !command->json)
                printf("nothing was applied here yet\n");
        return EXIT_DONE;
}

static const char *const healths[] = {"", "ok", "warning", "down"};

static json_t *status_json(const fbn_fabric_status *status)
{
        json_t *facts = json_array();

        for (size_t i = 0; i < fbn_fabric_status_count(status); i++) {
                const fbn_fabric_fact *fact = fbn_fabric_status_at(status, i);

                json_array_append_new(facts, json_pack("{s:s, s:s, s:s, s:s}", "domain", fact->domain, "object", fact->object, "health",
                                                       healths[fact->health], "text", fact->text));
        }
        return json_pack("{s:o, s:o}", "facts", facts, "differences", steps_json(fbn_fabric_status_plan(status)));
}

static void print_status(const fbn_fabric_status *status)
{
        struct table table = {0};

        for (size_t i = 0; i < fbn_fabric_status_count(status); i++) {
                const fbn_fabric_fact *fact = fbn_fabric_status_at(status, i);

                table_add(&table, healths[fact->health]);
                table_add(&table, fact->domain);
                table_add(&table, fact->object);
                table_add(&table, fact->text);
        }
        table_print(&table, 4, stdout);
        if (fbn_plan_count(fbn_fabric_status_plan(status)) > 0)
                printf("differs from what is declared; 'fabricnet apply' would:\n");
        print_plan(fbn_fabric_status_plan(status));
}

/* What must hold and does not is worse than a difference. */
static bool expectation_fails(const fbn_fabric_status *status)
{
        for (size_t i = 0; i < fbn_fabric_status_count(status); i++)
                if (strcmp(fbn_fabric_status_at(status, i)->domain, "expect") == 0 && fbn_fabric_status_at(status, i)->health != FBN_HEALTH_OK)
                        return true;
        return false;
}

/* In one step: who reads at any time, as node_exporter's textfile collector does, finds the old text or the new one. */
static bool replace_file(const char *path, const char *text)
{
        char new[4096];
        FILE *to = NULL;
        bool done = false;

        if (snprintf(new, sizeof(new), "%s.new", path) < (int)sizeof(new))
                to = fopen(new, "w");
        if (to) {
                done = fputs(text, to) >= 0 && fflush(to) == 0 && fchmod(fileno(to), 0644) == 0 && fsync(fileno(to)) == 0;
                done = fclose(to) == 0 && done && rename(new, path) == 0;
        }
        if (!done)
                fprintf(stderr, "fabricnet: %s: %s\n", path, strerror(errno));
        return done;
}

#define LOOK_NO_MORE (-1) /* interrupted, which is how looking on ends */

static int look(struct command *command, const fbn_fabric *fabric, const fbn_fabric_options *options)
{
        FBN_CLEANUP(fbn_fabric_status) status = NULL;
        int r = fbn_fabric_status_get(command->c, fabric, options, &status);

        if (r == -FBN_ECANCELED && command->interval > 0)
                return LOOK_NO_MORE;
        if (r < 0)
                return failed(command, r);
        if (command->metrics && command->output) {
                if (!replace_file(command->output, fbn_fabric_status_metrics(status)))
                        return EXIT_FAILED;
        } else if (command->metrics)
                fputs(fbn_fabric_status_metrics(status), stdout);
        else if (command->json)
                print_json(status_json(status));
        else
                print_status(status);
        return expectation_fails(status) ? EXIT_FAILED : r > 0 ? EXIT_DIFFERENT : EXIT_DONE;
}

/* Again and again until interrupted: on a terminal in one place, else one after the other. */
static int look_on(struct command *command, const fbn_fabric *fabric, const fbn_fabric_options *options)
{
        bool terminal = isatty(STDOUT_FILENO) && !command->json && !command->metrics;
        const struct timespec pause = {.tv_sec = (time_t)command->interval, .tv_nsec = (long)((command->interval - (double)(time_t)command->interval) * 1e9)};
        int code;

        do {
                if (terminal)
                        printf("\033[H\033[2J");
                code = look(command, fabric, options);
                fflush(stdout);
        } while (code != LOOK_NO_MORE && code != EXIT_BAD_INPUT && code != EXIT_NOT_ALLOWED && !ferror(stdout) && nanosleep(&pause, NULL) == 0);
        return code == LOOK_NO_MORE ? EXIT_DONE : code;
}

int command_status(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        fbn_fabric_options options = fabric_options(command);
        int code = load(command, &fabric);

        if (code != EXIT_DONE)
                return code;
        options.probe = command->probe;
        return command->interval > 0 ? look_on(command, fabric, &options) : look(command, fabric, &options);
}

static json_t *path_json(const fbn_fabric_path *path)
{
        json_t *hops = json_array();

        for (size_t i = 0; i < fbn_fabric_path_count(path); i++) {
                const fbn_fabric_hop *hop = fbn_fabric_path_at(path, i);

                json_array_append_new(hops, json_pack("{s:s, s:s, s:s, s:s?, s:b}", "host", hop->host, "step", hop->step, "text", hop->text,
                                                      "pointer", hop->pointer, "back", hop->back));
        }
        return json_pack("{s:s, s:o}", "disposition", fbn_fabric_path_disposition(path), "hops", hops);
}

static void print_path(const fbn_fabric_path *path, bool verbose)
{
        bool back = false;

        for (size_t i = 0; i < fbn_fabric_path_count(path); i++) {
                const fbn_fabric_hop *hop = fbn_fabric_path_at(path, i);

                if (hop->back != back)
                        printf("%s\n", hop->back ? "and back:" : "on:");
                back = hop->back;
                printf("  %-12s %-10s %s", hop->host, hop->step, hop->text);
                if (verbose && hop->pointer)
                        printf("   (%s)", hop->pointer);
                printf("\n");
        }
}

int command_explain(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_fabric_path) path = NULL;
        int r;

        if (command->count != 2)
                return misused("explain FROM TO: a host, and a host, name, service or address, as nas, nas:8080/tcp or 192.0.2.1/icmp");
        r = fbn_fabric_load_file(command->c, command->file, &fabric);
        if (r == 0)
                r = fbn_fabric_explain(command->c, fabric, command->argument[0], command->argument[1], &path);
        if (r < 0)
                return failed(command, r);
        if (command->json)
                print_json(path_json(path));
        else {
                print_path(path, command->verbose);
                printf("%s%s%s\n", color(stdout, r ? COLOR_GREEN : COLOR_RED), fbn_fabric_path_disposition(path), color(stdout, COLOR_NONE));
        }
        return r ? EXIT_DONE : EXIT_FAILED;
}

static int write_text(const struct command *command, const char *text)
{
        FILE *to = command->output ? fopen(command->output, "w") : stdout;

        if (!to || fputs(text, to) < 0 || (to != stdout && fclose(to) != 0))
                return misused("%s: %s", command->output ? command->output : "output", strerror(errno));
        return EXIT_DONE;
}

/* Words are wg-quick files; without any, and without a server, what is live here. */
int command_import(struct command *command)
{
        const fbn_fabric_options host = fabric_options(command);
        fbn_fabric_import_options options = {.size = sizeof(options), .host = host.host, .files = (const char *const *)command->argument,
                                             .n_files = (size_t)command->count, .url = command->url, .api_key_file = command->api_key,
                                             .ca_file = command->ca_file, .live = command->count == 0 && !command->url};
        char *text = NULL, folder[4096] = ".";
        const char *slash = command->output ? strrchr(command->output, '/') : NULL;
        int r, code;

        if (slash)
                snprintf(folder, sizeof(folder), "%.*s", slash == command->output ? 1 : (int)(slash - command->output), command->output);
        options.folder = folder;
        if (command->output && access(command->output, F_OK) == 0)
                return misused("%s: is there already", command->output);
        r = fbn_fabric_import(command->c, &options, &text);
        if (r < 0)
                return failed(command, r);
        code = write_text(command, text);
        if (code == EXIT_DONE && !command->output)
                printf("\n");
        fbn_free(text);
        return code;
}

int command_render(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        fbn_fabric_options options = fabric_options(command);
        char *text = NULL;
        int r, code;

        if (command->count < 1 || command->count > 2)
                return misused("render wg-quick|netdev|network [TUNNEL], or render headscale|nixos|prometheus|alerts; --host says whose");
        r = fbn_fabric_load_file(command->c, command->file, &fabric);
        if (r == 0)
                r = fbn_fabric_render(command->c, fabric, options.host, command->argument[0], command->count > 1 ? command->argument[1] : NULL, &text);
        if (r < 0)
                return failed(command, r);
        code = write_text(command, text);
        fbn_free(text);
        return code;
}

int command_graph(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char *text = NULL;
        int code = load(command, &fabric);
        int r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_fabric_graph(command->c, fabric, command->dot ? FBN_GRAPH_DOT : FBN_GRAPH_SVG, &text);
        if (r < 0)
                return failed(command, r);
        code = write_text(command, text);
        fbn_free(text);
        return code;
}

int command_backup(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_fabric_options options = fabric_options(command);
        const char *name = NULL;
        int code, r;

        if (command->count > 0) {
                name = *command->argument++;
                command->count--;
        }
        code = load(command, &fabric);
        if (code != EXIT_DONE)
                return code;
        r = fbn_fabric_backup(command->c, fabric, &options, name, &changes);
        return changed(command, r, changes);
}

int command_certificates(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_fabric_options options = fabric_options(command);
        int code = load(command, &fabric), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_fabric_certificates(command->c, fabric, &options, &changes);
        return changed(command, r, changes);
}

int lab_start(int count, char *const *words)
{
        char **line = calloc((size_t)count + 4, sizeof(char *));

        if (!line)
                return EXIT_FAILED;
        line[0] = "python3";
        line[1] = "-m";
        line[2] = "fabricnet.lab";
        memcpy(line + 3, words, (size_t)count * sizeof(char *));
        execvp(line[0], line);
        free(line);
        return misused("python3: %s; the lab needs the Python module fabricnet", strerror(errno));
}

/* With options before the word lab, which are this program's. */
int command_lab(struct command *command)
{
        char **words = calloc((size_t)command->count + 3, sizeof(char *));
        int n = 0, code;

        if (!words)
                return EXIT_FAILED;
        if (command->count > 0)
                words[n++] = command->argument[0];
        words[n++] = "-f";
        words[n++] = (char *)command->file;
        for (int i = 1; i < command->count; i++)
                words[n++] = command->argument[i];
        code = lab_start(n, words);
        free(words);
        return code;
}
