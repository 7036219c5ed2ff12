/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Both ends of the DNS benchmark. dns_load serve PORT answers everything with an address. dns_load ask PORT COUNT PREFIX [NAMES [random]] asks
 * COUNT times, WINDOW at a time, until each is answered: names that begin with PREFIX, each once, or NAMES of them over and over, at random
 * with a word more.
 * dns_load pace PORT RATE SECONDS PREFIX NAMES asks so many a second and prints the 99th percentile of the waiting, in microseconds. */
#include "datagrams.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#define WINDOW 256
#define SILENCE 1000 /* milliseconds, after which what is missing is asked again */
#define SILENCES 10

static struct batch batch;

/* A record for the question's name, which stands at offset 12. */
static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, 192, 0, 2, 1};

static size_t question_end(const uint8_t *bytes, size_t length)
{
        size_t at = 12;

        while (at < length && bytes[at])
                at += bytes[at] + 1u;
        return at + 5;
}

/* The question comes back with one record and without EDNS. */
static void make_answer(int i)
{
        uint8_t *bytes = batch.bytes[i];
        size_t end = question_end(bytes, batch.parts[i].iov_len);

        bytes[2] |= 0x80;
        bytes[3] = 0x80;
        memset(bytes + 6, 0, 6);
        bytes[7] = 1;
        memcpy(bytes + end, record, sizeof(record));
        batch.parts[i].iov_len = end + sizeof(record);
}

static void serve(const char *port)
{
        int fd = bound(port);

        for (;;) {
                int count = batch_receive(fd, &batch, MSG_WAITFORONE);

                for (int i = 0; i < count; i++)
                        make_answer(i);
                batch_send(fd, &batch, count);
        }
}

/* An A query for PREFIX-NUMBER.bench.example; the id is the slot. */
static size_t make_query(uint8_t *bytes, uint16_t slot, const char *prefix, unsigned number)
{
        static const uint8_t tail[] = "\5bench\7example\0\0\1\0\1"; /* with its zero: not sent */
        uint8_t header[12] = {(uint8_t)(slot >> 8), (uint8_t)slot, 1, 0, 0, 1};
        int length = snprintf((char *)bytes + 13, 60, "%s-%u", prefix, number);

        memcpy(bytes, header, sizeof(header));
        bytes[12] = (uint8_t)length;
        memcpy(bytes + 13 + length, tail, sizeof(tail) - 1);
        return 13 + (size_t)length + sizeof(tail) - 1;
}

static struct asking {
        int fd;
        const char *prefix;
        unsigned count, names, sent, answered;
        int random;
        unsigned number[WINDOW]; /* asked in this slot */
        int busy[WINDOW];
} asking;

static void put(int *pending, uint16_t slot)
{
        batch.parts[*pending].iov_len = make_query(batch.bytes[*pending], slot, asking.prefix, asking.number[slot]);
        if (++*pending == BATCH) {
                batch_send(asking.fd, &batch, *pending);
                *pending = 0;
        }
}

static void batch_connected(void)
{
        batch_prepare(&batch);
        for (int i = 0; i < BATCH; i++)
                batch.headers[i].msg_hdr.msg_name = NULL, batch.headers[i].msg_hdr.msg_namelen = 0;
}

/* New names into free slots; with again, the unanswered ones once more. */
static void ask_more(int again)
{
        int pending = 0;

        batch_connected();
        for (uint16_t slot = 0; slot < WINDOW; slot++) {
                if (asking.busy[slot] ? !again : asking.sent == asking.count)
                        continue;
                if (!asking.busy[slot]) {
                        asking.number[slot] = (asking.random ? (unsigned)rand() : asking.sent) % asking.names;
                        asking.sent++;
                        asking.busy[slot] = 1;
                }
                put(&pending, slot);
        }
        batch_send(asking.fd, &batch, pending);
}

