/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETNS_WIREGUARD_H
#define NETNS_WIREGUARD_H

/* What the tests of both backends share: agreement with wg(8), counting of what is sent, and a model of random wanted states. */

#include "netns/namespace.h"

#include <fabricnet/wireguard.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/wireguard.h>

/* Changes sent to a daemon or to the kernel's WireGuard since the program began. */
static unsigned sets_sent;
static unsigned dumps_sent; /* readings of the kernel's WireGuard */

static const fbn_key *left_alone; /* a peer that no change may mention, NULL: none */
static unsigned mentioned;

/* In either protocol's spelling. */
static inline bool mentions(const struct iovec *part, const fbn_key *key)
{
        char hex[2 * sizeof(key->bytes) + 1];

        for (size_t i = 0; i < sizeof(key->bytes); i++)
                snprintf(hex + 2 * i, 3, "%02x", key->bytes[i]);
        return memmem(part->iov_base, part->iov_len, key->bytes, sizeof(key->bytes)) || memmem(part->iov_base, part->iov_len, hex, strlen(hex));
}

static inline ssize_t counting_sendmsg(int fd, const struct msghdr *message, int flags)
{
        const struct iovec *part = message->msg_iov;
        const struct sockaddr *to = message->msg_name;
        const struct nlmsghdr *header = part->iov_base;

        if (!to && part->iov_len >= 6 && memcmp(part->iov_base, "set=1\n", 6) == 0)
                sets_sent++;
        if (to && to->sa_family == AF_NETLINK && header->nlmsg_type > GENL_ID_CTRL &&
            ((const struct genlmsghdr *)(header + 1))->cmd == WG_CMD_SET_DEVICE)
                sets_sent++;
        if (to && to->sa_family == AF_NETLINK && header->nlmsg_type > GENL_ID_CTRL && (header->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP &&
            ((const struct genlmsghdr *)(header + 1))->cmd == WG_CMD_GET_DEVICE)
                dumps_sent++;
        if (left_alone && mentions(part, left_alone))
                mentioned++;
        return sendmsg(fd, message, flags);
}

static inline void count_sets(void)
{
        assert_int_equal(fbn_set_tables(NULL, FBN_OPTIONS(fbn_system_calls, .sendmsg = counting_sendmsg)), 0);
}

static inline fbn_prefix prefix_of(const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return prefix;
}

static inline fbn_endpoint endpoint_of(const char *text)
{
        fbn_endpoint endpoint;

        assert_int_equal(fbn_endpoint_parse(text, &endpoint), 0);
        return endpoint;
}

static inline const char *secret_text(const fbn_secret *secret)
{
        static char text[4][FBN_KEY_TEXT];
        static unsigned next;
        fbn_key key;

        if (!secret)
                return "(none)";
        memcpy(key.bytes, fbn_secret_bytes(secret), sizeof(key.bytes));
        return fbn_key_format(&key, text[next++ % 4], FBN_KEY_TEXT);
}

static inline const char *public_text(const fbn_wireguard_interface *interface, char *buffer, size_t size)
{
        return interface->private_key ? fbn_key_format(&interface->public_key, buffer, size) : "(none)";
}

/* A configuration as "wg show NAME dump" prints it, without handshake times and counters; peers and allowed IPs unsorted. */
static inline char *dump_of(const fbn_wireguard *wireguard)
{
        const fbn_wireguard_interface *interface = fbn_wireguard_interface_of(wireguard);
        char *text = NULL, mark[16] = "off", key[FBN_KEY_TEXT], address[FBN_ADDRESS_TEXT];
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);

        if (interface->fwmark)
                snprintf(mark, sizeof(mark), "0x%x", interface->fwmark);
        fprintf(out, "%s %s %u %s\n", secret_text(interface->private_key), public_text(interface, key, sizeof(key)),
                interface->listen_port, mark);
        for (size_t i = 0; i < fbn_wireguard_count(wireguard); i++) {
                const fbn_wireguard_peer *peer = fbn_wireguard_at(wireguard, i);

                fprintf(out, "%s %s %s ", fbn_key_format(&peer->public_key, key, sizeof(key)), secret_text(peer->preshared_key),
                        peer->endpoint.port ? fbn_endpoint_format(&peer->endpoint, address, sizeof(address)) : "(none)");
                for (size_t j = 0; j < peer->n_allowed_ips; j++)
                        fprintf(out, "%s%s", j ? "," : "", fbn_prefix_format(&peer->allowed_ips[j], address, sizeof(address)));
                if (peer->keepalive)
                        fprintf(out, "%s %u\n", peer->n_allowed_ips ? "" : "(none)", peer->keepalive);
                else
                        fprintf(out, "%s off\n", peer->n_allowed_ips ? "" : "(none)");
        }
        fclose(out);
        return text;
}

