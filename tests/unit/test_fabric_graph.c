/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/fabric.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#define HOMELAB TESTS_DIRECTORY "/../examples/homelab/fabric.json"

static char *draw(fbn_context *c, fbn_graph_format format)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char *text = NULL;

        assert_ok(c, fbn_fabric_load_file(c, HOMELAB, &fabric));
        assert_ok(c, fbn_fabric_graph(c, fabric, format, &text));
        return text;
}

static void both_formats_show_all_hosts_and_addresses(void **state)
{
        static const char *const words[] = {"vps",          "pfsense",        "nas",
                                            "lxc",          "workstation",    "tv",
                                            "laptop",       "macbook",        "phone",
                                            "172.26.5.155", "172.26.5.1",     "172.26.5.20",
                                            "100.64.0.7",   "192.168.8.0/24", "192.168.20.0/24",
                                            "100.64.0.0/10"};
        char *svg = draw(*state, FBN_GRAPH_SVG), *dot = draw(*state, FBN_GRAPH_DOT);

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                assert_non_null(strstr(svg, words[i]));
                assert_non_null(strstr(dot, words[i]));
        }
        fbn_free(svg);
        fbn_free(dot);
}

static void what_check_found_is_in_the_picture(void **state)
{
        static const char text[] = "{\"fabric\": 1, \"name\": \"t\", \"prefixes\": {\"p\": \"10.9.0.0/24\"}, \"hosts\": {\"good\": {\"interfaces\": {\"e\": {\"address\": "
                                   "\"10.9.0.1\"}}}, \"bad\": {\"interfaces\": {\"e\": {\"address\": \"10.9.0.1\"}}}}%s}";
        static const char *const allowances[] = {"", ", \"allow\": [{\"code\": \"duplicate-address\", \"reason\": \"known\"}]"};

        for (size_t i = 0; i < ARRAY_SIZE(allowances); i++) {
                FBN_CLEANUP(fbn_fabric) fabric = NULL;
                char file[512], *svg = NULL, *dot = NULL;

                snprintf(file, sizeof(file), text, allowances[i]);
                assert_ok(*state, fbn_fabric_load(*state, "t.json", file, &fabric));
                assert_ok(*state, fbn_fabric_graph(*state, fabric, FBN_GRAPH_SVG, &svg));
                assert_ok(*state, fbn_fabric_graph(*state, fabric, FBN_GRAPH_DOT, &dot));
                assert_int_equal(strstr(svg, "duplicate-address: 10.9.0.1 is already that of") != NULL, i == 0);
                assert_int_equal(strstr(svg, "class=\"mark error\"") != NULL, i == 0);
                assert_int_equal(strstr(dot, "\"bad\" [shape=box, color=\"#c22b2b\"") != NULL, i == 0);
                assert_null(strstr(dot, "\"good\" [shape=box, color"));
                fbn_free(svg);
                fbn_free(dot);
        }
}

/* A name of 253 bytes with a "→" behind it, and a control character in what is only looked at by libcurl later. */
static void the_longest_names_leave_it_well_formed(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char name[254], file[2048], *svg = NULL;
        FILE *parser;

        for (size_t i = 0; i < 253; i++)
                name[i] = i % 64 == 63 ? '.' : 'a';
        name[253] = 0;
        snprintf(file, sizeof(file),
                 "{\"fabric\": 1, \"name\": \"t\", \"prefixes\": {\"m\": \"100.64.0.0/10\"}, \"hosts\": {\"h\": {}}, \"services\": {\"%s\": {\"at\": \"h\", \"to\": \"h:80\"}},"
                 " \"mesh\": {\"headscale\": {\"host\": \"h\", \"url\": \"https://x\\u0001\"}, \"prefix\": \"m\", \"users\": [\"u\"], \"nodes\": {}}}",
                 name);
        assert_ok(*state, fbn_fabric_load(*state, "t.json", file, &fabric));
        assert_ok(*state, fbn_fabric_graph(*state, fabric, FBN_GRAPH_SVG, &svg));
        parser = popen("python3 -c 'import sys, xml.dom.minidom as m; m.parseString(sys.stdin.buffer.read())'", "w");
        assert_non_null(parser);
        fputs(svg, parser);
        assert_int_equal(pclose(parser), 0);
        fbn_free(svg);
}

static void the_same_file_gives_the_same_picture(void **state)
{
        char *first = draw(*state, FBN_GRAPH_SVG), *second = draw(*state, FBN_GRAPH_SVG);

        assert_string_equal(first, second);
        fbn_free(first);
        fbn_free(second);
}

/* Every coordinate is read by a stock XML parser and held against the view box. */
static void the_picture_is_xml_and_nothing_lies_outside(void **state)
{
        static const char script[] =
                "import sys, re, xml.etree.ElementTree as T\n"
                "r = T.parse(sys.stdin).getroot(); w, h = map(int, r.get('viewBox').split()[2:])\n"
                "assert w < 1000 and h > 100, (w, h)\n"
                "for e in r.iter():\n"
                "    x, y = e.get('x') or e.get('cx'), e.get('y') or e.get('cy')\n"
                "    if x and y:\n"
                "        right = float(x) + float(e.get('width', '0')); below = float(y) + float(e.get('height', '0'))\n"
                "        assert 0 <= float(x) and right <= w and 0 <= float(y) and below <= h, T.tostring(e)\n";
        char *svg = draw(*state, FBN_GRAPH_SVG), command[2048];
        FILE *to;

        snprintf(command, sizeof(command), "python3 -c \"%s\"", script);
        to = popen(command, "w");
        assert_non_null(to);
        fputs(svg, to);
        assert_int_equal(pclose(to), 0);
        fbn_free(svg);
}

static void a_file_with_hosts_alone_is_drawn(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char *text = NULL;

        assert_ok(*state, fbn_fabric_load(*state, "t.json",
                                          "{ \"fabric\": 1, \"name\": \"t\", \"prefixes\": {}, \"hosts\": { \"a\": {} } }", &fabric));
        assert_ok(*state, fbn_fabric_graph(*state, fabric, FBN_GRAPH_SVG, &text));
        fbn_free(text);
        assert_failed(*state, fbn_fabric_graph(*state, fabric, (fbn_graph_format)7, &text), FBN_EINVAL, "graph format 7");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(both_formats_show_all_hosts_and_addresses),
                cmocka_unit_test(what_check_found_is_in_the_picture),
                cmocka_unit_test(the_longest_names_leave_it_well_formed),
                cmocka_unit_test(the_same_file_gives_the_same_picture),
                cmocka_unit_test(the_picture_is_xml_and_nothing_lies_outside),
                cmocka_unit_test(a_file_with_hosts_alone_is_drawn),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
