/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each call of an apply that changes something fails once with each of its plausible errors: the call itself, or the kernel's answer to what
 * it sent. Apply says so, and the host is as before; where the failure does not matter, it is as wanted. */
#include "unit/test.h"

#include <sys/mman.h>

#include "netns/fabric_states.h"


static int roll_back(fbn_context *c, const struct operation *operation)
{
        return fbn_fabric_rollback(c, 0, NULL, NULL);
}

/* What the call may say; -1: the kernel refuses what was sent. */
static const int *errors_of(const char *call)
{
        static const int sends[] = {ENOBUFS, EPERM, -1, 0}, writes[] = {ENOSPC, EIO, EINVAL, 0}, syncs[] = {EIO, 0}, opens[] = {EMFILE, ENOSPC, EACCES, 0},
                         others[] = {EROFS, 0};

        return strncmp(call, "send", 4) == 0 ? sends
               : streq(call, "write")        ? writes
               : streq(call, "open")         ? opens
               : strstr(call, "sync")        ? syncs
                                             : others;
}

static void check(const struct operation *operation, size_t at, int fault, int code)
{
        char *now = host_observe();
        const char *want = state_of[(code == 0 ? operation->to : operation->from) - 'A'];

        if (code == FBN_EPARTIAL || code >= 99)
                fail_msg("%s, call %zu (%s) fails with %d: exit code %d", operation->name, at, seen->call, fault, code);
        if (!streq(now, want))
                print_message("%s, call %zu (%s) fails with %d: exit code %d\n", operation->name, at, seen->call, fault, code);
        host_assert_same(now, want);
        if (code == 0)
                assert_int_equal(host_run(operation, roll_back), 0);
        free(now);
}

static int run_with(const struct operation *operation, size_t at, int fault)
{
        int code;

        memset(seen, 0, sizeof(*seen));
        acting.count = 0;
        acting.at = at;
        acting.fault = fault;
        code = host_run(operation, host_go);
        acting.at = 0;
        acting.fault = 0;
        return code;
}

/* Which call it is, its first failure tells. */
static void fail_everywhere(const struct operation *operation)
{
        size_t faults = 0, reported = 0;
        int first = EIO;

        for (size_t at = 1;; at++)
                for (size_t i = 0; i == 0 || errors_of(seen->call)[i]; i++) {
                        int fault = i == 0 ? first : errors_of(seen->call)[i], code = run_with(operation, at, fault);

                        if (i == 0 && *seen->call && fault != errors_of(seen->call)[0]) {
                                check(operation, at, fault, code);
                                fault = first = errors_of(seen->call)[0];
                                code = run_with(operation, at, fault);
                        }
                        if (!*seen->call) { /* there is no such call any more */
                                print_message("%s: %zu faults, %zu reported\n", operation->name, faults, reported);
                                assert_true(reported * 2 > faults);
                                return;
                        }
                        faults++;
                        reported += code != 0;
                        check(operation, at, fault, code);
                }
}

static void creating(void **state)
{
        host_apply('A');
        fail_everywhere(&(struct operation){"create", 'A', 'B', false, 0, NULL});
}

static void changing(void **state)
{
        host_apply('B');
        fail_everywhere(&(struct operation){"change", 'B', 'C', false, 0, NULL});
}

static void deleting(void **state)
{
        host_apply('C');
        fail_everywhere(&(struct operation){"delete", 'C', 'A', false, 0, NULL});
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(creating),
                cmocka_unit_test(changing),
                cmocka_unit_test(deleting),
        };

        namespace_sandbox();
        host_set_tables();
        return cmocka_run_group_tests(tests, states_start, states_stop);
}
