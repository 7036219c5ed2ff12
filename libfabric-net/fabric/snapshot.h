/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_SNAPSHOT_H
#define FABRIC_SNAPSHOT_H

#include "fabric/host_files.h"
#include "fabric/keyring.h"
#include "fabric/plan.h"

#include <fabricnet/dns.h>
#include <fabricnet/link.h>
#include <fabricnet/nat.h>
#include <fabricnet/route.h>
#include <fabricnet/sysctl.h>
#include <fabricnet/wireguard.h>
#include <jansson.h>

/* All that is ours on a host at one moment: the undo of a change is to make it so again, from whatever stands between. Sessions, counters
 * and the elements of nftables sets are not in it: nothing here touches them. */
struct snapshot {
        struct arena arena;
        json_t *json;     /* whose texts are borrowed, of one that was read; else NULL */
        fbn_links *held;  /* the same of one that was taken */
        fbn_link *links;  /* those with our alias, and those that a change adopts */
        fbn_wireguard **wireguard; /* of each link, NULL: it is none */
        size_t n_links;
        fbn_link_addresses *addresses;
        fbn_routes *routes;
        fbn_routes *strangers; /* somebody else's routes through our links, which go when a link goes */
        fbn_rules *rules;
        fbn_nat *nat; /* NULL: no nftables here */
        fbn_sysctls *sysctls;
        struct host_files files; /* that we wrote for other programs */
        bool names; /* the host's resolver has a part of ours; what it says is not kept, only that there was none is put back */
};

/* sysctls: the settings that are to be in it, and what is written along with them; those that are not there are left out. adopted: names of
 * links of others that belong to it too, or NULL. */
int snapshot_take(fbn_context *c, const fbn_sysctls *sysctls, const json_t *adopted, struct snapshot *snapshot);
void snapshot_clear(struct snapshot *snapshot);

/* Keys are put into the keyring; the JSON has their places. NULL after a failure. */
int snapshot_to_json(fbn_context *c, const struct snapshot *snapshot, struct keyring *keyring, json_t **ret_json);
int snapshot_from_json(fbn_context *c, json_t *json, const struct keyring *keyring, struct snapshot *snapshot);

struct restore_options {
        bool dry_run;
        bool boot; /* files outlive one, and stay as they are */
        const json_t *created; /* names of links that a change was about to make: they go although their alias may be missing; or NULL */
};

/* Make it so again. Every part is tried, whatever fails before it. Steps taken are added to done, with that reason. 0, or a failure:
 * -FBN_EPARTIAL if there were several. */
int snapshot_restore(fbn_context *c, const struct snapshot *snapshot, const struct restore_options *options, const char *reason, fbn_plan *done);

json_t *sysctls_to_json(const fbn_sysctls *sysctls);
int sysctls_from_json(fbn_context *c, const json_t *json, fbn_sysctls **ret_sysctls);
/* Whether r, of a call about a WireGuard interface, says that none is there or that its daemon died; all else may be a passing failure. */
bool wireguard_is_gone(const fbn_context *c, int r);
/* Without what is not there: a link that went has no settings. */
int sysctls_present(fbn_context *c, const fbn_sysctls *sysctls, fbn_sysctls **ret_present);

#endif
