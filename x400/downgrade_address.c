// SPDX-License-Identifier: BSD-2-Clause
// O/R addresses between 1988 and 1984. An address of 1984 has the built-in attributes in printable or numeric form.
// RFC 1328 gives two ways for the others: a common name alone becomes the domain-defined attribute "Common" (3.2), and
// an address with more is written as text into X400-88, with X400-C1 to X400-C3 for what does not fit, below the
// address of a relay that takes it out again (3.1); characters outside PrintableString by the encoding of RFC 1327, 3.4
// (the table is RFC 2156's, appendix E). Inferred: a teletex or universal form beside a printable one of the same
// attribute says the same and is left out, as is a directory name beside an address.
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "asn1/validate.h"
#include "x400/charset.h"
#include "x400/downgrade.h"

enum { DDAS = 4, DDA_ROOM = 128, RELAYED_MAX = DDAS * DDA_ROOM };

static const char common[] = "Common";
static const char *const relayed[DDAS] = {"X400-88", "X400-C1", "X400-C2", "X400-C3"};

static enum or_attr dda_type(unsigned i) {
    return (enum or_attr)(OR_DD1_TYPE + 2 * i);
}
static enum or_attr dda_value(unsigned i) {
    return (enum or_attr)(OR_DD1_VALUE + 2 * i);
}
static const char *plain(const struct or_address *x, enum or_attr attr) {
    return or_address_get_form(x, attr, OR_PRINTABLE);
}

static bool attr_of_1984(unsigned attr) {
    return attr <= OR_OU4 || (attr >= OR_SURNAME && attr <= OR_TERMINAL_ID) || attr == OR_NUMERIC_USER_ID ||
           attr >= OR_DD1_TYPE;
}
static bool form_of_1984(unsigned form) {
    return form == OR_PRINTABLE || form == OR_NUMERIC;
}

static bool is_of_1984(const struct or_address *x) {
    for (size_t i = 0; i < x->n_values; i++)
        if (!attr_of_1984(x->values[i].attr) || !form_of_1984(x->values[i].form))
            return false;
    return x->n_values > 0 && x->n_extensions == 0 && x->directory_name.p == NULL;
}

// Leaves out the other forms of what has a printable or numeric one, and the directory name.
static int leave_plain(struct arena *a, struct or_address *x) {
    struct or_value *kept = arena_array(a, (size_t)x->n_values + 1, sizeof *kept);
    uint16_t n = 0;
    if (kept == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < x->n_values; i++) {
        const struct or_value *v = &x->values[i];
        enum or_attr attr = (enum or_attr)v->attr;
        bool twice = plain(x, attr) != NULL || or_address_get_form(x, attr, OR_NUMERIC) != NULL;
        if (form_of_1984(v->form) || !twice)
            kept[n++] = *v;
    }
    x->values = kept;
    x->n_values = n;
    x->directory_name = x->raw = bytes_of(NULL, 0);
    return 0;
}

// The common name into the first free domain-defined attribute. DOWNGRADE_REFUSED: there is none, or a "Common" that
// says something else, or the name is not printable.
static int common_to_dda(struct arena *a, struct or_address *x) {
    const char *name = plain(x, OR_COMMON_NAME);
    if (name == NULL)
        return DOWNGRADE_REFUSED;
    unsigned i = 0;
    for (; i < DDAS && plain(x, dda_type(i)) != NULL; i++)
        if (strcasecmp(plain(x, dda_type(i)), common) == 0)
            break;
    if (i == DDAS)
        return DOWNGRADE_REFUSED;
    const char *there = plain(x, dda_value(i));
    if (there != NULL && strcmp(there, name) != 0)
        return DOWNGRADE_REFUSED;
    int err = there != NULL ? 0 : or_address_set(a, x, dda_type(i), OR_PRINTABLE, common);
    if (err == 0 && there == NULL)
        err = or_address_set(a, x, dda_value(i), OR_PRINTABLE, name);
    for (unsigned form = 0; form < OR_FORMS && err == 0; form++)
        err = or_address_set(a, x, OR_COMMON_NAME, (enum or_form)form, NULL);
    return err == ERR_NOMEM || err == 0 ? err : DOWNGRADE_REFUSED;
}

// ---- X400-88 ----

static const char escaped[] = "@a%p!b\"q_u(l)r"; // pairs: the character, and what stands for it in parentheses

