/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/recover.h"
#include "fabric/originals.h"
#include "fabric/remote.h"
#include "fabric/watchdog.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define PATIENCE 60000 /* milliseconds for whoever is at work to end */

static const json_t *begin_of(const struct journal *journal)
{
        return journal_find(journal, "begin");
}

static const char *text_of(const json_t *record, const char *name)
{
        const char *text = json_string_value(json_object_get(record, name));

        return text ? text : "";
}

static bool is_other_boot(const struct journal *journal)
{
        return !streq(text_of(begin_of(journal), "boot"), state_boot());
}

static int64_t nanoseconds_left(const struct journal *journal)
{
        return json_integer_value(json_object_get(begin_of(journal), "deadline")) - boottime_now();
}

/* Why an open generation is put back; NULL: it still may be confirmed. */
static const char *why_undone(const struct journal *journal, char *buffer, size_t size)
{
        if (!journal_find(journal, "applied"))
                snprintf(buffer, size, "the %s by %s was interrupted", text_of(begin_of(journal), "verb"), text_of(begin_of(journal), "by"));
        else if (is_other_boot(journal))
                snprintf(buffer, size, "nobody confirmed it before the machine was started anew");
        else if (nanoseconds_left(journal) <= 0)
                snprintf(buffer, size, "nobody confirmed it within %lld s",
                         (long long)(json_integer_value(json_object_get(begin_of(journal), "within")) / 1000000000));
        else
                return NULL;
        return buffer;
}

/* The last generation if it is open: 1, else 0. One without a whole record has changed nothing: what there is of it is removed. */
static int read_last(fbn_context *c, const struct state *state, struct journal *journal)
{
        uint64_t generation;
        int r;

        for (;;) {
                r = state_last(c, state, UINT64_MAX, &generation);
                if (r < 0)
                        return r;
                state_remove(state, generation + 1);
                r = generation ? journal_read(c, state, generation, journal) : 0;
                if (r < 0 || generation == 0 || json_array_size(journal->records) > 0)
                        break;
                journal_close(journal);
                state_remove(state, generation);
        }
        return r < 0 || generation == 0 ? r : journal_end(journal) ? 0 : 1;
}

/* The journal stays the caller's, with the records of its end. */
static int undo_open(fbn_context *c, const struct state *state, struct journal *journal, const char *why)
{
        ATTEMPT attempt = {.journal = JOURNAL_CLOSED};
        int r = attempt_load(c, state, journal, &attempt);

        if (r == 0)
                r = attempt_undo(&attempt, why);
        *journal = attempt.journal;
        attempt.journal = (struct journal)JOURNAL_CLOSED;
        return r;
}

#define JOURNAL _cleanup_(journal_close) struct journal

/* What an undo could not take back elsewhere is tried again, until there is another generation. */
static int take_back(fbn_context *c, const struct state *state, struct journal *journal)
{
        _cleanup_(text_free) struct text stands = {0};
        bool undone = journal_end(journal) && !streq(record_name(journal_end(journal)), "confirmed");
        int r;

        if (!undone || remote_left(journal, &stands) == 0)
                return 0;
        text_free(&stands);
        r = remote_take_back(c, state, journal, NULL, &stands);
        if (r < 0)
                return r;
        if (stands.length)
                fail(c, FBN_EPARTIAL, "of generation %" PRIu64 ", which was undone, in the mesh stands %.800s", journal->generation, stands.bytes);
        else
                fail(c, FBN_EUNDONE, "what generation %" PRIu64 " had left in the mesh is taken back", journal->generation);
        return 1;
}

/* What stands elsewhere keeps nobody from going on here. */
static bool is_host_back(const struct journal *journal)
{
        return streq(record_name(journal_end(journal)), "undone");
}

int settle(fbn_context *c, const struct state *state, struct journal *journal)
{
        char why[256];
        int r = read_last(c, state, journal);

        if (r == 0)
                return take_back(c, state, journal);
        if (r < 0)
                return r;
        if (!why_undone(journal, why, sizeof(why)))
                return fail(c, FBN_ECONFLICT,
                            "generation %" PRIu64 " by %s waits to be confirmed, for another %lld s; 'fabricnet confirm' or 'fabricnet rollback' first",
                            journal->generation, text_of(begin_of(journal), "by"), (long long)(nanoseconds_left(journal) / 1000000000));
        r = undo_open(c, state, journal, why);
        return r == -FBN_EUNDONE || (r == -FBN_EPARTIAL && is_host_back(journal)) ? 1 : r;
}

