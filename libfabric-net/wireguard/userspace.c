/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/userspace.h"
#include "base/text.h"
#include "wireguard/uapi.h"

#include <sodium.h>
#include <time.h>

#define UAPI _cleanup_(uapi_close) struct uapi
#define SECOND INT64_C(1000000000) /* in nanoseconds */

/* What is being read: lines before the first public_key belong to the interface, later ones to the peer that it began. */
struct reading {
        struct uapi *uapi;
        fbn_wireguard *into;
        fbn_wireguard_interface interface;
        fbn_secret *private_key;
        struct peer_draft draft;
        bool in_peer;
        int64_t handshake_seconds, handshake_nanoseconds;
};

static int bad_value(struct reading *reading, const char *name)
{
        return fail(reading->uapi->c, FBN_EPROTOCOL, "the daemon sent a '%s' that makes no sense", name);
}

static bool read_key(const char *value, uint8_t bytes[static KEY_BYTES])
{
        return key_from_hex(value, strlen(value), bytes);
}

static int read_private_key(struct reading *reading, const char *value)
{
        uint8_t key[KEY_BYTES];
        int r = read_key(value, key) ? 0 : bad_value(reading, "private_key");

        if (r == 0 && !reading->private_key && !key_is_zero(key))
                r = fbn_secret_new(reading->uapi->c, key, sizeof(key), &reading->private_key);
        sodium_memzero(key, sizeof(key));
        return r;
}

static int read_preshared_key(struct reading *reading, const char *value)
{
        uint8_t key[KEY_BYTES];
        int r = read_key(value, key) ? draft_preshared_key(reading->uapi->c, &reading->draft, key) : bad_value(reading, "preshared_key");

        sodium_memzero(key, sizeof(key));
        return r;
}

static int read_interface_line(struct reading *reading, const char *name, const char *value)
{
        fbn_wireguard_interface *interface = &reading->interface;
        uint64_t number;

        if (streq(name, "private_key"))
                return read_private_key(reading, value);
        if (streq(name, "own_public_key")) { /* boringtun's; it keeps the private one */
                reading->into->boringtun = BORINGTUN;
                return read_key(value, interface->public_key.bytes) ? 0 : bad_value(reading, name);
        }
        if (streq(name, "listen_port")) {
                if (!text_to_u64(value, 0, UINT16_MAX, &number))
                        return bad_value(reading, name);
                interface->listen_port = (uint16_t)number;
        } else if (streq(name, "fwmark")) {
                if (!text_to_u64(value, 0, UINT32_MAX, &number))
                        return bad_value(reading, name);
                interface->fwmark = (uint32_t)number;
        }
        return 0;
}

static int read_allowed_ip(struct reading *reading, const char *value)
{
        fbn_prefix prefix;

        if (fbn_prefix_parse(value, &prefix) < 0)
                return bad_value(reading, "allowed_ip");
        return draft_allowed_ip(reading->uapi->c, &reading->draft, &prefix);
}

static int read_peer_line(struct reading *reading, const char *name, const char *value)
{
        fbn_wireguard_peer *peer = &reading->draft.peer;
        uint64_t number = 0;

        if (streq(name, "allowed_ip"))
                return read_allowed_ip(reading, value);
        if (streq(name, "preshared_key"))
                return read_preshared_key(reading, value);
        if (streq(name, "endpoint"))
                return fbn_endpoint_parse(value, &peer->endpoint) < 0 ? bad_value(reading, name) : 0;
        if (!text_to_u64(value, 0, INT64_MAX, &number))
                return 0; /* of a version to come */
        if (number > INT64_MAX / 2000000000 && strncmp(name, "last_handshake_time_", 20) == 0)
                return bad_value(reading, name);
        if (streq(name, "persistent_keepalive_interval"))
                peer->keepalive = (uint16_t)number;
        else if (streq(name, "last_handshake_time_sec"))
                reading->handshake_seconds = (int64_t)number;
        else if (streq(name, "last_handshake_time_nsec"))
                reading->handshake_nanoseconds = (int64_t)number;
        else if (streq(name, "rx_bytes"))
                peer->received = number;
        else if (streq(name, "tx_bytes"))
                peer->sent = number;
        else if (streq(name, "protocol_version"))
                peer->protocol_version = (uint32_t)number;
        return 0;
}

