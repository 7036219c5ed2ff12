/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sysctl/list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

/* What writing one setting writes to every link as well: the links' own lie at net/FAMILY/conf/LINK/NAME. Source: net/ipv4/devinet.c,
 * devinet_sysctl_forward(); net/ipv6/addrconf.c, addrconf_sysctl_forward(), _disable_ipv6(), _disable_policy(), _addr_gen_mode(). */
static const struct {
        const char *path, *family, *name;
} spreading[] = {
        {"net/ipv4/ip_forward", "ipv4", "forwarding"},
        {"net/ipv4/conf/all/forwarding", "ipv4", "forwarding"},
        {"net/ipv6/conf/all/forwarding", "ipv6", "forwarding"},
        {"net/ipv6/conf/all/disable_ipv6", "ipv6", "disable_ipv6"},
        {"net/ipv6/conf/all/disable_policy", "ipv6", "disable_policy"},
        {"net/ipv6/conf/all/ignore_routes_with_linkdown", "ipv6", "ignore_routes_with_linkdown"},
        {"net/ipv6/conf/all/addr_gen_mode", "ipv6", "addr_gen_mode"},
        {"net/ipv6/conf/all/force_forwarding", "ipv6", "force_forwarding"},
};

/* Add a setting with its value, unless it is there already. */
static int take(fbn_context *c, fbn_sysctls *snapshot, const char *key)
{
        fbn_sysctl sysctl = {.size = sizeof(sysctl), .key = key};
        struct setting_path path;
        int r = setting_path(c, key, &path);

        for (size_t i = 0; r == 0 && i < snapshot->count; i++)
                if (streq(snapshot->items[i].path.text, path.text))
                        return 0;
        if (r == 0)
                r = setting_read(c, &path, &sysctl.value);
        return r < 0 ? r : fbn_sysctls_add(c, snapshot, &sysctl);
}

static int open_folder(fbn_context *c, const char *family, DIR **ret_folder)
{
        NAMESPACE_GUARD guard = {-1};
        char path[64];
        int r = namespace_enter(c, &guard);

        if (r < 0)
                return r;
        snprintf(path, sizeof(path), "/proc/sys/net/%s/conf", family);
        *ret_folder = opendir(path);
        return *ret_folder ? 0 : fail_errno(c, errno, "%s", path);
}

/* Forwarding hosts do not heed redirects, hosts that stop do again, whatever was set before. Source: net/ipv4/devinet.c,
 * inet_forward_change(). */
static int take_redirects(fbn_context *c, fbn_sysctls *snapshot, const char *path)
{
        bool forwards = streq(path, "net/ipv4/ip_forward") || streq(path, "net/ipv4/conf/all/forwarding");

        return forwards ? take(c, snapshot, "net/ipv4/conf/all/accept_redirects") : 0;
}

static int take_all(fbn_context *c, fbn_sysctls *snapshot, const char *family, const char *name)
{
        DIR *folder;
        const struct dirent *entry;
        int r = open_folder(c, family, &folder);

        if (r < 0)
                return r;
        while (r == 0 && (entry = readdir(folder))) {
                char key[sizeof(((struct setting_path *)0)->text)];

                if (entry->d_name[0] == '.' && (!entry->d_name[1] || streq(entry->d_name, "..")))
                        continue;
                snprintf(key, sizeof(key), "net/%s/conf/%.64s/%s", family, entry->d_name, name);
                r = take(c, snapshot, key);
                if (r == -FBN_ENOENT) /* a link that went meanwhile */
                        r = 0;
        }
        closedir(folder);
        return r;
}

int fbn_sysctl_snapshot(fbn_context *c, const fbn_sysctls *want, fbn_sysctls **ret_sysctls)
{
        _cleanup_(fbn_sysctls_unrefp) fbn_sysctls *snapshot = NULL;
        int r = fbn_sysctls_new(c, &snapshot);

        for (size_t i = 0; r == 0 && i < fbn_sysctls_count(want); i++) {
                r = take(c, snapshot, want->items[i].sysctl.key);
                for (size_t j = 0; r == 0 && j < ARRAY_SIZE(spreading); j++)
                        if (streq(want->items[i].path.text, spreading[j].path))
                                r = take_all(c, snapshot, spreading[j].family, spreading[j].name);
                if (r == 0)
                        r = take_redirects(c, snapshot, want->items[i].path.text);
        }
        if (r == 0)
                *ret_sysctls = TAKE_PTR(snapshot);
        return r;
}
