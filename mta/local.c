// SPDX-License-Identifier: BSD-2-Clause
// Which deliveries there are: the jobs of the directories' hops, some at once, and at the start those that an earlier
// run had promised to finish.
#include "mta/local.h"

#include <stdio.h>

#include "base/mem.h"
#include "mta/local_internal.h"

enum { AGAIN_MS = 60 * 1000 }; // when one could not begin

bool local_stopping(struct local *l) {
    return l->m->stopping || atomic_load(&l->stop);
}

// ---- serving the hops ----

static void start(struct local *l, struct job *j) {
    struct delivery *d = delivery_new(l);
    if (d != NULL) {
        d->job = j;
        d->item = j->item;
        d->message = j->item->id;
        if (delivery_begin(d) == ERR_OK)
            return;
        delivery_free(d);
    }
    job_retry(l->m->queue, j, AGAIN_MS);
}

static bool is_served(const struct local *l, const struct hop *h) {
    return h->owner == l && h->wake != NULL;
}

// The directories by turns.
static struct hop *next_hop(struct local *l) {
    struct hop *first = queue_hops(l->m->queue), *h = l->last == NULL ? NULL : LIST_NEXT(l->last, link);
    for (int round = 0; round < 2; round++, h = NULL) {
        for (h = h == NULL ? first : h; h != NULL; h = LIST_NEXT(h, link))
            if (is_served(l, h) && hop_ready(h) > 0)
                return l->last = h;
    }
    return NULL;
}

void local_pump(struct local *l) {
    for (struct hop *h; l->n_running < LOCAL_AT_ONCE && !local_stopping(l) && (h = next_hop(l)) != NULL;) {
        struct job *j = hop_take(h, false);
        if (j == NULL)
            return;
        start(l, j);
    }
}

static void on_wake(void *owner, struct hop *h) {
    (void)h;
    local_pump(owner);
}

void local_reload(struct local *l) {
    const struct conf *c = l->m->conf;
    struct hop *h;
    for (h = queue_hops(l->m->queue); h != NULL; h = LIST_NEXT(h, link))
        if (is_served(l, h))
            h->wake = NULL;
    for (size_t i = 0; i < c->n_delivers; i++) {
        char *name = mem_printf(HOP_DIRECTORY "%s", c->delivers[i].directory);
        h = name == NULL ? NULL : queue_hop(l->m->queue, name);
        mem_free(name);
        if (h == NULL)
            continue; // its mail waits for the next reload or start
        h->owner = l;
        h->wake = on_wake;
    }
    local_pump(l);
}

// ---- the start ----

struct recovering {
    struct local *l;
    int err;
};

static struct delivery *group_of(struct local *l, const struct spool_intent *i) {
    struct delivery *d;
    LIST_FOREACH(d, &l->deliveries, link) {
        if (d->message == i->message && strcmp(d->dir, i->dir) == 0)
            return d;
    }
    d = delivery_new(l);
    if (d == NULL)
        return NULL;
    d->message = i->message;
    d->dir = mem_strdup(i->dir);
    d->facts.dir = d->dir;
    if (d->dir != NULL)
        return d;
    delivery_free(d);
    return NULL;
}

static void on_loaded(void *arg, const struct spool_intent *i) {
    struct recovering *r = arg;
    struct delivery *d = r->err != ERR_OK ? NULL : group_of(r->l, i);
    bool grow = d != NULL && (d->n & (d->n + 1)) == 0; // at 0, 1, 3, 7, …
    struct target *more = grow ? mem_realloc(d->target, (d->n + 1) * 2 * sizeof *more) : NULL;
    if (d == NULL || (grow && more == NULL)) {
        r->err = ERR_NOMEM;
        return;
    }
    if (grow)
        d->target = more;
    struct target *t = &d->target[d->n++];
    *t = (struct target){.d = d, .number = i->number, .state = TARGET_INTENDED};
    snprintf(t->name, sizeof t->name, "%s", i->name);
}

