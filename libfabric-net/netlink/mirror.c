/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink/mirror.h"

#include <errno.h>

#define KEY(bytes) _Alignas(8) uint8_t bytes[MIRROR_KEY] = {0}

struct mirror_entry {
        struct mirror_entry *next;
        uint64_t hash;
        uint32_t generation; /* of the last dump that had it */
        bool fresh;          /* a dump brought it, and nobody was told yet */
        struct nlmsghdr message[];
};

void mirror_init(struct mirror *mirror, const struct mirror_kind *kind, uint16_t family, mirror_callback changed, void *data)
{
        *mirror = (struct mirror){.kind = kind, .family = family, .changed = changed, .data = data, .dirty = true};
}

void mirror_free(struct mirror *mirror)
{
        for (size_t i = 0; i < mirror->size; i++)
                while (mirror->buckets[i]) {
                        struct mirror_entry *entry = mirror->buckets[i];

                        mirror->buckets[i] = entry->next;
                        memory_free(entry);
                }
        memory_free(mirror->buckets);
        mirror->buckets = NULL;
        mirror->size = mirror->count = 0;
}

/* FNV-1a, mixed at the end so that the low bits are good. */
static uint64_t hash_of(const uint8_t *key, size_t length)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (size_t i = 0; i < length; i++)
                hash = (hash ^ key[i]) * UINT64_C(0x100000001b3);
        return hash ^ hash >> 32;
}

static bool grow(struct mirror *mirror)
{
        size_t size = MAX(mirror->size * 2, (size_t)64);
        struct mirror_entry **buckets;

        if (mirror->count < mirror->size)
                return true;
        buckets = memory_alloc(size * sizeof(*buckets));
        if (!buckets)
                return false;
        for (size_t i = 0; i < mirror->size; i++)
                while (mirror->buckets[i]) {
                        struct mirror_entry *entry = mirror->buckets[i];

                        mirror->buckets[i] = entry->next;
                        entry->next = buckets[entry->hash & (size - 1)];
                        buckets[entry->hash & (size - 1)] = entry;
                }
        memory_free(mirror->buckets);
        mirror->buckets = buckets;
        mirror->size = size;
        return true;
}

/* A copy of a message without what comes and goes by itself. The copied attributes need no more room than the original. */
static struct mirror_entry *entry_new(const struct mirror_kind *kind, const struct nlmsghdr *message)
{
        struct mirror_entry *entry = memory_alloc(sizeof(*entry) + MNL_ALIGN(message->nlmsg_len));
        const struct nlattr *attribute = (const struct nlattr *)((const char *)mnl_nlmsg_get_payload(message) + MNL_ALIGN(kind->header));
        const char *end = mnl_nlmsg_get_payload_tail(message);
        struct nlmsghdr *copy;

        if (!entry)
                return NULL;
        copy = mnl_nlmsg_put_header(entry->message);
        copy->nlmsg_type = kind->added;
        memcpy(mnl_nlmsg_put_extra_header(copy, kind->header), mnl_nlmsg_get_payload(message), kind->header);
        for (; mnl_attr_ok(attribute, (int)(end - (const char *)attribute)); attribute = mnl_attr_next(attribute)) {
                uint16_t type = mnl_attr_get_type(attribute);

                if (type < 64 && kind->passing >> type & 1)
                        continue;
                memcpy(mnl_nlmsg_get_payload_tail(copy), attribute, attribute->nla_len);
                copy->nlmsg_len += (uint32_t)MNL_ALIGN(attribute->nla_len);
        }
        if (kind->clean)
                kind->clean(copy);
        return entry;
}

static bool same(const struct mirror_entry *a, const struct mirror_entry *b)
{
        return a->hash == b->hash && a->message->nlmsg_len == b->message->nlmsg_len &&
               memcmp(a->message, b->message, a->message->nlmsg_len) == 0;
}

static struct mirror_entry **bucket_of(const struct mirror *mirror, uint64_t hash)
{
        return &mirror->buckets[hash & (mirror->size - 1)];
}

/* The link to the identical entry, or NULL. */
static struct mirror_entry **find_same(const struct mirror *mirror, const struct mirror_entry *like)
{
        if (!mirror->size)
                return NULL;
        for (struct mirror_entry **at = bucket_of(mirror, like->hash); *at; at = &(*at)->next)
                if (same(*at, like))
                        return at;
        return NULL;
}

