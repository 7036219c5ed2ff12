/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/config.h"

#include "base/file.h"

#include <fabricnet/headscale.h>

#define CONFIG_MAX ((size_t)1 << 20)

#if __has_include(<yaml.h>)
#include "base/address.h"

#include <stdarg.h>
#include <strings.h>
#include <unistd.h>
#include <yaml.h>

#define YAML_FUNCTIONS(X) \
        X(parser_initialize) X(parser_set_input_string) X(parser_load) X(parser_delete) X(document_get_root_node) X(document_get_node) X(document_delete)

/* libyaml behind a table, so that only who reads such a file needs it installed. */
struct yaml {
#define YAML_MEMBER(name) __typeof__(yaml_##name) *name;
        YAML_FUNCTIONS(YAML_MEMBER)
};

#if FBN_DLOPEN
#include <dlfcn.h>

static int yaml_open(fbn_context *c, struct yaml *yaml)
{
        void *library = dlopen("libyaml-0.so.2", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE); /* stays: nothing is to be kept for its end */

        if (!library)
                return fail(c, FBN_EUNSUPPORTED, "libyaml is not installed: apt-get install libyaml-0-2");
#define YAML_FIND(name)                                                            \
        yaml->name = (__typeof__(yaml->name))dlsym(library, "yaml_" #name);        \
        if (!yaml->name)                                                           \
                return fail(c, FBN_EUNSUPPORTED, "libyaml has no yaml_" #name "()");
        YAML_FUNCTIONS(YAML_FIND)
        dlclose(library);
        return 0;
}
#else
static int yaml_open(fbn_context *c, struct yaml *yaml)
{
        (void)c;
#define YAML_TAKE(name) yaml->name = yaml_##name;
        YAML_FUNCTIONS(YAML_TAKE)
        return 0;
}
#endif

struct config {
        struct yaml yaml;
        yaml_document_t document;
        struct text *report;
        int count;
};

static void find(struct config *config, const yaml_node_t *at, const char *format, ...) FBN_PRINTF(3, 4);
static void find(struct config *config, const yaml_node_t *at, const char *format, ...)
{
        char words[512];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(words, sizeof(words), format, arguments);
        va_end(arguments);
        if (at)
                text_add(config->report, "line %zu: ", at->start_mark.line + 1);
        text_add(config->report, "%s\n", words);
        config->count++;
}

static const char *scalar(const yaml_node_t *node)
{
        return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

/* The value of a mapping's member; viper, which the server reads with, does not mind the case. */
static yaml_node_t *member(struct config *config, const yaml_node_t *mapping, const char *name)
{
        if (!mapping || mapping->type != YAML_MAPPING_NODE)
                return NULL;
        for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++) {
                const char *key = scalar(config->yaml.document_get_node(&config->document, pair->key));

                if (key && strcasecmp(key, name) == 0)
                        return config->yaml.document_get_node(&config->document, pair->value);
        }
        return NULL;
}

static bool is_true(const yaml_node_t *node, bool otherwise)
{
        const char *text = scalar(node);

        return text && *text ? strcasecmp(text, "true") == 0 || strcasecmp(text, "yes") == 0 || strcasecmp(text, "on") == 0 : otherwise;
}

static bool is_empty(const yaml_node_t *node)
{
        return !node || (node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0) ||
               (node->type == YAML_SEQUENCE_NODE && node->data.sequence.items.start == node->data.sequence.items.top) ||
               (node->type == YAML_MAPPING_NODE && node->data.mapping.pairs.start == node->data.mapping.pairs.top);
}

/* hscontrol/types/config.go parses an address or a URL of DNS over HTTPS, and drops anything else with a warning in its log. */
static void resolvers_check(struct config *config, const yaml_node_t *list, const char *where)
{
        if (!list || list->type != YAML_SEQUENCE_NODE)
                return;
        for (const yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++) {
                const yaml_node_t *node = config->yaml.document_get_node(&config->document, *item);
                const char *text = scalar(node);
                fbn_endpoint endpoint;
                fbn_address address;

                if (!text || fbn_address_parse(text, &address) == 0 || strncmp(text, "https://", 8) == 0)
                        continue;
                if (fbn_endpoint_parse(text, &endpoint) == 0)
                        find(config, node, "%s: '%s' has a port: the server drops it; a resolver is an address alone and answers on port 53", where, text);
                else
                        find(config, node, "%s: '%s' is neither an address nor an https:// URL: the server drops it", where, text);
        }
}

/* Tailscale matches by suffix; to it '*' is a label like any other, and never met. */
static void suffix_check(struct config *config, const yaml_node_t *node)
{
        const char *text = scalar(node);
        size_t length = text ? strlen(text) : 0;

        if (!text)
                return;
        if (strncmp(text, "*.", 2) == 0)
                find(config, node, "dns.nameservers.split: '%s' silently never matches; write '%s', which means it and all below", text, text + 2);
        else if (length > 0 && text[length - 1] == '.')
                find(config, node, "dns.nameservers.split: '%s' ends in a dot; leave it out", text);
}

static void nameservers_check(struct config *config, const yaml_node_t *dns)
{
        const yaml_node_t *servers = member(config, dns, "nameservers"), *split = member(config, servers, "split");
        const yaml_node_t *global = member(config, servers, "global"), *lost = member(config, dns, "split");

        if (lost)
                find(config, lost, "dns.split is read by nobody; it is dns.nameservers.split");
        if (is_true(member(config, dns, "override_local_dns"), true) && is_empty(global))
                find(config, dns, "dns.override_local_dns is true, as it is when left out, and then dns.nameservers.global must not be empty: the server does not start");
        resolvers_check(config, global, "dns.nameservers.global");
        if (!split || split->type != YAML_MAPPING_NODE)
                return;
        for (const yaml_node_pair_t *pair = split->data.mapping.pairs.start; pair < split->data.mapping.pairs.top; pair++) {
                suffix_check(config, config->yaml.document_get_node(&config->document, pair->key));
                resolvers_check(config, config->yaml.document_get_node(&config->document, pair->value), "dns.nameservers.split");
        }
}

/* The host of a URL, as long as *ret_length says. */
static const char *host_of(const char *url, size_t *ret_length)
{
        const char *begin = strstr(url, "://");

        begin = begin ? begin + 3 : url;
        *ret_length = strcspn(begin, ":/");
        return begin;
}

static void base_domain_check(struct config *config, const yaml_node_t *root, const yaml_node_t *dns)
{
        const yaml_node_t *node = member(config, dns, "base_domain"), *url_node = member(config, root, "server_url");
        const char *base = scalar(node), *url = scalar(url_node), *host;
        size_t length, n = base ? strlen(base) : 0;

        if (!url || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)) {
                find(config, url_node, "server_url is missing, or begins with neither https:// nor http://");
                return;
        }
        if (n == 0) {
                if (is_true(member(config, dns, "magic_dns"), true))
                        find(config, dns, "dns.base_domain is empty, and dns.magic_dns is on: the server does not start");
                return;
        }
        host = host_of(url, &length);
        if (length == n && strncasecmp(host, base, n) == 0)
                find(config, node, "dns.base_domain is the host of server_url: the server does not start, because its own name would be the mesh's");
        else if (length > n && host[length - n - 1] == '.' && strncasecmp(host + length - n, base, n) == 0)
                find(config, node, "the host of server_url lies below dns.base_domain '%s': the server does not start; take another domain", base);
}

static void prefix_check(struct config *config, const yaml_node_t *prefixes, const char *family, const char *within)
{
        const yaml_node_t *node = member(config, prefixes, family);
        const char *text = scalar(node);
        fbn_prefix prefix, all;

        if (!text || !*text)
                return;
        fbn_prefix_parse(within, &all);
        if (fbn_prefix_parse(text, &prefix) < 0)
                find(config, node, "prefixes.%s: '%s' is no prefix", family, text);
        else if (prefix.address.family != all.address.family || prefix.length < all.length || !fbn_prefix_overlaps(&prefix, &all))
                find(config, node, "prefixes.%s: '%s' is not within %s: clients do not take it", family, text, within);
}

static void records_check(struct config *config, const yaml_node_t *dns)
{
        const yaml_node_t *path = member(config, dns, "extra_records_path"), *inside = member(config, dns, "extra_records");
        const char *name = scalar(path);

        if (!name || !*name)
                return;
        if (!is_empty(inside))
                find(config, path, "dns.extra_records and dns.extra_records_path exclude each other: the server does not start");
        if (*name == '/' && access(name, F_OK) < 0)
                find(config, path, "dns.extra_records_path: there is no '%s': the server does not start; '[]' in it is enough", name);
}

static void policy_check(struct config *config, const yaml_node_t *root)
{
        const yaml_node_t *policy = member(config, root, "policy"), *mode_node = member(config, policy, "mode");
        const char *mode = scalar(mode_node);

        if (mode && *mode && strcmp(mode, "file") != 0 && strcmp(mode, "database") != 0)
                find(config, mode_node, "policy.mode: '%s' is neither file nor database", mode);
}

static void derp_check(struct config *config, const yaml_node_t *root)
{
        const yaml_node_t *derp = member(config, root, "derp"), *server = member(config, derp, "server");

        if (!is_true(member(config, server, "enabled"), false) && is_empty(member(config, derp, "urls")) && is_empty(member(config, derp, "paths")))
                find(config, derp, "derp: no server of its own, no urls, no paths: with an empty map the server does not start");
}

static void document_check(struct config *config, const yaml_node_t *root)
{
        const yaml_node_t *dns = member(config, root, "dns"), *prefixes = member(config, root, "prefixes");

        base_domain_check(config, root, dns);
        nameservers_check(config, dns);
        records_check(config, dns);
        if (is_empty(member(config, prefixes, "v4")) && is_empty(member(config, prefixes, "v6")))
                find(config, prefixes, "prefixes: neither v4 nor v6 is given: the server does not start");
        prefix_check(config, prefixes, "v4", "100.64.0.0/10");
        prefix_check(config, prefixes, "v6", "fd7a:115c:a1e0::/48");
        policy_check(config, root);
        derp_check(config, root);
}

int headscale_config_read(fbn_context *c, const char *text, size_t length, struct text *report)
{
        struct config config = {.report = report};
        yaml_parser_t parser;
        yaml_node_t *root;
        int r = yaml_open(c, &config.yaml);

        if (r < 0)
                return r;
        if (!config.yaml.parser_initialize(&parser))
                return fail_memory(c);
        config.yaml.parser_set_input_string(&parser, (const unsigned char *)text, length);
        if (!config.yaml.parser_load(&parser, &config.document)) {
                r = parser.error == YAML_MEMORY_ERROR ? fail_memory(c)
                                                      : fail(c, FBN_EINVAL, "%zu:%zu: %s", parser.problem_mark.line + 1, parser.problem_mark.column + 1,
                                                             parser.problem ? parser.problem : "no YAML");
                config.yaml.parser_delete(&parser);
                return r;
        }
        text_add(report, "%s", "");
        root = config.yaml.document_get_root_node(&config.document);
        if (!root || root->type != YAML_MAPPING_NODE)
                r = fail(c, FBN_EINVAL, "it is no mapping of YAML");
        else
                document_check(&config, root);
        config.yaml.document_delete(&config.document);
        config.yaml.parser_delete(&parser);
        if (r < 0)
                return r;
        return report->failed ? fail_memory(c) : config.count;
}
#else
int headscale_config_read(fbn_context *c, const char *text, size_t length, struct text *report)
{
        (void)text, (void)length, (void)report;
        return fail(c, FBN_EUNSUPPORTED, "built without libyaml's header");
}
#endif

int fbn_headscale_config_check(fbn_context *c, const char *path, char **ret_report)
{
        _cleanup_(text_free) struct text report = {0};
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r = file_read(c, path, CONFIG_MAX, &text, &length);

        if (r == 0)
                r = fail_in(c, headscale_config_read(c, text, length, &report), "%s", path);
        if (r >= 0)
                *ret_report = TAKE_PTR(report.bytes);
        return r;
}
