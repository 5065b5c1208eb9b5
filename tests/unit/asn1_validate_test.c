// SPDX-License-Identifier: BSD-2-Clause
// Bounds at, under and over their edges; character sets; what is said of a breach.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "asn1/validate.h"

static char why[VALIDATE_WHY_MAX];

static int check(enum validate_field f, const char *s) {
    return validate_string(f, bytes_str(s), why);
}

static void lengths_are_bounded(void **state) {
    (void)state;
    static const struct {
        enum validate_field f;
        char fill;
        size_t min, max;
    } cases[] = {
        {VALIDATE_LOCAL_IDENTIFIER, '*', 1, 32},
        {VALIDATE_MTA_NAME, 'a', 1, 32},
        {VALIDATE_PASSWORD_OCTETS, '\xFF', 0, 62},
        {VALIDATE_PASSWORD_IA5, '~', 0, 62},
        {VALIDATE_COUNTRY_ALPHA, 'G', 2, 2},
        {VALIDATE_COUNTRY_NUMERIC, '2', 3, 3},
        {VALIDATE_ADMD_PRINTABLE, 'A', 0, 16},
        {VALIDATE_PRMD_PRINTABLE, 'A', 1, 16},
        {VALIDATE_ORGANIZATION_NAME, 'o', 1, 64},
        {VALIDATE_ORGANIZATIONAL_UNIT_NAME, 'o', 1, 32},
        {VALIDATE_SURNAME, 's', 1, 40},
        {VALIDATE_GIVEN_NAME, 'g', 1, 16},
        {VALIDATE_INITIALS, 'i', 1, 5},
        {VALIDATE_GENERATION_QUALIFIER, 'q', 1, 3},
        {VALIDATE_DDA_TYPE, 't', 1, 8},
        {VALIDATE_DDA_VALUE, 'v', 1, 128},
        {VALIDATE_COMMON_NAME, 'c', 1, 64},
        {VALIDATE_CONTENT_IDENTIFIER, 'c', 1, 16},
        {VALIDATE_TELETEX_SURNAME, '\xE4', 1, 40},
        {VALIDATE_SUPPLEMENTARY_INFORMATION, 's', 1, 256},
        {VALIDATE_X121_ADDRESS, '9', 1, 16},
        {VALIDATE_TERMINAL_IDENTIFIER, 't', 1, 24},
        {VALIDATE_NUMERIC_USER_IDENTIFIER, '0', 1, 32},
        {VALIDATE_PDS_PARAMETER, 'p', 1, 30},
        {VALIDATE_UNFORMATTED_ADDRESS, 'u', 1, 180},
        {VALIDATE_SUBJECT, 's', 0, 128},
        {VALIDATE_IPM_IDENTIFIER, 'i', 0, 64},
        {VALIDATE_CONTENT_CORRELATOR_OCTETS, '\0', 0, 512},
    };
    char text[600];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(text, cases[i].fill, sizeof text);
        for (size_t n = 0; n <= cases[i].max + 2; n++) {
            int want = n < cases[i].min || n > cases[i].max ? ERR_LIMIT : ERR_OK;
            assert_int_equal(validate_string(cases[i].f, bytes_of(text, n), why), want);
            assert_int_equal(validate_string(cases[i].f, bytes_of(text, n), NULL), want);
        }
    }
}

static void wide_characters_count_once(void **state) {
    (void)state;
    static const uint8_t zeros[65 * 4];
    assert_int_equal(validate_string(VALIDATE_UNIVERSAL_COMMON_NAME_BMP, bytes_of(zeros, 128), why), ERR_OK);
    assert_int_equal(validate_string(VALIDATE_UNIVERSAL_COMMON_NAME_BMP, bytes_of(zeros, 130), why), ERR_LIMIT);
    assert_int_equal(validate_string(VALIDATE_UNIVERSAL_COMMON_NAME_BMP, bytes_of(zeros, 3), why), ERR_SYNTAX);
    assert_string_equal(why, "universal-common-name has 3 octets, which is no BMPString");
    assert_int_equal(validate_string(VALIDATE_UNIVERSAL_COMMON_NAME_UCS4, bytes_of(zeros, 256), why), ERR_OK);
    assert_int_equal(validate_string(VALIDATE_UNIVERSAL_COMMON_NAME_UCS4, bytes_of(zeros, 260), why), ERR_LIMIT);
    assert_int_equal(validate_string(VALIDATE_UNIVERSAL_COMMON_NAME_UCS4, bytes_of(zeros, 6), why), ERR_SYNTAX);
}

