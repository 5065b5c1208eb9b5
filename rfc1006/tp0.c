// SPDX-License-Identifier: BSD-2-Clause
// Transport class 0. X.224 asks of this class: one connection to a network connection, no flow control, no
// retransmission, TPDUs CR, CC, DR, DT and ER. Implemented: all of them, both roles, TSDUs sent and received in pieces.
// To end an open connection X.224 only closes the network connection; the peers known send a DR first (capture), so do
// we. Not here: other classes (a CR that prefers one is taken when it offers class 0 as an alternative), expedited
// data. The states, and what is not marked "capture" or "inferred", follow the transcription of the state tables of
// X.224 in ISODE++ (tsap/prov/TSAP.sm).
#include "rfc1006/tp0.h"

#include <stdio.h>

#include "base/err.h"

enum { ST_CLOSED, ST_WFCC, ST_WFTRESP, ST_OPEN, ST_OVER, N_STATES };
enum { EV_TCONREQ, EV_TCONRESP, EV_TDTREQ, EV_TDISREQ, EV_CR, EV_CC, EV_DR, EV_DT, EV_ER, EV_NDIS, EV_TIM, N_EVENTS };
static const char *const state_names[N_STATES] = {
    [ST_CLOSED] = "CLOSED", [ST_WFCC] = "WFCC", [ST_WFTRESP] = "WFTRESP", [ST_OPEN] = "OPEN", [ST_OVER] = "OVER"};
static const char *const event_names[N_EVENTS] = {"TCONreq", "TCONresp", "TDTreq", "TDISreq", "CR",   "CC",
                                                  "DR",      "DT",       "ER",     "NDISind", "timer"};

enum { TPDU_CR = 0xE, TPDU_CC = 0xD, TPDU_DR = 0x8, TPDU_DT = 0xF, TPDU_ER = 0x7 };
enum { PARAM_SIZE = 0xC0, PARAM_CALLING = 0xC1, PARAM_CALLED = 0xC2, PARAM_ALTERNATIVES = 0xC7, PARAM_ER_TPDU = 0xC1 };
enum { PARAM_PREFERRED = 0xF0, PREFERRED_UNIT = 128, SIZE_MIN = 128 };
enum { DT_HEADER = 3, DT_EOT = 0x80, CONNECT_ROOM = 4 + 256, SIZE_CODE_MIN = 7, SIZE_CODE_MAX = 16 };

// A TPDU's header, taken apart. Octets point into tp0.head.
struct tpdu {
    uint8_t code, class_option, reason;
    uint16_t dst_ref, src_ref;
    struct bytes calling, called, alternatives;
    uint8_t size_code;  // 0: absent
    uint32_t preferred; // octets, 0: absent
    const char *why;    // NDISind: words of the owner
};

// The argument of TDTreq.
struct piece {
    struct bytes head, body;
    bool last;
};

const char *tp0_reason_text(uint8_t reason) {
    switch (reason) {
    case TP0_REASON_NONE: return "not specified";
    case TP0_REASON_CONGESTION_AT_TSAP: return "congestion at TSAP";
    case TP0_REASON_NOT_ATTACHED: return "session entity not attached to TSAP";
    case TP0_REASON_ADDRESS_UNKNOWN: return "address unknown";
    case TP0_REASON_NORMAL: return "normal disconnect";
    case TP0_REASON_CONGESTION: return "remote transport entity congestion";
    case TP0_REASON_NEGOTIATION: return "connection negotiation failed";
    case TP0_REASON_DUPLICATE_REF: return "duplicate source reference";
    case TP0_REASON_MISMATCHED_REF: return "mismatched references";
    case TP0_REASON_PROTOCOL_ERROR: return "protocol error";
    case TP0_REASON_REF_OVERFLOW: return "reference overflow";
    case TP0_REASON_REFUSED: return "connection request refused on this network connection";
    case TP0_REASON_HEADER: return "header or parameter length invalid";
    default: return "unknown reason";
    }
}

