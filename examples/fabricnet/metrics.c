/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What Prometheus is told: of another host, or by a server of its own. */
#include "metrics.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int get(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        fbn_fabric_options options = fabric_options(command);
        char *text = NULL;
        int r;

        r = fbn_fabric_load_file(command->c, command->file, &fabric);
        if (r == 0)
                r = fbn_fabric_collect(command->c, fabric, &options, command->argument[0], &text);
        if (r < 0)
                return failed(command, r);
        fputs(text, stdout);
        fbn_free(text);
        return EXIT_DONE;
}

static int listen_failed(const char *where)
{
        fprintf(stderr, "fabricnet: %s: %s\n", where, strerror(errno));
        return -1;
}

/* A socket that nobody listens on any more is in the way of its successor; one that is listened on is not. */
static int listen_unix(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (strlen(path) >= sizeof(address.sun_path)) {
                errno = ENAMETOOLONG;
                return listen_failed(path);
        }
        strcpy(address.sun_path, path);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
                errno = EADDRINUSE;
        else if (fd >= 0 && (errno != ECONNREFUSED || unlink(path) == 0) && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                 chmod(path, 0660) == 0 && listen(fd, CLIENTS_MAX) == 0)
                return fd;
        return listen_failed(path);
}

/* On loopback only: who may ask from elsewhere is the business of a proxy in front. */
static bool is_loopback(const char *text, fbn_endpoint *ret_where)
{
        static const struct in6_addr v6 = IN6ADDR_LOOPBACK_INIT;

        return fbn_endpoint_parse(text, ret_where) >= 0 && ret_where->port &&
               (ret_where->address.family == AF_INET ? ret_where->address.bytes[0] == 127 : memcmp(ret_where->address.bytes, &v6, 16) == 0);
}

static int listen_loopback(const char *text, fbn_endpoint where)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        bool is6 = where.address.family == AF_INET6;
        int fd, on = 1;

        memcpy(&v4.sin_addr, where.address.bytes, 4);
        v4.sin_port = v6.sin6_port = htons(where.port);
        fd = socket(where.address.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
            bind(fd, is6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4, is6 ? sizeof(v6) : sizeof(v4)) == 0 && listen(fd, CLIENTS_MAX) == 0)
                return fd;
        return listen_failed(text);
}

static int serve(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        const fbn_fabric_options options = fabric_options(command);
        struct looks looks = {0};
        fbn_endpoint where = {0};
        char standard[32];
        const char *address = standard;
        int listener, code, r;

        if (command->n_listen > 1)
                return misused("--listen: one of them");
        snprintf(standard, sizeof(standard), "127.0.0.1:%d", FBN_METRICS_PORT);
        if (command->n_listen)
                address = command->listen[0];
        if (*address != '/' && !is_loopback(address, &where))
                return misused("--listen '%s': a port on loopback such as %s, or the absolute path of a socket", address, standard);
        command->host = options.host;
        r = fbn_fabric_load_file(command->c, command->file, &fabric);
        if (r < 0)
                return failed(command, r);
        if (!looks_new(&looks, command, fabric))
                return EXIT_FAILED;
        fabric = fbn_fabric_unref(fabric);
        listener = *address == '/' ? listen_unix(address) : listen_loopback(address, where);
        code = listener < 0 ? EXIT_FAILED : metrics_answer(&looks, listener);
        if (listener >= 0 && *address == '/')
                unlink(address);
        looks_free(&looks);
        return code;
}

int command_metrics(struct command *command)
{
        static const struct verb verbs[] = {
                {"get", 1, get, "get HOST"},
                {"serve", 0, serve, "serve [--listen ADDRESS:PORT | --listen /PATH]"},
        };

        return verb_run(command, "metrics", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
