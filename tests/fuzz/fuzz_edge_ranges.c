/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever comes as the CDN's ranges: what is taken are prefixes of the public Internet, sorted, each once; the same text again gives the same. */
#include "edge/ranges.h"

#include "base/address.h"

#include <stdlib.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        struct ranges ranges = {0};
        fbn_prefix home, all;

        if (fbn_context_new(NULL, &c) < 0 || fbn_prefix_parse("192.168.0.0/16", &home) < 0 || fbn_prefix_parse("127.0.0.0/8", &all) < 0)
                abort();
        if (ranges_parse(c, (const char *)data, size, &ranges) < 0)
                return 0;
        if (ranges.count < 2)
                abort();
        for (size_t i = 0; i < ranges.count; i++) {
                fbn_prefix network;

                if (fbn_prefix_network(&ranges.items[i], &network) != 0 || fbn_prefix_overlaps(&home, &network) || fbn_prefix_overlaps(&all, &network) ||
                    network.length < 8 || (i > 0 && prefix_compare(&ranges.items[i - 1], &ranges.items[i]) >= 0))
                        abort();
        }
        ranges_free(&ranges);
        return 0;
}

#include "replay.h"
