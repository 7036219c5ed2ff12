/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_REPLY_H
#define DNS_REPLY_H

#include "dns/wire.h"

/* Why an answer is what it is: RFC 8914. */
enum reason {
        REASON_NONE = 0,
        REASON_STALE = 3,
        REASON_CACHED_ERROR = 13,
        REASON_BLOCKED = 15,
        REASON_PROHIBITED = 18,
        REASON_STALE_NXDOMAIN = 19,
        REASON_NOT_AUTHORITATIVE = 20,
        REASON_NOT_SUPPORTED = 21,
        REASON_NO_REACHABLE_AUTHORITY = 22,
};

/* What a client asked, as far as its answer depends on it. */
struct asked {
        uint16_t id;
        uint16_t flags;
        bool readable; /* the question was */
        struct question question; /* in the client's own case */
        bool edns;
        bool dnssec_ok;
        size_t limit; /* the largest answer that the client takes */
        enum reason reason; /* told with the answer */
        uint8_t cookie[24]; /* the client's 8 bytes and ours behind them (RFC 9018) */
        bool has_cookie;
};

/* Each writes a message into a buffer with room for asked->limit bytes, WIRE_PLAIN at least, and returns its length. */

/* An answer without records. */
size_t reply_status(const struct asked *asked, enum rcode rcode, uint8_t *buffer);

/* An answer with records of the question's name, as many as the client takes. */
struct reply {
        const struct asked *asked;
        uint8_t *buffer;
        size_t end;
        uint16_t count;
};

void reply_begin(struct reply *reply, const struct asked *asked, uint8_t *buffer);
bool reply_wants(const struct asked *asked, uint16_t type); /* records of this type */
void reply_add(struct reply *reply, uint16_t type, uint32_t ttl, const uint8_t *data, size_t length);
size_t reply_end(struct reply *reply);

/* That there is no such name, or no such record of it, for as long as the lifetime in seconds (RFC 2308 3). The zone is the name or above it. */
size_t reply_nothing(const struct asked *asked, enum rcode rcode, const struct name *zone, uint32_t ttl, uint8_t *buffer);

/* An upstream's answer to the same question (all stages of reading passed), as this client may have it: own id, own case of the
 * question, AD cleared, EDNS between us and the client, cut at a record's boundary if it is too large. */
size_t reply_forward(const struct asked *asked, const struct message *message, uint8_t *buffer);

/* Put an option into the OPT record at opt, which a message of this length ends with. Returns the message's length. */
size_t edns_add(uint8_t *buffer, size_t opt, size_t length, uint16_t code, const void *data, size_t size);

/* The question for an upstream; buffer of WIRE_QUERY bytes. flags: RD and CD as the client set them. */
size_t query_write(uint16_t id, uint16_t flags, const struct question *question, bool edns, bool dnssec_ok, uint8_t *buffer);

#endif
