/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <errno.h>
#include <time.h>

uint64_t milliseconds_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

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

int change_exchange(fbn_context *c, const struct change *change, struct netlink_batch *batch)
{
        struct refusal refusal = {.change = change};
        int r;

        r = transaction_exchange(c, change->netlink, batch, read_refusal, &refusal);
        return r < 0 && refusal.os_errno ? explain(c, r, &refusal) : r;
}

int change_fail_lost(fbn_context *c)
{
        return fail(c, FBN_ESYSTEM, "the kernel's answers were lost %d times; read the set to see what it has", CHANGE_TRIES);
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
        return change_exchange(c, change, &batch);
}

/* After lost answers: an addition is sent again, which does no harm; after a deletion the set tells. */
static int change_by_verb(fbn_context *c, const struct change *change)
{
        int r = 1;

        for (unsigned i = 0; r > 0 && i < CHANGE_TRIES; i++) {
                if (i > 0 && change->verb == FBN_NAT_ELEMENTS_DELETE) {
                        r = any_stands(c, change);
                        if (r <= 0)
                                break;
                }
                r = send_verb(c, change);
        }
        return r > 0 ? change_fail_lost(c) : r < 0 ? r : (int)change->given->count;
}

int fbn_nat_elements_send(fbn_context *c, fbn_nat_elements *elements, fbn_nat_elements_verb verb)
{
        struct change change = {.given = elements, .verb = verb};
        int r;

        if (verb < FBN_NAT_ELEMENTS_ADD || verb > FBN_NAT_ELEMENTS_REFRESH)
                return fail_in(c, fail(c, FBN_EINVAL, "%d is no verb", (int)verb), "nat set '%s'", elements->name);
        r = netlink_get(c, NETLINK_NETFILTER, &change.netlink);
        if (r == 0)
                r = elements_sort(c, elements, verb != FBN_NAT_ELEMENTS_DELETE);
        if (r == 0 && elements->count > 0)
                r = change_by_verb(c, &change);
        if (r >= 0)
                elements->sent_ms = milliseconds_now();
        return fail_in(c, r, "nat set '%s'", elements->name);
}
