// SPDX-License-Identifier: BSD-2-Clause
// A PDV-list inside User-data and an EXTERNAL differ only in what is around their members, so one reader serves both.
// The scanner of asn1/tlv finds where elements end, in definite and indefinite form; the octets of a single-ASN1-type
// value are passed on from the input itself. Not here: a value whose arbitrary form does not end at an octet's end.
#include "rfc1006/presentation_pdv.h"

enum { PDV_FORM_NONE = 3, PDV_SMALL = 64 };

static int pdv_pass(struct pdv_stream *p, struct bytes piece) {
    return piece.n == 0 ? ERR_OK : p->user->data(p->ctx, piece);
}

// Passes on what of the value's encoding is in the input before offset `to`.
static int raw_flush(struct pdv_stream *p, uint64_t to) {
    struct bytes piece = bytes_of(p->in + (p->raw_from - p->in_at), (size_t)(to - p->raw_from));
    p->raw_from = to;
    return pdv_pass(p, piece);
}

// The header of a single-ASN1-type value: what of it came in earlier input, the scanner still has.
static int raw_begin(struct pdv_stream *p) {
    if (p->raw_seen)
        return ERR_SYNTAX; // a second value in [0]
    p->raw_seen = p->raw_open = true;
    p->raw_from = p->tlv.offset;
    if (p->raw_from >= p->in_at)
        return ERR_OK;
    struct bytes head = bytes_of(p->tlv.head, (size_t)(p->in_at - p->raw_from));
    p->raw_from = p->in_at;
    return pdv_pass(p, head);
}

static int value_begin(struct pdv_stream *p, const struct tlv *t) {
    if (p->had_value || t->tag > 2 || (t->tag == 0 && !t->constructed))
        return ERR_SYNTAX;
    p->had_value = true;
    p->form = (uint8_t)t->tag;
    p->raw_seen = p->raw_open = false;
    p->bits_begin = !t->constructed;
    if (p->kind == PDV_USER_DATA && p->context == PDV_NO_CONTEXT)
        return ERR_SYNTAX; // a PDV-list names its context
    return p->user->begin(p->ctx, p->context);
}

static int member_begin(struct pdv_stream *p, const struct tlv *t) {
    if (t->cls == TLV_CONTEXT)
        return value_begin(p, t);
    if (t->cls != TLV_UNIVERSAL || t->constructed || p->had_value)
        return ERR_SYNTAX;
    if (t->tag == TLV_INTEGER || t->tag == TLV_OID)
        return TLV_COLLECT;
    return p->kind == PDV_EXTERNAL && t->tag == 7 ? ERR_OK : ERR_SYNTAX; // data-value-descriptor
}

// Something inside the value.
static int inner_begin(struct pdv_stream *p, unsigned depth, const struct tlv *t) {
    if (p->form == 0)
        return depth > p->level + 1 ? ERR_OK : raw_begin(p);
    p->bits_begin = !t->constructed;
    return tlv_is(t, TLV_UNIVERSAL, p->form == 1 ? TLV_OCTET_STRING : TLV_BIT_STRING) ? ERR_OK : ERR_SYNTAX;
}

static int pdv_begin(void *ctx, unsigned depth, const struct tlv *t) {
    struct pdv_stream *p = ctx;
    if (depth == 0 && p->kind == PDV_USER_DATA && tlv_is(t, TLV_APPLICATION, 0)) {
        p->level = 0;
        p->form = 1;
        return p->user->begin(p->ctx, PDV_NO_CONTEXT);
    }
    if (depth > p->level)
        return inner_begin(p, depth, t);
    if (depth == p->level)
        return member_begin(p, t);
    bool outermost = depth == 0;
    p->context = PDV_NO_CONTEXT;
    p->form = PDV_FORM_NONE;
    p->had_value = false;
    if (!t->constructed)
        return ERR_SYNTAX;
    if (p->kind == PDV_EXTERNAL)
        return tlv_is(t, TLV_UNIVERSAL, TLV_EXTERNAL) ? ERR_OK : ERR_SYNTAX;
    return (outermost ? tlv_is(t, TLV_APPLICATION, 1) : tlv_is(t, TLV_UNIVERSAL, TLV_SEQUENCE)) ? ERR_OK : ERR_SYNTAX;
}

