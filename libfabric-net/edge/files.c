/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/files.h"

#include "base/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILE_LIMIT ((size_t)4 << 20)
#define RUN_MS 60000

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
        text_add(&file->text, FILES_MARKER "\n");
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
        return strncmp(text, FILES_MARKER "\n", sizeof(FILES_MARKER)) == 0;
}

int files_add_strays(fbn_context *c, struct files *files, const char *folder, const char *prefix)
{
        DIR *all = opendir(folder);
        struct dirent *one;
        int r = 0;

        if (!all)
                return errno == ENOENT ? fail(c, FBN_ENOENT, "%s: no such folder", folder) : fail_errno(c, errno, "%s", folder);
        while (r == 0 && (one = readdir(all))) {
                _cleanup_free_ char *text = NULL;
                char path[PATH_MAX];
                struct file *file;
                size_t length;

                snprintf(path, sizeof(path), "%s/%s", folder, one->d_name);
                if (strncmp(one->d_name, prefix, strlen(prefix)) != 0 || wanted(files, path) || file_read(c, path, FILE_LIMIT, &text, &length) < 0 ||
                    !is_ours(text))
                        continue;
                file = add(files);
                r = file && (file->path = memory_strdup(path)) ? 0 : fail_memory(c);
        }
        closedir(all);
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

static void become(fbn_context *c, const char *const *words, int out)
{
        struct namespace_guard guard = {-1};
        int null = open("/dev/null", O_RDWR);

        if (namespace_enter(c, &guard) < 0)
                _exit(126);
        dup2(null, 0);
        dup2(out, 1);
        dup2(out, 2);
        signal(SIGPIPE, SIG_DFL);
        close_range(3, ~0u, 0);
        execvp(words[0], (char *const *)words);
        _exit(127);
}

/* The line that says what is wrong: the first with an error in it, else the last. */
static void pick(const char *said, char *line, size_t size)
{
        const char *from = strstr(said, "[emerg]"), *end;

        if (!from)
                from = strstr(said, "ERROR");
        if (!from) {
                size_t length = strlen(said);

                while (length > 0 && said[length - 1] == '\n')
                        length--;
                from = said + length;
                while (from > said && from[-1] != '\n')
                        from--;
        }
        end = from + strcspn(from, "\n");
        snprintf(line, size, "%.*s", (int)MIN((size_t)(end - from), size - 1), from);
}

static int hear(int fd, pid_t child, char *said, size_t size)
{
        size_t length = 0;
        int status = 0;

        for (int waited = 0; waited < RUN_MS;) {
                struct pollfd ready = {.fd = fd, .events = POLLIN};
                char rest[256];
                ssize_t n;

                if (poll(&ready, 1, 100) == 0) {
                        waited += 100;
                        continue;
                }
                n = length < size - 1 ? read(fd, said + length, size - 1 - length) : read(fd, rest, sizeof(rest));
                if (n <= 0)
                        break;
                if (length < size - 1)
                        length += (size_t)n;
        }
        said[length] = 0;
        if (waitpid(child, &status, WNOHANG) == 0) {
                struct timespec moment = {0, 100000000};

                nanosleep(&moment, NULL);
                if (waitpid(child, &status, WNOHANG) == 0) {
                        kill(child, SIGKILL);
                        waitpid(child, &status, 0);
                }
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int files_run(fbn_context *c, const char *const *words)
{
        char said[8192] = "", line[512];
        int pair[2], code;
        pid_t child;

        if (pipe2(pair, O_CLOEXEC) < 0)
                return fail_errno(c, errno, "pipe");
        child = fork();
        if (child == 0)
                become(c, words, pair[1]);
        close(pair[1]);
        code = child < 0 ? 128 : hear(pair[0], child, said, sizeof(said));
        close(pair[0]);
        if (child < 0)
                return fail_errno(c, errno, "cannot run %s", words[0]);
        if (code == 127)
                return fail(c, FBN_EUNSUPPORTED, "there is no program '%s' here", words[0]);
        pick(said, line, sizeof(line));
        return code == 0 ? 0 : fail(c, FBN_EINVAL, "%s: %.400s", words[0], *line ? line : "failed without a word");
}
