// SPDX-License-Identifier: BSD-2-Clause
// Transfers from peers that were interrupted, kept until their sender goes on with them or the peer's `recovery` time
// is over; and the names of those that are complete, for a sender that did not hear so. X.228's association recovery
// shows no password: a caller is believed when it comes from where the lost association came from, or from an address
// that the peer's `accept from` lists.
//
// In the spool a row stands for each, in tmp/ its half content. With `checkpoint sync never` the row is written when
// the transfer is interrupted, with `window` before each confirmation, so that it is there after a crash, too.
#ifndef MTA_RESUME_IN_H
#define MTA_RESUME_IN_H

#include "mta/amgr.h"
#include "mta/spool_transfer.h"

struct transfer_in;
struct resume_in; // m->resume_in

struct resume_in *resume_in_new(struct mta *m); // NULL: no memory
// What an earlier run left; before spool_start.
void resume_in_load(struct resume_in *r, const struct spool_transfer *row);
size_t resume_in_busy(const struct resume_in *r); // that are on their way to the spool: a stop waits for them
// When the loop runs no more, before the file thread ends: rows and their files stay.
void resume_in_stop(struct resume_in *r);
void resume_in_free(struct resume_in *r); // after the spool was closed. NULL is allowed

// ---- a transfer that is under way ----
// Syncs what came and commits a row that says: confirmed up to `serial`. Then transfer_in_stored is called. ERR_ABSENT:
// it is not far enough to be kept (in its head). ERR_BUSY: the one before has not ended yet.
int resume_in_keep(struct transfer_in *t, uint32_t serial);
uint32_t resume_in_give_up(struct transfer_in *t);               // its writer goes: the serial that waits, 0: none
void resume_in_progress(struct transfer_in *t, uint64_t synced); // its writer did
// Its activity has started: whoever else has its identifiers is resumed no more, and neither is it.
void resume_in_begun(struct transfer_in *t);
// Its association is gone, or it was interrupted. False: it cannot be resumed, and is the caller's still.
bool resume_in_park(struct transfer_in *t, const char *why);
void resume_in_leave(struct transfer_in *t); // it is being freed
// Its last octet came: its activity may have to be known later.
void resume_in_ended(struct transfer_in *t);
void resume_in_admit(struct transfer_in *t, struct spool_batch *b); // in the batch of its admission
void resume_in_admitted(struct transfer_in *t);                     // that was committed

// ---- a sender that comes back ----
// Whose lost association is that? NULL: nobody's, or the caller is not believed; why says so, and *pending that a name
// of `accept from` is yet to be resolved: ask again then.
struct peer *resume_in_whose(struct resume_in *r, const struct rtse_session_id *session,
                             const struct net_address *remote, bool *pending, char why[200]);
// The transfer that goes on over this link, attached to it, with what RTSE needs; or NULL, then *completed says why.
struct transfer_in *resume_in_take(struct link *l, const struct rtse_recovery *old, struct rtse_recovery *state,
                                   bool *completed);

#endif
