/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A mesh brought up from one file: the server's users, policy and approvals, and nodes in their declared order. */
#include "unit/test.h"

#include "live/mesh.h"

#include <fabricnet/fabric.h>

static fbn_fabric *fabric_of(fbn_context *c, const char *nas, const char *laptop, const char *api_key)
{
        fbn_fabric *fabric = NULL;
        char text[2048];

        snprintf(text, sizeof(text),
                 "{ \"fabric\": 1, \"name\": \"t\", \"prefixes\": { \"lan\": \"192.168.8.0/24\", \"mesh\": \"100.64.0.0/10\" },\n"
                 "\"hosts\": { \"control\": {}, \"nas\": { \"interfaces\": { \"lan0\": { \"address\": \"192.168.8.2\" } }, \"forwarding\": "
                 "true }, \"laptop\": {} },\n"
                 "\"mesh\": { \"headscale\": { \"host\": \"control\", \"url\": \"" MESH_URL
                 "/\", \"api_key\": { \"file\": \"%s\" } }, \"prefix\": \"mesh\",\n"
                 "  \"users\": [\"home\"], \"policy\": { \"file\": \"policy.hujson\" },\n"
                 "  \"nodes\": { \"nas\": { \"address\": \"%s\", \"advertises\": [\"lan\"] },\n"
                 "             \"laptop\": { \"address\": \"%s\", \"accepts_routes\": true } } } }",
                 api_key, nas, laptop);
        assert_ok(c, fbn_fabric_load(c, MESH "/fabric.json", text, &fabric));
        return fabric;
}

static fbn_fabric *declared(fbn_context *c)
{
        return fabric_of(c, "100.64.0.1", "100.64.0.2", "api.key");
}

/* The options of a host; a node's tailscaled has its socket where mesh_host() put it. */
static const fbn_fabric_options *options_of(const char *host, const char *auth_key_file)
{
        static fbn_fabric_options options;
        static char socket[64];

        snprintf(socket, sizeof(socket), MESH "/%s/sock", host);
        options = (fbn_fabric_options){.size = sizeof(options), .host = host, .tailscale_socket = socket, .ca_file = MESH "/server.pem",
                                       .auth_key_file = auth_key_file};
        return &options;
}

static int apply(const char *host, const char *auth_key_file)
{
        FBN_CLEANUP(fbn_context) c = namespace_context(host);
        FBN_CLEANUP(fbn_fabric) fabric = declared(c);
        FBN_CLEANUP(fbn_plan) done = NULL;
        int r = fbn_fabric_apply(c, fabric, options_of(host, auth_key_file), &done);

        if (r < 0)
                fail_msg("%s: %s", host, fbn_context_error(c));
        assert_int_equal(r, fbn_plan_count(done));
        return r;
}

static int setup(void **state)
{
        FILE *policy;

        mesh_start();
        mesh_host("nas", 11);
        mesh_host("laptop", 12);
        mesh_host("guest", 13);
        namespace_new("lan");
        namespace_join("nas", "lan0", "192.168.8.2/24", "lan", "eth0", "192.168.8.10/24");
        policy = fopen(MESH "/policy.hujson", "w");
        assert_non_null(policy);
        fputs("// all of it\n{ \"acls\": [ { \"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:*\"] }, ] }\n", policy);
        fclose(policy);
        return 0;
}

static void mint_to(const char *path)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("control");
        FBN_CLEANUP(fbn_headscale) api = mesh_api(c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        FBN_CLEANUP(fbn_secret) key = mesh_key(c, api);

        command_try("rm -f %s", path);
        assert_ok(c, fbn_secret_write_file(c, key, path));
}

static void assert_policy(const char *word)
{
        command("'%s' -c " MESH "/config.yaml policy get | grep -q '%s'", mesh_program("headscale"), word);
}

static void assert_users(unsigned count)
{
        command("'%s' -c " MESH "/config.yaml users list -o json | jq -e '(. // []) | length == %u'", mesh_program("headscale"), count);
}

