// SPDX-License-Identifier: BSD-2-Clause
// X.690 asks that identifiers below 31 use the short form, that only constructed encodings have indefinite length, and
// keeps UNIVERSAL 0 for the end-of-contents; anything else is a syntax error here. Lengths with more octets than needed
// are BER and accepted. Not implemented: tags above 2^28, lengths above 2^63, joining the segments of a BIT STRING.
#include "asn1/tlv.h"

#include <stdio.h>

static int header_tag(struct cursor *c, struct tlv *t) {
    uint8_t o;
    if (cursor_u8(c, &o) < 0)
        return ERR_SHORT;
    t->cls = (enum tlv_class)(o >> 6);
    t->constructed = (o & 0x20) != 0;
    t->tag = o & 0x1F;
    if (t->tag != 0x1F)
        return ERR_OK;
    t->tag = 0;
    for (int i = 0; i < 4; i++) {
        if (cursor_u8(c, &o) < 0)
            return ERR_SHORT;
        if (i == 0 && o == 0x80)
            return ERR_SYNTAX;
        t->tag = t->tag << 7 | (o & 0x7F);
        if ((o & 0x80) == 0)
            return t->tag < 0x1F ? ERR_SYNTAX : ERR_OK;
    }
    return ERR_LIMIT;
}

static int header_length(struct cursor *c, struct tlv *t) {
    uint8_t o;
    if (cursor_u8(c, &o) < 0)
        return ERR_SHORT;
    t->indefinite = false;
    t->len = o;
    if (o < 0x80)
        return ERR_OK;
    t->len = 0;
    if (o == 0x80) {
        t->indefinite = true;
        return t->constructed ? ERR_OK : ERR_SYNTAX;
    }
    if (o == 0xFF)
        return ERR_SYNTAX;
    int n = o & 0x7F;
    if (n > 8)
        return ERR_LIMIT;
    while (n-- > 0) {
        if (cursor_u8(c, &o) < 0)
            return ERR_SHORT;
        t->len = t->len << 8 | o;
    }
    return t->len > INT64_MAX ? ERR_LIMIT : ERR_OK;
}

int tlv_header(struct bytes b, struct tlv *t) {
    struct cursor c = cursor_of(b);
    struct tlv got = {0};
    int err = header_tag(&c, &got);
    if (err < 0)
        return err;
    err = header_length(&c, &got);
    if (err < 0)
        return err;
    got.hdr = (size_t)(c.p - b.p);
    if (tlv_is_eoc(&got) && (got.constructed || got.hdr != 2 || got.len != 0))
        return ERR_SYNTAX;
    *t = got;
    return ERR_OK;
}

// The octets up to the end-of-contents that closes what was opened before c.
static int indefinite_length(struct cursor c, size_t *len) {
    const uint8_t *start = c.p;
    for (size_t open = 1; open > 0;) {
        struct tlv t;
        int err = tlv_header(bytes_of(c.p, cursor_left(&c)), &t);
        if (err < 0)
            return err;
        *len = (size_t)(c.p - start);
        c.p += t.hdr;
        if (tlv_is_eoc(&t))
            open--;
        else if (t.indefinite)
            open++;
        else if (t.len > cursor_left(&c))
            return ERR_SHORT;
        else
            c.p += t.len;
    }
    return ERR_OK;
}

int tlv_next(struct cursor *c, struct tlv *t, struct bytes *whole, struct bytes *value) {
    if (cursor_left(c) == 0)
        return ERR_ABSENT;
    struct tlv got;
    int err = tlv_header(bytes_of(c->p, cursor_left(c)), &got);
    if (err < 0)
        return err;
    if (tlv_is_eoc(&got))
        return ERR_SYNTAX;
    struct cursor at = {c->p + got.hdr, c->end};
    size_t len = (size_t)got.len;
    if (got.indefinite) {
        err = indefinite_length(at, &len);
        if (err < 0)
            return err;
    } else if (got.len > cursor_left(&at)) {
        return ERR_SHORT;
    }
    *t = got;
    size_t total = got.hdr + len + (got.indefinite ? 2 : 0);
    if (whole != NULL)
        *whole = bytes_of(c->p, total);
    if (value != NULL)
        *value = bytes_of(at.p, len);
    c->p += total;
    return ERR_OK;
}

int tlv_expect(struct cursor *c, enum tlv_class cls, uint32_t tag, struct tlv *t, struct bytes *value) {
    struct cursor at = *c;
    int err = tlv_next(&at, t, NULL, value);
    if (err == ERR_ABSENT || (err == ERR_OK && !tlv_is(t, cls, tag)))
        return ERR_SYNTAX;
    if (err == ERR_OK)
        *c = at;
    return err;
}

int tlv_find(struct bytes value, enum tlv_class cls, uint32_t tag, struct tlv *t, struct bytes *found) {
    struct cursor c = cursor_of(value);
    int err;
    while ((err = tlv_next(&c, t, NULL, found)) == ERR_OK && !tlv_is(t, cls, tag))
        ;
    return err;
}

