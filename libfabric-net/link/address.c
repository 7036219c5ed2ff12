/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "link/address.h"
#include "link/link.h"
#include "netlink/netlink.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

struct fbn_link_addresses {
        unsigned references;
        struct arena arena;
        struct address_entry *items;
        size_t count, capacity;
};

fbn_link_addresses *fbn_link_addresses_ref(fbn_link_addresses *addresses)
{
        addresses->references++;
        return addresses;
}

fbn_link_addresses *fbn_link_addresses_unref(fbn_link_addresses *addresses)
{
        if (!addresses || --addresses->references > 0)
                return NULL;
        arena_free(&addresses->arena);
        memory_free(addresses->items);
        memory_free(addresses);
        return NULL;
}

size_t fbn_link_addresses_count(const fbn_link_addresses *addresses)
{
        return addresses ? addresses->count : 0;
}

const fbn_link_address *fbn_link_addresses_at(const fbn_link_addresses *addresses, size_t index)
{
        return index < fbn_link_addresses_count(addresses) ? &addresses->items[index].address : NULL;
}

const struct address_entry *addresses_entry(const fbn_link_addresses *addresses, size_t index)
{
        return &addresses->items[index];
}

int fbn_link_addresses_new(fbn_context *c, fbn_link_addresses **ret_addresses)
{
        fbn_link_addresses *addresses = memory_alloc(sizeof(*addresses));

        if (!addresses)
                return fail_memory(c);
        addresses->references = 1;
        *ret_addresses = addresses;
        return 0;
}

static int append(fbn_context *c, fbn_link_addresses *addresses, struct address_entry entry)
{
        entry.address.device = arena_strdup(&addresses->arena, entry.address.device);
        if (!entry.address.device || !ARRAY_RESERVE(addresses->items, addresses->count, addresses->capacity))
                return fail_memory(c);
        addresses->items[addresses->count++] = entry;
        return 0;
}

static int check_members(fbn_context *c, const fbn_link_address *address)
{
        uint16_t family = address->address.address.family;

        if (family_bits(family) == 0 || address->address.length > family_bits(family))
                return fail(c, FBN_EINVAL, "not an IPv4 or IPv6 address with its prefix length");
        if (address->peer.family && address->peer.family != family)
                return fail(c, FBN_EINVAL, "the peer is of the other family");
        if (address->broadcast.family && (address->broadcast.family != AF_INET || family != AF_INET))
                return fail(c, FBN_EINVAL, "broadcast is for IPv4");
        if ((int)address->scope < 0 || (int)address->scope > 254)
                return fail(c, FBN_EINVAL, "%d is no scope: 0 (global) to 254 (host)", (int)address->scope);
        if (address->preferred && (address->deprecated || (address->valid && address->preferred > address->valid)))
                return fail(c, FBN_EINVAL, "preferred for %u s: longer than it is valid, or deprecated at the same time", address->preferred);
        return 0;
}

int address_check(fbn_context *c, const fbn_link_address *address)
{
        int r = fail_in(c, check_members(c, address), "%s", address->device ? address->device : "address");

        return r < 0 ? r : link_check_name(c, address->device);
}

int fbn_link_addresses_add(fbn_context *c, fbn_link_addresses *addresses, const fbn_link_address *address)
{
        struct address_entry entry = {0};
        int r;

        r = OPTIONS_READ(c, fbn_link_address, address, &entry.address);
        if (r == 0)
                r = address_check(c, &entry.address);
        return r < 0 ? r : append(c, addresses, entry);
}

struct reading {
        const fbn_links *links;
        fbn_link_addresses *addresses;
};

static void read_bytes(const struct nlattr *attribute, uint16_t family, fbn_address *ret_address)
{
        if (!attribute || mnl_attr_get_payload_len(attribute) < family_bytes(family))
                return;
        ret_address->family = family;
        memcpy(ret_address->bytes, mnl_attr_get_payload(attribute), family_bytes(family));
}

/* All ones is for ever. */
static void read_lifetimes(const struct nlattr *attribute, fbn_link_address *address)
{
        struct ifa_cacheinfo lifetimes;

        if (!attribute || mnl_attr_get_payload_len(attribute) < sizeof(lifetimes))
                return;
        memcpy(&lifetimes, mnl_attr_get_payload(attribute), sizeof(lifetimes));
        address->valid = lifetimes.ifa_valid == UINT32_MAX ? 0 : lifetimes.ifa_valid;
        address->preferred = lifetimes.ifa_prefered == UINT32_MAX ? 0 : lifetimes.ifa_prefered;
}

