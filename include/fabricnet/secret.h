/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_SECRET_H
#define FABRICNET_SECRET_H

#include <fabricnet/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Bytes that must not leak: a private key, an API key, a file that holds them. Kept in guarded memory that is left out of core dumps,
 * wiped when the last reference goes, and never part of a message. As far as RLIMIT_MEMLOCK allows (ulimit -l; root has no limit) it is
 * locked in memory; beyond, it may be swapped out like any other memory, which is the caller's to judge: no error says so.
 */
typedef struct fbn_secret fbn_secret;

/**
 * Make a secret from bytes.
 *
 * @param c           context
 * @param bytes       copied; the caller wipes his own copy
 * @param length      1 to 67,108,864
 * @param ret_secret  owned by the caller, fbn_secret_unref(); untouched on failure
 * @return 0, -FBN_EINVAL on an empty or too long one, -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_secret_new(fbn_context *c, const void *bytes, size_t length, fbn_secret **ret_secret);

/**
 * Read a secret from a file: its bytes without trailing newlines (LF or CRLF).
 *
 * @param c           context; a relative path is looked for in its secrets_dir if it has one
 * @param path        the file; "fd:7" reads an open file descriptor to its end and leaves it open, "credential:NAME" is
 *                    fbn_secret_read_credential(); a file of such a name is "./fd:7"
 * @param ret_secret  owned by the caller; untouched on failure
 * @return 0, or
 *         -FBN_ENOENT   no such file
 *         -FBN_ELOCKED  the file is locked by git-crypt
 *         -FBN_EINVAL   the file is empty, larger than 65,536 bytes, or lies in a world-readable store (/nix/store)
 *         -FBN_EPERM    not readable by us, or readable or writable by everybody
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_secret_read_file(fbn_context *c, const char *path, fbn_secret **ret_secret);

/**
 * Read a secret that systemd hands over as a credential.
 *
 * @param c           context
 * @param name        file name in $CREDENTIALS_DIRECTORY
 * @param ret_secret  owned by the caller; untouched on failure
 * @return as fbn_secret_read_file(), -FBN_ENOENT also without a credentials directory
 *
 * Thread: the context's. Since 0.1. Source: systemd.exec(5), LoadCredential=.
 */
FBN_PUBLIC int fbn_secret_read_credential(fbn_context *c, const char *name, fbn_secret **ret_secret);

/**
 * Write a secret to a new file, mode 0600; an existing file is left as it is. What is text (has no zero byte) gets a final newline if it has
 * none.
 *
 * @return 0, -FBN_EEXIST, -FBN_EPERM or -FBN_ESYSTEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_secret_write_file(fbn_context *c, const fbn_secret *secret, const char *path);

/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_secret *fbn_secret_ref(fbn_secret *secret);

/** Drop a reference; the last one wipes. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_secret *fbn_secret_unref(fbn_secret *secret);

/** The bytes, borrowed; for handing on, never for printing. Since 0.1. */
FBN_PUBLIC const void *fbn_secret_bytes(const fbn_secret *secret);

/** How many bytes. 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_secret_length(const fbn_secret *secret);

/** Whether two secrets are the same, in constant time for equal lengths. Since 0.1. */
FBN_PUBLIC bool fbn_secret_equal(const fbn_secret *a, const fbn_secret *b);

FBN_DEFINE_CLEANUP(fbn_secret)

#ifdef __cplusplus
}
#endif

#endif
