// SPDX-License-Identifier: BSD-2-Clause
// Headings: every field there and back, subjects beyond T.61, bounds; notifications.
#include "tests/unit/x400_ipm_util.h"

// The members of the SET that encode makes.
static struct bytes members(struct buf *b) {
    struct cursor c = cursor_of(buf_bytes(b));
    struct tlv t;
    struct bytes value;
    assert_int_equal(tlv_expect(&c, TLV_UNIVERSAL, TLV_SET, &t, &value), 0);
    assert_int_equal(cursor_left(&c), 0);
    return value;
}

static void test_every_field(void **state) {
    (void)state;
    struct arena a = {0};
    struct bytes jones = test_name(&a, "jones"), smith = test_name(&a, "smith");
    struct ipm_descriptor originator = {jones, "Jörg Jones", "+49 30 123"};
    struct ipm_descriptor authorizing[] = {{jones, NULL, NULL}, {{0}, "The Board", NULL}};
    struct ipm_recipient primary[] = {
        {{smith, NULL, NULL}, IPM_REQUEST_RN | IPM_REQUEST_NRN, true, {0}},
        {{jones, NULL, NULL}, IPM_REQUEST_RETURN | IPM_REQUEST_NRN, false, {0}},
    };
    struct ipm_recipient copy[] = {{{{0}, "Nobody", NULL}, 0, false, {0}}},
                         blind[] = {{{smith, "S", NULL}, 0, false, {0}}};
    struct ipm_descriptor reply[] = {{smith, NULL, NULL}};
    struct ipm_id obsoleted[] = {{smith, "old 1"}, {{0}, ""}}, related[] = {{{0}, "rel"}};
    const char *languages[] = {"de", "en-GB"};
    static const uint8_t null[] = {5, 0}, label[] = {4, 2, 1, 2};
    struct ipm_extension extensions[] = {{"1.2.3", bytes_of(null, 2)}, {"2.6.1.5.11", bytes_of(label, 4)}};
    struct ipm_heading h = {.this_ipm = {jones, "this 1"},
                            .originator = &originator,
                            .authorizing_users = authorizing,
                            .n_authorizing_users = 2,
                            .primary = primary,
                            .n_primary = 2,
                            .copy = copy,
                            .n_copy = 1,
                            .blind_copy = blind,
                            .n_blind_copy = 1,
                            .replied_to = {smith, "that"},
                            .obsoleted = obsoleted,
                            .n_obsoleted = 2,
                            .related = related,
                            .n_related = 1,
                            .subject = "Grüße",
                            .expiry_time = 1800000000,
                            .reply_time = 1790000001,
                            .reply_recipients = reply,
                            .n_reply_recipients = 1,
                            .importance = IPM_IMPORTANCE_HIGH,
                            .sensitivity = IPM_PRIVATE,
                            .auto_forwarded = true,
                            .incomplete_copy = true,
                            .languages = languages,
                            .n_languages = 2,
                            .auto_submitted = IPM_AUTO_REPLIED,
                            .extensions = extensions,
                            .n_extensions = 2};
    struct buf b = {0};
    assert_int_equal(ipm_heading_encode(&h, &b), 0);
    struct ipm_heading d;
    assert_int_equal(ipm_heading_decode(&a, members(&b), &d), 0);

    assert_true(bytes_equal(d.this_ipm.user, jones));
    assert_string_equal(d.this_ipm.local, "this 1");
    assert_true(bytes_equal(d.originator->formal_name, jones));
    assert_string_equal(d.originator->free_form_name, "Jörg Jones");
    assert_string_equal(d.originator->telephone_number, "+49 30 123");
    assert_int_equal(d.n_authorizing_users, 2);
    assert_int_equal(d.authorizing_users[1].formal_name.n, 0);
    assert_string_equal(d.authorizing_users[1].free_form_name, "The Board");
    assert_int_equal(d.n_primary, 2);
    assert_int_equal(d.primary[0].notification_requests, IPM_REQUEST_RN | IPM_REQUEST_NRN);
    assert_true(d.primary[0].reply_requested);
    assert_int_equal(d.primary[1].notification_requests, IPM_REQUEST_NRN | IPM_REQUEST_RETURN);
    assert_false(d.primary[1].reply_requested);
    assert_true(bytes_equal(d.primary[1].recipient.formal_name, jones));
    assert_int_equal(d.n_copy, 1);
    assert_string_equal(d.copy[0].recipient.free_form_name, "Nobody");
    assert_int_equal(d.n_blind_copy, 1);
    assert_string_equal(d.replied_to.local, "that");
    assert_int_equal(d.n_obsoleted, 2);
    assert_string_equal(d.obsoleted[1].local, "");
    assert_int_equal(d.n_related, 1);
    assert_string_equal(d.subject, "Grüße");
    assert_int_equal(d.expiry_time, 1800000000);
    assert_int_equal(d.reply_time, 1790000001);
    assert_int_equal(d.n_reply_recipients, 1);
    assert_int_equal(d.importance, IPM_IMPORTANCE_HIGH);
    assert_int_equal(d.sensitivity, IPM_PRIVATE);
    assert_true(d.auto_forwarded && d.incomplete_copy);
    assert_int_equal(d.n_languages, 2);
    assert_string_equal(d.languages[1], "en-GB");
    assert_int_equal(d.auto_submitted, IPM_AUTO_REPLIED);
    assert_int_equal(d.n_extensions, 2);
    assert_string_equal(d.extensions[1].oid, "2.6.1.5.11");
    assert_true(bytes_equal(d.extensions[1].value, bytes_of(label, 4)));

    // What was decoded encodes to the same octets.
    struct buf again = {0};
    assert_int_equal(ipm_heading_encode(&d, &again), 0);
    assert_true(bytes_equal(buf_bytes(&b), buf_bytes(&again)));

    struct buf printed = {0};
    print_heading(&printed, &d);
    seen_assert_line(&printed, "Subject: Grüße\n");
    seen_assert_line(&printed, "Expires: 2027-01-15T08:00:00Z\n");
    seen_assert_line(&printed, "Importance: high\n");
    seen_assert_line(&printed, " RN NRN reply\n");
    seen_assert_line(&printed, "Cc: Nobody\n");
    buf_free(&printed);
    buf_free(&again);
    buf_free(&b);
    arena_free(&a);
}

