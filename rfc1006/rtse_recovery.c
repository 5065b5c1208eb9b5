// SPDX-License-Identifier: BSD-2-Clause
// What is kept of an interrupted transfer: its identifiers as RTORQ names them, and the whole of it as octets for an
// owner to store. The stored form has a version octet, numbers in network order, and ends where it should.
#include "rfc1006/rtse_codec.h"

enum { VERSION = 1 };

// ---- the session connection identifier ----

static int keep(uint8_t *to, uint8_t *n, size_t size, struct bytes from) {
    if (from.n > size)
        return ERR_LIMIT;
    *n = (uint8_t)from.n;
    memcpy(to, from.p, from.n);
    return ERR_OK;
}

int rtse_session_id_encode(struct buf *b, const struct rtse_session_id *id) {
    struct cursor c = cursor_of(bytes_of(id->additional, id->n_additional));
    struct tlv t;
    struct bytes v;
    int err = buf_append(b, id->user, id->n_user);
    if (err == ERR_OK)
        err = buf_append(b, id->common, id->n_common);
    if (err == ERR_OK && tlv_next(&c, &t, NULL, &v) == ERR_OK)
        err = tlv_put(b, TLV_CONTEXT, false, 0, v);
    return err;
}

int rtse_session_id_decode(struct bytes in, struct rtse_session_id *out) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes user, common, v;
    *out = (struct rtse_session_id){.n_user = 0};
    if (tlv_next(&c, &t, &user, &v) != ERR_OK || tlv_next(&c, &t, &common, &v) != ERR_OK)
        return ERR_SYNTAX;
    int err = keep(out->user, &out->n_user, sizeof out->user, user);
    if (err == ERR_OK)
        err = keep(out->common, &out->n_common, sizeof out->common, common);
    if (err < 0 || tlv_next(&c, &t, NULL, &v) != ERR_OK)
        return err; // the additional reference is optional
    if (!tlv_is(&t, TLV_CONTEXT, 0) || v.n + 2 > sizeof out->additional)
        return ERR_SYNTAX;
    out->additional[0] = TLV_T61_STRING;
    out->additional[1] = (uint8_t)v.n;
    memcpy(out->additional + 2, v.p, v.n);
    out->n_additional = (uint8_t)(v.n + 2);
    return ERR_OK;
}

// But for the identifier octet of a string.
static bool same_reference(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b) {
    return n_a == n_b && (n_a <= 1 ? n_a == 0 || *a == *b : memcmp(a + 1, b + 1, n_a - 1) == 0);
}

bool rtse_same_session(const struct rtse_session_id *a, const struct rtse_session_id *b) {
    return same_reference(a->user, a->n_user, b->user, b->n_user) &&
           same_reference(a->common, a->n_common, b->common, b->n_common) &&
           same_reference(a->additional, a->n_additional, b->additional, b->n_additional);
}

bool rtse_same_activity(const struct rtse_recovery *a, const struct rtse_recovery *b) {
    return rtse_same_session(&a->session, &b->session) &&
           bytes_equal(bytes_of(a->activity_id, a->n_activity_id), bytes_of(b->activity_id, b->n_activity_id));
}

// ---- stored ----

static int put_octets(struct buf *b, const uint8_t *p, uint8_t n) {
    int err = buf_append_u8(b, n);
    return err == ERR_OK ? buf_append(b, p, n) : err;
}

static int put_mark(struct buf *b, const struct pdv_mark *m) {
    const bool flags[] = {m->valid, m->had_value, m->bits_begin, m->raw_seen, m->raw_open, m->in_primitive, m->done};
    const uint64_t numbers[] = {(uint64_t)m->context, m->offset, m->raw_from, m->elements};
    uint8_t bits = 0;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        bits = (uint8_t)(bits | flags[i] << i);
    int err = buf_append_u8(b, bits);
    if (err == ERR_OK)
        err = buf_append_u8(b, m->form);
    if (err == ERR_OK)
        err = buf_append_u8(b, m->level);
    if (err == ERR_OK)
        err = put_octets(b, m->head, m->n_head);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && err == ERR_OK; i++)
        err = buf_append_u64(b, numbers[i]);
    if (err == ERR_OK)
        err = buf_append_u32(b, m->indefinite);
    if (err == ERR_OK)
        err = buf_append_u8(b, m->depth);
    for (size_t i = 0; i < m->depth && err == ERR_OK; i++)
        err = buf_append_u64(b, m->end[i]);
    return err;
}

