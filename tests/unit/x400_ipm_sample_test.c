// SPDX-License-Identifier: BSD-2-Clause
// A sample content with every form that is written. Called with a file name it writes the sample there, for the
// comparison with another decoder (tests/ipm-tshark.sh); called without it checks that our reader understands it.
#include "tests/unit/x400_ipm_util.h"

static void sample(struct buf *out) {
    struct arena a = {0};
    struct ipm_descriptor from = {test_name(&a, "jones"), "Jones", "+49 30 123"};
    struct ipm_recipient to[] = {
        {{test_name(&a, "smith"), NULL, NULL}, IPM_REQUEST_RN | IPM_REQUEST_NRN, true, {0}},
        {{test_name(&a, "brown"), NULL, NULL}, 0, false, {0}},
    };
    struct ipm_recipient cc = {{test_name(&a, "white"), NULL, NULL}, 0, false, {0}};
    struct ipm_id old = {{0}, "old 1"};
    const char *languages[] = {"de"};
    struct ipm_heading h = {.this_ipm = {test_name(&a, "jones"), "sample 1"},
                            .originator = &from,
                            .authorizing_users = &from,
                            .n_authorizing_users = 1,
                            .primary = to,
                            .n_primary = 2,
                            .copy = &cc,
                            .n_copy = 1,
                            .replied_to = {test_name(&a, "smith"), "that"},
                            .obsoleted = &old,
                            .n_obsoleted = 1,
                            .related = &old,
                            .n_related = 1,
                            .subject = "A sample 你好",
                            .expiry_time = 1800000000,
                            .reply_time = 1790000000,
                            .reply_recipients = &from,
                            .n_reply_recipients = 1,
                            .importance = IPM_IMPORTANCE_HIGH,
                            .sensitivity = IPM_PRIVATE,
                            .auto_forwarded = true,
                            .incomplete_copy = true,
                            .languages = languages,
                            .n_languages = 1,
                            .auto_submitted = IPM_AUTO_GENERATED};
    struct pattern file = {.size = 1000}, empty = {0};
    struct ipm_part_out parts[] = {
        {.is_text = true, .text = bytes_str("plain text\n")},
        {.is_text = true, .text = bytes_str("Grüße\n")},
        {.is_text = true, .text = bytes_str("你好\n")},
        {.file_name = "report.pdf", .size = 1000, .modified = 1700000000, .read = pattern_read, .ctx = &file},
        {.file_name = "leer-ü.bin", .size = 0, .read = pattern_read, .ctx = &empty}};
    struct ipm_writer *w;
    assert_int_equal(ipm_writer_new(&w, &h, parts, 5), 0);
    assert_int_equal(write_all(w, 4096, out), 0);
    assert_int_equal(out->len, ipm_writer_length(w));
    ipm_writer_free(w);
    arena_free(&a);
}

static void test_sample(void **state) {
    (void)state;
    struct buf content = {0};
    struct seen s = {0};
    sample(&content);
    assert_int_equal(seen_read(&s, buf_bytes(&content), 11, NULL), 0);
    assert_int_equal(s.n_parts, 5);
    seen_assert_line(&s.headings[0], "Subject: A sample 你好\n");
    seen_assert_data(&s, "1", "plain text\r\n");
    seen_assert_data(&s, "2", "Grüße\r\n");
    seen_assert_data(&s, "3", "你好\r\n");
    assert_int_equal(seen_find(&s, "4")->data.len, 1000);
    assert_string_equal(seen_find(&s, "5")->part.file_name, "leer-ü.bin");
    seen_free(&s);
    buf_free(&content);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sample)};
    if (argc == 1)
        return cmocka_run_group_tests(tests, NULL, NULL);
    struct buf content = {0};
    sample(&content);
    FILE *f = fopen(argv[1], "wb");
    bool ok = f != NULL && fwrite(content.mem + content.off, 1, content.len, f) == content.len;
    ok = f != NULL && fclose(f) == 0 && ok;
    buf_free(&content);
    return ok ? 0 : 1;
}
