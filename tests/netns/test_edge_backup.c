/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backups over real ssh and rsync, from a router's namespace to that of a NAS. The key may read one folder there and nothing else. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/edge.h>
#include <limits.h>
#include <sys/stat.h>

#define CONFIG "/run/router/conf/config.xml"
#define FOLDER "/run/nas/backups"
#define KEY "/run/nas/backup.key"

static char host_key[512];

static fbn_backup backup(void)
{
        return (fbn_backup){.size = sizeof(fbn_backup), .host = "192.0.2.1", .path = "config.xml", .private_key = KEY, .host_key = host_key, .folder = FOLDER};
}

static void write_config(const char *text)
{
        command("printf '%%s' '%s' > " CONFIG, text);
}

static fbn_backup_state state(fbn_context *c)
{
        fbn_backup_state state;

        assert_int_equal(fbn_backup_state_get(c, FOLDER, &state), 0);
        return state;
}

static void newest(fbn_context *c, char *path)
{
        snprintf(path, PATH_MAX, "%s/%s", FOLDER, state(c).newest);
}

/* The router: sshd, a key that reads below conf, another one of the administrator's. */
static int start(void **ignored)
{
        char *text;

        command("mkdir -p /run/sshd /run/router/conf && mkdir -m 700 /run/nas");
        namespace_new("router");
        namespace_new("nas");
        namespace_join("router", "lan0", "192.0.2.1/24", "nas", "eth0", "192.0.2.2/24");
        command("ssh-keygen -q -t ed25519 -N '' -f /run/router/host_key && ssh-keygen -q -t ed25519 -N '' -f " KEY
                " && ssh-keygen -q -t ed25519 -N '' -f /run/nas/admin.key && ssh-keygen -q -t ed25519 -N '' -f /run/nas/stranger.key");
        command("{ printf 'restrict,command=\"rrsync -ro /run/router/conf\" '; cat " KEY ".pub; cat /run/nas/admin.key.pub; } > /run/router/authorized_keys");
        command("ip netns exec router /usr/sbin/sshd -f /dev/null -h /run/router/host_key -o AuthorizedKeysFile=/run/router/authorized_keys "
                "-o StrictModes=no -o UsePAM=no -o PermitRootLogin=prohibit-password -o PidFile=/run/router/sshd.pid -o ListenAddress=192.0.2.1 -o 'Subsystem sftp internal-sftp'");
        command_until("ip netns exec nas ssh-keyscan -t ed25519 192.0.2.1 2>/dev/null | grep -q ed25519");
        text = command_output("cut -d' ' -f1,2 /run/router/host_key.pub");
        snprintf(host_key, sizeof(host_key), "%.*s", (int)strcspn(text, "\n"), text);
        free(text);
        return 0;
}

static int empty_folder(void **ignored)
{
        write_config("<pfsense><version>22.9</version></pfsense>");
        return command_try("rm -rf " FOLDER);
}

static void only_what_changed_becomes_a_generation(void **ignored)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("nas");
        fbn_backup what = backup();
        char first[PATH_MAX], same[PATH_MAX], second[PATH_MAX];
        struct stat file;

        assert_int_equal(fbn_backup_run(c, &what), 1);
        newest(c, first);
        command("cmp " CONFIG " %s", first);
        assert_int_equal(stat(first, &file), 0);
        assert_int_equal(file.st_mode & 0777, 0600);
        assert_int_equal(fbn_backup_run(c, &what), 0);
        newest(c, same);
        assert_string_equal(same, first);
        write_config("<pfsense><version>23.0</version></pfsense>");
        assert_int_equal(fbn_backup_run(c, &what), 1);
        newest(c, second);
        assert_true(strcmp(second, first) > 0);
        command("cmp " CONFIG " %s && ! cmp -s " CONFIG " %s", second, first);
        assert_int_equal(state(c).generations, 2);
        assert_string_equal(state(c).newest, second + strlen(FOLDER) + 1);
        assert_true(state(c).succeeded_at >= state(c).newest_at && state(c).failed_at == 0);
        assert_int_equal(command_try("test -e " FOLDER "/.incoming"), 1);
}

