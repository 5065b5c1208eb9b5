// SPDX-License-Identifier: BSD-2-Clause
// The composition. Every entry from outside goes through enter and leave: in between the layers run, and only when the
// outermost call leaves are timers started, room for sending reported and the end announced, so that no layer is
// entered while it is inside a callback of its own and the owner sees events in order.
#include <stdio.h>

#include "rfc1006/stack_private.h"

enum { TOKENS_RESPONDER = 0x15 }; // data, synchronize-minor, major/activity

// ---- entering and leaving ----

static void enter(struct stack *s, uint64_t now_ms) {
    s->now_ms = s->rtse.now_ms = now_ms;
    s->entered++;
}

static void report_end(struct stack *s, const struct stack_failure *f) {
    if (s->over)
        return;
    s->over = true;
    s->open_deadline = 0;
    s->up->abort_ind(s->ctx, f);
}

// A caller that did not open in time; the session's own wait for a CONNECT may see it first, and says nothing.
static bool late(const struct stack *s) {
    return s->open_deadline != 0 && s->now_ms >= s->open_deadline;
}

static void note_late(struct stack *s) {
    bool cr = s->neg.transport.at_ms != 0;
    stack_failure_set(&s->failure, cr ? STACK_SESSION : STACK_TRANSPORT, false, -1,
                      "the caller did not open an association within %u s: no %s came",
                      s->params.open_timeout_ms / 1000, cr ? "whole CONNECT (CN)" : "connect request TPDU (CR)");
    s->transport_failed = true;
}

static void leave(struct stack *s) {
    if (s->entered > 1) {
        s->entered--;
        return;
    }
    tp0_tick(&s->tp0, s->now_ms);
    session_tick(&s->session, s->now_ms);
    for (size_t room; s->moved && (room = rtse_room(&s->rtse)) > 0;) {
        s->moved = false;
        s->up->rt_ready(s->ctx, room);
    }
    session_tick(&s->session, s->now_ms);
    if (!s->closed && tp0_over(&s->tp0)) {
        if (!s->over && !s->transport_failed && late(s))
            note_late(s);
        else if (!s->over && !s->transport_failed)
            stack_failure_set(&s->failure, STACK_TRANSPORT, true, -1, "transport: disconnected");
        report_end(s, &s->failure);
        s->closed = true;
        s->open_deadline = 0;
        s->entered--;
        s->up->closed(s->ctx);
        return;
    }
    s->entered--;
}

static int leave_with(struct stack *s, int result) {
    leave(s);
    return result;
}

// ---- what was negotiated ----

static void layer_up(struct stack *s, enum stack_layer layer, uint64_t *at_ms) {
    *at_ms = s->now_ms;
    if (s->up->layer_up != NULL)
        s->up->layer_up(s->ctx, layer, &s->neg);
}

// A copy that stays; absent when there is none or memory is short (it is only told to people).
static struct bytes keep(struct stack *s, struct bytes b) {
    return b.p == NULL ? b : arena_bytes(&s->arena, b);
}

static void oid_text(struct bytes oid, char *out, size_t size) {
    if (tlv_oid_text(oid, out, size) < 0)
        snprintf(out, size, "?");
}

static void note_session(struct stack *s, const struct session_connect *c) {
    s->neg.session.version = c->version;
    s->neg.session.functional_units = c->requirements;
    s->neg.session.tsdu_to_responder = s->initiator ? s->session.tsdu_max : s->session.tsdu_max_in;
    s->neg.session.tsdu_to_initiator = s->initiator ? s->session.tsdu_max_in : s->session.tsdu_max;
}

static void note_presentation(struct stack *s, const struct presentation_connect *c) {
    size_t max = sizeof s->neg.presentation.contexts / sizeof *s->neg.presentation.contexts, n = 0, accepted = 0;
    for (size_t i = 0; i < c->n_contexts; i++)
        accepted += c->contexts[i].result == PRESENTATION_ACCEPTANCE;
    for (size_t i = 0; i < c->n_contexts && n < max; i++) {
        bool is = c->contexts[i].result == PRESENTATION_ACCEPTANCE;
        if (!is && n + accepted >= max) // the accepted ones to come are of more interest
            continue;
        accepted -= is;
        s->neg.presentation.contexts[n].id = c->contexts[i].id;
        s->neg.presentation.contexts[n].accepted = is;
        oid_text(c->contexts[i].abstract_syntax, s->neg.presentation.contexts[n].abstract_syntax,
                 sizeof s->neg.presentation.contexts[n].abstract_syntax);
        n++;
    }
    s->neg.presentation.n_contexts = n;
}

