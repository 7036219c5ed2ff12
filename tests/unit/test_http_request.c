/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "http/http.h"
#include "http/url.h"

#include "base/text.h"
#include "unit/http_server.h"

static struct http *connect_to(fbn_context *c, const struct server *server, uint32_t timeout_ms)
{
        struct http *http = NULL;

        assert_ok(c, http_new(c,
                              &(struct http_options){.url = *server->url ? server->url : "http://local-tailscaled.sock",
                                                     .socket = *server->socket ? server->socket : NULL,
                                                     .timeout_ms = timeout_ms},
                              &http));
        return http;
}

static void an_answer_has_status_type_and_body(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({200, "application/json", "{}"}, {404, NULL, "no"}));
        struct http *http = connect_to(c, server, 5000);
        HTTP_REPLY first = {0}, second = {0};

        assert_ok(c, http_request(c, http, "GET", "/a?b=1", NULL, &first));
        assert_int_equal(first.status, 200);
        assert_string_equal(first.type, "application/json");
        assert_string_equal(first.body, "{}");
        assert_ok(c, http_request(c, http, "DELETE", "/gone", NULL, &second));
        assert_int_equal(second.status, 404);
        assert_string_equal(second.type, "");
        assert_string_equal(second.body, "no");
        assert_memory_equal(server->requests[0], "GET /a?b=1 HTTP/1.1\r\n", 21);
        assert_memory_equal(server->requests[1], "DELETE /gone HTTP/1.1\r\n", 22);
        http_free(http);
        server_free(server);
}

static void a_body_is_json_and_the_key_a_bearer(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({204, NULL, ""}, {204, NULL, ""}));
        struct http *http = NULL;
        fbn_secret *key = NULL;
        HTTP_REPLY first = {0}, second = {0};

        assert_ok(c, fbn_secret_new(c, "prefix.secret", 13, &key));
        assert_ok(c, http_new(c, &(struct http_options){.url = server->url, .bearer = key, .timeout_ms = 60000}, &http));
        fbn_secret_unref(key);
        assert_ok(c, http_request(c, http, "POST", "/x", "{\"a\":1}", &first));
        assert_non_null(strstr(server->requests[0], "POST /x HTTP/1.1\r\n"));
        assert_non_null(strstr(server->requests[0], "\r\nContent-Type: application/json\r\n"));
        assert_non_null(strstr(server->requests[0], "\r\nAuthorization: Bearer prefix.secret\r\n"));
        assert_non_null(strstr(server->requests[0], "\r\n\r\n{\"a\":1}"));
        assert_null(strstr(server->requests[0], "Expect:"));
        assert_ok(c, http_request(c, http, "PUT", "/y", NULL, &second)); /* nothing of the request before stays */
        assert_non_null(strstr(server->requests[1], "PUT /y HTTP/1.1\r\n"));
        assert_non_null(strstr(server->requests[1], "\r\nContent-Length: 0\r\n"));
        http_free(http);
        server_free(server);
}

static void a_key_with_a_line_break_is_refused(void **state)
{
        fbn_context *c = *state;
        struct http *http = NULL;
        fbn_secret *key = NULL;

        assert_ok(c, fbn_secret_new(c, "a\r\nX: y", 7, &key));
        assert_failed(c, http_new(c, &(struct http_options){.url = "http://127.0.0.1:1", .bearer = key, .timeout_ms = 100}, &http), FBN_EINVAL, "key");
        assert_null(http);
        fbn_secret_unref(key);
}

static void a_unix_socket_is_asked_under_the_host_of_the_url(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new_unix(ANSWERS({200, "text/plain", "hello"}));
        struct http *http = connect_to(c, server, 5000);
        HTTP_REPLY reply = {0};

        assert_ok(c, http_request(c, http, "GET", "/", NULL, &reply));
        assert_string_equal(reply.body, "hello");
        assert_non_null(strstr(server->requests[0], "\r\nHost: local-tailscaled.sock\r\n"));
        http_free(http);
        server_free(server);
}

