/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "base/file.h"
#include "headscale/headscale.h"

/* Recorded from a headscale 0.28.0 with three nodes. */
static char *recorded(fbn_context *c, const char *name)
{
        char path[512], *bytes = NULL;
        size_t length;

        snprintf(path, sizeof(path), TESTS_DIRECTORY "/data/headscale/%s", name);
        assert_ok(c, file_read(c, path, 1 << 20, &bytes, &length));
        return bytes;
}

static void assert_prefix(const fbn_prefix *prefix, const char *wanted)
{
        char text[FBN_ADDRESS_TEXT];

        assert_string_equal(fbn_prefix_format(prefix, text, sizeof(text)), wanted);
}

static void users_are_read(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        char *text = recorded(c, "users-0.28.0.json");
        const fbn_headscale_user *user;

        assert_ok(c, headscale_users_read(c, text, strlen(text), &users));
        memory_free(text);
        assert_int_equal(fbn_headscale_users_count(users), 1);
        user = fbn_headscale_users_at(users, 0);
        assert_int_equal(user->size, sizeof(*user));
        assert_int_equal(user->id, 1);
        assert_string_equal(user->name, "home");
        assert_string_equal(user->email, "");
        assert_int_equal(user->created, 1795372439729958932);
        assert_null(fbn_headscale_users_at(users, 1));
}

static void nodes_are_read(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        char *text = recorded(c, "nodes-0.28.0.json");
        const fbn_headscale_node *node;
        char shown[FBN_ADDRESS_TEXT];

        assert_ok(c, headscale_nodes_read(c, text, strlen(text), &nodes));
        memory_free(text);
        assert_int_equal(fbn_headscale_nodes_count(nodes), 3);
        node = fbn_headscale_nodes_at(nodes, 0);
        assert_int_equal(node->id, 1);
        assert_string_equal(node->name, "n1");
        assert_string_equal(node->given_name, "n1");
        assert_string_equal(node->user, "home");
        assert_int_equal(node->n_addresses, 1);
        assert_string_equal(fbn_address_format(&node->addresses[0], shown, sizeof(shown)), "100.64.0.1");
        assert_int_equal(node->n_available_routes, 2);
        assert_int_equal(node->n_approved_routes, 2);
        assert_int_equal(node->n_serving_routes, 2);
        assert_prefix(&node->serving_routes[1], "192.168.20.0/24");
        assert_true(node->online);
        assert_int_equal(node->expiry, 0); /* year 1: never */
        assert_true(node->last_seen > 1795372000000000000);
        assert_int_equal(node->n_tags, 0);
        node = fbn_headscale_nodes_at(nodes, 1);
        assert_int_equal(node->n_approved_routes, 2);
        assert_int_equal(node->n_serving_routes, 0); /* stands by */
        node = fbn_headscale_nodes_at(nodes, 2);
        assert_string_equal(node->user, "tagged-devices");
        assert_int_equal(node->n_tags, 1);
        assert_string_equal(node->tags[0], "tag:laptop");
}

static int read_text(fbn_context *c, const char *text, fbn_headscale_nodes **ret_nodes)
{
        return headscale_nodes_read(c, text, strlen(text), ret_nodes);
}

static void tags_of_older_servers_are_joined(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;

        assert_ok(c, read_text(c, "{\"nodes\":[{\"id\":\"7\",\"forcedTags\":[\"tag:a\"],\"validTags\":[\"tag:b\",\"tag:c\"],\"invalidTags\":[\"tag:x\"]}]}", &nodes));
        assert_int_equal(fbn_headscale_nodes_at(nodes, 0)->n_tags, 3);
        assert_string_equal(fbn_headscale_nodes_at(nodes, 0)->tags[0], "tag:a");
        assert_string_equal(fbn_headscale_nodes_at(nodes, 0)->tags[2], "tag:c");
}

