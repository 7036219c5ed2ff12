/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/run.h"

#include <stdarg.h>
#include <stdio.h>

int run_read_links(struct run *run)
{
        fbn_links *links = NULL;
        int r;

        r = fbn_link_list(run->c, NULL, &links);
        if (r < 0)
                return r;
        fbn_links_unref(run->links);
        run->links = links;
        return 0;
}

const fbn_link *run_link(const struct run *run, const char *name)
{
        for (size_t i = 0; i < fbn_links_count(run->links); i++)
                if (streq(fbn_links_at(run->links, i)->name, name))
                        return fbn_links_at(run->links, i);
        return NULL;
}

bool run_has_link(const struct run *run, const char *name)
{
        return run_link(run, name) != NULL;
}

int run_take_changes(struct run *run, const char *domain, const char *section, const fbn_changes *changes)
{
        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);
                const struct cause *cause = desired_cause(run->desired, domain, change->object);
                fbn_plan_step step = {.domain = domain, .kind = change->kind, .object = change->object, .field = change->field,
                                      .before = change->before, .after = change->after};
                int r;

                step.reason = cause ? cause->reason : change->kind == FBN_CHANGE_DELETE ? "no longer declared" : "declared";
                step.pointer = cause ? cause->pointer : section;
                r = plan_add(run->c, run->plan, &step);
                if (r < 0)
                        return r;
        }
        return 0;
}

int run_add(struct run *run, const char *domain, fbn_change_kind kind, const char *object, const char *field, const char *before,
            const char *after)
{
        const struct cause *cause = desired_cause(run->desired, domain, object);
        fbn_plan_step step = {.domain = domain, .kind = kind, .object = object, .field = field, .before = before, .after = after};

        step.reason = cause ? cause->reason : kind == FBN_CHANGE_DELETE ? "no longer declared" : "declared";
        step.pointer = cause ? cause->pointer : run->desired->host->pointer;
        return plan_add(run->c, run->plan, &step);
}

void run_tell(const struct run *run, const char *format, ...)
{
        va_list arguments;
        char text[512];

        if (!run->options.progress)
                return;
        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        run->options.progress(run->options.progress_data, text);
}

/* The file is valid; what it declares may still not work, and is then not begun. */
static int check_first(struct run *run)
{
        FBN_CLEANUP(fbn_findings) findings = NULL;
        int errors;

        errors = fbn_fabric_check(run->c, run->fabric, &findings);
        if (errors <= 0 || run->options.ignore_errors)
                return errors < 0 ? errors : 0;
        for (size_t i = 0; i < fbn_findings_count(findings); i++) {
                const fbn_finding *finding = fbn_findings_at(findings, i);

                if (finding->severity == FBN_SEVERITY_ERROR && !finding->allowed)
                        return fail(run->c, FBN_EINVAL, "%s:%u:%u: %s: %s: %s; %s%s", finding->file, finding->line, finding->column,
                                    finding->pointer, finding->code, finding->what, finding->fix, errors > 1 ? " (and more errors)" : "");
        }
        return 0;
}

static int find_host(struct run *run, const struct host **ret_host)
{
        const struct host *host = run->options.host ? fabric_host(run->fabric, run->options.host) : NULL;

        if (!run->options.host)
                return fail(run->c, FBN_EINVAL, "which host of the fabric this is was not said");
        if (!host)
                return fail(run->c, FBN_EINVAL, "fabric '%s' has no host '%s'", run->fabric->name, run->options.host);
        if (host->manager == MANAGER_NONE)
                return fail(run->c, FBN_EINVAL, "host '%s' has \"manager\": \"none\": it is a device without our software", host->name);
        *ret_host = host;
        return 0;
}

bool run_is_local(const struct run *run)
{
        return run->desired->host->manager != MANAGER_NIXOS;
}

int run_start(struct run *run, fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options)
{
        const struct host *host = NULL;
        int r;

        run->c = c;
        run->fabric = fabric;
        r = OPTIONS_READ(c, fbn_fabric_options, options, &run->options);
        if (r == 0)
                r = find_host(run, &host);
        if (r == 0)
                r = check_first(run);
        if (r == 0)
                r = desired_new(c, fabric, host, &run->desired);
        if (r == 0 && run_is_local(run))
                r = desired_open_secrets(c, run->desired);
        if (r == 0 && !run->options.local_only)
                r = mesh_open_secrets(run);
        if (r < 0)
                return r;
        run->plan = plan_new();
        return run->plan ? 0 : fail_memory(c);
}

