/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_KEYRING_H
#define FABRIC_KEYRING_H

#include "base/context.h"

#include <fabricnet/secret.h>

/* The WireGuard keys of a generation, each once: 32 bytes after 32 bytes in a file that only root reads. Journals name them by their place.
 * Without them no undo could bring an interface back when the secret files of the fabric are locked, moved or changed. */
struct keyring {
        fbn_secret **items;
        size_t count, capacity;
        size_t saved; /* so many of them are in the file */
};

/* Its place, or a failure. */
int keyring_put(fbn_context *c, struct keyring *keyring, const fbn_secret *key, size_t *ret_place);
const fbn_secret *keyring_at(const struct keyring *keyring, size_t place); /* NULL past the end */

/* Append what is not there yet, and sync. Without new keys nothing is done. */
int keyring_save(fbn_context *c, struct keyring *keyring, const char *path);
/* A file that is not there is an empty one. */
int keyring_load(fbn_context *c, struct keyring *keyring, const char *path);
void keyring_clear(struct keyring *keyring);

#endif
