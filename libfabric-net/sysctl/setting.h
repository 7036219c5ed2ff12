/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSCTL_SETTING_H
#define SYSCTL_SETTING_H

#include "base/context.h"

#include <fabricnet/sysctl.h>
#include <limits.h>

/* What this room's files share: one setting, by its path below /proc/sys. */

struct setting_path {
        char text[NAME_MAX + 1]; /* "net/ipv4/ip_forward" */
};

/* From either way of writing a key. -FBN_EINVAL if it is not below net or tries to lead elsewhere. */
int setting_path(fbn_context *c, const char *key, struct setting_path *ret_path);

int setting_read(fbn_context *c, const struct setting_path *path, int64_t *ret_value);
int setting_write(fbn_context *c, const struct setting_path *path, int64_t value);

#endif
