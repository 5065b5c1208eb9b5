// SPDX-License-Identifier: BSD-2-Clause
// Character sets: T.61, ISO 8859, ISO 2022, UCS and UTF-8, whole and in pieces.
#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "x400/charset.h"

#define B(s) bytes_of(s, sizeof(s) - 1)
#define LOST "\xEF\xBF\xBD"

static void test_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t first;
        bool valid;
    } cases[] = {{"A", 'A', true},
                 {"\xC3\xA4", 0xE4, true},
                 {"\xE2\x82\xAC", 0x20AC, true},
                 {"\xF0\x9F\x93\xA7", 0x1F4E7, true},
                 {"\xEF\xBF\xBD", 0xFFFD, true},
                 {"\xC0\x80", 0xFFFD, false},         // overlong
                 {"\xE0\x9F\xBF", 0xFFFD, false},     // overlong
                 {"\xED\xA0\x80", 0xFFFD, false},     // surrogate
                 {"\xF4\x90\x80\x80", 0xFFFD, false}, // beyond Unicode
                 {"\xC3", 0xFFFD, false},
                 {"\xE2\x82", 0xFFFD, false},
                 {"\x80", 0xFFFD, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *p = cases[i].text;
        struct buf out = {0};
        assert_int_equal(charset_utf8_next(&p, p + strlen(p)), cases[i].first);
        assert_int_equal(charset_utf8_valid(bytes_str(cases[i].text)), cases[i].valid);
        if (cases[i].valid) {
            assert_int_equal(charset_utf8_put(&out, cases[i].first), 0);
            assert_string_equal(buf_cstr(&out), cases[i].text);
        }
        buf_free(&out);
    }
}

static void test_sets(void **state) {
    (void)state;
    for (unsigned c = 1; c < 128; c++) {
        char one[2] = {(char)c, '\0'};
        bool digit = c >= '0' && c <= '9', letter = (c | 32) >= 'a' && (c | 32) <= 'z';
        assert_int_equal(charset_is_numeric(one), digit || c == ' ');
        assert_int_equal(charset_is_printable(one),
                         digit || letter || c == ' ' || strchr("'()+,-./:=?", (int)c) != NULL);
    }
    assert_true(charset_is_teletex("M\xC3\xBCller & \xC5\x81\xC3\xB3"
                                   "d\xC5\xBA #$@"));
    assert_false(charset_is_teletex("\xD0\x96"));
}

static void test_t61(void **state) {
    (void)state;
    struct buf t61 = {0}, utf8 = {0};
    static const char text[] = "\xC3\x84\xC3\xA9\xC3\xB1\xC5\x81\xC3\x98\xC3\x9F$#";
    assert_int_equal(charset_utf8_to_t61(text, &t61), 0);
    assert_int_equal(t61.len, 11);
    assert_memory_equal(buf_bytes(&t61).p,
                        "\xC8"
                        "A\xC2"
                        "e\xC4n\xE8\xE9\xFB\xA4\xA6",
                        11);
    assert_int_equal(charset_t61_to_utf8(buf_bytes(&t61), &utf8), 0);
    assert_string_equal(buf_cstr(&utf8), text);
    assert_int_equal(charset_utf8_to_t61("\xD0\x96", &t61), ERR_SYNTAX);
    assert_int_equal(t61.len, 11);
    // an accent that nothing can take, one before a letter that cannot carry it, one at the end; ASCII's own places
    buf_clear(&utf8);
    assert_int_equal(charset_t61_to_utf8(B("\xC8\xC8u\xC2q{\r\n\xC2"), &utf8), 0);
    assert_string_equal(buf_cstr(&utf8), LOST "\xC3\xBC" LOST "q{\r\n" LOST);
    buf_free(&t61);
    buf_free(&utf8);
}

