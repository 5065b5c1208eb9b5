// SPDX-License-Identifier: BSD-2-Clause
// Every state of the reliable transfer protocol machine with every event, both modes, both dialogues and both ways,
// driven through the boundaries of its service, against a table that was written apart from the layer. X.228's own
// tables (its annex A) could not be read; the sources are ISODE's machine (rtsap/rt2ps.c, rt2psreleas1.c), the tables
// of T.433, whose reliable transfer is X.228's, as far as their head (a blank cell: abort to the peer, P-abort to the
// user), what the session beneath allows (X.225), and the service; each row says which. A request in a state without a
// row is refused by ERR_STATE, an event of the peer is a protocol error: A-ABORT with an RTAB, and RT-P-ABORT.
#include "tests/unit/rfc1006_table_util.h"

#include "rfc1006/rtse_codec.h"
#include "rfc1006/session_fsm.h"

#define ISODE "ISODE rt2ps.c"
#define ISODE_CLOSE "ISODE rt2psreleas1.c"
#define SERVICE "inferred from the service of X.218"
#define CROSSED "inferred: it crossed what changed our state"
#define OURS "ours"

enum {
    CLOSED,
    AWAIT_CONFIRM,
    AWAIT_RESPONSE,
    OPEN,
    SENDING,
    ENDING,
    GIVING_UP,
    RECEIVING,
    RESUMING,
    RECEIVED,
    SKIPPING,
    RELEASING,
    AWAIT_CLOSE,
    N_STATES
};
enum event {
    OPEN_REQ,
    RECOVER_REQ,
    OPEN_RSP,
    OPEN_REFUSE,
    TRANSFER_REQ,
    RESUME_REQ,
    GIVE,      // some octets of the APDU
    GIVE_LAST, // all of them
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
    ABORT_REQ,
    ASSOCIATE_IND, // from here on the peer's
    ASSOCIATE_CNF,
    ASSOCIATE_REFUSED,
    RELEASE_IND,
    RELEASE_CNF,
    ABORT_IND,
    DATA_IND,
    START_IND,
    RESUME_IND, // of an activity that the user does not know
    SYNC_IND,
    SYNC_CNF,
    END_IND,       // of a whole APDU
    END_IND_SHORT, // of half of one
    END_CNF,
    INTERRUPT_IND,
    DISCARD_IND,
    INTERRUPT_CNF,
    DISCARD_CNF,
    U_EXCEPTION_IND,
    P_EXCEPTION_IND,
    TURN_PLEASE_IND,
    TURN_GIVE_IND,
    TOKEN_IND, // single tokens given
    N_EVENTS
};

struct cell {
    uint8_t state, event;
    const char *when; // "turn", "init", "two", "x410", "done" (a transfer before), each also with "!"; "" always
    uint8_t next;
    const char *spdu, *apdu, *heard, *source; // apdu: of RTSE, in normal mode
};

#define ALIVE(event, spdu, apdu, heard, source)                                                                        \
    {AWAIT_RESPONSE, event, "", CLOSED, spdu, apdu, heard, source},                                                    \
        {OPEN, event, "", CLOSED, spdu, apdu, heard, source}, {SENDING, event, "", CLOSED, spdu, apdu, heard, source}, \
        {ENDING, event, "", CLOSED, spdu, apdu, heard, source},                                                        \
        {GIVING_UP, event, "", CLOSED, spdu, apdu, heard, source},                                                     \
        {RECEIVING, event, "", CLOSED, spdu, apdu, heard, source},                                                     \
        {RESUMING, event, "", CLOSED, spdu, apdu, heard, source},                                                      \
        {RECEIVED, event, "", CLOSED, spdu, apdu, heard, source},                                                      \
        {SKIPPING, event, "", CLOSED, spdu, apdu, heard, source},                                                      \
        {RELEASING, event, "", CLOSED, spdu, apdu, heard, source}, {                                                   \
        AWAIT_CLOSE, event, "", CLOSED, spdu, apdu, heard, source                                                      \
    }
#define WANTS(state)                                                                                                   \
    { state, TURN_PLEASE_REQ, "two !turn", state, "PT", "RTTP", "", ISODE " rt2pspturn" }
#define WANTED(state)                                                                                                  \
    { state, TURN_PLEASE_IND, "two turn", state, "", "", "PLEASEind", ISODE " doPStoken" }
#define GONE(state, what)                                                                                              \
    {state, INTERRUPT_IND, "", OPEN, "AIA", "", what, ISODE " doPSactivity"}, {                                        \
        state, DISCARD_IND, "", OPEN, "ADA", "", what, ISODE " doPSactivity"                                           \
    }

