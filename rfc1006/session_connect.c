// SPDX-License-Identifier: BSD-2-Clause
// What the session layer does to connect and to end: see session_fsm.c for when. Room for a request's SPDU is made
// before its step, so no action of a request can fail.
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "rfc1006/session_fsm.h"

void session_timer_start(struct session *s, uint32_t ms, const char *asked) {
    s->asked = asked;
    s->asked_ms = s->timer_ms = ms;
    s->deadline = 0;
}

static void session_transport_end(struct session *s) {
    session_timer_start(s, 0, NULL);
    tp0_disconnect_req(s->tp, TP0_REASON_NORMAL);
}

void session_p_abort(struct session *s, enum session_abort_reason reason) {
    const struct session_p_abort a = {reason, s->error};
    INDICATE(s, p_abort_ind, s->user, &a);
}

// An ABORT of the provider; the transport connection is then the peer's to end. Without memory it is ended at once.
static void abort_send(struct session *s, uint8_t transport_disconnect) {
    const uint8_t ab[] = {SI_AB, 3, PI_TRANSPORT_DISCONNECT, 1, (uint8_t)(TD_RELEASED | transport_disconnect)};
    struct buf b = {0};
    s->fsm.state = STA16;
    if (buf_append(&b, ab, sizeof ab) < 0 || tp0_data_req(s->tp, &b) < 0) {
        session_transport_end(s);
        s->fsm.state = STA_OVER;
    } else
        session_timer_start(s, s->params.abort_ms, NULL);
    buf_free(&b);
}

