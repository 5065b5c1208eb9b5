// SPDX-License-Identifier: BSD-2-Clause
// What the session layer does in a step: see session_fsm.c for when. A request's SPDU is encoded and room for it made
// before its step, so no action of a request can fail.
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "rfc1006/session_fsm.h"

// A primitive that the user did not ask to hear of is dropped.
#define INDICATE(s, primitive, ...)                                                                                    \
    do {                                                                                                               \
        if ((s)->up->primitive != NULL)                                                                                \
            (s)->up->primitive(__VA_ARGS__);                                                                           \
    } while (0)

static void timer_start(struct session *s, uint32_t ms) {
    s->timer_ms = ms;
    s->deadline = 0;
}

static void timer_stop(struct session *s) {
    timer_start(s, 0);
}

static void transport_end(struct session *s, uint8_t reason) {
    timer_stop(s);
    tp0_disconnect_req(s->tp, reason);
}

static void p_abort(struct session *s, enum session_abort_reason reason) {
    const struct session_p_abort a = {reason, s->error};
    INDICATE(s, p_abort_ind, s->user, &a);
}

// An ABORT of the provider; the transport connection is then the peer's to end. Without memory it is ended at once.
static void abort_send(struct session *s, uint8_t transport_disconnect) {
    const uint8_t ab[] = {SI_AB, 3, PI_TRANSPORT_DISCONNECT, 1, (uint8_t)(TD_RELEASED | transport_disconnect)};
    struct buf b = {0};
    s->fsm.state = STA16;
    if (buf_append(&b, ab, sizeof ab) < 0 || tp0_data_req(s->tp, &b) < 0) {
        transport_end(s, TP0_REASON_NORMAL);
        s->fsm.state = STA_OVER;
    } else
        timer_start(s, s->params.abort_ms);
    buf_free(&b);
}

// Ends the connection from our side and tells the user, if it knows of the connection.
static void provider_abort(struct session *s, uint8_t transport_disconnect, enum session_abort_reason reason) {
    enum session_state before = s->fsm.state;
    s->rx.phase = RX_SKIP;
    if (before == STA16 || before == STA_OVER || before == STA01)
        return;
    if (before == STA01B || before == STA01C) {
        transport_end(s, TP0_REASON_NORMAL);
        s->fsm.state = STA_OVER;
    } else
        abort_send(s, transport_disconnect);
    if (before != STA01C)
        p_abort(s, reason);
}

int session_protocol_error(struct session *s, const char *fmt, ...) {
    int n = snprintf(s->error, sizeof s->error, "session: protocol error, ");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->error + n, sizeof s->error - (size_t)n, fmt, ap);
    va_end(ap);
    provider_abort(s, TD_PROTOCOL_ERROR, SESSION_ABORT_PROTOCOL_ERROR);
    return ERR_SYNTAX;
}

void session_restriction(struct session *s, const char *what) {
    snprintf(s->error, sizeof s->error, "session: %s", what);
    provider_abort(s, TD_RESTRICTION, SESSION_ABORT_RESTRICTION);
}

uint8_t session_available(uint16_t fus) {
    return (uint8_t)((fus & SESSION_FU_HALF_DUPLEX ? SESSION_TOKEN_DATA : 0) |
                     (fus & SESSION_FU_MINOR_SYNC ? SESSION_TOKEN_MINOR : 0) |
                     (fus & SESSION_FU_ACTIVITY ? SESSION_TOKEN_MAJOR : 0));
}

uint16_t session_min_size(uint16_t a, uint16_t b) {
    return a == 0 || (b != 0 && b < a) ? b : a;
}

