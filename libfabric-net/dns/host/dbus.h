/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_HOST_DBUS_H
#define DNS_HOST_DBUS_H

/* sd-bus behind a table, so that only hosts with systemd-resolved need libsystemd. */
#include "base/context.h"

#include <systemd/sd-bus.h>

#define BUS_FUNCTIONS(X)                                                                                                             \
        X(open_system) X(set_method_call_timeout) X(flush_close_unref) X(call_method) X(call) X(get_property) X(error_free)          \
        X(match_signal) X(get_fd) X(get_events) X(get_timeout) X(process) X(message_new_method_call) X(message_append)               \
        X(message_append_array) X(message_open_container) X(message_close_container) X(message_read) X(message_read_array)           \
        X(message_enter_container) X(message_exit_container) X(message_unref)

struct bus {
        void *library;
        sd_bus *connection;
#define BUS_MEMBER(name) __typeof__(sd_bus_##name) *name;
        BUS_FUNCTIONS(BUS_MEMBER)
#undef BUS_MEMBER
};

/* Connect to the system bus; calls wait 5 s at most. -FBN_EUNSUPPORTED without libsystemd, -FBN_EUNAVAILABLE without a bus. */
int dbus_open(fbn_context *c, struct bus *ret_bus);
void dbus_close(struct bus *bus);

/* Record what the other side, or the bus, said; r is -errno. Frees error. */
int dbus_fail(fbn_context *c, const struct bus *bus, int r, sd_bus_error *error, const char *what);

#endif
