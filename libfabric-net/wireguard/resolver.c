/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/resolver.h"
#include "base/address.h"
#include "wireguard/difference.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SECOND ((int64_t)1000000000)
#define INTERVAL (120 * SECOND) /* as wireguard-tools' contrib/reresolve-dns is commonly run */
#define STALE 135 /* seconds: a peer with traffic shakes hands every 120 s, and tries for 5 s more at a time; contrib/reresolve-dns takes this too */
#define STALE_AGAIN (30 * SECOND) /* a peer that does not answer is asked for again after this */
#define LOOK (15 * SECOND)        /* between two looks whether peers answer */
#define BACKOFF (2 * SECOND)      /* after a failure, then twice that, up to the interval */
#define LOOKUPS_MAX 16            /* names asked for at once, a thread each */

struct resolver {
        fbn_monitor monitor; /* first member */
        fbn_wireguard_resolver_options options;
        fbn_wireguard *want;
        char *name;
        struct named *items;
        size_t count, asking;
        int wake;
        int64_t interval, look; /* of the device, next */
};

static struct resolver *of(fbn_monitor *monitor)
{
        return (struct resolver *)monitor;
}

static int tell(fbn_context *c, struct resolver *mine, fbn_event_kind kind, const struct named *named, const char *before, const char *after)
{
        char object[FBN_KEY_TEXT + 64], key[FBN_KEY_TEXT];
        fbn_event event = {.kind = kind, .type = "peer", .object = object, .field = "endpoint", .before = before, .after = after};

        snprintf(object, sizeof(object), "%s: peer %s", mine->name, fbn_key_format(&named->peer->public_key, key, sizeof(key)));
        return monitor_add(c, &mine->monitor, &event);
}

/* A failure is told once, until it becomes another one or is over. */
static int note_failure(fbn_context *c, struct resolver *mine, struct named *named, const char *failure)
{
        int64_t limit = mine->interval;
        char *copy;

        named->backoff = MIN(named->backoff ? named->backoff * 2 : MIN(BACKOFF, limit), limit);
        named->next = monitor_now() + named->backoff;
        if (named->failure && streq(named->failure, failure))
                return 0;
        copy = memory_strdup(failure);
        if (!copy)
                return fail_memory(c);
        memory_free(named->failure);
        named->failure = copy;
        return tell(c, mine, FBN_EVENT_FAILED, named, named->peer->endpoint_name, failure);
}

static bool is_stale(const struct resolver *mine, const fbn_wireguard_peer *have)
{
        return monitor_clock() - have->last_handshake > (int64_t)mine->options.stale_s * SECOND;
}

static void end_lookup(struct resolver *mine, struct named *named)
{
        named->lookup = lookup_unref(named->lookup);
        named->ready = false;
        named->chosen = NULL;
        mine->asking--;
        named->answered = true;
}

static int tell_endpoint(fbn_context *c, struct resolver *mine, const struct named *named, const fbn_wireguard_peer *have)
{
        char before[FBN_ADDRESS_TEXT], after[FBN_ADDRESS_TEXT];

        fbn_endpoint_format(&have->endpoint, before, sizeof(before));
        fbn_endpoint_format(named->chosen, after, sizeof(after));
        return tell(c, mine, FBN_EVENT_CHANGED, named, *before ? before : NULL, after);
}

/* What an answer leads to, once its endpoint is set. have: the peer as it was before, NULL: it is not there. */
static int note_answer(fbn_context *c, struct resolver *mine, struct named *named, const fbn_wireguard_peer *have)
{
        const char *failure = lookup_failure(named->lookup);
        const fbn_endpoint *found;
        int r = 0;

        if (failure) {
                r = note_failure(c, mine, named, failure);
        } else {
                named->backoff = 0;
                memory_free(TAKE_PTR(named->failure));
                named->next = monitor_now() + (named->stale || !have ? MIN(STALE_AGAIN, mine->interval) : mine->interval);
        }
        if (!failure && have) {
                found = lookup_found(named->lookup, &named->count);
                memcpy(named->found, found, named->count * sizeof(*found));
        }
        if (named->chosen)
                r = tell_endpoint(c, mine, named, have);
        end_lookup(mine, named);
        return r;
}

