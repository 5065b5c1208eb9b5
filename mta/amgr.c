// SPDX-License-Identifier: BSD-2-Clause
// Peers: how many associations each should have, when the next is tried; and the life of the manager.
#include "mta/amgr.h"

#include <stdio.h>

#include "base/mem.h"
#include "conf/print.h"
#include "mta/amgr_back.h"
#include "mta/amgr_call.h"
#include "mta/amgr_room.h"
#include "mta/amgr_stacks.h"
#include "mta/codes.h"
#include "mta/resume_out.h"
#include "mta/settle.h"
#include "mta/transfer.h"

// After an association broke that transferred nothing; and while a peer takes no more associations than it has.
enum { BROKEN_MS = 1000, ENOUGH_MS = 60 * 1000 };

// ---- when to try again ----

static void give_up(struct peer *p) {
    for (struct job *j; (j = hop_take(p->hop, false)) != NULL;)
        settle_job(p->m, j, NULL,
                   &(struct fate){.state = SPOOL_RCPT_FAILED,
                                  .reason = CODE_TRANSFER_FAILURE,
                                  .diagnostic = CODE_UNABLE_TO_COMPLETE_TRANSFER,
                                  .text = p->last_failure},
                   NULL, NULL, NULL);
}

static void on_retry(void *arg) {
    struct peer *p = arg;
    p->retrying = false;
    peer_pump(p);
}

static void retry_start(struct peer *p) {
    if (p->conf == NULL || p->m->stopping)
        return;
    const struct conf_retry *r = &p->conf->open_retry;
    if (++p->failed_opens > r->times) {
        p->failed_opens = 0;
        p->owed = false;
        give_up(p);
    }
    p->retrying = true;
    p->retry_utc = clock_utc_ms() + (int64_t)r->every_ms;
    loop_timer_in(p->retry, r->every_ms);
    char seconds[24], attempt[12], attempts[12];
    snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)r->every_ms / 1000);
    snprintf(attempt, sizeof attempt, "%u", p->failed_opens);
    snprintf(attempts, sizeof attempts, "%u", r->times);
    EVENT_RAISE(p->m->events, mta_event(EV_OPEN_RETRY), {"peer", p->name}, {"seconds", seconds}, {"attempt", attempt},
                {"attempts", attempts});
}

// Its outgoing associations, and calls for what waits here. Bind-backs that are not up yet stand in nobody's way.
static unsigned outgoing(const struct peer *p) {
    unsigned n = 0;
    const struct link *l;
    LIST_FOREACH(l, &p->links, of_peer)
        n += l->outgoing && (l->open || l->back == NULL);
    return n;
}

// An association could not be opened, or broke before it was of any use: calling again at once would only hammer the
// peer. While there are others, they do the work.
void peer_no_more_now(struct peer *p, bool was_open) {
    if (outgoing(p) > 0)
        p->enough_until = loop_now_ms(p->m->loop) + ENOUGH_MS;
    else if (!was_open)
        retry_start(p);
    else {
        p->retrying = true;
        p->retry_utc = clock_utc_ms() + BROKEN_MS;
        loop_timer_in(p->retry, BROKEN_MS);
    }
}

// ---- how many ----

// Its stacks may be on standby: then what is for it waits, and no call fails.
bool peer_can_call(const struct peer *p) {
    return p->conf != NULL && p->conf->n_connect > 0 && p->m->amgr->started && !p->disabled && !p->m->stopping &&
           peer_has_stack(p, NULL);
}

// One for every so many messages.
unsigned peer_wanted(const struct peer *p) {
    const struct conf_peer *c = p->conf;
    size_t messages = hop_ready(p->hop) + p->hop->n_running,
           per = c->messages_per_association ? c->messages_per_association : 1;
    unsigned reserved = c->associations_urgent < c->associations_max ? c->associations_urgent : 0;
    if (hop_ready(p->hop) == 0)
        return 0;
    size_t n = 1 + (messages - 1) / per, max = c->associations_max - reserved;
    return (unsigned)(n < max ? n : max);
}

