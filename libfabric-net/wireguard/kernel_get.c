/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/kernel.h"
#include "base/address.h"
#include "netlink/netlink.h"

#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <sodium.h>

#define IDLE_MAX 8 /* messages of a dump that bring nothing new */

struct reading {
        fbn_context *c;
        fbn_wireguard *into;
        fbn_wireguard_interface interface;
        fbn_secret *private_key;
        struct peer_draft draft; /* kept across messages: a peer with many allowed IPs is split */
        bool in_peer;
        unsigned idle;
};

static const void *payload(const struct nlattr *attribute, size_t length)
{
        return attribute && mnl_attr_get_payload_len(attribute) >= length ? mnl_attr_get_payload(attribute) : NULL;
}

/* The first attribute of a nest, or the one after previous; NULL after the last. */
static const struct nlattr *next_in(const struct nlattr *nest, const struct nlattr *previous)
{
        const char *end = (const char *)nest + nest->nla_len;
        const struct nlattr *next = previous ? mnl_attr_next(previous) : mnl_attr_get_payload(nest);

        return mnl_attr_ok(next, (int)(end - (const char *)next)) ? next : NULL;
}

static void copy_key(const struct nlattr *attribute, fbn_key *key)
{
        const void *bytes = payload(attribute, KEY_BYTES);

        if (bytes)
                memcpy(key->bytes, bytes, KEY_BYTES);
}

/* A sockaddr of either family. */
static fbn_endpoint read_endpoint(const struct nlattr *attribute)
{
        const struct sockaddr_in6 *six = payload(attribute, sizeof(*six));
        const struct sockaddr_in *four = payload(attribute, sizeof(*four));
        fbn_endpoint endpoint = {0};

        if (four && four->sin_family == AF_INET) {
                endpoint.address.family = AF_INET;
                memcpy(endpoint.address.bytes, &four->sin_addr, sizeof(four->sin_addr));
                endpoint.port = ntohs(four->sin_port);
        } else if (six && six->sin6_family == AF_INET6) {
                endpoint.address.family = AF_INET6;
                memcpy(endpoint.address.bytes, &six->sin6_addr, sizeof(six->sin6_addr));
                endpoint.port = ntohs(six->sin6_port);
                endpoint.scope = six->sin6_scope_id;
        }
        return endpoint;
}

static uint64_t read_u64(const struct nlattr *attribute)
{
        uint64_t value = 0;
        const void *bytes = payload(attribute, sizeof(value));

        if (bytes)
                memcpy(&value, bytes, sizeof(value));
        return value;
}

/* Nanoseconds; a time that they cannot count is none. */
static int64_t read_time(const struct nlattr *attribute)
{
        struct __kernel_timespec time = {0};
        const void *bytes = payload(attribute, sizeof(time));

        if (bytes)
                memcpy(&time, bytes, sizeof(time));
        if (time.tv_sec < 0 || time.tv_sec > INT64_MAX / 2000000000 || time.tv_nsec < 0 || time.tv_nsec > 999999999)
                return 0;
        return time.tv_sec * 1000000000 + time.tv_nsec;
}

static int read_allowed_ip(struct reading *reading, const struct nlattr *nest)
{
        const struct nlattr *table[WGALLOWEDIP_A_MAX + 1];
        fbn_prefix prefix = {0};
        const void *bytes;

        netlink_nested(nest, table, ARRAY_SIZE(table));
        prefix.address.family = netlink_u16(table[WGALLOWEDIP_A_FAMILY]);
        prefix.length = netlink_u8(table[WGALLOWEDIP_A_CIDR_MASK]);
        bytes = payload(table[WGALLOWEDIP_A_IPADDR], family_bytes(prefix.address.family));
        if (!bytes || !family_bits(prefix.address.family) || prefix.length > family_bits(prefix.address.family))
                return fail(reading->c, FBN_EPROTOCOL, "the kernel sent an allowed IP that makes no sense");
        memcpy(prefix.address.bytes, bytes, family_bytes(prefix.address.family));
        return draft_allowed_ip(reading->c, &reading->draft, &prefix);
}