static void note_association(struct stack *s, const struct acse_associate *as) {
    char *out = s->neg.association.implementation;
    size_t n = as->implementation.n, max = sizeof s->neg.association.implementation - 1;
    if (as->application_context.p != NULL)
        oid_text(as->application_context, s->neg.association.application_context,
                 sizeof s->neg.association.application_context);
    n = n < max ? n : max;
    for (size_t i = 0; i < n; i++)
        out[i] =
            as->implementation.p[i] >= 0x20 && as->implementation.p[i] < 0x7f ? (char)as->implementation.p[i] : '?';
    out[n] = '\0';
}

static void note_associate(struct stack *s, const struct acse_associate *as) {
    note_session(s, &as->presentation.session);
    note_presentation(s, &as->presentation);
    note_association(s, as);
}

static void all_up(struct stack *s) {
    s->neg.rtse.checkpoint = s->rtse.checkpoint;
    s->neg.rtse.window = s->rtse.window;
    s->neg.rtse.dialogue = s->rtse.two_way ? RTSE_TWO_WAY_ALTERNATE : RTSE_MONOLOGUE;
    layer_up(s, STACK_SESSION, &s->neg.session.at_ms);
    layer_up(s, STACK_PRESENTATION, &s->neg.presentation.at_ms);
    layer_up(s, STACK_ASSOCIATION, &s->neg.association.at_ms);
    layer_up(s, STACK_RTSE, &s->neg.rtse.at_ms);
}

// ---- transport: seen on its way to session ----

static void note_transport(struct stack *s) {
    s->neg.transport.tpdu_size = s->tp0.size;
    s->neg.transport.local_reference = s->tp0.params.local_ref;
    s->neg.transport.remote_reference = s->tp0.remote_ref;
    layer_up(s, STACK_TRANSPORT, &s->neg.transport.at_ms);
}

static void on_t_connect_ind(void *user, const struct tp0_connect *c) {
    struct stack *s = user;
    s->neg.called.tsel = keep(s, c->called_tsel);
    s->neg.calling.tsel = keep(s, c->calling_tsel);
    session_tp0_user.connect_ind(&s->session, c);
    if (!tp0_over(&s->tp0))
        note_transport(s);
}

static void on_t_connect_cnf(void *user, const struct tp0_connect *c) {
    struct stack *s = user;
    note_transport(s);
    session_tp0_user.connect_cnf(&s->session, c);
}

static void on_t_data_ind(void *user, struct bytes piece, bool last) {
    struct stack *s = user;
    session_tp0_user.data_ind(&s->session, piece, last);
}

static void on_t_disconnect_ind(void *user, const struct tp0_disconnect *d) {
    struct stack *s = user;
    if (!s->transport_failed) { // stack_transport_closed said more
        stack_failure_set(&s->failure, STACK_TRANSPORT, d->by_peer, d->reason, "%s", d->text);
        if (!d->by_peer)
            s->failure.how = d->reason == TP0_REASON_NORMAL ? STACK_SILENT : STACK_BROKEN;
        s->transport_failed = true;
    }
    session_tp0_user.disconnect_ind(&s->session, d);
}

const struct tp0_user stack_tp0_user = {on_t_connect_ind, on_t_connect_cnf, on_t_data_ind, on_t_disconnect_ind};

// ---- selectors ----

static enum stack_answer ask_address(struct stack *s, enum stack_layer layer) {
    return s->up->address_ind == NULL ? STACK_ACCEPT
                                      : s->up->address_ind(s->ctx, layer, &s->neg.called, &s->neg.calling);
}

uint8_t stack_accept_transport(void *ctx, const struct tp0_connect *c) {
    static const uint8_t reasons[] = {0, TP0_REASON_ADDRESS_UNKNOWN, TP0_REASON_NOT_ATTACHED,
                                      TP0_REASON_CONGESTION_AT_TSAP};
    struct stack *s = ctx;
    (void)c;
    uint8_t reason = reasons[ask_address(s, STACK_TRANSPORT)];
    if (reason != 0) {
        stack_failure_set(&s->failure, STACK_TRANSPORT, false, reason, "transport: connection refused, reason %u (%s)",
                          reason, tp0_reason_text(reason));
        s->transport_failed = true;
    }
    return reason;
}

