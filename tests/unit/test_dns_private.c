/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "dns/private.h"

#include <string.h>

static void private_addresses_are_known_in_all_their_clothes(void **state)
{
        static const struct {
                const char *address;
                bool is_private;
        } cases[] = {
                {"0.0.0.0", true}, {"10.255.255.255", true}, {"11.0.0.0", false}, {"9.255.255.255", false}, {"100.63.255.255", false},
                {"100.64.0.0", true}, {"100.127.255.255", true}, {"100.128.0.0", false}, {"127.0.0.1", true}, {"169.254.0.1", true},
                {"169.253.0.1", false}, {"172.15.255.255", false}, {"172.16.0.0", true}, {"172.31.255.255", true}, {"172.32.0.0", false},
                {"192.168.0.0", true}, {"192.169.0.0", false}, {"192.167.255.255", false}, {"255.255.255.255", true}, {"8.8.8.8", false},
                {"::", true}, {"::1", true}, {"::2", false}, {"::ffff:10.0.0.1", true}, {"::ffff:8.8.8.8", false},
                {"64:ff9b::a00:1", true}, {"64:ff9b::808:808", false}, {"64:ff9b:1::808:808", true}, {"fc00::1", true}, {"fdff::1", true},
                {"fe00::1", false}, {"fe80::1", true}, {"febf::1", true}, {"fec0::1", true}, {"ff02::1", false}, {"2001:db8::1", false}, {"2a00::1", false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                fbn_address address;

                assert_int_equal(fbn_address_parse(cases[i].address, &address), 0);
                if (address_private(&address) != cases[i].is_private)
                        fail_msg("%s", cases[i].address);
        }
}

/* An answer with one record. */
static bool is_private(uint16_t type, uint16_t class, const void *data, size_t length)
{
        static uint8_t bytes[512];
        struct message message;

        memset(bytes, 0, sizeof(bytes));
        bytes[5] = bytes[7] = 1;
        memcpy(bytes + 12, "\1x\0\0\1\0\1\xc0\x0c", 9);
        wire_write16(bytes + 21, type);
        wire_write16(bytes + 23, class);
        wire_write16(bytes + 29, (uint16_t)length);
        memcpy(bytes + 31, data, length);
        assert_true(message_header(bytes, 31 + length, &message) && message_question(&message) && message_records(&message));
        return answer_private(&message);
}

#define IS_PRIVATE(type, data) is_private(type, CLASS_IN, data, sizeof(data) - 1)

static void answers_are_looked_through(void **state)
{
        assert_true(IS_PRIVATE(TYPE_A, "\12\0\0\1"));
        assert_false(IS_PRIVATE(TYPE_A, "\10\10\10\10"));
        assert_false(is_private(TYPE_A, 3, "\12\0\0\1", 4));
        assert_true(IS_PRIVATE(TYPE_AAAA, "\0\0\0\0\0\0\0\0\0\0\xff\xff\12\0\0\1"));
        assert_false(IS_PRIVATE(16, "\4\12\0\0\1")); /* TXT */
        /* priority 1, target ".", alpn "h2", ipv4hint */
        assert_true(IS_PRIVATE(TYPE_HTTPS, "\0\1\0\0\1\0\3\2h2\0\4\0\10\10\10\10\10\300\250\0\1"));
        assert_false(IS_PRIVATE(TYPE_HTTPS, "\0\1\0\0\1\0\3\2h2\0\4\0\10\10\10\10\10\11\11\11\11"));
        assert_true(IS_PRIVATE(TYPE_SVCB, "\0\1\1a\0\0\6\0\20\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"));
        /* lengths that lie */
        assert_false(IS_PRIVATE(TYPE_HTTPS, "\0\1\0\0\4\0\377\300\250\0\1"));
        assert_false(IS_PRIVATE(TYPE_HTTPS, "\0\1\77a"));
        assert_false(IS_PRIVATE(TYPE_HTTPS, "\0"));
        assert_false(IS_PRIVATE(TYPE_HTTPS, ""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(private_addresses_are_known_in_all_their_clothes),
                cmocka_unit_test(answers_are_looked_through),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