static void sets_are_exact(void **state) {
    (void)state;
    static const char printable[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?";
    for (int c = 0; c < 256; c++) {
        uint8_t o = (uint8_t)c;
        bool is = c != 0 && strchr(printable, c) != NULL;
        assert_int_equal(validate_string(VALIDATE_SURNAME, bytes_of(&o, 1), why), is ? ERR_OK : ERR_SYNTAX);
        assert_int_equal(validate_string(VALIDATE_MTA_NAME, bytes_of(&o, 1), why), c < 128 ? ERR_OK : ERR_SYNTAX);
        is = c == ' ' || (c >= '0' && c <= '9');
        assert_int_equal(validate_string(VALIDATE_X121_ADDRESS, bytes_of(&o, 1), why), is ? ERR_OK : ERR_SYNTAX);
        assert_int_equal(validate_string(VALIDATE_PASSWORD_OCTETS, bytes_of(&o, 1), why), ERR_OK);
    }
}

static void times_are_times(void **state) {
    (void)state;
    static const char *const good[] = {"2611201034Z", "261120103436Z", "2611201034+0130", "261120103436-0000",
                                       "260131235960Z"};
    static const char *const bad[] = {"2611201034",        "26112010343Z",      "2613201034Z",   "2600201034Z",
                                      "2611321034Z",       "2611202434Z",       "2611201060Z",   "261120103461Z",
                                      "261120103436",      "261120103436z",     "261120103436+", "261120103436+1",
                                      "261120103436+2400", "261120103436+0060", "2611201034 0Z", "26112010343601Z"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(check(VALIDATE_TIME, good[i]), ERR_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_not_equal(check(VALIDATE_TIME, bad[i]), ERR_OK);
}

static void a_breach_is_named(void **state) {
    (void)state;
    assert_int_equal(check(VALIDATE_LOCAL_IDENTIFIER, "1234567890123456789012345678901234567890"), ERR_LIMIT);
    assert_string_equal(why, "local-identifier has 40 characters, more than the 32 allowed");
    assert_int_equal(check(VALIDATE_COUNTRY_ALPHA, "G"), ERR_LIMIT);
    assert_string_equal(why, "country-name has 1 character, fewer than the 2 required");
    assert_int_equal(check(VALIDATE_ORGANIZATION_NAME, "ACME_UK"), ERR_SYNTAX);
    assert_string_equal(why, "organization-name: character 5 is not one of PrintableString");
    assert_int_equal(check(VALIDATE_TIME, "2613201034Z"), ERR_SYNTAX);
    assert_string_equal(why, "time is not a UTCTime");
    assert_int_equal(validate_number(VALIDATE_RECIPIENTS, 32768, why), ERR_LIMIT);
    assert_string_equal(why, "number of recipients is 32768, not from 1 to 32767");
}

static void numbers_are_bounded(void **state) {
    (void)state;
    assert_int_equal(validate_number(VALIDATE_RECIPIENT_NUMBER, 0, why), ERR_LIMIT);
    assert_int_equal(validate_number(VALIDATE_RECIPIENT_NUMBER, 1, why), ERR_OK);
    assert_int_equal(validate_number(VALIDATE_RECIPIENT_NUMBER, 32767, why), ERR_OK);
    assert_int_equal(validate_number(VALIDATE_CONTENT_LENGTH, INT32_MAX, why), ERR_OK);
    assert_int_equal(validate_number(VALIDATE_CONTENT_LENGTH, INT64_C(1) + INT32_MAX, why), ERR_LIMIT);
    assert_int_equal(validate_number(VALIDATE_TRANSFERS, INT64_MIN, why), ERR_LIMIT);
    assert_int_equal(validate_number(VALIDATE_SURNAME, 1, why), ERR_STATE);
    assert_int_equal(validate_number(VALIDATE_FIELDS, 1, NULL), ERR_STATE);
    assert_int_equal(check(VALIDATE_RECIPIENTS, "1"), ERR_STATE);
    assert_int_equal(check(VALIDATE_FIELDS, "1"), ERR_STATE);
}

// Every field has its rule, and no text outgrows its room.
static void the_table_is_complete(void **state) {
    (void)state;
    char room[VALIDATE_WHY_MAX + 1];
    for (int f = 0; f < VALIDATE_FIELDS; f++) {
        memset(room, '!', sizeof room);
        static const uint8_t huge[4096];
        int err = validate_string((enum validate_field)f, bytes_of(huge, sizeof huge), room);
        if (err == ERR_STATE)
            err = validate_number((enum validate_field)f, INT64_MIN, room);
        assert_int_equal(err, ERR_LIMIT);
        assert_int_equal(room[VALIDATE_WHY_MAX], '!');
        assert_in_range(strlen(room), 20, VALIDATE_WHY_MAX - 2);
        assert_null(strstr(room, "(null)"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_bounded),   cmocka_unit_test(wide_characters_count_once),
        cmocka_unit_test(sets_are_exact),        cmocka_unit_test(times_are_times),
        cmocka_unit_test(a_breach_is_named),     cmocka_unit_test(numbers_are_bounded),
        cmocka_unit_test(the_table_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
