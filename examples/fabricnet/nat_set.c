/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* An element is one word of the command line, or one line: "KEY[ : DATA][ timeout 10m]", as nft(8) writes it. */
#define TIMEOUT " timeout "
#define DATA " : "

/* 0 or an exit code. The text is taken apart. */
static int add_text(struct command *command, fbn_nat_elements *elements, char *text)
{
        fbn_nat_element element = {.size = sizeof(element), .key = text};
        char *timeout = strstr(text, TIMEOUT), *data;
        int r;

        if (timeout && !timeout_of(timeout + strlen(TIMEOUT), &element.timeout_ms))
                return misused("'%s' is no time; 90s, 10m, 24h and 7d are", timeout + strlen(TIMEOUT));
        if (timeout)
                *timeout = 0;
        data = strstr(text, DATA);
        if (data) {
                *data = 0;
                element.data = data + strlen(DATA);
        }
        r = fbn_nat_elements_add(command->c, elements, &element);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

struct list {
        struct command *command;
        fbn_nat_elements *elements;
};

/* Lines with '#' or nothing in front are passed over. */
static int add_line(char *line, void *data)
{
        const struct list *list = data;

        line[strcspn(line, "#")] = 0;
        for (size_t length = strlen(line); length > 0 && line[length - 1] == ' '; length--)
                line[length - 1] = 0;
        return *line ? add_text(list->command, list->elements, line) : EXIT_DONE;
}

static int add_file(struct command *command, fbn_nat_elements *elements, const char *path)
{
        return each_line(path, add_line, &(struct list){command, elements});
}

static int say(struct command *command, int r)
{
        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(json_pack("{s:i}", "elements", r));
        printf("%d element%s\n", r, r == 1 ? "" : "s");
        return EXIT_DONE;
}

static int change(struct command *command, fbn_nat_elements_verb verb)
{
        FBN_CLEANUP(fbn_nat_elements) elements = NULL;
        int code = EXIT_DONE, r;

        if (command->count < 2)
                return misused("name the set, then its elements, or - to read them from standard input");
        r = fbn_nat_elements_new(command->c, command->argument[0], &elements);
        if (r < 0)
                return failed(command, r);
        for (int i = 1; code == EXIT_DONE && i < command->count; i++)
                code = strcmp(command->argument[i], "-") == 0 ? add_file(command, elements, "-") : add_text(command, elements, command->argument[i]);
        return code == EXIT_DONE ? say(command, fbn_nat_elements_send(command->c, elements, verb)) : code;
}

static int add(struct command *command)
{
        return change(command, FBN_NAT_ELEMENTS_ADD);
}

static int del(struct command *command)
{
        return change(command, FBN_NAT_ELEMENTS_DELETE);
}

static int refresh(struct command *command)
{
        return change(command, FBN_NAT_ELEMENTS_REFRESH);
}

/* A list of elements from a file, NULL after an exit code. */
static fbn_nat_elements *file_elements(struct command *command, const char *path, int *code)
{
        fbn_nat_elements *elements = NULL;
        int r = fbn_nat_elements_new(command->c, command->argument[0], &elements);

        *code = r < 0 ? failed(command, r) : path ? add_file(command, elements, path) : EXIT_DONE;
        return *code == EXIT_DONE ? elements : fbn_nat_elements_unref(elements);
}

static int replace(struct command *command)
{
        FBN_CLEANUP(fbn_nat_elements) elements = NULL;
        FBN_CLEANUP(fbn_nat_elements) known = NULL;
        int code;

        if (command->count < 2 || command->count > 3)
                return misused("usage: fabricnet nat set replace NAME FILE [FILE-OF-LAST-TIME]");
        elements = file_elements(command, command->argument[1], &code);
        if (elements && command->count == 3)
                known = file_elements(command, command->argument[2], &code);
        return code == EXIT_DONE ? say(command, fbn_nat_elements_replace(command->c, elements, known)) : code;
}

static int flush(struct command *command)
{
        FBN_CLEANUP(fbn_nat_elements) none = NULL;
        int code, r;

        none = file_elements(command, NULL, &code);
        if (!none)
                return code;
        r = fbn_nat_elements_replace(command->c, none, NULL);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static json_t *element_json(const fbn_nat_element *element)
{
        return json_pack("{s:s, s:s?, s:I, s:I, s:I, s:I}", "key", element->key, "data", element->data, "timeout_ms", (json_int_t)element->timeout_ms,
                         "expires_ms", (json_int_t)element->expires_ms, "packets", (json_int_t)element->packets, "bytes", (json_int_t)element->bytes);
}

/* One line, or with --json one object a line, as it comes: a set may be larger than the memory. */
static void print_element(const struct command *command, const fbn_nat_element *element)
{
        if (command->json) {
                json_t *one = element_json(element);

                json_dumpf(one, stdout, JSON_COMPACT);
                json_decref(one);
                printf("\n");
                return;
        }
        printf("%s%s%s", element->key, element->data ? DATA : "", element->data ? element->data : "");
        if (element->timeout_ms)
                printf(" timeout %" PRIu64 "ms # expires in %" PRIu64 " s", element->timeout_ms, element->expires_ms / 1000);
        if (element->packets)
                printf("%s%" PRIu64 " packets, %" PRIu64 " bytes", element->timeout_ms ? ", " : " # ", element->packets, element->bytes);
        printf("\n");
}

static int show(struct command *command)
{
        FBN_CLEANUP(fbn_nat_reader) reader = NULL;
        const fbn_nat_element *element;
        int r = fbn_nat_reader_new(command->c, command->argument[0], &reader);

        while (r >= 0 && (r = fbn_nat_reader_next(command->c, reader, &element)) > 0)
                print_element(command, element);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

/* Its properties, in the words of "create". */
static void describe(const fbn_nat_set *set, char *buffer, size_t size)
{
        char timeout[48] = "", limit[32] = "";

        if (set->timeout_ms)
                snprintf(timeout, sizeof(timeout), " timeout %" PRIu64 "ms", set->timeout_ms);
        if (set->limit)
                snprintf(limit, sizeof(limit), " limit %" PRIu32, set->limit);
        snprintf(buffer, size, "%s%s%s%s%s", set->intervals ? " intervals" : "", set->timeouts && !set->timeout_ms ? " timeouts" : "", timeout, limit,
                 set->counters ? " counters" : "");
        memmove(buffer, buffer + (*buffer == ' '), strlen(buffer + (*buffer == ' ')) + 1);
}

static int list(struct command *command)
{
        FBN_CLEANUP(fbn_nat) nat = NULL;
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};
        int r = fbn_nat_get(command->c, &nat);

        if (r < 0 && r != -FBN_ENOENT) {
                json_decref(all);
                return failed(command, r);
        }
        for (size_t i = 0; i < fbn_nat_set_count(nat); i++) {
                const fbn_nat_set *set = fbn_nat_set_at(nat, i);
                char words[128];

                if (all) {
                        json_array_append_new(all, json_pack("{s:s, s:s, s:s?, s:b, s:b, s:I, s:I, s:b}", "name", set->name, "key", set->key, "data", set->data,
                                                             "intervals", set->intervals, "timeouts", set->timeouts, "timeout_ms",
                                                             (json_int_t)set->timeout_ms, "limit", (json_int_t)set->limit, "counters", set->counters));
                        continue;
                }
                describe(set, words, sizeof(words));
                table_add(&table, set->name);
                table_add(&table, set->key);
                table_add(&table, set->data);
                table_add(&table, words);
        }
        if (all)
                return print_json(all);
        table_print(&table, 4, stdout);
        return EXIT_DONE;
}

static int with_set(struct command *command, const fbn_nat *stands, fbn_nat *want, void *data)
{
        int code = nat_copy(command, stands, NULL, NULL, want), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_nat_set_add(command->c, want, data);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int with_ban(struct command *command, const fbn_nat *stands, fbn_nat *want, void *data)
{
        int code = nat_copy(command, stands, NULL, NULL, want), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_nat_ban_add(command->c, want, data);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int create(struct command *command)
{
        fbn_nat_set set = {.size = sizeof(set)};
        uint64_t limit;

        if (command->count < 2)
                return misused("usage: fabricnet nat set create NAME KEY [map DATA] [intervals] [timeouts] [timeout TIME] [limit NUMBER] [counters]");
        set.name = command->argument[0];
        set.key = command->argument[1];
        for (int i = 2; i < command->count; i++) {
                const char *word = command->argument[i], *value = i + 1 < command->count ? command->argument[i + 1] : "";

                if (strcmp(word, "intervals") == 0)
                        set.intervals = true;
                else if (strcmp(word, "timeouts") == 0)
                        set.timeouts = true;
                else if (strcmp(word, "counters") == 0)
                        set.counters = true;
                else if (strcmp(word, "map") == 0 && ++i < command->count)
                        set.data = value;
                else if (strcmp(word, "timeout") == 0 && ++i < command->count && timeout_of(value, &set.timeout_ms))
                        continue;
                else if (strcmp(word, "limit") == 0 && ++i < command->count && number_of(value, UINT32_MAX, &limit))
                        set.limit = (uint32_t)limit;
                else
                        return misused("'%s%s%s' is no property of a set", word, *value ? " " : "", value);
        }
        return nat_edit(command, with_set, &set);
}

static int ban(struct command *command)
{
        fbn_nat_ban ban = {.size = sizeof(ban), .name = command->argument[0]};

        return nat_edit(command, with_ban, &ban);
}

/* Rules that look into it go against the grain of apply, which names them. */
static int without_set(struct command *command, const fbn_nat *stands, fbn_nat *want, void *data)
{
        int code = nat_copy(command, stands, NULL, data, want);

        if (code == EXIT_DONE && fbn_nat_set_count(want) == fbn_nat_set_count(stands))
                return misused("there is no set '%s'; 'fabricnet nat set list' lists them", (const char *)data);
        return code;
}

static int remove_set(struct command *command)
{
        return nat_edit(command, without_set, command->argument[0]);
}

int nat_set(struct command *command)
{
        static const struct verb verbs[] = {
                {"list", 0, list, "list"},
                {"show", 1, show, "show NAME"},
                {"create", -1, create, "create NAME KEY [map DATA] [intervals] [timeouts] [timeout TIME] [limit NUMBER] [counters]"},
                {"remove", 1, remove_set, "remove NAME"},
                {"ban", 1, ban, "ban NAME"},
                {"add", -1, add, "add NAME ELEMENT… | -"},
                {"del", -1, del, "del NAME ELEMENT… | -"},
                {"refresh", -1, refresh, "refresh NAME ELEMENT… | -"},
                {"replace", -1, replace, "replace NAME FILE [FILE-OF-LAST-TIME]"},
                {"flush", 1, flush, "flush NAME"},
        };

        return verb_run(command, "nat set", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