static inline int compare_words(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sort the comma list in a peer's fourth word, in place. */
static inline void sort_allowed_ips(char *line)
{
        char *words[16384], *list = line, *end, *copy, *rest;
        size_t count = 0;

        for (int i = 0; i < 3; i++) {
                list = strchr(list, ' ');
                if (!list++)
                        return;
        }
        end = strchr(list, ' ');
        if (!end)
                return; /* the interface's line */
        copy = strndup(list, (size_t)(end - list));
        for (char *word = strtok_r(copy, ",", &rest); word && count < ARRAY_SIZE(words); word = strtok_r(NULL, ",", &rest))
                words[count++] = word;
        qsort(words, count, sizeof(*words), compare_words);
        for (size_t i = 0; i < count; i++) {
                size_t length = strlen(words[i]);

                memcpy(list, words[i], length);
                list += length;
                if (i + 1 < count)
                        *list++ = ',';
        }
        free(copy);
}

/* Lines sorted, and in each the allowed IPs; frees what it is given. */
static inline char *sorted_dump(char *text)
{
        char *lines[16384], *sorted, *rest, *end;
        size_t count = 0, size = strlen(text);

        for (char *line = strtok_r(text, "\n", &rest); line && count < ARRAY_SIZE(lines); line = strtok_r(NULL, "\n", &rest)) {
                sort_allowed_ips(line);
                lines[count++] = line;
        }
        qsort(lines, count, sizeof(*lines), compare_words);
        sorted = end = calloc(1, size + 2);
        for (size_t i = 0; i < count; i++)
                end += sprintf(end, "%s\n", lines[i]);
        free(text);
        return sorted;
}

/* What wg(8) shows of a device, in the form of dump_of(). */
static inline char *wg_dump(const char *host, const char *device)
{
        char *dump = command_output("ip netns exec %s wg show %s dump", host, device), *text = NULL, *rest = dump, *line, *field;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);

        for (unsigned row = 0; (line = strsep(&rest, "\n")) && *line; row++) {
                for (unsigned column = 1; (field = strsep(&line, "\t")); column++)
                        if (column <= 4 || (row > 0 && column == 8))
                                fprintf(out, "%s%s", column > 1 ? " " : "", field);
                fputc('\n', out);
        }
        fclose(out);
        free(dump);
        return text;
}

/* Our reading of a device is wg's. */
static inline void assert_agrees_with_wg(fbn_context *c, const char *host, const char *device)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        char *ours, *theirs;

        assert_ok(c, fbn_wireguard_get(c, device, &have));
        ours = sorted_dump(dump_of(have));
        theirs = sorted_dump(wg_dump(host, device));
        assert_string_equal(ours, theirs);
        free(ours);
        free(theirs);
}

/* The model: keys, pre-shared keys and prefixes come from small pools, so that states overlap in all ways. */
#define MODEL_PEERS 12
#define MODEL_PREFIXES 24
#define MODEL_SECRETS 3

struct model {
        fbn_context *c;
        unsigned seed;
        fbn_secret *private_keys[2], *preshared[MODEL_SECRETS];
        fbn_key peers[MODEL_PEERS];
        fbn_prefix prefixes[MODEL_PREFIXES];
        fbn_endpoint known[MODEL_PEERS]; /* what the device should have as endpoint */
        bool there[MODEL_PEERS];
        bool key_hidden; /* the device does not tell its private key */
        const fbn_wireguard_interface *interface; /* wanted always, NULL: any */
        const fbn_wireguard_peer *live;           /* wanted always as it is, with a session that is not to be disturbed; NULL: none */
};

static inline unsigned model_below(struct model *model, unsigned limit)
{
        return (unsigned)rand_r(&model->seed) % limit;
}

static inline void model_start(struct model *model, fbn_context *c)
{
        const char *seed = getenv("FBN_SEED");
        char text[FBN_ADDRESS_TEXT];

        *model = (struct model){.c = c, .seed = seed ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)time(NULL)};
        print_message("FBN_SEED=%u goes through the same states\n", model->seed);
        for (size_t i = 0; i < 2; i++)
                assert_ok(c, fbn_key_generate(c, &model->private_keys[i]));
        for (size_t i = 0; i < MODEL_SECRETS; i++)
                assert_ok(c, fbn_key_generate_preshared(c, &model->preshared[i]));
        for (unsigned i = 0; i < MODEL_PEERS; i++)
                model->peers[i] = (fbn_key){{9, (uint8_t)i, 1}};
        for (unsigned i = 0; i < MODEL_PREFIXES; i++) {
                snprintf(text, sizeof(text), i % 2 ? "10.%u.0.0/%u" : "fd00:%u::/%u", i, i % 2 ? 16 + i % 16 : 32 + i);
                model->prefixes[i] = prefix_of(text);
        }
}

static inline void model_stop(struct model *model)
{
        for (size_t i = 0; i < 2; i++)
                fbn_secret_unref(model->private_keys[i]);
        for (size_t i = 0; i < MODEL_SECRETS; i++)
                fbn_secret_unref(model->preshared[i]);
}

static inline fbn_endpoint model_endpoint(struct model *model)
{
        static const char *const texts[] = {"127.0.0.1:7", "127.0.0.2:7", "[::1]:9", "[::1]:10"};

        return endpoint_of(texts[model_below(model, 4)]);
}

