/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/wireguard.h"

/* A thousand random wanted states on wireguard-go, one after the other: wg agrees with each, a second apply sends nothing, and a session
 * beside them is not disturbed. FBN_SEED repeats a sequence, FBN_STEPS makes it longer or shorter. vm/test_wireguard_model.c includes
 * this for the kernel's WireGuard. */

#ifndef BACKEND
#define BACKEND FBN_WIREGUARD_USERSPACE
#define STEPS 1000
#endif

static fbn_context *here, *there;

/* One end of the tunnel, with the other as its peer. */
static void configure(fbn_context *c, const char *device, const fbn_secret *key, const fbn_key *other, const char *endpoint, const char *inner)
{
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        fbn_prefix allowed = prefix_of(inner);

        assert_int_equal(fbn_wireguard_create(c, device, FBN_OPTIONS(fbn_wireguard_create_options, .backend = BACKEND)), BACKEND);
        assert_ok(c, fbn_wireguard_new(c, FBN_OPTIONS(fbn_wireguard_interface, .private_key = key, .listen_port = 51820), &want));
        assert_ok(c, fbn_wireguard_add(c, want,
                                       FBN_OPTIONS(fbn_wireguard_peer, .public_key = *other, .endpoint = endpoint_of(endpoint),
                                                   .allowed_ips = &allowed, .n_allowed_ips = 1)));
        assert_ok(c, fbn_wireguard_apply(c, device, want, NULL, NULL));
}

static int start(void **state)
{
        FBN_CLEANUP(fbn_secret) here_key = NULL;
        FBN_CLEANUP(fbn_secret) there_key = NULL;
        fbn_key here_public, there_public;

        namespace_new("here");
        namespace_new("there");
        namespace_join("here", "eth0", "192.0.2.1/24", "there", "eth0", "192.0.2.2/24");
        here = namespace_context("here");
        there = namespace_context("there");
        assert_ok(here, fbn_key_generate(here, &here_key));
        assert_ok(here, fbn_key_generate(here, &there_key));
        assert_ok(here, fbn_key_public(here, here_key, &here_public));
        assert_ok(here, fbn_key_public(here, there_key, &there_public));
        configure(here, "wgm", here_key, &there_public, "192.0.2.2:51820", "172.31.0.2/32");
        configure(there, "wgo", there_key, &here_public, "192.0.2.1:51820", "172.31.0.1/32");
        command("ip -n here address add 172.31.0.1/24 dev wgm && ip -n here link set wgm up");
        command("ip -n there address add 172.31.0.2/24 dev wgo && ip -n there link set wgo up");
        return 0;
}

static int stop(void **state)
{
        fbn_context_unref(here);
        fbn_context_unref(there);
        return 0;
}

static void states_are_reached_and_a_session_is_not_disturbed(void **state)
{
        const char *steps = getenv("FBN_STEPS");

        command("ip netns exec here ping -c1 -W5 172.31.0.2 >/dev/null");
        model_run_live(here, "here", "wgm", steps ? (unsigned)strtoul(steps, NULL, 10) : STEPS);
        command("ip netns exec here ping -c1 -W1 172.31.0.2 >/dev/null");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(states_are_reached_and_a_session_is_not_disturbed)};

        namespace_sandbox();
        count_sets();
        return cmocka_run_group_tests_name("random states", tests, start, stop);
}
