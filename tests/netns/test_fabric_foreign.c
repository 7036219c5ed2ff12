/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan says what in other people's tables can drop what the host has to forward. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/fabric.h>

static const char text[] = "{\"fabric\": 1, \"name\": \"n\", \"prefixes\": {}, \"hosts\": {\"a\": {\"forwarding\": %s}}}";

struct told {
        char words[1024];
};

static void tell(void *data, const char *step)
{
        struct told *told = data;

        snprintf(told->words + strlen(told->words), sizeof(told->words) - strlen(told->words), "%s\n", step);
}

static void plan(fbn_context *c, const char *forwarding, struct told *told)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_plan) plan = NULL;
        char file[256];

        *told = (struct told){0};
        snprintf(file, sizeof(file), text, forwarding);
        assert_ok(c, fbn_fabric_load(c, "test.json", file, &fabric));
        assert_ok(c, fbn_fabric_plan(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "a", .local_only = true, .progress = tell, .progress_data = told),
                                     &plan));
}

static void a_plan_warns_of_foreign_chains_only_where_something_is_forwarded(void **state)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        struct told told;

        namespace_new("host");
        c = namespace_context("host");
        plan(c, "true", &told);
        assert_null(strstr(told.words, "warning"));
        command("ip netns exec host nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; };"
                "add rule ip filter FORWARD tcp dport 1 drop'");
        plan(c, "true", &told);
        assert_non_null(strstr(told.words, "warning: nat: foreign forward policy: drops what this host forwards"));
        assert_non_null(strstr(told.words, "table ip filter, chain FORWARD"));
        assert_null(strstr(told.words, "forward rules"));
        plan(c, "false", &told);
        assert_null(strstr(told.words, "warning"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_plan_warns_of_foreign_chains_only_where_something_is_forwarded),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