static int read_allowed_ips(struct reading *reading, const struct nlattr *nest)
{
        const struct nlattr *attribute = NULL;

        while (nest && (attribute = next_in(nest, attribute))) {
                int r = read_allowed_ip(reading, attribute);

                reading->idle = 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int end_peer(struct reading *reading)
{
        if (!reading->in_peer)
                return 0;
        reading->in_peer = false;
        if (configuration_find(reading->into, &reading->draft.peer.public_key) ||
            configuration_met(reading->into, &reading->draft.peer.public_key))
                return fail(reading->c, FBN_EPROTOCOL, "the kernel sent a peer twice");
        return draft_add(reading->c, &reading->draft, reading->into);
}

static int begin_peer(struct reading *reading, const struct nlattr **table)
{
        const void *preshared_key = payload(table[WGPEER_A_PRESHARED_KEY], KEY_BYTES);
        fbn_wireguard_peer *peer = &reading->draft.peer;
        int r = end_peer(reading);

        if (r < 0)
                return r;
        reading->in_peer = true;
        reading->idle = 0;
        copy_key(table[WGPEER_A_PUBLIC_KEY], &peer->public_key);
        peer->endpoint = read_endpoint(table[WGPEER_A_ENDPOINT]);
        peer->keepalive = netlink_u16(table[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL]);
        peer->last_handshake = read_time(table[WGPEER_A_LAST_HANDSHAKE_TIME]);
        peer->received = read_u64(table[WGPEER_A_RX_BYTES]);
        peer->sent = read_u64(table[WGPEER_A_TX_BYTES]);
        peer->protocol_version = netlink_u32(table[WGPEER_A_PROTOCOL_VERSION]);
        if (preshared_key)
                memcpy(reading->draft.preshared_key, preshared_key, KEY_BYTES);
        return 0;
}

static int read_peer(struct reading *reading, const struct nlattr *nest)
{
        const struct nlattr *table[WGPEER_A_MAX + 1];
        fbn_key key = {0};
        int r = 0;

        netlink_nested(nest, table, ARRAY_SIZE(table));
        copy_key(table[WGPEER_A_PUBLIC_KEY], &key);
        /* A split peer repeats only its key and the rest of its allowed IPs, right after its beginning. */
        if (!reading->in_peer || !key_equal(&key, &reading->draft.peer.public_key))
                r = begin_peer(reading, table);
        return r < 0 ? r : read_allowed_ips(reading, table[WGPEER_A_ALLOWEDIPS]);
}

static int read_interface(struct reading *reading, const struct nlattr **table)
{
        const void *private_key = payload(table[WGDEVICE_A_PRIVATE_KEY], KEY_BYTES);

        if (!table[WGDEVICE_A_IFINDEX])
                return 0; /* only the first message of a dump has these */
        copy_key(table[WGDEVICE_A_PUBLIC_KEY], &reading->interface.public_key);
        reading->interface.listen_port = netlink_u16(table[WGDEVICE_A_LISTEN_PORT]);
        reading->interface.fwmark = netlink_u32(table[WGDEVICE_A_FWMARK]);
        if (!private_key || reading->private_key || key_is_zero(private_key))
                return 0;
        return fbn_secret_new(reading->c, private_key, KEY_BYTES, &reading->private_key);
}

/* When the attributes of the device leave no room for a peer, kernels repeat that message for ever. */
static int read_message(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct nlattr *table[WGDEVICE_A_MAX + 1], *attribute = NULL;
        struct reading *reading = data;
        int r;

        if (reading->idle++ > IDLE_MAX)
                return fail(c, FBN_EPROTOCOL, "the kernel repeats itself and never comes to an end");
        netlink_attributes(message, sizeof(struct genlmsghdr), table, ARRAY_SIZE(table));
        r = read_interface(reading, table);
        while (r == 0 && table[WGDEVICE_A_PEERS] && (attribute = next_in(table[WGDEVICE_A_PEERS], attribute)))
                r = read_peer(reading, attribute);
        return r;
}

static void restart(void *data)
{
        struct reading *reading = data;

        configuration_clear(reading->into);
        draft_free(&reading->draft);
        reading->private_key = fbn_secret_unref(reading->private_key);
        reading->in_peer = false;
        reading->idle = 0;
}

static void reading_free(struct reading *reading)
{
        fbn_secret_unref(reading->private_key);
        draft_free(&reading->draft);
}

static int dump(fbn_context *c, const char *name, struct reading *reading)
{
        _Alignas(struct nlmsghdr) char bytes[256] = {0};
        struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
        struct genlmsghdr *header;
        struct netlink *netlink;
        uint16_t family;
        int r;

        r = netlink_family(c, WG_GENL_NAME, &family);
        if (r == 0)
                r = netlink_get(c, NETLINK_GENERIC, &netlink);
        if (r < 0)
                return r;
        request->nlmsg_type = family;
        header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
        *header = (struct genlmsghdr){.cmd = WG_CMD_GET_DEVICE, .version = WG_GENL_VERSION};
        mnl_attr_put_strz(request, WGDEVICE_A_IFNAME, name);
        r = netlink_dump(c, netlink, request, read_message, restart, reading);
        sodium_memzero(netlink->buffer, NETLINK_BUFFER); /* keys were in it */
        return r;
}

int kernel_get(fbn_context *c, const char *name, fbn_wireguard *into)
{
        _cleanup_(reading_free) struct reading reading = {.c = c, .into = into, .interface = into->interface};
        int r;

        r = dump(c, name, &reading);
        if (r == 0)
                r = end_peer(&reading);
        if (r < 0)
                return r;
        reading.interface.private_key = reading.private_key;
        return configuration_set_interface(c, into, &reading.interface);
}
