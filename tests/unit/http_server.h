/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef UNIT_HTTP_SERVER_H
#define UNIT_HTTP_SERVER_H

/* A server that answers from a script: what it is asked is kept, what it answers is given beforehand. In a thread, on loopback TCP or on
 * a unix socket. Include after unit/test.h. */

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* scripts leave out what is usual */

enum server_after { SERVER_KEEP, SERVER_CLOSE, SERVER_HANG };

struct server_answer {
        int status;
        const char *type;
        const char *body;
        #pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* scripts leave out what is usual */

enum server_after after; /* CLOSE: after the answer, without saying so in it; HANG: answer never */
};

struct server {
        int listener;
        pthread_t thread;
        atomic_bool stop;
        const struct server_answer *answers;
        size_t n_answers;
        atomic_size_t asked;
        char requests[16][4096];
        char url[64];
        char socket[64];
};

/* One whole request into text; false when the other side is gone or the server is to stop. */
static inline bool server_read(struct server *server, int fd, char *text, size_t size)
{
        size_t length = 0;

        while (!atomic_load(&server->stop)) {
                struct pollfd wait = {.fd = fd, .events = POLLIN};
                char *end, *declared;
                ssize_t n;

                if (poll(&wait, 1, 10) == 0)
                        continue;
                n = read(fd, text + length, size - length - 1);
                if (n <= 0)
                        return false;
                length += (size_t)n;
                text[length] = 0;
                end = strstr(text, "\r\n\r\n");
                declared = strcasestr(text, "\r\nContent-Length: ");
                if (end && length >= (size_t)(end + 4 - text) + (declared && declared < end ? strtoul(declared + 18, NULL, 10) : 0))
                        return true;
        }
        return false;
}

static inline void server_write(int fd, const struct server_answer *answer)
{
        char *text = NULL;
        int length = asprintf(&text, "HTTP/1.1 %d X\r\n%s%s%sContent-Length: %zu\r\n\r\n%s", answer->status, answer->type ? "Content-Type: " : "",
                              answer->type ? answer->type : "", answer->type ? "\r\n" : "", strlen(answer->body), answer->body);

        for (ssize_t sent = 0, n; sent < length; sent += n)
                if ((n = send(fd, text + sent, (size_t)(length - sent), MSG_NOSIGNAL)) <= 0)
                        break;
        free(text);
}

static inline void server_talk(struct server *server, int fd)
{
        char request[4096];

        while (server_read(server, fd, request, sizeof(request))) {
                size_t i = atomic_load(&server->asked);
                const struct server_answer *answer;

                if (i >= ARRAY_SIZE(server->requests) || i >= server->n_answers)
                        return;
                answer = &server->answers[i];
                memcpy(server->requests[i], request, sizeof(request));
                atomic_store(&server->asked, i + 1);
                while (answer->after == SERVER_HANG && !atomic_load(&server->stop))
                        poll(NULL, 0, 10);
                if (answer->after == SERVER_HANG)
                        return;
                server_write(fd, answer);
                if (answer->after == SERVER_CLOSE)
                        return;
        }
}

static inline void *server_run(void *data)
{
        struct server *server = data;

        while (!atomic_load(&server->stop)) {
                struct pollfd wait = {.fd = server->listener, .events = POLLIN};
                int fd;

                if (poll(&wait, 1, 10) == 0)
                        continue;
                fd = accept(server->listener, NULL, NULL);
                if (fd < 0)
                        continue;
                server_talk(server, fd);
                close(fd);
        }
        return NULL;
}

static inline void server_listen(struct server *server, const struct sockaddr *address, socklen_t length)
{
        server->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(server->listener >= 0);
        assert_int_equal(bind(server->listener, address, length), 0);
        assert_int_equal(listen(server->listener, 8), 0);
        assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static inline struct server *server_new(const struct server_answer *answers, size_t n_answers)
{
        struct server *server = calloc(1, sizeof(*server));
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(address);

        server->answers = answers;
        server->n_answers = n_answers;
        server_listen(server, (struct sockaddr *)&address, sizeof(address));
        getsockname(server->listener, (struct sockaddr *)&address, &length);
        snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u", ntohs(address.sin_port));
        return server;
}

static inline struct server *server_new_unix(const struct server_answer *answers, size_t n_answers)
{
        struct server *server = calloc(1, sizeof(*server));
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        server->answers = answers;
        server->n_answers = n_answers;
        snprintf(server->socket, sizeof(server->socket), "/tmp/fabricnet-test-%d.sock", (int)getpid());
        unlink(server->socket);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->socket);
        server_listen(server, (struct sockaddr *)&address, sizeof(address));
        return server;
}

static inline void server_free(struct server *server)
{
        atomic_store(&server->stop, true);
        pthread_join(server->thread, NULL);
        close(server->listener);
        if (*server->socket)
                unlink(server->socket);
        free(server);
}

#define ANSWERS(...) ((const struct server_answer[]){__VA_ARGS__}), ARRAY_SIZE(((const struct server_answer[]){__VA_ARGS__}))

#endif
