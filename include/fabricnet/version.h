/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_VERSION_H
#define FABRICNET_VERSION_H

#include <fabricnet/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FBN_VERSION_MAJOR 0
#define FBN_VERSION_MINOR 1
#define FBN_VERSION_PATCH 0
#define FBN_VERSION "0.1.0"

/**
 * The version of the library that is loaded, as "MAJOR.MINOR.PATCH".
 *
 * Compare with FBN_VERSION, which is the version that was compiled against.
 *
 * @return static text
 *
 * Thread: any. Since 0.1.
 */
FBN_PUBLIC const char *fbn_version(void);

#ifdef __cplusplus
}
#endif

#endif