uint8_t stack_accept_session(void *ctx, const struct session_connect *c) {
    static const uint8_t reasons[] = {0, SESSION_REFUSED_SSEL_UNKNOWN, SESSION_REFUSED_NOT_ATTACHED,
                                      SESSION_REFUSED_SPM_CONGESTION};
    struct stack *s = ctx;
    s->neg.called.ssel = keep(s, c->called_ssel);
    s->neg.calling.ssel = keep(s, c->calling_ssel);
    s->neg.session.reference =
        (struct stack_reference){keep(s, c->calling_ref), keep(s, c->common_ref), keep(s, c->additional_ref)};
    if ((c->requirements & SESSION_FU_RTSE) != SESSION_FU_RTSE)
        return SESSION_REFUSED_RESTRICTION; // RTSE cannot do without
    return reasons[ask_address(s, STACK_SESSION)];
}

int stack_accept_presentation(void *ctx, struct bytes calling_psel, struct bytes called_psel) {
    static const int reasons[] = {-1, 3, 7, 1};
    struct stack *s = ctx;
    s->neg.called.psel = keep(s, called_psel);
    s->neg.calling.psel = keep(s, calling_psel);
    return reasons[ask_address(s, STACK_PRESENTATION)];
}

// ---- from RTSE ----

// What the layers above transport know of its failure is one word; here it is known better.
static const struct stack_failure *better(const struct stack *s, const struct stack_failure *f) {
    return f->layer == STACK_TRANSPORT && s->transport_failed ? &s->failure : f;
}

static void on_open_ind(void *user, const struct rtse_open *o) {
    struct stack *s = user;
    s->open = true;
    s->open_deadline = 0;
    note_associate(s, o->associate);
    s->neg.rtse.mode = o->mode;
    s->neg.rtse.protocol = o->protocol;
    struct stack_open open = {.so_far = &s->neg,
                              .mode = o->mode,
                              .protocol = o->protocol,
                              .user_data = o->user_data,
                              .checkpoint = o->checkpoint,
                              .window = o->window,
                              .dialogue = o->dialogue,
                              .turn = o->turn,
                              .implementation = o->associate->implementation,
                              .recover = o->recover};
    s->up->rt_open_ind(s->ctx, &open);
}

static void on_open_cnf(void *user, const struct rtse_open *o) {
    struct stack *s = user;
    struct stack_open_result result = {.accepted = o->accepted, .so_far = &s->neg, .user_data = o->user_data};
    if (o->accepted && (o->associate->presentation.session.requirements & SESSION_FU_RTSE) != SESSION_FU_RTSE) {
        rtse_abort_req(&s->rtse, RTSE_ABORT_PERMANENT_PROBLEM);
        result.accepted = false;
        result.user_data = bytes_of(NULL, 0);
        stack_failure_set(&result.failure, STACK_SESSION, true, -1,
                          "session: the peer left out functional units that RTSE needs (0x%04x of 0x%04x)",
                          o->associate->presentation.session.requirements, SESSION_FU_RTSE);
    } else if (o->accepted) {
        s->open = true;
        note_associate(s, o->associate);
        s->neg.rtse.mode = s->params.mode;
        s->neg.rtse.protocol = s->params.mode == RTSE_X410 ? s->params.protocol : 0;
        s->neg.session.reference = (struct stack_reference){s->params.reference.user, s->params.reference.common,
                                                            s->params.reference.additional};
        all_up(s);
    } else {
        result.failure = *better(s, &o->failure);
    }
    s->over = !result.accepted;
    s->up->rt_open_cnf(s->ctx, &result);
}

static void on_transfer_begin(void *user, int64_t context) {
    struct stack *s = user;
    s->up->rt_transfer_begin(s->ctx, (int32_t)context);
}
static void on_transfer_data(void *user, struct bytes piece) {
    struct stack *s = user;
    s->up->rt_transfer_data(s->ctx, piece);
}
static void on_checkpoint_ind(void *user, uint32_t serial, uint64_t octets) {
    struct stack *s = user;
    s->up->rt_checkpoint_ind(s->ctx, serial, octets);
}
static void on_checkpoint_cnf(void *user, uint32_t serial, uint64_t octets) {
    struct stack *s = user;
    if (s->up->rt_checkpoint_cnf != NULL)
        s->up->rt_checkpoint_cnf(s->ctx, serial, octets);
}

