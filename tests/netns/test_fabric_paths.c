/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What worked before an apply has to work after it, else all is put back: an expectation of the file, a peer that answers. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/fabric.h>
#include <fabricnet/wireguard.h>

static char *keys[3]; /* public, of a, b and of nobody */
static char told[4096];

/* Host a with a tunnel to b, who has a server at 192.0.2.200, on a's own wire. "taken": that address is declared to be behind c, whom nobody knows. */
static fbn_fabric *fabric_of(fbn_context *c, const char *key_of_b, bool taken, unsigned mtu)
{
        fbn_fabric *fabric = NULL;
        char text[4096];

        snprintf(text, sizeof(text),
                 "{\"fabric\": 1, \"name\": \"t\", \"prefixes\": {\"wg\": \"10.9.0.0/24\"%s}, \"hosts\": {\"a\": {\"interfaces\": {\"va\": {\"wan\": true}}}, \"b\": "
                 "{\"forwarding\": true}, \"c\": {\"forwarding\": true}}, \"wireguard\": {\"s\": {\"prefix\": \"wg\", \"mtu\": %u, \"members\": {"
                 "\"a\": {\"address\": \"10.9.0.1\", \"interface\": \"wg-a\", \"endpoint\": \"192.0.2.1:51820\", \"public_key\": \"%s\", \"private_key\": {\"file\": \"a.key\"}}, "
                 "\"b\": {\"address\": \"10.9.0.2\", \"interface\": \"wg-b\", \"endpoint\": \"192.0.2.2:51820\", \"public_key\": \"%s\", \"private_key\": {\"file\": \"b.key\"}}%s%s%s}}}, "
                 "\"expect\": [{\"from\": \"a\", \"to\": \"192.0.2.200:7777/tcp\", \"is\": \"delivered\"}, {\"from\": \"a\", \"to\": \"192.0.2.200:7778/tcp\", \"is\": \"delivered\"}]}",
                 taken ? ", \"server\": {\"prefix\": \"192.0.2.200/32\", \"at\": \"c\"}" : "", mtu, keys[0], key_of_b, taken ? ", \"c\": {\"address\": \"10.9.0.3\", \"announces\": [\"server\"], \"public_key\": \"" : "",
                 taken ? keys[2] : "", taken ? "\"}" : "");
        assert_ok(c, fbn_fabric_load(c, "/run/fabric/fabric.json", text, &fabric));
        return fabric;
}

static void tell(void *data, const char *step)
{
        snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s\n", step);
}

static int apply_as(fbn_context *c, const char *host, const fbn_fabric *fabric, bool unverified)
{
        *told = 0;
        return fbn_fabric_apply(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = host, .ignore_errors = true, .unverified = unverified, .progress = tell), NULL);
}

static int setup(void **state)
{
        FBN_CLEANUP(fbn_context) a = NULL;
        FBN_CLEANUP(fbn_context) b = NULL;
        FBN_CLEANUP(fbn_fabric) fabric = NULL;

        command("mkdir -p -m 700 /run/wireguard && mkdir -p /run/fabric && cd /run/fabric && umask 077 && for i in a b c; do wg genkey > $i.key; done");
        for (int i = 0; i < 3; i++)
                keys[i] = command_output("wg pubkey < /run/fabric/%c.key | tr -d '\\n'", "abc"[i]);
        namespace_new("a");
        namespace_new("b");
        namespace_join("a", "va", "192.0.2.1/24", "b", "vb", "192.0.2.2/24");
        command("ip -n b address add 192.0.2.200/24 dev vb");
        command("ip netns exec b python3 -c 'import socket, time; s = socket.create_server((\"192.0.2.200\", 7777)); time.sleep(200)' > /dev/null 2>&1 &");
        a = namespace_context("a");
        b = namespace_context("b");
        fabric = fabric_of(a, keys[1], false, 1280);
        if (apply_as(a, "a", fabric, false) <= 0)
                fail_msg("%s", fbn_context_error(a));
        if (apply_as(b, "b", fabric, false) <= 0)
                fail_msg("%s", fbn_context_error(b));
        command_until("ip netns exec a ping -qc 1 -W 1 10.9.0.2 > /dev/null");
        command_until("ip netns exec a timeout 2 bash -c 'true < /dev/tcp/192.0.2.200/7777' 2> /dev/null");
        return 0;
}

static int stop(void **state)
{
        for (int i = 0; i < 3; i++)
                free(keys[i]);
        return 0;
}

static void assert_as_before(fbn_context *c)
{
        FBN_CLEANUP(fbn_fabric) fabric = fabric_of(c, keys[1], false, 1280);
        FBN_CLEANUP(fbn_plan) plan = NULL;

        assert_int_equal(fbn_fabric_plan(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "a", .ignore_errors = true), &plan), 0);
        command_until("ip netns exec a ping -qc 1 -W 1 10.9.0.2 > /dev/null");
}

static void what_still_works_is_kept(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("a");
        FBN_CLEANUP(fbn_fabric) other = fabric_of(c, keys[1], false, 1300);
        FBN_CLEANUP(fbn_fabric) first = fabric_of(c, keys[1], false, 1280);

        assert_int_equal(apply_as(c, "a", other, false), 1); /* the port 7778 was never open: nobody asks for it */
        assert_non_null(strstr(told, "trying 192.0.2.200:7778/tcp\n"));
        assert_non_null(strstr(told, "verifying 192.0.2.200:7777/tcp\n"));
        assert_non_null(strstr(told, "verifying b\n"));
        assert_null(strstr(told, "verifying 192.0.2.200:7778"));
        assert_int_equal(apply_as(c, "a", first, false), 1);
        assert_int_equal(apply_as(c, "a", first, false), 0);
        assert_string_equal(told, ""); /* where nothing changes nothing is tried */
}

static void a_peer_that_no_longer_answers_undoes_it(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("a");
        FBN_CLEANUP(fbn_fabric) wrong = fabric_of(c, keys[2], false, 1280);

        assert_failed(c, apply_as(c, "a", wrong, false), FBN_EUNDONE, "/wireguard/s/members/b: 'b' answered before and does not now: ");
        assert_non_null(strstr(fbn_context_error(c), "; all is put back as it was before generation "));
        assert_as_before(c);
}

static void an_expectation_that_no_longer_holds_undoes_it(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("a");
        FBN_CLEANUP(fbn_fabric) taken = fabric_of(c, keys[1], true, 1280);

        assert_failed(c, apply_as(c, "a", taken, false), FBN_EUNDONE, "/expect/0: '192.0.2.200:7777/tcp' was delivered before and is not now: ");
        assert_as_before(c);
}

static void unverified_it_stays(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("a");
        FBN_CLEANUP(fbn_fabric) taken = fabric_of(c, keys[1], true, 1280);

        assert_true(apply_as(c, "a", taken, true) > 0);
        assert_null(strstr(told, "trying"));
        command("! ip netns exec a timeout 2 bash -c 'true < /dev/tcp/192.0.2.200/7777' 2> /dev/null");
        assert_true(fbn_fabric_rollback(c, 0, NULL, NULL) > 0);
        assert_as_before(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_still_works_is_kept),
                cmocka_unit_test(a_peer_that_no_longer_answers_undoes_it),
                cmocka_unit_test(an_expectation_that_no_longer_holds_undoes_it),
                cmocka_unit_test(unverified_it_stays),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, setup, stop);
}
