/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "fabric/run.h"
#include "headscale/headscale.h"

#include <stdio.h>
#include <unistd.h>

/* Four devices that call themselves "nas": a guest's, a tagged one, and the two of the user "home". */
static const char answer[] = "{\"nodes\": ["
                             "{\"id\": \"1\", \"name\": \"nas\", \"givenName\": \"nas\", \"user\": {\"name\": \"guest\"}, \"ipAddresses\": [\"100.64.0.1\"]},"
                             "{\"id\": \"2\", \"name\": \"nas\", \"givenName\": \"nas-2\", \"user\": {\"name\": \"tagged-devices\"}, \"tags\": [\"tag:a\", \"tag:b\"]},"
                             "{\"id\": \"3\", \"name\": \"nas\", \"givenName\": \"nas-3\", \"user\": {\"name\": \"home\"}, \"ipAddresses\": [\"100.64.0.3\"]},"
                             "{\"id\": \"4\", \"name\": \"x\", \"givenName\": \"nas\", \"user\": {\"name\": \"home\"}, \"ipAddresses\": [\"100.64.0.4\"]}]}";

static uint64_t found(fbn_context *c, const struct node *node, bool *ret_mismatch)
{
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        const fbn_headscale_node *have;

        assert_ok(c, headscale_nodes_read(c, answer, strlen(answer), &nodes));
        have = mesh_find_node(nodes, node, ret_mismatch);
        return have ? have->id : 0;
}

static void a_node_is_known_by_who_owns_it_not_by_what_it_calls_itself(void **state)
{
        struct host nas = {.name = "nas"};
        const char *tags[] = {"tag:b"}, *others[] = {"tag:a", "tag:c"};
        bool mismatch = true;

        assert_int_equal(found(*state, &(struct node){.host = &nas, .user = "home"}, &mismatch), 3);
        assert_false(mismatch);
        assert_int_equal(found(*state, &(struct node){.host = &nas, .user = "other", .tags = tags, .n_tags = 1}, &mismatch), 2);
        assert_int_equal(found(*state, &(struct node){.host = &nas, .user = "other", .tags = others, .n_tags = 2}, &mismatch), 0);
        assert_false(mismatch);
}

static void a_declared_address_decides_between_two_of_one_name(void **state)
{
        struct host nas = {.name = "nas"};
        struct node node = {.host = &nas, .user = "home"};
        bool mismatch = true;

        assert_int_equal(fbn_address_parse("100.64.0.4", &node.address), 0);
        assert_int_equal(found(*state, &node, &mismatch), 4);
        assert_false(mismatch);
        assert_int_equal(fbn_address_parse("100.64.0.1", &node.address), 0); /* the guest's */
        assert_int_equal(found(*state, &node, &mismatch), 0);
        assert_true(mismatch);
}

/* The key of the API comes from a descriptor, or from a place that is named with what is wrong with it. */
static void a_secret_comes_from_where_the_file_says(void **state)
{
        static const char text[] = "{\"fabric\": 1, \"name\": \"t\", \"prefixes\": {\"m\": \"100.64.0.0/10\"}, \"hosts\": {\"h\": {}}, \"mesh\": {\"headscale\": {\"host\": \"h\", "
                                   "\"url\": \"http://127.0.0.1:1\", \"api_key\": {\"file\": \"%s\"}}, \"prefix\": \"m\", \"users\": [\"u\"], \"nodes\": {}}}";
        char file[512], name[32];
        FBN_CLEANUP(fbn_fabric) by_descriptor = NULL;
        FBN_CLEANUP(fbn_fabric) in_store = NULL;
        FBN_CLEANUP(fbn_headscale) server = NULL;
        fbn_headscale *none = NULL;
        int ends[2];

        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], "key-of-api\n", 11), 11);
        close(ends[1]);
        snprintf(name, sizeof(name), "fd:%d", ends[0]);
        snprintf(file, sizeof(file), text, name);
        assert_ok(*state, fbn_fabric_load(*state, "/some/where/t.json", file, &by_descriptor));
        assert_ok(*state, fbn_fabric_headscale(*state, by_descriptor, NULL, &server));
        close(ends[0]);
        snprintf(file, sizeof(file), text, "nothing.key");
        assert_ok(*state, fbn_fabric_load(*state, "/some/where/t.json", file, &in_store));
        assert_failed(*state, fbn_fabric_headscale(*state, in_store, NULL, &none), FBN_ENOENT, "/mesh/headscale/api_key: /some/where/nothing.key: no such");
        assert_null(none);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_node_is_known_by_who_owns_it_not_by_what_it_calls_itself),
                cmocka_unit_test(a_secret_comes_from_where_the_file_says),
                cmocka_unit_test(a_declared_address_decides_between_two_of_one_name),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
