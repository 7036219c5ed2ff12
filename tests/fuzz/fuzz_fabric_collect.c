/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever a router answers: what is taken for metrics ends as they do, and is of that router alone. */
#include "fabric/collect.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text)
{
        size_t length = strlen(text);

        if (length < 6 || strcmp(text + length - 6, "# EOF\n") != 0)
                abort();
        for (const char *line = text; *line; line = strchr(line, '\n') + 1)
                if (*line != '#' && strncmp(strchr(line, '{'), "{host=\"r\"", 9) != 0)
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        struct text text = {0};
        char *bytes = malloc(size + 1);

        memcpy(bytes, data, size);
        bytes[size] = 0;
        if (fbn_context_new(NULL, &c) < 0 ||
            fbn_fabric_load(c, "x", "{\"fabric\": 1, \"name\": \"n\", \"prefixes\": {}, \"hosts\": {\"r\": {}}}", &fabric) < 0)
                abort();
        if (collect_translate(c, fabric, "r", bytes, size, &text) == 0)
                check(text.bytes);
        else if (!*fbn_context_error(c))
                abort();
        text_free(&text);
        free(bytes);
        return 0;
}

#include "replay.h"
