/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a config.xml to the same with our objects: what differs, what is written, and that nothing else is touched. */
#include "unit/test.h"

#include "edge/router/apply.h"
#include "edge/router/playback.h"

#include <stdio.h>
#include <stdlib.h>

#define SECRET "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define OTHER "cHJpdmF0ZS1rZXktb2Ytc29tZWJvZHktZWxzZS0hISE="

static char *original;
static size_t original_length;

static const struct {
        const char *kind, *name, *content;
        bool secret;
} wanted[] = {
        {"interface", "tun_wg0", "{\"descr\": \"FBN_S2S\", \"enable\": \"\", \"ipaddr\": \"172.26.5.1\", \"subnet\": \"24\", \"mtu\": \"1280\", \"mss\": \"1280\"}", false},
        {"wireguard", "package", "{\"enable\": \"on\"}", false},
        {"tunnel", "s2s", "{\"name\": \"tun_wg0\", \"enabled\": \"yes\", \"listenport\": \"51820\", \"mtu\": \"1280\", \"addresses\": \"\"}", true},
        {"peer", "s2s/vps",
         "{\"enabled\": \"yes\", \"tun\": \"tun_wg0\", \"endpoint\": \"vpn.akunito.com\", \"port\": \"51820\", \"publickey\": \"H88r\", "
         "\"allowedips\": {\"row\": [{\"address\": \"172.26.5.0\", \"mask\": \"24\"}, {\"address\": \"10.9.0.0\", \"mask\": \"16\"}]}}",
         true},
        {"gateway", "s2s/vps", "{\"interface\": \"@tun_wg0\", \"gateway\": \"172.26.5.155\", \"name\": \"FBN_S2S_VPS\", \"ipprotocol\": \"inet\"}", false},
        {"route", "10.9.0.0/16", "{\"network\": \"10.9.0.0/16\", \"gateway\": \"FBN_S2S_VPS\"}", false},
        {"outbound", "mode", "{\"mode\": \"hybrid\"}", false},
        {"nat", "lan", "{\"interface\": \"@tun_wg0\", \"source\": {\"network\": \"192.168.8.0/24\"}, \"destination\": {\"any\": \"\"}}", false},
        {"nat", "storage", "{\"interface\": \"@tun_wg0\", \"source\": {\"network\": \"192.168.20.0/24\"}, \"destination\": {\"any\": \"\"}}", false},
        {"rule", "s2s in", "{\"type\": \"pass\", \"interface\": \"@tun_wg0\", \"statetype\": \"keep state\", \"source\": {\"any\": \"\"}}", false},
        {"rule", "listen", "{\"type\": \"pass\", \"interface\": \"@wan0\", \"source\": {\"any\": \"\"}}", false},
        {"domain", "example.net", "{\"domain\": \"example.net\", \"ip\": \"172.26.5.155\"}", false},
        {"host", "nas.home", "{\"host\": \"nas\", \"domain\": \"local.akunito.com\", \"ip\": \"192.168.20.10\", \"aliases\": \"\"}", false},
        {"acl", "mesh", "{\"aclname\": \"fabricnet\", \"aclaction\": \"allow\", \"row\": [{\"acl_network\": \"100.64.0.0\", \"mask\": \"10\"}]}", false},
        {"tailscale", "page", "{\"acceptroutes\": \"on\", \"row\": [{\"advertisedroutevalue\": \"192.168.8.0/24\"}, {\"advertisedroutevalue\": \"192.168.20.0/24\"}]}", false},
};

static int setup(void **state)
{
        FILE *file = fopen(TESTS_DIRECTORY "/data/router/config.xml", "r");

        assert_non_null(file);
        original = calloc(1, 65536);
        original_length = fread(original, 1, 65535, file);
        fclose(file);
        return context_setup(state);
}

static int teardown(void **state)
{
        free(original);
        return context_teardown(state);
}

static fbn_router *router_empty(fbn_context *c)
{
        fbn_router *router;

        assert_ok(c, fbn_router_new(c, "home", NULL, &router));
        return router;
}

static void put(fbn_context *c, fbn_router *router, const char *kind, const char *name, const char *content, const char *secret)
{
        FBN_CLEANUP(fbn_secret) bytes = NULL;

        if (secret)
                assert_ok(c, fbn_secret_new(c, secret, strlen(secret), &bytes));
        assert_ok(c, fbn_router_add(c, router, FBN_OPTIONS(fbn_router_object, .kind = kind, .name = name, .content = content, .secret = bytes)));
}

