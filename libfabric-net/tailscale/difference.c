/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tailscale/tailscale.h"

#include "base/address.h"
#include "base/text.h"

#include <stdio.h>

#define OBJECT "tailscale"

bool same_server(const char *a, const char *b)
{
        size_t length_a = strlen(a), length_b = strlen(b);

        length_a -= length_a > 0 && a[length_a - 1] == '/';
        length_b -= length_b > 0 && b[length_b - 1] == '/';
        return length_a == length_b && memcmp(a, b, length_a) == 0;
}

/* One member of the PATCH: the value and the flag that says that it is meant. value is taken. */
static int patch_add(fbn_context *c, json_t *patch, const char *member, json_t *value)
{
        char flag[64];

        snprintf(flag, sizeof(flag), "%sSet", member);
        if (!value || json_object_set_new(patch, member, value) < 0 || json_object_set_new(patch, flag, json_true()) < 0)
                return fail_memory(c);
        return 0;
}

static int text_differ(fbn_context *c, json_t *patch, fbn_changes *changes, const char *member, const char *field, const char *have,
                       const char *want)
{
        json_t *value = json_string(want);

        if (!value)
                return fail(c, FBN_EINVAL, "%s: '%s' is not UTF-8", OBJECT, want);
        if (streq(have, want)) {
                json_decref(value);
                return 0;
        }
        if (patch_add(c, patch, member, value) < 0)
                return -FBN_ENOMEM;
        return changes_add(c, changes, FBN_CHANGE_UPDATE, OBJECT, field, have, want);
}

static int flag_differ(fbn_context *c, json_t *patch, fbn_changes *changes, const char *member, const char *field, bool have, bool want,
                       bool inverse)
{
        if (have == want)
                return 0;
        if (patch_add(c, patch, member, json_boolean(want != inverse)) < 0)
                return -FBN_ENOMEM;
        return changes_add(c, changes, FBN_CHANGE_UPDATE, OBJECT, field, have ? "yes" : "no", want ? "yes" : "no");
}

static bool prefixes_within(const fbn_prefix *some, size_t n_some, const fbn_prefix *all, size_t n_all)
{
        for (size_t i = 0; i < n_some; i++) {
                size_t j = 0;

                while (j < n_all && !prefix_equal(&some[i], &all[j]))
                        j++;
                if (j == n_all)
                        return false;
        }
        return true;
}

static bool texts_within(const char *const *some, size_t n_some, const char *const *all, size_t n_all)
{
        for (size_t i = 0; i < n_some; i++) {
                size_t j = 0;

                while (j < n_all && !streq(some[i], all[j]))
                        j++;
                if (j == n_all)
                        return false;
        }
        return true;
}

static json_t *prefixes_array(const fbn_prefix *prefixes, size_t count, struct text *ret_shown)
{
        json_t *array = json_array();
        char text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < count; i++) {
                fbn_prefix_format(&prefixes[i], text, sizeof(text));
                json_array_append_new(array, json_string(text));
                text_add(ret_shown, "%s%s", i ? ", " : "", text);
        }
        return array;
}

static json_t *texts_array(const char *const *texts, size_t count, struct text *ret_shown)
{
        json_t *array = json_array();

        for (size_t i = 0; i < count; i++) {
                json_array_append_new(array, json_string(texts[i]));
                text_add(ret_shown, "%s%s", i ? ", " : "", texts[i]);
        }
        return array;
}

/* A list that differs: want is taken. */
static int list_differ(fbn_context *c, json_t *patch, fbn_changes *changes, const char *member, const char *field, json_t *want,
                       const struct text *before, const struct text *after)
{
        if (patch_add(c, patch, member, want) < 0)
                return -FBN_ENOMEM;
        if (before->failed || after->failed)
                return fail_memory(c);
        return changes_add(c, changes, FBN_CHANGE_UPDATE, OBJECT, field, before->bytes, after->bytes);
}

static int routes_differ(fbn_context *c, const fbn_tailscale_prefs *have, const fbn_tailscale_prefs *want, json_t *patch,
                         fbn_changes *changes)
{
        _cleanup_(text_free) struct text before = {0}, after = {0};

        if (prefixes_within(have->advertise_routes, have->n_advertise_routes, want->advertise_routes, want->n_advertise_routes) &&
            prefixes_within(want->advertise_routes, want->n_advertise_routes, have->advertise_routes, have->n_advertise_routes))
                return 0;
        json_decref(prefixes_array(have->advertise_routes, have->n_advertise_routes, &before));
        return list_differ(c, patch, changes, "AdvertiseRoutes", "advertised routes",
                           prefixes_array(want->advertise_routes, want->n_advertise_routes, &after), &before, &after);
}

static int tags_differ(fbn_context *c, const fbn_tailscale_prefs *have, const fbn_tailscale_prefs *want, json_t *patch, fbn_changes *changes)
{
        _cleanup_(text_free) struct text before = {0}, after = {0};

        if (texts_within(have->advertise_tags, have->n_advertise_tags, want->advertise_tags, want->n_advertise_tags) &&
            texts_within(want->advertise_tags, want->n_advertise_tags, have->advertise_tags, have->n_advertise_tags))
                return 0;
        json_decref(texts_array(have->advertise_tags, have->n_advertise_tags, &before));
        return list_differ(c, patch, changes, "AdvertiseTags", "advertised tags", texts_array(want->advertise_tags, want->n_advertise_tags, &after),
                           &before, &after);
}

