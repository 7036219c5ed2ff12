/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include "base/address.h"

#include <ctype.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <net/if.h>
#include <netinet/in.h>

#define WORDS_MAX 64 /* bytes of a name, and of what a log line begins with */

static bool translates(const fbn_nat_rule *rule)
{
        return rule->kind == FBN_NAT_MASQUERADE || rule->kind == FBN_NAT_SNAT || rule->kind == FBN_NAT_DNAT || rule->kind == FBN_NAT_REDIRECT;
}

static bool marks(const fbn_nat_rule *rule)
{
        return rule->kind == FBN_NAT_SET_MARK || rule->kind == FBN_NAT_SAVE_MARK || rule->kind == FBN_NAT_RESTORE_MARK;
}

static int validate_words(fbn_context *c, const char *text, const char *what)
{
        size_t length = text ? strnlen(text, WORDS_MAX + 1) : 0;

        if (length == 0 || length > WORDS_MAX)
                return fail(c, FBN_EINVAL, "a rule needs a %s of 1 to %d bytes", what, WORDS_MAX);
        /* nft shows it in quotes and knows no escape in them. */
        for (size_t i = 0; i < length; i++)
                if ((unsigned char)text[i] < ' ' || text[i] == 0x7f || text[i] == '"')
                        return fail(c, FBN_EINVAL, "a %s has no quote and no control character in it", what);
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
        return has_family(rule->sources, rule->n_sources, family) || has_family(rule->destinations, rule->n_destinations, family) ||
               rule->to.family == family;
}

/* Packets have all addresses in one family: a prefix without a partner would silently match nothing. */
static int validate_families(fbn_context *c, const fbn_nat_rule *rule)
{
        static const uint16_t families[] = {AF_INET, AF_INET6};

        for (size_t i = 0; rule->n_sources && rule->n_destinations && i < ARRAY_SIZE(families); i++)
                if (has_family(rule->sources, rule->n_sources, families[i]) != has_family(rule->destinations, rule->n_destinations, families[i]))
                        return fail(c, FBN_EINVAL, "sources and destinations are not of the same families: no packet matches");
        if (rule->to.family && names_family(rule, rule->to.family == AF_INET ? AF_INET6 : AF_INET))
                return fail(c, FBN_EINVAL, "to: an address is translated within its family only, and a prefix is of the other one");
        return 0;
}

static int validate_range(fbn_context *c, uint16_t first, uint16_t last, const char *member)
{
        if (last && last < first)
                return fail(c, FBN_EINVAL, "%s %u to %u is no range", member, first, last);
        return last && !first ? fail(c, FBN_EINVAL, "%s_last: a range needs its first port too", member) : 0;
}

static int validate_protocol(fbn_context *c, const fbn_nat_rule *rule)
{
        bool ports = rule->source_port || rule->destination_port || rule->to_port;
        uint8_t number = 0;

        if (rule->protocol && !protocol_number(rule->protocol, &number))
                return fail(c, FBN_EINVAL, "protocol '%.32s' is not known; tcp, udp, icmp and icmpv6 are", rule->protocol);
        if (rule->kind == FBN_NAT_CLAMP_MSS && rule->protocol && number != IPPROTO_TCP)
                return fail(c, FBN_EINVAL, "only TCP has an MSS to clamp, %s has none", rule->protocol);
        if ((number == IPPROTO_ICMP && names_family(rule, AF_INET6)) || (number == IPPROTO_ICMPV6 && names_family(rule, AF_INET)))
                return fail(c, FBN_EINVAL, "protocol %s does not go with prefixes of the other family: no packet matches", rule->protocol);
        if (rule->kind == FBN_NAT_OFFLOAD && number && number != IPPROTO_TCP && number != IPPROTO_UDP)
                return fail(c, FBN_EINVAL, "a flow table takes tcp and udp, not %s", rule->protocol);
        if (ports && number != IPPROTO_TCP && number != IPPROTO_UDP && rule->kind != FBN_NAT_CLAMP_MSS)
                return fail(c, FBN_EINVAL, "a port needs the protocol tcp or udp");
        return 0;
}

