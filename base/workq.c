// SPDX-License-Identifier: BSD-2-Clause
#include "base/workq.h"

#include "base/err.h"
#include "base/loop.h"

int workq_init(struct workq *q, void (*notify)(void *arg), void *notify_arg) {
    *q = (struct workq){.notify = notify, .notify_arg = notify_arg};
    q->tail = &q->head;
    if (pthread_mutex_init(&q->lock, NULL) != 0)
        return ERR_NOMEM;
    if (pthread_cond_init(&q->wake, NULL) != 0) {
        pthread_mutex_destroy(&q->lock);
        return ERR_NOMEM;
    }
    return ERR_OK;
}

void workq_destroy(struct workq *q) {
    pthread_cond_destroy(&q->wake);
    pthread_mutex_destroy(&q->lock);
}

void workq_post(struct workq *q, struct work *w) {
    w->next = NULL;
    pthread_mutex_lock(&q->lock);
    bool was_empty = q->head == NULL;
    *q->tail = w;
    q->tail = &w->next;
    q->count++;
    if (was_empty)
        pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
    if (was_empty && q->notify != NULL)
        q->notify(q->notify_arg);
}

void workq_close(struct workq *q) {
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->wake);
    pthread_mutex_unlock(&q->lock);
}

size_t workq_count(struct workq *q) {
    pthread_mutex_lock(&q->lock);
    size_t n = q->count;
    pthread_mutex_unlock(&q->lock);
    return n;
}

static struct work *detach(struct workq *q) {
    struct work *all = q->head;
    q->head = NULL;
    q->tail = &q->head;
    q->count = 0;
    return all;
}

struct work *workq_take(struct workq *q) {
    pthread_mutex_lock(&q->lock);
    struct work *all = detach(q);
    pthread_mutex_unlock(&q->lock);
    return all;
}

struct work *workq_wait(struct workq *q) {
    pthread_mutex_lock(&q->lock);
    while (q->head == NULL && !q->closed)
        pthread_cond_wait(&q->wake, &q->lock);
    struct work *all = detach(q);
    pthread_mutex_unlock(&q->lock);
    return all;
}

static struct work *first(struct workq *q) {
    pthread_mutex_lock(&q->lock);
    struct work *w = q->head;
    if (w != NULL && (q->head = w->next) == NULL)
        q->tail = &q->head;
    q->count -= w != NULL;
    pthread_mutex_unlock(&q->lock);
    return w;
}

void workq_run_turn(struct workq *q) {
    uint64_t until = clock_mono_ms() + WORKQ_TURN_MS;
    for (struct work *w; (w = first(q)) != NULL;) {
        w->run(w);
        if (clock_mono_ms() >= until) {
            if (workq_count(q) > 0 && q->notify != NULL)
                q->notify(q->notify_arg);
            return;
        }
    }
}
