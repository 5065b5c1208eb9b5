// SPDX-License-Identifier: BSD-2-Clause
// O/R addresses from text, in both styles of oraddr.h, with errors that say where and what was expected. Read, but
// never printed: RFC 2156's PN (`Marshall.T.Rose`) and PD-ADDRESS (lines joined by `|`), and the other names of
// keywords.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "asn1/tlv.h"
#include "x400/charset.h"
#include "x400/oraddr_internal.h"

enum { KEYWORD_OU = OR_ATTRS, KEYWORD_PN, KEYWORD_PD_ADDRESS, KEYWORD_DD, KEYWORD_EXT, KEYWORD_NONE, MANY = 4 };

static const struct {
    const char *name;
    uint8_t what;
} aliases[] = {{"ADMD", OR_ADMD},
               {"PRMD", OR_PRMD},
               {"E.164", OR_NET_NUMBER},
               {"ISDN", OR_NET_NUMBER},
               {"PD-OFFICE NUMBER", OR_PD_OFFICE_NUMBER},
               {"OU", KEYWORD_OU},
               {"PN", KEYWORD_PN},
               {"PD-ADDRESS", KEYWORD_PD_ADDRESS},
               {"PD-A", KEYWORD_PD_ADDRESS}};
enum { N_ALIASES = sizeof aliases / sizeof *aliases };

// A value: its parts between stars, NULL where a part is empty or missing.
struct parts {
    char *part[3];
    bool starred;
    const char *at; // in the text
};

struct parser {
    struct arena *arena;
    struct or_address *a;
    struct or_error *error;
    const char *text, *p;
    bool slash;
    struct or_builder b;
    struct parts ou[MANY]; // plain OU=, in order of appearance
    size_t n_ou;
    bool country_before_ou, country_seen;
    struct parts dd[MANY][2]; // types and values, in order of appearance
    size_t n_dd;
};

static int __attribute__((format(printf, 3, 4))) wrong(struct parser *ps, const char *at, const char *fmt, ...) {
    if (ps->error == NULL)
        return ERR_SYNTAX;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(ps->error->what, sizeof ps->error->what, fmt, ap);
    va_end(ap);
    ps->error->column = 1;
    for (const char *p = ps->text; p < at; ps->error->column++)
        charset_utf8_next(&p, at);
    return ERR_SYNTAX;
}

// ---- values ----

static bool is_separator(const struct parser *ps, char c) {
    return c == ';' || (ps->slash && c == '/');
}

// In semicolon style a doubled semicolon is one, and in a type, which ends at "=", a doubled "=" too (F.401).
static bool is_doubled(const struct parser *ps, char stop) {
    bool may = *ps->p == ';' || (*ps->p == '=' && stop == '=');
    return may && !ps->slash && ps->p[1] == *ps->p;
}

// Octets of T.61 that wait to be read together with the letter after them.
static int flush_t61(struct buf *t61, struct buf *out) {
    int r = t61->len == 0 ? 0 : charset_t61_to_utf8(buf_bytes(t61), out);
    buf_clear(t61);
    return r;
}

static bool three_digits(const char *p) {
    return strspn(p, "0123456789") >= 3;
}

// `{ddd...}` or `{uHHHH}`.
static int read_braces(struct parser *ps, struct buf *t61, struct buf *out) {
    const char *open = ps->p++;
    if (*ps->p == 'u' || *ps->p == 'U') {
        uint32_t c = 0;
        size_t n = 0;
        for (ps->p++; n < 6 && or_hex_value(*ps->p) >= 0; n++)
            c = c << 4 | (uint32_t)or_hex_value(*ps->p++);
        if (n == 0 || *ps->p != '}' || c == 0 || c > 0x10FFFF)
            return wrong(ps, open, "the hexadecimal number of a character was expected, as in {u0141}");
        ps->p++;
        int r = flush_t61(t61, out);
        return r != 0 ? r : charset_utf8_put(out, c);
    }
    do {
        int octet = three_digits(ps->p) ? (ps->p[0] - '0') * 100 + (ps->p[1] - '0') * 10 + ps->p[2] - '0' : 256;
        if (octet == 0 || octet > 255)
            return wrong(ps, open,
                         "three decimal digits (001 to 255) for each octet, or u and a number, were expected "
                         "between { and }");
        ps->p += 3;
        int r = buf_append_u8(t61, (uint8_t)octet);
        if (r != 0)
            return r;
    } while (*ps->p != '}');
    ps->p++;
    return 0;
}

