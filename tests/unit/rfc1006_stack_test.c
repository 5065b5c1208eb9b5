// SPDX-License-Identifier: BSD-2-Clause
// Two stacks against each other: RT-OPEN with every refusal, RT-TRANSFER of all sizes, RT-CLOSE, aborts, timers.
#include "tests/unit/rfc1006_stack_util.h"

static struct stack_params defaults(void) {
    struct stack_params p;
    stack_params_default(&p);
    return p;
}

static struct pair *open_pair(uint32_t checkpoint, uint32_t window) {
    struct stack_params a = defaults(), b = defaults();
    a.checkpoint = checkpoint;
    a.window = window;
    b.checkpoint = 63;
    b.window = 10;
    struct pair *p = pair_new(&a, &b);
    p->piece_max = 700;
    pair_open(p);
    assert_true(p->a.accepted);
    return p;
}

static void test_open_and_close(void **state) {
    (void)state;
    struct stack_params a = defaults(), b = defaults();
    a.called = (struct stack_address){bytes_str("MTA"), bytes_str(""), {NULL, 0}};
    a.calling = (struct stack_address){{NULL, 0}, {NULL, 0}, bytes_str("ME")};
    a.tsdu_to_responder = 2041;
    a.tsdu_to_initiator = 4000;
    b.tsdu_to_responder = b.tsdu_to_initiator = 65000;
    a.tpdu_size = 2048;
    b.window = 3;
    b.checkpoint = 10;
    char long_text[351] = "initiator 1.0";
    memset(long_text + strlen(long_text), 'x', sizeof long_text - 1 - strlen(long_text));
    a.implementation_information = bytes_str(long_text);
    struct pair *p = pair_new(&a, &b);
    pair_open(p);
    assert_int_equal(p->b.opens_ind, 1);
    assert_int_equal(p->a.opens_cnf, 1);
    assert_true(p->a.accepted);
    assert_int_equal(p->b.checkpoint, 30);
    assert_int_equal(p->b.window, 5);
    assert_memory_equal(p->a.user_data.mem + p->a.user_data.off, bind_result, sizeof bind_result);
    assert_memory_equal(p->b.user_data.mem + p->b.user_data.off, bind_argument, sizeof bind_argument);
    for (int side = 0; side < 2; side++) {
        const struct stack_negotiated *n = stack_negotiated(side ? p->b.s : p->a.s);
        for (int l = STACK_TRANSPORT; l <= STACK_RTSE; l++)
            assert_int_equal((side ? p->b : p->a).layers[l], 1);
        assert_int_equal(n->transport.tpdu_size, 2048);
        assert_int_equal(n->transport.at_ms, 1000);
        assert_int_not_equal(n->transport.remote_reference, 0);
        assert_int_equal(n->session.version, 2);
        assert_int_equal(n->session.functional_units, 0x0249);
        assert_int_equal(n->session.tsdu_to_responder, 2041);
        assert_int_equal(n->session.tsdu_to_initiator, 4000);
        assert_int_equal(n->presentation.n_contexts, 3);
        assert_int_equal(n->presentation.contexts[1].id, 3);
        assert_true(n->presentation.contexts[2].accepted);
        assert_string_equal(n->presentation.contexts[1].abstract_syntax, "2.6.0.2.12");
        assert_string_equal(n->association.application_context, "2.6.0.1.6");
        assert_int_equal(n->rtse.checkpoint, 10);
        assert_int_equal(n->rtse.window, 3);
        assert_true(bytes_equal(n->called.tsel, bytes_str("MTA")));
        assert_true(n->called.ssel.p != NULL && n->called.ssel.n == 0);
        assert_null(n->calling.ssel.p);
        assert_null(n->called.psel.p);
        assert_true(bytes_equal(n->calling.psel, bytes_str("ME")));
        assert_int_equal(n->session.reference.user.n, 10);
        assert_int_equal(n->session.reference.common.n, 15);
    }
    assert_string_equal(p->b.implementation, long_text);
    assert_memory_equal(stack_negotiated(p->b.s)->association.implementation, long_text, 79); // to be shown
    assert_string_equal(stack_negotiated(p->a.s)->association.implementation, "");
    assert_int_equal(stack_rt_close_rsp(p->b.s, p->now), ERR_STATE);
    assert_int_equal(stack_rt_close_req(p->b.s, p->now), ERR_STATE); // monologue: the initiator closes
    assert_int_equal(stack_rt_close_req(p->a.s, p->now), 0);
    pair_run(p);
    assert_int_equal(p->b.closes_ind, 1);
    assert_int_equal(p->a.closes_cnf, 1);
    assert_int_equal(p->a.closed, 1);
    assert_int_equal(p->b.closed, 1);
    assert_int_equal(p->a.aborts + p->b.aborts, 0);
    assert_int_equal(stack_deadline(p->a.s), 0);
    pair_free(p);
}

