/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "base/address.h"
#include "nat/nat.h"

static fbn_prefix prefix_of(const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return prefix;
}

static bool same_text(const char *a, const char *b)
{
        return a && b ? streq(a, b) : a == b;
}

static void assert_same(const fbn_nat_rule *a, const fbn_nat_rule *b)
{
        fbn_nat_rule same;

        memcpy(&same, b, sizeof(same)); /* padding and all */
        assert_int_equal(a->kind, b->kind);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->n_sources, b->n_sources);
        assert_int_equal(a->n_destinations, b->n_destinations);
        assert_true(!a->n_sources || prefix_equal(a->sources, b->sources));
        assert_true(!a->n_destinations || prefix_equal(a->destinations, b->destinations));
        assert_true(same_text(a->in_device, b->in_device));
        assert_true(same_text(a->out_device, b->out_device));
        assert_true(same_text(a->protocol, b->protocol));
        assert_true(same_text(a->states, b->states));
        assert_true(same_text(a->log, b->log));
        same.name = a->name; /* all that is no pointer */
        same.sources = a->sources;
        same.destinations = a->destinations;
        same.in_device = a->in_device;
        same.out_device = a->out_device;
        same.protocol = a->protocol;
        same.states = a->states;
        same.log = a->log;
        same.size = a->size;
        same.packets = same.bytes = 0;
        assert_memory_equal(a, &same, sizeof(same));
}

#define LONG_NAME "1234567890123456789012345678901234567890123456789012345678901234"

#define RULES 5

static void fill(fbn_nat_rule rules[RULES], const fbn_prefix *four, const fbn_prefix *six)
{
        const fbn_nat_rule all[RULES] = {
                {.size = sizeof(all[0]), .kind = FBN_NAT_DROP, .name = "n"},
                {.size = sizeof(all[0]), .kind = FBN_NAT_CLAMP_MSS, .name = "c", .mss = 1220, .sources = four, .n_sources = 1},
                {.size = sizeof(all[0]), .kind = FBN_NAT_ACCEPT, .at = FBN_NAT_INPUT, .name = LONG_NAME, .sources = six, .n_sources = 1,
                 .destinations = six, .n_destinations = 1, .in_device = "0123456789abcde", .out_device = "edcba9876543210", .protocol = "tcp",
                 .source_port = 65534, .source_port_last = 65535, .destination_port = 1, .destination_port_last = 2, .mark = 0x80000,
                 .mark_mask = 0xff0000, .states = "established,related", .local = true},
                {.size = sizeof(all[0]), .kind = FBN_NAT_DNAT, .name = "d", .protocol = "udp", .to = six->address, .to_port = 7, .to_port_last = 9,
                 .hairpin = 64, .random = true, .connection_mark = 1, .connection_mark_mask = 3, .dnat = true, .log = "a log: ", .log_group = 500},
                {.size = sizeof(all[0]), .kind = FBN_NAT_SET_MARK, .name = "s", .set_mark = UINT32_MAX, .set_mark_mask = 0xdeadbeef,
                 .to = four->address, .rate = 10, .rate_seconds = 86400, .burst = 7, .log = "b", .log_level = 7},
        };

        memcpy(rules, all, sizeof(all));
}

static void a_record_survives_its_userdata(void **state)
{
        fbn_prefix four = prefix_of("192.168.8.0/22"), six = prefix_of("2001:db8::/65");
        fbn_nat_rule rules[RULES], read;

        fill(rules, &four, &six);
        memset(&read, 0, sizeof(read));
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
                _cleanup_(arena_free) struct arena arena = {0};
                struct userdata userdata;

                record_encode(&rules[i], &userdata);
                assert_false(userdata.full);
                assert_int_equal(record_decode(&arena, userdata.bytes, userdata.length, &read), 1);
                assert_same(&rules[i], &read);
        }
}

static void userdata_that_is_cut_or_bent_is_not_ours(void **state)
{
        fbn_prefix four = prefix_of("192.168.8.0/22"), six = prefix_of("2001:db8::/65");
        fbn_nat_rule rules[RULES], read = {.name = "untouched"};
        struct userdata userdata;

        fill(rules, &four, &six);
        record_encode(&rules[2], &userdata);
        for (uint32_t length = 0; length < userdata.length; length++) {
                _cleanup_(arena_free) struct arena arena = {0};
                _cleanup_free_ uint8_t *cut = memory_alloc(length); /* of exact size, for the sanitizers */

                memcpy(cut, userdata.bytes, length);
                assert_int_equal(record_decode(&arena, cut, length, &read), 0);
        }
        assert_string_equal(read.name, "untouched");
        for (uint32_t i = 0; i < userdata.length; i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        _cleanup_(arena_free) struct arena arena = {0};

                        userdata.bytes[i] ^= (uint8_t)(1 << bit); /* must not read outside, whatever it says */
                        record_decode(&arena, userdata.bytes, userdata.length, &read);
                        userdata.bytes[i] ^= (uint8_t)(1 << bit);
                }
}

