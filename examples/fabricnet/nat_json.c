/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat_json.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"",         "masquerade", "accept",   "drop",  "clamp-mss", "keep-out",  "snat",
                                    "dnat",     "redirect",   "count",    "set-mark", "save-mark", "restore-mark", "notrack", "offload", NULL};
static const char *const places[] = {"", "forward", "input", "output", "arrival", NULL};

enum type { TYPE_NUMBER, TYPE_BOOL, TYPE_TEXT, TYPE_WORD, TYPE_PREFIXES, TYPE_ADDRESS };

struct member {
        const char *name;
        enum type type;
        size_t offset, size, count; /* count: where the length of a list is */
        const char *const *words;
};

#define MEMBER(name, member, type, ...) {name, TYPE_##type, offsetof(fbn_nat_rule, member), sizeof(((fbn_nat_rule *)0)->member), __VA_ARGS__}

static const struct member members[] = {
        MEMBER("name", name, TEXT, 0, NULL),
        MEMBER("kind", kind, WORD, 0, kinds),
        MEMBER("at", at, WORD, 0, places),
        MEMBER("sources", sources, PREFIXES, offsetof(fbn_nat_rule, n_sources), NULL),
        MEMBER("destinations", destinations, PREFIXES, offsetof(fbn_nat_rule, n_destinations), NULL),
        MEMBER("source_set", source_set, TEXT, 0, NULL),
        MEMBER("destination_set", destination_set, TEXT, 0, NULL),
        MEMBER("local", local, BOOL, 0, NULL),
        MEMBER("in", in_device, TEXT, 0, NULL),
        MEMBER("out", out_device, TEXT, 0, NULL),
        MEMBER("protocol", protocol, TEXT, 0, NULL),
        MEMBER("source_port", source_port, NUMBER, 0, NULL),
        MEMBER("source_port_last", source_port_last, NUMBER, 0, NULL),
        MEMBER("destination_port", destination_port, NUMBER, 0, NULL),
        MEMBER("destination_port_last", destination_port_last, NUMBER, 0, NULL),
        MEMBER("mark", mark, NUMBER, 0, NULL),
        MEMBER("mark_mask", mark_mask, NUMBER, 0, NULL),
        MEMBER("connection_mark", connection_mark, NUMBER, 0, NULL),
        MEMBER("connection_mark_mask", connection_mark_mask, NUMBER, 0, NULL),
        MEMBER("states", states, TEXT, 0, NULL),
        MEMBER("dnat", dnat, BOOL, 0, NULL),
        MEMBER("rate", rate, NUMBER, 0, NULL),
        MEMBER("rate_seconds", rate_seconds, NUMBER, 0, NULL),
        MEMBER("burst", burst, NUMBER, 0, NULL),
        MEMBER("log", log, TEXT, 0, NULL),
        MEMBER("log_group", log_group, NUMBER, 0, NULL),
        MEMBER("log_level", log_level, NUMBER, 0, NULL),
        MEMBER("mss", mss, NUMBER, 0, NULL),
        MEMBER("to", to, ADDRESS, 0, NULL),
        MEMBER("to_map", to_map, TEXT, 0, NULL),
        MEMBER("to_port", to_port, NUMBER, 0, NULL),
        MEMBER("to_port_last", to_port_last, NUMBER, 0, NULL),
        MEMBER("random", random, BOOL, 0, NULL),
        MEMBER("hairpin", hairpin, NUMBER, 0, NULL),
        MEMBER("set_mark", set_mark, NUMBER, 0, NULL),
        MEMBER("set_mark_mask", set_mark_mask, NUMBER, 0, NULL),
        MEMBER("packets", packets, NUMBER, 0, NULL),
        MEMBER("bytes", bytes, NUMBER, 0, NULL),
};
#define N_MEMBERS (sizeof(members) / sizeof(members[0]))

const char *nat_kind_word(fbn_nat_kind kind)
{
        return kinds[kind];
}

static uint64_t number_at(const void *at, size_t size)
{
        return size == 1 ? *(const uint8_t *)at : size == 2 ? *(const uint16_t *)at : size == 4 ? *(const uint32_t *)at : *(const uint64_t *)at;
}

