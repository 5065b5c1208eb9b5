// SPDX-License-Identifier: BSD-2-Clause
// The presentation layer's face towards session: what comes is classified (CP, CPA, CPR, ARU, ARP, data, what passes
// through) and stepped through the state table. The octets of P-DATA go through pdv_stream to RTSE.
#include "rfc1006/presentation_fsm.h"

static void on_connect_ind(void *user, const struct session_connect *s) {
    struct presentation *p = user;
    struct presentation_ppdu cp = {.provider_reason = -1};
    struct stack_failure f;
    uint8_t refuse = p->params.accept_session == NULL ? 0 : p->params.accept_session(p->params.accept_ctx, s);
    if (refuse != 0) {
        stack_failure_set(&f, STACK_SESSION, false, refuse, "session: connection refused, reason %u (%s)", refuse,
                          session_refusal_text(refuse));
        presentation_refuse(p, refuse, NULL, &f);
        return;
    }
    if (presentation_cp_decode(s->user_data, &cp) < 0) {
        stack_failure_set(&f, STACK_PRESENTATION, false, -1,
                          "presentation: connection refused, its first PPDU is not a CP that can be read");
        presentation_refuse(p, SESSION_REFUSED_BY_USER, NULL, &f);
        return;
    }
    p->x410 = !cp.normal_mode;
    fsm_step(&p->fsm, CP, &(struct presentation_arg){.session_connect = s, .ppdu = &cp});
}

static void on_connect_cnf(void *user, const struct session_connect *s) {
    struct presentation *p = user;
    struct presentation_ppdu ppdu = {.provider_reason = -1};
    struct presentation_arg a = {.session_connect = s, .ppdu = &ppdu};
    bool data = s->user_data.p != NULL && s->user_data.n > 0;
    if (s->refused && (!data || presentation_cpr_decode(s->user_data, &ppdu) < 0)) {
        a.ppdu = NULL;
        fsm_step(&p->fsm, S_REFUSE, &a);
    } else if (s->refused) {
        fsm_step(&p->fsm, CPR, &a);
    } else if (presentation_cpa_decode(s->user_data, &ppdu) < 0 || ppdu.normal_mode == p->x410) {
        presentation_fault(p, ARP_UNRECOGNIZED_PPDU, -1,
                           p->x410 ? "its answer is not a CPA of X.410 mode that can be read"
                                   : "its answer is not a CPA of normal mode that can be read");
    } else {
        fsm_step(&p->fsm, CPA, &a);
    }
}

static void on_release_ind(void *user, struct bytes ud) {
    struct presentation *p = user;
    fsm_step(&p->fsm, RELEASE_IND, &(struct presentation_arg){.octets = ud});
}

static void on_release_cnf(void *user, struct bytes ud) {
    struct presentation *p = user;
    fsm_step(&p->fsm, RELEASE_CNF, &(struct presentation_arg){.octets = ud});
}

static void on_u_abort_ind(void *user, struct bytes ud) {
    struct presentation *p = user;
    struct presentation_ppdu ppdu = {.provider_reason = -1, .event = -1};
    enum presentation_abort_kind kind = PRESENTATION_ARU;
    struct stack_failure f;
    if (ud.p != NULL && ud.n > 0 && presentation_abort_decode(ud, &kind, &ppdu) < 0) {
        kind = PRESENTATION_ARU; // an abort is an abort, whatever its words
        ppdu.user_data = bytes_of(NULL, 0);
    }
    if (kind == PRESENTATION_ARP) {
        stack_failure_set(&f, STACK_PRESENTATION, true, ppdu.provider_reason,
                          "presentation: aborted by the peer's provider, reason %d (%s)", ppdu.provider_reason,
                          presentation_abort_text(ppdu.provider_reason));
        f.how = STACK_ABORTED;
    }
    fsm_step(&p->fsm, kind == PRESENTATION_ARP ? ARP : ARU, &(struct presentation_arg){.ppdu = &ppdu, .failure = &f});
}

static void on_p_abort_ind(void *user, const struct session_p_abort *s) {
    struct presentation *p = user;
    struct stack_failure f;
    bool peer = s->reason == SESSION_ABORT_PROTOCOL_ERROR_PEER || s->reason == SESSION_ABORT_UNDEFINED ||
                s->reason == SESSION_ABORT_TRANSPORT;
    stack_failure_set(&f, s->reason == SESSION_ABORT_TRANSPORT ? STACK_TRANSPORT : STACK_SESSION, peer, -1, "%s",
                      s->text);
    f.how = s->reason == SESSION_ABORT_TIMEOUT          ? STACK_SILENT
            : s->reason == SESSION_ABORT_PROTOCOL_ERROR ? STACK_BROKEN
            : s->reason == SESSION_ABORT_TRANSPORT      ? STACK_CLOSED
            : s->reason == SESSION_ABORT_RESTRICTION    ? STACK_FAILED
                                                        : STACK_ABORTED;
    fsm_step(&p->fsm, S_P_ABORT, &(struct presentation_arg){.failure = &f});
}

static void on_data_ind(void *user, struct bytes piece, bool last) {
    struct presentation *p = user;
    if (p->fsm.state == IDLE)
        return;
    if (p->dropping)
        return;
    int err = fsm_step(&p->fsm, DATA_IND, &(struct presentation_arg){.octets = piece, .last = last});
    if (err == ERR_OK && last && !p->x410)
        err = pdv_stream_end(&p->pdv);
    if (err < 0 && p->fsm.state != IDLE)
        presentation_fault(p, ARP_INVALID_VALUE, 7, "P-DATA whose user data cannot be read");
    else if (last)
        pdv_stream_reset(&p->pdv);
}

