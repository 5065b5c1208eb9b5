// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: O/R addresses. The first octet of an input says whether the rest is text, a pattern, or an encoding and
// with which tag. What was read can be written in both forms of text and in octets, and read again as an equal address.
#include "x400/oraddr.h"
#include "tests/fuzz/fuzz.h"

static void equal(struct arena *a, const struct or_address *x, const struct or_address *y) {
    const char *one = or_address_canonical(a, x), *other = or_address_canonical(a, y);
    require(one != NULL && other != NULL);
    if (strcmp(one, other) != 0)
        fprintf(stderr, "%s\n%s\n", one, other);
    require(strcmp(one, other) == 0);
    require(or_address_equal(x, y));
}

static void text_again(struct arena *a, const struct or_address *x, enum or_style style) {
    struct or_address y;
    struct or_error e = {.column = 0};
    const char *text = or_address_print(a, x, style);
    require(text != NULL);
    if (x->n_values == 0 && x->n_extensions == 0)
        return;
    int err = or_pattern_parse(a, text, &y, &e);
    if (err != ERR_OK)
        fprintf(stderr, "%s\ncolumn %zu: %s\n", text, e.column, e.what);
    require(err == ERR_OK);
    equal(a, x, &y);
}

// Pairs and lists are encoded in one form at a time: a mixture of forms in them cannot be said in octets. And an
// extension attribute that X.411 lists may be read as what it is.
static bool one_form(const struct or_address *x) {
    for (size_t i = 0; i < x->n_values; i++)
        if (x->values[i].form != OR_PRINTABLE && x->values[i].form != OR_NUMERIC)
            return false;
    for (size_t i = 0; i < x->n_extensions; i++)
        if (x->extensions[i].type > 0 && x->extensions[i].type <= 40)
            return false;
    return true;
}

static void octets_again(struct arena *a, const struct or_address *x) {
    struct or_address made = *x, y;
    struct buf b = {0};
    made.raw = (struct bytes){NULL, 0};
    int err = or_name_encode(&made, &b);
    require(err == ERR_OK ? or_name_decode(a, buf_bytes(&b), &y, NULL) == ERR_OK : b.len == 0);
    if (err == ERR_OK && one_form(x))
        equal(a, x, &y);
    buf_free(&b);
}

static void from_text(struct arena *a, const char *text, bool pattern) {
    struct or_address x;
    struct or_error e = {.column = 0};
    int err = pattern ? or_pattern_parse(a, text, &x, &e) : or_address_parse(a, text, &x, &e);
    require(err == ERR_OK || (e.what[0] != '\0' && e.column <= strlen(text) + 1));
    if (err != ERR_OK)
        return;
    text_again(a, &x, OR_SEMICOLON);
    octets_again(a, &x);
    require(or_address_match(&x, &x) >= 0 || x.n_values == 0);
}

static void from_octets(struct arena *a, struct bytes in) {
    struct or_address x;
    struct buf b = {0};
    const char *why = NULL;
    int err = or_name_decode(a, in, &x, &why);
    require(err == ERR_OK || (why != NULL && why[0] != '\0'));
    if (err == ERR_OK) {
        require(or_name_encode(&x, &b) == ERR_OK && bytes_equal(buf_bytes(&b), in)); // relayed to the octet
        require(or_address_print(a, &x, OR_SLASH) != NULL && or_address_print(a, &x, OR_SEMICOLON) != NULL);
        octets_again(a, &x);
    }
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct bytes in = bytes_of(octets, size);
    uint8_t how = take(&in);
    struct arena a = {.limit = 4 << 20};
    if (how & 1)
        from_octets(&a, in);
    else
        from_text(&a, arena_strndup(&a, in.p, strnlen((const char *)in.p, in.n)), how & 2);
    arena_free(&a);
    return 0;
}
