/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server reads from files: config.yaml at its start, extra records whenever their file changes. */
#include "headscale/config.h"

#include "base/file.h"
#include "headscale/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NAME_MAX_BYTES 256
#define RECORDS_MAX ((size_t)16 << 20)

/* The whole file; NULL if there is none. */
static int read_if_there(fbn_context *c, const char *path, size_t limit, char **ret_text, size_t *ret_length)
{
        int r = file_read(c, path, limit, ret_text, ret_length);

        return r == -FBN_ENOENT ? 0 : r;
}

/* Its owner stays, too: the server is seldom root. */
static int write_over(struct work *work, const char *path, const char *text, mode_t mode)
{
        struct stat status;

        if (work->options.dry_run)
                return 0;
        if (stat(path, &status) == 0)
                mode = status.st_mode & 0777;
        return file_replace(work->c, path, text, strlen(text), mode);
}

#if __has_include(<yaml.h>)
struct comparison {
        struct work *work;
        struct yaml_file *file;
        char object[320];
};

/* A value in one line: a list's parts are parted by commas, those of a mapping in it by blanks. */
static void json_show(const json_t *value, struct text *text)
{
        const char *name;
        json_t *part;
        size_t i;

        if (json_is_string(value))
                text_add(text, "%s", json_string_value(value));
        else if (json_is_integer(value))
                text_add(text, "%lld", (long long)json_integer_value(value));
        else if (json_is_real(value))
                text_add(text, "%.17g", json_real_value(value));
        else if (json_is_boolean(value))
                text_add(text, "%s", json_is_true(value) ? "true" : "false");
        json_array_foreach(value, i, part)
        {
                text_add(text, "%s", i ? ", " : "");
                json_show(part, text);
        }
        json_object_foreach((json_t *)value, name, part)
        {
                text_add(text, "%s", part == json_object_iter_value(json_object_iter((json_t *)value)) ? "" : " ");
                json_show(part, text);
        }
}

#define DEPTH_MAX 16 /* of aliases that lead back to themselves */

static void yaml_show(struct yaml_file *file, const yaml_node_t *node, struct text *text, unsigned depth)
{
        if (!node || depth > DEPTH_MAX)
                return;
        if (node->type == YAML_SCALAR_NODE)
                text_add(text, "%s", yaml_scalar(node));
        for (const yaml_node_item_t *item = node->data.sequence.items.start; node->type == YAML_SEQUENCE_NODE && item < node->data.sequence.items.top; item++) {
                text_add(text, "%s", item > node->data.sequence.items.start ? ", " : "");
                yaml_show(file, yaml_at(file, *item), text, depth + 1);
        }
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; node->type == YAML_MAPPING_NODE && pair < node->data.mapping.pairs.top; pair++) {
                text_add(text, "%s", pair > node->data.mapping.pairs.start ? " " : "");
                yaml_show(file, yaml_at(file, pair->value), text, depth + 1);
        }
}

/* What "more" or somebody's own file may have: oidc.client_secret, database.postgres.pass. */
static bool is_secret(const char *field)
{
        size_t length = strlen(field);

        return (strcasestr(field, "secret") || strcasestr(field, "pass")) && (length < 5 || strcmp(field + length - 5, "_path") != 0);
}

static int tell(struct comparison *comparison, const char *field, const struct text *before, const struct text *after)
{
        const char *old = before->bytes && *before->bytes ? before->bytes : NULL, *new = after->bytes && *after->bytes ? after->bytes : NULL;

        if (before->failed || after->failed)
                return fail_memory(comparison->work->c);
        if (streq(old ? old : "", new ? new : ""))
                return 0;
        if (is_secret(field))
                old = old ? "(secret)" : NULL, new = new ? "(another secret)" : NULL;
        return changes_add(comparison->work->c, comparison->work->changes, FBN_CHANGE_UPDATE, comparison->object, field, old, new);
}

static int compare(struct comparison *comparison, const yaml_node_t *have, const json_t *want, const char *field);

