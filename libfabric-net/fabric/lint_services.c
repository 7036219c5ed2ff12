/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/lint.h"
#include "fabric/names.h"

#include <strings.h>

static void lint_way(struct lint *lint, const struct service *service)
{
        struct asking asking;

        if (service->at == service->to)
                return;
        if (host_reaches(lint->fabric, service->at, service->to) == VIA_NOTHING)
                finding_add(lint, FBN_SEVERITY_ERROR, "service-unreachable", service->pointer, "requests end at the proxy with 502 or 504",
                            "announce the segment in a tunnel that both are in, or let the mesh lead there",
                            "no declared way leads from '%s' to '%s'", service->at->name, service->to->name);
        else if (!host_asks(lint->fabric, service->at, service->to, &asking))
                finding_add(lint, FBN_SEVERITY_ERROR, "service-without-address", service->pointer, "nginx has to be told an address",
                            "give it an \"address\" on an interface, in a tunnel or on the mesh", "'%s' has no declared address that '%s' could ask",
                            service->to->name, service->at->name);
}

static bool share_name(const struct service *a, const struct service *b, const char **ret_name)
{
        for (size_t i = 0; i < a->n_names; i++)
                for (size_t j = 0; j < b->n_names; j++)
                        if ((a != b || i < j) && strcasecmp(a->names[i], b->names[j]) == 0) {
                                *ret_name = b->names[j];
                                return true;
                        }
        return false;
}

static void lint_twice(struct lint *lint, size_t index)
{
        const struct service *service = &lint->fabric->services[index];
        const char *name = NULL;

        for (size_t i = 0; i <= index; i++)
                if (share_name(&lint->fabric->services[i], service, &name)) {
                        finding_add(lint, FBN_SEVERITY_ERROR, "service-name-twice", service->pointer, "a request for it can go to one of them only",
                                    "take the name out of one", "'%s' is a name of '%s' already", name, lint->fabric->services[i].name);
                        return;
                }
}

static void lint_guards(struct lint *lint, const struct service *service)
{
        if (!service->certificate)
                finding_add(lint, FBN_SEVERITY_WARNING, "service-without-certificate", service->pointer, "whoever is on the way reads and changes what is said",
                            "name a \"certificate\"", "'%s' is served without TLS", service->name);
        if (!service->certificate && service->hsts_s)
                finding_add(lint, FBN_SEVERITY_ERROR, "hsts-without-certificate", service->pointer, "browsers would insist on what is not there",
                            "name a \"certificate\", or take \"hsts_days\" away", "'%s' wants TLS insisted on and has none", service->name);
        if (service->at->edge && service->at->edge->origin_ca && !service->cdn)
                finding_add(lint, FBN_SEVERITY_NOTE, "service-beside-cdn", service->pointer, "visitors who come directly are let in",
                            "\"cdn\": true, if all of its visitors come through the CDN", "'%s' asks nobody for the CDN's certificate", service->name);
}

static void lint_edge(struct lint *lint, const struct host *host)
{
        const struct edge *edge = host->edge;

        if (edge->token.pointer)
                lint_secret(lint, &edge->token);
        if (edge->fail2ban && !edge->bans)
                finding_add(lint, FBN_SEVERITY_ERROR, "fail2ban-without-bans", edge->pointer, "fail2ban asks the ban engine, and there is none",
                            "\"bans\": {}", "'%s' counts failures and bans nobody", host->name);
        if (edge->nginx && !host_has_services(lint->fabric, host))
                finding_add(lint, FBN_SEVERITY_ERROR, "jail-without-services", edge->pointer, "nginx's log is not there, and fail2ban does not start",
                            "declare a service there, or take the jail away", "'%s' has the jail \"nginx\" and serves nothing", host->name);
}

void lint_services(struct lint *lint)
{
        const fbn_fabric *f = lint->fabric;

        for (size_t i = 0; i < f->n_services; i++) {
                lint_way(lint, &f->services[i]);
                lint_twice(lint, i);
                lint_guards(lint, &f->services[i]);
        }
        for (size_t i = 0; i < f->n_certificates; i++)
                if (f->certificates[i].source == CERTIFICATE_AUTHORITY)
                        lint_secret(lint, &f->certificates[i].authority_key);
        for (size_t i = 0; i < f->n_hosts; i++)
                if (f->hosts[i].edge)
                        lint_edge(lint, &f->hosts[i]);
}
