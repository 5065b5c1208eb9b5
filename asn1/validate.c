// SPDX-License-Identifier: BSD-2-Clause
// The bounds are those of module MTSUpperBounds of X.411 (06/1999) and, for the last strings, of X.420; they stand in
// asn1/UpperBounds.asn with their names. The subsets of the string types are those of X.680's character string types;
// a TeletexString's octets are not judged, as it may designate any set.
#include "asn1/validate.h"

#include <stdio.h>

enum set { SET_NUMERIC, SET_PRINTABLE, SET_IA5, SET_OCTETS, SET_TELETEX, SET_BMP, SET_UCS4, SET_TIME, NUMBER };

static const char *const set_names[] = {"NumericString", "PrintableString", "IA5String",       "OCTET STRING",
                                        "TeletexString", "BMPString",       "UniversalString", "UTCTime"};

struct rule {
    const char *name;
    enum set set;
    int64_t min, max; // characters, or the number itself
};

static const struct rule rules[VALIDATE_FIELDS] = {
    [VALIDATE_LOCAL_IDENTIFIER] = {"local-identifier", SET_IA5, 1, 32},
    [VALIDATE_MTA_NAME] = {"mta-name", SET_IA5, 1, 32},
    [VALIDATE_PASSWORD_IA5] = {"password", SET_IA5, 0, 62},
    [VALIDATE_PASSWORD_OCTETS] = {"password", SET_OCTETS, 0, 62},
    [VALIDATE_COUNTRY_ALPHA] = {"country-name", SET_PRINTABLE, 2, 2},
    [VALIDATE_COUNTRY_NUMERIC] = {"country-name", SET_NUMERIC, 3, 3},
    [VALIDATE_ADMD_NUMERIC] = {"administration-domain-name", SET_NUMERIC, 0, 16},
    [VALIDATE_ADMD_PRINTABLE] = {"administration-domain-name", SET_PRINTABLE, 0, 16},
    [VALIDATE_PRMD_NUMERIC] = {"private-domain-name", SET_NUMERIC, 1, 16},
    [VALIDATE_PRMD_PRINTABLE] = {"private-domain-name", SET_PRINTABLE, 1, 16},
    [VALIDATE_X121_ADDRESS] = {"network-address", SET_NUMERIC, 1, 16},
    [VALIDATE_TERMINAL_IDENTIFIER] = {"terminal-identifier", SET_PRINTABLE, 1, 24},
    [VALIDATE_ORGANIZATION_NAME] = {"organization-name", SET_PRINTABLE, 1, 64},
    [VALIDATE_NUMERIC_USER_IDENTIFIER] = {"numeric-user-identifier", SET_NUMERIC, 1, 32},
    [VALIDATE_SURNAME] = {"surname", SET_PRINTABLE, 1, 40},
    [VALIDATE_GIVEN_NAME] = {"given-name", SET_PRINTABLE, 1, 16},
    [VALIDATE_INITIALS] = {"initials", SET_PRINTABLE, 1, 5},
    [VALIDATE_GENERATION_QUALIFIER] = {"generation-qualifier", SET_PRINTABLE, 1, 3},
    [VALIDATE_ORGANIZATIONAL_UNIT_NAME] = {"organizational-unit-name", SET_PRINTABLE, 1, 32},
    [VALIDATE_DDA_TYPE] = {"domain-defined attribute's type", SET_PRINTABLE, 1, 8},
    [VALIDATE_DDA_VALUE] = {"domain-defined attribute's value", SET_PRINTABLE, 1, 128},
    [VALIDATE_COMMON_NAME] = {"common-name", SET_PRINTABLE, 1, 64},
    [VALIDATE_TELETEX_COMMON_NAME] = {"teletex-common-name", SET_TELETEX, 1, 64},
    [VALIDATE_TELETEX_ORGANIZATION_NAME] = {"teletex-organization-name", SET_TELETEX, 1, 64},
    [VALIDATE_TELETEX_ORGANIZATIONAL_UNIT_NAME] = {"teletex-organizational-unit-name", SET_TELETEX, 1, 32},
    [VALIDATE_TELETEX_SURNAME] = {"teletex surname", SET_TELETEX, 1, 40},
    [VALIDATE_TELETEX_GIVEN_NAME] = {"teletex given-name", SET_TELETEX, 1, 16},
    [VALIDATE_TELETEX_INITIALS] = {"teletex initials", SET_TELETEX, 1, 5},
    [VALIDATE_TELETEX_GENERATION_QUALIFIER] = {"teletex generation-qualifier", SET_TELETEX, 1, 3},
    [VALIDATE_TELETEX_DDA_TYPE] = {"teletex domain-defined attribute's type", SET_TELETEX, 1, 8},
    [VALIDATE_TELETEX_DDA_VALUE] = {"teletex domain-defined attribute's value", SET_TELETEX, 1, 128},
    [VALIDATE_UNIVERSAL_COMMON_NAME_BMP] = {"universal-common-name", SET_BMP, 1, 64},
    [VALIDATE_UNIVERSAL_COMMON_NAME_UCS4] = {"universal-common-name", SET_UCS4, 1, 64},
    [VALIDATE_UNIVERSAL_ORGANIZATION_NAME_BMP] = {"universal-organization-name", SET_BMP, 1, 64},
    [VALIDATE_UNIVERSAL_ORGANIZATION_NAME_UCS4] = {"universal-organization-name", SET_UCS4, 1, 64},
    [VALIDATE_PDS_NAME] = {"pds-name", SET_PRINTABLE, 1, 16},
    [VALIDATE_POSTAL_CODE_NUMERIC] = {"postal-code", SET_NUMERIC, 1, 16},
    [VALIDATE_POSTAL_CODE_PRINTABLE] = {"postal-code", SET_PRINTABLE, 1, 16},
    [VALIDATE_PDS_PARAMETER] = {"physical delivery parameter", SET_PRINTABLE, 1, 30},
    [VALIDATE_TELETEX_PDS_PARAMETER] = {"physical delivery parameter", SET_TELETEX, 1, 30},
    [VALIDATE_UNFORMATTED_ADDRESS] = {"unformatted-postal-address", SET_TELETEX, 1, 180},
    [VALIDATE_E163_4_NUMBER] = {"e163-4-address", SET_NUMERIC, 1, 15},
    [VALIDATE_E163_4_SUB_ADDRESS] = {"e163-4 sub-address", SET_NUMERIC, 1, 40},
    [VALIDATE_CONTENT_IDENTIFIER] = {"content-identifier", SET_PRINTABLE, 1, 16},
    [VALIDATE_SUPPLEMENTARY_INFORMATION] = {"supplementary-information", SET_PRINTABLE, 1, 256},
    [VALIDATE_PRIVACY_MARK] = {"privacy-mark", SET_PRINTABLE, 1, 128},
    [VALIDATE_TIME] = {"time", SET_TIME, 11, 17},
    [VALIDATE_CONTENT_CORRELATOR_IA5] = {"content-correlator", SET_IA5, 0, 512},
    [VALIDATE_CONTENT_CORRELATOR_OCTETS] = {"content-correlator", SET_OCTETS, 0, 512},
    [VALIDATE_IPM_IDENTIFIER] = {"user-relative-identifier", SET_PRINTABLE, 0, 64},
    [VALIDATE_SUBJECT] = {"subject", SET_TELETEX, 0, 128},
    [VALIDATE_FREE_FORM_NAME] = {"free-form-name", SET_TELETEX, 0, 64},
    [VALIDATE_TELEPHONE_NUMBER] = {"telephone-number", SET_PRINTABLE, 0, 32},
    [VALIDATE_AUTO_FORWARD_COMMENT] = {"auto-forward-comment", SET_PRINTABLE, 0, 256},
    [VALIDATE_RECIPIENT_NUMBER] = {"originally-specified-recipient-number", NUMBER, 1, 32767},
    [VALIDATE_CONTENT_LENGTH] = {"content-length", NUMBER, 0, 2147483647},
    [VALIDATE_RECIPIENTS] = {"number of recipients", NUMBER, 1, 32767},
    [VALIDATE_TRANSFERS] = {"number of trace elements", NUMBER, 1, 512},
    [VALIDATE_REDIRECTIONS] = {"number of redirections", NUMBER, 1, 512},
    [VALIDATE_DL_EXPANSIONS] = {"number of list expansions", NUMBER, 1, 512},
    [VALIDATE_ORGANIZATIONAL_UNITS] = {"number of organizational units", NUMBER, 1, 4},
    [VALIDATE_DOMAIN_DEFINED_ATTRIBUTES] = {"number of domain-defined attributes", NUMBER, 1, 4},
    [VALIDATE_EXTENSION_ATTRIBUTES] = {"number of extension attributes", NUMBER, 1, 256},
    [VALIDATE_PHYSICAL_ADDRESS_LINES] = {"number of address lines", NUMBER, 1, 6},
};

