/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "base/file.h"
#include "tailscale/tailscale.h"
#include "unit/http_server.h"

/* Recorded from a tailscaled 1.98.10 that carries two subnet routes and has two peers. */
static char *recorded_text(fbn_context *c, const char *name)
{
        char path[512], *bytes = NULL;
        size_t length;

        snprintf(path, sizeof(path), TESTS_DIRECTORY "/data/tailscale/%s", name);
        assert_ok(c, file_read(c, path, 1 << 20, &bytes, &length));
        return bytes;
}

static json_t *recorded(fbn_context *c, const char *name)
{
        char *text = recorded_text(c, name);
        json_t *object = json_loads(text, 0, NULL);

        memory_free(text);
        assert_non_null(object);
        return object;
}

static fbn_tailscale_settings *recorded_settings(fbn_context *c)
{
        fbn_tailscale_settings *settings = NULL;
        json_t *object = recorded(c, "prefs-1.98.10.json");

        assert_ok(c, tailscale_settings_read(c, object, &settings));
        json_decref(object);
        return settings;
}

static void status_has_state_self_and_peers(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        json_t *object = recorded(c, "status-1.98.10.json");
        const fbn_tailscale_state *of;
        char text[FBN_ADDRESS_TEXT];

        assert_ok(c, tailscale_status_read(c, object, &status));
        json_decref(object);
        of = fbn_tailscale_status_state(status);
        assert_string_equal(of->state, "Running");
        assert_true(of->have_node_key);
        assert_string_equal(of->magic_dns_suffix, "mesh.example");
        assert_string_equal(of->auth_url, "");
        assert_int_equal(of->self.size, sizeof(of->self));
        assert_string_equal(of->self.host_name, "n1");
        assert_string_equal(of->self.dns_name, "n1.mesh.example.");
        assert_string_equal(fbn_address_format(&of->self.addresses[0], text, sizeof(text)), "100.64.0.1");
        assert_int_equal(of->self.n_allowed_ips, 3);
        assert_int_equal(of->self.n_primary_routes, 2);
        assert_true(of->self.online);
        assert_int_equal(of->self.last_handshake, 0);
        assert_int_equal(fbn_tailscale_status_count(status), 2);
        assert_string_equal(fbn_tailscale_status_at(status, 0)->relay, "fabricnet");
        assert_null(fbn_tailscale_status_at(status, 2));
}

static void a_daemon_without_self_and_peers_is_read(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        json_t *object = json_loads("{\"BackendState\":\"NeedsLogin\",\"Self\":null,\"Peer\":null,\"Health\":null}", 0, NULL);

        assert_ok(c, tailscale_status_read(c, object, &status));
        json_decref(object);
        assert_string_equal(fbn_tailscale_status_state(status)->state, "NeedsLogin");
        assert_string_equal(fbn_tailscale_status_state(status)->self.host_name, "");
        assert_int_equal(fbn_tailscale_status_count(status), 0);
}

static void a_wrong_type_in_a_peer_is_named(void **state)
{
        fbn_context *c = *state;
        fbn_tailscale_status *status = NULL;
        json_t *object = json_loads("{\"Peer\":{\"nodekey:ab\":{\"TailscaleIPs\":[\"nowhere\"]}}}", 0, NULL);

        assert_failed(c, tailscale_status_read(c, object, &status), FBN_EPROTOCOL, "Peer nodekey:ab: the answer's member 'TailscaleIPs'");
        json_decref(object);
        assert_null(status);
}

static void preferences_are_read(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_tailscale_settings) settings = recorded_settings(c);
        const fbn_tailscale_prefs *prefs = fbn_tailscale_settings_prefs(settings);

        assert_int_equal(prefs->set, 511);
        assert_string_equal(prefs->login_server, "https://198.51.100.1:8443");
        assert_string_equal(prefs->host_name, "n1");
        assert_false(prefs->accept_routes);
        assert_true(prefs->accept_dns);
        assert_true(prefs->snat);
        assert_true(prefs->want_running);
        assert_int_equal(prefs->n_advertise_routes, 2);
        assert_int_equal(prefs->n_advertise_tags, 0);
}

