/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file applied in one call, on a wireguard-go: the daemon is asked before the file is understood. */
#include "unit/test.h"

#include "netns/wireguard.h"

#include <sys/stat.h>

#define PRIVATE "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define PUBLIC "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="
#define PEER "1N/GN//7gLLZLNkVhzFJi3+Ft4tvDGT7QGFn5EpnpyA="
#define PATH "/run/wgf.conf"

static fbn_context *c;

static int start(void **state)
{
        namespace_new("here");
        c = namespace_context("here");
        assert_ok(c, fbn_wireguard_create(c, "wgf", FBN_OPTIONS(fbn_wireguard_create_options, .backend = FBN_WIREGUARD_USERSPACE)));
        return 0;
}

static int stop(void **state)
{
        assert_ok(c, fbn_wireguard_delete(c, "wgf"));
        c = fbn_context_unref(c);
        namespace_delete("here");
        return 0;
}

static void written(const char *text, mode_t mode)
{
        FILE *file = fopen(PATH, "w");

        assert_non_null(file);
        fputs(text, file);
        fclose(file);
        assert_int_equal(chmod(PATH, mode), 0);
}

static void a_file_is_applied_once_and_then_never_again(void **state)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        unsigned before = sets_sent;

        written("[Interface]\nPrivateKey = " PRIVATE "\n[Peer]\nPublicKey = " PEER "\nAllowedIPs = 10.1.0.0/16, 10.2.0.0/16\n", 0600);
        assert_int_equal(fbn_wireguard_apply_file(c, "wgf", PATH, FBN_OPTIONS(fbn_wireguard_apply_options, .dry_run = true), &changes), 2);
        assert_int_equal(sets_sent, before);
        assert_int_equal(fbn_wireguard_apply_file(c, "wgf", PATH, NULL, NULL), 2);
        assert_int_equal(sets_sent, before + 1);
        assert_agrees_with_wg(c, "here", "wgf");
        assert_int_equal(fbn_wireguard_apply_file(c, "wgf", PATH, NULL, NULL), 0);
        assert_int_equal(sets_sent, before + 1);
}

static void mistakes_are_found_before_anything_is_sent(void **state)
{
        unsigned before = sets_sent;

        assert_failed(c, fbn_wireguard_apply_file(c, "wgf", "/run/no.conf", NULL, NULL), FBN_ENOENT, "/run/no.conf: no such file");
        written("[Interface]\nPrivateKey = " PRIVATE "\n", 0644);
        assert_failed(c, fbn_wireguard_apply_file(c, "wgf", PATH, NULL, NULL), FBN_EPERM, PATH ": everybody can read");
        written("[Interface]\n[Peer]\nPublicKey = " PEER "\nAllowedIPs = 10.0.0.0/33\n", 0600);
        assert_failed(c, fbn_wireguard_apply_file(c, "wgf", PATH, NULL, NULL), FBN_EINVAL, PATH ":4:14: ");
        written("[Interface]\n[Peer]\nPublicKey = " PUBLIC "\n", 0600);
        assert_failed(c, fbn_wireguard_apply_file(c, "wgf", PATH, NULL, NULL), FBN_EINVAL, "is the interface itself");
        assert_failed(c, fbn_wireguard_apply_file(c, "lo", PATH, NULL, NULL), FBN_ENOENT, "not a WireGuard interface");
        assert_failed(c, fbn_wireguard_apply_file(c, "none", PATH, NULL, NULL), FBN_ENOENT, "none");
        assert_int_equal(sets_sent, before);
        assert_agrees_with_wg(c, "here", "wgf");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_is_applied_once_and_then_never_again),
                cmocka_unit_test(mistakes_are_found_before_anything_is_sent),
        };

        namespace_sandbox();
        count_sets();
        return cmocka_run_group_tests(tests, start, stop);
}
