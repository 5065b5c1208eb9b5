// SPDX-License-Identifier: BSD-2-Clause
#include "mta/life.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "mta/admit.h"
#include "mta/amgr.h"
#include "mta/amgr_stacks.h"
#include "mta/control.h"
#include "mta/housekeeping.h"
#include "mta/life_spool.h"
#include "mta/local.h"
#include "mta/resume_in.h"
#include "mta/resume_out.h"
#include "mta/settle.h"

enum {
    RELEASE_MS = 10000, // for associations to end in order, and then
    STOP_MS = 13000,    // the spool is closed all the same
    CUT_MS = 2000,      // the same, when the address has gone
    QUIET_MS = 20,
    SOON_MS = 200, // between two attempts to get the spool, for SOON_TIMES, and then
    LATER_MS = 1000,
    SOON_TIMES = 50
};

struct life {
    struct mta *m;
    const struct life_user *user;
    void *ctx;
    struct life_status status;
    struct loop_notifier *spool_note, *file_note, *opener_note;
    struct loop_timer *look;  // what is to be done now?
    struct loop_timer *quiet; // while closing: looks whether all is on the disk
    struct loop_timer *patience;
    struct opener *opener; // the thread that opens the spool; NULL: none
    struct housekeeping *housekeeping;
    unsigned attempts;    // since it waits for it
    char told[SPOOL_WHY]; // the last event about what is waited for
    bool waited;          // the operator was told so: he is told of the end, too
    bool served;          // once
    bool ending, cut;
};

const char *life_state_word(enum life_state s) {
    static const char *const words[] = {"waiting", "opening", "serving", "closing", "ended"};
    return words[s];
}

bool life_gives_up(const struct life *l, const char *stack) {
    const struct conf_stack *c = l->m->conf->mta.spool_follows;
    return c != NULL && strcmp(c->name, stack) == 0 && (life_has_spool(l) || l->opener != NULL);
}

const struct life_status *life_status(const struct life *l) {
    return &l->status;
}

bool life_has_spool(const struct life *l) {
    return l->status.state == LIFE_SERVING || l->status.state == LIFE_CLOSING;
}

// The first attempt counts from its beginning; later ones, while another daemon has the lock, when they have it.
bool life_opens(const struct life *l) {
    return l->opener != NULL && !l->ending && (l->status.state == LIFE_OPENING || l->told[0] == 0);
}

static void enter(struct life *l, enum life_state s, const char *why) {
    if (l->status.state != s || l->status.since == 0)
        l->status.since = clock_utc_ms();
    l->status.state = s;
    if (strcmp(why, l->status.why) != 0)
        snprintf(l->status.why, sizeof l->status.why, "%s", why);
    if (s != LIFE_WAITING)
        l->status.holder = (struct spool_owner){"", 0, ""};
    if (!life_has_spool(l))
        amgr_stacks_hold(l->m->stacks, true, l->status.why); // `show stacks` says so, too
    l->user->changed(l->ctx, &l->status);
}

// Whether the spool may be open here: with the stack that it follows. why: in words why not; *gone: its address is not
// here, so that nothing can be ended in order.
static bool place_is_here(const struct life *l, char why[SPOOL_WHY], bool *gone) {
    const struct conf_stack *c = l->m->conf->mta.spool_follows;
    const struct assoc_stack *s = c == NULL ? NULL : assoc_stack_find(l->m->env.stacks, c->name);
    const struct assoc_stack_status *st = s == NULL ? NULL : assoc_stack_status(s);
    *gone = st != NULL && !st->here;
    if (c == NULL || (st != NULL && st->here && !st->by_operator))
        return true;
    snprintf(why, SPOOL_WHY, "the spool follows stack %s, which is %s: %s", c->name,
             st == NULL ? "failed" : assoc_stack_state_text(st->state), st == NULL ? "memory is short" : st->why);
    return false;
}