/* Add peer number i, with the prefixes that owners gives it, to what is wanted and to what is expected. */
static inline void model_add(struct model *model, unsigned i, const uint8_t *owners, fbn_wireguard *want, fbn_wireguard *expected)
{
        fbn_prefix allowed[MODEL_PREFIXES];
        fbn_wireguard_peer peer = {.size = sizeof(peer), .public_key = model->peers[i], .allowed_ips = allowed};

        for (size_t j = 0; j < MODEL_PREFIXES; j++)
                if (owners[j] == i)
                        allowed[peer.n_allowed_ips++] = model->prefixes[j];
        if (model_below(model, 2))
                peer.preshared_key = model->preshared[model_below(model, MODEL_SECRETS)];
        if (model_below(model, 2))
                peer.endpoint = model_endpoint(model);
        if (model_below(model, 3) == 0)
                peer.keepalive = (uint16_t)(1 + model_below(model, 3));
        assert_ok(model->c, fbn_wireguard_add(model->c, want, &peer));
        if (!model->there[i] || peer.endpoint.port)
                model->known[i] = peer.endpoint;
        peer.endpoint = model->known[i];
        assert_ok(model->c, fbn_wireguard_add(model->c, expected, &peer));
}

/* The peer that is never changed is never mentioned and has its handshake and its counters. The two ends of the session may raise them: a
 * keepalive that a slow machine sends late makes the other shake hands again. */
static inline void model_check_live(const struct model *model, const fbn_wireguard *have)
{
        for (size_t i = 0; i < fbn_wireguard_count(have); i++) {
                const fbn_wireguard_peer *peer = fbn_wireguard_at(have, i);

                if (memcmp(&peer->public_key, &model->live->public_key, sizeof(peer->public_key)) != 0)
                        continue;
                assert_int_equal(mentioned, 0);
                assert_true(peer->last_handshake >= model->live->last_handshake);
                assert_true(peer->received >= model->live->received && peer->sent >= model->live->sent);
                return;
        }
        fail_msg("the live peer is gone");
}

/* One random state: apply it, see that the device is what it should be, apply again and see that nothing is sent. */
static inline void model_step(struct model *model, const char *host, const char *device)
{
        fbn_wireguard_interface interface = {.size = sizeof(interface)};
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        FBN_CLEANUP(fbn_wireguard) expected = NULL;
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        uint8_t owners[MODEL_PREFIXES];
        char *ours, *theirs;
        unsigned sent;

        interface.private_key = model->private_keys[model_below(model, 2)];
        interface.listen_port = (uint16_t)(40000 + model_below(model, 2));
        interface.fwmark = model_below(model, 2) ? 0xca6c : 0;
        if (model->interface) {
                interface.private_key = model->interface->private_key;
                interface.listen_port = model->interface->listen_port;
        }
        assert_ok(model->c, fbn_wireguard_new(model->c, &interface, &want));
        if (model->key_hidden)
                interface.private_key = NULL;
        assert_ok(model->c, fbn_wireguard_new(model->c, &interface, &expected));
        for (size_t j = 0; j < MODEL_PREFIXES; j++)
                owners[j] = (uint8_t)model_below(model, MODEL_PEERS + 4);
        for (unsigned i = 0; i < MODEL_PEERS; i++) {
                bool there = model_below(model, 4) > 0;

                if (there)
                        model_add(model, i, owners, want, expected);
                model->there[i] = there;
        }
        if (model->live) {
                assert_ok(model->c, fbn_wireguard_add(model->c, want, model->live));
                assert_ok(model->c, fbn_wireguard_add(model->c, expected, model->live));
        }
        assert_ok(model->c, fbn_wireguard_apply(model->c, device, want, NULL, NULL));
        assert_ok(model->c, fbn_wireguard_get(model->c, device, &have));
        if (model->live)
                model_check_live(model, have);
        ours = sorted_dump(dump_of(have));
        theirs = sorted_dump(dump_of(expected));
        assert_string_equal(ours, theirs);
        free(ours);
        free(theirs);
        assert_agrees_with_wg(model->c, host, device);
        sent = sets_sent;
        assert_int_equal(fbn_wireguard_apply(model->c, device, want, NULL, NULL), 0);
        assert_int_equal(sets_sent, sent);
}

static inline void model_run(fbn_context *c, const char *host, const char *device, unsigned steps)
{
        struct model model;

        model_start(&model, c);
        for (unsigned i = 0; i < steps; i++)
                model_step(&model, host, device);
        model_stop(&model);
}

/* The same on a device that has one peer with a session, which stays as it is in each state. */
static inline void model_run_live(fbn_context *c, const char *host, const char *device, unsigned steps)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        struct model model;

        assert_ok(c, fbn_wireguard_get(c, device, &have));
        assert_int_equal(fbn_wireguard_count(have), 1);
        model_start(&model, c);
        model.interface = fbn_wireguard_interface_of(have);
        model.live = fbn_wireguard_at(have, 0);
        assert_true(model.live->last_handshake > 1700000000000000000);
        left_alone = &model.live->public_key;
        for (unsigned i = 0; i < steps; i++)
                model_step(&model, host, device);
        left_alone = NULL;
        model_stop(&model);
}

#endif
