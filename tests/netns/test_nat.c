/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our table on the real kernel, seen by nft and in the company of others. */
#include "unit/test.h"

#include "netns/namespace.h"

#include "nat/nat.h"

#include <fabricnet/nat.h>
#include <fabricnet/types.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

static unsigned transactions; /* sent since last reset */

static ssize_t counting_sendmsg(int fd, const struct msghdr *message, int flags)
{
        const struct nlmsghdr *first = message->msg_iov->iov_base;

        transactions += first->nlmsg_type == NFNL_MSG_BATCH_BEGIN;
        return sendmsg(fd, message, flags);
}

static fbn_prefix prefix_of(const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return prefix;
}

#define RULE(...) {.size = sizeof(fbn_nat_rule), __VA_ARGS__}

static fbn_nat *wanted(fbn_context *c, const fbn_nat_rule *rules, size_t count)
{
        fbn_nat *want;

        assert_ok(c, fbn_nat_new(c, &want));
        for (size_t i = 0; i < count; i++)
                assert_ok(c, fbn_nat_add(c, want, &rules[i]));
        return want;
}

/* Apply these rules and show what was done as text: "+object", "-object", "~object field". */
static const char *apply(fbn_context *c, const fbn_nat_rule *rules, size_t count)
{
        static const char *const signs[] = {[FBN_CHANGE_CREATE] = "+", [FBN_CHANGE_UPDATE] = "~", [FBN_CHANGE_DELETE] = "-"};
        FBN_CLEANUP(fbn_nat) want = wanted(c, rules, count);
        FBN_CLEANUP(fbn_changes) changes = NULL;
        static char words[1024];
        int r;

        r = fbn_nat_apply(c, want, NULL, &changes);
        assert_ok(c, r);
        assert_int_equal(r, fbn_changes_count(changes));
        *words = 0;
        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);

                snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s%s%s%s", i ? "; " : "", signs[change->kind], change->object,
                         change->field ? " " : "", change->field ? change->field : "");
        }
        return words;
}

#define APPLY(...)                                                          \
        ({                                                                  \
                const fbn_nat_rule rules_[] = {__VA_ARGS__};                \
                apply(c, rules_, ARRAY_SIZE(rules_));                       \
        })

static const char *nft(const char *arguments)
{
        static char words[16384];
        char *output = command_output("ip netns exec host nft %s", arguments);

        snprintf(words, sizeof(words), "%s", output);
        free(output);
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

static void nft_shows_what_was_asked_for(void **state)
{
        fbn_prefix sources[] = {prefix_of("192.168.8.0/22"), prefix_of("2001:db8::/65")}, all[] = {prefix_of("0.0.0.0/0")}, one = prefix_of("10.9.8.7/32");
        fbn_context *c = *state;

        APPLY(RULE(.kind = FBN_NAT_MASQUERADE, .name = "out", .sources = sources, .n_sources = 2, .out_device = "eth0"),
              RULE(.kind = FBN_NAT_ACCEPT, .name = "back", .states = "established,related"),
              RULE(.kind = FBN_NAT_ACCEPT, .name = "web", .sources = all, .n_sources = 1, .destinations = &one, .n_destinations = 1, .protocol = "tcp",
                   .source_port = 1024, .destination_port = 443, .in_device = "lan0"),
              RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "path", .out_device = "wg0"), RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "number", .mss = 1220),
              RULE(.kind = FBN_NAT_DROP, .name = "ping", .protocol = "icmp"),
              RULE(.kind = FBN_NAT_KEEP_OUT, .name = "mesh", .out_device = "wg0", .mark = 0x80000, .mark_mask = 0xff0000));
        assert_string_equal(nft("-s list table inet fabricnet"),
                            "table inet fabricnet {\n"
                            "\tcomment \"made by libfabricnet; changes by hand are undone\"\n"
                            "\tchain postrouting {\n"
                            "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
                            "\t\toifname \"eth0\" ip saddr 192.168.8.0/22 counter masquerade comment \"out\"\n"
                            "\t\toifname \"eth0\" ip6 saddr 2001:db8::/65 counter masquerade comment \"out\"\n"
                            "\t}\n"
                            "\n"
                            "\tchain forward {\n"
                            "\t\ttype filter hook forward priority filter; policy accept;\n"
                            "\t\tct state established,related counter accept comment \"back\"\n"
                            "\t\tiifname \"lan0\" ip daddr 10.9.8.7 tcp sport 1024 tcp dport 443 counter accept comment \"web\"\n"
                            "\t\tmeta l4proto icmp counter drop comment \"ping\"\n"
                            "\t\toifname \"wg0\" meta mark & 0x00ff0000 == 0x00080000 counter drop comment \"mesh\"\n"
                            "\t}\n"
                            "\n"
                            "\tchain output {\n"
                            "\t\ttype filter hook output priority filter; policy accept;\n"
                            "\t\toifname \"wg0\" meta mark & 0x00ff0000 == 0x00080000 counter drop comment \"mesh\"\n"
                            "\t}\n"
                            "\n"
                            "\tchain forward-mss {\n"
                            "\t\ttype filter hook forward priority mangle; policy accept;\n"
                            "\t\toifname \"wg0\" tcp flags syn / syn,rst counter tcp option maxseg size set rt mtu comment \"path\"\n"
                            "\t\ttcp flags syn / syn,rst counter tcp option maxseg size set 1220 comment \"number\"\n"
                            "\t}\n"
                            "}\n");
        command("ip netns exec host nft -j list table inet fabricnet | jq -e '[.nftables[].rule | select(.comment == \"path\").expr[] | "
                "select(.mangle)] == [{mangle: {key: {\"tcp option\": {name: \"maxseg\", field: \"size\"}}, value: {rt: {key: \"mtu\"}}}}]' >/dev/null");
}

