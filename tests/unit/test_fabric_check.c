/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/fabric.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define HOMELAB TESTS_DIRECTORY "/../examples/homelab/fabric.json"

/* Each breaks the homelab file, which has none of these findings, in one place. value NULL: the member is taken out. */
struct broken {
        const char *code;
        fbn_severity severity;
        const char *at; /* where the file is changed */
        const char *value;
        const char *pointer; /* of the finding */
        const char *also_at, *also; /* a second change */
};

#define ERROR FBN_SEVERITY_ERROR
#define WARNING FBN_SEVERITY_WARNING
#define NOTE FBN_SEVERITY_NOTE

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* most need no second change */
static const struct broken list[] = {
        {"prefix-overlap", ERROR, "/prefixes/guests", "\"192.168.0.0/16\"", "/prefixes/lan"},
        {"prefix-overlap", WARNING, "/prefixes/podman", "{\"prefix\": \"10.88.0.0/16\", \"local_to\": \"vps\"}", "/prefixes/podman"},
        {"prefix-in-local-range", WARNING, "/prefixes/lan/prefix", "\"10.8.0.0/24\"", "/prefixes/lan"},
        {"duplicate-address", ERROR, "/wireguard/s2s/members/phone/address", "\"172.26.5.1\"", "/wireguard/s2s/members/phone"},
        {"duplicate-address", ERROR, "/mesh/nodes/lxc/address", "\"100.64.0.2\"", "/mesh/nodes/lxc"},
        {"address-outside-prefix", ERROR, "/wireguard/s2s/members/phone/address", "\"172.26.6.20\"", "/wireguard/s2s/members/phone"},
        {"address-outside-prefix", ERROR, "/mesh/nodes/phone/address", "\"100.128.0.8\"", "/mesh/nodes/phone"},
        {"address-reserved", ERROR, "/wireguard/s2s/members/phone/address", "\"172.26.5.255\"", "/wireguard/s2s/members/phone"},
        {"address-reserved", ERROR, "/wireguard/s2s/members/phone/address", "\"172.26.5.0\"", "/wireguard/s2s/members/phone"},
        {"interface-outside-prefixes", WARNING, "/hosts/tv/interfaces/eth0/address", "\"192.168.9.50\"", "/hosts/tv/interfaces/eth0"},
        {"cgnat-uplink", WARNING, "/hosts/pfsense/interfaces/wan0/address", "\"100.70.1.2\"", "/hosts/pfsense/interfaces/wan0"},
        {"no-endpoint", ERROR, "/wireguard/s2s/members/vps/endpoint", NULL, "/wireguard/s2s"},
        {"members-unconnected", WARNING, "/hosts/vps/forwarding", "false", "/wireguard/s2s"},
        {"no-keepalive", WARNING, "/wireguard/s2s/members/pfsense/keepalive", NULL, "/wireguard/s2s/members/pfsense"},
        {"endpoint-inside-tunnel", ERROR, "/wireguard/s2s/members/vps/endpoint", "\"172.26.5.155:51820\"", "/wireguard/s2s/members/vps"},
        {"endpoint-inside-tunnel", ERROR, "/wireguard/s2s/members/vps/endpoint", "\"192.168.8.7:51820\"", "/wireguard/s2s/members/vps"},
        {"mtu-exceeds-underlay", WARNING, "/wireguard/s2s/mtu", "1500", "/wireguard/s2s"},
        {"mtu-exceeds-underlay", ERROR, "/wireguard/inner",
         "{\"prefix\": \"in\", \"mtu\": 1280, \"members\": {\"vps\": {\"address\": \"10.99.0.1\", \"interface\": \"wg1\", \"endpoint\": "
         "\"172.26.5.155:51821\","
         " \"public_key\": \"lDK5y5rDQ/36Kv/KknrEny9rr71LHdPIa9U3YbGZ3y4=\"}}}",
         "/wireguard/inner/members/vps", "/prefixes/in", "\"10.99.0.0/24\""},
        {"ipv6-mtu", ERROR, "/prefixes/wg", "\"fd00:8::/64\"", "/wireguard/s2s", "/wireguard/s2s/mtu", "1200"},
        {"allowed-ips-overlap", ERROR, "/wireguard/s2s/members/phone/announces", "[\"lan\"]", "/wireguard/s2s/members/phone"},
        {"allowed-ips-overlap", ERROR, "/wireguard/s2s/members/pfsense/announces", "[\"wg\"]", "/wireguard/s2s/members/pfsense"},
        {"public-key-twice", ERROR, "/wireguard/s2s/members/phone/public_key", "\"IlE9Iupz8AY9vD7NdnSYFaR7lUQd0sH3Krv+VznNrwo=\"",
         "/wireguard/s2s/members/phone"},
        {"forwarding-off", ERROR, "/hosts/pfsense/forwarding", "false", "/wireguard/s2s/members/pfsense"},
        {"forwarding-off", ERROR, "/hosts/nas/forwarding", NULL, "/mesh/nodes/nas"},
        {"forwarding-off", ERROR, "/hosts/vps/forwarding", "false", "/nat/vps/0"},
        {"no-return-route", WARNING, "/prefixes/lan/at", "\"lxc\"", "/wireguard/s2s/members/pfsense"},
        {"road-warrior-without-relay", ERROR, "/hosts/vps/forwarding", "false", "/wireguard/s2s/members/phone"},
        {"road-warrior-without-masquerade", ERROR, "/nat/vps", "[]", "/wireguard/s2s/members/phone"},
        {"mesh-kept-out-of-tunnel", NOTE, "/name", "\"home\"", "/wireguard/s2s"},
        {"device-twice", ERROR, "/wireguard/s2s/members/pfsense/interface", "\"lan0\"", "/wireguard/s2s/members/pfsense"},
        {"port-twice", ERROR, "/wireguard/other",
         "{\"prefix\": \"in\", \"members\": {\"vps\": {\"address\": \"10.99.0.1\", \"interface\": \"wg1\", \"endpoint\": "
         "\"192.0.2.1:51820\","
         " \"public_key\": \"lDK5y5rDQ/36Kv/KknrEny9rr71LHdPIa9U3YbGZ3y4=\"}}}",
         "/wireguard/other/members/vps", "/prefixes/in", "\"10.99.0.0/24\""},
        {"prefix-in-two-tunnels", ERROR, "/wireguard/other",
         "{\"prefix\": \"in\", \"members\": {\"vps\": {\"address\": \"10.99.0.1\", \"interface\": \"wg1\", \"endpoint\": "
         "\"192.0.2.1:51821\","
         " \"public_key\": \"lDK5y5rDQ/36Kv/KknrEny9rr71LHdPIa9U3YbGZ3y4=\"}, \"lxc\": {\"address\": \"10.99.0.2\", \"announces\": "
         "[\"lan\"],"
         " \"public_key\": \"IlE9Iupz8AY9vD7NdnSYFaR7lUQd0sH3Krv+VznNrwo=\"}}}",
         "/wireguard/other/members/vps", "/prefixes/in", "\"10.99.0.0/24\""},
        {"tailscale-clash", ERROR, "/wireguard/s2s/members/vps/listen", "41641", "/wireguard/s2s/members/vps"},
        {"tailscale-clash", ERROR, "/wireguard/s2s/members/phone/interface", "\"tailscale0\"", "/wireguard/s2s/members/phone"},
        {"strict-rp-filter", WARNING, "/hosts/vps/rp_filter", "\"strict\"", "/hosts/vps"},
        {"accept-without-drop", WARNING, "/nat/vps/1", "{\"accept\": [\"wg\"]}", "/nat/vps/1"},
        {"no-way-out", WARNING, "/nat/pfsense/1/masquerade", "[\"lan\"]", "/prefixes/storage"},
        {"expectation-fails", ERROR, "/expect/0/is", "\"dropped\"", "/expect/0"},
        {"expectation-fails", ERROR, "/mesh/nodes/laptop/accepts_routes", "false", "/expect/1"},
        {"route-without-allowed-ips", ERROR, "/hosts/vps/routes", "[{\"to\": \"iot\", \"tunnel\": \"s2s\"}]", "/hosts/vps/routes/0",
         "/prefixes/iot", "\"192.168.30.0/24\""},
        {"forwarding-off", ERROR, "/hosts/lxc/routes", "[{\"to\": \"iot\", \"via\": \"workstation\"}]", "/hosts/lxc/routes/0",
         "/prefixes/iot", "\"192.168.30.0/24\""},
        {"source-not-allowed", WARNING, "/nat/pfsense/0/masquerade", "[\"lan\"]", "/wireguard/s2s/members/pfsense",
         "/wireguard/s2s/members/pfsense/announces", "[\"lan\"]"},
        {"mtu-exceeds-underlay", ERROR, "/hosts/vps/interfaces/eth0/mtu", "1300", "/wireguard/s2s/members/vps"},
        {"no-mss-clamp", WARNING, "/hosts/pfsense/manager", "\"none\"", "/wireguard/s2s/members/pfsense"},
        {"setting-conflict", ERROR, "/hosts/vps/sysctl", "{\"net.ipv4.ip_forward\": 0}", "/hosts/vps/sysctl/net.ipv4.ip_forward"},
        {"setting-conflict", ERROR, "/defaults/sysctl", "{\"net.ipv4.conf.all.src_valid_mark\": 0}",
         "/defaults/sysctl/net.ipv4.conf.all.src_valid_mark"},
        {"addressless-device", WARNING, "/hosts/lxc/interfaces/eth1", "{}", "/hosts/lxc/interfaces/eth1"},
        {"forward-dropped", ERROR, "/nat/vps", "[{\"forward\": \"192.168.20.10:443/tcp\"}, {\"drop\": [\"all\"]}]", "/nat/vps/0",
         "/prefixes/all", "\"0.0.0.0/0\""},
        {"forward-leads-nowhere", WARNING, "/nat/vps/1", "{\"forward\": \"198.51.100.7:443/tcp\"}", "/nat/vps/1"},
        {"router-without-address", WARNING, "/prefixes/iot", "{\"prefix\": \"192.168.30.0/24\", \"at\": \"pfsense\"}", "/prefixes/iot"},
        {"vlan-twice", ERROR, "/prefixes/lan/vlan", "20", "/prefixes/storage"},
        {"vlan-twice", ERROR, "/hosts/pfsense/interfaces/again", "{\"address\": \"192.168.20.2\", \"trunk\": \"lan0\"}",
         "/hosts/pfsense/interfaces/again", "/hosts/pfsense/interfaces/storage0/trunk", "\"lan0\""},
        {"vlan-without-tag", ERROR, "/prefixes/storage/vlan", NULL, "/hosts/pfsense/interfaces/storage0",
         "/hosts/pfsense/interfaces/storage0/trunk", "\"lan0\""},
        {"vlan-of-its-own-segment", ERROR, "/hosts/pfsense/interfaces/lan0/address", "\"192.168.20.2\"", "/hosts/pfsense/interfaces/storage0",
         "/hosts/pfsense/interfaces/storage0/trunk", "\"lan0\""},
        {"vlan-mtu", ERROR, "/hosts/pfsense/interfaces/storage0", "{\"address\": \"192.168.20.1\", \"trunk\": \"lan0\", \"mtu\": 1500}",
         "/hosts/pfsense/interfaces/storage0", "/hosts/pfsense/interfaces/lan0/mtu", "1400"},
        {"vlan-without-trunk", NOTE, "/hosts/pfsense/manager", "\"fabricnet\"", "/hosts/pfsense/interfaces/storage0"},
        {"policy-passed-by", WARNING, "/prefixes/storage/from", "[\"wg\"]", "/mesh/nodes/nas"},
        {"policy-of-nobody", WARNING, "/hosts/pfsense/manager", "\"none\"", "/prefixes/storage"},
        {"expectation-fails", ERROR, "/expect/0", "{\"from\": \"tv\", \"to\": \"nas:8080/tcp\", \"is\": \"delivered\"}", "/expect/0"},
        {"allows-nothing", WARNING, "/allow", "[{\"code\": \"no-endpoint\", \"reason\": \"x\"}]", "/allow/0"},
        {"secret-in-store", ERROR, "/wireguard/s2s/members/vps/private_key/file", "\"/nix/store/abc-vps.key\"",
         "/wireguard/s2s/members/vps/private_key"},
        {"secret-in-store", ERROR, "/mesh/headscale/api_key/file", "\"/nix/store/abc-api.key\"", "/mesh/headscale/api_key"},
        {"service-unreachable", ERROR, "/services/nas.akunito.com/to", "\"printer:80\"", "/services/nas.akunito.com", "/hosts/printer",
         "{}"},
        {"service-without-address", ERROR, "/services/nas.akunito.com/to", "\"laptop:80\"", "/services/nas.akunito.com",
         "/mesh/nodes/laptop/address", NULL},
        {"service-name-twice", ERROR, "/services/nas.akunito.com/also", "[\"Media.akunito.com\"]", "/services/media.akunito.com"},
        {"service-name-twice", ERROR, "/services/nas.akunito.com/also", "[\"NAS.akunito.com\"]", "/services/nas.akunito.com"},
        {"service-without-certificate", WARNING, "/services/nas.akunito.com/certificate", NULL, "/services/nas.akunito.com"},
        {"hsts-without-certificate", ERROR, "/services/media.akunito.com/certificate", NULL, "/services/media.akunito.com"},
        {"service-beside-cdn", NOTE, "/edge/vps/origin_ca", "\"/etc/ssl/pulls.pem\"", "/services/nas.akunito.com"},
        {"fail2ban-without-bans", ERROR, "/edge/vps/bans", NULL, "/edge/vps"},
        {"jail-without-services", ERROR, "/services", "{}", "/edge/vps"},
        {"secret-in-store", ERROR, "/edge/vps/bans/cloudflare/token/file", "\"/nix/store/abc-token\"", "/edge/vps/bans/cloudflare/token"},
        {"secret-in-store", ERROR, "/certificates/akunito", "{\"authority\": {\"certificate\": \"/a\", \"key\": {\"file\": \"/nix/store/x\"}}}",
         "/certificates/akunito/authority/key"},
        {"mesh-prefix", ERROR, "/prefixes/mesh", "\"100.0.0.0/8\"", "/mesh/prefix"},
        {"enrolment-order", ERROR, "/mesh/nodes/macbook/address", NULL, "/mesh/nodes/pfsense"},
        {"enrolment-order", ERROR, "/mesh/nodes/phone/address", "\"100.64.0.9\"", "/mesh/nodes/phone"},
        {"subnet-routers", NOTE, "/name", "\"home\"", "/prefixes/storage"},
        {"advertises-elsewhere", WARNING, "/mesh/nodes/nas/advertises", "[\"wg\"]", "/mesh/nodes/nas"},
        {"accepts-own-lan", ERROR, "/mesh/nodes/workstation/accepts_routes", "true", "/mesh/nodes/workstation"},
        {"two-layers-one-prefix", WARNING, "/mesh/nodes/vps/accepts_routes", "true", "/mesh/nodes/vps"},
        {"split-wildcard", WARNING, "/mesh/dns/split", "{\"*.local.akunito.com\": \"pfsense\"}", "/mesh/dns/split/*.local.akunito.com"},
        {"split-server-unreachable", ERROR, "/mesh/dns/split/local.akunito.com", "\"printer\"", "/mesh/dns/split/local.akunito.com",
         "/hosts/printer", "{}"},
        {"split-server-without-address", WARNING, "/mesh/nodes/pfsense/address", NULL, "/mesh/dns/split/local.akunito.com"},
        {"split-without-zone", WARNING, "/mesh/dns/split/other.example", "\"pfsense\"", "/mesh/dns/split/other.example"},
        {"dns-loop", ERROR, "/mesh/nodes/pfsense/accepts_dns", "true", "/mesh/nodes/pfsense"},
};

