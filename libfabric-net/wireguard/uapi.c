/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/uapi.h"
#include "wireguard/encoding.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER_MIN ((size_t)4096) /* guarded memory is dear: most tunnels fit */
#define BUFFER_MAX ((size_t)65536)
#define LINE_MAX_BYTES ((size_t)512) /* the longest line either side writes is a key's, 80 bytes */
#define PATIENCE 30                  /* ten thousand new peers take a daemon two seconds */

static int fail_connect(fbn_context *c, const char *path)
{
        if (errno == ENOENT)
                return fail(c, FBN_ENOENT, "not a WireGuard interface: neither the kernel's nor with a daemon's socket %s", path);
        if (errno == ECONNREFUSED) {
                fail(c, FBN_EUNAVAILABLE, "no daemon answers on %s; start it again", path);
                c->error.os_errno = ECONNREFUSED; /* it is dead, not only slow */
                return -FBN_EUNAVAILABLE;
        }
        return fail_errno(c, errno, "%s", path);
}

static int fail_guarded(fbn_context *c)
{
        return fail(c, FBN_ENOMEM, "no guarded memory; 'ulimit -l' limits it");
}

int uapi_open(fbn_context *c, const char *name, struct uapi *ret_uapi)
{
        struct timeval slice = {.tv_sec = 1};
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -1;
        char *buffer;

        if (snprintf(address.sun_path, sizeof(address.sun_path), UAPI_DIRECTORY "/%s.sock", name) >= (int)sizeof(address.sun_path))
                return fail(c, FBN_EINVAL, "the interface's name is too long");
        fd = sys()->socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return fail_errno(c, errno, "cannot open a socket");
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof(slice));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &slice, sizeof(slice));
        if (sys()->connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return fail_connect(c, address.sun_path);
        if (sodium_init() < 0 || !(buffer = sodium_malloc(BUFFER_MIN)))
                return fail_guarded(c);
        *ret_uapi = (struct uapi){.c = c, .fd = TAKE_FD(fd), .buffer = buffer, .size = BUFFER_MIN, .patience = PATIENCE};
        return 0;
}

void uapi_close(struct uapi *uapi)
{
        sodium_free(uapi->buffer);
        if (uapi->fd >= 0)
                close(uapi->fd);
        *uapi = (struct uapi){.fd = -1};
}

/* After a call on the socket failed: 0 to try again. */
static int again(struct uapi *uapi, unsigned *silence)
{
        int os_errno = errno, r;

        r = context_check(uapi->c);
        if (r < 0)
                return r;
        if (os_errno == EINTR)
                return 0;
        if (os_errno != EAGAIN && os_errno != EWOULDBLOCK)
                return fail(uapi->c, FBN_EUNAVAILABLE, "the daemon broke the connection: %s", strerrordesc_np(os_errno));
        if (++*silence >= uapi->patience)
                return fail(uapi->c, FBN_EUNAVAILABLE, "the daemon has been silent for %u s", uapi->patience);
        return 0;
}

static int flush_buffer(struct uapi *uapi)
{
        unsigned silence = 0;

        while (uapi->length > 0 && !uapi->broken) {
                struct iovec part = {uapi->buffer + uapi->start, uapi->length};
                struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
                ssize_t n = sys()->sendmsg(uapi->fd, &message, MSG_NOSIGNAL);

                if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
                        uapi->broken = true;
                } else if (n < 0) {
                        int r = again(uapi, &silence);

                        if (r < 0)
                                return r;
                } else {
                        uapi->start += (size_t)n;
                        uapi->length -= (size_t)n;
                }
        }
        uapi->start = uapi->length = 0;
        return 0;
}

static int grow(struct uapi *uapi)
{
        char *buffer = sodium_malloc(BUFFER_MAX);

        if (!buffer)
                return fail_guarded(uapi->c);
        memcpy(buffer, uapi->buffer, uapi->size);
        sodium_free(uapi->buffer);
        uapi->buffer = buffer;
        uapi->size = BUFFER_MAX;
        return 0;
}

