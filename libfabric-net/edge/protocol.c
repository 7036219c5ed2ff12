/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/protocol.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

#define WORDS_MAX 8
#define EVER "ever"
#define NONE "-"

/* Cut a line into words, the last of them all that is left. */
static size_t split(char *line, char **words, size_t most)
{
        size_t count = 0;

        while (count < most) {
                words[count++] = line;
                line = count < most ? strchr(line, ' ') : NULL;
                if (!line)
                        break;
                *line++ = 0;
        }
        return count;
}

static bool seconds_of(const char *text, uint32_t *ret_seconds, bool *ret_for_good)
{
        uint64_t value = 0;

        *ret_for_good = streq(text, EVER);
        if (!*ret_for_good && !text_to_u64(text, 0, UINT32_MAX / 4, &value))
                return false;
        *ret_seconds = (uint32_t)value;
        return true;
}

static const char *add_parse(char **words, size_t count, struct request *request)
{
        if (count != 4)
                return "add takes a prefix, seconds and a reason";
        if (!seconds_of(words[2], &request->seconds, &request->for_good))
                return "the seconds are no number, or more than 34 years";
        if (streq(words[3], NONE))
                return NULL;
        if (!reason_valid(words[3]))
                return "a reason is a word of up to 40 letters, digits, '_', '-', '.'";
        memcpy(request->reason, words[3], strlen(words[3]) + 1);
        return NULL;
}

const char *request_parse(char *line, struct request *ret_request)
{
        static const struct {
                const char *word;
                enum verb verb;
        } verbs[] = {{"add", VERB_ADD},   {"delete", VERB_DELETE}, {"flush", VERB_FLUSH}, {"reconcile", VERB_RECONCILE},
                     {"list", VERB_LIST}, {"status", VERB_STATUS}};
        struct request request = {0};
        char *words[WORDS_MAX];
        size_t count = split(line, words, WORDS_MAX), verb = 0;
        const char *wrong = NULL;

        while (verb < ARRAY_SIZE(verbs) && !streq(verbs[verb].word, words[0]))
                verb++;
        if (verb == ARRAY_SIZE(verbs))
                return "no such request";
        request.verb = verbs[verb].verb;
        if (request.verb <= VERB_DELETE) {
                if (count < 2 || fbn_prefix_parse(words[1], &request.prefix) < 0)
                        return "no address or prefix";
                fbn_prefix_network(&request.prefix, &request.prefix);
        }
        if (request.verb == VERB_ADD)
                wrong = add_parse(words, count, &request);
        else if (count != (request.verb == VERB_DELETE ? 2 : 1))
                wrong = "too many words";
        if (!wrong)
                *ret_request = request;
        return wrong;
}

int request_format(const struct request *request, char *buffer, size_t size)
{
        static const char *const verbs[] = {"add", "delete", "flush", "reconcile", "list", "status"};
        char prefix[FBN_ADDRESS_TEXT], seconds[16];

        if (request->verb > VERB_DELETE)
                return snprintf(buffer, size, "%s\n", verbs[request->verb]);
        fbn_prefix_format(&request->prefix, prefix, sizeof(prefix));
        if (request->verb == VERB_DELETE)
                return snprintf(buffer, size, "delete %s\n", prefix);
        snprintf(seconds, sizeof(seconds), "%" PRIu32, request->seconds);
        return snprintf(buffer, size, "add %s %s %s\n", prefix, request->for_good ? EVER : seconds, *request->reason ? request->reason : NONE);
}

int answer_ban_format(const struct ban_table *table, const struct ban *ban, uint32_t now, char *buffer, size_t size)
{
        char text[FBN_ADDRESS_TEXT], left[16] = EVER;
        const char *reason = ban_table_reason_text(table, ban->reason);
        fbn_prefix prefix = ban_prefix(table, ban);

        if (ban->until)
                snprintf(left, sizeof(left), "%" PRIu32, ban->until > now ? ban->until - now : 0);
        return snprintf(buffer, size, "ban %s %s %" PRIu32 " %u %s\n", fbn_prefix_format(&prefix, text, sizeof(text)), left, ban->since, ban->cdn,
                        *reason ? reason : NONE);
}

static bool ban_parse(char **words, size_t count, fbn_ban *ban)
{
        uint64_t since, cdn;
        uint32_t seconds;

        if (count != 6 || fbn_prefix_parse(words[1], &ban->prefix) < 0 || !seconds_of(words[2], &seconds, &ban->for_good) ||
            !text_to_u64(words[3], 0, UINT32_MAX, &since) || !text_to_u64(words[4], 0, FBN_BAN_CDN_REFUSED, &cdn))
                return false;
        ban->duration_ms = 1000 * (uint64_t)seconds;
        ban->since = (int64_t)since * 1000000000;
        ban->cdn = (fbn_ban_cdn)cdn;
        ban->reason = streq(words[5], NONE) ? NULL : words[5];
        return !ban->reason || reason_valid(ban->reason);
}

static bool state_parse(char **words, size_t count, fbn_ban_state *state)
{
        uint64_t stored;

        if (count != 8 || !text_to_u64(words[1], 0, UINT64_MAX, &state->bans) || !text_to_u64(words[2], 0, UINT64_MAX, &state->waiting) ||
            !text_to_u64(words[3], 0, UINT64_MAX, &state->lifting) || !text_to_u64(words[4], 0, UINT64_MAX, &state->refused) ||
            !text_to_u64(words[5], 0, UINT64_MAX, &state->resident_kib) || !text_to_u64(words[6], 0, 1, &stored))
                return false;
        state->stored = stored;
        state->trouble = streq(words[7], NONE) ? "" : words[7];
        return true;
}

bool answer_parse(char *line, struct answer *ret_answer)
{
        struct answer answer = {.ban.size = sizeof(answer.ban), .state.size = sizeof(answer.state)};
        char *words[WORDS_MAX], *rest = line;
        size_t count;
        uint64_t number = 0;
        bool good;

        if (strncmp(line, "error ", 6) == 0) {
                count = split(line, words, 3);
                answer.kind = ANSWER_ERROR;
                good = count == 3 && text_to_u64(words[1], FBN_EINVAL, FBN_ESTALE, &number);
                rest = words[count - 1];
        } else {
                count = split(line, words, WORDS_MAX);
                answer.kind = streq(words[0], "ok") ? ANSWER_OK : streq(words[0], "ban") ? ANSWER_BAN : ANSWER_STATE;
                good = answer.kind == ANSWER_OK    ? count == 2 && text_to_u64(words[1], 0, INT32_MAX, &number)
                       : answer.kind == ANSWER_BAN ? ban_parse(words, count, &answer.ban)
                                                   : streq(words[0], "state") && state_parse(words, count, &answer.state);
        }
        answer.number = (int)number;
        answer.words = rest;
        if (good)
                *ret_answer = answer;
        return good;
}
