/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/files.h"

#include "base/file.h"
#include "base/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_LIMIT ((size_t)4 << 20)
#define RUN_SECONDS 60

bool files_plain(const char *text)
{
        size_t length = strlen(text);

        for (size_t i = 0; i < length; i++)
                if (!isalnum((unsigned char)text[i]) && !strchr("/._-+:@", text[i]))
                        return false;
        return length > 0 && length < PATH_MAX;
}

static struct file *add(struct files *files)
{
        struct file *file;

        if (!ARRAY_RESERVE(files->items, files->count, files->capacity))
                return NULL;
        file = &files->items[files->count++];
        *file = (struct file){0};
        return file;
}

struct text *files_add(struct files *files, const char *format, ...)
{
        struct file *file = add(files);
        char path[PATH_MAX];
        va_list arguments;

        if (!file)
                return NULL;
        va_start(arguments, format);
        vsnprintf(path, sizeof(path), format, arguments);
        va_end(arguments);
        file->path = memory_strdup(path);
        text_add(&file->text, FBN_FILE_MARKER "\n");
        return file->path && !file->text.failed ? &file->text : NULL;
}

void files_free(struct files *files)
{
        for (size_t i = 0; i < files->count; i++) {
                memory_free(files->items[i].path);
                memory_free(files->items[i].before);
                text_free(&files->items[i].text);
        }
        memory_free(files->items);
        *files = (struct files){0};
}

static bool wanted(const struct files *files, const char *path)
{
        for (size_t i = 0; i < files->count; i++)
                if (streq(files->items[i].path, path))
                        return true;
        return false;
}

static bool is_ours(const char *text)
{
        return strncmp(text, FBN_FILE_MARKER "\n", sizeof(FBN_FILE_MARKER)) == 0;
}

static int add_stray(fbn_context *c, struct files *files, const char *folder, const char *name)
{
        _cleanup_free_ char *text = NULL;
        char path[PATH_MAX];
        struct file *file;
        size_t length;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        if (wanted(files, path) || file_read(c, path, FILE_LIMIT, &text, &length) < 0 || !is_ours(text))
                return 0;
        file = add(files);
        return file && (file->path = memory_strdup(path)) ? 0 : fail_memory(c);
}

int files_add_strays(fbn_context *c, struct files *files, const char *folder, const char *prefix)
{
        struct dirent **all = NULL;
        int n = scandir(folder, &all, NULL, alphasort), r = 0;

        if (n < 0 && errno == ENOENT)
                return files->count == 0 ? 0 : fail(c, FBN_ENOENT, "%s: no such folder; is the program installed whose it is?", folder);
        if (n < 0)
                return fail_errno(c, errno, "%s", folder);
        for (int i = 0; i < n; i++) {
                if (r == 0 && strncmp(all[i]->d_name, prefix, strlen(prefix)) == 0)
                        r = add_stray(c, files, folder, all[i]->d_name);
                free(all[i]);
        }
        free(all);
        return r;
}

static int compare_one(fbn_context *c, struct file *file, fbn_changes *changes)
{
        size_t length = 0;
        int r;

        if (file->text.failed)
                return fail_memory(c);
        r = file_read(c, file->path, FILE_LIMIT, &file->before, &length);
        if (r < 0 && r != -FBN_ENOENT)
                return r;
        if (file->before && !is_ours(file->before))
                return fail(c, FBN_ECONFLICT, "%s is not ours (it lacks our first line); move it away", file->path);
        if (file->before && !file->text.length)
                r = changes_add(c, changes, FBN_CHANGE_DELETE, file->path, NULL, NULL, NULL);
        else if (!file->before && file->text.length)
                r = changes_add(c, changes, FBN_CHANGE_CREATE, file->path, NULL, NULL, NULL);
        else if (file->before && (length != file->text.length || memcmp(file->before, file->text.bytes, length) != 0))
                r = changes_add(c, changes, FBN_CHANGE_UPDATE, file->path, NULL, NULL, NULL);
        else
                return 0;
        file->differs = true;
        return r;
}

int files_compare(fbn_context *c, struct files *files, fbn_changes *changes)
{
        for (size_t i = 0; i < files->count; i++) {
                int r = compare_one(c, &files->items[i], changes);

                if (r < 0)
                        return r;
        }
        return (int)fbn_changes_count(changes);
}

int files_write(fbn_context *c, const struct files *files)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < files->count; i++) {
                const struct file *file = &files->items[i];

                if (file->differs && file->text.length)
                        r = file_replace(c, file->path, file->text.bytes, file->text.length, 0644);
                else if (file->differs && sys()->unlink(file->path) < 0 && errno != ENOENT)
                        r = fail_errno(c, errno, "%s", file->path);
        }
        return r;
}

void files_restore(fbn_context *c, const struct files *files)
{
        struct undoing undoing = undo_begin(c);

        for (size_t i = 0; i < files->count; i++) {
                const struct file *file = &files->items[i];

                if (file->differs && file->before)
                        file_replace(c, file->path, file->before, strlen(file->before), 0644);
                else if (file->differs)
                        sys()->unlink(file->path);
        }
        undo_end(c, &undoing);
}

/* The line that says what is wrong: the first with an error in it, else the last. */
static void pick(struct process_output *output, char *line, size_t size)
{
        const char *from = output->bytes ? strstr(output->bytes, "[emerg]") : NULL;

        if (!from && output->bytes)
                from = strstr(output->bytes, "ERROR");
        if (!from)
                from = process_reason(output);
        snprintf(line, size, "%.*s", (int)MIN(strcspn(from, "\n"), size - 1), from);
}

int files_run(fbn_context *c, const char *const *words)
{
        _cleanup_(process_output_free) struct process_output output = {0};
        struct process process = {.arguments = words, .timeout = RUN_SECONDS};
        char line[512];
        int code = process_run(c, &process, &output);

        if (code <= 0)
                return code;
        pick(&output, line, sizeof(line));
        return fail(c, FBN_EINVAL, "%s: %.400s", words[0], *line ? line : "failed without a word");
}
