// SPDX-License-Identifier: BSD-2-Clause
// The presentation protocol machine. Its states are those of X.226 (idle, await CPA, await response, connected); what
// the peer sends is classified first (CP, CPA, CPR, ARU, ARP, data) and then stepped. The octets of P-DATA go through
// pdv_stream. A fault of the peer is answered with ARP in an S-U-ABORT, and the users above get a P-P-ABORT indication.
#include <stdio.h>

#include "rfc1006/presentation_fsm.h"

static const char *const state_names[] = {"idle", "await CPA", "await response", "connected"};
static const char *const event_names[] = {
    "P-CONNECT request",
    "P-CONNECT response+",
    "P-CONNECT response-",
    "P-RELEASE request",
    "P-RELEASE response",
    "P-U-ABORT request",
    "P-DATA request",
    "passing request",
    "CP",
    "CPA",
    "CPR",
    "S-CONNECT confirm-",
    "S-RELEASE indication",
    "S-RELEASE confirm",
    "ARU",
    "ARP",
    "S-P-ABORT indication",
    "S-DATA indication",
    "passing indication",
};

// ---- contexts ----

int32_t presentation_context_of(const struct presentation *p, struct bytes abstract_syntax) {
    for (size_t i = 0; i < p->n_contexts; i++)
        if (p->contexts[i].result == PRESENTATION_ACCEPTANCE &&
            bytes_equal(p->contexts[i].abstract_syntax, abstract_syntax))
            return p->contexts[i].id;
    return -1;
}

bool presentation_has_context(const struct presentation *p, int64_t id) {
    for (size_t i = 0; i < p->n_contexts; i++)
        if (p->contexts[i].result == PRESENTATION_ACCEPTANCE && p->contexts[i].id == id)
            return true;
    return false;
}

// Copies the list, which points into somebody else's octets.
static int contexts_keep(struct presentation *p, const struct presentation_context *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int err = buf_append(&p->names, list[i].abstract_syntax.p, list[i].abstract_syntax.n);
        if (err < 0)
            return err;
    }
    const uint8_t *at = buf_bytes(&p->names).p;
    for (size_t i = 0; i < n; i++) {
        p->contexts[i] = list[i];
        p->contexts[i].abstract_syntax = bytes_of(at, list[i].abstract_syntax.n);
        at += list[i].abstract_syntax.n;
    }
    p->n_contexts = n;
    return ERR_OK;
}

static void contexts_judge(struct presentation *p) {
    for (size_t i = 0; i < p->n_contexts; i++) {
        struct presentation_context *c = &p->contexts[i];
        bool known = false, again = false;
        for (size_t k = 0; k < sizeof p->params.supported / sizeof *p->params.supported; k++)
            known |= p->params.supported[k].p != NULL && bytes_equal(p->params.supported[k], c->abstract_syntax);
        for (size_t k = 0; k < i; k++)
            again |= p->contexts[k].id == c->id;
        c->result = known && c->ber && !again ? PRESENTATION_ACCEPTANCE : PRESENTATION_PROVIDER_REJECTION;
        c->reason = (int8_t)(!known    ? PRESENTATION_REJECT_ABSTRACT_SYNTAX
                             : !c->ber ? PRESENTATION_REJECT_TRANSFER_SYNTAXES
                                       : PRESENTATION_REJECT_NOT_SPECIFIED);
    }
}

// ---- actions: requests of the users above ----

static int user_data_wrap(const struct presentation *p, struct buf *value, int32_t context) {
    return p->x410 || value == NULL || value->len == 0 ? ERR_OK : pdv_wrap_user_data(value, context);
}

static int send_cp(void *ctx, void *v) {
    struct presentation *p = ctx;
    const struct presentation_arg *a = v;
    struct presentation_ppdu cp = {.calling_psel = a->connect->calling_psel, .called_psel = a->connect->called_psel};
    p->x410 = a->connect->x410;
    if (p->x410) {
        int wrapped = presentation_x410_connect_encode(a->buf);
        return wrapped == ERR_OK ? session_connect_req(p->session, &a->connect->session, a->buf) : wrapped;
    }
    int err = contexts_keep(p, a->connect->contexts, a->connect->n_contexts);
    cp.n_contexts = p->n_contexts;
    memcpy(cp.contexts, p->contexts, sizeof cp.contexts);
    if (err == ERR_OK)
        err = user_data_wrap(p, a->buf, a->context);
    if (err == ERR_OK)
        err = presentation_cp_encode(a->buf, &cp);
    return err == ERR_OK ? session_connect_req(p->session, &a->connect->session, a->buf) : err;
}

