/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets and their elements on the real kernel, seen by nft. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/nat.h>

static char *nft(const char *arguments)
{
        return command_output("ip netns exec host nft %s", arguments);
}

#define assert_nft(arguments, expected)                  \
        do {                                             \
                char *words_ = nft(arguments);           \
                assert_string_equal(words_, (expected)); \
                free(words_);                            \
        } while (0)

#define SET(...) {.size = sizeof(fbn_nat_set), __VA_ARGS__}

/* Apply these sets and show what was done: "+object", "-object", "~object". */
static const char *apply(fbn_context *c, const fbn_nat_set *sets, size_t count)
{
        static const char *const signs[] = {[FBN_CHANGE_CREATE] = "+", [FBN_CHANGE_UPDATE] = "~", [FBN_CHANGE_DELETE] = "-"};
        FBN_CLEANUP(fbn_nat) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        static char words[1024];

        assert_ok(c, fbn_nat_new(c, &want));
        for (size_t i = 0; i < count; i++)
                assert_ok(c, fbn_nat_set_add(c, want, &sets[i]));
        assert_ok(c, fbn_nat_apply(c, want, NULL, &changes));
        *words = 0;
        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);

                snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s%s", i ? "; " : "", signs[change->kind], change->object);
        }
        return words;
}

#define APPLY(...)                                           \
        ({                                                   \
                const fbn_nat_set sets_[] = {__VA_ARGS__};   \
                apply(c, sets_, ARRAY_SIZE(sets_));          \
        })

/* Elements in one text: "KEY [: DATA] [@TIMEOUT_MS], …". */
static fbn_nat_elements *elements(fbn_context *c, const char *set, const char *text)
{
        fbn_nat_elements *list;
        char *copy = strdup(text), *rest = copy, *word;

        assert_ok(c, fbn_nat_elements_new(c, set, &list));
        while ((word = strsep(&rest, ",")) && *word) {
                char *timeout = strchr(word, '@'), *data = strstr(word, " : ");
                fbn_nat_element element = {.size = sizeof(element), .key = word + strspn(word, " ")};

                if (timeout) {
                        element.timeout_ms = strtoull(timeout + 1, NULL, 10);
                        timeout[timeout[-1] == ' ' ? -1 : 0] = 0;
                }
                if (data) {
                        element.data = data + 3;
                        *data = 0;
                }
                assert_ok(c, fbn_nat_elements_add(c, list, &element));
        }
        free(copy);
        return list;
}

static int send_text(fbn_context *c, const char *set, fbn_nat_elements_verb verb, const char *text)
{
        FBN_CLEANUP(fbn_nat_elements) list = elements(c, set, text);

        return fbn_nat_elements_send(c, list, verb);
}

#define ADD(set, text) send_text(c, set, FBN_NAT_ELEMENTS_ADD, text)
#define DELETE(set, text) send_text(c, set, FBN_NAT_ELEMENTS_DELETE, text)
#define REFRESH(set, text) send_text(c, set, FBN_NAT_ELEMENTS_REFRESH, text)

static int replace_text(fbn_context *c, const char *set, const char *text, const char *known_text)
{
        FBN_CLEANUP(fbn_nat_elements) list = elements(c, set, text);
        FBN_CLEANUP(fbn_nat_elements) known = known_text ? elements(c, set, known_text) : NULL;

        return fbn_nat_elements_replace(c, list, known);
}

#define REPLACE(set, text) replace_text(c, set, text, NULL)

