// SPDX-License-Identifier: BSD-2-Clause
// The session layer (X.215 service, X.225 protocol, versions 1 and 2) over tp0: kernel, half-duplex, minor synchronize,
// activity management and exceptions, which is what RTSE needs. One session connection to a transport connection: reuse
// is declined. Not here: duplex, resynchronize, major synchronize, typed, expedited and capability data, negotiated
// release, and connect user data over 10,240 octets (CONNECT DATA OVERFLOW).
//
// Requests take user data in a struct buf (NULL: none), which is empty afterwards when the call succeeded.
// They return 0; ERR_STATE when the primitive is not allowed now or a token is missing; ERR_LIMIT when the user data do
// not fit the SPDU; ERR_NOMEM. A call that fails has sent nothing and changed nothing.
#ifndef RFC1006_SESSION_H
#define RFC1006_SESSION_H

#include "base/buf.h"
#include "base/fsm.h"
#include "rfc1006/tp0.h"

enum { // functional units, as in the Session Requirements parameter
    SESSION_FU_HALF_DUPLEX = 0x0001,
    SESSION_FU_DUPLEX = 0x0002,
    SESSION_FU_MINOR_SYNC = 0x0008,
    SESSION_FU_ACTIVITY = 0x0040,
    SESSION_FU_EXCEPTIONS = 0x0200,
    SESSION_FU_RTSE = 0x0249, // what RTSE requires
};
enum { SESSION_VERSION_1 = 0x01, SESSION_VERSION_2 = 0x02 };
enum { // tokens, as in the Token Item
    SESSION_TOKEN_DATA = 0x01,
    SESSION_TOKEN_MINOR = 0x04,
    SESSION_TOKEN_MAJOR = 0x10, // major/activity
    SESSION_TOKEN_RELEASE = 0x40,
};
// The Token Setting Item gives each token two bits at the token's own place: whose it is at first.
enum { SESSION_SIDE_INITIATOR = 0, SESSION_SIDE_RESPONDER = 1, SESSION_SIDE_CHOICE = 2 };

enum session_refusal { // reason code of a REFUSE SPDU
    SESSION_REFUSED_BY_USER = 0,
    SESSION_REFUSED_CONGESTION = 1,
    SESSION_REFUSED_WITH_DATA = 2, // by the user, whose data follow
    SESSION_REFUSED_SSEL_UNKNOWN = 129,
    SESSION_REFUSED_NOT_ATTACHED = 130,
    SESSION_REFUSED_SPM_CONGESTION = 131,
    SESSION_REFUSED_VERSION = 132,
    SESSION_REFUSED_BY_SPM = 133,
    SESSION_REFUSED_RESTRICTION = 134,
};
const char *session_refusal_text(uint8_t reason); // never NULL

enum session_exception { // reasons of S-U-EXCEPTION-REPORT, S-ACTIVITY-INTERRUPT and S-ACTIVITY-DISCARD
    SESSION_REASON_NONSPECIFIC = 0,
    SESSION_REASON_RECEIVING_ABILITY = 1, // "user receiving ability jeopardized"
    SESSION_REASON_SEQUENCE = 3,          // "user sequence error"
    SESSION_REASON_LOCAL = 5,             // "local SS-user error"
    SESSION_REASON_PROCEDURAL = 6,        // "unrecoverable procedural error"
    SESSION_REASON_DEMAND_DATA_TOKEN = 128,
    SESSION_REASON_ABSENT = 255, // the parameter was absent, or is not to be sent
};
const char *session_exception_text(uint8_t reason); // never NULL

enum session_abort_reason {            // S-P-ABORT
    SESSION_ABORT_TRANSPORT,           // transport disconnect: its words are in the text
    SESSION_ABORT_PROTOCOL_ERROR_PEER, // the peer's provider saw a protocol error of ours
    SESSION_ABORT_PROTOCOL_ERROR,      // we saw one of the peer's
    SESSION_ABORT_UNDEFINED,           // the peer gave no reason
    SESSION_ABORT_RESTRICTION,         // "implementation restriction" of the peer, or memory or a limit of ours
    SESSION_ABORT_TIMEOUT,             // the peer did not answer in time
};

struct session_params {
    uint8_t versions;                          // proposed, or acceptable: SESSION_VERSION_*
    uint16_t tsdu_max_send;                    // largest TSDU we send, and ...
    uint16_t tsdu_max_receive;                 // ... receive; proposed in CN, answered in AC, 0: unlimited
    bool send_tsdu_max;                        // send that parameter; in AC only when the CN had it
    bool send_protocol_options;                // send the parameter (its value is 0: no extended concatenation)
    bool send_transport_disconnect;            // send it in FN (released); the answer to its absence is the same
    size_t collect_limit;                      // octets of one SPDU other than DT; 0: 65,539
    uint32_t connect_ms, release_ms, abort_ms; // wait for the peer's answer; 0: for ever
    // Asked of the answering side with each T-CONNECT indication: 0, or an enum tp0_reason to refuse. NULL: accept all.
    uint8_t (*accept_transport)(void *ctx, const struct tp0_connect *c);
    void *accept_ctx;
};
// Versions 1 and 2, unlimited TSDUs, all parameters sent but TSDU size, timers of 60 s, 60 s and 10 s.
void session_params_default(struct session_params *p);

