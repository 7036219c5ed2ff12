/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/changes.h"
#include "link/address.h"
#include "link/link.h"
#include "netlink/netlink.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

static struct nlmsghdr *put(struct netlink_batch *batch, uint16_t type, uint16_t flags, uint32_t index, const fbn_link_address *address)
{
        struct nlmsghdr *message = netlink_batch_begin(batch, type, flags);
        struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        const fbn_address *local = &address->address.address;
        const fbn_address *peer = address->peer.family ? &address->peer : local;

        header->ifa_family = (uint8_t)local->family;
        header->ifa_prefixlen = address->address.length;
        header->ifa_index = index;
        header->ifa_scope = (uint8_t)address->scope;
        mnl_attr_put(message, IFA_LOCAL, family_bytes(local->family), local->bytes);
        mnl_attr_put(message, IFA_ADDRESS, family_bytes(local->family), peer->bytes);
        return message;
}

/* Lifetimes are all or none: what is not given is for ever. */
static void put_lifetimes(struct nlmsghdr *message, const fbn_link_address *address)
{
        struct ifa_cacheinfo lifetimes = {
                .ifa_valid = address->valid ? address->valid : UINT32_MAX,
                .ifa_prefered = address->deprecated ? 0 : address->preferred ? address->preferred : address->valid ? address->valid : UINT32_MAX,
        };

        if (address->valid || address->preferred || address->deprecated)
                mnl_attr_put(message, IFA_CACHEINFO, sizeof(lifetimes), &lifetimes);
}

static void put_new(struct netlink_batch *batch, uint16_t flags, uint32_t index, const fbn_link_address *address)
{
        struct nlmsghdr *message = put(batch, RTM_NEWADDR, flags, index, address);
        uint32_t address_flags = (address->no_prefix_route ? IFA_F_NOPREFIXROUTE : 0) | (address->no_dad ? IFA_F_NODAD : 0);

        /* Kernels before 5.18 ignore it: the address is then nobody's that we know. */
        mnl_attr_put_u8(message, IFA_PROTO, address->protocol ? address->protocol : FBN_PROTOCOL);
        if (address->broadcast.family)
                mnl_attr_put(message, IFA_BROADCAST, family_bytes(AF_INET), address->broadcast.bytes);
        if (address_flags)
                mnl_attr_put_u32(message, IFA_FLAGS, address_flags);
        put_lifetimes(message, address);
        netlink_batch_end(batch, message);
}

static void put_add(struct netlink_batch *batch, uint32_t index, const fbn_link_address *address)
{
        put_new(batch, NLM_F_CREATE | NLM_F_EXCL, index, address);
}

static void put_delete(struct netlink_batch *batch, uint32_t index, const fbn_link_address *address)
{
        netlink_batch_end(batch, put(batch, RTM_DELADDR, 0, index, address));
}

/* Of an IPv4 address that stays for ever the kernel tells no times, and takes the flag "deprecated" from them alone. Source:
 * net/ipv4/devinet.c, inet_fill_ifaddr(), set_ifa_lifetime(). */
static void keep_deprecated(struct nlmsghdr *message)
{
        const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *table[IFA_MAX + 1];
        size_t at;

        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        if (!(header->ifa_flags & IFA_F_DEPRECATED) || !table[IFA_CACHEINFO] ||
            mnl_attr_get_payload_len(table[IFA_CACHEINFO]) < sizeof(struct ifa_cacheinfo))
                return;
        at = (size_t)((const char *)mnl_attr_get_payload(table[IFA_CACHEINFO]) - (const char *)message);
        memset((char *)message + at + offsetof(struct ifa_cacheinfo, ifa_prefered), 0, sizeof(uint32_t));
}

/* An address as the kernel told of it; its flag "secondary" the kernel decides anew. */
static void put_again(struct netlink_batch *batch, const struct nlmsghdr *was)
{
        struct nlmsghdr *message = netlink_batch_begin(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
        size_t length = mnl_nlmsg_get_payload_len(was);

        if (length <= NETLINK_MESSAGE - MNL_NLMSG_HDRLEN) {
                memcpy(mnl_nlmsg_put_extra_header(message, length), mnl_nlmsg_get_payload(was), length);
                keep_deprecated(message);
                netlink_batch_end(batch, message);
        }
}

/* The changes and the messages are in the same order. */
static int refused(fbn_context *c, size_t index, int os_errno, const char *text, void *data)
{
        const fbn_change *change = fbn_changes_at(data, index);

        return fail_in(c, netlink_fail(c, os_errno, text), "%s", change ? change->object : "address");
}

static int send_batch(fbn_context *c, struct netlink_batch *batch, fbn_changes *changes, size_t *ret_done)
{
        struct netlink *netlink;
        int r;

        *ret_done = 0;
        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        return r < 0 ? r : netlink_batch_send(c, netlink, batch, refused, changes, ret_done);
}

/* One address, added or deleted. */
static int send_one(fbn_context *c, const fbn_link_address *address, void (*put_one)(struct netlink_batch *, uint32_t, const fbn_link_address *))
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        char text[FBN_ADDRESS_TEXT];
        fbn_link_address mine;
        uint32_t index;
        struct netlink *netlink;
        int r;

        r = OPTIONS_READ(c, fbn_link_address, address, &mine);
        if (r == 0)
                r = address_check(c, &mine);
        if (r == 0)
                r = link_index(c, mine.device, &index);
        if (r < 0)
                return r;
        put_one(&batch, index, &mine);
        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r == 0)
                r = batch.failed ? fail_memory(c) : netlink_request(c, netlink, (struct nlmsghdr *)batch.bytes, NULL, NULL);
        return fail_in(c, r, "%s: address %s", mine.device, fbn_prefix_format(&mine.address, text, sizeof(text)));
}

