// SPDX-License-Identifier: BSD-2-Clause
// RTSE's state table, its requests, what it hears from below, and timers. The state tables of X.228 were not at hand:
// rows follow the service, what was captured, and the standard's module; each says which. Who may send is the turn: it
// does not change in a monologue.
#include "base/mem.h"
#include "rfc1006/rtse_actions.h"

enum state {
    CLOSED,
    AWAIT_CONFIRM,  // initiator: of A-ASSOCIATE
    AWAIT_RESPONSE, // responder: of its user
    OPEN,
    SENDING,
    ENDING,    // all is sent, the end of the activity is not confirmed
    GIVING_UP, // interrupt or discard are not confirmed
    RECEIVING,
    RESUMING, // the user is asked whether it can; it answers at once
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
    RESUME_REQ,
    GIVE,
    ALL_GIVEN,
    DISCARD_REQ,
    INTERRUPT_REQ,
    CHECKPOINT_RSP,
    TRANSFER_RSP,
    TRANSFER_REFUSE,
    RESUME_RSP,
    RESUME_REFUSE,
    RESUME_COMPLETED,
    TURN_PLEASE_REQ,
    TURN_GIVE_REQ,
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
    TURN_PLEASE_IND,
    TURN_GIVE_IND,
    TOKEN_IND, // some tokens given: RTSE gives all or none
    N_EVENTS
};

static const char *const state_names[] = {"closed",
                                          "await A-ASSOCIATE confirm",
                                          "await RT-OPEN response",
                                          "open",
                                          "sending",
                                          "ending",
                                          "giving up",
                                          "receiving",
                                          "asked to resume",
                                          "received",
                                          "skipping",
                                          "releasing",
                                          "await RT-CLOSE response"};
static const char *const event_names[] = {
    "RT-OPEN request",
    "RT-OPEN response+",
    "RT-OPEN response-",
    "RT-TRANSFER request",
    "resumption request",
    "octets given",
    "all octets given",
    "discard request",
    "interrupt request",
    "checkpoint response",
    "RT-TRANSFER response",
    "RT-TRANSFER refusal",
    "resumption response",
    "resumption refusal",
    "resumption refusal, completed",
    "RT-TURN-PLEASE request",
    "RT-TURN-GIVE request",
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
    "P-TOKEN-PLEASE indication",
    "P-CONTROL-GIVE indication",
    "P-TOKEN-GIVE indication",
};

// ---- ending ----

void rtse_close(struct rtse *r) {
    r->fsm.state = CLOSED;
    r->opening = false;
    rtse_timers_stop(r);
}

bool rtse_closed(const struct rtse *r) {
    return r->fsm.state == CLOSED;
}

static int unlisted(void *ctx, uint8_t event, void *arg) {
    struct rtse *r = ctx;
    (void)arg;
    if (event <= ABORT_REQ)
        return ERR_STATE;
    rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "%s in state %s", event_names[event], state_names[r->fsm.state]);
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
static bool turn(void *ctx, void *arg) {
    (void)arg;
    return ((struct rtse *)ctx)->turn;
}
static bool no_turn(void *ctx, void *arg) {
    return !turn(ctx, arg);
}
static bool completed(void *ctx, void *arg) {
    (void)arg;
    return ((struct rtse *)ctx)->completed;
}
static bool two_way(void *ctx, void *arg) {
    (void)arg;
    return ((struct rtse *)ctx)->two_way;
}
static bool may_please(void *ctx, void *arg) {
    return two_way(ctx, arg) && no_turn(ctx, arg);
}
static bool may_give(void *ctx, void *arg) {
    return two_way(ctx, arg) && turn(ctx, arg);
}
// The provider's: the sender reacts.
static bool by_provider(void *ctx, void *arg) {
    (void)ctx;
    return ((struct rtse_arg *)arg)->event->primitive == P_P_EXCEPTION_REPORT;
}
// The association's initiator, when it has the turn; in a monologue of the other side that never has it.
static bool may_close(void *ctx, void *arg) {
    const struct rtse *r = ctx;
    return turn(ctx, arg) && (r->initiator || !r->two_way);
}

