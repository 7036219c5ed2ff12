/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NAT_JSON_H
#define NAT_JSON_H

#include "command.h"

/* "clamp-mss" */
const char *nat_kind_word(fbn_nat_kind kind);
/* All members, those that are not given left out. */
json_t *nat_rule_json(const fbn_nat_rule *rule);
/* Its members but name, kind and counters, in the words of "add"; the caller frees. */
char *nat_rule_text(const fbn_nat_rule *rule);
/* What the words "NAME KIND [MEMBER VALUE]…" stand for, in the same form; NULL after it has printed what is wrong. */
json_t *nat_rule_words(const struct command *command);
/* Backwards: adds the rule to nat. Returns an exit code, and has printed what is wrong. where: "FILE: rule 3". */
int nat_rule_add(struct command *command, fbn_nat *nat, json_t *rule, const char *where);

/* What stands but a rule and a set of these names (NULL: all of it), to be added to. */
int nat_copy(struct command *command, const fbn_nat *stands, const char *rule, const char *set, fbn_nat *left);
/* Make from what stands what is wanted. Returns an exit code, and has printed what is wrong. */
typedef int nat_editor(struct command *command, const fbn_nat *stands, fbn_nat *want, void *data);
/* Apply that, again if somebody else changes the ruleset meanwhile: what that one did stays. */
int nat_edit(struct command *command, nat_editor *editor, void *data);

/* "fabricnet nat set …" */
int nat_set(struct command *command);

#endif
