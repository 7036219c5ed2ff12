/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "base/process.h"
#include "edge/fetch.h"
#include "edge/generations.h"
#include "edge/xml.h"

#include <errno.h>
#include <fcntl.h>
#include <fabricnet/edge.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STATE ".state.json"
#define STATE_MAX ((size_t)1 << 16)
#define KEEP 30

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static int join(fbn_context *c, const char *folder, const char *name, char *buffer)
{
        if (snprintf(buffer, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
                return fail(c, FBN_EINVAL, "%s: the path is too long", folder);
        return 0;
}

static int validate(fbn_context *c, const fbn_backup *backup)
{
        const struct ssh_peer peer = backup_peer(backup);

        if (!backup->path || !ssh_is_plain(backup->path, "/+@") || !ssh_is_plain(base_name(backup->path), "+@"))
                return fail(c, FBN_EINVAL, "path '%s': a file's, without spaces", backup->path ? backup->path : "");
        if (!backup->folder || backup->folder[0] != '/')
                return fail(c, FBN_EINVAL, "folder '%s': an absolute path", backup->folder ? backup->folder : "");
        return ssh_peer_check(c, &peer);
}

/* What cannot be made is missed by the last mkdir(), which says so. */
static void make_parents(const char *folder)
{
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s", folder);
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                mkdir(path, 0755);
                *slash = '/';
        }
}

/* The folder, made if it has to be, and locked until the descriptor is closed. */
static int folder_open(fbn_context *c, const char *folder, int *ret_fd)
{
        _cleanup_close_ int fd = -1;

        make_parents(folder);
        if (mkdir(folder, 0700) < 0 && errno != EEXIST)
                return fail_errno(c, errno, "%s", folder);
        fd = sys()->open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
        if (fd < 0)
                return fail_errno(c, errno, "%s", folder);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? fail(c, FBN_EEXIST, "%s: another run is at work", folder) : fail_errno(c, errno, "%s", folder);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int check_content(fbn_context *c, const fbn_backup *backup, const char *bytes, size_t length)
{
        const char *name = base_name(backup->path), *end = strrchr(name, '.');

        if (length == 0)
                return fail(c, FBN_EINVAL, "%s: it is empty", name);
        return end && streq(end, ".xml") ? fail_in(c, xml_check(c, bytes, length), "%s", name) : 0;
}

/* 1: the newest generation has other bytes, or there is none. */
static int differs(fbn_context *c, const char *folder, const struct generations *generations, const char *bytes, size_t length)
{
        _cleanup_free_ char *last = NULL;
        char path[PATH_MAX];
        size_t last_length;
        int r;

        if (generations->n == 0)
                return 1;
        r = join(c, folder, generations->names[generations->n - 1], path);
        if (r == 0)
                r = file_read(c, path, FETCH_MAX, &last, &last_length);
        return r < 0 ? r : length != last_length || memcmp(bytes, last, length) != 0;
}

static int keep_fetched(fbn_context *c, const fbn_backup *backup, const char *fetched)
{
        _cleanup_(generations_free) struct generations generations = {0};
        _cleanup_free_ char *bytes = NULL;
        size_t length;
        int r;

        r = file_read(c, fetched, FETCH_MAX, &bytes, &length);
        if (r == 0)
                r = check_content(c, backup, bytes, length);
        if (r == 0)
                r = generations_read(c, backup->folder, &generations);
        if (r < 0)
                return r;
        r = differs(c, backup->folder, &generations, bytes, length);
        if (r <= 0)
                return r;
        r = generation_add(c, backup->folder, &generations, fetched, base_name(backup->path));
        if (r == 0)
                r = generations_prune(c, backup->folder, backup->keep ? backup->keep : KEEP);
        return r < 0 ? r : 1;
}

static int state_write(fbn_context *c, const char *folder, const fbn_backup_state *state)
{
        _cleanup_free_ char *text = NULL;
        char path[PATH_MAX];
        json_t *object = json_pack("{s:I, s:I, s:s%}", "succeeded_at", (json_int_t)state->succeeded_at, "failed_at",
                                   (json_int_t)state->failed_at, "failure", state->failure, strlen(state->failure));
        int r = join(c, folder, STATE, path);

        if (r < 0)
                return r;
        text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
        json_decref(object);
        return text ? file_replace(c, path, text, strlen(text), 0600) : fail_memory(c);
}

/* How it went is worth a line even if it went wrong; a failure to write that is only told if nothing else failed. */
static int state_note(fbn_context *c, const char *folder, int outcome)
{
        struct undoing undoing = undo_begin(c);
        fbn_backup_state state = {0};
        int r = fbn_backup_state_get(c, folder, &state);

        if (outcome < 0) {
                state.failed_at = time(NULL);
                snprintf(state.failure, sizeof(state.failure), "%s", undoing.error.message);
        } else {
                state.succeeded_at = time(NULL);
                state.failure[0] = 0;
        }
        r = state_write(c, folder, &state);
        if (outcome < 0 || r == 0)
                undo_end(c, &undoing);
        return outcome < 0 ? outcome : r < 0 ? r : outcome;
}

int fbn_backup_run(fbn_context *c, const fbn_backup *given)
{
        _cleanup_close_ int lock = -1;
        char fetched[PATH_MAX];
        fbn_backup backup;
        int r;

        r = OPTIONS_READ(c, fbn_backup, given, &backup);
        if (r == 0)
                r = validate(c, &backup);
        if (r == 0)
                r = folder_open(c, backup.folder, &lock);
        if (r < 0)
                return r;
        r = fetch(c, &backup, fetched);
        if (r == 0)
                r = keep_fetched(c, &backup, fetched);
        fetch_clear(backup.folder);
        return state_note(c, backup.folder, fail_in(c, r, "%s", backup.host));
}

static int state_read(fbn_context *c, const char *folder, fbn_backup_state *state)
{
        _cleanup_free_ char *text = NULL;
        const char *failure = "";
        json_int_t succeeded_at = 0, failed_at = 0;
        char path[PATH_MAX];
        json_t *object;
        size_t length;
        int r = join(c, folder, STATE, path);

        if (r < 0)
                return r;
        r = file_read(c, path, STATE_MAX, &text, &length);
        if (r == -FBN_ENOENT)
                return 0; /* it is being made right now */
        if (r < 0)
                return r;
        object = json_loadb(text, length, 0, NULL);
        if (json_unpack(object, "{s:I, s:I, s:s}", "succeeded_at", &succeeded_at, "failed_at", &failed_at, "failure", &failure) == 0) {
                state->succeeded_at = succeeded_at;
                state->failed_at = failed_at;
                snprintf(state->failure, sizeof(state->failure), "%s", failure);
        } else {
                r = fail(c, FBN_EINVAL, "%s: it was not written by us, or is damaged; delete it", path);
        }
        json_decref(object);
        return r;
}

int fbn_backup_state_get(fbn_context *c, const char *folder, fbn_backup_state *ret_state)
{
        _cleanup_(generations_free) struct generations generations = {0};
        fbn_backup_state state = {.size = sizeof(state)};
        int r = generations_read(c, folder, &generations);

        if (r == 0)
                r = state_read(c, folder, &state);
        if (r < 0)
                return r;
        state.generations = (uint32_t)generations.n;
        if (generations.n > 0) {
                snprintf(state.newest, sizeof(state.newest), "%s", generations.names[generations.n - 1]);
                state.newest_at = generation_time(state.newest);
        }
        *ret_state = state;
        return 0;
}
