// SPDX-License-Identifier: BSD-2-Clause
// One transport connection with all that is above it up to RTSE: tpkt, tp0, session, presentation, ACSE, RTSE,
// composed. No I/O and no clock: the owner moves octets between the stack and its socket and passes `now_ms`.
//
// Normal mode and X.410 mode; a responder takes either and tells its user which. Who has the turn may send: in a
// monologue the initiator (or, when it says so, the responder) for as long as the association lasts, in a two-way
// alternate dialogue the one to whom it was given.
//   stack_input()               octets from the peer
//   stack_output()              octets to the peer, to be drained by the owner
//   stack_transport_closed()    the peer closed
//   stack_closed()              with nothing in stack_output(): we may close
//   stack_deadline(), _tick()   timers
//
// Requests and responses are the functions below, indications and confirms the callbacks of struct stack_user. A user
// may call down from within a callback, but must not free the stack there. Octets (struct bytes) in a callback are
// valid until it returns. In selectors and references p == NULL means absent, n == 0 with p != NULL present and empty.
// Functions return 0, ERR_STATE (not allowed now; nothing was sent), ERR_NOMEM or ERR_LIMIT. A peer's fault is never
// their result: it ends in abort_ind or rt_open_cnf.
#ifndef RFC1006_STACK_H
#define RFC1006_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fsm.h"
#include "rfc1006/rtse.h"
#include "rfc1006/stack_failure.h"
#include "rfc1006/stack_params.h"

// The answer to called selectors. UNKNOWN and NOT_ATTACHED become the reason codes of the layer asked about.
enum stack_answer { STACK_ACCEPT, STACK_UNKNOWN, STACK_NOT_ATTACHED, STACK_CONGESTED };

struct stack_open {
    const struct stack_negotiated *so_far;
    enum rtse_mode mode;         // so it has been made, and the answer will be
    int protocol;                // X.410 mode: RTSE_PROTOCOL_*, or what else was said; 0: nothing
    struct bytes user_data;      // RTORQ user data: normal mode, tag [16] and all; X.410 mode, the bare argument
    uint32_t checkpoint, window; // proposed
    enum rtse_dialogue dialogue; // proposed
    bool turn;                   // it is ours at first
    struct bytes implementation; // implementation-information of the AARQ, GraphicString; p NULL: absent
    // Not NULL: the peer recovers this association, which was lost. There are no user data, neither here nor in the
    // answer: who the peer is must be known from what was kept. A user that has nothing of it refuses:
    // RTSE_REFUSE_CANNOT_RECOVER.
    const struct rtse_session_id *recover;
};

struct stack_open_result {
    bool accepted;
    const struct stack_negotiated *so_far;
    struct bytes user_data;       // accepted: [17], or the bare result; refused by the user: [18], if any; else absent
    struct stack_failure failure; // refused: layer, reason, text. RTSE: reason is an enum rtse_refuse or -1
};

struct stack_transfer_end {
    bool ok;
    uint64_t octets;              // of the APDU: received, or confirmed
    struct stack_failure failure; // when not ok
    bool resumable; // when not ok: interrupted, and may go on from here on the same association or another
    const struct rtse_recovery *recovery; // valid until the callback returns
};

struct stack_user {
    // Responder. `layer` is TRANSPORT (tsel of both valid), SESSION (ssel too) or PRESENTATION (psel too). NULL:
    // accept.
    enum stack_answer (*address_ind)(void *user, enum stack_layer layer, const struct stack_address *called,
                                     const struct stack_address *calling);
    // A layer is up. NULL: not wanted.
    void (*layer_up)(void *user, enum stack_layer layer, const struct stack_negotiated *n);

    // Responder: answer with stack_rt_open_rsp or _refuse, now or later.
    void (*rt_open_ind)(void *user, const struct stack_open *open);
    // Initiator. When it is not accepted, nothing more than closed() follows.
    void (*rt_open_cnf)(void *user, const struct stack_open_result *result);

