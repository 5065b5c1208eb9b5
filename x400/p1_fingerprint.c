// SPDX-License-Identifier: BSD-2-Clause
// A transfer that is repeated after its acknowledgement was lost is the same in what is gathered here. The octets are
// written in a form of their own that does not depend on how lengths were encoded: a tag, then either a length and
// contents, or members and an end mark. They are written in one pass, however deep a peer nests.
#include "x400/p1.h"

struct writer {
    struct buf *b;
    bool primitive; // the innermost element is one
    struct tlv_stream scan;
};

static int on_begin(void *ctx, unsigned depth, const struct tlv *t) {
    struct writer *w = ctx;
    (void)depth;
    w->primitive = !t->constructed;
    int err = buf_append_u32(w->b, (uint32_t)t->cls << 30 | (uint32_t)t->constructed << 29 | t->tag);
    return err < 0 || t->constructed ? err : buf_append_u32(w->b, (uint32_t)t->len);
}

static int on_data(void *ctx, unsigned depth, struct bytes piece) {
    struct writer *w = ctx;
    (void)depth;
    return buf_append(w->b, piece.p, piece.n);
}

static int on_end(void *ctx, unsigned depth) {
    struct writer *w = ctx;
    bool primitive = w->primitive;
    (void)depth;
    w->primitive = false;
    return primitive ? 0 : buf_append_u32(w->b, 0);
}

static const struct tlv_stream_user scan_user = {on_begin, on_data, on_end, NULL};

// Elements one after the other, and an end mark.
static int put_canonical(struct writer *w, struct bytes elements) {
    while (elements.n > 0) {
        size_t used;
        tlv_stream_reset(&w->scan);
        int err = tlv_stream_feed(&w->scan, elements, &used);
        if (err < 0)
            return err;
        if (!w->scan.done)
            return ERR_SHORT;
        elements.p += used;
        elements.n -= used;
    }
    return buf_append_u32(w->b, 0);
}

static int put_extension(struct writer *w, const struct p1_extensions *x, int type) {
    const struct p1_extension *e = p1_extension_find(x, type);
    return put_canonical(w, e != NULL ? e->value : bytes_of(NULL, 0));
}

static int put_trace(struct writer *w, const struct trace *t) {
    struct buf encoded = {0};
    int err = trace_encode(&encoded, t, false);
    if (err == 0)
        err = put_canonical(w, buf_bytes(&encoded));
    buf_free(&encoded);
    return err;
}

static int put_recipient(struct writer *w, const struct p1_recipient *p) {
    int err = buf_append_u32(w->b, (uint32_t)p->number);
    if (err == 0)
        err = put_canonical(w, p->name);
    return err < 0 ? err : put_extension(w, &p->extensions, P1_EXT_REDIRECTION_HISTORY);
}

static int put_all(struct writer *w, const struct p1_envelope *e) {
    int err = buf_append_u8(w->b, (uint8_t)e->type);
    if (err == 0)
        err = put_canonical(w, e->identifier);
    if (err == 0)
        err = put_trace(w, &e->trace);
    if (err == 0)
        err = put_extension(w, &e->extensions, P1_EXT_DL_EXPANSION_HISTORY);
    if (err == 0)
        err = put_extension(w, &e->extensions, P1_EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY);
    if (err == 0)
        err = put_extension(w, &e->extensions, P1_EXT_REDIRECTION_HISTORY);
    for (size_t i = 0; i < e->n_recipients && err == 0; i++)
        if (e->type == P1_REPORT || (e->recipient[i].indicators.set & P1_RESPONSIBILITY))
            err = put_recipient(w, &e->recipient[i]);
    return err;
}

int p1_fingerprint(struct buf *b, const struct p1_envelope *e) {
    struct writer w = {.b = b};
    tlv_stream_init(&w.scan, &scan_user, &w, &(struct tlv_limits){.depth = TLV_DEPTH_MAX}, 0);
    int err = put_all(&w, e);
    tlv_stream_free(&w.scan);
    return err;
}
