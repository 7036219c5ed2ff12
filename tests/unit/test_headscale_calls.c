/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/headscale.h>
#include <stdlib.h>

#include "unit/http_server.h"

#define JSON "application/json"

static fbn_headscale *connect_to(fbn_context *c, const struct server *server)
{
        fbn_headscale *headscale = NULL;
        fbn_secret *key = NULL;

        assert_ok(c, fbn_secret_new(c, "hskey-api-test", 14, &key));
        assert_ok(c, fbn_headscale_new(c, FBN_OPTIONS(fbn_headscale_options, .url = server->url, .api_key = key, .timeout_ms = 60000), &headscale));
        fbn_secret_unref(key);
        return headscale;
}

static bool asked(const struct server *server, size_t i, const char *words)
{
        return strstr(server->requests[i], words) != NULL;
}

/* The bodies are what the servers answer, 0.28.0 unless a case says otherwise. */
static void refusals_have_the_code_that_callers_expect(void **state)
{
        static const struct {
                int status;
                const char *type, *body;
                int code;
                const char *hint;
        } cases[] = {
                {401, "text/plain", "Unauthorized", FBN_EDENIED, "headscale apikeys create"},
                {500, "text/plain", "Unauthorized", FBN_EDENIED}, /* 0.26 */
                {500, JSON, "{\"code\":13,\"message\":\"failed to create user: creating user: constraint failed: UNIQUE constraint failed: users.name (2067)\"}", FBN_EEXIST},
                {409, "application/problem+json", "{\"title\":\"Conflict\",\"status\":409,\"detail\":\"user already exists\"}", FBN_EEXIST}, /* next */
                {500, JSON, "{\"code\":2,\"message\":\"user not found\"}", FBN_ENOENT},
                {400, JSON, "{\"code\":3,\"message\":\"node no longer exists in NodeStore: 77\"}", FBN_ENOENT},
                {500, JSON, "{\"code\":2,\"message\":\"user not empty: node(s) found\"}", FBN_ECONFLICT, "delete its nodes first"},
                {500, JSON, "{\"code\":2,\"message\":\"node name is not unique: n1\"}", FBN_EEXIST},
                {500, JSON, "{\"code\":2,\"message\":\"renaming node: hostname must be lowercase\"}", FBN_EINVAL},
                {422, "application/problem+json", "{\"detail\":\"validation failed\"}", FBN_EINVAL}, /* next */
                {502, "text/html", "<html>", FBN_EUNAVAILABLE, "is headscale running behind it?"}, /* a proxy before it */
                {301, NULL, "", FBN_EPROTOCOL},
                {500, JSON, "{\"code\":2,\"message\":\"disk I/O error\"}", FBN_EPROTOCOL},
        };
        fbn_context *c = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct server_answer answer = {cases[i].status, cases[i].type, cases[i].body};
                struct server *server = server_new(&answer, 1);
                FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
                char status[16];

                snprintf(status, sizeof(status), "HTTP %d", cases[i].status);
                assert_failed(c, fbn_headscale_user_create(c, headscale, "x"), cases[i].code, status);
                assert_null(strstr(fbn_context_error(c), "hskey-api-test"));
                assert_true(!cases[i].hint || strstr(fbn_context_error(c), cases[i].hint));
                server_free(server);
        }
}

