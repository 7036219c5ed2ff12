/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/neighbour.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

static struct ndmsg *put_key(struct nlmsghdr *message, const fbn_neighbour *neighbour, uint32_t device)
{
        struct ndmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

        header->ndm_family = (uint8_t)neighbour->address.family;
        header->ndm_ifindex = (int)device;
        header->ndm_flags = neighbour->proxy ? NTF_PROXY : 0;
        route_put_address(message, NDA_DST, &neighbour->address);
        return header;
}

void neighbour_put(struct nlmsghdr *message, const fbn_neighbour *neighbour, uint32_t device)
{
        struct ndmsg *header = put_key(message, neighbour, device);
        uint8_t bytes[LINK_ADDRESS_BYTES];
        size_t length = neighbour->link_address ? neighbour_link_address(neighbour->link_address, bytes) : 0;

        header->ndm_state = NUD_PERMANENT;
        header->ndm_flags |= neighbour->router ? NTF_ROUTER : 0;
        if (length)
                mnl_attr_put(message, NDA_LLADDR, length, bytes);
        mnl_attr_put_u8(message, NDA_PROTOCOL, neighbour->protocol ? neighbour->protocol : FBN_PROTOCOL);
}

void neighbour_put_deletion(struct nlmsghdr *message, const fbn_neighbour *neighbour, uint32_t device)
{
        put_key(message, neighbour, device);
}

static const char *state_of(uint16_t state)
{
        static const struct {
                uint16_t bit;
                const char *name;
        } names[] = {{NUD_PERMANENT, "permanent"}, {NUD_NOARP, "noarp"}, {NUD_REACHABLE, "reachable"}, {NUD_STALE, "stale"},
                     {NUD_DELAY, "delay"},         {NUD_PROBE, "probe"}, {NUD_FAILED, "failed"},       {NUD_INCOMPLETE, "incomplete"}};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (state & names[i].bit)
                        return names[i].name;
        return NULL;
}

static const char *read_link_address(const struct nlattr *attribute, char text[static LINK_ADDRESS_TEXT])
{
        size_t length = attribute ? mnl_attr_get_payload_len(attribute) : 0;
        const uint8_t *bytes = attribute ? mnl_attr_get_payload(attribute) : NULL;

        if (length == 0 || length > LINK_ADDRESS_BYTES)
                return NULL;
        for (size_t i = 0; i < length; i++)
                snprintf(text + i * 3, 4, "%02x%s", bytes[i], i + 1 < length ? ":" : "");
        return text;
}

bool neighbour_parse(const struct nlmsghdr *message, const struct devices *devices, char text[static LINK_ADDRESS_TEXT], fbn_neighbour *ret_neighbour)
{
        const struct nlattr *table[NDA_PROTOCOL + 1];
        const struct ndmsg *header = mnl_nlmsg_get_payload(message);
        fbn_neighbour neighbour = {.size = sizeof(neighbour)};

        if (message->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(message) < sizeof(*header) || !family_bits(header->ndm_family))
                return false;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        if (!route_parse_address(table[NDA_DST], header->ndm_family, &neighbour.address))
                return false;
        neighbour.device = devices_name(devices, (uint32_t)header->ndm_ifindex);
        neighbour.proxy = header->ndm_flags & NTF_PROXY;
        neighbour.router = header->ndm_flags & NTF_ROUTER;
        neighbour.protocol = netlink_u8(table[NDA_PROTOCOL]);
        if (!neighbour.proxy) {
                neighbour.link_address = read_link_address(table[NDA_LLADDR], text);
                neighbour.state = state_of(header->ndm_state);
        }
        *ret_neighbour = neighbour;
        return true;
}

struct reading {
        const struct devices *devices;
        uint32_t device;
        size_t before;
        fbn_neighbours *neighbours;
};

/* Multicast and broadcast addresses are the kernel's own book-keeping, as ip-neighbour(8) takes it: state "noarp". */
static int read_neighbour(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct reading *reading = data;
        const struct ndmsg *header = mnl_nlmsg_get_payload(message);
        char text[LINK_ADDRESS_TEXT];
        fbn_neighbour neighbour;

        if (!neighbour_parse(message, reading->devices, text, &neighbour) || (reading->device && (uint32_t)header->ndm_ifindex != reading->device) ||
            (!neighbour.proxy && header->ndm_state & NUD_NOARP))
                return 0;
        return neighbours_append(c, reading->neighbours, &neighbour);
}

static void restart(void *data)
{
        struct reading *reading = data;

        neighbours_cut(reading->neighbours, reading->before);
}

static int dump(fbn_context *c, struct reading *reading, uint8_t flags)
{
        _Alignas(8) char bytes[64];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct ndmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        struct netlink *netlink;
        int r = netlink_get(c, NETLINK_ROUTE, &netlink);

        message->nlmsg_type = RTM_GETNEIGH;
        header->ndm_flags = flags;
        if (reading->device && r == 0 && netlink->strict)
                mnl_attr_put_u32(message, NDA_IFINDEX, reading->device);
        reading->before = fbn_neighbours_count(reading->neighbours);
        return r < 0 ? r : netlink_dump(c, netlink, message, read_neighbour, restart, reading);
}

int fbn_neighbour_list(fbn_context *c, const char *device, fbn_neighbours **ret_neighbours)
{
        _cleanup_(fbn_neighbours_unrefp) fbn_neighbours *neighbours = NULL;
        _cleanup_(devices_free) struct devices devices = {0};
        struct reading reading = {.devices = &devices};
        int r;

        r = fbn_neighbours_new(c, &neighbours);
        if (r == 0)
                r = devices_read(c, &devices);
        if (r == 0)
                r = devices_index(c, &devices, device, &reading.device);
        reading.neighbours = neighbours;
        if (r == 0)
                r = dump(c, &reading, 0);
        if (r == 0)
                r = dump(c, &reading, NTF_PROXY);
        if (r == 0)
                *ret_neighbours = TAKE_PTR(neighbours);
        return r;
}

static int change(fbn_context *c, const fbn_neighbour *neighbour, uint16_t type, uint16_t flags,
                  void (*put)(struct nlmsghdr *, const fbn_neighbour *, uint32_t))
{
        _cleanup_(devices_free) struct devices devices = {0};
        _Alignas(8) char bytes[256];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct netlink *netlink;
        uint32_t device;
        int r;

        r = devices_read(c, &devices);
        if (r == 0)
                r = devices_index(c, &devices, neighbour->device, &device);
        if (r == 0)
                r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r < 0)
                return r;
        message->nlmsg_type = type;
        message->nlmsg_flags = flags;
        put(message, neighbour, device);
        return netlink_request(c, netlink, message, NULL, NULL);
}

int fbn_neighbour_add(fbn_context *c, const fbn_neighbour *neighbour)
{
        char text[NEIGHBOUR_TEXT];
        fbn_neighbour mine;
        int r = neighbour_take(c, neighbour, &mine);

        return r < 0 ? r : fail_in(c, change(c, &mine, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, neighbour_put), "%s", neighbour_name(&mine, text));
}

int fbn_neighbour_delete(fbn_context *c, const fbn_neighbour *neighbour)
{
        char text[NEIGHBOUR_TEXT];
        fbn_neighbour mine;
        int r = neighbour_take_match(c, neighbour, &mine);

        return r < 0 ? r : fail_in(c, change(c, &mine, RTM_DELNEIGH, 0, neighbour_put_deletion), "%s", neighbour_name(&mine, text));
}
