/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A mutator for where there is no libFuzzer: gcc and a sanitizer are enough. Feeds seeds that were changed again and again to a fuzz
 * target, from a seed number that it prints, so that what is found can be found again.
 *
 *      mutate-THING COUNT SECONDS NUMBER SEED… */
#include "mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_mutate(const uint8_t *data, size_t size, uint8_t *out, size_t limit) __attribute__((weak)); /* a target's own, 0: none */

#define LIMIT ((size_t)1 << 17)

struct seed {
        uint8_t *bytes;
        size_t size;
};

static uint64_t state;

/* splitmix64 */
uint64_t fuzz_random(uint64_t below)
{
        uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return (z ^ z >> 31) % below;
}

static bool seed_read(const char *path, struct seed *seed)
{
        FILE *file = fopen(path, "rb");

        if (!file) {
                perror(path);
                return false;
        }
        seed->bytes = malloc(LIMIT);
        seed->size = fread(seed->bytes, 1, LIMIT, file);
        fclose(file);
        return true;
}

static size_t splice(uint8_t *bytes, size_t size, size_t at, size_t gone, const uint8_t *with, size_t length)
{
        gone = gone < size - at ? gone : size - at;
        if (size - gone + length > LIMIT)
                return size;
        memmove(bytes + at + length, bytes + at + gone, size - at - gone);
        memcpy(bytes + at, with, length);
        return size - gone + length;
}

/* Bytes that are flipped, set, taken out, said twice or taken from another seed. */
static size_t mutate_bytes(uint8_t *bytes, size_t size, const struct seed *other)
{
        static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xc0, 0xff, '\n', '"', '\\', '[', '{', ',', ':', '=', '#', '%', '-', '9'};
        size_t at = fuzz_random(size + 1), length = 1 + fuzz_random(16), from;
        uint8_t copy[64];

        switch (fuzz_random(6)) {
        case 0:
                if (at < size)
                        bytes[at] ^= (uint8_t)(1u << fuzz_random(8));
                return size;
        case 1:
                if (at < size)
                        bytes[at] = odd[fuzz_random(sizeof(odd))];
                return size;
        case 2:
                return splice(bytes, size, at, length, copy, 0);
        case 3:
                return splice(bytes, size, at, 0, &odd[fuzz_random(sizeof(odd))], 1);
        case 4:
                length = length < size - at ? length : size - at;
                memcpy(copy, bytes + at, length);
                return splice(bytes, size, fuzz_random(size + 1), 0, copy, length);
        default:
                from = other->size ? fuzz_random(other->size) : 0;
                length = length < other->size - from ? length : other->size - from;
                return splice(bytes, size, at, length, other->bytes + from, length);
        }
}

/* Exactly as large as the input, so that the sanitizers see a byte too far. */
static void feed(const uint8_t *bytes, size_t size)
{
        uint8_t *copy = malloc(size ? size : 1);

        memcpy(copy, bytes, size);
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
}

static void one(const struct seed *seeds, size_t count)
{
        static uint8_t bytes[LIMIT], structured[LIMIT];
        const struct seed *seed = &seeds[fuzz_random(count)];
        size_t size = seed->size;

        memcpy(bytes, seed->bytes, size);
        for (uint64_t rounds = 1 + fuzz_random(4); fuzz_mutate && rounds > 0; rounds--) {
                size_t length = fuzz_mutate(bytes, size, structured, LIMIT);

                if (length == 0)
                        break;
                memcpy(bytes, structured, size = length);
        }
        for (uint64_t rounds = fuzz_random(fuzz_mutate ? 2 : 8); rounds > 0; rounds--)
                size = mutate_bytes(bytes, size, &seeds[fuzz_random(count)]);
        feed(bytes, size);
}

int main(int argc, char **argv)
{
        struct seed seeds[256];
        size_t count = 0;
        time_t end;
        long most, done = 0;

        if (argc < 5) {
                fprintf(stderr, "usage: %s COUNT SECONDS NUMBER SEED...\n", argv[0]);
                return 3;
        }
        most = atol(argv[1]);
        end = time(NULL) + atol(argv[2]);
        state = strtoull(argv[3], NULL, 10);
        printf("%s: number %s\n", argv[0], argv[3]);
        fflush(stdout);
        for (int i = 4; i < argc && count < sizeof(seeds) / sizeof(seeds[0]); i++, count++)
                if (!seed_read(argv[i], &seeds[count]))
                        return 3;
        for (; done < most && time(NULL) < end; done++)
                one(seeds, count);
        for (size_t i = 0; i < count; i++)
                free(seeds[i].bytes);
        printf("%s: %ld inputs\n", argv[0], done);
        return 0;
}
