/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETNS_DNS_WORLD_H
#define NETNS_DNS_WORLD_H

/* Where the stub is tested: its host, a resolver on the other end of a cable, and a client's side of the conversation. */
#include "unit/test.h"

#include "dns/reply.h"
#include "netns/dns_upstream.h"

#include <fabricnet/dns.h>

#define TIMEOUT 300 /* of the stub for one upstream, in milliseconds */
#define PORT 5353
#define CLIENT_ID 0x1111

/* host runs the stub; resolver, on the other end of a cable, runs unbound, the liar and the honest one. */
static fbn_context *host, *resolver;
static struct upstream liar, honest;

struct stub {
        fbn_context *c;
        fbn_dns_stub *stub;
        pthread_t thread;
        int result;
};

static inline fbn_endpoint endpoint(const char *text)
{
        fbn_endpoint endpoint;

        assert_int_equal(fbn_endpoint_parse(text, &endpoint), 0);
        return endpoint;
}

static inline void route(fbn_context *c, fbn_dns_routes *routes, const char *suffix, const char *first, const char *second)
{
        fbn_endpoint upstreams[2];

        upstreams[0] = endpoint(first);
        upstreams[1] = endpoint(second ? second : first);
        assert_ok(c, fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = suffix, .upstreams = upstreams, .n_upstreams = second ? 2 : 1)));
}

#define LIAR "192.0.2.1:5301"
#define HONEST "192.0.2.1:5302"
#define NOBODY "192.0.2.1:5399"
#define NOWHERE "203.0.113.1:53" /* no route leads there */
#define UNBOUND "192.0.2.1:53"

static inline fbn_dns_routes *all_routes(fbn_context *c)
{
        fbn_dns_routes *routes = NULL;

        assert_ok(c, fbn_dns_routes_new(c, &routes));
        route(c, routes, "pair.example", LIAR, HONEST);
        route(c, routes, "lone.example", LIAR, NULL);
        route(c, routes, "local.example", UNBOUND, NULL);
        route(c, routes, "local6.example", "[2001:db8::1]:53", NULL);
        route(c, routes, "dead.example", NOBODY, NULL);
        route(c, routes, "dying.example", NOBODY, HONEST);
        route(c, routes, "lost.example", NOWHERE, HONEST);
        route(c, routes, "20.168.192.in-addr.arpa", HONEST, NULL);
        route(c, routes, ".", HONEST, NULL);
        return routes;
}

static inline void *stub_main(void *data)
{
        struct stub *stub = data;

        stub->result = fbn_dns_stub_run(stub->c, stub->stub);
        return NULL;
}

static inline void stub_begin(struct stub *stub, fbn_dns_routes *routes, const fbn_dns_stub_options *options)
{
        stub->c = namespace_context("host");
        assert_ok(stub->c, fbn_dns_stub_new(stub->c, routes, options, &stub->stub));
        fbn_dns_routes_unref(routes);
        assert_int_equal(pthread_create(&stub->thread, NULL, stub_main, stub), 0);
}

static inline void stub_start(struct stub *stub, fbn_dns_routes *routes, const char *listen, const char *listen_more, uint32_t max_pending)
{
        static const fbn_prefix everybody[] = {{{AF_INET, {0}}, 0}, {{AF_INET6, {0}}, 0}};
        fbn_endpoint where[2];

        where[0] = endpoint(listen);
        where[1] = endpoint(listen_more ? listen_more : listen);
        stub_begin(stub, routes,
                   FBN_OPTIONS(fbn_dns_stub_options, .listen = where, .n_listen = listen_more ? 2 : 1, .timeout_ms = TIMEOUT,
                               .max_pending = max_pending, .allow = everybody, .n_allow = 2));
}

static inline fbn_dns_counters stub_counters(const struct stub *stub)
{
        fbn_dns_counters counters;

        fbn_dns_stub_counters(stub->stub, &counters);
        return counters;
}

static inline void stub_stop_serving(struct stub *stub)
{
        fbn_context_cancel(stub->c);
        pthread_join(stub->thread, NULL);
        assert_int_equal(stub->result, -FBN_ECANCELED);
}