static int send_cpa(void *ctx, void *v) {
    struct presentation *p = ctx;
    const struct presentation_arg *a = v;
    struct session_connect s = a->connect->session;
    struct presentation_ppdu cpa = {.called_psel = a->connect->called_psel, .n_contexts = p->n_contexts};
    memcpy(cpa.contexts, p->contexts, sizeof cpa.contexts);
    s.refused = a->connect->refused;
    s.reason = SESSION_REFUSED_WITH_DATA;
    cpa.provider_reason = -1;
    int err = user_data_wrap(p, a->buf, a->context);
    if (err == ERR_OK && p->x410)
        err = s.refused ? presentation_x410_encode(a->buf) : presentation_x410_connect_encode(a->buf);
    else if (err == ERR_OK)
        err = s.refused ? presentation_cpr_encode(a->buf, &cpa) : presentation_cpa_encode(a->buf, &cpa);
    return err == ERR_OK ? session_connect_rsp(p->session, &s, a->buf) : err;
}

static int send_release(void *ctx, void *v) {
    struct presentation *p = ctx;
    const struct presentation_arg *a = v;
    int err = user_data_wrap(p, a->buf, a->context);
    return err == ERR_OK ? session_release_req(p->session, a->buf) : err;
}

static int send_release_response(void *ctx, void *v) {
    struct presentation *p = ctx;
    const struct presentation_arg *a = v;
    int err = user_data_wrap(p, a->buf, a->context);
    return err == ERR_OK ? session_release_rsp(p->session, a->buf) : err;
}

static int aru_wrap(const struct presentation *p, struct buf *b, int32_t context) {
    if (p->x410)
        return presentation_x410_encode(b);
    int err = pdv_wrap_user_data(b, context);
    return err == ERR_OK ? presentation_aru_encode(b, context) : err;
}

static int send_aru(void *ctx, void *v) {
    struct presentation *p = ctx;
    const struct presentation_arg *a = v;
    int err = ERR_LIMIT;
    if (a->buf != NULL && (a->buf->len > 0 || p->x410) && (err = aru_wrap(p, a->buf, a->context)) == ERR_OK)
        err = session_u_abort_req(p->session, a->buf);
    return err < 0 ? session_u_abort_req(p->session, NULL) : err; // session version 1 has room for 9 octets only
}

static int send_data(void *ctx, void *v) {
    struct presentation *p = ctx;
    const struct presentation_arg *a = v;
    if (a->buf == NULL)
        return session_data_piece_req(p->session, a->octets, a->last);
    int err = p->x410 ? ERR_OK : pdv_wrap_user_data(a->buf, a->context);
    return err == ERR_OK ? session_data_req(p->session, a->buf) : err;
}

static int send_resume(struct presentation *p, const struct presentation_event *e) {
    struct session_resume s = *e->resume;
    s.new_id = e->activity_id;
    return session_activity_resume_req(p->session, &s, NULL);
}

static int send_exception(struct presentation *p, const struct presentation_event *e) {
    int err = session_u_exception_req(p->session, e->reason, NULL);
    p->dropping |= err == ERR_OK;
    return err;
}

static int send_token_please(struct presentation *p, const struct presentation_event *e) {
    int err = user_data_wrap(p, e->value, e->context);
    return err == ERR_OK ? session_token_please_req(p->session, e->tokens, e->value) : err;
}

