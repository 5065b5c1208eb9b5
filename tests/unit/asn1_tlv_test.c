// SPDX-License-Identifier: BSD-2-Clause
// BER read and written by hand: headers, members, validation under limits, strings, DER.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "asn1/tlv.h"

#define B(...) bytes_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void assert_buf(const struct buf *b, struct bytes want) {
    assert_int_equal(b->len, want.n);
    assert_memory_equal(buf_bytes(b).p, want.p, want.n);
}

static void headers_are_read(void **state) {
    (void)state;
    static const struct {
        struct bytes in;
        struct tlv want;
    } good[] = {
        {{(const uint8_t *)"\x02\x01", 2}, {TLV_UNIVERSAL, false, false, 2, 2, 1}},
        {{(const uint8_t *)"\x30\x80", 2}, {TLV_UNIVERSAL, true, true, 16, 2, 0}},
        {{(const uint8_t *)"\x61\x81\x90", 3}, {TLV_APPLICATION, true, false, 1, 3, 0x90}},
        {{(const uint8_t *)"\xBF\x1F\x82\x01\x00", 5}, {TLV_CONTEXT, true, false, 31, 5, 256}},
        {{(const uint8_t *)"\xDF\xFF\xFF\xFF\x7F\x88\0\0\0\0\0\0\0\7", 14},
         {TLV_PRIVATE, false, false, 0xFFFFFFF, 14, 7}},
        {{(const uint8_t *)"\x04\x88\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10},
         {TLV_UNIVERSAL, false, false, 4, 10, INT64_MAX}},
        {{(const uint8_t *)"\0\0", 2}, {TLV_UNIVERSAL, false, false, 0, 2, 0}},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct tlv t;
        assert_int_equal(tlv_header(good[i].in, &t), ERR_OK);
        assert_int_equal(t.cls, good[i].want.cls);
        assert_int_equal(t.constructed, good[i].want.constructed);
        assert_int_equal(t.indefinite, good[i].want.indefinite);
        assert_int_equal(t.tag, good[i].want.tag);
        assert_int_equal(t.hdr, good[i].want.hdr);
        assert_int_equal(t.len, good[i].want.len);
        for (size_t n = 0; n < good[i].in.n; n++)
            assert_int_equal(tlv_header(bytes_of(good[i].in.p, n), &t), ERR_SHORT);
    }
}

static void malformed_headers_are_refused(void **state) {
    (void)state;
    struct tlv t;
    assert_int_equal(tlv_header(B(0x1F, 0x80, 0x20, 0), &t), ERR_SYNTAX); // leading zeros in a tag
    assert_int_equal(tlv_header(B(0x1F, 0x1E, 0), &t), ERR_SYNTAX);       // 30 in long form
    assert_int_equal(tlv_header(B(0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0), &t), ERR_LIMIT);
    assert_int_equal(tlv_header(B(0x04, 0x80), &t), ERR_SYNTAX); // indefinite primitive
    assert_int_equal(tlv_header(B(0x04, 0xFF), &t), ERR_SYNTAX); // reserved
    assert_int_equal(tlv_header(B(0x04, 0x89), &t), ERR_LIMIT);
    assert_int_equal(tlv_header(B(0x04, 0x88, 0x80, 0, 0, 0, 0, 0, 0, 0), &t), ERR_LIMIT);
    assert_int_equal(tlv_header(B(0x00, 0x05), &t), ERR_SYNTAX); // end-of-contents with contents
    assert_int_equal(tlv_header(B(0x20, 0x00), &t), ERR_SYNTAX);
    assert_int_equal(tlv_header(B(0x00, 0x81, 0x00), &t), ERR_SYNTAX);
}

// SEQUENCE, indefinite { INTEGER 5, SEQUENCE, indefinite { NULL, [1] { } }, OCTET STRING "ab" }
static const uint8_t nested[] = {0x30, 0x80, 0x02, 0x01, 0x05, 0x30, 0x80, 0x05, 0x00, 0xA1,
                                 0x00, 0x00, 0x00, 0x04, 0x02, 'a',  'b',  0x00, 0x00, 0x77};

static void members_are_walked(void **state) {
    (void)state;
    struct cursor c = cursor_of(bytes_of(nested, sizeof nested));
    struct tlv t;
    struct bytes whole, value;
    assert_int_equal(tlv_next(&c, &t, &whole, &value), ERR_OK);
    assert_true(t.indefinite);
    assert_int_equal(whole.n, 19);
    assert_int_equal(value.n, 15);
    assert_int_equal(cursor_left(&c), 1); // the octet behind it is not ours
    struct cursor in = cursor_of(value);
    int64_t v;
    assert_int_equal(tlv_expect(&in, TLV_UNIVERSAL, TLV_NULL, &t, &value), ERR_SYNTAX); // and nothing is taken
    assert_int_equal(tlv_expect(&in, TLV_UNIVERSAL, TLV_INTEGER, &t, &value), ERR_OK);
    assert_int_equal(tlv_get_int(value, &v), ERR_OK);
    assert_int_equal(v, 5);
    assert_int_equal(tlv_next(&in, &t, &whole, &value), ERR_OK);
    assert_true(bytes_equal(whole, bytes_of(nested + 5, 8)));
    assert_true(bytes_equal(value, bytes_of(nested + 7, 4)));
    assert_int_equal(tlv_next(&in, &t, NULL, &value), ERR_OK);
    assert_true(bytes_equal(value, bytes_str("ab")));
    assert_int_equal(tlv_next(&in, &t, NULL, NULL), ERR_ABSENT);
    assert_int_equal(tlv_find(bytes_of(nested + 2, 15), TLV_UNIVERSAL, TLV_OCTET_STRING, &t, &value), ERR_OK);
    assert_true(bytes_equal(value, bytes_str("ab")));
    assert_int_equal(tlv_find(bytes_of(nested + 2, 15), TLV_CONTEXT, 1, &t, &value), ERR_ABSENT);
    for (size_t n = 1; n < 19; n++) {
        c = cursor_of(bytes_of(nested, n));
        assert_int_equal(tlv_next(&c, &t, NULL, NULL), ERR_SHORT);
        assert_ptr_equal(c.p, nested);
    }
    c = cursor_of(B(0x00, 0x00));
    assert_int_equal(tlv_next(&c, &t, NULL, NULL), ERR_SYNTAX);
}

static void whole_elements_are_checked(void **state) {
    (void)state;
    uint64_t total = 0;
    assert_int_equal(tlv_check(bytes_of(nested, sizeof nested), NULL, &total), ERR_OK);
    assert_int_equal(total, 19);
    for (size_t n = 0; n < 19; n++)
        assert_int_equal(tlv_check(bytes_of(nested, n), NULL, NULL), ERR_SHORT);
    // What loops a careless decoder for ever.
    assert_int_equal(tlv_check(B(0x61, 0x80, 0x13, 0x02, 0x64, 0x65, 0x00, 0x05), NULL, NULL), ERR_SYNTAX);
    assert_int_equal(tlv_check(B(0x30, 0x02, 0x04, 0x01, 'a'), NULL, NULL),
                     ERR_SYNTAX);                                                   // member longer than its parent
    assert_int_equal(tlv_check(B(0x30, 0x02, 0x00, 0x00), NULL, NULL), ERR_SYNTAX); // end-of-contents in a definite one
    assert_int_equal(tlv_check(B(0x30, 0x02, 0x30, 0x80), NULL, NULL), ERR_SYNTAX); // no room for its end
    assert_int_equal(tlv_check(B(0x30, 0x02, 0x30, 0x80, 0x00, 0x00), NULL, NULL), ERR_SYNTAX);
    assert_int_equal(tlv_check(B(0x30, 0x01, 0x04), NULL, NULL), ERR_SYNTAX); // half a header fills it
    assert_int_equal(tlv_check(B(0x00, 0x00), NULL, NULL), ERR_SYNTAX);
    assert_int_equal(tlv_check(B(0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF), NULL, NULL), ERR_SHORT);
    assert_int_equal(tlv_check(B(0x30, 0x0A, 0x04, 0x88, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF), NULL, NULL),
                     ERR_LIMIT);
}

static void limits_hold(void **state) {
    (void)state;
    struct bytes b = bytes_of(nested, sizeof nested);
    assert_int_equal(tlv_check(b, &(struct tlv_limits){3, 19, 6}, NULL), ERR_OK);
    assert_int_equal(tlv_check(b, &(struct tlv_limits){2, 19, 6}, NULL), ERR_LIMIT);
    assert_int_equal(tlv_check(b, &(struct tlv_limits){3, 18, 6}, NULL), ERR_LIMIT);
    assert_int_equal(tlv_check(b, &(struct tlv_limits){3, 19, 5}, NULL), ERR_LIMIT);
    // A definite length over the limit is refused at its header, before the contents.
    assert_int_equal(tlv_check(B(0x04, 0x82, 0x10, 0x00), &(struct tlv_limits){.size = 4099}, NULL), ERR_LIMIT);
    assert_int_equal(tlv_check(B(0x04, 0x82, 0x10, 0x00), &(struct tlv_limits){.size = 4100}, NULL), ERR_SHORT);
    uint8_t deep[2 * TLV_DEPTH_MAX + 2];
    for (size_t i = 0; i < sizeof deep; i += 2)
        memcpy(deep + i, "\x30\x80", 2);
    b = bytes_of(deep, sizeof deep);
    assert_int_equal(tlv_check(bytes_of(deep, 2 * TLV_DEPTH_DEFAULT), NULL, NULL), ERR_SHORT);
    assert_int_equal(tlv_check(b, NULL, NULL), ERR_LIMIT);
    assert_int_equal(tlv_check(bytes_of(deep, 2 * TLV_DEPTH_MAX), &(struct tlv_limits){.depth = 100000}, NULL),
                     ERR_SHORT);
    assert_int_equal(tlv_check(b, &(struct tlv_limits){.depth = 100000}, NULL), ERR_LIMIT);
}

static int join(struct arena *a, struct bytes in, size_t limit, struct bytes *out) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes v;
    assert_int_equal(tlv_next(&c, &t, NULL, &v), ERR_OK);
    return tlv_string(a, &t, v, limit, out);
}

