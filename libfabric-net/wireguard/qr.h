/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_QR_H
#define WIREGUARD_QR_H

#include "wireguard/wiped.h"

#include <fabricnet/context.h>
#include <stdint.h>

#define QR_QUIET 4 /* modules of light around a symbol. Source: ISO/IEC 18004, 5.3.8 */

/* A QR symbol: one byte a module, 1 is dark, row by row, without the quiet zone. It says what its text says: wiped when it goes. */
struct qr {
        uint8_t *modules;
        size_t width;
};

/* text ends with a zero. */
int qr_encode(fbn_context *c, const char *text, struct qr *ret_qr);
void qr_free(struct qr *qr);

/* Whether a module is dark; those outside are light. */
bool qr_dark(const struct qr *qr, size_t x, size_t y);

void qr_draw_png(const struct qr *qr, struct wiped *to);

#endif
