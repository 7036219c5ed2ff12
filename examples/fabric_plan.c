/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What would change on this host, and why; with "apply" behind it, change it. Layer 1 only: the mesh is left out.
 *
 * Usage, as root: fabric_plan FILE HOST [apply]
 */
#include <fabricnet/fabricnet.h>
#include <stdio.h>
#include <string.h>

static void print(const fbn_plan_step *step)
{
        static const char sign[] = {[FBN_CHANGE_CREATE] = '+', [FBN_CHANGE_UPDATE] = '~', [FBN_CHANGE_DELETE] = '-'};

        printf("%c %-9s %s%s%s: %s -> %s   (line %u: %s)\n", sign[step->kind], step->domain, step->object, step->field ? ", " : "",
               step->field ? step->field : "", step->before ? step->before : "nothing", step->after ? step->after : "nothing", step->line, step->reason);
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_plan) plan = NULL;
        int r;

        if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "apply") != 0)) {
                fprintf(stderr, "usage: %s FILE HOST [apply]\n", argv[0]);
                return 3;
        }
        const fbn_fabric_options *options = FBN_OPTIONS(fbn_fabric_options, .host = argv[2], .local_only = true);

        r = fbn_context_new(NULL, &c);
        if (r >= 0)
                r = fbn_fabric_load_file(c, argv[1], &fabric);
        if (r >= 0)
                r = argc == 4 ? fbn_fabric_apply(c, fabric, options, &plan) : fbn_fabric_plan(c, fabric, options, &plan);
        for (size_t i = 0; i < fbn_plan_count(plan); i++)
                print(fbn_plan_at(plan, i));
        if (r < 0)
                fprintf(stderr, "%s\n", fbn_context_error(c));
        return r < 0;
}
