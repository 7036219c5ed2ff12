/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is sent to the kernel: in how many messages, and with which flags. */
#include "unit/kernel.h"

#include "wireguard/difference.h"
#include "wireguard/kernel.h"

#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <stdlib.h>

#undef fail /* ours, not cmocka's */

#define FAMILY 77

/* One peer of one message. */
struct sent {
        uint8_t key;
        uint32_t flags;
        bool members; /* more than key, flags and allowed IPs */
        size_t n_allowed_ips;
};

static struct {
        struct sent peers[4096];
        size_t count, messages, dumps;
        size_t lengths[64];
} seen;

static size_t count_nested(const struct nlattr *nest)
{
        const struct nlattr *attribute;
        size_t count = 0;

        if (nest)
                mnl_attr_for_each_nested(attribute, nest)
                        count++;
        return count;
}

static void see_peer(const struct nlattr *nest)
{
        struct sent *sent = &seen.peers[seen.count++];
        const struct nlattr *table[WGPEER_A_MAX + 1];

        assert_in_range(seen.count, 1, ARRAY_SIZE(seen.peers));
        netlink_nested(nest, table, ARRAY_SIZE(table));
        sent->key = *(uint8_t *)mnl_attr_get_payload(table[WGPEER_A_PUBLIC_KEY]);
        sent->flags = netlink_u32(table[WGPEER_A_FLAGS]);
        sent->members = table[WGPEER_A_PRESHARED_KEY] || table[WGPEER_A_ENDPOINT] || table[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL];
        sent->n_allowed_ips = count_nested(table[WGPEER_A_ALLOWEDIPS]);
}

static void tell_family(const struct nlmsghdr *request)
{
        struct nlmsghdr *message;

        kernel_answer();
        message = kernel_message(request->nlmsg_seq, GENL_ID_CTRL, 0, sizeof(struct genlmsghdr));
        mnl_attr_put_u16(message, CTRL_ATTR_FAMILY_ID, FAMILY);
        kernel.queue[kernel.count - 1].length = message->nlmsg_len;
        kernel_answer();
        kernel_error(request, 0, NULL);
}

static void answer_to(const struct nlmsghdr *request)
{
        const struct genlmsghdr *header = mnl_nlmsg_get_payload(request);
        const struct nlattr *table[WGDEVICE_A_MAX + 1], *peer;

        kernel.count = kernel.first = 0;
        if (request->nlmsg_type == GENL_ID_CTRL) {
                tell_family(request);
                return;
        }
        assert_int_equal(request->nlmsg_type, FAMILY);
        kernel_answer();
        if (header->cmd == WG_CMD_GET_DEVICE) {
                seen.dumps++;
                kernel_message(request->nlmsg_seq, NLMSG_DONE, NLM_F_MULTI, sizeof(int));
                return;
        }
        netlink_attributes(request, sizeof(*header), table, ARRAY_SIZE(table));
        seen.lengths[seen.messages++] = request->nlmsg_len;
        if (table[WGDEVICE_A_PEERS])
                mnl_attr_for_each_nested(peer, table[WGDEVICE_A_PEERS])
                        see_peer(peer);
        kernel_error(request, 0, NULL);
}

static int fresh(void **state)
{
        int r = kernel_fresh(state);

        memset(&seen, 0, sizeof(seen));
        kernel.answer_to = answer_to;
        return r;
}

/* n allowed IPs from number first on; the list is the test's, one at a time. */
static const fbn_prefix *prefixes(size_t first, size_t n)
{
        static fbn_prefix list[8192];

        for (size_t i = 0; i < n; i++)
                list[i] = (fbn_prefix){{AF_INET, {10, (uint8_t)((first + i) >> 16), (uint8_t)((first + i) >> 8), (uint8_t)(first + i)}}, 32};
        return list;
}

static fbn_key key_of(uint8_t first, size_t number)
{
        return (fbn_key){{first, (uint8_t)(number >> 8), (uint8_t)number, 1}};
}

static void add(fbn_context *c, fbn_wireguard *wireguard, fbn_key key, uint16_t keepalive, const fbn_prefix *allowed_ips, size_t n)
{
        assert_ok(c, fbn_wireguard_add(c, wireguard,
                                       FBN_OPTIONS(fbn_wireguard_peer, .public_key = key, .keepalive = keepalive,
                                                   .endpoint = {.address = {AF_INET, {203, 0, 113, 1}}, .port = 51820},
                                                   .allowed_ips = allowed_ips, .n_allowed_ips = n)));
}

