/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <errno.h>

#define TRIES 5

/* One change of a set's elements. */
struct change {
        fbn_nat_elements *given; /* sorted */
        fbn_nat_elements_verb verb;
        struct netlink *netlink;
};

static bool overlap(const uint8_t *first, const uint8_t *last, const struct element *element, size_t length)
{
        return memcmp(first, element->last, length) <= 0 && memcmp(element->first, last, length) <= 0;
}

/* Name what stands in an element's way; on the way out of a failure, so that reading the set does not matter. */
static int fail_occupied(fbn_context *c, const fbn_nat_elements *elements, const uint8_t *packed)
{
        FBN_CLEANUP(fbn_nat_reader) reader = NULL;
        char wanted[VALUE_TEXT], stands[VALUE_TEXT];
        struct element element;
        int r;

        element_format(elements, packed, wanted);
        r = fbn_nat_reader_new(c, elements->name, &reader);
        while (r >= 0 && (r = reader_next(c, reader, &element)) > 0) {
                if (!overlap(packed, packed + elements->last_at, &element, elements->shape.key.bytes))
                        continue;
                value_format(&elements->shape.key, element.first, element.last, stands);
                if (streq(wanted, stands))
                        return fail(c, FBN_EEXIST, "element %s is there already with other data", wanted);
                return fail(c, FBN_EEXIST, "element %s overlaps %s, which is in the set", wanted, stands);
        }
        return fail(c, FBN_EEXIST, "element %s overlaps one that is in the set", wanted);
}

struct refusal {
        const struct change *change;
        uint8_t packed[ELEMENT_PACKED];
        bool found;
        int os_errno;
};

/* A refusal is read in the middle of a reply: what needs another exchange with the kernel waits until that has ended. */
static int read_refusal(fbn_context *c, const struct nlmsghdr *message, const struct nlmsghdr *answer, void *data)
{
        struct refusal *refusal = data;
        const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
        const uint8_t *packed = element_refused(refusal->change->given, message, netlink_bad_attribute(answer));

        refusal->os_errno = -error->error;
        refusal->found = packed;
        if (packed)
                memcpy(refusal->packed, packed, refusal->change->given->stride);
        return netlink_fail(c, refusal->os_errno, netlink_extended_ack(answer));
}

static int explain(fbn_context *c, int r, const struct refusal *refusal)
{
        const fbn_nat_elements *given = refusal->change->given;
        char element[VALUE_TEXT] = "";

        if (refusal->found)
                element_format(given, refusal->packed, element);
        if (refusal->os_errno == ENFILE && given->shape.limit)
                return fail(c, FBN_ESYSTEM, "the set is full (at most %u elements)%s%s", given->shape.limit, *element ? ": no room for " : "", element);
        if (refusal->os_errno == ENFILE)
                return fail(c, FBN_ESYSTEM, "the set is full%s%s", *element ? ": no room for " : "", element);
        if (!refusal->found)
                return r;
        if (refusal->os_errno == EEXIST || refusal->os_errno == ENOTEMPTY)
                return fail_occupied(c, given, refusal->packed);
        if (refusal->os_errno == ENOENT)
                return fail(c, FBN_ENOENT, "element %s is not in the set", element);
        return fail_in(c, r, "element %s", element);
}

/* 0, 1 when the answers were lost, or a failure that names the element. */
static int exchange(fbn_context *c, const struct change *change, struct netlink_batch *batch)
{
        struct refusal refusal = {.change = change};
        int r;

        r = transaction_exchange(c, change->netlink, batch, read_refusal, &refusal);
        return r < 0 && refusal.os_errno ? explain(c, r, &refusal) : r;
}

static int fail_lost(fbn_context *c)
{
        return fail(c, FBN_ESYSTEM, "the kernel's answers were lost %d times; read the set to see what it has", TRIES);
}

/* Whether any of the elements is in the set: 1 or 0. */
static int any_stands(fbn_context *c, const struct change *change)
{
        FBN_CLEANUP(fbn_nat_reader) reader = NULL;
        struct element element;
        int r;

        r = fbn_nat_reader_new(c, change->given->name, &reader);
        while (r >= 0 && (r = reader_next(c, reader, &element)) > 0)
                if (elements_find(change->given, &element))
                        return 1;
        return r;
}

/* Add and delete are the same whatever happens meanwhile. Re-adding an element refreshes its timeout since Linux 6.12 only, deleting and
 * adding it in one transaction always; the first addition is for those that are not there. */
