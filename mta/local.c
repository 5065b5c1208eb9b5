// SPDX-License-Identifier: BSD-2-Clause
// A delivery is one job: the recipients of one message or report in one directory. Its steps, each of which a crash may
// follow:
//
//   fetch (spool) → check → write every item in tmp/ (file thread) → commit an intent for each (spool)
//     → rename every item to new/ (file thread) → settle: delivered, intents done, reports (one commit)
//
// Before the intents nothing has happened: what is in tmp/ is removed, the job begins anew. After them it only goes
// forwards: renaming is tried until it succeeds, and a restart goes on there (local_recover). So a recipient gets its
// item exactly once.
//
// An item's name is made of the MTS identifier and the recipient. Where the name is taken already, in new/ or in the
// spool, this recipient has the message: it came a second time on another way. Two messages of the same identifier are
// never delivered into the same directory at the same time, since they would share items in tmp/.
#include "mta/local.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "mta/codes.h"
#include "mta/local_internal.h"
#include "mta/settle.h"
#include "x400/report.h"

enum {
    AT_ONCE = 4,            // deliveries under way
    TROUBLE_MS = 60 * 1000, // a directory is tried again
    STORE_MS = 10 * 1000,   // the spool likewise
    SAME_MS = 5000,         // another one of the same identifier is under way
    DAMAGED_MS = 3600 * 1000,
    ITEMS_A_SLICE = 16 // renamed or removed
};

enum target_state {
    TARGET_FAILED,  // by the checks
    TARGET_NOTHING, // delivered without an item: a probe, a report that says nothing to the originator, the same
                    // recipient again
    TARGET_TO_WRITE,
    TARGET_WRITTEN,
    TARGET_INTENDED, // the intent is committed
    TARGET_PUBLISHED,
    TARGET_PRESENT // it was delivered before
};

struct target {
    struct delivery *d;
    uint32_t rcpt, number;
    enum target_state state;
    int diagnostic; // of a failure
    const char *why;
    char name[DELIVER_NAME];
};

struct delivery {
    struct file_job file; // first
    LIST_ENTRY(delivery) link;
    struct local *l;
    int64_t message;
    struct item *item;     // NULL: found at the start, and the item is not loaded
    struct job *job;       // NULL: found at the start
    struct opened *opened; // likewise; its arena has all of `facts`
    struct item_facts facts;
    char *dir; // of a delivery found at the start; else the hop's name has it
    struct target *target;
    size_t n, at; // at: the one the file thread is at
    struct item_writer writer;
    int err;        // of the file thread
    char what[200]; // and its text
    size_t commits; // under way
    bool waiting;   // for the timer: not counted as running
    int commit_err;
    uint64_t started; // monotonic ms
    struct loop_timer *timer;
};

struct local {
    struct mta *m;
    LIST_HEAD(, delivery) deliveries;
    size_t n_running;
    struct hop *last; // the one served last
    atomic_bool stop; // seen by the file thread too
};

static void pump(struct local *l);

static bool stopping(struct local *l) {
    return l->m->stopping || atomic_load(&l->stop);
}

static const char *directory_of(const struct delivery *d) {
    return d->job != NULL ? d->job->hop->name + sizeof HOP_DIRECTORY - 1 : d->dir;
}

// ---- a delivery's life ----

static struct delivery *delivery_new(struct local *l) {
    struct delivery *d = mem_calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->l = l;
    d->started = loop_now_ms(l->m->loop);
    LIST_INSERT_HEAD(&l->deliveries, d, link);
    l->n_running++;
    return d;
}

static void delivery_free(struct delivery *d) {
    LIST_REMOVE(d, link);
    if (!d->waiting)
        d->l->n_running--;
    loop_timer_free(d->timer);
    opened_unref(d->opened);
    mem_free(d->target);
    mem_free(d->dir);
    mem_free(d);
}

static void trouble(struct delivery *d, enum mta_event ev, const char *what, uint64_t delay_ms) {
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)delay_ms / 1000);
    EVENT_RAISE(d->l->m->events, mta_event(ev), {"mts_id", d->item == NULL ? NULL : d->item->mts_id},
                {"message", d->item == NULL ? NULL : d->item->mts_id}, {"dir", directory_of(d)}, {"seconds", seconds},
                {"what", what});
    for (size_t k = 0; k < d->n && d->item != NULL; k++) {
        struct item_recipient *r = &d->item->rcpt[d->target[k].rcpt];
        mem_free(r->error);
        r->error = mem_strdup(what);
        r->attempts++;
    }
}

