/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Make a private key in a file that only its owner can read, and print the public key that belongs to it.
 *
 * usage: example-key_pair FILE      FILE must not exist yet; with an existing one its public key is printed */
#include <fabricnet/fabricnet.h>
#include <stdio.h>

static int make(fbn_context *c, const char *path)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_secret) text = NULL;
        int r;

        r = fbn_key_generate(c, &key);
        if (r >= 0)
                r = fbn_key_encode(c, key, &text);
        if (r >= 0)
                r = fbn_secret_write_file(c, text, path);
        return r == -FBN_EEXIST ? 0 : r;
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;
        char text[FBN_KEY_TEXT];
        fbn_key public_key;
        int r;

        if (argc != 2) {
                fprintf(stderr, "usage: %s FILE\n", argv[0]);
                return 3;
        }
        r = fbn_context_new(NULL, &c);
        if (r >= 0)
                r = make(c, argv[1]);
        if (r >= 0)
                r = fbn_key_read_file(c, argv[1], &key);
        if (r >= 0)
                r = fbn_key_public(c, key, &public_key);
        if (r < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                return 1;
        }
        puts(fbn_key_format(&public_key, text, sizeof(text)));
        return 0;
}
