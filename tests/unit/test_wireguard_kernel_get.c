/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dump reader against a scripted kernel: what real ones do under load or by mistake, one thing at a time. */
#include "unit/kernel.h"

#include "wireguard/configuration.h"
#include "wireguard/kernel.h"

#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <netinet/in.h>

#undef fail

#define FAMILY 0x22

static void (*script)(uint32_t sequence); /* answers a dump */
static unsigned dumps;

static struct nlmsghdr *newest;

static void grown(void)
{
        struct answer *answer = &kernel.queue[kernel.count - 1];

        answer->length = (size_t)((char *)mnl_nlmsg_get_payload_tail(newest) - answer->bytes);
}

/* A datagram with one message of a dump. */
static void message(uint32_t sequence, uint16_t flags)
{
        kernel_answer();
        newest = kernel_message(sequence, FAMILY, NLM_F_MULTI | flags, sizeof(struct genlmsghdr));
}

static void device(void)
{
        static const uint8_t key[KEY_BYTES] = {1, 2, 3};

        mnl_attr_put_u32(newest, WGDEVICE_A_IFINDEX, 7);
        mnl_attr_put_strz(newest, WGDEVICE_A_IFNAME, "wg0");
        mnl_attr_put(newest, WGDEVICE_A_PRIVATE_KEY, sizeof(key), key);
        mnl_attr_put_u16(newest, WGDEVICE_A_LISTEN_PORT, 51820);
        mnl_attr_put_u32(newest, WGDEVICE_A_FWMARK, 0xca6c);
        grown();
}

static void done(uint32_t sequence, uint16_t flags)
{
        kernel_answer();
        kernel_message(sequence, NLMSG_DONE, NLM_F_MULTI | flags, sizeof(int));
}

static void allowed_ip(uint16_t family, const char *address, uint8_t length)
{
        uint8_t bytes[16] = {0};
        struct nlattr *nest = mnl_attr_nest_start(newest, 0);

        if (family == AF_INET || family == AF_INET6)
                assert_int_equal(inet_pton(family, address, bytes), 1);
        mnl_attr_put_u16(newest, WGALLOWEDIP_A_FAMILY, family);
        mnl_attr_put(newest, WGALLOWEDIP_A_IPADDR, family == AF_INET6 ? 16 : 4, bytes);
        mnl_attr_put_u8(newest, WGALLOWEDIP_A_CIDR_MASK, length);
        mnl_attr_nest_end(newest, nest);
}

/* A peer with key {letter, 1, 1 …}, whole or what a split one repeats; addresses: allowed IPs of length 32, ended by NULL. */
static void peer(char letter, bool whole, const char *const *addresses)
{
        const struct sockaddr_in6 endpoint = {
                .sin6_family = AF_INET6, .sin6_port = htons(5), .sin6_addr.s6_addr = {0xfe, 0x80, [15] = 1}, .sin6_scope_id = 3};
        const struct __kernel_timespec handshake = {.tv_sec = 1700000000, .tv_nsec = 5};
        struct nlattr *peers = mnl_attr_nest_start(newest, WGDEVICE_A_PEERS), *nest = mnl_attr_nest_start(newest, 0), *list;
        uint8_t key[KEY_BYTES];

        memset(key, 1, sizeof(key));
        key[0] = (uint8_t)letter;
        mnl_attr_put(newest, WGPEER_A_PUBLIC_KEY, sizeof(key), key);
        if (whole) {
                mnl_attr_put(newest, WGPEER_A_PRESHARED_KEY, sizeof(key), key);
                mnl_attr_put(newest, WGPEER_A_ENDPOINT, sizeof(endpoint), &endpoint);
                mnl_attr_put_u16(newest, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 25);
                mnl_attr_put(newest, WGPEER_A_LAST_HANDSHAKE_TIME, sizeof(handshake), &handshake);
                mnl_attr_put_u64(newest, WGPEER_A_RX_BYTES, 11);
                mnl_attr_put_u64(newest, WGPEER_A_TX_BYTES, UINT64_C(1) << 40);
                mnl_attr_put_u32(newest, WGPEER_A_PROTOCOL_VERSION, 1);
        }
        list = mnl_attr_nest_start(newest, WGPEER_A_ALLOWEDIPS);
        for (; addresses && *addresses; addresses++)
                allowed_ip(AF_INET, *addresses, 32);
        mnl_attr_nest_end(newest, list);
        mnl_attr_nest_end(newest, nest);
        mnl_attr_nest_end(newest, peers);
        grown();
}

#define ADDRESSES(...) (const char *const[]){__VA_ARGS__, NULL}

