// SPDX-License-Identifier: BSD-2-Clause
// The presentation layer (X.216 service, X.226 protocol), kernel, in both modes. Normal mode: contexts are defined at
// connection and stay; BER is the one transfer syntax. X.410 mode: user data of connect, refusal and abort are the
// members of an APDU of RTSE, other user data pass through as they are, there are no contexts and no P-selectors.
// Its service has two users above: ACSE (connect, release, abort) and RTSE (data and what belongs to session, which
// passes through unchanged). Not here: context management, restoration.
//
// Requests take their user data, one ASN.1 value, in a struct buf, which is empty afterwards when the call succeeded.
// They return 0, ERR_STATE, ERR_LIMIT or ERR_NOMEM; a call that fails has sent nothing.
#ifndef RFC1006_PRESENTATION_H
#define RFC1006_PRESENTATION_H

#include "base/fsm.h"
#include "rfc1006/presentation_codec.h"
#include "rfc1006/presentation_pdv.h"
#include "rfc1006/session.h"
#include "rfc1006/stack_failure.h"

struct presentation_connect {
    bool x410;                                                   // the mode: request, indication
    struct session_connect session;                              // passed through, but for its user data
    struct bytes calling_psel, called_psel;                      // called: the responding one in response and confirm
    size_t n_contexts;                                           // of `contexts`
    struct presentation_context contexts[PRESENTATION_CONTEXTS]; // with their results from the indication on
    int64_t context;                                             // of the user data, -1 when it is not said
    struct bytes user_data; // indication, confirm: one value, p NULL: none. In requests it comes in the buffer
    bool refused;           // response: by the user. Confirm: below is why
    bool by_user;           // confirm: refused by the peer's user, whose words are in user_data
    struct stack_failure failure;
};

// The primitives that belong to session and pass through.
enum presentation_primitive {
    P_ACTIVITY_START,
    P_ACTIVITY_RESUME,
    P_ACTIVITY_INTERRUPT,
    P_ACTIVITY_DISCARD,
    P_ACTIVITY_END,
    P_SYNC_MINOR,
    P_U_EXCEPTION_REPORT,
    P_P_EXCEPTION_REPORT, // indication only
    P_TOKEN_PLEASE,
    P_TOKEN_GIVE,
    P_CONTROL_GIVE,
};
struct presentation_event {
    enum presentation_primitive primitive;
    bool response;                       // response or confirm, else request or indication
    struct bytes activity_id;            // START; RESUME: the new one
    const struct session_resume *resume; // RESUME: all but the new one
    struct bytes user_data;              // TOKEN_PLEASE, indication: one value, p NULL: none
    struct buf *value;                   // ... request, of `context`; empty afterwards
    int32_t context;
    uint32_t serial;   // SYNC_MINOR, END; in the request set by the call
    uint8_t reason;    // INTERRUPT, DISCARD, U_EXCEPTION: enum session_exception
    uint8_t tokens;    // PLEASE, GIVE
    bool explicit_cnf; // SYNC_MINOR request: a confirmation is asked for
};

struct presentation_acse_user {
    void (*connect_ind)(void *user, const struct presentation_connect *c);
    void (*connect_cnf)(void *user, const struct presentation_connect *c);
    void (*release_ind)(void *user, struct bytes value); // p NULL: no user data
    void (*release_cnf)(void *user, struct bytes value);
    void (*u_abort_ind)(void *user, struct bytes value);
    void (*p_abort_ind)(void *user, const struct stack_failure *f); // of this layer or one below
};

struct presentation_rtse_user {
    int (*data_begin)(void *user, int64_t context); // a negative result of these three aborts the connection
    int (*data)(void *user, struct bytes piece);    // of the encoding of the value
    int (*data_end)(void *user);
    void (*event)(void *user, const struct presentation_event *e);
};

struct presentation_params {
    struct bytes supported[4]; // abstract syntaxes that a responder accepts; unused ones have p NULL
    // The responder's answers to selectors. 0: accept, else enum session_refusal. NULL: accept all.
    uint8_t (*accept_session)(void *ctx, const struct session_connect *c);
    // -1: accept, else the provider-reason of the CPR.
    int (*accept_presentation)(void *ctx, struct bytes calling_psel, struct bytes called_psel);
    void *accept_ctx;
};

struct presentation {
    struct fsm fsm;
    struct presentation_params params;
    const struct presentation_acse_user *acse;
    void *acse_user;
    const struct presentation_rtse_user *rtse;
    void *rtse_user;
    struct session *session;
    bool x410;         // the mode of the connection
    bool in_data;      // X.410 mode: an SSDU has begun
    bool dropping;     // an exception was reported: data mean nothing until the activity is broken
    struct buf names;  // the abstract syntaxes that `contexts` point into
    struct buf joined; // a value whose octets came in segments
    size_t n_contexts;
    struct presentation_context contexts[PRESENTATION_CONTEXTS]; // the defined context set, with results
    struct pdv_stream pdv;
};

extern const struct fsm_table presentation_fsm; // for tests that walk it
// The session's user: session_init(..., &presentation_session_user, &presentation, ...).
extern const struct session_user presentation_session_user;

void presentation_init(struct presentation *p, const struct presentation_params *params, struct session *session,
                       const struct presentation_acse_user *acse, void *acse_user,
                       const struct presentation_rtse_user *rtse, void *rtse_user);
void presentation_free(struct presentation *p);

// The context, accepted, of this abstract syntax (-1: there is none).
int32_t presentation_context_of(const struct presentation *p, struct bytes abstract_syntax);
bool presentation_has_context(const struct presentation *p, int64_t id);

int presentation_connect_req(struct presentation *p, const struct presentation_connect *c, int32_t context,
                             struct buf *value);
int presentation_connect_rsp(struct presentation *p, const struct presentation_connect *c, int32_t context,
                             struct buf *value);
int presentation_release_req(struct presentation *p, int32_t context, struct buf *value);
int presentation_release_rsp(struct presentation *p, int32_t context, struct buf *value);
// In any state but idle; no indication follows. value NULL: none. It is left out where the session cannot carry it.
int presentation_u_abort_req(struct presentation *p, int32_t context, struct buf *value);
int presentation_data_req(struct presentation *p, int32_t context, struct buf *value);
// A P-DATA of any size in pieces: first what comes before a value of `total` octets (which is appended to b), then the
// value, `last` with its last octets. ERR_BUSY: as in session.h.
int presentation_data_header(const struct presentation *p, struct buf *b, int32_t context, uint64_t total);
int presentation_data_piece_req(struct presentation *p, struct bytes piece, bool last);
int presentation_event_req(struct presentation *p, struct presentation_event *e);

#endif
