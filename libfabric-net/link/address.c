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

int address_check(fbn_context *c, const fbn_link_address *address)
{
        unsigned bits = family_bits(address->address.address.family);

        if (bits == 0 || address->address.length > bits)
                return fail_in(c, fail(c, FBN_EINVAL, "not an IPv4 or IPv6 address with its prefix length"), "%s", address->device ? address->device : "address");
        return link_check_name(c, address->device);
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

static int read_address(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct nlattr *table[IFA_PROTO + 1], *local;
        const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
        struct address_entry entry = {.address.size = sizeof(entry.address)};
        const struct reading *reading = data;
        const fbn_link *link;
        size_t bytes;

        if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return 0;
        link = links_by_index(reading->links, header->ifa_index);
        bytes = family_bytes(header->ifa_family);
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        local = table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS]; /* point-to-point: IFA_ADDRESS is the other end */
        if (!link || bytes == 0 || !local || mnl_attr_get_payload_len(local) < bytes)
                return 0;
        entry.address.device = link->name;
        entry.address.address.address.family = header->ifa_family;
        memcpy(entry.address.address.address.bytes, mnl_attr_get_payload(local), bytes);
        entry.address.address.length = header->ifa_prefixlen;
        entry.address.protocol = netlink_u8(table[IFA_PROTO]);
        entry.flags = table[IFA_FLAGS] ? netlink_u32(table[IFA_FLAGS]) : header->ifa_flags;
        entry.address.no_prefix_route = entry.flags & IFA_F_NOPREFIXROUTE;
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
int fbn_link_address_list(fbn_context *c, const char *device, fbn_link_addresses **ret_addresses)
{
        _cleanup_(fbn_link_addresses_unrefp) fbn_link_addresses *addresses = NULL;
        _cleanup_(fbn_links_unrefp) fbn_links *links = NULL;
        struct reading reading;
        int r;

        r = fbn_link_list(c, device, &links);
        if (r == 0)
                r = fbn_link_addresses_new(c, &addresses);
        if (r < 0)
                return r;
        reading = (struct reading){links, addresses};
        r = dump(c, device ? fbn_links_at(links, 0)->index : 0, &reading);
        if (r < 0)
                return device ? link_fail(c, r, device) : r;
        *ret_addresses = TAKE_PTR(addresses);
        return 0;
}
