/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/router/objects.h"
#include "edge/router/config.h"

#include <ctype.h>
#include <stdio.h>

#define NAME_LENGTH 120
#define SECONDS 60

/* Source: pfSense's web pages (…_edit.php) and its packages WireGuard and Tailscale, which write these. In the order in which one needs another. */
const struct kind router_kinds[] = {
        {"interface", "interfaces", "opt", .work = WORK_INTERFACES},
        {"wireguard", "installedpackages/wireguard", "config", .work = WORK_WIREGUARD},
        {"tunnel", "installedpackages/wireguard/tunnels", "item", "descr", "privatekey", {"name"}, .work = WORK_WIREGUARD},
        {"peer", "installedpackages/wireguard/peers", "item", "descr", "presharedkey", {"publickey", "tun"}, .work = WORK_WIREGUARD},
        {"gateway", "gateways", "gateway_item", "descr", NULL, {"name"}, .work = WORK_ROUTING},
        {"route", "staticroutes", "route", "descr", NULL, {"network"}, .work = WORK_ROUTING},
        {"outbound", "nat", "outbound", .work = WORK_FILTER},
        {"nat", "nat/outbound", "rule", "descr", .first = true, .work = WORK_FILTER},
        {"rule", "filter", "rule", "descr", .first = true, .work = WORK_FILTER},
        {"domain", "unbound", "domainoverrides", "descr", NULL, {"domain"}, .work = WORK_DNS},
        {"host", "unbound", "hosts", "descr", NULL, {"host", "domain"}, .work = WORK_DNS},
        {"acl", "unbound", "acls", "description", NULL, {"aclname"}, .work = WORK_DNS},
        {"tailscale", "installedpackages/tailscale", "config", .work = WORK_TAILSCALE},
        {"login", "installedpackages/tailscaleauth", "config", NULL, "preauthkey", .work = WORK_LOGIN},
};
const size_t n_router_kinds = ARRAY_SIZE(router_kinds);

const struct kind *kind_find(const char *name)
{
        for (size_t i = 0; i < n_router_kinds; i++)
                if (streq(router_kinds[i].name, name))
                        return &router_kinds[i];
        return NULL;
}

static bool is_label(const char *text)
{
        size_t length = text ? strnlen(text, 64) : 0;

        for (size_t i = 0; i < length; i++)
                if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) && text[i] != '-')
                        return false;
        return length > 0 && length < 64;
}

static int take_access(fbn_context *c, fbn_router *router, const fbn_router_access *given)
{
        fbn_router_access access;
        int r = OPTIONS_READ(c, fbn_router_access, given, &access);

        if (r < 0)
                return r;
        if (access.system && !streq(access.system, "pfsense") && !streq(access.system, "linux"))
                return fail(c, FBN_EINVAL, "system '%s': \"pfsense\" or \"linux\"", access.system);
        router->linux_host = access.system && streq(access.system, "linux");
        router->timeout = access.timeout_s ? (int)access.timeout_s : SECONDS;
        router->peer = (struct ssh_peer){access.host, access.port, access.user, access.private_key, access.host_key};
        r = ssh_peer_check(c, &router->peer);
        if (r < 0)
                return r;
        router->peer.host = arena_strdup(&router->arena, access.host);
        router->peer.user = access.user ? arena_strdup(&router->arena, access.user) : "root";
        router->peer.private_key = arena_strdup(&router->arena, access.private_key);
        router->peer.host_key = arena_strdup(&router->arena, access.host_key);
        if (!router->peer.host || !router->peer.user || !router->peer.private_key || !router->peer.host_key)
                return fail_memory(c);
        router->reachable = true;
        return 0;
}

int fbn_router_new(fbn_context *c, const char *fabric, const fbn_router_access *access, fbn_router **ret_router)
{
        FBN_CLEANUP(fbn_router) router = NULL;
        int r = 0;

        if (!is_label(fabric))
                return fail(c, FBN_EINVAL, "the fabric's name is 1 to 63 lower-case letters, digits and '-'");
        router = memory_alloc(sizeof(*router));
        if (!router)
                return fail_memory(c);
        router->references = 1;
        router->fabric = arena_strdup(&router->arena, fabric);
        router->mark = arena_printf(&router->arena, "fabricnet:%s ", fabric);
        if (!router->fabric || !router->mark)
                return fail_memory(c);
        if (access)
                r = take_access(c, router, access);
        if (r < 0)
                return r;
        *ret_router = TAKE_PTR(router);
        return 0;
}

fbn_router *fbn_router_ref(fbn_router *router)
{
        router->references++;
        return router;
}

fbn_router *fbn_router_unref(fbn_router *router)
{
        if (!router || --router->references > 0)
                return NULL;
        for (size_t i = 0; i < router->count; i++) {
                json_decref(router->objects[i].content);
                fbn_secret_unref(router->objects[i].secret);
        }
        memory_free(router->objects);
        memory_free(router->items);
        arena_free(&router->arena);
        memory_free(router);
        return NULL;
}

size_t fbn_router_count(const fbn_router *router)
{
        return router ? router->count : 0;
}

const fbn_router_object *fbn_router_at(const fbn_router *router, size_t index)
{
        return router && index < router->count ? &router->items[index] : NULL;
}