// Codes 0x07..0x0F are 2^code, and 0x10 is the largest TPDU that a TPKT carries: RFC 1006 as the OSI/AS and OSI/TS
// Supplement of Tandem (107751) lists it. X.224 alone ends class 0 at 0x0B.
static uint32_t size_of_code(uint8_t code) {
    return code >= SIZE_CODE_MAX ? TP0_SIZE_DEFAULT : (uint32_t)1 << code;
}

static uint8_t code_of_size(uint32_t size) {
    uint8_t code = SIZE_CODE_MIN;
    while (code < SIZE_CODE_MAX - 1 && (uint32_t)1 << (code + 1) <= size)
        code++;
    return code;
}

// Appends one TPDU that is all header: its length indicator, then `n` octets.
static int tpdu_send(struct tp0 *t, const uint8_t *p, size_t n) {
    if (buf_reserve(t->out, TPKT_HEADER + 1 + n) < 0 || tpkt_header_append(t->out, n + 1) < 0)
        return ERR_NOMEM;
    buf_append_u8(t->out, (uint8_t)n);
    return buf_append(t->out, p, n);
}

static int dr_send(struct tp0 *t, uint16_t src_ref, uint8_t reason) {
    uint8_t dr[6] = {TPDU_DR << 4,           (uint8_t)(t->remote_ref >> 8),
                     (uint8_t)t->remote_ref, (uint8_t)(src_ref >> 8),
                     (uint8_t)src_ref,       reason};
    return tpdu_send(t, dr, sizeof dr);
}

// The end of the connection, seen from here: at most one T-DISCONNECT indication.
static void disconnected(struct tp0 *t, bool by_peer, uint8_t reason) {
    const struct tp0_disconnect d = {by_peer, reason, t->error};
    t->up->disconnect_ind(t->user, &d);
}

// The peer broke the protocol; t->error says how. Answered by an ER with the header in question, or by a DR when no
// connection is there yet.
static int protocol_error(struct tp0 *t, uint8_t cause, uint8_t reason) {
    bool listening = t->fsm.state == ST_CLOSED;
    if (listening && t->n_head > 0 && t->head[1] >> 4 == TPDU_CR)
        dr_send(t, 0, reason);
    else if (!listening && t->n_head > 0) {
        uint8_t er[6 + 128] = {TPDU_ER << 4, (uint8_t)(t->remote_ref >> 8), (uint8_t)t->remote_ref, cause,
                               PARAM_ER_TPDU};
        uint8_t n = t->n_head > 128 ? 128 : (uint8_t)t->n_head;
        er[5] = n;
        memcpy(er + 6, t->head, n);
        tpdu_send(t, er, (size_t)6 + n);
    }
    bool tell = t->fsm.state != ST_OVER;
    t->fsm.state = ST_OVER;
    if (tell)
        disconnected(t, false, TP0_REASON_PROTOCOL_ERROR);
    return ERR_SYNTAX;
}

static void connect_send(struct tp0 *t, uint8_t code, uint16_t dst_ref, uint8_t size_code, uint32_t preferred,
                         bool selectors) {
    uint8_t h[CONNECT_ROOM] = {(uint8_t)(code << 4),
                               (uint8_t)(dst_ref >> 8),
                               (uint8_t)dst_ref,
                               (uint8_t)(t->params.local_ref >> 8),
                               (uint8_t)t->params.local_ref,
                               0};
    size_t n = 6;
    const struct bytes sel[2] = {t->params.calling_tsel, t->params.called_tsel};
    for (int i = 0; selectors && i < 2; i++) {
        if (sel[i].p == NULL)
            continue;
        h[n++] = i == 0 ? PARAM_CALLING : PARAM_CALLED;
        h[n++] = (uint8_t)sel[i].n;
        if (sel[i].n > 0)
            memcpy(h + n, sel[i].p, sel[i].n);
        n += sel[i].n;
    }
    if (size_code != 0) {
        h[n++] = PARAM_SIZE;
        h[n++] = 1;
        h[n++] = size_code;
    }
    if (preferred != 0) { // in the shortest form: at most 511
        uint32_t units = preferred / PREFERRED_UNIT;
        h[n++] = PARAM_PREFERRED;
        h[n++] = units > 255 ? 2 : 1;
        if (units > 255)
            h[n++] = (uint8_t)(units >> 8);
        h[n++] = (uint8_t)units;
    }
    tpdu_send(t, h, n);
}

