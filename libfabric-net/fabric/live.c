/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/file.h"
#include "fabric/lint.h"
#include "fabric/run.h"

#include <fabricnet/route.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* What only the host itself can tell: other people's tables, settings of other managers, and the way to whoever asks. */

#define CONFIG_MAX ((size_t)1 << 20)

struct live {
        struct run *run;
        struct lint lint;
        const char *host_pointer;
};

static int foreign(void *data, const char *object, fbn_health health, const char *text)
{
        struct live *live = data;
        const char *code = strstr(object, "reverse-path") ? "foreign-reverse-path"
                           : strstr(object, "policy")     ? "foreign-forward-policy"
                                                          : "foreign-forward-rules";

        if (health == FBN_HEALTH_OK)
                return 0;
        finding_add(&live->lint, FBN_SEVERITY_WARNING, code, live->host_pointer,
                    "an accept ends our own chain only: what another table drops stays dropped", "change that table, or let it accept these flows",
                    "%s: %s", object, text);
        return 0;
}

/* A word at the beginning of a line that is no comment. */
static bool says(const char *text, const char *word)
{
        for (const char *at = text; (at = strstr(at, word)); at++) {
                const char *start = at;

                while (start > text && start[-1] != '\n')
                        start--;
                if (start[strspn(start, " \t")] != '#' && start[strspn(start, " \t")] != ';')
                        return true;
        }
        return false;
}

static bool file_says(struct live *live, const char *path, const char *word)
{
        struct undoing undoing = undo_begin(live->run->c);
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r = file_read(live->run->c, path, CONFIG_MAX, &text, &length);

        undo_end(live->run->c, &undoing);
        return r >= 0 && says(text, word);
}

static bool any_file_says(struct live *live, const char *pattern, const char *word, char *where, size_t size)
{
        bool found = false;
        glob_t files;

        if (glob(pattern, 0, NULL, &files) != 0)
                return false;
        for (size_t i = 0; !found && i < files.gl_pathc; i++) {
                found = file_says(live, files.gl_pathv[i], word);
                snprintf(where, size, "%s", files.gl_pathv[i]);
        }
        globfree(&files);
        return found;
}

static bool exists(const char *pattern)
{
        glob_t files;
        bool found = glob(pattern, 0, NULL, &files) == 0;

        if (found)
                globfree(&files);
        return found;
}

/* Source: nftables.service(Debian) runs nft -f /etc/nftables.conf, whose first line as shipped is "flush ruleset". */
static void flushed_ruleset(struct live *live)
{
        static const char *const patterns[] = {"/etc/nftables.conf", "/etc/nftables.d/*", "/etc/sysconfig/nftables.conf"};
        char where[256];

        if (!exists("/etc/systemd/system/*.wants/nftables.service"))
                return;
        for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
                if (any_file_says(live, patterns[i], "flush ruleset", where, sizeof(where)))
                        finding_add(&live->lint, FBN_SEVERITY_WARNING, "flush-ruleset", live->host_pointer,
                                    "when nftables.service starts again, our table goes with all others",
                                    "let it delete its own tables only: \"table inet filter; delete table inet filter\"", "%s has 'flush ruleset'", where);
}

/* Source: networkd.conf(5): both default to yes, and what networkd did not make goes when it starts. */
static void networkd_foreign(struct live *live)
{
        static const char *const words[] = {"ManageForeignRoutes", "ManageForeignRoutingPolicyRules"};
        struct stat status;

        if (stat("/run/systemd/netif/state", &status) < 0)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                char no[64], where[256];
                bool wanted = i == 0 ? fbn_routes_count(live->run->desired->routes) : fbn_rules_count(live->run->desired->rules);

                snprintf(no, sizeof(no), "%s=no", words[i]);
                if (wanted && !file_says(live, "/etc/systemd/networkd.conf", no) &&
                    !any_file_says(live, "/etc/systemd/networkd.conf.d/*.conf", no, where, sizeof(where)))
                        finding_add(&live->lint, FBN_SEVERITY_WARNING, "networkd-foreign", live->host_pointer,
                                    "systemd-networkd removes what it did not make when it starts", "in /etc/systemd/networkd.conf, below [Network]: as this says",
                                    "systemd-networkd runs here without '%s'", no);
        }
}

static bool is_declared(const struct run *run, const char *device)
{
        for (size_t i = 0; i < run->desired->n_devices; i++)
                if (streq(run->desired->devices[i].name, device))
                        return true;
        return false;
}

/* A bridge of containers, a modem: addresses that the file gives to somebody else. */
static void live_address(struct live *live, const fbn_link_address *address)
{
        const struct host *host = live->run->desired->host;
        const struct prefix *segment = fabric_segment_of(live->run->fabric, &address->address.address);
        char text[FBN_ADDRESS_TEXT];
        fbn_prefix cgnat;

        if (is_declared(live->run, address->device) || streq(address->device, "lo") || strncmp(address->device, "tailscale", 9) == 0 ||
            address->protocol == FBN_PROTOCOL)
                return;
        fbn_prefix_parse("100.64.0.0/10", &cgnat);
        fbn_prefix_format(&address->address, text, sizeof(text));
        if (host->node && fbn_prefix_contains(&cgnat, &address->address.address))
                finding_add(&live->lint, FBN_SEVERITY_WARNING, "cgnat-uplink", live->host_pointer,
                            "tailscaled drops packets from 100.64.0.0/10 that do not come through the mesh",
                            "ask the provider for another uplink address, or run tailscaled with --netfilter-mode=off", "%s of %s is in the mesh's range", text,
                            address->device);
        else if (segment && !host_interface_in(host, segment) && segment->prefix.length > 0)
                finding_add(&live->lint, FBN_SEVERITY_WARNING, "live-overlap", segment->pointer, "the host takes that network for its own, and never sends there",
                            "give the device another range (Docker: default-address-pools)", "%s of %s lies in '%s'", text, address->device, segment->name);
}

