/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/kernel.h"
#include "base/address.h"
#include "netlink/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <sodium.h>

/* Nests have 16-bit lengths: a message stays below 64 KiB, and is closed when there is no room for a peer any more. An acknowledgement
 * does not echo it (NETLINK_CAP_ACK, kernel 4.3). */
#define MESSAGE_SIZE ((size_t)61440)
#define PEER_ROOM ((size_t)512) /* one peer without allowed IPs takes 150 bytes, an allowed IP 44 */

/* Kernel 6.16 and later; older headers lack them. Source: include/uapi/linux/wireguard.h. */
#define ALLOWEDIP_A_FLAGS 4
#define ALLOWEDIP_F_REMOVE_ME 1u

/* Messages being written one after the other into one guarded buffer. */
struct writing {
        fbn_context *c;
        const char *name;
        struct netlink *netlink;
        uint16_t family;
        char *buffer;
        struct nlmsghdr *message;
        struct nlattr *peers;
        size_t empty; /* the message's length without anything to do */
};

static void begin_message(struct writing *writing)
{
        struct genlmsghdr *header;

        memset(writing->buffer, 0, MESSAGE_SIZE);
        writing->message = mnl_nlmsg_put_header(writing->buffer);
        writing->message->nlmsg_type = writing->family;
        header = mnl_nlmsg_put_extra_header(writing->message, sizeof(*header));
        *header = (struct genlmsghdr){.cmd = WG_CMD_SET_DEVICE, .version = WG_GENL_VERSION};
        mnl_attr_put_strz(writing->message, WGDEVICE_A_IFNAME, writing->name);
        writing->peers = NULL;
        writing->empty = writing->message->nlmsg_len;
}

static int send_message(struct writing *writing)
{
        if (writing->message->nlmsg_len == writing->empty)
                return 0;
        if (writing->peers)
                mnl_attr_nest_end(writing->message, writing->peers);
        return netlink_request(writing->c, writing->netlink, writing->message, NULL, NULL);
}

static bool full(const struct writing *writing)
{
        return MESSAGE_SIZE - writing->message->nlmsg_len < PEER_ROOM;
}

static void put_interface(struct nlmsghdr *message, const struct update *update)
{
        const fbn_wireguard_interface *interface = update->interface;

        if (update->what & INTERFACE_PRIVATE_KEY)
                mnl_attr_put(message, WGDEVICE_A_PRIVATE_KEY, KEY_BYTES, fbn_secret_bytes(interface->private_key));
        if (update->what & INTERFACE_LISTEN_PORT)
                mnl_attr_put_u16(message, WGDEVICE_A_LISTEN_PORT, interface->listen_port);
        if (update->what & INTERFACE_FWMARK)
                mnl_attr_put_u32(message, WGDEVICE_A_FWMARK, interface->fwmark);
}

static void put_endpoint(struct nlmsghdr *message, const fbn_endpoint *endpoint)
{
        if (endpoint->address.family == AF_INET) {
                struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};

                memcpy(&four.sin_addr, endpoint->address.bytes, sizeof(four.sin_addr));
                mnl_attr_put(message, WGPEER_A_ENDPOINT, sizeof(four), &four);
        } else {
                struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port), .sin6_scope_id = endpoint->scope};

                memcpy(&six.sin6_addr, endpoint->address.bytes, sizeof(six.sin6_addr));
                mnl_attr_put(message, WGPEER_A_ENDPOINT, sizeof(six), &six);
        }
}

static uint32_t flags_of(unsigned what)
{
        uint32_t flags = what & PEER_CREATE ? 0 : WGPEER_F_UPDATE_ONLY;

        return what & PEER_REMOVE ? flags | WGPEER_F_REMOVE_ME : flags;
}

static void put_members(struct nlmsghdr *message, const fbn_wireguard_peer *peer, unsigned what)
{
        static const uint8_t none[KEY_BYTES];

        mnl_attr_put(message, WGPEER_A_PUBLIC_KEY, KEY_BYTES, peer->public_key.bytes);
        mnl_attr_put_u32(message, WGPEER_A_FLAGS, flags_of(what));
        if (what & PEER_PRESHARED_KEY)
                mnl_attr_put(message, WGPEER_A_PRESHARED_KEY, KEY_BYTES,
                             peer->preshared_key ? fbn_secret_bytes(peer->preshared_key) : none);
        if (what & PEER_ENDPOINT)
                put_endpoint(message, &peer->endpoint);
        if (what & PEER_KEEPALIVE)
                mnl_attr_put_u16(message, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, peer->keepalive);
}

