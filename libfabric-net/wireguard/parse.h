/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_PARSE_H
#define WIREGUARD_PARSE_H

#include "wireguard/configuration.h"
#include "wireguard/wiped.h"

enum section { SECTION_NONE, SECTION_INTERFACE, SECTION_PEER };

/* A piece of the text: of a line, without blanks around. */
struct token {
        const char *start;
        size_t length;
};

/* The lines of a section for writing it again, "KEY =" for those that are members. */
struct layout {
        struct wiped lines;
        size_t last;    /* the place of the last member in the order of writing, from 1 */
        bool needed;    /* it has more to say than that order */
        uint32_t seen;  /* members, a bit each */
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
        const char **dns, **hooks;
        size_t addresses_capacity, dns_capacity, hooks_capacity;
        const char *key; /* the current line's, as we spell it */
        struct layout interface_layout, peer_layout;
        struct arena arena; /* strings until the end of the parsing */
};

/* "FILE:LINE:COLUMN: …" with the column of at, a byte of the current line. */
int parse_fail(struct parser *parser, const char *at, const char *format, ...) FBN_PRINTF(3, 4);

static inline bool blank(char byte)
{
        return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Copy without blanks, which wg(8) ignores even inside words; false if it does not fit. */
bool token_squeeze(struct token token, char *buffer, size_t size);

/* The value of one key of one section. */
struct known_key {
        enum section section;
        const char *key;
        int (*parse)(struct parser *parser, struct token value);
        bool repeats; /* each line stands for itself */
};

/* Its place in the order of writing, from 1. */
size_t known_place(const struct known_key *known);

/* NULL if it is a key that we do not know. */
const struct known_key *known_key(enum section section, const char *key);

/* The one that is meant by a key that is not known, or that has it in another section; NULL if it is like none. */
const struct known_key *known_key_near(enum section section, const char *key);

#endif
