/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/router/difference.h"
#include "base/changes.h"
#include "edge/xml.h"

#include <ctype.h>
#include <stdio.h>

/* One kind at a time: what the text is now, and how it is to be edited. */
struct round {
        struct difference *d;
        const struct kind *kind;
        struct arena arena;
        struct config config;
        struct edits edits;
        struct element *parent; /* of the kind's list; NULL: not there yet */
        bool anew;              /* the whole list of ours is written again, at the top */
        struct text lines;      /* what is inserted, in order; secret */
};

static bool is_interface(const struct kind *kind)
{
        return streq(kind->name, "interface");
}

static bool is_item(const struct kind *kind, const struct element *element)
{
        if (is_interface(kind)) /* "wan", "lan", "opt1" */
                return true;
        return element_is(element, kind->item);
}

bool router_owns(const fbn_router *router, const struct config *config, const struct kind *kind, const struct element *element, struct text *name)
{
        const struct kind *tunnels = kind_find("tunnel");
        const struct element *list, *device;

        if (kind->mark)
                return element_is(element, kind->item) && element_text_begins(config, element_child(element, kind->mark), router->mark, name);
        list = config_find(config, tunnels->parent);
        device = element_child(element, "if");
        for (const struct element *tunnel = element_child(list, tunnels->item); device && tunnel; tunnel = element_again(tunnel)) {
                _cleanup_(text_free) struct text of = {0};

                if (!router_owns(router, config, tunnels, tunnel, NULL) || !element_child(tunnel, "name"))
                        continue;
                element_text(config, element_child(tunnel, "name"), &of);
                if (of.bytes && element_text_is(config, device, of.bytes)) {
                        if (name)
                                text_append(name, of.bytes, of.length);
                        return true;
                }
        }
        return false;
}

static struct element *find(const struct round *round, const char *wanted)
{
        for (struct element *element = round->parent ? round->parent->first : NULL; element; element = element->next) {
                _cleanup_(text_free) struct text name = {0};

                if (is_item(round->kind, element) && router_owns(round->d->router, &round->config, round->kind, element, &name) && name.bytes &&
                    streq(name.bytes, wanted))
                        return element;
        }
        return NULL;
}

static int tell(struct round *round, fbn_change_kind kind, const char *name, const char *field, const char *before, const char *after)
{
        char object[256];

        round->d->work |= round->kind->work;
        snprintf(object, sizeof(object), kind_is_page(round->kind) ? "%s" : "%s %s", round->kind->name, name);
        return changes_add(round->d->c, round->d->changes, kind, object, field, before, after);
}

/* For people: the texts at the leaves. */
static void summarize(const json_t *value, struct text *out)
{
        const char *key;
        json_t *member;
        size_t i;

        if (json_is_string(value))
                text_add(out, "%s%s", out->length ? " " : "", json_string_value(value));
        json_array_foreach((json_t *)(uintptr_t)value, i, member)
                summarize(member, out);
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
                summarize(member, out);
}

static void summarize_element(const struct config *config, const struct element *element, struct text *out)
{
        for (const struct element *child = element->first; child; child = child->next)
                summarize_element(config, child, out);
        if (element->first)
                return;
        if (out->length)
                text_append(out, " ", 1);
        element_text(config, element, out);
}

static int tell_member(struct round *round, const struct element *element, const char *name, const char *member, const json_t *value)
{
        _cleanup_(text_free) struct text before = {0}, after = {0};
        const struct element *child = element_child(element, member);
        bool had = child;

        for (; child; child = element_again(child))
                summarize_element(&round->config, child, &before);
        if (value)
                summarize(value, &after);
        if (before.failed || after.failed)
                return fail_memory(round->d->c);
        return tell(round, FBN_CHANGE_UPDATE, name, member, had ? before.bytes ? before.bytes : "" : NULL, value ? after.bytes ? after.bytes : "" : NULL);
}

static bool secret_is(const struct round *round, const struct element *element, const fbn_secret *secret)
{
        _cleanup_(text_wipe) struct text have = {.secret = true};

        if (!element)
                return false;
        element_text(&round->config, element, &have);
        return have.length == fbn_secret_length(secret) && memcmp(have.bytes, fbn_secret_bytes(secret), have.length) == 0;
}

