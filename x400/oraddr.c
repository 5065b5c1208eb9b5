// SPDX-License-Identifier: BSD-2-Clause
// The attributes of an O/R address: their keywords and forms, and the list of values that an address is. Bounds and
// character sets are asked of asn1/validate.h.
#include "x400/oraddr.h"

#include <stdio.h>
#include <string.h>

#include "x400/charset.h"
#include "x400/oraddr_internal.h"

#define DD(n) [OR_DD##n##_TYPE] = {"", "", VALIDATE_DDA_TYPE}, [OR_DD##n##_VALUE] = {"", "", VALIDATE_DDA_VALUE}

const struct or_attr_info or_attrs[OR_ATTRS] = {
    [OR_COUNTRY] = {"C", "C", VALIDATE_COUNTRY},
    [OR_ADMD] = {"A", "A", VALIDATE_ADMD},
    [OR_PRMD] = {"P", "P", VALIDATE_PRMD},
    [OR_ORGANIZATION] = {"O", "O", VALIDATE_ORGANIZATION},
    [OR_OU1] = {"OU1", "OU1", VALIDATE_ORGANIZATIONAL_UNIT},
    [OR_OU2] = {"OU2", "OU2", VALIDATE_ORGANIZATIONAL_UNIT},
    [OR_OU3] = {"OU3", "OU3", VALIDATE_ORGANIZATIONAL_UNIT},
    [OR_OU4] = {"OU4", "OU4", VALIDATE_ORGANIZATIONAL_UNIT},
    [OR_COMMON_NAME] = {"CN", "CN", VALIDATE_COMMON_NAME},
    [OR_SURNAME] = {"S", "S", VALIDATE_SURNAME},
    [OR_GIVEN] = {"G", "G", VALIDATE_GIVEN_NAME},
    [OR_INITIALS] = {"I", "I", VALIDATE_INITIALS},
    [OR_GENERATION] = {"GQ", "Q", VALIDATE_GENERATION_QUALIFIER},
    [OR_X121] = {"X121", "X.121", VALIDATE_X121_ADDRESS},
    [OR_TERMINAL_ID] = {"T-ID", "T-ID", VALIDATE_TERMINAL_IDENTIFIER},
    [OR_TERMINAL_TYPE] = {"T-TY", "T-TY", VALIDATE_NONE},
    [OR_NUMERIC_USER_ID] = {"UA-ID", "N-ID", VALIDATE_NUMERIC_USER_IDENTIFIER},
    [OR_NET_NUMBER] = {"NET-NUM", "NET-NUM", VALIDATE_E163_4_NUMBER},
    [OR_NET_SUB] = {"NET-SUB", "NET-SUB", VALIDATE_E163_4_SUB_ADDRESS},
    [OR_NET_PSAP] = {"NET-PSAP", "PSAP", VALIDATE_NONE},
    [OR_PD_SERVICE] = {"PD-SERVICE", "PD-SN", VALIDATE_PDS_NAME},
    [OR_PD_COUNTRY] = {"PD-C", "PD-C", VALIDATE_COUNTRY},
    [OR_PD_CODE] = {"PD-CODE", "PD-PC", VALIDATE_POSTAL_CODE},
    [OR_PD_OFFICE] = {"PD-OFFICE", "PD-OF", VALIDATE_PDS_PARAMETER},
    [OR_PD_OFFICE_NUMBER] = {"PD-OFFICE-NUM", "PD-OFN", VALIDATE_PDS_PARAMETER},
    [OR_PD_EXT_ADDRESS] = {"PD-EXT-ADDRESS", "PD-EA", VALIDATE_PDS_PARAMETER},
    [OR_PD_PERSON] = {"PD-PN", "PD-PN", VALIDATE_PDS_PARAMETER},
    [OR_PD_ORGANIZATION] = {"PD-O", "PD-O", VALIDATE_PDS_PARAMETER},
    [OR_PD_EXT_DELIVERY] = {"PD-EXT-DELIVERY", "PD-ED", VALIDATE_PDS_PARAMETER},
    [OR_PD_ADDRESS1] = {"PD-A1", "PD-A1", VALIDATE_UNFORMATTED_ADDRESS},
    [OR_PD_ADDRESS2] = {"PD-A2", "PD-A2", VALIDATE_ADDRESS_LINE},
    [OR_PD_ADDRESS3] = {"PD-A3", "PD-A3", VALIDATE_ADDRESS_LINE},
    [OR_PD_ADDRESS4] = {"PD-A4", "PD-A4", VALIDATE_ADDRESS_LINE},
    [OR_PD_ADDRESS5] = {"PD-A5", "PD-A5", VALIDATE_ADDRESS_LINE},
    [OR_PD_ADDRESS6] = {"PD-A6", "PD-A6", VALIDATE_ADDRESS_LINE},
    [OR_PD_STREET] = {"PD-STREET", "PD-S", VALIDATE_PDS_PARAMETER},
    [OR_PD_BOX] = {"PD-BOX", "PD-B", VALIDATE_PDS_PARAMETER},
    [OR_PD_RESTANTE] = {"PD-RESTANTE", "PD-R", VALIDATE_PDS_PARAMETER},
    [OR_PD_UNIQUE] = {"PD-UNIQUE", "PD-U", VALIDATE_PDS_PARAMETER},
    [OR_PD_LOCAL] = {"PD-LOCAL", "PD-L", VALIDATE_PDS_PARAMETER},
    DD(1),
    DD(2),
    DD(3),
    DD(4),
};