static const struct cell cells[] = {
    {CLOSED, OPEN_REQ, "init", AWAIT_CONFIRM, "CN", "RTORQ", "", SERVICE},
    {CLOSED, RECOVER_REQ, "init", AWAIT_CONFIRM, "CN", "RTORQ", "", SERVICE},
    {CLOSED, ASSOCIATE_IND, "!init", AWAIT_RESPONSE, "", "", "RT-OPENind", SERVICE},
    {AWAIT_CONFIRM, ASSOCIATE_CNF, "", OPEN, "", "", "RT-OPENcnf+", SERVICE},
    {AWAIT_CONFIRM, ASSOCIATE_REFUSED, "", CLOSED, "", "", "RT-OPENcnf-", SERVICE},
    {AWAIT_RESPONSE, OPEN_RSP, "", OPEN, "AC", "RTOAC", "", SERVICE},
    {AWAIT_RESPONSE, OPEN_REFUSE, "", CLOSED, "RF", "RTORJ", "", SERVICE},

    {OPEN, TRANSFER_REQ, "turn", SENDING, "AS", "", "", ISODE " rt2pstrans"},
    {OPEN, RESUME_REQ, "turn", SENDING, "AR", "", "", SERVICE},
    {OPEN, START_IND, "!turn", RECEIVING, "", "", "", ISODE " doPSactivity"},
    {OPEN, RESUME_IND, "!turn", SKIPPING, "ED", "", "RESUMEind",
     ISODE " doPSactivity: report, and the activity stands"},
    {OPEN, INTERRUPT_IND, "!turn done", OPEN, "AIA", "", "", CROSSED ": the end was confirmed"},
    {OPEN, DISCARD_IND, "!turn done", CLOSED, "AB", "RTAB", "RT-ABORTind", OURS ": it is complete, and so is said"},
    {OPEN, TURN_GIVE_REQ, "two turn", OPEN, "GTC", "", "", ISODE " rt2psgturn"},
    {OPEN, TURN_GIVE_IND, "two !turn", OPEN, "", "", "GIVEind", ISODE " doPStoken"},
    {OPEN, CLOSE_REQ, "turn init", RELEASING, "FN", "", "", ISODE_CLOSE},
    {OPEN, CLOSE_REQ, "turn !init !two", RELEASING, "FN", "", "", ISODE_CLOSE ": in a monologue who has the turn"},
    {OPEN, RELEASE_IND, "!turn", AWAIT_CLOSE, "", "", "RT-CLOSEind",
     ISODE " doPSfinish; ours: also of a responder in a two-way dialogue, which should not"},
    {RELEASING, RELEASE_CNF, "", CLOSED, "", "", "RT-CLOSEcnf", SERVICE},
    {AWAIT_CLOSE, CLOSE_RSP, "", CLOSED, "DN", "", "", SERVICE},
    WANTS(OPEN),
    WANTS(RECEIVING),
    WANTS(RECEIVED),
    {OPEN, TURN_PLEASE_IND, "two !turn", OPEN, "", "", "", CROSSED},
    {RELEASING, TURN_PLEASE_IND, "two", RELEASING, "", "", "PLEASEind", CROSSED "; our user may call again for it"},
    WANTED(OPEN),
    WANTED(SENDING),
    WANTED(ENDING),

    {SENDING, GIVE, "", SENDING, "", "", "", SERVICE},
    {SENDING, GIVE_LAST, "", ENDING, "DT AE", "RTTR", "", ISODE " rt2pstrans"},
    {SENDING, DISCARD_REQ, "", GIVING_UP, "AD", "", "", ISODE " rt2pstrans: the user gives up"},
    {SENDING, INTERRUPT_REQ, "", GIVING_UP, "AI", "", "", SERVICE},
    {SENDING, SYNC_CNF, "", SENDING, "", "", "SYNCcnf", ISODE " doPSsync"},
    {SENDING, U_EXCEPTION_IND, "", GIVING_UP, "AD", "", "", ISODE " doPSreport"},
    {SENDING, P_EXCEPTION_IND, "", GIVING_UP, "AD", "", "", ISODE " doPSreport"},
    {ENDING, DISCARD_REQ, "", GIVING_UP, "AD", "", "", "X.225: allowed in STA04B; " SERVICE},
    {ENDING, INTERRUPT_REQ, "", GIVING_UP, "AI", "", "", "X.225: allowed in STA04B; " SERVICE},
    {ENDING, SYNC_CNF, "", ENDING, "", "", "SYNCcnf", ISODE " doPSsync"},
    {ENDING, U_EXCEPTION_IND, "", GIVING_UP, "AD", "", "", ISODE " doPSreport"},
    {ENDING, P_EXCEPTION_IND, "", GIVING_UP, "AD", "", "", ISODE " doPSreport"},
    {ENDING, END_CNF, "", OPEN, "", "", "TRANSFERcnf+", ISODE " doPSactivity"},
    {GIVING_UP, INTERRUPT_CNF, "", OPEN, "", "", "TRANSFERcnf-", ISODE " doPSactivity"},
    {GIVING_UP, DISCARD_CNF, "", OPEN, "", "", "TRANSFERcnf-", ISODE " doPSactivity"},

    {RECEIVING, DATA_IND, "", RECEIVING, "", "", "DATA", ISODE " doPSdata"},
    {RECEIVING, SYNC_IND, "", RECEIVING, "", "", "SYNCind", ISODE " doPSsync"},
    {RECEIVING, CHECKPOINT_RSP, "", RECEIVING, "MIA", "", "", ISODE " doPSsync"},
    {RECEIVING, END_IND, "", RECEIVED, "", "", "END+", ISODE " doPSactivity"},
    {RECEIVING, END_IND_SHORT, "x410", RECEIVED, "", "", "END+",
     OURS ": the APDU is bare, its user sees that it is short"},
    {RECEIVING, TRANSFER_REFUSE, "", SKIPPING, "ED", "", "", ISODE " doPSdata"},
    GONE(RECEIVING, "END-"),
    {RECEIVED, CHECKPOINT_RSP, "", RECEIVED, "", "", "", OURS ": the answer to the end confirms all points"},
    {SKIPPING, CHECKPOINT_RSP, "", SKIPPING, "", "", "", OURS ": too late is no fault"},
    {SKIPPING, TURN_PLEASE_REQ, "two !turn", SKIPPING, "", "", "", "X.225: not in STA19; asked when that is over"},
    {RECEIVING, P_EXCEPTION_IND, "", RECEIVING, "", "", "", ISODE " doPSreport: the sender reacts"},
    {SKIPPING, P_EXCEPTION_IND, "", SKIPPING, "", "", "", ISODE " doPSreport: the sender reacts"},
    {RECEIVED, TRANSFER_RSP, "", OPEN, "AEA", "", "", ISODE " doPSactivity"},
    {RECEIVED, TRANSFER_REFUSE, "", SKIPPING, "ED", "", "", ISODE " doPSactivity"},
    GONE(RECEIVED, "END-"),
    {RESUMING, RESUME_RSP, "", RECEIVING, "", "", "", SERVICE},
    {RESUMING, RESUME_REFUSE, "", SKIPPING, "ED", "", "", ISODE " doPSactivity"},
    {RESUMING, RESUME_COMPLETED, "", CLOSED, "AB", "RTAB", "RT-ABORTind", "Wireshark: reason transfer-completed"},
    GONE(SKIPPING, ""),

    {AWAIT_CONFIRM, ABORT_REQ, "", CLOSED, "AB", "RTAB", "", SERVICE},
    {AWAIT_CONFIRM, ABORT_IND, "", CLOSED, "", "", "RT-OPENcnf-", OURS ": RT-OPEN has one outcome"},
    ALIVE(ABORT_REQ, "AB", "RTAB", "", SERVICE),
    ALIVE(ABORT_IND, "", "", "RT-ABORTind", SERVICE),
    {CLOSED, ABORT_IND, "", CLOSED, "", "", "RT-ABORTind", OURS ": a call that ended before its RTORQ was seen"},
};

