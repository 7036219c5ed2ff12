/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/context.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* Bytes of the printable character of UTF-8 (RFC 3629) that begins here; 0 if none does. */
static size_t printable(const unsigned char *text)
{
        size_t length = *text >= 0xf0 ? 4 : *text >= 0xe0 ? 3 : *text >= 0x80 ? 2 : 1;

        if (length == 1)
                return *text >= 0x20 && *text != 0x7f;
        for (size_t i = 1; i < length; i++)
                if ((text[i] & 0xc0) != 0x80)
                        return 0;
        /* What is written too long or is no character, and, below c2 a0, the second set of controls. */
        if (*text < 0xc2 || *text > 0xf4 || (*text == 0xc2 && text[1] < 0xa0) || (*text == 0xe0 && text[1] < 0xa0) ||
            (*text == 0xed && text[1] >= 0xa0) || (*text == 0xf0 && text[1] < 0x90) || (*text == 0xf4 && text[1] >= 0x90))
                return 0;
        return length;
}

/* Names come from files, servers and command lines, and may have been cut: a message stays one line that any terminal and any decoder
 * can take. */
static void make_printable(char *text)
{
        while (*text) {
                size_t length = printable((const unsigned char *)text);

                if (length == 0)
                        *text = '?';
                text += length ? length : 1;
        }
}

static void join(struct error_record *error)
{
        make_printable(error->object);
        make_printable(error->what);
        /* Both parts are bounded below the message's size; what does not fit is cut. */
        snprintf(error->message, sizeof(error->message), "%s%s%s", error->object, *error->object ? ": " : "", error->what);
}

static void record(fbn_context *c, int code, int os_errno, const char *format, va_list arguments)
{
        struct error_record *error = &c->error;

        error->code = code;
        error->os_errno = os_errno;
        error->object[0] = 0;
        vsnprintf(error->what, sizeof(error->what), format, arguments);
}

int fail(fbn_context *c, fbn_error code, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        record(c, (int)code, 0, format, arguments);
        va_end(arguments);
        join(&c->error);
        return -(int)code;
}

static fbn_error code_of(int os_errno)
{
        switch (os_errno) {
        case EPERM:
        case EACCES:
                return FBN_EPERM;
        case ENOMEM:
                return FBN_ENOMEM;
        default:
                return FBN_ESYSTEM;
        }
}

int fail_errno(fbn_context *c, int os_errno, const char *format, ...)
{
        fbn_error code = code_of(os_errno);
        va_list arguments;
        size_t used;

        va_start(arguments, format);
        record(c, (int)code, os_errno, format, arguments);
        va_end(arguments);
        used = strlen(c->error.what);
        snprintf(c->error.what + used, sizeof(c->error.what) - used, ": %s", strerrordesc_np(os_errno) ? strerrordesc_np(os_errno) : "unknown error");
        join(&c->error);
        return -(int)code;
}

int fail_memory(fbn_context *c)
{
        return fail(c, FBN_ENOMEM, "out of memory");
}

int fail_in(fbn_context *c, int r, const char *format, ...)
{
        char object[sizeof(c->error.object)];
        va_list arguments;
        int length;

        if (r >= 0)
                return r;
        va_start(arguments, format);
        length = vsnprintf(object, sizeof(object), format, arguments);
        va_end(arguments);
        if (length >= 0 && (size_t)length < sizeof(object) && *c->error.object)
                snprintf(object + length, sizeof(object) - (size_t)length, ": %s", c->error.object);
        memcpy(c->error.object, object, sizeof(object));
        join(&c->error);
        return r;
}

int options_read(fbn_context *c, const void *given, void *mine, size_t size, const char *type)
{
        size_t given_size;

        memset(mine, 0, size);
        if (!given) {
                memcpy(mine, &size, sizeof(size));
                return 0;
        }
        memcpy(&given_size, given, sizeof(given_size));
        if (given_size < sizeof(size_t))
                return fail(c, FBN_EINVAL, "%s: its size is not set; use FBN_OPTIONS()", type);
        for (size_t i = size; i < given_size; i++)
                if (((const char *)given)[i])
                        return fail(c, FBN_EINVAL, "%s: a member is set that this version of the library does not know", type);
        memcpy(mine, given, MIN(given_size, size));
        memcpy(mine, &size, sizeof(size));
        return 0;
}