/* NULL: the interface is not there now. */
static int read_device(fbn_context *c, const struct resolver *mine, const struct backend **ret_backend, fbn_wireguard **ret_device)
{
        struct error_record before = c->error;
        int r = backend_of(c, mine->name, ret_backend);

        if (r == 0)
                r = backend_get(c, *ret_backend, mine->name, NULL, NULL, ret_device);
        if (r != -FBN_ENOENT && r != -FBN_EUNAVAILABLE)
                return r;
        c->error = before;
        return 0;
}

/* Those that have an answer now: others may get theirs while these are taken. */
static bool mark_ready(struct resolver *mine)
{
        bool any = false;

        for (size_t i = 0; i < mine->count; i++) {
                struct named *named = &mine->items[i];

                named->ready = named->lookup && lookup_done(named->lookup);
                named->chosen = NULL;
                any |= named->ready;
        }
        return any;
}

/* The peer as it is there, but with the endpoint that its name leads to, if that is another one. */
static int choose(fbn_context *c, const struct resolver *mine, struct named *named, const fbn_wireguard_peer *have, fbn_wireguard *into)
{
        fbn_wireguard_peer peer = *have;
        size_t count;
        const fbn_endpoint *found = lookup_found(named->lookup, &count);

        named->stale = is_stale(mine, have);
        named->chosen = named_choose(named, &have->endpoint, found, count);
        if (!named->chosen)
                return 0;
        peer.endpoint = *named->chosen;
        return fbn_wireguard_add(c, into, &peer);
}

/* As a difference from what is there, which knows how each backend takes it. */
static int set_endpoints(fbn_context *c, struct resolver *mine, const struct backend *backend, const fbn_wireguard *device)
{
        _cleanup_(difference_free) struct difference difference = {0};
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        int r = fbn_wireguard_new(c, fbn_wireguard_interface_of(device), &want);

        for (size_t i = 0; r == 0 && i < mine->count; i++) {
                struct named *named = &mine->items[i];
                const fbn_wireguard_peer *have = configuration_find(device, &named->peer->public_key);

                if (named->ready && have && !lookup_failure(named->lookup))
                        r = choose(c, mine, named, have, want);
        }
        if (r < 0 || want->count == 0)
                return r;
        r = difference_new(c, mine->name, device, want, DIFFERENCE_KEEP_PEERS | DIFFERENCE_COUNT, &difference);
        return r < 0 ? r : fail_in(c, backend->set(c, mine->name, &difference.update), "%s", mine->name);
}

/* Answers stay until what they lead to is done: where that fails, the next call tries again. */
static int take_answers(fbn_context *c, struct resolver *mine)
{
        FBN_CLEANUP(fbn_wireguard) device = NULL;
        const struct backend *backend = NULL;
        int r;

        if (!mark_ready(mine))
                return 0;
        r = read_device(c, mine, &backend, &device);
        if (r == 0 && device)
                r = set_endpoints(c, mine, backend, device);
        for (size_t i = 0; r == 0 && i < mine->count; i++) {
                struct named *named = &mine->items[i];

                if (named->ready)
                        r = note_answer(c, mine, named, device ? configuration_find(device, &named->peer->public_key) : NULL);
        }
        return r;
}

/* Peers that stopped answering are asked for at once, not at the end of the interval. */
static int look_at_peers(fbn_context *c, struct resolver *mine, int64_t now)
{
        FBN_CLEANUP(fbn_wireguard) device = NULL;
        const struct backend *backend;
        int r;

        if (now < mine->look)
                return 0;
        mine->look = now + MIN(LOOK, mine->interval);
        r = read_device(c, mine, &backend, &device);
        for (size_t i = 0; r == 0 && device && i < mine->count; i++) {
                struct named *named = &mine->items[i];
                const fbn_wireguard_peer *have = configuration_find(device, &named->peer->public_key);
                bool stale = have && is_stale(mine, have);

                if (stale && !named->stale && named->answered && !named->lookup && !named->backoff)
                        named->next = now;
                named->stale = stale;
        }
        return r;
}

