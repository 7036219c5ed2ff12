/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "headscale/config.h"

#define GOOD                                                                                                                    \
        "server_url: https://headscale.example.org\n"                                                                           \
        "prefixes: {v4: 100.64.0.0/10, v6: \"fd7a:115c:a1e0::/48\"}\n"                                                          \
        "derp: {urls: [https://controlplane.tailscale.com/derpmap/default]}\n"                                                  \
        "policy: {mode: database}\n"

static void a_good_one_has_nothing_said_of_it(void **state)
{
        static const char text[] = GOOD "dns:\n  base_domain: mesh.example.net\n  nameservers:\n    global: [1.1.1.1, \"https://dns.nextdns.io/abc\"]\n"
                                        "    split: {local.example.com: [192.168.8.1], x.example: [\"fd00::1\"]}\n";
        _cleanup_(text_free) struct text report = {0};

        assert_int_equal(headscale_config_read(*state, text, strlen(text), NULL, &report), 0);
        assert_string_equal(report.bytes, "");
}

static void each_trap_is_found_with_its_line(void **state)
{
        static const struct {
                const char *text, *words;
        } cases[] = {
                {GOOD "dns: {base_domain: m.example, nameservers: {global: [1.1.1.1]}, split: {a.b: [1.1.1.1]}}", "line 5: dns.split is read by nobody; it is dns.nameservers.split"},
                {GOOD "dns: {base_domain: m.example}", "dns.override_local_dns is true, as it is when left out"},
                {GOOD "dns: {base_domain: m.example, override_local_dns: true, nameservers: {global: []}}", "dns.nameservers.global must not be empty"},
                {GOOD "dns: {base_domain: example.org, override_local_dns: false}", "lies below dns.base_domain 'example.org'"},
                {GOOD "dns: {base_domain: headscale.example.org, override_local_dns: false}", "is the host of server_url"},
                {GOOD "dns: {override_local_dns: false}", "dns.base_domain is empty"},
                {GOOD "dns: {base_domain: m.example, override_local_dns: false, nameservers: {split: {\"*.local.example\": [192.168.8.1]}}}",
                 "'*.local.example' silently never matches; write 'local.example'"},
                {GOOD "dns: {base_domain: m.example, override_local_dns: false, nameservers: {split: {a.example: [\"192.168.8.1:5353\"]}}}", "has a port"},
                {GOOD "dns: {base_domain: m.example, nameservers: {global: [nonsense]}}", "'nonsense' is neither an address nor an https:// URL"},
                {GOOD "dns: {base_domain: m.example, override_local_dns: false, extra_records_path: /nowhere/records.json}", "there is no '/nowhere/records.json'"},
                {"server_url: https://a.example\nderp: {server: {enabled: true}}\nprefixes: {v4: 10.0.0.0/8}\ndns: {magic_dns: false, override_local_dns: false}",
                 "line 3: prefixes.v4: '10.0.0.0/8' is not within 100.64.0.0/10"},
                {"server_url: https://a.example\nderp: {server: {enabled: true}}\ndns: {magic_dns: false, override_local_dns: false}", "neither v4 nor v6"},
                {"server_url: https://a.example\nderp: {urls: []}\nprefixes: {v4: 100.64.0.0/10}\ndns: {magic_dns: false, override_local_dns: false}", "with an empty map"},
                {"server_url: a.example\nderp: {server: {enabled: true}}\nprefixes: {v4: 100.64.0.0/10}\ndns: {override_local_dns: false}", "line 1: server_url"},
                {GOOD "dns: {base_domain: m.example, override_local_dns: false}\nPolicy: {Mode: memory}\n", ""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(text_free) struct text report = {0};
                int count = headscale_config_read(*state, cases[i].text, strlen(cases[i].text), NULL, &report);

                if (count != (*cases[i].words ? 1 : 0) || !strstr(report.bytes, cases[i].words))
                        test_failed("case %zu: %d findings, '%s' does not say '%s'", i, count, report.bytes, cases[i].words);
        }
}

static void what_is_no_yaml_is_refused_with_its_place(void **state)
{
        _cleanup_(text_free) struct text report = {0};

        assert_failed(*state, headscale_config_read(*state, "dns: {a: b\nc: [", 15, NULL, &report), FBN_EINVAL, "2:");
        assert_failed(*state, headscale_config_read(*state, "- a\n", 4, NULL, &report), FBN_EINVAL, "no mapping");
        assert_int_equal(headscale_config_read(*state, "", 0, NULL, &report), -FBN_EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_good_one_has_nothing_said_of_it),
                cmocka_unit_test(each_trap_is_found_with_its_line),
                cmocka_unit_test(what_is_no_yaml_is_refused_with_its_place),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