// The size of TPDUs as a parameter, 0 when it is not to be sent: 65,531 has no code and is meant by absence.
static uint8_t own_code(const struct tp0 *t, uint32_t size) {
    return t->params.send_size && size < TP0_SIZE_DEFAULT ? code_of_size(size) : 0;
}

// The largest multiple of 128 that is not larger.
static uint32_t preferred_of(uint32_t size) {
    return size / PREFERRED_UNIT * PREFERRED_UNIT;
}

static int act_connect_req(void *ctx, void *arg) {
    struct tp0 *t = ctx;
    (void)arg;
    uint8_t code = own_code(t, t->params.tpdu_size);
    t->size = code ? size_of_code(code) : TP0_SIZE_DEFAULT;
    t->preferred = t->params.send_preferred ? preferred_of(t->params.tpdu_size) : 0;
    connect_send(t, TPDU_CR, 0, code, t->preferred, true);
    return ERR_OK;
}

static bool class0_offered(void *ctx, void *arg) {
    const struct tpdu *u = arg;
    (void)ctx;
    // Class 1 alone may be answered by class 0 too, class 2 alone may not: 6.5.4 h) and table 3 of ISO 8073 as the OSI
    // PICS Manual of Tandem (135046) lists them.
    if (u->class_option >> 4 <= 1)
        return true;
    for (size_t i = 0; i < u->alternatives.n; i++)
        if (u->alternatives.p[i] >> 4 == 0)
            return true;
    return false;
}

static int act_connect_ind(void *ctx, void *arg) {
    struct tp0 *t = ctx;
    const struct tpdu *u = arg;
    t->remote_ref = u->src_ref;
    uint32_t proposed = u->size_code ? size_of_code(u->size_code) : TP0_SIZE_DEFAULT;
    t->size = proposed < t->params.tpdu_size ? proposed : size_of_code(code_of_size(t->params.tpdu_size));
    if (t->params.tpdu_size >= TP0_SIZE_DEFAULT)
        t->size = proposed;
    if (u->preferred != 0 && t->params.send_size) // it goes before the other one
        t->size = t->preferred = preferred_of(u->preferred < t->params.tpdu_size ? u->preferred : t->params.tpdu_size);
    const struct tp0_connect c = {u->calling, u->called, t->size};
    t->up->connect_ind(t->user, &c);
    return ERR_OK;
}

static int act_refuse_class(void *ctx, void *arg) {
    struct tp0 *t = ctx;
    const struct tpdu *u = arg;
    snprintf(t->error, sizeof t->error, "transport: CR proposes class %u, class 0 is not offered",
             u->class_option >> 4);
    t->remote_ref = u->src_ref;
    dr_send(t, 0, TP0_REASON_NEGOTIATION);
    disconnected(t, false, TP0_REASON_NEGOTIATION);
    return ERR_OK;
}

static int act_connect_rsp(void *ctx, void *arg) {
    struct tp0 *t = ctx;
    (void)arg;
    connect_send(t, TPDU_CC, t->remote_ref, t->preferred ? 0 : own_code(t, t->size), t->preferred, false);
    return ERR_OK;
}

static bool cc_is_ours(void *ctx, void *arg) {
    const struct tp0 *t = ctx;
    const struct tpdu *u = arg;
    return u->dst_ref == t->params.local_ref && u->class_option >> 4 == 0;
}

static int act_connect_cnf(void *ctx, void *arg) {
    struct tp0 *t = ctx;
    const struct tpdu *u = arg;
    t->remote_ref = u->src_ref;
    if (u->preferred != 0 && t->preferred != 0)
        t->size = u->preferred < t->preferred ? u->preferred : t->preferred;
    else if (u->size_code && size_of_code(u->size_code) < t->size)
        t->size = size_of_code(u->size_code);
    const struct tp0_connect c = {u->calling, u->called, t->size};
    t->up->connect_cnf(t->user, &c);
    return ERR_OK;
}

