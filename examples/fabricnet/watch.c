/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static const char *event_word(fbn_event_kind kind)
{
        static const char *const words[] = {"none",      "added", "changed",  "removed", "resync",
                                            "handshake", "stale", "counters", "failed"};

        return (size_t)kind < sizeof(words) / sizeof(words[0]) ? words[kind] : "unknown";
}

static const char *time_text(int64_t nanoseconds, char *buffer, size_t size)
{
        time_t seconds = nanoseconds / 1000000000;
        struct tm parts;
        char clock[32];

        strftime(clock, sizeof(clock), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &parts));
        snprintf(buffer, size, "%s.%03dZ", clock, (int)(nanoseconds % 1000000000 / 1000000));
        return buffer;
}

static void add_link(json_t *json, const fbn_link *link)
{
        json_object_set_new(json, "link", json_pack("{s:s, s:I, s:s?, s:I, s:s, s:b, s:s?, s:s?}", "name", link->name, "index", (json_int_t)link->index,
                                                    "kind", link->kind, "mtu", (json_int_t)link->mtu, "state",
                                                    link->state == FBN_LINK_UP ? "up" : "down", "running", link->running, "alias", link->alias,
                                                    "master", link->master));
}

static void add_address(json_t *json, const fbn_link_address *address)
{
        char text[FBN_ADDRESS_TEXT];

        json_object_set_new(json, "address", json_pack("{s:s?, s:s, s:i}", "device", address->device, "address",
                                                       fbn_prefix_format(&address->address, text, sizeof(text)), "protocol",
                                                       (int)address->protocol));
}

static void add_route(json_t *json, const fbn_route *route)
{
        char destination[FBN_ADDRESS_TEXT], gateway[FBN_ADDRESS_TEXT];

        fbn_prefix_format(&route->destination, destination, sizeof(destination));
        fbn_address_format(&route->gateway, gateway, sizeof(gateway));
        json_object_set_new(json, "route", json_pack("{s:s, s:s?, s:s?, s:I, s:I, s:i}", "destination", destination, "gateway",
                                                     *gateway ? gateway : NULL, "device", route->device, "table", (json_int_t)route->table,
                                                     "metric", (json_int_t)route->metric, "protocol", (int)route->protocol));
}

static void add_counters(json_t *json, const fbn_wireguard_peer *peer)
{
        char key[FBN_KEY_TEXT], endpoint[FBN_ADDRESS_TEXT];

        fbn_endpoint_format(&peer->endpoint, endpoint, sizeof(endpoint));
        json_object_set_new(json, "peer", json_pack("{s:s, s:s?, s:I, s:I, s:I}", "public_key", fbn_key_format(&peer->public_key, key, sizeof(key)),
                                                    "endpoint", *endpoint ? endpoint : NULL, "last_handshake", (json_int_t)peer->last_handshake,
                                                    "received", (json_int_t)peer->received, "sent", (json_int_t)peer->sent));
}

static void print_event_json(const fbn_event *event)
{
        json_t *json = json_pack("{s:s, s:I, s:s, s:s?, s:s?, s:s?, s:s?}", "event", event_word(event->kind), "time", (json_int_t)event->time, "type",
                                 event->type, "object", event->object, "field", event->field, "before", event->before, "after", event->after);

        if (event->by) {
                json_object_set_new(json, "by", json_string(event->by));
                json_object_set_new(json, "pid", json_integer(event->pid));
        }
        if (event->peer)
                add_counters(json, event->peer);
        if (event->link)
                add_link(json, event->link);
        if (event->address)
                add_address(json, event->address);
        if (event->route)
                add_route(json, event->route);
        json_dumpf(json, stdout, JSON_COMPACT);
        printf("\n");
        json_decref(json);
}

static void print_event(const fbn_event *event)
{
        char text[64];

        printf("%s %s %s", time_text(event->time, text, sizeof(text)), event_word(event->kind), event->object ? event->object : event->type);
        if (event->field)
                printf(" %s:", event->field);
        if (event->kind == FBN_EVENT_CHANGED && (event->before || event->after))
                printf(" %s → %s", event->before ? event->before : "none", event->after ? event->after : "none");
        else
                printf("%s%s%s%s", event->before ? " " : "", event->before ? event->before : "", event->after ? " " : "",
                       event->after ? event->after : "");
        if (event->by)
                printf(" (by %s, process %" PRIu32 ")", event->by, event->pid);
        printf("\n");
}

int watch(struct command *command, fbn_monitor *monitor)
{
        FBN_CLEANUP(fbn_monitor) mine = monitor;
        const fbn_event *event;
        int r = 0;

        while (r >= 0 && fflush(stdout) == 0 && !ferror(stdout)) {
                r = fbn_monitor_wait(command->c, mine, -1);
                while ((event = fbn_monitor_next(mine)))
                        command->json ? print_event_json(event) : print_event(event);
        }
        return r >= 0 || r == -FBN_ECANCELED ? EXIT_DONE : failed(command, r);
}

int watch_links(struct command *command)
{
        fbn_link_monitor_options options = {.size = sizeof(options), .device = command->count ? command->argument[0] : NULL, .existing = true};
        fbn_monitor *monitor = NULL;
        int r;

        if (command->count > 1)
                return misused("usage: fabricnet link watch [LINK]");
        r = fbn_link_monitor_new(command->c, &options, &monitor);
        return r < 0 ? failed(command, r) : watch(command, monitor);
}

int watch_routes(struct command *command)
{
        fbn_route_monitor_options options = {.size = sizeof(options), .existing = true};
        fbn_monitor *monitor = NULL;
        int r;

        for (int i = 0; i < command->count; i += 2) {
                const char *word = command->argument[i], *value = i + 1 < command->count ? command->argument[i + 1] : "";
                uint64_t number = 0;

                if (strcmp(word, "neighbours") == 0) {
                        options.neighbours = true;
                        i--;
                } else if (strcmp(word, "dev") == 0 && *value)
                        options.device = value;
                else if (strcmp(word, "table") == 0 && number_of(value, UINT32_MAX, &number) && number)
                        options.table = (uint32_t)number;
                else if (strcmp(word, "protocol") == 0 && number_of(value, UINT8_MAX, &number) && number)
                        options.protocol = (uint8_t)number;
                else
                        return misused("route watch: '%s %s': [dev LINK] [table N] [protocol N] [neighbours]", word, value);
        }
        r = fbn_route_monitor_new(command->c, &options, &monitor);
        return r < 0 ? failed(command, r) : watch(command, monitor);
}

int watch_nat(struct command *command)
{
        fbn_nat_monitor_options options = {.size = sizeof(options), .existing = true};
        fbn_monitor *monitor = NULL;
        int r;

        options.all = command->count == 1 && strcmp(command->argument[0], "all") == 0;
        if (command->count != (options.all ? 1 : 0))
                return misused("usage: fabricnet nat watch [all]");
        r = fbn_nat_monitor_new(command->c, &options, &monitor);
        return r < 0 ? failed(command, r) : watch(command, monitor);
}