// A refusal: the initiator hears which layer, which reason, in words; both ends come to rest.
static void expect_refused(struct pair *p, enum stack_layer layer, int reason, const char *words) {
    pair_open(p);
    assert_int_equal(p->a.opens_cnf, 1);
    assert_false(p->a.accepted);
    assert_int_equal(p->a.failure.layer, layer);
    assert_int_equal(p->a.failure.reason, reason);
    assert_true(p->a.failure.by_peer);
    if (strstr(p->a.failure.text, words) == NULL)
        fail_msg("'%s' does not say '%s'", p->a.failure.text, words);
    assert_int_equal(p->a.closed, 1);
    assert_int_equal(p->b.closed, 1);
    assert_int_equal(p->a.aborts, 0);
}

static void test_wrong_selectors(void **state) {
    (void)state;
    static const struct {
        enum stack_answer t, s, p;
        enum stack_layer layer;
        int reason;
        const char *words;
    } cases[] = {
        {STACK_UNKNOWN, 0, 0, STACK_TRANSPORT, 3, "address unknown"},
        {STACK_NOT_ATTACHED, 0, 0, STACK_TRANSPORT, 2, "not attached"},
        {STACK_CONGESTED, 0, 0, STACK_TRANSPORT, 1, "congestion"},
        {0, STACK_UNKNOWN, 0, STACK_SESSION, 129, "selector unknown"},
        {0, STACK_NOT_ATTACHED, 0, STACK_SESSION, 130, "not attached"},
        {0, STACK_CONGESTED, 0, STACK_SESSION, 131, "congestion"},
        {0, 0, STACK_UNKNOWN, STACK_PRESENTATION, 3, "address unknown"},
        {0, 0, STACK_NOT_ATTACHED, STACK_PRESENTATION, 7, "no PSAP"},
        {0, 0, STACK_CONGESTED, STACK_PRESENTATION, 1, "congestion"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stack_params d = defaults();
        struct pair *p = pair_new(&d, &d);
        p->b.answer_t = cases[i].t;
        p->b.answer_s = cases[i].s;
        p->b.answer_p = cases[i].p;
        expect_refused(p, cases[i].layer, cases[i].reason, cases[i].words);
        assert_true(p->a.failure.cause[0] != '\0');
        assert_int_equal(p->b.opens_ind, 0);
        assert_int_equal(p->b.aborts, 1); // the responder's owner hears whom it refused, and why
        assert_int_equal(p->b.failure.layer, cases[i].layer);
        assert_int_equal(p->b.failure.reason, cases[i].reason);
        assert_false(p->b.failure.by_peer);
        pair_free(p);
    }
}

static void test_refused_by_rtse(void **state) {
    (void)state;
    static const char *const words[] = {"busy", "cannot recover", "validation failure", "dialogue mode"};
    for (int reason = 0; reason < 4; reason++) {
        struct stack_params d = defaults();
        struct pair *p = pair_new(&d, &d);
        p->b.refuse_open = true;
        p->b.refuse_reason = (enum rtse_refuse)reason;
        expect_refused(p, STACK_RTSE, reason, words[reason]);
        assert_int_equal(p->b.aborts, 0);
        assert_int_equal(p->a.user_data.len, 0);
        pair_free(p);
    }
    struct stack_params d = defaults();
    struct pair *p = pair_new(&d, &d);
    p->b.refuse_with_data = true;
    expect_refused(p, STACK_RTSE, -1, "refused by the peer's user");
    assert_int_equal(p->a.user_data.len, sizeof bind_error);
    assert_memory_equal(p->a.user_data.mem + p->a.user_data.off, bind_error, sizeof bind_error);
    pair_free(p);
}

static struct stack_params x410(int protocol) {
    struct stack_params p = defaults();
    p.mode = RTSE_X410;
    p.protocol = protocol;
    return p;
}

static void test_x410_mode(void **state) {
    (void)state;
    static const int protocols[] = {RTSE_PROTOCOL_P1_1988, RTSE_PROTOCOL_P1_1984, 0};
    for (size_t i = 0; i < 3; i++) {
        struct stack_params a = x410(protocols[i]), b = defaults();
        a.checkpoint = 1;
        struct pair *p = pair_new(&a, &b);
        p->piece_max = 90;
        pair_open(p);
        assert_true(p->a.accepted);
        assert_int_equal(p->b.mode, RTSE_X410);
        assert_int_equal(p->b.protocol, protocols[i]);
        for (int side = 0; side < 2; side++) {
            const struct stack_negotiated *n = stack_negotiated(side ? p->b.s : p->a.s);
            assert_int_equal(n->rtse.mode, RTSE_X410);
            assert_int_equal(n->rtse.protocol, protocols[i]);
            assert_int_equal(n->presentation.n_contexts, 0);
            assert_string_equal(n->association.application_context, "");
        }
        assert_memory_equal(buf_bytes(&p->a.user_data).p, bind_result, sizeof bind_result);
        assert_memory_equal(buf_bytes(&p->b.user_data).p, bind_argument, sizeof bind_argument);
        static const uint64_t sizes[] = {0, 1, 12, 1023, 1024, 1025, 5000};
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            p->a.cnf_ok = p->b.ends_ok = p->b.begins = p->b.checkpoints_ind = 0;
            pair_transfer(p, sizes[k]);
            assert_int_equal(p->a.cnf_ok, 1);
            assert_int_equal(p->b.begins, 1);
            assert_int_equal(p->b.received, sizes[k]);
            assert_int_equal(p->b.checkpoints_ind, sizes[k] == 0 ? 0 : (sizes[k] - 1) / 1024);
            assert_false(p->b.pattern_bad);
        }
        assert_int_equal(stack_rt_close_req(p->a.s, p->now), 0);
        pair_run(p);
        assert_int_equal(p->a.closes_cnf, 1);
        assert_int_equal(p->a.aborts + p->b.aborts, 0);
        assert_int_equal(p->a.closed + p->b.closed, 2);
        pair_free(p);
    }
}