static int pdv_data(void *ctx, unsigned depth, struct bytes piece) {
    struct pdv_stream *p = ctx;
    (void)depth;
    if (p->form != 1 && p->form != 2)
        return ERR_OK; // passed on by raw_flush, or a descriptor
    if (p->form == 2 && p->bits_begin) {
        p->bits_begin = false;
        if (piece.p[0] != 0)
            return ERR_SYNTAX;
        piece = bytes_of(piece.p + 1, piece.n - 1);
    }
    return pdv_pass(p, piece);
}

static int pdv_end(void *ctx, unsigned depth) {
    struct pdv_stream *p = ctx;
    if (depth == p->level + 1 && p->form == 0) {
        p->raw_open = false;
        return raw_flush(p, p->tlv.offset);
    }
    if (depth == p->level && p->form != PDV_FORM_NONE) {
        bool empty = p->kind == PDV_USER_DATA && p->form == 0 && !p->raw_seen;
        p->form = PDV_FORM_NONE;
        return empty ? ERR_SYNTAX : p->user->end(p->ctx);
    }
    return depth + 1 == p->level && !p->had_value ? ERR_SYNTAX : ERR_OK; // a PDV-list or EXTERNAL without a value
}

static int pdv_whole(void *ctx, unsigned depth, const struct tlv *t, struct bytes whole) {
    struct pdv_stream *p = ctx;
    (void)depth;
    if (t->tag != TLV_INTEGER)
        return ERR_OK; // the transfer syntax, or direct reference: BER was all that could be agreed
    int err = p->context != PDV_NO_CONTEXT ? ERR_SYNTAX
                                           : tlv_get_int(bytes_of(whole.p + t->hdr, whole.n - t->hdr), &p->context);
    return err < 0 || p->context < 0 || p->context > INT32_MAX ? ERR_SYNTAX : ERR_OK;
}

static const struct tlv_stream_user pdv_scan = {pdv_begin, pdv_data, pdv_end, pdv_whole};

void pdv_stream_init(struct pdv_stream *p, enum pdv_kind kind, const struct pdv_user *user, void *ctx) {
    static const struct tlv_limits deep = {.depth = TLV_DEPTH_MAX};
    *p = (struct pdv_stream){.kind = kind, .user = user, .ctx = ctx};
    tlv_stream_init(&p->tlv, &pdv_scan, p, &deep, PDV_SMALL);
    pdv_stream_reset(p);
}

void pdv_stream_reset(struct pdv_stream *p) {
    tlv_stream_reset(&p->tlv);
    p->level = p->kind == PDV_USER_DATA ? 2 : 1;
    p->form = PDV_FORM_NONE;
    p->context = PDV_NO_CONTEXT;
    p->had_value = p->raw_seen = p->raw_open = false;
}

void pdv_stream_free(struct pdv_stream *p) {
    tlv_stream_free(&p->tlv);
}

int pdv_stream_feed(struct pdv_stream *p, struct bytes in) {
    size_t used;
    if (in.n == 0)
        return ERR_OK;
    if (p->tlv.done)
        return ERR_SYNTAX;
    p->in = in.p;
    p->in_at = p->tlv.offset + p->tlv.n_head;
    int err = tlv_stream_feed(&p->tlv, in, &used);
    if (err == ERR_OK && used < in.n)
        err = ERR_SYNTAX;
    return err == ERR_OK && p->raw_open ? raw_flush(p, p->in_at + in.n) : err;
}

int pdv_stream_end(const struct pdv_stream *p) {
    return p->tlv.done ? ERR_OK : ERR_SHORT;
}

