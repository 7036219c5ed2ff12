/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One measurement of routes in the namespace it is started in, which has a link "wan", up: bench-route load|noop|raw-load|raw-noop COUNT.
 * The raw ones are the limit: messages made before the clock starts, 256 a send, and a dump that is read and dropped. */
#include <arpa/inet.h>
#include <fabricnet/fabricnet.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(int good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "bench-route: %s\n", what);
        exit(1);
}

static uint32_t destination(unsigned i)
{
        return htonl((20u << 24) + i);
}

static fbn_routes *wanted(fbn_context *c, unsigned count)
{
        fbn_routes *want = NULL;

        check(fbn_routes_new(c, &want) == 0, "memory");
        for (unsigned i = 0; i < count; i++) {
                uint32_t address = destination(i);
                fbn_route route = {.size = sizeof(route), .device = "wan", .destination = {{AF_INET, {0}}, 32}};

                memcpy(route.destination.address.bytes, &address, sizeof(address));
                check(fbn_routes_add(c, want, &route) == 0, fbn_context_error(c));
        }
        return want;
}

static double ours(unsigned count, int noop)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_routes) want = NULL;
        double start = now();

        check(fbn_context_new(NULL, &c) == 0, fbn_context_error(NULL));
        want = wanted(c, count);
        check(fbn_route_apply(c, want, NULL, NULL) == (int)count, fbn_context_error(c));
        if (noop) {
                start = now();
                check(fbn_route_apply(c, want, NULL, NULL) == 0, "the second apply did something");
        }
        return now() - start;
}

static size_t put(char *bytes, unsigned i, unsigned device, int acknowledge)
{
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof(*route));

        message->nlmsg_type = RTM_NEWROUTE;
        message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | (acknowledge ? NLM_F_ACK : 0));
        *route = (struct rtmsg){.rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = FBN_PROTOCOL,
                                .rtm_scope = RT_SCOPE_LINK, .rtm_type = RTN_UNICAST};
        mnl_attr_put_u32(message, RTA_DST, destination(i));
        mnl_attr_put_u32(message, RTA_OIF, device);
        return MNL_ALIGN(message->nlmsg_len);
}

static void load_raw(struct mnl_socket *socket, const char *bytes, size_t message, unsigned count)
{
        char answer[8192];

        for (unsigned i = 0; i < count; i += 256) {
                unsigned some = count - i < 256 ? count - i : 256;

                check(mnl_socket_sendto(socket, bytes + i * message, some * message) > 0, "send");
                check(mnl_socket_recvfrom(socket, answer, sizeof(answer)) > 0, "receive");
                check(((struct nlmsgerr *)mnl_nlmsg_get_payload((struct nlmsghdr *)answer))->error == 0, "refused");
        }
}

static void dump_raw(struct mnl_socket *socket)
{
        static char bytes[32768];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof(*route));
        int more = MNL_CB_OK;

        message->nlmsg_type = RTM_GETROUTE;
        message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        route->rtm_family = AF_INET;
        check(mnl_socket_sendto(socket, message, message->nlmsg_len) > 0, "send");
        while (more > MNL_CB_STOP) {
                ssize_t length = mnl_socket_recvfrom(socket, bytes, sizeof(bytes));

                check(length > 0, "receive");
                more = mnl_cb_run(bytes, (size_t)length, 0, 0, NULL, NULL);
        }
}

static double raw(unsigned count, int noop)
{
        struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
        unsigned device = if_nametoindex("wan");
        char *bytes = malloc((size_t)count * 64);
        size_t message = 0, length = 0;
        double start;

        check(socket && device && bytes && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0, "socket");
        for (unsigned i = 0; i < count; i++) {
                message = put(bytes + length, i, device, i % 256 == 255 || i == count - 1);
                length += message;
        }
        start = now();
        load_raw(socket, bytes, message, count);
        if (noop) {
                start = now();
                dump_raw(socket);
        }
        start = now() - start;
        mnl_socket_close(socket);
        free(bytes);
        return start;
}

/* Not ru_maxrss of getrusage(2): that remembers the process from before its exec. */
static long peak_kib(void)
{
        FILE *status = fopen("/proc/self/status", "r");
        char line[256];
        long kib = 0;

        check(status != NULL, "/proc/self/status");
        while (fgets(line, sizeof(line), status))
                if (sscanf(line, "VmHWM: %ld", &kib) == 1)
                        break;
        fclose(status);
        return kib;
}

int main(int argc, char **argv)
{
        const char *what = argc == 3 ? argv[1] : "";
        unsigned count = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
        double seconds;

        if (strncmp(what, "raw-", 4) == 0)
                seconds = raw(count, strcmp(what, "raw-noop") == 0);
        else
                seconds = ours(count, strcmp(what, "noop") == 0);
        printf("%.6f %ld\n", seconds, peak_kib());
        return 0;
}