static int read_confirmed_below(fbn_context *c, const struct state *state, uint64_t generation, struct journal *journal)
{
        int r;

        do {
                r = state_last(c, state, generation, &generation);
                if (r == 0 && generation && journal->generation == generation)
                        continue; /* to the condition: it is read already */
                journal_close(journal);
                if (r < 0 || generation == 0)
                        return r;
                r = journal_read(c, state, generation, journal);
        } while (r == 0 && !streq(record_name(journal_end(journal)), "confirmed"));
        return r;
}

int read_confirmed(fbn_context *c, const struct state *state, struct journal *journal)
{
        return read_confirmed_below(c, state, UINT64_MAX, journal);
}

const json_t *originals_of(const struct journal *journal)
{
        return is_other_boot(journal) ? NULL : json_object_get(begin_of(journal), "originals");
}

struct call {
        fbn_context *c;
        fbn_fabric_options options;
        struct state state;
};

static int start(struct call *call, fbn_context *c, const fbn_fabric_options *options, const char *verb)
{
        int r = OPTIONS_READ(c, fbn_fabric_options, options, &call->options);

        call->c = c;
        if (r == 0)
                r = state_open(c, call->options.state_directory, false, &call->state);
        return r < 0 || call->state.absent ? r : state_lock(c, &call->state, verb, PATIENCE);
}

static void end(struct call *call)
{
        state_close(&call->state);
}

#define CALL _cleanup_(end) struct call

static const char *time_of(const json_t *record, char *buffer, size_t size)
{
        time_t seconds = json_integer_value(json_object_get(record, "at")) / 1000000000;
        struct tm local;

        buffer[strftime(buffer, size - 1, "%F %T", localtime_r(&seconds, &local))] = 0;
        return buffer;
}

/* What became of a generation that is not open any more. */
static int fail_ended(fbn_context *c, const struct journal *journal)
{
        _cleanup_(text_free) struct text elsewhere = {0};
        const json_t *last = journal_end(journal);
        char when[32];

        if (!last)
                return fail(c, FBN_ENOENT, "nothing was applied here yet: there is nothing to confirm");
        time_of(last, when, sizeof(when));
        if (streq(record_name(last), "confirmed"))
                return fail(c, FBN_ENOENT, "nothing waits to be confirmed: generation %" PRIu64 " was, by %s at %s", journal->generation, text_of(last, "by"), when);
        if (streq(record_name(last), "undone") && remote_left(journal, &elsewhere))
                return fail(c, FBN_EPARTIAL, "too late: generation %" PRIu64 " was put back on this host at %s: %.400s; in the mesh stands %.400s",
                            journal->generation, when, text_of(last, "why"), elsewhere.bytes);
        if (streq(record_name(last), "undone"))
                return fail(c, FBN_EUNDONE, "too late: generation %" PRIu64 " was put back as it was before at %s: %.512s", journal->generation, when,
                            text_of(last, "why"));
        return fail(c, FBN_EPARTIAL, "too late: generation %" PRIu64 " was given up at %s: %.256s; what stands: %.256s", journal->generation, when,
                    text_of(last, "why"), text_of(last, "stands"));
}

int fbn_fabric_confirm(fbn_context *c, const fbn_fabric_options *options)
{
        ATTEMPT attempt = {.journal = JOURNAL_CLOSED};
        JOURNAL journal = JOURNAL_CLOSED;
        CALL call = {.state = STATE_CLOSED};
        char why[256];
        int r = start(&call, c, options, "confirm");

        if (r == 0)
                r = read_last(c, &call.state, &journal);
        if (r <= 0)
                return r < 0 ? r : fail_ended(c, &journal);
        if (why_undone(&journal, why, sizeof(why)))
                return undo_open(c, &call.state, &journal, why);
        r = attempt_load(c, &call.state, &journal, &attempt);
        return r < 0 ? r : attempt_confirm(&attempt);
}

/* The snapshot to go to: what generation number of left, or, 0, what was before the last one that was confirmed. */
static int read_target(fbn_context *c, const struct state *state, uint64_t of, struct journal *journal, struct keyring *keyring, json_t **ret_json)
{
        char path[PATH_MAX];
        int r = of ? journal_read(c, state, of, journal) : read_confirmed(c, state, journal);

        if (r == -FBN_ENOENT || (r == 0 && !journal->records))
                return of ? fail(c, FBN_ENOENT, "there is no generation %" PRIu64 " here; 'fabricnet history' shows them", of)
                          : fail(c, FBN_ENOENT, "nothing was applied here yet: there is nothing to go back to");
        if (r == 0)
                r = keyring_load(c, keyring, state_file(state, journal->generation, "keys", path, sizeof(path)));
        if (r < 0)
                return r;
        *ret_json = of ? json_object_get(journal_find(journal, "applied"), "after") : json_object_get(begin_of(journal), "before");
        return *ret_json ? 0 : fail(c, FBN_ENOENT, "generation %" PRIu64 " never stood whole: it was put back", of);
}

