/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes, keys and desired state on a real headscale of any version. The nodes have no device behind them; test_tailscale.c has those. */
#include "unit/test.h"

#include "live/mesh.h"

#include <pthread.h>

struct fixture {
        fbn_context *c;
        fbn_headscale *api;
        uint64_t a, b;
        fbn_headscale_nodes *nodes;
};

#define SECOND INT64_C(1000000000)

static int setup(void **state)
{
        static struct fixture f;

        mesh_start();
        f.c = namespace_context("control");
        f.api = mesh_api(f.c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        f.a = mesh_ghost(f.c, f.api, "router-a", "\"10.1.0.0/24\", \"10.2.0.0/24\", \"0.0.0.0/0\", \"::/0\"");
        f.b = mesh_ghost(f.c, f.api, "device-b", "");
        *state = &f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        fbn_headscale_nodes_unref(f->nodes);
        fbn_headscale_unref(f->api);
        fbn_context_unref(f->c);
        return 0;
}

/* A node as the server has it now. */
static const fbn_headscale_node *now(struct fixture *f, uint64_t id)
{
        f->nodes = fbn_headscale_nodes_unref(f->nodes);
        assert_ok(f->c, fbn_headscale_node_list(f->c, f->api, &f->nodes));
        for (size_t i = 0; i < fbn_headscale_nodes_count(f->nodes); i++)
                if (fbn_headscale_nodes_at(f->nodes, i)->id == id)
                        return fbn_headscale_nodes_at(f->nodes, i);
        fail_msg("node %lu is gone", (unsigned long)id);
        return NULL;
}

static fbn_prefix prefix(const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return prefix;
}

static bool is_approved(const fbn_headscale_node *node, const char *text)
{
        fbn_prefix wanted = prefix(text);

        for (size_t i = 0; i < node->n_approved_routes; i++)
                if (memcmp(&node->approved_routes[i], &wanted, sizeof(wanted)) == 0)
                        return true;
        return false;
}

#define CHANGE(node, ...) FBN_OPTIONS(fbn_headscale_node, .id = (node), __VA_ARGS__)

static void a_node_reads_alike_from_every_version(void **state)
{
        struct fixture *f = *state;
        const fbn_headscale_node *node = now(f, f->a);
        char text[FBN_ADDRESS_TEXT];

        assert_string_equal(node->name, "router-a");
        assert_string_equal(node->given_name, "router-a");
        assert_string_equal(node->user, "home");
        assert_string_equal(fbn_address_format(&node->addresses[0], text, sizeof(text)), "100.64.0.1");
        assert_int_equal(node->n_available_routes, mesh_minor() >= 29 ? 0 : 4);
        assert_int_equal(node->n_approved_routes, 0);
        assert_int_equal(node->n_tags, 0);
        assert_int_equal(node->expiry, 0);
        assert_true(node->created > 0);
        assert_false(node->online);
        mesh_feature("users, nodes, routes, tags, keys, policy: one model", "yes");
}

static void the_reader_and_the_list_agree(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale_reader) reader = NULL;
        const fbn_headscale_node *node = NULL;
        size_t count = 0;
        int r;

        now(f, f->a);
        assert_ok(f->c, fbn_headscale_reader_new(f->c, f->api, &reader));
        while ((r = fbn_headscale_reader_next(f->c, reader, &node)) == 1) {
                assert_int_equal(node->id, fbn_headscale_nodes_at(f->nodes, count)->id);
                assert_string_equal(node->name, fbn_headscale_nodes_at(f->nodes, count)->name);
                assert_ok(f->c, fbn_headscale_health(f->c, f->api)); /* on another connection */
                count++;
        }
        assert_ok(f->c, r);
        assert_int_equal(count, fbn_headscale_nodes_count(f->nodes));
}

