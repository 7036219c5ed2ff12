/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HEADSCALE_CONFIG_H
#define HEADSCALE_CONFIG_H

#include "base/context.h"
#include "base/text.h"

/* A server's config.yaml held against what the server refuses, or takes and ignores: a line for each finding. Returns their number. */
int headscale_config_read(fbn_context *c, const char *text, size_t length, struct text *report);

#endif
