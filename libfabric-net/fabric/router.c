/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/router.h"
#include "base/file.h"
#include "fabric/names.h"

#include <limits.h>

int router_open_secret(struct routing *r, const struct secret_source *source, fbn_secret **ret_secret)
{
        struct error_record before = r->c->error;
        int result = secret_open(r->c, r->desired->fabric, source, ret_secret);

        if (result != -FBN_ENOENT)
                return result;
        r->c->error = before;
        return 0;
}

static int add_secret(struct routing *r, const struct secret_source *source)
{
        FBN_CLEANUP(fbn_secret) secret = NULL;
        int result;

        if (!source || !source->file || *source->file == '/' || strncmp(source->file, "fd:", 3) == 0)
                return 0;
        result = router_open_secret(r, source, &secret);
        if (result < 0 || !secret)
                return result;
        result = fbn_router_add(r->c, r->router, FBN_OPTIONS(fbn_router_object, .kind = "file", .name = source->file, .secret = secret));
        return result == -FBN_EEXIST ? 0 : fail_in(r->c, result, "%s", source->pointer);
}

static int add_policy(struct routing *r)
{
        const struct mesh *mesh = &r->desired->fabric->mesh;
        FBN_CLEANUP(fbn_secret) policy = NULL;
        _cleanup_free_ char *text = NULL;
        char path[PATH_MAX];
        size_t length;
        int result;

        if (!mesh->policy_file)
                return 0;
        if (!fabric_path(r->desired->fabric, mesh->policy_file, path, sizeof(path)))
                return fail(r->c, FBN_EINVAL, "%s: the path is too long", mesh->policy_pointer);
        result = file_read(r->c, path, (size_t)1 << 20, &text, &length);
        if (result == 0)
                result = fbn_secret_new(r->c, text, length, &policy);
        if (result == 0)
                result = fbn_router_add(r->c, r->router, FBN_OPTIONS(fbn_router_object, .kind = "file", .name = mesh->policy_file, .secret = policy));
        return fail_in(r->c, result, "%s", mesh->policy_pointer);
}

/* The whole file, which has no secret in it; of the secrets, those that this host opens. */
int router_add_linux(struct routing *r)
{
        const struct desired *desired = r->desired;
        const fbn_fabric *fabric = desired->fabric;
        int result = fbn_router_add(r->c, r->router, FBN_OPTIONS(fbn_router_object, .kind = "fabric", .name = desired->host->name,
                                                                 .content = fabric->merged ? fabric->merged : fabric->sources[0].text));

        for (size_t i = 0; result == 0 && i < desired->n_tunnels; i++) {
                result = add_secret(r, &desired->tunnels[i].self->private_key);
                for (size_t j = 0; result == 0 && j < desired->tunnels[i].peers.n; j++)
                        result = add_secret(r, desired->tunnels[i].peers.items[j].preshared_key);
        }
        for (size_t i = 0; result == 0 && i < fabric->n_backups; i++)
                if (fabric->backups[i].to == desired->host)
                        result = add_secret(r, &fabric->backups[i].private_key);
        if (result == 0 && fabric->mesh.headscale == desired->host)
                result = add_secret(r, &fabric->mesh.api_key);
        if (result == 0 && fabric->mesh.headscale == desired->host)
                result = add_policy(r);
        return result;
}

static int find_address(fbn_context *c, const fbn_fabric *fabric, const struct host *from, const struct host *host, char *buffer, size_t size)
{
        struct asking asking = {0};

        if (host->login.address.family)
                asking.address = host->login.address;
        else if (!from || !host_asks(fabric, from, host, &asking))
                return fail(c, FBN_EINVAL, "%s: %s%s%s has no declared way to '%s'; an \"address\" here names one", host->login.pointer, from ? "'" : "",
                            from ? from->name : "this host", from ? "'" : "", host->name);
        fbn_address_format(&asking.address, buffer, size);
        return 0;
}

static int make(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, const struct host *host, fbn_router **ret_router)
{
        char address[FBN_ADDRESS_TEXT], key[PATH_MAX];
        int r = find_address(c, fabric, options->host ? fabric_host(fabric, options->host) : NULL, host, address, sizeof(address));

        if (r == 0)
                r = secret_path(c, fabric, &host->login.private_key, key);
        return r < 0 ? r
                     : fail_in(c, fbn_router_new(c, fabric->name,
                                                 FBN_OPTIONS(fbn_router_access, .system = host->login.system, .host = address, .port = host->login.port,
                                                             .user = host->login.user, .private_key = key, .host_key = host->login.host_key),
                                                 ret_router),
                               "%s", host->login.pointer);
}

int fbn_fabric_router(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *given, const char *name, fbn_router **ret_router)
{
        _cleanup_(desired_freep) struct desired *desired = NULL;
        FBN_CLEANUP(fbn_router) router = NULL;
        const struct host *host;
        fbn_fabric_options options;
        int r = OPTIONS_READ(c, fbn_fabric_options, given, &options);

        if (r == 0)
                r = fabric_find_host(c, fabric, name, &host);
        if (r < 0)
                return r;
        if (!host->login.pointer)
                return fail(c, FBN_EINVAL, "%s: it has no \"ssh\", which says how a router is reached", host->pointer);
        r = make(c, fabric, &options, host, &router);
        if (r == 0)
                r = desired_new(c, fabric, host, &desired);
        if (r == 0) {
                struct routing routing = {c, desired, &options, router};

                r = streq(host->login.system, "linux") ? router_add_linux(&routing) : router_add_pfsense(&routing);
        }
        if (r < 0)
                return r;
        *ret_router = TAKE_PTR(router);
        return 0;
}
