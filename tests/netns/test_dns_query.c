/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netns/dns_world.h"

#include "base/text.h"

/* What is asked in this very process goes the ways of a stub's clients. */

struct inside {
        fbn_context *c;
        fbn_dns_stub *stub;
};

static int inside_setup(void **state)
{
        struct inside *inside = calloc(1, sizeof(*inside));
        fbn_dns_routes *routes = all_routes(host);
        const fbn_address address = {AF_INET, {10, 7, 0, 1}};

        assert_ok(host, fbn_dns_routes_add(host, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "=nas.fabric", .addresses = &address, .n_addresses = 1)));
        assert_ok(host, fbn_dns_routes_add(host, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "fabric", .blocked = true)));
        inside->c = namespace_context("host");
        assert_ok(inside->c, fbn_dns_stub_new(inside->c, routes, FBN_OPTIONS(fbn_dns_stub_options, .in_process = true, .timeout_ms = TIMEOUT), &inside->stub));
        fbn_dns_routes_unref(routes);
        *state = inside;
        return 0;
}

static int inside_teardown(void **state)
{
        struct inside *inside = *state;

        fbn_dns_stub_unref(inside->stub);
        fbn_context_unref(inside->c);
        free(inside);
        return 0;
}

static fbn_dns_answer *asked(const struct inside *inside, const char *name, const char *type)
{
        fbn_dns_answer *answer = NULL;

        assert_ok(inside->c, fbn_dns_query(inside->c, inside->stub, name, type, 0, &answer));
        return answer;
}

static void assert_answer(const fbn_dns_answer *answer, const char *status, const char *route, fbn_dns_source source, const char *upstream, uint32_t kept_s)
{
        const fbn_dns_explanation *why = fbn_dns_answer_explain(answer);
        char text[FBN_ADDRESS_TEXT];

        if (strcmp(why->status, status) != 0)
                fail_msg("%s %s: %s, not %s", why->name, why->type, why->status, status);
        assert_string_equal(why->route, route);
        assert_int_equal(why->source, source);
        assert_string_equal(fbn_endpoint_format(&why->upstream, text, sizeof(text)), upstream);
        if (why->kept_s > kept_s || why->kept_s + 2 < kept_s)
                fail_msg("%s is kept for %u s, not %u", why->name, why->kept_s, kept_s);
}

static void assert_explained(const struct inside *inside, const char *name, const char *type, const char *status, const char *route, fbn_dns_source source,
                             const char *upstream, uint32_t kept_s)
{
        FBN_CLEANUP(fbn_dns_answer) answer = asked(inside, name, type);

        assert_answer(answer, status, route, source, upstream, kept_s);
}

static fbn_dns_answer *told(const char *stub, const char *name, const char *type)
{
        const fbn_endpoint where = endpoint(stub);
        fbn_dns_answer *answer = NULL;

        assert_ok(host, fbn_dns_explain(host, &where, name, type, 0, &answer));
        return answer;
}

static void assert_told(const char *stub, const char *name, const char *type, const char *status, const char *route, fbn_dns_source source, const char *upstream,
                        uint32_t kept_s)
{
        FBN_CLEANUP(fbn_dns_answer) answer = told(stub, name, type);

        assert_answer(answer, status, route, source, upstream, kept_s);
}

#define STUB "127.0.0.1:5353"

/* A stub that somebody else serves: its cache, not one of ours. */
static void a_running_stub_tells_why_to_who_asks_on_this_host(void **state)
{
        FBN_CLEANUP(fbn_dns_answer) answer = NULL;
        uint64_t answers = stub_counters(*state).answers;

        assert_told(STUB, "a.lone.example", "A", "NOERROR", "lone.example", FBN_DNS_SOURCE_UPSTREAM, LIAR, 60);
        assert_told(STUB, "A.lone.example", "A", "NOERROR", "lone.example", FBN_DNS_SOURCE_CACHE, "", 60);
        assert_told("[::1]:5353", "a.lone.example", "a", "NOERROR", "lone.example", FBN_DNS_SOURCE_CACHE, "", 60);
        assert_string_equal(ask("b.lone.example")->address, "1.1.1.1"); /* what another client made it keep */
        assert_told(STUB, "b.lone.example", "A", "NOERROR", "lone.example", FBN_DNS_SOURCE_CACHE, "", 60);
        assert_told(STUB, "a.dying.example", "A", "NOERROR", "dying.example", FBN_DNS_SOURCE_UPSTREAM, HONEST, 60);
        assert_told(STUB, "a.dead.example", "A", "SERVFAIL", "dead.example", FBN_DNS_SOURCE_NONE, "", 0);
        assert_told(STUB, "10.9.0.1", "PTR", "NXDOMAIN", "", FBN_DNS_SOURCE_LOCAL, "", 0);
        assert_told(STUB, "huge.local.example", "TXT", "NOERROR", "local.example", FBN_DNS_SOURCE_UPSTREAM, UNBOUND, 3600);
        answer = told(STUB, "nas.local.example", "A");
        assert_int_equal(fbn_dns_answer_count(answer), 1);
        assert_string_equal(fbn_dns_answer_at(answer, 0)->data, "192.168.20.10");
        assert_int_equal(stub_counters(*state).answers - answers, 10);
}

