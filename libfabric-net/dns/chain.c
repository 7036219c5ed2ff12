/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"

#define LINKS 16 /* of one answer that are followed */
#define DEPTH 8  /* from one route to another, for one question */

/* A message of the question's name with the records of a chain of names, one leading to the next. */
struct chain {
        uint8_t *bytes;
        size_t length;
        uint16_t counts[SECTIONS];
        struct name name; /* the last, in lower case */
};

static bool owned_by(const struct message *message, const struct record *record, const struct name *name)
{
        struct name owner;

        message_name(message, record->start, &owner);
        return record->class == CLASS_IN && name_equal(&owner, name);
}

static bool copy(struct chain *chain, const struct message *message, const struct record *record, unsigned section)
{
        size_t length = message_copy_record(message, record, chain->bytes + chain->length, WIRE_MESSAGE - chain->length);

        chain->length += length;
        chain->counts[section] = (uint16_t)(chain->counts[section] + (length > 0));
        return length > 0;
}

static bool section_at(const struct message *message, unsigned section, size_t *ret_offset)
{
        struct record record;

        *ret_offset = message->records;
        for (unsigned i = SECTION_ANSWER; i < section; i++)
                for (unsigned j = 0; j < message->counts[i]; j++) {
                        if (!message_record(message, *ret_offset, &record))
                                return false;
                        *ret_offset = record.end;
                }
        return true;
}

/* The alias that an answer has for a name. */
static bool find_alias(const struct message *message, const struct name *name, struct name *ret_target)
{
        size_t offset = message->records;
        struct record record;

        for (unsigned i = 0; i < message->counts[SECTION_ANSWER] && message_record(message, offset, &record); i++, offset = record.end)
                if (record.type == TYPE_CNAME && owned_by(message, &record, name)) {
                        message_name(message, record.data, ret_target);
                        name_lower(ret_target);
                        return true;
                }
        return false;
}

/* The records of one name: all of them, or those of its alias. */
static bool copy_owned(struct chain *chain, const struct message *message, bool alias)
{
        size_t offset = message->records;
        struct record record;

        for (unsigned i = 0; i < message->counts[SECTION_ANSWER] && message_record(message, offset, &record); i++, offset = record.end)
                if ((!alias || record.type == TYPE_CNAME || record.type == TYPE_RRSIG) && owned_by(message, &record, &chain->name) &&
                    !copy(chain, message, &record, SECTION_ANSWER))
                        return false;
        return true;
}

static bool aliases_wanted(const struct question *question)
{
        return question->type == TYPE_CNAME || question->type == TYPE_ANY || question->class != CLASS_IN;
}

/* Follow the aliases of an answer while they stay in the route. True if one leaves it: target is then where to. */
static bool leaves(const fbn_dns_stub *stub, const struct exchange *exchange, const struct message *message, struct name *ret_target,
                   unsigned *ret_links)
{
        struct question question = exchange->question;
        struct name target;

        *ret_links = 0;
        if (aliases_wanted(&question))
                return false;
        name_lower(&question.name);
        while (*ret_links < LINKS && find_alias(message, &question.name, &target)) {
                (*ret_links)++;
                question.name = target;
                if (query_route(stub->table.routes, &question, &target) != exchange->route) {
                        *ret_target = target;
                        return true;
                }
        }
        return false;
}

static void chain_begin(struct chain *chain, const struct exchange *exchange)
{
        const struct question *question = &exchange->question;

        memset(chain->bytes, 0, WIRE_HEADER);
        chain->bytes[5] = 1;
        memcpy(chain->bytes + WIRE_HEADER, question->name.bytes, question->name.length);
        chain->length = WIRE_HEADER + question->name.length;
        wire_write16(chain->bytes + chain->length, question->type);
        wire_write16(chain->bytes + chain->length + 2, question->class);
        chain->length += 4;
        chain->name = question->name;
        name_lower(&chain->name);
}

static void chain_end(struct chain *chain, unsigned rcode)
{
        wire_write16(chain->bytes + 2, (uint16_t)(FLAG_QR | FLAG_RA | rcode));
        for (unsigned section = SECTION_ANSWER; section < SECTIONS; section++)
                wire_write16(chain->bytes + 4 + 2 * (size_t)section, chain->counts[section]);
}