// Moves up to n octets of *from into the output, for which there is room.
static size_t octets_move(struct tp0 *t, struct bytes *from, size_t n) {
    n = n < from->n ? n : from->n;
    if (n > 0) {
        buf_append(t->out, from->p, n);
        *from = bytes_of(from->p + n, from->n - n);
    }
    return n;
}

static int act_data_req(void *ctx, void *arg) {
    struct tp0 *t = ctx;
    struct piece p = *(struct piece *)arg;
    size_t max = t->size - DT_HEADER, left;
    t->sending = !p.last;
    while ((left = p.head.n + p.body.n) > 0 || p.last) {
        size_t n = left < max ? left : max;
        bool end = p.last && n == left;
        const uint8_t dt[DT_HEADER] = {2, TPDU_DT << 4, end ? DT_EOT : 0};
        tpkt_header_append(t->out, n + DT_HEADER);
        buf_append(t->out, dt, sizeof dt);
        n -= octets_move(t, &p.head, n);
        octets_move(t, &p.body, n);
        if (end)
            break;
    }
    return ERR_OK;
}

static int act_refuse(void *ctx, void *arg) {
    return dr_send(ctx, 0, *(const uint8_t *)arg);
}

static int act_disconnect(void *ctx, void *arg) {
    struct tp0 *t = ctx;
    return dr_send(t, t->params.local_ref, *(const uint8_t *)arg);
}

static int act_dr_ind(void *ctx, void *arg) {
    struct tp0 *t = ctx;
    const struct tpdu *u = arg;
    snprintf(t->error, sizeof t->error, "transport: DR, reason '%s' (%u)", tp0_reason_text(u->reason), u->reason);
    disconnected(t, true, u->reason);
    return ERR_OK;
}

static int act_er_ind(void *ctx, void *arg) {
    static const char *const causes[] = {"not specified", "invalid parameter code", "invalid TPDU type",
                                         "invalid parameter value"};
    struct tp0 *t = ctx;
    const struct tpdu *u = arg;
    snprintf(t->error, sizeof t->error, "transport: ER, reject cause '%s' (%u)",
             u->reason < 4 ? causes[u->reason] : "?", u->reason);
    disconnected(t, true, TP0_REASON_PROTOCOL_ERROR);
    return ERR_OK;
}

static int act_network_lost(void *ctx, void *arg) {
    struct tp0 *t = ctx;
    const struct tpdu *u = arg;
    snprintf(t->error, sizeof t->error, "transport: network connection closed%s%s", u->why ? ": " : "",
             u->why ? u->why : "");
    disconnected(t, true, TP0_REASON_NONE);
    return ERR_OK;
}

static int act_timeout(void *ctx, void *arg) {
    struct tp0 *t = ctx;
    (void)arg;
    snprintf(t->error, sizeof t->error, "transport: no connect TPDU from the peer within %u ms", t->params.connect_ms);
    disconnected(t, false, TP0_REASON_NORMAL);
    return ERR_OK;
}

