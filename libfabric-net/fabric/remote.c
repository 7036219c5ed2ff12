/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/remote.h"
#include "fabric/run.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 5000

/* Where a step was taken. The secret itself stays in its file. */
static json_t *place_of(struct run *run, const struct remote_step *step)
{
        const struct mesh *mesh = &run->fabric->mesh;
        struct error_record before = run->c->error;
        char path[PATH_MAX], authorities[PATH_MAX];
        const char *ca_file = run->options.ca_file;
        bool known;

        if (streq(step->kind, "tailscale"))
                return json_pack("{s:s?}", "socket", run->options.tailscale_socket);
        known = !(mesh->api_key.file && strncmp(mesh->api_key.file, "fd:", 3) == 0) && secret_path(run->c, run->fabric, &mesh->api_key, path) == 0;
        run->c->error = before;
        if (ca_file && realpath(ca_file, authorities))
                ca_file = authorities;
        return json_pack("{s:s, s:s?, s:s?}", "url", mesh->url, "ca_file", ca_file, "api_key", known ? path : NULL);
}

/* One that differs from it in nothing but what is from and what is to. */
static json_t *record_new(const char *kind, const char *object, json_int_t node, const json_t *place, const json_t *was, const json_t *is)
{
        return json_pack("{s:s, s:s, s:s, s:I, s:O, s:O, s:O}", "record", "remote", "kind", kind, "object", object, "node", node, "place", place, "was", was,
                         "is", is);
}

int remote_intend(struct run *run, const struct remote_step *step)
{
        json_t *place = run->attempt ? place_of(run, step) : NULL;
        int r = 0;

        if (run->attempt)
                r = attempt_add(run->attempt, record_new(step->kind, step->object, (json_int_t)step->node, place, step->was, step->is));
        json_decref(place);
        json_decref(step->was);
        json_decref(step->is);
        return r;
}

/* What is being taken back, and the server that it is taken back from. */
struct return_trip {
        fbn_context *c;
        const fbn_secret *key; /* NULL: read from its file */
        fbn_headscale *server;
        char *away; /* why nothing more is asked of it */
};

static void trip_end(struct return_trip *trip)
{
        fbn_headscale_unref(trip->server);
        memory_free(trip->away);
}

static const char *text_of(const json_t *json, const char *name)
{
        return json_string_value(json_object_get(json, name));
}

static int connect_server(struct return_trip *trip, const json_t *place)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        const char *path = text_of(place, "api_key");
        int r = 0;

        if (trip->server)
                return 0;
        if (!trip->key && !path)
                return fail(trip->c, FBN_ENOENT, "the API key came from a descriptor, which is gone");
        if (!trip->key)
                r = fbn_secret_read_file(trip->c, path, &key);
        return r < 0 ? r : fbn_headscale_new(trip->c, FBN_OPTIONS(fbn_headscale_options, .url = text_of(place, "url"), .api_key = key ? key : trip->key,
                                                                  .ca_file = text_of(place, "ca_file"), .timeout_ms = TIMEOUT_MS, .tries = 1),
                                             &trip->server);
}

static int fail_changed(fbn_context *c)
{
        return fail(c, FBN_ECONFLICT, "somebody else changed it since");
}

static int turn_user(struct return_trip *trip, const json_t *record, const json_t *to)
{
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        const char *name = text_of(record, "object");
        int r = fbn_headscale_user_list(trip->c, trip->server, &users);

        if (r < 0)
                return r;
        for (size_t i = 0; i < fbn_headscale_users_count(users); i++)
                if (streq(fbn_headscale_users_at(users, i)->name, name)) {
                        if (json_is_true(to))
                                return 0;
                        r = fbn_headscale_user_delete(trip->c, trip->server, fbn_headscale_users_at(users, i)->id);
                        return r == -FBN_ENOENT ? 0 : r < 0 ? r : 1;
                }
        if (!json_is_true(to))
                return 0;
        r = fbn_headscale_user_create(trip->c, trip->server, name);
        return r < 0 ? r : 1;
}

static int turn_policy(struct return_trip *trip, const json_t *from, const json_t *to)
{
        _cleanup_free_ char *have = NULL;
        const char *ours = json_string_value(from), *want = json_string_value(to);
        int r = fbn_headscale_policy_get(trip->c, trip->server, &have);

        if (r < 0 || !ours || !want || same_policy(have, want))
                return r;
        if (!same_policy(have, ours))
                return fail_changed(trip->c);
        r = fbn_headscale_policy_set(trip->c, trip->server, want, NULL);
        return r < 0 ? r : 1;
}

static fbn_prefix *routes_of(const json_t *json, size_t *ret_n)
{
        fbn_prefix *routes = memory_alloc((json_array_size(json) + 1) * sizeof(*routes));

        *ret_n = 0;
        for (size_t i = 0; routes && i < json_array_size(json); i++)
                *ret_n += fbn_prefix_parse(json_string_value(json_array_get(json, i)), &routes[*ret_n]) == 0;
        return routes;
}

/* A node that is gone has no routes. */
static int turn_routes(struct return_trip *trip, const json_t *record, const json_t *from, const json_t *to)
{
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        uint64_t id = (uint64_t)json_integer_value(json_object_get(record, "node"));
        _cleanup_free_ fbn_prefix *ours = NULL, *want = NULL;
        const fbn_headscale_node *node = NULL;
        size_t n_ours, n_want;
        int r = fbn_headscale_node_list(trip->c, trip->server, &nodes);

        for (size_t i = 0; r == 0 && i < fbn_headscale_nodes_count(nodes); i++)
                if (fbn_headscale_nodes_at(nodes, i)->id == id)
                        node = fbn_headscale_nodes_at(nodes, i);
        ours = routes_of(from, &n_ours);
        want = routes_of(to, &n_want);
        if (!ours || !want)
                return fail_memory(trip->c);
        if (r < 0 || !node || same_routes(want, n_want, node))
                return r;
        if (!same_routes(ours, n_ours, node))
                return fail_changed(trip->c);
        r = fbn_headscale_node_approve(trip->c, trip->server, id, want, n_want);
        return r < 0 ? r : 1;
}

