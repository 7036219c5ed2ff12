/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_WIRE_H
#define DNS_WIRE_H

#include "dns/name.h"

#define WIRE_HEADER ((size_t)12)
#define WIRE_OPT ((size_t)11)         /* an OPT record without options */
#define WIRE_PLAIN ((size_t)512)      /* the largest datagram without EDNS: RFC 1035 4.2.1 */
#define WIRE_EDNS ((size_t)1232)      /* the largest that is never fragmented: RFC 9715 */
#define WIRE_MESSAGE ((size_t)65535)
#define WIRE_RECORDS 4096             /* more than any honest message holds */
#define WIRE_POINTERS 127             /* a name has no more labels than that to point to */
#define WIRE_COOKIE ((size_t)40)      /* the largest, a client's with a server's: RFC 7873 4 */
#define WIRE_QUERY (WIRE_HEADER + NAME_BYTES + 4 + WIRE_OPT + 4 + WIRE_COOKIE) /* the largest query of ours */

enum {
        FLAG_QR = 0x8000,
        FLAG_OPCODE = 0x7800,
        FLAG_AA = 0x0400,
        FLAG_TC = 0x0200,
        FLAG_RD = 0x0100,
        FLAG_RA = 0x0080,
        FLAG_AD = 0x0020,
        FLAG_CD = 0x0010,
        FLAG_RCODE = 0x000f,
};

enum rcode {
        RCODE_NOERROR = 0,
        RCODE_FORMERR = 1,
        RCODE_SERVFAIL = 2,
        RCODE_NXDOMAIN = 3,
        RCODE_NOTIMP = 4,
        RCODE_REFUSED = 5,
        RCODE_BADVERS = 16,
        RCODE_BADCOOKIE = 23,
};

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_PTR = 12, TYPE_AAAA = 28, TYPE_OPT = 41, TYPE_DS = 43, TYPE_RRSIG = 46, TYPE_SVCB = 64,
       TYPE_HTTPS = 65, TYPE_IXFR = 251, TYPE_AXFR = 252, TYPE_ANY = 255 };
enum { OPTION_COOKIE = 10, OPTION_ERROR = 15, OPTION_WHY = 65313 /* of ours: told.h */ };
enum { CLASS_IN = 1 };
enum { SECTION_QUESTION, SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL, SECTIONS };

struct question {
        struct name name;
        uint16_t type, class;
};

/* What an OPT record says (RFC 6891). */
struct edns {
        bool present;
        bool dnssec_ok;
        uint8_t version;
        uint8_t rcode; /* the upper eight bits */
        uint16_t size;
        size_t start;   /* of the record in the message */
        uint16_t before; /* additional records in front of it */
        size_t cookie;   /* where the COOKIE option's data is */
        uint16_t cookie_length; /* 0: there is none */
        size_t why;             /* the same of our own option, which may be empty; 0: there is none */
        uint16_t why_length;
};

/* A message and where its parts are. */
struct message {
        const uint8_t *bytes; /* borrowed */
        size_t length;
        uint16_t id, flags;
        uint16_t counts[SECTIONS];
        struct question question;
        size_t records; /* behind the question */
        size_t end;     /* behind the last record */
        bool aliases;   /* some record is a CNAME */
        struct edns edns;
};

struct record {
        size_t start, data, end;
        uint16_t type, class;
        uint32_t ttl;
};

static inline uint16_t wire_read16(const uint8_t *bytes)
{
        return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline void wire_write16(uint8_t *bytes, uint16_t value)
{
        bytes[0] = (uint8_t)(value >> 8);
        bytes[1] = (uint8_t)value;
}

static inline uint32_t wire_read32(const uint8_t *bytes)
{
        return (uint32_t)wire_read16(bytes) << 16 | wire_read16(bytes + 2);
}

static inline void wire_write32(uint8_t *bytes, uint32_t value)
{
        wire_write16(bytes, (uint16_t)(value >> 16));
        wire_write16(bytes + 2, (uint16_t)value);
}

/* The three stages of reading; each is false if the bytes are not what a message has there. The header is enough to answer with an
 * error, the question is enough to know whether an answer is meant for us, the records are what may be passed on. */
bool message_header(const uint8_t *bytes, size_t length, struct message *ret_message);
bool message_question(struct message *message); /* exactly one */
bool message_records(struct message *message);

/* The record at an offset of a message that passed the stages before; false if it is malformed. */
bool message_record(const struct message *message, size_t offset, struct record *ret_record);

/* Write a record elsewhere, its names spelled out. Returns its length, 0 if there is no room for it. */
size_t message_copy_record(const struct message *message, const struct record *record, uint8_t *out, size_t room);

/* The name at the start of a record that message_record() found good, its pointers followed. */
void message_name(const struct message *message, size_t offset, struct name *ret_name);

bool question_equal(const struct question *a, const struct question *b);

#endif