// One character, escaped or not.
static int read_char(struct parser *ps, char stop, struct buf *t61, struct buf *out) {
    const char *at = ps->p, *end = at + strlen(at);
    if (*at == '{')
        return read_braces(ps, t61, out);
    if (*at == '$' || is_doubled(ps, stop))
        ps->p++;
    if (*ps->p == '\0')
        return wrong(ps, at, "a character was expected after \"$\"");
    uint32_t c = charset_utf8_next(&ps->p, end);
    uint8_t last = t61->len == 0 ? 0 : buf_bytes(t61).p[t61->len - 1];
    bool joins = c < 0x80 && last >= 0xC1 && last <= 0xCF; // a letter after its accent
    int r = joins ? buf_append_u8(t61, (uint8_t)c) : 0;
    if (r == 0)
        r = flush_t61(t61, out);
    return r != 0 || joins ? r : charset_utf8_put(out, c);
}

static int end_part(struct parser *ps, struct buf *t61, struct buf *out, char **part) {
    int r = flush_t61(t61, out);
    if (r == 0 && out->len > 0 && (*part = arena_strndup(ps->arena, buf_bytes(out).p, out->len)) == NULL)
        r = ERR_NOMEM;
    buf_clear(out);
    return r;
}

// Up to a separator, or to `stop` where one is given ("=" after a type).
static int read_parts(struct parser *ps, char stop, struct parts *v) {
    struct buf out = {0}, t61 = {0};
    size_t n = 0;
    int r = 0;
    *v = (struct parts){.at = ps->p};
    for (bool end = false; r == 0 && !end;) {
        bool doubled = is_doubled(ps, stop);
        end = *ps->p == '\0' || (!doubled && (is_separator(ps, *ps->p) || (stop != '\0' && *ps->p == stop)));
        if (!end && *ps->p != '*') {
            r = read_char(ps, stop, &t61, &out);
            continue;
        }
        r = end_part(ps, &t61, &out, &v->part[n]);
        if (r != 0 || end)
            continue;
        if (++n == 3)
            r = wrong(ps, ps->p, "at most printable*teletex*universal was expected: there is a third \"*\"");
        ps->p++;
    }
    v->starred = n > 0;
    buf_free(&out);
    buf_free(&t61);
    return r;
}

// ---- storing ----

static const char *name_of(enum or_attr attr) {
    if (attr >= OR_DD1_TYPE)
        return (attr - OR_DD1_TYPE) % 2 == 0 ? "the type of a domain-defined attribute"
                                             : "the value of a domain-defined attribute";
    return or_attrs[attr].semicolon;
}

// Why a text is not fit for a form of an attribute; `why` is the table's word.
static int unfit(struct parser *ps, const char *at, enum or_attr attr, enum or_form form, const char *text, int r,
                 const char *why) {
    const char *name = name_of(attr), *end = text + strlen(text);
    if (attr == OR_COUNTRY || attr == OR_PD_COUNTRY)
        return wrong(ps, at, "%s: two letters (ISO 3166) or three digits (X.121) were expected", name);
    if (attr == OR_TERMINAL_TYPE)
        return wrong(ps, at, "%s: tlx, ttx, g3fax, g4fax, ia5, vtx or a number was expected", name);
    if (attr == OR_NET_PSAP)
        return wrong(ps, at, "%s: a presentation address such as '50'H/'53'H/'54'H/NS+4900 was expected", name);
    if (!or_attr_has_form(attr, form))
        return wrong(ps, at, "%s has no %s form", name, form == OR_TELETEX ? "teletex" : "universal");
    if (r == ERR_LIMIT)
        return attr >= OR_DD1_TYPE ? wrong(ps, at, "%s", why) : wrong(ps, at, "%s: %s", name, why);
    if (form == OR_NUMERIC)
        return wrong(ps, at, "%s: only digits were expected", name);
    for (const char *p = text; p < end;) {
        char one[8] = {0};
        const char *from = p;
        charset_utf8_next(&p, end);
        memcpy(one, from, (size_t)(p - from));
        if (form == OR_PRINTABLE && !charset_is_printable(one))
            return wrong(ps, at, "%s: \"%s\" is not allowed; letters, digits, blank and '()+,-./:=? are", name, one);
        if (form == OR_TELETEX && !charset_is_teletex(one))
            return wrong(ps, at,
                         "%s: \"%s\" is not in the teletex character set; a universal form, **text, would hold it",
                         name, one);
    }
    return wrong(ps, at, "%s: the text is not valid UTF-8", name);
}

// Printable and numeric are a choice: an attribute has one of them.
static bool has_narrow(const struct or_builder *b, enum or_attr attr) {
    for (size_t i = 0; i < b->n; i++)
        if (b->values[i].attr == attr && b->values[i].form <= OR_NUMERIC)
            return true;
    return false;
}

