/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/wireguard.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

/* Two peers swap two addresses, again and again, while datagrams go to both: each datagram arrives at one peer or the other, so at no
 * moment had an address no owner. vm/test_wireguard_moves.c includes this for the kernel's WireGuard. */

#ifndef BACKEND
#define BACKEND FBN_WIREGUARD_USERSPACE
#endif
#define SWAPS 100
#define ON_THE_WAY 16 /* datagrams */

struct side {
        const char *host, *device, *outer, *towards; /* its own address outside, and the hub's on that cable */
        fbn_context *c;
        fbn_secret *key;
        fbn_key public_key;
        int receiver;
        unsigned received;
};

static struct side hub = {.host = "hub", .device = "wgh", .receiver = -1};
static struct side spokes[2] = {{.host = "a", .device = "wga", .outer = "192.0.2.2", .towards = "192.0.2.1", .receiver = -1},
                                {.host = "b", .device = "wgb", .outer = "198.51.100.2", .towards = "198.51.100.1", .receiver = -1}};
static const char *const addresses[2] = {"10.9.0.2", "10.9.0.3"};
static int senders[2];

static int udp_socket(struct side *side)
{
        NAMESPACE_GUARD guard = {-1};
        int fd;

        assert_ok(side->c, namespace_enter(side->c, &guard));
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        return fd;
}

static struct sockaddr_in port_nine(const char *address)
{
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
        fbn_endpoint parsed = endpoint_of("0.0.0.0:9");

        if (address) {
                fbn_prefix prefix = prefix_of(address);

                parsed.address = prefix.address;
        }
        memcpy(&to.sin_addr, parsed.address.bytes, sizeof(to.sin_addr));
        return to;
}

static void side_start(struct side *side)
{
        namespace_new(side->host);
        side->c = namespace_context(side->host);
        assert_ok(side->c, fbn_key_generate(side->c, &side->key));
        assert_ok(side->c, fbn_key_public(side->c, side->key, &side->public_key));
        assert_int_equal(fbn_wireguard_create(side->c, side->device, FBN_OPTIONS(fbn_wireguard_create_options, .backend = BACKEND)), BACKEND);
}

static fbn_wireguard *configuration(struct side *side)
{
        fbn_wireguard *want;

        assert_ok(side->c,
                  fbn_wireguard_new(side->c, FBN_OPTIONS(fbn_wireguard_interface, .private_key = side->key, .listen_port = 51820), &want));
        return want;
}

static void add(struct side *side, fbn_wireguard *want, const struct side *other, const char *outer, const char *inner)
{
        char text[FBN_ADDRESS_TEXT];
        fbn_prefix allowed = prefix_of(inner);

        snprintf(text, sizeof(text), "%s:51820", outer);
        assert_ok(side->c, fbn_wireguard_add(side->c, want,
                                             FBN_OPTIONS(fbn_wireguard_peer, .public_key = other->public_key, .endpoint = endpoint_of(text),
                                                         .allowed_ips = &allowed, .n_allowed_ips = 1)));
}

/* A spoke has both addresses, since both come to it in turn. */
static void spoke_start(struct side *spoke)
{
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        struct sockaddr_in any = port_nine(NULL);

        side_start(spoke);
        want = configuration(spoke);
        add(spoke, want, &hub, spoke->towards, "10.9.0.1/32");
        assert_ok(spoke->c, fbn_wireguard_apply(spoke->c, spoke->device, want, NULL, NULL));
        for (unsigned i = 0; i < 2; i++)
                command("ip -n %s address add %s/24 dev %s", spoke->host, addresses[i], spoke->device);
        command("ip -n %s link set %s up", spoke->host, spoke->device);
        spoke->receiver = udp_socket(spoke);
        assert_int_equal(fcntl(spoke->receiver, F_SETFL, O_NONBLOCK), 0);
        assert_int_equal(bind(spoke->receiver, (struct sockaddr *)&any, sizeof(any)), 0);
}

static int start(void **state)
{
        side_start(&hub);
        for (unsigned i = 0; i < 2; i++)
                spoke_start(&spokes[i]);
        namespace_join("hub", "toa", "192.0.2.1/24", "a", "eth0", "192.0.2.2/24");
        namespace_join("hub", "tob", "198.51.100.1/24", "b", "eth0", "198.51.100.2/24");
        command("ip -n hub address add 10.9.0.1/24 dev wgh && ip -n hub link set wgh up");
        for (unsigned i = 0; i < 2; i++) {
                struct sockaddr_in to = port_nine(addresses[i]);

                senders[i] = udp_socket(&hub);
                assert_int_equal(connect(senders[i], (struct sockaddr *)&to, sizeof(to)), 0);
        }
        return 0;
}

static int stop(void **state)
{
        struct side *sides[] = {&hub, &spokes[0], &spokes[1]};

        for (unsigned i = 0; i < 3; i++) {
                fbn_secret_unref(sides[i]->key);
                fbn_context_unref(sides[i]->c);
        }
        return 0;
}

static void drain(void)
{
        char byte;

        for (unsigned i = 0; i < 2; i++)
                while (recv(spokes[i].receiver, &byte, 1, 0) == 1)
                        spokes[i].received++;
}

static atomic_bool over;
static unsigned sent, refused;

/* No more on the way than any queue holds, however late a busy machine is with them: false if they do not arrive at all. */
static bool arrived(unsigned but)
{
        for (int waited = 0; waited < 100000; waited++) {
                drain();
                if (spokes[0].received + spokes[1].received + but >= sent)
                        return true;
                usleep(100);
        }
        return false;
}

/* A datagram to each address as often as the machine can. */
static void *send_datagrams(void *data)
{
        while (!over && arrived(ON_THE_WAY)) {
                for (unsigned i = 0; i < 2; i++)
                        if (send(senders[i], "x", 1, 0) == 1)
                                sent++;
                        else
                                refused++;
                usleep(100);
        }
        return data;
}

/* The first address belongs to spoke number first, the second to the other. */
static void give(unsigned first, int changes)
{
        FBN_CLEANUP(fbn_wireguard) want = configuration(&hub);

        for (unsigned i = 0; i < 2; i++)
                add(&hub, want, &spokes[i], spokes[i].outer, addresses[i == first ? 0 : 1]);
        assert_int_equal(fbn_wireguard_apply(hub.c, "wgh", want, NULL, NULL), changes);
}

static void addresses_that_move_always_have_an_owner(void **state)
{
        pthread_t thread;

        give(0, 4);
        for (unsigned i = 0; i < 2; i++)
                command("ip netns exec hub ping -c1 -W5 %s >/dev/null", addresses[i]);
        assert_int_equal(pthread_create(&thread, NULL, send_datagrams, NULL), 0);
        for (unsigned i = 1; i <= SWAPS; i++) {
                give(i % 2, 4);
                poll(NULL, 0, 5);
        }
        over = true;
        pthread_join(thread, NULL);
        arrived(0);
        print_message("%u datagrams, %u to one, %u to the other\n", sent, spokes[0].received, spokes[1].received);
        assert_int_equal(refused, 0);
        assert_true(spokes[0].received > SWAPS && spokes[1].received > SWAPS);
        assert_int_equal(spokes[0].received + spokes[1].received, sent);
        assert_agrees_with_wg(hub.c, "hub", "wgh");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(addresses_that_move_always_have_an_owner)};

        namespace_sandbox();
        return cmocka_run_group_tests_name("allowed IPs that move", tests, start, stop);
}