static void no_socket_and_no_server_are_unavailable(void **state)
{
        fbn_context *c = *state;
        struct http *http = NULL;
        HTTP_REPLY reply = {0};

        assert_ok(c, http_new(c, &(struct http_options){.url = "http://x", .socket = "/nonexistent/sock", .timeout_ms = 1000}, &http));
        assert_failed(c, http_request(c, http, "GET", "/", NULL, &reply), FBN_EUNAVAILABLE, "/nonexistent/sock: no daemon at this socket");
        http = http_free(http);
        assert_ok(c, http_new(c, &(struct http_options){.url = "http://127.0.0.1:1", .timeout_ms = 1000}, &http));
        assert_failed(c, http_request(c, http, "GET", "/", NULL, &reply), FBN_EUNAVAILABLE, "is the server running");
        http = http_free(http);
        assert_ok(c, http_new(c, &(struct http_options){.url = "https://127.0.0.1:1", .ca_file = "/nonexistent/ca.pem", .timeout_ms = 1000}, &http));
        assert_int_equal(http_request(c, http, "GET", "/", NULL, &reply), -FBN_EUNAVAILABLE);
        http_free(http);
}

static void a_kept_connection_that_died_is_replaced(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({200, NULL, "one", SERVER_CLOSE}, {200, NULL, "two"}));
        struct http *http = connect_to(c, server, 5000);
        HTTP_REPLY first = {0}, second = {0};

        assert_ok(c, http_request(c, http, "GET", "/", NULL, &first));
        poll(NULL, 0, 50);
        assert_ok(c, http_request(c, http, "GET", "/", NULL, &second));
        assert_string_equal(second.body, "two");
        http_free(http);
        server_free(server);
}

static void a_silent_server_times_out(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({.after = SERVER_HANG}));
        struct http *http = connect_to(c, server, 150);
        HTTP_REPLY reply = {0};
        int64_t start = http_clock_ms();

        assert_failed(c, http_request(c, http, "GET", "/", NULL, &reply), FBN_ETIMEOUT, "no answer within 150 ms");
        assert_in_range(http_clock_ms() - start, 140, 3000);
        http_free(http);
        server_free(server);
}

static void *cancel_soon(void *data)
{
        poll(NULL, 0, 100);
        fbn_context_cancel(data);
        return NULL;
}

static void another_thread_can_cancel(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({.after = SERVER_HANG}));
        struct http *http = connect_to(c, server, 20000);
        HTTP_REPLY reply = {0};
        int64_t start = http_clock_ms();
        pthread_t thread;

        pthread_create(&thread, NULL, cancel_soon, c);
        assert_int_equal(http_request(c, http, "GET", "/", NULL, &reply), -FBN_ECANCELED);
        assert_in_range(http_clock_ms() - start, 0, 5000);
        pthread_join(thread, NULL);
        fbn_context_resume(c);
        http_free(http);
        server_free(server);
}

static void an_answer_may_be_as_large_as_the_limit_and_no_larger(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({200, NULL, "12345678"}, {200, NULL, "123456789"}));
        struct http *http = NULL;
        HTTP_REPLY first = {0}, second = {0};

        assert_ok(c, http_new(c, &(struct http_options){.url = server->url, .timeout_ms = 60000, .reply_limit = 8}, &http));
        assert_ok(c, http_request(c, http, "GET", "/", NULL, &first));
        assert_failed(c, http_request(c, http, "GET", "/", NULL, &second), FBN_EPROTOCOL, "more than 8 bytes");
        assert_null(second.body);
        http_free(http);
        server_free(server);
}

