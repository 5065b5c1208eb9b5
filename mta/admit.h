// SPDX-License-Identifier: BSD-2-Clause
// Taking responsibility: what a peer transferred, a user submitted or this MTA made itself (a report) gets our trace,
// is checked for loops and duplicates, routed recipient by recipient, and committed. Only then does its sender hear
// that it was taken.
#ifndef MTA_ADMIT_H
#define MTA_ADMIT_H

#include "mta/queue.h"

struct admission {
    struct opened *opened;                           // taken over: the envelope as it came
    struct content_ref content;                      // its file is taken over; octets must live until `done`
    const char *from_peer;                           // NULL: submitted here
    int64_t uid;                                     // the submitter; -1: none
    bool too_long;                                   // the content was longer than the limit, and is not here
    bool p1_1984;                                    // came by P1 of 1984, and was upgraded
    const char *association, *local, *remote;        // for the log
    void (*batch)(void *arg, struct spool_batch *b); // adds what is to be committed with it; NULL: nothing
    // err 0: taken, ERR_EXISTS: a duplicate, taken before (acknowledge it), ERR_BUSY: no room, come again later; else a
    // failure of ours, with text. mts_id is the identifier as shown.
    void (*done)(void *arg, int err, const char *mts_id, const char *text);
    void *arg;
};
// The admission is copied. Calls done once, later or at once.
void admit(struct mta *m, const struct admission *a);

// For settle: adds a report made here to the batch; after its commit queue_add the item. ERR_ABSENT: it has nowhere to
// go, which an event tells; ERR_NOMEM.
int admit_report(struct mta *m, struct opened *report, const struct content_ref *returned, struct spool_batch *b,
                 struct item **item);

// At the start and after a reload: routes again every recipient that has no next hop, or one that is configured no
// more, and finishes what has no open recipient.
void admit_reroute_lost(struct mta *m);

#endif
