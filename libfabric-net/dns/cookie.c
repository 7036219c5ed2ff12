/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"

#include <time.h>

#define COOKIE_CLIENT 8 /* RFC 7873 4 */

/* The cookie of RFC 9018 4: the client's, version, time, and a hash of these and of who asks, with a key that only we know. */
void cookie_answer(const fbn_dns_stub *stub, const struct query *query, const struct message *message, struct asked *asked)
{
        fbn_address address = socket_address_endpoint(query_peer(query)).address;
        size_t length = address.family == AF_INET ? 4 : 16;
        uint8_t hashed[16 + 16];

        memcpy(asked->cookie, message->bytes + message->edns.cookie, COOKIE_CLIENT);
        wire_write32(asked->cookie + 8, 1u << 24);
        wire_write32(asked->cookie + 12, (uint32_t)time(NULL));
        memcpy(hashed, asked->cookie, 16);
        memcpy(hashed + 16, address.bytes, length);
        crypto_shorthash(asked->cookie + 16, hashed, 16 + length, stub->cookie_key);
        asked->has_cookie = true;
}

/* One for each server, so that none can tell another who asks. */
void cookie_ask(fbn_dns_stub *stub, struct server *server, uint8_t *query, size_t *length)
{
        if (server->cookie_length == 0) {
                random_take(stub, server->cookie, COOKIE_CLIENT);
                server->cookie_length = COOKIE_CLIENT;
        }
        *length = edns_add(query, *length - WIRE_OPT, *length, OPTION_COOKIE, server->cookie, server->cookie_length);
}

/* RFC 7873 5.3. What a server that does not know the option sends back as it was is none. */
enum cookie_result cookie_learn(struct server *server, const struct message *message)
{
        const struct edns *edns = &message->edns;
        bool ours = edns->cookie_length >= COOKIE_CLIENT && memcmp(message->bytes + edns->cookie, server->cookie, COOKIE_CLIENT) == 0;

        if (edns->cookie_length == 0 || (ours && edns->cookie_length == COOKIE_CLIENT))
                return server->cookie_length > COOKIE_CLIENT ? COOKIE_MISSING : COOKIE_GOOD;
        if (!ours || edns->cookie_length < 2 * COOKIE_CLIENT || edns->cookie_length > WIRE_COOKIE)
                return COOKIE_FORGED;
        memcpy(server->cookie, message->bytes + edns->cookie, edns->cookie_length);
        server->cookie_length = (uint8_t)edns->cookie_length;
        return COOKIE_GOOD;
}
