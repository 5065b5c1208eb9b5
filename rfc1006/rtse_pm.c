// SPDX-License-Identifier: BSD-2-Clause
// RTSE's state table, RT-OPEN, RT-CLOSE and aborts. RTORQ, RTOAC and RTORJ travel as user information of A-ASSOCIATE,
// RTAB as that of A-ABORT. Two-way alternate and recovery are refused as the standard provides: RTORJ with their
// reason.
#include <stdarg.h>
#include <stdio.h>

#include "rfc1006/rtse_actions.h"

enum state {
    CLOSED,
    AWAIT_CONFIRM,  // initiator: of A-ASSOCIATE
    AWAIT_RESPONSE, // responder: of its user
    OPEN,
    SENDING,
    ENDING, // all is sent, the end of the activity is not confirmed
    DISCARDING,
    RECEIVING,
    RECEIVED, // the user has not taken responsibility yet
    SKIPPING, // an exception was reported, the sender has not reacted yet
    RELEASING,
    AWAIT_CLOSE, // responder: RT-CLOSE response of its user
    N_STATES
};
enum event {
    OPEN_REQ, // from the user, up to ...
    OPEN_RSP,
    OPEN_REFUSE,
    TRANSFER_REQ,
    GIVE,
    ALL_GIVEN,
    DISCARD_REQ,
    CHECKPOINT_RSP,
    TRANSFER_RSP,
    TRANSFER_REFUSE,
    CLOSE_REQ,
    CLOSE_RSP,
    ABORT_REQ, // ... here
    ASSOCIATE_IND,
    ASSOCIATE_CNF,
    ASSOCIATE_REFUSED,
    RELEASE_IND,
    RELEASE_CNF,
    ABORT_IND,
    DATA_IND,
    START_IND,
    RESUME_IND,
    SYNC_IND,
    SYNC_CNF,
    END_IND,
    END_CNF,
    GIVEN_UP_IND, // interrupt or discard
    GIVEN_UP_CNF,
    EXCEPTION_IND,
    TOKEN_IND, // please, give, control give: only two-way alternate has them
    N_EVENTS
};

static const char *const state_names[] = {"closed",
                                          "await A-ASSOCIATE confirm",
                                          "await RT-OPEN response",
                                          "open",
                                          "sending",
                                          "ending",
                                          "discarding",
                                          "receiving",
                                          "received",
                                          "skipping",
                                          "releasing",
                                          "await RT-CLOSE response"};
static const char *const event_names[] = {
    "RT-OPEN request",
    "RT-OPEN response+",
    "RT-OPEN response-",
    "RT-TRANSFER request",
    "octets given",
    "all octets given",
    "discard request",
    "checkpoint response",
    "RT-TRANSFER response",
    "RT-TRANSFER refusal",
    "RT-CLOSE request",
    "RT-CLOSE response",
    "abort request",
    "A-ASSOCIATE indication",
    "A-ASSOCIATE confirm+",
    "A-ASSOCIATE confirm-",
    "A-RELEASE indication",
    "A-RELEASE confirm",
    "A-ABORT indication",
    "P-DATA indication",
    "P-ACTIVITY-START indication",
    "P-ACTIVITY-RESUME indication",
    "P-SYNC-MINOR indication",
    "P-SYNC-MINOR confirm",
    "P-ACTIVITY-END indication",
    "P-ACTIVITY-END confirm",
    "P-ACTIVITY-INTERRUPT or -DISCARD indication",
    "P-ACTIVITY-INTERRUPT or -DISCARD confirm",
    "exception report indication",
    "token indication",
};

// ---- ending ----

void rtse_send_rtab(struct rtse *r, int reason) {
    struct buf b = {0};
    if (r->x410 && (reason == RTSE_ABORT_PERMANENT_PROBLEM || reason == RTSE_ABORT_USER_ERROR))
        reason = RTSE_ABORT_LOCAL_SYSTEM_PROBLEM; // those are of normal mode
    if (rtse_apdu_put(r, &b, &(struct rtse_apdu){.kind = RTSE_RTAB, .reason = reason}) < 0)
        buf_clear(&b);
    acse_abort_req(r->acse, r->context, &b);
    buf_free(&b);
}

void rtse_close(struct rtse *r) {
    r->fsm.state = CLOSED;
    r->opening = false;
    r->deadline = 0;
}

