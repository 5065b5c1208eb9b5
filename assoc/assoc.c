// SPDX-License-Identifier: BSD-2-Clause
#include "assoc/assoc.h"

#include <stdio.h>
#include <string.h>

#include "assoc/assoc_internal.h"
#include "assoc/trace.h"
#include "base/mem.h"

// Of a close that waits for the turn: how long, and for how many transfers.
enum { PATIENCE_MS = 10000, LATE_MAX = 10 };

const char *assoc_step_text(enum assoc_step s) {
    static const char *const names[] = {"resolve",     "connect", "transport", "session",         "presentation",
                                        "association", "rtse",    "bind",      "open association"};
    return names[s];
}

// ---- life ----

static void on_reap(void *arg);
static void on_timer(void *arg);
static void on_patience(void *arg);

struct assoc *assoc_new(struct assoc_env *env) {
    struct assoc *a = mem_calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->env = env;
    a->timer = loop_timer_new(env->loop, on_timer, a);
    a->reap = loop_timer_new(env->loop, on_reap, a);
    a->patience = loop_timer_new(env->loop, on_patience, a);
    if (a->timer != NULL && a->reap != NULL && a->patience != NULL)
        return a;
    loop_timer_free(a->timer);
    loop_timer_free(a->reap);
    loop_timer_free(a->patience);
    mem_free(a);
    return NULL;
}

// Its user may ask for it until `ended` returns.
static void keep_recovery(struct assoc *a) {
    struct rtse_recovery r;
    if (a->stack != NULL && a->open && a->kept == NULL && stack_recovery(a->stack, &r) == ERR_OK &&
        (a->kept = mem_alloc(sizeof r)) != NULL)
        *a->kept = r;
}

void assoc_drop_connection(struct assoc *a) {
    keep_recovery(a);
    loop_timer_at(a->timer, 0);
    loop_timer_at(a->patience, 0);
    assoc_watch_free(a);
    if (a->silently)
        tcp_abort(a->tcp);
    else
        tcp_free(a->tcp);
    stack_free(a->stack);
    a->tcp = NULL;
    a->stack = NULL;
}

void assoc_free(struct assoc *a) {
    assoc_drop_connection(a);
    call_names_free(a);
    loop_timer_free(a->timer);
    loop_timer_free(a->reap);
    loop_timer_free(a->patience);
    mem_free(a->kept);
    arena_free(&a->arena);
    mem_free(a);
}

void assoc_failure_set(struct assoc *a, struct assoc_failure *f, enum assoc_step step, bool by_peer, const char *text,
                       const char *cause) {
    *f = (struct assoc_failure){.step = step, .by_peer = by_peer, .reason = -1};
    memcpy(f->local, a->local_text, sizeof f->local);
    memcpy(f->remote, a->remote_text, sizeof f->remote);
    snprintf(f->text, sizeof f->text, "%s", text);
    snprintf(f->cause, sizeof f->cause, "%s", cause);
}

void assoc_over(struct assoc *a, const struct assoc_failure *f) {
    if (f != NULL && !a->failed) {
        a->failure = *f;
        a->failed = true;
    }
    if (a->over)
        return;
    a->over = true;
    loop_timer_in(a->reap, 0);
}

static void on_reap(void *arg) {
    struct assoc *a = arg;
    assoc_drop_connection(a);
    if (a->initiator && !a->open && a->failed && !a->closing && !a->failure.recover_refused && call_try_next(a))
        return;
    if (a->user == NULL) {
        answer_over(a);
        assoc_free(a);
        return;
    }
    a->user->ended(a->ctx, a->failed && !a->closing ? &a->failure : NULL);
    assoc_free(a);
}

void assoc_step_done(struct assoc *a, enum assoc_step s, const char *detail) {
    if (a->user != NULL && a->user->step != NULL)
        a->user->step(a->ctx, s, loop_now_ms(a->env->loop), detail);
    if (a->step <= s)
        a->step = s + 1;
}

// ---- octets ----

