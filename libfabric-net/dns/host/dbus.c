/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/dbus.h"

#include <errno.h>

#define CALL_TIMEOUT (5 * UINT64_C(1000000)) /* microseconds */

#if FBN_DLOPEN
#include <dlfcn.h>

static int functions_find(fbn_context *c, struct bus *bus)
{
        bus->library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!bus->library)
                return fail(c, FBN_EUNSUPPORTED, "libsystemd is not installed: apt-get install libsystemd0");
#define BUS_FIND(name)                                                                      \
        bus->name = (__typeof__(bus->name))dlsym(bus->library, "sd_bus_" #name);            \
        if (!bus->name)                                                                     \
                return fail(c, FBN_EUNSUPPORTED, "libsystemd is too old: it has no sd_bus_" #name "(); 246 or later is needed");
        BUS_FUNCTIONS(BUS_FIND)
        return 0;
}

static void library_close(struct bus *bus)
{
        if (bus->library)
                dlclose(bus->library);
}
#else
static int functions_find(fbn_context *c, struct bus *bus)
{
        (void)c;
#define BUS_TAKE(name) bus->name = sd_bus_##name;
        BUS_FUNCTIONS(BUS_TAKE)
        return 0;
}

static void library_close(struct bus *bus)
{
        (void)bus;
}
#endif

int dbus_open(fbn_context *c, struct bus *ret_bus)
{
        struct bus bus = {0};
        int r = functions_find(c, &bus);

        if (r == 0) {
                r = bus.open_system(&bus.connection);
                if (r < 0)
                        r = fail(c, FBN_EUNAVAILABLE, "the system's D-Bus cannot be reached: %s", strerror(-r));
                else
                        r = bus.set_method_call_timeout(bus.connection, CALL_TIMEOUT) < 0 ? fail_memory(c) : 0;
        }
        if (r < 0)
                dbus_close(&bus);
        else
                *ret_bus = bus;
        return r;
}

void dbus_close(struct bus *bus)
{
        if (bus->connection)
                bus->flush_close_unref(bus->connection);
        library_close(bus);
        *bus = (struct bus){0};
}

int dbus_fail(fbn_context *c, const struct bus *bus, int r, sd_bus_error *error, const char *what)
{
        fbn_error code = r == -ETIMEDOUT ? FBN_ETIMEOUT : r == -EACCES || r == -EPERM ? FBN_EPERM : r == -ENOMEM ? FBN_ENOMEM : FBN_EUNAVAILABLE;

        r = fail(c, code, "%s: %s", what, error->message ? error->message : strerror(-r));
        bus->error_free(error);
        return r;
}