static void routes_are_approved_exactly(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        const fbn_prefix routes[] = {prefix("10.1.0.0/24"), prefix("10.2.0.0/24")}, exits[] = {prefix("0.0.0.0/0")};

        assert_int_equal(fbn_headscale_node_change(f->c, f->api,
                                                   CHANGE(f->a, .set = FBN_HEADSCALE_SET_APPROVED_ROUTES, .approved_routes = routes, .n_approved_routes = 2),
                                                   FBN_OPTIONS(fbn_headscale_change_options, .dry_run = true), &changes),
                         1);
        assert_string_equal(fbn_changes_at(changes, 0)->object, "node router-a");
        assert_string_equal(fbn_changes_at(changes, 0)->after, "10.1.0.0/24, 10.2.0.0/24");
        assert_int_equal(now(f, f->a)->n_approved_routes, 0); /* it was dry */
        for (int i = 1; i >= 0; i--)
                assert_int_equal(fbn_headscale_node_change(f->c, f->api,
                                                           CHANGE(f->a, .set = FBN_HEADSCALE_SET_APPROVED_ROUTES, .approved_routes = routes, .n_approved_routes = 2),
                                                           NULL, NULL),
                                 i);
        assert_int_equal(now(f, f->a)->n_approved_routes, 2);
        for (int i = 1; i >= 0; i--) /* both families of an exit node, once */
                assert_int_equal(fbn_headscale_node_change(f->c, f->api,
                                                           CHANGE(f->a, .set = FBN_HEADSCALE_SET_APPROVED_ROUTES, .approved_routes = exits, .n_approved_routes = 1),
                                                           NULL, NULL),
                                 i);
        assert_true(is_approved(now(f, f->a), "::/0"));
        assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(f->a, .set = FBN_HEADSCALE_SET_APPROVED_ROUTES), NULL, NULL), 1);
        assert_int_equal(now(f, f->a)->n_approved_routes, 0);
        mesh_feature("approve exactly these routes", "yes");
}

static void one_route_comes_or_goes_without_the_others(void **state)
{
        struct fixture *f = *state;
        const fbn_prefix one = prefix("10.1.0.0/24"), two = prefix("10.2.0.0/24");

        assert_ok(f->c, fbn_headscale_node_approve(f->c, f->api, f->a, &one, 1));
        assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(f->a, .set = 0),
                                                   FBN_OPTIONS(fbn_headscale_change_options, .add = &two, .n_add = 1), NULL),
                         1);
        assert_true(is_approved(now(f, f->a), "10.1.0.0/24") && is_approved(now(f, f->a), "10.2.0.0/24"));
        assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(f->a, .set = 0),
                                                   FBN_OPTIONS(fbn_headscale_change_options, .add = &two, .n_add = 1), NULL),
                         0);
        assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(f->a, .set = 0),
                                                   FBN_OPTIONS(fbn_headscale_change_options, .remove = &one, .n_remove = 1), NULL),
                         1);
        assert_false(is_approved(now(f, f->a), "10.1.0.0/24"));
        assert_true(is_approved(now(f, f->a), "10.2.0.0/24"));
        mesh_feature("add or remove one route beside others", "yes");
}

static void a_node_that_is_not_there_is_named(void **state)
{
        struct fixture *f = *state;

        assert_failed(f->c, fbn_headscale_node_change(f->c, f->api, CHANGE(4711, .set = 0), NULL, NULL), FBN_ENOENT, "node 4711");
}

static void names_change_and_are_unique(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(f->b, .set = FBN_HEADSCALE_SET_GIVEN_NAME, .given_name = "phone"), NULL, NULL), 1);
        assert_string_equal(now(f, f->b)->given_name, "phone");
        assert_string_equal(now(f, f->b)->name, "device-b");
        assert_int_equal(fbn_headscale_node_rename(f->c, f->api, f->b, "router-a"), -FBN_EEXIST);
        assert_true(fbn_headscale_node_rename(f->c, f->api, f->b, "../../user/1") < 0);
        assert_string_equal(now(f, f->b)->given_name, "phone");
        mesh_feature("rename a node", "yes");
}

