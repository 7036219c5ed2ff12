/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIVE_MESH_H
#define LIVE_MESH_H

/* A real headscale over TLS at 198.51.100.1:8443 in the namespace "control", and real tailscaleds, each in a namespace of its name on the
 * same wire. No packet leaves the sandbox. Include after unit/test.h. */

#include "netns/namespace.h"

#include <fabricnet/headscale.h>
#include <fabricnet/tailscale.h>

#define MESH "/run/mesh"
#define MESH_URL "https://198.51.100.1:8443"

/* The version of headscale that is asked for: $FBN_HEADSCALE_VERSION, else the one that is pinned first. */
static inline const char *mesh_version(void)
{
        const char *version = getenv("FBN_HEADSCALE_VERSION");

        return version && *version ? version : "0.28.0";
}

/* 28 of "0.28.0". */
static inline int mesh_minor(void)
{
        return atoi(mesh_version() + 2);
}

/* What the table of features by version has in this cell; tests/live/features makes the table. */
static inline void mesh_feature(const char *feature, const char *cell)
{
        const char *path = getenv("FBN_FEATURES");
        FILE *file = path && *path ? fopen(path, "a") : NULL;

        if (!file)
                return;
        fprintf(file, "%s\t%s\t%s\n", feature, mesh_version(), cell);
        fclose(file);
}

/* The path of headscale, tailscaled or tailscale: in $FBN_BIN, else on PATH. */
static inline const char *mesh_program(const char *name)
{
        static char path[4096];
        const char *folder = getenv("FBN_BIN");
        bool other = streq(name, "headscale") && !streq(mesh_version(), "0.28.0");
        int code;

        snprintf(path, sizeof(path), "%s%s%s%s%s", folder ? folder : "", folder ? "/" : "", name, other ? "-" : "", other ? mesh_version() : "");
        code = command_try("command -v '%s' >/dev/null", path);
        if (code == 0)
                return path;
        fprintf(stderr, "%s: not found; run tests/go/build and set FBN_BIN to the directory that it prints\n", path);
        exit(1);
}

/* Our own /etc: tailscaled writes /etc/resolv.conf and keeps copies beside it. */
static inline void mesh_etc(void)
{
        command("mkdir -p " MESH "/etc && cp -a /etc/passwd /etc/group /etc/nsswitch.conf /etc/ssl /etc/hosts " MESH "/etc/ && "
                "echo 'nameserver 198.51.100.1' >" MESH "/etc/resolv.conf && mount --bind " MESH "/etc /etc && "
                "echo '198.51.100.1 other-name.example' >>/etc/hosts");
}

static inline void mesh_certificate(const char *name)
{
        command("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -addext "
                "subjectAltName=IP:198.51.100.1 -keyout " MESH "/%s.key -out " MESH "/%s.pem 2>/dev/null",
                name, name);
}

static inline void mesh_configure(void)
{
        FILE *file = fopen(MESH "/config.yaml", "w");

        assert_non_null(file);
        fprintf(file, "server_url: " MESH_URL "\n"
                      "listen_addr: 198.51.100.1:8443\n"
                      "metrics_listen_addr: \"\"\n"
                      "grpc_listen_addr: 127.0.0.1:50443\n"
                      "unix_socket: " MESH "/headscale.sock\n"
                      "unix_socket_permission: \"0700\"\n"
                      "tls_cert_path: " MESH "/server.pem\n"
                      "tls_key_path: " MESH "/server.key\n"
                      "noise: {private_key_path: " MESH "/noise.key}\n"
                      "prefixes: {v4: 100.64.0.0/10, allocation: sequential}\n"
                      "derp:\n"
                      "  server:\n"
                      "    enabled: true\n"
                      "    region_id: 999\n"
                      "    region_code: test\n"
                      "    region_name: test\n"
                      "    verify_clients: false\n"
                      "    stun_listen_addr: \"198.51.100.1:3478\"\n"
                      "    private_key_path: " MESH "/derp.key\n"
                      "    automatically_add_embedded_derp_region: true\n"
                      "    ipv4: 198.51.100.1\n"
                      "  urls: []\n"
                      "  paths: []\n"
                      "  auto_update_enabled: false\n"
                      "disable_check_updates: true\n"
                      "database: {type: sqlite, sqlite: {path: " MESH "/db.sqlite, write_ahead_log: true}}\n"
                      "log: {level: info, format: text}\n"
                      "policy: {mode: database}\n"
                      "dns: {magic_dns: true, base_domain: mesh.example, override_local_dns: false, nameservers: {global: []}, extra_records_path: " MESH "/records.json}\n"
                      "logtail: {enabled: false}\n");
        fclose(file);
        command("echo '[]' >" MESH "/records.json");
}

/* Until it answers; its log is shown if it does not. */
static inline void mesh_wait(const char *what, const char *log, const char *ready)
{
        for (int i = 0; i < 200; i++) {
                if (command_try("%s", ready) == 0)
                        return;
                poll(NULL, 0, 50);
        }
        command_try("tail -30 " MESH "/%s.log >&2", log);
        fail_msg("%s does not start", what);
}

