/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of bans against a plain list, through growth, removal and reuse. */
#include "unit/test.h"

#include "edge/table.h"

#include <stdlib.h>
#include <sys/socket.h>

#define MANY 6000

static fbn_prefix prefix_of(unsigned i)
{
        fbn_prefix prefix = {.address = {AF_INET, {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}}, .length = 32};

        if (i % 3 == 0)
                prefix.address.family = AF_INET6, prefix.length = 128;
        if (i % 7 == 0) {
                prefix.length = (uint8_t)(i % 2 ? 24 : 17);
                fbn_prefix_network(&prefix, &prefix);
        }
        return prefix;
}

static void what_is_added_is_found_until_it_is_removed(void **state)
{
        fbn_context *c = *state;
        static bool there[MANY];
        struct ban_table table;
        uint32_t count = 0, slot;

        assert_ok(c, ban_table_init(c, &table));
        srand(1);
        for (unsigned round = 0; round < 10 * MANY; round++) {
                unsigned i = (unsigned)rand() % MANY;
                fbn_prefix prefix = prefix_of(i);

                slot = ban_table_find(&table, &prefix);
                if (slot == SLOT_NONE) {
                        assert_false(there[i] && i % 7);
                        assert_ok(c, ban_table_add(c, &table, &prefix, &slot));
                        count++;
                        there[i] = true;
                } else if (round % 3 == 0) {
                        ban_table_remove(&table, slot);
                        count--;
                        there[i] = false;
                }
                assert_int_equal(table.count, count);
        }
        for (slot = ban_table_next(&table, 0); slot != SLOT_NONE; slot = ban_table_next(&table, slot + 1)) {
                fbn_prefix prefix = ban_prefix(&table, ban_table_at(&table, slot));

                assert_int_equal(ban_table_find(&table, &prefix), slot);
                count--;
        }
        assert_int_equal(count, 0);
        assert_true(table.n_buckets > 1024); /* it grew */
        ban_table_free(&table);
}

static void the_cover_is_the_smallest_larger_one_in_force(void **state)
{
        static const char *const prefixes[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"};
        fbn_context *c = *state;
        struct ban_table table;
        uint32_t slots[3];
        fbn_prefix prefix, host;

        assert_ok(c, ban_table_init(c, &table));
        for (unsigned i = 0; i < 3; i++) {
                fbn_prefix_parse(prefixes[i], &prefix);
                assert_ok(c, ban_table_add(c, &table, &prefix, &slots[i]));
        }
        fbn_prefix_parse("10.1.2.3", &host);
        assert_int_equal(ban_table_cover(&table, &host), slots[2]);
        assert_int_equal(ban_table_cover(&table, &prefix), slots[1]);
        ban_table_set_covered(&table, ban_table_at(&table, slots[1]), true);
        assert_int_equal(ban_table_cover(&table, &prefix), slots[0]);
        ban_table_set_gone(&table, ban_table_at(&table, slots[0]), true);
        assert_int_equal(ban_table_cover(&table, &prefix), SLOT_NONE);
        fbn_prefix_parse("2001:db8::1", &host);
        assert_int_equal(ban_table_cover(&table, &host), SLOT_NONE);
        ban_table_free(&table);
}

static void ids_and_reasons_are_kept_apart_and_used_again(void **state)
{
        fbn_context *c = *state;
        uint8_t id[CDN_ID_BYTES] = {1}, other[CDN_ID_BYTES] = {2};
        struct ban_table table;
        uint32_t slots[2];
        uint16_t sshd, nginx, again;
        fbn_prefix prefix;

        assert_ok(c, ban_table_init(c, &table));
        for (unsigned i = 0; i < 2; i++) {
                prefix = prefix_of(i + 1);
                assert_ok(c, ban_table_add(c, &table, &prefix, &slots[i]));
        }
        assert_null(ban_table_id(&table, ban_table_at(&table, slots[0])));
        assert_ok(c, ban_table_set_id(c, &table, ban_table_at(&table, slots[0]), id));
        assert_ok(c, ban_table_set_id(c, &table, ban_table_at(&table, slots[1]), other));
        assert_memory_equal(ban_table_id(&table, ban_table_at(&table, slots[0])), id, sizeof(id));
        ban_table_remove(&table, slots[0]);
        assert_memory_equal(ban_table_id(&table, ban_table_at(&table, slots[1])), other, sizeof(other));
        prefix = prefix_of(9);
        assert_ok(c, ban_table_add(c, &table, &prefix, &slots[0]));
        assert_ok(c, ban_table_set_id(c, &table, ban_table_at(&table, slots[0]), id));
        assert_int_equal(table.ids.count, 2);
        assert_ok(c, ban_table_reason(c, &table, "sshd", &sshd));
        assert_ok(c, ban_table_reason(c, &table, "nginx", &nginx));
        assert_ok(c, ban_table_reason(c, &table, "sshd", &again));
        assert_true(sshd == again && sshd != nginx);
        assert_string_equal(ban_table_reason_text(&table, nginx), "nginx");
        assert_string_equal(ban_table_reason_text(&table, 0), "");
        ban_table_free(&table);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_added_is_found_until_it_is_removed),
                cmocka_unit_test(the_cover_is_the_smallest_larger_one_in_force),
                cmocka_unit_test(ids_and_reasons_are_kept_apart_and_used_again),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