static int printable_encode(const char *text, struct buf *out) {
    int err = 0;
    for (; *text != '\0' && err == 0; text++) {
        const char *pair = escaped;
        while (*pair != '\0' && *pair != *text)
            pair += 2;
        if (*pair != '\0')
            err = buf_printf(out, "(%c)", pair[1]);
        else if (validate_octet(VALIDATE_PRINTABLE, (uint8_t)*text))
            err = buf_append_u8(out, (uint8_t)*text);
        else
            err = buf_printf(out, "(%03u)", (unsigned)(uint8_t)*text);
    }
    return err;
}

// One escape at p, of which n octets follow; returns its length, 0: it is none.
static size_t printable_escape(const char *p, size_t n, uint8_t *c) {
    unsigned v = 0;
    if (n >= 3 && p[2] == ')')
        for (const char *pair = escaped; *pair != '\0'; pair += 2)
            if (pair[1] == p[1]) {
                *c = (uint8_t)pair[0];
                return 3;
            }
    if (n < 5 || p[4] != ')')
        return 0;
    for (int i = 1; i <= 3; i++) {
        if (p[i] < '0' || p[i] > '9')
            return 0;
        v = v * 10 + (unsigned)(p[i] - '0');
    }
    *c = (uint8_t)v;
    return v >= 1 && v <= 255 ? 5 : 0;
}

static int printable_decode(const char *text, struct buf *out) {
    int err = 0;
    for (size_t n = strlen(text); n > 0 && err == 0;) {
        uint8_t c = (uint8_t)*text;
        size_t used = c == '(' ? printable_escape(text, n, &c) : 1;
        if (used == 0)
            return ERR_SYNTAX;
        err = buf_append_u8(out, c);
        text += used;
        n -= used;
    }
    return err;
}

static int put_relayed(struct arena *a, struct or_address *x, struct bytes text) {
    int err = 0;
    for (unsigned i = 0; i < DDAS && text.n > 0 && err == 0; i++) {
        size_t n = text.n < DDA_ROOM ? text.n : DDA_ROOM;
        char *piece = arena_strndup(a, text.p, n);
        if (piece == NULL)
            return ERR_NOMEM;
        err = or_address_set(a, x, dda_type(i), OR_PRINTABLE, relayed[i]);
        if (err == 0)
            err = or_address_set(a, x, dda_value(i), OR_PRINTABLE, piece);
        text = bytes_of(text.p + n, text.n - n);
    }
    return err;
}

// x becomes the relay with x in it.
static int relay_address(struct arena *a, const struct or_address *relay, struct or_address *x) {
    struct or_address inner = *x, outer;
    inner.raw = inner.directory_name = bytes_of(NULL, 0);
    char *text = or_address_print(a, &inner, OR_SLASH);
    struct buf encoded = {0};
    if (text == NULL)
        return ERR_NOMEM;
    int err = printable_encode(text, &encoded);
    if (err == 0 && encoded.len > RELAYED_MAX)
        err = DOWNGRADE_REFUSED;
    if (err == 0)
        err = or_address_copy(a, &outer, relay);
    if (err == 0)
        err = put_relayed(a, &outer, buf_bytes(&encoded));
    if (err == 0)
        *x = outer;
    buf_free(&encoded);
    return err == 0 || err == ERR_NOMEM ? err : DOWNGRADE_REFUSED;
}

// ---- both ways ----

static int encode(struct arena *a, const struct or_address *x, struct bytes *out) {
    struct buf b = {0};
    int err = or_name_encode(x, &b);
    if (err == 0) {
        *out = arena_bytes(a, buf_bytes(&b));
        err = out->p == NULL ? ERR_NOMEM : 0;
    }
    buf_free(&b);
    return err;
}

// The attributes of 1988 in x, which has some, are expressed or left out.
static int express(struct arena *a, const struct downgrade_options *o, struct or_address *x, const char **why) {
    struct or_address least = *x;
    int err = leave_plain(a, &least);
    if (err < 0 || is_of_1984(&least)) {
        *x = least;
        return err;
    }
    if (x->n_values == 0 && x->n_extensions == 0) {
        *why = "the name is in the directory only, and 1984 wants an address";
        return DOWNGRADE_REFUSED;
    }
    if (o->strict) {
        *why = "the address has attributes of 1988, and the peer takes none in another form";
        return DOWNGRADE_REFUSED;
    }
    if ((err = common_to_dda(a, &least)) < 0)
        return err;
    if (err == 0 && is_of_1984(&least)) {
        *x = least;
        return 0;
    }
    *why = "the address has attributes of 1988 that do not fit into domain-defined ones";
    return o->relay != NULL ? relay_address(a, o->relay, x) : DOWNGRADE_REFUSED;
}

