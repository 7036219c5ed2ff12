/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_ORIGINALS_H
#define FABRIC_ORIGINALS_H

#include "base/context.h"

#include <fabricnet/sysctl.h>
#include <jansson.h>

/* What settings were before a fabric first declared them, for the day when it does not any more: [{"key", "value", "along": [{"key", "value"}]}],
 * along being what the kernel writes together with them. They are good until the next boot, when the system sets its own. */

/* Those of what is declared now: earlier ones are kept, new ones read. NULL previous: there are none. */
int originals_next(fbn_context *c, const json_t *previous, const fbn_sysctls *declared, json_t **ret_originals);
/* What is to be put back: of earlier ones that are not declared any more. */
int originals_left(fbn_context *c, const json_t *previous, const fbn_sysctls *declared, fbn_sysctls **ret_left);
/* Add those settings to a list that does not have them. */
int originals_add(fbn_context *c, const json_t *originals, fbn_sysctls *sysctls);

bool sysctls_have(const fbn_sysctls *sysctls, const char *key); /* dots and slashes alike */

#endif