// X.410 mode knows reasons only: a bind error becomes one.
static void test_x410_refusals(void **state) {
    (void)state;
    static const char *const words[] = {"busy", "cannot recover", "validation failure", "dialogue mode"};
    for (int reason = 0; reason < 5; reason++) {
        struct stack_params a = x410(RTSE_PROTOCOL_P1_1984), b = defaults();
        struct pair *p = pair_new(&a, &b);
        p->b.refuse_open = reason < 4;
        p->b.refuse_reason = (enum rtse_refuse)reason;
        p->b.refuse_with_data = reason == 4;
        expect_refused(p, STACK_RTSE, reason < 4 ? reason : RTSE_REFUSE_VALIDATION_FAILURE,
                       words[reason < 4 ? reason : 2]);
        assert_int_equal(p->a.user_data.len, 0);
        pair_free(p);
    }
    static const enum stack_layer layers[] = {STACK_TRANSPORT, STACK_SESSION};
    for (size_t i = 0; i < 2; i++) { // there are no P-selectors: they are not asked for
        struct stack_params a = x410(RTSE_PROTOCOL_P1_1988), b = defaults();
        struct pair *p = pair_new(&a, &b);
        p->b.answer_t = layers[i] == STACK_TRANSPORT ? STACK_UNKNOWN : STACK_ACCEPT;
        p->b.answer_s = STACK_UNKNOWN;
        p->b.answer_p = STACK_UNKNOWN;
        expect_refused(p, layers[i], layers[i] == STACK_TRANSPORT ? 3 : 129, "");
        pair_free(p);
    }
}

