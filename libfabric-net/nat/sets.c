/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include "base/changes.h"

#include <stdio.h>

static const fbn_nat_set *find_record(const fbn_nat *nat, const char *name)
{
        for (size_t i = 0; i < nat->n_sets; i++)
                if (streq(nat->sets[i].name, name))
                        return &nat->sets[i];
        return NULL;
}

size_t fbn_nat_set_count(const fbn_nat *nat)
{
        return nat ? nat->n_sets : 0;
}

const fbn_nat_set *fbn_nat_set_at(const fbn_nat *nat, size_t index)
{
        return index < fbn_nat_set_count(nat) ? &nat->sets[index] : NULL;
}

int sets_append(fbn_context *c, fbn_nat *nat, const fbn_nat_set *set)
{
        fbn_nat_set copy = *set;

        if (!ARRAY_RESERVE(nat->sets, nat->n_sets, nat->sets_capacity))
                return fail_memory(c);
        copy.size = sizeof(copy);
        copy.name = arena_strdup(&nat->arena, set->name);
        copy.key = arena_strdup(&nat->arena, set->key);
        copy.data = set->data ? arena_strdup(&nat->arena, set->data) : NULL;
        if (!copy.name || !copy.key || (set->data && !copy.data))
                return fail_memory(c);
        nat->sets[nat->n_sets++] = copy;
        return 0;
}

int fbn_nat_set_add(fbn_context *c, fbn_nat *nat, const fbn_nat_set *set)
{
        struct set_shape shape;
        fbn_nat_set mine;
        int r;

        r = OPTIONS_READ(c, fbn_nat_set, set, &mine);
        if (r == 0)
                r = set_validate(c, &mine, &shape);
        if (r == 0 && find_record(nat, mine.name))
                r = fail(c, FBN_EEXIST, "there is a set of this name already; names must be unique");
        mine.timeouts = shape_has_timeouts(&shape);
        if (r == 0)
                r = sets_append(c, nat, &mine);
        return fail_in(c, r, "nat set '%.31s'", mine.name ? mine.name : "");
}

static int append(fbn_context *c, struct kernel_sets *sets, const char *name, const struct set_shape *shape)
{
        if (!name || !ARRAY_RESERVE(sets->items, sets->count, sets->capacity))
                return fail_memory(c);
        sets->items[sets->count++] = (struct kernel_set){.name = name, .shape = *shape};
        return 0;
}

int sets_expand(fbn_context *c, const fbn_nat *want, struct ruleset *ruleset)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < want->n_sets; i++) {
                struct set_shape shape;

                r = set_validate(c, &want->sets[i], &shape);
                if (r == 0)
                        r = append(c, &ruleset->sets, want->sets[i].name, &shape);
        }
        return r;
}

static int read_message(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        struct ruleset *ruleset = data;
        struct set_shape shape;
        const char *name;

        if (!set_decode(message, &name, &shape))
                return 0;
        return append(c, &ruleset->sets, arena_strdup(&ruleset->arena, name), &shape);
}

static void restart(void *data)
{
        ((struct ruleset *)data)->sets.count = 0;
}

/* The sets themselves, not their elements. */
int sets_read(fbn_context *c, struct netlink *netlink, struct ruleset *ruleset)
{
        char buffer[NETLINK_MESSAGE];
        struct nlmsghdr *request = message_new(buffer, NFT_MSG_GETSET);

        mnl_attr_put_strz(request, NFTA_SET_TABLE, FBN_NAT_TABLE);
        return netlink_dump(c, netlink, request, read_message, restart, ruleset);
}

static struct kernel_set *find(const struct kernel_sets *sets, const char *name)
{
        return (struct kernel_set *)sets_find(sets, name);
}

static bool layout_equal(const struct layout *a, const struct layout *b)
{
        return a->count == b->count && a->verdict == b->verdict && memcmp(a->fields, b->fields, a->count) == 0;
}