// The association is over: its user hears it as the answer to RT-OPEN when that is still open.
void rtse_ended(struct rtse *r, const struct stack_failure *f) {
    bool opening = r->opening;
    rtse_close(r);
    if (opening) {
        struct rtse_open o = {.failure = *f};
        r->up->open_cnf(r->user, &o);
    } else {
        r->up->abort_ind(r->user, f);
    }
}

void rtse_fault(struct rtse *r, int reason, bool local, const char *fmt, ...) {
    struct stack_failure f;
    char what[120];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (r->fsm.state == CLOSED && !r->opening)
        return;
    rtse_send_rtab(r, reason);
    stack_failure_set(&f, STACK_RTSE, false, reason, "rtse: %s%s", local ? "" : "protocol error of the peer, ", what);
    f.local_fault = local;
    rtse_ended(r, &f);
}

static int unlisted(void *ctx, uint8_t event, void *arg) {
    struct rtse *r = ctx;
    (void)arg;
    if (event <= ABORT_REQ)
        return ERR_STATE;
    rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "%s in state %s", event_names[event], state_names[r->fsm.state]);
    return ERR_OK;
}

static int request_abort(void *ctx, void *v) {
    struct rtse *r = ctx;
    rtse_close(r);
    rtse_send_rtab(r, ((struct rtse_arg *)v)->reason);
    return ERR_OK;
}

static int indicate_abort(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct rtse_arg *a = v;
    struct rtse_apdu rtab;
    struct stack_failure f = *a->failure;
    if (rtse_apdu_get(r, RTSE_RTAB, a->octets, &rtab) == ERR_OK)
        stack_failure_set(&f, STACK_RTSE, true, rtab.reason, "rtse: RTAB, reason %d (%s)", rtab.reason,
                          rtse_abort_text(rtab.reason));
    rtse_ended(r, &f);
    return ERR_OK;
}

// ---- RT-CLOSE ----

static int request_close(void *ctx, void *v) {
    (void)v;
    return acse_release_req(((struct rtse *)ctx)->acse);
}

static int respond_close(void *ctx, void *v) {
    (void)v;
    return acse_release_rsp(((struct rtse *)ctx)->acse);
}

static int indicate_close(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    r->up->close_ind(r->user);
    return ERR_OK;
}

static int confirm_close(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    r->up->close_cnf(r->user);
    return ERR_OK;
}

// ---- the table ----

static bool initiator(void *ctx, void *arg) {
    (void)arg;
    return ((struct rtse *)ctx)->initiator;
}
static bool responder(void *ctx, void *arg) {
    return !initiator(ctx, arg);
}

#define CAPTURE "capture"
#define INFERRED "inferred from the service of X.218"
#define ABORTS(s)                                                                                                      \
    {s, ABORT_REQ, NULL, request_abort, CLOSED, INFERRED}, {                                                           \
        s, ABORT_IND, NULL, indicate_abort, CLOSED, INFERRED                                                           \
    }
