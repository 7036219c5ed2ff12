/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_PARSE_H
#define WIREGUARD_PARSE_H

#include "wireguard/configuration.h"

enum section { SECTION_NONE, SECTION_INTERFACE, SECTION_PEER };

/* A piece of the text: of a line, without blanks around. */
struct token {
        const char *start;
        size_t length;
};

struct parser {
        fbn_context *c;
        const char *name; /* of the file, for errors */
        const char *line; /* where the current one starts */
        size_t number;    /* the current line's, from 1 */
        enum section section;
        size_t peer_number; /* the line of the current [Peer] */
        bool has_public_key;
        struct peer_draft draft;
        fbn_wireguard *wireguard;
        fbn_wireguard_interface interface;
        fbn_secret *private_key;
        fbn_prefix *addresses;
        const char **dns;
        size_t addresses_capacity, dns_capacity;
        struct arena arena; /* strings until the end of the parsing */
};

/* "FILE:LINE:COLUMN: …" with the column of at, a byte of the current line. */
int parse_fail(struct parser *parser, const char *at, const char *format, ...) FBN_PRINTF(3, 4);

/* Copy without blanks, which wg(8) ignores even inside words; false if it does not fit. */
bool token_squeeze(struct token token, char *buffer, size_t size);

/* The value of one key of one section; NULL if it is a key that we do not know. */
typedef int (*parse_value)(struct parser *parser, struct token value);
parse_value parse_value_of(enum section section, const char *key);

#endif
