/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Enrol this device at a login server and wait until it runs; run again, it changes nothing. Without a key it says where to approve.
 *
 * usage: tailscale_enrol LOGIN-SERVER HOST-NAME [KEY-FILE [SOCKET]]
 *        tailscale_enrol https://headscale.example nas nas.key */
#include <fabricnet/fabricnet.h>
#include <stdio.h>

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r;

        if (argc < 3) {
                fprintf(stderr, "usage: %s LOGIN-SERVER HOST-NAME [KEY-FILE [SOCKET]]\n", argv[0]);
                return 3;
        }
        r = fbn_context_new(NULL, &c);
        if (r >= 0 && argc > 3)
                r = fbn_secret_read_file(c, argv[3], &key);
        if (r >= 0)
                r = fbn_tailscale_enrol(c, FBN_OPTIONS(fbn_tailscale_options, .socket = argc > 4 ? argv[4] : NULL),
                                        FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_LOGIN_SERVER | FBN_TAILSCALE_SET_HOST_NAME,
                                                    .login_server = argv[1], .host_name = argv[2]),
                                        key, &changes);
        if (r < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                return 1;
        }
        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);

                printf("%s%s%s: %s\n", change->object, change->field ? ": " : "", change->field ? change->field : "", change->after ? change->after : "-");
        }
        printf("%d changes\n", r);
        return 0;
}
