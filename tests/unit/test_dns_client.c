/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "dns/stub.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static fbn_dns_stub *stub_new(fbn_context *c)
{
        const fbn_endpoint upstream = {.address = {AF_INET, {127, 0, 0, 1}}, .port = 9};
        const fbn_endpoint listen = {.address = {AF_INET, {127, 0, 0, 1}}};
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        fbn_dns_stub *stub = NULL;

        assert_ok(c, fbn_dns_routes_new(c, &routes));
        assert_ok(c, fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = ".", .upstreams = &upstream, .n_upstreams = 1)));
        assert_ok(c, fbn_dns_stub_new(c, routes, FBN_OPTIONS(fbn_dns_stub_options, .listen = &listen, .n_listen = 1), &stub));
        return stub;
}

static int client_connect(const fbn_dns_stub *stub)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(fbn_dns_stub_address(stub, 0).port)};
        int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096;

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

/* Answers of 60,000 bytes come as long as the connection may ask, and it takes them so slowly that some always waits. */
static void a_client_that_never_takes_all_costs_bounded_memory(void **state)
{
        static uint8_t answer[60000], taken[16384];
        FBN_CLEANUP(fbn_dns_stub) stub = stub_new(*state);
        size_t sent = 0, largest = 0;
        int fd = client_connect(stub), small = 4096;

        while (list_empty(&stub->idle.timers))
                assert_ok(*state, fbn_dns_stub_process(*state, stub));
        /* The kernel takes little at a time, as towards a host far away. */
        setsockopt(CONTAINER_OF(stub->idle.timers.next, struct client, idle.entry)->grave.source.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
        for (unsigned i = 0; i < 100000 && sent < 16 << 20; i++) {
                struct client *client = CONTAINER_OF(stub->idle.timers.next, struct client, idle.entry);

                for (; client->out_length - client->out_sent < 65536; sent += sizeof(answer))
                        client_send(stub, client, answer, sizeof(answer));
                largest = MAX(largest, client->out_capacity);
                recv(fd, taken, sizeof(taken), MSG_DONTWAIT);
                assert_ok(*state, fbn_dns_stub_process(*state, stub));
                assert_false(list_empty(&stub->idle.timers));
        }
        close(fd);
        assert_true(sent >= 16 << 20);
        assert_true(largest <= 262144);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_client_that_never_takes_all_costs_bounded_memory),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
