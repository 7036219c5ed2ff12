/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <stdlib.h>
#include <time.h>

#include "fabric/model.h"
#include "fabric/place.h"

#include <fabricnet/fabric.h>
#include <unistd.h>
#include <stdio.h>

#define HOMELAB TESTS_DIRECTORY "/../examples/homelab/fabric.json"
#define START "{ \"fabric\": 1, \"name\": \"t\",\n"

static void refused(fbn_context *c, const char *text, const char *message)
{
        fbn_fabric *fabric = NULL;

        assert_int_equal(fbn_fabric_load(c, "some/fabric.json", text, &fabric), -FBN_EINVAL);
        assert_string_equal(fbn_context_error(c), message);
        assert_null(fabric);
}

static void the_homelab_file_is_read(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        const struct host *host;

        assert_ok(*state, fbn_fabric_load_file(*state, HOMELAB, &fabric));
        assert_string_equal(fbn_fabric_name(fabric), "home");
        assert_int_equal(fbn_fabric_host_count(fabric), 9);
        assert_string_equal(fbn_fabric_host_at(fabric, 0), "vps");
        assert_string_equal(fbn_fabric_host_at(fabric, 8), "phone");
        assert_null(fbn_fabric_host_at(fabric, 9));
        host = fabric_host(fabric, "nas");
        assert_string_equal(host->interfaces[0].prefix->name, "storage");
        assert_ptr_equal(host->interfaces[0].prefix->at, fabric_host(fabric, "pfsense"));
        assert_ptr_equal(host->node, &fabric->mesh.nodes[1]);
        host = fabric_host(fabric, "pfsense");
        assert_int_equal(host->memberships->keepalive, 25);
        assert_string_equal(host->memberships->interface, "tun_wg0");
        assert_string_equal(host->nat[0].out.device, "tun_wg0");
        assert_false(host->node->accepts_dns); /* it answers for the split domain */
        assert_true(fabric_host(fabric, "laptop")->node->accepts_dns);
}

static void text_that_is_not_json_is_refused_with_its_place(void **state)
{
        refused(*state, "{ \"fabric\": 1,\n  \"name\" \"x\" }", "some/fabric.json:2:12: not JSON: ':' expected near '\"x\"'");
        refused(*state, "", "some/fabric.json:1:1: not JSON: '[' or '{' expected near end of file");
}

static void a_member_given_twice_is_refused(void **state)
{
        refused(*state, "{ \"fabric\": 1,\n  \"fabric\": 1 }", "some/fabric.json:2:10: not JSON: duplicate object key near '\"fabric\"'");
}

static void unknown_members_are_named_with_what_is_near(void **state)
{
        refused(*state, START "  \"prefixes\": {}, \"hosts\": { \"vps\": {\n    \"forwrding\": true } } }",
                "some/fabric.json:3:5: /hosts/vps/forwrding: unknown member; did you mean 'forwarding'?");
        refused(*state, START "  \"prefixes\": {}, \"hosts\": { \"vps\": { \"colour\": 1 } } }",
                "some/fabric.json:2:39: /hosts/vps/colour: unknown member; expected one of: manager, interfaces, forwarding, resolver, rp_filter, sysctl, routes, ssh");
        refused(*state, START "  \"a/b~c\": 1 }",
                "some/fabric.json:2:3: /a~1b~0c: unknown member; expected one of: $schema, fabric, name, include, defaults, prefixes, hosts, "
                "wireguard, nat, mesh, "
                "dns, certificates, services, edge, backups, monitoring, expect, allow");
}

static void columns_count_characters_not_bytes(void **state)
{
        refused(*state, START "  \"prefixes\": {}, \"h\\u00f6sts\": {} }",
                "some/fabric.json:2:19: /hösts: unknown member; did you mean 'hosts'?");
        refused(*state, START "  \"größe\": {} }",
                "some/fabric.json:2:3: /größe: unknown member; expected one of: $schema, fabric, name, include, defaults, prefixes, "
                "hosts, wireguard, nat, mesh, dns, certificates, services, edge, backups, monitoring, expect, allow");
        refused(*state, "{ \"$schema\": \"größe\", \"fabric\": 7 }",
                "some/fabric.json:1:33: /fabric: expected 1, the version of this language, found 7");
}

