// SPDX-License-Identifier: BSD-2-Clause
// Calls to peers: with what they are made, what is remembered of them, and what is told when they fail.
//
// The pair of stack and remote address over which a call came through is tried first by the next, and the others after
// it in the configured order. For CALL_PATH_MS; then the configured order is tried anew, so that a preferred network
// that was away is used again. It is remembered by name and address: when names resolve to other addresses it waits
// until that address is there again, and when another pair comes through, that one is remembered.
#ifndef MTA_AMGR_CALL_H
#define MTA_AMGR_CALL_H

#include "mta/amgr.h"

enum { CALL_PATH_MS = 10 * 60 * 1000 };

// True: the next call tries it first.
bool call_path_counts(const struct call_path *c, uint64_t now_ms);
// A call that tried the pairs as call_path_counts said came through over this one.
void call_path_came(struct call_path *c, const char *stack, const char *local, const char *remote, uint64_t now_ms);

// For a call to this peer. What it points to is the peer's, and copied by assoc_call.
struct assoc_call_options peer_call_options(const struct peer *p);
void peer_open(struct peer *p);                       // calls, for what is in the queue
void peer_came(struct peer *p, const struct link *l); // a link of it is open: remembers the pair, or where it arrived
void peer_forget_path(struct peer *p);                // the configured order counts at once
// Events 9318, and 9215 of a failed connection.
void peer_call_failed(struct peer *p, const struct assoc_failure *f, const char *stack);

#endif
