/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/macro.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <fabricnet/error.h>

/* As inet_pton(), which takes eight times as long: four numbers up to 255 without leading zeros. */
static bool parse_v4(const char *text, uint8_t bytes[static 4])
{
        for (size_t i = 0; i < 4; i++) {
                unsigned number = (unsigned)*text++ - '0', digit;

                if (number > 9)
                        return false;
                while (number > 0 && (digit = (unsigned)*text - '0') <= 9) {
                        number = number * 10 + digit;
                        if (number > 255)
                                return false;
                        text++;
                }
                if (*text++ != (i < 3 ? '.' : 0))
                        return false;
                bytes[i] = (uint8_t)number;
        }
        return true;
}

int fbn_address_parse(const char *text, fbn_address *ret_address)
{
        fbn_address address = {0};

        if (parse_v4(text, address.bytes))
                address.family = AF_INET;
        else if (strchr(text, ':') && inet_pton(AF_INET6, text, address.bytes) == 1)
                address.family = AF_INET6;
        else
                return -FBN_EINVAL;
        *ret_address = address;
        return 0;
}

static char *put_decimal(char *text, uint32_t number)
{
        char digits[10];
        size_t count = 0;

        do
                digits[count++] = (char)('0' + number % 10);
        while (number /= 10);
        while (count)
                *text++ = digits[--count];
        return text;
}

static char *put_byte(char *text, unsigned byte)
{
        if (byte >= 100)
                *text++ = (char)('0' + byte / 100);
        if (byte >= 10)
                *text++ = (char)('0' + byte / 10 % 10);
        *text++ = (char)('0' + byte % 10);
        return text;
}

static char *put_hex(char *text, unsigned word)
{
        for (int shift = word > 0xfff ? 12 : word > 0xff ? 8 : word > 0xf ? 4 : 0; shift >= 0; shift -= 4)
                *text++ = "0123456789abcdef"[word >> shift & 15];
        return text;
}

static char *put_v4(char *text, const uint8_t *bytes)
{
        for (size_t i = 0; i < 4; i++) {
                if (i > 0)
                        *text++ = '.';
                text = put_byte(text, bytes[i]);
        }
        return text;
}

/* Two or more zero words in a row, the longest and first: written as "::". Returns where they begin, 8 if nowhere. */
static size_t longest_zeros(const unsigned words[static 8], size_t *ret_length)
{
        size_t best = 8, best_length = 1;

        for (size_t i = 0; i < 8;) {
                size_t length = 0;

                while (i + length < 8 && words[i + length] == 0)
                        length++;
                if (length > best_length) {
                        best = i;
                        best_length = length;
                }
                i += length + 1;
        }
        *ret_length = best_length;
        return best;
}