static void what_was_applied_is_read_back_whole(void **state)
{
        fbn_prefix sources[] = {prefix_of("10.0.0.0/8"), prefix_of("192.168.8.0/24"), prefix_of("fd00::/8")};
        fbn_prefix destinations[] = {prefix_of("10.7.0.0/16"), prefix_of("2001:db8::/32")};
        FBN_CLEANUP(fbn_nat) read = NULL;
        const fbn_nat_rule *rule;
        fbn_context *c = *state;

        APPLY(RULE(.kind = FBN_NAT_KEEP_OUT, .name = "k", .sources = sources, .n_sources = 3, .destinations = destinations, .n_destinations = 2,
                   .out_device = "wg0", .protocol = "udp", .source_port = 1, .destination_port = 65535, .mark = 2, .mark_mask = 6),
              RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "c", .mss = 1220, .in_device = "wg0"));
        assert_ok(c, fbn_nat_get(c, &read));
        assert_int_equal(fbn_nat_count(read), 2);
        rule = fbn_nat_at(read, 0);
        assert_int_equal(rule->kind, FBN_NAT_KEEP_OUT);
        assert_string_equal(rule->name, "k");
        assert_int_equal(rule->n_sources, 3);
        assert_memory_equal(rule->sources, sources, sizeof(sources));
        assert_int_equal(rule->n_destinations, 2);
        assert_memory_equal(rule->destinations, destinations, sizeof(destinations));
        assert_string_equal(rule->out_device, "wg0");
        assert_null(rule->in_device);
        assert_string_equal(rule->protocol, "udp");
        assert_int_equal(rule->source_port, 1);
        assert_int_equal(rule->destination_port, 65535);
        assert_int_equal(rule->mark, 2);
        assert_int_equal(rule->mark_mask, 6);
        assert_int_equal(fbn_nat_at(read, 1)->mss, 1220);
        assert_string_equal(fbn_nat_at(read, 1)->in_device, "wg0");
        transactions = 0; /* what was read can be wanted */
        assert_int_equal(fbn_nat_apply(c, read, NULL, NULL), 0);
        assert_int_equal(transactions, 0);
}

