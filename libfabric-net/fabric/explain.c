/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/explain.h"
#include "fabric/names.h"
#include "base/address.h"
#include "base/text.h"
#include "fabric/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

void hop_add(struct explain *e, const struct packet *p, const char *step, const char *pointer, const char *format, ...)
{
        fbn_fabric_path *path = e->path;
        fbn_fabric_hop hop = {.size = sizeof(hop), .host = p->host->name, .step = step, .pointer = pointer, .back = p->back};
        va_list arguments;
        char text[512];

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        hop.text = arena_strdup(&path->arena, text);
        hop.host = arena_strdup(&path->arena, p->host->name);
        hop.pointer = pointer ? arena_strdup(&path->arena, pointer) : NULL;
        if (!hop.text || !hop.host || (pointer && !hop.pointer) || !ARRAY_RESERVE(path->items, path->count, path->capacity)) {
                e->failed = true;
                return;
        }
        path->items[path->count++] = hop;
}

/* There and back again: what has no way back did not work either. */
static const char *round_trip(struct explain *e, struct packet p)
{
        const char *end = packet_walk(e, &p);
        struct packet answer;

        if (end)
                return end;
        hop_add(e, &p, "input", p.host->pointer, "arrived: %s is its own address", end_text(e, &p.to));
        answer = (struct packet){.host = p.host, .origin = p.origin, .from = p.to, .to = p.from, .protocol = p.protocol, .back = true,
                                 .mtu = p.mtu, .done = p.done};
        end = packet_walk(e, &answer);
        if (end)
                return end;
        if (answer.host != p.origin) {
                hop_add(e, &answer, "input", answer.host->pointer, "the answer ends here, not at '%s'", p.origin->name);
                return "NO_ROUTE";
        }
        hop_add(e, &answer, "input", p.origin->pointer, "the answer arrived; what is larger than %u bytes does not go through in one piece", answer.mtu);
        return "ACCEPTED";
}

static fbn_fabric_path *path_new(void)
{
        fbn_fabric_path *path = memory_alloc(sizeof(*path));

        if (path)
                path->references = 1;
        return path;
}

static struct packet packet_to(const struct host *from, const struct end *to, const struct expectation *what)
{
        return (struct packet){.host = from, .origin = from, .to = *to, .protocol = what->protocol, .port = what->port, .mtu = 1500};
}

static bool arrives(const char *disposition)
{
        return streq(disposition, "ACCEPTED") || streq(disposition, "DELIVERED_TO_SUBNET") || streq(disposition, "EXITS_NETWORK");
}

static size_t list_addresses(const struct host *host, struct end *list, size_t room)
{
        size_t n = 0;

        for (size_t i = 0; i < host->n_interfaces && n < room; i++)
                if (host->interfaces[i].address.family)
                        list[n++].address = host->interfaces[i].address;
        for (const struct member *member = host->memberships; member && n < room; member = member->next_of_host)
                list[n++].address = member->address;
        if (host->node && host->node->address.family && n < room)
                list[n++].address = host->node->address;
        if (n == 0 && room)
                list[n++].outside = host;
        return n;
}

/* A host has several addresses: the first that answers, else what became of the first. */
static const char *to_host(struct explain *e, const struct host *from, const struct host *to, const struct expectation *what)
{
        fbn_fabric_path *first = e->path, *kept = NULL;
        struct end list[64] = {0};
        size_t n = list_addresses(to, list, ARRAY_SIZE(list));
        const char *disposition = NULL, *best = NULL;

        for (size_t i = 0; i < n && !e->failed && (!best || !arrives(best)); i++) {
                e->path = path_new();
                if (!e->path) {
                        e->failed = true;
                        break;
                }
                disposition = round_trip(e, packet_to(from, &list[i], what));
                if (!kept || arrives(disposition)) {
                        fbn_fabric_path_unref(kept);
                        kept = e->path;
                        best = disposition;
                } else
                        fbn_fabric_path_unref(e->path);
        }
        e->path = first;
        for (size_t i = 0; kept && i < kept->count; i++) {
                struct packet at = {.host = fabric_host(e->fabric, kept->items[i].host), .back = kept->items[i].back};

                hop_add(e, &at, kept->items[i].step, kept->items[i].pointer, "%s", kept->items[i].text);
        }
        fbn_fabric_path_unref(kept);
        return best ? best : "NO_ROUTE";
}

