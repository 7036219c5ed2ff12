/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/network.h"
#include "base/address.h"

#include <stdlib.h>
#include <sys/socket.h>

/* The next higher address; all ones become all zeros. */
static void increment(fbn_address *address)
{
        for (size_t i = family_bytes(address->family); i-- > 0;)
                if (++address->bytes[i])
                        return;
}

/* Whether all bits behind the prefix are ones. */
static bool is_last(const fbn_prefix *prefix)
{
        fbn_prefix next = *prefix;

        increment(&next.address);
        return !fbn_prefix_contains(prefix, &next.address) || address_compare(&next.address, &prefix->address) < 0;
}

static int compare(const void *a, const void *b)
{
        return address_compare(a, b);
}

/* The members' addresses inside, sorted; NULL without memory. */
static fbn_address *taken_addresses(const fbn_wireguard_network *network, const fbn_prefix *prefix, size_t *ret_count)
{
        fbn_address *taken;
        size_t total = 0, count = 0;

        for (size_t i = 0; i < network->count; i++)
                total += network->members[i].n_addresses;
        taken = memory_alloc(total * sizeof(*taken));
        for (size_t i = 0; taken && i < network->count; i++)
                for (size_t j = 0; j < network->members[i].n_addresses; j++)
                        if (fbn_prefix_contains(prefix, &network->members[i].addresses[j].address))
                                taken[count++] = network->members[i].addresses[j].address;
        if (taken)
                qsort(taken, count, sizeof(*taken), compare);
        *ret_count = count;
        return taken;
}

int fbn_wireguard_network_next_address(fbn_context *c, const fbn_wireguard_network *network, const fbn_prefix *prefix, fbn_prefix *ret_address)
{
        _cleanup_free_ fbn_address *taken = NULL;
        char text[FBN_ADDRESS_TEXT];
        fbn_prefix next;
        size_t count, i = 0;
        bool pair; /* a point-to-point link or a single address: all of it is usable */

        if (fbn_prefix_network(prefix, &next) < 0)
                return fail(c, FBN_EINVAL, "not a prefix");
        pair = next.length + 1u >= family_bits(next.address.family);
        taken = taken_addresses(network, &next, &count);
        if (!taken)
                return fail_memory(c);
        if (!pair)
                increment(&next.address); /* the network itself, or the routers' anycast address */
        for (;; increment(&next.address)) {
                while (i < count && address_compare(&taken[i], &next.address) < 0)
                        i++;
                if (i == count || address_compare(&taken[i], &next.address) != 0)
                        break;
                if (is_last(&next))
                        return fail(c, FBN_ENOENT, "%s: every address is taken", fbn_prefix_format(prefix, text, sizeof(text)));
        }
        if (!pair && next.address.family == AF_INET && is_last(&next))
                return fail(c, FBN_ENOENT, "%s: every address is taken", fbn_prefix_format(prefix, text, sizeof(text)));
        *ret_address = next;
        return 0;
}
