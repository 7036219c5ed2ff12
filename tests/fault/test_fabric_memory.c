/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "fabric/collect.h"
#include "fabric/desired.h"

#include <fabricnet/fabric.h>
#include <stdio.h>

#include "fault/memory.h"

#define HOMELAB TESTS_DIRECTORY "/../examples/homelab/fabric.json"

static int load(fbn_context *c)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;

        return fbn_fabric_load_file(c, HOMELAB, &fabric);
}

/* A name that is found dangling only when the model is built. */
static int refuse(fbn_context *c)
{
        static const char text[] = "{ \"fabric\": 1, \"name\": \"t\", \"prefixes\": {}, \"hosts\": { \"a\": {} }, \"services\": { "
                                   "\"x.example\": { \"at\": \"a\", \"to\": \"b:1\" } } }";
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        int r = fbn_fabric_load(c, "t.json", text, &fabric);

        return r == -FBN_EINVAL ? 0 : r;
}

static int check(fbn_context *c)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_findings) findings = NULL;
        int r = fbn_fabric_load_file(c, HOMELAB, &fabric);

        return r < 0 ? r : fbn_fabric_check(c, fabric, &findings);
}

static int graph(fbn_context *c)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char *svg = NULL, *dot = NULL;
        int r = fbn_fabric_load_file(c, HOMELAB, &fabric);

        if (r == 0)
                r = fbn_fabric_graph(c, fabric, FBN_GRAPH_SVG, &svg);
        if (r == 0)
                r = fbn_fabric_graph(c, fabric, FBN_GRAPH_DOT, &dot);
        fbn_free(svg);
        fbn_free(dot);
        return r;
}

static int derive(fbn_context *c)
{
        _cleanup_(desired_freep) struct desired *vps = NULL;
        _cleanup_(desired_freep) struct desired *phone = NULL;
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        int r = fbn_fabric_load_file(c, HOMELAB, &fabric);

        if (r == 0)
                r = desired_new(c, fabric, fabric_host(fabric, "vps"), &vps);
        return r < 0 ? r : desired_new(c, fabric, fabric_host(fabric, "phone"), &phone);
}

static int translate(fbn_context *c, const fbn_fabric *fabric, const char *answer)
{
        _cleanup_(text_free) struct text text = {0};
        char bytes[512];

        snprintf(bytes, sizeof(bytes), "%s", answer);
        return collect_translate(c, fabric, "pfsense", bytes, strlen(bytes), &text);
}

static int monitor(fbn_context *c)
{
        static const char key[] = "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQ=";
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char *scrape = NULL, *alerts = NULL, shown[256];
        int r = fbn_fabric_load_file(c, HOMELAB, &fabric);

        snprintf(shown, sizeof(shown), "wg0\t%s\t1\t2\nwg0\t%s\t10.0.0.0/8 fd00::/8\n", key, key);
        if (r == 0)
                r = fbn_fabric_render(c, fabric, "vps", "prometheus", NULL, &scrape);
        if (r == 0)
                r = fbn_fabric_render(c, fabric, "vps", "alerts", NULL, &alerts);
        fbn_free(scrape);
        fbn_free(alerts);
        if (r == 0)
                r = translate(c, fabric, "# HELP\na{host=\"pfsense\"} 1\n# EOF\n");
        return r < 0 ? r : translate(c, fabric, shown);
}

/* There and back by name, through the mesh with its policy, and out of a tunnel with translation. */
static int explain(fbn_context *c)
{
        static const char *const trips[][2] = {{"laptop", "nas.local.akunito.com:8080/tcp"}, {"phone", "203.0.113.9"}, {"tv", "172.26.5.155"}};
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        int r = fbn_fabric_load_file(c, HOMELAB, &fabric);

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(trips); i++) {
                fbn_fabric_path *path = NULL;

                r = fbn_fabric_explain(c, fabric, trips[i][0], trips[i][1], &path);
                fbn_fabric_path_unref(path);
        }
        return r;
}

static int render(fbn_context *c)
{
        static const char *const formats[] = {"wg-quick", "netdev", "network", "headscale", "nixos"};
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        int r = fbn_fabric_load_file(c, HOMELAB, &fabric);

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(formats); i++) {
                char *text = NULL;

                r = fbn_fabric_render(c, fabric, "vps", formats[i], NULL, &text);
                fbn_free(text);
        }
        return r;
}

static int import(fbn_context *c)
{
        const char *files[] = {"/tmp/fabricnet-import/wg0.conf"};
        char *text = NULL;
        int r = fbn_fabric_import(c, FBN_OPTIONS(fbn_fabric_import_options, .host = "hub", .folder = "/tmp/fabricnet-import", .files = files, .n_files = 1), &text);

        fbn_free(text);
        return r;
}

static int import_start(void **state)
{
        return system("umask 077; mkdir -p /tmp/fabricnet-import && cd /tmp/fabricnet-import && printf '[Interface]\nPrivateKey = "
                      "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nListenPort = 51820\nAddress = 10.9.0.1/24\nPostUp = true\n\n[Peer]\nPublicKey = "
                      "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\nAllowedIPs = 10.9.0.2/32, 192.168.8.0/24\nEndpoint = 192.0.2.7:51820\n' > wg0.conf");
}

static int import_stop(void **state)
{
        return system("rm -r /tmp/fabricnet-import");
}

SCENARIO(monitor)
SCENARIO(explain)
SCENARIO(render)
SCENARIO(import)
SCENARIO(load)
SCENARIO(refuse)
SCENARIO(check)
SCENARIO(graph)
SCENARIO(derive)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(load_survive),  cmocka_unit_test(refuse_survive), cmocka_unit_test(check_survive),
                cmocka_unit_test(graph_survive), cmocka_unit_test(derive_survive),
                cmocka_unit_test(explain_survive), cmocka_unit_test(render_survive), cmocka_unit_test(monitor_survive),
                cmocka_unit_test_setup_teardown(import_survive, import_start, import_stop),
        };

        memory_tables();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