static int validate_ports(fbn_context *c, const fbn_nat_rule *rule)
{
        int r;

        r = validate_range(c, rule->source_port, rule->source_port_last, "source_port");
        if (r == 0)
                r = validate_range(c, rule->destination_port, rule->destination_port_last, "destination_port");
        if (r == 0)
                r = validate_range(c, rule->to_port, rule->to_port_last, "to_port");
        return r == 0 ? validate_protocol(c, rule) : r;
}

static int validate_place(fbn_context *c, const fbn_nat_rule *rule)
{
        bool filters = rule->kind == FBN_NAT_ACCEPT || rule->kind == FBN_NAT_DROP || rule->kind == FBN_NAT_COUNT;
        bool diverts = rule->kind == FBN_NAT_DNAT || rule->kind == FBN_NAT_REDIRECT;

        if ((unsigned)rule->at > FBN_NAT_ARRIVAL)
                return fail(c, FBN_EINVAL, "at: %d is no place", (int)rule->at);
        if (diverts && rule->at && rule->at != FBN_NAT_OUTPUT)
                return fail(c, FBN_EINVAL, "at: a destination is translated before the packet is routed: leave it out, or give FBN_NAT_OUTPUT");
        if (!filters && !diverts && rule->at)
                return fail(c, FBN_EINVAL, "at: this kind has its own place; only accept, drop, count, dnat and redirect are told one");
        return 0;
}

/* Members that have no meaning for the kind would be silently void. */
static int validate_members(fbn_context *c, const fbn_nat_rule *rule)
{
        bool snat = rule->kind == FBN_NAT_SNAT || rule->kind == FBN_NAT_MASQUERADE;

        if (rule->mss && rule->kind != FBN_NAT_CLAMP_MSS)
                return fail(c, FBN_EINVAL, "mss belongs to FBN_NAT_CLAMP_MSS only");
        if (rule->to.family && rule->kind != FBN_NAT_SNAT && rule->kind != FBN_NAT_DNAT)
                return fail(c, FBN_EINVAL, "to belongs to FBN_NAT_SNAT and FBN_NAT_DNAT only");
        if (rule->to_map && (rule->kind != FBN_NAT_DNAT || rule->to.family || rule->to_port))
                return fail(c, FBN_EINVAL, "to_map belongs to FBN_NAT_DNAT only, in place of to and to_port");
        if (!rule->to.family && !rule->to_map && (rule->kind == FBN_NAT_SNAT || rule->kind == FBN_NAT_DNAT))
                return fail(c, FBN_EINVAL, "to is missing: the address that packets get");
        if (rule->to.family && !family_bits(rule->to.family))
                return fail(c, FBN_EINVAL, "to is no IPv4 or IPv6 address");
        if (rule->to_port && !translates(rule))
                return fail(c, FBN_EINVAL, "to_port belongs to kinds that translate an address or port");
        if (rule->random && !snat)
                return fail(c, FBN_EINVAL, "random belongs to FBN_NAT_MASQUERADE and FBN_NAT_SNAT only");
        if (rule->hairpin && (rule->kind != FBN_NAT_DNAT || rule->at))
                return fail(c, FBN_EINVAL, "hairpin belongs to FBN_NAT_DNAT of arriving packets only");
        if (rule->hairpin > family_bits(rule->to.family))
                return fail(c, FBN_EINVAL, "hairpin: %u is longer than an address", rule->hairpin);
        if (rule->kind == FBN_NAT_OFFLOAD && (!rule->in_device || !rule->out_device || rule->states))
                return fail(c, FBN_EINVAL, "an offload is for established connections (so no states) between an in_device and an out_device");
        if (rule->set_mark && rule->kind != FBN_NAT_SET_MARK)
                return fail(c, FBN_EINVAL, "set_mark belongs to FBN_NAT_SET_MARK only");
        if (rule->set_mark_mask && !marks(rule))
                return fail(c, FBN_EINVAL, "set_mark_mask belongs to kinds that change a mark");
        return 0;
}