/* NULL: not given. */
static json_t *member_json(const struct member *member, const void *rule)
{
        const char *at = (const char *)rule + member->offset, *text = *(const char *const *)(const void *)at;
        char buffer[FBN_ADDRESS_TEXT];
        size_t count;

        switch (member->type) {
        case TYPE_NUMBER:
                return number_at(at, member->size) ? json_integer((json_int_t)number_at(at, member->size)) : NULL;
        case TYPE_BOOL:
                return *(const bool *)at ? json_true() : NULL;
        case TYPE_WORD:
                return number_at(at, member->size) ? json_string(member->words[number_at(at, member->size)]) : NULL;
        case TYPE_PREFIXES:
                count = *(const size_t *)(const void *)((const char *)rule + member->count);
                return count ? json_prefixes(*(const fbn_prefix *const *)(const void *)at, count) : NULL;
        case TYPE_ADDRESS:
                fbn_address_format((const fbn_address *)(const void *)at, buffer, sizeof(buffer));
                return *buffer ? json_string(buffer) : NULL;
        default:
                return text ? json_string(text) : NULL;
        }
}

json_t *nat_rule_json(const fbn_nat_rule *rule)
{
        json_t *object = json_object();

        for (size_t i = 0; i < N_MEMBERS; i++) {
                json_t *value = member_json(&members[i], rule);

                if (value)
                        json_object_set_new(object, members[i].name, value);
        }
        json_object_set_new(object, "packets", json_integer((json_int_t)rule->packets)); /* counters also when they stand at 0 */
        json_object_set_new(object, "bytes", json_integer((json_int_t)rule->bytes));
        return object;
}

static bool read_number(void *at, size_t size, json_t *value)
{
        json_int_t number = json_integer_value(value);

        if (!json_is_integer(value) || number < 0 || (size < 8 && (uint64_t)number >> 8 * size))
                return false;
        switch (size) {
        case 1: *(uint8_t *)at = (uint8_t)number; break;
        case 2: *(uint16_t *)at = (uint16_t)number; break;
        case 4: *(uint32_t *)at = (uint32_t)number; break;
        default: *(uint64_t *)at = (uint64_t)number;
        }
        return true;
}

static bool read_word(void *at, const struct member *member, json_t *value)
{
        for (uint32_t i = 1; json_is_string(value) && member->words[i]; i++)
                if (strcmp(member->words[i], json_string_value(value)) == 0) {
                        memcpy(at, &i, sizeof(i));
                        return true;
                }
        return false;
}

static bool read_prefixes(fbn_nat_rule *rule, const struct member *member, json_t *value)
{
        size_t n = json_array_size(value);
        fbn_prefix *prefixes = calloc(n + 1, sizeof(*prefixes));
        bool good = prefixes && json_is_array(value);

        for (size_t i = 0; good && i < n; i++) {
                const char *text = json_string_value(json_array_get(value, i));

                good = text && fbn_prefix_parse(text, &prefixes[i]) == 0;
        }
        *(const fbn_prefix **)(void *)((char *)rule + member->offset) = prefixes;
        *(size_t *)(void *)((char *)rule + member->count) = good ? n : 0;
        return good;
}

static bool read_member(fbn_nat_rule *rule, const struct member *member, json_t *value)
{
        void *at = (char *)rule + member->offset;

        switch (member->type) {
        case TYPE_NUMBER:
                return read_number(at, member->size, value);
        case TYPE_BOOL:
                *(bool *)at = json_is_true(value);
                return json_is_boolean(value);
        case TYPE_WORD:
                return read_word(at, member, value);
        case TYPE_PREFIXES:
                return read_prefixes(rule, member, value);
        case TYPE_ADDRESS:
                return json_is_string(value) && fbn_address_parse(json_string_value(value), at) == 0;
        default:
                *(const char **)at = json_string_value(value);
                return json_is_string(value);
        }
}

static const struct member *member_of(const char *name)
{
        for (size_t i = 0; i < N_MEMBERS; i++)
                if (strcmp(members[i].name, name) == 0)
                        return &members[i];
        return NULL;
}

static int read_members(fbn_nat_rule *rule, json_t *object, const char *where)
{
        static const char *const expected[] = {[TYPE_NUMBER] = "a number that fits", [TYPE_BOOL] = "true or false", [TYPE_TEXT] = "a text",
                                               [TYPE_WORD] = "one of the words of fabricnet(1)", [TYPE_PREFIXES] = "a list of prefixes",
                                               [TYPE_ADDRESS] = "an address"};
        const char *name;
        json_t *value;

        if (!json_is_object(object))
                return misused("%s: expected an object", where);
        json_object_foreach(object, name, value) {
                const struct member *member = member_of(name);

                if (!member)
                        return misused("%s: a rule has no member '%s'", where, name);
                if (!read_member(rule, member, value))
                        return misused("%s: '%s': expected %s", where, name, expected[member->type]);
        }
        return EXIT_DONE;
}