#define MASQUERADE RULE(.kind = FBN_NAT_MASQUERADE, .name = "m", .out_device = "eth0")
#define DROP RULE(.kind = FBN_NAT_DROP, .name = "d", .out_device = "eth0")
#define KEEP_OUT RULE(.kind = FBN_NAT_KEEP_OUT, .name = "k", .out_device = "eth0")
#define CLAMP RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "c")

static void a_second_apply_sends_nothing(void **state)
{
        fbn_context *c = *state;

        transactions = 0;
        assert_string_equal(APPLY(MASQUERADE, DROP, KEEP_OUT, CLAMP), "+nat rule 'm'; +nat rule 'd'; +nat rule 'k'; +nat rule 'c'");
        assert_int_equal(transactions, 1);
        assert_string_equal(APPLY(MASQUERADE, DROP, KEEP_OUT, CLAMP), "");
        assert_int_equal(transactions, 1);
}

static void chains_and_the_table_are_there_only_while_needed(void **state)
{
        FBN_CLEANUP(fbn_nat) read = NULL;
        fbn_context *c = *state;

        assert_string_equal(apply(c, NULL, 0), "");
        assert_failed(c, fbn_nat_get(c, &read), FBN_ENOENT, "no table inet fabricnet");
        APPLY(KEEP_OUT, MASQUERADE);
        assert_string_equal(APPLY(DROP), "+nat rule 'd'; -nat rule 'm'; -nat rule 'k'");
        assert_non_null(strstr(nft("list chains"), "chain forward"));
        assert_null(strstr(nft("list chains"), "chain output"));
        assert_null(strstr(nft("list chains"), "chain postrouting"));
        assert_string_equal(APPLY(MASQUERADE), "+nat rule 'm'; -nat rule 'd'");
        assert_null(strstr(nft("list chains"), "chain forward"));
        assert_string_equal(apply(c, NULL, 0), "-nat rule 'm'");
        assert_string_equal(nft("list ruleset"), "");
        assert_null(read);
}

static void dry_run_tells_and_changes_nothing(void **state)
{
        const fbn_nat_rule rules[] = {MASQUERADE, DROP};
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) want = wanted(c, rules, 2);
        FBN_CLEANUP(fbn_changes) changes = NULL;

        transactions = 0;
        assert_int_equal(fbn_nat_apply(c, want, FBN_OPTIONS(fbn_nat_apply_options, .dry_run = true), &changes), 2);
        assert_string_equal(fbn_changes_at(changes, 0)->after, "masquerade out eth0");
        assert_int_equal(transactions, 0);
        assert_string_equal(nft("list ruleset"), "");
}

/* The first rule of that comment, as nft numbers it. */
static unsigned handle_of(const char *chain, const char *name)
{
        char *output = command_output("ip netns exec host nft -a list chain inet fabricnet %s | sed -n 's/.*comment \"%s\" # handle //p'", chain, name);
        unsigned handle = (unsigned)atoi(output);

        free(output);
        return handle;
}

/* Numbers of handles vary. */
static void hide_handles(char *words)
{
        for (char *at = words; (at = strstr(at, "handle "));) {
                at += strlen("handle ");
                memmove(at, at + strspn(at, "0123456789"), strlen(at) - strspn(at, "0123456789") + 1);
        }
}

/* Whatever the order in which chains were made. */
static const char *listing(void)
{
        return nft("-s list ruleset | sort; ip netns exec host nft -s list chain inet fabricnet forward 2>/dev/null || true");
}

