// SPDX-License-Identifier: BSD-2-Clause
// States, events and what the files of the session layer share. Private to it.
#ifndef RFC1006_SESSION_FSM_H
#define RFC1006_SESSION_FSM_H

#include "rfc1006/session.h"
#include "rfc1006/session_codec.h"

enum session_state { // named as the states of X.225; OVER is idle for good
    STA01,           // idle, no transport connection
    STA01B,          // wait for T-CONNECT confirm
    STA01C,          // idle, transport connected
    STA01D,          // wait for CONNECT DATA OVERFLOW
    STA02A,          // wait for ACCEPT
    STA02B,          // wait for OVERFLOW ACCEPT
    STA03,           // wait for DISCONNECT
    STA04B,          // wait for ACTIVITY END ACK
    STA05B,          // wait for ACTIVITY INTERRUPT ACK
    STA05C,          // wait for ACTIVITY DISCARD ACK
    STA08,           // wait for S-CONNECT response
    STA09,           // wait for S-RELEASE response
    STA10B,          // wait for S-ACTIVITY-END response
    STA11B,          // wait for S-ACTIVITY-INTERRUPT response
    STA11C,          // wait for S-ACTIVITY-DISCARD response
    STA16,           // wait for T-DISCONNECT
    STA18,           // wait for GIVE TOKENS ACK
    STA19,           // exception reported by us: wait for a recovery indication
    STA20,           // exception reported to us: wait for a recovery request
    STA713,          // data transfer
    STA_OVER,
    SESSION_N_STATES
};

enum session_event { // requests and responses first, then transport and timer, then SPDUs
    EV_SCONREQ,
    EV_SCONRSP,
    EV_SCONREFUSE,
    EV_SRELREQ,
    EV_SRELRSP,
    EV_SUABREQ,
    EV_SDTREQ,
    EV_SPTREQ,
    EV_SGTREQ,
    EV_SCGREQ,
    EV_SSYNMREQ,
    EV_SSYNMRSP,
    EV_SACTSREQ,
    EV_SACTRREQ,
    EV_SACTIREQ,
    EV_SACTIRSP,
    EV_SACTDREQ,
    EV_SACTDRSP,
    EV_SACTEREQ,
    EV_SACTERSP,
    EV_SUERREQ,
    EV_TCONIND,
    EV_TCONCNF,
    EV_TDISIND,
    EV_TIM,
    EV_CN,
    EV_OA,
    EV_CDO,
    EV_AC,
    EV_RF,
    EV_FN,
    EV_DN,
    EV_AB,
    EV_AA,
    EV_DT,
    EV_GT,
    EV_PT,
    EV_GTC,
    EV_GTA,
    EV_MIP,
    EV_MIA,
    EV_AS,
    EV_AR,
    EV_AI,
    EV_AIA,
    EV_AD,
    EV_ADA,
    EV_AE,
    EV_AEA,
    EV_ED,
    EV_ER,
    SESSION_N_EVENTS
};

// What the parser of TSDUs waits for; RX_SKIP: the end of a TSDU that is not looked at any more.
enum session_rx_phase { RX_SI, RX_LI, RX_PARAMS, RX_DATA, RX_END, RX_SKIP };

struct session_ev {                    // the argument of a step; what an event does not use is zero
    const struct spdu *spdu;           // SPDU events
    const struct spdu_tx *tx;          // requests: the SPDU to send, and ...
    struct bytes data;                 // ... its user data; a piece of an SSDU of S-DATA
    bool last;                         // S-DATA: the piece is the last
    uint8_t versions;                  // S-CONNECT: those proposed
    const struct session_connect *con; // S-CONNECT
    uint32_t serial;                   // S-SYNC-MINOR response, S-ACTIVITY-RESUME
    uint8_t tokens;                    // S-TOKEN-PLEASE, S-TOKEN-GIVE
    uint8_t setting;                   // S-CONNECT response: the Token Setting Item of the AC
    const char *why;                   // T-DISCONNECT indication: words
};

enum { SESSION_FU_SUPPORTED = SESSION_FU_RTSE, SESSION_TSDU_MIN = 64 };

extern const struct fsm_table session_table;

// The table (session_fsm.c) is apart from the actions (session_connect.c: connecting and ending; session_act.c).
#define SESSION_ACTIONS(X)                                                                                             \
    X(connect_req)                                                                                                     \
    X(transport_cnf)                                                                                                   \
    X(transport_ind)                                                                                                   \
    X(transport_lost) X(transport_lost_quietly) X(connect_timeout) X(answer_timeout) X(cn) X(cn_refused)               \
        X(cn_overflow) X(cdo) X(oa) X(connect_rsp) X(refuse) X(ac) X(rf) X(release_req) X(fn) X(release_rsp) X(dn)     \
            X(u_abort) X(transport_end) X(ab) X(send) X(send_and_wait) X(dt_req) X(dt) X(gt_req) X(gt) X(pt) X(gtc)    \
                X(gta) X(mip_req) X(mip) X(mip_dropped) X(mia_rsp) X(mia) X(mia_dropped) X(as_req) X(as) X(ar_req)     \
                    X(ar) X(ai) X(ai_rsp) X(aia) X(ad) X(ad_rsp) X(ada) X(ae_req) X(ae) X(ae_dropped) X(ae_rsp) X(aea) \
                        X(ed_req) X(ed) X(er)
#define SESSION_ACTION_DECLARE(name) int session_act_##name(void *ctx, void *arg);
SESSION_ACTIONS(SESSION_ACTION_DECLARE)

uint8_t session_available(uint16_t fus); // tokens that exist with these functional units
// The peer broke the protocol: ABORT, S-P-ABORT indication. `what` without the layer's name. Returns ERR_SYNTAX.
int session_protocol_error(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// We cannot go on (memory, a limit): the same with another reason.
void session_restriction(struct session *s, const char *what);
// ms 0: stops it. asked: the SPDU that the peer has to answer, NULL: none
void session_timer_start(struct session *s, uint32_t ms, const char *asked);
// The connection was lost or ended by the peer's provider: tells the user, s->error says what.
void session_p_abort(struct session *s, enum session_abort_reason reason);

// A primitive that the user did not ask to hear of is dropped.
#define INDICATE(s, primitive, ...)                                                                                    \
    do {                                                                                                               \
        if ((s)->up->primitive != NULL)                                                                                \
            (s)->up->primitive(__VA_ARGS__);                                                                           \
    } while (0)

// Down (session_tx.c). Room and limits first: ERR_LIMIT, ERR_NOMEM; then sending cannot fail.
int session_tx_reserve(struct session *s, const struct spdu_tx *t, size_t n_data);
int session_tx_send(struct session *s, const struct spdu_tx *t, struct bytes data);
int session_tx_overflow(struct session *s);
void session_tx_break(struct session *s);

// Up (session_rx.c).
void session_rx_input(struct session *s, struct bytes piece, bool last);

// An SSDU in segments, or connect data in overflow. False: limit or memory, the connection is over.
bool session_rx_keep(struct session *s, uint8_t event, struct bytes params, struct bytes data);
bool session_rx_kept(struct session *s, uint8_t si, struct spdu *out); // as one SPDU, valid until session_rx_forget
void session_rx_forget(struct session *s);

#endif
