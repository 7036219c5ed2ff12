/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/userspace.h"
#include "base/text.h"
#include "wireguard/uapi.h"

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

static int bad_value(struct reading *reading, const struct uapi_line *line)
{
        return fail(reading->uapi->c, FBN_EPROTOCOL, "the daemon sent a '%.32s' that makes no sense", line->name);
}

static int read_number(struct reading *reading, const struct uapi_line *line, uint64_t maximum, uint64_t *ret_number)
{
        if (line->value_length == 1 && *line->value >= '0' && *line->value <= '9') /* most of ten thousand peers' */
                *ret_number = (uint64_t)(*line->value - '0');
        else if (!text_to_u64(line->value, 0, maximum, ret_number))
                return bad_value(reading, line);
        return 0;
}

static int read_key(struct reading *reading, const struct uapi_line *line, uint8_t bytes[static KEY_BYTES])
{
        return key_from_hex(line->value, line->value_length, bytes) ? 0 : bad_value(reading, line);
}

static int private_key(struct reading *reading, const struct uapi_line *line)
{
        uint8_t key[KEY_BYTES];
        int r = read_key(reading, line, key);

        if (r == 0 && !reading->private_key && !key_is_zero(key))
                r = fbn_secret_new(reading->uapi->c, key, sizeof(key), &reading->private_key);
        key_wipe(key, sizeof(key));
        return r;
}

/* boringtun's; it keeps the private one. */
static int own_public_key(struct reading *reading, const struct uapi_line *line)
{
        reading->into->boringtun = BORINGTUN;
        return read_key(reading, line, reading->interface.public_key.bytes);
}

static int listen_port(struct reading *reading, const struct uapi_line *line)
{
        uint64_t number = 0;
        int r = read_number(reading, line, UINT16_MAX, &number);

        reading->interface.listen_port = (uint16_t)number;
        return r;
}

static int fwmark(struct reading *reading, const struct uapi_line *line)
{
        uint64_t number = 0;
        int r = read_number(reading, line, UINT32_MAX, &number);

        reading->interface.fwmark = (uint32_t)number;
        return r;
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

static int public_key(struct reading *reading, const struct uapi_line *line)
{
        int r = end_peer(reading);

        if (r < 0)
                return r;
        reading->in_peer = true;
        return read_key(reading, line, reading->draft.peer.public_key.bytes);
}

static int preshared_key(struct reading *reading, const struct uapi_line *line)
{
        return read_key(reading, line, reading->draft.preshared_key);
}

static int protocol_version(struct reading *reading, const struct uapi_line *line)
{
        uint64_t number = 0;
        int r = read_number(reading, line, UINT32_MAX, &number);

        reading->draft.peer.protocol_version = (uint32_t)number;
        return r;
}

static int endpoint(struct reading *reading, const struct uapi_line *line)
{
        return fbn_endpoint_parse(line->value, &reading->draft.peer.endpoint) < 0 ? bad_value(reading, line) : 0;
}

static int handshake_seconds(struct reading *reading, const struct uapi_line *line)
{
        uint64_t number = 0;
        int r = read_number(reading, line, INT64_MAX / SECOND / 2, &number);

        reading->handshake_seconds = (int64_t)number;
        return r;
}

static int handshake_nanoseconds(struct reading *reading, const struct uapi_line *line)
{
        uint64_t number = 0;
        int r = read_number(reading, line, SECOND - 1, &number);

        reading->handshake_nanoseconds = (int64_t)number;
        return r;
}

static int received(struct reading *reading, const struct uapi_line *line)
{
        return read_number(reading, line, UINT64_MAX, &reading->draft.peer.received);
}

static int sent(struct reading *reading, const struct uapi_line *line)
{
        return read_number(reading, line, UINT64_MAX, &reading->draft.peer.sent);
}

static int keepalive(struct reading *reading, const struct uapi_line *line)
{
        uint64_t number = 0;
        int r = read_number(reading, line, UINT16_MAX, &number);

        reading->draft.peer.keepalive = (uint16_t)number;
        return r;
}

static int allowed_ip(struct reading *reading, const struct uapi_line *line)
{
        fbn_prefix prefix;

        if (fbn_prefix_parse(line->value, &prefix) < 0)
                return bad_value(reading, line);
        return draft_allowed_ip(reading->uapi->c, &reading->draft, &prefix);
}

struct known_line {
        const char *name;
        size_t length;
        int (*read)(struct reading *reading, const struct uapi_line *line);
};

#define LINE(name, read) {name, sizeof(name) - 1, read}

static const struct known_line interface_lines[] = {
        LINE("private_key", private_key),
        LINE("own_public_key", own_public_key),
        LINE("listen_port", listen_port),
        LINE("fwmark", fwmark),
        LINE("public_key", public_key),
};

/* In the order in which wireguard-go writes them, so that the next is mostly the one after the last. */
static const struct known_line peer_lines[] = {
        LINE("public_key", public_key),
        LINE("preshared_key", preshared_key),
        LINE("protocol_version", protocol_version),
        LINE("endpoint", endpoint),
        LINE("last_handshake_time_sec", handshake_seconds),
        LINE("last_handshake_time_nsec", handshake_nanoseconds),
        LINE("tx_bytes", sent),
        LINE("rx_bytes", received),
        LINE("persistent_keepalive_interval", keepalive),
        LINE("allowed_ip", allowed_ip),
};

/* From *guess on, around; *guess becomes the one behind it. NULL: of a version to come. */
static const struct known_line *find_line(const struct uapi_line *line, const struct known_line *lines, size_t count, size_t *guess)
{
        for (size_t i = 0; i < count; i++) {
                const struct known_line *known = &lines[*guess];

                *guess = *guess + 1 < count ? *guess + 1 : 0;
                if (known->length == line->name_length && memcmp(known->name, line->name, known->length) == 0)
                        return known;
        }
        return NULL;
}

static int read_answer(struct reading *reading)
{
        size_t guess_interface = 0, guess_peer = 1;
        struct uapi_line line;
        int r = 0;

        while (r == 0) {
                const struct known_line *known;

                r = uapi_line(reading->uapi, &line);
                if (r < 0)
                        return r;
                if (streq(line.name, "errno")) {
                        r = uapi_status(reading->uapi, line.value);
                        return r < 0 ? r : end_peer(reading);
                }
                known = reading->in_peer ? find_line(&line, peer_lines, ARRAY_SIZE(peer_lines), &guess_peer)
                                         : find_line(&line, interface_lines, ARRAY_SIZE(interface_lines), &guess_interface);
                if (known)
                        r = known->read(reading, &line);
        }
        return r;
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
        if (!reading.private_key && into->count + into->n_met == 0 && into->boringtun == NOT_BORINGTUN)
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
