// SPDX-License-Identifier: BSD-2-Clause
// TPKT: framing in any slicing of the stream, and streams that are not TPKT.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "rfc1006/tpkt.h"

struct seen {
    struct buf data;
    size_t begun, sizes[4], ended;
    int fail; // what data() returns
};

static int on_begin(void *user, size_t size) {
    struct seen *s = user;
    assert_true(s->begun < 4);
    assert_int_equal(s->begun, s->ended);
    s->sizes[s->begun++] = size;
    return 0;
}

static int on_data(void *user, struct bytes piece, bool last) {
    struct seen *s = user;
    assert_true(piece.n > 0);
    buf_append(&s->data, piece.p, piece.n);
    s->ended += last;
    return s->fail;
}

static const struct tpkt_user user = {on_begin, on_data};

static const uint8_t two[] = {3, 0, 0, 8, 'a', 'b', 'c', 'd', 3, 9, 0, 7, 'e', 'f', 'g'}; // the second: reserved not 0

static void test_slices(void **state) {
    (void)state;
    for (size_t slice = 1; slice <= sizeof two; slice++) {
        struct tpkt t = {0};
        struct seen s = {0};
        for (size_t at = 0; at < sizeof two; at += slice) {
            size_t n = sizeof two - at < slice ? sizeof two - at : slice;
            assert_int_equal(tpkt_input(&t, bytes_of(two + at, n), &user, &s), 0);
        }
        assert_int_equal(s.begun, 2);
        assert_int_equal(s.ended, 2);
        assert_int_equal(s.sizes[0], 4);
        assert_int_equal(s.sizes[1], 3);
        assert_int_equal(s.data.len, 7);
        assert_memory_equal(buf_bytes(&s.data).p, "abcdefg", 7);
        buf_free(&s.data);
    }
}

static void bad(const uint8_t *p, size_t n, const char *words) {
    struct tpkt t = {0};
    struct seen s = {0};
    assert_int_equal(tpkt_input(&t, bytes_of(p, n), &user, &s), ERR_SYNTAX);
    assert_string_equal(t.error, words);
    assert_int_equal(s.begun, 0);
}

static void test_bad(void **state) {
    (void)state;
    bad((const uint8_t *)"GET / HTTP/1.1\r\n", 16, "tpkt: version 71 where 3 was expected");
    bad((const uint8_t *)"\x16", 1, "tpkt: version 22 where 3 was expected"); // at once, not after four octets
    bad((const uint8_t[]){3, 0, 0, 6, 1, 2}, 6, "tpkt: length 6, less than the smallest packet of 7 octets");
    bad((const uint8_t[]){3, 0, 0, 0}, 4, "tpkt: length 0, less than the smallest packet of 7 octets");
}

static void test_callback_stops(void **state) {
    (void)state;
    struct tpkt t = {0};
    struct seen s = {.fail = ERR_NOMEM};
    assert_int_equal(tpkt_input(&t, bytes_of(two, sizeof two), &user, &s), ERR_NOMEM);
    assert_int_equal(s.begun, 1);
    assert_string_equal(t.error, "");
    buf_free(&s.data);
}

static void test_header(void **state) {
    (void)state;
    struct buf b = {0};
    assert_int_equal(tpkt_header_append(&b, 2), ERR_LIMIT);
    assert_int_equal(tpkt_header_append(&b, 65532), ERR_LIMIT);
    assert_int_equal(b.len, 0);
    assert_int_equal(tpkt_header_append(&b, 65531), 0);
    assert_memory_equal(buf_bytes(&b).p, "\x03\x00\xff\xff", 4);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_callback_stops),
        cmocka_unit_test(test_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
