// SPDX-License-Identifier: BSD-2-Clause
// The splitter asks the scanner (asn1/tlv.h) to collect what belongs to the head and to stream what is content, and
// checks the frame of the APDU on the way: a message is a SET and an OCTET STRING, a report two SETs. The members
// themselves are looked at later by p1_decode. The head is put together as an indefinite encoding, so that leaving out
// the content needs no length to be corrected.
#include "x400/p1_stream.h"

#include <stdio.h>

#include "base/mem.h"

struct p1_stream {
    const struct p1_stream_user *user;
    void *ctx;
    struct tlv_stream scan;
    size_t head_limit;
    struct buf head;
    enum p1_type type;
    unsigned parts;      // elements begun inside the APDU
    unsigned in_content; // depth of the content's octet string, 0: not in one
    bool content_seen;
    bool user_failed; // the error is that of a callback, not the peer's
    uint64_t content_length;
    int err; // final
    char fault[120];
};

static int fail(struct p1_stream *s, int err, const char *text) {
    snprintf(s->fault, sizeof s->fault, "MTS-APDU: %s", text);
    return err;
}

static int begin_apdu(struct p1_stream *s, const struct tlv *t) {
    if (t->cls != TLV_CONTEXT || t->tag > 2 || !t->constructed)
        return fail(s, ERR_SYNTAX, "neither message [0], report [1] nor probe [2]");
    s->type = (enum p1_type)t->tag;
    if (s->type == P1_PROBE)
        return TLV_COLLECT;
    uint8_t header[2] = {(uint8_t)(0xA0 | t->tag), 0x80};
    return buf_append(&s->head, header, 2);
}

static int begin_content(struct p1_stream *s, unsigned depth) {
    s->in_content = depth;
    s->content_seen = true;
    return 0;
}

static int begin_part(struct p1_stream *s, unsigned depth, const struct tlv *t) {
    bool set = tlv_is(t, TLV_UNIVERSAL, TLV_SET) && t->constructed;
    s->parts++;
    if (s->parts == 1)
        return set ? TLV_COLLECT : fail(s, ERR_SYNTAX, "the envelope is not a SET");
    if (s->parts > 2)
        return fail(s, ERR_SYNTAX, "more than envelope and content");
    if (s->type == P1_MESSAGE)
        return tlv_is(t, TLV_UNIVERSAL, TLV_OCTET_STRING) ? begin_content(s, depth)
                                                          : fail(s, ERR_SYNTAX, "the content is not an OCTET STRING");
    return set ? buf_append(&s->head, "\x31\x80", 2) : fail(s, ERR_SYNTAX, "the report content is not a SET");
}

static int on_begin(void *ctx, unsigned depth, const struct tlv *t) {
    struct p1_stream *s = ctx;
    s->scan.collect_limit = s->head.len < s->head_limit ? s->head_limit - s->head.len : 0;
    if (depth == 0)
        return begin_apdu(s, t);
    if (depth == 1)
        return begin_part(s, depth, t);
    if (s->in_content != 0) // segments of a constructed string
        return tlv_is(t, TLV_UNIVERSAL, TLV_OCTET_STRING)
                   ? 0
                   : fail(s, ERR_SYNTAX, "a segment of the content is not an OCTET STRING");
    if (!tlv_is(t, TLV_CONTEXT, 1))
        return TLV_COLLECT;
    return s->content_seen ? fail(s, ERR_SYNTAX, "the returned content stands twice") : begin_content(s, depth);
}

static int on_data(void *ctx, unsigned depth, struct bytes piece) {
    struct p1_stream *s = ctx;
    (void)depth;
    s->content_length += piece.n;
    int err = s->user->content != NULL ? s->user->content(s->ctx, piece) : 0;
    s->user_failed = err < 0;
    return err;
}

static int head_ready(struct p1_stream *s, const char *end_of_contents, size_t n) {
    int err = buf_append(&s->head, end_of_contents, n);
    if (err < 0)
        return err;
    err = s->user->head != NULL ? s->user->head(s->ctx, s->type, buf_bytes(&s->head)) : 0;
    s->user_failed = err < 0;
    buf_free(&s->head);
    return err;
}

static int on_whole(void *ctx, unsigned depth, const struct tlv *t, struct bytes whole) {
    struct p1_stream *s = ctx;
    (void)t;
    int err = buf_append(&s->head, whole.p, whole.n);
    if (err < 0)
        return err;
    if (depth == 0) // a probe
        return head_ready(s, "", 0);
    return depth == 1 && s->type == P1_MESSAGE ? head_ready(s, "\0\0", 2) : 0;
}

static int on_end(void *ctx, unsigned depth) {
    struct p1_stream *s = ctx;
    if (depth == s->in_content)
        s->in_content = 0;
    if (depth > 0)
        return 0;
    if (s->type == P1_MESSAGE)
        return s->content_seen ? 0 : fail(s, ERR_SYNTAX, "the message ends without its content");
    return s->parts == 2 ? head_ready(s, "\0\0\0\0", 4) : fail(s, ERR_SYNTAX, "the report ends without its content");
}

