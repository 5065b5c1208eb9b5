// SPDX-License-Identifier: BSD-2-Clause
// The service of the session layer (X.215): what its user and the layer tell each other. Functions are in session.h.
#ifndef RFC1006_SESSION_SERVICE_H
#define RFC1006_SESSION_SERVICE_H

#include "base/buf.h"
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
    bool extended_concatenation;               // say in it that we take extended concatenation; we never send it
    bool send_transport_disconnect;            // send it in FN (released); the answer to its absence is the same
    size_t collect_limit;                      // octets of what is put together: any SSDU but data; 0: 65,535
    uint32_t connect_ms, release_ms, abort_ms; // wait for the peer's answer; 0: for ever
    uint32_t answer_ms;                        // the same for ACTIVITY INTERRUPT, DISCARD and S-CONTROL-GIVE
    // Asked of the answering side with each T-CONNECT indication: 0, or an enum tp0_reason to refuse. NULL: accept all.
    uint8_t (*accept_transport)(void *ctx, const struct tp0_connect *c);
    void *accept_ctx;
};
// Versions 1 and 2, unlimited TSDUs, all parameters sent but TSDU size, timers of 60 s, 60 s, 10 s and 60 s.
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

#endif