// Before any intent: the job goes back.
static void give_back(struct delivery *d, uint64_t delay_ms) {
    struct local *l = d->l;
    struct job *j = d->job;
    delivery_free(d);
    job_retry(l->m->queue, j, delay_ms);
    pump(l);
}

static void go_on(struct delivery *d);

static void on_timer(void *arg) {
    struct delivery *d = arg;
    if (stopping(d->l))
        return;
    d->waiting = false;
    d->l->n_running++;
    go_on(d);
}

// With intents: later, again.
static void wait_for(struct delivery *d, uint64_t delay_ms) {
    struct local *l = d->l;
    if (d->timer == NULL)
        d->timer = loop_timer_new(l->m->loop, on_timer, d);
    if (d->timer != NULL)
        loop_timer_in(d->timer, delay_ms); // without memory it waits for the next start
    d->waiting = true;
    l->n_running--;
    pump(l);
}

// ---- settling ----

static void fate_of(const struct delivery *d, const struct target *t, struct fate *f) {
    *f = (struct fate){.rcpt = t->rcpt, .state = SPOOL_RCPT_DELIVERED, .reason = -1, .diagnostic = -1};
    f->when = d->facts.delivered;
    f->intent = t->state == TARGET_PUBLISHED;
    if (t->state != TARGET_FAILED)
        return;
    f->state = SPOOL_RCPT_FAILED;
    f->reason = CODE_UNABLE_TO_TRANSFER;
    f->diagnostic = t->diagnostic;
    f->text = t->why;
}

static void finish(struct delivery *d) {
    struct local *l = d->l;
    uint64_t now = loop_now_ms(l->m->loop);
    struct way way = {.peer = d->job == NULL ? NULL : d->job->hop->name,
                      .queue_ms = d->job == NULL ? -1 : (int64_t)(d->started - d->job->since),
                      .association_ms = -1,
                      .transfer_ms = (int64_t)(now - d->started),
                      .ack_ms = -1};
    struct fate *fates = d->n == 0 || d->item == NULL ? NULL : mem_calloc(d->n, sizeof *fates);
    if (fates == NULL && d->n > 0 && d->item != NULL) {
        wait_for(d, STORE_MS);
        return;
    }
    for (size_t k = 0; k < d->n && fates != NULL; k++) {
        fate_of(d, &d->target[k], &fates[k]);
        if (d->target[k].state == TARGET_PRESENT)
            EVENT_RAISE(l->m->events, mta_event(EV_DUPLICATE), {"peer", d->item->from}, {"mts_id", d->item->mts_id});
    }
    if (d->job == NULL && d->item != NULL)
        d->item->settling--; // see local_start
    if (fates != NULL)
        settle(l->m, d->item, d->job, d->opened, fates, d->n, &way, NULL, NULL);
    mem_free(fates);
    delivery_free(d);
    pump(l);
}

// ---- publishing ----

static void publish_run(struct file_job *j) {
    struct delivery *d = (struct delivery *)j;
    for (unsigned slice = 0; d->at < d->n; d->at++) {
        struct target *t = &d->target[d->at];
        if (t->state != TARGET_INTENDED)
            continue;
        if (slice++ == ITEMS_A_SLICE) {
            file_job_again(j);
            return;
        }
        int err = deliver_item_publish(d->facts.dir, t->name);
        if (err < 0 && err != ERR_EXISTS) {
            d->err = err;
            snprintf(d->what, sizeof d->what, "renaming to new/: %s", strerror(errno));
            return;
        }
        t->state = TARGET_PUBLISHED;
    }
}

static void publish_done(struct file_job *j) {
    struct delivery *d = (struct delivery *)j;
    if (d->err == ERR_OK) {
        finish(d);
        return;
    }
    trouble(d, EV_DELIVERY_TROUBLE, d->what, TROUBLE_MS);
    wait_for(d, TROUBLE_MS);
}

static void publish(struct delivery *d) {
    if (stopping(d->l)) {
        wait_for(d, TROUBLE_MS);
        return;
    }
    d->err = ERR_OK;
    d->at = 0;
    d->file.run = publish_run;
    d->file.done = publish_done;
    file_job_post(d->l->m->files, &d->file);
}