static int store(struct parser *ps, enum or_attr attr, enum or_form form, const char *at, const char *text) {
    char why[VALIDATE_WHY_MAX] = "";
    int r = or_value_check(attr, form, text, why);
    if (r == ERR_NOMEM)
        return r;
    if (r != 0)
        return unfit(ps, at, attr, form, text, r, why);
    if (form == OR_NUMERIC && attr != OR_ADMD && text[strspn(text, " ")] == '\0') // blanks say nothing there
        return wrong(ps, at, "%s: a value was expected", name_of(attr));
    if (attr == OR_TERMINAL_TYPE && (text = or_terminal_type_normal(ps->arena, text)) == NULL)
        return ERR_NOMEM;
    if ((form <= OR_NUMERIC && has_narrow(&ps->b, attr)) || or_builder_add(&ps->b, attr, form, text) != 0)
        return wrong(ps, at, "%s is given twice", name_of(attr));
    return 0;
}

static int store_parts(struct parser *ps, enum or_attr attr, const struct parts *v) {
    const char *first = v->part[0];
    bool empty = first == NULL && v->part[1] == NULL && v->part[2] == NULL;
    if (empty && attr != OR_ADMD)
        return wrong(ps, v->at, "%s: a value was expected", name_of(attr));
    if (!v->starred) {
        first = first == NULL ? "" : first;
        return store(ps, attr, or_form_for(attr, first), v->at, first);
    }
    enum or_form narrow = or_attr_has_form(attr, OR_PRINTABLE) ? OR_PRINTABLE : OR_NUMERIC;
    int r = first == NULL ? 0 : store(ps, attr, narrow, v->at, first);
    if (r == 0 && v->part[1] != NULL)
        r = store(ps, attr, OR_TELETEX, v->at, v->part[1]);
    if (r == 0 && v->part[2] != NULL)
        r = store(ps, attr, OR_UNIVERSAL, v->at, v->part[2]);
    return r;
}

// RFC 2156: [given "."] *(initial ".") surname, where a given name has two letters or more.
static int store_person(struct parser *ps, const struct parts *v) {
    char initials[OR_ATTRS];
    size_t n = 0;
    const char *p = v->part[0];
    if (p == NULL || v->starred)
        return wrong(ps, v->at, "PN: a name such as Marshall.T.Rose was expected");
    size_t given = strcspn(p, ".");
    int r = 0;
    if (given >= 2 && p[given] == '.') {
        char *text = arena_strndup(ps->arena, p, given);
        r = text == NULL ? ERR_NOMEM : store(ps, OR_GIVEN, or_form_for(OR_GIVEN, text), v->at, text);
        p += given + 1;
    }
    for (; p[0] != '\0' && p[1] == '.' && n < sizeof initials; p += 2)
        initials[n++] = p[0];
    if (r == 0 && n > 0) {
        char *text = arena_strndup(ps->arena, initials, n);
        r = text == NULL ? ERR_NOMEM : store(ps, OR_INITIALS, OR_PRINTABLE, v->at, text);
    }
    if (r == 0 && *p == '\0')
        return wrong(ps, v->at, "PN: a surname was expected at its end");
    return r != 0 ? r : store(ps, OR_SURNAME, or_form_for(OR_SURNAME, p), v->at, p);
}

// RFC 2156: the printable lines joined by "|".
static int store_postal_lines(struct parser *ps, const struct parts *v) {
    int r = 0;
    unsigned attr = OR_PD_ADDRESS1;
    for (const char *p = v->part[0]; r == 0 && p != NULL; attr++) {
        size_t n = strcspn(p, "|");
        if (attr > OR_PD_ADDRESS6)
            return wrong(ps, v->at, "PD-ADDRESS: at most six lines were expected");
        char *line = arena_strndup(ps->arena, p, n);
        r = line == NULL ? ERR_NOMEM : store(ps, (enum or_attr)attr, OR_PRINTABLE, v->at, line);
        p = p[n] == '|' ? p + n + 1 : NULL;
    }
    if (r == 0 && v->part[1] != NULL)
        r = store(ps, OR_PD_ADDRESS1, OR_TELETEX, v->at, v->part[1]);
    if (r == 0 && v->part[2] != NULL)
        r = store(ps, OR_PD_ADDRESS1, OR_UNIVERSAL, v->at, v->part[2]);
    return r;
}

