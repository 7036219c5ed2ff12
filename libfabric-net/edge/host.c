/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/host.h"

#include "edge/store.h"

#include <sys/socket.h>
#include <stdio.h>

#define SET_NAME 32
#define TRIES 5
#define TOGETHER 1024 /* elements in one transaction */

/* The sets of a ban by family and kind. */
enum { HOSTS, NETS };

static void set_name(const struct host *host, uint16_t family, int kind, char name[SET_NAME])
{
        snprintf(name, SET_NAME, "%s-ipv%c%s", host->name, family == AF_INET6 ? '6' : '4', kind == NETS ? "-nets" : "");
}

int never_add(fbn_context *c, struct never *never, const fbn_prefix *prefix)
{
        if (!ARRAY_RESERVE(never->items, never->count, never->capacity))
                return fail_memory(c);
        if (fbn_prefix_network(prefix, &never->items[never->count]) < 0)
                return fail(c, FBN_EINVAL, "never: no prefix");
        never->count++;
        return 0;
}

const fbn_prefix *never_find(const struct never *never, const fbn_prefix *prefix)
{
        for (size_t i = 0; i < never->count; i++)
                if (fbn_prefix_overlaps(&never->items[i], prefix))
                        return &never->items[i];
        return NULL;
}

/* Trusted links come first, by a set: a rule that looks into a set of ours stays when a fabric is applied. */
static int wanted(fbn_context *c, const struct host *host, fbn_nat *nat)
{
        char name[SET_NAME];
        fbn_nat_set links = {.size = sizeof(links), .name = name, .key = "ifname"};
        fbn_nat_rule pass = {.size = sizeof(pass), .kind = FBN_NAT_ACCEPT, .at = FBN_NAT_ARRIVAL, .name = name, .source_set = name};
        fbn_nat_ban ban = {.size = sizeof(ban), .name = host->name};
        int r;

        snprintf(name, sizeof(name), "%s-trusted", host->name);
        r = fbn_nat_set_add(c, nat, &links);
        if (r >= 0)
                r = fbn_nat_add(c, nat, &pass);
        return r < 0 ? r : fbn_nat_ban_add(c, nat, &ban);
}

static bool has_set(const fbn_nat *nat, const fbn_nat_set *set)
{
        for (size_t i = 0; i < fbn_nat_set_count(nat); i++) {
                const fbn_nat_set *stands = fbn_nat_set_at(nat, i);

                if (streq(stands->name, set->name))
                        return streq(stands->key, set->key) && stands->intervals == set->intervals && stands->timeouts == set->timeouts;
        }
        return false;
}

static bool has_rule(const fbn_nat *nat, const fbn_nat_rule *rule)
{
        for (size_t i = 0; i < fbn_nat_count(nat); i++) {
                const fbn_nat_rule *stands = fbn_nat_at(nat, i);

                if (streq(stands->name, rule->name))
                        return stands->kind == rule->kind && stands->at == rule->at;
        }
        return false;
}

static bool has_all(const fbn_nat *stands, const fbn_nat *want)
{
        for (size_t i = 0; i < fbn_nat_set_count(want); i++)
                if (!has_set(stands, fbn_nat_set_at(want, i)))
                        return false;
        for (size_t i = 0; i < fbn_nat_count(want); i++)
                if (!has_rule(stands, fbn_nat_at(want, i)))
                        return false;
        return true;
}

static int unless_there(int r)
{
        return r == -FBN_EEXIST ? 0 : r;
}

/* What stands and is not of the same names. */
static int add_others(fbn_context *c, const fbn_nat *stands, fbn_nat *want)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < fbn_nat_set_count(stands); i++)
                r = unless_there(fbn_nat_set_add(c, want, fbn_nat_set_at(stands, i)));
        for (size_t i = 0; r >= 0 && i < fbn_nat_count(stands); i++)
                r = unless_there(fbn_nat_add(c, want, fbn_nat_at(stands, i)));
        return r;
}

/* Where the fabric has its rules on arrival before ours, or behind, is its business: only what is missing is made, beside all that stands. */
static int try_sets(fbn_context *c, const struct host *host)
{
        FBN_CLEANUP(fbn_nat) want = NULL;
        FBN_CLEANUP(fbn_nat) stands = NULL;
        fbn_nat_apply_options options = {.size = sizeof(options)};
        int r;

        r = fbn_nat_generation(c, &options.generation);
        if (r >= 0)
                r = fbn_nat_new(c, &want);
        if (r >= 0)
                r = wanted(c, host, want);
        if (r >= 0)
                r = fbn_nat_get(c, &stands);
        if (r < 0 && r != -FBN_ENOENT)
                return r;
        if (r >= 0 && has_all(stands, want))
                return 0;
        r = add_others(c, stands, want);
        if (r >= 0)
                r = fbn_nat_apply(c, want, &options, NULL);
        return r < 0 ? r : 1;
}

static int make_sets(fbn_context *c, const struct host *host)
{
        int r = -FBN_ESTALE;

        for (int i = 0; r == -FBN_ESTALE && i < TRIES; i++)
                r = try_sets(c, host);
        return r;
}