// ---- intents ----

static void on_intent(void *arg, const struct spool_result *r) {
    struct target *t = arg;
    struct delivery *d = t->d;
    if (r->err == ERR_OK) {
        t->state = TARGET_INTENDED;
        d->item->rcpt[t->rcpt].state = SPOOL_RCPT_DELIVERING;
    } else if (r->err == ERR_EXISTS)
        t->state = TARGET_PRESENT;
    else {
        d->commit_err = r->err;
        EVENT_RAISE(d->l->m->events, mta_event(EV_SPOOL_ERROR), {"what", r->text});
    }
    if (--d->commits > 0)
        return;
    if (d->commit_err != ERR_OK)
        wait_for(d, STORE_MS);
    else
        publish(d);
}

static int intend(struct delivery *d, struct target *t) {
    const struct item_recipient *r = &d->item->rcpt[t->rcpt];
    struct spool_batch *b = spool_batch_new(d->l->m->spool);
    if (b == NULL)
        return ERR_NOMEM;
    spool_batch_recipient(b, d->message,
                          &(struct spool_recipient){.number = t->number,
                                                    .state = SPOOL_RCPT_DELIVERING,
                                                    .next_hop = r->hop,
                                                    .reason = -1,
                                                    .diagnostic = -1,
                                                    .attempts = r->attempts,
                                                    .changed = clock_utc_ms()});
    spool_batch_intent(
        b, &(struct spool_intent){.message = d->message, .number = t->number, .dir = d->facts.dir, .name = t->name});
    return spool_commit(b, on_intent, t);
}

// A batch for each, since one whose name is taken must not hinder the others; the spool puts them into one transaction.
static void commit_intents(struct delivery *d) {
    d->commits = 1; // this loop
    d->commit_err = ERR_OK;
    for (size_t k = 0; k < d->n; k++) {
        if (d->target[k].state != TARGET_WRITTEN)
            continue;
        int err = intend(d, &d->target[k]);
        if (err == ERR_OK)
            d->commits++;
        else
            d->commit_err = err;
    }
    if (--d->commits > 0)
        return;
    if (d->commit_err != ERR_OK)
        wait_for(d, STORE_MS);
    else
        publish(d);
}

static void go_on(struct delivery *d) {
    for (size_t k = 0; k < d->n; k++) {
        if (d->target[k].state == TARGET_WRITTEN) {
            commit_intents(d);
            return;
        }
    }
    publish(d);
}

// ---- writing ----

// Takes away again what was written, a few in each slice.
static void unwrite_run(struct delivery *d) {
    for (unsigned slice = 0; d->at > 0; d->at--) {
        struct target *t = &d->target[d->at - 1];
        if (t->state != TARGET_WRITTEN)
            continue;
        if (slice++ == ITEMS_A_SLICE) {
            file_job_again(&d->file);
            return;
        }
        item_remove(d->facts.dir, t->name);
        t->state = TARGET_TO_WRITE;
    }
}

static void write_run(struct file_job *j) {
    struct delivery *d = (struct delivery *)j;
    if (d->err != ERR_OK) {
        unwrite_run(d);
        return;
    }
    while (d->at < d->n && d->target[d->at].state != TARGET_TO_WRITE)
        d->at++;
    if (d->at == d->n)
        return;
    struct target *t = &d->target[d->at];
    int err = atomic_load(&d->l->stop) ? ERR_STATE : item_write(&d->writer, &d->facts, t->rcpt, t->name);
    if (err == ERR_OK || err == ERR_EXISTS) {
        t->state = err == ERR_OK ? TARGET_WRITTEN : TARGET_PRESENT;
    } else if (err < 0) {
        const char *text = err == ERR_SYSTEM || err == ERR_BUSY ? strerror(errno) : err_text(err);
        snprintf(d->what, sizeof d->what, "%s: %s", d->writer.doing == NULL ? "stopped" : d->writer.doing, text);
        item_write_abandon(&d->writer);
        d->err = err;
    }
    file_job_again(j);
}