    // Receiving. begin, octets in pieces, checkpoints, then end with ok: answer with stack_transfer_rsp (responsibility
    // taken) or stack_transfer_refuse. end without ok: the sender gave up; drop what came, unless it is resumable;
    // nothing to answer.
    void (*rt_transfer_begin)(void *user, int32_t context_id); // of the EXTERNAL, -1: it names none
    void (*rt_transfer_data)(void *user, struct bytes piece);
    void (*rt_checkpoint_ind)(void *user, uint32_t serial,
                              uint64_t octets); // answer: stack_checkpoint_rsp when they are safe
    void (*rt_transfer_end)(void *user, const struct stack_transfer_end *end);

    // The peer wants to go on with a transfer that was interrupted: `old` has session, activity identifier and serial
    // number. Answer before returning, since octets follow at once: stack_resume_rsp or _refuse. Then come octets from
    // octets_confirmed on, checkpoints and the end, but no begin. NULL, or no answer: it is unknown.
    void (*rt_resume_ind)(void *user, const struct rtse_recovery *old);

    // Sending. `room` octets may be given now to stack_transfer_data; 0 is never reported.
    void (*rt_ready)(void *user, size_t room);
    void (*rt_checkpoint_cnf)(void *user, uint32_t serial, uint64_t octets); // NULL: not wanted
    void (*rt_transfer_cnf)(void *user, const struct stack_transfer_end *end);

    // Two-way alternate dialogue. NULL: not wanted.
    // 0 is the highest: the peer wants to release. After RT-CLOSE request it crossed it, and is too late.
    void (*rt_turn_please_ind)(void *user, uint32_t priority);
    void (*rt_turn_give_ind)(void *user); // the turn is ours

    void (*rt_close_ind)(void *user); // answer: stack_rt_close_rsp
    void (*rt_close_cnf)(void *user);
    // After the association was open, or in place of rt_open_ind: it is gone, with any transfer (which gets no end of
    // its own; stack_recovery says from where it may be resumed).
    void (*abort_ind)(void *user, const struct stack_failure *failure);
    // Nothing more will come; close TCP when the output is drained. Last of all callbacks.
    void (*closed)(void *user);
};

// Params are copied, `user` and `ctx` must outlive the stack. NULL when memory is short.
struct stack *stack_new_initiator(const struct stack_params *p, const struct stack_user *user, void *ctx);
struct stack *stack_new_responder(const struct stack_params *p, const struct stack_user *user, void *ctx);
void stack_free(struct stack *s);

void stack_input(struct stack *s, uint64_t now_ms, struct bytes octets);
struct buf *stack_output(struct stack *s);
void stack_output_drained(struct stack *s, uint64_t now_ms); // call after taking from it: may lead to rt_ready
void stack_transport_closed(struct stack *s, uint64_t now_ms,
                            const char *why); // why: "connection reset", NULL: orderly
bool stack_closed(const struct stack *s);
uint64_t stack_deadline(const struct stack *s); // 0: none
void stack_tick(struct stack *s, uint64_t now_ms);
const struct stack_negotiated *stack_negotiated(const struct stack *s);

// RT-OPEN. Initiator: call once TCP is connected; user_data is the bind argument, in normal mode with its tag [16].
int stack_rt_open_req(struct stack *s, uint64_t now_ms, struct bytes user_data);
// In its place: recover an association that was lost, to resume its transfer with stack_rt_resume_req.
int stack_rt_recover_req(struct stack *s, uint64_t now_ms, const struct rtse_session_id *session);
// Responder, before the answer: takes at most these, and this no_progress_ms, instead of what the params say, now that
// the caller is known.
void stack_rt_open_limit(struct stack *s, uint32_t checkpoint, uint32_t window, uint32_t no_progress_ms);
int stack_rt_open_rsp(struct stack *s, uint64_t now_ms, struct bytes user_data); // [17]
// Normal mode: refuse with user data ([18], a bind error), or with a reason when user_data.p is NULL. X.410 mode: the
// reason alone is sent; RTSE_REFUSE_NONE there means a validation failure.
int stack_rt_open_refuse(struct stack *s, uint64_t now_ms, struct bytes user_data, enum rtse_refuse reason);

