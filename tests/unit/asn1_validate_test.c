// SPDX-License-Identifier: BSD-2-Clause
// Bounds at, under and over their edges, and equal to those of the ASN.1 module; character sets; what is said of a
// breach.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "asn1/validate.h"

static char why[VALIDATE_WHY_MAX];

static int check(enum validate_field f, enum validate_type type, const char *s) {
    return validate_string(f, type, bytes_str(s), why);
}

static char filler(enum validate_type type) {
    return type == VALIDATE_NUMERIC ? '7' : type == VALIDATE_OCTETS ? '\xBF' : 'x';
}

// Every field at every length, in every type: refused above the bound in one way, below the least in another.
static void lengths_are_bounded(void **state) {
    (void)state;
    unsigned strings = 0;
    for (int f = 0; f < VALIDATE_FIELDS; f++)
        for (int type = 0; type < VALIDATE_TYPES; type++) {
            enum validate_field field = (enum validate_field)f;
            enum validate_type t = (enum validate_type)type;
            char text[600];
            unsigned bound = validate_bound(field, t);
            memset(text, filler(t), sizeof text);
            assert_true(bound < sizeof text - 2);
            if (bound == 0) {
                assert_int_equal(validate_string(field, t, bytes_of(text, 1), why), ERR_SYNTAX);
                continue;
            }
            strings++;
            assert_int_equal(validate_string(field, t, bytes_of(text, bound), why), ERR_OK);
            assert_int_equal(validate_string(field, t, bytes_of(text, bound), NULL), ERR_OK);
            assert_int_equal(validate_string(field, t, bytes_of(text, bound + 1), why), ERR_LIMIT);
            assert_int_equal(validate_string(field, t, bytes_of(text, bound + 1), NULL), ERR_LIMIT);
            assert_in_range(strlen(why), 20, VALIDATE_WHY_MAX - 2);
            assert_null(strstr(why, "(null)"));
        }
    assert_int_equal(strings, 62);
}

static void the_least_is_required(void **state) {
    (void)state;
    assert_int_equal(check(VALIDATE_SURNAME, VALIDATE_PRINTABLE, ""), ERR_SYNTAX);
    assert_string_equal(why, "surname has 0 characters, fewer than the 1 required");
    assert_int_equal(check(VALIDATE_ADMD, VALIDATE_PRINTABLE, ""), ERR_OK);
    assert_int_equal(check(VALIDATE_PASSWORD, VALIDATE_OCTETS, ""), ERR_OK);
    assert_int_equal(check(VALIDATE_COUNTRY, VALIDATE_PRINTABLE, "G"), ERR_SYNTAX);
    assert_string_equal(why, "country-name has 1 character, fewer than the 2 required");
    assert_int_equal(check(VALIDATE_COUNTRY, VALIDATE_NUMERIC, "23"), ERR_SYNTAX);
    assert_int_equal(check(VALIDATE_COUNTRY, VALIDATE_NUMERIC, "234"), ERR_OK);
    assert_int_equal(check(VALIDATE_LANGUAGE, VALIDATE_PRINTABLE, "e"), ERR_SYNTAX);
}

