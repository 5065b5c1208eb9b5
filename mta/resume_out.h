// SPDX-License-Identifier: BSD-2-Clause
// Transfers to peers that were interrupted. While the peer's `recovery` time lasts the job stays aside (it counts as
// running), and a call that recovers the lost association is made at once and then every second. Whatever stands in the
// way, a refusal, another APDU than before, or time, ends in an event, and in a transfer from the start.
//
// In the spool a row stands for each: written when it is interrupted, and every second while it is under way. It goes
// with the fate of the recipients.
#ifndef MTA_RESUME_OUT_H
#define MTA_RESUME_OUT_H

#include "mta/amgr.h"
#include "mta/outgoing.h"
#include "mta/spool_transfer.h"

// Of a job: how far its transfer came.
struct resumption {
    LIST_ENTRY(resumption) link; // of those that wait for an association
    struct resume_out *owner;
    struct job *job;
    struct rtse_recovery state;
    // Resumed, and nothing more was confirmed: by which names the receiver knows it depends on whether it heard of
    // that.
    struct rtse_recovery older;
    bool has_older;
    uint64_t total; // octets of the APDU
    uint8_t digest[DIGEST_SIZE];
    char stack[64], remote[NET_ADDRESS_TEXT]; // where the lost association was, "": not known
    int64_t since;                            // UTC ms: interrupted, or last written
    uint64_t stored_ms;                       // monotonic, 0: there is no row
    uint32_t stored_serial;                   // of the row
    unsigned tries;                           // calls since there was an association
    unsigned fruitless;                       // resumptions since more was confirmed
    bool waiting;                             // in the list
    bool under_way;
};

struct resume_out *resume_out_new(struct mta *m);                             // NULL: no memory
void resume_out_load(struct resume_out *r, const struct spool_transfer *row); // what an earlier run left
void resume_out_start(struct resume_out *r); // the queue is built: its jobs are set aside
void resume_out_free(struct resume_out *r);  // after the queue; NULL is allowed

// ---- a transfer that is under way ----
// It came so far. `digest` is that of its APDU. May write a row.
void resume_out_confirmed(struct link *l, struct job *j, uint64_t total, const uint8_t digest[DIGEST_SIZE],
                          uint64_t started_ms, uint32_t serial);
// The association is lost, or the receiver interrupted. True: the job is set aside, or may be resumed on `l` when
// that is open still; false: it is the caller's, and begins anew.
bool resume_out_interrupted(struct link *l, struct job *j, uint64_t total, const uint8_t digest[DIGEST_SIZE], bool open,
                            const char *why);
// It begins anew, because of that; the row is removed.
void resume_out_drop(struct job *j, const char *why);
// An operator wants to do something with a message: its jobs that wait for an association go back into the queue.
void resume_out_cancel(struct item *i);
void resume_out_forget(struct job *j); // the job is being freed
// Its row goes with this batch: the recipients of the job have their fate. Copies nothing: see settle.c.
bool resume_out_has_row(const struct job *j);
void resume_out_settled(struct spool_batch *b, const char *peer, int64_t message);

// For `show`: "interrupted at N of M octets", of the recipient of that index; NULL: it is not.
const char *resume_out_text(const struct item *i, size_t rcpt, char out[80]);

// ---- association manager ----
// A call with `recover` did not come to an association. refused: the peer was there, and does not recover.
void resume_out_failed(struct resumption *x, bool refused, const char *why);
void resume_out_pump(struct resume_out *r); // something changed: peers, or their configuration

#endif
