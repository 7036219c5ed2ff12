/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When a certificate ends: the one thing of X.509 that is looked at. Source: RFC 5280, section 4.1; RFC 7468. */
#include "base/file.h"
#include "fabric/services.h"

#include <sodium.h>
#include <time.h>

#define FILE_LIMIT ((size_t)1 << 20)
#define BEGIN "-----BEGIN CERTIFICATE-----"
#define SEQUENCE 0x30
#define VERSION 0xa0 /* context-specific, constructed, 0 */
#define UTC_TIME 0x17
#define GENERALIZED_TIME 0x18

struct der {
        const uint8_t *at;
        size_t left;
};

/* The next element; its content becomes ret_inner, what is read moves behind it. False if it is not whole. */
static bool der_next(struct der *der, uint8_t *ret_tag, struct der *ret_inner)
{
        size_t length, head = 2;

        if (der->left < 2)
                return false;
        length = der->at[1];
        if (length >= 0x80) {
                size_t bytes = length & 0x7f;

                if (bytes == 0 || bytes > 4 || der->left < 2 + bytes)
                        return false;
                length = 0;
                for (size_t i = 0; i < bytes; i++)
                        length = length << 8 | der->at[2 + i];
                head += bytes;
        }
        if (length > der->left - head)
                return false;
        *ret_tag = der->at[0];
        *ret_inner = (struct der){.at = der->at + head, .left = length};
        der->at += head + length;
        der->left -= head + length;
        return true;
}

static bool der_expect(struct der *der, uint8_t tag, struct der *ret_inner)
{
        uint8_t have;

        return der_next(der, &have, ret_inner) && have == tag;
}

static int two(const uint8_t *digits)
{
        return digits[0] >= '0' && digits[0] <= '9' && digits[1] >= '0' && digits[1] <= '9' ? (digits[0] - '0') * 10 + digits[1] - '0' : -1;
}

/* "YYMMDDhhmmssZ", years from 50 on are of the last century, or "YYYYMMDDhhmmssZ". */
static bool read_time(uint8_t tag, const struct der *text, int64_t *ret_time)
{
        const size_t century = tag == GENERALIZED_TIME ? 2 : 0;
        const uint8_t *at = text->at;
        int part[7] = {0};
        struct tm t = {0};

        if ((tag != UTC_TIME && tag != GENERALIZED_TIME) || text->left != 13 + century || at[text->left - 1] != 'Z')
                return false;
        if (century && (part[0] = two(at)) < 0)
                return false;
        for (size_t i = 0; i < 6; i++)
                if ((part[i + 1] = two(at + century + 2 * i)) < 0)
                        return false;
        t.tm_year = (century ? part[0] * 100 - 1900 : part[1] < 50 ? 100 : 0) + part[1];
        t.tm_mon = part[2] - 1;
        t.tm_mday = part[3];
        t.tm_hour = part[4];
        t.tm_min = part[5];
        t.tm_sec = part[6];
        *ret_time = timegm(&t);
        return true;
}

static bool read_end(const uint8_t *bytes, size_t length, int64_t *ret_end)
{
        struct der all = {bytes, length}, certificate, body, field, validity;
        uint8_t tag;

        if (!der_expect(&all, SEQUENCE, &certificate) || !der_expect(&certificate, SEQUENCE, &body) || !der_next(&body, &tag, &field))
                return false;
        if (tag == VERSION && !der_next(&body, &tag, &field)) /* else that was the serial number */
                return false;
        if (!der_expect(&body, SEQUENCE, &field) || !der_expect(&body, SEQUENCE, &field) || !der_expect(&body, SEQUENCE, &validity))
                return false;
        return der_next(&validity, &tag, &field) && der_next(&validity, &tag, &field) && read_time(tag, &field, ret_end);
}

int certificate_text_end(const char *text, int64_t *ret_end)
{
        _cleanup_free_ uint8_t *bytes = NULL;
        const char *begin = strstr(text, BEGIN), *end = begin ? strstr(begin + strlen(BEGIN), "-----END") : NULL;
        size_t n = 0;

        if (!end)
                return -FBN_EINVAL;
        begin += strlen(BEGIN);
        bytes = memory_alloc((size_t)(end - begin) + 1);
        if (!bytes)
                return -FBN_ENOMEM;
        if (sodium_base642bin(bytes, (size_t)(end - begin), begin, (size_t)(end - begin), "\r\n ", &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
                return -FBN_EINVAL;
        return read_end(bytes, n, ret_end) ? 0 : -FBN_EINVAL;
}

int certificate_end(fbn_context *c, const char *path, int64_t *ret_end)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r = file_read(c, path, FILE_LIMIT, &text, &length);

        if (r < 0)
                return r;
        r = certificate_text_end(text, ret_end);
        if (r == -FBN_ENOMEM)
                return fail_memory(c);
        return r < 0 ? fail(c, FBN_EINVAL, "%s: is no certificate in PEM form", path) : 0;
}
