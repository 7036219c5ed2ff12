/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/schema.h"
#include "fabric/words.h"

/* The language of the fabric file, in the order of the file. After a change here, run the test unit.test_fabric_schema with
 * FBN_UPDATE=1: it writes fabric.schema.json anew. */

#define TEXT(word, pattern_, expected_) {.kind = SHAPE_TEXT, .fits = (word), .pattern = (pattern_), .expected = (expected_)}
#define NAME_IN(map, expected_) {.kind = SHAPE_TEXT, .names = (map), .expected = (expected_)}
#define CHOICE(list, expected_) {.kind = SHAPE_TEXT, .choices = (list), .expected = (expected_)}
#define LIST_OF(item_, least, expected_) {.kind = SHAPE_LIST, .item = &(item_), .minimum = (least), .expected = (expected_)}
#define MAP_OF(keys_, item_, expected_) {.kind = SHAPE_MAP, .keys = &(keys_), .item = &(item_), .expected = (expected_)}
#define OBJECT(properties_, expected_) {.kind = SHAPE_OBJECT, .properties = (properties_), .expected = (expected_)}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct shape yes_or_no = {.kind = SHAPE_BOOLEAN, .expected = "true or false"};
static const struct shape label = TEXT(word_is_label, WORD_LABEL, "a name of lower-case letters, digits and hyphens");
static const struct shape name = TEXT(word_is_name, WORD_NAME, "a name of letters, digits, '_' and '-'");
static const struct shape device = TEXT(word_is_device, WORD_DEVICE, "the name of an interface, 1 to 15 characters");
static const struct shape address = TEXT(word_is_address, WORD_ADDRESS, "an address such as 192.168.8.1");
static const struct shape prefix_text = TEXT(word_is_prefix, WORD_PREFIX, "a prefix such as 192.168.8.0/24");
static const struct shape public_key = TEXT(word_is_key, WORD_KEY, "a public key: 44 characters of base64");
static const struct shape seconds = TEXT(word_is_seconds, WORD_SECONDS, "seconds from \"1s\" to \"65535s\"");
static const struct shape domain = TEXT(word_is_domain, WORD_DOMAIN, "a domain name");
static const struct shape suffix = TEXT(word_is_suffix, WORD_SUFFIX, "a domain name");
static const struct shape host_port = TEXT(word_is_host_port, WORD_HOST_PORT, "\"HOST:PORT\"");
static const struct shape target = TEXT(word_is_target, WORD_TARGET, "\"HOST:PORT/tcp\", \"HOST:PORT/udp\", \"HOST/icmp\" or \"NAME/dns\"");
static const struct shape forward = TEXT(word_is_forward, WORD_FORWARD, "\"ADDRESS:PORT/tcp\" or \"ADDRESS:PORT/udp\"");
static const struct shape url = TEXT(word_is_url, WORD_URL, "\"https://HOST\" or \"https://HOST:PORT\"");
static const struct shape path = TEXT(word_is_path, WORD_PATH, "a path relative to this file");
static const struct shape credential = TEXT(word_is_credential, WORD_CREDENTIAL, "the name of a systemd credential");
static const struct shape code = TEXT(word_is_label, WORD_LABEL, "the code of a finding, such as \"prefix-overlap\"");
static const struct shape pointer = TEXT(word_is_pointer, WORD_POINTER, "a JSON pointer such as \"/prefixes/wg\"");
static const struct shape folder = TEXT(word_is_pointer, WORD_POINTER, "an absolute path");
static const struct shape file = TEXT(word_is_file, WORD_FILE, "an absolute path of letters, digits and ._@:+-");
static const struct shape email = TEXT(word_is_email, WORD_EMAIL, "an address such as \"me@example.net\"");
static const struct shape acme_url = TEXT(word_is_acme, WORD_ACME, "\"https://HOST/PATH\"");
static const struct shape host_key = TEXT(word_is_host_key, WORD_HOST_KEY, "an ssh host key such as \"ssh-ed25519 AAAA…\"; 'ssh-keyscan HOST' shows it");
static const struct shape reason = TEXT(word_is_path, WORD_PATH, "a reason, in a line of text");
static const struct shape tag = TEXT(word_is_tag, WORD_TAG, "\"tag:NAME\"");
static const struct shape port = {.kind = SHAPE_NUMBER, .minimum = 1, .maximum = 65535, .expected = "a port, 1 to 65535"};
static const struct shape mtu = {.kind = SHAPE_NUMBER, .minimum = 576, .maximum = 9000, .expected = "an MTU, 576 to 9000"};
static const struct shape vlan = {.kind = SHAPE_NUMBER, .minimum = 1, .maximum = 4094, .expected = "a VLAN tag, 1 to 4094"};
static const struct shape version = {.kind = SHAPE_NUMBER, .minimum = 1, .maximum = 1, .expected = "1, the version of this language"};
static const struct shape rp_filter = CHOICE(WORDS("off", "strict", "loose"), "\"off\", \"strict\" or \"loose\"");

