/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/collect.h"
#include "base/process.h"
#include "fabric/desired.h"

#include <fabricnet/secret.h>
#include <limits.h>
#include <stdio.h>

#define SECONDS 30
#define SSH_FAILED 255 /* Source: ssh(1), "exit status" */
#define END "# EOF\n"
#define OURS "fabricnet: "

static bool is_sample(const char *line, const char *host)
{
        size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:"), length = strlen(host);
        const char *labels = line + name;

        return name > 0 && strncmp(labels, "{host=\"", 7) == 0 && strncmp(labels + 7, host, length) == 0 && labels[7 + length] == '"' && strstr(labels, "} ");
}

/* Every sample is of that very host: none speaks for another one. */
static int check_metrics(fbn_context *c, const char *host, const char *bytes, size_t length, struct text *ret_text)
{
        _cleanup_(text_free) struct text line = {0};
        unsigned number = 0;

        if (length < strlen(END) || !streq(bytes + length - strlen(END), END))
                return fail(c, FBN_EPROTOCOL, "its metrics do not end with '# EOF': they were cut off");
        for (const char *at = bytes; *at; at = strchr(at, '\n') + 1) {
                number++;
                line.length = 0;
                text_append(&line, at, (size_t)(strchr(at, '\n') - at));
                if (line.failed)
                        return fail_memory(c);
                if (*at != '#' && !is_sample(line.bytes, host))
                        return fail(c, FBN_EPROTOCOL, "line %u is no sample of host '%s'", number, host);
        }
        text_append(ret_text, bytes, length);
        return ret_text->failed ? fail_memory(c) : 0;
}

int collect_translate(fbn_context *c, const fbn_fabric *fabric, const char *host, char *bytes, size_t length, struct text *ret_text)
{
        if (strlen(bytes) != length)
                return fail(c, FBN_EPROTOCOL, "there is a zero byte in its answer");
        if (*bytes == '#')
                return check_metrics(c, host, bytes, length, ret_text);
        return collect_wireguard(c, fabric, host, bytes, ret_text);
}

static const char *hint(const char *said)
{
        if (strstr(said, "Host key verification failed"))
                return "; its key is not the declared one";
        if (strstr(said, "Permission denied"))
                return "; our key is not in its authorized_keys";
        return "";
}

/* Nothing of the caller's own ssh settings, agents and known hosts counts: this host, this key, nothing asked. A restricted key runs its own command
 * instead of ours. The cheap key exchange comes first: that against quantum computers takes six times all the rest, every minute, to hide byte counts.
 * The host's key is in the file that ssh has as its standard input: KnownHostsCommand takes capabilities that our unit has not got. Source:
 * ssh_config(5), sshd(8) "AUTHORIZED_KEYS FILE FORMAT". */
static int ask(fbn_context *c, const struct watched *watched, const char *key, struct process_output *output)
{
        char address[FBN_ADDRESS_TEXT], port[8], known[2048], command[160];
        const char *const arguments[] = {
                "ssh", "-F", "none", "-T", "-i", key, "-p", port, "-l", watched->user ? watched->user : "root",
                "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "HostKeyAlias=peer", "-o", "UserKnownHostsFile=/proc/self/fd/0", "-o",
                "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no", "-o",
                "KexAlgorithms=^curve25519-sha256", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "-o", "LogLevel=ERROR",
                fbn_address_format(&watched->address, address, sizeof(address)), command, NULL};

        if (strchr(key, '%'))
                return fail(c, FBN_EINVAL, "%s: ssh takes no path with '%%'", watched->private_key.pointer);
        if (snprintf(known, sizeof(known), "peer %s\n", watched->host_key) >= (int)sizeof(known))
                return fail(c, FBN_EINVAL, "%s/host_key: too long", watched->pointer);
        snprintf(port, sizeof(port), "%u", watched->port);
        snprintf(command, sizeof(command), "fabricnet status --openmetrics -f /etc/fabricnet/fabric.json --host %s", watched->host->name);
        return process_run(c, &(struct process){.arguments = arguments, .input = known, .input_length = strlen(known), .folder = "/", .timeout = SECONDS}, output);
}

static int collect(fbn_context *c, const fbn_fabric *fabric, const struct watched *watched, struct text *ret_text)
{
        _cleanup_(process_output_free) struct process_output output = {0};
        FBN_CLEANUP(fbn_secret) readable = NULL;
        char key[PATH_MAX];
        const char *said;
        int r;

        r = secret_path(c, fabric, &watched->private_key, key);
        if (r == 0)
                r = fbn_secret_read_file(c, key, &readable); /* one that is locked, or that others can read, is named as such */
        if (r == 0)
                r = ask(c, watched, key, &output);
        if (r < 0)
                return r;
        /* Ours says there what is wrong; others' words are not repeated, they might be a configuration with its keys. */
        if (r != SSH_FAILED && output.length > 0 && strncmp(output.bytes, OURS, strlen(OURS)) != 0)
                return collect_translate(c, fabric, watched->host->name, output.bytes, output.length, ret_text);
        said = process_reason(&output);
        return fail(c, FBN_EUNAVAILABLE, "%s%s", said, hint(said));
}

int fbn_fabric_collect(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *given, const char *of, char **ret_text)
{
        const struct monitoring *monitoring = &fabric->monitoring;
        struct text text = {0};
        const struct watched *watched = NULL;
        const struct host *host;
        fbn_fabric_options options;
        int r;

        r = OPTIONS_READ(c, fbn_fabric_options, given, &options);
        if (r == 0)
                r = fabric_find_host(c, fabric, of, &host);
        if (r < 0)
                return r;
        if (!monitoring->pointer)
                return fail(c, FBN_EINVAL, "/monitoring: nothing is collected");
        for (size_t i = 0; !watched && i < monitoring->n_watched; i++)
                if (monitoring->watched[i].host == host)
                        watched = &monitoring->watched[i];
        if (!watched)
                return fail(c, FBN_EINVAL, "/monitoring/hosts: '%s' is not asked", of);
        if (!options.host || !streq(options.host, monitoring->at->name))
                return fail(c, FBN_EINVAL, "/monitoring: '%s' collects, not '%s'; run it there", monitoring->at->name, options.host ? options.host : "");
        r = collect(c, fabric, watched, &text);
        if (r < 0)
                text_free(&text);
        else
                *ret_text = text.bytes;
        return fail_in(c, r, "host %s", of);
}