/* nft_redir_eval() of older kernels leaves the base of a shift as it was on the stack. */
static int validate_shift(fbn_context *c, const fbn_nat_rule *rule)
{
        unsigned count = rule->destination_port_last ? rule->destination_port_last - rule->destination_port + 1u : 1;

        if (!rule->to_port || rule->to_port_last || count == 1)
                return 0;
        if (rule->kind == FBN_NAT_REDIRECT)
                return fail(c, FBN_EINVAL, "to_port: a redirect cannot shift a range of ports; give to_port_last, or a rule for each port");
        if (rule->kind == FBN_NAT_DNAT && rule->to_port + count - 1 > UINT16_MAX)
                return fail(c, FBN_EINVAL, "to_port: %u ports from %u on end behind 65535", count, rule->to_port);
        if (rule->kind == FBN_NAT_DNAT && rule->to_port < rule->destination_port && count > rule->destination_port)
                return fail(c, FBN_EINVAL, "to_port: the kernel cannot shift so large a range down; split it at port %u", 2u * rule->destination_port);
        return 0;
}

static int validate_devices(fbn_context *c, const fbn_nat_rule *rule)
{
        bool both_ways = marks(rule) || rule->kind == FBN_NAT_NOTRACK;
        int r;

        r = validate_device(c, rule->in_device, "in_device");
        if (r == 0)
                r = validate_device(c, rule->out_device, "out_device");
        if (r < 0)
                return r;
        if (rule->in_device && rule->kind == FBN_NAT_KEEP_OUT)
                return fail(c, FBN_EINVAL, "in_device: locally made packets come from no link; use FBN_NAT_DROP for forwarded ones");
        if (rule->in_device && (rule_in_chain(rule, CHAIN_OUTPUT) || rule_in_chain(rule, CHAIN_OUTPUT_NAT)))
                return fail(c, FBN_EINVAL, "in_device: locally made packets come from no link: no packet matches");
        if (rule->in_device && rule->out_device && both_ways)
                return fail(c, FBN_EINVAL, "in_device and out_device: a packet that arrives has no outgoing link yet, and a locally made one comes "
                                           "from none: no packet matches");
        if (rule->out_device && (rule_in_chain(rule, CHAIN_INPUT) || rule_in_chain(rule, CHAIN_PREROUTING) || (rule->at == FBN_NAT_ARRIVAL)))
                return fail(c, FBN_EINVAL, "out_device: here a packet has no outgoing link yet: no packet matches");
        return 0;
}

static int validate_mark(fbn_context *c, uint32_t mark, uint32_t mask, const char *member)
{
        if (mark & ~full_mask(mark, mask))
                return fail(c, FBN_EINVAL, "%s 0x%x has bits outside of %s_mask 0x%x: no packet matches", member, mark, member, mask);
        return 0;
}

static int validate_marks(fbn_context *c, const fbn_nat_rule *rule)
{
        int r;

        r = validate_mark(c, rule->mark, rule->mark_mask, "mark");
        if (r == 0)
                r = validate_mark(c, rule->connection_mark, rule->connection_mark_mask, "connection_mark");
        if (r == 0 && (rule->set_mark & ~full_mask(rule->set_mark, rule->set_mark_mask)))
                r = fail(c, FBN_EINVAL, "set_mark 0x%x has bits outside of set_mark_mask 0x%x", rule->set_mark, rule->set_mark_mask);
        return r;
}

