/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HEADSCALE_KEEP_H
#define HEADSCALE_KEEP_H

#include "headscale/change.h"

/* Keys that are kept in files: whether they can be, and each made where it is missing or about to end. */
int keys_check(struct work *work, const fbn_headscale_wanted *want);
int keys_apply(struct work *work, const fbn_headscale_wanted *want);

#endif
