/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "fabric/run.h"
#include "headscale/headscale.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_node_is_known_by_who_owns_it_not_by_what_it_calls_itself),
                cmocka_unit_test(a_declared_address_decides_between_two_of_one_name),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
