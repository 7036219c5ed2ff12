/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever text comes as a list of nodes: the reader stays inside it, and what jansson takes for JSON is not refused as malformed.
 *
 * With clang link it with -fsanitize=fuzzer and -DFUZZ_LIBFUZZER; else it replays files, every cut and every flipped bit of them. */
#include "headscale/headscale.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        json_t *whole = memchr(data, 0, size) ? NULL : json_loadb((const char *)data, size, 0, NULL); /* it takes a zero for a blank */

        if (fbn_context_new(NULL, &c) < 0)
                abort();
        if (headscale_nodes_read(c, (const char *)data, size, &nodes) < 0 && json_is_object(whole) && strstr(fbn_context_error(c), "not well formed")) {
                fprintf(stderr, "%s, but it is: %.*s\n", fbn_context_error(c), (int)size, (const char *)data);
                abort();
        }
        json_decref(whole);
        return 0;
}

#ifndef FUZZ_LIBFUZZER
static void replay_changed(uint8_t *bytes, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                uint8_t *cut = malloc(i + 1);

                memcpy(cut, bytes, i);
                LLVMFuzzerTestOneInput(cut, i);
                free(cut);
                for (unsigned bit = 0; bit < 8; bit++) {
                        bytes[i] ^= (uint8_t)(1u << bit);
                        LLVMFuzzerTestOneInput(bytes, size);
                        bytes[i] ^= (uint8_t)(1u << bit);
                }
        }
}

/* A copy of exactly the file's size on the heap, so that the sanitizers see a byte too far. */
static bool replay(const char *path)
{
        uint8_t buffer[2048], *copy;
        FILE *file = fopen(path, "rb");
        size_t size;

        if (!file) {
                perror(path);
                return false;
        }
        size = fread(buffer, 1, sizeof(buffer), file);
        fclose(file);
        copy = malloc(size ? size : 1);
        memcpy(copy, buffer, size);
        LLVMFuzzerTestOneInput(copy, size);
        replay_changed(copy, size);
        free(copy);
        return true;
}

int main(int argc, char **argv)
{
        bool good = argc > 1;

        for (int i = 1; i < argc; i++)
                good = replay(argv[i]) && good;
        return good ? 0 : 1;
}
#endif