static void the_same_preferences_are_no_difference(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_tailscale_settings) settings = recorded_settings(c);
        FBN_CLEANUP(fbn_changes) changes = changes_new();
        const fbn_tailscale_prefs *have = fbn_tailscale_settings_prefs(settings);
        fbn_tailscale_prefs want = *have;
        fbn_prefix turned[] = {have->advertise_routes[1], have->advertise_routes[0]};
        json_t *patch = json_object();

        want.advertise_routes = turned; /* their order means nothing */
        want.login_server = "https://198.51.100.1:8443/";
        assert_ok(c, prefs_difference(c, have, &want, patch, changes));
        assert_int_equal(json_object_size(patch), 0);
        assert_int_equal(fbn_changes_count(changes), 0);
        json_decref(patch);
}

static void only_what_is_meant_and_differs_is_patched(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_tailscale_settings) settings = recorded_settings(c);
        FBN_CLEANUP(fbn_changes) changes = changes_new();
        const fbn_tailscale_prefs *have = fbn_tailscale_settings_prefs(settings);
        const char *const tags[] = {"tag:router"};
        fbn_tailscale_prefs want = {.size = sizeof(want),
                                    .set = FBN_TAILSCALE_SET_HOST_NAME | FBN_TAILSCALE_SET_ACCEPT_ROUTES | FBN_TAILSCALE_SET_ADVERTISE_ROUTES |
                                           FBN_TAILSCALE_SET_ADVERTISE_TAGS | FBN_TAILSCALE_SET_SNAT,
                                    .host_name = "n1", .accept_routes = true, .snat = false, .advertise_routes = have->advertise_routes,
                                    .n_advertise_routes = 1, .advertise_tags = tags, .n_advertise_tags = 1};
        json_t *patch = json_object();
        char *text;

        assert_ok(c, prefs_difference(c, have, &want, patch, changes));
        text = json_dumps(patch, JSON_COMPACT);
        assert_string_equal(text, "{\"RouteAll\":true,\"RouteAllSet\":true,\"AdvertiseRoutes\":[\"192.168.8.0/24\"],\"AdvertiseRoutesSet\":true,"
                                  "\"AdvertiseTags\":[\"tag:router\"],\"AdvertiseTagsSet\":true,\"NoSNAT\":true,\"NoSNATSet\":true}");
        free(text);
        assert_int_equal(fbn_changes_count(changes), 4);
        assert_string_equal(fbn_changes_at(changes, 1)->field, "advertised routes");
        assert_string_equal(fbn_changes_at(changes, 1)->before, "192.168.8.0/24, 192.168.20.0/24");
        assert_string_equal(fbn_changes_at(changes, 1)->after, "192.168.8.0/24");
        assert_string_equal(fbn_changes_at(changes, 3)->before, "yes");
        json_decref(patch);
}

static void what_the_daemon_would_refuse_is_refused_before(void **state)
{
        fbn_context *c = *state;
        const char *const tags[] = {"router"};
        fbn_prefix route;

        fbn_prefix_parse("192.168.8.1/24", &route);
        assert_failed(c, fbn_tailscale_apply(c, NULL, FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_ADVERTISE_ROUTES, .advertise_routes = &route, .n_advertise_routes = 1), NULL),
                      FBN_EINVAL, "192.168.8.1/24 has host bits; write 192.168.8.0/24");
        assert_failed(c, fbn_tailscale_apply(c, NULL, FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_ADVERTISE_TAGS, .advertise_tags = tags, .n_advertise_tags = 1), NULL),
                      FBN_EINVAL, "'tag:'");
        assert_failed(c, fbn_tailscale_enrol(c, NULL, FBN_OPTIONS(fbn_tailscale_prefs, .set = 0), NULL, NULL), FBN_EINVAL, "login server");
}