int rtse_recovery_put(struct buf *b, const struct rtse_recovery *r) {
    const struct rtse_session_id *s = &r->session;
    uint32_t points = r->serial < RTSE_POINTS ? r->serial : RTSE_POINTS;
    int err = buf_append_u8(b, VERSION);
    if (err == ERR_OK)
        err = put_octets(b, s->user, s->n_user);
    if (err == ERR_OK)
        err = put_octets(b, s->common, s->n_common);
    if (err == ERR_OK)
        err = put_octets(b, s->additional, s->n_additional);
    if (err == ERR_OK)
        err = put_octets(b, r->activity_id, r->n_activity_id);
    if (err == ERR_OK)
        err = buf_append_u8(b, (uint8_t)r->mode);
    if (err == ERR_OK)
        err = buf_append_u32(b, r->serial);
    if (err == ERR_OK)
        err = buf_append_u64(b, r->octets_confirmed);
    if (err == ERR_OK)
        err = buf_append_u64(b, r->stream);
    for (uint32_t i = 0; i < points && err == ERR_OK; i++)
        err = buf_append_u64(b, r->at[(r->serial - i) % RTSE_POINTS]);
    return err == ERR_OK ? put_mark(b, &r->mark) : err;
}

static bool get_octets(struct cursor *c, uint8_t *p, uint8_t *n, size_t size) {
    struct bytes v;
    if (cursor_u8(c, n) < 0 || *n > size || cursor_take(c, *n, &v) < 0)
        return false;
    memcpy(p, v.p, v.n);
    return true;
}

static bool get_mark(struct cursor *c, struct pdv_mark *m) {
    bool *const flags[] = {&m->valid,    &m->had_value,    &m->bits_begin, &m->raw_seen,
                           &m->raw_open, &m->in_primitive, &m->done};
    uint64_t context;
    uint8_t bits;
    if (cursor_u8(c, &bits) < 0 || cursor_u8(c, &m->form) < 0 || cursor_u8(c, &m->level) < 0 ||
        !get_octets(c, m->head, &m->n_head, sizeof m->head) || cursor_u64(c, &context) < 0 ||
        cursor_u64(c, &m->offset) < 0 || cursor_u64(c, &m->raw_from) < 0 || cursor_u64(c, &m->elements) < 0 ||
        cursor_u32(c, &m->indefinite) < 0 || cursor_u8(c, &m->depth) < 0 || m->depth > PDV_MARK_DEPTH)
        return false;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        *flags[i] = (bits >> i & 1) != 0;
    m->context = (int64_t)context;
    for (size_t i = 0; i < m->depth; i++)
        if (cursor_u64(c, &m->end[i]) < 0)
            return false;
    return true;
}

int rtse_recovery_get(struct bytes in, struct rtse_recovery *out) {
    struct cursor c = cursor_of(in);
    struct rtse_session_id *s = &out->session;
    uint8_t version, mode;
    *out = (struct rtse_recovery){.serial = 0};
    if (cursor_u8(&c, &version) < 0 || version != VERSION || !get_octets(&c, s->user, &s->n_user, sizeof s->user) ||
        !get_octets(&c, s->common, &s->n_common, sizeof s->common) ||
        !get_octets(&c, s->additional, &s->n_additional, sizeof s->additional) ||
        !get_octets(&c, out->activity_id, &out->n_activity_id, sizeof out->activity_id) || cursor_u8(&c, &mode) < 0 ||
        mode > RTSE_X410 || cursor_u32(&c, &out->serial) < 0 || cursor_u64(&c, &out->octets_confirmed) < 0 ||
        cursor_u64(&c, &out->stream) < 0 || out->stream < out->octets_confirmed)
        return ERR_SYNTAX;
    out->mode = (enum rtse_mode)mode;
    uint32_t points = out->serial < RTSE_POINTS ? out->serial : RTSE_POINTS;
    for (uint32_t i = 0; i < points; i++)
        if (cursor_u64(&c, &out->at[(out->serial - i) % RTSE_POINTS]) < 0)
            return ERR_SYNTAX;
    return get_mark(&c, &out->mark) && cursor_left(&c) == 0 ? ERR_OK : ERR_SYNTAX;
}
