/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions to the daemon that change nothing. */
#include "tailscale/answer.h"
#include "tailscale/tailscale.h"

#include <stdio.h>

static int ask(fbn_context *c, const fbn_tailscale_options *options, const char *method, const char *path, struct http **http, struct http_reply *ret_reply)
{
        fbn_tailscale_options mine;
        int r = OPTIONS_READ(c, fbn_tailscale_options, options, &mine);

        if (r == 0)
                r = daemon_open(c, &mine, DAEMON_TIMEOUT_MS, http);
        if (r == 0)
                r = http_request(c, *http, method, path, NULL, ret_reply);
        if (r == 0 && ret_reply->status == 404)
                r = http_fail(c, FBN_ENOENT, *http, ret_reply);
        else if (r == 0 && (ret_reply->status < 200 || ret_reply->status > 299))
                r = http_fail(c, daemon_meaning(ret_reply->status), *http, ret_reply);
        return r;
}

static int ask_object(fbn_context *c, const fbn_tailscale_options *options, const char *method, const struct text *path, json_t **ret_object)
{
        _cleanup_(http_freep) struct http *http = NULL;
        HTTP_REPLY reply = {0};
        int r = path->failed ? fail_memory(c) : ask(c, options, method, path->bytes, &http, &reply);

        return r < 0 ? r : json_reply(c, http, &reply, ret_object);
}

/* An address may have a port behind it. */
static int address_check(fbn_context *c, const char *text)
{
        fbn_address address;
        fbn_endpoint endpoint;

        if (fbn_address_parse(text, &address) == 0 || fbn_endpoint_parse(text, &endpoint) == 0)
                return 0;
        return fail(c, FBN_EINVAL, "tailscale: '%s' is no address", text);
}

int fbn_tailscale_whois(fbn_context *c, const fbn_tailscale_options *options, const char *address, fbn_tailscale_status **ret_status)
{
        _cleanup_(json_freep) json_t *object = NULL;
        _cleanup_(text_free) struct text path = {0};
        int r = address_check(c, address);

        text_add(&path, DAEMON_PATH "whois?addr=");
        http_text_escape(&path, address);
        if (r == 0)
                r = ask_object(c, options, "GET", &path, &object);
        if (r == 0)
                r = tailscale_whois_read(c, object, ret_status);
        return fail_in(c, r, "whois %s", address);
}

static int text_of(fbn_context *c, const json_t *object, const char *member, char *buffer, size_t size)
{
        const json_t *value = json_object_get(object, member);

        if (value && !json_is_string(value) && !json_is_null(value))
                return fail(c, FBN_EPROTOCOL, "the answer's member '%s' is not a text", member);
        snprintf(buffer, size, "%s", json_is_string(value) ? json_string_value(value) : "");
        return 0;
}

int tailscale_pong_read(fbn_context *c, const json_t *object, fbn_tailscale_pong *ret_pong)
{
        fbn_tailscale_pong pong = {.size = sizeof(pong)};
        const json_t *latency = json_object_get(object, "LatencySeconds");
        char words[256];
        int r = text_of(c, object, "Err", words, sizeof(words));

        if (r == 0 && *words)
                return fail(c, strstr(words, "no matching peer") ? FBN_ENOENT : FBN_ETIMEOUT, "%s", words);
        if (r == 0)
                r = text_of(c, object, "NodeName", pong.node, sizeof(pong.node));
        if (r == 0)
                r = text_of(c, object, "Endpoint", pong.endpoint, sizeof(pong.endpoint));
        if (r == 0)
                r = text_of(c, object, "DERPRegionCode", pong.relay, sizeof(pong.relay));
        if (r < 0)
                return r;
        if (!json_is_number(latency) || json_number_value(latency) < 0 || json_number_value(latency) > 86400)
                return fail(c, FBN_EPROTOCOL, "the answer tells no latency");
        pong.latency = (int64_t)(json_number_value(latency) * 1e9);
        *ret_pong = pong;
        return 0;
}

int fbn_tailscale_ping(fbn_context *c, const fbn_tailscale_options *options, const char *address, uint32_t bytes, fbn_tailscale_pong *ret_pong)
{
        _cleanup_(json_freep) json_t *object = NULL;
        _cleanup_(text_free) struct text path = {0};
        int r = address_check(c, address);

        text_add(&path, DAEMON_PATH "ping?type=disco&ip=");
        http_text_escape(&path, address);
        if (bytes)
                text_add(&path, "&size=%u", bytes);
        if (r == 0)
                r = ask_object(c, options, "POST", &path, &object);
        if (r == 0)
                r = tailscale_pong_read(c, object, ret_pong);
        return fail_in(c, r, "ping %s", address);
}

/* RFC 4648; what is no base64 ends it. */
static size_t base64_read(const char *text, unsigned char *bytes)
{
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        uint32_t bits = 0;
        size_t length = 0;
        const char *digit;

        for (unsigned have = 0; *text && (digit = strchr(alphabet, *text)); text++) {
                bits = bits << 6 | (uint32_t)(digit - alphabet);
                have += 6;
                if (have >= 8) {
                        have -= 8;
                        bytes[length++] = (unsigned char)(bits >> have);
                }
        }
        return length;
}

int tailscale_resolution_read(fbn_context *c, const json_t *object, struct text *text)
{
        const char *encoded = json_string_value(json_object_get(object, "Bytes"));
        _cleanup_free_ unsigned char *bytes = encoded ? memory_alloc(strlen(encoded) + 1) : NULL;

        if (!encoded)
                return fail(c, FBN_EPROTOCOL, "the answer has no DNS message");
        if (!bytes)
                return fail_memory(c);
        return tailscale_answer_read(c, bytes, base64_read(encoded, bytes), text);
}

int fbn_tailscale_resolve(fbn_context *c, const fbn_tailscale_options *options, const char *name, const char *type, char **ret_answer)
{
        _cleanup_(json_freep) json_t *object = NULL;
        _cleanup_(text_free) struct text path = {0}, answer = {0};
        int r;

        text_add(&path, DAEMON_PATH "dns-query?name=");
        http_text_escape(&path, name);
        text_add(&path, "&type=");
        http_text_escape(&path, type);
        r = ask_object(c, options, "GET", &path, &object);
        if (r == 0)
                r = tailscale_resolution_read(c, object, &answer);
        if (r < 0)
                return fail_in(c, r, "%s %s", name, type);
        *ret_answer = TAKE_PTR(answer.bytes);
        return 0;
}

int fbn_tailscale_metrics(fbn_context *c, const fbn_tailscale_options *options, char **ret_text)
{
        _cleanup_(http_freep) struct http *http = NULL;
        HTTP_REPLY reply = {0};
        char *text;
        int r = ask(c, options, "GET", DAEMON_PATH "usermetrics", &http, &reply);

        if (r < 0)
                return r;
        text = memory_strdup(reply.body);
        if (!text)
                return fail_memory(c);
        *ret_text = text;
        return 0;
}
