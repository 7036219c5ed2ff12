/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mint a pre-auth key that lets one node in within the hour, and write it to a new file that only its owner can read.
 *
 * usage: headscale_mint URL API-KEY-FILE USER OUT-FILE [CA-FILE]
 *        headscale_mint https://headscale.example secrets/headscale-api.key home nas.key */
#include <fabricnet/fabricnet.h>
#include <stdio.h>
#include <string.h>

/* The user's id; 0 if there is none of that name. */
static uint64_t find_user(const fbn_headscale_users *users, const char *name)
{
        for (size_t i = 0; i < fbn_headscale_users_count(users); i++)
                if (strcmp(fbn_headscale_users_at(users, i)->name, name) == 0)
                        return fbn_headscale_users_at(users, i)->id;
        return 0;
}

static int mint(fbn_context *c, fbn_headscale *headscale, const char *name, fbn_secret **ret_key)
{
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        uint64_t user;
        int r;

        r = fbn_headscale_user_list(c, headscale, &users);
        if (r < 0)
                return r;
        user = find_user(users, name);
        return fbn_headscale_key_mint(c, headscale, FBN_OPTIONS(fbn_headscale_key_options, .user = user), ret_key);
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_secret) api_key = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        int r;

        if (argc < 5) {
                fprintf(stderr, "usage: %s URL API-KEY-FILE USER OUT-FILE [CA-FILE]\n", argv[0]);
                return 3;
        }
        r = fbn_context_new(NULL, &c);
        if (r >= 0)
                r = fbn_secret_read_file(c, argv[2], &api_key);
        if (r >= 0)
                r = fbn_headscale_new(
                        c, FBN_OPTIONS(fbn_headscale_options, .url = argv[1], .api_key = api_key, .ca_file = argc > 5 ? argv[5] : NULL), &headscale);
        if (r >= 0)
                r = mint(c, headscale, argv[3], &key);
        if (r >= 0)
                r = fbn_secret_write_file(c, key, argv[4]);
        if (r < 0)
                fprintf(stderr, "%s\n", fbn_context_error(c));
        return r < 0;
}
