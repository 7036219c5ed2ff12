/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys that are kept in files, and the policy before; the server is scripted. */
#include "unit/test.h"

#include "base/file.h"

#include <fabricnet/headscale.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "unit/http_server.h"

#pragma GCC diagnostic ignored "-Woverride-init" /* a case says anew what it is about */

#define JSON "application/json"
#define VERSION {200, JSON, "{\"version\":\"v0.28.0\"}"}
#define DAY (INT64_C(86400) * 1000000000)
#define OLD "hskey-api-abcdefghijkl-1111"
#define NEW "hskey-api-mnopqrstuvwx-2222"
#define PRE_AUTH(more) {200, JSON, "{\"preAuthKeys\":[{\"id\":\"7\",\"key\":\"hskey-auth-abcdefghijkl-***\",\"user\":{\"name\":\"home\"}," more "}]}"}
#define LONG_AFTER "\"expiration\":\"2099-01-01T00:00:00Z\""
#define LONG_AGO "\"expiration\":\"2020-01-01T00:00:00Z\""

static char folder[64], path[96];

static int setup(void **state)
{
        snprintf(folder, sizeof(folder), "/tmp/fabricnet-test-XXXXXX");
        if (!mkdtemp(folder))
                return -1;
        snprintf(path, sizeof(path), "%s/key", folder);
        return context_setup(state);
}

static int teardown(void **state)
{
        unlink(path);
        rmdir(folder);
        return context_teardown(state);
}

static fbn_headscale *connect_to(fbn_context *c, const struct server *server)
{
        fbn_headscale *headscale = NULL;
        fbn_secret *key = NULL;

        assert_ok(c, fbn_secret_new(c, OLD, strlen(OLD), &key));
        assert_ok(c, fbn_headscale_new(c, FBN_OPTIONS(fbn_headscale_options, .url = server->url, .api_key = key, .timeout_ms = 60000, .tries = 1), &headscale));
        fbn_secret_unref(key);
        return headscale;
}

static void keep(fbn_context *c, const char *text)
{
        assert_ok(c, file_replace(c, path, text, strlen(text), 0600));
}

static void assert_kept(fbn_context *c, const char *wanted)
{
        char *text = NULL;
        struct stat status;
        size_t length;

        assert_ok(c, file_read(c, path, 4096, &text, &length));
        assert_string_equal(text, wanted);
        memory_free(text);
        stat(path, &status);
        assert_int_equal(status.st_mode & 0777, 0600);
}

static bool asked(const struct server *server, size_t i, const char *words)
{
        return strstr(server->requests[i], words) != NULL;
}

/* One kept key applied against a script; returns what apply returns, and how much was asked. */
static int apply(fbn_context *c, const struct server_answer *answers, size_t n_answers, const fbn_headscale_kept_key *key, bool dry_run, fbn_changes **ret_changes,
                 struct server **ret_server)
{
        struct server *server = server_new(answers, n_answers);
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
        int r = fbn_headscale_apply(c, headscale, FBN_OPTIONS(fbn_headscale_wanted, .keys = key, .n_keys = 1), FBN_OPTIONS(fbn_headscale_change_options, .dry_run = dry_run),
                                    ret_changes);

        *ret_server = server;
        return r;
}

static const char *const tags[] = {"tag:ci"};
#define KEY(...) FBN_OPTIONS(fbn_headscale_kept_key, .file = path, .user = "home", .reusable = true, __VA_ARGS__)

static void a_key_that_is_good_is_left(void **state)
{
        fbn_context *c = *state;
        struct server *server;

        keep(c, "hskey-auth-abcdefghijkl-secret\n");
        assert_int_equal(apply(c, ANSWERS(VERSION, PRE_AUTH("\"reusable\":true," LONG_AFTER)), KEY(.kind = 0), false, NULL, &server), 0);
        assert_int_equal(server->asked, 2);
        server_free(server);
        assert_kept(c, "hskey-auth-abcdefghijkl-secret\n");
}

static void a_key_that_is_missing_is_made(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_changes) planned = NULL, *done = NULL;
        struct server *server;

        assert_int_equal(apply(c, ANSWERS(VERSION, PRE_AUTH("\"reusable\":true," LONG_AFTER)), KEY(.tags = tags, .n_tags = 1), true, &planned, &server), 1);
        assert_int_equal(fbn_changes_at(planned, 0)->kind, FBN_CHANGE_CREATE);
        server_free(server);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(apply(c,
                               ANSWERS(VERSION, {200, JSON, "{\"preAuthKeys\":[]}"}, {200, JSON, "{\"users\":[{\"id\":\"3\",\"name\":\"home\"}]}"},
                                       {200, JSON, "{\"preAuthKey\":{\"key\":\"hskey-auth-new\"}}"}),
                               KEY(.tags = tags, .n_tags = 1, .valid_for = 30 * DAY), false, &done, &server),
                         1);
        assert_true(asked(server, 3, "\"user\":\"3\",\"reusable\":true") && asked(server, 3, "\"aclTags\":[\"tag:ci\"]"));
        server_free(server);
        assert_kept(c, "hskey-auth-new");
        assert_non_null(strstr(fbn_changes_at(done, 0)->after, "valid until 20"));
        for (size_t i = 0; i < fbn_changes_count(done); i++)
                assert_null(strstr(fbn_changes_at(done, i)->object, "hskey-auth-new"));
}

