/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/host.h"
#include "dns/reply.h"
#include "dns/socket.h"

#include "base/address.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define STUB_WAIT 1000 /* milliseconds for a stub of this host to answer, each of two times */

static const struct manager *const managers[] = {&manager_resolved, &manager_resolvconf, &manager_dnsmasq, &manager_unbound, &manager_file};

const struct manager *manager_find(fbn_dns_manager id)
{
        for (size_t i = 0; i < ARRAY_SIZE(managers); i++)
                if (managers[i]->id == id)
                        return managers[i];
        return NULL;
}

int work_add(struct work *work, fbn_change_kind kind, const char *object, const char *before, const char *after)
{
        return changes_add(work->c, work->changes, kind, object, kind == FBN_CHANGE_UPDATE ? "text" : NULL, before, after);
}

/* Files and D-Bus are this process's own, whatever namespace the context has. */
static int check_here(fbn_context *c)
{
        struct stat mine, theirs;

        if (c->netns < 0)
                return 0;
        if (stat("/proc/thread-self/ns/net", &mine) == 0 && fstat(c->netns, &theirs) == 0 && mine.st_ino == theirs.st_ino && mine.st_dev == theirs.st_dev)
                return 0;
        return fail(c, FBN_EINVAL, "the resolver of %s is not this process's: enter its namespaces first, such as by 'nsenter -n -m'",
                    c->netns_name ? c->netns_name : "another namespace");
}

fbn_dns_host *fbn_dns_host_ref(fbn_dns_host *host)
{
        host->references++;
        return host;
}

fbn_dns_host *fbn_dns_host_unref(fbn_dns_host *host)
{
        if (!host || --host->references > 0)
                return NULL;
        arena_free(&host->arena);
        memory_free(host);
        return NULL;
}

const fbn_dns_host_state *fbn_dns_host_state_get(const fbn_dns_host *host)
{
        return &host->state;
}

/* What resolv.conf said before anything of ours was in it. */
static int text_before(fbn_context *c, const struct fbn_dns_host *host, char **ret_text)
{
        struct resolv_conf file = {0};
        int r;

        if (host->state.manager == FBN_DNS_MANAGER_RESOLVCONF && host->state.ours)
                return resolvconf_before(c, ret_text);
        r = resolv_conf_read(c, RESOLV_CONF, &file);
        if (r < 0)
                return r;
        if (file.ours) {
                resolv_conf_free(&file);
                return file_read_if(c, RESOLV_CONF_BEFORE, ret_text);
        }
        *ret_text = file.text;
        return 0;
}

static size_t leave_out(fbn_endpoint *servers, size_t n, const fbn_endpoint *stub)
{
        size_t kept = 0;

        for (size_t i = 0; i < n; i++)
                if (!stub->address.family || !endpoint_equal(&servers[i], stub))
                        servers[kept++] = servers[i];
        return kept;
}

/* systemd-resolved takes what resolv.conf has for servers of its own: ours are not what the host had. */
static int leave_out_ours(fbn_context *c, struct arena *arena, fbn_endpoint *servers, size_t *n)
{
        struct resolv_conf file = {0};
        fbn_endpoint *ours = NULL;
        size_t n_ours = 0;
        int r = resolv_conf_read(c, RESOLV_CONF, &file);

        if (r == 0 && file.ours && !resolv_conf_servers(arena, file.text, &ours, &n_ours))
                r = fail_memory(c);
        for (size_t i = 0; i < n_ours; i++)
                *n = leave_out(servers, *n, &ours[i]);
        resolv_conf_free(&file);
        return r;
}

/* Behind systemd-resolved, the servers that it asks: asked itself it might ask us. */
static int look_behind(fbn_context *c, struct arena *arena, fbn_endpoint **servers, size_t *n)
{
        int r;

        if (!servers_are_resolved(*servers, *n) || !resolved_answers(c))
                return 0;
        r = resolved_servers(c, arena, servers, n);
        return r < 0 ? r : leave_out_ours(c, arena, *servers, n);
}

static int find_servers(fbn_context *c, struct fbn_dns_host *host, const fbn_endpoint *stub)
{
        fbn_dns_host_state *state = &host->state;
        _cleanup_free_ char *text = NULL;
        fbn_endpoint *servers = NULL;
        const char **search = NULL;
        int r;

        r = text_before(c, host, &text);
        if (r < 0)
                return r;
        if (!resolv_conf_servers(&host->arena, text, &servers, &state->n_servers) ||
            !resolv_conf_search(&host->arena, text, &search, &state->n_search))
                return fail_memory(c);
        r = look_behind(c, &host->arena, &servers, &state->n_servers);
        if (r < 0)
                return r;
        state->n_servers = leave_out(servers, state->n_servers, stub);
        state->servers = servers;
        state->search = search;
        return 0;
}

