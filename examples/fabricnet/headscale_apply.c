/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headscale_file.h"

/* Said beside whatever else is said: a key that ended can no longer make another. */
static void key_warn(struct command *command, fbn_headscale *headscale)
{
        FBN_CLEANUP(fbn_headscale_keys) list = NULL;
        char text[32];

        if (fbn_headscale_key_list(command->c, headscale, FBN_HEADSCALE_KEY_API, &list) < 0)
                return;
        for (size_t i = 0; i < fbn_headscale_keys_count(list); i++) {
                const fbn_headscale_key *key = fbn_headscale_keys_at(list, i);

                if (key->own && key_ends_soon(key))
                        fprintf(stderr, "fabricnet: the API key %s ends on %s: 'fabricnet headscale keys rotate -o FILE' makes another, and so does \"keys\" in the file\n",
                                key->prefix, day(key->expiry, text, sizeof(text)));
        }
}

int headscale_apply(struct command *command)
{
        struct wanted wanted = {.path = command->argument[0]};
        fbn_headscale_change_options options = {.size = sizeof(options), .dry_run = command->dry_run};
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int code = wanted_read(&wanted), r = 0;

        if (!code)
                r = open_server(command, &headscale);
        if (!code && r >= 0)
                r = fbn_headscale_apply(command->c, headscale, &wanted.want, &options, &changes);
        wanted_clear(&wanted);
        if (code)
                return code;
        if (r == -FBN_EPARTIAL)
                print_changes(command, changes);
        if (r >= 0)
                key_warn(command, headscale);
        return changed(command, r, changes);
}
