/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/cloudflare.h"

#include "http/http.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void answer(struct cloudflare *cloudflare, struct cdn_message *message, int socket)
{
        bool list = cloudflare->options->cdn_list;

        cloudflare->words[0] = 0;
        cloudflare->retry_ms = 0;
        switch (message->verb) {
        case CDN_BLOCK:
                (list ? list_block : rules_block)(cloudflare, message);
                break;
        case CDN_LIFT:
                (list ? list_lift : rules_lift)(cloudflare, message);
                break;
        case CDN_COMPARE:
                (list ? list_compare : rules_compare)(cloudflare, message, socket);
                break;
        }
        if (message->outcome != CDN_LATER)
                memcpy(message->words, cloudflare->words, sizeof(message->words));
}

void worker_run(fbn_context *c, const fbn_ban_engine_options *options, int socket)
{
        struct cloudflare cloudflare = {.c = c, .options = options, .next_ms = http_clock_ms()};
        struct cdn_message message;

        prctl(PR_SET_DUMPABLE, 0); /* the token is in here */
        snprintf(cloudflare.mark, sizeof(cloudflare.mark), "fabricnet %s", options->name);
        for (;;) {
                ssize_t n = recv(socket, &message, sizeof(message), 0);

                if (n < (ssize_t)offsetof(struct cdn_message, items) || (size_t)n != cdn_message_length(&message))
                        break;
                answer(&cloudflare, &message, socket);
                if (send(socket, &message, cdn_message_length(&message), MSG_NOSIGNAL) < 0)
                        break;
        }
        http_free(cloudflare.http);
        _exit(0);
}
