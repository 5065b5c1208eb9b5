// SPDX-License-Identifier: BSD-2-Clause
// BER by hand, where a compiled decoder is too much or too early: headers, walks over members, validation, strings,
// DER writing (X.690), and a push scanner for elements that never fit in memory.
// Results: 0; ERR_SHORT: the input ends before the element does; ERR_SYNTAX: it can never be valid; ERR_LIMIT: a limit
// below or one given; ERR_NOMEM. Lengths and offsets count octets. Nothing here recurses deeper than TLV_DEPTH_MAX.
// Readers return views of their input unless they say that they copy.
#ifndef ASN1_TLV_H
#define ASN1_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum tlv_class { TLV_UNIVERSAL, TLV_APPLICATION, TLV_CONTEXT, TLV_PRIVATE };

// Universal tags that hand-written codecs need.
enum tlv_universal {
    TLV_BOOLEAN = 1,
    TLV_INTEGER = 2,
    TLV_BIT_STRING = 3,
    TLV_OCTET_STRING = 4,
    TLV_NULL = 5,
    TLV_OID = 6,
    TLV_EXTERNAL = 8,
    TLV_ENUMERATED = 10,
    TLV_SEQUENCE = 16,
    TLV_SET = 17,
    TLV_NUMERIC_STRING = 18,
    TLV_PRINTABLE_STRING = 19,
    TLV_T61_STRING = 20,
    TLV_IA5_STRING = 22,
    TLV_UTC_TIME = 23,
    TLV_GRAPHIC_STRING = 25,
    TLV_GENERAL_STRING = 27
};

enum {
    TLV_DEPTH_MAX = 128,     // no limit on depth can be set higher
    TLV_DEPTH_DEFAULT = 64,  // P1 envelopes need about 20
    TLV_TAG_MAX = 0xFFFFFFF, // four octets of long-form tag
    TLV_HEADER_MAX = 14,     // identifier 5, length 9
    TLV_OID_ARCS_MAX = 32
};

struct tlv {
    enum tlv_class cls;
    bool constructed;
    bool indefinite; // only when constructed; len is 0 then
    uint32_t tag;
    size_t hdr;   // octets of identifier and length
    uint64_t len; // octets of contents
};

struct tlv_limits {
    unsigned depth;         // nesting, the outermost element is 1; 0: TLV_DEPTH_DEFAULT
    uint64_t size;          // octets of the outermost element, header and all; 0: none
    unsigned long elements; // elements at all depths; 0: none
};

static inline bool tlv_is(const struct tlv *t, enum tlv_class cls, uint32_t tag) {
    return t->cls == cls && t->tag == tag;
}
static inline bool tlv_is_eoc(const struct tlv *t) {
    return t->cls == TLV_UNIVERSAL && t->tag == 0;
}

// ---- reading ----

// The header at the start of b; the contents need not be there. An end-of-contents is returned as such, and only `00
// 00`.
int tlv_header(struct bytes b, struct tlv *t);

// The next member of a constructed value; ERR_ABSENT at the end. whole and value (either may be NULL) are the element
// with and without header and end-of-contents. A fault inside a definite member is not noticed here (see tlv_check).
int tlv_next(struct cursor *c, struct tlv *t, struct bytes *whole, struct bytes *value);
// The same for one element that is expected: ERR_SYNTAX when another or none is there.
int tlv_expect(struct cursor *c, enum tlv_class cls, uint32_t tag, struct tlv *t, struct bytes *value);
// The first member of a constructed value that has this tag; ERR_ABSENT.
int tlv_find(struct bytes value, enum tlv_class cls, uint32_t tag, struct tlv *t, struct bytes *found);

// Walks all of the element at the start of b. total (may be NULL): its octets. limits NULL: the defaults.
int tlv_check(struct bytes b, const struct tlv_limits *limits, uint64_t *total);

// The contents of a primitive, or the joined segments of a constructed, octet or character string (not a BIT STRING),
// copied into the arena. More than `limit` octets: ERR_LIMIT.
int tlv_string(struct arena *a, const struct tlv *t, struct bytes value, size_t limit, struct bytes *out);

