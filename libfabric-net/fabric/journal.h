/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_JOURNAL_H
#define FABRIC_JOURNAL_H

#include "fabric/state.h"

#include <jansson.h>

/* What happened to one generation, in N.journal: records of length, CRC-32C (little endian, 32 bits each) and JSON. A record counts once it
 * is synced; one that was cut off by a kill or a power cut, and what follows it, does not. The first record is "begin". "confirmed",
 * "undone" and "failed" end it, and the first of these counts: whoever holds the lock writes it. */
struct journal {
        uint64_t generation;
        json_t *records;
        int fd; /* -1 until something is to be added */
        size_t length; /* bytes of whole records */
};

#define JOURNAL_CLOSED {.fd = -1}

/* 0, -FBN_ENOENT; one without a whole record has none: nothing had happened yet. */
int journal_read(fbn_context *c, const struct state *state, uint64_t generation, struct journal *journal);
/* Make one with its first record, whose reference is taken over. The folder is synced too. */
int journal_begin(fbn_context *c, const struct state *state, uint64_t generation, json_t *begin, struct journal *journal);
/* Append, sync; the reference is taken over. */
int journal_add(fbn_context *c, const struct state *state, struct journal *journal, json_t *record);
void journal_close(struct journal *journal);

/* The first record of that name, borrowed; NULL. */
json_t *journal_find(const struct journal *journal, const char *name);
/* The record that ended it, NULL: it is still open. */
json_t *journal_end(const struct journal *journal);
uint32_t checksum_of(const void *bytes, size_t length); /* CRC-32C */
const char *record_name(const json_t *record);

#endif
