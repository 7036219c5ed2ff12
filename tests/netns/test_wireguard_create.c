/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/wireguard.h"

#include <fabricnet/link.h>

/* What creating takes: an MTU, and interfaces that are there when told so. */

static fbn_context *c;

#define CREATE(...) FBN_OPTIONS(fbn_wireguard_create_options, .backend = FBN_WIREGUARD_USERSPACE, __VA_ARGS__)

static int start(void **state)
{
        namespace_new("here");
        c = namespace_context("here");
        return 0;
}

static int stop(void **state)
{
        fbn_context_unref(c);
        return 0;
}

static void the_mtu_is_set_when_it_is_made(void **state)
{
        assert_int_equal(fbn_wireguard_create(c, "wgc", CREATE(.mtu = 1280)), FBN_WIREGUARD_USERSPACE);
        command("ip -n here -j link show wgc | grep -q '\"mtu\":1280'");
}

static void one_that_is_there_is_taken_only_when_told_so(void **state)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        unsigned sent;

        assert_ok(c, fbn_key_generate(c, &key));
        assert_ok(c, fbn_wireguard_new(c, FBN_OPTIONS(fbn_wireguard_interface, .private_key = key, .fwmark = 5), &want));
        assert_ok(c, fbn_wireguard_add(c, want, FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{1}})));
        assert_int_equal(fbn_wireguard_apply(c, "wgc", want, NULL, NULL), 3);
        sent = sets_sent;
        assert_failed(c, fbn_wireguard_create(c, "wgc", CREATE(.mtu = 1300)), FBN_EEXIST, "wgc: there is an interface of this name");
        command("ip -n here -j link show wgc | grep -q '\"mtu\":1280'");
        assert_int_equal(fbn_wireguard_create(c, "wgc", CREATE(.adopt = true)), FBN_WIREGUARD_USERSPACE);
        command("ip -n here -j link show wgc | grep -q '\"mtu\":1280'");
        assert_int_equal(fbn_wireguard_create(c, "wgc", FBN_OPTIONS(fbn_wireguard_create_options, .adopt = true, .mtu = 1300)),
                         FBN_WIREGUARD_USERSPACE);
        command("ip -n here -j link show wgc | grep -q '\"mtu\":1300'");
        assert_int_equal(sets_sent, sent);
        assert_int_equal(fbn_wireguard_apply(c, "wgc", want, NULL, NULL), 0); /* as it was, key and peer included */
}

static void what_is_not_the_wanted_wireguard_is_not_adopted(void **state)
{
        assert_failed(c, fbn_wireguard_create(c, "wgc", FBN_OPTIONS(fbn_wireguard_create_options, .backend = FBN_WIREGUARD_KERNEL, .adopt = true)),
                      FBN_EEXIST, "run by a daemon");
        command("ip -n here link add br0 type bridge");
        assert_failed(c, fbn_wireguard_create(c, "br0", CREATE(.adopt = true)), FBN_EEXIST, "br0: there is a bridge of this name, not WireGuard");
        command("ip -n here tuntap add plain mode tun");
        assert_failed(c, fbn_wireguard_create(c, "plain", CREATE(.adopt = true)), FBN_EEXIST, "plain: there is a tun device of this name");
        assert_failed(c, fbn_wireguard_create(c, "lo", CREATE(.adopt = true)), FBN_EEXIST, "lo: there is a");
        command("ip -n here link show plain >/dev/null && ip -n here link show br0 >/dev/null");
}

static void a_refused_mtu_leaves_nothing_behind(void **state)
{
        assert_true(fbn_wireguard_create(c, "wgbig", CREATE(.mtu = 100000)) < 0);
        command("! ip -n here link show wgbig 2>/dev/null");
        command_until("test ! -e /run/wireguard/wgbig.sock");
}

static void an_adopted_name_that_is_free_is_made(void **state)
{
        assert_int_equal(fbn_wireguard_create(c, "wgnew", CREATE(.adopt = true, .mtu = 1380)), FBN_WIREGUARD_USERSPACE);
        command("ip -n here -j link show wgnew | grep -q '\"mtu\":1380'");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_mtu_is_set_when_it_is_made),
                cmocka_unit_test(one_that_is_there_is_taken_only_when_told_so),
                cmocka_unit_test(what_is_not_the_wanted_wireguard_is_not_adopted),
                cmocka_unit_test(a_refused_mtu_leaves_nothing_behind),
                cmocka_unit_test(an_adopted_name_that_is_free_is_made),
        };

        namespace_sandbox();
        count_sets();
        return cmocka_run_group_tests_name("creating", tests, start, stop);
}
