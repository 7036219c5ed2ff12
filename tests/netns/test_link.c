/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/link.h>

static int fresh(void **state)
{
        namespace_new("host");
        *state = namespace_context("host");
        return 0;
}

static int gone(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
        return 0;
}

#define LINK(...) FBN_OPTIONS(fbn_link, __VA_ARGS__)

/* The command, run in the namespace of the tests, prints something that has the words. */
#define assert_shows(words, ...)                                             \
        do {                                                                 \
                char *output_ = command_output(__VA_ARGS__);                 \
                if (!strstr(output_, (words)))                               \
                        fail_msg("'%s' is not in: %s", (words), output_);    \
                free(output_);                                               \
        } while (0)

static void a_veth_pair_is_made_as_asked(void **state)
{
        FBN_CLEANUP(fbn_links) links = NULL;
        const fbn_link *link;

        assert_ok(*state, fbn_link_create(*state, LINK(.name = "uplink", .kind = "veth", .peer = "other", .mtu = 1280, .state = FBN_LINK_UP,
                                                       .alias = "fabricnet:home")));
        command("ip -n host link set other up");
        assert_shows("\"ifalias\":\"fabricnet:home\"", "ip -n host -j link show uplink");
        assert_shows("\"mtu\":1280", "ip -n host -j link show other");
        assert_ok(*state, fbn_link_list(*state, "uplink", &links));
        assert_int_equal(fbn_links_count(links), 1);
        link = fbn_links_at(links, 0);
        assert_string_equal(link->name, "uplink");
        assert_string_equal(link->kind, "veth");
        assert_string_equal(link->peer, "other");
        assert_string_equal(link->alias, "fabricnet:home");
        assert_null(link->master);
        assert_null(link->parent);
        assert_int_equal(link->mtu, 1280);
        assert_int_equal(link->state, FBN_LINK_UP);
        assert_true(link->running);
        assert_null(fbn_links_at(links, 1));
}

static void a_port_names_its_bridge(void **state)
{
        FBN_CLEANUP(fbn_links) links = NULL;

        assert_ok(*state, fbn_link_create(*state, LINK(.name = "lan", .kind = "bridge", .state = FBN_LINK_UP)));
        assert_ok(*state, fbn_link_create(*state, LINK(.name = "port", .kind = "veth", .peer = "far", .master = "lan")));
        assert_shows("\"master\":\"lan\"", "ip -n host -j link show port");
        assert_ok(*state, fbn_link_list(*state, "port", &links));
        assert_string_equal(fbn_links_at(links, 0)->master, "lan");
        assert_int_equal(fbn_links_at(links, 0)->state, FBN_LINK_DOWN);
        assert_ok(*state, fbn_link_set(*state, LINK(.name = "port", .master = "")));
        assert_shows("port", "ip -n host -j link show nomaster");
        assert_failed(*state, fbn_link_set(*state, LINK(.name = "port", .master = "nowhere")), FBN_ENOENT, "port: nowhere: no such link");
}

static void all_links_are_listed_with_their_kinds(void **state)
{
        FBN_CLEANUP(fbn_links) links = NULL;
        size_t found = 0;

        command("ip -n host link add lan type bridge && ip -n host link add port type veth peer name far && ip -n host link set far master lan");
        command("ip netns exec host ip tuntap add dev user0 mode tun");
        assert_ok(*state, fbn_link_list(*state, NULL, &links));
        assert_int_equal(fbn_links_count(links), 5);
        for (size_t i = 0; i < fbn_links_count(links); i++) {
                const fbn_link *link = fbn_links_at(links, i);

                found += streq(link->name, "lo") && !link->kind && link->state == FBN_LINK_UP;
                found += streq(link->name, "lan") && streq(link->kind, "bridge");
                found += streq(link->name, "far") && streq(link->kind, "veth") && streq(link->master, "lan") && streq(link->peer, "port");
                found += streq(link->name, "port") && streq(link->peer, "far") && !link->master;
                found += streq(link->name, "user0") && streq(link->kind, "tun");
        }
        assert_int_equal(found, 5);
}

static void a_tun_link_is_made_without_netlink(void **state)
{
        assert_ok(*state, fbn_link_create(*state, LINK(.name = "tun7", .kind = "tun", .mtu = 1300, .alias = "fabricnet:home", .state = FBN_LINK_UP)));
        assert_shows("\"mtu\":1300", "ip -n host -j -d link show tun7");
        assert_shows("fabricnet:home", "ip -n host -j -d link show tun7");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "tun7", .kind = "tun")), FBN_EEXIST, "tun7");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "lo", .kind = "tun")), FBN_EEXIST, "lo");
        assert_ok(*state, fbn_link_delete(*state, "tun7"));
        assert_int_not_equal(command_try("ip -n host link show tun7 2>/dev/null"), 0);
}

