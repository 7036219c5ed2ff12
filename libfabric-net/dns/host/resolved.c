/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/dbus.h"
#include "dns/host/host.h"
#include "dns/socket.h"

#include "base/address.h"
#include "base/file.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* systemd-resolved ties servers and the domains that they are for to a link. What is set for a link has no mark of who did it, so that
 * the link that has ours is written down. */
#define NAME "org.freedesktop.resolve1"
#define PATH "/org/freedesktop/resolve1"
#define MANAGER NAME ".Manager"
#define LINK NAME ".Link"
#define STATE_FOLDER "/run/fabricnet"
#define STATE STATE_FOLDER "/resolved"

struct owned {
        int index; /* 0: none */
        char name[IF_NAMESIZE];
};

static struct owned read_owned(void)
{
        struct owned owned = {0};
        FILE *file = fopen(STATE, "re");

        if (file && fscanf(file, "%d %15s", &owned.index, owned.name) != 2)
                owned.index = 0;
        if (file)
                fclose(file);
        return owned;
}

static int write_owned(fbn_context *c, int index, const char *name)
{
        char text[64];

        snprintf(text, sizeof(text), "%d %s\n", index, name);
        if (mkdir(STATE_FOLDER, 0755) < 0 && errno != EEXIST)
                return fail_errno(c, errno, STATE_FOLDER);
        return file_replace(c, STATE, text, strlen(text), 0644);
}

static bool is_ours(fbn_context *c)
{
        (void)c;
        return read_owned().index > 0;
}

bool resolved_answers(fbn_context *c)
{
        struct undoing undoing = undo_begin(c);
        sd_bus_message *reply = NULL;
        struct bus bus = {0};
        int has = 0;

        if (dbus_open(c, &bus) == 0) {
                if (bus.call_method(bus.connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", NULL, &reply,
                                    "s", NAME) < 0 ||
                    bus.message_read(reply, "b", &has) < 0)
                        has = 0;
                bus.message_unref(reply);
                dbus_close(&bus);
        }
        undo_end(c, &undoing);
        return has;
}

static bool read_address(struct bus *bus, sd_bus_message *message, int family, fbn_address *ret_address)
{
        const void *bytes;
        size_t length;

        if (bus->message_read_array(message, 'y', &bytes, &length) < 0)
                return false;
        if (length != family_bytes((uint16_t)family))
                return true; /* left out */
        *ret_address = (fbn_address){.family = (uint16_t)family};
        memcpy(ret_address->bytes, bytes, length);
        return true;
}

/* (iayqs) of a link, (iiayqs) of all: returns 1, 0 at the end. Port 0 is the default one. */
static int read_server(struct bus *bus, sd_bus_message *message, bool with_link, int *ret_link, fbn_endpoint *ret_server)
{
        fbn_endpoint server = {0};
        const char *name;
        int family, r;

        r = bus->message_enter_container(message, 'r', with_link ? "iiayqs" : "iayqs");
        if (r <= 0)
                return r;
        if ((with_link && bus->message_read(message, "i", ret_link) < 0) || bus->message_read(message, "i", &family) < 0 ||
            !read_address(bus, message, family, &server.address) || bus->message_read(message, "qs", &server.port, &name) < 0)
                return -EBADMSG;
        server.port = server.port ? server.port : 53;
        *ret_server = server;
        return bus->message_exit_container(message) < 0 ? -EBADMSG : 1;
}

static int link_path(fbn_context *c, struct bus *bus, int index, struct arena *arena, const char **ret_path)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        const char *path;
        int r = bus->call_method(bus->connection, NAME, PATH, MANAGER, "GetLink", &error, &reply, "i", index);

        if (r >= 0)
                r = bus->message_read(reply, "o", &path);
        if (r < 0)
                return dbus_fail(c, bus, r, &error, "systemd-resolved");
        *ret_path = arena_strdup(arena, path);
        bus->message_unref(reply);
        return *ret_path ? 0 : fail_memory(c);
}

