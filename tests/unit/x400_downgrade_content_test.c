// SPDX-License-Identifier: BSD-2-Clause
// P22 to P2 in two passes: what each kind of body part and heading field becomes, the same in any pieces and as long as
// it was said to be; read by the compiler's codec for the types of 1984, which refuse what 1988 added.
#include "tests/unit/x400_ipm_util.h"

#include "asn1/asn1c_util.h"
#include "asn1/gen/UAPDU84.h"
#include "base/mem.h"
#include "x400/downgrade.h"
#include "x400/oraddr.h"

static const struct downgrade_options plain = {0};

#define HEADING "3180 6b80 1302 4142 0000 0000"
#define BEGIN "a080 " HEADING " 3080 "
#define END " 0000 0000"
#define EXT(oid, value) "af80 2880 0604 5601 04" oid value " 0000 0000 "

static bool is_84(struct bytes content) {
    void *v = NULL;
    size_t used;
    int err = asn1_decode(&asn_DEF_UAPDU84, content, NULL, &v, &used);
    asn1_free(&asn_DEF_UAPDU84, v);
    return err == 0 && used == content.n;
}

static int feed(struct downgrade_content *d, struct bytes in, size_t piece, struct buf *out) {
    int err = 0;
    for (size_t at = 0; at < in.n && err == 0;) {
        size_t n = piece == 0 || piece > in.n - at ? in.n - at : piece;
        struct bytes b = bytes_of(in.p + at, n);
        err = out == NULL ? downgrade_content_scan(d, b) : downgrade_content_convert(d, b, out);
        at += n;
    }
    return err;
}

// The result, p NULL: refused, for the reason in why.
static struct bytes convert_in(struct arena *a, const struct downgrade_options *o, struct bytes in, size_t piece,
                               uint32_t *eits, char why[200]) {
    struct downgrade_content *d;
    struct bytes result = {NULL, 0};
    uint64_t length = 0;
    assert_int_equal(downgrade_content_new(&d, o), 0);
    int err = feed(d, in, piece, NULL);
    if (err == 0)
        err = downgrade_content_begin(d, &length, eits);
    else
        assert_int_equal(downgrade_content_begin(d, &length, eits), err);
    snprintf(why, 200, "%s", downgrade_content_why(d));
    if (err != 0) {
        assert_int_equal(err, DOWNGRADE_REFUSED);
        assert_true(why[0] != '\0');
        downgrade_content_free(d);
        return result;
    }
    for (int again = 0; again < 2; again++) { // as a transfer that starts anew
        struct buf out = {0};
        assert_int_equal(downgrade_content_begin(d, &length, NULL), 0);
        assert_int_equal(feed(d, in, piece, &out), 0);
        assert_int_equal(downgrade_content_end(d), 0);
        assert_int_equal(out.len, length);
        result = arena_bytes(a, buf_bytes(&out));
        buf_free(&out);
    }
    downgrade_content_free(d);
    return result;
}

static struct bytes convert(struct arena *a, const struct downgrade_options *o, struct bytes in, uint32_t *eits,
                            char why[200]) {
    struct bytes first = convert_in(a, o, in, 0, eits, why);
    for (size_t piece = 1; piece < 20 && in.n < 5000; piece += 3) {
        struct bytes same = convert_in(a, o, in, piece, eits, why);
        assert_int_equal(same.n, first.n);
        assert_true(bytes_equal(same, first));
    }
    assert_true(first.p == NULL || is_84(first));
    return first;
}

static struct bytes from_hex(struct arena *a, const char *hex) {
    struct buf b = {0};
    hex_append(&b, hex);
    struct bytes out = arena_bytes(a, buf_bytes(&b));
    buf_free(&b);
    return out;
}

// The heading of BEGIN and a body of these parts, in DER.
static struct bytes message_of(struct arena *a, const char *parts) {
    struct buf body = {0}, all = {0};
    hex_append(&body, parts);
    hex_append(&all, "3106 6b04 1302 4142");
    assert_int_equal(tlv_put(&all, TLV_UNIVERSAL, true, TLV_SEQUENCE, buf_bytes(&body)), 0);
    assert_int_equal(tlv_wrap(&all, 0, TLV_CONTEXT, true, 0), 0);
    struct bytes out = arena_bytes(a, buf_bytes(&all));
    buf_free(&body);
    buf_free(&all);
    return out;
}