static int send_passing(void *ctx, void *v) {
    struct presentation *p = ctx;
    struct presentation_event *e = ((struct presentation_arg *)v)->passing;
    switch (e->primitive) {
    case P_ACTIVITY_START: return session_activity_start_req(p->session, e->activity_id, NULL);
    case P_ACTIVITY_INTERRUPT:
        return e->response ? session_activity_interrupt_rsp(p->session)
                           : session_activity_interrupt_req(p->session, e->reason);
    case P_ACTIVITY_DISCARD:
        return e->response ? session_activity_discard_rsp(p->session)
                           : session_activity_discard_req(p->session, e->reason);
    case P_ACTIVITY_END:
        return e->response ? session_activity_end_rsp(p->session, NULL)
                           : session_activity_end_req(p->session, &e->serial, NULL);
    case P_SYNC_MINOR:
        return e->response ? session_sync_minor_rsp(p->session, e->serial, NULL)
                           : session_sync_minor_req(p->session, e->explicit_cnf, &e->serial, NULL);
    case P_U_EXCEPTION_REPORT: return send_exception(p, e);
    case P_TOKEN_PLEASE: return send_token_please(p, e);
    case P_TOKEN_GIVE: return session_token_give_req(p->session, e->tokens);
    case P_CONTROL_GIVE: return session_control_give_req(p->session);
    case P_ACTIVITY_RESUME: return send_resume(p, e);
    case P_P_EXCEPTION_REPORT: break;
    }
    return ERR_STATE;
}

// ---- faults of the peer ----

void presentation_fault(struct presentation *p, int reason, int event, const char *what) {
    struct buf b = {0};
    struct stack_failure f;
    p->fsm.state = IDLE;
    if (p->x410 || presentation_arp_encode(&b, reason, event) < 0 || session_u_abort_req(p->session, &b) < 0)
        session_u_abort_req(p->session, NULL);
    buf_free(&b);
    stack_failure_set(&f, STACK_PRESENTATION, false, reason, "presentation: protocol error of the peer, %s", what);
    f.how = STACK_BROKEN;
    p->acse->p_abort_ind(p->acse_user, &f);
}

static int unlisted(void *ctx, uint8_t event, void *arg) {
    struct presentation *p = ctx;
    char what[80];
    (void)arg;
    if (event <= EVENT_REQ)
        return ERR_STATE;
    if (p->fsm.state == IDLE)
        return ERR_OK; // over: what still comes says nothing
    snprintf(what, sizeof what, "%s in state %s", event_names[event], state_names[p->fsm.state]);
    presentation_fault(p,
                       event == RELEASE_IND || event == RELEASE_CNF || event == EVENT_IND ? ARP_UNEXPECTED_PRIMITIVE
                                                                                          : ARP_UNEXPECTED_PPDU,
                       -1, what);
    return ERR_OK;
}

void presentation_refuse(struct presentation *p, uint8_t session_reason, struct presentation_ppdu *cpr,
                         const struct stack_failure *f) {
    struct session_connect s = {.refused = true, .reason = session_reason};
    struct buf b = {0};
    p->fsm.state = IDLE;
    if (cpr != NULL && presentation_cpr_encode(&b, cpr) < 0)
        buf_clear(&b);
    if (session_connect_rsp(p->session, &s, b.len > 0 ? &b : NULL) < 0)
        session_u_abort_req(p->session, NULL);
    buf_free(&b);
    p->acse->p_abort_ind(p->acse_user, f);
}

static void connect_refuse_provider(struct presentation *p, struct presentation_ppdu *cp, int reason, const char *why) {
    struct stack_failure f;
    struct presentation_ppdu cpr = {.called_psel = cp->called_psel, .provider_reason = reason};
    stack_failure_set(&f, STACK_PRESENTATION, false, reason, "presentation: connection refused, reason %d (%s): %s",
                      reason, presentation_provider_reason_text(reason), why);
    presentation_refuse(p, SESSION_REFUSED_WITH_DATA, &cpr, &f);
}

// ---- actions: what the peer sent ----

// Octets in segments (an octet-aligned or arbitrary value in constructed form) are put together first.
struct join {
    struct buf *to;
    int64_t *context;
    bool begun;
};