static bool shape_equal(const struct set_shape *a, const struct set_shape *b)
{
        return layout_equal(&a->key, &b->key) && layout_equal(&a->data, &b->data) && a->flags == b->flags && a->limit == b->limit &&
               a->timeout_ms == b->timeout_ms && a->counters == b->counters && a->marked == b->marked;
}

void sets_compare(struct ruleset *want, struct ruleset *have)
{
        for (size_t i = 0; i < want->sets.count; i++) {
                struct kernel_set *set = &want->sets.items[i], *stands = find(&have->sets, set->name);

                if (!stands || have->owned)
                        continue;
                set->kept = stands->kept = shape_equal(&set->shape, &stands->shape);
                have->reshaped |= !set->kept;
        }
}

static int add_change(fbn_context *c, fbn_changes *changes, fbn_change_kind kind, const char *name, const struct set_shape *before,
                      const struct set_shape *after)
{
        _cleanup_(text_free) struct text from = {0}, to = {0};
        char object[64];

        snprintf(object, sizeof(object), "nat set '%.31s'", name);
        if (before)
                set_describe(before, &from);
        if (after)
                set_describe(after, &to);
        if (before && !before->marked)
                text_add(&from, ", made by hand");
        if (from.failed || to.failed)
                return fail_memory(c);
        return changes_add(c, changes, kind, object, kind == FBN_CHANGE_UPDATE ? "set" : NULL, from.bytes, to.bytes);
}

int sets_changes(fbn_context *c, const struct ruleset *want, const struct ruleset *have, fbn_changes *changes)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < want->sets.count; i++) {
                const struct kernel_set *set = &want->sets.items[i], *stands = find(&have->sets, set->name);

                if (!stands)
                        r = add_change(c, changes, FBN_CHANGE_CREATE, set->name, NULL, &set->shape);
                else if (!set->kept)
                        r = add_change(c, changes, FBN_CHANGE_UPDATE, set->name, &stands->shape, &set->shape);
        }
        for (size_t i = 0; r == 0 && i < have->sets.count; i++) {
                const struct kernel_set *set = &have->sets.items[i];

                if (set->shape.marked && !find(&want->sets, set->name))
                        r = add_change(c, changes, FBN_CHANGE_DELETE, set->name, &set->shape, NULL);
        }
        return r;
}

int sets_collect(fbn_context *c, const struct ruleset *ruleset, fbn_nat *nat)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < ruleset->sets.count; i++) {
                const struct set_shape *shape = &ruleset->sets.items[i].shape;
                char key[LAYOUT_TEXT], data[LAYOUT_TEXT];
                fbn_nat_set set = {.name = ruleset->sets.items[i].name,
                                   .key = key,
                                   .data = shape->flags & NFT_SET_MAP ? data : NULL,
                                   .intervals = shape->flags & NFT_SET_INTERVAL,
                                   .timeouts = shape_has_timeouts(shape),
                                   .timeout_ms = shape->timeout_ms,
                                   .limit = shape->limit,
                                   .counters = shape->counters};

                layout_format(&shape->key, key);
                layout_format(&shape->data, data);
                if (shape->marked)
                        r = sets_append(c, nat, &set);
        }
        return r;
}

void sets_put_new(struct netlink_batch *batch, const struct ruleset *want, const struct ruleset *have)
{
        for (size_t i = 0; i < want->sets.count; i++) {
                const struct kernel_set *set = &want->sets.items[i];

                if (set->kept)
                        continue;
                if (find(&have->sets, set->name))
                        set_put(batch, NFT_MSG_DELSET, set->name, NULL, 0);
                set_put(batch, NFT_MSG_NEWSET, set->name, &set->shape, (uint32_t)i + 1);
        }
}

void sets_put_gone(struct netlink_batch *batch, const struct ruleset *want, const struct ruleset *have)
{
        for (size_t i = 0; i < have->sets.count; i++)
                if (have->sets.items[i].shape.marked && !find(&want->sets, have->sets.items[i].name))
                        set_put(batch, NFT_MSG_DELSET, have->sets.items[i].name, NULL, 0);
}
