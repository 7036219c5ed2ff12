/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server that costs next to nothing, so that what a call takes is the client's: headscale_server PORT USERS-FILE NODES-FILE. Answers
 * GET /api/v1/user and /api/v1/node, one connection after the other, each kept open as long as its client likes. */
#include "datagrams.h"

#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

struct answer {
        char *bytes;
        size_t length;
};

static struct answer read_answer(const char *path)
{
        FILE *file = fopen(path, "r");
        struct answer answer = {0};
        struct stat status;
        size_t head;

        if (!file || fstat(fileno(file), &status) < 0 || !(answer.bytes = malloc((size_t)status.st_size + 256))) {
                perror(path);
                exit(1);
        }
        head = (size_t)sprintf(answer.bytes, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %lld\r\n\r\n",
                               (long long)status.st_size);
        answer.length = head + fread(answer.bytes + head, 1, (size_t)status.st_size, file);
        fclose(file);
        return answer;
}

static int send_whole(int fd, const struct answer *answer)
{
        for (size_t sent = 0; sent < answer->length;) {
                ssize_t n = send(fd, answer->bytes + sent, answer->length - sent, MSG_NOSIGNAL);

                if (n <= 0)
                        return 0;
                sent += (size_t)n;
        }
        return 1;
}

/* Requests come whole, one at a time: the clients wait for each answer. */
static void serve(int fd, const struct answer *users, const struct answer *nodes)
{
        char request[4096];
        ssize_t length;
        int one = 1;

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        while ((length = recv(fd, request, sizeof(request) - 1, 0)) > 0) {
                request[length] = 0;
                if (!send_whole(fd, strstr(request, " /api/v1/node ") ? nodes : users))
                        return;
        }
}

int main(int argc, char **argv)
{
        int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
        struct answer users, nodes;
        struct sockaddr_in address;

        if (argc != 4)
                return 3;
        users = read_answer(argv[2]);
        nodes = read_answer(argv[3]);
        address = local(argv[1]);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        needed(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
        needed(listen(fd, 8), "listen");
        for (;;) {
                int client = needed(accept(fd, NULL, NULL), "accept");

                serve(client, &users, &nodes);
                close(client);
        }
}