static int validate_connection(fbn_context *c, const fbn_nat_rule *rule)
{
        bool tracked = !rule_in_chain(rule, CHAIN_ARRIVAL) && !rule_in_chain(rule, CHAIN_OUTPUT_RAW);
        uint32_t states = 0;

        if (rule->states && !states_parse(rule->states, &states))
                return fail(c, FBN_EINVAL, "states: '%.64s': new, established, related, invalid and untracked are known, with commas between them",
                            rule->states);
        if (!tracked && (states || rule->dnat || full_mask(rule->connection_mark, rule->connection_mark_mask)))
                return fail(c, FBN_EINVAL, "states, dnat and connection_mark: here a packet belongs to no connection yet: no packet matches");
        if (states && translates(rule) && !(states & (NF_CT_STATE_BIT(IP_CT_NEW) | NF_CT_STATE_BIT(IP_CT_RELATED))))
                return fail(c, FBN_EINVAL, "states: a connection is translated by its first packet, which is new or related: no packet matches");
        if (rule->dnat && (rule->kind == FBN_NAT_DNAT || rule->kind == FBN_NAT_REDIRECT))
                return fail(c, FBN_EINVAL, "dnat: a connection's destination is translated once: no packet matches");
        if (rule->local && (rule_in_chain(rule, CHAIN_FORWARD) || rule_in_chain(rule, CHAIN_OFFLOAD) || rule_in_chain(rule, CHAIN_POSTROUTING)) && rule->kind != FBN_NAT_DNAT)
                return fail(c, FBN_EINVAL, "local: packets that are forwarded or leave are not for this host: no packet matches");
        return 0;
}

static int validate_rate(fbn_context *c, const fbn_nat_rule *rule)
{
        if ((rule->rate_seconds || rule->burst) && !rule->rate)
                return fail(c, FBN_EINVAL, "rate_seconds and burst belong to a rate");
        /* What nft has words for. */
        if (rule->rate_seconds && rule->rate_seconds != 1 && rule->rate_seconds != 60 && rule->rate_seconds != 3600 && rule->rate_seconds != 86400)
                return fail(c, FBN_EINVAL, "rate_seconds: %u is none of 1, 60, 3600, 86400", rule->rate_seconds);
        return 0;
}

static int validate_log(fbn_context *c, const fbn_nat_rule *rule)
{
        if ((rule->log_group || rule->log_level) && !rule->log)
                return fail(c, FBN_EINVAL, "log_group and log_level belong to a log");
        if (rule->log_group && rule->log_level)
                return fail(c, FBN_EINVAL, "log_level: a group of nflog has no levels");
        if (rule->log_level > 7)
                return fail(c, FBN_EINVAL, "log_level: %u is none of 1 (alert) to 7 (debug)", rule->log_level);
        return rule->log ? validate_words(c, rule->log, "log") : 0;
}

/* The kernel keeps so much beside a rule that we keep the rule itself there. */
static int validate_size(fbn_context *c, const fbn_nat_rule *rule)
{
        static const fbn_prefix six = {.address.family = AF_INET6}, four = {.address.family = AF_INET};
        const fbn_prefix *widest = names_family(rule, AF_INET6) ? &six : &four;
        fbn_nat_rule pair = *rule;
        struct userdata userdata;

        pair.sources = rule->n_sources ? widest : NULL;
        pair.destinations = rule->n_destinations ? widest : NULL;
        record_encode(&pair, &userdata);
        if (userdata.full)
                return fail(c, FBN_EINVAL, "the rule does not fit into the %d bytes that the kernel keeps with it: shorten its name or log",
                            NFT_USERDATA_MAXLEN);
        return 0;
}

int rule_validate(fbn_context *c, const fbn_nat_rule *rule)
{
        static int (*const checks[])(fbn_context *c, const fbn_nat_rule *rule) = {
                validate_place, validate_members, validate_families, validate_devices, validate_ports, validate_shift,
                validate_marks, validate_connection, validate_rate, validate_log, validate_size,
        };
        int r;

        r = validate_words(c, rule->name, "name");
        if (r == 0 && (rule->kind < FBN_NAT_MASQUERADE || rule->kind > FBN_NAT_OFFLOAD))
                r = fail(c, FBN_EINVAL, "%d is no kind of rule", (int)rule->kind);
        if (r == 0)
                r = validate_prefixes(c, rule->sources, rule->n_sources, "sources");
        if (r == 0)
                r = validate_prefixes(c, rule->destinations, rule->n_destinations, "destinations");
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(checks); i++)
                r = checks[i](c, rule);
        return r;
}
