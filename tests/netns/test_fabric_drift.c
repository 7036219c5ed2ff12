/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of what differs, what somebody changed since the last apply is told apart from what the file asks for anew. */
#include "unit/test.h"

#include <sys/mman.h>

#include "netns/fabric_states.h"

static fbn_plan *plan_of(char which)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        fbn_plan *plan = NULL;

        assert_int_equal(fbn_context_new(NULL, &c), 0);
        fabric = host_fabric(c, which);
        assert_true(fbn_fabric_plan(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "h"), &plan) > 0);
        return plan;
}

static size_t drift_of(const fbn_plan *plan)
{
        size_t n = 0;

        for (size_t i = 0; i < fbn_plan_count(plan); i++)
                n += fbn_plan_at(plan, i)->drift;
        return n;
}

static bool is_drift(const fbn_plan *plan, const char *domain, const char *object)
{
        for (size_t i = 0; i < fbn_plan_count(plan); i++)
                if (streq(fbn_plan_at(plan, i)->domain, domain) && strstr(fbn_plan_at(plan, i)->object, object))
                        return fbn_plan_at(plan, i)->drift;
        fail_msg("no step is about %s %s", domain, object);
        return false;
}

static void what_the_file_asks_for_is_no_drift(void **state)
{
        FBN_CLEANUP(fbn_plan) plan = NULL;

        host_apply('B');
        plan = plan_of('C');
        assert_int_equal(drift_of(plan), 0);
}

static void what_a_hand_changed_is_drift(void **state)
{
        FBN_CLEANUP(fbn_plan) plan = NULL;
        FBN_CLEANUP(fbn_plan) gone = NULL;

        host_apply('B');
        command("ip link set wga mtu 1400 && ip route delete 192.168.8.0/24 && sysctl -qw net.ipv4.ip_forward=0 && wg set wga peer '%s' remove && nft flush table inet fabricnet && "
                "ip address delete 10.9.0.1/24 dev wga",
                host_keys[2]);
        plan = plan_of('B');
        assert_true(fbn_plan_count(plan) >= 6);
        assert_int_equal(drift_of(plan), fbn_plan_count(plan));
        command("ip link delete wga");
        gone = plan_of('B');
        assert_true(is_drift(gone, "link", "wga") && is_drift(gone, "wireguard", host_keys[1]) && is_drift(gone, "route", "192.168.8.0/24"));
}

/* The address, the size and the key of C are not those of B, however they came to be what they are. */
static void both_are_told_apart(void **state)
{
        FBN_CLEANUP(fbn_plan) plan = NULL;

        host_apply('B');
        command("ip link set wga mtu 1400 && sysctl -qw net.ipv4.ip_forward=0 && wg set wga peer '%s' allowed-ips 10.9.0.77/32", host_keys[4]);
        plan = plan_of('C');
        assert_true(is_drift(plan, "sysctl", "ip_forward"));
        assert_true(is_drift(plan, "wireguard", host_keys[4]));
        assert_false(is_drift(plan, "link", "wga"));
        assert_false(is_drift(plan, "address", "10.9.0.9/24"));
        assert_int_equal(drift_of(plan), 2);
        host_apply('C');
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_the_file_asks_for_is_no_drift),
                cmocka_unit_test(what_a_hand_changed_is_drift),
                cmocka_unit_test(both_are_told_apart),
        };

        namespace_sandbox();
        host_set_tables();
        return cmocka_run_group_tests(tests, states_start, states_stop);
}
