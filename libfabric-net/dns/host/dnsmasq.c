/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/host.h"

#include "base/address.h"

#include <stdio.h>
#include <unistd.h>

#define FOLDER "/etc/dnsmasq.d"
#define FILE_NAME FOLDER "/fabricnet.conf"
#define MAIN "/etc/dnsmasq.conf"
#define MANAGED_FILE "/etc/NetworkManager/dnsmasq.d/fabricnet.conf" /* of the one that NetworkManager runs: NetworkManager.conf(5), "dns" */

static bool is_ours(fbn_context *c)
{
        return snippet_is_ours(c, FILE_NAME) || snippet_is_ours(c, MANAGED_FILE);
}

static int check_file(fbn_context *c, const char *path)
{
        char option[128];
        const char *const arguments[] = {"dnsmasq", "--test", option, NULL};
        _cleanup_free_ char *output = NULL;
        int code;

        snprintf(option, sizeof(option), "--conf-file=%s", path);
        code = program_run(c, arguments, NULL, &output);
        if (code > 0)
                return fail(c, FBN_EUNSUPPORTED, "dnsmasq refuses it: %s", output_end(output));
        return code;
}

/* Only when it starts does it read its configuration: dnsmasq(8), "SIGHUP does NOT re-read the configuration file". */
static int reload(fbn_context *c, const fbn_dns_host_options *options)
{
        static const char *const systemctl[] = {"systemctl", "restart", "dnsmasq.service", NULL};
        _cleanup_free_ const char **given = memory_alloc((options->n_restart + 1) * sizeof(char *));
        _cleanup_free_ char *output = NULL;
        int code;

        if (!given)
                return fail_memory(c);
        for (size_t i = 0; i < options->n_restart; i++)
                given[i] = options->restart[i];
        if (options->n_restart == 0 && access("/run/systemd/system", F_OK) < 0)
                return fail(c, FBN_EUNSUPPORTED, "it reads its configuration only when it starts, and no systemd runs here: name the command that restarts it ('--restart')");
        code = program_run(c, options->n_restart ? given : systemctl, NULL, &output);
        if (code > 0)
                return fail(c, FBN_EUNAVAILABLE, "'%s' failed: %s", options->n_restart ? given[0] : "systemctl restart dnsmasq.service", output_end(output));
        return code;
}

static int reload_managed(fbn_context *c, const fbn_dns_host_options *options)
{
        (void)options;
        return networkmanager_reload(c);
}

static const struct snippet by_service = {&manager_dnsmasq, FILE_NAME, check_file, reload};
static const struct snippet by_networkmanager = {&manager_dnsmasq, MANAGED_FILE, check_file, reload_managed};

/* A blocked domain around it keeps the types that it does not have from being asked elsewhere. */
static bool is_below_blocked(const struct saying *saying, const char *zone)
{
        size_t whole = strlen(zone);

        for (size_t i = 0; i < saying->count; i++) {
                size_t length = strlen(saying->items[i].zone);

                if (saying->items[i].route->blocked && said_is_whole(&saying->items[i]) && whole > length &&
                    streq(zone + whole - length, saying->items[i].zone) && zone[whole - length - 1] == '.')
                        return true;
        }
        return false;
}

static int check_said(const struct work *work, const struct said *said)
{
        if (streq(said->zone, "."))
                return said_refuse(work->c, said, "dnsmasq", "has servers of its own for the rest");
        if (work->saying->by_stub || said_is_whole(said))
                return said_refuse_loop(work, said, "dnsmasq");
        if (said->route->n_addresses == 0 || *said->route->suffix == '*')
                return said_refuse(work->c, said, "dnsmasq", "forwards and refuses whole domains only");
        return is_below_blocked(work->saying, said->zone) ? 0 : said_refuse(work->c, said, "dnsmasq", "would ask others for the types that it does not have");
}

/* Its files know no quotes: a name with odd bytes could be a line of its own. */
static int check_name(const struct work *work, const struct said *said)
{
        if (strspn(said->zone, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(said->zone))
                return 0;
        return said_refuse(work->c, said, "dnsmasq", "has no way to write this name");
}

static int check(const struct work *work)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < work->saying->count; i++) {
                r = check_said(work, &work->saying->items[i]);
                if (r == 0)
                        r = check_name(work, &work->saying->items[i]);
        }
        return r;
}

static void add_addresses(struct text *text, const struct said *said)
{
        char address[FBN_ADDRESS_TEXT];

        if (said_is_whole(said))
                text_add(text, "local=/%s/\n", said->zone);
        for (size_t i = 0; i < said->route->n_addresses; i++) {
                fbn_address_format(&said->route->addresses[i], address, sizeof(address));
                text_add(text, said_is_whole(said) ? "address=/%s/%s\n" : "host-record=%s,%s,60\n", said->zone, address);
        }
}

static void add(struct text *text, const struct said *said)
{
        char address[FBN_ADDRESS_TEXT];

        if (said->n_servers > 0)
                text_add(text, "rebind-domain-ok=/%s/\n", said->zone);
        for (size_t i = 0; i < said->n_servers; i++)
                text_add(text, "server=/%s/%s#%u\n", said->zone, fbn_address_format(&said->servers[i].address, address, sizeof(address)), said->servers[i].port);
        if (said->n_servers == 0 && said->route->blocked)
                text_add(text, "local=/%s/\n", said->zone);
        else if (said->n_servers == 0)
                add_addresses(text, said);
}

static bool has_line(const char *text, const char *word)
{
        for (const char *at = text; (at = strstr(at, word)); at++)
                if (at == text || at[-1] == '\n')
                        return true;
        return false;
}

/* Debian names the folder on the command line, others in the file. */
static bool on_command_line(int pid)
{
        char path[64], bytes[4096];
        size_t length;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
        file = pid ? fopen(path, "re") : NULL;
        if (!file)
                return false;
        length = fread(bytes, 1, sizeof(bytes) - 1, file);
        fclose(file);
        bytes[length] = 0;
        for (size_t i = 0; i < length; i += strlen(bytes + i) + 1)
                if (strstr(bytes + i, FOLDER))
                        return true;
        return false;
}

static int is_included(fbn_context *c)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read_if(c, MAIN, &text);

        if (r < 0 || on_command_line(process_find("dnsmasq")) || (text && has_line(text, "conf-dir=" FOLDER)))
                return r;
        return fail(c, FBN_EUNSUPPORTED, "dnsmasq does not read " FOLDER ": add 'conf-dir=" FOLDER "/,*.conf' to " MAIN);
}

static int apply(struct work *work)
{
        _cleanup_(text_free) struct text text = {0};
        const struct snippet *snippet;
        int r;

        if (work->saying->count == 0)
                return snippet_apply(work, snippet_is_ours(work->c, MANAGED_FILE) ? &by_networkmanager : &by_service, NULL);
        snippet = networkmanager_has_dnsmasq(work->c) ? &by_networkmanager : &by_service;
        r = snippet == &by_service ? is_included(work->c) : 0;
        if (r == 0)
                r = check(work);
        if (r < 0)
                return r;
        for (size_t i = 0; i < work->saying->count; i++)
                add(&text, &work->saying->items[i]);
        return text.failed ? fail_memory(work->c) : snippet_apply(work, snippet, text.bytes);
}

const struct manager manager_dnsmasq = {FBN_DNS_MANAGER_DNSMASQ, "dnsmasq", apply, is_ours};
