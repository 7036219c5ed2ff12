/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "wireguard/monitor.h"

/* Looks at a device that is made up: one peer, of which only the time of its last handshake moves. */

#define SECOND INT64_C(1000000000)

struct looks {
        struct watching watching;
        struct watched *watched;
        enum boringtun daemon;
        int64_t base; /* a whole second, not long ago */
};

static int nothing(fbn_context *c, fbn_monitor *monitor)
{
        return 0;
}

static void release(fbn_monitor *monitor)
{
}

static void look(struct looks *looks, int64_t handshake)
{
        FBN_CLEANUP(fbn_wireguard) now = NULL;
        fbn_context *c = looks->watching.c;

        assert_ok(c, fbn_wireguard_new(c, NULL, &now));
        now->boringtun = looks->daemon;
        assert_ok(c, fbn_wireguard_add(c, now, FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{1}}, .last_handshake = handshake)));
        assert_ok(c, watched_compare(&looks->watching, looks->watched, now));
}

/* How many handshakes the last looks told. */
static unsigned handshakes(struct looks *looks)
{
        const fbn_event *event;
        unsigned count = 0;

        while ((event = fbn_monitor_next(looks->watching.monitor)))
                count += event->kind == FBN_EVENT_HANDSHAKE;
        return count;
}

static void begin(struct looks *looks, fbn_context *c, enum boringtun daemon)
{
        static const struct monitor_class class = {nothing, release};

        *looks = (struct looks){.watching = {.c = c, .options.stale_s = 180}, .daemon = daemon};
        looks->base = monitor_clock() / SECOND * SECOND - 20 * SECOND;
        looks->watching.monitor = memory_alloc(sizeof(fbn_monitor));
        assert_non_null(looks->watching.monitor);
        assert_ok(c, monitor_begin(c, looks->watching.monitor, &class));
        looks->watched = watched_new("wg0");
        assert_non_null(looks->watched);
}

static void end(struct looks *looks)
{
        watched_free(looks->watched);
        fbn_monitor_unref(looks->watching.monitor);
}

/* Its times come from ages: the same handshake is now at one second, now at the next. */
static void times_of_boringtun_that_move_by_a_second_are_no_handshakes(void **state)
{
        struct looks looks;

        begin(&looks, *state, BORINGTUN);
        look(&looks, 0);
        look(&looks, looks.base);
        assert_int_equal(handshakes(&looks), 1);
        look(&looks, looks.base + SECOND);
        look(&looks, looks.base);
        look(&looks, looks.base - SECOND);
        look(&looks, looks.base);
        assert_int_equal(handshakes(&looks), 0);
        look(&looks, looks.base + 5 * SECOND);
        assert_int_equal(handshakes(&looks), 1);
        end(&looks);
}

static void times_of_others_are_exact(void **state)
{
        struct looks looks;

        begin(&looks, *state, NOT_BORINGTUN);
        look(&looks, looks.base);
        assert_int_equal(handshakes(&looks), 1);
        look(&looks, looks.base);
        assert_int_equal(handshakes(&looks), 0);
        look(&looks, looks.base + 1);
        assert_int_equal(handshakes(&looks), 1);
        end(&looks);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(times_of_boringtun_that_move_by_a_second_are_no_handshakes),
                cmocka_unit_test(times_of_others_are_exact),
        };

        return cmocka_run_group_tests_name("watched", tests, context_setup, context_teardown);
}
