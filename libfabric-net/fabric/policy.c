/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/file.h"
#include "base/text.h"
#include "fabric/explain.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
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
        const struct node *from; /* of a destination: who asks */
        const char *unread;      /* a word of the policy that is not read here; NULL: none was met */
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
        if (streq(word, "autogroup:self") && j->from)
                return is_own_address(j) && j->node->n_tags == 0 && j->from->n_tags == 0 && streq(j->node->user, j->from->user);
        if (strchr(word, ':'))
                j->unread = word;
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

static bool any_fits(struct judge *j, json_t *list)
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

/* Whether a rule for that protocol ("tcp", "17") is for this packet. Who may be reached at all may be pinged. Source: tailscale
 * wgengine/filter/filter.go, runIn4: "icmp ok". */
static bool protocol_fits(const char *protocol, const struct packet *p)
{
        if (p->port == 0 || !protocol || !*protocol || streq(protocol, "*"))
                return true;
        return p->protocol == PROTOCOL_TCP ? streq(protocol, "tcp") || streq(protocol, "6") : streq(protocol, "udp") || streq(protocol, "17");
}

static bool rule_passes(struct judge *source, struct judge *destination, json_t *rule, const struct packet *p)
{
        const char *action = json_string_value(json_object_get(rule, "action"));

        return action && streq(action, "accept") && protocol_fits(json_string_value(json_object_get(rule, "proto")), p) &&
               any_fits(source, json_object_get(rule, "src")) && destinations_fit(destination, json_object_get(rule, "dst"), p);
}

/* "*", "443", "8000-8999", "tcp:443", "udp:*", "icmp:*". Source: tailscale.com/kb/1324/grants, "ip". */
static bool capability_fits(const char *text, const struct packet *p)
{
        const char *colon = strchr(text, ':');
        char protocol[16];

        if (colon && (size_t)(colon - text) >= sizeof(protocol))
                return false;
        snprintf(protocol, sizeof(protocol), "%.*s", colon ? (int)(colon - text) : 0, text);
        return protocol_fits(protocol, p) && (p->port == 0 || port_in(colon ? colon + 1 : text, p->port));
}

/* A grant without "ip" is one of an application. What also depends on a device's posture or on the way is taken as if it did not. */
static bool grant_passes(struct judge *source, struct judge *destination, json_t *grant, const struct packet *p)
{
        json_t *list = json_object_get(grant, "ip"), *capability;
        bool fits = false;
        size_t i;

        json_array_foreach(list, i, capability)
                fits |= json_is_string(capability) && capability_fits(json_string_value(capability), p);
        if (!fits || !any_fits(source, json_object_get(grant, "src")) || !any_fits(destination, json_object_get(grant, "dst")))
                return false;
        if (json_object_get(grant, "srcPosture"))
                source->unread = "srcPosture";
        if (json_object_get(grant, "via"))
                source->unread = "via";
        return !source->unread;
}

static bool any_passes(struct judge *source, struct judge *destination, const struct packet *p)
{
        json_t *rule;
        size_t i;

        json_array_foreach(json_object_get(source->root, "acls"), i, rule)
                if (rule_passes(source, destination, rule, p))
                        return true;
        json_array_foreach(json_object_get(source->root, "grants"), i, rule)
                if (grant_passes(source, destination, rule, p))
                        return true;
        return false;
}

bool policy_passes(struct explain *e, const struct node *from, const struct packet *p, const struct node *to, char *unread, size_t size)
{
        _cleanup_(json_decrefp) json_t *root = NULL;
        struct judge source = {.node = from, .end = &p->from}, destination = {.node = to, .end = &p->to, .from = from};
        const char *word;

        *unread = 0;
        if (!e->fabric->mesh.policy_file)
                return true; /* Source: headscale docs/ref/acls.md: without one, all is allowed */
        root = read_policy(e);
        source.root = destination.root = root;
        if (!root)
                snprintf(unread, size, "its file cannot be read here");
        else if (json_object_get(root, "acls") || json_object_get(root, "grants")) {
                if (any_passes(&source, &destination, p))
                        return true;
                word = source.unread ? source.unread : destination.unread;
                if (word)
                        snprintf(unread, size, "'%s' is not read here", word);
        } else
                return true; /* Source: headscale hscontrol/policy/v2/filter.go: no rules are none that forbid */
        return *unread != 0;
}