static void test_minimal_heading(void **state) {
    (void)state;
    struct arena a = {0};
    struct ipm_heading h = {.this_ipm = {.local = ""}, .importance = IPM_IMPORTANCE_NORMAL}, d;
    struct buf b = {0}, expected = {0};
    assert_int_equal(ipm_heading_encode(&h, &b), 0);
    hex_append(&expected, "3104 6b02 1300"); // nothing that has its default is sent
    assert_true(bytes_equal(buf_bytes(&b), buf_bytes(&expected)));
    assert_int_equal(ipm_heading_decode(&a, members(&b), &d), 0);
    assert_int_equal(d.importance, IPM_IMPORTANCE_NORMAL);
    assert_null(d.subject);
    assert_null(d.originator);
    assert_null(d.replied_to.local);
    buf_free(&b);
    buf_free(&expected);
    arena_free(&a);
}

static void subject_round_trip(const char *subject) {
    struct arena a = {0};
    struct ipm_heading h = {.this_ipm = {.local = "1"}, .importance = IPM_IMPORTANCE_NORMAL, .subject = subject}, d;
    struct buf b = {0};
    assert_int_equal(ipm_heading_encode(&h, &b), 0);
    assert_int_equal(ipm_heading_decode(&a, members(&b), &d), 0);
    assert_string_equal(d.subject, subject);
    assert_int_equal(d.n_extensions, 0);
    buf_free(&b);
    arena_free(&a);
}

static void test_subjects(void **state) {
    (void)state;
    subject_round_trip("");
    subject_round_trip("plain");
    subject_round_trip("50 # for $ 20");
    subject_round_trip("Čeština, Łódź, Æsir");
    subject_round_trip("Ελληνικά");
    subject_round_trip("你好");
    subject_round_trip("smile 😀 beyond the BMP");
    char longer[201] = {0};
    memset(longer, 'x', 200);
    subject_round_trip(longer);
}

// What T.61 cannot say is still told in the subject as well as it goes, for readers without the extension.
static void test_subject_without_extension(void **state) {
    (void)state;
    struct arena a = {0};
    struct ipm_heading h = {.this_ipm = {.local = "1"}, .importance = IPM_IMPORTANCE_NORMAL, .subject = "A 你 b"};
    struct buf b = {0};
    struct tlv t;
    struct bytes v;
    assert_int_equal(ipm_heading_encode(&h, &b), 0);
    assert_int_equal(tlv_find(members(&b), TLV_CONTEXT, 8, &t, &v), 0);
    assert_true(bytes_equal(v, bytes_str("\x14\x05"
                                         "A ? b")));
    buf_free(&b);
    arena_free(&a);
}

static void assert_refused(struct ipm_heading h, int err) {
    struct buf b = {0};
    buf_append_str(&b, "before");
    assert_int_equal(ipm_heading_encode(&h, &b), err);
    assert_int_equal(b.len, 6);
    buf_free(&b);
}

