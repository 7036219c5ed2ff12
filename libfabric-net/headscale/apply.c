/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/config.h"
#include "headscale/keep.h"

#include "base/address.h"
#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The server's nodes, found by name and by id. */
struct index {
        fbn_headscale_nodes *nodes;
        const fbn_headscale_node **by_name, **by_id;
};

static int compare_names(const void *a, const void *b)
{
        return strcmp((*(const fbn_headscale_node *const *)a)->given_name, (*(const fbn_headscale_node *const *)b)->given_name);
}

static int compare_ids(const void *a, const void *b)
{
        uint64_t one = (*(const fbn_headscale_node *const *)a)->id, other = (*(const fbn_headscale_node *const *)b)->id;

        return (one > other) - (one < other);
}

static void index_clear(struct index *index)
{
        fbn_headscale_nodes_unref(index->nodes);
        memory_free(index->by_name);
        memory_free(index->by_id);
}

static int index_read(struct work *work, struct index *index)
{
        int r = fbn_headscale_node_list(work->c, work->headscale, &index->nodes);
        size_t count = fbn_headscale_nodes_count(index->nodes);

        if (r < 0)
                return r;
        index->by_name = memory_alloc(count * sizeof(*index->by_name));
        index->by_id = memory_alloc(count * sizeof(*index->by_id));
        if (!index->by_name || !index->by_id)
                return fail_memory(work->c);
        for (size_t i = 0; i < count; i++)
                index->by_name[i] = index->by_id[i] = &index->nodes->items[i];
        qsort(index->by_name, count, sizeof(*index->by_name), compare_names);
        qsort(index->by_id, count, sizeof(*index->by_id), compare_ids);
        return 0;
}

static bool has_address(const fbn_headscale_node *node, const fbn_address *address)
{
        for (size_t i = 0; i < node->n_addresses; i++)
                if (address_compare(&node->addresses[i], address) == 0)
                        return true;
        return false;
}

/* The node that is meant; NULL if it has not enrolled. */
static int find(struct work *work, const struct index *index, const fbn_headscale_node *want, const fbn_headscale_node **ret_have)
{
        bool by_id = want->id != 0;
        const fbn_headscale_node **found;
        char text[FBN_ADDRESS_TEXT];

        if (!by_id && !want->given_name)
                return fail(work->c, FBN_EINVAL, "a wanted node has neither id nor name");
        found = bsearch(&want, by_id ? index->by_id : index->by_name, fbn_headscale_nodes_count(index->nodes), sizeof(*found),
                        by_id ? compare_ids : compare_names);
        *ret_have = found ? *found : NULL;
        for (size_t i = 0; found && i < want->n_addresses; i++)
                if (!has_address(*found, &want->addresses[i]))
                        return fail(work->c, FBN_ECONFLICT, "node %s: it does not have the address %s; it is another one of that name, or enrolled in another order",
                                    (*found)->given_name, fbn_address_format(&want->addresses[i], text, sizeof(text)));
        return 0;
}

static int wanted_at(struct work *work, const fbn_headscale_wanted *want, size_t i, fbn_headscale_node *ret_node)
{
        int r = OPTIONS_READ(work->c, fbn_headscale_node, (const fbn_headscale_node *)item_at(want->nodes, i, sizeof(*ret_node)), ret_node);

        return fail_in(work->c, r, "wanted node %zu", i + 1);
}

static bool has_user(const fbn_headscale_users *users, const char *name)
{
        for (size_t i = 0; i < fbn_headscale_users_count(users); i++)
                if (streq(fbn_headscale_users_at(users, i)->name, name))
                        return true;
        return false;
}

static int user_create(struct work *work, const fbn_headscale_user *user)
{
        json_t *body = json_pack("{s:s}", "name", user->name);
        char object[96];
        int r = 0;

        if (user->display_name && *user->display_name)
                json_object_set_new(body, "displayName", json_string(user->display_name));
        if (user->email && *user->email)
                json_object_set_new(body, "email", json_string(user->email));
        if (!body)
                return fail(work->c, FBN_EINVAL, "user: the name is not UTF-8");
        if (work->options.dry_run)
                json_decref(body);
        else
                r = headscale_call(work->c, work->headscale, "POST", "/api/v1/user", body, NULL);
        snprintf(object, sizeof(object), "user %s", user->name);
        if (r < 0)
                return fail_in(work->c, r, "%s", object);
        return changes_add(work->c, work->changes, FBN_CHANGE_CREATE, object, NULL, NULL, user->name);
}

static int users_apply(struct work *work, const fbn_headscale_wanted *want)
{
        int r = want->n_users ? work_users(work) : 0;
        size_t before = fbn_changes_count(work->changes);

        for (size_t i = 0; r == 0 && i < want->n_users; i++) {
                fbn_headscale_user user;

                r = OPTIONS_READ(work->c, fbn_headscale_user, (const fbn_headscale_user *)item_at(want->users, i, sizeof(user)), &user);
                if (r == 0 && !user.name)
                        r = fail(work->c, FBN_EINVAL, "wanted user %zu has no name", i + 1);
                if (r == 0 && !has_user(work->users, user.name))
                        r = user_create(work, &user);
        }
        if (fbn_changes_count(work->changes) > before)
                work->users = fbn_headscale_users_unref(work->users); /* a node may move to a new one */
        return r;
}