// Whose each token is: as proposed, or where the choice was left to the answering side, as it answered.
static void tokens_assign(struct session *s, uint8_t answer) {
    static const uint8_t shifts[] = {0, 2, 4, 6};
    uint8_t available = session_available(s->requirements);
    s->tokens = 0;
    for (size_t i = 0; i < sizeof shifts; i++) {
        uint8_t token = (uint8_t)(1 << shifts[i]), side = s->proposed_tokens >> shifts[i] & 3;
        if (side == SESSION_SIDE_CHOICE)
            side = answer >> shifts[i] & 3;
        if ((available & token) && (side == SESSION_SIDE_INITIATOR) == s->initiator)
            s->tokens |= token;
    }
}

// --- connecting

int session_act_connect_req(void *ctx, void *arg) {
    struct session *s = ctx;
    struct session_ev *e = arg;
    s->initiator = true;
    s->proposed_fus = e->con->requirements;
    s->proposed_tokens = e->con->token_setting;
    s->connect_spdu = *e->tsdu;
    *e->tsdu = (struct buf){0};
    timer_start(s, s->params.connect_ms);
    return ERR_OK;
}

int session_act_transport_cnf(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    if (tp0_data_req(s->tp, &s->connect_spdu) < 0)
        session_restriction(s, "no memory to connect");
    buf_free(&s->connect_spdu);
    return ERR_OK;
}

int session_act_transport_ind(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    timer_start(s, s->params.connect_ms);
    return ERR_OK;
}

int session_act_transport_lost(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct session_ev *e = arg;
    timer_stop(s);
    snprintf(s->error, sizeof s->error, "%s", e->why ? e->why : "transport: disconnected");
    p_abort(s, SESSION_ABORT_TRANSPORT);
    return ERR_OK;
}

int session_act_transport_lost_quietly(void *ctx, void *arg) {
    (void)arg;
    timer_stop(ctx);
    return ERR_OK;
}

int session_act_connect_timeout(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    snprintf(s->error, sizeof s->error, "session: no transport connection within %u ms", s->params.connect_ms);
    transport_end(s, TP0_REASON_NORMAL);
    p_abort(s, SESSION_ABORT_TIMEOUT);
    return ERR_OK;
}

int session_act_answer_timeout(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    bool connecting = s->version == 0;
    snprintf(s->error, sizeof s->error, "session: the peer did not answer %s within %u ms",
             connecting ? "CONNECT (CN)" : "FINISH (FN)", connecting ? s->params.connect_ms : s->params.release_ms);
    abort_send(s, TD_NO_REASON);
    p_abort(s, SESSION_ABORT_TIMEOUT);
    return ERR_OK;
}

int session_act_give_up(void *ctx, void *arg) {
    (void)arg;
    transport_end(ctx, TP0_REASON_NORMAL);
    return ERR_OK;
}

static struct session_connect connect_of(const struct session *s, const struct spdu *p) {
    return (struct session_connect){.calling_ssel = p->calling_ssel,
                                    .called_ssel = p->called_ssel,
                                    .calling_ref = p->calling_ref,
                                    .called_ref = p->called_ref,
                                    .common_ref = p->common_ref,
                                    .additional_ref = p->additional_ref,
                                    .requirements = s->requirements,
                                    .token_setting = p->token_setting,
                                    .has_initial_serial = spdu_has(p, PI_INITIAL_SERIAL),
                                    .initial_serial = p->initial_serial,
                                    .version = s->version,
                                    .user_data = p->user_data};
}

int session_act_cn(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    timer_stop(s);
    s->version = p->versions & s->params.versions & SESSION_VERSION_2 ? 2 : 1;
    s->requirements = s->proposed_fus = p->requirements & SESSION_FU_SUPPORTED;
    s->proposed_tokens = p->token_setting;
    s->peer_sent_tsdu_max = spdu_has(p, PI_TSDU_MAX);
    if (s->peer_sent_tsdu_max && s->params.send_tsdu_max) {
        s->tsdu_max = session_min_size(s->params.tsdu_max_send, p->tsdu_to_initiator);
        s->tsdu_max_in = session_min_size(s->params.tsdu_max_receive, p->tsdu_to_responder);
    }
    const struct session_connect c = connect_of(s, p);
    INDICATE(s, connect_ind, s->user, &c);
    return ERR_OK;
}

