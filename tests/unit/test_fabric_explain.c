/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/fabric.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HOMELAB TESTS_DIRECTORY "/../examples/homelab/fabric.json"

/* The homelab, changed in a few places, and what becomes of a packet then. */
struct trip {
        const char *from, *to;
        const char *disposition;
        const char *decides; /* "HOST STEP TEXT" of one step, which begins so */
        const char *at, *value, *also_at, *also, *and_at, *and;
};

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
static const struct trip trips[] = {
        {"vps", "nas:8080/tcp", "ACCEPTED", "vps wireguard tunnel s2s: the allowed IPs of 'pfsense' hold 192.168.20.10"},
        {"vps", "192.168.30.9", "WG_NO_PEER", "vps wireguard tunnel s2s: no peer's allowed IPs hold 192.168.30.9", "/hosts/vps/routes", "[{\"to\": \"iot\", \"tunnel\": \"s2s\"}]"},
        {"vps", "192.168.8.77", "DELIVERED_TO_SUBNET", "pfsense segment sent into 'lan'"},
        {"tv", "172.26.5.155", "ACCEPTED", "pfsense nat masquerade-1: the source 192.168.8.50 becomes 172.26.5.1"},
        {"phone", "203.0.113.9", "EXITS_NETWORK", "vps nat masquerade-1: the source 172.26.5.20 becomes the outside address of 'vps'"},
        {"vps", "tv", "FORWARDING_OFF", "pfsense forward 192.168.8.50 is no address", "/hosts/pfsense/forwarding", "false"},
        {"laptop", "tv", "ACCEPTED", "nas nat tailscaled's subnet router: the source 100.64.0.5 becomes 192.168.20.10"},
        {"laptop", "tv", "NO_ROUTE", "laptop internet 192.168.8.50 is private", "/mesh/nodes/laptop/accepts_routes", "false"},
        {"tv", "laptop", "WG_SRC_NOT_ALLOWED", "pfsense mesh the source 192.168.8.50 is none of node 'pfsense'"},
        {"laptop", "nas.local.akunito.com:8080/tcp", "ACCEPTED", "laptop dns nas.local.akunito.com: asked of 'pfsense' through the mesh"},
        {"tv", "nas.local.akunito.com/dns", "ACCEPTED", "tv dns nas.local.akunito.com: asked of 'pfsense', the router of its segment"},
        {"vps", "nas.local.akunito.com/dns", "DNS_FAIL", "vps dns nas.local.akunito.com: 'vps' asks nobody", "/mesh/nodes/vps/accepts_dns",
         "false"},
        {"laptop", "nas.akunito.com:443/tcp", "ACCEPTED", "vps proxy asks 'nas' on port 8080"},
        {"tv", "172.26.5.155", "RPF_DROP", "vps rp-filter strict: came in by wg0, but an answer to 192.168.8.50 would leave by tailscale0",
         "/nat/pfsense", "[]", "/mesh/nodes/vps/accepts_routes", "true", "/hosts/vps/rp_filter", "\"strict\""},
        {"tv", "172.26.5.155", "WG_SRC_NOT_ALLOWED", "vps rp-filter loose: passes, although an answer to 192.168.8.50 leaves by tailscale0", "/nat/pfsense",
         "[]", "/mesh/nodes/vps/accepts_routes", "true"},
        {"laptop", "workstation", "MESH_ACL", "laptop mesh the policy does not let 'laptop' reach 192.168.8.30", "/mesh/policy/file", "\"closed.hujson\""},
        {"laptop", "nas:8443/tcp", "ACCEPTED", "laptop mesh to node 'nas'", "/mesh/policy/file", "\"closed.hujson\""},
        {"laptop", "nas:22/tcp", "MESH_ACL", "laptop mesh the policy does not let", "/mesh/policy/file", "\"closed.hujson\""},
        {"laptop", "nas:53/udp", "ACCEPTED", "laptop mesh to node 'nas'", "/mesh/policy/file", "\"grants.hujson\""},
        {"laptop", "nas:53/tcp", "MESH_ACL", "laptop mesh the policy does not let", "/mesh/policy/file", "\"grants.hujson\""},
        {"laptop", "nas:443/tcp", "ACCEPTED", "laptop mesh to node 'nas'", "/mesh/policy/file", "\"grants.hujson\""},
        {"laptop", "nas:444/udp", "MESH_ACL", "laptop mesh the policy does not let", "/mesh/policy/file", "\"grants.hujson\""},
        {"laptop", "nas:444/tcp", "ACCEPTED", "laptop mesh to node 'nas'", "/mesh/policy/file", "\"grants.hujson\""},
        {"laptop", "nas", "ACCEPTED", "laptop mesh to node 'nas'", "/mesh/policy/file", "\"grants.hujson\""}, /* who may be reached may be pinged */
        {"laptop", "nas:80/tcp", "ACCEPTED", "laptop mesh of the policy 'srcPosture' is not read here: taken as if it let this pass", "/mesh/policy/file",
         "\"grants.hujson\""},
        {"workstation", "192.168.20.10", "DENIED_OUT", "pfsense filter rule 'drop-1': dropped", "/nat/pfsense",
         "[{\"drop\": [\"lan\"], \"to\": [\"storage\"]}]"},
        {"nas", "192.168.8.30", "ACCEPTED", "workstation segment over 'lan' to 'pfsense'", "/nat/pfsense",
         "[{\"drop\": [\"lan\"], \"to\": [\"storage\"]}]"},
        {"workstation", "192.168.20.10", "ACCEPTED", "pfsense filter rule 'accept-1': accepted", "/nat/pfsense",
         "[{\"accept\": [\"lan\"], \"to\": [\"storage\"]}, {\"drop\": [\"lan\"]}]"},
        {"tv", "nas:8080/tcp", "DENIED_OUT", "pfsense filter rule 'storage-closed': dropped"},
        {"workstation", "nas:8080/tcp", "ACCEPTED", "pfsense filter rule 'storage-from': accepted"},
        {"nas", "tv:80/tcp", "ACCEPTED", "tv segment over 'lan' to 'pfsense'"},
        {"nas", "nas", "ACCEPTED", "nas input arrived"},
        {"laptop", "vps", "ACCEPTED", "laptop mesh to node 'vps'"},
        {"laptop", "198.51.100.1:443/tcp", "ACCEPTED", "vps nat rule 'forward-1': forwarded to 192.168.20.10 port 8080",
         "/hosts/vps/interfaces/eth0/address", "\"198.51.100.1\"", "/nat/vps", "[{\"forward\": \"192.168.20.10:8080/tcp\", \"port\": 443}, "
         "{\"masquerade\": [\"any\"], \"out\": {\"tunnel\": \"s2s\"}}]"},
        {"vps", "172.26.5.20", "WG_NO_ENDPOINT", "vps wireguard tunnel s2s: 'phone' has no endpoint", "/wireguard/s2s/members/phone/keepalive",
         NULL},
        {"workstation", "192.168.30.1", "LOOP", "", "/hosts/pfsense/routes", "[{\"to\": \"iot\", \"via\": \"lxc\"}]"},
        {"workstation", "tv", "NEIGHBOR_UNREACHABLE", "workstation segment 'pfsense' has no address in 'lan'", "/hosts/tv/interfaces/eth0/address",
         "\"192.168.20.50\"", "/hosts/pfsense/interfaces/lan0", "{}"},
        {"nas", "10.1.2.3", "NO_ROUTE", "pfsense internet 10.1.2.3 is private"},
};

