/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netns/dns_world.h"

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

/* Sends bytes as they are; the answer's code. */
static unsigned ask_raw(const uint8_t *bytes, size_t length)
{
        static struct answer answer;
        int fd = client(SOCK_DGRAM);

        assert_int_equal(send(fd, bytes, length, 0), length);
        receive(fd, &answer);
        assert_int_equal(answer.message.id, CLIENT_ID);
        close(fd);
        return answer.rcode;
}

/* What comes first is the answer to what was sent next. */
static void assert_ignored(const uint8_t *bytes, size_t length)
{
        static struct answer answer;
        uint8_t next[WIRE_QUERY];
        int fd = client(SOCK_DGRAM);
        size_t next_length = query(next, "localhost", TYPE_A, CLIENT_ID + 1, FLAG_RD);

        assert_int_equal(send(fd, bytes, length, 0), length);
        assert_int_equal(send(fd, next, next_length, 0), next_length);
        receive(fd, &answer);
        assert_int_equal(answer.message.id, CLIENT_ID + 1);
        close(fd);
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
        assert_ignored(bytes, length); /* never answer an answer */
        wire_write16(bytes + 2, FLAG_RD);
        assert_ignored(bytes, 11);
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
        route(host, routes, "b.example", HONEST, NULL);
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

/* That there is nothing is said so that it can be kept: with an SOA record of the zone, and for how long. */
static void assert_nothing(const char *question, const char *status, const char *zone, unsigned ttl)
{
        command("ip netns exec host dig @127.0.0.1 -p 5353 %s >/run/nothing && grep -q 'status: %s,' /run/nothing && "
                "grep -q 'flags: qr aa rd ra; QUERY: 1, ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 1$' /run/nothing && "
                "grep -qE '^%s\\.[[:space:]]+%u[[:space:]]+IN[[:space:]]+SOA[[:space:]]+%s\\. nobody.invalid. 1 3600 1200 604800 %u$' /run/nothing",
                question, status, zone, ttl, zone, ttl);
}

static void records_of_the_table_are_answered_with_authority(void **state)
{
        fbn_address both[2];
        fbn_dns_routes *routes = all_routes(host);
        unsigned first = honest.asked;
        struct stub stub;

        assert_int_equal(fbn_address_parse("192.168.20.10", &both[0]), 0);
        assert_int_equal(fbn_address_parse("fd00::10", &both[1]), 0);
        assert_ok(host, fbn_dns_routes_add(host, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "=nas.home.example", .addresses = both, .n_addresses = 2)));
        assert_ok(host, fbn_dns_routes_add(host, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "ads.example", .blocked = true)));
        stub_start(&stub, routes, "127.0.0.1:5353", NULL, 0);
        command("ip netns exec host dig @127.0.0.1 -p 5353 NAS.home.example | grep -q 'flags: qr aa rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0'");
        command("ip netns exec host dig @127.0.0.1 -p 5353 NAS.home.example | grep -qE '^NAS.home.example.[[:space:]]+60[[:space:]]+IN[[:space:]]+A[[:space:]]+192.168.20.10'");
        command("test \"$(ip netns exec host dig @127.0.0.1 -p 5353 +short nas.home.example AAAA)\" = fd00::10");
        command("test \"$(ip netns exec host dig @127.0.0.1 -p 5353 +short -x 192.168.20.10)\" = nas.home.example.");
        command("test \"$(ip netns exec host dig @127.0.0.1 -p 5353 +short -x fd00::10)\" = nas.home.example.");
        assert_int_equal(ask_with("nas.home.example", 15, FLAG_RD)->rcode, RCODE_NOERROR);
        assert_nothing("nas.home.example MX", "NOERROR", "nas\\.home\\.example", 60);
        assert_nothing("x.y.ADS.example A", "NXDOMAIN", "ADS\\.example", 60);
        assert_nothing("ads.example TXT", "NXDOMAIN", "ads\\.example", 60);
        assert_nothing("x.localhost MX", "NOERROR", "localhost", 10800);
        assert_nothing("a.b.invalid A", "NXDOMAIN", "invalid", 10800);
        assert_nothing("9.9.168.192.in-addr.arpa PTR", "NXDOMAIN", "168\\.192\\.in-addr\\.arpa", 10800);
        assert_int_equal(ask("x.y.ads.example")->rcode, RCODE_NXDOMAIN);
        assert_int_equal(ask("ads.example")->rcode, RCODE_NXDOMAIN);
        assert_int_equal(honest.asked, first);
        assert_string_equal(ask("x.nas.home.example")->address, "2.2.2.2");
        stub_stop(&stub);
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

#define DIG "ip netns exec host dig +nocookie +tries=1 +time=4 -p 5353 "

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

/* Whoever reads it finds whole records, as many as it says. */
static void what_is_cut_ends_with_a_record(void **state)
{
        const struct answer *answer = ask_with("big.local.example", 16, FLAG_RD);

        assert_true(answer->message.flags & FLAG_TC);
        assert_in_range(answer->message.counts[SECTION_ANSWER], 1, 2);
        assert_int_equal(answer->message.end, answer->message.length);
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
        for (unsigned wait = 0; wait < 1000 && liar.asked - first < 64; wait++)
                poll(NULL, 0, 5);
        poll(NULL, 0, 50); /* for more than that */
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
        char name[64], heard[64];

        for (unsigned i = 0; i < 20; i++) {
                int fd = client(SOCK_STREAM);
                size_t length;

                snprintf(name, sizeof(name), "silent.%u.lone.example", i);
                snprintf(heard, sizeof(heard), "silent.%u.lone.example.", i);
                length = frame(bytes, name, 1);
                assert_int_equal(send(fd, bytes, length, 0), length);
                if (i % 3)
                        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
                for (unsigned wait = 0; wait < 1000 && !was_asked(&liar, first, heard); wait++)
                        poll(NULL, 0, 2);
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
        assert_ignored(response, sizeof(response));
        after = stub_counters(*state);
        assert_int_equal(after.size, sizeof(after));
        assert_int_equal(after.queries - before.queries, 4);
        assert_int_equal(after.answers - before.answers, 4);
        assert_int_equal(after.failures - before.failures, 1);
        assert_int_equal(after.refused - before.refused, 1);
        assert_int_equal(after.retries - before.retries, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(too_many_pending_are_told_so),
                WITH_STUB(what_is_no_query_is_refused_in_its_own_way),
                cmocka_unit_test(routes_decide_and_names_of_nobody_are_refused),
                WITH_STUB(some_names_are_answered_here),
                cmocka_unit_test(records_of_the_table_are_answered_with_authority),
                WITH_STUB(ds_records_are_the_parents),
                WITH_STUB(dig_finds_what_unbound_has),
                WITH_STUB(dig_gets_large_answers_whole_or_truncated_as_it_asks),
                WITH_STUB(what_is_cut_ends_with_a_record),
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
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
