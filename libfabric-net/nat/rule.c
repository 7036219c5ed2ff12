/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include "base/address.h"

#include <ctype.h>
#include <net/if.h>
#include <netinet/in.h>

#define NAME_MAX_LENGTH 64

static const struct {
        const char *name;
        uint8_t number;
} protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6}};

bool protocol_number(const char *name, uint8_t *ret_number)
{
        for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
                if (streq(protocols[i].name, name)) {
                        *ret_number = protocols[i].number;
                        return true;
                }
        return false;
}

const char *protocol_name(uint8_t number)
{
        for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
                if (protocols[i].number == number)
                        return protocols[i].name;
        return NULL;
}

uint32_t rule_mark_mask(const fbn_nat_rule *rule)
{
        return rule->mark && !rule->mark_mask ? UINT32_MAX : rule->mark_mask;
}

static int validate_name(fbn_context *c, const char *name)
{
        size_t length = name ? strnlen(name, NAME_MAX_LENGTH + 1) : 0;

        if (length == 0 || length > NAME_MAX_LENGTH)
                return fail(c, FBN_EINVAL, "a rule needs a name of 1 to %d bytes", NAME_MAX_LENGTH);
        /* nft shows it in quotes and knows no escape in them. */
        for (size_t i = 0; i < length; i++)
                if ((unsigned char)name[i] < ' ' || name[i] == 0x7f || name[i] == '"')
                        return fail(c, FBN_EINVAL, "a name has no quote and no control character in it");
        return 0;
}

/* Source: dev_valid_name() in net/core/dev.c. */
static int validate_device(fbn_context *c, const char *name, const char *member)
{
        size_t length = name ? strnlen(name, IFNAMSIZ) : 1;
        bool good = length > 0 && length < IFNAMSIZ;

        for (size_t i = 0; name && good && i < length; i++)
                good = name[i] != '/' && name[i] != ':' && !isspace((unsigned char)name[i]);
        if (!good || (name && (streq(name, ".") || streq(name, ".."))))
                return fail(c, FBN_EINVAL, "%s: '%.32s' cannot be the name of a link (1 to 15 bytes, no space, '/' or ':')", member, name);
        return 0;
}

static int validate_prefixes(fbn_context *c, const fbn_prefix *prefixes, size_t count, const char *member)
{
        if (count && !prefixes)
                return fail(c, FBN_EINVAL, "%s: a count without prefixes", member);
        for (size_t i = 0; i < count; i++) {
                unsigned bits = family_bits(prefixes[i].address.family);

                if (!bits || prefixes[i].length > bits)
                        return fail(c, FBN_EINVAL, "%s: number %zu is no IPv4 or IPv6 prefix", member, i + 1);
        }
        return 0;
}

static bool has_family(const fbn_prefix *prefixes, size_t count, uint16_t family)
{
        for (size_t i = 0; i < count; i++)
                if (prefixes[i].address.family == family)
                        return true;
        return false;
}

static bool names_family(const fbn_nat_rule *rule, uint16_t family)
{
        return has_family(rule->sources, rule->n_sources, family) || has_family(rule->destinations, rule->n_destinations, family);
}

/* Packets have both addresses in one family: a prefix without a partner would silently match nothing. */
static int validate_families(fbn_context *c, const fbn_nat_rule *rule)
{
        static const uint16_t families[] = {AF_INET, AF_INET6};

        for (size_t i = 0; rule->n_sources && rule->n_destinations && i < ARRAY_SIZE(families); i++)
                if (has_family(rule->sources, rule->n_sources, families[i]) != has_family(rule->destinations, rule->n_destinations, families[i]))
                        return fail(c, FBN_EINVAL, "sources and destinations are not of the same families: no packet matches");
        return 0;
}