static int join_begin(void *ctx, int64_t context) {
    struct join *j = ctx;
    if (j->begun)
        return ERR_LIMIT; // the first value is all that is wanted
    j->begun = true;
    *j->context = context;
    return ERR_OK;
}
static int join_data(void *ctx, struct bytes piece) {
    return buf_append(((struct join *)ctx)->to, piece.p, piece.n);
}
static int join_end(void *ctx) {
    (void)ctx;
    return ERR_OK;
}

static struct bytes join(struct presentation *p, struct bytes user_data, int64_t *context) {
    static const struct pdv_user user = {join_begin, join_data, join_end};
    struct join j = {.to = &p->joined, .context = context};
    struct pdv_stream s;
    buf_clear(&p->joined);
    pdv_stream_init(&s, PDV_USER_DATA, &user, &j);
    int err = pdv_stream_feed(&s, user_data);
    if (err == ERR_OK)
        err = pdv_stream_end(&s);
    pdv_stream_free(&s);
    return (err == ERR_OK || err == ERR_LIMIT) && p->joined.len > 0 ? buf_bytes(&p->joined) : bytes_of(NULL, 0);
}

struct bytes presentation_value_of(struct presentation *p, struct bytes user_data, int64_t *context) {
    struct bytes value = {NULL, 0};
    *context = PDV_NO_CONTEXT;
    if (p->x410 || user_data.p == NULL || user_data.n == 0)
        return p->x410 ? user_data : value;
    return pdv_first(user_data, context, &value) == ERR_OK ? value : join(p, user_data, context);
}

static int indicate_connect(void *ctx, void *v) {
    struct presentation *p = ctx;
    const struct presentation_arg *a = v;
    struct presentation_connect c = {.x410 = p->x410,
                                     .session = *a->session_connect,
                                     .calling_psel = a->ppdu->calling_psel,
                                     .called_psel = a->ppdu->called_psel};
    if (p->x410) {
        c.user_data = presentation_value_of(p, a->ppdu->user_data, &c.context);
        p->acse->connect_ind(p->acse_user, &c);
        return ERR_OK;
    }
    int refuse = p->params.accept_presentation == NULL
                     ? -1
                     : p->params.accept_presentation(p->params.accept_ctx, c.calling_psel, c.called_psel);
    if (refuse >= 0) {
        connect_refuse_provider(p, a->ppdu, refuse, "called P-selector");
        return ERR_OK;
    }
    if (!a->ppdu->version_1 || contexts_keep(p, a->ppdu->contexts, a->ppdu->n_contexts) < 0) {
        connect_refuse_provider(p, a->ppdu, a->ppdu->version_1 ? CPR_CONGESTION : CPR_VERSION,
                                "protocol version, or memory");
        return ERR_OK;
    }
    contexts_judge(p);
    c.user_data = presentation_value_of(p, a->ppdu->user_data, &c.context);
    if (c.user_data.p == NULL || (c.context != PDV_NO_CONTEXT && !presentation_has_context(p, c.context))) {
        connect_refuse_provider(p, a->ppdu, CPR_USER_DATA_NOT_READABLE, "user data absent or in no accepted context");
        return ERR_OK;
    }
    c.n_contexts = p->n_contexts;
    memcpy(c.contexts, p->contexts, sizeof c.contexts);
    p->acse->connect_ind(p->acse_user, &c);
    return ERR_OK;
}

// A CPA; or, with refused set, a CPR or a session refusal.
static void confirm(struct presentation *p, const struct presentation_arg *a, struct presentation_connect *c) {
    c->session = *a->session_connect;
    c->x410 = p->x410;
    if (a->ppdu != NULL) {
        c->called_psel = a->ppdu->called_psel;
        c->user_data = presentation_value_of(p, a->ppdu->user_data, &c->context);
    }
    if (!c->refused && c->user_data.p != NULL && c->context != PDV_NO_CONTEXT &&
        !presentation_has_context(p, c->context)) {
        presentation_fault(p, ARP_INVALID_VALUE, 1, "CPA with user data in a context that it does not accept");
        return;
    }
    c->n_contexts = p->n_contexts;
    memcpy(c->contexts, p->contexts, sizeof c->contexts);
    p->acse->connect_cnf(p->acse_user, c);
}

