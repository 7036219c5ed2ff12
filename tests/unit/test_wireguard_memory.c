/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "wireguard/difference.h"

#include <stdlib.h>

/* The n-th allocation fails, for every n that there is: an error each time, no crash and (under valgrind and sanitizers) no leak. */

static unsigned countdown; /* 0: never fail */

static bool fails(void)
{
        return countdown > 0 && --countdown == 0;
}

static void *allocate(size_t bytes)
{
        return fails() ? NULL : malloc(bytes);
}

static void *reallocate(void *memory, size_t bytes)
{
        return fails() ? NULL : realloc(memory, bytes);
}

#define KEY(n) "PublicKey = H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4Sss" n "=\n"
#define SECRET "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n"

static const char have_text[] = "[Interface]\nPrivateKey = " SECRET "[Peer]\n" KEY("Q") "AllowedIPs = 10.0.0.0/8, 10.1.0.0/16\n[Peer]\n" KEY("A");
static const char want_text[] = "[Interface]\nAddress = 10.0.0.1/24\nDNS = 1.1.1.1, x.org\nTable = off\nListenPort = 1\n"
                                "[Peer]\n" KEY("Q") "PresharedKey = " SECRET "AllowedIPs = 10.0.0.0/8, fd00::/8\nEndpoint = a.b:1\n"
                                "[Peer]\n" KEY("g") "AllowedIPs = 10.3.0.0/16\nPersistentKeepalive = 5\n";

static int work(fbn_context *c)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        _cleanup_(difference_free) struct difference difference = {0};
        int r;

        r = fbn_wireguard_parse(c, "have", have_text, &have);
        if (r == 0)
                r = fbn_wireguard_parse(c, "want", want_text, &want);
        if (r == 0)
                r = difference_new(c, "wg0", have, want, false, &difference);
        if (r == 0)
                assert_int_equal(fbn_changes_count(difference.changes), 6);
        return r;
}

static void every_allocation_may_fail(void **state)
{
        unsigned n = 0;
        int r;

        do {
                FBN_CLEANUP(fbn_context) c = NULL;

                countdown = ++n;
                r = fbn_context_new(NULL, &c);
                if (r == 0)
                        r = work(c);
                if (r < 0)
                        assert_int_equal(r, -FBN_ENOMEM);
        } while (r < 0 && n < 1000);
        countdown = 0;
        assert_int_equal(r, 0);
        assert_in_range(n, 20, 999);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};

        if (fbn_set_tables(FBN_OPTIONS(fbn_allocator, .allocate = allocate, .reallocate = reallocate, .release = free), NULL) < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