// A CN that we cannot take: the provider's own REFUSE.
int session_act_cn_refused(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    bool version = (p->versions & s->params.versions) == 0;
    uint8_t reason = version ? SESSION_REFUSED_VERSION : SESSION_REFUSED_RESTRICTION;
    const uint8_t rf[] = {
        SI_RF, 9, PI_TRANSPORT_DISCONNECT, 1, TD_RELEASED, PI_VERSION, 1, s->params.versions, PI_REASON, 1, reason};
    snprintf(s->error, sizeof s->error, "session: CONNECT refused, %s (versions %#x, functional units %#x)",
             session_refusal_text(reason), p->versions, p->requirements);
    struct buf b = {0};
    if (buf_append(&b, rf, sizeof rf) < 0 || tp0_data_req(s->tp, &b) < 0) {
        transport_end(s, TP0_REASON_NORMAL);
        s->fsm.state = STA_OVER;
    } else
        timer_start(s, s->params.abort_ms);
    buf_free(&b);
    return ERR_OK;
}

int session_act_connect_rsp(void *ctx, void *arg) {
    struct session *s = ctx;
    struct session_ev *e = arg;
    s->requirements = e->con->requirements & s->proposed_fus;
    tokens_assign(s, e->setting);
    s->vm = s->va = e->con->initial_serial;
    return tp0_data_req(s->tp, e->tsdu);
}

int session_act_refuse(void *ctx, void *arg) {
    struct session *s = ctx;
    timer_start(s, s->params.abort_ms);
    return tp0_data_req(s->tp, ((struct session_ev *)arg)->tsdu);
}

int session_act_ac(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    timer_stop(s);
    s->version = p->versions & s->params.versions & SESSION_VERSION_2 ? 2 : 1;
    s->requirements = s->proposed_fus & p->requirements;
    tokens_assign(s, p->token_setting);
    s->vm = s->va = p->initial_serial;
    if (spdu_has(p, PI_TSDU_MAX)) {
        s->tsdu_max = session_min_size(s->params.tsdu_max_send, p->tsdu_to_responder);
        s->tsdu_max_in = session_min_size(s->params.tsdu_max_receive, p->tsdu_to_initiator);
    }
    const struct session_connect c = connect_of(s, p);
    INDICATE(s, connect_cnf, s->user, &c);
    if (p->token_item != 0 && s->fsm.state == STA713)
        INDICATE(s, token_please_ind, s->user, p->token_item, (struct bytes){0});
    return ERR_OK;
}

int session_act_rf(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    uint8_t reason = p->reason == SESSION_REASON_ABSENT ? SESSION_REFUSED_BY_SPM : p->reason;
    snprintf(s->error, sizeof s->error, "session: REFUSE, reason '%s' (%u)", session_refusal_text(reason), reason);
    transport_end(s, TP0_REASON_NORMAL);
    struct session_connect c = connect_of(s, p);
    c.refused = true;
    c.reason = reason;
    c.text = s->error;
    INDICATE(s, connect_cnf, s->user, &c);
    return ERR_OK;
}

// --- ending

int session_act_release_req(void *ctx, void *arg) {
    struct session *s = ctx;
    timer_start(s, s->params.release_ms);
    return tp0_data_req(s->tp, ((struct session_ev *)arg)->tsdu);
}

int session_act_fn(void *ctx, void *arg) {
    struct session *s = ctx;
    INDICATE(s, release_ind, s->user, ((struct session_ev *)arg)->spdu->user_data);
    return ERR_OK;
}

int session_act_release_rsp(void *ctx, void *arg) {
    struct session *s = ctx;
    timer_start(s, s->params.abort_ms);
    return tp0_data_req(s->tp, ((struct session_ev *)arg)->tsdu);
}

