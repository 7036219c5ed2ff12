/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netns/dns_world.h"

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
        assert_in_range(first_ttl(answer), 50, 58);
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
        command("ip netns exec host dig @127.0.0.1 -p 5353 not-there.lone.example | grep -Eq '[[:space:]](30|2[0-9])[[:space:]]+IN[[:space:]]+SOA'");
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

static void halt(struct stub *stub)
{
        fbn_context_cancel(stub->c);
        pthread_join(stub->thread, NULL);
        fbn_context_resume(stub->c);
}

static void go_on(struct stub *stub)
{
        assert_int_equal(pthread_create(&stub->thread, NULL, stub_main, stub), 0);
}

/* lone.example stays as it is, pair.example loses an upstream, and somebody waits. */
static void other_routes_keep_the_answers_of_those_that_stay(void **state)
{
        struct stub *stub = *state;
        fbn_dns_routes *other = NULL, *own = NULL;
        uint8_t bytes[WIRE_QUERY];
        struct answer answer;
        unsigned first;
        size_t length;
        int fd = client(SOCK_DGRAM);

        assert_string_equal(ask("kept.lone.example")->address, "1.1.1.1");
        assert_string_equal(ask("kept.pair.example")->address, "1.1.1.1");
        length = query(bytes, "silent.lone.example", TYPE_A, CLIENT_ID, FLAG_RD);
        assert_int_equal(send(fd, bytes, length, 0), length);
        poll(NULL, 0, 20);
        halt(stub);
        assert_ok(host, fbn_dns_routes_new(host, &other));
        route(host, other, ".", HONEST, NULL);
        route(host, other, "lone.example", LIAR, NULL);
        route(host, other, "silent.lone.example", HONEST, NULL);
        route(host, other, "pair.example", LIAR, NULL);
        assert_ok(stub->c, fbn_dns_stub_reload(stub->c, stub->stub, other));
        assert_ok(host, fbn_dns_routes_new(host, &own));
        route(host, own, ".", "127.0.0.1:5353", NULL);
        assert_failed(stub->c, fbn_dns_stub_reload(stub->c, stub->stub, own), FBN_EINVAL, "the stub itself");
        fbn_dns_routes_unref(own);
        fbn_dns_routes_unref(other);
        go_on(stub);
        receive(fd, &answer); /* by the route of now */
        assert_string_equal(answer.address, "2.2.2.2");
        close(fd);
        first = liar.asked;
        assert_string_equal(ask("kept.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked, first);
        assert_string_equal(ask("kept.pair.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked, first + 1);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_STUB(what_was_answered_is_answered_again_with_less_to_live),
                WITH_STUB(a_kept_answer_serves_each_client_as_it_asks),
                WITH_STUB(that_nothing_is_there_is_kept_as_the_soa_says),
                WITH_STUB(failures_are_kept_for_a_moment_only),
                WITH_STUB(what_leaves_the_suffix_is_not_kept),
                WITH_STUB(other_routes_keep_the_answers_of_those_that_stay),
                cmocka_unit_test(the_cache_is_flushed_bounded_and_switched_off),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
