/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Let a prefix leave through a link with that link's address.
 *
 *   nat_masquerade PREFIX DEVICE [NETNS]      nat_masquerade 172.26.5.0/24 eth0
 *   nat_masquerade --off [NETNS]              takes our table away again
 *
 * Needs root. The rule stands in our own table `inet fabricnet`; nothing else in the ruleset is touched.
 */
#include <fabricnet/fabricnet.h>
#include <stdio.h>
#include <string.h>

static int want_masquerade(fbn_context *c, fbn_nat *want, const char *text, const char *device)
{
        fbn_prefix prefix;

        if (fbn_prefix_parse(text, &prefix) < 0) {
                fprintf(stderr, "'%s' is no prefix\n", text);
                return -FBN_EINVAL;
        }
        return fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_MASQUERADE, .name = "masquerade", .sources = &prefix,
                                                .n_sources = 1, .out_device = device));
}

static void show(const fbn_changes *changes)
{
        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);

                printf("%s: %s -> %s\n", change->object, change->before ? change->before : "nothing", change->after ? change->after : "nothing");
        }
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_nat) want = NULL;
        FBN_CLEANUP(fbn_changes) done = NULL;
        int off = argc > 1 && strcmp(argv[1], "--off") == 0;
        int netns = off ? 2 : 3, r;

        if (argc < netns || argc > netns + 1) {
                fprintf(stderr, "usage: %s PREFIX DEVICE [NETNS] | --off [NETNS]\n", argv[0]);
                return 3;
        }
        r = fbn_context_new(FBN_OPTIONS(fbn_context_options, .netns = argv[netns]), &c);
        if (r >= 0)
                r = fbn_nat_new(c, &want);
        if (r >= 0 && !off)
                r = want_masquerade(c, want, argv[1], argv[2]);
        if (r >= 0)
                r = fbn_nat_apply(c, want, NULL, &done);
        if (r < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                return 1;
        }
        show(done);
        return 0;
}
