// SPDX-License-Identifier: BSD-2-Clause
// Every state of the presentation protocol machine with every event, both roles and modes, driven through the
// boundaries of its service with real PPDUs, against a table that was written apart from the layer: X.226 (1994) annex
// A as transcribed in ISODE++ (psap/prov/PSAP.sm) and in Wildboar's TypeScript. A blank cell is, by its A.4.1, ARP and
// a P-P-ABORT indication for an event of the peer; a request is refused by ERR_STATE. Not here: the states and events
// of context management and of functional units of session that are not chosen. In X.410 mode there is no ARP (no PPDU
// of that mode stands for it): the session's abort alone is sent.
#include "tests/unit/rfc1006_table_util.h"

#include "rfc1006/session_fsm.h"

#define A "X.226 annex A"
#define BLANK "X.226 A.4.1: blank"

enum { STAI0, STAI1, STAI2, STAT0, N_STATES };
enum event {
    P_CONREQ,
    P_CONRSP_P,
    P_CONRSP_N,
    P_RELREQ,
    P_RELRSP,
    P_UABREQ,
    P_DTREQ,
    P_ACTSREQ, // what passes through: fourteen requests and responses, ...
    P_ACTRREQ,
    P_ACTIREQ,
    P_ACTDREQ,
    P_ACTEREQ,
    P_SYNREQ,
    P_UERREQ,
    P_PTREQ,
    P_GTREQ,
    P_CGREQ,
    P_ACTIRSP,
    P_ACTDRSP,
    P_ACTERSP,
    P_SYNRSP,
    CP,
    CP_NOT_P01, // the P-selector is unknown
    CP_NOT_P03, // user data in a context that is not proposed
    CPA,
    CPA_NOT_P04, // user data in a context that was not agreed
    CPR,
    S_CONCNF_N,
    S_RELIND,
    S_RELCNF,
    ARU,
    ARP,
    S_PABIND,
    TD,
    TD_NOT_P05, // data in a context that was not agreed
    S_ACTSIND,  // ... fifteen indications and confirms
    S_ACTRIND,
    S_ACTIIND,
    S_ACTDIND,
    S_ACTEIND,
    S_SYNIND,
    S_UERIND,
    S_PERIND,
    S_PTIND,
    S_GTIND,
    S_CGIND,
    S_ACTICNF,
    S_ACTDCNF,
    S_ACTECNF,
    S_SYNCNF,
    N_EVENTS
};

struct row {
    uint8_t next;
    const char *ppdu, *spdu, *heard, *source;
};

#define NO(state)                                                                                                      \
    { state, "", "", "ERR_STATE", BLANK }
#define NOS NO(STAI0), NO(STAI1), NO(STAI2)
#define BAD                                                                                                            \
    { STAI0, "ARP", "AB", "P-PABind", BLANK }
#define NONE                                                                                                           \
    { STAI0, "", "", "", "ours: " BLANK ", but there is no connection to abort" }
#define ENDS(what)                                                                                                     \
    { STAI0, "", "", what, A }
#define ABORTS                                                                                                         \
    { STAI0, "ARU", "AB", "", A " p03, p05" }
#define PASSES(spdu)                                                                                                   \
    {                                                                                                                  \
        NOS, {                                                                                                         \
            STAT0, "", spdu, "", A " p05"                                                                              \
        }                                                                                                              \
    }
#define COMES(what)                                                                                                    \
    {                                                                                                                  \
        NONE, BAD, BAD, {                                                                                              \
            STAT0, "", "", what, A " p05"                                                                              \
        }                                                                                                              \
    }