static void put(json_t *document, const char *pointer, const char *value)
{
        json_t *new = value ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL, *at = document;
        char way[256], *saved, *last;

        snprintf(way, sizeof(way), "%s", pointer + 1);
        last = strtok_r(way, "/", &saved);
        for (char *next; (next = strtok_r(NULL, "/", &saved)); last = next)
                at = json_is_array(at) ? json_array_get(at, strtoul(last, NULL, 10)) : json_object_get(at, last);
        assert_non_null(at);
        assert_true(!value || new);
        if (!new)
                assert_int_equal(json_object_del(at, last), 0);
        else if (json_is_array(at) && strtoul(last, NULL, 10) >= json_array_size(at))
                json_array_append_new(at, new);
        else if (json_is_array(at))
                json_array_set_new(at, strtoul(last, NULL, 10), new);
        else
                json_object_set_new(at, last, new);
}

static bool has_finding(const fbn_findings *findings, const struct broken *wanted)
{
        for (size_t i = 0; i < fbn_findings_count(findings); i++) {
                const fbn_finding *finding = fbn_findings_at(findings, i);

                assert_true(finding->line > 0 && finding->column > 0);
                assert_true(*finding->what && *finding->why && *finding->fix);
                if (streq(finding->code, wanted->code) && finding->severity == wanted->severity && streq(finding->pointer, wanted->pointer))
                        return true;
        }
        return false;
}

