/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Make a WireGuard interface as a wg-quick file says, and show what that changed.
 *
 * usage: example-wireguard_apply NAME FILE [NETNS]      for instance: wg0 /etc/wireguard/wg0.conf
 *
 * The interface is created if it is missing. Run it again: it changes nothing. */
#include <fabricnet/fabricnet.h>
#include <stdio.h>

static int create_if_missing(fbn_context *c, const char *name)
{
        int r = fbn_wireguard_create(c, name, NULL);

        return r == -FBN_EEXIST ? 0 : r;
}

static void show(const fbn_changes *changes)
{
        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);
                const char *verb = change->kind == FBN_CHANGE_CREATE ? "added" : change->kind == FBN_CHANGE_DELETE ? "removed" : "changed";

                printf("%s %s", verb, change->object);
                if (change->field)
                        printf(": %s: %s -> %s", change->field, change->before ? change->before : "none",
                               change->after ? change->after : "none");
                putchar('\n');
        }
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r;

        if (argc < 3 || argc > 4) {
                fprintf(stderr, "usage: %s NAME FILE [NETNS]\n", argv[0]);
                return 3;
        }
        r = fbn_context_new(FBN_OPTIONS(fbn_context_options, .netns = argc > 3 ? argv[3] : NULL), &c);
        if (r >= 0)
                r = fbn_wireguard_parse_file(c, argv[2], &want);
        if (r >= 0)
                r = create_if_missing(c, argv[1]);
        if (r >= 0)
                r = fbn_wireguard_apply(c, argv[1], want, NULL, &changes);
        if (r < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                return 1;
        }
        show(changes);
        return 0;
}