bool explain_address(fbn_context *c, const fbn_fabric *fabric, const struct expectation *what, const struct host *to, fbn_address *ret_address)
{
        struct end list[64] = {0};
        size_t n = list_addresses(to, list, ARRAY_SIZE(list)), best = 0;

        for (size_t i = 0; i < n; i++) {
                struct fbn_fabric_path path = {.references = 1};
                struct explain e = {.c = c, .fabric = fabric, .path = &path};
                bool there = arrives(round_trip(&e, packet_to(what->from, &list[i], what)));

                arena_free(&e.scratch);
                arena_free(&path.arena);
                memory_free(path.items);
                if (there) {
                        best = i;
                        break;
                }
        }
        *ret_address = list[best].address;
        return list[best].address.family != 0;
}

static const struct zone *zone_of(const fbn_fabric *f, const char *name, const struct record **ret_record)
{
        for (size_t i = 0; i < f->n_zones; i++) {
                const struct zone *zone = &f->zones[i];
                size_t zone_length = strlen(zone->name), length = strlen(name);

                if (length <= zone_length || name[length - zone_length - 1] != '.' || strcasecmp(name + length - zone_length, zone->name) != 0)
                        continue;
                for (size_t j = 0; j < zone->n_records; j++)
                        if (strlen(zone->records[j].name) == length - zone_length - 1 &&
                            strncasecmp(zone->records[j].name, name, length - zone_length - 1) == 0) {
                                *ret_record = &zone->records[j];
                                return zone;
                        }
        }
        return NULL;
}

static const struct split *split_of(const fbn_fabric *f, const char *name)
{
        const struct split *best = NULL;

        for (size_t i = 0; i < f->mesh.n_splits; i++) {
                const char *suffix = f->mesh.splits[i].suffix;
                size_t whole = strlen(name), length = strlen(suffix);

                if (whole >= length && strcasecmp(name + whole - length, suffix) == 0 && (whole == length || name[whole - length - 1] == '.') &&
                    (!best || length > strlen(best->suffix)))
                        best = &f->mesh.splits[i];
        }
        return best;
}

static bool is_behind(const struct host *host, const struct host *router)
{
        for (size_t i = 0; i < host->n_interfaces; i++)
                if (host->interfaces[i].prefix && host->interfaces[i].prefix->at == router)
                        return true;
        return false;
}

/* Whom a host asks for a name of a declared zone. */
static bool asks(struct explain *e, const struct packet *at, const struct zone *zone, const char *name)
{
        const struct split *split = split_of(e->fabric, name);
        const struct host *host = at->host;
        struct asking asking;

        if (host == zone->at) {
                hop_add(e, at, "dns", zone->pointer, "%s: answers for '%s' itself", name, zone->name);
                return true;
        }
        if (host->node && host->node->accepts_dns && split && split->host == zone->at) {
                hop_add(e, at, "dns", split->pointer, "%s: asked of '%s' through the mesh", name, split->host->name);
                return true;
        }
        if (host_is_told_names(host) && host_asks(e->fabric, host, zone->at, &asking)) {
                struct end server = {.address = asking.address};

                hop_add(e, at, "dns", zone->pointer, "%s: asked of '%s' at %s, by the resolver of '%s'", name, zone->at->name, end_text(e, &server), host->name);
                return true;
        }
        if (is_behind(host, zone->at)) {
                hop_add(e, at, "dns", zone->pointer, "%s: asked of '%s', the router of its segment", name, zone->at->name);
                return true;
        }
        hop_add(e, at, "dns", zone->pointer, "%s: '%s' asks nobody who knows '%s': it uses neither the mesh's resolver nor that of '%s'", name,
                host->name, zone->name, zone->at->name);
        return false;
}

static const char *to_record(struct explain *e, const struct host *from, const struct zone *zone, const struct record *record,
                             const struct expectation *what)
{
        struct packet at = {.host = from};
        struct end list[64] = {0};

        if (!asks(e, &at, zone, what->host))
                return "DNS_FAIL";
        list_addresses(record->host, list, ARRAY_SIZE(list));
        hop_add(e, &at, "dns", zone->pointer, "%s is %s", what->host, end_text(e, &list[0]));
        return what->protocol == PROTOCOL_DNS ? "ACCEPTED" : round_trip(e, packet_to(from, &list[0], what));
}