static void test_ucs(void **state) {
    (void)state;
    struct buf b = {0};
    assert_int_equal(charset_utf8_to_ucs("A\xC3\xA4", 2, &b), 0);
    assert_memory_equal(buf_bytes(&b).p, "\0A\0\xE4", 4);
    assert_int_equal(charset_utf8_to_ucs("\xF0\x9F\x93\xA7", 2, &b), ERR_SYNTAX);
    assert_int_equal(b.len, 4);
    buf_clear(&b);
    assert_int_equal(charset_utf8_to_ucs("\xF0\x9F\x93\xA7", 4, &b), 0);
    assert_memory_equal(buf_bytes(&b).p, "\0\x01\xF4\xE7", 4);
    buf_clear(&b);
    assert_int_equal(charset_ucs_to_utf8(B("\0A\0\xE4\xD8\x00\x01"), 2, &b), 0);
    assert_string_equal(buf_cstr(&b), "A\xC3\xA4" LOST LOST); // a surrogate, half a character
    buf_free(&b);
}

static void test_smallest(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned registration;
    } cases[] = {{"plain\r\n\ttext", 6},
                 {"", 6},
                 {"na\xC3\xAFve", 100},
                 {"\xC5\x81\xC3\xB3"
                  "d\xC5\xBA",
                  101},
                 {"\xC4\x9D", 109},         // g with circumflex, Esperanto
                 {"\xC4\xB6\xC5\xA6", 110}, // K cedilla, T stroke
                 {"\xD0\x96\xD0\xB0", 144}, // Cyrillic
                 {"\xD8\xA7\xD9\x84", 127}, // Arabic
                 {"\xCE\xB1\xCE\xB2", 126}, // Greek
                 {"\xD7\x90", 138},         // Hebrew
                 {"\xC4\x9F\xC4\xB1", 148}, // Turkish
                 {"\xE0\xB8\x81", 166},     // Thai
                 {"10 \xE2\x82\xAC", 203},  // the euro
                 {"\xD0\x96\xC3\xA4", 0},   // two alphabets
                 {"\xE4\xB8\xAD", 0},
                 {"a\x1B", 0}, // would be an escape sequence
                 {"\xC2\x85", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes text = bytes_str(cases[i].text);
        struct buf coded = {0}, back = {0};
        unsigned got = charset_smallest(text);
        if (got != cases[i].registration)
            fail_msg("%s: %u instead of %u", cases[i].text, got, cases[i].registration);
        assert_int_equal(charset_general_encode(text, got == 0 ? 100 : got, &coded), got == 0 ? ERR_SYNTAX : 0);
        if (got == 0) {
            assert_int_equal(coded.len, 0);
        } else {
            const unsigned registrations[] = {1, 6, got};
            assert_int_equal(charset_decode(CHARSET_GENERAL, NULL, 0, buf_bytes(&coded), &back), 0);
            assert_string_equal(buf_cstr(&back), cases[i].text);
            buf_clear(&back); // the same when the sender left out the escape sequence
            buf_consume(&coded, got == 6 ? 0 : 3);
            assert_int_equal(charset_decode(CHARSET_GENERAL, registrations, 3, buf_bytes(&coded), &back), 0);
            assert_string_equal(buf_cstr(&back), cases[i].text);
        }
        buf_free(&coded);
        buf_free(&back);
    }
    assert_int_equal(charset_general_encode(B("a"), 87, &(struct buf){0}), ERR_SYNTAX);
}