#define SAY(why, ...) ((why) != NULL ? (void)snprintf((why), VALIDATE_WHY_MAX, __VA_ARGS__) : (void)0)

static bool in_set(enum set s, uint8_t c) {
    switch (s) {
    case SET_NUMERIC: return (c >= '0' && c <= '9') || c == ' ';
    case SET_PRINTABLE:
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr(" '()+,-./:=?", c) != NULL);
    case SET_IA5: return c < 0x80;
    default: return true;
    }
}

static bool digits(struct bytes b, size_t at, size_t n) {
    for (size_t i = at; i < at + n; i++) {
        if (i >= b.n || b.p[i] < '0' || b.p[i] > '9')
            return false;
    }
    return true;
}

static bool between(struct bytes b, size_t at, int low, int high) {
    int v = (b.p[at] - '0') * 10 + b.p[at + 1] - '0';
    return v >= low && v <= high;
}

// YYMMDDhhmm, seconds or none, Z or a difference; the lengths are known to fit.
static bool is_time(struct bytes b) {
    if (!digits(b, 0, 10) || !between(b, 2, 1, 12) || !between(b, 4, 1, 31) || !between(b, 6, 0, 23) ||
        !between(b, 8, 0, 59))
        return false;
    size_t at = 10;
    if (digits(b, at, 2)) {
        if (!between(b, at, 0, 60))
            return false;
        at += 2;
    }
    if (at + 1 == b.n)
        return b.p[at] == 'Z';
    return at + 5 == b.n && (b.p[at] == '+' || b.p[at] == '-') && digits(b, at + 1, 4) && between(b, at + 1, 0, 23) &&
           between(b, at + 3, 0, 59);
}

