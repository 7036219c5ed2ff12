/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "fabric/lint.h"

#include <stdlib.h>
#include <sys/socket.h>

static void overlap(struct lint *lint, const struct prefix *inner, const struct prefix *outer)
{
        const char *inner_text = lint_prefix_text(lint, &inner->prefix), *outer_text = lint_prefix_text(lint, &outer->prefix);

        if (inner->local_to && outer->local_to) {
                if (inner->local_to == outer->local_to)
                        finding_add(lint, FBN_SEVERITY_WARNING, "prefix-overlap", inner->pointer,
                                    "two networks of one host share addresses", "give one of them another range",
                                    "'%s' %s overlaps '%s' %s", inner->name, inner_text, outer->name, outer_text);
        } else if (inner->local_to || outer->local_to) {
                const struct prefix *local = inner->local_to ? inner : outer, *shared = inner->local_to ? outer : inner;

                finding_add(lint, FBN_SEVERITY_WARNING, "prefix-in-local-range", shared->pointer,
                            "a container network that is given this range there hides the real one",
                            "keep the range away from the containers (Docker: default-address-pools), or move the prefix",
                            "'%s' %s and '%s' %s overlap, which is local to '%s'", shared->name, lint_prefix_text(lint, &shared->prefix),
                            local->name, lint_prefix_text(lint, &local->prefix), local->local_to->name);
        } else
                finding_add(lint, FBN_SEVERITY_ERROR, "prefix-overlap", inner->pointer,
                            "which of the two an address belongs to is ambiguous", "give one of them another range",
                            "'%s' %s overlaps '%s' %s", inner->name, inner_text, outer->name, outer_text);
}

/* The nesting was found when the file was read: each prefix is compared with those around it only. */
static void lint_overlaps(struct lint *lint)
{
        const fbn_fabric *f = lint->fabric;

        for (size_t i = 0; i < f->n_prefixes; i++)
                for (const struct prefix *outer = f->prefixes_by_address[i]->parent; outer; outer = outer->parent)
                        overlap(lint, f->prefixes_by_address[i], outer);
}

struct used {
        const fbn_address *address;
        const char *pointer;
        size_t order;
};