_Static_assert(VALIDATE_PRINTABLE == (int)OR_PRINTABLE && VALIDATE_NUMERIC == (int)OR_NUMERIC &&
                   VALIDATE_TELETEX == (int)OR_TELETEX && VALIDATE_UNIVERSAL == (int)OR_UNIVERSAL,
               "a form is a type of the table of bounds");

// Texts of ours for what is none in X.411.
enum { OUR_TEXT_MAX = 255 };
static bool is_our_text(enum or_attr attr) {
    return attr == OR_TERMINAL_TYPE || attr == OR_NET_PSAP;
}

unsigned or_attr_bound(enum or_attr attr, enum or_form form) {
    if (is_our_text(attr))
        return form == OR_PRINTABLE ? OUR_TEXT_MAX : 0;
    return validate_bound((enum validate_field)or_attrs[attr].field, (enum validate_type)form);
}
bool or_attr_has_form(enum or_attr attr, enum or_form form) {
    return or_attr_bound(attr, form) != 0;
}

// ---- values ----

static int value_order(const struct or_value *v, enum or_attr attr, enum or_form form) {
    return v->attr != attr ? (int)v->attr - (int)attr : (int)v->form - (int)form;
}

const char *or_address_get_form(const struct or_address *a, enum or_attr attr, enum or_form form) {
    for (size_t i = 0; i < a->n_values; i++)
        if (value_order(&a->values[i], attr, form) == 0)
            return a->values[i].text;
    return NULL;
}

const char *or_address_get(const struct or_address *a, enum or_attr attr) {
    const char *found = NULL;
    for (size_t i = 0; i < a->n_values; i++) {
        const struct or_value *v = &a->values[i];
        if (v->attr != attr)
            continue;
        if (found == NULL || v->form == OR_UNIVERSAL) // teletex comes before universal
            found = v->text;
        if (v->form == OR_PRINTABLE || v->form == OR_NUMERIC)
            return v->text;
    }
    return found;
}

static bool is_country(enum or_attr attr) {
    return attr == OR_COUNTRY || attr == OR_PD_COUNTRY;
}

static bool is_letters(const char *text) {
    for (; *text != '\0'; text++)
        if (!((*text >= 'A' && *text <= 'Z') || (*text >= 'a' && *text <= 'z')))
            return false;
    return true;
}

enum or_form or_form_for(enum or_attr attr, const char *text) {
    if (is_country(attr))
        return charset_is_numeric(text) ? OR_NUMERIC : OR_PRINTABLE;
    if (!or_attr_has_form(attr, OR_PRINTABLE))
        return OR_NUMERIC;
    if (charset_is_printable(text) || !or_attr_has_form(attr, OR_UNIVERSAL))
        return OR_PRINTABLE;
    return charset_is_teletex(text) ? OR_TELETEX : OR_UNIVERSAL;
}

static int says(char *why, int r, const char *text) {
    if (r != 0 && why != NULL)
        snprintf(why, VALIDATE_WHY_MAX, "%s", text);
    return r;
}