/* When the last handshake was. boringtun says how long ago (src/device/api.rs, api_get()): that is good to the second, the rest would
 * come out different each time. */
static int64_t handshake_time(const struct reading *reading)
{
        int64_t time = reading->handshake_seconds * SECOND + reading->handshake_nanoseconds;
        struct timespec now;

        if (time == 0 || reading->into->boringtun != BORINGTUN)
                return time;
        clock_gettime(CLOCK_REALTIME, &now);
        return ((int64_t)now.tv_sec * SECOND + now.tv_nsec - time + SECOND / 2) / SECOND * SECOND;
}

static int end_peer(struct reading *reading)
{
        if (!reading->in_peer)
                return 0;
        reading->draft.peer.last_handshake = handshake_time(reading);
        reading->handshake_seconds = reading->handshake_nanoseconds = 0;
        if (reading->draft.peer.endpoint.port == 0)
                reading->draft.peer.endpoint = (fbn_endpoint){0};
        return draft_add(reading->uapi->c, &reading->draft, reading->into);
}

static int begin_peer(struct reading *reading, const char *value)
{
        int r = end_peer(reading);

        if (r < 0)
                return r;
        reading->in_peer = true;
        return read_key(value, reading->draft.peer.public_key.bytes) ? 0 : bad_value(reading, "public_key");
}

static int read_answer(struct reading *reading)
{
        const char *name, *value;
        int r;

        for (;;) {
                r = uapi_line(reading->uapi, &name, &value);
                if (r < 0)
                        return r;
                if (streq(name, "errno")) {
                        r = uapi_status(reading->uapi, value);
                        return r < 0 ? r : end_peer(reading);
                }
                if (streq(name, "public_key"))
                        r = begin_peer(reading, value);
                else
                        r = reading->in_peer ? read_peer_line(reading, name, value) : read_interface_line(reading, name, value);
                if (r < 0)
                        return r;
        }
}

static void reading_free(struct reading *reading)
{
        fbn_secret_unref(reading->private_key);
        draft_free(&reading->draft);
}

int userspace_ask(fbn_context *c, const char *name, struct uapi *ret_asked)
{
        UAPI uapi = {.fd = -1};
        int r;

        r = uapi_open(c, name, &uapi);
        if (r < 0)
                return r;
        r = uapi_put(&uapi, "get=1\n");
        if (r == 0)
                r = uapi_finish(&uapi);
        if (r < 0)
                return r;
        *ret_asked = uapi;
        uapi = (struct uapi){.fd = -1};
        return 0;
}

int userspace_read(struct uapi *asked, fbn_wireguard *into)
{
        _cleanup_(reading_free) struct reading reading = {.uapi = asked, .into = into, .interface = into->interface};
        int r = read_answer(&reading);

        if (r < 0)
                return r;
        if (!reading.private_key && into->count == 0 && into->boringtun == NOT_BORINGTUN)
                into->boringtun = MAYBE_BORINGTUN;
        reading.interface.private_key = reading.private_key;
        return configuration_set_interface(asked->c, into, &reading.interface);
}

int userspace_get(fbn_context *c, const char *name, fbn_wireguard *into)
{
        UAPI uapi = {.fd = -1};
        int r = userspace_ask(c, name, &uapi);

        return r < 0 ? r : userspace_read(&uapi, into);
}

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
        const char *line, *value;
        int r;

        r = uapi_open(c, name, &uapi);
        if (r < 0)
                return r;
        r = put_update(&uapi, update);
        if (r < 0)
                return r;
        r = uapi_line(&uapi, &line, &value);
        if (r < 0)
                return r;
        return streq(line, "errno") ? uapi_status(&uapi, value) : fail(c, FBN_EPROTOCOL, "the daemon answered a change with '%.32s'", line);
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
        const char *line, *value;
        int r;

        r = uapi_open(c, name, &uapi);
        if (r == 0)
                r = uapi_put(&uapi, "get=0\n");
        if (r == 0)
                r = uapi_finish(&uapi);
        if (r == 0)
                r = uapi_line(&uapi, &line, &value);
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
