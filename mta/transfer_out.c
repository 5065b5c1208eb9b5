// SPDX-License-Identifier: BSD-2-Clause
// From the spool to the wire: the head is fetched and split for this next hop, the content is read ahead by the file
// thread and given to the association as its window has room.
#include "mta/transfer.h"

#include <stdio.h>

#include "base/mem.h"
#include "mta/admit.h"
#include "mta/codes.h"
#include "mta/settle.h"

enum { BROKEN_MS = 1000, DAMAGED_MS = 3600 * 1000 };

struct transfer_out {
    struct link *link; // NULL: the association went away while the head was fetched
    struct mta *m;
    struct job *job;
    struct opened *opened;
    struct p1_fault fault;
    struct buf header;             // of the APDU, what is not sent yet
    struct buf piece;              // of the content, what is not sent yet
    struct content_reader *reader; // NULL: no content, or all of it was read
    bool asked;                    // a piece is on its way
    bool sending;                  // assoc_send was called
    bool damaged;                  // the content is not what was stored
    size_t room;
    uint64_t started, sent_all; // monotonic ms
};

static void transfer_out_free(struct transfer_out *t) {
    content_reader_free(t->reader);
    buf_free(&t->header);
    buf_free(&t->piece);
    opened_unref(t->opened);
    mem_free(t);
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
        settle_job(m, j, t->opened,
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
    while (t->room > 0 && t->sending) {
        struct buf *from = t->header.len > 0 ? &t->header : &t->piece;
        if (from->len == 0) {
            if (t->reader != NULL && !t->asked) {
                t->asked = true;
                content_reader_next(t->reader);
            }
            return;
        }
        size_t n = from->len < t->room ? from->len : t->room;
        struct bytes b = bytes_of(buf_bytes(from).p, n);
        t->room = 0; // send_ready tells the next, and may come from within
        struct link *l = t->link;
        bool last = t->header.len + t->piece.len == n && t->reader == NULL;
        if (last)
            t->sent_all = loop_now_ms(t->m->loop);
        // The octets must leave our buffer before the call, which may come back for more.
        struct buf taken = {0};
        if (buf_append(&taken, b.p, b.n) == ERR_OK) {
            buf_consume(from, n);
            assoc_send_data(l->assoc, buf_bytes(&taken));
        } else
            assoc_send_discard(l->assoc);
        buf_free(&taken);
        if (l->out != t)
            return; // it ended within
        if (t->room == 0)
            t->room = assoc_send_room(l->assoc);
    }
}

static void on_piece(void *user, int err, struct bytes piece, bool last) {
    struct transfer_out *t = user;
    t->asked = false;
    if (err == ERR_OK)
        err = buf_append(&t->piece, piece.p, piece.n);
    if (err != ERR_OK) {
        EVENT_RAISE(t->m->events, mta_event(EV_SPOOL_DAMAGED), {"what", err_text(err)},
                    {"message", t->job->item->mts_id});
        content_reader_free(t->reader);
        t->reader = NULL;
        t->damaged = err == ERR_CORRUPT || err == ERR_ABSENT;
        assoc_send_discard(t->link->assoc);
        return;
    }
    if (last) {
        content_reader_free(t->reader);
        t->reader = NULL;
    }
    pump(t);
}

static int prepare(struct transfer_out *t, const struct spool_message *sm, uint64_t *total, const char **why) {
    t->opened = opened_new(sm->envelope, &t->fault);
    *why = t->fault.text;
    if (t->opened == NULL)
        return ERR_CORRUPT;
    struct p1_envelope *e = t->opened->env;
    int r = ERR_OK;
    *why = "memory is short";
    if (e->type != P1_REPORT) {
        size_t *mine = arena_array(&t->opened->arena, t->job->n, sizeof *mine);
        for (size_t k = 0; k < t->job->n && mine != NULL; k++)
            mine[k] = t->job->rcpt[k];
        r = mine == NULL ? ERR_NOMEM : p1_split(&t->opened->arena, e, mine, t->job->n, &e);
    }
    uint64_t length =
        e->type == P1_MESSAGE || (e->type == P1_REPORT && sm->content.length > 0) ? sm->content.length : P1_NO_CONTENT;
    if (r == ERR_OK)
        r = p1_apdu_header(&t->header, e, length, total);
    if (r == ERR_OK && sm->content.length > 0 && length != P1_NO_CONTENT &&
        (t->reader = content_reader_new(t->m->files, &sm->content, on_piece, t)) == NULL)
        r = ERR_NOMEM;
    return r;
}

static void on_fetched(void *arg, int err, const struct spool_message *sm) {
    struct transfer_out *t = arg;
    struct link *l = t->link;
    if (l == NULL) {
        put_back(t->m, t->job, 0);
        transfer_out_free(t);
        return;
    }
    uint64_t total = 0;
    const char *why = err_text(err);
    if (err == ERR_OK)
        err = prepare(t, sm, &total, &why);
    if (err == ERR_OK) {
        uint64_t k = total / 1024 + 1, per_k = assoc_peer(l->assoc)->timeout_per_k_ms[t->job->item->priority];
        uint64_t timeout = per_k > UINT32_MAX / k ? UINT32_MAX : per_k * k;
        t->sending = true;
        err = assoc_send(l->assoc, total, (uint32_t)timeout);
        why = err_text(err);
    }
    if (err == ERR_OK) {
        if (l->out == t && t->room == 0) {
            t->room = assoc_send_room(l->assoc);
            pump(t);
        }
        return;
    }
    if (err == ERR_CORRUPT)
        EVENT_RAISE(t->m->events, mta_event(EV_SPOOL_DAMAGED), {"what", why}, {"message", t->job->item->mts_id});
    give_back(t, err == ERR_CORRUPT ? FAILURE_DAMAGED : FAILURE_BROKEN, why);
    detach(t);
    transfer_out_free(t);
    link_idle(l);
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

void transfer_out_ready(struct link *l, size_t room) {
    if (l->out == NULL)
        return;
    l->out->room = room;
    pump(l->out);
}

void transfer_out_done(struct link *l, const struct stack_transfer_end *end) {
    struct transfer_out *t = l->out;
    if (t == NULL)
        return;
    const struct stack_failure *f = &end->failure;
    if (end->ok) {
        struct way w;
        way_of(t, &w);
        l->messages++;
        l->peer->sent++;
        settle_job(t->m, t->job, t->opened,
                   &(struct fate){.state = SPOOL_RCPT_TRANSFERRED, .reason = -1, .diagnostic = -1}, &w, NULL, NULL);
    } else
        give_back(t,
                  t->damaged                                                  ? FAILURE_DAMAGED
                  : !f->by_peer                                               ? FAILURE_BROKEN
                  : f->reason == RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED ? FAILURE_BUSY
                                                                              : FAILURE_REFUSED,
                  f->text);
    detach(t);
    transfer_out_free(t);
    link_idle(l);
}

void transfer_out_gone(struct link *l, const struct assoc_failure *f) {
    struct transfer_out *t = l->out;
    if (t == NULL)
        return;
    if (!t->sending) { // on_fetched is still to come
        t->link = NULL;
        l->out = NULL;
        return;
    }
    bool peers_verdict = f != NULL && f->by_peer && f->step == ASSOC_OPEN && f->reason >= 0 &&
                         f->reason != RTSE_ABORT_LOCAL_SYSTEM_PROBLEM && f->reason != RTSE_ABORT_TEMPORARY_PROBLEM;
    give_back(t, peers_verdict ? FAILURE_REFUSED : FAILURE_BROKEN,
              f == NULL ? "the association was released" : f->text);
    detach(t);
    transfer_out_free(t);
}

const char *transfer_out_mts_id(const struct link *l) {
    return l->out == NULL ? NULL : l->out->job->item->mts_id;
}
