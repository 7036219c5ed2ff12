/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "edge/generations.h"
#include "edge/router/apply.h"
#include "edge/router/playback.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>

#define DIGEST (crypto_hash_sha256_BYTES * 2 + 1)
#define TOKEN 33
#define LEFT_AFTER 30 /* seconds that an undo by the router itself may take */
#define KEEP 30

/* A change of pfSense, from what was read to what is confirmed. */
struct change {
        const struct connection *connection;
        const fbn_router_options *options;
        struct process_output before; /* its config.xml; secret */
        struct difference difference;
        char have[DIGEST], want[DIGEST], token[TOKEN]; /* of what is there, of what is to be; a name for this change */
        int64_t deadline;
};

static void digest(const char *bytes, size_t length, char *ret_text)
{
        unsigned char hash[crypto_hash_sha256_BYTES];

        crypto_hash_sha256(hash, (const unsigned char *)bytes, length);
        sodium_bin2hex(ret_text, DIGEST, hash, sizeof(hash));
}

static int read_config(const struct connection *connection, struct process_output *ret_config)
{
        int r = connection_do(connection, "cat " ROUTER_CONFIG, NULL, 0, ret_config);

        if (r == 0 && ret_config->length > ROUTER_MAX)
                r = fail(connection->c, FBN_EPROTOCOL, "%s: " ROUTER_CONFIG " is larger than 64 MiB", connection->router->peer.host);
        return r;
}

/* What is no config.xml is the router's fault, and nobody's input. */
static int compare(const struct connection *connection, const struct process_output *config, struct difference *ret)
{
        int r = router_difference(connection->c, connection->router, config->bytes, config->length, ret);

        return fail_in(connection->c, r, "%s", connection->router->peer.host);
}

static void make_folders(const char *folder)
{
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s", folder);
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                mkdir(path, 0755);
                *slash = '/';
        }
        mkdir(path, 0700);
}

static int keep(fbn_context *c, const char *folder, const struct process_output *config)
{
        _cleanup_(generations_free) struct generations generations = {0};
        char path[PATH_MAX];
        int r;

        make_folders(folder);
        r = generations_read(c, folder, &generations);
        if (r == 0 && snprintf(path, sizeof(path), "%s/.incoming", folder) >= (int)sizeof(path))
                r = fail(c, FBN_EINVAL, "%s: the path is too long", folder);
        if (r == 0)
                r = file_replace(c, path, config->bytes, config->length, 0600);
        if (r == 0)
                r = generation_add(c, folder, &generations, path, "config.xml");
        return r < 0 ? r : generations_prune(c, folder, KEEP);
}

static int keep_here(const struct change *change)
{
        char folder[PATH_MAX];

        snprintf(folder, sizeof(folder), "/var/lib/fabricnet/router/%s", change->connection->router->peer.host);
        return keep(change->connection->c, change->options->backups ? change->options->backups : folder, &change->before);
}

/* Whoever left a change waiting is still at work, or has gone with the router's power: then it is put back first. */
static const char earlier[] =
        "umask 077\nmkdir -p " ROUTER_FOLDER " && cd " ROUTER_FOLDER " || exit 1\n"
        "kill -0 \"$(cat undoing 2>/dev/null)\" 2>/dev/null && exit 4\nrm -f confirmed.* undoing undone\n"
        "for p in pending.*; do [ -e \"$p\" ] || continue; kill -0 \"$(cat \"$p\")\" 2>/dev/null && exit 4; sh undo.sh 0 \"${p#pending.}\" || exit 5; exit 6; done\n";

/* A file in the shell's own words. What it holds ends with a newline, and no line of it is the word. */
static void add_file(struct text *script, const char *name, const char *bytes, size_t length)
{
        text_add(script, "cat >%s <<'END-OF-FABRICNET-FILE'\n", name);
        text_append(script, bytes, length);
        text_add(script, "END-OF-FABRICNET-FILE\n");
}

static int fail_to_stage(const struct change *change, int code, struct process_output *errors)
{
        static const char *const reasons[] = {[4] = "another change waits to be confirmed or put back; try again in a minute",
                                              [5] = "an earlier change cannot be put back; look into " ROUTER_FOLDER "/undo.log there",
                                              [6] = "an earlier change had never been confirmed and was put back; try again"};
        const char *reason = code < (int)ARRAY_SIZE(reasons) && reasons[code] ? reasons[code] : process_reason(errors);

        return fail(change->connection->c, code == 4 || code == 6 ? FBN_ECONFLICT : FBN_EUNAVAILABLE, "%s: %s", change->connection->router->peer.host, reason);
}

