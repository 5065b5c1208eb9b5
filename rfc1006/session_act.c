// SPDX-License-Identifier: BSD-2-Clause
// What the session layer does with data, tokens, synchronization points, activities and exceptions: see session_fsm.c
// for when. Room for a request's SPDU is made before its step, so no action of a request can fail.
#include "base/err.h"
#include "rfc1006/session_fsm.h"

// --- data and tokens

int session_act_send(void *ctx, void *arg) {
    const struct session_ev *e = arg;
    return session_tx_send(ctx, e->tx, e->data);
}

// An SSDU that is on its way to us when we break its activity or report an exception goes no further, though its SPDU
// may have begun.
static void receiving_break(struct session *s) {
    s->rx.deliver = s->rx.ssdu_open = false;
}

int session_act_ed_req(void *ctx, void *arg) {
    receiving_break(ctx);
    return session_act_send(ctx, arg);
}

// ACTIVITY INTERRUPT and DISCARD, GIVE TOKENS CONFIRM: the peer has to answer at once.
int session_act_send_and_wait(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct session_ev *e = arg;
    session_tx_break(s);
    receiving_break(s);
    session_timer_start(s, s->params.answer_ms, spdu_name(e->tx->si, e->tx->prefix == 0));
    return session_tx_send(s, e->tx, e->data);
}

int session_act_dt(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    s->rx.deliver = true;
    return ERR_OK;
}

int session_act_gt_req(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct session_ev *e = arg;
    s->tokens &= (uint8_t)~e->tokens;
    return session_act_send(s, arg);
}

int session_act_gt(void *ctx, void *arg) {
    struct session *s = ctx;
    uint8_t tokens = ((struct session_ev *)arg)->spdu->token_item;
    s->tokens |= tokens;
    if (tokens != 0)
        INDICATE(s, token_give_ind, s->user, tokens);
    return ERR_OK;
}

int session_act_pt(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    if (p->token_item != 0)
        INDICATE(s, token_please_ind, s->user, p->token_item, p->user_data);
    return ERR_OK;
}

int session_act_gtc(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    const uint8_t gta[] = {SI_GTA, 0};
    struct buf b = {0};
    s->tokens = session_available(s->requirements);
    if (buf_append(&b, gta, sizeof gta) < 0 || tp0_data_req(s->tp, &b) < 0)
        session_restriction(s, "no memory to acknowledge the tokens");
    else
        INDICATE(s, control_give_ind, s->user);
    buf_free(&b);
    return ERR_OK;
}

int session_act_gta(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    session_timer_start(s, 0, NULL);
    s->tokens = 0;
    return ERR_OK;
}

// --- synchronization: the operations on V(A), V(M) and Vsc are those of table A-4 of X.225 (1988) and of the
// specific actions of its annex A

int session_act_mip_req(void *ctx, void *arg) {
    struct session *s = ctx;
    if (s->vsc)
        s->va = s->vm;
    s->vsc = false;
    s->vm++;
    return session_act_send(s, arg);
}

// What MIP and AE do to the variables on the side that receives them: actions [23] and [31].
static void point_received(struct session *s, bool minor) {
    if (!s->vsc)
        s->va = s->vm;
    if (minor)
        s->vsc = true;
    s->vm++;
}

int session_act_mip(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    point_received(s, true);
    INDICATE(s, sync_minor_ind, s->user, p->serial, (p->sync_type & 1) == 0, p->user_data);
    return ERR_OK;
}

// After an exception was reported the peer's points are counted, but nobody hears of them.
int session_act_mip_dropped(void *ctx, void *arg) {
    (void)arg;
    point_received(ctx, true);
    return ERR_OK;
}

int session_act_ae_dropped(void *ctx, void *arg) {
    (void)arg;
    point_received(ctx, false);
    return ERR_OK;
}

int session_act_mia_dropped(void *ctx, void *arg) {
    ((struct session *)ctx)->va = ((struct session_ev *)arg)->spdu->serial + 1;
    return ERR_OK;
}

int session_act_mia_rsp(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct session_ev *e = arg;
    s->va = e->serial + 1;
    return session_act_send(s, arg);
}

