/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The API of a real headscale, asked from inside its network namespace by a context that is bound to it. */
#include "unit/test.h"

#include "live/mesh.h"

struct fixture {
        fbn_context *c;
        fbn_headscale *api;
};

static int setup(void **state)
{
        static struct fixture fixture;

        mesh_start();
        fixture.c = namespace_context("control");
        fixture.api = mesh_api(fixture.c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        fbn_headscale_unref(f->api);
        fbn_context_unref(f->c);
        return 0;
}

static void it_is_well_and_tells_its_version(void **state)
{
        struct fixture *f = *state;
        char *version = NULL;

        assert_ok(f->c, fbn_headscale_health(f->c, f->api));
        assert_ok(f->c, fbn_headscale_version(f->c, f->api, &version));
        assert_string_equal(version, mesh_minor() == 26 ? "0.26" : mesh_version());
        fbn_free(version);
}

static void a_certificate_of_a_stranger_is_not_believed(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale) other = mesh_api(f->c, MESH_URL, MESH "/stranger.pem", MESH "/api.key");
        FBN_CLEANUP(fbn_headscale) system = mesh_api(f->c, MESH_URL, NULL, MESH "/api.key");

        assert_failed(f->c, fbn_headscale_health(f->c, other), FBN_EUNAVAILABLE, "TLS: the certificate's authority is not trusted");
        assert_failed(f->c, fbn_headscale_health(f->c, system), FBN_EUNAVAILABLE, "ca_file");
}

static void a_certificate_for_another_name_is_not_believed(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale) other = mesh_api(f->c, "https://other-name.example:8443", MESH "/server.pem", MESH "/api.key");

        assert_failed(f->c, fbn_headscale_health(f->c, other), FBN_EUNAVAILABLE, "TLS: the certificate is for another name");
}

/* A certificate for the right address, of the time before; openssl alone serves it. */
static void a_certificate_of_another_time_is_not_believed(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale) old = mesh_api(f->c, "https://198.51.100.1:8446", MESH "/old.pem", MESH "/api.key");

        command("cd " MESH " && openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=old -keyout old.key -out old.csr 2>/dev/null && "
                "printf '[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
                "[e]\nsubjectAltName=IP:198.51.100.1\nbasicConstraints=CA:TRUE\n' >old.cnf && : >index.txt && echo 01 >serial && "
                "openssl ca -batch -selfsign -config old.cnf -extensions e -keyfile old.key -startdate 20200101000000Z -enddate 20210101000000Z -in old.csr "
                "-out old.pem -notext 2>/dev/null");
        command("cd " MESH "; ip netns exec control openssl s_server -accept 198.51.100.1:8446 -cert old.pem -key old.key -www -quiet >/dev/null 2>&1 &");
        command_until("ip netns exec control sh -c 'ss -Hltn sport = :8446 | grep -q LISTEN'");
        assert_failed(f->c, fbn_headscale_health(f->c, old), FBN_EUNAVAILABLE, "TLS: the certificate is out of date");
}

static void a_pinned_key_is_the_servers_or_nothing_is_asked(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale) right = NULL;
        FBN_CLEANUP(fbn_headscale) wrong = NULL;
        char *hash = command_output("openssl x509 -in " MESH "/server.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64 -w 0");
        char pin[128];

        snprintf(pin, sizeof(pin), "sha256//%s", hash);
        free(hash);
        assert_ok(f->c, fbn_headscale_new(f->c, FBN_OPTIONS(fbn_headscale_options, .url = MESH_URL, .ca_file = MESH "/server.pem", .pinned_key = pin), &right));
        assert_ok(f->c, fbn_headscale_health(f->c, right));
        pin[10] = pin[10] == 'A' ? 'B' : 'A';
        assert_ok(f->c, fbn_headscale_new(f->c, FBN_OPTIONS(fbn_headscale_options, .url = MESH_URL, .ca_file = MESH "/server.pem", .pinned_key = pin), &wrong));
        assert_failed(f->c, fbn_headscale_health(f->c, wrong), FBN_EUNAVAILABLE, "not the pinned one");
}

/* TLS is between client and server: the proxy sees neither key nor answer, and the certificate is judged as without it. */
static void a_proxy_is_asked_for_the_way_alone(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale) through = NULL, *strange = NULL, *nowhere = NULL;
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;
        int by_environment, direct;

        command("ip netns exec control python3 " TESTS_DIRECTORY "/live/relay.py proxy 3128 >" MESH "/proxy.log 2>&1 &");
        command_until("ip netns exec control sh -c 'ss -Hltn sport = :3128 | grep -q LISTEN'");
        assert_ok(f->c, fbn_secret_read_file(f->c, MESH "/api.key", &key));