/* The way back of examples/backup/README.md. */
static void a_generation_is_put_back(void **ignored)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("nas");
        fbn_backup what = backup();
        char first[PATH_MAX], second[PATH_MAX], third[PATH_MAX];

        assert_int_equal(fbn_backup_run(c, &what), 1);
        newest(c, first);
        write_config("<pfsense><version>23.0</version></pfsense>");
        assert_int_equal(fbn_backup_run(c, &what), 1);
        newest(c, second);
        command("ip netns exec nas scp -q -i /run/nas/admin.key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null %s root@192.0.2.1:" CONFIG, first);
        command("cmp " CONFIG " %s && ! cmp -s " CONFIG " %s", first, second);
        assert_int_equal(fbn_backup_run(c, &what), 1);
        newest(c, third);
        command("cmp %s %s", first, third);
        assert_int_equal(state(c).generations, 3);
        assert_int_equal(command_try("ip netns exec nas scp -q -i " KEY " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null %s root@192.0.2.1:" CONFIG
                                     " 2>/dev/null", second) == 0, 0); /* the key that reads cannot do it */
        command("cmp " CONFIG " %s", first);
}

static void the_oldest_go_and_what_is_not_ours_stays(void **ignored)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("nas");
        fbn_backup what = backup();
        char text[64];

        what.keep = 3;
        for (int i = 0; i < 5; i++) {
                snprintf(text, sizeof(text), "<pfsense>%d</pfsense>", i);
                write_config(text);
                assert_int_equal(fbn_backup_run(c, &what), 1);
                command("touch " FOLDER "/notes.txt");
        }
        assert_int_equal(state(c).generations, 3);
        command("test -e " FOLDER "/notes.txt && grep -l '>2<' " FOLDER "/*.xml >/dev/null && ! grep -l '>1<' " FOLDER "/*.xml");
}

static void damaged_files_are_not_kept(void **ignored)
{
        static const struct {
                const char *text, *message;
        } cases[] = {{"<pfsense><version>", "192.0.2.1: config.xml: line 1: "}, {"", "192.0.2.1: config.xml: it is empty"}};
        FBN_CLEANUP(fbn_context) c = namespace_context("nas");
        fbn_backup what = backup();
        char good[PATH_MAX];

        assert_int_equal(fbn_backup_run(c, &what), 1);
        newest(c, good);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                write_config(cases[i].text);
                assert_failed(c, fbn_backup_run(c, &what), FBN_EINVAL, cases[i].message);
                assert_int_equal(state(c).generations, 1);
                assert_true(state(c).failed_at >= state(c).succeeded_at && state(c).succeeded_at > 0);
                assert_non_null(strstr(state(c).failure, "config.xml: "));
        }
        command("grep -q 22.9 %s", good);
}

static void strangers_are_not_spoken_to(void **ignored)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("nas");
        fbn_backup what = backup();
        char *other = command_output("cut -d' ' -f1,2 /run/nas/stranger.key.pub");

        other[strcspn(other, "\n")] = 0;
        what.host_key = other;
        assert_failed(c, fbn_backup_run(c, &what), FBN_EUNAVAILABLE, "its key is not the declared one");
        what = backup();
        what.private_key = "/run/nas/stranger.key";
        assert_failed(c, fbn_backup_run(c, &what), FBN_EUNAVAILABLE, "our key is not in its authorized_keys");
        what = backup();
        what.path = "other.xml";
        assert_failed(c, fbn_backup_run(c, &what), FBN_EUNAVAILABLE, "No such file");
        assert_int_equal(state(c).generations, 0);
        free(other);
}

static void the_key_reads_and_nothing_else(void **ignored)
{
        const char *ssh = "ssh -i " KEY " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o LogLevel=ERROR";

        command("ip netns exec nas %s root@192.0.2.1 touch /run/router/touched 2>/dev/null; ! test -e /run/router/touched", ssh);
        command("! ip netns exec nas rsync -e '%s' /etc/hostname root@192.0.2.1:stolen 2>/dev/null && ! test -e /run/router/conf/stolen", ssh);
        command("! ip netns exec nas rsync -e '%s' root@192.0.2.1:../authorized_keys /run/nas/stolen 2>/dev/null && ! test -e /run/nas/stolen", ssh);
}

