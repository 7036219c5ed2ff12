/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/host_files.h"
#include "base/file.h"
#include "base/process.h"

#include <dirent.h>
#include <errno.h>
#include <fabricnet/edge.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT ((size_t)4 << 20)
#define RUN_SECONDS 60

/* Whom a changed file is told. */
enum program { NOBODY = 0, NGINX = 1, FAIL2BAN = 2, BAN_ENGINE = 4 };

static const struct {
        const char *folder, *prefix;
        enum program program;
} places[] = {
        {"/etc/nginx/conf.d", "fabricnet-", NGINX},
        {HOST_FILES_FAIL2BAN "/action.d", "fabricnet", FAIL2BAN},
        {HOST_FILES_FAIL2BAN "/filter.d", "fabricnet", FAIL2BAN},
        {HOST_FILES_FAIL2BAN "/jail.d", "fabricnet", FAIL2BAN},
        {"/etc/letsencrypt/renewal-hooks/deploy", "fabricnet", NOBODY},
        {"/etc/fabricnet", "ban.json", BAN_ENGINE},
};

/* What nginx reads beside its own files: certificates that were got anew. */
static const char *const read_by_nginx[] = {"/var/lib/fabricnet/certificates/", "/etc/letsencrypt/live/"};

/* Behind "#!" it is the second line. */
static bool is_ours(const char *text)
{
        const char *line = strncmp(text, "#!", 2) == 0 ? text + strcspn(text, "\n") : text;

        line += line != text && *line == '\n';
        return strncmp(line, FBN_FILE_MARKER "\n", sizeof(FBN_FILE_MARKER)) == 0;
}

static mode_t mode_of(const char *text)
{
        return strncmp(text, "#!", 2) == 0 ? 0755 : 0644;
}

/* 1, or 0 if it is not there or not ours; the text is the caller's to free. */
static int read_ours(fbn_context *c, const char *path, char **ret_text)
{
        _cleanup_free_ char *text = NULL;
        struct error_record before = c->error;
        size_t length;
        int r = file_read(c, path, FILE_LIMIT, &text, &length);

        if (r == -FBN_ENOENT)
                c->error = before;
        if (r < 0)
                return r == -FBN_ENOENT ? 0 : r;
        if (!is_ours(text))
                return 0;
        *ret_text = TAKE_PTR(text);
        return 1;
}

static int add(fbn_context *c, struct arena *arena, struct host_files *files, const char *path, const char *text)
{
        struct host_file file = {.path = arena_strdup(arena, path), .text = arena_strdup(arena, text)};
        struct host_file *grown;

        if (files->count == files->capacity) {
                grown = arena_alloc(arena, (files->capacity * 2 + 8) * sizeof(*grown));
                if (!grown)
                        return fail_memory(c);
                if (files->count)
                        memcpy(grown, files->items, files->count * sizeof(*grown));
                files->items = grown;
                files->capacity = files->capacity * 2 + 8;
        }
        if (!file.path || !file.text)
                return fail_memory(c);
        files->items[files->count++] = file;
        return 0;
}

static int take_folder(fbn_context *c, struct arena *arena, size_t place, struct host_files *files)
{
        DIR *all = opendir(places[place].folder);
        struct dirent *one;
        int r = 0;

        while (r >= 0 && all && (one = readdir(all))) {
                _cleanup_free_ char *text = NULL;
                char path[PATH_MAX];

                if (strncmp(one->d_name, places[place].prefix, strlen(places[place].prefix)) != 0)
                        continue;
                snprintf(path, sizeof(path), "%s/%s", places[place].folder, one->d_name);
                r = read_ours(c, path, &text);
                if (r > 0)
                        r = add(c, arena, files, path, text);
        }
        if (all)
                closedir(all);
        return MIN(r, 0);
}

int host_files_take(fbn_context *c, struct arena *arena, struct host_files *ret_files)
{
        struct host_files files = {.known = c->netns < 0};
        int r = 0;

        for (size_t i = 0; r == 0 && files.known && i < ARRAY_SIZE(places); i++)
                r = take_folder(c, arena, i, &files);
        if (r == 0)
                *ret_files = files;
        return r;
}

int host_files_to_json(fbn_context *c, const struct host_files *files, json_t *object)
{
        json_t *list = files->known ? json_array() : NULL;

        if (!files->known)
                return 0;
        if (json_object_set_new(object, "files", list) < 0)
                return fail_memory(c);
        for (size_t i = 0; i < files->count; i++)
                if (json_array_append_new(list, json_pack("{s:s, s:s}", "path", files->items[i].path, "text", files->items[i].text)) < 0)
                        return fail_memory(c);
        return 0;
}

int host_files_from_json(fbn_context *c, struct arena *arena, const json_t *object, struct host_files *ret_files)
{
        const json_t *list = json_object_get(object, "files");
        struct host_files files = {.known = list != NULL};
        int r = 0;

        for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
                const char *path = json_string_value(json_object_get(json_array_get(list, i), "path"));
                const char *text = json_string_value(json_object_get(json_array_get(list, i), "text"));

                r = path && text ? add(c, arena, &files, path, text) : fail(c, FBN_EINVAL, "files: entry %zu is damaged", i);
        }
        if (r == 0)
                *ret_files = files;
        return r;
}