int session_act_dn(void *ctx, void *arg) {
    struct session *s = ctx;
    transport_end(s, TP0_REASON_NORMAL);
    INDICATE(s, release_cnf, s->user, ((struct session_ev *)arg)->spdu->user_data);
    return ERR_OK;
}

int session_act_u_abort(void *ctx, void *arg) {
    struct session *s = ctx;
    timer_start(s, s->params.abort_ms);
    return tp0_data_req(s->tp, ((struct session_ev *)arg)->tsdu);
}

// No session connection yet that the peer could be told about.
int session_act_u_abort_quietly(void *ctx, void *arg) {
    (void)arg;
    transport_end(ctx, TP0_REASON_NORMAL);
    return ERR_OK;
}

int session_act_ab(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    uint8_t td = p->transport_disconnect;
    transport_end(s, TP0_REASON_NORMAL);
    if (td & TD_USER_ABORT) {
        INDICATE(s, u_abort_ind, s->user, p->user_data);
        return ERR_OK;
    }
    const char *why = td & TD_PROTOCOL_ERROR ? "it saw a protocol error"
                      : td & TD_RESTRICTION  ? "implementation restriction"
                                             : "no reason given";
    snprintf(s->error, sizeof s->error, "session: ABORT by the peer's session provider, %s", why);
    p_abort(s, td & TD_PROTOCOL_ERROR ? SESSION_ABORT_PROTOCOL_ERROR_PEER
               : td & TD_RESTRICTION  ? SESSION_ABORT_RESTRICTION
                                      : SESSION_ABORT_UNDEFINED);
    return ERR_OK;
}

int session_act_ab_quietly(void *ctx, void *arg) {
    (void)arg;
    transport_end(ctx, TP0_REASON_NORMAL);
    return ERR_OK;
}

// --- data and tokens

int session_act_send(void *ctx, void *arg) {
    struct session *s = ctx;
    return tp0_data_req(s->tp, ((struct session_ev *)arg)->tsdu);
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
    return tp0_data_req(s->tp, e->tsdu);
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
    s->tokens = 0;
    return ERR_OK;
}

// --- synchronization: the operations on V(A), V(M) and Vsc are those of table A-4 of X.225 (1988)

int session_act_mip_req(void *ctx, void *arg) {
    struct session *s = ctx;
    if (s->vsc)
        s->va = s->vm;
    s->vsc = false;
    s->vm++;
    return tp0_data_req(s->tp, ((struct session_ev *)arg)->tsdu);
}

int session_act_mip(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    if (!s->vsc)
        s->va = s->vm;
    s->vsc = true;
    s->vm++;
    INDICATE(s, sync_minor_ind, s->user, p->serial, (p->sync_type & 1) == 0, p->user_data);
    return ERR_OK;
}

int session_act_mia_rsp(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct session_ev *e = arg;
    s->va = e->serial + 1;
    return tp0_data_req(s->tp, e->tsdu);
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

// An activity that was interrupted or discarded leaves every token with the side that asked for it.
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
    activity_broken(s, true);
    INDICATE(s, activity_interrupt_cnf, s->user);
    return ERR_OK;
}

int session_act_ad(void *ctx, void *arg) {
    struct session *s = ctx;
    s->rx.ssdu_open = false;
    INDICATE(s, activity_discard_ind, s->user, ((struct session_ev *)arg)->spdu->reason);
    return ERR_OK;
}

int session_act_ad_rsp(void *ctx, void *arg) {
    return session_act_ai_rsp(ctx, arg);
}

int session_act_ada(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
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
    if (!s->vsc)
        s->va = s->vm;
    s->vm++;
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
    INDICATE(s, u_exception_ind, s->user, p->reason, p->user_data);
    return ERR_OK;
}

int session_act_er(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    INDICATE(s, p_exception_ind, s->user);
    return ERR_OK;
}