#define X224 "X.224 (TSAP.sm)"
static const struct fsm_row rows[] = {
    {ST_CLOSED, EV_TCONREQ, NULL, act_connect_req, ST_WFCC, "capture"},
    {ST_CLOSED, EV_CR, class0_offered, act_connect_ind, ST_WFTRESP, "capture"},
    {ST_CLOSED, EV_CR, NULL, act_refuse_class, ST_OVER, X224 ": P1, refused by DR"},
    {ST_CLOSED, EV_NDIS, NULL, NULL, ST_OVER, "inferred"},
    {ST_CLOSED, EV_TDISREQ, NULL, NULL, ST_OVER, "inferred"},
    {ST_WFCC, EV_CC, cc_is_ours, act_connect_cnf, ST_OPEN, "capture"},
    {ST_WFCC, EV_DR, NULL, act_dr_ind, ST_OVER, X224},
    {ST_WFCC, EV_ER, NULL, act_er_ind, ST_OVER, "inferred"},
    {ST_WFCC, EV_TDISREQ, NULL, NULL, ST_OVER, X224 ": N-DISCONNECT"},
    {ST_WFCC, EV_NDIS, NULL, act_network_lost, ST_OVER, X224},
    {ST_WFTRESP, EV_TCONRESP, NULL, act_connect_rsp, ST_OPEN, "capture"},
    {ST_WFTRESP, EV_TDISREQ, NULL, act_refuse, ST_OVER, X224},
    {ST_WFTRESP, EV_DR, NULL, act_dr_ind, ST_OVER, "inferred"},
    {ST_WFTRESP, EV_NDIS, NULL, act_network_lost, ST_OVER, X224},
    {ST_OPEN, EV_TDTREQ, NULL, act_data_req, FSM_SAME, "capture"},
    {ST_OPEN, EV_DT, NULL, NULL, FSM_SAME, "capture"},
    {ST_OPEN, EV_TDISREQ, NULL, act_disconnect, ST_OVER, "capture"},
    {ST_OPEN, EV_DR, NULL, act_dr_ind, ST_OVER, "capture"},
    {ST_OPEN, EV_ER, NULL, act_er_ind, ST_OVER, "inferred"},
    {ST_OPEN, EV_NDIS, NULL, act_network_lost, ST_OVER, X224},
    {ST_CLOSED, EV_TIM, NULL, act_timeout, ST_OVER, "inferred"},
    {ST_WFCC, EV_TIM, NULL, act_timeout, ST_OVER, "inferred"},
    {ST_OVER, EV_TDISREQ, NULL, NULL, FSM_SAME, "inferred: both sides may end it at once"},
    {ST_OVER, EV_NDIS, NULL, NULL, FSM_SAME, "inferred"},
};

static int unlisted(void *ctx, uint8_t event, void *arg) {
    struct tp0 *t = ctx;
    (void)arg;
    if (event < EV_CR)
        return ERR_STATE;
    if (event == EV_TIM)
        return ERR_OK;
    snprintf(t->error, sizeof t->error, "transport: protocol error, %s in state %s", event_names[event],
             fsm_state_name(&t->fsm));
    return protocol_error(t, 2, TP0_REASON_PROTOCOL_ERROR);
}

static const struct fsm_table table = {
    "tp0", state_names, N_STATES, event_names, N_EVENTS, rows, sizeof rows / sizeof rows[0], unlisted};

static int param_bad(struct tp0 *t, uint8_t code, size_t n) {
    snprintf(t->error, sizeof t->error,
             "transport: parameter 0x%02X of the TPDU with code 0x%X is malformed (%zu octets)", code, t->head[1] >> 4,
             n);
    return ERR_SYNTAX;
}

// A number of one to four octets, in units of 128; not 0. What is above a TPKT is cut to the largest that fits.
static bool preferred_read(struct bytes v, uint32_t *size) {
    uint32_t units = 0;
    if (v.n == 0 || v.n > 4)
        return false;
    for (size_t i = 0; i < v.n; i++)
        units = units << 8 | v.p[i];
    *size = units > TP0_SIZE_DEFAULT / PREFERRED_UNIT ? TP0_SIZE_DEFAULT : units * PREFERRED_UNIT;
    return units != 0;
}

// The variable part. Parameters that are not known are ignored, as X.224 asks of those of a CR.
static int params_read(struct tp0 *t, struct cursor *c, struct tpdu *u) {
    while (cursor_left(c) > 0) {
        uint8_t code = 0, n = 0;
        struct bytes v;
        if (cursor_u8(c, &code) < 0 || cursor_u8(c, &n) < 0 || cursor_take(c, n, &v) < 0)
            return param_bad(t, code, n);
        if (code == PARAM_CALLING)
            u->calling = v;
        else if (code == PARAM_CALLED)
            u->called = v;
        else if (code == PARAM_ALTERNATIVES)
            u->alternatives = v;
        else if (code == PARAM_SIZE) {
            if (v.n != 1 || v.p[0] < SIZE_CODE_MIN || v.p[0] > SIZE_CODE_MAX)
                return param_bad(t, code, n);
            u->size_code = v.p[0];
        } else if (code == PARAM_PREFERRED) {
            if (!preferred_read(v, &u->preferred))
                return param_bad(t, code, n);
        }
    }
    return ERR_OK;
}

static int header_bad(struct tp0 *t) {
    snprintf(t->error, sizeof t->error, "transport: TPDU with code 0x%X has a header of %u octets", t->head[1] >> 4,
             t->head[0]);
    return protocol_error(t, 0, TP0_REASON_HEADER);
}