static void chunked_strings_are_joined(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 0);
    struct bytes out;
    assert_int_equal(join(&a, B(0x81, 0x02, 'h', 'i'), 2, &out), ERR_OK);
    assert_true(bytes_equal(out, bytes_str("hi")));
    assert_int_equal(join(&a, B(0x81, 0x00), 2, &out), ERR_OK);
    assert_true(out.p != NULL && out.n == 0);
    assert_int_equal(join(&a, B(0xA1, 0x80, 0x00, 0x00), 2, &out), ERR_OK);
    assert_true(out.p != NULL && out.n == 0);
    struct bytes chunks = B(0xA1, 0x80, 0x04, 0x01, 'a', 0x24, 0x80, 0x04, 0x02, 'b', 'c', 0x24, 0x00, 0x00, 0x00, 0x04,
                            0x00, 0x04, 0x01, 'd', 0x00, 0x00);
    assert_int_equal(join(&a, chunks, 4, &out), ERR_OK);
    assert_true(bytes_equal(out, bytes_str("abcd")));
    assert_int_equal(join(&a, chunks, 3, &out), ERR_LIMIT);
    assert_int_equal(join(&a, B(0x81, 0x02, 'h', 'i'), 1, &out), ERR_LIMIT);
    assert_int_equal(join(&a, B(0x36, 0x03, 0x16, 0x01, 'a'), 9, &out), ERR_SYNTAX); // the string's own tag
    assert_int_equal(join(&a, B(0x24, 0x03, 0x04, 0x02, 'a'), 9, &out), ERR_SHORT);
    arena_free(&a);
    arena_init(&a, 1);
    assert_int_equal(join(&a, chunks, 4, &out), ERR_NOMEM);
    assert_int_equal(join(&a, B(0x81, 0x02, 'h', 'i'), 2, &out), ERR_NOMEM);
    arena_free(&a);
}