static int by_address(const void *a, const void *b)
{
        const struct used *x = a, *y = b;
        int order = address_compare(x->address, y->address);

        return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

static void use(struct used *list, size_t *n, const fbn_address *address, const char *pointer)
{
        if (!address->family)
                return;
        list[*n] = (struct used){.address = address, .pointer = pointer, .order = *n};
        (*n)++;
}

static size_t list_used(const fbn_fabric *f, struct used *list)
{
        size_t n = 0;

        for (size_t i = 0; i < f->n_hosts; i++)
                for (size_t j = 0; j < f->hosts[i].n_interfaces; j++)
                        use(list, &n, &f->hosts[i].interfaces[j].address, f->hosts[i].interfaces[j].pointer);
        for (size_t i = 0; i < f->n_tunnels; i++)
                for (size_t j = 0; j < f->tunnels[i].n_members; j++)
                        use(list, &n, &f->tunnels[i].members[j].address, f->tunnels[i].members[j].pointer);
        for (size_t i = 0; i < f->mesh.n_nodes; i++)
                use(list, &n, &f->mesh.nodes[i].address, f->mesh.nodes[i].pointer);
        return n;
}

static size_t count_places(const fbn_fabric *f)
{
        size_t n = f->mesh.n_nodes;

        for (size_t i = 0; i < f->n_hosts; i++)
                n += f->hosts[i].n_interfaces;
        for (size_t i = 0; i < f->n_tunnels; i++)
                n += f->tunnels[i].n_members;
        return n;
}

static void lint_duplicates(struct lint *lint)
{
        struct used *list = arena_alloc(&lint->scratch, count_places(lint->fabric) * sizeof(*list));
        size_t n;

        if (!list) {
                lint->failed = true;
                return;
        }
        n = list_used(lint->fabric, list);
        qsort(list, n, sizeof(*list), by_address);
        for (size_t i = 1; i < n; i++)
                if (address_compare(list[i - 1].address, list[i].address) == 0)
                        finding_add(lint, FBN_SEVERITY_ERROR, "duplicate-address", list[i].pointer,
                                    "packets reach one of the two, in turns", "give one of them another address",
                                    "%s is already that of %s", lint_address_text(lint, list[i].address), list[i - 1].pointer);
}

/* The network's own address and, in IPv4, its broadcast; point-to-point prefixes have neither (RFC 3021, RFC 6164). */
static bool is_reserved(const fbn_prefix *prefix, const fbn_address *address)
{
        fbn_prefix network = {.address = *address, .length = prefix->length};
        size_t bytes = family_bytes(address->family), bit;

        if (prefix->length + 2u > family_bits(address->family))
                return false;
        fbn_prefix_network(&network, &network);
        if (address_compare(&network.address, address) == 0)
                return true;
        for (bit = prefix->length; bit < bytes * 8; bit++)
                if (!(address->bytes[bit / 8] & 0x80 >> bit % 8))
                        return false;
        return address->family == AF_INET;
}

static void lint_inside(struct lint *lint, const fbn_address *address, const struct prefix *prefix, const char *pointer)
{
        if (!address->family)
                return;
        if (!fbn_prefix_contains(&prefix->prefix, address))
                finding_add(lint, FBN_SEVERITY_ERROR, "address-outside-prefix", pointer, "nobody will route packets to it there",
                            "take an address of the prefix, or name another prefix", "%s is not in '%s' %s",
                            lint_address_text(lint, address), prefix->name, lint_prefix_text(lint, &prefix->prefix));
        else if (is_reserved(&prefix->prefix, address))
                finding_add(lint, FBN_SEVERITY_ERROR, "address-reserved", pointer, "the first and last address of a prefix are no host's",
                            "take another address", "%s is the network or broadcast address of '%s'", lint_address_text(lint, address),
                            prefix->name);
}

static bool is_cgnat(const fbn_address *address)
{
        fbn_prefix cgnat;

        fbn_prefix_parse("100.64.0.0/10", &cgnat); /* RFC 6598 */
        return fbn_prefix_contains(&cgnat, address);
}

static void lint_interface(struct lint *lint, const struct interface *interface)
{
        const struct mesh *mesh = &lint->fabric->mesh;

        if (!interface->address.family)
                return;
        if (interface->wan && mesh->pointer && is_cgnat(&interface->address))
                finding_add(lint, FBN_SEVERITY_WARNING, "cgnat-uplink", interface->pointer,
                            "tailscaled drops packets from 100.64.0.0/10 that do not come through the mesh",
                            "ask the provider for another uplink address, or run tailscaled with --netfilter-mode=off there",
                            "the uplink's address is in the provider's range 100.64.0.0/10, which the mesh also uses");
        else if (!interface->wan && !interface->prefix)
                finding_add(lint, FBN_SEVERITY_WARNING, "interface-outside-prefixes", interface->pointer,
                            "nothing else in the file can lead there", "declare its segment in /prefixes", "%s is in no declared prefix",
                            lint_address_text(lint, &interface->address));
        else if (interface->prefix)
                lint_inside(lint, &interface->address, interface->prefix, interface->pointer);
}

void lint_prefixes(struct lint *lint)
{
        const fbn_fabric *f = lint->fabric;

        lint_overlaps(lint);
        lint_duplicates(lint);
        for (size_t i = 0; i < f->n_hosts; i++)
                for (size_t j = 0; j < f->hosts[i].n_interfaces; j++)
                        lint_interface(lint, &f->hosts[i].interfaces[j]);
        for (size_t i = 0; i < f->n_tunnels; i++)
                for (size_t j = 0; j < f->tunnels[i].n_members; j++)
                        lint_inside(lint, &f->tunnels[i].members[j].address, f->tunnels[i].prefix, f->tunnels[i].members[j].pointer);
        for (size_t i = 0; i < f->mesh.n_nodes; i++)
                lint_inside(lint, &f->mesh.nodes[i].address, f->mesh.prefix, f->mesh.nodes[i].pointer);
}
