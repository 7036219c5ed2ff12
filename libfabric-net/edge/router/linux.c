/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/changes.h"
#include "edge/router/apply.h"

#include <sodium.h>
#include <stdio.h>

#define FOLDER "/etc/fabricnet"
#define NEXT FOLDER "/next"
#define FILE_NAME "fabric.json"
#define LEFT_AFTER 30 /* seconds that an undo by the router itself may take */

/* Exit codes of fabricnet(1). */
enum { DONE = 0, DIFFERENT = 2, BAD_INPUT = 3, UNDONE = 4, NOT_UNDONE = 5 };

/* All that stands there, for what we bring to come on top: secrets that only the router has stay. */
static const char copy[] = "umask 077\nmkdir -p " FOLDER " && cd " FOLDER " && rm -rf next && mkdir next || exit 1\n"
                           "for f in * .[!.]*; do [ \"$f\" = next ] || [ ! -e \"$f\" ] || cp -a \"$f\" next/ || exit 1; done\ncd next\n";

/* A file in the shell's own words. What is text ends with a newline, as fbn_secret_write_file() writes it. */
static void add_file(struct text *script, const char *name, const void *bytes, size_t length)
{
        _cleanup_(text_wipe) struct text file = {.secret = true};
        size_t size;
        char *encoded;

        text_append(&file, bytes, length);
        if (length > 0 && !memchr(bytes, 0, length) && ((const char *)bytes)[length - 1] != '\n')
                text_append(&file, "\n", 1);
        size = sodium_base64_encoded_len(file.length, sodium_base64_VARIANT_ORIGINAL);
        encoded = file.failed ? NULL : memory_alloc(size);
        if (!encoded) {
                script->failed = true;
                return;
        }
        sodium_bin2base64(encoded, size, (const unsigned char *)file.bytes, file.length, sodium_base64_VARIANT_ORIGINAL);
        text_add(script, "mkdir -p \"$(dirname '%s')\" && base64 -d >'%s' <<'END' || exit 1\n%s\nEND\n", name, name, encoded);
        explicit_bzero(encoded, size);
        memory_free(encoded);
}

static int stage(const struct connection *connection)
{
        _cleanup_(text_wipe) struct text script = {.secret = true};
        const fbn_router *router = connection->router;

        text_add(&script, "%s", copy);
        for (size_t i = 0; i < router->count; i++) {
                const fbn_router_object *object = &router->items[i];

                if (streq(object->kind, "fabric"))
                        add_file(&script, FILE_NAME, object->content, strlen(object->content));
                else if (object->secret)
                        add_file(&script, object->name, fbn_secret_bytes(object->secret), fbn_secret_length(object->secret));
        }
        return script.failed ? fail_memory(connection->c) : connection_do(connection, "/bin/sh", script.bytes, script.length, NULL);
}

/* The last line of what fabricnet(1) says there is its reason. */
static int fail_there(const struct connection *connection, int code, struct process_output *errors)
{
        static const fbn_error errors_of[] = {[BAD_INPUT] = FBN_EINVAL, [UNDONE] = FBN_EUNDONE, [NOT_UNDONE] = FBN_EPARTIAL};
        fbn_error error = code > 0 && code < (int)ARRAY_SIZE(errors_of) ? errors_of[code] : 0;

        if (code == 127)
                return fail(connection->c, FBN_EUNSUPPORTED, "%s: fabricnet is not installed there", connection->router->peer.host);
        return fail(connection->c, error ? error : FBN_EUNAVAILABLE, "%s: %s", connection->router->peer.host, process_reason(errors));
}

static const struct {
        const char *word;
        fbn_change_kind kind;
} kinds[] = {{"create", FBN_CHANGE_CREATE}, {"update", FBN_CHANGE_UPDATE}, {"delete", FBN_CHANGE_DELETE}};

static fbn_change_kind kind_of(const char *word)
{
        for (size_t i = 0; word && i < ARRAY_SIZE(kinds); i++)
                if (streq(kinds[i].word, word))
                        return kinds[i].kind;
        return 0;
}

