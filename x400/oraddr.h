// SPDX-License-Identifier: BSD-2-Clause
// O/R addresses (X.402; ORAddress and ORName of X.411): kept, encoded, written, read and compared.
//
// An address is a short sorted list of values: {attribute, form, text}. One attribute may stand in several forms at
// once (printable and teletex and universal); each is kept as its sender wrote it. Texts are UTF-8, without NUL.
// Everything that an address points to lives in the arena given to the function that made it. A plain assignment copies
// an address and shares its values: or_address_set copies them before it changes one (the other stays as it was).
//
// An address that was received keeps its encoding (`raw`) and is encoded again to the very same octets, until it is
// changed. Tags and attribute numbers are X.411's, bounds those of asn1/validate.h; the text forms are in the manner of
// RFC 2156 and F.401.
#ifndef X400_ORADDR_H
#define X400_ORADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

// From the country down: the order of values in an address, of routing, and of the canonical form.
enum or_attr {
    OR_COUNTRY, // two letters (ISO 3166, form printable) or three digits (X.121 data country code, form numeric)
    OR_ADMD,    // " " is the single blank: any ADMD of the country
    OR_PRMD,
    OR_ORGANIZATION,
    OR_OU1, // the highest; no gaps
    OR_OU2,
    OR_OU3,
    OR_OU4,
    OR_COMMON_NAME,
    OR_SURNAME,
    OR_GIVEN,
    OR_INITIALS,
    OR_GENERATION,
    OR_X121, // network address
    OR_TERMINAL_ID,
    OR_TERMINAL_TYPE, // "tlx", "ttx", "g3fax", "g4fax", "ia5", "vtx" or a number
    OR_NUMERIC_USER_ID,
    OR_NET_NUMBER, // extended network address: an E.163/E.164 number ...
    OR_NET_SUB,    // ... and its sub-address,
    OR_NET_PSAP,   // or a presentation address 'hex'H/'hex'H/'hex'H/NS+hex_NS+hex (in the manner of RFC 1278)
    OR_PD_SERVICE, // physical delivery: name of the service
    OR_PD_COUNTRY,
    OR_PD_CODE, // postal code
    OR_PD_OFFICE,
    OR_PD_OFFICE_NUMBER,
    OR_PD_EXT_ADDRESS, // extension of O/R address components
    OR_PD_PERSON,
    OR_PD_ORGANIZATION,
    OR_PD_EXT_DELIVERY, // extension of physical delivery address components
    OR_PD_ADDRESS1,     // unformatted: the printable form has up to six lines; teletex and universal have all in one
    OR_PD_ADDRESS2,
    OR_PD_ADDRESS3,
    OR_PD_ADDRESS4,
    OR_PD_ADDRESS5,
    OR_PD_ADDRESS6,
    OR_PD_STREET,
    OR_PD_BOX,
    OR_PD_RESTANTE,
    OR_PD_UNIQUE,
    OR_PD_LOCAL,
    OR_DD1_TYPE, // domain-defined attributes: type and value by turns; no gaps
    OR_DD1_VALUE,
    OR_DD2_TYPE,
    OR_DD2_VALUE,
    OR_DD3_TYPE,
    OR_DD3_VALUE,
    OR_DD4_TYPE,
    OR_DD4_VALUE,
    OR_ATTRS
};

enum or_form { OR_PRINTABLE, OR_NUMERIC, OR_TELETEX, OR_UNIVERSAL, OR_FORMS };

struct or_value {
    uint8_t attr, form;
    const char *text; // UTF-8, never NULL; "" is possible (an ADMD of no characters)
};

// An extension attribute that is not one of X.411's 1 to 40, or whose value is not of its type.
struct or_extension {
    int64_t type;
    struct bytes value; // the encoding inside [1]
};

struct or_address {
    struct or_value *values; // ascending by attribute, then form
    uint16_t n_values;
    struct or_extension *extensions;
    uint16_t n_extensions;
    struct bytes directory_name; // encoding of the Name inside [0]; p NULL: none
    struct bytes raw;            // the whole element as received, header and all; p NULL: made or changed by us
    const char *deviation;       // the first breach of X.411 seen by the decoder, in words; NULL: none
};

// ---- reading and building ----

// The text of an attribute in its most readable form (printable or numeric, universal, teletex); NULL: absent.
const char *or_address_get(const struct or_address *a, enum or_attr attr);
const char *or_address_get_form(const struct or_address *a, enum or_attr attr, enum or_form form);