/* The number of members that differ, told. */
static int compare(struct round *round, const struct element *element, const char *name, const json_t *content, const fbn_secret *secret)
{
        const struct kind *kind = round->kind;
        const char *key;
        json_t *value;
        int n = 0, r = 0;

        json_object_foreach((json_t *)(uintptr_t)content, key, value)
                if (r == 0 && !element_member_holds(&round->config, element, key, value)) {
                        n++;
                        r = tell_member(round, element, name, key, value);
                }
        for (const struct element *child = element->first; r == 0 && child; child = child->next) {
                char member[64];

                snprintf(member, sizeof(member), "%.*s", (int)child->name_length, child->name);
                if (json_object_get(content, member) || element_is_pfsenses_own(child) || (kind->secret && streq(kind->secret, member)) ||
                    (kind->mark && streq(kind->mark, member)) || element_child(element, member) != child)
                        continue;
                n++;
                r = tell_member(round, element, name, member, NULL);
        }
        if (r == 0 && secret && !secret_is(round, element_child(element, kind->secret), secret)) {
                n++;
                r = tell(round, FBN_CHANGE_UPDATE, name, kind->secret, element_child(element, kind->secret) ? "(another)" : NULL, "(declared)");
        }
        return r < 0 ? r : n;
}

static void copy_child(const struct round *round, const struct element *child, int depth, struct text *out)
{
        for (int i = 0; i < depth; i++)
                text_append(out, "\t", 1);
        text_append(out, round->config.bytes + child->start, child->end - child->start);
        text_append(out, "\n", 1);
}

/* The object's lines. What pfSense has added to the element before stays, and a secret that is not ours to say. */
static void write_lines(const struct round *round, const struct element *before, const char *item, const char *name, const json_t *content,
                        const fbn_secret *secret, int depth, struct text *out)
{
        const struct kind *kind = round->kind;
        _cleanup_(text_free) struct text mark = {0};
        const char *key;
        json_t *value;

        for (int i = 0; i < depth; i++)
                text_append(out, "\t", 1);
        text_add(out, "<%s>\n", item);
        json_object_foreach((json_t *)(uintptr_t)content, key, value)
                config_write(out, key, value, depth + 1);
        if (secret)
                config_write_text(out, kind->secret, fbn_secret_bytes(secret), fbn_secret_length(secret), depth + 1);
        else if (kind->secret && before && element_child(before, kind->secret))
                copy_child(round, element_child(before, kind->secret), depth + 1, out);
        text_add(&mark, "%s%s", round->d->router->mark, name);
        if (kind->mark)
                config_write_text(out, kind->mark, mark.bytes ? mark.bytes : "", mark.length, depth + 1);
        for (const struct element *child = before ? before->first : NULL; child; child = child->next)
                if (element_is_pfsenses_own(child))
                        copy_child(round, child, depth + 1, out);
        for (int i = 0; i < depth; i++)
                text_append(out, "\t", 1);
        text_add(out, "</%s>\n", item);
        out->failed |= mark.failed;
}

/* What others have, and we would have a second time. */
static int check_unique(struct round *round, const char *name, const json_t *content)
{
        const struct kind *kind = round->kind;
        const char *const *unique = is_interface(kind) ? (const char *const[]){"if", NULL} : kind->unique;

        for (const struct element *element = round->parent ? round->parent->first : NULL; element && unique[0]; element = element->next) {
                bool same = is_item(kind, element) && !router_owns(round->d->router, &round->config, kind, element, NULL);

                for (size_t i = 0; same && i < 2 && unique[i]; i++)
                        same = json_object_get(content, unique[i]) && element_member_holds(&round->config, element, unique[i], json_object_get(content, unique[i]));
                if (!same)
                        continue;
                if (kind->mark)
                        return fail(round->d->c, FBN_ECONFLICT, "%s '%s': the router has it, and it is not ours; to hand it over, make its description '%s%s'",
                                    kind->name, name, round->d->router->mark, name);
                return fail(round->d->c, FBN_ECONFLICT, "%s '%s': the router has assigned it already, and its tunnel is not ours", kind->name, name);
        }
        return 0;
}