static int by_text(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All elements as read: "KEY [: DATA] [@TIMEOUT_MS], …", by text. */
static const char *read_set(fbn_context *c, const char *set)
{
        FBN_CLEANUP(fbn_nat_reader) reader = NULL;
        const fbn_nat_element *element;
        static char words[4096];
        char *list[64];
        size_t count = 0;
        int r;

        assert_ok(c, fbn_nat_reader_new(c, set, &reader));
        while ((r = fbn_nat_reader_next(c, reader, &element)) > 0) {
                char timeout[32] = "";

                assert_true(count < ARRAY_SIZE(list));
                if (element->timeout_ms)
                        snprintf(timeout, sizeof(timeout), " @%llu", (unsigned long long)element->timeout_ms);
                assert_true(asprintf(&list[count], "%s%s%s%s", element->key, element->data ? " : " : "", element->data ? element->data : "", timeout) > 0);
                assert_true(element->expires_ms <= element->timeout_ms);
                assert_int_equal(element->expires_ms == 0, element->timeout_ms == 0);
                count++;
        }
        assert_ok(c, r);
        qsort(list, count, sizeof(*list), by_text);
        *words = 0;
        for (size_t i = 0; i < count; i++) {
                strcat(strcat(words, i ? ", " : ""), list[i]);
                free(list[i]);
        }
        return words;
}

static int fresh_host(void **state)
{
        namespace_new("host");
        *state = namespace_context("host");
        return 0;
}

static int remove_host(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
        return 0;
}

static void nft_shows_the_declared_sets(void **state)
{
        fbn_context *c = *state;

        assert_string_equal(APPLY(SET(.name = "hosts", .key = "ipv4_addr", .timeout_ms = 3600000, .limit = 1000),
                                  SET(.name = "nets6", .key = "ipv6_addr", .intervals = true, .timeouts = true, .counters = true),
                                  SET(.name = "services", .key = "ipv4_addr . inet_proto . inet_service", .intervals = true),
                                  SET(.name = "links", .key = "ifname . mark"), SET(.name = "ports", .key = "inet_service", .data = "ipv4_addr . inet_service"),
                                  SET(.name = "verdicts", .key = "ipv4_addr", .data = "verdict", .intervals = true)),
                            "+nat set 'hosts'; +nat set 'nets6'; +nat set 'services'; +nat set 'links'; +nat set 'ports'; +nat set 'verdicts'");
        assert_nft("list table inet fabricnet", "table inet fabricnet {\n"
                                                "\tcomment \"made by libfabricnet; changes by hand are undone\"\n"
                                                "\tset hosts {\n\t\ttype ipv4_addr\n\t\tsize 1000\n\t\ttimeout 1h\n\t}\n\n"
                                                "\tset nets6 {\n\t\ttype ipv6_addr\n\t\tflags interval,timeout\n\t\tcounter\n\t}\n\n"
                                                "\tset services {\n\t\ttype ipv4_addr . inet_proto . inet_service\n\t\tflags interval\n\t}\n\n"
                                                "\tset links {\n\t\ttype ifname . mark\n\t}\n\n"
                                                "\tmap ports {\n\t\ttype inet_service : ipv4_addr . inet_service\n\t}\n\n"
                                                "\tmap verdicts {\n\t\ttype ipv4_addr : verdict\n\t\tflags interval\n\t}\n"
                                                "}\n");
}

static void sets_are_read_back_as_declared(void **state)
{
        FBN_CLEANUP(fbn_nat) read = NULL;
        fbn_context *c = *state;
        const fbn_nat_set *set;

        APPLY(SET(.name = "services", .key = "ipv6_addr . inet_service", .data = "verdict", .intervals = true, .timeout_ms = 5000, .limit = 7, .counters = true),
              SET(.name = "plain", .key = "mark"));
        command("ip netns exec host nft add set inet fabricnet theirs '{ type ether_addr; }'");
        assert_ok(c, fbn_nat_get(c, &read));
        assert_int_equal(fbn_nat_set_count(read), 2);
        set = fbn_nat_set_at(read, 0);
        assert_string_equal(set->name, "services");
        assert_string_equal(set->key, "ipv6_addr . inet_service");
        assert_string_equal(set->data, "verdict");
        assert_true(set->intervals && set->timeouts && set->counters);
        assert_int_equal(set->timeout_ms, 5000);
        assert_int_equal(set->limit, 7);
        set = fbn_nat_set_at(read, 1);
        assert_null(set->data);
        assert_false(set->intervals || set->timeouts || set->counters || set->limit);
        assert_null(fbn_nat_set_at(read, 2));
}

static void contents_are_kept_as_long_as_the_set_is_the_same(void **state)
{
        const fbn_nat_set bans = SET(.name = "bans", .key = "ipv4_addr", .intervals = true, .timeouts = true);
        fbn_context *c = *state;

        APPLY(bans);
        assert_int_equal(ADD("bans", "192.0.2.0/24@600000, 198.51.100.7"), 2);
        assert_string_equal(apply(c, &bans, 1), "");
        assert_string_equal(APPLY(bans, SET(.name = "more", .key = "mark")), "+nat set 'more'");
        assert_string_equal(apply(c, &bans, 1), "-nat set 'more'");
        command("ip netns exec host nft 'add chain inet fabricnet theirs; add rule inet fabricnet theirs ip saddr @bans drop'");
        assert_string_equal(apply(c, &bans, 1), "~nat table 'fabricnet'");
        assert_string_equal(read_set(c, "bans"), "192.0.2.0/24 @600000, 198.51.100.7");
        assert_string_equal(APPLY(SET(.name = "bans", .key = "ipv4_addr", .intervals = true, .timeouts = true, .limit = 10)), "~nat set 'bans'");
        assert_string_equal(read_set(c, "bans"), "");
        assert_string_equal(apply(c, NULL, 0), "-nat set 'bans'");
        assert_nft("list ruleset", "");
        assert_string_equal(apply(c, NULL, 0), "");
}

static void elements_of_every_type_go_in_and_come_out(void **state)
{
        static const struct {
                fbn_nat_set set;
                const char *elements, *read; /* NULL: the same */
        } cases[] = {
                {SET(.name = "s", .key = "ipv4_addr"), "10.0.0.1, 10.0.0.2", NULL},
                {SET(.name = "s", .key = "ipv6_addr", .timeouts = true), "2001:db8::1 @90000, 2001:db8::2", NULL},
                {SET(.name = "s", .key = "ipv4_addr", .intervals = true), "0.0.0.0/8, 10.0.0.0/24, 10.0.1.0/24, 10.0.2.0-10.0.2.7, 10.0.2.8, 255.255.255.255",
                 "0.0.0.0/8, 10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/29, 10.0.2.8, 255.255.255.255"},
                {SET(.name = "s", .key = "ipv4_addr", .intervals = true), "0.0.0.0/0", NULL},
                {SET(.name = "s", .key = "ipv6_addr", .intervals = true), "2001:db8::-2001:db8::5, fd00::/8, ff00::/8", NULL},
                {SET(.name = "s", .key = "inet_service", .intervals = true), "22, 65535, 8000-8099", NULL},
                {SET(.name = "s", .key = "inet_proto"), "132, tcp, udp", NULL},
                {SET(.name = "s", .key = "ifname"), "eth0, wg-home", NULL},
                {SET(.name = "s", .key = "mark"), "0x1, 0xff00ff00", NULL},
                {SET(.name = "s", .key = "ipv4_addr . inet_proto . inet_service"), "10.0.0.1 . tcp . 443, 10.0.0.1 . udp . 53", NULL},
                {SET(.name = "s", .key = "ipv4_addr . inet_service", .intervals = true, .timeouts = true),
                 "10.0.0.0/8 . 80-90 @60000, 192.168.0.1-192.168.0.3 . 443", NULL},
                {SET(.name = "s", .key = "ifname . ipv6_addr . mark", .intervals = true), "eth0 . 2001:db8::/32 . 0x7", NULL},
                {SET(.name = "s", .key = "inet_service", .data = "ipv4_addr . inet_service"), "80 : 192.168.8.2 . 8080", NULL},
                {SET(.name = "s", .key = "ipv6_addr", .data = "verdict", .intervals = true), "2001:db8::/33 : drop, fd00::/8 : accept", NULL},
        };
        fbn_context *c = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *expected = cases[i].read ? cases[i].read : cases[i].elements;

                apply(c, &cases[i].set, 1);
                assert_ok(c, ADD("s", cases[i].elements));
                assert_string_equal(read_set(c, "s"), expected);
                assert_int_equal(REPLACE("s", cases[i].elements), 0);
                assert_ok(c, REFRESH("s", cases[i].elements));
                assert_string_equal(read_set(c, "s"), expected);
                assert_ok(c, DELETE("s", cases[i].elements));
                assert_string_equal(read_set(c, "s"), "");
                apply(c, NULL, 0);
        }
}