int fbn_link_address_add(fbn_context *c, const fbn_link_address *address)
{
        return send_one(c, address, put_add);
}

int fbn_link_address_delete(fbn_context *c, const fbn_link_address *address)
{
        return send_one(c, address, put_delete);
}

struct apply {
        fbn_context *c;
        const char *device;
        uint32_t index;
        const fbn_link_addresses *want, *have;
        fbn_changes *changes;
        struct netlink_batch batch;
        bool primary_goes; /* the kernel may take secondary addresses along */
};

static const fbn_link_address *find(const fbn_link_addresses *addresses, const fbn_prefix *prefix)
{
        for (size_t i = 0; i < fbn_link_addresses_count(addresses); i++)
                if (prefix_equal(&fbn_link_addresses_at(addresses, i)->address, prefix))
                        return fbn_link_addresses_at(addresses, i);
        return NULL;
}

/* Whether what cannot be changed in place is as wanted, and what is not given is anything. IPv6 takes its scope from the address, IPv4
 * keeps no flag no_dad. */
static bool same_address(const fbn_link_address *have, const fbn_link_address *want)
{
        bool four = want->address.address.family == AF_INET;

        return want->no_prefix_route == have->no_prefix_route && (four || want->no_dad <= have->no_dad) &&
               address_compare(&want->peer, &have->peer) == 0 &&
               (!want->broadcast.family || address_compare(&want->broadcast, &have->broadcast) == 0) && (!four || want->scope == have->scope);
}

/* Whether have is one of those that apply leaves where they are. */
static bool stays(const fbn_link_address *have, const fbn_link_address *want)
{
        return have->protocol != FBN_PROTOCOL || (want && same_address(have, want));
}

static bool fresh(uint32_t have, uint32_t want)
{
        return want == 0 ? have == 0 : have != 0 && have <= want && have >= want / 2;
}

/* Between these the kernel's clock runs: an apply that renewed at every second would never be at its end. */
static bool lifetimes_differ(const fbn_link_address *have, const fbn_link_address *want)
{
        uint32_t preferred = want->preferred ? want->preferred : want->valid;

        if (have->deprecated != want->deprecated || !fresh(have->valid, want->valid))
                return true;
        return !want->deprecated && !fresh(have->preferred, preferred);
}

static int record(struct apply *apply, fbn_change_kind kind, const fbn_prefix *prefix)
{
        char object[128], text[FBN_ADDRESS_TEXT];

        snprintf(object, sizeof(object), "%s: address %s", apply->device, fbn_prefix_format(prefix, text, sizeof(text)));
        return changes_add(apply->c, apply->changes, kind, object, NULL, kind == FBN_CHANGE_DELETE ? text : NULL,
                           kind == FBN_CHANGE_CREATE ? text : NULL);
}

static const char *lifetime_text(const fbn_link_address *address, char *buffer, size_t size)
{
        char valid[24] = "for ever";

        if (address->valid)
                snprintf(valid, sizeof(valid), "%u s", address->valid);
        if (address->deprecated)
                snprintf(buffer, size, "%s, deprecated", valid);
        else if (address->preferred && address->preferred != address->valid)
                snprintf(buffer, size, "%s, preferred %u s", valid, address->preferred);
        else
                snprintf(buffer, size, "%s", valid);
        return buffer;
}

static int renew(struct apply *apply, const fbn_link_address *have, const fbn_link_address *want)
{
        char object[128], text[FBN_ADDRESS_TEXT], before[64], after[64];

        put_new(&apply->batch, NLM_F_REPLACE, apply->index, want);
        snprintf(object, sizeof(object), "%s: address %s", apply->device, fbn_prefix_format(&want->address, text, sizeof(text)));
        return changes_add(apply->c, apply->changes, FBN_CHANGE_UPDATE, object, "valid", lifetime_text(have, before, sizeof(before)),
                           lifetime_text(want, after, sizeof(after)));
}

