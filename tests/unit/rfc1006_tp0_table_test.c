// SPDX-License-Identifier: BSD-2-Clause
// Every state of transport class 0 with every event, driven through its service and real TPDUs, against a table that
// was written apart from the layer: X.224 (1995) table A.5 (classes 0 and 2) as transcribed in ISODE++
// (tsap/prov/TSAP.sm) and in a Rust stack (class0and2.rs). WFNC, WBCL and CLOSING, which need a network connection to
// be made or class 2, are not here; N-RESET does not exist over TCP (RFC 1006). A blank cell is, by its A.2.3, no
// action for an event of the user, and the treatment of protocol errors (6.22) for a TPDU.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "rfc1006/tp0.h"

#define A5 "X.224 table A.5"
#define BLANK "X.224 A.2.3: blank"
#define NEW_NC A5 " sends nothing; closed since the network connection has no other use (RFC 1006)"

enum { CLOSED, WFCC, WFTRESP, OPEN, OVER, N_STATES };
enum event {
    TCONREQ,
    TCONRESP,
    TDTREQ,
    TDISREQ,
    CR,
    CR_P1, // unacceptable: class 2 without an alternative
    CC,
    CC_P6, // unacceptable: another destination reference
    DR,
    DT,
    ER,
    DC,
    AK,
    EA,
    ED,
    RJ,
    NDIS,
    N_EVENTS
};

struct row {
    uint8_t next;
    const char *sent, *heard, *source;
};

// An event of the user that is refused: nothing sent, nothing changed.
#define NO(state)                                                                                                      \
    { state, "", "ERR_STATE", BLANK }
// The peer's protocol error: an ER TPDU, and the network connection is closed.
#define BAD                                                                                                            \
    { OVER, "ER", "TDISind", BLANK }
// Over: X.224's CLOSED after a connection; all that comes is dropped.
#define DROPPED                                                                                                        \
    { OVER, "", "", A5 }

static const struct row table[N_EVENTS][N_STATES] = {
    [TCONREQ] = {{WFCC, "CR", "", A5 " P3"}, NO(WFCC), NO(WFTRESP), NO(OPEN), NO(OVER)},
    [TCONRESP] = {NO(CLOSED), NO(WFCC), {OPEN, "CC", "", A5}, NO(OPEN), NO(OVER)},
    [TDTREQ] = {NO(CLOSED), NO(WFCC), NO(WFTRESP), {OPEN, "DT", "", A5}, NO(OVER)},
    // A user may always disconnect. The standard's class 0 closes the network connection alone; a DR before it is what
    // the captured stacks send, too.
    [TDISREQ] = {{OVER, "", "", "ours: nothing to end"},
                 {OVER, "", "", A5 " not P7: N-DISCONNECT"},
                 {OVER, "DR", "", A5},
                 {OVER, "DR", "", "capture; " A5 " P5: N-DISCONNECT"},
                 {OVER, "", "", "ours: nothing to end"}},
    [CR] = {{WFTRESP, "", "TCONind", A5 " not P1"}, BAD, BAD, BAD, DROPPED},
    [CR_P1] = {{OVER, "DR", "TDISind", A5 " P1: DR; the caller's end is told"}, BAD, BAD, BAD, DROPPED},
    [CC] = {{OVER, "", "TDISind", A5 " answers by a DR; ours: closing says as much"},
            {OPEN, "", "TCONcnf", A5 " P8"},
            BAD,
            BAD,
            DROPPED},
    [CC_P6] = {{OVER, "", "TDISind", NEW_NC},
               {OVER, "ER", "TDISind", A5 " P6 and P5: N-DISCONNECT; the ER before it says why"},
               BAD,
               BAD,
               DROPPED},
    [DR] = {{OVER, "", "TDISind", NEW_NC},
            {OVER, "", "TDISind", A5},
            {OVER, "", "TDISind", A5 " P10"},
            {OVER, "", "TDISind", "capture: a stack ends class 0 by a DR; " A5 " P5: protocol error, no other outcome"},
            DROPPED},
    [DT] = {{OVER, "", "TDISind", NEW_NC}, BAD, BAD, {OPEN, "", "TDTind", A5}, DROPPED},
    [ER] = {{OVER, "", "TDISind", NEW_NC}, {OVER, "", "TDISind", A5}, BAD, {OVER, "", "TDISind", A5 ", 6.22"}, DROPPED},
    [DC] = {{OVER, "", "TDISind", NEW_NC}, BAD, BAD, BAD, DROPPED},
    [AK] = {{OVER, "", "TDISind", NEW_NC}, BAD, BAD, BAD, DROPPED},
    [EA] = {{OVER, "", "TDISind", NEW_NC}, BAD, BAD, BAD, DROPPED},
    [ED] = {{OVER, "", "TDISind", NEW_NC}, BAD, BAD, BAD, DROPPED},
    [RJ] = {{OVER, "", "TDISind", NEW_NC}, BAD, BAD, BAD, DROPPED},
    [NDIS] = {{OVER, "", "", BLANK},
              {OVER, "", "TDISind", A5},
              {OVER, "", "TDISind", A5},
              {OVER, "", "TDISind", A5},
              DROPPED},
};