static fbn_router *router_full(fbn_context *c)
{
        fbn_router *router = router_empty(c);

        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
                put(c, router, wanted[i].kind, wanted[i].name, wanted[i].content, wanted[i].secret ? SECRET : NULL);
        return router;
}

/* The text after it, which the caller frees; what changed is counted, and told as "create host nas.home" lines if lines are wanted. */
static char *after(fbn_context *c, const fbn_router *router, const char *text, size_t *ret_changes, char *lines)
{
        struct difference difference = {0};
        char *copy;

        assert_ok(c, router_difference(c, router, text, strlen(text), &difference));
        *ret_changes = fbn_changes_count(difference.changes);
        if (lines)
                *lines = 0;
        for (size_t i = 0; lines && i < *ret_changes; i++) {
                static const char *const words[] = {"", "create", "update", "delete"};
                const fbn_change *change = fbn_changes_at(difference.changes, i);

                sprintf(lines + strlen(lines), "%s %s", words[change->kind], change->object);
                if (change->field)
                        sprintf(lines + strlen(lines), " %s: %s > %s", change->field, change->before ? change->before : "none", change->after ? change->after : "none");
                strcat(lines, "\n");
        }
        copy = strdup(difference.text.bytes);
        router_difference_free(&difference);
        return copy;
}

/* Every line of ours is one that was not there, all others are the same and in the same order, but for those that are meant to change. */
static void assert_others_stay(const char *before, const char *now, const char *const *changed)
{
        const char *at = now;

        while (*before) {
                size_t length = strcspn(before, "\n") + 1;
                char line[512], *found;
                bool known = false;

                snprintf(line, sizeof(line), "\n%.*s", (int)length, before);
                for (const char *const *word = changed; *word && !known; word++)
                        known = strstr(line, *word);
                found = strstr(at, at == now ? line + 1 : line);
                if (!found && !known)
                        test_failed("lost: %s", line);
                if (found)
                        at = found + strlen(line) - 2; /* the line's own end may begin the next */
                before += length;
        }
}

static void nothing_wanted_is_nothing_changed(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) router = router_empty(c);
        size_t n;
        char *text = after(c, router, original, &n, NULL);

        assert_int_equal(n, 0);
        assert_string_equal(text, original);
        free(text);
}

static void all_is_written_once_and_taken_away_again(void **state)
{
        static const char *const pages[] = {"<mode>automatic</mode>", "<enable>off</enable>", "<staticroutes></staticroutes>", "<peers></peers>",
                                            "<acceptroutes>off</acceptroutes>", NULL};
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) router = router_full(c);
        FBN_CLEANUP(fbn_router) none = router_empty(c);
        size_t n;
        char *text = after(c, router, original, &n, NULL), *again, *without;

        assert_int_equal(n, ARRAY_SIZE(wanted) + 1); /* two members of Tailscale's page */
        assert_others_stay(original, text, pages);
        /* All of a name stand together: pfSense would write it so. */
        assert_true(strstr(text, "fabricnet:home nas.home") < strstr(text, "<domainoverrides>"));
        again = after(c, router, text, &n, NULL);
        assert_int_equal(n, 0);
        assert_string_equal(again, text);
        without = after(c, none, text, &n, NULL);
        assert_int_equal(n, ARRAY_SIZE(wanted) - 3); /* pages stay */
        assert_null(strstr(without, "fabricnet:"));
        assert_null(strstr(without, "tun_wg0"));
        assert_others_stay(original, without, pages);
        free(text);
        free(again);
        free(without);
}

static void interfaces_are_called_by_the_routers_names(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) router = router_full(c);
        size_t n;
        char *text = after(c, router, original, &n, NULL);

        assert_non_null(strstr(text, "<opt2>\n\t\t\t<descr><![CDATA[FBN_S2S]]></descr>"));
        assert_non_null(strstr(text, "<if>tun_wg0</if>"));
        assert_non_null(strstr(text, "<type>pass</type>\n\t\t\t<interface>wan</interface>"));
        assert_non_null(strstr(text, "<interface>opt2</interface>"));
        free(text);
}

static char *replaced(const char *text, const char *from, const char *to)
{
        const char *found = strstr(text, from);
        char *copy = calloc(1, strlen(text) + strlen(to) + 1);

        assert_non_null(found);
        memcpy(copy, text, (size_t)(found - text));
        strcat(copy, to);
        strcat(copy, found + strlen(from));
        return copy;
}

