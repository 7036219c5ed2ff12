/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* jansson alone: fabric_limit FILE: read the file's JSON, with the flags that ours uses, and drop it. */
#include <jansson.h>
#include <stdio.h>

int main(int argc, char **argv)
{
        json_error_t error;
        json_t *json = argc == 2 ? json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error) : NULL;

        if (!json) {
                fprintf(stderr, "%s\n", argc == 2 ? error.text : "usage: fabric_limit FILE");
                return 1;
        }
        json_decref(json);
        return 0;
}
