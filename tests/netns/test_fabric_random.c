/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random pairs of fabrics A and B: B after A is B on a host that had neither, a plan after an apply is empty, and a rollback gives A. Through
 * all of it what others made on the host stays as it is, byte by byte. $FBN_SEED repeats a run. */
#include "unit/test.h"

#include <sys/mman.h>

#include "netns/fabric_host.h"

#define PAIRS 34 /* three applies each, and as many ways back */

static fbn_context *c;
static char *others;
static unsigned applies;

static char *observe_others(void)
{
        return command_output("nft list table ip nat; nft list table ip filter; nft list table inet f2b-table; ip -d route show 198.51.100.0/24; ip rule show pref 5210; ip rule "
                              "show pref 5270; ip -6 rule show pref 5270; ip route show table 52; ip -o -4 address show dev docker0; ip -o -4 address show dev eth0; cat "
                              "/run/others/file; stat -c '%%a %%Y' /run/others/file; cat /proc/sys/net/ipv4/conf/docker0/rp_filter");
}

static int start(void **state)
{
        host_write_keys();
        host_add_others();
        others = observe_others();
        return fbn_context_new(NULL, &c);
}

static int stop(void **state)
{
        free(others);
        fbn_context_unref(c);
        for (int i = 0; i < 6; i++)
                free(host_keys[i]);
        return 0;
}

static unsigned choose(unsigned n) { return (unsigned)random() % n; }

/* One tunnel or two, each with some of the peers, and what can differ about them. */
static void write_tunnel(FILE *to, unsigned which)
{
        static const char *const announced[] = {"", ", \"announces\": [\"lan\"]", ", \"announces\": [\"store\"]", ", \"announces\": [\"lan\", \"store\"]"};
        unsigned announces = which ? 0 : choose(4);

        fprintf(to, "\"t%u\": {\"prefix\": \"w%u\", \"mtu\": %u, \"members\": {\"h\": {\"address\": \"10.%u.0.%u\", \"interface\": \"wg%c\", \"endpoint\": "
                "\"192.0.2.1:%u\", \"public_key\": \"%s\", \"private_key\": {\"file\": \"k%u.key\"}}",
                which, which, 1280 + 20 * choose(4), which + 8, 1 + choose(3), 'a' + which, 51820 + 10 * which + choose(3), host_keys[which], which);
        for (unsigned i = 0; i < 3; i++) {
                char psk[64] = "", endpoint[64] = "";

                if (i && choose(2))
                        continue;
                if (choose(2))
                        snprintf(psk, sizeof(psk), ", \"preshared_key\": {\"file\": \"p%u.psk\"}", choose(6));
                /* Always one: where none is declared, what was learned before is kept. */
                snprintf(endpoint, sizeof(endpoint), ", \"endpoint\": \"192.0.2.%u:51820\"", 50 + choose(9));
                fprintf(to, ", \"%c\": {\"address\": \"10.%u.0.%u\", \"public_key\": \"%s\"%s%s%s}", "xyz"[i], which + 8, 10 + i + 10 * choose(3), host_keys[2 + i], psk,
                        endpoint, i == 0 ? announced[announces] : "");
        }
        fprintf(to, "}}");
}

static char *random_text(void)
{
        unsigned tunnels = choose(4), forwards = choose(4) > 0;
        char *text = NULL;
        size_t length;
        FILE *to = open_memstream(&text, &length);

        fprintf(to, "{\"fabric\": 1, \"name\": \"t\", \"prefixes\": {\"lan\": {\"prefix\": \"192.168.8.0/24\", \"at\": \"x\"}, \"store\": {\"prefix\": \"192.168.20.0/24\", "
                "\"at\": \"x\"}, \"w0\": \"10.8.0.0/24\", \"w1\": \"10.9.0.0/24\"}, \"hosts\": {\"h\": {\"interfaces\": {\"eth0\": {\"wan\": true}}, \"forwarding\": %s, "
                "\"rp_filter\": \"%s\"}, \"x\": {\"forwarding\": true}, \"y\": {}, \"z\": {}}, \"wireguard\": {",
                forwards ? "true" : "false", choose(2) ? "loose" : "off");
        if (tunnels & 1)
                write_tunnel(to, 0);
        fprintf(to, "%s", tunnels == 3 ? ", " : "");
        if (tunnels & 2)
                write_tunnel(to, 1);
        fprintf(to, "}%s}", forwards && tunnels & 1 && choose(2) ? ", \"nat\": {\"h\": [{\"masquerade\": [\"w0\"], \"out\": {\"interface\": \"eth0\"}}]}" : "");
        fclose(to);
        return text;
}

static void apply(const char *text)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_plan) plan = NULL;
        const fbn_fabric_options *options = FBN_OPTIONS(fbn_fabric_options, .host = "h", .ignore_errors = true);
        char *now;

        assert_ok(c, fbn_fabric_load(c, FABRIC_FILE, text, &fabric));
        if (fbn_fabric_apply(c, fabric, options, NULL) < 0)
                fail_msg("%s\n%s", fbn_context_error(c), text);
        applies++;
        if (fbn_fabric_plan(c, fabric, options, &plan) != 0)
                fail_msg("%zu steps are left, the first about %s\n%s", fbn_plan_count(plan), fbn_plan_count(plan) ? fbn_plan_at(plan, 0)->object : "", text);
        now = observe_others();
        host_assert_same(now, others);
        free(now);
}

static void go_back_to(uint64_t generation)
{
        if (fbn_fabric_rollback(c, generation, NULL, NULL) < 0)
                fail_msg("%s", fbn_context_error(c));
}

static void assert_observed(const char *want, const char *a, const char *b)
{
        char *now = host_observe();

        if (!streq(now, want))
                print_message("A: %s\nB: %s\n", a, b);
        host_assert_same(now, want);
        free(now);
}

static uint64_t last_generation(void)
{
        FBN_CLEANUP(fbn_generations) generations = NULL;

        assert_true(fbn_fabric_history(c, NULL, &generations) > 0);
        return fbn_generations_at(generations, 0)->number;
}

static void whatever_was_there_before_it_ends_as_declared(void **state)
{
        static const char none[] = "{\"fabric\": 1, \"name\": \"t\", \"prefixes\": {\"w0\": \"10.8.0.0/24\"}, \"hosts\": {\"h\": {\"interfaces\": {\"eth0\": {\"wan\": true}}}}}";
        const char *given = getenv("FBN_SEED");
        unsigned seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL);

        print_message("FBN_SEED=%u\n", seed);
        srandom(seed);
        for (int i = 0; i < PAIRS; i++) {
                char *a = random_text(), *b = random_text(), *of_a, *of_b;
                uint64_t generation_a;

                apply(none);
                apply(a);
                of_a = host_observe();
                generation_a = last_generation();
                apply(none);
                apply(b); /* on a host that has nothing else */
                of_b = host_observe();
                go_back_to(generation_a);
                assert_observed(of_a, a, b);
                apply(b);
                assert_observed(of_b, a, b);
                if (!streq(of_a, of_b)) {
                        go_back_to(0);
                        assert_observed(of_a, a, b);
                }
                free(a);
                free(b);
                free(of_a);
                free(of_b);
        }
        assert_true(applies >= 100);
        print_message("%u applies\n", applies);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whatever_was_there_before_it_ends_as_declared),
        };

        namespace_sandbox();
        host_set_tables();
        return cmocka_run_group_tests(tests, start, stop);
}
