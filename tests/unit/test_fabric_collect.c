/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Over real ssh, and by Prometheus, it is tested in command/test_metrics.py. */
#include "unit/test.h"

#include "fabric/collect.h"
#include "fabric/status.h"

#include <fabricnet/fabric.h>
#include <stdio.h>

#define HOMELAB TESTS_DIRECTORY "/../examples/homelab/fabric.json"
#define VPS "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQ="

static void who_collects_is_said_by_the_file(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_fabric) none = NULL;
        char *text = NULL;

        assert_ok(*state, fbn_fabric_load_file(*state, HOMELAB, &fabric));
        assert_failed(*state, fbn_fabric_collect(*state, fabric, NULL, "pfsense", &text), FBN_EINVAL, "/monitoring: 'vps' collects, not ''");
        assert_failed(*state, fbn_fabric_collect(*state, fabric, NULL, "pfsens", &text), FBN_EINVAL, "no host 'pfsens'; did you mean 'pfsense'?");
        assert_failed(*state, fbn_fabric_collect(*state, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "nas"), "pfsense", &text), FBN_EINVAL,
                      "'vps' collects, not 'nas'; run it there");
        assert_failed(*state, fbn_fabric_collect(*state, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "vps"), "nas", &text), FBN_EINVAL,
                      "/monitoring/hosts: 'nas' is not asked");
        assert_failed(*state, fbn_fabric_collect(*state, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "vps"), "pfsense", &text), FBN_ENOENT,
                      "host pfsense: /monitoring/hosts/pfsense/private_key: ");
        assert_ok(*state, fbn_fabric_load(*state, "x", "{\"fabric\": 1, \"name\": \"n\", \"prefixes\": {}, \"hosts\": {\"a\": {}}}", &none));
        assert_failed(*state, fbn_fabric_collect(*state, none, FBN_OPTIONS(fbn_fabric_options, .host = "a"), "a", &text), FBN_EINVAL, "nothing is collected");
        assert_null(text);
}

static void who_has_no_address_is_named(void **state)
{
        static const char start[] = "{\"fabric\": 1, \"name\": \"n\", \"prefixes\": {}, \"hosts\": {\"a\": {}, \"b\": {}}, \"monitoring\": {\"at\": \"a\", \"hosts\": ";
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char text[512];

        snprintf(text, sizeof(text), "%s{\"b\": {\"private_key\": {\"file\": \"k\"}, \"host_key\": \"ssh-ed25519 AAAA\"}}}}", start);
        assert_failed(*state, fbn_fabric_load(*state, "x", text, &fabric), FBN_EINVAL, "/monitoring/hosts/b: 'b' has no declared address where 'a' could find it");
        snprintf(text, sizeof(text), "%s{\"a\": {\"private_key\": {\"file\": \"k\"}, \"host_key\": \"ssh-ed25519 AAAA\"}}}}", start);
        assert_failed(*state, fbn_fabric_load(*state, "x", text, &fabric), FBN_EINVAL, "/monitoring/hosts/a: 'a' collects");
}

static int translate(fbn_context *c, const fbn_fabric *fabric, const char *answer, struct text *text)
{
        char bytes[8192];

        snprintf(bytes, sizeof(bytes), "%s", answer);
        return collect_translate(c, fabric, "pfsense", bytes, strlen(bytes), text);
}

static void what_wg_shows_becomes_metrics(void **state)
{
        _cleanup_(text_free) struct text text = {0};
        FBN_CLEANUP(fbn_fabric) fabric = NULL;

        assert_ok(*state, fbn_fabric_load_file(*state, HOMELAB, &fabric));
        assert_ok(*state, translate(*state, fabric, "tun_wg0\t" VPS "\t10\t20\r\ntun_wg0\t" VPS "\t1700000000\ntun_wg0\t" VPS "\t172.26.5.0/24 fd00::/64\n"
                                                    "tun_wg1\t" VPS "\t(none)\n", &text));
        assert_non_null(strstr(text.bytes, "wireguard_received_bytes_total{host=\"pfsense\",interface=\"tun_wg0\",public_key=\"" VPS
                                           "\",allowed_ips=\"172.26.5.0/24,fd00::/64\",friendly_name=\"vps\"} 10\n"));
        assert_non_null(strstr(text.bytes, "friendly_name=\"vps\"} 1700000000\n"));
        assert_non_null(strstr(text.bytes, "interface=\"tun_wg1\",public_key=\"" VPS "\",allowed_ips=\"\",friendly_name=\"vps\"} 0\n"));
        assert_string_equal(text.bytes + text.length - 6, "# EOF\n");
}

