/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a real server will not do on demand: a thread that answers each connection as its part of a script says. */
#include "unit/test.h"

#include "headscale/headscale.h"

#include <arpa/inet.h>
#include <fabricnet/headscale.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define JSON "Content-Type: application/json\r\n"
#define NODE "{\"id\":\"1\",\"name\":\"nas\",\"givenName\":\"nas\",\"user\":{\"name\":\"home\"},\"ipAddresses\":[\"100.64.0.1\"],\"approvedRoutes\":[\"10.1.0.0/24\"]}"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* scripts leave out what is usual */

/* The library's own memory, counted; sizes stand before the blocks. */
static size_t held, peak;

static void *counted(size_t *block, size_t bytes)
{
        if (!block)
                return NULL;
        *block = bytes;
        held += bytes;
        peak = MAX(peak, held);
        return block + 2;
}

static void *count_allocate(size_t bytes)
{
        return counted(malloc(bytes + 2 * sizeof(size_t)), bytes);
}

static void *count_reallocate(void *memory, size_t bytes)
{
        size_t *block = memory ? (size_t *)memory - 2 : NULL;

        held -= block ? *block : 0;
        return counted(realloc(block, bytes + 2 * sizeof(size_t)), bytes);
}

static void count_release(void *memory)
{
        size_t *block = memory ? (size_t *)memory - 2 : NULL;

        held -= block ? *block : 0;
        free(block);
}

/* One connection: head and body, the middle so many times, a byte at a time if drip_ms is given; then it is closed. */
struct act {
        const char *head, *first, *middle, *last;
        unsigned times;
        unsigned drip_ms;
};

struct stage {
        int listener;
        pthread_t thread;
        atomic_bool stop;
        const struct act *acts;
        size_t n_acts;
        atomic_size_t played;
        char url[64];
};

static bool put(struct stage *stage, int fd, const char *text, unsigned drip_ms)
{
        for (size_t i = 0, length = text ? strlen(text) : 0, n; i < length; i += n) {
                ssize_t sent = send(fd, text + i, drip_ms ? 1 : length - i, MSG_NOSIGNAL);

                if (sent <= 0 || atomic_load(&stage->stop))
                        return false;
                n = (size_t)sent;
                if (drip_ms)
                        poll(NULL, 0, (int)drip_ms);
        }
        return true;
}

static void play(struct stage *stage, int fd, const struct act *act)
{
        char request[4096];
        bool good = read(fd, request, sizeof(request)) > 0 && put(stage, fd, act->head, 0) && put(stage, fd, "\r\n", 0) && put(stage, fd, act->first, act->drip_ms);

        for (unsigned i = 0; good && i < act->times; i++)
                good = put(stage, fd, act->middle, act->drip_ms);
        if (good)
                put(stage, fd, act->last, act->drip_ms);
}

static void *run(void *data)
{
        struct stage *stage = data;

        while (!atomic_load(&stage->stop)) {
                struct pollfd wait = {.fd = stage->listener, .events = POLLIN};
                size_t i = atomic_load(&stage->played);
                int fd = poll(&wait, 1, 10) > 0 ? accept(stage->listener, NULL, NULL) : -1;

                if (fd < 0)
                        continue;
                atomic_store(&stage->played, i + 1);
                play(stage, fd, &stage->acts[MIN(i, stage->n_acts - 1)]); /* the last one again and again */
                close(fd);
        }
        return NULL;
}

static struct stage *open_stage(const struct act *acts, size_t n_acts)
{
        struct stage *stage = calloc(1, sizeof(*stage));
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(address);

        stage->acts = acts;
        stage->n_acts = n_acts;
        stage->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(stage->listener, (struct sockaddr *)&address, length), 0);
        assert_int_equal(listen(stage->listener, 8), 0);
        getsockname(stage->listener, (struct sockaddr *)&address, &length);
        snprintf(stage->url, sizeof(stage->url), "http://127.0.0.1:%u", ntohs(address.sin_port));
        assert_int_equal(pthread_create(&stage->thread, NULL, run, stage), 0);
        return stage;
}

static size_t close_stage(struct stage *stage)
{
        size_t played = atomic_load(&stage->played);

        atomic_store(&stage->stop, true);
        pthread_join(stage->thread, NULL);
        close(stage->listener);
        free(stage);
        return played;
}

#define ACTS(...) ((const struct act[]){__VA_ARGS__}), ARRAY_SIZE(((const struct act[]){__VA_ARGS__}))

static fbn_headscale *connect_to(fbn_context *c, const struct stage *stage, uint32_t timeout_ms, size_t reply_limit, uint32_t tries)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        fbn_headscale *headscale = NULL;

        assert_ok(c, fbn_secret_new(c, "hskey-api-test", 14, &key));
        assert_ok(c, fbn_headscale_new(c, FBN_OPTIONS(fbn_headscale_options, .url = stage->url, .api_key = key, .timeout_ms = timeout_ms, .reply_limit = reply_limit, .tries = tries),
                                       &headscale));
        return headscale;
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n" JSON

