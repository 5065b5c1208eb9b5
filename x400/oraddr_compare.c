// SPDX-License-Identifier: BSD-2-Clause
// When two O/R addresses are the same, and when a routing pattern covers one. The rules are in oraddr.h. Texts are
// compared as streams of folded characters, so that nothing is allocated for a recipient and a route.
#include <stdio.h>
#include <string.h>

#include "x400/charset.h"
#include "x400/oraddr_internal.h"

// ---- folding ----

// Lower case for the scripts that O/R addresses are written in: Latin, Greek, Cyrillic, Armenian. The C library's
// towlower would depend on the locale.
static uint32_t fold_case(uint32_t c) {
    if (c >= 'A' && c <= 'Z')
        return c + 32;
    if (c < 0xC0)
        return c;
    if (c <= 0xDE)
        return c == 0xD7 ? c : c + 32;
    if ((c >= 0x100 && c <= 0x137 && c != 0x130) || (c >= 0x14A && c <= 0x177) || (c >= 0x1DE && c <= 0x1EF) ||
        (c >= 0x1F8 && c <= 0x21F) || (c >= 0x222 && c <= 0x233) || (c >= 0x460 && c <= 0x481) ||
        (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F) || (c >= 0x1E00 && c <= 0x1E95) ||
        (c >= 0x1EA0 && c <= 0x1EFF))
        return c | 1; // capital and small by turns, the capital even
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E) || (c >= 0x1CD && c <= 0x1DC) ||
        (c >= 0x4C1 && c <= 0x4CE))
        return c % 2 == 1 ? c + 1 : c; // the capital odd
    switch (c) {
    case 0x130: return 'i';
    case 0x178: return 0xFF;
    case 0x386: return 0x3AC;
    case 0x38C: return 0x3CC;
    case 0x3C2: return 0x3C3; // final sigma
    case 0x38E:
    case 0x38F: return c + 63;
    default: break;
    }
    if (c >= 0x388 && c <= 0x38A)
        return c + 37;
    if ((c >= 0x391 && c <= 0x3AB && c != 0x3A2) || (c >= 0x410 && c <= 0x42F))
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    return c >= 0x531 && c <= 0x556 ? c + 48 : c;
}

// What a text says, character by character.
struct folded {
    const char *p, *end;
    bool no_blanks; // numeric forms: no blank counts
    bool begun;
};

static struct folded folded_of(const char *text, bool no_blanks) {
    return (struct folded){text, text + strlen(text), no_blanks, false};
}

static uint32_t folded_next(struct folded *f) { // 0 at the end
    bool blank = false;
    while (f->p < f->end && *f->p == ' ') {
        f->p++;
        blank = true;
    }
    if (f->p == f->end)
        return 0;
    if (blank && f->begun && !f->no_blanks) {
        return ' ';
    }
    f->begun = true;
    return fold_case(charset_utf8_next(&f->p, f->end));
}

static bool is_numeric_only(enum or_attr attr) {
    return !or_attr_has_form(attr, OR_PRINTABLE);
}
static bool is_country(enum or_attr attr) {
    return attr == OR_COUNTRY || attr == OR_PD_COUNTRY;
}

static bool is_blank(const char *text) {
    return text[strspn(text, " ")] == '\0';
}

bool or_country_equal(const char *a, const char *b) {
    const char *letters_a = or_country_alpha2(a), *letters_b = or_country_alpha2(b);
    struct folded x = folded_of(letters_a != NULL ? letters_a : a, true);
    struct folded y = folded_of(letters_b != NULL ? letters_b : b, true);
    for (uint32_t c; (c = folded_next(&x)) == folded_next(&y);)
        if (c == 0)
            return true;
    return false;
}

static bool value_equal(const struct or_value *a, const struct or_value *b) {
    enum or_attr attr = (enum or_attr)a->attr;
    if (is_country(attr))
        return or_country_equal(a->text, b->text);
    bool digits = is_numeric_only(attr) || (a->form == OR_NUMERIC && b->form == OR_NUMERIC);
    struct folded x = folded_of(a->text, digits || a->form == OR_NUMERIC);
    struct folded y = folded_of(b->text, digits || b->form == OR_NUMERIC);
    for (uint32_t c; (c = folded_next(&x)) == folded_next(&y);)
        if (c == 0)
            return true;
    return false;
}

// ---- equality ----

// The value that speaks for an attribute: the printable, else the universal, else the teletex one. Blank domain names
// are as absent.
static const struct or_value *speaker(const struct or_address *a, enum or_attr attr) {
    const struct or_value *found = NULL;
    for (size_t i = 0; i < a->n_values && a->values[i].attr <= attr; i++)
        if (a->values[i].attr == attr && (found == NULL || a->values[i].form == OR_UNIVERSAL) &&
            !(found != NULL && found->form <= OR_NUMERIC))
            found = &a->values[i];
    if (found != NULL && (attr == OR_ADMD || attr == OR_PRMD) && is_blank(found->text))
        return NULL;
    return found;
}

