/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/desired.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

int secret_open(fbn_context *c, const fbn_fabric *fabric, const struct secret_source *source, fbn_secret **ret_secret)
{
        char path[PATH_MAX];
        int r;

        if (source->credential)
                return fail_in(c, fbn_secret_read_credential(c, source->credential, ret_secret), "%s", source->pointer);
        if (c->secrets_dir || strncmp(source->file, "fd:", 3) == 0) /* a descriptor has no folder */
                return fail_in(c, fbn_secret_read_file(c, source->file, ret_secret), "%s", source->pointer);
        if (!fabric_path(fabric, source->file, path, sizeof(path)))
                return fail(c, FBN_EINVAL, "%s: the path is too long", source->pointer);
        r = fbn_secret_read_file(c, path, ret_secret);
        return fail_in(c, r, "%s", source->pointer);
}

int secret_path(fbn_context *c, const fbn_fabric *fabric, const struct secret_source *source, char *ret_path)
{
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");
        char path[PATH_MAX];
        bool fits;

        if (source->credential && !credentials)
                return fail(c, FBN_ENOENT, "%s: there is no credentials directory; LoadCredential=%s: in the unit hands it over", source->pointer,
                            source->credential);
        if (source->credential)
                fits = snprintf(path, sizeof(path), "%s/%s", credentials, source->credential) < (int)sizeof(path);
        else if (c->secrets_dir && *source->file != '/')
                fits = snprintf(path, sizeof(path), "%s/%s", c->secrets_dir, source->file) < (int)sizeof(path);
        else
                fits = fabric_path(fabric, source->file, path, sizeof(path));
        if (!fits)
                return fail(c, FBN_EINVAL, "%s: the path is too long", source->pointer);
        if (!realpath(path, ret_path))
                return errno == ENOENT ? fail(c, FBN_ENOENT, "%s: %s: no such file", source->pointer, path)
                                       : fail_errno(c, errno, "%s: %s", source->pointer, path);
        return 0;
}

static int key_open(fbn_context *c, const fbn_fabric *fabric, const struct secret_source *source, fbn_secret **ret_key)
{
        FBN_CLEANUP(fbn_secret) text = NULL;
        int r;

        r = secret_open(c, fabric, source, &text);
        if (r < 0)
                return r;
        return fail_in(c, fbn_key_decode(c, text, ret_key), "%s: %s", source->pointer, source->file ? source->file : source->credential);
}

/* Peers know this host by its declared public key: another private key would never shake hands, and nothing would say why. */
static int check_pair(fbn_context *c, const struct member *self, const fbn_secret *private_key)
{
        fbn_key public_key;
        int r;

        r = fbn_key_public(c, private_key, &public_key);
        if (r < 0)
                return fail_in(c, r, "%s", self->private_key.pointer);
        if (memcmp(&public_key, &self->public_key, sizeof(public_key)) != 0)
                return fail(c, FBN_EINVAL, "%s: this private key does not belong to the declared \"public_key\" of '%s'",
                            self->private_key.pointer, self->host->name);
        return 0;
}

int bad_secrets_note(fbn_context *c, struct bad_secrets *bad, int r)
{
        if (r >= 0 || r == -FBN_ENOMEM || r == -FBN_ECANCELED)
                return MIN(r, 0);
        text_add(&bad->text, "%s%s", bad->n++ ? "; " : "", fbn_context_error(c));
        bad->first = bad->first ? bad->first : r;
        return 0;
}

int bad_secrets_end(fbn_context *c, struct bad_secrets *bad, int r)
{
        if (r == 0 && bad->text.failed)
                r = fail_memory(c);
        else if (r == 0 && bad->n == 1)
                r = fail(c, (fbn_error)-bad->first, "%s", bad->text.bytes);
        else if (r == 0 && bad->n)
                r = fail(c, (fbn_error)-bad->first, "%zu secrets are no good: %s", bad->n, bad->text.bytes);
        text_free(&bad->text);
        return r;
}

static int open_private_key(fbn_context *c, const fbn_fabric *fabric, struct desired_tunnel *tunnel)
{
        const struct member *self = tunnel->self;
        int r;

        if (!self->private_key.pointer)
                return fail(c, FBN_EINVAL, "%s: '%s' needs a \"private_key\" here", self->pointer, self->host->name);
        r = key_open(c, fabric, &self->private_key, &tunnel->private_key);
        return r < 0 ? r : check_pair(c, self, tunnel->private_key);
}

static int open_tunnel(fbn_context *c, const fbn_fabric *fabric, struct desired_tunnel *tunnel, struct bad_secrets *bad)
{
        int r = bad_secrets_note(c, bad, open_private_key(c, fabric, tunnel));

        for (size_t i = 0; r == 0 && i < tunnel->peers.n; i++)
                if (tunnel->peers.items[i].preshared_key)
                        r = bad_secrets_note(c, bad, key_open(c, fabric, tunnel->peers.items[i].preshared_key, &tunnel->preshared_keys[i]));
        return r;
}

int desired_open_secrets(fbn_context *c, struct desired *desired, struct bad_secrets *bad)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < desired->n_tunnels; i++)
                r = open_tunnel(c, desired->fabric, &desired->tunnels[i], bad);
        return r;
}
