/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/names.h"
#include "fabric/status.h"

#include <stdio.h>
#include <sys/socket.h>

#define TIMEOUT 2000 /* milliseconds for a name */

static const char *first_address(const fbn_dns_answer *answer)
{
        for (size_t i = 0; i < fbn_dns_answer_count(answer); i++)
                if (fbn_dns_answer_at(answer, i)->section == FBN_DNS_SECTION_ANSWER && fbn_dns_answer_at(answer, i)->address.family)
                        return fbn_dns_answer_at(answer, i)->data;
        return NULL;
}

static int tell(struct observation *o, const char *object, const char *name, const fbn_dns_answer *answer)
{
        const fbn_dns_explanation *why = fbn_dns_answer_explain(answer);
        const char *address = first_address(answer);
        char text[512], server[FBN_ADDRESS_TEXT];

        if (!address) {
                snprintf(text, sizeof(text), "%s: %s%s", name, why->status, why->source == FBN_DNS_SOURCE_NONE ? ", nobody answers" : "");
                return status_add(o, "dns", object, FBN_HEALTH_DOWN, text);
        }
        snprintf(text, sizeof(text), "%s is %s, says %s", name, address,
                 why->source == FBN_DNS_SOURCE_UPSTREAM ? fbn_endpoint_format(&why->upstream, server, sizeof(server)) : "the file");
        return status_add(o, "dns", object, FBN_HEALTH_OK, text);
}

static int observe_zone(struct observation *o, fbn_dns_stub *stub, const struct zone *zone)
{
        FBN_CLEANUP(fbn_dns_answer) answer = NULL;
        char object[300], name[512];
        int r;

        if (zone->n_records == 0)
                return 0;
        snprintf(object, sizeof(object), "zone %s", zone->name);
        snprintf(name, sizeof(name), "%s.%s", zone->records[0].name, zone->name);
        r = fbn_dns_query(o->run.c, stub, name, host_address(zone->records[0].host) && host_address(zone->records[0].host)->family == AF_INET6 ? "AAAA" : "A",
                          TIMEOUT, &answer);
        if (r == -FBN_ENOMEM || r == -FBN_ECANCELED)
                return r;
        metric_add(o->status, METRIC_ZONE_ANSWERED, r == 0 && first_address(answer), "zone", zone->name, NULL);
        return r < 0 ? status_add(o, "dns", object, FBN_HEALTH_DOWN, fbn_context_error(o->run.c)) : tell(o, object, name, answer);
}

/* A name of each zone, asked as this host asks. */
int observe_names(struct observation *o)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        int r;

        if (!host_is_told_names(o->run.desired->host))
                return 0;
        r = names_routes(o->run.c, o->run.fabric, o->run.desired->host, true, &routes);
        if (r == 0)
                r = fbn_dns_stub_new(o->run.c, routes, FBN_OPTIONS(fbn_dns_stub_options, .in_process = true), &stub);
        for (size_t i = 0; r == 0 && i < o->run.fabric->n_zones; i++)
                r = observe_zone(o, stub, &o->run.fabric->zones[i]);
        return r;
}
