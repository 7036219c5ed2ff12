/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "dns/name.h"

#include <fabricnet/dns.h>
#include <stdio.h>
#include <time.h>

static const fbn_endpoint server = {.address = {AF_INET, {192, 0, 2, 1}}};

static int add(fbn_context *c, fbn_dns_routes *routes, const char *suffix)
{
        return fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = suffix, .upstreams = &server, .n_upstreams = 1));
}

static const char *matched(const fbn_dns_routes *routes, const char *name)
{
        const fbn_dns_route *route = fbn_dns_routes_match(routes, name);

        return route ? route->suffix : "none";
}

static void the_longest_suffix_wins(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        fbn_context *c = *state;

        assert_ok(c, fbn_dns_routes_new(c, &routes));
        assert_null(fbn_dns_routes_match(routes, "nas.local.example"));
        assert_ok(c, add(c, routes, "example"));
        assert_ok(c, add(c, routes, "a.local.example"));
        assert_ok(c, add(c, routes, "local.example"));
        assert_string_equal(matched(routes, "nas.local.example"), "local.example");
        assert_string_equal(matched(routes, "local.example"), "local.example");
        assert_string_equal(matched(routes, "x.y.a.local.example."), "a.local.example");
        assert_string_equal(matched(routes, "xlocal.example"), "example"); /* a label is whole or not at all */
        assert_string_equal(matched(routes, "local.example.org"), "none");
        assert_string_equal(matched(routes, "."), "none");
        assert_ok(c, add(c, routes, "."));
        assert_string_equal(matched(routes, "local.example.org"), ".");
        assert_string_equal(matched(routes, "."), ".");
        assert_string_equal(matched(routes, "local.example"), "local.example");
}

static void case_final_dots_and_escapes_do_not_matter(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        fbn_context *c = *state;

        assert_ok(c, fbn_dns_routes_new(c, &routes));
        assert_int_equal(add(c, routes, "Local.EXAMPLE."), 0);
        assert_string_equal(matched(routes, "NAS.lOCAL.example"), "local.example");
        assert_string_equal(matched(routes, "nas.\\108ocal.ex\\ample"), "local.example");
        assert_int_equal(add(c, routes, "a\\.b.example"), 0);
        assert_string_equal(matched(routes, "x.A\\046B.example"), "a\\.b.example");
        assert_string_equal(matched(routes, "a.b.example"), "none");
        assert_int_equal(add(c, routes, "\\000\\255.example"), 0);
        assert_string_equal(matched(routes, "\\000\\255.example"), "\\000\\255.example");
}

static void a_name_alone_and_those_below_have_routes_of_their_own(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        fbn_context *c = *state;

        assert_ok(c, fbn_dns_routes_new(c, &routes));
        assert_ok(c, add(c, routes, "*.local.example"));
        assert_string_equal(matched(routes, "local.example"), "none");
        assert_string_equal(matched(routes, "deep.below.local.example"), "*.local.example");
        assert_ok(c, add(c, routes, "example"));
        assert_string_equal(matched(routes, "local.example"), "example");
        assert_ok(c, add(c, routes, "local.example"));
        assert_string_equal(matched(routes, "local.example"), "local.example");
        assert_string_equal(matched(routes, "nas.local.example"), "*.local.example");
        assert_ok(c, add(c, routes, "=Local.example."));
        assert_string_equal(matched(routes, "local.EXAMPLE"), "=local.example");
        assert_string_equal(matched(routes, "nas.local.example"), "*.local.example");
        assert_ok(c, add(c, routes, "=nas.local.example"));
        assert_string_equal(matched(routes, "nas.local.example"), "=nas.local.example");
        assert_string_equal(matched(routes, "x.nas.local.example"), "*.local.example");
        assert_ok(c, add(c, routes, "=."));
        assert_string_equal(matched(routes, "."), "=.");
        assert_string_equal(matched(routes, "org"), "none");
        assert_failed(c, add(c, routes, "local.example"), FBN_EEXIST, "DNS route local.example");
        assert_failed(c, add(c, routes, "*.local.example"), FBN_EEXIST, "DNS route *.local.example");
        assert_failed(c, add(c, routes, "=local.example"), FBN_EEXIST, "DNS route =local.example");
        assert_failed(c, add(c, routes, "*.*.example"), FBN_EINVAL, "no '*' inside");
        assert_failed(c, add(c, routes, "*"), FBN_EINVAL, "no '*' inside");
        assert_failed(c, add(c, routes, "*."), FBN_EINVAL, "'.' is the default");
        assert_failed(c, add(c, routes, "="), FBN_EINVAL, "no domain name");
        assert_int_equal(fbn_dns_routes_count(routes), 6);
}

