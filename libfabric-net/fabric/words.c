/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/words.h"
#include "base/text.h"

#include <fabricnet/wireguard.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

/* 1 to longest characters of a set, the first and the last of a set of their own. */
static bool word(const char *text, size_t longest, const char *set, const char *ends, bool last_too)
{
        size_t length = strlen(text);

        return length >= 1 && length <= longest && strspn(text, set) == length && strchr(ends, text[0]) &&
               (!last_too || strchr(ends, text[length - 1]));
}

bool word_is_label(const char *text)
{
        return word(text, 63, LOWER DIGIT "-", LOWER DIGIT, true);
}

bool word_is_name(const char *text)
{
        return word(text, 63, LOWER UPPER DIGIT "_-", LOWER UPPER DIGIT, false);
}

/* Source: kernel net/core/dev.c, dev_valid_name(); a little narrower. */
bool word_is_device(const char *text)
{
        static const char set[] = LOWER UPPER DIGIT "_.@+-";

        return word(text, 15, set, set, false) && !streq(text, ".") && !streq(text, "..");
}

bool word_is_address(const char *text)
{
        fbn_address address;

        return fbn_address_parse(text, &address) == 0;
}

bool word_is_prefix(const char *text)
{
        fbn_prefix prefix;

        return strchr(text, '/') && fbn_prefix_parse(text, &prefix) == 0;
}

bool word_is_key(const char *text)
{
        fbn_key key;

        return fbn_key_parse(text, &key) == 0;
}

/* "net." and two to six more names; an interface's name with dots is what the fabric's own settings are for. */
bool word_is_sysctl(const char *text)
{
        size_t names = 0;

        if (strncmp(text, "net.", 4) != 0)
                return false;
        for (text += 3; *text; names++) {
                size_t length = strspn(text + 1, LOWER UPPER DIGIT "_-");

                if (*text != '.' || length == 0 || length > 32)
                        return false;
                text += 1 + length;
        }
        return names >= 2 && names <= 6;
}

/* Source: WireGuard's persistent keepalive is 16 bits of seconds. */
bool word_is_seconds(const char *text)
{
        size_t length = strlen(text);
        char digits[6];
        uint64_t seconds;

        if (length < 2 || length > 6 || text[length - 1] != 's' || text[0] == '0')
                return false;
        memcpy(digits, text, length - 1);
        digits[length - 1] = 0;
        return text_to_u64(digits, 1, UINT16_MAX, &seconds);
}

bool word_is_domain(const char *text)
{
        size_t length = 0;

        if (strlen(text) > 253)
                return false;
        for (const char *p = text;; p += length + 1) {
                char label[64];

                length = strcspn(p, ".");
                if (length > 63)
                        return false;
                memcpy(label, p, length);
                label[length] = 0;
                if (!word(label, 63, LOWER UPPER DIGIT "_-", LOWER UPPER DIGIT "_", true))
                        return false;
                if (!p[length])
                        return true;
        }
}

bool word_is_suffix(const char *text)
{
        size_t length = strlen(text);
        char domain[254];

        if (strncmp(text, "*.", 2) == 0) {
                text += 2;
                length -= 2;
        }
        if (length && text[length - 1] == '.')
                length--;
        if (length >= sizeof(domain))
                return false;
        memcpy(domain, text, length);
        domain[length] = 0;
        return word_is_domain(domain);
}

bool word_split_host_port(const char *text, char *host, size_t size, uint16_t *ret_port)
{
        const char *colon = strrchr(text, ':');
        size_t length = colon ? (size_t)(colon - text) : 0;
        bool bracketed = *text == '[' && length > 2 && text[length - 1] == ']';
        uint64_t port;

        if (length == 0 || length >= size || colon[1] == '0' || !text_to_u64(colon + 1, 1, UINT16_MAX, &port))
                return false;
        if (bracketed) {
                text++;
                length -= 2;
        }
        memcpy(host, text, length);
        host[length] = 0;
        *ret_port = (uint16_t)port;
        return bracketed ? word_is_address(host) && strchr(host, ':') : word_is_domain(host);
}

bool word_is_host_port(const char *text)
{
        char host[256];
        uint16_t port;

        return word_split_host_port(text, host, sizeof(host), &port);
}

