/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HTTP_CURL_H
#define HTTP_CURL_H

/* libcurl behind a table, so that only programs that speak HTTP need it installed. */
#include "base/context.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#define CURL_FUNCTIONS(X)                                                                                                       \
        X(global_init) X(global_cleanup) X(easy_init) X(easy_setopt) X(easy_getinfo) X(easy_cleanup) X(easy_strerror) X(multi_init) \
        X(multi_add_handle) X(multi_remove_handle) X(multi_perform) X(multi_poll) X(multi_info_read) X(multi_cleanup) X(multi_strerror)

struct curl {
        unsigned references;
        void *library;
#define CURL_MEMBER(name) __typeof__(curl_##name) *name;
        CURL_FUNCTIONS(CURL_MEMBER)
#undef CURL_MEMBER
};

/* The context's libcurl, opened on first use; a reference of the caller's own, since a connection may outlive its context. */
int curl_get(fbn_context *c, struct curl **ret_curl);
struct curl *curl_unref(struct curl *curl);

#endif