static int stage(const struct change *change)
{
        _cleanup_(process_output_free) struct process_output output = {0}, errors = {0};
        _cleanup_(text_wipe) struct text script = {.secret = true};
        _cleanup_(text_free) struct text undo = {0};
        int r = playback_write(&change->difference, "before.xml", NULL, 0, &undo);

        if (r < 0)
                return r;
        text_add(&script, "%s", earlier);
        add_file(&script, "new.xml", change->difference.text.bytes, change->difference.text.length);
        add_file(&script, "undo.play", undo.bytes, undo.length);
        add_file(&script, "undo.sh", playback_undo, strlen(playback_undo));
        if (script.failed)
                return fail_memory(change->connection->c);
        r = connection_run(change->connection, "/bin/sh", script.bytes, script.length, &output, &errors);
        return r > 0 ? fail_to_stage(change, r, &errors) : r;
}

static int play(const struct change *change)
{
        _cleanup_(process_output_free) struct process_output output = {0}, errors = {0};
        _cleanup_(text_free) struct text text = {0};
        fbn_context *c = change->connection->c;
        int r = playback_write(&change->difference, "new.xml", &(struct playback){change->have, change->want, change->token}, change->options->confirm_within, &text);

        if (r == 0)
                r = connection_run(change->connection, ROUTER_PLAYER, text.bytes, text.length, &output, &errors);
        return r < 0 ? r : fail_in(c, playback_read(c, output.bytes, output.length), "%s", change->connection->router->peer.host);
}

/* Over a connection of its own: who cannot come back must not confirm. */
static int verify(const struct change *change)
{
        _cleanup_(process_output_wipe) struct process_output now = {0};
        _cleanup_(router_difference_free) struct difference difference = {0};
        const struct connection *connection = change->connection;
        const fbn_change *first;
        int r = read_config(connection, &now);

        if (r == 0)
                r = compare(connection, &now, &difference);
        if (r < 0 || fbn_changes_count(difference.changes) == 0)
                return r;
        first = fbn_changes_at(difference.changes, 0);
        return fail(connection->c, FBN_EPROTOCOL, "%s: it did not keep what was written: %s%s%s", connection->router->peer.host, first->object,
                    first->field ? ": " : "", first->field ? first->field : "");
}

static int verify_in_time(const struct change *change)
{
        int64_t patience = router_seconds() + change->options->confirm_within / 2;
        int r;

        do
                r = verify(change);
        while ((r == -FBN_EUNAVAILABLE || r == -FBN_ETIMEOUT) && router_pause(patience));
        return r;
}

/* Said once more if nobody knows whether it was heard. */
static int confirm(const struct change *change)
{
        const struct connection *connection = change->connection;
        char command[400];
        int r;

        snprintf(command, sizeof(command), "cd " ROUTER_FOLDER
                 " && { [ -e confirmed.%s ] || mv pending.%s confirmed.%s; } && { kill \"$(cat confirmed.%s)\" 2>/dev/null; "
                 "rm -f new.xml before.xml undo.play undo.log; }",
                 change->token, change->token, change->token, change->token);
        do
                r = connection_do(connection, command, NULL, 0, NULL);
        while ((r == -FBN_EUNAVAILABLE || r == -FBN_ETIMEOUT) && router_pause(change->deadline));
        return r;
}

/* 1: it has what it had. */
static int is_as_before(const struct change *change)
{
        _cleanup_(process_output_wipe) struct process_output now = {0};
        fbn_context *c = change->connection->c;
        struct config before, after;
        struct arena arena = {0};
        int r = read_config(change->connection, &now);

        if (r == 0)
                r = config_parse(c, &arena, change->before.bytes, change->before.length, &before);
        if (r == 0)
                r = config_parse(c, &arena, now.bytes, now.length, &after);
        if (r == 0)
                r = config_equal(&before, &after);
        arena_free(&arena);
        return r;
}

