// SPDX-License-Identifier: BSD-2-Clause
// What waits, in memory: an item is a message, probe or report this MTA answers for; a job is an item for one next hop
// (a peer or a delivery directory) with the recipients that go there. A hop has its jobs by priority, oldest first, and
// those that wait for their next attempt apart. The spool holds the truth; the queue is built from it at the start and
// follows each commit.
#ifndef MTA_QUEUE_H
#define MTA_QUEUE_H

#include <string.h>
#include <sys/queue.h>

#include "mta/mta.h"

struct item_recipient {
    uint32_t number; // in the spool and the envelope's order, from 1
    enum spool_rcpt_state state;
    bool queued; // a job has it
    uint32_t attempts;
    char *address;
    char *hop;   // of the next hop, see hop_name_local; NULL: not routed (yet)
    char *error; // of the last attempt, NULL: none
    int32_t reason, diagnostic;
};

struct job;
struct item {
    TAILQ_ENTRY(item) link; // of all, oldest first
    struct item *by_id;     // the next one in its bucket
    int64_t id;
    enum spool_kind kind;
    enum spool_priority priority;
    char *mts_id, *originator, *from; // from: the peer; NULL: here
    char *content_type;
    int64_t uid;
    struct content_ref content; // its octets are never held here
    int64_t arrived, expires, deferred;
    bool held;
    unsigned settling; // fates on their way to the disk
    struct item_recipient *rcpt;
    size_t n_rcpts, n_open; // not final
    TAILQ_HEAD(, job) jobs;
};

struct hop {
    LIST_ENTRY(hop) link;
    char *name;
    bool local;
    TAILQ_HEAD(, job) ready[3]; // by P1 priority value
    struct job *waiting;        // for their not_before: the first of a heap
    size_t n_ready[3], n_waiting, n_running;
    void (*wake)(void *owner, struct hop *h); // there is something ready; NULL: nobody serves it now
    void *owner;
};

enum job_state { JOB_NEW, JOB_READY, JOB_WAITING, JOB_HELD, JOB_RUNNING };
struct job {
    TAILQ_ENTRY(job) of_hop;               // while it is ready
    struct job *child, *sibling, *heap_up; // while it waits; heap_up: its parent, or the sibling before it
    TAILQ_ENTRY(job) of_item;
    struct item *item;
    struct hop *hop;
    enum job_state state;
    uint32_t *rcpt; // indexes into item->rcpt
    size_t n;
    unsigned attempts;
    uint64_t not_before;       // monotonic ms
    uint64_t since;            // monotonic ms it was queued, for the delays
    struct resumption *resume; // its transfer was interrupted, see resume_out.h; NULL: it was not
};

// `expired` is told of each item that outlived its time and is not being worked on.
struct queue *queue_new(struct mta *m, void (*expired)(struct mta *m, struct item *i));
void queue_free(struct queue *q);

// An item in memory from what is stored; it is not in the queue yet. NULL: no memory.
struct item *item_new(const struct spool_message *sm);
void item_free(struct item *i);

// Puts an item into the queue: a job for each hop among its recipients that wait and have none yet. ERR_NOMEM: it stays
// in the spool, and is taken up at the next start.
int queue_add(struct queue *q, struct item *i);
void queue_remove(struct queue *q, struct item *i); // with its jobs, none of them running; the item is freed
struct item *queue_find(struct queue *q, int64_t id);
struct item *queue_first(struct queue *q); // then TAILQ_NEXT(i, link)
size_t queue_items(const struct queue *q);

// A next hop is the name of a peer, or a delivery directory after this prefix.
#define HOP_DIRECTORY "directory:"
static inline bool hop_name_local(const char *name) {
    return strncmp(name, HOP_DIRECTORY, sizeof HOP_DIRECTORY - 1) == 0;
}
// The hop of that name, made when it is new. NULL: no memory.
struct hop *queue_hop(struct queue *q, const char *name);
struct hop *queue_hops(struct queue *q); // first; then LIST_NEXT(h, link)
size_t hop_waiting(const struct hop *h); // ready and waiting
size_t hop_ready(const struct hop *h);

// The next job to run, marked running; NULL: none.
struct job *hop_take(struct hop *h, bool urgent_only);
void job_take(struct job *j);                                      // this one, which is ready
void job_retry(struct queue *q, struct job *j, uint64_t delay_ms); // back, after a failed attempt; 0: at once
void job_done(struct queue *q, struct job *j);                     // its recipients are settled
void queue_unroute(struct queue *q, struct hop *h); // takes back the jobs of a hop that is no more, save those running
bool item_busy(const struct item *i); // it is being transferred or delivered, or a fate is on its way to the disk
void item_hold(struct queue *q, struct item *i, bool held);
void item_hasten(struct queue *q, struct item *i); // its waiting jobs are ready now, unless their delivery is deferred
void hop_hasten(struct queue *q, struct hop *h);   // likewise all of a hop

#endif