static bool is_intended(void *arg, const char *name) {
    struct local *l = arg;
    const struct delivery *d;
    LIST_FOREACH(d, &l->deliveries, link) {
        for (size_t k = 0; k < d->n; k++)
            if (strcmp(d->target[k].name, name) == 0)
                return true;
    }
    return false;
}

int local_recover(struct local *l) {
    struct recovering r = {.l = l};
    int err = spool_load_intents(l->m->spool, on_loaded, &r);
    if (err == ERR_OK)
        err = r.err;
    // What cannot be cleaned now does no harm: an item is begun anew where it lies.
    for (size_t i = 0; i < l->m->conf->n_delivers && err == ERR_OK; i++)
        deliver_dir_clean(l->m->conf->delivers[i].directory, is_intended, l);
    return err;
}

static struct item_recipient *recipient_of(struct item *i, uint32_t number, uint32_t *index) {
    if (number > 0 && number <= i->n_rcpts && i->rcpt[number - 1].number == number) {
        *index = number - 1;
        return &i->rcpt[number - 1];
    }
    for (size_t k = 0; k < i->n_rcpts; k++)
        if (i->rcpt[k].number == number) {
            *index = (uint32_t)k;
            return &i->rcpt[k];
        }
    return NULL;
}

// Finds the item of a delivery that an earlier run began. Without it (its rows are damaged) the recipient still gets
// what was committed; the spool keeps saying so at each start.
static void adopt(struct delivery *d) {
    struct item *i = queue_find(d->l->m->queue, d->message);
    size_t n = 0;
    for (size_t k = 0; k < d->n && i != NULL; k++) {
        struct item_recipient *r = recipient_of(i, d->target[k].number, &d->target[k].rcpt);
        if (r != NULL && r->state < SPOOL_RCPT_FINAL)
            d->target[n++] = d->target[k];
    }
    if (i == NULL)
        return;
    d->n = n;
    d->item = i;
    i->settling++; // no operator and no expiry touches it before finish()
}

void local_start(struct local *l) {
    struct delivery *d;
    LIST_FOREACH(d, &l->deliveries, link) {
        if (d->job == NULL)
            adopt(d);
    }
    LIST_FOREACH(d, &l->deliveries, link) {
        if (d->job == NULL)
            delivery_publish(d);
    }
    local_reload(l);
}

// ---- the outside ----

static void on_note(void *arg) {
    struct local *l = arg;
    for (int k = 0; k < LOCAL_AT_ONCE; k++)
        if (l->pool[k] != NULL)
            file_thread_completions(l->pool[k]);
}

static void wake(void *arg) {
    loop_notify(((struct local *)arg)->note);
}

struct local *local_new(struct mta *m) {
    struct local *l = mem_calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->m = m;
    LIST_INIT(&l->deliveries);
    atomic_init(&l->stop, false);
    bool whole = (l->note = loop_notifier_new(m->loop, on_note, l)) != NULL;
    for (int k = 0; k < LOCAL_AT_ONCE && whole; k++)
        whole = (l->pool[k] = file_thread_new(spool_dirfd(m->spool), wake, l)) != NULL;
    if (whole)
        return l;
    local_finish(l);
    local_free(l);
    return NULL;
}

void local_finish(struct local *l) {
    for (int k = 0; l != NULL && k < LOCAL_AT_ONCE; k++) {
        file_thread_free(l->pool[k]);
        l->pool[k] = NULL;
    }
}

void local_stop(struct local *l) {
    atomic_store(&l->stop, true);
}

size_t local_running(const struct local *l) {
    return l->n_running;
}

void local_free(struct local *l) {
    if (l == NULL)
        return;
    while (!LIST_EMPTY(&l->deliveries))
        delivery_free(LIST_FIRST(&l->deliveries));
    for (struct hop *h = l->m->queue == NULL ? NULL : queue_hops(l->m->queue); h != NULL; h = LIST_NEXT(h, link))
        if (h->owner == l)
            h->wake = NULL;
    loop_notifier_free(l->note);
    mem_free(l);
}
