/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/json.h"

#include <stdio.h>
#include <time.h>

/* Exactly so many digits; -1 if there are fewer. */
static int digits(const char **text, int count)
{
        int value = 0;

        for (; count > 0; count--, (*text)++) {
                if (**text < '0' || **text > '9')
                        return -1;
                value = value * 10 + (**text - '0');
        }
        return value;
}

static bool expect(const char **text, const char *one_of)
{
        if (!**text || !strchr(one_of, **text))
                return false;
        (*text)++;
        return true;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar, years counted from March so that the leap day comes last. */
static int64_t days_from_civil(int year, int month, int day)
{
        int64_t y = month <= 2 ? year - 1 : year;
        int64_t era = (y >= 0 ? y : y - 399) / 400;
        int64_t of_era = y - era * 400;
        int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

        return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool date_parse(const char **text, int64_t *ret_seconds)
{
        int year, month, day, hour, minute, second;

        if ((year = digits(text, 4)) < 0 || !expect(text, "-") || (month = digits(text, 2)) < 1 || month > 12 || !expect(text, "-") ||
            (day = digits(text, 2)) < 1 || day > 31)
                return false;
        if (!expect(text, "Tt ") || (hour = digits(text, 2)) < 0 || hour > 23 || !expect(text, ":") || (minute = digits(text, 2)) < 0 ||
            minute > 59 || !expect(text, ":") || (second = digits(text, 2)) < 0 || second > 60)
                return false;
        *ret_seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
        return true;
}

/* Digits past the ninth are dropped. */
static bool fraction_parse(const char **text, int64_t *ret_nanoseconds)
{
        int64_t value = 0, unit = 100000000;

        if (**text == '.') {
                (*text)++;
                if (**text < '0' || **text > '9')
                        return false;
                for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
                        value += (**text - '0') * unit;
        }
        *ret_nanoseconds = value;
        return true;
}

static bool offset_parse(const char **text, int64_t *ret_seconds)
{
        int sign = **text == '-' ? -1 : 1, hour, minute;

        *ret_seconds = 0;
        if (expect(text, "Zz"))
                return true;
        if (!expect(text, "+-") || (hour = digits(text, 2)) < 0 || !expect(text, ":") || (minute = digits(text, 2)) < 0)
                return false;
        *ret_seconds = sign * (hour * 3600 + minute * 60);
        return true;
}

bool json_time_parse(const char *text, int64_t *ret_nanoseconds)
{
        int64_t seconds, fraction, offset, nanoseconds;

        if (!date_parse(&text, &seconds) || !fraction_parse(&text, &fraction) || !offset_parse(&text, &offset) || *text)
                return false;
        seconds -= offset;
        if (__builtin_mul_overflow(seconds, (int64_t)1000000000, &nanoseconds) || __builtin_add_overflow(nanoseconds, fraction, &nanoseconds))
                nanoseconds = seconds < 0 ? INT64_MIN : INT64_MAX;
        *ret_nanoseconds = nanoseconds;
        return true;
}

const char *json_time_format(int64_t nanoseconds, char *buffer, size_t size)
{
        time_t seconds = (time_t)(nanoseconds / 1000000000);
        struct tm calendar;

        gmtime_r(&seconds, &calendar);
        strftime(buffer, size, "%Y-%m-%dT%H:%M:%SZ", &calendar);
        return buffer;
}