static int read_flag(fbn_context *c, struct bus *bus, const char *path, const char *property, bool *ret_flag)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int flag = 0, r = bus->get_property(bus->connection, NAME, path, LINK, property, &error, &reply, "b");

        if (r >= 0)
                r = bus->message_read(reply, "b", &flag);
        bus->message_unref(reply);
        if (r < 0)
                return dbus_fail(c, bus, r, &error, property);
        *ret_flag = flag;
        return 0;
}

/* Those of no link, and of links that are for all names. */
static int is_default(fbn_context *c, struct bus *bus, struct arena *arena, int link)
{
        const char *path;
        bool flag = false;
        int r;

        if (link == 0)
                return 1;
        if (link == read_owned().index)
                return 0;
        r = link_path(c, bus, link, arena, &path);
        if (r == 0)
                r = read_flag(c, bus, path, "DefaultRoute", &flag);
        return r < 0 ? r : flag;
}

#define SERVERS_MAX 16

static int read_defaults(fbn_context *c, struct bus *bus, sd_bus_message *reply, struct arena *arena, fbn_endpoint *servers, size_t *n)
{
        fbn_endpoint server;
        int link = 0, r;

        r = bus->message_enter_container(reply, 'a', "(iiayqs)");
        while (r >= 0 && *n < SERVERS_MAX && (r = read_server(bus, reply, true, &link, &server)) > 0) {
                r = server.address.family ? is_default(c, bus, arena, link) : 0;
                if (r < 0)
                        return r;
                if (r > 0)
                        servers[(*n)++] = server;
        }
        return r < 0 ? fail(c, FBN_EPROTOCOL, "systemd-resolved's list of servers is not what it should be") : 0;
}

int resolved_servers(fbn_context *c, struct arena *arena, fbn_endpoint **ret_servers, size_t *ret_n)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        fbn_endpoint *servers = arena_alloc(arena, SERVERS_MAX * sizeof(*servers));
        sd_bus_message *reply = NULL;
        struct bus bus = {0};
        size_t n = 0;
        int r;

        if (!servers)
                return fail_memory(c);
        r = dbus_open(c, &bus);
        if (r < 0)
                return r;
        r = bus.get_property(bus.connection, NAME, PATH, MANAGER, "DNSEx", &error, &reply, "a(iiayqs)");
        r = r < 0 ? dbus_fail(c, &bus, r, &error, "systemd-resolved") : read_defaults(c, &bus, reply, arena, servers, &n);
        bus.message_unref(reply);
        dbus_close(&bus);
        if (r < 0)
                return r;
        *ret_servers = servers;
        *ret_n = n;
        return 0;
}

/* What a link says, or is to say: servers in order, domains sorted. As text, so that two can be compared and shown. */
struct setting {
        struct arena arena;
        fbn_endpoint servers[SERVERS_MAX];
        size_t n_servers;
        const char **domains; /* a routing domain begins with "~" */
        size_t n_domains, capacity;
        bool is_default;
        struct text text;
};

static void setting_free(struct setting *setting)
{
        arena_free(&setting->arena);
        memory_free(setting->domains);
        text_free(&setting->text);
}

static bool add_domain(struct setting *setting, const char *domain, bool route_only)
{
        const char *text = arena_printf(&setting->arena, "%s%s", route_only ? "~" : "", domain);

        if (!text || !ARRAY_RESERVE(setting->domains, setting->n_domains, setting->capacity))
                return false;
        setting->domains[setting->n_domains++] = text;
        return true;
}

