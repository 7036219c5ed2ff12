/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any text as a wg-quick file: it is read or refused in one line that names the file; what was read can be compared with itself, and is
 * written as a text that is read as the same and written the same again. */
#include "wireguard/difference.h"

#include <fabricnet/context.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "%s\n", what);
        abort();
}

static void compare(fbn_context *c, const fbn_wireguard *wireguard, const fbn_wireguard *same)
{
        struct difference difference = {0};

        if (difference_new(c, "wg0", wireguard, same, false, &difference) < 0)
                return; /* two peers with one prefix, or the interface as its own peer */
        check(fbn_changes_count(difference.changes) == 0, "differs from itself");
        difference_free(&difference);
}

static fbn_secret *written(fbn_context *c, const fbn_wireguard *wireguard)
{
        fbn_secret *text = NULL;

        if (fbn_wireguard_format(c, wireguard, "wg-quick", &text) < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                abort();
        }
        return text;
}

static void write_and_read(fbn_context *c, const fbn_wireguard *wireguard)
{
        fbn_secret *once = written(c, wireguard), *twice;
        char *text = strndup(fbn_secret_bytes(once), fbn_secret_length(once));
        fbn_wireguard *again = NULL;

        if (fbn_wireguard_parse(c, "written", text, &again) < 0) {
                fprintf(stderr, "what was written is not read: %s\n%s", fbn_context_error(c), text);
                abort();
        }
        compare(c, wireguard, again);
        twice = written(c, again);
        check(fbn_secret_equal(once, twice), "written differently the second time");
        fbn_secret_unref(once);
        fbn_secret_unref(twice);
        fbn_wireguard_unref(again);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static fbn_context *c;
        fbn_wireguard *wireguard = NULL;
        char *text = malloc(size + 1);
        int r;

        if (!c)
                check(fbn_context_new(NULL, &c) == 0, "no context");
        memcpy(text, data, size);
        text[size] = 0;
        r = fbn_wireguard_parse(c, "wg0.conf", text, &wireguard);
        check((r == 0) == (wireguard != NULL), "an output although it failed");
        if (r == 0) {
                compare(c, wireguard, wireguard);
                write_and_read(c, wireguard);
        } else {
                check(r == -FBN_EINVAL, "another code than -FBN_EINVAL");
                check(strncmp(fbn_context_error(c), "wg0.conf", 8) == 0, "an error that does not name the file");
                check(!strchr(fbn_context_error(c), '\n'), "an error of two lines");
        }
        fbn_wireguard_unref(wireguard);
        free(text);
        return 0;
}

#include "replay.h"
