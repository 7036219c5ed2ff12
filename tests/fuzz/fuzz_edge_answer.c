/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever the CDN's API answers: the words stay inside their room, and no item is taken whose address or id is none. The first byte is the
 * status: one of a few. */
#include "edge/cloudflare.h"

#include "base/address.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_item(const json_t *one)
{
        const json_t *configuration = json_object_get(one, "configuration");
        struct cdn_item item;
        fbn_prefix prefix;

        if (!cloudflare_item(json_string_value(json_object_get(one, "id")), json_string_value(json_object_get(configuration, "value")), &item))
                return;
        prefix = cdn_item_prefix(&item);
        if (!item.has_id || prefix.length > family_bits(prefix.address.family) || fbn_prefix_network(&prefix, &prefix) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const long statuses[] = {200, 201, 400, 401, 403, 404, 429, 500, 502, 0};
        char words[CDN_WORDS];
        enum verdict verdict;
        const json_t *one;
        json_t *answer;
        long status;
        size_t i;

        if (size == 0)
                return 0;
        status = statuses[data[0] % (sizeof(statuses) / sizeof(statuses[0]))];
        answer = json_loadb((const char *)data + 1, size - 1, 0, NULL);
        verdict = cloudflare_judge(status, answer, words);
        if (strnlen(words, sizeof(words)) == sizeof(words) || (verdict == VERDICT_OK && (status >= 300 || !json_is_true(json_object_get(answer, "success")))) ||
            ((verdict == VERDICT_LATER || verdict == VERDICT_REFUSED) && !*words))
                abort();
        json_array_foreach(json_object_get(answer, "result"), i, one)
                check_item(one);
        json_decref(answer);
        return 0;
}

#include "replay.h"
