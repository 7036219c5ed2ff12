/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/url.h"

#include "base/text.h"

#include <fabricnet/types.h>
#include <strings.h>
#include <sys/socket.h>

/* The host of "host[:port][/path]", without the brackets of an IPv6 address; false if there is none or it does not fit. */
static bool host_copy(const char *text, char *host, size_t size)
{
        const char *end;
        size_t length;

        if (*text == '[') {
                text++;
                end = strchr(text, ']');
                if (!end)
                        return false;
        } else {
                end = text + strcspn(text, ":/");
        }
        length = (size_t)(end - text);
        if (length == 0 || length >= size)
                return false;
        memcpy(host, text, length);
        host[length] = 0;
        return true;
}

static bool is_loopback(const char *host)
{
        fbn_address address;

        if (strcasecmp(host, "localhost") == 0)
                return true;
        if (fbn_address_parse(host, &address) < 0)
                return false;
        if (address.family == AF_INET)
                return address.bytes[0] == 127;
        return memcmp(address.bytes, (const uint8_t[16]){[15] = 1}, 16) == 0;
}

int url_check(fbn_context *c, const char *url, bool *ret_loopback)
{
        char host[256];
        const char *rest;
        bool tls;

        tls = strncasecmp(url, "https://", 8) == 0;
        if (!tls && strncasecmp(url, "http://", 7) != 0)
                return fail(c, FBN_EINVAL, "url '%s': not of the form https://host[:port]", url);
        rest = url + (tls ? 8 : 7);
        if (strpbrk(rest, "@?#\\ \t\r\n"))
                return fail(c, FBN_EINVAL, "url: only scheme, host, port and path may be given, no user, query or fragment");
        if (!host_copy(rest, host, sizeof(host)))
                return fail(c, FBN_EINVAL, "url '%s': no host", url);
        *ret_loopback = is_loopback(host);
        if (!tls && !*ret_loopback)
                return fail(c, FBN_EINVAL, "url '%s': plain http is allowed to loopback addresses only; use https", url);
        return 0;
}

void http_text_escape(struct text *text, const char *segment)
{
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~"; /* RFC 3986, 2.3; "." is a path's */

        for (; *segment; segment++) {
                if (strchr(plain, *segment))
                        text_append(text, segment, 1);
                else
                        text_add(text, "%%%02X", (unsigned)(unsigned char)*segment);
        }
}