static struct stack_transfer_end transfer_end(const struct stack *s, const struct rtse_transfer_end *e) {
    struct stack_transfer_end end = {
        .ok = e->ok, .octets = e->octets, .resumable = e->resumable, .recovery = &s->rtse.recovery};
    end.failure.cause = "";
    if (!e->ok)
        end.failure = *e->failure;
    return end;
}

static void on_transfer_end(void *user, const struct rtse_transfer_end *e) {
    struct stack *s = user;
    struct stack_transfer_end end = transfer_end(s, e);
    s->up->rt_transfer_end(s->ctx, &end);
}

static void on_transfer_cnf(void *user, const struct rtse_transfer_end *e) {
    struct stack *s = user;
    struct stack_transfer_end end = transfer_end(s, e);
    s->up->rt_transfer_cnf(s->ctx, &end);
}

static void on_resume_ind(void *user, const struct rtse_recovery *old) {
    struct stack *s = user;
    if (s->up->rt_resume_ind != NULL)
        s->up->rt_resume_ind(s->ctx, old);
}

static void on_turn_please_ind(void *user, uint32_t priority) {
    struct stack *s = user;
    if (s->up->rt_turn_please_ind != NULL)
        s->up->rt_turn_please_ind(s->ctx, priority);
}

static void on_turn_give_ind(void *user) {
    struct stack *s = user;
    if (s->up->rt_turn_give_ind != NULL)
        s->up->rt_turn_give_ind(s->ctx);
}

static void on_close_ind(void *user) {
    struct stack *s = user;
    s->up->rt_close_ind(s->ctx);
}

static void on_close_cnf(void *user) {
    struct stack *s = user;
    s->over = true;
    s->up->rt_close_cnf(s->ctx);
}

static void on_abort_ind(void *user, const struct stack_failure *f) {
    struct stack *s = user;
    report_end(s, better(s, f));
}

const struct rtse_user stack_rtse_user = {
    .open_ind = on_open_ind,
    .open_cnf = on_open_cnf,
    .transfer_begin = on_transfer_begin,
    .transfer_data = on_transfer_data,
    .checkpoint_ind = on_checkpoint_ind,
    .transfer_end = on_transfer_end,
    .resume_ind = on_resume_ind,
    .turn_please_ind = on_turn_please_ind,
    .turn_give_ind = on_turn_give_ind,
    .checkpoint_cnf = on_checkpoint_cnf,
    .transfer_cnf = on_transfer_cnf,
    .close_ind = on_close_ind,
    .close_cnf = on_close_cnf,
    .abort_ind = on_abort_ind,
};

// ---- octets and time ----

void stack_input(struct stack *s, uint64_t now_ms, struct bytes octets) {
    if (s->closed)
        return;
    enter(s, now_ms);
    if (!s->initiator && !s->open && s->open_deadline == 0 && s->params.open_timeout_ms != 0)
        s->open_deadline = now_ms + s->params.open_timeout_ms;
    s->moved = true;
    tp0_input(&s->tp0, octets); // its faults come as a disconnect indication
    leave(s);
}

struct buf *stack_output(struct stack *s) {
    return &s->out;
}

void stack_output_drained(struct stack *s, uint64_t now_ms) {
    enter(s, now_ms);
    s->moved = true;
    leave(s);
}

void stack_transport_closed(struct stack *s, uint64_t now_ms, const char *why) {
    if (s->closed)
        return;
    enter(s, now_ms);
    if (!s->transport_failed) {
        stack_failure_set(&s->failure, STACK_NETWORK, why == NULL, -1, "network: %s",
                          why != NULL ? why : "closed by the peer");
        s->failure.how = STACK_CLOSED;
        if (!s->open)
            s->failure.cause =
                "the peer hung up before the association was open: does it accept calls from our address?";
        s->transport_failed = true;
    }
    tp0_network_closed(&s->tp0, why);
    leave(s);
}

bool stack_closed(const struct stack *s) {
    return s->closed;
}

uint64_t stack_deadline(const struct stack *s) {
    uint64_t all[] = {tp0_deadline(&s->tp0), session_deadline(&s->session), rtse_deadline(&s->rtse), s->open_deadline};
    uint64_t first = 0;
    if (s->closed)
        return 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] != 0 && (first == 0 || all[i] < first))
            first = all[i];
    return first;
}