static void a_kind_that_the_kernel_lacks_is_named(void **state)
{
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "odd0", .kind = "nosuchkind")), FBN_EUNSUPPORTED,
                      "odd0: this kernel has no link kind 'nosuchkind'");
        if (command_try("ip -n host link add probe type dummy 2>/dev/null") != 0)
                assert_failed(*state, fbn_link_create(*state, LINK(.name = "d0", .kind = "dummy")), FBN_EUNSUPPORTED, "d0: this kernel has no link kind 'dummy': modprobe dummy");
        else
                assert_ok(*state, fbn_link_create(*state, LINK(.name = "d0", .kind = "dummy")));
}

static void a_vlan_has_its_parent_and_tag(void **state)
{
        FBN_CLEANUP(fbn_links) links = NULL;
        int r;

        command("ip -n host link add trunk type veth peer name far");
        r = fbn_link_create(*state, LINK(.name = "storage", .kind = "vlan", .parent = "trunk", .vlan = 20));
        if (r == -FBN_EUNSUPPORTED) {
                assert_failed(*state, r, FBN_EUNSUPPORTED, "storage: this kernel has no link kind 'vlan': modprobe 8021q");
                skip();
        }
        assert_ok(*state, r);
        assert_ok(*state, fbn_link_list(*state, "storage", &links));
        assert_int_equal(fbn_links_at(links, 0)->vlan, 20);
        assert_string_equal(fbn_links_at(links, 0)->parent, "trunk");
        assert_failed(*state, fbn_link_apply(*state, LINK(.name = "storage", .kind = "vlan", .parent = "trunk", .vlan = 21), NULL, NULL),
                      FBN_ECONFLICT, "tag 20");
}

static void wrong_links_are_refused(void **state)
{
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "sixteen-bytes-xx", .kind = "bridge")), FBN_EINVAL, "16 bytes, 15 at most");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "a/b", .kind = "bridge")), FBN_EINVAL, "'/'");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "lan%d", .kind = "bridge")), FBN_EINVAL, "'%'");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "", .kind = "bridge")), FBN_EINVAL, "needs a name");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "lan")), FBN_EINVAL, "kind");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "v", .kind = "vlan", .parent = "lo", .vlan = 4095)), FBN_EINVAL, "1 to 4094");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "v", .kind = "vlan", .parent = "none", .vlan = 5)), FBN_ENOENT, "v: none: no such link");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "lo", .kind = "bridge")), FBN_EEXIST, "lo");
        assert_failed(*state, fbn_link_list(*state, "none", &(fbn_links *){0}), FBN_ENOENT, "none: no such link");
        assert_failed(*state, fbn_link_delete(*state, "none"), FBN_ENOENT, "none: no such link");
        assert_failed(*state, fbn_link_set(*state, LINK(.name = "none", .mtu = 1280)), FBN_ENOENT, "none: no such link");
        assert_ok(*state, fbn_link_create(*state, LINK(.name = "lan", .kind = "bridge")));
        assert_failed(*state, fbn_link_set(*state, LINK(.name = "lan", .mtu = 1)), FBN_EINVAL, "lan: ");
}

static void a_link_that_refuses_its_settings_does_not_stay(void **state)
{
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "half", .kind = "veth", .peer = "half2", .master = "none")), FBN_ENOENT, "none");
        assert_int_not_equal(command_try("ip -n host link show half 2>/dev/null"), 0);
}

static void a_link_moves_by_name_path_and_pid(void **state)
{
        char pid[16];
        pid_t child;

        namespace_new("elsewhere");
        command("ip -n host link add one type veth peer name two && ip -n host link add three type veth peer name four");
        assert_ok(*state, fbn_link_move(*state, "one", "elsewhere"));
        assert_ok(*state, fbn_link_move(*state, "two", "/run/netns/elsewhere"));
        command("ip -n elsewhere link show one && ip -n elsewhere link show two");
        child = fork();
        if (child == 0)
                execlp("ip", "ip", "netns", "exec", "elsewhere", "sleep", "60", NULL);
        snprintf(pid, sizeof(pid), "%d", (int)child);
        command_until("ip netns pids elsewhere | grep -qx %s", pid);
        assert_ok(*state, fbn_link_move(*state, "three", pid));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        command("ip -n elsewhere link show three");
        assert_failed(*state, fbn_link_move(*state, "four", "nowhere"), FBN_ENOENT, "'nowhere'");
        assert_failed(*state, fbn_link_move(*state, "five", "elsewhere"), FBN_ENOENT, "five: no such link");
        namespace_delete("elsewhere");
}

