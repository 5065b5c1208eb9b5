// SPDX-License-Identifier: BSD-2-Clause
// MTS identifiers: the reference captures' octets, text, domains compared, hostile encodings.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "x400/mtsid.h"

// Of the capture of the reference peer.
static const uint8_t captured[] = {0x64, 0x35, 0x63, 0x13, 0x61, 0x04, 0x13, 0x02, 'G', 'B',  0x62, 0x06, 0x13, 0x04,
                                   'T',  'E',  'S',  'T',  0x13, 0x03, 'P',  'P',  'A', 0x16, 0x1E, 'p',  'p',  'a',
                                   '.',  't',  'e',  's',  't',  '.',  '9',  '2',  '3', ':',  '2',  '0',  '.',  '1',
                                   '0',  '.',  '2',  '6',  '.',  '1',  '0',  '.',  '3', '4',  '.',  '3',  '6'};

static void test_captured(void **state) {
    (void)state;
    struct arena m = {0};
    struct buf out = {0};
    struct mts_id id, back;
    const char *why = NULL;
    assert_int_equal(mts_id_decode(bytes_of(captured, sizeof captured), &id, &why), 0);
    assert_string_equal(id.domain.country, "GB");
    assert_string_equal(id.domain.admd, "TEST");
    assert_true(id.domain.has_prmd);
    assert_string_equal(id.domain.prmd, "PPA");
    assert_false(id.domain.country_numeric || id.domain.admd_numeric || id.domain.prmd_numeric);
    char *text = mts_id_print(&m, &id);
    assert_string_equal(text, "[/PRMD=PPA/ADMD=TEST/C=GB/;ppa.test.923:20.10.26.10.34.36]");
    assert_int_equal(mts_id_encode(&id, &out), 0);
    assert_int_equal(out.len, sizeof captured);
    assert_memory_equal(buf_bytes(&out).p, captured, sizeof captured);
    out.mem[out.off] = 0xA2;
    assert_int_equal(mts_id_decode(buf_bytes(&out), &back, &why), ERR_SYNTAX);
    assert_string_equal(why, "an MTS identifier was expected");
    buf_free(&out);
    arena_free(&m);
}

static void test_forms(void **state) {
    (void)state;
    // numeric country, ADMD and PRMD; a local identifier with what must be escaped
    static const uint8_t octets[] = {0x64, 0x1C, 0x63, 0x11, 0x61, 0x05, 0x12, 0x03, '2', '3',
                                     '4',  0x62, 0x03, 0x12, 0x01, '0',  0x12, 0x03, '1', '2',
                                     '3',  0x16, 0x07, 'a',  ']',  '{',  0x07, ';',  '}', 0x7F};
    struct arena m = {0};
    struct buf out = {0};
    struct mts_id id;
    assert_int_equal(mts_id_decode(bytes_of(octets, sizeof octets), &id, NULL), 0);
    assert_true(id.domain.country_numeric && id.domain.admd_numeric && id.domain.prmd_numeric);
    assert_int_equal(mts_id_encode(&id, &out), 0);
    assert_int_equal(out.len, sizeof octets);
    assert_memory_equal(buf_bytes(&out).p, octets, sizeof octets);
    assert_string_equal(mts_id_print(&m, &id), "[/PRMD=123/ADMD=0/C=234/;a{093}{123}{007};{125}{127}]");

    struct mts_domain d, e;
    assert_int_equal(mts_domain_set(&d, "gb", "A/B=C", NULL), 0);
    assert_string_equal(mts_domain_print(&m, &d), "/ADMD=A$/B$=C/C=gb/");
    buf_clear(&out);
    assert_int_equal(mts_domain_encode(&d, &out), 0);
    assert_int_equal(mts_domain_decode(buf_bytes(&out), &e, NULL), 0);
    assert_memory_equal(&d, &e, sizeof d);
    assert_int_equal(mts_domain_set(&d, "gb", "ABCDEFGHIJKLMNOPQ", NULL), ERR_LIMIT);
    assert_int_equal(mts_domain_set(&d, "gbr", "A", NULL), ERR_LIMIT);
    assert_int_equal(mts_domain_set(&d, "g", "A", NULL), ERR_SYNTAX);
    assert_int_equal(mts_domain_set(&d, "gb", "A", ""), ERR_SYNTAX);
    assert_int_equal(mts_domain_set(&d, "gb", "A_", NULL), ERR_SYNTAX);
    buf_free(&out);
    arena_free(&m);
}

