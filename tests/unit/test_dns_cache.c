/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "dns/cache.h"

#include <stdio.h>
#include <string.h>

static struct name suffix_of(const char *text)
{
        struct name name;

        assert_true(name_parse(text, &name));
        return name;
}

static uint8_t bytes[WIRE_MESSAGE];

static size_t begin(const char *name, unsigned flags)
{
        struct name wire;

        assert_true(name_parse(name, &wire));
        memset(bytes, 0, WIRE_HEADER);
        wire_write16(bytes + 2, (uint16_t)(FLAG_QR | flags));
        bytes[5] = 1;
        memcpy(bytes + WIRE_HEADER, wire.bytes, wire.length);
        memcpy(bytes + WIRE_HEADER + wire.length, "\0\1\0\1", 4);
        return WIRE_HEADER + wire.length + 4;
}

/* owner NULL: the question's */
static size_t put(size_t at, unsigned section, const char *owner, uint16_t type, uint32_t ttl, const void *data, size_t length)
{
        struct name wire = {2, {0xc0, WIRE_HEADER}};

        if (owner)
                assert_true(name_parse(owner, &wire));
        memcpy(bytes + at, wire.bytes, wire.length);
        at += wire.length;
        wire_write16(bytes + at, type);
        wire_write16(bytes + at + 2, CLASS_IN);
        wire_write32(bytes + at + 4, ttl);
        wire_write16(bytes + at + 8, (uint16_t)length);
        memcpy(bytes + at + 10, data, length);
        bytes[5 + 2 * section]++;
        return at + 10 + length;
}

static struct message message_of(size_t length)
{
        struct message message;

        assert_true(message_header(bytes, length, &message) && message_question(&message) && message_records(&message));
        return message;
}

static size_t soa(size_t at, const char *owner, uint32_t ttl, uint32_t minimum)
{
        uint8_t data[22] = {0};

        wire_write32(data + 18, minimum);
        return put(at, SECTION_AUTHORITY, owner, TYPE_SOA, ttl, data, sizeof(data));
}

static uint32_t lifetime(size_t length, const char *suffix)
{
        struct message message = message_of(length);
        struct name of = suffix_of(suffix);

        return answer_lifetime(&message, &of);
}

static void an_answer_lives_as_long_as_its_shortest_lived_record(void **state)
{
        size_t at = put(begin("nas.local.example", 0), SECTION_ANSWER, NULL, TYPE_A, 300, "\1\2\3\4", 4);

        assert_int_equal(lifetime(at, "local.example"), 300);
        assert_int_equal(lifetime(put(at, SECTION_ADDITIONAL, "b.local.example", TYPE_A, 20, "\1\2\3\4", 4), "local.example"), 20);
        at = put(begin("nas.local.example", 0), SECTION_ANSWER, NULL, TYPE_A, 10000000, "\1\2\3\4", 4);
        assert_int_equal(lifetime(at, "local.example"), 86400);
        at = put(begin("nas.local.example", 0), SECTION_ANSWER, NULL, TYPE_A, 0x80000000u, "\1\2\3\4", 4);
        assert_int_equal(lifetime(at, "local.example"), 0);
        at = put(begin("nas.local.example", FLAG_TC), SECTION_ANSWER, NULL, TYPE_A, 300, "\1\2\3\4", 4);
        assert_int_equal(lifetime(at, "local.example"), 0);
}

static void that_nothing_is_there_lives_as_the_soa_says(void **state)
{
        assert_int_equal(lifetime(begin("x.example", RCODE_NXDOMAIN), "."), 0);
        assert_int_equal(lifetime(begin("x.example", 0), "."), 0);
        assert_int_equal(lifetime(soa(begin("x.example", RCODE_NXDOMAIN), "example", 600, 30), "."), 30);
        assert_int_equal(lifetime(soa(begin("x.example", 0), "example", 20, 30), "."), 20);
        assert_int_equal(lifetime(soa(begin("x.example", 0), "example", 86400, 86400), "."), 10800);
        assert_int_equal(lifetime(put(begin("x.example", 0), SECTION_ANSWER, NULL, 5, 300, "\1y\0", 3), "."), 0); /* a chain to nothing */
        assert_int_equal(lifetime(put(begin("x.example", 0), SECTION_AUTHORITY, "example", 2, 300, "\1y\0", 3), "."), 0); /* a referral */
        assert_int_equal(lifetime(begin("x.example", RCODE_SERVFAIL), "."), 2);
        assert_int_equal(lifetime(begin("x.example", RCODE_REFUSED), "."), 2);
}