static int fill_trusted(fbn_context *c, const struct host *host)
{
        FBN_CLEANUP(fbn_nat_elements) links = NULL;
        fbn_nat_element element = {.size = sizeof(element), .key = "lo"};
        char name[SET_NAME];
        int r;

        snprintf(name, sizeof(name), "%s-trusted", host->name);
        r = fbn_nat_elements_new(c, name, &links);
        if (r >= 0)
                r = fbn_nat_elements_add(c, links, &element);
        for (size_t i = 0; r >= 0 && i < host->n_trusted; i++) {
                element.key = host->trusted[i];
                r = fbn_nat_elements_add(c, links, &element);
        }
        return r < 0 ? r : fbn_nat_elements_replace(c, links, NULL);
}

static bool inside_another(const struct never *never, size_t index)
{
        for (size_t i = 0; i < never->count; i++)
                if (i != index && fbn_prefix_contains(&never->items[i], &never->items[index].address) &&
                    (never->items[i].length < never->items[index].length || (never->items[i].length == never->items[index].length && i < index)))
                        return true;
        return false;
}

static int fill_never(fbn_context *c, const struct host *host, const struct never *never, uint16_t family)
{
        FBN_CLEANUP(fbn_nat_elements) list = NULL;
        char name[SET_NAME], text[FBN_ADDRESS_TEXT];
        fbn_nat_element element = {.size = sizeof(element), .key = text};
        int r;

        snprintf(name, sizeof(name), "%s-never-ipv%c", host->name, family == AF_INET6 ? '6' : '4');
        r = fbn_nat_elements_new(c, name, &list);
        for (size_t i = 0; r >= 0 && i < never->count; i++) {
                if (never->items[i].address.family != family || inside_another(never, i))
                        continue;
                fbn_prefix_format(&never->items[i], text, sizeof(text));
                r = fbn_nat_elements_add(c, list, &element);
        }
        return r < 0 ? r : fbn_nat_elements_replace(c, list, NULL);
}

int host_prepare(fbn_context *c, const struct host *host, const struct never *never)
{
        int made = make_sets(c, host), r = made;

        if (r >= 0)
                r = fill_trusted(c, host);
        if (r >= 0)
                r = fill_never(c, host, never, AF_INET);
        if (r >= 0)
                r = fill_never(c, host, never, AF_INET6);
        return r < 0 ? r : made;
}

static int append(fbn_context *c, fbn_nat_elements *list, const fbn_prefix *prefix, uint32_t until, uint32_t now)
{
        char text[FBN_ADDRESS_TEXT];
        fbn_nat_element element = {.size = sizeof(element), .key = text};

        if (prefix->length == (prefix->address.family == AF_INET6 ? 128 : 32))
                fbn_address_format(&prefix->address, text, sizeof(text));
        else
                fbn_prefix_format(prefix, text, sizeof(text));
        if (until)
                element.timeout_ms = 1000 * (uint64_t)(until > now ? until - now : 1);
        return fbn_nat_elements_add(c, list, &element);
}

static bool belongs(const struct ban *ban, uint16_t family, int kind)
{
        return !(ban->flags & BAN_IPV6) == (family == AF_INET) && ban_is_host(ban) == (kind == HOSTS);
}

struct send {
        uint16_t family;
        int kind;
        fbn_nat_elements_verb verb;
};

/* As many as go into one transaction, from *next on. */
static int send_some(fbn_context *c, const struct host *host, const struct ban_table *table, const struct send *send, const uint32_t *slots,
                     size_t count, size_t *next)
{
        FBN_CLEANUP(fbn_nat_elements) list = NULL;
        char name[SET_NAME];
        struct clock now = clock_now();
        int r = 0;

        set_name(host, send->family, send->kind, name);
        for (; r >= 0 && *next < count && fbn_nat_elements_count(list) < TOGETHER; ++*next) {
                const struct ban *ban = ban_table_at(table, slots[*next]);
                fbn_prefix prefix = ban_prefix(table, ban);

                if (!belongs(ban, send->family, send->kind) || (ban->flags & (BAN_COVERED | BAN_GONE) && send->verb != FBN_NAT_ELEMENTS_DELETE))
                        continue;
                if (!list)
                        r = fbn_nat_elements_new(c, name, &list);
                if (r >= 0)
                        r = append(c, list, &prefix, ban->until, now.boot);
        }
        return r < 0 || !list ? r : fbn_nat_elements_send(c, list, send->verb);
}

static int send_all(fbn_context *c, const struct host *host, const struct ban_table *table, fbn_nat_elements_verb verb, const uint32_t *slots,
                    size_t count)
{
        static const struct send sets[] = {{AF_INET, HOSTS, 0}, {AF_INET, NETS, 0}, {AF_INET6, HOSTS, 0}, {AF_INET6, NETS, 0}};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(sets); i++) {
                struct send send = sets[i];
                size_t next = 0;

                send.verb = verb;
                while (r >= 0 && next < count)
                        r = send_some(c, host, table, &send, slots, count, &next);
        }
        return r < 0 ? r : 0;
}

