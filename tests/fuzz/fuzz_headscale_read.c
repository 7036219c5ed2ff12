/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any text as a server's answer: its lists are read or refused in words. */
#include "headscale/keys.h"

#include <fabricnet/context.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "%s\n", what);
        abort();
}

/* However long a key's text is: eight bytes of what may be all secret are shown, or what stands before the servers' own "***". */
static void read_keys(fbn_context *c, const char *text, size_t size, fbn_headscale_key_kind kind)
{
        FBN_CLEANUP(fbn_headscale_keys) keys = NULL;
        int r = headscale_keys_read(c, text, size, kind, &keys);

        check(r == 0 ? keys != NULL : r == -FBN_EPROTOCOL && !keys, "another code, or an output although it failed");
        for (size_t i = 0; i < fbn_headscale_keys_count(keys); i++) {
                const fbn_headscale_key *key = fbn_headscale_keys_at(keys, i);

                check(key->prefix && key->user && key->kind == kind, "a key without a name");
                check(strlen(key->prefix) <= 8 || memmem(text, size, "***", 3), "more of a key than is told of it");
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static fbn_context *c;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        int r;

        if (!c)
                check(fbn_context_new(NULL, &c) == 0, "no context");
        r = headscale_nodes_read(c, (const char *)data, size, &nodes);
        check(r == 0 ? nodes != NULL : r == -FBN_EPROTOCOL && !nodes, "another code, or an output although it failed");
        for (size_t i = 0; i < fbn_headscale_nodes_count(nodes); i++)
                check(fbn_headscale_nodes_at(nodes, i)->name && fbn_headscale_nodes_at(nodes, i)->user, "a node without a name");
        r = headscale_users_read(c, (const char *)data, size, &users);
        check(r == 0 ? users != NULL : r == -FBN_EPROTOCOL && !users, "another code, or an output although it failed");
        read_keys(c, (const char *)data, size, FBN_HEADSCALE_KEY_PRE_AUTH);
        read_keys(c, (const char *)data, size, FBN_HEADSCALE_KEY_API);
        return 0;
}

#include "replay.h"
