/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever a router says: its config.xml, the answer of its pfSsh.php, the plan of its fabricnet. What is taken as a configuration lies inside of it, and
 * what was written into it is found there again and gone when it is taken away. */
#include "edge/router/apply.h"
#include "edge/router/playback.h"

#include <stdlib.h>

#include "base/changes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tree(const struct element *element, const struct element *parent, size_t length)
{
        size_t last = parent ? parent->inner_start : 0;

        for (; element; element = element->next) {
                if (element->start < last || element->end > length || element->end <= element->start || element->inner_end < element->inner_start ||
                    (parent && element->end > parent->inner_end))
                        abort();
                last = element->end;
                check_tree(element->first, element, length);
        }
}

static fbn_router *make(fbn_context *c, bool full)
{
        static const char content[] = "{\"network\": \"10.9.0.0/16\", \"gateway\": \"X\", \"row\": [{\"a\": \"1\"}, {\"a\": \"]]>&<\"}]}";
        fbn_router *router;

        if (fbn_router_new(c, "home", NULL, &router) < 0)
                abort();
        for (int i = 0; full && i < 2; i++)
                if (fbn_router_add(c, router, FBN_OPTIONS(fbn_router_object, .kind = i ? "rule" : "route", .name = "x", .content = content)) < 0)
                        abort();
        return router;
}

static void check_config(fbn_context *c, const char *bytes, size_t length)
{
        FBN_CLEANUP(fbn_router) full = make(c, true);
        struct difference once = {0}, twice = {0};

        if (router_difference(c, full, bytes, length, &once) == 0) {
                if (router_difference(c, full, once.text.bytes, once.text.length, &twice) < 0 || fbn_changes_count(twice.changes) > 0)
                        abort();
                router_difference_free(&twice);
        }
        router_difference_free(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_changes) changes = changes_new();
        const char *bytes = (const char *)data;
        struct arena arena = {0};
        struct config config;

        if (fbn_context_new(NULL, &c) < 0 || !changes)
                abort();
        playback_read(c, bytes, size);
        linux_take_steps(c, bytes, size, changes);
        if (config_parse(c, &arena, bytes, size, &config) == 0) {
                check_tree(config.root, NULL, size);
                if (!config_equal(&config, &config))
                        abort();
                check_config(c, bytes, size);
        }
        arena_free(&arena);
        return 0;
}

#include "replay.h"
