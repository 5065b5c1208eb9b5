// SPDX-License-Identifier: BSD-2-Clause
// One association of a peer: opened, used, closed, and what follows when it ends.
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "mta/amgr_back.h"
#include "mta/amgr_call.h"
#include "mta/amgr_room.h"
#include "mta/amgr_stacks.h"
#include "mta/resume_out.h"
#include "mta/transfer.h"

// ---- life ----

void link_free(struct link *l) {
    struct peer *p = l->peer;
    LIST_REMOVE(l, of_peer);
    *(l->outgoing ? &p->n_out : &p->n_in) -= 1;
    p->n_opening -= l->outgoing && !l->open;
    p->n_apart -= l->apart;
    back_unlink(l);
    loop_timer_free(l->timer);
    loop_timer_free(l->patience);
    held_conf_unref(l->held);
    held_conf_unref(l->held_by_listener);
    mem_free(l);
}

static void link_arm(struct link *l) {
    const struct conf_peer *c = assoc_peer(l->assoc);
    uint64_t idle = l->used_ms + c->idle_ms, life = l->opened_ms + c->lifetime_ms,
             soon = loop_now_ms(l->m->loop) + 1000;
    uint64_t first = idle < life ? idle : life;
    loop_timer_at(l->timer, first > soon ? first : soon);
}

static bool link_busy(const struct link *l) {
    return l->out != NULL || l->in != NULL;
}

void link_close(struct link *l) {
    if (l->closing)
        return;
    l->close_when_idle = link_busy(l);
    if (l->close_when_idle)
        return;
    l->closing = true;
    assoc_close(l->assoc);
}

// Not while the other side has the turn, and so something to send; nor a bind-back while something is to be sent to a
// peer that can be reached in no other way.
static bool link_old(const struct link *l, uint64_t now) {
    const struct conf_peer *c = assoc_peer(l->assoc);
    return l->outgoing && now - l->opened_ms >= c->lifetime_ms && l->wanted == TURN_NOTHING && assoc_turn(l->assoc) &&
           (c->n_connect > 0 || hop_ready(l->peer->hop) == 0);
}

// Idle for long, or old and between two messages. The calling side closes; the called one only drops what the caller
// forgot.
static void on_link_timer(void *arg) {
    struct link *l = arg;
    uint64_t now = loop_now_ms(l->m->loop);
    const struct conf_peer *c = assoc_peer(l->assoc);
    if (link_busy(l) || l->closing) {
        loop_timer_in(l->timer, 1000);
        return;
    }
    bool idle = now - l->used_ms >= c->idle_ms, old = link_old(l, now);
    if (l->outgoing && (idle || old))
        link_close(l);
    else if (!l->outgoing && now - l->used_ms >= 2 * c->idle_ms + 60000)
        link_close(l);
    else if (l->outgoing)
        link_arm(l);
    else
        loop_timer_in(l->timer, c->idle_ms);
}

struct link *link_new(struct peer *p, bool outgoing) {
    struct link *l = mem_calloc(1, sizeof *l);
    if (l == NULL || (l->timer = loop_timer_new(p->m->loop, on_link_timer, l)) == NULL ||
        (l->patience = loop_timer_new(p->m->loop, link_on_patience, l)) == NULL) {
        if (l != NULL)
            loop_timer_free(l->timer);
        mem_free(l);
        return NULL;
    }
    l->m = p->m;
    l->peer = p;
    l->held = held_conf_ref(p->m->held);
    l->outgoing = outgoing;
    l->asked = l->wanted = TURN_NOTHING;
    l->called_ms = loop_now_ms(p->m->loop);
    snprintf(l->id, sizeof l->id, "A%llu", (unsigned long long)++p->m->amgr->made);
    LIST_INSERT_HEAD(&p->links, l, of_peer);
    *(outgoing ? &p->n_out : &p->n_in) += 1;
    p->n_opening += outgoing;
    return l;
}

void link_up(struct link *l) {
    struct peer *p = l->peer;
    const struct stack_negotiated *n = assoc_negotiated(l->assoc);
    l->open = true;
    l->two_way = assoc_two_way(l->assoc);
    l->opened_ms = l->used_ms = loop_now_ms(l->m->loop);
    l->opened_utc = p->last_up_utc = clock_utc_ms();
    snprintf(l->local, sizeof l->local, "%s", assoc_local(l->assoc));
    snprintf(l->remote, sizeof l->remote, "%s", assoc_remote(l->assoc));
    peer_came(p, l);
    char what[100], points[48] = "no checkpoints";
    if (n->rtse.checkpoint != 0)
        snprintf(points, sizeof points, "checkpoint %u K, window %u", n->rtse.checkpoint, n->rtse.window);
    snprintf(what, sizeof what, "mode %s, TPDU size %u, %s, %s", conf_protocol_words[assoc_protocol(l->assoc)],
             n->transport.tpdu_size, points, l->two_way ? "two-way alternate" : "monologue");
    EVENT_RAISE(l->m->events, mta_event(EV_ASSOCIATION_UP), {"peer", p->name}, {"association", l->id},
                {"direction", l->outgoing ? "outgoing" : "incoming"}, {"local", l->local}, {"remote", l->remote},
                {"stack", assoc_stack_name(l->assoc)}, {"what", what});
    link_arm(l);
}