static void read_flags(uint32_t flags, fbn_link_address *address)
{
        address->no_prefix_route = flags & IFA_F_NOPREFIXROUTE;
        address->no_dad = flags & IFA_F_NODAD;
        address->deprecated = flags & IFA_F_DEPRECATED;
        address->tentative = flags & IFA_F_TENTATIVE;
        address->dad_failed = flags & IFA_F_DADFAILED;
        address->secondary = flags & IFA_F_SECONDARY;
}

/* IFA_LOCAL is the address and IFA_ADDRESS the other end, the same unless there is one; IPv6 sends IFA_LOCAL only if there is one. */
static void read_ends(const struct nlattr *const *table, uint16_t family, fbn_link_address *address)
{
        read_bytes(table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS], family, &address->address.address);
        if (table[IFA_LOCAL])
                read_bytes(table[IFA_ADDRESS], family, &address->peer);
        if (address_compare(&address->peer, &address->address.address) == 0)
                address->peer = (fbn_address){0};
        if (family == AF_INET)
                read_bytes(table[IFA_BROADCAST], family, &address->broadcast);
}

bool address_parse(const struct nlmsghdr *message, const char *device, fbn_link_address *ret_address)
{
        const struct nlattr *table[IFA_PROTO + 1];
        const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
        fbn_link_address address = {.size = sizeof(address), .device = device};

        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        read_ends(table, header->ifa_family, &address);
        if (family_bytes(address.address.address.family) == 0)
                return false;
        address.address.length = header->ifa_prefixlen;
        address.scope = header->ifa_scope;
        address.protocol = netlink_u8(table[IFA_PROTO]);
        read_lifetimes(table[IFA_CACHEINFO], &address);
        read_flags(table[IFA_FLAGS] ? netlink_u32(table[IFA_FLAGS]) : header->ifa_flags, &address);
        *ret_address = address;
        return true;
}

static int read_address(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
        const struct reading *reading = data;
        struct address_entry entry = {0};
        const fbn_link *link;

        if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return 0;
        link = links_by_index(reading->links, header->ifa_index);
        if (!link || !address_parse(message, link->name, &entry.address))
                return 0;
        entry.message = arena_copy(&reading->addresses->arena, message, message->nlmsg_len);
        return entry.message ? append(c, reading->addresses, entry) : fail_memory(c);
}

static void restart(void *data)
{
        fbn_link_addresses *addresses = ((struct reading *)data)->addresses;

        addresses->count = 0;
        arena_free(&addresses->arena);
}

/* index 0: of all links */
static int dump(fbn_context *c, uint32_t index, struct reading *reading)
{
        _Alignas(8) char bytes[64];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct ifaddrmsg *header;
        struct netlink *netlink;
        int r;

        message->nlmsg_type = RTM_GETADDR;
        header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r < 0)
                return r;
        header->ifa_index = netlink->strict ? index : 0;
        return netlink_dump(c, netlink, message, read_address, restart, reading);
}

/* Only the links that were read are known by name, so that addresses of others drop out also where the kernel does not filter. */
int addresses_read(fbn_context *c, const char *device, uint32_t *ret_index, fbn_link_addresses **ret_addresses)
{
        _cleanup_(fbn_link_addresses_unrefp) fbn_link_addresses *addresses = NULL;
        _cleanup_(fbn_links_unrefp) fbn_links *links = NULL;
        struct reading reading;
        uint32_t index;
        int r;

        r = fbn_link_list(c, device, &links);
        if (r == 0)
                r = fbn_link_addresses_new(c, &addresses);
        if (r < 0)
                return r;
        reading = (struct reading){links, addresses};
        index = device ? fbn_links_at(links, 0)->index : 0;
        r = dump(c, index, &reading);
        if (r < 0)
                return device ? link_fail(c, r, device) : r;
        *ret_index = index;
        *ret_addresses = TAKE_PTR(addresses);
        return 0;
}

int fbn_link_address_list(fbn_context *c, const char *device, fbn_link_addresses **ret_addresses)
{
        uint32_t index;

        return addresses_read(c, device, &index, ret_addresses);
}
