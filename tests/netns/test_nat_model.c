/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random rule sets applied one after the other: nft agrees each time on what rules there are and in which order, and rules that did not
 * change keep their handles and counters. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/nat.h>
#include <fabricnet/types.h>

#define ROUNDS 300
#define NAMES 12

static unsigned kept; /* rules that were compared */

static unsigned long long seed = 88172645463325252ULL;

static unsigned dice(unsigned sides)
{
        seed ^= seed << 13; /* xorshift64 */
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (unsigned)(seed % sides);
}

struct wanted {
        fbn_nat_rule rule;
        char name[8];
        fbn_prefix prefix;
        const char *chain;
        char line[256]; /* as nft shows it, but for the counter */
};

static void set_prefix(struct wanted *wanted)
{
        char text[32];

        snprintf(text, sizeof(text), "10.%u.0.0/16", dice(200));
        assert_int_equal(fbn_prefix_parse(text, &wanted->prefix), 0);
        wanted->rule.sources = &wanted->prefix;
        wanted->rule.n_sources = 1;
        snprintf(wanted->line, sizeof(wanted->line), "ip saddr %s ", text);
}

/* The model: our own words for what nft will say, written without the library. */
static void throw_rule(struct wanted *wanted, unsigned name)
{
        static const struct {
                fbn_nat_kind kind;
                fbn_nat_place at;
                const char *chain, *words;
        } kinds[] = {
                {FBN_NAT_MASQUERADE, 0, "postrouting", "masquerade"},
                {FBN_NAT_ACCEPT, 0, "forward", "accept"},
                {FBN_NAT_DROP, FBN_NAT_INPUT, "input", "drop"},
                {FBN_NAT_COUNT, FBN_NAT_ARRIVAL, "arrival", ""},
                {FBN_NAT_ACCEPT, FBN_NAT_OUTPUT, "output", "accept"},
                {FBN_NAT_REDIRECT, 0, "prerouting", "redirect to :7777"},
                {FBN_NAT_SNAT, 0, "postrouting", "snat ip to 192.0.2.1"},
        };
        unsigned kind = dice(ARRAY_SIZE(kinds)), port = 1 + dice(60000);
        size_t length;

        memset(wanted, 0, sizeof(*wanted));
        snprintf(wanted->name, sizeof(wanted->name), "r%u", name);
        wanted->chain = kinds[kind].chain;
        wanted->rule = (fbn_nat_rule){.size = sizeof(fbn_nat_rule), .kind = kinds[kind].kind, .at = kinds[kind].at, .name = wanted->name,
                                      .protocol = "tcp", .destination_port = (uint16_t)port};
        set_prefix(wanted);
        if (wanted->rule.kind == FBN_NAT_REDIRECT)
                wanted->rule.to_port = wanted->rule.to_port_last = 7777;
        if (wanted->rule.kind == FBN_NAT_SNAT)
                fbn_address_parse("192.0.2.1", &wanted->rule.to);
        length = strlen(wanted->line);
        if (dice(3) == 0) {
                wanted->rule.destination_port_last = (uint16_t)(port + 1 + dice(100));
                length += (size_t)snprintf(wanted->line + length, sizeof(wanted->line) - length, "tcp dport %u-%u ", port, wanted->rule.destination_port_last);
        } else {
                length += (size_t)snprintf(wanted->line + length, sizeof(wanted->line) - length, "tcp dport %u ", port);
        }
        snprintf(wanted->line + length, sizeof(wanted->line) - length, "counter %s%scomment \"%s\"", kinds[kind].words, *kinds[kind].words ? " " : "",
                 wanted->name);
}

