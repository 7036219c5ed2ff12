/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A router without fabricnet: what 'wg show all transfer', 'latest-handshakes' and 'allowed-ips' print, in any order. Source: wg(8). */
#include "fabric/collect.h"
#include "fabric/status.h"

#include <stdio.h>

#define PEERS 1000
#define ALLOWED 64 /* of a peer, that are told */

struct seen {
        const char *device;
        fbn_wireguard_peer peer;
        fbn_prefix *allowed;
};

struct reader {
        fbn_context *c;
        struct arena arena;
        struct seen *items;
        size_t n;
};

static struct seen *find(struct reader *reader, const char *device, const fbn_key *key)
{
        struct seen *seen;

        for (size_t i = 0; i < reader->n; i++)
                if (memcmp(&reader->items[i].peer.public_key, key, sizeof(*key)) == 0 && streq(reader->items[i].device, device))
                        return &reader->items[i];
        if (reader->n == PEERS)
                return NULL;
        seen = &reader->items[reader->n++];
        *seen = (struct seen){.device = device, .peer = {.size = sizeof(fbn_wireguard_peer), .public_key = *key}};
        return seen;
}

static bool read_allowed(struct reader *reader, struct seen *seen, char *text)
{
        char *rest = NULL;

        if (streq(text, "(none)"))
                return true;
        if (!seen->allowed)
                seen->allowed = arena_alloc(&reader->arena, ALLOWED * sizeof(*seen->allowed));
        if (!seen->allowed)
                return false;
        seen->peer.n_allowed_ips = 0;
        for (char *word = strtok_r(text, " ", &rest); word && seen->peer.n_allowed_ips < ALLOWED; word = strtok_r(NULL, " ", &rest))
                if (fbn_prefix_parse(word, &seen->allowed[seen->peer.n_allowed_ips]) < 0)
                        return false;
                else
                        seen->peer.n_allowed_ips++;
        seen->peer.allowed_ips = seen->allowed;
        return true;
}

/* DEVICE KEY RECEIVED SENT, DEVICE KEY TIME or DEVICE KEY PREFIX…, between tabs. */
static bool read_line(struct reader *reader, char *line)
{
        char *fields[4] = {line}, *tab;
        size_t n = 1;
        uint64_t time;
        struct seen *seen;
        fbn_key key;

        while ((tab = strchr(fields[n - 1], '\t')) && n < ARRAY_SIZE(fields)) {
                *tab = 0;
                fields[n++] = tab + 1;
        }
        if (n < 3 || !*fields[0] || strlen(fields[0]) > 15 || fbn_key_parse(fields[1], &key) < 0)
                return false;
        seen = find(reader, fields[0], &key);
        if (!seen)
                return false;
        if (n == 4)
                return text_to_u64(fields[2], 0, UINT64_MAX, &seen->peer.received) && text_to_u64(fields[3], 0, UINT64_MAX, &seen->peer.sent);
        if (!text_to_u64(fields[2], 0, INT64_MAX / 1000000000, &time))
                return read_allowed(reader, seen, fields[2]);
        seen->peer.last_handshake = (int64_t)time * 1000000000;
        return true;
}

/* As the file calls it; a peer that it does not know has no name. */
static const char *friendly(const fbn_fabric *fabric, const fbn_key *key)
{
        for (size_t i = 0; i < fabric->n_tunnels; i++)
                for (size_t j = 0; j < fabric->tunnels[i].n_members; j++)
                        if (memcmp(&fabric->tunnels[i].members[j].public_key, key, sizeof(*key)) == 0)
                                return fabric->tunnels[i].members[j].host->name;
        return "";
}

static int read_all(struct reader *reader, char *bytes)
{
        char *rest = NULL;
        unsigned number = 0;

        reader->items = arena_alloc(&reader->arena, PEERS * sizeof(*reader->items));
        if (!reader->items)
                return fail_memory(reader->c);
        for (char *line = strtok_r(bytes, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
                number++;
                if (!read_line(reader, line))
                        return fail(reader->c, FBN_EPROTOCOL, "line %u is neither a metric nor what 'wg show all transfer', 'latest-handshakes' and "
                                    "'allowed-ips' print", number);
        }
        return reader->n > 0 ? 0 : fail(reader->c, FBN_EPROTOCOL, "there is nothing in its answer");
}

int collect_wireguard(fbn_context *c, const fbn_fabric *fabric, const char *host, char *bytes, struct text *ret_text)
{
        FBN_CLEANUP(fbn_fabric_status) status = memory_alloc(sizeof(*status));
        struct reader reader = {.c = c};
        int r;

        if (!status)
                return fail_memory(c);
        status->references = 1;
        status->host = host;
        r = read_all(&reader, bytes);
        metric_add(status, METRIC_INFO, 1, "fabric", fabric->name, "version", "", NULL);
        for (size_t i = 0; r == 0 && i < reader.n; i++)
                metrics_peer(status, reader.items[i].device, friendly(fabric, &reader.items[i].peer.public_key), &reader.items[i].peer);
        if (r == 0 && !metrics_write(status))
                r = fail_memory(c);
        if (r == 0) {
                *ret_text = status->metrics;
                status->metrics = (struct text){0};
        }
        arena_free(&reader.arena);
        return r;
}