void stack_tick(struct stack *s, uint64_t now_ms) {
    if (s->closed)
        return;
    enter(s, now_ms);
    tp0_tick(&s->tp0, now_ms);
    if (late(s) && !tp0_over(&s->tp0)) {
        note_late(s);
        tp0_disconnect_req(&s->tp0, TP0_REASON_NORMAL);
        report_end(s, &s->failure);
    }
    session_tick(&s->session, now_ms);
    rtse_tick(&s->rtse);
    leave(s);
}

const struct stack_negotiated *stack_negotiated(const struct stack *s) {
    return &s->neg;
}

// ---- RT-OPEN ----

static struct acse_associate associate_of(struct stack *s) {
    const struct stack_params *p = &s->params;
    struct acse_associate as = {.implementation = p->implementation_information};
    struct presentation_connect *pc = &as.presentation;
    pc->session = (struct session_connect){.requirements = SESSION_FU_RTSE,
                                           .token_setting = SESSION_SIDE_INITIATOR,
                                           .called_ssel = p->called.ssel,
                                           .common_ref = p->reference.common,
                                           .additional_ref = p->reference.additional};
    pc->called_psel = p->called.psel;
    return as;
}

static struct acse_associate request_of(struct stack *s) {
    const struct bytes acse = stack_acse_syntax;
    const struct bytes syntaxes[] = {acse, s->params.rtse_syntax, s->params.user_syntax};
    struct acse_associate as = associate_of(s);
    struct presentation_connect *pc = &as.presentation;
    pc->session.calling_ssel = s->params.calling.ssel;
    pc->session.token_setting = s->params.initial_turn_responder ? TOKENS_RESPONDER : SESSION_SIDE_INITIATOR;
    pc->session.calling_ref = s->params.reference.user;
    pc->calling_psel = s->params.calling.psel;
    pc->n_contexts = STACK_N_SYNTAXES;
    for (size_t i = 0; i < STACK_N_SYNTAXES; i++)
        pc->contexts[i] = (struct presentation_context){.id = s->params.contexts[i].id,
                                                        .abstract_syntax = syntaxes[s->params.contexts[i].syntax]};
    s->neg.rtse.mode = s->params.mode;
    s->neg.called = s->params.called;
    s->neg.calling = s->params.calling;
    return as;
}

int stack_rt_open_req(struct stack *s, uint64_t now_ms, struct bytes user_data) {
    struct acse_associate as = request_of(s);
    enter(s, now_ms);
    return leave_with(s, rtse_open_req(&s->rtse, &as, user_data));
}

int stack_rt_recover_req(struct stack *s, uint64_t now_ms, const struct rtse_session_id *session) {
    struct acse_associate as = request_of(s);
    enter(s, now_ms);
    return leave_with(s, rtse_recover_req(&s->rtse, &as, session));
}

static struct acse_associate response_of(struct stack *s) {
    struct acse_associate as = associate_of(s);
    struct session_connect *c = &as.presentation.session;
    c->called_ref = s->params.reference.user.p != NULL ? s->params.reference.user : s->neg.session.reference.user;
    if (c->common_ref.p == NULL)
        c->common_ref = s->neg.session.reference.common;
    if (c->additional_ref.p == NULL)
        c->additional_ref = s->neg.session.reference.additional;
    return as;
}

void stack_rt_open_limit(struct stack *s, uint32_t checkpoint, uint32_t window, uint32_t no_progress_ms) {
    s->rtse.params.no_progress_ms = no_progress_ms;
    s->rtse.params.checkpoint = checkpoint;
    s->rtse.params.window = window;
}

int stack_rt_open_rsp(struct stack *s, uint64_t now_ms, struct bytes user_data) {
    struct acse_associate as = response_of(s);
    enter(s, now_ms);
    int err = rtse_open_rsp(&s->rtse, &as, user_data);
    if (err == ERR_OK) {
        s->neg.session.functional_units = SESSION_FU_RTSE;
        all_up(s);
    }
    return leave_with(s, err);
}

int stack_rt_open_refuse(struct stack *s, uint64_t now_ms, struct bytes user_data, enum rtse_refuse reason) {
    struct acse_associate as = response_of(s);
    enter(s, now_ms);
    int err = rtse_open_refuse(&s->rtse, &as, user_data, reason);
    s->over |= err == ERR_OK;
    return leave_with(s, err);
}