/* "@igb0" is what the router calls its interface on that device. */
static int resolve(struct round *round, const char *name, const json_t *content, json_t **ret_content)
{
        const char *device = json_string_value(json_object_get(content, "interface"));
        const struct element *interfaces = config_find(&round->config, "interfaces");
        json_t *copy = json_copy((json_t *)(uintptr_t)content);
        char label[64];

        if (!copy)
                return fail_memory(round->d->c);
        for (const struct element *element = interfaces && device && device[0] == '@' ? interfaces->first : NULL; element; element = element->next)
                if (element_text_is(&round->config, element_child(element, "if"), device + 1)) {
                        snprintf(label, sizeof(label), "%.*s", (int)element->name_length, element->name);
                        json_object_set_new(copy, "interface", json_string(label));
                        break;
                }
        device = json_string_value(json_object_get(copy, "interface"));
        if (device && device[0] == '@') {
                int r = fail(round->d->c, FBN_ENOENT, "%s '%s': the router has no interface on the device '%s'; Interfaces > Assignments shows their names",
                             round->kind->name, name, device + 1);

                json_decref(copy);
                return r;
        }
        *ret_content = copy;
        return 0;
}

static void note(json_t *list, const char *text)
{
        for (size_t i = 0; i < json_array_size(list); i++)
                if (streq(json_string_value(json_array_get(list, i)), text))
                        return;
        json_array_append_new(list, json_string(text));
}

/* A route stays in the router's table unless somebody takes it away. */
static void note_route(struct round *round, const struct element *before, const json_t *after)
{
        _cleanup_(text_free) struct text network = {0};
        const struct element *child = before ? element_child(before, "network") : NULL;

        if (!streq(round->kind->name, "route"))
                return;
        if (child)
                element_text(&round->config, child, &network);
        if (network.bytes)
                note(round->d->forth.routes, network.bytes);
        if (json_string_value(json_object_get(after, "network")))
                note(round->d->back.routes, json_string_value(json_object_get(after, "network")));
}

static void item_name(const struct round *round, const struct element *element, char *buffer, size_t size)
{
        unsigned number = 1;

        if (element || !is_interface(round->kind)) {
                snprintf(buffer, size, "%.*s", element ? (int)element->name_length : (int)strlen(round->kind->item), element ? element->name : round->kind->item);
                return;
        }
        do
                snprintf(buffer, size, "opt%u", number++);
        while (round->parent && element_child(round->parent, buffer));
}

static int depth_of(const struct round *round)
{
        int depth = 2;

        for (const char *slash = round->kind->parent; (slash = strchr(slash, '/')); slash++)
                depth++;
        return depth;
}

static int check_new(struct round *round, const struct object *object, const char *name, const json_t *content)
{
        if (streq(round->kind->name, "tunnel") && !object->secret)
                return fail(round->d->c, FBN_ENOENT, "tunnel '%s': the router does not have it yet, and its private key is not here", name);
        return check_unique(round, name, content);
}

static int want_object(struct round *round, const struct object *object, const char *name)
{
        _cleanup_(text_wipe) struct text lines = {.secret = true};
        struct element *element = find(round, name);
        json_t *content = NULL;
        char item[64];
        int n = 0, r;

        r = resolve(round, name, object->content, &content);
        if (r < 0)
                return r;
        item_name(round, element, item, sizeof(item));
        if (element)
                r = n = compare(round, element, name, content, object->secret);
        else
                r = check_new(round, object, name, content);
        if (r == 0 && !element)
                r = tell(round, FBN_CHANGE_CREATE, name, NULL, NULL, NULL);
        if (r >= 0 && (!element || n > 0 || round->anew)) {
                write_lines(round, element, item, name, content, object->secret, depth_of(round), round->anew || !element ? &round->lines : &lines);
                if (is_interface(round->kind))
                        note(round->d->forth.interfaces, item);
                if (is_interface(round->kind))
                        note(element ? round->d->back.interfaces : round->d->back.gone, item);
                note_route(round, element, content);
                if (element && !round->anew)
                        edits_replace(&round->edits, element, &lines);
        }
        json_decref(content);
        return r < 0 ? r : 0;
}

static bool is_wanted(const struct round *round, const char *name)
{
        const fbn_router *router = round->d->router;

        for (size_t i = 0; i < router->count; i++)
                if (router->objects[i].kind == round->kind && streq(router->items[i].name, name))
                        return true;
        return false;
}