// RTAB in X.410 mode has no word for an abort by the user.
static void test_x410_aborts(void **state) {
    (void)state;
    static const struct {
        enum rtse_abort sent;
        int heard;
    } cases[] = {
        {RTSE_ABORT_LOCAL_SYSTEM_PROBLEM, 0}, {RTSE_ABORT_TEMPORARY_PROBLEM, 3}, {RTSE_ABORT_PERMANENT_PROBLEM, 0},
        {RTSE_ABORT_USER_ERROR, 0},           {RTSE_ABORT_PROTOCOL_ERROR, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int by_b = 0; by_b < 2; by_b++) {
            struct stack_params a = x410(RTSE_PROTOCOL_P1_1988), b = defaults();
            struct pair *p = pair_new(&a, &b);
            pair_open(p);
            p->b.hold_end = true;
            pair_transfer(p, 5000);
            stack_p_abort(by_b ? p->b.s : p->a.s, p->now, cases[i].sent);
            pair_run(p);
            const struct side *heard = by_b ? &p->a : &p->b;
            assert_int_equal(heard->aborts, 1);
            assert_int_equal(heard->failure.layer, STACK_RTSE);
            assert_int_equal(heard->failure.reason, cases[i].heard);
            assert_true(heard->failure.by_peer);
            assert_int_equal(p->a.closed + p->b.closed, 2);
            pair_free(p);
        }
}

static void test_other_contexts(void **state) {
    (void)state;
    static const uint8_t other[] = {0x56, 0x00, 0x02, 0x63};
    struct stack_params a = defaults(), b = defaults();
    a.application_context = bytes_of(other, sizeof other);
    struct pair *p = pair_new(&a, &b);
    expect_refused(p, STACK_ASSOCIATION, 102, "application context name not supported");
    assert_int_equal(p->b.aborts, 1);
    pair_free(p);
    a = defaults();
    a.user_syntax = bytes_of(other, sizeof other); // RTSE's context is accepted, its user's is not
    p = pair_new(&a, &b);
    expect_refused(p, STACK_ASSOCIATION, 101, "rejected");
    assert_false(stack_negotiated(p->b.s)->presentation.contexts[2].accepted);
    pair_free(p);
}

static void test_contexts_in_any_order(void **state) {
    (void)state;
    struct stack_params a = defaults(), b = defaults();
    a.contexts[0].id = 70001;
    a.contexts[0].syntax = STACK_SYNTAX_USER;
    a.contexts[1].id = 1;
    a.contexts[1].syntax = STACK_SYNTAX_RTSE;
    a.contexts[2].id = 301;
    a.contexts[2].syntax = STACK_SYNTAX_ACSE;
    struct pair *p = pair_new(&a, &b);
    pair_open(p);
    assert_true(p->a.accepted);
    pair_transfer(p, 100000);
    assert_int_equal(p->a.cnf_ok, 1);
    assert_int_equal(p->b.context, 70001);
    assert_false(p->b.pattern_bad);
    pair_free(p);
}

static void test_transfer_sizes(void **state) {
    (void)state;
    static const uint32_t checkpoints[] = {0, 1, 30};
    static const uint64_t sizes[] = {0, 12, 13, 1012, 1013, 1014, 1015, 2048, 30720, 70000, 3000000};
    for (size_t c = 0; c < 3; c++)
        for (uint32_t window = 0; window <= 5; window++) {
            struct pair *p = open_pair(checkpoints[c], window);
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                if (sizes[i] > 100000 && window != 3)
                    continue;
                p->piece_max = sizes[i] > 100000 ? 20000 : 700;
                p->a.give_max = sizes[i] % 3 == 0 ? 0 : 333;
                p->a.cnf_ok = p->b.ends_ok = p->b.begins = 0;
                pair_transfer(p, sizes[i]);
                assert_int_equal(p->a.cnf_ok, 1);
                assert_int_equal(p->b.begins, 1);
                assert_int_equal(p->b.ends_ok, 1);
                assert_int_equal(p->b.received, sizes[i]);
                assert_int_equal(p->b.context, 5);
                assert_false(p->b.pattern_bad);
            }
            assert_int_equal(p->a.aborts + p->b.aborts, 0);
            pair_free(p);
        }
}