static int add_reverse(fbn_context *c, fbn_dns_routes *routes, const char *suffix, const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = suffix, .upstreams = &server, .n_upstreams = 1, .reverse = &prefix, .n_reverse = 1));
}

static void reverse_names_of_prefixes_go_the_same_way(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        fbn_context *c = *state;

        assert_ok(c, fbn_dns_routes_new(c, &routes));
        assert_ok(c, add_reverse(c, routes, "a.example", "192.168.8.7/24"));
        assert_string_equal(matched(routes, "7.8.168.192.in-addr.arpa"), "a.example");
        assert_string_equal(matched(routes, "8.168.192.in-addr.arpa"), "a.example");
        assert_string_equal(matched(routes, "9.168.192.in-addr.arpa"), "none");
        assert_ok(c, add_reverse(c, routes, "b.example", "100.64.0.0/10"));
        assert_string_equal(matched(routes, "1.0.64.100.in-addr.arpa"), "b.example");
        assert_string_equal(matched(routes, "1.0.127.100.in-addr.arpa"), "b.example");
        assert_string_equal(matched(routes, "1.0.128.100.in-addr.arpa"), "none");
        assert_string_equal(matched(routes, "1.0.63.100.in-addr.arpa"), "none");
        assert_ok(c, add_reverse(c, routes, "c.example", "fd7a:115c:a1e0::/46"));
        assert_string_equal(matched(routes, "x.0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa"), "c.example");
        assert_string_equal(matched(routes, "3.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa"), "c.example");
        assert_string_equal(matched(routes, "4.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa"), "none");
        assert_string_equal(matched(routes, "e.1.a.c.5.1.1.a.7.d.f.ip6.arpa"), "none");
        assert_failed(c, add_reverse(c, routes, "d.example", "192.168.8.0/24"), FBN_EEXIST, "reverse names of 192.168.8.0/24");
        assert_string_equal(matched(routes, "d.example"), "none");
        assert_ok(c, add_reverse(c, routes, "e.example", "192.168.0.0/16"));
        assert_string_equal(matched(routes, "7.8.168.192.in-addr.arpa"), "a.example");
        assert_string_equal(matched(routes, "7.9.168.192.in-addr.arpa"), "e.example");
}

static void what_is_answered_here_excludes_upstreams(void **state)
{
        const fbn_address address = {.family = AF_INET, .bytes = {192, 168, 20, 10}};
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        fbn_context *c = *state;

        assert_ok(c, fbn_dns_routes_new(c, &routes));
        assert_ok(c, fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "=nas.example", .addresses = &address, .n_addresses = 1)));
        assert_ok(c, fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "=also.example", .addresses = &address, .n_addresses = 1)));
        assert_string_equal(matched(routes, "10.20.168.192.in-addr.arpa"), "=nas.example");
        assert_ok(c, fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "ads.example", .blocked = true)));
        assert_failed(c, fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "x.example")), FBN_EINVAL, "no upstreams");
        assert_failed(c,
                      fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "x.example", .blocked = true, .addresses = &address, .n_addresses = 1)),
                      FBN_EINVAL, "exclude each other");
}

static void what_is_no_suffix_is_refused(void **state)
{
        static const char label64[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        fbn_context *c = *state;
        char longest[256];

        assert_int_equal(sizeof(label64) - 1, 64);
        assert_ok(c, fbn_dns_routes_new(c, &routes));
        assert_failed(c, add(c, routes, ""), FBN_EINVAL, "needs a suffix");
        assert_failed(c, add(c, routes, NULL), FBN_EINVAL, "needs a suffix");
        assert_failed(c, add(c, routes, ".example"), FBN_EINVAL, "no domain name");
        assert_failed(c, add(c, routes, "a..example"), FBN_EINVAL, "no domain name");
        assert_failed(c, add(c, routes, "example.."), FBN_EINVAL, "no domain name");
        assert_failed(c, add(c, routes, label64), FBN_EINVAL, "no domain name");
        assert_failed(c, add(c, routes, "a\\"), FBN_EINVAL, "no domain name");
        assert_failed(c, add(c, routes, "a\\256"), FBN_EINVAL, "no domain name");
        assert_failed(c, add(c, routes, "a\\25"), FBN_EINVAL, "no domain name");
        assert_failed(c, add(c, routes, "two\nlines..x"), FBN_EINVAL, "'two\\010lines..x'");
        for (size_t i = 0; i < 253; i++)
                longest[i] = i % 2 ? '.' : 'a';
        longest[253] = 0;
        assert_ok(c, add(c, routes, longest)); /* 253 characters are 255 bytes on the wire */
        assert_string_equal(matched(routes, longest), longest);
        memcpy(longest + 251, "aaaa", 5); /* longer by two */
        longest[255] = 0;
        assert_failed(c, add(c, routes, longest), FBN_EINVAL, "no domain name");
}

static void upstreams_must_be_servers(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        static const char *const bad[] = {"0.0.0.0:53", "[::]:53", "224.0.0.251:53", "[ff02::fb]:53", "[::ffff:127.0.0.1]:53"};
        fbn_context *c = *state;
        fbn_endpoint upstream;

        assert_ok(c, fbn_dns_routes_new(c, &routes));
        assert_failed(c, fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "x")), FBN_EINVAL, "DNS route x: no upstreams");
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                assert_int_equal(fbn_endpoint_parse(bad[i], &upstream), 0);
                assert_failed(c, fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "X", .upstreams = &upstream, .n_upstreams = 1)),
                              FBN_EINVAL, "DNS route x: upstream 1");
        }
        assert_ok(c, add(c, routes, "x"));
        assert_int_equal(fbn_dns_routes_at(routes, 0)->upstreams[0].port, 53);
        assert_null(fbn_dns_routes_at(routes, 1));
        assert_int_equal(fbn_dns_routes_count(NULL), 0);
}

