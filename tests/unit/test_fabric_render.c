/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What other programs make of it is tests/command/test_render.py's. */
#include "unit/test.h"

#include <fabricnet/fabric.h>

#define HOMELAB TESTS_DIRECTORY "/../examples/homelab/fabric.json"

static const char quoted[] = "{\"fabric\": 1, \"name\": \"x\", \"prefixes\": {\"p\": \"10.9.0.0/24\"}, \"hosts\": {\"a\": {}, \"b\": {}}, \"wireguard\": {"
                             "\"t\": {\"prefix\": \"p\", \"members\": {\"a\": {\"address\": \"10.9.0.1\", \"endpoint\": \"a.example:1\", \"public_key\": "
                             "\"H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQ=\", \"private_key\": {\"file\": \"it's; reboot\"}}}}}}";

static void a_path_does_not_become_a_command(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char *text = NULL;

        assert_ok(*state, fbn_fabric_load(*state, "x.json", quoted, &fabric));
        assert_failed(*state, fbn_fabric_render(*state, fabric, "a", "wg-quick", NULL, &text), FBN_EINVAL,
                      "/wireguard/t/members/a/private_key: a path with a quote");
        assert_null(text);
        assert_ok(*state, fbn_fabric_render(*state, fabric, "a", "netdev", NULL, &text));
        assert_non_null(strstr(text, "PrivateKeyFile = it's; reboot\n"));
        fbn_free(text);
}

static void every_host_has_a_module(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;

        assert_ok(*state, fbn_fabric_load_file(*state, HOMELAB, &fabric));
        for (size_t i = 0; i < fbn_fabric_host_count(fabric); i++) {
                char *text = NULL;

                assert_ok(*state, fbn_fabric_render(*state, fabric, fbn_fabric_host_at(fabric, i), "nixos", NULL, &text));
                assert_non_null(strstr(text, "networking.firewall.checkReversePath = \"loose\";"));
                fbn_free(text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_path_does_not_become_a_command),
                cmocka_unit_test(every_host_has_a_module),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
