// SPDX-License-Identifier: BSD-2-Clause
// What the files of O/R addresses share, and nobody else uses.
#ifndef X400_ORADDR_INTERNAL_H
#define X400_ORADDR_INTERNAL_H

#include "asn1/validate.h"
#include "x400/oraddr.h"

enum { OR_VALUES_MAX = OR_ATTRS * 3, OR_EXTENSIONS_MAX = 256 }; // 256: ub-extension-attributes, and a limit for peers

struct or_attr_info {
    const char *slash, *semicolon; // keywords; "" for domain-defined attributes
    uint8_t field;                 // enum validate_field: its forms, bounds and sets; VALIDATE_NONE: a text of ours
};
extern const struct or_attr_info or_attrs[OR_ATTRS];

// Values being gathered before they go to the arena in one piece.
struct or_builder {
    struct or_value values[OR_VALUES_MAX];
    uint16_t n;
};
int or_builder_add(struct or_builder *b, enum or_attr attr, enum or_form form, const char *text); // ERR_EXISTS
int or_builder_finish(struct arena *arena, const struct or_builder *b, struct or_address *a);
// Sorted in by type and value, for an address that is being made (the list is changed in place); ERR_LIMIT, ERR_NOMEM.
// The value is not copied.
int or_extension_add(struct arena *arena, struct or_address *a, int64_t type, struct bytes value);

// 0, ERR_SYNTAX (a character or the shape is wrong), ERR_LIMIT (too long) or ERR_NOMEM. why: NULL, or VALIDATE_WHY_MAX
// octets to say it.
int or_value_check(enum or_attr attr, enum or_form form, const char *text, char *why);
// The narrowest form of the attribute that holds the text; if none does, the first one it has.
enum or_form or_form_for(enum or_attr attr, const char *text);

// The number of a terminal type, or -1; and its name: a word, or the number in digits.
int64_t or_terminal_type_number(const char *text);
char *or_terminal_type_name(struct arena *arena, int64_t number);
char *or_terminal_type_normal(struct arena *arena, const char *text); // the name for either, text is valid
// A presentation address as text from and to the members of a PresentationAddress (X.520). out NULL: check only.
int or_psap_decode(struct arena *arena, struct bytes members, char **text);
int or_psap_encode(const char *text, struct buf *out);
int or_hex_value(char c);                                   // -1: not a digit
int or_hex_put(struct buf *out, struct bytes in);           // as upper-case digits
int or_hex_get(const char *hex, size_t n, struct buf *out); // ERR_SYNTAX

// ---- encoding ----

enum { OR_BMP_STRING = 30, OR_UNIVERSAL_STRING = 28, OR_LAYOUTS = 41 };

// How the value of an extension attribute is built; 0: there is no attribute of this number.
enum or_shape {
    OR_SHAPE_TEXT = 1,
    OR_SHAPE_CHOICE,
    OR_SHAPE_PERSON,
    OR_SHAPE_UNITS,
    OR_SHAPE_DOMAIN_DEFINED,
    OR_SHAPE_POSTAL,
    OR_SHAPE_POSTAL_LINES,
    OR_SHAPE_NETWORK,
    OR_SHAPE_TERMINAL
};
struct or_layout {
    uint8_t attr, form, shape; // the attribute, or the first of them
};
extern const struct or_layout or_layouts[OR_LAYOUTS]; // by number

#endif
