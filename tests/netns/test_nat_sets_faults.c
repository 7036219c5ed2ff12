/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of elements when answers are lost, others are faster, or memory ends. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/nat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

static struct {
        unsigned overtaken; /* so many transactions come after one of somebody else's */
        unsigned lost;      /* so many times the answers to a transaction are lost */
        unsigned unsent;    /* so many transactions vanish on their way, and their answers too */
        bool flushed;       /* somebody empties the set before the transaction */
} fault;
static unsigned transactions, noise;
static bool answers_due;

static ssize_t faulty_sendmsg(int fd, const struct msghdr *message, int flags)
{
        const struct nlmsghdr *first = message->msg_iov->iov_base;

        if (first->nlmsg_type != NFNL_MSG_BATCH_BEGIN)
                return sendmsg(fd, message, flags);
        transactions++;
        if (fault.overtaken > 0) {
                fault.overtaken--;
                if (command_try("ip netns exec host nft add table ip noise%u", noise++) != 0)
                        return -1;
        }
        if (fault.flushed) {
                fault.flushed = false;
                if (command_try("ip netns exec host nft flush set inet fabricnet s") != 0)
                        return -1;
        }
        answers_due = true;
        if (fault.unsent > 0) {
                fault.unsent--;
                fault.lost++;
                return (ssize_t)message->msg_iov->iov_len;
        }
        return sendmsg(fd, message, flags);
}

static ssize_t faulty_recvmsg(int fd, struct msghdr *message, int flags)
{
        bool lose = answers_due && fault.lost > 0;

        answers_due = false;
        if (!lose)
                return recvmsg(fd, message, flags);
        fault.lost--;
        errno = ENOBUFS;
        return -1;
}

static size_t allocations_left = SIZE_MAX;

static bool may_allocate(void)
{
        if (allocations_left == 0)
                return false;
        allocations_left -= allocations_left != SIZE_MAX;
        return true;
}

static void *scarce_malloc(size_t bytes)
{
        return may_allocate() ? malloc(bytes) : NULL;
}

static void *scarce_realloc(void *memory, size_t bytes)
{
        return may_allocate() ? realloc(memory, bytes) : NULL;
}

static fbn_nat_elements *elements(fbn_context *c, unsigned first, unsigned count)
{
        fbn_nat_elements *list;

        assert_ok(c, fbn_nat_elements_new(c, "s", &list));
        for (unsigned i = first; i < first + count; i++) {
                char key[32];

                snprintf(key, sizeof(key), "10.0.%u.0/24", i);
                assert_ok(c, fbn_nat_elements_add(c, list, FBN_OPTIONS(fbn_nat_element, .key = key)));
        }
        return list;
}

static int send_some(fbn_context *c, fbn_nat_elements_verb verb, unsigned first, unsigned count)
{
        FBN_CLEANUP(fbn_nat_elements) list = elements(c, first, count);

        return fbn_nat_elements_send(c, list, verb);
}

static int replace(fbn_context *c, unsigned first, unsigned count, int known_first, unsigned known_count)
{
        FBN_CLEANUP(fbn_nat_elements) list = elements(c, first, count);
        FBN_CLEANUP(fbn_nat_elements) known = known_first < 0 ? NULL : elements(c, (unsigned)known_first, known_count);

        return fbn_nat_elements_replace(c, list, known);
}

static unsigned count(fbn_context *c)
{
        FBN_CLEANUP(fbn_nat_reader) reader = NULL;
        const fbn_nat_element *element;
        unsigned found = 0;
        int r;

        assert_ok(c, fbn_nat_reader_new(c, "s", &reader));
        while ((r = fbn_nat_reader_next(c, reader, &element)) > 0)
                found++;
        assert_ok(c, r);
        return found;
}

static int fresh_set(void **state)
{
        FBN_CLEANUP(fbn_nat) want = NULL;
        fbn_context *c;

        memset(&fault, 0, sizeof(fault));
        namespace_new("host");
        *state = c = namespace_context("host");
        assert_ok(c, fbn_nat_new(c, &want));
        assert_ok(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "s", .key = "ipv4_addr", .intervals = true)));
        assert_ok(c, fbn_nat_apply(c, want, NULL, NULL));
        transactions = 0;
        return 0;
}

static int remove_host(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
        return 0;
}