static void becomes(const char *from, const char *parts, uint32_t eits) {
    struct arena a = {0};
    char why[200];
    uint32_t got_eits = 0;
    struct bytes in = from_hex(&a, from), want = message_of(&a, parts);
    struct bytes got = convert(&a, &plain, in, &got_eits, why);
    if (got.p == NULL)
        fail_msg("%s: %s", from, why);
    if (!bytes_equal(got, want)) {
        for (size_t i = 0; i < got.n; i++)
            fprintf(stderr, "%02x", got.p[i]);
        fail_msg(" instead of the parts %s", parts);
    }
    assert_int_equal(got_eits, eits);
    arena_free(&a);
}

static void refused(const char *from, const char *reason) {
    struct arena a = {0};
    char why[200];
    if (convert(&a, &plain, from_hex(&a, from), NULL, why).p != NULL)
        fail_msg("%s is not refused", from);
    if (strstr(why, reason) == NULL)
        fail_msg("%s: \"%s\" is not in \"%s\"", from, reason, why);
    arena_free(&a);
}

// ---- body parts ----

static void basic_parts(void **state) {
    (void)state;
    becomes(BEGIN "a080 3180 800105 0000 1603 6162e9 0000"    // IA5 with an octet that is none
                  "a580 3103 800102 3080 1402 c261 0000 0000" // teletex
                  "a30b 3100 3007 0302 0001 0301 00"          // telefax
                  "a280 3100 0303 00abcd 0000" END,           // voice
            "a080 3180 800105 0000 1603 6162e9 0000"
            "a580 3103 800102 3080 1402 c261 0000 0000 a30b 3100 3007 0302 0001 0301 00 a280 3100 0303 00abcd 0000",
            1 << 2 | 1 << 5 | 1 << 3 | 1 << 7);
    becomes(BEGIN "a704 0402 0102 8e03 010203" END, "a704 0402 0102 8e03 010203", 1 << 0);
    becomes(BEGIN "8e8200 03 010203" END, "8e8200 03 010203", 1 << 0); // a length that is longer than it need be
    becomes(BEGIN END, "", 0);
}

static void texts(void **state) {
    (void)state;
    // general text in ASCII, in Latin-1 that T.61 has, IA5 and teletex in external form
    becomes(BEGIN EXT("0b", "a080 1b06 48656c6c6f0a 0000") END, "a00a 3100 1606 48656c6c6f0a", 1 << 2);
    becomes(BEGIN "af80 a080 0604 56010b0b a080 3109 020101 020106 020164 0000 0000"
                  "2880 0604 5601040b a080 3b80 0402 61e9 0401 0a 0000 0000 0000 0000" END,
            "a50a 3100 3006 1404 61c265 0a", 1 << 5);
    becomes(BEGIN EXT("00", "a080 1603 616263 0000") END, "a007 3100 1603 616263", 1 << 2);
    becomes(BEGIN EXT("04", "a080 3080 1402 c261 1401 62 0000 0000") END, "a50a 3100 3006 1404 c2610c62", 1 << 5);
    becomes(BEGIN EXT("0b", "a080 1b00 0000") END, "a004 3100 1600", 1 << 2);
    // Cyrillic, and octets that are no characters
    refused(BEGIN "af80 a080 0604 56010b0b a080 3107 020106 02020090 0000 0000"
                  "2880 0604 5601040b a080 1b02 bfe0 0000 0000 0000" END,
            "body part 1 has characters that teletex lacks");
    refused(BEGIN EXT("00", "a080 1603 6180ff 0000") END, "body part 1 has octets that are no characters");
}

static void external_parts(void **state) {
    (void)state;
    becomes(BEGIN EXT("09", "a080 0403 010203 0000") END, "8e03 010203", 1 << 0);
    refused(BEGIN "a080 3100 1601 61 0000" EXT("02", "a080 3000 0000") END,
            "body part 2 has no form in 1984 (2.6.1.4.2)");
    refused(BEGIN EXT("0b", "8103 1b0161") END, "2.6.1.4.11");
    refused(BEGIN "ac02 3000" END, "oda");
    refused(BEGIN "bf2002 0500" END, "unknown");
    refused(BEGIN "3000" END, "unknown");
}

