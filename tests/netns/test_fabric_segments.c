/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A router of two segments, one of them a VLAN of the other's wire, and who may come into it. Kernels without VLANs have to say so; with VLANS defined, as
 * vm/test_fabric_segments.c does, they must be there. */
#include "unit/test.h"

#include "netns/fabric_host.h"

#ifdef VLANS
#define HAVE_VLANS true
#else
#define HAVE_VLANS false
#endif

/* With and without a VLAN on the wire. */
static const struct {
        char which;
        const char *storage, *interface;
} shapes[] = {
        {'A', "\"at\": \"r\"", ""},
        {'B', "\"at\": \"r\", \"vlan\": 20, \"from\": [\"a\"]", ", \"eth1.20\": {\"address\": \"10.2.0.1\", \"trunk\": \"eth1\", \"mtu\": 1400}"},
        {'C', "\"at\": \"r\", \"vlan\": 30, \"from\": [\"a\"]", ", \"eth1.20\": {\"address\": \"10.2.0.1\", \"trunk\": \"eth1\"}"},
        {'P', "\"at\": \"r\", \"from\": [\"a\"]", ", \"eth2\": {\"address\": \"10.2.0.1\"}"},
        {'Q', "\"at\": \"r\"", ", \"eth2\": {\"address\": \"10.2.0.1\"}"},
};

static int load(fbn_context *c, char which, fbn_fabric **ret_fabric)
{
        char text[2048];

        for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
                if (shapes[i].which == which)
                        snprintf(text, sizeof(text),
                                 "{\"fabric\": 1, \"name\": \"t\", \"prefixes\": {\"lan\": {\"prefix\": \"10.1.0.0/24\", \"at\": \"r\"}, \"storage\": "
                                 "{\"prefix\": \"10.2.0.0/24\", %s}, \"far\": \"10.3.0.0/24\"}, \"hosts\": {\"r\": {\"interfaces\": {\"eth1\": {\"address\": "
                                 "\"10.1.0.1\"}%s}, \"forwarding\": true%s}, \"a\": {\"interfaces\": {\"eth0\": {\"address\": \"10.1.0.2\"}}}, \"b\": "
                                 "{\"interfaces\": {\"eth0\": {\"address\": \"10.2.0.2\"}}, \"forwarding\": true}}}",
                                 shapes[i].storage, shapes[i].interface,
                                 which == 'A' ? "" : ", \"routes\": [{\"to\": \"far\", \"via\": \"b\"}]");
        return fbn_fabric_load(c, FABRIC_FILE, text, ret_fabric);
}

static int go(fbn_context *c, const struct operation *operation)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        int r;

        if (operation->rollback)
                return fbn_fabric_rollback(c, 0, NULL, NULL);
        r = load(c, operation->to, &fabric);
        return r < 0 ? r : fbn_fabric_apply(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "r", .confirm_within = operation->within), NULL);
}

static int apply(fbn_context *c, char which)
{
        return go(c, &(struct operation){.to = which});
}

static bool comes_through(const char *from, const char *source, const char *to)
{
        return command_try("ip netns exec %s ping -c1 -W%d -I %s %s >/dev/null", from, HAVE_VLANS ? 5 : 1, source, to) == 0;
}

/* eth1 leads to the neighbours 10.1.0.2 and 10.1.0.3, eth2 to 10.2.0.2. */
static int start(void **state)
{
        fbn_context *c = NULL;

        command("mkdir -p /run/fabric /run/wireguard /run/others && touch /run/others/file && ip link set lo up && ip netns add lan && ip netns add storage && "
                "ip link add eth1 type veth peer name far netns lan && ip link set eth1 up && ip address add 10.1.0.1/24 dev eth1 && "
                "ip -n lan link set far up && ip -n lan address add 10.1.0.2/24 dev far && ip -n lan address add 10.1.0.3/24 dev far && "
                "ip -n lan route add default via 10.1.0.1 && "
                "ip link add eth2 type veth peer name far netns storage && ip link set eth2 up && ip address add 10.2.0.1/24 dev eth2 && "
                "ip -n storage link set far up && ip -n storage address add 10.2.0.2/24 dev far && ip -n storage route add default via 10.2.0.1");
        assert_int_equal(fbn_context_new(NULL, &c), 0);
        *state = c;
        return 0;
}

static int stop(void **state)
{
        fbn_context_unref(*state);
        return 0;
}