static void wrong_types_and_values_say_what_is_expected(void **state)
{
        refused(*state, START "  \"defaults\": { \"mtu\": \"big\" } }",
                "some/fabric.json:2:24: /defaults/mtu: expected an MTU, 576 to 9000, found text");
        refused(*state, START "  \"defaults\": { \"rp_filter\": \"lose\" } }",
                "some/fabric.json:2:30: /defaults/rp_filter: expected \"off\", \"strict\" or \"loose\", found 'lose'; did you mean "
                "'loose'?");
        refused(*state, START "  \"prefixes\": { \"wg\": \"172.26.5.0/33\" } }",
                "some/fabric.json:2:23: /prefixes/wg: expected a prefix such as 192.168.8.0/24");
        refused(*state, START "  \"prefixes\": {} }", "some/fabric.json:1:1: /: 'hosts' is missing: expected hosts by name");
        refused(*state, START "  \"prefixes\": { \"wg\": \"172.26.5.7/24\" }, \"hosts\": {} }",
                "some/fabric.json:2:23: /prefixes/wg: expected a prefix without host bits: '172.26.5.0/24'");
}

static void dangling_names_are_named_with_what_is_near(void **state)
{
        refused(*state,
                START
                "  \"hosts\": { \"pfsense\": {} },\n  \"prefixes\": { \"lan\": { \"prefix\": \"192.168.8.0/24\", \"at\": \"pfsens\" } } }",
                "some/fabric.json:3:60: /prefixes/lan/at: there is no 'pfsens' in /hosts: expected the name of a host; did you mean "
                "'pfsense'?");
        refused(*state, START "  \"hosts\": { \"vps\": {} }, \"prefixes\": {},\n  \"nat\": { \"vsp\": [] } }",
                "some/fabric.json:3:12: /nat/vsp: there is no 'vsp' in /hosts: expected the name of a host; did you mean 'vps'?");
        refused(*state,
                START "  \"hosts\": { \"vps\": { \"interfaces\": { \"eth0\": {} } } }, \"prefixes\": { \"lan\": \"192.168.8.0/24\" },\n"
                      "  \"nat\": { \"vps\": [{ \"masquerade\": [\"lan\"], \"out\": { \"interface\": \"eth1\" } }] } }",
                "some/fabric.json:3:67: /nat/vps/0/out/interface: host 'vps' has no interface 'eth1'; declare it in /hosts/vps/interfaces; "
                "did you mean 'eth0'?");
}

static void a_secret_in_the_file_is_refused_and_not_repeated(void **state)
{
        refused(*state,
                START
                "  \"hosts\": { \"vps\": {} }, \"prefixes\": { \"wg\": \"172.26.5.0/24\" },\n  \"wireguard\": { \"s2s\": { \"prefix\": "
                "\"wg\", \"members\": {\n"
                "    \"vps\": { \"address\": \"172.26.5.1\", \"private_key\": \"qDyYKGbAsY9Jn9nCWUmbJbZHQ6bXuqqXFnBmQ0nBvGs=\" } } } } }",
                "some/fabric.json:4:54: /wireguard/s2s/members/vps/private_key: expected {\"file\": PATH} or {\"credential\": NAME}; a "
                "secret itself never "
                "stands here, found text");
}

static void a_file_that_is_not_there_is_named(void **state)
{
        fbn_fabric *fabric = NULL;

        assert_failed(*state, fbn_fabric_load_file(*state, "/nonexistent/fabric.json", &fabric), FBN_ENOENT,
                      "/nonexistent/fabric.json: no such file");
}

static void places_are_found_in_one_pass(void **state)
{
        struct place places[] = {{.pointer = ""}, {.pointer = "/a/1/c"}, {.pointer = "/a/1/c"}, {.pointer = "/b"}, {.pointer = "/d"}, {.pointer = "/nowhere"}};

        const struct source sources[] = {{"one", "\n{ \"a\": [ 1,\n { \"c\": \"x\\\"}\" } ],\t\"b\":{} }"},
                                         {"two", "{\"b\": 1, \"d\":\n2}"}};

        assert_true(places_find(sources, ARRAY_SIZE(sources), places, ARRAY_SIZE(places)));
        assert_string_equal(places[3].file, "one");
        assert_string_equal(places[4].file, "two");
        assert_int_equal(places[4].line, 2);
        assert_int_equal(places[0].line, 2);
        assert_int_equal(places[0].column, 1);
        for (size_t i = 1; i <= 2; i++) {
                assert_int_equal(places[i].line, 3);
                assert_int_equal(places[i].column, 9);
                assert_int_equal(places[i].key_column, 4);
        }
        assert_int_equal(places[3].line, 3);
        assert_int_equal(places[5].line, 0);
}