/* Members that are wanted, in their order, then those that are to go. */
static int compare_members(struct comparison *comparison, const yaml_node_t *have, const json_t *want, const char *field)
{
        bool mapping = have && have->type == YAML_MAPPING_NODE;
        char inside[NAME_MAX_BYTES * 2];
        const char *name;
        json_t *value;
        int r = 0;

        json_object_foreach((json_t *)want, name, value)
        {
                snprintf(inside, sizeof(inside), "%s%s%s", field, *field ? "." : "", name);
                if (r == 0)
                        r = compare(comparison, mapping ? yaml_member(comparison->file, have, name) : NULL, value, inside);
        }
        for (const yaml_node_pair_t *pair = mapping ? have->data.mapping.pairs.start : NULL; r == 0 && mapping && pair < have->data.mapping.pairs.top; pair++) {
                name = yaml_scalar(yaml_at(comparison->file, pair->key));
                snprintf(inside, sizeof(inside), "%s%s%s", field, *field ? "." : "", name ? name : "?");
                if (!name || !json_object_get(want, name))
                        r = compare(comparison, yaml_at(comparison->file, pair->value), NULL, inside);
        }
        return r;
}

static int compare(struct comparison *comparison, const yaml_node_t *have, const json_t *want, const char *field)
{
        _cleanup_(text_free) struct text before = {0}, after = {0};

        if (json_is_object(want))
                return compare_members(comparison, have, want, field);
        yaml_show(comparison->file, have, &before, 0);
        json_show(want, &after);
        return tell(comparison, field, &before, &after);
}

static int config_compare(struct work *work, const char *path, const char *have, size_t length, const json_t *want)
{
        _cleanup_(yaml_close) struct yaml_file file = {0};
        struct comparison comparison = {.work = work, .file = &file};
        int r = yaml_load(work->c, have, length, &file);

        snprintf(comparison.object, sizeof(comparison.object), "%s (restart headscale)", path);
        if (r < 0)
                return r == -FBN_EINVAL ? 0 : r; /* it was broken, and no part of it tells anything */
        return compare_members(&comparison, file.root, want, "");
}
#else
static int config_compare(struct work *work, const char *path, const char *have, size_t length, const json_t *want)
{
        (void)path, (void)have, (void)length, (void)want;
        return fail(work->c, FBN_EUNSUPPORTED, "built without libyaml's header");
}
#endif

/* The text that is there, and the one that is wanted. */
struct config_file {
        char *have, *want;
        size_t length;
        fbn_headscale_config config;
};

static void config_file_clear(struct config_file *file)
{
        if (file->have)
                explicit_bzero(file->have, file->length);
        if (file->want)
                explicit_bzero(file->want, strlen(file->want));
        memory_free(file->have);
        memory_free(file->want);
}

static int config_file_read(struct work *work, const fbn_headscale_wanted *want, struct config_file *file)
{
        _cleanup_(text_free) struct text report = {0};
        int r = OPTIONS_READ(work->c, fbn_headscale_config, want->config, &file->config);

        if (r == 0)
                r = fbn_headscale_config_render(work->c, want->config, &file->want);
        if (r == 0)
                r = headscale_config_read(work->c, file->want, strlen(file->want), file->config.records_path, &report);
        if (r > 0)
                r = fail(work->c, FBN_EINVAL, "headscale configuration: %.*s", (int)strcspn(report.bytes, "\n"), report.bytes);
        if (r == 0)
                r = read_if_there(work->c, want->config_path, CONFIG_MAX, &file->have, &file->length);
        if (r == 0 && file->have && file->length > 0 && strncmp(file->have, CONFIG_MARK, strlen(CONFIG_MARK)) != 0)
                r = fail(work->c, FBN_ECONFLICT, "%s: it is not written by fabricnet; move it away, or begin it with a line \"%s\", if it may be replaced",
                         want->config_path, CONFIG_MARK);
        return r;
}

static int config_apply(struct work *work, const fbn_headscale_wanted *want)
{
        _cleanup_(config_file_clear) struct config_file file = {0};
        _cleanup_(json_freep) json_t *json = NULL;
        size_t before = fbn_changes_count(work->changes);
        char old[32], new[32];
        int r = config_file_read(work, want, &file);

        if (r < 0 || (file.have && streq(file.have, file.want)))
                return r;
        r = write_over(work, want->config_path, file.want, file.config.more ? 0600 : 0644);
        snprintf(new, sizeof(new), "%zu bytes", strlen(file.want));
        if (r == 0 && !file.have)
                return changes_add(work->c, work->changes, FBN_CHANGE_CREATE, want->config_path, NULL, NULL, new);
        if (r == 0)
                r = config_json(work->c, &file.config, &json);
        if (r == 0)
                r = config_compare(work, want->config_path, file.have, file.length, json);
        if (r < 0 || fbn_changes_count(work->changes) > before)
                return r;
        snprintf(old, sizeof(old), "%zu bytes", file.length); /* says the same in other words */
        return changes_add(work->c, work->changes, FBN_CHANGE_UPDATE, want->config_path, "text", old, new);
}

