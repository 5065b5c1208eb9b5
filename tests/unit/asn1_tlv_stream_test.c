// SPDX-License-Identifier: BSD-2-Clause
// The push scanner: whatever the pieces, the same events; faults are found; what is collected is to the octet.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "asn1/tlv.h"
#include "base/mem.h"

#define B(...) bytes_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

// Writes what it is told as text; joins neighbouring pieces, so that the text does not depend on the split.
struct listener {
    struct buf text;
    bool in_data;
    int collect_tag; // context tag to collect, -1: none
    int fail_at;     // the event that fails, counted down; 0: none
};

static int event(struct listener *l) {
    return l->fail_at > 0 && --l->fail_at == 0 ? ERR_BUSY : ERR_OK;
}

static int on_begin(void *ctx, unsigned depth, const struct tlv *t) {
    struct listener *l = ctx;
    static const char letters[] = "UACP";
    buf_printf(&l->text, "%u(%c%u%s%s ", depth, letters[t->cls], t->tag, t->constructed ? "c" : "",
               t->indefinite ? "i" : "");
    l->in_data = false;
    int err = event(l);
    if (err < 0)
        return err;
    return t->cls == TLV_CONTEXT && (int)t->tag == l->collect_tag ? TLV_COLLECT : 0;
}

static int on_data(void *ctx, unsigned depth, struct bytes piece) {
    struct listener *l = ctx;
    assert_true(piece.n > 0);
    if (!l->in_data)
        buf_printf(&l->text, "%u:", depth);
    l->in_data = true;
    for (size_t i = 0; i < piece.n; i++)
        buf_printf(&l->text, "%02x", piece.p[i]);
    return event(l);
}

static int on_end(void *ctx, unsigned depth) {
    struct listener *l = ctx;
    buf_printf(&l->text, "%u) ", depth);
    l->in_data = false;
    return event(l);
}

static int on_whole(void *ctx, unsigned depth, const struct tlv *t, struct bytes whole) {
    struct listener *l = ctx;
    buf_printf(&l->text, "%u[%u ", depth, t->tag);
    for (size_t i = 0; i < whole.n; i++)
        buf_printf(&l->text, "%02x", whole.p[i]);
    buf_append_str(&l->text, "] ");
    return event(l);
}

static const struct tlv_stream_user listening = {on_begin, on_data, on_end, on_whole};

// [0] i { [1] { INTEGER 5, NULL }, OCTET STRING i { OCTET STRING "abc", OCTET STRING "d" }, [2] i { [3] "" } } and 99
// behind
static const uint8_t sample[] = {0xA0, 0x80, 0xA1, 0x05, 0x02, 0x01, 0x05, 0x05, 0x00, 0x24, 0x80,
                                 0x04, 0x03, 'a',  'b',  'c',  0x04, 0x81, 0x01, 'd',  0x00, 0x00,
                                 0xBF, 0x22, 0x80, 0x9F, 0x23, 0x00, 0x00, 0x00, 0x00, 0x00, 0x99};
enum { SAMPLE = sizeof sample - 1 };

static const char said[] =
    "0(C0ci 1(C1c 2(U2 2:052) 2(U5 2) 1) 1(U4ci 2(U4 2:6162632) 2(U4 2:642) 1) 1(C34ci 2(C35 2) 1) 0) ";

static void any_split_says_the_same(void **state) {
    (void)state;
    for (size_t step = 1; step <= SAMPLE; step++) {
        for (size_t first = 0; first <= SAMPLE; first++) {
            struct listener l = {.collect_tag = -1};
            struct tlv_stream s;
            tlv_stream_init(&s, &listening, &l, NULL, 0);
            size_t at = 0, used = 0;
            assert_int_equal(tlv_stream_feed(&s, bytes_of(sample, first), &used), ERR_OK);
            assert_int_equal(used, first);
            for (at = first; at < sizeof sample && !s.done; at += used) {
                size_t n = sizeof sample - at < step ? sizeof sample - at : step;
                assert_int_equal(tlv_stream_feed(&s, bytes_of(sample + at, n), &used), ERR_OK);
            }
            assert_true(s.done);
            assert_int_equal(at, SAMPLE);
            assert_int_equal(s.offset, SAMPLE);
            assert_string_equal(buf_cstr(&l.text), said);
            assert_int_equal(tlv_stream_feed(&s, bytes_of(sample, 1), &used), ERR_STATE);
            assert_int_equal(used, 0);
            buf_free(&l.text);
            tlv_stream_free(&s);
        }
    }
}

static void nothing_is_done_before_its_last_octet(void **state) {
    (void)state;
    for (size_t n = 0; n < SAMPLE; n++) {
        struct tlv_stream s;
        tlv_stream_init(&s, NULL, NULL, NULL, 0);
        assert_int_equal(tlv_stream_feed(&s, bytes_of(sample, n), NULL), ERR_OK);
        assert_false(s.done);
        tlv_stream_free(&s);
    }
}