// ---- a situation ----

struct situation {
    bool x410, two_way, swapped; // swapped: the association's responder sends, it has the turn
};

struct bench {
    struct pair *pair;
    struct side *d;
    struct rtse *r;
    struct words heard;
    bool init, turn, two, x410, done;
    struct rtse_recovery asked;
    int during_resume; // an event that happens while the user is asked; -1 none
};

static bool holds(const struct bench *b, const char *when) {
    while (*when != 0) {
        size_t n = strcspn(when, " ");
        bool no = *when == '!';
        const char *w = when + no;
        bool is = strncmp(w, "turn", 4) == 0   ? b->turn
                  : strncmp(w, "init", 4) == 0 ? b->init
                  : strncmp(w, "x410", 4) == 0 ? b->x410
                  : strncmp(w, "done", 4) == 0 ? b->done
                                               : b->two;
        if (is == no)
            return false;
        when += n + (when[n] == ' ');
    }
    return true;
}

static const struct cell *cell_of(const struct bench *b, int state, int event) {
    const struct cell *found = NULL;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (cells[i].state == state && cells[i].event == event && holds(b, cells[i].when)) {
            assert_null(found); // the table says one thing
            found = &cells[i];
        }
    return found;
}

// ---- the user ----

static void happen(struct bench *b, enum event e);

