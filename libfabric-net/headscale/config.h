/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HEADSCALE_CONFIG_H
#define HEADSCALE_CONFIG_H

#include "base/text.h"
#include "headscale/change.h"

#define CONFIG_MAX ((size_t)1 << 20)
#define CONFIG_MARK "# Written by fabricnet"

/* A server's config.yaml held against what the server refuses, or takes and ignores: a line for each finding. Returns their number. made is
 * a file that is not there yet, but will be; may be NULL. */
int headscale_config_read(fbn_context *c, const char *text, size_t length, const char *made, struct text *report);

/* A whole configuration as JSON, and the list of its extra records. What a server would drop is -FBN_EINVAL. */
int config_json(fbn_context *c, const fbn_headscale_config *config, json_t **ret_json);
int records_json(fbn_context *c, const fbn_headscale_config *config, json_t **ret_json);

/* config.yaml and the file of extra records of a wanted server: whether they can be written, and written where they differ. */
int files_check(struct work *work, const fbn_headscale_wanted *want);
int files_apply(struct work *work, const fbn_headscale_wanted *want);

#endif
