// SPDX-License-Identifier: BSD-2-Clause
#include "rfc1006/rtse_codec.h"

static int uint_of(struct bytes v, uint32_t *out) {
    int64_t i;
    if (tlv_get_int(v, &i) < 0 || i < 0 || i > UINT32_MAX)
        return ERR_SYNTAX;
    *out = (uint32_t)i;
    return ERR_OK;
}

// Any INTEGER is a protocol, though not one that we know. Octets swapped are seen from an old peer: 0c 00 for 12.
static int protocol_of(struct bytes v, int *out) {
    int64_t n;
    if (tlv_get_int(v, &n) < 0 || n < INT32_MIN || n > INT32_MAX)
        return ERR_SYNTAX;
    *out = n == RTSE_PROTOCOL_P1_1988 << 8 || n == RTSE_PROTOCOL_P1_1984 << 8 ? (int)n >> 8 : (int)n;
    return ERR_OK;
}

// ConnectionData: open [0], with the user's data in it, or recover [1].
static int connection_data(struct bytes choice, struct rtse_apdu *out) {
    struct cursor c = cursor_of(choice);
    struct tlv t;
    struct bytes v;
    if (tlv_next(&c, &t, NULL, &v) != ERR_OK || t.cls != TLV_CONTEXT || t.tag > 1 || !t.constructed)
        return ERR_SYNTAX;
    out->recover = t.tag == 1;
    *(out->recover ? &out->session_id : &out->user_data) = v;
    return ERR_OK;
}

static int member_decode(uint32_t tag, struct bytes v, struct rtse_apdu *out) {
    uint32_t n;
    if (out->kind == RTSE_RTORQ && tag == 3)
        return connection_data(v, out);
    if (out->kind == RTSE_RTOAC && tag == 2)
        return connection_data(v, out);
    if (out->kind == RTSE_RTORJ && tag == 1) {
        out->user_data = v;
        return ERR_OK;
    }
    if (out->kind == RTSE_RTAB && tag == 2) {
        out->user_data = v;
        return ERR_OK;
    }
    if (out->kind == RTSE_RTORQ && tag == 4)
        return protocol_of(v, &out->protocol);
    if (tag > 2 || (out->kind == RTSE_RTAB && tag == 1)) // reflected parameter
        return ERR_OK;
    if (uint_of(v, &n) < 0)
        return ERR_SYNTAX;
    if (out->kind == RTSE_RTORJ || out->kind == RTSE_RTAB)
        out->reason = n > INT32_MAX ? -1 : (int)n;
    else if (tag == 2)
        out->dialogue = n > 1 ? 1 : (int)n;
    else
        *(tag == 0 ? &out->checkpoint : &out->window) = n;
    return ERR_OK;
}

int rtse_members_decode(enum rtse_kind kind, struct bytes in, struct rtse_apdu *out) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes v;
    int err;
    *out = (struct rtse_apdu){.kind = kind, .window = 3, .reason = kind == RTSE_RTAB ? 0 : -1};
    while ((err = tlv_next(&c, &t, NULL, &v)) == ERR_OK)
        if (t.cls != TLV_CONTEXT || member_decode(t.tag, v, out) < 0)
            return ERR_SYNTAX;
    if (err != ERR_ABSENT)
        return ERR_SYNTAX;
    bool opens = out->kind == RTSE_RTORQ || out->kind == RTSE_RTOAC;
    return opens && !out->recover && out->user_data.p == NULL ? ERR_SYNTAX : ERR_OK;
}

int rtse_apdu_decode(struct bytes in, struct rtse_apdu *out) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes set;
    if (tlv_check(in, NULL, NULL) < 0 || tlv_next(&c, &t, NULL, &set) != ERR_OK || t.cls != TLV_CONTEXT ||
        !t.constructed || (t.tag != RTSE_RTORQ && t.tag != RTSE_RTOAC && t.tag != RTSE_RTORJ && t.tag != RTSE_RTAB))
        return ERR_SYNTAX;
    return rtse_members_decode((enum rtse_kind)t.tag, set, out);
}

// user data in an explicit tag; for connection data in two.
static int put_user_data(struct buf *b, const struct rtse_apdu *a) {
    size_t from = b->len;
    struct bytes data = a->recover ? a->session_id : a->user_data;
    int err = buf_append(b, data.p, data.n);
    if (err == ERR_OK && (a->kind == RTSE_RTORQ || a->kind == RTSE_RTOAC))
        err = tlv_wrap(b, from, TLV_CONTEXT, true, a->recover ? 1 : 0);
    uint32_t tag = a->kind == RTSE_RTORQ ? 3 : a->kind == RTSE_RTORJ ? 1 : 2;
    return err == ERR_OK ? tlv_wrap(b, from, TLV_CONTEXT, true, tag) : err;
}

int rtse_members_encode(struct buf *b, const struct rtse_apdu *a) {
    int err = ERR_OK;
    if (a->kind == RTSE_RTORJ || a->kind == RTSE_RTAB) {
        if (a->reason >= 0 && !(a->kind == RTSE_RTAB && a->reason == 0))
            err = tlv_put_int(b, TLV_CONTEXT, 0, a->reason);
    } else {
        if (a->checkpoint != 0)
            err = tlv_put_int(b, TLV_CONTEXT, 0, a->checkpoint);
        if (err == ERR_OK && a->window != 3)
            err = tlv_put_int(b, TLV_CONTEXT, 1, a->window);
        if (err == ERR_OK && a->kind == RTSE_RTORQ && a->dialogue != 0)
            err = tlv_put_int(b, TLV_CONTEXT, 2, a->dialogue);
    }
    if (err == ERR_OK && (a->user_data.p != NULL || a->recover))
        err = put_user_data(b, a);
    if (err == ERR_OK && a->kind == RTSE_RTORQ && a->protocol != 0)
        err = tlv_put_int(b, TLV_CONTEXT, 4, a->protocol);
    return err;
}

int rtse_apdu_encode(struct buf *b, const struct rtse_apdu *a) {
    size_t from = b->len;
    int err = rtse_members_encode(b, a);
    return err == ERR_OK ? tlv_wrap(b, from, TLV_CONTEXT, true, (uint32_t)a->kind) : err;
}
