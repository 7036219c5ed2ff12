/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_HOST_FILES_H
#define FABRIC_HOST_FILES_H

#include "base/changes.h"
#include "base/context.h"

#include <jansson.h>

/* Files that we write for other programs on a host; each has FBN_FILE_MARKER. */
#define HOST_FILES_COMMON "/etc/nginx/conf.d/fabricnet-0-common.conf"
#define HOST_FILES_SERVICE "/etc/nginx/conf.d/fabricnet-%s.conf"
#define HOST_FILES_FAIL2BAN "/etc/fail2ban"
#define HOST_FILES_HOOK "/etc/letsencrypt/renewal-hooks/deploy/fabricnet"
#define HOST_FILES_BAN "/etc/fabricnet/ban.json"

struct host_file {
        const char *path, *text;
};

struct host_files {
        bool known; /* false: of a host whose files cannot be seen from here, or of an older journal: nothing is put back */
        struct host_file *items;
        size_t count, capacity;
};

/* Those that are there now; texts live in the arena. */
int host_files_take(fbn_context *c, struct arena *arena, struct host_files *ret_files);
/* As member "files" of an object. */
int host_files_to_json(fbn_context *c, const struct host_files *files, json_t *object);
int host_files_from_json(fbn_context *c, struct arena *arena, const json_t *object, struct host_files *ret_files);
/* Make them so again, and tell the programs. */
int host_files_restore(fbn_context *c, const struct host_files *files, bool dry_run, fbn_changes **ret_changes);

/* Make one as wanted, or take it away with text NULL; what was done or would be is added to changes. -FBN_ECONFLICT: it is somebody else's. */
int host_file_apply(fbn_context *c, const char *path, const char *text, bool dry_run, fbn_changes *changes);

/* Let the programs read what changed; who does not run is not started. */
int host_files_tell(fbn_context *c, const fbn_changes *changes);

#endif
