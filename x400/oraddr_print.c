// SPDX-License-Identifier: BSD-2-Clause
// O/R addresses as text. The two styles and their escapes are described in oraddr.h; what is printed parses back to an
// equal address with the same forms, except that a numeric domain name or postal code comes back as a printable one.
#include <stdio.h>
#include <string.h>

#include "x400/charset.h"
#include "x400/oraddr_internal.h"

// Slash style goes from the person up to the country (domain-defined attributes, in front, are added apart).
static const uint8_t slash_order[] = {OR_PD_ADDRESS1,
                                      OR_PD_ADDRESS2,
                                      OR_PD_ADDRESS3,
                                      OR_PD_ADDRESS4,
                                      OR_PD_ADDRESS5,
                                      OR_PD_ADDRESS6,
                                      OR_PD_PERSON,
                                      OR_PD_EXT_ADDRESS,
                                      OR_PD_EXT_DELIVERY,
                                      OR_PD_OFFICE_NUMBER,
                                      OR_PD_OFFICE,
                                      OR_PD_ORGANIZATION,
                                      OR_PD_STREET,
                                      OR_PD_UNIQUE,
                                      OR_PD_LOCAL,
                                      OR_PD_RESTANTE,
                                      OR_PD_BOX,
                                      OR_PD_CODE,
                                      OR_PD_SERVICE,
                                      OR_PD_COUNTRY,
                                      OR_NET_NUMBER,
                                      OR_NET_SUB,
                                      OR_NET_PSAP,
                                      OR_NUMERIC_USER_ID,
                                      OR_TERMINAL_TYPE,
                                      OR_TERMINAL_ID,
                                      OR_X121,
                                      OR_COMMON_NAME,
                                      OR_GIVEN,
                                      OR_INITIALS,
                                      OR_SURNAME,
                                      OR_GENERATION,
                                      OR_OU4,
                                      OR_OU3,
                                      OR_OU2,
                                      OR_OU1,
                                      OR_ORGANIZATION,
                                      OR_PRMD,
                                      OR_ADMD,
                                      OR_COUNTRY};
_Static_assert(sizeof slash_order == OR_DD1_TYPE, "every attribute has its place in the slash style");

struct printer {
    struct buf out;
    enum or_style style;
    bool in_type;      // of a domain-defined attribute, which ends at "="
    bool begins_value; // of one: "=" would make the one before it a part of the type
    int r;             // sticky
};

static void put_str(struct printer *p, const char *text) {
    if (p->r == 0)
        p->r = buf_append_str(&p->out, text);
}