// The numbers are those of the ASN.1 module.
static void bounds_are_those_of_the_module(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum validate_field field;
        enum validate_type type;
    } strings[] = {
        {"ub-local-id-length", VALIDATE_LOCAL_IDENTIFIER, VALIDATE_IA5},
        {"ub-mta-name-length", VALIDATE_MTA_NAME, VALIDATE_IA5},
        {"ub-password-length", VALIDATE_PASSWORD, VALIDATE_OCTETS},
        {"ub-content-id-length", VALIDATE_CONTENT_IDENTIFIER, VALIDATE_PRINTABLE},
        {"ub-supplementary-info-length", VALIDATE_SUPPLEMENTARY_INFORMATION, VALIDATE_PRINTABLE},
        {"ub-country-name-alpha-length", VALIDATE_COUNTRY, VALIDATE_PRINTABLE},
        {"ub-country-name-numeric-length", VALIDATE_COUNTRY, VALIDATE_NUMERIC},
        {"ub-domain-name-length", VALIDATE_ADMD, VALIDATE_PRINTABLE},
        {"ub-domain-name-length", VALIDATE_PRMD, VALIDATE_NUMERIC},
        {"ub-x121-address-length", VALIDATE_X121_ADDRESS, VALIDATE_NUMERIC},
        {"ub-terminal-id-length", VALIDATE_TERMINAL_IDENTIFIER, VALIDATE_PRINTABLE},
        {"ub-organization-name-length", VALIDATE_ORGANIZATION, VALIDATE_TELETEX},
        {"ub-numeric-user-id-length", VALIDATE_NUMERIC_USER_IDENTIFIER, VALIDATE_NUMERIC},
        {"ub-surname-length", VALIDATE_SURNAME, VALIDATE_PRINTABLE},
        {"ub-given-name-length", VALIDATE_GIVEN_NAME, VALIDATE_TELETEX},
        {"ub-initials-length", VALIDATE_INITIALS, VALIDATE_PRINTABLE},
        {"ub-generation-qualifier-length", VALIDATE_GENERATION_QUALIFIER, VALIDATE_TELETEX},
        {"ub-organizational-unit-name-length", VALIDATE_ORGANIZATIONAL_UNIT, VALIDATE_PRINTABLE},
        {"ub-domain-defined-attribute-type-length", VALIDATE_DDA_TYPE, VALIDATE_PRINTABLE},
        {"ub-domain-defined-attribute-value-length", VALIDATE_DDA_VALUE, VALIDATE_UNIVERSAL},
        {"ub-common-name-length", VALIDATE_COMMON_NAME, VALIDATE_UNIVERSAL},
        {"ub-pds-name-length", VALIDATE_PDS_NAME, VALIDATE_PRINTABLE},
        {"ub-postal-code-length", VALIDATE_POSTAL_CODE, VALIDATE_NUMERIC},
        {"ub-pds-parameter-length", VALIDATE_PDS_PARAMETER, VALIDATE_TELETEX},
        {"ub-pds-parameter-length", VALIDATE_ADDRESS_LINE, VALIDATE_PRINTABLE},
        {"ub-unformatted-address-length", VALIDATE_UNFORMATTED_ADDRESS, VALIDATE_TELETEX},
        {"ub-e163-4-number-length", VALIDATE_E163_4_NUMBER, VALIDATE_NUMERIC},
        {"ub-e163-4-sub-address-length", VALIDATE_E163_4_SUB_ADDRESS, VALIDATE_NUMERIC},
        {"ub-local-ipm-identifier", VALIDATE_IPM_IDENTIFIER, VALIDATE_PRINTABLE},
        {"ub-subject-field", VALIDATE_SUBJECT, VALIDATE_TELETEX},
        {"ub-free-form-name", VALIDATE_FREE_FORM_NAME, VALIDATE_TELETEX},
        {"ub-telephone-number", VALIDATE_TELEPHONE_NUMBER, VALIDATE_PRINTABLE},
    };
    static const struct {
        const char *name;
        long bound;
    } counts[] = {
        {"ub-recipients", P1_UB_RECIPIENTS},
        {"ub-transfers", P1_UB_TRANSFERS},
        {"ub-redirections", P1_UB_REDIRECTIONS},
        {"ub-dl-expansions", P1_UB_REDIRECTIONS},
        {"ub-orig-and-dl-expansions", P1_UB_REDIRECTIONS + 1},
        {"ub-encoded-information-types", P1_UB_EXTENDED_EITS},
    };
    FILE *f = fopen("asn1/UpperBounds.asn", "r");
    char line[256], name[100];
    long value;
    unsigned seen = 0;
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "%99s INTEGER ::= %ld", name, &value) != 2)
            continue;
        for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
            if (strcmp(name, strings[i].name) == 0) {
                assert_int_equal(validate_bound(strings[i].field, strings[i].type), value);
                seen++;
            }
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            if (strcmp(name, counts[i].name) == 0) {
                assert_int_equal(counts[i].bound, value);
                seen++;
            }
        if (strcmp(name, "ub-content-length") == 0) {
            assert_int_equal(validate_number(VALIDATE_CONTENT_LENGTH, value, why), ERR_OK);
            assert_int_equal(validate_number(VALIDATE_CONTENT_LENGTH, value + 1, why), ERR_LIMIT);
            seen++;
        }
    }
    fclose(f);
    assert_int_equal(seen, sizeof strings / sizeof *strings + sizeof counts / sizeof *counts + 1);
}

