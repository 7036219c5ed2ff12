/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/change.h"

#include "base/address.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

int work_begin(fbn_context *c, fbn_headscale *headscale, const fbn_headscale_change_options *options, struct work *ret_work)
{
        struct work work = {.c = c, .headscale = headscale};
        int r = OPTIONS_READ(c, fbn_headscale_change_options, options, &work.options);

        if (r < 0)
                return r;
        work.changes = changes_new();
        if (!work.changes)
                return fail_memory(c);
        *ret_work = work;
        return 0;
}

void work_end(struct work *work)
{
        fbn_headscale_users_unref(work->users);
        fbn_changes_unref(work->changes);
}

int work_result(struct work *work, int r, fbn_changes **ret_changes)
{
        size_t done = fbn_changes_count(work->changes);

        if (r < 0 && r != -FBN_ETIMEOUT && r != -FBN_ECANCELED && done > 0 && !work->options.dry_run)
                r = fail(work->c, FBN_EPARTIAL, "%zu change%s stand%s; then: %.700s", done, done == 1 ? "" : "s", done == 1 ? "s" : "",
                         fbn_context_error(work->c));
        if (ret_changes && (r == 0 || r == -FBN_EPARTIAL || r == -FBN_ETIMEOUT || r == -FBN_ECANCELED))
                *ret_changes = TAKE_PTR(work->changes);
        return r < 0 ? r : (int)done;
}

int work_users(struct work *work)
{
        return work->users ? 0 : fbn_headscale_user_list(work->c, work->headscale, &work->users);
}

static int note(struct work *work, const fbn_headscale_node *have, const char *field, const char *before, const char *after)
{
        char object[96];

        snprintf(object, sizeof(object), "node %s", have->given_name);
        return changes_add(work->c, work->changes, FBN_CHANGE_UPDATE, object, field, before, after);
}

bool has_prefix(const fbn_prefix *list, size_t count, const fbn_prefix *prefix)
{
        for (size_t i = 0; i < count; i++)
                if (prefix_equal(&list[i], prefix))
                        return true;
        return false;
}

static bool has_text(const char *const *list, size_t count, const char *text)
{
        for (size_t i = 0; i < count; i++)
                if (streq(list[i], text))
                        return true;
        return false;
}

static bool same_tags(const fbn_headscale_node *a, const fbn_headscale_node *b)
{
        for (size_t i = 0; i < a->n_tags; i++)
                if (!has_text(b->tags, b->n_tags, a->tags[i]))
                        return false;
        for (size_t i = 0; i < b->n_tags; i++)
                if (!has_text(a->tags, a->n_tags, b->tags[i]))
                        return false;
        return true;
}

static bool is_past(int64_t expiry)
{
        return expiry != 0 && expiry / SECOND <= time(NULL);
}

static bool same_expiry(const fbn_headscale_node *have, const fbn_headscale_node *want)
{
        if (!have->expiry || !want->expiry)
                return have->expiry == want->expiry;
        return have->expiry / SECOND == want->expiry / SECOND || (is_past(have->expiry) && is_past(want->expiry));
}

static bool differs(const fbn_headscale_node *have, const fbn_headscale_node *want, fbn_headscale_set what)
{
        if (!(want->set & what))
                return false;
        switch (what) {
        case FBN_HEADSCALE_SET_GIVEN_NAME:
                return !streq(have->given_name, want->given_name ? want->given_name : "");
        case FBN_HEADSCALE_SET_USER:
                return !streq(have->user, want->user ? want->user : "");
        case FBN_HEADSCALE_SET_TAGS:
                return !same_tags(have, want);
        case FBN_HEADSCALE_SET_EXPIRY:
                return !same_expiry(have, want);
        default:
                return true;
        }
}

/* An unsafe expiry is worse than none: a server that does not understand the time would expire the node at once. */
static int expiry_check(struct work *work, const fbn_headscale_node *want)
{
        return is_past(want->expiry) ? 0 : headscale_need(work->c, work->headscale, FBN_HEADSCALE_CAN_SET_EXPIRY, "set an expiry: it would expire the node at once");
}

