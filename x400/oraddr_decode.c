// SPDX-License-Identifier: BSD-2-Clause
// ORAddress and ORName of X.411 from their encoding, written on the TLV tools: an address is small, its parts are
// many, and it is decoded for every recipient.
//   ORName ::= [APPLICATION 0] SEQUENCE { standard SEQUENCE, domain-defined SEQUENCE OF OPTIONAL,
//              extension-attributes SET OF OPTIONAL, directory-name [0] Name OPTIONAL }
// Reading is lenient: wrong characters, lengths and string types are kept and noted; an extension attribute that is not
// of its type, or unknown, is kept as octets. What cannot be placed at all is left to raw and noted.
#include <string.h>

#include "asn1/tlv.h"
#include "x400/charset.h"
#include "x400/oraddr_internal.h"

enum { TEXT_MAX = 2048, ADDRESS_MAX = 65536, TAG_OR_NAME = 0x60 };

struct reader {
    struct arena *arena;
    struct or_address *a;
    struct or_builder b;
    const char *why;
};

static void deviates(struct reader *rd, const char *what) {
    if (rd->a->deviation == NULL)
        rd->a->deviation = what;
}

static int fails(struct reader *rd, const char *why) {
    if (rd->why == NULL)
        rd->why = why;
    return ERR_SYNTAX;
}

// Octets of a form as UTF-8 without NUL, in the arena; NULL: memory is short.
static char *to_utf8(struct reader *rd, enum or_form form, unsigned ucs_width, struct bytes in) {
    bool plain = form != OR_UNIVERSAL;
    for (size_t i = 0; plain && i < in.n; i++)
        plain = in.p[i] < 0x80 && in.p[i] != 0 && in.p[i] != 0x1B;
    if (plain) // T.61 too: its letters below 80 are those of ASCII
        return arena_strndup(rd->arena, in.n == 0 ? (const uint8_t *)"" : in.p, in.n);
    struct buf text = {0}, clean = {0};
    int r = form == OR_UNIVERSAL ? charset_ucs_to_utf8(in, ucs_width, &text)
            : form == OR_TELETEX ? charset_t61_to_utf8(in, &text)
                                 : charset_latin1_to_utf8(in, &text);
    for (size_t i = 0; r == 0 && i < text.len; i++) {
        uint8_t octet = buf_bytes(&text).p[i];
        r = octet == 0 ? buf_append_str(&clean, "\xEF\xBF\xBD") : buf_append_u8(&clean, octet);
    }
    char *out =
        r == 0 ? arena_strndup(rd->arena, clean.len == 0 ? (const uint8_t *)"" : buf_bytes(&clean).p, clean.len) : NULL;
    buf_free(&text);
    buf_free(&clean);
    return out;
}

static int add_text(struct reader *rd, unsigned attr, unsigned form, const char *text) {
    if (text == NULL)
        return ERR_NOMEM;
    char why[VALIDATE_WHY_MAX];
    if (rd->a->deviation == NULL && or_value_check((enum or_attr)attr, (enum or_form)form, text, why) != 0 &&
        (rd->a->deviation = arena_strdup(rd->arena, why)) == NULL)
        return ERR_NOMEM;
    if (or_builder_add(&rd->b, (enum or_attr)attr, (enum or_form)form, text) != 0)
        deviates(rd, "an attribute of the O/R address is there twice");
    return 0;
}

// UniversalOrBMPString: a SET of the text and perhaps a language, which is left to raw.
static int read_universal(struct reader *rd, unsigned attr, struct bytes members) {
    struct cursor c = cursor_of(members);
    struct tlv t;
    struct bytes value, octets;
    while (tlv_next(&c, &t, NULL, &value) == 0) {
        if (!tlv_is(&t, TLV_UNIVERSAL, OR_BMP_STRING) && !tlv_is(&t, TLV_UNIVERSAL, OR_UNIVERSAL_STRING))
            continue;
        int r = tlv_string(rd->arena, &t, value, TEXT_MAX, &octets);
        if (r != 0)
            return r;
        return add_text(rd, attr, OR_UNIVERSAL, to_utf8(rd, OR_UNIVERSAL, t.tag == OR_BMP_STRING ? 2 : 4, octets));
    }
    return ERR_SYNTAX;
}

// The text of an element whose tag is known to be right.
static int read_text(struct reader *rd, unsigned attr, unsigned form, const struct tlv *t, struct bytes value) {
    if (form == OR_UNIVERSAL)
        return t->constructed ? read_universal(rd, attr, value) : ERR_SYNTAX;
    struct bytes octets = value;
    int r = !t->constructed && value.n <= TEXT_MAX ? 0 : tlv_string(rd->arena, t, value, TEXT_MAX, &octets);
    return r != 0 ? r : add_text(rd, attr, form, to_utf8(rd, (enum or_form)form, 0, octets));
}