static int check_terminal_type(const char *text, char *why) {
    int64_t number = or_terminal_type_number(text);
    return number < 0 ? says(why, ERR_SYNTAX, "terminal-type is neither a known word nor a number")
                      : validate_number(VALIDATE_TERMINAL_TYPE, number, why);
}

int or_value_check(enum or_attr attr, enum or_form form, const char *text, char *why) {
    if (!or_attr_has_form(attr, form))
        return says(why, ERR_SYNTAX, "the attribute has no such form");
    if (is_our_text(attr) && strlen(text) > OUR_TEXT_MAX)
        return says(why, ERR_LIMIT, "the attribute's text has more than 255 characters");
    if (attr == OR_TERMINAL_TYPE)
        return check_terminal_type(text, why);
    if (attr == OR_NET_PSAP)
        return says(why, or_psap_encode(text, NULL), "extended-network-address is not a presentation address");
    int r = validate_string((enum validate_field)or_attrs[attr].field, (enum validate_type)form, bytes_str(text), why);
    if (r != 0)
        return r;
    if (is_country(attr) && (form == OR_PRINTABLE ? !is_letters(text) : strchr(text, ' ') != NULL))
        return says(why, ERR_SYNTAX, "country-name is neither two letters nor three digits");
    if (form == OR_TELETEX && !charset_is_teletex(text))
        return says(why, ERR_SYNTAX, "a teletex attribute has a character that T.61 lacks");
    if (form == OR_UNIVERSAL && !charset_utf8_valid(bytes_str(text)))
        return says(why, ERR_SYNTAX, "a universal attribute is not valid UTF-8");
    return 0;
}

// ---- building ----

int or_builder_add(struct or_builder *b, enum or_attr attr, enum or_form form, const char *text) {
    size_t at = b->n;
    while (at > 0 && value_order(&b->values[at - 1], attr, form) > 0)
        at--;
    if (at > 0 && value_order(&b->values[at - 1], attr, form) == 0)
        return ERR_EXISTS;
    memmove(&b->values[at + 1], &b->values[at], (b->n - at) * sizeof *b->values);
    b->values[at] = (struct or_value){(uint8_t)attr, (uint8_t)form, text};
    b->n++;
    return 0;
}

int or_builder_finish(struct arena *arena, const struct or_builder *b, struct or_address *a) {
    struct or_value *values = NULL;
    if (b->n > 0) {
        values = arena_array(arena, b->n, sizeof *values);
        if (values == NULL)
            return ERR_NOMEM;
        memcpy(values, b->values, b->n * sizeof *values);
    }
    a->values = values;
    a->n_values = b->n;
    return 0;
}

static int extension_order(const struct or_extension *e, int64_t type, struct bytes value) {
    if (e->type != type)
        return e->type < type ? -1 : 1;
    size_t n = e->value.n < value.n ? e->value.n : value.n;
    int r = n == 0 ? 0 : memcmp(e->value.p, value.p, n);
    return r != 0 ? r : e->value.n < value.n ? -1 : e->value.n > value.n;
}

// The list has room for the next power of two, so that many cost no more than twice their room.
int or_extension_add(struct arena *arena, struct or_address *a, int64_t type, struct bytes value) {
    size_t n = a->n_extensions, at = n;
    if (n >= OR_EXTENSIONS_MAX)
        return ERR_LIMIT;
    if ((n & (n - 1)) == 0) {
        struct or_extension *more = arena_array(arena, n == 0 ? 1 : 2 * n, sizeof *more);
        if (more == NULL)
            return ERR_NOMEM;
        if (n > 0)
            memcpy(more, a->extensions, n * sizeof *more);
        a->extensions = more;
    }
    for (; at > 0 && extension_order(&a->extensions[at - 1], type, value) > 0; at--)
        a->extensions[at] = a->extensions[at - 1];
    a->extensions[at] = (struct or_extension){type, value};
    a->n_extensions++;
    return 0;
}

// Sets one form of an attribute, or with `others` makes it the only one.
static int set(struct arena *arena, struct or_address *a, enum or_attr attr, enum or_form form, const char *text,
               bool others) {
    struct or_builder b = {.n = 0};
    for (size_t i = 0; i < a->n_values; i++)
        if (a->values[i].attr != attr || (!others && a->values[i].form != form))
            b.values[b.n++] = a->values[i];
    if (text != NULL) {
        int r = or_value_check(attr, form, text, NULL);
        const char *copy = r != 0                     ? NULL
                           : attr == OR_TERMINAL_TYPE ? or_terminal_type_normal(arena, text)
                                                      : arena_strdup(arena, text);
        if (copy == NULL)
            return r != 0 ? r : ERR_NOMEM;
        or_builder_add(&b, attr, form, copy);
    }
    int r = or_builder_finish(arena, &b, a);
    if (r == 0) {
        a->raw = (struct bytes){0};
        a->deviation = NULL;
    }
    return r;
}

