// SPDX-License-Identifier: BSD-2-Clause
// The bounds are those of module MTSUpperBounds of X.411 (06/1999) and, for the last rows, IPMSUpperBounds of X.420;
// asn1/UpperBounds.asn has them with their names. The subsets of the string types are those of X.680's character
// string types.
#include "asn1/validate.h"

#include <stdio.h>

static const char *const type_names[VALIDATE_TYPES] = {"PrintableString", "NumericString", "TeletexString",
                                                       "UniversalString", "IA5String",     "OCTET STRING"};

enum { EXACTLY = -1 }; // as the least: the bound itself

struct rule {
    const char *name;
    int8_t least;                  // characters
    uint16_t most[VALIDATE_TYPES]; // 0: the field is not of this type
};

static const struct rule rules[VALIDATE_FIELDS] = {
    [VALIDATE_NONE] = {"the field", 0, {0}},
    //                                                        P   N   T   U  IA5  octets
    [VALIDATE_LOCAL_IDENTIFIER] = {"local-identifier", 1, {0, 0, 0, 0, 32}},
    [VALIDATE_MTA_NAME] = {"mta-name", 1, {0, 0, 0, 0, P1_UB_MTA_NAME}},
    [VALIDATE_PASSWORD] = {"password", 0, {0, 0, 0, 0, 62, 62}},
    [VALIDATE_CONTENT_IDENTIFIER] = {"content-identifier", 1, {P1_UB_CONTENT_ID}},
    [VALIDATE_CONTENT_CORRELATOR] = {"content-correlator", 0, {0, 0, 0, 0, 512, 512}},
    [VALIDATE_SUPPLEMENTARY_INFORMATION] = {"supplementary-information", 1, {P1_UB_SUPPLEMENTARY_INFO}},
    [VALIDATE_COUNTRY] = {"country-name", EXACTLY, {2, 3}},
    [VALIDATE_ADMD] = {"administration-domain-name", 0, {16, 16}},
    [VALIDATE_PRMD] = {"private-domain-name", 1, {16, 16}},
    [VALIDATE_X121_ADDRESS] = {"network-address", 1, {0, 16}},
    [VALIDATE_TERMINAL_IDENTIFIER] = {"terminal-identifier", 1, {24}},
    [VALIDATE_ORGANIZATION] = {"organization-name", 1, {64, 0, 64, 64}},
    [VALIDATE_NUMERIC_USER_IDENTIFIER] = {"numeric-user-identifier", 1, {0, 32}},
    [VALIDATE_SURNAME] = {"surname", 1, {40, 0, 40, 64}},
    [VALIDATE_GIVEN_NAME] = {"given-name", 1, {16, 0, 16, 40}},
    [VALIDATE_INITIALS] = {"initials", 1, {5, 0, 5, 16}},
    [VALIDATE_GENERATION_QUALIFIER] = {"generation-qualifier", 1, {3, 0, 3, 16}},
    [VALIDATE_ORGANIZATIONAL_UNIT] = {"organizational-unit-name", 1, {32, 0, 32, 32}},
    [VALIDATE_DDA_TYPE] = {"domain-defined attribute's type", 1, {8, 0, 8, 8}},
    [VALIDATE_DDA_VALUE] = {"domain-defined attribute's value", 1, {128, 0, 128, 128}},
    [VALIDATE_COMMON_NAME] = {"common-name", 1, {64, 0, 64, 64}},
    [VALIDATE_PDS_NAME] = {"pds-name", 1, {16}},
    [VALIDATE_POSTAL_CODE] = {"postal-code", 1, {16, 16}},
    [VALIDATE_PDS_PARAMETER] = {"physical delivery parameter", 1, {30, 0, 30, 30}},
    [VALIDATE_UNFORMATTED_ADDRESS] = {"unformatted-postal-address", 1, {30, 0, 180, 180}},
    [VALIDATE_ADDRESS_LINE] = {"unformatted-postal-address", 1, {30}},
    [VALIDATE_E163_4_NUMBER] = {"e163-4-address", 1, {0, 15}},
    [VALIDATE_E163_4_SUB_ADDRESS] = {"e163-4 sub-address", 1, {0, 40}},
    [VALIDATE_IPM_IDENTIFIER] = {"user-relative-identifier", 0, {64}},
    [VALIDATE_SUBJECT] = {"subject", 0, {0, 0, 128, 256}},
    [VALIDATE_FREE_FORM_NAME] = {"free-form-name", 0, {0, 0, 64}},
    [VALIDATE_TELEPHONE_NUMBER] = {"telephone-number", 0, {32}},
    [VALIDATE_LANGUAGE] = {"language", 2, {5}},
};

