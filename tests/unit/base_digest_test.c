// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants these four first.
#include <cmocka.h>

#include "base/digest.h"

// FIPS 180-2, appendix B.1: "abc".
static const uint8_t ABC[DIGEST_SIZE] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                         0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                         0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};

static void test_whole_and_pieces(void **state) {
    (void)state;
    uint8_t out[DIGEST_SIZE];
    digest_sha256(bytes_str("abc"), out);
    assert_memory_equal(out, ABC, sizeof out);
    struct digest *d = digest_new();
    assert_non_null(d);
    assert_int_equal(digest_add(d, bytes_str("a")), 0);
    assert_int_equal(digest_add(d, (struct bytes){0}), 0);
    assert_int_equal(digest_add(d, bytes_str("bc")), 0);
    memset(out, 0, sizeof out);
    assert_int_equal(digest_end(d, out), 0);
    assert_memory_equal(out, ABC, sizeof out);
    digest_free(d);
    digest_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole_and_pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
