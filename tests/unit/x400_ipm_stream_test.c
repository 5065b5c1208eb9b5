// SPDX-License-Identifier: BSD-2-Clause
// Contents written and read again, a captured one, and memory.
#include "tests/unit/x400_ipm_util.h"

#include <malloc.h>

static const size_t pieces[] = {0, 1, 2, 3, 7, 100, 4096};

static struct ipm_heading simple_heading(struct arena *a, const char *subject) {
    struct ipm_heading h = {.importance = IPM_IMPORTANCE_NORMAL, .subject = subject};
    h.this_ipm = (struct ipm_id){test_name(a, "jones"), "id 1"};
    h.originator = arena_alloc(a, sizeof *h.originator);
    h.originator->formal_name = test_name(a, "jones");
    h.primary = arena_alloc(a, sizeof *h.primary);
    h.primary->recipient.formal_name = test_name(a, "smith");
    h.n_primary = 1;
    return h;
}

static void content_of(const struct ipm_heading *h, const struct ipm_part_out *parts, size_t n, struct buf *out) {
    struct ipm_writer *w;
    assert_int_equal(ipm_writer_new(&w, h, parts, n), 0);
    assert_int_equal(write_all(w, 8192, out), 0);
    assert_int_equal(out->len, ipm_writer_length(w));
    ipm_writer_free(w);
}

static struct ipm_part_out text(const char *utf8) {
    return (struct ipm_part_out){.is_text = true, .text = bytes_str(utf8)};
}

static void test_captured(void **state) {
    (void)state;
    struct buf content = {0};
    hex_file(&content, "tests/data/p22-ipm.hex");
    assert_int_equal(content.len, 241);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct seen s = {0};
        assert_int_equal(seen_read(&s, buf_bytes(&content), pieces[i], NULL), 0);
        assert_int_equal(s.n_headings, 1);
        assert_string_equal(buf_cstr(&s.headings[0]), "From: /S=jones/O=ALPHA/P=PPA/A=TEST/C=GB/\n"
                                                      "Authorized-by: /S=jones/O=ALPHA/P=PPA/A=TEST/C=GB/\n"
                                                      "To: /S=smith/O=BETA/P=PPB/A=TEST/C=GB/\n"
                                                      "Subject: cap 88 normal\n"
                                                      "Message-id: (q)25927 Fri Nov 20 10:34:36 2026(q)(a)ppa.test\n");
        assert_int_equal(s.n_parts, 1);
        assert_int_equal(s.parts[0].part.kind, IPM_PART_IA5_TEXT);
        assert_true(s.parts[0].part.is_text && s.parts[0].ended);
        assert_string_equal(s.parts[0].part.fallback_name, "body-1.txt");
        seen_assert_data(&s, "1", "Hello from PP A\r\n");
        seen_free(&s);
    }
    buf_free(&content);
}

// The text comes back whole in the form that it calls for.
static void text_round_trip(const char *utf8, const char *expected, enum ipm_part_kind kind, uint32_t built_in,
                            size_t n_external) {
    struct arena a = {0};
    struct ipm_heading h = simple_heading(&a, "text");
    struct ipm_part_out part = text(utf8);
    struct ipm_writer *w;
    struct buf content = {0};
    assert_int_equal(ipm_writer_new(&w, &h, &part, 1), 0);
    assert_int_equal(ipm_writer_eits(w)->built_in, built_in);
    assert_int_equal(ipm_writer_eits(w)->n_external, n_external);
    assert_int_equal(write_all(w, 5, &content), 0);
    assert_int_equal(content.len, ipm_writer_length(w));
    ipm_writer_free(w);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct seen s = {0};
        assert_int_equal(seen_read(&s, buf_bytes(&content), pieces[i], NULL), 0);
        assert_int_equal(s.n_parts, 1);
        assert_int_equal(s.parts[0].part.kind, kind);
        assert_true(s.parts[0].part.is_text);
        assert_int_equal(s.parts[0].warnings, 0);
        seen_assert_data(&s, "1", expected);
        seen_free(&s);
    }
    buf_free(&content);
    arena_free(&a);
}

static void test_texts(void **state) {
    (void)state;
    text_round_trip("plain\nlines\r\n", "plain\r\nlines\r\n", IPM_PART_IA5_TEXT, IPM_EIT_IA5_TEXT, 0);
    text_round_trip("", "", IPM_PART_IA5_TEXT, IPM_EIT_IA5_TEXT, 0);
    text_round_trip("Grüße à tous\n", "Grüße à tous\r\n", IPM_PART_GENERAL_TEXT, 0, 3);
    text_round_trip("Καλημέρα 123", "Καλημέρα 123", IPM_PART_GENERAL_TEXT, 0, 3);
    text_round_trip("Привет", "Привет", IPM_PART_GENERAL_TEXT, 0, 3);
    text_round_trip("你好, world\n", "你好, world\r\n", IPM_PART_FILE, 0, 1);
    text_round_trip("é and Ω and Ж", "é and Ω and Ж", IPM_PART_FILE, 0, 1);
}

