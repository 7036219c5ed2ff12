/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/run.h"
#include "fabric/lint.h"
#include "fabric/originals.h"
#include "fabric/recover.h"

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
        const fbn_link *link = run_link(run, name);

        return link && !run_link_goes(run, link);
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

        errors = fabric_check(run->c, run->fabric, &findings);
        if (errors <= 0 || run->options.ignore_errors)
                return errors < 0 ? errors : 0;
        if (!findings_complete(run->fabric, findings))
                return fail_memory(run->c);
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
        const struct host *host;
        int r;

        r = fabric_find_host(run->c, run->fabric, run->options.host, &host);
        if (r < 0)
                return r;
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
        struct bad_secrets bad = {0};
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
                r = desired_open_secrets(c, run->desired, &bad);
        if (r == 0 && !run->options.local_only)
                r = mesh_open_secrets(run, &bad);
        r = bad_secrets_end(c, &bad, r);
        if (r < 0)
                return r;
        run->plan = plan_new();
        return run->plan ? 0 : fail_memory(c);
}

int run_declared_sysctls(const struct run *run, bool lasting, fbn_sysctls **ret_sysctls)
{
        FBN_CLEANUP(fbn_sysctls) sysctls = NULL;
        int r = fbn_sysctls_new(run->c, &sysctls);

        for (size_t i = 0; r == 0 && run_is_local(run) && i < fbn_sysctls_count(run->desired->sysctls); i++)
                r = fbn_sysctls_add(run->c, sysctls, fbn_sysctls_at(run->desired->sysctls, i));
        for (size_t i = 0; r == 0 && run_is_local(run) && i < run->desired->n_devices; i++) {
                char key[64];

                desired_rp_filter_key(run->desired->devices[i].name, key, sizeof(key));
                if (!(lasting && run->desired->devices[i].made) && !sysctls_have(sysctls, key))
                        r = fbn_sysctls_add(run->c, sysctls, FBN_OPTIONS(fbn_sysctl, .key = key));
        }
        if (r == 0)
                *ret_sysctls = TAKE_PTR(sysctls);
        return r;
}

int run_find_left(struct run *run, const struct journal *confirmed)
{
        FBN_CLEANUP(fbn_sysctls) declared = NULL;
        int r = confirmed->records ? run_declared_sysctls(run, true, &declared) : 0;

        fbn_sysctls_unref(run->left);
        run->left = NULL;
        return r < 0 || !declared ? r : originals_left(run->c, originals_of(confirmed), declared, &run->left);
}

int run_read_left(struct run *run)
{
        _cleanup_(journal_close) struct journal confirmed = JOURNAL_CLOSED;
        struct state state;
        int r = state_open(run->c, run->options.state_directory, false, &state);

        if (r == 0)
                r = read_confirmed(run->c, &state, &confirmed);
        if (r == -FBN_EPERM) /* who may not know what was before may still ask for a plan */
                return 0;
        return r < 0 ? r : run_find_left(run, &confirmed);
}

void run_end(struct run *run)
{
        fbn_sysctls_unref(run->left);
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
        if (r == 0)
                r = run_read_left(run);
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
        r = run_find_drift(&run);
        if (r == 0)
                r = run_find_live(&run);
        if (r < 0)
                return r;
        plan_complete(fabric, run.desired->host->name, run.plan);
        *ret_plan = TAKE_PTR(run.plan);
        return (int)(*ret_plan)->count;
}
