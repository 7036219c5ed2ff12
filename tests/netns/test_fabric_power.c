/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The power goes before each call that changes the files of the state directory, in an apply and in a rollback: what was not synced is lost, and so is
 * all that is the kernel's. Then the machine starts: recover brings the state before or the one that was wanted. */
#include "unit/test.h"

#include <sys/mman.h>

#include "netns/fabric_states.h"
#include "netns/power.h"

#define BOOT "/run/boot" /* what is read instead of the kernel's boot id */

static unsigned boots;

static int open_boot(const char *path, int flags, mode_t mode)
{
        return streq(path, "/proc/sys/kernel/random/boot_id") && access(BOOT, F_OK) == 0 ? open(BOOT, flags, mode) : power_open(path, flags, mode);
}

/* Nothing of ours is in the kernel any more, and its settings are its own. */
static void start_anew(void)
{
        command("for i in wga wgb wgc wgd wge; do ip link delete $i 2>/dev/null; done; nft delete table inet fabricnet 2>/dev/null; sysctl -qw net.ipv4.ip_forward=0 "
                "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0; echo 11111111-1111-1111-1111-%012u > " BOOT
                "; while ls /run/wireguard/*.sock >/dev/null 2>&1; do sleep 0.01; done",
                ++boots);
}

static void fresh(const struct operation *operation)
{
        start_anew();
        command("rm -rf " POWER_FOLDER);
        memset(&power, 0, sizeof(power));
        if (operation->rollback)
                host_apply(operation->to);
        host_apply(operation->from);
}

static int recover(fbn_context *c, const struct operation *operation)
{
        int r = fbn_fabric_recover(c, NULL, NULL);

        return MIN(r, 0);
}

static void judge(const struct operation *operation, size_t at, size_t *ret_new)
{
        int code = host_run(operation, recover);
        char *now = host_observe();
        const char *verdict = states_verdict(now, operation);

        if (code != 0 || streq(verdict, "between")) {
                states_show_difference(now, operation);
                fail_msg("%s: the power went at call %zu (%s), names %s: recover says %d, the state is %s", operation->name, at, seen->call,
                         power.keep_names ? "stay" : "go", code, verdict);
        }
        *ret_new += streq(verdict, "new");
        assert_int_equal(host_run(operation, recover), 0);
        free(now);
}

static void cut_everywhere(const struct operation *operation)
{
        size_t points = 0, wanted = 0;

        for (int names = 0; names < (operation->to == 'A' || operation->rollback ? 1 : 2); names++)
                for (size_t at = 1;; at++) {
                        int code;

                        fresh(operation);
                        power.at = at;
                        power.keep_names = names;
                        code = host_run(operation, host_go);
                        power.at = 0;
                        assert_true(code == 0 || code == 128 + SIGKILL);
                        start_anew();
                        judge(operation, at, &wanted);
                        points++;
                        if (code == 0) { /* there is no such call any more: it said that it was done, so the new state has to last */
                                assert_true(wanted > (size_t)names);
                                break;
                        }
                }
        print_message("%s: the power went at %zu points, %zu of them came to the new state\n", operation->name, points, wanted);
        assert_true(points > 15);
}

static void creating(void **state) { cut_everywhere(&(struct operation){"create", 'A', 'B', false, 0, NULL}); }
static void changing(void **state) { cut_everywhere(&(struct operation){"change", 'B', 'C', false, 0, NULL}); }
static void deleting(void **state) { cut_everywhere(&(struct operation){"delete", 'C', 'A', false, 0, NULL}); }
static void rolling_back(void **state) { cut_everywhere(&(struct operation){"rollback", 'C', 'B', true, 0, NULL}); }

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(creating),
                cmocka_unit_test(changing),
                cmocka_unit_test(deleting),
                cmocka_unit_test(rolling_back),
        };
        const fbn_system_calls calls = {.size = sizeof(calls), .open = open_boot, .write = power_write, .fsync = power_fsync, .fdatasync = power_fdatasync,
                                        .unlink = power_unlink};

        namespace_sandbox();
        host_set_tables();
        fbn_set_tables(NULL, &calls);
        return cmocka_run_group_tests(tests, states_start, states_stop);
}
