// SPDX-License-Identifier: BSD-2-Clause
#include "mta/queue.h"

#include <string.h>

#include "base/mem.h"
#include "mta/resume_out.h"

struct queue {
    struct mta *m;
    void (*expired)(struct mta *m, struct item *i);
    TAILQ_HEAD(, item) items;
    size_t n_items;
    struct item **buckets; // by the low bits of the identifiers, which are numbers in a row
    size_t n_buckets;      // a power of two
    int64_t expires;       // nothing does before; 0: nothing at all
    LIST_HEAD(, hop) hops;
    struct loop_timer *timer;
};

enum { TICK_MS = 1000, BUCKETS = 1024 }; // retries and expiries are looked at this often

static char *dup_or_null(const char *s, bool *failed) {
    if (s == NULL)
        return NULL;
    char *copy = mem_strdup(s);
    if (copy == NULL)
        *failed = true;
    return copy;
}

static void recipient_init(struct item_recipient *r, const struct spool_recipient *s, bool *failed) {
    *r = (struct item_recipient){.number = s->number,
                                 .state = s->state,
                                 .attempts = s->attempts,
                                 .reason = s->reason,
                                 .diagnostic = s->diagnostic};
    if (r->state == SPOOL_RCPT_TRANSFERRING)
        r->state = SPOOL_RCPT_WAITING;
    r->address = dup_or_null(s->address, failed);
    r->hop = dup_or_null(s->next_hop, failed);
    r->error = dup_or_null(s->last_error, failed);
}

struct item *item_new(const struct spool_message *sm) {
    struct item *i = mem_calloc(1, sizeof *i);
    if (i == NULL)
        return NULL;
    TAILQ_INIT(&i->jobs);
    i->id = sm->id;
    i->kind = sm->kind;
    i->priority = sm->priority;
    i->uid = sm->from_uid;
    i->content = sm->content;
    i->content.octets = (struct bytes){0};
    i->arrived = sm->arrived;
    i->expires = sm->expires;
    i->deferred = sm->deferred;
    i->held = sm->held;
    bool failed = false;
    i->mts_id = dup_or_null(sm->mts_id, &failed);
    i->originator = dup_or_null(sm->originator, &failed);
    i->from = dup_or_null(sm->from_peer, &failed);
    i->content_type = dup_or_null(sm->content_type, &failed);
    i->rcpt = mem_calloc(sm->n_recipients, sizeof *i->rcpt);
    if (i->rcpt == NULL)
        failed = true;
    for (size_t k = 0; k < sm->n_recipients && !failed; k++) {
        recipient_init(&i->rcpt[i->n_rcpts++], &sm->recipients[k], &failed);
        i->n_open += i->rcpt[k].state < SPOOL_RCPT_FINAL;
    }
    if (!failed)
        return i;
    item_free(i);
    return NULL;
}

void item_free(struct item *i) {
    if (i == NULL)
        return;
    for (size_t k = 0; k < i->n_rcpts; k++)
        mem_free(i->rcpt[k].address), mem_free(i->rcpt[k].hop), mem_free(i->rcpt[k].error);
    mem_free(i->rcpt), mem_free(i->mts_id), mem_free(i->originator), mem_free(i->from), mem_free(i->content_type);
    mem_free(i);
}

struct hop *queue_hop(struct queue *q, const char *name) {
    struct hop *h;
    LIST_FOREACH(h, &q->hops, link) {
        if (strcmp(h->name, name) == 0)
            return h;
    }
    h = mem_calloc(1, sizeof *h);
    if (h == NULL || (h->name = mem_strdup(name)) == NULL) {
        mem_free(h);
        return NULL;
    }
    h->local = hop_name_local(name);
    for (int p = 0; p < 3; p++)
        TAILQ_INIT(&h->ready[p]);
    LIST_INSERT_HEAD(&q->hops, h, link);
    return h;
}

struct hop *queue_hops(struct queue *q) {
    return LIST_FIRST(&q->hops);
}
size_t hop_ready(const struct hop *h) {
    return h->n_ready[0] + h->n_ready[1] + h->n_ready[2];
}
size_t hop_waiting(const struct hop *h) {
    return hop_ready(h) + h->n_waiting;
}
struct item *queue_first(struct queue *q) {
    return TAILQ_FIRST(&q->items);
}
size_t queue_items(const struct queue *q) {
    return q->n_items;
}

