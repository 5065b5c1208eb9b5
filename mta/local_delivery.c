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
#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "mta/codes.h"
#include "mta/local_internal.h"
#include "mta/settle.h"

enum {
    TROUBLE_MS = 60 * 1000, // a directory is tried again
    STORE_MS = 10 * 1000,   // the spool likewise
    SAME_MS = 5000,         // another one of the same identifier is under way
    DAMAGED_MS = 3600 * 1000,
    ITEMS_A_SLICE = 16 // renamed or removed
};

const char *delivery_directory(const struct delivery *d) {
    return d->job != NULL ? d->job->hop->name + sizeof HOP_DIRECTORY - 1 : d->dir;
}

// ---- a delivery's life ----

struct delivery *delivery_new(struct local *l) {
    struct delivery *d = mem_calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->l = l;
    d->thread = l->pool[l->next++ % LOCAL_AT_ONCE];
    d->started = loop_now_ms(l->m->loop);
    LIST_INSERT_HEAD(&l->deliveries, d, link);
    l->n_running++;
    return d;
}

void delivery_free(struct delivery *d) {
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
                {"message", d->item == NULL ? NULL : d->item->mts_id}, {"dir", delivery_directory(d)},
                {"seconds", seconds}, {"what", what});
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
    local_pump(l);
}

static void go_on(struct delivery *d);

static void on_timer(void *arg) {
    struct delivery *d = arg;
    if (local_stopping(d->l))
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
    local_pump(l);
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
            EVENT_RAISE(l->m->events, mta_event(EV_DELIVERED_BEFORE), {"mts_id", d->item->mts_id},
                        {"dir", delivery_directory(d)});
    }
    if (d->job == NULL && d->item != NULL)
        d->item->settling--; // see local_start
    if (fates != NULL)
        settle(l->m, d->item, d->job, d->opened, fates, d->n, &way, NULL, NULL);
    mem_free(fates);
    delivery_free(d);
    local_pump(l);
}

// ---- publishing ----

static int publish_target(struct delivery *d, struct target *t) {
    if (t->state == TARGET_TAKEN) {
        item_remove(d->facts.dir, t->name);
        t->state = TARGET_PRESENT;
        return ERR_OK;
    }
    int err = deliver_item_publish(d->facts.dir, t->name);
    if (err == ERR_OK || err == ERR_EXISTS)
        t->state = TARGET_PUBLISHED;
    return err == ERR_EXISTS ? ERR_OK : err;
}

static void publish_run(struct file_job *j) {
    struct delivery *d = (struct delivery *)j;
    for (unsigned slice = 0; d->at < d->n; d->at++) {
        struct target *t = &d->target[d->at];
        if (t->state != TARGET_INTENDED && t->state != TARGET_TAKEN)
            continue;
        if (slice++ == ITEMS_A_SLICE) {
            file_job_again(j);
            return;
        }
        d->err = publish_target(d, t);
        if (d->err < 0) {
            snprintf(d->what, sizeof d->what, "renaming to new/: %s", strerror(errno));
            return;
        }
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

void delivery_publish(struct delivery *d) {
    if (local_stopping(d->l)) {
        wait_for(d, TROUBLE_MS);
        return;
    }
    d->err = ERR_OK;
    d->at = 0;
    d->file.run = publish_run;
    d->file.done = publish_done;
    file_job_post(d->thread, &d->file);
}

// ---- intents ----

// Goes on when it was the last.
static void commit_ended(struct delivery *d) {
    if (--d->commits > 0)
        return;
    if (d->commit_err != ERR_OK)
        wait_for(d, STORE_MS);
    else
        delivery_publish(d);
}

static void on_intent(void *arg, const struct spool_result *r) {
    struct target *t = arg;
    struct delivery *d = t->d;
    if (r->err == ERR_OK) {
        t->state = TARGET_INTENDED;
        d->item->rcpt[t->rcpt].state = SPOOL_RCPT_DELIVERING;
    } else if (r->err == ERR_EXISTS)
        t->state = TARGET_TAKEN;
    else {
        d->commit_err = r->err;
        EVENT_RAISE(d->l->m->events, mta_event(EV_SPOOL_ERROR), {"what", r->text});
    }
    commit_ended(d);
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
    commit_ended(d);
}

static void go_on(struct delivery *d) {
    for (size_t k = 0; k < d->n; k++) {
        if (d->target[k].state == TARGET_WRITTEN) {
            commit_intents(d);
            return;
        }
    }
    delivery_publish(d);
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
    if (local_stopping(d->l))
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
    file_job_post(d->thread, &d->file);
}

// ---- the beginning ----

// Another message of this identifier is on its way into this directory.
static bool same_under_way(const struct delivery *d) {
    const struct delivery *o;
    LIST_FOREACH(o, &d->l->deliveries, link) {
        if (o != d && o->item != NULL && o->target != NULL && strcmp(o->item->mts_id, d->item->mts_id) == 0 &&
            strcmp(delivery_directory(o), delivery_directory(d)) == 0)
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
    if (local_stopping(d->l) || same_under_way(d)) {
        give_back(d, local_stopping(d->l) ? 0 : SAME_MS);
        return;
    }
    if (err == ERR_OK)
        err = delivery_open(d, sm);
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

int delivery_begin(struct delivery *d) {
    return spool_fetch(d->l->m->spool, d->message, on_fetched, d);
}
