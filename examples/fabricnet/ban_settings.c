/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ban.h"

#include <stdio.h>
#include <string.h>

static int read_text(const char *path, const char *name, const json_t *value, const char **ret_text)
{
        if (!json_is_string(value))
                return misused("%s: %s: a string is expected", path, name);
        *ret_text = json_string_value(value);
        return EXIT_DONE;
}

static int read_time(const char *path, const char *name, const json_t *value, uint64_t *ret_ms)
{
        if (!json_is_string(value) || !timeout_of(json_string_value(value), ret_ms))
                return misused("%s: %s: a time is expected, such as \"90s\", \"10m\", \"24h\"", path, name);
        return EXIT_DONE;
}

static int read_never(const char *path, const json_t *value, struct ban_settings *settings)
{
        size_t i;
        const json_t *one;

        if (!json_is_array(value) || json_array_size(value) > sizeof(settings->never) / sizeof(settings->never[0]))
                return misused("%s: never: a list of at most %zu prefixes is expected", path, sizeof(settings->never) / sizeof(settings->never[0]));
        json_array_foreach(value, i, one)
                if (!json_is_string(one) || fbn_prefix_parse(json_string_value(one), &settings->never[i]) < 0)
                        return misused("%s: never/%zu: no prefix", path, i);
        settings->options.never = settings->never;
        settings->options.n_never = json_array_size(value);
        return EXIT_DONE;
}

static int read_trusted(const char *path, const json_t *value, struct ban_settings *settings)
{
        size_t i;
        const json_t *one;

        if (!json_is_array(value) || json_array_size(value) > sizeof(settings->trusted) / sizeof(settings->trusted[0]))
                return misused("%s: trusted: a list of names of links is expected", path);
        json_array_foreach(value, i, one)
                if (!(settings->trusted[i] = json_string_value(one)))
                        return misused("%s: trusted/%zu: a string is expected", path, i);
        settings->options.trusted = settings->trusted;
        settings->options.n_trusted = json_array_size(value);
        return EXIT_DONE;
}

static int read_member(const char *path, const char *name, const json_t *value, struct ban_settings *settings)
{
        fbn_ban_engine_options *options = &settings->options;
        const struct {
                const char *name;
                const char **text;
        } texts[] = {{"socket", &options->socket}, {"state_dir", &options->state_dir}, {"name", &options->name}, {"never_file", &options->never_file},
                     {"nginx_map", &options->nginx_map}, {"nginx_pid", &options->nginx_pid}, {"cdn_zone", &options->cdn_zone},
                     {"cdn_account", &options->cdn_account}, {"cdn_list", &options->cdn_list}, {"cdn_token", &options->cdn_token},
                     {"cdn_url", &options->cdn_url}, {"cdn_ca_file", &options->cdn_ca_file}};
        uint64_t ms = 0;
        int code;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (strcmp(name, texts[i].name) == 0)
                        return read_text(path, name, value, texts[i].text);
        if (strcmp(name, "never") == 0)
                return read_never(path, value, settings);
        if (strcmp(name, "trusted") == 0)
                return read_trusted(path, value, settings);
        if (strcmp(name, "duration") == 0)
                return read_time(path, name, value, &options->duration_ms);
        if (strcmp(name, "cdn_timeout") != 0)
                return misused("%s: there is no member '%s'", path, name);
        code = read_time(path, name, value, &ms);
        options->cdn_timeout_ms = (uint32_t)(ms < UINT32_MAX ? ms : UINT32_MAX);
        return code;
}

/* The fabric writes it with a first line that says whose it is, which JSON has no words for. */
static json_t *load(const char *path, json_error_t *error)
{
        FILE *file = fopen(path, "re");
        json_t *json;
        int first = file ? getc(file) : EOF;

        if (first != '#') {
                if (file)
                        fclose(file);
                return json_load_file(path, JSON_REJECT_DUPLICATES, error);
        }
        while (first != '\n' && first != EOF)
                first = getc(file);
        json = json_loadf(file, JSON_REJECT_DUPLICATES, error);
        error->line++;
        fclose(file);
        return json;
}

int ban_settings_read(const char *path, struct ban_settings *ret_settings)
{
        json_error_t error;
        const char *name;
        json_t *value;
        int code = EXIT_DONE;

        memset(ret_settings, 0, sizeof(*ret_settings));
        ret_settings->options.size = sizeof(ret_settings->options);
        ret_settings->file = load(path, &error);
        if (!ret_settings->file)
                return misused("%s:%d:%d: %s", path, error.line, error.column, error.text);
        if (!json_is_object(ret_settings->file))
                code = misused("%s: an object is expected", path);
        json_object_foreach(ret_settings->file, name, value)
                if (code == EXIT_DONE)
                        code = read_member(path, name, value, ret_settings);
        if (code != EXIT_DONE)
                ban_settings_free(ret_settings);
        return code;
}

void ban_settings_free(struct ban_settings *settings)
{
        json_decref(settings->file);
        settings->file = NULL;
}
