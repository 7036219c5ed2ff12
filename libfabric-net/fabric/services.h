/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_SERVICES_H
#define FABRIC_SERVICES_H

#include "fabric/names.h"
#include "fabric/run.h"

/* Where what services need beside their declaration is kept. */
#define SERVICES_ACME_ROOT "/var/lib/fabricnet/acme"
#define SERVICES_RANGES "/var/lib/fabricnet/cdn-ranges"
#define SERVICES_BAN_MAP "/var/lib/fabricnet/banned.map"
#define SERVICES_NGINX_PID "/run/nginx.pid"

/* The way from nginx to who really serves it; false if none is declared. */
bool service_asks(const fbn_fabric *fabric, const struct service *service, struct asking *ret_asking);

/* Whether a certificate of ours is yet to come. */
bool certificate_is_pending(const struct certificate *certificate);
/* Whether certbot renews it: then nginx has to be told. */
bool certificate_is_certbots(const struct certificate *certificate);
/* Whether a service of this host has it. */
bool certificate_is_of(const fbn_fabric *fabric, const struct certificate *certificate, const struct host *host);
/* When the first certificate of a text ends, in seconds since 1970. 0, -FBN_EINVAL, -FBN_ENOMEM; the context's error is not touched. */
int certificate_text_end(const char *text, int64_t *ret_end);
/* When the first certificate of a PEM file ends, in seconds since 1970. 0, -FBN_ENOENT, -FBN_EINVAL (it is none), -FBN_EPERM. */
int certificate_end(fbn_context *c, const char *path, int64_t *ret_end);

#endif
