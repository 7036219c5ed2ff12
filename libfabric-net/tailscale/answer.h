/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TAILSCALE_ANSWER_H
#define TAILSCALE_ANSWER_H

#include "base/context.h"
#include "base/text.h"

/* Append a line for each record of a DNS answer; never NULL then. -FBN_ENOENT (no such name), -FBN_EUNAVAILABLE (another response code),
 * -FBN_EPROTOCOL. */
int tailscale_answer_read(fbn_context *c, const unsigned char *bytes, size_t length, struct text *text);

#endif