/* Each is a reason for another key; the old one is ended after the new one is in the file. */
static void a_key_that_is_not_as_wanted_is_replaced(void **state)
{
        static const struct {
                const char *more, *why;
                bool ended;
        } cases[] = {
                {"\"reusable\":true," LONG_AGO, "expired", false},
                {"\"reusable\":false," LONG_AFTER, "for one device", true},
                {"\"reusable\":true,\"ephemeral\":true," LONG_AFTER, "for ephemeral nodes", true},
                {"\"reusable\":true,\"aclTags\":[\"tag:x\"]," LONG_AFTER, "with other tags", true},
        };
        fbn_context *c = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                FBN_CLEANUP(fbn_changes) done = NULL;
                char list[512];
                struct server *server;

                snprintf(list, sizeof(list), "{\"preAuthKeys\":[{\"id\":\"7\",\"key\":\"hskey-auth-abcdefghijkl-***\",\"user\":{\"name\":\"home\"},%s}]}", cases[i].more);
                keep(c, "hskey-auth-abcdefghijkl-secret");
                assert_int_equal(apply(c,
                                       ANSWERS(VERSION, {200, JSON, list}, {200, JSON, "{\"users\":[{\"id\":\"3\",\"name\":\"home\"}]}"},
                                               {200, JSON, "{\"preAuthKey\":{\"key\":\"hskey-auth-new\"}}"}, {200, JSON, list}, {200, JSON, "{}"}),
                                       KEY(.kind = 0), false, &done, &server),
                                 1);
                assert_string_equal(fbn_changes_at(done, 0)->before, cases[i].why);
                assert_int_equal(server->asked, cases[i].ended ? 6 : 4);
                if (cases[i].ended)
                        assert_true(asked(server, 5, "/preauthkey/expire") && asked(server, 5, "{\"id\":\"7\"}"));
                server_free(server);
                assert_kept(c, "hskey-auth-new");
        }
}

/* What let its device in is not made again and again. */
static void a_used_key_for_one_device_did_its_work(void **state)
{
        fbn_context *c = *state;
        struct server *server;

        keep(c, "hskey-auth-abcdefghijkl-secret");
        assert_int_equal(apply(c, ANSWERS(VERSION, PRE_AUTH("\"used\":true," LONG_AGO)), KEY(.reusable = false), false, NULL, &server), 0);
        server_free(server);
}

/* It ends tomorrow, and 15 days before a key of 90 days is to be another. */
static void the_connections_own_key_is_rotated_before_it_ends(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_changes) done = NULL;
        time_t tomorrow = time(NULL) + 86400;
        char end[32], list[512];
        struct server *server;

        strftime(end, sizeof(end), "%Y-%m-%dT%H:%M:%SZ", gmtime(&tomorrow));
        snprintf(list, sizeof(list),
                 "{\"apiKeys\":[{\"id\":\"1\",\"prefix\":\"hskey-api-abcdefghijkl-***\",\"expiration\":\"%s\"},{\"id\":\"2\",\"prefix\":\"hskey-api-mnopqrstuvwx-***\"," LONG_AFTER "}]}",
                 end);
        keep(c, OLD "\n");
        assert_int_equal(apply(c,
                               ANSWERS(VERSION, {200, JSON, list}, {200, JSON, "{\"apiKey\":\"" NEW "\"}"}, {200, JSON, list}, {200, JSON, list}, {200, JSON, "{}"}),
                               FBN_OPTIONS(fbn_headscale_kept_key, .file = path, .kind = FBN_HEADSCALE_KEY_API), false, &done, &server),
                         1);
        assert_string_equal(fbn_changes_at(done, 0)->before, "about to end");
        assert_true(asked(server, 2, "Bearer " OLD) && asked(server, 3, "Bearer " NEW)); /* tried, before the old one is ended */
        assert_true(asked(server, 5, "/apikey/expire") && asked(server, 5, "{\"id\":\"1\"}") && asked(server, 5, "Bearer " NEW));
        server_free(server);
        assert_kept(c, NEW);
}

static void what_cannot_be_stored_leaves_the_old_key_in_use(void **state)
{
        fbn_context *c = *state;
        char missing[160];
        struct server *server;

        snprintf(missing, sizeof(missing), "%s/missing/key", folder);
        assert_int_equal(apply(c,
                               ANSWERS(VERSION, {200, JSON, "{\"preAuthKeys\":[]}"}, {200, JSON, "{\"users\":[{\"id\":\"3\",\"name\":\"home\"}]}"},
                                       {200, JSON, "{\"preAuthKey\":{\"key\":\"hskey-auth-abcdefghijkl-secret\"}}"}, PRE_AUTH(LONG_AFTER), PRE_AUTH(LONG_AFTER), {200, JSON, "{}"}),
                               KEY(.file = missing), false, NULL, &server),
                         -FBN_ENOENT);
        assert_true(asked(server, 6, "/preauthkey/expire")); /* nobody will ever have it */
        server_free(server);
}