// Ends the connection from our side and tells the user, if it knows of the connection.
static void provider_abort(struct session *s, uint8_t transport_disconnect, enum session_abort_reason reason) {
    enum session_state before = s->fsm.state;
    s->rx.phase = RX_SKIP;
    if (before == STA16 || before == STA_OVER || before == STA01)
        return;
    bool silent = before == STA01C || before == STA01D; // the user has not heard of it
    if (silent || before == STA01B) {
        session_transport_end(s);
        s->fsm.state = STA_OVER;
    } else
        abort_send(s, transport_disconnect);
    if (!silent)
        session_p_abort(s, reason);
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

// Of TSDU sizes, 0: unlimited.
static uint16_t session_min_size(uint16_t a, uint16_t b) {
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
    s->proposed_versions = e->versions;
    session_timer_start(s, s->params.connect_ms, "CONNECT (CN)");
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
    session_timer_start(s, s->params.connect_ms, "CONNECT (CN)");
    return ERR_OK;
}

int session_act_transport_lost(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct session_ev *e = arg;
    session_timer_start(s, 0, NULL);
    snprintf(s->error, sizeof s->error, "%s", e->why ? e->why : "transport: disconnected");
    session_p_abort(s, SESSION_ABORT_TRANSPORT);
    return ERR_OK;
}

int session_act_transport_lost_quietly(void *ctx, void *arg) {
    (void)arg;
    session_timer_start(ctx, 0, NULL);
    return ERR_OK;
}

int session_act_connect_timeout(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    snprintf(s->error, sizeof s->error, "session: no transport connection within %u ms", s->params.connect_ms);
    session_transport_end(s);
    session_p_abort(s, SESSION_ABORT_TIMEOUT);
    return ERR_OK;
}

int session_act_answer_timeout(void *ctx, void *arg) {
    struct session *s = ctx;
    (void)arg;
    snprintf(s->error, sizeof s->error, "session: the peer did not answer %s within %u ms", s->asked, s->asked_ms);
    abort_send(s, TD_NO_REASON);
    session_p_abort(s, SESSION_ABORT_TIMEOUT);
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

// What a CN says of the connection, whether its user data are all here or not.
static void cn_agree(struct session *s, const struct spdu *p) {
    s->version = p->versions & s->params.versions & SESSION_VERSION_2 ? 2 : 1;
    s->requirements = s->proposed_fus = p->requirements & SESSION_FU_SUPPORTED;
    s->proposed_tokens = p->token_setting;
    s->peer_sent_tsdu_max = spdu_has(p, PI_TSDU_MAX);
    if (s->peer_sent_tsdu_max && s->params.send_tsdu_max) {
        s->tsdu_max = session_min_size(s->params.tsdu_max_send, p->tsdu_to_initiator);
        s->tsdu_max_in = session_min_size(s->params.tsdu_max_receive, p->tsdu_to_responder);
    }
}

int session_act_cn(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    session_timer_start(s, 0, NULL);
    cn_agree(s, p);
    const struct session_connect c = connect_of(s, p);
    INDICATE(s, connect_ind, s->user, &c);
    return ERR_OK;
}

// User data over 10,240 octets: kept until the last CDO has come. X.225 (1995) action [50], OVERFLOW ACCEPT.
int session_act_cn_overflow(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    struct spdu_tx oa = {.si = SI_OA, .reason = SPDU_NO_REASON};
    cn_agree(s, p);
    const uint8_t sizes[4] = {(uint8_t)(s->tsdu_max_in >> 8), (uint8_t)s->tsdu_max_in, (uint8_t)(s->tsdu_max >> 8),
                              (uint8_t)s->tsdu_max};
    if (s->peer_sent_tsdu_max && s->params.send_tsdu_max)
        spdu_put(&oa.out, PI_TSDU_MAX, bytes_of(sizes, sizeof sizes));
    spdu_put_u8(&oa.out, PI_VERSION, SESSION_VERSION_2);
    if (!session_rx_keep(s, EV_CDO, buf_bytes(&s->rx.params), p->user_data))
        return ERR_OK;
    if (session_tx_reserve(s, &oa, 0) < 0 || session_tx_send(s, &oa, (struct bytes){0}) < 0)
        session_restriction(s, "no memory to connect");
    else
        session_timer_start(s, s->params.connect_ms, NULL);
    return ERR_OK;
}

int session_act_cdo(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    struct spdu cn;
    s->fsm.state = STA01D; // until all is well: the user has not heard of the connection
    if (!session_rx_keep(s, EV_CDO, (struct bytes){0}, p->user_data) || !(p->enclosure & ENCLOSURE_END) ||
        !session_rx_kept(s, SI_CN, &cn))
        return ERR_OK;
    s->fsm.state = STA08;
    session_act_cn(s, &(struct session_ev){.spdu = &cn});
    session_rx_forget(s);
    return ERR_OK;
}

int session_act_oa(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    s->version = 2;
    if (spdu_has(p, PI_TSDU_MAX))
        s->tsdu_max = session_min_size(s->params.tsdu_max_send, p->tsdu_to_responder);
    if (session_tx_overflow(s) < 0)
        session_restriction(s, "no memory to connect");
    return ERR_OK;
}

// A CN that we cannot take: the provider's own REFUSE.
int session_act_cn_refused(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    bool version = (p->versions & s->params.versions) == 0;
    struct spdu_tx rf = {.si = SI_RF, .data_pi = PI_REASON};
    rf.reason = version ? SESSION_REFUSED_VERSION : SESSION_REFUSED_RESTRICTION;
    spdu_put_u8(&rf.out, PI_TRANSPORT_DISCONNECT, TD_RELEASED);
    spdu_put_u8(&rf.out, PI_VERSION, s->params.versions);
    snprintf(s->error, sizeof s->error, "session: CONNECT refused, %s (versions %#x, functional units %#x)",
             session_refusal_text((uint8_t)rf.reason), p->versions, p->requirements);
    if (session_tx_reserve(s, &rf, 0) < 0 || session_tx_send(s, &rf, (struct bytes){0}) < 0) {
        session_transport_end(s);
        s->fsm.state = STA_OVER;
    } else
        session_timer_start(s, s->params.abort_ms, NULL);
    return ERR_OK;
}

int session_act_connect_rsp(void *ctx, void *arg) {
    struct session *s = ctx;
    struct session_ev *e = arg;
    s->requirements = e->con->requirements & s->proposed_fus;
    tokens_assign(s, e->setting);
    s->vm = s->va = e->con->has_initial_serial ? e->con->initial_serial : 0;
    return session_act_send(ctx, arg);
}

int session_act_refuse(void *ctx, void *arg) {
    struct session *s = ctx;
    session_timer_start(s, s->params.abort_ms, NULL);
    return session_act_send(ctx, arg);
}

int session_act_ac(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    session_timer_start(s, 0, NULL);
    s->version = p->versions & s->proposed_versions & SESSION_VERSION_2 ? 2 : 1;
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
    session_transport_end(s);
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
    session_timer_start(s, s->params.release_ms, "FINISH (FN)");
    return session_act_send(ctx, arg);
}

int session_act_fn(void *ctx, void *arg) {
    struct session *s = ctx;
    INDICATE(s, release_ind, s->user, ((struct session_ev *)arg)->spdu->user_data);
    return ERR_OK;
}

int session_act_release_rsp(void *ctx, void *arg) {
    struct session *s = ctx;
    session_timer_start(s, s->params.abort_ms, NULL);
    return session_act_send(ctx, arg);
}

int session_act_dn(void *ctx, void *arg) {
    struct session *s = ctx;
    session_transport_end(s);
    INDICATE(s, release_cnf, s->user, ((struct session_ev *)arg)->spdu->user_data);
    return ERR_OK;
}

// With a TSDU begun and not ended there is no way to send an ABORT: the transport connection ends instead.
int session_act_u_abort(void *ctx, void *arg) {
    struct session *s = ctx;
    if (tp0_sending(s->tp)) {
        session_transport_end(s);
        s->fsm.state = STA_OVER;
        return ERR_OK;
    }
    session_timer_start(s, s->params.abort_ms, NULL);
    return session_act_send(ctx, arg);
}

int session_act_transport_end(void *ctx, void *arg) {
    (void)arg;
    session_transport_end(ctx);
    return ERR_OK;
}

int session_act_ab(void *ctx, void *arg) {
    struct session *s = ctx;
    const struct spdu *p = ((struct session_ev *)arg)->spdu;
    uint8_t td = p->transport_disconnect;
    session_transport_end(s);
    if (td & TD_USER_ABORT) {
        INDICATE(s, u_abort_ind, s->user, p->user_data);
        return ERR_OK;
    }
    const char *why = td & TD_PROTOCOL_ERROR ? "it saw a protocol error"
                      : td & TD_RESTRICTION  ? "implementation restriction"
                                             : "no reason given";
    snprintf(s->error, sizeof s->error, "session: ABORT by the peer's session provider, %s", why);
    session_p_abort(s, td & TD_PROTOCOL_ERROR ? SESSION_ABORT_PROTOCOL_ERROR_PEER
                       : td & TD_RESTRICTION  ? SESSION_ABORT_RESTRICTION
                                              : SESSION_ABORT_UNDEFINED);
    return ERR_OK;
}