static int drop_element(struct round *round, struct element *element)
{
        _cleanup_(text_free) struct text name = {0};
        char item[64];
        bool wanted;
        int r = 0;

        if (!is_item(round->kind, element) || !router_owns(round->d->router, &round->config, round->kind, element, &name))
                return 0;
        wanted = name.bytes && is_wanted(round, name.bytes) && find(round, name.bytes) == element;
        if (wanted && !round->anew)
                return 0;
        edits_delete(&round->edits, &round->config, element);
        if (wanted)
                return 0;
        note_route(round, element, NULL);
        item_name(round, element, item, sizeof(item));
        if (is_interface(round->kind))
                note(round->d->forth.gone, item);
        if (is_interface(round->kind))
                note(round->d->back.interfaces, item);
        r = tell(round, FBN_CHANGE_DELETE, name.bytes ? name.bytes : "", NULL, NULL, NULL);
        return r;
}

/* Where the order decides, ours are the first of all and in the order that is wanted; else all of ours are written anew. */
static bool in_order(const struct round *round)
{
        const fbn_router *router = round->d->router;
        const struct element *element = element_child(round->parent, round->kind->item);

        for (size_t i = 0; i < router->count; i++) {
                if (router->objects[i].kind != round->kind)
                        continue;
                if (!element || find(round, router->items[i].name) != element)
                        return false;
                element = element_again(element);
        }
        return true;
}

static int make_list(struct round *round)
{
        const fbn_router *router = round->d->router;
        size_t before = fbn_changes_count(round->d->changes);
        int r = 0;

        round->anew = round->kind->first && !in_order(round);
        for (size_t i = 0; r == 0 && i < router->count; i++)
                if (router->objects[i].kind == round->kind)
                        r = want_object(round, &router->objects[i], router->items[i].name);
        for (struct element *element = r == 0 && round->parent ? round->parent->first : NULL; r == 0 && element; element = element->next)
                r = drop_element(round, element);
        if (r == 0 && round->anew && fbn_changes_count(round->d->changes) == before)
                r = tell(round, FBN_CHANGE_UPDATE, "all of ours", "order", "behind others", "first");
        if (r == 0 && round->lines.length > 0)
                edits_insert(&round->edits, &round->config, round->kind->parent, round->kind->item, round->kind->first, &round->lines);
        return r;
}

static int replace_member(struct round *round, const struct element *element, const char *name, const struct text *lines)
{
        const struct element *child = element_child(element, name);

        for (const struct element *more = child ? element_again(child) : NULL; more; more = element_again(more))
                edits_delete(&round->edits, &round->config, more);
        if (child && lines->length)
                edits_replace(&round->edits, child, lines);
        else if (child)
                edits_delete(&round->edits, &round->config, child);
        else
                text_append(&round->lines, lines->bytes ? lines->bytes : "", lines->length);
        return lines->failed ? fail_memory(round->d->c) : 0;
}

static int want_page(struct round *round, const struct element *page, const struct object *object, const char *path)
{
        bool changed = false;
        const char *key;
        json_t *value;
        int r = 0;

        json_object_foreach(object->content, key, value) {
                _cleanup_(text_wipe) struct text lines = {.secret = true};

                if (r < 0 || (page && element_member_holds(&round->config, page, key, value)))
                        continue;
                changed = true;
                r = page ? tell_member(round, page, "", key, value) : 0;
                config_write(&lines, key, value, depth_of(round) + 1);
                if (r == 0)
                        r = replace_member(round, page, key, &lines);
        }
        if (r == 0 && changed && object->secret) {
                _cleanup_(text_wipe) struct text lines = {.secret = true};

                config_write_text(&lines, round->kind->secret, fbn_secret_bytes(object->secret), fbn_secret_length(object->secret), depth_of(round) + 1);
                r = replace_member(round, page, round->kind->secret, &lines);
        }
        if (r == 0 && !page)
                r = tell(round, FBN_CHANGE_CREATE, "", NULL, NULL, NULL);
        if (r == 0 && round->lines.length > 0)
                edits_insert(&round->edits, &round->config, path, "", false, &round->lines);
        return r;
}

/* Rules of ours hold in pfSense's modes hybrid and advanced. Source: firewall_nat_out.php. */
static int make_page(struct round *round)
{
        const fbn_router *router = round->d->router;
        const struct element *page;
        char path[128];
        int r = 0;

        snprintf(path, sizeof(path), "%s/%s", round->kind->parent, round->kind->item);
        page = config_find(&round->config, path);
        if (page && streq(round->kind->name, "outbound")) {
                if (element_text_is(&round->config, element_child(page, "mode"), "advanced"))
                        return 0;
                if (element_text_is(&round->config, element_child(page, "mode"), "disabled"))
                        return fail(round->d->c, FBN_ECONFLICT, "outbound: translation is disabled by hand; Firewall > NAT > Outbound enables it");
        }
        for (size_t i = 0; r == 0 && i < router->count; i++)
                if (router->objects[i].kind == round->kind)
                        r = want_page(round, page, &router->objects[i], path);
        return r;
}