static const struct fsm_row rows[] = {
    {CLOSED, OPEN_REQ, initiator, rtse_open_send, AWAIT_CONFIRM, CAPTURE},
    {CLOSED, ASSOCIATE_IND, responder, rtse_open_indicate, AWAIT_RESPONSE, CAPTURE},
    {CLOSED, ABORT_IND, NULL, indicate_abort, CLOSED, INFERRED}, // the connection ended before an RTORQ was seen
    {AWAIT_CONFIRM, ASSOCIATE_CNF, NULL, rtse_open_confirm, OPEN, CAPTURE},
    {AWAIT_CONFIRM, ASSOCIATE_REFUSED, NULL, rtse_open_confirm_refused, CLOSED, INFERRED},
    ABORTS(AWAIT_CONFIRM),
    {AWAIT_RESPONSE, OPEN_RSP, NULL, rtse_open_accept, OPEN, CAPTURE},
    {AWAIT_RESPONSE, OPEN_REFUSE, NULL, rtse_open_send_refusal, CLOSED, INFERRED},
    ABORTS(AWAIT_RESPONSE),
    {OPEN, TRANSFER_REQ, initiator, rtse_send_start, SENDING, CAPTURE},
    {OPEN, START_IND, responder, rtse_receive_start, RECEIVING, CAPTURE},
    {OPEN, RESUME_IND, responder, rtse_receive_resume, SKIPPING, "an old open implementation"},
    {OPEN, CLOSE_REQ, initiator, request_close, RELEASING, CAPTURE},
    {OPEN, RELEASE_IND, responder, indicate_close, AWAIT_CLOSE, CAPTURE},
    ABORTS(OPEN),
    {SENDING, GIVE, NULL, rtse_send_octets, FSM_SAME, CAPTURE},
    {SENDING, ALL_GIVEN, NULL, NULL, ENDING, CAPTURE},
    {SENDING, SYNC_CNF, NULL, rtse_send_checkpoint_cnf, FSM_SAME, CAPTURE},
    {SENDING, DISCARD_REQ, NULL, rtse_send_discard, DISCARDING, INFERRED},
    {SENDING, EXCEPTION_IND, NULL, rtse_send_exception, DISCARDING, "an old open implementation"},
    ABORTS(SENDING),
    {ENDING, SYNC_CNF, NULL, rtse_send_checkpoint_cnf, FSM_SAME, CAPTURE},
    {ENDING, END_CNF, NULL, rtse_send_end_cnf, OPEN, CAPTURE},
    {ENDING, DISCARD_REQ, NULL, rtse_send_discard, DISCARDING, INFERRED},
    {ENDING, EXCEPTION_IND, NULL, rtse_send_exception, DISCARDING, "an old open implementation"},
    ABORTS(ENDING),
    {DISCARDING, GIVEN_UP_CNF, NULL, rtse_send_discard_cnf, OPEN, INFERRED},
    {DISCARDING, SYNC_CNF, NULL, NULL, FSM_SAME, INFERRED},
    {DISCARDING, EXCEPTION_IND, NULL, NULL, FSM_SAME, INFERRED},
    ABORTS(DISCARDING),
    {RECEIVING, DATA_IND, NULL, NULL, FSM_SAME, CAPTURE},
    {RECEIVING, SYNC_IND, NULL, rtse_receive_checkpoint, FSM_SAME, CAPTURE},
    {RECEIVING, CHECKPOINT_RSP, NULL, rtse_receive_checkpoint_rsp, FSM_SAME, CAPTURE},
    {RECEIVING, END_IND, NULL, rtse_receive_end, RECEIVED, CAPTURE},
    {RECEIVING, GIVEN_UP_IND, NULL, rtse_receive_given_up, OPEN, INFERRED},
    {RECEIVING, TRANSFER_REFUSE, NULL, rtse_receive_refuse, SKIPPING, INFERRED},
    ABORTS(RECEIVING),
    {RECEIVED, CHECKPOINT_RSP, NULL, NULL, FSM_SAME, INFERRED}, // the answer to the end confirms all points
    {RECEIVED, TRANSFER_RSP, NULL, rtse_receive_end_rsp, OPEN, CAPTURE},
    {RECEIVED, TRANSFER_REFUSE, NULL, rtse_receive_refuse, SKIPPING, INFERRED},
    {RECEIVED, GIVEN_UP_IND, NULL, rtse_receive_given_up, OPEN, INFERRED},
    ABORTS(RECEIVED),
    {SKIPPING, DATA_IND, NULL, NULL, FSM_SAME, INFERRED},
    {SKIPPING, SYNC_IND, NULL, NULL, FSM_SAME, INFERRED},
    {SKIPPING, CHECKPOINT_RSP, NULL, NULL, FSM_SAME, INFERRED},
    {SKIPPING, END_IND, NULL, NULL, FSM_SAME, INFERRED},
    {SKIPPING, GIVEN_UP_IND, NULL, rtse_receive_skip_end, OPEN, INFERRED},
    ABORTS(SKIPPING),
    {RELEASING, RELEASE_CNF, NULL, confirm_close, CLOSED, CAPTURE},
    ABORTS(RELEASING),
    {AWAIT_CLOSE, CLOSE_RSP, NULL, respond_close, CLOSED, CAPTURE},
    ABORTS(AWAIT_CLOSE),
};

const struct fsm_table rtse_fsm = {
    "rtse", state_names, N_STATES, event_names, N_EVENTS, rows, sizeof rows / sizeof *rows, unlisted};

// ---- from above ----

static int request(struct rtse *r, enum event e, struct rtse_arg a) {
    uint8_t before = r->fsm.state;
    int err = fsm_step(&r->fsm, (uint8_t)e, &a);
    if (err < 0)
        r->fsm.state = before;
    return err;
}