static int by_text(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int finish(fbn_context *c, struct setting *setting)
{
        char buffer[FBN_ADDRESS_TEXT];

        if (setting->n_domains > 0)
                qsort(setting->domains, setting->n_domains, sizeof(*setting->domains), by_text);
        text_add(&setting->text, "servers");
        for (size_t i = 0; i < setting->n_servers; i++)
                text_add(&setting->text, " %s", fbn_endpoint_format(&setting->servers[i], buffer, sizeof(buffer)));
        text_add(&setting->text, "; domains");
        for (size_t i = 0; i < setting->n_domains; i++)
                text_add(&setting->text, " %s", setting->domains[i]);
        text_add(&setting->text, setting->is_default ? "; for all names" : "; for these names only");
        return setting->text.failed ? fail_memory(c) : 0;
}

static int read_domains(fbn_context *c, struct bus *bus, sd_bus_message *reply, struct setting *setting)
{
        const char *domain;
        int route_only, r;

        r = bus->message_enter_container(reply, 'a', "(sb)");
        while (r >= 0 && (r = bus->message_read(reply, "(sb)", &domain, &route_only)) > 0)
                if (!add_domain(setting, domain, route_only))
                        return fail_memory(c);
        return r < 0 ? fail(c, FBN_EPROTOCOL, "systemd-resolved's list of domains is not what it should be") : 0;
}

static int read_servers(fbn_context *c, struct bus *bus, sd_bus_message *reply, struct setting *setting)
{
        int r = bus->message_enter_container(reply, 'a', "(iayqs)");

        while (r >= 0 && setting->n_servers < SERVERS_MAX &&
               (r = read_server(bus, reply, false, NULL, &setting->servers[setting->n_servers])) > 0)
                setting->n_servers++;
        return r < 0 ? fail(c, FBN_EPROTOCOL, "systemd-resolved's list of servers is not what it should be") : 0;
}

static int read_list(fbn_context *c, struct bus *bus, const char *path, const char *property, const char *type,
                     int (*read)(fbn_context *c, struct bus *bus, sd_bus_message *reply, struct setting *setting), struct setting *setting)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int r = bus->get_property(bus->connection, NAME, path, LINK, property, &error, &reply, type);

        r = r < 0 ? dbus_fail(c, bus, r, &error, property) : read(c, bus, reply, setting);
        bus->message_unref(reply);
        return r;
}

static int read_setting(fbn_context *c, struct bus *bus, int index, struct setting *setting)
{
        const char *path;
        int r = link_path(c, bus, index, &setting->arena, &path);

        if (r == 0)
                r = read_list(c, bus, path, "DNSEx", "a(iayqs)", read_servers, setting);
        if (r == 0)
                r = read_list(c, bus, path, "Domains", "a(sb)", read_domains, setting);
        if (r == 0)
                r = read_flag(c, bus, path, "DefaultRoute", &setting->is_default);
        return r < 0 ? r : finish(c, setting);
}

static bool same_servers(const struct said *a, const struct said *b)
{
        if (a->n_servers != b->n_servers)
                return false;
        for (size_t i = 0; i < a->n_servers; i++)
                if (!endpoint_equal(&a->servers[i], &b->servers[i]))
                        return false;
        return true;
}

static int check(const struct work *work, const struct said *said)
{
        if (!work->saying->by_stub && (said->n_servers == 0 || !said_is_whole(said)))
                return said_refuse(work->c, said, "systemd-resolved", "knows servers of whole domains only");
        if (!same_servers(said, &work->saying->items[0]))
                return said_refuse(work->c, said, "systemd-resolved", "has one list of servers a link, and this one is another");
        if (said->n_servers > SERVERS_MAX)
                return fail(work->c, FBN_EUNSUPPORTED, "at most %d servers, not %zu", SERVERS_MAX, said->n_servers);
        return 0;
}

static int wanted(const struct work *work, struct setting *setting)
{
        for (size_t i = 0; i < work->saying->count; i++) {
                const struct said *said = &work->saying->items[i];
                int r = check(work, said);

                if (r < 0)
                        return r;
                if (!add_domain(setting, said->zone, true))
                        return fail_memory(work->c);
                setting->is_default |= streq(said->zone, ".");
        }
        for (size_t i = 0; i < work->options->n_search; i++)
                if (!add_domain(setting, work->options->search[i], false))
                        return fail_memory(work->c);
        setting->n_servers = work->saying->items[0].n_servers;
        memcpy(setting->servers, work->saying->items[0].servers, setting->n_servers * sizeof(fbn_endpoint));
        return finish(work->c, setting);
}

