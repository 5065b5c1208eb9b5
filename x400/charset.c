// SPDX-License-Identifier: BSD-2-Clause
// UTF-8 itself, the small character sets of ASN.1 (NumericString, PrintableString, IA5String), TeletexString towards
// T.61, BMPString and UniversalString. Everything that reads ISO 2022 (general text, T.61) is in charset_general.c.
#include "x400/charset.h"

#include <string.h>

#include "asn1/validate.h"
#include "x400/charset_sets.h"

enum { REPLACEMENT = 0xFFFD };

uint32_t charset_utf8_next(const char **p, const char *end) {
    static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000}; // by following octets: shorter would do
    uint8_t first = (uint8_t) * (*p)++;
    if (first < 0x80)
        return first;
    unsigned more = first >= 0xF0 && first <= 0xF4  ? 3
                    : first >= 0xE0 && first < 0xF0 ? 2
                    : first >= 0xC2 && first < 0xE0 ? 1
                                                    : 0;
    if (more == 0 || (size_t)(end - *p) < more)
        return REPLACEMENT;
    uint32_t c = first & (0x3Fu >> more);
    for (unsigned i = 0; i < more; i++) {
        uint8_t next = (uint8_t)(*p)[i];
        if ((next & 0xC0) != 0x80)
            return REPLACEMENT;
        c = c << 6 | (next & 0x3F);
    }
    if (c < least[more] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return REPLACEMENT;
    *p += more;
    return c;
}

int charset_utf8_put(struct buf *out, uint32_t c) {
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        c = REPLACEMENT;
    if (c < 0x80)
        return buf_append_u8(out, (uint8_t)c);
    uint8_t o[4];
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        o[i] = (uint8_t)(0x80 | (c & 0x3F));
    o[0] = (uint8_t)((0xF00u >> n) | c);
    return buf_append(out, o, n);
}

bool charset_utf8_valid(struct bytes text) {
    const char *p = (const char *)text.p, *end = p + text.n;
    while (p < end) {
        const char *at = p;
        if (charset_utf8_next(&p, end) == REPLACEMENT && (p - at != 3 || memcmp(at, "\xEF\xBF\xBD", 3) != 0))
            return false;
    }
    return true;
}

static bool all_in(const char *text, enum validate_type type) {
    for (; *text != '\0'; text++)
        if (!validate_octet(type, (uint8_t)*text))
            return false;
    return true;
}

bool charset_is_numeric(const char *text) {
    return all_in(text, VALIDATE_NUMERIC);
}
bool charset_is_printable(const char *text) {
    return all_in(text, VALIDATE_PRINTABLE);
}

// One character in T.61: octets written to out, 0: it is not there. Some of ASCII's places are free or others' there.
static size_t t61_octets(const struct charset_set *supplementary, uint32_t c, uint8_t out[2]) {
    if (c < 0x80 && (c == 0 || strchr("#$\\^`{}~\x7F\x0E\x0F\x1B", (int)c) == NULL)) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if ((out[0] = charset_set_octet(supplementary, c)) != 0)
        return 1;
    return charset_accent_of(c, &out[0], &out[1]) ? 2 : 0;
}

bool charset_is_teletex(const char *text) {
    const struct charset_set *supplementary = charset_set_find(103);
    uint8_t octets[2];
    for (const char *end = text + strlen(text); text < end;)
        if (t61_octets(supplementary, charset_utf8_next(&text, end), octets) == 0)
            return false;
    return true;
}

int charset_utf8_to_t61(const char *text, struct buf *out) {
    const struct charset_set *supplementary = charset_set_find(103);
    const char *end = text + strlen(text);
    size_t before = out->len;
    int r = 0;
    while (r == 0 && text < end) {
        uint8_t octets[2];
        size_t n = t61_octets(supplementary, charset_utf8_next(&text, end), octets);
        r = n == 0 ? ERR_SYNTAX : buf_append(out, octets, n);
    }
    if (r != 0)
        out->len = before;
    return r;
}

int charset_utf8_to_ucs(const char *text, unsigned width, struct buf *out) {
    const char *end = text + strlen(text);
    size_t before = out->len;
    int r = 0;
    while (r == 0 && text < end) {
        uint32_t c = charset_utf8_next(&text, end);
        r = width == 4 ? buf_append_u32(out, c) : c > 0xFFFF ? ERR_SYNTAX : buf_append_u16(out, (uint16_t)c);
    }
    if (r != 0)
        out->len = before;
    return r;
}

int charset_t61_to_utf8(struct bytes in, struct buf *out) {
    return charset_decode(CHARSET_T61, NULL, 0, in, out);
}
int charset_latin1_to_utf8(struct bytes in, struct buf *out) {
    return charset_decode(CHARSET_LATIN1, NULL, 0, in, out);
}

int charset_ucs_to_utf8(struct bytes in, unsigned width, struct buf *out) {
    size_t before = out->len;
    struct cursor c = cursor_of(in);
    int r = 0;
    while (r == 0 && cursor_left(&c) > 0) {
        uint32_t wide = REPLACEMENT;
        uint16_t narrow;
        if (width == 4 && cursor_u32(&c, &wide) == 0)
            r = charset_utf8_put(out, wide);
        else if (width == 2 && cursor_u16(&c, &narrow) == 0)
            r = charset_utf8_put(out, narrow);
        else {
            c.p = c.end;
            r = charset_utf8_put(out, REPLACEMENT);
        }
    }
    if (r != 0)
        out->len = before;
    return r;
}
