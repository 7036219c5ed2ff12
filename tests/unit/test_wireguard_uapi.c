/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a daemon may answer: numbers beyond all sense are refused, not computed with. */
#include "unit/test.h"

#include "wireguard/configuration.h"
#include "wireguard/userspace.h"

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
                cmocka_unit_test(refusals_are_numbers_of_errno_or_nothing_that_is_known),
        };

        return cmocka_run_group_tests(tests, setup, context_teardown);
}
