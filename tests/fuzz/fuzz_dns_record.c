/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever an answer holds: each of its records is read as one line of printable text, and what is no data of its type as its bytes. */
#include "dns/told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "%s\n", what);
        abort();
}

static void printable(const char *text)
{
        for (; *text; text++)
                check(*text >= ' ' && *text < 0x7f, "a character that a terminal would not show");
}

/* RFC 3597 5: as many digits as it says. */
static void generic(const char *text)
{
        char *end;
        size_t length;

        if (strncmp(text, "\\# ", 3) != 0)
                return;
        length = strtoul(text + 3, &end, 10);
        check(strlen(end) == (length ? 1 + 2 * length : 0), "another length than is said");
}

static void look(const fbn_dns_record *record)
{
        uint16_t type;

        printable(record->name);
        printable(record->data);
        generic(record->data);
        if (strcmp(record->type, "TYPE0") == 0) /* reserved: it is shown and cannot be asked for */
                return;
        check(type_parse(record->type, &type), "a type that is no type");
        check(record->address.family == 0 || type == TYPE_A || type == TYPE_AAAA, "an address of something else");
        check(record->section >= FBN_DNS_SECTION_ANSWER && record->section <= FBN_DNS_SECTION_ADDITIONAL, "no section");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct route root = {.record.suffix = ".", .name.length = 1};
        static const struct inquiry inquiry = {.source = FBN_DNS_SOURCE_UPSTREAM, .route = &root};
        static fbn_context *c;
        FBN_CLEANUP(fbn_dns_answer) answer = NULL;
        struct account account;
        struct message message;
        char suffix[ROUTE_TEXT];

        if (!c)
                check(fbn_context_new(NULL, &c) == 0, "no context");
        if (!message_header(data, size, &message) || !message_question(&message) || !message_records(&message))
                return 0;
        if (message.edns.why && told_read(data + message.edns.why, message.edns.why_length, &account, suffix))
                check(strlen(suffix) < ROUTE_TEXT && account.source <= FBN_DNS_SOURCE_LOCAL, "an account that is none");
        account = inquiry_account(&inquiry, &message);
        check(answer_new(c, &message.question, &message, &account, 1, &answer) == 0, "an answer that cannot be read");
        for (size_t i = 0; i < fbn_dns_answer_count(answer); i++)
                look(fbn_dns_answer_at(answer, i));
        check(fbn_dns_answer_explain(answer)->kept_s <= 86400, "kept for more than a day");
        return 0;
}

#include "replay.h"
