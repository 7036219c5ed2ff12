/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_FORMAT_H
#define WIREGUARD_FORMAT_H

#include "wireguard/configuration.h"
#include "wireguard/wiped.h"

struct formatting {
        fbn_context *c;
        const fbn_wireguard *wireguard;
        const fbn_wireguard_peer *peer; /* whose section is written, NULL: the interface's */
        size_t hooks;                   /* written so far */
        struct wiped text;
        const char *broken; /* a text that would break its line */
};

void put_key(struct formatting *formatting, const void *key);
void put_secret(struct formatting *formatting, const fbn_secret *key);
void put_number(struct formatting *formatting, const char *format, unsigned number) __attribute__((format(printf, 2, 0)));
void put_words(struct formatting *formatting, const char *words);
void put_prefix(struct formatting *formatting, const fbn_prefix *prefix);
void put_prefixes(struct formatting *formatting, const fbn_prefix *prefixes, size_t count);
void put_endpoint_of(struct formatting *formatting, const fbn_wireguard_peer *peer);

/* One for each format. */
int format_quick(struct formatting *formatting);
int format_netdev(struct formatting *formatting);
int format_network(struct formatting *formatting);
int format_qr_text(struct formatting *formatting);
int format_qr_svg(struct formatting *formatting);
int format_qr_png(struct formatting *formatting);

/* What a phone reads: no comments, hooks and routing. */
int format_phone(struct formatting *formatting);

#endif
