/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a mesh at work tells: two routers of one LAN, and a laptop that uses it. */
#include "unit/test.h"

#include "live/mesh.h"

struct fixture {
        fbn_context *control, *laptop, *nas; /* in their namespaces */
        fbn_headscale *api;
        fbn_prefix lan;
        fbn_headscale_nodes *nodes;
        char seen[512]; /* by progress */
};

#define HOST(name, ...) FBN_OPTIONS(fbn_tailscale_options, .socket = MESH "/" name "/sock", .timeout_ms = 30000, __VA_ARGS__)

static int setup(void **state)
{
        static struct fixture f;

        mesh_start();
        mesh_host("nas", 11);
        mesh_host("spare", 12);
        mesh_host("laptop", 13);
        command("ip netns exec nas sysctl -qw net.ipv4.ip_forward=1; ip netns exec spare sysctl -qw net.ipv4.ip_forward=1");
        f.control = namespace_context("control");
        f.laptop = namespace_context("laptop");
        f.nas = namespace_context("nas");
        f.api = mesh_api(f.control, MESH_URL, MESH "/server.pem", MESH "/api.key");
        fbn_prefix_parse("192.168.8.0/24", &f.lan);
        *state = &f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        fbn_headscale_nodes_unref(f->nodes);
        fbn_headscale_unref(f->api);
        fbn_context_unref(f->control);
        fbn_context_unref(f->laptop);
        fbn_context_unref(f->nas);
        return 0;
}

static void note_progress(void *data, const char *what)
{
        struct fixture *f = data;

        strncat(f->seen, what, sizeof(f->seen) - strlen(f->seen) - 2);
        strcat(f->seen, " ");
}

static void enrol(struct fixture *f, fbn_context *c, const fbn_tailscale_options *options, const char *name, bool router)
{
        FBN_CLEANUP(fbn_secret) key = mesh_key(f->control, f->api);
        fbn_tailscale_prefs want = {.size = sizeof(want), .set = FBN_TAILSCALE_SET_LOGIN_SERVER | FBN_TAILSCALE_SET_HOST_NAME | FBN_TAILSCALE_SET_ACCEPT_ROUTES,
                                    .login_server = MESH_URL, .host_name = name, .accept_routes = !router};

        if (router) {
                want.set |= FBN_TAILSCALE_SET_ADVERTISE_ROUTES;
                want.advertise_routes = &f->lan;
                want.n_advertise_routes = 1;
        }
        assert_ok(c, fbn_tailscale_enrol(c, options, &want, key, NULL));
}

/* Until an event has these words; the test fails if none comes. */
static void await_event(fbn_context *c, fbn_monitor *monitor, const char *type, const char *field, const char *after)
{
        const fbn_event *event;

        for (time_t end = time(NULL) + 120; time(NULL) < end;) { /* a wait may be over early, without an event */
                assert_ok(c, fbn_monitor_wait(c, monitor, 500));
                while ((event = fbn_monitor_next(monitor)))
                        if (streq(event->type, type) && (!field || (event->field && streq(event->field, field))) && (!after || (event->after && strstr(event->after, after))))
                                return;
        }
        fail_msg("no event %s %s %s", type, field ? field : "", after ? after : "");
}

static void enrolment_tells_how_it_goes_and_a_monitor_sees_it(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_monitor) monitor = NULL;

        assert_ok(f->laptop, fbn_tailscale_monitor_new(f->laptop, HOST("laptop"), &monitor));
        await_event(f->laptop, monitor, "state", "state", "NeedsLogin");
        enrol(f, f->laptop, HOST("laptop", .progress = note_progress, .progress_data = f), "laptop", false);
        assert_non_null(strstr(f->seen, "Running"));
        await_event(f->laptop, monitor, "preference", "host name", "laptop");
        await_event(f->laptop, monitor, "state", "state", "Running");
        enrol(f, f->nas, HOST("nas"), "nas", true);
        enrol(f, f->control, HOST("spare"), "spare", true);
}

static void an_approval_waits_until_the_route_is_served(void **state)
{
        struct fixture *f = *state;
        const fbn_headscale_node *node = mesh_node(f->control, f->api, "nas", &f->nodes);

        assert_int_equal(fbn_headscale_node_change(f->control, f->api,
                                                   FBN_OPTIONS(fbn_headscale_node, .id = node->id, .set = FBN_HEADSCALE_SET_APPROVED_ROUTES,
                                                               .approved_routes = &f->lan, .n_approved_routes = 1),
                                                   FBN_OPTIONS(fbn_headscale_change_options, .wait_ms = 30000), NULL),
                         1);
        assert_int_equal(mesh_node(f->control, f->api, "nas", &f->nodes)->n_serving_routes, 1);
        node = mesh_node(f->control, f->api, "spare", &f->nodes);
        assert_ok(f->control, fbn_headscale_node_approve(f->control, f->api, node->id, &f->lan, 1));
        assert_int_equal(mesh_node(f->control, f->api, "spare", &f->nodes)->n_serving_routes, 0); /* stands by */
        mesh_feature("approve, and wait until it serves", "yes");
}