static const struct shape sysctl = TEXT(word_is_sysctl, WORD_SYSCTL, "a setting such as \"net.core.rmem_max\"");
static const struct shape sysctl_value = {.kind = SHAPE_NUMBER, .minimum = -1, .maximum = INT32_MAX, .expected = "a number, -1 to 2147483647"};

static const struct shape a_host = NAME_IN("hosts", "the name of a host");
static const struct shape a_prefix = NAME_IN("prefixes", "the name of a prefix");
static const struct shape a_tunnel = NAME_IN("wireguard", "the name of a tunnel");
static const struct shape some_prefixes = LIST_OF(a_prefix, 0, "a list of names of prefixes");
static const struct shape nat_prefixes = LIST_OF(a_prefix, 1, "a list of names of prefixes");
static const struct shape a_source = {.kind = SHAPE_TEXT, .names = "prefixes", .or_names = "hosts", .expected = "the name of a prefix or of a host"};
static const struct shape sources = LIST_OF(a_source, 0, "a list of names of prefixes and hosts");

static const struct property secret_members[] = {
        {"file", &path, "path of the secret, relative to --secrets-dir, else to this file; \"fd:7\": an open descriptor", false},
        {"credential", &credential, "name of a systemd credential", false},
        {0},
};
static const struct shape secret = {.kind = SHAPE_OBJECT, .properties = secret_members, .exactly_one = WORDS("file", "credential"),
                                    .expected = "{\"file\": PATH} or {\"credential\": NAME}; a secret itself never stands here"};

static const struct shape sysctls = MAP_OF(sysctl, sysctl_value, "settings of the kernel below net, by name");

static const struct property defaults_members[] = {
        {"mtu", &mtu, "MTU of tunnels that say nothing", false},
        {"keepalive", &seconds, "of members that have no endpoint and say nothing", false},
        {"rp_filter", &rp_filter, "reverse-path filter of every managed host", false},
        {"sysctl", &sysctls, "further settings of every managed host", false},
        {0},
};
static const struct shape defaults = OBJECT(defaults_members, "an object");

static const struct property prefix_members[] = {
        {"prefix", &prefix_text, "the prefix itself", true},
        {"at", &a_host, "the router of this segment", false},
        {"vlan", &vlan, "its 802.1Q tag", false},
        {"from", &sources, "who may open connections into it through its router; everybody if left out. Answers always pass", false},
        {"local_to", &a_host, "only used inside this host, for instance by containers", false},
        {0},
};
static const struct shape prefix_object = OBJECT(prefix_members, "an object");
static const struct shape prefix = {.kind = SHAPE_EITHER, .either = (const struct shape *const[]){&prefix_text, &prefix_object, NULL},
                                    .expected = "a prefix such as \"192.168.8.0/24\", or {\"prefix\": …}"};
static const struct shape prefixes = MAP_OF(name, prefix, "prefixes by name");

static const struct property interface_members[] = {
        {"wan", &yes_or_no, "leads to the Internet", false},
        {"address", &address, "address on the segment whose prefix holds it", false},
        {"mtu", &mtu, "what its path carries, where that is less than 1500: tunnels are held against it", false},
        {"trunk", &device, "the host's interface that carries it as a VLAN with the tag of its prefix; it is made", false},
        {0},
};
static const struct shape interface = OBJECT(interface_members, "an object");
static const struct shape interfaces = MAP_OF(device, interface, "interfaces by name");

