/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/host.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* openresolv and Debian's resolvconf share a name and little else. Both collect what each interface says and write resolv.conf from it;
 * ours is an entry of its own, with the stub. Debian's asks what is listed first, and loopback addresses alone if they come first;
 * openresolv has a word for that (-x). Its word for servers of some domains only (-p) makes search domains of them (3.12, parse_resolv):
 * those nobody asked for. */
#define DEBIAN_ENTRY "lo.fabricnet"
#define ENTRY "fabricnet"
#define DEBIAN_FOLDER "/run/resolvconf/interface"
#define FOLDER "/run/resolvconf/interfaces"

static const char *program(void)
{
        static const char *const paths[] = {"/sbin/resolvconf", "/usr/sbin/resolvconf", "/usr/local/sbin/resolvconf"};

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                if (program_exists(paths[i]))
                        return paths[i];
        return NULL;
}

/* systemd's is resolvectl by another name: that is no resolvconf. */
static bool is_systemds(const char *path)
{
        char target[PATH_MAX];

        return realpath(path, target) && strstr(target, "resolvectl");
}

static bool is_openresolv(fbn_context *c, const char *path)
{
        const char *const arguments[] = {path, "--version", NULL};
        _cleanup_free_ char *output = NULL;
        struct undoing undoing = undo_begin(c);
        bool is = program_run(c, arguments, NULL, &output) == 0 && output && strncmp(output, "openresolv", 10) == 0;

        undo_end(c, &undoing);
        return is;
}

const char *resolvconf_kind(fbn_context *c)
{
        const char *path = program();

        if (!path || is_systemds(path))
                return NULL;
        return is_openresolv(c, path) ? "openresolv wrote /etc/resolv.conf" : "Debian's resolvconf wrote /etc/resolv.conf";
}

static int run(fbn_context *c, const char *const *arguments, const char *input)
{
        _cleanup_free_ char *output = NULL;
        int code = program_run(c, arguments, input, &output);

        if (code > 0)
                return fail(c, FBN_EUNAVAILABLE, "'%s %s %s' failed: %s", arguments[0], arguments[1], arguments[2], output_end(output));
        return code;
}

/* What openresolv holds for a pattern of entries, without its own comments; NULL: nothing. */
static int held(fbn_context *c, const char *path, char **ret_text)
{
        const char *const arguments[] = {path, "-l", ENTRY, NULL};
        _cleanup_free_ char *output = NULL;
        _cleanup_(text_free) struct text text = {0};
        char *state = NULL;
        int code = program_run(c, arguments, NULL, &output);

        if (code < 0)
                return code;
        for (char *line = code == 0 ? strtok_r(output, "\n", &state) : NULL; line; line = strtok_r(NULL, "\n", &state))
                if (*line != '#')
                        text_add(&text, "%s\n", line);
        if (text.failed)
                return fail_memory(c);
        *ret_text = TAKE_PTR(text.bytes);
        return 0;
}

static int read_entry(fbn_context *c, const char *path, bool openresolv, char **ret_text)
{
        return openresolv ? held(c, path, ret_text) : file_read_if(c, DEBIAN_FOLDER "/" DEBIAN_ENTRY, ret_text);
}

static bool is_ours(fbn_context *c)
{
        (void)c;
        return access(DEBIAN_FOLDER "/" DEBIAN_ENTRY, F_OK) == 0 || access(FOLDER "/" ENTRY, F_OK) == 0;
}

/* What all others said, in any order: the files that both keep. */
static bool add_entries(fbn_context *c, const char *folder, struct text *text)
{
        DIR *entries = opendir(folder);
        const struct dirent *entry;

        while (entries && (entry = readdir(entries))) {
                _cleanup_free_ char *one = NULL;
                char path[PATH_MAX];

                if (*entry->d_name == '.' || streq(entry->d_name, ENTRY) || streq(entry->d_name, DEBIAN_ENTRY))
                        continue;
                snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
                if (file_read_if(c, path, &one) == 0 && one)
                        text_add(text, "%s\n", one);
        }
        if (entries)
                closedir(entries);
        return !text->failed;
}