/* A few of the rules go, come, change or move. */
static size_t shake(struct wanted *rules, size_t count)
{
        for (unsigned n = 1 + dice(4); n > 0; n--) {
                unsigned what = dice(4), at = count ? dice((unsigned)count) : 0, name = 0;

                if (what == 0 && count > 0) {
                        memmove(&rules[at], &rules[at + 1], (count - at - 1) * sizeof(rules[0]));
                        count--;
                } else if (what == 1 && count > 1) {
                        struct wanted moved = rules[at];

                        rules[at] = rules[count - 1];
                        rules[count - 1] = moved;
                } else if (what == 2 && count > 0) {
                        name = (unsigned)atoi(rules[at].name + 1);
                        throw_rule(&rules[at], name);
                } else if (count < NAMES) {
                        for (size_t i = 0; i < count; i++) /* the first name that is free */
                                if ((unsigned)atoi(rules[i].name + 1) == name) {
                                        name++;
                                        i = (size_t)-1;
                                }
                        throw_rule(&rules[count++], name);
                }
        }
        for (size_t i = 0; i < count; i++) { /* they have moved in memory */
                rules[i].rule.name = rules[i].name;
                rules[i].rule.sources = &rules[i].prefix;
        }
        return count;
}

static const char *const chains[] = {"arrival", "forward", "input", "output", "postrouting", "prerouting"}; /* sorted */

/* Each chain's lines, in order. */
static char *expected(const struct wanted *rules, size_t count)
{
        char *text = NULL;
        size_t length;
        FILE *to = open_memstream(&text, &length);

        for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
                for (size_t j = 0; j < count; j++)
                        if (streq(rules[j].chain, chains[i]))
                                fprintf(to, "%s: %s\n", chains[i], rules[j].line);
        fclose(to);
        return text;
}

/* The same from nft, with handles and counters. */
static char *shown(void)
{
        return command_output("ip netns exec host nft -a list ruleset | awk '/^\tchain/ {c = $2} /comment \"r/ {sub(/^\t+/, \"\"); print c \": \" $0}' | "
                              "LC_ALL=C sort -s -t: -k1,1");
}

/* Without them. */
static char *without_identity(const char *text)
{
        char *plain = strdup(text), *to = plain;

        while (*text) {
                static const char counter[] = " packets 0 bytes 0", handle[] = " # handle ";

                if (strncmp(text, counter, strlen(counter)) == 0)
                        text += strlen(counter);
                else if (strncmp(text, handle, strlen(handle)) == 0)
                        text += strcspn(text, "\n");
                else
                        *to++ = *text++;
        }
        *to = 0;
        return plain;
}

/* "comment "r1" # handle 7" with its counter: what a rule that stays must keep. */
static bool same_identity(const char *before, const char *after, const struct wanted *wanted)
{
        char name[24], a[512] = "", b[512] = "";
        const char *at;

        snprintf(name, sizeof(name), "comment \"%s\"", wanted->name);
        for (unsigned i = 0; i < 2; i++) {
                const char *start = at = strstr(i ? after : before, name);

                if (!at)
                        return false;
                while (start > (i ? after : before) && start[-1] != '\n')
                        start--;
                snprintf(i ? b : a, sizeof(a), "%.*s", (int)strcspn(start, "\n"), start);
        }
        return streq(a, b);
}

static void apply(fbn_context *c, const struct wanted *rules, size_t count)
{
        FBN_CLEANUP(fbn_nat) want = NULL;

        assert_ok(c, fbn_nat_new(c, &want));
        for (size_t i = 0; i < count; i++)
                assert_ok(c, fbn_nat_add(c, want, &rules[i].rule));
        assert_ok(c, fbn_nat_apply(c, want, NULL, NULL));
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 0);
}

static const struct wanted *next_of(const struct wanted *rules, size_t count, const char *chain, size_t *at)
{
        while (*at < count && !streq(rules[*at].chain, chain))
                (*at)++;
        return *at < count ? &rules[(*at)++] : NULL;
}

/* In each chain what stands before the first difference, is the kernel's same rule as before. */
static void assert_kept(const struct wanted *old, size_t n_old, const struct wanted *new, size_t n_new, const char *before, const char *after)
{
        for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
                size_t in_old = 0, in_new = 0;

                for (;;) {
                        const struct wanted *was = next_of(old, n_old, chains[i], &in_old), *is = next_of(new, n_new, chains[i], &in_new);

                        if (!was || !is || !streq(was->line, is->line))
                                break;
                        if (!same_identity(before, after, is))
                                test_failed("rule %s was made anew:\n%s\n%s", is->name, before, after);
                        kept++;
                }
        }
}

