/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HEADSCALE_FILE_H
#define HEADSCALE_FILE_H

#include "headscale.h"

/* A server as a file wants it, and what that is made of. */
struct wanted {
        const char *path;
        json_t *document;
        fbn_headscale_wanted want;
        struct taken *taken;
};

/* EXIT_DONE, or what is wrong is printed. */
int wanted_read(struct wanted *wanted);
void wanted_clear(struct wanted *wanted);

/* Memory until wanted_clear(), zero, for one more than count. */
void *wanted_take(struct wanted *wanted, size_t count, size_t size);
/* A path beside the file, with more at its end. */
const char *wanted_path(struct wanted *wanted, const char *name, const char *suffix);

int wrong(const struct wanted *wanted, const char *pointer, const char *what);
int members_check(const struct wanted *wanted, const char *pointer, json_t *object, const char *const *known);
/* NULL is an empty list. */
int texts_read(struct wanted *wanted, const char *pointer, const char *member, json_t *list, const char *const **ret_texts, size_t *ret_count);

int keys_read(struct wanted *wanted);
int config_read(struct wanted *wanted);

#endif
