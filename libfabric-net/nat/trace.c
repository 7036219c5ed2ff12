/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/monitor.h"
#include "nat/trace.h"

#include <errno.h>
#include <fabricnet/link.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>

#define PACKETS 256                     /* followed at once; of more the oldest ends early */
#define QUIET ((int64_t)200 * 1000000)  /* nanoseconds without a message, after which nothing more comes */
#define BUFFER_BYTES ((int)1 << 20)

/* What is known of a packet: a message has its headers only the first time in each hook. */
struct packet {
        fbn_nat_trace last; /* no borrowed text but static ones */
        char hook[16];
        char in_device[16], out_device[16];
        char dropped_by[256]; /* "" unless it was */
        bool left; /* came to the end of that hook */
        int64_t seen;
};

struct rule_name {
        uint8_t family;
        uint64_t handle;
        char *table, *comment;
};

struct tracer {
        fbn_monitor monitor; /* first member */
        struct netlink *owner;  /* of the table */
        struct netlink *events;
        struct packet packets[PACKETS];
        size_t n_packets;
        struct rule_name *names;
        size_t n_names, names_capacity;
        struct arena arena; /* of the names */
};

static struct tracer *of(fbn_monitor *monitor)
{
        return (struct tracer *)monitor;
}

static int keep(struct arena *arena, const char **text)
{
        return !*text || (*text = arena_strdup(arena, *text));
}

/* Queue a copy of the step. */
static int add(fbn_context *c, struct tracer *mine, const fbn_nat_trace *trace)
{
        struct arena *arena = &mine->monitor.arena;
        fbn_nat_trace *copy = arena_copy(arena, trace, sizeof(*trace));
        char object[32];

        if (!copy || !keep(arena, &copy->hook) || !keep(arena, &copy->table) || !keep(arena, &copy->chain) || !keep(arena, &copy->rule) ||
            !keep(arena, &copy->target) || !keep(arena, &copy->why) || !keep(arena, &copy->in_device) || !keep(arena, &copy->out_device))
                return fail_memory(c);
        snprintf(object, sizeof(object), "packet %08x", trace->id);
        return monitor_add(c, &mine->monitor, &(fbn_event){.size = sizeof(fbn_event), .kind = FBN_EVENT_TRACED, .type = "packet", .object = object, .trace = copy});
}

struct fate {
        const char *verdict, *why;
};

static struct fate fate_of(const struct packet *packet)
{
        if (*packet->dropped_by)
                return (struct fate){"dropped", packet->dropped_by};
        if (streq(packet->hook, "input") && packet->left)
                return (struct fate){"delivered", "it passed all chains of input: this host has it, if something listens"};
        if (streq(packet->hook, "postrouting") && packet->left)
                return (struct fate){"sent", "it passed all chains of postrouting and left"};
        if (streq(packet->hook, "prerouting") && packet->left)
                return (struct fate){"unrouted", "it passed prerouting and reached neither input nor forward: dropped by the choice of its route or by the "
                                                 "reverse-path filter, which no rule sees"};
        if (streq(packet->hook, "forward") && packet->left)
                return (struct fate){"lost", "it passed forward and did not reach postrouting: its neighbour or its size may be the reason"};
        return (struct fate){"lost", "its trace ends inside this hook: queued, stolen, or dropped by what is no nftables rule"};
}

static int end_packet(fbn_context *c, struct tracer *mine, size_t index)
{
        struct packet packet = mine->packets[index];
        struct fate fate = fate_of(&packet);

        packet.last.kind = FBN_NAT_TRACE_FATE;
        packet.last.hook = packet.hook;
        packet.last.in_device = *packet.in_device ? packet.in_device : NULL;
        packet.last.out_device = *packet.out_device ? packet.out_device : NULL;
        packet.last.table = packet.last.chain = packet.last.rule = packet.last.target = packet.last.family = NULL;
        packet.last.handle = 0;
        packet.last.verdict = fate.verdict;
        packet.last.why = fate.why;
        mine->n_packets--;
        memmove(&mine->packets[index], &mine->packets[index + 1], (mine->n_packets - index) * sizeof(packet));
        return add(c, mine, &packet.last);
}