static int confirm_accepted(void *ctx, void *v) {
    struct presentation *p = ctx;
    const struct presentation_arg *a = v;
    struct presentation_connect c = {.refused = false};
    if (!p->x410 && a->ppdu->n_contexts != p->n_contexts) {
        presentation_fault(p, ARP_INVALID_VALUE, 1, "CPA answers another number of contexts than were proposed");
        return ERR_OK;
    }
    for (size_t i = 0; i < p->n_contexts; i++) {
        p->contexts[i].result = a->ppdu->contexts[i].result;
        p->contexts[i].reason = a->ppdu->contexts[i].reason;
    }
    confirm(p, a, &c);
    return ERR_OK;
}

static int confirm_refused(void *ctx, void *v) {
    struct presentation *p = ctx;
    const struct presentation_arg *a = v;
    struct presentation_connect c = {.refused = true};
    const struct session_connect *s = a->session_connect;
    if (a->ppdu == NULL) {
        stack_failure_set(&c.failure, STACK_SESSION, true, s->reason, "%s",
                          s->text != NULL ? s->text : session_refusal_text(s->reason));
    } else {
        int reason = a->ppdu->provider_reason;
        c.by_user = reason < 0;
        stack_failure_set(&c.failure, STACK_PRESENTATION, true, reason, "presentation: CPR, reason %d (%s)", reason,
                          presentation_provider_reason_text(reason));
    }
    confirm(p, a, &c);
    return ERR_OK;
}

static int indicate_release(void *ctx, void *v) {
    struct presentation *p = ctx;
    int64_t context;
    p->acse->release_ind(p->acse_user, presentation_value_of(p, ((struct presentation_arg *)v)->octets, &context));
    return ERR_OK;
}

static int confirm_release(void *ctx, void *v) {
    struct presentation *p = ctx;
    int64_t context;
    p->acse->release_cnf(p->acse_user, presentation_value_of(p, ((struct presentation_arg *)v)->octets, &context));
    return ERR_OK;
}

static int indicate_u_abort(void *ctx, void *v) {
    struct presentation *p = ctx;
    const struct presentation_arg *a = v;
    int64_t context;
    p->acse->u_abort_ind(p->acse_user, presentation_value_of(p, a->ppdu->user_data, &context));
    return ERR_OK;
}

static int indicate_p_abort(void *ctx, void *v) {
    struct presentation *p = ctx;
    p->acse->p_abort_ind(p->acse_user, ((struct presentation_arg *)v)->failure);
    return ERR_OK;
}

// X.410 mode: an SSDU is what RTSE gave the peer's presentation layer.
static int pass_bare(struct presentation *p, struct bytes octets, bool last) {
    int err = p->in_data ? ERR_OK : p->rtse->data_begin(p->rtse_user, PDV_NO_CONTEXT);
    p->in_data = !last;
    if (err == ERR_OK && octets.n > 0)
        err = p->rtse->data(p->rtse_user, octets);
    return err == ERR_OK && last ? p->rtse->data_end(p->rtse_user) : err;
}

static int pass_data(void *ctx, void *v) {
    struct presentation *p = ctx;
    const struct presentation_arg *a = v;
    return p->x410 ? pass_bare(p, a->octets, a->last) : pdv_stream_feed(&p->pdv, a->octets);
}

static int pass_event(void *ctx, void *v) {
    struct presentation *p = ctx;
    if (p->dropping) { // the SSDU that was being received has no end
        pdv_stream_reset(&p->pdv);
        p->dropping = p->in_data = false;
    }
    p->rtse->event(p->rtse_user, ((struct presentation_arg *)v)->passing);
    return ERR_OK;
}

// States as in X.226; rows follow what was captured and, where no capture has them, its annex A as ISODE++ has it.
#define SEEN(s, e, a, n)                                                                                               \
    { s, e, NULL, a, n, "capture" }
#define ROW(s, e, a, n)                                                                                                \
    { s, e, NULL, a, n, "X.226 annex A, as ISODE++ has it" }