static int validate_protocol(fbn_context *c, const fbn_nat_rule *rule)
{
        uint8_t number = 0;

        if (rule->protocol && !protocol_number(rule->protocol, &number))
                return fail(c, FBN_EINVAL, "protocol '%.32s' is not known; tcp, udp, icmp and icmpv6 are", rule->protocol);
        if (rule->kind == FBN_NAT_CLAMP_MSS && rule->protocol && number != IPPROTO_TCP)
                return fail(c, FBN_EINVAL, "only TCP has an MSS to clamp, %s has none", rule->protocol);
        if ((number == IPPROTO_ICMP && names_family(rule, AF_INET6)) || (number == IPPROTO_ICMPV6 && names_family(rule, AF_INET)))
                return fail(c, FBN_EINVAL, "protocol %s does not go with prefixes of the other family: no packet matches", rule->protocol);
        if ((rule->source_port || rule->destination_port) && number != IPPROTO_TCP && number != IPPROTO_UDP && rule->kind != FBN_NAT_CLAMP_MSS)
                return fail(c, FBN_EINVAL, "a port needs the protocol tcp or udp");
        return 0;
}

static int validate_kind(fbn_context *c, const fbn_nat_rule *rule)
{
        if (rule->kind < FBN_NAT_MASQUERADE || rule->kind > FBN_NAT_KEEP_OUT)
                return fail(c, FBN_EINVAL, "%d is no kind of rule", (int)rule->kind);
        if (rule->mss && rule->kind != FBN_NAT_CLAMP_MSS)
                return fail(c, FBN_EINVAL, "mss belongs to FBN_NAT_CLAMP_MSS only");
        if (rule->established && rule->kind == FBN_NAT_MASQUERADE)
                return fail(c, FBN_EINVAL, "a connection is translated by its first packet: masquerade never sees established ones");
        if (rule->in_device && rule->kind == FBN_NAT_KEEP_OUT)
                return fail(c, FBN_EINVAL, "in_device: locally made packets come from no link; use FBN_NAT_DROP for forwarded ones");
        if (rule->mark & ~rule_mark_mask(rule))
                return fail(c, FBN_EINVAL, "mark 0x%x has bits outside of mark_mask 0x%x: no packet matches", rule->mark, rule->mark_mask);
        return 0;
}

int rule_validate(fbn_context *c, const fbn_nat_rule *rule)
{
        int r;

        r = validate_name(c, rule->name);
        if (r == 0)
                r = validate_kind(c, rule);
        if (r == 0)
                r = validate_prefixes(c, rule->sources, rule->n_sources, "sources");
        if (r == 0)
                r = validate_prefixes(c, rule->destinations, rule->n_destinations, "destinations");
        if (r == 0)
                r = validate_families(c, rule);
        if (r == 0)
                r = validate_device(c, rule->in_device, "in_device");
        if (r == 0)
                r = validate_device(c, rule->out_device, "out_device");
        if (r == 0)
                r = validate_protocol(c, rule);
        return r;
}

static void describe_prefixes(struct text *text, const char *word, const fbn_prefix *prefixes, size_t count)
{
        char buffer[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < count; i++)
                text_add(text, "%s%s", i ? ", " : word, fbn_prefix_format(&prefixes[i], buffer, sizeof(buffer)));
}

static void describe_action(struct text *text, const fbn_nat_rule *rule)
{
        static const char *const words[] = {
                [FBN_NAT_MASQUERADE] = "masquerade", [FBN_NAT_ACCEPT] = "accept",     [FBN_NAT_DROP] = "drop",
                [FBN_NAT_CLAMP_MSS] = "clamp MSS",   [FBN_NAT_KEEP_OUT] = "keep out",
        };

        text_add(text, "%s", words[rule->kind]);
        if (rule->mss)
                text_add(text, " to %u", rule->mss);
}

void rule_describe(const fbn_nat_rule *rule, struct text *text)
{
        describe_action(text, rule);
        if (rule->established)
                text_add(text, " established");
        if (rule->protocol)
                text_add(text, " %s", rule->protocol);
        describe_prefixes(text, " from ", rule->sources, rule->n_sources);
        if (rule->source_port)
                text_add(text, " port %u", rule->source_port);
        describe_prefixes(text, " to ", rule->destinations, rule->n_destinations);
        if (rule->destination_port)
                text_add(text, " to port %u", rule->destination_port);
        if (rule->in_device)
                text_add(text, " in %s", rule->in_device);
        if (rule->out_device)
                text_add(text, " out %s", rule->out_device);
        if (rule_mark_mask(rule))
                text_add(text, " mark 0x%x/0x%x", rule->mark, rule_mark_mask(rule));
}