static int compare_gone(struct apply *apply, bool secondary)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < fbn_link_addresses_count(apply->have); i++) {
                const fbn_link_address *have = &addresses_entry(apply->have, i)->address;

                if (have->secondary != secondary || stays(have, find(apply->want, &have->address)))
                        continue;
                put_delete(&apply->batch, apply->index, have);
                apply->primary_goes |= have->address.address.family == AF_INET && !have->secondary;
                r = record(apply, FBN_CHANGE_DELETE, &have->address);
        }
        return r;
}

/* Deletions first: IPv6 has an address on a link only once, whatever its length. Of these secondary ones first: after their primary they
 * may be gone already, and their deletion be refused. */
static int compare(struct apply *apply)
{
        int r = compare_gone(apply, true);

        if (r == 0)
                r = compare_gone(apply, false);
        for (size_t i = 0; r == 0 && i < fbn_link_addresses_count(apply->want); i++) {
                const fbn_link_address *want = fbn_link_addresses_at(apply->want, i);
                const fbn_link_address *have = find(apply->have, &want->address);

                if (find(apply->want, &want->address) != want)
                        continue;
                if (have && stays(have, want)) {
                        if (have->protocol == FBN_PROTOCOL && lifetimes_differ(have, want))
                                r = renew(apply, have, want);
                        continue;
                }
                put_add(&apply->batch, apply->index, want);
                r = record(apply, FBN_CHANGE_CREATE, &want->address);
        }
        return r;
}

/* Without the setting promote_secondaries a deleted primary IPv4 address takes the other addresses of its prefix along: set again
 * those that were to stay. Source: net/ipv4/devinet.c, __inet_del_ifa(). */
static int set_lost_again(struct apply *apply)
{
        _cleanup_(fbn_link_addresses_unrefp) fbn_link_addresses *now = NULL;
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        size_t done;
        int r;

        r = fbn_link_address_list(apply->c, apply->device, &now);
        if (r < 0)
                return r;
        for (size_t i = 0; i < fbn_link_addresses_count(apply->have); i++) {
                const struct address_entry *have = addresses_entry(apply->have, i);

                if (stays(&have->address, find(apply->want, &have->address.address)) && !find(now, &have->address.address))
                        put_again(&batch, have->message);
        }
        r = send_batch(apply->c, &batch, NULL, &done);
        if (r < 0)
                r = fail(apply->c, FBN_EPARTIAL, "an address that went with a removed one could not be set again");
        return fail_in(apply->c, r, "%s", apply->device);
}

static int carry_out(struct apply *apply)
{
        size_t done, count = apply->batch.count;
        char reason[sizeof(apply->c->error.message)];
        int r;

        r = send_batch(apply->c, &apply->batch, apply->changes, &done);
        if (r < 0 && done > 0) {
                snprintf(reason, sizeof(reason), "%s", apply->c->error.message);
                r = fail_in(apply->c, fail(apply->c, FBN_EPARTIAL, "%zu of %zu changes were made, then: %s", done, count, reason), "%s", apply->device);
        }
        return r == 0 && apply->primary_goes ? set_lost_again(apply) : r;
}

static int check_want(fbn_context *c, const char *device, const fbn_link_addresses *want)
{
        int r = link_check_name(c, device);

        for (size_t i = 0; r == 0 && i < fbn_link_addresses_count(want); i++)
                if (!streq(fbn_link_addresses_at(want, i)->device, device))
                        r = fail(c, FBN_EINVAL, "%s: an address of '%s' is among those wanted", device, fbn_link_addresses_at(want, i)->device);
        return r;
}

static int difference(struct apply *apply, fbn_link_addresses **ret_have)
{
        int r = check_want(apply->c, apply->device, apply->want);

        if (r == 0)
                r = addresses_read(apply->c, apply->device, &apply->index, ret_have);
        apply->have = *ret_have;
        return r == 0 ? compare(apply) : r;
}

static void apply_clear(struct apply *apply)
{
        netlink_batch_free(&apply->batch);
        fbn_changes_unref(apply->changes);
}

int fbn_link_address_apply(fbn_context *c, const char *device, const fbn_link_addresses *want,
                           const fbn_link_address_apply_options *options, fbn_changes **ret_changes)
{
        _cleanup_(apply_clear) struct apply apply = {.c = c, .device = device, .want = want, .changes = changes_new()};
        _cleanup_(fbn_link_addresses_unrefp) fbn_link_addresses *have = NULL;
        fbn_link_address_apply_options how;
        int r;

        if (!apply.changes)
                return fail_memory(c);
        r = OPTIONS_READ(c, fbn_link_address_apply_options, options, &how);
        if (r == 0)
                r = difference(&apply, &have);
        if (r == 0 && !how.dry_run && apply.batch.count > 0)
                r = carry_out(&apply);
        if (r < 0)
                return r;
        r = (int)fbn_changes_count(apply.changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(apply.changes);
        return r;
}
