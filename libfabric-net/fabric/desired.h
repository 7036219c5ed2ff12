/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_DESIRED_H
#define FABRIC_DESIRED_H

#include "base/context.h"
#include "base/text.h"
#include "fabric/derive.h"

#include <fabricnet/nat.h>
#include <fabricnet/route.h>
#include <fabricnet/sysctl.h>

/* What one host's kernel should hold. Derived from the model alone; nothing is read from the host but its own secrets, by
 * desired_open_secrets(). */

/* Why something is wanted: found again by the domain and a word of the change's object. */
struct cause {
        const char *domain, *key;
        const char *reason, *pointer;
};

/* wg-quick's way for a default route: WireGuard marks its own packets, all others look into a table of the tunnel's. Behind
 * Tailscale's rules, 5210 to 5270, so that the mesh keeps its table 52; mark and table outside of Tailscale's 0xff0000. */
#define MARK_FIRST 25100u
#define RULE_PRIORITY_FIRST 5300u

struct desired_tunnel {
        const struct member *self;
        const char *device;
        fbn_prefix address;
        struct peers peers;
        uint32_t mark; /* of packets and of the table, 0: no mark routing */
        fbn_link_addresses *addresses;
        fbn_secret *private_key;     /* NULL until opened */
        fbn_secret **preshared_keys; /* one for each peer, NULL: none */
};

struct desired_vlan {
        const struct interface *interface;
        fbn_prefix address;
        fbn_link_addresses *addresses;
};

/* An interface that the file speaks of. */
struct desired_device {
        const char *name, *pointer;
        bool made; /* by us: else it is found */
};

struct desired {
        struct arena arena;
        const fbn_fabric *fabric;
        const struct host *host;
        const char *alias; /* of our links */
        struct desired_tunnel *tunnels;
        size_t n_tunnels;
        struct desired_vlan *vlans;
        size_t n_vlans;
        struct desired_device *devices;
        size_t n_devices;
        fbn_sysctls *sysctls; /* those of no interface */
        fbn_routes *routes;
        fbn_rules *rules;
        fbn_nat *nat;
        struct cause *causes; /* sorted once all is there */
        size_t n_causes, causes_capacity;
};

int desired_new(fbn_context *c, const fbn_fabric *fabric, const struct host *host, struct desired **ret_desired);
struct desired *desired_free(struct desired *desired);

static inline void desired_freep(struct desired **desired)
{
        desired_free(*desired);
}

/* Secrets that cannot be used: all are named, not only the first. */
struct bad_secrets {
        struct text text;
        size_t n;
        int first;
};

/* r is that of opening one, whose error is noted: 0, or what ends the opening. */
int bad_secrets_note(fbn_context *c, struct bad_secrets *bad, int r);
/* A failure that names them, if there are any, or r. */
int bad_secrets_end(fbn_context *c, struct bad_secrets *bad, int r);

/* Read this host's keys, all of them before anything is changed. */
int desired_open_secrets(fbn_context *c, struct desired *desired, struct bad_secrets *bad);

/* Read one secret of the file: a path relative to the context's secrets_dir, else to the file's folder. */
int secret_open(fbn_context *c, const fbn_fabric *fabric, const struct secret_source *source, fbn_secret **ret_secret);
/* For programs that open a secret themselves: its absolute path; holds PATH_MAX. */
int secret_path(fbn_context *c, const fbn_fabric *fabric, const struct secret_source *source, char *ret_path);

/* Whether a link is one that we make. */
bool desired_makes(const struct desired *desired, const char *device);

const struct cause *desired_cause(const struct desired *desired, const char *domain, const char *object);
int desired_add_cause(fbn_context *c, struct desired *desired, const char *domain, const char *key, const char *pointer, const char *reason,
                      ...) FBN_PRINTF(6, 7);

int desired_rp_filter_key(const char *device, char *buffer, size_t size);

/* Where services' files of this host are, and why. */
int desired_add_services(fbn_context *c, struct desired *desired);

/* desired_nat.c */
int desired_add_nat(fbn_context *c, struct desired *desired);

#endif
