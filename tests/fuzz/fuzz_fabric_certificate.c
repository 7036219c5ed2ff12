/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever stands in a certificate's file: it is read within its bounds, or is none. */
#include "fabric/services.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 1);
        int64_t end = 0;
        int r;

        memcpy(text, data, size);
        text[size] = 0;
        r = certificate_text_end(text, &end);
        if (r != 0 && r != -FBN_EINVAL)
                abort();
        free(text);
        return 0;
}

#include "replay.h"
