/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#define STACK ((size_t)512 * 1024) /* what NSS modules need, without the 8 MiB of the default */

struct lookup {
        atomic_uint references;
        atomic_bool done;
        int wake, netns;
        char *netns_name;  /* NULL: none, or it was given as a path */
        char *host, *port; /* port is behind host's memory */
        uint16_t family;
        char failure[160];
        fbn_endpoint found[LOOKUP_MAX];
        size_t count;
};

struct lookup *lookup_unref(struct lookup *lookup)
{
        if (!lookup || atomic_fetch_sub(&lookup->references, 1) > 1)
                return NULL;
        fd_closep(&lookup->wake);
        fd_closep(&lookup->netns);
        memory_free(lookup->netns_name);
        memory_free(lookup->host);
        memory_free(lookup);
        return NULL;
}

static void lookup_unrefp(struct lookup **lookup)
{
        lookup_unref(*lookup);
}

bool lookup_done(const struct lookup *lookup)
{
        return atomic_load(&lookup->done);
}

const char *lookup_failure(const struct lookup *lookup)
{
        return *lookup->failure ? lookup->failure : NULL;
}

const fbn_endpoint *lookup_found(const struct lookup *lookup, size_t *ret_count)
{
        *ret_count = lookup->count;
        return lookup->found;
}

static void add(struct lookup *lookup, const struct addrinfo *info)
{
        fbn_endpoint endpoint = {.address.family = (uint16_t)info->ai_family};

        if (info->ai_family == AF_INET) {
                const struct sockaddr_in *four = (const struct sockaddr_in *)info->ai_addr;

                memcpy(endpoint.address.bytes, &four->sin_addr, sizeof(four->sin_addr));
                endpoint.port = ntohs(four->sin_port);
        } else if (info->ai_family == AF_INET6) {
                const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)info->ai_addr;

                memcpy(endpoint.address.bytes, &six->sin6_addr, sizeof(six->sin6_addr));
                endpoint.port = ntohs(six->sin6_port);
                endpoint.scope = six->sin6_scope_id;
        }
        if (endpoint.port && lookup->count < LOOKUP_MAX)
                lookup->found[lookup->count++] = endpoint;
}

static void say(struct lookup *lookup, const char *words)
{
        snprintf(lookup->failure, sizeof(lookup->failure), "%s", words);
}

/* As ip-netns(8) does for "exec": files below /etc/netns/NAME stand for those of /etc, for this thread alone. */
static int furnish(const struct lookup *lookup)
{
        static const char *const files[] = {"resolv.conf", "hosts", "nsswitch.conf"};
        bool apart = false;

        for (size_t i = 0; lookup->netns_name && i < ARRAY_SIZE(files); i++) {
                char own[300], usual[64];

                snprintf(own, sizeof(own), "/etc/netns/%s/%s", lookup->netns_name, files[i]);
                snprintf(usual, sizeof(usual), "/etc/%s", files[i]);
                if (access(own, R_OK) < 0)
                        continue;
                if (!apart && (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0))
                        return -1;
                apart = true;
                if (mount(own, usual, NULL, MS_BIND, NULL) < 0)
                        return -1;
        }
        return 0;
}

static void resolve(struct lookup *lookup)
{
        const struct addrinfo hints = {.ai_family = lookup->family, .ai_socktype = SOCK_DGRAM, .ai_protocol = IPPROTO_UDP};
        struct addrinfo *list = NULL;
        int r;

        if ((lookup->netns >= 0 && setns(lookup->netns, CLONE_NEWNET) < 0) || furnish(lookup) < 0) {
                say(lookup, strerrordesc_np(errno));
                return;
        }
        r = getaddrinfo(lookup->host, lookup->port, &hints, &list);
        if (r != 0) {
                say(lookup, r == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(r));
                return;
        }
        for (const struct addrinfo *info = list; info; info = info->ai_next)
                add(lookup, info);
        freeaddrinfo(list);
        if (lookup->count == 0)
                say(lookup, "no address with a port");
}

static void *work(void *data)
{
        struct lookup *lookup = data;
        uint64_t one = 1;

        resolve(lookup);
        atomic_store(&lookup->done, true);
        (void)!write(lookup->wake, &one, sizeof(one));
        lookup_unref(lookup);
        return NULL;
}

/* Detached, and without the signals, which are the caller's. */
static int start_thread(struct lookup *lookup)
{
        pthread_attr_t attributes;
        sigset_t all, before;
        pthread_t thread;
        int error;

        sigfillset(&all);
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, STACK);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        atomic_fetch_add(&lookup->references, 1);
        error = pthread_create(&thread, &attributes, work, lookup);
        if (error)
                atomic_fetch_sub(&lookup->references, 1);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
        return error;
}

static int prepare(fbn_context *c, struct lookup *lookup, const char *endpoint_name, int wake)
{
        char *colon;

        lookup->host = memory_strdup(endpoint_name);
        if (!lookup->host)
                return fail_memory(c);
        colon = strrchr(lookup->host, ':');
        if (!colon)
                return fail(c, FBN_EINVAL, "endpoint '%s' is not HOST:PORT", endpoint_name);
        *colon = 0;
        lookup->port = colon + 1;
        if (c->netns >= 0 && c->netns_name && !strchr(c->netns_name, '/') && !(lookup->netns_name = memory_strdup(c->netns_name)))
                return fail_memory(c);
        lookup->wake = fcntl(wake, F_DUPFD_CLOEXEC, 3);
        if (lookup->wake >= 0 && c->netns >= 0)
                lookup->netns = fcntl(c->netns, F_DUPFD_CLOEXEC, 3);
        return lookup->wake < 0 || (c->netns >= 0 && lookup->netns < 0) ? fail_errno(c, errno, "cannot ask for %s", endpoint_name) : 0;
}

int lookup_start(fbn_context *c, const char *endpoint_name, uint16_t family, int wake, struct lookup **ret_lookup)
{
        _cleanup_(lookup_unrefp) struct lookup *lookup = memory_alloc(sizeof(*lookup));
        int r;

        if (!lookup)
                return fail_memory(c);
        atomic_init(&lookup->references, 1);
        lookup->wake = lookup->netns = -1;
        lookup->family = family;
        r = prepare(c, lookup, endpoint_name, wake);
        if (r < 0)
                return r;
        r = start_thread(lookup);
        if (r != 0)
                return fail_errno(c, r, "cannot start a thread that asks for %s", endpoint_name);
        *ret_lookup = TAKE_PTR(lookup);
        return 0;
}
