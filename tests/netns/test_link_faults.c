/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links, addresses, routes, rules and settings while memory or a system call fails: for each N, the Nth call of one kind fails once. The
 * apply must then fail in words or succeed, leak nothing, and the next one must bring the wanted state about. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/route.h>
#include <fabricnet/sysctl.h>
#include <fcntl.h>

enum fault { ALLOCATION, SENDING, RECEIVING, OPENING, READING, WRITING, CANCELLING, FAULTS };

static const char *const names[] = {"allocation", "sending", "receiving", "opening", "reading", "writing", "cancelling"};
static enum fault armed = FAULTS;
static size_t countdown;
static long living; /* blocks */

static bool strikes(enum fault fault)
{
        return armed == fault && countdown > 0 && --countdown == 0;
}

static void *faulty_malloc(size_t bytes)
{
        void *memory = strikes(ALLOCATION) ? NULL : malloc(bytes);

        living += memory != NULL;
        return memory;
}

static void *faulty_realloc(void *memory, size_t bytes)
{
        void *grown = strikes(ALLOCATION) ? NULL : realloc(memory, bytes);

        living += !memory && grown;
        return grown;
}

static void counting_free(void *memory)
{
        living -= memory != NULL;
        free(memory);
}

#define STRIKE(fault, number) \
        if (strikes(fault))   \
                return errno = (number), -1

static fbn_context *canceled; /* once the message at which CANCELLING strikes was sent */

static ssize_t faulty_sendmsg(int fd, const struct msghdr *message, int flags)
{
        ssize_t sent;

        STRIKE(SENDING, ENOBUFS);
        sent = sendmsg(fd, message, flags);
        if (strikes(CANCELLING))
                fbn_context_cancel(canceled);
        return sent;
}

static ssize_t faulty_recvmsg(int fd, struct msghdr *message, int flags)
{
        STRIKE(RECEIVING, ENOBUFS);
        return recvmsg(fd, message, flags);
}

static int faulty_open(const char *path, int flags, mode_t mode)
{
        STRIKE(OPENING, EMFILE);
        return open(path, flags, mode);
}

static ssize_t faulty_read(int fd, void *buffer, size_t count)
{
        STRIKE(READING, EIO);
        return read(fd, buffer, count);
}

static ssize_t faulty_write(int fd, const void *buffer, size_t count)
{
        STRIKE(WRITING, EIO);
        return write(fd, buffer, count);
}

static int install(void **state)
{
        const fbn_allocator allocator = {sizeof(allocator), faulty_malloc, faulty_realloc, counting_free};
        const fbn_system_calls calls = {.size = sizeof(calls), .sendmsg = faulty_sendmsg, .recvmsg = faulty_recvmsg, .open = faulty_open,
                                        .read = faulty_read, .write = faulty_write};

        return fbn_set_tables(&allocator, &calls);
}

static fbn_prefix prefix_of(const char *text)
{
        fbn_prefix prefix = {0};

        fbn_prefix_parse(text, &prefix);
        return prefix;
}

static int apply_link(fbn_context *c)
{
        return fbn_link_apply(c, FBN_OPTIONS(fbn_link, .name = "lan", .kind = "bridge", .alias = "fabricnet:home", .mtu = 1400, .state = FBN_LINK_UP), NULL, NULL);
}

static int apply_addresses(fbn_context *c)
{
        FBN_CLEANUP(fbn_link_addresses) want = NULL;
        int r = fbn_link_addresses_new(c, &want);

        if (r == 0)
                r = fbn_link_addresses_add(c, want, FBN_OPTIONS(fbn_link_address, .device = "wan", .address = prefix_of("10.5.0.1/24")));
        if (r == 0)
                r = fbn_link_addresses_add(c, want, FBN_OPTIONS(fbn_link_address, .device = "wan", .address = prefix_of("fd05::1/64")));
        return r < 0 ? r : fbn_link_address_apply(c, "wan", want, NULL, NULL);
}

static int apply_routes(fbn_context *c)
{
        FBN_CLEANUP(fbn_routes) want = NULL;
        int r = fbn_routes_new(c, &want);

        for (unsigned i = 0; r == 0 && i < 20; i++)
                r = fbn_routes_add(c, want, FBN_OPTIONS(fbn_route, .device = "wan", .destination = {{AF_INET, {20, 0, (uint8_t)i}}, 24}));
        return r < 0 ? r : fbn_route_apply(c, want, NULL, NULL);
}