static void passing(void *user, struct presentation_event e) {
    struct presentation *p = user;
    fsm_step(&p->fsm, EVENT_IND, &(struct presentation_arg){.passing = &e});
}

static void on_token_please(void *user, uint8_t tokens, struct bytes ud) {
    int64_t context;
    passing(user, (struct presentation_event){.primitive = P_TOKEN_PLEASE,
                                              .tokens = tokens,
                                              .user_data = presentation_value_of(user, ud, &context)});
}
static void on_token_give(void *user, uint8_t tokens) {
    passing(user, (struct presentation_event){.primitive = P_TOKEN_GIVE, .tokens = tokens});
}
static void on_control_give(void *user) {
    passing(user, (struct presentation_event){.primitive = P_CONTROL_GIVE});
}
static void on_sync_minor_ind(void *user, uint32_t serial, bool explicit_cnf, struct bytes ud) {
    (void)ud;
    passing(user,
            (struct presentation_event){.primitive = P_SYNC_MINOR, .serial = serial, .explicit_cnf = explicit_cnf});
}
static void on_sync_minor_cnf(void *user, uint32_t serial, struct bytes ud) {
    (void)ud;
    passing(user, (struct presentation_event){.primitive = P_SYNC_MINOR, .response = true, .serial = serial});
}
static void on_activity_start(void *user, struct bytes id, struct bytes ud) {
    (void)ud;
    passing(user, (struct presentation_event){.primitive = P_ACTIVITY_START, .activity_id = id});
}
static void on_activity_resume(void *user, const struct session_resume *r) {
    passing(user, (struct presentation_event){.primitive = P_ACTIVITY_RESUME, .activity_id = r->new_id, .resume = r});
}
static void on_interrupt_ind(void *user, uint8_t reason) {
    passing(user, (struct presentation_event){.primitive = P_ACTIVITY_INTERRUPT, .reason = reason});
}
static void on_interrupt_cnf(void *user) {
    passing(user, (struct presentation_event){.primitive = P_ACTIVITY_INTERRUPT, .response = true});
}
static void on_discard_ind(void *user, uint8_t reason) {
    passing(user, (struct presentation_event){.primitive = P_ACTIVITY_DISCARD, .reason = reason});
}
static void on_discard_cnf(void *user) {
    passing(user, (struct presentation_event){.primitive = P_ACTIVITY_DISCARD, .response = true});
}
static void on_end_ind(void *user, uint32_t serial, struct bytes ud) {
    (void)ud;
    passing(user, (struct presentation_event){.primitive = P_ACTIVITY_END, .serial = serial});
}
static void on_end_cnf(void *user, uint32_t serial, struct bytes ud) {
    (void)ud;
    passing(user, (struct presentation_event){.primitive = P_ACTIVITY_END, .response = true, .serial = serial});
}
static void on_u_exception(void *user, uint8_t reason, struct bytes ud) {
    (void)ud;
    passing(user, (struct presentation_event){.primitive = P_U_EXCEPTION_REPORT, .reason = reason});
}
static void on_p_exception(void *user) {
    passing(user, (struct presentation_event){.primitive = P_P_EXCEPTION_REPORT});
}

const struct session_user presentation_session_user = {
    .connect_ind = on_connect_ind,
    .connect_cnf = on_connect_cnf,
    .release_ind = on_release_ind,
    .release_cnf = on_release_cnf,
    .u_abort_ind = on_u_abort_ind,
    .p_abort_ind = on_p_abort_ind,
    .data_ind = on_data_ind,
    .token_please_ind = on_token_please,
    .token_give_ind = on_token_give,
    .control_give_ind = on_control_give,
    .sync_minor_ind = on_sync_minor_ind,
    .sync_minor_cnf = on_sync_minor_cnf,
    .activity_start_ind = on_activity_start,
    .activity_resume_ind = on_activity_resume,
    .activity_interrupt_ind = on_interrupt_ind,
    .activity_interrupt_cnf = on_interrupt_cnf,
    .activity_discard_ind = on_discard_ind,
    .activity_discard_cnf = on_discard_cnf,
    .activity_end_ind = on_end_ind,
    .activity_end_cnf = on_end_cnf,
    .u_exception_ind = on_u_exception,
    .p_exception_ind = on_p_exception,
};

static int pdv_begin(void *ctx, int64_t context) {
    struct presentation *p = ctx;
    if (context != PDV_NO_CONTEXT && !presentation_has_context(p, context))
        return ERR_SYNTAX;
    return p->rtse->data_begin(p->rtse_user, context);
}

static int pdv_data(void *ctx, struct bytes piece) {
    struct presentation *p = ctx;
    return p->rtse->data(p->rtse_user, piece);
}

static int pdv_end(void *ctx) {
    struct presentation *p = ctx;
    return p->rtse->data_end(p->rtse_user);
}

static const struct pdv_user pdv_to_rtse = {pdv_begin, pdv_data, pdv_end};

void presentation_init(struct presentation *p, const struct presentation_params *params, struct session *session,
                       const struct presentation_acse_user *acse, void *acse_user,
                       const struct presentation_rtse_user *rtse, void *rtse_user) {
    *p = (struct presentation){.params = *params,
                               .session = session,
                               .acse = acse,
                               .acse_user = acse_user,
                               .rtse = rtse,
                               .rtse_user = rtse_user};
    p->fsm = (struct fsm){.table = &presentation_fsm, .ctx = p, .state = IDLE};
    pdv_stream_init(&p->pdv, PDV_USER_DATA, &pdv_to_rtse, p);
}

void presentation_free(struct presentation *p) {
    buf_free(&p->names);
    buf_free(&p->joined);
    pdv_stream_free(&p->pdv);
}
