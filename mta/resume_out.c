// SPDX-License-Identifier: BSD-2-Clause
// A resumption belongs to its job (job->resume). It is under way on a link, or it waits here, with the job marked as
// running so that no ordinary association takes it.
#include "mta/resume_out.h"

#include <stdio.h>

#include "base/mem.h"
#include "mta/admit.h"
#include "mta/amgr_internal.h"

// A row is written when a transfer takes this long, and again before the receiver would have forgotten its point.
enum { AGAIN_MS = 1000, STORE_AFTER_MS = 1000, STORE_POINTS = RTSE_POINTS / 4, TRIES_MAX = 3 };

struct loaded {
    struct loaded *next;
    int64_t message;
    char *peer;
    struct resumption *x;
};

struct resume_out {
    struct mta *m;
    LIST_HEAD(, resumption) waiting;
    struct loaded *loaded;
    struct loop_timer *timer;
};

// ---- rows ----

static struct bytes key_of(int64_t message, uint8_t out[8]) {
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)((uint64_t)message >> (56 - 8 * i));
    return bytes_of(out, 8);
}

static int put_detail(struct buf *b, const struct resumption *x) {
    int err = buf_append_u64(b, x->total);
    if (err == ERR_OK)
        err = buf_append(b, x->digest, sizeof x->digest);
    if (err == ERR_OK)
        err = buf_append(b, x->stack, sizeof x->stack);
    return err == ERR_OK ? buf_append(b, x->remote, sizeof x->remote) : err;
}

// Nobody waits for it: without a row the transfer begins anew after a crash.
static void store(struct resumption *x) {
    struct mta *m = x->owner->m;
    struct buf state = {0}, detail = {0};
    uint8_t key[8];
    struct spool_batch *b = spool_batch_new(m->spool);
    if (b != NULL && rtse_recovery_put(&state, &x->state) == ERR_OK && put_detail(&detail, x) == ERR_OK) {
        spool_batch_transfer(b, &(struct spool_transfer){.kind = SPOOL_TRANSFER_OUT,
                                                         .peer = x->job->hop->name,
                                                         .key = key_of(x->job->item->id, key),
                                                         .state = buf_bytes(&state),
                                                         .detail = buf_bytes(&detail),
                                                         .file = "",
                                                         .since = x->since});
        if (spool_commit(b, NULL, NULL) == ERR_OK)
            x->stored_ms = loop_now_ms(m->loop), x->stored_serial = x->state.serial;
    } else
        spool_batch_free(b);
    buf_free(&state);
    buf_free(&detail);
}

static void row_remove(struct resumption *x) {
    if (x->stored_ms == 0)
        return;
    struct spool_batch *b = spool_batch_new(x->owner->m->spool);
    if (b == NULL)
        return;
    resume_out_settled(b, x->job->hop->name, x->job->item->id);
    spool_commit(b, NULL, NULL);
    x->stored_ms = 0;
}

bool resume_out_has_row(const struct job *j) {
    return j->resume != NULL && j->resume->stored_ms != 0;
}

void resume_out_settled(struct spool_batch *b, const char *peer, int64_t message) {
    uint8_t key[8];
    spool_batch_transfer_over(b, SPOOL_TRANSFER_OUT, peer, key_of(message, key));
}

// ---- a transfer under way ----

static void number(char out[24], uint64_t v) {
    snprintf(out, 24, "%llu", (unsigned long long)v);
}

static const char *name_of(const struct job *j, char out[200]) {
    snprintf(out, 200, "the transfer of %s", j->item->mts_id);
    return out;
}

// Takes over how far it came; NULL: it cannot be resumed.
static struct resumption *note(struct link *l, struct job *j, uint64_t total, const uint8_t *digest) {
    struct resume_out *r = l->m->resume_out;
    const struct conf_peer *c = assoc_peer(l->assoc);
    struct rtse_recovery state;
    if (c->recovery_ms == 0 || assoc_recovery(l->assoc, &state) != ERR_OK || state.serial == 0)
        return NULL;
    struct resumption *x = j->resume;
    if (x == NULL && (x = mem_calloc(1, sizeof *x)) == NULL)
        return NULL;
    j->resume = x;
    bool further = state.octets_confirmed > x->state.octets_confirmed || x->job == NULL;
    if (further) {
        x->fruitless = 0;
        x->has_older = false;
    } else if (!rtse_same_activity(&state, &x->state)) {
        x->older = x->state;
        x->has_older = true;
    }
    x->owner = r;
    x->job = j;
    x->under_way = true;
    x->state = state;
    x->total = total;
    memcpy(x->digest, digest, sizeof x->digest);
    snprintf(x->stack, sizeof x->stack, "%s", assoc_stack_name(l->assoc));
    snprintf(x->remote, sizeof x->remote, "%s", assoc_remote(l->assoc));
    return x;
}

