// SPDX-License-Identifier: BSD-2-Clause
// Answering calls: a stack's listener, the callers that have not bound yet and their limits, and the answer to a bind.
// A caller is the listener's until assoc_accept, and from then on like an association that was called (assoc.h). Loop
// thread only.
#ifndef ASSOC_LISTEN_H
#define ASSOC_LISTEN_H

#include "assoc/assoc.h"

// ---- a listener ----
struct assoc_listener;

// A caller that has shown its bind argument.
struct assoc_bind {
    const struct conf_stack *stack;
    const struct net_address *local, *remote;
    const struct bind_info *info;              // NULL: it recovers an association, without a bind
    const struct rtse_session_id *recover;     // that one, else NULL
    const struct stack_negotiated *negotiated; // called and calling selectors, mode and protocol among them
    enum rtse_dialogue dialogue;               // that it wants
    const struct assoc_back *back;             // what it says of bind-back; NULL: nothing
};
struct assoc_listener_user {
    // Answer with assoc_accept or assoc_refuse, now or later. What b points to is valid until then, b itself is not.
    void (*bind_ind)(void *ctx, struct assoc *a, const struct assoc_bind *b);
    // A caller did not come as far as that; or it went away, or the listener did, before the answer (then a is what
    // bind_ind had, and may not be answered any more; else NULL).
    void (*caller_failed)(void *ctx, struct assoc *a, const struct assoc_failure *f);
    // accept(2) failed: the system's text. The listener goes on.
    void (*accept_failed)(void *ctx, const char *text);
    // A caller wants to recover a lost association. Answer with assoc_accept, for the peer whose association it was, or
    // assoc_refuse_recover, now or later. NULL: refused.
    void (*recover_ind)(void *ctx, struct assoc *a, const struct assoc_bind *b, const struct rtse_session_id *session);
};
struct assoc_listener_options {
    unsigned max_unbound;             // callers that have not bound yet, in total; 0: 256
    unsigned max_unbound_per_address; // the addresses of a /64 of IPv6 count as one; 0: 16
    uint64_t open_timeout_ms;         // from TCP to the bind argument; 0: 60 s
};
// A stack's listener, which listens on no address yet. stack, env and user must outlive it. NULL: no memory. Its owner
// is usually the stack (assoc/stacks.h).
struct assoc_listener *assoc_listener_new(struct assoc_env *env, const struct conf_stack *stack,
                                          const struct assoc_listener_options *o,
                                          const struct assoc_listener_user *user, void *ctx);
// Listens on that address, too. ERR_SYSTEM: error says why not, and what to do.
int assoc_listener_open(struct assoc_listener *l, const struct net_address *on, char error[ASSOC_TEXT]);
void assoc_listener_close(struct assoc_listener *l, const struct net_address *on); // as asked for; callers go on
// The local address is not here any more: callers on it that have not bound are dropped at once and locally.
void assoc_listener_gone(struct assoc_listener *l, const struct net_address *address);
// Where it listens since `on` was asked for, with its port; NULL: it does not.
const struct net_address *assoc_listener_at(const struct assoc_listener *l, const struct net_address *on);
// Associations that it gave out go on; callers that have not bound are dropped, and those whose bind was indicated are
// told of by caller_failed.
void assoc_listener_free(struct assoc_listener *l);

// ---- the answer ----
// From here on the association is user's. The peer's configuration (limits, checkpoint, our name and password) is used
// for the answer and must live until `ended`.
int assoc_accept(struct assoc *a, const struct conf_peer *peer, const struct assoc_user *user, void *ctx);
void assoc_refuse(struct assoc *a, enum bind_error e);               // it ends by itself, as after assoc_refuse_recover
void assoc_refuse_recover(struct assoc *a, enum rtse_refuse reason); // RTSE_REFUSE_CANNOT_RECOVER, or busy

#endif
