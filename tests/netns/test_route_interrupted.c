/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/route.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

/* The kernel says that its routes changed while they were read: then they are read again from the start. */
static unsigned interruptions;

static ssize_t interrupting_recvmsg(int fd, struct msghdr *message, int flags)
{
        ssize_t length = recvmsg(fd, message, flags);
        struct nlmsghdr *header = message->msg_iov->iov_base;

        if (length >= (ssize_t)sizeof(*header) && header->nlmsg_type == RTM_NEWROUTE && interruptions > 0) {
                header->nlmsg_flags |= NLM_F_DUMP_INTR;
                interruptions--;
        }
        return length;
}

static int apply(fbn_context *c, unsigned first, unsigned last)
{
        FBN_CLEANUP(fbn_routes) want = NULL;
        int r;

        assert_ok(c, fbn_routes_new(c, &want));
        for (unsigned i = first; i <= last; i++) {
                fbn_route route = {.size = sizeof(route), .device = "eth0"};
                char text[FBN_ADDRESS_TEXT];

                snprintf(text, sizeof(text), i % 2 ? "10.%u.0.0/16" : "fd00:%u::/32", i);
                assert_int_equal(fbn_prefix_parse(text, &route.destination), 0);
                assert_ok(c, fbn_routes_add(c, want, &route));
        }
        r = fbn_route_apply(c, want, NULL, NULL);
        assert_int_equal(interruptions, 0);
        return r;
}

static void an_interrupted_read_leaves_routes_that_are_as_wanted(void **state)
{
        fbn_context *c;

        namespace_new("host");
        command("ip -n host link add eth0 type veth peer name eth1 && ip -n host link set eth0 up && ip -n host link set eth1 up");
        c = namespace_context("host");
        assert_int_equal(apply(c, 1, 9), 9);
        interruptions = 1;
        assert_int_equal(apply(c, 1, 9), 0);
        interruptions = 2;
        assert_int_equal(apply(c, 1, 9), 0);
        interruptions = 1;
        assert_int_equal(apply(c, 2, 10), 2);
        assert_int_equal(apply(c, 2, 10), 0);
        command("test $(ip -n host route show proto 251 | wc -l) = 4 && test $(ip -n host -6 route show proto 251 | wc -l) = 5");
        fbn_context_unref(c);
        namespace_delete("host");
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(an_interrupted_read_leaves_routes_that_are_as_wanted)};

        namespace_sandbox();
        assert_int_equal(fbn_set_tables(NULL, FBN_OPTIONS(fbn_system_calls, .recvmsg = interrupting_recvmsg)), 0);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
