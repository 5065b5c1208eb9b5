// SPDX-License-Identifier: BSD-2-Clause
// Every state of the association control protocol machine with every event, both roles and modes, driven through the
// boundaries of its service, against a table that was written apart from the layer: X.227 (1995) annex A as transcribed
// in ISODE++ (asap/prov/AcSAP.sm) and in Wildboar's TypeScript. A blank cell is, by its A.3.1, ABRT and an A-ABORT
// indication for an event of the peer, and a local matter for one of the user: ERR_STATE here. Not here, because they
// cannot happen: STA6 and STA7 (two releases that cross need tokens that both sides have), negative releases
// (negotiated release is not chosen), and EXTRN-1 and EXTRN-2 (no resynchronizing, and an exception needs an activity,
// a release none).
#include "tests/unit/rfc1006_table_util.h"

#define A "X.227 annex A"
#define BLANK "X.227 A.3.1: blank"

enum { STA0, STA1, STA2, STA3, STA4, STA5, N_STATES };
enum event {
    A_ASCREQ,
    A_ASCRSP_P,
    A_ASCRSP_N,
    A_RLSREQ,
    A_RLSRSP,
    A_ABRREQ,
    AARQ,
    AARQ_NOT_P1, // version 1 is not proposed
    AARE_P,
    AARE_N,
    P_CONCNF_N,
    RLRQ,
    RLRE,
    ABRT,
    P_PABIND,
    N_EVENTS
};

struct row {
    uint8_t next;
    const char *apdu, *spdu, *heard, *source; // sent: in X.410 mode there are no APDUs
};

#define NO(state)                                                                                                      \
    { state, "", "", "ERR_STATE", BLANK }
#define BAD                                                                                                            \
    { STA0, "ABRT", "AB", "A-ABRind", BLANK }
#define ENDS                                                                                                           \
    { STA0, "", "", "A-ABRind", A }
#define ABORTS                                                                                                         \
    { STA0, "ABRT", "AB", "", A }
#define NONE                                                                                                           \
    { STA0, "", "", "", "ours: " BLANK ", but there is no association to abort" }

static const struct row table[N_EVENTS][N_STATES] = {
    [A_ASCREQ] = {{STA1, "AARQ", "CN", "", A " p1"}, NO(STA1), NO(STA2), NO(STA3), NO(STA4), NO(STA5)},
    [A_ASCRSP_P] = {NO(STA0), NO(STA1), {STA5, "AARE", "AC", "", A}, NO(STA3), NO(STA4), NO(STA5)},
    [A_ASCRSP_N] = {NO(STA0), NO(STA1), {STA0, "AARE", "RF", "", A}, NO(STA3), NO(STA4), NO(STA5)},
    [A_RLSREQ] = {NO(STA0), NO(STA1), NO(STA2), NO(STA3), NO(STA4), {STA3, "RLRQ", "FN", "", A}},
    [A_RLSRSP] = {NO(STA0), NO(STA1), NO(STA2), NO(STA3), {STA0, "RLRE", "DN", "", A}, NO(STA5)},
    [A_ABRREQ] = {NO(STA0), ABORTS, ABORTS, ABORTS, ABORTS, ABORTS},
    [AARQ] = {{STA2, "", "", "A-ASCind", A " p1"}, BAD, BAD, BAD, BAD, BAD},
    [AARQ_NOT_P1] = {{STA0, "AARE", "RF", "A-ABRind", A " not p1; ours: and the user, whose call it is, is told"},
                     BAD,
                     BAD,
                     BAD,
                     BAD,
                     BAD},
    [AARE_P] = {NONE, {STA5, "", "", "A-ASCcnf+", A}, BAD, BAD, BAD, BAD},
    [AARE_N] = {NONE, {STA0, "", "", "A-ASCcnf-", A}, BAD, BAD, BAD, BAD},
    [P_CONCNF_N] = {NONE, {STA0, "", "", "A-ASCcnf-", A}, BAD, BAD, BAD, BAD},
    [RLRQ] = {NONE, BAD, BAD, BAD, BAD, {STA4, "", "", "A-RLSind", A}},
    [RLRE] = {NONE, BAD, BAD, {STA0, "", "", "A-RLScnf", A}, BAD, BAD},
    [ABRT] = {NONE, ENDS, ENDS, ENDS, ENDS, ENDS},
    [P_PABIND] =
        {{STA0, "", "", "A-ABRind", "ours: a call that ended before its AARQ was seen"}, ENDS, ENDS, ENDS, ENDS, ENDS},
};

// ---- the user ----

