/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/verify.h"
#include "fabric/probe.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

#define TRY_MS 1000      /* for one answer */
#define FIND_MS 5000     /* for all, before the change */
#define VERIFY_MS 10000  /* after it: tunnels shake hands anew, which is tried every five seconds */
#define PAUSE_MS 200
#define PATHS_MAX 64     /* more would not be tried in that time */
#define SESSION_SECONDS 180 /* Source: the WireGuard paper, 6.1, Reject-After-Time */

/* One of both. */
struct path {
        const struct expectation *expectation;
        const struct member *peer;
        bool works;
};

static int64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const char *name_of(const struct path *path)
{
        return path->expectation ? path->expectation->to : path->peer->host->name;
}

static int try_path(struct run *run, const struct path *path, struct probe *probe)
{
        if (path->expectation)
                return probe_run(run->c, run->fabric, path->expectation, TRY_MS, probe);
        return probe_ping(run->c, &path->peer->address, TRY_MS, probe);
}

static bool add(struct paths *paths, size_t *capacity, struct path path)
{
        if (!ARRAY_RESERVE(paths->items, paths->n, *capacity))
                return false;
        paths->items[paths->n++] = path;
        return true;
}

static bool has_session(const fbn_wireguard_peer *peer)
{
        return peer->last_handshake && (int64_t)time(NULL) - peer->last_handshake / 1000000000 < SESSION_SECONDS;
}

/* By whatever key: that it is declared with another one may be the mistake. */
static bool is_live(const fbn_wireguard *have, const fbn_address *address)
{
        for (size_t i = 0; i < fbn_wireguard_count(have); i++) {
                const fbn_wireguard_peer *peer = fbn_wireguard_at(have, i);

                for (size_t j = 0; has_session(peer) && j < peer->n_allowed_ips; j++)
                        if (fbn_prefix_contains(&peer->allowed_ips[j], address))
                                return true;
        }
        return false;
}

/* Road warriors come and go. */
static int add_peers(struct run *run, const struct desired_tunnel *tunnel, struct paths *paths, size_t *capacity)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        struct error_record before = run->c->error;

        if (fbn_wireguard_get(run->c, tunnel->device, &have) < 0) { /* not there yet, or what the plan has told */
                run->c->error = before;
                return 0;
        }
        for (size_t i = 0; i < tunnel->peers.n && paths->n < PATHS_MAX; i++) {
                const struct member *member = tunnel->peers.items[i].member;

                if (member->road_warrior || tunnel->self->road_warrior || !is_live(have, &member->address))
                        continue;
                if (!add(paths, capacity, (struct path){.peer = member}))
                        return fail_memory(run->c);
        }
        return 0;
}

/* What cannot be tried does not work; only who wants to stop is heard. */
static int find_out(struct run *run, struct path *path)
{
        struct error_record before = run->c->error;
        struct probe probe;
        int r;

        run_tell(run, "trying %s", name_of(path));
        r = try_path(run, path, &probe);
        path->works = r == 0 && probe.holds;
        if (r == -FBN_ECANCELED || r == -FBN_ENOMEM)
                return r;
        run->c->error = before;
        return 0;
}

int paths_find(struct run *run, struct paths *paths)
{
        int64_t deadline = now_ms() + FIND_MS;
        size_t capacity = 0;
        int r = 0;

        for (size_t i = 0; i < run->fabric->n_expectations; i++)
                if (run->fabric->expectations[i].from == run->desired->host &&
                    !add(paths, &capacity, (struct path){.expectation = &run->fabric->expectations[i]}))
                        return fail_memory(run->c);
        for (size_t i = 0; r == 0 && run_is_local(run) && i < run->desired->n_tunnels; i++)
                r = add_peers(run, &run->desired->tunnels[i], paths, &capacity);
        for (size_t i = 0; r == 0 && i < paths->n && now_ms() < deadline; i++)
                r = find_out(run, &paths->items[i]);
        return r;
}

static int verify(struct run *run, const struct path *path, int64_t deadline)
{
        struct probe probe;

        run_tell(run, "verifying %s", name_of(path));
        for (;;) {
                int r = try_path(run, path, &probe);

                if (r < 0 || probe.holds)
                        return r;
                if (now_ms() >= deadline)
                        break;
                poll(NULL, 0, PAUSE_MS);
        }
        if (path->expectation)
                return fail(run->c, FBN_EINTERRUPTED, "%s: '%s' was %s before and is not now: %s", path->expectation->pointer, path->expectation->to,
                            path->expectation->delivered ? "delivered" : "dropped", probe.text);
        return fail(run->c, FBN_EINTERRUPTED, "%s: '%s' answered before and does not now: %s", path->peer->pointer, path->peer->host->name, probe.text);
}

int paths_verify(struct run *run, const struct paths *paths)
{
        int64_t deadline = now_ms() + VERIFY_MS;
        int r = 0;

        for (size_t i = 0; r == 0 && i < paths->n; i++)
                if (paths->items[i].works)
                        r = verify(run, &paths->items[i], deadline);
        return r;
}

void paths_free(struct paths *paths)
{
        memory_free(paths->items);
}
