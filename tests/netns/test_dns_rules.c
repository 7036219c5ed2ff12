/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An upstream that lies in the ways that the rules name, and clients that ask for more than their share. */
#include "netns/dns_world.h"

#define DIG_STUB "ip netns exec host dig +tries=1 +time=4 -p 5353 @127.0.0.1 "

static uint32_t first_ttl(const struct answer *answer)
{
        struct record record;

        assert_true(message_record(&answer->message, answer->message.records, &record));
        return record.ttl;
}

/* All of lone.example's names are the liar's, those of local.example unbound's. */
static void an_alias_is_followed_by_the_route_of_its_target(void **state)
{
        unsigned first = liar.asked;

        command(DIG_STUB "+short alias.lone.example > /run/short");
        command("test \"$(cat /run/short)\" = \"$(printf 'nas.local.example.\n192.168.20.10')\"");
        assert_int_equal(liar.asked - first, 1);
        command(DIG_STUB "+short alias.lone.example | grep -q 192.168.20.10"); /* kept */
        assert_int_equal(liar.asked - first, 1);
        assert_int_equal(stub_counters(*state).cache_hits, 1);
        /* What stays in the route is the upstream's to say. */
        command(DIG_STUB "+short alias-inside.lone.example | grep -q 6.6.6.6");
        command(DIG_STUB "alias.lone.example CNAME +short | grep -q '^nas.local.example'");
}

static void aliases_that_lead_nowhere_end(void **state)
{
        fbn_dns_routes *routes = NULL;
        struct stub stub;
        int start;

        assert_ok(host, fbn_dns_routes_new(host, &routes));
        route(host, routes, "lone.example", LIAR, NULL);
        route(host, routes, "pair.example", LIAR, NULL);
        stub_start(&stub, routes, "127.0.0.1:5353", NULL, 0);
        start = now();
        assert_int_equal(ask("circle.lone.example")->rcode, RCODE_SERVFAIL);
        assert_true(now() - start < 5 * TIMEOUT);
        assert_int_equal(ask("alias-of-silent.lone.example")->rcode, RCODE_SERVFAIL);
        /* Nobody is to be asked for x.nobody.test: the client learns that name and no more. */
        command(DIG_STUB "alias-of-nobody.lone.example > /run/dig");
        command("grep -q 'status: NOERROR' /run/dig && grep -q 'CNAME.*x.nobody.test' /run/dig && ! grep -q 6.6.6.6 /run/dig");
        stub_stop(&stub);
}

/* The client goes while its alias is being followed; the routes change meanwhile. */
static void an_alias_may_lose_who_waits_for_it(void **state)
{
        struct stub *stub = *state;
        fbn_dns_routes *again;
        uint8_t framed[2 + WIRE_QUERY], bytes[WIRE_QUERY];
        struct answer answer;
        size_t length;
        int fd = client(SOCK_STREAM), datagrams = client(SOCK_DGRAM);

        length = query(framed + 2, "alias-of-silent.lone.example", TYPE_A, CLIENT_ID, FLAG_RD);
        wire_write16(framed, (uint16_t)length);
        assert_int_equal(send(fd, framed, 2 + length, 0), 2 + length);
        poll(NULL, 0, 50);
        close(fd);
        length = query(bytes, "alias-of-silent.lone.example", TYPE_A, CLIENT_ID, FLAG_RD);
        assert_int_equal(send(datagrams, bytes, length, 0), length);
        poll(NULL, 0, 50);
        fbn_context_cancel(stub->c);
        pthread_join(stub->thread, NULL);
        fbn_context_resume(stub->c);
        again = all_routes(host);
        assert_ok(stub->c, fbn_dns_stub_reload(stub->c, stub->stub, again));
        fbn_dns_routes_unref(again);
        assert_int_equal(pthread_create(&stub->thread, NULL, stub_main, stub), 0);
        receive(datagrams, &answer); /* the pair's second upstream is honest */
        assert_int_equal(answer.rcode, RCODE_NOERROR);
        assert_int_equal(answer.message.counts[SECTION_ANSWER], 2);
        close(datagrams);
        assert_string_equal(ask("after.lone.example")->address, "1.1.1.1");
}