static void associate_ind(void *user, const struct acse_associate *a) {
    (void)a;
    words_add(user, "A-ASCind");
}
static void associate_cnf(void *user, const struct acse_associate *a) {
    words_add(user, a->result == ACSE_ACCEPTED ? "A-ASCcnf+" : "A-ASCcnf-");
    assert_true(a->result == ACSE_ACCEPTED || strlen(a->failure.text) > 10);
}
static void release_ind(void *user) {
    words_add(user, "A-RLSind");
}
static void release_cnf(void *user) {
    words_add(user, "A-RLScnf");
}
static void abort_ind(void *user, const struct stack_failure *f, struct bytes info) {
    (void)info;
    assert_true(strlen(f->text) > 10);
    words_add(user, "A-ABRind");
}
static const struct acse_user recorder = {associate_ind, associate_cnf, release_ind, release_cnf, abort_ind};

// ---- reaching a state ----

// Presentation's user in place of ACSE: that one is left in STA0 while the layers below are asked to connect.
static void drop_connect(void *user, const struct presentation_connect *c) {
    (void)user;
    (void)c;
}
static const struct presentation_acse_user deaf = {.connect_ind = drop_connect};

struct bench {
    struct pair *pair;
    struct side *d; // the one looked at
    struct words heard;
};

// STA0 twice: fresh as the initiator, and as the one called.
static void reach(struct bench *b, int st, bool called, bool x410) {
    struct stack_params p;
    stack_params_default(&p);
    p.mode = x410 ? RTSE_X410 : RTSE_NORMAL;
    p.protocol = x410 ? RTSE_PROTOCOL_P1_1988 : 0;
    *b = (struct bench){.pair = pair_new(&p, &p)};
    b->d = called ? &b->pair->b : &b->pair->a;
    b->pair->b.hold_open = st < STA3;
    b->pair->b.hold_close = true;
    if (st == STA0 && called)
        b->pair->b.s->presentation.acse = &deaf;
    if (st != STA0 || called)
        pair_open(b->pair);
    if (st == STA3 || st == STA4) {
        assert_int_equal(stack_rt_close_req(b->pair->a.s, b->pair->now), 0);
        pair_run(b->pair);
    }
    assert_int_equal(b->d->s->acse.fsm.state, st);
    b->d->s->presentation.acse = &acse_presentation_user;
    b->d->s->acse.up = &recorder;
    b->d->s->acse.user = &b->heard;
    b->d->s->acse.x410 = x410;
    buf_clear(&b->d->s->out);
}

// ---- the events ----

static const struct bytes mts_transfer = {(const uint8_t *)"\x56\x00\x01\x06", 4};

static int ask(struct bench *b, enum event e) {
    struct acse *a = &b->d->s->acse;
    struct buf info = {0};
    struct acse_associate as = {.application_context = mts_transfer, .user_context = 3, .source = ACSE_SERVICE_USER};
    int err;
    as.presentation.x410 = a->x410;
    as.presentation.session.requirements = SESSION_FU_RTSE;
    as.presentation.n_contexts = 1;
    as.presentation.contexts[0] =
        (struct presentation_context){.id = 1, .abstract_syntax = a->abstract_syntax, .ber = 1};
    buf_append(&info, "\xb0\x00", 2);
    if (e == A_ASCREQ)
        err = acse_associate_req(a, &as, &info);
    else if (e == A_ASCRSP_P)
        err = acse_associate_rsp(a, &as, &info);
    else if (e == A_ASCRSP_N) {
        as.result = ACSE_REJECTED_PERMANENT;
        err = acse_associate_rsp(a, &as, &info);
    } else
        err = e == A_RLSREQ ? acse_release_req(a) : e == A_RLSRSP ? acse_release_rsp(a) : acse_abort_req(a, 3, &info);
    buf_free(&info);
    return err;
}

static struct bytes apdu(struct buf *out, struct acse_apdu a) {
    a.application_context = mts_transfer;
    a.source = ACSE_SERVICE_USER;
    assert_int_equal(acse_apdu_encode(out, &a), 0);
    return buf_bytes(out);
}