// How many to open now, beside those there are: and when all are busy one more for urgent messages, for which some are
// kept.
static unsigned missing(const struct peer *p) {
    unsigned serving = 0, want = peer_wanted(p), max = p->conf->associations_max;
    bool soon = p->n_opening > 0;
    const struct link *l;
    LIST_FOREACH(l, &p->links, of_peer) {
        serving += link_serves(l);
        soon |= link_serves_soon(l);
    }
    unsigned n = want > serving ? want - serving : p->hop->n_ready[P1_URGENT] > 0 && !soon;
    unsigned out = outgoing(p), free = max > out ? max - out : 0;
    return n < free ? n : free;
}

void peer_pump(struct peer *p) {
    if (p->conf == NULL || p->disabled || p->m->stopping || !p->m->amgr->started)
        return;
    struct link *l;
    LIST_FOREACH(l, &p->links, of_peer) {
        if (!link_may_send(l))
            continue;
        struct job *j = hop_take(p->hop, false);
        if (j == NULL)
            break;
        loop_timer_at(l->timer, 0);
        transfer_out_start(l, j);
    }
    peer_turns(p);
    bool enough = p->n_out > 0 && loop_now_ms(p->m->loop) < p->enough_until;
    if (p->retrying || enough || !peer_can_call(p))
        return;
    for (unsigned n = p->owed && p->n_out == 0 ? 1 : missing(p), had = p->n_out; n > 0; n--, had++) {
        peer_open(p);
        if (p->n_out == had)
            break;
    }
}

// ---- peers ----

struct peer *amgr_peers(struct amgr *a) {
    return LIST_FIRST(&a->peers);
}

struct peer *amgr_peer(struct amgr *a, const char *name) {
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link) {
        if (strcmp(p->name, name) == 0)
            break;
    }
    return p;
}

static void on_wake(void *owner, struct hop *h) {
    (void)h;
    peer_pump(owner);
}

static struct peer *peer_new(struct amgr *a, const struct conf_peer *c) {
    struct peer *p = mem_calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->m = a->m;
    p->name = mem_strdup(c->name);
    p->retry = loop_timer_new(a->m->loop, on_retry, p);
    p->hop = queue_hop(a->m->queue, c->name);
    if (p->name == NULL || p->retry == NULL || p->hop == NULL) {
        loop_timer_free(p->retry);
        mem_free(p->name);
        mem_free(p);
        return NULL;
    }
    LIST_INIT(&p->links);
    p->hop->wake = on_wake;
    p->hop->owner = p;
    LIST_INSERT_HEAD(&a->peers, p, link);
    return p;
}

static void take_peers(struct amgr *a) {
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link)
        p->conf = NULL;
    for (size_t k = a->m->conf->n_peers; k-- > 0;) {
        const struct conf_peer *c = &a->m->conf->peers[k];
        p = amgr_peer(a, c->name);
        if (p == NULL)
            p = peer_new(a, c);
        if (p != NULL)
            p->conf = c;
    }
}

static void peer_abort(struct peer *p) {
    struct link *l;
    LIST_FOREACH(l, &p->links, of_peer)
        link_abort(l);
}

void peer_disconnect(struct peer *p) {
    for (struct link *l = LIST_FIRST(&p->links), *next; l != NULL; l = next) {
        next = LIST_NEXT(l, of_peer);
        link_close(l);
    }
}

void peer_enable(struct peer *p, bool enable) {
    p->disabled = !enable;
    if (enable)
        peer_connect(p);
    else {
        room_end(p);
        back_end(p);
        peer_disconnect(p);
    }
}

