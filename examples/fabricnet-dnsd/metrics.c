/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnsd.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int metrics_listen(const fbn_endpoint *where)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(where->port)};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(where->port)};
        bool is6 = where->address.family == AF_INET6;
        int fd = socket(where->address.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
        char text[FBN_ADDRESS_TEXT];

        memcpy(&v4.sin_addr, where->address.bytes, 4);
        memcpy(&v6.sin6_addr, where->address.bytes, 16);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (fd < 0 || bind(fd, is6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4, is6 ? sizeof(v6) : sizeof(v4)) < 0 || listen(fd, 16) < 0) {
                fprintf(stderr, "fabricnet-dnsd: metrics on %s: %s\n", fbn_endpoint_format(where, text, sizeof(text)), strerror(errno));
                if (fd >= 0)
                        close(fd);
                return -1;
        }
        return fd;
}

static void to_count(struct worker *worker)
{
        worker->count = true;
}

static const struct metric {
        const char *name, *help;
        size_t offset;
        bool gauge;
} metrics[] = {
#define METRIC(member, help, gauge) {#member, help, offsetof(fbn_dns_counters, member), gauge}
        METRIC(queries, "Questions taken from clients.", false),
        METRIC(answers, "Answers given to clients, failures included.", false),
        METRIC(failures, "Answers of SERVFAIL because no upstream answered.", false),
        METRIC(refused, "Questions malformed or not allowed.", false),
        METRIC(retries, "Further upstreams, or TCP, asked.", false),
        METRIC(mismatches, "Datagrams from upstreams that answer nothing.", false),
        METRIC(cache_hits, "Questions answered from the cache.", false),
        METRIC(cache_misses, "Questions that the cache did not know.", false),
        METRIC(stale, "Answers whose time was over.", false),
        METRIC(filtered, "Answers made empty for private addresses.", false),
        METRIC(cache_entries, "Answers kept now.", true),
        METRIC(cache_bytes, "Memory of the answers kept now.", true),
};

static uint64_t sum(struct worker *workers, size_t n_workers, size_t offset)
{
        uint64_t total = 0;

        for (size_t i = 0; i < n_workers; i++)
                total += *(uint64_t *)(void *)((char *)&workers[i].counters + offset);
        return total;
}

/* The text format of OpenMetrics 1.0. */
static size_t write_all(char *text, size_t size, struct worker *workers, size_t n_workers)
{
        size_t length = 0;

        for (size_t i = 0; i < n_workers; i++) {
                worker_tell(&workers[i], to_count);
                while (sem_wait(&workers[i].counted) < 0 && errno == EINTR)
                        ;
        }
        for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
                const struct metric *metric = &metrics[i];

                length += (size_t)snprintf(text + length, size - length, "# TYPE fabricnet_dns_%s %s\n# HELP fabricnet_dns_%s %s\nfabricnet_dns_%s%s %llu\n",
                                           metric->name, metric->gauge ? "gauge" : "counter", metric->name, metric->help, metric->name,
                                           metric->gauge ? "" : "_total", (unsigned long long)sum(workers, n_workers, metric->offset));
        }
        return length + (size_t)snprintf(text + length, size - length, "# EOF\n");
}

/* One answer a connection, whatever was asked; who dawdles is let go. */
void metrics_serve(int fd, struct worker *workers, size_t n_workers)
{
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        struct timeval patience = {.tv_usec = 500000};
        char request[2048], text[4096], answer[4608];
        size_t length, all;

        if (client < 0)
                return;
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        if (recv(client, request, sizeof(request), 0) > 0) {
                length = write_all(text, sizeof(text), workers, n_workers);
                all = (size_t)snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
                                       "Content-Length: %zu\r\nConnection: close\r\n\r\n%s", length, text);
                (void)!send(client, answer, all, MSG_NOSIGNAL);
        }
        close(client);
}
