// SPDX-License-Identifier: BSD-2-Clause
// One association with another MTA, over TCP, from a call or an answer (listen.h) to a finished bind, and then one APDU
// at a time. Composed of resolving, connecting, the stack (rfc1006/stack.h) and the MTA bind (x400/bind.h). Knows the
// configuration's peers and stacks, but no queue, no route and no spool. Loop thread only.
//
// An association belongs to its user from assoc_call or assoc_accept on until `ended` was called, the last callback and
// always called exactly once; after it returned the association is gone. No callback comes from within assoc_call.
#ifndef ASSOC_ASSOC_H
#define ASSOC_ASSOC_H

#include "assoc/back.h"
#include "base/loop.h"
#include "base/resolver.h"
#include "conf/conf.h"
#include "rfc1006/stack.h"
#include "rfc1006/tcp.h"
#include "x400/bind.h"

// The steps of a call and of an answer, in order. What failed is named by the step.
enum assoc_step {
    ASSOC_RESOLVE,
    ASSOC_CONNECT, // TCP
    ASSOC_TRANSPORT,
    ASSOC_SESSION,
    ASSOC_PRESENTATION,
    ASSOC_ASSOCIATION, // ACSE
    ASSOC_RTSE,        // RT-OPEN
    ASSOC_BIND,
    ASSOC_OPEN // the bind was done: failures from here on are of an open association
};
const char *assoc_step_text(enum assoc_step s); // "resolve", "connect", ...

enum { ASSOC_ARRIVED = 8, ASSOC_TEXT = 320, ASSOC_CAUSE = 512 };

struct assoc_failure {
    enum assoc_step step;
    bool by_peer; // the peer refused or aborted; else we or the network did
    enum stack_how how;
    int reason;           // the layer's own code: of ASSOC_CONNECT errno, of ASSOC_BIND enum bind_error; -1: none
    bool recover_refused; // a call with `recover`: the peer was there and does not recover
    char local[NET_ADDRESS_TEXT], remote[NET_ADDRESS_TEXT]; // "" when not known
    char text[ASSOC_TEXT];                                  // what happened, with the standard's or the system's reason
    char cause[ASSOC_TEXT];       // the likely cause and what to do, "" when there is nothing to say
    char configured[ASSOC_CAUSE]; // the words of the peer's block that bear on it, with their values; or ""
};

struct assoc;

struct assoc_user {
    // A step was passed. What was negotiated is in assoc_negotiated and assoc_bind_info; detail says the rest of
    // resolve and connect, else it is "". In X.410 mode there is no step of presentation and association. NULL: not
    // wanted.
    void (*step)(void *ctx, enum assoc_step s, uint64_t at_ms, const char *detail);
    void (*open)(void *ctx); // callers only: the bind was accepted
    // NULL: released in order, or closed by assoc_close / assoc_abort.
    void (*ended)(void *ctx, const struct assoc_failure *f);

    // Sending: as rt_ready, rt_checkpoint_cnf and rt_transfer_cnf of the stack.
    void (*send_ready)(void *ctx, size_t room);
    void (*checkpoint_cnf)(void *ctx, uint32_t serial, uint64_t octets);
    void (*send_done)(void *ctx, const struct stack_transfer_end *end);

    // Receiving: as in stack.h; answered by assoc_checkpoint_rsp, assoc_receive_rsp or assoc_receive_refuse.
    void (*receive_begin)(void *ctx);
    void (*receive_data)(void *ctx, struct bytes piece);
    void (*receive_checkpoint)(void *ctx, uint32_t serial, uint64_t octets);
    void (*receive_end)(void *ctx, const struct stack_transfer_end *end);
    // A transfer that was interrupted goes on: answer with assoc_resume_rsp or _refuse before returning. NULL: unknown.
    void (*resume_ind)(void *ctx, const struct rtse_recovery *old);

    // Two-way alternate dialogue: the peer wants the turn (0 is the highest priority: to release; after assoc_close it
    // is too late); it is ours now.
    void (*turn_please_ind)(void *ctx, uint32_t priority);
    void (*turn_give_ind)(void *ctx);
};

struct assoc_trace; // assoc/trace.h

// What all associations of a process share. Must outlive them.
struct assoc_env {
    struct loop *loop;
    struct resolver *resolver;
    struct assoc_stacks *stacks;     // never NULL: assoc/stacks.h
    const struct assoc_trace *trace; // NULL: nobody traces
};