// With its delivery time, and an envelope that goes; within: an extension, a general text, another one forwarded.
static void forwarded_messages(void **state) {
    (void)state;
    becomes(BEGIN "a980 3180 800d 3236313132303130333433365a a180 0201 05 0000 0000"
                  "3080 3180 6b80 1302 4344 0000 af80 3080 0604 56010501 3100 0000 0000 0000 3080" EXT(
                      "0b", "a080 1b01 61 0000") "a980 3100 3080 3107 6b05 1303 454647 3080 8e01ff 0000 0000 0000"
                                                 "0000 0000 0000" END,
            "a938 310f 800d 3236313132303130333433365a 3025 3106 6b04 1302 4344"
            "301b a005 3100 1601 61 a912 3100 300e 3107 6b05 1303 454647 3003 8e01ff",
            1 << 2 | 1 << 0);
    becomes(BEGIN EXT("07", "a080 3080 3106 6b04 1302 4344 3000 0000 0000") END,
            "a90e 3100 300a 3106 6b04 1302 4344 3000", 0);
    // one that holds no message, and one too deep
    refused(BEGIN "a902 3100" END, "syntax error");
    struct buf deep = {0};
    hex_append(&deep, "a00a 3106 6b04 1302 4142 3000");
    struct arena a = {0};
    char why[200];
    for (int i = 1; i < 18; i++) {
        struct bytes inner = bytes_of(deep.mem + deep.off, deep.len);
        struct buf next = {0};
        assert_int_equal(buf_append(&next, inner.p, inner.n), 0);
        next.mem[next.off] = 0x30; // the IPM itself
        struct buf part = {0};
        hex_append(&part, "3100");
        assert_int_equal(buf_append(&part, next.mem + next.off, next.len), 0);
        assert_int_equal(tlv_wrap(&part, 0, TLV_CONTEXT, true, 9), 0);
        assert_int_equal(tlv_wrap(&part, 0, TLV_UNIVERSAL, true, TLV_SEQUENCE), 0);
        buf_clear(&deep);
        hex_append(&deep, "3106 6b04 1302 4142");
        assert_int_equal(buf_append(&deep, part.mem + part.off, part.len), 0);
        assert_int_equal(tlv_wrap(&deep, 0, TLV_CONTEXT, true, 0), 0);
        buf_free(&next);
        buf_free(&part);
        struct bytes got = convert_in(&a, &plain, buf_bytes(&deep), 0, NULL, why);
        assert_int_equal(got.p != NULL, i < 16);
        if (got.p != NULL)
            assert_true(bytes_equal(got, buf_bytes(&deep)));
    }
    assert_non_null(strstr(why, "message"));
    buf_free(&deep);
    arena_free(&a);
}

static void a_file_and_texts_of_ours(void **state) {
    (void)state;
    struct arena a = {0};
    struct pattern pattern = {.size = 70000};
    struct ipm_part_out parts[] = {
        {.is_text = true, .text = bytes_str("Guten Tag\n")},
        {.is_text = true, .text = bytes_str("Grüße aus Köln\n")},
        {.file_name = "a.bin", .size = 70000, .read = pattern_read, .ctx = &pattern},
        {.is_text = true, .text = bytes_str("é and ж\n")}, // a UTF-8 file-transfer part
    };
    struct ipm_heading h = {.importance = IPM_IMPORTANCE_NORMAL, .subject = "Ж is not in T.61"};
    h.this_ipm = (struct ipm_id){test_name(&a, "jones"), "1"};
    struct ipm_writer *w;
    struct buf in = {0};
    assert_int_equal(ipm_writer_new(&w, &h, parts, 4), 0);
    assert_int_equal(write_all(w, 4096, &in), 0);
    ipm_writer_free(w);
    assert_false(is_84(buf_bytes(&in)));
    char why[200];
    uint32_t eits = 0;
    struct bytes out = convert(&a, &plain, buf_bytes(&in), &eits, why);
    assert_non_null(out.p);
    assert_int_equal(eits, 1 << 2 | 1 << 5 | 1 << 0);
    struct seen s = {0};
    assert_int_equal(seen_read(&s, out, 1000, NULL), 0);
    assert_int_equal(s.n_parts, 4);
    assert_int_equal(s.parts[0].part.kind, IPM_PART_IA5_TEXT);
    seen_assert_data(&s, "1", "Guten Tag\r\n");
    assert_int_equal(s.parts[1].part.kind, IPM_PART_TELETEX);
    seen_assert_data(&s, "2", "Grüße aus Köln\r\n");
    assert_int_equal(s.parts[2].part.kind, IPM_PART_BILATERAL);
    assert_int_equal(s.parts[2].data.len, 70000);
    for (size_t i = 0; i < 70000; i++)
        assert_int_equal(s.parts[2].data.mem[s.parts[2].data.off + i], pattern_octet(i));
    assert_int_equal(s.parts[3].part.kind, IPM_PART_BILATERAL);
    seen_assert_data(&s, "4", "é and ж\r\n");
    seen_assert_line(&s.headings[0], "? is not in T.61");
    seen_free(&s);
    buf_free(&in);
    arena_free(&a);
}

