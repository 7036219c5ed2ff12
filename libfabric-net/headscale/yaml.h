/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HEADSCALE_YAML_H
#define HEADSCALE_YAML_H

/* A text of YAML as a tree, by libyaml, which only who reads such a file needs installed. */
#include "base/context.h"

#if __has_include(<yaml.h>)
#include <yaml.h>

#define YAML_FUNCTIONS(X) \
        X(parser_initialize) X(parser_set_input_string) X(parser_load) X(parser_delete) X(document_get_root_node) X(document_get_node) X(document_delete)

struct yaml_file {
#define YAML_MEMBER(name) __typeof__(yaml_##name) *name;
        YAML_FUNCTIONS(YAML_MEMBER)
#undef YAML_MEMBER
        yaml_document_t document;
        yaml_node_t *root; /* a mapping */
};

/* -FBN_EINVAL with line and column for what is no mapping of YAML, -FBN_EUNSUPPORTED without libyaml. */
int yaml_load(fbn_context *c, const char *text, size_t length, struct yaml_file *ret_file);
void yaml_close(struct yaml_file *file);

const char *yaml_scalar(const yaml_node_t *node); /* NULL if it is none */
yaml_node_t *yaml_at(struct yaml_file *file, int index);
/* The value of a mapping's member; viper, which the server reads with, does not mind the case. NULL if there is none. */
yaml_node_t *yaml_member(struct yaml_file *file, const yaml_node_t *mapping, const char *name);
bool yaml_is_empty(const yaml_node_t *node);
#endif

#endif
