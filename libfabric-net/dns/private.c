/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/private.h"

#include "base/address.h"

#include <string.h>
#include <sys/socket.h>

static const struct range {
        uint8_t bytes[4];
        uint8_t length;
} ranges4[] = {
        {{0}, 8}, {{10}, 8}, {{100, 64}, 10}, {{127}, 8}, {{169, 254}, 16}, {{172, 16}, 12}, {{192, 168}, 16}, {{255, 255, 255, 255}, 32},
};

static bool private4(const uint8_t *bytes)
{
        uint32_t address = wire_read32(bytes);

        for (size_t i = 0; i < sizeof(ranges4) / sizeof(ranges4[0]); i++)
                if (((address ^ wire_read32(ranges4[i].bytes)) >> (32 - ranges4[i].length)) == 0)
                        return true;
        return false;
}

static bool private6(const uint8_t *bytes)
{
        static const uint8_t zero[15], mapped[12] = {[10] = 0xff, [11] = 0xff}, nat64[12] = {0, 0x64, 0xff, 0x9b};
        static const uint8_t nat64_local[6] = {0, 0x64, 0xff, 0x9b, 0, 1};

        if (memcmp(bytes, zero, sizeof(zero)) == 0)
                return bytes[15] <= 1;
        if (memcmp(bytes, mapped, sizeof(mapped)) == 0 || memcmp(bytes, nat64, sizeof(nat64)) == 0)
                return private4(bytes + 12);
        return (bytes[0] & 0xfe) == 0xfc || (bytes[0] == 0xfe && (bytes[1] & 0xc0) >= 0x80) || memcmp(bytes, nat64_local, sizeof(nat64_local)) == 0;
}

bool address_private(const fbn_address *address)
{
        return address->family == AF_INET ? private4(address->bytes) : private6(address->bytes);
}

enum { HINT_IPV4 = 4, HINT_IPV6 = 6 };

static bool any_private(const uint8_t *bytes, size_t length, size_t size, bool (*is_private)(const uint8_t *))
{
        for (; length >= size; bytes += size, length -= size)
                if (is_private(bytes))
                        return true;
        return false;
}

/* Priority, the target's name, parameters: RFC 9460 2.2. */
static bool service_private(const uint8_t *bytes, size_t length)
{
        size_t at = 2;

        while (at < length && bytes[at])
                at += 1 + (size_t)bytes[at];
        for (at++; at + 4 <= length;) {
                uint16_t key = wire_read16(bytes + at);
                size_t size = wire_read16(bytes + at + 2);

                at += 4;
                if (size > length - at)
                        return false;
                if ((key == HINT_IPV4 && any_private(bytes + at, size, 4, private4)) || (key == HINT_IPV6 && any_private(bytes + at, size, 16, private6)))
                        return true;
                at += size;
        }
        return false;
}

static bool record_private(const uint8_t *bytes, const struct record *record)
{
        switch (record->type) {
        case TYPE_A:
                return private4(bytes + record->data);
        case TYPE_AAAA:
                return private6(bytes + record->data);
        case TYPE_SVCB:
        case TYPE_HTTPS:
                return service_private(bytes + record->data, record->end - record->data);
        default:
                return false;
        }
}

bool answer_private(const struct message *message)
{
        size_t offset = message->records;
        struct record record;

        for (; offset < message->end && message_record(message, offset, &record); offset = record.end)
                if (record.class == CLASS_IN && record_private(message->bytes, &record))
                        return true;
        return false;
}
