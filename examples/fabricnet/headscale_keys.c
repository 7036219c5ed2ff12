/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headscale.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* A key for a node that the fabric declares: to the file of -o (mode 0600, never replaced), else to standard output, for a pipe. */
static int key_mint(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;
        int r;

        r = fbn_fabric_load_file(command->c, command->file, &fabric);
        if (r >= 0)
                r = fbn_fabric_headscale(command->c, fabric, command->ca_file, &headscale);
        if (r >= 0)
                r = fbn_fabric_mint(command->c, fabric, headscale, command->argument[0], &key);
        if (r >= 0 && command->output)
                r = fbn_secret_write_file(command->c, key, command->output);
        if (r < 0)
                return failed(command, r);
        if (!command->output)
                print_secret(key, "\n");
        return EXIT_DONE;
}

const char *day(int64_t time, char *buffer, size_t size)
{
        time_t seconds = (time_t)(time / 1000000000);
        struct tm parts;

        if (time == 0 || !gmtime_r(&seconds, &parts) || strftime(buffer, size, "%Y-%m-%d", &parts) == 0)
                return "never";
        return buffer;
}

#define SOON (14 * 86400) /* seconds */

bool key_ends_soon(const fbn_headscale_key *key)
{
        return key->expiry && key->expiry / 1000000000 <= time(NULL) + SOON;
}

static void add_key(struct table *table, json_t *all, const fbn_headscale_key *key)
{
        bool api = key->kind == FBN_HEADSCALE_KEY_API, expired = key->expiry && key->expiry / 1000000000 <= time(NULL);
        bool soon = key->own && key_ends_soon(key);
        char id[24], expiry[32], note[64];

        snprintf(id, sizeof(id), "%" PRIu64, key->id);
        if (all) {
                json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:I, s:I}", "id", id, "kind", api ? "api" : "pre-auth", "prefix",
                                                     key->prefix, "user", key->user, "reusable", (int)key->reusable, "ephemeral", (int)key->ephemeral, "used",
                                                     (int)key->used, "own", (int)key->own, "expiry", (json_int_t)key->expiry, "created", (json_int_t)key->created));
                return;
        }
        snprintf(note, sizeof(note), "%s%s%s%s", key->own ? "in use here" : "", soon ? ", rotate it soon" : "", key->reusable ? "reusable" : "", key->used ? " used" : "");
        table_add(table, id);
        table_add(table, api ? "api" : "pre-auth");
        table_add(table, key->prefix);
        table_add(table, key->user);
        table_add(table, expired ? "expired" : day(key->expiry, expiry, sizeof(expiry)));
        table_add(table, note);
}

static int keys_list(struct command *command)
{
        static const fbn_headscale_key_kind kinds[] = {FBN_HEADSCALE_KEY_API, FBN_HEADSCALE_KEY_PRE_AUTH};
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};
        int r = open_server(command, &headscale);

        for (size_t k = 0; r >= 0 && k < 2; k++) {
                FBN_CLEANUP(fbn_headscale_keys) list = NULL;

                r = fbn_headscale_key_list(command->c, headscale, kinds[k], &list);
                for (size_t i = 0; i < fbn_headscale_keys_count(list); i++)
                        add_key(&table, all, fbn_headscale_keys_at(list, i));
        }
        if (r < 0) {
                json_decref(all);
                return failed(command, r);
        }
        if (all)
                return print_json(all);
        table_print(&table, 6, stdout);
        return EXIT_DONE;
}

static int key_expire(struct command *command)
{
        bool api = strcmp(command->argument[1], "api") == 0;
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        uint64_t id;
        int r;

        if (!api && strcmp(command->argument[1], "pre-auth") != 0)
                return misused("usage: fabricnet headscale keys expire ID api|pre-auth");
        r = open_with_id(command, &headscale, &id);
        return finish(command, r == 0 ? fbn_headscale_key_expire(command->c, headscale, api ? FBN_HEADSCALE_KEY_API : FBN_HEADSCALE_KEY_PRE_AUTH, id) : r);
}

static int own_key(struct command *command, fbn_headscale *headscale, uint64_t *ret_id)
{
        FBN_CLEANUP(fbn_headscale_keys) list = NULL;
        int r = fbn_headscale_key_list(command->c, headscale, FBN_HEADSCALE_KEY_API, &list);

        *ret_id = 0;
        for (size_t i = 0; i < fbn_headscale_keys_count(list); i++)
                if (fbn_headscale_keys_at(list, i)->own)
                        *ret_id = fbn_headscale_keys_at(list, i)->id;
        return r;
}

/* The new key is written before the old one is ended: whatever breaks, there is one that works. */
static int key_rotate(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;
        uint64_t old;
        int r;

        if (!command->output)
                return misused("headscale keys rotate: name the new key's file with -o; it is made, and no file is replaced");
        r = open_server(command, &headscale);
        if (r >= 0)
                r = own_key(command, headscale, &old);
        if (r >= 0)
                r = fbn_headscale_key_rotate(command->c, headscale, 0, &key);
        if (r >= 0)
                r = fbn_secret_write_file(command->c, key, command->output);
        if (r >= 0 && old)
                r = fbn_headscale_key_expire(command->c, headscale, FBN_HEADSCALE_KEY_API, old);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

int headscale_keys(struct command *command)
{
        static const struct verb verbs[] = {
                {"mint", 1, key_mint, "mint NODE [-o FILE]"},
                {"expire", 2, key_expire, "expire ID api|pre-auth"},
                {"rotate", 0, key_rotate, "rotate -o FILE"},
        };

        return verb_or_list(command, "headscale keys", keys_list, verbs, sizeof(verbs) / sizeof(verbs[0]));
}
