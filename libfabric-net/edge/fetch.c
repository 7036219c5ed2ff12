/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/fetch.h"
#include "base/process.h"
#include "base/text.h"
#include "edge/ssh.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE ".incoming"
#define SECONDS 60

static const char *const files[] = {"fetched", "known_hosts", "ssh_config"};

void fetch_clear(const char *folder)
{
        char path[PATH_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                if (snprintf(path, sizeof(path), "%s/" PLACE "/%s", folder, files[i]) < (int)sizeof(path))
                        sys()->unlink(path);
        if (snprintf(path, sizeof(path), "%s/" PLACE, folder) < (int)sizeof(path))
                rmdir(path);
}

/* The last line that is not rsync's own about what ssh or the other side has said before it. */
static const char *reason(struct process_output *output)
{
        const char *said = process_reason(output);
        char *line;

        while (strncmp(said, "rsync", 5) == 0 && said > output->bytes && !strstr(said, "link_stat")) {
                line = (char *)(uintptr_t)said;
                line[-1] = 0;
                output->length = (size_t)(line - output->bytes) - 1;
                said = process_reason(output);
        }
        return said;
}

int fetch(fbn_context *c, const fbn_backup *backup, char *ret_path)
{
        _cleanup_(process_output_free) struct process_output output = {0};
        _cleanup_(text_free) struct text from = {0};
        const struct ssh_peer peer = backup_peer(backup);
        char place[PATH_MAX];
        const char *said;
        int r;

        if (snprintf(place, sizeof(place), "%s/" PLACE, backup->folder) >= (int)sizeof(place) ||
            snprintf(ret_path, PATH_MAX, "%s/fetched", place) >= PATH_MAX)
                return fail(c, FBN_EINVAL, "%s: the path is too long", backup->folder);
        fetch_clear(backup->folder);
        if (mkdir(place, 0700) < 0)
                return fail_errno(c, errno, "%s", place);
        r = ssh_write_settings(c, &peer, place, PLACE);
        if (r < 0)
                return r;
        text_add(&from, "peer:%s", backup->path);
        if (from.failed)
                return fail_memory(c);
        const char *const arguments[] = {"rsync", "--times", "--chmod=F600", "--max-size=64m", "-e", "ssh -F " PLACE "/ssh_config",
                                         from.bytes, PLACE "/fetched", NULL};
        r = process_run(c,
                        &(struct process){.arguments = arguments,
                                          .folder = backup->folder,
                                          .timeout = backup->timeout_s ? (int)backup->timeout_s : SECONDS},
                        &output);
        if (r > 0) {
                said = reason(&output);
                return fail(c, FBN_EUNAVAILABLE, "%s: %s%s", backup->path, said, ssh_hint(said));
        }
        if (r == 0 && access(ret_path, F_OK) < 0)
                r = fail(c, FBN_EINVAL, "%s: larger than 64 MiB, or no plain file", backup->path);
        return r;
}
