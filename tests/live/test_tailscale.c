/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real tailscaleds enrolled at a real headscale: nas carries the LAN behind it, laptop uses it, phone comes without a key. */
#include "unit/test.h"

#include "live/mesh.h"

struct fixture {
        fbn_context *control; /* in the server's namespace */
        fbn_headscale *api;
        fbn_context *c;
        fbn_prefix lan;
};

#define HOST(name, ...) FBN_OPTIONS(fbn_tailscale_options, .socket = MESH "/" name "/sock", .timeout_ms = 20000, __VA_ARGS__)

static int setup(void **state)
{
        static struct fixture f;

        mesh_start();
        mesh_host("nas", 11);
        mesh_host("laptop", 12);
        mesh_host("phone", 13);
        namespace_new("lan");
        namespace_join("nas", "lan0", "192.168.8.2/24", "lan", "eth0", "192.168.8.10/24");
        command("ip netns exec nas sysctl -qw net.ipv4.ip_forward=1");
        f.control = namespace_context("control");
        f.api = mesh_api(f.control, MESH_URL, MESH "/server.pem", MESH "/api.key");
        assert_int_equal(fbn_context_new(NULL, &f.c), 0);
        fbn_prefix_parse("192.168.8.0/24", &f.lan);
        *state = &f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        fbn_headscale_unref(f->api);
        fbn_context_unref(f->control);
        fbn_context_unref(f->c);
        return 0;
}

static fbn_tailscale_prefs wanted(const struct fixture *f, const char *name)
{
        fbn_tailscale_prefs want = {.size = sizeof(want), .set = FBN_TAILSCALE_SET_LOGIN_SERVER | FBN_TAILSCALE_SET_HOST_NAME,
                                    .login_server = MESH_URL, .host_name = name};

        if (streq(name, "nas")) {
                want.set |= FBN_TAILSCALE_SET_ADVERTISE_ROUTES;
                want.advertise_routes = &f->lan;
                want.n_advertise_routes = 1;
        }
        if (streq(name, "laptop")) {
                want.set |= FBN_TAILSCALE_SET_ACCEPT_ROUTES;
                want.accept_routes = true;
        }
        return want;
}

/* What the daemon says of itself. */
static void assert_state(struct fixture *f, const fbn_tailscale_options *options, const char *state)
{
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;

        assert_ok(f->c, fbn_tailscale_status_get(f->c, options, &status));
        assert_string_equal(fbn_tailscale_status_state(status)->state, state);
}

static void a_wrong_key_is_denied_and_the_daemon_left_at_rest(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_tailscale_settings) settings = NULL;
        fbn_tailscale_prefs want = wanted(f, "nas");
        static const char text[] = "hskey-auth-abcdefghijkl-0123456789012345678901234567890123456789012345678901234567890123";

        assert_ok(f->c, fbn_secret_new(f->c, text, strlen(text), &key));
        assert_failed(f->c, fbn_tailscale_enrol(f->c, HOST("nas"), &want, key, NULL), FBN_EDENIED, mesh_minor() >= 29 ? "invalid pre auth key" : "not found");
        assert_null(strstr(fbn_context_error(f->c), "abcdefghijkl"));
        assert_ok(f->c, fbn_tailscale_settings_get(f->c, HOST("nas"), &settings));
        assert_false(fbn_tailscale_settings_prefs(settings)->want_running);
}

static void a_dry_run_changes_nothing(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_tailscale_prefs want = wanted(f, "laptop");

        assert_true(fbn_tailscale_enrol(f->c, HOST("laptop", .dry_run = true), &want, NULL, &changes) >= 3);
        assert_state(f, HOST("laptop"), "NeedsLogin");
        command("'%s' --socket=" MESH "/laptop/sock debug prefs | grep -q '\"Hostname\": \"\"'", mesh_program("tailscale"));
}

static void a_login_that_keeps_failing_does_not_spoil_the_next(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_secret) key = mesh_key(f->control, f->api);
        fbn_tailscale_prefs want = wanted(f, "laptop");

        /* Somebody else's attempt: the daemon goes on trying, and telling of it on the bus. */
        command_try("'%s' --socket=" MESH "/laptop/sock up --login-server=" MESH_URL " --auth-key=hskey-auth-abcdefghijkl-wrong --timeout=1s 2>/dev/null",
                    mesh_program("tailscale"));
        assert_ok(f->c, fbn_tailscale_enrol(f->c, HOST("laptop"), &want, key, NULL));
        assert_state(f, HOST("laptop"), "Running");
}

