/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/attempt.h"
#include "fabric/members.h"
#include "fabric/originals.h"
#include "fabric/remote.h"

#include <poll.h>
#include <stdio.h>

#define KEEP 30     /* generations */
#define TRIES 3     /* at putting back */
#define PAUSE 200   /* milliseconds between them */

static const struct member_of step_members[] = {
        {"domain", MEMBER_TEXT, offsetof(fbn_plan_step, domain), 0, NULL}, {"kind", MEMBER_U32, offsetof(fbn_plan_step, kind), 0, NULL},
        {"object", MEMBER_TEXT, offsetof(fbn_plan_step, object), 0, NULL}, {"field", MEMBER_TEXT, offsetof(fbn_plan_step, field), 0, NULL},
        {"before", MEMBER_TEXT, offsetof(fbn_plan_step, before), 0, NULL}, {"after", MEMBER_TEXT, offsetof(fbn_plan_step, after), 0, NULL}, {0},
};
static const struct record_type step_record = {sizeof(fbn_plan_step), step_members};

static json_t *steps_to_json(const fbn_plan *plan)
{
        json_t *steps = json_array();

        for (size_t i = 0; steps && i < fbn_plan_count(plan); i++)
                if (json_array_append_new(steps, record_to_json(&step_record, fbn_plan_at(plan, i))) < 0) {
                        json_decref(steps);
                        return NULL;
                }
        return steps;
}

static json_t *record(const char *name)
{
        return json_pack("{s:s, s:I, s:s}", "record", name, "at", (json_int_t)realtime_now(), "by", state_author());
}

static json_t *begin_record(const struct attempt *attempt, const struct intention *intention, json_t *before)
{
        json_t *begin = record("begin");

        if (json_object_update_new(begin, json_pack("{s:s, s:I, s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:o, s:O, s:O, s:o}", "format", "journal/1", "digest", (json_int_t)intention->digest,
                                                    "boot", state_boot(), "verb", intention->verb, "of", (json_int_t)intention->of, "fabric",
                                                    intention->fabric, "host", intention->host, "file", intention->file, "deadline",
                                                    (json_int_t)attempt->deadline, "within", (json_int_t)intention->within, "steps",
                                                    steps_to_json(intention->plan), "originals", intention->originals, "created",
                                                    intention->created, "before", before)) == 0)
                return begin;
        json_decref(begin);
        return NULL;
}

/* Old ones go, but for the last that was confirmed: it is what a boot brings back. */
static void prune(fbn_context *c, const struct state *state, uint64_t last)
{
        uint64_t generation = last > KEEP ? last - KEEP : 1;
        bool confirmed = false;

        for (uint64_t i = generation; i <= last && !confirmed; i++) {
                struct journal journal = JOURNAL_CLOSED;

                confirmed = journal_read(c, state, i, &journal) == 0 && streq(record_name(journal_end(&journal)), "confirmed");
                journal_close(&journal);
        }
        while (confirmed && state_last(c, state, generation, &generation) == 0 && generation > 0)
                state_remove(state, generation);
}

static int add_keys(struct attempt *attempt)
{
        char path[PATH_MAX];

        return keyring_save(attempt->c, &attempt->keyring,
                            state_file(attempt->state, attempt->journal.generation, "keys", path, sizeof(path)));
}

/* To a journal that is durable already; their file may be new, and then the folder has to know it too. */
static int add_keys_later(struct attempt *attempt)
{
        bool made = attempt->keyring.saved == 0;
        int r = add_keys(attempt);

        return r == 0 && made && attempt->keyring.saved ? state_sync(attempt->c, attempt->state) : r;
}