static int connect_read(struct tp0 *t, struct cursor *c, struct tpdu *u) {
    if (cursor_u16(c, &u->dst_ref) < 0 || cursor_u16(c, &u->src_ref) < 0 || cursor_u8(c, &u->class_option) < 0)
        return header_bad(t);
    if (params_read(t, c, u) < 0) {
        t->remote_ref = u->src_ref;
        return protocol_error(t, 3, TP0_REASON_HEADER);
    }
    return fsm_step(&t->fsm, u->code == TPDU_CR ? EV_CR : EV_CC, u);
}

// The header of a TPDU is complete.
static int header_input(struct tp0 *t) {
    struct tpdu u = {.code = t->head[1] >> 4};
    struct cursor c = cursor_of(bytes_of(t->head + 2, (size_t)t->n_head - 2));
    uint16_t ref;
    switch (u.code) {
    case TPDU_CR:
    case TPDU_CC: return connect_read(t, &c, &u);
    case TPDU_DR:
        if (cursor_u16(&c, &u.dst_ref) < 0 || cursor_u16(&c, &u.src_ref) < 0 || cursor_u8(&c, &u.reason) < 0)
            return header_bad(t);
        return fsm_step(&t->fsm, EV_DR, &u);
    case TPDU_ER:
        if (cursor_u16(&c, &ref) < 0 || cursor_u8(&c, &u.reason) < 0)
            return header_bad(t);
        return fsm_step(&t->fsm, EV_ER, &u);
    case TPDU_DT:
        if (t->n_head != DT_HEADER)
            return header_bad(t);
        t->eot = (t->head[2] & DT_EOT) != 0;
        return fsm_step(&t->fsm, EV_DT, &u);
    default:
        snprintf(t->error, sizeof t->error, "transport: TPDU code 0x%X is not of class 0", u.code);
        return protocol_error(t, 2, TP0_REASON_PROTOCOL_ERROR);
    }
}

static int tpdu_begin(void *user, size_t size) {
    struct tp0 *t = user;
    t->n_head = 0;
    t->need_head = 1;
    t->tpdu_left = size;
    return ERR_OK;
}

// Collects header octets from the piece. 1: the header is complete now.
static int header_collect(struct tp0 *t, struct bytes *piece) {
    while (piece->n > 0 && t->n_head < t->need_head) {
        t->head[t->n_head++] = *piece->p++;
        piece->n--;
        t->tpdu_left--;
        if (t->n_head > 1)
            continue;
        t->need_head = (uint16_t)(t->head[0] + 1);
        if (t->head[0] < 2 || t->head[0] == 255 || t->head[0] > t->tpdu_left) {
            snprintf(t->error, sizeof t->error, "transport: length indicator %u in a TPDU of %zu octets", t->head[0],
                     t->tpdu_left + 1);
            t->n_head = 0;
            return protocol_error(t, 0, TP0_REASON_HEADER);
        }
    }
    return t->n_head == t->need_head;
}

// What follows the header: user data of a DT; other TPDUs have none in class 0, it is skipped.
static int tpdu_data(void *user, struct bytes piece, bool last) {
    struct tp0 *t = user;
    (void)last;
    int r;
    if (t->fsm.state == ST_OVER)
        return ERR_OK;
    if (t->n_head < t->need_head) {
        if ((r = header_collect(t, &piece)) <= 0 || (r = header_input(t)) < 0)
            return r;
        if (piece.n == 0 && t->tpdu_left > 0)
            return ERR_OK;
    }
    t->tpdu_left -= piece.n;
    if (t->head[1] >> 4 != TPDU_DT || t->fsm.state != ST_OPEN)
        return ERR_OK;
    bool end = t->eot && t->tpdu_left == 0;
    if (piece.n > 0 || end)
        t->up->data_ind(t->user, piece, end);
    return ERR_OK;
}

static const struct tpkt_user tpkt_user = {tpdu_begin, tpdu_data};

