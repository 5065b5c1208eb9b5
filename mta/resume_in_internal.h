// SPDX-License-Identifier: BSD-2-Clause
// What the two parts of resume_in share: resume_in.c, which keeps transfers and finds them again, and resume_in_row.c,
// which puts what is needed of them into the spool and makes them from it.
#ifndef MTA_RESUME_IN_INTERNAL_H
#define MTA_RESUME_IN_INTERNAL_H

#include "mta/resume_in.h"
#include "mta/transfer_in.h"

struct parked {
    TAILQ_ENTRY(parked) link;
    struct transfer_in *transfer; // NULL: what follows up to `length` is read from its row
    struct buf detail, row;
    char file[CONTENT_NAME];
    uint64_t length;
    char *peer;
    char host[NET_ADDRESS_TEXT]; // that the lost association came from
    struct rtse_recovery state;
    int64_t since; // UTC ms
};

struct done {
    TAILQ_ENTRY(done) link;
    char *peer;
    char host[NET_ADDRESS_TEXT];
    char association[16]; // that it came over, "": not known
    struct buf key;
    int64_t since;
    bool twin; // not complete: more than one transfer had these identifiers
};

// One row on its way: content synced, then committed.
struct storing {
    struct resume_in *owner;
    struct transfer_in *transfer; // NULL: it is gone
    uint32_t serial;              // to be confirmed then, 0: none
    uint64_t length, fed;
    struct rtse_recovery state;
    struct buf splitter, key;
    bool committing;
    bool forgets; // a twin's: rows of that name go
};

struct resume_in {
    struct mta *m;
    TAILQ_HEAD(, parked) parked; // oldest first
    TAILQ_HEAD(, done) done;
    size_t n_done, n_storing;
    struct loop_timer *timer;
    bool closing, ticking;
};

const char *resume_in_host(const char *address, char out[NET_ADDRESS_TEXT]); // "192.0.2.1:53412" without its port
// Appended: names that are equal for the same session connection, activity; the first is the beginning of the second.
int resume_in_session_key(struct buf *b, const struct rtse_session_id *s);
int resume_in_activity_key(struct buf *b, const struct rtse_recovery *r);

void resume_in_storing_leave(struct transfer_in *t); // it does not wait for its row any more
void resume_in_row_remove(struct resume_in *r, const char *peer, struct buf *key);
// Fills a fresh transfer from what the row of a parked one says. False: it cannot be.
bool resume_in_unpack(struct transfer_in *t, struct parked *p);

#endif
