// SPDX-License-Identifier: BSD-2-Clause
// A transfer on its way in: what transfer_in.c, which receives it, and resume_in.c, which keeps it when its association
// is lost, both know of it. Nobody else includes this.
#ifndef MTA_TRANSFER_IN_H
#define MTA_TRANSFER_IN_H

#include "mta/amgr.h"
#include "x400/p1_stream.h"

struct parked;
struct storing;

struct transfer_in {
    struct link *link; // NULL: the association is gone
    struct mta *m;
    char *peer;
    struct p1_stream *stream;
    struct opened *opened;
    struct content_writer *writer;
    uint64_t appended; // octets of content
    uint64_t limit;    // of content, 0: none
    bool too_long, refused, ended, paused, p1_1984;
    uint32_t unconfirmed; // serial of the latest checkpoint that waits for the file thread or the spool, 0: none
    struct p1_fault fault;
    char local[NET_ADDRESS_TEXT], remote[NET_ADDRESS_TEXT], association[16];
    // of its resumption
    uint64_t fed;            // octets of the APDU given to the splitter
    uint64_t skip;           // that come once more
    struct parked *parked;   // it was interrupted and may go on
    struct storing *storing; // what is kept of it is on its way to the spool
    struct buf row;          // key of its row in the spool, empty: none
    uint64_t row_fed;        // octets that the row knows of
    struct buf done;         // key of the activity once it is complete, empty: nobody can resume it
    bool twin;               // another had the same identifiers: it is never resumed
    bool forgotten;          // and the spool knows of none by that name: checkpoints may be confirmed
};

// A new one on this link, without a splitter. NULL: no memory.
struct transfer_in *transfer_in_new(struct link *l);
// The callbacks that a splitter and a writer of it have.
extern const struct p1_stream_user transfer_in_stream_user;
extern const struct content_writer_user transfer_in_writer_user;
void transfer_in_free(struct transfer_in *t); // with its row, unless it was admitted
// resume_in_keep has ended: 0, or why it could not be stored.
void transfer_in_stored(struct transfer_in *t, uint32_t serial, int err);

#endif