static void happen(struct bench *b, enum event e) {
    struct acse *a = &b->d->s->acse;
    struct buf octets = {0};
    struct presentation_connect c = {.x410 = a->x410, .context = 1, .by_user = true};
    struct stack_failure f;
    const struct presentation_acse_user *in = &acse_presentation_user;
    stack_failure_set(&f, STACK_PRESENTATION, true, 1, "presentation: a failure of the test");
    c.failure = f;
    if (e <= A_ABRREQ) {
        int err = ask(b, e);
        assert_true(err == 0 || err == ERR_STATE);
        if (err == ERR_STATE)
            words_add(&b->heard, "ERR_STATE");
        return;
    }
    switch (e) {
    case AARQ: c.user_data = apdu(&octets, (struct acse_apdu){.kind = ACSE_AARQ, .version_1 = true}); break;
    case AARQ_NOT_P1: c.user_data = bytes_of("\x60\x0c\x80\x02\x05\x20\xa1\x06\x06\x04\x56\x00\x01\x06", 14); break;
    case AARE_P: c.user_data = apdu(&octets, (struct acse_apdu){.kind = ACSE_AARE, .version_1 = true}); break;
    case AARE_N:
        c.user_data = apdu(&octets, (struct acse_apdu){.kind = ACSE_AARE, .version_1 = true, .result = 1});
        c.refused = true;
        break;
    case P_CONCNF_N: c.refused = true, c.by_user = false; break;
    case RLRQ: c.user_data = apdu(&octets, (struct acse_apdu){.kind = ACSE_RLRQ}); break;
    case RLRE: c.user_data = apdu(&octets, (struct acse_apdu){.kind = ACSE_RLRE}); break;
    default: c.user_data = apdu(&octets, (struct acse_apdu){.kind = ACSE_ABRT}); break;
    }
    if (a->x410 && e >= RLRQ)
        c.user_data = bytes_of(NULL, 0);
    else if (a->x410)
        c.user_data = bytes_of("\xa0\x00", 2);
    switch (e) {
    case AARQ:
    case AARQ_NOT_P1: in->connect_ind(a, &c); break;
    case RLRQ: in->release_ind(a, c.user_data); break;
    case RLRE: in->release_cnf(a, c.user_data); break;
    case ABRT: in->u_abort_ind(a, c.user_data); break;
    case P_PABIND: in->p_abort_ind(a, &f); break;
    default: in->connect_cnf(a, &c); break;
    }
    buf_free(&octets);
}

// ---- the walk ----

static bool same(const struct words *w, const char *wanted) {
    return strcmp(w->text, wanted) == 0;
}

static unsigned walk(bool x410, bool called, unsigned *pairs) {
    unsigned wrong = 0;
    for (int e = 0; e < N_EVENTS; e++)
        for (int st = 0; st < N_STATES; st++) {
            const struct row *r = &table[e][st];
            struct bench b;
            if ((called ? st == STA1 || st == STA3 : st == STA2 || st == STA4) || (x410 && e == AARQ_NOT_P1))
                continue; // of the other role; in X.410 mode there are no versions
            if (st == STA0 && (called ? e == A_ASCREQ : e == AARQ_NOT_P1))
                continue; // a connection has one caller
            reach(&b, st, called, x410);
            uint8_t tokens = SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR | SESSION_TOKEN_MAJOR;
            if (e == A_RLSREQ && st == STA5 && called)
                b.d->s->session.tokens = tokens; // only who has all of them can release
            happen(&b, (enum event)e);
            assert_non_null(r->source);
            if (e == A_ASCREQ && st == STA0) { // the CN waits for the CC
                pair_move(b.pair, &b.pair->a, &b.pair->b);
                pair_move(b.pair, &b.pair->b, &b.pair->a);
            }
            pairs[0]++;
            struct words apdus = sent_by(b.d->s, x410, STACK_ASSOCIATION, STACK_ASSOCIATION),
                         spdus = sent_by(b.d->s, x410, STACK_SESSION, STACK_SESSION);
            if (b.d->s->acse.fsm.state != r->next || !same(&b.heard, r->heard) || !same(&spdus, r->spdu) ||
                !same(&apdus, x410 ? "" : r->apdu)) {
                print_error("STA%d, event %d%s%s: -> STA%d, sent '%s' in '%s', heard '%s'; wanted STA%d, '%s' in '%s', "
                            "'%s' (%s)\n",
                            st, e, x410 ? ", X.410" : "", called ? ", called" : "", b.d->s->acse.fsm.state, apdus.text,
                            spdus.text, b.heard.text, r->next, r->apdu, r->spdu, r->heard, r->source);
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
    // both modes, and in each role four states that it can be in; less what is of the other role or of no mode
    assert_int_equal(pairs, (N_EVENTS * 8 - 2) + ((N_EVENTS - 1) * 8 - 1));
    assert_int_equal(pairs, 229);
}

// The machine has no state and no event that this table does not know.
static void test_known(void **state) {
    (void)state;
    assert_int_equal(acse_fsm.n_states, N_STATES);
    assert_int_equal(acse_fsm.n_events, N_EVENTS);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
