/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BAN_H
#define BAN_H

#include "command.h"

/* The engine's options from a JSON file; what they point to lives in it, until ban_settings_free(). 0 or an exit code. */
struct ban_settings {
        fbn_ban_engine_options options;
        json_t *file;
        fbn_prefix never[256];
        const char *trusted[64];
};

int ban_settings_read(const char *path, struct ban_settings *ret_settings);
void ban_settings_free(struct ban_settings *settings);

#endif