void link_idle(struct link *l) {
    struct peer *p = l->peer;
    l->used_ms = loop_now_ms(l->m->loop);
    if (l->closing)
        return;
    if (l->close_when_idle || l->recovered || p->disabled || p->m->stopping || p->conf == NULL ||
        link_old(l, l->used_ms)) {
        link_close(l);
        return;
    }
    peer_pump(p);
    if (l->out == NULL && !l->closing)
        link_arm(l);
}

void link_received(struct link *l) {
    l->used_ms = loop_now_ms(l->m->loop);
    if (l->close_when_idle)
        link_close(l);
}

// ---- its end ----

static void end_job(struct link *l, const struct assoc_failure *f) {
    transfer_out_gone(l, f);
    transfer_in_gone(l, f == NULL ? "the association was closed" : f->text);
}

void link_drop(struct link *l) {
    end_job(l, NULL);
    assoc_drop(l->assoc);
    link_free(l);
}

void link_abort(struct link *l) {
    l->closing = true;
    end_job(l, NULL); // what can go on later is kept now: the abort may take longer than we have
    assoc_abort(l->assoc, RTSE_ABORT_TEMPORARY_PROBLEM);
}

static const char *ended_by(const struct assoc_failure *f) {
    return f->by_peer ? "the peer" : f->how == STACK_CLOSED ? "the network" : "us";
}

static void note_failure(struct peer *p, const char *what) {
    snprintf(p->last_failure, sizeof p->last_failure, "%s", what);
    p->last_failure_utc = clock_utc_ms();
}

static void tell_end(struct link *l, const struct assoc_failure *f) {
    struct peer *p = l->peer;
    if (l->told)
        return;
    if (f == NULL) {
        EVENT_RAISE(l->m->events, mta_event(EV_ASSOCIATION_DOWN), {"peer", p->name}, {"association", l->id},
                    {"what", l->closing ? "by us" : "by the peer"});
        return;
    }
    note_failure(p, f->text);
    EVENT_RAISE(l->m->events, mta_event(EV_ABNORMAL_END), {"peer", p->name}, {"association", l->id},
                {"local", l->local}, {"remote", l->remote}, {"by", ended_by(f)}, {"what", f->text});
}

// A bind was accepted, and the answer could not be sent.
static void tell_not_answered(const struct link *l, const struct assoc_failure *f) {
    char host[NET_ADDRESS_TEXT];
    EVENT_RAISE(l->m->events, mta_event(EV_CALLER_FAILED), {"stack", assoc_stack_name(l->assoc)},
                {"remote", net_address_host_text(assoc_remote_address(l->assoc), host)},
                {"step", assoc_step_text(f->step)}, {"what", f->text});
}

unsigned peer_drop(struct peer *p, bool (*which)(const struct link *l, const void *arg), const void *arg,
                   const char *why) {
    char ids[200] = "";
    const struct link *first = NULL;
    unsigned n = 0;
    struct link *l;
    LIST_FOREACH(l, &p->links, of_peer) {
        if (!l->open || l->told || !which(l, arg))
            continue;
        size_t had = strlen(ids);
        snprintf(ids + had, sizeof ids - had, "%s%s", n++ > 0 ? ", " : "", l->id);
        first = l;
        l->told = true;
        assoc_abort_local(l->assoc, why);
    }
    if (n == 0)
        return 0;
    note_failure(p, why);
    EVENT_RAISE(p->m->events, mta_event(EV_ABNORMAL_END), {"peer", p->name}, {"association", ids},
                {"local", first->local}, {"remote", first->remote}, {"by", "us"}, {"what", why});
    return n;
}

static void note_failed_call(struct peer *p, const struct assoc_failure *f) {
    snprintf(p->last_failure, sizeof p->last_failure, "%s: %s", assoc_step_text(f->step), f->text);
    p->last_failure_utc = clock_utc_ms();
}

static void open_failed(struct peer *p, const struct assoc_failure *f) {
    note_failed_call(p, f);
    EVENT_RAISE(p->m->events, mta_event(EV_OPEN_FAILED), {"peer", p->name}, {"what", f->text});
}