static inline void stub_end(struct stub *stub)
{
        fbn_dns_stub_unref(stub->stub);
        fbn_context_unref(stub->c);
}

static inline void stub_stop(struct stub *stub)
{
        stub_stop_serving(stub);
        stub_end(stub);
}

static inline int stub_setup(void **state)
{
        struct stub *stub = calloc(1, sizeof(*stub));

        *state = stub;
        stub_start(stub, all_routes(host), "127.0.0.1:5353", "[::1]:5353", 0);
        return 0;
}

static inline int stub_teardown(void **state)
{
        stub_stop(*state);
        free(*state);
        return 0;
}

/* A client's socket in the namespace of the stub. */
static inline int client(int type)
{
        struct sockaddr_in stub = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct timeval patience = {.tv_sec = 5};
        struct namespace_guard guard;
        int fd;

        assert_int_equal(namespace_enter(host, &guard), 0);
        fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
        namespace_leave(&guard);
        assert_int_equal(connect(fd, (struct sockaddr *)&stub, sizeof(stub)), 0);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        return fd;
}

static inline size_t query(uint8_t *bytes, const char *name, uint16_t type, uint16_t id, uint16_t flags)
{
        struct question question = {.type = type, .class = CLASS_IN};
        size_t length;

        assert_true(name_parse(name, &question.name));
        length = query_write(id, flags, &question, false, false, bytes);
        wire_write16(bytes + 2, flags);
        return length;
}

struct answer {
        struct message message;
        uint8_t bytes[WIRE_MESSAGE];
        unsigned rcode;
        char address[FBN_ADDRESS_TEXT]; /* of the first record */
        int milliseconds;
};

static inline int now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (int)(time.tv_sec % 100000 * 1000 + time.tv_nsec / 1000000);
}

static inline void answer_read(struct answer *answer, size_t length)
{
        fbn_address address = {AF_INET, {0}};
        struct record record;

        assert_true(message_header(answer->bytes, length, &answer->message));
        answer->rcode = answer->message.flags & FLAG_RCODE;
        answer->address[0] = 0;
        if (answer->message.counts[SECTION_QUESTION] == 0)
                return;
        assert_true(message_question(&answer->message) && message_records(&answer->message));
        if (answer->message.counts[SECTION_ANSWER] == 0)
                return;
        assert_true(message_record(&answer->message, answer->message.records, &record));
        memcpy(address.bytes, answer->bytes + record.data, 4);
        fbn_address_format(&address, answer->address, sizeof(answer->address));
}

static inline void receive(int fd, struct answer *answer)
{
        ssize_t length = recv(fd, answer->bytes, sizeof(answer->bytes), 0);

        if (length < 0)
                fail_msg("no answer");
        answer_read(answer, (size_t)length);
}

static inline const struct answer *ask_with(const char *name, uint16_t type, uint16_t flags)
{
        static struct answer answer;
        uint8_t bytes[WIRE_QUERY];
        int fd = client(SOCK_DGRAM), start = now();
        size_t length = query(bytes, name, type, CLIENT_ID, flags);

        assert_int_equal(send(fd, bytes, length, 0), length);
        receive(fd, &answer);
        answer.milliseconds = now() - start;
        assert_int_equal(answer.message.id, CLIENT_ID);
        assert_true(answer.message.flags & FLAG_QR);
        close(fd);
        return &answer;
}

static inline const struct answer *ask(const char *name)
{
        return ask_with(name, TYPE_A, FLAG_RD);
}

static inline bool readable_within(int fd, int milliseconds)
{
        struct pollfd wait = {.fd = fd, .events = POLLIN};

        return poll(&wait, 1, milliseconds) > 0;
}

/* Whether an upstream was asked for a name since it had been asked so many times. */
static inline bool was_asked(const struct upstream *upstream, unsigned since, const char *name)
{
        for (unsigned i = since; i < upstream->asked; i++)
                if (strcasecmp(upstream->heard[i].name, name) == 0)
                        return true;
        return false;
}

