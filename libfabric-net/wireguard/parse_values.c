/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/parse.h"
#include "base/address.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#define KEY_TEXT 32 /* longer than any that is known */
#define VALUE_TEXT 320 /* a host name of 255 bytes, a port, some blanks */

/* Whether a key may be in it, its '=' or a character missing perhaps: a run of base64 that no number, address or label of a name has. */
static bool may_be_key(struct token value)
{
        size_t run = 0;

        for (size_t i = 0; i < value.length && run < KEY_BASE64 - 4; i++)
                run = isalnum((unsigned char)value.start[i]) || value.start[i] == '+' || value.start[i] == '/' ? run + 1 : 0;
        return run >= KEY_BASE64 - 4;
}

/* A value as an error shows it. What may be a key is not: a private one may stand in the wrong place. */
static const char *shown(struct token value, char buffer[static 64])
{
        size_t length = MIN(value.length, (size_t)63);

        if (may_be_key(value))
                return "(may be a key)";
        for (size_t i = 0; i < length; i++)
                buffer[i] = isprint((unsigned char)value.start[i]) ? value.start[i] : '?';
        buffer[length] = 0;
        return buffer;
}

static int read_number(struct parser *parser, struct token value, uint64_t minimum, uint64_t maximum, uint64_t *ret_number)
{
        char text[VALUE_TEXT], show[64];

        if (!token_squeeze(value, text, sizeof(text)) || !text_to_u64(text, minimum, maximum, ret_number))
                return parse_fail(parser, value.start, "'%s' is not a number from %llu to %llu", shown(value, show),
                                  (unsigned long long)minimum, (unsigned long long)maximum);
        return 0;
}

static bool is_off(struct token value)
{
        char text[8];

        return token_squeeze(value, text, sizeof(text)) && strcasecmp(text, "off") == 0;
}

/* For keys of both kinds; wipes what it leaves on the stack. */
static int read_key(struct parser *parser, struct token value, uint8_t bytes[static KEY_BYTES])
{
        char text[FBN_KEY_TEXT];
        bool good = key_from_base64(value.start, value.length, bytes);

        if (good)
                return 0;
        good = token_squeeze(value, text, sizeof(text)) && key_from_base64(text, strlen(text), bytes);
        key_wipe(text, sizeof(text));
        if (good)
                return 0;
        return parse_fail(parser, value.start, "not a key: %d characters of base64 are expected", FBN_KEY_TEXT - 1);
}

static int private_key(struct parser *parser, struct token value)
{
        FBN_CLEANUP(fbn_secret) secret = NULL;
        uint8_t key[KEY_BYTES];
        int r = read_key(parser, value, key);

        if (r == 0 && key_is_zero(key))
                r = parse_fail(parser, value.start, "the private key is all zero; make one with 'wg genkey'");
        if (r == 0)
                r = fbn_secret_new(parser->c, key, sizeof(key), &secret);
        key_wipe(key, sizeof(key));
        if (r < 0)
                return r;
        fbn_secret_unref(parser->private_key);
        parser->private_key = TAKE_PTR(secret);
        return 0;
}

static int preshared_key(struct parser *parser, struct token value)
{
        return read_key(parser, value, parser->draft.preshared_key);
}

static int public_key(struct parser *parser, struct token value)
{
        fbn_key *key = &parser->draft.peer.public_key;
        int r = read_key(parser, value, key->bytes);

        if (r < 0)
                return r;
        if (key_is_zero(key->bytes))
                return parse_fail(parser, value.start, "the public key is all zero");
        if (configuration_find(parser->wireguard, key))
                return parse_fail(parser, value.start, "a [Peer] with this public key came before");
        parser->has_public_key = true;
        return 0;
}