/* A visitor's way to the proxy, and the proxy's to what serves. */
static const char *to_service(struct explain *e, const struct host *from, const struct service *service, const struct expectation *what)
{
        const struct expectation behind = {.protocol = PROTOCOL_TCP, .port = service->port};
        const struct end outside = {.outside = service->at};
        struct packet at = {.host = from};
        const char *disposition;

        hop_add(e, &at, "dns", service->pointer, "%s: public, the outside address of '%s'", service->name, service->at->name);
        if (what->protocol == PROTOCOL_DNS)
                return "ACCEPTED";
        disposition = round_trip(e, packet_to(from, &outside, what));
        if (!streq(disposition, "ACCEPTED"))
                return disposition;
        at.host = service->at;
        hop_add(e, &at, "proxy", service->pointer, "asks '%s' on port %u on behalf of the visitor", service->to->name, service->port);
        return to_host(e, service->at, service->to, &behind);
}

const char *explain_target(struct explain *e, const struct host *from, const struct expectation *what)
{
        const struct record *record = NULL;
        const struct zone *zone = zone_of(e->fabric, what->host, &record);
        const struct host *host = fabric_host(e->fabric, what->host);
        struct end end = {0};

        if (host)
                return to_host(e, from, host, what);
        if (zone)
                return to_record(e, from, zone, record, what);
        if (fabric_service(e->fabric, what->host))
                return to_service(e, from, fabric_service(e->fabric, what->host), what);
        if (fbn_address_parse(what->host, &end.address) < 0)
                return NULL;
        return round_trip(e, packet_to(from, &end, what));
}

/* "HOST", "HOST:PORT", "HOST:PORT/tcp", "HOST/icmp". */
static bool read_target(const char *to, struct expectation *what, char *host, size_t size)
{
        const char *protocol = "icmp";
        uint16_t port = 0;

        if (!word_split_target(to, host, size, &port, &protocol)) {
                protocol = "tcp";
                if (!word_split_host_port(to, host, size, &port)) {
                        protocol = "icmp";
                        if (snprintf(host, size, "%s", to) >= (int)size)
                                return false;
                }
        }
        what->host = host;
        what->port = port;
        what->protocol = streq(protocol, "tcp")    ? PROTOCOL_TCP
                         : streq(protocol, "udp")  ? PROTOCOL_UDP
                         : streq(protocol, "icmp") ? PROTOCOL_ICMP
                                                   : PROTOCOL_DNS;
        return true;
}

int fbn_fabric_explain(fbn_context *c, const fbn_fabric *fabric, const char *from, const char *to, fbn_fabric_path **ret_path)
{
        FBN_CLEANUP(fbn_fabric_path) path = path_new();
        struct explain e = {.c = c, .fabric = fabric, .path = path};
        struct expectation what = {0};
        const struct host *start;
        char host[300];
        int r;

        if (!path)
                return fail_memory(c);
        r = fabric_find_host(c, fabric, from, &start);
        if (r < 0)
                return r;
        if (read_target(to, &what, host, sizeof(host)))
                path->disposition = explain_target(&e, start, &what);
        arena_free(&e.scratch);
        if (e.failed)
                return fail_memory(c);
        if (!path->disposition)
                return fail(c, FBN_EINVAL, "'%s' is no host, no name of a zone, no service and no address", to);
        *ret_path = TAKE_PTR(path);
        return arrives((*ret_path)->disposition) ? 1 : 0;
}

fbn_fabric_path *fbn_fabric_path_ref(fbn_fabric_path *path)
{
        path->references++;
        return path;
}

fbn_fabric_path *fbn_fabric_path_unref(fbn_fabric_path *path)
{
        if (!path || --path->references > 0)
                return NULL;
        arena_free(&path->arena);
        memory_free(path->items);
        memory_free(path);
        return NULL;
}

size_t fbn_fabric_path_count(const fbn_fabric_path *path)
{
        return path ? path->count : 0;
}

const fbn_fabric_hop *fbn_fabric_path_at(const fbn_fabric_path *path, size_t index)
{
        return index < fbn_fabric_path_count(path) ? &path->items[index] : NULL;
}

const char *fbn_fabric_path_disposition(const fbn_fabric_path *path)
{
        return path->disposition;
}