void assoc_pump(struct assoc *a) {
    if (a->stack == NULL)
        return;
    struct buf *from = stack_output(a->stack);
    while (a->tcp != NULL && from->len > 0) {
        struct buf *to = tcp_output(a->tcp);
        a->out += from->len;
        if (a->env->trace != NULL || a->watch != NULL)
            assoc_watch_octets(a, true, buf_bytes(from));
        if (to->len == 0) { // the usual case costs no copy
            struct buf empty = *to;
            *to = *from;
            *from = empty;
            buf_clear(from);
        } else if (buf_append(to, buf_bytes(from).p, from->len) == ERR_OK)
            buf_clear(from);
        else
            break;
        tcp_flush(a->tcp);
        if (a->tcp != NULL && !tcp_above_high(a->tcp))
            stack_output_drained(a->stack, loop_now_ms(a->env->loop));
    }
    loop_timer_at(a->timer, stack_deadline(a->stack));
    if (stack_closed(a->stack) && a->tcp != NULL && !a->over)
        tcp_close(a->tcp);
}

static void on_timer(void *arg) {
    struct assoc *a = arg;
    stack_tick(a->stack, loop_now_ms(a->env->loop));
    assoc_pump(a);
}

static void on_connected(void *user) {
    call_connected(user);
}

static void on_input(void *user, struct bytes octets) {
    struct assoc *a = user;
    while (a->n_first < sizeof a->first && a->in + octets.n > a->n_first && a->in <= a->n_first) {
        a->first[a->n_first] = octets.p[a->n_first - a->in];
        a->n_first++;
    }
    a->in += octets.n;
    if (a->release_next)
        loop_timer_in(a->patience, PATIENCE_MS);
    if (a->stack == NULL)
        return; // it could not be made: the association waits for its end
    if (a->env->trace != NULL || a->watch != NULL)
        assoc_watch_octets(a, false, octets);
    stack_input(a->stack, loop_now_ms(a->env->loop), octets);
    assoc_pump(a);
}

static void on_writable(void *user) {
    struct assoc *a = user;
    if (a->stack == NULL)
        return;
    stack_output_drained(a->stack, loop_now_ms(a->env->loop));
    assoc_pump(a);
}

static void on_tcp_closed(void *user, int err, const char *error) {
    struct assoc *a = user;
    if (a->stack != NULL && !stack_closed(a->stack)) {
        stack_transport_closed(a->stack, loop_now_ms(a->env->loop), error);
        if (a->over)
            return;
    }
    if (a->step == ASSOC_CONNECT) {
        struct assoc_failure f;
        assoc_failure_set(a, &f, ASSOC_CONNECT, false, error == NULL ? "the connection was closed" : error, "");
        f.reason = err;
        assoc_explain(a, &f);
        assoc_over(a, &f);
        return;
    }
    assoc_over(a, NULL);
}

const struct tcp_user *assoc_tcp_user(void) {
    static const struct tcp_user user = {on_connected, on_input, on_writable, on_tcp_closed};
    return &user;
}

// ---- what the stack tells ----

bool assoc_bind_wrapped(const struct assoc *a) {
    return stack_negotiated(a->stack)->rtse.mode == RTSE_NORMAL;
}

static enum assoc_step step_of_layer(const struct assoc *a, enum stack_layer layer) {
    bool x410 = a->stack != NULL && !assoc_bind_wrapped(a);
    switch (layer) {
    case STACK_TRANSPORT: return ASSOC_TRANSPORT;
    case STACK_SESSION: return ASSOC_SESSION;
    case STACK_PRESENTATION: return x410 ? ASSOC_RTSE : ASSOC_PRESENTATION; // X.410 mode has neither of them
    case STACK_ASSOCIATION: return x410 ? ASSOC_RTSE : ASSOC_ASSOCIATION;
    case STACK_RTSE: return ASSOC_RTSE;
    default: return a->step; // the network: wherever we were
    }
}

static void failure_of_stack(struct assoc *a, const struct stack_failure *s, struct assoc_failure *f) {
    assoc_failure_set(a, f, a->open ? ASSOC_OPEN : step_of_layer(a, s->layer), s->by_peer, s->text, s->cause);
    f->reason = f->step == ASSOC_RTSE && s->layer != STACK_RTSE ? -1 : s->reason;
    f->how = s->how;
    if (!s->local_fault)
        assoc_explain(a, f);
}

