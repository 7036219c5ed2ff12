/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trace.h"

#include <string.h>

/* What the kernel says of a packet that no rule dropped and that went nowhere. */
static bool explain(struct command *command, const fbn_nat_trace *trace, fbn_rpfilter_result *ret_result)
{
        fbn_rpfilter_packet packet = {.size = sizeof(packet), .source = trace->source, .destination = trace->destination, .in_device = trace->in_device,
                                      .mark = trace->mark, .ip_protocol = trace->ip_protocol, .source_port = trace->source_port,
                                      .destination_port = trace->destination_port};

        return trace->kind == FBN_NAT_TRACE_FATE && strcmp(trace->verdict, "unrouted") == 0 && trace->in_device && trace->source.family == AF_INET &&
               fbn_rpfilter_ask(command->c, &packet, ret_result) >= 0 && ret_result->kind != FBN_RPFILTER_ACCEPT;
}

static const char *end_text(const fbn_address *address, uint16_t port, char *buffer, size_t size)
{
        fbn_endpoint endpoint = {.address = *address, .port = port};

        return port ? fbn_endpoint_format(&endpoint, buffer, size) : fbn_address_format(address, buffer, size);
}

static void print_json_line(struct command *command, const fbn_nat_trace *trace)
{
        static const char *const kinds[] = {"", "hook", "rule", "return", "policy", "fate"};
        fbn_rpfilter_result result = {.size = sizeof(result)};
        char source[FBN_ADDRESS_TEXT], destination[FBN_ADDRESS_TEXT], id[16];
        json_t *json;

        snprintf(id, sizeof(id), "%08x", trace->id);
        json = json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:I, s:s?, s:s?, s:s?, s:s?}", "packet", id, "kind", kinds[trace->kind], "hook", trace->hook,
                         "family", trace->family, "table", trace->table, "chain", trace->chain, "handle", (json_int_t)trace->handle, "rule", trace->rule,
                         "verdict", trace->verdict, "target", trace->target, "why", trace->why);
        json_object_update_new(json, json_pack("{s:I, s:s?, s:s?, s:s, s:s, s:i, s:i, s:i, s:I}", "mark", (json_int_t)trace->mark, "in", trace->in_device,
                                               "out", trace->out_device, "source", fbn_address_format(&trace->source, source, sizeof(source)),
                                               "destination", fbn_address_format(&trace->destination, destination, sizeof(destination)), "ip_protocol",
                                               (int)trace->ip_protocol, "source_port", (int)trace->source_port, "destination_port",
                                               (int)trace->destination_port, "length", (json_int_t)trace->length));
        if (explain(command, trace, &result))
                json_object_set_new(json, "reverse_path", json_string(result.why));
        json_dumpf(json, stdout, JSON_COMPACT);
        printf("\n");
        json_decref(json);
}

static void print_step(const fbn_nat_trace *trace)
{
        printf("%08x   %s %s %s:", trace->id, trace->family, trace->table, trace->chain);
        if (trace->kind == FBN_NAT_TRACE_RULE && trace->rule)
                printf(" rule '%s'", trace->rule);
        else if (trace->kind == FBN_NAT_TRACE_RULE)
                printf(" rule %llu", (unsigned long long)trace->handle);
        else
                printf(trace->kind == FBN_NAT_TRACE_POLICY ? " policy" : " end");
        printf(" %s%s%s", trace->verdict ? trace->verdict : "", trace->target ? " " : "", trace->target ? trace->target : "");
        if (trace->mark)
                printf(" mark 0x%x", trace->mark);
        printf("\n");
}

static void print_text(struct command *command, const fbn_nat_trace *trace)
{
        fbn_rpfilter_result result = {.size = sizeof(result)};
        char source[FBN_ADDRESS_TEXT + 8], destination[FBN_ADDRESS_TEXT + 8];

        if (trace->kind != FBN_NAT_TRACE_HOOK && trace->kind != FBN_NAT_TRACE_FATE) {
                print_step(trace);
                return;
        }
        if (trace->kind == FBN_NAT_TRACE_HOOK) {
                printf("%08x %s: %s > %s protocol %u%s%s%s%s\n", trace->id, trace->hook, end_text(&trace->source, trace->source_port, source, sizeof(source)),
                       end_text(&trace->destination, trace->destination_port, destination, sizeof(destination)), trace->ip_protocol,
                       trace->in_device ? " in " : "", trace->in_device ? trace->in_device : "", trace->out_device ? " out " : "",
                       trace->out_device ? trace->out_device : "");
                return;
        }
        printf("%08x %s%s%s: %s\n", trace->id, color(stdout, strcmp(trace->verdict, "delivered") == 0 || strcmp(trace->verdict, "sent") == 0 ? COLOR_GREEN : COLOR_RED),
               trace->verdict, color(stdout, COLOR_NONE), trace->why);
        if (explain(command, trace, &result))
                printf("%08x   %s\n", trace->id, result.why);
}

static int read_options(const struct command *command, fbn_nat_trace_options *options)
{
        static const char usage[] = "usage: fabricnet nat trace [--source PREFIX] [--destination PREFIX] [protocol NAME] [sport N] [dport N] [in LINK] [rate N]";

        if (command->source && fbn_prefix_parse(command->source, &options->source) < 0)
                return misused("nat: '%s' is nothing for --source", command->source);
        if (command->destination && fbn_prefix_parse(command->destination, &options->destination) < 0)
                return misused("nat: '%s' is nothing for --destination", command->destination);
        for (int i = 0; i < command->count; i += 2) {
                const char *word = command->argument[i], *value = i + 1 < command->count ? command->argument[i + 1] : NULL;
                bool fits = true;
                uint64_t number = 0;

                if (!value)
                        return misused("%s", usage);
                if (strcmp(word, "protocol") == 0)
                        options->protocol = value;
                else if (strcmp(word, "in") == 0)
                        options->in_device = value;
                else if (strcmp(word, "sport") == 0 && (fits = number_of(value, UINT16_MAX, &number)))
                        options->source_port = (uint16_t)number;
                else if (strcmp(word, "dport") == 0 && (fits = number_of(value, UINT16_MAX, &number)))
                        options->destination_port = (uint16_t)number;
                else if (strcmp(word, "rate") == 0 && (fits = number_of(value, 1000000, &number)))
                        options->rate = (uint32_t)number;
                else if (fits)
                        return misused("%s", usage);
                if (!fits)
                        return misused("nat: '%s' is nothing for '%s'", value, word);
        }
        return EXIT_DONE;
}

int nat_trace(struct command *command)
{
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        fbn_nat_trace_options options = {.size = sizeof(options)};
        int code = read_options(command, &options), r;

        if (code != EXIT_DONE)
                return code;
        r = fbn_nat_trace_new(command->c, &options, &monitor);
        if (r < 0)
                return failed(command, r);
        fprintf(stderr, "following packets; end with Ctrl-C\n");
        while (r >= 0 && fflush(stdout) == 0 && !ferror(stdout)) {
                const fbn_event *event;

                r = fbn_monitor_wait(command->c, monitor, -1);
                while ((event = fbn_monitor_next(monitor))) {
                        if (!event->trace)
                                fprintf(stderr, "too many packets at once: some are missing\n");
                        else if (command->json)
                                print_json_line(command, event->trace);
                        else
                                print_text(command, event->trace);
                }
        }
        return r >= 0 || r == -FBN_ECANCELED ? EXIT_DONE : failed(command, r);
}
