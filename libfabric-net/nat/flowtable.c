/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include "base/changes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fabricnet/link.h>
#include <stdlib.h>

#define OBJECT "nat flow table '" FLOWTABLE "'"
#define INGRESS 0 /* the only hook there is. Source: nft_flowtable_parse_hook() in net/netfilter/nf_tables_api.c */

void flowtable_free(struct flowtable *flowtable)
{
        memory_free(flowtable->devices);
        *flowtable = (struct flowtable){0};
}

static int append(fbn_context *c, struct flowtable *flowtable, const char *device)
{
        if (!device || !ARRAY_RESERVE(flowtable->devices, flowtable->count, flowtable->capacity))
                return fail_memory(c);
        flowtable->devices[flowtable->count++] = device;
        return 0;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort(struct flowtable *flowtable)
{
        size_t kept = 0;

        if (flowtable->count)
                qsort(flowtable->devices, flowtable->count, sizeof(*flowtable->devices), compare_names);
        for (size_t i = 0; i < flowtable->count; i++)
                if (kept == 0 || !streq(flowtable->devices[kept - 1], flowtable->devices[i]))
                        flowtable->devices[kept++] = flowtable->devices[i];
        flowtable->count = kept;
}

int flowtable_expand(fbn_context *c, const fbn_nat *want, struct ruleset *ruleset)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < want->count; i++) {
                if (want->items[i].kind != FBN_NAT_OFFLOAD)
                        continue;
                r = append(c, &ruleset->flowtable, want->items[i].in_device);
                if (r == 0)
                        r = append(c, &ruleset->flowtable, want->items[i].out_device);
        }
        sort(&ruleset->flowtable);
        return r;
}

struct reading {
        fbn_context *c;
        struct ruleset *ruleset;
        int result;
};

