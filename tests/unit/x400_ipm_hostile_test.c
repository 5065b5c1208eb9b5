// SPDX-License-Identifier: BSD-2-Clause
// Damaged contents: cut at every octet, every bit turned, memory failing. Nothing may crash, hang or be announced and
// not ended by a reader that reports success.
#include "tests/unit/x400_ipm_util.h"

#include "base/mem.h"

// A small message with every kind of part that the writer makes.
static void small_content(struct arena *a, struct buf *out) {
    struct ipm_recipient to = {.recipient = {test_name(a, "smith"), "Jörg", "123"},
                               .notification_requests = IPM_REQUEST_RN};
    struct ipm_descriptor from = {.formal_name = test_name(a, "jones")};
    const char *languages[] = {"de"};
    struct ipm_heading h = {.this_ipm = {test_name(a, "jones"), "1"},
                            .originator = &from,
                            .primary = &to,
                            .n_primary = 1,
                            .subject = "你好",
                            .languages = languages,
                            .n_languages = 1,
                            .expiry_time = 1800000000,
                            .importance = IPM_IMPORTANCE_LOW};
    struct pattern file = {.size = 20};
    struct ipm_part_out parts[] = {
        {.is_text = true, .text = bytes_str("ab")},
        {.is_text = true, .text = bytes_str("Grüße")},
        {.is_text = true, .text = bytes_str("你")},
        {.file_name = "f.bin", .size = 20, .modified = 1700000000, .read = pattern_read, .ctx = &file}};
    struct ipm_writer *w;
    assert_int_equal(ipm_writer_new(&w, &h, parts, 4), 0);
    assert_int_equal(write_all(w, 64, out), 0);
    ipm_writer_free(w);
}

// By hand: teletex, forwarded with delivery envelope, unknown type, telefax.
static void foreign_content(struct buf *out) {
    hex_append(out,
               "a080 3180 6b80 1302 4142 0000 0000 3080"
               "a580 3103 800102 3080 1402 c261 1402 6b6c 0000 0000"
               "a980 3180 800d 323631313230313033343336 5a a180 6015 3013 6104 1302 4742 6206 1304 54455354"
               "a503 8001 6a 0000 0000 3080 3180 6b80 1302 4142 0000 0000 3080 a080 3100 1601 61 0000 0000 0000 0000"
               "af80 2880 0603 2a0304 a080 3003 020105 0000 0000 0000"
               "a30b 3100 3007 0302 0001 0301 00 0000 0000");
}

static void assert_consistent(struct seen *s, int err) {
    assert_true(err <= 0);
    for (size_t i = 0; i < s->n_parts; i++)
        if (err == ERR_OK)
            assert_true(s->parts[i].ended);
}

static void damage(struct bytes content) {
    struct seen s = {0};
    assert_int_equal(seen_read(&s, content, 0, NULL), 0);
    seen_free(&s);
    for (size_t n = 0; n < content.n; n++) {
        assert_int_equal(seen_read(&s, bytes_of(content.p, n), n % 3, NULL), ERR_SHORT);
        seen_free(&s);
    }
    uint8_t *copy = malloc(content.n); // exactly as long, so that reading beyond is seen
    assert_non_null(copy);
    memcpy(copy, content.p, content.n);
    for (size_t bit = 0; bit < content.n * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_consistent(&s, seen_read(&s, bytes_of(copy, content.n), bit % 5, NULL));
        seen_free(&s);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t i = 0; i < content.n; i++) // lengths and tags at their extremes
        for (int v = 0; v < 2; v++) {
            uint8_t kept = copy[i];
            copy[i] = v ? 0xFF : 0x80;
            assert_consistent(&s, seen_read(&s, bytes_of(copy, content.n), 0, NULL));
            seen_free(&s);
            copy[i] = kept;
        }
    free(copy);
}

static void test_own(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf content = {0};
    small_content(&a, &content);
    damage(buf_bytes(&content));
    buf_free(&content);
    arena_free(&a);
}

static void test_foreign(void **state) {
    (void)state;
    struct buf content = {0};
    foreign_content(&content);
    damage(buf_bytes(&content));
    buf_free(&content);
}

static void test_captured(void **state) {
    (void)state;
    struct buf content = {0};
    hex_file(&content, "tests/data/p22-ipm.hex");
    damage(buf_bytes(&content));
    buf_free(&content);
}

static int ignore_heading(void *ctx, const char *number, unsigned level, const struct ipm_heading *h) {
    (void)ctx, (void)number, (void)level, (void)h;
    return 0;
}

// Each allocation fails once: the result is out of memory or, where it did not matter, the same as ever.
// The type of an externally defined part stands once, before its value.
static void test_second_type(void **state) {
    (void)state;
    static const char *const parts[] = {"0603 2a0304 a080 3003 020105 0000 0604 5601040b",  // after the value
                                        "0604 5601040b 0604 5601040b a080 1b02 6162 0000"}; // twice
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct seen s = {0};
        struct buf b = {0};
        hex_append(&b, "a080 3180 6b80 1302 4142 0000 0000 3080 af80 2880");
        hex_append(&b, parts[i]);
        hex_append(&b, "0000 0000 0000 0000");
        assert_int_equal(seen_read(&s, buf_bytes(&b), 0, NULL), ERR_SYNTAX);
        seen_free(&s);
        buf_free(&b);
    }
}

static void test_no_memory(void **state) {
    (void)state;
    static const struct ipm_reader_user user = {.heading = ignore_heading};
    struct arena a = {0};
    struct buf content = {0};
    small_content(&a, &content);
    unsigned failures = 0;
    for (unsigned long n = 1; n < 500; n++) {
        mem_fail_at(n);
        struct ipm_reader *r = ipm_reader_new(&user, NULL, NULL);
        int err = r == NULL ? ERR_NOMEM : ipm_reader_feed(r, buf_bytes(&content));
        if (err == ERR_OK)
            err = ipm_reader_end(r);
        ipm_reader_free(r);
        mem_fail_at(0);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        failures += err == ERR_NOMEM;
    }
    assert_in_range(failures, 10, 400);
    buf_free(&content);
    arena_free(&a);
}

static void test_writer_no_memory(void **state) {
    (void)state;
    struct arena a = {0};
    struct ipm_heading h = {.this_ipm = {.local = "1"}, .subject = "你"};
    struct ipm_part_out part = {.is_text = true, .text = bytes_str("Grüße")};
    unsigned failures = 0;
    for (unsigned long n = 1; n < 200; n++) {
        struct ipm_writer *w;
        mem_fail_at(n);
        int err = ipm_writer_new(&w, &h, &part, 1);
        mem_fail_at(0);
        assert_true(err == ERR_OK || (err == ERR_NOMEM && w == NULL));
        failures += err == ERR_NOMEM;
        ipm_writer_free(w);
    }
    assert_in_range(failures, 10, 150);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),         cmocka_unit_test(test_foreign),   cmocka_unit_test(test_captured),
        cmocka_unit_test(test_second_type), cmocka_unit_test(test_no_memory), cmocka_unit_test(test_writer_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
