/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections to a server that sends everybody over to TCP: one for all questions, answers in any order, and what becomes of a question
 * whose connection is closed. q7.stream.test has the address 1.1.1.7, so that no answer can be taken for another. */
#include "netns/dns_world.h"

#define LINES 64

enum manner {
        AT_ONCE,
        REVERSED,    /* when nothing more comes, the last first */
        CLOSED_ONCE, /* the first connection is closed in the middle of an answer, */
        CLOSED,      /* or all of them are */
        ONE_EACH,    /* closed after the first answer */
        SILENT,
        LYING, /* a few answers to nothing come first */
};

static struct {
        struct sockaddr_in address;
        int udp, tcp, stop[2];
        pthread_t thread;
        volatile enum manner manner;
        volatile unsigned accepted, open, heard, referred, reversed; /* the last: most answers at once */
        volatile bool hang_up;
        struct line {
                int fd; /* 0: none */
                uint8_t in[65536];
                size_t length;
                unsigned asked, said;
                struct {
                        uint8_t bytes[512];
                        size_t length;
                } questions[256];
        } lines[LINES];
} far;

static size_t far_answer(const uint8_t *query, uint8_t *answer)
{
        static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 1, 1, 1};
        size_t end = 12;

        while (query[end])
                end += 1 + (size_t)query[end];
        end += 5;
        memcpy(answer, query, end);
        answer[2] |= 0x80;
        memset(answer + 6, 0, 6);
        answer[7] = 1;
        memcpy(answer + end, record, sizeof(record));
        answer[end + sizeof(record)] = (uint8_t)atoi((const char *)query + 14);
        return end + sizeof(record) + 1;
}

static void far_close(struct line *line)
{
        close(line->fd);
        line->fd = 0;
        far.open--;
}

static void far_send(struct line *line, const uint8_t *query, size_t part, unsigned wrong)
{
        uint8_t framed[1024];
        size_t length = far_answer(query, framed + 2);

        upstream_write16(framed, (unsigned)length);
        framed[2] ^= (uint8_t)wrong;
        if (send(line->fd, framed, (length + 2) / part, MSG_NOSIGNAL) < 0)
                return; /* it has gone */
}

static void far_say(struct line *line, unsigned number)
{
        const uint8_t *query = line->questions[number].bytes;
        bool first = line == far.lines && far.accepted == 1;

        if (far.manner == CLOSED || (far.manner == CLOSED_ONCE && first)) {
                far_send(line, query, 2, 0);
                far_close(line);
        } else if (far.manner != SILENT && far.manner != REVERSED) {
                for (unsigned i = 0; far.manner == LYING && i < 3; i++)
                        far_send(line, query, 1, 1 + i);
                far_send(line, query, 1, 0);
                if (far.manner == ONE_EACH)
                        far_close(line);
        }
}

static void far_say_all(struct line *line)
{
        unsigned together = line->asked - line->said;

        while (line->fd && together > 0 && line->asked-- > line->said)
                far_send(line, line->questions[line->asked % 256].bytes, 1, 0);
        line->asked = line->said += together;
        far.reversed = MAX(far.reversed, together);
}

static void far_read(struct line *line)
{
        ssize_t received = recv(line->fd, line->in + line->length, sizeof(line->in) - line->length, MSG_DONTWAIT);

        if (received <= 0) {
                far_close(line);
                return;
        }
        line->length += (size_t)received;
        while (line->fd && line->length >= 2) {
                size_t length = (size_t)(line->in[0] << 8 | line->in[1]);

                if (line->length < 2 + length)
                        return;
                memcpy(line->questions[line->asked % 256].bytes, line->in + 2, length);
                line->length -= 2 + length;
                memmove(line->in, line->in + 2 + length, line->length);
                far.heard++;
                line->asked++;
                far_say(line, (line->asked - 1) % 256);
        }
}

