// SPDX-License-Identifier: BSD-2-Clause
// The push scanner. Of an element it keeps one frame for each constructed element that is open and at most one header
// that came in part, so its memory does not depend on what is scanned; a peer's lengths are checked against the
// enclosing ones before anything is believed. The same machine validates elements that are in memory (tlv_check).
#include "asn1/tlv.h"

static const struct tlv_stream_user nobody;

void tlv_stream_init(struct tlv_stream *s, const struct tlv_stream_user *user, void *ctx,
                     const struct tlv_limits *limits, size_t collect_limit) {
    *s = (struct tlv_stream){.user = user != NULL ? user : &nobody, .ctx = ctx, .collect_limit = collect_limit};
    if (limits != NULL)
        s->limits = *limits;
    if (s->limits.depth == 0)
        s->limits.depth = TLV_DEPTH_DEFAULT;
    if (s->limits.depth > TLV_DEPTH_MAX)
        s->limits.depth = TLV_DEPTH_MAX;
}

void tlv_stream_reset(struct tlv_stream *s) {
    s->offset = 0;
    s->elements = 0;
    s->depth = s->collect_depth = 0;
    s->n_head = 0;
    s->in_primitive = s->done = false;
    s->err = ERR_OK;
    buf_clear(&s->collected);
}

void tlv_stream_free(struct tlv_stream *s) {
    buf_free(&s->collected);
    s->done = true;
}

static int collect(struct tlv_stream *s, struct bytes piece) {
    if (piece.n > s->collect_limit - s->collected.len)
        return ERR_LIMIT;
    return buf_append(&s->collected, piece.p, piece.n);
}

// The innermost open element is complete.
static int element_close(struct tlv_stream *s) {
    s->in_primitive = false;
    s->depth--;
    if (s->depth == 0)
        s->done = true;
    if (s->collect_depth == 0)
        return s->user->end != NULL ? s->user->end(s->ctx, s->depth) : ERR_OK;
    if (s->collect_depth != s->depth + 1)
        return ERR_OK;
    s->collect_depth = 0;
    if (s->user->whole == NULL)
        return ERR_OK;
    return s->user->whole(s->ctx, s->depth, &s->collect_tlv, buf_bytes(&s->collected));
}

// Closes every definite element that ends at this offset; one without its end-of-contents never will.
static int elements_close(struct tlv_stream *s) {
    while (s->depth > 0 && s->open[s->depth - 1].end == s->offset) {
        int err = s->open[s->depth - 1].indefinite ? ERR_SYNTAX : element_close(s);
        if (err < 0)
            return err;
    }
    return ERR_OK;
}

static int element_begin(struct tlv_stream *s, const struct tlv *t) {
    int answer = s->user->begin != NULL ? s->user->begin(s->ctx, s->depth, t) : 0;
    if (answer != TLV_COLLECT)
        return answer < 0 ? answer : ERR_OK;
    if (t->hdr > s->collect_limit || t->len > s->collect_limit - t->hdr)
        return ERR_LIMIT;
    buf_clear(&s->collected);
    s->collect_tlv = *t;
    s->collect_depth = s->depth + 1;
    return ERR_OK;
}

// A header is complete; raw are its octets.
static int element_open(struct tlv_stream *s, const struct tlv *t, struct bytes raw) {
    uint64_t bound = s->depth > 0 ? s->open[s->depth - 1].end : UINT64_MAX;
    if (t->len > UINT64_MAX / 2 - s->offset)
        return ERR_LIMIT;
    uint64_t end = s->offset + t->hdr + t->len;
    if (s->limits.size != 0 && end > s->limits.size)
        return ERR_LIMIT;
    if (end > bound)
        return ERR_SYNTAX;
    if (tlv_is_eoc(t)) {
        if (s->depth == 0 || !s->open[s->depth - 1].indefinite)
            return ERR_SYNTAX;
    } else {
        if (s->depth >= s->limits.depth || (s->limits.elements != 0 && s->elements >= s->limits.elements))
            return ERR_LIMIT;
        s->elements++;
        if (s->collect_depth == 0) {
            int err = element_begin(s, t);
            if (err < 0)
                return err;
        }
    }
    if (s->collect_depth != 0) {
        int err = collect(s, raw);
        if (err < 0)
            return err;
    }
    s->offset += t->hdr;
    if (tlv_is_eoc(t))
        return element_close(s);
    s->open[s->depth].end = t->indefinite ? bound : end;
    s->open[s->depth].indefinite = t->indefinite;
    s->depth++;
    s->in_primitive = !t->constructed;
    return ERR_OK;
}

// Takes the octets of a header, all or in part.
static int take_header(struct tlv_stream *s, struct cursor *in) {
    struct tlv t;
    struct bytes raw = bytes_of(in->p, cursor_left(in));
    int err = ERR_SHORT;
    if (s->n_head == 0 && (err = tlv_header(raw, &t)) == ERR_OK) {
        in->p += t.hdr;
        raw.n = t.hdr;
        return element_open(s, &t, raw);
    }
    // In part: octet by octet, so that a fault is found at the octet that makes it.
    for (err = ERR_SHORT; err == ERR_SHORT && cursor_left(in) > 0;) {
        s->head[s->n_head++] = *in->p++;
        err = tlv_header(bytes_of(s->head, s->n_head), &t);
    }
    if (err == ERR_SHORT)
        return s->depth > 0 && s->offset + s->n_head >= s->open[s->depth - 1].end ? ERR_SYNTAX : ERR_OK;
    if (err < 0)
        return err;
    raw = bytes_of(s->head, s->n_head);
    s->n_head = 0;
    return element_open(s, &t, raw);
}

static int take_contents(struct tlv_stream *s, struct cursor *in) {
    uint64_t left = s->open[s->depth - 1].end - s->offset;
    struct bytes piece = bytes_of(in->p, left < cursor_left(in) ? (size_t)left : cursor_left(in));
    in->p += piece.n;
    s->offset += piece.n;
    if (s->collect_depth != 0)
        return collect(s, piece);
    return s->user->data != NULL ? s->user->data(s->ctx, s->depth - 1, piece) : ERR_OK;
}

int tlv_stream_feed(struct tlv_stream *s, struct bytes in, size_t *used) {
    struct cursor c = cursor_of(in);
    if (s->err == ERR_OK && s->done)
        s->err = ERR_STATE;
    while (s->err == ERR_OK && !s->done && cursor_left(&c) > 0) {
        s->err = s->in_primitive ? take_contents(s, &c) : take_header(s, &c);
        if (s->err == ERR_OK)
            s->err = elements_close(s);
    }
    if (used != NULL)
        *used = in.n - cursor_left(&c);
    return s->err;
}

int tlv_check(struct bytes b, const struct tlv_limits *limits, uint64_t *total) {
    struct tlv_stream s;
    tlv_stream_init(&s, &nobody, NULL, limits, 0);
    int err = tlv_stream_feed(&s, b, NULL);
    if (err < 0)
        return err;
    if (!s.done)
        return ERR_SHORT;
    if (total != NULL)
        *total = s.offset;
    return ERR_OK;
}
