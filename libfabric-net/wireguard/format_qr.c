/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/format.h"
#include "wireguard/qr.h"

#include <stdio.h>

/* Black on white whatever the terminal's own colours are: numbers 16 and 231 of the 256 are no theme's to change. */
#define LINE_START "\033[38;5;16;48;5;231m"
#define LINE_END "\033[0m\n"

static void draw_text(const struct qr *qr, struct wiped *to)
{
        static const char *const halves[2][2] = {{" ", "\u2584"}, {"\u2580", "\u2588"}}; /* a character is two modules, one above the other */
        size_t width = qr->width + 2 * QR_QUIET;

        for (size_t y = 0; y < width; y += 2) {
                wiped_add(to, LINE_START);
                for (size_t x = 0; x < width; x++) /* left of and above the symbol the numbers wrap: outside */
                        wiped_add(to, halves[qr_dark(qr, x - QR_QUIET, y - QR_QUIET)][qr_dark(qr, x - QR_QUIET, y + 1 - QR_QUIET)]);
                wiped_add(to, LINE_END);
        }
}

/* One path of the dark runs of all rows. */
static void draw_svg(const struct qr *qr, struct wiped *to)
{
        size_t side = qr->width + 2 * QR_QUIET;
        char text[256];

        snprintf(text, sizeof(text),
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %zu %zu\" width=\"%zu\" height=\"%zu\" "
                 "shape-rendering=\"crispEdges\">\n<path fill=\"#fff\" d=\"M0 0h%zuv%zuH0z\"/>\n<path fill=\"#000\" d=\"",
                 side, side, 8 * side, 8 * side, side, side);
        wiped_add(to, text);
        for (size_t y = 0; y < qr->width; y++)
                for (size_t x = 0, length; x < qr->width; x += length + 1) {
                        for (length = 0; qr_dark(qr, x + length, y);)
                                length++;
                        if (length) {
                                snprintf(text, sizeof(text), "M%zu %zuh%zuv1h-%zuz", x + QR_QUIET, y + QR_QUIET, length, length);
                                wiped_add(to, text);
                        }
                }
        wiped_add(to, "\"/>\n</svg>\n");
}

static void formatting_wipe(struct formatting *formatting)
{
        wiped_free(&formatting->text);
}

static int format_drawn(struct formatting *formatting, void (*draw)(const struct qr *qr, struct wiped *to))
{
        _cleanup_(formatting_wipe) struct formatting phone = {.c = formatting->c, .wireguard = formatting->wireguard};
        _cleanup_(qr_free) struct qr qr = {0};
        int r = format_phone(&phone);

        if (r < 0)
                return r;
        formatting->broken = phone.broken;
        if (formatting->broken)
                return 0; /* the caller says it */
        wiped_append(&phone.text, "", 1);
        if (phone.text.failed)
                return fail_memory(formatting->c);
        r = qr_encode(formatting->c, phone.text.bytes, &qr);
        if (r == 0)
                draw(&qr, &formatting->text);
        return r;
}

int format_qr_text(struct formatting *formatting)
{
        return format_drawn(formatting, draw_text);
}

int format_qr_svg(struct formatting *formatting)
{
        return format_drawn(formatting, draw_svg);
}

int format_qr_png(struct formatting *formatting)
{
        return format_drawn(formatting, qr_draw_png);
}
