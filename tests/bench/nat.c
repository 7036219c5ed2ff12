/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ours against nft(8): nat COUNT CHANGES: apply COUNT masquerades, of 10.0.0.0/24 and following sources. */
#include "bench.h"

#include <arpa/inet.h>

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = bench_context();
        FBN_CLEANUP(fbn_nat) want = NULL;
        fbn_prefix source = {.address = {.family = AF_INET}, .length = 24};

        if (argc != 3)
                usage("nat COUNT CHANGES");
        checked(c, fbn_nat_new(c, &want));
        for (uint32_t i = 0; i < (uint32_t)atoi(argv[1]); i++) {
                uint32_t network = htonl(0x0a000000 + i * 256);
                char name[16];

                memcpy(source.address.bytes, &network, sizeof(network));
                snprintf(name, sizeof(name), "rule-%u", i);
                checked(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_MASQUERADE, .name = name, .sources = &source,
                                                            .n_sources = 1, .out_device = "eth0")));
        }
        expect_changes(checked(c, fbn_nat_apply(c, want, NULL, NULL)), argv[2]);
        return 0;
}