/* A number, or a name as of services(5), which wg(8) takes too. */
static bool read_port(const char *text, uint64_t minimum, uint64_t *ret_port)
{
        static const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE};
        struct addrinfo *found;

        if (text_to_u64(text, minimum, 65535, ret_port))
                return true;
        if (text[strspn(text, "0123456789")] == 0 || getaddrinfo(NULL, text, &hints, &found) != 0)
                return false; /* getaddrinfo() takes numbers modulo 65536 */
        *ret_port = ntohs(((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_port);
        freeaddrinfo(found);
        return true;
}

static int listen_port(struct parser *parser, struct token value)
{
        char text[VALUE_TEXT], show[64];
        uint64_t port;

        if (!token_squeeze(value, text, sizeof(text)) || !read_port(text, 0, &port))
                return parse_fail(parser, value.start, "'%s' is not a port: a number from 0 to 65535 or a name of services(5)", shown(value, show));
        parser->interface.listen_port = (uint16_t)port;
        return 0;
}

/* "off", decimal also with leading zeros, or hexadecimal with 0x. */
static int fwmark(struct parser *parser, struct token value)
{
        char text[VALUE_TEXT], show[64], *end;
        unsigned long long mark;

        if (is_off(value)) {
                parser->interface.fwmark = 0;
                return 0;
        }
        errno = 0;
        if (!token_squeeze(value, text, sizeof(text)) || !isdigit((unsigned char)*text) ||
            (mark = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10)) > UINT32_MAX || *end || errno)
                return parse_fail(parser, value.start, "'%s' is not a mark: 'off' or a number of 32 bits, hexadecimal with 0x",
                                  shown(value, show));
        parser->interface.fwmark = (uint32_t)mark;
        return 0;
}

/* Empty is not given, for wg-quick(8). */
static int mtu(struct parser *parser, struct token value)
{
        uint64_t number = 0;
        int r = value.length ? read_number(parser, value, 68, 65535, &number) : 0; /* 68: RFC 791, section 3.2 */

        if (r == 0)
                parser->interface.mtu = (uint32_t)number;
        return r;
}

static int table(struct parser *parser, struct token value)
{
        char text[VALUE_TEXT];

        parser->interface.table = NULL;
        if (value.length == 0)
                return 0;
        if (!token_squeeze(value, text, sizeof(text)))
                return parse_fail(parser, value.start, "not a routing table: 'off', 'auto', a number or a name");
        parser->interface.table = arena_strdup(&parser->arena, text);
        return parser->interface.table ? 0 : fail_memory(parser->c);
}

/* What it is has no meaning for us: its line is kept. */
static int save_config(struct parser *parser, struct token value)
{
        char text[8], show[64];

        if (token_squeeze(value, text, sizeof(text)) && (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0))
                return 0;
        return parse_fail(parser, value.start, "'%s' is neither true nor false", shown(value, show));
}

static int keepalive(struct parser *parser, struct token value)
{
        uint64_t seconds = 0;
        int r = is_off(value) ? 0 : read_number(parser, value, 0, 65535, &seconds);

        if (r == 0)
                parser->draft.peer.keepalive = (uint16_t)seconds;
        return r;
}

static struct token skip_blanks(const char *start, const char *end)
{
        while (start < end && blank(*start))
                start++;
        return (struct token){start, (size_t)(end - start)};
}

/* Call item() for each piece between commas, also for empty ones. */
static int each_item(struct parser *parser, struct token value, int (*item)(struct parser *parser, struct token token))
{
        const char *start = value.start, *end = value.start + value.length, *comma;

        do {
                int r;

                comma = memchr(start, ',', (size_t)(end - start));
                r = item(parser, skip_blanks(start, comma ? comma : end));
                if (r < 0)
                        return r;
                start = comma + 1;
        } while (comma);
        return 0;
}

static bool separates(char byte)
{
        return byte == ',' || blank(byte);
}

/* Call item() for each word between commas and blanks, which wg-quick(8) takes for the same. */
static int each_word(struct parser *parser, struct token value, int (*item)(struct parser *parser, struct token token))
{
        const char *end = value.start + value.length;
        int r = 0;

        for (const char *start = value.start, *stop; start < end && r == 0; start = stop) {
                for (stop = start; stop < end && !separates(*stop);)
                        stop++;
                if (stop > start)
                        r = item(parser, (struct token){start, (size_t)(stop - start)});
                else
                        stop++;
        }
        return r;
}

static int read_prefix(struct parser *parser, struct token token, fbn_prefix *ret_prefix)
{
        char text[FBN_ADDRESS_TEXT], show[64];

        if (!token_squeeze(token, text, sizeof(text)) || fbn_prefix_parse(text, ret_prefix) < 0)
                return parse_fail(parser, token.start, "'%s' is not ADDRESS/LENGTH", shown(token, show));
        return 0;
}