static void nodes_move_where_the_server_can(void **state)
{
        struct fixture *f = *state;
        int can = fbn_headscale_can(f->c, f->api, FBN_HEADSCALE_CAN_MOVE_NODES);
        int r;

        mesh_user(f->c, f->api, "other");
        r = fbn_headscale_node_change(f->c, f->api, CHANGE(f->b, .set = FBN_HEADSCALE_SET_USER, .user = "other"), NULL, NULL);
        mesh_feature("move a node to another user", r == 1 ? "yes" : "no: removed in 0.28");
        if (can) {
                assert_int_equal(r, 1);
                assert_string_equal(now(f, f->b)->user, "other");
                assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(f->b, .set = FBN_HEADSCALE_SET_USER, .user = "nobody"), NULL, NULL), -FBN_ENOENT);
                return;
        }
        assert_int_equal(r, -FBN_EUNSUPPORTED);
        assert_string_equal(now(f, f->b)->user, "home");
}

static void tags_are_set_and_the_last_stays_where_it_must(void **state)
{
        static const char policy[] = "{\"tagOwners\": {\"tag:a\": [\"home@\"], \"tag:b\": [\"home@\"]}, \"acls\": [{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:*\"]}]}";
        struct fixture *f = *state;
        const char *const tags[] = {"tag:a", "tag:b"}, *const bad[] = {"no-tag"};
        uint64_t ghost = mesh_ghost(f->c, f->api, "tagged", "");
        int r;

        assert_ok(f->c, fbn_headscale_policy_set(f->c, f->api, policy, NULL));
        assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(ghost, .set = FBN_HEADSCALE_SET_TAGS, .tags = tags, .n_tags = 2), NULL, NULL), 1);
        assert_int_equal(now(f, ghost)->n_tags, 2);
        assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(ghost, .set = FBN_HEADSCALE_SET_TAGS, .tags = tags, .n_tags = 2), NULL, NULL), 0);
        assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(ghost, .set = FBN_HEADSCALE_SET_TAGS, .tags = bad, .n_tags = 1), NULL, NULL), -FBN_EINVAL);
        assert_int_equal(now(f, ghost)->n_tags, 2);
        assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(ghost, .set = FBN_HEADSCALE_SET_TAGS, .tags = tags, .n_tags = 1), NULL, NULL), 1);
        assert_string_equal(now(f, ghost)->tags[0], "tag:a");
        assert_string_equal(now(f, ghost)->user, mesh_minor() >= 28 ? "tagged-devices" : "home");
        r = fbn_headscale_node_change(f->c, f->api, CHANGE(ghost, .set = FBN_HEADSCALE_SET_TAGS), NULL, NULL);
        assert_int_equal(r, fbn_headscale_can(f->c, f->api, FBN_HEADSCALE_CAN_UNTAG) ? 1 : -FBN_EUNSUPPORTED);
        assert_int_equal(now(f, ghost)->n_tags, r == 1 ? 0 : 1);
        mesh_feature("tag a node", "yes");
        mesh_feature("take its last tag", r == 1 ? "yes" : "no: refused from 0.28 on");
        assert_ok(f->c, fbn_headscale_node_delete(f->c, f->api, ghost));
}

static bool is_expired(const fbn_headscale_node *node)
{
        return node->expiry != 0 && node->expiry / SECOND <= time(NULL);
}

