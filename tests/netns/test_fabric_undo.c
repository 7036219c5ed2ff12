/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An apply that fails, and an undo in which each of its own calls fails too. Once: it is tried again, and the host is as before. From then on: that
 * is said, with what stands, and once the calls work again the host comes back. */
#include "unit/test.h"

#include <sys/mman.h>

#include "netns/fabric_states.h"

/* With what it says, for a look when it is not as it should be. */
static int go(fbn_context *c, const struct operation *operation)
{
        int r = host_go(c, operation);

        host_write("/run/said", r < 0 ? fbn_context_error(c) : "");
        return r;
}

/* The apply fails after this record; so many calls of its undo, at most, were made to fail. */
static int run_with(const struct operation *operation, const char *record, size_t at, int fault, const char *lasting)
{
        int code;

        memset(seen, 0, sizeof(*seen));
        acting.count = 0;
        acting.undo = true;
        acting.after = record;
        acting.at = at;
        acting.fault = fault;
        acting.lasting = lasting;
        code = host_run(operation, go);
        memset(&acting, 0, sizeof(acting));
        return code;
}

static void assert_old(const struct operation *operation, size_t at, const char *what)
{
        char *now = host_observe();

        if (!streq(now, state_of[operation->from - 'A']))
                print_message("%s: call %zu of the undo (%s) fails %s\n", operation->name, at, seen->call, what);
        host_assert_same(now, state_of[operation->from - 'A']);
        free(now);
}

static void assert_code(const struct operation *operation, size_t at, const char *what, int code, int expected)
{
        if (code != expected)
                fail_msg("%s: call %zu of the undo (%s) fails %s: exit code %d, not %d: %s", operation->name, at, seen->call, what, code, expected,
                         command_output("cat /run/said"));
}

static fbn_outcome last_outcome(const char *stands)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_generations) generations = NULL;
        const fbn_generation *last;

        assert_int_equal(fbn_context_new(NULL, &c), 0);
        assert_true(fbn_fabric_history(c, NULL, &generations) > 0);
        last = fbn_generations_at(generations, 0);
        assert_true(!stands || (last->stands && strstr(last->stands, stands)));
        return last->outcome;
}

static int recover(fbn_context *c, const struct operation *operation)
{
        int r = fbn_fabric_recover(c, NULL, NULL);

        return MIN(r, 0);
}

static void once(const struct operation *operation, const char *record)
{
        static const int faults[] = {EIO, -1};
        size_t at = 1;

        for (bool more = true; more; at++)
                for (size_t i = 0; more && i < ARRAY_SIZE(faults); i++) {
                        int code = run_with(operation, record, at, faults[i], NULL);

                        more = *seen->call != 0;
                        assert_code(operation, at, "once", code, FBN_EUNDONE);
                        assert_old(operation, at, "once");
                        assert_int_equal(host_run(operation, recover), 0);
                }
        print_message("%s: %zu calls of the undo failed once each\n", operation->name, at - 2);
        assert_true(at > 5);
}

/* Nothing works any more: neither is put back nor written down. The next call does both. */
static void for_good(const struct operation *operation, const char *record)
{
        size_t at = 1, partial = 0;

        for (;; at++) {
                int code = run_with(operation, record, at, EIO, "");

                if (!*seen->call)
                        break;
                partial += code == FBN_EPARTIAL;
                if (code != FBN_EUNDONE) /* else all but the last record was done */
                        assert_code(operation, at, "for good", code, FBN_EPARTIAL);
                if (!streq(seen->call, "fdatasync")) /* else the last record is there, though nobody knows for how long */
                        assert_int_equal(last_outcome(NULL), FBN_OUTCOME_OPEN);
                assert_int_equal(host_run(operation, recover), 0);
                assert_old(operation, at, "for good");
                assert_int_equal(last_outcome(NULL), FBN_OUTCOME_UNDONE);
        }
        print_message("%s: undone for good at %zu places, not whole at %zu\n", operation->name, at - 1, partial);
        assert_true(partial > 1);
}

/* A link that was made and could not be marked is nobody's: it has to be taken over. */
static int adopt(fbn_context *c, const struct operation *operation)
{
        FBN_CLEANUP(fbn_fabric) fabric = host_fabric(c, operation->from);
        int r = fbn_fabric_apply(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "h", .adopt = true), NULL);

        return MIN(r, 0);
}

/* The kernel refuses all from then on: what stands is written down, and another apply of what was before brings it. */
static void by_the_kernel(const struct operation *operation, const char *record)
{
        size_t partial = 0;

        for (size_t at = 1;; at++) {
                int code = run_with(operation, record, at, EPERM, "send");

                if (!*seen->call)
                        break;
                if (code != FBN_EUNDONE) {
                        assert_code(operation, at, "by the kernel", code, FBN_EPARTIAL);
                        assert_int_equal(last_outcome(""), FBN_OUTCOME_FAILED);
                        assert_int_equal(host_run(operation, adopt), 0);
                        partial++;
                }
                assert_old(operation, at, "by the kernel");
        }
        print_message("%s: not whole at %zu places\n", operation->name, partial);
        assert_true(partial > 0);
}

static void undo(const struct operation *operation, const char *record)
{
        host_apply(operation->from);
        once(operation, record);
        for_good(operation, record);
        by_the_kernel(operation, record);
}

static void undoing_a_creation(void **state) { undo(&(struct operation){"create", 'A', 'B', false, 0, NULL}, "done route"); }
static void undoing_a_change(void **state) { undo(&(struct operation){"change", 'B', 'C', false, 0, NULL}, "done route"); }
static void undoing_a_deletion(void **state) { undo(&(struct operation){"delete", 'C', 'A', false, 0, NULL}, "done nat"); }

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(undoing_a_creation),
                cmocka_unit_test(undoing_a_change),
                cmocka_unit_test(undoing_a_deletion),
        };

        namespace_sandbox();
        host_set_tables();
        return cmocka_run_group_tests(tests, states_start, states_stop);
}
