/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever bytes come: the parser stays inside them, and what is forwarded fits, can be read again and is not larger than asked.
 *
 * The first byte chooses the client's limits, the rest is a message and, once more, the text of a name. With clang link it with
 * -fsanitize=fuzzer and -DFUZZ_LIBFUZZER; else it replays files: fuzz-fuzz_dns_wire SEED… */
#include "dns/private.h"
#include "dns/reply.h"

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

static void forward(const struct message *message, uint8_t choice)
{
        static uint8_t out[WIRE_MESSAGE];
        static const size_t limits[] = {WIRE_PLAIN, WIRE_EDNS, WIRE_MESSAGE, 600};
        struct asked asked = {
                .id = 1, .readable = true, .question = message->question,
                .edns = choice & 4, .dnssec_ok = choice & 8, .limit = limits[choice & 3],
        };
        size_t length = reply_forward(&asked, message, out);
        struct message again;

        check(length <= asked.limit, "larger than the client takes");
        check(readable(out, length, &again), "the answer cannot be read");
        check(again.end == length, "bytes behind the answer");
        check(again.edns.present == asked.edns, "EDNS where none was asked");
        check(question_equal(&again.question, &message->question), "another question");
        check(again.id == 1, "another id");
}

static void name_text(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 1), buffer[NAME_TEXT];
        struct name name, again;

        memcpy(text, data, size);
        text[size] = 0;
        if (name_parse(text, &name)) {
                check(name_parse(name_format(&name, buffer), &again), "a name that is no name");
                check(again.length == name.length && memcmp(again.bytes, name.bytes, name.length) == 0, "a name that became another");
        }
        check(strlen(name_quote(text, buffer)) < NAME_TEXT, "a quote that is too long");
        free(text);
}

/* Each record written elsewhere says the same without pointers. */
static void copy_records(const struct message *message)
{
        static uint8_t out[WIRE_MESSAGE];
        size_t offset = message->records;
        struct record record, again;

        answer_private(message);
        for (; offset < message->end && message_record(message, offset, &record); offset = record.end) {
                size_t length = message_copy_record(message, &record, out, sizeof(out));
                struct message copy = {.bytes = out, .length = length, .end = length};

                check(length > 0 || record.end - record.data > sizeof(out) / 2, "no room for a record");
                check(length == 0 || (message_record(&copy, 0, &again) && again.end == length), "the copy cannot be read");
                check(length == 0 || (again.type == record.type && again.ttl == record.ttl), "the copy says something else");
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct message message;
        uint8_t choice;

        if (size == 0)
                return 0;
        choice = *data++;
        name_text(data, --size);
        if (readable(data, size, &message)) {
                forward(&message, choice);
                copy_records(&message);
        }
        return 0;
}

#ifndef FUZZ_LIBFUZZER
/* A copy of exactly the file's size on the heap, so that the sanitizers see a byte too far. */
static bool replay(const char *path)
{
        FILE *file = fopen(path, "rb");
        uint8_t buffer[WIRE_MESSAGE + 2];
        uint8_t *copy;
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
        /* Every cut and every flipped bit too: a seed is worth many. */
        for (size_t i = 0; i < size && size < 1024; i++) {
                uint8_t *cut = malloc(i + 1);

                memcpy(cut, copy, i);
                LLVMFuzzerTestOneInput(cut, i);
                free(cut);
                for (unsigned bit = 0; bit < 8; bit++) {
                        copy[i] ^= (uint8_t)(1u << bit);
                        LLVMFuzzerTestOneInput(copy, size);
                        copy[i] ^= (uint8_t)(1u << bit);
                }
        }
        free(copy);
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
