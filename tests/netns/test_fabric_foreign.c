/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan says what in other people's tables can drop what the host has to forward. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/fabric.h>

static const char text[] = "{\"fabric\": 1, \"name\": \"n\", \"prefixes\": {\"lan\": \"192.168.8.0/24\"}, \"hosts\": {\"a\": {\"forwarding\": %s}}}";

struct told {
        char words[1024];
};

static void tell(void *data, const char *step)
{
        struct told *told = data;

        snprintf(told->words + strlen(told->words), sizeof(told->words) - strlen(told->words), "%s\n", step);
}

/* What the plan finds, as text. */
static void plan(fbn_context *c, const char *forwarding, struct told *told)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_plan) plan = NULL;
        char file[256];

        *told = (struct told){0};
        snprintf(file, sizeof(file), text, forwarding);
        assert_ok(c, fbn_fabric_load(c, "test.json", file, &fabric));
        assert_ok(c, fbn_fabric_plan(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "a", .local_only = true, .management = "192.0.2.7"), &plan));
        for (size_t i = 0; i < fbn_findings_count(fbn_plan_findings(plan)); i++) {
                const fbn_finding *finding = fbn_findings_at(fbn_plan_findings(plan), i);

                assert_true(finding->line > 0 && finding->severity == FBN_SEVERITY_WARNING);
                tell(told, finding->code);
                tell(told, finding->what);
        }
}

static void a_plan_warns_of_foreign_chains_only_where_something_is_forwarded(void **state)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        struct told told;

        namespace_new("host");
        c = namespace_context("host");
        plan(c, "true", &told);
        assert_null(strstr(told.words, "foreign"));
        command("ip netns exec host nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; };"
                "add rule ip filter FORWARD tcp dport 1 drop'");
        plan(c, "true", &told);
        assert_non_null(strstr(told.words, "foreign forward policy: drops what this host forwards"));
        assert_non_null(strstr(told.words, "table ip filter, chain FORWARD"));
        assert_null(strstr(told.words, "forward rules"));
        plan(c, "false", &told);
        assert_null(strstr(told.words, "foreign"));
}

static void a_plan_names_what_has_addresses_of_others_or_looks_into_foreign_tables(void **state)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        struct told told;

        namespace_new("live");
        c = namespace_context("live");
        command("ip -n live link add docker0 type bridge; ip -n live address add 192.168.8.1/24 dev docker0;"
                "ip -n live rule add to 192.0.2.0/24 lookup 52 priority 100");
        plan(c, "true", &told);
        assert_non_null(strstr(told.words, "live-overlap"));
        assert_non_null(strstr(told.words, "192.168.8.1/24 of docker0 lies in 'lan'"));
        assert_null(strstr(told.words, "tailscale-clash")); /* it is no node */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_plan_warns_of_foreign_chains_only_where_something_is_forwarded),
                cmocka_unit_test(a_plan_names_what_has_addresses_of_others_or_looks_into_foreign_tables),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