static void a_comment_of_somebody_else_is_no_record_and_no_mark(void **state)
{
        static const uint8_t comment[] = {0, 4, 'w', 'e', 'b', 0};
        _cleanup_(arena_free) struct arena arena = {0};
        struct userdata mark;
        fbn_nat_rule read;

        assert_int_equal(record_decode(&arena, comment, sizeof(comment), &read), 0);
        assert_false(table_is_marked(comment, sizeof(comment)));
        table_mark(&mark);
        assert_true(table_is_marked(mark.bytes, mark.length));
        assert_false(table_is_marked(mark.bytes, mark.length - 1));
        assert_false(table_is_marked(NULL, 0));
}

/* A rule read from the kernel, as far as comparing goes. */
static void place(struct ruleset *ruleset, enum chain chain, const char *name, uint16_t mss, uint64_t handle)
{
        fbn_nat_rule record = {.kind = FBN_NAT_CLAMP_MSS, .name = name, .mss = mss};
        struct kernel_rules *rules = &ruleset->chains[chain];
        struct kernel_rule rule = {.record = record, .handle = handle};

        record_encode(&record, &rule.userdata);
        rule.nftnl = expressions_build(&record, chain, &rule.userdata, &(struct kernel_sets){0});
        assert_true(ARRAY_RESERVE(rules->items, rules->count, rules->capacity));
        rules->items[rules->count++] = rule;
}

/* The forward chain of have after the transaction is played on it: names in their order, '!' behind those that were made. */
static void play(const struct netlink_batch *batch, const char *start, char *ret_names)
{
        const struct nlmsghdr *message = (const struct nlmsghdr *)batch->bytes;
        char names[64];

        strcpy(names, start); /* each rule is one letter, handle 'a' is rule a */
        for (size_t i = 0; i < batch->count; i++) {
                struct nftnl_rule *rule = nftnl_rule_alloc();
                uint16_t type = message->nlmsg_type & 0xff;
                uint64_t handle, position;
                const uint8_t *userdata;
                uint32_t length;

                if (message->nlmsg_type >> 8 == 10 && (type == NFT_MSG_NEWRULE || type == NFT_MSG_DELRULE)) {
                        assert_true(nftnl_rule_nlmsg_parse(message, rule) >= 0);
                        handle = nftnl_rule_get_u64(rule, NFTNL_RULE_HANDLE);
                        position = nftnl_rule_get_u64(rule, NFTNL_RULE_POSITION);
                        userdata = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &length);
                        char *at = type == NFT_MSG_DELRULE || (message->nlmsg_flags & NLM_F_REPLACE) ? strchr(names, (int)handle)
                                   : position                                                        ? strchr(names, (int)position)
                                                                                                     : names + strlen(names);

                        assert_non_null(at);
                        if (type == NFT_MSG_DELRULE)
                                memmove(at, at + 1, strlen(at));
                        else {
                                if (!(message->nlmsg_flags & NLM_F_REPLACE))
                                        memmove(at + 1, at, strlen(at) + 1);
                                *at = (char)(userdata[2] - 'a' + 'A'); /* the comment's first letter, capital: made now */
                        }
                }
                nftnl_rule_free(rule);
                message = (const struct nlmsghdr *)((const char *)message + MNL_ALIGN(message->nlmsg_len));
        }
        strcpy(ret_names, names);
}

