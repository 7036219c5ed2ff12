/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/originals.h"
#include "fabric/recover.h"
#include "fabric/run.h"
#include "fabric/verify.h"
#include "fabric/watchdog.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 3 /* what others change meanwhile is changed back so often */
#define STAGES 16

struct apply {
        struct run *run;
        struct state state;
        struct journal confirmed; /* the generation before */
        struct attempt attempt;
        struct paths paths;
        bool begun;
};

/* What the local stages would do, and which steps are whose: those of stage i end at ends[i]. */
struct rehearsal {
        fbn_plan *plan;
        size_t ends[STAGES];
};

static void rehearsal_clear(struct rehearsal *rehearsal)
{
        fbn_plan_unref(rehearsal->plan);
}

static int rehearse(struct run *run, struct rehearsal *rehearsal)
{
        fbn_plan *done = run->plan;
        int r = 0;

        rehearsal->plan = plan_new();
        if (!rehearsal->plan)
                return fail_memory(run->c);
        run->plan = rehearsal->plan;
        run->dry_run = true;
        for (size_t i = 0; r == 0 && run_is_local(run) && local_stages[i].domain; i++) {
                r = context_check(run->c);
                if (r == 0)
                        r = local_stages[i].take(run);
                rehearsal->ends[i] = rehearsal->plan->count;
        }
        run->plan = done;
        run->dry_run = false;
        return fail_in(run->c, r, "host %s", run->desired->host->name);
}

/* Links of ours that are not there yet: between being made and being marked they are nobody's. */
static json_t *links_to_make(const struct run *run, bool there)
{
        json_t *names = json_array();

        for (size_t i = 0; names && run_is_local(run) && i < run->desired->n_devices; i++)
                if (run->desired->devices[i].made && run_has_link(run, run->desired->devices[i].name) == there &&
                    json_array_append_new(names, json_string(run->desired->devices[i].name)) < 0) {
                        json_decref(names);
                        return NULL;
                }
        return names;
}

static int begin_with(struct apply *apply, struct intention *intention, const fbn_sysctls *lasting)
{
        struct run *run = apply->run;
        const json_t *previous = apply->confirmed.records ? originals_of(&apply->confirmed) : NULL;
        json_t *originals = NULL;
        int r = originals_next(run->c, previous, lasting, &originals);

        intention->created = links_to_make(run, false);
        intention->adopted = run->options.adopt ? links_to_make(run, true) : NULL;
        intention->originals = originals;
        if (r == 0 && !intention->created)
                r = fail_memory(run->c);
        if (r == 0)
                r = attempt_begin(run->c, &apply->state, intention, &apply->attempt);
        json_decref(originals);
        json_decref(intention->created);
        json_decref(intention->adopted);
        return r;
}

/* Of the file and what it includes. */
static uint32_t digest_of(const fbn_fabric *fabric)
{
        uint32_t digest = 0;

        for (size_t i = 0; i < fabric->n_sources; i++)
                digest = digest * 31 + checksum_of(fabric->sources[i].text, strlen(fabric->sources[i].text));
        return digest;
}

/* A snapshot has what is declared and what is to be put back, so that both can be undone. */
static int begin(struct apply *apply, const fbn_plan *plan)
{
        struct run *run = apply->run;
        FBN_CLEANUP(fbn_sysctls) all = NULL;
        FBN_CLEANUP(fbn_sysctls) lasting = NULL;
        struct intention intention = {.verb = run->options.adopt ? "adopt" : "apply", .digest = digest_of(run->fabric), .fabric = run->fabric->name, .host = run->desired->host->name, .file = run->fabric->file,
                                      .plan = plan, .within = run->options.confirm_within * UINT64_C(1000000000)};
        char path[PATH_MAX];
        int r;

        if (apply->begun)
                return 0;
        if (realpath(run->fabric->file, path))
                intention.file = path;
        r = run->options.unverified || plan->count == 0 ? 0 : paths_find(run, &apply->paths);
        if (r == 0)
                r = run_declared_sysctls(run, false, &all);
        if (r == 0 && apply->confirmed.records)
                r = originals_add(run->c, originals_of(&apply->confirmed), all);
        if (r == 0)
                r = run_declared_sysctls(run, true, &lasting);
        intention.sysctls = all;
        if (r == 0)
                r = begin_with(apply, &intention, lasting);
        if (r < 0)
                return r;
        apply->begun = true;
        apply->attempt.api_key = run->api_key;
        run->attempt = &apply->attempt;
        if (intention.within)
                r = watchdog_arm(run->c, &apply->state, apply->attempt.journal.generation, apply->attempt.deadline, run->options.command);
        return r;
}

static void tell_steps(const struct run *run, const fbn_plan *planned, size_t from, size_t to)
{
        char text[512];

        for (size_t i = from; i < to; i++)
                run_tell(run, "%s", plan_step_text(&planned->items[i], text, sizeof(text)));
}

static int take_stage(struct apply *apply, const struct stage *stage)
{
        int r = context_check(apply->run->c);

        if (r == 0)
                r = attempt_intend(&apply->attempt, stage->domain);
        if (r == 0)
                r = fail_in(apply->run->c, stage->take(apply->run), "host %s", apply->run->desired->host->name);
        return r < 0 ? r : attempt_reach(&apply->attempt, stage->domain);
}