static bool is_string(const struct tlv *t) {
    return t->cls == TLV_UNIVERSAL && (t->tag == 12 || (t->tag >= TLV_NUMERIC_STRING && t->tag <= TLV_IA5_STRING) ||
                                       (t->tag >= TLV_GRAPHIC_STRING && t->tag <= TLV_GENERAL_STRING));
}

// The same where the form is an universal string type.
static int read_typed(struct reader *rd, unsigned attr, unsigned form, const struct tlv *t, struct bytes value) {
    static const uint8_t types[] = {[OR_PRINTABLE] = TLV_PRINTABLE_STRING,
                                    [OR_NUMERIC] = TLV_NUMERIC_STRING,
                                    [OR_TELETEX] = TLV_T61_STRING,
                                    [OR_UNIVERSAL] = TLV_SET};
    if (!tlv_is(t, TLV_UNIVERSAL, types[form])) {
        if (form == OR_UNIVERSAL || !is_string(t))
            return ERR_SYNTAX;
        deviates(rd, "an attribute of the O/R address is of another string type than its own");
    }
    return read_text(rd, attr, form, t, value);
}

// Exactly one NumericString or PrintableString.
static int read_choice(struct reader *rd, unsigned attr, struct bytes in) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes value;
    if (tlv_next(&c, &t, NULL, &value) != 0 || cursor_left(&c) != 0)
        return ERR_SYNTAX;
    return read_typed(rd, attr, tlv_is(&t, TLV_UNIVERSAL, TLV_NUMERIC_STRING) ? OR_NUMERIC : OR_PRINTABLE, &t, value);
}

static int read_person(struct reader *rd, unsigned form, struct bytes in) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes value;
    int r = 0;
    while (r == 0 && tlv_next(&c, &t, NULL, &value) == 0) {
        if (t.cls != TLV_CONTEXT || t.tag > 3)
            return ERR_SYNTAX;
        r = read_text(rd, OR_SURNAME + t.tag, form, &t, value);
    }
    return r;
}

static int read_units(struct reader *rd, unsigned form, struct bytes in) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes value;
    int r = 0;
    for (unsigned attr = OR_OU1; r == 0 && tlv_next(&c, &t, NULL, &value) == 0; attr++) {
        if (attr <= OR_OU4)
            r = read_typed(rd, attr, form, &t, value);
        else
            deviates(rd, "more than four organizational units");
    }
    return r;
}

static int read_domain_defined(struct reader *rd, unsigned form, struct bytes in) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes pair, value;
    int r = 0;
    for (unsigned attr = OR_DD1_TYPE; r == 0 && cursor_left(&c) > 0; attr += 2) {
        if (attr > OR_DD4_TYPE) {
            deviates(rd, "more than four domain-defined attributes");
            break;
        }
        r = tlv_expect(&c, TLV_UNIVERSAL, TLV_SEQUENCE, &t, &pair);
        struct cursor inside = cursor_of(pair);
        for (unsigned i = 0; r == 0 && i < 2; i++) {
            r = tlv_next(&inside, &t, NULL, &value);
            if (r == 0)
                r = read_typed(rd, attr + i, form, &t, value);
        }
    }
    return r == ERR_ABSENT ? ERR_SYNTAX : r;
}

// PDSParameter, or with lines UnformattedPostalAddress: a SET of a printable and a teletex part.
static int read_postal(struct reader *rd, unsigned attr, bool lines, struct bytes in) {
    struct cursor c = cursor_of(in), line = {0};
    struct tlv t;
    struct bytes value;
    int r = 0;
    while (r == 0 && tlv_next(&c, &t, NULL, &value) == 0) {
        if (!lines || !tlv_is(&t, TLV_UNIVERSAL, TLV_SEQUENCE)) {
            r = read_typed(rd, attr, tlv_is(&t, TLV_UNIVERSAL, TLV_T61_STRING) ? OR_TELETEX : OR_PRINTABLE, &t, value);
            continue;
        }
        line = cursor_of(value);
        for (unsigned at = attr; r == 0 && tlv_next(&line, &t, NULL, &value) == 0; at++)
            r = at > OR_PD_ADDRESS6 ? ERR_SYNTAX : read_typed(rd, at, OR_PRINTABLE, &t, value);
    }
    return r;
}

