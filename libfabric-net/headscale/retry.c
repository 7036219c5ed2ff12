/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/headscale.h"

#include <poll.h>
#include <sys/random.h>

#define FIRST_MS 100U
#define SLICE_MS 50 /* between two looks at whether the context was cancelled */

uint32_t chance(uint32_t below)
{
        uint32_t number = 0;

        if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
                number = (uint32_t)http_clock_ms();
        return number % below;
}

/* Twice as long each time, of which half is chance, so that many clients of a server that comes back do not come at once. */
static uint32_t pause_ms(unsigned tried)
{
        uint32_t longest = FIRST_MS << MIN(tried, 6U);

        return longest / 2 + chance(longest / 2 + 1);
}

bool wait_ms(fbn_context *c, uint32_t milliseconds)
{
        int64_t until = http_clock_ms() + milliseconds, left;

        while ((left = until - http_clock_ms()) > 0) {
                if (atomic_load(&c->canceled))
                        return false;
                poll(NULL, 0, (int)MIN(left, SLICE_MS));
        }
        return true;
}

bool retry_wait(fbn_context *c, struct retry *retry)
{
        if (retry->tried + 1 >= retry->tries)
                return false;
        return wait_ms(c, pause_ms(retry->tried++));
}