static void test_checkpoints_are_counted(void **state) {
    (void)state;
    struct pair *p = open_pair(1, 3);
    p->b.hold_checkpoints = true;
    p->a.total = p->b.total = 10000;
    assert_int_equal(stack_rt_transfer_req(p->a.s, p->now, 10000, 0), 0);
    pair_run(p);
    assert_int_equal(p->b.checkpoints_ind, 3); // the window is full
    assert_int_equal(stack_transfer_room(p->a.s), 0);
    uint64_t before = p->b.received;
    assert_int_equal(before, 3 * 1024 - 11); // EXTERNAL: 28 82 xx xx, 02 01 05, a0 82 xx xx and no more
    assert_int_equal(p->b.last_checkpoint_octets, before);
    assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, 4), ERR_STATE);
    assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, 2), 0); // and with it the first
    pair_run(p);
    assert_int_equal(p->a.checkpoints_cnf, 1);
    assert_int_equal(p->a.last_serial, 2);
    assert_int_equal(p->a.last_checkpoint_octets, 2 * 1024 - 11);
    assert_int_equal(p->b.checkpoints_ind, 5);
    struct rtse_recovery ra, rb;
    assert_int_equal(stack_recovery(p->a.s, &ra), 0);
    assert_int_equal(stack_recovery(p->b.s, &rb), 0);
    assert_int_equal(ra.serial, 2);
    assert_int_equal(rb.serial, 2); // both sides would resume at the same octet of the same activity
    assert_int_equal(ra.octets_confirmed, 2 * 1024 - 11);
    assert_int_equal(rb.octets_confirmed, 2 * 1024 - 11);
    assert_int_equal(ra.stream, rb.stream);
    assert_true(rtse_same_activity(&ra, &rb));
    assert_int_equal(ra.n_activity_id, 3);
    assert_int_equal(ra.session.n_user, 10);
    p->b.hold_checkpoints = false;
    assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, 5), 0);
    pair_run(p);
    assert_int_equal(p->a.cnf_ok, 1);
    assert_int_equal(p->b.received, 10000);
    assert_int_equal(stack_recovery(p->a.s, &ra), ERR_ABSENT);
    pair_free(p);
}

// The sender never has more in its output than its high-water mark and a slice; the receiver holds nothing.
static void test_large_transfer_in_little_memory(void **state) {
    (void)state;
    struct pair *p = open_pair(30, 5);
    p->piece_max = 60000;
    pair_transfer(p, 20000000);
    assert_int_equal(p->a.cnf_ok, 1);
    assert_int_equal(p->b.received, 20000000);
    assert_false(p->b.pattern_bad);
    assert_true(p->a.output_max < 262144 + 2 * 30 * 1024);
    assert_true(stack_output(p->a.s)->cap < 1048576);
    assert_true(stack_output(p->b.s)->cap < 65536);
    assert_int_equal(p->b.checkpoints_ind, 20000016 / (30 * 1024));
    pair_free(p);
}

// Without checkpoints an APDU of any size is one RTTR in one TSDU, and takes no more memory than one with.
static void test_one_slice_of_any_size(void **state) {
    (void)state;
    for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++) {
        struct stack_params a = defaults(), b = a;
        a.mode = (enum rtse_mode)mode;
        a.checkpoint = 0;
        struct pair *p = pair_new(&a, &b);
        pair_open(p);
        p->a.total = p->b.total = 5000000;
        assert_int_equal(stack_rt_transfer_req(p->a.s, p->now, 5000000, 0), 0);
        unsigned tsdus = 0;
        uint8_t head[7];
        size_t n = 0, left = 0; // of the TPKT being looked at
        for (struct buf *out; p->a.cnf_ok == 0;) {
            out = stack_output(p->a.s);
            assert_true(out->len < 400000);
            for (size_t i = 0; i < out->len && i < 65536; i++) { // what pair_move moves
                if (n < sizeof head)
                    head[n++] = buf_bytes(out).p[i];
                if (n == sizeof head && left == 0) {
                    left = (size_t)(head[2] << 8 | head[3]) - sizeof head + 1;
                    tsdus += head[5] == 0xf0 && head[6] == 0x80;
                }
                if (left > 0 && --left == 0)
                    n = 0;
            }
            if (!pair_move(p, &p->a, &p->b) && !pair_move(p, &p->b, &p->a))
                break;
        }
        assert_int_equal(p->a.cnf_ok, 1);
        assert_int_equal(p->b.received, 5000000);
        assert_false(p->b.pattern_bad);
        assert_int_equal(p->b.checkpoints_ind, 0);
        assert_int_equal(tsdus, 3); // start, data, end
        assert_true(p->a.output_max < 262144 + 65536);
        pair_free(p);
    }
}