static void far_accept(void)
{
        for (unsigned i = 0; i < LINES; i++)
                if (far.lines[i].fd == 0) {
                        far.lines[i].length = far.lines[i].asked = far.lines[i].said = 0;
                        far.accepted++;
                        far.open++;
                        far.lines[i].fd = accept(far.tcp, NULL, NULL);
                        return;
                }
}

/* What is asked over UDP comes back cut. */
static void far_refer(void)
{
        uint8_t bytes[512];
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t length = recvfrom(far.udp, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size);

        far.referred++;
        bytes[2] |= 0x82;
        if (length > 12)
                sendto(far.udp, bytes, (size_t)length, 0, (struct sockaddr *)&from, size);
}

static void *far_main(void *data)
{
        for (;;) {
                struct pollfd wait[3 + LINES] = {{.fd = far.stop[0], .events = POLLIN}, {.fd = far.udp, .events = POLLIN}, {.fd = far.tcp, .events = POLLIN}};

                for (unsigned i = 0; i < LINES; i++)
                        wait[3 + i] = (struct pollfd){.fd = far.lines[i].fd ? far.lines[i].fd : -1, .events = POLLIN};
                if (poll(wait, 3 + LINES, 20) == 0 && far.manner == REVERSED)
                        for (unsigned i = 0; i < LINES; i++)
                                far_say_all(&far.lines[i]);
                if (wait[0].revents)
                        return data;
                for (unsigned i = 0; i < LINES; i++)
                        if (far.hang_up && far.lines[i].fd)
                                far_close(&far.lines[i]);
                        else if (wait[3 + i].revents)
                                far_read(&far.lines[i]);
                far.hang_up = false;
                if (wait[1].revents)
                        far_refer();
                if (wait[2].revents)
                        far_accept();
        }
}

static int far_socket(int type)
{
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        assert_int_equal(bind(fd, (struct sockaddr *)&far.address, sizeof(far.address)), 0);
        return fd;
}

static int setup(void **state)
{
        fbn_endpoint where = endpoint("127.0.0.1:5353"), server = endpoint("127.0.0.1:5304");
        struct stub *stub = calloc(1, sizeof(*stub));
        struct namespace_guard guard;
        fbn_dns_routes *routes = NULL;

        memset(&far, 0, sizeof(far));
        far.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(server.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        assert_int_equal(namespace_enter(host, &guard), 0);
        far.udp = far_socket(SOCK_DGRAM);
        far.tcp = far_socket(SOCK_STREAM);
        namespace_leave(&guard);
        assert_int_equal(listen(far.tcp, LINES), 0);
        assert_int_equal(pipe(far.stop), 0);
        assert_int_equal(pthread_create(&far.thread, NULL, far_main, NULL), 0);
        assert_ok(host, fbn_dns_routes_new(host, &routes));
        assert_ok(host, fbn_dns_routes_add(host, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "stream.test", .upstreams = &server, .n_upstreams = 1)));
        stub_begin(stub, routes, FBN_OPTIONS(fbn_dns_stub_options, .listen = &where, .n_listen = 1, .timeout_ms = 2000, .cache_bytes = FBN_DNS_CACHE_OFF));
        *state = stub;
        return 0;
}

static int teardown(void **state)
{
        stub_stop(*state);
        free(*state);
        close(far.stop[1]);
        pthread_join(far.thread, NULL);
        for (unsigned i = 0; i < LINES; i++)
                if (far.lines[i].fd)
                        close(far.lines[i].fd);
        close(far.stop[0]);
        close(far.udp);
        close(far.tcp);
        return 0;
}

/* So many questions at once; all must be answered, each with its own address. */
static void ask_together(unsigned count)
{
        int fd = client(SOCK_DGRAM);
        static struct answer answer;
        uint8_t bytes[WIRE_QUERY];
        char name[32];

        for (unsigned i = 0; i < count; i++) {
                snprintf(name, sizeof(name), "q%u.stream.test", i);
                assert_true(send(fd, bytes, query(bytes, name, TYPE_A, (uint16_t)i, FLAG_RD), 0) > 0);
        }
        for (unsigned i = 0; i < count; i++) {
                receive(fd, &answer);
                snprintf(name, sizeof(name), "1.1.1.%u", answer.message.id);
                assert_int_equal(answer.rcode, RCODE_NOERROR);
                assert_string_equal(answer.address, name);
        }
        close(fd);
}

