/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/configuration.h"

#include <sodium.h>

static int start(fbn_context *c)
{
        return sodium_init() < 0 ? fail(c, FBN_ESYSTEM, "libsodium cannot start") : 0;
}

/* Hand bytes over to a secret and forget them. */
static int to_secret(fbn_context *c, void *bytes, size_t length, fbn_secret **ret_secret)
{
        int r = fbn_secret_new(c, bytes, length, ret_secret);

        sodium_memzero(bytes, length);
        return r;
}

int fbn_key_generate(fbn_context *c, fbn_secret **ret_private)
{
        uint8_t key[KEY_BYTES];
        int r = start(c);

        if (r < 0)
                return r;
        randombytes_buf(key, sizeof(key));
        key[0] &= 248; /* clamped: RFC 7748, section 5 */
        key[31] = (uint8_t)((key[31] & 127) | 64);
        return to_secret(c, key, sizeof(key), ret_private);
}

int fbn_key_generate_preshared(fbn_context *c, fbn_secret **ret_preshared)
{
        uint8_t key[KEY_BYTES];
        int r = start(c);

        if (r < 0)
                return r;
        randombytes_buf(key, sizeof(key));
        return to_secret(c, key, sizeof(key), ret_preshared);
}

int fbn_key_public(fbn_context *c, const fbn_secret *private_key, fbn_key *ret_public)
{
        fbn_key public_key;

        if (fbn_secret_length(private_key) != KEY_BYTES)
                return fail(c, FBN_EINVAL, "a private key has %d bytes, not %zu", KEY_BYTES, fbn_secret_length(private_key));
        if (key_is_zero(fbn_secret_bytes(private_key)))
                return fail(c, FBN_EINVAL, "the private key is all zero; make one with 'wg genkey'");
        if (crypto_scalarmult_base(public_key.bytes, fbn_secret_bytes(private_key)) < 0)
                return fail(c, FBN_EINVAL, "the private key is not usable");
        *ret_public = public_key;
        return 0;
}

int fbn_key_parse(const char *text, fbn_key *ret_key)
{
        fbn_key key;

        if (!key_from_base64(text, strlen(text), key.bytes))
                return -FBN_EINVAL;
        *ret_key = key;
        return 0;
}

const char *fbn_key_format(const fbn_key *key, char *buffer, size_t size)
{
        char text[FBN_KEY_TEXT];

        if (size == 0)
                return buffer;
        key_to_base64(key->bytes, text);
        size = MIN(size, sizeof(text));
        memcpy(buffer, text, size - 1);
        buffer[size - 1] = 0;
        return buffer;
}

int fbn_key_decode(fbn_context *c, const fbn_secret *text, fbn_secret **ret_key)
{
        size_t length = fbn_secret_length(text);
        uint8_t key[KEY_BYTES];

        if (length == 0 || !key_from_base64(fbn_secret_bytes(text), length, key)) {
                key_wipe(key, sizeof(key));
                return fail(c, FBN_EINVAL, "not a key: %d characters of base64 are expected", KEY_BASE64);
        }
        return to_secret(c, key, sizeof(key), ret_key);
}

int fbn_key_encode(fbn_context *c, const fbn_secret *key, fbn_secret **ret_text)
{
        char text[KEY_BASE64];

        if (fbn_secret_length(key) != KEY_BYTES)
                return fail(c, FBN_EINVAL, "a key has %d bytes, not %zu", KEY_BYTES, fbn_secret_length(key));
        key_to_base64(fbn_secret_bytes(key), text);
        return to_secret(c, text, sizeof(text), ret_text);
}

int fbn_key_read_file(fbn_context *c, const char *path, fbn_secret **ret_key)
{
        FBN_CLEANUP(fbn_secret) text = NULL;
        int r;

        r = fbn_secret_read_file(c, path, &text);
        if (r < 0)
                return r;
        return fail_in(c, fbn_key_decode(c, text, ret_key), "%s", path);
}