static int allowed_ip(struct parser *parser, struct token token)
{
        fbn_prefix prefix;
        int r;

        if (token.length && (*token.start == '+' || *token.start == '-'))
                return parse_fail(parser, token.start, "'%c' adds to or takes from a running device; a file lists all allowed IPs",
                                  *token.start);
        r = read_prefix(parser, token, &prefix);
        if (r < 0)
                return r;
        fbn_prefix_network(&prefix, &prefix); /* wg(8) takes host bits and clears them */
        return draft_allowed_ip(parser->c, &parser->draft, &prefix);
}

static int allowed_ips(struct parser *parser, struct token value)
{
        return each_item(parser, value, allowed_ip);
}

static int address(struct parser *parser, struct token token)
{
        fbn_wireguard_interface *interface = &parser->interface;
        fbn_prefix prefix;
        int r = read_prefix(parser, token, &prefix);

        if (r < 0)
                return r;
        for (size_t i = 0; i < interface->n_addresses; i++)
                if (prefix_equal(&parser->addresses[i], &prefix))
                        return parse_fail(parser, token.start, "this address came before; a link has it only once");
        if (!ARRAY_RESERVE(parser->addresses, interface->n_addresses, parser->addresses_capacity))
                return fail_memory(parser->c);
        parser->addresses[interface->n_addresses++] = prefix;
        return 0;
}

static int addresses(struct parser *parser, struct token value)
{
        return each_word(parser, value, address);
}

/* An address or a search domain: wg-quick hands both on. */
static int resolver(struct parser *parser, struct token token)
{
        fbn_wireguard_interface *interface = &parser->interface;
        char text[VALUE_TEXT], show[64];

        if (!token_squeeze(token, text, sizeof(text)) || !*text)
                return parse_fail(parser, token.start, "'%s' is neither a resolver's address nor a search domain", shown(token, show));
        if (!ARRAY_RESERVE(parser->dns, interface->n_dns, parser->dns_capacity))
                return fail_memory(parser->c);
        parser->dns[interface->n_dns] = arena_strdup(&parser->arena, text);
        return parser->dns[interface->n_dns++] ? 0 : fail_memory(parser->c);
}

static int resolvers(struct parser *parser, struct token value)
{
        return each_word(parser, value, resolver);
}

static bool is_plain(const char *text)
{
        for (; *text; text++)
                if (!isalnum((unsigned char)*text) && !strchr("-._", *text))
                        return false;
        return true;
}

/* "fe80::1%eth0": an address whose zone is a name, which only the host where it is used can resolve. */
static bool zoned_address(const char *host)
{
        const char *zone = strchr(host, '%');
        char text[FBN_ADDRESS_TEXT] = "";
        fbn_address parsed;

        if (!zone || !zone[1] || !is_plain(zone + 1) || (size_t)(zone - host) >= sizeof(text))
                return false;
        memcpy(text, host, (size_t)(zone - host));
        return fbn_address_parse(text, &parsed) == 0 && parsed.family == AF_INET6;
}

/* Only digits and dots would be an address gone wrong. */
static bool host_name(const char *host)
{
        size_t length = strlen(host);

        return length > 0 && length <= 255 && host[strspn(host, "0123456789.")] && is_plain(host);
}

/* As wg(8) does it: up to the last colon, or in brackets. */
static bool split_endpoint(char *text, char **ret_host, char **ret_port)
{
        bool brackets = *text == '[';
        char *end = brackets ? strchr(text, ']') : strrchr(text, ':');

        if (!end || (brackets && end[1] != ':'))
                return false;
        *end = 0;
        *ret_host = text + brackets;
        *ret_port = end + 1 + brackets;
        return true;
}