/* The router does it at the deadline; as soon as we reach it, it need not wait so long. */
static int put_back(const struct change *change)
{
        _cleanup_(process_output_free) struct process_output output = {0}, errors = {0};
        fbn_context *c = change->connection->c;
        struct undoing undoing = undo_begin(c);
        char command[160];
        int r;

        snprintf(command, sizeof(command), "sh " ROUTER_FOLDER "/undo.sh 0 %s", change->token);
        do {
                process_output_free(&output);
                process_output_free(&errors);
                r = connection_run(change->connection, command, NULL, 0, &output, &errors);
                if (r >= 0)
                        r = is_as_before(change);
        } while (r != 1 && router_pause(change->deadline + LEFT_AFTER));
        undo_end(c, &undoing);
        if (r == 1)
                return router_fail_after(c, FBN_EUNDONE, "its configuration was put back");
        return router_fail_after(c, FBN_EPARTIAL, "whether its configuration was put back is not known: look at Diagnostics > Backup & Restore > Config History");
}

static int change_router(struct change *change)
{
        int r = keep_here(change);

        if (r == 0)
                r = stage(change);
        if (r < 0)
                return r;
        change->deadline = router_seconds() + change->options->confirm_within;
        r = play(change);
        if (r == -FBN_ECONFLICT)
                return r;
        if (r == 0)
                r = verify_in_time(change);
        if (r == 0)
                r = confirm(change);
        return r < 0 ? put_back(change) : 0;
}

int pfsense_apply(const struct connection *connection, const fbn_router_options *options, fbn_changes **ret_changes)
{
        struct change change = {.connection = connection, .options = options};
        unsigned char random[TOKEN / 2];
        int r = read_config(connection, &change.before);

        randombytes_buf(random, sizeof(random));
        sodium_bin2hex(change.token, sizeof(change.token), random, sizeof(random));
        if (r == 0)
                r = compare(connection, &change.before, &change.difference);
        if (r == 0) {
                digest(change.before.bytes, change.before.length, change.have);
                digest(change.difference.text.bytes, change.difference.text.length, change.want);
                if (!options->dry_run && fbn_changes_count(change.difference.changes) > 0)
                        r = change_router(&change);
        }
        if (r == 0)
                *ret_changes = TAKE_PTR(change.difference.changes);
        router_difference_free(&change.difference);
        process_output_wipe(&change.before);
        return r;
}

static json_t *value_of(const struct config *config, const struct element *element)
{
        _cleanup_(text_free) struct text text = {0};
        json_t *object, *list;

        if (!element->first) {
                element_text(config, element, &text);
                return json_stringn(text.bytes ? text.bytes : "", text.length);
        }
        object = json_object();
        for (const struct element *child = element->first; child; child = child->next) {
                char name[64];
                json_t *before;

                snprintf(name, sizeof(name), "%.*s", (int)child->name_length, child->name);
                before = json_object_get(object, name);
                if (before && !json_is_array(before)) {
                        list = json_array();
                        json_array_append(list, before);
                        json_object_set_new(object, name, list);
                        before = list;
                }
                if (before)
                        json_array_append_new(before, value_of(config, child));
                else
                        json_object_set_new(object, name, value_of(config, child));
        }
        return object;
}

static int take_element(fbn_context *c, fbn_router *have, const struct config *config, const struct kind *kind, const struct element *element)
{
        _cleanup_(text_free) struct text name = {0};
        json_t *value;
        char *content;
        int r;

        if (!router_owns(have, config, kind, element, &name) || !name.bytes)
                return 0;
        value = value_of(config, element);
        if (kind->secret)
                json_object_del(value, kind->secret);
        if (kind->mark)
                json_object_del(value, kind->mark);
        content = json_dumps(value, 0);
        json_decref(value);
        r = content ? fbn_router_add(c, have, FBN_OPTIONS(fbn_router_object, .kind = kind->name, .name = name.bytes, .content = content)) : fail_memory(c);
        memory_free(content);
        return r == -FBN_EEXIST ? 0 : r;
}

int pfsense_read(const struct connection *connection, fbn_router *have)
{
        _cleanup_(process_output_wipe) struct process_output text = {0};
        struct arena arena = {0};
        struct config config;
        int r = read_config(connection, &text);

        if (r == 0)
                r = fail_in(connection->c, config_parse(connection->c, &arena, text.bytes, text.length, &config), "%s", connection->router->peer.host);
        for (size_t i = 0; r == 0 && i < n_router_kinds; i++) {
                const struct element *parent = config_find(&config, router_kinds[i].parent);

                for (const struct element *element = parent && !kind_is_page(&router_kinds[i]) ? parent->first : NULL; r == 0 && element;
                     element = element->next)
                        r = take_element(connection->c, have, &config, &router_kinds[i], element);
        }
        arena_free(&arena);
        return r;
}
