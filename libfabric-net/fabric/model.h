/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_MODEL_H
#define FABRIC_MODEL_H

#include "base/memory.h"
#include "fabric/place.h"

#include <fabricnet/fabric.h>
#include <fabricnet/wireguard.h>

/* The declared network with its names resolved. All of it lives in the fabric's arena; every thing knows the JSON pointer that
 * declared it. */

enum manager { MANAGER_FABRICNET, MANAGER_SSH, MANAGER_NIXOS, MANAGER_NONE };
/* Whose resolver is told the declared zones, from RESOLVER_FOUND on by us. */
enum resolver { RESOLVER_UNSAID, RESOLVER_NONE, RESOLVER_MESH, RESOLVER_FOUND, RESOLVER_RESOLVED, RESOLVER_RESOLVCONF, RESOLVER_DNSMASQ, RESOLVER_UNBOUND,
                RESOLVER_STUB };
enum rp_filter { RP_FILTER_OFF = 0, RP_FILTER_STRICT = 1, RP_FILTER_LOOSE = 2 }; /* the kernel's numbers */

struct prefix {
        const char *name, *pointer;
        fbn_prefix prefix;
        uint16_t vlan;
        struct host *at, *local_to;
        bool closed; /* "from" was declared */
        const struct prefix *parent; /* the smallest one around it, NULL: none */
};

struct interface {
        const char *name, *pointer;
        bool wan;
        fbn_address address;         /* family 0: none */
        const struct prefix *prefix; /* the segment it is on, NULL: none declared */
        uint32_t mtu;                /* 0: not given */
        const struct interface *trunk; /* what carries it as a VLAN; NULL: it is found, not made */
};

struct setting {
        const char *key, *pointer;
        int64_t value;
};

struct static_route {
        const char *pointer;
        const struct prefix *to;
        struct host *via; /* NULL: */
        const struct tunnel *tunnel;
        fbn_address gateway; /* that of via on a segment which both are on */
        const struct interface *interface;
};

struct secret_source {
        const char *file, *credential, *pointer; /* pointer NULL: not given */
};

/* How a router is logged in to. */
struct login {
        const char *pointer; /* NULL: not declared */
        const char *system;  /* "pfsense", "linux" */
        fbn_address address; /* family 0: the one by which it is found */
        const char *user;    /* NULL: root */
        uint16_t port;
        struct secret_source private_key;
        const char *host_key;
};

struct host {
        const char *name, *pointer;
        enum manager manager;
        enum resolver resolver;
        bool forwarding;
        enum rp_filter rp_filter;
        struct interface *interfaces;
        size_t n_interfaces;
        struct nat_entry *nat;
        size_t n_nat;
        struct setting *settings;
        size_t n_settings;
        struct static_route *routes;
        size_t n_routes;
        struct member *memberships; /* list through next_of_host, in the order of the tunnels */
        struct node *node;          /* NULL: not in the mesh */
        struct edge *edge;          /* NULL: nothing keeps it */
        struct login login;
};

struct member {
        struct tunnel *tunnel;
        struct host *host;
        const char *pointer;
        fbn_address address;
        const char *interface;
        uint16_t listen;
        const char *endpoint; /* "name:port", NULL: none */
        const struct prefix **announces;
        size_t n_announces;
        bool road_warrior;
        uint16_t keepalive;
        uint32_t mtu;
        fbn_key public_key;
        struct secret_source private_key, preshared_key;
        struct member *next_of_host;
        size_t index; /* in its tunnel */
};

struct tunnel {
        const char *name, *pointer;
        const struct prefix *prefix;
        uint32_t mtu;
        struct member *members;
        size_t n_members;
        struct member **reachable; /* those with an endpoint, in order */
        size_t n_reachable;
        struct member **announcers; /* those that announce something, in order */
        size_t n_announcers;
};

enum nat_action { NAT_MASQUERADE, NAT_ACCEPT, NAT_DROP, NAT_FORWARD };

/* One side of a rule: a link of the host, found by name or through a tunnel. */
struct side {
        const char *device;                /* NULL: any */
        const struct interface *interface; /* or */
        const struct tunnel *tunnel;
};

struct nat_entry {
        const char *name, *pointer;
        enum nat_action action;
        const struct prefix **sources, **destinations;
        size_t n_sources, n_destinations;
        struct side in, out;
        fbn_endpoint target; /* NAT_FORWARD */
        bool udp;
        uint16_t port;   /* here; the target's unless another is declared */
        uint8_t hairpin; /* length of the prefix that the target is in; 0: not wanted */
};

struct node {
        struct host *host;
        const char *pointer;
        fbn_address address; /* family 0: whatever comes */
        const struct prefix **advertises;
        size_t n_advertises;
        bool accepts_routes, accepts_dns;
        const char *user;
        const char **tags;
        size_t n_tags;
};

struct split {
        const char *suffix, *pointer; /* lower case, without "*." and final dot */
        bool wildcard;                /* it had "*." */
        struct host *host;
};