static void write_done(struct file_job *j) {
    struct delivery *d = (struct delivery *)j;
    bool damaged = d->err == ERR_CORRUPT || d->err == ERR_ABSENT;
    if (stopping(d->l))
        give_back(d, 0);
    else if (d->err == ERR_OK)
        commit_intents(d);
    else {
        uint64_t delay = damaged ? DAMAGED_MS : TROUBLE_MS;
        trouble(d, damaged ? EV_SPOOL_DAMAGED : EV_DELIVERY_TROUBLE, d->what, delay);
        give_back(d, delay);
    }
}

static void write_items(struct delivery *d) {
    d->err = ERR_OK;
    d->at = 0;
    d->file.run = write_run;
    d->file.done = write_done;
    file_job_post(d->l->m->files, &d->file);
}

// ---- checks ----

static void fail_for_extension(struct delivery *d, struct target *t, const struct p1_extension *x) {
    struct buf b = {0};
    t->state = TARGET_FAILED;
    t->diagnostic = CODE_UNSUPPORTED_CRITICAL_FUNCTION;
    t->why = "an extension that is critical for delivery is not supported";
    if (p1_extension_name(&b, x) == ERR_OK && buf_cstr(&b) != NULL) {
        const char *text =
            arena_printf(&d->opened->arena, "extension %s, critical for delivery, is not supported", buf_cstr(&b));
        t->why = text == NULL ? t->why : text;
    }
    buf_free(&b);
}

// What forbids the delivery of a message or probe. Reports are delivered whatever they carry: nobody could be told that
// they were not.
static void check(struct delivery *d, struct target *t) {
    const struct p1_envelope *e = d->opened->env;
    struct p1_time latest;
    const struct p1_extension *x = p1_extension_unsupported(&e->extensions, P1_FOR_DELIVERY);
    if (x == NULL)
        x = p1_extension_unsupported(&e->recipient[t->rcpt].extensions, P1_FOR_DELIVERY);
    if (x != NULL) {
        fail_for_extension(d, t, x);
        return;
    }
    if (e->type == P1_MESSAGE &&
        p1_extension_time(&d->opened->arena, &e->extensions, P1_EXT_LATEST_DELIVERY_TIME, &latest) == ERR_OK &&
        latest.seconds < d->facts.delivered) {
        t->state = TARGET_FAILED;
        t->diagnostic = CODE_MAXIMUM_TIME_EXPIRED;
        t->why = "the latest delivery time has passed";
    }
}

static bool wanted(const struct p1_envelope *e) {
    if (e->type != P1_REPORT)
        return e->type == P1_MESSAGE;
    for (size_t k = 0; k < e->n_recipients; k++)
        if (report_for_originator(&e->recipient[k]))
            return true;
    return false;
}

static int by_name(const void *a, const void *b) {
    const struct target *x = *(struct target *const *)a, *y = *(struct target *const *)b;
    int d = strcmp(x->name, y->name);
    return d != 0 ? d : x->rcpt < y->rcpt ? -1 : x->rcpt > y->rcpt;
}

// A recipient named twice gets one item.
static int find_twins(struct delivery *d) {
    struct target **sorted = mem_calloc(d->n, sizeof *sorted);
    if (sorted == NULL)
        return ERR_NOMEM;
    size_t n = 0;
    for (size_t k = 0; k < d->n; k++)
        if (d->target[k].state == TARGET_TO_WRITE)
            sorted[n++] = &d->target[k];
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t k = 1; k < n; k++)
        if (strcmp(sorted[k]->name, sorted[k - 1]->name) == 0)
            sorted[k]->state = TARGET_NOTHING;
    mem_free(sorted);
    return ERR_OK;
}

static int take_targets(struct delivery *d, const struct spool_message *sm) {
    const struct p1_envelope *e = d->opened->env;
    bool item = wanted(e);
    for (size_t k = 0; k < d->n; k++) {
        struct target *t = &d->target[k];
        *t = (struct target){.d = d, .rcpt = d->job->rcpt[k], .state = item ? TARGET_TO_WRITE : TARGET_NOTHING};
        if (t->rcpt >= sm->n_recipients || (e->type != P1_REPORT && t->rcpt >= e->n_recipients))
            return ERR_CORRUPT;
        t->number = sm->recipients[t->rcpt].number;
        if (e->type != P1_REPORT)
            check(d, t);
        if (t->state == TARGET_TO_WRITE && deliver_item_name(t->name, sm->mts_id, sm->recipients[t->rcpt].key) < 0)
            return ERR_NOMEM;
    }
    return find_twins(d);
}

