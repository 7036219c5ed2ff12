/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netns/dns_world.h"

static void ask_many(unsigned count)
{
        char name[64];

        for (unsigned i = 0; i < count; i++) {
                snprintf(name, sizeof(name), "q%u.lone.example", i);
                assert_string_equal(ask(name)->address, "1.1.1.1");
        }
}

/* How many ports the last questions came from, and how many had the client's id. */
static unsigned distinct_ports(unsigned count, unsigned *ret_clients)
{
        unsigned ports = 0, first = liar.asked - count;

        *ret_clients = 0;
        for (unsigned i = first; i < liar.asked; i++) {
                bool seen = false;

                for (unsigned j = first; j < i; j++)
                        seen |= liar.heard[i].port == liar.heard[j].port;
                ports += !seen;
                *ret_clients += liar.heard[i].id == CLIENT_ID;
        }
        return ports;
}

static void questions_come_from_64_ports_with_ids_of_their_own(void **state)
{
        unsigned clients, same_id = 0;

        ask_many(300);
        /* 300 throws of a die with 64 sides leave one or none out. */
        assert_in_range(distinct_ports(300, &clients), 55, 64);
        assert_in_range(clients, 0, 1);
        for (unsigned i = liar.asked - 300; i < liar.asked; i++)
                for (unsigned j = liar.asked - 300; j < i; j++)
                        same_id += liar.heard[i].id == liar.heard[j].id;
        assert_in_range(same_id, 0, 8); /* by chance: 0.7 */
}

/* 64 ports, each for 64 questions. */
static void ports_are_used_for_so_many_questions(void **state)
{
        unsigned clients;

        ask_many(6400);
        assert_in_range(distinct_ports(6400, &clients), 96, 200);
}

static void ports_are_given_up_when_told_to_forget(void **state)
{
        struct stub *stub = *state;
        unsigned first = liar.asked, port, clients;

        ask_many(100);
        port = distinct_ports(100, &clients);
        fbn_context_cancel(stub->c);
        pthread_join(stub->thread, NULL);
        fbn_dns_stub_flush(stub->stub);
        fbn_context_resume(stub->c);
        assert_int_equal(pthread_create(&stub->thread, NULL, stub_main, stub), 0);
        ask_many(100);
        assert_int_equal(liar.asked - first, 200);
        assert_true(distinct_ports(200, &clients) > port + 30);
}

static void a_strict_stub_takes_a_new_port_for_each_question(void **state)
{
        fbn_endpoint where = endpoint("127.0.0.1:5353");
        fbn_dns_routes *routes = all_routes(host);
        struct stub stub = {.c = namespace_context("host")};
        unsigned clients;

        assert_ok(stub.c, fbn_dns_stub_new(stub.c, routes, FBN_OPTIONS(fbn_dns_stub_options, .listen = &where, .n_listen = 1, .strict = true), &stub.stub));
        fbn_dns_routes_unref(routes);
        assert_int_equal(pthread_create(&stub.thread, NULL, stub_main, &stub), 0);
        ask_many(200);
        assert_in_range(distinct_ports(200, &clients), 190, 200);
        assert_in_range(clients, 0, 1);
        stub_stop(&stub);
}

/* Letters in both cases where the client wrote small ones. */
static void questions_have_letters_in_random_case(void **state)
{
        unsigned upper = 0, letters = 0, first = liar.asked;

        ask_many(20);
        for (unsigned i = first; i < liar.asked; i++)
                for (const char *at = liar.heard[i].name; *at; at++) {
                        letters += isalpha(*at) != 0;
                        upper += isupper(*at) != 0;
                }
        assert_in_range(upper, letters / 3, letters * 2 / 3);
}

