/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/store.h"

#include "base/address.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_ENTRIES 1024
#define STALE_START 4096 /* entries of history before it is worth anything */

enum { ENTRY_BOOT = 'B', ENTRY_REASON = 'R', ENTRY_PUT = '+', ENTRY_FORGET = '-' };
enum { ENTRY_HAS_ID = 1, ENTRY_IPV6 = 2, ENTRY_GONE = 4 };

/* In the byte order of this machine: its state goes nowhere else. */
struct entry {
        uint8_t check[4]; /* of the rest: SipHash without a secret, cut */
        uint8_t kind;
        uint8_t flags;
        uint8_t length;
        uint8_t cdn;
        uint16_t reason;
        uint16_t spare;
        union {
                struct {
                        uint8_t address[16];
                        uint8_t id[CDN_ID_BYTES];
                        uint32_t since;      /* seconds since 1970 */
                        uint32_t until_wall; /* the same; both 0: for good */
                        uint32_t until_boot; /* seconds since boot, of the boot before it in the file */
                        uint32_t left;       /* seconds, when it was written */
                };
                char text[48];
        };
};
_Static_assert(sizeof(struct entry) == 60, "entries have one size");

struct clock clock_now(void)
{
        struct timespec boot, wall;

        clock_gettime(CLOCK_BOOTTIME, &boot);
        clock_gettime(CLOCK_REALTIME, &wall);
        return (struct clock){.boot = (uint32_t)boot.tv_sec, .wall = (uint32_t)wall.tv_sec};
}

static void check_of(const struct entry *entry, uint8_t check[4])
{
        static const uint8_t key[crypto_shorthash_KEYBYTES] = "fabricnet ban 1";
        uint8_t hash[crypto_shorthash_BYTES];

        crypto_shorthash(hash, (const uint8_t *)entry + sizeof(entry->check), sizeof(*entry) - sizeof(entry->check), key);
        memcpy(check, hash, 4);
}

static bool is_whole(const struct entry *entry)
{
        uint8_t check[4];

        check_of(entry, check);
        return memcmp(check, entry->check, sizeof(check)) == 0;
}

static void boot_id(char text[48])
{
        int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, text, 36);

        memset(text + (n > 0 ? n : 0), 0, 48 - (size_t)(n > 0 ? n : 0));
        if (fd >= 0)
                close(fd);
}

static int flush(struct store *store)
{
        const size_t length = store->buffered * sizeof(struct entry);
        const uint8_t *bytes = store->buffer;
        struct stat status;
        int r = 0;

        if (store->buffered == 0 || store->broken)
                goto done;
        r = fd_write_all(store->fd, bytes, length);
        if (r == 0)
                store->entries += store->buffered;
        else if (fstat(store->fd, &status) < 0 || /* no half entry may stay: all later ones would be out of step */
                 ftruncate(store->fd, status.st_size / (off_t)sizeof(struct entry) * (off_t)sizeof(struct entry)) < 0)
                store->damaged++;
        store->broken = r < 0;
        store->os_errno = -r;
done:
        store->buffered = 0;
        return r;
}

static void append(struct store *store, struct entry *entry)
{
        if (store->buffered == BUFFER_ENTRIES)
                flush(store);
        check_of(entry, entry->check);
        memcpy(store->buffer + store->buffered * sizeof(*entry), entry, sizeof(*entry));
        store->buffered++;
        store->unsynced = true;
}

static void put_boot(struct store *store)
{
        struct entry entry = {.kind = ENTRY_BOOT};

        boot_id(entry.text);
        append(store, &entry);
}

static void put_reasons(struct store *store, const struct ban_table *table)
{
        while (store->reasons < table->n_reasons) {
                struct entry entry = {.kind = ENTRY_REASON, .reason = ++store->reasons};

                memcpy(entry.text, ban_table_reason_text(table, store->reasons), REASON_LENGTH + 1);
                append(store, &entry);
        }
}

static struct entry entry_of(const struct ban_table *table, const struct ban *ban)
{
        struct entry entry = {.length = ban->length, .cdn = ban->cdn, .reason = ban->reason, .since = ban->since};
        fbn_prefix prefix = ban_prefix(table, ban);

        entry.flags = (uint8_t)((ban->flags & BAN_IPV6 ? ENTRY_IPV6 : 0) | (ban->flags & BAN_GONE ? ENTRY_GONE : 0));
        memcpy(entry.address, prefix.address.bytes, sizeof(entry.address));
        return entry;
}

void store_put(struct store *store, const struct ban_table *table, const struct ban *ban)
{
        struct entry entry = entry_of(table, ban);
        struct clock now = clock_now();
        const uint8_t *id = ban_table_id(table, ban);

        put_reasons(store, table);
        entry.kind = ENTRY_PUT;
        if (id) {
                entry.flags |= ENTRY_HAS_ID;
                memcpy(entry.id, id, sizeof(entry.id));
        }
        if (ban->until) {
                entry.left = ban->until > now.boot ? ban->until - now.boot : 0;
                entry.until_boot = ban->until;
                entry.until_wall = now.wall + entry.left;
        }
        append(store, &entry);
}