struct mesh {
        const char *pointer; /* NULL: there is none */
        struct host *headscale;
        const char *url;
        struct secret_source api_key;
        const struct prefix *prefix;
        const char **users;
        size_t n_users;
        struct node *nodes;
        size_t n_nodes;
        const char *policy_file, *policy_pointer;
        const char *dns_base;
        struct split *splits;
        size_t n_splits;
};

struct record {
        const char *name;
        struct host *host;
};

struct zone {
        const char *name, *pointer;
        struct host *at;
        struct record *records;
        size_t n_records;
};

#define CERTBOT_FOLDER "/etc/letsencrypt/live" /* Source: certbot(1) */

enum certificate_source { CERTIFICATE_ACME, CERTIFICATE_AUTHORITY, CERTIFICATE_FILES };

struct certificate {
        const char *name, *pointer;
        enum certificate_source source;
        const char *server, *email;    /* CERTIFICATE_ACME; NULL: not given */
        const char *authority;         /* CERTIFICATE_AUTHORITY */
        struct secret_source authority_key;
        const char *file, *key;        /* where it is, or comes to be */
};

struct service {
        const char **names; /* first the one that it is declared by */
        size_t n_names;
        const char *name, *pointer;
        struct host *at, *to;
        uint16_t port;
        bool websocket, upstream_tls, cdn;
        uint64_t body_bytes, hsts_s;
        uint32_t timeout_ms;
        const struct prefix **allow;
        size_t n_allow;
        const struct certificate *certificate; /* NULL: none */
};

/* What keeps a public host. */
struct edge {
        const char *pointer;
        bool bans, fail2ban, sshd, nginx;
        uint32_t duration_s, retries, within_s; /* 0: not given */
        fbn_prefix *never; /* that, and all declared prefixes */
        size_t n_never;
        const char *zone; /* NULL: no CDN is told */
        struct secret_source token;
        const char *origin_ca;
};

struct backup {
        const char *name, *pointer;
        struct host *of, *to;
        const char *file, *folder, *user; /* user NULL: root */
        uint16_t port;
        uint32_t keep;
        struct secret_source private_key;
        const char *host_key;
        fbn_address address; /* of the one for the other */
};

/* A host that is asked for its metrics over ssh. */
struct watched {
        struct host *host;
        const char *pointer, *user, *host_key; /* user NULL: root */
        uint16_t port;
        struct secret_source private_key;
        fbn_address address; /* of it for the one that asks */
};

struct monitoring {
        const char *pointer; /* NULL: there is none */
        struct host *at;
        uint32_t interval; /* seconds */
        struct watched *watched;
        size_t n_watched;
};

enum protocol { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_DNS };

struct expectation {
        const char *pointer;
        struct host *from;
        const char *to;
        char *host; /* what to begins with */
        uint16_t port;
        enum protocol protocol;
        bool delivered;
};

/* A finding that the file's author knows of. */
struct allowance {
        const char *code, *at, *reason, *pointer; /* at NULL: everywhere */
};

struct fbn_fabric {
        unsigned references;
        struct arena arena;
        const char *file, *folder;
        const char *merged; /* the text with all that it includes; NULL: it includes nothing */
        struct source *sources; /* the file, then what it includes */
        size_t n_sources;
        const char *name;
        uint32_t default_mtu;
        uint16_t default_keepalive;
        enum rp_filter default_rp_filter;
        struct prefix *prefixes;
        size_t n_prefixes;
        struct prefix **prefixes_by_address;
        struct host *hosts;
        size_t n_hosts;
        struct tunnel *tunnels;
        size_t n_tunnels;
        struct mesh mesh;
        struct zone *zones;
        size_t n_zones;
        struct certificate *certificates;
        size_t n_certificates;
        struct service *services;
        size_t n_services;
        struct backup *backups;
        size_t n_backups;
        struct monitoring monitoring;
        struct expectation *expectations;
        size_t n_expectations;
        struct allowance *allowances;
        size_t n_allowances;
};

/* The smallest declared prefix that holds an address and belongs to a segment (not local to a host); NULL if there is none. */
const struct prefix *fabric_segment_of(const fbn_fabric *fabric, const fbn_address *address);

struct host *fabric_host(const fbn_fabric *fabric, const char *name);
/* The host that a caller names; -FBN_EINVAL if there is none or the name is NULL. */
int fabric_find_host(fbn_context *c, const fbn_fabric *fabric, const char *name, const struct host **ret_host);

/* The service of that name or with it among its further ones, NULL: none. */
const struct service *fabric_service(const fbn_fabric *fabric, const char *name);
bool host_has_services(const fbn_fabric *fabric, const struct host *host);

/* The host's membership in a tunnel, NULL: none. */
const struct member *host_member_of(const struct host *host, const struct tunnel *tunnel);
/* The host's interface on the segment of a prefix, NULL: none. */
const struct interface *host_interface_in(const struct host *host, const struct prefix *prefix);

/* A path of the file's own, relative to its folder. */
bool fabric_path(const fbn_fabric *fabric, const char *path, char *buffer, size_t size);

#endif