static void hear(void *user, const char *what) {
    struct bench *b = user;
    words_add(&b->heard, what);
}
static void open_ind(void *user, const struct rtse_open *o) {
    (void)o;
    hear(user, "RT-OPENind");
}
static void open_cnf(void *user, const struct rtse_open *o) {
    hear(user, o->accepted ? "RT-OPENcnf+" : "RT-OPENcnf-");
}
static void transfer_begin(void *user, int64_t context) {
    (void)user;
    (void)context;
}
static void transfer_data(void *user, struct bytes piece) {
    (void)piece;
    hear(user, "DATA");
}
static void checkpoint_ind(void *user, uint32_t serial, uint64_t octets) {
    (void)serial;
    (void)octets;
    hear(user, "SYNCind");
}
static void transfer_end(void *user, const struct rtse_transfer_end *e) {
    hear(user, e->ok ? "END+" : "END-");
}
static void resume_ind(void *user, const struct rtse_recovery *old) {
    struct bench *b = user;
    b->asked = *old;
    if (b->during_resume < 0) {
        hear(user, "RESUMEind");
        return;
    }
    enum event e = (enum event)b->during_resume;
    assert_int_equal(b->r->fsm.state, RESUMING);
    happen(b, e);
}
static void checkpoint_cnf(void *user, uint32_t serial, uint64_t octets) {
    (void)serial;
    (void)octets;
    hear(user, "SYNCcnf");
}
static void transfer_cnf(void *user, const struct rtse_transfer_end *e) {
    hear(user, e->ok ? "TRANSFERcnf+" : "TRANSFERcnf-");
}
static void turn_please_ind(void *user, uint32_t priority) {
    assert_int_equal(priority, 7);
    hear(user, "PLEASEind");
}
static void turn_give_ind(void *user) {
    hear(user, "GIVEind");
}
static void close_ind(void *user) {
    hear(user, "RT-CLOSEind");
}
static void close_cnf(void *user) {
    hear(user, "RT-CLOSEcnf");
}
static void abort_ind(void *user, const struct stack_failure *f) {
    assert_true(strlen(f->text) > 10);
    hear(user, "RT-ABORTind");
}
static const struct rtse_user recorder = {open_ind,      open_cnf,   transfer_begin, transfer_data, checkpoint_ind,
                                          transfer_end,  resume_ind, checkpoint_cnf, transfer_cnf,  turn_please_ind,
                                          turn_give_ind, close_ind,  close_cnf,      abort_ind};

// ---- reaching a state ----

static void drop_associate(void *user, const struct acse_associate *a) {
    (void)user;
    (void)a;
}
static const struct acse_user deaf = {.associate_ind = drop_associate};

static bool sends(int st) {
    return st == SENDING || st == ENDING || st == GIVING_UP || st == RELEASING;
}

// Which of the two is looked at, who has the turn, and whether a monologue's turn is the responder's.
static void choose(struct bench *b, const struct situation *x, int st, int other) {
    struct side *sender = x->swapped ? &b->pair->b : &b->pair->a, *receiver = x->swapped ? &b->pair->a : &b->pair->b;
    if (st == CLOSED || st == OPEN)
        b->d = other & 1 ? receiver : sender;
    else if (st == AWAIT_CONFIRM || st == AWAIT_RESPONSE)
        b->d = st == AWAIT_CONFIRM ? &b->pair->a : &b->pair->b;
    else
        b->d = sends(st) ? sender : receiver;
    b->r = &b->d->s->rtse;
    b->init = b->d == &b->pair->a;
    b->turn = b->d == sender;
    b->two = x->two_way;
    b->x410 = x->x410;
    b->done = other & 2;
}

static void transfer_until(struct bench *b, const struct situation *x, int st) {
    struct side *from = x->swapped ? &b->pair->b : &b->pair->a, *to = x->swapped ? &b->pair->a : &b->pair->b;
    uint64_t total = st == ENDING || st == RECEIVED ? 2500 : 20000;
    from->total = to->total = total;
    to->hold_checkpoints = to->hold_end = true;
    assert_int_equal(stack_rt_transfer_req(from->s, b->pair->now, total, 0), 0);
    pair_run(b->pair);
    if (st == GIVING_UP)
        assert_int_equal(stack_transfer_interrupt(from->s, b->pair->now), 0);
    if (st == SKIPPING)
        assert_int_equal(stack_transfer_refuse(to->s, b->pair->now, RTSE_EXCEPTION_NON_SPECIFIC), 0);
}