static int check_characters(const struct rule *r, struct bytes value, char *why) {
    for (size_t i = 0; i < value.n; i++) {
        if (!in_set(r->set, value.p[i])) {
            SAY(why, "%s: character %zu is not one of %s", r->name, i + 1, set_names[r->set]);
            return ERR_SYNTAX;
        }
    }
    if (r->set == SET_TIME && !is_time(value)) {
        SAY(why, "%s is not a UTCTime", r->name);
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

int validate_string(enum validate_field f, struct bytes value, char *why) {
    if ((unsigned)f >= VALIDATE_FIELDS || rules[f].set == NUMBER) {
        SAY(why, "not a string");
        return ERR_STATE;
    }
    const struct rule *r = &rules[f];
    size_t width = r->set == SET_BMP ? 2 : r->set == SET_UCS4 ? 4 : 1;
    if (value.n % width != 0) {
        SAY(why, "%s has %zu octets, which is no %s", r->name, value.n, set_names[r->set]);
        return ERR_SYNTAX;
    }
    size_t n = value.n / width;
    const char *unit = r->set == SET_OCTETS ? "octet" : "character", *plural = n == 1 ? "" : "s";
    if (n > (size_t)r->max) {
        SAY(why, "%s has %zu %s%s, more than the %d allowed", r->name, n, unit, plural, (int)r->max);
        return ERR_LIMIT;
    }
    if (n < (size_t)r->min) {
        SAY(why, "%s has %zu %s%s, fewer than the %d required", r->name, n, unit, plural, (int)r->min);
        return ERR_LIMIT;
    }
    return check_characters(r, value, why);
}

int validate_number(enum validate_field f, int64_t value, char *why) {
    if ((unsigned)f >= VALIDATE_FIELDS || rules[f].set != NUMBER) {
        SAY(why, "not a number");
        return ERR_STATE;
    }
    const struct rule *r = &rules[f];
    if (value >= r->min && value <= r->max)
        return ERR_OK;
    SAY(why, "%s is %lld, not from %lld to %lld", r->name, (long long)value, (long long)r->min, (long long)r->max);
    return ERR_LIMIT;
}