static void the_words_of_the_server_reach_the_caller(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({500, JSON, "{\"code\":2,\"message\":\"user not found\",\"details\":[]}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
        char wanted[128];

        snprintf(wanted, sizeof(wanted), "user 77: %s: HTTP 500: user not found", server->url);
        assert_failed(c, fbn_headscale_user_delete(c, headscale, 77), FBN_ENOENT, wanted);
        assert_true(asked(server, 0, "DELETE /api/v1/user/77 HTTP/1.1"));
        server_free(server);
}

static void a_web_page_is_not_an_answer(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({200, "text/html; charset=utf-8", "<!DOCTYPE html>"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
        fbn_headscale_nodes *nodes = NULL;

        assert_failed(c, fbn_headscale_node_list(c, headscale, &nodes), FBN_EPROTOCOL, "'text/html; charset=utf-8' instead of JSON");
        assert_null(nodes);
        server_free(server);
}

static void the_version_is_asked_once(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({200, JSON, "{\"version\":\"v0.28.0\"}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
        char *version = NULL;

        for (int i = 0; i < 2; i++) {
                assert_ok(c, fbn_headscale_version(c, headscale, &version));
                assert_string_equal(version, "0.28.0");
                fbn_free(version);
        }
        assert_int_equal(server->asked, 1);
        server_free(server);
}

static void a_server_without_the_page_is_0_26(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({404, "text/plain", "404 page not found"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
        char *version = NULL;

        assert_ok(c, fbn_headscale_version(c, headscale, &version));
        assert_string_equal(version, "0.26");
        fbn_free(version);
        server_free(server);
}

static void registration_depends_on_the_version(void **state)
{
        fbn_context *c = *state;
        struct server *old = server_new(ANSWERS({200, JSON, "{\"version\":\"v0.28.0\"}"}, {200, JSON, "{\"node\":{}}"}));
        struct server *new = server_new(ANSWERS({200, JSON, "{\"version\":\"v0.29.1\"}"}, {200, JSON, "{\"node\":{}}"}));
        FBN_CLEANUP(fbn_headscale) before = connect_to(c, old);
        FBN_CLEANUP(fbn_headscale) after = connect_to(c, new);

        assert_ok(c, fbn_headscale_node_register(c, before, "a&b", "ID/1"));
        assert_true(asked(old, 1, "POST /api/v1/node/register?user=a%26b&key=ID%2F1 HTTP/1.1"));
        assert_ok(c, fbn_headscale_node_register(c, after, "home", "ID"));
        assert_true(asked(new, 1, "POST /api/v1/auth/register HTTP/1.1"));
        assert_true(asked(new, 1, "{\"user\":\"home\",\"authId\":\"ID\"}"));
        server_free(old);
        server_free(new);
}

static void a_key_is_always_minted_with_an_expiration(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({200, JSON, "{\"preAuthKey\":{\"id\":\"1\",\"key\":\"hskey-auth-x\"}}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
        FBN_CLEANUP(fbn_secret) key = NULL;
        const char *const tags[] = {"tag:router"};

        assert_ok(c, fbn_headscale_key_mint(c, headscale, FBN_OPTIONS(fbn_headscale_key_options, .user = 3, .ephemeral = true, .tags = tags, .n_tags = 1), &key));
        assert_int_equal(fbn_secret_length(key), 12);
        assert_memory_equal(fbn_secret_bytes(key), "hskey-auth-x", 12);
        assert_true(asked(server, 0, "\"user\":\"3\",\"reusable\":false,\"ephemeral\":true,\"expiration\":\"20"));
        assert_true(asked(server, 0, "Z\",\"aclTags\":[\"tag:router\"]}"));
        server_free(server);
}

static void a_key_needs_a_user(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(NULL, 0);
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
        fbn_secret *key = NULL;

        assert_failed(c, fbn_headscale_key_mint(c, headscale, NULL, &key), FBN_EINVAL, "user");
        assert_int_equal(server->asked, 0);
        server_free(server);
}

/* Its bodies are read strictly: an unknown member is refused (422), and what is not in the body is not heard. */
static void the_next_generation_gets_what_it_knows_and_no_more(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({200, JSON, "{\"nodes\":[{\"id\":\"5\",\"name\":\"n\",\"givenName\":\"n\",\"user\":{\"name\":\"home\"}}]}"},
                                                   {200, JSON, "{\"version\":\"v0.30.0\"}"}, {200, JSON, "{}"}, {200, JSON, "{\"preAuthKeys\":[{\"id\":\"7\"}]}"}, {200, JSON, "{}"},
                                                   {200, JSON, "{\"apiKeys\":[{\"id\":\"9\",\"prefix\":\"p\"}]}"}, {200, JSON, "{}"}, {200, JSON, "{}"},
                                                   {200, JSON, "{\"preAuthKey\":{\"key\":\"k\"}}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
        FBN_CLEANUP(fbn_secret) key = NULL;

        assert_int_equal(fbn_headscale_node_change(c, headscale,
                                                   FBN_OPTIONS(fbn_headscale_node, .id = 5, .set = FBN_HEADSCALE_SET_EXPIRY, .expiry = INT64_C(4000000000) * 1000000000), NULL, NULL),
                         1);
        assert_true(asked(server, 2, "\r\n\r\n{\"expiry\":\"2096-10-02T07:06:40Z\"}"));
        assert_ok(c, fbn_headscale_key_expire(c, headscale, FBN_HEADSCALE_KEY_PRE_AUTH, 7));
        assert_true(asked(server, 4, "\r\n\r\n{\"id\":\"7\"}"));
        assert_ok(c, fbn_headscale_key_expire(c, headscale, FBN_HEADSCALE_KEY_API, 9));
        assert_true(asked(server, 6, "\r\n\r\n{\"id\":\"9\"}"));
        assert_ok(c, fbn_headscale_node_register(c, headscale, "home", "hskey-authreq-x"));
        assert_true(asked(server, 7, "\r\n\r\n{\"user\":\"home\",\"authId\":\"hskey-authreq-x\"}"));
        assert_ok(c, fbn_headscale_key_mint(c, headscale, FBN_OPTIONS(fbn_headscale_key_options, .user = 1), &key));
        for (size_t i = 0; i < server->asked; i++)
                assert_true(!strstr(server->requests[i], "POST") || strstr(server->requests[i], "\r\nContent-Type: application/json\r\n"));
        server_free(server);
}

static void approval_replaces_the_set(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({200, JSON, "{}"}, {200, JSON, "{}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
        fbn_prefix routes[2];

        fbn_prefix_parse("192.168.8.0/24", &routes[0]);
        fbn_prefix_parse("fd00::/64", &routes[1]);
        assert_ok(c, fbn_headscale_node_approve(c, headscale, 5, routes, 2));
        assert_true(asked(server, 0, "POST /api/v1/node/5/approve_routes HTTP/1.1"));
        assert_true(asked(server, 0, "{\"routes\":[\"192.168.8.0/24\",\"fd00::/64\"]}"));
        assert_ok(c, fbn_headscale_node_approve(c, headscale, 5, NULL, 0));
        assert_true(asked(server, 1, "{\"routes\":[]}"));
        server_free(server);
}

static void a_new_name_cannot_reach_another_call(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({200, JSON, "{}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);

        assert_int_equal(fbn_headscale_node_rename(c, headscale, 5, ".."), -FBN_EINVAL);
        assert_int_equal(fbn_headscale_node_rename(c, headscale, 5, ""), -FBN_EINVAL);
        assert_ok(c, fbn_headscale_node_rename(c, headscale, 5, "../../user/1"));
        assert_true(asked(server, 0, "POST /api/v1/node/5/rename/%2E%2E%2F%2E%2E%2Fuser%2F1 HTTP/1.1"));
        server_free(server);
}

static void no_policy_is_an_empty_text(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({500, JSON, "{\"code\":2,\"message\":\"loading ACL from database: acl policy not found\"}"},
                                                   {200, JSON, "{\"policy\":\"// a\\n{}\",\"updatedAt\":null}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
        char *policy = NULL;

        assert_ok(c, fbn_headscale_policy_get(c, headscale, &policy));
        assert_string_equal(policy, "");
        fbn_free(policy);
        assert_ok(c, fbn_headscale_policy_get(c, headscale, &policy));
        assert_string_equal(policy, "// a\n{}");
        fbn_free(policy);
        server_free(server);
}

static void a_policy_in_a_file_cannot_be_put(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({404, NULL, ""}, {200, JSON, "{\"policy\":\"\"}"}, {500, JSON, "{\"code\":2,\"message\":\"update is disabled for modes other than 'database'\"}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);

        assert_failed(c, fbn_headscale_policy_set(c, headscale, "{}", NULL), FBN_EUNSUPPORTED, "policy.mode");
        assert_true(asked(server, 2, "PUT /api/v1/policy HTTP/1.1"));
        server_free(server);
}

static void health_is_pass_or_it_is_not_well(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({200, "application/health+json; charset=utf-8", "{\"status\":\"pass\"}"},
                                                   {500, "application/health+json; charset=utf-8", "{\"status\":\"fail\"}"}, {200, "text/html", "<html>"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);

        assert_ok(c, fbn_headscale_health(c, headscale));
        assert_int_equal(fbn_headscale_health(c, headscale), -FBN_EUNAVAILABLE);
        assert_int_equal(fbn_headscale_health(c, headscale), -FBN_EPROTOCOL);
        server_free(server);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(refusals_have_the_code_that_callers_expect),
                cmocka_unit_test(the_words_of_the_server_reach_the_caller),
                cmocka_unit_test(a_web_page_is_not_an_answer),
                cmocka_unit_test(the_version_is_asked_once),
                cmocka_unit_test(a_server_without_the_page_is_0_26),
                cmocka_unit_test(registration_depends_on_the_version),
                cmocka_unit_test(a_key_is_always_minted_with_an_expiration),
                cmocka_unit_test(a_key_needs_a_user),
                cmocka_unit_test(the_next_generation_gets_what_it_knows_and_no_more),
                cmocka_unit_test(approval_replaces_the_set),
                cmocka_unit_test(a_new_name_cannot_reach_another_call),
                cmocka_unit_test(no_policy_is_an_empty_text),
                cmocka_unit_test(a_policy_in_a_file_cannot_be_put),
                cmocka_unit_test(health_is_pass_or_it_is_not_well),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