static const struct property route_members[] = {
        {"to", &a_prefix, "where it leads", true},
        {"via", &a_host, "the next router, on a segment of this host's", false},
        {"tunnel", &a_tunnel, "one that the host is a member of; a member of it announces the prefix", false},
        {0},
};
static const struct shape route = {.kind = SHAPE_OBJECT, .properties = route_members, .exactly_one = WORDS("via", "tunnel"),
                                   .expected = "{\"to\": PREFIX} with \"via\" or \"tunnel\""};
static const struct shape routes = LIST_OF(route, 0, "a list of routes");

static const struct shape resolver = CHOICE(WORDS("none", "mesh", "found", "systemd-resolved", "resolvconf", "dnsmasq", "unbound", "stub"),
                                            "\"none\", \"mesh\", \"found\", \"systemd-resolved\", \"resolvconf\", \"dnsmasq\", \"unbound\" or \"stub\"");
static const struct property login_members[] = {
        {"system", &(const struct shape)CHOICE(WORDS("pfsense", "linux"), "\"pfsense\" or \"linux\""), "what it runs; \"pfsense\" if left out", false},
        {"address", &address, "of its sshd, instead of the one by which it is found", false},
        {"user", &name, "\"root\" if left out", false},
        {"port", &port, "22 if left out", false},
        {"private_key", &secret, "ssh key, opened only where somebody manages it", true},
        {"host_key", &host_key, "of the router; nobody else is spoken to", true},
        {0},
};
static const struct shape login = OBJECT(login_members, "an object");

static const struct property host_members[] = {
        {"manager",
         &(const struct shape)CHOICE(WORDS("fabricnet", "ssh", "nixos", "none"), "\"fabricnet\", \"ssh\", \"nixos\" or \"none\""),
         "who brings the host into its state; \"none\": a device without our software", false},
        {"interfaces", &interfaces, "none: the host is somewhere outside", false},
        {"forwarding", &yes_or_no, "whether it routes", false},
        {"resolver", &resolver,
         "who is told the declared zones here: \"mesh\", tailscaled's, if it is a node and nothing is said; \"found\", whoever resolves names on "
         "this host, or one by name; \"stub\", fabricnet's own on 127.0.0.1", false},
        {"rp_filter", &rp_filter, "instead of the default", false},
        {"sysctl", &sysctls, "further settings, instead of the defaults of the same name", false},
        {"routes", &routes, "beside those that follow from the tunnels", false},
        {"ssh", &login, "how 'fabricnet router' logs in to it", false},
        {0},
};
static const struct shape host = OBJECT(host_members, "an object");
static const struct shape hosts = MAP_OF(label, host, "hosts by name");

static const struct property wireguard_member_members[] = {
        {"address", &address, "inside the tunnel's prefix", true},
        {"interface", &device, "\"wg0\" if left out", false},
        {"listen", &port, "UDP port; the endpoint's if left out", false},
        {"endpoint", &host_port, "where other members reach it", false},
        {"announces", &some_prefixes, "prefixes that lie behind it", false},
        {"road_warrior", &yes_or_no, "sends all of its traffic into the tunnel", false},
        {"keepalive", &seconds, "for a member behind NAT", false},
        {"mtu", &mtu, "of its interface, instead of the tunnel's", false},
        {"public_key", &public_key, "so that other hosts need not open its private key", true},
        {"private_key", &secret, "opened on this host only", false},
        {"preshared_key", &secret, "shared with the members that have an endpoint", false},
        {0},
};
static const struct shape wireguard_member = OBJECT(wireguard_member_members, "an object");
static const struct shape members = MAP_OF(a_host, wireguard_member, "members by the name of their host");

static const struct property tunnel_members[] = {
        {"prefix", &a_prefix, "of the members' addresses", true},
        {"mtu", &mtu, "of the interfaces", false},
        {"members", &members, "by host", true},
        {0},
};
static const struct shape tunnel = OBJECT(tunnel_members, "an object");
static const struct shape wireguard = MAP_OF(name, tunnel, "tunnels by name");

static const struct property side_members[] = {
        {"interface", &device, "one of the host's", false},
        {"tunnel", &a_tunnel, "one that the host is a member of", false},
        {0},
};
static const struct shape side = {.kind = SHAPE_OBJECT, .properties = side_members, .exactly_one = WORDS("interface", "tunnel"),
                                  .expected = "{\"interface\": NAME} or {\"tunnel\": NAME}"};

