/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/daemon.h"
#include "wireguard/uapi.h"

#include <errno.h>
#include <fabricnet/link.h>
#include <fabricnet/wireguard.h>
#include <net/if.h>
#include <poll.h>
#include <sys/stat.h>

#define DAEMON "wireguard-go"
#define TIMEOUT 5000 /* milliseconds */
#define PAUSE 10

struct creating {
        fbn_context *c;
        const char *name;
        const char *daemon;
        uint32_t mtu;
        int64_t deadline;
};

static int create_kernel(const struct creating *creating)
{
        int r = fbn_link_create(creating->c, FBN_OPTIONS(fbn_link, .name = creating->name, .kind = "wireguard", .mtu = creating->mtu));

        return r < 0 ? r : FBN_WIREGUARD_KERNEL;
}

/* wireguard-go would make it as well, but open to all. */
static int make_directory(fbn_context *c)
{
        if (mkdir(UAPI_DIRECTORY, 0700) < 0 && errno != EEXIST)
                return fail_errno(c, errno, "%s", UAPI_DIRECTORY);
        return 0;
}

static int wait_answer(const struct creating *creating)
{
        for (;;) {
                int r = uapi_ping(creating->c, creating->name);

                if (r != -FBN_ENOENT && r != -FBN_EUNAVAILABLE)
                        return r;
                r = context_check(creating->c);
                if (r < 0)
                        return r;
                if (milliseconds_now() >= creating->deadline)
                        return fail(creating->c, FBN_ETIMEOUT, "the daemon's socket %s/%s.sock does not answer", UAPI_DIRECTORY,
                                    creating->name);
                poll(NULL, 0, PAUSE);
        }
}

/* The directory of sockets belongs to the mount namespace: network namespaces that share it share the names too. */
static int check_socket(const struct creating *creating)
{
        if (uapi_ping(creating->c, creating->name) < 0)
                return 0;
        return fail(creating->c, FBN_EEXIST, "a daemon in another network namespace has the socket %s/%s.sock; take another name", UAPI_DIRECTORY,
                    creating->name);
}

static int set_mtu(const struct creating *creating)
{
        if (!creating->mtu)
                return 0;
        return fbn_link_set(creating->c, FBN_OPTIONS(fbn_link, .name = creating->name, .mtu = creating->mtu));
}

/* Its socket answers: that the interface is in this namespace is seen from here. */
static int check_made(const struct creating *creating)
{
        FBN_CLEANUP(fbn_links) links = NULL;
        int r = fbn_link_list(creating->c, creating->name, &links);

        return r < 0 ? r : set_mtu(creating);
}

static int start_daemon(const struct creating *creating)
{
        int r;

        r = check_socket(creating);
        if (r == 0)
                r = make_directory(creating->c);
        if (r == 0)
                r = daemon_start(creating->c, creating->daemon, creating->name, creating->deadline);
        if (r == 0)
                r = wait_answer(creating);
        if (r < 0)
                return fail_in(creating->c, r, "%s", creating->name);
        return check_made(creating);
}

/* The name was free: an interface that is there after a failure is a half-started daemon's, which ends with it. */
static int create_userspace(const struct creating *creating)
{
        int r = start_daemon(creating);
        struct undoing undoing;

        if (r >= 0)
                return FBN_WIREGUARD_USERSPACE;
        undoing = undo_begin(creating->c);
        fbn_link_delete(creating->c, creating->name);
        undo_end(creating->c, &undoing);
        return r;
}

/* The kernel's rules (dev_valid_name(), net/core/dev.c), and no '-' in front, which a daemon would take for an option. */
static int check_name(const struct creating *creating)
{
        size_t length = strlen(creating->name);

        if (length == 0 || length >= IFNAMSIZ || *creating->name == '-' || streq(creating->name, ".") || streq(creating->name, "..") ||
            strpbrk(creating->name, "/: \t\n\v\f\r"))
                return fail(creating->c, FBN_EINVAL, "'%.32s' is no name for an interface: 1 to %d bytes without '/', ':' and blanks",
                            creating->name, IFNAMSIZ - 1);
        return 0;
}

/* The backend of a link that is there, or why it is none of ours. */
static int backend_of_link(const struct creating *creating, const fbn_link *link)
{
        const char *kind = link->kind ? link->kind : "device";
        int r;

        if (streq(kind, "wireguard"))
                return FBN_WIREGUARD_KERNEL;
        if (!streq(kind, "tun"))
                return fail(creating->c, FBN_EEXIST, "%s: there is a %s of this name, not WireGuard", creating->name, kind);
        r = uapi_ping(creating->c, creating->name);
        if (r == -FBN_ENOENT || r == -FBN_EUNAVAILABLE)
                return fail(creating->c, FBN_EEXIST, "%s: there is a tun device of this name, and no WireGuard daemon answers for it",
                            creating->name);
        return r < 0 ? fail_in(creating->c, r, "%s", creating->name) : FBN_WIREGUARD_USERSPACE;
}

static int adopt(const struct creating *creating, const fbn_link *link, fbn_wireguard_backend wanted)
{
        int backend = backend_of_link(creating, link), r;

        if (backend < 0)
                return backend;
        if (wanted && (int)wanted != backend)
                return fail(creating->c, FBN_EEXIST, "%s: there is an interface of this name, run by %s", creating->name,
                            backend == FBN_WIREGUARD_KERNEL ? "the kernel" : "a daemon");
        r = link->mtu == creating->mtu ? 0 : set_mtu(creating);
        return r < 0 ? r : backend;
}

/* 0 if the name is free, the backend of an interface that was adopted. */
static int check_name_taken(const struct creating *creating, const fbn_wireguard_create_options *options)
{
        FBN_CLEANUP(fbn_links) links = NULL;
        int r = fbn_link_list(creating->c, creating->name, &links);

        if (r == -FBN_ENOENT)
                return 0;
        if (r < 0 || options->adopt)
                return r < 0 ? r : adopt(creating, fbn_links_at(links, 0), options->backend);
        return fail(creating->c, FBN_EEXIST, "%s: there is an interface of this name; it is adopted only when told so", creating->name);
}

static int create_any(const struct creating *creating)
{
        int r = create_kernel(creating);

        if (r != -FBN_EUNSUPPORTED)
                return r;
        r = create_userspace(creating);
        if (r == -FBN_EUNSUPPORTED)
                return fail(creating->c, FBN_EUNSUPPORTED,
                            "%s: this kernel has no WireGuard and the daemon '%s' is not installed; 'apt install wireguard-go' or a kernel "
                            "with WireGuard",
                            creating->name, creating->daemon);
        return r;
}

int fbn_wireguard_create(fbn_context *c, const char *name, const fbn_wireguard_create_options *given)
{
        fbn_wireguard_create_options options;
        struct creating creating = {.c = c, .name = name};
        int r;

        r = OPTIONS_READ(c, fbn_wireguard_create_options, given, &options);
        if (r < 0)
                return r;
        creating.daemon = options.daemon ? options.daemon : DAEMON;
        creating.mtu = options.mtu;
        creating.deadline = milliseconds_now() + (options.timeout_ms ? options.timeout_ms : TIMEOUT);
        r = check_name(&creating);
        if (r == 0)
                r = check_name_taken(&creating, &options);
        if (r != 0)
                return r;
        if (options.backend == FBN_WIREGUARD_KERNEL)
                return create_kernel(&creating);
        if (options.backend == FBN_WIREGUARD_USERSPACE)
                return create_userspace(&creating);
        if (options.backend)
                return fail(c, FBN_EINVAL, "%s: %d is no backend", name, (int)options.backend);
        return create_any(&creating);
}
