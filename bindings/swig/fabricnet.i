/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What all languages wrap. python.i and lua.i define, before they include this:
 *   WRAP_CONTEXT           typemaps of fbn_context *
 *   WRAP_HANDLE(type)      typemaps of type *, const type * and type **, the last an output
 *   WRAP_LIST(type, record)  also a function type##_all() that gives the records as a list, and, of lists that callers fill,
 *   WRAP_FILLED(type, record)  type##_fill(c, handle, items)
 *   WRAP_LIST_AS, WRAP_FILLED_AS  the same with another name than the type's in front, where a handle has two lists
 *   WRAP_RECORD(type)      typemaps of const type *: required as an argument; as a result the record, or none
 *   WRAP_OPTIONS(type)     the same, optional as an argument
 *   and typemaps of elements, texts and results.
 */
%include <stdint.i>
#pragma SWIG nowarn=314 /* members of records, which are no proxies, may have any name */

/* Lifetimes are the languages' own; the tables of fbn_set_tables() are C's. */
%rename("$ignore", regexmatch$name="^fbn_.*_(ref|unref|unrefp)$") "";
%ignore fbn_set_tables;
%ignore fbn_free;
%ignore fbn_allocator;
%ignore fbn_system_calls;
%ignore fbn_secret_bytes; /* each language has its own, under this name */
%ignore fbn_context_cancel; /* the same: unlike all others from any thread */
%ignore fbn_dns_stub_run; /* the same: to be interrupted */
%ignore fbn_ban_engine_run; /* the same */

WRAP_CONTEXT

WRAP_HANDLE(fbn_secret)
WRAP_HANDLE(fbn_wireguard)
WRAP_HANDLE(fbn_wireguards)
WRAP_HANDLE(fbn_wireguard_network)
WRAP_HANDLE(fbn_dns_routes)
WRAP_HANDLE(fbn_dns_stub)
WRAP_HANDLE(fbn_dns_answer)
WRAP_HANDLE(fbn_dns_host)
WRAP_HANDLE(fbn_headscale)
WRAP_HANDLE(fbn_tailscale_status)
WRAP_HANDLE(fbn_tailscale_settings)
WRAP_HANDLE(fbn_fabric)
WRAP_HANDLE(fbn_fabric_path)
WRAP_HANDLE(fbn_fabric_status)
WRAP_HANDLE(fbn_changes)
WRAP_HANDLE(fbn_monitor)
WRAP_HANDLE(fbn_links)
WRAP_HANDLE(fbn_link_addresses)
WRAP_HANDLE(fbn_routes)
WRAP_HANDLE(fbn_rules)
WRAP_HANDLE(fbn_nexthops)
WRAP_HANDLE(fbn_neighbours)
WRAP_HANDLE(fbn_sysctls)
WRAP_HANDLE(fbn_sysctl_effects)
WRAP_HANDLE(fbn_nat)
WRAP_HANDLE(fbn_nat_foreigns)
WRAP_HANDLE(fbn_nat_elements)
WRAP_HANDLE(fbn_nat_reader)
WRAP_HANDLE(fbn_ban_engine)
WRAP_HANDLE(fbn_bans)
WRAP_HANDLE(fbn_services)
WRAP_HANDLE(fbn_router)
WRAP_HANDLE(fbn_headscale_users)
WRAP_HANDLE(fbn_headscale_keys)
WRAP_HANDLE(fbn_headscale_nodes)
WRAP_HANDLE(fbn_headscale_reader)
WRAP_HANDLE(fbn_findings)
WRAP_HANDLE(fbn_plan)
WRAP_HANDLE(fbn_generations)

WRAP_OPTIONS(fbn_context_options)
WRAP_OPTIONS(fbn_link_apply_options)
WRAP_OPTIONS(fbn_link_address_apply_options)
WRAP_OPTIONS(fbn_route_filter)
WRAP_OPTIONS(fbn_route_apply_options)
WRAP_OPTIONS(fbn_rule_apply_options)
WRAP_OPTIONS(fbn_nexthop_apply_options)
WRAP_OPTIONS(fbn_neighbour_apply_options)
WRAP_OPTIONS(fbn_sysctl_apply_options)
WRAP_OPTIONS(fbn_wireguard_create_options)
WRAP_OPTIONS(fbn_wireguard_apply_options)
WRAP_OPTIONS(fbn_wireguard_network_options)
WRAP_OPTIONS(fbn_wireguard_monitor_options)
WRAP_OPTIONS(fbn_nat_trace_options)
WRAP_OPTIONS(fbn_link_monitor_options)
WRAP_OPTIONS(fbn_nat_monitor_options)
WRAP_OPTIONS(fbn_wireguard_resolver_options)
WRAP_OPTIONS(fbn_route_monitor_options)
WRAP_OPTIONS(fbn_nat_apply_options)
WRAP_OPTIONS(fbn_ban_engine_options)
WRAP_OPTIONS(fbn_cdn_options)
WRAP_OPTIONS(fbn_services_options)
WRAP_OPTIONS(fbn_router_access)
WRAP_OPTIONS(fbn_router_options)
WRAP_OPTIONS(fbn_fail2ban_options)
WRAP_OPTIONS(fbn_dns_stub_options)
WRAP_OPTIONS(fbn_headscale_change_options)
WRAP_OPTIONS(fbn_dns_host_options)
WRAP_OPTIONS(fbn_tailscale_options)

