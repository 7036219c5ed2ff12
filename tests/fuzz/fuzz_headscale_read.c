/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any text as a server's answer: its lists are read or refused in words. */
#include "headscale/headscale.h"

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
        return 0;
}

#include "replay.h"