int rtse_open_req(struct rtse *r, const struct acse_associate *as, struct bytes user_data) {
    return request(r, OPEN_REQ, (struct rtse_arg){.associate = as, .octets = user_data});
}
int rtse_open_rsp(struct rtse *r, const struct acse_associate *as, struct bytes user_data) {
    return request(r, OPEN_RSP, (struct rtse_arg){.associate = as, .octets = user_data});
}
int rtse_open_refuse(struct rtse *r, const struct acse_associate *as, struct bytes user_data, int reason) {
    return request(r, OPEN_REFUSE, (struct rtse_arg){.associate = as, .octets = user_data, .reason = reason});
}

int rtse_transfer_req(struct rtse *r, uint64_t total, uint32_t timeout_ms) {
    uint32_t timeout = timeout_ms != 0 ? timeout_ms : r->params.transfer_timeout_ms;
    int err = request(r, TRANSFER_REQ, (struct rtse_arg){.total = total, .timeout_ms = timeout});
    return err == ERR_OK && total == 0 ? request(r, GIVE, (struct rtse_arg){.total = 0}) : err;
}

size_t rtse_room(const struct rtse *r) {
    return r->fsm.state == SENDING ? rtse_send_room(r) : 0;
}

int rtse_transfer_data(struct rtse *r, struct bytes piece) {
    if (r->fsm.state == SENDING && piece.n > rtse_send_window(r))
        return ERR_LIMIT;
    return request(r, GIVE, (struct rtse_arg){.octets = piece});
}

int rtse_all_given(struct rtse *r) {
    return fsm_step(&r->fsm, ALL_GIVEN, NULL);
}

int rtse_transfer_discard(struct rtse *r) {
    struct stack_failure f;
    stack_failure_set(&f, STACK_RTSE, false, -1, "rtse: the transfer was given up here");
    return request(r, DISCARD_REQ, (struct rtse_arg){.failure = &f});
}

int rtse_checkpoint_rsp(struct rtse *r, uint32_t serial) {
    return request(r, CHECKPOINT_RSP, (struct rtse_arg){.serial = serial});
}
int rtse_transfer_rsp(struct rtse *r) {
    return request(r, TRANSFER_RSP, (struct rtse_arg){.serial = 0});
}
int rtse_transfer_refuse(struct rtse *r, int reason) {
    return request(r, TRANSFER_REFUSE, (struct rtse_arg){.reason = reason});
}
int rtse_close_req(struct rtse *r) {
    return request(r, CLOSE_REQ, (struct rtse_arg){.serial = 0});
}
int rtse_close_rsp(struct rtse *r) {
    return request(r, CLOSE_RSP, (struct rtse_arg){.serial = 0});
}
int rtse_abort_req(struct rtse *r, int reason) {
    return request(r, ABORT_REQ, (struct rtse_arg){.reason = reason});
}

bool rtse_receiving(const struct rtse *r) {
    return r->fsm.state == RECEIVING;
}
bool rtse_skipping(const struct rtse *r) {
    return r->fsm.state == SKIPPING;
}
bool rtse_transferring(const struct rtse *r) {
    return r->fsm.state >= SENDING && r->fsm.state <= SKIPPING;
}

void rtse_tick(struct rtse *r) {
    struct stack_failure f;
    r->deadline = 0;
    stack_failure_set(&f, STACK_RTSE, false, -1, "rtse: the transfer made no progress for %u s", r->timeout_ms / 1000);
    if ((r->fsm.state == SENDING || r->fsm.state == ENDING) &&
        request(r, DISCARD_REQ, (struct rtse_arg){.failure = &f}) == ERR_OK)
        return;
    rtse_send_rtab(r, RTSE_ABORT_TEMPORARY_PROBLEM);
    rtse_ended(r, &f);
}

// ---- from ACSE and presentation ----

static void on_associate_ind(void *user, const struct acse_associate *as) {
    struct rtse *r = user;
    fsm_step(&r->fsm, ASSOCIATE_IND, &(struct rtse_arg){.associate = as});
}
static void on_associate_cnf(void *user, const struct acse_associate *as) {
    struct rtse *r = user;
    fsm_step(&r->fsm, as->result == ACSE_ACCEPTED ? ASSOCIATE_CNF : ASSOCIATE_REFUSED,
             &(struct rtse_arg){.associate = as});
}
static void on_release_ind(void *user) {
    struct rtse *r = user;
    fsm_step(&r->fsm, RELEASE_IND, NULL);
}
static void on_release_cnf(void *user) {
    struct rtse *r = user;
    fsm_step(&r->fsm, RELEASE_CNF, NULL);
}
static void on_abort_ind(void *user, const struct stack_failure *f, struct bytes info) {
    struct rtse *r = user;
    fsm_step(&r->fsm, ABORT_IND, &(struct rtse_arg){.failure = f, .octets = info});
}

