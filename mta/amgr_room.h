// SPDX-License-Identifier: BSD-2-Clause
// Associations that died silently make room. Where a peer's node was killed, or its address went, what it had open
// looks established here until keepalive ends it after a minute and a half, and counts against the peer's limit. So a
// bind of that peer which meets the limit is not refused at once: the peer's associations are asked for a sign of life,
// each by TCP itself, and the bind waits for the outcome, 3 s at most.
//
//   a reset       the address is another node's by now, whose system knows nothing of the connection: it ends by itself
//   silence       2.5 s, at least two probes or repetitions without an answer, and four times what an answer used to
//                 take: it is dropped here, event 1294
//   any segment   it lives, however slow or busy it is
//
// The same is asked when something shows that a node of the peer may have died: an association was cut off, a call
// could not be made, a bind came. What waits for an answer that the dead will not give is then given to others.
//
// The bind is accepted as soon as there is room; refused as busy (event 57) as soon as all are known to live, or after
// 3 s. One probing of a peer at a time, in which all its binds wait, no more than its limit.
#ifndef MTA_AMGR_ROOM_H
#define MTA_AMGR_ROOM_H

#include "mta/amgr_internal.h"

enum { ROOM_SILENT_MS = 2500, ROOM_MS = 3000, ROOM_UNANSWERED = 2, ROOM_ROUND_TRIPS = 4 };

// The bind at the limit waits from here on, until it is answered. False: it cannot (no memory, or enough wait already);
// it is still the caller's to answer.
bool room_wait(struct peer *p, struct amgr_stack *n, struct assoc *as, const struct assoc_bind *b);
void room_ask(struct peer *p);   // without a bind that waits: are those that are open alive?
void room_check(struct peer *p); // one of its associations ended
void room_end(struct peer *p);   // who still waits is refused as busy; nothing is probed any more

enum room_verdict { ROOM_UNKNOWN, ROOM_LIVES, ROOM_DEAD };
enum room_verdict room_judge(const struct tcp_sign *s, uint64_t probed_ms); // probed for so long

#endif
