/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static int get(struct command *command)
{
        int64_t value;
        int r = fbn_sysctl_get(command->c, command->argument[0], &value);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(json_pack("{s:s, s:I}", "key", command->argument[0], "value", (json_int_t)value));
        printf("%" PRId64 "\n", value);
        return EXIT_DONE;
}

static int set(struct command *command)
{
        const char *text = command->argument[1];
        char *end;
        int64_t value;
        int r;

        errno = 0;
        value = strtoll(text, &end, 10);
        if (errno || end == text || *end)
                return misused("sysctl: '%s' is not a number", text);
        r = fbn_sysctl_set(command->c, command->argument[0], value);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int rp_filter(struct command *command)
{
        static const char *const words[] = {"off", "strict", "loose"};
        int64_t value;
        int r = fbn_sysctl_rp_filter(command->c, command->argument[0], &value);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(json_pack("{s:s, s:I}", "link", command->argument[0], "effective", (json_int_t)value));
        printf("%s (%" PRId64 ")\n", value >= 0 && value <= 2 ? words[value] : "unknown", value);
        return EXIT_DONE;
}

int command_sysctl(struct command *command)
{
        static const struct verb verbs[] = {
                {"get", 1, get, "get KEY"},
                {"set", 2, set, "set KEY NUMBER"},
                {"rp-filter", 1, rp_filter, "rp-filter LINK"},
        };

        return verb_run(command, "sysctl", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
