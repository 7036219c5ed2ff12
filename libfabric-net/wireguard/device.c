/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/kernel.h"
#include "wireguard/userspace.h"

#include <fabricnet/link.h>

static const struct backend backend_kernel = {.number = FBN_WIREGUARD_KERNEL, .get = kernel_get, .set = kernel_set};
static const struct backend backend_userspace = {.number = FBN_WIREGUARD_USERSPACE,
                                                 .ask = userspace_ask,
                                                 .read = userspace_read,
                                                 .get = userspace_get,
                                                 .set = userspace_set};

int backend_of(fbn_context *c, const char *name, const struct backend **ret_backend)
{
        FBN_CLEANUP(fbn_links) links = NULL;
        const char *kind;
        int r;

        r = fbn_link_list(c, name, &links);
        if (r < 0)
                return r;
        kind = fbn_links_at(links, 0)->kind;
        if (kind && streq(kind, "wireguard"))
                *ret_backend = &backend_kernel;
        else if (kind && streq(kind, "tun")) /* a daemon's, if it is one's: its socket tells */
                *ret_backend = &backend_userspace;
        else
                return fail(c, FBN_ENOENT, "%s: not a WireGuard interface but a %s", name, kind ? kind : "device");
        return 0;
}

int backend_get(fbn_context *c, const struct backend *backend, const char *name, struct uapi *asked, const fbn_wireguard *wanted,
                fbn_wireguard **ret_wireguard)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        int r;

        r = fbn_wireguard_new(c, FBN_OPTIONS(fbn_wireguard_interface, .name = name, .backend = backend->number), &wireguard);
        if (r == 0 && wanted)
                r = configuration_expect(c, wireguard, wanted);
        if (r < 0)
                return r;
        r = asked ? backend->read(asked, wireguard) : backend->get(c, name, wireguard);
        if (r < 0)
                return fail_in(c, r, "%s", name);
        *ret_wireguard = TAKE_PTR(wireguard);
        return 0;
}

int fbn_wireguard_get(fbn_context *c, const char *name, fbn_wireguard **ret_wireguard)
{
        const struct backend *backend;
        int r;

        r = backend_of(c, name, &backend);
        return r < 0 ? r : backend_get(c, backend, name, NULL, NULL, ret_wireguard);
}