static const uint8_t *last_cookie(unsigned *ret_length)
{
        *ret_length = liar.heard[liar.asked - 1].cookie_length;
        return liar.heard[liar.asked - 1].cookie;
}

static void cookies_are_sent_learned_and_wanted_back(void **state)
{
        uint8_t own[8];
        unsigned length, first, tcp = liar.asked_tcp;

        assert_string_equal(ask("cookie-echoed.lone.example")->address, "1.1.1.1"); /* a server that knows no cookies */
        assert_string_equal(ask("plain.lone.example")->address, "1.1.1.1");
        memcpy(own, last_cookie(&length), 8);
        assert_int_equal(length, 8);
        assert_string_equal(ask("cookie.lone.example")->address, "1.1.1.1");
        assert_string_equal(ask("cookie-good.lone.example")->address, "1.1.1.1");
        assert_memory_equal(last_cookie(&length), own, 8);
        assert_int_equal(length, 16);
        assert_memory_equal(last_cookie(&length) + 8, SERVER_COOKIE, 8);
        assert_int_equal(liar.asked_tcp, tcp);
        /* Now whoever answers without it is somebody else, or is asked over TCP. */
        assert_string_equal(ask("cookie-forged.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked_tcp, tcp);
        assert_int_equal(stub_counters(*state).mismatches, 1);
        assert_string_equal(ask("cookie-less.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked_tcp, tcp + 1);
        first = liar.asked;
        assert_int_equal(ask("cookie-short.lone.example")->rcode, RCODE_SERVFAIL); /* of a length that there is not */
        assert_int_equal(liar.asked - first, 2);
        assert_string_equal(ask("given-up.lone.example")->address, "1.1.1.1"); /* over TCP too without one: it has none any more */
        assert_int_equal(liar.asked_tcp, tcp + 2);
        assert_string_equal(ask("no-more.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked_tcp, tcp + 2);
}

static void a_server_that_wants_its_newer_cookie_gets_it(void **state)
{
        unsigned first = liar.asked, tcp = liar.asked_tcp;

        assert_string_equal(ask("cookie-wanted.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked - first, 2);
        assert_int_equal(liar.asked_tcp, tcp);
        assert_string_equal(ask("cookie-never-good.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked - first, 5);
        assert_int_equal(liar.asked_tcp, tcp + 1);
}

static void clients_get_cookies_too(void **state)
{
        command(DIG_STUB "+cookie=0011223344556677 kept.lone.example | grep -Eq 'COOKIE: 001122334455667701000000[0-9a-f]{24} .good.'");
        command(DIG_STUB "+tcp +cookie=0011223344556677 kept.lone.example | grep -q 'good'");
        command(DIG_STUB "+nocookie +ednsopt=10:001122 kept.lone.example | grep -q 'status: FORMERR'");
}

static void stale_answers_bridge_an_outage(void **state)
{
        const struct answer *answer;
        unsigned first;

        ask("short-lived.lone.example");
        ask("not-there.lone.example");
        poll(NULL, 0, 1100);
        liar.dead = true;
        first = liar.asked;
        answer = ask("short-lived.lone.example");
        assert_string_equal(answer->address, "1.1.1.1");
        assert_int_equal(first_ttl(answer), 30);
        assert_int_equal(liar.asked - first, 2);
        command(DIG_STUB "short-lived.lone.example | grep -q 'EDE: 3 (Stale Answer)'");
        assert_int_equal(liar.asked - first, 2); /* not again so soon */
        assert_int_equal(stub_counters(*state).stale, 2);
        assert_int_equal(stub_counters(*state).failures, 0);
        assert_int_equal(ask("never-known.lone.example")->rcode, RCODE_SERVFAIL);
        liar.dead = false;
        poll(NULL, 0, 2100);
        answer = ask("short-lived.lone.example");
        assert_int_equal(first_ttl(answer), 1);
        assert_int_equal(stub_counters(*state).stale, 2);
}

static void stale_answers_are_given_when_the_truth_takes_too_long(void **state)
{
        fbn_endpoint where = endpoint("127.0.0.1:5353");
        const struct answer *answer;
        struct stub stub;

        stub_begin(&stub, all_routes(host), FBN_OPTIONS(fbn_dns_stub_options, .listen = &where, .n_listen = 1, .timeout_ms = 5000));
        ask("short-lived.lone.example");
        poll(NULL, 0, 1100);
        liar.dead = true;
        answer = ask("short-lived.lone.example");
        assert_string_equal(answer->address, "1.1.1.1");
        assert_in_range(answer->milliseconds, 1750, 3000);
        assert_true(ask("short-lived.lone.example")->milliseconds < 1000);
        liar.dead = false;
        stub_stop(&stub);
}

static void other_peoples_clients_are_content(void **state)
{
        command("ip netns exec host drill -p 5353 nas.local.example @127.0.0.1 | grep -q '192.168.20.10'");
        command("ip netns exec host drill -t -p 5353 huge.local.example TXT @127.0.0.1 | grep -c 'TXT' | grep -qx 7");
        command("ip netns exec host kdig @127.0.0.1 -p 5353 +short nas.local.example | grep -qx '192.168.20.10'");
        command("ip netns exec host kdig @127.0.0.1 -p 5353 +tcp +keepopen +short nas.local.example big.local.example TXT | grep -q bbb");
        command("ip netns exec host kdig @127.0.0.1 -p 5353 +cookie nas.local.example > /run/kdig");
        command("grep -q 'COOKIE: ' /run/kdig && ! grep -qi warning /run/kdig");
}

static void answers_say_why(void **state)
{
        command(DIG_STUB "silent.lone.example | grep -q 'EDE: 22 (No Reachable Authority)'");
        command_until(DIG_STUB "silent.lone.example > /run/dig; " DIG_STUB "silent.lone.example | grep -q 'EDE: 13 (Cached Error)'"); /* within 2 s */
        command(DIG_STUB "lone.example AXFR +edns +tcp | grep -qi 'transfer failed'");
        command(DIG_STUB "+noedns silent.lone.example > /run/dig && ! grep -q EDE /run/dig");
}

static void private_addresses_come_by_split_routes_only(void **state)
{
        static const char *const addresses[] = {"10-0-0-1", "127-0-0-1", "100-64-0-7", "192-168-8-1", "172-31-255-255", "169-254-1-1", "0-0-0-0"};
        fbn_endpoint where = endpoint("127.0.0.1:5353");
        char name[64];

        for (int allowed = 0; allowed < 2; allowed++) {
                fbn_dns_routes *routes = NULL;
                struct stub stub;

                assert_ok(host, fbn_dns_routes_new(host, &routes));
                route(host, routes, "lone.example", LIAR, NULL);
                route(host, routes, ".", LIAR, NULL);
                stub_begin(&stub, routes, FBN_OPTIONS(fbn_dns_stub_options, .listen = &where, .n_listen = 1, .allow_private = allowed));
                for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
                        snprintf(name, sizeof(name), "address-%s.evil.example", addresses[i]);
                        assert_int_equal(ask(name)->message.counts[SECTION_ANSWER], allowed);
                        assert_int_equal(ask(name)->rcode, RCODE_NOERROR);
                        snprintf(name, sizeof(name), "address-%s.lone.example", addresses[i]);
                        assert_int_equal(ask(name)->message.counts[SECTION_ANSWER], 1);
                }
                assert_string_equal(ask("address-172-32-0-1.good.example")->address, "172.32.0.1");
                if (!allowed)
                        command(DIG_STUB "address-10-1-1-1.evil.example | grep -q 'EDE: 15 (Blocked)'");
                assert_int_equal(stub_counters(&stub).filtered, allowed ? 0 : 2 * ARRAY_SIZE(addresses) + 1);
                stub_stop(&stub);
        }
}

static void only_those_who_may_are_answered(void **state)
{
        fbn_endpoint where[] = {endpoint("0.0.0.0:5353"), endpoint("[::]:5353")};
        fbn_prefix other[2];
        struct stub stub;

        stub_begin(&stub, all_routes(host), FBN_OPTIONS(fbn_dns_stub_options, .listen = where, .n_listen = 2));
        command("ip netns exec resolver dig +tries=1 -p 5353 @192.0.2.2 nas.local.example > /run/dig");
        command("grep -q 'status: REFUSED' /run/dig && grep -q 'EDE: 18 (Prohibited)' /run/dig");
        command("ip netns exec resolver dig +tries=1 -p 5353 @2001:db8::2 nas.local.example | grep -q 'status: REFUSED'");
        command("! ip netns exec resolver dig +tries=1 +time=2 -p 5353 @192.0.2.2 +tcp nas.local.example > /run/dig");
        command(DIG_STUB "+short nas.local.example | grep -q 192.168.20.10"); /* this host always may */
        stub_stop(&stub);
        assert_int_equal(fbn_prefix_parse("192.0.2.0/31", &other[0]), 0);
        assert_int_equal(fbn_prefix_parse("198.51.100.0/24", &other[1]), 0);
        stub_begin(&stub, all_routes(host), FBN_OPTIONS(fbn_dns_stub_options, .listen = where, .n_listen = 2, .allow = other, .n_allow = 2));
        command("ip netns exec resolver dig +tries=1 -p 5353 @192.0.2.2 +short nas.local.example | grep -q 192.168.20.10");
        command("ip netns exec resolver dig +tries=1 -p 5353 @192.0.2.2 +tcp +short nas.local.example | grep -q 192.168.20.10");
        command("ip netns exec resolver dig +tries=1 -b 192.0.2.9 -p 5353 @192.0.2.2 nas.local.example | grep -q 'status: REFUSED'");
        stub_stop(&stub);
}

static void send_silent(int fd, unsigned first, unsigned count)
{
        uint8_t bytes[WIRE_QUERY];
        char name[64];

        for (unsigned i = first; i < first + count; i++) {
                size_t length;

                snprintf(name, sizeof(name), "silent.%u.lone.example", i);
                length = query(bytes, name, TYPE_A, (uint16_t)i, FLAG_RD);
                assert_int_equal(send(fd, bytes, length, 0), length);
        }
}

static void one_route_cannot_take_all_that_may_wait(void **state)
{
        struct stub stub;
        struct answer answer;
        int fd;

        stub_start(&stub, all_routes(host), "127.0.0.1:5353", NULL, 16);
        fd = client(SOCK_DGRAM);
        send_silent(fd, 0, 12);
        assert_false(readable_within(fd, 100));
        send_silent(fd, 12, 1);
        receive(fd, &answer);
        assert_int_equal(answer.message.id, 12);
        assert_int_equal(answer.rcode, RCODE_SERVFAIL);
        assert_string_equal(ask("other.example")->address, "2.2.2.2");
        close(fd);
        stub_stop(&stub);
}

static void one_client_cannot_take_all_that_may_wait(void **state)
{
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = inet_addr("192.0.2.2")};
        struct timeval patience = {.tv_sec = 5};
        struct namespace_guard guard;
        struct stub stub;
        struct answer answer;
        int fd;

        stub_start(&stub, all_routes(host), "0.0.0.0:5353", NULL, 16);
        assert_int_equal(namespace_enter(resolver, &guard), 0);
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        namespace_leave(&guard);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        send_silent(fd, 0, 8);
        assert_false(readable_within(fd, 100));
        send_silent(fd, 8, 1);
        receive(fd, &answer);
        assert_int_equal(answer.message.id, 8);
        assert_int_equal(answer.rcode, RCODE_SERVFAIL);
        assert_string_equal(ask("new.lone.example")->address, "1.1.1.1"); /* another client */
        close(fd);
        stub_stop(&stub);
}

static unsigned long resident_kib(void)
{
        FILE *file = fopen("/proc/self/statm", "r");
        unsigned long pages;

        assert_int_equal(fscanf(file, "%*u %lu", &pages), 1);
        fclose(file);
        return pages * 4;
}

/* A thousand connections that say nothing take neither memory without bound nor anybody's answer. */
static void a_thousand_idle_connections_shut_nobody_out(void **state)
{
        static int fds[1000];
        unsigned long before = resident_kib();
        unsigned open = 0;

        (void)before;
        for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
                fds[i] = client(SOCK_STREAM);
        command(DIG_STUB "+tcp +short nas.local.example | grep -q 192.168.20.10");
        assert_string_equal(ask("new.lone.example")->address, "1.1.1.1");
        for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
                open += !readable_within(fds[i], 0);
        assert_in_range(open, 100, 128);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
        assert_true(resident_kib() - before < 4096);
#endif
        for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
                close(fds[i]);
}

static void what_is_asked_is_logged_as_told(void **state)
{
        fbn_endpoint where = endpoint("127.0.0.1:5353");
        struct stub stub;

        for (int names = 0; names < 2; names++) {
                int fd = open("/run/stub.log", O_RDWR | O_CREAT | O_TRUNC, 0600);

                stub_begin(&stub, all_routes(host),
                           FBN_OPTIONS(fbn_dns_stub_options, .listen = &where, .n_listen = 1, .timeout_ms = TIMEOUT, .log_fd = fd, .log_names = names));
                close(fd);
                ask("secret.lone.example");
                ask("SECRET.lone.example");
                ask("localhost");
                command(DIG_STUB "+tcp silent.lone.example | grep -q SERVFAIL");
                stub_stop(&stub);
                command("test $(wc -l < /run/stub.log) = 4 && grep -q 'udp .* type=1 rcode=0 upstream$' /run/stub.log && "
                        "grep -q ' cache$' /run/stub.log && grep -q ' local$' /run/stub.log && grep -q ' 127.0.0.1:[0-9]* tcp .* rcode=2 failed$' /run/stub.log");
                command("%s grep -q secret /run/stub.log", names ? "" : "!");
                if (!names) /* the same name is the same hash, whatever its case */
                        command("test $(grep -o '#[0-9a-f]\\{16\\}' /run/stub.log | sort | uniq -d | wc -l) = 1");
        }
}

/* As systemd gives them: sockets of each kind, bound already. */
static void sockets_of_somebody_else_are_served(void **state)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct namespace_guard guard;
        fbn_dns_stub *none = NULL;
        fbn_dns_routes *routes = all_routes(host);
        struct stub stub;
        int fds[2], pipes[2], on = 1;

        assert_int_equal(namespace_enter(host, &guard), 0);
        fds[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        namespace_leave(&guard);
        setsockopt(fds[1], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        for (int i = 0; i < 2; i++)
                assert_int_equal(bind(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(fds[1], 16), 0);
        assert_int_equal(pipe(pipes), 0);
        assert_failed(host, fbn_dns_stub_new(host, routes, FBN_OPTIONS(fbn_dns_stub_options, .sockets = pipes, .n_sockets = 1), &none), FBN_ESYSTEM,
                      "is no socket");
        close(pipes[0]);
        close(pipes[1]);
        stub_begin(&stub, routes, FBN_OPTIONS(fbn_dns_stub_options, .sockets = fds, .n_sockets = 2, .timeout_ms = TIMEOUT));
        close(fds[0]);
        close(fds[1]);
        assert_string_equal(ask("q.lone.example")->address, "1.1.1.1");
        command(DIG_STUB "+tcp +short q.lone.example | grep -q 1.1.1.1");
        assert_int_equal(fbn_dns_stub_address(stub.stub, 1).port, PORT);
        stub_stop(&stub);
}

/* Four threads, each with a stub of its own, at one address: questions are shared out, and each is answered. */
static void threads_share_an_address(void **state)
{
        fbn_endpoint where = endpoint("127.0.0.1:5353");
        struct stub stubs[4];
        uint64_t queries = 0;
        unsigned busy = 0;
        char name[64];

        for (size_t i = 0; i < ARRAY_SIZE(stubs); i++)
                stub_begin(&stubs[i], all_routes(host), FBN_OPTIONS(fbn_dns_stub_options, .listen = &where, .n_listen = 1, .shared = true));
        for (unsigned i = 0; i < 200; i++) {
                snprintf(name, sizeof(name), "q%u.lone.example", i);
                assert_string_equal(ask(name)->address, "1.1.1.1");
        }
        for (size_t i = 0; i < ARRAY_SIZE(stubs); i++) {
                uint64_t mine = (stub_stop_serving(&stubs[i]), stub_counters(&stubs[i]).queries);

                queries += mine;
                busy += mine > 0;
                stub_end(&stubs[i]);
        }
        assert_int_equal(queries, 200);
        assert_true(busy >= 3);
}

/* As after a change of links: sockets, cookies and times are others, what was answered is still known. */
static void reconnecting_keeps_the_cache(void **state)
{
        struct stub *stub = *state;
        uint8_t before[8];
        unsigned length, port, first;

        ask("cookie.lone.example");
        memcpy(before, last_cookie(&length), 8);
        port = liar.heard[liar.asked - 1].port;
        stub_stop_serving(stub);
        fbn_dns_stub_reconnect(stub->stub);
        fbn_context_resume(stub->c);
        assert_int_equal(pthread_create(&stub->thread, NULL, stub_main, stub), 0);
        first = liar.asked;
        assert_string_equal(ask("cookie.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked, first);
        assert_string_equal(ask("plain.lone.example")->address, "1.1.1.1");
        assert_memory_not_equal(last_cookie(&length), before, 8);
        assert_int_equal(length, 8);
        assert_int_not_equal(liar.heard[liar.asked - 1].port, port);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_STUB(an_alias_is_followed_by_the_route_of_its_target),
                cmocka_unit_test(aliases_that_lead_nowhere_end),
                WITH_STUB(an_alias_may_lose_who_waits_for_it),
                WITH_STUB(cookies_are_sent_learned_and_wanted_back),
                WITH_STUB(a_server_that_wants_its_newer_cookie_gets_it),
                WITH_STUB(clients_get_cookies_too),
                WITH_STUB(stale_answers_bridge_an_outage),
                cmocka_unit_test(stale_answers_are_given_when_the_truth_takes_too_long),
                WITH_STUB(other_peoples_clients_are_content),
                WITH_STUB(answers_say_why),
                cmocka_unit_test(private_addresses_come_by_split_routes_only),
                cmocka_unit_test(only_those_who_may_are_answered),
                cmocka_unit_test(one_route_cannot_take_all_that_may_wait),
                cmocka_unit_test(one_client_cannot_take_all_that_may_wait),
                WITH_STUB(a_thousand_idle_connections_shut_nobody_out),
                cmocka_unit_test(what_is_asked_is_logged_as_told),
                cmocka_unit_test(sockets_of_somebody_else_are_served),
                cmocka_unit_test(threads_share_an_address),
                WITH_STUB(reconnecting_keeps_the_cache),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