static void nonsense_is_refused_before_anything_is_asked(void **state)
{
        fbn_context *c = *state;
        struct server *server;

        assert_int_equal(apply(c, NULL, 0, KEY(.file = "fd:7"), false, NULL, &server), -FBN_EINVAL);
        assert_int_equal(server->asked, 0);
        server_free(server);
        assert_int_equal(apply(c, NULL, 0, KEY(.valid_for = DAY, .renew_before = DAY), false, NULL, &server), -FBN_EINVAL);
        server_free(server);
        assert_int_equal(apply(c, NULL, 0, KEY(.user = NULL), false, NULL, &server), -FBN_EINVAL);
        server_free(server);
}

static void the_policy_before_is_handed_over(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({404, NULL, ""}, {200, JSON, "{\"policy\":\"// old\"}"}, {200, JSON, "{}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
        char *before = NULL;

        assert_ok(c, fbn_headscale_policy_set(c, headscale, "// new", &before));
        assert_string_equal(before, "// old");
        fbn_free(before);
        server_free(server);
}

static void a_policy_that_is_refused_is_put_back(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(
                ANSWERS({404, NULL, ""}, {200, JSON, "{\"policy\":\"// old\"}"}, {500, JSON, "{\"message\":\"verifying SSH rules: no\"}"}, {200, JSON, "{}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
        char *before = NULL;

        assert_failed(c, fbn_headscale_policy_set(c, headscale, "// new", &before), FBN_EINVAL, "policy: ");
        assert_null(before);
        assert_int_equal(server->asked, 4);
        assert_true(asked(server, 3, "PUT /api/v1/policy") && asked(server, 3, "// old"));
        server_free(server);
}

/* Up to 0.26 a policy without rules allows nothing. */
static void no_policy_is_put_back_as_one_that_allows_everything(void **state)
{
        static const char *const versions[] = {"", "{\"version\":\"v0.27.1\"}"};
        static const char *const texts[] = {"everything is allowed\\n{\\\"acls\\\": [{\\\"action\\\": \\\"accept\\\", \\\"src\\\": [\\\"*\\\"], \\\"dst\\\": [\\\"*:*\\\"]}]}\"", "everything is allowed\\n{}\""};
        fbn_context *c = *state;

        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
                struct server *server = server_new(ANSWERS({i ? 200 : 404, i ? JSON : NULL, versions[i]}, {500, JSON, "{\"message\":\"acl policy not found\"}"},
                                                           {500, JSON, "{\"message\":\"setting policy: no\"}"}, {200, JSON, "{}"},
                                                           {200, JSON, "{\"policy\":\"// no policy: everything is allowed\\n{}\"}"}));
                FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);
                char *policy = NULL;

                assert_failed(c, fbn_headscale_policy_set(c, headscale, "// new", NULL), FBN_EINVAL, "policy: ");
                assert_true(asked(server, 3, "PUT /api/v1/policy") && asked(server, 3, texts[i]));
                assert_ok(c, fbn_headscale_policy_get(c, headscale, &policy));
                assert_string_equal(policy, "");
                fbn_free(policy);
                server_free(server);
        }
}

static void apply_keeps_the_policy_before_in_a_file(void **state)
{
        fbn_context *c = *state;
        struct server *server = server_new(ANSWERS({200, JSON, "{\"policy\":\"// old\"}"}, {404, NULL, ""}, {200, JSON, "{\"policy\":\"// old\"}"}, {200, JSON, "{}"}));
        FBN_CLEANUP(fbn_headscale) headscale = connect_to(c, server);

        assert_int_equal(fbn_headscale_apply(c, headscale, FBN_OPTIONS(fbn_headscale_wanted, .policy = "// new", .policy_before = path), NULL, NULL), 1);
        server_free(server);
        assert_kept(c, "// old");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_key_that_is_good_is_left, setup, teardown),
                cmocka_unit_test_setup_teardown(a_key_that_is_missing_is_made, setup, teardown),
                cmocka_unit_test_setup_teardown(a_key_that_is_not_as_wanted_is_replaced, setup, teardown),
                cmocka_unit_test_setup_teardown(a_used_key_for_one_device_did_its_work, setup, teardown),
                cmocka_unit_test_setup_teardown(the_connections_own_key_is_rotated_before_it_ends, setup, teardown),
                cmocka_unit_test_setup_teardown(what_cannot_be_stored_leaves_the_old_key_in_use, setup, teardown),
                cmocka_unit_test_setup_teardown(nonsense_is_refused_before_anything_is_asked, setup, teardown),
                cmocka_unit_test_setup_teardown(the_policy_before_is_handed_over, setup, teardown),
                cmocka_unit_test_setup_teardown(a_policy_that_is_refused_is_put_back, setup, teardown),
                cmocka_unit_test_setup_teardown(no_policy_is_put_back_as_one_that_allows_everything, setup, teardown),
                cmocka_unit_test_setup_teardown(apply_keeps_the_policy_before_in_a_file, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