static void what_is_edited_by_hand_is_named_and_undone(void **state)
{
        static const struct {
                const char *edit, *changes;
        } cases[] = {
                {"flush ruleset", "+nat rule 'm'; +nat rule 'd'; +nat rule 'k'; +nat rule 'c'"},
                {"delete table inet fabricnet", "+nat rule 'm'; +nat rule 'd'; +nat rule 'k'; +nat rule 'c'"},
                {"flush chain inet fabricnet forward", "+nat rule 'd'; ~nat rule 'k' rule"},
                {"flush chain inet fabricnet forward-mss", "+nat rule 'c'"},
                {"flush chain inet fabricnet output; delete chain inet fabricnet output", "~nat rule 'k' rule"},
                {"delete rule inet fabricnet forward handle %u", "+nat rule 'd'"},
                {"replace rule inet fabricnet forward handle %u accept", "+nat rule 'd'; -nat chain 'forward': rule with handle "},
                {"insert rule inet fabricnet forward drop comment \"d\"", "-nat chain 'forward': rule with handle "},
                {"add rule inet fabricnet output ip daddr 1.2.3.4 drop", "-nat chain 'output': rule with handle "},
                {"add chain inet fabricnet more", "~nat table 'fabricnet' chains"},
                {"add chain inet fabricnet forward { policy drop; }", "~nat table 'fabricnet' chains"},
                {"add table inet fabricnet { flags dormant; }", "~nat table 'fabricnet' chains"},
        };
        fbn_context *c = *state;
        char before[16384];

        APPLY(MASQUERADE, DROP, KEEP_OUT, CLAMP);
        snprintf(before, sizeof(before), "%s", listing());
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char edit[256], changes[1024];

                snprintf(edit, sizeof(edit), cases[i].edit, handle_of("forward", "d"));
                command("ip netns exec host nft '%s'", edit);
                assert_string_not_equal(listing(), before);
                snprintf(changes, sizeof(changes), "%s", APPLY(MASQUERADE, DROP, KEEP_OUT, CLAMP));
                hide_handles(changes);
                assert_string_equal(changes, cases[i].changes);
                assert_string_equal(listing(), before);
                assert_string_equal(APPLY(MASQUERADE, DROP, KEEP_OUT, CLAMP), "");
        }
}

static void get_tells_the_records_even_of_rules_beside_foreign_ones(void **state)
{
        FBN_CLEANUP(fbn_nat) read = NULL;
        fbn_context *c = *state;

        APPLY(MASQUERADE, DROP);
        command("ip netns exec host nft insert rule inet fabricnet forward accept");
        assert_ok(c, fbn_nat_get(c, &read));
        assert_int_equal(fbn_nat_count(read), 2);
        assert_string_equal(fbn_nat_at(read, 0)->name, "m");
        assert_string_equal(fbn_nat_at(read, 1)->name, "d");
}

/* Rules that stand in two chains must not overtake others of either. */
static void what_stands_in_several_chains_is_read_in_an_order_that_fits_all(void **state)
{
        const fbn_prefix server = prefix_of("10.0.0.5/32");
        FBN_CLEANUP(fbn_nat) read = NULL;
        fbn_context *c = *state;
        char before[16384], names[64] = "";

        APPLY(MASQUERADE, RULE(.kind = FBN_NAT_REDIRECT, .name = "r", .protocol = "tcp", .destination_port = 80, .to_port = 8080),
              RULE(.kind = FBN_NAT_DNAT, .name = "h1", .local = true, .protocol = "tcp", .destination_port = 81, .to = server.address, .hairpin = 24),
              RULE(.kind = FBN_NAT_DNAT, .name = "d2", .protocol = "tcp", .destination_port = 82, .to = server.address),
              RULE(.kind = FBN_NAT_DNAT, .name = "h3", .local = true, .protocol = "tcp", .destination_port = 83, .to = server.address, .hairpin = 24),
              RULE(.kind = FBN_NAT_ACCEPT, .name = "o", .at = FBN_NAT_OUTPUT, .mark = 9), KEEP_OUT, DROP);
        snprintf(before, sizeof(before), "%s", nft("-a list ruleset"));
        assert_ok(c, fbn_nat_get(c, &read));
        for (size_t i = 0; i < fbn_nat_count(read); i++)
                snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ", fbn_nat_at(read, i)->name);
        assert_string_equal(names, "m o k r h1 d2 h3 d ");
        assert_int_equal(fbn_nat_apply(c, read, NULL, NULL), 0);
        assert_string_equal(nft("-a list ruleset"), before);
        command("ip netns exec host nft 'flush chain inet fabricnet output'"); /* "k" stands in one of its chains, "o" in none */
        read = fbn_nat_unref(read);
        assert_ok(c, fbn_nat_get(c, &read));
        assert_int_equal(fbn_nat_count(read), 7);
}