// ---- strings ----

// Counts the octets of all segments, and copies them when out is given.
static int join(struct bytes value, unsigned depth, size_t limit, uint8_t *out, size_t *n) {
    if (depth > TLV_DEPTH_DEFAULT)
        return ERR_LIMIT;
    struct cursor c = cursor_of(value);
    struct tlv t;
    struct bytes v;
    int err;
    while ((err = tlv_next(&c, &t, NULL, &v)) == ERR_OK) {
        // X.690 8.23.6 encodes segments of character strings as OCTET STRINGs.
        if (!tlv_is(&t, TLV_UNIVERSAL, TLV_OCTET_STRING))
            return ERR_SYNTAX;
        if (t.constructed) {
            err = join(v, depth + 1, limit, out, n);
            if (err < 0)
                return err;
            continue;
        }
        if (v.n > limit - *n)
            return ERR_LIMIT;
        if (out != NULL && v.n > 0)
            memcpy(out + *n, v.p, v.n);
        *n += v.n;
    }
    return err == ERR_ABSENT ? ERR_OK : err;
}

int tlv_string(struct arena *a, const struct tlv *t, struct bytes value, size_t limit, struct bytes *out) {
    if (!t->constructed) {
        if (value.n > limit)
            return ERR_LIMIT;
        *out = arena_bytes(a, value);
        return out->p == NULL ? ERR_NOMEM : ERR_OK;
    }
    size_t n = 0;
    int err = join(value, 1, limit, NULL, &n);
    if (err < 0)
        return err;
    uint8_t *mem = arena_alloc(a, n + 1);
    if (mem == NULL)
        return ERR_NOMEM;
    *out = bytes_of(mem, n);
    n = 0;
    return join(value, 1, limit, mem, &n);
}

// ---- contents of primitives ----

int tlv_get_int(struct bytes value, int64_t *v) {
    if (value.n == 0)
        return ERR_SYNTAX;
    size_t i = 0;
    uint8_t sign = value.p[0] & 0x80 ? 0xFF : 0;
    while (i + 1 < value.n && value.p[i] == sign && ((value.p[i + 1] ^ sign) & 0x80) == 0)
        i++;
    if (value.n - i > 8)
        return ERR_LIMIT;
    uint64_t u = sign ? UINT64_MAX : 0;
    for (; i < value.n; i++)
        u = u << 8 | value.p[i];
    *v = (int64_t)u;
    return ERR_OK;
}

int tlv_get_bool(struct bytes value, bool *v) {
    if (value.n != 1)
        return ERR_SYNTAX;
    *v = value.p[0] != 0;
    return ERR_OK;
}

int tlv_get_bits(struct bytes value, uint32_t *bits) {
    if (value.n == 0 || value.p[0] > 7 || (value.n == 1 && value.p[0] != 0))
        return ERR_SYNTAX;
    size_t n = (value.n - 1) * 8 - value.p[0];
    *bits = 0;
    for (unsigned i = 0; i < 32 && i < n; i++) {
        if (value.p[1 + i / 8] & 0x80 >> i % 8)
            *bits |= UINT32_C(1) << i;
    }
    return ERR_OK;
}

int tlv_oid_text(struct bytes value, char *out, size_t size) {
    if (value.n == 0 || (value.p[value.n - 1] & 0x80) != 0)
        return ERR_SYNTAX;
    uint64_t arc = 0;
    size_t used = 0;
    bool first = true, fresh = true;
    for (size_t i = 0; i < value.n; i++) {
        if ((fresh && value.p[i] == 0x80) || arc >> 57 != 0)
            return ERR_SYNTAX;
        arc = arc << 7 | (value.p[i] & 0x7F);
        fresh = (value.p[i] & 0x80) == 0;
        if (!fresh)
            continue;
        unsigned top = arc < 40 ? 0 : arc < 80 ? 1 : 2;
        int n = first ? snprintf(out + used, size - used, "%u.%llu", top, (unsigned long long)(arc - top * 40ULL))
                      : snprintf(out + used, size - used, ".%llu", (unsigned long long)arc);
        if (n < 0 || (size_t)n >= size - used)
            return ERR_LIMIT;
        used += (size_t)n;
        first = false;
        arc = 0;
    }
    return ERR_OK;
}

// ---- writing ----

static size_t header_encode(uint8_t *h, enum tlv_class cls, bool constructed, uint32_t tag, uint64_t len) {
    size_t n = 0;
    uint8_t id = (uint8_t)(cls << 6 | (constructed ? 0x20 : 0));
    if (tag < 0x1F) {
        h[n++] = (uint8_t)(id | tag);
    } else {
        h[n++] = id | 0x1F;
        for (int shift = 28; shift >= 0; shift -= 7) {
            if (tag >> shift != 0)
                h[n++] = (uint8_t)((tag >> shift & 0x7F) | (shift > 0 ? 0x80 : 0));
        }
    }
    if (len < 0x80) {
        h[n++] = (uint8_t)len;
        return n;
    }
    uint8_t octets = 1;
    while (octets < 8 && len >> octets * 8 != 0)
        octets++;
    h[n++] = 0x80 | octets;
    while (octets-- > 0)
        h[n++] = (uint8_t)(len >> octets * 8);
    return n;
}