/* The server's user goes when its policy is refused. */
static void what_was_done_at_the_server_is_taken_back(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("control");
        FBN_CLEANUP(fbn_fabric) fabric = declared(c);

        command("cp " MESH "/policy.hujson " MESH "/good.hujson && echo '{ \"acls\": [ { \"action\": \"nonsense\" } ] }' > " MESH "/policy.hujson");
        assert_failed(c, fbn_fabric_apply(c, fabric, options_of("control", NULL), NULL), FBN_EUNDONE, "all is put back as it was before generation 1, in the mesh too");
        assert_users(0);
        command("test \"$(ip netns exec control sysctl -n net.ipv4.conf.all.rp_filter)\" != 2");
        command("mv " MESH "/good.hujson " MESH "/policy.hujson");
}

static int apply_on_probation(fbn_context *c, const char *host, const char *auth_key_file)
{
        FBN_CLEANUP(fbn_fabric) fabric = declared(c);
        fbn_fabric_options options = *options_of(host, auth_key_file);

        options.confirm_within = 600;
        return fbn_fabric_apply(c, fabric, &options, NULL);
}

/* A server that is away when it is to be undone: what stands there is named, and goes once it is back. */
static void what_stands_at_the_server_is_named_and_tried_again(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("control");

        assert_true(apply_on_probation(c, "control", NULL) > 0);
        assert_policy("all of it");
        command("kill -STOP $(pgrep -f 'config.yaml serve$')");
        assert_failed(c, fbn_fabric_rollback(c, 0, NULL, NULL), FBN_EPARTIAL, "this host is put back as it was before generation 2, in the mesh stands policy (headscale " MESH_URL);
        assert_non_null(strstr(fbn_context_error(c), "; user home (headscale " MESH_URL));
        assert_failed(c, fbn_fabric_confirm(c, NULL), FBN_EPARTIAL, "in the mesh stands policy; user home");
        assert_failed(c, fbn_fabric_recover(c, NULL, NULL), FBN_EPARTIAL, "of generation 2, which was undone, in the mesh stands policy");
        command("kill -CONT $(pgrep -f 'config.yaml serve$')");
        assert_int_equal(fbn_fabric_recover(c, NULL, NULL), 1);
        assert_int_equal(fbn_fabric_recover(c, NULL, NULL), 0);
        assert_users(0);
        command("! '%s' -c " MESH "/config.yaml policy get | grep -q 'all of it'", mesh_program("headscale"));
        assert_failed(c, fbn_fabric_confirm(c, NULL), FBN_EUNDONE, "too late");
        command("! grep -rqF -- \"$(cat " MESH "/api.key)\" /var/lib/fabricnet");
}

/* The journal's record before or behind which the process is killed; NULL: none. */
static struct {
        const char *word;
        bool behind, met;
} end;

static ssize_t ended_write(int fd, const void *buffer, size_t count)
{
        bool it = end.word && memmem(buffer, count, end.word, strlen(end.word));

        if (it && !end.behind)
                raise(SIGKILL);
        end.met |= it;
        return write(fd, buffer, count);
}

static int ended_fdatasync(int fd)
{
        int r = fdatasync(fd);

        if (end.met)
                raise(SIGKILL);
        return r;
}

static int apply_and_be_killed(const char *word, bool behind)
{
        pid_t child = fork();

        if (child == 0) {
                FBN_CLEANUP(fbn_context) c = namespace_context("control");
                FBN_CLEANUP(fbn_fabric) fabric = declared(c);

                end.word = word;
                end.behind = behind;
                _exit(fbn_fabric_apply(c, fabric, options_of("control", NULL), NULL) < 0);
        }
        return sandbox_wait(child);
}