bool or_address_equal(const struct or_address *a, const struct or_address *b) {
    for (unsigned attr = 0; attr < OR_ATTRS; attr++) {
        const struct or_value *x = speaker(a, (enum or_attr)attr), *y = speaker(b, (enum or_attr)attr);
        if ((x == NULL) != (y == NULL) || (x != NULL && !value_equal(x, y)))
            return false;
    }
    if (a->n_extensions != b->n_extensions)
        return false;
    for (size_t i = 0; i < a->n_extensions; i++) // both are sorted
        if (a->extensions[i].type != b->extensions[i].type ||
            !bytes_equal(a->extensions[i].value, b->extensions[i].value))
            return false;
    return true;
}

static int put_folded(struct buf *out, const struct or_value *v) {
    enum or_attr attr = (enum or_attr)v->attr;
    const char *letters = is_country(attr) ? or_country_alpha2(v->text) : NULL;
    struct folded f = folded_of(letters != NULL ? letters : v->text,
                                is_country(attr) || is_numeric_only(attr) || v->form == OR_NUMERIC);
    int r = 0;
    for (uint32_t c; r == 0 && (c = folded_next(&f)) != 0;) {
        if (c == ';' || c == '=' || c == '\\')
            r = buf_append_u8(out, '\\');
        if (r == 0)
            r = charset_utf8_put(out, c);
    }
    return r;
}

char *or_address_canonical(struct arena *arena, const struct or_address *a) {
    struct buf out = {0};
    int r = 0;
    for (unsigned attr = 0; r == 0 && attr < OR_ATTRS; attr++) {
        const struct or_value *v = speaker(a, (enum or_attr)attr);
        if (v == NULL)
            continue;
        const char *keyword = or_attrs[attr].semicolon;
        if (*keyword != '\0')
            r = buf_printf(&out, "%s=", keyword);
        else
            r = buf_printf(&out, (attr - OR_DD1_TYPE) % 2 == 0 ? "DD%uT=" : "DD%uV=", (attr - OR_DD1_TYPE) / 2 + 1);
        if (r == 0)
            r = put_folded(&out, v);
        if (r == 0)
            r = buf_append_u8(&out, ';');
    }
    for (size_t i = 0; r == 0 && i < a->n_extensions; i++) {
        r = buf_printf(&out, "EXT.%lld=", (long long)a->extensions[i].type);
        if (r == 0)
            r = or_hex_put(&out, a->extensions[i].value);
        if (r == 0)
            r = buf_append_u8(&out, ';');
    }
    char *key = r == 0 ? arena_strndup(arena, out.len == 0 ? (const uint8_t *)"" : buf_bytes(&out).p, out.len) : NULL;
    buf_free(&out);
    return key;
}

// ---- routing ----

// An attribute of the pattern in any form equals that attribute of the address in any form.
static bool any_form(const struct or_address *p, enum or_attr pattern_attr, const struct or_address *a,
                     enum or_attr attr) {
    for (size_t i = 0; i < p->n_values; i++)
        for (size_t j = 0; p->values[i].attr == pattern_attr && j < a->n_values; j++)
            if (a->values[j].attr == attr && value_equal(&p->values[i], &a->values[j]))
                return true;
    return false;
}

static bool has_dd(const struct or_address *p, enum or_attr type, const struct or_address *a) {
    for (unsigned i = OR_DD1_TYPE; i <= OR_DD4_TYPE; i += 2)
        if (any_form(p, type, a, (enum or_attr)i) && any_form(p, (enum or_attr)(type + 1), a, (enum or_attr)(i + 1)))
            return true;
    return false;
}

static bool attribute_matches(const struct or_address *p, enum or_attr attr, const struct or_address *a) {
    if (attr == OR_ADMD || attr == OR_PRMD) {
        const struct or_value *wanted = speaker(p, attr);
        if (wanted == NULL)
            return speaker(a, attr) == NULL;
    }
    if (attr >= OR_DD1_TYPE)
        return has_dd(p, attr, a);
    return any_form(p, attr, a, attr);
}

static bool has_extension(const struct or_address *a, const struct or_extension *e) {
    for (size_t i = 0; i < a->n_extensions; i++)
        if (a->extensions[i].type == e->type && bytes_equal(a->extensions[i].value, e->value))
            return true;
    return false;
}

int or_address_match(const struct or_address *pattern, const struct or_address *address) {
    int count = 0;
    for (size_t i = 0; i < pattern->n_values; i++) {
        enum or_attr attr = (enum or_attr)pattern->values[i].attr;
        bool again = i > 0 && pattern->values[i - 1].attr == attr;
        bool dd_value = attr >= OR_DD1_TYPE && (attr - OR_DD1_TYPE) % 2 == 1;
        if (again || dd_value)
            continue; // in another form, or with its type
        if (!attribute_matches(pattern, attr, address))
            return -1;
        count++;
    }
    for (size_t i = 0; i < pattern->n_extensions; i++, count++)
        if (!has_extension(address, &pattern->extensions[i]))
            return -1;
    return count;
}
