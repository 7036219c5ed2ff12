/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_MEMBERS_H
#define FABRIC_MEMBERS_H

#include "base/context.h"

#include <jansson.h>

/* Public records as JSON objects and back, by tables of their members. What is zero is "not given" in every record and is left out. Secrets
 * have no type here: whoever has some writes a number in their place. */

enum member_type {
        MEMBER_TEXT,
        MEMBER_BOOL,
        MEMBER_U8,
        MEMBER_U16,
        MEMBER_U32, /* enumerations too */
        MEMBER_I32,
        MEMBER_U64,
        MEMBER_ADDRESS,
        MEMBER_PREFIX,
        MEMBER_ENDPOINT,
        MEMBER_KEY,
        MEMBER_TEXTS,    /* a list: its count is at count */
        MEMBER_PREFIXES,
        MEMBER_RECORDS,
};

struct record_type;

struct member_of {
        const char *name;
        enum member_type type;
        size_t offset, count;
        const struct record_type *of; /* MEMBER_RECORDS */
};

struct record_type {
        size_t size;
        const struct member_of *members; /* ends with one without name */
};

extern const struct record_type link_record, address_record, route_record, rule_record, nat_rule_record, nat_set_record, peer_record,
        tailscale_prefs_record;

/* NULL without memory. */
json_t *record_to_json(const struct record_type *type, const void *record);

/* Into a zeroed record. Texts are the JSON's, lists the arena's. Members that this version does not know are a failure, for what was
 * written by a later one cannot be put back whole by this one. */
int record_from_json(fbn_context *c, struct arena *arena, const struct record_type *type, const json_t *json, void *record);

#endif
