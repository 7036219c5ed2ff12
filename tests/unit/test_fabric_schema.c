/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "fabric/schema.h"

#include <fabricnet/fabric.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#define SCHEMA TESTS_DIRECTORY "/../libfabric-net/fabric/fabric.schema.json"
#define HOMELAB TESTS_DIRECTORY "/../examples/homelab/fabric.json"
#define DOCUMENTS TESTS_DIRECTORY "/data/fabric/documents.json"

static json_t *shape_schema(const struct shape *shape);

static json_t *text_schema(const struct shape *shape)
{
        json_t *schema = json_pack("{s:s, s:s}", "type", "string", "description", shape->expected);

        if (shape->pattern)
                json_object_set_new(schema, "pattern", json_string(shape->pattern));
        if (shape->choices) {
                json_t *list = json_array();

                for (size_t i = 0; shape->choices[i]; i++)
                        json_array_append_new(list, json_string(shape->choices[i]));
                json_object_set_new(schema, "enum", list);
        }
        if (streq(shape->expected, "a domain name"))
                json_object_set_new(schema, "maxLength", json_integer(255));
        return schema;
}

static json_t *object_schema(const struct shape *shape)
{
        json_t *members = json_object(), *required = json_array(), *schema;

        for (const struct property *p = shape->properties; p->name; p++) {
                json_t *member = shape_schema(p->shape);

                if (*p->about)
                        json_object_set_new(member, "title", json_string(p->about));
                json_object_set_new(members, p->name, member);
                if (p->required)
                        json_array_append_new(required, json_string(p->name));
        }
        schema = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", members, "additionalProperties", 0);
        if (json_array_size(required))
                json_object_set(schema, "required", required);
        json_decref(required);
        if (shape->exactly_one) {
                json_t *list = json_array();

                for (size_t i = 0; shape->exactly_one[i]; i++)
                        json_array_append_new(list, json_pack("{s:[s]}", "required", shape->exactly_one[i]));
                json_object_set_new(schema, "oneOf", list);
        }
        return schema;
}

static json_t *shape_schema(const struct shape *shape)
{
        json_t *list;

        switch (shape->kind) {
        case SHAPE_TEXT:
                return text_schema(shape);
        case SHAPE_NUMBER:
                return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)shape->minimum, "maximum",
                                 (json_int_t)shape->maximum);
        case SHAPE_BOOLEAN:
                return json_pack("{s:s}", "type", "boolean");
        case SHAPE_OBJECT:
                return object_schema(shape);
        case SHAPE_MAP:
                return json_pack("{s:s, s:o, s:o}", "type", "object", "propertyNames", text_schema(shape->keys), "additionalProperties",
                                 shape_schema(shape->item));
        case SHAPE_LIST:
                return json_pack("{s:s, s:I, s:o}", "type", "array", "minItems", (json_int_t)shape->minimum, "items",
                                 shape_schema(shape->item));
        case SHAPE_EITHER:
                list = json_array();
                for (size_t i = 0; shape->either[i]; i++)
                        json_array_append_new(list, shape_schema(shape->either[i]));
                return json_pack("{s:o}", "anyOf", list);
        }
        return NULL;
}

/* The text of the published schema, from the table that the library reads files by. */
static char *published(void)
{
        json_t *schema =
                json_pack("{s:s, s:s, s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title", "fabric file of fabricnet",
                          "$comment", "Written from libfabric-net/fabric/language.c by its test; LGPL-2.1-or-later.");
        json_t *rest = shape_schema(&fabric_language);
        char *text;

        json_object_update(schema, rest);
        json_decref(rest);
        text = json_dumps(schema, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        json_decref(schema);
        return text;
}

static char *slurp(const char *path)
{
        FILE *file = fopen(path, "r");
        char *text = calloc(1, 1 << 20);

        if (file) {
                text[fread(text, 1, (1 << 20) - 1, file)] = 0;
                fclose(file);
        }
        return text;
}

static void the_published_schema_is_what_the_library_checks(void **state)
{
        char *text = published(), *stands = slurp(SCHEMA);
        size_t length = strlen(text);

        if (getenv("FBN_UPDATE")) {
                FILE *file = fopen(SCHEMA, "w");

                assert_non_null(file);
                fprintf(file, "%s\n", text);
                fclose(file);
        } else {
                assert_memory_equal(text, stands, length);
                assert_string_equal(stands + length, "\n");
        }
        free(text);
        free(stands);
}

/* Put value (NULL: nothing) at a pointer; no escapes, they are not needed here. */
static void patch(json_t *document, const char *pointer, json_t *value)
{
        char way[256], *saved = NULL, *last;
        json_t *at = document;

        snprintf(way, sizeof(way), "%s", pointer + 1);
        last = strtok_r(way, "/", &saved);
        for (char *next; (next = strtok_r(NULL, "/", &saved)); last = next)
                at = json_is_array(at) ? json_array_get(at, strtoul(last, NULL, 10)) : json_object_get(at, last);
        assert_non_null(at);
        if (json_is_array(at) && strtoul(last, NULL, 10) == json_array_size(at))
                json_array_append(at, value);
        else if (json_is_array(at))
                json_array_set(at, strtoul(last, NULL, 10), value);
        else if (value)
                json_object_set(at, last, value);
        else
                assert_int_equal(json_object_del(at, last), 0);
}

static void judge(fbn_context *c, const json_t *base, json_t *which)
{
        bool valid = streq(json_string_value(json_object_get(which, "verdict")), "valid");
        json_t *document = json_deep_copy(base);
        fbn_fabric *fabric = NULL;
        char *text;
        int r;

        patch(document, json_string_value(json_object_get(which, "at")), json_object_get(which, "value"));
        text = json_dumps(document, 0);
        r = fbn_fabric_load(c, "fabric.json", text, &fabric);
        if (r != (valid ? 0 : -FBN_EINVAL))
                fail_msg("%s: %d: %s", json_string_value(json_object_get(which, "what")), r, r ? fbn_context_error(c) : "taken");
        if (r < 0)
                assert_int_equal(strncmp(fbn_context_error(c), "fabric.json:1:", 14), 0);
        fbn_fabric_unref(fabric);
        free(text);
        json_decref(document);
}

static void documents_are_judged_as_listed(void **state)
{
        json_t *base = json_load_file(HOMELAB, 0, NULL), *documents = json_load_file(DOCUMENTS, 0, NULL), *which;
        size_t i;

        assert_non_null(base);
        assert_true(json_array_size(documents) > 60);
        json_array_foreach(documents, i, which)
                judge(*state, base, which);
        json_decref(documents);
        json_decref(base);
}

static void a_stock_validator_judges_them_the_same_by_the_schema(void **state)
{
        int status = system("python3 " TESTS_DIRECTORY "/data/fabric/agree.py " SCHEMA " " HOMELAB " " DOCUMENTS);

        if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)) {
                print_message("python3-jsonschema is not installed: not compared\n");
                skip();
        }
        assert_int_equal(status, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_published_schema_is_what_the_library_checks),
                cmocka_unit_test(documents_are_judged_as_listed),
                cmocka_unit_test(a_stock_validator_judges_them_the_same_by_the_schema),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
