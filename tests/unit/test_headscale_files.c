/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* config.yaml and the file of extra records, made as wanted. No server is asked. */
#include "unit/test.h"

#include "base/file.h"
#include "headscale/config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Woverride-init" /* a case says anew what it is about */

static char folder[64];
static char config_path[96], records_path[96];

static int setup(void **state)
{
        snprintf(folder, sizeof(folder), "/tmp/fabricnet-test-XXXXXX");
        if (!mkdtemp(folder))
                return -1;
        snprintf(config_path, sizeof(config_path), "%s/config.yaml", folder);
        snprintf(records_path, sizeof(records_path), "%s/records.json", folder);
        return context_setup(state);
}

static int teardown(void **state)
{
        unlink(config_path);
        unlink(records_path);
        rmdir(folder);
        return context_teardown(state);
}

static char *contents(fbn_context *c, const char *path)
{
        char *text = NULL;
        size_t length;

        assert_ok(c, file_read(c, path, 1 << 20, &text, &length));
        return text;
}

static void write_text(fbn_context *c, const char *path, const char *text, mode_t mode)
{
        assert_ok(c, file_replace(c, path, text, strlen(text), mode));
}

static const char *const resolvers[] = {"100.64.0.7"};
static const fbn_headscale_domain split[] = {{sizeof(*split), "*.Local.Example.", resolvers, 1}};

#define CONFIG(...) \
        FBN_OPTIONS(fbn_headscale_config, .server_url = "https://headscale.example.org", .base_domain = "mesh.example.net", .split = split, .n_split = 1, __VA_ARGS__)

static int apply(fbn_context *c, const fbn_headscale_config *config, const char *path, bool dry_run, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_headscale) nobody = NULL;

        assert_ok(c, fbn_headscale_new(c, FBN_OPTIONS(fbn_headscale_options, .url = "http://127.0.0.1:1"), &nobody));
        return fbn_headscale_apply(c, nobody, FBN_OPTIONS(fbn_headscale_wanted, .config = config, .config_path = path),
                                   FBN_OPTIONS(fbn_headscale_change_options, .dry_run = dry_run), ret_changes);
}

static void what_is_rendered_has_nothing_said_of_it(void **state)
{
        _cleanup_(text_free) struct text report = {0};
        fbn_headscale_record record = {.size = sizeof(record), .name = "NAS.example"};
        char *text = NULL;

        fbn_address_parse("192.168.8.10", &record.address);
        assert_ok(*state, fbn_headscale_config_render(*state, CONFIG(.records = &record, .n_records = 1), &text));
        assert_int_equal(headscale_config_read(*state, text, strlen(text), NULL, &report), 0);
        assert_memory_equal(text, CONFIG_MARK, strlen(CONFIG_MARK));
        assert_non_null(strstr(text, "\"local.example\": [\n          \"100.64.0.7\""));
        assert_non_null(strstr(text, "\"name\": \"nas.example\",\n        \"type\": \"A\",\n        \"value\": \"192.168.8.10\""));
        assert_non_null(strstr(text, "\"override_local_dns\": false"));
        assert_null(strstr(text, "extra_records_path"));
        fbn_free(text);
}

