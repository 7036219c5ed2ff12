/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/qr.h"
#include "base/context.h"

#include <errno.h>
#include <qrencode.h>
#include <sodium.h>

/* Bytes that a symbol of the largest version holds at the lowest level of correction. Source: ISO/IEC 18004, table 7. */
#define CAPACITY 2953

struct library {
        void *handle;
        __typeof__(&QRcode_encodeString) encode;
        __typeof__(&QRcode_free) free;
};

#if FBN_DLOPEN
#include <dlfcn.h>

static int library_open(fbn_context *c, struct library *library)
{
        library->handle = dlopen("libqrencode.so.4", RTLD_NOW | RTLD_LOCAL);
        if (!library->handle)
                return fail(c, FBN_EUNSUPPORTED, "libqrencode is not installed: apt-get install libqrencode4");
        library->encode = (__typeof__(library->encode))dlsym(library->handle, "QRcode_encodeString");
        library->free = (__typeof__(library->free))dlsym(library->handle, "QRcode_free");
        if (!library->encode || !library->free)
                return fail(c, FBN_EUNSUPPORTED, "libqrencode.so.4 has no QRcode_encodeString() or QRcode_free()");
        return 0;
}

static void library_close(struct library *library)
{
        if (library->handle)
                dlclose(library->handle);
}
#else
static int library_open(fbn_context *c, struct library *library)
{
        (void)c;
        library->encode = QRcode_encodeString;
        library->free = QRcode_free;
        return 0;
}

static void library_close(struct library *library)
{
        (void)library;
}
#endif

/* The symbol as ours; theirs is wiped and freed. */
static int take(fbn_context *c, const struct library *library, QRcode *symbol, struct qr *ret_qr)
{
        size_t width = (size_t)symbol->width;
        uint8_t *modules = memory_alloc(width * width);

        for (size_t i = 0; modules && i < width * width; i++)
                modules[i] = symbol->data[i] & 1; /* the other bits say what kind of module it is */
        sodium_memzero(symbol->data, width * width);
        library->free(symbol);
        if (!modules)
                return fail_memory(c);
        *ret_qr = (struct qr){modules, width};
        return 0;
}

int qr_encode(fbn_context *c, const char *text, struct qr *ret_qr)
{
        _cleanup_(library_close) struct library library = {0};
        QRcode *symbol;
        int r = library_open(c, &library);

        if (r < 0)
                return r;
        /* The version that it needs, and the level that leaves the largest modules: screens do not get scratched. */
        symbol = library.encode(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
        if (symbol)
                return take(c, &library, symbol, ret_qr);
        if (errno == ERANGE)
                return fail(c, FBN_EINVAL, "%zu bytes are too many for a QR code, which holds %d; fewer peers or allowed IPs are needed",
                            strlen(text), CAPACITY);
        return errno == ENOMEM ? fail_memory(c) : fail_errno(c, errno, "QR code");
}

void qr_free(struct qr *qr)
{
        if (qr->modules)
                sodium_memzero(qr->modules, qr->width * qr->width);
        memory_free(qr->modules);
        *qr = (struct qr){0};
}

bool qr_dark(const struct qr *qr, size_t x, size_t y)
{
        return x < qr->width && y < qr->width && qr->modules[y * qr->width + x];
}