int tp0_input(struct tp0 *t, struct bytes in) {
    if (t->fsm.state == ST_OVER)
        return ERR_OK;
    int r = tpkt_input(&t->tpkt, in, &tpkt_user, t);
    if (r < 0 && t->tpkt.error[0] != 0) { // not TPKT: nothing can be answered
        if (t->fsm.state == ST_OVER)      // and what follows the end of the connection is nobody's concern
            return ERR_OK;
        snprintf(t->error, sizeof t->error, "%s", t->tpkt.error);
        t->n_head = 0;
        protocol_error(t, 0, TP0_REASON_PROTOCOL_ERROR);
    }
    return r;
}

void tp0_network_closed(struct tp0 *t, const char *why) {
    struct tpdu u = {.why = why};
    fsm_step(&t->fsm, EV_NDIS, &u);
}

void tp0_init(struct tp0 *t, const struct tp0_params *p, const struct tp0_user *up, void *user, struct buf *out) {
    *t = (struct tp0){.params = *p, .up = up, .user = user, .out = out};
    t->fsm = (struct fsm){.table = &table, .ctx = t, .state = ST_CLOSED};
    if (t->params.tpdu_size == 0 || t->params.tpdu_size > TP0_SIZE_DEFAULT)
        t->params.tpdu_size = TP0_SIZE_DEFAULT;
    if (t->params.tpdu_size < SIZE_MIN)
        t->params.tpdu_size = SIZE_MIN;
    t->size = TP0_SIZE_DEFAULT;
}

// The peer's word is waited for: its CR, or its CC. The user's own answer is not timed.
static bool waits(const struct tp0 *t) {
    return t->params.connect_ms != 0 && (t->fsm.state == ST_CLOSED || t->fsm.state == ST_WFCC);
}

uint64_t tp0_deadline(const struct tp0 *t) {
    return waits(t) ? t->deadline != 0 ? t->deadline : 1 : 0;
}

void tp0_tick(struct tp0 *t, uint64_t now_ms) {
    if (!waits(t))
        return;
    if (t->deadline == 0)
        t->deadline = now_ms + t->params.connect_ms;
    if (now_ms >= t->deadline) {
        struct tpdu u = {0};
        fsm_step(&t->fsm, EV_TIM, &u);
    }
}

int tp0_connect_req(struct tp0 *t) {
    const struct tp0_params *p = &t->params;
    if (p->calling_tsel.n > TP0_TSEL_MAX || p->called_tsel.n > TP0_TSEL_MAX)
        return ERR_LIMIT;
    return buf_reserve(t->out, CONNECT_ROOM) < 0 ? ERR_NOMEM : fsm_step(&t->fsm, EV_TCONREQ, NULL);
}

int tp0_connect_rsp(struct tp0 *t) {
    return buf_reserve(t->out, CONNECT_ROOM) < 0 ? ERR_NOMEM : fsm_step(&t->fsm, EV_TCONRESP, NULL);
}

int tp0_reserve(struct tp0 *t, size_t octets, size_t tsdus) {
    size_t segments = octets / (t->size - DT_HEADER) + tsdus;
    return buf_reserve(t->out, octets + segments * (TPKT_HEADER + DT_HEADER));
}

int tp0_data_req(struct tp0 *t, struct buf *tsdu) {
    if (t->sending)
        return ERR_BUSY;
    int r = tp0_data_piece_req(t, (struct bytes){0}, buf_bytes(tsdu), true);
    if (r >= 0)
        buf_clear(tsdu);
    return r;
}

int tp0_data_piece_req(struct tp0 *t, struct bytes head, struct bytes piece, bool last) {
    if (tp0_reserve(t, head.n + piece.n, 1) < 0)
        return ERR_NOMEM;
    return fsm_step(&t->fsm, EV_TDTREQ, &(struct piece){head, piece, last});
}

bool tp0_sending(const struct tp0 *t) {
    return t->sending;
}

int tp0_disconnect_req(struct tp0 *t, uint8_t reason) {
    return buf_reserve(t->out, CONNECT_ROOM) < 0 ? ERR_NOMEM : fsm_step(&t->fsm, EV_TDISREQ, &reason);
}

bool tp0_over(const struct tp0 *t) {
    return t->fsm.state == ST_OVER;
}