static inline void add_text(FILE *file, const char *name, unsigned count, unsigned length)
{
        for (unsigned i = 0; i < count; i++) {
                fprintf(file, "  local-data: '%s TXT \"", name);
                for (unsigned j = 0; j < length; j++)
                        putc('a' + (int)i, file);
                fprintf(file, "\"'\n");
        }
}

static inline void write_unbound(const char *path)
{
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        fprintf(file, "server:\n  interface: 192.0.2.1\n  interface: 2001:db8::1\n  do-daemonize: no\n  use-syslog: no\n  logfile: /run/unbound.log\n"
                      "  chroot: ''\n  username: ''\n  directory: /run\n  pidfile: ''\n  access-control: 0.0.0.0/0 allow\n  access-control: ::0/0 allow\n"
                      "  local-zone: local.example. static\n  local-zone: local6.example. static\n"
                      "  local-data: 'nas.local.example. A 192.168.20.10'\n  local-data: 'nas.local6.example. AAAA 2001:db8::10'\n");
        add_text(file, "big.local.example.", 3, 200);
        add_text(file, "huge.local.example.", 6, 250);
        add_text(file, "big.local6.example.", 3, 200);
        add_text(file, "huge.local6.example.", 6, 250);
        fprintf(file, "  local-data: 'mail.types.local.example. MX 10 nas.local.example.'\n  local-data: 'srv.types.local.example. SRV 1 2 443 nas.local.example.'\n"
                      "  local-data: 'text.types.local.example. TXT \"a \\\"b\\\" c\" \"\\001d\"'\n  local-data: 'alias.types.local.example. CNAME nas.local.example.'\n"
                      "  local-data: 'types.local.example. SOA ns.types.local.example. root.local.example. 1 2 3 4 5'\n  local-data: 'ns.types.local.example. NS nas.local.example.'\n"
                      "  local-data: 'ds.types.local.example. DS 1 8 2 0011223344556677889900112233445566778899001122334455667788990011'\n"
                      "  local-data: 'tlsa.types.local.example. TLSA 3 1 1 AABB'\n  local-data: 'ssh.types.local.example. SSHFP 4 2 CCDDCCDDCCDDCCDDCCDDCCDDCCDDCCDDCCDDCCDDCCDDCCDDCCDDCCDDCCDDCCDD'\n"
                      "  local-data: 'strange.types.local.example. TYPE65280 \\# 3 010203'\n");
        fprintf(file, "remote-control:\n  control-enable: no\n");
        assert_int_equal(fclose(file), 0);
}

static inline int world_setup(void **state)
{
        /* All threads and commands of the test, so that it is not others' work that is waited for: the stub's patience is a part of a second. */
        if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 5}) < 0)
                perror("at normal priority, since sched_setscheduler failed");
        namespace_new("host");
        namespace_new("resolver");
        namespace_join("host", "veth0", "192.0.2.2/24", "resolver", "veth1", "192.0.2.1/24");
        command("ip -n host address add 192.0.2.3/24 dev veth0 && ip -n resolver address add 192.0.2.9/24 dev veth1");
        command("ip -n host address add 2001:db8::2/64 dev veth0 nodad && ip -n host address add 2001:db8::3/64 dev veth0 nodad");
        command("ip -n resolver address add 2001:db8::1/64 dev veth1 nodad");
        host = namespace_context("host");
        resolver = namespace_context("resolver");
        write_unbound("/run/unbound.conf");
        command("ip netns exec resolver unbound -c /run/unbound.conf &");
        upstream_start(&liar, resolver, "192.0.2.1", 5301, "192.0.2.9", false);
        upstream_start(&honest, resolver, "192.0.2.1", 5302, "192.0.2.9", true);
        command_until("ip netns exec host dig +tries=1 +time=1 @192.0.2.1 nas.local.example +short | grep -q 192.168.20.10");
        return 0;
}

static inline int world_teardown(void **state)
{
        upstream_stop(&liar);
        upstream_stop(&honest);
        fbn_context_unref(host);
        fbn_context_unref(resolver);
        return 0;
}

#define WITH_STUB(test) cmocka_unit_test_setup_teardown(test, stub_setup, stub_teardown)

#endif
