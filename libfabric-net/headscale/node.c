/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/headscale.h"

#include <inttypes.h>
#include <stdio.h>

static json_t *routes_array(const fbn_prefix *routes, size_t n_routes)
{
        json_t *array = json_array();
        char text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < n_routes; i++)
                json_array_append_new(array, json_string(fbn_prefix_format(&routes[i], text, sizeof(text))));
        if (json_array_size(array) == n_routes)
                return array;
        json_decref(array);
        return NULL;
}

int fbn_headscale_node_approve(fbn_context *c, fbn_headscale *headscale, uint64_t node, const fbn_prefix *routes, size_t n_routes)
{
        char path[80];
        json_t *body = json_pack("{s:o}", "routes", routes_array(routes, n_routes));

        if (!body)
                return fail_memory(c);
        snprintf(path, sizeof(path), "/api/v1/node/%" PRIu64 "/approve_routes", node);
        return fail_in(c, headscale_call(c, headscale, "POST", path, body, NULL), "node %" PRIu64, node);
}

/* From 0.29 on registrations are approved as authentication requests. */
static int register_new(fbn_context *c, fbn_headscale *headscale, const char *user, const char *registration)
{
        json_t *body = json_pack("{s:s, s:s}", "user", user, "authId", registration);

        if (!body)
                return fail(c, FBN_EINVAL, "the user's name or the registration id is not UTF-8");
        return headscale_call(c, headscale, "POST", "/api/v1/auth/register", body, NULL);
}

static int register_old(fbn_context *c, fbn_headscale *headscale, const char *user, const char *registration)
{
        _cleanup_(text_free) struct text path = {0};

        text_add(&path, "/api/v1/node/register?user=");
        http_text_escape(&path, user);
        text_add(&path, "&key=");
        http_text_escape(&path, registration);
        if (path.failed)
                return fail_memory(c);
        return headscale_call(c, headscale, "POST", path.bytes, NULL, NULL);
}

int fbn_headscale_node_register(fbn_context *c, fbn_headscale *headscale, const char *user, const char *registration)
{
        int r = headscale_negotiate(c, headscale);

        if (r < 0)
                return r;
        r = headscale->minor >= 29 ? register_new(c, headscale, user, registration) : register_old(c, headscale, user, registration);
        return fail_in(c, r, "registration '%s'", registration);
}

/* A segment of dots is a step in the path, encoded or not (RFC 3986, 6.2.2.3): it would reach another call. */
int headscale_name_check(fbn_context *c, const char *name)
{
        return strspn(name, ".") == strlen(name) ? fail(c, FBN_EINVAL, "'%s' is not a name", name) : 0;
}

int fbn_headscale_node_rename(fbn_context *c, fbn_headscale *headscale, uint64_t node, const char *name)
{
        _cleanup_(text_free) struct text path = {0};
        int r = headscale_name_check(c, name);

        if (r < 0)
                return fail_in(c, r, "node %" PRIu64, node);
        text_add(&path, "/api/v1/node/%" PRIu64 "/rename/", node);
        http_text_escape(&path, name);
        if (path.failed)
                return fail_memory(c);
        return fail_in(c, headscale_call(c, headscale, "POST", path.bytes, NULL, NULL), "node %" PRIu64, node);
}

int fbn_headscale_login_judge(fbn_context *c, fbn_headscale *headscale, const char *id, bool yes)
{
        int r = headscale_need(c, headscale, FBN_HEADSCALE_CAN_JUDGE_LOGINS, "judge logins");
        json_t *body;

        if (r < 0)
                return fail_in(c, r, "login '%s'", id);
        body = json_pack("{s:s}", "authId", id);
        if (!body)
                return fail(c, FBN_EINVAL, "login: the id is not UTF-8");
        return fail_in(c, headscale_call(c, headscale, "POST", yes ? "/api/v1/auth/approve" : "/api/v1/auth/reject", body, NULL), "login '%s'", id);
}

int fbn_headscale_node_backfill(fbn_context *c, fbn_headscale *headscale)
{
        _cleanup_(json_freep) json_t *object = NULL;
        json_t *changes;
        int r = headscale_call(c, headscale, "POST", "/api/v1/node/backfillips?confirmed=true", NULL, &object);

        if (r == 0)
                r = json_read_array(c, object, "changes", &changes);
        return r < 0 ? r : (int)json_array_size(changes);
}

int fbn_headscale_node_delete(fbn_context *c, fbn_headscale *headscale, uint64_t node)
{
        char path[64];

        snprintf(path, sizeof(path), "/api/v1/node/%" PRIu64, node);
        return fail_in(c, headscale_call(c, headscale, "DELETE", path, NULL, NULL), "node %" PRIu64, node);
}
