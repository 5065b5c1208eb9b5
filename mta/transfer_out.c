// SPDX-License-Identifier: BSD-2-Clause
// From the spool to the wire: the message is fetched, made into one run of octets for this next hop (outgoing.h), and
// given to the association as its window has room. Recipients to whom this peer's protocol has no way are settled as
// not delivered, the others are sent.
#include "mta/transfer.h"

#include <stdio.h>

#include "base/mem.h"
#include "mta/admit.h"
#include "mta/codes.h"
#include "mta/resume_out.h"
#include "mta/settle.h"

enum { BROKEN_MS = 1000, DAMAGED_MS = 3600 * 1000 };

struct transfer_out {
    struct link *link; // NULL: the association went away while the message was fetched
    struct mta *m;
    struct job *job;
    struct outgoing *run;
    bool fetched, sending; // assoc_send was called
    bool damaged;          // the content is not what was stored
    bool pumping, over;    // over: to be freed when pump returns
    size_t room;
    uint64_t started, sent_all;  // monotonic ms
    uint8_t digest[DIGEST_SIZE]; // of the APDU
    bool resuming;
    uint64_t resumed_at; // octets of the APDU
};

static void transfer_out_free(struct transfer_out *t) {
    t->over = true;
    if (t->pumping)
        return;
    outgoing_free(t->run);
    mem_free(t);
}

static struct opened *opened_of(const struct transfer_out *t) {
    return t->run == NULL ? NULL : outgoing_opened(t->run);
}

static struct link *detach(struct transfer_out *t) {
    struct link *l = t->link;
    if (l != NULL)
        l->out = NULL;
    return l;
}

static void way_of(const struct transfer_out *t, struct way *w) {
    const struct link *l = t->link;
    uint64_t now = loop_now_ms(t->m->loop);
    *w = (struct way){.peer = l->peer->name,
                      .association = l->id,
                      .local = l->local,
                      .remote = l->remote,
                      .queue_ms = (int64_t)(t->started - t->job->since),
                      .association_ms = (int64_t)(l->opened_ms - l->called_ms),
                      .transfer_ms = (int64_t)((t->sent_all != 0 ? t->sent_all : now) - t->started),
                      .ack_ms = t->sent_all != 0 ? (int64_t)(now - t->sent_all) : -1};
}

// Back into the queue. A peer that was removed meanwhile takes nothing any more: its messages are routed again.
static void put_back(struct mta *m, struct job *j, uint64_t delay_ms) {
    bool gone = conf_peer_find(m->conf, j->hop->name) == NULL;
    job_retry(m->queue, j, delay_ms);
    if (gone)
        admit_reroute_lost(m);
}

enum failure {
    FAILURE_BROKEN,  // of the association: it says nothing about this message
    FAILURE_BUSY,    // the peer has no room now
    FAILURE_REFUSED, // by the peer: counts as an attempt
    FAILURE_DAMAGED  // our copy: an operator may mend it; it expires else
};

static uint64_t delay_after(enum failure what, const struct conf_retry *retry) {
    if (what == FAILURE_DAMAGED)
        return DAMAGED_MS;
    return what == FAILURE_BROKEN || retry == NULL ? BROKEN_MS : retry->every_ms;
}

static void give_back(struct transfer_out *t, enum failure what, const char *why) {
    struct mta *m = t->m;
    struct job *j = t->job;
    const struct peer *p = t->link == NULL ? NULL : t->link->peer;
    const struct conf_retry *retry = p != NULL && p->conf != NULL ? &p->conf->transfer_retry : NULL;
    bool counts = what == FAILURE_REFUSED;
    uint64_t delay = delay_after(what, retry);
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)delay / 1000);
    for (size_t k = 0; k < j->n; k++) {
        struct item_recipient *r = &j->item->rcpt[j->rcpt[k]];
        mem_free(r->error);
        r->error = mem_strdup(why);
        r->attempts += counts;
    }
    j->attempts += counts;
    if (retry != NULL && counts && j->attempts > retry->times) {
        struct way w;
        way_of(t, &w);
        settle_job(m, j, opened_of(t),
                   &(struct fate){.state = SPOOL_RCPT_FAILED,
                                  .reason = CODE_TRANSFER_FAILURE,
                                  .diagnostic = CODE_TRANSFER_ATTEMPTS_LIMIT_REACHED,
                                  .text = why},
                   &w, NULL, NULL);
        return;
    }
    EVENT_RAISE(m->events, mta_event(EV_TRANSFER_FAILED), {"peer", p == NULL ? NULL : p->name},
                {"mts_id", j->item->mts_id}, {"seconds", seconds}, {"what", why});
    put_back(m, j, delay);
}