static void a_segment_is_entered_as_its_policy_says(void **state)
{
        assert_ok(*state, apply(*state, 'P'));
        assert_true(comes_through("lan", "10.1.0.2", "10.2.0.2"));
        assert_false(comes_through("lan", "10.1.0.3", "10.2.0.2"));
        assert_true(comes_through("storage", "10.2.0.2", "10.1.0.3")); /* answers come back */
        command("nft list chain inet fabricnet forward | grep -q 'ip saddr 10.1.0.2 ip daddr 10.2.0.0/24'");
        assert_int_equal(apply(*state, 'P'), 0);
        assert_ok(*state, apply(*state, 'Q'));
        assert_true(comes_through("lan", "10.1.0.3", "10.2.0.2"));
        assert_ok(*state, fbn_fabric_rollback(*state, 0, NULL, NULL));
        assert_false(comes_through("lan", "10.1.0.3", "10.2.0.2"));
        assert_ok(*state, apply(*state, 'A'));
        command("ip link delete eth2");
}

static const fbn_plan_step *step_of(const fbn_plan *plan, const char *domain, const char *object)
{
        for (size_t i = 0; i < fbn_plan_count(plan); i++)
                if (streq(fbn_plan_at(plan, i)->domain, domain) && streq(fbn_plan_at(plan, i)->object, object))
                        return fbn_plan_at(plan, i);
        fail_msg("the plan has no step for %s '%s'", domain, object);
        return NULL;
}

static void a_vlan_is_planned_with_what_lies_on_it(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_plan) plan = NULL;

        assert_ok(*state, load(*state, 'B', &fabric));
        assert_ok(*state, fbn_fabric_plan(*state, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "r"), &plan));
        assert_string_equal(step_of(plan, "link", "link eth1.20")->after, "vlan 20 on eth1, MTU 1400, up");
        assert_string_equal(step_of(plan, "link", "link eth1.20")->reason, "VLAN 20 of eth1: segment storage");
        assert_string_equal(step_of(plan, "link", "link eth1.20")->pointer, "/hosts/r/interfaces/eth1.20");
        assert_int_not_equal(step_of(plan, "address", "eth1.20: address 10.2.0.1/24")->needs, 0);
        assert_int_not_equal(step_of(plan, "route", "route 10.3.0.0/24")->needs, 0);
        command("! ip link show eth1.20 2>/dev/null");
}

static void a_kernel_without_vlans_says_so(void **state)
{
        if (HAVE_VLANS || command_try("modprobe -q 8021q; ip link add link eth1 name probe type vlan id 5 2>/dev/null && ip link delete probe") == 0)
                return;
        assert_failed(*state, apply(*state, 'B'), FBN_EUNDONE, "eth1.20: this kernel has no link kind 'vlan': modprobe 8021q");
        command("! ip link show eth1.20 2>/dev/null");
        command("! nft list table inet fabricnet 2>/dev/null");
}

static void what_stands_in_a_vlans_way_is_named(void **state)
{
        command("ip link set eth1 down");
        assert_failed(*state, apply(*state, 'B'), FBN_EUNAVAILABLE, "/hosts/r/interfaces/eth1.20: trunk 'eth1' is down; 'ip link set eth1 up'");
        command("ip link set eth1 mtu 1300 && ip link set eth1 up");
        assert_failed(*state, apply(*state, 'B'), FBN_EINVAL, "/hosts/r/interfaces/eth1.20: MTU 1400 does not fit trunk 'eth1', which has 1300");
        command("ip link set eth1 mtu 1500 && ip link add eth1.20 type bridge");
        assert_failed(*state, apply(*state, 'B'), FBN_ECONFLICT, "eth1.20: a link of that name is somebody else's");
        command("ip link delete eth1.20");
}

#ifdef VLANS
/* The storage network hangs on the wire's other end, tagged. */
static void tag(unsigned tag)
{
        command_try("ip -n storage link delete far 2>/dev/null");
        command("ip -n lan link add link far name tagged type vlan id %u && ip -n lan link set tagged netns storage name far && "
                "ip -n storage link set far up && ip -n storage address add 10.2.0.2/24 dev far && ip -n storage route add default via 10.2.0.1",
                tag);
}

