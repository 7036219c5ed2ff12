/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SIGKILL at every record of the journal and before every call that changes something, then recover: the host is as before or as wanted. Each
 * point goes into killpoints.jsonl, or where $FBN_KILLPOINTS says. What a host without recover would be left with is looked at as well: were that
 * mostly whole, this test would see nothing. The parts run at once, each in a sandbox of its own. */
#include "unit/test.h"

#define SANDBOX_SECONDS 570 /* below the 600 of tests/CMakeLists.txt */

#include <dirent.h>
#include <sys/mman.h>

#include "netns/fabric_states.h"

static int points = -1; /* a file, appended to */

/* The state directory as it was before a run. */
static struct {
        char *files; /* their digests and names */
        uint64_t last;
} earlier;

static fbn_generations *history(void)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        fbn_generations *generations = NULL;

        assert_int_equal(fbn_context_new(NULL, &c), 0);
        assert_true(fbn_fabric_history(c, NULL, &generations) > 0);
        return generations;
}

static char *files(void)
{
        return command_output("cd /var/lib/fabricnet && sha256sum *.journal *.keys");
}

static void remember(void)
{
        FBN_CLEANUP(fbn_generations) generations = history();

        free(earlier.files);
        earlier.files = files();
        earlier.last = fbn_generations_at(generations, 0)->number;
}

/* Of the generations before, each file is as it was, or pruned; of those since one is confirmed, or none. */
static void check_files(bool confirmed)
{
        FBN_CLEANUP(fbn_generations) generations = history();
        char *now = files();
        bool found = false;

        for (size_t i = 0; fbn_generations_at(generations, i) && fbn_generations_at(generations, i)->number > earlier.last; i++)
                found |= fbn_generations_at(generations, i)->outcome == FBN_OUTCOME_CONFIRMED;
        if (found != confirmed)
                fail_msg("the host is as %s, the history says another thing", confirmed ? "wanted" : "before");
        for (char *line = strtok(now, "\n"); line; line = strtok(NULL, "\n"))
                if (strtoull(strstr(line, "  ") + 2, NULL, 10) <= earlier.last && !strstr(earlier.files, line))
                        fail_msg("%s was touched", line);
        free(now);
}

/* Whether files of an unfinished generation lie about: a journal without an end, or without a whole record, or keys without a journal. */
static bool is_open(void)
{
        FBN_CLEANUP(fbn_generations) generations = history();
        unsigned long long last = 0;
        struct dirent *entry;
        DIR *folder = opendir("/var/lib/fabricnet");

        while ((entry = readdir(folder)))
                last = MAX(last, strtoull(entry->d_name, NULL, 10));
        closedir(folder);
        return fbn_generations_at(generations, 0)->outcome == FBN_OUTCOME_OPEN || last != fbn_generations_at(generations, 0)->number;
}

/* What was applied and may still be confirmed, recover leaves alone; somebody rolls it back. */
static int recover(fbn_context *c, const struct operation *operation)
{
        FBN_CLEANUP(fbn_generations) generations = NULL;
        int r = fbn_fabric_recover(c, NULL, NULL);

        if (r < 0 || !operation->within || fbn_fabric_history(c, NULL, &generations) < 0)
                return r;
        return fbn_generations_at(generations, 0)->outcome == FBN_OUTCOME_OPEN ? fbn_fabric_rollback(c, 0, NULL, NULL) : 0;
}

/* To the state from which the next point starts. */
static void go_back(const struct operation *operation)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        char *now;

        assert_int_equal(fbn_context_new(NULL, &c), 0);
        if (fbn_fabric_rollback(c, 0, NULL, NULL) < 0)
                fail_msg("%s", fbn_context_error(c));
        now = host_observe();
        if (!streq(now, state_of[operation->from - 'A'])) {
                states_show_difference(now, operation);
                fail_msg("%s: rolled back, and not as before", operation->name);
        }
        free(now);
}

static void set_acting(size_t at, bool torn)
{
        memset(seen, 0, sizeof(*seen));
        acting.count = 0;
        acting.at = at;
        acting.torn = torn;
}

/* The kernel's state and the files after the kill, and again after recover. */
static void judge(const struct operation *operation, size_t at, bool torn, const char *what)
{
        const struct seen killed_at = *seen;
        char *killed = host_observe(), *recovered;
        const char *before = states_verdict(killed, operation), *after;
        bool open = is_open();
        int code = host_run(operation, recover);

        recovered = host_observe();
        after = states_verdict(recovered, operation);
        dprintf(points,
                "{\"operation\": \"%s\", \"killed\": \"%s\", \"point\": %zu, \"system_call\": \"%s\", \"torn\": %s, \"record\": \"%s\", "
                "\"without_recover\": \"%s\", \"files_left\": %s, \"verdict\": \"%s\"}\n",
                operation->name, what, at, killed_at.call, torn ? "true" : "false", killed_at.record, before, open ? "true" : "false", after);
        if (code != 0 || streq(after, "between") || is_open()) {
                states_show_difference(recovered, operation);
                fail_msg("%s, %s killed at call %zu (%s, after record '%s'): recover says %d, the state is %s", operation->name, what, at,
                         killed_at.call, killed_at.record, code, after);
        }
        check_files(streq(after, "new"));
        if (streq(after, "new"))
                go_back(operation);
        free(killed);
        free(recovered);
}

/* Kill one run at one point; false when there are no more points. */
static bool kill_at(const struct operation *operation, size_t at, bool torn)
{
        int code;

        remember();
        set_acting(at, torn);
        code = host_run(operation, operation->go ? operation->go : host_go);
        acting.at = 0;
        if (code == 0) {
                go_back(operation);
                return false;
        }
        if (code != 128 + SIGKILL)
                fail_msg("%s: exit code %d at call %zu", operation->name, code, at);
        judge(operation, at, torn, operation->rollback ? "rollback" : "apply");
        return true;
}

