/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/context.h"

/* Read a whole file of at most limit bytes; a zero byte is added after the last. The caller frees. */
int file_read(fbn_context *c, const char *path, size_t limit, char **ret_bytes, size_t *ret_length);

/* Replace a file in one step: temporary file beside it, fsync, rename, fsync of the directory. Its owner stays. */
int file_replace(fbn_context *c, const char *path, const void *bytes, size_t length, mode_t mode);

int fd_write_all(int fd, const void *bytes, size_t length); /* 0 or -errno */

#endif