static void other_answers_are_refused_with_their_line(void **state)
{
        static const struct {
                const char *answer, *message;
        } cases[] = {
                {"\n", "nothing in its answer"},
                {"wg0\t" VPS "\t1\t2\t3\n", "line 1 "},
                {"wg0\t" VPS "\t1\t2\nwg0\t" VPS "\n", "line 2 "},
                {"wg0\t" VPS "\t-1\t2\n", "line 1 "},
                {"wg0\t" VPS "\t18446744073709551616\t2\n", "line 1 "},
                {"wg0\t" VPS "\t99999999999\n", "line 1 "},
                {"wg0\t" VPS "\t10.0.0.0/33\n", "line 1 "},
                {"\t" VPS "\t1\n", "line 1 "},
                {"a-name-that-is-long\t" VPS "\t1\n", "line 1 "},
                {"# TYPE a gauge\na{host=\"pfsense\"} 1\n", "cut off"},
                {"# TYPE a gauge\na{host=\"pfsense2\"} 1\n# EOF\n", "line 2 is no sample"},
                {"# TYPE a gauge\na{x=\"1\",host=\"pfsense\"} 1\n# EOF\n", "line 2 is no sample"},
                {"# TYPE a gauge\na 1\n# EOF\n", "line 2 is no sample"},
                {"#\n\n# EOF\n", "line 2 is no sample"},
        };
        FBN_CLEANUP(fbn_fabric) fabric = NULL;

        assert_ok(*state, fbn_fabric_load_file(*state, HOMELAB, &fabric));
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(text_free) struct text text = {0};

                assert_failed(*state, translate(*state, fabric, cases[i].answer, &text), FBN_EPROTOCOL, cases[i].message);
                assert_null(text.bytes);
        }
}

static void metrics_pass_as_they_are(void **state)
{
        static const char answer[] = "# TYPE a gauge\na{host=\"pfsense\",x=\"} \\\"\"} 1\na{host=\"pfsense\"} 2\n# EOF\n";
        _cleanup_(text_free) struct text text = {0};
        FBN_CLEANUP(fbn_fabric) fabric = NULL;

        assert_ok(*state, fbn_fabric_load_file(*state, HOMELAB, &fabric));
        assert_ok(*state, translate(*state, fabric, answer, &text));
        assert_string_equal(text.bytes, answer);
}

/* Prometheus drops one of two samples with the same labels, whichever. */
static void what_is_said_twice_is_one_sample(void **state)
{
        fbn_fabric_fact facts[] = {
                {.size = sizeof(fbn_fabric_fact), .domain = "tailscale", .object = "health", .health = FBN_HEALTH_WARNING, .text = "a"},
                {.size = sizeof(fbn_fabric_fact), .domain = "route", .object = "health", .health = FBN_HEALTH_OK, .text = "b"},
                {.size = sizeof(fbn_fabric_fact), .domain = "tailscale", .object = "health", .health = FBN_HEALTH_DOWN, .text = "c"},
                {.size = sizeof(fbn_fabric_fact), .domain = "tailscale", .object = "health", .health = FBN_HEALTH_OK, .text = "d"},
                {.size = sizeof(fbn_fabric_fact), .domain = "tailscale", .object = "a\"\\\n", .health = FBN_HEALTH_OK, .text = "e"},
        };
        struct fbn_fabric_status status = {.host = "h", .facts = facts, .count = ARRAY_SIZE(facts)};

        assert_true(metrics_write(&status));
        assert_non_null(strstr(status.metrics.bytes, "# TYPE fabricnet_fact_healthy gauge\n"
                                                     "fabricnet_fact_healthy{host=\"h\",domain=\"route\",object=\"health\"} 1\n"
                                                     "fabricnet_fact_healthy{host=\"h\",domain=\"tailscale\",object=\"a\\\"\\\\\\n\"} 1\n"
                                                     "fabricnet_fact_healthy{host=\"h\",domain=\"tailscale\",object=\"health\"} 0\n# HELP"));
        for (size_t i = 0; i < METRICS; i++)
                text_free(&status.samples[i]);
        text_free(&status.metrics);
}

static void numbers_are_as_short_as_they_are(void **state)
{
        static const struct {
                double value;
                const char *text;
        } cases[] = {{0, "0"}, {1796007704, "1796007704"}, {9007199254740991.0, "9007199254740991"}, {0.000085, "0.000085"}, {0.5, "0.5"}, {1.25, "1.25"}};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct fbn_fabric_status status = {.host = "h"};
                char wanted[64];

                snprintf(wanted, sizeof(wanted), "fabricnet_routes{host=\"h\"} %s\n", cases[i].text);
                metric_add(&status, METRIC_ROUTES, cases[i].value, NULL);
                assert_string_equal(status.samples[METRIC_ROUTES].bytes, wanted);
                text_free(&status.samples[METRIC_ROUTES]);
        }
}

static void only_who_collects_is_rendered(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char *text = NULL;

        assert_ok(*state, fbn_fabric_load_file(*state, HOMELAB, &fabric));
        assert_failed(*state, fbn_fabric_render(*state, fabric, "nas", "prometheus", NULL, &text), FBN_ENOENT, "host 'nas' is not the one of /monitoring/at, 'vps'");
        assert_failed(*state, fbn_fabric_render(*state, fabric, "nas", "alerts", NULL, &text), FBN_ENOENT, "host 'nas' is not the one of /monitoring/at, 'vps'");
        assert_ok(*state, fbn_fabric_render(*state, fabric, "vps", "prometheus", NULL, &text));
        assert_non_null(strstr(text, "job_name: fabricnet-pfsense\n"));
        assert_non_null(strstr(text, "targets: ['127.0.0.1:9586']"));
        fbn_free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_collects_is_said_by_the_file),
                cmocka_unit_test(who_has_no_address_is_named),
                cmocka_unit_test(what_wg_shows_becomes_metrics),
                cmocka_unit_test(other_answers_are_refused_with_their_line),
                cmocka_unit_test(metrics_pass_as_they_are),
                cmocka_unit_test(what_is_said_twice_is_one_sample),
                cmocka_unit_test(numbers_are_as_short_as_they_are),
                cmocka_unit_test(only_who_collects_is_rendered),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
