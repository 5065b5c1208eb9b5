// SPDX-License-Identifier: BSD-2-Clause
// ORAddress and ORName of X.411 to their encoding, for an address that was not received: definite lengths, and parts
// that another form of the same list needs (the surname of a teletex personal name, the first of two organizational
// units) filled in from a form that has them.
#include "asn1/tlv.h"
#include "x400/charset.h"
#include "x400/oraddr_internal.h"

const struct or_layout or_layouts[OR_LAYOUTS] = {
    [1] = {OR_COMMON_NAME, OR_PRINTABLE, OR_SHAPE_TEXT},
    [2] = {OR_COMMON_NAME, OR_TELETEX, OR_SHAPE_TEXT},
    [3] = {OR_ORGANIZATION, OR_TELETEX, OR_SHAPE_TEXT},
    [4] = {OR_SURNAME, OR_TELETEX, OR_SHAPE_PERSON},
    [5] = {OR_OU1, OR_TELETEX, OR_SHAPE_UNITS},
    [6] = {OR_DD1_TYPE, OR_TELETEX, OR_SHAPE_DOMAIN_DEFINED},
    [7] = {OR_PD_SERVICE, OR_PRINTABLE, OR_SHAPE_TEXT},
    [8] = {OR_PD_COUNTRY, OR_PRINTABLE, OR_SHAPE_CHOICE},
    [9] = {OR_PD_CODE, OR_PRINTABLE, OR_SHAPE_CHOICE},
    [10] = {OR_PD_OFFICE, OR_PRINTABLE, OR_SHAPE_POSTAL},
    [11] = {OR_PD_OFFICE_NUMBER, OR_PRINTABLE, OR_SHAPE_POSTAL},
    [12] = {OR_PD_EXT_ADDRESS, OR_PRINTABLE, OR_SHAPE_POSTAL},
    [13] = {OR_PD_PERSON, OR_PRINTABLE, OR_SHAPE_POSTAL},
    [14] = {OR_PD_ORGANIZATION, OR_PRINTABLE, OR_SHAPE_POSTAL},
    [15] = {OR_PD_EXT_DELIVERY, OR_PRINTABLE, OR_SHAPE_POSTAL},
    [16] = {OR_PD_ADDRESS1, OR_PRINTABLE, OR_SHAPE_POSTAL_LINES},
    [17] = {OR_PD_STREET, OR_PRINTABLE, OR_SHAPE_POSTAL},
    [18] = {OR_PD_BOX, OR_PRINTABLE, OR_SHAPE_POSTAL},
    [19] = {OR_PD_RESTANTE, OR_PRINTABLE, OR_SHAPE_POSTAL},
    [20] = {OR_PD_UNIQUE, OR_PRINTABLE, OR_SHAPE_POSTAL},
    [21] = {OR_PD_LOCAL, OR_PRINTABLE, OR_SHAPE_POSTAL},
    [22] = {OR_NET_NUMBER, OR_PRINTABLE, OR_SHAPE_NETWORK},
    [23] = {OR_TERMINAL_TYPE, OR_PRINTABLE, OR_SHAPE_TERMINAL},
    [24] = {OR_COMMON_NAME, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [25] = {OR_ORGANIZATION, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [26] = {OR_SURNAME, OR_UNIVERSAL, OR_SHAPE_PERSON},
    [27] = {OR_OU1, OR_UNIVERSAL, OR_SHAPE_UNITS},
    [28] = {OR_DD1_TYPE, OR_UNIVERSAL, OR_SHAPE_DOMAIN_DEFINED},
    [29] = {OR_PD_OFFICE, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [30] = {OR_PD_OFFICE_NUMBER, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [31] = {OR_PD_EXT_ADDRESS, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [32] = {OR_PD_PERSON, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [33] = {OR_PD_ORGANIZATION, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [34] = {OR_PD_EXT_DELIVERY, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [35] = {OR_PD_ADDRESS1, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [36] = {OR_PD_STREET, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [37] = {OR_PD_BOX, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [38] = {OR_PD_RESTANTE, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [39] = {OR_PD_UNIQUE, OR_UNIVERSAL, OR_SHAPE_TEXT},
    [40] = {OR_PD_LOCAL, OR_UNIVERSAL, OR_SHAPE_TEXT},
};

// An identifier: cls and tag of the element.
struct id {
    enum tlv_class cls;
    uint32_t tag;
};

static struct id context(uint32_t tag) {
    return (struct id){TLV_CONTEXT, tag};
}
static struct id universal(uint32_t tag) {
    return (struct id){TLV_UNIVERSAL, tag};
}
static struct id type_of(unsigned form) {
    return universal(form == OR_PRINTABLE ? TLV_PRINTABLE_STRING
                     : form == OR_NUMERIC ? TLV_NUMERIC_STRING
                     : form == OR_TELETEX ? TLV_T61_STRING
                                          : TLV_SET);
}

static int wrap(struct buf *b, size_t from, struct id id) {
    return tlv_wrap(b, from, id.cls, true, id.tag);
}

static int put_text(struct buf *b, unsigned form, struct id id, const char *text) {
    size_t from = b->len;
    int r;
    if (form == OR_UNIVERSAL) {
        bool narrow = charset_utf8_to_ucs(text, 2, b) == 0;
        r = narrow ? 0 : charset_utf8_to_ucs(text, 4, b);
        if (r == 0)
            r = tlv_wrap(b, from, TLV_UNIVERSAL, false, narrow ? OR_BMP_STRING : OR_UNIVERSAL_STRING);
        return r != 0 ? r : wrap(b, from, id);
    }
    r = form == OR_TELETEX ? charset_utf8_to_t61(text, b) : buf_append_str(b, text);
    return r != 0 ? r : tlv_wrap(b, from, id.cls, false, id.tag);
}

// One value if it is there.
static int put_value(struct buf *b, const struct or_address *a, unsigned attr, unsigned form, struct id id) {
    const char *text = or_address_get_form(a, (enum or_attr)attr, (enum or_form)form);
    return text == NULL ? 0 : put_text(b, form, id, text);
}

// A CHOICE of numeric and printable inside an explicit tag.
static int put_choice(struct buf *b, const struct or_address *a, unsigned attr, struct id outer) {
    size_t from = b->len;
    int r = put_value(b, a, attr, OR_NUMERIC, type_of(OR_NUMERIC));
    if (r == 0 && b->len == from)
        r = put_value(b, a, attr, OR_PRINTABLE, type_of(OR_PRINTABLE));
    return r != 0 || b->len == from ? r : wrap(b, from, outer);
}

static bool any_has(const struct or_address *a, unsigned first, unsigned last, unsigned form) {
    for (size_t i = 0; i < a->n_values; i++)
        if (a->values[i].attr >= first && a->values[i].attr <= last && a->values[i].form == form)
            return true;
    return false;
}

// The text for a form of a list. Printable lists take what is printable; the others also stand in for missing members.
static const char *member(const struct or_address *a, unsigned attr, unsigned form) {
    const char *text = or_address_get_form(a, (enum or_attr)attr, (enum or_form)form);
    if (text != NULL || form == OR_PRINTABLE)
        return text;
    text = or_address_get(a, (enum or_attr)attr);
    return text != NULL && or_value_check((enum or_attr)attr, (enum or_form)form, text, NULL) == 0 ? text : NULL;
}

static int put_person(struct buf *b, const struct or_address *a, unsigned form, struct id id) {
    size_t from = b->len;
    const char *text, *surname = member(a, OR_SURNAME, form);
    if (!any_has(a, OR_SURNAME, OR_GENERATION, form) || surname == NULL)
        return 0;
    int r = put_text(b, form, context(0), surname);
    for (unsigned i = 1; r == 0 && i < 4; i++)
        if ((text = member(a, OR_SURNAME + i, form)) != NULL)
            r = put_text(b, form, context(i), text);
    return r != 0 ? r : wrap(b, from, id);
}

static int put_units(struct buf *b, const struct or_address *a, unsigned form, struct id id) {
    size_t from = b->len;
    int r = 0;
    if (!any_has(a, OR_OU1, OR_OU4, form))
        return 0;
    for (unsigned attr = OR_OU1; r == 0 && attr <= OR_OU4; attr++) {
        const char *text = member(a, attr, form);
        if (text == NULL)
            break; // a list has no holes
        r = put_text(b, form, type_of(form), text);
    }
    return r != 0 || b->len == from ? r : wrap(b, from, id);
}

static int put_domain_defined(struct buf *b, const struct or_address *a, unsigned form) {
    size_t from = b->len;
    int r = 0;
    if (!any_has(a, OR_DD1_TYPE, OR_DD4_VALUE, form))
        return 0;
    for (unsigned attr = OR_DD1_TYPE; r == 0 && attr <= OR_DD4_TYPE; attr += 2) {
        size_t pair = b->len;
        const char *type = member(a, attr, form), *value = member(a, attr + 1, form);
        if (type == NULL || value == NULL)
            break;
        if ((r = put_text(b, form, type_of(form), type)) == 0 && (r = put_text(b, form, type_of(form), value)) == 0)
            r = wrap(b, pair, universal(TLV_SEQUENCE));
    }
    return r != 0 || b->len == from ? r : wrap(b, from, universal(TLV_SEQUENCE));
}

static int put_postal(struct buf *b, const struct or_address *a, const struct or_layout *l) {
    size_t from = b->len;
    int r = 0;
    if (l->shape == OR_SHAPE_POSTAL)
        r = put_value(b, a, l->attr, OR_PRINTABLE, type_of(OR_PRINTABLE));
    for (unsigned attr = l->attr; l->shape == OR_SHAPE_POSTAL_LINES && r == 0 && attr <= OR_PD_ADDRESS6; attr++)
        r = put_value(b, a, attr, OR_PRINTABLE, type_of(OR_PRINTABLE));
    if (r == 0 && l->shape == OR_SHAPE_POSTAL_LINES && b->len > from)
        r = wrap(b, from, universal(TLV_SEQUENCE));
    if (r == 0)
        r = put_value(b, a, l->attr, OR_TELETEX, type_of(OR_TELETEX));
    return r != 0 || b->len == from ? r : wrap(b, from, universal(TLV_SET));
}

static int put_network(struct buf *b, const struct or_address *a) {
    size_t from = b->len;
    const char *psap = or_address_get(a, OR_NET_PSAP);
    int r = 0;
    if (psap != NULL)
        return (r = or_psap_encode(psap, b)) != 0 ? r : wrap(b, from, context(0));
    r = put_value(b, a, OR_NET_NUMBER, OR_NUMERIC, context(0));
    if (r == 0)
        r = put_value(b, a, OR_NET_SUB, OR_NUMERIC, context(1));
    return r != 0 || b->len == from ? r : wrap(b, from, universal(TLV_SEQUENCE));
}

static int put_extension_value(struct buf *b, const struct or_address *a, const struct or_layout *l) {
    switch ((enum or_shape)l->shape) {
    case OR_SHAPE_TEXT: return put_value(b, a, l->attr, l->form, type_of(l->form));
    case OR_SHAPE_CHOICE: {
        int r = put_value(b, a, l->attr, OR_NUMERIC, type_of(OR_NUMERIC));
        bool numeric = or_address_get_form(a, (enum or_attr)l->attr, OR_NUMERIC) != NULL;
        return r != 0 || numeric ? r : put_value(b, a, l->attr, OR_PRINTABLE, type_of(OR_PRINTABLE));
    }
    case OR_SHAPE_PERSON: return put_person(b, a, l->form, universal(TLV_SET));
    case OR_SHAPE_UNITS: return put_units(b, a, l->form, universal(TLV_SEQUENCE));
    case OR_SHAPE_DOMAIN_DEFINED: return put_domain_defined(b, a, l->form);
    case OR_SHAPE_POSTAL:
    case OR_SHAPE_POSTAL_LINES: return put_postal(b, a, l);
    case OR_SHAPE_NETWORK: return put_network(b, a);
    default: break; // a terminal type
    }
    const char *type = or_address_get(a, OR_TERMINAL_TYPE);
    return type == NULL ? 0 : tlv_put_int(b, TLV_UNIVERSAL, TLV_INTEGER, or_terminal_type_number(type));
}

// Closes an extension attribute whose value was put from `from` on.
static int close_extension(struct buf *b, size_t from, int64_t type) {
    struct buf head = {0};
    int r = wrap(b, from, context(1));
    if (r == 0)
        r = tlv_put_int(&head, TLV_CONTEXT, 0, type);
    struct bytes value = {b->mem + b->off + from, b->len - from};
    if (r == 0)
        r = buf_append(&head, value.p, value.n);
    b->len = from;
    if (r == 0)
        r = buf_append(b, buf_bytes(&head).p, head.len);
    buf_free(&head);
    return r != 0 ? r : wrap(b, from, universal(TLV_SEQUENCE));
}

static int put_extensions(struct buf *b, const struct or_address *a) {
    size_t from = b->len;
    int r = 0;
    for (unsigned type = 1; r == 0 && type < OR_LAYOUTS; type++) {
        size_t at = b->len;
        r = put_extension_value(b, a, &or_layouts[type]);
        if (r == 0 && b->len > at)
            r = close_extension(b, at, type);
    }
    for (size_t i = 0; r == 0 && i < a->n_extensions; i++) {
        size_t at = b->len;
        r = buf_append(b, a->extensions[i].value.p, a->extensions[i].value.n);
        if (r == 0)
            r = close_extension(b, at, a->extensions[i].type);
    }
    return r != 0 || b->len == from ? r : wrap(b, from, universal(TLV_SET));
}

static int put_standard(struct buf *b, const struct or_address *a) {
    size_t from = b->len;
    int r;
    if ((r = put_choice(b, a, OR_COUNTRY, (struct id){TLV_APPLICATION, 1})) != 0 ||
        (r = put_choice(b, a, OR_ADMD, (struct id){TLV_APPLICATION, 2})) != 0 ||
        (r = put_value(b, a, OR_X121, OR_NUMERIC, context(0))) != 0 ||
        (r = put_value(b, a, OR_TERMINAL_ID, OR_PRINTABLE, context(1))) != 0 ||
        (r = put_choice(b, a, OR_PRMD, context(2))) != 0 ||
        (r = put_value(b, a, OR_ORGANIZATION, OR_PRINTABLE, context(3))) != 0 ||
        (r = put_value(b, a, OR_NUMERIC_USER_ID, OR_NUMERIC, context(4))) != 0 ||
        (r = put_person(b, a, OR_PRINTABLE, context(5))) != 0 || (r = put_units(b, a, OR_PRINTABLE, context(6))) != 0)
        return r;
    return wrap(b, from, universal(TLV_SEQUENCE));
}

static int put_name(struct buf *b, const struct or_address *a) {
    int r;
    if ((r = put_standard(b, a)) != 0 || (r = put_domain_defined(b, a, OR_PRINTABLE)) != 0 ||
        (r = put_extensions(b, a)) != 0)
        return r;
    return a->directory_name.p == NULL ? 0 : tlv_put(b, TLV_CONTEXT, true, 0, a->directory_name);
}

int or_name_encode(const struct or_address *a, struct buf *out) {
    size_t before = out->len;
    if (a->raw.p != NULL)
        return buf_append(out, a->raw.p, a->raw.n);
    if (or_address_check(a) != NULL)
        return ERR_SYNTAX;
    for (size_t i = 0; i < a->n_values; i++) {
        const struct or_value *v = &a->values[i];
        int r = or_value_check((enum or_attr)v->attr, (enum or_form)v->form, v->text, NULL);
        if (r != 0)
            return r;
    }
    int r = put_name(out, a);
    if (r == 0)
        r = wrap(out, before, (struct id){TLV_APPLICATION, 0});
    if (r != 0)
        out->len = before;
    return r;
}