static void wait_until_closed(void)
{
        for (unsigned i = 0; far.open > 0 && i < 600; i++)
                poll(NULL, 0, 50);
        assert_int_equal(far.open, 0);
}

static void a_connection_is_used_again(void **state)
{
        for (unsigned i = 0; i < 20; i++)
                ask_together(1);
        assert_int_equal(far.heard, 20);
        assert_int_equal(far.accepted, 1);
        ask_together(50);
        assert_int_equal(far.accepted, 1);
        assert_int_equal(far.open, 1);
}

static void answers_come_in_any_order(void **state)
{
        far.manner = REVERSED;
        ask_together(40);
        assert_int_equal(far.accepted, 1);
        assert_true(far.reversed > 1);
}

static void a_question_whose_connection_is_closed_is_asked_once_more(void **state)
{
        far.manner = CLOSED_ONCE;
        ask_together(20);
        assert_true(far.accepted > 1);
        assert_true(far.heard > 20);
        assert_true(far.referred < 40); /* without beginning anew */
        far.manner = AT_ONCE;
        far.hang_up = true; /* while nobody waits */
        wait_until_closed();
        far.accepted = 0;
        ask_together(20);
        assert_int_equal(far.accepted, 1);
}

/* A lone server has two turns, each with one connection and one more. */
static void and_no_more_than_once(void **state)
{
        far.manner = CLOSED;
        assert_int_equal(ask("q1.stream.test")->rcode, RCODE_SERVFAIL);
        assert_in_range(far.accepted, 2, 4);
        assert_in_range(far.heard, 2, 4);
}

static void one_that_answers_one_question_a_connection_answers_all(void **state)
{
        far.manner = ONE_EACH;
        ask_together(30);
        assert_true(far.accepted >= 30);
        assert_true(far.referred < 60);
}

static void a_connection_that_nothing_comes_from_is_given_up(void **state)
{
        unsigned accepted;

        far.manner = SILENT;
        assert_int_equal(ask("q1.stream.test")->rcode, RCODE_SERVFAIL);
        accepted = far.accepted;
        far.manner = AT_ONCE;
        ask_together(3);
        assert_int_equal(far.accepted - accepted, 1);
}

static void what_was_not_asked_is_dropped(void **state)
{
        struct stub *stub = *state;

        far.manner = LYING;
        ask_together(5);
        assert_true(stub_counters(stub).mismatches >= 15);
        for (unsigned i = 0; far.accepted == 1 && i < 20; i++)
                ask_together(2);
        assert_true(far.accepted > 1); /* 16 are too many for one connection */
}

static void an_idle_connection_is_closed(void **state)
{
        ask_together(1);
        assert_int_equal(far.open, 1);
        wait_until_closed();
        ask_together(1);
        assert_int_equal(far.accepted, 2);
}

static int group_setup(void **state)
{
        namespace_new("host");
        host = namespace_context("host");
        return 0;
}

static int group_teardown(void **state)
{
        fbn_context_unref(host);
        return 0;
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_SERVER(a_connection_is_used_again),
                WITH_SERVER(answers_come_in_any_order),
                WITH_SERVER(a_question_whose_connection_is_closed_is_asked_once_more),
                WITH_SERVER(and_no_more_than_once),
                WITH_SERVER(one_that_answers_one_question_a_connection_answers_all),
                WITH_SERVER(a_connection_that_nothing_comes_from_is_given_up),
                WITH_SERVER(what_was_not_asked_is_dropped),
                WITH_SERVER(an_idle_connection_is_closed),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