static const struct row table[N_EVENTS][N_STATES] = {
    [P_CONREQ] = {{STAI1, "CP", "CN", "", A " p02 p03"}, NO(STAI1), NO(STAI2), NO(STAT0)},
    [P_CONRSP_P] = {NO(STAI0), NO(STAI1), {STAT0, "CPA", "AC", "", A " p04"}, NO(STAT0)},
    [P_CONRSP_N] = {NO(STAI0), NO(STAI1), {STAI0, "CPR", "RF", "", A " p04"}, NO(STAT0)},
    [P_RELREQ] = {NOS, {STAT0, "", "FN", "", A " p05 [07]"}},
    [P_RELRSP] = {NOS, {STAI0, "", "DN", "", A " p05 not p08"}},
    [P_UABREQ] = {NO(STAI0), ABORTS, ABORTS, ABORTS},
    [P_DTREQ] = {NOS, {STAT0, "P-DATA", "DT", "", A " p05"}},
    [P_ACTSREQ] = PASSES("AS"),
    [P_ACTRREQ] = PASSES("AR"),
    [P_ACTIREQ] = PASSES("AI"),
    [P_ACTDREQ] = PASSES("AD"),
    [P_ACTEREQ] = PASSES("AE"),
    [P_SYNREQ] = PASSES("MIP"),
    [P_UERREQ] = PASSES("ED"),
    [P_PTREQ] = PASSES("PT"),
    [P_GTREQ] = PASSES("GT"),
    [P_CGREQ] = PASSES("GTC"),
    [P_ACTIRSP] = PASSES("AIA"),
    [P_ACTDRSP] = PASSES("ADA"),
    [P_ACTERSP] = PASSES("AEA"),
    [P_SYNRSP] = PASSES("MIA"),
    [CP] = {{STAI2, "", "", "P-CONind", A " p01 p02 p03 p22"}, BAD, BAD, BAD},
    [CP_NOT_P01] = {{STAI0, "CPR", "RF", "P-PABind", A " not p01; ours: and the user, whose call it is, is told"},
                    BAD,
                    BAD,
                    BAD},
    [CP_NOT_P03] = {{STAI0, "CPR", "RF", "P-PABind", "ours: refused in order, where " A " has a blank"}, BAD, BAD, BAD},
    [CPA] = {NONE, {STAT0, "", "", "P-CONcnf+", A " p04"}, BAD, BAD},
    [CPA_NOT_P04] = {NONE, BAD, BAD, BAD},
    [CPR] = {NONE, {STAI0, "", "", "P-CONcnf-", A " p04"}, BAD, BAD},
    [S_CONCNF_N] = {NONE, {STAI0, "", "", "P-CONcnf-", A}, BAD, BAD},
    [S_RELIND] = {NONE, BAD, BAD, {STAT0, "", "", "P-RELind", A " p05 [07]"}},
    [S_RELCNF] = {NONE, BAD, BAD, {STAI0, "", "", "P-RELcnf", A " p05 not p08"}},
    [ARU] = {NONE, ENDS("P-UABind"), ENDS("P-UABind"), ENDS("P-UABind")},
    [ARP] = {NONE, ENDS("P-PABind"), ENDS("P-PABind"), ENDS("P-PABind")},
    [S_PABIND] = {{STAI0, "", "", "", BLANK}, ENDS("P-PABind"), ENDS("P-PABind"), ENDS("P-PABind")},
    [TD] = COMES("P-DTind"),
    [TD_NOT_P05] = {NONE, BAD, BAD, BAD},
    [S_ACTSIND] = COMES("P-ACTSind"),
    [S_ACTRIND] = COMES("P-ACTRind"),
    [S_ACTIIND] = COMES("P-ACTIind"),
    [S_ACTDIND] = COMES("P-ACTDind"),
    [S_ACTEIND] = COMES("P-ACTEind"),
    [S_SYNIND] = COMES("P-SYNmind"),
    [S_UERIND] = COMES("P-UERind"),
    [S_PERIND] = COMES("P-PERind"),
    [S_PTIND] = COMES("P-PTind"),
    [S_GTIND] = COMES("P-GTind"),
    [S_CGIND] = COMES("P-CGind"),
    [S_ACTICNF] = COMES("P-ACTIcnf"),
    [S_ACTDCNF] = COMES("P-ACTDcnf"),
    [S_ACTECNF] = COMES("P-ACTEcnf"),
    [S_SYNCNF] = COMES("P-SYNmcnf"),
};