int host_add(fbn_context *c, const struct host *host, const struct ban_table *table, const uint32_t *slots, size_t count)
{
        return send_all(c, host, table, FBN_NAT_ELEMENTS_REFRESH, slots, count);
}

int host_delete_prefix(fbn_context *c, const struct host *host, const fbn_prefix *prefix)
{
        FBN_CLEANUP(fbn_nat_elements) list = NULL;
        bool one = prefix->length == (prefix->address.family == AF_INET6 ? 128 : 32);
        char name[SET_NAME];
        int r;

        set_name(host, prefix->address.family, one ? HOSTS : NETS, name);
        r = fbn_nat_elements_new(c, name, &list);
        if (r >= 0)
                r = append(c, list, prefix, 0, 0);
        if (r >= 0)
                r = fbn_nat_elements_send(c, list, FBN_NAT_ELEMENTS_DELETE);
        return r == -FBN_ENOENT ? 0 : r;
}

/* One that ended this very moment is no failure: then each by itself. */
int host_delete(fbn_context *c, const struct host *host, const struct ban_table *table, const uint32_t *slots, size_t count)
{
        int r = send_all(c, host, table, FBN_NAT_ELEMENTS_DELETE, slots, count);

        if (r != -FBN_ENOENT)
                return r;
        r = 0;
        for (size_t i = 0; r >= 0 && i < count; i++) {
                fbn_prefix prefix = ban_prefix(table, ban_table_at(table, slots[i]));

                r = host_delete_prefix(c, host, &prefix);
        }
        return r;
}

/* What stands of prefixes of this family, with or without those that lie in the new one. */
static int nets_of(fbn_context *c, const char *name, const struct ban_table *table, uint32_t slot, bool after, fbn_nat_elements **ret_list)
{
        FBN_CLEANUP(fbn_nat_elements) list = NULL;
        fbn_prefix cover = ban_prefix(table, ban_table_at(table, slot));
        struct clock now = clock_now();
        int r = fbn_nat_elements_new(c, name, &list);

        for (uint32_t i = ban_table_next(table, 0); r >= 0 && i != SLOT_NONE; i = ban_table_next(table, i + 1)) {
                const struct ban *ban = ban_table_at(table, i);
                fbn_prefix prefix = ban_prefix(table, ban);

                if (ban_is_host(ban) || prefix.address.family != cover.address.family || ban->flags & (BAN_COVERED | BAN_GONE))
                        continue;
                if (i == slot ? !after : after && fbn_prefix_contains(&cover, &prefix.address))
                        continue;
                r = append(c, list, &prefix, ban->until, now.boot);
        }
        if (r >= 0)
                *ret_list = TAKE_PTR(list);
        return r;
}

int host_cover(fbn_context *c, const struct host *host, const struct ban_table *table, uint32_t slot)
{
        FBN_CLEANUP(fbn_nat_elements) want = NULL;
        FBN_CLEANUP(fbn_nat_elements) known = NULL;
        char name[SET_NAME];
        int r;

        set_name(host, ban_table_at(table, slot)->flags & BAN_IPV6 ? AF_INET6 : AF_INET, NETS, name);
        r = nets_of(c, name, table, slot, false, &known);
        if (r >= 0)
                r = nets_of(c, name, table, slot, true, &want);
        return r < 0 ? r : fbn_nat_elements_replace(c, want, known);
}

static int read_set(fbn_context *c, const char *name, host_found *found, void *data)
{
        FBN_CLEANUP(fbn_nat_reader) reader = NULL;
        const fbn_nat_element *element;
        fbn_prefix prefix;
        int r = fbn_nat_reader_new(c, name, &reader);

        while (r >= 0 && (r = fbn_nat_reader_next(c, reader, &element)) > 0) {
                uint32_t left = (uint32_t)((element->expires_ms + 999) / 1000);

                if (fbn_prefix_parse(element->key, &prefix) == 0) /* a range of somebody's hand is no ban of ours */
                        r = found(c, data, &prefix, element->timeout_ms ? MAX(left, 1u) : 0);
        }
        return r;
}

int host_read(fbn_context *c, const struct host *host, host_found *found, void *data)
{
        char name[SET_NAME];
        int r = 0;

        for (int i = 0; r >= 0 && i < 4; i++) {
                set_name(host, i < 2 ? AF_INET : AF_INET6, i % 2 ? NETS : HOSTS, name);
                r = read_set(c, name, found, data);
        }
        return r < 0 ? r : 0;
}

int host_flush(fbn_context *c, const struct host *host)
{
        char name[SET_NAME];
        int r = 0;

        for (int i = 0; r >= 0 && i < 4; i++) {
                FBN_CLEANUP(fbn_nat_elements) none = NULL;

                set_name(host, i < 2 ? AF_INET : AF_INET6, i % 2 ? NETS : HOSTS, name);
                r = fbn_nat_elements_new(c, name, &none);
                if (r >= 0)
                        r = fbn_nat_elements_replace(c, none, NULL);
        }
        return r < 0 ? r : 0;
}
