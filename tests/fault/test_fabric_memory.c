/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "fabric/desired.h"

#include <fabricnet/fabric.h>

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
        };

        memory_tables();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
