/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TAILSCALE_TAILSCALE_H
#define TAILSCALE_TAILSCALE_H

#include "base/changes.h"
#include "base/text.h"
#include "http/http.h"
#include "http/json.h"

#include <fabricnet/tailscale.h>

/* A connection to the daemon of options; default_ms is the timeout unless they have one. */
int daemon_open(fbn_context *c, const fbn_tailscale_options *options, uint32_t default_ms, struct http **ret_http);

/* One call below /localapi/v0/. body is JSON text or NULL, ret_object may be NULL. */
int daemon_call(fbn_context *c, struct http *http, const char *method, const char *path, const char *body, json_t **ret_object);

/* What a status that is no success means. */
fbn_error daemon_meaning(long status);

/* jansson's text of a request; wiped by whoever puts a secret in. */
int daemon_body(fbn_context *c, const json_t *request, char **ret_body);

#define DAEMON_TIMEOUT_MS 10000U
#define DAEMON_PATH "/localapi/v0/"

int tailscale_status_read(fbn_context *c, const json_t *object, fbn_tailscale_status **ret_status);
int tailscale_whois_read(fbn_context *c, const json_t *object, fbn_tailscale_status **ret_status);
int tailscale_pong_read(fbn_context *c, const json_t *object, fbn_tailscale_pong *ret_pong);
int tailscale_resolution_read(fbn_context *c, const json_t *object, struct text *text);
int tailscale_settings_read(fbn_context *c, const json_t *object, fbn_tailscale_settings **ret_settings);

/* If an exit node is wanted, tell the one that there is by its address, not by its id. */
int settings_exit_node(fbn_context *c, struct http *http, fbn_tailscale_settings *settings, const fbn_tailscale_prefs *want);

/* The preferences that differ, as members of a PATCH and as changes. -FBN_EINVAL on what tailscaled would refuse. */
int prefs_difference(fbn_context *c, const fbn_tailscale_prefs *have, const fbn_tailscale_prefs *want, json_t *patch, fbn_changes *changes);

/* The caller's record, with its required members checked. */
int prefs_check(fbn_context *c, const fbn_tailscale_prefs *given, fbn_tailscale_prefs *ret_prefs);

/* Whether two login servers are the same but for a final slash. */
bool same_server(const char *a, const char *b);

#endif
