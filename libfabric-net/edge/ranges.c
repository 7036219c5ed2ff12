/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/ranges.h"

#include "base/address.h"
#include "base/changes.h"
#include "base/file.h"
#include "base/text.h"
#include "edge/files.h"
#include "http/http.h"

#include <errno.h>
#include <fabricnet/edge.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/socket.h>

#define URL "https://api.cloudflare.com/client/v4/ips"
#define TIMEOUT_DEFAULT 15000
#define COUNT_MAX 1000
#define FILE_LIMIT ((size_t)1 << 20)

/* No CDN has these; one that says so would make everybody a CDN, or nobody bannable. Source: RFC 6890. */
static const char *const impossible[] = {"0.0.0.0/8",      "10.0.0.0/8",  "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
                                         "192.168.0.0/16", "224.0.0.0/3", "::/16",         "fc00::/7",    "fe80::/10",      "ff00::/8"};

void ranges_free(struct ranges *ranges)
{
        memory_free(ranges->items);
        *ranges = (struct ranges){0};
}

static int order(const void *a, const void *b)
{
        return prefix_compare(a, b);
}

static void sort(struct ranges *ranges)
{
        size_t kept = 0;

        if (ranges->count == 0)
                return;
        qsort(ranges->items, ranges->count, sizeof(*ranges->items), order);
        for (size_t i = 0; i < ranges->count; i++)
                if (i == 0 || !prefix_equal(&ranges->items[i], &ranges->items[kept - 1]))
                        ranges->items[kept++] = ranges->items[i];
        ranges->count = kept;
}

static int append(fbn_context *c, struct ranges *ranges, const fbn_prefix *prefix)
{
        if (!ARRAY_RESERVE(ranges->items, ranges->count, ranges->capacity))
                return fail_memory(c);
        ranges->items[ranges->count++] = *prefix;
        return 0;
}

static int check(fbn_context *c, const char *text, const fbn_prefix *prefix, uint16_t family)
{
        if (prefix->address.family != family)
                return fail(c, FBN_EPROTOCOL, "'%.60s' is of the other family", text);
        if (prefix->length < (family == AF_INET ? 8 : 16))
                return fail(c, FBN_EPROTOCOL, "'%.60s' is too wide for a CDN's range", text);
        for (size_t i = 0; i < ARRAY_SIZE(impossible); i++) {
                fbn_prefix never;

                fbn_prefix_parse(impossible[i], &never);
                if (fbn_prefix_overlaps(&never, prefix))
                        return fail(c, FBN_EPROTOCOL, "'%.60s' is no range of the public Internet", text);
        }
        return 0;
}

static int take(fbn_context *c, const json_t *result, const char *member, uint16_t family, struct ranges *ranges)
{
        const json_t *list = json_object_get(result, member), *one;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > COUNT_MAX)
                return fail(c, FBN_EPROTOCOL, "%s: a list of 1 to %d prefixes is expected", member, COUNT_MAX);
        json_array_foreach(list, i, one) {
                const char *text = json_string_value(one);
                fbn_prefix prefix;
                int r;

                if (!text || fbn_prefix_parse(text, &prefix) < 0 || fbn_prefix_network(&prefix, &prefix) != 0)
                        return fail(c, FBN_EPROTOCOL, "%s/%zu is no prefix", member, i);
                r = check(c, text, &prefix, family);
                if (r == 0)
                        r = append(c, ranges, &prefix);
                if (r < 0)
                        return r;
        }
        return 0;
}

int ranges_parse(fbn_context *c, const char *text, size_t length, struct ranges *ret_ranges)
{
        struct ranges ranges = {0};
        json_t *answer = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
        const json_t *result = json_object_get(answer, "result");
        int r = 0;

        if (!answer || !json_is_true(json_object_get(answer, "success")))
                r = fail(c, FBN_EPROTOCOL, "%s", answer ? "the answer says that it failed" : "the answer is no JSON");
        if (r == 0)
                r = take(c, result, "ipv4_cidrs", AF_INET, &ranges);
        if (r == 0)
                r = take(c, result, "ipv6_cidrs", AF_INET6, &ranges);
        json_decref(answer);
        if (r < 0) {
                ranges_free(&ranges);
                return r;
        }
        sort(&ranges);
        *ret_ranges = ranges;
        return 0;
}