// ---- headings and notifications ----

static void append_name(struct buf *b, const char *text) {
    struct arena a = {0};
    struct or_address x;
    assert_int_equal(or_address_parse(&a, text, &x, NULL), 0);
    assert_int_equal(or_name_encode(&x, b), 0);
    arena_free(&a);
}

// A heading as those of 1988 have them, and the result printed.
static void headings(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0}, part = {0};
    char why[200];
    hex_append(&part, "1302 4142");
    append_name(&part, "C=GB;A=TEST;S=*Müller");
    assert_int_equal(tlv_wrap(&part, 0, TLV_APPLICATION, true, 11), 0);
    assert_int_equal(buf_append(&b, part.mem + part.off, part.len), 0);
    static const struct {
        uint32_t tag;
        const char *name, *rest;
    } people[] = {{0, "C=GB;A=TEST;CN=One", "8101 31"}, // originator, with a telephone number
                  {2, "C=GB;A=TEST;S=*Müller", "8102 06c0 8201 ff a302 3000"},
                  {3, "C=GB;A=TEST;CN=Two", "8102 0388 8201 ff a302 3000"}};
    for (size_t i = 0; i < 3; i++) {
        buf_clear(&part);
        append_name(&part, people[i].name);
        if (people[i].tag == 0)
            hex_append(&part, people[i].rest);
        if (people[i].tag != 0) {
            assert_int_equal(tlv_wrap(&part, 0, TLV_CONTEXT, true, 0), 0);
            hex_append(&part, people[i].rest);
            assert_int_equal(tlv_wrap(&part, 0, TLV_UNIVERSAL, true, TLV_SET), 0);
        }
        assert_int_equal(tlv_wrap(&part, 0, TLV_CONTEXT, true, people[i].tag), 0);
        assert_int_equal(buf_append(&b, part.mem + part.off, part.len), 0);
    }
    hex_append(&b, "a680 6b04 1302 4344 0000 a804 1402 6869 8c01 02 8e01 ff"
                   "af0a 3008 0604 56010500 0500 9f20 01 00"); // an extension, and a member of later years
    assert_int_equal(tlv_wrap(&b, 0, TLV_UNIVERSAL, true, TLV_SET), 0);
    hex_append(&b, "3000");
    assert_int_equal(tlv_wrap(&b, 0, TLV_CONTEXT, true, 0), 0);
    assert_false(is_84(buf_bytes(&b)));
    struct bytes out = convert(&a, &plain, buf_bytes(&b), NULL, why);
    assert_non_null(out.p);
    struct seen s = {0};
    assert_int_equal(seen_read(&s, out, 0, NULL), 0);
    const char *text = buf_cstr(&s.headings[0]);
    static const char *const lines[] = {"DD.Common=One", "DD.Common=Two", "Müller", "hi", "CD"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (strstr(text, lines[i]) == NULL)
            fail_msg("no %s in:\n%s", lines[i], text);
    // Requests stay with the one who has a name, as far as 1984 knew them.
    struct buf wanted = {0}, gone = {0};
    hex_append(&wanted, "8102 0780 8201 ff");
    hex_append(&gone, "06c0");
    assert_non_null(memmem(out.p, out.n, wanted.mem + wanted.off, wanted.len));
    assert_null(memmem(out.p, out.n, gone.mem + gone.off, gone.len));
    // A strict peer sees the names as text.
    struct downgrade_options strict = {.strict = true};
    out = convert(&a, &strict, buf_bytes(&b), NULL, why);
    assert_null(memmem(out.p, out.n, "Common", 6));
    assert_non_null(memmem(out.p, out.n, "CN=Two", 6));
    seen_free(&s);
    buf_free(&wanted);
    buf_free(&gone);
    buf_free(&part);
    buf_free(&b);
    arena_free(&a);
}

