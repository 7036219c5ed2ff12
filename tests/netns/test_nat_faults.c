/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What apply does when the kernel refuses, when others are faster, when answers or memory are lost. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/nat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

/* What happens to the next transactions on their way to the kernel; all zero: nothing. */
static struct {
        const char *find, *put; /* bytes to exchange, of the same length */
        size_t length;
        size_t skip;        /* occurrences before those */
        unsigned overtaken; /* so many transactions come after one of somebody else's */
        unsigned lost;      /* so many times the answers to a transaction are lost */
        bool narrow;        /* no room for answers */
} fault;
static unsigned transactions, noise;
static bool answers_due;

static void exchange_bytes(char *bytes, size_t length)
{
        for (size_t i = 0; fault.find && i + fault.length <= length; i++) {
                if (memcmp(bytes + i, fault.find, fault.length) != 0)
                        continue;
                if (fault.skip > 0) {
                        fault.skip--;
                        continue;
                }
                memcpy(bytes + i, fault.put, fault.length);
        }
}

static ssize_t faulty_sendmsg(int fd, const struct msghdr *message, int flags)
{
        const struct nlmsghdr *first = message->msg_iov->iov_base;

        if (first->nlmsg_type != NFNL_MSG_BATCH_BEGIN)
                return sendmsg(fd, message, flags);
        transactions++;
        exchange_bytes(message->msg_iov->iov_base, message->msg_iov->iov_len);
        if (fault.overtaken > 0) {
                fault.overtaken--;
                if (command_try("ip netns exec host nft add table ip noise%u", noise++) != 0)
                        return -1;
        }
        if (fault.narrow && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){1}, sizeof(int)) < 0)
                return -1;
        answers_due = true;
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

static int fresh_host(void **state)
{
        memset(&fault, 0, sizeof(fault));
        transactions = 0;
        namespace_new("host");
        *state = namespace_context("host");
        return 0;
}

static int remove_host(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
        return 0;
}

/* Accepts a mark each: "a" 1, "b" 2 …; for a capital one a masquerade. */
static fbn_nat *wanted(fbn_context *c, const char *letters)
{
        fbn_nat *want;

        assert_ok(c, fbn_nat_new(c, &want));
        for (; *letters; letters++) {
                bool capital = *letters < 'a';
                const char name[] = {*letters, 0};

                assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = capital ? FBN_NAT_MASQUERADE : FBN_NAT_ACCEPT, .name = name,
                                                              .mark = (uint32_t)*letters)));
        }
        return want;
}

static int apply(fbn_context *c, const char *letters)
{
        FBN_CLEANUP(fbn_nat) want = wanted(c, letters);

        return fbn_nat_apply(c, want, NULL, NULL);
}

static char *listing(void)
{
        return command_output("ip netns exec host nft -a list ruleset");
}

#define FAULT(bytes, others)                                                                              \
        do {                                                                                              \
                fault.find = (bytes);                                                                     \
                fault.put = (others);                                                                     \
                fault.length = sizeof(bytes) - 1;                                                         \
                _Static_assert(sizeof(bytes) == sizeof(others), "bytes are exchanged for as many others"); \
        } while (0)

static void a_refused_transaction_names_the_rule_and_changes_nothing(void **state)
{
        fbn_context *c = *state;
        char *before, *after;

        assert_int_equal(apply(c, "Mab"), 3);
        before = listing();
        FAULT("forward\0", "forwerd\0");
        fault.skip = 1;
        assert_failed(c, apply(c, "Nbcd"), FBN_ENOENT, "nat rule 3 'c': No such file or directory");
        assert_string_equal(fbn_context_error_object(c), "nat rule 3 'c'");
        after = listing();
        assert_string_equal(before, after);
        free(before);
        free(after);
        memset(&fault, 0, sizeof(fault));
        assert_int_equal(apply(c, "Nbcd"), 5); /* nothing is left over from the refusal */
        assert_int_equal(apply(c, "Nbcd"), 0);
}

static void a_kernel_without_an_expression_is_named_with_the_module(void **state)
{
        fbn_context *c = *state;
        char *after;

        FAULT("masq\0", "mosq\0");
        assert_failed(c, apply(c, "aM"), FBN_EUNSUPPORTED, "nat rule 2 'M': this kernel lacks the nftables expression 'mosq' (module nft_mosq)");
        FAULT("nat\0", "nut\0");
        assert_failed(c, apply(c, "aM"), FBN_EUNSUPPORTED, "nat chain 'postrouting': this kernel lacks nftables chains of type 'nut'");
        after = listing();
        assert_string_equal(after, "");
        free(after);
}