// ---- RT-TRANSFER ----

int stack_rt_transfer_req(struct stack *s, uint64_t now_ms, uint64_t total, uint32_t timeout_ms) {
    enter(s, now_ms);
    s->moved = true;
    return leave_with(s, rtse_transfer_req(&s->rtse, total, timeout_ms));
}

int stack_rt_resume_req(struct stack *s, uint64_t now_ms, const struct rtse_recovery *old, uint64_t total,
                        uint32_t timeout_ms) {
    enter(s, now_ms);
    s->moved = true;
    return leave_with(s, rtse_resume_req(&s->rtse, old, total, timeout_ms));
}

size_t stack_transfer_room(const struct stack *s) {
    return rtse_room(&s->rtse);
}

int stack_transfer_data(struct stack *s, uint64_t now_ms, struct bytes piece) {
    enter(s, now_ms);
    s->moved |= piece.n > 0;
    return leave_with(s, rtse_transfer_data(&s->rtse, piece));
}

int stack_transfer_discard(struct stack *s, uint64_t now_ms) {
    enter(s, now_ms);
    return leave_with(s, rtse_transfer_discard(&s->rtse));
}

int stack_transfer_interrupt(struct stack *s, uint64_t now_ms) {
    enter(s, now_ms);
    return leave_with(s, rtse_transfer_interrupt(&s->rtse));
}

int stack_checkpoint_rsp(struct stack *s, uint64_t now_ms, uint32_t serial) {
    enter(s, now_ms);
    return leave_with(s, rtse_checkpoint_rsp(&s->rtse, serial));
}

int stack_transfer_rsp(struct stack *s, uint64_t now_ms) {
    enter(s, now_ms);
    return leave_with(s, rtse_transfer_rsp(&s->rtse));
}

int stack_transfer_refuse(struct stack *s, uint64_t now_ms, enum rtse_exception reason) {
    enter(s, now_ms);
    return leave_with(s, rtse_transfer_refuse(&s->rtse, (int)reason));
}

int stack_recovery(const struct stack *s, struct rtse_recovery *out) {
    return rtse_recovery_at(&s->rtse, 0, out);
}

int stack_recovery_at(const struct stack *s, uint32_t serial, struct rtse_recovery *out) {
    return rtse_recovery_at(&s->rtse, serial, out);
}

int stack_resume_rsp(struct stack *s, uint64_t now_ms, const struct rtse_recovery *state) {
    enter(s, now_ms);
    return leave_with(s, rtse_resume_rsp(&s->rtse, state));
}

int stack_resume_refuse(struct stack *s, uint64_t now_ms, enum rtse_no_resume why) {
    enter(s, now_ms);
    return leave_with(s, rtse_resume_refuse(&s->rtse, why));
}

// ---- the turn ----

bool stack_turn(const struct stack *s) {
    return s->rtse.turn;
}

int stack_turn_please(struct stack *s, uint64_t now_ms, uint32_t priority) {
    enter(s, now_ms);
    return leave_with(s, rtse_turn_please(&s->rtse, priority));
}

int stack_turn_give(struct stack *s, uint64_t now_ms) {
    enter(s, now_ms);
    return leave_with(s, rtse_turn_give(&s->rtse));
}

// ---- RT-CLOSE and aborts ----

int stack_rt_close_req(struct stack *s, uint64_t now_ms) {
    enter(s, now_ms);
    return leave_with(s, rtse_close_req(&s->rtse));
}

int stack_rt_close_rsp(struct stack *s, uint64_t now_ms) {
    enter(s, now_ms);
    int err = rtse_close_rsp(&s->rtse);
    s->over |= err == ERR_OK;
    return leave_with(s, err);
}

void stack_p_abort(struct stack *s, uint64_t now_ms, enum rtse_abort reason) {
    if (s->closed)
        return;
    enter(s, now_ms);
    s->over = true;
    s->open_deadline = 0;
    if (rtse_abort_req(&s->rtse, (int)reason) < 0)
        tp0_disconnect_req(&s->tp0, TP0_REASON_NORMAL);
    leave(s);
}

void stack_u_abort(struct stack *s, uint64_t now_ms) {
    stack_p_abort(s, now_ms, RTSE_ABORT_USER_ERROR);
}
