/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a daemon may answer: numbers beyond all sense are refused, not computed with. */
#include "unit/test.h"

#include "wireguard/configuration.h"
#include "wireguard/userspace.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY "b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1"

static const char *answer;
static int far_end = -1;

/* A socket on whose other end the answer waits already. */
static int answered_socket(int domain, int type, int protocol)
{
        int ends[2];

        if (socketpair(domain, type, protocol, ends) < 0)
                return -1;
        far_end = ends[1];
        assert_int_equal(write(far_end, answer, strlen(answer)), strlen(answer));
        return ends[0];
}

static int connected(int fd, const struct sockaddr *address, socklen_t length)
{
        return 0;
}

static int setup(void **state)
{
        const fbn_system_calls calls = {.size = sizeof(calls), .socket = answered_socket, .connect = connected};

        assert_int_equal(fbn_set_tables(NULL, &calls), 0);
        return context_setup(state);
}

static int get(fbn_context *c, const char *lines)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        int r;

        answer = lines;
        assert_ok(c, fbn_wireguard_new(c, NULL, &wireguard));
        r = userspace_get(c, "wg0", wireguard);
        close(far_end);
        return r;
}

static void times_that_no_clock_has_are_refused(void **state)
{
        assert_ok(*state, get(*state, "public_key=" KEY "\nlast_handshake_time_sec=1763836800\nlast_handshake_time_nsec=999999999\nerrno=0\n\n"));
        assert_failed(*state, get(*state, "public_key=" KEY "\nlast_handshake_time_sec=9223372036854775807\nerrno=0\n\n"), FBN_EPROTOCOL,
                      "last_handshake_time_sec");
        assert_failed(*state, get(*state, "public_key=" KEY "\nlast_handshake_time_nsec=9223372036854775807\nerrno=0\n\n"), FBN_EPROTOCOL,
                      "last_handshake_time_nsec");
}

static void numbers_beyond_their_members_are_refused(void **state)
{
        static const struct {
                const char *line, *name;
        } bad[] = {
                {"listen_port=65536", "listen_port"},
                {"fwmark=4294967296", "fwmark"},
                {"fwmark=", "fwmark"},
                {"public_key=" KEY "\npersistent_keepalive_interval=65536", "persistent_keepalive_interval"},
                {"public_key=" KEY "\nprotocol_version=4294967296", "protocol_version"},
                {"public_key=" KEY "\nrx_bytes=18446744073709551616", "rx_bytes"},
                {"public_key=" KEY "\ntx_bytes=-1", "tx_bytes"},
                {"public_key=" KEY "\nlast_handshake_time_nsec=1000000000", "last_handshake_time_nsec"},
                {"public_key=" KEY "\npreshared_key=00", "preshared_key"},
                {"public_key=" KEY "\nallowed_ip=10.0.0.0/33", "allowed_ip"},
                {"public_key=" KEY "\nendpoint=10.0.0.1", "endpoint"},
                {"public_key=" KEY "0", "public_key"},
                {"private_key=q" KEY, "private_key"},
        };
        char lines[256];

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                snprintf(lines, sizeof(lines), "%s\nerrno=0\n\n", bad[i].line);
                assert_failed(*state, get(*state, lines), FBN_EPROTOCOL, bad[i].name);
        }
}

/* In any order, with lines of a version to come between them, and each where it belongs. */
static void lines_are_read_in_any_order(void **state)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        const fbn_wireguard_peer *peer;

        answer = "fwmark=7\nnew=1\nlisten_port=65535\nrx_bytes=5\npublic_key=" KEY "\nallowed_ip=10.0.0.0/8\nlisten_port=1\n"
                 "rx_bytes=18446744073709551615\nbrand_new=x\nallowed_ip=fd00::/8\npersistent_keepalive_interval=65535\ntx_bytes=9\nprotocol_version=1\nendpoint=[fd00::1]:9\n"
                 "errno=0\n\n";
        assert_ok(*state, fbn_wireguard_new(*state, NULL, &wireguard));
        assert_ok(*state, userspace_get(*state, "wg0", wireguard));
        close(far_end);
        assert_int_equal(fbn_wireguard_interface_of(wireguard)->listen_port, 65535);
        assert_int_equal(fbn_wireguard_interface_of(wireguard)->fwmark, 7);
        assert_int_equal(fbn_wireguard_count(wireguard), 1);
        peer = fbn_wireguard_at(wireguard, 0);
        assert_true(peer->received == UINT64_MAX && peer->sent == 9);
        assert_int_equal(peer->n_allowed_ips, 2);
        assert_int_equal(peer->keepalive, 65535);
        assert_int_equal(peer->protocol_version, 1);
        assert_int_equal(peer->endpoint.port, 9);
}

