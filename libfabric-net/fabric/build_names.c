/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/build.h"
#include "fabric/words.h"

#include <stdlib.h>
#include <strings.h>

static void build_records(struct builder *b, struct zone *zone, json_t *map)
{
        const char *key;
        json_t *value;

        zone->records = build_array(b, json_object_size(map), sizeof(*zone->records));
        if (!zone->records)
                return;
        json_object_foreach(map, key, value) {
                struct record *record = &zone->records[zone->n_records++];

                record->name = arena_strdup(&b->fabric->arena, key);
                b->failed |= !record->name;
                record->host = names_find(&b->hosts, json_string_value(value));
        }
}

static int build_zones(struct builder *b)
{
        json_t *map = json_object_get(b->document->root, "dns"), *value;
        struct fbn_fabric *f = b->fabric;
        const char *key;

        f->zones = build_array(b, json_object_size(map), sizeof(*f->zones));
        if (b->failed)
                return fail_memory(b->document->c);
        json_object_foreach(map, key, value) {
                struct zone *zone = &f->zones[f->n_zones++];

                zone->name = arena_strdup(&f->arena, key);
                b->failed |= !zone->name;
                zone->pointer = build_pointer(b, "/dns", key);
                zone->at = build_host(b, value, "at");
                build_records(b, zone, json_object_get(value, "records"));
        }
        return b->failed ? fail_memory(b->document->c) : 0;
}

/* Whether a name is "RECORD.ZONE" for one of the declared records. */
static bool is_record(const struct fbn_fabric *f, const char *name)
{
        for (size_t i = 0; i < f->n_zones; i++) {
                const struct zone *zone = &f->zones[i];
                size_t zone_length = strlen(zone->name), length = strlen(name);

                if (length <= zone_length + 1 || name[length - zone_length - 1] != '.' ||
                    strcasecmp(name + length - zone_length, zone->name) != 0)
                        continue;
                for (size_t j = 0; j < zone->n_records; j++)
                        if (strlen(zone->records[j].name) == length - zone_length - 1 &&
                            strncasecmp(zone->records[j].name, name, length - zone_length - 1) == 0)
                                return true;
        }
        return false;
}

static bool is_known(const struct builder *b, const char *name)
{
        return fabric_service(b->fabric, name) || names_find(&b->hosts, name) || word_is_address(name) || is_record(b->fabric, name);
}

static int build_expectation(struct builder *b, json_t *value, struct expectation *expectation)
{
        const char *protocol;

        expectation->from = build_host(b, value, "from");
        expectation->to = build_text(b, value, "to");
        expectation->delivered = streq(json_string_value(json_object_get(value, "is")), "delivered");
        if (b->failed)
                return fail_memory(b->document->c);
        expectation->host = arena_alloc(&b->fabric->arena, strlen(expectation->to) + 1);
        if (!expectation->host)
                return fail_memory(b->document->c);
        word_split_target(expectation->to, expectation->host, strlen(expectation->to) + 1, &expectation->port, &protocol);
        expectation->protocol = streq(protocol, "tcp")    ? PROTOCOL_TCP
                                : streq(protocol, "udp")  ? PROTOCOL_UDP
                                : streq(protocol, "icmp") ? PROTOCOL_ICMP
                                                          : PROTOCOL_DNS;
        if (is_known(b, expectation->host))
                return 0;
        return document_refuse(b->document, build_pointer(b, expectation->pointer, "to"), false,
                               "'%s' is no host, no name of a zone, no service and no address", expectation->host);
}

static int build_expectations(struct builder *b)
{
        json_t *list = json_object_get(b->document->root, "expect"), *value;
        struct fbn_fabric *f = b->fabric;
        size_t i;

        f->expectations = build_array(b, json_array_size(list), sizeof(*f->expectations));
        if (b->failed)
                return fail_memory(b->document->c);
        json_array_foreach(list, i, value) {
                int r;

                f->expectations[i].pointer = build_index(b, "/expect", i);
                r = build_expectation(b, value, &f->expectations[i]);
                if (r < 0)
                        return r;
                f->n_expectations++;
        }
        return 0;
}

static int build_allowances(struct builder *b)
{
        json_t *list = json_object_get(b->document->root, "allow"), *value;
        struct fbn_fabric *f = b->fabric;
        size_t i;

        f->allowances = build_array(b, json_array_size(list), sizeof(*f->allowances));
        if (b->failed)
                return fail_memory(b->document->c);
        json_array_foreach(list, i, value) {
                struct allowance *allowance = &f->allowances[f->n_allowances++];

                allowance->pointer = build_index(b, "/allow", i);
                allowance->code = build_text(b, value, "code");
                allowance->at = build_text(b, value, "at");
                allowance->reason = build_text(b, value, "reason");
                if (b->failed)
                        return fail_memory(b->document->c);
        }
        return 0;
}

int build_names(struct builder *b)
{
        int r = build_zones(b);

        if (r == 0)
                r = build_expectations(b);
        return r < 0 ? r : build_allowances(b);
}