static void chains_that_contradict_one_another_are_read_all_the_same(void **state)
{
        FBN_CLEANUP(fbn_nat) read = NULL;
        fbn_context *c = *state;
        unsigned handle;

        APPLY(KEEP_OUT, RULE(.kind = FBN_NAT_KEEP_OUT, .name = "l", .out_device = "eth1"));
        handle = handle_of("output", "k");
        command("ip netns exec host nft -j -a list table inet fabricnet | jq -c '{nftables: [.nftables[] | select(.rule.handle == %u) | {add: .}]} "
                "| del(.nftables[].add.rule.handle)' >/run/again; ip netns exec host nft delete rule inet fabricnet output handle %u", handle, handle);
        command("sed -i s/eth0/eth0/ /run/again; ip netns exec host nft -j -f /run/again");
        assert_ok(c, fbn_nat_get(c, &read));
        assert_int_equal(fbn_nat_count(read), 2);
        assert_string_not_equal(APPLY(KEEP_OUT, RULE(.kind = FBN_NAT_KEEP_OUT, .name = "l", .out_device = "eth1")), "");
        assert_string_equal(APPLY(KEEP_OUT, RULE(.kind = FBN_NAT_KEEP_OUT, .name = "l", .out_device = "eth1")), "");
}

static void what_was_made_from_an_old_generation_is_refused(void **state)
{
        const fbn_nat_rule one[] = {MASQUERADE}, two[] = {MASQUERADE, DROP};
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) first = wanted(c, one, 1);
        FBN_CLEANUP(fbn_nat) second = wanted(c, two, 2);
        uint32_t generation = 0, later = 0;

        assert_ok(c, fbn_nat_generation(c, &generation));
        assert_int_equal(fbn_nat_apply(c, first, FBN_OPTIONS(fbn_nat_apply_options, .generation = generation), NULL), 1);
        transactions = 0;
        assert_failed(c, fbn_nat_apply(c, second, FBN_OPTIONS(fbn_nat_apply_options, .generation = generation), NULL), FBN_ESTALE,
                      "nat: somebody else changed the ruleset since its generation");
        assert_int_equal(transactions, 0);
        assert_ok(c, fbn_nat_generation(c, &later));
        assert_int_not_equal(later, generation);
        assert_int_equal(fbn_nat_apply(c, second, FBN_OPTIONS(fbn_nat_apply_options, .generation = later), NULL), 1);
}

static void a_table_of_somebody_else_is_left_alone(void **state)
{
        const fbn_nat_rule rules[] = {MASQUERADE};
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) want = wanted(c, rules, 1);
        FBN_CLEANUP(fbn_nat) read = NULL;
        char before[4096];

        command("ip netns exec host nft 'add table inet fabricnet { comment \"libfabricnet\"; }; add chain inet fabricnet forward'");
        snprintf(before, sizeof(before), "%s", nft("-a list ruleset"));
        assert_failed(c, fbn_nat_apply(c, want, NULL, NULL), FBN_ECONFLICT, "nat: table inet fabricnet is not ours");
        assert_failed(c, fbn_nat_get(c, &read), FBN_ENOENT, "of ours");
        assert_string_equal(apply(c, NULL, 0), "");
        assert_string_equal(nft("-a list ruleset"), before);
        command("ip netns exec host nft 'delete table inet fabricnet; add table ip fabricnet'"); /* another family is another table */
        assert_string_equal(APPLY(MASQUERADE), "+nat rule 'm'");
        assert_string_equal(apply(c, NULL, 0), "-nat rule 'm'");
        assert_string_equal(nft("list ruleset"), "table ip fabricnet {\n}\n");
}