static void put_verb(struct netlink_batch *batch, const struct change *change)
{
        if (change->verb != FBN_NAT_ELEMENTS_DELETE)
                elements_put(batch, NFT_MSG_NEWSETELEM, change->given, 0);
        if (change->verb != FBN_NAT_ELEMENTS_ADD)
                elements_put(batch, NFT_MSG_DELSETELEM, change->given, 0);
        if (change->verb == FBN_NAT_ELEMENTS_REFRESH)
                elements_put(batch, NFT_MSG_NEWSETELEM, change->given, 0);
}

static int send_verb(fbn_context *c, const struct change *change)
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};

        transaction_begin(&batch, NULL);
        put_verb(&batch, change);
        transaction_end(&batch);
        return exchange(c, change, &batch);
}

/* After lost answers: an addition is sent again, which does no harm; after a deletion the set tells. */
static int change_by_verb(fbn_context *c, const struct change *change)
{
        int r = 1;

        for (unsigned i = 0; r > 0 && i < TRIES; i++) {
                if (i > 0 && change->verb == FBN_NAT_ELEMENTS_DELETE) {
                        r = any_stands(c, change);
                        if (r <= 0)
                                break;
                }
                r = send_verb(c, change);
        }
        return r > 0 ? fail_lost(c) : r < 0 ? r : (int)change->given->count;
}

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

static int find_delta(fbn_context *c, const struct change *change, struct delta *delta)
{
        const fbn_nat_elements *given = change->given;
        int r;

        delta->stands = memory_alloc(given->count + 1);
        if (!delta->stands)
                return fail_memory(c);
        r = elements_new(c, given->name, &given->shape, &delta->added);
        if (r == 0)
                r = elements_new(c, given->name, &given->shape, &delta->deleted);
        if (r == 0)
                r = read_standing(c, change, delta);
        return r == 0 ? append_missing(c, change, delta) : r;
}

/* One round: the number of differences when the kernel has taken them, -FBN_ESTALE or -FBN_EINTERRUPTED when it has not. lost: the
 * answers were lost and nothing is known. */
static int replace_once(fbn_context *c, const struct change *change, bool *lost)
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        _cleanup_(delta_free) struct delta delta = {0};
        uint32_t generation;
        int r;

        r = generation_read(c, change->netlink, &generation);
        if (r == 0)
                r = find_delta(c, change, &delta);
        if (r < 0 || delta.added->count + delta.deleted->count == 0)
                return r;
        transaction_begin(&batch, &generation);
        if (delta.deleted->count > 0)
                elements_put(&batch, NFT_MSG_DELSETELEM, delta.deleted, 0);
        if (delta.added->count > 0)
                elements_put(&batch, NFT_MSG_NEWSETELEM, delta.added, 0);
        transaction_end(&batch);
        r = exchange(c, change, &batch);
        *lost = r > 0;
        return r < 0 ? r : (int)(delta.added->count + delta.deleted->count);
}

static int replace(fbn_context *c, const struct change *change)
{
        int r = 0, sent = 0;

        for (unsigned i = 0; i < TRIES; i++) {
                bool lost = false;

                r = replace_once(c, change, &lost);
                if (r == 0)
                        return sent;
                if (!lost && r != -FBN_ESTALE && r != -FBN_EINTERRUPTED && r != -FBN_ENOENT) /* ENOENT: an element has expired meanwhile */
                        return r;
                sent = lost ? r : sent;
        }
        return r < 0 ? r : fail_lost(c);
}

/* Nothing is wanted: one message, and nothing is read. */
static int empty(fbn_context *c, const struct change *change)
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        int r = 1;

        transaction_begin(&batch, NULL);
        elements_put(&batch, NFT_MSG_DELSETELEM, change->given, 0);
        transaction_end(&batch);
        for (unsigned i = 0; r > 0 && i < TRIES; i++)
                r = exchange(c, change, &batch);
        return r > 0 ? fail_lost(c) : r;
}

static int send_change(fbn_context *c, const struct change *change)
{
        if (change->verb < FBN_NAT_ELEMENTS_ADD || change->verb > FBN_NAT_ELEMENTS_REPLACE)
                return fail(c, FBN_EINVAL, "%d is no verb", (int)change->verb);
        if (change->verb == FBN_NAT_ELEMENTS_REPLACE)
                return change->given->count > 0 ? replace(c, change) : empty(c, change);
        return change->given->count > 0 ? change_by_verb(c, change) : 0;
}

int fbn_nat_elements_send(fbn_context *c, fbn_nat_elements *elements, fbn_nat_elements_verb verb)
{
        struct change change = {.given = elements, .verb = verb};
        int r;

        r = netlink_get(c, NETLINK_NETFILTER, &change.netlink);
        if (r == 0)
                r = elements_sort(c, elements, verb != FBN_NAT_ELEMENTS_DELETE);
        if (r == 0)
                r = send_change(c, &change);
        return fail_in(c, r, "nat set '%s'", elements->name);
}