static int make_room(struct uapi *uapi)
{
        if (uapi->size - uapi->length >= LINE_MAX_BYTES)
                return 0;
        return uapi->size < BUFFER_MAX ? grow(uapi) : flush_buffer(uapi);
}

int uapi_put(struct uapi *uapi, const char *format, ...)
{
        va_list arguments;
        int length, r;

        r = make_room(uapi);
        if (r < 0)
                return r;
        va_start(arguments, format);
        length = vsnprintf(uapi->buffer + uapi->length, LINE_MAX_BYTES, format, arguments);
        va_end(arguments);
        uapi->length += (size_t)length;
        return 0;
}

int uapi_put_key(struct uapi *uapi, const char *name, const void *key)
{
        int r = uapi_put(uapi, "%s=", name);

        if (r < 0)
                return r;
        key_to_hex(key, uapi->buffer + uapi->length); /* within LINE_MAX_BYTES of the line begun */
        uapi->length += KEY_HEX;
        uapi->buffer[uapi->length++] = '\n';
        return 0;
}

int uapi_finish(struct uapi *uapi)
{
        int r = uapi_put(uapi, "\n");

        return r < 0 ? r : flush_buffer(uapi);
}

/* Read more behind what is not yet consumed. */
static int fill(struct uapi *uapi)
{
        bool full = uapi->start + uapi->length == uapi->size;
        unsigned silence = 0;
        int r;

        if (uapi->length == BUFFER_MAX)
                return fail(uapi->c, FBN_EPROTOCOL, "the daemon sent a line of more than %zu bytes", BUFFER_MAX);
        r = full && uapi->size < BUFFER_MAX ? grow(uapi) : 0;
        if (r < 0)
                return r;
        memmove(uapi->buffer, uapi->buffer + uapi->start, uapi->length);
        uapi->start = 0;
        for (;;) {
                struct iovec part = {uapi->buffer + uapi->length, uapi->size - uapi->length};
                struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
                ssize_t n = sys()->recvmsg(uapi->fd, &message, 0);

                if (n == 0)
                        return fail(uapi->c, FBN_EUNAVAILABLE, "the daemon ended the connection before its answer was complete");
                if (n > 0) {
                        uapi->length += (size_t)n;
                        return 0;
                }
                r = again(uapi, &silence);
                if (r < 0)
                        return r;
        }
}

int uapi_line(struct uapi *uapi, struct uapi_line *ret_line)
{
        char *line, *end, *equals;

        while (!(end = memchr(uapi->buffer + uapi->start, '\n', uapi->length))) {
                int r = fill(uapi);

                if (r < 0)
                        return r;
        }
        line = uapi->buffer + uapi->start;
        uapi->length -= (size_t)(end + 1 - line);
        uapi->start = (size_t)(end + 1 - uapi->buffer);
        equals = memchr(line, '=', (size_t)(end - line));
        if (!equals)
                return fail(uapi->c, FBN_EPROTOCOL, "the daemon sent a line without '='");
        *end = *equals = 0;
        *ret_line = (struct uapi_line){line, equals + 1, (size_t)(equals - line), (size_t)(end - equals - 1)};
        return 0;
}

int uapi_ping(fbn_context *c, const char *name)
{
        _cleanup_(uapi_close) struct uapi uapi = {.fd = -1};
        struct uapi_line line;
        int r;

        r = uapi_open(c, name, &uapi);
        if (r < 0)
                return r;
        uapi.patience = 1;
        r = uapi_put(&uapi, "get=1\n");
        if (r == 0)
                r = uapi_finish(&uapi);
        return r < 0 ? r : uapi_line(&uapi, &line);
}

int uapi_status(struct uapi *uapi, const char *value)
{
        long number = strtol(value, NULL, 10);
        int os_errno = number < -4095 || number > 4095 ? EPROTO : abs((int)number); /* wireguard-go sends it negative */
        const char *words = strerrordesc_np(os_errno);
        int r;

        if (os_errno == 0 && *value)
                return 0;
        r = fail(uapi->c, FBN_ESYSTEM, "the daemon refused: %s", os_errno && words ? words : "no reason given");
        uapi->c->error.os_errno = os_errno;
        return r;
}
