/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/format.h"

#include <stdio.h>

void put_key(struct formatting *formatting, const void *key)
{
        struct wiped *text = &formatting->text;

        if (!wiped_reserve(text, KEY_BASE64))
                return;
        key_to_base64(key, text->bytes + text->length);
        text->length += KEY_BASE64;
}

void put_secret(struct formatting *formatting, const fbn_secret *key)
{
        put_key(formatting, fbn_secret_bytes(key));
}

void put_number(struct formatting *formatting, const char *format, unsigned number)
{
        char text[64];

        snprintf(text, sizeof(text), format, number);
        wiped_add(&formatting->text, text);
}

void put_words(struct formatting *formatting, const char *words)
{
        if (strchr(words, '\n'))
                formatting->broken = words;
        wiped_add(&formatting->text, words);
}

void put_prefix(struct formatting *formatting, const fbn_prefix *prefix)
{
        char text[FBN_ADDRESS_TEXT];

        wiped_add(&formatting->text, fbn_prefix_format(prefix, text, sizeof(text)));
}

void put_prefixes(struct formatting *formatting, const fbn_prefix *prefixes, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (i)
                        wiped_add(&formatting->text, ", ");
                put_prefix(formatting, &prefixes[i]);
        }
}

void put_endpoint_of(struct formatting *formatting, const fbn_wireguard_peer *peer)
{
        char text[FBN_ADDRESS_TEXT];

        if (peer->endpoint.address.family)
                wiped_add(&formatting->text, fbn_endpoint_format(&peer->endpoint, text, sizeof(text)));
        else
                put_words(formatting, peer->endpoint_name);
}

static void formatting_free(struct formatting *formatting)
{
        wiped_free(&formatting->text);
}

int fbn_wireguard_format(fbn_context *c, const fbn_wireguard *wireguard, const char *format, fbn_secret **ret_text)
{
        static const struct {
                const char *name;
                int (*write)(struct formatting *formatting);
        } formats[] = {{"wg-quick", format_quick}, {"netdev", format_netdev},   {"network", format_network},
                       {"qr-text", format_qr_text}, {"qr-svg", format_qr_svg}, {"qr-png", format_qr_png}};
        _cleanup_(formatting_free) struct formatting formatting = {.c = c, .wireguard = wireguard};

        for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
                int r;

                if (!streq(formats[i].name, format))
                        continue;
                r = formats[i].write(&formatting);
                if (r < 0)
                        return r;
                if (formatting.broken)
                        return fail(c, FBN_EINVAL, "'%.*s…' goes over the end of its line", (int)strcspn(formatting.broken, "\n"),
                                    formatting.broken);
                if (formatting.text.failed)
                        return fail_memory(c);
                return fbn_secret_new(c, formatting.text.bytes, formatting.text.length, ret_text);
        }
        return fail(c, FBN_EINVAL, "'%.32s' is no format; wg-quick, netdev, network, qr-text, qr-svg and qr-png are", format);
}