static void notification(const char *from, const char *to) {
    struct arena a = {0};
    char why[200];
    struct bytes got = convert(&a, &plain, from_hex(&a, from), NULL, why), want = from_hex(&a, to);
    if (got.p == NULL)
        fail_msg("%s: %s", from, why);
    assert_true(bytes_equal(got, want));
    arena_free(&a);
}

static void notifications(void **state) {
    (void)state;
    // of receipt, with extensions; of non-receipt, with a reason of 1988 and the message returned
    notification("a180 6b04 1302 4142 a305 3003 0601 55 a080 a180 800d 3236313132303130333433365a 8101 01 a300 0000"
                 "0000 0000",
                 "a11c 6b04 1302 4142 a014 a112 800d 3236313132303130333433365a 8101 01");
    notification("a11e 6b04 1302 4142 a016 a014 8001 00 8101 03 a30a 3106 6b04 1302 4344 3000 a400",
                 "a10d 6b04 1302 4142 a005 a003 8001 00");
    notification("a110 6b04 1302 4142 a008 a006 8001 00 8101 02", "a110 6b04 1302 4142 a008 a006 8001 00 8101 02");
    refused("a10a 6b04 1302 4142 a002 a200", "neither of receipt nor of non-receipt");
}

// ---- passes ----

static void other_octets_are_noticed(void **state) {
    (void)state;
    struct arena a = {0};
    struct downgrade_content *d;
    struct buf out = {0};
    uint64_t length;
    struct bytes in = from_hex(&a, BEGIN EXT("0b", "a080 1b02 6162 0000") END);
    static const char *const others[] = {BEGIN EXT("0b", "a080 1b03 616263 0000") END, BEGIN END,
                                         BEGIN EXT("0b", "a080 1b02 6162 0000") "8e0101" END, "a000"};
    assert_int_equal(downgrade_content_new(&d, &plain), 0);
    assert_int_equal(downgrade_content_convert(d, in, &out), ERR_STATE);
    assert_int_equal(feed(d, in, 0, NULL), 0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        buf_clear(&out);
        assert_int_equal(downgrade_content_begin(d, &length, NULL), 0);
        int err = downgrade_content_convert(d, from_hex(&a, others[i]), &out);
        if (err == 0)
            err = downgrade_content_end(d);
        assert_int_equal(err, ERR_CORRUPT);
    }
    // Cut short; and then as it should be.
    assert_int_equal(downgrade_content_begin(d, &length, NULL), 0);
    assert_int_equal(downgrade_content_convert(d, bytes_of(in.p, in.n - 1), &out), 0);
    assert_int_equal(downgrade_content_end(d), ERR_CORRUPT);
    buf_clear(&out);
    assert_int_equal(downgrade_content_begin(d, &length, NULL), 0);
    assert_int_equal(downgrade_content_convert(d, in, &out), 0);
    assert_int_equal(downgrade_content_end(d), 0);
    assert_int_equal(out.len, length);
    buf_free(&out);
    downgrade_content_free(d);
    arena_free(&a);
}

