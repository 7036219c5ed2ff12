/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Make sure that a bridge is there, up, with an address: says what had to be done, and the second time that nothing had.
 *
 * usage: link_bridge [-n NETNS] NAME ADDRESS/LENGTH      as root, for instance: link_bridge lan0 192.168.8.1/24 */
#include <fabricnet/fabricnet.h>
#include <stdio.h>
#include <string.h>

static void print(const fbn_changes *changes)
{
        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);

                printf("%s%s%s: %s -> %s\n", change->object, change->field ? " " : "", change->field ? change->field : "",
                       change->before ? change->before : "-", change->after ? change->after : "-");
        }
}

static int bridge(fbn_context *c, const char *name)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = fbn_link_apply(c, FBN_OPTIONS(fbn_link, .name = name, .kind = "bridge", .alias = "fabricnet:example", .state = FBN_LINK_UP), NULL, &changes);

        print(changes);
        return r;
}

static int address(fbn_context *c, const char *name, const fbn_prefix *prefix)
{
        FBN_CLEANUP(fbn_link_addresses) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = fbn_link_addresses_new(c, &want);

        if (r >= 0)
                r = fbn_link_addresses_add(c, want, FBN_OPTIONS(fbn_link_address, .device = name, .address = *prefix));
        if (r >= 0)
                r = fbn_link_address_apply(c, name, want, NULL, &changes);
        print(changes);
        return r;
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        const char *netns = NULL;
        fbn_prefix prefix;
        int r;

        if (argc == 5 && strcmp(argv[1], "-n") == 0) {
                netns = argv[2];
                argv += 2;
                argc -= 2;
        }
        if (argc != 3 || fbn_prefix_parse(argv[2], &prefix) < 0) {
                fprintf(stderr, "usage: link_bridge [-n NETNS] NAME ADDRESS/LENGTH\n");
                return 3;
        }
        r = fbn_context_new(FBN_OPTIONS(fbn_context_options, .netns = netns), &c);
        if (r >= 0)
                r = bridge(c, argv[1]);
        if (r >= 0)
                r = address(c, argv[1], &prefix);
        if (r < 0)
                fprintf(stderr, "%s\n", fbn_context_error(c));
        return r < 0;
}