/* Before a change at the server, between what announces it and it, and behind it. */
static void killed_around_a_change_of_the_server_it_is_taken_back(void **state)
{
        static const struct {
                const char *word;
                bool behind;
        } points[] = {{"\"kind\":\"user\"", true}, {"\"kind\":\"policy\"", false}, {"\"kind\":\"policy\"", true}, {"\"record\":\"applied\"", false}};
        FBN_CLEANUP(fbn_context) c = namespace_context("control");

        for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
                assert_int_equal(apply_and_be_killed(points[i].word, points[i].behind), 128 + SIGKILL);
                assert_int_equal(fbn_fabric_recover(c, NULL, NULL), 1);
                assert_users(0);
                command("! '%s' -c " MESH "/config.yaml policy get | grep -q 'all of it'", mesh_program("headscale"));
        }
}

static void the_server_gets_its_users_and_policy(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("control");
        FBN_CLEANUP(fbn_fabric) fabric = declared(c);
        FBN_CLEANUP(fbn_plan) plan = NULL;
        int planned = fbn_fabric_plan(c, fabric, options_of("control", NULL), &plan);

        assert_ok(c, planned);
        assert_string_equal(fbn_plan_at(plan, fbn_plan_count(plan) - 2)->object, "user home");
        assert_string_equal(fbn_plan_at(plan, fbn_plan_count(plan) - 1)->object, "policy");
        command("'%s' -c " MESH "/config.yaml users list -o json | jq -e 'length == 0'", mesh_program("headscale"));
        assert_int_equal(apply("control", NULL), planned);
        command("'%s' -c " MESH "/config.yaml users list -o json | jq -e '.[].name == \"home\"'", mesh_program("headscale"));
        command("'%s' -c " MESH "/config.yaml policy get | grep -q 'all of it'", mesh_program("headscale"));
        assert_int_equal(apply("control", NULL), 0);
}

static void a_missing_api_key_is_named(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("control");
        FBN_CLEANUP(fbn_fabric) fabric = fabric_of(c, "100.64.0.1", "100.64.0.2", "nothing.key");

        assert_failed(c, fbn_fabric_plan(c, fabric, options_of("control", NULL), NULL), FBN_ENOENT,
                      "/mesh/headscale/api_key: " MESH "/nothing.key: no such");
}

static void all_is_undone_when_the_server_does_not_answer(void **state)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_fabric) fabric = NULL;

        namespace_new("alone");
        c = namespace_context("alone");
        fabric = declared(c);
        command("ip netns exec alone sysctl -n net.ipv4.conf.all.rp_filter > " MESH "/before");
        assert_failed(c, fbn_fabric_apply(c, fabric, options_of("control", NULL), NULL), FBN_EUNDONE, "headscale " MESH_URL);
        assert_failed(c, fbn_fabric_apply(c, fabric, options_of("control", NULL), NULL), FBN_EUNDONE, "all is put back as it was before");
        command("ip netns exec alone sysctl -n net.ipv4.conf.all.rp_filter | cmp - " MESH "/before");
        namespace_delete("alone");
}

static void nodes_enrol_in_their_order(void **state)
{
        mint_to(MESH "/laptop.auth");
        assert_true(apply("laptop", MESH "/laptop.auth") > 0);
        assert_int_equal(apply("laptop", NULL), 0);
        command("ip -n nas -j address show tailscale0 | jq -e 'any(.[].addr_info[]; .local == \"100.64.0.1\")'");
        command("ip -n laptop -j address show tailscale0 | jq -e 'any(.[].addr_info[]; .local == \"100.64.0.2\")'");
}