static fbn_findings *check(fbn_context *c, const json_t *document)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char *text = json_dumps(document, JSON_INDENT(2));
        fbn_findings *findings = NULL;
        int errors = 0;

        assert_ok(c, fbn_fabric_load(c, "fabric.json", text, &fabric));
        errors = fbn_fabric_check(c, fabric, &findings);
        assert_ok(c, errors);
        for (size_t i = 0; i < fbn_findings_count(findings); i++)
                errors -= fbn_findings_at(findings, i)->severity == FBN_SEVERITY_ERROR;
        assert_int_equal(errors, 0);
        free(text);
        return findings;
}

static void each_mistake_is_found_where_it_is(void **state)
{
        json_t *base = json_load_file(HOMELAB, 0, NULL);

        for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
                json_t *document = json_deep_copy(base);
                FBN_CLEANUP(fbn_findings) findings = NULL;

                if (list[i].also_at)
                        put(document, list[i].also_at, list[i].also);
                put(document, list[i].at, list[i].value);
                findings = check(*state, document);
                if (!has_finding(findings, &list[i]))
                        fail_msg("%s was not found at %s", list[i].code, list[i].pointer);
                json_decref(document);
        }
        json_decref(base);
}

static void what_the_file_allows_counts_no_more(void **state)
{
        json_t *document = json_load_file(HOMELAB, 0, NULL);
        FBN_CLEANUP(fbn_findings) findings = NULL;
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        const fbn_finding *last;
        char *text;

        put(document, "/wireguard/s2s/members/phone/address", "\"172.26.5.1\"");
        put(document, "/allow", "[{\"code\": \"duplicate-address\", \"at\": \"/wireguard/s2s\", \"reason\": \"they take turns\"}]");
        text = json_dumps(document, 0);
        assert_ok(*state, fbn_fabric_load(*state, "fabric.json", text, &fabric));
        assert_int_equal(fbn_fabric_check(*state, fabric, &findings), 0);
        last = fbn_findings_at(findings, fbn_findings_count(findings) - 1);
        assert_string_equal(last->code, "duplicate-address");
        assert_string_equal(last->allowed, "they take turns");
        free(text);
        json_decref(document);
}

