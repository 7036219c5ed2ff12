/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/dbus.h"
#include "dns/host/host.h"

#include <stdio.h>

#define NAME "org.freedesktop.NetworkManager"
#define RELOAD_DNS 0x4 /* NM_MANAGER_RELOAD_FLAGS_DNS_FULL: its dnsmasq is started anew */

/* It is not asked unless it is there: the bus would start it. */
static bool is_there(struct bus *bus)
{
        sd_bus_message *reply = NULL;
        int has = 0;

        if (bus->call_method(bus->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", NULL, &reply, "s", NAME) < 0 ||
            bus->message_read(reply, "b", &has) < 0)
                has = 0;
        bus->message_unref(reply);
        return has;
}

static bool read_word(struct bus *bus, const char *property, char word[32])
{
        sd_bus_message *reply = NULL;
        const char *text = NULL;
        bool good = bus->get_property(bus->connection, NAME, "/org/freedesktop/NetworkManager/DnsManager", NAME ".DnsManager", property, NULL, &reply, "s") >= 0 &&
                    bus->message_read(reply, "s", &text) >= 0;

        snprintf(word, 32, "%s", good ? text : "");
        bus->message_unref(reply);
        return good;
}

bool networkmanager_find(fbn_context *c, struct networkmanager *ret_found)
{
        struct undoing undoing = undo_begin(c);
        struct networkmanager found;
        struct bus bus = {0};
        bool good = false;

        if (dbus_open(c, &bus) == 0) {
                good = is_there(&bus) && read_word(&bus, "Mode", found.mode) && read_word(&bus, "RcManager", found.rc_manager);
                dbus_close(&bus);
        }
        undo_end(c, &undoing);
        if (good)
                *ret_found = found;
        return good;
}

bool networkmanager_has_dnsmasq(fbn_context *c)
{
        struct networkmanager found;

        return networkmanager_find(c, &found) && streq(found.mode, "dnsmasq");
}

int networkmanager_reload(fbn_context *c)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        struct bus bus = {0};
        int r = dbus_open(c, &bus);

        if (r < 0)
                return r;
        r = bus.call_method(bus.connection, NAME, "/org/freedesktop/NetworkManager", NAME, "Reload", &error, NULL, "u", RELOAD_DNS);
        if (r < 0)
                r = dbus_fail(c, &bus, r, &error, "NetworkManager does not start its dnsmasq anew");
        dbus_close(&bus);
        return MIN(r, 0);
}