static void end(struct life *l) {
    enter(l, LIFE_ENDED, "the daemon stops");
    l->user->ended(l->ctx);
}

// Told once, as long as it stays the same.
static void wait_for(struct life *l, enum mta_event e, const char *why) {
    enter(l, LIFE_WAITING, why);
    if (strcmp(l->told, why) == 0)
        return;
    snprintf(l->told, sizeof l->told, "%s", why);
    l->waited = true;
    EVENT_RAISE(l->m->events, mta_event(e), {"dir", l->m->conf->mta.spool}, {"what", why});
}

// ---- opening ----

static void on_spool_note(void *arg) {
    struct life *l = arg;
    if (l->m->spool != NULL)
        spool_completions(l->m->spool);
}

static void on_file_note(void *arg) {
    struct mta *m = ((struct life *)arg)->m;
    if (m->files != NULL)
        file_thread_completions(m->files);
    if (m->submissions != NULL)
        file_thread_completions(m->submissions);
}

static void wake_spool(void *arg) {
    loop_notify(((struct life *)arg)->spool_note);
}

static void wake_files(void *arg) {
    loop_notify(((struct life *)arg)->file_note);
}

static void wake_opener(void *arg) {
    loop_notify(((struct life *)arg)->opener_note);
}

static void on_spool_event(void *arg, const struct spool_event *e) {
    struct life *l = arg;
    if (e->kind == SPOOL_EVENT_LOCKED)
        enter(l, LIFE_OPENING, "the spool is being opened");
    else if (e->kind == SPOOL_EVENT_RECOVERY_BEGUN)
        enter(l, LIFE_OPENING, "the spool is being checked, its last stop was not orderly");
    life_spool_event(l->m, e);
}

static void open_begin(struct life *l) {
    struct spool_options o = {.dir = l->m->conf->mta.spool,
                              .must_exist = l->m->conf->mta.spool_follows != NULL,
                              .reserve = SPOOL_RESERVE,
                              .notify = wake_spool,
                              .notify_arg = l,
                              .event = on_spool_event,
                              .event_arg = l};
    l->attempts++;
    l->opener = opener_new(&o, wake_opener, l);
    if (l->opener == NULL)
        l->user->fatal(l->ctx, "no memory or no thread to open the spool with");
}

static void load_one(void *arg, const struct spool_message *sm) {
    struct mta *m = arg;
    struct item *i = item_new(sm);
    if (i == NULL || queue_add(m->queue, i) != ERR_OK)
        EVENT_RAISE(m->events, mta_event(EV_RESOURCE_LIMIT), {"what", "memory is too short for the queue"});
}

static bool make_parts(struct life *l) {
    struct mta *m = l->m;
    m->files = file_thread_new(spool_dirfd(m->spool), wake_files, l);
    m->submissions = file_thread_new(spool_dirfd(m->spool), wake_files, l);
    m->queue = queue_new(m, settle_expired);
    m->local = local_new(m);
    m->resume_in = resume_in_new(m);
    m->resume_out = resume_out_new(m);
    l->housekeeping = m->files == NULL ? NULL : housekeeping_new(m);
    return m->submissions != NULL && l->housekeeping != NULL && m->queue != NULL && m->local != NULL &&
           m->resume_in != NULL && m->resume_out != NULL;
}

static void tell_serving(struct life *l) {
    struct mta *m = l->m;
    char waiting[24];
    snprintf(waiting, sizeof waiting, "%zu", queue_items(m->queue));
    if (!l->served)
        EVENT_RAISE(m->events, mta_event(EV_STARTED), {"version", X400D_VERSION}, {"name", m->conf->mta.name},
                    {"waiting", waiting});
    if (l->waited || l->served)
        EVENT_RAISE(m->events, mta_event(EV_SPOOL_TAKEN), {"dir", m->conf->mta.spool}, {"waiting", waiting});
    l->served = true;
    l->waited = false;
    l->told[0] = 0;
}

