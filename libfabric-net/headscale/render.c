/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server's config.yaml. JSON is YAML too, and needs no library to be written. */
#include "headscale/config.h"

#include "base/address.h"

#include <ctype.h>
#include <stdlib.h>

#define FOLDER "/var/lib/headscale"
#define LISTEN "127.0.0.1:8080"
#define DERP_URL "https://controlplane.tailscale.com/derpmap/default" /* headscale's config-example.yaml; without any the server does not start */
#define NAME_MAX_BYTES 256

static json_t *texts_json(const char *const *texts, size_t count)
{
        json_t *array = json_array();

        for (size_t i = 0; i < count; i++)
                json_array_append_new(array, json_string(texts[i]));
        return array;
}

/* "*." and a final dot are no part of a suffix to Tailscale, which compares in lower case. */
static int name_write(fbn_context *c, const char *name, bool suffix, char *buffer)
{
        const char *from = suffix && strncmp(name, "*.", 2) == 0 ? name + 2 : name;
        size_t length = strlen(from);

        if (length > 0 && from[length - 1] == '.')
                length--;
        if (length == 0 || length >= NAME_MAX_BYTES || memchr(from, '*', length))
                return fail(c, FBN_EINVAL, "'%.80s' is no name", name);
        for (size_t i = 0; i < length; i++)
                buffer[i] = (char)tolower((unsigned char)from[i]);
        buffer[length] = 0;
        return 0;
}

/* What else is given here the server drops with a warning in its log. */
static int resolvers_json(fbn_context *c, const char *const *resolvers, size_t count, json_t **ret_json)
{
        fbn_endpoint endpoint;
        fbn_address address;

        for (size_t i = 0; i < count; i++) {
                if (fbn_address_parse(resolvers[i], &address) == 0 || strncmp(resolvers[i], "https://", 8) == 0)
                        continue;
                if (fbn_endpoint_parse(resolvers[i], &endpoint) == 0)
                        return fail(c, FBN_EINVAL, "resolver '%s': there is no place for a port, it must answer on port 53", resolvers[i]);
                return fail(c, FBN_EINVAL, "resolver '%s' is neither an address nor an https:// URL", resolvers[i]);
        }
        *ret_json = texts_json(resolvers, count);
        return json_array_size(*ret_json) == count ? 0 : fail_memory(c);
}

static int split_json(fbn_context *c, const fbn_headscale_config *config, json_t *split)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < config->n_split; i++) {
                fbn_headscale_domain domain;
                char suffix[NAME_MAX_BYTES];
                json_t *resolvers = NULL;

                r = OPTIONS_READ(c, fbn_headscale_domain, item_at(config->split, i, sizeof(domain)), &domain);
                if (r == 0)
                        r = name_write(c, domain.suffix ? domain.suffix : "", true, suffix);
                if (r == 0)
                        r = fail_in(c, resolvers_json(c, domain.resolvers, domain.n_resolvers, &resolvers), "%s", suffix);
                if (r == 0 && json_object_set_new(split, suffix, resolvers) < 0)
                        r = fail_memory(c);
        }
        return fail_in(c, r, "split domain");
}

int records_json(fbn_context *c, const fbn_headscale_config *config, json_t **ret_json)
{
        _cleanup_(json_freep) json_t *records = json_array();
        int r = 0;

        for (size_t i = 0; r == 0 && i < config->n_records; i++) {
                char name[NAME_MAX_BYTES], text[FBN_ADDRESS_TEXT];
                fbn_headscale_record record;
                json_t *made = NULL;

                r = OPTIONS_READ(c, fbn_headscale_record, item_at(config->records, i, sizeof(record)), &record);
                if (r == 0)
                        r = name_write(c, record.name ? record.name : "", false, name);
                if (r == 0 && !record.address.family)
                        r = fail(c, FBN_EINVAL, "'%s' has no address", name);
                if (r == 0)
                        made = json_pack("{s:s, s:s, s:s}", "name", name, "type", record.address.family == AF_INET ? "A" : "AAAA", "value",
                                         fbn_address_format(&record.address, text, sizeof(text)));
                if (r == 0 && json_array_append_new(records, made) < 0)
                        r = fail_memory(c);
        }
        if (r == 0 && !records)
                r = fail_memory(c);
        if (r == 0)
                *ret_json = TAKE_PTR(records);
        return fail_in(c, r, "extra record");
}

/* The two are never both there: the server would not start. */
static int records_put(fbn_context *c, const fbn_headscale_config *config, json_t *dns)
{
        json_t *records = NULL;
        int r;

        if (config->records_path)
                return json_object_set_new(dns, "extra_records_path", json_string(config->records_path)) < 0 ? fail_memory(c) : 0;
        r = records_json(c, config, &records);
        return r == 0 && json_object_set_new(dns, "extra_records", records) < 0 ? fail_memory(c) : r;
}