int nat_rule_add(struct command *command, fbn_nat *nat, json_t *object, const char *where)
{
        fbn_nat_rule rule = {.size = sizeof(rule)};
        int code = read_members(&rule, object, where);
        int r = code == EXIT_DONE ? fbn_nat_add(command->c, nat, &rule) : 0;

        free((void *)rule.sources);
        free((void *)rule.destinations);
        return r < 0 ? failed(command, r) : code;
}

static void print_value(FILE *to, const json_t *value)
{
        if (json_is_string(value))
                fprintf(to, strpbrk(json_string_value(value), " ") ? "'%s'" : "%s", json_string_value(value));
        for (size_t i = 0; i < json_array_size(value); i++)
                fprintf(to, "%s%s", i ? "," : "", json_string_value(json_array_get(value, i)));
        if (json_is_integer(value))
                fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        if (json_is_boolean(value))
                fprintf(to, json_is_true(value) ? "true" : "false");
}

char *nat_rule_text(const fbn_nat_rule *rule)
{
        char *text = NULL;
        size_t length;
        FILE *to = open_memstream(&text, &length);
        const char *separator = "";

        if (!to)
                abort(); /* a program, not the library: out of memory ends it */
        for (size_t i = 2; i < N_MEMBERS; i++) { /* after name and kind */
                json_t *value = member_json(&members[i], rule);

                if (value && members[i].offset < offsetof(fbn_nat_rule, packets)) {
                        fprintf(to, "%s%s ", separator, members[i].name);
                        print_value(to, value);
                        separator = " ";
                }
                json_decref(value);
        }
        fclose(to);
        return text;
}

/* "10.0.0.0/8,fd00::/8" */
static json_t *split(const char *text)
{
        json_t *list = json_array();

        for (size_t length; *text; text += length + (text[length] == ',')) {
                length = strcspn(text, ",");
                json_array_append_new(list, json_stringn(text, length));
        }
        return list;
}

/* NULL if it is no number: as people write marks, too. */
static json_t *number(const char *text, size_t length)
{
        char *end;
        unsigned long long value = strtoull(text, &end, 0);

        return *text >= '0' && *text <= '9' && end == text + length && value <= INT64_MAX ? json_integer((json_int_t)value) : NULL;
}

/* "8000-8099" and "0x40/0xf0" are two members: NAME and NAME_last, or NAME_mask. */
static bool set_number(json_t *rule, const char *name, const char *text)
{
        size_t length = strcspn(text, "-/");
        json_t *first = number(text, length), *second = text[length] ? number(text + length + 1, strlen(text + length + 1)) : NULL;
        char other[64];

        snprintf(other, sizeof(other), "%s%s", name, text[length] == '-' ? "_last" : "_mask");
        if (second && member_of(other))
                json_object_set_new(rule, other, second);
        else
                json_decref(second);
        json_object_set_new(rule, name, first);
        return first && (!text[length] || (second && member_of(other)));
}

static bool set_member(json_t *rule, const struct member *member, const char *text)
{
        switch (member->type) {
        case TYPE_NUMBER:
                return set_number(rule, member->name, text);
        case TYPE_BOOL:
                json_object_set_new(rule, member->name, json_boolean(strcmp(text, "true") == 0));
                return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
        case TYPE_PREFIXES:
                json_object_set_new(rule, member->name, split(text));
                return true;
        default:
                json_object_set_new(rule, member->name, json_string(text));
                return true;
        }
}

json_t *nat_rule_words(const struct command *command)
{
        json_t *rule = json_object();
        int code = EXIT_DONE;

        if (command->count < 2 || command->count % 2)
                code = misused("usage: fabricnet nat add NAME KIND [MEMBER VALUE]…");
        else
                json_object_update_new(rule, json_pack("{s:s, s:s}", "name", command->argument[0], "kind", command->argument[1]));
        for (int i = 2; code == EXIT_DONE && i < command->count; i += 2) {
                const struct member *member = member_of(command->argument[i]);

                if (!member)
                        code = misused("nat: a rule has no member '%s'", command->argument[i]);
                else if (!set_member(rule, member, command->argument[i + 1]))
                        code = misused("nat: '%s' is no value for '%s'", command->argument[i + 1], member->name);
        }
        if (code == EXIT_DONE)
                return rule;
        json_decref(rule);
        return NULL;
}
