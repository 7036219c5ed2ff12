/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Draw a fabric file.
 *
 * Usage: fabric_graph FILE [svg|dot] >network.svg
 */
#include <fabricnet/fabricnet.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char *text = NULL;
        int r;

        if (argc < 2 || argc > 3) {
                fprintf(stderr, "usage: %s FILE [svg|dot]\n", argv[0]);
                return 3;
        }
        r = fbn_context_new(NULL, &c);
        if (r >= 0)
                r = fbn_fabric_load_file(c, argv[1], &fabric);
        if (r >= 0)
                r = fbn_fabric_graph(c, fabric, argc == 3 && strcmp(argv[2], "dot") == 0 ? FBN_GRAPH_DOT : FBN_GRAPH_SVG, &text);
        if (r >= 0)
                fputs(text, stdout);
        else
                fprintf(stderr, "%s\n", fbn_context_error(c));
        fbn_free(text);
        return r < 0;
}
