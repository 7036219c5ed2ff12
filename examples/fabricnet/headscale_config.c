/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts "keys" and "config" of a server's file. */
#include "headscale_file.h"

#include <stdlib.h>
#include <string.h>

static bool duration_of(const char *text, int64_t *ret_nanoseconds)
{
        uint64_t ms;

        if (!text || !timeout_of(text, &ms) || ms == 0 || ms > INT64_MAX / 4 / 1000000)
                return false;
        *ret_nanoseconds = (int64_t)ms * 1000000;
        return true;
}

static int durations_read(struct wanted *wanted, const char *pointer, json_t *object, fbn_headscale_kept_key *key)
{
        json_t *valid = json_object_get(object, "valid_for"), *renew = json_object_get(object, "renew_before");

        if (valid && !duration_of(json_string_value(valid), &key->valid_for))
                return wrong(wanted, pointer, "\"valid_for\" is no time like 90d or 12h");
        if (renew && !duration_of(json_string_value(renew), &key->renew_before))
                return wrong(wanted, pointer, "\"renew_before\" is no time like 90d or 12h");
        return EXIT_DONE;
}

static int flag_read(struct wanted *wanted, const char *pointer, json_t *object, const char *member, bool *ret_flag)
{
        json_t *value = json_object_get(object, member);

        *ret_flag = json_is_true(value);
        return !value || json_is_boolean(value) ? EXIT_DONE : misused("%s: %s/%s: it is neither true nor false", wanted->path, pointer, member);
}

static int text_read(struct wanted *wanted, const char *pointer, json_t *object, const char *member, const char **ret_text)
{
        json_t *value = json_object_get(object, member);

        *ret_text = json_string_value(value);
        return !value || *ret_text ? EXIT_DONE : misused("%s: %s/%s: it is no text", wanted->path, pointer, member);
}

static int key_read(struct wanted *wanted, const char *name, json_t *object, fbn_headscale_kept_key *key)
{
        static const char *const known[] = {"kind", "user", "tags", "reusable", "ephemeral", "valid_for", "renew_before", NULL};
        const char *kind;
        char pointer[128];
        int code;

        snprintf(pointer, sizeof(pointer), "/keys/%s", name);
        *key = (fbn_headscale_kept_key){.size = sizeof(*key), .kind = FBN_HEADSCALE_KEY_PRE_AUTH, .file = wanted_path(wanted, name, "")};
        code = members_check(wanted, pointer, object, known);
        if (!code)
                code = text_read(wanted, pointer, object, "kind", &kind);
        if (!code && kind && strcmp(kind, "api") == 0)
                key->kind = FBN_HEADSCALE_KEY_API;
        else if (!code && kind && strcmp(kind, "pre-auth") != 0)
                code = wrong(wanted, pointer, "\"kind\" is neither \"api\" nor \"pre-auth\"");
        if (!code)
                code = text_read(wanted, pointer, object, "user", &key->user);
        if (!code)
                code = texts_read(wanted, pointer, "tags", json_object_get(object, "tags"), &key->tags, &key->n_tags);
        if (!code)
                code = flag_read(wanted, pointer, object, "reusable", &key->reusable);
        if (!code)
                code = flag_read(wanted, pointer, object, "ephemeral", &key->ephemeral);
        return code ? code : durations_read(wanted, pointer, object, key);
}

int keys_read(struct wanted *wanted)
{
        json_t *keys = json_object_get(wanted->document, "keys"), *object;
        fbn_headscale_kept_key *list = wanted_take(wanted, json_object_size(keys), sizeof(*list));
        const char *name;

        if (keys && !json_is_object(keys))
                return wrong(wanted, "/keys", "it is no object");
        wanted->want.keys = list;
        json_object_foreach(keys, name, object) {
                int code = key_read(wanted, name, object, &list[wanted->want.n_keys++]);

                if (code)
                        return code;
        }
        return EXIT_DONE;
}

static int prefixes_read(struct wanted *wanted, json_t *list, fbn_headscale_config *config)
{
        fbn_prefix *prefixes = wanted_take(wanted, json_array_size(list), sizeof(*prefixes));

        if (list && !json_is_array(list))
                return wrong(wanted, "/config/prefixes", "it is no list");
        config->prefixes = prefixes;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *text = json_string_value(json_array_get(list, i));

                if (!text || fbn_prefix_parse(text, &prefixes[config->n_prefixes++]) < 0)
                        return wrong(wanted, "/config/prefixes", "it has what is no prefix");
        }
        return EXIT_DONE;
}

