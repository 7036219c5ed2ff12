/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tailscale/tailscale.h"

#include <stdio.h>

#define SOCKET "/var/run/tailscale/tailscaled.sock"

int daemon_open(fbn_context *c, const fbn_tailscale_options *options, uint32_t default_ms, struct http **ret_http)
{
        /* The daemon refuses any other Host (safesocket, ipn/localapi). */
        struct http_options mine = {.url = "http://local-tailscaled.sock", .socket = options->socket ? options->socket : SOCKET};

        mine.timeout_ms = options->timeout_ms ? options->timeout_ms : default_ms;
        return http_new(c, &mine, ret_http);
}

fbn_error daemon_meaning(long status)
{
        switch (status) {
        case 401:
        case 403:
                return FBN_EPERM;
        case 400:
                return FBN_EINVAL;
        case 404:
                return FBN_EUNSUPPORTED;
        default:
                return FBN_EPROTOCOL;
        }
}

int daemon_call(fbn_context *c, struct http *http, const char *method, const char *path, const char *body, json_t **ret_object)
{
        HTTP_REPLY reply = {0};
        char full[128];
        int r;

        snprintf(full, sizeof(full), DAEMON_PATH "%s", path);
        r = http_request(c, http, method, full, body, &reply);
        if (r < 0)
                return r;
        if (reply.status < 200 || reply.status > 299)
                return http_fail(c, daemon_meaning(reply.status), http, &reply);
        return ret_object ? json_reply(c, http, &reply, ret_object) : 0;
}

int daemon_body(fbn_context *c, const json_t *request, char **ret_body)
{
        size_t size = json_dumpb(request, NULL, 0, JSON_COMPACT);
        char *body = size ? memory_alloc(size + 1) : NULL;

        if (!body)
                return fail_memory(c);
        json_dumpb(request, body, size, JSON_COMPACT);
        *ret_body = body;
        return 0;
}