/* What Docker, UFW (through iptables-nft), tailscaled and the NixOS firewall put beside us. */
static const char neighbours[] =
        "table ip nat {\n"
        " chain DOCKER { iifname \"docker0\" counter return; }\n"
        " chain POSTROUTING { type nat hook postrouting priority srcnat; policy accept; oifname != \"docker0\" ip saddr 172.17.0.0/16 counter masquerade; }\n"
        " chain PREROUTING { type nat hook prerouting priority dstnat; policy accept; fib daddr type local counter jump DOCKER; }\n"
        "}\n"
        "table ip filter {\n"
        " chain DOCKER-USER { counter return; }\n"
        " chain ufw-user-forward { counter; }\n"
        " chain ts-forward { iifname \"tailscale0\" counter meta mark set mark and 0xff00ffff xor 0x40000; }\n"
        " chain FORWARD { type filter hook forward priority filter; policy drop; counter jump DOCKER-USER; counter jump ufw-user-forward; counter jump ts-forward; }\n"
        "}\n"
        "table inet nixos-fw {\n"
        " chain rpfilter { type filter hook prerouting priority mangle + 10; policy drop; fib saddr . mark . iif oif exists accept; }\n"
        " set temp-ports { type inet_proto . inet_service; flags interval; elements = { tcp . 80-90 }; }\n"
        "}\n"
        "table inet fabricnet2 {\n"
        " chain forward { type filter hook forward priority 0; counter drop comment \"d\"; }\n"
        "}\n";

static char *others(void)
{
        return command_output("ip netns exec host nft -j list ruleset | "
                              "jq -S '[.nftables[] | select((.table.name? // .chain.table? // .rule.table? // .set.table?) != \"fabricnet\")]'");
}

static void tables_of_others_stay_as_they_are(void **state)
{
        fbn_context *c = *state;
        char *before, *after;

        command("ip netns exec host nft -f - <<'END'\n%s\nEND", neighbours);
        before = others();
        assert_true(strlen(before) > 2000);
        APPLY(MASQUERADE, DROP, KEEP_OUT, CLAMP);
        APPLY(DROP, MASQUERADE);
        command("ip netns exec host nft add chain inet fabricnet more");
        APPLY(KEEP_OUT);
        apply(c, NULL, 0);
        APPLY(MASQUERADE, CLAMP);
        after = others();
        assert_string_equal(before, after);
        free(before);
        free(after);
}

/* What a reader finds: chains and rules by name, sorted; longer ones are cut. */
struct sight {
        char names[32][64];
        size_t count;
};

static void see(struct sight *sight, const char *chain, const char *rule)
{
        assert_true(sight->count < ARRAY_SIZE(sight->names));
        snprintf(sight->names[sight->count++], sizeof(sight->names[0]), "%.24s %.24s", chain, rule);
}

static int see_chain(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        see(data, message_text(message, NFTA_CHAIN_NAME), "");
        return 0;
}

static int see_rule(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct nlattr *userdata = message_attribute(message, NFTA_RULE_USERDATA);

        /* The first attribute of ours is the comment: two bytes, then the name. */
        see(data, message_text(message, NFTA_RULE_CHAIN), userdata ? (const char *)mnl_attr_get_payload(userdata) + 2 : "?");
        return 0;
}

static void look_away(void *data)
{
        ((struct sight *)data)->count = 0;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(a, b);
}

/* A dump of several messages repeats what the rules of a transaction that is only prepared have pushed down. */
static void drop_repeated(struct sight *sight)
{
        size_t kept = 0;

        for (size_t i = 0; i < sight->count; i++)
                if (kept == 0 || !streq(sight->names[kept - 1], sight->names[i]))
                        memmove(sight->names[kept++], sight->names[i], sizeof(sight->names[i]));
        memset(sight->names[kept], 0, (sight->count - kept) * sizeof(sight->names[0]));
        sight->count = kept;
}