// ---- the users ----

static void connect_ind(void *user, const struct presentation_connect *c) {
    assert_true(c->user_data.n > 0);
    words_add(user, "P-CONind");
}
static void connect_cnf(void *user, const struct presentation_connect *c) {
    words_add(user, c->refused ? "P-CONcnf-" : "P-CONcnf+");
}
static void release_ind(void *user, struct bytes v) {
    (void)v;
    words_add(user, "P-RELind");
}
static void release_cnf(void *user, struct bytes v) {
    (void)v;
    words_add(user, "P-RELcnf");
}
static void u_abort_ind(void *user, struct bytes v) {
    (void)v;
    words_add(user, "P-UABind");
}
static void p_abort_ind(void *user, const struct stack_failure *f) {
    assert_true(strlen(f->text) > 10);
    words_add(user, "P-PABind");
}
static const struct presentation_acse_user association = {connect_ind, connect_cnf, release_ind,
                                                          release_cnf, u_abort_ind, p_abort_ind};

static int data_begin(void *user, int64_t context) {
    (void)context;
    words_add(user, "P-DTind");
    return 0;
}
static int data(void *user, struct bytes piece) {
    (void)user;
    assert_true(piece.n > 0);
    return 0;
}
static int data_end(void *user) {
    (void)user;
    return 0;
}
static void passed(void *user, const struct presentation_event *e) {
    static const char *const names[] = {
        [P_ACTIVITY_START] = "ACTS",    [P_ACTIVITY_RESUME] = "ACTR",   [P_ACTIVITY_INTERRUPT] = "ACTI",
        [P_ACTIVITY_DISCARD] = "ACTD",  [P_ACTIVITY_END] = "ACTE",      [P_SYNC_MINOR] = "SYNm",
        [P_U_EXCEPTION_REPORT] = "UER", [P_P_EXCEPTION_REPORT] = "PER", [P_TOKEN_PLEASE] = "PT",
        [P_TOKEN_GIVE] = "GT",          [P_CONTROL_GIVE] = "CG",
    };
    char word[40];
    snprintf(word, sizeof word, "P-%s%s", names[e->primitive], e->response ? "cnf" : "ind");
    words_add(user, word);
}
static const struct presentation_rtse_user transfer = {data_begin, data, data_end, passed};

// ---- reaching a state ----

struct bench {
    struct pair *pair;
    struct presentation *p;
    struct side *d;
    struct words heard;
    int refuse; // of accept_presentation: -1 not
};

static int accept(void *ctx, struct bytes calling, struct bytes called) {
    (void)calling;
    (void)called;
    return ((struct bench *)ctx)->refuse;
}

static void drop_connect(void *user, const struct session_connect *c) {
    (void)user;
    (void)c;
}
static const struct session_user deaf = {.connect_ind = drop_connect};

static void reach(struct bench *b, int st, bool called, bool x410) {
    struct stack_params p;
    stack_params_default(&p);
    p.mode = x410 ? RTSE_X410 : RTSE_NORMAL;
    p.protocol = x410 ? RTSE_PROTOCOL_P1_1988 : 0;
    *b = (struct bench){.pair = pair_new(&p, &p), .refuse = -1};
    b->d = called ? &b->pair->b : &b->pair->a;
    b->p = &b->d->s->presentation;
    b->pair->b.hold_open = st != STAT0;
    if (st == STAI0 && called)
        b->pair->b.s->session.up = &deaf;
    if (st != STAI0 || called)
        pair_open(b->pair);
    assert_int_equal(b->p->fsm.state, st);
    b->d->s->session.up = &presentation_session_user;
    b->p->acse = &association;
    b->p->rtse = &transfer;
    b->p->acse_user = b->p->rtse_user = &b->heard;
    b->p->params.accept_session = NULL;
    b->p->params.accept_presentation = accept;
    b->p->params.accept_ctx = b;
    b->p->x410 = x410;
    buf_clear(&b->d->s->out);
}

// ---- the events ----

