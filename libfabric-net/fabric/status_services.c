/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/probe.h"
#include "fabric/services.h"
#include "fabric/status.h"

#include <fabricnet/route.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#define DAY 86400
#define SOON (14 * DAY) /* certbot renews when a third of the time is left: what has less than that of 90 days was not renewed */

/* What cannot be asked is a fact; only these end the looking. */
static bool is_end(int r)
{
        return r == -FBN_ENOMEM || r == -FBN_ECANCELED;
}

static int observe_nginx(struct observation *o, bool tls)
{
        const fbn_address here = {AF_INET, {127, 0, 0, 1}};
        const uint16_t ports[] = {80, 443};
        int r = 0;

        for (size_t i = 0; r == 0 && i < (tls ? 2 : 1); i++) {
                struct probe probe = {0};
                char object[24];

                snprintf(object, sizeof(object), "nginx: port %u", ports[i]);
                r = probe_port(o->run.c, &here, ports[i], &probe);
                if (is_end(r))
                        return r;
                r = status_add(o, "services", object, r == 0 && probe.answered ? FBN_HEALTH_OK : FBN_HEALTH_DOWN,
                               r == 0 ? probe.text : fbn_context_error(o->run.c));
        }
        return r;
}

/* By which link the kernel would send it; "" if by none. */
static void way_of(fbn_context *c, const struct asking *asking, uint16_t port, char *device, size_t size)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;
        struct error_record before = c->error;
        int r = fbn_route_get(c, FBN_OPTIONS(fbn_route_query, .destination = asking->address, .ip_protocol = 6, .destination_port = port), &routes);
        const fbn_route *way = r >= 0 ? fbn_routes_at(routes, 0) : NULL;

        snprintf(device, size, "%s", way && way->device ? way->device : "");
        c->error = before;
}

static int observe_service(struct observation *o, const struct service *service)
{
        char object[300], text[512], address[FBN_ADDRESS_TEXT], device[32];
        struct asking asking;
        struct probe probe = {0};
        bool astray;
        int r;

        snprintf(object, sizeof(object), "service %s", service->name);
        if (!service_asks(o->run.fabric, service, &asking))
                return status_add(o, "services", object, FBN_HEALTH_DOWN, "no declared way leads to who serves it");
        fbn_address_format(&asking.address, address, sizeof(address));
        way_of(o->run.c, &asking, service->port, device, sizeof(device));
        astray = asking.via == VIA_TUNNEL && !streq(device, asking.device);
        r = astray ? 0 : probe_port(o->run.c, &asking.address, service->port, &probe);
        if (is_end(r))
                return r;
        if (astray)
                snprintf(text, sizeof(text), "'%s', %s port %u, would be reached by %s, not by %s", service->to->name, address, service->port,
                         *device ? device : "nothing", asking.device);
        else
                snprintf(text, sizeof(text), "'%s', %s port %u by %s: %s", service->to->name, address, service->port, *device ? device : "nothing",
                         r == 0 ? probe.text : fbn_context_error(o->run.c));
        return status_add(o, "services", object, !astray && r == 0 && probe.answered ? FBN_HEALTH_OK : FBN_HEALTH_DOWN, text);
}

static int observe_certificate(struct observation *o, const struct certificate *certificate)
{
        int64_t end = 0, left;
        char object[128], text[640], date[32] = "";
        int r = certificate_end(o->run.c, certificate->file, &end);
        time_t at = (time_t)end;
        struct tm t;

        snprintf(object, sizeof(object), "certificate %s", certificate->name);
        if (is_end(r))
                return r;
        if (r == -FBN_ENOENT && certificate->source != CERTIFICATE_FILES)
                return status_add(o, "services", object, FBN_HEALTH_DOWN, "is not there yet; 'fabricnet certificates' gets it, 'fabricnet apply' then serves it");
        if (r < 0)
                return status_add(o, "services", object, FBN_HEALTH_DOWN, fbn_context_error(o->run.c));
        metric_add(o->status, METRIC_CERTIFICATE_END, (double)end, "name", certificate->name, NULL);
        left = end - (int64_t)time(NULL);
        if (gmtime_r(&at, &t))
                strftime(date, sizeof(date), "%Y-%m-%d", &t);
        snprintf(text, sizeof(text), left < 0 ? "ended on %s" : "until %s, %lld days", date, (long long)left / DAY);
        return status_add(o, "services", object, left < 0 ? FBN_HEALTH_DOWN : left < SOON ? FBN_HEALTH_WARNING : FBN_HEALTH_OK, text);
}

int observe_services(struct observation *o)
{
        const fbn_fabric *f = o->run.fabric;
        const struct host *host = o->run.desired->host;
        bool tls = false;
        int r = 0;

        if (o->run.c->netns >= 0)
                return 0;
        for (size_t i = 0; r == 0 && i < f->n_services; i++) {
                if (f->services[i].at != host)
                        continue;
                tls |= f->services[i].certificate && !certificate_is_pending(f->services[i].certificate);
                r = observe_service(o, &f->services[i]);
        }
        if (r == 0 && host_has_services(f, host))
                r = observe_nginx(o, tls);
        for (size_t i = 0; r == 0 && i < f->n_certificates; i++)
                if (certificate_is_of(f, &f->certificates[i], host))
                        r = observe_certificate(o, &f->certificates[i]);
        return r;
}