/* The keys first: a journal that names them is never without them. Both become durable with the folder. */
static int write_begin(struct attempt *attempt, const struct intention *intention)
{
        uint64_t last = 0, generation;
        json_t *before = NULL;
        int r = state_last(attempt->c, attempt->state, UINT64_MAX, &last);

        if (r == 0)
                r = snapshot_to_json(attempt->c, &attempt->before, &attempt->keyring, &before);
        if (r < 0)
                return r;
        generation = attempt->journal.generation = last + 1;
        state_remove(attempt->state, generation); /* keys of one that never began */
        r = add_keys(attempt);
        if (r == 0)
                r = journal_begin(attempt->c, attempt->state, generation, begin_record(attempt, intention, before), &attempt->journal);
        else
                json_decref(before);
        if (r < 0)
                state_remove(attempt->state, generation);
        else
                prune(attempt->c, attempt->state, last);
        return r;
}

int attempt_begin(fbn_context *c, const struct state *state, const struct intention *intention, struct attempt *attempt)
{
        int r;

        *attempt = (struct attempt){.c = c, .state = state, .journal = JOURNAL_CLOSED};
        attempt->deadline = intention->within ? boottime_now() + (int64_t)intention->within : 0;
        attempt->sysctls = fbn_sysctls_ref((fbn_sysctls *)intention->sysctls);
        r = snapshot_take(c, intention->sysctls, intention->adopted, &attempt->before);
        return r < 0 ? r : write_begin(attempt, intention);
}

int attempt_load(fbn_context *c, const struct state *state, struct journal *journal, struct attempt *attempt)
{
        const json_t *begin = journal_find(journal, "begin");
        char path[PATH_MAX];
        int r;

        *attempt = (struct attempt){.c = c, .state = state, .journal = *journal};
        *journal = (struct journal)JOURNAL_CLOSED;
        attempt->deadline = json_integer_value(json_object_get(begin, "deadline"));
        r = keyring_load(c, &attempt->keyring, state_file(state, attempt->journal.generation, "keys", path, sizeof(path)));
        if (r == 0)
                r = snapshot_from_json(c, json_object_get(begin, "before"), &attempt->keyring, &attempt->before);
        return fail_in(c, r, "generation %llu", (unsigned long long)attempt->journal.generation);
}

int attempt_add(struct attempt *attempt, json_t *made)
{
        return journal_add(attempt->c, attempt->state, &attempt->journal, made);
}

int attempt_intend(struct attempt *attempt, const char *stage)
{
        return attempt_add(attempt, json_pack("{s:s, s:s}", "record", "intent", "stage", stage));
}

int attempt_reach(struct attempt *attempt, const char *stage)
{
        return attempt_add(attempt, json_pack("{s:s, s:s}", "record", "done", "stage", stage));
}

int attempt_applied(struct attempt *attempt, const fbn_plan *done)
{
        _cleanup_(snapshot_clear) struct snapshot after = {0};
        json_t *json = NULL, *made = record("applied");
        int r;

        r = made ? snapshot_take(attempt->c, attempt->sysctls, NULL, &after) : fail_memory(attempt->c);
        if (r == 0)
                r = snapshot_to_json(attempt->c, &after, &attempt->keyring, &json);
        if (r == 0)
                r = json_object_set_new(made, "after", json) < 0 || json_object_set_new(made, "steps", steps_to_json(done)) < 0 ? fail_memory(attempt->c) : add_keys_later(attempt);
        if (r == 0)
                r = attempt_add(attempt, json_incref(made));
        json_decref(made);
        return r < 0 || attempt->deadline ? r : attempt_confirm(attempt);
}

int attempt_confirm(struct attempt *attempt)
{
        return attempt_add(attempt, record("confirmed"));
}

/* Only an endpoint may differ: a peer may have been heard from elsewhere meanwhile. */
static size_t count_left(const fbn_plan *left)
{
        size_t n = 0;

        for (size_t i = 0; i < fbn_plan_count(left); i++) {
                const fbn_plan_step *step = fbn_plan_at(left, i);

                n += !(streq(step->domain, "wireguard") && step->field && streq(step->field, "endpoint"));
        }
        return n;
}

