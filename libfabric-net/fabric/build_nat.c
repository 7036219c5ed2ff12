/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/build.h"
#include "fabric/words.h"

int build_refuse_interface(struct builder *b, const char *pointer, const struct host *host, const char *name)
{
        json_t *declared = json_object_get(json_object_get(json_object_get(b->document->root, "hosts"), host->name), "interfaces");
        const char *near = nearest_key(declared, name);

        return document_refuse(b->document, pointer, false, "host '%s' has no interface '%s'; declare it in /hosts/%s/interfaces%s%s%s",
                               host->name, name, host->name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int build_side(struct builder *b, const struct host *host, json_t *entry, const char *parent, const char *which, struct side *side)
{
        json_t *value = json_object_get(entry, which);
        const char *interface = json_string_value(json_object_get(value, "interface"));
        const char *tunnel = json_string_value(json_object_get(value, "tunnel"));
        const struct member *member;

        if (!value)
                return 0;
        for (size_t i = 0; interface && i < host->n_interfaces; i++)
                if (streq(host->interfaces[i].name, interface))
                        side->interface = &host->interfaces[i];
        if (interface && !side->interface)
                return build_refuse_interface(b, build_pointer(b, build_pointer(b, parent, which), "interface"), host, interface);
        if (interface) {
                side->device = side->interface->name;
                return 0;
        }
        side->tunnel = names_find(&b->tunnels, tunnel);
        member = host_member_of(host, side->tunnel);
        if (!member)
                return document_refuse(b->document, build_pointer(b, build_pointer(b, parent, which), "tunnel"), false,
                                       "host '%s' is no member of tunnel '%s'; expected one of its tunnels", host->name, tunnel);
        side->device = member->interface;
        return 0;
}

/* The length of the narrowest prefix that the target is in, 0 if none is declared. */
static uint8_t segment_length(const struct builder *b, const fbn_address *target)
{
        uint8_t length = 0;

        for (size_t i = 0; i < b->fabric->n_prefixes; i++)
                if (fbn_prefix_contains(&b->fabric->prefixes[i].prefix, target) && b->fabric->prefixes[i].prefix.length > length)
                        length = b->fabric->prefixes[i].prefix.length;
        return length;
}

static void build_forward(struct builder *b, json_t *value, struct nat_entry *entry)
{
        word_split_forward(json_string_value(json_object_get(value, "forward")), &entry->target, &entry->udp);
        entry->port = (uint16_t)build_number(value, "port", entry->target.port);
        if (build_flag(value, "hairpin", false))
                entry->hairpin = segment_length(b, &entry->target.address);
}

static int build_entry(struct builder *b, const struct host *host, json_t *value, struct nat_entry *entry, size_t index)
{
        static const char *const actions[] = {[NAT_MASQUERADE] = "masquerade", [NAT_ACCEPT] = "accept", [NAT_DROP] = "drop", [NAT_FORWARD] = "forward"};
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
                json_t *sources = json_object_get(value, actions[i]);

                if (!sources)
                        continue;
                entry->action = (enum nat_action)i;
                if (i != NAT_FORWARD)
                        entry->sources = build_prefixes(b, sources, &entry->n_sources);
        }
        if (entry->action == NAT_FORWARD)
                build_forward(b, value, entry);
        entry->destinations = build_prefixes(b, json_object_get(value, "to"), &entry->n_destinations);
        entry->name = build_text(b, value, "name");
        if (!entry->name)
                entry->name = arena_printf(&b->fabric->arena, "%s-%zu", actions[entry->action], index);
        b->failed |= !entry->name;
        if (b->failed)
                return fail_memory(b->document->c);
        r = build_side(b, host, value, entry->pointer, "in", &entry->in);
        return r < 0 ? r : build_side(b, host, value, entry->pointer, "out", &entry->out);
}

static int check_entry(struct builder *b, const struct host *host, json_t *value, const struct nat_entry *entry)
{
        if (entry->action == NAT_MASQUERADE && !entry->out.device)
                return document_refuse(b->document, entry->pointer, false,
                                       "'out' is missing: a masquerade needs {\"interface\": NAME} or {\"tunnel\": NAME}");
        if (entry->action == NAT_MASQUERADE && entry->in.device)
                return document_refuse(b->document, entry->pointer, false,
                                       "a masquerade cannot look at 'in': the kernel forgets it before postrouting");
        if (entry->action == NAT_FORWARD && (entry->out.device || entry->n_destinations))
                return document_refuse(b->document, entry->pointer, false,
                                       "a forward cannot look at 'out' or 'to': it decides where packets go before they are routed");
        if (entry->action != NAT_FORWARD && (json_object_get(value, "port") || json_object_get(value, "hairpin")))
                return document_refuse(b->document, entry->pointer, false, "'port' and 'hairpin' belong to a forward");
        if (json_is_true(json_object_get(value, "hairpin")) && !entry->hairpin)
                return document_refuse(b->document, entry->pointer, false,
                                       "a hairpin needs to know the target's neighbours: declare the prefix that holds it in /prefixes");
        for (const struct nat_entry *other = host->nat; other < entry; other++)
                if (streq(other->name, entry->name))
                        return document_refuse(b->document, entry->pointer, false, "the name '%s' is taken by %s", entry->name,
                                               other->pointer);
        return 0;
}

int build_nat(struct builder *b)
{
        json_t *map = json_object_get(b->document->root, "nat"), *list, *value;
        const char *key;
        size_t i;

        json_object_foreach(map, key, list) {
                struct host *host = names_find(&b->hosts, key);
                char *parent = build_pointer(b, "/nat", key);

                host->nat = build_array(b, json_array_size(list), sizeof(*host->nat));
                if (b->failed)
                        return fail_memory(b->document->c);
                json_array_foreach(list, i, value) {
                        struct nat_entry *entry = &host->nat[i];
                        int r;

                        entry->pointer = build_index(b, parent, i);
                        r = b->failed ? fail_memory(b->document->c) : build_entry(b, host, value, entry, i + 1);
                        if (r == 0)
                                r = check_entry(b, host, value, entry);
                        if (r < 0)
                                return r;
                        host->n_nat++;
                }
        }
        return 0;
}
