/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sysctl/setting.h"

#include <stdio.h>

/* How each comes about: IN_DEV_MAXCONF, _ORCONF, _ANDCONF and _CONF_GET of include/linux/inetdevice.h; of IPv6 net/ipv6/ip6_output.c,
 * ip6_forward(), and net/ipv6/ndisc.c. The meanings are of the values 0, 1, 2. */
static const struct known {
        const char *family, *name;
        fbn_sysctl_rule rule;
        const char *meaning[3];
} known[] = {
        {"ipv4", "rp_filter", FBN_SYSCTL_LARGER,
         {"off: sources are not checked, but for this host's own addresses",
          "strict: a source is accepted only where the route back to it leads out of this link",
          "loose: a source is accepted if any link leads back to it"}},
        {"ipv4", "accept_local", FBN_SYSCTL_EITHER, {"packets from this host's own addresses are dropped", "packets from this host's own addresses are accepted"}},
        {"ipv4", "src_valid_mark", FBN_SYSCTL_EITHER,
         {"the reverse-path filter looks without the packet's mark: routes by fwmark are not seen", "the reverse-path filter looks with the packet's mark"}},
        {"ipv4", "route_localnet", FBN_SYSCTL_EITHER, {"127.0.0.0/8 is dropped", "127.0.0.0/8 may come and go by this link"}},
        {"ipv4", "forwarding", FBN_SYSCTL_OWN, {"what comes in here is not forwarded", "what comes in here is forwarded"}},
        {"ipv4", "log_martians", FBN_SYSCTL_EITHER, {"impossible sources are dropped without a word", "impossible sources are logged"}},
        {"ipv4", "send_redirects", FBN_SYSCTL_EITHER,
         {"no redirects are sent", "who could send directly is told so; what leaves where it came in has its source checked even with rp_filter 0"}},
        {"ipv4", "secure_redirects", FBN_SYSCTL_EITHER, {"redirects of any router are heeded", "only redirects to known gateways are heeded"}},
        {"ipv4", "accept_source_route", FBN_SYSCTL_BOTH, {"packets that dictate their way are dropped", "packets may dictate their way"}},
        {"ipv4", "proxy_arp", FBN_SYSCTL_EITHER, {"ARP is answered for own addresses alone", "ARP is answered for whatever this host routes elsewhere"}},
        {"ipv4", "arp_filter", FBN_SYSCTL_EITHER, {"ARP is answered on any link", "ARP is answered only on the link that leads back to who asks"}},
        {"ipv4", "arp_ignore", FBN_SYSCTL_LARGER,
         {"ARP is answered for any address of this host", "ARP is answered for this link's addresses alone",
          "ARP is answered for this link's addresses, to its own subnet alone"}},
        {"ipv4", "arp_announce", FBN_SYSCTL_LARGER,
         {"ARP asks with any address of this host", "ARP asks with an address of the target's subnet if there is one", "ARP asks with the best address of this link"}},
        {"ipv4", "promote_secondaries", FBN_SYSCTL_EITHER,
         {"with a primary address its secondaries go", "a secondary takes the place of a primary that goes"}},
        {"ipv6", "forwarding", FBN_SYSCTL_ALL, {"nothing is forwarded, whatever the links say", "packets are forwarded"}},
        {"ipv6", "accept_ra", FBN_SYSCTL_OWN,
         {"router advertisements are ignored", "router advertisements are heeded unless this link forwards", "router advertisements are heeded"}},
        {"ipv6", "accept_redirects", FBN_SYSCTL_OWN, {"redirects are ignored", "redirects are heeded"}},
        {"ipv6", "disable_ipv6", FBN_SYSCTL_OWN, {"IPv6 is on", "IPv6 is off on this link"}},
};

struct fbn_sysctl_effects {
        unsigned references;
        struct arena arena;
        fbn_sysctl_effect items[sizeof(known) / sizeof(known[0])];
        size_t count;
};

fbn_sysctl_effects *fbn_sysctl_effects_ref(fbn_sysctl_effects *effects)
{
        effects->references++;
        return effects;
}

fbn_sysctl_effects *fbn_sysctl_effects_unref(fbn_sysctl_effects *effects)
{
        if (!effects || --effects->references > 0)
                return NULL;
        arena_free(&effects->arena);
        memory_free(effects);
        return NULL;
}

size_t fbn_sysctl_effects_count(const fbn_sysctl_effects *effects)
{
        return effects ? effects->count : 0;
}

const fbn_sysctl_effect *fbn_sysctl_effects_at(const fbn_sysctl_effects *effects, size_t index)
{
        return index < fbn_sysctl_effects_count(effects) ? &effects->items[index] : NULL;
}

static int64_t in_force(fbn_sysctl_rule rule, int64_t own, int64_t all)
{
        switch (rule) {
        case FBN_SYSCTL_LARGER: return MAX(own, all);
        case FBN_SYSCTL_EITHER: return own || all;
        case FBN_SYSCTL_BOTH: return own && all;
        case FBN_SYSCTL_ALL: return all;
        default: return own;
        }
}

/* 0, or -FBN_ENOENT without an error set if this kernel or this link has no such setting. */
static int read_one(fbn_context *c, const struct known *setting, const char *device, int64_t *ret_value)
{
        struct error_record before = c->error;
        struct setting_path path;
        int r;

        snprintf(path.text, sizeof(path.text), "net/%s/conf/%s/%s", setting->family, device, setting->name);
        r = setting_read(c, &path, ret_value);
        if (r == -FBN_ENOENT)
                c->error = before;
        return r;
}

static int explain_one(fbn_context *c, const struct known *setting, const char *device, fbn_sysctl_effects *effects)
{
        fbn_sysctl_effect effect = {.size = sizeof(effect), .name = setting->name, .rule = setting->rule};
        int r = read_one(c, setting, device, &effect.own);

        if (r == 0)
                r = read_one(c, setting, "all", &effect.all);
        if (r < 0)
                return r == -FBN_ENOENT ? 0 : r;
        effect.value = in_force(setting->rule, effect.own, effect.all);
        effect.meaning = effect.value >= 0 && effect.value <= 2 && setting->meaning[effect.value] ? setting->meaning[effect.value] : "";
        effect.key = arena_printf(&effects->arena, "net/%s/conf/%s/%s", setting->family, device, setting->name);
        if (!effect.key)
                return fail_memory(c);
        effects->items[effects->count++] = effect;
        return 0;
}

int fbn_sysctl_explain(fbn_context *c, const char *device, fbn_sysctl_effects **ret_effects)
{
        _cleanup_(fbn_sysctl_effects_unrefp) fbn_sysctl_effects *effects = memory_alloc(sizeof(*effects));
        int64_t value;
        int r;

        if (!effects)
                return fail_memory(c);
        effects->references = 1;
        r = fbn_sysctl_rp_filter(c, device, &value); /* says what is wrong with the name, and that the link is there */
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(known); i++)
                r = explain_one(c, &known[i], device, effects);
        if (r == 0)
                *ret_effects = TAKE_PTR(effects);
        return r;
}
