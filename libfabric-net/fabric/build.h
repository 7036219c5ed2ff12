/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_BUILD_H
#define FABRIC_BUILD_H

#include "fabric/model.h"
#include "fabric/schema.h"

/* From a checked document to the model. Without memory nothing stops at once: failed is set and asked at the end of a section. */
struct names {
        struct named {
                const char *name;
                void *object;
        } *items;
        size_t n;
};

struct builder {
        const struct document *document;
        struct fbn_fabric *fabric;
        struct names hosts, prefixes, tunnels, certificates;
        bool failed;
};

void *names_find(const struct names *names, const char *name);
/* Index the members of a map, whose objects are the elements of an array in the same order. */
void names_build(struct builder *b, struct names *names, json_t *map, void *objects, size_t size);

/* A zeroed array in the arena with room for n; NULL with n 0 or without memory. */
void *build_array(struct builder *b, size_t n, size_t size);
char *build_text(struct builder *b, json_t *object, const char *member); /* a copy; NULL if not there */
char *build_pointer(struct builder *b, const char *parent, const char *name);
char *build_index(struct builder *b, const char *parent, size_t index);
bool build_flag(json_t *object, const char *member, bool otherwise);
int64_t build_number(json_t *object, const char *member, int64_t otherwise);
struct host *build_host(struct builder *b, json_t *object, const char *member);
const struct prefix *build_prefix(struct builder *b, json_t *object, const char *member);
const struct prefix **build_prefixes(struct builder *b, json_t *list, size_t *ret_n);
void build_settings(struct builder *b, json_t *value, struct host *host);
/* Where one host finds another: on a segment that both are on, else where its interfaces, tunnels or the mesh give it an address; refused
 * where nothing does. */
int build_way(struct builder *b, const struct host *from, const struct host *to, const char *pointer, fbn_address *ret_address);
void build_secret(struct builder *b, json_t *object, const char *parent, const char *member, struct secret_source *source);

/* "host 'vps' has no interface 'eth1' …" */
int build_refuse_interface(struct builder *b, const char *pointer, const struct host *host, const char *name);

/* Sections, in the order in which they need each other. 0 or a recorded failure. */
int build_hosts(struct builder *b);
int build_tunnels(struct builder *b);
int build_routes(struct builder *b); /* of hosts */
int build_nat(struct builder *b);
int build_mesh(struct builder *b);
int build_policies(struct builder *b); /* who may come into a segment: rules of its router, behind those that it declares */
int build_services(struct builder *b); /* and their certificates, and what keeps their hosts */
int build_names(struct builder *b); /* zones, expectations, allowances */
int build_backups(struct builder *b);
int build_monitoring(struct builder *b);

int fabric_build(const struct document *document, struct fbn_fabric *fabric);

#endif
