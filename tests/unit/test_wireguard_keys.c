/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/wireguard.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOOD_TEXT "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="

static fbn_secret *secret_of_text(fbn_context *c, const char *text)
{
        fbn_secret *secret;

        assert_ok(c, fbn_secret_new(c, text, strlen(text), &secret));
        return secret;
}

static fbn_secret *secret_of_hex(fbn_context *c, const char *hex)
{
        uint8_t bytes[32];
        fbn_secret *secret;

        assert_int_equal(sodium_hex2bin(bytes, sizeof(bytes), hex, 64, NULL, NULL, NULL), 0);
        assert_ok(c, fbn_secret_new(c, bytes, sizeof(bytes), &secret));
        return secret;
}

static void private_keys_have_the_public_keys_of_rfc_7748(void **state)
{
        static const char *const pairs[][2] = {
                /* section 6.1: Alice, Bob */
                {"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
                 "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"},
                {"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
                 "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                FBN_CLEANUP(fbn_secret) secret = secret_of_hex(*state, pairs[i][0]);
                fbn_key key;
                char hex[65];

                assert_ok(*state, fbn_key_public(*state, secret, &key));
                assert_string_equal(sodium_bin2hex(hex, sizeof(hex), key.bytes, 32), pairs[i][1]);
        }
}

static void private_keys_have_the_public_keys_that_wg_computes(void **state)
{
        static const char *const pairs[][2] = {
                {"sAc9XA0Ysl/sqNug6MzGiChfxhy5M43jclpOuikO2GM=", "1N/GN//7gLLZLNkVhzFJi3+Ft4tvDGT7QGFn5EpnpyA="},
                {"EPdtlZkOXiSzzKoetWhg73dlgNhpgy9CHjy4TAeJnk0=", "pis6CXSNsoFMXjzNoWEMxUUKLqaTNDZkaSo6LIAMiAE="},
        };

        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                FBN_CLEANUP(fbn_secret) text = secret_of_text(*state, pairs[i][0]);
                FBN_CLEANUP(fbn_secret) secret = NULL;
                char shown[FBN_KEY_TEXT];
                fbn_key key;

                assert_ok(*state, fbn_key_decode(*state, text, &secret));
                assert_ok(*state, fbn_key_public(*state, secret, &key));
                assert_string_equal(fbn_key_format(&key, shown, sizeof(shown)), pairs[i][1]);
        }
}

static void unusable_private_keys_are_refused(void **state)
{
        FBN_CLEANUP(fbn_secret) zero = secret_of_hex(*state, "0000000000000000000000000000000000000000000000000000000000000000");
        FBN_CLEANUP(fbn_secret) longer = secret_of_text(*state, GOOD_TEXT);
        fbn_key key = {{1}};

        assert_failed(*state, fbn_key_public(*state, zero, &key), FBN_EINVAL, "all zero");
        assert_failed(*state, fbn_key_public(*state, longer, &key), FBN_EINVAL, "32 bytes, not 44");
        assert_failed(*state, fbn_key_public(*state, NULL, &key), FBN_EINVAL, "32 bytes, not 0");
        assert_int_equal(key.bytes[0], 1);
}

static void generated_keys_are_clamped_and_differ(void **state)
{
        FBN_CLEANUP(fbn_secret) one = NULL;
        FBN_CLEANUP(fbn_secret) other = NULL;
        FBN_CLEANUP(fbn_secret) preshared = NULL;
        const uint8_t *bytes;

        assert_ok(*state, fbn_key_generate(*state, &one));
        assert_ok(*state, fbn_key_generate(*state, &other));
        assert_ok(*state, fbn_key_generate_preshared(*state, &preshared));
        bytes = fbn_secret_bytes(one);
        assert_int_equal(fbn_secret_length(one), 32);
        assert_int_equal(bytes[0] & 7, 0);
        assert_int_equal(bytes[31] & 192, 64);
        assert_false(fbn_secret_equal(one, other));
        assert_int_equal(fbn_secret_length(preshared), 32);
}

static void public_keys_round_trip_as_text(void **state)
{
        char text[FBN_KEY_TEXT], small[5];
        fbn_key key;

        assert_int_equal(fbn_key_parse("H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQ=", &key), 0);
        assert_string_equal(fbn_key_format(&key, text, sizeof(text)), "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQ=");
        assert_string_equal(fbn_key_format(&key, small, sizeof(small)), "H88r");
}

static const char *const bad_keys[] = {
        "",
        "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQ",   /* no padding */
        "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgR=",  /* not canonical: bits beyond the last byte */
        "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQ==", /* too long */
        "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQA",  /* 33 bytes */
        "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4S gQ=",
        "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4S-gQ=", /* the URL's alphabet */
        "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4Ssg==",  /* 31 bytes */
        "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQ\n",
};

static void bad_public_keys_are_refused_and_touch_nothing(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(bad_keys); i++) {
                fbn_key key = {{7}};

                assert_int_equal(fbn_key_parse(bad_keys[i], &key), -FBN_EINVAL);
                assert_int_equal(key.bytes[0], 7);
        }
}

static void secret_keys_round_trip_as_text(void **state)
{
        FBN_CLEANUP(fbn_secret) text = secret_of_text(*state, GOOD_TEXT);
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_secret) again = NULL;

        assert_ok(*state, fbn_key_decode(*state, text, &key));
        assert_int_equal(fbn_secret_length(key), 32);
        assert_ok(*state, fbn_key_encode(*state, key, &again));
        assert_true(fbn_secret_equal(text, again));
        assert_failed(*state, fbn_key_encode(*state, text, &again), FBN_EINVAL, "32 bytes, not 44");
}

static void bad_secret_keys_are_refused_without_a_word_of_them(void **state)
{
        for (size_t i = 1; i < ARRAY_SIZE(bad_keys); i++) {
                FBN_CLEANUP(fbn_secret) text = secret_of_text(*state, bad_keys[i]);
                fbn_secret *key = NULL;

                assert_failed(*state, fbn_key_decode(*state, text, &key), FBN_EINVAL, "44 characters of base64");
                assert_null(key);
                assert_null(strstr(fbn_context_error(*state), "H88r"));
        }
}

static void write_file(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
}

static void key_files_are_read_and_named_in_errors(void **state)
{
        char directory[] = "/tmp/fabricnet-keys-XXXXXX", path[64];
        FBN_CLEANUP(fbn_secret) key = NULL;

        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/key", directory);
        write_file(path, GOOD_TEXT "\n");
        assert_ok(*state, fbn_key_read_file(*state, path, &key));
        write_file(path, "not a key\n");
        assert_failed(*state, fbn_key_read_file(*state, path, &key), FBN_EINVAL, path);
        unlink(path);
        assert_failed(*state, fbn_key_read_file(*state, path, &key), FBN_ENOENT, path);
        rmdir(directory);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(private_keys_have_the_public_keys_of_rfc_7748),
                cmocka_unit_test(private_keys_have_the_public_keys_that_wg_computes),
                cmocka_unit_test(unusable_private_keys_are_refused),
                cmocka_unit_test(generated_keys_are_clamped_and_differ),
                cmocka_unit_test(public_keys_round_trip_as_text),
                cmocka_unit_test(bad_public_keys_are_refused_and_touch_nothing),
                cmocka_unit_test(secret_keys_round_trip_as_text),
                cmocka_unit_test(bad_secret_keys_are_refused_without_a_word_of_them),
                cmocka_unit_test(key_files_are_read_and_named_in_errors),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