static enum stack_answer on_address(void *user, enum stack_layer layer, const struct stack_address *called,
                                    const struct stack_address *calling) {
    (void)calling;
    return answer_address(user, layer, called);
}

static void on_layer_up(void *user, enum stack_layer layer, const struct stack_negotiated *n) {
    struct assoc *a = user;
    if (n->rtse.mode == RTSE_NORMAL || (layer != STACK_PRESENTATION && layer != STACK_ASSOCIATION))
        assoc_step_done(a, step_of_layer(a, layer), "");
}

static void on_open_ind(void *user, const struct stack_open *open) {
    answer_open_ind(user, open);
}

static void on_open_cnf(void *user, const struct stack_open_result *r) {
    struct assoc *a = user;
    if (r->accepted || (r->user_data.p != NULL && !a->recovering)) {
        call_opened(a, r);
        return;
    }
    struct assoc_failure f;
    if (!a->recovering && !assoc_bind_wrapped(a) && r->failure.layer == STACK_RTSE && r->failure.by_peer &&
        call_refused_bare(a, r->failure.reason))
        return;
    failure_of_stack(a, &r->failure, &f);
    if (a->recovering && r->failure.by_peer && r->failure.layer >= STACK_SESSION)
        call_not_recovered(&f);
    assoc_over(a, &f);
}

static void on_transfer_begin(void *user, int32_t context_id) {
    (void)context_id;
    struct assoc *a = user;
    if (a->release_next && ++a->n_late > LATE_MAX) {
        assoc_abort(a, RTSE_ABORT_TEMPORARY_PROBLEM); // the turn does not come
        return;
    }
    if (a->user != NULL && a->user->receive_begin != NULL)
        a->user->receive_begin(a->ctx);
}

static void on_transfer_data(void *user, struct bytes piece) {
    struct assoc *a = user;
    if (a->user != NULL && a->user->receive_data != NULL)
        a->user->receive_data(a->ctx, piece);
}

static void on_checkpoint(void *user, uint32_t serial, uint64_t octets) {
    struct assoc *a = user;
    if (a->user != NULL && a->user->receive_checkpoint != NULL)
        a->user->receive_checkpoint(a->ctx, serial, octets);
}

static void on_transfer_end(void *user, const struct stack_transfer_end *end) {
    struct assoc *a = user;
    if (a->user != NULL && a->user->receive_end != NULL)
        a->user->receive_end(a->ctx, end);
}

static void on_ready(void *user, size_t room) {
    struct assoc *a = user;
    if (a->user != NULL && a->user->send_ready != NULL && !tcp_above_high(a->tcp))
        a->user->send_ready(a->ctx, room);
}

static void on_checkpoint_cnf(void *user, uint32_t serial, uint64_t octets) {
    struct assoc *a = user;
    if (a->user != NULL && a->user->checkpoint_cnf != NULL)
        a->user->checkpoint_cnf(a->ctx, serial, octets);
}

static void on_resume_ind(void *user, const struct rtse_recovery *old) {
    struct assoc *a = user;
    if (a->user != NULL && a->user->resume_ind != NULL)
        a->user->resume_ind(a->ctx, old);
}

static void on_turn_please(void *user, uint32_t priority) {
    struct assoc *a = user;
    if (a->user != NULL && a->user->turn_please_ind != NULL)
        a->user->turn_please_ind(a->ctx, priority);
}

static void on_turn_give(void *user) {
    struct assoc *a = user;
    if (a->release_next) {
        a->release_next = false;
        loop_timer_at(a->patience, 0);
        stack_rt_close_req(a->stack, loop_now_ms(a->env->loop));
    } else if (a->user != NULL && a->user->turn_give_ind != NULL)
        a->user->turn_give_ind(a->ctx);
}

static void on_transfer_cnf(void *user, const struct stack_transfer_end *end) {
    struct assoc *a = user;
    if (a->user != NULL && a->user->send_done != NULL)
        a->user->send_done(a->ctx, end);
}

static void on_close_ind(void *user) {
    struct assoc *a = user;
    stack_rt_close_rsp(a->stack, loop_now_ms(a->env->loop));
}

static void on_close_cnf(void *user) {
    (void)user;
}