// ---- items ----

static struct item **bucket_of(const struct queue *q, int64_t id) {
    return &q->buckets[(uint64_t)id & (q->n_buckets - 1)];
}

// As many buckets as items, or a little slower when memory is short.
static void buckets_grow(struct queue *q) {
    struct item **more = mem_calloc(2 * q->n_buckets, sizeof *more), *i;
    if (more == NULL)
        return;
    mem_free(q->buckets);
    q->buckets = more;
    q->n_buckets *= 2;
    TAILQ_FOREACH(i, &q->items, link) {
        struct item **b = bucket_of(q, i->id);
        i->by_id = *b;
        *b = i;
    }
}

static void expect_expiry(struct queue *q, const struct item *i) {
    if (i->expires != 0 && (q->expires == 0 || i->expires < q->expires))
        q->expires = i->expires;
}

static void item_link(struct queue *q, struct item *i) {
    struct item **b = bucket_of(q, i->id);
    i->by_id = *b;
    *b = i;
    TAILQ_INSERT_TAIL(&q->items, i, link);
    expect_expiry(q, i);
    if (++q->n_items > q->n_buckets)
        buckets_grow(q);
}

static void item_unlink(struct queue *q, struct item *i) {
    struct item **b = bucket_of(q, i->id);
    while (*b != i)
        b = &(*b)->by_id;
    *b = i->by_id;
    TAILQ_REMOVE(&q->items, i, link);
    q->n_items--;
}

struct item *queue_find(struct queue *q, int64_t id) {
    struct item *i = *bucket_of(q, id);
    while (i != NULL && i->id != id)
        i = i->by_id;
    return i;
}

// ---- jobs that wait ----
// A pairing heap, because who sends deferred messages chooses their order. Of the same time, the older message is
// first.

static struct job *meld(struct job *a, struct job *b) {
    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    if (b->not_before < a->not_before || (b->not_before == a->not_before && b->item->id < a->item->id)) {
        struct job *first = b;
        b = a;
        a = first;
    }
    b->heap_up = a;
    b->sibling = a->child;
    if (a->child != NULL)
        a->child->heap_up = b;
    a->child = b;
    return a;
}

// One heap of the children of a job that leaves: in pairs from the left, then these from the right.
static struct job *meld_children(struct job *of) {
    struct job *list = of->child, *pairs = NULL, *all = NULL;
    of->child = NULL;
    while (list != NULL) {
        struct job *a = list, *b = a->sibling;
        list = b == NULL ? NULL : b->sibling;
        a->sibling = a->heap_up = NULL;
        if (b != NULL)
            b->sibling = b->heap_up = NULL;
        a = meld(a, b);
        a->sibling = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        struct job *a = pairs;
        pairs = a->sibling;
        a->sibling = NULL;
        all = meld(all, a);
    }
    return all;
}

static void heap_remove(struct job **heap, struct job *j) {
    if (*heap == j) {
        *heap = meld_children(j);
        return;
    }
    *(j->heap_up->child == j ? &j->heap_up->child : &j->heap_up->sibling) = j->sibling;
    if (j->sibling != NULL)
        j->sibling->heap_up = j->heap_up;
    j->sibling = j->heap_up = NULL;
    *heap = meld(*heap, meld_children(j));
}

// ---- jobs ----

static void job_link(struct job *j, uint64_t now) {
    struct hop *h = j->hop;
    if (j->item->held) {
        j->state = JOB_HELD;
        return;
    }
    if (j->not_before <= now) {
        j->state = JOB_READY;
        TAILQ_INSERT_TAIL(&h->ready[j->item->priority], j, of_hop);
        h->n_ready[j->item->priority]++;
        return;
    }
    j->state = JOB_WAITING;
    h->waiting = meld(h->waiting, j);
    h->n_waiting++;
}

static void job_unlink(struct job *j) {
    struct hop *h = j->hop;
    if (j->state == JOB_READY) {
        TAILQ_REMOVE(&h->ready[j->item->priority], j, of_hop);
        h->n_ready[j->item->priority]--;
    } else if (j->state == JOB_WAITING) {
        heap_remove(&h->waiting, j);
        h->n_waiting--;
    } else if (j->state == JOB_RUNNING)
        h->n_running--;
}