static int ask(fbn_context *c, struct resolver *mine, int64_t now)
{
        int r = 0;

        for (size_t i = 0; i < mine->count && mine->asking < LOOKUPS_MAX && r == 0; i++) {
                struct named *named = &mine->items[i];

                if (named->lookup || named->next > now)
                        continue;
                r = lookup_start(c, named->peer->endpoint_name, mine->options.family, mine->wake, &named->lookup);
                mine->asking += r == 0;
        }
        return r;
}

/* With as many threads as there may be, the next answer is waited for, not the next name. */
static void set_due(struct resolver *mine)
{
        int64_t due = mine->count == 0 ? MONITOR_NEVER : mine->look;

        for (size_t i = 0; i < mine->count && mine->asking < LOOKUPS_MAX; i++)
                if (!mine->items[i].lookup)
                        due = MIN(due, mine->items[i].next);
        monitor_due(&mine->monitor, due);
}

static int process(fbn_context *c, fbn_monitor *monitor)
{
        struct resolver *mine = of(monitor);
        int64_t now = monitor_now();
        uint64_t woken;
        int r;

        (void)!read(mine->wake, &woken, sizeof(woken));
        monitor_due(monitor, now + SECOND); /* should this fail */
        r = take_answers(c, mine);
        if (r == 0)
                r = look_at_peers(c, mine, now);
        if (r == 0)
                r = ask(c, mine, monitor_now());
        if (r < 0)
                return r;
        set_due(mine);
        return 0;
}

static void release(fbn_monitor *monitor)
{
        struct resolver *mine = of(monitor);

        for (size_t i = 0; i < mine->count; i++) {
                lookup_unref(mine->items[i].lookup);
                memory_free(mine->items[i].failure);
        }
        memory_free(mine->items);
        memory_free(mine->name);
        fbn_wireguard_unref(mine->want);
        fd_closep(&mine->wake);
}

static int find_names(fbn_context *c, struct resolver *mine, const fbn_wireguard *want)
{
        mine->items = memory_alloc(MAX(want->count, (size_t)1) * sizeof(*mine->items));
        if (!mine->items)
                return fail_memory(c);
        mine->want = fbn_wireguard_ref((fbn_wireguard *)want);
        for (size_t i = 0; i < want->count; i++)
                if (want->peers[i].endpoint_name)
                        mine->items[mine->count++].peer = &want->peers[i];
        return 0;
}

static int setup(fbn_context *c, struct resolver *mine, const char *name)
{
        fbn_wireguard_resolver_options *options = &mine->options;

        if (!name || !*name || strlen(name) >= IFNAMSIZ || strchr(name, '/'))
                return fail(c, FBN_EINVAL, "'%s' is no name of an interface", name ? name : "");
        if (options->family && !family_bits(options->family))
                return fail(c, FBN_EINVAL, "family %u: endpoints are AF_INET or AF_INET6", options->family);
        mine->interval = options->interval_ms ? (int64_t)options->interval_ms * 1000000 : INTERVAL;
        if (!options->stale_s)
                options->stale_s = STALE;
        mine->look = monitor_now() + MIN(LOOK, mine->interval);
        mine->name = memory_strdup(name);
        if (!mine->name)
                return fail_memory(c);
        mine->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (mine->wake < 0)
                return fail_errno(c, errno, "cannot make an eventfd");
        return monitor_poll(c, &mine->monitor, mine->wake);
}

int fbn_wireguard_resolver_new(fbn_context *c, const char *name, const fbn_wireguard *want, const fbn_wireguard_resolver_options *options,
                               fbn_monitor **ret_monitor)
{
        static const struct monitor_class class = {process, release};
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct resolver *mine = memory_alloc(sizeof(*mine));
        int r;

        if (!mine)
                return fail_memory(c);
        mine->wake = -1;
        monitor = &mine->monitor;
        r = monitor_begin(c, monitor, &class);
        if (r == 0)
                r = OPTIONS_READ(c, fbn_wireguard_resolver_options, options, &mine->options);
        if (r == 0)
                r = setup(c, mine, name);
        if (r == 0)
                r = find_names(c, mine, want);
        if (r == 0)
                r = process(c, monitor);
        if (r < 0)
                return r;
        *ret_monitor = TAKE_PTR(monitor);
        return 0;
}
