/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One answer a connection. Source: RFC 9112; OpenMetrics 1.0. */
#include "metrics.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
        int fd; /* 0: nobody */
        double deadline;
        char request[2048];
        size_t asked;
        struct look *look; /* waited for */
        char *answer;      /* being taken */
        size_t length, taken;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
        (void)number;
        interrupted = 1;
}

static void leave(struct client *client)
{
        close(client->fd);
        free(client->answer);
        *client = (struct client){0};
}

static void say(struct client *client, const char *status, const char *type, const char *body, size_t length)
{
        char head[256];
        int n = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status, type, length);

        client->look = NULL;
        client->answer = malloc((size_t)n + length);
        if (!client->answer) {
                leave(client);
                return;
        }
        memcpy(client->answer, head, (size_t)n);
        memcpy(client->answer + n, body, length);
        client->length = (size_t)n + length;
        client->deadline = seconds_now() + CLIENT_SECONDS;
}

static void say_line(struct client *client, const char *status, const char *line)
{
        char text[600];
        int n = snprintf(text, sizeof(text), "%s\n", line);

        say(client, status, "text/plain; charset=utf-8", text, (size_t)n);
}

static void say_look(struct client *client, const struct look *look)
{
        if (look->good)
                say(client, "200 OK", "application/openmetrics-text; version=1.0.0; charset=utf-8", look->text, look->length);
        else
                say_line(client, "502 Bad Gateway", look->trouble);
}

/* "/metrics" or "/metrics?host=NAME"; the name is cut out of the request. False: neither. */
static bool find_host(char *target, const char **ret_host)
{
        static const char path[] = "/metrics", query[] = "?host=";
        char *rest = target + strlen(path);

        *ret_host = NULL;
        if (strncmp(target, path, strlen(path)) != 0)
                return false;
        if (!*rest)
                return true;
        *ret_host = rest + strlen(query);
        return strncmp(rest, query, strlen(query)) == 0;
}

static void begin(struct looks *looks, struct client *client)
{
        char *target = strchr(client->request, ' '), *end = target ? strpbrk(target + 1, " \r\n") : NULL;
        const char *host;
        struct look *look;

        if (!end || *end != ' ' || strncmp(end, " HTTP/1.", 8) != 0) {
                say_line(client, "400 Bad Request", "this is no HTTP/1 request");
                return;
        }
        *end = 0;
        if (strncmp(client->request, "GET ", 4) != 0)
                say_line(client, "405 Method Not Allowed\r\nAllow: GET", "only GET is answered");
        else if (!find_host(target + 1, &host))
                say_line(client, "404 Not Found", "there is /metrics, and /metrics?host=NAME");
        else if (!(look = looks_find(looks, host)))
                say_line(client, "404 Not Found", "no host of the fabric is called so");
        else if (look_is_fresh(look))
                say_look(client, look);
        else if (!look_start(looks, look))
                say_line(client, "503 Service Unavailable", look->trouble);
        else {
                client->look = look;
                client->deadline = look->deadline + CLIENT_SECONDS;
        }
}

static void read_request(struct looks *looks, struct client *client)
{
        ssize_t n = recv(client->fd, client->request + client->asked, sizeof(client->request) - 1 - client->asked, 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                leave(client);
                return;
        }
        client->asked += (size_t)n;
        client->request[client->asked] = 0;
        if (strstr(client->request, "\r\n\r\n") || strstr(client->request, "\n\n"))
                begin(looks, client);
        else if (client->asked == sizeof(client->request) - 1 || strlen(client->request) != client->asked)
                say_line(client, "431 Request Header Fields Too Large", "the request is too long");
}

static void write_answer(struct client *client)
{
        ssize_t n = send(client->fd, client->answer + client->taken, client->length - client->taken, MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        client->taken += n > 0 ? (size_t)n : 0;
        if (n <= 0 || client->taken == client->length)
                leave(client);
}

static void take_clients(struct client *clients, int listener)
{
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                int fd;

                if (clients[i].fd)
                        continue;
                fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd <= 0)
                        return;
                clients[i] = (struct client){.fd = fd, .deadline = seconds_now() + CLIENT_SECONDS};
        }
}

/* What to wait for: whoever has room is not polled for more of them. */
static size_t gather(const struct looks *looks, const struct client *clients, int listener, struct pollfd *polled)
{
        bool room = false;
        size_t n = 0;

        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                room |= !clients[i].fd;
                if (clients[i].fd)
                        polled[n++] = (struct pollfd){.fd = clients[i].fd, .events = clients[i].answer ? POLLOUT : clients[i].look ? 0 : POLLIN};
        }
        if (room)
                polled[n++] = (struct pollfd){.fd = listener, .events = POLLIN};
        for (size_t i = 0; looks->working && i < looks->n; i++)
                n += look_poll(&looks->items[i], polled + n);
        return n;
}

static void serve_clients(struct looks *looks, struct client *clients)
{
        for (size_t i = 0; looks->working && i < looks->n; i++)
                if (look_process(looks, &looks->items[i]))
                        for (size_t j = 0; j < CLIENTS_MAX; j++)
                                if (clients[j].look == &looks->items[i])
                                        say_look(&clients[j], &looks->items[i]);
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                struct client *client = &clients[i];

                if (client->fd && !client->answer && !client->look)
                        read_request(looks, client);
                if (client->fd && client->answer)
                        write_answer(client);
                if (client->fd && seconds_now() > client->deadline)
                        leave(client);
        }
}

static bool is_idle(const struct looks *looks, const struct client *clients)
{
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (clients[i].fd)
                        return false;
        return looks->working == 0;
}

int metrics_answer(struct looks *looks, int listener)
{
        struct pollfd polled[CLIENTS_MAX + 1 + 2 * LOOKS_MAX];
        struct client *clients = calloc(CLIENTS_MAX, sizeof(*clients));
        struct sigaction action = {.sa_handler = interrupt};
        const struct timespec second = {.tv_sec = 1};
        sigset_t blocked, before;

        if (!clients)
                return EXIT_FAILED;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGINT);
        sigaddset(&blocked, SIGTERM);
        sigprocmask(SIG_BLOCK, &blocked, &before);
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        while (!interrupted) {
                size_t n = gather(looks, clients, listener, polled);

                /* Nobody there: nothing to wake for. */
                ppoll(polled, n, is_idle(looks, clients) ? NULL : &second, &before);
                take_clients(clients, listener);
                serve_clients(looks, clients);
        }
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (clients[i].fd)
                        leave(&clients[i]);
        free(clients);
        close(listener);
        return EXIT_DONE;
}
