/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/host.h"

#include "base/address.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#define FOLDER "/etc/unbound/unbound.conf.d"
#define FILE_NAME FOLDER "/fabricnet.conf"
#define MAIN "/etc/unbound/unbound.conf"

static bool is_ours(fbn_context *c)
{
        return snippet_is_ours(c, FILE_NAME);
}

/* With ours in its place the whole configuration is looked at. */
static int check_file(fbn_context *c, const char *path)
{
        const char *const arguments[] = {"unbound-checkconf", MAIN, NULL};
        _cleanup_free_ char *output = NULL;
        int code = program_run(c, arguments, NULL, &output);

        (void)path;
        if (code > 0)
                return fail(c, FBN_EUNSUPPORTED, "unbound-checkconf refuses it: %s", output_end(output));
        return code;
}

/* SIGHUP makes it read all of its configuration anew: unbound(8). */
static int reload(fbn_context *c, const fbn_dns_host_options *options)
{
        int pid = process_find("unbound");

        (void)options;
        if (pid == 0)
                return fail(c, FBN_EUNAVAILABLE, "unbound does not run here: start it first");
        return kill(pid, SIGHUP) < 0 ? fail_errno(c, errno, "cannot tell unbound, process %d, to read its configuration", pid) : 0;
}

static const struct snippet snippet = {&manager_unbound, FILE_NAME, check_file, reload};

static bool covers_addresses(const struct saying *saying, const char *zone)
{
        size_t length = strlen(zone);

        for (size_t i = 0; i < saying->count; i++) {
                size_t whole = strlen(saying->items[i].zone);

                if (saying->items[i].n_servers == 0 && saying->items[i].route->n_addresses > 0 && whole > length &&
                    streq(saying->items[i].zone + whole - length, zone) && saying->items[i].zone[whole - length - 1] == '.')
                        return true;
        }
        return false;
}

static void add_local_data(struct text *text, const struct said *said)
{
        const fbn_dns_route *route = said->route;
        char address[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < route->n_addresses; i++) {
                fbn_address_format(&route->addresses[i], address, sizeof(address));
                text_add(text, "    local-data: \"%s. 60 IN %s %s\"\n", said->zone, route->addresses[i].family == AF_INET ? "A" : "AAAA", address);
                if (!said_is_whole(said))
                        text_add(text, "    local-data-ptr: \"%s 60 %s.\"\n", address, said->zone);
        }
}

/* static answers with the data that it has; always_nxdomain with none at all. */
static void add_local(struct text *text, const struct saying *saying, const struct said *said)
{
        if (said->route->blocked)
                text_add(text, "    local-zone: \"%s.\" %s\n", said->zone, covers_addresses(saying, said->zone) ? "static" : "always_nxdomain");
        else if (said_is_whole(said))
                text_add(text, "    local-zone: \"%s.\" redirect\n", said->zone);
        add_local_data(text, said);
}

static bool is_reverse(const char *zone)
{
        size_t length = strlen(zone);

        return length > 5 && streq(zone + length - 5, ".arpa");
}

/* A private zone is no lie there, not signed, and its reverse names are not empty. */
static void add_trust(struct text *text, const struct said *said)
{
        text_add(text, "    domain-insecure: \"%s.\"\n    private-domain: \"%s.\"\n", said->zone, said->zone);
        if (is_reverse(said->zone))
                text_add(text, "    local-zone: \"%s.\" transparent\n", said->zone);
        for (size_t i = 0; i < said->n_servers; i++)
                if (said->servers[i].address.family == AF_INET && said->servers[i].address.bytes[0] == 127) {
                        text_add(text, "    do-not-query-localhost: no\n");
                        return;
                }
}

static void add_forward(struct text *text, const struct said *said)
{
        char address[FBN_ADDRESS_TEXT];

        text_add(text, "forward-zone:\n    name: \"%s.\"\n", said->zone);
        for (size_t i = 0; i < said->n_servers; i++)
                text_add(text, "    forward-addr: %s@%u\n", fbn_address_format(&said->servers[i].address, address, sizeof(address)), said->servers[i].port);
}

static int check(const struct work *work)
{
        for (size_t i = 0; i < work->saying->count; i++) {
                const struct said *said = &work->saying->items[i];
                bool whole = work->saying->by_stub || said_is_whole(said);
                int r = said_refuse_loop(work, said, "unbound");

                if (r < 0)
                        return r;
                if (streq(said->zone, "."))
                        return said_refuse(work->c, said, "unbound", "has servers of its own for the rest");
                if (!whole && (said->n_servers > 0 || said->route->blocked || *said->route->suffix == '*'))
                        return said_refuse(work->c, said, "unbound", "forwards and refuses whole domains only");
        }
        return 0;
}

static int is_included(fbn_context *c)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read_if(c, MAIN, &text);

        if (r == 0 && !(text && strstr(text, "unbound.conf.d")))
                r = fail(c, FBN_EUNSUPPORTED, MAIN " does not include " FOLDER ": add 'include-toplevel: \"" FOLDER "/*.conf\"'");
        return r;
}

static bool write_text(const struct saying *saying, struct text *text)
{
        text_add(text, "server:\n");
        for (size_t i = 0; i < saying->count; i++)
                if (saying->items[i].n_servers > 0)
                        add_trust(text, &saying->items[i]);
                else
                        add_local(text, saying, &saying->items[i]);
        for (size_t i = 0; i < saying->count; i++)
                if (saying->items[i].n_servers > 0)
                        add_forward(text, &saying->items[i]);
        return !text->failed;
}

static int apply(struct work *work)
{
        _cleanup_(text_free) struct text text = {0};
        int r;

        if (work->saying->count == 0)
                return snippet_apply(work, &snippet, NULL);
        r = is_included(work->c);
        if (r == 0)
                r = check(work);
        if (r < 0)
                return r;
        return write_text(work->saying, &text) ? snippet_apply(work, &snippet, text.bytes) : fail_memory(work->c);
}

const struct manager manager_unbound = {FBN_DNS_MANAGER_UNBOUND, "unbound", apply, is_ours};