static void a_list_that_is_cut_midway_is_asked_for_again(void **state)
{
        fbn_context *c = *state;
        struct stage *stage = open_stage(ACTS({OK_HEAD "Content-Length: 100000\r\n", "{\"nodes\":[" NODE}, {OK_HEAD, "{\"nodes\":[" NODE "]}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, stage, 60000, 0, 0);
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;

        assert_ok(c, fbn_headscale_node_list(c, headscale, &nodes));
        assert_int_equal(fbn_headscale_nodes_count(nodes), 1);
        assert_int_equal(close_stage(stage), 2);
}

static void one_that_is_always_cut_is_given_up(void **state)
{
        fbn_context *c = *state;
        struct stage *stage = open_stage(ACTS({OK_HEAD "Content-Length: 100000\r\n", "{\"nodes\":[" NODE}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, stage, 60000, 0, 0);
        fbn_headscale_nodes *nodes = NULL;

        assert_failed(c, fbn_headscale_node_list(c, headscale, &nodes), FBN_EUNAVAILABLE, "the connection broke");
        assert_null(nodes);
        assert_in_range(close_stage(stage), 3, 6); /* on a slow machine libcurl, too, asks anew where it saw no byte before the end */
}

static void what_changes_something_is_sent_once(void **state)
{
        fbn_context *c = *state;
        struct stage *stage = open_stage(ACTS({OK_HEAD "Content-Length: 1000\r\n", "{"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, stage, 60000, 0, 0);

        assert_failed(c, fbn_headscale_user_create(c, headscale, "x"), FBN_EUNAVAILABLE, "the connection broke");
        assert_int_equal(close_stage(stage), 1);
}

static void a_storm_of_overload_passes_or_is_told(void **state)
{
        fbn_context *c = *state;
        struct stage *passes = open_stage(ACTS({"HTTP/1.1 503 X\r\n", "busy"}, {"HTTP/1.1 502 X\r\n", "busy"}, {OK_HEAD, "{\"users\":[]}"}));
        struct stage *stays = open_stage(ACTS({"HTTP/1.1 503 X\r\nContent-Type: text/plain\r\n", "too busy"}));
        struct stage *fails = open_stage(ACTS({"HTTP/1.1 500 X\r\n" JSON, "{\"code\":2,\"message\":\"disk I/O error\"}"}));
        FBN_CLEANUP(fbn_headscale) first = connect_to(c, passes, 60000, 0, 0);
        FBN_CLEANUP(fbn_headscale) second = connect_to(c, stays, 60000, 0, 0);
        FBN_CLEANUP(fbn_headscale) third = connect_to(c, fails, 60000, 0, 0);
        FBN_CLEANUP(fbn_headscale_users) users = NULL;

        assert_ok(c, fbn_headscale_user_list(c, first, &users));
        users = fbn_headscale_users_unref(users);
        assert_failed(c, fbn_headscale_user_list(c, second, &users), FBN_EUNAVAILABLE, "HTTP 503: too busy");
        assert_failed(c, fbn_headscale_user_list(c, third, &users), FBN_EPROTOCOL, "HTTP 500: disk I/O error");
        assert_int_equal(close_stage(passes), 3);
        assert_int_equal(close_stage(stays), 3);
        assert_int_equal(close_stage(fails), 1); /* it would say the same again */
}

static void a_key_that_ends_midway_is_denied(void **state)
{
        fbn_context *c = *state;
        struct stage *stage = open_stage(ACTS({OK_HEAD, "{\"users\":[]}"}, {"HTTP/1.1 401 X\r\nContent-Type: text/plain\r\n", "Unauthorized"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, stage, 60000, 0, 0);
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;

        assert_ok(c, fbn_headscale_user_list(c, headscale, &users));
        assert_failed(c, fbn_headscale_node_list(c, headscale, &nodes), FBN_EDENIED, "the API key is wrong or expired");
        assert_int_equal(close_stage(stage), 2);
}

static void a_loris_is_not_waited_for(void **state)
{
        fbn_context *c = *state;
        struct stage *stage = open_stage(ACTS({OK_HEAD, "{\"nodes\":[", NODE ",", NODE "]}", .times = 10000, .drip_ms = 5}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, stage, 3000, 0, 1);
        fbn_headscale_nodes *nodes = NULL;

        assert_failed(c, fbn_headscale_node_list(c, headscale, &nodes), FBN_ETIMEOUT, "too slowly");
        close_stage(stage);
}

static void an_answer_without_end_is_cut_off(void **state)
{
        fbn_context *c = *state;
        struct stage *text = open_stage(ACTS({OK_HEAD, "{\"nodes\":[{\"name\":\"", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "", .times = 1000000}));
        struct stage *list = open_stage(ACTS({OK_HEAD, "{\"nodes\":[", NODE ",", "", .times = 1000000}));
        FBN_CLEANUP(fbn_headscale) first = connect_to(c, text, 60000, 1 << 20, 1);
        FBN_CLEANUP(fbn_headscale) second = connect_to(c, list, 60000, 1 << 20, 1);
        fbn_headscale_nodes *nodes = NULL;

        assert_failed(c, fbn_headscale_node_list(c, first, &nodes), FBN_EPROTOCOL, "an answer of more than 1048576 bytes");
        assert_failed(c, fbn_headscale_node_list(c, second, &nodes), FBN_EPROTOCOL, "an answer of more than 1048576 bytes");
        close_stage(text);
        close_stage(list);
}

static void json_that_ends_too_early_or_is_none_is_said(void **state)
{
        fbn_context *c = *state;
        struct stage *cut = open_stage(ACTS({OK_HEAD, "{\"nodes\":[" NODE ",{\"id\":\"2\",\"na"}));
        struct stage *page = open_stage(ACTS({"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", "<html>"}));
        FBN_CLEANUP(fbn_headscale) first = connect_to(c, cut, 60000, 0, 1);
        FBN_CLEANUP(fbn_headscale) second = connect_to(c, page, 60000, 0, 1);
        fbn_headscale_nodes *nodes = NULL;

        assert_failed(c, fbn_headscale_node_list(c, first, &nodes), FBN_EPROTOCOL, "node 2: answered JSON that is not well formed");
        assert_failed(c, fbn_headscale_node_list(c, second, &nodes), FBN_EPROTOCOL, "instead of JSON");
        close_stage(cut);
        close_stage(page);
}

/* Fifty thousand nodes, of which one is held. */
static void the_reader_needs_no_more_for_more_nodes(void **state)
{
        fbn_context *c = *state;
        struct stage *stage = open_stage(ACTS({OK_HEAD, "{\"nodes\":[", NODE ",", NODE "]}", .times = 49999}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, stage, 60000, 1 << 20, 1);
        FBN_CLEANUP(fbn_headscale_reader) reader = NULL;
        const fbn_headscale_node *node;
        size_t count = 0, before = held;
        int r;

        peak = held;
        assert_ok(c, fbn_headscale_reader_new(c, headscale, &reader));
        while ((r = fbn_headscale_reader_next(c, reader, &node)) == 1)
                count++;
        assert_ok(c, r);
        assert_int_equal(count, 50000);
        assert_true(peak - before < 6000000); /* the text has 7,000,000 bytes, the records 16,000,000 */
        close_stage(stage);
}

static void the_next_shape_of_errors_is_understood(void **state)
{
        fbn_context *c = *state;
        struct stage *stage = open_stage(ACTS({"HTTP/1.1 404 X\r\nContent-Type: application/problem+json\r\n", "{\"title\":\"Not Found\",\"status\":404,\"detail\":\"user not found\"}"},
                                              {"HTTP/1.1 415 X\r\nContent-Type: application/problem+json\r\n", "{\"title\":\"Unsupported Media Type\",\"status\":415}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, stage, 60000, 0, 1);

        assert_failed(c, fbn_headscale_user_delete(c, headscale, 7), FBN_ENOENT, "user 7: ");
        assert_true(strstr(fbn_context_error(c), "HTTP 404: user not found") != NULL);
        assert_failed(c, fbn_headscale_user_delete(c, headscale, 7), FBN_EPROTOCOL, "HTTP 415: Unsupported Media Type");
        close_stage(stage);
}

static void a_pin_has_to_be_one(void **state)
{
        fbn_context *c = *state;
        fbn_headscale *headscale = NULL;

        assert_failed(c, fbn_headscale_new(c, FBN_OPTIONS(fbn_headscale_options, .url = "https://192.0.2.1", .pinned_key = "/etc/passwd"), &headscale), FBN_EINVAL, "pinned key");
        assert_ok(c, fbn_headscale_new(c,
                                       FBN_OPTIONS(fbn_headscale_options, .url = "https://192.0.2.1", .proxy = "",
                                                   .pinned_key = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;sha256//BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
                                       &headscale));
        fbn_headscale_unref(headscale);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_reader_needs_no_more_for_more_nodes),
                cmocka_unit_test(a_list_that_is_cut_midway_is_asked_for_again),
                cmocka_unit_test(one_that_is_always_cut_is_given_up),
                cmocka_unit_test(what_changes_something_is_sent_once),
                cmocka_unit_test(a_storm_of_overload_passes_or_is_told),
                cmocka_unit_test(a_key_that_ends_midway_is_denied),
                cmocka_unit_test(a_loris_is_not_waited_for),
                cmocka_unit_test(an_answer_without_end_is_cut_off),
                cmocka_unit_test(json_that_ends_too_early_or_is_none_is_said),
                cmocka_unit_test(the_next_shape_of_errors_is_understood),
                cmocka_unit_test(a_pin_has_to_be_one),
        };

        const fbn_allocator allocator = {sizeof(allocator), count_allocate, count_reallocate, count_release};

        if (fbn_set_tables(&allocator, NULL) < 0)
                return 1;
        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