void resume_out_confirmed(struct link *l, struct job *j, uint64_t total, const uint8_t digest[DIGEST_SIZE],
                          uint64_t started_ms, uint32_t serial) {
    uint64_t now = loop_now_ms(l->m->loop), last = j->resume == NULL ? 0 : j->resume->stored_ms;
    bool behind = last != 0 && serial - j->resume->stored_serial >= STORE_POINTS;
    if (!behind && now - (last > started_ms ? last : started_ms) < STORE_AFTER_MS)
        return;
    struct resumption *x = note(l, j, total, digest);
    if (x == NULL)
        return;
    x->since = clock_utc_ms();
    store(x);
}

static void wait_here(struct resumption *x) {
    x->waiting = true;
    LIST_INSERT_HEAD(&x->owner->waiting, x, link);
}

bool resume_out_interrupted(struct link *l, struct job *j, uint64_t total, const uint8_t digest[DIGEST_SIZE], bool open,
                            const char *why) {
    uint64_t before = j->resume == NULL ? 0 : j->resume->state.octets_confirmed;
    int64_t since = j->resume == NULL ? 0 : j->resume->since;
    struct resumption *x = note(l, j, total, digest);
    if (x == NULL || x->fruitless >= TRIES_MAX) {
        resume_out_drop(j, why);
        return false;
    }
    char octets[24], seconds[24], name[200];
    x->under_way = false;
    bool further = since == 0 || x->state.octets_confirmed > before;
    x->since = further ? clock_utc_ms() : since;
    number(octets, x->state.octets_confirmed);
    number(seconds, assoc_peer(l->assoc)->recovery_ms / 1000);
    EVENT_RAISE(l->m->events, mta_event(EV_INTERRUPTED), {"peer", l->peer->name}, {"transfer", name_of(j, name)},
                {"octets", octets}, {"seconds", seconds}, {"what", why});
    if (open)
        return true;
    if (!l->outgoing) { // only who called recovers; the next association to the peer may do
        store(x);
        job_retry(l->m->queue, j, AGAIN_MS);
        return true;
    }
    if (further || x->stored_ms == 0)
        store(x);
    wait_here(x);
    loop_timer_in(x->owner->timer, 0);
    return true;
}

static void resumption_free(struct resumption *x) {
    if (x->waiting)
        LIST_REMOVE(x, link);
    if (x->job != NULL)
        x->job->resume = NULL;
    mem_free(x);
}

void resume_out_drop(struct job *j, const char *why) {
    struct resumption *x = j->resume;
    char name[200];
    if (x == NULL)
        return;
    EVENT_RAISE(x->owner->m->events, mta_event(EV_NOT_RESUMED), {"peer", j->hop->name}, {"transfer", name_of(j, name)},
                {"what", why});
    row_remove(x);
    resumption_free(x);
}

void resume_out_forget(struct job *j) {
    if (j->resume != NULL)
        resumption_free(j->resume);
}

void resume_out_cancel(struct item *i) {
    struct job *j;
    TAILQ_FOREACH(j, &i->jobs, of_item) {
        if (j->resume == NULL || !j->resume->waiting)
            continue;
        struct queue *q = j->resume->owner->m->queue;
        resume_out_drop(j, "an operator's command");
        job_retry(q, j, AGAIN_MS);
    }
}

const char *resume_out_text(const struct item *i, size_t rcpt, char out[80]) {
    const struct job *j;
    TAILQ_FOREACH(j, &i->jobs, of_item) {
        for (size_t k = 0; k < j->n && j->resume != NULL && !j->resume->under_way; k++) {
            if (j->rcpt[k] != rcpt)
                continue;
            snprintf(out, 80, "interrupted at %llu of %llu octets",
                     (unsigned long long)j->resume->state.octets_confirmed, (unsigned long long)j->resume->total);
            return out;
        }
    }
    return NULL;
}

// ---- waiting ----

static void begin_anew(struct resumption *x, const char *why) {
    struct mta *m = x->owner->m;
    struct job *j = x->job;
    bool gone = conf_peer_find(m->conf, j->hop->name) == NULL;
    resume_out_drop(j, why);
    job_retry(m->queue, j, 0);
    if (gone)
        admit_reroute_lost(m);
}