static void what_leaves_the_suffix_has_no_lifetime(void **state)
{
        static const struct {
                const char *owner;
                bool good;
        } cases[] = {
                {"local.example", true}, {"a.b.LOCAL.example", true}, {"xlocal.example", false}, {"example", false}, {".", false},
                {"local.example.net", false}, {"x.local", false},
        };

        for (unsigned section = SECTION_ANSWER; section < SECTIONS; section++)
                for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                        size_t at = put(begin("nas.local.example", 0), SECTION_ANSWER, NULL, TYPE_A, 300, "\1\2\3\4", 4);

                        at = put(at, section, cases[i].owner, TYPE_A, 300, "\1\2\3\4", 4);
                        if (lifetime(at, "local.example") != (cases[i].good ? 300 : 0) || lifetime(at, ".") != 300)
                                fail_msg("section %u, %s", section, cases[i].owner);
                }
}

static struct cache_key key_of(const struct cache *cache, const char *name)
{
        static struct question question;

        question = (struct question){.type = TYPE_A, .class = CLASS_IN};
        assert_true(name_parse(name, &question.name));
        return (struct cache_key){.question = &question, .flags = FLAG_RD, .hash = cache_hash(cache, &question, FLAG_RD, false)};
}

/* An answer as large as asked, with its number as the address. */
static void store(struct cache *cache, unsigned number, size_t padding, uint32_t now, uint32_t ttl)
{
        static const uint8_t text[2048];
        uint8_t address[4];
        char name[32];
        struct cache_key key;
        struct message message;
        size_t at;

        snprintf(name, sizeof(name), "n%u.example", number);
        wire_write32(address, number);
        key = key_of(cache, name);
        at = put(begin(name, 0), SECTION_ANSWER, NULL, TYPE_A, ttl, address, 4);
        if (padding)
                at = put(at, SECTION_ADDITIONAL, NULL, 16, ttl, text, padding);
        message = message_of(at);
        cache_store(cache, &key, &message, false, now, ttl);
}

static bool knows(struct cache *cache, unsigned number, uint32_t now)
{
        struct message message;
        struct record record;
        char name[32];
        struct cache_key key;

        snprintf(name, sizeof(name), "n%u.example", number);
        key = key_of(cache, name);
        if (cache_find(cache, &key, now, &message) != CACHE_FRESH)
                return false;
        assert_true(message_record(&message, message.records, &record));
        assert_int_equal(wire_read32(message.bytes + record.data), number);
        return true;
}

/* By its hash, and by that of the answer that is there: the hash alone must not tell them apart. */
static bool found(struct cache *cache, uint64_t hash, struct cache_key *key)
{
        struct message message;
        bool there;

        key->hash = hash;
        there = cache_find(cache, key, 100, &message) != CACHE_NOTHING;
        key->hash = cache_hash(cache, key->question, key->flags, key->dnssec_ok);
        return there || cache_find(cache, key, 100, &message) != CACHE_NOTHING;
}

static void all_that_an_answer_depends_on_is_in_the_key(void **state)
{
        struct cache_key key, other;
        struct question question;
        struct message message;
        struct cache cache;

        assert_true(cache_init(&cache, 65536));
        store(&cache, 1, 0, 100, 60);
        other = key = key_of(&cache, "n1.example");
        assert_true(cache_find(&cache, &key, 100, &message));
        other.flags |= FLAG_CD;
        assert_false(found(&cache, key.hash, &other));
        other.flags = 0;
        assert_false(found(&cache, key.hash, &other));
        other = key;
        other.dnssec_ok = true;
        assert_false(found(&cache, key.hash, &other));
        other = key;
        question = *key.question;
        other.question = &question;
        question.type = TYPE_AAAA;
        assert_false(found(&cache, key.hash, &other));
        question = *key.question;
        question.class = 3;
        assert_false(found(&cache, key.hash, &other));
        question = *key.question;
        question.name.bytes[1] = 'N';
        assert_true(found(&cache, key.hash, &other));
        assert_int_equal(other.hash, key.hash);
        cache_free(&cache);
}

static void ttls_are_counted_down_and_end(void **state)
{
        struct cache_key key;
        struct message message;
        struct record record;
        struct cache cache;

        assert_true(cache_init(&cache, 65536));
        store(&cache, 1, 10, 100, 60);
        key = key_of(&cache, "n1.example");
        for (uint32_t now = 100; now < 160; now += 7) {
                assert_true(cache_find(&cache, &key, now, &message));
                assert_true(message_record(&message, message.records, &record));
                assert_int_equal(record.ttl, 160 - now);
                assert_true(message_record(&message, record.end, &record));
                assert_int_equal(record.ttl, 160 - now);
        }
        assert_true(knows(&cache, 1, 159));
        assert_false(knows(&cache, 1, 160));
        cache_free(&cache);
}

