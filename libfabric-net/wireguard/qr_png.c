/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/qr.h"

#include <arpa/inet.h>

/* The least of PNG: one bit a pixel, grey, and stored blocks of deflate. Source: W3C PNG; RFC 1950, RFC 1951 section 3.2.4. */

#define SCALE 8           /* pixels a module has */
#define BLOCK_MAX 0xffff

static void put_u32(struct wiped *to, uint32_t number)
{
        number = htonl(number);
        wiped_append(to, (const char *)&number, sizeof(number));
}

static uint32_t crc(const char *bytes, size_t length)
{
        uint32_t sum = UINT32_MAX;

        for (size_t i = 0; i < length; i++) {
                sum ^= (uint8_t)bytes[i];
                for (int bit = 0; bit < 8; bit++)
                        sum = sum & 1 ? sum >> 1 ^ 0xedb88320 : sum >> 1;
        }
        return ~sum;
}

static uint32_t adler(const struct wiped *data)
{
        uint32_t a = 1, b = 0;

        for (size_t i = 0; i < data->length; i++) {
                a = (a + (uint8_t)data->bytes[i]) % 65521;
                b = (b + a) % 65521;
        }
        return b << 16 | a;
}

/* Length, kind, data, checksum of the latter two. */
static void put_chunk(struct wiped *to, const char *kind, const struct wiped *data)
{
        size_t start;

        put_u32(to, (uint32_t)data->length);
        start = to->length;
        wiped_append(to, kind, 4);
        wiped_append(to, data->bytes, data->length);
        if (!to->failed)
                put_u32(to, crc(to->bytes + start, to->length - start));
}

static void put_header(struct wiped *to, uint32_t side)
{
        _cleanup_(wiped_free) struct wiped header = {0};

        put_u32(&header, side);
        put_u32(&header, side);
        wiped_append(&header, "\1\0\0\0\0", 5); /* one bit, grey, and the only method there is of each kind */
        to->failed |= header.failed;
        put_chunk(to, "IHDR", &header);
}

/* Eight pixels are a byte and a module is eight wide: so many bytes as modules, 1 is white. */
static void put_rows(const struct qr *qr, struct wiped *rows)
{
        size_t width = qr->width + 2 * QR_QUIET;

        for (size_t y = 0; y < width * SCALE; y++) {
                wiped_append(rows, "", 1); /* no filter */
                for (size_t x = 0; x < width; x++)
                        wiped_append(rows, qr_dark(qr, x - QR_QUIET, y / SCALE - QR_QUIET) ? "\0" : "\xff", 1);
        }
}

static void put_data(struct wiped *to, const struct wiped *rows)
{
        _cleanup_(wiped_free) struct wiped data = {0};

        wiped_append(&data, "\x78\x01", 2); /* deflate, a window of 32 KiB, no dictionary, fastest */
        for (size_t done = 0; done < rows->length;) {
                uint16_t length = (uint16_t)MIN(rows->length - done, (size_t)BLOCK_MAX);
                const char head[] = {done + length == rows->length, (char)length, (char)(length >> 8), (char)~length, (char)(~length >> 8)};

                wiped_append(&data, head, sizeof(head));
                wiped_append(&data, rows->bytes + done, length);
                done += length;
        }
        put_u32(&data, adler(rows));
        to->failed |= data.failed || rows->failed;
        put_chunk(to, "IDAT", &data);
}

void qr_draw_png(const struct qr *qr, struct wiped *to)
{
        _cleanup_(wiped_free) struct wiped rows = {0};

        put_rows(qr, &rows);
        wiped_append(to, "\x89PNG\r\n\x1a\n", 8);
        put_header(to, (uint32_t)(SCALE * (qr->width + 2 * QR_QUIET)));
        put_data(to, &rows);
        put_chunk(to, "IEND", &(struct wiped){0});
}
