/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ban.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SETTINGS "/etc/fabricnet/ban.json"

static const char *cdn_word(fbn_ban_cdn cdn)
{
        static const char *const words[] = {"", "waiting", "blocked", "lifting", "refused"};

        return words[cdn];
}

static const char *prefix_text(const fbn_prefix *prefix, char text[FBN_ADDRESS_TEXT])
{
        if (prefix->length == (prefix->address.family == AF_INET6 ? 128 : 32))
                return fbn_address_format(&prefix->address, text, FBN_ADDRESS_TEXT);
        return fbn_prefix_format(prefix, text, FBN_ADDRESS_TEXT);
}

static int say(struct command *command, int r, const char *what)
{
        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(json_pack("{s:i}", what, r));
        if (command->verbose || strcmp(what, "bans") == 0)
                printf("%d %s\n", r, what);
        return EXIT_DONE;
}

static int add(struct command *command)
{
        fbn_ban ban = {.size = sizeof(ban)};
        int r;

        if (command->count < 1 || command->count > 3)
                return misused("usage: fabricnet ban add PREFIX [TIME|ever] [REASON]");
        if (fbn_prefix_parse(command->argument[0], &ban.prefix) < 0)
                return misused("'%s' is no address or prefix", command->argument[0]);
        ban.for_good = command->count > 1 && strcmp(command->argument[1], "ever") == 0;
        if (command->count > 1 && !ban.for_good && !timeout_of(command->argument[1], &ban.duration_ms))
                return misused("'%s' is no time; 90s, 10m, 24h, 7d and ever are", command->argument[1]);
        ban.reason = command->count > 2 ? command->argument[2] : NULL;
        r = fbn_ban_add(command->c, command->socket, &ban);
        return say(command, r, "added");
}

static int del(struct command *command)
{
        fbn_prefix prefix;

        if (fbn_prefix_parse(command->argument[0], &prefix) < 0)
                return misused("'%s' is no address or prefix", command->argument[0]);
        return say(command, fbn_ban_delete(command->c, command->socket, &prefix), "lifted");
}

static int flush(struct command *command)
{
        return say(command, fbn_ban_flush(command->c, command->socket), "lifted");
}

static int reconcile(struct command *command)
{
        return say(command, fbn_ban_reconcile(command->c, command->socket), "differences");
}

static json_t *ban_json(const fbn_ban *ban)
{
        char text[FBN_ADDRESS_TEXT];

        return json_pack("{s:s, s:o, s:I, s:s?, s:s?}", "prefix", prefix_text(&ban->prefix, text), "seconds",
                         ban->for_good ? json_null() : json_integer((json_int_t)(ban->duration_ms / 1000)), "since",
                         (json_int_t)(ban->since / 1000000000), "reason", ban->reason, "cdn", ban->cdn ? cdn_word(ban->cdn) : NULL);
}

static void add_row(struct table *table, const fbn_ban *ban)
{
        char text[FBN_ADDRESS_TEXT], left[32] = "ever", since[32];
        time_t when = (time_t)(ban->since / 1000000000);
        struct tm tm;

        if (!ban->for_good)
                snprintf(left, sizeof(left), "%" PRIu64 "s", ban->duration_ms / 1000);
        strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &tm));
        table_add(table, prefix_text(&ban->prefix, text));
        table_add(table, left);
        table_add(table, since);
        table_add(table, cdn_word(ban->cdn));
        table_add(table, ban->reason);
}

/* With --json one object a line, as there may be a hundred thousand. */
static int list(struct command *command)
{
        FBN_CLEANUP(fbn_bans) bans = NULL;
        struct table table = {0};
        int r = fbn_ban_list(command->c, command->socket, &bans);

        if (r < 0)
                return failed(command, r);
        for (size_t i = 0; i < fbn_bans_count(bans); i++) {
                if (command->json) {
                        json_t *one = ban_json(fbn_bans_at(bans, i));

                        json_dumpf(one, stdout, JSON_COMPACT);
                        json_decref(one);
                        printf("\n");
                } else {
                        add_row(&table, fbn_bans_at(bans, i));
                }
        }
        table_print(&table, 5, stdout);
        return EXIT_DONE;
}