void store_forget(struct store *store, const struct ban_table *table, const struct ban *ban)
{
        struct entry entry = entry_of(table, ban);

        entry.kind = ENTRY_FORGET;
        append(store, &entry);
}

int store_sync(fbn_context *c, struct store *store, bool wait)
{
        int r = flush(store);

        if (r == 0 && store->broken)
                r = -store->os_errno;
        if (r == 0 && wait && store->unsynced && fdatasync(store->fd) < 0) {
                r = -errno;
                store->broken = true;
                store->os_errno = -r;
        }
        if (r < 0)
                return fail_errno(c, -r, "%s", store->path);
        store->unsynced = store->unsynced && !wait;
        return 0;
}

/* Reading. What a clock says is not trusted: nobody stays banned longer than once meant, whatever it was set to meanwhile. */
static uint32_t until_of(const struct entry *entry, bool same_boot, const struct clock *now)
{
        uint32_t left;

        if (!entry->until_wall && !entry->until_boot)
                return 0;
        if (same_boot)
                return MAX(entry->until_boot, 1u);
        left = entry->until_wall > now->wall ? entry->until_wall - now->wall : 0;
        return now->boot + MAX(MIN(left, entry->left), 1u);
}

struct reading {
        struct ban_table *table;
        struct clock now;
        bool same_boot;
        uint16_t reasons[UINT16_MAX + 1]; /* numbers in the file to ours */
};

static bool entry_prefix(const struct entry *entry, fbn_prefix *ret_prefix)
{
        fbn_prefix prefix = {.address.family = entry->flags & ENTRY_IPV6 ? AF_INET6 : AF_INET, .length = entry->length};

        if (entry->length > family_bits(prefix.address.family) || entry->cdn > FBN_BAN_CDN_REFUSED)
                return false;
        memcpy(prefix.address.bytes, entry->address, family_bytes(prefix.address.family));
        fbn_prefix_network(&prefix, ret_prefix);
        return true;
}

static int take_ban(fbn_context *c, struct reading *reading, const struct entry *entry, const fbn_prefix *prefix)
{
        struct ban_table *table = reading->table;
        uint32_t slot = ban_table_find(table, prefix);
        struct ban *ban;
        int r = 0;

        if (entry->kind == ENTRY_FORGET) {
                if (slot != SLOT_NONE)
                        ban_table_remove(table, slot);
                return 0;
        }
        if (slot == SLOT_NONE)
                r = ban_table_add(c, table, prefix, &slot);
        if (r < 0)
                return r;
        ban = ban_table_at(table, slot);
        ban->since = entry->since;
        ban->until = until_of(entry, reading->same_boot, &reading->now);
        ban->reason = reading->reasons[entry->reason];
        ban_table_set_gone(table, ban, entry->flags & ENTRY_GONE);
        ban_table_set_cdn(table, ban, entry->cdn);
        ban_table_drop_id(table, ban);
        return entry->flags & ENTRY_HAS_ID ? ban_table_set_id(c, table, ban, entry->id) : 0;
}

static int take(fbn_context *c, struct reading *reading, const struct entry *entry)
{
        char text[48];
        fbn_prefix prefix;

        switch (entry->kind) {
        case ENTRY_BOOT:
                boot_id(text);
                reading->same_boot = *text && memcmp(text, entry->text, sizeof(text)) == 0;
                return 0;
        case ENTRY_REASON:
                memcpy(text, entry->text, sizeof(text));
                text[REASON_LENGTH] = 0;
                return reason_valid(text) ? ban_table_reason(c, reading->table, text, &reading->reasons[entry->reason]) : 0;
        default:
                return entry_prefix(entry, &prefix) ? take_ban(c, reading, entry, &prefix) : 0;
        }
}

static int read_all(fbn_context *c, struct store *store, struct ban_table *table)
{
        _cleanup_free_ struct reading *reading = memory_alloc(sizeof(*reading));
        const struct entry *entries = (const struct entry *)store->buffer;
        ssize_t n;

        if (!reading)
                return fail_memory(c);
        reading->table = table;
        reading->now = clock_now();
        while ((n = sys()->read(store->fd, store->buffer, BUFFER_ENTRIES * sizeof(struct entry))) > 0) {
                store->damaged += n % (ssize_t)sizeof(struct entry) != 0;
                for (size_t i = 0; i < (size_t)n / sizeof(struct entry); i++) {
                        int r = is_whole(&entries[i]) ? take(c, reading, &entries[i]) : 0;

                        if (r < 0)
                                return r;
                        store->damaged += !is_whole(&entries[i]);
                        store->entries++;
                }
        }
        return n < 0 ? fail_errno(c, errno, "%s", store->path) : 0;
}