/* Settings that are ours now and were not then are put back to what they were before us. */
static int add_originals(fbn_context *c, const struct journal *now, struct snapshot *target)
{
        return now->records ? originals_add(c, originals_of(now), target->sysctls) : 0;
}

/* The settings that were declared when the target stood: what its generation had originals of. */
static int declared_then(fbn_context *c, const struct state *state, uint64_t of, uint64_t last, fbn_sysctls **ret_declared)
{
        JOURNAL journal = JOURNAL_CLOSED;
        int r = of ? journal_read(c, state, of, &journal) : read_confirmed_below(c, state, last, &journal);

        return r < 0 ? r : sysctls_from_json(c, json_object_get(begin_of(&journal), "originals"), ret_declared);
}

/* What is gone back to, and by what. */
struct way_back {
        struct call *call;
        const char *verb; /* "rollback", "boot" */
        uint64_t of;
        const struct journal *now; /* the last generation that was confirmed */
        struct snapshot *target;
        json_t *created; /* names of links that it makes */
        struct text stands; /* elsewhere */
};

/* What the generations since then did elsewhere, the last first. A boot changes nothing there. */
static int reverse_mesh(struct way_back *back, struct attempt *attempt, fbn_plan *done)
{
        uint64_t generation = back->now->generation + 1;
        int r = 0;

        if (streq(back->verb, "boot") || back->call->options.local_only)
                return 0;
        while (r == 0 && (r = state_last(back->call->c, &back->call->state, generation, &generation)) == 0 &&
               generation > (back->of ? back->of : back->now->generation - 1)) {
                JOURNAL journal = JOURNAL_CLOSED;

                r = journal_read(back->call->c, &back->call->state, generation, &journal);
                if (r == 0 && streq(record_name(journal_end(&journal)), "confirmed"))
                        r = remote_reverse(attempt, back->call->c, &journal, back->verb, done, &back->stands);
        }
        return r;
}

static int take_way_back(struct way_back *back, const struct intention *intention, struct attempt *attempt, fbn_plan *done)
{
        struct call *call = back->call;
        fbn_context *c = call->c;
        int r = attempt_begin(c, &call->state, intention, attempt);

        if (r == 0 && intention->within)
                r = watchdog_arm(c, &call->state, attempt->journal.generation, attempt->deadline, call->options.command);
        if (r == 0)
                r = attempt_intend(attempt, back->verb);
        if (r == 0)
                r = snapshot_restore(c, back->target, &(struct restore_options){.boot = streq(back->verb, "boot")}, back->verb, done);
        if (r == 0)
                r = check_restored(c, back->target, back->created);
        if (r == 0)
                r = reverse_mesh(back, attempt, done);
        if (r == 0)
                r = attempt_applied(attempt, done);
        return r < 0 && attempt->journal.records ? attempt_undo(attempt, fbn_context_error(c)) : r;
}

static int plan_way_back(struct way_back *back, json_t **ret_originals, fbn_plan *plan)
{
        FBN_CLEANUP(fbn_sysctls) declared = NULL;
        fbn_context *c = back->call->c;
        int r = 0;

        for (size_t i = 0; r == 0 && i < back->target->n_links; i++)
                if (json_array_append_new(back->created, json_string(back->target->links[i].name)) < 0)
                        r = fail_memory(c);
        if (r == 0)
                r = snapshot_restore(c, back->target, &(struct restore_options){.dry_run = true, .boot = streq(back->verb, "boot")}, back->verb, plan);
        if (r == 0)
                r = reverse_mesh(back, NULL, plan);
        if (r == 0)
                r = declared_then(c, &back->call->state, back->of, back->now->generation, &declared);
        return r < 0 ? r : originals_next(c, back->now->records ? originals_of(back->now) : NULL, declared, ret_originals);
}

static int restore_target(struct way_back *back, const json_t *begin, fbn_plan **ret_done)
{
        ATTEMPT attempt = {.journal = JOURNAL_CLOSED};
        FBN_CLEANUP(fbn_plan) plan = plan_new();
        FBN_CLEANUP(fbn_plan) done = plan_new();
        fbn_context *c = back->call->c;
        struct intention intention = {.verb = back->verb, .of = back->of, .fabric = text_of(begin, "fabric"), .host = text_of(begin, "host"),
                                      .file = text_of(begin, "file"), .digest = back->of ? (uint32_t)json_integer_value(json_object_get(begin, "digest")) : 0,
                                      .plan = plan, .sysctls = back->target->sysctls, .created = back->created,
                                      .within = back->call->options.confirm_within * UINT64_C(1000000000)};
        int r = plan && done && back->created ? plan_way_back(back, &intention.originals, plan) : fail_memory(c);

        if (r == 0 && fbn_plan_count(plan) > 0)
                r = take_way_back(back, &intention, &attempt, done);
        json_decref(intention.originals);
        if (r < 0)
                return r;
        if (back->stands.length)
                return fail(c, FBN_EPARTIAL, "this host is as it was; in the mesh stands %.800s", back->stands.bytes);
        r = (int)fbn_plan_count(done);
        if (ret_done)
                *ret_done = TAKE_PTR(done);
        return r;
}