static void reach(struct bench *b, const struct situation *x, int st, int other) {
    struct stack_params p;
    stack_params_default(&p);
    p.mode = x->x410 ? RTSE_X410 : RTSE_NORMAL;
    p.protocol = x->x410 ? RTSE_PROTOCOL_P1_1988 : 0;
    p.dialogue = x->two_way ? RTSE_TWO_WAY_ALTERNATE : RTSE_MONOLOGUE;
    p.refuse_two_way_alternate = false;
    p.initial_turn_responder = x->swapped;
    p.checkpoint = 1;
    p.window = 3;
    *b = (struct bench){.pair = pair_new(&p, &p), .during_resume = -1};
    choose(b, x, st, other);
    b->pair->b.hold_open = st < OPEN;
    b->pair->a.hold_close = b->pair->b.hold_close = true;
    if (st == CLOSED && !b->init)
        b->d->s->acse.up = &deaf;
    if (st != CLOSED || !b->init)
        pair_open(b->pair);
    if (b->done) {
        struct side *from = x->swapped ? &b->pair->b : &b->pair->a, *to = x->swapped ? &b->pair->a : &b->pair->b;
        from->total = to->total = 2000;
        assert_int_equal(stack_rt_transfer_req(from->s, b->pair->now, 2000, 0), 0);
        pair_run(b->pair);
        assert_int_equal(from->cnf_ok, 1);
    }
    if (st >= SENDING && st < RELEASING && st != RESUMING)
        transfer_until(b, x, st);
    if (st >= RELEASING) {
        assert_int_equal(stack_rt_close_req(x->swapped ? b->pair->b.s : b->pair->a.s, b->pair->now), 0);
        pair_run(b->pair);
    }
    assert_int_equal(b->r->fsm.state, st == RESUMING ? OPEN : st);
    b->d->s->acse.up = &rtse_acse_user;
    b->r->up = &recorder;
    b->r->user = b;
    buf_clear(&b->d->s->out);
}

// ---- events of the user ----

static struct acse_associate below(struct bench *b) {
    struct acse_associate as = {.user_context = 3};
    as.presentation.x410 = b->d->s->params.mode == RTSE_X410;
    as.presentation.session.requirements = SESSION_FU_RTSE;
    as.presentation.session.calling_ref = bytes_of("\x14\x01\x31", 3);
    as.presentation.session.common_ref = bytes_of("\x17\x0d"
                                                  "261120100000Z",
                                                  15);
    as.presentation.n_contexts = 3;
    as.presentation.contexts[0] =
        (struct presentation_context){.id = 1, .abstract_syntax = stack_acse_syntax, .ber = 1};
    as.presentation.contexts[1] =
        (struct presentation_context){.id = 3, .abstract_syntax = b->d->s->params.rtse_syntax, .ber = 1};
    as.presentation.contexts[2] =
        (struct presentation_context){.id = 5, .abstract_syntax = b->d->s->params.user_syntax, .ber = 1};
    return as;
}

static int ask_to_resume(struct bench *b) {
    struct rtse_recovery old = {.activity_id = {2, 1, 9},
                                .n_activity_id = 3,
                                .mode = b->r->x410 ? RTSE_X410 : RTSE_NORMAL,
                                .serial = 1,
                                .octets_confirmed = 1000,
                                .stream = 1024};
    old.session = b->r->session;
    return rtse_resume_req(b->r, &old, 20000, 0);
}

// The receiver's own memory of what is to be resumed.
static int answer_resume(struct bench *b) {
    struct rtse_recovery state = b->asked;
    state.serial = 1;
    state.octets_confirmed = 1000;
    state.stream = 1024;
    state.at[1] = 1024;
    state.mark.valid = true;
    return rtse_resume_rsp(b->r, &state);
}

static int give(struct bench *b, size_t n) {
    uint8_t octets[500];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = pattern_octet(sizeof octets, i);
    return rtse_transfer_data(b->r, bytes_of(octets, n));
}