static void a_stream_is_read_line_by_line(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({200, "application/json", "{\"a\":1}\n{\"b\":2}\n{\"part"}));
        struct http *http = connect_to(c, server, 5000);
        const char *line = NULL;

        assert_ok(c, http_stream_open(c, http, "/watch"));
        assert_ok(c, http_stream_line(c, http, http_clock_ms() + 60000, &line));
        assert_string_equal(line, "{\"a\":1}");
        assert_ok(c, http_stream_line(c, http, http_clock_ms() + 60000, &line));
        assert_string_equal(line, "{\"b\":2}");
        assert_true(http_stream_line(c, http, http_clock_ms() + 100, &line) < 0);
        http_free(http);
        server_free(server);
}

static void a_stream_that_is_refused_does_not_open(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({403, "text/plain", "denied"}));
        struct http *http = connect_to(c, server, 5000);

        assert_int_equal(http_stream_open(c, http, "/watch"), -FBN_EPERM);
        http_free(http);
        server_free(server);
}

static void the_words_of_every_kind_of_refusal_are_found(void **state)
{
        static const struct {
                const char *type, *body, *words;
        } cases[] = {
                {"application/json", "{\"code\":13,\"message\":\"failed to create user\",\"details\":[]}", "failed to create user"},
                {"text/plain; charset=utf-8", "Unauthorized\n", "Unauthorized"},
                {"application/problem+json", "{\"title\":\"Not Found\",\"status\":404,\"detail\":\"user not found\"}", "user not found"},
                {"text/html; charset=utf-8", "<html>\n<body>", "a web page"},
                {"application/json", "{\"Error\":\"route has bits\"}", "route has bits"},
                {"application/json", "not json\nat all", "not json at all"},
                {"", "", ""},
        };
        char words[64];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct http_reply reply = {400, (char *)cases[i].type, (char *)cases[i].body, strlen(cases[i].body)};

                assert_string_equal(http_reply_words(&reply, words, sizeof(words)), cases[i].words);
        }
}

static void plain_http_goes_to_loopback_only(void **state)
{
        static const char *const good[] = {"https://headscale.example", "https://192.0.2.1:8443/", "HTTPS://[2001:db8::1]:8443/base", "http://localhost:8080",
                                           "http://127.9.9.9", "http://[::1]:80"};
        static const char *const bad[] = {"headscale.example", "http://headscale.example", "http://192.0.2.1", "http://[2001:db8::1]", "https://", "https://:80",
                                          "https://user@host", "https://host/?a", "https://host/#b", "ftp://host", "https://ho st", "https://[::1",
                                          "http://127.0.0.1.example"};
        fbn_context *c = *state;
        bool loopback;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_ok(c, url_check(c, good[i], &loopback));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (url_check(c, bad[i], &loopback) != -FBN_EINVAL)
                        fail_msg("'%s' is allowed", bad[i]);
}

static void a_segment_cannot_leave_its_place(void **state)
{
        _cleanup_(text_free) struct text text = {0};

        http_text_escape(&text, "../a b/ü?&=%");
        assert_string_equal(text.bytes, "%2E%2E%2Fa%20b%2F%C3%BC%3F%26%3D%25");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_answer_has_status_type_and_body),
                cmocka_unit_test(a_body_is_json_and_the_key_a_bearer),
                cmocka_unit_test(a_key_with_a_line_break_is_refused),
                cmocka_unit_test(a_unix_socket_is_asked_under_the_host_of_the_url),
                cmocka_unit_test(no_socket_and_no_server_are_unavailable),
                cmocka_unit_test(a_kept_connection_that_died_is_replaced),
                cmocka_unit_test(a_silent_server_times_out),
                cmocka_unit_test(another_thread_can_cancel),
                cmocka_unit_test(an_answer_may_be_as_large_as_the_limit_and_no_larger),
                cmocka_unit_test(a_stream_is_read_line_by_line),
                cmocka_unit_test(a_stream_that_is_refused_does_not_open),
                cmocka_unit_test(the_words_of_every_kind_of_refusal_are_found),
                cmocka_unit_test(plain_http_goes_to_loopback_only),
                cmocka_unit_test(a_segment_cannot_leave_its_place),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
