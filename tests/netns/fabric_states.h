/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETNS_FABRIC_STATES_H
#define NETNS_FABRIC_STATES_H

/* The host of fabric_host.h once in each of its four fabrics, so that a test can tell them apart afterwards. */

#include "netns/fabric_host.h"

#define STATES 4

static char *state_of[STATES]; /* of A, B, C and D */

static int states_start(void **state)
{
        host_write_keys();
        host_add_others();
        for (char which = 'A'; which < 'A' + STATES; which++) {
                host_apply(which);
                state_of[which - 'A'] = host_observe();
                for (char other = 'A'; other < which; other++)
                        assert_string_not_equal(state_of[which - 'A'], state_of[other - 'A']);
        }
        return 0;
}

static int states_stop(void **state)
{
        for (int i = 0; i < STATES; i++)
                free(state_of[i]);
        for (int i = 0; i < 6; i++)
                free(host_keys[i]);
        return 0;
}

static inline void states_assert(char which)
{
        char *now = host_observe();

        host_assert_same(now, state_of[which - 'A']);
        free(now);
}

/* Of what an operation leads from and to. */
static inline const char *states_verdict(const char *now, const struct operation *operation)
{
        return streq(now, state_of[operation->from - 'A'])  ? "old"
               : streq(now, state_of[operation->to - 'A']) ? "new"
                                                             : "between";
}

static inline void states_show_difference(const char *now, const struct operation *operation)
{
        host_write("/run/now", now);
        host_write("/run/old", state_of[operation->from - 'A']);
        host_write("/run/new", state_of[operation->to - 'A']);
        command_try("diff /run/old /run/now >&2; diff /run/new /run/now >&2; strings -n 8 /var/lib/fabricnet/$(ls /var/lib/fabricnet | grep journal | sort -n | tail -1) | cut -c1-300 >&2");
}

#endif
