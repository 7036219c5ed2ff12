/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and applying routes when the kernel is old, busy or short of room. */
#include "unit/kernel.h"

#include "route/route.h"

#include <linux/fib_rules.h>

static struct {
        unsigned filtered, unfiltered; /* dumps of IPv4 asked for, with and without a filter */
        unsigned interruptions, losses; /* still to come, in dumps of IPv4 */
        unsigned made; /* routes */
        bool refuses_filters, loses_answers;
        const char *dump_text; /* the dump of IPv4 ends with EINVAL and this */
} world;

static void answer_done(const struct nlmsghdr *request, uint16_t flags)
{
        kernel_message(request->nlmsg_seq, NLMSG_DONE, flags, sizeof(int));
}

static void answer_link(const struct nlmsghdr *request)
{
        struct answer *answer = kernel_answer();
        struct nlmsghdr *message = kernel_message(request->nlmsg_seq, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));

        ((struct ifinfomsg *)mnl_nlmsg_get_payload(message))->ifi_index = 2;
        mnl_attr_put_strz(message, IFLA_IFNAME, "eth0");
        answer->length = MNL_ALIGN(message->nlmsg_len);
        answer_done(request, 0);
}

/* 10.0.N.0/24 dev eth0, as ours; in the main table, the odd ones in table 7. */
static void put_route(const struct nlmsghdr *request, uint8_t number, uint16_t flags)
{
        struct answer *answer = &kernel.queue[kernel.count - 1];
        struct nlmsghdr *message = kernel_message(request->nlmsg_seq, RTM_NEWROUTE, flags, sizeof(struct rtmsg));
        struct rtmsg *header = mnl_nlmsg_get_payload(message);
        size_t before = answer->length - MNL_ALIGN(message->nlmsg_len);

        *header = (struct rtmsg){.rtm_family = AF_INET, .rtm_dst_len = 24, .rtm_type = RTN_UNICAST, .rtm_protocol = 251, .rtm_scope = RT_SCOPE_LINK};
        header->rtm_table = number % 2 ? 7 : RT_TABLE_MAIN;
        mnl_attr_put(message, RTA_DST, 4, (uint8_t[]){10, 0, number, 0});
        mnl_attr_put_u32(message, RTA_OIF, 2);
        answer->length = before + MNL_ALIGN(message->nlmsg_len);
}

static void answer_text(const struct nlmsghdr *request)
{
        struct answer *answer = kernel_answer();
        struct nlmsghdr *message = kernel_message(request->nlmsg_seq, NLMSG_DONE, NLM_F_ACK_TLVS, sizeof(int));

        *(int *)mnl_nlmsg_get_payload(message) = -EINVAL;
        mnl_attr_put_strz(message, NLMSGERR_ATTR_MSG, world.dump_text);
        answer->length = MNL_ALIGN(message->nlmsg_len);
}

static void answer_routes(const struct nlmsghdr *request)
{
        const struct rtmsg *header = mnl_nlmsg_get_payload(request);
        bool filtered = header->rtm_protocol || request->nlmsg_len > MNL_NLMSG_HDRLEN + sizeof(*header);
        uint16_t flags = 0;

        if (header->rtm_family == AF_INET6) {
                kernel_answer();
                answer_done(request, 0);
                return;
        }
        world.filtered += filtered;
        world.unfiltered += !filtered;
        if (filtered && world.refuses_filters) {
                kernel_answer();
                kernel_error(request, EINVAL, "Invalid values in header for FIB dump request");
                return;
        }
        if (world.dump_text) {
                answer_text(request);
                return;
        }
        kernel_answer();
        if (world.interruptions > 0) {
                world.interruptions--;
                flags = NLM_F_DUMP_INTR;
        }
        for (uint8_t i = 0; i < 4; i++)
                put_route(request, i, flags);
        if (world.losses > 0) {
                world.losses--;
                kernel_answer()->os_errno = ENOBUFS;
                return;
        }
        kernel_answer();
        answer_done(request, 0);
}

static void answer(const struct nlmsghdr *request)
{
        switch (request->nlmsg_type) {
        case RTM_GETLINK:
                answer_link(request);
                break;
        case RTM_GETROUTE:
                answer_routes(request);
                break;
        case RTM_NEWROUTE:
                world.made++;
                if (world.loses_answers) {
                        kernel_answer()->os_errno = ENOBUFS;
                } else if (request->nlmsg_flags & NLM_F_ACK) {
                        kernel_answer();
                        kernel_error(request, 0, NULL);
                }
                break;
        default:
                fail_msg("asked for %u", request->nlmsg_type);
        }
}

static int fresh(void **state)
{
        memset(&world, 0, sizeof(world));
        kernel_fresh(state);
        kernel.answer_to = answer;
        return 0;
}

static size_t count(fbn_context *c, const fbn_route_filter *filter)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;

        assert_ok(c, fbn_route_list(c, filter, &routes));
        assert_string_equal(fbn_context_error(c), "");
        for (size_t i = 0; i < fbn_routes_count(routes); i++)
                assert_string_equal(fbn_routes_at(routes, i)->device, "eth0");
        return fbn_routes_count(routes);
}

