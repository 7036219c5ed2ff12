/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/difference.h"
#include "base/address.h"
#include "wireguard/claims.h"
#include "wireguard/peer.h"

#include <stdio.h>

#define HIDDEN "(secret)"

/* Messages go out in this order: what is given to peers (a prefix that another peer has moves in one step), what is taken from
 * peers, peers that go. So a prefix that only changes its owner never lacks one. */
struct comparing {
        fbn_context *c;
        const char *name;
        const fbn_wireguard *have, *want;
        struct claims claims;
        struct peer_update *later; /* peers that lose something */
        size_t n_later, later_capacity;
        size_t n_kept; /* peers that were read and kept and are wanted */
        struct difference *difference;
};

static int report(struct comparing *comparing, fbn_change_kind kind, const fbn_wireguard_peer *peer, const char *field, const char *before,
                  const char *after)
{
        char object[FBN_KEY_TEXT + 64], key[FBN_KEY_TEXT];

        comparing->difference->count++;
        if (!comparing->difference->changes)
                return 0;
        if (peer)
                snprintf(object, sizeof(object), "%s: peer %s", comparing->name, fbn_key_format(&peer->public_key, key, sizeof(key)));
        else
                snprintf(object, sizeof(object), "%s", comparing->name);
        return changes_add(comparing->c, comparing->difference->changes, kind, object, field, before, after);
}

/* The same for a number, of which 0 is "none". */
static int report_number(struct comparing *comparing, const fbn_wireguard_peer *peer, const char *field, uint32_t before, uint32_t after)
{
        char before_text[16], after_text[16];

        snprintf(before_text, sizeof(before_text), "%u", before);
        snprintf(after_text, sizeof(after_text), "%u", after);
        return report(comparing, FBN_CHANGE_UPDATE, peer, field, before ? before_text : NULL, after ? after_text : NULL);
}

static int compare_interface(struct comparing *comparing)
{
        const fbn_wireguard_interface *have = &comparing->have->interface, *want = &comparing->want->interface;
        struct update *update = &comparing->difference->update;
        int r = 0;

        update->interface = want;
        update->boringtun = comparing->have->boringtun;
        if (want->private_key && !key_equal(&want->public_key, &have->public_key)) {
                update->what |= INTERFACE_PRIVATE_KEY;
                r = report(comparing, FBN_CHANGE_UPDATE, NULL, "private key", have->private_key ? HIDDEN : NULL, HIDDEN);
        }
        if (r == 0 && want->listen_port && want->listen_port != have->listen_port) {
                update->what |= INTERFACE_LISTEN_PORT;
                r = report_number(comparing, NULL, "listen port", have->listen_port, want->listen_port);
        }
        if (r == 0 && want->fwmark != have->fwmark) {
                update->what |= INTERFACE_FWMARK;
                r = report_number(comparing, NULL, "fwmark", have->fwmark, want->fwmark);
        }
        return r;
}

static int push(struct comparing *comparing, const struct peer_update *item)
{
        struct update *update = &comparing->difference->update;

        if (!ARRAY_RESERVE(update->peers, update->count, update->capacity))
                return fail_memory(comparing->c);
        update->peers[update->count++] = *item;
        return 0;
}

static int compare_preshared_key(struct comparing *comparing, const fbn_wireguard_peer *have, const fbn_wireguard_peer *want,
                                 unsigned *what)
{
        const fbn_secret *before = have->preshared_key, *after = want->preshared_key;

        if (before && after ? fbn_secret_equal(before, after) : before == after)
                return 0;
        *what |= PEER_PRESHARED_KEY;
        return report(comparing, FBN_CHANGE_UPDATE, want, "preshared key", before ? HIDDEN : NULL, after ? HIDDEN : NULL);
}

static int compare_endpoint(struct comparing *comparing, const fbn_wireguard_peer *have, const fbn_wireguard_peer *want, unsigned *what)
{
        char before[FBN_ADDRESS_TEXT], after[FBN_ADDRESS_TEXT];

        if (peer_keeps_endpoint(comparing->have, have, want))
                return 0;
        *what |= PEER_ENDPOINT;
        fbn_endpoint_format(&have->endpoint, before, sizeof(before));
        fbn_endpoint_format(&want->endpoint, after, sizeof(after));
        return report(comparing, FBN_CHANGE_UPDATE, want, "endpoint", *before ? before : NULL, after);
}