static const struct {
    const char *name;
    int64_t least, most;
} numbers[VALIDATE_NUMBERS] = {
    [VALIDATE_CONTENT_LENGTH] = {"content-length", 0, 2147483647},
    [VALIDATE_TERMINAL_TYPE] = {"terminal-type", 0, P1_UB_INTEGER_OPTIONS},
};

#define SAY(why, ...) ((why) != NULL ? (void)snprintf((why), VALIDATE_WHY_MAX, __VA_ARGS__) : (void)0)

bool validate_octet(enum validate_type type, uint8_t c) {
    switch (type) {
    case VALIDATE_NUMERIC: return (c >= '0' && c <= '9') || c == ' ';
    case VALIDATE_PRINTABLE:
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr(" '()+,-./:=?", c) != NULL);
    case VALIDATE_IA5: return c < 0x80;
    default: return true;
    }
}

unsigned validate_bound(enum validate_field f, enum validate_type type) {
    return rules[f].most[type];
}

// In UTF-8 every octet but those that continue a character.
static size_t characters(enum validate_type type, struct bytes value) {
    size_t n = 0;
    for (size_t i = 0; i < value.n; i++)
        n += type == VALIDATE_OCTETS || (value.p[i] & 0xC0) != 0x80;
    return n;
}

static int wrong_length(const struct rule *r, enum validate_type type, size_t n, unsigned least, char *why) {
    const char *form = type == VALIDATE_TELETEX ? "teletex " : type == VALIDATE_UNIVERSAL ? "universal " : "";
    const char *unit = type == VALIDATE_OCTETS ? "octet" : "character";
    bool more = n > least;
    SAY(why, "%s%s has %zu %s%s, %s than the %u %s", form, r->name, n, unit, n == 1 ? "" : "s", more ? "more" : "fewer",
        more ? (unsigned)r->most[type] : least, more ? "allowed" : "required");
    return more ? ERR_LIMIT : ERR_SYNTAX;
}

int validate_string(enum validate_field f, enum validate_type type, struct bytes value, char *why) {
    const struct rule *r = &rules[f];
    unsigned most = r->most[type], least = r->least == EXACTLY ? most : (unsigned)r->least;
    if (most == 0) {
        SAY(why, "%s cannot be a %s", r->name, type_names[type]);
        return ERR_SYNTAX;
    }
    size_t n = characters(type, value);
    if (n > most || n < least)
        return wrong_length(r, type, n, least, why);
    for (size_t i = 0; i < value.n; i++) {
        if (!validate_octet(type, value.p[i])) {
            SAY(why, "%s: character %zu is not one of %s", r->name, i + 1, type_names[type]);
            return ERR_SYNTAX;
        }
    }
    return ERR_OK;
}

int validate_number(enum validate_number f, int64_t value, char *why) {
    if (value >= numbers[f].least && value <= numbers[f].most)
        return ERR_OK;
    SAY(why, "%s is %lld, not from %lld to %lld", numbers[f].name, (long long)value, (long long)numbers[f].least,
        (long long)numbers[f].most);
    return ERR_LIMIT;
}
