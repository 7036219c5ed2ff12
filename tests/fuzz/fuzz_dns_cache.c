/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever is kept, in whatever order and at whatever time: memory stays within its bound, and what is found can be read and passed on.
 *
 * The first byte chooses the size. Then steps: what to do, how much time passes, a lifetime, the length of a message, the message. */
#include "dns/cache.h"
#include "dns/reply.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "%s\n", what);
        abort();
}

static bool readable(const uint8_t *bytes, size_t length, struct message *ret_message)
{
        return message_header(bytes, length, ret_message) && message_question(ret_message) && message_records(ret_message);
}

static void look(const struct question *question, const struct message *found)
{
        static uint8_t out[WIRE_MESSAGE];
        struct asked asked = {.readable = true, .question = *question, .limit = WIRE_MESSAGE};
        struct message again;
        size_t length = reply_forward(&asked, found, out);

        check(readable(out, length, &again), "what was kept cannot be read");
        check(question_equal(&again.question, question), "another question's answer");
        check(again.end == length, "bytes behind the answer");
}

static bool stays(const void *data, const struct question *question)
{
        (void)data;
        return question->type & 1;
}

static void step(struct cache *cache, uint8_t what, uint32_t now, uint32_t lifetime, const uint8_t *bytes, size_t length)
{
        struct message message, found;
        struct cache_key key = {.question = &message.question, .flags = what & 8 ? FLAG_RD : 0, .dnssec_ok = what & 16};

        if ((what & 7) == 7)
                cache_sift(cache, stays, NULL);
        if (what == 6)
                cache_flush(cache);
        if (!readable(bytes, length, &message))
                return;
        key.hash = cache_hash(cache, key.question, key.flags, key.dnssec_ok);
        if ((what & 7) < 4)
                cache_store(cache, &key, &message, what & 32, now, lifetime);
        if ((what & 7) == 4)
                cache_extend(cache, &key, now);
        if (cache_find(cache, &key, now, &found) != CACHE_NOTHING)
                look(&message.question, &found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const size_t sizes[] = {4096, 5000, 16384, 65536};
        struct cache cache;
        uint32_t now = 1000;

        if (size == 0)
                return 0;
        check(cache_init(&cache, sizes[data[0] & 3]), "no memory");
        for (size_t at = 1; size - at >= 5; ) {
                size_t length = MIN((size_t)wire_read16(data + at + 3), size - at - 5);
                uint8_t *copy = memory_alloc(length + 1);

                now += data[at + 1];
                memcpy(copy, data + at + 5, length);
                step(&cache, data[at], now, data[at + 2], copy, length);
                memory_free(copy);
                check(cache_bytes(&cache) <= sizes[data[0] & 3], "more memory than was given");
                at += 5 + length;
        }
        cache_free(&cache);
        return 0;
}

#include "replay.h"
