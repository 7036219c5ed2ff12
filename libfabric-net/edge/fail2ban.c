/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/services.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define DIRECTORY "/etc/fail2ban"
#define COMMAND "/usr/bin/fabricnet"
#define SSHD_LOG "/var/log/auth.log" /* as Debian's fail2ban has it; without a syslog daemon there is the journal alone */

/* A ban for good is -1 there. fail2ban runs this in a shell; <ip> and <bantime> are its own, <name> is ours. */
static void put_action(struct text *text, const fbn_fail2ban_options *options)
{
        const char *command = options->command ? options->command : COMMAND, *socket = options->socket ? options->socket : FBN_BAN_SOCKET;

        text_add(text, "# Asks the ban engine, which answers when the address is out; the CDN is its business.\n[Definition]\n"
                       "actionban = time=<bantime>; [ \"$time\" -ge 0 ] && time=${time}s || time=ever; "
                       "%s --socket %s ban add <ip> \"$time\" <name>\n"
                       "actionunban = %s --socket %s ban del <ip>\n\n[Init]\nname = fail2ban\n",
                 command, socket, command, socket);
}

/* The first address is the visitor's; nothing that he can write comes before the status. */
static void put_filter(struct text *text)
{
        text_add(text, "# Of the log that fabricnet's services write.\n[Definition]\nfailregex = ^<HOST> \\S+ \\[\\] (?:401|403) \nignoreregex =\n");
}

static uint64_t seconds(uint64_t ms, uint64_t fallback)
{
        return ms ? (ms + 999) / 1000 : fallback;
}

static void put_jails(struct text *text, const fbn_fail2ban_options *options, const struct ranges *ranges)
{
        char one[FBN_ADDRESS_TEXT], common[256];

        snprintf(common, sizeof(common), "enabled = true\nmaxretry = %" PRIu32 "\nfindtime = %" PRIu64 "\nbantime = %" PRIu64 "\n",
                 options->max_retry ? options->max_retry : 5, seconds(options->find_ms, 600), seconds(options->ban_ms, 3600));
        text_add(text, "[DEFAULT]\n# Own networks, and the CDN, whose addresses stand in the log when it does not say who the visitor is.\nignoreip = 127.0.0.1/8 ::1");
        for (size_t i = 0; i < options->n_ignore; i++)
                text_add(text, " %s", fbn_prefix_format(&options->ignore[i], one, sizeof(one)));
        for (size_t i = 0; i < ranges->count; i++)
                text_add(text, " %s", fbn_prefix_format(&ranges->items[i], one, sizeof(one)));
        text_add(text, "\n");
        if (options->sshd)
                text_add(text, "\n[sshd]\n%s%saction = fabricnet[name=sshd]\n", common, access(SSHD_LOG, F_OK) < 0 ? "backend = systemd\n" : "");
        if (options->nginx)
                text_add(text, "\n[fabricnet-nginx]\n%sfilter = fabricnet-nginx\nbackend = auto\nlogpath = %s\naction = fabricnet[name=nginx]\n", common,
                         options->log ? options->log : NGINX_LOG);
}

static int render(fbn_context *c, const fbn_fail2ban_options *options, struct files *files)
{
        _cleanup_(ranges_free) struct ranges ranges = {0};
        const char *folder = options->directory ? options->directory : DIRECTORY;
        const char *const folders[] = {"action.d", "filter.d", "jail.d"};
        struct text *text;
        int r = 0;

        if (options->ranges_file)
                r = ranges_read(c, options->ranges_file, &ranges);
        if (r == 0 && (options->sshd || options->nginx)) {
                if ((text = files_add(files, "%s/action.d/fabricnet.conf", folder)))
                        put_action(text, options);
                if (text && options->nginx && (text = files_add(files, "%s/filter.d/fabricnet-nginx.conf", folder)))
                        put_filter(text);
                if (text && (text = files_add(files, "%s/jail.d/fabricnet.conf", folder)))
                        put_jails(text, options, &ranges);
                r = text ? 0 : fail_memory(c);
        }
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++) {
                char path[512];

                snprintf(path, sizeof(path), "%s/%s", folder, folders[i]);
                r = files_add_strays(c, files, path, "fabricnet");
        }
        return r;
}

static int client(fbn_context *c, const fbn_fail2ban_options *options, const char *word)
{
        return files_run(c, (const char *const[]){"fail2ban-client", "-c", options->directory ? options->directory : DIRECTORY, word, NULL});
}

/* Debian enables its jail of sshd and has no log for it where nothing but the journal is: that much of what was broken ours may mend. */
static int change(fbn_context *c, const fbn_fail2ban_options *options, const struct files *files)
{
        int before = client(c, options, "-t"), r = before == -FBN_EINVAL ? 0 : before;
        struct error_record broken = c->error;

        if (r == 0)
                r = files_write(c, files);
        if (r < 0)
                return r;
        r = client(c, options, "-t");
        if (r == -FBN_EINVAL && !options->sshd && !options->nginx && client(c, options, "ping") < 0)
                return 0; /* what is broken without ours is its owner's, and nobody runs who would have to be told */
        if (r == -FBN_EINVAL && before < 0) {
                files_restore(c, files);
                return fail(c, FBN_ECONFLICT, "its configuration was broken before, nothing changed: %.500s", broken.message);
        }
        if (r == 0 && client(c, options, "ping") == 0)
                r = client(c, options, "reload");
        if (r < 0)
                files_restore(c, files);
        return r;
}

static int check(fbn_context *c, const fbn_fail2ban_options *options)
{
        const char *const paths[] = {options->directory, options->command, options->socket, options->log};

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                if (paths[i] && !files_plain(paths[i]))
                        return fail(c, FBN_EINVAL, "'%.60s': a path with a blank or a character that means something to fail2ban", paths[i]);
        return 0;
}

int fbn_fail2ban_apply(fbn_context *c, const fbn_fail2ban_options *options, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_changes) changes = changes_new();
        _cleanup_(files_free) struct files files = {0};
        fbn_fail2ban_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_fail2ban_options, options, &mine);
        if (r == 0 && !changes)
                r = fail_memory(c);
        if (r == 0)
                r = check(c, &mine);
        if (r == 0)
                r = render(c, &mine, &files);
        if (r == 0)
                r = files_compare(c, &files, changes);
        if (r > 0 && !mine.dry_run)
                r = change(c, &mine, &files);
        if (r < 0)
                return fail_in(c, r, "fail2ban");
        r = (int)fbn_changes_count(changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(changes);
        return r;
}