static const char *const tpdus[N_EVENTS] = {
    [CR] = "\x03\0\0\x0b\x06\xe0\0\0\0\x09\0",     [CR_P1] = "\x03\0\0\x0b\x06\xe0\0\0\0\x09\x20",
    [CC] = "\x03\0\0\x0b\x06\xd0\0\x05\0\x09\0",   [CC_P6] = "\x03\0\0\x0b\x06\xd0\0\x06\0\x09\0",
    [DR] = "\x03\0\0\x0b\x06\x80\0\x05\0\x09\x80", [DT] = "\x03\0\0\x08\x02\xf0\x80\x41",
    [ER] = "\x03\0\0\x09\x04\x70\0\x05\0",         [DC] = "\x03\0\0\x0a\x05\xc0\0\x05\0\x09",
    [AK] = "\x03\0\0\x09\x04\x60\0\x05\x01",       [EA] = "\x03\0\0\x09\x04\x20\0\x05\x01",
    [ED] = "\x03\0\0\x0a\x04\x10\0\x05\x80\x41",   [RJ] = "\x03\0\0\x09\x04\x50\0\x05\x01",
};

struct side {
    struct tp0 t;
    struct buf out;
    char heard[80];
};

static void hear(void *user, const char *what) {
    struct side *s = user;
    snprintf(s->heard + strlen(s->heard), sizeof s->heard - strlen(s->heard), "%s%s", s->heard[0] ? " " : "", what);
}
static void connect_ind(void *user, const struct tp0_connect *c) {
    (void)c;
    hear(user, "TCONind");
}
static void connect_cnf(void *user, const struct tp0_connect *c) {
    (void)c;
    hear(user, "TCONcnf");
}
static void data_ind(void *user, struct bytes piece, bool last) {
    if (last || piece.n > 0)
        hear(user, "TDTind");
}
static void disconnect_ind(void *user, const struct tp0_disconnect *d) {
    assert_true(strlen(d->text) > 10);
    hear(user, "TDISind");
}
static const struct tp0_user up = {connect_ind, connect_cnf, data_ind, disconnect_ind};

static int feed(struct side *s, enum event e) {
    return tp0_input(&s->t, bytes_of(tpdus[e], (size_t)tpdus[e][3]));
}

// A side in this state; `called`: it was reached as the called side, where there is a choice.
static void reach(struct side *s, int st, bool called) {
    *s = (struct side){.heard = ""};
    tp0_init(&s->t, &(struct tp0_params){.local_ref = 5, .tpdu_size = 2048}, &up, s, &s->out);
    if (st == CLOSED)
        return;
    if (called) {
        assert_int_equal(feed(s, CR), 0);
        if (st == OPEN || st == OVER)
            assert_int_equal(tp0_connect_rsp(&s->t), 0);
    } else {
        assert_int_equal(tp0_connect_req(&s->t), 0);
        if (st == OPEN || st == OVER)
            assert_int_equal(feed(s, CC), 0);
    }
    if (st == OVER)
        assert_int_equal(tp0_disconnect_req(&s->t, TP0_REASON_NORMAL), 0);
    assert_int_equal(s->t.fsm.state, st);
    buf_clear(&s->out);
    s->heard[0] = 0;
}

