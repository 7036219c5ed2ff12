/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/config.h"

#include "base/file.h"
#include "headscale/yaml.h"

#if __has_include(<yaml.h>)
#include "base/address.h"

#include <stdarg.h>
#include <strings.h>
#include <unistd.h>

struct config {
        struct yaml_file *file;
        const char *made; /* a file that will be there */
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

static bool is_true(const yaml_node_t *node, bool otherwise)
{
        const char *text = yaml_scalar(node);

        return text && *text ? strcasecmp(text, "true") == 0 || strcasecmp(text, "yes") == 0 || strcasecmp(text, "on") == 0 : otherwise;
}

/* hscontrol/types/config.go parses an address or a URL of DNS over HTTPS, and drops anything else with a warning in its log. */
static void resolvers_check(struct config *config, const yaml_node_t *list, const char *where)
{
        if (!list || list->type != YAML_SEQUENCE_NODE)
                return;
        for (const yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++) {
                const yaml_node_t *node = yaml_at(config->file, *item);
                const char *text = yaml_scalar(node);
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
        const char *text = yaml_scalar(node);
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
        const yaml_node_t *servers = yaml_member(config->file, dns, "nameservers"), *split = yaml_member(config->file, servers, "split");
        const yaml_node_t *global = yaml_member(config->file, servers, "global"), *lost = yaml_member(config->file, dns, "split");

        if (lost)
                find(config, lost, "dns.split is read by nobody; it is dns.nameservers.split");
        if (is_true(yaml_member(config->file, dns, "override_local_dns"), true) && yaml_is_empty(global))
                find(config, dns, "dns.override_local_dns is true, as it is when left out, and then dns.nameservers.global must not be empty: the server does not start");
        resolvers_check(config, global, "dns.nameservers.global");
        if (!split || split->type != YAML_MAPPING_NODE)
                return;
        for (const yaml_node_pair_t *pair = split->data.mapping.pairs.start; pair < split->data.mapping.pairs.top; pair++) {
                suffix_check(config, yaml_at(config->file, pair->key));
                resolvers_check(config, yaml_at(config->file, pair->value), "dns.nameservers.split");
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
        const yaml_node_t *node = yaml_member(config->file, dns, "base_domain"), *url_node = yaml_member(config->file, root, "server_url");
        const char *base = yaml_scalar(node), *url = yaml_scalar(url_node), *host;
        size_t length, n = base ? strlen(base) : 0;

        if (!url || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)) {
                find(config, url_node, "server_url is missing, or begins with neither https:// nor http://");
                return;
        }
        if (n == 0) {
                if (is_true(yaml_member(config->file, dns, "magic_dns"), true))
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
        const yaml_node_t *node = yaml_member(config->file, prefixes, family);
        const char *text = yaml_scalar(node);
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
        const yaml_node_t *path = yaml_member(config->file, dns, "extra_records_path"), *inside = yaml_member(config->file, dns, "extra_records");
        const char *name = yaml_scalar(path);

        if (!name || !*name)
                return;
        if (!yaml_is_empty(inside))
                find(config, path, "dns.extra_records and dns.extra_records_path exclude each other: the server does not start");
        if (*name == '/' && access(name, F_OK) < 0 && (!config->made || strcmp(config->made, name) != 0))
                find(config, path, "dns.extra_records_path: there is no '%s': the server does not start; '[]' in it is enough", name);
}

static void policy_check(struct config *config, const yaml_node_t *root)
{
        const yaml_node_t *policy = yaml_member(config->file, root, "policy"), *mode_node = yaml_member(config->file, policy, "mode");
        const char *mode = yaml_scalar(mode_node);

        if (mode && *mode && strcmp(mode, "file") != 0 && strcmp(mode, "database") != 0)
                find(config, mode_node, "policy.mode: '%s' is neither file nor database", mode);
}

static void derp_check(struct config *config, const yaml_node_t *root)
{
        const yaml_node_t *derp = yaml_member(config->file, root, "derp"), *server = yaml_member(config->file, derp, "server");

        if (!is_true(yaml_member(config->file, server, "enabled"), false) && yaml_is_empty(yaml_member(config->file, derp, "urls")) && yaml_is_empty(yaml_member(config->file, derp, "paths")))
                find(config, derp, "derp: no server of its own, no urls, no paths: with an empty map the server does not start");
}

static void document_check(struct config *config, const yaml_node_t *root)
{
        const yaml_node_t *dns = yaml_member(config->file, root, "dns"), *prefixes = yaml_member(config->file, root, "prefixes");

        base_domain_check(config, root, dns);
        nameservers_check(config, dns);
        records_check(config, dns);
        if (yaml_is_empty(yaml_member(config->file, prefixes, "v4")) && yaml_is_empty(yaml_member(config->file, prefixes, "v6")))
                find(config, prefixes, "prefixes: neither v4 nor v6 is given: the server does not start");
        prefix_check(config, prefixes, "v4", "100.64.0.0/10");
        prefix_check(config, prefixes, "v6", "fd7a:115c:a1e0::/48");
        policy_check(config, root);
        derp_check(config, root);
}

int headscale_config_read(fbn_context *c, const char *text, size_t length, const char *made, struct text *report)
{
        _cleanup_(yaml_close) struct yaml_file file = {0};
        struct config config = {.file = &file, .made = made, .report = report};
        int r = yaml_load(c, text, length, &file);

        if (r < 0)
                return r;
        text_add(report, "%s", "");
        document_check(&config, file.root);
        return report->failed ? fail_memory(c) : config.count;
}
#else
int headscale_config_read(fbn_context *c, const char *text, size_t length, const char *made, struct text *report)
{
        (void)text, (void)length, (void)made, (void)report;
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
                r = fail_in(c, headscale_config_read(c, text, length, NULL, &report), "%s", path);
        if (r >= 0)
                *ret_report = TAKE_PTR(report.bytes);
        return r;
}