static void what_a_server_would_drop_or_refuse_is_refused_first(void **state)
{
        const char *const port[] = {"192.168.8.1:5353"}, *const word[] = {"nonsense"};
        const fbn_headscale_domain with_port = {sizeof(with_port), "a.example", port, 1}, star = {sizeof(star), "a.*.example", resolvers, 1};
        const fbn_headscale_record nothing = {.size = sizeof(nothing), .name = "nas.example"};
        fbn_prefix outside, two[2];
        char *text = NULL;

        fbn_prefix_parse("10.0.0.0/8", &outside);
        fbn_prefix_parse("100.64.0.0/16", &two[0]);
        two[1] = two[0];
        const struct {
                const fbn_headscale_config *config;
                const char *words;
        } cases[] = {
                {FBN_OPTIONS(fbn_headscale_config, .server_url = "headscale.example.org"), "server_url"},
                {CONFIG(.split = &with_port), "split domain: a.example: resolver '192.168.8.1:5353': there is no place for a port"},
                {CONFIG(.split = &star), "'a.*.example' is no name"},
                {CONFIG(.resolvers = word, .n_resolvers = 1), "'nonsense' is neither an address nor an https:// URL"},
                {CONFIG(.records = &nothing, .n_records = 1), "'nas.example' has no address"},
                {CONFIG(.prefixes = &outside, .n_prefixes = 1), "not within 100.64.0.0/10"},
                {CONFIG(.prefixes = two, .n_prefixes = 2), "another one of its family"},
                {CONFIG(.more = "[]"), "it is no object"},
                {CONFIG(.more = "{"), "more: "},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_failed((fbn_context *)*state, fbn_headscale_config_render(*state, cases[i].config, &text), FBN_EINVAL, cases[i].words);
        /* Only the whole of it shows this one. */
        assert_failed((fbn_context *)*state, apply(*state, CONFIG(.base_domain = "example.org"), config_path, false, NULL), FBN_EINVAL, "lies below dns.base_domain");
        assert_int_equal(access(config_path, F_OK), -1);
}

static void more_members_come_beside_ours_or_over_them(void **state)
{
        char *text = NULL;

        assert_ok(*state, fbn_headscale_config_render(*state, CONFIG(.more = "{\"derp\": {\"urls\": [], \"server\": {\"enabled\": true}}, \"tls_cert_path\": \"/c\"}"), &text));
        assert_non_null(strstr(text, "\"urls\": []"));
        assert_non_null(strstr(text, "\"enabled\": true"));
        assert_non_null(strstr(text, "\"tls_cert_path\": \"/c\""));
        fbn_free(text);
}

static void a_file_is_made_changed_and_left_alone(void **state)
{
        FBN_CLEANUP(fbn_changes) made = NULL, *changed = NULL;
        const char *const other[] = {"100.64.0.8", "100.64.0.9"};
        const fbn_headscale_domain moved = {sizeof(moved), "local.example", other, 2};
        char object[128];
        struct stat before, after;

        assert_int_equal(apply(*state, CONFIG(.listen = NULL), config_path, true, NULL), 1);
        assert_int_equal(access(config_path, F_OK), -1); /* it was dry */
        assert_int_equal(apply(*state, CONFIG(.listen = NULL), config_path, false, &made), 1);
        assert_string_equal(fbn_changes_at(made, 0)->object, config_path);
        assert_int_equal(fbn_changes_at(made, 0)->kind, FBN_CHANGE_CREATE);
        assert_int_equal(apply(*state, CONFIG(.listen = NULL), config_path, false, NULL), 0);
        chmod(config_path, 0640);
        if (geteuid() == 0)
                assert_int_equal(chown(config_path, 12345, 12346), 0);
        stat(config_path, &before);
        assert_int_equal(apply(*state, CONFIG(.split = &moved), config_path, false, &changed), 1);
        snprintf(object, sizeof(object), "%s (restart headscale)", config_path);
        assert_string_equal(fbn_changes_at(changed, 0)->object, object);
        assert_string_equal(fbn_changes_at(changed, 0)->field, "dns.nameservers.split.local.example");
        assert_string_equal(fbn_changes_at(changed, 0)->before, "100.64.0.7");
        assert_string_equal(fbn_changes_at(changed, 0)->after, "100.64.0.8, 100.64.0.9");
        stat(config_path, &after);
        assert_int_equal(after.st_mode, before.st_mode); /* and its owner stays: the server is not root */
        assert_int_equal(after.st_uid, before.st_uid);
        assert_int_equal(after.st_gid, before.st_gid);
        assert_true(after.st_ino != before.st_ino); /* nobody sees half of it */
}

static void a_secret_in_it_is_not_told(void **state)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;

        write_text(*state, config_path, CONFIG_MARK "\noidc: {client_secret: swordfish}\n", 0600);
        assert_true(apply(*state, CONFIG(.more = "{\"oidc\": {\"client_secret\": \"halibut\"}}"), config_path, true, &changes) > 1);
        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);

                assert_true(!change->before || !strstr(change->before, "swordfish"));
                assert_true(!change->after || !strstr(change->after, "halibut"));
        }
}

