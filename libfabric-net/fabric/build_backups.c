/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/build.h"

static fbn_address address_for(const struct host *from, const struct host *to)
{
        const struct interface *any = NULL;

        for (size_t i = 0; i < to->n_interfaces; i++) {
                const struct interface *interface = &to->interfaces[i];

                if (interface->address.family && interface->prefix && host_interface_in(from, interface->prefix))
                        return interface->address;
                if (interface->address.family && !any)
                        any = interface;
        }
        for (const struct member *member = to->memberships; member; member = member->next_of_host)
                if (host_member_of(from, member->tunnel))
                        return member->address;
        if (any)
                return any->address;
        return to->node ? to->node->address : (fbn_address){0};
}

int build_way(struct builder *b, const struct host *from, const struct host *to, const char *pointer, fbn_address *ret_address)
{
        *ret_address = address_for(from, to);
        if (!ret_address->family)
                return document_refuse(b->document, pointer, false, "'%s' has no declared address where '%s' could find it", to->name, from->name);
        return 0;
}

static int build_backup(struct builder *b, const char *key, json_t *value, struct backup *backup)
{
        backup->name = arena_strdup(&b->fabric->arena, key);
        backup->pointer = build_pointer(b, "/backups", key);
        backup->of = build_host(b, value, "of");
        backup->to = build_host(b, value, "to");
        backup->file = build_text(b, value, "file");
        backup->folder = build_text(b, value, "folder");
        if (!backup->folder)
                backup->folder = build_pointer(b, "/var/backups/fabricnet", key);
        backup->user = build_text(b, value, "user");
        backup->port = (uint16_t)build_number(value, "port", 0);
        backup->keep = (uint32_t)build_number(value, "keep", 0);
        build_secret(b, value, backup->pointer, "private_key", &backup->private_key);
        backup->host_key = build_text(b, value, "host_key");
        if (b->failed || !backup->name)
                return fail_memory(b->document->c);
        return build_way(b, backup->to, backup->of, build_pointer(b, backup->pointer, "of"), &backup->address);
}

int build_backups(struct builder *b)
{
        json_t *map = json_object_get(b->document->root, "backups"), *value;
        struct fbn_fabric *f = b->fabric;
        const char *key;

        f->backups = build_array(b, json_object_size(map), sizeof(*f->backups));
        if (b->failed)
                return fail_memory(b->document->c);
        json_object_foreach(map, key, value) {
                int r = build_backup(b, key, value, &f->backups[f->n_backups++]);

                if (r < 0)
                        return r;
        }
        return 0;
}