static void wide_characters_count_once(void **state) {
    (void)state;
    char text[65 * 3 + 1] = "";
    for (int i = 0; i < 64; i++)
        strcat(text, "\xE4\xB8\xAD");
    assert_int_equal(check(VALIDATE_COMMON_NAME, VALIDATE_UNIVERSAL, text), ERR_OK);
    strcat(text, "x");
    assert_int_equal(check(VALIDATE_COMMON_NAME, VALIDATE_UNIVERSAL, text), ERR_LIMIT);
    assert_string_equal(why, "universal common-name has 65 characters, more than the 64 allowed");
    assert_int_equal(check(VALIDATE_INITIALS, VALIDATE_TELETEX, "\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F\xC3\xA9"), ERR_OK);
    assert_int_equal(check(VALIDATE_INITIALS, VALIDATE_TELETEX, "\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F\xC3\xA9!"),
                     ERR_LIMIT);
    assert_string_equal(why, "teletex initials has 6 characters, more than the 5 allowed");
}

static void sets_are_exact(void **state) {
    (void)state;
    static const char printable[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?";
    for (int c = 0; c < 256; c++) {
        uint8_t o = (uint8_t)c;
        char two[2] = {'0', (char)c};
        bool is = c != 0 && strchr(printable, c) != NULL, digit = c == ' ' || (c >= '0' && c <= '9');
        struct bytes b = bytes_of(two, 2);
        assert_int_equal(validate_octet(VALIDATE_PRINTABLE, o), is);
        assert_int_equal(validate_octet(VALIDATE_NUMERIC, o), digit);
        assert_int_equal(validate_octet(VALIDATE_IA5, o), c < 128);
        assert_true(validate_octet(VALIDATE_OCTETS, o));
        assert_int_equal(validate_string(VALIDATE_SURNAME, VALIDATE_PRINTABLE, b, why), is ? ERR_OK : ERR_SYNTAX);
        assert_int_equal(validate_string(VALIDATE_X121_ADDRESS, VALIDATE_NUMERIC, b, why), digit ? ERR_OK : ERR_SYNTAX);
        assert_int_equal(validate_string(VALIDATE_MTA_NAME, VALIDATE_IA5, b, why), c < 128 ? ERR_OK : ERR_SYNTAX);
        assert_int_equal(validate_string(VALIDATE_PASSWORD, VALIDATE_OCTETS, b, why), ERR_OK);
    }
}

static void a_breach_is_named(void **state) {
    (void)state;
    assert_int_equal(check(VALIDATE_LOCAL_IDENTIFIER, VALIDATE_IA5, "1234567890123456789012345678901234567890"),
                     ERR_LIMIT);
    assert_string_equal(why, "local-identifier has 40 characters, more than the 32 allowed");
    assert_int_equal(check(VALIDATE_ORGANIZATION, VALIDATE_PRINTABLE, "ACME_UK"), ERR_SYNTAX);
    assert_string_equal(why, "organization-name: character 5 is not one of PrintableString");
    assert_int_equal(check(VALIDATE_ORGANIZATION, VALIDATE_NUMERIC, "1"), ERR_SYNTAX);
    assert_string_equal(why, "organization-name cannot be a NumericString");
    assert_int_equal(check(VALIDATE_NONE, VALIDATE_PRINTABLE, "x"), ERR_SYNTAX);
    assert_int_equal(validate_number(VALIDATE_TERMINAL_TYPE, 257, why), ERR_LIMIT);
    assert_string_equal(why, "terminal-type is 257, not from 0 to 256");
    assert_int_equal(validate_number(VALIDATE_TERMINAL_TYPE, -1, NULL), ERR_LIMIT);
    assert_int_equal(validate_number(VALIDATE_TERMINAL_TYPE, 256, why), ERR_OK);
    assert_int_equal(validate_number(VALIDATE_CONTENT_LENGTH, INT64_MIN, why), ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(the_least_is_required),
        cmocka_unit_test(bounds_are_those_of_the_module),
        cmocka_unit_test(wide_characters_count_once),
        cmocka_unit_test(sets_are_exact),
        cmocka_unit_test(a_breach_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
