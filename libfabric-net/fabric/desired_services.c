/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/desired.h"
#include "fabric/host_files.h"
#include "fabric/services.h"

#include <stdio.h>

static int add_service(fbn_context *c, struct desired *desired, const struct service *service)
{
        char path[320];

        snprintf(path, sizeof(path), HOST_FILES_SERVICE, service->name);
        return desired_add_cause(c, desired, "services", path, service->pointer, "served for '%s'", service->to->name);
}

static int add_edge(fbn_context *c, struct desired *desired, const struct edge *edge)
{
        static const char *const fail2ban[] = {HOST_FILES_FAIL2BAN "/action.d/fabricnet.conf", HOST_FILES_FAIL2BAN "/filter.d/fabricnet-nginx.conf",
                                               HOST_FILES_FAIL2BAN "/jail.d/fabricnet.conf"};
        int r = 0;

        for (size_t i = 0; r == 0 && edge->fail2ban && i < ARRAY_SIZE(fail2ban); i++)
                r = desired_add_cause(c, desired, "edge", fail2ban[i], edge->pointer, "failures are counted, the ban engine is asked");
        if (r == 0 && edge->bans)
                r = desired_add_cause(c, desired, "edge", HOST_FILES_BAN, edge->pointer, "settings of the ban engine");
        return r;
}

int desired_add_services(fbn_context *c, struct desired *desired)
{
        const fbn_fabric *f = desired->fabric;
        const struct service *first = NULL;
        const struct certificate *acme = NULL;
        int r = 0;

        for (size_t i = 0; r == 0 && i < f->n_services; i++) {
                const struct service *service = &f->services[i];

                if (service->at != desired->host)
                        continue;
                first = first ? first : service;
                if (!acme && service->certificate && certificate_is_certbots(service->certificate))
                        acme = service->certificate;
                r = add_service(c, desired, service);
        }
        if (r == 0 && first)
                r = desired_add_cause(c, desired, "services", HOST_FILES_COMMON, first->pointer, "what all services share");
        if (r == 0 && acme)
                r = desired_add_cause(c, desired, "edge", HOST_FILES_HOOK, acme->pointer, "nginx reads a renewed certificate");
        if (r == 0 && desired->host->edge)
                r = add_edge(c, desired, desired->host->edge);
        return r;
}