// The object identifiers for the envelope, each once however many parts call for it.
static void test_eits(void **state) {
    (void)state;
    static const char *const expected[] = {"28ce2507010001", "28ce2507010006", "28ce2507010064", "56010c00"};
    struct arena a = {0};
    struct ipm_heading h = simple_heading(&a, "eits");
    struct ipm_part_out parts[] = {text("ä"), text("plain"), text("ö"), text("你"), text("好")};
    struct ipm_writer *w;
    assert_int_equal(ipm_writer_new(&w, &h, parts, 5), 0);
    const struct ipm_eits *e = ipm_writer_eits(w);
    assert_int_equal(e->built_in, IPM_EIT_IA5_TEXT);
    assert_int_equal(e->n_external, 4);
    for (size_t i = 0; i < 4; i++) {
        struct buf b = {0};
        hex_append(&b, expected[i]);
        assert_true(bytes_equal(e->external[i], buf_bytes(&b)));
        buf_free(&b);
    }
    ipm_writer_free(w);
    arena_free(&a);
}

static void test_not_utf8(void **state) {
    (void)state;
    struct arena a = {0};
    struct ipm_heading h = simple_heading(&a, "x");
    struct ipm_part_out part = text("\xFF");
    struct ipm_writer *w;
    assert_int_equal(ipm_writer_new(&w, &h, &part, 1), ERR_SYNTAX);
    assert_null(w);
    arena_free(&a);
}

static void assert_pattern(struct seen_part *p, uint64_t size) {
    assert_int_equal(p->data.len, size);
    for (uint64_t i = 0; i < size; i++)
        if (p->data.mem[p->data.off + i] != pattern_octet(i))
            fail_msg("octet %ju differs", (uintmax_t)i);
}

static void test_files(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0, 1, 127, 128, 65536, 5 * 1024 * 1024};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct arena a = {0};
        struct ipm_heading h = simple_heading(&a, "files");
        struct pattern file = {.size = sizes[i], .most = 1000}, second = {.size = 3};
        struct ipm_part_out parts[] = {text("see the file"),
                                       {.file_name = "Übersicht €.pdf",
                                        .size = sizes[i],
                                        .modified = 1700000000,
                                        .read = pattern_read,
                                        .ctx = &file},
                                       {.file_name = "b.bin", .size = 3, .read = pattern_read, .ctx = &second}};
        struct buf content = {0};
        content_of(&h, parts, 3, &content);
        for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
            if (sizes[i] > 100000 && pieces[k] != 0 && pieces[k] < 100)
                continue;
            struct seen s = {0};
            assert_int_equal(seen_read(&s, buf_bytes(&content), pieces[k], NULL), 0);
            assert_int_equal(s.n_parts, 3);
            seen_assert_data(&s, "1", "see the file");
            struct seen_part *p = seen_find(&s, "2");
            assert_int_equal(p->part.kind, IPM_PART_FILE);
            assert_false(p->part.is_text || p->part.octets_are_ber);
            assert_string_equal(p->part.file_name, "Übersicht €.pdf");
            assert_string_equal(p->part.fallback_name, "part-2.bin");
            assert_string_equal(p->part.oid, "2.6.1.4.12");
            assert_int_equal(p->part.size, sizes[i]);
            assert_int_equal(p->part.modified, 1700000000);
            assert_pattern(p, sizes[i]);
            assert_string_equal(seen_find(&s, "3")->part.file_name, "b.bin");
            assert_int_equal(seen_find(&s, "3")->part.modified, 0);
            seen_free(&s);
        }
        buf_free(&content);
        arena_free(&a);
    }
}

// A file that is not as long as it was said to be stops the content.
static void test_wrong_size(void **state) {
    (void)state;
    struct arena a = {0};
    struct ipm_heading h = simple_heading(&a, "x");
    for (int more = 0; more < 2; more++) {
        struct pattern file = {.size = more ? 11 : 9};
        struct ipm_part_out part = {.file_name = "f", .size = 10, .read = pattern_read, .ctx = &file};
        struct ipm_writer *w;
        struct buf content = {0};
        assert_int_equal(ipm_writer_new(&w, &h, &part, 1), 0);
        assert_int_equal(write_all(w, 4, &content), more ? ERR_LIMIT : ERR_SHORT);
        ipm_writer_free(w);
        buf_free(&content);
    }
    arena_free(&a);
}

static void test_large_file_costs_no_memory(void **state) {
    (void)state;
    const uint64_t size = 100 * 1000 * 1000;
    struct arena a = {0};
    struct ipm_heading h = simple_heading(&a, "large");
    struct pattern file = {.size = size};
    struct ipm_part_out part = {.file_name = "large.bin", .size = size, .read = pattern_read, .ctx = &file};
    struct seen s = {.count_only = true};
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd, most = before;
    struct ipm_writer *w;
    assert_int_equal(ipm_writer_new(&w, &h, &part, 1), 0);
    struct ipm_reader *r = ipm_reader_new(&seen_user, &s, NULL);
    static uint8_t chunk[65536];
    uint64_t total = 0;
    size_t n;
    while (ipm_writer_read(w, chunk, sizeof chunk, &n) == 0 && n > 0) {
        total += n;
        assert_int_equal(ipm_reader_feed(r, bytes_of(chunk, n)), 0);
        size_t now = mallinfo2().uordblks + mallinfo2().hblkhd;
        most = now > most ? now : most;
    }
    assert_int_equal(total, ipm_writer_length(w));
    assert_int_equal(ipm_reader_end(r), 0);
    assert_int_equal(s.octets, size);
    assert_in_range(most - before, 0, 200 * 1024);
    ipm_reader_free(r);
    ipm_writer_free(w);
    seen_free(&s);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captured),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_eits),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_wrong_size),
        cmocka_unit_test(test_large_file_costs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