enum { HEADER_ROOM = 16 }; // a 32-bit tag needs an octet more than TLV_TAG_MAX

int tlv_put_header(struct buf *b, enum tlv_class cls, bool constructed, uint32_t tag, uint64_t len) {
    uint8_t h[HEADER_ROOM];
    return buf_append(b, h, header_encode(h, cls, constructed, tag, len));
}

int tlv_put(struct buf *b, enum tlv_class cls, bool constructed, uint32_t tag, struct bytes value) {
    if (value.n > SIZE_MAX / 4 || buf_reserve(b, HEADER_ROOM + value.n) < 0)
        return ERR_NOMEM;
    int err = tlv_put_header(b, cls, constructed, tag, value.n);
    return err < 0 || value.n == 0 ? err : buf_append(b, value.p, value.n);
}

int tlv_put_int(struct buf *b, enum tlv_class cls, uint32_t tag, int64_t v) {
    uint8_t o[8];
    for (int i = 0; i < 8; i++)
        o[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
    size_t i = 0;
    uint8_t sign = v < 0 ? 0xFF : 0;
    while (i < 7 && o[i] == sign && ((o[i + 1] ^ sign) & 0x80) == 0)
        i++;
    return tlv_put(b, cls, false, tag, bytes_of(o + i, 8 - i));
}

int tlv_put_bool(struct buf *b, enum tlv_class cls, uint32_t tag, bool v) {
    return tlv_put(b, cls, false, tag, bytes_of(v ? "\xFF" : "\0", 1));
}

int tlv_put_bits(struct buf *b, enum tlv_class cls, uint32_t tag, uint32_t bits) {
    uint8_t o[5] = {0};
    unsigned n = 0; // bits up to the last that is set
    for (unsigned i = 0; i < 32; i++) {
        if (bits & UINT32_C(1) << i) {
            o[1 + i / 8] |= (uint8_t)(0x80 >> i % 8);
            n = i + 1;
        }
    }
    size_t octets = (n + 7) / 8;
    o[0] = (uint8_t)(octets * 8 - n);
    return tlv_put(b, cls, false, tag, bytes_of(o, 1 + octets));
}

static int tlv_put_arcs(struct buf *b, enum tlv_class cls, uint32_t tag, const uint32_t *arcs, size_t n) {
    if (n < 2 || n > TLV_OID_ARCS_MAX || arcs[0] > 2 || (arcs[0] < 2 && arcs[1] > 39))
        return ERR_SYNTAX;
    uint8_t o[TLV_OID_ARCS_MAX * 5];
    size_t used = 0;
    for (size_t i = 1; i < n; i++) {
        uint64_t arc = i == 1 ? arcs[0] * UINT64_C(40) + arcs[1] : arcs[i];
        for (int shift = 28; shift >= 0; shift -= 7) {
            if (shift == 0 || arc >> shift != 0)
                o[used++] = (uint8_t)((arc >> shift & 0x7F) | (shift > 0 ? 0x80 : 0));
        }
    }
    return tlv_put(b, cls, false, tag, bytes_of(o, used));
}

int tlv_put_oid(struct buf *b, enum tlv_class cls, uint32_t tag, const char *dotted) {
    uint32_t arcs[TLV_OID_ARCS_MAX];
    size_t n = 0;
    for (const char *p = dotted;; p++) {
        if (n == TLV_OID_ARCS_MAX || *p < '0' || *p > '9')
            return ERR_SYNTAX;
        uint64_t arc = 0;
        for (; *p >= '0' && *p <= '9'; p++) {
            arc = arc * 10 + (uint64_t)(*p - '0');
            if (arc > UINT32_MAX)
                return ERR_SYNTAX;
        }
        arcs[n++] = (uint32_t)arc;
        if (*p == '\0')
            return tlv_put_arcs(b, cls, tag, arcs, n);
        if (*p != '.')
            return ERR_SYNTAX;
    }
}

int tlv_wrap(struct buf *b, size_t from, enum tlv_class cls, bool constructed, uint32_t tag) {
    if (from > b->len)
        return ERR_STATE;
    uint8_t h[HEADER_ROOM];
    size_t n = header_encode(h, cls, constructed, tag, b->len - from);
    if (from == 0)
        return buf_prepend(b, h, n);
    size_t inner = b->len - from;
    int err = buf_append(b, h, n); // makes the room; the content is moved over it
    if (err < 0)
        return err;
    uint8_t *at = b->mem + b->off + from;
    memmove(at + n, at, inner);
    memcpy(at, h, n);
    return ERR_OK;
}
