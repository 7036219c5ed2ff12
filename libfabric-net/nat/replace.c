/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

/* What a replacement has to do. */
struct delta {
        fbn_nat_elements *added, *deleted;
        uint8_t *stands; /* of each element given: it is there already */
};

static void delta_free(struct delta *delta)
{
        fbn_nat_elements_unref(delta->added);
        fbn_nat_elements_unref(delta->deleted);
        memory_free(delta->stands);
}

static int read_standing(fbn_context *c, const struct change *change, struct delta *delta)
{
        FBN_CLEANUP(fbn_nat_reader) reader = NULL;
        struct element element;
        int r;

        r = fbn_nat_reader_new(c, change->given->name, &reader);
        while (r >= 0 && (r = reader_next(c, reader, &element)) > 0) {
                const uint8_t *packed = elements_find(change->given, &element);

                if (packed && element_same(change->given, packed, &element))
                        delta->stands[(size_t)(packed - change->given->bytes) / change->given->stride] = 1;
                else
                        r = elements_append(c, delta->deleted, &element);
        }
        return r;
}

static int append_missing(fbn_context *c, const struct change *change, struct delta *delta)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < change->given->count; i++)
                if (!delta->stands[i])
                        r = elements_append_packed(c, delta->added, element_at(change->given, i));
        return r;
}

static int delta_begin(fbn_context *c, const struct change *change, struct delta *delta)
{
        const fbn_nat_elements *given = change->given;
        int r;

        delta->stands = memory_alloc(given->count + 1);
        if (!delta->stands)
                return fail_memory(c);
        r = elements_new(c, given->name, &given->shape, &delta->added);
        return r == 0 ? elements_new(c, given->name, &given->shape, &delta->deleted) : r;
}

/* Send it: the number of differences, with lost when the answers were, and nothing is known. */
static int delta_send(fbn_context *c, const struct change *change, const struct delta *delta, const uint32_t *generation, bool *lost)
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        int r;

        if (delta->added->count + delta->deleted->count == 0)
                return 0;
        transaction_begin(&batch, generation);
        if (delta->deleted->count > 0)
                elements_put(&batch, NFT_MSG_DELSETELEM, delta->deleted, 0);
        if (delta->added->count > 0)
                elements_put(&batch, NFT_MSG_NEWSETELEM, delta->added, 0);
        transaction_end(&batch);
        r = change_exchange(c, change, &batch);
        *lost = r > 0;
        return r < 0 ? r : (int)(delta->added->count + delta->deleted->count);
}

/* One round: the number of differences when the kernel has taken them, -FBN_ESTALE or -FBN_EINTERRUPTED when it has not. */
static int replace_once(fbn_context *c, const struct change *change, bool *lost)
{
        _cleanup_(delta_free) struct delta delta = {0};
        uint32_t generation;
        int r;

        r = generation_read(c, change->netlink, &generation);
        if (r == 0)
                r = delta_begin(c, change, &delta);
        if (r == 0)
                r = read_standing(c, change, &delta);
        if (r == 0)
                r = append_missing(c, change, &delta);
        return r < 0 ? r : delta_send(c, change, &delta, &generation, lost);
}

static int replace_what_stands(fbn_context *c, const struct change *change)
{
        int r = 0, sent = 0;

        for (unsigned i = 0; i < CHANGE_TRIES; i++) {
                bool lost = false;

                r = replace_once(c, change, &lost);
                if (r == 0)
                        return sent;
                if (!lost && r != -FBN_ESTALE && r != -FBN_EINTERRUPTED && r != -FBN_ENOENT) /* ENOENT: an element has expired meanwhile */
                        return r;
                sent = lost ? r : sent;
        }
        return r < 0 ? r : change_fail_lost(c);
}

/* Nothing is wanted: one message, and nothing is read. */
static int empty(fbn_context *c, const struct change *change)
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        int r = 1;

        transaction_begin(&batch, NULL);
        elements_put(&batch, NFT_MSG_DELSETELEM, change->given, 0);
        transaction_end(&batch);
        for (unsigned i = 0; r > 0 && i < CHANGE_TRIES; i++)
                r = change_exchange(c, change, &batch);
        return r > 0 ? change_fail_lost(c) : r;
}