static void test_bounds(void **state) {
    (void)state;
    char text[258] = {0};
    memset(text, 'x', 257);
    struct ipm_heading h = {.this_ipm = {.local = "1"}, .subject = text};
    assert_refused(h, ERR_LIMIT);
    h = (struct ipm_heading){.this_ipm = {.local = "not_printable"}};
    assert_refused(h, ERR_SYNTAX);
    text[65] = 0;
    h = (struct ipm_heading){.this_ipm = {.local = text}};
    assert_refused(h, ERR_LIMIT);
    char why[VALIDATE_WHY_MAX];
    assert_int_equal(ipm_heading_check(&h, why), ERR_LIMIT);
    assert_string_equal(why, "user-relative-identifier has 65 characters, more than the 64 allowed");
    struct ipm_recipient to = {.recipient = {.free_form_name = text}};
    h = (struct ipm_heading){.this_ipm = {.local = "1"}, .copy = &to, .n_copy = 1};
    assert_refused(h, ERR_LIMIT);
    assert_int_equal(ipm_heading_check(&h, why), ERR_LIMIT);
    assert_string_equal(why, "teletex free-form-name has 65 characters, more than the 64 allowed");
    struct ipm_descriptor from = {.telephone_number = "+49 (0)30*1"};
    h = (struct ipm_heading){.this_ipm = {.local = "1"}, .originator = &from};
    assert_refused(h, ERR_SYNTAX);
    const char *languages[] = {"en", "german"};
    h = (struct ipm_heading){.this_ipm = {.local = "1"}, .languages = languages, .n_languages = 2};
    assert_refused(h, ERR_LIMIT);
    h = (struct ipm_heading){0};
    assert_refused(h, ERR_SYNTAX); // this-IPM is mandatory
    assert_int_equal(ipm_heading_check(&h, why), ERR_SYNTAX);
    assert_string_equal(why, "this-IPM is missing");
}

// P2 of 1984: importance and sensitivity are INTEGERs under the same tags; members in another order; indefinite
// lengths.
static void test_other_encodings(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0};
    struct ipm_heading d;
    hex_append(&b, "8d0103 8c0100 a880 3480 0401 48 0402 6921 0000 0000 6b04 1302 4142");
    hex_append(&b, "b900 9e0101 8e01ff 8a0b 323631313230 31303330 5a");
    assert_int_equal(ipm_heading_decode(&a, buf_bytes(&b), &d), 0);
    assert_int_equal(d.sensitivity, IPM_COMPANY_CONFIDENTIAL);
    assert_int_equal(d.importance, IPM_IMPORTANCE_LOW);
    assert_string_equal(d.subject, "Hi!");
    assert_string_equal(d.this_ipm.local, "AB");
    assert_true(d.auto_forwarded);
    assert_int_equal(d.reply_time, 1795170600);
    buf_free(&b);
    arena_free(&a);
}

static void test_notifications(void **state) {
    (void)state;
    struct seen s = {0};
    struct buf b = {0};
    // receipt: subject-ipm, [0] { [1] { [0] time, [1] automatic } }
    hex_append(&b, "a124 6b06 1304 6964 2031 a01a a118 800d 323631313230313033343336 5a 810101 8204 74657374");
    assert_int_equal(seen_read(&s, buf_bytes(&b), 1, NULL), 0);
    assert_int_equal(s.n_notifications, 1);
    assert_string_equal(buf_cstr(&s.notification), "Notification: automatic\n"
                                                   "Receipt-time: 2026-11-20T10:34:36Z\n"
                                                   "Supplementary-information: test\n"
                                                   "Subject-message: id 1\n");
    seen_free(&s);
    buf_clear(&b);
    hex_append(&b, "a118 6b06 1304 6964 2031 a00e a00c 800100 810101 8204 6d6f7665");
    assert_int_equal(seen_read(&s, buf_bytes(&b), 0, NULL), 0);
    assert_string_equal(buf_cstr(&s.notification), "Non-receipt: 0, discarded: 1\n"
                                                   "Comment: move\n"
                                                   "Subject-message: id 1\n");
    seen_free(&s);
    buf_clear(&b);
    hex_append(&b, "a108 6b06 1304 6964 2031"); // neither receipt nor non-receipt
    assert_int_equal(seen_read(&s, buf_bytes(&b), 0, NULL), ERR_SYNTAX);
    seen_free(&s);
    buf_free(&b);
}

// A peer's control characters do not reach the terminal of whoever reads a print.
static void test_print_is_clean(void **state) {
    (void)state;
    struct ipm_descriptor d = {.free_form_name = "a\nFrom: forged\x1B[2J\xC2\x9B end", .telephone_number = "\x07"};
    struct buf printed = {0};
    assert_int_equal(ipm_descriptor_print(&d, &printed), 0);
    assert_string_equal(buf_cstr(&printed), "a From: forged [2J   end, tel.  ");
    buf_clear(&printed);
    assert_int_equal(ipm_id_print(&(struct ipm_id){.local = "1\n2"}, &printed), 0);
    assert_string_equal(buf_cstr(&printed), "1 2");
    buf_free(&printed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field),   cmocka_unit_test(test_minimal_heading),
        cmocka_unit_test(test_subjects),      cmocka_unit_test(test_subject_without_extension),
        cmocka_unit_test(test_bounds),        cmocka_unit_test(test_other_encodings),
        cmocka_unit_test(test_notifications), cmocka_unit_test(test_print_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
