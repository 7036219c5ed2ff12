/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_SYSCTL_H
#define FABRICNET_SYSCTL_H

#include <fabricnet/changes.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A kernel setting that is a number. */
typedef struct fbn_sysctl {
        size_t size;
        const char *key; /**< "net.ipv4.ip_forward"; the interface in "net/ipv4/conf/eth0.20/rp_filter" may have dots when written with slashes */
        int64_t value;
} fbn_sysctl;

/** A list of settings. */
typedef struct fbn_sysctls fbn_sysctls;

/** Make an empty list. Returns 0 or -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_sysctls_new(fbn_context *c, fbn_sysctls **ret_sysctls);
/** Append a copy. Returns 0, -FBN_EINVAL (not a key below net), -FBN_EEXIST (named twice), -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_sysctls_add(fbn_context *c, fbn_sysctls *sysctls, const fbn_sysctl *sysctl);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_sysctls *fbn_sysctls_ref(fbn_sysctls *sysctls);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_sysctls *fbn_sysctls_unref(fbn_sysctls *sysctls);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_sysctls_count(const fbn_sysctls *sysctls);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_sysctl *fbn_sysctls_at(const fbn_sysctls *sysctls, size_t index);

/**
 * Read a setting of the context's namespace.
 *
 * @param key        as in fbn_sysctl, below "net"
 * @param ret_value  untouched on failure
 * @return 0, -FBN_ENOENT (no such key), -FBN_EINVAL (not below net, or not a number)
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_sysctl_get(fbn_context *c, const char *key, int64_t *ret_value);

/** Write a setting. Returns 0, -FBN_ENOENT, -FBN_EINVAL (also: the kernel refuses the value), -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_sysctl_set(fbn_context *c, const char *key, int64_t value);

typedef struct fbn_sysctl_apply_options {
        size_t size;
        bool dry_run; /**< say what would be done, write nothing */
} fbn_sysctl_apply_options;

/**
 * Make settings as wanted, writing only what differs.
 *
 * @param want          borrowed
 * @param options       NULL for the defaults
 * @param ret_changes   owned by the caller, may be NULL; untouched on failure
 * @return the number of changes, or a failure of the first setting that cannot be written; those written before it are put back
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_sysctl_apply(fbn_context *c, const fbn_sysctls *want, const fbn_sysctl_apply_options *options, fbn_changes **ret_changes);

/**
 * The reverse-path filter in force on a link: the larger of "all" and the link's own.
 *
 * @param device     the link
 * @param ret_value  0 off, 1 strict, 2 loose; untouched on failure
 * @return 0, -FBN_ENOENT
 *
 * Thread: the context's. Since 0.1. Source: kernel Documentation/networking/ip-sysctl.rst, rp_filter.
 */
FBN_PUBLIC int fbn_sysctl_rp_filter(fbn_context *c, const char *device, int64_t *ret_value);

FBN_DEFINE_CLEANUP(fbn_sysctls)

#ifdef __cplusplus
}
#endif

#endif