static void integers_go_both_ways(void **state) {
    (void)state;
    static const struct {
        int64_t v;
        struct bytes want;
    } cases[] = {
        {0, {(const uint8_t *)"\x02\x01\x00", 3}},
        {127, {(const uint8_t *)"\x02\x01\x7F", 3}},
        {128, {(const uint8_t *)"\x02\x02\x00\x80", 4}},
        {-1, {(const uint8_t *)"\x02\x01\xFF", 3}},
        {-128, {(const uint8_t *)"\x02\x01\x80", 3}},
        {-129, {(const uint8_t *)"\x02\x02\xFF\x7F", 4}},
        {INT64_MAX, {(const uint8_t *)"\x02\x08\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10}},
        {INT64_MIN, {(const uint8_t *)"\x02\x08\x80\0\0\0\0\0\0\0", 10}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = {0};
        int64_t v;
        assert_int_equal(tlv_put_int(&b, TLV_UNIVERSAL, TLV_INTEGER, cases[i].v), ERR_OK);
        assert_buf(&b, cases[i].want);
        assert_int_equal(tlv_get_int(bytes_of(cases[i].want.p + 2, cases[i].want.n - 2), &v), ERR_OK);
        assert_true(v == cases[i].v);
        buf_free(&b);
    }
    int64_t v;
    assert_int_equal(tlv_get_int(bytes_of(NULL, 0), &v), ERR_SYNTAX);
    assert_int_equal(tlv_get_int(B(0, 0, 0, 0, 0, 0, 0, 0, 0, 9), &v), ERR_OK); // more octets than needed
    assert_int_equal(v, 9);
    assert_int_equal(tlv_get_int(B(1, 0, 0, 0, 0, 0, 0, 0, 0), &v), ERR_LIMIT);
    assert_int_equal(tlv_get_int(B(0, 0x80, 0, 0, 0, 0, 0, 0, 0), &v), ERR_LIMIT);
}

static void bits_and_booleans_go_both_ways(void **state) {
    (void)state;
    uint32_t bits;
    bool yes;
    struct buf b = {0};
    assert_int_equal(tlv_put_bits(&b, TLV_UNIVERSAL, TLV_BIT_STRING, 0), ERR_OK);
    assert_int_equal(tlv_put_bits(&b, TLV_CONTEXT, 1, 1u << 0 | 1u << 9), ERR_OK);
    assert_int_equal(tlv_put_bits(&b, TLV_CONTEXT, 2, 1u << 31), ERR_OK);
    assert_int_equal(tlv_put_bool(&b, TLV_CONTEXT, 3, true), ERR_OK);
    assert_int_equal(tlv_put_bool(&b, TLV_CONTEXT, 3, false), ERR_OK);
    assert_buf(&b, B(0x03, 1, 0, 0x81, 3, 6, 0x80, 0x40, 0x82, 5, 0, 0, 0, 0, 1, 0x83, 1, 0xFF, 0x83, 1, 0));
    assert_int_equal(tlv_get_bits(B(6, 0x80, 0x40), &bits), ERR_OK);
    assert_int_equal(bits, 1u << 0 | 1u << 9);
    assert_int_equal(tlv_get_bits(B(7, 0xFF), &bits), ERR_OK); // unused bits say nothing
    assert_int_equal(bits, 1);
    assert_int_equal(tlv_get_bits(B(0, 0, 0, 0, 1, 0xFF), &bits), ERR_OK);
    assert_true(bits == 1u << 31);
    assert_int_equal(tlv_get_bits(B(0), &bits), ERR_OK);
    assert_int_equal(bits, 0);
    assert_int_equal(tlv_get_bits(B(8, 1), &bits), ERR_SYNTAX);
    assert_int_equal(tlv_get_bits(B(1), &bits), ERR_SYNTAX);
    assert_int_equal(tlv_get_bits(bytes_of(NULL, 0), &bits), ERR_SYNTAX);
    assert_int_equal(tlv_get_bool(B(1), &yes), ERR_OK);
    assert_true(yes);
    assert_int_equal(tlv_get_bool(B(0), &yes), ERR_OK);
    assert_false(yes);
    assert_int_equal(tlv_get_bool(B(0, 0), &yes), ERR_SYNTAX);
    buf_free(&b);
}

static void object_identifiers_go_both_ways(void **state) {
    (void)state;
    struct buf b = {0};
    char text[64];
    assert_int_equal(tlv_put_oid(&b, TLV_UNIVERSAL, TLV_OID, "2.6.0.1.6"), ERR_OK);
    assert_buf(&b, B(0x06, 4, 0x56, 0, 1, 6));
    assert_int_equal(tlv_oid_text(bytes_of(buf_bytes(&b).p + 2, 4), text, sizeof text), ERR_OK);
    assert_string_equal(text, "2.6.0.1.6");
    buf_clear(&b);
    assert_int_equal(tlv_put_oid(&b, TLV_CONTEXT, 0, "2.999.4294967295.127.128"), ERR_OK);
    assert_buf(&b, B(0x80, 10, 0x88, 0x37, 0x8F, 0xFF, 0xFF, 0xFF, 0x7F, 0x7F, 0x81, 0x00));
    assert_int_equal(tlv_oid_text(bytes_of(buf_bytes(&b).p + 2, 10), text, sizeof text), ERR_OK);
    assert_string_equal(text, "2.999.4294967295.127.128");
    assert_int_equal(tlv_oid_text(bytes_of(buf_bytes(&b).p + 2, 10), text, 24), ERR_LIMIT);
    static const char *const bad[] = {"", "1", "3.1", "1.40", "1.", "1..2", ".1", "1.2x", "2.4294967296", "a.b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tlv_put_oid(&b, TLV_UNIVERSAL, TLV_OID, bad[i]), ERR_SYNTAX);
    assert_int_equal(b.len, 12);
    assert_int_equal(tlv_oid_text(bytes_of(NULL, 0), text, sizeof text), ERR_SYNTAX);
    assert_int_equal(tlv_oid_text(B(0x2A, 0x86), text, sizeof text), ERR_SYNTAX);
    assert_int_equal(tlv_oid_text(B(0x2A, 0x80, 0x01), text, sizeof text), ERR_SYNTAX);
    assert_int_equal(
        tlv_oid_text(B(0x2A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F), text, sizeof text),
        ERR_SYNTAX);
    buf_free(&b);
}

static void headers_are_put_before_what_is_there(void **state) {
    (void)state;
    struct buf b = {0};
    assert_int_equal(tlv_put_int(&b, TLV_UNIVERSAL, TLV_INTEGER, 1), ERR_OK);
    size_t mark = b.len;
    assert_int_equal(tlv_put(&b, TLV_UNIVERSAL, false, TLV_OCTET_STRING, bytes_str("xyz")), ERR_OK);
    assert_int_equal(tlv_wrap(&b, mark, TLV_CONTEXT, true, 40), ERR_OK);
    assert_int_equal(tlv_wrap(&b, b.len, TLV_UNIVERSAL, false, TLV_NULL), ERR_OK); // nothing since: empty
    assert_int_equal(tlv_wrap(&b, 0, TLV_APPLICATION, true, 3), ERR_OK);
    assert_buf(&b, B(0x63, 13, 0x02, 1, 1, 0xBF, 40, 5, 0x04, 3, 'x', 'y', 'z', 0x05, 0));
    assert_int_equal(tlv_wrap(&b, b.len + 1, TLV_UNIVERSAL, true, 16), ERR_STATE);
    buf_clear(&b);
    uint8_t big[300] = {0};
    assert_int_equal(buf_append(&b, big, sizeof big), ERR_OK);
    assert_int_equal(tlv_wrap(&b, 0, TLV_UNIVERSAL, false, TLV_OCTET_STRING), ERR_OK);
    assert_memory_equal(buf_bytes(&b).p, "\x04\x82\x01\x2C\0", 5);
    assert_int_equal(b.len, 304);
    buf_clear(&b);
    assert_int_equal(tlv_put_header(&b, TLV_PRIVATE, true, 0xFFFFFFF, UINT64_C(0x123456789A)), ERR_OK);
    assert_buf(&b, B(0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x85, 0x12, 0x34, 0x56, 0x78, 0x9A));
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(malformed_headers_are_refused),
        cmocka_unit_test(members_are_walked),
        cmocka_unit_test(whole_elements_are_checked),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(chunked_strings_are_joined),
        cmocka_unit_test(integers_go_both_ways),
        cmocka_unit_test(bits_and_booleans_go_both_ways),
        cmocka_unit_test(object_identifiers_go_both_ways),
        cmocka_unit_test(headers_are_put_before_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
