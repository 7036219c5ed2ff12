/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/monitor.h"
#include "netns/wireguard.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

/* A proxy between us and wireguard-go that lets a change through in part, or loses its answer: what is said to stand is what wg sees. */

#define DAEMON "/run/wireguard/wgf.sock"
#define PROXY "/run/proxy.sock"

static fbn_context *c;
static fbn_secret *key;

static struct {
        int listener;
        int peers;          /* of a change that reach the daemon, -1: all */
        const char *answer; /* to a change; NULL: the daemon's own; "": the connection ends */
        bool deaf;          /* after a change nothing is read any more */
        unsigned sets;
} proxy;

/* The way to the daemon leads through the proxy, for this program only. */
static int through_proxy(int fd, const struct sockaddr *address, socklen_t length)
{
        struct sockaddr_un detour = *(const struct sockaddr_un *)address;

        if (strcmp(detour.sun_path, "/var/run/wireguard/wgf.sock") == 0)
                snprintf(detour.sun_path, sizeof(detour.sun_path), PROXY);
        return connect(fd, (struct sockaddr *)&detour, sizeof(detour));
}

static size_t read_request(int fd, char *request, size_t size)
{
        size_t length = 0;
        ssize_t n;

        while (length < 2 || memcmp(request + length - 2, "\n\n", 2) != 0) {
                n = read(fd, request + length, size - 1 - length);
                if (n <= 0)
                        break;
                length += (size_t)n;
        }
        request[length] = 0;
        return length;
}

/* Cut the request before its peer number proxy.peers. */
static size_t cut(char *request, size_t length)
{
        char *end = request;

        for (int i = 0; end && i <= proxy.peers; i++)
                end = strstr(end + 1, "\npublic_key=");
        if (!end || proxy.peers < 0)
                return length;
        strcpy(end, "\n\n");
        return (size_t)(end + 2 - request);
}

static void forward(int from, const char *request, size_t length, bool answered)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = DAEMON};
        int to = socket(AF_UNIX, SOCK_STREAM, 0);
        char bytes[65536];
        ssize_t n;

        if (connect(to, (struct sockaddr *)&address, sizeof(address)) < 0 || write(to, request, length) != (ssize_t)length)
                abort();
        shutdown(to, SHUT_WR);
        while ((n = read(to, bytes, sizeof(bytes))) > 0)
                if (answered && write(from, bytes, (size_t)n) != n)
                        break;
        close(to);
}

static void serve(int fd)
{
        static char request[1 << 20];
        size_t length = read_request(fd, request, sizeof(request));

        if (strncmp(request, "set=1\n", 6) == 0) {
                proxy.sets++;
                forward(fd, request, cut(request, length), !proxy.answer);
                if (proxy.answer)
                        (void)!write(fd, proxy.answer, strlen(proxy.answer));
        } else if (!proxy.deaf || proxy.sets == 0) {
                forward(fd, request, length, true);
        }
        close(fd);
}

static void *run_proxy(void *data)
{
        for (;;) {
                int fd = accept(proxy.listener, NULL, NULL);

                if (fd < 0)
                        return data;
                serve(fd);
        }
}

static int start(void **state)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = PROXY};
        pthread_t thread;

        signal(SIGPIPE, SIG_IGN); /* the proxy's: whoever asked may have read enough */
        namespace_new("here");
        c = namespace_context("here");
        assert_ok(c, fbn_key_generate(c, &key));
        command("ip netns exec here wireguard-go wgf 2>/dev/null");
        command_until("test -S " DAEMON);
        proxy.listener = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(proxy.listener, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(proxy.listener, 8), 0);
        assert_int_equal(pthread_create(&thread, NULL, run_proxy, NULL), 0);
        pthread_detach(thread);
        return 0;
}

static int stop(void **state)
{
        fbn_secret_unref(key);
        fbn_context_unref(c);
        return 0;
}

