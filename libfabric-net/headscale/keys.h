/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HEADSCALE_KEYS_H
#define HEADSCALE_KEYS_H

#include "headscale/list.h"

#define KEYS_PATH "/api/v1/preauthkey"
#define API_KEYS_PATH "/api/v1/apikey"

const char *headscale_key_name(fbn_headscale_key_kind kind);

/* Whether this is what the API key begins with. */
bool headscale_key_is(const fbn_secret *secret, const char *prefix);

/* After a rotation: back to the old API key, and the new one ended as well as may be. */
void headscale_key_back(fbn_context *c, fbn_headscale *headscale, fbn_secret *old, const fbn_secret *made);

int headscale_keys_read(fbn_context *c, const char *text, size_t length, fbn_headscale_key_kind kind, fbn_headscale_keys **ret_keys);

#endif