static int live_addresses(struct live *live)
{
        FBN_CLEANUP(fbn_link_addresses) list = NULL;
        int r = fbn_link_address_list(live->run->c, NULL, &list);

        for (size_t i = 0; r == 0 && i < fbn_link_addresses_count(list); i++)
                live_address(live, fbn_link_addresses_at(list, i));
        return r;
}

/* Tailscale's own rules have 5210 to 5270; ours come behind. Source: tailscale wgengine/router/router_linux.go. */
static int live_rules(struct live *live)
{
        FBN_CLEANUP(fbn_rules) rules = NULL;
        int r = fbn_rule_list(live->run->c, 0, &rules);

        for (size_t i = 0; r == 0 && i < fbn_rules_count(rules); i++) {
                const fbn_rule *rule = fbn_rules_at(rules, i);
                bool ours = rule->protocol == FBN_PROTOCOL;

                if (!ours && rule->priority >= RULE_PRIORITY_FIRST && rule->priority < RULE_PRIORITY_FIRST + 16 &&
                    fbn_rules_count(live->run->desired->rules))
                        finding_add(&live->lint, FBN_SEVERITY_WARNING, "rule-clash", live->host_pointer,
                                    "which of two rules with one preference comes first is anybody's guess", "give the other rule another preference",
                                    "somebody else has a rule with preference %u", rule->priority);
                else if (!ours && rule->table == 52 && live->run->desired->host->node && (rule->priority < 5210 || rule->priority > 5270))
                        finding_add(&live->lint, FBN_SEVERITY_WARNING, "tailscale-clash", live->host_pointer, "tailscaled flushes its table 52 when it likes",
                                    "use another table", "a rule with preference %u looks into Tailscale's table 52", rule->priority);
        }
        return r;
}

static bool covers_text(const char *object, const fbn_address *address)
{
        const char *at = strstr(object, "route ");
        char word[FBN_ADDRESS_TEXT];
        fbn_prefix prefix;
        size_t length;

        at = at ? at + 6 : object;
        length = strcspn(at, " ");
        if (length >= sizeof(word))
                return false;
        memcpy(word, at, length);
        word[length] = 0;
        return fbn_prefix_parse(word, &prefix) >= 0 && prefix.address.family == address->family && fbn_prefix_contains(&prefix, address);
}

static bool names_device(const char *object, const char *device)
{
        size_t length = strlen(device);
        const char *at = strncmp(object, "link ", 5) == 0 ? object + 5 : object;

        return strncmp(at, device, length) == 0 && (!at[length] || at[length] == ':');
}

/* Whether a step touches the way that answers take to an address. */
static bool touches(const fbn_plan_step *step, const fbn_address *address, const char *device)
{
        if (streq(step->domain, "route"))
                return covers_text(step->object, address);
        if (streq(step->domain, "rule"))
                return step->kind == FBN_CHANGE_CREATE;
        if (streq(step->domain, "link") || streq(step->domain, "wireguard") || streq(step->domain, "address"))
                return step->kind != FBN_CHANGE_CREATE && *device && names_device(step->object, device);
        return false;
}

static int management(struct live *live)
{
        const struct run *run = live->run;
        FBN_CLEANUP(fbn_routes) way = NULL;
        fbn_address address;
        const fbn_route *first;
        const char *device = "";
        int r;

        if (!run->options.management)
                return 0;
        if (fbn_address_parse(run->options.management, &address) < 0)
                return fail(run->c, FBN_EINVAL, "management: '%s' is no address", run->options.management);
        r = fbn_route_get(run->c, FBN_OPTIONS(fbn_route_query, .destination = address), &way);
        first = r >= 0 ? fbn_routes_at(way, 0) : NULL;
        if (first && first->device)
                device = first->device;
        for (size_t i = 0; i < run->plan->count; i++)
                if (touches(&run->plan->items[i], &address, device)) {
                        finding_add(&live->lint, FBN_SEVERITY_WARNING, "cuts-management-path", run->plan->items[i].pointer,
                                    "the connection that you sit at may end, and nobody be there to mend it", "apply with --confirm-within, or from the console",
                                    "step %zu, %s, touches the way to %s%s%s", i + 1, run->plan->items[i].object, run->options.management,
                                    *device ? " by " : "", device);
                        break;
                }
        return 0;
}

int run_find_live(struct run *run)
{
        struct live live = {.run = run, .lint = {.c = run->c, .fabric = run->fabric}, .host_pointer = run->desired->host->pointer};
        int r;

        run->plan->findings = live.lint.findings = findings_new();
        if (!live.lint.findings)
                return fail_memory(run->c);
        r = run_find_foreign(run, foreign, &live);
        if (r == 0)
                r = live_addresses(&live);
        if (r == 0)
                r = live_rules(&live);
        if (r == 0)
                r = management(&live);
        if (r < 0 && r != -FBN_EPERM && r != -FBN_EUNSUPPORTED) /* of a plan for the mesh alone; the parts of a host said so before */
                return r;
        flushed_ruleset(&live);
        networkd_foreign(&live);
        arena_free(&live.lint.scratch);
        return live.lint.failed || !findings_complete(run->fabric, live.lint.findings) ? fail_memory(run->c) : 0;
}
