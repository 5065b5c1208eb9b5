// SPDX-License-Identifier: BSD-2-Clause
#include "mta/life_spool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "mta/resume_in.h"
#include "mta/resume_out.h"

enum { LOAD_PAGE = 1000 };

// ---- the thread ----

struct opener {
    struct spool_options o; // with our `event`; dir is a copy
    void (*event)(void *arg, const struct spool_event *e);
    void *event_arg;
    struct workq raised;
    pthread_t thread;
    atomic_bool done;
    int err;
    struct spool *spool;
    char why[SPOOL_WHY];
    struct spool_owner holder;
};

struct raised {
    struct work work;
    struct opener *p;
    struct spool_event e;
    char text[300];
};

static void raised_run(struct work *w) {
    struct raised *r = (struct raised *)w;
    r->p->event(r->p->event_arg, &r->e);
    mem_free(r);
}

// The thread's, and after it the loop's until the spool is started.
static void on_event(void *arg, const struct spool_event *e) {
    struct opener *p = arg;
    struct raised *r = mem_calloc(1, sizeof *r); // an event that finds no memory is lost
    if (r == NULL)
        return;
    *r = (struct raised){.work = {.run = raised_run}, .p = p, .e = *e};
    snprintf(r->text, sizeof r->text, "%s", e->text == NULL ? "" : e->text);
    r->e.text = r->text;
    workq_post(&p->raised, &r->work);
}

static void *opener_main(void *arg) {
    struct opener *p = arg;
    p->err = spool_open(&p->o, &p->spool, p->why);
    atomic_store(&p->done, true);
    p->raised.notify(p->raised.notify_arg);
    return NULL;
}

struct opener *opener_new(const struct spool_options *o, void (*notify)(void *arg), void *arg) {
    struct opener *p = mem_calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->o = *o;
    p->o.dir = mem_strdup(o->dir);
    p->event = o->event;
    p->event_arg = o->event_arg;
    p->o.event = on_event;
    p->o.event_arg = p;
    p->o.owner = &p->holder;
    atomic_init(&p->done, false);
    if (p->o.dir != NULL && workq_init(&p->raised, notify, arg) == ERR_OK) {
        if (pthread_create(&p->thread, NULL, opener_main, p) == 0)
            return p;
        workq_destroy(&p->raised);
    }
    mem_free((char *)p->o.dir);
    mem_free(p);
    return NULL;
}

static void raise_all(struct opener *p) {
    for (struct work *w = workq_take(&p->raised), *next; w != NULL; w = next) {
        next = w->next;
        w->run(w);
    }
}

bool opener_turn(struct opener *p) {
    bool done = atomic_load(&p->done); // before: what was raised by then is told
    raise_all(p);
    return done;
}

int opener_free(struct opener *p, struct spool **spool, char why[SPOOL_WHY], struct spool_owner *holder) {
    pthread_join(p->thread, NULL);
    raise_all(p);
    workq_destroy(&p->raised);
    int err = p->err;
    memcpy(why, p->why, sizeof p->why);
    *holder = p->holder;
    if (err == ERR_OK) {
        *spool = p->spool;
        spool_tell_to(p->spool, p->event, p->event_arg);
    }
    mem_free((char *)p->o.dir);
    mem_free(p);
    return err;
}

// ---- events ----

void life_spool_event(struct mta *m, const struct spool_event *e) {
    char n[5][24], message[24];
    const uint64_t counts[] = {e->counts.messages, e->counts.recipients, e->counts.intents, e->counts.damaged,
                               e->counts.orphans};
    for (int k = 0; k < 5; k++)
        snprintf(n[k], sizeof n[k], "%llu", (unsigned long long)counts[k]);
    snprintf(message, sizeof message, "%lld", (long long)e->message);
    switch (e->kind) {
    case SPOOL_EVENT_LOCKED: break;
    case SPOOL_EVENT_RECOVERY_BEGUN: EVENT_RAISE(m->events, mta_event(EV_RECOVERY_BEGUN), {"dir", e->text}); break;
    case SPOOL_EVENT_RECOVERY_CHECKING:
        EVENT_RAISE(m->events, mta_event(EV_RECOVERY_CHECKING), {"what", e->text});
        break;
    case SPOOL_EVENT_RECOVERY_DONE:
        EVENT_RAISE(m->events, mta_event(EV_RECOVERY_FINISHED), {"messages", n[0]}, {"recipients", n[1]},
                    {"intents", n[2]}, {"damaged", n[3]}, {"orphans", n[4]});
        break;
    case SPOOL_EVENT_DAMAGED:
        EVENT_RAISE(m->events, mta_event(EV_SPOOL_DAMAGED), {"what", e->text}, {"message", message});
        break;
    case SPOOL_EVENT_FULL:
        EVENT_RAISE(m->events, mta_event(EV_SPACE_LOW), {"dir", m->conf->mta.spool}, {"what", "the disk is full"});
        break;
    case SPOOL_EVENT_RESERVE: EVENT_RAISE(m->events, mta_event(EV_SPACE_BACK), {"dir", m->conf->mta.spool}); break;
    case SPOOL_EVENT_ERROR: EVENT_RAISE(m->events, mta_event(EV_SPOOL_ERROR), {"what", e->text}); break;
    }
}

// ---- loading ----

static void load_transfer(void *arg, const struct spool_transfer *t) {
    struct mta *m = arg;
    if (t->kind == SPOOL_TRANSFER_OUT)
        resume_out_load(m->resume_out, t);
    else
        resume_in_load(m->resume_in, t);
}

int life_spool_load(struct mta *m, spool_message_cb load_one) {
    int64_t last = 0, before = -1;
    while (last != before) {
        before = last;
        int r = spool_load(m->spool, before, LOAD_PAGE, load_one, m, &last);
        if (r != ERR_OK)
            return r;
    }
    return spool_load_transfers(m->spool, load_transfer, m);
}