static void drift_is_told_and_mended(void **state)
{
        static const struct {
                const char *from, *to, *told;
        } cases[] = {
                {"<ip>192.168.20.10</ip>", "<ip>192.168.20.66</ip>", "update host nas.home ip: 192.168.20.66 > 192.168.20.10\n"},
                {"<network>192.168.20.0/24</network>", "<network>192.168.21.0/24</network>", "update nat storage source: 192.168.21.0/24 > 192.168.20.0/24\n"},
                {"<aclaction>allow</aclaction>", "<aclaction>allow</aclaction>\n<disabled></disabled>", "update acl mesh disabled:  > none\n"},
                {"<mask>16</mask>", "<mask>17</mask>", "update peer s2s/vps allowedips: 172.26.5.0 24 10.9.0.0 17 > 172.26.5.0 24 10.9.0.0 16\n"},
                {"<mode>hybrid</mode>", "<mode>automatic</mode>", "update outbound mode: automatic > hybrid\n"},
                {"<presharedkey>" SECRET, "<presharedkey>" OTHER, "update peer s2s/vps presharedkey: (another) > (declared)\n"},
                {"<privatekey>" SECRET, "<privatekey>" OTHER, "update tunnel s2s privatekey: (another) > (declared)\n"},
                {"fabricnet:home listen", "fabricnet:home other", "create rule listen\ndelete rule other\n"},
                {"fabricnet:home listen", "Listen", "create rule listen\n"},
        };
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) router = router_full(c);
        char lines[4096];
        size_t n;
        char *text = after(c, router, original, &n, NULL);

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char *drifted = replaced(text, cases[i].from, cases[i].to), *mended = after(c, router, drifted, &n, lines), *again;

                assert_string_equal(lines, cases[i].told);
                again = after(c, router, mended, &n, NULL);
                assert_int_equal(n, 0);
                if (!strstr(cases[i].to, "Listen")) /* which is not ours any more, and stays */
                        assert_string_equal(mended, text);
                free(drifted);
                free(mended);
                free(again);
        }
        free(text);
}

static void what_pfsense_notes_itself_is_no_drift_and_stays(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) router = router_full(c);
        char lines[4096];
        size_t n;
        char *text = after(c, router, original, &n, NULL);
        char *noted = replaced(text, "<descr><![CDATA[fabricnet:home s2s in]]></descr>",
                               "<descr><![CDATA[fabricnet:home s2s in]]></descr>\n\t\t\t<updated>\n\t\t\t\t<time>17</time>\n\t\t\t</updated>");
        char *same = after(c, router, noted, &n, NULL), *drifted, *mended;

        assert_int_equal(n, 0);
        assert_string_equal(same, noted);
        drifted = replaced(noted, "<type>pass</type>", "<type>block</type>");
        mended = after(c, router, drifted, &n, lines);
        assert_string_equal(lines, "update rule s2s in type: block > pass\n");
        assert_non_null(strstr(mended, "<time>17</time>"));
        free(text);
        free(noted);
        free(same);
        free(drifted);
        free(mended);
}

/* Filter rules are first of all, in our order. */
static void order_is_kept(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) router = router_full(c);
        FBN_CLEANUP(fbn_router) turned = router_empty(c);
        char lines[4096];
        size_t n;
        char *text = after(c, router, original, &n, NULL), *now;

        for (size_t i = ARRAY_SIZE(wanted); i-- > 0;)
                put(c, turned, wanted[i].kind, wanted[i].name, wanted[i].content, wanted[i].secret ? SECRET : NULL);
        now = after(c, turned, text, &n, lines);
        assert_string_equal(lines, "update nat all of ours order: behind others > first\nupdate rule all of ours order: behind others > first\n");
        assert_true(strstr(now, "fabricnet:home listen") < strstr(now, "fabricnet:home s2s in"));
        assert_true(strstr(now, "fabricnet:home s2s in") < strstr(now, "Default allow LAN"));
        free(text);
        free(now);
}