static void pump(struct transfer_out *t) {
    if (t->pumping || !t->sending)
        return; // from within: the loop below goes on
    t->pumping = true;
    struct bytes piece;
    while (!t->over && t->room > 0 && outgoing_next(t->run, t->room, &piece)) {
        struct assoc *a = t->link->assoc;
        if (outgoing_left(t->run) == 0)
            t->sent_all = loop_now_ms(t->m->loop);
        t->room = 0; // transfer_out_ready tells the next, and may come from within
        assoc_send_data(a, piece);
        if (!t->over && t->room == 0)
            t->room = assoc_send_room(a);
    }
    t->pumping = false;
    if (t->over)
        transfer_out_free(t);
}

static void tell_damaged(const struct transfer_out *t, const char *what) {
    EVENT_RAISE(t->m->events, mta_event(EV_SPOOL_DAMAGED), {"what", what}, {"message", t->job->item->mts_id});
}

static void on_more(void *user, int err) {
    struct transfer_out *t = user;
    if (err == ERR_OK) {
        pump(t);
        return;
    }
    tell_damaged(t, err_text(err));
    t->damaged = err == ERR_CORRUPT || err == ERR_ABSENT;
    assoc_send_discard(t->link->assoc);
}

// The job is done with, or goes back, without having been sent.
static void end_unsent(struct transfer_out *t) {
    struct link *l = detach(t);
    transfer_out_free(t);
    if (l != NULL)
        link_idle(l);
}

static void refused_fate(const struct transfer_out *t, uint32_t rcpt, const char *why, struct fate *f) {
    *f = (struct fate){.rcpt = rcpt,
                       .state = SPOOL_RCPT_FAILED,
                       .reason = DOWNGRADE_REASON,
                       .diagnostic = DOWNGRADE_DIAGNOSTIC,
                       .text = arena_printf(&outgoing_opened(t->run)->arena, "%s takes P1 of 1984 only: %s",
                                            t->link->peer->name, why)};
    if (f->text == NULL)
        f->text = why;
}

// Those who cannot be reached over this association are told so, and leave the job. ERR_NOMEM: all stays as it was.
static int settle_refused(struct transfer_out *t) {
    struct job *j = t->job;
    size_t n = 0, left = 0;
    const char *why;
    for (size_t k = 0; k < j->n; k++)
        n += outgoing_refused(t->run, j->rcpt[k]) != NULL;
    if (n == 0)
        return ERR_OK;
    struct fate *fates = mem_calloc(n, sizeof *fates);
    if (fates == NULL)
        return ERR_NOMEM;
    bool all = n == j->n;
    n = 0;
    for (size_t k = 0; k < j->n; k++)
        if ((why = outgoing_refused(t->run, j->rcpt[k])) != NULL)
            refused_fate(t, j->rcpt[k], why, &fates[n++]);
        else
            j->rcpt[left++] = j->rcpt[k];
    struct way w;
    way_of(t, &w);
    if (!all)
        j->n = left;
    settle(t->m, j->item, all ? j : NULL, opened_of(t), fates, n, &w, NULL, NULL);
    mem_free(fates);
    return ERR_OK;
}