int session_act_mia(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    s->va = p->serial + 1;
    INDICATE(s, sync_minor_cnf, s->user, p->serial, p->user_data);
    return ERR_OK;
}

// --- activities

static void activity_begin(struct session *s, uint32_t serial) {
    s->activity = true;
    s->vm = s->va = serial;
    s->rx.ssdu_open = false;
}

// An activity that was interrupted or discarded leaves every token with the side that asked for it: actions [29], [30].
static void activity_broken(struct session *s, bool ours) {
    s->activity = false;
    s->tokens = ours ? session_available(s->requirements) : 0;
    s->rx.ssdu_open = false;
}

int session_act_as_req(void *ctx, void *arg) {
    activity_begin(ctx, 1);
    return session_act_send(ctx, arg);
}

int session_act_as(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    activity_begin(s, 1);
    INDICATE(s, activity_start_ind, s->user, p->activity_id, p->user_data);
    return ERR_OK;
}

int session_act_ar_req(void *ctx, void *arg) {
    activity_begin(ctx, ((struct session_ev *)arg)->serial + 1);
    return session_act_send(ctx, arg);
}

int session_act_ar(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    bool other = p->calling_ref.p != NULL || p->called_ref.p != NULL || p->common_ref.p != NULL;
    const struct session_resume r = {.new_id = p->activity_id,
                                     .old_id = p->old_activity_id,
                                     .serial = p->link_serial,
                                     .same_connection = !other,
                                     .calling_ref = p->calling_ref,
                                     .called_ref = p->called_ref,
                                     .common_ref = p->common_ref,
                                     .additional_ref = p->additional_ref,
                                     .user_data = p->user_data};
    activity_begin(s, p->link_serial + 1);
    INDICATE(s, activity_resume_ind, s->user, &r);
    return ERR_OK;
}

int session_act_ai(void *ctx, void *arg) {
    struct session *s = ctx;
    s->rx.ssdu_open = false;
    session_tx_break(s);
    INDICATE(s, activity_interrupt_ind, s->user, ((struct session_ev *)arg)->spdu->reason);
    return ERR_OK;
}

int session_act_ai_rsp(void *ctx, void *arg) {
    activity_broken(ctx, false);
    return session_act_send(ctx, arg);
}

int session_act_aia(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    session_timer_start(s, 0, NULL);
    activity_broken(s, true);
    INDICATE(s, activity_interrupt_cnf, s->user);
    return ERR_OK;
}

int session_act_ad(void *ctx, void *arg) {
    struct session *s = ctx;
    s->rx.ssdu_open = false;
    session_tx_break(s);
    INDICATE(s, activity_discard_ind, s->user, ((struct session_ev *)arg)->spdu->reason);
    return ERR_OK;
}

int session_act_ad_rsp(void *ctx, void *arg) {
    return session_act_ai_rsp(ctx, arg);
}

int session_act_ada(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    session_timer_start(s, 0, NULL);
    activity_broken(s, true);
    INDICATE(s, activity_discard_cnf, s->user);
    return ERR_OK;
}

int session_act_ae_req(void *ctx, void *arg) {
    struct session *s = ctx;
    if (s->vsc)
        s->va = s->vm;
    s->vsc = false;
    s->vm++;
    return session_act_send(ctx, arg);
}

int session_act_ae(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    point_received(s, false);
    INDICATE(s, activity_end_ind, s->user, p->serial, p->user_data);
    return ERR_OK;
}

int session_act_ae_rsp(void *ctx, void *arg) {
    struct session *s = ctx;
    s->va = s->vm;
    s->activity = false;
    return session_act_send(ctx, arg);
}

int session_act_aea(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    s->va = s->vm;
    s->activity = false;
    INDICATE(s, activity_end_cnf, s->user, p->serial, p->user_data);
    return ERR_OK;
}

// --- exceptions

int session_act_ed(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    session_tx_break(s);
    INDICATE(s, u_exception_ind, s->user, p->reason, p->user_data);
    return ERR_OK;
}

int session_act_er(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    session_tx_break(s);
    INDICATE(s, p_exception_ind, s->user);
    return ERR_OK;
}
