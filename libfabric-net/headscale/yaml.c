/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/yaml.h"

#if __has_include(<yaml.h>)
#include <strings.h>

#if FBN_DLOPEN
#include <dlfcn.h>

static int library_open(fbn_context *c, struct yaml_file *file)
{
        void *library = dlopen("libyaml-0.so.2", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE); /* stays: nothing is to be kept for its end */

        if (!library)
                return fail(c, FBN_EUNSUPPORTED, "libyaml is not installed: apt-get install libyaml-0-2");
#define YAML_FIND(name)                                                            \
        file->name = (__typeof__(file->name))dlsym(library, "yaml_" #name);        \
        if (!file->name)                                                           \
                return fail(c, FBN_EUNSUPPORTED, "libyaml has no yaml_" #name "()");
        YAML_FUNCTIONS(YAML_FIND)
        dlclose(library);
        return 0;
}
#else
static int library_open(fbn_context *c, struct yaml_file *file)
{
        (void)c;
#define YAML_TAKE(name) file->name = yaml_##name;
        YAML_FUNCTIONS(YAML_TAKE)
        return 0;
}
#endif

int yaml_load(fbn_context *c, const char *text, size_t length, struct yaml_file *ret_file)
{
        struct yaml_file file = {0};
        yaml_parser_t parser;
        int r = library_open(c, &file);

        if (r < 0)
                return r;
        if (!file.parser_initialize(&parser))
                return fail_memory(c);
        file.parser_set_input_string(&parser, (const unsigned char *)text, length);
        if (!file.parser_load(&parser, &file.document)) {
                r = parser.error == YAML_MEMORY_ERROR ? fail_memory(c)
                                                      : fail(c, FBN_EINVAL, "%zu:%zu: %s", parser.problem_mark.line + 1, parser.problem_mark.column + 1,
                                                             parser.problem ? parser.problem : "no YAML");
                file.parser_delete(&parser);
                return r;
        }
        file.parser_delete(&parser);
        file.root = file.document_get_root_node(&file.document);
        if (!file.root || file.root->type != YAML_MAPPING_NODE) {
                file.document_delete(&file.document);
                return fail(c, FBN_EINVAL, "it is no mapping of YAML");
        }
        *ret_file = file;
        return 0;
}

void yaml_close(struct yaml_file *file)
{
        if (file->root)
                file->document_delete(&file->document);
        file->root = NULL;
}

const char *yaml_scalar(const yaml_node_t *node)
{
        return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

yaml_node_t *yaml_at(struct yaml_file *file, int index)
{
        return file->document_get_node(&file->document, index);
}

yaml_node_t *yaml_member(struct yaml_file *file, const yaml_node_t *mapping, const char *name)
{
        if (!mapping || mapping->type != YAML_MAPPING_NODE)
                return NULL;
        for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++) {
                const char *key = yaml_scalar(yaml_at(file, pair->key));

                if (key && strcasecmp(key, name) == 0)
                        return yaml_at(file, pair->value);
        }
        return NULL;
}

bool yaml_is_empty(const yaml_node_t *node)
{
        return !node || (node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0) ||
               (node->type == YAML_SEQUENCE_NODE && node->data.sequence.items.start == node->data.sequence.items.top) ||
               (node->type == YAML_MAPPING_NODE && node->data.mapping.pairs.start == node->data.mapping.pairs.top);
}
#endif