/* RFC 5952; an IPv4 address inside as inet_ntop() writes it. */
static char *put_v6(char *text, const uint8_t *bytes)
{
        unsigned words[8];
        size_t zeros, length;

        for (size_t i = 0; i < 8; i++)
                words[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
        zeros = longest_zeros(words, &length);
        for (size_t i = 0; i < 8; i++) {
                if (i == zeros) {
                        *text++ = ':';
                        i += length - 1;
                        if (i == 7)
                                *text++ = ':';
                        continue;
                }
                if (i > 0)
                        *text++ = ':';
                if (i == 6 && zeros == 0 && (length == 6 || (length == 5 && words[5] == 0xffff)))
                        return put_v4(text, bytes + 12);
                text = put_hex(text, words[i]);
        }
        return text;
}

static char *put_address(char *text, const fbn_address *address)
{
        return address->family == AF_INET ? put_v4(text, address->bytes) : put_v6(text, address->bytes);
}

/* As much of the text up to end as the buffer takes. */
static const char *hand_over(const char *text, const char *end, char *buffer, size_t size)
{
        size_t length = (size_t)(end - text);

        if (size == 0)
                return buffer;
        length = MIN(length, size - 1);
        memcpy(buffer, text, length);
        buffer[length] = 0;
        return buffer;
}

const char *fbn_address_format(const fbn_address *address, char *buffer, size_t size)
{
        char text[FBN_ADDRESS_TEXT], *end = text;

        if (address && family_bits(address->family))
                end = put_address(text, address);
        return hand_over(text, end, buffer, size);
}

/* The part of text before end as a string of its own; false if it does not fit. */
static bool part(const char *text, const char *end, char *buffer, size_t size)
{
        size_t length = (size_t)(end - text);

        if (length >= size)
                return false;
        memcpy(buffer, text, length);
        buffer[length] = 0;
        return true;
}

int fbn_prefix_parse(const char *text, fbn_prefix *ret_prefix)
{
        const char *slash = strchr(text, '/');
        char address[INET6_ADDRSTRLEN];
        fbn_prefix prefix = {0};
        uint64_t length;

        if (!part(text, slash ? slash : text + strlen(text), address, sizeof(address)) || fbn_address_parse(address, &prefix.address) < 0)
                return -FBN_EINVAL;
        length = family_bits(prefix.address.family);
        if (slash && !text_to_u64(slash + 1, 0, length, &length))
                return -FBN_EINVAL;
        prefix.length = (uint8_t)length;
        *ret_prefix = prefix;
        return 0;
}

const char *fbn_prefix_format(const fbn_prefix *prefix, char *buffer, size_t size)
{
        char text[FBN_ADDRESS_TEXT], *end = text;

        if (prefix && family_bits(prefix->address.family)) {
                end = put_address(text, &prefix->address);
                *end++ = '/';
                end = put_byte(end, prefix->length);
        }
        return hand_over(text, end, buffer, size);
}

int fbn_prefix_network(const fbn_prefix *prefix, fbn_prefix *ret_network)
{
        size_t bytes = family_bytes(prefix->address.family);
        size_t kept = prefix->length / 8; /* bytes that are the network's as a whole */
        fbn_prefix network = *prefix;
        unsigned cleared = 0;

        if (bytes == 0 || prefix->length > bytes * 8)
                return -FBN_EINVAL;
        for (size_t i = kept; i < bytes; i++) {
                uint8_t mask = (uint8_t)(i == kept ? 0xff00u >> prefix->length % 8 : 0);

                cleared |= network.address.bytes[i] & (uint8_t)~mask;
                network.address.bytes[i] = (uint8_t)(network.address.bytes[i] & mask);
        }
        *ret_network = network;
        return cleared != 0;
}

bool fbn_prefix_contains(const fbn_prefix *prefix, const fbn_address *address)
{
        fbn_prefix other = {*address, prefix->length};
        fbn_prefix network;

        return prefix->address.family == address->family && fbn_prefix_network(&other, &other) >= 0 &&
               fbn_prefix_network(prefix, &network) >= 0 && prefix_equal(&other, &network);
}

bool fbn_prefix_overlaps(const fbn_prefix *a, const fbn_prefix *b)
{
        return a->length <= b->length ? fbn_prefix_contains(a, &b->address) : fbn_prefix_contains(b, &a->address);
}

int fbn_endpoint_parse(const char *text, fbn_endpoint *ret_endpoint)
{
        const char *colon = strrchr(text, ':');
        bool bracket = *text == '[';
        fbn_endpoint endpoint = {0};
        char address[FBN_ADDRESS_TEXT];
        uint64_t port, scope;
        char *zone;

        if (!colon || !text_to_u64(colon + 1, 0, 65535, &port))
                return -FBN_EINVAL;
        if (bracket && (colon == text || colon[-1] != ']'))
                return -FBN_EINVAL;
        if (!part(text + bracket, colon - bracket, address, sizeof(address)))
                return -FBN_EINVAL;
        zone = bracket ? strchr(address, '%') : NULL;
        if (zone) {
                *zone = 0;
                if (!text_to_u64(zone + 1, 1, UINT32_MAX, &scope))
                        return -FBN_EINVAL;
                endpoint.scope = (uint32_t)scope;
        }
        if (fbn_address_parse(address, &endpoint.address) < 0 || (endpoint.address.family == AF_INET6) != bracket)
                return -FBN_EINVAL;
        endpoint.port = (uint16_t)port;
        *ret_endpoint = endpoint;
        return 0;
}

const char *fbn_endpoint_format(const fbn_endpoint *endpoint, char *buffer, size_t size)
{
        char text[FBN_ADDRESS_TEXT], *end = text;
        bool six;

        if (!endpoint || !family_bits(endpoint->address.family))
                return hand_over(text, end, buffer, size);
        six = endpoint->address.family == AF_INET6;
        if (six)
                *end++ = '[';
        end = put_address(end, &endpoint->address);
        if (six && endpoint->scope) {
                *end++ = '%';
                end = put_decimal(end, endpoint->scope);
        }
        if (six)
                *end++ = ']';
        *end++ = ':';
        return hand_over(text, put_decimal(end, endpoint->port), buffer, size);
}