static int split_read(struct wanted *wanted, json_t *split, fbn_headscale_config *config)
{
        fbn_headscale_domain *domains = wanted_take(wanted, json_object_size(split), sizeof(*domains));
        const char *suffix;
        json_t *list;

        if (split && !json_is_object(split))
                return wrong(wanted, "/config/split", "it is no object");
        config->split = domains;
        json_object_foreach(split, suffix, list) {
                fbn_headscale_domain *domain = &domains[config->n_split++];
                int code = texts_read(wanted, "/config/split", suffix, list, &domain->resolvers, &domain->n_resolvers);

                domain->size = sizeof(*domain);
                domain->suffix = suffix;
                if (code)
                        return code;
        }
        return EXIT_DONE;
}

static size_t count_values(json_t *object)
{
        size_t count = 0;
        const char *name;
        json_t *list;

        json_object_foreach(object, name, list)
                count += json_array_size(list);
        return count;
}

static int records_read(struct wanted *wanted, json_t *names, fbn_headscale_config *config)
{
        fbn_headscale_record *records = wanted_take(wanted, count_values(names), sizeof(*records));
        const char *name;
        json_t *list;

        if (names && !json_is_object(names))
                return wrong(wanted, "/config/records", "it is no object");
        config->records = records;
        json_object_foreach(names, name, list) {
                if (!json_is_array(list))
                        return misused("%s: /config/records/%s: it is no list of addresses", wanted->path, name);
                for (size_t i = 0; i < json_array_size(list); i++) {
                        fbn_headscale_record *record = &records[config->n_records++];
                        const char *text = json_string_value(json_array_get(list, i));

                        *record = (fbn_headscale_record){.size = sizeof(*record), .name = name};
                        if (!text || fbn_address_parse(text, &record->address) < 0)
                                return misused("%s: /config/records/%s: it has what is no address", wanted->path, name);
                }
        }
        return EXIT_DONE;
}

static int more_read(struct wanted *wanted, json_t *more, fbn_headscale_config *config)
{
        char *dumped, *copy;

        if (!more)
                return EXIT_DONE;
        if (!json_is_object(more))
                return wrong(wanted, "/config/more", "it is no object");
        dumped = json_dumps(more, JSON_COMPACT);
        copy = wanted_take(wanted, strlen(dumped) + 1, 1);
        strcpy(copy, dumped);
        free(dumped);
        config->more = copy;
        return EXIT_DONE;
}

static int texts_of_config(struct wanted *wanted, json_t *object, fbn_headscale_config *config)
{
        const struct {
                const char *member;
                const char **text;
        } texts[] = {{"file", &wanted->want.config_path},        {"records_file", &config->records_path}, {"server_url", &config->server_url},
                     {"listen", &config->listen}, {"folder", &config->folder},             {"base_domain", &config->base_domain}};
        int code = EXIT_DONE;

        for (size_t i = 0; !code && i < sizeof(texts) / sizeof(texts[0]); i++)
                code = text_read(wanted, "/config", object, texts[i].member, texts[i].text);
        if (!code && wanted->want.config_path)
                wanted->want.config_path = wanted_path(wanted, wanted->want.config_path, "");
        return code;
}

int config_read(struct wanted *wanted)
{
        static const char *const known[] = {"file",  "records_file",   "server_url", "listen", "folder", "prefixes", "base_domain", "resolvers",
                                            "split", "search_domains", "records",    "more",   NULL};
        json_t *object = json_object_get(wanted->document, "config");
        fbn_headscale_config *config = wanted_take(wanted, 1, sizeof(*config));
        int code;

        if (!object)
                return EXIT_DONE;
        config->size = sizeof(*config);
        wanted->want.config = config;
        code = members_check(wanted, "/config", object, known);
        if (!code)
                code = texts_of_config(wanted, object, config);
        if (!code)
                code = prefixes_read(wanted, json_object_get(object, "prefixes"), config);
        if (!code)
                code = texts_read(wanted, "/config", "resolvers", json_object_get(object, "resolvers"), &config->resolvers, &config->n_resolvers);
        if (!code)
                code = split_read(wanted, json_object_get(object, "split"), config);
        if (!code)
                code = texts_read(wanted, "/config", "search_domains", json_object_get(object, "search_domains"), &config->search_domains, &config->n_search_domains);
        if (!code)
                code = records_read(wanted, json_object_get(object, "records"), config);
        if (!code)
                code = more_read(wanted, json_object_get(object, "more"), config);
        if (!code && config->records_path && *config->records_path != '/')
                code = wrong(wanted, "/config/records_file", "it does not begin at the root: the server would look for it elsewhere");
        return code;
}
