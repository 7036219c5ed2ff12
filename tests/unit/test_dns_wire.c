/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "dns/reply.h"

#include <stdlib.h>
#include <sys/socket.h>

/* A message under construction: a header and the question "nas.example A". */
struct packet {
        uint8_t bytes[WIRE_MESSAGE];
        size_t length;
};

#define QUESTION_END (WIRE_HEADER + 13 + 4)

static void put(struct packet *packet, const void *bytes, size_t length)
{
        assert_true(packet->length + length <= sizeof(packet->bytes));
        memcpy(packet->bytes + packet->length, bytes, length);
        packet->length += length;
}

#define PUT(packet, literal) put((packet), (literal), sizeof(literal) - 1)

static struct packet *begin(unsigned flags, unsigned answers, unsigned authority, unsigned additional)
{
        static struct packet packet;

        packet.length = 0;
        PUT(&packet, "\x12\x34\0\0\0\1\0\0\0\0\0\0" "\3nas\7example\0\0\1\0\1");
        wire_write16(packet.bytes + 2, (uint16_t)flags);
        wire_write16(packet.bytes + 6, (uint16_t)answers);
        wire_write16(packet.bytes + 8, (uint16_t)authority);
        wire_write16(packet.bytes + 10, (uint16_t)additional);
        return &packet;
}

static bool readable(const struct packet *packet, struct message *ret_message)
{
        struct message message;
        bool good;

        /* Exactly as long as it is, so that the sanitizers see every byte too far. */
        uint8_t *copy = malloc(packet->length ? packet->length : 1);
        memcpy(copy, packet->bytes, packet->length);
        good = message_header(copy, packet->length, &message) && message_question(&message) && message_records(&message);
        free(copy);
        if (good && ret_message) {
                *ret_message = message;
                ret_message->bytes = packet->bytes;
        }
        return good;
}

static void put_address(struct packet *packet, uint8_t last)
{
        PUT(packet, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\xa8\x14");
        put(packet, &last, 1);
}

static void an_honest_answer_is_read(void **state)
{
        struct packet *packet = begin(0x8180, 1, 1, 2);
        struct message message;

        PUT(packet, "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\6\3www\xc0\x10");                                           /* CNAME www.example */
        PUT(packet, "\xc0\x10\0\6\0\1\0\0\0\x3c\0\x1a\2ns\xc0\x10\0" "abcdefghijklmnopqrst");                 /* SOA */
        PUT(packet, "\3www\xc0\x10\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4");
        PUT(packet, "\0\0\x29\x04\xd0\x17\0\x80\0\0\x08\0\x0f\0\4\0\4hi");                                    /* OPT with an option */
        assert_true(readable(packet, &message));
        assert_int_equal(message.id, 0x1234);
        assert_int_equal(message.question.type, TYPE_A);
        assert_int_equal(message.question.name.length, 13);
        assert_int_equal(message.records, QUESTION_END);
        assert_int_equal(message.end, packet->length);
        assert_true(message.edns.present && message.edns.dnssec_ok);
        assert_int_equal(message.edns.size, 1232);
        assert_int_equal(message.edns.rcode, 0x17);
        assert_int_equal(message.edns.before, 1);
}

static void every_cut_of_a_message_is_refused(void **state)
{
        struct packet *packet = begin(0x8180, 2, 0, 1);
        size_t whole;

        PUT(packet, "\xc0\x0c\0\x0f\0\1\0\0\0\x3c\0\7\0\1\2mx\xc0\x10"); /* MX */
        put_address(packet, 10);
        PUT(packet, "\0\0\x29\x04\xd0\0\0\0\0\0\0");
        assert_true(readable(packet, NULL));
        for (whole = packet->length; packet->length > 0;) {
                packet->length--;
                assert_false(readable(packet, NULL));
        }
        assert_int_equal(whole, QUESTION_END + 19 + 16 + 11);
}

static void pointers_lead_strictly_backward(void **state)
{
        static const struct {
                const char *name;
                size_t length;
                bool good;
        } cases[] = {
                {"\xc0\x0c", 2, true},
                {"\1a\xc0\x0c", 4, true},
                {"\xc0\x1d", 2, false},         /* itself: the record begins at 29 */
                {"\1a\xc0\x1d", 4, false},      /* its own beginning: a loop */
                {"\1a\xc0\x1f", 4, false},      /* the pointer itself */
                {"\1a\1b\xc0\x1f", 6, false},   /* its own middle */
                {"\xc0\x30", 2, false},         /* forward */
                {"\xff\xff", 2, false},         /* outside */
                {"\1\0\xc0\x1c", 4, false},     /* back, but the label there reaches into this very name */
                {"\xc0\0", 2, false},           /* into the header */
                {"\xc0\x0b", 2, false},
                {"\x40" "a", 2, false},         /* labels of other kinds */
                {"\x80" "a", 2, false},
        };

        assert_int_equal(QUESTION_END, 29);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct packet *packet = begin(0x8180, 1, 0, 0);

                put(packet, cases[i].name, cases[i].length);
                PUT(packet, "\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4");
                if (readable(packet, NULL) != cases[i].good)
                        fail_msg("case %zu", i);
        }
}

