/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FUZZ_REPLAY_H
#define FUZZ_REPLAY_H

/* main() of a fuzz target that stands alone: each file as it is, and cut at every place. */
#ifndef FUZZ_LIBFUZZER
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool replay(const char *path)
{
        static uint8_t buffer[1 << 17];
        FILE *file = fopen(path, "rb");
        size_t size, step;

        if (!file) {
                perror(path);
                return false;
        }
        size = fread(buffer, 1, sizeof(buffer), file);
        fclose(file);
        step = size < 2048 ? 1 : size / 97;
        for (size_t i = 0; i <= size; i = i < size && i + step > size ? size : i + step) {
                uint8_t *cut = malloc(i ? i : 1); /* exactly as large, so that the sanitizers see a byte too far */

                memcpy(cut, buffer, i);
                LLVMFuzzerTestOneInput(cut, i);
                free(cut);
        }
        return true;
}

int main(int argc, char **argv)
{
        bool good = argc > 1;

        for (int i = 1; i < argc; i++)
                good = replay(argv[i]) && good;
        if (argc == 1)
                fprintf(stderr, "usage: %s SEED...\n", argv[0]);
        return !good;
}
#endif

#endif
