/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/members.h"
#include "fabric/remote.h"

#define ENROLLED "enrolled"

/* The members that are meant; the others are as zero. */
static fbn_tailscale_prefs meant(const fbn_tailscale_prefs *prefs, uint32_t set)
{
        fbn_tailscale_prefs some = *prefs;

        some.set = set;
        if (!(set & FBN_TAILSCALE_SET_ADVERTISE_TAGS))
                some.n_advertise_tags = 0;
        some.exit_node = NULL;
        some.snat = false;
        return some;
}

json_t *remote_preferences(const fbn_tailscale_prefs *prefs, uint32_t set, bool enrolled)
{
        const fbn_tailscale_prefs some = meant(prefs, set);
        json_t *json = record_to_json(&tailscale_prefs_record, &some);

        if (json_object_set_new(json, ENROLLED, json_boolean(enrolled)) == 0)
                return json;
        json_decref(json);
        return NULL;
}

static int read_preferences(fbn_context *c, struct arena *arena, json_t *json, fbn_tailscale_prefs *prefs)
{
        *prefs = (fbn_tailscale_prefs){0};
        json_object_del(json, ENROLLED);
        return record_from_json(c, arena, &tailscale_prefs_record, json, prefs);
}

/* 1: it is so; 0: not. */
static int is_as(fbn_context *c, const fbn_tailscale_options *options, const fbn_tailscale_prefs *prefs, uint32_t bit)
{
        fbn_tailscale_options look = *options;
        fbn_tailscale_prefs one = *prefs;
        int r;

        look.dry_run = true;
        one.set = bit;
        r = fbn_tailscale_apply(c, &look, &one, NULL);
        return r < 0 ? r : r == 0;
}

/* Which are still as from has them and are to change; what somebody else has changed since is his. */
static int find_ours(fbn_context *c, const fbn_tailscale_options *options, const fbn_tailscale_prefs *from, fbn_tailscale_prefs *to, bool *ret_changed)
{
        uint32_t set = to->set & ~(uint32_t)FBN_TAILSCALE_SET_LOGIN_SERVER;

        to->set = 0;
        *ret_changed = false;
        for (uint32_t bit = 1; bit <= set; bit <<= 1) {
                int there = set & bit ? is_as(c, options, to, bit) : 1, ours = there == 0 ? is_as(c, options, from, bit) : 0;

                if (there < 0 || ours < 0)
                        return MIN(there, ours);
                to->set |= ours ? bit : 0;
                *ret_changed |= !there && !ours;
        }
        return 0;
}

static int turn_preferences(fbn_context *c, const fbn_tailscale_options *options, const fbn_tailscale_prefs *from, fbn_tailscale_prefs *to)
{
        bool changed;
        int done, r = find_ours(c, options, from, to, &changed);

        done = r == 0 && to->set ? fbn_tailscale_apply(c, options, to, NULL) : r;
        if (done >= 0 && changed)
                return fail(c, FBN_ECONFLICT, "somebody else changed some of them since");
        return done;
}

/* Who logs out is as new: what was set before the login is to be set again. */
static int turn_out(fbn_context *c, const fbn_tailscale_options *options, const fbn_tailscale_prefs *to)
{
        int r = fbn_tailscale_logout(c, options);

        return r < 0 ? r : fbn_tailscale_apply(c, options, to, NULL);
}

int remote_turn_tailscale(fbn_context *c, const json_t *record, const json_t *from, const json_t *to)
{
        _cleanup_(arena_free) struct arena arena = {0};
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        const fbn_tailscale_options options = {.size = sizeof(options),
                                               .socket = json_string_value(json_object_get(json_object_get(record, "place"), "socket"))};
        json_t *was = json_deep_copy(from), *want = json_deep_copy(to);
        bool was_enrolled = json_is_true(json_object_get(from, ENROLLED)), enrol = json_is_true(json_object_get(to, ENROLLED));
        fbn_tailscale_prefs ours, wanted;
        int r = was && want ? fbn_tailscale_status_get(c, &options, &status) : fail_memory(c);

        if (r == 0)
                r = read_preferences(c, &arena, was, &ours);
        if (r == 0)
                r = read_preferences(c, &arena, want, &wanted);
        if (r == 0 && enrol && !was_enrolled && !fbn_tailscale_status_state(status)->have_node_key)
                r = fail(c, FBN_EUNSUPPORTED, "it is to be enrolled again: 'fabricnet apply'");
        else if (r == 0 && was_enrolled && !enrol && fbn_tailscale_status_state(status)->have_node_key)
                r = turn_out(c, &options, &wanted);
        else if (r == 0)
                r = turn_preferences(c, &options, &ours, &wanted);
        json_decref(was);
        json_decref(want);
        return r;
}