static void on_abort(void *user, const struct stack_failure *failure) {
    struct assoc *a = user;
    struct assoc_failure f;
    failure_of_stack(a, failure, &f);
    if (!a->failed) {
        a->failure = f;
        a->failed = true;
    }
    answer_failed(a);
}

static void on_closed(void *user) {
    struct assoc *a = user;
    // An answer's last octets (a refusal, say) must still leave: tcp_close in assoc_pump, then on_tcp_closed ends it.
    if (a->tcp == NULL || a->failed)
        assoc_over(a, NULL);
}

int assoc_start_stack(struct assoc *a, const struct stack_params *p) {
    static const struct stack_user user = {.address_ind = on_address,
                                           .layer_up = on_layer_up,
                                           .rt_open_ind = on_open_ind,
                                           .rt_open_cnf = on_open_cnf,
                                           .rt_transfer_begin = on_transfer_begin,
                                           .rt_transfer_data = on_transfer_data,
                                           .rt_checkpoint_ind = on_checkpoint,
                                           .rt_transfer_end = on_transfer_end,
                                           .rt_ready = on_ready,
                                           .rt_checkpoint_cnf = on_checkpoint_cnf,
                                           .rt_resume_ind = on_resume_ind,
                                           .rt_turn_please_ind = on_turn_please,
                                           .rt_turn_give_ind = on_turn_give,
                                           .rt_transfer_cnf = on_transfer_cnf,
                                           .rt_close_ind = on_close_ind,
                                           .rt_close_cnf = on_close_cnf,
                                           .abort_ind = on_abort,
                                           .closed = on_closed};
    a->stack = a->initiator ? stack_new_initiator(p, &user, a) : stack_new_responder(p, &user, a);
    if (a->stack != NULL && a->env->trace != NULL)
        assoc_watch_begin(a);
    return a->stack == NULL ? ERR_NOMEM : ERR_OK;
}

// ---- its end ----

static void on_patience(void *arg) {
    assoc_abort(arg, RTSE_ABORT_TEMPORARY_PROBLEM);
}

static void release(struct assoc *a) {
    if (stack_turn(a->stack)) {
        stack_rt_close_req(a->stack, loop_now_ms(a->env->loop));
        return;
    }
    a->release_next = true;
    loop_timer_in(a->patience, PATIENCE_MS);
    if (stack_turn_please(a->stack, loop_now_ms(a->env->loop), 0) != ERR_OK)
        loop_timer_in(a->patience, 0); // a monologue of the other side: there is no order to end it in
}

void assoc_close(struct assoc *a) {
    if (a->over || a->closing)
        return;
    if (a->open && !a->initiator) {
        assoc_abort(a, RTSE_ABORT_TEMPORARY_PROBLEM);
        return;
    }
    a->closing = true;
    if (a->open)
        release(a);
    else if (a->stack != NULL)
        stack_u_abort(a->stack, loop_now_ms(a->env->loop));
    assoc_pump(a);
    if (a->tcp == NULL || a->step <= ASSOC_TRANSPORT) // nobody up there has heard of it
        assoc_over(a, NULL);
}

void assoc_abort(struct assoc *a, enum rtse_abort reason) {
    if (a->over)
        return;
    a->closing = true;
    if (a->stack != NULL)
        stack_p_abort(a->stack, loop_now_ms(a->env->loop), reason);
    assoc_pump(a);
    if (a->tcp == NULL || a->stack == NULL)
        assoc_over(a, NULL);
}

void assoc_abort_local(struct assoc *a, const char *why) {
    struct assoc_failure f;
    if (a->over)
        return;
    assoc_failure_set(a, &f, a->step, false, why, "");
    // That it was being closed does not make this an orderly end. A call is not gone on with: who made it looks anew.
    a->closing = a->initiator && !a->open;
    a->silently = true;
    if (a->tcp != NULL)
        tcp_read_pause(a->tcp, true);
    assoc_over(a, &f);
}

void assoc_probe(struct assoc *a, bool on) {
    if (a->tcp != NULL)
        tcp_probe(a->tcp, on);
}

bool assoc_sign(const struct assoc *a, struct tcp_sign *out) {
    return a->tcp != NULL && tcp_sign(a->tcp, out);
}

void assoc_drop(struct assoc *a) {
    assoc_free(a);
}