// The session is put where its own table lets a request pass, so that it is seen to be passed on.
static void prepare(struct bench *b, enum event e) {
    enum { ALL = SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR | SESSION_TOKEN_MAJOR };
    struct session *s = &b->d->s->session;
    s->activity = (e >= P_ACTIREQ && e <= P_UERREQ) || e >= P_ACTIRSP;
    s->tokens = e == P_UERREQ || e == P_PTREQ || e >= P_ACTIRSP ? 0 : ALL;
    s->vm = 2, s->va = 1;
    if (e == P_SYNRSP)
        s->vsc = true;
    if (e == P_RELRSP)
        s->fsm.state = STA09;
    if (e == P_ACTIRSP || e == P_ACTDRSP)
        s->fsm.state = e == P_ACTIRSP ? STA11B : STA11C;
    if (e == P_ACTERSP)
        s->fsm.state = STA10B;
}

static struct presentation_connect connect_of(const struct bench *b) {
    struct presentation_connect c = {.x410 = b->p->x410, .n_contexts = 2};
    c.session.requirements = SESSION_FU_RTSE;
    c.contexts[0] = (struct presentation_context){.id = 1, .abstract_syntax = stack_acse_syntax, .ber = true};
    c.contexts[1] = (struct presentation_context){.id = 3, .abstract_syntax = b->d->s->params.rtse_syntax, .ber = true};
    return c;
}

static int ask(struct bench *b, enum event e) {
    static const struct session_resume old = {.old_id = {(const uint8_t *)"\x02\x01\x01", 3},
                                              .new_id = {(const uint8_t *)"\x02\x01\x02", 3},
                                              .serial = 1,
                                              .same_connection = true};
    static const enum presentation_primitive passing[] = {
        P_ACTIVITY_START,     P_ACTIVITY_RESUME,    P_ACTIVITY_INTERRUPT, P_ACTIVITY_DISCARD, P_ACTIVITY_END,
        P_SYNC_MINOR,         P_U_EXCEPTION_REPORT, P_TOKEN_PLEASE,       P_TOKEN_GIVE,       P_CONTROL_GIVE,
        P_ACTIVITY_INTERRUPT, P_ACTIVITY_DISCARD,   P_ACTIVITY_END,       P_SYNC_MINOR};
    struct buf value = {0};
    struct presentation_connect c = connect_of(b);
    int err;
    buf_append(&value, b->p->x410 ? "\xa0\x00" : "\x62\x00", 2);
    switch (e) {
    case P_CONREQ: err = presentation_connect_req(b->p, &c, 1, &value); break;
    case P_CONRSP_N: c.refused = true; // fall through
    case P_CONRSP_P: err = presentation_connect_rsp(b->p, &c, 1, &value); break;
    case P_RELREQ: err = presentation_release_req(b->p, 1, &value); break;
    case P_RELRSP: err = presentation_release_rsp(b->p, 1, &value); break;
    case P_UABREQ: err = presentation_u_abort_req(b->p, 1, &value); break;
    case P_DTREQ: err = presentation_data_req(b->p, 3, &value); break;
    default: {
        struct presentation_event pe = {.primitive = passing[e - P_ACTSREQ],
                                        .response = e >= P_ACTIRSP,
                                        .activity_id = {(const uint8_t *)"\x02\x01\x02", 3},
                                        .resume = &old,
                                        .serial = 1,
                                        .value = &value,
                                        .context = 3,
                                        .tokens = SESSION_TOKEN_DATA};
        err = presentation_event_req(b->p, &pe);
    }
    }
    buf_free(&value);
    return err;
}

static void user_data(struct buf *out, uint8_t context, bool x410) {
    const uint8_t full[] = {0x61, 0x09, 0x30, 0x07, 0x02, 0x01, context, 0xa0, 0x02, 0x62, 0x00};
    if (x410)
        buf_append(out, "\xa0\x00", 2);
    else
        buf_append(out, full, sizeof full);
}