void resume_out_failed(struct resumption *x, bool refused, const char *why) {
    if (refused && !x->has_older) {
        begin_anew(x, why);
        return;
    }
    if (refused)
        x->state = x->older;
    x->has_older &= !refused;
    wait_here(x);
    loop_timer_in(x->owner->timer, refused ? 0 : AGAIN_MS);
}

static void try_one(struct resumption *x) {
    struct mta *m = x->owner->m;
    struct peer *p = amgr_peer(m->amgr, x->job->hop->name);
    if (p == NULL || p->conf == NULL || p->conf->recovery_ms == 0 || p->conf->n_connect == 0) {
        begin_anew(x, "the peer's configuration has changed");
    } else if (x->job->item->held) {
        begin_anew(x, "the message is held");
    } else if (clock_utc_ms() - x->since > (int64_t)p->conf->recovery_ms) {
        begin_anew(x, "the peer could not be reached within its recovery time");
    } else if (!p->disabled && peer_recover(p, x)) {
        LIST_REMOVE(x, link);
        x->waiting = false;
    }
}

void resume_out_pump(struct resume_out *r) {
    if (r->m->stopping)
        return;
    for (struct resumption *x = LIST_FIRST(&r->waiting), *next; x != NULL; x = next) {
        next = LIST_NEXT(x, link);
        try_one(x);
    }
    if (!LIST_EMPTY(&r->waiting))
        loop_timer_in(r->timer, AGAIN_MS);
}

static void on_timer(void *arg) {
    resume_out_pump(arg);
}

// ---- life ----

struct resume_out *resume_out_new(struct mta *m) {
    struct resume_out *r = mem_calloc(1, sizeof *r);
    if (r == NULL || (r->timer = loop_timer_new(m->loop, on_timer, r)) == NULL) {
        mem_free(r);
        return NULL;
    }
    r->m = m;
    LIST_INIT(&r->waiting);
    return r;
}

static void loaded_free(struct loaded *x) {
    mem_free(x->x);
    mem_free(x->peer);
    mem_free(x);
}

void resume_out_load(struct resume_out *r, const struct spool_transfer *row) {
    struct loaded *x = mem_calloc(1, sizeof *x);
    if (x == NULL)
        return;
    x->peer = mem_strdup(row->peer);
    x->x = mem_calloc(1, sizeof *x->x);
    struct cursor key = cursor_of(row->key), c = cursor_of(row->detail);
    struct bytes digest, stack, remote;
    uint64_t message;
    if (x->peer == NULL || x->x == NULL || cursor_u64(&key, &message) < 0 ||
        rtse_recovery_get(row->state, &x->x->state) != ERR_OK || cursor_u64(&c, &x->x->total) < 0 ||
        cursor_take(&c, DIGEST_SIZE, &digest) < 0 || cursor_take(&c, sizeof x->x->stack, &stack) < 0 ||
        cursor_take(&c, sizeof x->x->remote, &remote) < 0) {
        loaded_free(x);
        return;
    }
    memcpy(x->x->digest, digest.p, digest.n);
    snprintf(x->x->stack, sizeof x->x->stack, "%.*s", (int)stack.n, (const char *)stack.p);
    snprintf(x->x->remote, sizeof x->x->remote, "%.*s", (int)remote.n, (const char *)remote.p);
    x->x->since = row->since;
    x->x->stored_ms = 1;
    x->x->stored_serial = x->x->state.serial;
    x->x->owner = r;
    x->message = (int64_t)message;
    x->next = r->loaded;
    r->loaded = x;
}

static struct job *job_of(struct resume_out *r, const struct loaded *x) {
    struct item *i = queue_find(r->m->queue, x->message);
    struct job *j = i == NULL ? NULL : TAILQ_FIRST(&i->jobs);
    while (j != NULL && (strcmp(j->hop->name, x->peer) != 0 || j->state != JOB_READY))
        j = TAILQ_NEXT(j, of_item);
    return j;
}

void resume_out_start(struct resume_out *r) {
    for (struct loaded *x; (x = r->loaded) != NULL; loaded_free(x)) {
        r->loaded = x->next;
        struct job *j = job_of(r, x);
        if (j == NULL || j->resume != NULL)
            continue; // sent or settled meanwhile, or held: the row goes with its age
        job_take(j);
        x->x->job = j;
        j->resume = x->x;
        wait_here(x->x);
        x->x = NULL;
    }
    loop_timer_in(r->timer, 0);
}

void resume_out_free(struct resume_out *r) {
    if (r == NULL)
        return;
    for (struct loaded *x; (x = r->loaded) != NULL; loaded_free(x))
        r->loaded = x->next;
    loop_timer_free(r->timer);
    mem_free(r);
}
