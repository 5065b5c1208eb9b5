// SPDX-License-Identifier: BSD-2-Clause
// Terminal types and presentation addresses as the texts that stand for them in an address. Terminal types: the words
// of F.401, any other number in digits. Presentation addresses are written in the manner of RFC 1278, selectors in
// hexadecimal only: 'hex'H for P, S and T selector, each followed by "/" (absent ones in front are left out, others
// empty), then NS+hex, joined by "_" when there are several.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "asn1/tlv.h"
#include "x400/oraddr_internal.h"

static const struct {
    const char *name;
    int number;
} terminal_types[] = {{"tlx", 3}, {"ttx", 4}, {"g3fax", 5}, {"g4fax", 6}, {"ia5", 7}, {"vtx", 8}};
enum { N_TERMINAL_TYPES = sizeof terminal_types / sizeof *terminal_types };

int64_t or_terminal_type_number(const char *text) {
    for (size_t i = 0; i < N_TERMINAL_TYPES; i++)
        if (strcasecmp(text, terminal_types[i].name) == 0)
            return terminal_types[i].number;
    size_t n = strlen(text);
    if (n == 0 || n > 9 || strspn(text, "0123456789") != n)
        return -1;
    return atol(text);
}

char *or_terminal_type_name(struct arena *arena, int64_t number) {
    for (size_t i = 0; i < N_TERMINAL_TYPES; i++)
        if (terminal_types[i].number == number)
            return arena_strdup(arena, terminal_types[i].name);
    return arena_printf(arena, "%lld", (long long)number);
}

char *or_terminal_type_normal(struct arena *arena, const char *text) {
    return or_terminal_type_name(arena, or_terminal_type_number(text));
}

// ---- hexadecimal ----

int or_hex_value(char c) {
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c == '\0' ? NULL : strchr(digits, c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
    return at == NULL ? -1 : (int)(at - digits);
}

int or_hex_put(struct buf *out, struct bytes in) {
    static const char digits[] = "0123456789ABCDEF";
    int r = buf_reserve(out, 2 * in.n);
    for (size_t i = 0; r == 0 && i < in.n; i++)
        r = buf_append(out, (const char[]){digits[in.p[i] >> 4], digits[in.p[i] & 0x0F]}, 2);
    return r;
}

int or_hex_get(const char *hex, size_t n, struct buf *out) {
    if (n % 2 != 0)
        return ERR_SYNTAX;
    for (size_t i = 0; i < n; i += 2) {
        int high = or_hex_value(hex[i]), low = or_hex_value(hex[i + 1]);
        if (high < 0 || low < 0)
            return ERR_SYNTAX;
        int r = buf_append_u8(out, (uint8_t)(high << 4 | low));
        if (r != 0)
            return r;
    }
    return 0;
}

// ---- presentation addresses ----

// The primitive OCTET STRING inside an explicit tag.
static int octets_inside(struct bytes value, struct bytes *out) {
    struct cursor c = cursor_of(value);
    struct tlv t;
    int r = tlv_expect(&c, TLV_UNIVERSAL, TLV_OCTET_STRING, &t, out);
    return r != 0 || t.constructed || cursor_left(&c) != 0 ? ERR_SYNTAX : 0;
}

static int put_networks(struct buf *out, struct bytes value) {
    struct cursor c = cursor_of(value);
    struct tlv t;
    struct bytes members, one;
    if (tlv_expect(&c, TLV_UNIVERSAL, TLV_SET, &t, &members) != 0)
        return ERR_SYNTAX;
    c = cursor_of(members);
    int r = cursor_left(&c) > 0 ? 0 : ERR_SYNTAX;
    for (bool first = true; r == 0 && cursor_left(&c) > 0; first = false) {
        r = tlv_expect(&c, TLV_UNIVERSAL, TLV_OCTET_STRING, &t, &one);
        if (r == 0 && (t.constructed || one.n == 0))
            r = ERR_SYNTAX;
        if (r == 0)
            r = buf_append_str(out, first ? "NS+" : "_NS+");
        if (r == 0)
            r = or_hex_put(out, one);
    }
    return r;
}

int or_psap_decode(struct arena *arena, struct bytes members, char **text) {
    struct cursor c = cursor_of(members);
    struct buf out = {0};
    bool begun = false;
    int r = 0;
    struct tlv t;
    struct bytes value, octets;
    for (uint32_t tag = 0; r == 0 && tag < 3; tag++) {
        struct cursor before = c;
        bool present = tlv_next(&c, &t, NULL, &value) == 0 && tlv_is(&t, TLV_CONTEXT, tag);
        if (!present)
            c = before;
        else if ((r = octets_inside(value, &octets)) == 0 && (r = buf_append_str(&out, "'")) == 0 &&
                 (r = or_hex_put(&out, octets)) == 0)
            r = buf_append_str(&out, "'H");
        begun = begun || present;
        if (r == 0 && begun)
            r = buf_append_str(&out, "/");
    }
    if (r == 0)
        r = tlv_expect(&c, TLV_CONTEXT, 3, &t, &value);
    if (r == 0)
        r = cursor_left(&c) != 0 ? ERR_SYNTAX : put_networks(&out, value);
    if (r == 0 && (*text = arena_strndup(arena, buf_bytes(&out).p, out.len)) == NULL)
        r = ERR_NOMEM;
    buf_free(&out);
    return r;
}

static int encode_selector(const char *p, size_t n, uint32_t tag, struct buf *out) {
    if (n == 0)
        return 0; // absent
    size_t from = out->len;
    if (n < 3 || p[0] != '\'' || p[n - 2] != '\'' || (p[n - 1] != 'H' && p[n - 1] != 'h'))
        return ERR_SYNTAX;
    int r = or_hex_get(p + 1, n - 3, out);
    if (r == 0)
        r = tlv_wrap(out, from, TLV_UNIVERSAL, false, TLV_OCTET_STRING);
    return r != 0 ? r : tlv_wrap(out, from, TLV_CONTEXT, true, tag);
}

static int encode_networks(const char *p, struct buf *out) {
    size_t from = out->len;
    for (const char *end; p != NULL; p = *end == '_' ? end + 1 : NULL) {
        end = p + strcspn(p, "_");
        size_t at = out->len;
        if (strncasecmp(p, "NS+", 3) != 0 || end - p < 5)
            return ERR_SYNTAX;
        int r = or_hex_get(p + 3, (size_t)(end - p) - 3, out);
        if (r == 0)
            r = tlv_wrap(out, at, TLV_UNIVERSAL, false, TLV_OCTET_STRING);
        if (r != 0)
            return r;
    }
    int r = tlv_wrap(out, from, TLV_UNIVERSAL, true, TLV_SET);
    return r != 0 ? r : tlv_wrap(out, from, TLV_CONTEXT, true, 3);
}

int or_psap_encode(const char *text, struct buf *out) {
    struct buf scratch = {0};
    size_t slashes = 0;
    for (const char *p = text; *p != '\0'; p++)
        slashes += *p == '/';
    int r = slashes > 3 ? ERR_SYNTAX : 0;
    for (uint32_t tag = 3 - (uint32_t)slashes; r == 0 && tag < 3; tag++) {
        size_t n = strcspn(text, "/");
        r = encode_selector(text, n, tag, &scratch);
        text += n + 1;
    }
    if (r == 0)
        r = encode_networks(text, &scratch);
    if (r == 0 && out != NULL)
        r = buf_append(out, buf_bytes(&scratch).p, scratch.len);
    buf_free(&scratch);
    return r;
}
