/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* One line from the terminal, which does not show it. Returns its length, -1 if there is no terminal. */
static ssize_t ask(const char *what, char *line, size_t size)
{
        int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
        struct termios before, silent;
        ssize_t length = -1;

        if (terminal < 0)
                return -1;
        if (tcgetattr(terminal, &before) == 0) {
                silent = before;
                silent.c_lflag &= ~(tcflag_t)ECHO;
                tcsetattr(terminal, TCSAFLUSH, &silent);
                dprintf(terminal, "%s: ", what);
                length = read(terminal, line, size);
                tcsetattr(terminal, TCSAFLUSH, &before);
                dprintf(terminal, "\n");
        }
        close(terminal);
        return length;
}

int secret_of(struct command *command, const char *path, const char *what, fbn_secret **ret_secret)
{
        char line[1024];
        ssize_t length;
        int r;

        if (strcmp(path, "-") != 0)
                return fbn_secret_read_file(command->c, path, ret_secret);
        if (!isatty(STDIN_FILENO))
                return fbn_secret_read_file(command->c, "fd:0", ret_secret);
        length = ask(what, line, sizeof(line));
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
                length--;
        r = fbn_secret_new(command->c, line, length > 0 ? (size_t)length : 0, ret_secret);
        explicit_bzero(line, sizeof(line));
        return r;
}
