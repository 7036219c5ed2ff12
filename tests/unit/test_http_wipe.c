/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server sent is not left behind in freed memory: it may be a key. */
#include "unit/test.h"

#include "http/http.h"
#include "unit/http_server.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define MARKER "hskey-auth-marker-of-this-test"

static unsigned left_behind;

static void watching_free(void *memory)
{
        left_behind += memory && memmem(memory, malloc_usable_size(memory), MARKER, strlen(MARKER));
        free(memory);
}

/* Zeroed throughout, so that all of a block can be looked at when it goes. */
static void *zeroed(size_t bytes)
{
        return calloc(1, bytes);
}

static void *moved(void *memory, size_t bytes)
{
        void *grown = calloc(1, bytes);

        if (grown && memory) {
                memcpy(grown, memory, MIN(bytes, malloc_usable_size(memory)));
                watching_free(memory);
        }
        return grown;
}

static int setup(void **state)
{
        const fbn_allocator allocator = {sizeof(allocator), zeroed, moved, watching_free};

        assert_int_equal(fbn_set_tables(&allocator, NULL), 0);
        return context_setup(state);
}

static struct http *http_of(fbn_context *c, const struct server *server)
{
        struct http *http = NULL;

        assert_ok(c, http_new(c, &(struct http_options){.url = server->url, .timeout_ms = 60000}, &http));
        return http;
}

static void lines_of_a_stream_are_wiped(void **state)
{
        const struct server_answer answer = {.status = 200, .type = "application/json", .body = "{\"Key\":\"" MARKER "\"}\n{}\n"};
        struct server *server = server_new(&answer, 1);
        const char *line;
        struct http *http;

        http = http_of(*state, server);
        assert_ok(*state, http_stream_open(*state, http, "/"));
        assert_ok(*state, http_stream_line(*state, http, http_clock_ms() + 60000, &line));
        assert_non_null(strstr(line, MARKER));
        http_free(http);
        server_free(server);
        assert_int_equal(left_behind, 0);
}

static void answers_are_wiped(void **state)
{
        const struct server_answer answer = {.status = 200, .type = "application/json", .body = "{\"key\":\"" MARKER "\"}"};
        HTTP_REPLY reply = {0};
        struct server *server = server_new(&answer, 1);
        struct http *http;

        http = http_of(*state, server);
        assert_ok(*state, http_request(*state, http, "GET", "/", NULL, &reply));
        assert_non_null(strstr(reply.body, MARKER));
        http_reply_clear(&reply);
        http_free(http);
        server_free(server);
        assert_int_equal(left_behind, 0);
}

/* The buffer of one is that of the next: the small one behind must not leave the rest of the large one before. */
static void an_answer_does_not_stay_below_the_next(void **state)
{
        const struct server_answer answers[] = {{.status = 200, .type = "application/json", .body = "{\"nodes\": [\"" MARKER "\"]}"},
                                                {.status = 200, .type = "application/json", .body = "{}"}};
        struct server *server = server_new(answers, 2);
        struct http_part part = {0};
        struct http *http;

        http = http_of(*state, server);
        for (int i = 0; i < 2; i++) {
                HTTP_REPLY reply = {0};

                assert_ok(*state, http_download(*state, http, "/", &reply));
                part = (struct http_part){0};
                assert_ok(*state, http_download_more(*state, http, &part));
                http_download_used(http, part.length);
                http_download_end(http);
                assert_null(memmem(part.bytes, 64, MARKER, strlen(MARKER)));
        }
        http_free(http);
        server_free(server);
        assert_int_equal(left_behind, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_of_a_stream_are_wiped),
                cmocka_unit_test(answers_are_wiped),
                cmocka_unit_test(an_answer_does_not_stay_below_the_next),
        };

        return cmocka_run_group_tests(tests, setup, context_teardown);
}
