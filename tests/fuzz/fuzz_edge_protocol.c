/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever is said to a ban engine, or by one: a request that is understood says the same when it is written and read again. */
#include "edge/protocol.h"

#include "base/address.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const struct request *request)
{
        char text[LINE_MAX_BYTES];
        int length = request_format(request, text, sizeof(text));
        struct request again = {0};

        if (length <= 0 || length >= (int)sizeof(text) || text[length - 1] != '\n')
                abort();
        text[length - 1] = 0;
        if (request_parse(text, &again) || again.verb != request->verb || again.for_good != request->for_good || !streq(again.reason, request->reason) ||
            (request->verb <= VERB_DELETE && !prefix_equal(&again.prefix, &request->prefix)) ||
            (request->verb == VERB_ADD && !request->for_good && again.seconds != request->seconds))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *line = malloc(size + 1), *copy = malloc(size + 1);
        struct request request;
        struct answer answer;

        memcpy(line, data, size);
        line[size] = 0;
        memcpy(copy, line, size + 1);
        if (!request_parse(line, &request))
                check_request(&request);
        if (answer_parse(copy, &answer) && answer.kind == ANSWER_BAN && answer.ban.prefix.length > family_bits(answer.ban.prefix.address.family))
                abort();
        free(line);
        free(copy);
        return 0;
}

#include "replay.h"
