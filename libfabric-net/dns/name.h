/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NAME_BYTES 255 /* RFC 1035 2.3.4 */
#define NAME_LABEL 63
#define NAME_LABELS 127
#define NAME_TEXT (NAME_BYTES * 4 + 1) /* room for any name as text with its zero */

/* A domain name as on the wire: labels with their lengths, the root's zero included. */
struct name {
        uint8_t length;
        uint8_t bytes[NAME_BYTES];
};

/* From text as in a zone file: "." is the root, a final dot is optional, "\." and "\065" are escapes (RFC 1035 5.1). */
bool name_parse(const char *text, struct name *ret_name);

/* As text without the final dot, "." for the root, whatever is not printable escaped. Returns buffer, of NAME_TEXT bytes. */
const char *name_format(const struct name *name, char *buffer);

/* Text that is no name, for a message: one line, cut to what fits into a buffer of NAME_TEXT bytes, which is returned. */
const char *name_quote(const char *text, char *buffer);

static inline uint8_t byte_lower(uint8_t byte)
{
        return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

/* Eight at a time: bytes whose low seven bits are at least 'A' and at most 'Z', and whose eighth is not set. */
static inline uint64_t bytes8_lower(uint64_t bytes)
{
        const uint64_t ones = UINT64_C(0x0101010101010101);
        uint64_t low = bytes & ones * 0x7f;
        uint64_t upper = (low + ones * (0x80 - 'A')) & ~(low + ones * (0x7f - 'Z')) & ~bytes & ones * 0x80;

        return bytes | upper >> 2;
}

static inline uint64_t bytes8_read(const uint8_t *bytes)
{
        uint64_t word;

        memcpy(&word, bytes, sizeof(word));
        return word;
}

void bytes_lower(uint8_t *to, const uint8_t *from, size_t length); /* they may be the same */
void name_lower(struct name *name);
bool bytes_equal(const uint8_t *a, const uint8_t *b, size_t length); /* letters without case */
bool name_equal(const struct name *a, const struct name *b); /* ASCII letters without case: RFC 4343 */

/* Where each label begins, the root's not counted. Returns their number. */
size_t name_labels(const struct name *name, uint8_t ret_starts[NAME_LABELS]);

#endif