static void write_file(const char *path, const char *text)
{
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

#define HEAD "{\"fabric\": 1, \"name\": \"x\", \"prefixes\": {},"

static void what_is_included_has_a_place_of_its_own(void **state)
{
        char folder[] = "/tmp/fabric-XXXXXX", main_file[64], part[64], error[256];
        fbn_fabric *fabric = NULL;

        assert_non_null(mkdtemp(folder));
        snprintf(main_file, sizeof(main_file), "%s/fabric.json", folder);
        snprintf(part, sizeof(part), "%s/part.json", folder);
        write_file(main_file, HEAD "\"include\": [\"part.json\"],\n\"hosts\": {\"a\": {\"forwarding\": true}}}");
        write_file(part, "{\"hosts\": {\"a\": {\"manager\": \"nixos\"},\n \"b\": {}}}");
        assert_int_equal(fbn_fabric_load_file(*state, main_file, &fabric), 0);
        assert_int_equal(fbn_fabric_host_count(fabric), 2);
        fabric = fbn_fabric_unref(fabric);

        write_file(part, "{\"hosts\":\n {\"a\": {\"forwarding\": true}}}");
        snprintf(error, sizeof(error), "%s:2:23: /hosts/a/forwarding: is declared in %s:2 too", part, main_file);
        assert_failed(*state, fbn_fabric_load_file(*state, main_file, &fabric), FBN_EINVAL, error);

        write_file(part, "{\"hosts\":\n {\"b\": {\"forwrding\": true}}}");
        snprintf(error, sizeof(error), "%s:2:9: /hosts/b/forwrding: unknown member; did you mean 'forwarding'?", part);
        assert_failed(*state, fbn_fabric_load_file(*state, main_file, &fabric), FBN_EINVAL, error);

        write_file(part, "{\n\"hosts\" {}}");
        snprintf(error, sizeof(error), "%s:2:9: not JSON: ", part);
        assert_failed(*state, fbn_fabric_load_file(*state, main_file, &fabric), FBN_EINVAL, error);

        unlink(part);
        snprintf(error, sizeof(error), "%s:1:55: /include/0: %s: no such file", main_file, part);
        assert_failed(*state, fbn_fabric_load_file(*state, main_file, &fabric), FBN_EINVAL, error);
        unlink(main_file);
        rmdir(folder);
        assert_null(fabric);
}

static clock_t refused_in(void *state, const char *text)
{
        fbn_fabric *fabric = NULL;
        clock_t start = clock();

        assert_failed(state, fbn_fabric_load(state, "many.json", text, &fabric), FBN_EINVAL, "/prefixes/last");
        return clock() - start;
}

/* jq -c writes files so: the time to find a place must not grow with the square of the line. */
static void a_place_in_one_long_line_is_found_at_once(void **state)
{
        size_t size = 1 << 20, length;
        char *text = malloc(size), where[64];
        clock_t one_line, many_lines;

        length = (size_t)sprintf(text, "{\"fabric\": 1, \"name\": \"t\", \"prefixes\": {");
        for (unsigned i = 0; i < 20000; i++)
                length += (size_t)sprintf(text + length, "\"p%u\": \"10.%u.%u.0/24\", ", i, i / 256, i % 256);
        length += (size_t)sprintf(text + length, "\"last\": 1}, \"hosts\": {}}");

        one_line = refused_in(*state, text);
        snprintf(where, sizeof(where), "many.json:1:%zu: ", (size_t)(strstr(text, "\"last\": 1}") + 8 - text) + 1);
        assert_ptr_equal(strstr(fbn_context_error(*state), where), fbn_context_error(*state));

        for (char *p = text; (p = strstr(p, ", ")); p++)
                p[1] = '\n';
        many_lines = refused_in(*state, text);
        assert_true(one_line < 8 * many_lines + CLOCKS_PER_SEC / 10);
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_place_in_one_long_line_is_found_at_once),
                cmocka_unit_test(the_homelab_file_is_read),
                cmocka_unit_test(text_that_is_not_json_is_refused_with_its_place),
                cmocka_unit_test(a_member_given_twice_is_refused),
                cmocka_unit_test(unknown_members_are_named_with_what_is_near),
                cmocka_unit_test(columns_count_characters_not_bytes),
                cmocka_unit_test(wrong_types_and_values_say_what_is_expected),
                cmocka_unit_test(dangling_names_are_named_with_what_is_near),
                cmocka_unit_test(a_secret_in_the_file_is_refused_and_not_repeated),
                cmocka_unit_test(a_file_that_is_not_there_is_named),
                cmocka_unit_test(places_are_found_in_one_pass),
                cmocka_unit_test(what_is_included_has_a_place_of_its_own),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