static const struct {
    enum charset_kind kind;
    const char *in;
    size_t n;
    const char *out;
    unsigned long lost;
} streams[] = {
#define IN(s) s, sizeof(s) - 1
    {CHARSET_IA5, IN("a\r\n\xE4"), "a\r\n" LOST, 1},
    {CHARSET_LATIN1, IN("a\xE4"), "a\xC3\xA4", 0},
    {CHARSET_UTF8, IN("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x93\xA7"), "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x93\xA7", 0},
    {CHARSET_UTF8,
     IN("\xC3"
        "a\xFF\xE2\x82"),
     LOST "a" LOST LOST LOST, 4},
    {CHARSET_UTF8, IN("\xED\xA0\x80z"), LOST LOST LOST "z", 3},
    {CHARSET_GENERAL, IN("no right half: \xE4"), "no right half: " LOST, 1},
    {CHARSET_GENERAL, IN("\x1B-A\xE4\x1B-B\xB3\x1B-L\xB0"), "\xC3\xA4\xC5\x82\xD0\x90", 0},
    {CHARSET_GENERAL, IN("\x1B.A\x1BN\x64\x8E\xE4z\x1B}\xE4"), "\xC3\xA4\xC3\xA4z\xC3\xA4",
     0}, // single and locking shift
    {CHARSET_GENERAL, IN("\x1B)B\x1B-A\x0E\x64\x0F\x64"),
     "\xC3\xA4"
     "d",
     0},
    {CHARSET_GENERAL, IN("\x1B(K[]\x1B(B[]"), "\xC3\x84\xC3\x9C[]", 0}, // German ISO 646
    {CHARSET_GENERAL, IN("\x1B$B\x46\x7C\x1B(B."), "\xE6\x97\xA5.", 0}, // JIS X 0208
    {CHARSET_GENERAL, IN("\x1B$)A\xD6\xD0"), "\xE4\xB8\xAD", 0},        // GB 2312 in G1
    {CHARSET_GENERAL, IN("\x1B$B\x46\r\x1B(Ba"),
     LOST "\r"
          "a",
     1}, // half a character
    {CHARSET_GENERAL, IN("\x1B%G\xE2\x82\xAC\x1B%@\x1B-A\xE4"), "\xE2\x82\xAC\xC3\xA4", 0},
    {CHARSET_GENERAL, IN("\x1B!@\x1B\"C\x1B Fa"), "a", 0},                // control sets, announcer
    {CHARSET_GENERAL, IN("\x1B-0\xE4"), LOST, 1},                         // a set that is not known
    {CHARSET_GENERAL, IN("\x1B\x80z"), LOST "z", 1},                      // no escape sequence
    {CHARSET_GENERAL, IN("a\x1B-"), "a" LOST LOST, 2},                    // ends within one
    {CHARSET_GENERAL, IN("\x1B-A\x85\xE4"), LOST "\xC3\xA4", 1},          // a C1 control
    {CHARSET_GENERAL, IN("\x1B*v\x1B}\xC8u\xE1"), "\xC3\xBC\xC3\x86", 0}, // T.61's right half in G2
    {CHARSET_T61,
     IN("\xC8u\xE9 \xC2"
        "E\xC8"),
     "\xC3\xBC\xC3\x98 \xC3\x89" LOST, 1},
};

// At once, octet by octet, and cut in two everywhere: always the same.
static void test_streams(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        for (size_t cut = 0; cut <= streams[i].n + 1; cut++) {
            struct charset_decoder *d = charset_decoder_new(streams[i].kind, NULL, 0);
            struct buf out = {0};
            const uint8_t *in = (const uint8_t *)streams[i].in;
            assert_non_null(d);
            if (cut <= streams[i].n) {
                assert_int_equal(charset_decoder_feed(d, bytes_of(in, cut), false, &out), 0);
                assert_int_equal(charset_decoder_feed(d, bytes_of(in + cut, streams[i].n - cut), true, &out), 0);
            } else {
                for (size_t n = 0; n < streams[i].n; n++)
                    assert_int_equal(charset_decoder_feed(d, bytes_of(in + n, 1), n + 1 == streams[i].n, &out), 0);
            }
            if (strcmp(buf_cstr(&out), streams[i].out) != 0 || charset_decoder_lost(d) != streams[i].lost)
                fail_msg("stream %zu cut at %zu: %s, lost %lu", i, cut, buf_cstr(&out), charset_decoder_lost(d));
            charset_decoder_free(d);
            buf_free(&out);
        }
}

