/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Applying on probation: what confirms it, what undoes it, and who wins; a boot; one at a time; the lock-out over ssh. */
#include "unit/test.h"

#include <sys/mman.h>

#include "netns/fabric_states.h"

#define BOOT "/run/boot" /* what is read instead of the kernel's boot id, once it is there */

static fbn_context *c;

static int open_boot(const char *path, int flags, mode_t mode)
{
        return streq(path, "/proc/sys/kernel/random/boot_id") && access(BOOT, F_OK) == 0 ? open(BOOT, flags, mode) : acted_open(path, flags, mode);
}

static int start(void **state)
{
        return states_start(state) < 0 ? -1 : fbn_context_new(NULL, &c);
}

static int stop(void **state)
{
        fbn_context_unref(c);
        return states_stop(state);
}

static int apply_within(char which, unsigned seconds)
{
        return host_go(c, &(struct operation){"", 'A', which, false, seconds, NULL});
}

static fbn_outcome last_outcome(void)
{
        FBN_CLEANUP(fbn_generations) generations = NULL;

        assert_true(fbn_fabric_history(c, NULL, &generations) > 0);
        return fbn_generations_at(generations, 0)->outcome;
}

static void wait_outcome(fbn_outcome outcome, int seconds)
{
        for (int i = 0; i < seconds * 10 && last_outcome() != outcome; i++)
                poll(NULL, 0, 100);
        assert_int_equal(last_outcome(), outcome);
}

static void confirmed_it_stays(void **state)
{
        host_apply('A');
        assert_true(apply_within('B', 2) > 0);
        assert_int_equal(last_outcome(), FBN_OUTCOME_OPEN);
        assert_failed(c, apply_within('C', 0), FBN_ECONFLICT, "waits to be confirmed, for another");
        assert_ok(c, fbn_fabric_confirm(c, NULL));
        assert_failed(c, fbn_fabric_confirm(c, NULL), FBN_ENOENT, "nothing waits to be confirmed: generation ");
        poll(NULL, 0, 3000); /* past the deadline: the watchdog has looked */
        assert_int_equal(last_outcome(), FBN_OUTCOME_CONFIRMED);
        states_assert('B');
}

static void unconfirmed_it_goes_although_its_process_and_its_terminal_died(void **state)
{
        pid_t child;

        host_apply('B');
        child = fork();
        if (child == 0) {
                setsid();
                _exit(apply_within('C', 3) > 0 ? 0 : 1);
        }
        assert_int_equal(sandbox_wait(child), 0);
        kill(-child, SIGHUP); /* the session's processes, as a terminal that hangs up */
        assert_int_equal(last_outcome(), FBN_OUTCOME_OPEN);
        states_assert('C');
        wait_outcome(FBN_OUTCOME_UNDONE, 30);
        states_assert('B');
        assert_failed(c, fbn_fabric_confirm(c, NULL), FBN_EUNDONE, "too late: generation ");
}

static void killed_midway_it_is_undone_at_the_deadline(void **state)
{
        const struct operation change = {"change", 'B', 'C', false, 2, NULL};

        host_apply('B');
        memset(seen, 0, sizeof(*seen));
        acting.after = "done address";
        assert_int_equal(host_run(&change, host_go), 128 + SIGKILL);
        acting.after = NULL;
        memset(seen, 0, sizeof(*seen)); /* the watchdog is that process's child */
        wait_outcome(FBN_OUTCOME_UNDONE, 30);
        states_assert('B');
}

static void rolled_back_first_it_cannot_be_confirmed(void **state)
{
        host_apply('B');
        assert_true(apply_within('C', 60) > 0);
        assert_ok(c, fbn_fabric_rollback(c, 0, NULL, NULL));
        states_assert('B');
        assert_failed(c, fbn_fabric_confirm(c, NULL), FBN_EUNDONE, "rolled it back");
}

static void a_boot_counts_as_not_confirmed(void **state)
{
        host_apply('B');
        assert_true(apply_within('C', 60) > 0);
        command("echo 11111111-1111-1111-1111-111111111111 > " BOOT);
        assert_failed(c, fbn_fabric_confirm(c, NULL), FBN_EUNDONE, "before the machine was started anew");
        states_assert('B');
        command("rm " BOOT);
}