void run_end(struct run *run)
{
        desired_free(run->desired);
        fbn_plan_unref(run->plan);
        fbn_links_unref(run->links);
        fbn_headscale_unref(run->headscale);
        fbn_secret_unref(run->api_key);
        fbn_secret_unref(run->auth_key);
}

int run_stages(struct run *run, const struct stage *stages)
{
        for (; stages->domain; stages++) {
                int r = context_check(run->c);

                if (r == 0)
                        r = stages->take(run);
                if (r < 0)
                        return fail_in(run->c, r, "host %s", run->desired->host->name);
        }
        return 0;
}

static int plan(struct run *run, fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options)
{
        int r;

        r = run_start(run, c, fabric, options);
        if (r < 0)
                return r;
        run->dry_run = true;
        if (run_is_local(run))
                r = run_stages(run, local_stages);
        if (r == 0 && !run->options.local_only)
                r = run_stages(run, mesh_stages);
        return r < 0 ? r : plan_locate(c, fabric, run->plan);
}

int fbn_fabric_plan(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, fbn_plan **ret_plan)
{
        _cleanup_(run_end) struct run run = {0};
        int r;

        r = plan(&run, c, fabric, options);
        if (r < 0)
                return r;
        r = run_find_live(&run);
        if (r < 0)
                return r;
        plan_complete(fabric, run.desired->host->name, run.plan);
        *ret_plan = TAKE_PTR(run.plan);
        return (int)(*ret_plan)->count;
}

static void tell_steps(const struct run *run, const fbn_plan *planned)
{
        char text[512];

        for (size_t i = 0; i < planned->count; i++)
                run_tell(run, "%s", plan_step_text(&planned->items[i], text, sizeof(text)));
}

/* Look first: a stage in which nothing differs is not touched, and progress is told before the steps. */
static int take_stage(struct run *run, const struct stage *stage)
{
        fbn_plan *done = run->plan, *planned = plan_new();
        int r;

        if (!planned)
                return fail_memory(run->c);
        run->plan = planned;
        run->dry_run = true;
        r = stage->take(run);
        run->plan = done;
        run->dry_run = false;
        if (r == 0 && planned->count > 0) {
                tell_steps(run, planned);
                r = stage->take(run);
        }
        fbn_plan_unref(planned);
        return r;
}

static int take_stages(struct run *run, const struct stage *stages)
{
        for (; stages->domain; stages++) {
                int r = context_check(run->c);

                if (r == 0)
                        r = take_stage(run, stages);
                if (r < 0)
                        return fail_in(run->c, r, "host %s", run->desired->host->name);
        }
        return 0;
}

/* A dry run of everything local finds what would be refused before the first change. */
static int rehearse(struct run *run)
{
        fbn_plan *mine = run->plan, *planned = plan_new();
        int r;

        if (!planned)
                return fail_memory(run->c);
        run->plan = planned;
        run->dry_run = true;
        r = run_stages(run, local_stages);
        run->plan = mine;
        run->dry_run = false;
        if (r == 0)
                r = (int)planned->count;
        fbn_plan_unref(planned);
        return r;
}

static int apply(struct run *run)
{
        int r = 0;

        if (run_is_local(run))
                r = rehearse(run);
        if (r > 0)
                r = take_stages(run, local_stages);
        if (r == 0 && !run->options.local_only)
                r = take_stages(run, mesh_stages);
        return r;
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

/* A failure after the first step is another matter than one before it: its text stays, its code becomes FBN_EPARTIAL. */
static int fail_midway(struct run *run)
{
        char message[sizeof(run->c->error.what)];

        snprintf(message, sizeof(message), "%s", fbn_context_error(run->c));
        return fail(run->c, FBN_EPARTIAL, "%s; %zu step%s before it stand%s; apply again when it is mended", message, run->plan->count,
                    run->plan->count == 1 ? "" : "s", run->plan->count == 1 ? "s" : "");
}

int fbn_fabric_apply(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, fbn_plan **ret_done)
{
        _cleanup_(run_end) struct run run = {0};
        int r;

        r = run_start(&run, c, fabric, options);
        if (r == 0 && run.options.plan_digest)
                r = check_digest(&run, c, fabric, options);
        if (r < 0)
                return r;
        r = apply(&run);
        if (r < 0 && run.plan->count > 0)
                r = fail_midway(&run);
        if (r < 0 && r != -FBN_EPARTIAL)
                return r;
        if (plan_locate(c, fabric, run.plan) < 0)
                return -FBN_ENOMEM;
        if (r == 0)
                r = (int)run.plan->count;
        if (ret_done)
                *ret_done = TAKE_PTR(run.plan);
        return r;
}