static void a_kernel_that_ignores_the_filter_is_filtered_here(void **state)
{
        assert_int_equal(count(*state, NULL), 4);
        assert_int_equal(count(*state, FBN_OPTIONS(fbn_route_filter, .table = 7)), 2);
        assert_int_equal(count(*state, FBN_OPTIONS(fbn_route_filter, .protocol = 3)), 0);
        assert_int_equal(world.filtered, 2);
}

static void a_kernel_that_refuses_the_filter_is_asked_for_everything(void **state)
{
        world.refuses_filters = true;
        assert_int_equal(count(*state, FBN_OPTIONS(fbn_route_filter, .table = 7)), 2);
        assert_int_equal(world.filtered, 1);
        assert_int_equal(world.unfiltered, 1);
        assert_int_equal(count(*state, FBN_OPTIONS(fbn_route_filter, .table = 7)), 2); /* it is not asked twice */
        assert_int_equal(world.filtered, 1);
}

static void an_interrupted_dump_is_repeated_and_bounded(void **state)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;

        world.interruptions = 4;
        assert_int_equal(count(*state, NULL), 4);
        assert_int_equal(world.unfiltered, 5);
        world.interruptions = 1000;
        assert_failed(*state, fbn_route_list(*state, NULL, &routes), FBN_EINTERRUPTED, "try again");
        assert_int_equal(world.unfiltered, 10);
}

static void what_was_lost_for_want_of_room_is_read_again(void **state)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;

        world.losses = 2;
        assert_int_equal(count(*state, NULL), 4);
        assert_int_equal(world.unfiltered, 3);
        assert_int_equal(kernel.sockets, 3); /* the rest of a lost reply must not be taken for the next one */
        world.losses = 1000;
        assert_failed(*state, fbn_route_list(*state, NULL, &routes), FBN_EINTERRUPTED, "try again");
}

static void the_words_of_a_refused_dump_are_told(void **state)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;

        world.dump_text = "Unsupported attribute in dump request";
        assert_failed(*state, fbn_route_list(*state, NULL, &routes), FBN_EINVAL, "Unsupported attribute in dump request");
}

static int apply(fbn_context *c, uint8_t first, uint8_t last)
{
        FBN_CLEANUP(fbn_routes) want = NULL;

        assert_ok(c, fbn_routes_new(c, &want));
        for (uint8_t i = first; i <= last; i++)
                assert_ok(c, fbn_routes_add(c, want, FBN_OPTIONS(fbn_route, .device = "eth0", .table = i % 2 ? 7 : 0,
                                                                 .destination = {.address = {AF_INET, {10, 0, i}}, .length = 24})));
        return fbn_route_apply(c, want, NULL, NULL);
}

static void what_is_missing_is_believed_after_a_second_dump(void **state)
{
        assert_int_equal(apply(*state, 0, 3), 0);
        assert_int_equal(world.unfiltered, 1);
        assert_int_equal(apply(*state, 0, 5), 2);
        assert_int_equal(world.unfiltered, 3);
        assert_int_equal(world.made, 2);
}

/* The second dump sees what the first one missed. */
static void answer_late(const struct nlmsghdr *request)
{
        if (request->nlmsg_type == RTM_GETROUTE && ((const struct rtmsg *)mnl_nlmsg_get_payload(request))->rtm_family == AF_INET && world.unfiltered++ == 0) {
                kernel_answer();
                put_route(request, 0, 0);
                put_route(request, 2, 0);
                answer_done(request, 0);
                return;
        }
        answer(request);
}

static void what_one_dump_missed_is_not_made_again(void **state)
{
        kernel.answer_to = answer_late;
        assert_int_equal(apply(*state, 0, 3), 0);
        assert_int_equal(world.made, 0);
        assert_true(world.unfiltered >= 2);
}

/* Nobody knows then what was done: it is read, and in the end told. */
static void lost_answers_to_changes_end_in_a_new_comparison(void **state)
{
        world.loses_answers = true;
        assert_failed(*state, apply(*state, 0, 4), FBN_EPARTIAL, "No buffer space");
        assert_int_equal(world.made, 3);
        assert_int_equal(world.unfiltered, 6);
        world.loses_answers = false;
        assert_int_equal(apply(*state, 0, 4), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_kernel_that_ignores_the_filter_is_filtered_here, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(a_kernel_that_refuses_the_filter_is_asked_for_everything, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(an_interrupted_dump_is_repeated_and_bounded, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(what_was_lost_for_want_of_room_is_read_again, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(the_words_of_a_refused_dump_are_told, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(what_is_missing_is_believed_after_a_second_dump, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(what_one_dump_missed_is_not_made_again, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(lost_answers_to_changes_end_in_a_new_comparison, fresh, context_teardown),
        };

        return cmocka_run_group_tests(tests, kernel_install, NULL);
}
