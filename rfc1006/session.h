// SPDX-License-Identifier: BSD-2-Clause
// The session layer (X.215 service, X.225 protocol, versions 1 and 2) over tp0: kernel, half-duplex, minor synchronize,
// activity management and exceptions, which is what RTSE needs. Connect data of any size both ways (CONNECT DATA
// OVERFLOW), segmented SSDUs, basic concatenation, extended concatenation received. One session connection to a
// transport connection: reuse is declined. A protocol error of the peer is answered by ABORT, never by EXCEPTION
// REPORT, which X.225 leaves to the implementation. Not here: duplex, resynchronize, major synchronize, typed,
// expedited and capability data, negotiated release.
//
// Requests take user data in a struct buf (NULL: none), which is empty afterwards when the call succeeded.
// They return 0; ERR_STATE when the primitive is not allowed now or a token is missing; ERR_BUSY while an SSDU that was
// begun stands in the way; ERR_LIMIT when the user data do not fit the SPDU and may not be segmented; ERR_NOMEM. A call
// that fails has sent nothing and changed nothing.
#ifndef RFC1006_SESSION_H
#define RFC1006_SESSION_H

#include "base/fsm.h"
#include "rfc1006/session_service.h"

struct session_rx {        // the TSDU being received
    uint8_t phase;         // of the parser, see session_rx.c
    uint8_t si, li_octets; // identifier of the SPDU being read; length octets read of it
    uint16_t li;           // length of its parameters
    bool first;            // it is the first SPDU of its TSDU
    bool seg_end;          // the DT SPDU being read ends its SSDU
    bool ssdu_open;        // a segmented SSDU of data is being received
    bool deliver;          // the DT SPDU being read is wanted; else it is discarded
    uint8_t prefix;        // 0, or the identifier of the category 0 SPDU that came before in this TSDU
    uint8_t prefix_tokens; // its Token Item
    struct buf params;     // what is collected of the SPDU
    // An SSDU in segments, or the connect data in overflow: the parameters of its first SPDU and the user data so far.
    uint8_t seg_event; // its event, 0: there is none
    struct buf seg_params, seg_data;
};

struct session {
    struct fsm fsm; // fsm.trace may be set after session_init
    struct session_params params;
    const struct session_user *up;
    void *user;
    struct tp0 *tp;
    bool initiator;        // we sent the CN
    uint8_t version;       // in force
    uint16_t requirements; // functional units in force
    uint16_t tsdu_max;     // largest TSDU we may send, 0: unlimited (no segmenting)
    uint16_t tsdu_max_in;  // largest we may receive, 0: unlimited (no segmenting)
    bool peer_sent_tsdu_max;
    uint8_t proposed_versions;
    bool sending;            // an SSDU of data was begun and not ended
    uint8_t proposed_tokens; // token setting of the CN
    uint16_t proposed_fus;   // functional units of the CN
    uint8_t tokens;          // available ones that are ours
    bool activity;           // Vact: an activity is in progress
    bool vsc;                // Vsc: we may confirm minor synchronization points
    uint32_t vm, va;         // V(M) next serial number, V(A) lowest one not confirmed
    struct buf connect_spdu; // the CN, while the transport connection is being made
    struct buf connect_rest; // user data that did not fit the CN, until the OVERFLOW ACCEPT
    struct session_rx rx;
    const char *asked; // what the running timer waits for an answer to, and ...
    uint32_t asked_ms; // ... for how long
    uint32_t timer_ms; // a timer asked for since the last tick, 0: none
    uint64_t deadline; // when the running timer expires, 0: none
    char error[256];   // session_p_abort.text, session_connect.text
};

// The session's face towards tp0: tp0_init(&tp0, &params, &session_tp0_user, &session, out).
extern const struct tp0_user session_tp0_user;

void session_init(struct session *s, const struct session_params *p, const struct session_user *up, void *user,
                  struct tp0 *tp);
void session_free(struct session *s);

// Time. Requests and input take no clock: the owner calls session_tick after them, which starts the timers they
// asked for, and when session_deadline (0: none) has come.
uint64_t session_deadline(const struct session *s);
void session_tick(struct session *s, uint64_t now_ms);

int session_connect_req(struct session *s, const struct session_connect *c, struct buf *ud); // makes T-CONNECT first
int session_connect_rsp(struct session *s, const struct session_connect *c, struct buf *ud);
int session_release_req(struct session *s, struct buf *ud);
int session_release_rsp(struct session *s, struct buf *ud);
int session_u_abort_req(struct session *s, struct buf *ud); // in any state but idle; no indication follows
int session_data_req(struct session *s, struct buf *ud);    // a whole SSDU
// An SSDU of any size in pieces: the first call begins it, the one with `last` ends it. Where TSDUs are limited every
// piece is its own TSDUs: several KB make good pieces. Where they are not, the whole SSDU is one TSDU, and until it has
// ended everything but S-U-ABORT (which then breaks the transport connection) is refused with ERR_BUSY; so is, in both
// cases, what the order of synchronization forbids. An activity broken by either side ends the SSDU by itself.
// Back-pressure: session_pending, octets that the network has not taken yet.
int session_data_piece_req(struct session *s, struct bytes piece, bool last);
static inline size_t session_pending(const struct session *s) {
    return tp0_pending(s->tp);
}
int session_token_please_req(struct session *s, uint8_t tokens, struct buf *ud);
int session_token_give_req(struct session *s, uint8_t tokens);
int session_control_give_req(struct session *s); // all tokens, between activities
int session_sync_minor_req(struct session *s, bool explicit_cnf, uint32_t *serial, struct buf *ud); // serial: out
int session_sync_minor_rsp(struct session *s, uint32_t serial, struct buf *ud);
int session_activity_start_req(struct session *s, struct bytes id, struct buf *ud);
int session_activity_resume_req(struct session *s, const struct session_resume *r, struct buf *ud);
int session_activity_interrupt_req(struct session *s, uint8_t reason);
int session_activity_interrupt_rsp(struct session *s);
int session_activity_discard_req(struct session *s, uint8_t reason);
int session_activity_discard_rsp(struct session *s);
int session_activity_end_req(struct session *s, uint32_t *serial, struct buf *ud); // serial: out
int session_activity_end_rsp(struct session *s, struct buf *ud);
int session_u_exception_req(struct session *s, uint8_t reason, struct buf *ud);

bool session_over(const struct session *s); // no session connection, and none will come

#endif
