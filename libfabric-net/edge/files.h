/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_FILES_H
#define EDGE_FILES_H

/* Files of other programs that are written as a whole: compared, changed, judged by the program, and put back if it refuses. */
#include "base/changes.h"
#include "base/context.h"
#include "base/text.h"

#include <fabricnet/edge.h>

struct file {
        char *path;
        struct text text;  /* wanted; length 0: not to be there */
        char *before;      /* NULL: it was not there */
        bool differs;
};

struct files {
        struct file *items;
        size_t count, capacity;
};

/* A file that is to be there; its text, which begins with our marker, is to be added to the result. NULL without memory. */
struct text *files_add(struct files *files, const char *format, ...) FBN_PRINTF(2, 3);
void files_free(struct files *files);

/* Those of a folder that begin with this and with our marker, and are not wanted any more, are to go. */
int files_add_strays(fbn_context *c, struct files *files, const char *folder, const char *prefix);
/* Read what is there; how many differ, with what would be done in changes. -FBN_ECONFLICT: one is not ours. */
int files_compare(fbn_context *c, struct files *files, fbn_changes *changes);
int files_write(fbn_context *c, const struct files *files);
void files_restore(fbn_context *c, const struct files *files);

/* Run a program to its end in the context's namespace, a minute at most: 0, or -FBN_EINVAL with its most telling line; -FBN_EUNSUPPORTED if there is
 * none. */
int files_run(fbn_context *c, const char *const *words);

/* Text that goes into a configuration as it is: no blanks, quotes, or what has a meaning there. */
bool files_plain(const char *text);

#endif