static const struct property nat_members[] = {
        {"masquerade", &nat_prefixes, "sources that leave with the outgoing interface's address", false},
        {"accept", &nat_prefixes, "sources whose packets are let pass before a drop", false},
        {"drop", &nat_prefixes, "sources whose new connections are not forwarded; answers to others' are", false},
        {"forward", &forward, "where connections to a port of this host go on to", false},
        {"port", &port, "of a forward: the port here, the same if left out", false},
        {"hairpin", &yes_or_no, "of a forward: the target's neighbours reach it this way as well", false},
        {"to", &nat_prefixes, "only towards these prefixes", false},
        {"in", &side, "only what came in here", false},
        {"out", &side, "only what leaves here", false},
        {"name", &name, "how errors and counters call it", false},
        {0},
};
static const struct shape nat_entry = {.kind = SHAPE_OBJECT,
                                       .properties = nat_members,
                                       .exactly_one = WORDS("masquerade", "accept", "drop", "forward"),
                                       .expected = "one of \"masquerade\", \"accept\", \"drop\" and \"forward\""};
static const struct shape nat_entries = LIST_OF(nat_entry, 0, "a list of rules");
static const struct shape nat = MAP_OF(a_host, nat_entries, "rules by host");

static const struct property headscale_members[] = {
        {"host", &a_host, "where the server runs", true},
        {"url", &url, "where nodes reach it", true},
        {"api_key", &secret, "opened on that host only", false},
        {0},
};
static const struct shape headscale = OBJECT(headscale_members, "an object");

static const struct property node_members[] = {
        {"address", &address, "that Headscale will give: in the order of enrolment", false},
        {"advertises", &some_prefixes, "prefixes that it routes for the mesh", false},
        {"accepts_routes", &yes_or_no, "uses what others advertise", false},
        {"accepts_dns", &yes_or_no, "uses the mesh's resolver; true if left out, but on the host that answers for a split domain", false},
        {"user", &label, "owner; the first of users if left out", false},
        {"tags", &(const struct shape)LIST_OF(tag, 1, "a list of tags"), "for the policy", false},
        {0},
};
static const struct shape node = OBJECT(node_members, "an object");
static const struct shape nodes = MAP_OF(a_host, node, "nodes by the name of their host");

static const struct property policy_members[] = {{"file", &path, "HuJSON", true}, {0}};
static const struct shape policy = OBJECT(policy_members, "{\"file\": PATH}");

static const struct shape split = MAP_OF(suffix, a_host, "hosts that answer, by domain");
static const struct property mesh_dns_members[] = {
        {"base", &domain, "domain of the nodes' names", false},
        {"split", &split, "which host answers for which domain", false},
        {0},
};
static const struct shape mesh_dns = OBJECT(mesh_dns_members, "an object");

static const struct property mesh_members[] = {
        {"headscale", &headscale, "the control server", true},
        {"prefix", &a_prefix, "of the nodes' addresses", true},
        {"users", &(const struct shape)LIST_OF(label, 1, "a list of users' names"), "owners of nodes", true},
        {"nodes", &nodes, "by host", true},
        {"policy", &policy, "who may reach what", false},
        {"dns", &mesh_dns, "names on the mesh", false},
        {0},
};
static const struct shape mesh = OBJECT(mesh_members, "an object");

static const struct shape records = MAP_OF(domain, a_host, "hosts by the name below the zone");
static const struct property zone_members[] = {
        {"at", &a_host, "the host that answers", true},
        {"records", &records, "names below the zone", true},
        {0},
};
static const struct shape zone = OBJECT(zone_members, "an object");
static const struct shape zones = MAP_OF(domain, zone, "zones by name");