static void apply_makes_a_link_once_and_then_nothing(void **state)
{
        const fbn_link *want = LINK(.name = "wan", .kind = "veth", .peer = "wan2", .mtu = 1400, .alias = "fabricnet:home", .state = FBN_LINK_UP);
        FBN_CLEANUP(fbn_changes) changes = NULL;

        assert_int_equal(fbn_link_apply(*state, want, FBN_OPTIONS(fbn_link_apply_options, .dry_run = true), NULL), 1);
        assert_int_not_equal(command_try("ip -n host link show wan 2>/dev/null"), 0);
        assert_int_equal(fbn_link_apply(*state, want, NULL, &changes), 1);
        assert_int_equal(fbn_changes_at(changes, 0)->kind, FBN_CHANGE_CREATE);
        assert_string_equal(fbn_changes_at(changes, 0)->object, "link wan");
        assert_int_equal(fbn_link_apply(*state, want, NULL, NULL), 0);
        assert_string_equal(fbn_context_error(*state), "");
}

static void apply_changes_what_differs(void **state)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;

        assert_ok(*state, fbn_link_create(*state, LINK(.name = "lan", .kind = "bridge", .alias = "fabricnet:home")));
        assert_int_equal(fbn_link_apply(*state, LINK(.name = "lan", .mtu = 1400, .alias = "fabricnet:home", .state = FBN_LINK_UP), NULL, &changes), 2);
        assert_string_equal(fbn_changes_at(changes, 0)->field, "mtu");
        assert_string_equal(fbn_changes_at(changes, 0)->before, "1500");
        assert_string_equal(fbn_changes_at(changes, 0)->after, "1400");
        assert_string_equal(fbn_changes_at(changes, 1)->field, "state");
        assert_shows("\"mtu\":1400", "ip -n host -j link show lan up");
}

static void apply_leaves_somebody_elses_link_alone(void **state)
{
        const fbn_link *want = LINK(.name = "lan", .kind = "bridge", .mtu = 1400, .alias = "fabricnet:home");

        command("ip -n host link add lan type bridge");
        assert_failed(*state, fbn_link_apply(*state, want, NULL, NULL), FBN_ECONFLICT, "lan: a link of that name is somebody else's");
        assert_shows("\"mtu\":1500", "ip -n host -j link show lan");
        assert_int_equal(fbn_link_apply(*state, want, FBN_OPTIONS(fbn_link_apply_options, .adopt = true), NULL), 2);
        assert_shows("fabricnet:home", "ip -n host -j link show lan");
        assert_failed(*state, fbn_link_apply(*state, LINK(.name = "lan", .kind = "veth", .alias = "fabricnet:home"), NULL, NULL), FBN_ECONFLICT,
                      "of kind 'bridge', not 'veth'");
}

/* Root of a user namespace may enter a network namespace of its own, but not come back into one of the system's: to find that out inside
 * would be too late. */
static void nobody_enters_without_a_way_back(void **state)
{
        int ready[2], status;
        pid_t child = (assert_int_equal(pipe(ready), 0), fork());

        if (child == 0) {
                char path[64];
                fbn_context *c = NULL;
                fbn_links *links = NULL;
                pid_t holder;
                char byte;

                sandbox_need(unshare(CLONE_NEWUSER), "user namespace");
                holder = fork();
                if (holder == 0) {
                        sandbox_need(unshare(CLONE_NEWNET), "network namespace");
                        (void)!write(ready[1], "x", 1);
                        pause();
                }
                (void)!read(ready[0], &byte, 1);
                snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)holder);
                status = fbn_context_new(FBN_OPTIONS(fbn_context_options, .netns = path), &c);
                if (status == 0)
                        status = fbn_link_list(c, NULL, &links);
                kill(holder, SIGKILL);
                _exit(status == -FBN_EPERM && strstr(fbn_context_error(c), "no way back") ? 0 : 1);
        }
        waitpid(child, &status, 0);
        close(ready[0]);
        close(ready[1]);
        assert_int_equal(status, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_veth_pair_is_made_as_asked, fresh, gone),
                cmocka_unit_test_setup_teardown(a_port_names_its_bridge, fresh, gone),
                cmocka_unit_test_setup_teardown(all_links_are_listed_with_their_kinds, fresh, gone),
                cmocka_unit_test_setup_teardown(a_tun_link_is_made_without_netlink, fresh, gone),
                cmocka_unit_test_setup_teardown(a_kind_that_the_kernel_lacks_is_named, fresh, gone),
                cmocka_unit_test_setup_teardown(a_vlan_has_its_parent_and_tag, fresh, gone),
                cmocka_unit_test_setup_teardown(wrong_links_are_refused, fresh, gone),
                cmocka_unit_test_setup_teardown(a_link_that_refuses_its_settings_does_not_stay, fresh, gone),
                cmocka_unit_test_setup_teardown(a_link_moves_by_name_path_and_pid, fresh, gone),
                cmocka_unit_test_setup_teardown(apply_makes_a_link_once_and_then_nothing, fresh, gone),
                cmocka_unit_test_setup_teardown(apply_changes_what_differs, fresh, gone),
                cmocka_unit_test_setup_teardown(apply_leaves_somebody_elses_link_alone, fresh, gone),
                cmocka_unit_test(nobody_enters_without_a_way_back),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