/* The link to the first entry of a key that suits, and how many have the key. */
static struct mirror_entry **find_key(const struct mirror *mirror, const uint8_t *key, size_t length, uint64_t hash,
                                      bool (*suits)(const struct mirror *, const struct mirror_entry *), size_t *ret_there)
{
        struct mirror_entry **found = NULL;

        *ret_there = 0;
        if (!mirror->size)
                return NULL;
        for (struct mirror_entry **at = bucket_of(mirror, hash); *at; at = &(*at)->next) {
                KEY(other);

                if ((*at)->hash != hash || mirror->kind->key((*at)->message, mirror, other) != length || memcmp(other, key, length) != 0)
                        continue;
                ++*ret_there;
                if (!found && (!suits || suits(mirror, *at)))
                        found = at;
        }
        return found;
}

static void insert(struct mirror *mirror, struct mirror_entry *entry)
{
        struct mirror_entry **bucket = bucket_of(mirror, entry->hash);

        entry->next = *bucket;
        *bucket = entry;
        mirror->count++;
}

static struct mirror_entry *take(struct mirror *mirror, struct mirror_entry **at)
{
        struct mirror_entry *entry = *at;

        *at = entry->next;
        mirror->count--;
        return entry;
}

static int tell(fbn_context *c, const struct mirror *mirror, const struct mirror_entry *before, const struct mirror_entry *after)
{
        return mirror->changed(c, mirror->kind, before ? before->message : NULL, after ? after->message : NULL, mirror->data);
}

static int apply_added(fbn_context *c, struct mirror *mirror, const struct nlmsghdr *message, const uint8_t *key, size_t length)
{
        _cleanup_free_ struct mirror_entry *entry = entry_new(mirror->kind, message);
        _cleanup_free_ struct mirror_entry *before = NULL;
        enum mirror_effect effect = MIRROR_REPLACES;
        struct mirror_entry **at;
        size_t there;

        if (!entry || !grow(mirror))
                return fail_memory(c);
        entry->hash = hash_of(key, length);
        entry->generation = mirror->generation;
        if (find_same(mirror, entry))
                return 0;
        at = find_key(mirror, key, length, entry->hash, NULL, &there);
        if (there && mirror->kind->effect)
                effect = mirror->kind->effect(message, there);
        if (there && effect == MIRROR_UNSURE) {
                mirror->dirty = true;
                return 0;
        }
        if (there && effect == MIRROR_REPLACES)
                before = take(mirror, at);
        insert(mirror, entry);
        return tell(c, mirror, before, TAKE_PTR(entry));
}

static int apply_removed(fbn_context *c, struct mirror *mirror, const struct nlmsghdr *message, const uint8_t *key, size_t length)
{
        _cleanup_free_ struct mirror_entry *like = entry_new(mirror->kind, message);
        struct mirror_entry **at, **same_key;
        size_t there;

        if (!like)
                return fail_memory(c);
        like->hash = hash_of(key, length);
        at = find_same(mirror, like);
        same_key = find_key(mirror, key, length, like->hash, NULL, &there);
        if (!at && !mirror->kind->effect)
                at = same_key;
        if (!at) {
                mirror->dirty = mirror->dirty || there > 0;
                return 0;
        }
        memory_free(like);
        like = take(mirror, at);
        return tell(c, mirror, like, NULL);
}

int mirror_apply(fbn_context *c, struct mirror *mirror, const struct nlmsghdr *message)
{
        KEY(key);
        size_t length;

        if ((message->nlmsg_type != mirror->kind->added && message->nlmsg_type != mirror->kind->removed) ||
            mnl_nlmsg_get_payload_len(message) < mirror->kind->header)
                return 0;
        length = mirror->kind->key(message, mirror, key);
        if (length == 0)
                return 0;
        return message->nlmsg_type == mirror->kind->added ? apply_added(c, mirror, message, key, length)
                                                          : apply_removed(c, mirror, message, key, length);
}