static int take_facts(struct delivery *d, const struct spool_message *sm) {
    struct arena *a = &d->opened->arena;
    d->facts = (struct item_facts){.env = d->opened->env,
                                   .mts_id = arena_strdup(a, sm->mts_id == NULL ? "" : sm->mts_id),
                                   .content = sm->content,
                                   .spool_dirfd = file_thread_dirfd(d->l->m->files),
                                   .dir = arena_strdup(a, directory_of(d)),
                                   .arrived = sm->arrived / 1000,
                                   .delivered = clock_utc_ms() / 1000};
    d->facts.content.octets = arena_bytes(a, sm->content.octets);
    return d->facts.mts_id == NULL || d->facts.dir == NULL || d->facts.content.octets.p == NULL ? ERR_NOMEM : ERR_OK;
}

static int open_message(struct delivery *d, const struct spool_message *sm) {
    struct p1_fault fault = {""};
    d->opened = opened_new(sm->envelope, &fault);
    if (d->opened == NULL) {
        snprintf(d->what, sizeof d->what, "%s", fault.text);
        return ERR_CORRUPT;
    }
    int err = take_facts(d, sm);
    if (err == ERR_OK && (d->target = mem_calloc(d->job->n, sizeof *d->target)) == NULL)
        err = ERR_NOMEM;
    if (err == ERR_OK) {
        d->n = d->job->n;
        err = take_targets(d, sm);
    }
    return err;
}

// Another message of this identifier is on its way into this directory.
static bool same_under_way(const struct delivery *d) {
    const struct delivery *o;
    LIST_FOREACH(o, &d->l->deliveries, link) {
        if (o != d && o->item != NULL && o->target != NULL && strcmp(o->item->mts_id, d->item->mts_id) == 0 &&
            strcmp(directory_of(o), directory_of(d)) == 0)
            return true;
    }
    return false;
}

static bool has_target(const struct delivery *d, enum target_state s) {
    for (size_t k = 0; k < d->n; k++)
        if (d->target[k].state == s)
            return true;
    return false;
}

static void on_fetched(void *arg, int err, const struct spool_message *sm) {
    struct delivery *d = arg;
    if (stopping(d->l) || same_under_way(d)) {
        give_back(d, stopping(d->l) ? 0 : SAME_MS);
        return;
    }
    if (err == ERR_OK)
        err = open_message(d, sm);
    if (err != ERR_OK && d->what[0] == 0)
        snprintf(d->what, sizeof d->what, "%s", err_text(err));
    if (err != ERR_OK) {
        bool damaged = err == ERR_CORRUPT || err == ERR_ABSENT;
        uint64_t delay = damaged ? DAMAGED_MS : TROUBLE_MS;
        trouble(d, damaged ? EV_SPOOL_DAMAGED : EV_DELIVERY_TROUBLE, d->what, delay);
        give_back(d, delay);
    } else if (has_target(d, TARGET_TO_WRITE))
        write_items(d);
    else
        finish(d);
}

// ---- serving the hops ----

static void start(struct local *l, struct job *j) {
    struct delivery *d = delivery_new(l);
    if (d == NULL) {
        job_retry(l->m->queue, j, TROUBLE_MS);
        return;
    }
    d->job = j;
    d->item = j->item;
    d->message = j->item->id;
    if (spool_fetch(l->m->spool, d->message, on_fetched, d) == ERR_OK)
        return;
    delivery_free(d);
    job_retry(l->m->queue, j, TROUBLE_MS);
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

static void pump(struct local *l) {
    for (struct hop *h; l->n_running < AT_ONCE && !stopping(l) && (h = next_hop(l)) != NULL;) {
        struct job *j = hop_take(h, false);
        if (j == NULL)
            return;
        start(l, j);
    }
}

static void on_wake(void *owner, struct hop *h) {
    (void)h;
    pump(owner);
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
    pump(l);
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
            publish(d);
    }
    local_reload(l);
}

// ---- the outside ----

struct local *local_new(struct mta *m) {
    struct local *l = mem_calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->m = m;
    LIST_INIT(&l->deliveries);
    atomic_init(&l->stop, false);
    return l;
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
    mem_free(l);
}