static void nft_lists_our_elements_and_we_read_its(void **state)
{
        fbn_context *c = *state;

        APPLY(SET(.name = "s", .key = "ipv4_addr", .intervals = true, .timeouts = true));
        ADD("s", "10.0.0.0/24, 10.0.1.0-10.0.1.9@3600000, 255.255.255.0/24");
        command("ip netns exec host nft -j list set inet fabricnet s | jq -e '[.nftables[].set | select(.) | .elem[] | if .elem then (.elem | del(.expires)) "
                "else . end] == [{prefix: {addr: \"10.0.0.0\", len: 24}}, {val: {range: [\"10.0.1.0\", \"10.0.1.9\"]}, timeout: 3600}, "
                "{prefix: {addr: \"255.255.255.0\", len: 24}}]' >/dev/null");
        command("ip netns exec host nft 'flush set inet fabricnet s; add element inet fabricnet s { 192.0.2.0/25 timeout 1h, 192.0.2.128/25, 0.0.0.0/1 }'");
        assert_string_equal(read_set(c, "s"), "0.0.0.0/1, 192.0.2.0/25 @3600000, 192.0.2.128/25");
        assert_int_equal(REPLACE("s", "0.0.0.0/1, 192.0.2.0/25@3600000, 192.0.2.128/26, 198.51.100.0/24"), 3);
        assert_string_equal(read_set(c, "s"), "0.0.0.0/1, 192.0.2.0/25 @3600000, 192.0.2.128/26, 198.51.100.0/24");
        assert_int_equal(REPLACE("s", "0.0.0.0/1@5000, 192.0.2.0/25@3600000, 192.0.2.128/26, 198.51.100.0/24"), 2);
        assert_int_equal(REPLACE("s", ""), 0);
        assert_string_equal(read_set(c, "s"), "");
}