static int compare_keepalive(struct comparing *comparing, const fbn_wireguard_peer *have, const fbn_wireguard_peer *want, unsigned *what)
{
        if (have->keepalive == want->keepalive)
                return 0;
        *what |= PEER_KEEPALIVE;
        return report_number(comparing, want, "keepalive", have->keepalive, want->keepalive);
}

static int report_allowed_ip(struct comparing *comparing, const fbn_wireguard_peer *peer, const fbn_prefix *before, const fbn_prefix *after)
{
        char text[FBN_ADDRESS_TEXT];

        fbn_prefix_format(before ? before : after, text, sizeof(text));
        return report(comparing, FBN_CHANGE_UPDATE, peer, "allowed IP", before ? text : NULL, after ? text : NULL);
}

struct prefixes {
        fbn_prefix *items;
        size_t count;
};

/* Both lists are sorted: one walk finds what is new and what is taken away without another peer taking it over. */
static int walk_allowed_ips(struct comparing *comparing, const fbn_wireguard_peer *have, const fbn_wireguard_peer *want,
                            struct prefixes *added, struct prefixes *taken)
{
        size_t i = 0, j = 0;
        int r = 0;

        while (r == 0 && (i < have->n_allowed_ips || j < want->n_allowed_ips)) {
                int order = i == have->n_allowed_ips ? 1
                            : j == want->n_allowed_ips ? -1
                                                       : prefix_compare(&have->allowed_ips[i], &want->allowed_ips[j]);

                if (order < 0) {
                        if (!claims_has(&comparing->claims, &have->allowed_ips[i]))
                                taken->items[taken->count++] = have->allowed_ips[i];
                        r = report_allowed_ip(comparing, want, &have->allowed_ips[i], NULL);
                } else if (order > 0) {
                        added->items[added->count++] = want->allowed_ips[j];
                        r = report_allowed_ip(comparing, want, NULL, &want->allowed_ips[j]);
                }
                i += order <= 0;
                j += order >= 0;
        }
        return r;
}

static int push_later(struct comparing *comparing, const struct peer_update *item)
{
        if (!ARRAY_RESERVE(comparing->later, comparing->n_later, comparing->later_capacity))
                return fail_memory(comparing->c);
        comparing->later[comparing->n_later++] = *item;
        return 0;
}

static int compare_allowed_ips(struct comparing *comparing, const fbn_wireguard_peer *have, const fbn_wireguard_peer *want,
                               struct peer_update *item)
{
        struct arena *arena = &comparing->difference->arena;
        struct prefixes added = {0}, taken = {0};
        int r;

        if (peer_same_allowed_ips(have, want))
                return 0;
        added.items = arena_alloc(arena, want->n_allowed_ips * sizeof(*added.items));
        taken.items = arena_alloc(arena, have->n_allowed_ips * sizeof(*taken.items));
        if (!added.items || !taken.items)
                return fail_memory(comparing->c);
        r = walk_allowed_ips(comparing, have, want, &added, &taken);
        item->allowed_ips = added.items;
        item->n_allowed_ips = added.count;
        if (r < 0 || taken.count == 0 || comparing->have->boringtun == BORINGTUN)
                return r;
        return push_later(comparing, &(struct peer_update){want, PEER_TAKE_ALLOWED_IPS, taken.items, taken.count});
}

static struct peer_update creation_of(const fbn_wireguard_peer *peer)
{
        struct peer_update item = {peer, PEER_CREATE, peer->allowed_ips, peer->n_allowed_ips};

        if (peer->preshared_key)
                item.what |= PEER_PRESHARED_KEY;
        if (peer->endpoint.address.family)
                item.what |= PEER_ENDPOINT;
        if (peer->keepalive)
                item.what |= PEER_KEEPALIVE;
        return item;
}

/* boringtun cannot change a peer and comes to a stop for good when it is asked to (0.7.1, src/device/mod.rs, update_peer()): the peer is
 * removed and made anew, with the endpoint that was learned. */
static int push_anew(struct comparing *comparing, const fbn_wireguard_peer *have, const fbn_wireguard_peer *want, bool later)
{
        int (*put)(struct comparing *comparing, const struct peer_update *item) = later ? push_later : push;
        fbn_wireguard_peer *anew = arena_copy(&comparing->difference->arena, want, sizeof(*want));
        struct peer_update come;
        int r;

        if (!anew)
                return fail_memory(comparing->c);
        if (!anew->endpoint.address.family)
                anew->endpoint = have->endpoint;
        come = creation_of(anew);
        r = put(comparing, &(struct peer_update){.peer = have, .what = PEER_REMOVE});
        return r < 0 ? r : put(comparing, &come);
}