static int dns_json(fbn_context *c, const fbn_headscale_config *config, json_t **ret_json)
{
        _cleanup_(json_freep) json_t *dns = NULL, *split = json_object(), *global = NULL;
        bool magic = config->base_domain && *config->base_domain;
        int r = resolvers_json(c, config->resolvers, config->n_resolvers, &global);

        if (r == 0)
                r = split_json(c, config, split);
        if (r < 0)
                return r;
        dns = json_pack("{s:b, s:s, s:b, s:{s:O, s:O}, s:o}", "magic_dns", (int)magic, "base_domain", magic ? config->base_domain : "", "override_local_dns",
                        config->n_resolvers > 0, "nameservers", "global", global, "split", split, "search_domains",
                        texts_json(config->search_domains, config->n_search_domains));
        if (!dns)
                return fail_memory(c);
        r = records_put(c, config, dns);
        if (r == 0)
                *ret_json = TAKE_PTR(dns);
        return r;
}

static int prefixes_json(fbn_context *c, const fbn_headscale_config *config, json_t **ret_json)
{
        _cleanup_(json_freep) json_t *prefixes = json_object();
        char text[FBN_ADDRESS_TEXT];
        fbn_prefix within[2];

        fbn_prefix_parse("100.64.0.0/10", &within[0]);
        fbn_prefix_parse("fd7a:115c:a1e0::/48", &within[1]);
        for (size_t i = 0; i < MAX(config->n_prefixes, 1); i++) {
                const fbn_prefix *prefix = config->n_prefixes ? &config->prefixes[i] : &within[0];
                bool v4 = prefix->address.family == AF_INET;
                const fbn_prefix *all = &within[v4 ? 0 : 1];

                fbn_prefix_format(prefix, text, sizeof(text));
                if (json_object_get(prefixes, v4 ? "v4" : "v6"))
                        return fail(c, FBN_EINVAL, "prefix %s: there is another one of its family", text);
                if (prefix->length < all->length || !fbn_prefix_overlaps(prefix, all))
                        return fail(c, FBN_EINVAL, "prefix %s is not within %s: clients do not take it", text, v4 ? "100.64.0.0/10" : "fd7a:115c:a1e0::/48");
                json_object_set_new(prefixes, v4 ? "v4" : "v6", json_string(text));
        }
        json_object_set_new(prefixes, "allocation", json_string("sequential"));
        *ret_json = TAKE_PTR(prefixes);
        return 0;
}

static int more_put(fbn_context *c, const char *more, json_t *root)
{
        json_error_t error;
        json_t *members = more ? json_loads(more, JSON_REJECT_DUPLICATES, &error) : NULL;
        int r = 0;

        if (more && !json_is_object(members))
                r = fail(c, FBN_EINVAL, "more: %s", members ? "it is no object" : error.text);
        else if (more && json_object_update_recursive(root, members) < 0)
                r = fail_memory(c);
        json_decref(members);
        return r;
}

int config_json(fbn_context *c, const fbn_headscale_config *config, json_t **ret_json)
{
        _cleanup_(json_freep) json_t *root = NULL, *dns = NULL, *prefixes = NULL;
        _cleanup_(text_free) struct text key = {0}, database = {0};
        const char *folder = config->folder ? config->folder : FOLDER;
        int r = 0;

        if (!config->server_url || (strncmp(config->server_url, "https://", 8) != 0 && strncmp(config->server_url, "http://", 7) != 0))
                r = fail(c, FBN_EINVAL, "server_url is missing, or begins with neither https:// nor http://");
        if (r == 0)
                r = prefixes_json(c, config, &prefixes);
        if (r == 0)
                r = dns_json(c, config, &dns);
        if (r < 0)
                return r;
        text_add(&key, "%s/noise_private.key", folder);
        text_add(&database, "%s/db.sqlite", folder);
        if (key.failed || database.failed)
                return fail_memory(c);
        root = json_pack("{s:s, s:s, s:{s:s}, s:O, s:{s:s, s:{s:s}}, s:{s:[s]}, s:{s:s}, s:O, s:{s:b}}", "server_url", config->server_url, "listen_addr",
                         config->listen ? config->listen : LISTEN, "noise", "private_key_path", key.bytes, "prefixes", prefixes, "database", "type", "sqlite",
                         "sqlite", "path", database.bytes, "derp", "urls", DERP_URL, "policy", "mode", "database", "dns", dns, "logtail", "enabled", 0);
        if (!root)
                return fail(c, FBN_EINVAL, "a text is not UTF-8");
        r = more_put(c, config->more, root);
        if (r == 0)
                *ret_json = TAKE_PTR(root);
        return r;
}

int fbn_headscale_config_render(fbn_context *c, const fbn_headscale_config *config, char **ret_text)
{
        _cleanup_(json_freep) json_t *root = NULL;
        _cleanup_(text_free) struct text text = {0};
        fbn_headscale_config mine;
        char *dumped;
        int r = OPTIONS_READ(c, fbn_headscale_config, config, &mine);

        if (r == 0)
                r = config_json(c, &mine, &root);
        if (r < 0)
                return fail_in(c, r, "headscale configuration");
        dumped = json_dumps(root, JSON_INDENT(2));
        if (dumped)
                text_add(&text, "%s: read when headscale starts\n%s\n", CONFIG_MARK, dumped);
        if (dumped && config->more)
                explicit_bzero(dumped, strlen(dumped));
        free(dumped);
        if (!dumped || text.failed)
                return fail_memory(c);
        *ret_text = TAKE_PTR(text.bytes);
        return 0;
}