static void nft_agrees_with_every_random_state(void **state)
{
        static struct wanted rules[NAMES + 1], old[NAMES + 1];
        fbn_context *c = *state;
        size_t count = 0, n_old = 0;
        char *before = NULL;

        for (unsigned round = 0; round < ROUNDS; round++) {
                char *model, *real, *after;

                memcpy(old, rules, sizeof(old));
                n_old = count;
                count = shake(rules, count);
                apply(c, rules, count);
                model = expected(rules, count);
                after = shown();
                real = without_identity(after);
                if (!streq(model, real))
                        test_failed("round %u: wanted\n%s\nnft shows\n%s", round, model, real);
                if (before)
                        assert_kept(old, n_old, rules, count, before, after);
                free(model);
                free(real);
                free(before);
                before = after;
        }
        free(before);
        assert_true(kept > ROUNDS);
}

/* Rules of one chain and of two, in any order: whatever stands is read so that to apply it changes nothing. */
static void what_is_read_can_be_wanted_whatever_the_order(void **state)
{
        static const struct {
                fbn_nat_kind kind;
                fbn_nat_place at;
                uint8_t hairpin;
        } kinds[] = {{FBN_NAT_MASQUERADE, 0, 0}, {FBN_NAT_DNAT, 0, 24},    {FBN_NAT_DNAT, 0, 0},     {FBN_NAT_DNAT, FBN_NAT_OUTPUT, 0},
                     {FBN_NAT_KEEP_OUT, 0, 0},   {FBN_NAT_ACCEPT, 0, 0},   {FBN_NAT_ACCEPT, FBN_NAT_OUTPUT, 0}, {FBN_NAT_SET_MARK, 0, 0},
                     {FBN_NAT_NOTRACK, 0, 0},    {FBN_NAT_COUNT, FBN_NAT_ARRIVAL, 0}};
        fbn_context *c = *state;

        for (unsigned round = 0; round < ROUNDS; round++) {
                FBN_CLEANUP(fbn_nat) want = NULL;
                FBN_CLEANUP(fbn_nat) read = NULL;
                char *before, *after;

                assert_ok(c, fbn_nat_new(c, &want));
                for (unsigned i = 0, count = 1 + dice(NAMES); i < count; i++) {
                        unsigned kind = dice(ARRAY_SIZE(kinds));
                        fbn_nat_rule rule = {.size = sizeof(rule), .kind = kinds[kind].kind, .at = kinds[kind].at, .protocol = "tcp",
                                             .destination_port = (uint16_t)(1 + dice(60000)), .name = (char[]){(char)('a' + i), 0}};

                        if (rule.kind == FBN_NAT_DNAT) {
                                fbn_address_parse("10.0.0.5", &rule.to);
                                rule.local = rule.at == FBN_NAT_OUTPUT || kinds[kind].hairpin;
                                rule.hairpin = kinds[kind].hairpin;
                        }
                        rule.set_mark = rule.kind == FBN_NAT_SET_MARK;
                        assert_ok(c, fbn_nat_add(c, want, &rule));
                }
                assert_ok(c, fbn_nat_apply(c, want, NULL, NULL));
                before = command_output("ip netns exec host nft -a list ruleset");
                assert_ok(c, fbn_nat_get(c, &read));
                assert_int_equal(fbn_nat_count(read), fbn_nat_count(want));
                assert_int_equal(fbn_nat_apply(c, read, NULL, NULL), 0);
                assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 0);
                after = command_output("ip netns exec host nft -a list ruleset");
                assert_string_equal(before, after);
                free(before);
                free(after);
        }
}

static int fresh_host(void **state)
{
        namespace_new("host");
        *state = namespace_context("host");
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(nft_agrees_with_every_random_state), cmocka_unit_test(what_is_read_can_be_wanted_whatever_the_order)};

        namespace_sandbox();
        return cmocka_run_group_tests(tests, fresh_host, context_teardown);
}
