// SPDX-License-Identifier: BSD-2-Clause
// The upper bounds and character sets of X.411 and X.420, by table: the one place that knows them. Codecs refuse to
// originate what breaks one; what a peer sends is taken where that does no harm, and the breach is told in the table's
// words.
#ifndef ASN1_VALIDATE_H
#define ASN1_VALIDATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

// Bounds that arrays and loops need (module MTSUpperBounds of X.411).
enum {
    P1_UB_RECIPIENTS = 32767,
    P1_UB_TRANSFERS = 512,
    P1_UB_REDIRECTIONS = 512,
    P1_UB_CONTENT_ID = 16,
    P1_UB_MTA_NAME = 32,
    P1_UB_SUPPLEMENTARY_INFO = 256,
    P1_UB_EXTENDED_EITS = 1024,
    P1_UB_INTEGER_OPTIONS = 256,
    P1_UB_CODES = 32767,   // reason and diagnostic codes, built-in content types
    P1_UB_EXTENSIONS = 256 // of one SET OF: each type once, and types are numbered up to ub-extension-types
};

enum validate_field {
    VALIDATE_NONE, // has no form at all
    // X.411
    VALIDATE_LOCAL_IDENTIFIER,
    VALIDATE_MTA_NAME,
    VALIDATE_PASSWORD,
    VALIDATE_CONTENT_IDENTIFIER,
    VALIDATE_CONTENT_CORRELATOR,
    VALIDATE_SUPPLEMENTARY_INFORMATION,
    VALIDATE_COUNTRY,
    VALIDATE_ADMD,
    VALIDATE_PRMD,
    VALIDATE_X121_ADDRESS,
    VALIDATE_TERMINAL_IDENTIFIER,
    VALIDATE_ORGANIZATION,
    VALIDATE_NUMERIC_USER_IDENTIFIER,
    VALIDATE_SURNAME,
    VALIDATE_GIVEN_NAME,
    VALIDATE_INITIALS,
    VALIDATE_GENERATION_QUALIFIER,
    VALIDATE_ORGANIZATIONAL_UNIT,
    VALIDATE_DDA_TYPE,
    VALIDATE_DDA_VALUE,
    VALIDATE_COMMON_NAME,
    VALIDATE_PDS_NAME,
    VALIDATE_POSTAL_CODE,
    VALIDATE_PDS_PARAMETER,
    VALIDATE_UNFORMATTED_ADDRESS, // printable: one of its lines
    VALIDATE_ADDRESS_LINE,
    VALIDATE_E163_4_NUMBER,
    VALIDATE_E163_4_SUB_ADDRESS,
    // X.420
    VALIDATE_IPM_IDENTIFIER,
    VALIDATE_SUBJECT, // universal: the extended subject
    VALIDATE_FREE_FORM_NAME,
    VALIDATE_TELEPHONE_NUMBER,
    VALIDATE_LANGUAGE,
    VALIDATE_FIELDS
};

enum validate_type { // the first four in the order of the forms of an O/R address (x400/oraddr.h)
    VALIDATE_PRINTABLE,
    VALIDATE_NUMERIC,
    VALIDATE_TELETEX,   // given as UTF-8; whether T.61 has the characters is for x400/charset.h to say
    VALIDATE_UNIVERSAL, // BMPString or UniversalString, given as UTF-8
    VALIDATE_IA5,
    VALIDATE_OCTETS,
    VALIDATE_TYPES
};

enum { VALIDATE_WHY_MAX = 128 }; // no text is longer, with its NUL

// 0; ERR_LIMIT: longer than its bound; ERR_SYNTAX: shorter than required, a character that its set does not have, or
// the field has no such type. why (NULL, or VALIDATE_WHY_MAX octets) says it: "local-identifier has 40 characters, more
// than the 32 allowed". No octet of the value is in it, so that it may be logged.
int validate_string(enum validate_field f, enum validate_type type, struct bytes value, char *why);
unsigned validate_bound(enum validate_field f, enum validate_type type); // in characters; 0: there is no such type
bool validate_octet(enum validate_type type, uint8_t octet);             // whether PrintableString, ... has it

enum validate_number {
    VALIDATE_CONTENT_LENGTH,
    VALIDATE_TERMINAL_TYPE,
    VALIDATE_NUMBERS
};

// The same for a number; ERR_LIMIT on either side.
int validate_number(enum validate_number f, int64_t value, char *why);

#endif
