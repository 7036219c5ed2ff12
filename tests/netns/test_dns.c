/* SPDX-License-Identifier: LGPL-2.1-or-later */
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

static fbn_endpoint endpoint(const char *text)
{
        fbn_endpoint endpoint;

        assert_int_equal(fbn_endpoint_parse(text, &endpoint), 0);
        return endpoint;
}

static void route(fbn_context *c, fbn_dns_routes *routes, const char *suffix, const char *first, const char *second)
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

static fbn_dns_routes *all_routes(fbn_context *c)
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

static void *stub_main(void *data)
{
        struct stub *stub = data;

        stub->result = fbn_dns_stub_run(stub->c, stub->stub);
        return NULL;
}

static void stub_start(struct stub *stub, fbn_dns_routes *routes, const char *listen, const char *listen_more, uint32_t max_pending)
{
        fbn_endpoint where[2];

        where[0] = endpoint(listen);
        where[1] = endpoint(listen_more ? listen_more : listen);
        stub->c = namespace_context("host");
        assert_ok(stub->c, fbn_dns_stub_new(stub->c, routes,
                                            FBN_OPTIONS(fbn_dns_stub_options, .listen = where, .n_listen = listen_more ? 2 : 1,
                                                        .timeout_ms = TIMEOUT, .max_pending = max_pending),
                                            &stub->stub));
        fbn_dns_routes_unref(routes);
        assert_int_equal(pthread_create(&stub->thread, NULL, stub_main, stub), 0);
}

static fbn_dns_counters stub_counters(const struct stub *stub)
{
        fbn_dns_counters counters;

        fbn_dns_stub_counters(stub->stub, &counters);
        return counters;
}

static void stub_stop(struct stub *stub)
{
        fbn_context_cancel(stub->c);
        pthread_join(stub->thread, NULL);
        assert_int_equal(stub->result, -FBN_ECANCELED);
        fbn_dns_stub_unref(stub->stub);
        fbn_context_unref(stub->c);
}

static int stub_setup(void **state)
{
        struct stub *stub = calloc(1, sizeof(*stub));

        *state = stub;
        stub_start(stub, all_routes(host), "127.0.0.1:5353", "[::1]:5353", 0);
        return 0;
}

static int stub_teardown(void **state)
{
        stub_stop(*state);
        free(*state);
        return 0;
}

/* A client's socket in the namespace of the stub. */
static int client(int type)
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

static size_t query(uint8_t *bytes, const char *name, uint16_t type, uint16_t id, uint16_t flags)
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

static int now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (int)(time.tv_sec % 100000 * 1000 + time.tv_nsec / 1000000);
}

static void answer_read(struct answer *answer, size_t length)
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

static void receive(int fd, struct answer *answer)
{
        ssize_t length = recv(fd, answer->bytes, sizeof(answer->bytes), 0);

        if (length < 0)
                fail_msg("no answer");
        answer_read(answer, (size_t)length);
}

static const struct answer *ask_with(const char *name, uint16_t type, uint16_t flags)
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

static const struct answer *ask(const char *name)
{
        return ask_with(name, TYPE_A, FLAG_RD);
}

static bool readable_within(int fd, int milliseconds)
{
        struct pollfd wait = {.fd = fd, .events = POLLIN};

        return poll(&wait, 1, milliseconds) > 0;
}

/* Whether an upstream was asked for a name since it had been asked so many times. */
static bool was_asked(const struct upstream *upstream, unsigned since, const char *name)
{
        for (unsigned i = since; i < upstream->asked; i++)
                if (strcasecmp(upstream->heard[i].name, name) == 0)
                        return true;
        return false;
}

static void every_question_has_a_new_port_and_an_id_of_its_own(void **state)
{
        unsigned first = liar.asked, same_id = 0, same_port = 0, clients = 0;
        char name[64];

        for (unsigned i = 0; i < 200; i++) {
                snprintf(name, sizeof(name), "q%u.lone.example", i);
                assert_string_equal(ask(name)->address, "1.1.1.1");
        }
        assert_int_equal(liar.asked - first, 200);
        for (unsigned i = first; i < first + 200; i++) {
                clients += liar.heard[i].id == CLIENT_ID;
                for (unsigned j = first; j < i; j++) {
                        same_id += liar.heard[i].id == liar.heard[j].id;
                        same_port += liar.heard[i].port == liar.heard[j].port;
                }
        }
        /* By chance: 0.003, 0.3 and 0.7. */
        assert_in_range(clients, 0, 1);
        assert_in_range(same_id, 0, 6);
        assert_in_range(same_port, 0, 10);
}

static void lies_are_dropped_counted_and_the_truth_waited_for(void **state)
{
        static const struct {
                const char *lie;
                unsigned mismatches; /* what the kernel drops already is not counted */
        } lies[] = {
                {"wrong-id", 1}, {"wrong-name", 1}, {"wrong-type", 1}, {"wrong-class", 1}, {"no-answer-flag", 1}, {"wrong-opcode", 1},
                {"no-question", 1}, {"only-a-header", 1}, {"short", 1}, {"empty", 1}, {"loop", 1}, {"forward-pointer", 1}, {"cut-record", 1},
                {"too-many-records", 1}, {"wrong-port", 0}, {"wrong-address", 0}, {"no-lie", 0},
        };
        char name[64];

        for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
                uint64_t before = stub_counters(*state).mismatches;
                const struct answer *answer;

                snprintf(name, sizeof(name), "%s.pair.example", lies[i].lie);
                answer = ask(name);
                if (!streq(answer->address, "1.1.1.1") || answer->rcode)
                        fail_msg("%s: '%s', code %u", lies[i].lie, answer->address, answer->rcode);
                if (stub_counters(*state).mismatches - before != lies[i].mismatches)
                        fail_msg("%s: not counted", lies[i].lie);
        }
}