static int ask(struct bench *b, enum event e) {
    struct acse_associate as = below(b);
    struct bytes bind = b->d->s->params.mode == RTSE_X410 ? bytes_of("\x05\x00", 2) : bytes_of("\xb0\x02\x05\x00", 4);
    struct rtse *r = b->r;
    struct rtse_session_id old = {.user = {0x14, 1, 0x30}, .n_user = 3, .common = {0x17, 0}, .n_common = 2};
    switch (e) {
    case OPEN_REQ: return rtse_open_req(r, &as, bind);
    case RECOVER_REQ: return rtse_recover_req(r, &as, &old);
    case OPEN_RSP: return rtse_open_rsp(r, &as, bind);
    case OPEN_REFUSE: return rtse_open_refuse(r, &as, bytes_of(NULL, 0), RTSE_REFUSE_BUSY);
    case TRANSFER_REQ: return rtse_transfer_req(r, 5000, 0);
    case RESUME_REQ: return ask_to_resume(b);
    case GIVE: return give(b, 10);
    case GIVE_LAST: return give(b, 500);
    case DISCARD_REQ: return rtse_transfer_discard(r);
    case INTERRUPT_REQ: return rtse_transfer_interrupt(r);
    case CHECKPOINT_RSP: return rtse_checkpoint_rsp(r, 1);
    case TRANSFER_RSP: return rtse_transfer_rsp(r);
    case TRANSFER_REFUSE: return rtse_transfer_refuse(r, RTSE_EXCEPTION_NON_SPECIFIC);
    case RESUME_RSP: return answer_resume(b);
    case RESUME_REFUSE: return rtse_resume_refuse(r, RTSE_RESUME_UNKNOWN);
    case RESUME_COMPLETED: return rtse_resume_refuse(r, RTSE_RESUME_COMPLETED);
    case TURN_PLEASE_REQ: return rtse_turn_please(r, 7);
    case TURN_GIVE_REQ: return rtse_turn_give(r);
    case CLOSE_REQ: return rtse_close_req(r);
    case CLOSE_RSP: return rtse_close_rsp(r);
    default: return rtse_abort_req(r, RTSE_ABORT_USER_ERROR);
    }
}

// ---- events of the peer ----

static void associate(struct bench *b, enum event e) {
    struct acse_associate as = below(b);
    struct buf info = {0};
    bool x410 = b->d->s->params.mode == RTSE_X410;
    struct rtse_apdu a = {.kind = e == ASSOCIATE_IND   ? RTSE_RTORQ
                                  : e == ASSOCIATE_CNF ? RTSE_RTOAC
                                                       : RTSE_RTORJ,
                          .checkpoint = 1,
                          .window = 3,
                          .protocol = x410 ? RTSE_PROTOCOL_P1_1988 : 0,
                          .reason = e == ASSOCIATE_REFUSED ? RTSE_REFUSE_BUSY : -1};
    if (e != ASSOCIATE_REFUSED)
        a.user_data = x410 ? bytes_of("\x05\x00", 2) : bytes_of("\xb0\x02\x05\x00", 4);
    as.presentation.x410 = x410;
    as.application_context = b->d->s->params.application_context;
    as.result = e == ASSOCIATE_REFUSED;
    as.source = ACSE_SERVICE_USER;
    stack_failure_set(&as.failure, STACK_ASSOCIATION, true, 0, "association: refused in the test");
    assert_int_equal((x410 ? rtse_members_encode : rtse_apdu_encode)(&info, &a), 0);
    as.user_information = buf_bytes(&info);
    as.presentation.by_user = e == ASSOCIATE_REFUSED;
    (e == ASSOCIATE_IND ? rtse_acse_user.associate_ind : rtse_acse_user.associate_cnf)(b->r, &as);
    buf_free(&info);
}

// P-DATA with this much of an EXTERNAL or, in X.410 mode, of an APDU.
static void data(struct bench *b, struct bytes slice) {
    const uint8_t head[] = {0x04, (uint8_t)slice.n};
    const struct presentation_rtse_user *in = &rtse_presentation_user;
    int err = in->data_begin(b->r, b->r->x410 ? PDV_NO_CONTEXT : b->r->context);
    if (err == 0 && !b->r->x410)
        err = in->data(b->r, bytes_of(head, 2));
    if (err == 0 && slice.n > 0)
        err = in->data(b->r, slice);
    if (err == 0)
        err = in->data_end(b->r);
    assert_true(err <= 0);
}

// Where the session beneath would be now: so that what is answered can be sent.
static void prepare(struct bench *b, enum event e) {
    struct session *s = &b->d->s->session;
    switch (e) {
    case START_IND:
    case RESUME_IND: s->activity = true; break;
    case INTERRUPT_IND: s->fsm.state = STA11B; break;
    case DISCARD_IND: s->fsm.state = STA11C; break;
    case END_IND:
    case END_IND_SHORT: s->fsm.state = STA10B; break;
    case U_EXCEPTION_IND:
    case P_EXCEPTION_IND: s->fsm.state = STA20; break;
    case END_CNF:
    case INTERRUPT_CNF:
    case DISCARD_CNF:
        s->fsm.state = STA713;
        s->activity = false;
        break;
    case TURN_GIVE_IND: s->tokens = SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR | SESSION_TOKEN_MAJOR; break;
    default: break;
    }
}