static void test_equal(void **state) {
    (void)state;
    static const struct {
        const char *a[3], *b[3]; // country, ADMD, PRMD
        bool equal;
    } pairs[] = {{{"GB", "A", "P"}, {"gb", "a", " p "}, true},
                 {{"GB", " "}, {"234", " "}, true},
                 {{"GB", "A"}, {"GB", "B"}, false},
                 {{"GB", "A", "P"}, {"GB", "A"}, false}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct mts_domain a, b;
        assert_int_equal(mts_domain_set(&a, pairs[i].a[0], pairs[i].a[1], pairs[i].a[2]), 0);
        assert_int_equal(mts_domain_set(&b, pairs[i].b[0], pairs[i].b[1], pairs[i].b[2]), 0);
        assert_int_equal(mts_domain_equal(&a, &b), pairs[i].equal);
    }
}

static void test_hostile(void **state) {
    (void)state;
    struct mts_id id;
    for (size_t n = 0; n < sizeof captured; n++) {
        uint8_t *cut = malloc(n + 1);
        const char *why = NULL;
        assert_non_null(cut);
        memcpy(cut, captured, n);
        assert_int_equal(mts_id_decode(bytes_of(cut, n), &id, &why), ERR_SHORT);
        assert_non_null(why);
        free(cut);
    }
    for (size_t n = 0; n < sizeof captured; n++)
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t changed[sizeof captured];
            struct buf out = {0};
            memcpy(changed, captured, sizeof captured);
            changed[n] ^= (uint8_t)(1u << bit);
            if (mts_id_decode(bytes_of(changed, sizeof changed), &id, NULL) == 0) {
                struct arena m = {0};
                assert_non_null(mts_id_print(&m, &id));
                int r = mts_id_encode(&id, &out);
                assert_true(r == 0 || r == ERR_SYNTAX || r == ERR_LIMIT);
                arena_free(&m);
            }
            buf_free(&out);
        }
    uint8_t with_nul[sizeof captured];
    const char *why = NULL;
    memcpy(with_nul, captured, sizeof captured);
    with_nul[30] = 0;
    assert_int_equal(mts_id_decode(bytes_of(with_nul, sizeof with_nul), &id, &why), ERR_SYNTAX);
    assert_string_equal(why, "the local identifier of an MTS identifier is too long or not IA5");
}

static void test_make(void **state) {
    (void)state;
    struct mts_domain d;
    struct mts_id a, b;
    assert_int_equal(mts_domain_set(&d, "GB", "GOLD 400", "ACME"), 0);
    mts_id_make(&a, &d, 951782400, 1, 0xDEADBEEF); // 2000-02-29 00:00:00
    assert_string_equal(a.local, "000229000000-00000001-DEADBEEF");
    mts_id_make(&b, &d, 951782400, 2, 0xDEADBEEF);
    assert_string_not_equal(a.local, b.local);
    mts_id_make(&b, &d, 951782400, 1, 0xDEADBEEE);
    assert_string_not_equal(a.local, b.local);
    assert_true(mts_domain_equal(&a.domain, &d));
    mts_id_make(&b, &d, INT64_MAX, 1, 1); // no such time: still an identifier
    assert_true(strlen(b.local) > 0 && strlen(b.local) <= 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captured), cmocka_unit_test(test_forms), cmocka_unit_test(test_equal),
        cmocka_unit_test(test_hostile),  cmocka_unit_test(test_make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
