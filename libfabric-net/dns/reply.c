/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/reply.h"

#include "base/macro.h"

static void write_header(uint8_t *buffer, uint16_t id, uint16_t flags)
{
        memset(buffer, 0, WIRE_HEADER);
        wire_write16(buffer, id);
        wire_write16(buffer + 2, flags);
}

static void write_count(uint8_t *buffer, unsigned section, uint16_t count)
{
        wire_write16(buffer + 4 + 2 * (size_t)section, count);
}

static size_t write_question(uint8_t *buffer, const struct question *question)
{
        size_t end = WIRE_HEADER + question->name.length;

        write_count(buffer, SECTION_QUESTION, 1);
        memcpy(buffer + WIRE_HEADER, question->name.bytes, question->name.length);
        wire_write16(buffer + end, question->type);
        wire_write16(buffer + end + 2, question->class);
        return end + 4;
}

/* Our own OPT behind everything else; before is the number of additional records in front of it. */
static size_t write_edns(uint8_t *buffer, size_t at, uint16_t before, unsigned rcode, bool dnssec_ok)
{
        memset(buffer + at, 0, WIRE_OPT);
        wire_write16(buffer + at + 1, TYPE_OPT);
        wire_write16(buffer + at + 3, WIRE_EDNS);
        buffer[at + 5] = (uint8_t)(rcode >> 4);
        buffer[at + 7] = dnssec_ok ? 0x80 : 0;
        write_count(buffer, SECTION_ADDITIONAL, (uint16_t)(before + 1));
        return at + WIRE_OPT;
}

size_t edns_add(uint8_t *buffer, size_t opt, size_t length, uint16_t code, const void *data, size_t size)
{
        wire_write16(buffer + length, code);
        wire_write16(buffer + length + 2, (uint16_t)size);
        memcpy(buffer + length + 4, data, size);
        wire_write16(buffer + opt + WIRE_OPT - 2, (uint16_t)(length + 4 + size - opt - WIRE_OPT));
        return length + 4 + size;
}

/* What the OPT record of an answer takes. */
static size_t edns_room(const struct asked *asked)
{
        return asked->edns ? WIRE_OPT + (asked->reason ? 6 : 0) + (asked->has_cookie ? 4 + sizeof(asked->cookie) : 0) : 0;
}

/* It and what it says, if the client speaks EDNS. */
static size_t answer_edns(const struct asked *asked, uint8_t *buffer, size_t at, uint16_t before, unsigned rcode)
{
        const uint8_t reason[2] = {0, (uint8_t)asked->reason};
        size_t end;

        if (!asked->edns)
                return at;
        end = write_edns(buffer, at, before, rcode, asked->dnssec_ok);
        if (asked->has_cookie)
                end = edns_add(buffer, at, end, OPTION_COOKIE, asked->cookie, sizeof(asked->cookie));
        return asked->reason ? edns_add(buffer, at, end, OPTION_ERROR, reason, sizeof(reason)) : end;
}

static uint16_t own_flags(const struct asked *asked, unsigned rcode)
{
        return (uint16_t)(FLAG_QR | FLAG_RA | (asked->flags & (FLAG_OPCODE | FLAG_RD | FLAG_CD)) | (rcode & FLAG_RCODE));
}

size_t reply_status(const struct asked *asked, enum rcode rcode, uint8_t *buffer)
{
        size_t end = WIRE_HEADER;

        write_header(buffer, asked->id, own_flags(asked, rcode));
        if (asked->readable)
                end = write_question(buffer, &asked->question);
        return answer_edns(asked, buffer, end, 0, rcode);
}

void reply_begin(struct reply *reply, const struct asked *asked, uint8_t *buffer)
{
        *reply = (struct reply){.asked = asked, .buffer = buffer};
        write_header(buffer, asked->id, own_flags(asked, RCODE_NOERROR));
        reply->end = write_question(buffer, &asked->question);
}

bool reply_wants(const struct asked *asked, uint16_t type)
{
        return asked->question.type == type || asked->question.type == TYPE_ANY;
}

void reply_add(struct reply *reply, uint16_t type, uint32_t ttl, const uint8_t *data, size_t length)
{
        static const uint8_t owner[] = {0xc0, WIRE_HEADER}; /* the question's name */
        uint8_t *at = reply->buffer + reply->end;

        if (reply->end + 12 + length + edns_room(reply->asked) > reply->asked->limit) {
                wire_write16(reply->buffer + 2, wire_read16(reply->buffer + 2) | FLAG_TC);
                return;
        }
        memcpy(at, owner, sizeof(owner));
        wire_write16(at + 2, type);
        wire_write16(at + 4, reply->asked->question.class);
        wire_write32(at + 6, ttl);
        wire_write16(at + 10, (uint16_t)length);
        memcpy(at + 12, data, length);
        reply->end += 12 + length;
        reply->count++;
}

