/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/list.h"

void list_of_text(const char *text, size_t length, const char *member, struct list *ret_list)
{
        *ret_list = (struct list){.json.member = member, .at = {.start = text, .next = text, .end = text + length}};
}

static int open_once(fbn_context *c, fbn_headscale *headscale, struct http *http, const char *path, long *ret_status)
{
        HTTP_REPLY reply = {0};
        int r = http_download(c, http, path, &reply);

        *ret_status = reply.status;
        if (r < 0)
                return r;
        if (reply.status < 200 || reply.status > 299)
                return headscale_refused(c, headscale, &reply);
        r = json_check(c, http, &reply);
        if (r < 0)
                http_download_end(http);
        return r;
}

int list_open(fbn_context *c, fbn_headscale *headscale, struct http *http, const char *path, const char *member, struct list *ret_list)
{
        struct retry retry = {.tries = headscale->tries};
        long status;
        int r;

        do
                r = open_once(c, headscale, http, path, &status);
        while (r < 0 && http_transient(http, status) && retry_wait(c, &retry));
        if (r == 0)
                *ret_list = (struct list){.http = http, .json.member = member, .begun = true};
        return r;
}

void list_close(struct list *list)
{
        if (list->begun)
                http_download_end(list->http);
        json_reader_clear(&list->reader);
        *list = (struct list){0};
}

/* What was read up to here is done with; then wait for more of the answer. */
static int more(fbn_context *c, struct list *list, const char *upto)
{
        int r;

        http_download_used(list->http, (size_t)(upto - list->at.start));
        r = http_download_more(c, list->http, &list->part);
        if (r == 0 && list->limit && list->part.before + list->part.length > list->limit)
                return fail(c, FBN_EPROTOCOL, "an answer of more than %zu bytes", list->limit);
        if (r == 0)
                list->at = (struct json_cursor){.start = list->part.bytes, .next = list->part.bytes, .end = list->part.bytes + list->part.length,
                                                .before = list->part.before, .open = list->part.open};
        return r;
}

static int element_read(fbn_context *c, struct list *list, struct arena *arena, const struct json_field *fields, void *record, size_t size)
{
        int r;

        memset(record, 0, size);
        list->reader.arena = arena;
        r = json_record_read(c, &list->at, &list->reader, fields, record);
        if (r == 0)
                json_list_taken(&list->json);
        return r;
}

int list_next(fbn_context *c, struct list *list, struct arena *arena, const struct json_field *fields, void *record, size_t size)
{
        for (;;) {
                int r = list->begun && !list->part.bytes ? JSON_CUT : json_list_next(c, &list->at, &list->json);
                const char *start = list->at.next;

                if (r == 0)
                        return 0;
                if (r == 1) {
                        r = element_read(c, list, arena, fields, record, size);
                        if (r == 0)
                                return 1;
                }
                if (r == JSON_CUT)
                        r = more(c, list, start);
                if (r < 0)
                        return r;
        }
}
