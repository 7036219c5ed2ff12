/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any text as a server's configuration: it is judged, or refused in words. */
#include "headscale/config.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static fbn_context *c;
        _cleanup_(text_free) struct text report = {0};
        int r;

        if (!c && fbn_context_new(NULL, &c) < 0)
                abort();
        r = headscale_config_read(c, (const char *)data, size, NULL, &report);
        if (r < 0 ? r != -FBN_EINVAL : !report.bytes) {
                fprintf(stderr, "%d: %s\n", r, fbn_context_error(c));
                abort();
        }
        return 0;
}

#include "replay.h"
