// SPDX-License-Identifier: BSD-2-Clause
// Every kind of body part, as others send them: written here by hand, mostly in indefinite lengths.
#include "tests/unit/x400_ipm_util.h"

#define HEADING "3180 6b80 1302 4142 0000 0000"
#define BEGIN "a080 " HEADING " 3080 "
#define END " 0000 0000"

static void read_hex_limited(struct seen *s, const char *hex, const struct ipm_limits *limits) {
    struct buf b = {0};
    hex_append(&b, hex);
    for (size_t piece = 0; piece < 4; piece++) {
        seen_free(s);
        assert_int_equal(seen_read(s, buf_bytes(&b), piece, limits), 0);
        for (size_t i = 0; i < s->n_parts; i++)
            assert_true(s->parts[i].ended);
    }
    buf_free(&b);
}

static void read_hex(struct seen *s, const char *hex) {
    read_hex_limited(s, hex, NULL);
}

static void assert_octets(struct seen *s, const char *number, const char *hex) {
    struct buf expected = {0};
    hex_append(&expected, hex);
    struct seen_part *p = seen_find(s, number);
    assert_int_equal(p->data.len, expected.len);
    assert_memory_equal(p->data.mem + p->data.off, expected.mem, expected.len);
    buf_free(&expected);
}

// A P2 of 1984 with text, teletex in pages and telefax.
static void test_p2(void **state) {
    (void)state;
    struct seen s = {0};
    read_hex(&s, BEGIN "a080 3180 800105 0000 1603 616263 0000"              // IA5, repertoire explicit
                       "a080 3100 3680 0402 6465 0401 66 0000 0000"          // IA5 in segments
                       "a580 3103 800102 3080 1402 c261 1402 6b6c 0000 0000" // two pages, the first a-acute
                       "a30b 3100 3007 0302 0001 0301 00"                    // telefax
                       "a280 3100 0303 00abcd 0000"                          // voice
                       "a704 0402 0102" END);                                // nationally defined
    assert_int_equal(s.n_parts, 6);
    seen_assert_data(&s, "1", "abc");
    seen_assert_data(&s, "2", "def");
    assert_int_equal(seen_find(&s, "3")->part.kind, IPM_PART_TELETEX);
    seen_assert_data(&s, "3", "á\fkl");
    struct seen_part *fax = seen_find(&s, "4");
    assert_int_equal(fax->part.kind, IPM_PART_OPAQUE);
    assert_string_equal(fax->part.type_name, "g3fax");
    assert_string_equal(fax->part.fallback_name, "part-4.g3fax.ber");
    assert_true(fax->part.octets_are_ber);
    assert_octets(&s, "4", "a30b 3100 3007 0302 0001 0301 00");
    assert_octets(&s, "5", "a280 3100 0303 00abcd 0000");
    assert_string_equal(seen_find(&s, "6")->part.type_name, "nationally-defined");
    assert_octets(&s, "6", "a704 0402 0102");
    seen_free(&s);
}

// Stored encodings are the sender's to the octet, also with long forms of length and tag.
static void test_opaque_is_exact(void **state) {
    (void)state;
    struct seen s = {0};
    static const char part[] = "bf8140 8200 0e 0482 0003 010203 9f64 8101 ff 1b 00";
    char all[400];
    snprintf(all, sizeof all, BEGIN "%s" END, part);
    read_hex(&s, all);
    assert_octets(&s, "1", part);
    seen_free(&s);
}

static void test_bilateral(void **state) {
    (void)state;
    struct seen s = {0};
    read_hex(&s, BEGIN "8e03 010203"
                       "ae80 0402 0405 2480 0401 06 0000 0000"
                       "8e00" END);
    assert_int_equal(s.n_parts, 3);
    assert_int_equal(seen_find(&s, "1")->part.kind, IPM_PART_BILATERAL);
    assert_string_equal(seen_find(&s, "1")->part.fallback_name, "part-1.bin");
    assert_octets(&s, "1", "010203");
    assert_octets(&s, "2", "040506");
    assert_octets(&s, "3", "");
    seen_free(&s);
}

static void test_general_text(void **state) {
    (void)state;
    struct seen s = {0};
    read_hex(&s, BEGIN
             // registrations 1, 6, 100 and the right half designated by ESC 2/13 4/1
             "af80 a080 0604 56010b0b a080 3109 020101 020106 020164 0000 0000"
             "2880 0604 5601040b a080 1b06 1b2d41 e9 0d0a 0000 0000 0000"
             // registration 144 (Cyrillic) by the parameters alone
             "af80 a080 0604 56010b0b a080 3107 020106 02020090 0000 0000"
             "2880 0604 5601040b a080 1b02 bfe0 0000 0000 0000" END);
    assert_int_equal(s.n_parts, 2);
    struct seen_part *p = seen_find(&s, "1");
    assert_int_equal(p->part.kind, IPM_PART_GENERAL_TEXT);
    assert_string_equal(p->part.type_name, "general-text");
    assert_int_equal(p->warnings, 0);
    seen_assert_data(&s, "1", "é\r\n");
    seen_assert_data(&s, "2", "Пр");
    seen_free(&s);
}