void peer_hasten(struct peer *p) {
    p->retrying = false;
    p->enough_until = 0;
    peer_forget_path(p); // what is better than the pair that worked may be there again
    loop_timer_at(p->retry, 0);
    hop_hasten(p->m->queue, p->hop);
    peer_pump(p);
}

void peer_connect(struct peer *p) {
    peer_hasten(p);
    if (p->n_out == 0 && peer_can_call(p))
        peer_open(p);
}

// ---- life ----

static void on_patience(void *arg) {
    struct amgr *a = arg;
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link)
        peer_abort(p);
}

struct amgr *amgr_new(struct mta *m) {
    struct amgr *a = mem_calloc(1, sizeof *a);
    if (a == NULL || (a->patience = loop_timer_new(m->loop, on_patience, a)) == NULL) {
        mem_free(a);
        return NULL;
    }
    a->m = m;
    LIST_INIT(&a->peers);
    TAILQ_INIT(&a->held_binds);
    return a;
}

void amgr_start(struct amgr *a) {
    a->started = true;
    take_peers(a);
    amgr_take_names(a);
    amgr_stacks_hold(a->m->stacks, false, NULL);
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link)
        peer_pump(p);
}

static void reload_peers(struct amgr *a) {
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link) {
        room_end(p); // who waits was known by the configuration before
        back_end(p);
        const struct conf_peer *now = conf_peer_find(a->m->conf, p->name);
        if (now == NULL || p->conf == NULL || !conf_peer_equal(now, p->conf)) {
            peer_disconnect(p); // its associations were made with what is no longer so
            peer_forget_path(p);
            p->retrying = false;
            loop_timer_at(p->retry, 0);
        }
    }
    take_peers(a);
    amgr_take_names(a);
}

void amgr_reload(struct amgr *a) {
    if (a->started)
        reload_peers(a); // first: a stack that is active at once calls peers
    amgr_stacks_reload(a->m->stacks);
    if (!a->started)
        return;
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link)
        peer_pump(p);
    resume_out_pump(a->m->resume_out);
}

static void check_stopped(struct amgr *a) {
    if (a->stopped == NULL)
        return;
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link) {
        if (!LIST_EMPTY(&p->links))
            return;
    }
    void (*stopped)(void *arg) = a->stopped;
    a->stopped = NULL;
    stopped(a->stopped_arg);
}

void amgr_check_ended(struct amgr *a) {
    amgr_stacks_check_ended(a->m->stacks);
    check_stopped(a);
}

void amgr_stop(struct amgr *a, uint64_t patience_ms, void (*done)(void *arg), void *arg) {
    amgr_stacks_hold(a->m->stacks, true, "the spool is being closed");
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link) {
        loop_timer_at(p->retry, 0);
        room_end(p);
        back_end(p);
        peer_disconnect(p);
    }
    a->stopped = done;
    a->stopped_arg = arg;
    loop_timer_in(a->patience, patience_ms);
    check_stopped(a);
}

void amgr_end(struct amgr *a) {
    if (a == NULL)
        return;
    a->started = false;
    a->stopped = NULL;
    loop_timer_at(a->patience, 0);
    amgr_stacks_hold(a->m->stacks, true, "the spool is closed"); // with the binds whose answer waits
    for (struct peer *p; (p = LIST_FIRST(&a->peers)) != NULL;) {
        room_end(p);
        LIST_REMOVE(p, link);
        p->hop->wake = NULL; // commits that end later add to the queue
        while (!LIST_EMPTY(&p->links))
            link_drop(LIST_FIRST(&p->links));
        back_free(p);
        loop_timer_free(p->retry);
        mem_free(p->name);
        mem_free(p);
    }
    assoc_accept_free(a->m->accept);
    a->m->accept = NULL;
    amgr_stacks_check_ended(a->m->stacks);
}

void amgr_free(struct amgr *a) {
    if (a == NULL)
        return;
    amgr_end(a);
    loop_timer_free(a->patience);
    mem_free(a);
}