static int read_network(struct reader *rd, const struct tlv *t, struct bytes value) {
    char *text = NULL;
    if (tlv_is(t, TLV_CONTEXT, 0)) {
        int r = or_psap_decode(rd->arena, value, &text);
        return r != 0 ? r : add_text(rd, OR_NET_PSAP, OR_PRINTABLE, text);
    }
    if (!tlv_is(t, TLV_UNIVERSAL, TLV_SEQUENCE))
        return ERR_SYNTAX;
    struct cursor c = cursor_of(value);
    struct tlv m;
    struct bytes member;
    int r = tlv_expect(&c, TLV_CONTEXT, 0, &m, &member);
    if (r == 0)
        r = read_text(rd, OR_NET_NUMBER, OR_NUMERIC, &m, member);
    if (r == 0 && cursor_left(&c) > 0 && (r = tlv_expect(&c, TLV_CONTEXT, 1, &m, &member)) == 0)
        r = read_text(rd, OR_NET_SUB, OR_NUMERIC, &m, member);
    return r;
}

static int read_extension_value(struct reader *rd, const struct or_layout *l, struct bytes in) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes value;
    int64_t number;
    if (tlv_next(&c, &t, NULL, &value) != 0 || cursor_left(&c) != 0)
        return ERR_SYNTAX;
    bool set = tlv_is(&t, TLV_UNIVERSAL, TLV_SET) && t.constructed;
    bool sequence = tlv_is(&t, TLV_UNIVERSAL, TLV_SEQUENCE) && t.constructed;
    switch ((enum or_shape)l->shape) {
    case OR_SHAPE_TEXT: return read_typed(rd, l->attr, l->form, &t, value);
    case OR_SHAPE_CHOICE: return read_choice(rd, l->attr, in);
    case OR_SHAPE_PERSON: return set ? read_person(rd, l->form, value) : ERR_SYNTAX;
    case OR_SHAPE_UNITS: return sequence ? read_units(rd, l->form, value) : ERR_SYNTAX;
    case OR_SHAPE_DOMAIN_DEFINED: return sequence ? read_domain_defined(rd, l->form, value) : ERR_SYNTAX;
    case OR_SHAPE_POSTAL: return set ? read_postal(rd, l->attr, false, value) : ERR_SYNTAX;
    case OR_SHAPE_POSTAL_LINES: return set ? read_postal(rd, l->attr, true, value) : ERR_SYNTAX;
    case OR_SHAPE_NETWORK: return t.constructed ? read_network(rd, &t, value) : ERR_SYNTAX;
    default: break; // a terminal type
    }
    if (!tlv_is(&t, TLV_UNIVERSAL, TLV_INTEGER) || tlv_get_int(value, &number) != 0 || number < 0 || number > 999999999)
        return ERR_SYNTAX;
    return add_text(rd, OR_TERMINAL_TYPE, OR_PRINTABLE, or_terminal_type_name(rd->arena, number));
}

// The type [0] of an extension attribute. Some peers write [0] as an explicit tag.
static int read_type(struct reader *rd, struct cursor *c, int64_t *number) {
    struct tlv t;
    struct bytes value;
    if (tlv_expect(c, TLV_CONTEXT, 0, &t, &value) != 0)
        return ERR_SYNTAX;
    if (t.constructed) {
        struct cursor inside = cursor_of(value);
        if (tlv_expect(&inside, TLV_UNIVERSAL, TLV_INTEGER, &t, &value) != 0 || cursor_left(&inside) != 0)
            return ERR_SYNTAX;
        deviates(rd, "the type of an extension attribute has an explicit tag");
    }
    return t.constructed ? ERR_SYNTAX : tlv_get_int(value, number);
}

static int read_extension(struct reader *rd, struct bytes members) {
    struct cursor c = cursor_of(members);
    struct tlv t;
    struct bytes value;
    int64_t number;
    if (read_type(rd, &c, &number) != 0 || tlv_expect(&c, TLV_CONTEXT, 1, &t, &value) != 0 || !t.constructed ||
        cursor_left(&c) != 0)
        return fails(rd, "an extension attribute is not a type [0] and a value [1]");
    if (number > 0 && number < OR_LAYOUTS) {
        struct or_builder before = rd->b;
        int r = read_extension_value(rd, &or_layouts[number], value);
        if (r == 0 || r == ERR_NOMEM)
            return r;
        rd->b = before;
        deviates(rd, "the value of an extension attribute is not of its type");
    }
    int r = or_extension_add(rd->arena, rd->a, number, value);
    return r == ERR_LIMIT ? fails(rd, "more than 256 extension attributes") : r;
}

static int read_extensions(struct reader *rd, struct bytes in) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes value;
    int r = 0;
    for (unsigned n = 0; r == 0 && cursor_left(&c) > 0; n++) {
        if (n >= OR_EXTENSIONS_MAX)
            return fails(rd, "more than 256 extension attributes");
        if (tlv_expect(&c, TLV_UNIVERSAL, TLV_SEQUENCE, &t, &value) != 0 || !t.constructed)
            return fails(rd, "an extension attribute is not a SEQUENCE");
        r = read_extension(rd, value);
    }
    return r;
}

