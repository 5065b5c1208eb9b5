// SPDX-License-Identifier: BSD-2-Clause
// SSDUs on their way down. User data are never copied into an SPDU: what comes before them is written apart and tp0
// puts both into its TPDUs. An SSDU that does not fit the TSDU size agreed, or the 65,535 octets an SPDU's parameters
// may have, goes in segments, each in a TSDU of its own, with an Enclosure Item: data always, the rest in version 2.
// CONNECT has CONNECT DATA OVERFLOW for that. X.225 (1988) has this in 7.37 and 8.4, of which only the titles could be
// read: that the first segment alone has the parameters is inferred.
#include "base/err.h"
#include "rfc1006/session_fsm.h"

static const uint8_t dt_head[4] = {SI_GT, 0, SI_DT, 0};
enum { DT_SEGMENT_HEAD = 7, ROOM_TO_END = 16 };

// Whether it can be sent as one SPDU. A first answer of version 1 cannot be segmented: it goes as it is.
static bool fits(const struct session *s, const struct spdu_tx *t, size_t n_data) {
    uint8_t head[SPDU_HEAD_MAX];
    size_t n = spdu_head(head, t, SPDU_UNSEGMENTED, n_data);
    bool answer = s->version != 2 && (t->si == SI_AC || t->si == SI_RF);
    return n != 0 && (s->tsdu_max == 0 || answer || n + n_data <= s->tsdu_max);
}

int session_tx_reserve(struct session *s, const struct spdu_tx *t, size_t n_data) {
    size_t n_tsdus = 1;
    if (!fits(s, t, n_data)) {
        size_t first = spdu_room(t, s->tsdu_max, true), rest = spdu_room(t, s->tsdu_max, false);
        if (s->version != 2 || t->data_pi == 0 || first == 0 || rest == 0)
            return ERR_LIMIT;
        n_tsdus = 2 + (n_data > first ? n_data - first : 0) / rest;
    }
    return tp0_reserve(s->tp, n_data + n_tsdus * SPDU_HEAD_MAX, n_tsdus) < 0 ? ERR_NOMEM : ERR_OK;
}

int session_tx_send(struct session *s, const struct spdu_tx *t, struct bytes data) {
    uint8_t head[SPDU_HEAD_MAX], enclosure = ENCLOSURE_BEGIN;
    int result = ERR_OK;
    if (fits(s, t, data.n)) {
        size_t n_head = spdu_head(head, t, SPDU_UNSEGMENTED, data.n);
        return tp0_data_piece_req(s->tp, bytes_of(head, n_head), data, true);
    }
    while (result >= 0 && !(enclosure & ENCLOSURE_END)) {
        size_t n = spdu_room(t, s->tsdu_max, (enclosure & ENCLOSURE_BEGIN) != 0);
        if (n >= data.n) {
            n = data.n;
            enclosure |= ENCLOSURE_END;
        }
        size_t n_head = spdu_head(head, t, enclosure, n);
        result = tp0_data_piece_req(s->tp, bytes_of(head, n_head), bytes_of(data.p, n), true);
        data = bytes_of(data.p + n, data.n - n);
        enclosure &= ENCLOSURE_END;
    }
    return result;
}

// The connect data that the CN did not hold.
int session_tx_overflow(struct session *s) {
    const struct spdu_tx t = {.si = SI_CDO, .data_pi = PGI_USER_DATA, .reason = SPDU_NO_REASON};
    struct bytes data = buf_bytes(&s->connect_rest);
    size_t room = spdu_room(&t, s->tsdu_max, false), n_tsdus = data.n / (room ? room : 1) + 1;
    int result = room == 0 ? ERR_LIMIT : tp0_reserve(s->tp, data.n + n_tsdus * SPDU_HEAD_MAX, n_tsdus);
    while (result >= 0 && data.n > 0) {
        uint8_t head[SPDU_HEAD_MAX];
        size_t n = data.n < room ? data.n : room;
        size_t n_head = spdu_head(head, &t, n == data.n ? ENCLOSURE_END : 0, n);
        result = tp0_data_piece_req(s->tp, bytes_of(head, n_head), bytes_of(data.p, n), true);
        data = bytes_of(data.p + n, data.n - n);
    }
    buf_free(&s->connect_rest);
    return result;
}

int session_data_req(struct session *s, struct buf *ud) {
    if (s->sending)
        return ERR_BUSY;
    int result = session_data_piece_req(s, ud != NULL ? buf_bytes(ud) : (struct bytes){0}, true);
    if (result >= 0 && ud != NULL)
        buf_clear(ud);
    return result;
}

int session_data_piece_req(struct session *s, struct bytes piece, bool last) {
    struct session_ev e = {.data = piece, .last = last};
    size_t max = s->tsdu_max ? s->tsdu_max - DT_SEGMENT_HEAD : 0, n_tsdus = max ? piece.n / max + 1 : 1;
    if (fsm_find(&s->fsm, EV_SDTREQ, &e) == NULL)
        return fsm_step(&s->fsm, EV_SDTREQ, &e);
    if (piece.n == 0 && !last)
        return ERR_OK;
    // Also what session_tx_break may have to add.
    if (tp0_reserve(s->tp, piece.n + n_tsdus * DT_SEGMENT_HEAD + ROOM_TO_END, n_tsdus) < 0)
        return ERR_NOMEM;
    return fsm_step(&s->fsm, EV_SDTREQ, &e);
}

static int data_segmented(struct session *s, struct bytes left, bool last) {
    size_t max = s->tsdu_max - DT_SEGMENT_HEAD;
    uint8_t enclosure = s->sending ? 0 : ENCLOSURE_BEGIN;
    int result;
    do {
        size_t n = left.n < max ? left.n : max;
        if (n == left.n && last)
            enclosure |= ENCLOSURE_END;
        const uint8_t head[DT_SEGMENT_HEAD] = {SI_GT, 0, SI_DT, 3, PI_ENCLOSURE, 1, enclosure};
        result = tp0_data_piece_req(s->tp, bytes_of(head, sizeof head), bytes_of(left.p, n), true);
        if (n > 0)
            left = bytes_of(left.p + n, left.n - n);
        enclosure = 0;
    } while (left.n > 0 && result >= 0);
    s->sending = !last;
    return result;
}

int session_act_dt_req(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct session_ev *e = arg;
    if (s->tsdu_max != 0)
        return data_segmented(s, e->data, e->last);
    struct bytes head = bytes_of(dt_head, s->sending ? 0 : sizeof dt_head);
    s->sending = !e->last;
    return tp0_data_piece_req(s->tp, head, e->data, e->last);
}

// The SSDU being sent means nothing any more: its TSDU is ended, so that others can follow.
void session_tx_break(struct session *s) {
    s->sending = false;
    if (tp0_sending(s->tp))
        tp0_data_piece_req(s->tp, (struct bytes){0}, (struct bytes){0}, true);
}