static void what_is_over_is_stale_for_a_day_and_good_for_a_moment_when_nobody_answers(void **state)
{
        struct cache_key key;
        struct message message;
        struct record record;
        struct cache cache;

        assert_true(cache_init(&cache, 65536));
        store(&cache, 1, 10, 100, 60);
        key = key_of(&cache, "n1.example");
        assert_false(cache_extend(&cache, &key, 159)); /* still good */
        assert_int_equal(cache_find(&cache, &key, 160, &message), CACHE_STALE);
        assert_true(message_record(&message, message.records, &record));
        assert_int_equal(record.ttl, 30);
        assert_true(cache_extend(&cache, &key, 160));
        assert_int_equal(cache_find(&cache, &key, 160, &message), CACHE_STALE_UNASKED);
        assert_int_equal(cache_find(&cache, &key, 162, &message), CACHE_STALE_UNASKED);
        assert_int_equal(cache_find(&cache, &key, 163, &message), CACHE_STALE);
        assert_true(cache_extend(&cache, &key, 200));
        assert_int_equal(cache_find(&cache, &key, 201, &message), CACHE_STALE_UNASKED);
        assert_int_equal(cache_find(&cache, &key, 202, &message), CACHE_STALE);
        assert_true(message_record(&message, message.records, &record));
        assert_int_equal(record.ttl, 30);
        assert_int_equal(cache_find(&cache, &key, 160 + 86399, &message), CACHE_STALE);
        assert_int_equal(cache_find(&cache, &key, 160 + 86400, &message), CACHE_NOTHING);
        assert_int_equal(cache.entries, 0);
        cache_free(&cache);
}

static bool odd_number(const void *data, const struct question *question)
{
        assert_ptr_equal(data, bytes);
        return question->name.bytes[question->name.bytes[0]] & 1;
}

static void what_does_not_stay_where_it_was_is_sifted_out(void **state)
{
        struct cache_key key;
        struct message message;
        struct cache cache;

        assert_true(cache_init(&cache, 65536));
        for (unsigned i = 0; i < 100; i++)
                store(&cache, i, 0, 0, 60);
        key = key_of(&cache, "mixed1.example");
        message = message_of(put(begin("mixed1.example", 0), SECTION_ANSWER, NULL, TYPE_A, 60, "\1\2\3\4", 4));
        cache_store(&cache, &key, &message, true, 0, 60);
        assert_int_equal(cache_find(&cache, &key, 0, &message), CACHE_FRESH);
        cache_sift(&cache, odd_number, bytes);
        key = key_of(&cache, "mixed1.example");
        assert_int_equal(cache_find(&cache, &key, 0, &message), CACHE_NOTHING);
        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(knows(&cache, i, 0), i & 1);
        assert_int_equal(cache.entries, 50);
        cache_free(&cache);
}

/* The owner of the second record is "a", which stands in the TTL of the first: an hour later it would be no name. */
static void a_name_inside_of_a_ttl_is_not_kept(void **state)
{
        size_t first = begin("x.example", 0), at = put(first, SECTION_ANSWER, NULL, TYPE_A, 0x01610000, "\1\2\3\4", 4);
        struct cache_key key;
        struct message message;
        struct cache cache;

        at = put(at, SECTION_ANSWER, NULL, TYPE_A, 60, "\1\2\3\4", 4);
        assert_true(cache_init(&cache, 65536));
        message = message_of(at);
        key = key_of(&cache, "x.example");
        cache_store(&cache, &key, &message, false, 0, 60);
        assert_int_equal(cache.entries, 1);
        wire_write16(bytes + first + 16, (uint16_t)(0xc000 | (first + 6))); /* now the second's owner is there */
        message = message_of(at);
        cache_store(&cache, &key, &message, false, 0, 60);
        assert_int_equal(cache.entries, 0);
        assert_int_equal(cache_find(&cache, &key, 1, &message), CACHE_NOTHING);
        /* The same with a name that stands in the TTL of its own record. */
        first = begin("x.example", 0);
        at = put(first, SECTION_ANSWER, NULL, TYPE_CNAME, 0x01610000, "\1b\xc0\x21", 4);
        wire_write16(bytes + at - 2, (uint16_t)(0xc000 | (first + 6)));
        message = message_of(at);
        cache_store(&cache, &key, &message, false, 0, 60);
        assert_int_equal(cache.entries, 0);
        store(&cache, 1, 0, 1, 60);
        assert_true(knows(&cache, 1, 1));
        cache_free(&cache);
}