/* The same but for space at the end, which servers may drop. */
static bool same_policy(const char *a, const char *b)
{
        size_t n = strlen(a), m = strlen(b);

        while (n && strchr(" \t\r\n", a[n - 1]))
                n--;
        while (m && strchr(" \t\r\n", b[m - 1]))
                m--;
        return n == m && memcmp(a, b, n) == 0;
}

/* The one that goes is kept before it goes. */
static int policy_send(struct work *work, const fbn_headscale_wanted *want, const char *have)
{
        int r = fbn_headscale_can(work->c, work->headscale, FBN_HEADSCALE_CAN_CHECK_POLICY);

        if (work->options.dry_run)
                return r == 1 ? fbn_headscale_policy_check(work->c, work->headscale, want->policy) : r;
        r = want->policy_before && *have ? file_replace(work->c, want->policy_before, have, strlen(have), 0600) : 0;
        return r < 0 ? r : fbn_headscale_policy_set(work->c, work->headscale, want->policy, NULL);
}

static int policy_apply(struct work *work, const fbn_headscale_wanted *want)
{
        _cleanup_free_ char *have = NULL;
        char before[32], after[32];
        int r = want->policy ? fbn_headscale_policy_get(work->c, work->headscale, &have) : 0;

        if (r < 0 || !want->policy || same_policy(have, want->policy))
                return r;
        r = policy_send(work, want, have);
        if (r < 0)
                return r;
        snprintf(before, sizeof(before), "%zu bytes", strlen(have));
        snprintf(after, sizeof(after), "%zu bytes", strlen(want->policy));
        if (!*have)
                return changes_add(work->c, work->changes, FBN_CHANGE_CREATE, "policy", NULL, NULL, after);
        return changes_add(work->c, work->changes, FBN_CHANGE_UPDATE, "policy", "text", before, after);
}

typedef int node_action(struct work *work, const fbn_headscale_node *have, const fbn_headscale_node *want);

static int act(struct work *work, const struct index *index, const fbn_headscale_wanted *want, size_t i, node_action *action)
{
        const fbn_headscale_node *have = NULL;
        fbn_headscale_node mine;
        int r = wanted_at(work, want, i, &mine);

        if (r == 0)
                r = find(work, index, &mine, &have);
        return r < 0 || !have ? r : action(work, have, &mine);
}

static int send_action(struct work *work, const fbn_headscale_node *have, const fbn_headscale_node *want)
{
        return node_send(work, have, want, true);
}

static int nodes_apply(struct work *work, const struct index *index, const fbn_headscale_wanted *want)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < want->n_nodes; i++)
                r = act(work, index, want, i, send_action);
        return r;
}

static int compare_numbers(const void *a, const void *b)
{
        uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

        return (one > other) - (one < other);
}

static int routes_wait(struct work *work, const struct index *index, const fbn_headscale_wanted *want)
{
        _cleanup_free_ uint64_t *ids = memory_alloc(want->n_nodes * sizeof(*ids));
        size_t count = 0;
        int r = 0;

        if (!ids)
                return fail_memory(work->c);
        for (size_t i = 0; r == 0 && i < want->n_nodes; i++) {
                const fbn_headscale_node *have = NULL;
                fbn_headscale_node mine;

                r = wanted_at(work, want, i, &mine);
                if (r == 0)
                        r = find(work, index, &mine, &have);
                if (r == 0 && have && mine.set & FBN_HEADSCALE_SET_APPROVED_ROUTES)
                        ids[count++] = have->id;
        }
        qsort(ids, count, sizeof(*ids), compare_numbers);
        return r < 0 || count == 0 ? r : serving_wait(work, ids, count);
}

static int checks(struct work *work, const struct index *index, const fbn_headscale_wanted *want)
{
        int r = files_check(work, want);

        if (r == 0)
                r = keys_check(work, want);
        for (size_t i = 0; r == 0 && i < want->n_nodes; i++)
                r = act(work, index, want, i, node_check);
        return r;
}

static int work_do(struct work *work, const fbn_headscale_wanted *want)
{
        _cleanup_(index_clear) struct index index = {0};
        int r = want->n_nodes ? index_read(work, &index) : 0;

        if (r == 0)
                r = checks(work, &index, want);
        if (r == 0)
                r = users_apply(work, want);
        if (r == 0)
                r = policy_apply(work, want);
        if (r == 0)
                r = keys_apply(work, want);
        if (r == 0 && want->n_nodes)
                r = nodes_apply(work, &index, want);
        if (r == 0)
                r = files_apply(work, want);
        if (r == 0 && want->n_nodes && work->options.wait_ms && !work->options.dry_run)
                r = routes_wait(work, &index, want);
        return r;
}

int fbn_headscale_apply(fbn_context *c, fbn_headscale *headscale, const fbn_headscale_wanted *want, const fbn_headscale_change_options *options,
                        fbn_changes **ret_changes)
{
        _cleanup_(work_end) struct work work = {0};
        fbn_headscale_wanted mine;
        int r = OPTIONS_READ(c, fbn_headscale_wanted, want, &mine);

        if (r == 0)
                r = work_begin(c, headscale, options, &work);
        if (r < 0)
                return r;
        if (work.options.n_add + work.options.n_remove > 0)
                return fail(c, FBN_EINVAL, "headscale: routes are added and removed of one node, not of a whole server");
        return work_result(&work, work_do(&work, &mine), ret_changes);
}