static bool is_control(uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

// A character of the teletex part in slash style: {ddd} for each octet of T.61 that is not a printable character.
// False: T.61 lacks it.
static bool put_t61(struct printer *p, const char *at, const char *end) {
    char one[8] = {0};
    struct buf octets = {0};
    memcpy(one, at, (size_t)(end - at));
    int r = charset_utf8_to_t61(one, &octets);
    if (r == ERR_NOMEM)
        p->r = r;
    for (size_t i = 0; r == 0 && p->r == 0 && i < octets.len; i++) {
        char c[2] = {(char)buf_bytes(&octets).p[i], '\0'};
        if (charset_is_printable(c))
            put_str(p, c);
        else
            p->r = buf_printf(&p->out, "{%03u}", (unsigned)(uint8_t)c[0]);
    }
    buf_free(&octets);
    return r == 0;
}

static void put_char(struct printer *p, uint32_t c) {
    bool slash = p->style == OR_SLASH;
    if (p->r != 0)
        return;
    if (c < 0x80 && strchr("$*{}", (int)c) != NULL && c != 0)
        p->r = buf_printf(&p->out, "$%c", (int)c);
    else if ((slash && (c == '/' || c == ';')) || (c == '=' && (slash || p->in_type || p->begins_value)))
        p->r = buf_printf(&p->out, "$%c", (int)c);
    else if (c == ';')
        put_str(p, ";;");
    else if (is_control(c) || c == 0xFFFD || (slash && c > 0x7F))
        p->r = buf_printf(&p->out, "{u%04X}", (unsigned)c);
    else
        p->r = charset_utf8_put(&p->out, c);
    p->begins_value = false;
}

static void put_text(struct printer *p, enum or_form form, const char *text) {
    for (const char *end = text + strlen(text); text < end;) {
        const char *at = text;
        uint32_t c = charset_utf8_next(&text, end);
        if (form == OR_NUMERIC && c == ' ')
            continue; // says nothing there, but would in the printable form that is read back
        char ascii[2] = {(char)(c < 0x80 ? c : 0), '\0'};
        bool printable = c < 0x80 && charset_is_printable(ascii);
        if (p->style == OR_SLASH && form == OR_TELETEX && !printable && put_t61(p, at, text))
            continue;
        put_char(p, c);
    }
}

// Whether a value written without any star is read back into this form.
static bool is_plain(const struct printer *p, enum or_attr attr, enum or_form form, const char *text) {
    enum or_form read_as = or_form_for(attr, text);
    bool narrow = form == OR_PRINTABLE || form == OR_NUMERIC;
    return narrow || (p->style == OR_SEMICOLON && read_as == form);
}

static void put_forms(struct printer *p, const struct or_address *a, enum or_attr attr) {
    const char *text[OR_FORMS];
    unsigned n = 0, only = 0;
    for (unsigned form = 0; form < OR_FORMS; form++)
        if ((text[form] = or_address_get_form(a, attr, (enum or_form)form)) != NULL) {
            n++;
            only = form;
        }
    if (n == 1 && is_plain(p, attr, (enum or_form)only, text[only])) {
        put_text(p, (enum or_form)only, text[only]);
        return;
    }
    if (text[OR_PRINTABLE] != NULL || text[OR_NUMERIC] != NULL)
        put_text(p, OR_PRINTABLE, text[OR_PRINTABLE] != NULL ? text[OR_PRINTABLE] : text[OR_NUMERIC]);
    put_str(p, "*");
    if (text[OR_TELETEX] != NULL)
        put_text(p, OR_TELETEX, text[OR_TELETEX]);
    if (text[OR_UNIVERSAL] != NULL) {
        put_str(p, "*");
        put_text(p, OR_UNIVERSAL, text[OR_UNIVERSAL]);
    }
}

// Slash style puts the separator before each attribute, semicolon style between them.
static void separate(struct printer *p) {
    if (p->style == OR_SLASH)
        put_str(p, "/");
    else if (p->out.len > 0)
        put_str(p, ";");
}

static void put_attr(struct printer *p, const struct or_address *a, enum or_attr attr) {
    if (or_address_get(a, attr) == NULL)
        return;
    separate(p);
    put_str(p, p->style == OR_SLASH ? or_attrs[attr].slash : or_attrs[attr].semicolon);
    put_str(p, "=");
    put_forms(p, a, attr);
}

static void put_dd(struct printer *p, const struct or_address *a, enum or_attr type) {
    if (or_address_get(a, type) == NULL)
        return;
    separate(p);
    put_str(p, p->style == OR_SLASH ? "DD." : "DDA:");
    p->in_type = true;
    put_forms(p, a, type);
    p->in_type = false;
    put_str(p, "=");
    p->begins_value = true;
    put_forms(p, a, (enum or_attr)(type + 1));
    p->begins_value = false;
}

static void put_extensions(struct printer *p, const struct or_address *a) {
    for (size_t i = 0; p->r == 0 && i < a->n_extensions; i++) {
        separate(p);
        if (p->r == 0)
            p->r = buf_printf(&p->out, "EXT.%lld=", (long long)a->extensions[i].type);
        if (p->r == 0)
            p->r = or_hex_put(&p->out, a->extensions[i].value);
    }
}

char *or_address_print(struct arena *arena, const struct or_address *a, enum or_style style) {
    struct printer p = {.style = style};
    if (style == OR_SLASH) {
        put_extensions(&p, a);
        for (int type = OR_DD4_TYPE; type >= OR_DD1_TYPE; type -= 2) // the first is next to the country
            put_dd(&p, a, (enum or_attr)type);
        for (size_t i = 0; i < sizeof slash_order; i++)
            put_attr(&p, a, (enum or_attr)slash_order[i]);
        put_str(&p, "/");
    } else {
        for (unsigned attr = 0; attr < OR_DD1_TYPE; attr++)
            put_attr(&p, a, (enum or_attr)attr);
        for (unsigned type = OR_DD1_TYPE; type <= OR_DD4_TYPE; type += 2)
            put_dd(&p, a, (enum or_attr)type);
        put_extensions(&p, a);
    }
    char *text =
        p.r == 0 ? arena_strndup(arena, p.out.len == 0 ? (const uint8_t *)"" : buf_bytes(&p.out).p, p.out.len) : NULL;
    buf_free(&p.out);
    return text;
}