static void answer_to(const struct nlmsghdr *request)
{
        if (request->nlmsg_type == GENL_ID_CTRL) {
                kernel_answer();
                newest = kernel_message(request->nlmsg_seq, GENL_ID_CTRL, 0, sizeof(struct genlmsghdr));
                mnl_attr_put_u16(newest, CTRL_ATTR_FAMILY_ID, FAMILY);
                grown();
                kernel_answer();
                kernel_error(request, 0, NULL);
                return;
        }
        dumps++;
        assert_int_equal(request->nlmsg_type, FAMILY);
        assert_int_equal(request->nlmsg_flags & NLM_F_DUMP, NLM_F_DUMP);
        script(request->nlmsg_seq);
}

static int get(fbn_context *c, void (*with)(uint32_t sequence), fbn_wireguard **ret_wireguard)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        int r;

        kernel.answer_to = answer_to;
        kernel.first = kernel.count = 0;
        script = with;
        dumps = 0;
        assert_ok(c, fbn_wireguard_new(c, FBN_OPTIONS(fbn_wireguard_interface, .backend = FBN_WIREGUARD_KERNEL), &wireguard));
        r = kernel_get(c, "wg0", wireguard);
        if (r == 0 && ret_wireguard)
                *ret_wireguard = fbn_wireguard_ref(wireguard);
        return r;
}

static void split(uint32_t sequence)
{
        message(sequence, 0);
        device();
        peer('a', true, ADDRESSES("10.0.0.3", "10.0.0.1"));
        message(sequence, 0);
        peer('a', false, ADDRESSES("10.0.0.2"));
        message(sequence, 0);
        peer('a', false, ADDRESSES("10.0.0.4"));
        message(sequence, 0);
        peer('b', true, NULL);
        message(sequence, 0);
        peer('b', false, ADDRESSES("10.0.0.5"));
        done(sequence, 0);
}

static void split_peers_are_joined_with_all_they_have(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        const fbn_wireguard_peer *a;

        assert_ok(*state, get(*state, split, &have));
        assert_int_equal(fbn_wireguard_interface_of(have)->listen_port, 51820);
        assert_int_equal(fbn_wireguard_interface_of(have)->fwmark, 0xca6c);
        assert_non_null(fbn_wireguard_interface_of(have)->private_key);
        assert_int_equal(fbn_wireguard_count(have), 2);
        a = fbn_wireguard_at(have, 0);
        assert_int_equal(a->n_allowed_ips, 4);
        assert_int_equal(a->keepalive, 25);
        assert_non_null(a->preshared_key);
        assert_true(a->last_handshake == INT64_C(1700000000000000005));
        assert_true(a->received == 11 && a->sent == UINT64_C(1) << 40);
        assert_int_equal(a->protocol_version, 1);
        assert_int_equal(fbn_wireguard_at(have, 1)->n_allowed_ips, 1);
}

static void the_zone_of_an_endpoint_is_read(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        char text[FBN_ADDRESS_TEXT];

        assert_ok(*state, get(*state, split, &have));
        assert_string_equal(fbn_endpoint_format(&fbn_wireguard_at(have, 0)->endpoint, text, sizeof(text)), "[fe80::1%3]:5");
}

static void interrupted_once(uint32_t sequence)
{
        message(sequence, dumps == 1 ? NLM_F_DUMP_INTR : 0);
        device();
        peer(dumps == 1 ? 'x' : 'a', true, ADDRESSES("10.0.0.1"));
        done(sequence, 0);
}

static void an_interrupted_dump_is_forgotten_and_repeated(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;

        assert_ok(*state, get(*state, interrupted_once, &have));
        assert_int_equal(dumps, 2);
        assert_int_equal(fbn_wireguard_count(have), 1);
        assert_int_equal(fbn_wireguard_at(have, 0)->public_key.bytes[0], 'a');
        assert_int_equal(fbn_wireguard_at(have, 0)->n_allowed_ips, 1);
}

static void interrupted_at_its_end(uint32_t sequence)
{
        message(sequence, 0);
        device();
        done(sequence, NLM_F_DUMP_INTR);
}

static void one_that_never_comes_whole_is_given_up(void **state)
{
        assert_failed(*state, get(*state, interrupted_at_its_end, NULL), FBN_EINTERRUPTED, "changed during each of 5 reads");
        assert_int_equal(dumps, 5);
}

static void repeats_the_device(uint32_t sequence)
{
        for (unsigned i = 0; i < 40; i++) {
                message(sequence, 0);
                device();
        }
}

static void repeats_a_peer(uint32_t sequence)
{
        message(sequence, 0);
        device();
        for (unsigned i = 0; i < 40; i++) {
                if (i)
                        message(sequence, 0);
                peer('a', i == 0, NULL);
        }
}