// In the middle of that TSDU its sender can say nothing else; a receiver that wants no more of it ends it.
static void test_one_slice_given_up(void **state) {
    (void)state;
    for (int refused = 0; refused < 2; refused++)
        for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++) {
            struct stack_params d = defaults();
            d.checkpoint = 0;
            d.mode = (enum rtse_mode)mode;
            struct pair *p = pair_new(&d, &d);
            pair_open(p);
            p->a.total = p->b.total = 5000000;
            assert_int_equal(stack_rt_transfer_req(p->a.s, p->now, 5000000, 0), 0);
            while (p->b.received < 100000)
                assert_true(pair_move(p, &p->a, &p->b));
            if (refused) {
                assert_int_equal(stack_transfer_refuse(p->b.s, p->now, RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED),
                                 0);
                pair_run(p);
                assert_int_equal(p->a.cnf_bad, 1);
                assert_int_equal(p->a.failure.reason, RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED);
                assert_true(p->b.received < 1000000);
                pair_transfer(p, 200000);
                assert_int_equal(p->a.cnf_ok, 1);
                assert_int_equal(p->b.received, 200000);
                assert_false(p->b.pattern_bad);
                assert_int_equal(p->a.aborts + p->b.aborts, 0);
            } else {
                assert_int_equal(stack_transfer_discard(p->a.s, p->now), ERR_BUSY);
                assert_int_equal(stack_transfer_interrupt(p->a.s, p->now), ERR_BUSY);
                stack_p_abort(p->a.s, p->now, RTSE_ABORT_TEMPORARY_PROBLEM);
                pair_run(p);
                assert_int_equal(p->b.aborts, 1);
                assert_int_equal(p->a.closed + p->b.closed, 2);
            }
            assert_int_equal(p->b.ends_ok, refused);
            pair_free(p);
        }
}

static void test_unacknowledged_end(void **state) {
    (void)state;
    struct pair *p = open_pair(30, 5);
    p->b.hold_end = true;
    pair_transfer(p, 5000);
    assert_int_equal(p->b.ends_ok, 1);
    assert_int_equal(p->a.cnf_ok, 0);
    assert_int_equal(stack_rt_transfer_req(p->a.s, p->now, 12, 0), ERR_STATE);
    assert_int_equal(stack_rt_close_req(p->a.s, p->now), ERR_STATE);
    assert_int_equal(stack_transfer_rsp(p->b.s, p->now), 0);
    assert_int_equal(stack_transfer_rsp(p->b.s, p->now), ERR_STATE);
    pair_run(p);
    assert_int_equal(p->a.cnf_ok, 1);
    pair_transfer(p, 6000);
    p->b.hold_end = false;
    assert_int_equal(stack_rt_transfer_req(p->b.s, p->now, 12, 0), ERR_STATE); // the responder of a monologue
    pair_free(p);
}

static void test_receiver_refuses(void **state) {
    (void)state;
    for (int at_end = 0; at_end < 2; at_end++) {
        struct pair *p = open_pair(1, 3);
        p->b.hold_checkpoints = p->b.hold_end = true;
        pair_transfer(p, at_end ? 500 : 5000);
        assert_int_equal(p->b.ends_ok, at_end);
        assert_int_equal(stack_transfer_refuse(p->b.s, p->now, RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED), 0);
        uint64_t received = p->b.received;
        pair_run(p);
        assert_int_equal(p->b.received, received);
        assert_int_equal(p->a.cnf_bad, 1);
        assert_int_equal(p->a.failure.layer, STACK_RTSE);
        assert_int_equal(p->a.failure.reason, 1);
        assert_non_null(strstr(p->a.failure.text, "receiving ability jeopardized"));
        p->b.hold_checkpoints = p->b.hold_end = false;
        pair_transfer(p, 7000); // the association goes on
        assert_int_equal(p->a.cnf_ok, 1);
        assert_false(p->b.pattern_bad);
        pair_free(p);
    }
}

static void test_sender_discards(void **state) {
    (void)state;
    struct pair *p = open_pair(1, 3);
    p->b.hold_checkpoints = true;
    pair_transfer(p, 50000);
    assert_int_equal(stack_transfer_discard(p->a.s, p->now), 0);
    pair_run(p);
    assert_int_equal(p->b.ends_bad, 1);
    assert_non_null(strstr(p->b.failure.text, "discarded"));
    assert_int_equal(p->a.cnf_bad, 1);
    p->b.hold_checkpoints = false;
    pair_transfer(p, 50000);
    assert_int_equal(p->a.cnf_ok, 1);
    pair_free(p);
}

