/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/journal.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define HEADER ((size_t)8)
#define JOURNAL_MAX ((size_t)256 << 20)

/* CRC-32C (Castagnoli), reflected, four bits at a time. Source: RFC 3720, appendix B.4. */
uint32_t checksum_of(const void *memory, size_t length)
{
        static const uint32_t nibbles[16] = {
                0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
        };
        const uint8_t *bytes = memory;
        uint32_t sum = ~UINT32_C(0);

        for (size_t i = 0; i < length; i++) {
                sum ^= bytes[i];
                sum = sum >> 4 ^ nibbles[sum & 15];
                sum = sum >> 4 ^ nibbles[sum & 15];
        }
        return ~sum;
}

static void put32(uint8_t *at, uint32_t value)
{
        for (int i = 0; i < 4; i++)
                at[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get32(const uint8_t *at)
{
        return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

const char *record_name(const json_t *record)
{
        const char *name = json_string_value(json_object_get(record, "record"));

        return name ? name : "";
}

json_t *journal_find(const struct journal *journal, const char *name)
{
        for (size_t i = 0; i < json_array_size(journal->records); i++)
                if (streq(record_name(json_array_get(journal->records, i)), name))
                        return json_array_get(journal->records, i);
        return NULL;
}

json_t *journal_end(const struct journal *journal)
{
        for (size_t i = 0; i < json_array_size(journal->records); i++) {
                json_t *record = json_array_get(journal->records, i);

                if (streq(record_name(record), "confirmed") || streq(record_name(record), "undone") || streq(record_name(record), "failed"))
                        return record;
        }
        return NULL;
}

/* The bytes of the record at the beginning, or 0 if there is no whole one. */
static size_t whole_record(const uint8_t *bytes, size_t length)
{
        size_t body;

        if (length < HEADER)
                return 0;
        body = get32(bytes);
        if (body == 0 || body > length - HEADER || checksum_of(bytes + HEADER, body) != get32(bytes + 4))
                return 0;
        return HEADER + body;
}

static int parse(fbn_context *c, const char *path, const uint8_t *bytes, size_t length, struct journal *journal)
{
        size_t size;

        journal->records = json_array();
        if (!journal->records)
                return fail_memory(c);
        while ((size = whole_record(bytes + journal->length, length - journal->length)) > 0) {
                json_t *record = json_loadb((const char *)bytes + journal->length + HEADER, size - HEADER, 0, NULL);

                if (!record)
                        return fail(c, FBN_EINVAL, "%s: record %zu is whole but no JSON; is this another version's?", path,
                                    json_array_size(journal->records));
                if (json_array_append_new(journal->records, record) < 0)
                        return fail_memory(c);
                journal->length += size;
        }
        return 0;
}

int journal_read(fbn_context *c, const struct state *state, uint64_t generation, struct journal *journal)
{
        _cleanup_free_ char *bytes = NULL;
        char path[PATH_MAX];
        size_t length;
        int r;

        *journal = (struct journal){.generation = generation, .fd = -1};
        state_file(state, generation, "journal", path, sizeof(path));
        r = file_read(c, path, JOURNAL_MAX, &bytes, &length);
        return r < 0 ? r : parse(c, path, (const uint8_t *)bytes, length, journal);
}

static int open_journal(fbn_context *c, const char *path, int flags, struct journal *journal)
{
        journal->fd = sys()->open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
        return journal->fd < 0 ? fail_errno(c, errno, "%s", path) : 0;
}

static int append_text(const char *bytes, size_t length, void *text)
{
        text_append(text, bytes, length);
        return ((struct text *)text)->failed ? -1 : 0;
}

static int write_record(struct journal *journal, const json_t *record)
{
        _cleanup_(text_free) struct text text = {0};
        uint8_t header[HEADER] = {0};
        size_t length;
        int r;

        text_append(&text, (char *)header, HEADER);
        if (text.failed || json_dump_callback(record, append_text, &text, JSON_COMPACT) < 0)
                return -ENOMEM;
        length = text.length - HEADER;
        put32(header, (uint32_t)length);
        put32(header + 4, checksum_of(text.bytes + HEADER, length));
        memcpy(text.bytes, header, HEADER);
        /* Over what was cut off. */
        if (lseek(journal->fd, (off_t)journal->length, SEEK_SET) < 0)
                return -errno;
        r = fd_write_all(journal->fd, text.bytes, text.length);
        if (r == 0 && sys()->fdatasync(journal->fd) < 0)
                r = -errno;
        if (r == 0)
                journal->length += text.length;
        return r;
}

int journal_add(fbn_context *c, const struct state *state, struct journal *journal, json_t *record)
{
        char path[PATH_MAX];
        int r = record ? 0 : fail_memory(c);

        state_file(state, journal->generation, "journal", path, sizeof(path));
        if (r == 0 && journal->fd < 0)
                r = open_journal(c, path, 0, journal);
        if (r == 0) {
                r = write_record(journal, record);
                r = r < 0 ? fail_errno(c, -r, "%s", path) : json_array_append(journal->records, record) < 0 ? fail_memory(c) : 0;
        }
        json_decref(record);
        return r;
}

int journal_begin(fbn_context *c, const struct state *state, uint64_t generation, json_t *begin, struct journal *journal)
{
        char path[PATH_MAX];
        int r;

        *journal = (struct journal){.generation = generation, .fd = -1, .records = json_array()};
        r = journal->records && begin ? open_journal(c, state_file(state, generation, "journal", path, sizeof(path)), O_CREAT | O_EXCL, journal)
                                      : fail_memory(c);
        if (r < 0) {
                json_decref(begin);
                return r;
        }
        r = journal_add(c, state, journal, begin);
        return r < 0 ? r : state_sync(c, state);
}

void journal_close(struct journal *journal)
{
        if (journal->fd >= 0)
                close(journal->fd);
        json_decref(journal->records);
        *journal = (struct journal)JOURNAL_CLOSED;
}