// What a text cannot be is shown and counted, not dropped.
static void test_unknown_characters(void **state) {
    (void)state;
    struct seen s = {0};
    read_hex(&s, BEGIN "a080 3100 1604 61e9 ff 62 0000" END);
    seen_assert_data(&s, "1",
                     "a\xEF\xBF\xBD\xEF\xBF\xBD"
                     "b");
    assert_int_equal(seen_find(&s, "1")->warnings, 2);
    seen_free(&s);
}

#define FTBP_BEGIN "af80 a080 0604 56010b0c a080 3080 "
#define FTBP_MIDDLE " 0000 0000 0000 2880 0604 5601040c a080 3080 "
#define FTBP_END " 0000 0000 0000 0000"

static void test_file(void **state) {
    (void)state;
    struct seen s = {0};
    read_hex(&s, BEGIN FTBP_BEGIN
             "a180 a080 0605 28c27b0503 0000 0000"        // contents type
             "a280 a380 1902 4869 0000 0000"              // user visible string "Hi"
             "a480 b780 1903 646972 1905 612e747874 0000" // dir, a.txt
             "a580 8115 32303236313132303130333433362e352b30313030 0000 ad80 810105 0000 0000" // 10:34:36.5+0100
             FTBP_MIDDLE "2880 020103 0703 616263 a180 0402 0102 0401 03 0000 0000" // indirect reference, segments
             "2880 0602 2a03 8203 040405 0000"                                      // a second value, BIT STRING
             "2880 0602 2a03 a003 0401 06 0000"             // a third, OCTET STRING as single type
             FTBP_END FTBP_BEGIN FTBP_MIDDLE FTBP_END END); // an empty file without parameters
    assert_int_equal(s.n_parts, 2);
    struct seen_part *p = seen_find(&s, "1");
    assert_int_equal(p->part.kind, IPM_PART_FILE);
    assert_string_equal(p->part.file_name, "dir/a.txt");
    assert_string_equal(p->part.description, "Hi");
    assert_int_equal(p->part.size, 5);
    assert_int_equal(p->part.modified, 1795167276);
    assert_octets(&s, "1", "010203 0405 06");
    p = seen_find(&s, "2");
    assert_int_equal(p->part.kind, IPM_PART_FILE);
    assert_null(p->part.file_name);
    assert_int_equal(p->part.size, -1);
    assert_octets(&s, "2", "");
    seen_free(&s);
}

static void test_unknown_types(void **state) {
    (void)state;
    struct seen s = {0};
    read_hex(&s, BEGIN "af80 2880 0603 2a0304 a080 0402 0102 0000 0000 0000" // OCTET STRING
                       "af80 2880 0603 2a0304 a080 3003 020105 0000 0000 0000"
                       "af80 2880 0603 2a0304 8102 0506 0000 0000"
                       "af80 2880 0603 2a0304 8203 000708 0000 0000"
                       // general text whose value comes octet-aligned: an encoding
                       "af80 2880 0604 5601040b 8103 1b0161 0000 0000" END);
    assert_int_equal(s.n_parts, 5);
    assert_int_equal(seen_find(&s, "1")->part.kind, IPM_PART_OPAQUE);
    assert_string_equal(seen_find(&s, "1")->part.oid, "1.2.3.4");
    assert_false(seen_find(&s, "1")->part.octets_are_ber);
    assert_octets(&s, "1", "0102");
    assert_true(seen_find(&s, "2")->part.octets_are_ber);
    assert_octets(&s, "2", "3003 020105");
    assert_octets(&s, "3", "0506");
    assert_octets(&s, "4", "0708");
    assert_true(seen_find(&s, "5")->part.octets_are_ber);
    assert_octets(&s, "5", "1b0161");
    seen_free(&s);
}

#define TEXT(octet) "a080 3100 1601 " octet " 0000"
#define FORWARD(inside) "a980 3100 3080 " HEADING " 3080 " inside " 0000 0000 0000"

static void test_forwarded(void **state) {
    (void)state;
    struct seen s = {0};
    read_hex(&s, BEGIN TEXT("61") FORWARD(TEXT("62") FORWARD(TEXT("63")) TEXT("64")) TEXT("65") END);
    assert_int_equal(s.n_headings, 3);
    assert_int_equal(s.heading_level[2], 2);
    static const char *const order[] = {"1", "2", "2.1", "2.2", "2.2.1", "2.3", "3"};
    assert_int_equal(s.n_parts, 7);
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(s.parts[i].part.number, order[i]);
    seen_assert_data(&s, "2.1", "b");
    seen_assert_data(&s, "2.2.1", "c");
    seen_assert_data(&s, "2.3", "d");
    seen_assert_data(&s, "3", "e");
    assert_string_equal(seen_find(&s, "2.2.1")->part.fallback_name, "body-2.2.1.txt");
    assert_int_equal(seen_find(&s, "2.2.1")->part.level, 2);
    seen_free(&s);
}