static int look(fbn_context *c, struct netlink *netlink, struct sight *ret_sight)
{
        struct sight chains = {.count = 0}, rules = {.count = 0};
        char buffer[NETLINK_MESSAGE];
        int r = netlink_dump(c, netlink, message_new(buffer, NFT_MSG_GETCHAIN), see_chain, look_away, &chains);

        if (r == 0)
                r = netlink_dump(c, netlink, message_new(buffer, NFT_MSG_GETRULE), see_rule, look_away, &rules);
        memset(ret_sight, 0, sizeof(*ret_sight));
        for (size_t i = 0; i < chains.count; i++)
                memcpy(ret_sight->names[ret_sight->count++], chains.names[i], sizeof(chains.names[i]));
        for (size_t i = 0; i < rules.count; i++)
                memcpy(ret_sight->names[ret_sight->count++], rules.names[i], sizeof(rules.names[i]));
        qsort(ret_sight->names, ret_sight->count, sizeof(ret_sight->names[0]), compare_names);
        drop_repeated(ret_sight);
        return r;
}

/* nf_tables_commit() of the kernel gives the next generation its number a moment before it shows it: a reader of several dumps can meet just that
 * moment, whoever commits. Hence twice: what is there for longer than that moment is the same the second time. */
static bool look_twice(fbn_context *c, struct netlink *netlink, struct sight *ret_sight)
{
        struct sight again;
        uint32_t before, after;

        assert_ok(c, generation_read(c, netlink, &before));
        if (look(c, netlink, ret_sight) < 0 || look(c, netlink, &again) < 0)
                return false;
        assert_ok(c, generation_read(c, netlink, &after));
        return before == after && memcmp(ret_sight, &again, sizeof(again)) == 0;
}

static void look_calmly(fbn_context *c, struct sight *ret_sight)
{
        struct netlink *netlink;

        assert_ok(c, netlink_get(c, NETLINK_NETFILTER, &netlink));
        assert_true(look_twice(c, netlink, ret_sight));
        assert_true(ret_sight->count > 3);
}

static _Noreturn void read_all_the_time(const struct sight *a, const struct sight *b, int done)
{
        unsigned seen_a = 0, seen_b = 0, odd = 0, moved = 0;
        struct pollfd end = {.fd = done, .events = POLLIN};
        fbn_context *c = namespace_context("host");
        struct netlink *netlink;

        assert_ok(c, netlink_get(c, NETLINK_NETFILTER, &netlink));
        while (poll(&end, 1, 0) == 0) {
                struct sight now;

                if (!look_twice(c, netlink, &now))
                        moved++;
                else if (memcmp(&now, a, sizeof(now)) == 0)
                        seen_a++;
                else if (memcmp(&now, b, sizeof(now)) == 0)
                        seen_b++;
                else
                        odd++;
        }
        fprintf(stderr, "%u saw the one state, %u the other, %u neither; %u were overtaken\n", seen_a, seen_b, odd, moved);
        _exit(odd > 0 || !seen_a || !seen_b);
}

static void nobody_ever_sees_half_a_change(void **state)
{
        const fbn_nat_rule one[] = {MASQUERADE, DROP, CLAMP}, other[] = {KEEP_OUT, RULE(.kind = FBN_NAT_ACCEPT, .name = "a", .mark = 7), CLAMP};
        fbn_context *c = *state;
        struct sight a, b;
        int done[2];
        pid_t reader;

        apply(c, other, 3);
        look_calmly(c, &b);
        apply(c, one, 3);
        look_calmly(c, &a);
        assert_memory_not_equal(&a, &b, sizeof(a));
        assert_int_equal(pipe(done), 0);
        reader = fork();
        if (reader == 0)
                read_all_the_time(&a, &b, done[0]);
        for (unsigned i = 0; i < 1000; i++)
                apply(c, i % 2 ? one : other, 3);
        assert_int_equal(write(done[1], "", 1), 1);
        assert_int_equal(sandbox_wait(reader), 0);
        close(done[0]);
        close(done[1]);
}

static void without_privilege_one_line_says_so(void **state)
{
        pid_t child = fork();

        if (child == 0) {
                const fbn_nat_rule rules[] = {MASQUERADE};
                fbn_context *c = *state; /* its socket is not open yet */
                FBN_CLEANUP(fbn_nat) want = wanted(c, rules, 1);

                if (setns(open("/run/netns/host", O_RDONLY), CLONE_NEWNET) < 0 || setuid(65534) < 0)
                        _exit(1);
                fbn_context_unref(c);
                if (fbn_context_new(NULL, &c) < 0)
                        _exit(2);
                _exit(fbn_nat_apply(c, want, NULL, NULL) != -FBN_EPERM ||
                      !streq(fbn_context_error(c), "nat: not allowed; run as root or with CAP_NET_ADMIN"));
        }
        assert_int_equal(sandbox_wait(child), 0);
}

