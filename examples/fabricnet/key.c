/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

/* {"NAME": "KEY"} with --json; a key is base64 and needs no escapes. Without a second copy of it. */
static void print_key(const struct command *command, const char *name, const fbn_secret *text)
{
        if (command->json)
                printf("{\"%s\": \"", name);
        print_secret(text, command->json ? "\"}\n" : "\n");
}

/* A secret goes to the file of -o (mode 0600, never replaced) or to standard output, which is what the user asked for. */
static int hand_over(struct command *command, const char *name, const fbn_secret *key)
{
        FBN_CLEANUP(fbn_secret) text = NULL;
        int r;

        r = fbn_key_encode(command->c, key, &text);
        if (r >= 0 && command->output)
                r = fbn_secret_write_file(command->c, text, command->output);
        if (r < 0)
                return failed(command, r);
        if (!command->output)
                print_key(command, name, text);
        return EXIT_DONE;
}

static int generate(struct command *command)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        int r = fbn_key_generate(command->c, &key);

        return r < 0 ? failed(command, r) : hand_over(command, "private_key", key);
}

static int preshared(struct command *command)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        int r = fbn_key_generate_preshared(command->c, &key);

        return r < 0 ? failed(command, r) : hand_over(command, "preshared_key", key);
}

static int public(struct command *command)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        const char *path = command->count > 0 ? command->argument[0] : "/dev/stdin";
        char text[FBN_KEY_TEXT];
        fbn_key public_key;
        int r;

        if (command->count > 1)
                return misused("usage: fabricnet key public [PRIVATE-KEY-FILE]");
        if (fbn_key_parse(path, &public_key) == 0)
                return misused("key public: this is a key, and everybody can see it on a command line: make a new one, and name a file");
        r = fbn_key_read_file(command->c, path, &key);
        if (r < 0)
                return failed(command, r);
        r = fbn_key_public(command->c, key, &public_key);
        if (r < 0) {
                fprintf(stderr, "fabricnet: %s: %s\n", path, fbn_context_error(command->c));
                return EXIT_BAD_INPUT;
        }
        fbn_key_format(&public_key, text, sizeof(text));
        if (command->json)
                return print_json(json_pack("{s:s}", "public_key", text));
        printf("%s\n", text);
        return EXIT_DONE;
}

int command_key(struct command *command)
{
        static const struct verb verbs[] = {
                {"generate", 0, generate, "generate [-o FILE]"},
                {"preshared", 0, preshared, "preshared [-o FILE]"},
                {"public", -1, public, "public [PRIVATE-KEY-FILE]   (else from standard input)"},
        };

        return verb_run(command, "key", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
