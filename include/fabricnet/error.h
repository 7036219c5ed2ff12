/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_ERROR_H
#define FABRICNET_ERROR_H

#include <fabricnet/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a function returns, negated, when it fails. Values are stable. */
typedef enum fbn_error {
        FBN_EINVAL = 1,       /**< an argument or a value in a file is wrong; nothing changed */
        FBN_ENOMEM = 2,       /**< out of memory */
        FBN_ENOENT = 3,       /**< no such object */
        FBN_EEXIST = 4,       /**< the object exists already */
        FBN_EPERM = 5,        /**< not allowed: privilege is missing */
        FBN_EUNSUPPORTED = 6, /**< this kernel, daemon or build cannot do it */
        FBN_ECONFLICT = 7,    /**< an object of somebody else stands in the way */
        FBN_EPARTIAL = 8,     /**< failed midway; the message or the changes say what stands */
        FBN_ESYSTEM = 9,      /**< a system call failed; errno is in the record */
        FBN_EPROTOCOL = 10,   /**< the other side sent what it should not */
        FBN_EUNAVAILABLE = 11,/**< a daemon or server cannot be reached */
        FBN_EDENIED = 12,     /**< the server refused: wrong key, not authorised */
        FBN_ETIMEOUT = 13,    /**< the deadline passed */
        FBN_ECANCELED = 14,   /**< fbn_context_cancel() was called */
        FBN_ELOCKED = 15,     /**< a secret file is locked by git-crypt */
        FBN_EINTERRUPTED = 16,/**< the kernel's answer kept changing while it was read; try again */
        FBN_ESTALE = 17,      /**< the state changed since it was read */
        FBN_EUNDONE = 18      /**< failed or not confirmed, and all was put back as it was */
} fbn_error;

/**
 * A code as text, without a context.
 *
 * @param code  as returned, negative, or the enum's value
 * @return static text, for instance "no such object"
 *
 * Thread: any. Since 0.1.
 */
FBN_PUBLIC const char *fbn_strerror(int code);

#ifdef __cplusplus
}
#endif

#endif