static int look(fbn_context *c, const fbn_dns_host_options *options, struct fbn_dns_host *host)
{
        const struct manager *manager;
        int r = 0;

        host->state.size = sizeof(host->state);
        if (options->manager) {
                host->state.manager = options->manager;
                host->state.reason = "it was chosen";
        } else
                r = host_detect(c, host);
        if (r < 0)
                return r;
        manager = manager_find(host->state.manager);
        if (!manager)
                return fail(c, FBN_EINVAL, "there is no DNS manager %d", (int)host->state.manager);
        host->state.ours = manager->is_ours(c);
        return 0;
}

static int host_new(fbn_context *c, const fbn_dns_host_options *options, struct fbn_dns_host **ret_host)
{
        FBN_CLEANUP(fbn_dns_host) host = NULL;
        int r;

        r = check_here(c);
        if (r < 0)
                return r;
        host = memory_alloc(sizeof(*host));
        if (!host)
                return fail_memory(c);
        host->references = 1;
        r = look(c, options, host);
        if (r == 0)
                *ret_host = TAKE_PTR(host);
        return r;
}

int fbn_dns_host_get(fbn_context *c, const fbn_dns_host_options *options, fbn_dns_host **ret_host)
{
        FBN_CLEANUP(fbn_dns_host) host = NULL;
        fbn_dns_host_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_dns_host_options, options, &mine);
        if (r == 0)
                r = host_new(c, &mine, &host);
        if (r == 0)
                r = find_servers(c, host, &mine.stub);
        if (r < 0)
                return r;
        *ret_host = TAKE_PTR(host);
        return 0;
}

static bool answers(int fd)
{
        static const struct question question = {.name = {11, "\x09localhost"}, .type = TYPE_A, .class = CLASS_IN};
        uint8_t query[WIRE_QUERY], answer[WIRE_PLAIN];
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        size_t length = query_write(1, FLAG_RD, &question, false, false, query);

        return socket_send(fd, query, length) >= 0 && poll(&wait, 1, STUB_WAIT) > 0 && socket_receive(fd, answer, sizeof(answer)) >= (ssize_t)WIRE_HEADER;
}

/* Whoever sends a host's names to nobody cuts it off. */
static int check_stub(fbn_context *c, const fbn_endpoint *stub)
{
        char text[FBN_ADDRESS_TEXT];

        for (int i = 0; i < 2; i++) {
                _cleanup_close_ int fd = socket_connect(stub, SOCK_DGRAM);

                if (fd >= 0 && answers(fd))
                        return 0;
        }
        return fail(c, FBN_EUNAVAILABLE, "no DNS stub answers on %s: start it first, 'fabricnet dns serve --listen %s'",
                    fbn_endpoint_format(stub, text, sizeof(text)), text);
}

static int check_options(fbn_context *c, fbn_dns_host_options *options, bool any)
{
        if (options->stub.address.family && options->stub.port == 0)
                options->stub.port = 53;
        return options->stub.address.family && any && !options->dry_run ? check_stub(c, &options->stub) : 0;
}

/* What another manager was told before is taken back when this one, if any, has it. */
static int leave_others(struct work *work, const struct manager *chosen)
{
        static const struct saying nothing;
        struct work leaving = *work;
        int r = 0;

        leaving.saying = &nothing;
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(managers); i++)
                if (managers[i] != chosen && managers[i]->is_ours(work->c))
                        r = fail_in(work->c, managers[i]->apply(&leaving), "%s", managers[i]->name);
        return r;
}

static int tell(fbn_context *c, const fbn_dns_routes *routes, fbn_dns_host_options *options, const struct manager *manager, fbn_changes *changes)
{
        _cleanup_(saying_free) struct saying saying = {0};
        struct work work = {.c = c, .options = options, .routes = routes, .saying = &saying, .changes = changes};
        int r;

        r = check_options(c, options, fbn_dns_routes_count(routes) > 0);
        if (r == 0)
                r = saying_make(c, routes, options->stub.address.family ? &options->stub : NULL, &saying);
        if (r == 0 && manager)
                r = fail_in(c, manager->apply(&work), "%s", manager->name);
        return r < 0 ? r : leave_others(&work, manager);
}

int fbn_dns_host_apply(fbn_context *c, const fbn_dns_routes *routes, const fbn_dns_host_options *options, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_dns_host) host = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_dns_host_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_dns_host_options, options, &mine);
        if (r == 0)
                r = fbn_dns_routes_count(routes) > 0 ? host_new(c, &mine, &host) : check_here(c);
        if (r < 0)
                return r;
        changes = changes_new();
        if (!changes)
                return fail_memory(c);
        r = tell(c, routes, &mine, host ? manager_find(host->state.manager) : NULL, changes);
        if (r < 0)
                return r;
        r = (int)fbn_changes_count(changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(changes);
        return r;
}
