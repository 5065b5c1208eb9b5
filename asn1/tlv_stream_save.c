// SPDX-License-Identifier: BSD-2-Clause
// A push scanner in the middle of an element, as octets to be stored and read back: version, offset, elements, flags, a
// header that came in part, and the end of every open element; numbers in network order. What is read back is believed
// only when a scanner can be there, since a file or a row may have decayed.
#include <string.h>

#include "asn1/tlv.h"

enum { VERSION = 1, IN_PRIMITIVE = 1, DONE = 2 };

int tlv_stream_save(const struct tlv_stream *s, struct buf *b) {
    if (s->err < 0 || s->collect_depth != 0)
        return ERR_STATE;
    uint8_t fixed[4] = {VERSION, (uint8_t)(s->in_primitive * IN_PRIMITIVE | s->done * DONE), (uint8_t)s->n_head,
                        (uint8_t)s->depth};
    int err = buf_append(b, fixed, sizeof fixed);
    if (err == ERR_OK)
        err = buf_append(b, s->head, s->n_head);
    if (err == ERR_OK)
        err = buf_append_u64(b, s->offset);
    if (err == ERR_OK)
        err = buf_append_u64(b, s->elements);
    for (unsigned i = 0; i < s->depth && err == ERR_OK; i++) {
        err = buf_append_u8(b, s->open[i].indefinite);
        if (err == ERR_OK)
            err = buf_append_u64(b, s->open[i].end);
    }
    return err;
}

// What holds between two octets of any scan.
static bool possible(const struct tlv_stream *s) {
    struct tlv t;
    bool in_part = s->n_head == 0 || tlv_header(bytes_of(s->head, s->n_head), &t) == ERR_SHORT;
    if (s->done)
        return s->depth == 0 && !s->in_primitive && s->n_head == 0 && s->offset > 0;
    if (s->depth == 0)
        return s->offset == 0 && !s->in_primitive && in_part;
    for (unsigned i = 0; i < s->depth; i++)
        if (s->open[i].end <= s->offset || (i > 0 && s->open[i].end > s->open[i - 1].end))
            return false;
    if (s->in_primitive)
        return s->n_head == 0 && !s->open[s->depth - 1].indefinite;
    return in_part && s->offset + s->n_head < s->open[s->depth - 1].end;
}

int tlv_stream_restore(struct tlv_stream *s, struct cursor *c) {
    struct bytes fixed, head;
    uint64_t elements;
    if (cursor_take(c, 4, &fixed) < 0 || fixed.p[0] != VERSION || fixed.p[1] > (IN_PRIMITIVE | DONE) ||
        fixed.p[2] >= TLV_HEADER_MAX || fixed.p[3] > s->limits.depth || cursor_take(c, fixed.p[2], &head) < 0 ||
        cursor_u64(c, &s->offset) < 0 || cursor_u64(c, &elements) < 0 || elements > s->offset)
        return ERR_SYNTAX;
    s->in_primitive = fixed.p[1] & IN_PRIMITIVE;
    s->done = fixed.p[1] & DONE;
    s->n_head = head.n;
    memcpy(s->head, head.p, head.n);
    s->elements = (unsigned long)elements;
    for (s->depth = 0; s->depth < fixed.p[3]; s->depth++) {
        uint8_t indefinite;
        if (cursor_u8(c, &indefinite) < 0 || indefinite > 1 || cursor_u64(c, &s->open[s->depth].end) < 0)
            return ERR_SYNTAX;
        s->open[s->depth].indefinite = indefinite;
    }
    return possible(s) ? ERR_OK : ERR_SYNTAX;
}