static void nft_shows_names_and_marks_as_they_are(void **state)
{
        fbn_context *c = *state;

        APPLY(SET(.name = "links", .key = "ifname"), SET(.name = "marks", .key = "mark"), SET(.name = "map", .key = "mark", .data = "ifname"));
        ADD("links", "eth0");
        ADD("marks", "0x10");
        ADD("map", "0x20 : lo");
        command("ip netns exec host nft -j list table inet fabricnet | jq -ce '[.nftables[] | (.set // .map // empty).elem] == "
                "[[\"eth0\"], [16], [[32, \"lo\"]]]' >/dev/null");
        command("ip netns exec host nft 'add element inet fabricnet links { wg0 }; add element inet fabricnet marks { 0x11 }'");
        assert_string_equal(read_set(c, "marks"), "0x10, 0x11");
        assert_non_null(strstr(read_set(c, "links"), "wg0"));
}

static void what_the_kernel_refuses_names_the_element_and_the_set(void **state)
{
        fbn_context *c = *state;

        APPLY(SET(.name = "nets", .key = "ipv4_addr", .intervals = true), SET(.name = "few", .key = "ipv4_addr", .limit = 2),
              SET(.name = "map", .key = "inet_service", .data = "ipv4_addr"));
        ADD("nets", "10.1.0.0/16, 10.2.0.0/16");
        assert_failed(c, ADD("nets", "9.0.0.0/8, 10.0.0.0/8, 11.0.0.0/8"), FBN_EEXIST, "nat set 'nets': element 10.0.0.0/8 overlaps 10.");
        assert_failed(c, ADD("nets", "10.2.3.0/24"), FBN_EEXIST, "nat set 'nets': element 10.2.3.0/24 overlaps 10.2.0.0/16, which is in the set");
        assert_failed(c, REFRESH("nets", "10.2.3.0/24"), FBN_EEXIST, "nat set 'nets': element 10.2.3.0/24 overlaps 10.2.0.0/16, which is in the set");
        assert_failed(c, DELETE("nets", "10.1.0.0/16, 10.3.0.0/16"), FBN_ENOENT, "nat set 'nets': element 10.3.0.0/16 is not in the set");
        assert_string_equal(read_set(c, "nets"), "10.1.0.0/16, 10.2.0.0/16");
        assert_failed(c, ADD("few", "10.0.0.1, 10.0.0.2, 10.0.0.3"), FBN_ESYSTEM, "nat set 'few': the set is full (at most 2 elements): no room for 10.0.0.");
        assert_string_equal(read_set(c, "few"), "");
        ADD("map", "80 : 10.0.0.1");
        assert_failed(c, ADD("map", "80 : 10.0.0.2"), FBN_EEXIST, "nat set 'map': element 80 is there already with other data");
        assert_int_equal(ADD("map", "80 : 10.0.0.1"), 1);
}

static void overlaps_in_a_list_are_left_out_or_named(void **state)
{
        fbn_context *c = *state;

        APPLY(SET(.name = "s", .key = "ipv4_addr", .intervals = true, .timeouts = true), SET(.name = "h", .key = "ipv4_addr", .timeouts = true));
        assert_int_equal(ADD("s", "10.1.0.0/16@9000, 10.0.0.0/8@9000, 10.0.0.0/8@9000, 10.255.0.0/16@9000, 11.0.0.0/8"), 2);
        assert_string_equal(read_set(c, "s"), "10.0.0.0/8 @9000, 11.0.0.0/8");
        assert_failed(c, ADD("s", "12.0.0.0/8, 12.1.0.0/16@9000"), FBN_EINVAL, "nat set 's': element 12.1.0.0/16 overlaps 12.0.0.0/8, which is given as well with another");
        assert_failed(c, ADD("s", "12.0.0.0-12.0.0.9, 12.0.0.5-12.0.0.20"), FBN_EINVAL, "element 12.0.0.5-12.0.0.20 overlaps 12.0.0.0-12.0.0.9, which is given as well");
        assert_failed(c, ADD("h", "12.0.0.1, 12.0.0.1@5000"), FBN_EINVAL, "element 12.0.0.1 is given twice, with different timeouts or data");
        assert_int_equal(ADD("h", "12.0.0.1@5000, 12.0.0.1@5000"), 1);
}

