// SPDX-License-Identifier: BSD-2-Clause
// A queue of work between threads, in order, intrusive: posting allocates nothing and cannot fail. The receiving side
// either waits (a worker thread) or is told through `notify` (the event loop, see loop_notify) and takes everything at
// once.
#ifndef BASE_WORKQ_H
#define BASE_WORKQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { WORKQ_TURN_MS = 10 };

// Embed as a member; `run` is called by workq_run_turn in the receiving thread and may free the item.
struct work {
    struct work *next;
    void (*run)(struct work *w);
};

struct workq {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct work *head, **tail;
    size_t count;
    bool closed;
    void (*notify)(void *arg); // called outside the lock after the queue became non-empty; NULL: none
    void *notify_arg;
};

int workq_init(struct workq *q, void (*notify)(void *arg), void *notify_arg);
void workq_destroy(struct workq *q); // must be empty
void workq_post(struct workq *q, struct work *w);
size_t workq_count(struct workq *q); // posted and not taken
void workq_close(struct workq *q);   // wakes the waiter; what is queued is still taken

// Everything queued, oldest first, linked by `next`; NULL: nothing (take), or closed and nothing left (wait).
struct work *workq_take(struct workq *q);
struct work *workq_wait(struct workq *q);
// Runs what is queued, for WORKQ_TURN_MS and then by another notify: the loop has its turn between.
void workq_run_turn(struct workq *q);

#endif