static int take_local(struct apply *apply, const struct rehearsal *rehearsal)
{
        int r = begin(apply, rehearsal->plan);

        for (size_t i = 0, from = 0; r == 0 && local_stages[i].domain; from = rehearsal->ends[i++]) {
                if (rehearsal->ends[i] == from)
                        continue;
                tell_steps(apply->run, rehearsal->plan, from, rehearsal->ends[i]);
                r = take_stage(apply, &local_stages[i]);
        }
        return r;
}

/* A rehearsal finds what would be refused before the first change, and after the last one what is still not as declared. */
static int make_local(struct apply *apply)
{
        for (int round = 0;; round++) {
                _cleanup_(rehearsal_clear) struct rehearsal rehearsal = {0};
                char first[512];
                int r = rehearse(apply->run, &rehearsal);

                apply->run->told = true;
                if (r < 0 || rehearsal.plan->count == 0)
                        return r;
                if (round == ROUNDS)
                        return fail(apply->run->c, FBN_EINTERRUPTED, "host %s: somebody else keeps changing what was applied: %s",
                                    apply->run->desired->host->name, plan_step_text(&rehearsal.plan->items[0], first, sizeof(first)));
                r = take_local(apply, &rehearsal);
                if (r < 0)
                        return r;
        }
}

/* Of the mesh each stage is looked at when its turn comes: what it finds depends on those before it. */
static int make_mesh(struct apply *apply)
{
        struct run *run = apply->run;
        int r = 0;

        for (size_t i = 0; r == 0 && mesh_stages[i].domain; i++) {
                FBN_CLEANUP(fbn_plan) planned = plan_new();
                fbn_plan *done = run->plan;

                if (!planned)
                        return fail_memory(run->c);
                run->plan = planned;
                run->dry_run = true;
                r = context_check(run->c);
                if (r == 0)
                        r = fail_in(run->c, mesh_stages[i].take(run), "host %s", run->desired->host->name);
                run->plan = done;
                run->dry_run = false;
                if (r < 0 || planned->count == 0)
                        continue;
                r = begin(apply, planned);
                tell_steps(run, planned, 0, planned->count);
                if (r == 0)
                        r = take_stage(apply, &mesh_stages[i]);
        }
        return r;
}

/* Without a generation yet, one is made of a host that is as declared already: a boot could bring nothing back. */
static int make(struct apply *apply)
{
        int r = make_local(apply);

        if (r == 0 && !apply->run->options.local_only)
                r = make_mesh(apply);
        if (r == 0 && !apply->begun && !apply->confirmed.records)
                r = begin(apply, apply->run->plan);
        if (r == 0 && apply->begun)
                r = paths_verify(apply->run, &apply->paths);
        return r == 0 && apply->begun ? attempt_applied(&apply->attempt, apply->run->plan) : r;
}

/* A file that was edited and never applied is nobody's word yet. */
static int check_unchanged(const struct apply *apply)
{
        const struct run *run = apply->run;
        const json_t *digest = json_object_get(journal_find(&apply->confirmed, "begin"), "digest");

        if (json_is_integer(digest) && json_integer_value(digest) == digest_of(run->fabric))
                return 0;
        return fail(run->c, FBN_ESTALE, "%s: is not the file that was confirmed last on this host; apply it first", run->fabric->file);
}

static int open_state(struct apply *apply)
{
        struct run *run = apply->run;
        int r = state_open(run->c, run->options.state_directory, true, &apply->state);

        if (r == 0)
                r = state_lock(run->c, &apply->state, "apply", 0);
        if (r == 0)
                r = settle(run->c, &apply->state, &apply->confirmed);
        if (r > 0)
                run_tell(run, "%s", fbn_context_error(run->c));
        if (r >= 0)
                r = read_confirmed(run->c, &apply->state, &apply->confirmed);
        if (r == 0 && run->options.unchanged)
                r = check_unchanged(apply);
        return r < 0 ? r : run_find_left(run, &apply->confirmed);
}

/* A saved plan is worth what it says only while nothing has changed since. */
static int check_digest(const struct run *run, fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options)
{
        FBN_CLEANUP(fbn_plan) now = NULL;
        int r = fbn_fabric_plan(c, fabric, options, &now);

        if (r < 0 || streq(now->digest, run->options.plan_digest))
                return MIN(r, 0);
        return fail(c, FBN_ESTALE, "host %s: the plan was made of another state or another file: now there are %d step%s; plan again", run->desired->host->name,
                    r, r == 1 ? "" : "s");
}

static void apply_end(struct apply *apply)
{
        attempt_end(&apply->attempt);
        paths_free(&apply->paths);
        journal_close(&apply->confirmed);
        state_close(&apply->state);
        run_end(apply->run);
}

int fbn_fabric_apply(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, fbn_plan **ret_done)
{
        struct run run = {.applying = true};
        _cleanup_(apply_end) struct apply apply = {
                .run = &run, .state = STATE_CLOSED, .confirmed = JOURNAL_CLOSED, .attempt = {.journal = JOURNAL_CLOSED}};
        int r;

        r = run_start(&run, c, fabric, options);
        if (r == 0)
                r = open_state(&apply);
        if (r == 0 && run.options.plan_digest)
                r = check_digest(&run, c, fabric, options);
        if (r == 0)
                r = make(&apply);
        if (r < 0 && apply.begun)
                r = attempt_undo(&apply.attempt, fbn_context_error(c));
        if (r < 0)
                return r;
        if (ret_done && plan_locate(c, fabric, run.plan) < 0)
                return -FBN_ENOMEM;
        r = (int)run.plan->count;
        if (ret_done)
                *ret_done = TAKE_PTR(run.plan);
        return r;
}