static void serve(struct life *l) {
    struct mta *m = l->m;
    if (!make_parts(l)) {
        l->user->fatal(l->ctx, "memory is short");
        return;
    }
    if (local_recover(m->local) != ERR_OK || life_spool_load(m, load_one) != ERR_OK ||
        spool_start(m->spool) != ERR_OK) {
        l->user->fatal(l->ctx, "the spool cannot be read");
        return;
    }
    tell_serving(l);
    enter(l, LIFE_SERVING, "");
    admit_reroute_lost(m);
    resume_out_start(m->resume_out);
    amgr_start(m->amgr);
    local_start(m->local);
}

static void again_later(struct life *l) {
    loop_timer_in(l->look, l->attempts < SOON_TIMES ? SOON_MS : LATER_MS);
}

static void opened(struct life *l, int err, const char *why, const struct spool_owner *holder) {
    char moved[SPOOL_WHY];
    bool gone, here = place_is_here(l, moved, &gone);
    if (l->ending || !here) {
        spool_close(l->m->spool);
        l->m->spool = NULL;
    }
    if (l->ending)
        end(l);
    else if (!here)
        wait_for(l, EV_SPOOL_AWAITED, moved);
    else if (err == ERR_OK)
        serve(l);
    else if (err == ERR_ABSENT) { // what the spool follows is here before its file system is
        wait_for(l, EV_SPOOL_AWAITED, why);
        again_later(l);
    } else if (err != ERR_BUSY)
        l->user->fatal(l->ctx, why);
    else {
        l->status.holder = *holder;
        wait_for(l, EV_SPOOL_HELD, why);
        again_later(l);
    }
}

// An event of the opening, or its end.
static void on_opener(void *arg) {
    struct life *l = arg;
    struct spool_owner holder;
    char why[SPOOL_WHY];
    if (l->opener == NULL || !opener_turn(l->opener))
        return;
    int err = opener_free(l->opener, &l->m->spool, why, &holder);
    l->opener = NULL;
    opened(l, err, why, &holder);
}

// ---- closing ----

static void close_now(struct life *l) {
    struct mta *m = l->m;
    bool there = m->spool != NULL;
    loop_timer_at(l->patience, 0);
    loop_timer_at(l->quiet, 0);
    m->stopping = true;
    amgr_end(m->amgr);
    resume_in_stop(m->resume_in);
    housekeeping_free(l->housekeeping);
    local_finish(m->local);
    submit_end(m);
    file_thread_free(m->submissions);
    file_thread_free(m->files); // runs what is queued; its callbacks may still commit
    l->housekeeping = NULL;
    m->files = m->submissions = NULL;
    spool_close(m->spool);
    m->spool = NULL;
    local_free(m->local);
    settle_end(m);
    queue_free(m->queue);
    resume_in_free(m->resume_in);
    resume_out_free(m->resume_out);
    m->local = NULL;
    m->queue = NULL;
    m->resume_in = NULL;
    m->resume_out = NULL;
    m->stopping = m->no_space = false;
    if (there && !l->ending)
        EVENT_RAISE(m->events, mta_event(EV_SPOOL_RELEASED), {"dir", m->conf->mta.spool}, {"what", l->status.why});
}

static void closed(struct life *l) {
    close_now(l);
    if (l->ending) {
        end(l);
        amgr_stacks_check_ended(l->m->stacks);
        return;
    }
    l->attempts = 0;
    l->waited = true;
    snprintf(l->told, sizeof l->told, "%s", l->status.why); // by the event of the release
    enter(l, LIFE_WAITING, l->status.why);
    amgr_stacks_check_ended(l->m->stacks); // a command that put the stack on standby is done
    loop_timer_in(l->look, 0);
}

static void on_quiet(void *arg) {
    struct life *l = arg;
    struct mta *m = l->m;
    if (local_running(m->local) == 0 && spool_pending(m->spool) == 0 && resume_in_busy(m->resume_in) == 0 &&
        LIST_EMPTY(&m->submitting))
        closed(l);
    else
        loop_timer_in(l->quiet, QUIET_MS);
}