/* Element names and texts, and what is in them: nothing else can stand in config.xml. */
static bool is_content(const json_t *value, bool in_list)
{
        const char *key;
        json_t *member;
        size_t i;

        if (json_is_array(value)) {
                json_array_foreach((json_t *)(uintptr_t)value, i, member)
                        if (in_list || !is_content(member, true))
                                return false;
                return true;
        }
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
                if (!isalpha((unsigned char)*key) || key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] ||
                    !is_content(member, false))
                        return false;
        for (const char *text = json_string_value(value); text && *text; text++)
                if ((unsigned char)*text < ' ' || *text == 127)
                        return false;
        return json_is_object(value) || json_is_string(value);
}

static int take_content(fbn_context *c, const fbn_router_object *given, json_t **ret_content)
{
        json_error_t error;
        json_t *content = given->content ? json_loads(given->content, JSON_REJECT_DUPLICATES, &error) : json_object();
        const struct kind *kind = kind_find(given->kind);

        if (!content)
                return fail(c, given->content ? FBN_EINVAL : FBN_ENOMEM, "its content is no JSON: %s", given->content ? error.text : "out of memory");
        if (!json_is_object(content) || (kind && !is_content(content, false))) {
                json_decref(content);
                return fail(c, FBN_EINVAL, "its content is an object with texts, objects and lists of these");
        }
        if (kind && streq(kind->name, "interface"))
                json_object_set_new(content, "if", json_string(given->name));
        *ret_content = content;
        return 0;
}

static int check(fbn_context *c, const fbn_router *router, const fbn_router_object *object)
{
        const struct kind *kind = object->kind && !router->linux_host ? kind_find(object->kind) : NULL;
        bool of_linux = object->kind && (streq(object->kind, "fabric") || streq(object->kind, "file"));

        if (router->linux_host ? !of_linux : !kind)
                return fail(c, FBN_EINVAL, "kind '%.32s': %s", object->kind ? object->kind : "",
                            router->linux_host ? "a Linux host takes \"fabric\" and \"file\"" : "there is none of that name in pfSense");
        if (!object->name || !ssh_is_plain(object->name, " /+@:=") || strlen(object->name) > NAME_LENGTH || strstr(object->name, ".."))
                return fail(c, FBN_EINVAL, "%s '%.120s': a name is 1 to %d letters, digits, and \"-._ /+@:=\"", object->kind, object->name ? object->name : "",
                            NAME_LENGTH);
        if (object->secret && (kind ? !kind->secret : !streq(object->kind, "file")))
                return fail(c, FBN_EINVAL, "%s '%s': it has no secret", object->kind, object->name);
        for (size_t i = 0; i < router->count; i++)
                if (streq(router->items[i].kind, object->kind) && streq(router->items[i].name, object->name))
                        return fail(c, FBN_EEXIST, "%s '%s': there is one already", object->kind, object->name);
        return 0;
}

int fbn_router_add(fbn_context *c, fbn_router *router, const fbn_router_object *given)
{
        struct object object = {0};
        fbn_router_object item;
        int r = OPTIONS_READ(c, fbn_router_object, given, &item);

        if (r == 0)
                r = check(c, router, &item);
        if (r < 0)
                return r;
        if (!ARRAY_RESERVE(router->items, router->count, router->capacity) || !ARRAY_RESERVE(router->objects, router->count, router->objects_capacity))
                return fail_memory(c);
        r = fail_in(c, take_content(c, &item, &object.content), "%s '%s'", item.kind, item.name);
        if (r < 0)
                return r;
        object.kind = router->linux_host ? NULL : kind_find(item.kind);
        item.kind = arena_strdup(&router->arena, item.kind);
        item.name = arena_strdup(&router->arena, item.name);
        item.content = item.content ? arena_strdup(&router->arena, item.content) : "{}";
        if (!item.kind || !item.name || !item.content) {
                json_decref(object.content);
                return fail_memory(c);
        }
        object.secret = item.secret ? fbn_secret_ref((fbn_secret *)(uintptr_t)item.secret) : NULL;
        router->items[router->count] = item;
        router->objects[router->count++] = object;
        return 0;
}

const fbn_router_object *router_fabric(const fbn_router *router)
{
        for (size_t i = 0; i < router->count; i++)
                if (streq(router->items[i].kind, "fabric"))
                        return &router->items[i];
        return NULL;
}

static void render_object(const fbn_router *router, size_t i, struct text *out)
{
        const struct object *object = &router->objects[i];
        const char *name = router->items[i].name, *key;
        char descr[256];
        json_t *value;

        text_add(out, "<!-- %s -->\n<%s>\n", object->kind->name, object->kind->item);
        json_object_foreach(object->content, key, value)
                config_write(out, key, value, 1);
        if (object->secret)
                text_add(out, "\t<%s>(secret)</%s>\n", object->kind->secret, object->kind->secret);
        if (object->kind->mark) {
                snprintf(descr, sizeof(descr), "%s%s", router->mark, name);
                config_write_text(out, object->kind->mark, descr, strlen(descr), 1);
        }
        text_add(out, "</%s>\n", object->kind->item);
}

int fbn_router_render(fbn_context *c, const fbn_router *router, char **ret_text)
{
        const fbn_router_object *fabric = router_fabric(router);
        struct text out = {0};

        if (fabric)
                text_add(&out, "%s\n", fabric->content);
        for (size_t i = 0; i < router->count && !router->linux_host; i++)
                render_object(router, i, &out);
        text_add(&out, "%s", "");
        if (out.failed) {
                text_free(&out);
                return fail_memory(c);
        }
        *ret_text = out.bytes;
        return 0;
}
