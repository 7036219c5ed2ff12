/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/services.h"

#include "base/address.h"

#include <ctype.h>
#include <sys/socket.h>

#define NAME_LENGTH 200
#define HOST_LENGTH 253

int fbn_services_new(fbn_context *c, fbn_services **ret_services)
{
        fbn_services *services = memory_alloc(sizeof(*services));

        if (!services)
                return fail_memory(c);
        services->references = 1;
        *ret_services = services;
        return 0;
}

fbn_services *fbn_services_ref(fbn_services *services)
{
        services->references++;
        return services;
}

fbn_services *fbn_services_unref(fbn_services *services)
{
        if (!services || --services->references > 0)
                return NULL;
        arena_free(&services->arena);
        memory_free(services->items);
        memory_free(services);
        return NULL;
}

size_t fbn_services_count(const fbn_services *services)
{
        return services ? services->count : 0;
}

const fbn_service *fbn_services_at(const fbn_services *services, size_t index)
{
        return services && index < services->count ? &services->items[index] : NULL;
}

static bool name_valid(const char *name)
{
        size_t length = name ? strnlen(name, NAME_LENGTH + 1) : 0;

        for (size_t i = 0; i < length; i++)
                if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
                        return false;
        return length > 0 && length <= NAME_LENGTH && isalnum((unsigned char)name[0]);
}

/* A host name of RFC 1123, with "_" as people have them, the first label perhaps "*". */
static bool host_valid(const char *host)
{
        size_t length = host ? strnlen(host, HOST_LENGTH + 1) : 0;

        if (length > 2 && host[0] == '*' && host[1] == '.')
                return host_valid(host + 2);
        for (size_t i = 0; i < length; i++)
                if (!isalnum((unsigned char)host[i]) && host[i] != '-' && host[i] != '_' && (host[i] != '.' || i == 0 || host[i - 1] == '.'))
                        return false;
        return length > 0 && length <= HOST_LENGTH && host[0] != '-' && host[length - 1] != '.';
}

static int check(fbn_context *c, const fbn_services *services, const fbn_service *service)
{
        if (!name_valid(service->name))
                return fail(c, FBN_EINVAL, "a service needs a name of 1 to %d letters, digits, '-', '_' and '.', the first a letter or digit", NAME_LENGTH);
        if (service->n_names == 0)
                return fail(c, FBN_EINVAL, "it needs a host name that visitors ask for");
        for (size_t i = 0; i < service->n_names; i++)
                if (!host_valid(service->names[i]))
                        return fail(c, FBN_EINVAL, "'%.64s' is no host name", service->names[i] ? service->names[i] : "");
        if (!family_bytes(service->upstream.family) || !service->port)
                return fail(c, FBN_EINVAL, "it needs the address and port of who serves it");
        if (!service->certificate != !service->certificate_key)
                return fail(c, FBN_EINVAL, "certificate and certificate_key: both or none");
        if (service->certificate && (!files_plain(service->certificate) || !files_plain(service->certificate_key)))
                return fail(c, FBN_EINVAL, "the path of a certificate has a blank or a character that means something to nginx");
        if (service->hsts_s && !service->certificate)
                return fail(c, FBN_EINVAL, "hsts_s: without a certificate there is no https to insist on");
        if (service->pending && service->certificate)
                return fail(c, FBN_EINVAL, "pending: it has a certificate");
        for (size_t i = 0; i < service->n_allow; i++)
                if (service->allow[i].length > family_bits(service->allow[i].address.family))
                        return fail(c, FBN_EINVAL, "allow: entry %zu is no prefix", i + 1);
        for (size_t i = 0; i < services->count; i++) {
                if (streq(services->items[i].name, service->name))
                        return fail(c, FBN_EEXIST, "the name is taken");
                for (size_t j = 0; j < services->items[i].n_names; j++)
                        for (size_t k = 0; k < service->n_names; k++)
                                if (strcasecmp(services->items[i].names[j], service->names[k]) == 0)
                                        return fail(c, FBN_EEXIST, "'%s' is a name of service '%s' already", service->names[k], services->items[i].name);
        }
        return 0;
}

static bool copy(struct arena *arena, fbn_service *service)
{
        const char **names = arena_alloc(arena, service->n_names * sizeof(*names));
        const char **texts[] = {&service->name, &service->device, &service->certificate, &service->certificate_key};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (*texts[i] && !(*texts[i] = arena_strdup(arena, *texts[i])))
                        return false;
        for (size_t i = 0; names && i < service->n_names; i++)
                if (!(names[i] = arena_strdup(arena, service->names[i])))
                        return false;
        service->names = names;
        service->allow = arena_copy(arena, service->allow, service->n_allow * sizeof(*service->allow));
        return names && service->allow;
}

int fbn_services_add(fbn_context *c, fbn_services *services, const fbn_service *service)
{
        fbn_service mine;
        int r;

        r = OPTIONS_READ(c, fbn_service, service, &mine);
        if (r == 0)
                r = check(c, services, &mine);
        if (r < 0)
                return fail_in(c, r, "service '%.40s'", mine.name ? mine.name : "");
        if (!ARRAY_RESERVE(services->items, services->count, services->capacity) || !copy(&services->arena, &mine))
                return fail_memory(c);
        services->items[services->count++] = mine;
        return 0;
}
