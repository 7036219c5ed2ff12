/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <stdio.h>

#define NAME_MAX_LENGTH 16

/* The parts of a ban, in the order of their rules. */
static const struct part {
        const char *suffix, *key;
        bool intervals, never;
} parts[] = {
        {"-never-ipv4", "ipv4_addr", true, true},  {"-never-ipv6", "ipv6_addr", true, true},
        {"-ipv4", "ipv4_addr", false, false},      {"-ipv4-nets", "ipv4_addr", true, false},
        {"-ipv6", "ipv6_addr", false, false},      {"-ipv6-nets", "ipv6_addr", true, false},
};

static int add_part(fbn_context *c, fbn_nat *nat, const fbn_nat_ban *ban, const struct part *part)
{
        char name[32];
        fbn_nat_set set = {.size = sizeof(set), .name = name, .key = part->key, .intervals = part->intervals, .timeouts = true, .counters = true,
                           .timeout_ms = part->never ? 0 : ban->timeout_ms, .limit = part->never ? 0 : ban->limit};
        fbn_nat_rule rule = {.size = sizeof(rule), .kind = part->never ? FBN_NAT_ACCEPT : FBN_NAT_DROP, .at = FBN_NAT_ARRIVAL, .name = name,
                             .in_device = ban->in_device, .source_set = name};
        int r;

        snprintf(name, sizeof(name), "%s%s", ban->name, part->suffix);
        r = fbn_nat_set_add(c, nat, &set);
        return r < 0 ? r : fbn_nat_add(c, nat, &rule);
}

int fbn_nat_ban_add(fbn_context *c, fbn_nat *nat, const fbn_nat_ban *ban)
{
        fbn_nat_ban mine;
        int r;

        r = OPTIONS_READ(c, fbn_nat_ban, ban, &mine);
        if (r < 0)
                return r;
        if (!mine.name || !*mine.name || strnlen(mine.name, NAME_MAX_LENGTH + 1) > NAME_MAX_LENGTH)
                return fail_in(c, fail(c, FBN_EINVAL, "a ban needs a name of 1 to %d bytes", NAME_MAX_LENGTH), "nat ban");
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++)
                r = add_part(c, nat, &mine, &parts[i]);
        return r;
}
