/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/text.h"
#include "fabric/plan.h"

#include <sodium.h>
#include <stdio.h>

/* What a step does to traffic while it is taken, by what it touches. */
static const struct effect {
        const char *domain;
        unsigned kinds;    /* bits by fbn_change_kind */
        const char *field; /* NULL: any */
        const char *disruption;
} effects[] = {
#define ON(kind) (1u << FBN_CHANGE_##kind)
#define ANY (ON(CREATE) | ON(UPDATE) | ON(DELETE))
        {"link", ON(DELETE), NULL, "everything through it ends"},
        {"link", ON(UPDATE), "mtu", "packets between the old and the new size are lost once"},
        {"link", ON(UPDATE), "state", "nothing goes through it while it is down"},
        {"wireguard", ON(UPDATE), "private key", "all sessions of the interface end; peers must know the new key"},
        {"wireguard", ON(UPDATE), "listen port", "peers find this host again with its next packet, or at the new port"},
        {"wireguard", ON(UPDATE), "preshared key", "no new session with the peer until it has the same key"},
        {"wireguard", ON(UPDATE), "allowed IPs", "what moves from one peer to another is without a way for an instant"},
        {"wireguard", ON(DELETE), NULL, "the peer's session ends"},
        {"address", ON(DELETE), NULL, "connections from and to that address end"},
        {"route", ON(DELETE), NULL, "what went there takes another way, or none"},
        {"route", ON(UPDATE), NULL, "what goes there takes the new way from the next packet on"},
        {"rule", ANY, NULL, "what the rule selects takes another way from the next packet on"},
        {"sysctl", ON(UPDATE), "rp_filter", "a stricter filter drops asymmetric flows at once"},
        {"nat", ON(UPDATE) | ON(DELETE), NULL, "new connections only: those that are known go on as they are"},
        {"nat", ON(CREATE), NULL, "new connections only"},
        {"dns", ANY, NULL, "names go the new ways from the next question on; what programs have looked up stays with them"},
        {"tailscale", ON(UPDATE), NULL, "the mesh learns of it within seconds"},
        {"headscale", ON(UPDATE), "approved routes", "traffic moves to the router that serves then"},
};

static bool fits(const struct effect *effect, const fbn_plan_step *step)
{
        if (!streq(effect->domain, step->domain) || !(effect->kinds & 1u << step->kind))
                return false;
        return !effect->field || (step->field && streq(effect->field, step->field)) || strstr(step->object, effect->field);
}

static const char *disruption_of(const fbn_plan_step *step)
{
        for (size_t i = 0; i < ARRAY_SIZE(effects); i++)
                if (fits(&effects[i], step))
                        return effects[i].disruption;
        return NULL;
}

/* The device that a step is about: "link wg0", "wg0: peer …", a route's "dev wg0". */
static size_t device_of(const fbn_plan_step *step, const char **ret_device)
{
        const char *at = step->object;

        if (streq(step->domain, "route")) {
                at = step->after ? strstr(step->after, "dev ") : NULL;
                *ret_device = at ? at + 4 : "";
        } else if (streq(step->domain, "link"))
                *ret_device = strncmp(at, "link ", 5) == 0 ? at + 5 : at;
        else if (streq(step->domain, "wireguard") || streq(step->domain, "address"))
                *ret_device = at;
        else
                *ret_device = "";
        return strcspn(*ret_device, ": ,");
}

/* Steps with the same device need the one that makes it; routes and addresses of the others may lie anywhere behind. A plan makes few
 * links, so that looking at each of them costs little. */
static void find_needs(struct fbn_plan *plan)
{
        size_t links[32], n_links = 0;

        for (size_t i = 0; i < plan->count; i++)
                if (streq(plan->items[i].domain, "link") && plan->items[i].kind == FBN_CHANGE_CREATE && n_links < ARRAY_SIZE(links))
                        links[n_links++] = i;
        for (size_t i = 0; n_links > 0 && i < plan->count; i++) {
                const char *device, *made;
                size_t length = device_of(&plan->items[i], &device);

                for (size_t j = 0; length && j < n_links && links[j] < i; j++) {
                        if (device_of(&plan->items[links[j]], &made) != length || strncmp(made, device, length) != 0)
                                continue;
                        plan->items[i].needs = (uint32_t)links[j] + 1;
                }
        }
}

/* A thing that goes and comes again is replaced: both steps say so. */
static void find_replacements(struct fbn_plan *plan)
{
        for (size_t i = 0; i < plan->count; i++) {
                if (plan->items[i].kind != FBN_CHANGE_DELETE)
                        continue;
                for (size_t j = i + 1; j < plan->count && j < i + 64; j++) /* an apply takes them close together */
                        if (plan->items[j].kind == FBN_CHANGE_CREATE && streq(plan->items[i].domain, plan->items[j].domain) &&
                            streq(plan->items[i].object, plan->items[j].object))
                                plan->items[i].replaces = plan->items[j].replaces = true;
        }
}

static void hash_text(crypto_generichash_state *state, const char *text)
{
        crypto_generichash_update(state, (const unsigned char *)(text ? text : "\1"), text ? strlen(text) + 1 : 2);
}

static void digest(const fbn_fabric *fabric, const char *host, struct fbn_plan *plan)
{
        unsigned char hash[PLAN_DIGEST / 2];
        crypto_generichash_state state;

        crypto_generichash_init(&state, NULL, 0, sizeof(hash));
        for (size_t i = 0; i < fabric->n_sources; i++)
                hash_text(&state, fabric->sources[i].text);
        hash_text(&state, host);
        for (size_t i = 0; i < plan->count; i++) {
                const fbn_plan_step *step = &plan->items[i];
                const unsigned char kind = (unsigned char)step->kind;

                crypto_generichash_update(&state, &kind, 1);
                hash_text(&state, step->domain);
                hash_text(&state, step->object);
                hash_text(&state, step->field);
                hash_text(&state, step->before);
                hash_text(&state, step->after);
        }
        crypto_generichash_final(&state, hash, sizeof(hash));
        sodium_bin2hex(plan->digest, sizeof(plan->digest), hash, sizeof(hash));
}

void plan_complete(const fbn_fabric *fabric, const char *host, struct fbn_plan *plan)
{
        for (size_t i = 0; i < plan->count; i++)
                plan->items[i].disruption = disruption_of(&plan->items[i]);
        find_needs(plan);
        find_replacements(plan);
        digest(fabric, host, plan);
}