// 40 MB pass while neither the object nor its output holds more than a piece.
static void large_files_cost_no_memory(void **state) {
    (void)state;
    struct pattern pattern = {.size = 40 << 20};
    struct ipm_part_out part = {.file_name = "a.bin", .size = 40 << 20, .read = pattern_read, .ctx = &pattern};
    struct ipm_heading h = {.importance = IPM_IMPORTANCE_NORMAL, .this_ipm = {.local = "1"}};
    struct downgrade_content *d;
    struct buf out = {0};
    static uint8_t chunk[65536];
    uint64_t length = 0, got = 0, compared = 0;
    assert_int_equal(downgrade_content_new(&d, &plain), 0);
    for (int pass = 0; pass < 2; pass++) {
        struct ipm_writer *w;
        size_t n;
        pattern.at = 0;
        assert_int_equal(ipm_writer_new(&w, &h, &part, 1), 0);
        if (pass == 1)
            assert_int_equal(downgrade_content_begin(d, &length, NULL), 0);
        for (uint64_t at = 0; ipm_writer_read(w, chunk, sizeof chunk, &n) == 0 && n > 0; at = pattern.at) {
            buf_clear(&out);
            if (pass == 0) {
                assert_int_equal(downgrade_content_scan(d, bytes_of(chunk, n)), 0);
                continue;
            }
            assert_int_equal(downgrade_content_convert(d, bytes_of(chunk, n), &out), 0);
            assert_true(out.len <= n + 64);
            got += out.len;
            for (size_t i = 0; i < n && out.len == n; i += 97, compared++) // nothing but octets of the file
                assert_int_equal(out.mem[out.off + i], pattern_octet(at + i));
        }
        ipm_writer_free(w);
    }
    assert_int_equal(downgrade_content_end(d), 0);
    assert_int_equal(got, length);
    assert_in_range(length, 40 << 20, (40 << 20) + 64);
    assert_true(compared > 400000);
    assert_true(out.cap <= 4 * sizeof chunk);
    buf_free(&out);
    downgrade_content_free(d);
}

static void damaged_contents_do_no_harm(void **state) {
    (void)state;
    struct arena a = {0};
    char why[200];
    struct bytes in = from_hex(
        &a,
        BEGIN "a980 3180 800d 3236313132303130333433365a 0000 3080 3180 6b80 1302 4344 0000"
              "af80 3080 0604 56010501 3100 0000 0000 0000 3080" EXT("0b", "a080 1b02 6162 0000") "0000 0000 0000" EXT(
                  "0c", "a080 3080 2880 0601 55 8102 0102 0000 0000 0000") END);
    assert_non_null(convert(&a, &plain, in, NULL, why).p);
    for (size_t n = 0; n < in.n; n++)
        assert_null(convert_in(&a, &plain, bytes_of(in.p, n), 0, NULL, why).p);
    uint8_t *copy = malloc(in.n);
    size_t passed = 0;
    assert_non_null(copy);
    for (size_t bit = 0; bit < in.n * 8; bit++) {
        memcpy(copy, in.p, in.n);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        passed += convert_in(&a, &plain, bytes_of(copy, in.n), 0, NULL, why).p != NULL; // as long as said, or refused
    }
    assert_in_range(passed, 50, in.n * 8 - 50);
    free(copy);
    arena_free(&a);
}

static int both_passes(struct bytes in, struct buf *out) {
    struct downgrade_content *d;
    uint64_t length;
    int err = downgrade_content_new(&d, &plain);
    if (err == 0)
        err = downgrade_content_scan(d, in);
    if (err == 0)
        err = downgrade_content_begin(d, &length, NULL);
    if (err == 0)
        err = downgrade_content_convert(d, in, out);
    if (err == 0)
        err = downgrade_content_end(d);
    downgrade_content_free(d);
    return err;
}

static void memory_short(void **state) {
    (void)state;
    struct arena a = {0};
    struct bytes in = from_hex(&a, BEGIN "a980 3180 0000 3080 3180 6b80 1302 4344 0000 0000 3080" EXT(
                                       "0b", "a080 1b02 6162 0000") "0000 0000 0000" END);
    int err = ERR_NOMEM;
    unsigned long n = 0;
    while (err == ERR_NOMEM && ++n < 1000) {
        struct buf out = {0};
        mem_fail_at(n);
        err = both_passes(in, &out);
        mem_fail_at(0);
        buf_free(&out);
    }
    assert_int_equal(err, 0);
    assert_in_range(n, 10, 900);
    arena_free(&a);
}

static int setup(void **state) {
    (void)state;
    return asn1_init();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basic_parts),
        cmocka_unit_test(texts),
        cmocka_unit_test(external_parts),
        cmocka_unit_test(forwarded_messages),
        cmocka_unit_test(a_file_and_texts_of_ours),
        cmocka_unit_test(headings),
        cmocka_unit_test(notifications),
        cmocka_unit_test(other_octets_are_noticed),
        cmocka_unit_test(large_files_cost_no_memory),
        cmocka_unit_test(damaged_contents_do_no_harm),
        cmocka_unit_test(memory_short),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
