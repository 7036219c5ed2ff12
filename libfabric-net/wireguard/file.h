/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_FILE_H
#define WIREGUARD_FILE_H

#include "wireguard/configuration.h"
#include "wireguard/wiped.h"

/* A file of wg(8) that has been read but not yet understood. */
struct source {
        const char *path; /* borrowed */
        int fd;
        struct wiped text;
};

int source_read(fbn_context *c, const char *path, struct source *ret_source);
int source_parse(fbn_context *c, const struct source *source, fbn_wireguard **ret_wireguard);
void source_free(struct source *source);

#endif