#define THROUGH(proxy_, ca) FBN_OPTIONS(fbn_headscale_options, .url = MESH_URL, .api_key = key, .ca_file = ca, .timeout_ms = 30000, .proxy = proxy_, .tries = 1)
        assert_ok(f->c, fbn_headscale_new(f->c, THROUGH("http://127.0.0.1:3128", MESH "/server.pem"), &through));
        assert_ok(f->c, fbn_headscale_user_list(f->c, through, &users));
        assert_ok(f->c, fbn_headscale_health(f->c, through));
        command("test \"$(cat " MESH "/proxy.log)\" = 'CONNECT 198.51.100.1:8443 HTTP/1.1'"); /* one connection, kept */
        assert_ok(f->c, fbn_headscale_new(f->c, THROUGH("http://127.0.0.1:3128", MESH "/stranger.pem"), &strange));
        assert_failed(f->c, fbn_headscale_health(f->c, strange), FBN_EUNAVAILABLE, "TLS: the certificate's authority is not trusted");
        assert_ok(f->c, fbn_headscale_new(f->c, THROUGH("http://127.0.0.1:3129", MESH "/server.pem"), &nowhere));
        assert_int_equal(fbn_headscale_health(f->c, nowhere), -FBN_EUNAVAILABLE);
        /* From the environment, but not where a proxy is forbidden. */
        nowhere = fbn_headscale_unref(nowhere);
        assert_ok(f->c, fbn_headscale_new(f->c, THROUGH("", MESH "/server.pem"), &nowhere));
        setenv("https_proxy", "http://127.0.0.1:3129", 1);
        by_environment = fbn_headscale_health(f->c, f->api);
        direct = fbn_headscale_health(f->c, nowhere);
        unsetenv("https_proxy");
        assert_int_equal(by_environment, -FBN_EUNAVAILABLE);
        assert_int_equal(direct, 0);
}

static void a_unix_socket_takes_the_place_of_the_port(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale) through = NULL, *own = NULL, *none = NULL;
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;

        command("ip netns exec control python3 " TESTS_DIRECTORY "/live/relay.py socket " MESH "/relay.sock 198.51.100.1 8443 >" MESH "/relay.log 2>&1 &");
        command_until("test -S " MESH "/relay.sock");
        assert_ok(f->c, fbn_secret_read_file(f->c, MESH "/api.key", &key));
#define BY_SOCKET(path) FBN_OPTIONS(fbn_headscale_options, .url = MESH_URL, .api_key = key, .ca_file = MESH "/server.pem", .timeout_ms = 30000, .socket = path, .tries = 1)
        assert_ok(f->c, fbn_headscale_new(f->c, BY_SOCKET(MESH "/relay.sock"), &through));
        assert_ok(f->c, fbn_headscale_user_list(f->c, through, &users));
        assert_ok(f->c, fbn_headscale_health(f->c, through));
        command("test \"$(cat " MESH "/relay.log)\" = connection");
        through = fbn_headscale_unref(through);
        users = fbn_headscale_users_unref(users);
        assert_ok(f->c, fbn_headscale_new(f->c,
                                          FBN_OPTIONS(fbn_headscale_options, .url = MESH_URL, .api_key = key, .ca_file = MESH "/server.pem", .timeout_ms = 30000,
                                                      .socket = MESH "/relay.sock", .http2 = true),
                                          &through));
        for (int i = 0; i < 3; i++) {
                users = fbn_headscale_users_unref(users);
                assert_ok(f->c, fbn_headscale_user_list(f->c, through, &users));
                mesh_user(f->c, through, "second");
        }
        command("test \"$(tail -n +2 " MESH "/relay.log)\" = 'connection h2'");
        assert_ok(f->c, fbn_headscale_new(f->c, BY_SOCKET(MESH "/no.sock"), &none));
        assert_failed(f->c, fbn_headscale_health(f->c, none), FBN_EUNAVAILABLE, "no daemon at this socket");
        /* Up to 0.29 the server's own socket speaks gRPC: that is said, and waited for by nobody. */
        assert_ok(f->c, fbn_headscale_new(f->c, FBN_OPTIONS(fbn_headscale_options, .api_key = key, .timeout_ms = 30000, .socket = MESH "/headscale.sock", .tries = 1), &own));
        assert_true(fbn_headscale_health(f->c, own) < 0);
        assert_non_null(strstr(fbn_context_error(f->c), MESH "/headscale.sock"));
}

