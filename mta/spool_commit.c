// SPDX-License-Identifier: BSD-2-Clause
// The commit thread: whatever batches have gathered while the last transaction was being synced make the next one, so
// that the number of syncs falls as the load rises. A batch that cannot be done (a duplicate, a message that is gone)
// is undone alone, by a savepoint; a failure of the store undoes all of the transaction and is each batch's result.
// When the disk is full (spool_space.c), the batches that add nothing are tried once more, the others refused.
#include <stdio.h>

#include "base/mem.h"
#include "mta/spool_internal.h"

// --- a transaction ---

static void set_result(struct spool_batch *b, int err, const char *text) {
    b->result.err = err;
    b->result.text = NULL;
    if (err < 0) {
        snprintf(b->text, sizeof b->text, "%s", text == NULL ? err_text(err) : text);
        b->result.text = b->text;
    }
}

// 0 also when the batch alone was undone: its result says so.
static int apply_batch(struct store *st, struct spool_batch *b) {
    b->result = (struct spool_result){0};
    int err = store_do(st, SQL_SAVE);
    if (err < 0)
        return err;
    for (const struct spool_op *op = b->ops; op != NULL && err == ERR_OK; op = op->next)
        err = op->apply(st, op, &b->result);
    if (err == ERR_OK)
        return store_do(st, SQL_SAVE_RELEASE);
    if (err != ERR_EXISTS && err != ERR_ABSENT && err != ERR_STATE)
        return err;
    b->result.purged = 0;
    set_result(b, err, NULL);
    if ((err = store_do(st, SQL_SAVE_ROLLBACK)) < 0)
        return err;
    return store_do(st, SQL_SAVE_RELEASE);
}

// Tries the batches from `first` up to `end`; with `shrinking` only those that add nothing. On failure none is done,
// and `text` says why.
static int transaction(struct spool *s, struct work *first, struct work *end, bool shrinking, char text[160]) {
    struct store *st = &s->writer;
    int err = store_do(st, SQL_BEGIN);
    for (struct work *w = first; w != end && err == ERR_OK; w = w->next) {
        struct spool_batch *b = (struct spool_batch *)w;
        if (!shrinking || !b->grows)
            err = apply_batch(st, b);
    }
    if (err == ERR_OK)
        err = store_do(st, SQL_COMMIT);
    if (err < 0) {
        snprintf(text, 160, "%s", sqlite3_errmsg(st->db));
        if (!sqlite3_get_autocommit(st->db))
            store_do(st, SQL_ROLLBACK);
    }
    return err;
}

static void fail(struct work *first, struct work *end, bool growing_only, int err, const char *text) {
    for (struct work *w = first; w != end; w = w->next) {
        struct spool_batch *b = (struct spool_batch *)w;
        if (b->grows || !growing_only)
            set_result(b, err, text);
    }
}

static void commit_group(struct spool *s, struct work *first, struct work *end) {
    char text[160] = "the disk is full";
    spool_reserve_make(s);
    bool shrinking = s->o.reserve != 0 && !s->reserved;
    int err = shrinking ? ERR_OK : transaction(s, first, end, false, text);
    if (err == ERR_BUSY) {
        spool_reserve_release(s);
        shrinking = true;
    }
    if (shrinking) {
        fail(first, end, true, ERR_BUSY, text);
        err = transaction(s, first, end, true, text);
    }
    if (err < 0) {
        fail(first, end, false, err, text);
        spool_tell(s, &(struct spool_event){.kind = SPOOL_EVENT_ERROR, .text = text});
    }
    bool purged = false;
    for (struct work *w = first; w != end; w = w->next)
        purged |= ((struct spool_batch *)w)->result.purged > 0;
    spool_give_back(s, shrinking, purged);
}

// --- the thread ---

static void batch_done(struct work *w) {
    struct spool_batch *b = (struct spool_batch *)w;
    b->spool->pending--;
    if (b->done != NULL)
        b->done(b->arg, &b->result);
    spool_batch_free(b);
}

// A transaction is bounded in number and size, because the journal must hold it.
static struct work *group_end(struct work *first) {
    size_t n = 0, octets = 0;
    for (; first != NULL && n < SPOOL_GROUP_MAX && octets < SPOOL_GROUP_OCTETS; n++) {
        octets += ((struct spool_batch *)first)->arena.used;
        first = first->next;
    }
    return first;
}

void *spool_commit_main(void *spool) {
    struct spool *s = spool;
    for (struct work *list; (list = workq_wait(&s->commits)) != NULL;) {
        while (list != NULL) {
            struct work *end = group_end(list);
            commit_group(s, list, end);
            while (list != end) {
                struct work *next = list->next;
                list->run = batch_done;
                workq_post(&s->done, list);
                list = next;
            }
        }
    }
    return NULL;
}

// --- events ---

struct told {
    struct work work;
    struct spool *spool;
    struct spool_event event;
    char text[160];
};

static void told_run(struct work *w) {
    struct told *t = (struct told *)w;
    t->spool->o.event(t->spool->o.event_arg, &t->event);
    mem_free(t);
}

void spool_tell(struct spool *s, const struct spool_event *e) {
    if (s->o.event == NULL)
        return;
    if (!s->started) {
        s->o.event(s->o.event_arg, e);
        return;
    }
    struct told *t = mem_calloc(1, sizeof *t); // an event that finds no memory is lost
    if (t == NULL)
        return;
    t->work.run = told_run;
    t->spool = s;
    t->event = *e;
    snprintf(t->text, sizeof t->text, "%s", e->text == NULL ? "" : e->text);
    t->event.text = t->text;
    workq_post(&s->done, &t->work);
}
