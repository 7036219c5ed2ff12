/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/userspace.h"
#include "wireguard/uapi.h"

#define UAPI _cleanup_(uapi_close) struct uapi

static int put_interface(struct uapi *uapi, const struct update *update)
{
        const fbn_wireguard_interface *interface = update->interface;
        int r = 0;

        if (update->what & INTERFACE_PRIVATE_KEY)
                r = uapi_put_key(uapi, "private_key", fbn_secret_bytes(interface->private_key));
        if (r == 0 && update->what & INTERFACE_LISTEN_PORT)
                r = uapi_put(uapi, "listen_port=%u\n", interface->listen_port);
        if (r == 0 && update->what & INTERFACE_FWMARK)
                r = uapi_put(uapi, "fwmark=%u\n", interface->fwmark);
        return r;
}

static int put_preshared_key(struct uapi *uapi, const fbn_secret *secret)
{
        static const uint8_t none[KEY_BYTES];

        return uapi_put_key(uapi, "preshared_key", secret ? fbn_secret_bytes(secret) : none);
}

static int put_allowed_ips(struct uapi *uapi, const struct peer_update *update)
{
        char text[FBN_ADDRESS_TEXT];
        int r = 0;

        for (size_t i = 0; i < update->n_allowed_ips && r == 0; i++)
                r = uapi_put(uapi, "allowed_ip=%s\n", fbn_prefix_format(&update->allowed_ips[i], text, sizeof(text)));
        return r;
}

/* No update_only where a peer comes or goes: boringtun does not know it, and other changes of a peer are never sent to it. */
static int put_peer(struct uapi *uapi, const struct peer_update *update)
{
        const fbn_wireguard_peer *peer = update->peer;
        char text[FBN_ADDRESS_TEXT];
        int r = uapi_put_key(uapi, "public_key", peer->public_key.bytes);

        if (r == 0 && update->what & PEER_REMOVE)
                return uapi_put(uapi, "remove=true\n");
        if (r == 0 && !(update->what & PEER_CREATE))
                r = uapi_put(uapi, "update_only=true\n");
        if (r == 0 && update->what & PEER_PRESHARED_KEY)
                r = put_preshared_key(uapi, peer->preshared_key);
        if (r == 0 && update->what & PEER_ENDPOINT)
                r = uapi_put(uapi, "endpoint=%s\n", fbn_endpoint_format(&peer->endpoint, text, sizeof(text)));
        if (r == 0 && update->what & PEER_KEEPALIVE)
                r = uapi_put(uapi, "persistent_keepalive_interval=%u\n", peer->keepalive);
        return r < 0 ? r : put_allowed_ips(uapi, update);
}

/* "allowed_ip=-" is of 2024: older daemons refuse it. */
static int put_take(struct uapi *uapi, const struct peer_update *take)
{
        struct throwaway throwaway;
        int r;

        throwaway_new(take, &throwaway);
        r = put_peer(uapi, &throwaway.come);
        return r < 0 ? r : put_peer(uapi, &throwaway.go);
}

static int put_update(struct uapi *uapi, const struct update *update)
{
        int r = uapi_put(uapi, "set=1\n");

        if (r == 0)
                r = put_interface(uapi, update);
        for (size_t i = 0; i < update->count && r == 0; i++)
                r = update->peers[i].what & PEER_TAKE_ALLOWED_IPS ? put_take(uapi, &update->peers[i]) : put_peer(uapi, &update->peers[i]);
        return r < 0 ? r : uapi_finish(uapi);
}

static int set_at_once(fbn_context *c, const char *name, const struct update *update)
{
        UAPI uapi = {.fd = -1};
        struct uapi_line line;
        int r;

        r = uapi_open(c, name, &uapi);
        if (r < 0)
                return r;
        r = put_update(&uapi, update);
        if (r < 0)
                return r;
        r = uapi_line(&uapi, &line);
        if (r < 0)
                return r;
        if (!streq(line.name, "errno"))
                return fail(c, FBN_EPROTOCOL, "the daemon answered a change with '%.32s'", line.name);
        return uapi_status(&uapi, line.value);
}

/* For boringtun, where flags of one peer leak into the next of the same "set" (src/device/api.rs, api_set_peer()). */
static int set_one_by_one(fbn_context *c, const char *name, const struct update *update)
{
        struct update part = *update;
        int r = 0;

        part.count = 0;
        if (part.what)
                r = set_at_once(c, name, &part);
        part.what = 0;
        part.count = 1;
        for (size_t i = 0; i < update->count && r == 0; i++) {
                part.peers = &update->peers[i];
                r = set_at_once(c, name, &part);
        }
        return r;
}

/* To an operation that nobody knows boringtun answers with an error; wireguard-go ends the connection. */
static int ask_boringtun(fbn_context *c, const char *name, enum boringtun *ret_boringtun)
{
        UAPI uapi = {.fd = -1};
        struct uapi_line line;
        int r;

        r = uapi_open(c, name, &uapi);
        if (r == 0)
                r = uapi_put(&uapi, "get=0\n");
        if (r == 0)
                r = uapi_finish(&uapi);
        if (r == 0)
                r = uapi_line(&uapi, &line);
        if (r < 0 && r != -FBN_EUNAVAILABLE)
                return r;
        *ret_boringtun = r == 0 ? BORINGTUN : NOT_BORINGTUN;
        return 0;
}

int userspace_set(fbn_context *c, const char *name, const struct update *update)
{
        enum boringtun boringtun = update->boringtun;

        if (boringtun == MAYBE_BORINGTUN && update->count > 0) {
                int r = ask_boringtun(c, name, &boringtun);

                if (r < 0)
                        return r;
                if (boringtun == BORINGTUN && !(update->what & INTERFACE_PRIVATE_KEY))
                        return fail(c, FBN_EINVAL, "boringtun takes peers only with a private key; give the interface one");
        }
        return boringtun == BORINGTUN ? set_one_by_one(c, name, update) : set_at_once(c, name, update);
}