#define ABORTS(s)                                                                                                      \
    ROW(s, U_ABORT_REQ, send_aru, IDLE), ROW(s, ARU, indicate_u_abort, IDLE), ROW(s, ARP, indicate_p_abort, IDLE),     \
        ROW(s, S_P_ABORT, indicate_p_abort, IDLE)
static const struct fsm_row rows[] = {
    SEEN(IDLE, CONNECT_REQ, send_cp, AWAIT_CPA),
    SEEN(IDLE, CP, indicate_connect, AWAIT_RESPONSE),
    SEEN(AWAIT_CPA, CPA, confirm_accepted, CONNECTED),
    ROW(AWAIT_CPA, CPR, confirm_refused, IDLE),
    ROW(AWAIT_CPA, S_REFUSE, confirm_refused, IDLE),
    ABORTS(AWAIT_CPA),
    SEEN(AWAIT_RESPONSE, CONNECT_RSP, send_cpa, CONNECTED),
    ROW(AWAIT_RESPONSE, CONNECT_RSP_REFUSE, send_cpa, IDLE),
    ABORTS(AWAIT_RESPONSE),
    SEEN(CONNECTED, RELEASE_REQ, send_release, FSM_SAME),
    SEEN(CONNECTED, RELEASE_CNF, confirm_release, IDLE),
    SEEN(CONNECTED, RELEASE_IND, indicate_release, FSM_SAME),
    SEEN(CONNECTED, RELEASE_RSP, send_release_response, IDLE),
    SEEN(CONNECTED, DATA_REQ, send_data, FSM_SAME),
    SEEN(CONNECTED, DATA_IND, pass_data, FSM_SAME),
    SEEN(CONNECTED, EVENT_REQ, send_passing, FSM_SAME),
    SEEN(CONNECTED, EVENT_IND, pass_event, FSM_SAME),
    ABORTS(CONNECTED),
};

const struct fsm_table presentation_fsm = {
    "presentation", state_names, N_STATES, event_names, N_EVENTS, rows, sizeof rows / sizeof *rows, unlisted};

// ---- from above ----

// A request that fails has not happened.
static int request(struct presentation *p, enum presentation_step e, struct presentation_arg *a) {
    uint8_t before = p->fsm.state;
    int err = fsm_step(&p->fsm, (uint8_t)e, a);
    if (err < 0)
        p->fsm.state = before;
    return err;
}

int presentation_connect_req(struct presentation *p, const struct presentation_connect *c, int32_t context,
                             struct buf *value) {
    return request(p, CONNECT_REQ, &(struct presentation_arg){.connect = c, .context = context, .buf = value});
}

int presentation_connect_rsp(struct presentation *p, const struct presentation_connect *c, int32_t context,
                             struct buf *value) {
    return request(p, c->refused ? CONNECT_RSP_REFUSE : CONNECT_RSP,
                   &(struct presentation_arg){.connect = c, .context = context, .buf = value});
}

int presentation_release_req(struct presentation *p, int32_t context, struct buf *value) {
    return request(p, RELEASE_REQ, &(struct presentation_arg){.context = context, .buf = value});
}

int presentation_release_rsp(struct presentation *p, int32_t context, struct buf *value) {
    return request(p, RELEASE_RSP, &(struct presentation_arg){.context = context, .buf = value});
}

int presentation_u_abort_req(struct presentation *p, int32_t context, struct buf *value) {
    return request(p, U_ABORT_REQ, &(struct presentation_arg){.context = context, .buf = value});
}

int presentation_data_req(struct presentation *p, int32_t context, struct buf *value) {
    return request(p, DATA_REQ, &(struct presentation_arg){.context = context, .buf = value});
}

int presentation_data_header(const struct presentation *p, struct buf *b, int32_t context, uint64_t total) {
    return p->x410 ? ERR_OK : pdv_put_user_data_header(b, context, total);
}

int presentation_data_piece_req(struct presentation *p, struct bytes piece, bool last) {
    return request(p, DATA_REQ, &(struct presentation_arg){.octets = piece, .last = last});
}

int presentation_event_req(struct presentation *p, struct presentation_event *e) {
    return request(p, EVENT_REQ, &(struct presentation_arg){.passing = e});
}