static int store_extension(struct parser *ps, const char *keyword, const struct parts *v) {
    const char *digits = keyword + 4;
    size_t n = strspn(digits, "0123456789");
    struct buf value = {0};
    if (n == 0 || n > 9 || digits[n] != '=')
        return wrong(ps, digits, "the number of an extension attribute was expected, as in EXT.50=130141");
    uint64_t total = 0;
    int r = v->part[0] == NULL ? ERR_SYNTAX : or_hex_get(v->part[0], strlen(v->part[0]), &value);
    if (r == 0 && (tlv_check(buf_bytes(&value), NULL, &total) < 0 || total != value.len))
        r = ERR_SYNTAX;
    struct bytes copy = r == 0 ? arena_bytes(ps->arena, buf_bytes(&value)) : (struct bytes){0};
    buf_free(&value);
    if (r == ERR_SYNTAX || v->starred)
        return wrong(ps, v->at, "EXT: one encoded value in hexadecimal digits was expected, as in EXT.50=130141");
    if (copy.p == NULL)
        return ERR_NOMEM;
    r = or_extension_add(ps->arena, ps->a, atol(digits), copy);
    return r == ERR_LIMIT ? wrong(ps, v->at, "EXT: more than 256 extension attributes") : r;
}

// ---- keywords ----

static bool is_keyword(const char *name, const char *text, size_t n) {
    return strlen(name) == n && n > 0 && strncasecmp(name, text, n) == 0;
}

static unsigned keyword_find(const char *text, size_t n) {
    if (n >= 3 && (strncasecmp(text, "DD.", 3) == 0 || strncasecmp(text, "DD:", 3) == 0 ||
                   (n >= 4 && (strncasecmp(text, "DDA:", 4) == 0 || strncasecmp(text, "DDA.", 4) == 0))))
        return KEYWORD_DD;
    if (n >= 4 && strncasecmp(text, "EXT.", 4) == 0)
        return KEYWORD_EXT;
    for (unsigned i = 0; i < OR_ATTRS; i++)
        if (is_keyword(or_attrs[i].slash, text, n) || is_keyword(or_attrs[i].semicolon, text, n))
            return i;
    for (size_t i = 0; i < N_ALIASES; i++)
        if (is_keyword(aliases[i].name, text, n))
            return aliases[i].what;
    return KEYWORD_NONE;
}

// Insertions, deletions and replacements between a keyword and what was written; short texts only.
static unsigned distance(const char *name, const char *text, size_t n) {
    unsigned row[24];
    size_t m = strlen(name);
    if (m >= sizeof row / sizeof *row)
        return 99;
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned replaced = diagonal + (strncasecmp(&name[j - 1], &text[i - 1], 1) != 0);
            diagonal = row[j];
            unsigned least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = replaced < least ? replaced : least;
        }
    }
    return row[m];
}

static void nearer(const char *name, const char *text, size_t n, const char **best, unsigned *least) {
    unsigned d = *name == '\0' ? 99 : distance(name, text, n);
    bool better_start = *best != NULL && strncasecmp(*best, text, 1) != 0 && strncasecmp(name, text, 1) == 0;
    bool something = d < strlen(name) || strncasecmp(name, text, 1) == 0; // of it is there
    if (something && (d < *least || (d == *least && better_start))) {
        *least = d;
        *best = name;
    }
}

static int unknown_keyword(struct parser *ps, const char *text, size_t n) {
    const char *best = NULL;
    unsigned least = n < 4 ? 2 : 4; // one change in a short word, three in a long one
    int shown = n > 24 ? 24 : (int)n;
    for (unsigned i = 0; i < OR_DD1_TYPE && n < 24; i++) {
        nearer(or_attrs[i].slash, text, n, &best, &least);
        nearer(or_attrs[i].semicolon, text, n, &best, &least);
    }
    for (size_t i = 0; i < N_ALIASES && n < 24; i++)
        nearer(aliases[i].name, text, n, &best, &least);
    if (best == NULL)
        return wrong(ps, text, "unknown attribute \"%.*s\"; one such as C, A, P, O, OU1, S, G or CN was expected",
                     shown, text);
    return wrong(ps, text, "unknown attribute \"%.*s\"; perhaps \"%s\" is meant", shown, text, best);
}

// ---- the whole ----

static int keep(struct parser *ps, struct parts *list, size_t *n, const struct parts *v, const char *what) {
    if (*n >= MANY)
        return wrong(ps, v->at, "more than four %s", what);
    list[(*n)++] = *v;
    return 0;
}

