// SPDX-License-Identifier: BSD-2-Clause
// A transfer that is repeated after its acknowledgement was lost is the same in what is gathered here. The octets are
// written in a form of their own that does not depend on how lengths were encoded: a tag, then either a length and
// contents, or members and an end mark.
#include "x400/p1.h"

static int put_tag(struct buf *b, const struct tlv *t) {
    return buf_append_u32(b, (uint32_t)t->cls << 30 | (uint32_t)t->constructed << 29 | t->tag);
}

// Elements one after the other; depth bounds the recursion, and what was decoded is never deeper.
static int put_canonical(struct buf *b, struct bytes elements, unsigned depth) {
    struct tlv t;
    struct bytes value;
    int err;
    if (depth == 0)
        return ERR_LIMIT;
    for (struct cursor c = cursor_of(elements); (err = tlv_next(&c, &t, NULL, &value)) == 0;) {
        if ((err = put_tag(b, &t)) < 0)
            return err;
        if (t.constructed)
            err = put_canonical(b, value, depth - 1);
        else if ((err = buf_append_u32(b, (uint32_t)value.n)) == 0)
            err = buf_append(b, value.p, value.n);
        if (err < 0)
            return err;
    }
    return err == ERR_ABSENT ? buf_append_u32(b, 0) : err;
}

static int put_extension(struct buf *b, const struct p1_extensions *x, int type) {
    const struct p1_extension *e = p1_extension_find(x, type);
    return put_canonical(b, e != NULL ? e->value : bytes_of(NULL, 0), TLV_DEPTH_MAX);
}

static int put_trace(struct buf *b, const struct trace *t) {
    struct buf encoded = {0};
    int err = trace_encode(&encoded, t, false);
    if (err == 0)
        err = put_canonical(b, buf_bytes(&encoded), TLV_DEPTH_MAX);
    buf_free(&encoded);
    return err;
}

int p1_fingerprint(struct buf *b, const struct p1_envelope *e) {
    int err = buf_append_u8(b, (uint8_t)e->type);
    if (err == 0)
        err = put_canonical(b, e->identifier, TLV_DEPTH_MAX);
    if (err == 0)
        err = put_trace(b, &e->trace);
    if (err == 0)
        err = put_extension(b, &e->extensions, P1_EXT_DL_EXPANSION_HISTORY);
    if (err == 0)
        err = put_extension(b, &e->extensions, P1_EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY);
    if (err == 0)
        err = put_extension(b, &e->extensions, P1_EXT_REDIRECTION_HISTORY);
    for (size_t i = 0; i < e->n_recipients && err == 0; i++) {
        const struct p1_recipient *p = &e->recipient[i];
        if (e->type != P1_REPORT && !(p->indicators.set & P1_RESPONSIBILITY))
            continue;
        err = buf_append_u32(b, (uint32_t)p->number);
        if (err == 0)
            err = put_canonical(b, p->name, TLV_DEPTH_MAX);
        if (err == 0)
            err = put_extension(b, &p->extensions, P1_EXT_REDIRECTION_HISTORY);
    }
    return err;
}