int node_check(struct work *work, const fbn_headscale_node *have, const fbn_headscale_node *want)
{
        int r = 0;

        if (differs(have, want, FBN_HEADSCALE_SET_USER))
                r = headscale_need(work->c, work->headscale, FBN_HEADSCALE_CAN_MOVE_NODES, "move a node to another user; it has to log in anew");
        if (r == 0 && differs(have, want, FBN_HEADSCALE_SET_TAGS) && want->n_tags == 0)
                r = headscale_need(work->c, work->headscale, FBN_HEADSCALE_CAN_UNTAG, "take a node's last tag; it has to log in anew");
        if (r == 0 && differs(have, want, FBN_HEADSCALE_SET_EXPIRY))
                r = expiry_check(work, want);
        return fail_in(work->c, r, "node %s", have->given_name);
}

static int name_send(struct work *work, const fbn_headscale_node *have, const fbn_headscale_node *want)
{
        int r = work->options.dry_run ? 0 : fbn_headscale_node_rename(work->c, work->headscale, have->id, want->given_name ? want->given_name : "");

        return r < 0 ? r : note(work, have, "name", have->given_name, want->given_name);
}

static int user_send(struct work *work, const fbn_headscale_node *have, const fbn_headscale_node *want)
{
        char path[80], user[32] = "";
        int r = work_users(work);

        for (size_t i = 0; r == 0 && i < fbn_headscale_users_count(work->users); i++)
                if (streq(fbn_headscale_users_at(work->users, i)->name, want->user ? want->user : ""))
                        snprintf(user, sizeof(user), "%" PRIu64, fbn_headscale_users_at(work->users, i)->id);
        if (r == 0 && !*user && !work->options.dry_run)
                r = fail(work->c, FBN_ENOENT, "there is no user '%s'", want->user ? want->user : "");
        snprintf(path, sizeof(path), "/api/v1/node/%" PRIu64 "/user", have->id);
        if (r == 0 && !work->options.dry_run)
                r = headscale_call(work->c, work->headscale, "POST", path, json_pack("{s:s}", "user", user), NULL);
        return r < 0 ? r : note(work, have, "user", have->user, want->user);
}

void tags_show(const fbn_headscale_node *node, struct text *text)
{
        text_add(text, "%s", "");
        for (size_t i = 0; i < node->n_tags; i++)
                text_add(text, "%s%s", i ? ", " : "", node->tags[i]);
}

static int tags_send(struct work *work, const fbn_headscale_node *have, const fbn_headscale_node *want)
{
        _cleanup_(text_free) struct text before = {0}, after = {0};
        json_t *tags = json_array();
        char path[80];
        int r = 0;

        tags_show(have, &before);
        tags_show(want, &after);
        for (size_t i = 0; i < want->n_tags; i++)
                json_array_append_new(tags, json_string(want->tags[i]));
        snprintf(path, sizeof(path), "/api/v1/node/%" PRIu64 "/tags", have->id);
        if (before.failed || after.failed || json_array_size(tags) != want->n_tags)
                r = fail_memory(work->c);
        if (r == 0 && !work->options.dry_run)
                r = headscale_call(work->c, work->headscale, "POST", path, json_pack("{s:O}", "tags", tags), NULL);
        json_decref(tags);
        return r < 0 ? r : note(work, have, "tags", before.bytes, after.bytes);
}

const char *expiry_show(int64_t expiry, char *buffer, size_t size)
{
        return expiry ? json_time_format(expiry, buffer, size) : "never";
}

/* Each version reads the time in another place, and one that does not find it expires the node at once: it is in all of them. "Never" is
 * disableExpiry from 0.29 on; to 0.27 and 0.28 Go's zero time means the same. */
static int expiry_post(struct work *work, uint64_t node, int64_t expiry)
{
        bool now = is_past(expiry), never = expiry == 0, new = work->headscale->minor >= 29;
        _cleanup_(text_free) struct text path = {0};
        const char *time = "0001-01-01T00:00:00Z";
        json_t *body = json_object();
        char buffer[32];

        text_add(&path, "/api/v1/node/%" PRIu64 "/expire", node);
        if (!never)
                time = json_time_format(expiry, buffer, sizeof(buffer));
        if (never && new) {
                text_add(&path, "?disableExpiry=true");
                json_object_set_new(body, "disableExpiry", json_true());
        } else if (!now) {
                text_add(&path, "?expiry=");
                http_text_escape(&path, time);
                json_object_set_new(body, "expiry", json_string(time));
        }
        if (path.failed) {
                json_decref(body);
                return fail_memory(work->c);
        }
        return headscale_call(work->c, work->headscale, "POST", path.bytes, body, NULL);
}

