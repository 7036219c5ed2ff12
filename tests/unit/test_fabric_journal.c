/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "fabric/journal.h"

/* Source: RFC 3720, appendix B.4; the last one is the usual check value of catalogues. */
static void the_checksum_is_crc_32c(void **state)
{
        uint8_t bytes[32] = {0};

        (void)state;
        assert_int_equal(checksum_of(bytes, sizeof(bytes)), 0x8a9136aa);
        memset(bytes, 0xff, sizeof(bytes));
        assert_int_equal(checksum_of(bytes, sizeof(bytes)), 0x62a8ab43);
        assert_int_equal(checksum_of("123456789", 9), 0xe3069283);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(the_checksum_is_crc_32c)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