static int apply_rules(fbn_context *c)
{
        FBN_CLEANUP(fbn_rules) want = NULL;
        int r = fbn_rules_new(c, &want);

        for (unsigned i = 0; r == 0 && i < 10; i++)
                r = fbn_rules_add(c, want, FBN_OPTIONS(fbn_rule, .family = AF_INET, .priority = 100 + i, .table = 7, .in_device = "wan"));
        return r < 0 ? r : fbn_rule_apply(c, want, NULL, NULL);
}

static int apply_settings(fbn_context *c)
{
        FBN_CLEANUP(fbn_sysctls) want = NULL;
        int r = fbn_sysctls_new(c, &want);

        if (r == 0)
                r = fbn_sysctls_add(c, want, FBN_OPTIONS(fbn_sysctl, .key = "net.ipv4.conf.wan.rp_filter", .value = 2));
        if (r == 0)
                r = fbn_sysctls_add(c, want, FBN_OPTIONS(fbn_sysctl, .key = "net.ipv4.ip_forward", .value = 1));
        return r < 0 ? r : fbn_sysctl_apply(c, want, NULL, NULL);
}

struct work {
        int (*apply)(fbn_context *c);
        const char *undo; /* what makes apply necessary again */
        size_t changes;
};

static fbn_context *context(void)
{
        fbn_context *c = NULL;

        while (fbn_context_new(NULL, &c) < 0)
                ; /* a struck allocation here is not what is asked about */
        return c;
}

/* Whether the fault struck. */
static bool once(const struct work *work, enum fault fault, size_t n)
{
        long before = living;
        fbn_context *c = context();
        bool struck;
        int r;

        armed = fault;
        countdown = n;
        canceled = c;
        r = work->apply(c);
        struck = countdown == 0;
        armed = FAULTS;
        fbn_context_resume(c);
        if (r < 0 && (!*fbn_context_error(c) || fbn_context_error_code(c) != -r))
                fail_msg("%s %zu failed with %d and says '%s'", names[fault], n, r, fbn_context_error(c));
        if (r >= 0 && !struck)
                assert_int_equal(r, work->changes);
        r = work->apply(c);
        if (r < 0)
                fail_msg("after failed %s %zu: %s", names[fault], n, fbn_context_error(c));
        assert_int_equal(work->apply(c), 0);
        fbn_context_unref(c);
        if (living != before)
                fail_msg("%s %zu: %ld blocks leaked", names[fault], n, living - before);
        return struck;
}

static void survive(const struct work *work)
{
        for (enum fault fault = 0; fault < FAULTS; fault++)
                for (size_t n = 1;; n++) {
                        command("%s", work->undo);
                        if (!once(work, fault, n))
                                break;
                        assert_true(n < 500);
                }
}

static int fresh(void **state)
{
        return command_try("ip link add wan type veth peer name far && ip link set wan up && ip link set far up");
}

static int gone(void **state)
{
        return command_try("ip link delete wan");
}

static void links_survive_faults(void **state)
{
        survive(&(struct work){apply_link, "ip link delete lan 2>/dev/null || true", 1});
}

static void addresses_survive_faults(void **state)
{
        survive(&(struct work){apply_addresses, "ip address flush dev wan scope global", 2});
}

static void routes_survive_faults(void **state)
{
        survive(&(struct work){apply_routes, "ip route flush proto 251", 20});
}

static void rules_survive_faults(void **state)
{
        survive(&(struct work){apply_rules, "for i in $(seq 100 109); do ip rule delete pref $i 2>/dev/null; done; true", 10});
}

static void settings_survive_faults(void **state)
{
        survive(&(struct work){apply_settings, "sysctl -qw net.ipv4.conf.wan.rp_filter=0 net.ipv4.ip_forward=0", 2});
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(links_survive_faults, fresh, gone),
                cmocka_unit_test_setup_teardown(addresses_survive_faults, fresh, gone),
                cmocka_unit_test_setup_teardown(routes_survive_faults, fresh, gone),
                cmocka_unit_test_setup_teardown(rules_survive_faults, fresh, gone),
                cmocka_unit_test_setup_teardown(settings_survive_faults, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, install, NULL);
}
