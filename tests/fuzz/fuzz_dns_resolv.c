/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever /etc/resolv.conf says: at most three servers with an address each, and search domains that are words. */
#include "dns/host/host.h"

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

static void servers(struct arena *arena, const char *text)
{
        fbn_endpoint *servers;
        size_t n;

        check(resolv_conf_servers(arena, text, &servers, &n), "no memory");
        check(n <= 3, "more servers than the C library asks");
        for (size_t i = 0; i < n; i++)
                check((servers[i].address.family == AF_INET || servers[i].address.family == AF_INET6) && servers[i].port == 53, "no server");
        servers_are_resolved(servers, n);
}

static void search(struct arena *arena, const char *text)
{
        const char **search;
        size_t n;

        check(resolv_conf_search(arena, text, &search, &n), "no memory");
        for (size_t i = 0; i < n; i++)
                check(*search[i] && !strpbrk(search[i], " \t\r\n"), "a search domain that is no word");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct arena arena = {0};
        char *text = malloc(size + 1);

        memcpy(text, data, size);
        text[size] = 0;
        servers(&arena, text);
        search(&arena, text);
        arena_free(&arena);
        free(text);
        return 0;
}

#include "replay.h"
