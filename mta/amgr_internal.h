// SPDX-License-Identifier: BSD-2-Clause
// Shared by the parts of the association manager (amgr_*.c).
#ifndef MTA_AMGR_INTERNAL_H
#define MTA_AMGR_INTERNAL_H

#include "assoc/listen.h"
#include "mta/amgr.h"

struct amgr_stack;

// A bind of a peer that is known, and whose answer waits for something. It ends by bind_release; or by itself when its
// caller goes away or its listener is freed: then `gone` is called, after which it is no more.
struct held_bind;
typedef void held_gone(struct held_bind *h);
struct held_bind {
    TAILQ_ENTRY(held_bind) link; // in the order in which they came
    struct amgr_stack *n;
    struct peer *peer;
    struct assoc *as;
    struct assoc_bind bind;
    uint64_t came_ms;
    held_gone *gone; // it tells also which part holds it
};

struct amgr {
    struct mta *m;
    TAILQ_HEAD(, held_bind) held_binds;
    LIST_HEAD(, peer) peers;
    uint64_t made; // associations
    bool started;
    struct loop_timer *patience; // while stopping: then what is still busy is aborted
    void (*stopped)(void *arg);
    void *stopped_arg;
};

// amgr_link.c
extern const struct assoc_user amgr_link_user;        // of a link's association
struct link *link_new(struct peer *p, bool outgoing); // NULL: no memory; the association is set by the caller
void link_up(struct link *l);
void link_close(struct link *l); // in order, when its transfer is over
void link_abort(struct link *l); // whatever it does; what can go on later is kept
void link_drop(struct link *l);  // when the loop runs no more
void link_free(struct link *l);  // its association is no more, or never was
// Drops those of its open associations that `which` says: locally, as the other side is not there to be told. One event
// 1294 for all; each ends from the loop. How many.
unsigned peer_drop(struct peer *p, bool (*which)(const struct link *l, const void *arg), const void *arg,
                   const char *why);

// amgr.c
bool peer_can_call(const struct peer *p);
unsigned peer_wanted(const struct peer *p); // how many associations there should be for what is ready
void peer_hasten(struct peer *p);           // what waits for it is tried now
// An association could not be opened, or (was_open) broke before it was of any use: the next call has to wait.
void peer_no_more_now(struct peer *p, bool was_open);
void amgr_check_ended(struct amgr *a); // a link did: somebody may wait for that

// amgr_call.c: calls, to recover the association on which that transfer was interrupted. False: not now.
struct resumption;
bool peer_recover(struct peer *p, struct resumption *x);

// amgr_answer.c: of a stack's listener, ctx a struct amgr_stack
void amgr_on_bind(void *ctx, struct assoc *as, const struct assoc_bind *b);
void amgr_on_caller_failed(void *ctx, struct assoc *as, const struct assoc_failure *f);
void amgr_on_accept_failed(void *ctx, const char *text);
void amgr_on_recover(void *ctx, struct assoc *as, const struct assoc_bind *b, const struct rtse_session_id *session);

void amgr_take_names(struct amgr *a); // those of `accept from` in the configuration in force are followed

// amgr_answer.c: answers to a bind of a peer that is known.
typedef void bind_answer(struct peer *p, struct amgr_stack *n, struct assoc *as, const struct assoc_bind *b);
bind_answer bind_take;        // accepts
bind_answer bind_refuse_busy; // with the event that fits
bind_answer bind_refuse_back; // as busy: there is no association in the other direction
// The answer waits: false when memory is short.
bool bind_hold(struct amgr_stack *n, struct assoc *as, const struct assoc_bind *b, struct peer *p, held_gone *gone);
// Of those that wait for the same and the same peer (NULL: it is not known yet): the first, NULL: none; how many.
struct held_bind *bind_first_held(const struct amgr *a, const struct peer *p, held_gone *gone);
unsigned bind_held(const struct amgr *a, const struct peer *p, held_gone *gone);
void bind_release(struct held_bind *h, bind_answer *answer); // h is no more, and answered so

// amgr_turn.c
bool link_may_send(struct link *l);          // now; a turn that is due to the peer is given, when it may not
void peer_turns(struct peer *p);             // after what could be sent is on its way: asks for turns, gives back
bool link_serves(const struct link *l);      // it sends, or will when it is open or has the turn
bool link_serves_soon(const struct link *l); // only the turn is missing, and the peer is not sending
void link_on_patience(void *arg);            // the turn did not come
void on_turn_please(void *ctx, uint32_t priority);
void on_turn_give(void *ctx);

#endif