static void send_difference(fbn_context *c, const fbn_wireguard *have, const fbn_wireguard *want)
{
        _cleanup_(difference_free) struct difference difference = {0};

        assert_ok(c, difference_new(c, "wg0", have, want, 0, &difference));
        assert_ok(c, kernel_set(c, "wg0", &difference.update));
}

static void two_thousand_new_peers_go_in_messages_of_sixty_kibibytes(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        size_t total = 0;

        assert_ok(*state, fbn_wireguard_new(*state, NULL, &have));
        assert_ok(*state, fbn_wireguard_new(*state, NULL, &want));
        for (size_t i = 0; i < 2000; i++)
                add(*state, want, key_of(1, i), 25, prefixes(2 * i, 2), 2);
        send_difference(*state, have, want);
        assert_int_equal(seen.count, 2000);
        for (size_t i = 0; i < seen.messages; i++) {
                assert_in_range(seen.lengths[i], i + 1 < seen.messages ? 60000 : 1, 61440);
                total += seen.lengths[i];
        }
        assert_int_equal(seen.messages, (total + 61439) / 61440);
}

static void fragments_of_a_large_peer_only_update_it(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        size_t total = 0;

        assert_ok(*state, fbn_wireguard_new(*state, NULL, &have));
        assert_ok(*state, fbn_wireguard_new(*state, NULL, &want));
        add(*state, want, key_of(1, 1), 25, prefixes(0, 5000), 5000);
        send_difference(*state, have, want);
        assert_int_equal(seen.count, 3); /* 28 bytes each */
        for (size_t i = 0; i < seen.count; i++) {
                assert_int_equal(seen.peers[i].flags, i == 0 ? 0 : WGPEER_F_UPDATE_ONLY);
                assert_int_equal(seen.peers[i].members, i == 0);
                total += seen.peers[i].n_allowed_ips;
        }
        assert_int_equal(total, 5000);
}

static void allowed_ips_of_a_running_peer_are_never_replaced(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;

        assert_ok(*state, fbn_wireguard_new(*state, NULL, &have));
        assert_ok(*state, fbn_wireguard_new(*state, NULL, &want));
        add(*state, have, key_of(1, 0), 0, prefixes(0, 100), 100);
        add(*state, want, key_of(1, 0), 0, prefixes(50, 100), 100); /* loses fifty, wins fifty */
        add(*state, have, key_of(2, 0), 0, prefixes(1000, 100), 100);
        add(*state, want, key_of(2, 0), 5, prefixes(1000, 100), 100); /* another keepalive */
        add(*state, have, key_of(3, 0), 0, prefixes(2000, 100), 100);
        add(*state, want, key_of(3, 0), 0, prefixes(2000, 100), 100); /* as it is */
        send_difference(*state, have, want);
        for (size_t i = 0; i < seen.count; i++) {
                const struct sent *sent = &seen.peers[i];

                assert_false(sent->flags & WGPEER_F_REPLACE_ALLOWEDIPS);
                assert_int_not_equal(sent->key, 3);
                assert_int_equal(sent->n_allowed_ips, sent->key == 2 ? 0 : 50);
                assert_true(sent->flags & WGPEER_F_UPDATE_ONLY);
        }
        assert_int_equal(seen.count, 3); /* add, take, keepalive */
}

static void without_a_difference_nothing_is_sent(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;

        assert_ok(*state, fbn_wireguard_new(*state, NULL, &have));
        add(*state, have, key_of(1, 0), 0, prefixes(0, 100), 100);
        send_difference(*state, have, have);
        assert_int_equal(seen.messages, 0);
}

/* A dump's batches are as large as the largest read, up to 32 KiB. */
static void dumps_are_read_by_thirty_two_kibibytes(void **state)
{
        FBN_CLEANUP(fbn_wireguard) into = NULL;

        assert_ok(*state, fbn_wireguard_new(*state, NULL, &into));
        assert_ok(*state, kernel_get(*state, "wg0", into));
        assert_int_equal(seen.dumps, 1);
        assert_int_equal(kernel.room, 32768);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(two_thousand_new_peers_go_in_messages_of_sixty_kibibytes, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(fragments_of_a_large_peer_only_update_it, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(allowed_ips_of_a_running_peer_are_never_replaced, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(without_a_difference_nothing_is_sent, fresh, context_teardown),
                cmocka_unit_test_setup_teardown(dumps_are_read_by_thirty_two_kibibytes, fresh, context_teardown),
        };

        return cmocka_run_group_tests(tests, kernel_install, NULL);
}