size_t reply_end(struct reply *reply)
{
        write_count(reply->buffer, SECTION_ANSWER, reply->count);
        return answer_edns(reply->asked, reply->buffer, reply->end, 0, RCODE_NOERROR);
}

/* The zone has no servers and nobody to write to: RFC 6303 3. */
size_t reply_nothing(const struct asked *asked, enum rcode rcode, const struct name *zone, uint32_t ttl, uint8_t *buffer)
{
        static const uint8_t nobody[] = "\6nobody\7invalid"; /* its zero too */
        const uint16_t owner = (uint16_t)(0xc000 | (WIRE_HEADER + asked->question.name.length - zone->length)); /* within the question */
        const uint32_t times[] = {1, 3600, 1200, 604800, ttl};
        size_t end, data = 2 + sizeof(nobody) + sizeof(times);
        uint8_t *at;

        write_header(buffer, asked->id, own_flags(asked, rcode) | FLAG_AA);
        end = write_question(buffer, &asked->question);
        at = buffer + end;
        wire_write16(at, owner);
        wire_write16(at + 2, TYPE_SOA);
        wire_write16(at + 4, asked->question.class);
        wire_write32(at + 6, ttl);
        wire_write16(at + 10, (uint16_t)data);
        wire_write16(at + 12, owner);
        memcpy(at + 14, nobody, sizeof(nobody));
        for (size_t i = 0; i < ARRAY_SIZE(times); i++)
                wire_write32(at + 14 + sizeof(nobody) + 4 * i, times[i]);
        write_count(buffer, SECTION_AUTHORITY, 1);
        return answer_edns(asked, buffer, end + 12 + data, 0, rcode);
}

/* As many whole records as fit into room. The answer counts as cut only if more than additional records are missing (RFC 2181 9). */
static size_t cut(const struct message *message, size_t room, uint16_t counts[SECTIONS], uint16_t *flags)
{
        size_t end = message->records;

        for (unsigned section = SECTION_ANSWER; section < SECTIONS; section++)
                for (unsigned i = 0; i < counts[section]; i++) {
                        struct record record;

                        if (message_record(message, end, &record) && record.end <= room) {
                                end = record.end;
                                continue;
                        }
                        if (section != SECTION_ADDITIONAL)
                                *flags |= FLAG_TC;
                        counts[section] = (uint16_t)i;
                        while (++section < SECTIONS) {
                                if (section != SECTION_ADDITIONAL && counts[section] > 0)
                                        *flags |= FLAG_TC;
                                counts[section] = 0;
                        }
                        return end;
                }
        return end;
}

/* The authority is the upstream's and not ours (RFC 1035 4.1.1), least of all for what was kept; recursion is available here whatever that one does. */
static uint16_t forward_flags(const struct asked *asked, const struct message *message)
{
        unsigned flags = (message->flags & ~(unsigned)(FLAG_AA | FLAG_AD | FLAG_RD | FLAG_CD | FLAG_TC)) | FLAG_RA;

        /* An extended code cannot be said without EDNS; its lower bits alone would say something else. */
        if (message->edns.rcode && !asked->edns)
                flags = (flags & ~(unsigned)FLAG_RCODE) | RCODE_SERVFAIL;
        return (uint16_t)(flags | (asked->flags & (FLAG_RD | FLAG_CD)));
}

size_t reply_forward(const struct asked *asked, const struct message *message, uint8_t *buffer)
{
        size_t room = asked->limit - edns_room(asked);
        uint16_t flags = forward_flags(asked, message);
        uint16_t counts[SECTIONS];
        size_t end = message->end;

        memcpy(counts, message->counts, sizeof(counts));
        if (message->edns.present) {
                /* Hop by hop, so it goes; and whatever stands behind it may not move, so that goes too. */
                end = message->edns.start;
                counts[SECTION_ADDITIONAL] = message->edns.before;
        }
        if (end > room)
                end = cut(message, room, counts, &flags);
        memcpy(buffer, message->bytes, end);
        write_header(buffer, asked->id, flags);
        write_question(buffer, &asked->question);
        for (unsigned section = SECTION_ANSWER; section < SECTIONS; section++)
                write_count(buffer, section, counts[section]);
        return answer_edns(asked, buffer, end, counts[SECTION_ADDITIONAL], (unsigned)message->edns.rcode << 4);
}

size_t query_write(uint16_t id, uint16_t flags, const struct question *question, bool edns, bool dnssec_ok, uint8_t *buffer)
{
        size_t end;

        write_header(buffer, id, flags & (FLAG_RD | FLAG_CD));
        end = write_question(buffer, question);
        return edns ? write_edns(buffer, end, 0, RCODE_NOERROR, dnssec_ok) : end;
}