WRAP_RECORD(fbn_change)
WRAP_RECORD(fbn_event)
WRAP_RECORD(fbn_link)
WRAP_RECORD(fbn_link_address)
WRAP_RECORD(fbn_route)
WRAP_RECORD(fbn_route_query)
WRAP_RECORD(fbn_rule)
WRAP_RECORD(fbn_nexthop)
WRAP_RECORD(fbn_neighbour)
WRAP_RECORD(fbn_sysctl)
WRAP_RECORD(fbn_sysctl_effect)
WRAP_RECORD(fbn_nat_trace)
WRAP_RECORD(fbn_rpfilter_state)
WRAP_RECORD(fbn_rpfilter_packet)
WRAP_RECORD(fbn_wireguard_interface)
WRAP_RECORD(fbn_wireguard_peer)
WRAP_RECORD(fbn_wireguard_member)
WRAP_RECORD(fbn_nat_rule)
WRAP_RECORD(fbn_nat_foreign)
WRAP_RECORD(fbn_nat_set)
WRAP_RECORD(fbn_nat_ban)
WRAP_RECORD(fbn_nat_element)
WRAP_RECORD(fbn_backup)
WRAP_RECORD(fbn_ban)
WRAP_RECORD(fbn_ban_state)
WRAP_RECORD(fbn_service)
WRAP_RECORD(fbn_router_object)
WRAP_RECORD(fbn_dns_route)
WRAP_RECORD(fbn_dns_record)
WRAP_RECORD(fbn_dns_explanation)
WRAP_RECORD(fbn_dns_host_state)
WRAP_RECORD(fbn_headscale_options)
WRAP_RECORD(fbn_headscale_user)
WRAP_RECORD(fbn_headscale_key_options)
WRAP_RECORD(fbn_headscale_key)
WRAP_RECORD(fbn_headscale_node)
WRAP_RECORD(fbn_headscale_domain)
WRAP_RECORD(fbn_headscale_record)
WRAP_RECORD(fbn_headscale_config)
WRAP_RECORD(fbn_headscale_kept_key)
WRAP_RECORD(fbn_headscale_wanted)
WRAP_RECORD(fbn_tailscale_node)
WRAP_RECORD(fbn_tailscale_state)
WRAP_RECORD(fbn_tailscale_prefs)
WRAP_RECORD(fbn_finding)
WRAP_RECORD(fbn_fabric_options)
WRAP_RECORD(fbn_plan_step)
WRAP_RECORD(fbn_generation)
WRAP_RECORD(fbn_fabric_fact)
WRAP_RECORD(fbn_fabric_hop)
%ignore fbn_backup_state;
WRAP_RECORD(fbn_fabric_import_options)
%ignore fbn_dns_counters;
%ignore fbn_route_hop;
%ignore fbn_nexthop_member;
%ignore fbn_rpfilter_result;
%ignore fbn_tailscale_pong;
%ignore fbn_address;
%ignore fbn_prefix;
%ignore fbn_endpoint;
%ignore fbn_key;

%include <fabricnet/types.h>
%include <fabricnet/error.h>
%include <fabricnet/version.h>
%include <fabricnet/context.h>
%include <fabricnet/secret.h>
%include <fabricnet/changes.h>
%include <fabricnet/monitor.h>
%include <fabricnet/link.h>
%include <fabricnet/route.h>
%include <fabricnet/rpfilter.h>
%include <fabricnet/sysctl.h>
%include <fabricnet/wireguard.h>
%include <fabricnet/nat.h>
%include <fabricnet/dns.h>
%include <fabricnet/headscale.h>
%include <fabricnet/tailscale.h>
%include <fabricnet/edge.h>
%include <fabricnet/router.h>
%include <fabricnet/fabric.h>