/* What the exchange keeps while it waits: the way to the target. */
static bool keep_head(struct exchange *exchange, const struct message *message, unsigned links)
{
        _cleanup_free_ uint8_t *bytes = memory_alloc(WIRE_MESSAGE);
        struct chain chain = {.bytes = bytes};
        struct name target;

        if (!bytes)
                return false;
        chain_begin(&chain, exchange);
        for (unsigned i = 0; i < links; i++) {
                if (!find_alias(message, &chain.name, &target) || !copy_owned(&chain, message, true))
                        return false;
                chain.name = target;
        }
        chain_end(&chain, RCODE_NOERROR);
        exchange->head = memory_alloc(chain.length);
        if (!exchange->head)
                return false;
        memcpy(exchange->head, bytes, chain.length);
        exchange->head_length = chain.length;
        return true;
}

static bool read_whole(const uint8_t *bytes, size_t length, struct message *ret_message)
{
        return message_header(bytes, length, ret_message) && message_question(ret_message) && message_records(ret_message);
}

/* Nobody is asked for the target here: the client gets as far as we go. */
static void settle_head(fbn_dns_stub *stub, struct exchange *exchange)
{
        struct message head;

        if (read_whole(exchange->head, exchange->head_length, &head))
                exchange_settle(stub, exchange, &head, true);
        else
                exchange_failed(stub, exchange);
}

bool chain_follow(fbn_dns_stub *stub, struct exchange *exchange, const struct message *message)
{
        struct query further = {.parent = exchange, .depth = exchange->depth + 1};
        unsigned links;

        if (!message->aliases || !leaves(stub, exchange, message, &further.asked.question.name, &links))
                return false;
        if (further.depth > DEPTH || !keep_head(exchange, message, links)) {
                exchange_failed(stub, exchange);
                return true;
        }
        for (size_t i = 0; i < ARRAY_SIZE(exchange->attempts); i++)
                upstream_close(stub, &exchange->attempts[i]);
        timer_stop(&exchange->hedge);
        further.asked.flags = exchange->flags;
        further.asked.readable = further.asked.edns = true;
        further.asked.question.type = exchange->question.type;
        further.asked.question.class = exchange->question.class;
        further.asked.dnssec_ok = exchange->dnssec_ok;
        further.asked.limit = WIRE_MESSAGE;
        query_hash(stub, &further);
        if (query_route(stub->table.routes, &further.asked.question, &further.asked.question.name))
                query_resolve(stub, &further);
        else
                settle_head(stub, exchange);
        return true;
}

/* The head, then what was said at its end, as far as it belongs there, and why nothing is there. */
static bool join(struct chain *chain, const struct exchange *exchange, const struct message *end)
{
        struct name target;
        size_t offset;
        struct record record;

        memcpy(chain->bytes, exchange->head, exchange->head_length);
        chain->length = exchange->head_length;
        chain->counts[SECTION_ANSWER] = wire_read16(chain->bytes + 6);
        chain->name = end->question.name;
        for (unsigned i = 0; i <= LINKS * DEPTH; i++) {
                bool alias = find_alias(end, &chain->name, &target);

                if (!copy_owned(chain, end, alias))
                        return false;
                if (!alias)
                        break;
                chain->name = target;
        }
        if (!section_at(end, SECTION_AUTHORITY, &offset))
                return false;
        for (unsigned i = 0; i < end->counts[SECTION_AUTHORITY] && message_record(end, offset, &record); i++, offset = record.end)
                if (record.type == TYPE_SOA && !copy(chain, end, &record, SECTION_AUTHORITY))
                        return false;
        return true;
}

void chain_answered(fbn_dns_stub *stub, struct exchange *exchange, const uint8_t *bytes, size_t length)
{
        _cleanup_free_ uint8_t *joined = memory_alloc(WIRE_MESSAGE);
        struct chain chain = {.bytes = joined};
        struct message end, whole;
        unsigned rcode;

        exchange->chase = NULL;
        if (!joined || !read_whole(bytes, length, &end)) {
                exchange_failed(stub, exchange);
                return;
        }
        rcode = end.flags & FLAG_RCODE;
        if ((rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN) || !join(&chain, exchange, &end)) {
                exchange_failed(stub, exchange);
                return;
        }
        chain_end(&chain, rcode);
        if (read_whole(joined, chain.length, &whole))
                exchange_settle(stub, exchange, &whole, true);
        else
                exchange_failed(stub, exchange);
}

/* Each waits for one other at most. */
bool chain_loops(const struct exchange *exchange, const struct exchange *parent)
{
        for (; exchange; exchange = exchange->chase ? exchange->chase->exchange : NULL)
                if (exchange == parent)
                        return true;
        return false;
}
