/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/resolver.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TIMEOUT 10000     /* milliseconds */
#define CANCEL_CHECK 200
#define LOOKUPS_MAX 16    /* at once */

/* Names being asked for once, by the index of their peer. */
struct asking {
        fbn_context *c;
        const fbn_wireguard *want;
        const fbn_wireguard *have; /* NULL: not known */
        struct lookup **lookups;
        size_t next, running;
        int wake;
        int64_t end;
};

static void asking_free(struct asking *asking)
{
        for (size_t i = 0; asking->lookups && i < asking->want->count; i++)
                lookup_unref(asking->lookups[i]);
        memory_free(asking->lookups);
        fd_closep(&asking->wake);
}

static bool has_name(const fbn_wireguard_peer *peer)
{
        return peer->endpoint_name && !peer->endpoint.address.family;
}

/* As many threads as there may be. */
static int start_some(struct asking *asking)
{
        size_t running = 0;
        int r = 0;

        for (size_t i = 0; i < asking->next; i++)
                running += asking->lookups[i] && !lookup_done(asking->lookups[i]);
        for (; r == 0 && running < LOOKUPS_MAX && asking->next < asking->want->count; asking->next++) {
                const fbn_wireguard_peer *peer = &asking->want->peers[asking->next];

                if (!has_name(peer))
                        continue;
                r = lookup_start(asking->c, peer->endpoint_name, 0, asking->wake, &asking->lookups[asking->next]);
                running += r == 0;
        }
        asking->running = running;
        return r;
}

static int wait_for_all(struct asking *asking)
{
        struct pollfd fd = {.fd = asking->wake, .events = POLLIN};
        int r = start_some(asking);

        while (r == 0 && asking->running > 0) {
                int64_t left = (asking->end - monitor_now()) / 1000000;
                uint64_t woken;

                if (left <= 0)
                        return 0;
                if (poll(&fd, 1, (int)MIN(left, (int64_t)CANCEL_CHECK)) < 0 && errno != EINTR)
                        return fail_errno(asking->c, errno, "cannot wait for answers");
                (void)!read(asking->wake, &woken, sizeof(woken));
                r = context_check(asking->c);
                if (r == 0)
                        r = start_some(asking);
        }
        return r;
}

static const char *why_not(const struct lookup *lookup)
{
        return lookup && lookup_done(lookup) ? lookup_failure(lookup) : "no answer in time";
}

/* The peer with its endpoint, or as it is; 1 if it has a name that led to nothing, and why. */
static int add_peer(struct asking *asking, size_t i, fbn_wireguard *into, const char **ret_failure)
{
        fbn_wireguard_peer peer = asking->want->peers[i];
        const fbn_wireguard_peer *have = asking->have ? configuration_find(asking->have, &peer.public_key) : NULL;
        const char *failure = has_name(&peer) ? why_not(asking->lookups[i]) : NULL;
        size_t count;
        int r;

        if (has_name(&peer) && !failure) {
                const fbn_endpoint *found = lookup_found(asking->lookups[i], &count);

                peer.endpoint = *endpoint_among(have ? &have->endpoint : &peer.endpoint, found, count);
                peer.endpoint_name = NULL;
        }
        r = fbn_wireguard_add(asking->c, into, &peer);
        if (r < 0 || !failure)
                return r;
        *ret_failure = failure;
        return 1;
}

/* The first that failed stays in the context's record. */
static void say_why(struct asking *asking, size_t i, const char *failure)
{
        const fbn_wireguard_peer *peer = &asking->want->peers[i];
        char key[FBN_KEY_TEXT];
        int r = fail(asking->c, FBN_EUNAVAILABLE, "endpoint '%s': %s", peer->endpoint_name, failure);

        fail_in(asking->c, r, "peer %s", fbn_key_format(&peer->public_key, key, sizeof(key)));
}

static int build(struct asking *asking, fbn_wireguard **ret_resolved)
{
        FBN_CLEANUP(fbn_wireguard) resolved = NULL;
        const char *failure = NULL, *first_failure = NULL;
        size_t first = 0;
        int failed = 0, r;

        r = fbn_wireguard_new(asking->c, fbn_wireguard_interface_of(asking->want), &resolved);
        for (size_t i = 0; r >= 0 && i < asking->want->count; i++) {
                r = add_peer(asking, i, resolved, &failure);
                failed += r > 0;
                if (r > 0 && !first_failure) {
                        first = i;
                        first_failure = failure;
                }
        }
        if (r < 0)
                return r;
        if (failed)
                say_why(asking, first, first_failure);
        *ret_resolved = TAKE_PTR(resolved);
        return failed;
}

static bool any_name(const fbn_wireguard *want)
{
        for (size_t i = 0; i < want->count; i++)
                if (has_name(&want->peers[i]))
                        return true;
        return false;
}

/* What the interface has now, which is only of interest where there are names; one that is not there yet has nothing. */
static int read_interface(fbn_context *c, const char *name, const fbn_wireguard *want, fbn_wireguard **ret_have)
{
        struct error_record before = c->error;
        int r = name && any_name(want) ? fbn_wireguard_get(c, name, ret_have) : 0;

        if (r != -FBN_ENOENT && r != -FBN_EUNAVAILABLE)
                return r;
        c->error = before;
        return 0;
}

int fbn_wireguard_resolve(fbn_context *c, const char *name, const fbn_wireguard *want, uint32_t timeout_ms, fbn_wireguard **ret_resolved)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        _cleanup_(asking_free) struct asking asking = {.c = c, .want = want, .wake = -1};
        int r = read_interface(c, name, want, &have);

        if (r < 0)
                return r;
        asking.have = have;
        asking.end = monitor_now() + (int64_t)(timeout_ms ? timeout_ms : TIMEOUT) * 1000000;
        asking.lookups = memory_alloc(MAX(want->count, (size_t)1) * sizeof(*asking.lookups));
        if (!asking.lookups)
                return fail_memory(c);
        asking.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (asking.wake < 0)
                return fail_errno(c, errno, "cannot make an eventfd");
        r = wait_for_all(&asking);
        return r < 0 ? r : build(&asking, ret_resolved);
}