static void an_enrolment_that_nobody_confirms_is_taken_back(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("laptop");
        const fbn_tailscale_options daemon = {.size = sizeof(daemon), .socket = MESH "/laptop/sock"};
        FBN_CLEANUP(fbn_tailscale_settings) before = NULL;
        FBN_CLEANUP(fbn_tailscale_settings) after = NULL;
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;

        mint_to(MESH "/nas.auth");
        assert_true(apply("nas", MESH "/nas.auth") > 0);
        assert_int_equal(apply("nas", NULL), 0);
        mint_to(MESH "/laptop.auth");
        assert_ok(c, fbn_tailscale_settings_get(c, &daemon, &before));
        assert_true(apply_on_probation(c, "laptop", MESH "/laptop.auth") > 0);
        assert_ok(c, fbn_fabric_rollback(c, 0, NULL, NULL));
        assert_ok(c, fbn_tailscale_status_get(c, &daemon, &status));
        assert_int_equal(fbn_tailscale_status_state(status)->have_node_key, false);
        assert_ok(c, fbn_tailscale_settings_get(c, &daemon, &after));
        assert_string_equal(fbn_tailscale_settings_prefs(after)->login_server, fbn_tailscale_settings_prefs(before)->login_server);
        assert_string_equal(fbn_tailscale_settings_prefs(after)->host_name, fbn_tailscale_settings_prefs(before)->host_name);
        assert_int_equal(fbn_tailscale_settings_prefs(after)->accept_routes, fbn_tailscale_settings_prefs(before)->accept_routes);
        assert_int_equal(fbn_tailscale_settings_prefs(after)->want_running, fbn_tailscale_settings_prefs(before)->want_running);
}

static bool accepts_routes(fbn_context *c)
{
        FBN_CLEANUP(fbn_tailscale_settings) settings = NULL;

        assert_ok(c, fbn_tailscale_settings_get(c, FBN_OPTIONS(fbn_tailscale_options, .socket = MESH "/laptop/sock"), &settings));
        return fbn_tailscale_settings_prefs(settings)->accept_routes;
}

/* Preferences that somebody set by hand are his again; one that he changed since is left to him, and said. */
static void preferences_are_taken_back(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("laptop");
        const fbn_tailscale_options daemon = {.size = sizeof(daemon), .socket = MESH "/laptop/sock"};
        const fbn_tailscale_prefs by_hand = {.size = sizeof(by_hand), .set = FBN_TAILSCALE_SET_ACCEPT_ROUTES | FBN_TAILSCALE_SET_HOST_NAME, .host_name = "handy"};
        const fbn_tailscale_prefs since = {.size = sizeof(since), .set = FBN_TAILSCALE_SET_HOST_NAME, .host_name = "since"};

        assert_int_equal(fbn_tailscale_apply(c, &daemon, &by_hand, NULL), 2);
        assert_int_equal(apply_on_probation(c, "laptop", NULL), 2);
        assert_true(accepts_routes(c));
        assert_ok(c, fbn_fabric_rollback(c, 0, NULL, NULL));
        assert_false(accepts_routes(c));
        assert_int_equal(apply_on_probation(c, "laptop", NULL), 2);
        assert_int_equal(fbn_tailscale_apply(c, &daemon, &since, NULL), 1);
        assert_failed(c, fbn_fabric_rollback(c, 0, NULL, NULL), FBN_EPARTIAL, "in the mesh stands tailscale preferences (tailscale: somebody else changed some of them since)");
        assert_false(accepts_routes(c));
        assert_int_equal(apply("laptop", NULL), 2);
}