int ranges_read(fbn_context *c, const char *path, struct ranges *ret_ranges)
{
        _cleanup_free_ char *text = NULL;
        struct ranges ranges = {0};
        char *line, *state = NULL;
        size_t length;
        int r;

        r = file_read(c, path, FILE_LIMIT, &text, &length);
        for (line = r < 0 ? NULL : strtok_r(text, "\n", &state); r == 0 && line; line = strtok_r(NULL, "\n", &state)) {
                fbn_prefix prefix;

                line[strcspn(line, " \t\r#")] = 0;
                if (!*line)
                        continue;
                r = fbn_prefix_parse(line, &prefix) < 0 ? fail(c, FBN_EINVAL, "%s: '%.40s' is no prefix; what was read before is kept", path, line)
                                                        : append(c, &ranges, &prefix);
        }
        if (r < 0) {
                ranges_free(&ranges);
                return r;
        }
        sort(&ranges);
        *ret_ranges = ranges;
        return 0;
}

static int fetch(fbn_context *c, const fbn_cdn_options *options, struct ranges *ret_ranges)
{
        HTTP_REPLY reply = {0};
        _cleanup_(http_freep) struct http *http = NULL;
        struct http_options wanted = {.url = options->url ? options->url : URL, .ca_file = options->ca_file, .reply_limit = FILE_LIMIT,
                                      .timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_DEFAULT};
        int r;

        r = http_new(c, &wanted, &http);
        if (r == 0)
                r = http_request(c, http, "GET", "", NULL, &reply);
        if (r < 0)
                return r;
        if (reply.status != 200)
                return fail_in(c, fail(c, FBN_EPROTOCOL, "HTTP %ld", reply.status), "%s", wanted.url);
        return fail_in(c, ranges_parse(c, reply.body ? reply.body : "", reply.length, ret_ranges), "%s", wanted.url);
}

static int tell(fbn_context *c, fbn_changes *changes, fbn_change_kind kind, const fbn_prefix *prefix)
{
        char text[FBN_ADDRESS_TEXT];

        return changes_add(c, changes, kind, fbn_prefix_format(prefix, text, sizeof(text)), NULL, NULL, NULL);
}

static int differ(fbn_context *c, const struct ranges *have, const struct ranges *want, fbn_changes *changes)
{
        size_t i = 0, j = 0;
        int r = 0;

        while (r == 0 && (i < have->count || j < want->count)) {
                int side = i == have->count ? 1 : j == want->count ? -1 : prefix_compare(&have->items[i], &want->items[j]);

                if (side < 0)
                        r = tell(c, changes, FBN_CHANGE_DELETE, &have->items[i]);
                else if (side > 0)
                        r = tell(c, changes, FBN_CHANGE_CREATE, &want->items[j]);
                i += side <= 0;
                j += side >= 0;
        }
        return r;
}

static int keep(fbn_context *c, const char *path, const struct ranges *ranges)
{
        struct files files = {0};
        FBN_CLEANUP(fbn_changes) unused = changes_new();
        struct text *text = files_add(&files, "%s", path);
        char one[FBN_ADDRESS_TEXT];
        int r = 0;

        for (size_t i = 0; text && i < ranges->count; i++)
                text_add(text, "%s\n", fbn_prefix_format(&ranges->items[i], one, sizeof(one)));
        r = text && unused ? files_compare(c, &files, unused) : fail_memory(c);
        if (r > 0)
                r = files_write(c, &files);
        files_free(&files);
        return r;
}

int fbn_cdn_refresh(fbn_context *c, const fbn_cdn_options *options, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        _cleanup_(ranges_free) struct ranges have = {0}, want = {0};
        fbn_cdn_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_cdn_options, options, &mine);
        if (r == 0 && !mine.file)
                r = fail(c, FBN_EINVAL, "name the file that keeps the ranges");
        if (r == 0)
                r = fetch(c, &mine, &want);
        if (r == 0 && ranges_read(c, mine.file, &have) == -FBN_EPERM)
                r = -FBN_EPERM;
        if (r == 0)
                r = (changes = changes_new()) ? differ(c, &have, &want, changes) : fail_memory(c);
        if (r == 0 && !mine.dry_run)
                r = keep(c, mine.file, &want);
        if (r < 0)
                return fail_in(c, r, "CDN ranges");
        r = (int)fbn_changes_count(changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(changes);
        return r;
}