static void connection(struct bench *b, enum event e) {
    struct buf ud = {0};
    bool x410 = b->p->x410;
    struct presentation_connect contexts = connect_of(b);
    struct presentation_ppdu ppdu = {.normal_mode = true, .version_1 = true, .n_contexts = 2, .provider_reason = -1};
    memcpy(ppdu.contexts, contexts.contexts, sizeof ppdu.contexts);
    if (!(b->d->s->initiator && e >= CPA) && e > CPA_NOT_P04)
        ppdu.n_contexts = 0;
    if (b->p->n_contexts > 0 && e >= CPA)
        ppdu.n_contexts = b->p->n_contexts;
    struct session_connect s = {.requirements = SESSION_FU_RTSE, .version = 2};
    s.refused = e == CPR || e == S_CONCNF_N;
    s.reason = e == CPR ? SESSION_REFUSED_WITH_DATA : SESSION_REFUSED_SSEL_UNKNOWN;
    s.text = "session: REFUSE of the test";
    user_data(&ud, e == CP_NOT_P03 || e == CPA_NOT_P04 ? 77 : 1, x410);
    b->refuse = e == CP_NOT_P01 ? 3 : -1;
    int err = e == S_CONCNF_N ? (buf_clear(&ud), 0)
              : x410          ? e == CPR ? presentation_x410_encode(&ud) : presentation_x410_connect_encode(&ud)
                       : e < CPA ? presentation_cp_encode(&ud, &ppdu)
              : e < CPR       ? presentation_cpa_encode(&ud, &ppdu)
                              : presentation_cpr_encode(&ud, &ppdu);
    assert_int_equal(err, 0);
    s.user_data = buf_bytes(&ud);
    (e < CPA ? presentation_session_user.connect_ind : presentation_session_user.connect_cnf)(b->p, &s);
    buf_free(&ud);
}

static void abortion(struct bench *b, enum event e) {
    const struct session_p_abort lost = {SESSION_ABORT_TRANSPORT, "transport: lost in the test"};
    struct buf ud = {0};
    if (e == S_PABIND) {
        presentation_session_user.p_abort_ind(b->p, &lost);
        return;
    }
    if (e == ARP)
        assert_int_equal(presentation_arp_encode(&ud, 1, 0), 0);
    else {
        user_data(&ud, 1, b->p->x410);
        assert_int_equal(b->p->x410 ? presentation_x410_encode(&ud) : presentation_aru_encode(&ud, 1), 0);
    }
    presentation_session_user.u_abort_ind(b->p, buf_bytes(&ud));
    buf_free(&ud);
}

static void indicate(struct bench *b, enum event e) {
    const struct session_user *in = &presentation_session_user;
    static const struct session_resume old = {.same_connection = true, .serial = 1};
    const struct bytes none = {NULL, 0}, id = {(const uint8_t *)"\x02\x01\x01", 3};
    struct buf ud = {0};
    user_data(&ud, e == TD_NOT_P05 ? 77 : 3, b->p->x410);
    switch (e) {
    case S_RELIND: in->release_ind(b->p, none); break;
    case S_RELCNF: in->release_cnf(b->p, none); break;
    case TD:
    case TD_NOT_P05: in->data_ind(b->p, buf_bytes(&ud), true); break;
    case S_ACTSIND: in->activity_start_ind(b->p, id, none); break;
    case S_ACTRIND: in->activity_resume_ind(b->p, &old); break;
    case S_ACTIIND: in->activity_interrupt_ind(b->p, 0); break;
    case S_ACTDIND: in->activity_discard_ind(b->p, 0); break;
    case S_ACTEIND: in->activity_end_ind(b->p, 1, none); break;
    case S_SYNIND: in->sync_minor_ind(b->p, 1, true, none); break;
    case S_UERIND: in->u_exception_ind(b->p, 0, none); break;
    case S_PERIND: in->p_exception_ind(b->p); break;
    case S_PTIND: in->token_please_ind(b->p, SESSION_TOKEN_DATA, none); break;
    case S_GTIND: in->token_give_ind(b->p, SESSION_TOKEN_DATA); break;
    case S_CGIND: in->control_give_ind(b->p); break;
    case S_ACTICNF: in->activity_interrupt_cnf(b->p); break;
    case S_ACTDCNF: in->activity_discard_cnf(b->p); break;
    case S_ACTECNF: in->activity_end_cnf(b->p, 1, none); break;
    default: in->sync_minor_cnf(b->p, 1, none); break;
    }
    buf_free(&ud);
}