// ---- calling ----
// Tries the peer's stacks and addresses in order, each with its own connect timeout, until one binds; `ended` tells of
// the last failure, `step` and `attempt_failed` of those before. The peer's configuration must live until `ended`.
// NULL: no memory.
struct assoc_call_options {
    uint64_t connect_timeout_ms; // of one address; 0: 10 s
    // Recover this association, which was lost, instead of a bind. `open` tells that it is there again. A peer
    // that refuses ends the call, whatever addresses are left (recover_refused). NULL: an ordinary call.
    const struct rtse_session_id *recover;
    // The pair that is tried first, if it is one of the peer's, as assoc_stack_name and assoc_remote told: where the
    // lost association was, or the last call worked. first_stack NULL: any; first_remote NULL: none is. Copied.
    const char *first_stack, *first_remote;
    // Where this peer's last calls came in, at most ASSOC_ARRIVED addresses, the last one first: our calls to it start
    // at one of them when the stack listens on all addresses and no source is configured. Copied.
    const struct net_address *arrived;
    size_t n_arrived;
    // Called instead of the peer's `connect`. NULL: `connect`. Must live until `ended`.
    const struct conf_endpoint *to;
    size_t n_to;
    bool bind_back; // it is the bind-back of a call that came, and says so
    // One pair of stack and address failed and another is tried. NULL: not wanted.
    void (*attempt_failed)(void *ctx, const struct assoc_failure *f);
};
struct assoc *assoc_call(struct assoc_env *env, const struct conf_peer *peer, const struct assoc_call_options *o,
                         const struct assoc_user *user, void *ctx);

enum assoc_step assoc_step_now(const struct assoc *a); // that is under way
// A call whose bind is on its way (it goes with the first octets above transport) and has not been answered.
bool assoc_bind_pending(const struct assoc *a);

// ---- an open association ----
const struct conf_peer *assoc_peer(const struct assoc *a);
const char *assoc_local(const struct assoc *a); // "192.0.2.1:53412"
const char *assoc_remote(const struct assoc *a);
const struct net_address *assoc_local_address(const struct assoc *a);
const struct net_address *assoc_remote_address(const struct assoc *a);
const char *assoc_stack_name(const struct assoc *a);
const struct stack_negotiated *assoc_negotiated(const struct assoc *a);
enum conf_protocol assoc_protocol(const struct assoc *a);       // in which it was made, whatever the peer's block says
const struct bind_info *assoc_bind_info(const struct assoc *a); // what the other side showed
// Fills cause and configured of a failure of a call by its step, how and reason.
void assoc_explain(const struct assoc *a, struct assoc_failure *f);
const struct assoc_failure *assoc_failed(const struct assoc *a); // it will end so; NULL: as far as is known it will not
uint64_t assoc_octets_in(const struct assoc *a);
uint64_t assoc_octets_out(const struct assoc *a);

// Who has the turn sends. See stack_rt_transfer_req, stack_rt_resume_req and stack_transfer_data.
int assoc_send(struct assoc *a, uint64_t total, uint32_t timeout_ms);
int assoc_send_resume(struct assoc *a, const struct rtse_recovery *old, uint64_t total, uint32_t timeout_ms);
size_t assoc_send_room(const struct assoc *a);
int assoc_send_data(struct assoc *a, struct bytes piece);
int assoc_send_discard(struct assoc *a);

int assoc_checkpoint_rsp(struct assoc *a, uint32_t serial);
int assoc_receive_rsp(struct assoc *a);
int assoc_receive_refuse(struct assoc *a, enum rtse_exception reason);
// In resume_ind; see stack_resume_rsp.
int assoc_resume_rsp(struct assoc *a, const struct rtse_recovery *state);
int assoc_resume_refuse(struct assoc *a, enum rtse_no_resume why);
// What to keep of the transfer under way, interrupted or cut off; also within `ended`. ERR_ABSENT: there is none.
int assoc_recovery(const struct assoc *a, struct rtse_recovery *out);
// The receiver's, as it will be once the open point `serial` is confirmed.
int assoc_recovery_at(const struct assoc *a, uint32_t serial, struct rtse_recovery *out);
void assoc_read_pause(struct assoc *a, bool pause); // back-pressure: stop reading from TCP

bool assoc_two_way(const struct assoc *a); // dialogue
bool assoc_turn(const struct assoc *a);    // it is ours
int assoc_turn_please(struct assoc *a, uint32_t priority);
int assoc_turn_give(struct assoc *a);

// Orderly release by the initiator (unbind), which first asks for the turn when it has it not; or by the responder of
// an association that must end: abort with a temporary problem. `ended(NULL)` follows, at the latest when nothing came
// from the peer for 10 s.
void assoc_close(struct assoc *a);
void assoc_abort(struct assoc *a, enum rtse_abort reason);
// The other side is dead or out of reach, or our own address is gone: the connection ends here, at once, and nothing is
// said to it. `ended` follows with a failure of this text; of a call that was not open yet without.
void assoc_abort_local(struct assoc *a, const char *why);
// TCP's own signs of life of the other side: tcp_probe and tcp_sign of rfc1006/tcp.h.
void assoc_probe(struct assoc *a, bool on);
bool assoc_sign(const struct assoc *a, struct tcp_sign *out);
// At the end of the program, when the loop runs no more: the connection is closed at once, `ended` is not called.
void assoc_drop(struct assoc *a);

#endif