static int make_folder(fbn_context *c, const char *folder)
{
        char part[PATH_MAX];

        if (snprintf(part, sizeof(part), "%s", folder) >= (int)sizeof(part))
                return fail(c, FBN_EINVAL, "%.64s…: the path is too long", folder);
        for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdir(part, 0755) < 0 && errno != EEXIST)
                        return fail_errno(c, errno, "%s", part);
                *slash = '/';
        }
        return mkdir(part, 0700) < 0 && errno != EEXIST ? fail_errno(c, errno, "%s", part) : 0;
}

static int lock_folder(fbn_context *c, const char *folder, struct store *store)
{
        char path[PATH_MAX];

        if (snprintf(path, sizeof(path), "%s/lock", folder) >= (int)sizeof(path))
                return fail(c, FBN_EINVAL, "%.64s…: the path is too long", folder);
        store->lock = sys()->open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (store->lock < 0)
                return fail_errno(c, errno, "%s", path);
        if (flock(store->lock, LOCK_EX | LOCK_NB) == 0)
                return 0;
        return errno == EWOULDBLOCK ? fail(c, FBN_EEXIST, "%s: another ban engine has this state", folder) : fail_errno(c, errno, "%s", path);
}

static int open_file(fbn_context *c, struct store *store)
{
        store->fd = sys()->open(store->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        return store->fd < 0 ? fail_errno(c, errno, "%s", store->path) : 0;
}

int store_open(fbn_context *c, const char *folder, struct ban_table *table, struct store *ret_store)
{
        struct store store = {.lock = -1, .fd = -1};
        int r;

        store.buffer = memory_alloc(BUFFER_ENTRIES * sizeof(struct entry));
        store.path = memory_alloc(strlen(folder) + sizeof("/bans"));
        r = store.buffer && store.path ? make_folder(c, folder) : fail_memory(c);
        if (r == 0) {
                sprintf(store.path, "%s/bans", folder);
                r = lock_folder(c, folder, &store);
        }
        if (r == 0)
                r = open_file(c, &store);
        if (r == 0)
                r = read_all(c, &store, table);
        if (r < 0) {
                store_close(&store);
                return r;
        }
        store.broken = true; /* written anew at once: with this boot's times, without what was damaged */
        *ret_store = store;
        return 0;
}

void store_close(struct store *store)
{
        if (store->fd >= 0 && flush(store) == 0)
                sys()->fsync(store->fd);
        if (store->fd >= 0)
                close(store->fd);
        if (store->lock >= 0)
                close(store->lock);
        memory_free(store->path);
        memory_free(store->buffer);
        *store = (struct store){.lock = -1, .fd = -1};
}

bool store_is_stale(const struct store *store, const struct ban_table *table, bool much)
{
        return store->entries > STALE_START + (uint64_t)table->count * (much ? 8 : 2);
}

static int write_new(struct store *fresh, const struct ban_table *table)
{
        int r;

        put_boot(fresh);
        for (uint32_t slot = ban_table_next(table, 0); slot != SLOT_NONE && !fresh->broken; slot = ban_table_next(table, slot + 1))
                store_put(fresh, table, ban_table_at(table, slot));
        r = flush(fresh);
        if (r == 0 && fresh->broken)
                r = -fresh->os_errno;
        return r == 0 && sys()->fsync(fresh->fd) < 0 ? -errno : r;
}

static int sync_folder(const char *path)
{
        char folder[PATH_MAX];
        _cleanup_close_ int fd = -1;

        snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || sys()->fsync(fd) < 0 ? -errno : 0;
}

int store_rewrite(fbn_context *c, struct store *store, const struct ban_table *table)
{
        struct store fresh = {.lock = -1, .buffer = store->buffer};
        char path[PATH_MAX];
        int r;

        snprintf(path, sizeof(path), "%s.new", store->path);
        store->buffered = 0; /* the table has it */
        fresh.fd = sys()->open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
        r = fresh.fd < 0 ? -errno : write_new(&fresh, table);
        if (r == 0 && sys()->rename(path, store->path) < 0)
                r = -errno;
        if (r == 0)
                r = sync_folder(store->path);
        if (r < 0) {
                if (fresh.fd >= 0)
                        close(fresh.fd);
                sys()->unlink(path);
                store->broken = true;
                store->os_errno = -r;
                return fail_errno(c, -r, "%s", store->path);
        }
        close(store->fd);
        store->fd = fresh.fd;
        store->entries = fresh.entries;
        store->reasons = fresh.reasons;
        store->broken = store->unsynced = false;
        store->damaged = 0;
        return 0;
}
