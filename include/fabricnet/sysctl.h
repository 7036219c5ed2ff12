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
 * To undo it later: take fbn_sysctl_snapshot() before, and apply what that gave.
 *
 * @param want          borrowed
 * @param options       NULL for the defaults
 * @param ret_changes   owned by the caller, may be NULL; untouched on failure
 * @return the number of changes, or a failure of the first setting that cannot be written; all is then put back as it was, or
 *         -FBN_EPARTIAL
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_sysctl_apply(fbn_context *c, const fbn_sysctls *want, const fbn_sysctl_apply_options *options, fbn_changes **ret_changes);

/**
 * Read what applying would overwrite: the values of these settings, and of those that the kernel writes along with them ("ip_forward" and
 * "all" write some settings of every link). Applying the result puts all of it back.
 *
 * @param want         borrowed
 * @param ret_sysctls  owned by the caller; untouched on failure
 * @return 0, -FBN_ENOENT (no such setting)
 *
 * Thread: the context's. Since 0.1. Source: net/ipv4/devinet.c, inet_forward_change(); net/ipv6/addrconf.c.
 */
FBN_PUBLIC int fbn_sysctl_snapshot(fbn_context *c, const fbn_sysctls *want, fbn_sysctls **ret_sysctls);

/**
 * Make a file of sysctl.d(5) that sets these at each boot, or remove it. The file is replaced in one step. It is ours by its first line;
 * one without that is never changed.
 *
 * systemd-sysctl reads the files of /etc, /run and /usr/lib by their names, whichever folder they are in; of a setting named twice the last
 * one counts: "60-fabricnet.conf" comes after distributions' files and before "99-sysctl.conf". Settings of links that are not there yet at
 * boot are written when they appear, by udev. Nothing is written to the kernel now: that is fbn_sysctl_apply().
 *
 * @param path  "/etc/sysctl.d/60-fabricnet.conf"; its name must end in ".conf", or nothing would read it
 * @param want  borrowed; NULL or empty removes the file
 * @return 1 if the file was written or removed, 0 if it was as wanted, -FBN_ECONFLICT (somebody else's file), -FBN_EINVAL, -FBN_ENOENT (no such
 *         folder), -FBN_EPERM
 *
 * Thread: the context's. Since 0.1. Source: sysctl.d(5).
 */
FBN_PUBLIC int fbn_sysctl_persist(fbn_context *c, const char *path, const fbn_sysctls *want);

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

/** How the value in force on a link comes about. */
typedef enum fbn_sysctl_rule {
        FBN_SYSCTL_OWN = 0,    /**< the link's own alone; writing "all" writes it to every link where the kernel does so */
        FBN_SYSCTL_LARGER = 1, /**< the larger of "all" and the link's own */
        FBN_SYSCTL_EITHER = 2, /**< on if "all" or the link's own is */
        FBN_SYSCTL_BOTH = 3,   /**< on if "all" and the link's own are */
        FBN_SYSCTL_ALL = 4     /**< "all" alone */
} fbn_sysctl_rule;

/** One setting of a link, as it is in force. */
typedef struct fbn_sysctl_effect {
        size_t size;
        const char *key;  /**< the link's own: "net/ipv4/conf/eth0/rp_filter" */
        const char *name; /**< "rp_filter" */
        int64_t own, all; /**< what the two say */
        int64_t value;    /**< what is in force */
        fbn_sysctl_rule rule;
        const char *meaning; /**< what that value does, static */
} fbn_sysctl_effect;

/** A list of them. */
typedef struct fbn_sysctl_effects fbn_sysctl_effects;

/**
 * Explain the settings of a link that decide whether packets come in, go on and are answered: the reverse-path filter and its companions,
 * forwarding, ARP, redirects, of IPv4 and of IPv6. What this kernel does not have is left out.
 *
 * @param device       the link
 * @param ret_effects  owned by the caller; untouched on failure
 * @return 0, -FBN_ENOENT (no such link), -FBN_EINVAL
 *
 * Thread: the context's. Since 0.1. Source: include/linux/inetdevice.h; Documentation/networking/ip-sysctl.rst.
 */
FBN_PUBLIC int fbn_sysctl_explain(fbn_context *c, const char *device, fbn_sysctl_effects **ret_effects);

/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_sysctl_effects *fbn_sysctl_effects_ref(fbn_sysctl_effects *effects);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_sysctl_effects *fbn_sysctl_effects_unref(fbn_sysctl_effects *effects);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_sysctl_effects_count(const fbn_sysctl_effects *effects);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_sysctl_effect *fbn_sysctl_effects_at(const fbn_sysctl_effects *effects, size_t index);

FBN_DEFINE_CLEANUP(fbn_sysctls)
FBN_DEFINE_CLEANUP(fbn_sysctl_effects)

#ifdef __cplusplus
}
#endif

#endif