static int end_quiet(fbn_context *c, struct tracer *mine)
{
        int64_t now = monitor_now(), due = MONITOR_NEVER;
        int r = 0;

        for (size_t i = 0; r == 0 && i < mine->n_packets;) {
                if (now - mine->packets[i].seen >= QUIET) {
                        r = end_packet(c, mine, i);
                        continue;
                }
                due = MIN(due, mine->packets[i].seen + QUIET);
                i++;
        }
        monitor_due(&mine->monitor, due);
        return r;
}

static struct packet *find(struct tracer *mine, uint32_t id)
{
        for (size_t i = 0; i < mine->n_packets; i++)
                if (mine->packets[i].last.id == id)
                        return &mine->packets[i];
        return NULL;
}

static int begin_packet(fbn_context *c, struct tracer *mine, uint32_t id, struct packet **ret_packet)
{
        int r = mine->n_packets == PACKETS ? end_packet(c, mine, 0) : 0;
        struct packet *packet = &mine->packets[mine->n_packets];

        if (r < 0)
                return r;
        mine->n_packets++;
        *packet = (struct packet){.last = {.size = sizeof(packet->last), .id = id}};
        *ret_packet = packet;
        return 0;
}

static void name_device(fbn_context *c, uint32_t index, char *name, size_t size)
{
        FBN_CLEANUP(fbn_links) links = NULL;
        struct error_record before = c->error;

        if (index == 0)
                return;
        snprintf(name, size, "%u", index);
        if (fbn_link_list(c, NULL, &links) < 0)
                c->error = before;
        for (size_t i = 0; i < fbn_links_count(links); i++)
                if (fbn_links_at(links, i)->index == index)
                        snprintf(name, size, "%s", fbn_links_at(links, i)->name);
}

struct comment {
        struct arena *arena;
        char *text;
};

/* nft(8) keeps a rule's comment in its userdata: type, length, text. Source: libnftnl/udata.h, NFTNL_UDATA_RULE_COMMENT. */
static int read_comment(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct nlattr *userdata = message_attribute(message, NFTA_RULE_USERDATA);
        const uint8_t *bytes = userdata ? mnl_attr_get_payload(userdata) : NULL;
        size_t length = userdata ? mnl_attr_get_payload_len(userdata) : 0;
        struct comment *comment = data;

        (void)c;
        for (size_t at = 0; at + 2 <= length && at + 2 + bytes[at + 1] <= length; at += 2u + bytes[at + 1]) {
                if (bytes[at] != NFTNL_UDATA_RULE_COMMENT)
                        continue;
                comment->text = arena_printf(comment->arena, "%.*s", (int)bytes[at + 1], (const char *)bytes + at + 2);
                break;
        }
        return 0;
}

/* A rule that is gone by now has no name. */
static const char *rule_name(fbn_context *c, struct tracer *mine, const struct trace_message *message)
{
        _Alignas(8) char bytes[NETLINK_MESSAGE];
        struct comment comment = {.arena = &mine->arena};
        struct error_record before = c->error;
        struct nlmsghdr *request;

        for (size_t i = 0; i < mine->n_names; i++)
                if (mine->names[i].handle == message->trace.handle && mine->names[i].family == message->family && streq(mine->names[i].table, message->trace.table))
                        return mine->names[i].comment;
        request = message_new(bytes, NFT_MSG_GETRULE);
        ((struct nfgenmsg *)mnl_nlmsg_get_payload(request))->nfgen_family = message->family;
        mnl_attr_put_strz(request, NFTA_RULE_TABLE, message->trace.table);
        mnl_attr_put_strz(request, NFTA_RULE_CHAIN, message->trace.chain);
        mnl_attr_put_u64(request, NFTA_RULE_HANDLE, htobe64(message->trace.handle));
        if (netlink_request(c, mine->owner, request, read_comment, &comment) < 0)
                c->error = before;
        if (ARRAY_RESERVE(mine->names, mine->n_names, mine->names_capacity))
                mine->names[mine->n_names++] = (struct rule_name){message->family, message->trace.handle, arena_strdup(&mine->arena, message->trace.table), comment.text};
        return comment.text;
}