static const struct host_file *find(const struct host_files *files, const char *path)
{
        for (size_t i = 0; i < files->count; i++)
                if (streq(files->items[i].path, path))
                        return &files->items[i];
        return NULL;
}

static int make_folder(fbn_context *c, const char *path)
{
        char part[PATH_MAX];

        snprintf(part, sizeof(part), "%s", path);
        for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdir(part, 0755) < 0 && errno != EEXIST)
                        return fail_errno(c, errno, "%s", part);
                *slash = '/';
        }
        return 0;
}

static int write_one(fbn_context *c, const char *path, const char *text)
{
        int r;

        if (!text)
                return sys()->unlink(path) < 0 && errno != ENOENT ? fail_errno(c, errno, "%s", path) : 0;
        r = make_folder(c, path);
        return r < 0 ? r : file_replace(c, path, text, strlen(text), mode_of(text));
}

int host_file_apply(fbn_context *c, const char *path, const char *text, bool dry_run, fbn_changes *changes)
{
        _cleanup_free_ char *have = NULL;
        int r = read_ours(c, path, &have);

        if (r < 0 || (!have && !text) || (have && text && streq(have, text)))
                return r < 0 ? r : 0;
        if (!have && access(path, F_OK) == 0)
                return fail(c, FBN_ECONFLICT, "%s is not ours (it lacks our first line); move it away", path);
        r = changes_add(c, changes, !text ? FBN_CHANGE_DELETE : have ? FBN_CHANGE_UPDATE : FBN_CHANGE_CREATE, path, NULL, NULL, NULL);
        return r < 0 || dry_run ? r : write_one(c, path, text);
}

static int run(fbn_context *c, const char *const *words)
{
        _cleanup_(process_output_free) struct process_output output = {0};
        struct process process = {.arguments = words, .timeout = RUN_SECONDS};
        int code = process_run(c, &process, &output);

        return code <= 0 ? code : fail(c, FBN_EINVAL, "%s: %.400s", words[0], process_reason(&output));
}

/* Who does not run is not started, and need not be installed any more. */
static int tell_program(fbn_context *c, enum program program)
{
        struct error_record before = c->error;
        int r = 0;

        if (program == NGINX && access("/run/nginx.pid", F_OK) == 0) {
                r = run(c, (const char *const[]){"nginx", "-t", NULL});
                if (r == 0)
                        r = run(c, (const char *const[]){"nginx", "-s", "reload", NULL});
        } else if (program == FAIL2BAN && run(c, (const char *const[]){"fail2ban-client", "ping", NULL}) == 0) {
                r = run(c, (const char *const[]){"fail2ban-client", "reload", NULL});
        } else if (program == BAN_ENGINE && access("/run/systemd/system", F_OK) == 0) {
                r = run(c, (const char *const[]){"systemctl", "try-restart", "fabricnet-ban.service", NULL});
        }
        if (r == 0 || r == -FBN_EUNSUPPORTED)
                c->error = before;
        return r == -FBN_EUNSUPPORTED ? 0 : r;
}

static unsigned program_of(const char *path)
{
        for (size_t i = 0; i < ARRAY_SIZE(places); i++)
                if (strncmp(path, places[i].folder, strlen(places[i].folder)) == 0)
                        return places[i].program;
        for (size_t i = 0; i < ARRAY_SIZE(read_by_nginx); i++)
                if (strncmp(path, read_by_nginx[i], strlen(read_by_nginx[i])) == 0)
                        return NGINX;
        return NOBODY;
}

int host_files_tell(fbn_context *c, const fbn_changes *changes)
{
        unsigned programs = 0;
        int r = 0;

        for (size_t i = 0; i < fbn_changes_count(changes); i++)
                programs |= program_of(fbn_changes_at(changes, i)->object);
        for (unsigned program = NGINX; r == 0 && program <= BAN_ENGINE; program <<= 1)
                if (programs & program)
                        r = tell_program(c, program);
        return r;
}

int host_files_restore(fbn_context *c, const struct host_files *files, bool dry_run, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_changes) changes = changes_new();
        struct host_files have = {0};
        struct arena arena = {0};
        int r = changes ? 0 : fail_memory(c);

        if (r == 0 && files->known)
                r = host_files_take(c, &arena, &have);
        for (size_t i = 0; r == 0 && i < have.count; i++)
                if (!find(files, have.items[i].path))
                        r = host_file_apply(c, have.items[i].path, NULL, dry_run, changes);
        for (size_t i = 0; r == 0 && have.known && i < files->count; i++)
                r = host_file_apply(c, files->items[i].path, files->items[i].text, dry_run, changes);
        if (r == 0 && !dry_run)
                r = host_files_tell(c, changes);
        arena_free(&arena);
        if (r == 0)
                *ret_changes = TAKE_PTR(changes);
        return r;
}