static bool append_server(struct bus *bus, sd_bus_message *message, const fbn_endpoint *server)
{
        return bus->message_open_container(message, 'r', "iayqs") >= 0 && bus->message_append(message, "i", (int)server->address.family) >= 0 &&
               bus->message_append_array(message, 'y', server->address.bytes, family_bytes(server->address.family)) >= 0 &&
               bus->message_append(message, "qs", (int)server->port, "") >= 0 && bus->message_close_container(message) >= 0;
}

static bool append_servers(struct bus *bus, sd_bus_message *message, const struct setting *setting)
{
        bool good = bus->message_open_container(message, 'a', "(iayqs)") >= 0;

        for (size_t i = 0; good && i < setting->n_servers; i++)
                good = append_server(bus, message, &setting->servers[i]);
        return good && bus->message_close_container(message) >= 0;
}

static bool append_domains(struct bus *bus, sd_bus_message *message, const struct setting *setting)
{
        bool good = bus->message_open_container(message, 'a', "(sb)") >= 0;

        for (size_t i = 0; good && i < setting->n_domains; i++) {
                const char *domain = setting->domains[i];

                good = bus->message_append(message, "(sb)", domain + (*domain == '~'), *domain == '~') >= 0;
        }
        return good && bus->message_close_container(message) >= 0;
}

static bool append_default(struct bus *bus, sd_bus_message *message, const struct setting *setting)
{
        return bus->message_append(message, "b", (int)setting->is_default) >= 0;
}

static bool append_nothing(struct bus *bus, sd_bus_message *message, const struct setting *setting)
{
        (void)bus;
        (void)message;
        (void)setting;
        return true;
}

static int call(fbn_context *c, struct bus *bus, const char *method, int index,
                bool (*append)(struct bus *bus, sd_bus_message *message, const struct setting *setting), const struct setting *setting)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *message = NULL;
        int r = bus->message_new_method_call(bus->connection, &message, NAME, PATH, MANAGER, method);

        if (r >= 0)
                r = bus->message_append(message, "i", index) >= 0 && append(bus, message, setting) ? 0 : -ENOMEM;
        if (r >= 0)
                r = bus->call(bus->connection, message, 0, &error, NULL);
        bus->message_unref(message);
        return r < 0 ? dbus_fail(c, bus, r, &error, method) : 0;
}

/* Servers last: a link that has some and no domains is asked for every name. */
static int set(fbn_context *c, struct bus *bus, int index, const struct setting *want)
{
        int r = call(c, bus, "SetLinkDefaultRoute", index, append_default, want);

        if (r == 0)
                r = call(c, bus, "SetLinkDomains", index, append_domains, want);
        if (r == 0)
                r = call(c, bus, "SetLinkDNSEx", index, append_servers, want);
        if (r < 0) {
                struct undoing undoing = undo_begin(c);

                call(c, bus, "RevertLink", index, append_nothing, NULL);
                unlink(STATE);
                undo_end(c, &undoing);
        }
        return r;
}

static int revert(struct work *work, struct bus *bus, const struct owned *owned)
{
        char object[64], name[IF_NAMESIZE];
        int r;

        snprintf(object, sizeof(object), "link %s", owned->name);
        r = work_add(work, FBN_CHANGE_DELETE, object, NULL, NULL);
        if (r < 0 || work->options->dry_run)
                return r;
        if (if_indextoname((unsigned)owned->index, name))
                r = call(work->c, bus, "RevertLink", owned->index, append_nothing, NULL);
        if (r == 0 && unlink(STATE) < 0)
                r = fail_errno(work->c, errno, STATE);
        return r;
}