static char *address_of(struct fixture *f, const char *name)
{
        static char text[FBN_ADDRESS_TEXT];

        fbn_address_format(&mesh_node(f->control, f->api, name, &f->nodes)->addresses[0], text, sizeof(text));
        return text;
}

static void a_mesh_address_has_an_owner(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_tailscale_status) found = NULL;
        fbn_tailscale_status *none = NULL;
        const fbn_tailscale_node *node;
        char text[FBN_ADDRESS_TEXT];

        assert_ok(f->laptop, fbn_tailscale_whois(f->laptop, HOST("laptop"), address_of(f, "nas"), &found));
        node = fbn_tailscale_status_at(found, 0);
        assert_string_equal(node->host_name, "nas");
        assert_non_null(strstr(node->user, "home"));
        assert_string_equal(fbn_address_format(&node->addresses[0], text, sizeof(text)), address_of(f, "nas"));
        assert_int_equal(fbn_tailscale_whois(f->laptop, HOST("laptop"), "100.64.99.99", &none), -FBN_ENOENT);
        assert_int_equal(fbn_tailscale_whois(f->laptop, HOST("laptop"), "nas", &none), -FBN_EINVAL);
}

static void a_ping_says_which_way_it_went(void **state)
{
        struct fixture *f = *state;
        fbn_tailscale_pong pong;

        assert_ok(f->laptop, fbn_tailscale_ping(f->laptop, HOST("laptop"), address_of(f, "nas"), 0, &pong));
        assert_true(pong.latency > 0 && pong.latency < INT64_C(30000000000));
        assert_true(*pong.endpoint || *pong.relay);
        assert_true(fbn_tailscale_ping(f->laptop, (&(fbn_tailscale_options){.size = sizeof(fbn_tailscale_options), .socket = MESH "/laptop/sock", .timeout_ms = 3000}), "100.64.99.99", 0, &pong) < 0);
}

static void names_of_the_mesh_resolve(void **state)
{
        struct fixture *f = *state;
        char *answer = NULL, wanted[128];

        snprintf(wanted, sizeof(wanted), "nas.mesh.example A %s\n", address_of(f, "nas"));
        assert_ok(f->laptop, fbn_tailscale_resolve(f->laptop, HOST("laptop"), "nas.mesh.example", "A", &answer));
        assert_string_equal(answer, wanted);
        fbn_free(answer);
        assert_int_equal(fbn_tailscale_resolve(f->laptop, HOST("laptop"), "nobody.mesh.example", "A", &answer), -FBN_ENOENT);
        assert_int_equal(fbn_tailscale_resolve(f->laptop, HOST("laptop"), "nas.mesh.example", "NONSENSE", &answer), -FBN_EINVAL);
}

/* The server sees that its file is another one, and tells the nodes; it is neither restarted nor asked. */
static void extra_records_come_and_go_at_once(void **state)
{
        struct fixture *f = *state;
        fbn_headscale_record record = {.size = sizeof(record), .name = "tv.home.example"};
        fbn_headscale_config config = {.size = sizeof(config), .records = &record, .n_records = 1, .records_path = MESH "/records.json"};
        const fbn_headscale_wanted want = {.size = sizeof(want), .config = &config};

        fbn_address_parse("192.168.8.55", &record.address);
        for (int round = 0; round < 2; round++) { /* the second time it has to watch a file that it did not begin with */
                config.n_records = 1;
                assert_int_equal(fbn_headscale_apply(f->control, f->api, &want, NULL, NULL), 1);
                assert_int_equal(fbn_headscale_apply(f->control, f->api, &want, NULL, NULL), 0);
                command_until("'%s' --socket=" MESH "/laptop/sock dns query tv.home.example 2>&1 | grep -q 192.168.8.55", mesh_program("tailscale"));
                config.n_records = 0;
                assert_int_equal(fbn_headscale_apply(f->control, f->api, &want, NULL, NULL), 1);
                command_until("! '%s' --socket=" MESH "/laptop/sock dns query tv.home.example 2>&1 | grep -q 192.168.8.55", mesh_program("tailscale"));
        }
        mesh_feature("extra records in a file, taken at once", "yes");
}