static void way_back_end(struct way_back *back)
{
        json_decref(back->created);
        text_free(&back->stands);
}

static void keyring_clearp(struct keyring *keyring)
{
        keyring_clear(keyring);
}

static int go_to(struct call *call, const char *verb, uint64_t of, fbn_plan **ret_done)
{
        _cleanup_(keyring_clearp) struct keyring keyring = {0};
        _cleanup_(snapshot_clear) struct snapshot target = {0};
        JOURNAL journal = JOURNAL_CLOSED;
        JOURNAL now = JOURNAL_CLOSED;
        json_t *json = NULL;
        _cleanup_(way_back_end) struct way_back back = {.call = call, .verb = verb, .of = of, .now = &now, .target = &target, .created = json_array()};
        int r = read_target(call->c, &call->state, of, &journal, &keyring, &json);

        if (r == 0)
                r = read_confirmed(call->c, &call->state, &now);
        if (r == 0)
                r = snapshot_from_json(call->c, json, &keyring, &target);
        if (r == 0)
                r = add_originals(call->c, &now, &target);
        return r < 0 ? r : restore_target(&back, begin_of(&journal), ret_done);
}

int fbn_fabric_rollback(fbn_context *c, uint64_t generation, const fbn_fabric_options *options, fbn_plan **ret_done)
{
        JOURNAL journal = JOURNAL_CLOSED;
        CALL call = {.state = STATE_CLOSED};
        char why[128];
        int r = start(&call, c, options, "rollback");

        if (r == 0 && !generation) {
                r = read_last(c, &call.state, &journal);
                snprintf(why, sizeof(why), "%s rolled it back", state_author());
                if (r > 0)
                        r = undo_open(c, &call.state, &journal, why);
                if (r == -FBN_EUNDONE && ret_done)
                        *ret_done = plan_new();
                if (r == -FBN_EUNDONE)
                        return 0;
                journal_close(&journal);
        }
        if (r == 0)
                r = settle(c, &call.state, &journal);
        return r < 0 ? r : go_to(&call, "rollback", generation, ret_done);
}

/* After a boot nothing of ours is there any more. What was confirmed last comes back from its journal alone: no name, no secret file and no
 * fabric file is needed, and a fabric file that was changed but never applied counts for nothing. */
static int restore_boot(struct call *call, struct journal *journal, fbn_plan **ret_done)
{
        int r = read_confirmed(call->c, &call->state, journal);

        if (r < 0 || !journal->records || !is_other_boot(journal))
                return r;
        return go_to(call, "boot", journal->generation, ret_done);
}

int fbn_fabric_recover(fbn_context *c, const fbn_fabric_options *options, fbn_plan **ret_done)
{
        CALL call = {.state = STATE_CLOSED};
        JOURNAL journal = JOURNAL_CLOSED;
        FBN_CLEANUP(fbn_plan) done = NULL;
        struct error_record told;
        int settled, r = start(&call, c, options, "recover");

        settled = r < 0 || call.state.absent ? r : settle(c, &call.state, &journal);
        told = c->error;
        if (settled == -FBN_ECONFLICT) /* somebody may still confirm it: nothing to do yet */
                settled = 0;
        r = settled < 0 || call.state.absent ? settled : restore_boot(&call, &journal, &done);
        if (r < 0)
                return r;
        if (settled > 0 && call.options.progress)
                call.options.progress(call.options.progress_data, told.message);
        if (settled > 0 && told.code == FBN_EPARTIAL) {
                c->error = told;
                return -FBN_EPARTIAL;
        }
        if (ret_done)
                *ret_done = done ? TAKE_PTR(done) : plan_new();
        return settled + r > 0 ? 1 : 0;
}

void watchdog_bark(fbn_context *c, const char *directory, uint64_t generation)
{
        JOURNAL journal = JOURNAL_CLOSED;
        struct state state;
        char why[256];

        state_reopen(directory, &state);
        if (state_lock(c, &state, "undo", INT_MAX) < 0)
                return;
        if (read_last(c, &state, &journal) > 0 && journal.generation == generation && why_undone(&journal, why, sizeof(why)))
                undo_open(c, &state, &journal, why);
        state_close(&state);
}
