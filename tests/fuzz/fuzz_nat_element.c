/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The messages of a dump of elements, of sets of several shapes: the first byte says which, the rest is the message. */
#include "nat/nat.h"

#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
        const char *key, *data;
        uint32_t flags;
} shapes[] = {
        {"ipv4_addr", NULL, NFT_SET_INTERVAL | NFT_SET_TIMEOUT},
        {"ipv6_addr", "verdict", NFT_SET_INTERVAL | NFT_SET_MAP},
        {"ipv4_addr . inet_service", "ipv6_addr . inet_service", NFT_SET_INTERVAL | NFT_SET_CONCAT | NFT_SET_MAP},
        {"ifname . mark . inet_proto", NULL, NFT_SET_CONCAT},
};

static void read_message(fbn_context *c, const struct set_shape *shape, const struct nlmsghdr *message)
{
        FBN_CLEANUP(fbn_nat_reader) reader = NULL;
        struct set_shape decoded;
        struct element element;
        const char *name;

        set_decode(message, &name, &decoded);
        if (reader_make(c, shape, &reader) < 0)
                return;
        reader_feed(reader, message);
        while (reader_take(c, reader, &element) > 0) {
                char text[VALUE_TEXT];
                uint8_t first[LAYOUT_BYTES], last[LAYOUT_BYTES];

                value_format(&shape->key, element.first, element.last, text);
                value_parse(&shape->key, text, first, last);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        struct set_shape shape = {0};
        struct nlmsghdr *message;
        size_t length = sizeof(*message) + sizeof(struct nfgenmsg);

        if (size < 1 || fbn_context_new(NULL, &c) < 0)
                return 0;
        layout_parse(shapes[*data % ARRAY_SIZE(shapes)].key, false, &shape.key);
        if (shapes[*data % ARRAY_SIZE(shapes)].data)
                layout_parse(shapes[*data % ARRAY_SIZE(shapes)].data, true, &shape.data);
        shape.flags = shapes[*data % ARRAY_SIZE(shapes)].flags;
        message = calloc(1, MNL_ALIGN(length + size - 1)); /* as in a buffer of many messages */
        if (!message)
                return 0;
        memcpy((char *)message + length, data + 1, size - 1);
        message->nlmsg_len = (uint32_t)(length + size - 1);
        read_message(c, &shape, message);
        free(message);
        return 0;
}

#include "replay.h"