static void a_file_of_somebody_else_is_not_touched(void **state)
{
        char *text;

        write_text(*state, config_path, "server_url: https://mine.example\n", 0600);
        assert_failed((fbn_context *)*state, apply(*state, CONFIG(.records_path = records_path), config_path, false, NULL), FBN_ECONFLICT, "it is not written by fabricnet");
        text = contents(*state, config_path);
        assert_string_equal(text, "server_url: https://mine.example\n");
        memory_free(text);
        assert_int_equal(access(records_path, F_OK), -1); /* nothing was done before */
        write_text(*state, config_path, CONFIG_MARK "\nbroken: [\n", 0600);
        assert_int_equal(apply(*state, CONFIG(.listen = NULL), config_path, false, NULL), 1);
        assert_int_equal(apply(*state, CONFIG(.listen = NULL), config_path, false, NULL), 0);
}

static void records_are_kept_in_their_file_and_none_is_a_list(void **state)
{
        FBN_CLEANUP(fbn_changes) changes = NULL, *cleared = NULL;
        fbn_headscale_record records[2] = {{.size = sizeof(*records), .name = "nas.example"}, {.size = sizeof(*records), .name = "tv.example"}};
        struct stat before, after;
        char *text;

        fbn_address_parse("192.168.8.10", &records[0].address);
        fbn_address_parse("fd00::2", &records[1].address);
        assert_int_equal(apply(*state, CONFIG(.records_path = records_path), NULL, false, NULL), 1); /* a server does not start without it */
        text = contents(*state, records_path);
        assert_string_equal(text, "[]");
        memory_free(text);
        stat(records_path, &before);
        assert_int_equal(apply(*state, CONFIG(.records_path = records_path, .records = records, .n_records = 2), NULL, false, &changes), 2);
        assert_string_equal(fbn_changes_at(changes, 0)->object, "extra record nas.example");
        assert_string_equal(fbn_changes_at(changes, 0)->after, "192.168.8.10");
        stat(records_path, &after);
        assert_true(after.st_ino != before.st_ino);
        text = contents(*state, records_path);
        assert_non_null(strstr(text, "\"type\": \"AAAA\""));
        memory_free(text);
        records[0].name = "tv.example";
        records[1].name = "nas.example"; /* other addresses for both */
        assert_int_equal(apply(*state, CONFIG(.records_path = records_path, .records = records, .n_records = 2), NULL, true, NULL), 4);
        write_text(*state, records_path, "[{\"name\": \"a.example\", \"type\": \"A\", \"value\": \"10.0.0.1\"}]", 0644);
        assert_int_equal(apply(*state, CONFIG(.records_path = records_path), NULL, false, &cleared), 1);
        assert_int_equal(fbn_changes_at(cleared, 0)->kind, FBN_CHANGE_DELETE);
        text = contents(*state, records_path);
        assert_string_equal(text, "[]");
        memory_free(text);
        stat(records_path, &before);
        assert_int_equal(apply(*state, CONFIG(.records_path = records_path), NULL, false, NULL), 0);
        stat(records_path, &after);
        assert_int_equal(after.st_ino, before.st_ino); /* not even written */
        write_text(*state, records_path, "", 0644); /* which the server takes no notice of */
        assert_int_equal(apply(*state, CONFIG(.records_path = records_path), NULL, false, NULL), 1);
}

static void config_and_records_may_come_at_once(void **state)
{
        assert_int_equal(apply(*state, CONFIG(.records_path = records_path), config_path, false, NULL), 2);
        assert_int_equal(apply(*state, CONFIG(.records_path = records_path), config_path, false, NULL), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_rendered_has_nothing_said_of_it, setup, teardown),
                cmocka_unit_test_setup_teardown(what_a_server_would_drop_or_refuse_is_refused_first, setup, teardown),
                cmocka_unit_test_setup_teardown(more_members_come_beside_ours_or_over_them, setup, teardown),
                cmocka_unit_test_setup_teardown(a_file_is_made_changed_and_left_alone, setup, teardown),
                cmocka_unit_test_setup_teardown(a_secret_in_it_is_not_told, setup, teardown),
                cmocka_unit_test_setup_teardown(a_file_of_somebody_else_is_not_touched, setup, teardown),
                cmocka_unit_test_setup_teardown(records_are_kept_in_their_file_and_none_is_a_list, setup, teardown),
                cmocka_unit_test_setup_teardown(config_and_records_may_come_at_once, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