static void what_somebody_else_does_meanwhile_is_read_again(void **state)
{
        fbn_context *c = *state;
        char *after;

        fault.overtaken = 4;
        assert_int_equal(apply(c, "Mab"), 3);
        assert_int_equal(transactions, 5);
        assert_int_equal(apply(c, "Mab"), 0);
        fault.overtaken = 5;
        assert_failed(c, apply(c, "Mac"), FBN_ESTALE, "nat: somebody else changed the ruleset");
        assert_int_equal(transactions, 10);
        assert_int_equal(fault.overtaken, 0);
        after = listing();
        assert_non_null(strstr(after, "comment \"b\""));
        assert_null(strstr(after, "comment \"c\""));
        free(after);
}

static void lost_answers_are_no_failure(void **state)
{
        fbn_context *c = *state;

        fault.lost = 1;
        assert_int_equal(apply(c, "Mab"), 3);
        assert_int_equal(transactions, 1);
        assert_int_equal(apply(c, "Mab"), 0);
        fault.lost = 5;
        FAULT("masq\0", "mosq\0");
        assert_failed(c, apply(c, "Nab"), FBN_ESYSTEM, "nat: the kernel's answers were lost 5 times");
        assert_int_equal(transactions, 6);
        fault.find = NULL;
        assert_int_equal(apply(c, "Mab"), 0);
}

static void refusals_without_room_are_survived(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) want = NULL;

        assert_ok(c, fbn_nat_new(c, &want));
        for (unsigned i = 0; i < 500; i++) {
                char name[16];

                snprintf(name, sizeof(name), "rule%u", i);
                assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_MASQUERADE, .name = name, .mark = i + 1)));
        }
        FAULT("masq\0", "mosq\0");
        fault.narrow = true;
        assert_failed(c, fbn_nat_apply(c, want, NULL, NULL), FBN_ESYSTEM, "answers were lost");
        memset(&fault, 0, sizeof(fault));
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 500);
        FAULT("masq\0", "mosq\0");
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 0);
}

static void expressions_that_do_not_fit_the_record_are_repaired(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        FBN_CLEANUP(fbn_nat) want = NULL;

        assert_ok(c, fbn_nat_new(c, &want));
        assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = "d", .in_device = "eth0")));
        FAULT("eth0\0\0\0\0\0\0\0\0", "eth7\0\0\0\0\0\0\0\0");
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 1);
        command("ip netns exec host nft list ruleset | grep -q 'iifname \"eth7\".*comment \"d\"'");
        fault.find = NULL;
        assert_int_equal(fbn_nat_apply(c, want, NULL, &changes), 1);
        assert_string_equal(fbn_changes_at(changes, 0)->before, "changed by hand");
        command("ip netns exec host nft list ruleset | grep -q 'iifname \"eth0\".*comment \"d\"'");
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 0);
}

static void want_of_memory_anywhere_is_reported_and_harmless(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) one = wanted(c, "Mab");
        FBN_CLEANUP(fbn_nat) other = wanted(c, "Nbcda");
        char *before, *after;
        int r = -FBN_ENOMEM;

        assert_int_equal(fbn_nat_apply(c, one, NULL, NULL), 3);
        before = listing();
        for (size_t n = 0; r == -FBN_ENOMEM; n++) {
                FBN_CLEANUP(fbn_changes) changes = NULL;
                FBN_CLEANUP(fbn_nat) read = NULL;

                assert_true(n < 1000);
                allocations_left = n;
                fbn_nat_get(c, &read);
                allocations_left = n;
                r = fbn_nat_apply(c, other, NULL, &changes);
                allocations_left = SIZE_MAX;
                assert_true(r == -FBN_ENOMEM ? !changes : r > 0);
        }
        assert_int_equal(r, 5); /* N, c and d come, M goes, a moves */
        assert_int_equal(transactions, 2);
        after = listing();
        assert_string_not_equal(before, after);
        free(before);
        free(after);
}

#define ON_A_HOST(test) cmocka_unit_test_setup_teardown(test, fresh_host, remove_host)

int main(void)
{
        const struct CMUnitTest tests[] = {
                ON_A_HOST(a_refused_transaction_names_the_rule_and_changes_nothing),
                ON_A_HOST(a_kernel_without_an_expression_is_named_with_the_module),
                ON_A_HOST(what_somebody_else_does_meanwhile_is_read_again),
                ON_A_HOST(lost_answers_are_no_failure),
                ON_A_HOST(refusals_without_room_are_survived),
                ON_A_HOST(expressions_that_do_not_fit_the_record_are_repaired),
                ON_A_HOST(want_of_memory_anywhere_is_reported_and_harmless),
        };
        const fbn_allocator allocator = {sizeof(allocator), scarce_malloc, scarce_realloc, free};
        const fbn_system_calls calls = {.size = sizeof(calls), .sendmsg = faulty_sendmsg, .recvmsg = faulty_recvmsg};

        namespace_sandbox();
        if (fbn_set_tables(&allocator, &calls) < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