/* Sizes and times of all kinds: what is found is what was kept last, and the memory stays what it was. */
static void the_ring_holds_what_fits_and_nothing_else(void **state)
{
        static const size_t sizes[] = {4096, 5000, 65536};
        struct cache cache;
        unsigned seed = 1;

        for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
                assert_true(cache_init(&cache, sizes[s]));
                for (uint32_t i = 0; i < 20000; i++) {
                        unsigned number = (seed = seed * 1103515245 + 12345) >> 16 & 1023;

                        if (!knows(&cache, number, i / 16)) {
                                store(&cache, number, seed >> 8 & 511, i / 16, 1 + (seed >> 4 & 63));
                                if (sizes[s] == 65536)
                                        assert_true(knows(&cache, number, i / 16));
                        }
                        assert_true(cache_bytes(&cache) <= sizes[s]);
                }
                assert_true(cache.entries > 5);
                cache_flush(&cache);
                assert_int_equal(cache.entries, 0);
                for (unsigned number = 0; number < 1024; number++)
                        assert_false(knows(&cache, number, 0));
                cache_free(&cache);
        }
}

/* With one hash for all, sixteen have a place: those that were used and those that came last. */
static void names_of_one_hash_share_a_line(void **state)
{
        struct message message;
        struct cache_key key;
        struct cache cache;
        size_t known = 0;
        char name[32];

        assert_true(cache_init(&cache, 65536));
        for (unsigned i = 0; i < 200; i++) {
                snprintf(name, sizeof(name), "n%u.example", i);
                key = key_of(&cache, name);
                key.hash = 7;
                message = message_of(put(begin(name, 0), SECTION_ANSWER, NULL, TYPE_A, 60, "\1\2\3\4", 4));
                cache_store(&cache, &key, &message, false, 0, 60);
                assert_int_equal(cache.entries, MIN(i + 1, 16u));
                if (i == 3)
                        assert_int_equal(cache_find(&cache, &key, 0, &message), CACHE_FRESH);
        }
        for (unsigned i = 0; i < 200; i++) {
                snprintf(name, sizeof(name), "n%u.example", i);
                key = key_of(&cache, name);
                key.hash = 7;
                if (cache_find(&cache, &key, 0, &message) == CACHE_FRESH) {
                        assert_true(i == 3 || i >= 185);
                        known++;
                }
        }
        assert_int_equal(known, 16);
        cache_free(&cache);
}

static void what_is_used_outlives_what_is_not(void **state)
{
        struct cache cache;

        assert_true(cache_init(&cache, 16384));
        store(&cache, 0, 0, 0, 1000);
        store(&cache, 1, 0, 0, 1000);
        for (unsigned i = 2; i < 2000; i++) {
                store(&cache, i, 0, 0, 1000);
                assert_true(knows(&cache, 0, 0));
        }
        assert_false(knows(&cache, 1, 0));
        cache_free(&cache);
}

static void a_cache_of_nothing_keeps_nothing(void **state)
{
        struct cache cache;

        assert_true(cache_init(&cache, 0));
        store(&cache, 1, 0, 0, 1000);
        assert_false(knows(&cache, 1, 0));
        cache_flush(&cache);
        assert_int_equal(cache_bytes(&cache), 0);
        cache_free(&cache);
        assert_true(cache_init(&cache, 4096));
        store(&cache, 1, 1000, 0, 1000); /* more than its share */
        assert_int_equal(cache.entries, 0);
        cache_free(&cache);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_answer_lives_as_long_as_its_shortest_lived_record),
                cmocka_unit_test(that_nothing_is_there_lives_as_the_soa_says),
                cmocka_unit_test(what_leaves_the_suffix_has_no_lifetime),
                cmocka_unit_test(all_that_an_answer_depends_on_is_in_the_key),
                cmocka_unit_test(ttls_are_counted_down_and_end),
                cmocka_unit_test(what_is_over_is_stale_for_a_day_and_good_for_a_moment_when_nobody_answers),
                cmocka_unit_test(what_does_not_stay_where_it_was_is_sifted_out),
                cmocka_unit_test(a_name_inside_of_a_ttl_is_not_kept),
                cmocka_unit_test(the_ring_holds_what_fits_and_nothing_else),
                cmocka_unit_test(names_of_one_hash_share_a_line),
                cmocka_unit_test(what_is_used_outlives_what_is_not),
                cmocka_unit_test(a_cache_of_nothing_keeps_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
