/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "FILE:3: " while that line is taken. */
static char place[512];

int failed(const struct command *command, int r)
{
        fprintf(stderr, "%sfabricnet: %s%s%s\n", color(stderr, COLOR_RED), place, fbn_context_error(command->c), color(stderr, COLOR_NONE));
        switch (-r) {
        case FBN_EINVAL:
        case FBN_ELOCKED:
                return EXIT_BAD_INPUT;
        case FBN_EPERM:
                return EXIT_NOT_ALLOWED;
        case FBN_EUNDONE:
                return EXIT_UNDONE;
        case FBN_EPARTIAL:
                return EXIT_NOT_UNDONE;
        default:
                return EXIT_FAILED;
        }
}

void print_secret(const fbn_secret *text, const char *end)
{
        fflush(stdout);
        setvbuf(stdout, NULL, _IONBF, 0); /* no second copy of the keys */
        fwrite(fbn_secret_bytes(text), 1, fbn_secret_length(text), stdout);
        fputs(end, stdout);
}

int misused(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        fprintf(stderr, "fabricnet: %s", place);
        vfprintf(stderr, format, arguments);
        fprintf(stderr, "\n");
        va_end(arguments);
        return EXIT_BAD_INPUT;
}

static int take_lines(FILE *from, const char *path, int (*take)(char *line, void *data), void *data)
{
        char *text = NULL;
        size_t size = 0;
        int code = EXIT_DONE;

        for (size_t number = 1; code == EXIT_DONE && getline(&text, &size, from) >= 0; number++) {
                text[strcspn(text, "\r\n")] = 0;
                snprintf(place, sizeof(place), "%s:%zu: ", path, number);
                code = take(text, data);
        }
        *place = 0;
        free(text);
        return code == EXIT_DONE && ferror(from) ? misused("cannot read '%s': %s", path, strerror(errno)) : code;
}

int each_line(const char *path, int (*take)(char *line, void *data), void *data)
{
        bool standard = strcmp(path, "-") == 0;
        FILE *from = standard ? stdin : fopen(path, "re");
        int code;

        if (!from)
                return misused("cannot open '%s': %s", path, strerror(errno));
        code = take_lines(from, path, take, data);
        if (!standard)
                fclose(from);
        return code;
}

bool number_of(const char *text, uint64_t maximum, uint64_t *ret_number)
{
        char *end;
        unsigned long long number;

        errno = 0;
        number = strtoull(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || errno || number > maximum)
                return false;
        *ret_number = number;
        return true;
}

bool timeout_of(const char *text, uint64_t *ret_ms)
{
        static const struct {
                const char *unit;
                uint64_t ms;
        } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
        char *end;
        unsigned long long number = strtoull(text, &end, 10);

        for (size_t i = 0; *text >= '0' && *text <= '9' && i < sizeof(units) / sizeof(units[0]); i++)
                if (strcmp(end, units[i].unit) == 0 && number > 0 && number <= UINT32_MAX) {
                        *ret_ms = number * units[i].ms;
                        return true;
                }
        return false;
}

int verb_run(struct command *command, const char *group, const struct verb *verbs, size_t count)
{
        const char *name = command->count > 0 ? command->argument[0] : "";

        for (size_t i = 0; i < count; i++) {
                if (strcmp(verbs[i].name, name) != 0)
                        continue;
                command->count--;
                command->argument++;
                command->dry_run = command->dry_run || strcmp(name, "diff") == 0; /* of what "apply" does */
                if (verbs[i].takes >= 0 && command->count != verbs[i].takes)
                        return misused("usage: fabricnet %s %s", group, verbs[i].usage);
                return verbs[i].run(command);
        }
        fprintf(stderr, *name ? "fabricnet: %s: no '%s' here; there are:\n" : "fabricnet: %s: say what:%s\n", group, name);
        for (size_t i = 0; i < count; i++)
                fprintf(stderr, "  fabricnet %s %s\n", group, verbs[i].usage);
        return EXIT_BAD_INPUT;
}

int print_json(json_t *value)
{
        json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
        printf("\n");
        json_decref(value);
        return EXIT_DONE;
}

void table_add(struct table *table, const char *cell)
{
        if (table->count == table->capacity) {
                table->capacity = table->capacity ? table->capacity * 2 : 64;
                table->cells = realloc(table->cells, table->capacity * sizeof(char *));
                if (!table->cells)
                        abort(); /* a program, not the library: out of memory ends it */
        }
        table->cells[table->count++] = strdup(cell ? cell : "");
}

/* Columns on a terminal, not bytes: UTF-8 continuation bytes do not count. */
static size_t width(const char *text)
{
        size_t columns = 0;

        for (; *text; text++)
                columns += ((unsigned char)*text & 0xc0) != 0x80;
        return columns;
}

void table_print(struct table *table, size_t columns, FILE *to)
{
        size_t widths[16] = {0};

        for (size_t i = 0; i < table->count; i++) {
                size_t w = width(table->cells[i]);

                if (w > widths[i % columns])
                        widths[i % columns] = w;
        }
        for (size_t i = 0; i < table->count; i++) {
                bool last = i % columns == columns - 1;
                size_t pad = last ? 0 : widths[i % columns] - width(table->cells[i]) + 2;

                fprintf(to, "%s%*s%s", table->cells[i], (int)pad, "", last ? "\n" : "");
                free(table->cells[i]);
        }
        free(table->cells);
        *table = (struct table){0};
}

const char *color(FILE *to, enum color color)
{
        static const char *const sequences[] = {"\033[0m", "\033[31m", "\033[33m", "\033[32m", "\033[1m", "\033[36m"};
        const char *no_color = getenv("NO_COLOR");

        return isatty(fileno(to)) && !(no_color && *no_color) ? sequences[color] : "";
}

const char *change_word(fbn_change_kind kind)
{
        return kind == FBN_CHANGE_CREATE ? "create" : kind == FBN_CHANGE_DELETE ? "delete" : "update";
}

json_t *json_text(const char *text)
{
        return text ? json_string(text) : json_null();
}

json_t *json_prefixes(const fbn_prefix *prefixes, size_t count)
{
        json_t *list = json_array();
        char text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < count; i++)
                json_array_append_new(list, json_string(fbn_prefix_format(&prefixes[i], text, sizeof(text))));
        return list;
}

json_t *json_addresses(const fbn_address *addresses, size_t count)
{
        json_t *list = json_array();
        char text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < count; i++)
                json_array_append_new(list, json_string(fbn_address_format(&addresses[i], text, sizeof(text))));
        return list;
}

static json_t *changes_json(const fbn_changes *changes)
{
        json_t *list = json_array();

        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);

                json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s?, s:s?}", "kind", change_word(change->kind), "object", change->object,
                                                      "field", change->field, "before", change->before, "after", change->after));
        }
        return list;
}

void print_changes(const struct command *command, const fbn_changes *changes)
{
        if (command->json) {
                print_json(changes_json(changes));
                return;
        }
        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);

                printf("%s %s", change_word(change->kind), change->object);
                if (change->field && !change->before && !change->after)
                        printf(" %s", change->field);
                else if (change->field)
                        printf(" %s: %s → %s", change->field, change->before ? change->before : "none", change->after ? change->after : "none");
                printf("\n");
        }
}

int changed(const struct command *command, int r, const fbn_changes *changes)
{
        if (r < 0)
                return failed(command, r);
        print_changes(command, changes);
        return command->dry_run && fbn_changes_count(changes) > 0 ? EXIT_DIFFERENT : EXIT_DONE;
}