static void what_is_null_missing_or_unknown_does_no_harm(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        static const char *const empty[] = {"{\"nodes\":null}", "{}", "{\"nodes\":[]}", " { \"a\" : 1 , \"nodes\" : [ ] , \"b\" : [ { } ] } \n"};
        const fbn_headscale_node *node;

        assert_ok(c, read_text(c,
                               "{\"nodes\":[{\"id\":\"18446744073709551615\",\"user\":null,\"lastSeen\":null,\"expiry\":null,\"ipAddresses\":null,\"new\":{\"a\":[1,\"}\\\"]\"]}, \"n\" : -1.5e3 ,\"t\":true},"
                               "{\"id\":2}],\"more\":1}",
                               &nodes));
        node = fbn_headscale_nodes_at(nodes, 0);
        assert_true(node->id == UINT64_MAX);
        assert_string_equal(node->user, "");
        assert_string_equal(node->name, "");
        assert_int_equal(node->last_seen, 0);
        assert_int_equal(node->n_addresses, 0);
        assert_false(node->online);
        assert_int_equal(fbn_headscale_nodes_at(nodes, 1)->id, 2);
        for (size_t i = 0; i < ARRAY_SIZE(empty); i++) {
                FBN_CLEANUP(fbn_headscale_nodes) none = NULL;

                assert_ok(c, read_text(c, empty[i], &none));
                assert_int_equal(fbn_headscale_nodes_count(none), 0);
        }
}

static void a_wrong_type_is_named_with_its_place(void **state)
{
        static const struct {
                const char *text, *words;
        } cases[] = {
                {"{\"nodes\":{}}", "'nodes' is not a list"},
                {"{\"nodes\":[{\"id\":\"1\"},{\"id\":\"x\"}]}", "node 2: the answer's member 'id' is not a whole number"},
                {"{\"nodes\":[{\"id\":-1}]}", "'id'"},
                {"{\"nodes\":[{\"name\":3}]}", "'name' is not a text"},
                {"{\"nodes\":[{\"user\":\"home\"}]}", "'user' is not an object"},
                {"{\"nodes\":[{\"online\":\"yes\"}]}", "'online' is not true or false"},
                {"{\"nodes\":[{\"lastSeen\":\"yesterday\"}]}", "'lastSeen' is not a time"},
                {"{\"nodes\":[{\"ipAddresses\":[\"100.64.0.1/32\"]}]}", "'ipAddresses' is not a list of addresses"},
                {"{\"nodes\":[{\"subnetRoutes\":[7]}]}", "'subnetRoutes' is not a list of prefixes"},
                {"{\"nodes\":[{\"tags\":\"tag:a\"}]}", "'tags' is not a list"},
                {"{\"nodes\":7}", "'nodes' is not a list"},
                {"[]", "not well formed at byte 0"},
                {"", "not well formed at byte 0"},
                {"{\"nodes\":[{}", "not well formed at byte 12"},
                {"{\"nodes\":[7]}", "'nodes' is not a list of objects"},
                {"{\"nodes\":[{\"id\":\"1\",}]}", "not well formed"},
                {"{\"nodes\":[{\"id\":1 2}]}", "not well formed"},
                {"{\"nodes\":[{\"id\":01}]}", "not well formed at byte 18"},
                {"{\"nodes\":[{\"x\":[{]}]}", "not well formed"},
                {"{\"nodes\":[{\"x\":\"a\\\"}]}", "not well formed"},
                {"{\"nodes\":[{\"x\"}]}", "not well formed"},
                {"{\"nodes\":[{\"x\":}]}", "not well formed"},
                {"{\"nodes\":[{x:1}]}", "not well formed"},
                {"{\"nodes\":[{},]}", "not a list of objects"},
                {"{\"nodes\":[{}}", "not well formed"},
                {"{\"nodes\":[{}]} x", "not well formed"},
                {"{\"nodes\":[],}", "not well formed"},
                {"{7:[]}", "not well formed"},
                {"{\"nodes\"[]}", "not well formed"},
        };
        fbn_context *c = *state;
        fbn_headscale_nodes *nodes = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_failed(c, read_text(c, cases[i].text, &nodes), FBN_EPROTOCOL, cases[i].words);
        assert_null(nodes);
}

static void versions_have_a_minor(void **state)
{
        assert_int_equal(headscale_minor("v0.28.0"), 28);
        assert_int_equal(headscale_minor("0.26"), 26);
        assert_int_equal(headscale_minor("0.29.0-beta.1"), 29);
        assert_int_equal(headscale_minor("0.99.0"), MINOR_NEWEST);
        assert_int_equal(headscale_minor("1.0.0"), MINOR_NEWEST);
        assert_int_equal(headscale_minor("dev"), MINOR_NEWEST);
        assert_int_equal(headscale_minor("0."), MINOR_NEWEST);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(users_are_read),
                cmocka_unit_test(nodes_are_read),
                cmocka_unit_test(tags_of_older_servers_are_joined),
                cmocka_unit_test(what_is_null_missing_or_unknown_does_no_harm),
                cmocka_unit_test(a_wrong_type_is_named_with_its_place),
                cmocka_unit_test(versions_have_a_minor),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
