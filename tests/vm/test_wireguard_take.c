/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/wireguard.h"

#include <libmnl/libmnl.h>
#include <sys/utsname.h>

/* How single allowed IPs are taken away: by name where the kernel can (6.16), else through a peer that comes and goes. What is sent is
 * looked at; which of the two it has to be follows from the kernel's release. */

#define ALLOWED 5

static fbn_context *c; /* of the namespace "here" */

static struct {
        unsigned messages;
        unsigned named;   /* allowed IPs with flags */
        unsigned created; /* peers without UPDATE_ONLY */
} sent;

static void look_at_allowed_ips(const struct nlattr *list)
{
        const struct nlattr *allowed_ip, *attribute;

        mnl_attr_for_each_nested(allowed_ip, list)
                mnl_attr_for_each_nested(attribute, allowed_ip)
                        if (mnl_attr_get_type(attribute) == 4) /* WGALLOWEDIP_A_FLAGS */
                                sent.named++;
}

static void look_at_peer(const struct nlattr *peer)
{
        const struct nlattr *attribute;

        mnl_attr_for_each_nested(attribute, peer) {
                if (mnl_attr_get_type(attribute) == WGPEER_A_FLAGS && !(mnl_attr_get_u32(attribute) & WGPEER_F_UPDATE_ONLY))
                        sent.created++;
                if (mnl_attr_get_type(attribute) == WGPEER_A_ALLOWEDIPS)
                        look_at_allowed_ips(attribute);
        }
}

static ssize_t looking_sendmsg(int fd, const struct msghdr *message, int flags)
{
        const struct nlmsghdr *header = message->msg_iov->iov_base;
        const struct sockaddr *to = message->msg_name;
        const struct nlattr *attribute, *peer;

        if (to && to->sa_family == AF_NETLINK && header->nlmsg_type > GENL_ID_CTRL &&
            ((const struct genlmsghdr *)mnl_nlmsg_get_payload(header))->cmd == WG_CMD_SET_DEVICE) {
                sent.messages++;
                mnl_attr_for_each(attribute, header, sizeof(struct genlmsghdr))
                        if (mnl_attr_get_type(attribute) == WGDEVICE_A_PEERS)
                                mnl_attr_for_each_nested(peer, attribute)
                                        look_at_peer(peer);
        }
        return sendmsg(fd, message, flags);
}

static bool kernel_can(void)
{
        struct utsname name;
        int major = 0, minor = 0;

        assert_int_equal(uname(&name), 0);
        assert_int_equal(sscanf(name.release, "%d.%d", &major, &minor), 2);
        return major > 6 || (major == 6 && minor >= 16);
}

/* Apply one peer with allowed IPs first … last - 1 of 10.0.x.0/24 and see wg agree. */
static void apply(unsigned first, unsigned last, int changes)
{
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        fbn_prefix allowed[ALLOWED];
        char text[FBN_ADDRESS_TEXT];

        for (unsigned i = first; i < last; i++) {
                snprintf(text, sizeof(text), "10.0.%u.0/24", i);
                allowed[i - first] = prefix_of(text);
        }
        assert_ok(c, fbn_wireguard_new(c, NULL, &want));
        assert_ok(c, fbn_wireguard_add(c, want,
                                       FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{1}}, .allowed_ips = allowed,
                                                   .n_allowed_ips = last - first)));
        memset(&sent, 0, sizeof(sent));
        assert_int_equal(fbn_wireguard_apply(c, "wgt", want, NULL, NULL), changes);
        assert_agrees_with_wg(c, "here", "wgt");
}

static void assert_sent(unsigned messages, unsigned named, unsigned created)
{
        assert_int_equal(sent.messages, messages);
        assert_int_equal(sent.named, named);
        assert_int_equal(sent.created, created);
}

static void the_kernel_is_asked_once_and_its_answer_is_used(void **state)
{
        print_message("this kernel %s\n", kernel_can() ? "takes allowed IPs away by name" : "knows no flags of allowed IPs");
        assert_int_equal(fbn_wireguard_create(c, "wgt", NULL), FBN_WIREGUARD_KERNEL);
        apply(0, 5, 1);
        assert_sent(1, 0, 1);
        apply(1, 5, 1); /* asks: a message that an old kernel refuses comes first */
        if (kernel_can())
                assert_sent(1, 1, 0);
        else
                assert_sent(2, 1, 1);
        apply(2, 4, 2);
        if (kernel_can())
                assert_sent(1, 2, 0);
        else
                assert_sent(1, 0, 1);
        apply(3, 3, 2);
        apply(0, 5, 5);
        assert_sent(1, 0, 0);
        apply(0, 5, 0);
        assert_sent(0, 0, 0);
}

static void another_context_asks_for_itself(void **state)
{
        fbn_context *first = c;

        c = namespace_context("here");
        apply(0, 4, 1);
        assert_sent(kernel_can() ? 1 : 2, 1, kernel_can() ? 0 : 1);
        fbn_context_unref(c);
        c = first;
}

static int start(void **state)
{
        namespace_new("here");
        c = namespace_context("here");
        return 0;
}

static int stop(void **state)
{
        fbn_context_unref(c);
        return 0;
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_kernel_is_asked_once_and_its_answer_is_used),
                cmocka_unit_test(another_context_asks_for_itself),
        };

        namespace_sandbox();
        assert_int_equal(fbn_set_tables(NULL, FBN_OPTIONS(fbn_system_calls, .sendmsg = looking_sendmsg)), 0);
        return cmocka_run_group_tests_name("allowed IPs taken away", tests, start, stop);
}
