/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/kernel.h"

#undef fail /* ours, not cmocka's */

static struct netlink *netlink_of(fbn_context *c)
{
        struct netlink *netlink = NULL;

        assert_ok(c, netlink_get(c, NETLINK_ROUTE, &netlink));
        return netlink;
}

static struct nlmsghdr *request(void)
{
        static _Alignas(8) char bytes[256];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);

        message->nlmsg_type = RTM_GETLINK;
        return message;
}

/* Counts messages; the count it is told to fail at ends the reading. */
struct counter {
        size_t seen, restarts, fail_at;
};

static int count(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        struct counter *counter = data;

        return ++counter->seen == counter->fail_at ? fail(c, FBN_ENOMEM, "enough") : 0;
}

static void restart(void *data)
{
        struct counter *counter = data;

        counter->seen = 0;
        counter->restarts++;
}

static int send_request(fbn_context *c, struct counter *counter)
{
        return netlink_request(c, netlink_of(c), request(), count, counter);
}

static int send_dump(fbn_context *c, struct counter *counter)
{
        return netlink_dump(c, netlink_of(c), request(), count, restart, counter);
}

static void answer_once(const struct nlmsghdr *request)
{
        assert_int_equal(request->nlmsg_flags & (NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP), NLM_F_REQUEST | NLM_F_ACK);
        kernel_answer();
        kernel_message(request->nlmsg_seq, RTM_NEWLINK, 0, 16);
        kernel_answer();
        kernel_error(request, 0, NULL);
}

static void a_request_ends_with_its_acknowledgement(void **state)
{
        struct counter counter = {0};

        kernel.answer_to = answer_once;
        assert_ok(*state, send_request(*state, &counter));
        assert_int_equal(counter.seen, 1);
        assert_int_equal(kernel.first, kernel.count);
        assert_ok(*state, send_request(*state, &counter));
        assert_int_equal(kernel.sockets, 1);
}

static void refuse(const struct nlmsghdr *request)
{
        kernel_answer();
        kernel_error(request, EINVAL, "the moon is in the wrong phase");
}

static void refuse_without_words(const struct nlmsghdr *request)
{
        kernel_answer();
        kernel_error(request, EOPNOTSUPP, NULL);
}

/* Without NETLINK_CAP_ACK the request's payload stands between the error and the words. */
static void refuse_with_the_request(const struct nlmsghdr *request)
{
        struct nlmsghdr *message;
        struct nlmsgerr *error;
        size_t payload = 24;

        kernel_answer();
        message = kernel_message(request->nlmsg_seq, NLMSG_ERROR, NLM_F_ACK_TLVS, sizeof(*error) + payload);
        error = mnl_nlmsg_get_payload(message);
        error->error = -EPERM;
        error->msg = *request;
        error->msg.nlmsg_len = MNL_NLMSG_HDRLEN + (uint32_t)payload;
        mnl_attr_put_strz(message, NLMSGERR_ATTR_MSG, "not you");
        kernel.queue[kernel.count - 1].length = message->nlmsg_len;
}

static void a_refusal_carries_the_kernels_words(void **state)
{
        kernel.answer_to = refuse;
        assert_failed(*state, send_request(*state, &(struct counter){0}), FBN_EINVAL, "Invalid argument: the moon is in the wrong phase");
        assert_int_equal(fbn_context_error_errno(*state), EINVAL);
        kernel.answer_to = refuse_without_words;
        assert_failed(*state, send_request(*state, &(struct counter){0}), FBN_EUNSUPPORTED, "Operation not supported");
        kernel.answer_to = refuse_with_the_request;
        assert_failed(*state, send_request(*state, &(struct counter){0}), FBN_EPERM, "CAP_NET_ADMIN: not you");
        assert_int_equal(kernel.sockets, 1);
}

static size_t interruptions;

static void dump(const struct nlmsghdr *request)
{
        bool interrupted = interruptions > 0;

        assert_int_equal(request->nlmsg_flags & NLM_F_DUMP, NLM_F_DUMP);
        interruptions -= interrupted;
        kernel_answer();
        kernel_message(request->nlmsg_seq, RTM_NEWLINK, NLM_F_MULTI, 16);
        kernel_message(request->nlmsg_seq, RTM_NEWLINK, NLM_F_MULTI | (interrupted ? NLM_F_DUMP_INTR : 0), 16);
        kernel_answer();
        kernel_message(request->nlmsg_seq, NLMSG_DONE, NLM_F_MULTI, sizeof(int));
}

static void an_interrupted_dump_is_repeated_from_the_start(void **state)
{
        struct counter counter = {0};

        kernel.answer_to = dump;
        interruptions = 4;
        assert_ok(*state, send_dump(*state, &counter));
        assert_int_equal(counter.seen, 2);
        assert_int_equal(counter.restarts, 4);
        assert_int_equal(kernel.sends, 5);
}

static void a_dump_is_not_repeated_for_ever(void **state)
{
        kernel.answer_to = dump;
        interruptions = 1000;
        assert_failed(*state, send_dump(*state, &(struct counter){0}), FBN_EINTERRUPTED, "each of 5 reads");
        assert_int_equal(kernel.sends, 5);
}

