/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LOG_BYTES ((size_t)16384)
#define LINE (NAME_TEXT + 160)

struct log {
        int fd;
        bool names;
        uint8_t key[crypto_shorthash_KEYBYTES]; /* of this log alone: nobody can look up what a hash was */
        size_t length;
        char lines[LOG_BYTES];
};

int log_new(fbn_context *c, const fbn_dns_stub_options *options, struct log **ret_log)
{
        struct log *log;

        if (options->log_fd == 0)
                return 0;
        if (options->log_fd < 0)
                return fail(c, FBN_EINVAL, "DNS stub: %d is no descriptor to log to", options->log_fd);
        log = memory_alloc(sizeof(*log));
        if (!log)
                return fail_memory(c);
        log->fd = fcntl(options->log_fd, F_DUPFD_CLOEXEC, 3);
        log->names = options->log_names;
        randombytes_buf(log->key, sizeof(log->key));
        if (log->fd < 0) {
                memory_free(log);
                return fail_errno(c, errno, "DNS stub: cannot log to descriptor %d", options->log_fd);
        }
        *ret_log = log;
        return 0;
}

struct log *log_free(struct log *log)
{
        if (!log)
                return NULL;
        log_flush(log);
        close(log->fd);
        memory_free(log);
        return NULL;
}

static const char *hashed(const struct log *log, const struct name *name, char *text)
{
        struct name lowered = *name;
        uint64_t hash;

        name_lower(&lowered);
        crypto_shorthash((unsigned char *)&hash, lowered.bytes, lowered.length, log->key);
        sprintf(text, "#%016llx", (unsigned long long)hash);
        return text;
}

static const char *time_text(char *text, size_t size)
{
        struct timespec now;
        struct tm utc;
        size_t length;

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &utc);
        length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(text + length, size - length, ".%03ldZ", now.tv_nsec / 1000000);
        return text;
}

void log_query(struct log *log, const struct query *query, enum rcode rcode, enum how how)
{
        static const char *const hows[] = {"cache", "stale", "upstream", "local", "refused", "failed"};
        const union socket_address *peer = query_peer(query);
        fbn_endpoint client = peer ? socket_address_endpoint(peer) : (fbn_endpoint){0};
        char name[NAME_TEXT], from[FBN_ADDRESS_TEXT], when[40];
        const struct question *question = &query->asked.question;

        if (!query->asked.readable)
                strcpy(name, "-");
        else if (log->names)
                name_format(&question->name, name);
        else
                hashed(log, &question->name, name);
        if (sizeof(log->lines) - log->length < LINE)
                log_flush(log);
        log->length += (size_t)snprintf(log->lines + log->length, LINE, "%s %s %s %s type=%u rcode=%u %s\n", time_text(when, sizeof(when)),
                                        peer ? fbn_endpoint_format(&client, from, sizeof(from)) : "-", query->client ? "tcp" : peer ? "udp" : "process", name, query->asked.readable ? question->type : 0u,
                                        rcode, hows[how]);
}

/* What the reader does not take at once is lost: names are served, not logs. */
void log_flush(struct log *log)
{
        if (log->length > 0 && write(log->fd, log->lines, log->length) < 0)
                log->length = 0;
        log->length = 0;
}