static void who_cannot_tell_why_is_no_stub(void **state)
{
        const fbn_endpoint nobody = endpoint(NOBODY), unbound = endpoint(UNBOUND), silent = endpoint(NOWHERE);
        FBN_CLEANUP(fbn_dns_answer) answer = NULL;

        assert_failed(host, fbn_dns_explain(host, &nobody, "a.example", "A", 0, &answer), FBN_EUNAVAILABLE, NOBODY);
        assert_failed(host, fbn_dns_explain(host, &unbound, "nas.local.example", "A", 0, &answer), FBN_EUNSUPPORTED, "no stub");
        assert_failed(host, fbn_dns_explain(host, &unbound, "a..b", "A", 0, &answer), FBN_EINVAL, "no domain name");
        assert_true(fbn_dns_explain(host, &silent, "a.example", "A", 100, &answer) < 0);
        assert_null(answer);
}

/* Other hosts get an answer, and not what is in the cache or who was asked. */
static void other_hosts_are_not_told_why(void **state)
{
        const fbn_endpoint where = endpoint("192.0.2.2:5353");
        FBN_CLEANUP(fbn_dns_answer) answer = NULL;
        struct stub stub;

        stub_start(&stub, all_routes(host), "192.0.2.2:5353", NULL, 0);
        assert_failed(resolver, fbn_dns_explain(resolver, &where, "a.pair.example", "A", 0, &answer), FBN_EUNSUPPORTED, "another host");
        stub_stop(&stub);
}

static void each_answer_says_which_rule_which_upstream_and_how_long(void **state)
{
        const struct inside *inside = *state;

        assert_explained(inside, "a.lone.example", "A", "NOERROR", "lone.example", FBN_DNS_SOURCE_UPSTREAM, LIAR, 60);
        assert_explained(inside, "A.LONE.example.", "a", "NOERROR", "lone.example", FBN_DNS_SOURCE_CACHE, "", 60);
        assert_explained(inside, "a.dying.example", "A", "NOERROR", "dying.example", FBN_DNS_SOURCE_UPSTREAM, HONEST, 60);
        assert_explained(inside, "a.elsewhere.org", "A", "NOERROR", ".", FBN_DNS_SOURCE_UPSTREAM, HONEST, 60);
        assert_explained(inside, "a.dead.example", "A", "SERVFAIL", "dead.example", FBN_DNS_SOURCE_NONE, "", 0);
        assert_explained(inside, "nas.fabric", "A", "NOERROR", "=nas.fabric", FBN_DNS_SOURCE_ROUTE, "", 0);
        assert_explained(inside, "10.7.0.1", "PTR", "NOERROR", "=nas.fabric", FBN_DNS_SOURCE_ROUTE, "", 0);
        assert_explained(inside, "other.fabric", "A", "NXDOMAIN", "fabric", FBN_DNS_SOURCE_ROUTE, "", 0);
        assert_explained(inside, "localhost", "AAAA", "NOERROR", "", FBN_DNS_SOURCE_LOCAL, "", 0);
        assert_explained(inside, "10.9.0.1", "PTR", "NXDOMAIN", "", FBN_DNS_SOURCE_LOCAL, "", 0);
        assert_explained(inside, "local.example", "DS", "NOERROR", ".", FBN_DNS_SOURCE_UPSTREAM, HONEST, 0); /* the parent's */
}

