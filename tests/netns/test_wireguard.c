/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/link.h>
#include <fabricnet/wireguard.h>
#include <fcntl.h>

/* Two hosts with a cable between them and a wireguard-go each. /run is shared, so their interfaces have names of their own. */

struct side {
        const char *host, *device, *outer, *inner;
        fbn_context *c;
        fbn_secret *key;
        fbn_key public_key;
};

static struct side left = {.host = "left", .device = "wgl", .outer = "192.0.2.1", .inner = "10.9.0.1"};
static struct side right = {.host = "right", .device = "wgr", .outer = "192.0.2.2", .inner = "10.9.0.2"};

static fbn_prefix prefix_of(const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return prefix;
}

static fbn_endpoint endpoint_of(const char *text)
{
        fbn_endpoint endpoint;

        assert_int_equal(fbn_endpoint_parse(text, &endpoint), 0);
        return endpoint;
}

static void side_start(struct side *side)
{
        namespace_new(side->host);
        side->c = namespace_context(side->host);
        assert_ok(side->c, fbn_key_generate(side->c, &side->key));
        assert_ok(side->c, fbn_key_public(side->c, side->key, &side->public_key));
        assert_int_equal(fbn_wireguard_create(side->c, side->device, NULL), FBN_WIREGUARD_USERSPACE);
        command("ip -n %s address add %s/24 dev %s && ip -n %s link set %s up mtu 1280", side->host, side->inner, side->device, side->host, side->device);
}

static void side_stop(struct side *side)
{
        side->key = fbn_secret_unref(side->key);
        side->c = fbn_context_unref(side->c);
        namespace_delete(side->host);
}

static int start(void **state)
{
        side_start(&left);
        side_start(&right);
        namespace_join("left", "eth0", "192.0.2.1/24", "right", "eth0", "192.0.2.2/24");
        return 0;
}

static int stop(void **state)
{
        side_stop(&left);
        side_stop(&right);
        return 0;
}

static fbn_wireguard *wanted(const struct side *side)
{
        fbn_wireguard *want;

        assert_ok(side->c, fbn_wireguard_new(side->c, FBN_OPTIONS(fbn_wireguard_interface, .private_key = side->key, .listen_port = 51820), &want));
        return want;
}

/* side's configuration with the other as its one peer. */
static fbn_wireguard *towards(const struct side *side, const struct side *other, const fbn_secret *preshared)
{
        fbn_wireguard *want = wanted(side);
        char text[FBN_ADDRESS_TEXT];
        fbn_prefix allowed = prefix_of(other->inner);

        snprintf(text, sizeof(text), "%s:51820", other->outer);
        assert_ok(side->c, fbn_wireguard_add(side->c, want,
                                             FBN_OPTIONS(fbn_wireguard_peer, .public_key = other->public_key, .preshared_key = preshared,
                                                         .endpoint = endpoint_of(text), .keepalive = 25, .allowed_ips = &allowed,
                                                         .n_allowed_ips = 1)));
        return want;
}

static void two_hosts_shake_hands_and_ping(void **state)
{
        FBN_CLEANUP(fbn_secret) preshared = NULL;
        FBN_CLEANUP(fbn_wireguard) left_want = NULL;
        FBN_CLEANUP(fbn_wireguard) right_want = NULL;
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;

        assert_ok(left.c, fbn_key_generate_preshared(left.c, &preshared));
        left_want = towards(&left, &right, preshared);
        right_want = towards(&right, &left, preshared);
        assert_int_equal(fbn_wireguard_apply(left.c, "wgl", left_want, NULL, &changes), 3);
        assert_int_equal(fbn_changes_count(changes), 3);
        assert_int_equal(fbn_wireguard_apply(right.c, "wgr", right_want, NULL, NULL), 3);
        command("ip netns exec left ping -c1 -W3 10.9.0.2 >/dev/null");
        assert_int_equal(fbn_wireguard_apply(left.c, "wgl", left_want, NULL, NULL), 0);
        assert_ok(left.c, fbn_wireguard_get(left.c, "wgl", &have));
        assert_true(fbn_wireguard_at(have, 0)->last_handshake > 1700000000000000000);
        assert_true(fbn_wireguard_at(have, 0)->received > 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(two_hosts_shake_hands_and_ping),
        };

        namespace_sandbox();
        return cmocka_run_group_tests_name("wireguard", tests, start, stop);
}
