/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/engine.h"

#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARKER "# fabricnet: who is banned; written by the ban engine\n"

/* What lacks our first line is somebody else's. */
static int check_owner(fbn_context *c, const char *path)
{
        char line[sizeof(MARKER)] = "";
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
                return errno == ENOENT ? 0 : fail_errno(c, errno, "%s", path);
        if (read(fd, line, sizeof(line) - 1) < 0 || strncmp(line, MARKER, strlen(MARKER)) != 0)
                return fail(c, FBN_ECONFLICT, "%s is not ours (it lacks our first line); remove it or name another file", path);
        return 0;
}

static int write_bans(int fd, const struct ban_table *table)
{
        char buffer[4096], text[FBN_ADDRESS_TEXT];
        size_t length = sizeof(MARKER) - 1;
        int r = 0;

        memcpy(buffer, MARKER, length);
        for (uint32_t i = ban_table_next(table, 0); r == 0 && i != SLOT_NONE; i = ban_table_next(table, i + 1)) {
                const struct ban *ban = ban_table_at(table, i);
                fbn_prefix prefix = ban_prefix(table, ban);

                if (ban->flags & BAN_GONE)
                        continue;
                length += (size_t)snprintf(buffer + length, sizeof(buffer) - length, "%s 1;\n", fbn_prefix_format(&prefix, text, sizeof(text)));
                if (length > sizeof(buffer) - 128) {
                        r = fd_write_all(fd, buffer, length);
                        length = 0;
                }
        }
        return r == 0 ? fd_write_all(fd, buffer, length) : r;
}

/* Not to be waited for: after a crash it is written anew. */
static int replace(fbn_context *c, const char *path, const struct ban_table *table)
{
        char fresh[PATH_MAX];
        _cleanup_close_ int fd = -1;
        int r;

        snprintf(fresh, sizeof(fresh), "%s.new", path);
        sys()->unlink(fresh);
        fd = sys()->open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        r = fd < 0 ? -errno : write_bans(fd, table);
        if (r == 0 && sys()->rename(fresh, path) < 0)
                r = -errno;
        if (r < 0)
                sys()->unlink(fresh);
        return r < 0 ? fail_errno(c, -r, "%s", path) : 0;
}

/* A number that was left behind may be another process's by now. */
static bool is_nginx(uint64_t pid)
{
        char path[64], name[16] = "";
        _cleanup_close_ int fd = -1;

        snprintf(path, sizeof(path), "/proc/%llu/comm", (unsigned long long)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd >= 0 && read(fd, name, sizeof(name) - 1) > 0 && strncmp(name, "nginx\n", 6) == 0;
}

static int reload(fbn_context *c, const char *path)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        uint64_t pid;
        int r;

        r = file_read(c, path, 64, &text, &length);
        if (r < 0)
                return r == -FBN_ENOENT ? 0 : r; /* it does not run: it will read the map when it starts */
        text[strcspn(text, "\r\n")] = 0;
        if (!text_to_u64(text, 2, INT32_MAX, &pid))
                return fail(c, FBN_EINVAL, "%s: no process number", path);
        if (is_nginx(pid) && kill((pid_t)pid, SIGHUP) < 0)
                return fail_errno(c, errno, "%s: cannot signal process %llu", path, (unsigned long long)pid);
        return 0;
}

void map_write(fbn_context *c, fbn_ban_engine *engine)
{
        const char *path = engine->options.nginx_map;
        int r;

        if (!path)
                return;
        r = check_owner(c, path);
        if (r == 0)
                r = replace(c, path, &engine->table);
        if (r == 0 && engine->options.nginx_pid)
                r = reload(c, engine->options.nginx_pid);
        if (r < 0)
                engine_due(engine, DUE_MAP, 5000);
        engine_trouble(c, engine, TROUBLE_NGINX, r);
}