static int expiry_send(struct work *work, const fbn_headscale_node *have, const fbn_headscale_node *want)
{
        char before[32], after[32];
        int r = work->options.dry_run ? 0 : headscale_negotiate(work->c, work->headscale);

        if (r == 0 && !work->options.dry_run)
                r = expiry_post(work, have->id, want->expiry);
        if (r < 0)
                return r;
        return note(work, have, "expiry", expiry_show(have->expiry, before, sizeof(before)),
                    is_past(want->expiry) ? "now" : expiry_show(want->expiry, after, sizeof(after)));
}

static bool is_exit(const fbn_prefix *prefix)
{
        return prefix->length == 0;
}

/* The set to approve: what is wanted, each once, an exit node's two routes always together, as the servers keep them. */
static size_t routes_wanted(const fbn_headscale_node *have, const fbn_headscale_node *want, bool offered_only, fbn_prefix *routes)
{
        size_t count = 0;
        fbn_prefix v4, v6;

        for (size_t i = 0; i < want->n_approved_routes; i++) {
                const fbn_prefix *route = &want->approved_routes[i];
                bool known = has_prefix(have->available_routes, have->n_available_routes, route) ||
                             has_prefix(have->approved_routes, have->n_approved_routes, route);

                if ((known || !offered_only) && !has_prefix(routes, count, route))
                        routes[count++] = *route;
        }
        fbn_prefix_parse("0.0.0.0/0", &v4);
        fbn_prefix_parse("::/0", &v6);
        for (size_t i = 0, n = count; i < n; i++)
                if (is_exit(&routes[i]) && !has_prefix(routes, count, routes[i].address.family == v4.address.family ? &v6 : &v4))
                        routes[count++] = routes[i].address.family == v4.address.family ? v6 : v4;
        return count;
}

void routes_show(const fbn_prefix *routes, size_t count, struct text *text)
{
        char buffer[FBN_ADDRESS_TEXT];

        text_add(text, "%s", "");
        for (size_t i = 0; i < count; i++)
                text_add(text, "%s%s", i ? ", " : "", fbn_prefix_format(&routes[i], buffer, sizeof(buffer)));
}

static bool same_routes(const fbn_headscale_node *have, const fbn_prefix *routes, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (!has_prefix(have->approved_routes, have->n_approved_routes, &routes[i]))
                        return false;
        return count == have->n_approved_routes;
}

static int routes_send(struct work *work, const fbn_headscale_node *have, const fbn_headscale_node *want, bool offered_only)
{
        _cleanup_(text_free) struct text before = {0}, after = {0};
        _cleanup_free_ fbn_prefix *routes = memory_alloc((want->n_approved_routes + 2) * sizeof(*routes));
        size_t count;
        int r = 0;

        if (!routes)
                return fail_memory(work->c);
        count = routes_wanted(have, want, offered_only, routes);
        if (same_routes(have, routes, count))
                return 0;
        routes_show(have->approved_routes, have->n_approved_routes, &before);
        routes_show(routes, count, &after);
        if (before.failed || after.failed)
                return fail_memory(work->c);
        if (!work->options.dry_run)
                r = fbn_headscale_node_approve(work->c, work->headscale, have->id, routes, count);
        return r < 0 ? r : note(work, have, "approved routes", before.bytes, after.bytes);
}

/* The name last: until then messages and changes have the one that the node had. */
int node_send(struct work *work, const fbn_headscale_node *have, const fbn_headscale_node *want, bool offered_only)
{
        int r = 0;

        if (differs(have, want, FBN_HEADSCALE_SET_USER))
                r = user_send(work, have, want);
        if (r == 0 && differs(have, want, FBN_HEADSCALE_SET_TAGS))
                r = tags_send(work, have, want);
        if (r == 0 && want->set & FBN_HEADSCALE_SET_APPROVED_ROUTES)
                r = routes_send(work, have, want, offered_only);
        if (r == 0 && differs(have, want, FBN_HEADSCALE_SET_EXPIRY))
                r = expiry_send(work, have, want);
        if (r == 0 && differs(have, want, FBN_HEADSCALE_SET_GIVEN_NAME))
                r = name_send(work, have, want);
        return fail_in(work->c, r, "node %s", have->given_name);
}