/* TCP tells that it is the server who answers so, which then is asked over UDP again. */
static void a_server_that_changes_the_case_is_found_out_over_tcp_once(void **state)
{
        unsigned tcp = liar.asked_tcp;

        assert_string_equal(ask("upper.1.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked_tcp - tcp, 1);
        assert_string_equal(ask("upper.2.lone.example")->address, "1.1.1.1");
        assert_string_equal(ask("upper.3.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked_tcp - tcp, 1);
}

/* Small forwarders are like that. */
static void a_server_that_changes_the_case_and_has_no_tcp_is_asked_simply(void **state)
{
        unsigned tcp = liar.asked_tcp;

        assert_string_equal(ask("upper-closed.1.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked_tcp - tcp, 1);
        assert_string_equal(ask("upper-closed.2.lone.example")->address, "1.1.1.1");
        assert_int_equal(liar.asked_tcp - tcp, 1);
}

/* That the question could not be read is said of ours, with or without EDNS: not of the client's. */
static void an_upstream_that_cannot_read_us_is_a_failure_and_the_next_is_asked(void **state)
{
        assert_int_equal(ask("formerr.1.lone.example")->rcode, RCODE_SERVFAIL);
        assert_string_equal(ask("formerr.1.pair.example")->address, "2.2.2.2");
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

static void a_silent_upstream_gives_way_to_the_next_at_once(void **state)
{
        const struct answer *answer = ask("silent.pair.example");

        assert_string_equal(answer->address, "2.2.2.2");
        assert_in_range(answer->milliseconds, 60, 60 + TIMEOUT / 2); /* nothing is known of it yet */
        ask("known.pair.example");
        answer = ask("silent.2.pair.example");
        assert_string_equal(answer->address, "2.2.2.2");
        assert_in_range(answer->milliseconds, 15, 90);
}

/* Twenty questions a second, and in the middle the one that answers falls silent. */
static void a_failover_is_hardly_felt(void **state)
{
        unsigned slow = 0;
        char name[64];

        for (unsigned i = 0; i < 288; i++) {
                const struct answer *answer;

                snprintf(name, sizeof(name), "%s.%u.pair.example", i < 144 ? "fine" : "silent", i);
                answer = ask(name);
                assert_true(streq(answer->address, "2.2.2.2") || (i < 144 && streq(answer->address, "1.1.1.1"))); /* on a busy machine the next is asked too */
                slow += answer->milliseconds > 100;
                poll(NULL, 0, 50);
        }
        assert_in_range(slow, 0, 1);
}

static void one_that_was_silent_comes_last_for_a_second(void **state)
{
        uint8_t bytes[WIRE_QUERY];
        struct answer late;
        unsigned first;
        char name[64];
        size_t length;
        int fd;

        for (unsigned i = 0; i < 3; i++) {
                snprintf(name, sizeof(name), "silent.%u.pair.example", i);
                assert_string_equal(ask(name)->address, "2.2.2.2");
        }
        first = liar.asked;
        for (unsigned i = 0; i < 5; i++) {
                snprintf(name, sizeof(name), "a%u.pair.example", i);
                assert_string_equal(ask(name)->address, "2.2.2.2");
        }
        assert_int_equal(liar.asked, first);
        poll(NULL, 0, 1000);
        /* One question tries it, in vain, and while that waits nobody else does. */
        fd = client(SOCK_DGRAM);
        length = query(bytes, "silent.3.pair.example", TYPE_A, 7, FLAG_RD);
        assert_int_equal(send(fd, bytes, length, 0), length);
        poll(NULL, 0, 5);
        assert_string_equal(ask("b.pair.example")->address, "2.2.2.2");
        receive(fd, &late);
        assert_string_equal(late.address, "2.2.2.2");
        close(fd);
        assert_string_equal(ask("c.pair.example")->address, "2.2.2.2");
        assert_int_equal(liar.asked, first + 1);
        poll(NULL, 0, 1000);
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
        unsigned first = honest.asked, before;
        const struct answer *answer = ask("X.Dead.example");
        uint64_t failures;

        assert_int_equal(answer->rcode, RCODE_SERVFAIL);
        assert_memory_equal(answer->message.question.name.bytes, "\1X\4Dead\7example", 16);
        assert_in_range(answer->milliseconds, 0, TIMEOUT - 10);
        failures = stub_counters(*state).failures;
        assert_int_equal(failures, 1);
        before = liar.asked;
        answer = ask("silent.lone.example");
        assert_int_equal(answer->rcode, RCODE_SERVFAIL);
        assert_int_equal(liar.asked - before, 2); /* it is the only one */
        assert_in_range(answer->milliseconds, 256 + TIMEOUT - 20, 5000);
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

/* The server saw a name whose case we made up; it comes back spelled out, or of an alias that leads to another route. */
static void owners_have_the_clients_case_too(void **state)
{
        static const char *const names[] = {"sPelled-OUT.LONE.eXample", "aLiaS.LONE.eXample"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const struct answer *answer = ask(names[i]);
                struct name wanted, owner;

                assert_int_equal(answer->rcode, RCODE_NOERROR);
                assert_true(answer->message.counts[SECTION_ANSWER] > 0 && name_parse(names[i], &wanted));
                message_name(&answer->message, answer->message.records, &owner);
                assert_int_equal(owner.length, wanted.length);
                assert_memory_equal(owner.bytes, wanted.bytes, wanted.length);
        }
}

static void flags_are_passed_and_those_of_others_are_not(void **state)
{
        const struct answer *answer = ask_with("ad.lone.example", TYPE_A, FLAG_RD | FLAG_CD | FLAG_AD);
        unsigned last = liar.asked - 1;

        assert_int_equal(liar.heard[last].flags, FLAG_RD | FLAG_CD);
        assert_int_equal(answer->message.flags & (FLAG_RD | FLAG_CD | FLAG_AD), FLAG_RD | FLAG_CD);
        answer = ask_with("ad.lone.example", TYPE_A, 0);
        assert_int_equal(liar.heard[last + 1].flags, 0);
        assert_int_equal(answer->message.flags & (FLAG_RD | FLAG_CD | FLAG_AD), 0);
        assert_false(liar.heard[last + 1].dnssec_ok);
        /* Recursion is available here; authority is the upstream's, and AA its word for it. */
        assert_int_equal(ask("authority.lone.example")->message.flags & (FLAG_AA | FLAG_RA), FLAG_RA);
        assert_int_equal(ask("authority.lone.example")->message.flags & (FLAG_AA | FLAG_RA), FLAG_RA);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_STUB(questions_come_from_64_ports_with_ids_of_their_own),
                WITH_STUB(ports_are_used_for_so_many_questions),
                WITH_STUB(ports_are_given_up_when_told_to_forget),
                cmocka_unit_test(a_strict_stub_takes_a_new_port_for_each_question),
                WITH_STUB(questions_have_letters_in_random_case),
                WITH_STUB(a_server_that_changes_the_case_is_found_out_over_tcp_once),
                WITH_STUB(a_server_that_changes_the_case_and_has_no_tcp_is_asked_simply),
                WITH_STUB(an_upstream_that_cannot_read_us_is_a_failure_and_the_next_is_asked),
                WITH_STUB(lies_are_dropped_counted_and_the_truth_waited_for),
                WITH_STUB(a_flood_of_lies_moves_the_question_to_tcp),
                WITH_STUB(a_silent_upstream_gives_way_to_the_next_at_once),
                WITH_STUB(a_failover_is_hardly_felt),
                WITH_STUB(one_that_was_silent_comes_last_for_a_second),
                WITH_STUB(a_late_answer_goes_to_nobody),
                WITH_STUB(what_icmp_says_is_heard_at_once_and_ends_nothing),
                WITH_STUB(unwilling_upstreams_are_passed_over),
                WITH_STUB(servfail_when_no_upstream_answers_and_never_the_default),
                WITH_STUB(truncated_answers_are_fetched_over_tcp),
                WITH_STUB(upstreams_without_edns_are_asked_without),
                WITH_STUB(case_is_the_clients_own),
                WITH_STUB(owners_have_the_clients_case_too),
                WITH_STUB(flags_are_passed_and_those_of_others_are_not),
                WITH_STUB(equal_questions_are_asked_once),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