/* Each test begins with an empty interface. */
static int fresh(void **state)
{
        proxy.peers = -1;
        proxy.answer = NULL;
        proxy.deaf = false;
        proxy.sets = 0;
        command("ip netns exec here wg show wgf peers | xargs -r -I{} ip netns exec here wg set wgf peer {} remove");
        return 0;
}

static fbn_wireguard *peers(unsigned count)
{
        fbn_wireguard *want;
        char text[FBN_ADDRESS_TEXT];

        assert_ok(c, fbn_wireguard_new(c, FBN_OPTIONS(fbn_wireguard_interface, .private_key = key), &want));
        for (unsigned i = 0; i < count; i++) {
                fbn_prefix allowed;

                snprintf(text, sizeof(text), "10.%u.0.0/16", i);
                allowed = prefix_of(text);
                assert_ok(c, fbn_wireguard_add(c, want,
                                               FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{(uint8_t)(i + 1)}}, .allowed_ips = &allowed,
                                                           .n_allowed_ips = 1)));
        }
        return want;
}

static void assert_peers(unsigned count)
{
        command("test $(ip netns exec here wg show wgf peers | wc -l) = %u", count);
}

static void without_faults_the_proxy_is_not_noticed(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = peers(5);

        assert_int_equal(fbn_wireguard_apply(c, "wgf", want, NULL, NULL), 6);
        assert_int_equal(fbn_wireguard_apply(c, "wgf", want, NULL, NULL), 0);
        assert_int_equal(proxy.sets, 1);
        assert_agrees_with_wg(c, "here", "wgf");
}

static void a_refusal_midway_says_how_much_is_missing_and_what_first(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = peers(5);
        FBN_CLEANUP(fbn_changes) changes = NULL;

        proxy.peers = 2;
        proxy.answer = "errno=-28\n\n";
        assert_failed(c, fbn_wireguard_apply(c, "wgf", want, NULL, &changes), FBN_EPARTIAL, "wgf: the daemon refused: No space left on device");
        assert_null(changes);
        assert_int_equal(fbn_context_error_errno(c), ENOSPC);
        assert_failed(c, -FBN_EPARTIAL, FBN_EPARTIAL, "of 5 changes 3 are missing, first: wgf: peer AwAAA");
        assert_peers(2);
        proxy.peers = -1;
        proxy.answer = NULL;
        assert_int_equal(fbn_wireguard_apply(c, "wgf", want, NULL, &changes), 3); /* the second try does the rest */
        assert_agrees_with_wg(c, "here", "wgf");
}

static void a_refusal_at_once_is_no_half_measure(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = peers(3);

        proxy.peers = 0;
        proxy.answer = "errno=-22\n\n";
        assert_failed(c, fbn_wireguard_apply(c, "wgf", want, NULL, NULL), FBN_ESYSTEM, "wgf: the daemon refused: Invalid argument");
        assert_null(strstr(fbn_context_error(c), "missing"));
        assert_peers(0);
}

static void a_connection_that_breaks_midway_is_read_back_too(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = peers(4);

        proxy.peers = 1;
        proxy.answer = "";
        assert_failed(c, fbn_wireguard_apply(c, "wgf", want, NULL, NULL), FBN_EPARTIAL, "of 4 changes 3 are missing");
        assert_peers(1);
}

static void an_answer_that_is_lost_is_no_failure_when_all_stands(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = peers(4);
        FBN_CLEANUP(fbn_changes) changes = NULL;

        proxy.answer = "";
        assert_int_equal(fbn_wireguard_apply(c, "wgf", want, NULL, &changes), 4);
        assert_int_equal(fbn_changes_count(changes), 4);
        assert_agrees_with_wg(c, "here", "wgf");
}

static void what_cannot_be_read_back_is_said_to_be_unknown(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = peers(4);

        proxy.peers = 1;
        proxy.answer = "errno=-5\n\n";
        proxy.deaf = true;
        assert_failed(c, fbn_wireguard_apply(c, "wgf", want, NULL, NULL), FBN_EPARTIAL, "what stands is unknown");
        assert_peers(1);
}

