/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/headscale.h"

#include <stdlib.h>

unsigned headscale_minor(const char *version)
{
        char *end;
        unsigned long minor;

        if (*version == 'v')
                version++;
        if (strncmp(version, "0.", 2) != 0 || version[2] < '0' || version[2] > '9')
                return MINOR_NEWEST;
        minor = strtoul(version + 2, &end, 10);
        return minor >= MINOR_NEWEST ? MINOR_NEWEST : (unsigned)minor;
}

/* A server built from a checkout calls itself "dev": which descriptions of its API it serves tells the generation. */
static int probe(fbn_context *c, fbn_headscale *headscale, unsigned *ret_minor)
{
        HTTP_REPLY reply = {0};
        int r = headscale_get(c, headscale, "/swagger/v1/openapiv2.json", &reply);

        if (r < 0)
                return r;
        *ret_minor = reply.status == 200 && strstr(reply.type, "json") ? 29 : MINOR_NEWEST;
        return 0;
}

static int version_read(fbn_context *c, fbn_headscale *headscale, const struct http_reply *reply, char **ret_version)
{
        _cleanup_(json_freep) json_t *object = NULL;
        const char *version;
        int r;

        if (reply->status == 404) { /* up to 0.26 there is no such page */
                *ret_version = memory_strdup("0.26");
                return *ret_version ? 0 : fail_memory(c);
        }
        if (reply->status != 200)
                return headscale_refused(c, headscale, reply);
        r = json_reply(c, headscale->http, reply, &object);
        if (r < 0)
                return r;
        version = json_string_value(json_object_get(object, "version"));
        if (!version)
                return fail_in(c, fail(c, FBN_EPROTOCOL, "/version tells no version; is this Headscale?"), "%s", http_name(headscale->http));
        *ret_version = memory_strdup(*version == 'v' ? version + 1 : version);
        return *ret_version ? 0 : fail_memory(c);
}

int headscale_negotiate(fbn_context *c, fbn_headscale *headscale)
{
        _cleanup_free_ char *version = NULL;
        HTTP_REPLY reply = {0};
        unsigned minor;
        int r;

        if (headscale->version)
                return 0;
        r = headscale_get(c, headscale, "/version", &reply);
        if (r == 0)
                r = version_read(c, headscale, &reply, &version);
        if (r < 0)
                return r;
        minor = headscale_minor(version);
        if (streq(version, "dev"))
                r = probe(c, headscale, &minor);
        if (r < 0)
                return r;
        headscale->version = TAKE_PTR(version);
        headscale->minor = minor;
        return 0;
}

int fbn_headscale_version(fbn_context *c, fbn_headscale *headscale, char **ret_version)
{
        char *copy;
        int r = headscale_negotiate(c, headscale);

        if (r < 0)
                return r;
        copy = memory_strdup(headscale->version);
        if (!copy)
                return fail_memory(c);
        *ret_version = copy;
        return 0;
}

/* The first and the last minor version of the servers that can. */
static const struct {
        fbn_headscale_ability ability;
        unsigned first, last;
} abilities[] = {
        {FBN_HEADSCALE_CAN_SET_EXPIRY, 27, MINOR_NEWEST},  {FBN_HEADSCALE_CAN_MOVE_NODES, 0, 27},
        {FBN_HEADSCALE_CAN_UNTAG, 0, 27},                  {FBN_HEADSCALE_CAN_CHECK_POLICY, 29, MINOR_NEWEST},
        {FBN_HEADSCALE_CAN_DELETE_KEYS, 28, MINOR_NEWEST}, {FBN_HEADSCALE_CAN_MINT_TAGGED, 28, MINOR_NEWEST},
        {FBN_HEADSCALE_CAN_JUDGE_LOGINS, 29, MINOR_NEWEST},
};

int fbn_headscale_can(fbn_context *c, fbn_headscale *headscale, fbn_headscale_ability ability)
{
        int r = headscale_negotiate(c, headscale);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(abilities); i++)
                if (abilities[i].ability == ability)
                        return headscale->minor >= abilities[i].first && headscale->minor <= abilities[i].last;
        return fail(c, FBN_EINVAL, "headscale: no ability has the number %d", (int)ability);
}

int headscale_need(fbn_context *c, fbn_headscale *headscale, fbn_headscale_ability ability, const char *what)
{
        int r = fbn_headscale_can(c, headscale, ability);

        if (r != 0)
                return MIN(r, 0);
        return fail_in(c, fail(c, FBN_EUNSUPPORTED, "headscale %s cannot %s", headscale->version, what), "%s", http_name(headscale->http));
}

int fbn_headscale_health(fbn_context *c, fbn_headscale *headscale)
{
        _cleanup_(json_freep) json_t *object = NULL;
        HTTP_REPLY reply = {0};
        const char *status;
        int r;

        r = headscale_get(c, headscale, "/health", &reply);
        if (r < 0)
                return r;
        if (reply.status != 200)
                return http_fail(c, FBN_EUNAVAILABLE, headscale->http, &reply);
        /* Sent as application/health+json (draft-inadarei-api-health-check). */
        object = strstr(reply.type, "json") ? json_loadb(reply.body, reply.length, 0, NULL) : NULL;
        status = json_string_value(json_object_get(object, "status"));
        if (!status)
                return fail_in(c, fail(c, FBN_EPROTOCOL, "/health tells no status; is this Headscale?"), "%s", http_name(headscale->http));
        if (!streq(status, "pass"))
                return fail_in(c, fail(c, FBN_EUNAVAILABLE, "the server says that its health is '%s'", status), "%s", http_name(headscale->http));
        return 0;
}