static int read_message(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        _cleanup_free_ struct mirror_entry *entry = NULL;
        struct mirror *mirror = data;
        struct mirror_entry **at;
        KEY(key);
        size_t length;

        if (message->nlmsg_type != mirror->kind->added || mnl_nlmsg_get_payload_len(message) < mirror->kind->header)
                return 0;
        length = mirror->kind->key(message, mirror, key);
        if (length == 0)
                return 0;
        entry = entry_new(mirror->kind, message);
        if (!entry || !grow(mirror))
                return fail_memory(c);
        entry->hash = hash_of(key, length);
        entry->generation = mirror->generation;
        at = find_same(mirror, entry);
        if (at) {
                (*at)->generation = mirror->generation;
                return 0;
        }
        entry->fresh = true;
        insert(mirror, TAKE_PTR(entry));
        return 0;
}

static bool is_fresh(const struct mirror *mirror, const struct mirror_entry *entry)
{
        (void)mirror;
        return entry->fresh;
}

/* Interrupted: what this dump brought may be gone again. */
static void restart(void *data)
{
        struct mirror *mirror = data;

        mirror->generation++;
        for (size_t i = 0; i < mirror->size; i++)
                for (struct mirror_entry **at = &mirror->buckets[i]; *at;) {
                        if ((*at)->fresh)
                                memory_free(take(mirror, at));
                        else
                                at = &(*at)->next;
                }
}

static int dump(fbn_context *c, struct mirror *mirror)
{
        _Alignas(8) char bytes[256] = {0};
        struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
        struct error_record before = c->error;
        struct netlink *netlink;
        int r = netlink_get(c, mirror->kind->bus, &netlink);

        if (r < 0)
                return r;
        mirror->kind->ask(request, mirror, netlink->strict);
        r = netlink_dump(c, netlink, request, read_message, restart, mirror);
        if (r == -FBN_ENOENT && c->error.os_errno == ENOENT) { /* a table that was never used does not exist: nothing is there */
                c->error = before;
                return 0;
        }
        return r;
}

static bool any_missing(const struct mirror *mirror)
{
        for (size_t i = 0; i < mirror->size; i++)
                for (const struct mirror_entry *entry = mirror->buckets[i]; entry; entry = entry->next)
                        if (entry->generation != mirror->generation)
                                return true;
        return false;
}

/* What the dump had not; with its successor, if the dump brought one for the key. */
static int tell_missing(fbn_context *c, struct mirror *mirror, struct mirror_entry **at)
{
        _cleanup_free_ struct mirror_entry *gone = take(mirror, at);
        struct mirror_entry **successor;
        KEY(key);
        size_t there, length = mirror->kind->key(gone->message, mirror, key);

        successor = find_key(mirror, key, length, gone->hash, is_fresh, &there);
        if (successor)
                (*successor)->fresh = false;
        return tell(c, mirror, gone, successor ? *successor : NULL);
}

static int tell_differences(fbn_context *c, struct mirror *mirror)
{
        int r = 0;

        for (size_t i = 0; i < mirror->size && r == 0; i++)
                for (struct mirror_entry **at = &mirror->buckets[i]; *at && r == 0;) {
                        if ((*at)->generation != mirror->generation)
                                r = tell_missing(c, mirror, at);
                        else
                                at = &(*at)->next;
                }
        for (size_t i = 0; i < mirror->size && r == 0; i++)
                for (struct mirror_entry *entry = mirror->buckets[i]; entry && r == 0; entry = entry->next) {
                        if (!entry->fresh)
                                continue;
                        entry->fresh = false;
                        r = tell(c, mirror, NULL, entry);
                }
        return r;
}

int mirror_read(fbn_context *c, struct mirror *mirror)
{
        int r;

        mirror->generation++;
        r = dump(c, mirror);
        if (r == 0 && mirror->kind->unsure && any_missing(mirror))
                r = dump(c, mirror);
        if (r < 0) {
                restart(mirror);
                return r;
        }
        mirror->dirty = false;
        return tell_differences(c, mirror);
}

const struct nlmsghdr *mirror_find(const struct mirror *mirror, const uint8_t *key, size_t length)
{
        size_t there;
        struct mirror_entry **found = find_key(mirror, key, length, hash_of(key, length), NULL, &there);

        return found ? (*found)->message : NULL;
}
