/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COMMAND_H
#define COMMAND_H

#include <fabricnet/fabricnet.h>
#include <jansson.h>
#include <stdio.h>

/* Exit codes of the contract. */
enum {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,
        EXIT_DIFFERENT = 2,
        EXIT_BAD_INPUT = 3,
        EXIT_UNDONE = 4,
        EXIT_NOT_UNDONE = 5,
        EXIT_NOT_ALLOWED = 6,
};

/* Options, and what is left of the command line. */
struct command {
        fbn_context *c;
        const char *file, *host, *netns, *secrets_dir;
        const char *auth_key, *ca_file, *url, *api_key, *socket, *output, *plan;
        const char *source, *destination;
        const char *stub, *manager, *device, *restart;
        const char *const *listen, *const *route, *const *search;
        size_t n_listen, n_route, n_search;
        bool unchanged, unverified, adopt, json, verbose, dot, svg, png, local_only, dry_run, force, probe, metrics;
        double interval; /* seconds, 0: not given */
        const char *state;
        uint32_t confirm_within; /* seconds, 0: not given */
        int count;      /* of arguments */
        char **argument;
};

/* Each returns an exit code. argument[0] is the first word after the command's name. */
int command_check(struct command *command);
int command_plan(struct command *command);
int command_apply(struct command *command);
int command_adopt(struct command *command);
int command_confirm(struct command *command);
int command_rollback(struct command *command);
int command_recover(struct command *command);
int command_history(struct command *command);
int command_status(struct command *command);
int command_explain(struct command *command);
int command_backup(struct command *command);
int command_certificates(struct command *command);
int command_graph(struct command *command);
int command_import(struct command *command);
int command_render(struct command *command);
int command_lab(struct command *command);

/* Become the lab, which reads its words and options itself. Returns only on failure. */
int lab_start(int count, char *const *words);

/* The options of the library from those of the command line; the host is this machine's name unless given. */
fbn_fabric_options fabric_options(const struct command *command);
/* This very program, NULL if nobody knows. */
const char *command_path(void);

int command_key(struct command *command);
int command_wg(struct command *command);
int command_link(struct command *command);
int command_route(struct command *command);
int command_sysctl(struct command *command);
int command_nat(struct command *command);
int command_ban(struct command *command);
int command_metrics(struct command *command);
int command_dns(struct command *command);
int command_headscale(struct command *command);
int command_tailscale(struct command *command);
int command_router(struct command *command);

/* A group's second word: NAME and what it does; takes is the count of further words, -1 for any. */
struct verb {
        const char *name;
        int takes;
        int (*run)(struct command *command);
        const char *usage; /* "apply NAME FILE" */
};

/* Find the verb of argument[0], check the count, run it with the words after it. */
int verb_run(struct command *command, const char *group, const struct verb *verbs, size_t count);

/* Print the context's error and return the exit code that fits r; done says whether something was changed before. */
int failed(const struct command *command, int r);

/* Bad use of the command line: prints "fabricnet: …" and returns EXIT_BAD_INPUT. */
int misused(const char *format, ...) FBN_PRINTF(1, 2);

/* Give the lines of a file, of standard input for "-", one by one without their end, until one is not taken; what is printed of it meanwhile begins
 * with its place. Returns an exit code. */
int each_line(const char *path, int (*take)(char *line, void *data), void *data);

/* A whole number of at most so much; false on anything else, which must not be read as 0: that means "not given". */
bool number_of(const char *text, uint64_t maximum, uint64_t *ret_number);

/* "90s", "10m", "24h", "7d", "500ms". */
bool timeout_of(const char *text, uint64_t *ret_ms);

/* A secret that an option names: a file, "fd:7", or "-" for what is typed at the terminal unseen, or comes at standard input. Returns as
 * fbn_secret_read_file(). */
int secret_of(struct command *command, const char *path, const char *what, fbn_secret **ret_secret);

/* Print a JSON value and release it. */
int print_json(json_t *value);

/* What the user asked to see, and what ends it; main() says so when it cannot be written. */
void print_secret(const fbn_secret *text, const char *end);

/* Text for people: columns as wide as their widest cell. Cells are copied. */
struct table {
        size_t columns, count, capacity;
        char **cells;
};
void table_add(struct table *table, const char *cell); /* NULL is "" */
void table_print(struct table *table, size_t columns, FILE *to); /* and release */

/* Escape sequences, empty unless to is a terminal and NO_COLOR is not set. */
enum color { COLOR_NONE, COLOR_RED, COLOR_YELLOW, COLOR_GREEN, COLOR_BOLD, COLOR_CYAN };
const char *color(FILE *to, enum color color);

void print_changes(const struct command *command, const fbn_changes *changes);

/* The end of what makes changes: they, or the error, are printed. Returns an exit code: EXIT_DIFFERENT where they would only be made. */
int changed(const struct command *command, int r, const fbn_changes *changes);

/* Print events, one a line, until the command is interrupted or nobody reads any more; releases the monitor. */
int watch(struct command *command, fbn_monitor *monitor);
int watch_links(struct command *command);
int watch_routes(struct command *command);
int watch_nat(struct command *command);

json_t *json_text(const char *text); /* null for NULL */
json_t *json_prefixes(const fbn_prefix *prefixes, size_t count);
json_t *json_addresses(const fbn_address *addresses, size_t count);
const char *change_word(fbn_change_kind kind);

#endif
