/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/format.h"

#include <strings.h>

static void put_line(struct formatting *formatting, const char *key, const char *words)
{
        wiped_add(&formatting->text, key);
        put_words(formatting, words);
        wiped_add(&formatting->text, "\n");
}

static int check_name(struct formatting *formatting)
{
        if (formatting->wireguard->interface.name)
                return 0;
        return fail(formatting->c, FBN_EINVAL, "systemd-networkd's files need the interface's name");
}

static bool has_default_route(const fbn_wireguard *wireguard)
{
        for (size_t i = 0; i < wireguard->count; i++)
                for (size_t j = 0; j < wireguard->peers[i].n_allowed_ips; j++)
                        if (wireguard->peers[i].allowed_ips[j].length == 0)
                                return true;
        return false;
}

/* Where routes to the allowed IPs go, as wg-quick would do it; NULL: nowhere. */
static int table_of(struct formatting *formatting, const char **ret_table)
{
        const char *table = formatting->wireguard->interface.table;

        if (table && strcasecmp(table, "off") == 0) {
                *ret_table = NULL;
                return 0;
        }
        *ret_table = table && strcasecmp(table, "auto") != 0 ? table : "main";
        if (streq(*ret_table, "main") && has_default_route(formatting->wireguard))
                return fail(formatting->c, FBN_EUNSUPPORTED,
                            "systemd-networkd would send the tunnel's own packets into a default route of the main table; set Table to a "
                            "number and add a rule, or to off");
        return 0;
}

static int put_interface(struct formatting *formatting)
{
        const fbn_wireguard_interface *interface = &formatting->wireguard->interface;
        struct wiped *text = &formatting->text;
        const char *table;
        int r = table_of(formatting, &table);

        if (r < 0)
                return r;
        put_line(formatting, "[NetDev]\nName=", interface->name);
        wiped_add(text, "Kind=wireguard\n");
        if (interface->mtu)
                put_number(formatting, "MTUBytes=%u\n", interface->mtu);
        wiped_add(text, "\n[WireGuard]\n");
        if (interface->private_key) {
                wiped_add(text, "PrivateKey=");
                put_secret(formatting, interface->private_key);
                wiped_add(text, "\n");
        }
        if (interface->listen_port)
                put_number(formatting, "ListenPort=%u\n", interface->listen_port);
        if (interface->fwmark)
                put_number(formatting, "FirewallMark=%u\n", interface->fwmark);
        if (table)
                put_line(formatting, "RouteTable=", table);
        return 0;
}

static void put_peer(struct formatting *formatting, const fbn_wireguard_peer *peer)
{
        struct wiped *text = &formatting->text;

        wiped_add(text, "\n[WireGuardPeer]\nPublicKey=");
        put_key(formatting, peer->public_key.bytes);
        if (peer->preshared_key) {
                wiped_add(text, "\nPresharedKey=");
                put_secret(formatting, peer->preshared_key);
        }
        for (size_t i = 0; i < peer->n_allowed_ips; i++) {
                wiped_add(text, "\nAllowedIPs=");
                put_prefix(formatting, &peer->allowed_ips[i]);
        }
        if (peer->endpoint.address.family || peer->endpoint_name) {
                wiped_add(text, "\nEndpoint=");
                put_endpoint_of(formatting, peer);
        }
        wiped_add(text, "\n");
        if (peer->keepalive)
                put_number(formatting, "PersistentKeepalive=%u\n", peer->keepalive);
}

int format_netdev(struct formatting *formatting)
{
        int r = check_name(formatting);

        if (r == 0)
                r = put_interface(formatting);
        for (size_t i = 0; i < formatting->wireguard->count && r == 0; i++)
                put_peer(formatting, &formatting->wireguard->peers[i]);
        return r;
}

/* wg-quick's rule: what is no address is a search domain. */
static void put_resolver(struct formatting *formatting, const char *name)
{
        fbn_address address;

        put_line(formatting, fbn_address_parse(name, &address) == 0 ? "DNS=" : "Domains=", name);
}

int format_network(struct formatting *formatting)
{
        const fbn_wireguard_interface *interface = &formatting->wireguard->interface;
        int r = check_name(formatting);

        if (r < 0)
                return r;
        put_line(formatting, "[Match]\nName=", interface->name);
        wiped_add(&formatting->text, "\n[Network]\n");
        for (size_t i = 0; i < interface->n_addresses; i++) {
                wiped_add(&formatting->text, "Address=");
                put_prefix(formatting, &interface->addresses[i]);
                wiped_add(&formatting->text, "\n");
        }
        for (size_t i = 0; i < interface->n_dns; i++)
                put_resolver(formatting, interface->dns[i]);
        return 0;
}