static int read_standard_member(struct reader *rd, const struct tlv *t, struct bytes value) {
    static const uint8_t simple[] = {OR_X121, OR_TERMINAL_ID, OR_ATTRS, OR_ORGANIZATION, OR_NUMERIC_USER_ID};
    bool simple_tag = t->cls == TLV_CONTEXT && (t->tag <= 1 || t->tag == 3 || t->tag == 4);
    if (!t->constructed && !simple_tag)
        return ERR_SYNTAX;
    if (tlv_is(t, TLV_APPLICATION, 1))
        return read_choice(rd, OR_COUNTRY, value);
    if (tlv_is(t, TLV_APPLICATION, 2))
        return read_choice(rd, OR_ADMD, value);
    if (tlv_is(t, TLV_CONTEXT, 2))
        return read_choice(rd, OR_PRMD, value);
    if (tlv_is(t, TLV_CONTEXT, 5))
        return read_person(rd, OR_PRINTABLE, value);
    if (tlv_is(t, TLV_CONTEXT, 6))
        return read_units(rd, OR_PRINTABLE, value);
    if (simple_tag) {
        unsigned attr = simple[t->tag];
        return read_text(rd, attr, or_attr_has_form((enum or_attr)attr, OR_PRINTABLE) ? OR_PRINTABLE : OR_NUMERIC, t,
                         value);
    }
    deviates(rd, "an unknown standard attribute");
    return 0;
}

static int read_standard(struct reader *rd, struct bytes in) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes value;
    int r = 0;
    while (r == 0 && tlv_next(&c, &t, NULL, &value) == 0)
        r = read_standard_member(rd, &t, value);
    return r == 0 || r == ERR_NOMEM ? r : fails(rd, "a standard attribute is not of its type");
}

static int read_name(struct reader *rd, struct bytes in) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes value;
    if (tlv_expect(&c, TLV_UNIVERSAL, TLV_SEQUENCE, &t, &value) != 0 || !t.constructed)
        return fails(rd, "the standard attributes are missing from the O/R address");
    int r = read_standard(rd, value);
    for (unsigned stage = 1; r == 0 && cursor_left(&c) > 0;) {
        if (tlv_next(&c, &t, NULL, &value) != 0 || !t.constructed)
            return fails(rd, "an unexpected element in the O/R address");
        unsigned is = tlv_is(&t, TLV_UNIVERSAL, TLV_SEQUENCE) ? 1
                      : tlv_is(&t, TLV_UNIVERSAL, TLV_SET)    ? 2
                      : tlv_is(&t, TLV_CONTEXT, 0)            ? 3
                                                              : 0;
        if (is < stage)
            return fails(rd, "an unexpected element in the O/R address");
        stage = is + 1;
        if (is == 1) {
            r = read_domain_defined(rd, OR_PRINTABLE, value);
            if (r != 0 && r != ERR_NOMEM)
                return fails(rd, "a domain-defined attribute is not a type and a value");
        } else if (is == 2)
            r = read_extensions(rd, value);
        else
            rd->a->directory_name = value;
    }
    return r;
}

int or_name_decode(struct arena *arena, struct bytes in, struct or_address *a, const char **why) {
    struct or_address out = {0};
    struct reader rd = {.arena = arena, .a = &out};
    struct tlv t;
    uint64_t total = 0;
    const struct tlv_limits limits = {.size = ADDRESS_MAX};
    int r = tlv_check(in, &limits, &total);
    if (r != 0 || total != in.n)
        r = fails(&rd, r == ERR_SHORT   ? "the O/R address is cut off"
                       : r == ERR_LIMIT ? "the O/R address is larger than 64 KB or nested too deep"
                                        : "the encoding of the O/R address is not BER");
    else if (in.p[0] != TAG_OR_NAME)
        r = fails(&rd, "this is not an O/R address: another tag was expected");
    else if ((out.raw = arena_bytes(arena, in)).p == NULL)
        r = ERR_NOMEM;
    if (r == 0) {
        struct cursor c = cursor_of(out.raw);
        struct bytes members;
        r = tlv_next(&c, &t, NULL, &members);
        if (r == 0)
            r = read_name(&rd, members);
    }
    if (r == 0)
        r = or_builder_finish(arena, &rd.b, &out);
    if (why != NULL)
        *why = r == ERR_NOMEM ? "out of memory" : rd.why;
    if (r == 0)
        *a = out;
    return r == 0 || r == ERR_NOMEM ? r : ERR_SYNTAX;
}
