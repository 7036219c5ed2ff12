/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "records.h"

#include <string.h>
#include <sys/socket.h>

#define MEMBER(owner, member) .name = #member, .offset = offsetof(owner, member), .size = sizeof(((owner *)0)->member)
#define ONE(owner, member, kind) { MEMBER(owner, member), .type = FIELD_##kind }
#define MANY(owner, member, kind) { MEMBER(owner, member), .type = FIELD_##kind, .list = true, .count = offsetof(owner, n_##member) }
#define MANY_NUMBERS(owner, member)                                                                                                       \
        { .name = #member, .offset = offsetof(owner, member), .size = sizeof(*((owner *)0)->member), .type = FIELD_UNSIGNED, .list = true, \
          .count = offsetof(owner, n_##member) }
#define NAMED(owner, member, names) { MEMBER(owner, member), .type = FIELD_ENUM, .more = names }
#define AT(owner, member, kind) { MEMBER(owner, member), .type = FIELD_RECORD_AT, .more = &kind##_record }
#define INSIDE(owner, member, kind) { MEMBER(owner, member), .type = FIELD_RECORD, .more = &kind##_record }

#define MANY_INSIDE(owner, member, kind) \
        { MEMBER(owner, member), .type = FIELD_RECORD, .more = &kind##_record, .list = true, .count = offsetof(owner, n_##member) }

#define RECORD(type, class) RECORD_WITH_SET(type, class, 0)
#define RECORD_WITH_SET(type, class, set_offset)                                                                       \
        const struct record type##_record = {class, sizeof(type), set_offset, type##_fields,                          \
                                             sizeof(type##_fields) / sizeof(type##_fields[0])};

static const struct enum_name change_kinds[] = {
        {"create", FBN_CHANGE_CREATE}, {"update", FBN_CHANGE_UPDATE}, {"delete", FBN_CHANGE_DELETE}, {0}};
static const struct enum_name link_states[] = {{"up", FBN_LINK_UP}, {"down", FBN_LINK_DOWN}, {0}};
static const struct enum_name link_switches[] = {{"on", FBN_LINK_ON}, {"off", FBN_LINK_OFF}, {0}};
static const struct enum_name link_scopes[] = {{"global", FBN_LINK_SCOPE_GLOBAL}, {"site", FBN_LINK_SCOPE_SITE}, {"link", FBN_LINK_SCOPE_LINK},
                                               {"host", FBN_LINK_SCOPE_HOST},     {0}};
const struct enum_name families[] = {{"inet", AF_INET}, {"inet6", AF_INET6}, {0}};
static const struct enum_name route_types[] = {{"unicast", FBN_ROUTE_UNICAST},   {"blackhole", FBN_ROUTE_BLACKHOLE},
                                               {"unreachable", FBN_ROUTE_UNREACHABLE}, {"prohibit", FBN_ROUTE_PROHIBIT},
                                               {"throw", FBN_ROUTE_THROW},       {"local", FBN_ROUTE_LOCAL},
                                               {"broadcast", FBN_ROUTE_BROADCAST}, {"anycast", FBN_ROUTE_ANYCAST},
                                               {"multicast", FBN_ROUTE_MULTICAST}, {"other", FBN_ROUTE_OTHER},
                                               {0}};
static const struct enum_name route_scopes[] = {{"global", FBN_ROUTE_SCOPE_GLOBAL}, {"site", FBN_ROUTE_SCOPE_SITE},
                                                {"link", FBN_ROUTE_SCOPE_LINK},     {"host", FBN_ROUTE_SCOPE_HOST},
                                                {0}};
static const struct enum_name rule_actions[] = {{"lookup", FBN_RULE_LOOKUP},           {"goto", FBN_RULE_GOTO},
                                                {"nop", FBN_RULE_NOP},                 {"blackhole", FBN_RULE_BLACKHOLE},
                                                {"unreachable", FBN_RULE_UNREACHABLE}, {"prohibit", FBN_RULE_PROHIBIT},
                                                {0}};
static const struct enum_name backends[] = {{"kernel", FBN_WIREGUARD_KERNEL}, {"userspace", FBN_WIREGUARD_USERSPACE}, {0}};
static const struct enum_name nat_kinds[] = {
        {"masquerade", FBN_NAT_MASQUERADE}, {"accept", FBN_NAT_ACCEPT},       {"drop", FBN_NAT_DROP},
        {"clamp_mss", FBN_NAT_CLAMP_MSS},   {"keep_out", FBN_NAT_KEEP_OUT},   {"snat", FBN_NAT_SNAT},
        {"dnat", FBN_NAT_DNAT},             {"redirect", FBN_NAT_REDIRECT},   {"count", FBN_NAT_COUNT},
        {"set_mark", FBN_NAT_SET_MARK},     {"save_mark", FBN_NAT_SAVE_MARK}, {"restore_mark", FBN_NAT_RESTORE_MARK},
        {"notrack", FBN_NAT_NOTRACK},       {"offload", FBN_NAT_OFFLOAD},   {0}};
static const struct enum_name nat_places[] = {
        {"forward", FBN_NAT_FORWARD}, {"input", FBN_NAT_INPUT}, {"output", FBN_NAT_OUTPUT}, {"arrival", FBN_NAT_ARRIVAL}, {0}};
static const struct enum_name nat_foreign_kinds[] = {{"reverse_path", FBN_NAT_REVERSE_PATH},
                                                     {"forward_policy", FBN_NAT_FORWARD_POLICY},
                                                     {"forward_rules", FBN_NAT_FORWARD_RULES}, {0}};
static const struct enum_name severities[] = {
        {"error", FBN_SEVERITY_ERROR}, {"warning", FBN_SEVERITY_WARNING}, {"note", FBN_SEVERITY_NOTE}, {0}};
static const struct enum_name dns_sources[] = {
        {"none", FBN_DNS_SOURCE_NONE},   {"upstream", FBN_DNS_SOURCE_UPSTREAM}, {"cache", FBN_DNS_SOURCE_CACHE},
        {"route", FBN_DNS_SOURCE_ROUTE}, {"local", FBN_DNS_SOURCE_LOCAL},       {0},
};
static const struct enum_name dns_sections[] = {
        {"answer", FBN_DNS_SECTION_ANSWER}, {"authority", FBN_DNS_SECTION_AUTHORITY}, {"additional", FBN_DNS_SECTION_ADDITIONAL}, {0},
};
static const struct enum_name dns_managers[] = {
        {"resolved", FBN_DNS_MANAGER_RESOLVED}, {"resolvconf", FBN_DNS_MANAGER_RESOLVCONF}, {"dnsmasq", FBN_DNS_MANAGER_DNSMASQ},
        {"unbound", FBN_DNS_MANAGER_UNBOUND},   {"file", FBN_DNS_MANAGER_FILE},             {0},
};
static const struct enum_name healths[] = {
        {"ok", FBN_HEALTH_OK}, {"warning", FBN_HEALTH_WARNING}, {"down", FBN_HEALTH_DOWN}, {0}};
static const struct enum_name outcomes[] = {{"open", FBN_OUTCOME_OPEN}, {"confirmed", FBN_OUTCOME_CONFIRMED},
                                            {"undone", FBN_OUTCOME_UNDONE}, {"failed", FBN_OUTCOME_FAILED}, {0}};
static const struct enum_name event_kinds[] = {
        {"added", FBN_EVENT_ADDED},         {"changed", FBN_EVENT_CHANGED}, {"removed", FBN_EVENT_REMOVED},
        {"resync", FBN_EVENT_RESYNC},       {"handshake", FBN_EVENT_HANDSHAKE}, {"stale", FBN_EVENT_STALE},
        {"counters", FBN_EVENT_COUNTERS},   {"failed", FBN_EVENT_FAILED},   {"traced", FBN_EVENT_TRACED}, {0}};
const struct enum_name element_verbs[] = {{"add", FBN_NAT_ELEMENTS_ADD},         {"delete", FBN_NAT_ELEMENTS_DELETE},
                                          {"refresh", FBN_NAT_ELEMENTS_REFRESH}, {0}};
const struct enum_name headscale_key_kinds[] = {{"pre-auth", FBN_HEADSCALE_KEY_PRE_AUTH}, {"api", FBN_HEADSCALE_KEY_API}, {0}};
const struct enum_name headscale_abilities[] = {{"set-expiry", FBN_HEADSCALE_CAN_SET_EXPIRY},     {"move-nodes", FBN_HEADSCALE_CAN_MOVE_NODES},
                                                {"untag", FBN_HEADSCALE_CAN_UNTAG},               {"check-policy", FBN_HEADSCALE_CAN_CHECK_POLICY},
                                                {"delete-keys", FBN_HEADSCALE_CAN_DELETE_KEYS},   {"mint-tagged", FBN_HEADSCALE_CAN_MINT_TAGGED},
                                                {"judge-logins", FBN_HEADSCALE_CAN_JUDGE_LOGINS}, {0}};
const struct enum_name graph_formats[] = {{"svg", FBN_GRAPH_SVG}, {"dot", FBN_GRAPH_DOT}, {0}};

static const struct field fbn_context_options_fields[] = {
        ONE(fbn_context_options, netns, TEXT),
        ONE(fbn_context_options, secrets_dir, TEXT),
};
RECORD(fbn_context_options, "context options")

static const struct field fbn_change_fields[] = {
        NAMED(fbn_change, kind, change_kinds), ONE(fbn_change, object, TEXT), ONE(fbn_change, field, TEXT),
        ONE(fbn_change, before, TEXT),         ONE(fbn_change, after, TEXT),
};
RECORD(fbn_change, "Change")

static const struct field fbn_link_fields[] = {
        ONE(fbn_link, name, TEXT),     ONE(fbn_link, kind, TEXT),
        ONE(fbn_link, index, UNSIGNED), ONE(fbn_link, mtu, UNSIGNED),
        NAMED(fbn_link, state, link_states), ONE(fbn_link, alias, TEXT),
        ONE(fbn_link, master, TEXT),   ONE(fbn_link, peer, TEXT),
        ONE(fbn_link, parent, TEXT),   ONE(fbn_link, vlan, UNSIGNED),
        ONE(fbn_link, vlan_protocol, UNSIGNED), ONE(fbn_link, table, UNSIGNED),
        NAMED(fbn_link, vlan_filtering, link_switches), NAMED(fbn_link, stp, link_switches),
        MANY(fbn_link, altnames, TEXT),
        ONE(fbn_link, running, BOOL),
};
RECORD(fbn_link, "Link")

static const struct field fbn_link_apply_options_fields[] = {
        ONE(fbn_link_apply_options, adopt, BOOL),
        ONE(fbn_link_apply_options, dry_run, BOOL),
};
RECORD(fbn_link_apply_options, "link options")

static const struct field fbn_link_address_fields[] = {
        ONE(fbn_link_address, device, TEXT),
        ONE(fbn_link_address, address, INTERFACE),
        ONE(fbn_link_address, peer, ADDRESS),
        ONE(fbn_link_address, broadcast, ADDRESS),
        NAMED(fbn_link_address, scope, link_scopes),
        ONE(fbn_link_address, valid, UNSIGNED),
        ONE(fbn_link_address, preferred, UNSIGNED),
        ONE(fbn_link_address, deprecated, BOOL),
        ONE(fbn_link_address, protocol, UNSIGNED),
        ONE(fbn_link_address, no_prefix_route, BOOL),
        ONE(fbn_link_address, no_dad, BOOL),
        ONE(fbn_link_address, tentative, BOOL),
        ONE(fbn_link_address, dad_failed, BOOL),
        ONE(fbn_link_address, secondary, BOOL),
};
RECORD(fbn_link_address, "LinkAddress")

static const struct field fbn_link_address_apply_options_fields[] = {ONE(fbn_link_address_apply_options, dry_run, BOOL)};
RECORD(fbn_link_address_apply_options, "address options")

static const struct field fbn_route_hop_fields[] = {
        ONE(fbn_route_hop, gateway, ADDRESS),
        ONE(fbn_route_hop, device, TEXT),
        ONE(fbn_route_hop, weight, UNSIGNED),
        ONE(fbn_route_hop, onlink, BOOL),
};
RECORD(fbn_route_hop, "RouteHop")

static const struct field fbn_route_fields[] = {
        ONE(fbn_route, destination, PREFIX), ONE(fbn_route, gateway, ADDRESS), ONE(fbn_route, device, TEXT),
        ONE(fbn_route, source, ADDRESS),     ONE(fbn_route, table, UNSIGNED),  ONE(fbn_route, metric, UNSIGNED),
        ONE(fbn_route, mtu, UNSIGNED),       ONE(fbn_route, advmss, UNSIGNED), NAMED(fbn_route, type, route_types),
        ONE(fbn_route, protocol, UNSIGNED),  ONE(fbn_route, onlink, BOOL),     ONE(fbn_route, tos, UNSIGNED),
        NAMED(fbn_route, scope, route_scopes), MANY_INSIDE(fbn_route, hops, fbn_route_hop), ONE(fbn_route, nexthop, UNSIGNED),
};
RECORD(fbn_route, "Route")

static const struct field fbn_route_query_fields[] = {
        ONE(fbn_route_query, destination, ADDRESS),
        ONE(fbn_route_query, source, ADDRESS),
        ONE(fbn_route_query, in_device, TEXT),
        ONE(fbn_route_query, out_device, TEXT),
        ONE(fbn_route_query, mark, UNSIGNED),
        ONE(fbn_route_query, tos, UNSIGNED),
        ONE(fbn_route_query, ip_protocol, UNSIGNED),
        ONE(fbn_route_query, source_port, UNSIGNED),
        ONE(fbn_route_query, destination_port, UNSIGNED),
        ONE(fbn_route_query, uid, UNSIGNED),
};
RECORD(fbn_route_query, "route query")

static const struct field fbn_nexthop_member_fields[] = {
        ONE(fbn_nexthop_member, id, UNSIGNED),
        ONE(fbn_nexthop_member, weight, UNSIGNED),
};
RECORD(fbn_nexthop_member, "NexthopMember")

static const struct field fbn_nexthop_fields[] = {
        ONE(fbn_nexthop, id, UNSIGNED),     NAMED(fbn_nexthop, family, families), ONE(fbn_nexthop, gateway, ADDRESS),
        ONE(fbn_nexthop, device, TEXT),     ONE(fbn_nexthop, onlink, BOOL),       ONE(fbn_nexthop, blackhole, BOOL),
        MANY_INSIDE(fbn_nexthop, members, fbn_nexthop_member), ONE(fbn_nexthop, protocol, UNSIGNED),
};
RECORD(fbn_nexthop, "Nexthop")

static const struct field fbn_nexthop_apply_options_fields[] = {ONE(fbn_nexthop_apply_options, dry_run, BOOL)};
RECORD(fbn_nexthop_apply_options, "nexthop options")

static const struct field fbn_neighbour_fields[] = {
        ONE(fbn_neighbour, address, ADDRESS), ONE(fbn_neighbour, device, TEXT), ONE(fbn_neighbour, link_address, TEXT),
        ONE(fbn_neighbour, state, TEXT),      ONE(fbn_neighbour, proxy, BOOL),  ONE(fbn_neighbour, router, BOOL),
        ONE(fbn_neighbour, protocol, UNSIGNED),
};
RECORD(fbn_neighbour, "Neighbour")

static const struct field fbn_neighbour_apply_options_fields[] = {ONE(fbn_neighbour_apply_options, dry_run, BOOL)};
RECORD(fbn_neighbour_apply_options, "neighbour options")

static const struct field fbn_route_filter_fields[] = {
        NAMED(fbn_route_filter, family, families),
        ONE(fbn_route_filter, table, UNSIGNED),
        ONE(fbn_route_filter, protocol, UNSIGNED),
        ONE(fbn_route_filter, device, TEXT),
};
RECORD(fbn_route_filter, "route filter")

static const struct field fbn_route_apply_options_fields[] = {
        ONE(fbn_route_apply_options, device, TEXT),
        ONE(fbn_route_apply_options, dry_run, BOOL),
};
RECORD(fbn_route_apply_options, "route options")

static const struct field fbn_rule_fields[] = {
        NAMED(fbn_rule, family, families), ONE(fbn_rule, priority, UNSIGNED), ONE(fbn_rule, invert, BOOL),
        ONE(fbn_rule, from, PREFIX),       ONE(fbn_rule, to, PREFIX),         ONE(fbn_rule, in_device, TEXT),
        ONE(fbn_rule, out_device, TEXT),   ONE(fbn_rule, fwmark, UNSIGNED),   ONE(fbn_rule, fwmask, UNSIGNED),
        ONE(fbn_rule, table, UNSIGNED),    ONE(fbn_rule, suppress_prefix_length, ONE_MORE),
        ONE(fbn_rule, protocol, UNSIGNED), NAMED(fbn_rule, action, rule_actions), ONE(fbn_rule, target, UNSIGNED),
        ONE(fbn_rule, tos, UNSIGNED),      ONE(fbn_rule, dscp, ONE_MORE),         ONE(fbn_rule, ip_protocol, UNSIGNED),
        ONE(fbn_rule, source_port, UNSIGNED), ONE(fbn_rule, source_port_last, UNSIGNED),
        ONE(fbn_rule, destination_port, UNSIGNED), ONE(fbn_rule, destination_port_last, UNSIGNED),
        ONE(fbn_rule, uid, UNSIGNED),      ONE(fbn_rule, uid_end, UNSIGNED),      ONE(fbn_rule, l3mdev, BOOL),
        ONE(fbn_rule, suppress_group, ONE_MORE), ONE(fbn_rule, tunnel, UNSIGNED),
        ONE(fbn_rule, flow_label, UNSIGNED), ONE(fbn_rule, flow_label_mask, UNSIGNED),
};
RECORD(fbn_rule, "Rule")

static const struct field fbn_rule_apply_options_fields[] = {ONE(fbn_rule_apply_options, dry_run, BOOL)};
RECORD(fbn_rule_apply_options, "rule options")

static const struct field fbn_sysctl_fields[] = {ONE(fbn_sysctl, key, TEXT), ONE(fbn_sysctl, value, SIGNED)};
RECORD(fbn_sysctl, "Sysctl")

static const struct enum_name sysctl_rules[] = {{"own", FBN_SYSCTL_OWN},   {"larger", FBN_SYSCTL_LARGER}, {"either", FBN_SYSCTL_EITHER},
                                                {"both", FBN_SYSCTL_BOTH}, {"all", FBN_SYSCTL_ALL},       {0}};
static const struct field fbn_sysctl_effect_fields[] = {
        ONE(fbn_sysctl_effect, key, TEXT),  ONE(fbn_sysctl_effect, name, TEXT),    ONE(fbn_sysctl_effect, own, SIGNED),
        ONE(fbn_sysctl_effect, all, SIGNED), ONE(fbn_sysctl_effect, value, SIGNED), NAMED(fbn_sysctl_effect, rule, sysctl_rules),
        ONE(fbn_sysctl_effect, meaning, TEXT),
};
RECORD(fbn_sysctl_effect, "SysctlEffect")

static const struct enum_name rpfilter_kinds[] = {{"accept", FBN_RPFILTER_ACCEPT},     {"drop", FBN_RPFILTER_DROP},
                                                  {"martian", FBN_RPFILTER_MARTIAN},   {"unrouted", FBN_RPFILTER_UNROUTED},
                                                  {0}};
static const struct enum_name rpfilter_clauses[] = {
        {"martian", FBN_RPFILTER_CLAUSE_MARTIAN},
        {"destination", FBN_RPFILTER_CLAUSE_DESTINATION},
        {"unrouted", FBN_RPFILTER_CLAUSE_UNROUTED},
        {"off", FBN_RPFILTER_CLAUSE_OFF},
        {"accept_local", FBN_RPFILTER_CLAUSE_ACCEPT_LOCAL},
        {"own_source", FBN_RPFILTER_CLAUSE_OWN_SOURCE},
        {"source_type", FBN_RPFILTER_CLAUSE_SOURCE_TYPE},
        {"reverse_device", FBN_RPFILTER_CLAUSE_REVERSE_DEVICE},
        {"no_address", FBN_RPFILTER_CLAUSE_NO_ADDRESS},
        {"strict", FBN_RPFILTER_CLAUSE_STRICT},
        {"loose", FBN_RPFILTER_CLAUSE_LOOSE},
        {"no_route", FBN_RPFILTER_CLAUSE_NO_ROUTE},
        {0},
};
static const struct enum_name rpfilter_reverses[] = {{"none", FBN_RPFILTER_REVERSE_NONE},   {"unicast", FBN_RPFILTER_REVERSE_UNICAST},
                                                     {"local", FBN_RPFILTER_REVERSE_LOCAL}, {"other", FBN_RPFILTER_REVERSE_OTHER},
                                                     {0}};
static const struct field fbn_rpfilter_state_fields[] = {
        ONE(fbn_rpfilter_state, source, ADDRESS),      ONE(fbn_rpfilter_state, destination, ADDRESS), ONE(fbn_rpfilter_state, rp_filter, UNSIGNED),
        ONE(fbn_rpfilter_state, accept_local, BOOL),   ONE(fbn_rpfilter_state, route_localnet, BOOL), ONE(fbn_rpfilter_state, unrouted, BOOL),
        ONE(fbn_rpfilter_state, no_address, BOOL),     ONE(fbn_rpfilter_state, own_source, BOOL),     ONE(fbn_rpfilter_state, policy, BOOL),
        ONE(fbn_rpfilter_state, redirects, BOOL),      NAMED(fbn_rpfilter_state, reverse, rpfilter_reverses),
        ONE(fbn_rpfilter_state, reverse_device, BOOL),
};
RECORD(fbn_rpfilter_state, "RpFilterState")

static const struct field fbn_rpfilter_packet_fields[] = {
        ONE(fbn_rpfilter_packet, source, ADDRESS),     ONE(fbn_rpfilter_packet, destination, ADDRESS), ONE(fbn_rpfilter_packet, in_device, TEXT),
        ONE(fbn_rpfilter_packet, mark, UNSIGNED),      ONE(fbn_rpfilter_packet, tos, UNSIGNED),        ONE(fbn_rpfilter_packet, ip_protocol, UNSIGNED),
        ONE(fbn_rpfilter_packet, source_port, UNSIGNED), ONE(fbn_rpfilter_packet, destination_port, UNSIGNED),
};
RECORD(fbn_rpfilter_packet, "RpFilterPacket")

static const struct field fbn_rpfilter_result_fields[] = {
        NAMED(fbn_rpfilter_result, kind, rpfilter_kinds),
        NAMED(fbn_rpfilter_result, clause, rpfilter_clauses),
        ONE(fbn_rpfilter_result, why, TEXT),
        INSIDE(fbn_rpfilter_result, state, fbn_rpfilter_state),
};
RECORD(fbn_rpfilter_result, "RpFilterResult")

static const struct field fbn_sysctl_apply_options_fields[] = {ONE(fbn_sysctl_apply_options, dry_run, BOOL)};
RECORD(fbn_sysctl_apply_options, "sysctl options")

static const struct field fbn_wireguard_interface_fields[] = {
        ONE(fbn_wireguard_interface, name, TEXT),
        NAMED(fbn_wireguard_interface, backend, backends),
        ONE(fbn_wireguard_interface, private_key, SECRET),
        ONE(fbn_wireguard_interface, public_key, KEY),
        ONE(fbn_wireguard_interface, listen_port, UNSIGNED),
        ONE(fbn_wireguard_interface, fwmark, UNSIGNED),
        MANY(fbn_wireguard_interface, addresses, INTERFACE),
        MANY(fbn_wireguard_interface, dns, TEXT),
        ONE(fbn_wireguard_interface, mtu, UNSIGNED),
        ONE(fbn_wireguard_interface, table, TEXT),
        MANY(fbn_wireguard_interface, hooks, TEXT),
        ONE(fbn_wireguard_interface, layout, SECRET),
};
RECORD(fbn_wireguard_interface, "WireguardInterface")

static const struct field fbn_wireguard_peer_fields[] = {
        ONE(fbn_wireguard_peer, public_key, KEY),
        ONE(fbn_wireguard_peer, preshared_key, SECRET),
        ONE(fbn_wireguard_peer, endpoint, ENDPOINT),
        ONE(fbn_wireguard_peer, endpoint_name, TEXT),
        ONE(fbn_wireguard_peer, keepalive, UNSIGNED),
        MANY(fbn_wireguard_peer, allowed_ips, PREFIX),
        ONE(fbn_wireguard_peer, last_handshake, SIGNED),
        ONE(fbn_wireguard_peer, received, UNSIGNED),
        ONE(fbn_wireguard_peer, sent, UNSIGNED),
        ONE(fbn_wireguard_peer, protocol_version, UNSIGNED),
        ONE(fbn_wireguard_peer, layout, SECRET),
};
RECORD(fbn_wireguard_peer, "WireguardPeer")

static const struct field fbn_wireguard_create_options_fields[] = {
        NAMED(fbn_wireguard_create_options, backend, backends),
        ONE(fbn_wireguard_create_options, daemon, TEXT),
        ONE(fbn_wireguard_create_options, timeout_ms, UNSIGNED),
        ONE(fbn_wireguard_create_options, mtu, UNSIGNED),
        ONE(fbn_wireguard_create_options, adopt, BOOL),
};
RECORD(fbn_wireguard_create_options, "wireguard create options")

static const struct field fbn_wireguard_apply_options_fields[] = {
        ONE(fbn_wireguard_apply_options, keep_peers, BOOL),
        ONE(fbn_wireguard_apply_options, dry_run, BOOL),
};
RECORD(fbn_wireguard_apply_options, "wireguard options")

static const struct field fbn_wireguard_member_fields[] = {
        ONE(fbn_wireguard_member, name, TEXT),
        ONE(fbn_wireguard_member, public_key, KEY),
        ONE(fbn_wireguard_member, private_key, SECRET),
        MANY(fbn_wireguard_member, addresses, INTERFACE),
        ONE(fbn_wireguard_member, endpoint, TEXT),
        ONE(fbn_wireguard_member, listen_port, UNSIGNED),
        ONE(fbn_wireguard_member, keepalive, UNSIGNED),
        MANY(fbn_wireguard_member, announces, PREFIX),
        MANY(fbn_wireguard_member, connected, PREFIX),
        ONE(fbn_wireguard_member, relay, BOOL),
        ONE(fbn_wireguard_member, road_warrior, BOOL),
        ONE(fbn_wireguard_member, mtu, UNSIGNED),
        MANY(fbn_wireguard_member, dns, TEXT),
};
RECORD(fbn_wireguard_member, "WireguardMember")

static const struct field fbn_wireguard_network_options_fields[] = {
        MANY(fbn_wireguard_network_options, prefixes, PREFIX),
        ONE(fbn_wireguard_network_options, preshared, SECRET),
};
RECORD(fbn_wireguard_network_options, "network options")

static const struct field fbn_nat_rule_fields[] = {
        NAMED(fbn_nat_rule, kind, nat_kinds),
        NAMED(fbn_nat_rule, at, nat_places),
        ONE(fbn_nat_rule, name, TEXT),
        MANY(fbn_nat_rule, sources, PREFIX),
        MANY(fbn_nat_rule, destinations, PREFIX),
        ONE(fbn_nat_rule, source_set, TEXT),
        ONE(fbn_nat_rule, destination_set, TEXT),
        ONE(fbn_nat_rule, to_map, TEXT),
        ONE(fbn_nat_rule, local, BOOL),
        ONE(fbn_nat_rule, in_device, TEXT),
        ONE(fbn_nat_rule, out_device, TEXT),
        ONE(fbn_nat_rule, protocol, TEXT),
        ONE(fbn_nat_rule, source_port, UNSIGNED),
        ONE(fbn_nat_rule, source_port_last, UNSIGNED),
        ONE(fbn_nat_rule, destination_port, UNSIGNED),
        ONE(fbn_nat_rule, destination_port_last, UNSIGNED),
        ONE(fbn_nat_rule, mark, UNSIGNED),
        ONE(fbn_nat_rule, mark_mask, UNSIGNED),
        ONE(fbn_nat_rule, connection_mark, UNSIGNED),
        ONE(fbn_nat_rule, connection_mark_mask, UNSIGNED),
        ONE(fbn_nat_rule, states, TEXT),
        ONE(fbn_nat_rule, dnat, BOOL),
        ONE(fbn_nat_rule, rate, UNSIGNED),
        ONE(fbn_nat_rule, rate_seconds, UNSIGNED),
        ONE(fbn_nat_rule, burst, UNSIGNED),
        ONE(fbn_nat_rule, log, TEXT),
        ONE(fbn_nat_rule, log_group, UNSIGNED),
        ONE(fbn_nat_rule, log_level, UNSIGNED),
        ONE(fbn_nat_rule, mss, UNSIGNED),
        ONE(fbn_nat_rule, to, ADDRESS),
        ONE(fbn_nat_rule, to_port, UNSIGNED),
        ONE(fbn_nat_rule, to_port_last, UNSIGNED),
        ONE(fbn_nat_rule, random, BOOL),
        ONE(fbn_nat_rule, hairpin, UNSIGNED),
        ONE(fbn_nat_rule, set_mark, UNSIGNED),
        ONE(fbn_nat_rule, set_mark_mask, UNSIGNED),
        ONE(fbn_nat_rule, packets, UNSIGNED),
        ONE(fbn_nat_rule, bytes, UNSIGNED),
};
RECORD(fbn_nat_rule, "NatRule")

static const struct field fbn_nat_foreign_fields[] = {
        NAMED(fbn_nat_foreign, kind, nat_foreign_kinds),
        ONE(fbn_nat_foreign, where, TEXT),
        ONE(fbn_nat_foreign, rules, UNSIGNED),
};
RECORD(fbn_nat_foreign, "NatForeign")
static const struct field fbn_nat_set_fields[] = {
        ONE(fbn_nat_set, name, TEXT),        ONE(fbn_nat_set, key, TEXT),       ONE(fbn_nat_set, data, TEXT),
        ONE(fbn_nat_set, intervals, BOOL),   ONE(fbn_nat_set, timeouts, BOOL),  ONE(fbn_nat_set, timeout_ms, UNSIGNED),
        ONE(fbn_nat_set, limit, UNSIGNED),   ONE(fbn_nat_set, counters, BOOL),
};
RECORD(fbn_nat_set, "NatSet")

static const struct field fbn_nat_ban_fields[] = {
        ONE(fbn_nat_ban, name, TEXT),
        ONE(fbn_nat_ban, in_device, TEXT),
        ONE(fbn_nat_ban, timeout_ms, UNSIGNED),
        ONE(fbn_nat_ban, limit, UNSIGNED),
};
RECORD(fbn_nat_ban, "NatBan")

static const struct field fbn_nat_element_fields[] = {
        ONE(fbn_nat_element, key, TEXT),            ONE(fbn_nat_element, data, TEXT),        ONE(fbn_nat_element, timeout_ms, UNSIGNED),
        ONE(fbn_nat_element, expires_ms, UNSIGNED), ONE(fbn_nat_element, packets, UNSIGNED), ONE(fbn_nat_element, bytes, UNSIGNED),
};
RECORD(fbn_nat_element, "NatElement")

static const struct field fbn_nat_apply_options_fields[] = {ONE(fbn_nat_apply_options, dry_run, BOOL), ONE(fbn_nat_apply_options, keep_sets, BOOL),
                                                                       ONE(fbn_nat_apply_options, generation, UNSIGNED)};
RECORD(fbn_nat_apply_options, "nat options")

static const struct enum_name ban_cdns[] = {{"waiting", FBN_BAN_CDN_WAITING}, {"blocked", FBN_BAN_CDN_BLOCKED}, {"lifting", FBN_BAN_CDN_LIFTING},
                                            {"refused", FBN_BAN_CDN_REFUSED}, {0}};
static const struct field fbn_ban_fields[] = {
        ONE(fbn_ban, prefix, PREFIX), ONE(fbn_ban, duration_ms, UNSIGNED), ONE(fbn_ban, for_good, BOOL),
        ONE(fbn_ban, reason, TEXT),   ONE(fbn_ban, since, SIGNED),         NAMED(fbn_ban, cdn, ban_cdns),
};
RECORD(fbn_ban, "Ban")

static const struct field fbn_backup_fields[] = {
        ONE(fbn_backup, host, TEXT),        ONE(fbn_backup, port, UNSIGNED), ONE(fbn_backup, user, TEXT),   ONE(fbn_backup, path, TEXT),
        ONE(fbn_backup, private_key, TEXT), ONE(fbn_backup, host_key, TEXT), ONE(fbn_backup, folder, TEXT), ONE(fbn_backup, keep, UNSIGNED),
        ONE(fbn_backup, timeout_s, UNSIGNED),
};
RECORD(fbn_backup, "Backup")

static const struct field fbn_backup_state_fields[] = {
        ONE(fbn_backup_state, generations, UNSIGNED), ONE(fbn_backup_state, newest, CHARS),     ONE(fbn_backup_state, newest_at, SIGNED),
        ONE(fbn_backup_state, succeeded_at, SIGNED),  ONE(fbn_backup_state, failed_at, SIGNED), ONE(fbn_backup_state, failure, CHARS),
};
RECORD(fbn_backup_state, "BackupState")

static const struct field fbn_ban_state_fields[] = {
        ONE(fbn_ban_state, bans, UNSIGNED),    ONE(fbn_ban_state, waiting, UNSIGNED),      ONE(fbn_ban_state, lifting, UNSIGNED),
        ONE(fbn_ban_state, refused, UNSIGNED), ONE(fbn_ban_state, resident_kib, UNSIGNED), ONE(fbn_ban_state, stored, BOOL),
        ONE(fbn_ban_state, trouble, TEXT),
};
RECORD(fbn_ban_state, "BanState")

static const struct field fbn_ban_engine_options_fields[] = {
        ONE(fbn_ban_engine_options, socket, TEXT),      ONE(fbn_ban_engine_options, state_dir, TEXT),
        ONE(fbn_ban_engine_options, name, TEXT),        ONE(fbn_ban_engine_options, duration_ms, UNSIGNED),
        MANY(fbn_ban_engine_options, never, PREFIX),    ONE(fbn_ban_engine_options, never_file, TEXT),
        MANY(fbn_ban_engine_options, trusted, TEXT),    ONE(fbn_ban_engine_options, nginx_map, TEXT),
        ONE(fbn_ban_engine_options, nginx_pid, TEXT),   ONE(fbn_ban_engine_options, cdn_zone, TEXT),
        ONE(fbn_ban_engine_options, cdn_account, TEXT), ONE(fbn_ban_engine_options, cdn_list, TEXT),
        ONE(fbn_ban_engine_options, cdn_token, TEXT),   ONE(fbn_ban_engine_options, cdn_url, TEXT),
        ONE(fbn_ban_engine_options, cdn_ca_file, TEXT), ONE(fbn_ban_engine_options, cdn_timeout_ms, UNSIGNED),
};
RECORD(fbn_ban_engine_options, "ban engine options")

static const struct field fbn_cdn_options_fields[] = {
        ONE(fbn_cdn_options, file, TEXT),           ONE(fbn_cdn_options, url, TEXT),     ONE(fbn_cdn_options, ca_file, TEXT),
        ONE(fbn_cdn_options, timeout_ms, UNSIGNED), ONE(fbn_cdn_options, dry_run, BOOL),
};
RECORD(fbn_cdn_options, "CDN options")

static const struct field fbn_service_fields[] = {
        ONE(fbn_service, name, TEXT),            MANY(fbn_service, names, TEXT),       ONE(fbn_service, upstream, ADDRESS),
        ONE(fbn_service, port, UNSIGNED),        ONE(fbn_service, upstream_tls, BOOL), ONE(fbn_service, device, TEXT),
        ONE(fbn_service, certificate, TEXT),     ONE(fbn_service, certificate_key, TEXT), ONE(fbn_service, websocket, BOOL),
        ONE(fbn_service, cdn, BOOL),             ONE(fbn_service, body_bytes, UNSIGNED), ONE(fbn_service, timeout_ms, UNSIGNED),
        MANY(fbn_service, allow, PREFIX),        ONE(fbn_service, hsts_s, UNSIGNED),      ONE(fbn_service, pending, BOOL),
};
RECORD(fbn_service, "Service")

static const struct field fbn_services_options_fields[] = {
        ONE(fbn_services_options, directory, TEXT), ONE(fbn_services_options, nginx, TEXT),       ONE(fbn_services_options, nginx_conf, TEXT),
        ONE(fbn_services_options, nginx_pid, TEXT), ONE(fbn_services_options, log, TEXT),         ONE(fbn_services_options, ranges_file, TEXT),
        ONE(fbn_services_options, origin_ca, TEXT), ONE(fbn_services_options, ban_map, TEXT),     ONE(fbn_services_options, dry_run, BOOL),
        ONE(fbn_services_options, acme_root, TEXT),
};
RECORD(fbn_services_options, "services options")

static const struct field fbn_router_access_fields[] = {
        ONE(fbn_router_access, system, TEXT),      ONE(fbn_router_access, host, TEXT),        ONE(fbn_router_access, port, UNSIGNED),
        ONE(fbn_router_access, user, TEXT),        ONE(fbn_router_access, private_key, TEXT), ONE(fbn_router_access, host_key, TEXT),
        ONE(fbn_router_access, timeout_s, UNSIGNED),
};
RECORD(fbn_router_access, "router access")

static const struct field fbn_router_object_fields[] = {
        ONE(fbn_router_object, kind, TEXT), ONE(fbn_router_object, name, TEXT), ONE(fbn_router_object, content, TEXT), ONE(fbn_router_object, secret, SECRET),
};
RECORD(fbn_router_object, "RouterObject")

static const struct field fbn_router_options_fields[] = {
        ONE(fbn_router_options, dry_run, BOOL),
        ONE(fbn_router_options, confirm_within, UNSIGNED),
        ONE(fbn_router_options, backups, TEXT),
        ONE(fbn_router_options, local_only, BOOL),
};
RECORD(fbn_router_options, "router options")

static const struct field fbn_fail2ban_options_fields[] = {
        ONE(fbn_fail2ban_options, directory, TEXT),     ONE(fbn_fail2ban_options, command, TEXT), ONE(fbn_fail2ban_options, socket, TEXT),
        ONE(fbn_fail2ban_options, log, TEXT),           ONE(fbn_fail2ban_options, sshd, BOOL),    ONE(fbn_fail2ban_options, nginx, BOOL),
        ONE(fbn_fail2ban_options, max_retry, UNSIGNED), ONE(fbn_fail2ban_options, find_ms, UNSIGNED),
        ONE(fbn_fail2ban_options, ban_ms, UNSIGNED),    MANY(fbn_fail2ban_options, ignore, PREFIX),
        ONE(fbn_fail2ban_options, ranges_file, TEXT),   ONE(fbn_fail2ban_options, dry_run, BOOL),
};
RECORD(fbn_fail2ban_options, "fail2ban options")

static const struct field fbn_dns_route_fields[] = {
        ONE(fbn_dns_route, suffix, TEXT),
        MANY(fbn_dns_route, upstreams, ENDPOINT),
        MANY(fbn_dns_route, addresses, ADDRESS),
        ONE(fbn_dns_route, blocked, BOOL),
        MANY(fbn_dns_route, reverse, PREFIX),
        ONE(fbn_dns_route, system, BOOL),
};
RECORD(fbn_dns_route, "DnsRoute")

static const struct field fbn_dns_record_fields[] = {
        NAMED(fbn_dns_record, section, dns_sections), ONE(fbn_dns_record, name, TEXT), ONE(fbn_dns_record, type, TEXT),
        ONE(fbn_dns_record, ttl, UNSIGNED),           ONE(fbn_dns_record, data, TEXT), ONE(fbn_dns_record, address, ADDRESS),
};
RECORD(fbn_dns_record, "DnsRecord")

static const struct field fbn_dns_explanation_fields[] = {
        ONE(fbn_dns_explanation, name, TEXT),        ONE(fbn_dns_explanation, type, TEXT),
        ONE(fbn_dns_explanation, status, TEXT),      ONE(fbn_dns_explanation, route, TEXT),
        NAMED(fbn_dns_explanation, source, dns_sources), ONE(fbn_dns_explanation, upstream, ENDPOINT),
        ONE(fbn_dns_explanation, authoritative, BOOL), ONE(fbn_dns_explanation, kept_s, UNSIGNED),
        ONE(fbn_dns_explanation, microseconds, UNSIGNED),
};
RECORD(fbn_dns_explanation, "DnsExplanation")

static const struct field fbn_dns_host_options_fields[] = {
        NAMED(fbn_dns_host_options, manager, dns_managers), ONE(fbn_dns_host_options, device, TEXT), ONE(fbn_dns_host_options, stub, ENDPOINT),
        MANY(fbn_dns_host_options, search, TEXT),           MANY(fbn_dns_host_options, restart, TEXT), ONE(fbn_dns_host_options, dry_run, BOOL),
};
RECORD(fbn_dns_host_options, "host options")

static const struct field fbn_dns_host_state_fields[] = {
        NAMED(fbn_dns_host_state, manager, dns_managers), ONE(fbn_dns_host_state, reason, TEXT), ONE(fbn_dns_host_state, ours, BOOL),
        MANY(fbn_dns_host_state, servers, ENDPOINT),      MANY(fbn_dns_host_state, search, TEXT),
};
RECORD(fbn_dns_host_state, "DnsHost")

static const struct field fbn_dns_stub_options_fields[] = {
        MANY(fbn_dns_stub_options, listen, ENDPOINT),
        ONE(fbn_dns_stub_options, timeout_ms, UNSIGNED),
        ONE(fbn_dns_stub_options, max_pending, UNSIGNED),
        ONE(fbn_dns_stub_options, strict, BOOL),
        ONE(fbn_dns_stub_options, in_process, BOOL),
        ONE(fbn_dns_stub_options, cache_bytes, UNSIGNED),
        MANY(fbn_dns_stub_options, allow, PREFIX),
        ONE(fbn_dns_stub_options, allow_private, BOOL),
        ONE(fbn_dns_stub_options, shared, BOOL),
        MANY_NUMBERS(fbn_dns_stub_options, sockets),
        ONE(fbn_dns_stub_options, log_fd, UNSIGNED),
        ONE(fbn_dns_stub_options, log_names, BOOL),
};
RECORD(fbn_dns_stub_options, "stub options")

static const struct field fbn_dns_counters_fields[] = {
        ONE(fbn_dns_counters, queries, UNSIGNED),  ONE(fbn_dns_counters, answers, UNSIGNED),
        ONE(fbn_dns_counters, failures, UNSIGNED), ONE(fbn_dns_counters, refused, UNSIGNED),
        ONE(fbn_dns_counters, retries, UNSIGNED),  ONE(fbn_dns_counters, mismatches, UNSIGNED),
        ONE(fbn_dns_counters, cache_hits, UNSIGNED),    ONE(fbn_dns_counters, cache_misses, UNSIGNED),
        ONE(fbn_dns_counters, cache_entries, UNSIGNED), ONE(fbn_dns_counters, cache_bytes, UNSIGNED),
        ONE(fbn_dns_counters, stale, UNSIGNED),    ONE(fbn_dns_counters, filtered, UNSIGNED),
};
RECORD(fbn_dns_counters, "DnsCounters")

static const struct field fbn_headscale_options_fields[] = {
        ONE(fbn_headscale_options, url, TEXT),
        ONE(fbn_headscale_options, api_key, SECRET),
        ONE(fbn_headscale_options, ca_file, TEXT),
        ONE(fbn_headscale_options, timeout_ms, UNSIGNED),
        ONE(fbn_headscale_options, pinned_key, TEXT),
        ONE(fbn_headscale_options, proxy, TEXT),
        ONE(fbn_headscale_options, socket, TEXT),
        ONE(fbn_headscale_options, reply_limit, UNSIGNED),
        ONE(fbn_headscale_options, tries, UNSIGNED),
        ONE(fbn_headscale_options, http2, BOOL),
};
RECORD(fbn_headscale_options, "headscale options")

static const struct field fbn_headscale_user_fields[] = {
        ONE(fbn_headscale_user, id, UNSIGNED),       ONE(fbn_headscale_user, name, TEXT),
        ONE(fbn_headscale_user, display_name, TEXT), ONE(fbn_headscale_user, email, TEXT),
        ONE(fbn_headscale_user, created, SIGNED),
};
RECORD(fbn_headscale_user, "HeadscaleUser")

static const struct field fbn_headscale_key_options_fields[] = {
        ONE(fbn_headscale_key_options, user, UNSIGNED),
        ONE(fbn_headscale_key_options, reusable, BOOL),
        ONE(fbn_headscale_key_options, ephemeral, BOOL),
        ONE(fbn_headscale_key_options, valid_for, SIGNED),
        MANY(fbn_headscale_key_options, tags, TEXT),
        NAMED(fbn_headscale_key_options, kind, headscale_key_kinds),
};
RECORD(fbn_headscale_key_options, "key options")

static const struct field fbn_headscale_key_fields[] = {
        NAMED(fbn_headscale_key, kind, headscale_key_kinds),
        ONE(fbn_headscale_key, id, UNSIGNED),
        ONE(fbn_headscale_key, prefix, TEXT),
        ONE(fbn_headscale_key, user, TEXT),
        ONE(fbn_headscale_key, reusable, BOOL),
        ONE(fbn_headscale_key, ephemeral, BOOL),
        ONE(fbn_headscale_key, used, BOOL),
        ONE(fbn_headscale_key, own, BOOL),
        ONE(fbn_headscale_key, expiry, SIGNED),
        ONE(fbn_headscale_key, created, SIGNED),
        ONE(fbn_headscale_key, last_seen, SIGNED),
        MANY(fbn_headscale_key, tags, TEXT),
};
RECORD(fbn_headscale_key, "HeadscaleKey")

#define MEANT(owner, member, kind, set_bit) { MEMBER(owner, member), .type = FIELD_##kind, .bit = FBN_HEADSCALE_SET_##set_bit }
#define MEANT_MANY(owner, member, kind, set_bit) \
        { MEMBER(owner, member), .type = FIELD_##kind, .list = true, .count = offsetof(owner, n_##member), .bit = FBN_HEADSCALE_SET_##set_bit }
static const struct field fbn_headscale_node_fields[] = {
        ONE(fbn_headscale_node, id, UNSIGNED),
        ONE(fbn_headscale_node, name, TEXT),
        MEANT(fbn_headscale_node, given_name, TEXT, GIVEN_NAME),
        MEANT(fbn_headscale_node, user, TEXT, USER),
        MANY(fbn_headscale_node, addresses, ADDRESS),
        MANY(fbn_headscale_node, available_routes, PREFIX),
        MEANT_MANY(fbn_headscale_node, approved_routes, PREFIX, APPROVED_ROUTES),
        MANY(fbn_headscale_node, serving_routes, PREFIX),
        MEANT_MANY(fbn_headscale_node, tags, TEXT, TAGS),
        ONE(fbn_headscale_node, online, BOOL),
        ONE(fbn_headscale_node, last_seen, SIGNED),
        MEANT(fbn_headscale_node, expiry, SIGNED, EXPIRY),
        ONE(fbn_headscale_node, created, SIGNED),
};
RECORD_WITH_SET(fbn_headscale_node, "HeadscaleNode", offsetof(fbn_headscale_node, set))

static const struct field fbn_headscale_change_options_fields[] = {
        ONE(fbn_headscale_change_options, dry_run, BOOL),
        ONE(fbn_headscale_change_options, wait_ms, UNSIGNED),
        MANY(fbn_headscale_change_options, add, PREFIX),
        MANY(fbn_headscale_change_options, remove, PREFIX),
};
RECORD(fbn_headscale_change_options, "change options")

static const struct field fbn_headscale_domain_fields[] = {
        ONE(fbn_headscale_domain, suffix, TEXT),
        MANY(fbn_headscale_domain, resolvers, TEXT),
};
RECORD(fbn_headscale_domain, "split domain")

static const struct field fbn_headscale_record_fields[] = {
        ONE(fbn_headscale_record, name, TEXT),
        ONE(fbn_headscale_record, address, ADDRESS),
};
RECORD(fbn_headscale_record, "extra record")

static const struct field fbn_headscale_config_fields[] = {
        ONE(fbn_headscale_config, server_url, TEXT),
        ONE(fbn_headscale_config, listen, TEXT),
        ONE(fbn_headscale_config, folder, TEXT),
        MANY(fbn_headscale_config, prefixes, PREFIX),
        ONE(fbn_headscale_config, base_domain, TEXT),
        MANY(fbn_headscale_config, resolvers, TEXT),
        MANY_INSIDE(fbn_headscale_config, split, fbn_headscale_domain),
        MANY(fbn_headscale_config, search_domains, TEXT),
        MANY_INSIDE(fbn_headscale_config, records, fbn_headscale_record),
        ONE(fbn_headscale_config, records_path, TEXT),
        ONE(fbn_headscale_config, more, TEXT),
};
RECORD(fbn_headscale_config, "headscale configuration")

static const struct field fbn_headscale_kept_key_fields[] = {
        NAMED(fbn_headscale_kept_key, kind, headscale_key_kinds),
        ONE(fbn_headscale_kept_key, file, TEXT),
        ONE(fbn_headscale_kept_key, user, TEXT),
        ONE(fbn_headscale_kept_key, reusable, BOOL),
        ONE(fbn_headscale_kept_key, ephemeral, BOOL),
        MANY(fbn_headscale_kept_key, tags, TEXT),
        ONE(fbn_headscale_kept_key, valid_for, SIGNED),
        ONE(fbn_headscale_kept_key, renew_before, SIGNED),
};
RECORD(fbn_headscale_kept_key, "kept key")

static const struct field fbn_headscale_wanted_fields[] = {
        MANY_INSIDE(fbn_headscale_wanted, users, fbn_headscale_user),
        MANY_INSIDE(fbn_headscale_wanted, nodes, fbn_headscale_node),
        ONE(fbn_headscale_wanted, policy, TEXT),
        ONE(fbn_headscale_wanted, policy_before, TEXT),
        MANY_INSIDE(fbn_headscale_wanted, keys, fbn_headscale_kept_key),
        AT(fbn_headscale_wanted, config, fbn_headscale_config),
        ONE(fbn_headscale_wanted, config_path, TEXT),
};
RECORD(fbn_headscale_wanted, "what is wanted of a server")

static const struct field fbn_tailscale_options_fields[] = {
        ONE(fbn_tailscale_options, socket, TEXT),
        ONE(fbn_tailscale_options, timeout_ms, UNSIGNED),
        ONE(fbn_tailscale_options, dry_run, BOOL),
        ONE(fbn_tailscale_options, reauthenticate, BOOL),
        ONE(fbn_tailscale_options, advice, BOOL),
        ONE(fbn_tailscale_options, progress, PROGRESS),
};
RECORD(fbn_tailscale_options, "tailscale options")

static const struct field fbn_tailscale_node_fields[] = {
        ONE(fbn_tailscale_node, id, TEXT),
        ONE(fbn_tailscale_node, host_name, TEXT),
        ONE(fbn_tailscale_node, dns_name, TEXT),
        MANY(fbn_tailscale_node, addresses, ADDRESS),
        MANY(fbn_tailscale_node, allowed_ips, PREFIX),
        MANY(fbn_tailscale_node, primary_routes, PREFIX),
        ONE(fbn_tailscale_node, online, BOOL),
        ONE(fbn_tailscale_node, endpoint, TEXT),
        ONE(fbn_tailscale_node, relay, TEXT),
        ONE(fbn_tailscale_node, last_handshake, SIGNED),
        ONE(fbn_tailscale_node, received, UNSIGNED),
        ONE(fbn_tailscale_node, sent, UNSIGNED),
        ONE(fbn_tailscale_node, user, TEXT),
        MANY(fbn_tailscale_node, tags, TEXT),
        ONE(fbn_tailscale_node, exit_node, BOOL),
        ONE(fbn_tailscale_node, exit_node_option, BOOL),
        ONE(fbn_tailscale_node, key_expiry, SIGNED),
};
RECORD(fbn_tailscale_node, "TailscaleNode")

static const struct field fbn_tailscale_state_fields[] = {
        ONE(fbn_tailscale_state, state, TEXT),
        ONE(fbn_tailscale_state, version, TEXT),
        ONE(fbn_tailscale_state, auth_url, TEXT),
        ONE(fbn_tailscale_state, magic_dns_suffix, TEXT),
        ONE(fbn_tailscale_state, have_node_key, BOOL),
        MANY(fbn_tailscale_state, health, TEXT),
        INSIDE(fbn_tailscale_state, self, fbn_tailscale_node),
        MANY(fbn_tailscale_state, advice, TEXT),
};
RECORD(fbn_tailscale_state, "TailscaleState")

static const struct field fbn_tailscale_pong_fields[] = {
        ONE(fbn_tailscale_pong, latency, SIGNED),
        ONE(fbn_tailscale_pong, node, CHARS),
        ONE(fbn_tailscale_pong, endpoint, CHARS),
        ONE(fbn_tailscale_pong, relay, CHARS),
};
RECORD(fbn_tailscale_pong, "TailscalePong")

#define PREFERENCE(member, kind, set_bit) \
        { MEMBER(fbn_tailscale_prefs, member), .type = FIELD_##kind, .bit = FBN_TAILSCALE_SET_##set_bit }
#define PREFERENCES(member, kind, set_bit)                                                                                              \
        { MEMBER(fbn_tailscale_prefs, member), .type = FIELD_##kind, .list = true, .count = offsetof(fbn_tailscale_prefs, n_##member), \
          .bit = FBN_TAILSCALE_SET_##set_bit }
static const struct field fbn_tailscale_prefs_fields[] = {
        PREFERENCE(login_server, TEXT, LOGIN_SERVER),
        PREFERENCE(host_name, TEXT, HOST_NAME),
        PREFERENCE(accept_routes, BOOL, ACCEPT_ROUTES),
        PREFERENCE(accept_dns, BOOL, ACCEPT_DNS),
        PREFERENCE(snat, BOOL, SNAT),
        PREFERENCE(want_running, BOOL, WANT_RUNNING),
        PREFERENCES(advertise_routes, PREFIX, ADVERTISE_ROUTES),
        PREFERENCES(advertise_tags, TEXT, ADVERTISE_TAGS),
        PREFERENCE(exit_node, TEXT, EXIT_NODE),
};
RECORD_WITH_SET(fbn_tailscale_prefs, "TailscalePrefs", offsetof(fbn_tailscale_prefs, set))

static const struct field fbn_finding_fields[] = {
        ONE(fbn_finding, code, TEXT),     NAMED(fbn_finding, severity, severities), ONE(fbn_finding, pointer, TEXT),
        ONE(fbn_finding, line, UNSIGNED), ONE(fbn_finding, column, UNSIGNED),       ONE(fbn_finding, what, TEXT),
        ONE(fbn_finding, why, TEXT),      ONE(fbn_finding, fix, TEXT),              ONE(fbn_finding, file, TEXT),
        ONE(fbn_finding, allowed, TEXT),
};
RECORD(fbn_finding, "Finding")

static const struct field fbn_fabric_options_fields[] = {
        ONE(fbn_fabric_options, host, TEXT),
        ONE(fbn_fabric_options, tailscale_socket, TEXT),
        ONE(fbn_fabric_options, ca_file, TEXT),
        ONE(fbn_fabric_options, auth_key_file, TEXT),
        ONE(fbn_fabric_options, local_only, BOOL),
        ONE(fbn_fabric_options, ignore_errors, BOOL),
        ONE(fbn_fabric_options, management, TEXT),
        ONE(fbn_fabric_options, plan_digest, TEXT),
        ONE(fbn_fabric_options, probe, BOOL),
        ONE(fbn_fabric_options, state_directory, TEXT),
        ONE(fbn_fabric_options, confirm_within, UNSIGNED),
        ONE(fbn_fabric_options, adopt, BOOL),
        ONE(fbn_fabric_options, unchanged, BOOL),
        ONE(fbn_fabric_options, command, TEXT),
        ONE(fbn_fabric_options, progress, PROGRESS),
        ONE(fbn_fabric_options, unverified, BOOL),
};
RECORD(fbn_fabric_options, "fabric options")

static const struct field fbn_plan_step_fields[] = {
        ONE(fbn_plan_step, domain, TEXT), NAMED(fbn_plan_step, kind, change_kinds), ONE(fbn_plan_step, object, TEXT),
        ONE(fbn_plan_step, field, TEXT),  ONE(fbn_plan_step, before, TEXT),         ONE(fbn_plan_step, after, TEXT),
        ONE(fbn_plan_step, reason, TEXT), ONE(fbn_plan_step, pointer, TEXT),        ONE(fbn_plan_step, line, UNSIGNED),
        ONE(fbn_plan_step, file, TEXT),   ONE(fbn_plan_step, disruption, TEXT),     ONE(fbn_plan_step, needs, UNSIGNED),
        ONE(fbn_plan_step, replaces, BOOL),
        ONE(fbn_plan_step, drift, BOOL),
};
RECORD(fbn_plan_step, "PlanStep")

static const struct field fbn_generation_fields[] = {
        ONE(fbn_generation, number, UNSIGNED), NAMED(fbn_generation, outcome, outcomes), ONE(fbn_generation, verb, TEXT),
        ONE(fbn_generation, of, UNSIGNED),     ONE(fbn_generation, begun, SIGNED),       ONE(fbn_generation, ended, SIGNED),
        ONE(fbn_generation, by, TEXT),         ONE(fbn_generation, fabric, TEXT),        ONE(fbn_generation, host, TEXT),
        ONE(fbn_generation, file, TEXT),       ONE(fbn_generation, why, TEXT),           MANY(fbn_generation, changes, TEXT),
        ONE(fbn_generation, stands, TEXT),
};
RECORD(fbn_generation, "Generation")

static const struct field fbn_fabric_fact_fields[] = {
        ONE(fbn_fabric_fact, domain, TEXT),
        ONE(fbn_fabric_fact, object, TEXT),
        NAMED(fbn_fabric_fact, health, healths),
        ONE(fbn_fabric_fact, text, TEXT),
};
RECORD(fbn_fabric_fact, "Fact")

static const struct field fbn_fabric_hop_fields[] = {
        ONE(fbn_fabric_hop, host, TEXT),    ONE(fbn_fabric_hop, step, TEXT), ONE(fbn_fabric_hop, text, TEXT),
        ONE(fbn_fabric_hop, pointer, TEXT), ONE(fbn_fabric_hop, back, BOOL),
};
RECORD(fbn_fabric_hop, "Hop")

static const struct field fbn_fabric_import_options_fields[] = {
        ONE(fbn_fabric_import_options, host, TEXT),
        ONE(fbn_fabric_import_options, name, TEXT),
        ONE(fbn_fabric_import_options, folder, TEXT),
        MANY(fbn_fabric_import_options, files, TEXT),
        ONE(fbn_fabric_import_options, live, BOOL),
        ONE(fbn_fabric_import_options, url, TEXT),
        ONE(fbn_fabric_import_options, api_key_file, TEXT),
        ONE(fbn_fabric_import_options, ca_file, TEXT),
};
RECORD(fbn_fabric_import_options, "import options")

static const struct field fbn_wireguard_monitor_options_fields[] = {
        ONE(fbn_wireguard_monitor_options, interval_ms, UNSIGNED),    ONE(fbn_wireguard_monitor_options, stale_s, UNSIGNED),
        ONE(fbn_wireguard_monitor_options, counters_ms, UNSIGNED),    ONE(fbn_wireguard_monitor_options, counters_bytes, UNSIGNED),
        ONE(fbn_wireguard_monitor_options, existing, BOOL),
};
RECORD(fbn_wireguard_monitor_options, "wireguard monitor options")

static const struct field fbn_wireguard_resolver_options_fields[] = {
        ONE(fbn_wireguard_resolver_options, interval_ms, UNSIGNED),   ONE(fbn_wireguard_resolver_options, stale_s, UNSIGNED),
        NAMED(fbn_wireguard_resolver_options, family, families),
};
RECORD(fbn_wireguard_resolver_options, "wireguard resolver options")

static const struct field fbn_link_monitor_options_fields[] = {
        ONE(fbn_link_monitor_options, device, TEXT),
        ONE(fbn_link_monitor_options, existing, BOOL),
        ONE(fbn_link_monitor_options, buffer_bytes, UNSIGNED),
};
RECORD(fbn_link_monitor_options, "link monitor options")

static const struct field fbn_route_monitor_options_fields[] = {
        NAMED(fbn_route_monitor_options, family, families), ONE(fbn_route_monitor_options, table, UNSIGNED),
        ONE(fbn_route_monitor_options, protocol, UNSIGNED), ONE(fbn_route_monitor_options, device, TEXT),
        ONE(fbn_route_monitor_options, no_routes, BOOL),    ONE(fbn_route_monitor_options, no_rules, BOOL),
        ONE(fbn_route_monitor_options, neighbours, BOOL),
        ONE(fbn_route_monitor_options, existing, BOOL),     ONE(fbn_route_monitor_options, buffer_bytes, UNSIGNED),
};
RECORD(fbn_route_monitor_options, "route monitor options")

static const struct field fbn_nat_monitor_options_fields[] = {
        ONE(fbn_nat_monitor_options, all, BOOL),
        ONE(fbn_nat_monitor_options, existing, BOOL),
        ONE(fbn_nat_monitor_options, buffer_bytes, UNSIGNED),
};
RECORD(fbn_nat_monitor_options, "nat monitor options")

static const struct enum_name trace_kinds[] = {{"hook", FBN_NAT_TRACE_HOOK},     {"rule", FBN_NAT_TRACE_RULE}, {"return", FBN_NAT_TRACE_RETURN},
                                               {"policy", FBN_NAT_TRACE_POLICY}, {"fate", FBN_NAT_TRACE_FATE}, {0}};
static const struct field fbn_nat_trace_fields[] = {
        NAMED(fbn_nat_trace, kind, trace_kinds),
        ONE(fbn_nat_trace, id, UNSIGNED),
        ONE(fbn_nat_trace, hook, TEXT),
        ONE(fbn_nat_trace, family, TEXT),
        ONE(fbn_nat_trace, table, TEXT),
        ONE(fbn_nat_trace, chain, TEXT),
        ONE(fbn_nat_trace, handle, UNSIGNED),
        ONE(fbn_nat_trace, rule, TEXT),
        ONE(fbn_nat_trace, verdict, TEXT),
        ONE(fbn_nat_trace, target, TEXT),
        ONE(fbn_nat_trace, why, TEXT),
        ONE(fbn_nat_trace, mark, UNSIGNED),
        ONE(fbn_nat_trace, in_device, TEXT),
        ONE(fbn_nat_trace, out_device, TEXT),
        ONE(fbn_nat_trace, source, ADDRESS),
        ONE(fbn_nat_trace, destination, ADDRESS),
        ONE(fbn_nat_trace, ip_protocol, UNSIGNED),
        ONE(fbn_nat_trace, source_port, UNSIGNED),
        ONE(fbn_nat_trace, destination_port, UNSIGNED),
        ONE(fbn_nat_trace, length, UNSIGNED),
};
RECORD(fbn_nat_trace, "NatTrace")

static const struct field fbn_nat_trace_options_fields[] = {
        ONE(fbn_nat_trace_options, source, PREFIX),
        ONE(fbn_nat_trace_options, destination, PREFIX),
        ONE(fbn_nat_trace_options, protocol, TEXT),
        ONE(fbn_nat_trace_options, source_port, UNSIGNED),
        ONE(fbn_nat_trace_options, destination_port, UNSIGNED),
        ONE(fbn_nat_trace_options, in_device, TEXT),
        ONE(fbn_nat_trace_options, rate, UNSIGNED),
};
RECORD(fbn_nat_trace_options, "trace options")

static const struct field fbn_event_fields[] = {
        NAMED(fbn_event, kind, event_kinds), ONE(fbn_event, time, SIGNED), ONE(fbn_event, type, TEXT), ONE(fbn_event, object, TEXT),
        ONE(fbn_event, field, TEXT),         ONE(fbn_event, before, TEXT), ONE(fbn_event, after, TEXT), ONE(fbn_event, by, TEXT),
        ONE(fbn_event, pid, UNSIGNED),
        AT(fbn_event, peer, fbn_wireguard_peer),
        AT(fbn_event, link, fbn_link),
        AT(fbn_event, address, fbn_link_address),
        AT(fbn_event, route, fbn_route),
        AT(fbn_event, rule, fbn_rule),
        AT(fbn_event, trace, fbn_nat_trace),
        AT(fbn_event, neighbour, fbn_neighbour),
};
RECORD(fbn_event, "Event")

#define RECORD_ADDRESS(type) &type##_record,
const struct record *const records[] = {FBN_EACH_RECORD(RECORD_ADDRESS)};
const size_t n_records = sizeof(records) / sizeof(records[0]);
