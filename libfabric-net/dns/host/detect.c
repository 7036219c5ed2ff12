/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/host.h"

#include "base/address.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* In our network namespace: another one's daemon is no concern of this host. */
static bool is_process(const char *pid, const char *name, const char *netns)
{
        char path[64], text[64] = "";
        ssize_t length;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%s/comm", pid);
        file = fopen(path, "re");
        if (!file)
                return false;
        if (!fgets(text, sizeof(text), file))
                text[0] = 0;
        fclose(file);
        text[strcspn(text, "\n")] = 0;
        if (!streq(text, name))
                return false;
        snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
        length = readlink(path, text, sizeof(text) - 1);
        text[MAX(length, (ssize_t)0)] = 0;
        return streq(text, netns);
}

int process_find(const char *name)
{
        char netns[64];
        ssize_t length = readlink("/proc/thread-self/ns/net", netns, sizeof(netns) - 1);
        DIR *folder = opendir("/proc");
        const struct dirent *entry;
        int pid = 0;

        netns[MAX(length, (ssize_t)0)] = 0;
        while (folder && pid == 0 && (entry = readdir(folder)))
                if (*entry->d_name >= '1' && *entry->d_name <= '9' && is_process(entry->d_name, name, netns))
                        pid = atoi(entry->d_name);
        if (folder)
                closedir(folder);
        return pid;
}

static bool is_loopback(const fbn_address *address)
{
        static const uint8_t v6[16] = {[15] = 1};

        return address->family == AF_INET ? address->bytes[0] == 127 : memcmp(address->bytes, v6, sizeof(v6)) == 0;
}

/* 127.0.0.53 and 127.0.0.54 are where systemd-resolved listens. */
static bool is_resolved(const fbn_address *address)
{
        static const uint8_t first[3] = {127, 0, 0};

        return address->family == AF_INET && memcmp(address->bytes, first, sizeof(first)) == 0 && (address->bytes[3] == 53 || address->bytes[3] == 54);
}

static bool all_are(const fbn_endpoint *servers, size_t n, bool (*fits)(const fbn_address *address))
{
        for (size_t i = 0; i < n; i++)
                if (!fits(&servers[i].address))
                        return false;
        return n > 0;
}

bool servers_are_resolved(const fbn_endpoint *servers, size_t n)
{
        return all_are(servers, n, is_resolved);
}

/* "hosts: files resolve [!UNAVAIL=return] dns": names go to resolved whatever resolv.conf says. */
static bool nss_resolves(fbn_context *c)
{
        _cleanup_free_ char *text = NULL;
        struct undoing undoing = undo_begin(c);
        bool found = false, inside = false;
        char *state = NULL;

        if (file_read_if(c, "/etc/nsswitch.conf", &text) == 0)
                for (char *word = text ? strtok_r(text, " \t\n", &state) : NULL; word && !found; word = strtok_r(NULL, " \t\n", &state)) {
                        if (word[strlen(word) - 1] == ':')
                                inside = streq(word, "hosts:");
                        else if (inside && streq(word, "dns"))
                                break;
                        found = inside && streq(word, "resolve");
                }
        undo_end(c, &undoing);
        return found;
}

/* Who says in a comment that it wrote the file. */
static const char *owner_of(const char *text)
{
        static const char *const owners[] = {"resolvconf", "NetworkManager"};

        for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
                for (size_t i = 0; *line == '#' && i < ARRAY_SIZE(owners); i++) {
                        const char *found = strstr(line, owners[i]);

                        if (found && found < line + strcspn(line, "\n"))
                                return owners[i];
                }
        return NULL;
}

static int found(fbn_context *c, struct fbn_dns_host *host, fbn_dns_manager manager, const char *reason)
{
        host->state.manager = manager;
        host->state.reason = arena_strdup(&host->arena, reason);
        return host->state.reason ? 0 : fail_memory(c);
}

/* Who else has a hand in it. */
static int found_managed(fbn_context *c, struct fbn_dns_host *host, fbn_dns_manager manager, const char *reason)
{
        struct networkmanager managed;
        char text[256];

        if (!networkmanager_find(c, &managed))
                return found(c, host, manager, reason);
        if (manager == FBN_DNS_MANAGER_DNSMASQ && streq(managed.mode, "dnsmasq"))
                reason = "/etc/resolv.conf names this host, and NetworkManager runs dnsmasq";
        else if (manager == FBN_DNS_MANAGER_FILE && !streq(managed.mode, "none") && !streq(managed.rc_manager, "unmanaged")) {
                snprintf(text, sizeof(text), "%s; NetworkManager writes /etc/resolv.conf (dns=%s, rc-manager=%s) and may write over ours, which 'keep' puts back", reason,
                         managed.mode, managed.rc_manager);
                reason = text;
        } else {
                snprintf(text, sizeof(text), "%s; NetworkManager runs (dns=%s, rc-manager=%s)", reason, managed.mode, managed.rc_manager);
                reason = text;
        }
        return found(c, host, manager, reason);
}

static int decide(fbn_context *c, struct fbn_dns_host *host, const struct resolv_conf *file, const fbn_endpoint *servers, size_t n)
{
        const char *owner = owner_of(file->text), *kind = owner && streq(owner, "resolvconf") ? resolvconf_kind(c) : NULL;
        bool by_file = servers_are_resolved(servers, n);

        if (file->ours)
                return found(c, host, FBN_DNS_MANAGER_FILE, "/etc/resolv.conf is ours");
        if ((by_file || nss_resolves(c)) && resolved_answers(c))
                return found_managed(c, host, FBN_DNS_MANAGER_RESOLVED, by_file ? "/etc/resolv.conf names systemd-resolved alone, and it answers on D-Bus"
                                                                                : "/etc/nsswitch.conf has 'resolve' before 'dns', and it answers on D-Bus");
        if (kind)
                return found(c, host, FBN_DNS_MANAGER_RESOLVCONF, kind);
        if ((n == 0 || all_are(servers, n, is_loopback)) && process_find("dnsmasq"))
                return found_managed(c, host, FBN_DNS_MANAGER_DNSMASQ, "/etc/resolv.conf names this host, and dnsmasq runs");
        if ((n == 0 || all_are(servers, n, is_loopback)) && process_find("unbound"))
                return found(c, host, FBN_DNS_MANAGER_UNBOUND, "/etc/resolv.conf names this host, and unbound runs");
        return found_managed(c, host, FBN_DNS_MANAGER_FILE, owner ? "nothing that knows a split was found, and NetworkManager wrote /etc/resolv.conf"
                                                                  : "nothing that knows a split was found");
}

int host_detect(fbn_context *c, struct fbn_dns_host *host)
{
        struct resolv_conf file = {0};
        fbn_endpoint *servers;
        size_t n;
        int r = resolv_conf_read(c, RESOLV_CONF, &file);

        if (r < 0)
                return r;
        if (resolv_conf_servers(&host->arena, file.text, &servers, &n))
                r = decide(c, host, &file, servers, n);
        else
                r = fail_memory(c);
        resolv_conf_free(&file);
        return r;
}
