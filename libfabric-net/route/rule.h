/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROUTE_RULE_H
#define ROUTE_RULE_H

#include "base/context.h"

#include <fabricnet/route.h>

/* What the files about rules share. */

struct nlmsghdr;
struct devices;

struct rule_entry {
        fbn_rule rule;
        const struct nlmsghdr *odd; /* read: has what fbn_rule cannot say, a realm, a mask over ports …: the kernel's own message */
};

/* Not in the headers of Linux 6.1. Source: include/uapi/linux/fib_rules.h of 6.15. */
enum { RULE_DSCP = 25, RULE_FLOW_LABEL = 26, RULE_FLOW_LABEL_MASK = 27, RULE_SOURCE_PORT_MASK = 28, RULE_DESTINATION_PORT_MASK = 29, RULE_DSCP_MASK = 30,
       RULE_ATTRIBUTES = 40 };

int rule_check(fbn_context *c, const fbn_rule *rule);
/* Whether the kernel knows all that the rule asks for: -FBN_EUNSUPPORTED if it would do without. */
int rule_check_support(fbn_context *c, const fbn_rule *rule);

/* An order over all that distinguishes rules to the kernel; two that are equal differ at most in their protocol. */
int rule_compare(const fbn_rule *a, const fbn_rule *b);

/* Whether a packet has all that the rule asks for. */
bool rule_fits(const fbn_rule *rule, const fbn_route_query *query, const struct devices *devices);

#define RULE_TEXT 512
const char *rule_name(const fbn_rule *rule, char text[static RULE_TEXT]);     /* "rule 100 IPv4" */
const char *rule_in_words(const fbn_rule *rule, char text[static RULE_TEXT]); /* "from 10.0.0.0/8 fwmark 0x1/0xff lookup 100" */

uint32_t rule_mask(const fbn_rule *rule); /* all bits when there is only a mark */
uint32_t rule_label_mask(const fbn_rule *rule); /* the same of the flow label */

const struct rule_entry *rules_entry(const fbn_rules *rules, size_t index);
int rules_append(fbn_context *c, fbn_rules *rules, struct rule_entry entry); /* keeps copies of all that it names */
void rules_cut(fbn_rules *rules, size_t count);

void rule_put(struct nlmsghdr *message, const fbn_rule *rule);
void rule_put_deletion(struct nlmsghdr *message, const struct rule_entry *entry);
bool rule_parse(const struct nlmsghdr *message, struct rule_entry *ret_entry); /* borrows from the message; false: it is none */

#endif