static void no_expiry_happens_by_accident(void **state)
{
        struct fixture *f = *state;
        uint64_t ghost = mesh_ghost(f->c, f->api, "mortal", "");
        int64_t tomorrow = ((int64_t)time(NULL) + 86400) * SECOND;
        bool can = fbn_headscale_can(f->c, f->api, FBN_HEADSCALE_CAN_SET_EXPIRY) == 1;
        int r = fbn_headscale_node_change(f->c, f->api, CHANGE(ghost, .set = FBN_HEADSCALE_SET_EXPIRY, .expiry = tomorrow), NULL, NULL);

        assert_int_equal(r, can ? 1 : -FBN_EUNSUPPORTED);
        assert_false(is_expired(now(f, ghost)));
        mesh_feature("let a node expire at a time", r == 1 ? "yes" : "no: it would expire at once");
        if (can) {
                assert_int_equal(now(f, ghost)->expiry / SECOND, tomorrow / SECOND);
                assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(ghost, .set = FBN_HEADSCALE_SET_EXPIRY, .expiry = tomorrow), NULL, NULL), 0);
                assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(ghost, .set = FBN_HEADSCALE_SET_EXPIRY, .expiry = 0), NULL, NULL), 1);
                assert_int_equal(now(f, ghost)->expiry, 0);
        }
        mesh_feature("let it never expire again", can ? "yes" : "no: it would expire at once");
        assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(ghost, .set = FBN_HEADSCALE_SET_EXPIRY, .expiry = 1), NULL, NULL), 1);
        assert_true(is_expired(now(f, ghost)));
        assert_int_equal(fbn_headscale_node_change(f->c, f->api, CHANGE(ghost, .set = FBN_HEADSCALE_SET_EXPIRY, .expiry = 1), NULL, NULL), 0);
        mesh_feature("let it expire now", "yes");
        assert_ok(f->c, fbn_headscale_node_delete(f->c, f->api, ghost));
}

static const fbn_headscale_key *key_like(const fbn_headscale_keys *keys, const fbn_secret *secret)
{
        for (size_t i = 0; i < fbn_headscale_keys_count(keys); i++) {
                const char *begin = fbn_headscale_keys_at(keys, i)->prefix;

                if (*begin && strncmp(fbn_secret_bytes(secret), begin, strlen(begin)) == 0)
                        return fbn_headscale_keys_at(keys, i);
        }
        fail_msg("the key is not listed");
        return NULL;
}

static void pre_auth_keys_are_listed_without_their_secret(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_secret) secret = NULL;
        FBN_CLEANUP(fbn_headscale_keys) keys = NULL, *after = NULL;
        const fbn_headscale_key *key;
        uint64_t id;
        int r;

        assert_ok(f->c, fbn_headscale_key_mint(f->c, f->api, FBN_OPTIONS(fbn_headscale_key_options, .user = mesh_user(f->c, f->api, "home")), &secret));
        assert_ok(f->c, fbn_headscale_key_list(f->c, f->api, FBN_HEADSCALE_KEY_PRE_AUTH, &keys));
        key = key_like(keys, secret);
        id = key->id;
        assert_true(strlen(key->prefix) + 16 < fbn_secret_length(secret));
        assert_string_equal(key->user, "home");
        assert_false(key->used || key->reusable || key->ephemeral);
        assert_in_range(key->expiry / SECOND - time(NULL), 3000, 3700);
        assert_ok(f->c, fbn_headscale_key_expire(f->c, f->api, FBN_HEADSCALE_KEY_PRE_AUTH, id));
        assert_ok(f->c, fbn_headscale_key_list(f->c, f->api, FBN_HEADSCALE_KEY_PRE_AUTH, &after));
        assert_true(key_like(after, secret)->expiry / SECOND <= time(NULL) + 1);
        assert_int_equal(fbn_headscale_key_expire(f->c, f->api, FBN_HEADSCALE_KEY_PRE_AUTH, 4711), -FBN_ENOENT);
        r = fbn_headscale_key_delete(f->c, f->api, FBN_HEADSCALE_KEY_PRE_AUTH, id);
        assert_int_equal(r, fbn_headscale_can(f->c, f->api, FBN_HEADSCALE_CAN_DELETE_KEYS) ? 0 : -FBN_EUNSUPPORTED);
        mesh_feature("end a pre-auth key", "yes");
        mesh_feature("delete a pre-auth key", r == 0 ? "yes" : "no: from 0.28 on");
}