// From where an interrupted transfer goes on; NULL: it begins at the start.
static const struct rtse_recovery *prepare_resumption(struct transfer_out *t, uint64_t total) {
    struct resumption *x = t->job->resume;
    if (outgoing_digest(t->run, t->digest) != ERR_OK || x == NULL)
        return NULL;
    const char *why = NULL;
    if (x->total != total || memcmp(x->digest, t->digest, sizeof t->digest) != 0)
        why = "the message, its recipients or the protocol are not what they were";
    else if (x->state.mode != assoc_negotiated(t->link->assoc)->rtse.mode)
        why = "the association is made in another mode";
    else if (outgoing_seek(t->run, x->state.octets_confirmed) != ERR_OK)
        why = "less is to be sent than was";
    if (why != NULL) {
        resume_out_drop(t->job, why);
        return NULL;
    }
    char octets[24];
    snprintf(octets, sizeof octets, "%llu", (unsigned long long)x->state.octets_confirmed);
    EVENT_RAISE(t->m->events, mta_event(EV_RESUMED), {"peer", t->link->peer->name},
                {"transfer", arena_printf(&opened_of(t)->arena, "the transfer of %s", t->job->item->mts_id)},
                {"octets", octets}, {"association", t->link->id});
    x->tries = 0;
    x->fruitless++;
    x->under_way = true;
    t->resumed_at = x->state.octets_confirmed;
    t->resuming = true;
    return &x->state;
}

static int begin(struct transfer_out *t) {
    struct link *l = t->link;
    uint64_t total = outgoing_total(t->run);
    uint64_t k = total / 1024 + 1, per_k = assoc_peer(l->assoc)->timeout_per_k_ms[t->job->item->priority];
    uint64_t timeout = per_k > UINT32_MAX / k ? UINT32_MAX : per_k * k;
    const struct rtse_recovery *old = prepare_resumption(t, total);
    if (old == NULL && l->recovered)
        return ERR_STATE;           // begun anew, but not on this one
    t->sending = t->pumping = true; // nothing is sent from within
    int err = old == NULL ? assoc_send(l->assoc, total, (uint32_t)timeout)
                          : assoc_send_resume(l->assoc, old, total, (uint32_t)timeout);
    t->pumping = false;
    return err;
}

static void on_ready(void *user, int err, const char *why) {
    struct transfer_out *t = user;
    bool nobody = err == OUTGOING_NOBODY;
    if (err == ERR_OK || nobody) {
        err = settle_refused(t);
        why = err_text(err);
        if (err == ERR_OK && nobody) {
            end_unsent(t);
            return;
        }
    }
    if (err == ERR_OK && outgoing_content_dropped(t->run) != NULL)
        EVENT_RAISE(t->m->events, mta_event(EV_RETURN_DROPPED), {"mts_id", t->job->item->mts_id},
                    {"peer", t->link->peer->name}, {"what", outgoing_content_dropped(t->run)});
    if (err == ERR_OK) {
        err = begin(t);
        why = err_text(err);
        if (t->over) { // it ended within
            transfer_out_free(t);
            return;
        }
    }
    if (err == ERR_OK) {
        if (t->room == 0)
            t->room = assoc_send_room(t->link->assoc);
        pump(t);
        return;
    }
    if (err == ERR_STATE && t->link->recovered) { // an event has told why
        put_back(t->m, t->job, 0);
        end_unsent(t);
        return;
    }
    bool damaged = err == ERR_CORRUPT || err == ERR_ABSENT;
    if (damaged)
        tell_damaged(t, why);
    resume_out_drop(t->job, why);
    give_back(t, damaged ? FAILURE_DAMAGED : FAILURE_BROKEN, why);
    end_unsent(t);
}

void transfer_form(const struct link *l, struct outgoing_form *form) {
    const struct conf_peer *peer = assoc_peer(l->assoc);
    *form = (struct outgoing_form){.p1_1984 = assoc_protocol(l->assoc) == CONF_X410_1984,
                                   .downgrade = {.strict = peer->downgrade_strict, .relay = peer->downgrade_relay}};
}

static void on_fetched(void *arg, int err, const struct spool_message *sm) {
    static const struct outgoing_user user = {on_ready, on_more};
    struct transfer_out *t = arg;
    if (t->link == NULL) {
        put_back(t->m, t->job, 0);
        transfer_out_free(t);
        return;
    }
    struct outgoing_form form;
    transfer_form(t->link, &form);
    t->fetched = true;
    if (err == ERR_OK && (t->run = outgoing_new(t->m->files, &form, &user, t)) == NULL)
        err = ERR_NOMEM;
    if (err == ERR_OK)
        outgoing_make(t->run, sm, t->job);
    else
        on_ready(t, err, err_text(err));
}

