// SPDX-License-Identifier: BSD-2-Clause
// The inside of a spool: two threads with a connection each, three queues, and the batches that travel in them.
#ifndef MTA_SPOOL_INTERNAL_H
#define MTA_SPOOL_INTERNAL_H

#include "base/workq.h"
#include "mta/spool_lock.h"
#include "mta/spool_store.h"
#include "mta/spool_transfer.h"

enum {
    SPOOL_PAGE_MAX = 500,
    SPOOL_PURGE_MAX = 500,
    SPOOL_GROUP_MAX = 500,
    SPOOL_GROUP_OCTETS = 4 << 20,
    SPOOL_READ_MS = 40
};

struct spool {
    struct spool_options o; // dir is a copy
    int dir, lock;          // descriptors
    struct store writer;    // the commit thread's, once started
    struct store reader;    // the read thread's
    struct workq commits, reads, done;
    pthread_t commit_thread, read_thread;
    bool started, closing;
    bool checked; // recovery has told what is damaged
    int64_t next_id;
    size_t pending;
    // The commit thread's, once started.
    bool reserved;           // the reserve file is there
    int64_t reserve_attempt; // when it was last tried, monotonic ms
};

// One change of a batch. Which member is used depends on apply (spool_apply.c).
struct spool_op {
    struct spool_op *next;
    int (*apply)(struct store *st, const struct spool_op *op, struct spool_result *r);
    int64_t message, time, time2;
    uint32_t number;
    bool flag;
    const char *key, *value;
    const struct spool_message *full;
    const struct spool_recipient *recipient;
    const struct spool_duplicate *duplicate;
    const struct spool_transfer *transfer;
};

struct spool_batch {
    struct work work;
    struct spool *spool;
    struct arena arena;
    struct spool_op *ops, **tail;
    bool short_of_memory;
    bool grows; // adds to the spool: refused first when the disk is full
    spool_done_cb done;
    void *arg;
    struct spool_result result;
    char text[160];
};

int spool_apply_duplicate(struct store *st, const struct spool_op *op, struct spool_result *r);
int spool_apply_message(struct store *st, const struct spool_op *op, struct spool_result *r);
int spool_apply_recipient(struct store *st, const struct spool_op *op, struct spool_result *r);
int spool_apply_hold(struct store *st, const struct spool_op *op, struct spool_result *r);
int spool_apply_finish(struct store *st, const struct spool_op *op, struct spool_result *r);
int spool_apply_intent(struct store *st, const struct spool_op *op, struct spool_result *r);
int spool_apply_delivered(struct store *st, const struct spool_op *op, struct spool_result *r);
int spool_apply_transfer(struct store *st, const struct spool_op *op, struct spool_result *r);
int spool_apply_transfer_over(struct store *st, const struct spool_op *op, struct spool_result *r);
int spool_apply_transfers_purge(struct store *st, const struct spool_op *op, struct spool_result *r);
int spool_apply_purge(struct store *st, const struct spool_op *op, struct spool_result *r);

void *spool_commit_main(void *spool);
void *spool_read_main(void *spool);
void spool_query_drop(struct work *w);       // one that was never run
void spool_reserve_make(struct spool *s);    // if wanted, absent and there is room; tells it when the spool has started
void spool_reserve_release(struct spool *s); // the disk is full
void spool_give_back(struct spool *s, bool full, bool purged); // pages that are not used, after a commit
// From a thread: the event is raised in the loop. From the start: at once.
void spool_tell(struct spool *s, const struct spool_event *e);

int spool_recover(struct spool *s, bool clean, char why[SPOOL_WHY]);

#endif