int downgrade_name(struct arena *a, const struct downgrade_options *o, struct bytes in, struct bytes *out,
                   const char **why) {
    struct arena scratch = {0};
    struct or_address x;
    int err = or_name_decode(&scratch, in, &x, why);
    *out = in;
    if (err < 0 && err != ERR_NOMEM)
        err = DOWNGRADE_REFUSED;
    if (err == 0 && !is_of_1984(&x) && (err = express(&scratch, o, &x, why)) == 0) {
        err = encode(a, &x, out);
        if (err < 0 && err != ERR_NOMEM) {
            *why = "the address breaks a bound of X.411 and cannot be written anew";
            err = DOWNGRADE_REFUSED;
        }
    }
    arena_free(&scratch);
    return err;
}

// What X400-88 and its continuations hold, when they are all the domain-defined attributes of x, in any order.
static int relayed_text(struct arena *a, const struct or_address *x, char **text) {
    struct buf joined = {0};
    unsigned there = 0, used = 0;
    int err = 0;
    while (there < DDAS && plain(x, dda_type(there)) != NULL)
        there++;
    for (; used < there && err == 0; used++) {
        unsigned i = 0;
        while (i < there && strcasecmp(plain(x, dda_type(i)), relayed[used]) != 0)
            i++;
        const char *value = i < there ? plain(x, dda_value(i)) : NULL;
        err = value == NULL ? ERR_ABSENT : buf_append_str(&joined, value);
    }
    struct buf decoded = {0};
    if (err == 0 && there > 0)
        err = buf_cstr(&joined) == NULL ? ERR_NOMEM : printable_decode(buf_cstr(&joined), &decoded);
    *text = NULL;
    if (err == 0 && there > 0 && (*text = arena_strndup(a, decoded.mem + decoded.off, decoded.len)) == NULL)
        err = ERR_NOMEM;
    buf_free(&joined);
    buf_free(&decoded);
    return err == ERR_NOMEM ? err : 0;
}

// 0: x becomes the address within it; ERR_ABSENT: x is none of the relay's, or does not read.
static int upgrade_relayed(struct arena *a, const struct or_address *relay, struct or_address *x) {
    struct or_address outer = *x, inner;
    char *text;
    uint16_t n = 0;
    while (n < x->n_values && x->values[n].attr < OR_DD1_TYPE) // sorted by attribute
        n++;
    outer.n_values = n;
    if (n == x->n_values || !or_address_equal(&outer, relay))
        return ERR_ABSENT;
    int err = relayed_text(a, x, &text);
    if (err == 0 && text != NULL)
        err = or_address_parse(a, text, &inner, NULL);
    if (err == 0 && text != NULL)
        *x = inner;
    return err == ERR_NOMEM ? err : err < 0 || text == NULL ? ERR_ABSENT : 0;
}

// ERR_ABSENT: x is as it was.
static int upgrade_common(struct arena *a, struct or_address *x) {
    const char *type = plain(x, OR_DD1_TYPE), *name = plain(x, OR_DD1_VALUE);
    if (type == NULL || name == NULL || strcasecmp(type, common) != 0 || or_address_get(x, OR_DD2_TYPE) != NULL ||
        or_address_get(x, OR_COMMON_NAME) != NULL)
        return ERR_ABSENT;
    int err = or_address_set(a, x, OR_COMMON_NAME, OR_PRINTABLE, name);
    for (unsigned form = 0; form < OR_FORMS && err == 0; form++) {
        err = or_address_set(a, x, OR_DD1_TYPE, (enum or_form)form, NULL);
        if (err == 0)
            err = or_address_set(a, x, OR_DD1_VALUE, (enum or_form)form, NULL);
    }
    return err;
}

int upgrade_name(struct arena *a, const struct downgrade_options *o, struct bytes in, struct bytes *out) {
    struct arena scratch = {0};
    struct or_address x;
    struct bytes changed;
    *out = in;
    if (o->strict)
        return 0;
    int err = or_name_decode(&scratch, in, &x, NULL);
    if (err == 0 && (o->relay == NULL || (err = upgrade_relayed(&scratch, o->relay, &x)) == ERR_ABSENT))
        err = upgrade_common(&scratch, &x);
    if (err == 0 && (err = encode(a, &x, &changed)) == 0)
        *out = changed;
    arena_free(&scratch);
    return err == ERR_NOMEM ? err : 0;
}