static void test_transfer_timeout(void **state) {
    (void)state;
    struct pair *p = open_pair(1, 3);
    p->b.hold_checkpoints = true;
    p->a.total = p->b.total = 50000;
    assert_int_equal(stack_rt_transfer_req(p->a.s, p->now, 50000, 20000), 0);
    pair_run(p);
    assert_int_equal(stack_deadline(p->a.s), p->now + 20000);
    p->now += 19999;
    stack_tick(p->a.s, p->now);
    assert_int_equal(stack_output(p->a.s)->len, 0);
    p->now += 1;
    stack_tick(p->a.s, p->now);
    pair_run(p);
    assert_int_equal(p->a.cnf_bad, 1);
    assert_non_null(strstr(p->a.failure.text, "not done within its time"));
    assert_int_equal(p->b.ends_bad, 1);
    // The receiver's own patience, and a peer that does not even confirm the discard: the association is aborted.
    assert_int_equal(stack_rt_transfer_req(p->a.s, p->now, 50000, 20000), 0);
    pair_run(p);
    p->now += 300000;
    stack_tick(p->b.s, p->now);
    assert_int_equal(p->b.aborts, 1);
    stack_tick(p->a.s, p->now);
    p->now += 20000;
    stack_tick(p->a.s, p->now);
    assert_int_equal(p->a.aborts, 1);
    assert_int_equal(p->a.failure.layer, STACK_RTSE);
    pair_free(p);
}

static void test_aborts(void **state) {
    (void)state;
    for (int during = 0; during < 2; during++)
        for (int by_b = 0; by_b < 2; by_b++)
            for (int user = 0; user < 2; user++) {
                struct pair *p = open_pair(1, 3);
                struct side *from = by_b ? &p->b : &p->a, *to = by_b ? &p->a : &p->b;
                p->b.hold_checkpoints = true;
                if (during)
                    pair_transfer(p, 50000);
                if (user)
                    stack_u_abort(from->s, p->now);
                else
                    stack_p_abort(from->s, p->now, RTSE_ABORT_TEMPORARY_PROBLEM);
                pair_run(p);
                assert_int_equal(from->aborts, 0);
                assert_int_equal(to->aborts, 1);
                assert_int_equal(to->failure.layer, STACK_RTSE);
                assert_true(to->failure.by_peer);
                assert_int_equal(to->failure.reason, user ? RTSE_ABORT_USER_ERROR : RTSE_ABORT_TEMPORARY_PROBLEM);
                assert_int_equal(from->closed, 1);
                assert_int_equal(to->closed, 1);
                pair_free(p);
            }
}

// Each reason of an RTAB arrives, in words of its own. X.410 mode has no permanent problem and no user error.
static void test_abort_reasons(void **state) {
    (void)state;
    for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++)
        for (int reason = RTSE_ABORT_LOCAL_SYSTEM_PROBLEM; reason <= RTSE_ABORT_TRANSFER_COMPLETED; reason++) {
            struct stack_params d = defaults();
            d.mode = (enum rtse_mode)mode;
            struct pair *p = pair_new(&d, &d);
            pair_open(p);
            stack_p_abort(p->a.s, p->now, (enum rtse_abort)reason);
            pair_run(p);
            assert_int_equal(p->b.aborts, 1);
            bool unknown = mode == RTSE_X410 && (reason == 5 || reason == 6);
            assert_int_equal(p->b.failure.reason, unknown ? RTSE_ABORT_LOCAL_SYSTEM_PROBLEM : reason);
            assert_non_null(strstr(p->b.failure.text, rtse_abort_text(unknown ? 0 : reason)));
            for (int k = 0; k < reason; k++)
                assert_string_not_equal(rtse_abort_text(k), rtse_abort_text(reason));
            pair_free(p);
        }
}

static void test_abort_while_opening(void **state) {
    (void)state;
    struct stack_params d = defaults();
    struct pair *p = pair_new(&d, &d);
    p->b.hold_open = true;
    pair_open(p);
    assert_int_equal(p->b.opens_ind, 1);
    stack_u_abort(p->b.s, p->now);
    pair_run(p);
    assert_int_equal(p->a.opens_cnf, 1);
    assert_false(p->a.accepted);
    assert_int_equal(p->a.closed, 1);
    pair_free(p);
    p = pair_new(&d, &d); // the responder, before anything came
    stack_u_abort(p->b.s, p->now);
    assert_int_equal(p->b.aborts, 0);
    pair_free(p);
    p = pair_new(&d, &d);
    p->b.hold_open = true;
    pair_open(p);
    stack_u_abort(p->a.s, p->now);
    pair_run(p);
    assert_int_equal(p->b.aborts, 1);
    assert_int_equal(p->b.closed, 1);
    assert_int_equal(stack_rt_open_rsp(p->b.s, p->now, bytes_of(bind_result, sizeof bind_result)), ERR_STATE);
    pair_free(p);
}