static void an_element_is_collected_to_the_octet(void **state) {
    (void)state;
    static const struct {
        int tag;
        const char *text;
    } cases[] = {
        {1, "0(C0ci 1(C1c 1[1 a1050201050500] 1(U4ci 2(U4 2:6162632) 2(U4 2:642) 1) 1(C34ci 2(C35 2) 1) 0) "},
        {34, "0(C0ci 1(C1c 2(U2 2:052) 2(U5 2) 1) 1(U4ci 2(U4 2:6162632) 2(U4 2:642) 1) 1(C34ci 1[34 bf22809f23000000] "
             "0) "},
        {35,
         "0(C0ci 1(C1c 2(U2 2:052) 2(U5 2) 1) 1(U4ci 2(U4 2:6162632) 2(U4 2:642) 1) 1(C34ci 2(C35 2[35 9f2300] 1) 0) "},
        {0, "0(C0ci 0[0 a080a105020105050024800403616263048101640000bf22809f230000000000] "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t step = 1; step <= SAMPLE; step++) {
            struct listener l = {.collect_tag = cases[i].tag};
            struct tlv_stream s;
            tlv_stream_init(&s, &listening, &l, NULL, SAMPLE);
            for (size_t at = 0; at < SAMPLE; at += step)
                assert_int_equal(
                    tlv_stream_feed(&s, bytes_of(sample + at, SAMPLE - at < step ? SAMPLE - at : step), NULL), ERR_OK);
            assert_true(s.done);
            assert_string_equal(buf_cstr(&l.text), cases[i].text);
            buf_free(&l.text);
            tlv_stream_free(&s);
        }
    }
}

static int feed(struct bytes in, int collect_tag, size_t collect_limit, const struct tlv_limits *limits, size_t step) {
    struct listener l = {.collect_tag = collect_tag};
    struct tlv_stream s;
    tlv_stream_init(&s, &listening, &l, limits, collect_limit);
    int err = ERR_OK;
    for (size_t at = 0; at < in.n && err == ERR_OK && !s.done; at += step)
        err = tlv_stream_feed(&s, bytes_of(in.p + at, in.n - at < step ? in.n - at : step), NULL);
    if (err == ERR_OK && !s.done)
        err = ERR_SHORT;
    buf_free(&l.text);
    tlv_stream_free(&s);
    return err;
}

static void limits_hold(void **state) {
    (void)state;
    struct bytes in = bytes_of(sample, SAMPLE);
    for (size_t step = 1; step <= SAMPLE; step += 3) {
        assert_int_equal(feed(in, 1, 7, &(struct tlv_limits){3, SAMPLE, 9}, step), ERR_OK);
        assert_int_equal(feed(in, 1, 6, NULL, step), ERR_LIMIT);
        assert_int_equal(feed(in, 34, 7, NULL, step), ERR_LIMIT);
        assert_int_equal(feed(in, -1, 0, &(struct tlv_limits){.depth = 2}, step), ERR_LIMIT);
        assert_int_equal(feed(in, -1, 0, &(struct tlv_limits){.size = SAMPLE - 1}, step), ERR_LIMIT);
        assert_int_equal(feed(in, -1, 0, &(struct tlv_limits){.elements = 8}, step), ERR_LIMIT);
        assert_int_equal(feed(in, 0, SAMPLE, &(struct tlv_limits){.elements = 8}, step),
                         ERR_LIMIT); // while collecting too
        assert_int_equal(feed(in, 0, SAMPLE, &(struct tlv_limits){.depth = 2}, step), ERR_LIMIT);
    }
    // A length that promises more than may be collected is refused at once.
    assert_int_equal(feed(B(0xA1, 0x84, 0x7F, 0xFF, 0xFF, 0xFF), 1, 1000, NULL, 1), ERR_LIMIT);
}

static void faults_are_found_in_any_split(void **state) {
    (void)state;
    static const struct {
        const char *octets;
        size_t n;
    } bad[] = {
        {"\x61\x80\x13\x02\x64\x65\x00\x05", 8},
        {"\x30\x02\x04\x01\x61", 5},
        {"\x30\x02\x00\x00", 4},
        {"\x30\x02\x30\x80\x00\x00", 6},
        {"\x30\x01\x04", 3},
        {"\x00\x00", 2},
        {"\x30\x80\x04\x80", 4},
        {"\x30\x80\x04\xFF", 4},
        {"\x30\x80\x20\x00", 4},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t step = 1; step <= bad[i].n; step++)
            assert_int_equal(feed(bytes_of(bad[i].octets, bad[i].n), -1, 0, NULL, step), ERR_SYNTAX);
    }
}

