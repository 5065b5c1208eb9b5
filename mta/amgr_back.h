// SPDX-License-Identifier: BSD-2-Clause
// Bind-back, the called side: a call of a peer whose block says `bind-back` is followed by an association in the other
// direction, to where the call declared (docs/interop.md), to the peer's `connect`, or to where the call came from, in
// the order of the block.
//
//   required   the bind waits until that association is up, and is refused as busy when it cannot be had within
//              BACK_WAIT_MS: so the caller learns that this way is no good, and takes its next one. Other binds of the
//              peer wait for the same result
//   optional   the bind is answered at once, and the other direction seen to behind it
//
// An outgoing association that is up is all that is wanted. It is used for mail like any other. When it breaks, as it
// does when its node has died, while the peer that was called back has an association here, it is made again, once.
//
// No deadlock: a bind that says that it is a bind-back, or that comes while a bind of ours to the same peer waits for
// its answer, is taken at once, leads to no bind-back, and does not count against the peer's limit (but only BACK_APART
// of them beside it). No loop follows from that: what is begun here is marked, or the other side's bind is pending. No
// storm: one attempt of a peer at a time, BACK_PER_MINUTE in a minute.
//
// A declared endpoint is where somebody else tells us to call: only a peer that showed its password is believed, only
// an address that its `accept from` lists is called (a name there that is being resolved is waited for), and of a name
// only the first BACK_ADDRESSES. No other machine has us call ourselves.
#ifndef MTA_AMGR_BACK_H
#define MTA_AMGR_BACK_H

#include "mta/amgr_internal.h"

enum {
    BACK_WAIT_MS = 20000,   // from the bind to its answer; shared out among the endpoints
    BACK_CONNECT_MS = 4000, // of one address: three SYNs
    BACK_PER_MINUTE = 30,
    BACK_ADDRESSES = 8,
    BACK_APART = 10
};

bool back_apart(const struct peer *p, const struct assoc_bind *b); // taken at once, and not counted
unsigned back_counted(const struct peer *p); // of its calls, also those that wait for their answer
bind_answer back_bind; // of a peer that is known and may have one more: taken, now or when the other direction is up

void back_up(struct link *l); // an outgoing association was opened, by whatever call
// Of a call of ours: it failed (f NULL: it was closed). The link is still there.
void back_failed(struct link *l, const struct assoc_failure *f);
void back_lost(struct peer *p);   // an outgoing association that was open broke
void back_unlink(struct link *l); // it is being freed
void back_names(struct peer *p);  // a name in some `accept from` was resolved for the first time
void back_end(struct peer *p);    // who waits is refused as busy; nothing is under way any more
void back_free(struct peer *p);

#endif
