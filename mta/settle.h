// SPDX-License-Identifier: BSD-2-Clause
// What becomes of recipients: their fates are committed together with the reports that they call for, so that a fate
// without its report, or a report without its fate, never survives a crash. When the last recipient of an item is
// settled the item is finished and its content removed.
#ifndef MTA_SETTLE_H
#define MTA_SETTLE_H

#include "mta/queue.h"

// How long the parts of a hand-over took, for the log line.
struct way {
    const char *peer, *association, *local, *remote;       // NULL: none
    int64_t queue_ms, association_ms, transfer_ms, ack_ms; // -1: not known
};

struct fate {
    uint32_t rcpt;               // index into item->rcpt
    enum spool_rcpt_state state; // a final one
    int reason, diagnostic;      // of FAILED; -1: none
    const char *text;            // why, for people; NULL: none
    bool intent;  // of DELIVERED: an intent was committed for it (spool_batch_intent), which ends with this
    int64_t when; // of DELIVERED: seconds UTC; 0: now
};

// Commits; `done` (may be NULL) is called when it is. On an error of the store it is tried again until it succeeds,
// since what happened cannot be undone. `opened` may be NULL: it is fetched when a report needs it. The job, if any, is
// ended; item and job must not be used any more after this call.
void settle(struct mta *m, struct item *i, struct job *j, struct opened *opened, const struct fate *fates, size_t n,
            const struct way *way, void (*done)(void *arg), void *arg);

// One fate for all recipients of a job, or of an item that has no job running.
void settle_job(struct mta *m, struct job *j, struct opened *opened, const struct fate *all, const struct way *way,
                void (*done)(void *arg), void *arg);
void settle_item(struct mta *m, struct item *i, const struct fate *all);
void settle_expired(struct mta *m, struct item *i); // non-delivery: maximum time expired

// The spool is closed: what could not be committed any more is forgotten here, and known to the next start.
void settle_end(struct mta *m);

// One line about one recipient (or about the whole item, r NULL) in the log.
void msglog(struct mta *m, enum mta_event e, const struct item *i, const struct item_recipient *r,
            const struct way *way, const char *what);

#endif