static void remember(fbn_context *c, struct packet *packet, const struct trace_message *message)
{
        const fbn_nat_trace *trace = &message->trace;

        packet->seen = monitor_now();
        packet->last.mark = trace->mark;
        if (!message->has_headers)
                return;
        packet->last.source = trace->source;
        packet->last.destination = trace->destination;
        packet->last.ip_protocol = trace->ip_protocol;
        packet->last.source_port = trace->source_port;
        packet->last.destination_port = trace->destination_port;
        packet->last.length = trace->length;
        *packet->in_device = *packet->out_device = 0;
        name_device(c, message->in, packet->in_device, sizeof(packet->in_device));
        name_device(c, message->out, packet->out_device, sizeof(packet->out_device));
}

static void complete(const struct packet *packet, fbn_nat_trace *trace)
{
        trace->hook = *packet->hook ? packet->hook : NULL;
        trace->in_device = *packet->in_device ? packet->in_device : NULL;
        trace->out_device = *packet->out_device ? packet->out_device : NULL;
        trace->source = packet->last.source;
        trace->destination = packet->last.destination;
        trace->ip_protocol = packet->last.ip_protocol;
        trace->source_port = packet->last.source_port;
        trace->destination_port = packet->last.destination_port;
        trace->length = packet->last.length;
}

/* A message of our own chains: the packet reached or left a hook. */
static int follow_hook(fbn_context *c, struct tracer *mine, struct packet *packet, const struct trace_message *message)
{
        fbn_nat_trace trace = {.size = sizeof(trace), .kind = FBN_NAT_TRACE_HOOK, .id = message->trace.id, .mark = message->trace.mark};
        size_t length = strlen(message->trace.chain), ending = strlen(TRACE_END);

        if (length > ending && streq(message->trace.chain + length - ending, TRACE_END)) {
                packet->left = true;
                return 0;
        }
        if (streq(packet->hook, message->trace.chain)) /* the chain's policy after our rule */
                return 0;
        snprintf(packet->hook, sizeof(packet->hook), "%s", message->trace.chain);
        packet->left = false;
        complete(packet, &trace);
        return add(c, mine, &trace);
}

static void remember_drop(struct packet *packet, const fbn_nat_trace *trace)
{
        char rule[96] = "";

        if (!trace->verdict || !streq(trace->verdict, "drop"))
                return;
        if (trace->kind == FBN_NAT_TRACE_POLICY)
                snprintf(rule, sizeof(rule), "the policy");
        else if (trace->rule)
                snprintf(rule, sizeof(rule), "rule '%.64s' (handle %llu)", trace->rule, (unsigned long long)trace->handle);
        else
                snprintf(rule, sizeof(rule), "rule %llu", (unsigned long long)trace->handle);
        snprintf(packet->dropped_by, sizeof(packet->dropped_by), "by %s of chain '%.48s' of table '%s %.48s'", rule, trace->chain, trace->family, trace->table);
}

