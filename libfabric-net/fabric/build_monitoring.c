/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/build.h"

#include <stdlib.h>

#define INTERVAL 60 /* seconds */

static int build_watched(struct builder *b, const char *key, json_t *value, struct watched *watched)
{
        watched->host = names_find(&b->hosts, key);
        watched->pointer = build_pointer(b, "/monitoring/hosts", key);
        watched->user = build_text(b, value, "user");
        watched->port = (uint16_t)build_number(value, "port", 22);
        watched->host_key = build_text(b, value, "host_key");
        build_secret(b, value, watched->pointer, "private_key", &watched->private_key);
        if (b->failed)
                return fail_memory(b->document->c);
        if (watched->host == b->fabric->monitoring.at)
                return document_refuse(b->document, watched->pointer, true, "'%s' collects, and knows its own metrics without ssh", key);
        return build_way(b, b->fabric->monitoring.at, watched->host, watched->pointer, &watched->address);
}

int build_monitoring(struct builder *b)
{
        json_t *object = json_object_get(b->document->root, "monitoring"), *hosts = json_object_get(object, "hosts"), *value;
        struct monitoring *monitoring = &b->fabric->monitoring;
        const char *key, *interval = json_string_value(json_object_get(object, "interval"));

        if (!object)
                return 0;
        monitoring->pointer = "/monitoring";
        monitoring->at = build_host(b, object, "at");
        monitoring->interval = interval ? (uint32_t)strtoul(interval, NULL, 10) : INTERVAL;
        monitoring->watched = build_array(b, json_object_size(hosts), sizeof(*monitoring->watched));
        if (b->failed)
                return fail_memory(b->document->c);
        json_object_foreach(hosts, key, value) {
                int r = build_watched(b, key, value, &monitoring->watched[monitoring->n_watched++]);

                if (r < 0)
                        return r;
        }
        return 0;
}