static void the_reference_network_has_no_errors_and_what_it_has_is_known(void **state)
{
        static const struct broken known[] = {
                {"prefix-in-local-range", WARNING, .pointer = "/prefixes/wg"},
                {"subnet-routers", NOTE, .pointer = "/prefixes/lan"},
                {"subnet-routers", NOTE, .pointer = "/prefixes/storage"},
                {"mesh-kept-out-of-tunnel", NOTE, .pointer = "/wireguard/s2s"},
        };
        json_t *base = json_load_file(HOMELAB, 0, NULL);
        FBN_CLEANUP(fbn_findings) findings = check(*state, base);

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                assert_true(has_finding(findings, &known[i]));
        assert_int_equal(fbn_findings_count(findings), ARRAY_SIZE(known));
        json_decref(base);
}

static void other_prefixes_are_as_good(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_findings) findings = NULL;
        FILE *from = popen("sed 's/192.168.8/192.168.77/g; s/192.168.20/192.168.44/g; s/172.26.5/10.200.5/g' " HOMELAB, "r");
        char text[16384];

        assert_non_null(from);
        text[fread(text, 1, sizeof(text) - 1, from)] = 0;
        pclose(from);
        assert_ok(*state, fbn_fabric_load(*state, "fabric.json", text, &fabric));
        assert_int_equal(fbn_fabric_check(*state, fabric, &findings), 0);
}