static void an_unchanged_login_is_never_written(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) same = router_empty(c);
        FBN_CLEANUP(fbn_router) other = router_empty(c);
        char lines[1024];
        size_t n;
        char *text;

        put(c, same, "login", "page", "{\"loginserver\": \"https://headscale.akunito.com:8443\"}", "a-new-key");
        text = after(c, same, original, &n, NULL);
        assert_int_equal(n, 0);
        assert_string_equal(text, original);
        free(text);
        put(c, other, "login", "page", "{\"loginserver\": \"https://other.example.net\"}", "a-new-key");
        text = after(c, other, original, &n, lines);
        assert_string_equal(lines, "update login loginserver: https://headscale.akunito.com:8443 > https://other.example.net\n");
        assert_non_null(strstr(text, "<preauthkey>a-new-key</preauthkey>"));
        free(text);
}

static void what_others_have_is_not_taken(void **state)
{
        static const struct {
                const char *kind, *name, *content, *words;
                fbn_error error;
        } cases[] = {
                {"host", "printer", "{\"host\": \"printer\", \"domain\": \"home.arpa\", \"ip\": \"192.168.8.61\"}",
                 "host 'printer': the router has it, and it is not ours; to hand it over, make its description 'fabricnet:home printer'", FBN_ECONFLICT},
                {"tunnel", "friend", "{\"name\": \"tun_wg7\"}", "tunnel 'friend': the router has it", FBN_ECONFLICT},
                {"gateway", "wan", "{\"name\": \"WAN_DHCP\", \"interface\": \"@wan0\"}", "gateway 'wan': the router has it", FBN_ECONFLICT},
                {"rule", "x", "{\"interface\": \"@em9\"}", "rule 'x': the router has no interface on the device 'em9'", FBN_ENOENT},
                {"interface", "tun_wg3", "{}", "no tunnel of ours has this name", FBN_EINVAL},
        };
        fbn_context *c = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                FBN_CLEANUP(fbn_router) router = router_empty(c);
                struct difference difference = {0};

                put(c, router, cases[i].kind, cases[i].name, cases[i].content, streq(cases[i].kind, "tunnel") ? SECRET : NULL);
                assert_failed(c, router_difference(c, router, original, original_length, &difference), (int)cases[i].error, cases[i].words);
                router_difference_free(&difference);
        }
}

static void a_package_must_be_there(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) router = router_full(c);
        struct difference difference = {0};
        char *text = replaced(original, "<wireguard>", "<wg>"), *without = replaced(text, "</wireguard>", "</wg>");

        assert_failed(c, router_difference(c, router, without, strlen(without), &difference), FBN_ENOENT, "the package 'wireguard' has never been set up");
        router_difference_free(&difference);
        free(text);
        free(without);
}

static void a_tunnel_that_stands_keeps_a_key_that_is_not_here(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) router = router_full(c);
        FBN_CLEANUP(fbn_router) keyless = router_empty(c);
        struct difference difference = {0};
        char lines[1024];
        size_t n;
        char *text = after(c, router, original, &n, NULL), *now;

        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
                put(c, keyless, wanted[i].kind, wanted[i].name,
                    streq(wanted[i].kind, "tunnel") ? "{\"name\": \"tun_wg0\", \"enabled\": \"yes\", \"listenport\": \"51821\", \"mtu\": \"1280\", \"addresses\": \"\"}"
                                                    : wanted[i].content,
                    NULL);
        now = after(c, keyless, text, &n, lines);
        assert_string_equal(lines, "update tunnel s2s listenport: 51820 > 51821\n");
        assert_non_null(strstr(now, "<privatekey>" SECRET "</privatekey>"));
        assert_failed(c, router_difference(c, keyless, original, original_length, &difference), FBN_ENOENT, "its private key is not here");
        router_difference_free(&difference);
        free(text);
        free(now);
}

/* Whatever stands in a text, it comes back as it was. */
static void texts_are_escaped(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) router = router_empty(c);
        size_t n;
        char *text, *again;

        put(c, router, "host", "odd", "{\"host\": \"odd\", \"domain\": \"a]]><b>&amp;'\\\"\xc3\xb1\", \"descr2\": \"]]>&lt;\"}", NULL);
        text = after(c, router, original, &n, NULL);
        assert_int_equal(n, 1);
        again = after(c, router, text, &n, NULL);
        assert_int_equal(n, 0);
        assert_string_equal(again, text);
        free(text);
        free(again);
}