/* A boot takes all that is the kernel's: here the links go, and the settings are the kernel's own again. */
static void a_boot_brings_back_what_was_confirmed(void **state)
{
        FBN_CLEANUP(fbn_plan) done = NULL;

        host_apply('A');
        host_apply('B');
        command("ip link delete wga && nft delete table inet fabricnet && sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.all.rp_filter=0 && mv "
                "/run/fabric /run/elsewhere && echo 22222222-2222-2222-2222-222222222222 > " BOOT);
        command_until("! test -e /run/wireguard/wga.sock"); /* its daemon ends by itself */
        if (fbn_fabric_recover(c, NULL, &done) != 1)
                fail_msg("%s", fbn_context_error(c));
        command("mv /run/elsewhere /run/fabric");
        assert_true(fbn_plan_count(done) > 5);
        states_assert('B');
        assert_int_equal(fbn_fabric_recover(c, NULL, NULL), 0);
        command("rm " BOOT);
}

static void one_at_a_time(void **state)
{
        int fd = open("/var/lib/fabricnet/lock", O_RDWR);
        char *mode = command_output("stat -c '%%a %%U' /var/lib/fabricnet /var/lib/fabricnet/*.keys | sort -u");

        host_apply('B');
        command("flock -w 5 /var/lib/fabricnet/lock sh -c 'echo process 7, by somebody > /var/lib/fabricnet/lock; touch /run/held; sleep 2' &");
        command_until("test -e /run/held");
        assert_failed(c, apply_within('C', 0), FBN_ECONFLICT, "process 7, by somebody");
        command_until("flock -n /var/lib/fabricnet/lock true");
        assert_true(apply_within('C', 0) > 0);
        assert_string_equal(mode, "600 root\n755 root\n");
        free(mode);
        close(fd);
}

static void generations_can_be_gone_back_to(void **state)
{
        FBN_CLEANUP(fbn_generations) generations = NULL;
        uint64_t b;

        host_apply('A');
        host_apply('B');
        assert_true(fbn_fabric_history(c, NULL, &generations) > 1);
        b = fbn_generations_at(generations, 0)->number;
        assert_string_equal(fbn_generations_at(generations, 0)->verb, "apply");
        assert_string_equal(fbn_generations_at(generations, 0)->fabric, "t");
        assert_true(fbn_generations_at(generations, 0)->n_changes > 5 && fbn_generations_at(generations, 0)->by && fbn_generations_at(generations, 0)->ended > 0);
        host_apply('C');
        host_apply('A');
        assert_true(fbn_fabric_rollback(c, b, NULL, NULL) > 0);
        states_assert('B');
        assert_true(fbn_fabric_rollback(c, 0, NULL, NULL) > 0);
        states_assert('A');
        assert_failed(c, fbn_fabric_rollback(c, 100000, NULL, NULL), FBN_ENOENT, "there is no generation 100000 here");
}

static void only_the_confirmed_file_is_applied_at_boot(void **state)
{
        FBN_CLEANUP(fbn_fabric) b = host_fabric(c, 'B');
        FBN_CLEANUP(fbn_fabric) other = host_fabric(c, 'C');

        host_apply('B');
        assert_ok(c, fbn_fabric_apply(c, b, FBN_OPTIONS(fbn_fabric_options, .host = "h", .unchanged = true), NULL));
        assert_failed(c, fbn_fabric_apply(c, other, FBN_OPTIONS(fbn_fabric_options, .host = "h", .unchanged = true), NULL), FBN_ESTALE,
                      "not the file that was confirmed last");
        states_assert('B');
}

static void what_others_made_is_taken_over_only_when_told_and_given_back(void **state)
{
        FBN_CLEANUP(fbn_fabric) b = host_fabric(c, 'B');
        char *before, *now;

        host_apply('A');
        command("wireguard-go wga && wg set wga listen-port 51820 private-key /run/fabric/k4.key && ip address add 10.9.0.1/24 dev wga && ip link set wga mtu 1400 up && "
                "ip route add 192.168.8.0/24 dev wga");
        before = host_observe();
        assert_failed(c, fbn_fabric_apply(c, b, FBN_OPTIONS(fbn_fabric_options, .host = "h"), NULL), FBN_ECONFLICT, "somebody else's");
        assert_true(fbn_fabric_apply(c, b, FBN_OPTIONS(fbn_fabric_options, .host = "h", .adopt = true), NULL) > 0);
        command("ip -d -o link show wga | grep -q 'fabricnet:t' && ip route show 192.168.8.0/24 | grep -q 'proto 251' && wg show wga peers | wc -l | grep -qx 2");
        assert_ok(c, fbn_fabric_apply(c, b, FBN_OPTIONS(fbn_fabric_options, .host = "h"), NULL));
        assert_true(fbn_fabric_rollback(c, 0, NULL, NULL) > 0);
        now = host_observe();
        host_assert_same(now, before);
        free(now);
        free(before);
        command("ip link delete wga");
}

