/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/run.h"

#include <fabricnet/nat.h>
#include <stdio.h>

/* Asymmetric flows between the layers are why rp_filter is loose; somebody else's firewall can drop them all the same. */
static int tell(const struct run *run, const fbn_nat_foreign *foreign, foreign_found found, void *data)
{
        const struct host *host = run->desired->host;
        char text[512];

        switch (foreign->kind) {
        case FBN_NAT_REVERSE_PATH:
                if (host->rp_filter == RP_FILTER_STRICT)
                        return 0;
                snprintf(text, sizeof(text), "drops flows that come in by one layer and leave by the other, which rp_filter lets pass: %s; make it "
                         "loose (NixOS: networking.firewall.checkReversePath = \"loose\")", foreign->where);
                return found(data, "foreign reverse-path rule", FBN_HEALTH_WARNING, text);
        case FBN_NAT_FORWARD_POLICY:
                if (!host->forwarding)
                        return 0;
                snprintf(text, sizeof(text), "drops what this host forwards unless a rule there accepts it, whatever our table accepts: %s; accept "
                         "the fabric's flows there too (Docker: in chain DOCKER-USER; UFW: ufw route allow)", foreign->where);
                return found(data, "foreign forward policy", FBN_HEALTH_WARNING, text);
        case FBN_NAT_FORWARD_RULES:
                if (!host->forwarding)
                        return 0;
                snprintf(text, sizeof(text), "can drop what our table accepts: %u rules of or below %s", foreign->rules, foreign->where);
                return found(data, "foreign forward rules", FBN_HEALTH_OK, text);
        }
        return 0;
}

int run_find_foreign(const struct run *run, foreign_found found, void *data)
{
        FBN_CLEANUP(fbn_nat_foreigns) foreigns = NULL;
        int r = fbn_nat_foreign_list(run->c, &foreigns);

        if (r < 0)
                return r == -FBN_EUNSUPPORTED ? 0 : r;
        r = 0;
        for (size_t i = 0; r == 0 && i < fbn_nat_foreigns_count(foreigns); i++)
                r = tell(run, fbn_nat_foreigns_at(foreigns, i), found, data);
        return r;
}
