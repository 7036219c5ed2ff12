/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prepare a router for two ways home: forwarding on, reverse-path filter loose; then show the filter in force on each link.
 *
 * usage: sysctl_asymmetric      as root */
#include <fabricnet/fabricnet.h>
#include <stdio.h>

static int prepare(fbn_context *c)
{
        FBN_CLEANUP(fbn_sysctls) want = NULL;
        int r = fbn_sysctls_new(c, &want);

        if (r >= 0)
                r = fbn_sysctls_add(c, want, FBN_OPTIONS(fbn_sysctl, .key = "net.ipv4.ip_forward", .value = 1));
        if (r >= 0)
                r = fbn_sysctls_add(c, want, FBN_OPTIONS(fbn_sysctl, .key = "net.ipv4.conf.all.rp_filter", .value = 2));
        return r < 0 ? r : fbn_sysctl_apply(c, want, NULL, NULL);
}

static int show(fbn_context *c)
{
        static const char *const modes[] = {"off", "strict", "loose"};
        FBN_CLEANUP(fbn_links) links = NULL;
        int r = fbn_link_list(c, NULL, &links);

        for (size_t i = 0; r >= 0 && i < fbn_links_count(links); i++) {
                const char *name = fbn_links_at(links, i)->name;
                int64_t mode;

                r = fbn_sysctl_rp_filter(c, name, &mode);
                if (r >= 0)
                        printf("%-15s %s\n", name, modes[mode]);
        }
        return r;
}

int main(void)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        int r;

        r = fbn_context_new(NULL, &c);
        if (r >= 0)
                r = prepare(c);
        if (r >= 0)
                r = show(c);
        if (r < 0)
                fprintf(stderr, "%s\n", fbn_context_error(c));
        return r < 0;
}