static void test_connection_lost(void **state) {
    (void)state;
    struct pair *p = open_pair(1, 3);
    p->b.hold_checkpoints = true;
    pair_transfer(p, 50000);
    stack_transport_closed(p->a.s, p->now, "connection reset by peer");
    stack_transport_closed(p->b.s, p->now, NULL);
    assert_int_equal(p->a.aborts, 1);
    assert_int_equal(p->a.failure.layer, STACK_NETWORK);
    assert_non_null(strstr(p->a.failure.text, "connection reset by peer"));
    assert_int_equal(p->b.aborts, 1);
    assert_int_equal(p->a.closed, 1);
    assert_int_equal(p->b.closed, 1);
    pair_free(p);
    struct stack_params d = defaults(); // while opening
    p = pair_new(&d, &d);
    assert_int_equal(stack_rt_open_req(p->a.s, p->now, bytes_of(bind_argument, sizeof bind_argument)), 0);
    stack_transport_closed(p->a.s, p->now, NULL);
    assert_int_equal(p->a.opens_cnf, 1);
    assert_int_equal(p->a.failure.layer, STACK_NETWORK);
    assert_int_equal(p->a.closed, 1);
    stack_transport_closed(p->b.s, p->now, NULL); // a caller that never said a word
    assert_int_equal(p->b.closed, 1);
    assert_int_equal(p->b.aborts, 1);
    pair_free(p);
}

static void test_silence(void **state) {
    (void)state;
    struct stack_params d = defaults();
    struct pair *p = pair_new(&d, &d);
    assert_int_equal(stack_rt_open_req(p->a.s, p->now, bytes_of(bind_argument, sizeof bind_argument)), 0);
    for (int i = 0; i < 4 && stack_deadline(p->a.s) != 0; i++) {
        p->now = stack_deadline(p->a.s);
        stack_tick(p->a.s, p->now);
    }
    assert_int_equal(p->a.opens_cnf, 1);
    assert_false(p->a.accepted);
    assert_int_equal(p->a.closed, 1);
    struct buf *out = stack_output(p->a.s); // a caller that stops after its first octet
    stack_input(p->b.s, p->now, bytes_of(buf_bytes(out).p, 1));
    assert_int_equal(stack_deadline(p->b.s), p->now + d.open_timeout_ms);
    p->now += d.open_timeout_ms;
    stack_tick(p->b.s, p->now);
    assert_int_equal(p->b.aborts, 1);
    assert_non_null(strstr(p->b.failure.text, "transport: no connect TPDU from the peer within"));
    assert_int_equal(p->b.closed, 1);
    pair_free(p);
}

static void test_not_osi(void **state) {
    (void)state;
    struct stack_params d = defaults();
    struct pair *p = pair_new(&d, &d);
    stack_input(p->b.s, p->now, bytes_str("GET / HTTP/1.0\r\n\r\n"));
    assert_int_equal(p->b.aborts, 1);
    assert_int_equal(p->b.failure.layer, STACK_TRANSPORT);
    assert_string_equal(p->b.failure.text, "tpkt: version 71 where 3 was expected");
    assert_int_equal(p->b.closed, 1);
    pair_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_and_close),
        cmocka_unit_test(test_wrong_selectors),
        cmocka_unit_test(test_refused_by_rtse),
        cmocka_unit_test(test_x410_mode),
        cmocka_unit_test(test_x410_refusals),
        cmocka_unit_test(test_x410_aborts),
        cmocka_unit_test(test_other_contexts),
        cmocka_unit_test(test_contexts_in_any_order),
        cmocka_unit_test(test_transfer_sizes),
        cmocka_unit_test(test_checkpoints_are_counted),
        cmocka_unit_test(test_large_transfer_in_little_memory),
        cmocka_unit_test(test_one_slice_of_any_size),
        cmocka_unit_test(test_one_slice_given_up),
        cmocka_unit_test(test_unacknowledged_end),
        cmocka_unit_test(test_receiver_refuses),
        cmocka_unit_test(test_sender_discards),
        cmocka_unit_test(test_transfer_timeout),
        cmocka_unit_test(test_aborts),
        cmocka_unit_test(test_abort_reasons),
        cmocka_unit_test(test_abort_while_opening),
        cmocka_unit_test(test_connection_lost),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_not_osi),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
