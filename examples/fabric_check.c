/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What in a fabric file would not work, with line, reason and remedy; needs no privilege.
 *
 * Usage: fabric_check FILE
 */
#include <fabricnet/fabricnet.h>
#include <stdio.h>

static void print(const char *file, const fbn_finding *finding)
{
        static const char *const words[] = {[FBN_SEVERITY_ERROR] = "error", [FBN_SEVERITY_WARNING] = "warning", [FBN_SEVERITY_NOTE] = "note"};

        printf("%s:%u:%u: %s: %s [%s]\n    %s\n    remedy: %s\n", file, finding->line, finding->column, words[finding->severity], finding->what,
               finding->code, finding->why, finding->fix);
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_findings) findings = NULL;
        int r;

        if (argc != 2) {
                fprintf(stderr, "usage: %s FILE\n", argv[0]);
                return 3;
        }
        r = fbn_context_new(NULL, &c);
        if (r >= 0)
                r = fbn_fabric_load_file(c, argv[1], &fabric);
        if (r >= 0)
                r = fbn_fabric_check(c, fabric, &findings);
        if (r < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                return 3;
        }
        for (size_t i = 0; i < fbn_findings_count(findings); i++)
                print(argv[1], fbn_findings_at(findings, i));
        return r > 0 ? 3 : 0;
}