static bool wants_kind(const fbn_router *router, const struct kind *kind)
{
        for (size_t i = 0; i < router->count; i++)
                if (router->objects[i].kind == kind)
                        return true;
        return false;
}

/* Of a package that is not installed nothing would read what we wrote. */
static int check_package(struct round *round)
{
        char path[128];
        size_t length;

        if (strncmp(round->kind->parent, "installedpackages/", 18) != 0 || !wants_kind(round->d->router, round->kind))
                return 0;
        length = 18 + strcspn(round->kind->parent + 18, "/");
        snprintf(path, sizeof(path), "%.*s", (int)length, round->kind->parent);
        if (config_find(&round->config, path))
                return 0;
        return fail(round->d->c, FBN_ENOENT, "%s: the package '%s' has never been set up on the router; System > Package Manager installs it, then save its page once",
                    round->kind->name, path + 18);
}

static int advance(struct round *round)
{
        struct text next = {.secret = true};

        if (round->edits.count == 0 && !round->edits.failed)
                return 0;
        if (!edits_apply(&round->edits, round->config.bytes, round->config.length, &next)) {
                text_wipe(&next);
                return fail_memory(round->d->c);
        }
        text_wipe(&round->d->text);
        round->d->text = next;
        return 0;
}

static int make_kind(struct difference *d, const struct kind *kind)
{
        struct round round = {.d = d, .kind = kind, .lines = {.secret = true}};
        int r = config_parse(d->c, &round.arena, d->text.bytes, d->text.length, &round.config);

        if (r == 0)
                r = check_package(&round);
        if (r == 0) {
                round.parent = config_find(&round.config, kind->parent);
                r = kind_is_page(kind) ? make_page(&round) : make_list(&round);
        }
        if (r == 0 && round.lines.failed)
                r = fail_memory(d->c);
        if (r == 0)
                r = advance(&round);
        text_wipe(&round.lines);
        edits_free(&round.edits);
        arena_free(&round.arena);
        return r;
}

/* An assignment is known as ours by its tunnel. */
static int check_interfaces(fbn_context *c, const fbn_router *router)
{
        for (size_t i = 0; i < router->count; i++) {
                bool found = !router->objects[i].kind || !is_interface(router->objects[i].kind);

                for (size_t j = 0; !found && j < router->count; j++)
                        found = streq(router->items[j].kind, "tunnel") &&
                                json_string_value(json_object_get(router->objects[j].content, "name")) &&
                                streq(json_string_value(json_object_get(router->objects[j].content, "name")), router->items[i].name);
                if (!found)
                        return fail(c, FBN_EINVAL, "interface '%s': no tunnel of ours has this name", router->items[i].name);
        }
        return 0;
}

static bool ways_new(struct ways *ways)
{
        *ways = (struct ways){json_array(), json_array(), json_array()};
        return ways->interfaces && ways->gone && ways->routes;
}

static void ways_free(struct ways *ways)
{
        json_decref(ways->interfaces);
        json_decref(ways->gone);
        json_decref(ways->routes);
}

int router_difference(fbn_context *c, const fbn_router *router, const char *bytes, size_t length, struct difference *ret)
{
        int r = xml_check(c, bytes, length);

        *ret = (struct difference){.c = c, .router = router, .text = {.secret = true}, .changes = changes_new()};
        text_append(&ret->text, bytes, length);
        if (!ways_new(&ret->forth) || !ways_new(&ret->back) || ret->text.failed || !ret->changes)
                return fail_memory(c);
        if (r == 0)
                r = check_interfaces(c, router);
        for (size_t i = 0; r == 0 && i < n_router_kinds; i++)
                r = make_kind(ret, &router_kinds[i]);
        if (r == 0 && ret->text.bytes[ret->text.length - 1] != '\n')
                text_append(&ret->text, "\n", 1);
        return r;
}

void router_difference_free(struct difference *difference)
{
        text_wipe(&difference->text);
        fbn_changes_unref(difference->changes);
        ways_free(&difference->forth);
        ways_free(&difference->back);
}