void transfer_out_start(struct link *l, struct job *j) {
    struct transfer_out *t = mem_calloc(1, sizeof *t);
    if (t == NULL) {
        job_retry(l->m->queue, j, 1000);
        return;
    }
    *t = (struct transfer_out){.link = l, .m = l->m, .job = j, .started = loop_now_ms(l->m->loop)};
    l->out = t;
    if (spool_fetch(l->m->spool, j->item->id, on_fetched, t) == ERR_OK)
        return;
    l->out = NULL;
    transfer_out_free(t);
    job_retry(l->m->queue, j, 1000);
}

void transfer_out_confirmed(struct link *l, uint32_t serial) {
    struct transfer_out *t = l->out;
    if (t != NULL && t->sending)
        resume_out_confirmed(l, t->job, outgoing_total(t->run), t->digest, t->started, serial);
}

void transfer_out_ready(struct link *l, size_t room) {
    if (l->out == NULL)
        return;
    l->out->room = room;
    pump(l->out);
}

// Asked to go on with an interrupted transfer, the peer did not, and nothing more was confirmed.
static bool would_not_resume(const struct transfer_out *t, bool by_peer) {
    struct rtse_recovery now;
    return t->resuming && by_peer &&
           (assoc_recovery(t->link->assoc, &now) != ERR_OK || now.octets_confirmed <= t->resumed_at);
}

// It did not come to its end. A peer that would not go on from the middle gets it from the start, at once.
static void failed(struct transfer_out *t, enum failure what, bool begin_anew, const char *why) {
    resume_out_drop(t->job, why);
    if (begin_anew)
        put_back(t->m, t->job, 0);
    else
        give_back(t, what, why);
}

void transfer_out_done(struct link *l, const struct stack_transfer_end *end) {
    struct transfer_out *t = l->out;
    if (t == NULL)
        return;
    struct job *j = t->job;
    const struct stack_failure *f = &end->failure;
    bool again = !end->ok && end->resumable && !t->damaged &&
                 resume_out_interrupted(l, j, outgoing_total(t->run), t->digest, true, f->text);
    if (end->ok) {
        struct way w;
        way_of(t, &w);
        l->messages++;
        l->peer->sent++;
        settle_job(t->m, j, opened_of(t),
                   &(struct fate){.state = SPOOL_RCPT_TRANSFERRED, .reason = -1, .diagnostic = -1}, &w, NULL, NULL);
    } else if (!again)
        failed(t,
               t->damaged                                                  ? FAILURE_DAMAGED
               : !f->by_peer                                               ? FAILURE_BROKEN
               : f->reason == RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED ? FAILURE_BUSY
                                                                           : FAILURE_REFUSED,
               !t->damaged && would_not_resume(t, f->by_peer), f->text);
    detach(t);
    transfer_out_free(t);
    if (again)
        transfer_out_start(l, j);
    else
        link_idle(l);
}

void transfer_out_gone(struct link *l, const struct assoc_failure *f) {
    struct transfer_out *t = l->out;
    if (t == NULL)
        return;
    if (!t->sending) {
        detach(t);
        t->link = NULL;
        if (t->fetched) { // else on_fetched is still to come
            put_back(t->m, t->job, 0);
            transfer_out_free(t);
        }
        return;
    }
    bool peers_verdict = f != NULL && f->by_peer && f->step == ASSOC_OPEN && f->reason >= 0 &&
                         f->reason != RTSE_ABORT_LOCAL_SYSTEM_PROBLEM && f->reason != RTSE_ABORT_TEMPORARY_PROBLEM;
    const char *why = f == NULL ? "the association was closed" : f->text;
    if (peers_verdict || t->damaged ||
        !resume_out_interrupted(l, t->job, outgoing_total(t->run), t->digest, false, why))
        failed(t, peers_verdict ? FAILURE_REFUSED : FAILURE_BROKEN, would_not_resume(t, peers_verdict), why);
    detach(t);
    transfer_out_free(t);
}

const char *transfer_out_mts_id(const struct link *l) {
    return l->out == NULL ? NULL : l->out->job->item->mts_id;
}