static void the_daemon_has_counters(void **state)
{
        struct fixture *f = *state;
        char *text = NULL;

        assert_ok(f->laptop, fbn_tailscale_metrics(f->laptop, HOST("laptop"), &text));
        assert_non_null(strstr(text, "tailscaled_"));
        fbn_free(text);
}

static bool advises(fbn_context *c, const fbn_tailscale_options *options, const char *words)
{
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        const fbn_tailscale_state *told;
        bool found = false;

        assert_ok(c, fbn_tailscale_status_get(c, options, &status));
        told = fbn_tailscale_status_state(status);
        for (size_t i = 0; i < told->n_advice; i++)
                found = found || strstr(told->advice[i], words);
        return found;
}

static void advice_is_given_while_its_cause_is_there(void **state)
{
        struct fixture *f = *state;
        bool told = false;

        assert_false(advises(f->laptop, HOST("laptop", .advice = true), "is on that network itself"));
        command("ip -n laptop link add lan0 type dummy 2>/dev/null || ip -n laptop link add lan0 type bridge; ip -n laptop address add 192.168.8.77/24 dev lan0");
        assert_true(advises(f->laptop, HOST("laptop", .advice = true), "it accepts 192.168.8.0/24 from nas, but is on that network itself (lan0)"));
        command("ip -n laptop link delete lan0");
        assert_false(advises(f->nas, HOST("nas", .advice = true), "ip_forward"));
        command("ip netns exec nas sysctl -qw net.ipv4.ip_forward=0");
        assert_true(advises(f->nas, HOST("nas", .advice = true), "net.ipv4.ip_forward is 0"));
        assert_false(advises(f->nas, HOST("nas"), "ip_forward")); /* only who asks */
        command("ip netns exec nas sysctl -qw net.ipv4.ip_forward=1");
        command("ip netns exec laptop sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.all.src_valid_mark=0 net.ipv4.conf.eth0.src_valid_mark=0");
        assert_true(advises(f->laptop, HOST("laptop", .advice = true), "rp_filter is strict on eth0"));
        command("ip netns exec laptop sysctl -qw net.ipv4.conf.eth0.rp_filter=2");
        assert_false(advises(f->laptop, HOST("laptop", .advice = true), "rp_filter"));
        command("ip -n laptop link set eth0 mtu 1300");
        command_until("'%s' --socket=" MESH "/laptop/sock ping -c 1 %s >/dev/null", mesh_program("tailscale"), address_of(f, "nas"));
        assert_true(advises(f->laptop, HOST("laptop", .advice = true), "has an MTU of 1300; the mesh needs 1340"));
        command("ip -n laptop link set eth0 mtu 1500");
        /* What the router of another network is to WireGuard's interface: the way to the peer leads into a device without a link layer. */
        command("ip -n laptop tuntap add other0 mode tun && ip -n laptop address add 172.26.5.20/24 dev other0 && ip -n laptop link set other0 up");
        command_until("'%s' --socket=" MESH "/laptop/sock ping -c 1 %s >/dev/null", mesh_program("tailscale"), address_of(f, "nas"));
        assert_false(advises(f->laptop, HOST("laptop", .advice = true), "a tunnel in a tunnel"));
        for (int tries = 0; tries < 20 && !told; tries++) { /* the daemon gives up a way on which no answer comes, soon on a busy machine */
                command_until("'%s' --socket=" MESH "/laptop/sock ping -c 1 %s >/dev/null", mesh_program("tailscale"), address_of(f, "nas"));
                command("ip -n laptop route add 198.51.100.11/32 dev other0 src 172.26.5.20");
                told = advises(f->laptop, HOST("laptop", .advice = true), "goes through the tunnel other0: a tunnel in a tunnel");
                command("ip -n laptop route delete 198.51.100.11/32 dev other0");
        }
        assert_true(told);
        command("ip -n laptop link delete other0");
        command_until("'%s' --socket=" MESH "/laptop/sock ping -c 1 %s >/dev/null", mesh_program("tailscale"), address_of(f, "nas"));
}

static void an_exit_node_is_wanted_by_its_address_and_set_once(void **state)
{
        struct fixture *f = *state;
        const fbn_tailscale_prefs none = {.size = sizeof(none), .set = FBN_TAILSCALE_SET_EXIT_NODE, .exit_node = ""};
        fbn_tailscale_prefs want = {.size = sizeof(want), .set = FBN_TAILSCALE_SET_EXIT_NODE, .exit_node = "nas"};

        assert_failed(f->laptop, fbn_tailscale_apply(f->laptop, HOST("laptop"), &want, NULL), FBN_EINVAL, "'nas' is no address");
        want.exit_node = address_of(f, "nas");
        assert_int_equal(fbn_tailscale_apply(f->laptop, HOST("laptop"), &want, NULL), 1);
        assert_int_equal(fbn_tailscale_apply(f->laptop, HOST("laptop"), &want, NULL), 0);
        assert_int_equal(fbn_tailscale_apply(f->laptop, HOST("laptop"), &none, NULL), 1);
        assert_int_equal(fbn_tailscale_apply(f->laptop, HOST("laptop"), &none, NULL), 0);
}