static void a_callback_stops_the_scan(void **state) {
    (void)state;
    for (int n = 1; n <= 21; n++) {
        struct listener l = {.collect_tag = 1, .fail_at = n};
        struct tlv_stream s;
        tlv_stream_init(&s, &listening, &l, NULL, 100);
        int err = tlv_stream_feed(&s, bytes_of(sample, SAMPLE), NULL);
        if (n <= 16) {
            assert_int_equal(err, ERR_BUSY);
            assert_int_equal(tlv_stream_feed(&s, bytes_of(sample, SAMPLE), NULL), ERR_BUSY); // and stays so
        } else {
            assert_int_equal(err, ERR_OK);
        }
        l.fail_at = 0;
        tlv_stream_reset(&s); // makes it usable again
        assert_int_equal(tlv_stream_feed(&s, bytes_of(sample, SAMPLE), NULL), ERR_OK);
        assert_true(s.done);
        buf_free(&l.text);
        tlv_stream_free(&s);
    }
}

static int count(void *ctx, unsigned depth, struct bytes piece) {
    (void)depth;
    *(uint64_t *)ctx += piece.n;
    return ERR_OK;
}

// Five gigabytes pass (the same piece again and again), and not one allocation is made.
static void a_huge_element_needs_no_memory(void **state) {
    (void)state;
    static const struct tlv_stream_user counting = {.data = count};
    static uint8_t piece[1 << 20];
    const uint64_t huge = UINT64_C(5) << 30;
    uint64_t seen = 0;
    struct tlv_stream s;
    tlv_stream_init(&s, &counting, &seen, NULL, 0);
    mem_fail_at(1);
    assert_int_equal(tlv_stream_feed(&s, B(0x30, 0x80, 0x04, 0x85, 0x01, 0x40, 0x00, 0x00, 0x00), NULL), ERR_OK);
    for (uint64_t at = 0; at < huge; at += sizeof piece)
        assert_int_equal(tlv_stream_feed(&s, bytes_of(piece, sizeof piece), NULL), ERR_OK);
    assert_false(s.done);
    assert_int_equal(tlv_stream_feed(&s, B(0x00, 0x00), NULL), ERR_OK);
    mem_fail_at(0);
    assert_true(s.done);
    assert_true(seen == huge);
    tlv_stream_free(&s);
}

// Stored and read back before every octet, also within the first header and behind the end, it says the same.
static void saved_and_restored(void **state) {
    (void)state;
    struct listener whole = {.collect_tag = -1}, pieces = whole;
    struct tlv_stream s;
    size_t used = 0;
    tlv_stream_init(&s, &listening, &whole, NULL, 0);
    assert_int_equal(tlv_stream_feed(&s, bytes_of(sample, sizeof sample), &used), 0);
    tlv_stream_free(&s);
    tlv_stream_init(&s, &listening, &pieces, NULL, 0);
    for (size_t i = 0; i <= used; i++) {
        struct buf saved = {0};
        assert_int_equal(tlv_stream_save(&s, &saved), 0);
        tlv_stream_free(&s);
        tlv_stream_init(&s, &listening, &pieces, NULL, 0);
        struct cursor c = cursor_of(buf_bytes(&saved));
        assert_int_equal(tlv_stream_restore(&s, &c), 0);
        assert_int_equal(cursor_left(&c), 0);
        buf_free(&saved);
        if (i < used)
            assert_int_equal(tlv_stream_feed(&s, bytes_of(sample + i, 1), NULL), 0);
    }
    assert_true(s.done);
    assert_string_equal(buf_cstr(&pieces.text), buf_cstr(&whole.text));
    buf_free(&whole.text);
    buf_free(&pieces.text);
    tlv_stream_free(&s);
}

static void short_memory_is_an_error(void **state) {
    (void)state;
    struct tlv_stream s;
    struct listener l = {.collect_tag = 1};
    static const struct tlv_stream_user collecting = {.begin = on_begin};
    tlv_stream_init(&s, &collecting, &l, NULL, 100);
    assert_int_equal(tlv_stream_feed(&s, bytes_of(sample, 3), NULL), ERR_OK);
    buf_reserve(&l.text, 100);
    mem_fail_at(1);
    assert_int_equal(tlv_stream_feed(&s, bytes_of(sample + 3, 6), NULL), ERR_NOMEM);
    mem_fail_at(0);
    buf_free(&l.text);
    tlv_stream_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_split_says_the_same),
        cmocka_unit_test(nothing_is_done_before_its_last_octet),
        cmocka_unit_test(an_element_is_collected_to_the_octet),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(faults_are_found_in_any_split),
        cmocka_unit_test(a_callback_stops_the_scan),
        cmocka_unit_test(a_huge_element_needs_no_memory),
        cmocka_unit_test(saved_and_restored),
        cmocka_unit_test(short_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