static void put_allowed_ip(struct nlmsghdr *message, const fbn_prefix *prefix, bool take)
{
        struct nlattr *nest = mnl_attr_nest_start(message, 0);

        mnl_attr_put_u16(message, WGALLOWEDIP_A_FAMILY, prefix->address.family);
        mnl_attr_put(message, WGALLOWEDIP_A_IPADDR, family_bytes(prefix->address.family), prefix->address.bytes);
        mnl_attr_put_u8(message, WGALLOWEDIP_A_CIDR_MASK, prefix->length);
        if (take)
                mnl_attr_put_u32(message, ALLOWEDIP_A_FLAGS, ALLOWEDIP_F_REMOVE_ME);
        mnl_attr_nest_end(message, nest);
}

/* As much of the update as the message takes, from allowed IP number first on. Returns the number of the next one. */
static size_t put_peer(struct writing *writing, const struct peer_update *update, size_t first)
{
        struct nlattr *peer, *allowed_ips;
        size_t i = first;

        if (!writing->peers)
                writing->peers = mnl_attr_nest_start(writing->message, WGDEVICE_A_PEERS);
        peer = mnl_attr_nest_start(writing->message, 0);
        put_members(writing->message, update->peer, first == 0 ? update->what : 0);
        if (i < update->n_allowed_ips) {
                allowed_ips = mnl_attr_nest_start(writing->message, WGPEER_A_ALLOWEDIPS);
                for (; i < update->n_allowed_ips && MESSAGE_SIZE - writing->message->nlmsg_len > 64; i++)
                        put_allowed_ip(writing->message, &update->allowed_ips[i], update->what & PEER_TAKE_ALLOWED_IPS);
                mnl_attr_nest_end(writing->message, allowed_ips);
        }
        mnl_attr_nest_end(writing->message, peer);
        return i;
}

static int write_peer(struct writing *writing, const struct peer_update *update, size_t next)
{
        do {
                if (full(writing)) {
                        int r = send_message(writing);

                        if (r < 0)
                                return r;
                        begin_message(writing);
                }
                next = put_peer(writing, update, next);
        } while (next < update->n_allowed_ips);
        return 0;
}

static int write_throwaway(struct writing *writing, const struct peer_update *take)
{
        struct throwaway throwaway;
        int r;

        throwaway_new(take, &throwaway);
        r = write_peer(writing, &throwaway.come, 0);
        return r < 0 ? r : write_peer(writing, &throwaway.go, 0);
}

static void forget(void *data)
{
        (void)data; /* one of the two answers below */
}

/* Whether this kernel takes single allowed IPs away is asked once for each context. NULL: not yet. */
static const bool *can_take(const struct writing *writing)
{
        return writing->c->slots[SLOT_WIREGUARD].data;
}

static void remember(const struct writing *writing, bool can)
{
        static const bool answers[] = {false, true};

        writing->c->slots[SLOT_WIREGUARD].data = (void *)&answers[can];
        writing->c->slots[SLOT_WIREGUARD].release = forget;
}

/* Take with a message of its own: a kernel that does not know the flag refuses it as a whole with EINVAL. */
static int try_take(struct writing *writing, const struct peer_update *take, size_t *ret_next)
{
        const struct error_record before = writing->c->error;
        size_t next;
        int r = send_message(writing);

        if (r < 0)
                return r;
        begin_message(writing);
        next = put_peer(writing, take, 0);
        r = send_message(writing);
        begin_message(writing);
        if (r < 0 && writing->c->error.os_errno != EINVAL)
                return r;
        writing->c->error = before;
        remember(writing, r >= 0);
        *ret_next = next;
        return 0;
}

static int write_take(struct writing *writing, const struct peer_update *take)
{
        size_t next = 0;

        if (!can_take(writing)) {
                int r = try_take(writing, take, &next);

                if (r < 0)
                        return r;
        }
        if (!*can_take(writing))
                return write_throwaway(writing, take);
        return next < take->n_allowed_ips ? write_peer(writing, take, next) : 0;
}

static int write_update(struct writing *writing, const struct update *update)
{
        begin_message(writing);
        put_interface(writing->message, update);
        for (size_t i = 0; i < update->count; i++) {
                const struct peer_update *item = &update->peers[i];
                int r = item->what & PEER_TAKE_ALLOWED_IPS ? write_take(writing, item) : write_peer(writing, item, 0);

                if (r < 0)
                        return r;
        }
        return send_message(writing);
}

int kernel_set(fbn_context *c, const char *name, const struct update *update)
{
        struct writing writing = {.c = c, .name = name};
        int r;

        r = netlink_family(c, WG_GENL_NAME, &writing.family);
        if (r == 0)
                r = netlink_get(c, NETLINK_GENERIC, &writing.netlink);
        if (r < 0)
                return r;
        if (sodium_init() < 0 || !(writing.buffer = sodium_malloc(MESSAGE_SIZE)))
                return fail(c, FBN_ENOMEM, "no guarded memory; 'ulimit -l' limits it");
        r = write_update(&writing, update);
        sodium_free(writing.buffer);
        sodium_memzero(writing.netlink->buffer, NETLINK_BUFFER); /* a refusal may echo keys */
        return r;
}