static int turn_server(struct return_trip *trip, const json_t *record, const json_t *from, const json_t *to)
{
        const char *kind = text_of(record, "kind");
        const json_t *place = json_object_get(record, "place");
        int r = trip->away ? fail(trip->c, FBN_EUNAVAILABLE, "%s", trip->away) : connect_server(trip, place);

        if (r == 0)
                r = streq(kind, "user")     ? turn_user(trip, record, to)
                    : streq(kind, "policy") ? turn_policy(trip, from, to)
                    : streq(kind, "routes") ? turn_routes(trip, record, from, to)
                                            : fail(trip->c, FBN_EINVAL, "'%s' is not what this version can take back", kind);
        if ((r == -FBN_EUNAVAILABLE || r == -FBN_ETIMEOUT) && !trip->away)
                trip->away = memory_strdup(fbn_context_error(trip->c));
        return fail_in(trip->c, r, "headscale %s", text_of(place, "url"));
}

static int turn(struct return_trip *trip, const json_t *record, const json_t *from, const json_t *to)
{
        if (streq(text_of(record, "kind"), "tailscale"))
                return fail_in(trip->c, remote_turn_tailscale(trip->c, record, from, to), "tailscale");
        return turn_server(trip, record, from, to);
}

static bool is_remote(const json_t *record)
{
        return streq(record_name(record), "remote") && text_of(record, "kind") && text_of(record, "object");
}

static bool is_taken_back(const struct journal *journal, size_t index)
{
        for (size_t i = index; i < json_array_size(journal->records); i++) {
                const json_t *record = json_array_get(journal->records, i);

                if (streq(record_name(record), "taken back") && json_integer_value(json_object_get(record, "of")) == (json_int_t)index)
                        return true;
        }
        return false;
}

static const char *name_of(const json_t *record, char *buffer, size_t size)
{
        bool named = !streq(text_of(record, "kind"), text_of(record, "object"));

        snprintf(buffer, size, "%s%s%s", text_of(record, "kind"), named ? " " : "", named ? text_of(record, "object") : "");
        return buffer;
}

static void say_stands(fbn_context *c, const json_t *record, struct text *stands)
{
        char name[128];

        text_add(stands, "%s%s (%s)", stands->length ? "; " : "", name_of(record, name, sizeof(name)), fbn_context_error(c));
}

int remote_take_back(fbn_context *c, const struct state *state, struct journal *journal, const fbn_secret *key, struct text *stands)
{
        _cleanup_(trip_end) struct return_trip trip = {.c = c, .key = key};

        for (size_t i = json_array_size(journal->records); i-- > 0;) {
                const json_t *record = json_array_get(journal->records, i);
                int r;

                if (!is_remote(record) || is_taken_back(journal, i))
                        continue;
                r = turn(&trip, record, json_object_get(record, "is"), json_object_get(record, "was"));
                if (r >= 0)
                        r = journal_add(c, state, journal, json_pack("{s:s, s:I}", "record", "taken back", "of", (json_int_t)i));
                if (r < 0)
                        say_stands(c, record, stands);
        }
        return stands->failed ? fail_memory(c) : 0;
}

/* What is taken back is what a later undo of this attempt has to do again. */
static int reverse(struct attempt *attempt, struct return_trip *trip, const json_t *record, const char *reason, fbn_plan *done)
{
        const json_t *was = json_object_get(record, "was"), *is = json_object_get(record, "is");
        char object[128];
        const fbn_plan_step step = {.domain = streq(text_of(record, "kind"), "tailscale") ? "tailscale" : "headscale", .kind = FBN_CHANGE_UPDATE,
                                    .object = name_of(record, object, sizeof(object)), .reason = reason, .pointer = ""};
        int r = 0;

        if (attempt)
                r = attempt_add(attempt, record_new(text_of(record, "kind"), text_of(record, "object"), json_integer_value(json_object_get(record, "node")),
                                                    json_object_get(record, "place"), is, was));
        if (r == 0 && attempt)
                r = turn(trip, record, is, was);
        return r < 0 ? r : plan_add(trip->c, done, &step);
}

int remote_reverse(struct attempt *attempt, fbn_context *c, const struct journal *journal, const char *reason, fbn_plan *done,
                   struct text *stands)
{
        _cleanup_(trip_end) struct return_trip trip = {.c = c};

        for (size_t i = json_array_size(journal->records); i-- > 0;) {
                const json_t *record = json_array_get(journal->records, i);

                if (is_remote(record) && !is_taken_back(journal, i) && reverse(attempt, &trip, record, reason, done) < 0)
                        say_stands(c, record, stands);
        }
        return stands->failed ? fail_memory(c) : 0;
}

size_t remote_left(const struct journal *journal, struct text *stands)
{
        size_t left = 0;
        char name[128];

        for (size_t i = json_array_size(journal->records); i-- > 0;) {
                const json_t *record = json_array_get(journal->records, i);

                if (is_remote(record) && !is_taken_back(journal, i))
                        text_add(stands, "%s%s", left++ ? "; " : "", name_of(record, name, sizeof(name)));
        }
        return left;
}

bool remote_any(const struct journal *journal)
{
        for (size_t i = 0; i < json_array_size(journal->records); i++)
                if (is_remote(json_array_get(journal->records, i)))
                        return true;
        return false;
}