static int take_step(fbn_context *c, const json_t *step, fbn_changes *changes)
{
        const char *domain = json_string_value(json_object_get(step, "domain")), *object = json_string_value(json_object_get(step, "object"));
        fbn_change_kind kind = kind_of(json_string_value(json_object_get(step, "kind")));
        char name[512];

        if (!domain || !object || !kind)
                return fail(c, FBN_EPROTOCOL, "a step of the plan has no kind, domain or object");
        snprintf(name, sizeof(name), strncmp(object, domain, strlen(domain)) == 0 ? "%.0s%s" : "%s %s", domain, object);
        return changes_add(c, changes, kind, name, json_string_value(json_object_get(step, "field")), json_string_value(json_object_get(step, "before")),
                           json_string_value(json_object_get(step, "after")));
}

int linux_take_steps(fbn_context *c, const char *bytes, size_t length, fbn_changes *changes)
{
        json_t *plan = json_loadb(bytes, length, 0, NULL), *steps = json_object_get(plan, "steps"), *step;
        int r = json_is_array(steps) ? 0 : fail(c, FBN_EPROTOCOL, "fabricnet wrote no plan there");
        size_t i;

        json_array_foreach(steps, i, step)
                if (r == 0)
                        r = take_step(c, step, changes);
        json_decref(plan);
        return r;
}

/* fabricnet(1) there, whose output is the steps; 0 or 1 if there are none, some. */
static int steps_there(const struct connection *connection, const char *verb, const fbn_router_options *options, const char *more, fbn_changes *changes)
{
        _cleanup_(process_output_free) struct process_output output = {0}, errors = {0};
        const fbn_router *router = connection->router;
        size_t before = fbn_changes_count(changes);
        char command[512];
        int r;

        snprintf(command, sizeof(command), "fabricnet %s -f " NEXT "/" FILE_NAME " --host '%s' --json%s%s", verb, router_fabric(router)->name,
                 options->local_only ? " --local-only" : "", more);
        r = connection_run(connection, command, NULL, 0, &output, &errors);
        if (r < 0)
                return r;
        if (r != DONE && r != DIFFERENT)
                return fail_there(connection, r, &errors);
        r = fail_in(connection->c, linux_take_steps(connection->c, output.bytes, output.length, changes), "%s", router->peer.host);
        return r < 0 ? r : fbn_changes_count(changes) > before;
}

static int plan_files(const struct connection *connection, fbn_changes *changes)
{
        static const char command[] = "cd " NEXT " && find . -type f ! -exec cmp -s '{}' '../{}' ';' -print";
        _cleanup_(process_output_free) struct process_output output = {0};
        char *line, *rest;
        int r = connection_do(connection, command, NULL, 0, &output);

        for (line = r == 0 ? strtok_r(output.bytes, "\n", &rest) : NULL; r == 0 && line; line = strtok_r(NULL, "\n", &rest)) {
                char name[512];

                snprintf(name, sizeof(name), "file " FOLDER "/%.400s", strncmp(line, "./", 2) == 0 ? line + 2 : line);
                r = changes_add(connection->c, changes, FBN_CHANGE_UPDATE, name, NULL, NULL, NULL);
        }
        return r;
}

static int clear(const struct connection *connection)
{
        return connection_do(connection, "rm -rf " NEXT, NULL, 0, NULL);
}

static int install(const struct connection *connection)
{
        return connection_do(connection, "cd " FOLDER " && cp -a next/. . && rm -rf next", NULL, 0, NULL);
}

/* Over a connection of its own: who cannot come back must not confirm. */
static int confirm(const struct connection *connection, int64_t deadline)
{
        _cleanup_(process_output_free) struct process_output output = {0}, errors = {0};
        int r;

        do {
                process_output_free(&output);
                process_output_free(&errors);
                r = connection_run(connection, "fabricnet confirm", NULL, 0, &output, &errors);
        } while ((r == -FBN_EUNAVAILABLE || r == -FBN_ETIMEOUT) && router_pause(deadline));
        return r > 0 ? fail_there(connection, r, &errors) : r;
}