static const char *record_key(const json_t *record, char *buffer, size_t size)
{
        const char *name = json_string_value(json_object_get(record, "name")), *value = json_string_value(json_object_get(record, "value"));

        snprintf(buffer, size, "%s %s", name ? name : "?", value ? value : "?");
        return buffer;
}

/* A list's records as the members of an object, to be found by. */
static json_t *records_index(const json_t *list)
{
        json_t *index = json_object(), *record;
        char key[NAME_MAX_BYTES + FBN_ADDRESS_TEXT];
        size_t i;

        json_array_foreach(list, i, record)
                json_object_set(index, record_key(record, key, sizeof(key)), record);
        return index;
}

/* What of one list is not in the other. */
static int records_tell(struct work *work, const json_t *from, const json_t *without, fbn_change_kind kind)
{
        _cleanup_(json_freep) json_t *index = records_index(without);
        json_t *record;
        size_t i;
        int r = index ? 0 : fail_memory(work->c);

        json_array_foreach(from, i, record)
        {
                const char *name = json_string_value(json_object_get(record, "name")), *value = json_string_value(json_object_get(record, "value"));
                char object[320], key[NAME_MAX_BYTES + FBN_ADDRESS_TEXT];

                if (r < 0 || json_object_get(index, record_key(record, key, sizeof(key))))
                        continue;
                snprintf(object, sizeof(object), "extra record %s", name ? name : "?");
                r = changes_add(work->c, work->changes, kind, object, NULL, kind == FBN_CHANGE_DELETE ? value : NULL, kind == FBN_CHANGE_CREATE ? value : NULL);
        }
        return r;
}

/* The same records in whatever order. */
static bool same_records(const json_t *a, const json_t *b)
{
        _cleanup_(json_freep) json_t *one = records_index(a), *other = records_index(b);

        return json_is_array(a) && json_array_size(a) == json_array_size(b) && json_equal(one, other);
}

/* Never removed, never empty: a server does not start without it, and takes no notice of an empty one. "[]" is no records. */
static int records_apply(struct work *work, const fbn_headscale_config *config)
{
        _cleanup_(json_freep) json_t *wanted = NULL, *have = NULL;
        _cleanup_free_ char *text = NULL;
        size_t length = 0;
        char *dumped;
        int r = records_json(work->c, config, &wanted);

        if (r == 0)
                r = read_if_there(work->c, config->records_path, RECORDS_MAX, &text, &length);
        if (r < 0)
                return r;
        have = text ? json_loadb(text, length, 0, NULL) : NULL;
        if (same_records(have, wanted))
                return 0;
        dumped = json_dumps(wanted, JSON_INDENT(2));
        r = dumped ? write_over(work, config->records_path, dumped, 0644) : fail_memory(work->c);
        free(dumped);
        if (r == 0 && !json_is_array(have))
                r = changes_add(work->c, work->changes, text ? FBN_CHANGE_UPDATE : FBN_CHANGE_CREATE, config->records_path, text ? "text" : NULL,
                                text ? "no list of records" : NULL, text ? "a list" : NULL);
        if (r == 0)
                r = records_tell(work, have, wanted, FBN_CHANGE_DELETE);
        return r < 0 ? r : records_tell(work, wanted, have, FBN_CHANGE_CREATE);
}

int files_check(struct work *work, const fbn_headscale_wanted *want)
{
        _cleanup_(config_file_clear) struct config_file file = {0};
        _cleanup_(json_freep) json_t *records = NULL;
        fbn_headscale_config config;
        int r = 0;

        if (!want->config)
                return want->config_path ? fail(work->c, FBN_EINVAL, "%s: what it shall say is not given", want->config_path) : 0;
        r = OPTIONS_READ(work->c, fbn_headscale_config, want->config, &config);
        if (r == 0)
                r = records_json(work->c, &config, &records);
        return r == 0 && want->config_path ? config_file_read(work, want, &file) : r;
}

int files_apply(struct work *work, const fbn_headscale_wanted *want)
{
        fbn_headscale_config config;
        int r;

        if (!want->config)
                return 0;
        r = OPTIONS_READ(work->c, fbn_headscale_config, want->config, &config);
        if (r == 0 && config.records_path)
                r = records_apply(work, &config);
        return r == 0 && want->config_path ? config_apply(work, want) : r;
}
