/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/told.h"

#include "base/address.h"

#define HEAD ((size_t)25) /* source, authority, four bytes of seconds, family, port, address; the suffix follows */

/* It waits as a question of this process does, and its answer is passed on with what became known about it. */
struct told {
        struct inquiry inquiry; /* first member */
        struct list in_stub;
        struct asked asked;
        struct listener *listener;
        struct datagram datagram;
};

static size_t write_account(const struct account *account, uint8_t *bytes)
{
        size_t suffix = MIN(strlen(account->suffix), ROUTE_TEXT - 1);

        memset(bytes, 0, HEAD);
        bytes[0] = (uint8_t)account->source;
        bytes[1] = account->authoritative;
        wire_write32(bytes + 2, account->kept_s);
        bytes[6] = account->upstream.address.family == AF_INET6 ? 6 : account->upstream.address.family == AF_INET ? 4 : 0;
        wire_write16(bytes + 7, account->upstream.port);
        memcpy(bytes + 9, account->upstream.address.bytes, 16);
        memcpy(bytes + HEAD, account->suffix, suffix);
        return HEAD + suffix;
}

bool told_read(const uint8_t *bytes, size_t length, struct account *account, char suffix[ROUTE_TEXT])
{
        if (length < HEAD || length - HEAD >= ROUTE_TEXT || bytes[0] > FBN_DNS_SOURCE_LOCAL)
                return false;
        *account = (struct account){.source = (fbn_dns_source)bytes[0], .authoritative = bytes[1], .kept_s = wire_read32(bytes + 2), .suffix = suffix};
        account->upstream.address.family = bytes[6] == 6 ? AF_INET6 : bytes[6] == 4 ? AF_INET : 0;
        account->upstream.port = wire_read16(bytes + 7);
        memcpy(account->upstream.address.bytes, bytes + 9, 16);
        memcpy(suffix, bytes + HEAD, length - HEAD);
        suffix[length - HEAD] = 0;
        return true;
}

static bool read_whole(const uint8_t *bytes, size_t length, struct message *ret_message)
{
        return message_header(bytes, length, ret_message) && message_question(ret_message) && message_records(ret_message);
}

static void send_told(fbn_dns_stub *stub, struct told *told, const struct message *message)
{
        struct account account = inquiry_account(&told->inquiry, message);
        uint8_t option[HEAD + ROUTE_TEXT];
        size_t size = write_account(&account, option), length;
        uint8_t *bytes = datagrams_room(&stub->answers, told->listener->udp.fd);
        struct message whole;

        told->asked.limit -= 4 + size;
        length = reply_forward(&told->asked, message, bytes);
        if (read_whole(bytes, length, &whole) && whole.edns.present)
                length = edns_add(bytes, whole.edns.start, length, OPTION_WHY, option, size);
        datagrams_put(&stub->answers, length, &told->datagram);
}

static void finished(fbn_dns_stub *stub, struct inquiry *inquiry)
{
        struct told *told = (struct told *)inquiry;
        struct message message;

        if (inquiry->bytes && read_whole(inquiry->bytes, inquiry->length, &message))
                send_told(stub, told, &message);
        if (inquiry->query)
                inquiry->query->inquiry = NULL;
        list_remove(&told->in_stub);
        memory_free(inquiry->bytes);
        memory_free(told);
}

bool told_take(fbn_dns_stub *stub, const struct query *origin)
{
        struct query query = *origin;
        struct told *told;

        if (!bound_loopback(&origin->datagram.peer) || origin->asked.limit < WIRE_EDNS)
                return false;
        told = memory_alloc(sizeof(*told));
        if (!told)
                return false;
        told->inquiry.finished = finished;
        told->asked = origin->asked;
        told->listener = origin->listener;
        told->datagram = origin->datagram;
        list_append(&stub->told, &told->in_stub);
        query.inquiry = &told->inquiry;
        query.asked.limit = WIRE_MESSAGE;
        query_hash(stub, &query);
        query_resolve(stub, &query);
        return true;
}

void told_free(fbn_dns_stub *stub)
{
        while (!list_empty(&stub->told)) {
                struct told *told = CONTAINER_OF(stub->told.next, struct told, in_stub);

                list_remove(&told->in_stub);
                memory_free(told->inquiry.bytes);
                memory_free(told);
        }
}