static void test_forwarded_depth(void **state) {
    (void)state;
    struct seen s = {0};
    const struct ipm_limits limits = {.forwarded_depth = 2};
    read_hex_limited(&s, BEGIN FORWARD(TEXT("62") FORWARD(TEXT("63")) TEXT("64")) END, &limits);
    assert_int_equal(s.n_parts, 4);
    assert_int_equal(seen_find(&s, "1.2")->part.kind, IPM_PART_OPAQUE);
    assert_octets(&s, "1.2", FORWARD(TEXT("63")));
    seen_assert_data(&s, "1.3", "d");
    seen_free(&s);
}

static void test_forwarded_delivery(void **state) {
    (void)state;
    struct seen s = {0};
    read_hex(&s,
             BEGIN "a980 3180 800d 323631313230313033343336 5a a180 800116 6015 3013 6104 1302 4742 6206 1304 54455354"
                   "a503 8001 6a a415 3013 6104 1302 4742 6206 1304 54455354 a503 8001 73"
                   "870d 323631313230313033343335 5a 0000 0000"
                   "3080 " HEADING " 3080 0000 0000 0000" END);
    struct seen_part *p = seen_find(&s, "1");
    assert_int_equal(p->part.kind, IPM_PART_MESSAGE);
    assert_int_equal(p->part.delivery_time, 1795170876);
    assert_string_equal(p->part.delivery_text,
                        "from /S=j/A=TEST/C=GB/ to /S=s/A=TEST/C=GB/, submitted 2026-11-20T10:34:35Z");
    seen_free(&s);
}

// The same as an externally defined part, and as a whole content.
static void test_forwarded_extended(void **state) {
    (void)state;
    struct seen s = {0};
    read_hex(&s, BEGIN "af80 2880 0604 56010407 a080 3080 " HEADING " 3080 " TEXT("61") "0000 0000 0000 0000 0000" END);
    assert_string_equal(seen_find(&s, "1")->part.type_name, "message");
    seen_assert_data(&s, "1.1", "a");
    seen_free(&s);
    read_hex(&s, BEGIN "af80 2880 0609 560104110206010a01 a080 " BEGIN TEXT("61") END " 0000 0000 0000" END);
    assert_int_equal(s.n_parts, 2);
    assert_int_equal(s.n_headings, 2);
    seen_assert_data(&s, "1.1", "a");
    seen_free(&s);
}

static void test_limits(void **state) {
    (void)state;
    struct seen s = {0};
    struct buf b = {0};
    hex_append(&b, BEGIN TEXT("61") TEXT("61") TEXT("61") END);
    assert_int_equal(seen_read(&s, buf_bytes(&b), 0, &(struct ipm_limits){.parts = 3}), 0);
    seen_free(&s);
    assert_int_equal(seen_read(&s, buf_bytes(&b), 0, &(struct ipm_limits){.parts = 2}), ERR_LIMIT);
    seen_free(&s);
    assert_int_equal(seen_read(&s, buf_bytes(&b), 0, &(struct ipm_limits){.collect = 8}), ERR_LIMIT);
    seen_free(&s);
    buf_append_u8(&b, 0); // an octet too many
    assert_int_equal(seen_read(&s, buf_bytes(&b), 0, NULL), ERR_SYNTAX);
    seen_free(&s);
    assert_int_equal(seen_read(&s, buf_bytes(&b), 1, NULL), ERR_SYNTAX);
    seen_free(&s);
    buf_free(&b);
}

static void test_not_messages(void **state) {
    (void)state;
    static const char *const contents[] = {"3000",
                                           "a000",
                                           "a204 3100 3000",
                                           "a080 3100 0000",
                                           "a004 3000 3100",
                                           "8000",
                                           "a008 3100 3000 3000 3000",
                                           BEGIN "a080 3100 020105 0000" END,
                                           BEGIN "a980 3100 3100 0000" END,
                                           BEGIN "af80 2880 0603 2a0304 0000 2800 3000 0000" END};
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        struct seen s = {0};
        struct buf b = {0};
        hex_append(&b, contents[i]);
        if (seen_read(&s, buf_bytes(&b), 0, NULL) != ERR_SYNTAX)
            fail_msg("accepted: %s", contents[i]);
        seen_free(&s);
        buf_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_p2),
        cmocka_unit_test(test_opaque_is_exact),
        cmocka_unit_test(test_bilateral),
        cmocka_unit_test(test_general_text),
        cmocka_unit_test(test_unknown_characters),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_unknown_types),
        cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_forwarded_depth),
        cmocka_unit_test(test_forwarded_delivery),
        cmocka_unit_test(test_forwarded_extended),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_not_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