// What the network did to one may have happened to all.
static void ask_others(struct peer *p, const struct assoc_failure *f) {
    if (f != NULL && !f->by_peer)
        room_ask(p);
}

// A call that should have recovered a lost association: other calls are made whatever came of it.
static void recovery_ended(struct link *l, const struct assoc_failure *f) {
    struct peer *p = l->peer;
    struct resumption *x = l->resume;
    if (f != NULL)
        note_failed_call(p, f);
    if (f != NULL && x->tries <= 1 && !f->recover_refused)
        peer_call_failed(p, f, assoc_stack_name(l->assoc));
    link_free(l);
    ask_others(p, f);
    resume_out_failed(x, f != NULL && f->recover_refused, f == NULL ? "it was closed" : f->text);
    amgr_check_ended(p->m->amgr);
}

// A bind-back that did not come up: the calls for what waits here go on whatever came of it.
static void back_ended(struct link *l, const struct assoc_failure *f) {
    struct peer *p = l->peer;
    if (f != NULL) {
        stack_note_out(l, f->text);
        note_failed_call(p, f);
        peer_call_failed(p, f, assoc_stack_name(l->assoc));
    }
    back_failed(l, f);
    link_free(l);
    peer_pump(p);
    amgr_check_ended(p->m->amgr);
}

static void on_link_ended(void *ctx, const struct assoc_failure *f) {
    struct link *l = ctx;
    if (l->back != NULL && !l->open) {
        back_ended(l, f);
        return;
    }
    if (l->resume != NULL) {
        recovery_ended(l, f);
        return;
    }
    struct peer *p = l->peer;
    struct amgr *a = p->m->amgr;
    bool was_open = l->open, outgoing = l->outgoing;
    if (was_open)
        tell_end(l, f);
    else if (f != NULL && !outgoing)
        tell_not_answered(l, f);
    else if (f != NULL) {
        stack_note_out(l, f->text);
        peer_call_failed(p, f, assoc_stack_name(l->assoc));
        open_failed(p, f);
    }
    bool fruitless = outgoing && !l->recovered && f != NULL && (!was_open || l->messages == 0);
    bool owed = outgoing && was_open && f != NULL && l->theirs;
    end_job(l, f);
    link_free(l);
    p->owed |= owed;
    if (fruitless || owed)
        peer_no_more_now(p, was_open);
    room_check(p);
    ask_others(p, f);
    if (outgoing && was_open && f != NULL && !f->by_peer)
        back_lost(p);
    peer_pump(p);
    amgr_check_ended(a);
}

// ---- what its association tells ----

static void on_open(void *ctx) {
    struct link *l = ctx;
    struct peer *p = l->peer;
    link_up(l);
    stack_note_out(l, "opened");
    p->n_opening--;
    p->failed_opens = 0;
    p->retrying = p->owed = false;
    loop_timer_at(p->retry, 0);
    struct resumption *x = l->resume;
    l->resume = NULL;
    if (x != NULL) {
        loop_timer_at(l->timer, 0);
        transfer_out_start(l, x->job);
    }
    peer_pump(p);
    if (l->out == NULL)
        link_idle(l);
    back_up(l);
}

static void on_send_ready(void *ctx, size_t room) {
    transfer_out_ready(ctx, room);
}

static void on_send_done(void *ctx, const struct stack_transfer_end *end) {
    transfer_out_done(ctx, end);
}

static void on_receive_begin(void *ctx) {
    transfer_in_begin(ctx);
}

static void on_receive_data(void *ctx, struct bytes piece) {
    transfer_in_data(ctx, piece);
}

static void on_receive_checkpoint(void *ctx, uint32_t serial, uint64_t octets) {
    transfer_in_checkpoint(ctx, serial, octets);
}

static void on_receive_end(void *ctx, const struct stack_transfer_end *end) {
    struct link *l = ctx;
    l->used_ms = loop_now_ms(l->m->loop);
    transfer_in_end(l, end);
}

static void on_resume(void *ctx, const struct rtse_recovery *old) {
    transfer_in_resume(ctx, old);
}

static void on_checkpoint_cnf(void *ctx, uint32_t serial, uint64_t octets) {
    (void)octets;
    transfer_out_confirmed(ctx, serial);
}

const struct assoc_user amgr_link_user = {.open = on_open,
                                          .ended = on_link_ended,
                                          .send_ready = on_send_ready,
                                          .checkpoint_cnf = on_checkpoint_cnf,
                                          .send_done = on_send_done,
                                          .receive_begin = on_receive_begin,
                                          .receive_data = on_receive_data,
                                          .receive_checkpoint = on_receive_checkpoint,
                                          .receive_end = on_receive_end,
                                          .resume_ind = on_resume,
                                          .turn_please_ind = on_turn_please,
                                          .turn_give_ind = on_turn_give};