static const struct tlv_stream_user scanner_user = {on_begin, on_data, on_end, on_whole};

struct p1_stream *p1_stream_new(const struct p1_stream_user *user, void *ctx, size_t head_limit) {
    struct p1_stream *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->user = user;
    s->ctx = ctx;
    s->head_limit = head_limit != 0 ? head_limit : P1_HEAD_LIMIT;
    tlv_stream_init(&s->scan, &scanner_user, s, NULL, s->head_limit);
    return s;
}

void p1_stream_free(struct p1_stream *s) {
    if (s == NULL)
        return;
    tlv_stream_free(&s->scan);
    buf_free(&s->head);
    mem_free(s);
}

// What the scanner itself found; what a callback refused is not explained here.
static void explain(struct p1_stream *s, int err) {
    if (s->user_failed || s->fault[0] != '\0')
        return;
    if (err == ERR_LIMIT)
        snprintf(s->fault, sizeof s->fault, "MTS-APDU: the envelope is larger than %zu octets, or nested too deep",
                 s->head_limit);
    else if (err == ERR_SYNTAX)
        snprintf(s->fault, sizeof s->fault, "MTS-APDU: malformed encoding near octet %llu",
                 (unsigned long long)s->scan.offset);
}

int p1_stream_feed(struct p1_stream *s, struct bytes piece) {
    size_t used = 0;
    if (s->err < 0 || piece.n == 0)
        return s->err;
    if (!s->scan.done)
        s->err = tlv_stream_feed(&s->scan, piece, &used);
    explain(s, s->err);
    if (s->err == 0 && used < piece.n)
        s->err = fail(s, ERR_SYNTAX, "octets after its end");
    return s->err;
}

// ---- saved ----

enum { SAVED_VERSION = 1 };

// Version, type, parts, depth of the content's octet string (0: behind it), the content's length so far, what is held
// of a report's head, and the scanner.
int p1_stream_save(const struct p1_stream *s, struct buf *b) {
    if (s->err < 0 || !s->content_seen)
        return ERR_STATE;
    size_t before = b->len;
    uint8_t fixed[4] = {SAVED_VERSION, (uint8_t)s->type, (uint8_t)s->parts, (uint8_t)s->in_content};
    int err = buf_append(b, fixed, sizeof fixed);
    if (err == ERR_OK)
        err = buf_append_u64(b, s->content_length);
    if (err == ERR_OK)
        err = buf_append_u32(b, (uint32_t)s->head.len);
    if (err == ERR_OK)
        err = buf_append(b, buf_bytes(&s->head).p, s->head.len);
    if (err == ERR_OK)
        err = tlv_stream_save(&s->scan, b);
    if (err < 0)
        b->len = before;
    return err;
}

// The scanner stands at or behind the content of such an APDU.
static bool possible(const struct p1_stream *s) {
    unsigned content_depth = s->type == P1_MESSAGE ? 1 : 2;
    if (s->type == P1_PROBE || s->parts != 2 || s->content_length > s->scan.offset ||
        (s->in_content != 0 && s->in_content != content_depth))
        return false;
    if (s->in_content != 0)
        return s->scan.depth > s->in_content;
    return s->scan.done || (s->scan.depth <= content_depth && !s->scan.in_primitive);
}

static int restore(struct p1_stream *s, struct bytes saved) {
    struct cursor c = cursor_of(saved);
    struct bytes fixed, head;
    uint32_t n;
    if (cursor_take(&c, 4, &fixed) < 0 || fixed.p[0] != SAVED_VERSION || fixed.p[1] > P1_PROBE ||
        cursor_u64(&c, &s->content_length) < 0 || cursor_u32(&c, &n) < 0 || n > s->head_limit ||
        cursor_take(&c, n, &head) < 0 || tlv_stream_restore(&s->scan, &c) < 0 || cursor_left(&c) != 0)
        return ERR_SYNTAX;
    s->type = (enum p1_type)fixed.p[1];
    s->parts = fixed.p[2];
    s->in_content = fixed.p[3];
    s->content_seen = true;
    return possible(s) ? buf_append(&s->head, head.p, head.n) : ERR_SYNTAX;
}

struct p1_stream *p1_stream_restore(const struct p1_stream_user *user, void *ctx, size_t head_limit,
                                    struct bytes saved) {
    struct p1_stream *s = p1_stream_new(user, ctx, head_limit);
    if (s == NULL || restore(s, saved) == ERR_OK)
        return s;
    p1_stream_free(s);
    return NULL;
}

// ---- what it knows ----

bool p1_stream_complete(const struct p1_stream *s) {
    return s->scan.done && s->err == 0;
}

uint64_t p1_stream_content_length(const struct p1_stream *s) {
    return s->content_length;
}

const char *p1_stream_fault(const struct p1_stream *s) {
    return s->fault;
}