static int check_routes(fbn_context *c, const fbn_tailscale_prefs *prefs)
{
        char text[FBN_ADDRESS_TEXT], network[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < prefs->n_advertise_routes; i++) {
                const fbn_prefix *route = &prefs->advertise_routes[i];
                fbn_prefix clear;
                int r = fbn_prefix_network(route, &clear);

                if (r < 0)
                        return fail(c, FBN_EINVAL, "%s: advertised route %zu is not a prefix", OBJECT, i + 1);
                if (r > 0)
                        return fail(c, FBN_EINVAL, "%s: the advertised route %s has host bits; write %s", OBJECT,
                                    fbn_prefix_format(route, text, sizeof(text)), fbn_prefix_format(&clear, network, sizeof(network)));
        }
        return 0;
}

static int check_exit_node(fbn_context *c, const fbn_tailscale_prefs *prefs)
{
        fbn_address address;

        if (!prefs->exit_node)
                return fail(c, FBN_EINVAL, "%s: no exit node given; \"\" is none", OBJECT);
        if (*prefs->exit_node && fbn_address_parse(prefs->exit_node, &address) < 0)
                return fail(c, FBN_EINVAL, "%s: the exit node '%s' is no address; take the node's mesh address", OBJECT, prefs->exit_node);
        return 0;
}

static int check_tags(fbn_context *c, const fbn_tailscale_prefs *prefs)
{
        for (size_t i = 0; i < prefs->n_advertise_tags; i++)
                if (strncmp(prefs->advertise_tags[i], "tag:", 4) != 0)
                        return fail(c, FBN_EINVAL, "%s: the tag '%s' does not begin with 'tag:'", OBJECT, prefs->advertise_tags[i]);
        return 0;
}

int prefs_check(fbn_context *c, const fbn_tailscale_prefs *given, fbn_tailscale_prefs *ret_prefs)
{
        int r = OPTIONS_READ(c, fbn_tailscale_prefs, given, ret_prefs);

        if (r < 0)
                return r;
        if (ret_prefs->set & FBN_TAILSCALE_SET_HOST_NAME && !ret_prefs->host_name)
                return fail(c, FBN_EINVAL, "%s: no host name given", OBJECT);
        if (ret_prefs->set & FBN_TAILSCALE_SET_ADVERTISE_ROUTES)
                r = check_routes(c, ret_prefs);
        if (r == 0 && ret_prefs->set & FBN_TAILSCALE_SET_ADVERTISE_TAGS)
                r = check_tags(c, ret_prefs);
        if (r == 0 && ret_prefs->set & FBN_TAILSCALE_SET_EXIT_NODE)
                r = check_exit_node(c, ret_prefs);
        return r;
}

/* The daemon keeps an address until it knows whose it is, then that node's id: what was wanted by address is the same then. */
static int exit_node_differ(fbn_context *c, const fbn_tailscale_prefs *have, const fbn_tailscale_prefs *want, json_t *patch, fbn_changes *changes)
{
        if (streq(have->exit_node, want->exit_node))
                return 0;
        if (patch_add(c, patch, "ExitNodeIP", json_string(want->exit_node)) < 0 || patch_add(c, patch, "ExitNodeID", json_string("")) < 0)
                return -FBN_ENOMEM;
        return changes_add(c, changes, FBN_CHANGE_UPDATE, OBJECT, "exit node", have->exit_node, want->exit_node);
}

int prefs_difference(fbn_context *c, const fbn_tailscale_prefs *have, const fbn_tailscale_prefs *want, json_t *patch, fbn_changes *changes)
{
        uint32_t set = want->set;
        int r = 0;

        if (set & FBN_TAILSCALE_SET_LOGIN_SERVER && !same_server(have->login_server, want->login_server))
                r = text_differ(c, patch, changes, "ControlURL", "login server", have->login_server, want->login_server);
        if (r == 0 && set & FBN_TAILSCALE_SET_HOST_NAME)
                r = text_differ(c, patch, changes, "Hostname", "host name", have->host_name, want->host_name);
        if (r == 0 && set & FBN_TAILSCALE_SET_ACCEPT_ROUTES)
                r = flag_differ(c, patch, changes, "RouteAll", "accept routes", have->accept_routes, want->accept_routes, false);
        if (r == 0 && set & FBN_TAILSCALE_SET_ACCEPT_DNS)
                r = flag_differ(c, patch, changes, "CorpDNS", "accept DNS", have->accept_dns, want->accept_dns, false);
        if (r == 0 && set & FBN_TAILSCALE_SET_ADVERTISE_ROUTES)
                r = routes_differ(c, have, want, patch, changes);
        if (r == 0 && set & FBN_TAILSCALE_SET_ADVERTISE_TAGS)
                r = tags_differ(c, have, want, patch, changes);
        if (r == 0 && set & FBN_TAILSCALE_SET_SNAT)
                r = flag_differ(c, patch, changes, "NoSNAT", "SNAT of subnet routes", have->snat, want->snat, true);
        if (r == 0 && set & FBN_TAILSCALE_SET_WANT_RUNNING)
                r = flag_differ(c, patch, changes, "WantRunning", "running", have->want_running, want->want_running, false);
        if (r == 0 && set & FBN_TAILSCALE_SET_EXIT_NODE)
                r = exit_node_differ(c, have, want, patch, changes);
        return r;
}