static void a_device_logs_in_anew_when_told(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_secret) key = NULL;
        fbn_tailscale_prefs want = {.size = sizeof(want), .set = FBN_TAILSCALE_SET_LOGIN_SERVER, .login_server = MESH_URL};
        char *before = command_output("'%s' --socket=" MESH "/laptop/sock status --json | jq -r .Self.PublicKey", mesh_program("tailscale")), *after;

        /* Reusable: the daemon registers twice for one login, with the old node key and with the new one, and 0.29 takes a key once. */
        assert_ok(f->control, fbn_headscale_key_mint(f->control, f->api,
                                                     FBN_OPTIONS(fbn_headscale_key_options, .user = mesh_user(f->control, f->api, "home"), .reusable = true), &key));
        assert_int_equal(fbn_tailscale_enrol(f->laptop, HOST("laptop"), &want, key, NULL), 0);
        assert_int_equal(fbn_tailscale_enrol(f->laptop, HOST("laptop", .reauthenticate = true), &want, key, NULL), 1);
        after = command_output("'%s' --socket=" MESH "/laptop/sock status --json | jq -r .Self.PublicKey", mesh_program("tailscale"));
        assert_string_not_equal(before, after);
        free(before);
        free(after);
}

static void the_other_router_takes_over(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct timespec start, end;
        char cell[32];

        assert_ok(f->control, fbn_headscale_monitor_new(f->control, f->api, 200, &monitor));
        while (fbn_monitor_next(monitor))
                ;
        clock_gettime(CLOCK_MONOTONIC, &start);
        command("kill -9 $(ip netns pids nas)");
        await_event(f->control, monitor, "node", "serving routes", "192.168.8.0/24");
        clock_gettime(CLOCK_MONOTONIC, &end);
        assert_int_equal(mesh_node(f->control, f->api, "spare", &f->nodes)->n_serving_routes, 1);
        snprintf(cell, sizeof(cell), "%lds", (long)(end.tv_sec - start.tv_sec));
        print_message("the other router serves after %s\n", cell);
        mesh_feature("the other router of a LAN takes over", "yes");
}

static void a_monitor_finds_a_daemon_again(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_monitor) monitor = NULL;

        assert_ok(f->laptop, fbn_tailscale_monitor_new(f->laptop, HOST("laptop"), &monitor));
        await_event(f->laptop, monitor, "state", "state", "Running");
        command("kill $(ip netns pids laptop)");
        await_event(f->laptop, monitor, "daemon", NULL, NULL);
        command("timeout 30 sh -c 'while ip netns pids laptop | grep -q .; do sleep 0.1; done'"); /* at its end it takes the socket and the device away */
        command("SSL_CERT_FILE=" MESH "/server.pem TS_NO_LOGS_NO_SUPPORT=true TS_DEBUG_FIREWALL_MODE=nftables ip netns exec laptop sh -c 'mount --bind " MESH
                "/laptop/etc /etc && exec \"%s\" --tun=tailscale0 --statedir=" MESH "/laptop --socket=" MESH "/laptop/sock --no-logs-no-support' >>" MESH "/laptop.log 2>&1 &",
                mesh_program("tailscaled"));
        await_event(f->laptop, monitor, "state", "state", "Running");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(enrolment_tells_how_it_goes_and_a_monitor_sees_it),
                cmocka_unit_test(an_approval_waits_until_the_route_is_served),
                cmocka_unit_test(a_mesh_address_has_an_owner),
                cmocka_unit_test(a_ping_says_which_way_it_went),
                cmocka_unit_test(names_of_the_mesh_resolve),
                cmocka_unit_test(extra_records_come_and_go_at_once),
                cmocka_unit_test(the_daemon_has_counters),
                cmocka_unit_test(advice_is_given_while_its_cause_is_there),
                cmocka_unit_test(an_exit_node_is_wanted_by_its_address_and_set_once),
                cmocka_unit_test(a_device_logs_in_anew_when_told),
                cmocka_unit_test(the_other_router_takes_over),
                cmocka_unit_test(a_monitor_finds_a_daemon_again),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, setup, teardown);
}