/* The link through which packets to a server leave; false if there is none, or it is the loopback, which resolved does not take. */
static bool link_towards(const fbn_endpoint *server, char name[IF_NAMESIZE])
{
        _cleanup_close_ int fd = socket_connect(server, SOCK_DGRAM);
        union socket_address mine;
        socklen_t length = sizeof(mine);
        struct ifaddrs *all = NULL;
        fbn_endpoint here;
        bool found = false;

        if (fd < 0 || getsockname(fd, &mine.any, &length) < 0 || getifaddrs(&all) < 0)
                return false;
        here = socket_address_endpoint(&mine);
        for (const struct ifaddrs *each = all; each && !found; each = each->ifa_next) {
                fbn_endpoint there;

                if (!each->ifa_addr || each->ifa_addr->sa_family != here.address.family || (each->ifa_flags & IFF_LOOPBACK))
                        continue;
                there = socket_address_endpoint((const union socket_address *)(const void *)each->ifa_addr);
                found = address_compare(&there.address, &here.address) == 0;
                if (found)
                        snprintf(name, IF_NAMESIZE, "%s", each->ifa_name);
        }
        freeifaddrs(all);
        return found;
}

static int find_link(const struct work *work, const struct setting *want, struct owned *ret_link)
{
        const char *device = work->options->device;
        struct owned link = {0};

        if (device)
                snprintf(link.name, sizeof(link.name), "%s", device);
        else if (!link_towards(&want->servers[0], link.name))
                return fail(work->c, FBN_EINVAL, "it ties servers to a link, and none leads to them: name one with an address ('--device')");
        link.index = (int)if_nametoindex(link.name);
        if (link.index == 0)
                return fail(work->c, FBN_ENOENT, "there is no link '%s'", device ? device : link.name);
        *ret_link = link;
        return 0;
}

static int tell_link(struct work *work, struct bus *bus, const struct setting *want, const struct owned *link, bool owned)
{
        _cleanup_(setting_free) struct setting now = {0};
        char object[64];
        int r;

        r = read_setting(work->c, bus, link->index, &now);
        if (r < 0)
                return r;
        if (!owned && now.n_servers + now.n_domains > 0)
                return fail(work->c, FBN_ECONFLICT, "link %s has settings of somebody else (%s): name another link, or take them away with 'resolvectl revert %s'",
                            link->name, now.text.bytes, link->name);
        if (owned && streq(now.text.bytes, want->text.bytes))
                return 0;
        snprintf(object, sizeof(object), "link %s", link->name);
        r = work_add(work, owned ? FBN_CHANGE_UPDATE : FBN_CHANGE_CREATE, object, owned ? now.text.bytes : NULL, want->text.bytes);
        if (r < 0 || work->options->dry_run)
                return r;
        r = write_owned(work->c, link->index, link->name);
        return r < 0 ? r : set(work->c, bus, link->index, want);
}

static int tell(struct work *work, struct bus *bus, const struct owned *before)
{
        _cleanup_(setting_free) struct setting want = {0};
        struct owned link = {0};
        bool owned;
        int r;

        r = wanted(work, &want);
        if (r == 0)
                r = find_link(work, &want, &link);
        if (r < 0)
                return r;
        owned = before->index == link.index && streq(before->name, link.name);
        if (!owned && before->index > 0) {
                r = revert(work, bus, before);
                if (r < 0)
                        return r;
        }
        return tell_link(work, bus, &want, &link, owned);
}

static int apply(struct work *work)
{
        struct owned before = read_owned();
        struct bus bus = {0};
        int r;

        if (work->saying->count == 0 && before.index == 0)
                return 0;
        r = dbus_open(work->c, &bus);
        if (r < 0)
                return r;
        r = work->saying->count > 0 ? tell(work, &bus, &before) : revert(work, &bus, &before);
        dbus_close(&bus);
        return r;
}

const struct manager manager_resolved = {FBN_DNS_MANAGER_RESOLVED, "systemd-resolved", apply, is_ours};