static void a_server_that_is_not_there_is_unavailable(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_context) outside = NULL;
        FBN_CLEANUP(fbn_headscale) port = mesh_api(f->c, "https://198.51.100.1:8444", MESH "/server.pem", MESH "/api.key");
        FBN_CLEANUP(fbn_headscale) tls = mesh_api(f->c, "https://127.0.0.1:50443", MESH "/server.pem", MESH "/api.key");
        FBN_CLEANUP(fbn_headscale) elsewhere = NULL;

        assert_failed(f->c, fbn_headscale_health(f->c, port), FBN_EUNAVAILABLE, "is the server running");
        assert_int_equal(fbn_headscale_health(f->c, tls), -FBN_EUNAVAILABLE);
        assert_ok(f->c, fbn_context_new(NULL, &outside)); /* another namespace: the address does not exist here */
        elsewhere = mesh_api(outside, MESH_URL, MESH "/server.pem", MESH "/api.key");
        assert_int_equal(fbn_headscale_health(outside, elsewhere), -FBN_EUNAVAILABLE);
}

static void a_wrong_key_is_denied(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale) wrong = NULL;
        FBN_CLEANUP(fbn_headscale) none = NULL;
        fbn_headscale_users *users = NULL;

        command("umask 077; echo hskey-api-abcdefghijkl-wrong >" MESH "/wrong.key");
        wrong = mesh_api(f->c, MESH_URL, MESH "/server.pem", MESH "/wrong.key");
        assert_failed(f->c, fbn_headscale_user_list(f->c, wrong, &users), FBN_EDENIED, "the API key is wrong or expired");
        assert_null(strstr(fbn_context_error(f->c), "abcdefghijkl"));
        assert_ok(f->c, fbn_headscale_new(f->c, FBN_OPTIONS(fbn_headscale_options, .url = MESH_URL, .ca_file = MESH "/server.pem"), &none));
        assert_failed(f->c, fbn_headscale_user_list(f->c, none, &users), FBN_EDENIED, "an API key is needed");
        assert_ok(f->c, fbn_headscale_health(f->c, none));
}

static void users_come_and_go(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        uint64_t id = mesh_user(f->c, f->api, "guests");

        assert_int_equal(fbn_headscale_user_create(f->c, f->api, "guests"), -FBN_EEXIST);
        command("'%s' -c " MESH "/config.yaml users list -o json | grep -q '\"name\": *\"guests\"'", mesh_program("headscale"));
        assert_ok(f->c, fbn_headscale_user_delete(f->c, f->api, id));
        assert_int_equal(fbn_headscale_user_delete(f->c, f->api, id), -FBN_ENOENT);
        assert_ok(f->c, fbn_headscale_user_list(f->c, f->api, &users));
        for (size_t i = 0; i < fbn_headscale_users_count(users); i++)
                assert_string_not_equal(fbn_headscale_users_at(users, i)->name, "guests");
}

static void keys_are_minted_for_users_that_are_there(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_secret) key = mesh_key(f->c, f->api);
        FBN_CLEANUP(fbn_secret) none = NULL;
        const char *const tags[] = {"router"};
        char of_user[32];

        snprintf(of_user, sizeof(of_user), "-u %lu", (unsigned long)mesh_user(f->c, f->api, "home"));
        assert_true(fbn_secret_length(key) > 40);
        command("'%s' -c " MESH "/config.yaml preauthkeys list %s -o json | grep -q '\"expiration\"'", mesh_program("headscale"), mesh_minor() >= 28 ? "" : of_user);
        assert_int_equal(fbn_headscale_key_mint(f->c, f->api, FBN_OPTIONS(fbn_headscale_key_options, .user = 4711), &none), -FBN_ENOENT);
        assert_int_equal(fbn_headscale_key_mint(f->c, f->api,
                                                FBN_OPTIONS(fbn_headscale_key_options, .user = mesh_user(f->c, f->api, "home"), .tags = tags, .n_tags = 1), &none),
                         -FBN_EINVAL);
        assert_null(none);
}

static void a_policy_is_kept_as_it_was_put(void **state)
{
        static const char text[] = "// who may talk\n{\n  \"acls\": [{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:*\"]}], // all\n}\n";
        struct fixture *f = *state;
        char *policy = NULL;

        assert_ok(f->c, fbn_headscale_policy_get(f->c, f->api, &policy));
        assert_string_equal(policy, "");
        fbn_free(policy);
        assert_failed(f->c, fbn_headscale_policy_set(f->c, f->api, "{nonsense", NULL), FBN_EINVAL, "hujson");
        assert_ok(f->c, fbn_headscale_policy_set(f->c, f->api, text, NULL));
        assert_ok(f->c, fbn_headscale_policy_get(f->c, f->api, &policy));
        assert_string_equal(policy, text);
        fbn_free(policy);
        assert_ok(f->c, fbn_headscale_policy_set(f->c, f->api, "{}", &policy));
        assert_string_equal(policy, text);
        fbn_free(policy);
}