static int compare_peer(struct comparing *comparing, const fbn_wireguard_peer *have, const fbn_wireguard_peer *want)
{
        size_t before = comparing->difference->count;
        struct peer_update item = {.peer = want};
        bool gets;
        int r;

        r = compare_preshared_key(comparing, have, want, &item.what);
        if (r == 0)
                r = compare_endpoint(comparing, have, want, &item.what);
        if (r == 0)
                r = compare_keepalive(comparing, have, want, &item.what);
        if (r == 0)
                r = compare_allowed_ips(comparing, have, want, &item);
        if (r < 0 || comparing->difference->count == before)
                return r;
        gets = item.what || item.n_allowed_ips;
        if (comparing->have->boringtun == BORINGTUN)
                return push_anew(comparing, have, want, !gets);
        return gets ? push(comparing, &item) : 0;
}

static int add_peer(struct comparing *comparing, const fbn_wireguard_peer *want)
{
        struct peer_update item = creation_of(want);
        int r = report(comparing, FBN_CHANGE_CREATE, want, NULL, NULL, NULL);

        return r < 0 ? r : push(comparing, &item);
}

static int compare_peers(struct comparing *comparing)
{
        for (size_t i = 0; i < comparing->want->count; i++) {
                const fbn_wireguard_peer *want = &comparing->want->peers[i];
                const fbn_wireguard_peer *have;
                int r;

                if (comparing->have->met && comparing->have->met[i])
                        continue;
                have = configuration_find(comparing->have, &want->public_key);
                r = have ? compare_peer(comparing, have, want) : add_peer(comparing, want);
                if (r < 0)
                        return r;
                comparing->n_kept += have != NULL;
        }
        return 0;
}

static int push_losses(struct comparing *comparing)
{
        int r = 0;

        for (size_t i = 0; i < comparing->n_later && r == 0; i++)
                r = push(comparing, &comparing->later[i]);
        return r;
}

static int remove_peers(struct comparing *comparing)
{
        for (size_t i = 0; i < comparing->have->count; i++) {
                const fbn_wireguard_peer *have = &comparing->have->peers[i];
                int r;

                if (configuration_find(comparing->want, &have->public_key))
                        continue;
                r = report(comparing, FBN_CHANGE_DELETE, have, NULL, NULL, NULL);
                if (r == 0)
                        r = push(comparing, &(struct peer_update){.peer = have, .what = PEER_REMOVE});
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The kernel ignores such a peer without a word, and every later apply would try again. */
static int check_own_key(struct comparing *comparing)
{
        const fbn_wireguard *of = comparing->want->interface.private_key ? comparing->want : comparing->have;
        char key[FBN_KEY_TEXT];

        if (!configuration_find(comparing->want, &of->interface.public_key))
                return 0;
        return fail(comparing->c, FBN_EINVAL, "peer %s is the interface itself; give it the public key of the other side",
                    fbn_key_format(&of->interface.public_key, key, sizeof(key)));
}

static void comparing_free(struct comparing *comparing)
{
        claims_free(&comparing->claims);
        memory_free(comparing->later);
}

static int compare(struct comparing *comparing, bool keep_peers)
{
        int r;

        r = check_own_key(comparing);
        if (r == 0)
                r = claims_new(comparing->c, comparing->want, &comparing->claims);
        if (r < 0)
                return fail_in(comparing->c, r, "%s", comparing->name);
        r = compare_interface(comparing);
        if (r == 0)
                r = compare_peers(comparing);
        if (r == 0)
                r = push_losses(comparing);
        return r < 0 || keep_peers || comparing->n_kept == comparing->have->count ? r : remove_peers(comparing);
}

int difference_new(fbn_context *c, const char *name, const fbn_wireguard *have, const fbn_wireguard *want, unsigned how,
                   struct difference *ret_difference)
{
        struct difference difference = {.changes = how & DIFFERENCE_COUNT ? NULL : changes_new()};
        _cleanup_(comparing_free) struct comparing comparing = {
                .c = c, .name = name, .have = have, .want = want, .difference = &difference};
        int r = difference.changes || how & DIFFERENCE_COUNT ? compare(&comparing, how & DIFFERENCE_KEEP_PEERS) : fail_memory(c);

        if (r < 0) {
                difference_free(&difference);
                return r;
        }
        *ret_difference = difference;
        return 0;
}

void difference_free(struct difference *difference)
{
        fbn_changes_unref(difference->changes);
        memory_free(difference->update.peers);
        arena_free(&difference->arena);
        *difference = (struct difference){0};
}