static void pass(struct bench *b, enum event e) {
    static const struct {
        enum presentation_primitive primitive;
        bool response;
    } events[N_EVENTS] = {
        [START_IND] = {P_ACTIVITY_START, false},
        [RESUME_IND] = {P_ACTIVITY_RESUME, false},
        [SYNC_IND] = {P_SYNC_MINOR, false},
        [SYNC_CNF] = {P_SYNC_MINOR, true},
        [END_IND] = {P_ACTIVITY_END, false},
        [END_IND_SHORT] = {P_ACTIVITY_END, false},
        [END_CNF] = {P_ACTIVITY_END, true},
        [INTERRUPT_IND] = {P_ACTIVITY_INTERRUPT, false},
        [DISCARD_IND] = {P_ACTIVITY_DISCARD, false},
        [INTERRUPT_CNF] = {P_ACTIVITY_INTERRUPT, true},
        [DISCARD_CNF] = {P_ACTIVITY_DISCARD, true},
        [U_EXCEPTION_IND] = {P_U_EXCEPTION_REPORT, false},
        [P_EXCEPTION_IND] = {P_P_EXCEPTION_REPORT, false},
        [TURN_PLEASE_IND] = {P_TOKEN_PLEASE, false},
        [TURN_GIVE_IND] = {P_CONTROL_GIVE, false},
        [TOKEN_IND] = {P_TOKEN_GIVE, false},
    };
    static const struct session_resume old = {.old_id = {(const uint8_t *)"\x02\x01\x01", 3},
                                              .new_id = {(const uint8_t *)"\x02\x01\x02", 3},
                                              .serial = 1,
                                              .same_connection = true};
    struct presentation_event pe = {.primitive = events[e].primitive,
                                    .response = events[e].response,
                                    .activity_id = {(const uint8_t *)"\x02\x01\x02", 3},
                                    .resume = &old,
                                    .user_data = {(const uint8_t *)"\x02\x01\x07", 3},
                                    .serial = e == SYNC_IND || e == END_IND || e == END_IND_SHORT ? b->r->serial + 1
                                              : e == END_CNF                                      ? b->r->serial
                                                                                                  : 1,
                                    .explicit_cnf = true,
                                    .tokens = SESSION_TOKEN_DATA};
    rtse_presentation_user.event(b->r, &pe);
}

static void indicate(struct bench *b, enum event e) {
    static const uint8_t whole[] = {0x28, 0x09, 0x02, 0x01, 0x05, 0xa0, 0x04, 0x04, 0x02, 'a', 'b'};
    struct bytes apdu = b->r->x410 ? bytes_of(whole + 7, 4) : bytes_of(whole, sizeof whole);
    struct stack_failure f;
    if (e == END_IND && b->r->fsm.state == RECEIVING) { // the APDU of this one is small: it begins anew
        prepare(b, INTERRUPT_IND);
        pass(b, INTERRUPT_IND);
        b->d->s->session.fsm.state = STA713;
        pass(b, START_IND);
        data(b, apdu);
        buf_clear(&b->d->s->out);
        b->heard.text[0] = 0;
    }
    prepare(b, e);
    switch (e) {
    case ASSOCIATE_IND:
    case ASSOCIATE_CNF:
    case ASSOCIATE_REFUSED: associate(b, e); break;
    case RELEASE_IND: rtse_acse_user.release_ind(b->r); break;
    case RELEASE_CNF: rtse_acse_user.release_cnf(b->r); break;
    case ABORT_IND:
        stack_failure_set(&f, STACK_ASSOCIATION, true, 0, "association: aborted in the test");
        rtse_acse_user.abort_ind(b->r, &f, bytes_of(NULL, 0));
        break;
    case DATA_IND: data(b, bytes_of("abcd", 4)); break;
    default: pass(b, e); break;
    }
}

static void happen(struct bench *b, enum event e) {
    if (e > ABORT_REQ) {
        indicate(b, e);
        return;
    }
    int err = ask(b, e);
    if (err == ERR_STATE)
        words_add(&b->heard, "ERR_STATE");
    else if (err != 0)
        fail_msg("state %s, event %d: %d", fsm_state_name(&b->r->fsm), (int)e, err);
}

// ---- the walk ----

static bool same(const struct words *w, const char *wanted) {
    return strcmp(w->text, wanted) == 0;
}

static bool cannot_be(const struct bench *b, const struct situation *x, int st, enum event e) {
    if (st == RESUMING && e > ABORT_REQ)
        return true; // the user answers before it returns: nothing of the peer comes in between
    if (st == CLOSED && (b->init ? e == ASSOCIATE_IND : e == OPEN_REQ || e == RECOVER_REQ))
        return true;                                    // a connection has one caller
    return st >= RELEASING && x->two_way && x->swapped; // the initiator alone releases
}

