// SPDX-License-Identifier: BSD-2-Clause
// The session layer's beginning and end, its face towards tp0, its timers, and what its reasons are called.
#include "rfc1006/session.h"

#include "rfc1006/session_fsm.h"

enum { COLLECT_DEFAULT = SPDU_LENGTH_MAX };

const char *session_refusal_text(uint8_t reason) {
    switch (reason) {
    case SESSION_REFUSED_BY_USER: return "rejection by called SS-user, reason not specified";
    case SESSION_REFUSED_CONGESTION: return "rejection by called SS-user due to temporary congestion";
    case SESSION_REFUSED_WITH_DATA: return "rejection by called SS-user";
    case SESSION_REFUSED_SSEL_UNKNOWN: return "session selector unknown";
    case SESSION_REFUSED_NOT_ATTACHED: return "SS-user not attached to SSAP";
    case SESSION_REFUSED_SPM_CONGESTION: return "SPM congestion at connect time";
    case SESSION_REFUSED_VERSION: return "proposed protocol versions not supported";
    case SESSION_REFUSED_BY_SPM: return "rejection by the SPM, reason not specified";
    case SESSION_REFUSED_RESTRICTION: return "rejection by the SPM, implementation restriction";
    default: return "unknown reason";
    }
}

const char *session_exception_text(uint8_t reason) {
    switch (reason) {
    case SESSION_REASON_NONSPECIFIC: return "non-specific error";
    case SESSION_REASON_RECEIVING_ABILITY: return "user receiving ability jeopardized";
    case SESSION_REASON_SEQUENCE: return "user sequence error";
    case SESSION_REASON_LOCAL: return "local SS-user error";
    case SESSION_REASON_PROCEDURAL: return "unrecoverable procedural error";
    case SESSION_REASON_DEMAND_DATA_TOKEN: return "demand data token";
    case SESSION_REASON_ABSENT: return "no reason given";
    default: return "unknown reason";
    }
}

void session_params_default(struct session_params *p) {
    *p = (struct session_params){.versions = SESSION_VERSION_1 | SESSION_VERSION_2,
                                 .send_protocol_options = true,
                                 .send_transport_disconnect = true,
                                 .connect_ms = 60000,
                                 .release_ms = 60000,
                                 .abort_ms = 10000,
                                 .answer_ms = 60000};
}

void session_init(struct session *s, const struct session_params *p, const struct session_user *up, void *user,
                  struct tp0 *tp) {
    *s = (struct session){.params = *p, .up = up, .user = user, .tp = tp, .rx = {.first = true}};
    s->fsm = (struct fsm){.table = &session_table, .ctx = s, .state = STA01};
    if (s->params.collect_limit == 0)
        s->params.collect_limit = COLLECT_DEFAULT;
}

void session_free(struct session *s) {
    buf_free(&s->connect_spdu);
    buf_free(&s->connect_rest);
    buf_free(&s->rx.params);
    buf_free(&s->rx.seg_params);
    buf_free(&s->rx.seg_data);
}

bool session_over(const struct session *s) {
    return s->fsm.state == STA_OVER;
}

uint64_t session_deadline(const struct session *s) {
    return s->timer_ms != 0 ? 1 : s->deadline;
}

void session_tick(struct session *s, uint64_t now_ms) {
    if (s->timer_ms != 0) {
        s->deadline = now_ms + s->timer_ms;
        s->timer_ms = 0;
    }
    if (s->deadline != 0 && now_ms >= s->deadline) {
        s->deadline = 0;
        fsm_step(&s->fsm, EV_TIM, &(struct session_ev){0});
    }
}

// --- towards tp0

static void transport_connect_ind(void *user, const struct tp0_connect *c) {
    struct session *s = user;
    uint8_t refusal = s->params.accept_transport ? s->params.accept_transport(s->params.accept_ctx, c) : 0;
    if (refusal != 0 || tp0_connect_rsp(s->tp) < 0) {
        tp0_disconnect_req(s->tp, refusal ? refusal : TP0_REASON_CONGESTION_AT_TSAP);
        fsm_step(&s->fsm, EV_TDISIND, &(struct session_ev){0});
    } else
        fsm_step(&s->fsm, EV_TCONIND, &(struct session_ev){0});
}

static void transport_connect_cnf(void *user, const struct tp0_connect *c) {
    struct session *s = user;
    (void)c;
    fsm_step(&s->fsm, EV_TCONCNF, &(struct session_ev){0});
}

static void transport_data_ind(void *user, struct bytes piece, bool last) {
    session_rx_input(user, piece, last);
}

static void transport_disconnect_ind(void *user, const struct tp0_disconnect *d) {
    struct session *s = user;
    fsm_step(&s->fsm, EV_TDISIND, &(struct session_ev){.why = d->text});
}

const struct tp0_user session_tp0_user = {transport_connect_ind, transport_connect_cnf, transport_data_ind,
                                          transport_disconnect_ind};
