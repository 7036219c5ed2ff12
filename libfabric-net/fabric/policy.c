/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/file.h"
#include "base/text.h"
#include "fabric/explain.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>

#define POLICY_MAX ((size_t)1 << 20)

static const char *skip_comment(const char *at)
{
        const char *end = at[1] == '/' ? strchr(at, '\n') : strstr(at + 2, "*/");

        return !end ? at + strlen(at) : at[1] == '/' ? end : end + 2;
}

/* HuJSON is JSON with comments and commas before a bracket that closes: blanked in place. Source: github.com/tailscale/hujson, README. */
static void plain_json(char *text)
{
        char *comma = NULL;

        for (char *at = text; *at; at++) {
                if (*at == '"') {
                        for (at++; *at && *at != '"'; at++)
                                at += *at == '\\' && at[1];
                        comma = NULL;
                        if (!*at)
                                return;
                } else if (*at == '/' && (at[1] == '/' || at[1] == '*')) {
                        const char *end = skip_comment(at);

                        while (at + 1 < end)
                                *at++ = ' ';
                        *at = ' ';
                } else if (*at == ',')
                        comma = at;
                else if (comma && (*at == ']' || *at == '}')) {
                        *comma = ' ';
                        comma = NULL;
                } else if (!strchr(" \t\r\n", *at))
                        comma = NULL;
        }
}

static json_t *read_policy(struct explain *e)
{
        _cleanup_free_ char *text = NULL;
        char path[PATH_MAX];
        struct undoing undoing;
        size_t length;
        int r = -FBN_EINVAL;

        undoing = undo_begin(e->c); /* a file that is not here is no error of the explanation */
        if (fabric_path(e->fabric, e->fabric->mesh.policy_file, path, sizeof(path)))
                r = file_read(e->c, path, POLICY_MAX, &text, &length);
        undo_end(e->c, &undoing);
        if (r < 0)
                return NULL;
        plain_json(text);
        return json_loads(text, JSON_DECODE_ANY, NULL);
}

struct judge {
        json_t *root;
        const struct node *node; /* whom a word may mean */
        const struct end *end;   /* and by which address */
        bool opaque;
};

static bool is_user(const struct node *node, const char *word)
{
        size_t length = strlen(word);

        length -= length && word[length - 1] == '@';
        return node->n_tags == 0 && strlen(node->user) == length && strncmp(node->user, word, length) == 0;
}

static bool has_tag(const struct node *node, const char *tag)
{
        for (size_t i = 0; i < node->n_tags; i++)
                if (streq(node->tags[i], tag))
                        return true;
        return false;
}

static bool is_own_address(const struct judge *j)
{
        return !j->end->address.family || address_compare(&j->node->address, &j->end->address) == 0;
}

static bool holds(const char *prefix_text, const struct end *end)
{
        fbn_prefix prefix;

        return fbn_prefix_parse(prefix_text, &prefix) >= 0 && end->address.family && fbn_prefix_contains(&prefix, &end->address);
}

static bool in_group(struct judge *j, const char *name)
{
        json_t *list = json_object_get(json_object_get(j->root, "groups"), name), *user;
        size_t i;

        json_array_foreach(list, i, user)
                if (json_is_string(user) && is_user(j->node, json_string_value(user)))
                        return true;
        return false;
}

static bool means(struct judge *j, const char *word)
{
        const char *host = json_string_value(json_object_get(json_object_get(j->root, "hosts"), word));
        fbn_prefix prefix;

        if (streq(word, "*"))
                return true;
        if (host || fbn_prefix_parse(word, &prefix) >= 0)
                return holds(host ? host : word, j->end);
        if (strncmp(word, "tag:", 4) == 0)
                return is_own_address(j) && has_tag(j->node, word);
        if (strncmp(word, "group:", 6) == 0)
                return is_own_address(j) && in_group(j, word);
        if (streq(word, "autogroup:member") || streq(word, "autogroup:tagged"))
                return is_own_address(j) && (j->node->n_tags == 0) == streq(word, "autogroup:member");
        if (streq(word, "autogroup:internet"))
                return false;
        j->opaque |= strncmp(word, "autogroup:", 10) == 0;
        return is_own_address(j) && is_user(j->node, word);
}

static bool port_in(const char *ports, uint16_t port)
{
        for (const char *at = ports; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
                char *end;
                unsigned long first = strtoul(at, &end, 10), last = first;

                if (*at == '*')
                        return true;
                if (*end == '-')
                        last = strtoul(end + 1, NULL, 10);
                if (end != at && port >= first && port <= last)
                        return true;
        }
        return false;
}

static bool sources_fit(struct judge *j, json_t *list)
{
        json_t *word;
        size_t i;

        json_array_foreach(list, i, word)
                if (json_is_string(word) && means(j, json_string_value(word)))
                        return true;
        return false;
}

static bool destinations_fit(struct judge *j, json_t *list, const struct packet *p)
{
        json_t *item;
        size_t i;

        json_array_foreach(list, i, item) {
                const char *text = json_string_value(item), *colon = text ? strrchr(text, ':') : NULL;
                char word[256];

                if (!colon || (size_t)(colon - text) >= sizeof(word))
                        continue;
                memcpy(word, text, (size_t)(colon - text));
                word[colon - text] = 0;
                if (means(j, word) && (p->port == 0 || port_in(colon + 1, p->port)))
                        return true;
        }
        return false;
}

static bool rule_passes(struct judge *source, struct judge *destination, json_t *rule, const struct packet *p)
{
        const char *action = json_string_value(json_object_get(rule, "action"));

        source->opaque |= json_object_get(rule, "proto") != NULL;
        return action && streq(action, "accept") && sources_fit(source, json_object_get(rule, "src")) &&
               destinations_fit(destination, json_object_get(rule, "dst"), p);
}

bool policy_passes(struct explain *e, const struct node *from, const struct packet *p, const struct node *to, bool *ret_opaque)
{
        _cleanup_(json_decrefp) json_t *root = NULL;
        struct judge source = {.node = from, .end = &p->from}, destination = {.node = to, .end = &p->to};
        json_t *rules, *rule;
        size_t i;

        if (!e->fabric->mesh.policy_file)
                return true; /* Source: headscale docs/ref/acls.md: without one, all is allowed */
        root = read_policy(e);
        rules = json_object_get(root, "acls");
        source.root = destination.root = root;
        if (!json_is_array(rules) || json_object_get(root, "grants")) {
                *ret_opaque = true;
                return true;
        }
        json_array_foreach(rules, i, rule)
                if (rule_passes(&source, &destination, rule, p))
                        return true;
        *ret_opaque = source.opaque || destination.opaque;
        return *ret_opaque;
}
