/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/build.h"

#include <ctype.h>

static const char **build_texts(struct builder *b, json_t *list, size_t *ret_n)
{
        const char **texts = build_array(b, json_array_size(list), sizeof(*texts));
        json_t *value;
        size_t i;

        if (!texts)
                return NULL;
        json_array_foreach(list, i, value) {
                texts[i] = arena_strdup(&b->fabric->arena, json_string_value(value));
                b->failed |= !texts[i];
        }
        *ret_n = json_array_size(list);
        return texts;
}

static bool answers_for_split(const struct mesh *mesh, const struct host *host)
{
        for (size_t i = 0; i < mesh->n_splits; i++)
                if (mesh->splits[i].host == host)
                        return true;
        return false;
}

static int build_user(struct builder *b, json_t *value, struct node *node)
{
        const struct mesh *mesh = &b->fabric->mesh;
        const char *user = json_string_value(json_object_get(value, "user"));

        node->user = mesh->users[0];
        if (!user)
                return 0;
        for (size_t i = 0; i < mesh->n_users; i++)
                if (streq(mesh->users[i], user)) {
                        node->user = mesh->users[i];
                        return 0;
                }
        return document_refuse(b->document, build_pointer(b, node->pointer, "user"), false,
                               "there is no '%s' in /mesh/users: expected one of them", user);
}

static int build_node(struct builder *b, const char *key, json_t *value, struct node *node)
{
        const char *address = json_string_value(json_object_get(value, "address"));

        node->host = names_find(&b->hosts, key);
        node->pointer = build_pointer(b, "/mesh/nodes", key);
        if (address)
                fbn_address_parse(address, &node->address);
        node->advertises = build_prefixes(b, json_object_get(value, "advertises"), &node->n_advertises);
        node->accepts_routes = build_flag(value, "accepts_routes", false);
        node->accepts_dns = build_flag(value, "accepts_dns",
                                       node->host->resolver == RESOLVER_MESH ||
                                               (node->host->resolver == RESOLVER_UNSAID && !answers_for_split(&b->fabric->mesh, node->host)));
        node->tags = build_texts(b, json_object_get(value, "tags"), &node->n_tags);
        node->host->node = node;
        return b->failed ? fail_memory(b->document->c) : build_user(b, value, node);
}

static int build_nodes(struct builder *b, json_t *map)
{
        struct mesh *mesh = &b->fabric->mesh;
        const char *key;
        json_t *value;

        mesh->nodes = build_array(b, json_object_size(map), sizeof(*mesh->nodes));
        if (b->failed)
                return fail_memory(b->document->c);
        json_object_foreach(map, key, value) {
                int r = build_node(b, key, value, &mesh->nodes[mesh->n_nodes++]);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* Tailscale takes '*' for an ordinary label; what people mean by it is the suffix, which it matches anyway. */
static char *plain_suffix(struct builder *b, const char *written)
{
        char *suffix = arena_strdup(&b->fabric->arena, strncmp(written, "*.", 2) == 0 ? written + 2 : written);
        size_t length;

        if (!suffix) {
                b->failed = true;
                return NULL;
        }
        length = strlen(suffix);
        if (length && suffix[length - 1] == '.')
                suffix[length - 1] = 0;
        for (char *p = suffix; *p; p++)
                *p = (char)tolower((unsigned char)*p);
        return suffix;
}

static int build_splits(struct builder *b, json_t *map)
{
        struct mesh *mesh = &b->fabric->mesh;
        const char *key;
        json_t *value;

        mesh->splits = build_array(b, json_object_size(map), sizeof(*mesh->splits));
        if (b->failed)
                return fail_memory(b->document->c);
        json_object_foreach(map, key, value) {
                struct split *split = &mesh->splits[mesh->n_splits];

                split->suffix = plain_suffix(b, key);
                split->wildcard = strncmp(key, "*.", 2) == 0;
                split->pointer = build_pointer(b, "/mesh/dns/split", key);
                split->host = names_find(&b->hosts, json_string_value(value));
                if (b->failed)
                        return fail_memory(b->document->c);
                for (size_t i = 0; i < mesh->n_splits; i++)
                        if (streq(mesh->splits[i].suffix, split->suffix))
                                return document_refuse(b->document, split->pointer, true, "means '%s', as %s does", split->suffix,
                                                       mesh->splits[i].pointer);
                mesh->n_splits++;
        }
        return 0;
}

/* Tailscale keeps the server's URL as it was given, and compares it so. */
static char *plain_url(char *url)
{
        size_t length = url ? strlen(url) : 0;

        if (length && url[length - 1] == '/')
                url[length - 1] = 0;
        return url;
}

int build_mesh(struct builder *b)
{
        json_t *value = json_object_get(b->document->root, "mesh");
        json_t *headscale = json_object_get(value, "headscale"), *policy = json_object_get(value, "policy"),
               *dns = json_object_get(value, "dns");
        struct mesh *mesh = &b->fabric->mesh;
        int r;

        if (!value)
                return 0;
        mesh->pointer = "/mesh";
        mesh->headscale = build_host(b, headscale, "host");
        mesh->url = plain_url(build_text(b, headscale, "url"));
        build_secret(b, headscale, "/mesh/headscale", "api_key", &mesh->api_key);
        mesh->prefix = build_prefix(b, value, "prefix");
        mesh->users = build_texts(b, json_object_get(value, "users"), &mesh->n_users);
        mesh->policy_file = build_text(b, policy, "file");
        mesh->policy_pointer = "/mesh/policy";
        mesh->dns_base = build_text(b, dns, "base");
        r = b->failed ? fail_memory(b->document->c) : build_splits(b, json_object_get(dns, "split"));
        return r < 0 ? r : build_nodes(b, json_object_get(value, "nodes"));
}