// Sets one form (text NULL: removes it) and forgets raw. ERR_SYNTAX: the attribute has no such form, or a character
// is not in it; ERR_LIMIT: longer than its bound; ERR_NOMEM. On failure the address is unchanged.
int or_address_set(struct arena *arena, struct or_address *a, enum or_attr attr, enum or_form form, const char *text);
// Sets the narrowest form that holds the text: numeric or printable, else teletex, else universal. Others are removed.
int or_address_set_text(struct arena *arena, struct or_address *a, enum or_attr attr, const char *text);
// A deep copy into another arena.
int or_address_copy(struct arena *arena, struct or_address *out, const struct or_address *a);
// What an address of ours must hold before it is sent: a country (unless it is empty), a type for each value, no gaps.
// NULL: nothing is missing; else what, as constant text.
const char *or_address_check(const struct or_address *a);

bool or_attr_has_form(enum or_attr attr, enum or_form form);
unsigned or_attr_bound(enum or_attr attr, enum or_form form); // in characters

// ---- text ----
// OR_SLASH: `/G=John/S=Smith/O=ACME/P=PRMD/A=ADMD/C=GB/`, ASCII only. `$` before a character takes away its meaning.
// OR_SEMICOLON: `C=GB;A=ADMD;P=PRMD;O=ACME;S=Smith;G=John`, UTF-8. `;;` is a semicolon, `$` as above.
// A value is `printable`, or `printable*teletex`, or `printable*teletex*universal`, with parts left empty that are not
// there. In teletex, {ddd} gives T.61 octets in decimal (RFC 2156); {uHHHH} is a character by its Unicode number. A
// value without `*` whose characters are not all in PrintableString takes the teletex form, or, where T.61 lacks one,
// the universal form. Several plain `OU` are numbered from the one nearest to the country. Domain-defined attributes:
// `DD.type=value` (slash form: the last is the first, as RFC 2156 has it) or `DDA:type=value` (semicolon form, in
// order). An attribute of an unknown extension: `EXT.number=hex`. The form is recognised by its first character.
enum or_style { OR_SLASH, OR_SEMICOLON };

struct or_error {
    size_t column;  // in characters, the first is 1
    char what[160]; // what is wrong there and what was expected
};

// ERR_SYNTAX with error filled in (may be NULL), or ERR_NOMEM. An empty text is an error.
int or_address_parse(struct arena *arena, const char *text, struct or_address *a, struct or_error *error);
// The same for a routing pattern: a country is not required, and nothing but the given attributes is checked.
int or_pattern_parse(struct arena *arena, const char *text, struct or_address *a, struct or_error *error);
char *or_address_print(struct arena *arena, const struct or_address *a, enum or_style style); // NULL: memory is short

// ---- comparison, in the manner of X.402 ----
// Case, leading, trailing and repeated blanks do not count; numeric forms without any blanks. Forms count by what they
// say. Where an attribute stands in several forms the printable one decides, then the universal. A numeric country
// equals its two letters. An ADMD or PRMD of blanks only equals an absent one. The directory name does not take part.

// The same key for equal addresses, different keys for different ones. NULL: memory is short.
char *or_address_canonical(struct arena *arena, const struct or_address *a);
bool or_address_equal(const struct or_address *a, const struct or_address *b); // memory short: false
// Routing: every attribute of the pattern must match, in any of its forms. Returns how many attributes the pattern has
// (more is more specific; 0: the empty pattern, which matches all), or -1: no match. A blank ADMD or PRMD in
// the pattern wants an address without one. Memory short: -1.
int or_address_match(const struct or_address *pattern, const struct or_address *address);

// ---- countries ----
// The ISO 3166 letters of an X.121 data country code ("234" is "GB"), or NULL when it is not in the table.
const char *or_country_alpha2(const char *dcc);
bool or_country_equal(const char *a, const char *b); // letters or digits, case does not count

// ---- encoding (X.411) ----
// An ORName ([APPLICATION 0], 60). Decoding takes one whole element, keeps it as raw (copied) and is lenient: what
// breaks X.411 but can be understood is noted in a->deviation. Results: 0, ERR_SYNTAX or ERR_SHORT with *why (constant
// text, may be NULL), ERR_NOMEM.
int or_name_decode(struct arena *arena, struct bytes in, struct or_address *a, const char **why);
// Appends. raw if it is there, untouched, else DER; then ERR_SYNTAX when the address
// is not fit to be sent (or_address_check), ERR_LIMIT when a value breaks its bound. On failure out is as before.
int or_name_encode(const struct or_address *a, struct buf *out);

#endif
