/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/changes.h"
#include "fabric/status.h"

#include <fabricnet/edge.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>

#define STALE (36 * 3600) /* seconds: a night was missed */

static int backup_run(fbn_context *c, const fbn_fabric *fabric, const struct backup *backup, fbn_changes *changes)
{
        char address[FBN_ADDRESS_TEXT], key[PATH_MAX];
        fbn_backup_state state;
        char file[PATH_MAX];
        fbn_backup what = {
                .size = sizeof(what),
                .host = fbn_address_format(&backup->address, address, sizeof(address)),
                .port = backup->port,
                .user = backup->user,
                .path = backup->file,
                .private_key = key,
                .host_key = backup->host_key,
                .folder = backup->folder,
                .keep = backup->keep,
        };
        int r;

        r = secret_path(c, fabric, &backup->private_key, key);
        if (r == 0)
                r = fbn_backup_run(c, &what);
        if (r <= 0)
                return fail_in(c, r, "backup %s", backup->name);
        r = fbn_backup_state_get(c, backup->folder, &state);
        if (r == 0) {
                snprintf(file, sizeof(file), "%s/%s", backup->folder, state.newest);
                r = changes_add(c, changes, FBN_CHANGE_CREATE, file, NULL, NULL, backup->of->name);
        }
        return fail_in(c, r, "backup %s", backup->name);
}

static bool wanted(const struct backup *backup, const struct host *host, const char *name)
{
        return backup->to == host && (!name || streq(name, backup->name));
}

static int fail_none(fbn_context *c, const fbn_fabric *fabric, const struct host *host, const char *name)
{
        for (size_t i = 0; name && i < fabric->n_backups; i++)
                if (streq(fabric->backups[i].name, name))
                        return fail(c, FBN_ENOENT, "%s: '%s' fetches it, not '%s'; run it there", fabric->backups[i].pointer,
                                    fabric->backups[i].to->name, host->name);
        return name ? fail(c, FBN_ENOENT, "/backups: no backup is called '%s'", name)
                    : fail(c, FBN_ENOENT, "/backups: nothing is backed up to '%s'", host->name);
}

/* The first failure is the caller's, the others are told: none keeps the rest from being fetched. */
static int run_all(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, const struct host *host, const char *name,
                   fbn_changes *changes)
{
        struct run teller = {.options = *options};
        struct error_record first = {0};
        size_t n = 0;

        for (size_t i = 0; i < fabric->n_backups; i++) {
                int r;

                if (!wanted(&fabric->backups[i], host, name))
                        continue;
                n++;
                run_tell(&teller, "backup %s", fabric->backups[i].name);
                r = backup_run(c, fabric, &fabric->backups[i], changes);
                if (r == -FBN_ECANCELED || r == -FBN_ENOMEM)
                        return r;
                if (r < 0 && first.code)
                        run_tell(&teller, "error: %s", fbn_context_error(c));
                else if (r < 0)
                        first = c->error;
        }
        if (n == 0)
                return fail_none(c, fabric, host, name);
        if (!first.code)
                return (int)fbn_changes_count(changes);
        c->error = first;
        return -first.code;
}

int fbn_fabric_backup(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *given, const char *name,
                      fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_changes) changes = changes_new();
        fbn_fabric_options options;
        const struct host *host;
        int r;

        if (!changes)
                return fail_memory(c);
        r = OPTIONS_READ(c, fbn_fabric_options, given, &options);
        if (r == 0)
                r = fabric_find_host(c, fabric, options.host, &host);
        if (r < 0)
                return r;
        r = run_all(c, fabric, &options, host, name, changes);
        if (r >= 0 && ret_changes)
                *ret_changes = TAKE_PTR(changes);
        return r;
}

static void add_metrics(fbn_fabric_status *status, const struct backup *backup, const fbn_backup_state *state)
{
        metric_add(status, METRIC_BACKUP_SUCCEEDED, (double)state->succeeded_at, "backup", backup->name, "of", backup->of->name, NULL);
        metric_add(status, METRIC_BACKUP_FAILED, state->failure[0] != 0, "backup", backup->name, "of", backup->of->name, NULL);
        metric_add(status, METRIC_BACKUP_GENERATIONS, state->generations, "backup", backup->name, "of", backup->of->name, NULL);
}

static int observe_backup(struct observation *o, const struct backup *backup)
{
        fbn_backup_state state = {0};
        char text[640], ago[32];
        int r = fbn_backup_state_get(o->run.c, backup->folder, &state);

        if (r == 0 || r == -FBN_ENOENT)
                add_metrics(o->status, backup, &state);
        if (r == -FBN_ENOENT)
                return status_add(o, "backup", backup->name, FBN_HEALTH_WARNING, "has never run");
        if (r < 0)
                return r == -FBN_ENOMEM ? r : status_add(o, "backup", backup->name, FBN_HEALTH_DOWN, fbn_context_error(o->run.c));
        if (state.failure[0]) {
                snprintf(text, sizeof(text), "failed %s: %s", status_ago(state.failed_at * 1000000000, ago, sizeof(ago)), state.failure);
                return status_add(o, "backup", backup->name, FBN_HEALTH_DOWN, text);
        }
        snprintf(text, sizeof(text), "fetched %s, %u generation%s, newest %s", status_ago(state.succeeded_at * 1000000000, ago, sizeof(ago)),
                 state.generations, state.generations == 1 ? "" : "s", state.newest[0] ? state.newest : "none");
        return status_add(o, "backup", backup->name, (int64_t)time(NULL) - state.succeeded_at > STALE ? FBN_HEALTH_WARNING : FBN_HEALTH_OK,
                          text);
}

int observe_backups(struct observation *o)
{
        const fbn_fabric *fabric = o->run.fabric;
        int r = 0;

        for (size_t i = 0; r == 0 && i < fabric->n_backups; i++)
                if (fabric->backups[i].to == o->run.desired->host)
                        r = observe_backup(o, &fabric->backups[i]);
        return r;
}