// A sender that declares registrations but leaves out the escape sequences.
static void test_registrations(void **state) {
    (void)state;
    struct buf out = {0};
    assert_int_equal(charset_decode(CHARSET_GENERAL, (const unsigned[]){1, 6, 144}, 3, B("a\xB0"), &out), 0);
    assert_string_equal(buf_cstr(&out), "a\xD0\x90");
    buf_clear(&out);
    assert_int_equal(charset_decode(CHARSET_GENERAL, (const unsigned[]){21}, 1, B("[a"), &out), 0);
    assert_string_equal(buf_cstr(&out), "\xC3\x84"
                                        "a");
    buf_clear(&out);
    assert_int_equal(charset_decode(CHARSET_GENERAL, (const unsigned[]){102, 103}, 2, B("\xC8u"), &out), 0);
    assert_string_equal(buf_cstr(&out), "\xC3\xBC");
    buf_clear(&out);
    assert_int_equal(charset_decode(CHARSET_GENERAL, (const unsigned[]){9999, 6, 156}, 3, B("\xC8u"), &out), 0);
    assert_string_equal(buf_cstr(&out), "\xC3\xBC");
    buf_free(&out);
}

// Any octets whatever give valid UTF-8, in every kind; where an octet is a character none vanishes.
static void test_any_octets(void **state) {
    (void)state;
    uint32_t seed = 12345;
    for (unsigned round = 0; round < 300; round++) {
        uint8_t in[64];
        for (size_t i = 0; i < sizeof in; i++) {
            seed = seed * 1664525 + 1013904223;
            in[i] = (uint8_t)(seed >> 24);
            if ((seed >> 20 & 7) == 0)
                in[i] = "\x1B$(%-AB\x0E"[seed >> 16 & 7];
        }
        for (unsigned kind = CHARSET_IA5; kind <= CHARSET_UTF8; kind++) {
            struct buf out = {0};
            assert_int_equal(charset_decode((enum charset_kind)kind, NULL, 0, bytes_of(in, sizeof in), &out), 0);
            assert_true(charset_utf8_valid(buf_bytes(&out)));
            size_t characters = 0; // one for each octet where an octet is a character
            for (size_t i = 0; i < out.len; i++)
                characters += (buf_bytes(&out).p[i] & 0xC0) != 0x80;
            if (kind == CHARSET_IA5 || kind == CHARSET_LATIN1)
                assert_int_equal(characters, sizeof in);
            buf_free(&out);
        }
    }
}

static void test_memory_short(void **state) {
    (void)state;
    int r = ERR_NOMEM;
    for (unsigned long n = 1; r == ERR_NOMEM && n < 100; n++) {
        struct buf out = {0};
        mem_fail_at(n);
        r = charset_decode(CHARSET_GENERAL, (const unsigned[]){6, 103}, 2, B("a\xC8u\x1B-A\xE4\x1B$B\x46\x7C"), &out);
        mem_fail_at(0);
        assert_true(r == 0 || (r == ERR_NOMEM && out.len == 0));
        buf_free(&out);
    }
    assert_int_equal(r, 0);
}

// ---- our tables against the C library's ----

static uint32_t by_iconv(const char *name, const uint8_t *octets, size_t n) {
    uint8_t out[16];
    char *in = (char *)(uintptr_t)octets, *to = (char *)out;
    size_t room = sizeof out;
    iconv_t cd = iconv_open("UTF-32BE", name);
    assert_true(cd != (iconv_t)-1);
    bool done = iconv(cd, &in, &n, &to, &room) != (size_t)-1 && iconv(cd, NULL, NULL, &to, &room) != (size_t)-1;
    iconv_close(cd);
    return done && room == sizeof out - 4 ? (uint32_t)out[1] << 16 | (uint32_t)out[2] << 8 | out[3] : 0xFFFD;
}

static uint32_t by_us(enum charset_kind kind, unsigned registration, const uint8_t *octets, size_t n) {
    struct buf out = {0};
    assert_int_equal(charset_decode(kind, &registration, 1, bytes_of(octets, n), &out), 0);
    const char *p = (const char *)out.mem + out.off, *end = p + out.len;
    uint32_t c = charset_utf8_next(&p, end);
    c = p == end ? c : 0xFFFD;
    buf_free(&out);
    return c;
}