static int endpoint(struct parser *parser, struct token value)
{
        fbn_wireguard_peer *peer = &parser->draft.peer;
        char text[VALUE_TEXT], show[64], normal[VALUE_TEXT + 16], *host, *service;
        uint64_t port;

        peer->endpoint_name = NULL;
        if (!token_squeeze(value, text, sizeof(text)))
                return parse_fail(parser, value.start, "'%s' is not HOST:PORT", shown(value, show));
        if (fbn_endpoint_parse(text, &peer->endpoint) == 0 && peer->endpoint.port)
                return 0;
        peer->endpoint = (fbn_endpoint){0};
        if (!split_endpoint(text, &host, &service))
                return parse_fail(parser, value.start, "'%s' is not HOST:PORT", shown(value, show));
        if (!read_port(service, 1, &port))
                return parse_fail(parser, value.start, "'%s' does not end in a port from 1 to 65535 or a name of services(5)", shown(value, show));
        snprintf(normal, sizeof(normal), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
        if (fbn_endpoint_parse(normal, &peer->endpoint) == 0)
                return 0;
        if (!zoned_address(host) && !host_name(host))
                return parse_fail(parser, value.start, "'%s' is not ADDRESS:PORT, [IPV6]:PORT or NAME:PORT", shown(value, show));
        peer->endpoint_name = arena_strdup(&parser->arena, normal);
        return peer->endpoint_name ? 0 : fail_memory(parser->c);
}

/* wg-quick takes the rest of the line as it is. */
static int hook(struct parser *parser, struct token value)
{
        fbn_wireguard_interface *interface = &parser->interface;

        if (!ARRAY_RESERVE(parser->hooks, interface->n_hooks, parser->hooks_capacity))
                return fail_memory(parser->c);
        parser->hooks[interface->n_hooks] = arena_printf(&parser->arena, "%s = %.*s", parser->key, (int)value.length, value.start);
        return parser->hooks[interface->n_hooks++] ? 0 : fail_memory(parser->c);
}

/* In the order in which format_quick.c writes them. */
static const struct known_key known[] = {
        {SECTION_INTERFACE, "PrivateKey", private_key, false},
        {SECTION_INTERFACE, "ListenPort", listen_port, false},
        {SECTION_INTERFACE, "FwMark", fwmark, false},
        {SECTION_INTERFACE, "Address", addresses, false},
        {SECTION_INTERFACE, "DNS", resolvers, false},
        {SECTION_INTERFACE, "MTU", mtu, false},
        {SECTION_INTERFACE, "Table", table, false},
        {SECTION_INTERFACE, "PreUp", hook, true},
        {SECTION_INTERFACE, "PostUp", hook, true},
        {SECTION_INTERFACE, "PreDown", hook, true},
        {SECTION_INTERFACE, "PostDown", hook, true},
        {SECTION_INTERFACE, "SaveConfig", save_config, true},
        {SECTION_PEER, "PublicKey", public_key, false},
        {SECTION_PEER, "PresharedKey", preshared_key, false},
        {SECTION_PEER, "AllowedIPs", allowed_ips, false},
        {SECTION_PEER, "Endpoint", endpoint, false},
        {SECTION_PEER, "PersistentKeepalive", keepalive, false},
};

size_t known_place(const struct known_key *key)
{
        return (size_t)(key - known) + 1;
}

const struct known_key *known_key(enum section section, const char *key)
{
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (known[i].section == section && (known[i].key[0] | 0x20) == (*key | 0x20) && strcasecmp(known[i].key, key) == 0)
                        return &known[i];
        return NULL;
}

/* Letters to insert, remove or change to come from one word to the other (Levenshtein's distance). */
static size_t distance(const char *from, const char *to)
{
        size_t row[KEY_TEXT + 1], length = strlen(to);

        for (size_t j = 0; j <= length; j++)
                row[j] = j;
        for (size_t i = 1; from[i - 1]; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= length; j++) {
                        size_t changed = diagonal + (tolower((unsigned char)from[i - 1]) != tolower((unsigned char)to[j - 1]));

                        diagonal = row[j];
                        row[j] = MIN(changed, MIN(row[j], row[j - 1]) + 1);
                }
        }
        return row[length];
}

const struct known_key *known_key_near(enum section section, const char *key)
{
        const struct known_key *near = NULL;
        size_t nearest = 3;

        for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
                size_t apart = distance(key, known[i].key), allowed = strlen(known[i].key) < 5 ? 1 : 2;

                if ((apart == 0 || (known[i].section == section && apart <= allowed)) && apart < nearest) {
                        nearest = apart;
                        near = &known[i];
                }
        }
        return near;
}
