/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bare fdatasyncs of fabric_journal's records: fabric_journal_limit STATE COPIES FOLDER: read them, and write and sync the same bytes as often; the
 * folder is synced once a file, as there. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void need(int result, const char *what)
{
        if (result >= 0)
                return;
        perror(what);
        exit(1);
}

static size_t read_last(const char *folder, uint8_t *bytes, size_t size)
{
        struct dirent *entry;
        DIR *list = opendir(folder);
        char path[PATH_MAX];
        unsigned long last = 0;
        ssize_t n;
        int fd;

        while (list && (entry = readdir(list)))
                if (strstr(entry->d_name, ".journal") && strtoul(entry->d_name, NULL, 10) > last)
                        last = strtoul(entry->d_name, NULL, 10);
        closedir(list);
        snprintf(path, sizeof(path), "%s/%lu.journal", folder, last);
        fd = open(path, O_RDONLY);
        need(fd, path);
        n = read(fd, bytes, size);
        need((int)n, path);
        close(fd);
        return (size_t)n;
}

static void write_records(const char *folder, int number, const uint8_t *bytes, size_t length)
{
        char path[PATH_MAX];
        int fd, directory = open(folder, O_RDONLY | O_DIRECTORY);
        size_t record;

        snprintf(path, sizeof(path), "%s/%d.journal", folder, number);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        need(fd, path);
        for (size_t at = 0; at < length; at += record) {
                record = 8 + ((size_t)bytes[at] | (size_t)bytes[at + 1] << 8 | (size_t)bytes[at + 2] << 16 | (size_t)bytes[at + 3] << 24);
                need(write(fd, bytes + at, record) == (ssize_t)record ? 0 : -1, path);
                need(fdatasync(fd), path);
                if (at == 0)
                        need(fsync(directory), folder);
        }
        close(fd);
        close(directory);
}

int main(int argc, char **argv)
{
        static uint8_t bytes[1 << 20];
        size_t length = argc == 4 ? read_last(argv[1], bytes, sizeof(bytes)) : 0;

        if (!length) {
                fprintf(stderr, "usage: fabric_journal_limit STATE COPIES FOLDER\n");
                return 3;
        }
        for (int i = 1; i <= atoi(argv[2]); i++)
                write_records(argv[3], i, bytes, length);
        return 0;
}