/* What became of the newest generation there: "open", "confirmed", "undone", "failed"; "" if nobody knows. */
static void newest_outcome(const struct connection *connection, char *buffer, size_t size)
{
        _cleanup_(process_output_free) struct process_output output = {0}, errors = {0};
        json_int_t newest = 0;
        json_t *history, *generation;
        size_t i;

        *buffer = 0;
        if (connection_run(connection, "fabricnet history --json", NULL, 0, &output, &errors) != 0)
                return;
        history = json_loadb(output.bytes, output.length, 0, NULL);
        json_array_foreach(history, i, generation) {
                const char *outcome = json_string_value(json_object_get(generation, "outcome"));

                if (json_integer_value(json_object_get(generation, "number")) > newest && outcome) {
                        newest = json_integer_value(json_object_get(generation, "number"));
                        snprintf(buffer, size, "%s", outcome);
                }
        }
        json_decref(history);
}

/* The router undoes by itself: we only wait to hear of it. */
static int await_undo(const struct connection *connection, int64_t deadline)
{
        fbn_context *c = connection->c;
        struct undoing undoing = undo_begin(c);
        char outcome[32];

        do
                newest_outcome(connection, outcome, sizeof(outcome));
        while ((!*outcome || streq(outcome, "open")) && router_pause(deadline + LEFT_AFTER));
        undo_end(c, &undoing);
        if (streq(outcome, "undone"))
                return router_fail_after(c, FBN_EUNDONE, "it put all back as it was");
        return router_fail_after(c, FBN_EPARTIAL, "it should put all back by itself; 'fabricnet history' there says whether it did");
}

static int take(const struct connection *connection, const fbn_router_options *options, fbn_changes *changes)
{
        int64_t deadline = router_seconds() + options->confirm_within;
        char within[48];
        int r;

        snprintf(within, sizeof(within), " --confirm-within %us", options->confirm_within);
        r = steps_there(connection, "apply", options, within, changes);
        if (r == 0)
                return 0;
        if (r == 1)
                r = confirm(connection, deadline);
        if (r == -FBN_EUNAVAILABLE || r == -FBN_ETIMEOUT || r == -FBN_ECANCELED)
                r = await_undo(connection, deadline);
        return r;
}

int linux_apply(const struct connection *connection, const fbn_router_options *options, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_changes) changes = changes_new();
        FBN_CLEANUP(fbn_changes) done = changes_new();
        fbn_context *c = connection->c;
        struct undoing undoing;
        int r;

        if (!changes || !done)
                return fail_memory(c);
        if (!router_fabric(connection->router))
                return fail(c, FBN_EINVAL, "%s: a Linux host needs an object \"fabric\"", connection->router->peer.host);
        r = stage(connection);
        if (r == 0)
                r = steps_there(connection, "plan", options, "", changes);
        if (r >= 0)
                r = plan_files(connection, changes);
        if (r == 0 && fbn_changes_count(changes) > 0 && !options->dry_run) {
                r = take(connection, options, done);
                if (r == 0)
                        r = install(connection);
        }
        undoing = undo_begin(c);
        clear(connection);
        undo_end(c, &undoing);
        if (r < 0)
                return r;
        *ret_changes = TAKE_PTR(changes);
        return 0;
}

int linux_read(const struct connection *connection, fbn_router *have)
{
        _cleanup_(process_output_free) struct process_output output = {0};
        int r = connection_do(connection, "cd " FOLDER " 2>/dev/null && [ ! -e " FILE_NAME " ] || cat " FILE_NAME, NULL, 0, &output);

        if (r < 0 || output.length == 0)
                return r;
        r = fbn_router_add(connection->c, have,
                           FBN_OPTIONS(fbn_router_object, .kind = "fabric", .name = connection->router->peer.host, .content = output.bytes));
        return r == -FBN_EINVAL ? fail(connection->c, FBN_EPROTOCOL, "%s: " FOLDER "/" FILE_NAME " is no fabric", connection->router->peer.host) : r;
}
