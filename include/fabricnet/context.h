/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_CONTEXT_H
#define FABRICNET_CONTEXT_H

#include <fabricnet/error.h>
#include <fabricnet/types.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Where a program meets the library: a network namespace, a place for secrets, and the last error.
 *
 * One thread at a time may use a context and the handles made with it; different contexts are independent.
 */
typedef struct fbn_context fbn_context;

typedef struct fbn_context_options {
        size_t size;
        const char *netns;       /**< network namespace: a name of ip-netns(8) or a path; NULL is the caller's own */
        const char *secrets_dir; /**< where relative secret files are looked for; NULL leaves that to the caller of the domain */
} fbn_context_options;

/**
 * Make a context.
 *
 * Opens the namespace and nothing else: keys and parsing need no privilege.
 *
 * @param options      NULL for the defaults
 * @param ret_context  owned by the caller, fbn_context_unref(); untouched on failure
 * @return 0, or
 *         -FBN_ENOENT  no such namespace
 *         -FBN_EINVAL  an unknown option is set
 *         The message of a failure is fbn_context_error(NULL).
 *
 * Thread: any. Since 0.1.
 */
FBN_PUBLIC int fbn_context_new(const fbn_context_options *options, fbn_context **ret_context);

/** Take another reference. Returns its argument. Thread: the context's. Since 0.1. */
FBN_PUBLIC fbn_context *fbn_context_ref(fbn_context *c);

/** Drop a reference; the last one closes sockets and wipes secrets. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_context *fbn_context_unref(fbn_context *c);

/**
 * The last failure in words, one line, with the object first: "wg0: peer 3: allowed IP 10.0.0.0/8 …".
 *
 * @param c  NULL for this thread's last failed fbn_context_new()
 * @return borrowed, until the context's next failure; empty if nothing failed yet
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC const char *fbn_context_error(const fbn_context *c);

/** The last failure's code, an fbn_error, 0 if nothing failed yet. Thread: the context's. Since 0.1. */
FBN_PUBLIC int fbn_context_error_code(const fbn_context *c);

/** The last failure's errno, 0 if no system call failed. Thread: the context's. Since 0.1. */
FBN_PUBLIC int fbn_context_error_errno(const fbn_context *c);

/** The object that the last failure is about, "" if none: "wg0: peer 3". Thread: the context's. Since 0.1. */
FBN_PUBLIC const char *fbn_context_error_object(const fbn_context *c);

/**
 * Make whatever the context is doing end with -FBN_ECANCELED, now and until fbn_context_resume().
 *
 * Thread: any, and signal handlers. Since 0.1.
 */
FBN_PUBLIC void fbn_context_cancel(fbn_context *c);

/** Let a cancelled context work again. Thread: the context's. Since 0.1. */
FBN_PUBLIC void fbn_context_resume(fbn_context *c);

/**
 * Release text that a function of this library handed over in a `char **`.
 *
 * @param memory  NULL is allowed
 *
 * Thread: any. Since 0.1.
 */
FBN_PUBLIC void fbn_free(void *memory);

/** Memory functions of an embedder; semantics of malloc(3). */
typedef struct fbn_allocator {
        size_t size;
        void *(*allocate)(size_t bytes);
        void *(*reallocate)(void *memory, size_t bytes);
        void (*release)(void *memory);
} fbn_allocator;

struct mmsghdr; /* <sys/socket.h> declares it with _GNU_SOURCE only */
struct timespec;

/** System calls that change or wait; semantics and errno of section 2 of the manual. NULL members are the system's own. */
typedef struct fbn_system_calls {
        size_t size;
        int (*socket)(int domain, int type, int protocol);
        int (*connect)(int fd, const struct sockaddr *address, socklen_t length);
        ssize_t (*sendmsg)(int fd, const struct msghdr *message, int flags);
        ssize_t (*recvmsg)(int fd, struct msghdr *message, int flags);
        int (*sendmmsg)(int fd, struct mmsghdr *messages, unsigned count, int flags);
        int (*recvmmsg)(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
        int (*open)(const char *path, int flags, mode_t mode);
        ssize_t (*read)(int fd, void *buffer, size_t count);
        ssize_t (*write)(int fd, const void *buffer, size_t count);
        int (*fsync)(int fd);
        int (*rename)(const char *from, const char *to);
        int (*unlink)(const char *path);
        int (*fdatasync)(int fd);
} fbn_system_calls;

/**
 * Replace the allocator or the system calls of the whole process.
 *
 * @param allocator  NULL leaves malloc(3); else all three functions are required
 * @param calls      NULL leaves the system's; members that are NULL too
 * @return 0, or -FBN_EINVAL after the first context was made or if the allocator is incomplete
 *
 * Thread: before any other thread uses the library. Since 0.1.
 */
FBN_PUBLIC int fbn_set_tables(const fbn_allocator *allocator, const fbn_system_calls *calls);

FBN_DEFINE_CLEANUP(fbn_context)

#ifdef __cplusplus
}
#endif

#endif