#define OTHER "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define SAME                                                                                                                               \
        "public_key=" KEY "\npreshared_key=" OTHER "\nendpoint=192.0.2.1:7\npersistent_keepalive_interval=25\nallowed_ip=fd00::/8\n"       \
        "allowed_ip=10.0.0.0/8\n"

/* Reads lines to compare them with one peer, of SAME; how many were kept, or the error. */
static int compared(fbn_context *c, const char *lines, bool *ret_met)
{
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        int r;

        answer = SAME "errno=0\n\n";
        assert_ok(c, fbn_wireguard_new(c, NULL, &want));
        assert_ok(c, userspace_get(c, "wg0", want));
        close(far_end);
        answer = lines;
        assert_ok(c, fbn_wireguard_new(c, NULL, &have));
        assert_ok(c, configuration_expect(c, have, want));
        r = userspace_get(c, "wg0", have);
        close(far_end);
        *ret_met = configuration_met(have, &fbn_wireguard_at(want, 0)->public_key);
        return r < 0 ? r : (int)fbn_wireguard_count(have);
}

static void peers_that_are_as_wanted_are_marked_and_not_kept(void **state)
{
        static const char *const different[] = {
                "public_key=" KEY "\nendpoint=192.0.2.1:7\npersistent_keepalive_interval=25\nallowed_ip=fd00::/8\nallowed_ip=10.0.0.0/8\n",
                SAME "preshared_key=" KEY "\n", SAME "endpoint=192.0.2.1:8\n", SAME "persistent_keepalive_interval=24\n",
                SAME "allowed_ip=10.0.0.0/9\n",
                "public_key=" KEY "\npreshared_key=" OTHER "\npersistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\n",
        };
        char lines[1024];
        bool met;

        assert_int_equal(compared(*state, SAME "public_key=" OTHER "\nerrno=0\n\n", &met), 1);
        assert_true(met);
        for (size_t i = 0; i < ARRAY_SIZE(different); i++) {
                snprintf(lines, sizeof(lines), "%serrno=0\n\n", different[i]);
                assert_int_equal(compared(*state, lines, &met), 1);
                assert_false(met);
        }
        assert_failed(*state, compared(*state, SAME SAME "errno=0\n\n", &met), FBN_EEXIST, "comes twice");
        assert_failed(*state, compared(*state, "public_key=" KEY "\n" SAME "errno=0\n\n", &met), FBN_EEXIST, "already");
}

static void refusals_are_numbers_of_errno_or_nothing_that_is_known(void **state)
{
        assert_failed(*state, get(*state, "errno=-13\n\n"), FBN_ESYSTEM, "Permission denied");
        assert_int_equal(fbn_context_error_errno(*state), 13);
        assert_failed(*state, get(*state, "errno=-2147483648\n\n"), FBN_ESYSTEM, "the daemon refused");
        assert_failed(*state, get(*state, "errno=99999999999999999999\n\n"), FBN_ESYSTEM, "the daemon refused");
        assert_failed(*state, get(*state, "errno=\n\n"), FBN_ESYSTEM, "no reason given");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(times_that_no_clock_has_are_refused),
                cmocka_unit_test(numbers_beyond_their_members_are_refused),
                cmocka_unit_test(lines_are_read_in_any_order),
                cmocka_unit_test(peers_that_are_as_wanted_are_marked_and_not_kept),
                cmocka_unit_test(refusals_are_numbers_of_errno_or_nothing_that_is_known),
        };

        return cmocka_run_group_tests(tests, setup, context_teardown);
}
