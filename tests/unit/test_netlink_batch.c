/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/kernel.h"

static size_t acknowledged, received; /* messages that asked for an answer, and all */

/* Refuses every message whose payload starts with a number above zero: its errno. As the kernel, it answers a refused one unasked. */
static void judge(const struct nlmsghdr *request)
{
        int os_errno = *(int *)mnl_nlmsg_get_payload(request);

        received++;
        acknowledged += (request->nlmsg_flags & NLM_F_ACK) != 0;
        if (os_errno || request->nlmsg_flags & NLM_F_ACK) {
                kernel_answer();
                kernel_error(request, os_errno, os_errno ? "no" : NULL);
        }
}

static void add(struct netlink_batch *batch, int os_errno, size_t more)
{
        struct nlmsghdr *message = netlink_batch_begin(batch, RTM_NEWROUTE, NLM_F_CREATE);

        *(int *)mnl_nlmsg_put_extra_header(message, sizeof(int)) = os_errno;
        if (more)
                mnl_nlmsg_put_extra_header(message, more);
        netlink_batch_end(batch, message);
}

static int fresh(void **state)
{
        int r = kernel_fresh(state);

        acknowledged = received = 0;
        kernel.answer_to = judge;
        return r;
}

static int send_batch(fbn_context *c, struct netlink_batch *batch, netlink_refused refused, void *data, size_t *ret_done)
{
        struct netlink *netlink;

        assert_ok(c, netlink_get(c, NETLINK_ROUTE, &netlink));
        return netlink_batch_send(c, netlink, batch, refused, data, ret_done);
}

static void many_messages_go_in_few_sends(void **state)
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        size_t done;

        for (int i = 0; i < 600; i++)
                add(&batch, 0, 0);
        assert_ok(*state, send_batch(*state, &batch, NULL, NULL, &done));
        assert_int_equal(done, 600);
        assert_int_equal(received, 600);
        assert_int_equal(kernel.sends, 3);
        assert_int_equal(acknowledged, 3);
}

/* The kernel refuses a send larger than the socket's buffer, 212,992 bytes by default, as a whole. */
static void large_messages_go_in_more_sends(void **state)
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        size_t done;

        for (int i = 0; i < 200; i++)
                add(&batch, 0, 4000);
        assert_ok(*state, send_batch(*state, &batch, NULL, NULL, &done));
        assert_int_equal(done, 200);
        assert_true(kernel.largest <= 140000);
}

static void nothing_is_sent_for_an_empty_batch(void **state)
{
        struct netlink_batch batch = {0};
        size_t done = 7;

        assert_ok(*state, send_batch(*state, &batch, NULL, NULL, &done));
        assert_int_equal(done, 0);
        assert_int_equal(kernel.sends, 0);
}

static void a_refused_message_is_told_by_its_index(void **state)
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        size_t done;

        for (int i = 0; i < 700; i++)
                add(&batch, i == 300 || i == 302 ? EEXIST : 0, 0);
        assert_failed(*state, send_batch(*state, &batch, NULL, NULL, &done), FBN_EEXIST, "message 300: File exists: no");
        assert_int_equal(received, 512); /* no further send */
        assert_int_equal(done, 510);
}

struct refusals {
        size_t indexes[8], count, stop_at;
};

static int note(fbn_context *c, size_t index, int os_errno, const char *text, void *data)
{
        struct refusals *refusals = data;

        assert_string_equal(text, "no");
        refusals->indexes[refusals->count++] = index;
        return index == refusals->stop_at ? netlink_fail(c, os_errno, text) : 0;
}

static void a_callback_hears_of_every_refusal(void **state)
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        struct refusals refusals = {.stop_at = SIZE_MAX};
        size_t done;

        for (int i = 0; i < 600; i++)
                add(&batch, i == 0 || i == 255 || i == 256 || i == 599 ? ESRCH : 0, 0);
        assert_ok(*state, send_batch(*state, &batch, note, &refusals, &done));
        assert_int_equal(refusals.count, 4);
        assert_memory_equal(refusals.indexes, ((size_t[]){0, 255, 256, 599}), 4 * sizeof(size_t));
        assert_int_equal(done, 596);
}

static void a_callback_may_end_it(void **state)
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        struct refusals refusals = {.stop_at = 10};
        size_t done;

        for (int i = 0; i < 600; i++)
                add(&batch, i == 10 || i == 11 ? EPERM : 0, 0);
        assert_failed(*state, send_batch(*state, &batch, note, &refusals, &done), FBN_EPERM, "CAP_NET_ADMIN");
        assert_int_equal(refusals.count, 1);
        assert_int_equal(done, 254);
        assert_int_equal(kernel.sends, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(many_messages_go_in_few_sends, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(large_messages_go_in_more_sends, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(nothing_is_sent_for_an_empty_batch, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(a_refused_message_is_told_by_its_index, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(a_callback_hears_of_every_refusal, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(a_callback_may_end_it, fresh, context_teardown),
        };

        return cmocka_run_group_tests(tests, kernel_install, NULL);
}