static void a_thousand_rules_go_in_one_transaction(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) want = NULL;
        FBN_CLEANUP(fbn_nat) read = NULL;

        assert_ok(c, fbn_nat_new(c, &want));
        for (unsigned i = 0; i < 1000; i++) {
                char name[16];

                snprintf(name, sizeof(name), "rule%u", i);
                assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = name, .mark = i + 1)));
        }
        transactions = 0;
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 1000);
        assert_int_equal(transactions, 1);
        assert_ok(c, fbn_nat_get(c, &read));
        assert_int_equal(fbn_nat_count(read), 1000);
        for (unsigned i = 0; i < 1000; i++)
                assert_int_equal(fbn_nat_at(read, i)->mark, i + 1);
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 0);
}

/* `nft -c` puts rules before ours for a moment, and takes them back, without a new generation. */
static void every_rule_is_read_though_somebody_tries_out_others(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) want = NULL;
        unsigned good = 0;

        assert_ok(c, fbn_nat_new(c, &want));
        for (unsigned i = 0; i < 300; i++) {
                char name[16];

                snprintf(name, sizeof(name), "rule%u", i);
                assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = name, .mark = i + 1)));
        }
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 300);
        command("for i in $(seq 2000); do echo 'insert rule inet fabricnet forward counter'; done >/tmp/trial.nft; "
                "while :; do ip netns exec host nft -c -f /tmp/trial.nft; done >/dev/null 2>&1 & echo $! >/tmp/trial.pid");
        for (unsigned i = 0; i < 500; i++) {
                FBN_CLEANUP(fbn_changes) changes = NULL;
                int r = fbn_nat_apply(c, want, FBN_OPTIONS(fbn_nat_apply_options, .dry_run = true), &changes);

                if (r == -FBN_EINTERRUPTED)
                        continue;
                assert_ok(c, r);
                good++;
                if (fbn_changes_count(changes) > 0)
                        fail_msg("%zu changes, such as %s", fbn_changes_count(changes), fbn_changes_at(changes, 0)->object);
        }
        command("kill $(cat /tmp/trial.pid)");
        assert_true(good > 0);
}

#define ON_A_HOST(test) cmocka_unit_test_setup_teardown(test, fresh_host, remove_host)

int main(void)
{
        const struct CMUnitTest tests[] = {
                ON_A_HOST(nft_shows_what_was_asked_for),
                ON_A_HOST(what_was_applied_is_read_back_whole),
                ON_A_HOST(a_second_apply_sends_nothing),
                ON_A_HOST(chains_and_the_table_are_there_only_while_needed),
                ON_A_HOST(dry_run_tells_and_changes_nothing),
                ON_A_HOST(what_is_edited_by_hand_is_named_and_undone),
                ON_A_HOST(get_tells_the_records_even_of_rules_beside_foreign_ones),
                ON_A_HOST(what_stands_in_several_chains_is_read_in_an_order_that_fits_all),
                ON_A_HOST(chains_that_contradict_one_another_are_read_all_the_same),
                ON_A_HOST(what_was_made_from_an_old_generation_is_refused),
                ON_A_HOST(a_table_of_somebody_else_is_left_alone),
                ON_A_HOST(tables_of_others_stay_as_they_are),
                ON_A_HOST(nobody_ever_sees_half_a_change),
                ON_A_HOST(without_privilege_one_line_says_so),
                ON_A_HOST(a_thousand_rules_go_in_one_transaction),
                ON_A_HOST(every_rule_is_read_though_somebody_tries_out_others),
        };

        namespace_sandbox();
        if (fbn_set_tables(NULL, &(fbn_system_calls){.size = sizeof(fbn_system_calls), .sendmsg = counting_sendmsg}) < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
