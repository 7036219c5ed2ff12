/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_SERVICES_H
#define EDGE_SERVICES_H

#include "edge/files.h"
#include "edge/ranges.h"

#include <fabricnet/edge.h>

struct fbn_services {
        unsigned references;
        struct arena arena;
        fbn_service *items;
        size_t count, capacity;
};

#define NGINX_LOG "/var/log/nginx/fabricnet.log"

/* What is the same for all: the log, the CDN's ranges, the banned, names that nobody declared. */
void nginx_common(struct text *text, const fbn_services *services, const fbn_services_options *options, const struct ranges *ranges);
void nginx_service(struct text *text, const fbn_service *service, const fbn_services_options *options);

#endif