static void a_tagged_key_needs_no_user_where_the_server_can(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_secret) secret = NULL;
        const char *const tags[] = {"tag:a"};
        int r = fbn_headscale_key_mint(f->c, f->api, FBN_OPTIONS(fbn_headscale_key_options, .tags = tags, .n_tags = 1), &secret);

        assert_int_equal(r, fbn_headscale_can(f->c, f->api, FBN_HEADSCALE_CAN_MINT_TAGGED) ? 0 : -FBN_EUNSUPPORTED);
        mesh_feature("mint a tagged key of no user", r == 0 ? "yes" : "no: from 0.28 on");
}

static void the_api_key_is_rotated(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale) old = mesh_api(f->c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        FBN_CLEANUP(fbn_headscale) api = mesh_api(f->c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        FBN_CLEANUP(fbn_headscale_keys) before = NULL, *keys = NULL, *after = NULL;
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        FBN_CLEANUP(fbn_secret) made = NULL;
        uint64_t old_id = 0;
        size_t own = 0;

        assert_ok(f->c, fbn_headscale_key_list(f->c, api, FBN_HEADSCALE_KEY_API, &before));
        assert_int_equal(fbn_headscale_keys_count(before), 1);
        assert_true(fbn_headscale_keys_at(before, 0)->own);
        old_id = fbn_headscale_keys_at(before, 0)->id;
        assert_ok(f->c, fbn_headscale_key_rotate(f->c, api, 0, &made));
        assert_ok(f->c, fbn_headscale_key_list(f->c, api, FBN_HEADSCALE_KEY_API, &keys));
        assert_int_equal(fbn_headscale_keys_count(keys), 2);
        for (size_t i = 0; i < 2; i++) {
                const fbn_headscale_key *key = fbn_headscale_keys_at(keys, i);

                own += key->own;
                assert_true(key->own == (key->id != old_id));
                assert_true(key->expiry / SECOND > time(NULL) + 80 * 86400);
        }
        assert_int_equal(own, 1);
        assert_ok(f->c, fbn_headscale_user_list(f->c, old, &users)); /* still good, until it is stored */
        assert_ok(f->c, fbn_headscale_key_expire(f->c, api, FBN_HEADSCALE_KEY_API, old_id));
        users = fbn_headscale_users_unref(users);
        assert_int_equal(fbn_headscale_user_list(f->c, old, &users), -FBN_EDENIED);
        assert_int_equal(fbn_headscale_key_rotate(f->c, old, 0, &made), -FBN_EDENIED);
        assert_ok(f->c, fbn_headscale_key_delete(f->c, api, FBN_HEADSCALE_KEY_API, old_id));
        assert_ok(f->c, fbn_headscale_key_list(f->c, api, FBN_HEADSCALE_KEY_API, &after));
        assert_int_equal(fbn_headscale_keys_count(after), 1);
        command_try("rm -f " MESH "/api.key");
        assert_ok(f->c, fbn_secret_write_file(f->c, made, MESH "/api.key"));
        fbn_headscale_unref(f->api);
        f->api = mesh_api(f->c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        mesh_feature("rotate the API key", "yes");
}

/* Made, left alone, made anew when it was ended, and what is replaced is ended; the connection's own key is no other. */
static void keys_are_kept_in_files(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_secret) first = NULL, *second = NULL;
        FBN_CLEANUP(fbn_headscale_keys) keys = NULL, *after = NULL;
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        fbn_headscale_kept_key key = {.size = sizeof(key), .file = MESH "/kept.key", .user = "home", .reusable = true, .valid_for = 86400 * SECOND};
        const fbn_headscale_kept_key own = {.size = sizeof(own), .file = MESH "/api.key", .kind = FBN_HEADSCALE_KEY_API, .valid_for = 100 * 86400 * SECOND, .renew_before = 95 * 86400 * SECOND};
        const fbn_headscale_wanted want = {.size = sizeof(want), .keys = &key, .n_keys = 1}, api = {.size = sizeof(api), .keys = &own, .n_keys = 1};

        mesh_user(f->c, f->api, "home");
        assert_int_equal(fbn_headscale_apply(f->c, f->api, &want, NULL, NULL), 1);
        assert_int_equal(fbn_headscale_apply(f->c, f->api, &want, NULL, NULL), 0);
        assert_ok(f->c, fbn_secret_read_file(f->c, MESH "/kept.key", &first));
        assert_ok(f->c, fbn_headscale_key_list(f->c, f->api, FBN_HEADSCALE_KEY_PRE_AUTH, &keys));
        assert_true(key_like(keys, first)->reusable);
        key.ephemeral = true;
        assert_int_equal(fbn_headscale_apply(f->c, f->api, &want, NULL, NULL), 1);
        assert_int_equal(fbn_headscale_apply(f->c, f->api, &want, NULL, NULL), 0);
        assert_ok(f->c, fbn_secret_read_file(f->c, MESH "/kept.key", &second));
        assert_ok(f->c, fbn_headscale_key_list(f->c, f->api, FBN_HEADSCALE_KEY_PRE_AUTH, &after));
        assert_true(key_like(after, first)->expiry / SECOND <= time(NULL) + 1);
        assert_ok(f->c, fbn_headscale_key_expire(f->c, f->api, FBN_HEADSCALE_KEY_PRE_AUTH, key_like(after, second)->id));
        assert_int_equal(fbn_headscale_apply(f->c, f->api, &want, NULL, NULL), 1);
        assert_int_equal(fbn_headscale_apply(f->c, f->api, &api, NULL, NULL), 1); /* it ends in 90 days, and 95 are wanted */
        assert_int_equal(fbn_headscale_apply(f->c, f->api, &api, NULL, NULL), 0);
        fbn_headscale_unref(f->api);
        f->api = mesh_api(f->c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        assert_ok(f->c, fbn_headscale_user_list(f->c, f->api, &users));
        mesh_feature("keys kept in files, made anew before they end", "yes");
}

static void a_policy_is_checked_before_it_is_put(void **state)
{
        struct fixture *f = *state;
        int can = fbn_headscale_can(f->c, f->api, FBN_HEADSCALE_CAN_CHECK_POLICY);
        char *before = NULL, *after = NULL;

        assert_ok(f->c, fbn_headscale_policy_get(f->c, f->api, &before));
        assert_int_equal(fbn_headscale_policy_check(f->c, f->api, "{}"), can ? 0 : -FBN_EUNSUPPORTED);
        assert_int_equal(fbn_headscale_policy_check(f->c, f->api, "{\"acls\": 7}"), can ? -FBN_EINVAL : -FBN_EUNSUPPORTED);
        assert_int_equal(fbn_headscale_policy_set(f->c, f->api, "{\"acls\": 7}", NULL), -FBN_EINVAL);
        assert_ok(f->c, fbn_headscale_policy_get(f->c, f->api, &after));
        assert_string_equal(before, after);
        fbn_free(before);
        fbn_free(after);
        mesh_feature("check a policy without putting it in force", can ? "yes" : "no: from 0.29 on");
}

static void a_user_is_renamed(void **state)
{
        struct fixture *f = *state;
        uint64_t id = mesh_user(f->c, f->api, "before");

        assert_ok(f->c, fbn_headscale_user_rename(f->c, f->api, id, "after"));
        assert_int_equal(mesh_user(f->c, f->api, "after"), id);
        assert_int_equal(fbn_headscale_user_rename(f->c, f->api, id, "home"), -FBN_EEXIST);
        assert_int_equal(fbn_headscale_user_rename(f->c, f->api, id, ".."), -FBN_EINVAL);
        assert_int_equal(fbn_headscale_user_rename(f->c, f->api, 4711, "x1"), -FBN_ENOENT);
        assert_ok(f->c, fbn_headscale_user_delete(f->c, f->api, id));
}

static void rare_calls_work(void **state)
{
        struct fixture *f = *state;
        int can = fbn_headscale_can(f->c, f->api, FBN_HEADSCALE_CAN_JUDGE_LOGINS);
        int r = fbn_headscale_login_judge(f->c, f->api, "hskey-authreq-abcdefghijklmnopqrstuvwx", true);

        assert_ok(f->c, fbn_headscale_node_backfill(f->c, f->api));
        assert_int_equal(r, can ? -FBN_ENOENT : -FBN_EUNSUPPORTED);
        mesh_feature("give missing addresses (backfill)", "yes");
        mesh_feature("approve or reject a waiting login", can ? "yes" : "no: from 0.29 on");
}

static void a_server_is_made_as_wanted_and_then_left_alone(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_changes) planned = NULL, *done = NULL;
        const int wanted = mesh_minor() >= 29 ? 2 : 3;
        const fbn_prefix routes[] = {prefix("10.1.0.0/24"), prefix("172.31.0.0/24")}; /* the second is not offered */
        const fbn_headscale_user users[] = {{.size = sizeof(*users), .name = "home"}, {.size = sizeof(*users), .name = "family", .display_name = "All of us"}};
        const fbn_headscale_node nodes[] = {
                {.size = sizeof(*nodes), .given_name = "router-a", .set = FBN_HEADSCALE_SET_APPROVED_ROUTES, .approved_routes = routes, .n_approved_routes = 2},
                {.size = sizeof(*nodes), .given_name = "not-yet", .set = FBN_HEADSCALE_SET_APPROVED_ROUTES}};
        const fbn_headscale_wanted want = {.size = sizeof(want), .users = users, .n_users = 2, .nodes = nodes, .n_nodes = 2,
                                           .policy = "// ours\n{\"acls\": [{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:*\"]}]}\n"};

        /* What is approved already stays wanted though it is not offered; 0.29's ghosts offer nothing. */
        assert_ok(f->c, fbn_headscale_node_approve(f->c, f->api, f->a, mesh_minor() >= 29 ? routes : NULL, mesh_minor() >= 29 ? 1 : 0));
        assert_int_equal(fbn_headscale_apply(f->c, f->api, &want, FBN_OPTIONS(fbn_headscale_change_options, .dry_run = true), &planned), wanted);
        assert_string_equal(fbn_changes_at(planned, 0)->object, "user family");
        assert_string_equal(fbn_changes_at(planned, 1)->object, "policy");
        if (wanted == 3)
                assert_string_equal(fbn_changes_at(planned, 2)->object, "node router-a");
        assert_int_equal(now(f, f->a)->n_approved_routes, 3 - wanted);
        assert_int_equal(fbn_headscale_apply(f->c, f->api, &want, NULL, &done), wanted);
        assert_int_equal(now(f, f->a)->n_approved_routes, 1);
        assert_true(is_approved(now(f, f->a), "10.1.0.0/24"));
        assert_int_equal(fbn_headscale_apply(f->c, f->api, &want, NULL, NULL), 0);
        mesh_feature("desired state by difference", "yes");
}

static void what_cannot_be_is_refused_before_anything_is_sent(void **state)
{
        struct fixture *f = *state;
        fbn_address address;
        const fbn_headscale_user users[] = {{.size = sizeof(*users), .name = "never-made"}};
        const fbn_headscale_node nodes[] = {{.size = sizeof(*nodes), .given_name = "router-a", .addresses = &address, .n_addresses = 1}};
        FBN_CLEANUP(fbn_headscale_users) list = NULL;

        fbn_address_parse("100.64.0.77", &address);
        assert_failed(f->c,
                      fbn_headscale_apply(f->c, f->api, FBN_OPTIONS(fbn_headscale_wanted, .users = users, .n_users = 1, .nodes = nodes, .n_nodes = 1), NULL, NULL),
                      FBN_ECONFLICT, "node router-a: it does not have the address 100.64.0.77");
        assert_ok(f->c, fbn_headscale_user_list(f->c, f->api, &list));
        for (size_t i = 0; i < fbn_headscale_users_count(list); i++)
                assert_string_not_equal(fbn_headscale_users_at(list, i)->name, "never-made");
}

static void what_stands_is_said_when_a_later_change_is_refused(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_changes) done = NULL;
        const fbn_headscale_user users[] = {{.size = sizeof(*users), .name = "stands"}};

        assert_failed(f->c,
                      fbn_headscale_apply(f->c, f->api, FBN_OPTIONS(fbn_headscale_wanted, .users = users, .n_users = 1, .policy = "{\"acls\": 7}"), NULL, &done),
                      FBN_EPARTIAL, "1 change stands; then: policy");
        assert_int_equal(fbn_changes_count(done), 1);
        assert_string_equal(fbn_changes_at(done, 0)->object, "user stands");
}