static void a_flood_of_lies_moves_the_question_to_tcp(void **state)
{
        unsigned tcp = liar.asked_tcp;

        assert_string_equal(ask("flood.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked_tcp - tcp, 1);
        assert_true(stub_counters(*state).mismatches >= 16);
}

static void a_silent_upstream_gives_way_to_the_next(void **state)
{
        const struct answer *answer = ask("silent.pair.example");

        assert_string_equal(answer->address, "2.2.2.2");
        assert_in_range(answer->milliseconds, TIMEOUT - 20, 2 * TIMEOUT);
}

static void one_that_was_silent_comes_last_for_ten_seconds(void **state)
{
        uint8_t bytes[WIRE_QUERY];
        struct answer late;
        unsigned first;
        size_t length;
        int fd;

        assert_in_range(ask("silent.pair.example")->milliseconds, TIMEOUT - 20, 2 * TIMEOUT);
        first = liar.asked;
        for (unsigned i = 0; i < 5; i++) {
                char name[64];

                snprintf(name, sizeof(name), "a%u.pair.example", i);
                assert_string_equal(ask(name)->address, "2.2.2.2");
        }
        assert_int_equal(liar.asked, first);
        /* On another route it answers. */
        assert_string_equal(ask("a.lone.example")->address, "1.1.1.1");
        poll(NULL, 0, 10000);
        /* One question tries it, in vain, and while that waits nobody else does. */
        fd = client(SOCK_DGRAM);
        length = query(bytes, "silent.2.pair.example", TYPE_A, 7, FLAG_RD);
        assert_int_equal(send(fd, bytes, length, 0), length);
        poll(NULL, 0, TIMEOUT / 6);
        assert_string_equal(ask("b.pair.example")->address, "2.2.2.2");
        receive(fd, &late);
        assert_string_equal(late.address, "2.2.2.2");
        close(fd);
        assert_string_equal(ask("c.pair.example")->address, "2.2.2.2");
        poll(NULL, 0, 10000);
        /* The next finds it back. */
        assert_string_equal(ask("d.pair.example")->address, "1.1.1.1");
        assert_string_equal(ask("e.pair.example")->address, "1.1.1.1");
}

static void a_late_answer_goes_to_nobody(void **state)
{
        struct answer answer;
        uint8_t bytes[WIRE_QUERY];
        int fd = client(SOCK_DGRAM);
        size_t length = query(bytes, "late.pair.example", TYPE_A, 7, FLAG_RD);

        assert_int_equal(send(fd, bytes, length, 0), length);
        receive(fd, &answer);
        assert_string_equal(answer.address, "2.2.2.2");
        assert_false(readable_within(fd, 600));
        close(fd);
}

static void what_icmp_says_is_heard_at_once_and_ends_nothing(void **state)
{
        const struct answer *answer = ask("x.dying.example");

        assert_string_equal(answer->address, "2.2.2.2");
        assert_in_range(answer->milliseconds, 0, TIMEOUT / 2);
        assert_string_equal(ask("x.lost.example")->address, "2.2.2.2");
}

static void unwilling_upstreams_are_passed_over(void **state)
{
        unsigned first = honest.asked, second;

        assert_string_equal(ask("servfail.pair.example")->address, "2.2.2.2");
        assert_string_equal(ask("refused.pair.example")->address, "2.2.2.2");
        assert_int_equal(honest.asked - first, 2);
        assert_int_equal(ask("nxdomain.pair.example")->rcode, RCODE_NXDOMAIN);
        assert_int_equal(honest.asked - first, 2);
        second = liar.asked;
        assert_int_equal(ask("servfail.lone.example")->rcode, RCODE_SERVFAIL);
        assert_int_equal(ask("refused.lone.example")->rcode, RCODE_REFUSED);
        assert_int_equal(liar.asked - second, 2);
}

static void servfail_when_no_upstream_answers_and_never_the_default(void **state)
{
        unsigned first = honest.asked;
        const struct answer *answer = ask("X.Dead.example");
        uint64_t failures;

        assert_int_equal(answer->rcode, RCODE_SERVFAIL);
        assert_memory_equal(answer->message.question.name.bytes, "\1X\4Dead\7example", 16);
        assert_in_range(answer->milliseconds, 0, TIMEOUT / 2);
        failures = stub_counters(*state).failures;
        assert_int_equal(failures, 1);
        answer = ask("silent.lone.example");
        assert_int_equal(answer->rcode, RCODE_SERVFAIL);
        assert_in_range(answer->milliseconds, 2 * TIMEOUT - 20, 3 * TIMEOUT); /* asked twice: it is the only one */
        assert_int_equal(honest.asked, first);
        assert_string_equal(ask("dead.elsewhere")->address, "2.2.2.2"); /* the default does answer */
}

static void truncated_answers_are_fetched_over_tcp(void **state)
{
        unsigned tcp = liar.asked_tcp;

        assert_string_equal(ask("tc.lone.example")->address, "1.1.1.1");
        assert_string_equal(ask("tc-cut.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked_tcp - tcp, 2);
        assert_false(ask("tc.lone.example")->message.flags & FLAG_TC);
        assert_string_equal(ask("tc-closed.pair.example")->address, "2.2.2.2");
        assert_int_equal(ask("tc-closed.lone.example")->rcode, RCODE_SERVFAIL);
}

static void upstreams_without_edns_are_asked_without(void **state)
{
        unsigned first = liar.asked;

        assert_string_equal(ask("noedns.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked - first, 2);
        assert_true(liar.heard[first].edns);
        assert_int_equal(liar.heard[first].size, 1232);
        assert_false(liar.heard[first + 1].edns);
}

static void case_is_the_clients_own(void **state)
{
        const struct answer *answer = ask("uPPer.LONE.eXample");

        assert_string_equal(answer->address, "1.1.1.1");
        assert_memory_equal(answer->message.question.name.bytes, "\5uPPer\4LONE\7eXample", 20);
}

static void flags_are_passed_and_ad_is_not(void **state)
{
        const struct answer *answer = ask_with("ad.lone.example", TYPE_A, FLAG_RD | FLAG_CD | FLAG_AD);
        unsigned last = liar.asked - 1;

        assert_int_equal(liar.heard[last].flags, FLAG_RD | FLAG_CD);
        assert_int_equal(answer->message.flags & (FLAG_RD | FLAG_CD | FLAG_AD), FLAG_RD | FLAG_CD);
        answer = ask_with("ad.lone.example", TYPE_A, 0);
        assert_int_equal(liar.heard[last + 1].flags, 0);
        assert_int_equal(answer->message.flags & (FLAG_RD | FLAG_CD | FLAG_AD), 0);
        assert_false(liar.heard[last + 1].dnssec_ok);
        command("ip netns exec host dig @127.0.0.1 -p 5353 +dnssec a.lone.example | grep -q 'flags: do'");
        assert_true(liar.heard[liar.asked - 1].dnssec_ok);
}

static void equal_questions_are_asked_once(void **state)
{
        static const char *const names[] = {"slow.lone.example", "SLOW.lone.example", "slow.LONE.example"};
        unsigned first = liar.asked;
        uint8_t bytes[WIRE_QUERY];
        struct answer answer;
        int fds[21];

        for (unsigned i = 0; i < 21; i++) {
                size_t length = query(bytes, names[i % 3], TYPE_A, (uint16_t)(100 + i), FLAG_RD);

                fds[i] = client(SOCK_DGRAM);
                assert_int_equal(send(fds[i], bytes, length, 0), length);
                assert_int_equal(send(fds[i], bytes, length, 0), length); /* impatient, all of them */
        }
        for (unsigned i = 0; i < 21; i++) {
                struct question question = {.type = TYPE_A};

                receive(fds[i], &answer);
                assert_string_equal(answer.address, "1.1.1.1");
                assert_int_equal(answer.message.id, 100 + i);
                assert_true(name_parse(names[i % 3], &question.name));
                assert_memory_equal(answer.message.question.name.bytes, question.name.bytes, question.name.length);
        }
        assert_false(readable_within(fds[0], 50));
        assert_int_equal(liar.asked - first, 1);
        for (unsigned i = 0; i < 21; i++)
                close(fds[i]);
        ask_with("slow.lone.example", TYPE_A, FLAG_RD | FLAG_CD); /* but this is another question */
        assert_int_equal(liar.asked - first, 2);
}

static void too_many_pending_are_told_so(void **state)
{
        uint8_t bytes[WIRE_QUERY];
        struct answer answer;
        struct stub stub;
        char name[64];
        int fds[5];

        stub_start(&stub, all_routes(host), "127.0.0.1:5353", NULL, 4);
        for (unsigned i = 0; i < 5; i++) {
                size_t length;

                snprintf(name, sizeof(name), "silent.%u.lone.example", i);
                length = query(bytes, name, TYPE_A, (uint16_t)i, FLAG_RD);
                fds[i] = client(SOCK_DGRAM);
                assert_int_equal(send(fds[i], bytes, length, 0), length);
        }
        assert_true(readable_within(fds[4], TIMEOUT / 2)); /* at once */
        receive(fds[4], &answer);
        assert_int_equal(answer.rcode, RCODE_SERVFAIL);
        assert_false(readable_within(fds[0], 0));
        receive(fds[0], &answer);
        assert_int_equal(answer.rcode, RCODE_SERVFAIL);
        assert_string_equal(ask("after.lone.example")->address, "1.1.1.1");
        for (unsigned i = 0; i < 5; i++)
                close(fds[i]);
        stub_stop(&stub);
}

/* Sends bytes as they are; the answer's code, or -1 if there is none. */
static int ask_raw(const uint8_t *bytes, size_t length)
{
        static struct answer answer;
        int fd = client(SOCK_DGRAM), rcode = -1;

        assert_int_equal(send(fd, bytes, length, 0), length);
        if (readable_within(fd, 150)) {
                receive(fd, &answer);
                rcode = (int)answer.rcode;
                assert_int_equal(answer.message.id, CLIENT_ID);
        }
        close(fd);
        return rcode;
}

static void what_is_no_query_is_refused_in_its_own_way(void **state)
{
        uint8_t bytes[WIRE_QUERY + 64] = {0};
        size_t length = query(bytes, "x.lone.example", TYPE_A, CLIENT_ID, FLAG_RD);
        unsigned first = liar.asked;

        for (unsigned opcode = 1; opcode < 16; opcode++) {
                wire_write16(bytes + 2, (uint16_t)(opcode << 11));
                assert_int_equal(ask_raw(bytes, length), RCODE_NOTIMP);
        }
        wire_write16(bytes + 2, FLAG_QR | FLAG_RD);
        assert_int_equal(ask_raw(bytes, length), -1); /* never answer an answer */
        wire_write16(bytes + 2, FLAG_RD);
        assert_int_equal(ask_raw(bytes, 11), -1);
        assert_int_equal(ask_raw(bytes, 12), RCODE_FORMERR);
        assert_int_equal(ask_raw(bytes, length - 1), RCODE_FORMERR);
        for (uint8_t questions = 0; questions < 4; questions++) {
                bytes[5] = questions;
                assert_int_equal(ask_raw(bytes, length), questions == 1 ? RCODE_NOERROR : RCODE_FORMERR);
        }
        bytes[5] = 1;
        bytes[11] = 1; /* an additional record that is not there */
        assert_int_equal(ask_raw(bytes, length), RCODE_FORMERR);
        bytes[11] = 0;
        bytes[12] = 0xc0; /* a name that is its own pointer */
        bytes[13] = 12;
        assert_int_equal(ask_raw(bytes, length), RCODE_FORMERR);
        length = query(bytes, "x.lone.example", TYPE_AXFR, CLIENT_ID, FLAG_RD);
        assert_int_equal(ask_raw(bytes, length), RCODE_NOTIMP);
        assert_int_equal(liar.asked - first, 1);
        command("ip netns exec host dig @127.0.0.1 -p 5353 +edns=1 +noednsnegotiation x.lone.example | grep -q 'status: BADVERS'");
}

static void routes_decide_and_names_of_nobody_are_refused(void **state)
{
        fbn_dns_routes *routes = NULL;
        struct stub stub;

        assert_ok(host, fbn_dns_routes_new(host, &routes));
        route(host, routes, "*.b.example", HONEST, NULL);
        stub_start(&stub, routes, "127.0.0.1:5353", NULL, 0);
        assert_string_equal(ask("x.b.example")->address, "2.2.2.2");
        assert_string_equal(ask("B.example")->address, "2.2.2.2");
        assert_int_equal(ask("xb.example")->rcode, RCODE_REFUSED);
        assert_int_equal(ask("example")->rcode, RCODE_REFUSED);
        assert_int_equal(ask(".")->rcode, RCODE_REFUSED);
        stub_stop(&stub);
}

static void some_names_are_answered_here(void **state)
{
        unsigned first = honest.asked;
        const struct answer *answer;

        assert_string_equal(ask("localhost")->address, "127.0.0.1");
        assert_string_equal(ask("x.LocalHost")->address, "127.0.0.1");
        answer = ask_with("localhost", 15, FLAG_RD);
        assert_int_equal(answer->rcode, RCODE_NOERROR);
        assert_int_equal(answer->message.counts[SECTION_ANSWER], 0);
        command("test \"$(ip netns exec host dig @127.0.0.1 -p 5353 +short localhost AAAA)\" = ::1");
        assert_int_equal(ask("x.invalid")->rcode, RCODE_NXDOMAIN);
        assert_int_equal(ask("x.onion")->rcode, RCODE_NXDOMAIN);
        assert_int_equal(ask_with("1.8.168.192.in-addr.arpa", 12, FLAG_RD)->rcode, RCODE_NXDOMAIN);
        assert_int_equal(ask_with("7.0.64.100.in-addr.arpa", 12, FLAG_RD)->rcode, RCODE_NXDOMAIN);
        command("ip netns exec host dig @127.0.0.1 -p 5353 -x fd00::1 | grep -q 'status: NXDOMAIN'");
        assert_int_equal(honest.asked, first);
        /* A route of the caller's own comes first, and what is public goes out. */
        assert_string_equal(ask_with("10.20.168.192.in-addr.arpa", 12, FLAG_RD)->address, "2.2.2.2");
        assert_string_equal(ask_with("1.1.1.1.in-addr.arpa", 12, FLAG_RD)->address, "2.2.2.2");
        assert_int_equal(honest.asked - first, 2);
}

static void ds_records_are_the_parents(void **state)
{
        unsigned default_first = honest.asked, split_first = liar.asked;

        ask_with("lone.example", TYPE_DS, FLAG_RD);
        assert_true(was_asked(&honest, default_first, "lone.example."));
        ask_with("x.lone.example", TYPE_DS, FLAG_RD);
        assert_true(was_asked(&liar, split_first, "x.lone.example."));
        assert_int_equal(honest.asked - default_first, 1);
        assert_int_equal(liar.asked - split_first, 1);
}

#define DIG "ip netns exec host dig +tries=1 +time=4 -p 5353 "

static void dig_finds_what_unbound_has(void **state)
{
        static const char *const ways[] = {"@127.0.0.1", "@::1", "@127.0.0.1 +tcp", "@::1 +tcp", "@127.0.0.1 +noedns", "@127.0.0.1 +keepopen +tcp"};

        for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
                command("test \"$(" DIG "%s +short nas.local.example)\" = 192.168.20.10", ways[i]);
                command("test \"$(" DIG "%s +short nas.local6.example AAAA)\" = 2001:db8::10", ways[i]);
                command(DIG "%s nothing.local.example | grep -q 'status: NXDOMAIN'", ways[i]);
        }
}

static void dig_gets_large_answers_whole_or_truncated_as_it_asks(void **state)
{
        static const struct {
                const char *name, *options, *expected;
                int low, high;
        } cases[] = {
                {"big", "+noedns +ignore", "tc", 300, 512},       /* 674 bytes whole */
                {"big", "+noedns", "", 674, 674},                 /* dig goes on over TCP by itself */
                {"big", "+bufsize=1232", "", 685, 685},
                {"big", "+bufsize=600 +ignore", "tc", 400, 600},
                {"big", "+bufsize=100 +ignore", "tc", 300, 512},  /* below 512 counts as 512 */
                {"huge", "+bufsize=4096 +ignore", "tc", 900, 1232}, /* 1,625 bytes whole: more than is ever sent in a datagram */
                {"huge", "+bufsize=4096", "", 1625, 1625},
                {"huge", "+tcp", "", 1625, 1625},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                for (int v6 = 0; v6 < 2; v6++) {
                        char *output = command_output(DIG "@%s %s %s.local%s.example TXT", v6 ? "::1" : "127.0.0.1", cases[i].options,
                                                      cases[i].name, v6 ? "6" : "");
                        const char *size = strstr(output, "MSG SIZE  rcvd: ");
                        const char *flags = strstr(output, ";; flags:");
                        int bytes = size ? atoi(size + 16) - v6 : 0;
                        bool tc = flags && memmem(flags, (size_t)(strchrnul(flags + 3, ';') - flags), " tc", 3);

                        if (bytes < cases[i].low || bytes > cases[i].high || tc != !!*cases[i].expected)
                                fail_msg("case %zu, v6 %d: %d bytes\n%s", i, v6, bytes, output);
                        free(output);
                }
}

static size_t frame(uint8_t *bytes, const char *name, uint16_t id)
{
        size_t length = query(bytes + 2, name, TYPE_A, id, FLAG_RD);

        wire_write16(bytes, (uint16_t)length);
        return length + 2;
}

static bool receive_framed(int fd, struct answer *answer)
{
        uint8_t prefix[2];
        ssize_t length;

        if (recv(fd, prefix, 2, MSG_WAITALL) != 2)
                return false;
        length = prefix[0] << 8 | prefix[1];
        assert_int_equal(recv(fd, answer->bytes, (size_t)length, MSG_WAITALL), length);
        answer_read(answer, (size_t)length);
        return true;
}

static void tcp_queries_are_pipelined_and_answered_when_ready(void **state)
{
        uint8_t bytes[8192];
        struct answer answer;
        bool seen[300] = {false};
        int fd = client(SOCK_STREAM);
        size_t length = 0;
        char name[64];

        length += frame(bytes + length, "slow.lone.example", 1);
        length += frame(bytes + length, "fast.example", 2);
        length += frame(bytes + length, "localhost", 3);
        for (size_t i = 0; i < length; i++) { /* byte by byte */
                int on = 1;

                setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
                assert_int_equal(send(fd, bytes + i, 1, 0), 1);
        }
        assert_true(receive_framed(fd, &answer));
        assert_int_not_equal(answer.message.id, 1);
        assert_true(receive_framed(fd, &answer));
        assert_int_not_equal(answer.message.id, 1);
        assert_true(receive_framed(fd, &answer));
        assert_int_equal(answer.message.id, 1);
        assert_string_equal(answer.address, "1.1.1.1");
        /* More at once than one connection may have on their way, the end of sending right behind them. */
        for (uint16_t i = 0; i < 300; i += 100) {
                length = 0;
                for (uint16_t j = i; j < i + 100; j++) {
                        snprintf(name, sizeof(name), "n%u.example", j);
                        length += frame(bytes + length, name, j);
                }
                assert_int_equal(send(fd, bytes, length, 0), length);
        }
        shutdown(fd, SHUT_WR);
        for (unsigned i = 0; i < 300; i++) {
                assert_true(receive_framed(fd, &answer));
                assert_string_equal(answer.address, "2.2.2.2");
                assert_in_range(answer.message.id, 0, 299);
                assert_false(seen[answer.message.id]);
                seen[answer.message.id] = true;
        }
        assert_int_equal(recv(fd, bytes, 1, 0), 0);
        close(fd);
}

static void one_connection_has_a_bounded_share_of_what_is_pending(void **state)
{
        struct linger reset = {.l_onoff = 1};
        unsigned first = liar.asked;
        int fd = client(SOCK_STREAM);
        uint8_t bytes[8192];
        size_t length = 0;
        char name[64];

        for (uint16_t i = 0; i < 100; i++) {
                snprintf(name, sizeof(name), "silent.%u.lone.example", i);
                length += frame(bytes + length, name, i);
        }
        assert_int_equal(send(fd, bytes, length, 0), length);
        poll(NULL, 0, TIMEOUT / 2);
        assert_int_equal(liar.asked - first, 64);
        assert_string_equal(ask("else.lone.example")->address, "1.1.1.1");
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
}

static void a_client_that_leaves_takes_its_questions_with_it(void **state)
{
        uint8_t bytes[WIRE_QUERY + 2];
        struct linger reset = {.l_onoff = 1};
        unsigned first = liar.asked;
        char name[64];

        for (unsigned i = 0; i < 20; i++) {
                int fd = client(SOCK_STREAM);
                size_t length;

                snprintf(name, sizeof(name), "silent.%u.lone.example", i);
                length = frame(bytes, name, 1);
                assert_int_equal(send(fd, bytes, length, 0), length);
                if (i % 3)
                        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
                poll(NULL, 0, 5);
                close(fd);
        }
        poll(NULL, 0, 3 * TIMEOUT);
        /* Of 20, 13 are gone for certain and nobody waits for a second try; the others may only have ended sending. */
        assert_int_equal(liar.asked - first, 13 + 2 * 7);
        assert_string_equal(ask("after.lone.example")->address, "1.1.1.1");
}

static void connections_are_bounded_and_the_idle_ones_give_way(void **state)
{
        uint8_t bytes[WIRE_QUERY + 2];
        struct answer answer;
        int fds[140];

        for (unsigned i = 0; i < 140; i++) {
                size_t length = frame(bytes, "localhost", (uint16_t)i);

                fds[i] = client(SOCK_STREAM);
                assert_int_equal(send(fds[i], bytes, length, 0), length);
                assert_true(receive_framed(fds[i], &answer));
        }
        for (unsigned i = 0; i < 140; i++) {
                assert_int_equal(readable_within(fds[i], 0), i < 12);
                close(fds[i]);
        }
}

static void nonsense_over_tcp_ends_the_connection(void **state)
{
        static const char *const nonsense[] = {"\0\0", "\0\5hello", "\xff\xff" "much"};
        static const size_t lengths[] = {2, 7, 6};
        char byte;

        for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
                int fd = client(SOCK_STREAM);

                assert_int_equal(send(fd, nonsense[i], lengths[i], 0), lengths[i]);
                assert_int_equal(recv(fd, &byte, 1, 0), 0);
                close(fd);
        }
}

static void idle_connections_are_closed_after_ten_seconds(void **state)
{
        uint8_t half[] = {0, 30, 1};
        int silent = client(SOCK_STREAM), slow = client(SOCK_STREAM), start = now();
        struct timeval patience = {.tv_sec = 15};
        char byte;

        setsockopt(silent, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(slow, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        poll(NULL, 0, 2000);
        assert_int_equal(send(slow, half, sizeof(half), 0), sizeof(half)); /* half a query is no news */
        assert_int_equal(recv(silent, &byte, 1, 0), 0);
        assert_int_equal(recv(slow, &byte, 1, 0), 0);
        assert_in_range(now() - start, 9900, 11500);
        close(silent);
        close(slow);
}

static void a_wildcard_answers_from_the_address_that_was_asked(void **state)
{
        static const char *const addresses[] = {"192.0.2.2", "192.0.2.3", "2001:db8::2", "2001:db8::3"};
        struct stub stub;

        stub_start(&stub, all_routes(host), "0.0.0.0:5353", "[::]:5353", 0);
        for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
                command("test \"$(ip netns exec resolver dig +tries=1 -p 5353 @%s +short nas.local.example)\" = 192.168.20.10", addresses[i]);
                command("test \"$(ip netns exec resolver dig +tries=1 -p 5353 @%s +tcp +short nas.local.example)\" = 192.168.20.10", addresses[i]);
        }
        stub_stop(&stub);
}

static int try_stub(const char *listen, const char *upstream)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        fbn_endpoint where = endpoint(listen);

        assert_ok(host, fbn_dns_routes_new(host, &routes));
        route(host, routes, "a.example", HONEST, upstream);
        return fbn_dns_stub_new(host, routes, FBN_OPTIONS(fbn_dns_stub_options, .listen = &where, .n_listen = 1), &stub);
}

static void a_stub_is_never_its_own_upstream(void **state)
{
        assert_failed(host, try_stub("127.0.0.1:5353", "127.0.0.1:5353"), FBN_EINVAL, "DNS route a.example: its upstream 127.0.0.1:5353 is the stub");
        assert_failed(host, try_stub("0.0.0.0:5353", "192.0.2.3:5353"), FBN_EINVAL, "192.0.2.3:5353 is the stub itself");
        assert_failed(host, try_stub("0.0.0.0:5353", "127.1.2.3:5353"), FBN_EINVAL, "is the stub itself");
        assert_failed(host, try_stub("[::]:5353", "[2001:db8::2]:5353"), FBN_EINVAL, "is the stub itself");
        assert_ok(host, try_stub("0.0.0.0:5353", "192.0.2.1:5353"));
        assert_ok(host, try_stub("0.0.0.0:5353", "[2001:db8::2]:5353"));
        assert_ok(host, try_stub("127.0.0.1:5353", "127.0.0.2:5353"));
        assert_ok(host, try_stub("127.0.0.1:5353", "127.0.0.1:5354"));
}

static void what_cannot_be_listened_on_is_explained(void **state)
{
        struct stub stub;
        int status;
        pid_t child;

        assert_failed(host, try_stub("192.0.2.77:5353", NULL), FBN_EINVAL, "DNS stub on 192.0.2.77:5353: not an address of this host");
        stub_start(&stub, all_routes(host), "127.0.0.1:5353", NULL, 0);
        assert_failed(host, try_stub("127.0.0.1:5353", NULL), FBN_EEXIST, "DNS stub on 127.0.0.1:5353: UDP port 5353 is in use");
        stub_stop(&stub);
        assert_ok(host, try_stub("127.0.0.1:5353", NULL));
        child = fork();
        if (child == 0) {
                FBN_CLEANUP(fbn_context) own = NULL;
                FBN_CLEANUP(fbn_dns_routes) routes = NULL;
                fbn_dns_stub *none = NULL;

                if (setuid(65534) < 0 || fbn_context_new(NULL, &own) < 0 || fbn_dns_routes_new(own, &routes) < 0)
                        _exit(1);
                _exit(fbn_dns_stub_new(own, routes, NULL, &none) == -FBN_EPERM && !none &&
                                      streq(fbn_context_error_object(own), "DNS stub on 127.0.0.1:53")
                              ? 0
                              : 2);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
}

static void port_zero_takes_one_that_is_free_for_both(void **state)
{
        struct stub stub;
        fbn_endpoint bound;

        stub_start(&stub, all_routes(host), "127.0.0.1:0", NULL, 0);
        bound = fbn_dns_stub_address(stub.stub, 0);
        assert_true(bound.port >= 1024);
        assert_int_equal(fbn_dns_stub_address(stub.stub, 1).address.family, 0);
        command("test \"$(ip netns exec host dig -p %u @127.0.0.1 +short nas.local.example)\" = 192.168.20.10", bound.port);
        command("test \"$(ip netns exec host dig -p %u @127.0.0.1 +tcp +short nas.local.example)\" = 192.168.20.10", bound.port);
        stub_stop(&stub);
}

static void counters_count(void **state)
{
        fbn_dns_counters before = stub_counters(*state), after;
        uint8_t response[] = {0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0};

        ask("x.lone.example");
        ask("silent.pair.example");
        ask("x.dead.example");
        assert_int_equal(ask_raw(response, sizeof(response)), -1);
        after = stub_counters(*state);
        assert_int_equal(after.size, sizeof(after));
        assert_int_equal(after.queries - before.queries, 3);
        assert_int_equal(after.answers - before.answers, 3);
        assert_int_equal(after.failures - before.failures, 1);
        assert_int_equal(after.refused - before.refused, 1);
        assert_int_equal(after.retries - before.retries, 2);
}

static uint32_t first_ttl(const struct answer *answer)
{
        struct record record;

        assert_true(message_record(&answer->message, answer->message.records, &record));
        return record.ttl;
}

static void what_was_answered_is_answered_again_with_less_to_live(void **state)
{
        unsigned first = liar.asked;
        const struct answer *answer = ask("kept.lone.example");

        assert_int_equal(first_ttl(answer), 60);
        poll(NULL, 0, 2100);
        answer = ask("KEPT.Lone.example");
        assert_int_equal(liar.asked - first, 1);
        assert_string_equal(answer->address, "1.1.1.1");
        assert_memory_equal(answer->message.question.name.bytes, "\4KEPT\4Lone\7example", 19);
        assert_in_range(first_ttl(answer), 57, 58);
        assert_int_equal(stub_counters(*state).cache_hits, 1);
        assert_int_equal(stub_counters(*state).cache_misses, 1);
        assert_int_equal(stub_counters(*state).cache_entries, 1);
        assert_true(stub_counters(*state).cache_bytes > 0);
        ask("short-lived.lone.example");
        poll(NULL, 0, 1100);
        ask("short-lived.lone.example");
        assert_int_equal(liar.asked - first, 3);
        ask("not-cached.lone.example");
        ask("not-cached.lone.example");
        assert_int_equal(liar.asked - first, 5);
}

static void a_kept_answer_serves_each_client_as_it_asks(void **state)
{
        unsigned first = liar.asked;
        const struct answer *answer;

        ask_with("ad.lone.example", TYPE_A, FLAG_RD);
        answer = ask_with("ad.lone.example", TYPE_A, FLAG_RD | FLAG_AD);
        assert_int_equal(answer->message.flags & (FLAG_RD | FLAG_CD | FLAG_AD), FLAG_RD);
        assert_false(answer->message.edns.present);
        assert_int_equal(liar.asked - first, 1);
        /* What the answer may depend on is another question. */
        ask_with("ad.lone.example", TYPE_A, FLAG_RD | FLAG_CD);
        ask_with("ad.lone.example", TYPE_A, 0);
        ask_with("ad.lone.example", TYPE_AAAA, FLAG_RD);
        assert_int_equal(liar.asked - first, 4);
        command("ip netns exec host dig @127.0.0.1 -p 5353 ad.lone.example | grep -q 'EDNS: version: 0, flags:; udp: 1232'");
        command("ip netns exec host dig +tcp @127.0.0.1 -p 5353 ad.lone.example | grep -q '^ad.lone.example.*1.1.1.1'");
        assert_int_equal(liar.asked - first, 4);
        command("ip netns exec host dig +dnssec @127.0.0.1 -p 5353 ad.lone.example | grep -q 'flags: do'");
        assert_int_equal(liar.asked - first, 5);
}

static void that_nothing_is_there_is_kept_as_the_soa_says(void **state)
{
        unsigned first = liar.asked;

        ask("not-there.lone.example");
        assert_int_equal(ask("not-there.lone.example")->rcode, RCODE_NXDOMAIN);
        assert_int_equal(liar.asked - first, 1);
        command("ip netns exec host dig @127.0.0.1 -p 5353 not-there.lone.example | grep -Eq '[[:space:]](30|29)[[:space:]]+IN[[:space:]]+SOA'");
        ask("nxdomain.lone.example"); /* without an SOA */
        ask("nxdomain.lone.example");
        assert_int_equal(liar.asked - first, 3);
}

static void failures_are_kept_for_a_moment_only(void **state)
{
        unsigned first = liar.asked;

        assert_int_equal(ask("silent.lone.example")->rcode, RCODE_SERVFAIL);
        assert_int_equal(ask("servfail.lone.example")->rcode, RCODE_SERVFAIL);
        assert_int_equal(ask("silent.lone.example")->rcode, RCODE_SERVFAIL);
        assert_int_equal(ask("servfail.lone.example")->rcode, RCODE_SERVFAIL);
        assert_int_equal(liar.asked - first, 3);
        poll(NULL, 0, 2100);
        assert_int_equal(ask("servfail.lone.example")->rcode, RCODE_SERVFAIL);
        assert_int_equal(liar.asked - first, 4);
}

static void what_leaves_the_suffix_is_not_kept(void **state)
{
        unsigned first = liar.asked;

        ask("outside.lone.example");
        assert_int_equal(ask("outside.lone.example")->message.counts[SECTION_ANSWER], 2);
        assert_int_equal(liar.asked - first, 2);
        assert_int_equal(stub_counters(*state).cache_entries, 0);
}

static void the_cache_is_flushed_bounded_and_switched_off(void **state)
{
        fbn_endpoint where = endpoint("127.0.0.1:5353");
        fbn_dns_routes *routes = all_routes(host);
        struct stub stub = {.c = namespace_context("host")};
        unsigned first;

        assert_failed(stub.c, fbn_dns_stub_new(stub.c, routes, FBN_OPTIONS(fbn_dns_stub_options, .listen = &where, .n_listen = 1, .cache_bytes = 100),
                                               &stub.stub),
                      FBN_EINVAL, "FBN_DNS_CACHE_OFF");
        for (int on = 1; on >= 0; on--) {
                char name[64];

                assert_ok(stub.c, fbn_dns_stub_new(stub.c, routes,
                                                   FBN_OPTIONS(fbn_dns_stub_options, .listen = &where, .n_listen = 1,
                                                               .cache_bytes = on ? 4096 : FBN_DNS_CACHE_OFF),
                                                   &stub.stub));
                assert_int_equal(pthread_create(&stub.thread, NULL, stub_main, &stub), 0);
                first = liar.asked;
                ask("kept.lone.example");
                ask("kept.lone.example");
                assert_int_equal(liar.asked - first, on ? 1 : 2);
                for (unsigned i = 0; i < 100; i++) {
                        snprintf(name, sizeof(name), "fill%u.lone.example", i);
                        assert_string_equal(ask(name)->address, "1.1.1.1");
                        assert_true(stub_counters(&stub).cache_bytes <= 4096);
                }
                fbn_context_cancel(stub.c);
                pthread_join(stub.thread, NULL);
                assert_int_equal(stub_counters(&stub).cache_entries > 20, on);
                fbn_dns_stub_flush(stub.stub);
                assert_int_equal(stub_counters(&stub).cache_entries, 0);
                fbn_context_resume(stub.c);
                assert_int_equal(pthread_create(&stub.thread, NULL, stub_main, &stub), 0);
                first = liar.asked;
                ask("fill99.lone.example");
                assert_int_equal(liar.asked - first, 1);
                fbn_context_cancel(stub.c);
                pthread_join(stub.thread, NULL);
                fbn_context_resume(stub.c);
                fbn_dns_stub_unref(stub.stub);
        }
        fbn_dns_routes_unref(routes);
        fbn_context_unref(stub.c);
}

static void add_text(FILE *file, const char *name, unsigned count, unsigned length)
{
        for (unsigned i = 0; i < count; i++) {
                fprintf(file, "  local-data: '%s TXT \"", name);
                for (unsigned j = 0; j < length; j++)
                        putc('a' + (int)i, file);
                fprintf(file, "\"'\n");
        }
}

static void write_unbound(const char *path)
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
        fprintf(file, "remote-control:\n  control-enable: no\n");
        assert_int_equal(fclose(file), 0);
}

static int world_setup(void **state)
{
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
        command_until(10, "ip netns exec host dig +tries=1 +time=1 @192.0.2.1 nas.local.example +short | grep -q 192.168.20.10");
        return 0;
}

static int world_teardown(void **state)
{
        upstream_stop(&liar);
        upstream_stop(&honest);
        fbn_context_unref(host);
        fbn_context_unref(resolver);
        return 0;
}

#define WITH_STUB(test) cmocka_unit_test_setup_teardown(test, stub_setup, stub_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_STUB(every_question_has_a_new_port_and_an_id_of_its_own),
                WITH_STUB(lies_are_dropped_counted_and_the_truth_waited_for),
                WITH_STUB(a_flood_of_lies_moves_the_question_to_tcp),
                WITH_STUB(a_silent_upstream_gives_way_to_the_next),
                WITH_STUB(one_that_was_silent_comes_last_for_ten_seconds),
                WITH_STUB(a_late_answer_goes_to_nobody),
                WITH_STUB(what_icmp_says_is_heard_at_once_and_ends_nothing),
                WITH_STUB(unwilling_upstreams_are_passed_over),
                WITH_STUB(servfail_when_no_upstream_answers_and_never_the_default),
                WITH_STUB(truncated_answers_are_fetched_over_tcp),
                WITH_STUB(upstreams_without_edns_are_asked_without),
                WITH_STUB(case_is_the_clients_own),
                WITH_STUB(flags_are_passed_and_ad_is_not),
                WITH_STUB(equal_questions_are_asked_once),
                cmocka_unit_test(too_many_pending_are_told_so),
                WITH_STUB(what_is_no_query_is_refused_in_its_own_way),
                cmocka_unit_test(routes_decide_and_names_of_nobody_are_refused),
                WITH_STUB(some_names_are_answered_here),
                WITH_STUB(ds_records_are_the_parents),
                WITH_STUB(dig_finds_what_unbound_has),
                WITH_STUB(dig_gets_large_answers_whole_or_truncated_as_it_asks),
                WITH_STUB(tcp_queries_are_pipelined_and_answered_when_ready),
                WITH_STUB(one_connection_has_a_bounded_share_of_what_is_pending),
                WITH_STUB(a_client_that_leaves_takes_its_questions_with_it),
                WITH_STUB(connections_are_bounded_and_the_idle_ones_give_way),
                WITH_STUB(nonsense_over_tcp_ends_the_connection),
                WITH_STUB(idle_connections_are_closed_after_ten_seconds),
                cmocka_unit_test(a_wildcard_answers_from_the_address_that_was_asked),
                cmocka_unit_test(a_stub_is_never_its_own_upstream),
                cmocka_unit_test(what_cannot_be_listened_on_is_explained),
                cmocka_unit_test(port_zero_takes_one_that_is_free_for_both),
                WITH_STUB(counters_count),
                WITH_STUB(what_was_answered_is_answered_again_with_less_to_live),
                WITH_STUB(a_kept_answer_serves_each_client_as_it_asks),
                WITH_STUB(that_nothing_is_there_is_kept_as_the_soa_says),
                WITH_STUB(failures_are_kept_for_a_moment_only),
                WITH_STUB(what_leaves_the_suffix_is_not_kept),
                cmocka_unit_test(the_cache_is_flushed_bounded_and_switched_off),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
