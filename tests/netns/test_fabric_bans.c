/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Applying a fabric takes nobody's bans away. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/fabric.h>
#include <fabricnet/nat.h>

static const char text[] = "{\"fabric\": 1, \"name\": \"n\", \"prefixes\": {\"lan\": \"192.168.8.0/24\"},"
                           "\"hosts\": {\"a\": {\"forwarding\": true, \"interfaces\": {\"eth0\": {\"wan\": true}, \"eth1\": {\"address\": \"192.168.8.1\"}}}},"
                           "\"nat\": {\"a\": [{\"masquerade\": [\"lan\"], \"out\": {\"interface\": \"%s\"}}]}}";

static size_t apply(fbn_context *c, const char *out)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_plan) done = NULL;
        char file[512];

        snprintf(file, sizeof(file), text, out);
        assert_ok(c, fbn_fabric_load(c, "test.json", file, &fabric));
        assert_ok(c, fbn_fabric_apply(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "a", .local_only = true), &done));
        return fbn_plan_count(done);
}

static void ban_somebody(fbn_context *c)
{
        FBN_CLEANUP(fbn_nat) nat = NULL;

        assert_ok(c, fbn_nat_get(c, &nat));
        assert_ok(c, fbn_nat_ban_add(c, nat, FBN_OPTIONS(fbn_nat_ban, .name = "b")));
        assert_ok(c, fbn_nat_apply(c, nat, NULL, NULL));
        command("ip netns exec a nft add element inet fabricnet b-ipv4 '{ 192.0.2.7 }'");
}

static void bans_stay_when_a_fabric_that_knows_nothing_of_them_is_applied(void **state)
{
        FBN_CLEANUP(fbn_context) c = NULL;

        namespace_new("a");
        command("ip -n a link add eth0 type veth peer name p0 && ip -n a link add eth1 type veth peer name p1");
        c = namespace_context("a");
        assert_true(apply(c, "eth0") > 0);
        ban_somebody(c);
        assert_int_equal(apply(c, "eth0"), 0);
        assert_true(apply(c, "eth1") > 0);
        command("ip netns exec a nft list set inet fabricnet b-ipv4 | grep 192.0.2.7");
        command("test $(ip netns exec a nft list chain inet fabricnet arrival | grep -c @b-) = 6");
        command("ip netns exec a nft list table inet fabricnet | grep 'oifname \"eth1\".*masquerade'");
        assert_int_equal(apply(c, "eth1"), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bans_stay_when_a_fabric_that_knows_nothing_of_them_is_applied),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