/* What of the elements known is still there, as far as their timeouts tell. */
static bool may_stand(const fbn_nat_elements *known, const uint8_t *packed, uint64_t now)
{
        uint64_t timeout = 0;

        if (!known->timeout_at || !known->sent_ms)
                return true;
        memcpy(&timeout, packed + known->timeout_at, sizeof(timeout));
        if (!timeout)
                timeout = known->shape.timeout_ms;
        return !timeout || now - known->sent_ms < timeout;
}

/* Both lists are in order: one walk along them. */
static int compare_known(fbn_context *c, const struct change *change, const fbn_nat_elements *known, struct delta *delta)
{
        const fbn_nat_elements *given = change->given;
        uint64_t now = milliseconds_now();
        size_t at = 0;
        int r = 0;

        for (size_t i = 0; r == 0 && i < known->count; i++) {
                const uint8_t *packed = element_at(known, i);

                if (!may_stand(known, packed, now))
                        continue;
                while (at < given->count && elements_order(given, element_at(given, at), packed) < 0)
                        at++;
                if (at < given->count && memcmp(element_at(given, at), packed, given->stride) == 0)
                        delta->stands[at] = 1;
                else
                        r = elements_append_packed(c, delta->deleted, packed);
        }
        return r == 0 ? append_missing(c, change, delta) : r;
}

/* Whether the set has as many elements as wanted: 1 or 0; 1 too if this kernel does not tell. */
static int count_fits(fbn_context *c, const struct change *change)
{
        struct set_shape shape;
        int r = set_read(c, change->netlink, change->given->name, &shape);

        return r < 0 ? r : !shape.tells_count || shape.count == change->given->count;
}

/* Without reading the set: the number of differences, or -FBN_ESTALE when it turns out that something else stands than what was known;
 * *sent is then how many the kernel has taken. */
static int replace_what_is_known(fbn_context *c, const struct change *change, fbn_nat_elements *known, int *sent)
{
        _cleanup_(delta_free) struct delta delta = {0};
        bool lost = false;
        int r;

        r = elements_sort(c, known, true);
        if (r == 0)
                r = delta_begin(c, change, &delta);
        if (r == 0)
                r = compare_known(c, change, known, &delta);
        if (r < 0)
                return r;
        r = delta_send(c, change, &delta, NULL, &lost);
        if (r == -FBN_ENOENT || r == -FBN_EEXIST)
                return -FBN_ESTALE;
        if (r < 0)
                return r;
        *sent = r;
        r = lost ? 0 : count_fits(c, change);
        if (r <= 0)
                return r < 0 ? r : -FBN_ESTALE;
        change->given->sent_ms = known->sent_ms; /* at the earliest */
        return *sent;
}

static int replace(fbn_context *c, const struct change *change, fbn_nat_elements *known)
{
        int r, sent = 0;

        r = elements_sort(c, change->given, true);
        if (r < 0)
                return r;
        if (change->given->count == 0)
                return empty(c, change);
        if (known) {
                r = replace_what_is_known(c, change, known, &sent);
                if (r != -FBN_ESTALE)
                        return r;
        }
        r = replace_what_stands(c, change);
        if (r >= 0)
                change->given->sent_ms = 0; /* those that stood came at any time */
        return r < 0 ? r : r + sent;
}

int fbn_nat_elements_replace(fbn_context *c, fbn_nat_elements *elements, fbn_nat_elements *known)
{
        struct change change = {.given = elements};
        int r;

        if (known && (!streq(known->name, elements->name) || known->stride != elements->stride))
                return fail_in(c, fail(c, FBN_EINVAL, "known is a list for the set '%s'", known->name), "nat set '%s'", elements->name);
        r = netlink_get(c, NETLINK_NETFILTER, &change.netlink);
        if (r == 0)
                r = replace(c, &change, known);
        return fail_in(c, r, "nat set '%s'", elements->name);
}