#define CAPTURE "capture"
#define INFERRED "inferred from the service of X.218"
#define OLD_STACK "an old open implementation"
#define RTAB_7 "inferred from the reason transferCompleted of the standard's module"
#define ABORTS_BY(s, heard)                                                                                            \
    {s, ABORT_REQ, NULL, rtse_abort_send, CLOSED, INFERRED}, {                                                         \
        s, ABORT_IND, NULL, heard, CLOSED, INFERRED                                                                    \
    }
#define ABORTS(s) ABORTS_BY(s, rtse_abort_indicate)
#define PLEASE(s)                                                                                                      \
    { s, TURN_PLEASE_REQ, may_please, rtse_turn_send, FSM_SAME, INFERRED }
#define WANTED(s)                                                                                                      \
    { s, TURN_PLEASE_IND, two_way, rtse_turn_indicate_wanted, FSM_SAME, INFERRED }
static const struct fsm_row rows[] = {
    {CLOSED, OPEN_REQ, initiator, rtse_open_send, AWAIT_CONFIRM, CAPTURE},
    {CLOSED, ASSOCIATE_IND, responder, rtse_open_indicate, AWAIT_RESPONSE, CAPTURE},
    {CLOSED, ABORT_IND, NULL, rtse_abort_indicate, CLOSED, INFERRED}, // the connection ended before an RTORQ was seen
    {AWAIT_CONFIRM, ASSOCIATE_CNF, NULL, rtse_open_confirm, OPEN, CAPTURE},
    {AWAIT_CONFIRM, ASSOCIATE_REFUSED, NULL, rtse_open_confirm_refused, CLOSED, INFERRED},
    ABORTS(AWAIT_CONFIRM),
    {AWAIT_RESPONSE, OPEN_RSP, NULL, rtse_open_accept, OPEN, CAPTURE},
    {AWAIT_RESPONSE, OPEN_REFUSE, NULL, rtse_open_send_refusal, CLOSED, INFERRED},
    ABORTS(AWAIT_RESPONSE),

    {OPEN, TRANSFER_REQ, turn, rtse_send_start, SENDING, CAPTURE},
    {OPEN, RESUME_REQ, turn, rtse_send_resume, SENDING, INFERRED},
    {OPEN, START_IND, no_turn, rtse_receive_start, RECEIVING, CAPTURE},
    {OPEN, RESUME_IND, no_turn, rtse_receive_resume, RESUMING, INFERRED},
    {OPEN, GIVEN_UP_IND, completed, rtse_receive_too_late, FSM_SAME, RTAB_7},
    {OPEN, TURN_GIVE_REQ, may_give, rtse_turn_pass, FSM_SAME, INFERRED},
    {OPEN, TURN_GIVE_IND, may_please, rtse_turn_indicate, FSM_SAME, INFERRED},
    PLEASE(OPEN),
    WANTED(OPEN),
    {OPEN, CLOSE_REQ, may_close, rtse_close_send, RELEASING, CAPTURE},
    {OPEN, RELEASE_IND, no_turn, rtse_close_indicate, AWAIT_CLOSE, CAPTURE},
    ABORTS(OPEN),

    {SENDING, GIVE, NULL, rtse_send_octets, FSM_SAME, CAPTURE},
    {SENDING, ALL_GIVEN, NULL, NULL, ENDING, CAPTURE},
    {SENDING, SYNC_CNF, NULL, rtse_send_checkpoint_cnf, FSM_SAME, CAPTURE},
    {SENDING, DISCARD_REQ, NULL, rtse_send_discard, GIVING_UP, INFERRED},
    {SENDING, INTERRUPT_REQ, NULL, rtse_send_interrupt, GIVING_UP, INFERRED},
    {SENDING, EXCEPTION_IND, NULL, rtse_send_exception, GIVING_UP, OLD_STACK},
    WANTED(SENDING),
    ABORTS_BY(SENDING, rtse_abort_indicate_sending),
    {ENDING, SYNC_CNF, NULL, rtse_send_checkpoint_cnf, FSM_SAME, CAPTURE},
    {ENDING, END_CNF, NULL, rtse_send_end_cnf, OPEN, CAPTURE},
    {ENDING, DISCARD_REQ, NULL, rtse_send_discard, GIVING_UP, INFERRED},
    {ENDING, INTERRUPT_REQ, NULL, rtse_send_interrupt, GIVING_UP, INFERRED},
    {ENDING, EXCEPTION_IND, NULL, rtse_send_exception, GIVING_UP, OLD_STACK},
    WANTED(ENDING),
    {ENDING, ABORT_REQ, NULL, rtse_abort_send, CLOSED, INFERRED},
    {ENDING, ABORT_IND, NULL, rtse_abort_indicate_sending, CLOSED, RTAB_7},
    {GIVING_UP, GIVEN_UP_CNF, NULL, rtse_send_given_up, OPEN, INFERRED},
    {GIVING_UP, ABORT_REQ, NULL, rtse_abort_send, CLOSED, INFERRED},
    {GIVING_UP, ABORT_IND, NULL, rtse_abort_indicate_sending, CLOSED, RTAB_7},

    {RECEIVING, DATA_IND, NULL, NULL, FSM_SAME, CAPTURE},
    {RECEIVING, SYNC_IND, NULL, rtse_receive_checkpoint, FSM_SAME, CAPTURE},
    {RECEIVING, CHECKPOINT_RSP, NULL, rtse_receive_checkpoint_rsp, FSM_SAME, CAPTURE},
    {RECEIVING, END_IND, NULL, rtse_receive_end, RECEIVED, CAPTURE},
    {RECEIVING, GIVEN_UP_IND, NULL, rtse_receive_given_up, OPEN, INFERRED},
    {RECEIVING, TRANSFER_REFUSE, NULL, rtse_receive_refuse, SKIPPING, INFERRED},
    {RECEIVING, EXCEPTION_IND, by_provider, NULL, FSM_SAME, OLD_STACK},
    PLEASE(RECEIVING),
    ABORTS(RECEIVING),
    {RESUMING, RESUME_RSP, NULL, rtse_receive_resume_rsp, RECEIVING, INFERRED},
    {RESUMING, RESUME_REFUSE, NULL, rtse_receive_resume_refuse, SKIPPING, OLD_STACK},
    {RESUMING, RESUME_COMPLETED, NULL, rtse_receive_completed, CLOSED, RTAB_7},
    ABORTS(RESUMING),
    {RECEIVED, CHECKPOINT_RSP, NULL, NULL, FSM_SAME, INFERRED}, // the answer to the end confirms all points
    {RECEIVED, TRANSFER_RSP, NULL, rtse_receive_end_rsp, OPEN, CAPTURE},
    {RECEIVED, TRANSFER_REFUSE, NULL, rtse_receive_refuse, SKIPPING, INFERRED},
    {RECEIVED, GIVEN_UP_IND, NULL, rtse_receive_given_up, OPEN, INFERRED},
    PLEASE(RECEIVED),
    ABORTS(RECEIVED),
    {SKIPPING, CHECKPOINT_RSP, NULL, NULL, FSM_SAME, INFERRED},
    {SKIPPING, GIVEN_UP_IND, NULL, rtse_receive_skip_end, OPEN, INFERRED},
    {SKIPPING, EXCEPTION_IND, by_provider, NULL, FSM_SAME, OLD_STACK},
    PLEASE(SKIPPING),
    ABORTS(SKIPPING),

    {RELEASING, RELEASE_CNF, NULL, rtse_close_confirm, CLOSED, CAPTURE},
    {RELEASING, TURN_PLEASE_IND, two_way, rtse_turn_indicate_wanted, FSM_SAME, INFERRED}, // it crossed
    ABORTS(RELEASING),
    {AWAIT_CLOSE, CLOSE_RSP, NULL, rtse_close_answer, CLOSED, CAPTURE},
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
int rtse_recover_req(struct rtse *r, const struct acse_associate *as, const struct rtse_session_id *session) {
    return request(r, OPEN_REQ, (struct rtse_arg){.associate = as, .session = session});
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

int rtse_resume_req(struct rtse *r, const struct rtse_recovery *old, uint64_t total, uint32_t timeout_ms) {
    uint32_t timeout = timeout_ms != 0 ? timeout_ms : r->params.transfer_timeout_ms;
    int err = request(r, RESUME_REQ, (struct rtse_arg){.recovery = old, .total = total, .timeout_ms = timeout});
    return err == ERR_OK && r->octets == total ? request(r, GIVE, (struct rtse_arg){.total = 0}) : err;
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

int rtse_transfer_interrupt(struct rtse *r) {
    struct stack_failure f;
    stack_failure_set(&f, STACK_RTSE, false, -1, "rtse: the transfer was interrupted here");
    return request(r, INTERRUPT_REQ, (struct rtse_arg){.failure = &f});
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
int rtse_resume_rsp(struct rtse *r, const struct rtse_recovery *state) {
    return request(r, RESUME_RSP, (struct rtse_arg){.recovery = state});
}
// A peer of 1984 does not know the reason of RTAB.
int rtse_resume_refuse(struct rtse *r, enum rtse_no_resume why) {
    if (why == RTSE_RESUME_COMPLETED && r->protocol != RTSE_PROTOCOL_P1_1984)
        return request(r, RESUME_COMPLETED, (struct rtse_arg){.serial = 0});
    int reason =
        why == RTSE_RESUME_COMPLETED ? RTSE_EXCEPTION_SEQUENCE_ERROR : RTSE_EXCEPTION_UNRECOVERABLE_PROCEDURE_ERROR;
    return request(r, RESUME_REFUSE, (struct rtse_arg){.reason = reason});
}
int rtse_turn_please(struct rtse *r, uint32_t priority) {
    return request(r, TURN_PLEASE_REQ, (struct rtse_arg){.serial = priority});
}
int rtse_turn_give(struct rtse *r) {
    return request(r, TURN_GIVE_REQ, (struct rtse_arg){.serial = 0});
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
bool rtse_resuming(const struct rtse *r) {
    return r->fsm.state == RESUMING;
}

int rtse_pass(struct rtse *r, struct presentation_event e, uint32_t *serial) {
    int err = presentation_event_req(r->presentation, &e);
    if (err == ERR_OK && serial != NULL)
        *serial = e.serial;
    return err;
}

void rtse_activity_begin(struct rtse *r, struct bytes id) {
    r->recovery.session = r->session;
    r->recovery.n_activity_id =
        (uint8_t)(id.n < sizeof r->recovery.activity_id ? id.n : sizeof r->recovery.activity_id);
    if (r->recovery.n_activity_id > 0)
        memcpy(r->recovery.activity_id, id.p, r->recovery.n_activity_id);
}

// ---- timers ----

void rtse_progress(struct rtse *r) {
    r->progress_deadline = r->params.no_progress_ms == 0 ? 0 : r->now_ms + r->params.no_progress_ms;
}

uint64_t rtse_deadline(const struct rtse *r) {
    uint64_t a = r->transfer_deadline, b = r->progress_deadline;
    return a == 0 || (b != 0 && b < a) ? b : a;
}

// The association is of no use any more; what was confirmed may be resumed on another.
static void no_progress(struct rtse *r) {
    struct stack_failure f;
    if (rtse_receiving(r) && r->serial > r->recovery.serial) { // it is our user who is late
        rtse_progress(r);
        return;
    }
    rtse_timers_stop(r);
    stack_failure_set(&f, STACK_RTSE, false, -1, "rtse: the transfer made no progress for %u s",
                      r->params.no_progress_ms / 1000);
    rtse_send_rtab(r, RTSE_ABORT_TEMPORARY_PROBLEM);
    rtse_ended(r, &f);
}

static void out_of_time(struct rtse *r) {
    struct stack_failure f;
    r->transfer_deadline = 0;
    stack_failure_set(&f, STACK_RTSE, false, -1, "rtse: the transfer was not done within its time");
    if (request(r, DISCARD_REQ, (struct rtse_arg){.failure = &f}) == ERR_OK)
        return;
    rtse_send_rtab(r, RTSE_ABORT_TEMPORARY_PROBLEM);
    rtse_ended(r, &f);
}

void rtse_tick(struct rtse *r) {
    if (r->progress_deadline != 0 && r->now_ms >= r->progress_deadline)
        no_progress(r);
    if (r->transfer_deadline != 0 && r->now_ms >= r->transfer_deadline)
        out_of_time(r);
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
    int err = r->x410        ? rtse_receive_stream(r, piece)
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
        [P_TOKEN_PLEASE] = {TURN_PLEASE_IND, N_EVENTS},
        [P_TOKEN_GIVE] = {TOKEN_IND, N_EVENTS},
        [P_CONTROL_GIVE] = {TURN_GIVE_IND, N_EVENTS},
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
    mem_free(r->points);
    buf_free(&r->slice);
    tlv_stream_free(&r->rttr);
    pdv_stream_free(&r->external);
}