static void lost_answers_are_no_failure_whether_the_kernel_took_it_or_not(void **state)
{
        fbn_context *c = *state;

        fault.lost = 1;
        assert_int_equal(send_some(c, FBN_NAT_ELEMENTS_ADD, 0, 10), 10);
        assert_int_equal(transactions, 2);
        assert_int_equal(count(c), 10);
        fault.unsent = 1;
        assert_int_equal(send_some(c, FBN_NAT_ELEMENTS_ADD, 10, 10), 10);
        assert_int_equal(count(c), 20);
        fault.lost = 1;
        assert_int_equal(send_some(c, FBN_NAT_ELEMENTS_DELETE, 0, 5), 5);
        assert_int_equal(count(c), 15);
        fault.unsent = 1;
        assert_int_equal(send_some(c, FBN_NAT_ELEMENTS_DELETE, 5, 5), 5);
        assert_int_equal(count(c), 10);
        fault.lost = 1;
        assert_int_equal(send_some(c, FBN_NAT_ELEMENTS_REFRESH, 10, 10), 10);
        fault.lost = 1;
        assert_int_equal(replace(c, 15, 10, -1, 0), 10);
        assert_int_equal(count(c), 10);
        fault.unsent = 1;
        assert_int_equal(replace(c, 20, 10, -1, 0), 10);
        fault.lost = 5;
        assert_failed(c, send_some(c, FBN_NAT_ELEMENTS_ADD, 0, 1), FBN_ESYSTEM, "nat set 's': the kernel's answers were lost 5 times");
        assert_int_equal(send_some(c, FBN_NAT_ELEMENTS_ADD, 0, 1), 1);
        assert_int_equal(count(c), 11);
}

static void a_replacement_that_others_overtake_is_computed_again(void **state)
{
        fbn_context *c = *state;

        assert_int_equal(send_some(c, FBN_NAT_ELEMENTS_ADD, 0, 10), 10);
        transactions = 0;
        fault.overtaken = 4;
        assert_int_equal(replace(c, 5, 10, -1, 0), 10);
        assert_int_equal(transactions, 5);
        fault.overtaken = 5;
        assert_failed(c, replace(c, 6, 10, -1, 0), FBN_ESTALE, "nat set 's'");
        fault.overtaken = 3;
        assert_int_equal(send_some(c, FBN_NAT_ELEMENTS_ADD, 100, 1), 1); /* needs no unchanged ruleset */
        assert_int_equal(count(c), 11);
}

static void what_is_known_saves_the_reading_and_harms_nothing_when_wrong(void **state)
{
        fbn_context *c = *state;

        assert_int_equal(send_some(c, FBN_NAT_ELEMENTS_ADD, 0, 10), 10);
        transactions = 0;
        assert_int_equal(replace(c, 5, 10, 0, 10), 10);
        assert_int_equal(transactions, 1);
        assert_int_equal(replace(c, 6, 10, 0, 10), 2); /* 0 to 4 are not there to delete */
        assert_int_equal(count(c), 10);
        assert_int_equal(replace(c, 7, 10, 7, 8), 3); /* known without 6 and 15: two are added, then the kernel counts one too many */
        assert_int_equal(count(c), 10);
        fault.flushed = true;
        assert_int_equal(replace(c, 8, 10, 7, 10), 10);
        assert_int_equal(count(c), 10);
        assert_int_equal(replace(c, 8, 10, 8, 10), 0);
        assert_int_equal(replace(c, 0, 0, -1, 0), 0);
        assert_int_equal(count(c), 0);
}

static void want_of_memory_anywhere_is_reported_and_harmless(void **state)
{
        fbn_context *c = *state;
        size_t failures = 0;

        assert_int_equal(send_some(c, FBN_NAT_ELEMENTS_ADD, 0, 10), 10);
        for (size_t allowed = 0; allowed < 200; allowed++) {
                FBN_CLEANUP(fbn_nat_elements) list = elements(c, 5, 10);
                int r;

                allocations_left = allowed;
                r = fbn_nat_elements_replace(c, list, NULL);
                allocations_left = SIZE_MAX;
                if (r >= 0)
                        break;
                assert_int_equal(r, -FBN_ENOMEM);
                failures++;
        }
        assert_true(failures > 3);
        assert_int_equal(count(c), 10);
}

int main(void)
{
        static const fbn_allocator allocator = {sizeof(allocator), scarce_malloc, scarce_realloc, free};
        static const fbn_system_calls calls = {.size = sizeof(calls), .sendmsg = faulty_sendmsg, .recvmsg = faulty_recvmsg};
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(lost_answers_are_no_failure_whether_the_kernel_took_it_or_not, fresh_set, remove_host),
                cmocka_unit_test_setup_teardown(a_replacement_that_others_overtake_is_computed_again, fresh_set, remove_host),
                cmocka_unit_test_setup_teardown(what_is_known_saves_the_reading_and_harms_nothing_when_wrong, fresh_set, remove_host),
                cmocka_unit_test_setup_teardown(want_of_memory_anywhere_is_reported_and_harmless, fresh_set, remove_host),
        };

        namespace_sandbox();
        if (fbn_set_tables(&allocator, &calls) < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