/* Whole lists at once, converted in C. */
WRAP_LIST(fbn_changes, fbn_change, fbn_changes_count, fbn_changes_at)
WRAP_LIST(fbn_links, fbn_link, fbn_links_count, fbn_links_at)
WRAP_LIST(fbn_link_addresses, fbn_link_address, fbn_link_addresses_count, fbn_link_addresses_at)
WRAP_LIST(fbn_routes, fbn_route, fbn_routes_count, fbn_routes_at)
WRAP_LIST(fbn_rules, fbn_rule, fbn_rules_count, fbn_rules_at)
WRAP_LIST(fbn_nexthops, fbn_nexthop, fbn_nexthops_count, fbn_nexthops_at)
WRAP_LIST(fbn_neighbours, fbn_neighbour, fbn_neighbours_count, fbn_neighbours_at)
WRAP_LIST(fbn_sysctls, fbn_sysctl, fbn_sysctls_count, fbn_sysctls_at)
WRAP_LIST(fbn_sysctl_effects, fbn_sysctl_effect, fbn_sysctl_effects_count, fbn_sysctl_effects_at)
WRAP_LIST(fbn_wireguard, fbn_wireguard_peer, fbn_wireguard_count, fbn_wireguard_at)
WRAP_LIST(fbn_wireguard_network, fbn_wireguard_member, fbn_wireguard_network_count, fbn_wireguard_network_at)
WRAP_LIST(fbn_wireguards, fbn_wireguard_interface, fbn_wireguards_count, fbn_wireguards_at)
WRAP_LIST(fbn_nat, fbn_nat_rule, fbn_nat_count, fbn_nat_at)
WRAP_LIST(fbn_nat_foreigns, fbn_nat_foreign, fbn_nat_foreigns_count, fbn_nat_foreigns_at)
WRAP_LIST_AS(fbn_nat_sets, fbn_nat, fbn_nat_set, fbn_nat_set_count, fbn_nat_set_at)
WRAP_LIST(fbn_bans, fbn_ban, fbn_bans_count, fbn_bans_at)
WRAP_LIST(fbn_router, fbn_router_object, fbn_router_count, fbn_router_at)
WRAP_LIST(fbn_services, fbn_service, fbn_services_count, fbn_services_at)
WRAP_LIST(fbn_dns_routes, fbn_dns_route, fbn_dns_routes_count, fbn_dns_routes_at)
WRAP_LIST(fbn_dns_answer, fbn_dns_record, fbn_dns_answer_count, fbn_dns_answer_at)
WRAP_LIST(fbn_headscale_users, fbn_headscale_user, fbn_headscale_users_count, fbn_headscale_users_at)
WRAP_LIST(fbn_headscale_keys, fbn_headscale_key, fbn_headscale_keys_count, fbn_headscale_keys_at)
WRAP_LIST(fbn_headscale_nodes, fbn_headscale_node, fbn_headscale_nodes_count, fbn_headscale_nodes_at)
WRAP_LIST(fbn_tailscale_status, fbn_tailscale_node, fbn_tailscale_status_count, fbn_tailscale_status_at)
WRAP_LIST(fbn_findings, fbn_finding, fbn_findings_count, fbn_findings_at)
WRAP_LIST(fbn_plan, fbn_plan_step, fbn_plan_count, fbn_plan_at)
WRAP_LIST(fbn_fabric_path, fbn_fabric_hop, fbn_fabric_path_count, fbn_fabric_path_at)
WRAP_LIST(fbn_generations, fbn_generation, fbn_generations_count, fbn_generations_at)
WRAP_LIST(fbn_fabric_status, fbn_fabric_fact, fbn_fabric_status_count, fbn_fabric_status_at)

WRAP_FILLED(fbn_link_addresses, fbn_link_address, fbn_link_addresses_add)
WRAP_FILLED(fbn_routes, fbn_route, fbn_routes_add)
WRAP_FILLED(fbn_rules, fbn_rule, fbn_rules_add)
WRAP_FILLED(fbn_nexthops, fbn_nexthop, fbn_nexthops_add)
WRAP_FILLED(fbn_neighbours, fbn_neighbour, fbn_neighbours_add)
WRAP_FILLED(fbn_sysctls, fbn_sysctl, fbn_sysctls_add)
WRAP_FILLED(fbn_wireguard, fbn_wireguard_peer, fbn_wireguard_add)
WRAP_FILLED(fbn_wireguard_network, fbn_wireguard_member, fbn_wireguard_network_add)
WRAP_FILLED(fbn_nat, fbn_nat_rule, fbn_nat_add)
WRAP_FILLED_AS(fbn_nat_sets, fbn_nat, fbn_nat_set, fbn_nat_set_add)
WRAP_FILLED_AS(fbn_nat_bans, fbn_nat, fbn_nat_ban, fbn_nat_ban_add)
WRAP_FILLED(fbn_nat_elements, fbn_nat_element, fbn_nat_elements_add)
WRAP_FILLED(fbn_services, fbn_service, fbn_services_add)
WRAP_FILLED(fbn_router, fbn_router_object, fbn_router_add)
WRAP_FILLED(fbn_dns_routes, fbn_dns_route, fbn_dns_routes_add)