static void test_tables_are_iconvs(void **state) {
    (void)state;
    static const struct {
        unsigned registration;
        bool right;
        const char *name;
    } sets[] = {
        {6, false, "US-ASCII"},     {4, false, "ISO-IR-4"},     {10, false, "ISO-IR-10"},   {11, false, "ISO-IR-11"},
        {14, false, "ISO-IR-14"},   {15, false, "ISO-IR-15"},   {16, false, "ISO-IR-16"},   {17, false, "ISO-IR-17"},
        {21, false, "ISO-IR-21"},   {25, false, "ISO-IR-25"},   {60, false, "ISO-IR-60"},   {69, false, "ISO-IR-69"},
        {84, false, "ISO-IR-84"},   {85, false, "ISO-IR-85"},   {86, false, "ISO-IR-86"},   {100, true, "ISO-8859-1"},
        {101, true, "ISO-8859-2"},  {109, true, "ISO-8859-3"},  {110, true, "ISO-8859-4"},  {144, true, "ISO-8859-5"},
        {127, true, "ISO-8859-6"},  {126, true, "ISO-8859-7"},  {138, true, "ISO-8859-8"},  {148, true, "ISO-8859-9"},
        {157, true, "ISO-8859-10"}, {166, true, "ISO-8859-11"}, {179, true, "ISO-8859-13"}, {199, true, "ISO-8859-14"},
        {203, true, "ISO-8859-15"}, {226, true, "ISO-8859-16"}, {156, true, "ISO_6937"}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        for (unsigned k = sets[i].right ? 0 : 1; k < (sets[i].right ? 96 : 95); k++) {
            uint8_t octet = (uint8_t)((sets[i].right ? 0xA0 : 0x20) + k);
            uint32_t want = by_iconv(sets[i].name, &octet, 1);
            if (sets[i].registration == 126 && (k == 4 || k == 5 || k == 0x0A))
                want = 0xFFFD;
            uint32_t got = by_us(CHARSET_GENERAL, sets[i].registration, &octet, 1);
            if (got != want)
                fail_msg("set %u octet %02X is U+%04X, not U+%04X", sets[i].registration, octet, got, want);
        }
}

static void test_t61_is_iconvs(void **state) {
    (void)state;
    unsigned accented = 0, there = 0;
    for (unsigned first = 0xA1; first < 0xFF; first++) {
        uint8_t octets[2] = {(uint8_t)first, 0};
        bool accent = first >= 0xC1 && first <= 0xCF;
        if (!accent)
            assert_int_equal(by_us(CHARSET_T61, 0, octets, 1), by_iconv("T.61-8BIT", octets, 1));
        for (octets[1] = 0x20; accent && octets[1] < 0x7F; octets[1]++) {
            uint32_t want = by_iconv("T.61-8BIT", octets, 2);
            assert_int_equal(by_us(CHARSET_T61, 0, octets, 2), want);
            accented += want != 0xFFFD;
        }
    }
    assert_int_equal(accented, 165);
    // Every character that there is comes back.
    for (uint32_t c = 0x20; c < 0x10000; c++) {
        struct buf utf8 = {0}, t61 = {0}, back = {0};
        assert_int_equal(charset_utf8_put(&utf8, c), 0);
        if (charset_utf8_to_t61(buf_cstr(&utf8), &t61) == 0) {
            assert_int_equal(charset_t61_to_utf8(buf_bytes(&t61), &back), 0);
            assert_true(bytes_equal(buf_bytes(&back), buf_bytes(&utf8)));
            assert_int_equal(by_iconv("T.61-8BIT", buf_bytes(&t61).p, t61.len), c);
            there++;
        }
        buf_free(&utf8);
        buf_free(&t61);
        buf_free(&back);
    }
    assert_int_equal(there, 305); // 87 of ASCII, 53 of the right half, 165 with an accent
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_iconvs),
        cmocka_unit_test(test_t61_is_iconvs),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_t61),
        cmocka_unit_test(test_ucs),
        cmocka_unit_test(test_smallest),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_registrations),
        cmocka_unit_test(test_any_octets),
        cmocka_unit_test(test_memory_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
