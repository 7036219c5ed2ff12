/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/lifetime.h"

#include <string.h>

struct reading {
        const struct message *message;
        const struct name *suffix;
        uint32_t lifetime;
        bool answered; /* there is a record of the type that was asked for */
        bool negative; /* there is an SOA, which says how long nothing is there */
};

static bool inside(const struct name *suffix, const struct message *message, size_t owner)
{
        struct name name;
        size_t start = 0;

        if (suffix->length == 1)
                return true;
        message_name(message, owner, &name);
        name_lower(&name);
        while ((size_t)name.length - start > suffix->length)
                start += 1 + (size_t)name.bytes[start];
        return (size_t)name.length - start == suffix->length && memcmp(name.bytes + start, suffix->bytes, suffix->length) == 0;
}

/* An SOA's last field bounds it in negative answers: RFC 2308 4. */
static uint32_t negative_lifetime(const struct message *message, const struct record *record)
{
        uint32_t minimum = wire_read32(message->bytes + record->end - 4);

        return MIN(MIN(record->ttl, minimum), LIFETIME_NEGATIVE_MAX);
}

static bool read_record(struct reading *reading, const struct record *record, unsigned section)
{
        const struct question *question = &reading->message->question;
        uint32_t ttl = record->ttl;

        if (record->type == TYPE_OPT)
                return true;
        if (record->class != question->class || !inside(reading->suffix, reading->message, record->start))
                return false;
        if (section == SECTION_ANSWER && (record->type == question->type || question->type == TYPE_ANY))
                reading->answered = true;
        if (section == SECTION_AUTHORITY && record->type == TYPE_SOA && record->class == CLASS_IN) {
                ttl = negative_lifetime(reading->message, record);
                reading->negative = true;
        }
        if (ttl > INT32_MAX) /* RFC 2181 8: taken as zero */
                return false;
        reading->lifetime = MIN(reading->lifetime, ttl);
        return true;
}

static bool read_all(struct reading *reading)
{
        size_t offset = reading->message->records;

        for (unsigned section = SECTION_ANSWER; section < SECTIONS; section++)
                for (unsigned i = 0; i < reading->message->counts[section]; i++) {
                        struct record record;

                        if (!message_record(reading->message, offset, &record) || !read_record(reading, &record, section))
                                return false;
                        offset = record.end;
                }
        return true;
}

uint32_t answer_lifetime(const struct message *message, const struct name *suffix)
{
        struct reading reading = {.message = message, .suffix = suffix, .lifetime = LIFETIME_MAX};
        unsigned rcode = message->flags & FLAG_RCODE;

        if ((message->flags & FLAG_TC) || message->edns.rcode)
                return 0;
        if (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN)
                return LIFETIME_FAILURE;
        if (!read_all(&reading))
                return 0;
        /* Without an SOA nothing says how long it is not there: RFC 2308 5. */
        if ((rcode == RCODE_NXDOMAIN || !reading.answered) && !reading.negative)
                return 0;
        return reading.lifetime;
}
