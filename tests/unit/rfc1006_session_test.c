// SPDX-License-Identifier: BSD-2-Clause
// The session service between two sides in memory: every primitive, refusals, aborts, timers, segmenting, memory.
#include "rfc1006_session_pair.h"

// One association with everything in it; the stream is cut into slices.
static void all_primitives(size_t slice) {
    struct end a, b;
    struct buf d;
    uint32_t serial;
    pair_open(&a, &b, NULL, NULL, slice);

    d = text("abc");
    assert_int_equal(session_token_please_req(&b.s, SESSION_TOKEN_DATA, &d), 0);
    pump(&a, &b, slice);
    told(&a, "please 0x1 'abc'; ");
    assert_int_equal(session_token_give_req(&a.s, SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR), 0);
    pump(&a, &b, slice);
    told(&b, "give 0x5; ");
    assert_int_equal(session_token_give_req(&a.s, SESSION_TOKEN_DATA), ERR_STATE);
    assert_int_equal(session_token_please_req(&b.s, SESSION_TOKEN_DATA, NULL), ERR_STATE);
    assert_int_equal(session_control_give_req(&a.s), ERR_STATE); // not all are ours
    assert_int_equal(session_activity_start_req(&a.s, bytes_str("x"), NULL), ERR_STATE);
    assert_int_equal(session_token_give_req(&b.s, SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR), 0);
    pump(&a, &b, slice);
    told(&a, "give 0x5; ");
    assert_int_equal(session_control_give_req(&a.s), 0);
    pump(&a, &b, slice);
    told(&b, "control; ");
    assert_int_equal(a.s.tokens, 0);
    assert_int_equal(session_control_give_req(&b.s), 0);
    pump(&a, &b, slice);
    told(&a, "control; ");
    assert_int_equal(b.s.tokens, 0);

    buf_free(&d);
    d = text("start data");
    assert_int_equal(session_activity_start_req(&a.s, bytes_str("A1"), &d), 0);
    buf_append_str(&d, "hello");
    assert_int_equal(session_data_req(&a.s, &d), 0);
    assert_int_equal(session_data_req(&a.s, NULL), 0);
    buf_append_str(&d, "sync data");
    assert_int_equal(session_sync_minor_req(&a.s, true, &serial, &d), 0);
    assert_int_equal(serial, 1);
    assert_int_equal(session_sync_minor_req(&a.s, false, &serial, NULL), 0);
    assert_int_equal(serial, 2);
    assert_int_equal(session_sync_minor_req(&a.s, true, NULL, NULL), 0);
    pump(&a, &b, slice);
    told(&b, "start 'A1' 'start data'; data 5; data 5; minor_ind 1 explicit 'sync data'; minor_ind 2 optional ''; "
             "minor_ind 3 explicit ''; ");
    assert_memory_equal(buf_bytes(&b.data).p, "hello", 5);
    assert_int_equal(session_sync_minor_rsp(&b.s, 4, NULL), ERR_STATE);
    assert_int_equal(session_sync_minor_rsp(&b.s, 0, NULL), ERR_STATE);
    buf_append_str(&d, "ok");
    assert_int_equal(session_sync_minor_rsp(&b.s, 2, &d), 0); // and point 1 with it
    assert_int_equal(session_sync_minor_rsp(&b.s, 1, NULL), ERR_STATE);
    assert_int_equal(session_data_req(&b.s, &d), ERR_STATE);
    pump(&a, &b, slice);
    told(&a, "minor_cnf 2 'ok'; ");
    assert_int_equal(session_release_req(&a.s, NULL), ERR_STATE); // an activity is in progress
    buf_append_str(&d, "bye");
    assert_int_equal(session_activity_end_req(&a.s, &serial, &d), 0);
    assert_int_equal(serial, 4);
    assert_int_equal(session_data_req(&a.s, &d), ERR_STATE);
    pump(&a, &b, slice);
    told(&b, "end_ind 4 'bye'; ");
    assert_int_equal(session_sync_minor_rsp(&b.s, 3, NULL), 0);
    buf_append_str(&d, "taken");
    assert_int_equal(session_activity_end_rsp(&b.s, &d), 0);
    pump(&a, &b, slice);
    told(&a, "minor_cnf 3 ''; end_cnf 4 'taken'; ");

    assert_int_equal(session_activity_start_req(&a.s, bytes_str("A2"), NULL), 0);
    assert_int_equal(session_sync_minor_req(&a.s, true, &serial, NULL), 0);
    assert_int_equal(serial, 1);
    assert_int_equal(session_activity_interrupt_req(&a.s, SESSION_REASON_LOCAL), 0);
    pump(&a, &b, slice);
    told(&b, "start 'A2' ''; minor_ind 1 explicit ''; interrupt_ind 5; ");
    assert_int_equal(session_sync_minor_rsp(&b.s, 1, NULL), ERR_STATE);
    assert_int_equal(session_activity_interrupt_rsp(&b.s), 0);
    pump(&a, &b, slice);
    told(&a, "interrupt_cnf; ");

    struct session_resume r = {bytes_str("A3"), bytes_str("A2"), 1, true, {0}, {0}, {0}, {0}, {0}};
    buf_append_str(&d, "again");
    assert_int_equal(session_activity_resume_req(&a.s, &r, &d), 0);
    assert_int_equal(session_sync_minor_req(&a.s, true, &serial, NULL), 0);
    assert_int_equal(serial, 2);
    assert_int_equal(session_activity_discard_req(&a.s, SESSION_REASON_ABSENT), 0);
    pump(&a, &b, slice);
    told(&b, "resume 'A3' of 'A2' from 1 here '' '' '' 'again'; minor_ind 2 explicit ''; discard_ind 255; ");
    assert_int_equal(session_activity_discard_rsp(&b.s), 0);
    pump(&a, &b, slice);
    told(&a, "discard_cnf; ");
    assert_int_equal(a.s.tokens, 0x15);
    assert_int_equal(b.s.tokens, 0);

    r = (struct session_resume){bytes_str("A4"),     bytes_str("A0"),     77,  false, bytes_str("calling"),
                                bytes_str("called"), bytes_str("common"), {0}, {0}};
    assert_int_equal(session_activity_resume_req(&a.s, &r, NULL), 0);
    pump(&a, &b, slice);
    told(&b, "resume 'A4' of 'A0' from 77 elsewhere 'calling' 'called' 'common' ''; ");
    buf_append_str(&d, "why");
    assert_int_equal(session_u_exception_req(&a.s, 1, &d), ERR_STATE); // only the side without the data token
    assert_int_equal(session_u_exception_req(&b.s, SESSION_REASON_RECEIVING_ABILITY, &d), 0);
    buf_append_str(&d, "on its way");
    assert_int_equal(session_data_req(&a.s, &d), 0);
    assert_int_equal(session_sync_minor_req(&a.s, true, NULL, NULL), 0);
    pump(&a, &b, slice);
    told(&a, "u_exception 1 'why'; ");
    told(&b, ""); // what crossed the report is discarded
    assert_int_equal(session_data_req(&a.s, &d), ERR_STATE);
    assert_int_equal(session_activity_discard_req(&a.s, SESSION_REASON_NONSPECIFIC), 0);
    pump(&a, &b, slice);
    told(&b, "discard_ind 0; ");
    assert_int_equal(session_activity_discard_rsp(&b.s), 0);
    pump(&a, &b, slice);
    told(&a, "discard_cnf; ");

    assert_int_equal(session_activity_start_req(&a.s, bytes_str("A5"), NULL), 0);
    pump(&a, &b, slice);
    assert_int_equal(session_u_exception_req(&b.s, SESSION_REASON_DEMAND_DATA_TOKEN, NULL), 0);
    pump(&a, &b, slice);
    told(&a, "u_exception 128 ''; ");
    assert_int_equal(session_token_give_req(&a.s, SESSION_TOKEN_MINOR), 0); // that alone does not end the exception
    assert_int_equal(session_sync_minor_rsp(&b.s, 1, NULL), ERR_STATE);
    assert_int_equal(session_data_req(&a.s, NULL), ERR_STATE);
    assert_int_equal(session_token_give_req(&a.s, SESSION_TOKEN_DATA), 0);
    pump(&a, &b, slice);
    told(&b, "start 'A5' ''; give 0x4; give 0x1; ");
    assert_int_equal(session_token_give_req(&b.s, SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR), 0);
    pump(&a, &b, slice);
    told(&a, "give 0x5; ");
    assert_int_equal(session_activity_end_req(&a.s, NULL, NULL), 0);
    pump(&a, &b, slice);
    assert_int_equal(session_activity_end_rsp(&b.s, NULL), 0);
    pump(&a, &b, slice);
    told(&a, "end_cnf 1 ''; ");
    told(&b, "end_ind 1 ''; ");

    assert_int_equal(session_release_req(&b.s, NULL), ERR_STATE); // the tokens are with a
    buf_append_str(&d, "done?");
    assert_int_equal(session_release_req(&a.s, &d), 0);
    pump(&a, &b, slice);
    told(&b, "release_ind 'done?'; ");
    buf_append_str(&d, "done.");
    assert_int_equal(session_release_rsp(&b.s, &d), 0);
    pump(&a, &b, slice);
    told(&a, "release_cnf 'done.'; ");
    told(&b, "");
    assert_true(session_over(&a.s) && session_over(&b.s));
    assert_true(tp0_over(&a.tp) && tp0_over(&b.tp));
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

static void test_all_primitives(void **state) {
    (void)state;
    all_primitives(1);
    all_primitives(2);
    all_primitives(5);
    all_primitives(65536);
}

static void test_refused_by_user(void **state) {
    (void)state;
    struct end a, b;
    struct buf d = text("no, because");
    end_init(&a, 1, NULL);
    end_init(&b, 2, NULL);
    connect_with(&a, &b, &plain_connect, 3);
    told(&b, "connect_ind 0x249 v2 'xxx'; ");
    const struct session_connect no = {.refused = true, .reason = SESSION_REFUSED_WITH_DATA};
    assert_int_equal(session_connect_rsp(&b.s, &no, &d), 0);
    pump(&a, &b, 1);
    told(&a, "refused 2 'no, because' session: REFUSE, reason 'rejection by called SS-user' (2); ");
    assert_true(session_over(&a.s) && session_over(&b.s));
    end_free(&a);
    end_free(&b);
    end_init(&a, 1, NULL);
    end_init(&b, 2, NULL);
    connect_with(&a, &b, &plain_connect, 0);
    const struct session_connect unknown = {.refused = true, .reason = SESSION_REFUSED_SSEL_UNKNOWN};
    assert_int_equal(session_connect_rsp(&b.s, &unknown, NULL), 0);
    pump(&a, &b, 1);
    told(&a, "refused 129 '' session: REFUSE, reason 'session selector unknown' (129); ");
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

// Every reason there is, and one there is not.
static void test_refusal_reasons(void **state) {
    (void)state;
    static const uint8_t reasons[] = {0, 1, 2, 129, 130, 131, 132, 133, 134, 77};
    for (size_t i = 0; i < sizeof reasons; i++) {
        struct end a, b;
        char want[200];
        end_init(&a, 1, NULL);
        end_init(&b, 2, NULL);
        connect_with(&a, &b, &plain_connect, 0);
        const struct session_connect no = {.refused = true, .reason = reasons[i]};
        assert_int_equal(session_connect_rsp(&b.s, &no, NULL), 0);
        pump(&a, &b, 3);
        snprintf(want, sizeof want, "refused %u '' session: REFUSE, reason '%s' (%u); ", reasons[i],
                 session_refusal_text(reasons[i]), reasons[i]);
        told(&a, want);
        assert_int_equal(strcmp(session_refusal_text(reasons[i]), "unknown reason") == 0, reasons[i] == 77);
        for (size_t k = 0; k < i; k++) // each has words of its own
            assert_string_not_equal(session_refusal_text(reasons[k]), session_refusal_text(reasons[i]));
        assert_true(session_over(&a.s) && session_over(&b.s) && tp0_over(&a.tp) && tp0_over(&b.tp));
        end_free(&a);
        end_free(&b);
    }
}

static void test_negotiation(void **state) {
    (void)state;
    static const struct {
        uint8_t va, vb;
        uint16_t fus;
        const char *told_a;
    } cases[] = {
        {3, 3, 0x249, "connect_cnf 0x249 v2 ''; "},
        {3, 1, 0x249, "connect_cnf 0x249 v1 ''; "},
        {1, 3, 0x249, "connect_cnf 0x249 v1 ''; "},
        {3, 3, 0x7FFF, "connect_cnf 0x249 v2 ''; "},
        {3, 3, 0x001, "connect_cnf 0x1 v2 ''; "},
        {1, 2, 0x249, "refused 132 '' session: REFUSE, reason 'proposed protocol versions not supported' (132); "},
        {3, 3, 0x002,
         "refused 134 '' session: REFUSE, reason 'rejection by the SPM, implementation restriction' (134); "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct end a, b;
        struct session_params pa, pb;
        session_params_default(&pa);
        session_params_default(&pb);
        pa.versions = cases[i].va;
        pb.versions = cases[i].vb;
        end_init(&a, 1, &pa);
        end_init(&b, 2, &pb);
        b.auto_accept = true;
        connect_with(&a, &b, &(struct session_connect){.requirements = cases[i].fus}, 0);
        told(&a, cases[i].told_a);
        end_free(&a);
        end_free(&b);
    }
}

// Without activities: data at once, serial numbers from the connect; tokens by the other side's choice.
static void test_without_activities(void **state) {
    (void)state;
    struct end a, b;
    struct buf d = text("x");
    uint32_t serial;
    end_init(&a, 1, NULL);
    end_init(&b, 2, NULL);
    b.auto_accept = true;
    b.answer.has_initial_serial = true;
    b.answer.initial_serial = 41;
    b.answer.token_setting = SESSION_SIDE_RESPONDER; // data: ours
    const struct session_connect c = {.requirements = SESSION_FU_HALF_DUPLEX | SESSION_FU_MINOR_SYNC,
                                      .token_setting = SESSION_SIDE_CHOICE | SESSION_SIDE_RESPONDER << 2,
                                      .has_initial_serial = true,
                                      .initial_serial = 7};
    connect_with(&a, &b, &c, 0);
    a.log[0] = b.log[0] = 0;
    assert_int_equal(a.s.tokens, 0);
    assert_int_equal(b.s.tokens, SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR);
    assert_int_equal(session_data_req(&a.s, &d), ERR_STATE);
    assert_int_equal(session_data_req(&b.s, &d), 0);
    assert_int_equal(session_sync_minor_req(&b.s, true, &serial, NULL), 0);
    assert_int_equal(serial, 41);
    assert_int_equal(session_activity_start_req(&b.s, bytes_str("A"), NULL), ERR_STATE);
    pump(&a, &b, 1);
    told(&a, "data 1; minor_ind 41 explicit ''; ");
    assert_int_equal(session_sync_minor_rsp(&a.s, 41, NULL), 0);
    pump(&a, &b, 1);
    told(&b, "minor_cnf 41 ''; ");
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

static void test_wrong_tsel(void **state) {
    (void)state;
    struct end a, b;
    end_init(&a, 1, NULL);
    end_init(&b, 2, NULL);
    b.tsel_wrong = true;
    connect_with(&a, &b, &plain_connect, 0);
    told(&a, "p_abort_ind 0 transport: DR, reason 'address unknown' (3); ");
    told(&b, "");
    assert_true(session_over(&a.s) && session_over(&b.s));
    end_free(&a);
    end_free(&b);
}

static void test_u_abort(void **state) {
    (void)state;
    struct end a, b;
    struct buf d = text("123456789");
    struct session_params p;
    session_params_default(&p);
    p.versions = SESSION_VERSION_1;
    pair_open(&a, &b, &p, NULL, 64);
    buf_append_str(&d, "0");
    assert_int_equal(session_u_abort_req(&b.s, &d), ERR_LIMIT); // version 1: nine octets
    buf_consume(&d, 1);
    assert_int_equal(session_u_abort_req(&b.s, &d), 0);
    assert_int_equal(session_u_abort_req(&b.s, NULL), 0); // again: nothing
    pump(&a, &b, 1);
    told(&a, "u_abort_ind '234567890'; ");
    told(&b, "");
    assert_true(session_over(&a.s) && session_over(&b.s));
    end_free(&a);
    end_free(&b);
    pair_open(&a, &b, NULL, NULL, 64);
    buf_append_str(&d, "version 2 takes more than nine");
    assert_int_equal(session_u_abort_req(&a.s, &d), 0);
    pump(&a, &b, 1);
    told(&b, "u_abort_ind 'version 2 takes more than nine'; ");
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

static void test_transport_lost(void **state) {
    (void)state;
    struct end a, b;
    pair_open(&a, &b, NULL, NULL, 64);
    tp0_network_closed(&a.tp, "connection reset");
    told(&a, "p_abort_ind 0 transport: network connection closed: connection reset; ");
    assert_true(session_over(&a.s));
    assert_int_equal(session_data_req(&a.s, NULL), ERR_STATE);
    end_free(&a);
    end_free(&b);
}

static void test_timers(void **state) {
    (void)state;
    struct end a, b;
    struct session_params p;
    session_params_default(&p);
    p.connect_ms = 100;
    p.release_ms = 200;
    p.abort_ms = 50;
    end_init(&a, 1, &p);
    assert_int_equal(session_deadline(&a.s), 0);
    assert_int_equal(session_connect_req(&a.s, &plain_connect, NULL), 0);
    session_tick(&a.s, 1000);
    assert_int_equal(session_deadline(&a.s), 1100);
    session_tick(&a.s, 1099);
    told(&a, "");
    session_tick(&a.s, 1100);
    told(&a, "p_abort_ind 5 session: no transport connection within 100 ms; ");
    assert_true(session_over(&a.s) && tp0_over(&a.tp));
    assert_int_equal(session_deadline(&a.s), 0);
    end_free(&a);

    initiator_waiting(&a, &p);
    session_tick(&a.s, 1000);
    session_tick(&a.s, 1100);
    told(&a, "p_abort_ind 5 session: the peer did not answer CONNECT (CN) within 100 ms; ");
    assert_false(session_over(&a.s)); // an ABORT is on its way
    session_tick(&a.s, 1101);
    assert_int_equal(session_deadline(&a.s), 1151);
    session_tick(&a.s, 1151);
    assert_true(session_over(&a.s) && tp0_over(&a.tp));
    end_free(&a);

    responder_ready(&b, &p);
    session_tick(&b.s, 1000);
    session_tick(&b.s, 1100);
    told(&b, "");
    assert_true(session_over(&b.s) && tp0_over(&b.tp));
    end_free(&b);

    pair_open(&a, &b, &p, &p, 64);
    session_tick(&a.s, 5000);
    assert_int_equal(session_deadline(&a.s), 0); // no timer while the association is idle
    assert_int_equal(session_release_req(&a.s, NULL), 0);
    session_tick(&a.s, 5000);
    session_tick(&a.s, 5200);
    told(&a, "p_abort_ind 5 session: the peer did not answer FINISH (FN) within 200 ms; ");
    pump(&a, &b, 64);
    told(&b, "release_ind ''; p_abort_ind 3 session: ABORT by the peer's session provider, no reason given; ");
    end_free(&a);
    end_free(&b);
}

// What the peer has to answer at once, and does not.
static void test_answers_awaited(void **state) {
    (void)state;
    static const char *const asked[] = {"ACTIVITY INTERRUPT (AI)", "ACTIVITY DISCARD (AD)",
                                        "GIVE TOKENS CONFIRM (GTC)"};
    for (int i = 0; i < 3; i++) {
        struct end a, b;
        char want[200];
        pair_in_activity(&a, &b, 0);
        if (i == 2) {
            b.auto_ack = true;
            assert_int_equal(session_activity_end_req(&a.s, NULL, NULL), 0);
            pump(&a, &b, 64);
            a.log[0] = 0;
        }
        assert_int_equal(i == 0   ? session_activity_interrupt_req(&a.s, 0)
                         : i == 1 ? session_activity_discard_req(&a.s, 0)
                                  : session_control_give_req(&a.s),
                         0);
        session_tick(&a.s, 1000);
        assert_int_equal(session_deadline(&a.s), 1300);
        session_tick(&a.s, 1299);
        told(&a, "");
        session_tick(&a.s, 1300);
        snprintf(want, sizeof want, "p_abort_ind 5 session: the peer did not answer %s within 300 ms; ", asked[i]);
        told(&a, want);
        end_free(&a);
        end_free(&b);
        pair_in_activity(&a, &b, 0); // answered: the timer is stopped
        assert_int_equal(session_activity_interrupt_req(&a.s, 0), 0);
        session_tick(&a.s, 1000);
        pump(&a, &b, 64);
        assert_int_equal(session_activity_interrupt_rsp(&b.s), 0);
        pump(&a, &b, 64);
        assert_int_equal(session_deadline(&a.s), 0);
        end_free(&a);
        end_free(&b);
    }
}

// An interrupt that crosses the end of its activity: the peer, which has no activity any more, takes it all the same.
static void test_crossing(void **state) {
    (void)state;
    struct end a, b;
    pair_in_activity(&a, &b, 0);
    b.auto_ack = true;
    assert_int_equal(session_activity_end_req(&a.s, NULL, NULL), 0);
    assert_int_equal(tp0_input(&b.tp, buf_bytes(&a.out)), 0); // its ACK is on the way
    buf_clear(&a.out);
    assert_int_equal(session_activity_interrupt_req(&a.s, 3), 0);
    pump(&a, &b, 7);
    told(&b, "end_ind 1 ''; interrupt_ind 3; ");
    told(&a, "");
    assert_int_equal(session_activity_interrupt_rsp(&b.s), 0);
    pump(&a, &b, 7);
    told(&a, "interrupt_cnf; ");
    assert_int_equal(a.s.tokens, 0x15);
    assert_int_equal(b.s.tokens, 0);
    assert_int_equal(a.n_aborts + b.n_aborts, 0);
    end_free(&a);
    end_free(&b);
}

// A peer that would keep the transport connection gets its answer and, when it goes on, the end of that connection.
static void test_reuse_declined(void **state) {
    (void)state;
    struct end a, b;
    pair_open(&a, &b, NULL, NULL, 64);
    tsdu_hex(&b, "0903110100");
    told(&b, "release_ind ''; ");
    assert_int_equal(session_release_rsp(&b.s, NULL), 0);
    assert_int_equal(b.out.len, 7 + 2); // DN
    assert_false(tp0_over(&b.tp));
    buf_clear(&b.out);
    tsdu_hex(&b, "0d0c050613010016010214020249"); // the next session
    told(&b, "");
    assert_true(session_over(&b.s) && tp0_over(&b.tp));
    end_free(&a);
    end_free(&b);

    pair_open(&a, &b, NULL, NULL, 64); // the side that was called may not ask for it
    assert_int_equal(session_token_give_req(&a.s, 0x15), 0);
    pump(&a, &b, 64);
    tsdu_hex(&a, "0903110100");
    assert_non_null(strstr(a.log, "p_abort_ind 2 session: protocol error, FINISH (FN) in state STA713"));
    end_free(&a);
    end_free(&b);

    pair_open(&a, &b, NULL, NULL, 64); // an abort that would keep it
    tsdu_hex(&b, "1906110102c10178");
    told(&b, "u_abort_ind 'x'; ");
    assert_true(session_over(&b.s) && tp0_over(&b.tp));
    end_free(&a);
    end_free(&b);

    initiator_waiting(&a, NULL); // a refusal that would keep it
    tsdu_hex(&a, "0c06110100320181");
    told(&a, "refused 129 '' session: REFUSE, reason 'session selector unknown' (129); ");
    assert_true(session_over(&a.s) && tp0_over(&a.tp));
    end_free(&a);
}

// Whatever allocation fails: no crash and no leak; in the end none fails and the whole exchange goes through.
static void test_memory(void **state) {
    (void)state;
    bool whole = false;
    for (unsigned long n = 1; !whole && n < 200; n++) {
        struct end a, b;
        struct buf d = {0};
        end_init(&a, 1, NULL);
        end_init(&b, 2, NULL);
        mem_fail_at(n);
        bool ok = session_connect_req(&a.s, &plain_connect, NULL) == 0;
        pump(&a, &b, 64);
        ok = ok && session_connect_rsp(&b.s, &b.answer, NULL) == 0;
        pump(&a, &b, 64);
        ok = ok && session_activity_start_req(&a.s, bytes_str("A"), NULL) == 0;
        ok = ok && buf_append_str(&d, "some data") == 0 && session_data_req(&a.s, &d) == 0;
        pump(&a, &b, 64);
        ok = ok && session_activity_end_req(&a.s, NULL, NULL) == 0;
        pump(&a, &b, 64);
        ok = ok && session_activity_end_rsp(&b.s, NULL) == 0;
        pump(&a, &b, 64);
        ok = ok && session_u_abort_req(&a.s, NULL) == 0;
        pump(&a, &b, 64);
        mem_fail_at(0);
        whole = ok && b.n_aborts == 1 && strstr(b.log, "end_ind 1") != NULL && strstr(a.log, "end_cnf 1") != NULL &&
                strstr(a.log, "p_abort") == NULL && n > 3;
        buf_free(&d);
        end_free(&a);
        end_free(&b);
    }
    assert_true(whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_primitives),
        cmocka_unit_test(test_refused_by_user),
        cmocka_unit_test(test_refusal_reasons),
        cmocka_unit_test(test_negotiation),
        cmocka_unit_test(test_without_activities),
        cmocka_unit_test(test_answers_awaited),
        cmocka_unit_test(test_crossing),
        cmocka_unit_test(test_reuse_declined),
        cmocka_unit_test(test_wrong_tsel),
        cmocka_unit_test(test_u_abort),
        cmocka_unit_test(test_transport_lost),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
