/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why do packets from this source not come in? sysctl_rpfilter LINK SOURCE DESTINATION */
#include <fabricnet/fabricnet.h>
#include <stdio.h>

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        fbn_rpfilter_packet packet = {.size = sizeof(packet)};
        fbn_rpfilter_result result = {.size = sizeof(result)};
        int r;

        if (argc != 4 || fbn_address_parse(argv[2], &packet.source) < 0 || fbn_address_parse(argv[3], &packet.destination) < 0) {
                fprintf(stderr, "usage: sysctl_rpfilter LINK SOURCE DESTINATION\n");
                return 2;
        }
        packet.in_device = argv[1];
        r = fbn_context_new(NULL, &c);
        if (r >= 0)
                r = fbn_rpfilter_ask(c, &packet, &result);
        if (r < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                return 2;
        }
        printf("%s: %s\n", result.kind == FBN_RPFILTER_ACCEPT ? "accepted" : "not accepted", result.why);
        return result.kind != FBN_RPFILTER_ACCEPT;
}