static const struct property acme_members[] = {
        {"server", &acme_url, "the directory of the authority; Let's Encrypt's if left out", false},
        {"email", &email, "where the authority writes to", false},
        {0},
};
static const struct property certificate_files_members[] = {
        {"certificate", &file, "PEM, with the chain", true},
        {"key", &file, "PEM", true},
        {0},
};
static const struct property certificate_authority_members[] = {
        {"certificate", &file, "of an authority of one's own, PEM", true},
        {"key", &secret, "of that authority, opened on the host that serves", true},
        {0},
};
static const struct property certificate_members[] = {
        {"acme", &(const struct shape)OBJECT(acme_members, "an object"), "from an authority such as Let's Encrypt, by certbot and what nginx answers on port 80",
         false},
        {"authority", &(const struct shape)OBJECT(certificate_authority_members, "{\"certificate\": PATH, \"key\": SECRET}"),
         "from an authority of one's own, for inside names", false},
        {"files", &(const struct shape)OBJECT(certificate_files_members, "{\"certificate\": PATH, \"key\": PATH}"),
         "files that somebody else makes and renews", false},
        {0},
};
static const struct shape certificate = {.kind = SHAPE_OBJECT, .properties = certificate_members, .exactly_one = WORDS("acme", "authority", "files"),
                                         .expected = "one of \"acme\", \"authority\" and \"files\""};
static const struct shape certificates = MAP_OF(name, certificate, "certificates by name");

static const struct property service_members[] = {
        {"at", &a_host, "the host that takes requests", true},
        {"to", &host_port, "the host and port that serve them", true},
        {"also", &(const struct shape)LIST_OF(domain, 1, "a list of names"), "further names of it", false},
        {"certificate", &(const struct shape)NAME_IN("certificates", "the name of a certificate"), "none: it is served without TLS", false},
        {"upstream_tls", &yes_or_no, "who serves them is spoken to by https", false},
        {"websocket", &yes_or_no, "pass upgrades on", false},
        {"body_mib", &(const struct shape){.kind = SHAPE_NUMBER, .minimum = 1, .maximum = 1048576, .expected = "MiB, 1 to 1048576"},
         "the largest request; 1 if left out", false},
        {"timeout", &seconds, "for an answer; \"60s\" if left out", false},
        {"allow", &nat_prefixes, "only visitors from there", false},
        {"hsts_days", &(const struct shape){.kind = SHAPE_NUMBER, .minimum = 1, .maximum = 3650, .expected = "days, 1 to 3650"},
         "browsers insist on TLS for so long", false},
        {"cdn", &yes_or_no, "visitors come through Cloudflare only: whoever does not gets no answer", false},
        {0},
};
static const struct shape service = OBJECT(service_members, "an object");
static const struct shape services = MAP_OF(domain, service, "services by their public name");

static const struct property cloudflare_members[] = {
        {"zone", &(const struct shape)TEXT(word_is_zone, WORD_ZONE, "a zone's id: 32 hexadecimal digits"), "whose access rules have the bans", true},
        {"token", &secret, "of the API, with \"Firewall Services: Edit\" of that zone", true},
        {0},
};
static const struct property bans_members[] = {
        {"duration", &seconds, "of a ban; \"3600s\" if left out", false},
        {"never", &(const struct shape)LIST_OF(prefix_text, 1, "a list of prefixes"), "nobody in there is banned, nor in any of /prefixes", false},
        {"cloudflare", &(const struct shape)OBJECT(cloudflare_members, "{\"zone\": ID, \"token\": SECRET}"), "is told the bans too", false},
        {0},
};
static const struct shape jail = CHOICE(WORDS("sshd", "nginx"), "\"sshd\" or \"nginx\"");
static const struct property fail2ban_members[] = {
        {"jails", &(const struct shape)LIST_OF(jail, 1, "a list of jails"), "whose failures are counted", true},
        {"retries", &(const struct shape){.kind = SHAPE_NUMBER, .minimum = 1, .maximum = 1000, .expected = "a number of failures, 1 to 1000"},
         "before a ban; 5 if left out", false},
        {"within", &seconds, "so long; \"600s\" if left out", false},
        {0},
};
static const struct property edge_members[] = {
        {"bans", &(const struct shape)OBJECT(bans_members, "an object"), "the ban engine", false},
        {"fail2ban", &(const struct shape)OBJECT(fail2ban_members, "an object"), "asks the ban engine", false},
        {"origin_ca", &file, "the authority of the certificate that Cloudflare has to show: Authenticated Origin Pulls", false},
        {0},
};
static const struct shape edge = OBJECT(edge_members, "an object");
static const struct shape edges = MAP_OF(a_host, edge, "public hosts by name");

