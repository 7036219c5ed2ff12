/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SWIG_RECORDS_H
#define SWIG_RECORDS_H

/* One description of every record for all languages: no record is a SWIG proxy, each is converted as a whole from this table. */
#include <fabricnet/fabricnet.h>

enum field_type {
        FIELD_TEXT,
        FIELD_CHARS, /* text in an array inside the record; only read */
        FIELD_BOOL,
        FIELD_UNSIGNED,
        FIELD_SIGNED,
        FIELD_ONE_MORE, /* an int32_t that holds the value plus one, because 0 means "not given" */
        FIELD_ENUM,     /* more: the names */
        FIELD_ADDRESS,
        FIELD_PREFIX,
        FIELD_INTERFACE, /* a prefix that is an address of a host: its host bits always matter */
        FIELD_ENDPOINT,
        FIELD_KEY,
        FIELD_SECRET,
        FIELD_RECORD,   /* more: the record inside */
        FIELD_RECORD_AT, /* a pointer to one, NULL: none */
        FIELD_PROGRESS, /* a function and the data that it gets, which follows it */
};

struct enum_name {
        const char *name; /* NULL ends the list */
        int value;
};

struct field {
        const char *name;
        enum field_type type;
        bool list;
        uint32_t bit; /* in the record's set member, when the field is given; 0: the record has none */
        size_t offset;
        size_t size;
        size_t count; /* list: offset of its length */
        const void *more;
};

struct record {
        const char *name; /* the class of Python */
        size_t size;
        size_t set; /* offset of the set member, 0: none */
        const struct field *fields;
        size_t n_fields;
};

#define FBN_EACH_RECORD(_)                                                                                                             \
        _(fbn_context_options) _(fbn_change) _(fbn_link) _(fbn_link_apply_options) _(fbn_link_address) _(fbn_link_address_apply_options) \
        _(fbn_route_hop) _(fbn_route) _(fbn_route_filter) _(fbn_route_apply_options) _(fbn_route_query) _(fbn_rule) _(fbn_rule_apply_options) _(fbn_sysctl)                \
        _(fbn_nexthop_member) _(fbn_nexthop) _(fbn_nexthop_apply_options) _(fbn_neighbour) _(fbn_neighbour_apply_options)              \
        _(fbn_nat_trace) _(fbn_nat_trace_options) _(fbn_sysctl_effect) _(fbn_rpfilter_state) _(fbn_rpfilter_packet) _(fbn_rpfilter_result)                                       \
        _(fbn_sysctl_apply_options) _(fbn_wireguard_interface) _(fbn_wireguard_peer) _(fbn_wireguard_create_options)                   \
        _(fbn_wireguard_apply_options) _(fbn_wireguard_member) _(fbn_wireguard_network_options) _(fbn_nat_rule) _(fbn_nat_foreign)     \
        _(fbn_nat_set) _(fbn_nat_ban) _(fbn_nat_element) _(fbn_nat_apply_options) _(fbn_backup) _(fbn_backup_state) _(fbn_ban) _(fbn_ban_state) _(fbn_ban_engine_options) _(fbn_cdn_options) _(fbn_service) _(fbn_services_options) _(fbn_router_access) _(fbn_router_object) _(fbn_router_options) \
        _(fbn_fail2ban_options) _(fbn_dns_route) _(fbn_dns_record) _(fbn_dns_explanation) _(fbn_dns_host_options) _(fbn_dns_host_state) _(fbn_dns_stub_options)                                                              \
        _(fbn_dns_counters) _(fbn_headscale_options) _(fbn_headscale_user) _(fbn_headscale_key_options) _(fbn_headscale_node)          \
        _(fbn_headscale_key) _(fbn_headscale_change_options) _(fbn_headscale_wanted)                                                   \
        _(fbn_headscale_domain) _(fbn_headscale_record) _(fbn_headscale_config) _(fbn_headscale_kept_key)                              \
        _(fbn_tailscale_options) _(fbn_tailscale_node) _(fbn_tailscale_state) _(fbn_tailscale_prefs) _(fbn_tailscale_pong) _(fbn_finding)                    \
        _(fbn_fabric_options) _(fbn_plan_step) _(fbn_fabric_fact) _(fbn_fabric_hop) _(fbn_fabric_import_options) _(fbn_generation) _(fbn_wireguard_monitor_options) _(fbn_event)   \
        _(fbn_link_monitor_options) _(fbn_route_monitor_options) _(fbn_wireguard_resolver_options) _(fbn_nat_monitor_options)

#define DECLARE_RECORD(type) extern const struct record type##_record;
FBN_EACH_RECORD(DECLARE_RECORD)

extern const struct record *const records[];
extern const size_t n_records;
extern const struct enum_name families[];
extern const struct enum_name graph_formats[];
extern const struct enum_name element_verbs[];
extern const struct enum_name headscale_key_kinds[];
extern const struct enum_name headscale_abilities[];

/* Memory of one conversion: everything goes at once, with the references to secrets that were taken. */
struct room {
        struct room_piece *pieces;
        struct room_secret *secrets;
};

void *room_alloc(struct room *room, size_t bytes); /* zeroed; NULL without memory */
char *room_text(struct room *room, const char *text);
bool room_keep(struct room *room, fbn_secret *secret); /* holds a reference until room_free() */
void room_free(struct room *room);

/* An empty record of this kind, its size filled in. */
void *record_new(struct room *room, const struct record *record);
const struct field *record_field(const struct record *record, const char *name); /* NULL: there is none */

size_t element_size(const struct field *field);

/* Store a value, or say in words what is wrong with it; NULL is success. */
const char *store_text(const struct field *field, const char *text, void *element);
const char *store_number(const struct field *field, bool negative, uint64_t magnitude, void *element);

/* The element as text, for the types that have one; "" is none. buffer has FBN_ADDRESS_TEXT bytes. */
const char *element_text(const struct field *field, const void *element, char *buffer);
bool element_negative(const struct field *field, const void *element, uint64_t *ret_value);

/* "up, down": what an enum may be. */
const char *enum_names(const struct field *field, char *buffer, size_t size);

#endif