static void put(json_t *document, const char *pointer, const char *value)
{
        char way[128], *saved = NULL, *last;
        json_t *at = document;

        if (!pointer)
                return;
        snprintf(way, sizeof(way), "%s", pointer + 1);
        last = strtok_r(way, "/", &saved);
        for (char *next; (next = strtok_r(NULL, "/", &saved)); last = next)
                at = json_object_get(at, last);
        assert_non_null(at);
        if (value)
                assert_int_equal(json_object_set_new(at, last, json_loads(value, JSON_DECODE_ANY, NULL)), 0);
        else
                assert_int_equal(json_object_del(at, last), 0);
}

static bool decides(const fbn_fabric_path *path, const char *wanted)
{
        for (size_t i = 0; i < fbn_fabric_path_count(path); i++) {
                const fbn_fabric_hop *hop = fbn_fabric_path_at(path, i);
                char text[700];

                snprintf(text, sizeof(text), "%s %s %s", hop->host, hop->step, hop->text);
                if (strncmp(text, wanted, strlen(wanted)) == 0)
                        return true;
        }
        return false;
}

static fbn_fabric *changed(fbn_context *c, const char *folder, const struct trip *trip)
{
        json_t *document = json_load_file(HOMELAB, 0, NULL);
        fbn_fabric *fabric = NULL;
        char *text, name[64];

        snprintf(name, sizeof(name), "%s/fabric.json", folder);
        put(document, "/prefixes/iot", "\"192.168.30.0/24\"");
        put(document, "/prefixes/any", "\"0.0.0.0/0\"");
        put(document, trip->at, trip->value);
        put(document, trip->also_at, trip->also);
        put(document, trip->and_at, trip->and);
        text = json_dumps(document, 0);
        assert_ok(c, fbn_fabric_load(c, name, text, &fabric));
        free(text);
        json_decref(document);
        return fabric;
}