static void records_are_as_dig_prints_them(void **state)
{
        static const struct {
                const char *name, *type;
        } questions[] = {
                {"nas.local.example", "A"}, {"nas.local6.example", "AAAA"}, {"mail.types.local.example", "MX"}, {"srv.types.local.example", "SRV"},
                {"text.types.local.example", "TXT"}, {"types.local.example", "SOA"}, {"alias.types.local.example", "CNAME"}, {"ds.types.local.example", "DS"},
                {"tlsa.types.local.example", "TLSA"}, {"ssh.types.local.example", "SSHFP"}, {"strange.types.local.example", "TYPE65280"},
                {"big.local.example", "TXT"}, {"ns.types.local.example", "NS"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
                FBN_CLEANUP(fbn_dns_answer) answer = asked(*state, questions[i].name, questions[i].type);
                _cleanup_(text_free) struct text ours = {0};
                char *theirs, *line;

                assert_true(fbn_dns_answer_count(answer) > 0);
                for (size_t j = 0; j < fbn_dns_answer_count(answer); j++)
                        if (fbn_dns_answer_at(answer, j)->section == FBN_DNS_SECTION_ANSWER)
                                text_add(&ours, "%s\n", fbn_dns_answer_at(answer, j)->data);
                theirs = command_output("ip netns exec resolver dig +short +nosplit @192.0.2.1 %s %s", questions[i].name, questions[i].type);
                for (line = strtok(theirs, "\n"); line; line = strtok(NULL, "\n"))
                        if (!strstr(ours.bytes, line))
                                fail_msg("%s %s: '%s' is not in '%s'", questions[i].name, questions[i].type, line, ours.bytes);
                free(theirs);
        }
}

static void what_cannot_be_asked_is_said(void **state)
{
        const struct inside *inside = *state;
        FBN_CLEANUP(fbn_dns_answer) answer = NULL;
        const fbn_endpoint where = endpoint("127.0.0.1:5353");
        FBN_CLEANUP(fbn_dns_routes) routes = all_routes(host);
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;

        assert_failed(inside->c, fbn_dns_query(inside->c, inside->stub, "a..b", "A", 0, &answer), FBN_EINVAL, "'a..b' is no domain name");
        assert_failed(inside->c, fbn_dns_query(inside->c, inside->stub, "a.b", "TYPE0", 0, &answer), FBN_EINVAL, "no type");
        assert_failed(inside->c, fbn_dns_query(inside->c, inside->stub, "silent.lone.example", "A", 50, &answer), FBN_ETIMEOUT, "silent.lone.example A: no answer");
        fbn_context_cancel(inside->c);
        assert_failed(inside->c, fbn_dns_query(inside->c, inside->stub, "a.b", "A", 0, &answer), FBN_ECANCELED, "");
        fbn_context_resume(inside->c);
        assert_null(answer);
        assert_failed(host, fbn_dns_stub_new(host, routes, FBN_OPTIONS(fbn_dns_stub_options, .in_process = true, .listen = &where, .n_listen = 1), &stub),
                      FBN_EINVAL, "listens nowhere");
}

/* The answer to a question that was given up is nobody's; the next one is not confused. */
static void a_question_given_up_leaves_nothing_behind(void **state)
{
        const struct inside *inside = *state;
        FBN_CLEANUP(fbn_dns_answer) answer = NULL;

        for (int i = 0; i < 20; i++) {
                assert_failed(inside->c, fbn_dns_query(inside->c, inside->stub, "slow.lone.example", "A", 1, &answer), FBN_ETIMEOUT, "");
                assert_explained(inside, "a.elsewhere.org", "A", "NOERROR", ".", i ? FBN_DNS_SOURCE_CACHE : FBN_DNS_SOURCE_UPSTREAM, i ? "" : HONEST, 60);
        }
}

/* A stub that serves others goes on doing so while it is asked here. */
static void others_are_served_meanwhile(void **state)
{
        const fbn_endpoint where = endpoint("127.0.0.1:5353");
        FBN_CLEANUP(fbn_dns_routes) routes = all_routes(host);
        FBN_CLEANUP(fbn_dns_answer) answer = NULL;
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        uint8_t bytes[WIRE_QUERY];
        struct answer theirs;
        size_t length;
        int fd;

        assert_ok(host, fbn_dns_stub_new(host, routes, FBN_OPTIONS(fbn_dns_stub_options, .listen = &where, .n_listen = 1, .timeout_ms = TIMEOUT), &stub));
        fd = client(SOCK_DGRAM);
        length = query(bytes, "b.elsewhere.org", TYPE_A, CLIENT_ID, FLAG_RD);
        assert_int_equal(send(fd, bytes, length, 0), length);
        assert_failed(host, fbn_dns_query(host, stub, "silent.lone.example", "A", 300, &answer), FBN_ETIMEOUT, "");
        assert_true(readable_within(fd, 0));
        receive(fd, &theirs);
        assert_string_equal(theirs.address, "2.2.2.2");
        close(fd);
}

#define INSIDE(test) cmocka_unit_test_setup_teardown(test, inside_setup, inside_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                INSIDE(each_answer_says_which_rule_which_upstream_and_how_long),
                WITH_STUB(a_running_stub_tells_why_to_who_asks_on_this_host),
                cmocka_unit_test(who_cannot_tell_why_is_no_stub),
                cmocka_unit_test(other_hosts_are_not_told_why),
                INSIDE(records_are_as_dig_prints_them),
                INSIDE(what_cannot_be_asked_is_said),
                INSIDE(a_question_given_up_leaves_nothing_behind),
                cmocka_unit_test(others_are_served_meanwhile),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