static void only_what_differs_is_sent_and_order_comes_out(void **state)
{
        /* have, wanted, and what it must come to: capitals are made anew; '*' after a letter of have: changed by hand */
        static const char *const cases[][3] = {
                {"abc", "abc", "abc"},     {"abc", "axc", "aXc"},     {"abc", "abcd", "abcD"},   {"abc", "xabc", "Xabc"},
                {"abc", "bc", "bc"},       {"abc", "ab", "ab"},       {"abcd", "dabc", "Dabc"},  {"abcd", "bcda", "bcdA"},
                {"abc", "axyzc", "aXYZc"}, {"abcd", "xd", "Xd"},      {"abc", "xyz", "XYZ"},     {"abc", "cba", NULL},
                {"a", "xyaz", "XYaZ"},     {"abcdef", "xbyezf", NULL}, {"abcdefgh", "hgfedcba", NULL},
        };
        fbn_context *c = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct ruleset want = {0}, have = {.exists = true, .ours = true, .present = {[CHAIN_FORWARD] = true}};
                struct netlink_batch batch = {0};
                char names[64], lower[64] = "";

                for (const char *p = cases[i][0]; *p; p++)
                        place(&have, CHAIN_FORWARD, (char[]){*p, 0}, 0, (uint64_t)*p);
                for (const char *p = cases[i][1]; *p; p++)
                        place(&want, CHAIN_FORWARD, (char[]){*p, 0}, 0, 0);
                assert_ok(c, ruleset_compare(c, &want, &have));
                transaction_build(&batch, &want, &have);
                play(&batch, cases[i][0], names);
                if (cases[i][2])
                        assert_string_equal(names, cases[i][2]);
                for (size_t j = 0; j <= strlen(names); j++)
                        lower[j] = (char)(names[j] >= 'A' && names[j] <= 'Z' ? names[j] - 'A' + 'a' : names[j]);
                assert_string_equal(lower, cases[i][1]);
                netlink_batch_free(&batch);
                ruleset_free(&want);
                ruleset_free(&have);
        }
}

static void equal_expressions_differ_from_changed_ones(void **state)
{
        struct ruleset rules = {0};

        place(&rules, CHAIN_FORWARD, "a", 1200, 1);
        place(&rules, CHAIN_FORWARD, "a", 1200, 2);
        place(&rules, CHAIN_FORWARD, "a", 1201, 3);
        expressions_write_counter(rules.chains[CHAIN_FORWARD].items[1].nftnl, 7, 900);
        assert_true(expressions_equal(rules.chains[CHAIN_FORWARD].items[0].nftnl, rules.chains[CHAIN_FORWARD].items[1].nftnl));
        assert_false(expressions_equal(rules.chains[CHAIN_FORWARD].items[0].nftnl, rules.chains[CHAIN_FORWARD].items[2].nftnl));
        ruleset_free(&rules);
}

static void rules_expand_to_pairs_of_one_family_and_collect_again(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) want = NULL;
        FBN_CLEANUP(fbn_nat) read = NULL;
        fbn_prefix sources[] = {prefix_of("10.0.0.0/8"), prefix_of("192.168.8.0/24"), prefix_of("fd00::/8")};
        fbn_prefix destinations[] = {prefix_of("::/0"), prefix_of("0.0.0.0/0")};
        struct ruleset ruleset = {0};

        assert_ok(c, fbn_nat_new(c, &want));
        assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_KEEP_OUT, .name = "k", .sources = sources, .n_sources = 3,
                                                      .destinations = destinations, .n_destinations = 2)));
        assert_ok(c, ruleset_expand(c, want, &ruleset));
        assert_int_equal(ruleset.chains[CHAIN_FORWARD].count, 3);
        assert_int_equal(ruleset.chains[CHAIN_OUTPUT].count, 3);
        assert_int_equal(ruleset.chains[CHAIN_POSTROUTING].count, 0);
        expressions_write_counter(ruleset.chains[CHAIN_FORWARD].items[0].nftnl, 1, 10);
        expressions_write_counter(ruleset.chains[CHAIN_OUTPUT].items[2].nftnl, 2, 20);
        assert_ok(c, ruleset_collect(c, &ruleset, &read));
        assert_int_equal(fbn_nat_count(read), 1);
        assert_int_equal(fbn_nat_at(read, 0)->n_sources, 3);
        assert_int_equal(fbn_nat_at(read, 0)->n_destinations, 2);
        for (size_t i = 0; i < 3; i++)
                assert_true(prefix_equal(&fbn_nat_at(read, 0)->sources[i], &sources[i]));
        assert_int_equal(fbn_nat_at(read, 0)->packets, 3);
        assert_int_equal(fbn_nat_at(read, 0)->bytes, 30);
        ruleset_free(&ruleset);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_record_survives_its_userdata),
                cmocka_unit_test(userdata_that_is_cut_or_bent_is_not_ours),
                cmocka_unit_test(a_comment_of_somebody_else_is_no_record_and_no_mark),
                cmocka_unit_test(only_what_differs_is_sent_and_order_comes_out),
                cmocka_unit_test(equal_expressions_differ_from_changed_ones),
                cmocka_unit_test(rules_expand_to_pairs_of_one_family_and_collect_again),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
