/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/host.h"

#include "base/address.h"
#include "base/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)64 << 10)
#define NAME_SERVERS 3 /* that the C library reads: resolv.conf(5), MAXNS */

int file_read_if(fbn_context *c, const char *path, char **ret_text)
{
        struct undoing undoing = undo_begin(c);
        size_t length;
        int r = file_read(c, path, FILE_MAX, ret_text, &length);

        if (r != -FBN_ENOENT)
                return r < 0 ? r : 0;
        undo_end(c, &undoing);
        *ret_text = NULL;
        return 0;
}

int resolv_conf_read(fbn_context *c, const char *path, struct resolv_conf *ret_file)
{
        struct resolv_conf file = {0};
        int r = file_read_if(c, path, &file.text);

        if (r < 0)
                return r;
        file.ours = file.text && strncmp(file.text, OUR_MARK, strlen(OUR_MARK)) == 0;
        *ret_file = file;
        return 0;
}

void resolv_conf_free(struct resolv_conf *file)
{
        memory_free(file->text);
        *file = (struct resolv_conf){0};
}

bool line_is(const char *line, const char *keyword)
{
        size_t length = strlen(keyword);

        return strncmp(line, keyword, length) == 0 && (line[length] == ' ' || line[length] == '\t');
}

static const char *next_line(const char *line)
{
        const char *end = strchr(line, '\n');

        return end ? end + 1 : line + strlen(line);
}

/* "fe80::1%eth0" too. */
static bool read_server(const char *word, size_t length, fbn_endpoint *ret_server)
{
        char text[FBN_ADDRESS_TEXT + IF_NAMESIZE], *zone;
        fbn_endpoint server = {.port = 53};

        if (length >= sizeof(text))
                return false;
        memcpy(text, word, length);
        text[length] = 0;
        zone = strchr(text, '%');
        if (zone) {
                *zone++ = 0;
                server.scope = if_nametoindex(zone);
        }
        if (fbn_address_parse(text, &server.address) < 0)
                return false;
        *ret_server = server;
        return true;
}

bool resolv_conf_servers(struct arena *arena, const char *text, fbn_endpoint **ret_servers, size_t *ret_n)
{
        fbn_endpoint *servers = arena_alloc(arena, NAME_SERVERS * sizeof(*servers));

        *ret_n = 0;
        if (!servers)
                return false;
        for (const char *line = text ? text : ""; *line && *ret_n < NAME_SERVERS; line = next_line(line)) {
                const char *word;

                if (!line_is(line, "nameserver"))
                        continue;
                word = line + strlen("nameserver");
                word += strspn(word, " \t");
                *ret_n += read_server(word, strcspn(word, " \t\r\n#;"), &servers[*ret_n]);
        }
        *ret_servers = servers;
        return true;
}

/* The last search or domain line counts: resolv.conf(5). */
bool resolv_conf_search(struct arena *arena, const char *text, const char ***ret_search, size_t *ret_n)
{
        const char *last = NULL, **search, *word;
        size_t n = 0;

        for (const char *line = text ? text : ""; *line; line = next_line(line))
                if (line_is(line, "search") || line_is(line, "domain"))
                        last = line;
        search = arena_alloc(arena, (last ? strcspn(last, "\n") : 1) * sizeof(char *));
        if (!search)
                return false;
        word = last ? last + strlen("search") : "\n"; /* as long as "domain" */
        for (word += strspn(word, " \t\r"); *word && *word != '\n' && *word != '#'; word += strspn(word, " \t\r")) {
                size_t length = strcspn(word, " \t\r\n");

                search[n] = arena_printf(arena, "%.*s", (int)length, word);
                if (!search[n++])
                        return false;
                word += length;
        }
        *ret_search = search;
        *ret_n = n;
        return true;
}

/* What is not about servers and search domains stays as it was: options, sortlist. */
static void keep_lines(struct text *text, const char *before)
{
        for (const char *line = before ? before : ""; *line; line = next_line(line))
                if (line_is(line, "options") || line_is(line, "sortlist"))
                        text_add(text, "%.*s\n", (int)strcspn(line, "\n"), line);
}

static bool add_search(struct text *text, const struct work *work, const char *before)
{
        struct arena arena = {0};
        const char **search = NULL;
        size_t n = 0;
        bool good = resolv_conf_search(&arena, before, &search, &n);

        if (good && n + work->options->n_search > 0) {
                text_add(text, "search");
                for (size_t i = 0; i < n; i++)
                        text_add(text, " %s", search[i]);
                for (size_t i = 0; i < work->options->n_search; i++)
                        text_add(text, " %s", work->options->search[i]);
                text_add(text, "\n");
        }
        arena_free(&arena);
        return good;
}

/* One server for everything, or the refusal. */
static int choose_servers(struct work *work, const fbn_endpoint **ret_servers, size_t *ret_n)
{
        const struct saying *saying = work->saying;
        const struct said *only = &saying->items[0];

        for (size_t i = 0; i < saying->count && !saying->by_stub; i++)
                if (!streq(saying->items[i].zone, ".") || saying->items[i].n_servers == 0)
                        return said_refuse(work->c, &saying->items[i], "/etc/resolv.conf", "has servers for all names alike, the C library knows no split");
        *ret_servers = only->servers;
        *ret_n = only->n_servers;
        for (size_t i = 0; i < *ret_n; i++)
                if ((*ret_servers)[i].port != 53)
                        return fail(work->c, FBN_EUNSUPPORTED, "/etc/resolv.conf has no place for a port: the server must listen on port 53, not %u",
                                    (*ret_servers)[i].port);
        if (*ret_n > NAME_SERVERS)
                return fail(work->c, FBN_EUNSUPPORTED, "/etc/resolv.conf has %d servers at most, not %zu", NAME_SERVERS, *ret_n);
        return 0;
}