static void hop_wake(struct hop *h) {
    if (h->wake != NULL && hop_ready(h) > 0)
        h->wake(h->owner, h);
}

static void job_free(struct job *j) {
    job_unlink(j);
    resume_out_forget(j);
    for (size_t k = 0; k < j->n; k++)
        j->item->rcpt[j->rcpt[k]].queued = false;
    TAILQ_REMOVE(&j->item->jobs, j, of_item);
    mem_free(j->rcpt);
    mem_free(j);
}

static struct job *job_new(struct queue *q, struct item *i, struct hop *h, size_t room) {
    struct job *j = mem_calloc(1, sizeof *j);
    if (j == NULL || (j->rcpt = mem_calloc(room, sizeof *j->rcpt)) == NULL) {
        mem_free(j);
        return NULL;
    }
    j->item = i;
    j->hop = h;
    j->since = loop_now_ms(q->m->loop);
    int64_t utc = clock_utc_ms();
    if (i->deferred > utc)
        j->not_before = j->since + (uint64_t)(i->deferred - utc);
    TAILQ_INSERT_TAIL(&i->jobs, j, of_item);
    return j;
}

// The job of this hop that is being filled with recipients and not in the hop's lists yet.
static struct job *new_job_of(struct item *i, const struct hop *h) {
    struct job *j;
    TAILQ_FOREACH(j, &i->jobs, of_item) {
        if (j->hop == h && j->state == JOB_NEW)
            return j;
    }
    return NULL;
}

int queue_add(struct queue *q, struct item *i) {
    bool known = i->link.tqe_prev != NULL;
    int r = ERR_OK;
    for (size_t k = 0; k < i->n_rcpts && r == ERR_OK; k++) {
        struct item_recipient *x = &i->rcpt[k];
        if (x->state != SPOOL_RCPT_WAITING || x->hop == NULL || x->queued)
            continue;
        struct hop *h = queue_hop(q, x->hop);
        struct job *j = h == NULL ? NULL : new_job_of(i, h);
        if (h != NULL && j == NULL)
            j = job_new(q, i, h, i->n_rcpts - k);
        if (j == NULL)
            r = ERR_NOMEM;
        else {
            j->rcpt[j->n++] = (uint32_t)k;
            x->queued = true;
        }
    }
    if (!known)
        item_link(q, i);
    struct job *j;
    uint64_t now = loop_now_ms(q->m->loop);
    TAILQ_FOREACH(j, &i->jobs, of_item) {
        if (j->state == JOB_NEW)
            job_link(j, now);
    }
    TAILQ_FOREACH(j, &i->jobs, of_item) {
        if (j->state == JOB_READY)
            hop_wake(j->hop);
    }
    return r;
}

void queue_remove(struct queue *q, struct item *i) {
    while (!TAILQ_EMPTY(&i->jobs))
        job_free(TAILQ_FIRST(&i->jobs));
    item_unlink(q, i);
    item_free(i);
}

void job_take(struct job *j) {
    job_unlink(j);
    j->state = JOB_RUNNING;
    j->hop->n_running++;
}

struct job *hop_take(struct hop *h, bool urgent_only) {
    static const int order[] = {P1_URGENT, P1_NORMAL, P1_NON_URGENT};
    for (int k = 0; k < (urgent_only ? 1 : 3); k++) {
        struct job *j = TAILQ_FIRST(&h->ready[order[k]]);
        if (j == NULL)
            continue;
        job_take(j);
        return j;
    }
    return NULL;
}

void job_retry(struct queue *q, struct job *j, uint64_t delay_ms) {
    job_unlink(j);
    uint64_t now = loop_now_ms(q->m->loop);
    j->not_before = now + delay_ms;
    job_link(j, now);
    hop_wake(j->hop);
}

void job_done(struct queue *q, struct job *j) {
    (void)q;
    job_free(j);
}

void queue_unroute(struct queue *q, struct hop *h) {
    struct item *i;
    TAILQ_FOREACH(i, &q->items, link) {
        for (struct job *j = TAILQ_FIRST(&i->jobs), *next; j != NULL; j = next) {
            next = TAILQ_NEXT(j, of_item);
            if (j->hop != h || j->state == JOB_RUNNING)
                continue;
            for (size_t k = 0; k < j->n; k++) {
                mem_free(i->rcpt[j->rcpt[k]].hop);
                i->rcpt[j->rcpt[k]].hop = NULL;
            }
            job_free(j);
        }
    }
}