/* What was confirmed can be gone back from too, and forth again. */
static void a_policy_and_approvals_are_rolled_back(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("control");
        FBN_CLEANUP(fbn_headscale) api = mesh_api(c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        FBN_CLEANUP(fbn_plan) done = NULL;
        uint64_t nas = mesh_node(c, api, "nas", &nodes)->id;

        command("cp " MESH "/policy.hujson " MESH "/good.hujson && echo '// another one' >> " MESH "/policy.hujson");
        assert_ok(c, fbn_headscale_node_approve(c, api, nas, NULL, 0));
        assert_int_equal(apply("control", NULL), 2);
        assert_policy("another one");
        assert_int_equal(fbn_fabric_rollback(c, 0, NULL, &done), 2);
        assert_string_equal(fbn_plan_at(done, 0)->object, "routes of node nas");
        assert_int_equal(mesh_node(c, api, "nas", &nodes)->n_approved_routes, 0);
        command("! '%s' -c " MESH "/config.yaml policy get | grep -q 'another one'", mesh_program("headscale"));
        assert_int_equal(fbn_fabric_rollback(c, 0, NULL, NULL), 2);
        assert_policy("another one");
        assert_int_equal(mesh_node(c, api, "nas", &nodes)->n_approved_routes, 1);
        command("mv " MESH "/good.hujson " MESH "/policy.hujson");
        assert_int_equal(apply("control", NULL), 1);
}

/* A node that the file does not know, with a route approved by hand. */
static void enrol_guest(void)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("control");
        FBN_CLEANUP(fbn_headscale) api = mesh_api(c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        FBN_CLEANUP(fbn_secret) key = mesh_key(c, api);
        fbn_prefix route;

        fbn_prefix_parse("10.50.0.0/24", &route);
        assert_ok(c, fbn_tailscale_enrol(c, FBN_OPTIONS(fbn_tailscale_options, .socket = MESH "/guest/sock"),
                                         FBN_OPTIONS(fbn_tailscale_prefs,
                                                     .set = FBN_TAILSCALE_SET_LOGIN_SERVER | FBN_TAILSCALE_SET_HOST_NAME |
                                                            FBN_TAILSCALE_SET_ADVERTISE_ROUTES,
                                                     .login_server = MESH_URL, .host_name = "guest", .advertise_routes = &route,
                                                     .n_advertise_routes = 1),
                                         key, NULL));
        assert_ok(c, fbn_headscale_node_approve(c, api, mesh_node(c, api, "guest", &nodes)->id, &route, 1));
}

static void exactly_the_declared_routes_are_approved_and_foreign_nodes_left_alone(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("control");
        FBN_CLEANUP(fbn_headscale) api = mesh_api(c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        fbn_prefix other;

        enrol_guest();
        assert_int_equal(apply("control", NULL), 1);
        assert_int_equal(mesh_node(c, api, "nas", &nodes)->n_approved_routes, 1);
        assert_int_equal(mesh_node(c, api, "guest", &nodes)->n_approved_routes, 1);
        assert_int_equal(apply("control", NULL), 0);
        command_until("ip netns exec laptop ping -qc 1 -W 1 192.168.8.10 >/dev/null");
        fbn_prefix_parse("10.60.0.0/24", &other);
        assert_ok(c, fbn_headscale_node_approve(c, api, mesh_node(c, api, "nas", &nodes)->id, &other, 1));
        assert_int_equal(apply("control", NULL), 1); /* what was approved by hand beyond the file goes */
        assert_int_equal(mesh_node(c, api, "nas", &nodes)->n_approved_routes, 1);
        assert_int_equal(fbn_prefix_overlaps(&mesh_node(c, api, "nas", &nodes)->approved_routes[0], &other), 0);
}

static const fbn_fabric_fact *fact_of(const fbn_fabric_status *status, const char *domain, const char *object)
{
        for (size_t i = 0; i < fbn_fabric_status_count(status); i++)
                if (streq(fbn_fabric_status_at(status, i)->domain, domain) && streq(fbn_fabric_status_at(status, i)->object, object))
                        return fbn_fabric_status_at(status, i);
        fail_msg("no fact about %s %s", domain, object);
        return NULL;
}

static void status_says_who_is_there_and_what_serves(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("control");
        FBN_CLEANUP(fbn_context) at_laptop = namespace_context("laptop");
        FBN_CLEANUP(fbn_fabric) fabric = declared(c);
        FBN_CLEANUP(fbn_fabric_status) status = NULL;
        FBN_CLEANUP(fbn_fabric_status) laptop = NULL;

        assert_int_equal(fbn_fabric_status_get(c, fabric, options_of("control", NULL), &status), 0);
        assert_string_equal(fact_of(status, "headscale", "node nas")->text, "100.64.0.1, online, serves 192.168.8.0/24");
        assert_int_equal(fact_of(status, "headscale", MESH_URL)->health, FBN_HEALTH_OK);
        assert_int_equal(fact_of(status, "headscale", "API key")->health, FBN_HEALTH_OK);
        assert_string_equal(fact_of(status, "headscale", "API key")->text, "expires in 89 days");
        assert_int_equal(fbn_plan_count(fbn_fabric_status_plan(status)), 0);
        assert_ok(at_laptop, fbn_fabric_status_get(at_laptop, fabric, options_of("laptop", NULL), &laptop));
        assert_string_equal(fact_of(laptop, "tailscale", "tailscaled")->text, "Running, 100.64.0.2");
}

/* Minted for two days: soon nobody could change the mesh from here. */
static void an_api_key_that_ends_soon_is_told(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("control");
        FBN_CLEANUP(fbn_headscale) api = mesh_api(c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        FBN_CLEANUP(fbn_fabric) fabric = fabric_of(c, "100.64.0.1", "100.64.0.2", "short.key");
        FBN_CLEANUP(fbn_fabric_status) status = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;

        assert_ok(c, fbn_headscale_key_mint(c, api, FBN_OPTIONS(fbn_headscale_key_options, .kind = FBN_HEADSCALE_KEY_API, .valid_for = INT64_C(172700) * 1000000000), &key));
        assert_ok(c, fbn_secret_write_file(c, key, MESH "/short.key"));
        assert_int_equal(fbn_fabric_status_get(c, fabric, options_of("control", NULL), &status), 1);
        assert_int_equal(fact_of(status, "headscale", "API key")->health, FBN_HEALTH_WARNING);
        assert_string_equal(fact_of(status, "headscale", "API key")->text, "expires in 1 days; 'fabricnet headscale keys rotate' makes another");
}

static void a_server_is_imported_so_that_nothing_is_to_do(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("control");
        const fbn_fabric_import_options what = {.size = sizeof(what), .host = "control", .folder = MESH "/imported", .url = MESH_URL,
                                                .api_key_file = MESH "/api.key", .ca_file = MESH "/server.pem"};
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_plan) plan = NULL;
        char *text = NULL;

        command("mkdir -p " MESH "/imported");
        assert_ok(c, fbn_fabric_import(c, &what, &text));
        assert_non_null(strstr(text, "\"advertises\""));
        command("grep -q 'all of it' " MESH "/imported/policy.hujson");
        assert_ok(c, fbn_fabric_load(c, MESH "/imported/fabric.json", text, &fabric));
        assert_int_equal(fbn_fabric_plan(c, fabric, options_of("control", NULL), &plan), 0);
        fbn_free(text);
}

static void an_address_that_did_not_come_out_is_said_with_the_remedy(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("nas");
        FBN_CLEANUP(fbn_fabric) fabric = fabric_of(c, "100.64.0.2", "100.64.0.1", "api.key");

        assert_failed(c, fbn_fabric_plan(c, fabric, options_of("nas", NULL), NULL), FBN_ECONFLICT,
                      "Headscale gave 'nas' the address 100.64.0.1, declared is 100.64.0.2");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_done_at_the_server_is_taken_back),
                cmocka_unit_test(what_stands_at_the_server_is_named_and_tried_again),
                cmocka_unit_test(killed_around_a_change_of_the_server_it_is_taken_back),
                cmocka_unit_test(the_server_gets_its_users_and_policy),
                cmocka_unit_test(a_missing_api_key_is_named),
                cmocka_unit_test(all_is_undone_when_the_server_does_not_answer),
                cmocka_unit_test(an_enrolment_that_nobody_confirms_is_taken_back),
                cmocka_unit_test(nodes_enrol_in_their_order),
                cmocka_unit_test(preferences_are_taken_back),
                cmocka_unit_test(exactly_the_declared_routes_are_approved_and_foreign_nodes_left_alone),
                cmocka_unit_test(a_policy_and_approvals_are_rolled_back),
                cmocka_unit_test(status_says_who_is_there_and_what_serves),
                cmocka_unit_test(an_api_key_that_ends_soon_is_told),
                cmocka_unit_test(a_server_is_imported_so_that_nothing_is_to_do),
                cmocka_unit_test(an_address_that_did_not_come_out_is_said_with_the_remedy),
        };

        const fbn_system_calls calls = {.size = sizeof(calls), .write = ended_write, .fdatasync = ended_fdatasync};

        namespace_sandbox();
        fbn_set_tables(NULL, &calls);
        return cmocka_run_group_tests(tests, setup, NULL);
}
