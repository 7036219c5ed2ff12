/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_HOST_HOST_H
#define DNS_HOST_HOST_H

/* The resolver that a host has already: who it is, and how it is told our routes. */
#include "base/changes.h"
#include "base/context.h"
#include "base/text.h"

#include <fabricnet/dns.h>

/* What a manager is to be told: one zone, without "=" and "*." in front, and who answers for it. */
struct said {
        const char *zone; /* "." is the root */
        const fbn_dns_route *route;
        const fbn_endpoint *servers; /* the route's, or the stub; none: the route says it itself */
        size_t n_servers;
};

struct saying {
        struct arena arena;
        struct said *items;
        size_t count, capacity;
        bool by_stub;
};

/* All that a table says beyond what the host does anyway. With a stub each zone stands once and is its business. */
int saying_make(fbn_context *c, const fbn_dns_routes *routes, const fbn_endpoint *stub, struct saying *ret_saying);
void saying_free(struct saying *saying);

/* "=x" and "*.x", which most managers have no word for. */
bool said_is_whole(const struct said *said);
/* Fails with what stands in the way and the remedy. */
int said_refuse(fbn_context *c, const struct said *said, const char *manager, const char *why);

/* One apply of one manager. */
struct work {
        fbn_context *c;
        const fbn_dns_host_options *options;
        const fbn_dns_routes *routes;
        const struct saying *saying; /* what they say; nothing: our part goes */
        fbn_changes *changes;
};

struct manager {
        fbn_dns_manager id;
        const char *name;
        int (*apply)(struct work *work);
        bool (*is_ours)(fbn_context *c); /* whether something of ours is in it */
};

/* A manager that the stub itself asks for names without a route must not send it such names: they would go round. Those of "=x" and "*.x"
 * next to it. Refuses them. */
int said_refuse_loop(const struct work *work, const struct said *said, const char *manager);

extern const struct manager manager_resolved, manager_resolvconf, manager_dnsmasq, manager_unbound, manager_file;
const struct manager *manager_find(fbn_dns_manager id);

struct fbn_dns_host {
        unsigned references;
        struct arena arena;
        fbn_dns_host_state state;
};

/* detect.c: fills manager and reason. */
int host_detect(fbn_context *c, struct fbn_dns_host *host);
bool servers_are_resolved(const fbn_endpoint *servers, size_t n); /* all of them, and there are some */

/* resolv_conf.c */
#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_CONF_BEFORE "/etc/resolv.conf.before-fabricnet"
#define OUR_MARK "# Written by fabricnet"

struct resolv_conf {
        char *text; /* NULL: there is no such file */
        bool ours;
};

int resolv_conf_read(fbn_context *c, const char *path, struct resolv_conf *ret_file);
void resolv_conf_free(struct resolv_conf *file);
/* The servers and search domains of such a text, in an arena; false without memory. */
bool resolv_conf_servers(struct arena *arena, const char *text, fbn_endpoint **ret_servers, size_t *ret_n);
bool resolv_conf_search(struct arena *arena, const char *text, const char ***ret_search, size_t *ret_n);
/* The words of a line after its keyword: moves *line on; false at its end. For "nameserver A", keyword is "nameserver". */
bool line_is(const char *line, const char *keyword);

/* What a file of this host says, or NULL if there is none: file_read() with absence no failure. */
int file_read_if(fbn_context *c, const char *path, char **ret_text);

/* resolved.c: the servers that it asks for names without a route, our link left out. */
int resolved_servers(fbn_context *c, struct arena *arena, fbn_endpoint **ret_servers, size_t *ret_n);
bool resolved_answers(fbn_context *c); /* it has its name on the bus */

/* networkmanager.c: what it does about names: "default", "dnsmasq", "systemd-resolved" or "none"; and to resolv.conf: "symlink", "file",
 * "resolvconf", "unmanaged" … */
struct networkmanager {
        char mode[32], rc_manager[32];
};

bool networkmanager_find(fbn_context *c, struct networkmanager *ret_found); /* false: it does not run, or there is no bus */
bool networkmanager_has_dnsmasq(fbn_context *c);
int networkmanager_reload(fbn_context *c); /* its dnsmasq reads its files again */

/* openresolv or Debian's; NULL: neither is installed (or it is systemd's, which is resolved). */
const char *resolvconf_kind(fbn_context *c);
int resolvconf_before(fbn_context *c, char **ret_text); /* what others have told it */

/* A process of that name in our network namespace; 0: none. */
int process_find(const char *name);

/* program.c: run to its end, 15 s at most. Returns its exit code, or a failure; ret_output (may be NULL) is what it printed, with its
 * complaints, zero-terminated. */
int program_run(fbn_context *c, const char *const *arguments, const char *input, char **ret_output);
/* The last line of an output, for a message. */
const char *output_end(char *output);
bool program_exists(const char *path);

/* snippet.c: a file of ours among a service's own, dnsmasq's or unbound's. */
struct snippet {
        const struct manager *manager;
        const char *path;
        int (*check)(fbn_context *c, const char *path); /* the service would accept it */
        int (*reload)(fbn_context *c, const fbn_dns_host_options *options);
};

int snippet_apply(struct work *work, const struct snippet *snippet, const char *text); /* text NULL: the file goes */
bool snippet_is_ours(fbn_context *c, const char *path);

/* Says that the change was made, or would be. */
int work_add(struct work *work, fbn_change_kind kind, const char *object, const char *before, const char *after);

#endif
