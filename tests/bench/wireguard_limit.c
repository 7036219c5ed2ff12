/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The least that reading a userspace daemon takes: ask and receive, look at nothing. wireguard_limit DEVICE */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        static char bytes[65536];
        char end[2] = "";
        ssize_t n;
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        if (argc != 2)
                return 3;
        snprintf(address.sun_path, sizeof(address.sun_path), "/var/run/wireguard/%s.sock", argv[1]);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || write(fd, "get=1\n\n", 7) != 7) {
                perror(argv[1]);
                return 1;
        }
        while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
                if (n == 1)
                        end[0] = end[1];
                else
                        end[0] = bytes[n - 2];
                end[1] = bytes[n - 1];
                if (end[0] == '\n' && end[1] == '\n')
                        return 0; /* an empty line ends the answer */
        }
        return 1;
}