const struct acse_user rtse_acse_user = {on_associate_ind, on_associate_cnf, on_release_ind, on_release_cnf,
                                         on_abort_ind};

static int on_data_begin(void *user, int64_t context) {
    struct rtse *r = user;
    if (context != PDV_NO_CONTEXT && context != r->context) {
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "P-DATA in context %lld, RTSE's is %d", (long long)context,
                   r->context);
        return ERR_OK;
    }
    tlv_stream_reset(&r->rttr);
    return fsm_step(&r->fsm, DATA_IND, NULL);
}

static int on_data(void *user, struct bytes piece) {
    struct rtse *r = user;
    if (!rtse_receiving(r))
        return ERR_OK; // skipped, or over
    rtse_progress(r);
    size_t used = piece.n;
    int err = r->x410        ? rtse_external_user.data(r, piece)
              : r->rttr.done ? ERR_SYNTAX
                             : tlv_stream_feed(&r->rttr, piece, &used);
    if (err == ERR_OK && used < piece.n)
        err = ERR_SYNTAX;
    if (err < 0 && rtse_receiving(r))
        rtse_fault(r, err == ERR_NOMEM ? RTSE_ABORT_LOCAL_SYSTEM_PROBLEM : RTSE_ABORT_PROTOCOL_ERROR, err == ERR_NOMEM,
                   "an RTTR or the EXTERNAL in it cannot be read, after %llu octets of the APDU (%s)",
                   (unsigned long long)r->octets, err_text(err));
    return ERR_OK;
}

static int on_data_end(void *user) {
    struct rtse *r = user;
    if (rtse_receiving(r) && !r->x410 && !r->rttr.done)
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "an RTTR is cut short");
    return ERR_OK;
}

static void on_event(void *user, const struct presentation_event *e) {
    struct rtse *r = user;
    static const uint8_t events[][2] = {
        [P_ACTIVITY_START] = {START_IND, N_EVENTS},
        [P_ACTIVITY_RESUME] = {RESUME_IND, N_EVENTS},
        [P_ACTIVITY_INTERRUPT] = {GIVEN_UP_IND, GIVEN_UP_CNF},
        [P_ACTIVITY_DISCARD] = {GIVEN_UP_IND, GIVEN_UP_CNF},
        [P_ACTIVITY_END] = {END_IND, END_CNF},
        [P_SYNC_MINOR] = {SYNC_IND, SYNC_CNF},
        [P_U_EXCEPTION_REPORT] = {EXCEPTION_IND, N_EVENTS},
        [P_P_EXCEPTION_REPORT] = {EXCEPTION_IND, N_EVENTS},
        [P_TOKEN_PLEASE] = {TOKEN_IND, N_EVENTS},
        [P_TOKEN_GIVE] = {TOKEN_IND, N_EVENTS},
        [P_CONTROL_GIVE] = {TOKEN_IND, N_EVENTS},
    };
    fsm_step(&r->fsm, events[e->primitive][e->response], &(struct rtse_arg){.event = e});
}

const struct presentation_rtse_user rtse_presentation_user = {on_data_begin, on_data, on_data_end, on_event};

void rtse_init(struct rtse *r, const struct rtse_params *p, bool is_initiator, struct acse *acse,
               struct presentation *presentation, const struct buf *output, const struct rtse_user *up, void *user) {
    *r = (struct rtse){.params = *p,
                       .up = up,
                       .user = user,
                       .acse = acse,
                       .presentation = presentation,
                       .output = output,
                       .initiator = is_initiator,
                       .context = -1,
                       .user_context = -1};
    r->fsm = (struct fsm){.table = &rtse_fsm, .ctx = r, .state = CLOSED};
    tlv_stream_init(&r->rttr, &rtse_rttr_user, r, NULL, 0);
    pdv_stream_init(&r->external, PDV_EXTERNAL, &rtse_external_user, r);
}

void rtse_free(struct rtse *r) {
    buf_free(&r->slice);
    tlv_stream_free(&r->rttr);
    pdv_stream_free(&r->external);
}
