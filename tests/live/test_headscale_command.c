/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command's groups headscale and tailscale, with a real server and daemon. */
#include "unit/test.h"

#include "live/mesh.h"

#include <libgen.h>

static char fabricnet[4096]; /* as it is called, with the server's options */

static int setup(void **state)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_headscale) api = NULL;
        char path[2048] = "";

        assert_true(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
        snprintf(fabricnet, sizeof(fabricnet), "ip netns exec control '%s/../examples/fabricnet/fabricnet' --url " MESH_URL " --ca-file " MESH "/server.pem --api-key " MESH "/api.key",
                 dirname(path));
        mesh_start();
        mesh_host("laptop", 11);
        c = namespace_context("control");
        api = mesh_api(c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        mesh_ghost(c, api, "router", "\"10.1.0.0/24\"");
        return 0;
}

static void nouns_are_lists_and_verbs_change(void **state)
{
        command("%s headscale users add guests", fabricnet);
        command("%s headscale --json users | jq -e 'map(.name) == [\"home\", \"guests\"]'", fabricnet);
        command("%s headscale users rename $(%s --json headscale users | jq -r '.[] | select(.name == \"guests\").id') friends", fabricnet, fabricnet);
        command("%s headscale nodes | grep -q router", fabricnet);
        command("test $(%s --json headscale health | jq -r .status) = pass && %s --json headscale version | jq -e .version", fabricnet, fabricnet);
        command("%s headscale nodes rename 1 gate | grep -q 'name: router → gate'", fabricnet);
        command("%s headscale routes add 1 10.1.0.0/24 10.2.0.0/24 >/dev/null; %s headscale routes remove 1 10.2.0.0/24 | grep -q '→ 10.1.0.0/24'", fabricnet, fabricnet);
        command("%s --json headscale routes | jq -e '.[] | select(.route == \"10.1.0.0/24\").approved'", fabricnet);
        command("%s headscale nodes expire 1 now >/dev/null && %s --json headscale nodes | jq -e '.[0].expiry > 0'", fabricnet, fabricnet);
}

static void mistakes_are_bad_input_and_change_nothing(void **state)
{
        assert_int_equal(command_try("%s headscale nodes rename x y 2>/dev/null", fabricnet), 3);
        assert_int_equal(command_try("%s headscale routes add 1 10.1.0.0/33 2>/dev/null", fabricnet), 3);
        assert_int_equal(command_try("%s headscale nodes expire 1 tomorrow 2>/dev/null", fabricnet), 3);
        assert_int_equal(command_try("%s headscale nodes move 4711 home 2>/dev/null", fabricnet), 1);
}

static void a_file_is_shown_applied_and_then_the_same(void **state)
{
        command("cd " MESH " && echo '// ours' >policy.hujson && echo '{\"acls\": [{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:*\"]}]}' >>policy.hujson && "
                "echo '{\"users\": [\"family\"], \"policy\": \"policy.hujson\", \"nodes\": {\"gate\": {\"routes\": []}, \"later\": {}}}' >want.json && "
                "echo '{\"nodes\": {\"gate\": {\"tag\": []}}}' >wrong.json");
        assert_int_equal(command_try("%s headscale diff " MESH "/want.json >" MESH "/diff", fabricnet), 2);
        command("grep -q 'user family' " MESH "/diff && grep -q policy " MESH "/diff && grep -q 'approved routes: 10.1.0.0/24 → $' " MESH "/diff");
        command("%s headscale apply " MESH "/want.json >/dev/null && test -z \"$(%s headscale apply " MESH "/want.json)\"", fabricnet, fabricnet);
        command("%s headscale diff " MESH "/want.json", fabricnet);
        command("%s headscale policy | head -1 | grep -q '// ours'", fabricnet);
        command("%s headscale apply " MESH "/wrong.json 2>&1 | grep -q '/nodes/gate/tag: there is no such member'", fabricnet);
        assert_int_equal(command_try("echo '{' >" MESH "/broken.json; %s headscale apply " MESH "/broken.json 2>/dev/null", fabricnet), 3);
}

static void keys_and_the_servers_files_are_kept(void **state)
{
        command("cd " MESH " && echo '{\"keys\": {\"ci.key\": {\"user\": \"home\", \"reusable\": true, \"valid_for\": \"30d\"}}, \"config\": {\"file\": \"made.yaml\", "
                "\"server_url\": \"" MESH_URL "\", \"base_domain\": \"mesh.example\", \"split\": {\"*.local.example\": [\"100.64.0.7\"]}, "
                "\"records\": {\"tv.example\": [\"192.168.8.55\"]}, \"records_file\": \"" MESH "/records.json\"}}' >keep.json");
        assert_int_equal(command_try("%s headscale diff " MESH "/keep.json >" MESH "/diff", fabricnet), 2);
        command("grep -q 'pre-auth key " MESH "/ci.key' " MESH "/diff && test ! -e " MESH "/ci.key -a ! -e " MESH "/made.yaml");
        command("%s headscale apply " MESH "/keep.json >/dev/null && test $(stat -c %%a " MESH "/ci.key) = 600 && grep -q 192.168.8.55 " MESH "/records.json", fabricnet);
        command("test -z \"$(%s headscale apply " MESH "/keep.json)\"", fabricnet);
        command("%s headscale config render " MESH "/keep.json | cmp - " MESH "/made.yaml && test \"$(%s --json headscale config check " MESH "/made.yaml)\" = '[]'", fabricnet, fabricnet);
        command("sed -i 's/100.64.0.7/100.64.0.8/' " MESH "/keep.json; %s headscale apply " MESH "/keep.json | "
                "grep -q 'made.yaml (restart headscale).*dns.nameservers.split.local.example: 100.64.0.7 → 100.64.0.8'", fabricnet);
        command("sed -i 's/30d/soon/' " MESH "/keep.json; %s headscale diff " MESH "/keep.json 2>&1 | grep -q '/keys/ci.key: \"valid_for\" is no time like 90d'", fabricnet);
        command("cp " MESH "/config.yaml " MESH "/theirs.yaml; sed -i 's/soon/30d/; s/made.yaml/theirs.yaml/' " MESH "/keep.json; "
                "%s headscale apply " MESH "/keep.json 2>&1 | grep -q 'theirs.yaml: it is not written by fabricnet' && cmp " MESH "/config.yaml " MESH "/theirs.yaml", fabricnet);
}

static void the_policy_before_is_beside_the_new_one(void **state)
{
        command("cd " MESH " && echo '{} // newer' >newer.hujson && %s headscale policy set newer.hujson | grep -q newer.hujson.before && grep -q '// ours' newer.hujson.before && "
                "%s headscale policy set newer.hujson.before >/dev/null && %s headscale policy | grep -q '// ours'", fabricnet, fabricnet, fabricnet);
}

/* A day is left of it, as the database has it. */
static void a_key_that_ends_soon_is_told(void **state)
{
        command("test -z \"$(%s headscale diff " MESH "/want.json 2>&1)\"", fabricnet);
        command("python3 -c 'import sqlite3, datetime; d = sqlite3.connect(\"" MESH "/db.sqlite\"); "
                "d.execute(\"update api_keys set expiration = ?\", ((datetime.datetime.utcnow() + datetime.timedelta(days=1)).strftime(\"%%Y-%%m-%%d %%H:%%M:%%S+00:00\"),)); d.commit()'");
        command("%s headscale diff " MESH "/want.json 2>&1 | grep -q 'the API key .* ends on 20.*keys rotate'", fabricnet);
        command("%s headscale keys | grep -q 'rotate it soon'", fabricnet);
}

static void the_api_key_is_rotated_into_a_file(void **state)
{
        command("%s headscale keys rotate -o " MESH "/new.key && test $(stat -c %%a " MESH "/new.key) = 600", fabricnet);
        assert_int_equal(command_try("%s headscale users >/dev/null 2>&1", fabricnet), 1); /* the old one is over */
        command("mv " MESH "/new.key " MESH "/api.key && %s headscale keys | grep -q 'in use here'", fabricnet);
}

static void a_device_goes_up_and_down(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("control");
        FBN_CLEANUP(fbn_headscale) api = mesh_api(c, MESH_URL, MESH "/server.pem", MESH "/api.key");
        FBN_CLEANUP(fbn_secret) key = mesh_key(c, api);

        assert_ok(c, fbn_secret_write_file(c, key, MESH "/auth.key"));
        command("echo '{\"host_name\": \"laptop\", \"accept_routes\": true, \"login_server\": \"" MESH_URL "\"}' >" MESH "/prefs.json");
        command("%s --socket " MESH "/laptop/sock --auth-key " MESH "/auth.key tailscale up " MESH "/prefs.json | grep -q enrolment", fabricnet);
        command("%s --socket " MESH "/laptop/sock tailscale status | grep -q '^Running'", fabricnet);
        command("test -z \"$(%s --socket " MESH "/laptop/sock tailscale apply " MESH "/prefs.json)\"", fabricnet);
        command("%s --socket " MESH "/laptop/sock tailscale down | grep -q 'running: yes → no'", fabricnet);
        command("timeout 3 %s --socket " MESH "/laptop/sock tailscale watch | grep -q Stopped", fabricnet);
        command("timeout 3 %s headscale watch | grep -q 'node laptop'", fabricnet);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nouns_are_lists_and_verbs_change),
                cmocka_unit_test(mistakes_are_bad_input_and_change_nothing),
                cmocka_unit_test(a_file_is_shown_applied_and_then_the_same),
                cmocka_unit_test(keys_and_the_servers_files_are_kept),
                cmocka_unit_test(the_policy_before_is_beside_the_new_one),
                cmocka_unit_test(a_key_that_ends_soon_is_told),
                cmocka_unit_test(the_api_key_is_rotated_into_a_file),
                cmocka_unit_test(a_device_goes_up_and_down),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, setup, NULL);
}
