/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/model.h"
#include "base/address.h"
#include "fabric/schema.h"

#include <stdio.h>
#include <strings.h>

/* The last prefix, in the order of addresses, that does not begin behind the address. */
static size_t last_before(const fbn_fabric *f, const fbn_address *address)
{
        size_t low = 0, high = f->n_prefixes;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (address_compare(&f->prefixes_by_address[middle]->prefix.address, address) <= 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const struct prefix *fabric_segment_of(const fbn_fabric *fabric, const fbn_address *address)
{
        size_t after = address->family ? last_before(fabric, address) : 0;
        const struct prefix *prefix = after ? fabric->prefixes_by_address[after - 1] : NULL;

        while (prefix && (prefix->local_to || !fbn_prefix_contains(&prefix->prefix, address)))
                prefix = prefix->parent;
        return prefix;
}

struct host *fabric_host(const fbn_fabric *fabric, const char *name)
{
        for (size_t i = 0; i < fabric->n_hosts; i++)
                if (streq(fabric->hosts[i].name, name))
                        return &fabric->hosts[i];
        return NULL;
}

int fabric_find_host(fbn_context *c, const fbn_fabric *fabric, const char *name, const struct host **ret_host)
{
        size_t best_distance = SIZE_MAX;
        const char *near = NULL;

        if (!name)
                return fail(c, FBN_EINVAL, "which host of the fabric this is was not said");
        *ret_host = fabric_host(fabric, name);
        if (*ret_host)
                return 0;
        for (size_t i = 0; i < fabric->n_hosts; i++)
                nearest_consider(name, fabric->hosts[i].name, &near, &best_distance);
        return fail(c, FBN_EINVAL, "fabric '%s' has no host '%s'%s%s%s", fabric->name, name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

const struct service *fabric_service(const fbn_fabric *fabric, const char *name)
{
        for (size_t i = 0; i < fabric->n_services; i++)
                for (size_t j = 0; j < fabric->services[i].n_names; j++)
                        if (strcasecmp(fabric->services[i].names[j], name) == 0)
                                return &fabric->services[i];
        return NULL;
}

bool host_has_services(const fbn_fabric *fabric, const struct host *host)
{
        for (size_t i = 0; i < fabric->n_services; i++)
                if (fabric->services[i].at == host)
                        return true;
        return false;
}

const struct member *host_member_of(const struct host *host, const struct tunnel *tunnel)
{
        const struct member *member = host->memberships;

        while (member && member->tunnel != tunnel)
                member = member->next_of_host;
        return member;
}

const struct interface *host_interface_in(const struct host *host, const struct prefix *prefix)
{
        for (size_t i = 0; i < host->n_interfaces; i++)
                if (host->interfaces[i].prefix == prefix)
                        return &host->interfaces[i];
        return NULL;
}

bool fabric_path(const fbn_fabric *fabric, const char *path, char *buffer, size_t size)
{
        if (*path == '/' || !*fabric->folder)
                return snprintf(buffer, size, "%s", path) < (int)size;
        return snprintf(buffer, size, "%s/%s", fabric->folder, path) < (int)size;
}