/* CPU nanoseconds of a lookup in a table of so many routes. */
static double lookup_time(fbn_context *c, int count)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        struct timespec start, end;
        char name[64], suffix[64];

        assert_ok(c, fbn_dns_routes_new(c, &routes));
        for (int i = 0; i < count; i++) {
                snprintf(suffix, sizeof(suffix), "site%d.local.example", i);
                assert_ok(c, add(c, routes, suffix));
        }
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
        for (int i = 0; i < 10000; i++) {
                snprintf(name, sizeof(name), "nas.rack.site%d.local.example", i % count);
                assert_ptr_equal(fbn_dns_routes_match(routes, name), fbn_dns_routes_at(routes, i % count));
        }
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
        return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / 10000;
}

static void ten_thousand_routes_cost_what_ten_cost(void **state)
{
        double few = lookup_time(*state, 10);
        double many = lookup_time(*state, 10000);

        if (many > few * 10) /* a walk over all would be some hundred times as much */
                fail_msg("%.0f ns for each of 10,000, %.0f ns for each of 10", many, few);
}

static void names_survive_text_and_back(void **state)
{
        struct name name, again;
        char text[NAME_TEXT];

        for (unsigned first = 0; first < 256; first++) {
                name = (struct name){.length = 5, .bytes = {3, (uint8_t)first, (uint8_t)(255 - first), '.', 0}};
                assert_true(name_parse(name_format(&name, text), &again));
                assert_int_equal(again.length, name.length);
                assert_memory_equal(again.bytes, name.bytes, name.length);
                for (const char *at = text; *at; at++)
                        assert_true(*at > ' ' && *at < 0x7f);
        }
        memset(name.bytes, 255, sizeof(name.bytes));
        name.length = 255;
        name.bytes[0] = name.bytes[64] = name.bytes[128] = 63;
        name.bytes[192] = 61;
        name.bytes[254] = 0;
        assert_int_equal(strlen(name_format(&name, text)), 4 * 250 + 3);
        assert_true(name_parse(text, &again));
        assert_memory_equal(again.bytes, name.bytes, 255);
}

/* They are folded eight at a time: at all lengths, and with all bytes in all places. */
static void letters_are_folded_and_nothing_else(void **state)
{
        struct name name, lowered, other;

        for (unsigned length = 1; length <= 40; length++)
                for (unsigned first = 0; first < 256; first++) {
                        name = (struct name){.length = (uint8_t)length};
                        for (unsigned i = 0; i < length; i++)
                                name.bytes[i] = (uint8_t)(first + i * 7);
                        lowered = name;
                        name_lower(&lowered);
                        for (unsigned i = 0; i < length; i++)
                                assert_int_equal(lowered.bytes[i], byte_lower(name.bytes[i]));
                        assert_int_equal(lowered.bytes[length], 0);
                        assert_true(name_equal(&name, &lowered));
                        other = name;
                        other.bytes[first % length] ^= 1;
                        assert_false(name_equal(&other, &lowered));
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_longest_suffix_wins),
                cmocka_unit_test(case_final_dots_and_escapes_do_not_matter),
                cmocka_unit_test(a_name_alone_and_those_below_have_routes_of_their_own),
                cmocka_unit_test(reverse_names_of_prefixes_go_the_same_way),
                cmocka_unit_test(what_is_answered_here_excludes_upstreams),
                cmocka_unit_test(what_is_no_suffix_is_refused),
                cmocka_unit_test(upstreams_must_be_servers),
                cmocka_unit_test(ten_thousand_routes_cost_what_ten_cost),
                cmocka_unit_test(names_survive_text_and_back),
                cmocka_unit_test(letters_are_folded_and_nothing_else),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