static void wrong_input_is_refused_in_words(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) want = NULL;
        FBN_CLEANUP(fbn_nat_elements) list = NULL;
        fbn_nat_reader *reader = NULL;

        assert_ok(c, fbn_nat_new(c, &want));
        assert_failed(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "1", .key = "mark")), FBN_EINVAL, "nat set '1': a set needs a name");
        assert_failed(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "a", .key = "ip")), FBN_EINVAL, "key 'ip' is not one of ipv4_addr");
        assert_failed(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "a")), FBN_EINVAL, "key ''");
        assert_failed(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "a", .key = "mark", .data = "x")), FBN_EINVAL, "data 'x'");
        assert_failed(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "a", .key = "ifname", .intervals = true)), FBN_EINVAL, "no ranges");
        assert_ok(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "a", .key = "ipv4_addr")));
        assert_failed(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "a", .key = "mark")), FBN_EEXIST, "there is a set of this name");
        assert_failed(c, fbn_nat_elements_new(c, "a", &list), FBN_ENOENT, "nat set 'a': there is no such set in table inet fabricnet; declare it");
        assert_failed(c, fbn_nat_reader_new(c, "a", &reader), FBN_ENOENT, "nat set 'a': there is no such set");
        assert_ok(c, fbn_nat_apply(c, want, NULL, NULL));
        assert_ok(c, fbn_nat_elements_new(c, "a", &list));
        assert_failed(c, fbn_nat_elements_add(c, list, FBN_OPTIONS(fbn_nat_element, .key = "10.0.0.0/8")), FBN_EINVAL, "this set has no ranges");
        assert_failed(c, fbn_nat_elements_add(c, list, FBN_OPTIONS(fbn_nat_element, .key = "2001:db8::")), FBN_EINVAL, "'2001:db8::' is no element of type ipv4_addr");
        assert_failed(c, fbn_nat_elements_add(c, list, FBN_OPTIONS(fbn_nat_element, .key = "10.0.0.1", .data = "1")), FBN_EINVAL, "the set is no map");
        assert_failed(c, fbn_nat_elements_add(c, list, FBN_OPTIONS(fbn_nat_element, .key = "10.0.0.1", .timeout_ms = 1)), FBN_EINVAL, "without timeouts");
        assert_failed(c, fbn_nat_elements_send(c, list, (fbn_nat_elements_verb)9), FBN_EINVAL, "9 is no verb");
        assert_int_equal(fbn_nat_elements_send(c, list, FBN_NAT_ELEMENTS_ADD), 0);
}

static void elements_expire_and_a_refresh_begins_anew(void **state)
{
        fbn_context *c = *state;

        APPLY(SET(.name = "s", .key = "ipv4_addr", .intervals = true, .timeouts = true));
        ADD("s", "10.0.0.0/24@1500, 10.0.1.0/24@1500, 10.0.2.0/24@60000");
        poll(NULL, 0, 900);
        assert_int_equal(REFRESH("s", "10.0.1.0/24@1500"), 1);
        poll(NULL, 0, 900);
        assert_string_equal(read_set(c, "s"), "10.0.1.0/24 @1500, 10.0.2.0/24 @60000");
        assert_int_equal(REPLACE("s", "10.0.0.0/24@60000, 10.0.2.0/24@60000"), 2);
        assert_string_equal(read_set(c, "s"), "10.0.0.0/24 @60000, 10.0.2.0/24 @60000");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(nft_shows_the_declared_sets, fresh_host, remove_host),
                cmocka_unit_test_setup_teardown(sets_are_read_back_as_declared, fresh_host, remove_host),
                cmocka_unit_test_setup_teardown(contents_are_kept_as_long_as_the_set_is_the_same, fresh_host, remove_host),
                cmocka_unit_test_setup_teardown(elements_of_every_type_go_in_and_come_out, fresh_host, remove_host),
                cmocka_unit_test_setup_teardown(nft_lists_our_elements_and_we_read_its, fresh_host, remove_host),
                cmocka_unit_test_setup_teardown(nft_shows_names_and_marks_as_they_are, fresh_host, remove_host),
                cmocka_unit_test_setup_teardown(what_the_kernel_refuses_names_the_element_and_the_set, fresh_host, remove_host),
                cmocka_unit_test_setup_teardown(overlaps_in_a_list_are_left_out_or_named, fresh_host, remove_host),
                cmocka_unit_test_setup_teardown(wrong_input_is_refused_in_words, fresh_host, remove_host),
                cmocka_unit_test_setup_teardown(elements_expire_and_a_refresh_begins_anew, fresh_host, remove_host),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
