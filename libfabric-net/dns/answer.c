/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/answer.h"
#include "dns/lifetime.h"

#include "base/address.h"

#include <stdio.h>

struct fbn_dns_answer {
        unsigned references;
        struct arena arena;
        fbn_dns_record *items;
        size_t count;
        fbn_dns_explanation explanation;
};

fbn_dns_answer *fbn_dns_answer_ref(fbn_dns_answer *answer)
{
        answer->references++;
        return answer;
}

fbn_dns_answer *fbn_dns_answer_unref(fbn_dns_answer *answer)
{
        if (!answer || --answer->references > 0)
                return NULL;
        arena_free(&answer->arena);
        memory_free(answer);
        return NULL;
}

size_t fbn_dns_answer_count(const fbn_dns_answer *answer)
{
        return answer ? answer->count : 0;
}

const fbn_dns_record *fbn_dns_answer_at(const fbn_dns_answer *answer, size_t index)
{
        return index < fbn_dns_answer_count(answer) ? &answer->items[index] : NULL;
}

const fbn_dns_explanation *fbn_dns_answer_explain(const fbn_dns_answer *answer)
{
        return &answer->explanation;
}

static const char *status_text(struct arena *arena, unsigned rcode)
{
        static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};

        return rcode < ARRAY_SIZE(names) ? names[rcode] : arena_printf(arena, "RCODE%u", rcode);
}

static const char *type_text(struct arena *arena, uint16_t type)
{
        char buffer[16];

        return arena_strdup(arena, type_format(type, buffer, sizeof(buffer)));
}

static void take_address(const struct message *message, const struct record *record, fbn_address *ret_address)
{
        uint16_t family = record->type == TYPE_A ? AF_INET : record->type == TYPE_AAAA ? AF_INET6 : 0;

        if (family == 0 || record->class != CLASS_IN || record->end - record->data != family_bytes(family))
                return;
        ret_address->family = family;
        memcpy(ret_address->bytes, message->bytes + record->data, record->end - record->data);
}

static bool take_record(fbn_dns_answer *answer, const struct message *message, const struct record *record, unsigned section)
{
        fbn_dns_record *mine = &answer->items[answer->count++];
        _cleanup_(text_free) struct text data = {0};
        char text[NAME_TEXT];
        struct name name;

        message_name(message, record->start, &name);
        record_text(message, record, &data);
        mine->size = sizeof(*mine);
        mine->section = (fbn_dns_section)section;
        mine->name = arena_strdup(&answer->arena, name_format(&name, text));
        mine->type = type_text(&answer->arena, record->type);
        mine->ttl = record->ttl;
        mine->data = data.failed ? NULL : arena_strdup(&answer->arena, data.bytes ? data.bytes : "");
        take_address(message, record, &mine->address);
        return mine->name && mine->type && mine->data;
}

static bool take_records(fbn_dns_answer *answer, const struct message *message)
{
        size_t total = (size_t)message->counts[SECTION_ANSWER] + message->counts[SECTION_AUTHORITY] + message->counts[SECTION_ADDITIONAL];
        size_t offset = message->records;
        struct record record;

        answer->items = arena_alloc(&answer->arena, MAX(total, (size_t)1) * sizeof(fbn_dns_record));
        if (!answer->items)
                return false;
        for (unsigned section = SECTION_ANSWER; section < SECTIONS; section++)
                for (unsigned i = 0; i < message->counts[section] && message_record(message, offset, &record); i++, offset = record.end)
                        if (record.type != TYPE_OPT && !take_record(answer, message, &record, section))
                                return false;
        return true;
}

/* An answer that was kept has its times counted down: what they give now is what is left. */
static uint32_t kept(const struct message *message, const struct inquiry *inquiry)
{
        bool keeps = inquiry->source == FBN_DNS_SOURCE_UPSTREAM || inquiry->source == FBN_DNS_SOURCE_CACHE;

        return keeps ? answer_lifetime(message, &inquiry->route->name) : 0;
}

struct account inquiry_account(const struct inquiry *inquiry, const struct message *message)
{
        return (struct account){
                .source = inquiry->source, .suffix = inquiry->route ? inquiry->route->record.suffix : "", .upstream = inquiry->server,
                .kept_s = kept(message, inquiry), .authoritative = message->flags & FLAG_AA,
        };
}

static bool explain(fbn_dns_answer *answer, const struct question *question, const struct message *message, const struct account *account)
{
        fbn_dns_explanation *mine = &answer->explanation;
        char text[NAME_TEXT];

        mine->size = sizeof(*mine);
        mine->name = arena_strdup(&answer->arena, name_format(&question->name, text));
        mine->type = type_text(&answer->arena, question->type);
        mine->status = status_text(&answer->arena, (message->flags & FLAG_RCODE) | (unsigned)message->edns.rcode << 4);
        mine->route = arena_strdup(&answer->arena, account->suffix);
        mine->source = account->source;
        mine->upstream = account->upstream;
        mine->authoritative = account->authoritative;
        mine->kept_s = account->kept_s;
        return mine->name && mine->type && mine->status && mine->route;
}

int answer_new(fbn_context *c, const struct question *question, const struct message *message, const struct account *account, int64_t took,
               fbn_dns_answer **ret_answer)
{
        FBN_CLEANUP(fbn_dns_answer) answer = memory_alloc(sizeof(*answer));

        if (!answer)
                return fail_memory(c);
        answer->references = 1;
        if (!take_records(answer, message) || !explain(answer, question, message, account))
                return fail_memory(c);
        answer->explanation.microseconds = (uint64_t)took / 1000;
        *ret_answer = TAKE_PTR(answer);
        return 0;
}