static void wrong_objects_are_refused(void **state)
{
        static const struct {
                const char *kind, *name, *content, *words;
        } cases[] = {
                {"ruel", "x", "{}", "kind 'ruel'"},           {"rule", "a<b", "{}", "a name is 1 to 120"},  {"rule", "", "{}", "a name is 1 to 120"},
                {"rule", "x", "{", "its content is no JSON"}, {"rule", "x", "[]", "its content is"},        {"rule", "x", "{\"a\": 1}", "its content is"},
                {"rule", "x", "{\"a b\": \"\"}", "its content"}, {"rule", "x", "{\"a\": \"\\n\"}", "its content"}, {"rule", "x", "{\"a\": [[\"x\"]]}", "its content"},
        };
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) router = router_empty(c);

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_failed(c, fbn_router_add(c, router, FBN_OPTIONS(fbn_router_object, .kind = cases[i].kind, .name = cases[i].name, .content = cases[i].content)),
                              FBN_EINVAL, cases[i].words);
        put(c, router, "rule", "x", "{}", NULL);
        assert_int_equal(fbn_router_add(c, router, FBN_OPTIONS(fbn_router_object, .kind = "rule", .name = "x")), -FBN_EEXIST);
        assert_int_equal(fbn_router_count(router), 1);
        assert_failed(c, fbn_router_apply(c, router, NULL, NULL), FBN_EINVAL, "it is not said how");
}

static void what_is_rendered_has_no_secret(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) router = router_full(c);
        char *text;

        assert_ok(c, fbn_router_render(c, router, &text));
        assert_null(strstr(text, SECRET));
        assert_non_null(strstr(text, "<privatekey>(secret)</privatekey>"));
        assert_non_null(strstr(text, "<descr><![CDATA[fabricnet:home s2s/vps]]></descr>"));
        fbn_free(text);
}

static void no_configuration_is_refused(void **state)
{
        static const char *const texts[] = {"", "<pfsense>", "<pfsense></pfsens>", "not XML", "<a/><b/>", "<!DOCTYPE x [<!ENTITY y \"z\">]><pfsense>&y;</pfsense>"};
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_router) router = router_full(c);

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                struct difference difference = {0};

                assert_int_equal(router_difference(c, router, texts[i], strlen(texts[i]), &difference), -FBN_EINVAL);
                router_difference_free(&difference);
        }
}

static void answers_are_found_among_the_rest(void **state)
{
        static const struct {
                const char *text;
                int result;
                const char *words;
        } cases[] = {
                {"pfSense shell: \nfabricnet-answer:eyJvayI6dHJ1ZX0=\npfSense shell: ", 0, NULL},
                {"fabricnet-answer:e30=\nfabricnet-answer:eyJvayI6dHJ1ZX0=", 0, NULL},
                {"fabricnet-answer:eyJvayI6ZmFsc2UsIndoeSI6ImJvb21cdTAwMWIifQ==\n", -FBN_EUNAVAILABLE, "pfSsh.php: boom "},
                {"fabricnet-answer:eyJvayI6ZmFsc2UsInN0YWxlIjp0cnVlfQ==\n", -FBN_ECONFLICT, "somebody changed its configuration"},
                {"fabricnet-answer:%%%\n", -FBN_EPROTOCOL, "gave no answer"},
                {"PHP Fatal error: …\n", -FBN_EPROTOCOL, "gave no answer"},
                {"", -FBN_EPROTOCOL, "gave no answer"},
        };
        fbn_context *c = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_int_equal(playback_read(c, cases[i].text, strlen(cases[i].text)), cases[i].result);
                if (cases[i].words && !strstr(fbn_context_error(c), cases[i].words))
                        test_failed("'%s' does not say '%s'", fbn_context_error(c), cases[i].words);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_wanted_is_nothing_changed),
                cmocka_unit_test(all_is_written_once_and_taken_away_again),
                cmocka_unit_test(interfaces_are_called_by_the_routers_names),
                cmocka_unit_test(drift_is_told_and_mended),
                cmocka_unit_test(what_pfsense_notes_itself_is_no_drift_and_stays),
                cmocka_unit_test(order_is_kept),
                cmocka_unit_test(an_unchanged_login_is_never_written),
                cmocka_unit_test(what_others_have_is_not_taken),
                cmocka_unit_test(a_package_must_be_there),
                cmocka_unit_test(a_tunnel_that_stands_keeps_a_key_that_is_not_here),
                cmocka_unit_test(texts_are_escaped),
                cmocka_unit_test(wrong_objects_are_refused),
                cmocka_unit_test(what_is_rendered_has_no_secret),
                cmocka_unit_test(no_configuration_is_refused),
                cmocka_unit_test(answers_are_found_among_the_rest),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