void pdv_stream_mark(const struct pdv_stream *p, struct pdv_mark *m) {
    const struct tlv_stream *t = &p->tlv;
    *m = (struct pdv_mark){.valid = t->err == ERR_OK && t->collect_depth == 0 && t->depth <= PDV_MARK_DEPTH &&
                                    t->n_head <= PDV_MARK_HEAD,
                           .had_value = p->had_value,
                           .bits_begin = p->bits_begin,
                           .raw_seen = p->raw_seen,
                           .raw_open = p->raw_open,
                           .in_primitive = t->in_primitive,
                           .done = t->done,
                           .form = p->form,
                           .level = (uint8_t)p->level,
                           .depth = (uint8_t)t->depth,
                           .n_head = (uint8_t)t->n_head,
                           .context = p->context,
                           .offset = t->offset,
                           .raw_from = p->raw_from,
                           .elements = t->elements};
    if (!m->valid)
        return;
    memcpy(m->head, t->head, m->n_head);
    for (unsigned i = 0; i < t->depth; i++) {
        m->end[i] = t->open[i].end;
        m->indefinite |= (uint32_t)t->open[i].indefinite << i;
    }
}

int pdv_stream_restore(struct pdv_stream *p, const struct pdv_mark *m) {
    struct tlv_stream *t = &p->tlv;
    if (!m->valid || m->depth > PDV_MARK_DEPTH || m->n_head > PDV_MARK_HEAD || m->form > PDV_FORM_NONE ||
        m->level > 2 || (m->in_primitive && m->depth == 0) || (m->raw_open && m->raw_from != m->offset + m->n_head))
        return ERR_SYNTAX;
    pdv_stream_reset(p);
    p->had_value = m->had_value;
    p->bits_begin = m->bits_begin;
    p->raw_seen = m->raw_seen;
    p->raw_open = m->raw_open;
    p->form = m->form;
    p->level = m->level;
    p->context = m->context;
    p->raw_from = m->raw_from;
    t->offset = m->offset;
    t->elements = (unsigned long)m->elements;
    t->depth = m->depth;
    t->n_head = m->n_head;
    t->in_primitive = m->in_primitive;
    t->done = m->done;
    memcpy(t->head, m->head, m->n_head);
    for (unsigned i = 0; i < m->depth; i++) {
        t->open[i].end = m->end[i];
        t->open[i].indefinite = (m->indefinite >> i & 1) != 0;
    }
    return ERR_OK;
}

// The members of one PDV-list or EXTERNAL.
static int members(struct bytes list, int64_t *context, struct bytes *value) {
    struct cursor c = cursor_of(list);
    struct tlv t;
    struct bytes v;
    int err;
    *context = PDV_NO_CONTEXT;
    while ((err = tlv_next(&c, &t, NULL, &v)) == ERR_OK) {
        if (tlv_is(&t, TLV_UNIVERSAL, TLV_INTEGER)) {
            err = tlv_get_int(v, context);
            if (err < 0 || *context < 0 || *context > INT32_MAX)
                return ERR_SYNTAX;
        } else if (tlv_is(&t, TLV_CONTEXT, 0) && t.constructed) {
            *value = v;
            return tlv_check(v, NULL, NULL) < 0 ? ERR_SYNTAX : ERR_OK;
        } else if (tlv_is(&t, TLV_CONTEXT, 1) && !t.constructed) {
            *value = v;
            return ERR_OK;
        } else if (tlv_is(&t, TLV_CONTEXT, 2) && !t.constructed && v.n > 0 && v.p[0] == 0) {
            *value = bytes_of(v.p + 1, v.n - 1);
            return ERR_OK;
        } else if (t.cls != TLV_UNIVERSAL) {
            return ERR_SYNTAX;
        }
    }
    return ERR_SYNTAX;
}