static void with_a_key_a_device_comes_to_running(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        FBN_CLEANUP(fbn_secret) nas = mesh_key(f->control, f->api);
        fbn_tailscale_prefs want = wanted(f, "nas");
        const fbn_headscale_node *node;

        assert_ok(f->c, fbn_tailscale_enrol(f->c, HOST("nas"), &want, nas, &changes));
        assert_string_equal(fbn_changes_at(changes, fbn_changes_count(changes) - 1)->object, "tailscale: enrolment");
        assert_state(f, HOST("nas"), "Running");
        node = mesh_node(f->control, f->api, "nas", &nodes);
        assert_non_null(node);
        assert_string_equal(node->user, "home");
        assert_int_equal(node->n_available_routes, 1);
        assert_true(node->online);
        command("'%s' --socket=" MESH "/nas/sock status --json | grep -q '\"BackendState\": \"Running\"'", mesh_program("tailscale"));
        command("'%s' -c " MESH "/config.yaml nodes list -o json | grep -q '\"given_name\": *\"laptop\"'", mesh_program("headscale"));
}

/* The daemon's log counts what changed its preferences or started it, whoever asked. */
static int writes_logged(const char *name)
{
        char *output = command_output("grep -cE 'EditPrefs:| Start$|StartLoginInteractive|localapi: \\[P' " MESH "/%s.log || true", name);
        int count = atoi(output);

        free(output);
        return count;
}

static void a_second_enrolment_changes_nothing(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_secret) key = mesh_key(f->control, f->api);
        fbn_tailscale_prefs want = wanted(f, "nas");
        int before = writes_logged("nas");

        assert_true(before > 0);
        assert_int_equal(fbn_tailscale_enrol(f->c, HOST("nas"), &want, key, NULL), 0);
        assert_int_equal(fbn_tailscale_enrol(f->c, HOST("nas"), &want, NULL, NULL), 0);
        assert_int_equal(writes_logged("nas"), before);
}

static void another_login_server_is_a_conflict(void **state)
{
        struct fixture *f = *state;
        fbn_tailscale_prefs want = wanted(f, "nas");

        want.login_server = "https://198.51.100.1:9443";
        assert_failed(f->c, fbn_tailscale_enrol(f->c, HOST("nas"), &want, NULL, NULL), FBN_ECONFLICT, "enrolled at " MESH_URL);
        assert_state(f, HOST("nas"), "Running");
}

static bool serves(struct fixture *f, const char *name)
{
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        const fbn_headscale_node *node = mesh_node(f->control, f->api, name, &nodes);

        return node && node->n_serving_routes == 1;
}

static void an_approved_route_is_served_and_used(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        const fbn_headscale_node *nas = mesh_node(f->control, f->api, "nas", &nodes);

        assert_false(serves(f, "nas"));
        assert_int_not_equal(command_try("ip netns exec laptop ping -c 1 -W 1 192.168.8.10 >/dev/null"), 0);
        assert_ok(f->control, fbn_headscale_node_approve(f->control, f->api, nas->id, &f->lan, 1));
        assert_true(serves(f, "nas"));
        command_until("ip netns exec laptop ping -c 1 -W 2 192.168.8.10 >/dev/null");
        assert_ok(f->c, fbn_tailscale_status_get(f->c, HOST("laptop"), &status));
        assert_int_equal(fbn_tailscale_status_count(status), 1);
        assert_string_equal(fbn_tailscale_status_at(status, 0)->host_name, "nas");
        assert_int_equal(fbn_tailscale_status_at(status, 0)->n_primary_routes, 1);
        assert_true(fbn_tailscale_status_at(status, 0)->last_handshake > 0);
        assert_ok(f->control, fbn_headscale_node_approve(f->control, f->api, nas->id, NULL, 0));
        assert_false(serves(f, "nas"));
        assert_ok(f->control, fbn_headscale_node_approve(f->control, f->api, nas->id, &f->lan, 1));
}

static void preferences_are_applied_where_they_differ(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_tailscale_settings) settings = NULL;
        const fbn_tailscale_prefs *want = FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_ACCEPT_DNS | FBN_TAILSCALE_SET_SNAT);

        assert_int_equal(fbn_tailscale_apply(f->c, HOST("nas"), want, NULL), 2);
        assert_int_equal(fbn_tailscale_apply(f->c, HOST("nas"), want, NULL), 0);
        assert_ok(f->c, fbn_tailscale_settings_get(f->c, HOST("nas"), &settings));
        assert_false(fbn_tailscale_settings_prefs(settings)->snat);
        assert_int_equal(fbn_tailscale_settings_prefs(settings)->n_advertise_routes, 1); /* not meant, not touched */
        command("'%s' --socket=" MESH "/nas/sock debug prefs | grep -q '\"NoSNAT\": true'", mesh_program("tailscale"));
        assert_int_equal(fbn_tailscale_apply(f->c, HOST("nas"), FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_SNAT, .snat = true), NULL), 1);
}

