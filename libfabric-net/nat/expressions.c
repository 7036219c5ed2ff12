/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/builder.h"

#include <linux/netfilter.h>

struct nftnl_rule *expressions_build(const fbn_nat_rule *record, enum chain chain, const struct userdata *userdata,
                                    const struct kernel_sets *sets)
{
        struct builder builder = {.rule = nftnl_rule_alloc(), .sets = sets};

        if (!builder.rule)
                return NULL;
        nftnl_rule_set_u32(builder.rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
        if (nftnl_rule_set_str(builder.rule, NFTNL_RULE_TABLE, FBN_NAT_TABLE) < 0 ||
            nftnl_rule_set_str(builder.rule, NFTNL_RULE_CHAIN, chain_shapes[chain].name) < 0 ||
            nftnl_rule_set_data(builder.rule, NFTNL_RULE_USERDATA, userdata->bytes, userdata->length) < 0)
                builder.failed = true;
        match(&builder, record, chain);
        act(&builder, record, chain);
        if (!builder.failed)
                return builder.rule;
        nftnl_rule_free(builder.rule);
        return NULL;
}

static bool is_named(const struct nftnl_expr *expression, const char *name)
{
        return streq(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), name);
}

/* By libnftnl's own words for them: the kernel adds attributes of its own when it gives an expression back. */
static bool expression_equal(const struct nftnl_expr *a, const struct nftnl_expr *b)
{
        char a_text[512], b_text[512];

        if (!a || !b)
                return a == b;
        if (!is_named(a, nftnl_expr_get_str(b, NFTNL_EXPR_NAME)))
                return false;
        if (is_named(a, "counter"))
                return true;
        nftnl_expr_snprintf(a_text, sizeof(a_text), a, NFTNL_OUTPUT_DEFAULT, 0);
        nftnl_expr_snprintf(b_text, sizeof(b_text), b, NFTNL_OUTPUT_DEFAULT, 0);
        return streq(a_text, b_text);
}

bool expressions_equal(const struct nftnl_rule *a, const struct nftnl_rule *b)
{
        struct nftnl_expr_iter *in_a = nftnl_expr_iter_create(a), *in_b = nftnl_expr_iter_create(b);
        bool equal = in_a && in_b, more = equal;

        while (equal && more) {
                const struct nftnl_expr *from_a = nftnl_expr_iter_next(in_a);

                equal = expression_equal(from_a, nftnl_expr_iter_next(in_b));
                more = from_a;
        }
        if (in_a)
                nftnl_expr_iter_destroy(in_a);
        if (in_b)
                nftnl_expr_iter_destroy(in_b);
        return equal;
}

static int find_counter(struct nftnl_expr *expression, void *data)
{
        if (is_named(expression, "counter"))
                *(struct nftnl_expr **)data = expression;
        return 0;
}

static struct nftnl_expr *counter_of(const struct nftnl_rule *rule)
{
        struct nftnl_expr *counter = NULL;

        nftnl_expr_foreach((struct nftnl_rule *)rule, find_counter, &counter);
        return counter;
}

void expressions_read_counter(const struct nftnl_rule *rule, uint64_t *ret_packets, uint64_t *ret_bytes)
{
        const struct nftnl_expr *counter = counter_of(rule);

        *ret_packets = counter ? nftnl_expr_get_u64(counter, NFTNL_EXPR_CTR_PACKETS) : 0;
        *ret_bytes = counter ? nftnl_expr_get_u64(counter, NFTNL_EXPR_CTR_BYTES) : 0;
}

void expressions_write_counter(const struct nftnl_rule *rule, uint64_t packets, uint64_t bytes)
{
        struct nftnl_expr *counter = counter_of(rule);

        if (!counter)
                return;
        nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_PACKETS, packets);
        nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_BYTES, bytes);
}