void item_hold(struct queue *q, struct item *i, bool held) {
    i->held = held;
    struct job *j;
    TAILQ_FOREACH(j, &i->jobs, of_item) {
        if (j->state == JOB_RUNNING)
            continue;
        job_unlink(j);
        job_link(j, loop_now_ms(q->m->loop));
    }
    TAILQ_FOREACH(j, &i->jobs, of_item)
        hop_wake(j->hop);
}

static void job_hasten(struct queue *q, struct job *j, int64_t utc) {
    if (j->state != JOB_WAITING || j->item->deferred > utc)
        return;
    job_unlink(j);
    j->not_before = 0;
    job_link(j, loop_now_ms(q->m->loop));
}

void item_hasten(struct queue *q, struct item *i) {
    struct job *j;
    int64_t utc = clock_utc_ms();
    TAILQ_FOREACH(j, &i->jobs, of_item)
        job_hasten(q, j, utc);
    TAILQ_FOREACH(j, &i->jobs, of_item)
        hop_wake(j->hop);
}

void hop_hasten(struct queue *q, struct hop *h) {
    int64_t utc = clock_utc_ms();
    uint64_t now = loop_now_ms(q->m->loop);
    struct job *heap = h->waiting;
    h->waiting = NULL;
    h->n_waiting = 0;
    for (struct job *j; (j = heap) != NULL;) {
        heap_remove(&heap, j);
        if (j->item->deferred <= utc)
            j->not_before = 0;
        job_link(j, now);
    }
    hop_wake(h);
}

static void release_due(struct hop *h, uint64_t now) {
    for (struct job *j; (j = h->waiting) != NULL && j->not_before <= now;) {
        job_unlink(j);
        job_link(j, now);
    }
    hop_wake(h);
}

bool item_busy(const struct item *i) {
    const struct job *j;
    TAILQ_FOREACH(j, &i->jobs, of_item) {
        if (j->state == JOB_RUNNING)
            return true;
    }
    return i->settling > 0;
}

// Everything that is not being worked on and has outlived its priority's time is returned. The queue is gone through
// only when something in it may have expired, and then it is learned when that is so again.
static void expire(struct queue *q, int64_t utc) {
    if (q->expires == 0 || q->expires > utc)
        return;
    q->expires = 0;
    for (struct item *i = TAILQ_FIRST(&q->items), *next; i != NULL; i = next) {
        next = TAILQ_NEXT(i, link);
        expect_expiry(q, i);
        if (i->expires != 0 && i->expires <= utc && !item_busy(i))
            q->expired(q->m, i);
    }
}

static void on_tick(void *arg) {
    struct queue *q = arg;
    uint64_t now = loop_now_ms(q->m->loop);
    struct hop *h;
    LIST_FOREACH(h, &q->hops, link)
        release_due(h, now);
    expire(q, clock_utc_ms());
    loop_timer_in(q->timer, TICK_MS);
}

struct queue *queue_new(struct mta *m, void (*expired)(struct mta *m, struct item *i)) {
    struct queue *q = mem_calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    q->m = m;
    q->expired = expired;
    TAILQ_INIT(&q->items);
    LIST_INIT(&q->hops);
    q->n_buckets = BUCKETS;
    q->buckets = mem_calloc(BUCKETS, sizeof *q->buckets);
    q->timer = loop_timer_new(m->loop, on_tick, q);
    if (q->buckets == NULL || q->timer == NULL) {
        queue_free(q);
        return NULL;
    }
    loop_timer_in(q->timer, TICK_MS);
    return q;
}

void queue_free(struct queue *q) {
    if (q == NULL)
        return;
    while (!TAILQ_EMPTY(&q->items))
        queue_remove(q, TAILQ_FIRST(&q->items));
    for (struct hop *h; (h = LIST_FIRST(&q->hops)) != NULL;) {
        LIST_REMOVE(h, link);
        mem_free(h->name);
        mem_free(h);
    }
    loop_timer_free(q->timer);
    mem_free(q->buckets);
    mem_free(q);
}