static void without_a_key_it_waits_to_be_let_in(void **state)
{
        struct fixture *f = *state;
        fbn_tailscale_prefs want = wanted(f, "phone");
        char id[128] = "", *place;

        assert_failed(f->c, fbn_tailscale_enrol(f->c, HOST("phone"), &want, NULL, NULL), FBN_EDENIED, MESH_URL "/register/");
        place = strstr(fbn_context_error(f->c), "registration id ");
        assert_non_null(place);
        snprintf(id, sizeof(id), "%s", place + strlen("registration id "));
        assert_failed(f->c, fbn_tailscale_enrol(f->c, HOST("phone"), &want, NULL, NULL), FBN_EDENIED, id); /* still the same */
        assert_ok(f->control, fbn_headscale_node_register(f->control, f->api, "home", id));
        command_until("'%s' --socket=" MESH "/phone/sock status --json | grep -q '\"BackendState\": \"Running\"'", mesh_program("tailscale"));
        assert_int_equal(fbn_tailscale_enrol(f->c, HOST("phone"), &want, NULL, NULL), 0);
}

static void nodes_are_renamed_and_deleted(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        uint64_t id = mesh_node(f->control, f->api, "phone", &nodes)->id;

        assert_int_equal(fbn_headscale_node_rename(f->control, f->api, id, "Not A Name"), -FBN_EINVAL);
        assert_int_equal(fbn_headscale_node_rename(f->control, f->api, id, "nas"), -FBN_EEXIST);
        assert_ok(f->control, fbn_headscale_node_rename(f->control, f->api, id, "handset"));
        assert_non_null(mesh_node(f->control, f->api, "handset", &nodes));
        assert_int_equal(fbn_headscale_user_delete(f->control, f->api, mesh_user(f->control, f->api, "home")), -FBN_ECONFLICT);
        assert_ok(f->control, fbn_headscale_node_delete(f->control, f->api, id));
        assert_null(mesh_node(f->control, f->api, "handset", &nodes));
}

static void after_a_logout_it_can_be_enrolled_again(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_secret) key = mesh_key(f->control, f->api);
        fbn_tailscale_prefs want = wanted(f, "laptop");

        assert_ok(f->c, fbn_tailscale_logout(f->c, HOST("laptop")));
        assert_state(f, HOST("laptop"), "NeedsLogin");
        assert_ok(f->c, fbn_tailscale_enrol(f->c, HOST("laptop"), &want, key, NULL));
        assert_state(f, HOST("laptop"), "Running");
}

static void a_server_that_is_not_there_times_out_with_the_state(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_secret) key = mesh_key(f->control, f->api);
        fbn_tailscale_prefs want = wanted(f, "laptop");

        assert_ok(f->c, fbn_tailscale_logout(f->c, HOST("laptop")));
        want.login_server = "https://198.51.100.1:9443";
        assert_failed(f->c, fbn_tailscale_enrol(f->c, FBN_OPTIONS(fbn_tailscale_options, .socket = MESH "/laptop/sock", .timeout_ms = 3000), &want, key, NULL),
                      FBN_ETIMEOUT, "it stays in NeedsLogin");
        assert_failed(f->c, fbn_tailscale_status_get(f->c, FBN_OPTIONS(fbn_tailscale_options, .socket = MESH "/none"), &(fbn_tailscale_status *){NULL}),
                      FBN_EUNAVAILABLE, MESH "/none: no daemon");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_wrong_key_is_denied_and_the_daemon_left_at_rest),
                cmocka_unit_test(a_dry_run_changes_nothing),
                cmocka_unit_test(a_login_that_keeps_failing_does_not_spoil_the_next),
                cmocka_unit_test(with_a_key_a_device_comes_to_running),
                cmocka_unit_test(a_second_enrolment_changes_nothing),
                cmocka_unit_test(another_login_server_is_a_conflict),
                cmocka_unit_test(an_approved_route_is_served_and_used),
                cmocka_unit_test(preferences_are_applied_where_they_differ),
                cmocka_unit_test(without_a_key_it_waits_to_be_let_in),
                cmocka_unit_test(nodes_are_renamed_and_deleted),
                cmocka_unit_test(after_a_logout_it_can_be_enrolled_again),
                cmocka_unit_test(a_server_that_is_not_there_times_out_with_the_state),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, setup, teardown);
}
