/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/lint.h"

/* VLANs, and who may come into a segment. */

static void lint_vlan(struct lint *lint, const struct host *host, const struct interface *vlan)
{
        const struct prefix *segment = vlan->prefix;

        if (!segment || !segment->vlan) {
                finding_add(lint, FBN_SEVERITY_ERROR, "vlan-without-tag", vlan->pointer, "a VLAN's tag is that of the prefix which holds its address",
                            "give the interface an \"address\", and its prefix a \"vlan\"", "'%s' of '%s' is carried by '%s', and no tag is declared for it",
                            vlan->name, host->name, vlan->trunk->name);
                return;
        }
        for (const struct interface *other = host->interfaces; other < vlan; other++)
                if (other->trunk == vlan->trunk && other->prefix && other->prefix->vlan == segment->vlan)
                        finding_add(lint, FBN_SEVERITY_ERROR, "vlan-twice", vlan->pointer, "a trunk carries a tag once: the second VLAN is refused",
                                    "let them have different tags, or different trunks", "'%s' and '%s' both have VLAN %u of '%s'", other->name, vlan->name,
                                    segment->vlan, vlan->trunk->name);
        if (vlan->trunk->prefix == segment)
                finding_add(lint, FBN_SEVERITY_ERROR, "vlan-of-its-own-segment", vlan->pointer, "one segment cannot be tagged and untagged on one wire",
                            "give the trunk no address of that prefix", "'%s' and its trunk '%s' both have an address of '%s'", vlan->name,
                            vlan->trunk->name, segment->name);
        if (vlan->trunk->mtu && vlan->mtu > vlan->trunk->mtu)
                finding_add(lint, FBN_SEVERITY_ERROR, "vlan-mtu", vlan->pointer, "the kernel refuses a VLAN that carries more than its trunk",
                            "an MTU of the trunk's at most", "'%s' has MTU %u, its trunk '%s' %u", vlan->name, vlan->mtu, vlan->trunk->name,
                            vlan->trunk->mtu);
}

/* Where nothing else says how the router comes by its interface, apply looks for one that is there. */
static void lint_trunk(struct lint *lint, const struct prefix *segment)
{
        const struct host *router = segment->at;
        const struct interface *interface = router ? host_interface_in(router, segment) : NULL;

        if (segment->vlan && interface && !interface->trunk && router->manager == MANAGER_FABRICNET)
                finding_add(lint, FBN_SEVERITY_NOTE, "vlan-without-trunk", interface->pointer, "apply finds the interface, and does not make it",
                            "name what carries it: \"trunk\": \"eth1\"; nothing, if something else makes it or its switch takes the tag off",
                            "'%s' of '%s' is on VLAN %u, and no trunk is declared for it", interface->name, router->name, segment->vlan);
}

static bool comes_from(const struct prefix *segment, const struct prefix *source)
{
        const struct host *router = segment->at;

        for (size_t i = 0; i < router->n_nat; i++)
                for (size_t j = 0; j < router->nat[i].n_sources; j++)
                        if (router->nat[i].action == NAT_ACCEPT && router->nat[i].n_destinations && router->nat[i].destinations[0] == segment &&
                            router->nat[i].sources[j] == source)
                                return true;
        return false;
}

/* A node on the segment that advertises it lets the mesh in where the router cannot see it. */
static void lint_way_around(struct lint *lint, const struct prefix *segment)
{
        const struct mesh *mesh = &lint->fabric->mesh;

        for (size_t i = 0; i < mesh->n_nodes; i++) {
                const struct node *node = &mesh->nodes[i];

                for (size_t j = 0; j < node->n_advertises; j++)
                        if (node->advertises[j] == segment && host_interface_in(node->host, segment) && !comes_from(segment, mesh->prefix))
                                finding_add(lint, FBN_SEVERITY_WARNING, "policy-passed-by", node->pointer,
                                            "the mesh reaches it through this node, where its router's rules are not asked",
                                            "name the mesh's prefix in \"from\" and decide in the mesh's policy, or do not advertise it here",
                                            "'%s' advertises '%s', whose \"from\" does not name '%s'", node->host->name, segment->name,
                                            mesh->prefix->name);
        }
}

static void lint_policy(struct lint *lint, const struct prefix *segment)
{
        if (!segment->closed)
                return;
        if (segment->at->manager == MANAGER_NONE)
                finding_add(lint, FBN_SEVERITY_WARNING, "policy-of-nobody", segment->pointer, "nobody tells the router who may come in",
                            "declare by hand on the device what \"from\" says, or let another host be its router",
                            "'%s' is the router of '%s' and has no software of ours", segment->at->name, segment->name);
        lint_way_around(lint, segment);
}

void lint_segments(struct lint *lint)
{
        const fbn_fabric *f = lint->fabric;

        for (size_t i = 0; i < f->n_hosts; i++)
                for (size_t j = 0; j < f->hosts[i].n_interfaces; j++)
                        if (f->hosts[i].interfaces[j].trunk)
                                lint_vlan(lint, &f->hosts[i], &f->hosts[i].interfaces[j]);
        for (size_t i = 0; i < f->n_prefixes; i++) {
                lint_trunk(lint, &f->prefixes[i]);
                lint_policy(lint, &f->prefixes[i]);
        }
}