int check_restored(fbn_context *c, const struct snapshot *snapshot, const json_t *created)
{
        FBN_CLEANUP(fbn_plan) left = plan_new();
        char first[512];
        size_t n;
        int r;

        if (!left)
                return fail_memory(c);
        r = snapshot_restore(c, snapshot, &(struct restore_options){.dry_run = true, .created = created}, "", left);
        n = count_left(left);
        if (r < 0 || n == 0)
                return r;
        return fail(c, FBN_EPARTIAL, "%zu differences are left, among them: %s", n,
                    plan_step_text(fbn_plan_at(left, fbn_plan_count(left) - 1), first, sizeof(first)));
}

/* Links that the change was about to make, and those that an undo makes anew: between being made and being marked they are nobody's. */
static json_t *links_without_mark(const struct attempt *attempt)
{
        json_t *created = json_object_get(journal_find(&attempt->journal, "begin"), "created"), *names = created ? json_copy(created) : json_array();
        int r = names ? 0 : -1;

        for (size_t i = 0; r == 0 && i < attempt->before.n_links; i++)
                r = json_array_append_new(names, json_string(attempt->before.links[i].name));
        if (r == 0)
                return names;
        json_decref(names);
        return NULL;
}

static int put_back(struct attempt *attempt)
{
        json_t *created = links_without_mark(attempt);
        int r = created ? -FBN_EPARTIAL : fail_memory(attempt->c);

        for (int i = 0; created && i < TRIES && r < 0; i++) {
                FBN_CLEANUP(fbn_plan) done = plan_new();

                if (i)
                        poll(NULL, 0, PAUSE);
                r = done ? snapshot_restore(attempt->c, &attempt->before, &(struct restore_options){.created = created}, "put back", done)
                         : fail_memory(attempt->c);
                if (r == 0)
                        r = check_restored(attempt->c, &attempt->before, created);
        }
        json_decref(created);
        return r;
}

static int fail_undone(struct attempt *attempt, const char *why, const char *here, const struct text *elsewhere)
{
        unsigned long long generation = attempt->journal.generation;

        if (*here)
                return fail(attempt->c, FBN_EPARTIAL, "%.300s; not all of generation %llu could be put back: %.300s%s%.200s", why, generation, here,
                            elsewhere->length ? "; in the mesh stands " : "", elsewhere->length ? elsewhere->bytes : "");
        if (elsewhere->length)
                return fail(attempt->c, FBN_EPARTIAL, "%.300s; this host is put back as it was before generation %llu, in the mesh stands %.500s", why,
                            generation, elsewhere->bytes);
        return fail(attempt->c, FBN_EUNDONE, "%.600s; all is put back as it was before generation %llu%s", why, generation,
                    remote_any(&attempt->journal) ? ", in the mesh too" : "");
}

/* The record of the end may fail to be written: then the next call finds it open, and puts back once more what is put back already. */
int attempt_undo(struct attempt *attempt, const char *why)
{
        _cleanup_(text_free) struct text elsewhere = {0};
        fbn_context *c = attempt->c;
        struct undoing undoing = undo_begin(c);
        char reason[sizeof(c->error.message)], here[512] = "";
        json_t *end;
        int r;

        snprintf(reason, sizeof(reason), "%s", why);
        r = put_back(attempt);
        if (r < 0)
                snprintf(here, sizeof(here), "%s", fbn_context_error(c));
        end = record(r < 0 ? "failed" : "undone");
        json_object_set_new(end, "why", json_string(reason));
        if (r < 0)
                json_object_set_new(end, "stands", json_string(here));
        attempt_add(attempt, end);
        remote_take_back(c, attempt->state, &attempt->journal, attempt->api_key, &elsewhere);
        undo_end(c, &undoing);
        return fail_undone(attempt, reason, here, &elsewhere);
}

void attempt_end(struct attempt *attempt)
{
        journal_close(&attempt->journal);
        keyring_clear(&attempt->keyring);
        snapshot_clear(&attempt->before);
        fbn_sysctls_unref(attempt->sysctls);
}