/* What is rendered, and extra records in a file, are what the real server takes; and a file that it was given is no difference. */
static void a_rendered_configuration_is_taken(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        const char *const resolvers[] = {"100.64.0.7", "https://dns.example/query"};
        const fbn_headscale_domain split[] = {{sizeof(*split), "*.Local.Example.", resolvers, 2}};
        fbn_headscale_record record = {.size = sizeof(record), .name = "nas.example"};
        fbn_headscale_config config = {.size = sizeof(config), .server_url = MESH_URL, .folder = MESH "/other", .base_domain = "mesh.example", .split = split,
                                       .n_split = 1, .resolvers = resolvers, .n_resolvers = 1, .records = &record, .n_records = 1,
                                       .records_path = MESH "/other/records.json", .more = "{\"disable_check_updates\": true, \"unix_socket\": \"" MESH "/other/sock\"}"};
        const fbn_headscale_wanted want = {.size = sizeof(want), .config = &config, .config_path = MESH "/other/config.yaml"};

        command("mkdir -p " MESH "/other");
        fbn_address_parse("192.168.8.10", &record.address);
        assert_int_equal(fbn_headscale_apply(f->c, f->api, &want, NULL, &changes), 3);
        command("cd " MESH "/other && '%s' -c config.yaml configtest >log 2>&1 || { cat log >&2; false; }", mesh_program("headscale"));
        assert_int_equal(fbn_headscale_apply(f->c, f->api, &want, NULL, NULL), 0);
        config.records_path = NULL; /* the other way to have them */
        assert_true(fbn_headscale_apply(f->c, f->api, &want, NULL, NULL) > 0);
        command("cd " MESH "/other && '%s' -c config.yaml configtest >log 2>&1 || { cat log >&2; false; }", mesh_program("headscale"));
        mesh_feature("config.yaml and extra records as wanted", "yes");
}

static void nodes_that_are_not_there_are_named(void **state)
{
        struct fixture *f = *state;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        fbn_prefix route;

        fbn_prefix_parse("192.168.8.0/24", &route);
        assert_ok(f->c, fbn_headscale_node_list(f->c, f->api, &nodes));
        assert_int_equal(fbn_headscale_nodes_count(nodes), 0);
        assert_failed(f->c, fbn_headscale_node_approve(f->c, f->api, 77, &route, 1), FBN_ENOENT, "node 77: " MESH_URL);
        assert_int_equal(fbn_headscale_node_rename(f->c, f->api, 77, "new"), -FBN_ENOENT);
        assert_int_equal(fbn_headscale_node_delete(f->c, f->api, 77), -FBN_ENOENT);
        assert_int_equal(fbn_headscale_node_register(f->c, f->api, "home", mesh_minor() >= 29 ? "hskey-authreq-abcdefghijklmnopqrstuvwx" : "abcdefghijklmnopqrstuvwx"),
                         -FBN_ENOENT);
        assert_int_equal(fbn_headscale_node_register(f->c, f->api, "home", "short"), -FBN_EINVAL);
}

static void it_is_found_again_after_a_restart(void **state)
{
        struct fixture *f = *state;

        assert_ok(f->c, fbn_headscale_health(f->c, f->api));
        command("kill $(ip netns pids control)");
        command_until("test -z \"$(ip netns pids control)\"");
        assert_int_equal(fbn_headscale_health(f->c, f->api), -FBN_EUNAVAILABLE);
        command("ip netns exec control '%s' -c " MESH "/config.yaml serve >" MESH "/headscale.log 2>&1 &", mesh_program("headscale"));
        mesh_wait("headscale", "headscale", "ip netns exec control curl -sf --cacert " MESH "/server.pem " MESH_URL "/health >/dev/null");
        assert_ok(f->c, fbn_headscale_health(f->c, f->api));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_is_well_and_tells_its_version),
                cmocka_unit_test(a_certificate_of_a_stranger_is_not_believed),
                cmocka_unit_test(a_certificate_for_another_name_is_not_believed),
                cmocka_unit_test(a_certificate_of_another_time_is_not_believed),
                cmocka_unit_test(a_pinned_key_is_the_servers_or_nothing_is_asked),
                cmocka_unit_test(a_proxy_is_asked_for_the_way_alone),
                cmocka_unit_test(a_unix_socket_takes_the_place_of_the_port),
                cmocka_unit_test(a_server_that_is_not_there_is_unavailable),
                cmocka_unit_test(a_wrong_key_is_denied),
                cmocka_unit_test(users_come_and_go),
                cmocka_unit_test(keys_are_minted_for_users_that_are_there),
                cmocka_unit_test(a_policy_is_kept_as_it_was_put),
                cmocka_unit_test(a_rendered_configuration_is_taken),
                cmocka_unit_test(nodes_that_are_not_there_are_named),
                cmocka_unit_test(it_is_found_again_after_a_restart),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, setup, teardown);
}
