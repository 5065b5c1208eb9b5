// SPDX-License-Identifier: BSD-2-Clause
// The part of the spool that knows of transfers: rows of their own for those that were interrupted, so that a daemon
// that was started again can go on with them. Everything that spool.h says holds here too.
#ifndef MTA_SPOOL_TRANSFER_H
#define MTA_SPOOL_TRANSFER_H

#include "mta/spool.h"

// What is kept of a transfer that was interrupted, or is under way, for its resumption after a restart; or of one that
// is complete, for a sender that did not hear so. Kind, peer and key together name it.
enum spool_transfer_kind {
    SPOOL_TRANSFER_IN,   // half received: the key names the activity, file is in tmp/
    SPOOL_TRANSFER_DONE, // received: the key likewise
    SPOOL_TRANSFER_OUT   // half sent: the key is the message's id
};
struct spool_transfer {
    enum spool_transfer_kind kind;
    const char *peer;
    struct bytes key;
    struct bytes state, detail; // the caller's
    const char *file;           // "": none
    uint64_t length;            // of the file, synced
    int64_t since;
};
// Those with damaged rows, or whose file is not there in that length, are left out; the file is the start's to remove.
int spool_load_transfers(struct spool *s, void (*cb)(void *arg, const struct spool_transfer *t), void *arg);

void spool_batch_transfer(struct spool_batch *b, const struct spool_transfer *t); // in place of an earlier one
void spool_batch_transfer_over(struct spool_batch *b, enum spool_transfer_kind kind, const char *peer,
                               struct bytes key); // if there is one
// Removes those of before this, all kinds.
void spool_batch_transfers_purge(struct spool_batch *b, int64_t before);

#endif