/* That is where the kernel puts the failure of a dump, and its words. */
static void dump_fails_at_its_end(const struct nlmsghdr *request)
{
        struct nlmsghdr *done;

        kernel_answer();
        done = kernel_message(request->nlmsg_seq, NLMSG_DONE, NLM_F_MULTI | NLM_F_ACK_TLVS, sizeof(int));
        *(int *)mnl_nlmsg_get_payload(done) = -ENOENT;
        mnl_attr_put_strz(done, NLMSGERR_ATTR_MSG, "FIB table does not exist");
        kernel.queue[kernel.count - 1].length = done->nlmsg_len;
}

static void a_dump_may_fail_at_its_end(void **state)
{
        kernel.answer_to = dump_fails_at_its_end;
        assert_failed(*state, send_dump(*state, &(struct counter){0}), FBN_ENOENT, "FIB table does not exist");
}

static void answer_among_others(const struct nlmsghdr *request)
{
        struct answer *stranger = kernel_answer();

        kernel_error(request, EINVAL, "from another process");
        stranger->from = 4711;
        kernel_answer();
        kernel_message(request->nlmsg_seq - 1, RTM_NEWLINK, 0, 16); /* of an earlier exchange */
        kernel_answer()->os_errno = EINTR;
        answer_once(request);
}

static void what_is_no_answer_to_this_is_passed_over(void **state)
{
        struct counter counter = {0};

        kernel.answer_to = answer_among_others;
        assert_ok(*state, send_request(*state, &counter));
        assert_int_equal(counter.seen, 1);
}

/* Left running, a dump would make the next on its socket fail with EBUSY. */
static void an_abandoned_dump_costs_its_socket(void **state)
{
        struct counter counter = {.fail_at = 1};

        kernel.answer_to = dump;
        interruptions = 0;
        assert_failed(*state, send_dump(*state, &counter), FBN_ENOMEM, "enough");
        assert_int_equal(kernel.sockets, 1);
        counter = (struct counter){0};
        assert_ok(*state, send_dump(*state, &counter));
        assert_int_equal(kernel.sockets, 2);
        assert_int_equal(counter.seen, 2);
}

static void say_nothing(const struct nlmsghdr *request)
{
}

static void say_nothing_more(const struct nlmsghdr *request)
{
        kernel_answer()->os_errno = ENOBUFS;
}

static void say_too_much(const struct nlmsghdr *request)
{
        kernel_answer()->flags = MSG_TRUNC;
        kernel_error(request, 0, NULL);
}

static void say_half_an_error(const struct nlmsghdr *request)
{
        kernel_answer();
        kernel_message(request->nlmsg_seq, NLMSG_ERROR, 0, 4);
}

static void other_failures_are_told_apart(void **state)
{
        kernel.answer_to = say_nothing;
        assert_failed(*state, send_request(*state, &(struct counter){0}), FBN_ETIMEOUT, "did not answer within");
        kernel.answer_to = say_nothing_more;
        assert_failed(*state, send_request(*state, &(struct counter){0}), FBN_ESYSTEM, "cannot read from the kernel");
        kernel.answer_to = say_too_much;
        assert_failed(*state, send_request(*state, &(struct counter){0}), FBN_EPROTOCOL, "larger than 32768 bytes");
        kernel.answer_to = say_half_an_error;
        assert_failed(*state, send_request(*state, &(struct counter){0}), FBN_ESYSTEM, "Protocol error");
        fbn_context_cancel(*state);
        kernel.answer_to = answer_once;
        assert_failed(*state, send_request(*state, &(struct counter){0}), FBN_ECANCELED, "cancelled");
        fbn_context_resume(*state);
        assert_ok(*state, send_request(*state, &(struct counter){0}));
}

static void attributes_that_are_missing_or_short_are_zero(void **state)
{
        _Alignas(8) char bytes[256];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        const struct nlattr *table[5], *nested[3];
        struct nlattr *nest;

        mnl_nlmsg_put_extra_header(message, 4);
        mnl_attr_put_u8(message, 1, 7);
        mnl_attr_put(message, 2, 3, "abc");
        nest = mnl_attr_nest_start(message, 4);
        mnl_attr_put_strz(message, 2, "text");
        mnl_attr_nest_end(message, nest);
        mnl_attr_put_u8(message, 9, 7);
        netlink_attributes(message, 4, table, ARRAY_SIZE(table));
        assert_int_equal(netlink_u8(table[1]), 7);
        assert_int_equal(netlink_u32(table[1]), 0);
        assert_int_equal(netlink_u16(table[3]), 0);
        assert_null(netlink_string(table[2])); /* not terminated */
        netlink_nested(table[4], nested, ARRAY_SIZE(nested));
        assert_string_equal(netlink_string(nested[2]), "text");
        netlink_nested(table[3], nested, ARRAY_SIZE(nested));
        assert_null(nested[2]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_request_ends_with_its_acknowledgement, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(a_refusal_carries_the_kernels_words, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(an_interrupted_dump_is_repeated_from_the_start, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(a_dump_is_not_repeated_for_ever, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(a_dump_may_fail_at_its_end, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(what_is_no_answer_to_this_is_passed_over, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(an_abandoned_dump_costs_its_socket, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(other_failures_are_told_apart, kernel_fresh, context_teardown),
                cmocka_unit_test(attributes_that_are_missing_or_short_are_zero),
        };

        return cmocka_run_group_tests(tests, kernel_install, NULL);
}
