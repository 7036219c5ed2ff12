/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/ssh.h"
#include "base/file.h"

#include <fabricnet/secret.h>
#include <limits.h>
#include <stdio.h>

bool ssh_is_plain(const char *text, const char *also)
{
        if (!text[0] || text[0] == '-')
                return false;
        for (; *text; text++)
                if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", *text) && !strchr(also, *text))
                        return false;
        return true;
}

static bool has_type_and_key(const char *host_key)
{
        const char *space = strchr(host_key, ' ');

        return space && ssh_is_plain(host_key, " +/=@") && space > host_key && space[1] && !strchr(space + 1, ' ');
}

int ssh_peer_check(fbn_context *c, const struct ssh_peer *peer)
{
        FBN_CLEANUP(fbn_secret) key = NULL;

        if (!peer->host || !ssh_is_plain(peer->host, ":"))
                return fail(c, FBN_EINVAL, "host '%s': a name or an address", peer->host ? peer->host : "");
        if (peer->user && !ssh_is_plain(peer->user, ""))
                return fail(c, FBN_EINVAL, "user '%s': letters, digits, '-', '.' and '_'", peer->user);
        if (!peer->host_key || !has_type_and_key(peer->host_key))
                return fail(c, FBN_EINVAL, "the host key is two words, such as \"ssh-ed25519 AAAA…\"; 'ssh-keyscan %s' shows what the host has",
                            peer->host);
        if (!peer->private_key || peer->private_key[0] != '/' || strpbrk(peer->private_key, "\"\n%"))
                return fail(c, FBN_EINVAL, "private key '%s': an absolute path without '\"' and '%%'", peer->private_key ? peer->private_key : "");
        return fbn_secret_read_file(c, peer->private_key, &key);
}

static int put(fbn_context *c, const char *folder, const char *name, struct text *text)
{
        char path[PATH_MAX];

        if (text->failed)
                return fail_memory(c);
        if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
                return fail(c, FBN_EINVAL, "%s: the path is too long", folder);
        return file_replace(c, path, text->bytes, text->length, 0600);
}

/* Nothing of the caller's own ssh settings, agents and known hosts counts: this host, this key, nothing asked. Source: ssh_config(5). */
int ssh_write_settings(fbn_context *c, const struct ssh_peer *peer, const char *folder, const char *names)
{
        _cleanup_(text_free) struct text settings = {0}, known = {0};
        int r;

        text_add(&known, "peer %s\n", peer->host_key);
        text_add(&settings,
                 "Host *\n"
                 "HostName %s\n"
                 "Port %u\n"
                 "User %s\n"
                 "IdentityFile \"%s\"\n"
                 "IdentitiesOnly yes\n"
                 "IdentityAgent none\n"
                 "HostKeyAlias peer\n"
                 "UserKnownHostsFile %s/known_hosts\n"
                 "GlobalKnownHostsFile /dev/null\n"
                 "StrictHostKeyChecking yes\n"
                 "UpdateHostKeys no\n"
                 "BatchMode yes\n"
                 "ConnectTimeout 10\n"
                 "ServerAliveInterval 5\n"
                 "LogLevel ERROR\n",
                 peer->host, peer->port ? peer->port : 22, peer->user ? peer->user : "root", peer->private_key, names);
        r = put(c, folder, "known_hosts", &known);
        return r < 0 ? r : put(c, folder, "ssh_config", &settings);
}

const char *ssh_hint(const char *said)
{
        if (strstr(said, "Host key verification failed"))
                return "; its key is not the declared one";
        if (strstr(said, "Permission denied"))
                return "; our key is not in its authorized_keys";
        return "";
}