static inline void mesh_start(void)
{
        command("mkdir -p " MESH);
        mesh_etc();
        mesh_certificate("server");
        mesh_certificate("stranger");
        mesh_configure();
        namespace_new("control");
        command("ip -n control link add wire type bridge && ip -n control address add 198.51.100.1/24 dev wire && ip -n control link set wire up");
        command("ip netns exec control '%s' -c " MESH "/config.yaml serve >" MESH "/headscale.log 2>&1 &", mesh_program("headscale"));
        mesh_wait("headscale", "headscale", "ip netns exec control curl -sf --cacert " MESH "/server.pem " MESH_URL "/health >/dev/null");
        command("umask 077; '%s' -c " MESH "/config.yaml apikeys create 2>/dev/null | tail -n 1 >" MESH "/api.key", mesh_program("headscale"));
}

/* A host on the wire with a tailscaled that is not enrolled; its socket is MESH/NAME/sock. */
static inline void mesh_host(const char *name, unsigned number)
{
        char ready[256];

        namespace_new(name);
        command("ip link add port%u netns control type veth peer name eth0 netns %s && ip -n control link set port%u master wire up", number, name, number);
        command("ip -n %s address add 198.51.100.%u/24 dev eth0 && ip -n %s link set eth0 up && ip -n %s route add default via 198.51.100.1", name, number,
                name, name);
        command("mkdir -p " MESH "/%s && cp -a " MESH "/etc " MESH "/%s/etc", name, name);
        command("SSL_CERT_FILE=" MESH "/server.pem TS_NO_LOGS_NO_SUPPORT=true TS_DEBUG_FIREWALL_MODE=nftables TS_DISABLE_PORTMAPPER=1 "
                "TS_PANIC_IF_HIT_MAIN_CONTROL=1 ip netns exec %s sh -c 'mount --bind " MESH "/%s/etc /etc && exec \"%s\" --tun=tailscale0 --statedir=" MESH
                "/%s --socket=" MESH "/%s/sock --no-logs-no-support' >" MESH "/%s.log 2>&1 &",
                name, name, mesh_program("tailscaled"), name, name, name);
        snprintf(ready, sizeof(ready), "test -S " MESH "/%s/sock", name);
        mesh_wait("tailscaled", name, ready);
}

/* The API, with the server's own key unless another is given. */
static inline fbn_headscale *mesh_api(fbn_context *c, const char *url, const char *ca_file, const char *key_file)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        fbn_headscale *headscale = NULL;

        assert_ok(c, fbn_secret_read_file(c, key_file, &key));
        assert_ok(c, fbn_headscale_new(c, FBN_OPTIONS(fbn_headscale_options, .url = url, .api_key = key, .ca_file = ca_file, .timeout_ms = 30000), &headscale));
        return headscale;
}

/* The id of a user; made if there is none of that name. */
static inline uint64_t mesh_user(fbn_context *c, fbn_headscale *api, const char *name)
{
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        int r = fbn_headscale_user_create(c, api, name);

        if (r != -FBN_EEXIST)
                assert_ok(c, r);
        assert_ok(c, fbn_headscale_user_list(c, api, &users));
        for (size_t i = 0; i < fbn_headscale_users_count(users); i++)
                if (streq(fbn_headscale_users_at(users, i)->name, name))
                        return fbn_headscale_users_at(users, i)->id;
        fail_msg("user %s is not listed", name);
        return 0;
}

static inline fbn_secret *mesh_key(fbn_context *c, fbn_headscale *api)
{
        fbn_secret *key = NULL;

        assert_ok(c, fbn_headscale_key_mint(c, api, FBN_OPTIONS(fbn_headscale_key_options, .user = mesh_user(c, api, "home")), &key));
        return key;
}

/* A node without a device behind it, of the user "home", which offers these routes ("\"10.1.0.0/24\", \"10.2.0.0/24\""; 0.29 forgets them).
 * Returns its id. */
static inline uint64_t mesh_ghost(fbn_context *c, fbn_headscale *api, const char *name, const char *routes)
{
        static unsigned count;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        char id[64];

        snprintf(id, sizeof(id), "%s%024u", mesh_minor() >= 29 ? "hskey-authreq-" : "", ++count);
        mesh_user(c, api, "home");
        command("ip netns exec control curl -sf --cacert " MESH "/server.pem -H \"Authorization: Bearer $(cat " MESH "/api.key)\" -d "
                "'{\"user\": \"home\", \"key\": \"%s\", \"name\": \"%s\", \"routes\": [%s]}' " MESH_URL "/api/v1/debug/node >/dev/null",
                id, name, routes);
        assert_ok(c, fbn_headscale_node_register(c, api, "home", id));
        assert_ok(c, fbn_headscale_node_list(c, api, &nodes));
        for (size_t i = fbn_headscale_nodes_count(nodes); i > 0; i--)
                if (streq(fbn_headscale_nodes_at(nodes, i - 1)->name, name))
                        return fbn_headscale_nodes_at(nodes, i - 1)->id;
        fail_msg("node %s is not listed", name);
        return 0;
}

/* A node of the list by the mesh's name, borrowed from *ret_nodes; NULL if there is none. */
static inline const fbn_headscale_node *mesh_node(fbn_context *c, fbn_headscale *api, const char *name, fbn_headscale_nodes **ret_nodes)
{
        fbn_headscale_nodes_unref(*ret_nodes);
        *ret_nodes = NULL;
        assert_ok(c, fbn_headscale_node_list(c, api, ret_nodes));
        for (size_t i = 0; i < fbn_headscale_nodes_count(*ret_nodes); i++)
                if (streq(fbn_headscale_nodes_at(*ret_nodes, i)->given_name, name))
                        return fbn_headscale_nodes_at(*ret_nodes, i);
        return NULL;
}

#endif