static int read_dd(struct parser *ps) {
    struct parts type, value;
    ps->p += strncasecmp(ps->p, "DDA", 3) == 0 ? 4 : 3;
    int r = read_parts(ps, '=', &type);
    if (r != 0)
        return r;
    if (*ps->p != '=')
        return wrong(ps, ps->p, "\"=\" and a value were expected after the type of a domain-defined attribute");
    ps->p++;
    if ((r = read_parts(ps, '\0', &value)) != 0)
        return r;
    if (ps->n_dd >= MANY)
        return wrong(ps, type.at, "more than four domain-defined attributes");
    ps->dd[ps->n_dd][0] = type;
    ps->dd[ps->n_dd++][1] = value;
    return 0;
}

static int read_component(struct parser *ps) {
    const char *keyword = ps->p;
    size_t n = 0;
    while (keyword[n] != '\0' && keyword[n] != '=' && !is_separator(ps, keyword[n]))
        n++;
    unsigned what = keyword_find(keyword, n);
    if (what == KEYWORD_DD)
        return read_dd(ps);
    if (keyword[n] != '=' || n == 0)
        return n == 0 ? wrong(ps, keyword, "an attribute such as C, A, P, O or S was expected before \"=\"")
                      : wrong(ps, keyword + n, "\"=\" was expected after \"%.*s\"", n > 24 ? 24 : (int)n, keyword);
    if (what == KEYWORD_NONE)
        return unknown_keyword(ps, keyword, n);
    struct parts v;
    ps->p += n + 1;
    int r = read_parts(ps, '\0', &v);
    if (r != 0)
        return r;
    ps->country_seen = ps->country_seen || what == OR_COUNTRY;
    switch (what) {
    case KEYWORD_PN: return store_person(ps, &v);
    case KEYWORD_PD_ADDRESS: return store_postal_lines(ps, &v);
    case KEYWORD_EXT: return store_extension(ps, keyword, &v);
    case KEYWORD_OU:
        ps->country_before_ou = ps->country_before_ou || (ps->n_ou == 0 && ps->country_seen);
        return keep(ps, ps->ou, &ps->n_ou, &v, "organizational units");
    default: return store_parts(ps, (enum or_attr)what, &v);
    }
}

// Numbers the plain OU and the domain-defined attributes.
static int number(struct parser *ps) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < ps->n_ou; i++) {
        size_t place = ps->country_before_ou ? i : ps->n_ou - 1 - i;
        r = store_parts(ps, (enum or_attr)(OR_OU1 + place), &ps->ou[i]);
    }
    for (size_t i = 0; r == 0 && i < ps->n_dd; i++) {
        enum or_attr type = (enum or_attr)(OR_DD1_TYPE + 2 * (ps->slash ? ps->n_dd - 1 - i : i));
        const char *value = ps->dd[i][1].part[0];
        const char *at = value == NULL ? NULL : strchr(value, '@');
        if (at != NULL && ps->dd[i][0].part[0] != NULL && strcasecmp(ps->dd[i][0].part[0], "RFC-822") == 0)
            return wrong(ps, ps->dd[i][1].at, "RFC-822: \"@\" is written (a) in an O/R address");
        r = store_parts(ps, type, &ps->dd[i][0]);
        if (r == 0)
            r = store_parts(ps, (enum or_attr)(type + 1), &ps->dd[i][1]);
    }
    return r;
}

static int parse(struct arena *arena, const char *text, bool pattern, struct or_address *a, struct or_error *error) {
    struct or_address out = {0};
    struct parser ps = {.arena = arena, .a = &out, .error = error, .text = text, .p = text + strspn(text, " ")};
    ps.slash = *ps.p == '/';
    if (*ps.p == '\0')
        return wrong(&ps, ps.p, "an O/R address was expected, such as C=GB;A=ADMD;P=PRMD;O=Org;S=Smith");
    if (!charset_utf8_valid(bytes_str(text)))
        return wrong(&ps, text, "the address is not valid UTF-8");
    int r = 0;
    while (r == 0) {
        while (is_separator(&ps, *ps.p) || *ps.p == ' ')
            ps.p++;
        if (*ps.p == '\0')
            break;
        r = read_component(&ps);
    }
    if (r == 0)
        r = number(&ps);
    if (r == 0)
        r = or_builder_finish(arena, &ps.b, &out);
    const char *missing = r == 0 && !pattern ? or_address_check(&out) : NULL;
    if (missing != NULL)
        r = wrong(&ps, ps.p, "%s", missing);
    if (r == 0)
        *a = out;
    return r;
}

int or_address_parse(struct arena *arena, const char *text, struct or_address *a, struct or_error *error) {
    return parse(arena, text, false, a, error);
}

int or_pattern_parse(struct arena *arena, const char *text, struct or_address *a, struct or_error *error) {
    return parse(arena, text, true, a, error);
}
