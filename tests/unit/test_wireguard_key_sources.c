/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys from files, descriptors and credentials: what is wrong with one is named, where it came from too, what it holds never. */
#include "unit/test.h"

#include <fabricnet/wireguard.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define PUBLIC "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="

static char directory[] = "/tmp/fabricnet-keys-XXXXXX";

static const char *file_of(const char *bytes, size_t length, mode_t mode)
{
        static char path[128];
        FILE *file;

        snprintf(path, sizeof(path), "%s/key", directory);
        unlink(path);
        file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, length, file), length);
        fclose(file);
        assert_int_equal(chmod(path, mode), 0);
        return path;
}

/* The reading end of a pipe that holds the text, as "fd:N". */
static const char *pipe_of(const char *text, int *ret_fd)
{
        static char name[16];
        int ends[2];

        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
        close(ends[1]);
        snprintf(name, sizeof(name), "fd:%d", ends[0]);
        *ret_fd = ends[0];
        return name;
}

static void assert_reads(fbn_context *c, const char *path)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        char text[FBN_KEY_TEXT];
        fbn_key public_key;

        assert_ok(c, fbn_key_read_file(c, path, &key));
        assert_int_equal(fbn_secret_length(key), 32);
        assert_ok(c, fbn_key_public(c, key, &public_key));
        assert_string_equal(fbn_key_format(&public_key, text, sizeof(text)), PUBLIC);
}

static void keys_are_read_with_any_end_of_line(void **state)
{
        static const char *const texts[] = {KEY, KEY "\n", KEY "\r\n", KEY "\n\n"};
        int fd;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                assert_reads(*state, file_of(texts[i], strlen(texts[i]), 0600));
                assert_reads(*state, pipe_of(texts[i], &fd));
                assert_int_equal(fcntl(fd, F_GETFD) < 0, 0); /* the caller's, still open */
                close(fd);
        }
}

static void assert_refused(fbn_context *c, const char *path, int error, const char *words)
{
        fbn_secret *key = (fbn_secret *)77;

        assert_failed(c, fbn_key_read_file(c, path, &key), error, words);
        assert_non_null(strstr(fbn_context_error(c), strchr(path, 58) ? strchr(path, 58) + 1 : path));
        assert_null(strstr(fbn_context_error(c), "yAnz5TF"));
        assert_ptr_equal(key, (fbn_secret *)77);
}

static void what_is_wrong_with_a_file_is_named(void **state)
{
        static const char locked[] = "\0GITCRYPT\0 abcdefghijklmnopqrstuvwxyz";

        assert_refused(*state, "/nonexistent/key", FBN_ENOENT, "no such secret file");
        assert_refused(*state, file_of("", 0, 0600), FBN_EINVAL, "the file is empty");
        assert_refused(*state, file_of("\r\n", 2, 0600), FBN_EINVAL, "the file is empty");
        assert_refused(*state, file_of(locked, sizeof(locked), 0644), FBN_ELOCKED, "locked by git-crypt");
        assert_refused(*state, file_of(KEY "\n", 45, 0644), FBN_EPERM, "everybody can read or write");
        assert_refused(*state, file_of(KEY "\n", 45, 0602), FBN_EPERM, "everybody can read or write");
        assert_refused(*state, file_of(KEY, 43, 0600), FBN_EINVAL, "base64");
        assert_refused(*state, file_of(KEY "x\n", 46, 0600), FBN_EINVAL, "base64");
        assert_refused(*state, file_of(KEY "\n" KEY "\n", 90, 0600), FBN_EINVAL, "base64");
        assert_refused(*state, file_of(" " KEY, 45, 0600), FBN_EINVAL, "base64");
        assert_refused(*state, file_of("yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBml=", 44, 0600), FBN_EINVAL, "base64"); /* not canonical */
        assert_refused(*state, directory, FBN_EINVAL, "is a directory");
}

static void a_descriptor_is_held_to_the_same(void **state)
{
        char name[16];
        int fd;

        assert_refused(*state, "fd:1000000", FBN_EINVAL, "no open file descriptor");
        assert_refused(*state, "fd:-1", FBN_EINVAL, "no open file descriptor");
        assert_refused(*state, "fd:", FBN_EINVAL, "no open file descriptor");
        fd = open(file_of(KEY "\n", 45, 0644), O_RDONLY | O_CLOEXEC);
        snprintf(name, sizeof(name), "fd:%d", fd);
        assert_refused(*state, name, FBN_EPERM, "everybody can read or write");
        close(fd);
}

static void credentials_come_by_name(void **state)
{
        file_of(KEY "\n", 45, 0400);
        unsetenv("CREDENTIALS_DIRECTORY");
        assert_refused(*state, "credential:key", FBN_ENOENT, "no $CREDENTIALS_DIRECTORY");
        setenv("CREDENTIALS_DIRECTORY", directory, 1);
        assert_reads(*state, "credential:key");
        assert_refused(*state, "credential:other", FBN_ENOENT, "other: no such secret file");
        assert_refused(*state, "credential:../key", FBN_EINVAL, "not a file name");
        file_of("short\n", 6, 0400);
        assert_refused(*state, "credential:key", FBN_EINVAL, "base64");
}

static int setup(void **state)
{
        assert_non_null(mkdtemp(directory));
        return context_setup(state);
}

static int teardown(void **state)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/key", directory);
        unlink(path);
        rmdir(directory);
        return context_teardown(state);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys_are_read_with_any_end_of_line),
                cmocka_unit_test(what_is_wrong_with_a_file_is_named),
                cmocka_unit_test(a_descriptor_is_held_to_the_same),
                cmocka_unit_test(credentials_come_by_name),
        };

        return cmocka_run_group_tests_name("keys from files, descriptors, credentials", tests, setup, teardown);
}