static void take_answers(void)
{
        int count = batch_receive(asking.fd, &batch, MSG_DONTWAIT);

        for (int i = 0; i < count; i++) {
                unsigned slot = (unsigned)batch.bytes[i][0] << 8 | batch.bytes[i][1];

                if (slot >= WINDOW || !asking.busy[slot])
                        continue;
                if (batch.bytes[i][2] & 0x80 && (batch.bytes[i][3] & 15 || batch.bytes[i][7] != 1)) { /* an echo is no answer and will do */
                        fprintf(stderr, "an answer of status %u with %u records\n", batch.bytes[i][3] & 15u, batch.bytes[i][7]);
                        exit(1);
                }
                asking.busy[slot] = 0;
                asking.answered++;
        }
}

static void ask(const char *port, unsigned count, const char *prefix, unsigned names, int random)
{
        struct sockaddr_in server = local(port);
        int silences = 0;

        asking = (struct asking){.fd = connected(&server), .count = count, .prefix = prefix, .names = names, .random = random};
        ask_more(0);
        while (asking.answered < count) {
                struct pollfd wait = {.fd = asking.fd, .events = POLLIN};

                if (poll(&wait, 1, SILENCE) > 0) {
                        take_answers();
                        ask_more(0);
                        continue;
                }
                if (++silences > SILENCES) {
                        fprintf(stderr, "%u of %u answered, then silence\n", asking.answered, count);
                        exit(1);
                }
                ask_more(1);
        }
}

static int64_t now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

#define PACED 65536 /* ids, so questions that may wait at once */

/* Whatever comes until then; how long it waited is noted. */
static size_t pace_take(int fd, int64_t until, const int64_t *sent, int64_t *waited, size_t count)
{
        for (;;) {
                int64_t left = until - now();
                struct timespec wait = {.tv_nsec = left > 0 ? left : 0};
                uint8_t bytes[DATAGRAM];

                if (left <= 0 || ppoll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, &wait, NULL) <= 0)
                        return count;
                if (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) >= 12)
                        waited[count++] = now() - sent[bytes[0] << 8 | bytes[1]];
        }
}

static void pace(const char *port, unsigned rate, unsigned seconds, const char *prefix, unsigned names)
{
        struct sockaddr_in server = local(port);
        static int64_t sent[PACED];
        unsigned total = rate * seconds;
        int64_t *waited = calloc(total, sizeof(*waited)), start = now();
        int fd = connected(&server);
        size_t count = 0;

        for (unsigned i = 0; i < total; i++) {
                uint8_t bytes[DATAGRAM];
                size_t length = make_query(bytes, (uint16_t)i, prefix, i % names);

                sent[(uint16_t)i] = now();
                send(fd, bytes, length, 0);
                count = pace_take(fd, start + (int64_t)(i + 1) * 1000000000 / rate, sent, waited, count);
        }
        count = pace_take(fd, now() + 100000000, sent, waited, count);
        if (count < total / 2) {
                fprintf(stderr, "%zu of %u answered\n", count, total);
                exit(1);
        }
        while (count < total) /* lost: whoever asked waits for longer than this */
                waited[count++] = 100000000;
        qsort(waited, count, sizeof(*waited), compare);
        printf("%.1f\n", (double)waited[count * 99 / 100] / 1000);
}

int main(int argc, char **argv)
{
        if (argc == 3 && strcmp(argv[1], "serve") == 0)
                serve(argv[2]);
        if (argc == 7 && strcmp(argv[1], "pace") == 0) {
                pace(argv[2], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]), argv[5], (unsigned)atoi(argv[6]));
                return 0;
        }
        if (argc < 5 || argc > 7 || strcmp(argv[1], "ask") != 0)
                return 3;
        ask(argv[2], (unsigned)atoi(argv[3]), argv[4], argc >= 6 ? (unsigned)atoi(argv[5]) : ~0u, argc == 7);
        return 0;
}