static void apply_reads_and_then_patches_once(void **state)
{
        fbn_context *c = *state;
        char *prefs = recorded_text(c, "prefs-1.98.10.json");
        struct server *server = server_new_unix(ANSWERS({200, "application/json", prefs, SERVER_CLOSE}, {200, "application/json", "{}", SERVER_CLOSE},
                                                        {200, "application/json", prefs, SERVER_CLOSE}, {200, "application/json", prefs, SERVER_CLOSE},
                                                        {200, "application/json", prefs, SERVER_CLOSE}, {403, "text/plain", "prefs write access denied\n"}));
        const fbn_tailscale_options *options = FBN_OPTIONS(fbn_tailscale_options, .socket = server->socket, .timeout_ms = 60000);
        const fbn_tailscale_prefs *want = FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_ACCEPT_ROUTES, .accept_routes = true);

        assert_int_equal(fbn_tailscale_apply(c, options, want, NULL), 1);
        assert_non_null(strstr(server->requests[0], "GET /localapi/v0/prefs HTTP/1.1"));
        assert_non_null(strstr(server->requests[1], "PATCH /localapi/v0/prefs HTTP/1.1"));
        assert_non_null(strstr(server->requests[1], "{\"RouteAll\":true,\"RouteAllSet\":true}"));
        assert_int_equal(fbn_tailscale_apply(c, options, FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_ACCEPT_ROUTES), NULL), 0);
        assert_int_equal(server->asked, 3); /* the same: only read */
        assert_int_equal(fbn_tailscale_apply(c, FBN_OPTIONS(fbn_tailscale_options, .socket = server->socket, .dry_run = true), want, NULL), 1);
        assert_int_equal(server->asked, 4);
        assert_failed(c, fbn_tailscale_apply(c, options, want, NULL), FBN_EPERM, "HTTP 403: prefs write access denied");
        server_free(server);
        memory_free(prefs);
}

static void another_login_server_needs_enrolment(void **state)
{
        fbn_context *c = *state;
        char *status = recorded_text(c, "status-1.98.10.json"), *prefs = recorded_text(c, "prefs-1.98.10.json");
        struct server *server = server_new_unix(ANSWERS({200, "application/json", prefs, SERVER_CLOSE}, {200, "application/json", status, SERVER_CLOSE},
                                                        {200, "application/json", prefs, SERVER_CLOSE},
                                                        {200, "application/json", "{\"BackendState\":\"NeedsLogin\",\"HaveNodeKey\":false}", SERVER_CLOSE},
                                                        {200, "application/json", "{}", SERVER_CLOSE}));
        const fbn_tailscale_options *options = FBN_OPTIONS(fbn_tailscale_options, .socket = server->socket, .timeout_ms = 60000);
        const fbn_tailscale_prefs *want = FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_LOGIN_SERVER, .login_server = "https://other");

        assert_failed(c, fbn_tailscale_apply(c, options, want, NULL), FBN_EINVAL, "only by enrolment");
        assert_int_equal(server->asked, 2);
        assert_int_equal(fbn_tailscale_apply(c, options, want, NULL), 1); /* enrolled nowhere */
        assert_non_null(strstr(server->requests[4], "{\"ControlURL\":\"https://other\",\"ControlURLSet\":true}"));
        server_free(server);
        memory_free(status);
        memory_free(prefs);
}

static void a_device_that_runs_there_is_only_read(void **state)
{
        fbn_context *c = *state;
        char *status = recorded_text(c, "status-1.98.10.json"), *prefs = recorded_text(c, "prefs-1.98.10.json");
        struct server *server = server_new_unix(ANSWERS({200, "application/json", status}, {200, "application/json", prefs, SERVER_CLOSE}));
        const fbn_tailscale_prefs *want = FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_LOGIN_SERVER | FBN_TAILSCALE_SET_HOST_NAME,
                                                      .login_server = "https://198.51.100.1:8443", .host_name = "n1");

        assert_int_equal(fbn_tailscale_enrol(c, FBN_OPTIONS(fbn_tailscale_options, .socket = server->socket, .timeout_ms = 3000), want, NULL, NULL), 0);
        assert_int_equal(server->asked, 2);
        assert_non_null(strstr(server->requests[0], "GET /localapi/v0/status?peers=false HTTP/1.1"));
        assert_non_null(strstr(server->requests[1], "GET /localapi/v0/prefs HTTP/1.1"));
        server_free(server);
        memory_free(status);
        memory_free(prefs);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(status_has_state_self_and_peers),
                cmocka_unit_test(a_daemon_without_self_and_peers_is_read),
                cmocka_unit_test(a_wrong_type_in_a_peer_is_named),
                cmocka_unit_test(preferences_are_read),
                cmocka_unit_test(the_same_preferences_are_no_difference),
                cmocka_unit_test(only_what_is_meant_and_differs_is_patched),
                cmocka_unit_test(what_the_daemon_would_refuse_is_refused_before),
                cmocka_unit_test(apply_reads_and_then_patches_once),
                cmocka_unit_test(another_login_server_needs_enrolment),
                cmocka_unit_test(a_device_that_runs_there_is_only_read),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