static const struct property backup_members[] = {
        {"of", &a_host, "the host whose file is kept", true},
        {"to", &a_host, "the host that fetches and keeps it", true},
        {"file", &path, "what is fetched; below the folder that a restricted key is held to, relative to it", true},
        {"folder", &folder, "where it is kept; \"/var/backups/fabricnet/NAME\" if left out", false},
        {"keep", &(const struct shape){.kind = SHAPE_NUMBER, .minimum = 1, .maximum = 10000, .expected = "a number of generations, 1 to 10000"},
         "generations; 30 if left out", false},
        {"user", &name, "on that host; \"root\" if left out", false},
        {"port", &port, "of its sshd; 22 if left out", false},
        {"private_key", &secret, "ssh key, opened on the fetching host only", true},
        {"host_key", &host_key, "of the host whose file is kept; nobody else is spoken to", true},
        {0},
};
static const struct shape backup = OBJECT(backup_members, "an object");
static const struct shape backups = MAP_OF(name, backup, "backups by name");

static const struct property watched_members[] = {
        {"user", &name, "on that host; \"root\" if left out", false},
        {"port", &port, "of its sshd; 22 if left out", false},
        {"private_key", &secret, "ssh key, opened on the host that collects only", true},
        {"host_key", &host_key, "of the host that is asked; nobody else is spoken to", true},
        {0},
};
static const struct shape watched = OBJECT(watched_members, "an object");
static const struct shape watched_hosts = MAP_OF(a_host, watched, "by host");

static const struct property monitoring_members[] = {
        {"at", &a_host, "the host that collects, where Prometheus runs", true},
        {"interval", &seconds, "between two looks; \"60s\" if left out", false},
        {"hosts", &watched_hosts, "further hosts, which it asks over ssh", false},
        {0},
};
static const struct shape monitoring = OBJECT(monitoring_members, "an object");

static const struct property expectation_members[] = {
        {"from", &a_host, "who asks", true},
        {"to", &target, "a host, a name of a zone, a service or an address", true},
        {"is", &(const struct shape)CHOICE(WORDS("delivered", "dropped"), "\"delivered\" or \"dropped\""), "what becomes of it", true},
        {0},
};
static const struct shape expectation = OBJECT(expectation_members, "an object");
static const struct shape expect = LIST_OF(expectation, 0, "a list of expectations");

static const struct property allowance_members[] = {
        {"code", &code, "of the finding, as check tells it", true},
        {"at", &pointer, "where it may be: a JSON pointer, all below it included; everywhere if left out", false},
        {"reason", &reason, "why it is no trouble here", true},
        {0},
};
static const struct shape allowance = OBJECT(allowance_members, "{\"code\": …, \"reason\": …}");
static const struct shape allow = LIST_OF(allowance, 0, "a list of findings that are known");
static const struct shape include = LIST_OF(path, 0, "a list of files");

static const struct property file_members[] = {
        {"$schema", &(const struct shape){.kind = SHAPE_TEXT, .expected = "text"}, "for editors", false},
        {"fabric", &version, "version of this language", true},
        {"name", &label, "of the fabric; part of names on the hosts", true},
        {"include", &include, "files with further parts of this one, relative to it; what is declared in two of them is an error", false},
        {"defaults", &defaults, "", false},
        {"prefixes", &prefixes, "every prefix is written once, here", true},
        {"hosts", &hosts, "", true},
        {"wireguard", &wireguard, "tunnels", false},
        {"nat", &nat, "forwarding rules of our own nftables table", false},
        {"mesh", &mesh, "Headscale and Tailscale", false},
        {"dns", &zones, "zones", false},
        {"certificates", &certificates, "of services", false},
        {"services", &services, "names that are served to the Internet", false},
        {"edge", &edges, "what keeps the hosts that serve them: bans", false},
        {"backups", &backups, "files of other hosts that are kept in generations", false},
        {"monitoring", &monitoring, "metrics of this network, collected on one host", false},
        {"expect", &expect, "what must hold", false},
        {"allow", &allow, "findings of check that are known, with a reason each", false},
        {0},
};
const struct shape fabric_language = OBJECT(file_members, "an object");