// Contents of primitives. Integers of more octets than fit: ERR_LIMIT.
int tlv_get_int(struct bytes value, int64_t *v);
int tlv_get_bool(struct bytes value, bool *v);
// Named bits 0..31: bit i of the BIT STRING is 1 << i. Further bits are ignored.
int tlv_get_bits(struct bytes value, uint32_t *bits);
// Object identifiers are compared as encoded octets; this is their dotted form for people. ERR_LIMIT when out is small.
int tlv_oid_text(struct bytes value, char *out, size_t size);

// ---- writing: DER, appended; 0 or ERR_NOMEM ----

int tlv_put_header(struct buf *b, enum tlv_class cls, bool constructed, uint32_t tag, uint64_t len);
int tlv_put(struct buf *b, enum tlv_class cls, bool constructed, uint32_t tag, struct bytes value);
int tlv_put_int(struct buf *b, enum tlv_class cls, uint32_t tag, int64_t v);
int tlv_put_bool(struct buf *b, enum tlv_class cls, uint32_t tag, bool v);
int tlv_put_bits(struct buf *b, enum tlv_class cls, uint32_t tag, uint32_t bits); // named: trailing zero bits left out
int tlv_put_oid(struct buf *b, enum tlv_class cls, uint32_t tag, const char *dotted); // also ERR_SYNTAX
// Puts a definite header before what b holds from offset `from` on: 0 wraps all of it (and uses the headroom),
// an earlier b->len closes what was begun there.
int tlv_wrap(struct buf *b, size_t from, enum tlv_class cls, bool constructed, uint32_t tag);

// ---- the push scanner ----
// Fed with the octets of one element in any pieces, it tells what it sees while holding only the open headers. depth is
// 0 for the outermost element. Callbacks may be NULL; one that returns less than 0 stops the scan with that result.
// They must not feed or end the scanner that calls them.
enum { TLV_COLLECT = 1 };

struct tlv_stream_user {
    int (*begin)(void *ctx, unsigned depth,
                 const struct tlv *t);                          // 0: stream it, TLV_COLLECT: gather the whole encoding
    int (*data)(void *ctx, unsigned depth, struct bytes piece); // contents of a primitive, never empty
    int (*end)(void *ctx, unsigned depth);
    int (*whole)(void *ctx, unsigned depth, const struct tlv *t, struct bytes whole); // what begin asked to collect
};

struct tlv_stream {
    const struct tlv_stream_user *user;
    void *ctx;
    struct tlv_limits limits;
    size_t collect_limit; // octets of one collected element, at most; begin may change it
    uint64_t offset;      // octets used so far
    unsigned long elements;
    unsigned depth; // open elements
    struct {
        uint64_t end; // offset behind the contents; the enclosing one's when indefinite
        bool indefinite;
    } open[TLV_DEPTH_MAX];
    bool in_primitive; // the innermost open element takes contents, not members
    bool done;         // the outermost element is complete
    int err;           // sticky
    uint8_t head[TLV_HEADER_MAX];
    size_t n_head;          // octets of a header that came in part
    unsigned collect_depth; // depth + 1 of the element being collected, 0: none
    struct tlv collect_tlv; // its header
    struct buf collected;
};

// limits NULL: the defaults. They are copied; user is kept.
void tlv_stream_init(struct tlv_stream *s, const struct tlv_stream_user *user, void *ctx,
                     const struct tlv_limits *limits, size_t collect_limit);
void tlv_stream_reset(struct tlv_stream *s); // ready for another outermost element
void tlv_stream_free(struct tlv_stream *s);
// used (may be NULL): octets taken, fewer than in.n only at an error or when s->done became true; what follows belongs
// to the caller. Feeding on after done is ERR_STATE.
int tlv_stream_feed(struct tlv_stream *s, struct bytes in, size_t *used);
// How far it is, as octets to be stored: appended. ERR_STATE: it failed, or is collecting. ERR_NOMEM.
int tlv_stream_save(const struct tlv_stream *s, struct buf *b);
// Into one that was just initialised, as that one was. ERR_SYNTAX: no scanner can be there. It is then good for
// nothing.
int tlv_stream_restore(struct tlv_stream *s, struct cursor *c);

#endif
