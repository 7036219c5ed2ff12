/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/recover.h"
#include "fabric/run.h"

/* "wg0" of a snapshot's link is "link wg0" of a step. */
static bool same_object(const char *a, const char *b)
{
        size_t length_a = strlen(a), length_b = strlen(b);
        const char *longer = length_a > length_b ? a : b, *shorter = longer == a ? b : a;
        size_t more = length_a > length_b ? length_a - length_b : length_b - length_a;

        return streq(longer + more, shorter) && (more == 0 || longer[more - 1] == ' ');
}

static bool same_text(const char *a, const char *b)
{
        return a && b ? streq(a, b) : a == b;
}

/* What it brings is what was there: a step that brings another value is what the file asks for. */
static bool brings_back(const fbn_plan_step *step, const fbn_plan_step *back)
{
        return streq(step->domain, back->domain) && step->kind == back->kind && same_text(step->field, back->field) && same_object(step->object, back->object) &&
               (step->kind != FBN_CHANGE_UPDATE || same_text(step->after, back->after));
}

static void mark(fbn_plan *plan, const fbn_plan *back)
{
        for (size_t i = 0; i < plan->count; i++)
                for (size_t j = 0; j < back->count && !plan->items[i].drift; j++)
                        plan->items[i].drift = brings_back(&plan->items[i], &back->items[j]);
}

static bool names(const char *object, const char *word)
{
        const char *at = strstr(object, word);

        return at && (at == object || at[-1] == ' ');
}

static void mark_created(fbn_plan *plan, const char *domain, const char *word)
{
        for (size_t i = 0; i < plan->count; i++)
                if (plan->items[i].kind == FBN_CHANGE_CREATE && streq(plan->items[i].domain, domain) && names(plan->items[i].object, word))
                        plan->items[i].drift = true;
}

/* With a link that is gone went all that it had. */
static int mark_gone(struct run *run, const struct snapshot *applied, size_t index)
{
        const char *device = applied->links[index].name;
        char text[FBN_ADDRESS_TEXT];

        mark_created(run->plan, "wireguard", device);
        for (size_t i = 0; i < fbn_wireguard_count(applied->wireguard[index]); i++)
                mark_created(run->plan, "wireguard", fbn_key_format(&fbn_wireguard_at(applied->wireguard[index], i)->public_key, text, sizeof(text)));
        for (size_t i = 0; i < fbn_link_addresses_count(applied->addresses); i++) {
                const fbn_link_address *address = fbn_link_addresses_at(applied->addresses, i);

                if (streq(address->device, device))
                        mark_created(run->plan, "address", fbn_prefix_format(&address->address, text, sizeof(text)));
        }
        for (size_t i = 0; i < fbn_routes_count(applied->routes); i++) {
                const fbn_route *route = fbn_routes_at(applied->routes, i);

                if (!route)
                        return fail_memory(run->c);
                if (route->device && streq(route->device, device))
                        mark_created(run->plan, "route", fbn_prefix_format(&route->destination, text, sizeof(text)));
        }
        return 0;
}

/* What differs from what stood when the last generation was confirmed. */
static int find_changed(struct run *run, const struct state *state, const struct journal *confirmed, fbn_plan *back)
{
        _cleanup_(keyring_clear) struct keyring keyring = {0};
        _cleanup_(snapshot_clear) struct snapshot applied = {0};
        json_t *after = json_object_get(journal_find(confirmed, "applied"), "after");
        char path[PATH_MAX];
        int r = after ? keyring_load(run->c, &keyring, state_file(state, confirmed->generation, "keys", path, sizeof(path))) : -FBN_ENOENT;

        if (r == 0)
                r = snapshot_from_json(run->c, after, &keyring, &applied);
        if (r == 0)
                r = run_read_links(run);
        for (size_t i = 0; r == 0 && i < applied.n_links; i++)
                if (!run_has_link(run, applied.links[i].name))
                        r = mark_gone(run, &applied, i);
        return r < 0 ? r : snapshot_restore(run->c, &applied, &(struct restore_options){.dry_run = true}, "", back);
}

/* Who may not read what was applied, or has none of this boot, learns of no drift; that is no failure of a plan. */
int run_find_drift(struct run *run)
{
        _cleanup_(journal_close) struct journal confirmed = JOURNAL_CLOSED;
        FBN_CLEANUP(fbn_plan) back = plan_new();
        struct error_record before = run->c->error;
        struct state state;
        int r = back ? 0 : fail_memory(run->c);

        if (run->plan->count == 0 || !run_is_local(run))
                return r;
        if (r == 0)
                r = state_open(run->c, run->options.state_directory, false, &state);
        if (r == 0)
                r = read_confirmed(run->c, &state, &confirmed);
        if (r == 0 && originals_of(&confirmed))
                r = find_changed(run, &state, &confirmed, back);
        if (r == -FBN_ENOMEM || r == -FBN_ECANCELED)
                return r;
        run->c->error = before;
        mark(run->plan, back);
        return 0;
}