static void pointers_in_data_are_checked_too(void **state)
{
        static const struct {
                uint16_t type;
                const char *data;
                size_t length;
                bool good;
        } cases[] = {
                {5, "\1a\xc0\x0c", 4, true},
                {5, "\xc0\x29", 2, false},              /* CNAME to itself: its data begins at 41 */
                {5, "\1a\xc0\x29", 4, false},
                {5, "\1a\xc0\x0c" "x", 5, false},       /* more than a name */
                {5, "", 0, false},
                {5, "\1a", 2, false},                   /* does not end within the record */
                {12, "\xc0\x29", 2, false},
                {15, "\0\1\xc0\x2b", 4, false},
                {15, "\0", 1, false},
                {33, "\0\1\0\1\0\1\xc0\x2f", 8, false},
                {33, "\0\1\0\1\0\1\xc0\x0c", 8, true},
                {6, "\xc0\x0c\xc0\x29" "abcdefghijklmnopqrst", 24, true}, /* the second name is the first one, in front of it */
                {6, "\xc0\x0c\xc0\x2b" "abcdefghijklmnopqrst", 24, false},
                {1, "\1\2\3", 3, false},
                {28, "\1\2\3\4", 4, false},
                {16, "\xc0\x29", 2, true},              /* TXT is opaque */
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct packet *packet = begin(0x8180, 1, 0, 0);

                PUT(packet, "\xc0\x0c\0\0\0\1\0\0\0\x3c\0\0");
                wire_write16(packet->bytes + 31, cases[i].type);
                wire_write16(packet->bytes + 39, (uint16_t)cases[i].length);
                put(packet, cases[i].data, cases[i].length);
                if (readable(packet, NULL) != cases[i].good)
                        fail_msg("case %zu", i);
        }
}

