/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/secret.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/fabricnet-secret-XXXXXX";

static const char *file_of(const char *name, const void *bytes, size_t length, mode_t mode)
{
        static char path[128];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, length, file), length);
        fclose(file);
        assert_int_equal(chmod(path, mode), 0);
        return path;
}

static void a_file_loses_its_final_newline(void **state)
{
        static const char *const texts[] = {"hunter2", "hunter2\n", "hunter2\r\n"};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                FBN_CLEANUP(fbn_secret) secret = NULL;

                assert_ok(*state, fbn_secret_read_file(*state, file_of("plain", texts[i], strlen(texts[i]), 0600), &secret));
                assert_int_equal(fbn_secret_length(secret), 7);
                assert_memory_equal(fbn_secret_bytes(secret), "hunter2", 7);
        }
}

static void bad_files_are_named_for_what_they_are(void **state)
{
        fbn_secret *secret = (fbn_secret *)77;

        assert_failed(*state, fbn_secret_read_file(*state, "/nonexistent/key", &secret), FBN_ENOENT, "/nonexistent/key: no such secret file");
        assert_failed(*state, fbn_secret_read_file(*state, file_of("empty", "", 0, 0600), &secret), FBN_EINVAL, "the file is empty");
        assert_failed(*state, fbn_secret_read_file(*state, file_of("newline", "\n", 1, 0600), &secret), FBN_EINVAL, "the file is empty");
        assert_failed(*state, fbn_secret_read_file(*state, file_of("world", "x", 1, 0644), &secret), FBN_EPERM, "everybody can read");
        assert_failed(*state, fbn_secret_read_file(*state, file_of("locked", "\0GITCRYPT\0" "123456789012", 22, 0644), &secret), FBN_ELOCKED,
                      "git-crypt unlock");
        assert_failed(*state, fbn_secret_read_file(*state, directory, &secret), FBN_EINVAL, "is a directory");
        assert_ptr_equal(secret, (fbn_secret *)77);
}

static void messages_never_hold_the_content(void **state)
{
        fbn_secret *secret;

        assert_true(fbn_secret_read_file(*state, file_of("world2", "sesame-open-up", 14, 0666), &secret) < 0);
        assert_null(strstr(fbn_context_error(*state), "sesame"));
}

static void relative_files_are_found_in_the_secrets_folder(void **state)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_secret) secret = NULL;

        file_of("relative", "abc", 3, 0600);
        assert_int_equal(fbn_context_new(FBN_OPTIONS(fbn_context_options, .secrets_dir = directory), &c), 0);
        assert_ok(c, fbn_secret_read_file(c, "relative", &secret));
        assert_int_equal(fbn_secret_length(secret), 3);
}

static void a_written_file_is_private_and_never_replaces_one(void **state)
{
        FBN_CLEANUP(fbn_secret) secret = NULL;
        FBN_CLEANUP(fbn_secret) back = NULL;
        struct stat status;
        char path[128];

        snprintf(path, sizeof(path), "%s/written", directory);
        assert_ok(*state, fbn_secret_new(*state, "abc", 3, &secret));
        assert_ok(*state, fbn_secret_write_file(*state, secret, path));
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        assert_ok(*state, fbn_secret_read_file(*state, path, &back));
        assert_true(fbn_secret_equal(secret, back));
        assert_failed(*state, fbn_secret_write_file(*state, secret, path), FBN_EEXIST, "left as it is");
}

static void only_text_gets_a_newline_and_only_one(void **state)
{
        static const struct {
                const char *bytes;
                size_t length, written;
        } files[] = {{"abc", 3, 4}, {"abc\n", 4, 4}, {"a\0c", 3, 3}};

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                FBN_CLEANUP(fbn_secret) secret = NULL;
                struct stat status;
                char path[128];

                snprintf(path, sizeof(path), "%s/text%zu", directory, i);
                assert_ok(*state, fbn_secret_new(*state, files[i].bytes, files[i].length, &secret));
                assert_ok(*state, fbn_secret_write_file(*state, secret, path));
                assert_int_equal(stat(path, &status), 0);
                assert_int_equal(status.st_size, files[i].written);
        }
}

static void credentials_come_from_their_directory_only(void **state)
{
        FBN_CLEANUP(fbn_secret) secret = NULL;

        file_of("token", "abc", 3, 0400);
        unsetenv("CREDENTIALS_DIRECTORY");
        assert_failed(*state, fbn_secret_read_credential(*state, "token", &secret), FBN_ENOENT, "LoadCredential=token");
        setenv("CREDENTIALS_DIRECTORY", directory, 1);
        assert_failed(*state, fbn_secret_read_credential(*state, "../token", &secret), FBN_EINVAL, "not a file name");
        assert_ok(*state, fbn_secret_read_credential(*state, "token", &secret));
        unsetenv("CREDENTIALS_DIRECTORY");
}

static void thirty_thousand_secrets_fit(void **state)
{
        static fbn_secret *secrets[30000];
        uint8_t key[32] = {0};

        for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
                memcpy(key, &i, sizeof(i));
                assert_ok(*state, fbn_secret_new(*state, key, sizeof(key), &secrets[i]));
        }
        for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
                memcpy(key, &i, sizeof(i));
                assert_memory_equal(fbn_secret_bytes(secrets[i]), key, sizeof(key));
                fbn_secret_unref(secrets[i]);
        }
}