int or_address_set(struct arena *arena, struct or_address *a, enum or_attr attr, enum or_form form, const char *text) {
    return set(arena, a, attr, form, text, false);
}

int or_address_set_text(struct arena *arena, struct or_address *a, enum or_attr attr, const char *text) {
    return set(arena, a, attr, text == NULL ? OR_PRINTABLE : or_form_for(attr, text), text, true);
}

int or_address_copy(struct arena *arena, struct or_address *out, const struct or_address *a) {
    struct or_address copy = {0};
    struct or_builder b = {.n = 0};
    if (a->deviation != NULL && (copy.deviation = arena_strdup(arena, a->deviation)) == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < a->n_values; i++) {
        b.values[b.n] = a->values[i];
        if ((b.values[b.n++].text = arena_strdup(arena, a->values[i].text)) == NULL)
            return ERR_NOMEM;
    }
    if (or_builder_finish(arena, &b, &copy) != 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < a->n_extensions; i++) {
        struct bytes value = arena_bytes(arena, a->extensions[i].value);
        if (value.p == NULL || or_extension_add(arena, &copy, a->extensions[i].type, value) != 0)
            return ERR_NOMEM;
    }
    if (a->raw.p != NULL && (copy.raw = arena_bytes(arena, a->raw)).p == NULL)
        return ERR_NOMEM;
    if (a->directory_name.p != NULL && (copy.directory_name = arena_bytes(arena, a->directory_name)).p == NULL)
        return ERR_NOMEM;
    *out = copy;
    return 0;
}

// ---- is it whole? ----

static bool has(const struct or_address *a, unsigned attr) {
    return or_address_get(a, (enum or_attr)attr) != NULL;
}

// Of a run of attributes, one is there although the one before it is not.
static bool has_gap(const struct or_address *a, unsigned first, unsigned last, unsigned step) {
    for (unsigned i = first; i + step <= last; i += step)
        if (!has(a, i) && has(a, i + step))
            return true;
    return false;
}

const char *or_address_check(const struct or_address *a) {
    if (a->n_values == 0 && a->n_extensions == 0 && a->directory_name.p == NULL)
        return "the address is empty";
    if (a->n_values > 0 && !has(a, OR_COUNTRY) && !has(a, OR_X121) && !has(a, OR_NET_NUMBER) && !has(a, OR_NET_PSAP))
        return "a country (C=) is missing";
    if (!has(a, OR_SURNAME) && (has(a, OR_GIVEN) || has(a, OR_INITIALS) || has(a, OR_GENERATION)))
        return "a surname (S=) is missing from the personal name";
    if (has_gap(a, OR_OU1, OR_OU4, 1))
        return "an organizational unit is missing before another (OU1= to OU4=)";
    bool first_line = or_address_get_form(a, OR_PD_ADDRESS1, OR_PRINTABLE) != NULL; // the others have no other form
    if (has_gap(a, OR_PD_ADDRESS1, OR_PD_ADDRESS6, 1) || (has(a, OR_PD_ADDRESS2) && !first_line))
        return "a line is missing before another in the postal address (PD-A1= to PD-A6=)";
    if (has(a, OR_NET_SUB) && !has(a, OR_NET_NUMBER))
        return "a number (NET-NUM=) is missing for the sub-address";
    if (has(a, OR_NET_PSAP) && has(a, OR_NET_NUMBER))
        return "there can be a number (NET-NUM=) or a presentation address (NET-PSAP=), not both";
    for (unsigned i = OR_DD1_TYPE; i <= OR_DD4_TYPE; i += 2)
        if (has(a, i) != has(a, i + 1))
            return "a domain-defined attribute needs a type and a value";
    if (has_gap(a, OR_DD1_TYPE, OR_DD4_TYPE, 2))
        return "a domain-defined attribute is missing before another";
    return NULL;
}