static void step(struct bench *b, int st, enum event e) {
    if (e == GIVE || e == GIVE_LAST) {
        if (st == SENDING) { // one of which nothing is sent yet, and which fits one slice
            pass(b, U_EXCEPTION_IND);
            b->d->s->session.fsm.state = STA713, b->d->s->session.activity = false;
            pass(b, DISCARD_CNF);
            assert_int_equal(rtse_transfer_req(b->r, 500, 0), 0);
            buf_clear(&b->d->s->out);
            b->heard.text[0] = 0;
        }
    }
    if (st == RESUMING) {
        b->during_resume = (int)e;
        prepare(b, RESUME_IND);
        pass(b, RESUME_IND);
    } else
        happen(b, e);
}

static bool compare(struct bench *b, const struct situation *x, int st, enum event e) {
    const struct cell *c = cell_of(b, st, (int)e);
    struct cell none = {
        .next = (uint8_t)st, .spdu = "", .apdu = "", .heard = e <= ABORT_REQ ? "ERR_STATE" : "", .source = "no row"};
    if (c == NULL && e > ABORT_REQ && st != CLOSED)
        none = (struct cell){.next = CLOSED,
                             .spdu = "AB",
                             .apdu = "RTAB",
                             .heard = "RT-ABORTind",
                             .source = "no row: T.433 B.3.1 b, as X.228"};
    if (st == AWAIT_CONFIRM && c == NULL && e > ABORT_REQ)
        none.heard = "RT-OPENcnf-";  // ours: RT-OPEN has one outcome, whatever it is
    if (c == NULL && st == RESUMING) // a wrong answer is no answer: the activity is unknown
        none.next = SKIPPING, none.spdu = "ED";
    if (c == NULL)
        c = &none;
    struct words spdus = sent_by(b->d->s, x->x410, STACK_SESSION, STACK_SESSION),
                 apdus = sent_by(b->d->s, x->x410, STACK_RTSE, STACK_RTSE);
    assert_non_null(c->source);
    if (b->r->fsm.state == c->next && same(&b->heard, c->heard) && same(&spdus, c->spdu) &&
        (x->x410 || same(&apdus, c->apdu)))
        return true;
    print_error("%s, event %d (%s%s%s%s%s): -> %s, sent '%s' in '%s', heard '%s'; wanted %s, '%s' in '%s', '%s' (%s)\n",
                rtse_fsm.states[st], (int)e, x->x410 ? "X.410 " : "", x->two_way ? "two-way " : "",
                b->turn ? "turn " : "", b->init ? "init" : "", x->swapped ? " swapped" : "",
                rtse_fsm.states[b->r->fsm.state], apdus.text, spdus.text, b->heard.text, rtse_fsm.states[c->next],
                c->apdu, c->spdu, c->heard, c->source);
    return false;
}

static void test_table(void **state) {
    (void)state;
    unsigned pairs = 0, left_out = 0, wrong = 0;
    for (unsigned i = 0; i < 8; i++)
        for (int st = 0; st < N_STATES; st++)
            for (int e = 0; e < N_EVENTS; e++)
                for (int other = 0; other < (st == CLOSED ? 2 : st == OPEN ? 4 : 1); other++) {
                    struct situation x = {i & 1, i & 2, i & 4};
                    struct bench b;
                    if (st >= RELEASING && x.two_way && x.swapped) {
                        left_out++;
                        continue;
                    }
                    reach(&b, &x, st, other);
                    if (cannot_be(&b, &x, st, (enum event)e))
                        left_out++;
                    else {
                        step(&b, st, (enum event)e);
                        if (st == CLOSED && (e == OPEN_REQ || e == RECOVER_REQ)) { // the CN waits for the CC
                            pair_move(b.pair, &b.pair->a, &b.pair->b);
                            pair_move(b.pair, &b.pair->b, &b.pair->a);
                        }
                        wrong += !compare(&b, &x, st, (enum event)e);
                        pairs++;
                    }
                    pair_free(b.pair);
                }
    assert_int_equal(wrong, 0);
    assert_int_equal(pairs + left_out, 8 * N_EVENTS * (N_STATES + 4));
    assert_int_equal(pairs, 5600);
}

// The machine has no state and no event that this table does not know: all octets given is one of its own, interrupt
// and discard are one there, as are the reports of user and provider and the two ways to open.
static void test_known(void **state) {
    (void)state;
    assert_int_equal(rtse_fsm.n_states, N_STATES);
    assert_int_equal(rtse_fsm.n_events, N_EVENTS - 6 + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
