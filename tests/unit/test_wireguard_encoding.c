/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our own encodings of keys against libsodium's. */
#include "unit/test.h"

#include "wireguard/encoding.h"

#include <sodium.h>

#define BASE64 sodium_base64_VARIANT_ORIGINAL

static void random_keys_become_the_text_that_libsodium_writes(void **state)
{
        (void)state;
        for (int i = 0; i < 2000; i++) {
                uint8_t key[KEY_BYTES], back[KEY_BYTES];
                char expected[KEY_HEX + 1], text[KEY_HEX];

                randombytes_buf(key, sizeof(key));
                key_to_base64(key, text);
                sodium_bin2base64(expected, sizeof(expected), key, sizeof(key), BASE64);
                assert_memory_equal(text, expected, KEY_BASE64);
                assert_true(key_from_base64(text, KEY_BASE64, back));
                assert_memory_equal(back, key, sizeof(key));
                key_to_hex(key, text);
                sodium_bin2hex(expected, sizeof(expected), key, sizeof(key));
                assert_memory_equal(text, expected, KEY_HEX);
                assert_true(key_from_hex(text, KEY_HEX, back));
                assert_memory_equal(back, key, sizeof(key));
        }
}

static bool sodium_takes_base64(const char *text)
{
        uint8_t bytes[KEY_BYTES];
        size_t length;

        return sodium_base642bin(bytes, sizeof(bytes), text, KEY_BASE64, NULL, &length, NULL, BASE64) == 0 && length == KEY_BYTES;
}

static bool sodium_takes_hex(const char *text)
{
        uint8_t bytes[KEY_BYTES];
        size_t length;

        return sodium_hex2bin(bytes, sizeof(bytes), text, KEY_HEX, NULL, &length, NULL) == 0 && length == KEY_BYTES;
}

/* Every byte at every place: what is a key, and what is none, is what libsodium says, and so are the key's bytes. */
static void one_other_character_anywhere_is_judged_as_libsodium_does(void **state)
{
        static const char base64[] = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
        static const char hex[] = "77076D0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
        uint8_t bytes[KEY_BYTES], expected[KEY_BYTES];
        char text[KEY_HEX + 1];

        (void)state;
        for (size_t place = 0; place < KEY_HEX; place++) {
                for (int byte = 0; byte < 256; byte++) {
                        bool good;

                        memcpy(text, hex, sizeof(hex));
                        text[place] = (char)byte;
                        good = key_from_hex(text, KEY_HEX, bytes);
                        assert_int_equal(good, sodium_takes_hex(text));
                        if (good) {
                                sodium_hex2bin(expected, sizeof(expected), text, KEY_HEX, NULL, NULL, NULL);
                                assert_memory_equal(bytes, expected, sizeof(bytes));
                        }
                        if (place >= KEY_BASE64)
                                continue;
                        memcpy(text, base64, sizeof(base64));
                        text[place] = (char)byte;
                        good = key_from_base64(text, KEY_BASE64, bytes);
                        assert_int_equal(good, byte < 128 && sodium_takes_base64(text)); /* 1.0.18 takes any byte from 128 on */
                        if (good) {
                                sodium_base642bin(expected, sizeof(expected), text, KEY_BASE64, NULL, NULL, NULL, BASE64);
                                assert_memory_equal(bytes, expected, sizeof(bytes));
                        }
                }
        }
}

static void other_lengths_are_no_keys(void **state)
{
        char text[KEY_HEX + 2];
        uint8_t bytes[KEY_BYTES];

        (void)state;
        memset(text, 'A', sizeof(text));
        text[KEY_BASE64 - 1] = '=';
        for (size_t length = 0; length < sizeof(text); length++) {
                assert_int_equal(key_from_base64(text, length, bytes), length == KEY_BASE64);
                assert_false(key_from_hex(text, length, bytes));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_keys_become_the_text_that_libsodium_writes),
                cmocka_unit_test(one_other_character_anywhere_is_judged_as_libsodium_does),
                cmocka_unit_test(other_lengths_are_no_keys),
        };

        return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
