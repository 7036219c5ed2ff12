/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_ENCODING_H
#define WIREGUARD_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KEY_BYTES 32
#define KEY_HEX 64    /* characters */
#define KEY_BASE64 44 /* characters, the last is '=' */

/* Keys as text and back. Time and memory accesses do not depend on the key, only on whether it is one; nothing of it is left behind.
 * The texts have no terminating zero. Readers say false, and what they have written is of no use, if it is not a key in canonical form. */
bool key_from_base64(const char *text, size_t length, uint8_t bytes[static KEY_BYTES]);
bool key_from_hex(const char *text, size_t length, uint8_t bytes[static KEY_BYTES]);
void key_to_base64(const uint8_t bytes[static KEY_BYTES], char text[static KEY_BASE64]);
void key_to_hex(const uint8_t bytes[static KEY_BYTES], char text[static KEY_HEX]);

/* For what has a length that the compiler sees: sodium_memzero() goes through three calls. The stores have to happen, since the empty
 * instruction may read them. */
static inline void key_wipe(void *bytes, size_t length)
{
        memset(bytes, 0, length);
        __asm__ volatile("" : : "r"(bytes) : "memory");
}

#endif