static void no_secret_is_in_a_journal(void **state)
{
        host_apply('A');
        host_apply('C');
        command("cd /run/fabric && for f in *.key *.psk; do ! grep -rqF -- \"$(cat $f)\" /var/lib/fabricnet || exit 1; done");
}

/* An sshd in a namespace, a client in another one; the apply over it makes the prefix between them lie behind a tunnel. */
static void an_apply_that_locks_its_maker_out_comes_back(void **state)
{
        char *client_key;

        if (access(FABRICNET, X_OK) < 0)
                skip(); /* a build without the command */
        host_apply('A');
        command("mkdir -p -m 755 /run/sshd /run/ssh && ssh-keygen -q -t ed25519 -N '' -f /run/ssh/host && ssh-keygen -q -t ed25519 -N '' -f /run/ssh/client && "
                "cp /run/ssh/client.pub /run/ssh/authorized && chmod 600 /run/ssh/authorized");
        command("ip netns add client && ip link set far netns client && ip -n client address add 192.0.2.77/24 dev far && ip -n client link set far up && "
                "/usr/sbin/sshd -o HostKey=/run/ssh/host -o AuthorizedKeysFile=/run/ssh/authorized -o PidFile=/run/ssh/pid -o StrictModes=no -o UsePAM=no "
                "-o PermitRootLogin=yes -f /dev/null -p 2222");
#define SSH "ip netns exec client ssh -F none -i /run/ssh/client -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=2 " \
            "-o ServerAliveInterval=1 -o ServerAliveCountMax=2 -o LogLevel=ERROR -p 2222 root@192.0.2.1 "
        command_until(SSH "true");
        client_key = command_output("wg genkey | wg pubkey | tr -d '\\n'");
        command("cat > /run/fabric/cut.json <<'EOF'\n"
                "{\"fabric\": 1, \"name\": \"t\", \"prefixes\": {\"wg\": \"10.9.0.0/24\", \"mine\": {\"prefix\": \"192.0.2.64/26\", \"at\": \"x\"}}, \"hosts\": {\"h\": "
                "{\"interfaces\": {\"eth0\": {\"wan\": true}}, \"forwarding\": true}, \"x\": {\"forwarding\": true}}, \"wireguard\": {\"s\": {\"prefix\": \"wg\", \"members\": "
                "{\"h\": {\"address\": \"10.9.0.1\", \"interface\": \"wga\", \"endpoint\": \"203.0.113.1:51820\", \"public_key\": \"%s\", \"private_key\": {\"file\": "
                "\"k0.key\"}}, \"x\": {\"address\": \"10.9.0.2\", \"announces\": [\"mine\"], \"public_key\": \"%s\"}}}}}\nEOF",
                host_keys[0], client_key);
        free(client_key);
        assert_int_not_equal(command_try("timeout 30 " SSH FABRICNET " apply -f /run/fabric/cut.json --host h --force --confirm-within 8s >/run/out 2>&1 || exit 9"), 0);
        assert_int_equal(last_outcome(), FBN_OUTCOME_OPEN);
        assert_int_not_equal(command_try("timeout 3 " SSH "true 2>/dev/null"), 0);
        command_until(SSH "true 2>/dev/null");
        assert_int_equal(last_outcome(), FBN_OUTCOME_UNDONE);
        command("rm /run/fabric/cut.json && kill $(cat /run/ssh/pid) && ip -n client link set far netns 1 && ip netns delete client && ip link set far up");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(confirmed_it_stays),
                cmocka_unit_test(unconfirmed_it_goes_although_its_process_and_its_terminal_died),
                cmocka_unit_test(killed_midway_it_is_undone_at_the_deadline),
                cmocka_unit_test(rolled_back_first_it_cannot_be_confirmed),
                cmocka_unit_test(one_at_a_time),
                cmocka_unit_test(generations_can_be_gone_back_to),
                cmocka_unit_test(only_the_confirmed_file_is_applied_at_boot),
                cmocka_unit_test(what_others_made_is_taken_over_only_when_told_and_given_back),
                cmocka_unit_test(no_secret_is_in_a_journal),
                cmocka_unit_test(an_apply_that_locks_its_maker_out_comes_back),
                cmocka_unit_test(a_boot_counts_as_not_confirmed), /* last: what was before us is forgotten with a boot, and these are none */
                cmocka_unit_test(a_boot_brings_back_what_was_confirmed),
        };
        fbn_system_calls calls = {.size = sizeof(calls), .open = open_boot};

        namespace_sandbox();
        host_set_tables();
        fbn_set_tables(NULL, &calls);
        return cmocka_run_group_tests(tests, start, stop);
}