static void names_end_at_255_bytes(void **state)
{
        for (unsigned labels = 120; labels < 128; labels++) {
                struct packet *packet = begin(0x8180, 1, 0, 0);

                for (unsigned i = 0; i < labels; i++)
                        PUT(packet, "\1a");
                PUT(packet, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"); /* "nas.example" and its zero are 13 more */
                assert_int_equal(readable(packet, NULL), labels * 2 + 13 <= 255);
        }
}

/* Each record's owner points to the one before, all through strictly backward pointers: legal to the letter, quadratic to read. */
static void chains_of_pointers_are_bounded(void **state)
{
        for (unsigned count = 120; count < 135; count++) {
                struct packet *packet = begin(0x8180, count, 0, 0);
                size_t previous = WIRE_HEADER;

                for (unsigned i = 0; i < count; i++) {
                        size_t here = packet->length;

                        PUT(packet, "\xc0\0\0\x10\0\1\0\0\0\x3c\0\0");
                        packet->bytes[here] = (uint8_t)(0xc0 | previous >> 8);
                        packet->bytes[here + 1] = (uint8_t)previous;
                        previous = here;
                }
                assert_int_equal(readable(packet, NULL), count <= WIRE_POINTERS);
        }
}

static void records_are_counted(void **state)
{
        for (unsigned count = WIRE_RECORDS - 1; count <= WIRE_RECORDS + 1; count++) {
                struct packet *packet = begin(0x8180, count, 0, 0);

                for (unsigned i = 0; i < count; i++)
                        PUT(packet, "\0\0\x10\0\1\0\0\0\x3c\0\0");
                assert_int_equal(readable(packet, NULL), count <= WIRE_RECORDS);
        }
}

static void one_question_and_one_opt_of_the_root(void **state)
{
        struct packet *packet = begin(0x0100, 0, 0, 1);

        PUT(packet, "\0\0\x29\x04\xd0\0\0\0\0\0\0");
        assert_true(readable(packet, NULL));
        packet->bytes[5] = 0;
        assert_false(readable(packet, NULL));
        packet->bytes[5] = 2;
        assert_false(readable(packet, NULL));
        packet = begin(0x0100, 0, 0, 2);
        PUT(packet, "\0\0\x29\x04\xd0\0\0\0\0\0\0" "\0\0\x29\x04\xd0\0\0\0\0\0\0");
        assert_false(readable(packet, NULL));
        packet = begin(0x0100, 0, 0, 1);
        PUT(packet, "\xc0\x0c\0\x29\x04\xd0\0\0\0\0\0\0");
        assert_false(readable(packet, NULL));
        packet = begin(0x0100, 1, 0, 0);
        PUT(packet, "\0\0\x29\x04\xd0\0\0\0\0\0\0");
        assert_false(readable(packet, NULL));
        packet = begin(0x0100, 0, 0, 1);
        PUT(packet, "\0\0\x29\x04\xd0\0\0\0\0\0\5\0\x0f\0\2x"); /* an option longer than the record */
        assert_false(readable(packet, NULL));
}

static void questions_are_equal_without_case_and_only_so(void **state)
{
        struct question a = {.name = {5, "\3nas"}, .type = 1, .class = 1}, b = a;

        memcpy(b.name.bytes, "\3NaS", 5);
        assert_true(question_equal(&a, &b));
        b.type = 28;
        assert_false(question_equal(&a, &b));
        b = a;
        b.class = 3;
        assert_false(question_equal(&a, &b));
        b = a;
        memcpy(b.name.bytes, "\3nat", 5);
        assert_false(question_equal(&a, &b));
        memcpy(a.name.bytes, "\3na[", 5);
        memcpy(b.name.bytes, "\3na{", 5); /* differ in the bit of case, but are no letters */
        assert_false(question_equal(&a, &b));
}

static const struct asked client = {
        .id = 0xbeef,
        .flags = FLAG_RD | FLAG_CD | FLAG_AD,
        .readable = true,
        .question = {.name = {13, "\3nAs\7eXample"}, .type = TYPE_A, .class = CLASS_IN},
        .limit = WIRE_PLAIN,
};

static uint8_t out[WIRE_MESSAGE];

static struct message forwarded(const struct asked *asked, const struct packet *packet)
{
        static struct packet copy;
        struct message message;

        assert_true(readable(packet, &message));
        copy.length = reply_forward(asked, &message, out);
        assert_true(copy.length <= asked->limit);
        memcpy(copy.bytes, out, copy.length);
        if (!readable(&copy, &message))
                fail_msg("what is given to the client cannot be read");
        assert_int_equal(message.end, copy.length);
        return message;
}

static void the_client_gets_its_own_id_case_and_flags_back(void **state)
{
        struct packet *packet = begin(0x84a0, 1, 0, 0); /* AA, RA, AD */
        struct message message;

        put_address(packet, 10);
        message = forwarded(&client, packet);
        assert_int_equal(message.id, 0xbeef);
        assert_int_equal(message.flags, FLAG_QR | FLAG_RD | FLAG_RA | FLAG_CD);
        assert_memory_equal(message.question.name.bytes, client.question.name.bytes, 13);
        assert_int_equal(message.counts[SECTION_ANSWER], 1);
        assert_memory_equal(out + QUESTION_END, packet->bytes + QUESTION_END, 16);
}

static void edns_is_hop_by_hop(void **state)
{
        struct packet *packet = begin(0x8180, 0, 0, 3);
        struct asked asked = client;
        struct message message;

        PUT(packet, "\1x\0\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4");
        PUT(packet, "\0\0\x29\x10\0\x01\0\x80\0\0\0");               /* extended code 16 */
        PUT(packet, "\1y\0\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4");
        message = forwarded(&asked, packet);
        assert_false(message.edns.present);
        assert_int_equal(message.counts[SECTION_ADDITIONAL], 1);
        assert_int_equal(message.flags & FLAG_RCODE, RCODE_SERVFAIL); /* BADVERS cannot be said, NOERROR would be a lie */
        asked.edns = true;
        message = forwarded(&asked, packet);
        assert_true(message.edns.present);
        assert_false(message.edns.dnssec_ok);
        assert_int_equal(message.edns.size, 1232);
        assert_int_equal(message.edns.rcode, 1);
        assert_int_equal(message.counts[SECTION_ADDITIONAL], 2);
        asked.dnssec_ok = true;
        assert_true(forwarded(&asked, packet).edns.dnssec_ok);
}

static void what_is_too_large_is_cut_between_records(void **state)
{
        struct asked asked = client;

        for (unsigned edns = 0; edns < 2; edns++)
                for (asked.limit = 100; asked.limit < 600; asked.limit++) {
                        struct packet *packet = begin(0x8180, 30, 0, 0); /* 509 bytes */
                        size_t fit = MIN((asked.limit - QUESTION_END - edns * WIRE_OPT) / 16, (size_t)30);
                        struct message message;

                        for (uint8_t i = 0; i < 30; i++)
                                put_address(packet, i);
                        asked.edns = edns;
                        message = forwarded(&asked, packet);
                        assert_int_equal(message.counts[SECTION_ANSWER], fit);
                        assert_int_equal(!!(message.flags & FLAG_TC), fit < 30);
                        assert_memory_equal(out + QUESTION_END, packet->bytes + QUESTION_END, fit * 16);
                        assert_int_equal(message.edns.present, edns);
                }
}

static void lost_additional_records_are_no_truncation(void **state)
{
        struct packet *packet = begin(0x8180, 1, 1, 20);
        struct asked asked = client;
        struct message message;

        put_address(packet, 1);
        put_address(packet, 2);
        for (uint8_t i = 0; i < 20; i++)
                put_address(packet, i);
        asked.limit = 128;
        message = forwarded(&asked, packet);
        assert_int_equal(message.counts[SECTION_AUTHORITY], 1);
        assert_int_equal(message.counts[SECTION_ADDITIONAL], 4);
        assert_false(message.flags & FLAG_TC);
        asked.limit = QUESTION_END + 16 + 15;
        message = forwarded(&asked, packet);
        assert_int_equal(message.counts[SECTION_ANSWER], 1);
        assert_int_equal(message.counts[SECTION_AUTHORITY], 0);
        assert_int_equal(message.counts[SECTION_ADDITIONAL], 0);
        assert_true(message.flags & FLAG_TC);
}

static void a_status_says_what_was_asked(void **state)
{
        struct asked asked = client;
        struct message message;
        size_t length = reply_status(&asked, RCODE_REFUSED, out);

        assert_true(message_header(out, length, &message) && message_question(&message) && message_records(&message));
        assert_int_equal(message.id, 0xbeef);
        assert_int_equal(message.flags, FLAG_QR | FLAG_RD | FLAG_RA | FLAG_CD | RCODE_REFUSED);
        assert_true(question_equal(&message.question, &asked.question));
        assert_int_equal(length, QUESTION_END);
        asked.edns = true;
        length = reply_status(&asked, RCODE_BADVERS, out);
        assert_true(message_header(out, length, &message) && message_question(&message) && message_records(&message));
        assert_int_equal(message.flags & FLAG_RCODE, 0);
        assert_int_equal(message.edns.rcode, 1);
        asked.readable = false;
        asked.edns = false;
        assert_int_equal(reply_status(&asked, RCODE_FORMERR, out), WIRE_HEADER);
}

static void our_query_has_nothing_of_the_client_but_the_question(void **state)
{
        uint8_t query[WIRE_QUERY];
        struct packet packet;
        struct message message;

        packet.length = query_write(0x4321, client.flags, &client.question, true, true, query);
        memcpy(packet.bytes, query, packet.length);
        assert_true(readable(&packet, &message));
        assert_int_equal(message.id, 0x4321);
        assert_int_equal(message.flags, FLAG_RD | FLAG_CD); /* not AD */
        assert_int_equal(message.edns.size, 1232);
        assert_true(message.edns.dnssec_ok);
        packet.length = query_write(0x4321, 0, &client.question, false, true, query);
        assert_int_equal(packet.length, QUESTION_END);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_honest_answer_is_read),
                cmocka_unit_test(every_cut_of_a_message_is_refused),
                cmocka_unit_test(pointers_lead_strictly_backward),
                cmocka_unit_test(pointers_in_data_are_checked_too),
                cmocka_unit_test(names_end_at_255_bytes),
                cmocka_unit_test(chains_of_pointers_are_bounded),
                cmocka_unit_test(records_are_counted),
                cmocka_unit_test(one_question_and_one_opt_of_the_root),
                cmocka_unit_test(questions_are_equal_without_case_and_only_so),
                cmocka_unit_test(the_client_gets_its_own_id_case_and_flags_back),
                cmocka_unit_test(edns_is_hop_by_hop),
                cmocka_unit_test(what_is_too_large_is_cut_between_records),
                cmocka_unit_test(lost_additional_records_are_no_truncation),
                cmocka_unit_test(a_status_says_what_was_asked),
                cmocka_unit_test(our_query_has_nothing_of_the_client_but_the_question),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