static void a_kernel_that_repeats_itself_is_found_out(void **state)
{
        assert_failed(*state, get(*state, repeats_the_device, NULL), FBN_EPROTOCOL, "repeats itself");
        assert_in_range(kernel.first, 2, 20);
        assert_failed(*state, get(*state, repeats_a_peer, NULL), FBN_EPROTOCOL, "repeats itself");
        assert_in_range(kernel.first, 2, 20);
}

static void comes_back_to_a_peer(uint32_t sequence)
{
        message(sequence, 0);
        device();
        peer('a', true, ADDRESSES("10.0.0.1"));
        message(sequence, 0);
        peer('b', true, NULL);
        message(sequence, 0);
        peer('a', false, ADDRESSES("10.0.0.2"));
        done(sequence, 0);
}

static void a_peer_that_comes_twice_is_no_answer(void **state)
{
        assert_failed(*state, get(*state, comes_back_to_a_peer, NULL), FBN_EPROTOCOL, "twice");
}

static void wrong_length(uint32_t sequence)
{
        struct nlattr *peers, *nest, *list;

        message(sequence, 0);
        device();
        peers = mnl_attr_nest_start(newest, WGDEVICE_A_PEERS);
        nest = mnl_attr_nest_start(newest, 0);
        mnl_attr_put(newest, WGPEER_A_PUBLIC_KEY, KEY_BYTES, (uint8_t[KEY_BYTES]){1});
        list = mnl_attr_nest_start(newest, WGPEER_A_ALLOWEDIPS);
        allowed_ip(AF_INET, "10.0.0.1", 33);
        mnl_attr_nest_end(newest, list);
        mnl_attr_nest_end(newest, nest);
        mnl_attr_nest_end(newest, peers);
        grown();
        done(sequence, 0);
}

static void wrong_family(uint32_t sequence)
{
        struct nlattr *peers, *nest, *list;

        message(sequence, 0);
        device();
        peers = mnl_attr_nest_start(newest, WGDEVICE_A_PEERS);
        nest = mnl_attr_nest_start(newest, 0);
        mnl_attr_put(newest, WGPEER_A_PUBLIC_KEY, KEY_BYTES, (uint8_t[KEY_BYTES]){1});
        list = mnl_attr_nest_start(newest, WGPEER_A_ALLOWEDIPS);
        allowed_ip(99, NULL, 8);
        mnl_attr_nest_end(newest, list);
        mnl_attr_nest_end(newest, nest);
        mnl_attr_nest_end(newest, peers);
        grown();
        done(sequence, 0);
}

static void allowed_ips_that_make_no_sense_are_refused(void **state)
{
        assert_failed(*state, get(*state, wrong_length, NULL), FBN_EPROTOCOL, "makes no sense");
        assert_failed(*state, get(*state, wrong_family, NULL), FBN_EPROTOCOL, "makes no sense");
}

static void refused(uint32_t sequence)
{
        kernel_answer();
        kernel_error(&(struct nlmsghdr){.nlmsg_seq = sequence}, ENODEV, NULL);
}

static void given_up_midway(uint32_t sequence)
{
        struct nlmsghdr *end;

        message(sequence, 0);
        device();
        kernel_answer();
        end = kernel_message(sequence, NLMSG_DONE, NLM_F_MULTI, sizeof(int));
        *(int *)mnl_nlmsg_get_payload(end) = -EMSGSIZE;
}

static void cut_off(uint32_t sequence)
{
        message(sequence, 0);
        device();
        kernel.queue[kernel.count - 1].flags = MSG_TRUNC;
}

static void of_somebody_else(uint32_t sequence)
{
        message(sequence, 0);
        device();
        peer('x', true, NULL);
        kernel.queue[kernel.count - 1].from = 4711;
        message(sequence, 0);
        device();
        done(sequence, 0);
}

static void failures_of_a_dump_are_failures_of_the_reading(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;

        assert_failed(*state, get(*state, refused, NULL), FBN_ENOENT, "No such device");
        assert_failed(*state, get(*state, given_up_midway, NULL), FBN_ESYSTEM, "Message too long");
        assert_failed(*state, get(*state, cut_off, NULL), FBN_EPROTOCOL, "larger than");
        assert_ok(*state, get(*state, of_somebody_else, &have));
        assert_int_equal(fbn_wireguard_count(have), 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(split_peers_are_joined_with_all_they_have, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(the_zone_of_an_endpoint_is_read, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(an_interrupted_dump_is_forgotten_and_repeated, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(one_that_never_comes_whole_is_given_up, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(a_kernel_that_repeats_itself_is_found_out, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(a_peer_that_comes_twice_is_no_answer, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(allowed_ips_that_make_no_sense_are_refused, kernel_fresh, context_teardown),
                cmocka_unit_test_setup_teardown(failures_of_a_dump_are_failures_of_the_reading, kernel_fresh, context_teardown),
        };

        return cmocka_run_group_tests_name("reading the kernel's WireGuard", tests, kernel_install, NULL);
}