// RT-TRANSFER of one APDU of `total` octets. timeout_ms 0: that of the params. Only who has the turn may.
int stack_rt_transfer_req(struct stack *s, uint64_t now_ms, uint64_t total, uint32_t timeout_ms);
// The same of an APDU whose transfer was interrupted on this association or on one that this one recovers: octets are
// taken from old->octets_confirmed on. When the receiver cannot, rt_transfer_cnf or abort_ind say so: the transfer is
// to begin anew. One that turns out to be complete is confirmed. ERR_STATE: nothing was confirmed, or in another mode.
int stack_rt_resume_req(struct stack *s, uint64_t now_ms, const struct rtse_recovery *old, uint64_t total,
                        uint32_t timeout_ms);
size_t stack_transfer_room(const struct stack *s); // what may be given now
// At most the room just reported. Once all `total` octets are given, the activity is ended.
int stack_transfer_data(struct stack *s, uint64_t now_ms, struct bytes piece);
// Give up a transfer that is under way: the activity is discarded and rt_transfer_cnf says so when the peer confirmed.
// ERR_BUSY: without checkpoints the APDU is one TSDU, and unless TSDUs are limited nothing else can be said before its
// end: abort.
int stack_transfer_discard(struct stack *s, uint64_t now_ms);
int stack_transfer_interrupt(struct stack *s, uint64_t now_ms); // the same, and it may be resumed

int stack_checkpoint_rsp(struct stack *s, uint64_t now_ms, uint32_t serial); // and all before it
int stack_transfer_rsp(struct stack *s, uint64_t now_ms);
int stack_transfer_refuse(struct stack *s, uint64_t now_ms, enum rtse_exception reason);
// In rt_resume_ind. `state` is what was kept of that activity, confirmed at least up to old->serial. ERR_ABSENT: the
// transfer cannot go on from it, and is refused unless another answer is given.
int stack_resume_rsp(struct stack *s, uint64_t now_ms, const struct rtse_recovery *state);
int stack_resume_refuse(struct stack *s, uint64_t now_ms, enum rtse_no_resume why);
// What to keep for a later resumption of the transfer under way, interrupted or cut off (either side; until the stack
// is freed). With serial 0 there is nothing to resume. ERR_ABSENT: there is none.
int stack_recovery(const struct stack *s, struct rtse_recovery *out);
// The receiver's, as it will be once the open point `serial` is confirmed: to be stored before that.
int stack_recovery_at(const struct stack *s, uint32_t serial, struct rtse_recovery *out);

bool stack_turn(const struct stack *s); // we may send
// Who has not the turn asks for it, at any time (the peer may hear it twice). Who has it gives it, with no transfer
// under way.
int stack_turn_please(struct stack *s, uint64_t now_ms, uint32_t priority);
int stack_turn_give(struct stack *s, uint64_t now_ms);

int stack_rt_close_req(struct stack *s, uint64_t now_ms);
int stack_rt_close_rsp(struct stack *s, uint64_t now_ms);
// RT-U-ABORT, in any state. No abort_ind follows; closed() does.
void stack_u_abort(struct stack *s, uint64_t now_ms);
// Abort for a reason of our own (shutting down: temporary problem; no memory: local system problem).
void stack_p_abort(struct stack *s, uint64_t now_ms, enum rtse_abort reason);

// Every step of every layer's state machine, as fsm.trace tells it; fn NULL: no more.
typedef void stack_trace_fn(void *ctx, enum stack_layer layer, const struct fsm *f, uint8_t state, uint8_t event,
                            const struct fsm_row *row);
void stack_trace(struct stack *s, stack_trace_fn *fn, void *ctx);

#endif