static void answers_that_are_none_are_refused(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = peers(1);

        proxy.peers = 0;
        proxy.answer = "public_key=00\n\n";
        assert_failed(c, fbn_wireguard_apply(c, "wgf", want, NULL, NULL), FBN_EPROTOCOL, "wgf: the daemon answered a change with 'public_key'");
        proxy.answer = "hello\n";
        assert_failed(c, fbn_wireguard_apply(c, "wgf", want, NULL, NULL), FBN_EPROTOCOL, "wgf: the daemon sent a line without '='");
}

static void zones_go_to_the_daemon_and_do_not_come_back(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = peers(0);
        FBN_CLEANUP(fbn_wireguard) have = NULL;

        assert_ok(c, fbn_wireguard_add(c, want, FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{1}}, .endpoint = endpoint_of("[fe80::1%1]:5"))));
        assert_int_equal(fbn_wireguard_apply(c, "wgf", want, NULL, NULL), 1);
        assert_ok(c, fbn_wireguard_get(c, "wgf", &have));
        assert_int_equal(fbn_wireguard_at(have, 0)->endpoint.port, 5);
        assert_int_equal(fbn_wireguard_apply(c, "wgf", want, NULL, NULL), 0);
}

static void an_endpoint_that_is_refused_is_tried_again_and_told_once_it_stands(void **state)
{
        FBN_CLEANUP(fbn_wireguard) there = peers(1);
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        FBN_CLEANUP(fbn_monitor) resolver = NULL;
        const fbn_event *event;
        int r = 0;

        assert_ok(c, fbn_wireguard_apply(c, "wgf", there, NULL, NULL));
        assert_ok(c, fbn_wireguard_new(c, NULL, &want));
        assert_ok(c, fbn_wireguard_add(c, want, FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{1}}, .endpoint_name = "localhost:7")));
        proxy.peers = 0;
        proxy.answer = "errno=-5\n\n";
        assert_ok(c, fbn_wireguard_resolver_new(c, "wgf", want, FBN_OPTIONS(fbn_wireguard_resolver_options, .family = AF_INET), &resolver));
        for (unsigned i = 0; i < 20 && r == 0; i++)
                r = fbn_monitor_wait(c, resolver, 500);
        assert_failed(c, r, FBN_ESYSTEM, "wgf: the daemon refused: Input/output error");
        assert_null(fbn_monitor_next(resolver));
        proxy.peers = -1;
        proxy.answer = NULL;
        event = event_of(c, resolver, FBN_EVENT_CHANGED, "peer", "endpoint");
        assert_string_equal(event->after, "127.0.0.1:7");
        command("ip netns exec here wg show wgf endpoints | grep -q 127.0.0.1:7");
        command("ip netns exec here wg show wgf allowed-ips | grep -q 10.0.0.0/16");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(without_faults_the_proxy_is_not_noticed, fresh),
                cmocka_unit_test_setup(a_refusal_midway_says_how_much_is_missing_and_what_first, fresh),
                cmocka_unit_test_setup(a_refusal_at_once_is_no_half_measure, fresh),
                cmocka_unit_test_setup(a_connection_that_breaks_midway_is_read_back_too, fresh),
                cmocka_unit_test_setup(an_answer_that_is_lost_is_no_failure_when_all_stands, fresh),
                cmocka_unit_test_setup(what_cannot_be_read_back_is_said_to_be_unknown, fresh),
                cmocka_unit_test_setup(answers_that_are_none_are_refused, fresh),
                cmocka_unit_test_setup(an_endpoint_that_is_refused_is_tried_again_and_told_once_it_stands, fresh),
                cmocka_unit_test_setup(zones_go_to_the_daemon_and_do_not_come_back, fresh),
        };

        namespace_sandbox();
        assert_int_equal(fbn_set_tables(NULL, FBN_OPTIONS(fbn_system_calls, .connect = through_proxy)), 0);
        return cmocka_run_group_tests_name("faults between us and a daemon", tests, start, stop);
}
