/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include "http/http.h"

/* -FBN_EINVAL unless it is https, or http to loopback, without user, query and fragment. */
int url_check(fbn_context *c, const char *url, bool *ret_loopback);

#endif