static int happen(struct side *s, enum event e) {
    struct buf d = {0};
    int err = 0;
    switch (e) {
    case TCONREQ: err = tp0_connect_req(&s->t); break;
    case TCONRESP: err = tp0_connect_rsp(&s->t); break;
    case TDTREQ:
        buf_append(&d, "abc", 3);
        err = tp0_data_req(&s->t, &d);
        buf_free(&d);
        break;
    case TDISREQ: err = tp0_disconnect_req(&s->t, TP0_REASON_NORMAL); break;
    case NDIS: tp0_network_closed(&s->t, "reset"); break;
    default: feed(s, e); return 0;
    }
    if (err == ERR_STATE)
        hear(s, "ERR_STATE");
    else
        assert_int_equal(err, 0);
    return err;
}

static const char *sent(const struct side *s) {
    if (s->out.len == 0)
        return "";
    struct bytes b = buf_bytes(&s->out);
    assert_true(b.n >= 7 && b.n == (size_t)(b.p[2] << 8 | b.p[3])); // one TPKT
    switch (b.p[5] >> 4) {
    case 0xe: return "CR";
    case 0xd: return "CC";
    case 0x8: return "DR";
    case 0xf: return "DT";
    case 0x7: return "ER";
    default: return "?";
    }
}

static void test_table(void **state) {
    (void)state;
    unsigned pairs = 0, wrong = 0;
    for (int e = 0; e < N_EVENTS; e++)
        for (int st = 0; st < N_STATES; st++)
            for (int called = 0; called < 2; called++) {
                const struct row *r = &table[e][st];
                struct side s;
                if (called ? st == WFCC || st == CLOSED : st == WFTRESP)
                    continue;
                reach(&s, st, called);
                happen(&s, (enum event)e);
                assert_non_null(r->source);
                if (s.t.fsm.state != r->next || strcmp(sent(&s), r->sent) != 0 || strcmp(s.heard, r->heard) != 0) {
                    print_error("state %d, event %d%s: -> %d, sent '%s', heard '%s'; wanted -> %d, '%s', '%s' (%s)\n",
                                st, e, called ? ", called" : "", s.t.fsm.state, sent(&s), s.heard, r->next, r->sent,
                                r->heard, r->source);
                    wrong++;
                }
                if (s.t.fsm.state == OVER)
                    assert_true(tp0_over(&s.t));
                pairs++;
                buf_free(&s.out);
            }
    assert_int_equal(wrong, 0);
    // each pair once, and those of OPEN and OVER a second time as the called side
    assert_int_equal(pairs, N_EVENTS * (N_STATES + 2));
    assert_int_equal(pairs, 119);
}

// The twelfth event of the machine: the wait for a CC, or for a CR, has an end; nothing else has.
static void test_timer(void **state) {
    (void)state;
    for (int st = 0; st < N_STATES; st++) {
        struct side s;
        reach(&s, st, st == WFTRESP);
        s.t.params.connect_ms = 1000;
        tp0_tick(&s.t, 5000);
        tp0_tick(&s.t, 6001);
        bool waits = st == CLOSED || st == WFCC;
        assert_int_equal(s.t.fsm.state, waits ? OVER : st);
        assert_string_equal(s.heard, waits ? "TDISind" : "");
        buf_free(&s.out);
    }
}

// The machine has no state and no event that this table does not know.
static void test_known(void **state) {
    (void)state;
    struct side s;
    reach(&s, CLOSED, false);
    assert_int_equal(s.t.fsm.table->n_states, N_STATES);
    assert_int_equal(s.t.fsm.table->n_events, 11);
    buf_free(&s.out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_timer),
                                       cmocka_unit_test(test_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
