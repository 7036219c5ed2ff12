/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ours against nft(8) and the bare loop:
 *   nat rules COUNT CHANGES   apply COUNT masquerades, of 10.0.0.0/24 and following sources
 *   nat set                   declare the set "load": IPv4 intervals with timeouts
 *   nat load COUNT            the same, and add COUNT elements
 *   nat add FIRST COUNT       add COUNT elements in one transaction, from number FIRST on
 *   nat replace FIRST COUNT DIFFERENCES [KNOWN]   make the set have exactly these; KNOWN: it is known to have COUNT from number KNOWN on
 *   nat read COUNT            read them all
 * Element i is 10.0.0.0/28 and every other /28 that follows, with an hour to live. */
#include "bench.h"

#include <arpa/inet.h>

#define SET "load"

static void rules(fbn_context *c, uint32_t count, const char *changes)
{
        FBN_CLEANUP(fbn_nat) want = NULL;
        fbn_prefix source = {.address = {.family = AF_INET}, .length = 24};

        checked(c, fbn_nat_new(c, &want));
        for (uint32_t i = 0; i < count; i++) {
                uint32_t network = htonl(0x0a000000 + i * 256);
                char name[16];

                memcpy(source.address.bytes, &network, sizeof(network));
                snprintf(name, sizeof(name), "rule-%u", i);
                checked(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_MASQUERADE, .name = name, .sources = &source,
                                                            .n_sources = 1, .out_device = "eth0")));
        }
        expect_changes(checked(c, fbn_nat_apply(c, want, NULL, NULL)), changes);
}

static void declare(fbn_context *c)
{
        FBN_CLEANUP(fbn_nat) want = NULL;

        checked(c, fbn_nat_new(c, &want));
        checked(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = SET, .key = "ipv4_addr", .intervals = true, .timeouts = true)));
        checked(c, fbn_nat_apply(c, want, NULL, NULL));
}

static fbn_nat_elements *elements(fbn_context *c, uint32_t first, uint32_t count)
{
        fbn_nat_elements *list;

        checked(c, fbn_nat_elements_new(c, SET, &list));
        for (uint32_t i = first; i < first + count; i++) {
                uint32_t network = htonl(0x0a000000 + i * 32);
                fbn_prefix prefix = {.address = {.family = AF_INET}, .length = 28};
                char key[FBN_ADDRESS_TEXT];

                memcpy(prefix.address.bytes, &network, sizeof(network));
                fbn_prefix_format(&prefix, key, sizeof(key));
                checked(c, fbn_nat_elements_add(c, list, FBN_OPTIONS(fbn_nat_element, .key = key, .timeout_ms = 3600000)));
        }
        return list;
}

static void add(fbn_context *c, uint32_t first, uint32_t count, const char *expected)
{
        FBN_CLEANUP(fbn_nat_elements) list = elements(c, first, count);

        expect_changes(checked(c, fbn_nat_elements_send(c, list, FBN_NAT_ELEMENTS_ADD)), expected);
}

static void replace(fbn_context *c, uint32_t first, uint32_t count, const char *expected, const char *known)
{
        FBN_CLEANUP(fbn_nat_elements) list = elements(c, first, count);
        FBN_CLEANUP(fbn_nat_elements) last = known ? elements(c, (uint32_t)atoi(known), count) : NULL;

        expect_changes(checked(c, fbn_nat_elements_replace(c, list, last)), expected);
}

static void read_all(fbn_context *c, const char *expected)
{
        FBN_CLEANUP(fbn_nat_reader) reader = NULL;
        const fbn_nat_element *element;
        int count = 0;

        checked(c, fbn_nat_reader_new(c, SET, &reader));
        while (checked(c, fbn_nat_reader_next(c, reader, &element)) > 0)
                count++;
        expect_changes(count, expected);
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = bench_context();
        const char *verb = argc > 1 ? argv[1] : "";

        if (argc == 4 && strcmp(verb, "rules") == 0)
                rules(c, (uint32_t)atoi(argv[2]), argv[3]);
        else if (argc == 2 && strcmp(verb, "set") == 0)
                declare(c);
        else if (argc == 3 && strcmp(verb, "load") == 0)
                declare(c), add(c, 0, (uint32_t)atoi(argv[2]), argv[2]);
        else if (argc == 4 && strcmp(verb, "add") == 0)
                add(c, (uint32_t)atoi(argv[2]), (uint32_t)atoi(argv[3]), argv[3]);
        else if ((argc == 5 || argc == 6) && strcmp(verb, "replace") == 0)
                replace(c, (uint32_t)atoi(argv[2]), (uint32_t)atoi(argv[3]), argv[4], argv[5]);
        else if (argc == 3 && strcmp(verb, "read") == 0)
                read_all(c, argv[2]);
        else
                usage("nat rules COUNT CHANGES | set | load COUNT | add FIRST COUNT | replace FIRST COUNT DIFFERENCES [KNOWN] | read COUNT");
        return 0;
}