static void kill_everywhere(const struct operation *operation)
{
        for (size_t at = 1; kill_at(operation, at, false); at++)
                if (streq(seen->call, "write"))
                        kill_at(operation, at, true);
}

/* A run that was killed after that record, and then recover at each of its own calls. */
static void kill_recover(const struct operation *operation, const char *record)
{
        int code = 128 + SIGKILL;

        for (size_t at = 1; code != 0; at++) {
                remember();
                set_acting(0, false);
                acting.after = record;
                assert_int_equal(host_run(operation, operation->go ? operation->go : host_go), 128 + SIGKILL);
                acting.after = NULL;
                set_acting(at, false);
                code = host_run(operation, recover);
                acting.at = 0;
                judge(operation, at, false, "recover");
        }
}

static void creating(void **state)
{
        host_apply('A');
        kill_everywhere(&(struct operation){"create", 'A', 'B', false, 0, NULL});
}

static void rolling_creation_back(void **state)
{
        host_apply('A');
        host_apply('B');
        kill_everywhere(&(struct operation){"rollback of create", 'B', 'A', true, 0, NULL});
}

static void changing(void **state)
{
        host_apply('B');
        kill_everywhere(&(struct operation){"change", 'B', 'C', false, 0, NULL});
}

static void changing_back(void **state)
{
        host_apply('C');
        kill_everywhere(&(struct operation){"change back", 'C', 'B', false, 0, NULL});
}

static void rolling_change_back(void **state)
{
        host_apply('B');
        host_apply('C');
        kill_everywhere(&(struct operation){"rollback of change", 'C', 'B', true, 0, NULL});
}

static void deleting(void **state)
{
        host_apply('C');
        kill_everywhere(&(struct operation){"delete", 'C', 'A', false, 0, NULL});
}

static void rolling_deletion_back(void **state)
{
        host_apply('B');
        host_apply('A');
        kill_everywhere(&(struct operation){"rollback of delete", 'A', 'B', true, 0, NULL});
}

static void recovering(void **state)
{
        host_apply('B');
        kill_recover(&(struct operation){"change", 'B', 'C', false, 0, NULL}, "done route");
}

/* Its links are made anew. */
static void recovering_what_was_deleted(void **state)
{
        host_apply('B');
        kill_recover(&(struct operation){"delete", 'B', 'A', false, 0, NULL}, "done link");
}

/* Killed when it was applied and not confirmed yet, and killed while it is confirmed. */
static int confirm(fbn_context *c, const struct operation *operation)
{
        int r = host_go(c, operation);

        return r < 0 ? r : fbn_fabric_confirm(c, NULL);
}

static void confirming(void **state)
{
        host_apply('B');
        kill_everywhere(&(struct operation){"change and confirm", 'B', 'C', false, 3600, confirm});
}

/* From nothing to two tunnels, and back at once. */
static void creating_more(void **state)
{
        host_apply('A');
        kill_everywhere(&(struct operation){"create more", 'A', 'C', false, 0, NULL});
}

static void creating_most(void **state)
{
        host_apply('A');
        kill_everywhere(&(struct operation){"create most", 'A', 'D', false, 0, NULL});
}

/* Three tunnels come where one was, and go again. */
static void replacing(void **state)
{
        host_apply('B');
        kill_everywhere(&(struct operation){"replace", 'B', 'D', false, 0, NULL});
}

static void replacing_back(void **state)
{
        host_apply('D');
        kill_everywhere(&(struct operation){"replace back", 'D', 'C', false, 0, NULL});
}

static const struct CMUnitTest parts[][4] = {
        {cmocka_unit_test(creating), cmocka_unit_test(rolling_creation_back)},
        {cmocka_unit_test(changing), cmocka_unit_test(rolling_deletion_back)},
        {cmocka_unit_test(deleting), cmocka_unit_test(rolling_change_back), cmocka_unit_test(recovering)},
        {cmocka_unit_test(creating_more), cmocka_unit_test(recovering_what_was_deleted)},
        {cmocka_unit_test(confirming), cmocka_unit_test(changing_back)},
        {cmocka_unit_test(creating_most)},
        {cmocka_unit_test(replacing)},
        {cmocka_unit_test(replacing_back)},
};

static int run_part(const struct CMUnitTest *tests)
{
        size_t count = 0;

        while (tests[count].name)
                count++;
        namespace_sandbox();
        host_set_tables();
        return _cmocka_run_group_tests("kill", tests, count, states_start, states_stop);
}

/* A line is a point: how many, and at how many only recover made the state whole. */
static int sum_up(const char *path)
{
        size_t all = 0, between = 0, unfinished = 0;
        char line[1024];
        FILE *file = fopen(path, "r");

        while (file && fgets(line, sizeof(line), file)) {
                all++;
                between += strstr(line, "\"without_recover\": \"between\"") != NULL;
                unfinished += strstr(line, "\"without_recover\": \"between\"") || strstr(line, "\"files_left\": true");
        }
        if (file)
                fclose(file);
        printf("%zu kill points; without recover %zu would be left unfinished, %zu of them with a host between two states\n", all, unfinished, between);
        return all >= 500 && between * 2 >= all ? 0 : 1;
}

int main(void)
{
        const char *given = getenv("FBN_KILLPOINTS"), *path = given ? given : "killpoints.jsonl";
        pid_t children[ARRAY_SIZE(parts)];
        int failed = 0;

        points = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
        if (points < 0)
                return 1;
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                children[i] = fork();
                if (children[i] == 0)
                        exit(run_part(parts[i]));
        }
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                failed |= sandbox_wait(children[i]);
        return sum_up(path) || failed;
}