static const char *growing; /* a file that grows when it is read; NULL: none */

static ssize_t growing_read(int fd, void *bytes, size_t size)
{
        if (growing) {
                FILE *file = fopen(growing, "ae");

                fputs("more", file);
                fclose(file);
                growing = NULL;
        }
        return read(fd, bytes, size);
}

static void half_a_secret_is_none(void **state)
{
        fbn_secret *secret = NULL;

        growing = file_of("growing", "half", 4, 0600);
        assert_failed(*state, fbn_secret_read_file(*state, growing, &secret), FBN_EINVAL, "growing: grew while it was read; try again");
        assert_null(secret);
}

static void the_last_reference_wipes(void **state)
{
        FBN_CLEANUP(fbn_secret) neighbour = NULL; /* keeps the page, so that the wiped slot can be looked at */
        fbn_secret *secret = NULL;
        const uint8_t *bytes;

        assert_ok(*state, fbn_secret_new(*state, "neighbour", 9, &neighbour));
        assert_ok(*state, fbn_secret_new(*state, "abcd", 4, &secret));
        bytes = fbn_secret_bytes(secret);
        assert_memory_equal(bytes, "abcd", 4);
        fbn_secret_unref(fbn_secret_ref(secret));
        assert_memory_equal(bytes, "abcd", 4);
        fbn_secret_unref(secret);
        assert_memory_equal(bytes, "\0\0\0\0", 4);
}

static void a_secret_outlives_its_context(void **state)
{
        FBN_CLEANUP(fbn_secret) secret = NULL;
        fbn_context *c = NULL;

        assert_int_equal(fbn_context_new(NULL, &c), 0);
        assert_ok(c, fbn_secret_new(c, "abc", 3, &secret));
        fbn_context_unref(c);
        assert_memory_equal(fbn_secret_bytes(secret), "abc", 3);
}

/* A file of 10,000 peers and the layouts of more, with less locked memory than an ordinary user has. */
static void megabytes_fit_without_the_right_to_lock_them(void **state)
{
        pid_t child = fork();
        int status;

        if (child == 0) {
                static char text[5 << 20];
                static fbn_secret *small[30000];
                fbn_context *c = NULL;
                fbn_secret *secret = NULL;

                memset(text, 'a', sizeof(text));
                if (setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){8192, 8192}) < 0 || (geteuid() == 0 && setuid(65534) < 0))
                        _exit(1);
                if (fbn_context_new(NULL, &c) < 0 || fbn_secret_new(c, text, sizeof(text), &secret) < 0)
                        _exit(2);
                for (unsigned i = 0; i < ARRAY_SIZE(small); i++)
                        if (fbn_secret_new(c, text, 300, &small[i]) < 0)
                                _exit(3);
                if (fbn_secret_length(secret) != sizeof(text))
                        _exit(4);
                for (unsigned i = 0; i < ARRAY_SIZE(small); i++)
                        fbn_secret_unref(small[i]);
                fbn_secret_unref(secret);
                fbn_context_unref(c);
                _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
}

static void what_no_secret_can_be_is_refused(void **state)
{
        fbn_secret *secret = NULL;
        char *text = calloc(1, 65537);

        assert_failed(*state, fbn_secret_new(*state, "", 0, &secret), FBN_EINVAL, "a secret has 1 to 67108864 bytes, this one 0");
        assert_failed(*state, fbn_secret_new(*state, "", (64 << 20) + 1, &secret), FBN_EINVAL, "this one 67108865");
        memset(text, 'a', 65537);
        assert_failed(*state, fbn_secret_read_file(*state, file_of("large", text, 65537, 0600), &secret), FBN_EINVAL,
                      "larger than 65536 bytes");
        assert_ok(*state, fbn_secret_read_file(*state, file_of("large", text, 65536, 0600), &secret));
        fbn_secret_unref(secret);
        free(text);
}

static int setup(void **state)
{
        return mkdtemp(directory) ? context_setup(state) : -1;
}

static int teardown(void **state)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", directory);
        return system(command) || context_teardown(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_loses_its_final_newline),
                cmocka_unit_test(bad_files_are_named_for_what_they_are),
                cmocka_unit_test(messages_never_hold_the_content),
                cmocka_unit_test(relative_files_are_found_in_the_secrets_folder),
                cmocka_unit_test(a_written_file_is_private_and_never_replaces_one),
                cmocka_unit_test(only_text_gets_a_newline_and_only_one),
                cmocka_unit_test(credentials_come_from_their_directory_only),
                cmocka_unit_test(thirty_thousand_secrets_fit),
                cmocka_unit_test(megabytes_fit_without_the_right_to_lock_them),
                cmocka_unit_test(what_no_secret_can_be_is_refused),
                cmocka_unit_test(half_a_secret_is_none),
                cmocka_unit_test(the_last_reference_wipes),
                cmocka_unit_test(a_secret_outlives_its_context),
        };

        if (fbn_set_tables(NULL, &(fbn_system_calls){.size = sizeof(fbn_system_calls), .read = growing_read}) < 0)
                return 1;
        return cmocka_run_group_tests(tests, setup, teardown);
}
