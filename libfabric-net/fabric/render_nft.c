/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "fabric/render.h"

#include <sys/socket.h>

/* The chains that the kinds of a fabric's rules belong to, as nat/ruleset.c has them. */
static const struct chain {
        const char *name, *head;
        unsigned kinds;
} chains[] = {
        {"forward-mss", "type filter hook forward priority mangle; policy accept;", 1u << FBN_NAT_CLAMP_MSS},
        {"prerouting", "type nat hook prerouting priority dstnat; policy accept;", 1u << FBN_NAT_DNAT},
        {"forward", "type filter hook forward priority filter; policy accept;", 1u << FBN_NAT_ACCEPT | 1u << FBN_NAT_DROP | 1u << FBN_NAT_KEEP_OUT},
        {"output", "type filter hook output priority filter; policy accept;", 1u << FBN_NAT_KEEP_OUT},
        {"postrouting", "type nat hook postrouting priority srcnat; policy accept;", 1u << FBN_NAT_MASQUERADE | 1u << FBN_NAT_DNAT},
};

static const char *family_of(const fbn_address *address)
{
        return address->family == AF_INET6 ? "ip6" : "ip";
}

static void put_prefix(struct text *out, const char *side, const fbn_prefix *prefix)
{
        char text[FBN_ADDRESS_TEXT];

        if (prefix->length)
                text_add(out, "%s %s %s ", family_of(&prefix->address), side, fbn_prefix_format(prefix, text, sizeof(text)));
        else
                text_add(out, "meta nfproto %s ", prefix->address.family == AF_INET6 ? "ipv6" : "ipv4");
}

static void put_target(struct text *out, const fbn_nat_rule *rule)
{
        bool v6 = rule->to.family == AF_INET6;
        char text[FBN_ADDRESS_TEXT];

        text_add(out, "fib daddr type local %s dport %u dnat %s to %s%s%s:%u", rule->protocol, rule->destination_port, family_of(&rule->to),
                 v6 ? "[" : "", fbn_address_format(&rule->to, text, sizeof(text)), v6 ? "]" : "", rule->to_port);
}

/* The target's neighbours must come by this host, or the answer would not. */
static void put_hairpin(struct text *out, const fbn_nat_rule *rule)
{
        fbn_prefix segment = {.address = rule->to, .length = rule->hairpin};
        char text[FBN_ADDRESS_TEXT];

        fbn_prefix_network(&segment, &segment);
        put_prefix(out, "saddr", &segment);
        text_add(out, "%s daddr %s %s dport %u ct status dnat masquerade", family_of(&rule->to), fbn_address_format(&rule->to, text, sizeof(text)),
                 rule->protocol, rule->to_port);
}

static void put_verdict(struct text *out, const struct chain *chain, const fbn_nat_rule *rule)
{
        switch (rule->kind) {
        case FBN_NAT_MASQUERADE:
                text_add(out, "masquerade");
                break;
        case FBN_NAT_ACCEPT:
                text_add(out, "accept");
                break;
        case FBN_NAT_DROP:
                text_add(out, "ct state %s drop", rule->states ? rule->states : "new");
                break;
        case FBN_NAT_KEEP_OUT:
                text_add(out, "udp sport %u drop", rule->source_port);
                break;
        case FBN_NAT_CLAMP_MSS:
                if (rule->mss)
                        text_add(out, "tcp flags syn / syn,rst tcp option maxseg size > %u tcp option maxseg size set %u", rule->mss, rule->mss);
                else
                        text_add(out, "tcp flags syn / syn,rst tcp option maxseg size set rt mtu");
                break;
        default:
                if (streq(chain->name, "postrouting"))
                        put_hairpin(out, rule);
                else
                        put_target(out, rule);
        }
}

static void put_rule(struct text *out, const struct chain *chain, const fbn_nat_rule *rule, const fbn_prefix *source, const fbn_prefix *destination)
{
        text_add(out, "    ");
        if (rule->in_device)
                text_add(out, "iifname \"%s\" ", rule->in_device);
        if (rule->out_device)
                text_add(out, "oifname \"%s\" ", rule->out_device);
        if (source)
                put_prefix(out, "saddr", source);
        if (destination)
                put_prefix(out, "daddr", destination);
        put_verdict(out, chain, rule);
        text_add(out, " comment \"%s\"\n", rule->name);
}

static void put_pairs(struct text *out, const struct chain *chain, const fbn_nat_rule *rule)
{
        for (size_t i = 0; i < MAX(rule->n_sources, (size_t)1); i++)
                for (size_t j = 0; j < MAX(rule->n_destinations, (size_t)1); j++) {
                        const fbn_prefix *source = rule->n_sources ? &rule->sources[i] : NULL;
                        const fbn_prefix *destination = rule->n_destinations ? &rule->destinations[j] : NULL;

                        if (!source || !destination || source->address.family == destination->address.family)
                                put_rule(out, chain, rule, source, destination);
                }
}

static bool belongs(const struct chain *chain, const fbn_nat_rule *rule)
{
        return chain->kinds & 1u << rule->kind && (rule->kind != FBN_NAT_DNAT || !streq(chain->name, "postrouting") || rule->hairpin);
}

void render_nft_table(struct text *out, const fbn_nat *nat)
{
        for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
                bool begun = false;

                for (size_t j = 0; j < fbn_nat_count(nat); j++) {
                        const fbn_nat_rule *rule = fbn_nat_at(nat, j);

                        if (!belongs(&chains[i], rule))
                                continue;
                        if (!begun)
                                text_add(out, "  chain %s {\n    %s\n", chains[i].name, chains[i].head);
                        begun = true;
                        put_pairs(out, &chains[i], rule);
                }
                if (begun)
                        text_add(out, "  }\n");
        }
}