static void on_patience(void *arg) {
    closed(arg);
}

// The associations have ended. What is on its way to the disk gets there first.
static void on_released(void *arg) {
    loop_timer_in(((struct life *)arg)->quiet, QUIET_MS);
}

static void close_begin(struct life *l, const char *why, bool cut) {
    struct mta *m = l->m;
    l->cut = cut;
    enter(l, LIFE_CLOSING, why);
    m->stopping = true;
    if (!l->ending)
        EVENT_RAISE(m->events, mta_event(EV_SPOOL_CLOSING), {"dir", m->conf->mta.spool}, {"what", why});
    loop_timer_in(l->patience, l->cut ? CUT_MS : STOP_MS);
    local_stop(m->local);
    amgr_stop(m->amgr, l->cut ? 0 : RELEASE_MS, on_released, l);
}

// ---- life ----

static void on_look(void *arg) {
    struct life *l = arg;
    char why[SPOOL_WHY];
    bool gone, here = place_is_here(l, why, &gone);
    if (l->ending || l->opener != NULL)
        return;
    switch (l->status.state) {
    case LIFE_WAITING:
        if (here)
            open_begin(l);
        else {
            l->attempts = 0;
            l->status.holder = (struct spool_owner){"", 0, ""};
            wait_for(l, EV_SPOOL_AWAITED, why);
        }
        break;
    case LIFE_SERVING:
        if (!here)
            close_begin(l, why, gone);
        break;
    case LIFE_CLOSING:
        if (gone && !l->cut) { // in the middle of an orderly end
            l->cut = true;
            loop_timer_in(l->patience, CUT_MS);
        }
        break;
    case LIFE_OPENING:
    case LIFE_ENDED: break;
    }
}

struct life *life_new(struct mta *m, const struct life_user *u, void *ctx) {
    struct life *l = mem_calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->m = m;
    l->user = u;
    l->ctx = ctx;
    l->spool_note = loop_notifier_new(m->loop, on_spool_note, l);
    l->file_note = loop_notifier_new(m->loop, on_file_note, l);
    l->opener_note = loop_notifier_new(m->loop, on_opener, l);
    l->look = loop_timer_new(m->loop, on_look, l);
    l->quiet = loop_timer_new(m->loop, on_quiet, l);
    l->patience = loop_timer_new(m->loop, on_patience, l);
    if (l->spool_note != NULL && l->file_note != NULL && l->opener_note != NULL && l->look != NULL &&
        l->quiet != NULL && l->patience != NULL)
        return l;
    life_free(l);
    return NULL;
}

void life_start(struct life *l) {
    snprintf(l->status.why, sizeof l->status.why, "the daemon has just been started");
    l->status.since = clock_utc_ms();
    on_look(l);
}

void life_look(struct life *l) {
    loop_timer_in(l->look, 0);
}

void life_stop(struct life *l) {
    bool again = l->ending;
    l->ending = true;
    if (l->status.state == LIFE_SERVING)
        close_begin(l, "the daemon stops", false);
    else if (l->status.state == LIFE_CLOSING && again)
        loop_timer_in(l->patience, 0);
    else if (l->status.state == LIFE_WAITING && l->opener == NULL)
        end(l);
}

void life_finish(struct life *l) {
    if (l == NULL)
        return;
    char why[SPOOL_WHY];
    struct spool_owner holder;
    l->ending = true;
    if (l->opener != NULL)
        opener_free(l->opener, &l->m->spool, why, &holder);
    l->opener = NULL;
    close_now(l);
}

void life_free(struct life *l) {
    if (l == NULL)
        return;
    loop_notifier_free(l->spool_note);
    loop_notifier_free(l->file_note);
    loop_notifier_free(l->opener_note);
    loop_timer_free(l->look);
    loop_timer_free(l->quiet);
    loop_timer_free(l->patience);
    mem_free(l);
}