static int write_text(struct work *work, const char *before, struct text *text)
{
        const fbn_endpoint *servers = NULL;
        char buffer[FBN_ADDRESS_TEXT];
        size_t n = 0;
        int r = choose_servers(work, &servers, &n);

        if (r < 0)
                return r;
        text_add(text, OUR_MARK "; the file before is %s and comes back when this part is taken away\n", RESOLV_CONF_BEFORE);
        for (size_t i = 0; i < n; i++)
                text_add(text, "nameserver %s\n", fbn_address_format(&servers[i].address, buffer, sizeof(buffer)));
        keep_lines(text, before);
        return add_search(text, work, before) && !text->failed ? 0 : fail_memory(work->c);
}

/* A second name for what is there, a link as a link: what comes back is the very same. */
static int keep_before(void)
{
        char target[PATH_MAX], temporary[] = RESOLV_CONF_BEFORE ".new";
        ssize_t length = readlink(RESOLV_CONF, target, sizeof(target) - 1);
        int r;

        unlink(temporary);
        if (length >= 0) {
                target[length] = 0;
                r = symlink(target, temporary);
        } else
                r = link(RESOLV_CONF, temporary);
        return r < 0 ? r : rename(temporary, RESOLV_CONF_BEFORE);
}

/* Mounted over its place, as in a container, it can neither be linked nor renamed: then its bytes are written. */
static int write_in_place(fbn_context *c, const char *text)
{
        _cleanup_close_ int fd = sys()->open(RESOLV_CONF, O_WRONLY | O_TRUNC | O_CLOEXEC, 0);
        int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));

        return r < 0 ? fail_errno(c, -r, RESOLV_CONF) : 0;
}

static int put(fbn_context *c, const struct resolv_conf *now, const char *text)
{
        int r = 0;

        if (!now->ours && now->text && keep_before() < 0)
                r = file_replace(c, RESOLV_CONF_BEFORE, now->text, strlen(now->text), 0644);
        if (r < 0)
                return r;
        r = file_replace(c, RESOLV_CONF, text, strlen(text), 0644);
        return r < 0 && c->error.os_errno == EBUSY ? write_in_place(c, text) : r;
}

static int put_back(fbn_context *c)
{
        struct resolv_conf before = {0};
        int r;

        if (rename(RESOLV_CONF_BEFORE, RESOLV_CONF) == 0)
                return 0;
        if (errno != EBUSY)
                return fail_errno(c, errno, "cannot bring %s back", RESOLV_CONF_BEFORE);
        r = resolv_conf_read(c, RESOLV_CONF_BEFORE, &before);
        if (r == 0)
                r = write_in_place(c, before.text ? before.text : "");
        resolv_conf_free(&before);
        if (r == 0)
                unlink(RESOLV_CONF_BEFORE);
        return r;
}

/* There was none before us: then there is none after us. */
static int take_away(struct work *work, const struct resolv_conf *now)
{
        struct stat before;
        bool kept = lstat(RESOLV_CONF_BEFORE, &before) == 0;
        int r;

        if (!now->ours && !kept)
                return 0;
        r = work_add(work, FBN_CHANGE_DELETE, now->ours ? RESOLV_CONF : RESOLV_CONF_BEFORE, NULL, NULL);
        if (r < 0 || work->options->dry_run)
                return r;
        if (now->ours && kept)
                return put_back(work->c);
        if (unlink(now->ours ? RESOLV_CONF : RESOLV_CONF_BEFORE) < 0)
                return fail_errno(work->c, errno, "%s", now->ours ? RESOLV_CONF : RESOLV_CONF_BEFORE);
        return 0;
}

static int apply(struct work *work)
{
        struct resolv_conf now = {0}, before = {0};
        _cleanup_(text_free) struct text text = {0};
        int r;

        r = resolv_conf_read(work->c, RESOLV_CONF, &now);
        if (r == 0 && work->saying->count == 0)
                r = take_away(work, &now);
        else if (r == 0) {
                r = now.ours ? resolv_conf_read(work->c, RESOLV_CONF_BEFORE, &before) : 0;
                if (r == 0)
                        r = write_text(work, now.ours ? before.text : now.text, &text);
                if (r == 0 && (!now.ours || !streq(now.text, text.bytes))) {
                        r = work_add(work, now.ours ? FBN_CHANGE_UPDATE : FBN_CHANGE_CREATE, RESOLV_CONF, now.text, text.bytes);
                        if (r == 0 && !work->options->dry_run)
                                r = put(work->c, &now, text.bytes);
                }
        }
        resolv_conf_free(&now);
        resolv_conf_free(&before);
        return r;
}

static bool is_ours(fbn_context *c)
{
        struct resolv_conf now = {0};
        bool ours = resolv_conf_read(c, RESOLV_CONF, &now) == 0 && now.ours;

        resolv_conf_free(&now);
        return ours;
}

const struct manager manager_file = {FBN_DNS_MANAGER_FILE, "resolv.conf", apply, is_ours};