static void happen(struct bench *b, enum event e) {
    if (e <= P_SYNRSP) {
        if (b->p->fsm.state == STAT0)
            prepare(b, e);
        int err = ask(b, e);
        if (err == ERR_STATE)
            words_add(&b->heard, "ERR_STATE");
        else
            assert_int_equal(err, 0);
    } else if (e >= CP && e <= S_CONCNF_N)
        connection(b, e);
    else if (e >= ARU && e <= S_PABIND)
        abortion(b, e);
    else
        indicate(b, e);
}

// ---- the walk ----

static bool same(const struct words *w, const char *wanted) {
    return strcmp(w->text, wanted) == 0;
}

// What X.410 mode does not have: selectors, contexts, a PPDU ARP.
static bool absent(enum event e) {
    return e == CP_NOT_P01 || e == CP_NOT_P03 || e == CPA_NOT_P04 || e == TD_NOT_P05 || e == ARP;
}

static bool skipped(int st, enum event e, bool called, bool x410) {
    bool other_role = called ? st == STAI1 : st == STAI2;
    bool other_call = st == STAI0 && (called ? e == P_CONREQ : e == CP || e == CP_NOT_P01 || e == CP_NOT_P03);
    return other_role || other_call || (x410 && absent(e));
}

static unsigned walk(bool x410, bool called, unsigned *pairs) {
    unsigned wrong = 0;
    for (int e = 0; e < N_EVENTS; e++)
        for (int st = 0; st < N_STATES; st++) {
            const struct row *r = &table[e][st];
            struct bench b;
            if (skipped(st, (enum event)e, called, x410))
                continue;
            reach(&b, st, called, x410);
            happen(&b, (enum event)e);
            if (e == P_CONREQ && st == STAI0) { // the CN waits for the CC
                pair_move(b.pair, &b.pair->a, &b.pair->b);
                pair_move(b.pair, &b.pair->b, &b.pair->a);
            }
            assert_non_null(r->source);
            ++*pairs;
            struct words ppdus = sent_by(b.d->s, x410, STACK_PRESENTATION, STACK_PRESENTATION),
                         spdus = sent_by(b.d->s, x410, STACK_SESSION, STACK_SESSION);
            if (b.p->fsm.state != r->next || !same(&b.heard, r->heard) || !same(&spdus, r->spdu) ||
                (!x410 && !same(&ppdus, r->ppdu))) {
                print_error(
                    "state %d, event %d%s%s: -> %d, sent '%s' in '%s', heard '%s'; wanted %d, '%s' in '%s', '%s' "
                    "(%s)\n",
                    st, e, x410 ? ", X.410" : "", called ? ", called" : "", b.p->fsm.state, ppdus.text, spdus.text,
                    b.heard.text, r->next, r->ppdu, r->spdu, r->heard, r->source);
                wrong++;
            }
            pair_free(b.pair);
        }
    return wrong;
}

static void test_table(void **state) {
    (void)state;
    unsigned pairs = 0, wrong = 0;
    for (int i = 0; i < 4; i++)
        wrong += walk(i & 1, i & 2, &pairs);
    assert_int_equal(wrong, 0);
    // both modes, and in each role three states that it can be in; less what is of the other role or of no mode
    assert_int_equal(pairs, (N_EVENTS * 6 - 4) + ((N_EVENTS - 5) * 6 - 2));
    assert_int_equal(pairs, 564);
}

// The machine has no state that this table does not know, and no event but those of the user, of connection and of
// abortion, data and one each for what passes through.
static void test_known(void **state) {
    (void)state;
    assert_int_equal(presentation_fsm.n_states, N_STATES);
    assert_int_equal(presentation_fsm.n_events, 19);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