static void write_file(const char *folder, const char *name, const char *text)
{
        char path[96];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

static void each_packet_meets_what_decides_its_way(void **state)
{
        static const char *const policies[] = {"policy.hujson", "closed.hujson", "grants.hujson"};
        char folder[] = "/tmp/fabric-XXXXXX", path_name[96];

        assert_non_null(mkdtemp(folder));
        write_file(folder, "policy.hujson", "{/* all */ \"acls\": [{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:*\"]},],}");
        write_file(folder, "closed.hujson",
                   "// \"quoted\"\n{\"groups\": {\"group:us\": [\"home@\"]}, \"hosts\": {\"store\": \"192.168.20.0/24\"},\n"
                   "\"acls\": [{\"action\": \"accept\", \"src\": [\"group:us\"], \"dst\": [\"store:80,8000-8999\", /* , */]},]}");
        write_file(folder, "grants.hujson",
                   "{\"grants\": [{\"src\": [\"home@\"], \"dst\": [\"autogroup:self\"], \"ip\": [\"udp:53\", \"443\"]},\n"
                   "{\"src\": [\"*\"], \"dst\": [\"*\"], \"ip\": [\"tcp:80\"], \"srcPosture\": [\"posture:x\"]},\n"
                   "{\"src\": [\"*\"], \"dst\": [\"*\"], \"app\": {\"x\": []}}],\n"
                   "\"acls\": [{\"action\": \"accept\", \"proto\": \"6\", \"src\": [\"*\"], \"dst\": [\"*:444\"]}]}");
        for (size_t i = 0; i < ARRAY_SIZE(trips); i++) {
                const struct trip *trip = &trips[i];
                FBN_CLEANUP(fbn_fabric) fabric = changed(*state, folder, trip);
                FBN_CLEANUP(fbn_fabric_path) path = NULL;
                int r = fbn_fabric_explain(*state, fabric, trip->from, trip->to, &path);

                assert_ok(*state, r);
                if (!streq(fbn_fabric_path_disposition(path), trip->disposition) || !decides(path, trip->decides)) {
                        for (size_t j = 0; j < fbn_fabric_path_count(path); j++)
                                print_message("%s %s %s\n", fbn_fabric_path_at(path, j)->host, fbn_fabric_path_at(path, j)->step,
                                              fbn_fabric_path_at(path, j)->text);
                        fail_msg("%s to %s: %s, not %s by '%s'", trip->from, trip->to, fbn_fabric_path_disposition(path), trip->disposition,
                                 trip->decides);
                }
        }
        for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
                snprintf(path_name, sizeof(path_name), "%s/%s", folder, policies[i]);
                unlink(path_name);
        }
        rmdir(folder);
}

static void what_is_not_there_is_named(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        fbn_fabric_path *path = NULL;

        assert_ok(*state, fbn_fabric_load_file(*state, HOMELAB, &fabric));
        assert_failed(*state, fbn_fabric_explain(*state, fabric, "vsp", "nas", &path), FBN_EINVAL, "fabric 'home' has no host 'vsp'");
        assert_failed(*state, fbn_fabric_explain(*state, fabric, "vps", "nass:80", &path), FBN_EINVAL, "'nass:80' is no host");
        assert_null(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_packet_meets_what_decides_its_way),
                cmocka_unit_test(what_is_not_there_is_named),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