struct writer {
        uint64_t node;
        unsigned third;
        int result;
        char words[512];
};

/* Four routes, one after the other. */
static void *write_routes(void *data)
{
        struct writer *writer = data;
        FBN_CLEANUP(fbn_context) c = namespace_context("control");
        FBN_CLEANUP(fbn_headscale) api = mesh_api(c, MESH_URL, MESH "/server.pem", MESH "/api.key");

        for (unsigned i = 0; i < 4 && writer->result >= 0; i++) {
                char text[32];
                fbn_prefix route;

                snprintf(text, sizeof(text), "10.99.%u.0/24", writer->third + i);
                fbn_prefix_parse(text, &route);
                writer->result = fbn_headscale_node_change(c, api, CHANGE(writer->node, .set = 0),
                                                           FBN_OPTIONS(fbn_headscale_change_options, .add = &route, .n_add = 1), NULL);
                snprintf(writer->words, sizeof(writer->words), "%s", fbn_context_error(c));
        }
        return NULL;
}

static void two_writers_of_routes_lose_nothing(void **state)
{
        struct fixture *f = *state;
        struct writer writers[] = {{.node = f->b, .third = 0}, {.node = f->b, .third = 100}};
        pthread_t threads[2];

        for (int i = 0; i < 2; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, write_routes, &writers[i]), 0);
        for (int i = 0; i < 2; i++)
                pthread_join(threads[i], NULL);
        for (int i = 0; i < 2; i++)
                if (writers[i].result < 0)
                        fail_msg("writer %d: %s", i, writers[i].words);
        assert_int_equal(now(f, f->b)->n_approved_routes, 8);
        mesh_feature("two writers of routes lose nothing", "yes");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_node_reads_alike_from_every_version),
                cmocka_unit_test(the_reader_and_the_list_agree),
                cmocka_unit_test(routes_are_approved_exactly),
                cmocka_unit_test(one_route_comes_or_goes_without_the_others),
                cmocka_unit_test(a_node_that_is_not_there_is_named),
                cmocka_unit_test(names_change_and_are_unique),
                cmocka_unit_test(two_writers_of_routes_lose_nothing),
                cmocka_unit_test(nodes_move_where_the_server_can),
                cmocka_unit_test(tags_are_set_and_the_last_stays_where_it_must),
                cmocka_unit_test(no_expiry_happens_by_accident),
                cmocka_unit_test(pre_auth_keys_are_listed_without_their_secret),
                cmocka_unit_test(a_tagged_key_needs_no_user_where_the_server_can),
                cmocka_unit_test(the_api_key_is_rotated),
                cmocka_unit_test(keys_are_kept_in_files),
                cmocka_unit_test(a_policy_is_checked_before_it_is_put),
                cmocka_unit_test(a_user_is_renamed),
                cmocka_unit_test(rare_calls_work),
                cmocka_unit_test(a_server_is_made_as_wanted_and_then_left_alone),
                cmocka_unit_test(what_cannot_be_is_refused_before_anything_is_sent),
                cmocka_unit_test(what_stands_is_said_when_a_later_change_is_refused),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, setup, teardown);
}
