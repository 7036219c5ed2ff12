/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Make the routes given the only ones of ours; those of others stay. --dry-run tells and sends nothing.
 *
 * usage: route_apply [--dry-run] [PREFIX=DEVICE | PREFIX=GATEWAY]...
 *        as root, for instance: route_apply 192.168.8.0/24=wg0 192.168.20.0/24=172.26.5.1 */
#include <fabricnet/fabricnet.h>
#include <stdio.h>
#include <string.h>

static int add(fbn_context *c, fbn_routes *routes, char *text)
{
        fbn_route route = {.size = sizeof(route)};
        char *way = strchr(text, '=');

        if (!way)
                return fprintf(stderr, "'%s' is not PREFIX=WAY\n", text), -FBN_EINVAL;
        *way++ = 0;
        if (fbn_prefix_parse(text, &route.destination) < 0)
                return fprintf(stderr, "'%s' is no prefix\n", text), -FBN_EINVAL;
        if (fbn_address_parse(way, &route.gateway) < 0)
                route.device = way;
        return fbn_routes_add(c, routes, &route);
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_routes) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_route_apply_options options = {.size = sizeof(options)};
        int r;

        r = fbn_context_new(NULL, &c);
        if (r >= 0)
                r = fbn_routes_new(c, &want);
        for (int i = 1; r >= 0 && i < argc; i++) {
                if (strcmp(argv[i], "--dry-run") == 0)
                        options.dry_run = true;
                else
                        r = add(c, want, argv[i]);
        }
        if (r >= 0)
                r = fbn_route_apply(c, want, &options, &changes);
        if (r < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                return 1;
        }
        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);

                printf("%s: %s -> %s\n", change->object, change->before ? change->before : "-", change->after ? change->after : "-");
        }
        return 0;
}