/* What stands before "/tcp" or "/udp"; false if neither is there. */
static bool cut_protocol(const char *text, char *before, size_t size)
{
        const char *slash = strrchr(text, '/');

        if (!slash || (size_t)(slash - text) >= size || (!streq(slash, "/tcp") && !streq(slash, "/udp")))
                return false;
        memcpy(before, text, (size_t)(slash - text));
        before[slash - text] = 0;
        return true;
}

static bool split_portless(const char *text, char *host, size_t size)
{
        const char *slash = strrchr(text, '/');
        size_t length = slash ? (size_t)(slash - text) : 0;
        bool bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';

        if (length == 0 || length >= size || (!streq(slash, "/icmp") && !streq(slash, "/dns")))
                return false;
        memcpy(host, text + bracketed, length - 2 * bracketed);
        host[length - 2 * bracketed] = 0;
        return bracketed ? word_is_address(host) && strchr(host, ':') : word_is_domain(host);
}

bool word_split_target(const char *text, char *host, size_t size, uint16_t *ret_port, const char **ret_protocol)
{
        char target[300];

        *ret_port = 0;
        if (cut_protocol(text, target, sizeof(target)) ? !word_split_host_port(target, host, size, ret_port)
                                                       : !split_portless(text, host, size))
                return false;
        *ret_protocol = strrchr(text, '/') + 1;
        return true;
}

bool word_is_target(const char *text)
{
        const char *protocol;
        char host[300];
        uint16_t port;

        return word_split_target(text, host, sizeof(host), &port, &protocol);
}

bool word_split_forward(const char *text, fbn_endpoint *ret_target, bool *ret_udp)
{
        char before[FBN_ADDRESS_TEXT];
        fbn_endpoint target;

        if (!cut_protocol(text, before, sizeof(before)) || fbn_endpoint_parse(before, &target) < 0 || target.port == 0 || target.scope)
                return false;
        *ret_target = target;
        *ret_udp = streq(strrchr(text, '/'), "/udp");
        return true;
}

bool word_is_forward(const char *text)
{
        fbn_endpoint target;
        bool udp;

        return word_split_forward(text, &target, &udp);
}

/* Plain http is for loopback; fbn_headscale_new() sees to that. */
bool word_is_url(const char *text)
{
        size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;
        size_t authority = strcspn(text + scheme, "/?#@ \t\r\n\v\f");

        return scheme && authority && (!text[scheme + authority] || streq(text + scheme + authority, "/"));
}

bool word_is_path(const char *text)
{
        return *text && !strchr(text, '\n');
}

bool word_is_pointer(const char *text)
{
        return *text == '/' && !strchr(text, '\n');
}

/* What can stand in the files of nginx and fail2ban as it is. */
bool word_is_file(const char *text)
{
        return *text == '/' && !text[strspn(text, LOWER UPPER DIGIT "/._@:+-")];
}

bool word_is_email(const char *text)
{
        size_t length = strspn(text, LOWER UPPER DIGIT "._+-");

        return length > 0 && text[length] == '@' && word_is_domain(text + length + 1);
}

/* The directory of an ACME server. Source: RFC 8555, section 7.1.1. */
bool word_is_acme(const char *text)
{
        return strncmp(text, "https://", 8) == 0 && text[8] && strchr(LOWER UPPER DIGIT, text[8]) && !text[8 + strspn(text + 8, LOWER UPPER DIGIT "/._:-")];
}

/* Source: Cloudflare's API, "zone_id": 32 hexadecimal digits. */
bool word_is_zone(const char *text)
{
        return strlen(text) == 32 && strspn(text, DIGIT "abcdef") == 32;
}

bool word_is_host_key(const char *text)
{
        size_t type = strspn(text, LOWER DIGIT "@.-"), key;

        if (type == 0 || strchr("@.-", *text) || text[type] != ' ')
                return false;
        text += type + 1;
        key = strspn(text, LOWER UPPER DIGIT "+/");
        return key > 0 && strspn(text + key, "=") <= 2 && !text[key + strspn(text + key, "=")];
}

bool word_is_credential(const char *text)
{
        return word(text, 255, LOWER UPPER DIGIT "_.-", LOWER UPPER DIGIT "_", false);
}

bool word_is_tag(const char *text)
{
        return strncmp(text, "tag:", 4) == 0 && word(text + 4, 255, LOWER UPPER DIGIT "-", LOWER UPPER, false);
}