static void a_silent_router_ends_in_time(void **ignored)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("nas");
        fbn_backup what = backup();
        char good[PATH_MAX];

        assert_int_equal(fbn_backup_run(c, &what), 1);
        newest(c, good);
        command("ip -n router link set lan0 down");
        what.timeout_s = 2;
        assert_failed(c, fbn_backup_run(c, &what), FBN_ETIMEOUT, "'rsync' did not end within 2 s");
        command("ip -n router link set lan0 up");
        command_until("ip netns exec nas ping -c 1 -W 1 192.0.2.1 >/dev/null");
        command("test -s %s", good);
        command_until("test -z \"$(ip netns pids nas)\"");
}

static void what_a_killed_run_left_is_in_nobodys_way(void **ignored)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("nas");
        fbn_backup what = backup();

        command("mkdir -m 700 -p " FOLDER "/.incoming && echo half > " FOLDER "/.incoming/fetched");
        assert_int_equal(fbn_backup_run(c, &what), 1);
        assert_int_equal(state(c).generations, 1);
        command("! grep -r half " FOLDER);
}

static void two_runs_do_not_meet(void **ignored)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("nas");
        fbn_backup what = backup();

        command("mkdir -m 700 " FOLDER);
        command("flock " FOLDER " sleep 20 & echo $! > /run/nas/holder; sleep 0.5");
        assert_failed(c, fbn_backup_run(c, &what), FBN_EEXIST, "another run is at work");
        command("kill $(cat /run/nas/holder); pkill -P $(cat /run/nas/holder); true");
}

static void wrong_input_is_named(void **ignored)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("nas");
        fbn_backup what = backup();
        fbn_backup_state have;

        what.host = "-oProxyCommand=id";
        assert_failed(c, fbn_backup_run(c, &what), FBN_EINVAL, "host '-oProxyCommand=id': a name or an address");
        what = backup();
        what.path = "a b";
        assert_failed(c, fbn_backup_run(c, &what), FBN_EINVAL, "path 'a b'");
        what = backup();
        what.host_key = "AAAA";
        assert_failed(c, fbn_backup_run(c, &what), FBN_EINVAL, "ssh-keyscan 192.0.2.1");
        what = backup();
        what.folder = "backups";
        assert_int_equal(fbn_backup_run(c, &what), -FBN_EINVAL);
        what = backup();
        what.private_key = "/run/nas/missing.key";
        assert_int_equal(fbn_backup_run(c, &what), -FBN_ENOENT);
        command("install -m 600 /dev/null /run/nas/locked.key && printf '\\0GITCRYPT\\0xxxxxxxxxxxx' > /run/nas/locked.key");
        what.private_key = "/run/nas/locked.key";
        assert_int_equal(fbn_backup_run(c, &what), -FBN_ELOCKED);
        assert_int_equal(fbn_backup_state_get(c, FOLDER, &have), -FBN_ENOENT);
        assert_int_equal(command_try("test -e " FOLDER), 1);
}

/* As documented: the administrator's key writes a generation back. */
static void a_generation_is_restored(void **ignored)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("nas");
        fbn_backup what = backup();
        char good[PATH_MAX];

        assert_int_equal(fbn_backup_run(c, &what), 1);
        newest(c, good);
        write_config("<pfsense>broken</pfsense>");
        command("ip netns exec nas rsync -e 'ssh -i /run/nas/admin.key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR' %s "
                "root@192.0.2.1:" CONFIG,
                good);
        command("cmp " CONFIG " %s", good);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(only_what_changed_becomes_a_generation, empty_folder),
                cmocka_unit_test_setup(a_generation_is_put_back, empty_folder),
                cmocka_unit_test_setup(the_oldest_go_and_what_is_not_ours_stays, empty_folder),
                cmocka_unit_test_setup(damaged_files_are_not_kept, empty_folder),
                cmocka_unit_test_setup(strangers_are_not_spoken_to, empty_folder),
                cmocka_unit_test_setup(the_key_reads_and_nothing_else, empty_folder),
                cmocka_unit_test_setup(a_silent_router_ends_in_time, empty_folder),
                cmocka_unit_test_setup(what_a_killed_run_left_is_in_nobodys_way, empty_folder),
                cmocka_unit_test_setup(two_runs_do_not_meet, empty_folder),
                cmocka_unit_test_setup(wrong_input_is_named, empty_folder),
                cmocka_unit_test_setup(a_generation_is_restored, empty_folder),
        };

        namespace_sandbox();
        return cmocka_run_group_tests_name("edge_backup", tests, start, NULL);
}