int resolvconf_before(fbn_context *c, char **ret_text)
{
        _cleanup_(text_free) struct text text = {0};

        if (!add_entries(c, FOLDER, &text) || !add_entries(c, DEBIAN_FOLDER, &text))
                return fail_memory(c);
        *ret_text = TAKE_PTR(text.bytes);
        return 0;
}

static int check(const struct work *work, bool openresolv)
{
        const struct said *first = &work->saying->items[0];

        if (!work->saying->by_stub)
                return said_refuse(work->c, first, openresolv ? "openresolv" : "resolvconf",
                                   openresolv ? "makes a search domain of each domain that it knows" : "leads to the C library, which knows no split");
        if (first->servers->port != 53)
                return fail(work->c, FBN_EUNSUPPORTED, "resolvconf has no place for a port: the stub must listen on port 53, not %u", first->servers->port);
        return 0;
}

static bool write_entry(const struct work *work, struct text *text)
{
        char buffer[FBN_ADDRESS_TEXT];

        text_add(text, "nameserver %s\n", fbn_address_format(&work->saying->items[0].servers->address, buffer, sizeof(buffer)));
        if (work->options->n_search > 0) {
                text_add(text, "search");
                for (size_t i = 0; i < work->options->n_search; i++)
                        text_add(text, " %s", work->options->search[i]);
                text_add(text, "\n");
        }
        return !text->failed;
}

static int take_away(struct work *work, const char *path, bool openresolv, const char *now)
{
        const char *const arguments[] = {path, "-d", openresolv ? ENTRY : DEBIAN_ENTRY, NULL};
        int r = work_add(work, FBN_CHANGE_DELETE, "entry " ENTRY, now, NULL);

        return r < 0 || work->options->dry_run ? r : run(work->c, arguments, NULL);
}

/* That it was taken does not mean that it arrived: its configuration may say otherwise. */
static int verify(struct work *work, const char *path, bool openresolv)
{
        const char *const arguments[] = {path, "-d", openresolv ? ENTRY : DEBIAN_ENTRY, NULL};
        const fbn_endpoint *stub = work->saying->items[0].servers;
        struct resolv_conf file = {0};
        struct arena arena = {0};
        fbn_endpoint *servers = NULL;
        size_t n = 0;
        bool arrived;

        arrived = resolv_conf_read(work->c, RESOLV_CONF, &file) == 0 && resolv_conf_servers(&arena, file.text, &servers, &n) && n == 1 &&
                  memcmp(&servers[0].address, &stub->address, sizeof(stub->address)) == 0;
        resolv_conf_free(&file);
        arena_free(&arena);
        if (arrived)
                return 0;
        program_run(work->c, arguments, NULL, NULL);
        return fail(work->c, FBN_EUNSUPPORTED, "it took the stub's address, and /etc/resolv.conf does not have it alone; see /etc/resolvconf.conf; taken away again");
}

static int say(struct work *work, const char *path, bool openresolv, const char *now, const char *text)
{
        const char *const exclusive[] = {path, "-x", "-a", ENTRY, NULL}, *const debian[] = {path, "-a", DEBIAN_ENTRY, NULL};
        int r;

        if (now && streq(now, text))
                return 0;
        r = work_add(work, now ? FBN_CHANGE_UPDATE : FBN_CHANGE_CREATE, "entry " ENTRY, now, text);
        if (r < 0 || work->options->dry_run)
                return r;
        r = run(work->c, openresolv ? exclusive : debian, text);
        return r < 0 ? r : verify(work, path, openresolv);
}

static int apply(struct work *work)
{
        _cleanup_(text_free) struct text text = {0};
        _cleanup_free_ char *now = NULL;
        const char *path = program();
        bool openresolv;
        int r;

        if (!path || is_systemds(path))
                return fail(work->c, FBN_EUNSUPPORTED, "no resolvconf is installed");
        openresolv = is_openresolv(work->c, path);
        r = read_entry(work->c, path, openresolv, &now);
        if (r < 0)
                return r;
        if (work->saying->count == 0)
                return now ? take_away(work, path, openresolv, now) : 0;
        r = check(work, openresolv);
        if (r < 0)
                return r;
        return write_entry(work, &text) ? say(work, path, openresolv, now, text.bytes) : fail_memory(work->c);
}

const struct manager manager_resolvconf = {FBN_DNS_MANAGER_RESOLVCONF, "resolvconf", apply, is_ours};