// S-CONNECT request, indication, response and confirm. Octets: p NULL when absent; in a request none is kept after
// the call, in an indication they are valid until the callback returns.
struct session_connect {
    struct bytes calling_ssel, called_ssel;
    struct bytes calling_ref, called_ref; // SS-user references; calling in the request, called in the response
    struct bytes common_ref, additional_ref;
    uint16_t requirements;   // functional units: proposed, and in response and confirm those agreed
    uint8_t token_setting;   // pairs of bits, SESSION_SIDE_*; in response and confirm who has them
    bool has_initial_serial; // only with synchronization but without activities
    uint32_t initial_serial;
    uint8_t version;        // in indication and confirm: the one chosen
    struct bytes user_data; // indication and confirm; in request and response it comes in the buffer
    bool refused;           // response, confirm: no connection; below is why
    uint8_t reason;         // enum session_refusal
    const char *text;       // confirm: "session: REFUSE, reason 'session selector unknown'", or NULL
};

struct session_resume {          // S-ACTIVITY-RESUME
    struct bytes new_id, old_id; // activity identifiers, at most 6 octets
    uint32_t serial;             // of the last synchronization point that holds
    bool same_connection;        // the activity was interrupted on this very connection: the rest is absent
    struct bytes calling_ref, called_ref, common_ref, additional_ref; // of the old connection
    struct bytes user_data;                                           // indication only
};

struct session_p_abort {
    enum session_abort_reason reason;
    const char *text; // layer, what and where: "session: protocol error, ACTIVITY END in state data transfer ..."
};

struct session_user {
    void (*connect_ind)(void *user, const struct session_connect *c);
    void (*connect_cnf)(void *user, const struct session_connect *c); // accepted or refused
    void (*release_ind)(void *user, struct bytes ud);
    void (*release_cnf)(void *user, struct bytes ud);
    void (*u_abort_ind)(void *user, struct bytes ud);
    void (*p_abort_ind)(void *user,
                        const struct session_p_abort *a);        // also: transport lost or refused while connecting
    void (*data_ind)(void *user, struct bytes piece, bool last); // the SSDU as it arrives; the last may be empty
    void (*token_please_ind)(void *user, uint8_t tokens, struct bytes ud);
    void (*token_give_ind)(void *user, uint8_t tokens);
    void (*control_give_ind)(void *user);
    void (*sync_minor_ind)(void *user, uint32_t serial, bool explicit_cnf, struct bytes ud);
    void (*sync_minor_cnf)(void *user, uint32_t serial, struct bytes ud); // for this and all earlier points
    void (*activity_start_ind)(void *user, struct bytes id, struct bytes ud);
    void (*activity_resume_ind)(void *user, const struct session_resume *r);
    void (*activity_interrupt_ind)(void *user, uint8_t reason);
    void (*activity_interrupt_cnf)(void *user);
    void (*activity_discard_ind)(void *user, uint8_t reason);
    void (*activity_discard_cnf)(void *user);
    void (*activity_end_ind)(void *user, uint32_t serial, struct bytes ud);
    void (*activity_end_cnf)(void *user, uint32_t serial, struct bytes ud);
    void (*u_exception_ind)(void *user, uint8_t reason, struct bytes ud);
    void (*p_exception_ind)(void *user); // S-P-EXCEPTION-REPORT: the peer's provider saw a protocol error
};
// A primitive whose function is NULL is dropped. Absent user data: p NULL.

struct session_rx {        // the TSDU being received
    uint8_t phase;         // of the parser, see session_rx.c
    uint8_t si, li_octets; // identifier of the SPDU being read; length octets read of it
    uint16_t li;           // length of its parameters
    bool first;            // it is the first SPDU of its TSDU
    bool seg_end;          // the DT SPDU being read ends its SSDU
    bool ssdu_open;        // a segmented SSDU is being received
    bool deliver;          // the DT SPDU being read is wanted; else it is discarded
    uint8_t prefix;        // 0, or the identifier of the category 0 SPDU that came before in this TSDU
    uint8_t prefix_tokens; // its Token Item
    struct buf params;     // what is collected of the SPDU
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
    uint8_t proposed_tokens; // token setting of the CN
    uint16_t proposed_fus;   // functional units of the CN
    uint8_t tokens;          // available ones that are ours
    bool activity;           // Vact: an activity is in progress
    bool vsc;                // Vsc: we may confirm minor synchronization points
    uint32_t vm, va;         // V(M) next serial number, V(A) lowest one not confirmed
    struct buf connect_spdu; // the CN, while the transport connection is being made
    struct session_rx rx;
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
int session_data_req(struct session *s, struct buf *ud);
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