static void errors_come_first_and_have_the_line_of_the_text(void **state)
{
        static const char text[] =
                "{ \"fabric\": 1, \"name\": \"t\",\n  \"prefixes\": {\n    \"a\": \"10.0.0.0/8\",\n    \"b\": \"10.1.0.0/16\" },\n"
                "  \"hosts\": { \"h\": { \"interfaces\": { \"eth0\": { \"address\": \"192.0.2.7\" } } } } }";
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_findings) findings = NULL;

        assert_ok(*state, fbn_fabric_load(*state, "t.json", text, &fabric));
        assert_int_equal(fbn_fabric_check(*state, fabric, &findings), 1);
        assert_int_equal(fbn_findings_count(findings), 2);
        assert_string_equal(fbn_findings_at(findings, 0)->code, "prefix-overlap");
        assert_int_equal(fbn_findings_at(findings, 0)->line, 4);
        assert_int_equal(fbn_findings_at(findings, 0)->column, 10);
        assert_int_equal(fbn_findings_at(findings, 1)->line, 5);
        assert_null(fbn_findings_at(findings, 2));
}

static void errors_keep_plan_and_apply_from_beginning(void **state)
{
        static const char text[] = "{ \"fabric\": 1, \"name\": \"t\", \"prefixes\": { \"a\": \"10.0.0.0/8\", \"b\": \"10.1.0.0/16\" }, "
                                   "\"hosts\": { \"h\": {} } }";
        FBN_CLEANUP(fbn_fabric) fabric = NULL;

        assert_ok(*state, fbn_fabric_load(*state, "t.json", text, &fabric));
        assert_failed(*state, fbn_fabric_plan(*state, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "h"), NULL), FBN_EINVAL,
                      "t.json:1:67: /prefixes/b: prefix-overlap: ");
        assert_failed(*state, fbn_fabric_apply(*state, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "h"), NULL), FBN_EINVAL,
                      "prefix-overlap");
        assert_failed(*state, fbn_fabric_plan(*state, fabric, NULL, NULL), FBN_EINVAL, "was not said");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_mistake_is_found_where_it_is),
                cmocka_unit_test(what_the_file_allows_counts_no_more),
                cmocka_unit_test(the_reference_network_has_no_errors_and_what_it_has_is_known),
                cmocka_unit_test(other_prefixes_are_as_good),
                cmocka_unit_test(errors_come_first_and_have_the_line_of_the_text),
                cmocka_unit_test(errors_keep_plan_and_apply_from_beginning),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