static void a_vlan_is_made_changed_and_taken_away(void **state)
{
        tag(20);
        assert_ok(*state, apply(*state, 'B'));
        command("test \"$(ip -d -j link show eth1.20 | jq -c '.[0] | [.link, .mtu, .ifalias, .linkinfo.info_kind, .linkinfo.info_data.id]')\" = "
                "'[\"eth1\",1400,\"fabricnet:t\",\"vlan\",20]'");
        command("ip -o address show dev eth1.20 | grep -q 'inet 10.2.0.1/24 '");
        command("ip route show 10.3.0.0/24 | grep -q 'via 10.2.0.2 dev eth1.20 proto 251'");
        assert_true(comes_through("lan", "10.1.0.2", "10.2.0.2"));
        assert_false(comes_through("lan", "10.1.0.3", "10.2.0.2"));
        assert_true(comes_through("storage", "10.2.0.2", "10.1.0.3"));
        assert_int_equal(apply(*state, 'B'), 0);

        assert_ok(*state, apply(*state, 'C')); /* a tag cannot be changed: another link */
        command("ip -d -j link show eth1.20 | jq -e '.[0].linkinfo.info_data.id == 30 and .[0].mtu == 1500' >/dev/null");
        assert_false(comes_through("lan", "10.1.0.2", "10.2.0.2"));
        tag(30);
        assert_true(comes_through("lan", "10.1.0.2", "10.2.0.2"));

        assert_ok(*state, fbn_fabric_rollback(*state, 0, NULL, NULL));
        command("ip -d -j link show eth1.20 | jq -e '.[0].linkinfo.info_data.id == 20 and .[0].mtu == 1400' >/dev/null");
        command("ip route show 10.3.0.0/24 | grep -q 'via 10.2.0.2 dev eth1.20 proto 251'");
        tag(20);
        assert_true(comes_through("lan", "10.1.0.2", "10.2.0.2"));
        assert_false(comes_through("lan", "10.1.0.3", "10.2.0.2"));

        assert_ok(*state, apply(*state, 'A'));
        command("! ip link show eth1.20 2>/dev/null");
        assert_int_equal(apply(*state, 'A'), 0);
}

static int recover(fbn_context *c, const struct operation *operation)
{
        return fbn_fabric_recover(c, NULL, NULL);
}

/* SIGKILL before each message that changes something in the kernel; then recover: as before, or as wanted. Returns how many points there were.
 * What else there is to kill at is test_fabric_kill's. */
static size_t kill_everywhere(const struct operation *operation, const char *from, const char *to)
{
        for (size_t at = 1;; at++) {
                FBN_CLEANUP(fbn_context) c = NULL;
                struct seen killed_at;
                char *now;
                int code;

                memset(seen, 0, sizeof(*seen));
                acting.count = 0;
                acting.at = at;
                code = host_run(operation, go);
                acting.at = 0;
                killed_at = *seen;
                if (code == 0)
                        return at - 1;
                assert_int_equal(code, 128 + SIGKILL);
                assert_int_equal(host_run(operation, recover), 0);
                now = host_observe();
                if (!streq(now, from)) {
                        if (!streq(now, to)) {
                                print_message("%s, killed at call %zu (%s, after record '%s')\n", operation->name, at, killed_at.call, killed_at.record);
                                host_assert_same(now, from);
                        }
                        assert_int_equal(fbn_context_new(NULL, &c), 0);
                        assert_ok(c, fbn_fabric_rollback(c, 0, NULL, NULL));
                }
                free(now);
        }
}

static void a_killed_apply_leaves_the_old_vlan_or_the_new(void **state)
{
        const struct operation change = {"change of a tag", 'B', 'C', false, 0, NULL}, creation = {"creation", 'A', 'B', false, 0, NULL};
        char *state_of[3];
        size_t points;

        for (char which = 'C'; which >= 'A'; which--) {
                assert_ok(*state, apply(*state, which));
                state_of[which - 'A'] = host_observe();
        }
        acting.only = "sendmsg";
        points = kill_everywhere(&creation, state_of[0], state_of[1]);
        points += kill_everywhere(&change, state_of[1], state_of[2]);
        print_message("%zu kill points\n", points);
        assert_true(points >= 10);
        for (size_t i = 0; i < 3; i++)
                free(state_of[i]);
}
#endif

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_segment_is_entered_as_its_policy_says),
                cmocka_unit_test(a_vlan_is_planned_with_what_lies_on_it),
                cmocka_unit_test(a_kernel_without_vlans_says_so),
                cmocka_unit_test(what_stands_in_a_vlans_way_is_named),
#ifdef VLANS
                cmocka_unit_test(a_vlan_is_made_changed_and_taken_away),
                cmocka_unit_test(a_killed_apply_leaves_the_old_vlan_or_the_new),
#endif
        };

        namespace_sandbox();
        host_set_tables();
        return cmocka_run_group_tests_name("segments", tests, start, stop);
}