int pdv_first(struct bytes user_data, int64_t *context, struct bytes *value) {
    struct cursor c = cursor_of(user_data);
    struct tlv t;
    struct bytes v, list;
    if (tlv_next(&c, &t, NULL, &v) != ERR_OK)
        return ERR_SYNTAX;
    if (tlv_is(&t, TLV_APPLICATION, 0) && !t.constructed) {
        *context = PDV_NO_CONTEXT;
        *value = v;
        return ERR_OK;
    }
    if (!tlv_is(&t, TLV_APPLICATION, 1) || !t.constructed)
        return ERR_SYNTAX;
    c = cursor_of(v);
    if (tlv_expect(&c, TLV_UNIVERSAL, TLV_SEQUENCE, &t, &list) != ERR_OK || !t.constructed)
        return ERR_SYNTAX;
    return members(list, context, value);
}

int pdv_external(struct bytes external, int64_t *context, struct bytes *value) {
    struct cursor c = cursor_of(external);
    struct tlv t;
    struct bytes v;
    if (tlv_expect(&c, TLV_UNIVERSAL, TLV_EXTERNAL, &t, &v) != ERR_OK || !t.constructed)
        return ERR_SYNTAX;
    return members(v, context, value);
}

static int prepend_context(struct buf *b, int32_t context) {
    uint8_t id[6];
    size_t n = context > 0x7fffff ? 4 : context > 0x7fff ? 3 : context > 0x7f ? 2 : 1;
    id[0] = TLV_INTEGER;
    id[1] = (uint8_t)n;
    for (size_t i = 0; i < n; i++)
        id[2 + i] = (uint8_t)(context >> 8 * (n - 1 - i));
    return buf_prepend(b, id, 2 + n);
}

int pdv_wrap_user_data(struct buf *b, int32_t context) {
    int err = tlv_wrap(b, 0, TLV_CONTEXT, true, 0);
    if (err == ERR_OK)
        err = prepend_context(b, context);
    if (err == ERR_OK)
        err = tlv_wrap(b, 0, TLV_UNIVERSAL, true, TLV_SEQUENCE);
    return err == ERR_OK ? tlv_wrap(b, 0, TLV_APPLICATION, true, 1) : err;
}

int pdv_wrap_external(struct buf *b, int32_t context, bool ber) {
    static const uint8_t direct[] = {TLV_OID, 2, 0x51, 0x01};
    int err = tlv_wrap(b, 0, TLV_CONTEXT, true, 0);
    if (err == ERR_OK)
        err = prepend_context(b, context);
    if (err == ERR_OK && ber)
        err = buf_prepend(b, direct, sizeof direct);
    return err == ERR_OK ? tlv_wrap(b, 0, TLV_UNIVERSAL, true, TLV_EXTERNAL) : err;
}

// What an EXTERNAL and a PDV-list have in common: the context, and [0] before the value.
static int put_list_header(struct buf *b, uint32_t tag, int32_t context, uint64_t total) {
    struct buf inner = {0};
    int err = tlv_put_int(&inner, TLV_UNIVERSAL, TLV_INTEGER, context);
    if (err == ERR_OK)
        err = tlv_put_header(&inner, TLV_CONTEXT, true, 0, total);
    if (err == ERR_OK)
        err = tlv_put_header(b, TLV_UNIVERSAL, true, tag, inner.len + total);
    if (err == ERR_OK)
        err = buf_append(b, inner.mem + inner.off, inner.len);
    buf_free(&inner);
    return err;
}

int pdv_put_external_header(struct buf *b, int32_t context, uint64_t total) {
    return put_list_header(b, TLV_EXTERNAL, context, total);
}

int pdv_put_user_data_header(struct buf *b, int32_t context, uint64_t total) {
    struct buf list = {0};
    int err = put_list_header(&list, TLV_SEQUENCE, context, total);
    if (err == ERR_OK)
        err = tlv_put_header(b, TLV_APPLICATION, true, 1, list.len + total);
    if (err == ERR_OK)
        err = buf_append(b, list.mem + list.off, list.len);
    buf_free(&list);
    return err;
}
