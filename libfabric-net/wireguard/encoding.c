/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/encoding.h"

#include <endian.h>
#include <string.h>

/* Sixteen characters at once. Comparing vectors gives masks: there is no branch and no table for a key to be seen by. libsodium's, one
 * character at a time, were a third of what reading ten thousand peers took. */
typedef uint8_t vector __attribute__((vector_size(16)));
typedef int8_t signed_vector __attribute__((vector_size(16))); /* what SSE2 can compare in one instruction */

#define SEXTETS 48 /* those of a key, in whole vectors */

/* Limits from 0 to 126; no byte from 128 on is within any. */
static vector above(vector bytes, int8_t limit)
{
        return (vector)((signed_vector)bytes > limit);
}

static vector within(vector bytes, int8_t first, int8_t last)
{
        return above(bytes, (int8_t)(first - 1)) & ~above(bytes, last);
}

/* Characters to numbers in place. Bits are set in the result where there was no character of this alphabet. RFC 4648, section 4. */
static vector sextets_of(vector *text)
{
        vector c = *text, upper = within(c, 'A', 'Z'), lower = within(c, 'a', 'z'), digit = within(c, '0', '9'), plus = (vector)(c == '+'),
               slash = (vector)(c == '/');

        *text = (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) | (plus & 62) | (slash & 63);
        return ~(upper | lower | digit | plus | slash);
}

static vector nibbles_of(vector *text)
{
        vector c = *text, digit = within(c, '0', '9'), letter = within(c | 0x20, 'a', 'f');

        *text = (c & 15) + (letter & 9);
        return ~(digit | letter);
}

/* The nibbles of two vectors become one of bytes. */
static vector join(vector first, vector second)
{
        return __builtin_shufflevector(first, second, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) << 4 |
               __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

#define FIRST_OF_BOTH 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define LAST_OF_BOTH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

static bool any(vector bytes)
{
        uint64_t half[2];

        memcpy(half, &bytes, sizeof(half));
        return (half[0] | half[1]) != 0;
}

/* Eight sextets, one a byte, become 48 bits and back. */
static uint64_t pack(uint64_t s)
{
        s = (s & 0x003f003f003f003f) | (s & 0x3f003f003f003f00) >> 2;
        s = (s & 0x00000fff00000fff) | (s & 0x0fff00000fff0000) >> 4;
        return (s & 0x0000000000ffffff) | (s & 0x00ffffff00000000) >> 8;
}

static uint64_t unpack(uint64_t bits)
{
        bits = (bits & 0x0000000000ffffff) | (bits & 0x0000ffffff000000) << 8;
        bits = (bits & 0x00000fff00000fff) | (bits & 0x00fff00000fff000) << 4;
        return (bits & 0x003f003f003f003f) | (bits & 0x0fc00fc00fc00fc0) << 2;
}

static uint64_t load(const uint8_t bytes[static 8])
{
        uint64_t value;

        memcpy(&value, bytes, sizeof(value));
        return be64toh(value);
}

static void store(uint64_t value, uint8_t bytes[static 8])
{
        value = htobe64(value);
        memcpy(bytes, &value, sizeof(value));
}

bool key_from_base64(const char *text, size_t length, uint8_t bytes[static KEY_BYTES])
{
        union {
                uint8_t bytes[SEXTETS];
                vector vectors[SEXTETS / sizeof(vector)];
        } s;
        vector bad = {0};

        if (length != KEY_BASE64 || text[KEY_BASE64 - 1] != '=')
                return false;
        memcpy(s.bytes, text, KEY_BASE64 - 1);
        memset(s.bytes + KEY_BASE64 - 1, 'A', sizeof(s) - KEY_BASE64 + 1);
        for (size_t i = 0; i < sizeof(s) / sizeof(vector); i++)
                bad |= sextets_of(&s.vectors[i]);
        for (size_t i = 0; i < 5; i++) /* of the eight bytes stored the next six and two overwrite the last two */
                store(pack(load(s.bytes + 8 * i)) << 16, bytes + 6 * i);
        bytes[30] = (uint8_t)(s.bytes[40] << 2 | s.bytes[41] >> 4);
        bytes[31] = (uint8_t)(s.bytes[41] << 4 | s.bytes[42] >> 2);
        bad[0] |= s.bytes[42] & 3; /* bits that say nothing have to be zero */
        key_wipe(&s, sizeof(s));
        return !any(bad);
}

bool key_from_hex(const char *text, size_t length, uint8_t bytes[static KEY_BYTES])
{
        union {
                uint8_t bytes[KEY_HEX];
                vector vectors[KEY_HEX / sizeof(vector)];
        } n;
        vector bad = {0};

        if (length != KEY_HEX)
                return false;
        memcpy(n.bytes, text, KEY_HEX);
        for (size_t i = 0; i < sizeof(n) / sizeof(vector); i++)
                bad |= nibbles_of(&n.vectors[i]);
        for (size_t i = 0; i < KEY_BYTES / sizeof(vector); i++) {
                vector half = join(n.vectors[2 * i], n.vectors[2 * i + 1]);

                memcpy(bytes + i * sizeof(half), &half, sizeof(half));
        }
        key_wipe(&n, sizeof(n));
        return !any(bad);
}

static vector base64_characters(vector s)
{
        return s + 'A' + (above(s, 25) & ('a' - 'Z' - 1)) - (above(s, 51) & ('z' + 1 - '0')) - (above(s, 61) & ('9' + 1 - '+')) +
               (above(s, 62) & ('/' - '+' - 1));
}

void key_to_base64(const uint8_t bytes[static KEY_BYTES], char text[static KEY_BASE64])
{
        union {
                uint8_t bytes[SEXTETS];
                vector vectors[SEXTETS / sizeof(vector)];
        } s = {0};

        for (size_t i = 0; i < 5; i++)
                store(unpack(load(bytes + 6 * i) >> 16), s.bytes + 8 * i);
        s.bytes[40] = bytes[30] >> 2;
        s.bytes[41] = (uint8_t)((bytes[30] << 4 | bytes[31] >> 4) & 63);
        s.bytes[42] = (uint8_t)(bytes[31] << 2 & 63);
        for (size_t i = 0; i < sizeof(s) / sizeof(vector); i++)
                s.vectors[i] = base64_characters(s.vectors[i]);
        memcpy(text, s.bytes, KEY_BASE64 - 1);
        text[KEY_BASE64 - 1] = '=';
        key_wipe(&s, sizeof(s));
}

void key_to_hex(const uint8_t bytes[static KEY_BYTES], char text[static KEY_HEX])
{
        union {
                uint8_t bytes[KEY_HEX];
                vector vectors[KEY_HEX / sizeof(vector)];
        } n;

        for (size_t i = 0; i < KEY_BYTES / sizeof(vector); i++) {
                vector half;

                memcpy(&half, bytes + i * sizeof(half), sizeof(half));
                n.vectors[2 * i] = __builtin_shufflevector(half >> 4, half & 15, FIRST_OF_BOTH);
                n.vectors[2 * i + 1] = __builtin_shufflevector(half >> 4, half & 15, LAST_OF_BOTH);
        }
        for (size_t i = 0; i < sizeof(n) / sizeof(vector); i++)
                n.vectors[i] += '0' + (above(n.vectors[i], 9) & ('a' - '9' - 1));
        memcpy(text, n.bytes, KEY_HEX);
        key_wipe(&n, sizeof(n));
}