static int read_device(const struct nlattr *device, void *data)
{
        struct reading *reading = data;

        if (mnl_attr_validate(device, MNL_TYPE_NUL_STRING) >= 0)
                reading->result = append(reading->c, &reading->ruleset->flowtable, arena_strdup(&reading->ruleset->arena, mnl_attr_get_str(device)));
        return reading->result < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

/* One that does not count is not as we make it: it is left without links, so that it differs. */
static int read_message(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct nlattr *hook = message_attribute(message, NFTA_FLOWTABLE_HOOK), *flags = message_attribute(message, NFTA_FLOWTABLE_FLAGS);
        const struct nlattr *devices = hook ? message_nested(hook, NFTA_FLOWTABLE_HOOK_DEVS) : NULL;
        struct ruleset *ruleset = data;
        struct reading reading = {c, ruleset, 0};

        if (!streq(message_text(message, NFTA_FLOWTABLE_TABLE), FBN_NAT_TABLE) || !streq(message_text(message, NFTA_FLOWTABLE_NAME), FLOWTABLE))
                return 0;
        ruleset->flowtable.exists = true;
        if (!devices || !flags || mnl_attr_validate(flags, MNL_TYPE_U32) < 0 || ntohl(mnl_attr_get_u32(flags)) != NFT_FLOWTABLE_COUNTER)
                return 0;
        mnl_attr_parse_nested(devices, read_device, &reading);
        return reading.result;
}

static void restart(void *data)
{
        struct ruleset *ruleset = data;

        ruleset->flowtable.exists = false;
        ruleset->flowtable.count = 0;
}

int flowtable_read(fbn_context *c, struct netlink *netlink, struct ruleset *ruleset)
{
        char buffer[NETLINK_MESSAGE];
        struct nlmsghdr *request = message_new(buffer, NFT_MSG_GETFLOWTABLE);
        int r;

        mnl_attr_put_strz(request, NFTA_FLOWTABLE_TABLE, FBN_NAT_TABLE);
        r = netlink_dump(c, netlink, request, read_message, restart, ruleset);
        sort(&ruleset->flowtable);
        return r;
}

static bool equal(const struct flowtable *a, const struct flowtable *b)
{
        bool same = a->count == b->count;

        for (size_t i = 0; same && i < a->count; i++)
                same = streq(a->devices[i], b->devices[i]);
        return same;
}

void flowtable_compare(struct ruleset *want, struct ruleset *have)
{
        if (!want->flowtable.count || !have->flowtable.exists || have->dormant)
                return;
        want->flowtable.kept = equal(&want->flowtable, &have->flowtable);
        have->reshaped |= !want->flowtable.kept;
}

static void describe(const struct flowtable *flowtable, struct text *text)
{
        text_add(text, "between ");
        for (size_t i = 0; i < flowtable->count; i++)
                text_add(text, "%s%s", i ? ", " : "", flowtable->devices[i]);
        if (flowtable->count == 0)
                text_add(text, "no links that count");
}

int flowtable_changes(fbn_context *c, const struct ruleset *want, const struct ruleset *have, fbn_changes *changes)
{
        _cleanup_(text_free) struct text before = {0}, after = {0};
        bool wanted = want->flowtable.count > 0, stands = have->flowtable.exists;

        if (wanted == stands && (!wanted || want->flowtable.kept || have->dormant))
                return 0;
        if (stands)
                describe(&have->flowtable, &before);
        if (wanted)
                describe(&want->flowtable, &after);
        if (before.failed || after.failed)
                return fail_memory(c);
        return changes_add(c, changes, !stands ? FBN_CHANGE_CREATE : wanted ? FBN_CHANGE_UPDATE : FBN_CHANGE_DELETE, OBJECT,
                           wanted && stands ? "links" : NULL, before.bytes, after.bytes);
}

static void put_hook(struct nlmsghdr *message, const struct flowtable *flowtable)
{
        struct nlattr *hook = mnl_attr_nest_start(message, NFTA_FLOWTABLE_HOOK), *devices;

        mnl_attr_put_u32(message, NFTA_FLOWTABLE_HOOK_NUM, htonl(INGRESS));
        mnl_attr_put_u32(message, NFTA_FLOWTABLE_HOOK_PRIORITY, 0);
        devices = mnl_attr_nest_start(message, NFTA_FLOWTABLE_HOOK_DEVS);
        for (size_t i = 0; i < flowtable->count; i++)
                mnl_attr_put_strz(message, NFTA_DEVICE_NAME, flowtable->devices[i]);
        mnl_attr_nest_end(message, devices);
        mnl_attr_nest_end(message, hook);
}

/* One to delete without links. */
static void put(struct netlink_batch *batch, const struct flowtable *wanted)
{
        size_t room = 256 + (wanted ? wanted->count * 24 : 0);
        struct nlmsghdr *message =
                message_begin_long(batch, wanted ? NFT_MSG_NEWFLOWTABLE : NFT_MSG_DELFLOWTABLE, wanted ? NLM_F_CREATE | NLM_F_EXCL : 0, room);

        if (!message)
                return;
        mnl_attr_put_strz(message, NFTA_FLOWTABLE_TABLE, FBN_NAT_TABLE);
        mnl_attr_put_strz(message, NFTA_FLOWTABLE_NAME, FLOWTABLE);
        if (wanted) {
                put_hook(message, wanted);
                mnl_attr_put_u32(message, NFTA_FLOWTABLE_FLAGS, htonl(NFT_FLOWTABLE_COUNTER));
        }
        netlink_batch_end(batch, message);
}

void flowtable_put_new(struct netlink_batch *batch, const struct ruleset *want, const struct ruleset *have)
{
        if (!want->flowtable.count || want->flowtable.kept)
                return;
        if (have->flowtable.exists)
                put(batch, NULL);
        put(batch, &want->flowtable);
}

void flowtable_put_gone(struct netlink_batch *batch, const struct ruleset *want, const struct ruleset *have)
{
        if (have->flowtable.exists && !want->flowtable.count)
                put(batch, NULL);
}

static int find_missing(fbn_context *c, const fbn_nat_rule *rule)
{
        const char *const devices[] = {rule->in_device, rule->out_device};

        for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
                FBN_CLEANUP(fbn_links) links = NULL;
                int r = fbn_link_list(c, devices[i], &links);

                if (r == -FBN_ENOENT)
                        return r;
        }
        return 0;
}

/* Linux has the same errno for a missing link (before 6.4 without pointing at it) and for a missing module. */
int flowtable_refused(fbn_context *c, const fbn_nat *want, int os_errno, const char *text)
{
        size_t first = 0;

        while (first + 1 < want->count && want->items[first].kind != FBN_NAT_OFFLOAD)
                first++;
        for (size_t i = first; os_errno == ENOENT && i < want->count; i++) {
                int r = want->items[i].kind == FBN_NAT_OFFLOAD ? find_missing(c, &want->items[i]) : 0;

                if (r < 0)
                        return fail_in(c, r, "nat rule %zu '%s'", i + 1, want->items[i].name);
        }
        if (os_errno == ENOENT || os_errno == EOPNOTSUPP)
                return fail_in(c, fail(c, FBN_EUNSUPPORTED, "this kernel has no flow tables that count (modules nf_flow_table_inet and "
                                                            "nft_flow_offload; Linux 5.7)"),
                               "nat rule %zu '%s'", first + 1, want->items[first].name);
        return fail_in(c, netlink_fail(c, os_errno, text), OBJECT);
}
