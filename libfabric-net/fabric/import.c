/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/import.h"
#include "base/address.h"
#include "fabric/words.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

void import_label(const char *text, char *buffer, size_t size)
{
        size_t n = 0;

        for (const char *p = text; *p && n + 1 < size && n < 60; p++) {
                char c = (char)tolower((unsigned char)*p);

                if (isalnum((unsigned char)c))
                        buffer[n++] = c;
                else if (n > 0 && buffer[n - 1] != '-')
                        buffer[n++] = '-';
        }
        while (n > 0 && buffer[n - 1] == '-')
                n--;
        buffer[n] = 0;
        if (n == 0)
                snprintf(buffer, size, "x");
}

json_t *import_host(struct import *import, const char *name)
{
        json_t *host = json_object_get(import->hosts, name);

        if (!host) {
                host = json_object();
                import->failed |= json_object_set_new(import->hosts, name, host) < 0;
        }
        return host;
}

static const char *prefix_text_of(json_t *value)
{
        return json_string_value(json_is_object(value) ? json_object_get(value, "prefix") : value);
}

/* One fact in one place: a prefix that is there already keeps its name. */
const char *import_prefix(struct import *import, const fbn_prefix *prefix, const char *router)
{
        char text[FBN_ADDRESS_TEXT], label[FBN_ADDRESS_TEXT], name[FBN_ADDRESS_TEXT + 8];
        fbn_prefix network = *prefix;
        const char *key;
        json_t *value;

        fbn_prefix_network(prefix, &network);
        fbn_prefix_format(&network, text, sizeof(text));
        json_object_foreach(import->prefixes, key, value) {
                if (strcmp(prefix_text_of(value), text) != 0)
                        continue;
                if (router && !json_is_object(value)) { /* now its place is known too */
                        import->failed |= json_object_set_new(import->prefixes, key, json_pack("{s:s, s:s}", "prefix", text, "at", router)) < 0;
                }
                return key;
        }
        import_label(text, label, sizeof(label));
        snprintf(name, sizeof(name), "net-%s", label);
        value = router ? json_pack("{s:s, s:s}", "prefix", text, "at", router) : json_string(text);
        import->failed |= json_object_set_new(import->prefixes, name, value) < 0;
        json_object_foreach(import->prefixes, key, value)
                if (strcmp(key, name) == 0)
                        return key;
        return "";
}

int import_secret(struct import *import, const fbn_secret *key, const char *name, json_t **ret_source)
{
        FBN_CLEANUP(fbn_secret) have = NULL;
        FBN_CLEANUP(fbn_secret) text = NULL;
        const char *folder = import->options->folder ? import->options->folder : ".";
        char path[PATH_MAX], relative[256];
        int r;

        snprintf(relative, sizeof(relative), "secrets/%s", name);
        if (snprintf(path, sizeof(path), "%s/secrets", folder) >= (int)sizeof(path) - 64)
                return fail(import->c, FBN_EINVAL, "%s: the path is too long", folder);
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return fail_errno(import->c, errno, "%s", path);
        snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", name);
        r = fbn_key_encode(import->c, key, &text);
        if (r == 0)
                r = fbn_secret_write_file(import->c, text, path);
        if (r == -FBN_EEXIST) {
                r = fbn_secret_read_file(import->c, path, &have);
                if (r == 0 && !fbn_secret_equal(have, text))
                        r = fail(import->c, FBN_EEXIST, "%s: there is another key in it already; move it away", path);
        }
        if (r == 0)
                *ret_source = json_pack("{s:s}", "file", relative);
        return r;
}

int import_files(struct import *import)
{
        for (size_t i = 0; i < import->options->n_files; i++) {
                const char *path = import->options->files[i], *slash = strrchr(path, '/');
                FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
                const fbn_wireguard_interface *interface;
                char device[64];
                int r;

                snprintf(device, sizeof(device), "%s", slash ? slash + 1 : path);
                if (strrchr(device, '.'))
                        *strrchr(device, '.') = 0;
                if (!word_is_device(device))
                        return fail(import->c, FBN_EINVAL, "%s: expected the file of an interface, as wg0.conf", path);
                r = fbn_wireguard_parse_file(import->c, path, &wireguard);
                if (r < 0)
                        return r;
                interface = fbn_wireguard_interface_of(wireguard);
                if (interface->n_addresses == 0)
                        return fail(import->c, FBN_EINVAL, "%s: it has no Address, so its tunnel has no prefix", path);
                r = fail_in(import->c, import_tunnel(import, device, wireguard, &interface->addresses[0], interface->mtu), "%s", path);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int start(struct import *import, const char *name)
{
        import->root = json_pack("{s:i, s:s, s:{s:s}, s:{}, s:{}, s:{}}", "fabric", 1, "name", name, "defaults", "rp_filter", "loose", "prefixes", "hosts",
                                 "wireguard");
        if (!import->root)
                return fail_memory(import->c);
        import->prefixes = json_object_get(import->root, "prefixes");
        import->hosts = json_object_get(import->root, "hosts");
        import->tunnels = json_object_get(import->root, "wireguard");
        import->self = import_host(import, import->host);
        return 0;
}

int fbn_fabric_import(fbn_context *c, const fbn_fabric_import_options *options, char **ret_text)
{
        fbn_fabric_import_options read = {0};
        struct import import = {.c = c, .options = &read};
        char name[64], host[64], *text;
        int r;

        r = OPTIONS_READ(c, fbn_fabric_import_options, options, &read);
        if (r < 0)
                return r;
        if (!read.host)
                return fail(c, FBN_EINVAL, "which host this is was not said");
        import_label(read.name ? read.name : "imported", name, sizeof(name));
        import_label(read.host, host, sizeof(host));
        import.host = host;
        r = start(&import, name);
        if (r == 0 && read.live)
                r = import_live(&import);
        if (r == 0)
                r = import_files(&import);
        if (r == 0 && read.url)
                r = import_headscale(&import);
        if (r == 0 && json_object_size(import.tunnels) == 0)
                json_object_del(import.root, "wireguard");
        text = r == 0 && !import.failed ? json_dumps(import.root, JSON_INDENT(2)) : NULL;
        json_decref(import.root);
        if (r < 0)
                return r;
        if (!text)
                return fail_memory(c);
        *ret_text = text;
        return 0;
}