static int status(struct command *command)
{
        FBN_CLEANUP(fbn_bans) bans = NULL;
        const fbn_ban_state *state;
        int r = fbn_ban_status(command->c, command->socket, &bans);

        if (r < 0)
                return failed(command, r);
        state = fbn_bans_state(bans);
        if (command->json)
                return print_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:s}", "bans", (json_int_t)state->bans, "waiting", (json_int_t)state->waiting,
                                            "lifting", (json_int_t)state->lifting, "refused", (json_int_t)state->refused, "resident_kib",
                                            (json_int_t)state->resident_kib, "stored", state->stored, "trouble", state->trouble));
        printf("%" PRIu64 " bans, %" PRIu64 " waiting for the CDN, %" PRIu64 " to be lifted there, %" PRIu64 " refused by it; %" PRIu64 " KiB%s\n",
               state->bans, state->waiting, state->lifting, state->refused, state->resident_kib, state->stored ? "" : "; not stored");
        if (*state->trouble)
                printf("trouble: %s\n", state->trouble);
        return EXIT_DONE;
}

static int ranges(struct command *command)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_cdn_options options = {.size = sizeof(options), .file = command->argument[0], .url = command->url, .ca_file = command->ca_file,
                                   .dry_run = command->dry_run};
        int r = fbn_cdn_refresh(command->c, &options, &changes);

        return changed(command, r, changes);
}

static void tell_trouble(const fbn_ban_engine *engine, char told[1024])
{
        const char *trouble = fbn_ban_engine_trouble(engine);

        if (strcmp(trouble, told) == 0)
                return;
        fprintf(stderr, "%s%s\n", *trouble ? "trouble: " : "all well", trouble);
        snprintf(told, 1024, "%s", trouble);
}

static int serve_with(struct command *command, const fbn_ban_engine_options *options)
{
        FBN_CLEANUP(fbn_ban_engine) engine = NULL;
        char told[1024] = "";
        int r = fbn_ban_engine_new(command->c, options, &engine);

        if (r < 0)
                return failed(command, r);
        fprintf(stderr, "listening on %s\n", options->socket ? options->socket : FBN_BAN_SOCKET);
        while (r >= 0) {
                struct pollfd fd = {.fd = fbn_ban_engine_fd(engine), .events = fbn_ban_engine_events(engine)};

                poll(&fd, 1, fbn_ban_engine_timeout(engine)); /* a signal ends it too */
                r = fbn_ban_engine_process(command->c, engine);
                tell_trouble(engine, told);
        }
        return r == -FBN_ECANCELED ? EXIT_DONE : failed(command, r);
}

static int serve(struct command *command)
{
        static struct ban_settings settings;
        int code;

        if (command->count > 1)
                return misused("usage: fabricnet ban serve [SETTINGS.json]");
        code = ban_settings_read(command->count ? command->argument[0] : SETTINGS, &settings);
        if (code != EXIT_DONE)
                return code;
        if (command->socket)
                settings.options.socket = command->socket;
        code = serve_with(command, &settings.options);
        ban_settings_free(&settings);
        return code;
}

int command_ban(struct command *command)
{
        static const struct verb verbs[] = {
                {"add", -1, add, "add PREFIX [TIME|ever] [REASON]"},
                {"del", 1, del, "del PREFIX"},
                {"list", 0, list, "list"},
                {"status", 0, status, "status"},
                {"flush", 0, flush, "flush"},
                {"reconcile", 0, reconcile, "reconcile"},
                {"ranges", 1, ranges, "ranges FILE"},
                {"serve", -1, serve, "serve [SETTINGS.json]"},
        };

        return verb_run(command, "ban", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
