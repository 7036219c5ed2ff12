/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "base/address.h"

#include <arpa/inet.h>
#include <fabricnet/types.h>
#include <stdio.h>

static void addresses_round_trip(void **state)
{
        static const char *const good[] = {"0.0.0.0", "192.168.8.1", "255.255.255.255", "::", "::1", "fd7a:115c:a1e0::7", "2001:db8::1:0:0:1"};
        char text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                fbn_address address;

                assert_int_equal(fbn_address_parse(good[i], &address), 0);
                assert_string_equal(fbn_address_format(&address, text, sizeof(text)), good[i]);
        }
}

/* The same text as inet_ntop(), with zero words in every pattern, and truncated as it would be by snprintf(). */
static void random_addresses_are_written_as_inet_ntop_does(void **state)
{
        uint64_t random = 4711;

        (void)state;
        for (unsigned i = 0; i < 65536; i++) {
                fbn_prefix prefix = {.address.family = i % 8 ? AF_INET6 : AF_INET, .length = (uint8_t)(i % 8 ? i % 129 : i % 33)};
                char text[FBN_ADDRESS_TEXT], expected[FBN_ADDRESS_TEXT], shorter[12];
                size_t length;

                for (size_t j = 0; j < 16; j++) {
                        random = random * 6364136223846793005u + 1442695040888963407u;
                        if (i >> j / 2 * 2 & 1)
                                prefix.address.bytes[j] = (uint8_t)(random >> (i >> j & 1 ? 33 : 61));
                }
                if (i % 16 == 5) { /* ::1.2.3.4 and ::ffff:1.2.3.4 */
                        memset(prefix.address.bytes, 0, 10);
                        memset(prefix.address.bytes + 10, i & 256 ? 255 : 0, 2);
                }
                inet_ntop(prefix.address.family, prefix.address.bytes, expected, sizeof(expected));
                assert_string_equal(fbn_address_format(&prefix.address, text, sizeof(text)), expected);
                length = strlen(expected);
                snprintf(expected + length, sizeof(expected) - length, "/%u", prefix.length);
                assert_string_equal(fbn_prefix_format(&prefix, text, sizeof(text)), expected);
                expected[sizeof(shorter) - 1] = 0;
                assert_string_equal(fbn_prefix_format(&prefix, shorter, sizeof(shorter)), expected);
        }
}

/* Bit by bit. */
static void networks_have_no_bits_beyond_their_length(void **state)
{
        (void)state;
        for (unsigned length = 0; length <= 128; length++) {
                fbn_prefix prefix = {{AF_INET6, {0}}, (uint8_t)length}, network;

                memset(prefix.address.bytes, 0xa5, 16);
                assert_int_equal(fbn_prefix_network(&prefix, &network), length < 128);
                for (unsigned bit = 0; bit < 128; bit++) {
                        unsigned mask = 0x80 >> bit % 8;

                        assert_int_equal(network.address.bytes[bit / 8] & mask, bit < length ? 0xa5 & mask : 0);
                }
                assert_int_equal(fbn_prefix_network(&network, &network), 0);
        }
}

static void bad_addresses_are_refused_and_touch_nothing(void **state)
{
        static const char *const bad[] = {"", " 1.2.3.4", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4/8", "fe80::1%eth0", "::g", "01.2.3.4",
                                          "1.2.3.4.", "1..2.3", "0000.1.1.1", "1.2.3.04", "1.2.3.1234", ".1.2.3", "1.2.3.4 ", "::1.2.3.256", "1:2"};

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                fbn_address address = {.family = 77};

                assert_int_equal(fbn_address_parse(bad[i], &address), -FBN_EINVAL);
                assert_int_equal(address.family, 77);
        }
}

static void prefixes_keep_host_bits_until_asked(void **state)
{
        char text[FBN_ADDRESS_TEXT];
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse("172.26.5.155/24", &prefix), 0);
        assert_string_equal(fbn_prefix_format(&prefix, text, sizeof(text)), "172.26.5.155/24");
        assert_int_equal(fbn_prefix_network(&prefix, &prefix), 1);
        assert_string_equal(fbn_prefix_format(&prefix, text, sizeof(text)), "172.26.5.0/24");
        assert_int_equal(fbn_prefix_network(&prefix, &prefix), 0);
        assert_int_equal(fbn_prefix_parse("2001:db8::ffff/65", &prefix), 0);
        assert_int_equal(fbn_prefix_network(&prefix, &prefix), 1);
        assert_string_equal(fbn_prefix_format(&prefix, text, sizeof(text)), "2001:db8::/65");
}

static void bad_prefixes_are_refused(void **state)
{
        static const char *const bad[] = {"", "/", "1.2.3.4/", "1.2.3.4/33", "::/129", "1.2.3.4/-1", "1.2.3.4/8 ", "1.2.3.4/+8", "1.2.3.4/8/8"};
        fbn_prefix prefix;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(fbn_prefix_parse(bad[i], &prefix), -FBN_EINVAL);
}

static fbn_prefix prefix_of(const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return prefix;
}

static void containment_follows_the_bits(void **state)
{
        fbn_prefix lan = prefix_of("192.168.8.0/22"), inside = prefix_of("192.168.11.7/32"), outside = prefix_of("192.168.12.0/32");
        fbn_prefix all = prefix_of("0.0.0.0/0"), six = prefix_of("::/0");

        assert_true(fbn_prefix_contains(&lan, &inside.address));
        assert_false(fbn_prefix_contains(&lan, &outside.address));
        assert_true(fbn_prefix_overlaps(&lan, &all));
        assert_true(fbn_prefix_overlaps(&all, &lan));
        assert_false(fbn_prefix_overlaps(&six, &lan));
        assert_false(fbn_prefix_overlaps(&lan, &outside));
}

static void endpoints_round_trip(void **state)
{
        static const char *const good[] = {"192.0.2.1:51820", "[2001:db8::1]:0", "[fe80::1%3]:65535"};
        static const char *const bad[] = {"192.0.2.1", "192.0.2.1:65536", "2001:db8::1:80", "[192.0.2.1]:80", "[::1]80", "[::1", "host:80", "[fe80::1%eth0]:1", ":1"};
        char text[FBN_ADDRESS_TEXT];
        fbn_endpoint endpoint;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_int_equal(fbn_endpoint_parse(good[i], &endpoint), 0);
                assert_string_equal(fbn_endpoint_format(&endpoint, text, sizeof(text)), good[i]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(fbn_endpoint_parse(bad[i], &endpoint), -FBN_EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses_round_trip),
                cmocka_unit_test(random_addresses_are_written_as_inet_ntop_does),
                cmocka_unit_test(networks_have_no_bits_beyond_their_length),
                cmocka_unit_test(bad_addresses_are_refused_and_touch_nothing),
                cmocka_unit_test(prefixes_keep_host_bits_until_asked),
                cmocka_unit_test(bad_prefixes_are_refused),
                cmocka_unit_test(containment_follows_the_bits),
                cmocka_unit_test(endpoints_round_trip),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