static int follow(fbn_context *c, struct tracer *mine, const struct nlmsghdr *raw)
{
        struct trace_message message;
        struct packet *packet;
        bool own;
        int r = 0;

        if (!trace_read(raw, &message))
                return 0;
        own = message.family == NFPROTO_INET && streq(message.trace.table, FBN_NAT_TRACE_TABLE);
        packet = find(mine, message.trace.id);
        if (!packet && !own) /* marked by somebody else's rule */
                return 0;
        if (!packet)
                r = begin_packet(c, mine, message.trace.id, &packet);
        if (r < 0)
                return r;
        remember(c, packet, &message);
        if (own)
                return follow_hook(c, mine, packet, &message);
        if (message.trace.kind == FBN_NAT_TRACE_RULE && message.trace.handle == 0) /* the end of a chain, which the kernel keeps as a rule */
                return 0;
        complete(packet, &message.trace);
        if (message.trace.kind == FBN_NAT_TRACE_RULE)
                message.trace.rule = rule_name(c, mine, &message);
        remember_drop(packet, &message.trace);
        return add(c, mine, &message.trace);
}

/* 1 for a datagram that was read, 0 if there is none now. */
static int receive(fbn_context *c, struct tracer *mine, size_t *ret_length)
{
        struct sockaddr_nl from = {0};
        struct iovec part = {mine->events->buffer, NETLINK_BUFFER};
        struct msghdr header = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};
        ssize_t n = sys()->recvmsg(mine->events->fd, &header, MSG_DONTWAIT);

        *ret_length = n > 0 && from.nl_pid == 0 ? (size_t)n : 0;
        if (n >= 0 || errno == EINTR)
                return 1;
        if (errno == ENOBUFS) /* too many packets at once: some are not told of, or their fate is not */
                return monitor_add(c, &mine->monitor, &(fbn_event){.size = sizeof(fbn_event), .kind = FBN_EVENT_RESYNC, .type = "packet", .object = "trace"}) < 0 ? -FBN_ENOMEM : 1;
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : fail_errno(c, errno, "cannot read traces");
}

static int process(fbn_context *c, fbn_monitor *monitor)
{
        struct tracer *mine = of(monitor);
        size_t length;
        int r;

        while ((r = receive(c, mine, &length)) > 0) {
                int left = (int)length;

                for (const struct nlmsghdr *message = (const struct nlmsghdr *)mine->events->buffer; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
                        r = follow(c, mine, message);
                        if (r < 0)
                                return r;
                }
        }
        return r < 0 ? r : end_quiet(c, mine);
}

static void release(fbn_monitor *monitor)
{
        struct tracer *mine = of(monitor);

        netlink_free(mine->owner); /* and with it the table */
        netlink_free(mine->events);
        memory_free(mine->names);
        arena_free(&mine->arena);
}

/* First listen, then mark packets. */
static int start(fbn_context *c, struct tracer *mine, const fbn_nat_trace_options *options)
{
        int bytes = BUFFER_BYTES;
        int r = netlink_new(c, NETLINK_NETFILTER, &mine->owner);

        if (r == 0)
                r = netlink_new(c, NETLINK_NETFILTER, &mine->events);
        if (r < 0)
                return r;
        if (setsockopt(mine->events->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
                setsockopt(mine->events->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
        r = netlink_join(c, mine->events, NFNLGRP_NFTRACE);
        if (r == 0)
                r = monitor_poll(c, &mine->monitor, mine->events->fd);
        return r < 0 ? r : trace_table_make(c, mine->owner, options);
}

int fbn_nat_trace_new(fbn_context *c, const fbn_nat_trace_options *options, fbn_monitor **ret_monitor)
{
        static const struct monitor_class class = {process, release};
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct tracer *mine = memory_alloc(sizeof(*mine));
        fbn_nat_trace_options how;
        int r;

        if (!mine)
                return fail_memory(c);
        monitor = &mine->monitor;
        r = monitor_begin(c, monitor, &class);
        if (r == 0)
                r = OPTIONS_READ(c, fbn_nat_trace_options, options, &how);
        if (r == 0)
                r = start(c, mine, &how);
        if (r < 0)
                return r;
        *ret_monitor = TAKE_PTR(monitor);
        return 0;
}
