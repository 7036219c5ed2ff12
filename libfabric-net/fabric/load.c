/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "fabric/build.h"
#include "fabric/include.h"
#include "fabric/schema.h"

static int fabric_new(fbn_context *c, const char *name, const char *text, struct fbn_fabric **ret_fabric)
{
        const char *slash = strrchr(name, '/');
        struct fbn_fabric *f = memory_alloc(sizeof(*f));

        if (!f)
                return fail_memory(c);
        f->references = 1;
        f->file = arena_strdup(&f->arena, name);
        f->sources = arena_alloc(&f->arena, sizeof(*f->sources));
        f->folder = slash ? arena_printf(&f->arena, "%.*s", slash == name ? 1 : (int)(slash - name), name) : "";
        if (f->sources)
                f->sources[0] = (struct source){.file = f->file, .text = arena_strdup(&f->arena, text)};
        if (!f->file || !f->sources || !f->sources[0].text || !f->folder) {
                fbn_fabric_unref(f);
                return fail_memory(c);
        }
        f->n_sources = 1;
        *ret_fabric = f;
        return 0;
}

/* For a host that gets the file and none of those that it includes. */
static int keep_merged(fbn_context *c, fbn_fabric *fabric, json_t *root)
{
        json_t *whole = json_copy(root);
        char *text;

        json_object_del(whole, "include");
        text = whole ? json_dumps(whole, JSON_INDENT(2)) : NULL;
        fabric->merged = text ? arena_strdup(&fabric->arena, text) : NULL;
        memory_free(text);
        json_decref(whole);
        return fabric->merged ? 0 : fail_memory(c);
}

static int load(fbn_context *c, const char *name, const char *text, size_t length, fbn_fabric **ret_fabric)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        _cleanup_(json_decrefp) json_t *root = NULL;
        int r;

        r = source_json(c, name, text, length, &root);
        if (r == 0)
                r = fabric_new(c, name, text, &fabric);
        if (r == 0)
                r = include_all(c, fabric, root);
        if (r == 0 && fabric->n_sources > 1)
                r = keep_merged(c, fabric, root);
        if (r == 0) {
                struct document document = {.c = c, .sources = fabric->sources, .n_sources = fabric->n_sources, .root = root};

                r = document_check(&document, &fabric_language);
                if (r == 0)
                        r = fabric_build(&document, fabric);
        }
        if (r < 0)
                return r;
        *ret_fabric = TAKE_PTR(fabric);
        return 0;
}

int fbn_fabric_load(fbn_context *c, const char *name, const char *text, fbn_fabric **ret_fabric)
{
        return load(c, name, text, strlen(text), ret_fabric);
}

int fbn_fabric_load_file(fbn_context *c, const char *path, fbn_fabric **ret_fabric)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r;

        r = file_read(c, path, SOURCE_MAX, &text, &length);
        return r < 0 ? r : load(c, path, text, length, ret_fabric);
}

fbn_fabric *fbn_fabric_ref(fbn_fabric *fabric)
{
        fabric->references++;
        return fabric;
}

fbn_fabric *fbn_fabric_unref(fbn_fabric *fabric)
{
        if (!fabric || --fabric->references > 0)
                return NULL;
        arena_free(&fabric->arena);
        memory_free(fabric);
        return NULL;
}

const char *fbn_fabric_name(const fbn_fabric *fabric)
{
        return fabric->name;
}

size_t fbn_fabric_host_count(const fbn_fabric *fabric)
{
        return fabric->n_hosts;
}

const char *fbn_fabric_host_at(const fbn_fabric *fabric, size_t index)
{
        return index < fabric->n_hosts ? fabric->hosts[index].name : NULL;
}
