// SPDX-License-Identifier: BSD-2-Clause
// User data of the session layer: of every size, in every SPDU that has some, in segments, in overflow and in pieces.
#include "rfc1006_session_pair.h"

static struct buf pattern(size_t n) {
    struct buf b = {0};
    for (size_t i = 0; i < n; i++)
        buf_append_u8(&b, (uint8_t)(i * 31 + i / 256));
    return b;
}

static void assert_pattern(const struct buf *b, size_t n) {
    assert_int_equal(b->len, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buf_bytes(b).p[i], (uint8_t)(i * 31 + i / 256));
}

// Connect data of any size both ways: User Data, Extended User Data, CONNECT DATA OVERFLOW; segments of ACCEPT.
static void connect_data(size_t there, size_t back, uint16_t tsdu_max, size_t slice) {
    struct end a, b;
    struct session_params p;
    session_params_default(&p);
    p.send_tsdu_max = tsdu_max != 0;
    p.tsdu_max_send = p.tsdu_max_receive = tsdu_max;
    p.collect_limit = 300000;
    end_init(&a, 1, &p);
    end_init(&b, 2, &p);
    a.keep = b.keep = true;
    struct buf d = pattern(there);
    assert_int_equal(session_connect_req(&a.s, &plain_connect, &d), 0);
    assert_int_equal(d.len, 0);
    pump(&a, &b, slice);
    assert_string_equal(fsm_state_name(&b.s.fsm), "STA08 wait for S-CONNECT response");
    assert_int_equal(b.s.version, 2);
    assert_pattern(&b.data, there);
    buf_free(&d);
    d = pattern(back);
    assert_int_equal(session_connect_rsp(&b.s, &plain_connect, &d), 0);
    pump(&a, &b, slice);
    assert_string_equal(fsm_state_name(&a.s.fsm), "STA713 data transfer");
    assert_pattern(&a.data, back);
    assert_int_equal(a.n_aborts + b.n_aborts, 0);
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

static void test_connect_data(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 254, 255, 512, 513, 10239, 10240, 10241, 75000, 200000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        connect_data(sizes[i], 60000, 0, 1000);
        connect_data(sizes[i], sizes[i], 0, 777);
        connect_data(sizes[i], sizes[i], 2041, 777);
        connect_data(sizes[i] % 20000, sizes[i] % 20000, 128, 1);
    }
}

// Version 1 has 512 octets, and a side that knows nothing else refuses what asks for more.
static void test_connect_data_version_1(void **state) {
    (void)state;
    struct end a, b;
    struct session_params p;
    struct buf d = pattern(513);
    session_params_default(&p);
    p.versions = SESSION_VERSION_1;
    end_init(&a, 1, &p);
    assert_int_equal(session_connect_req(&a.s, &plain_connect, &d), ERR_LIMIT);
    assert_int_equal(d.len, 513);
    assert_int_equal(a.out.len, 0);
    buf_consume(&d, 1);
    assert_int_equal(session_connect_req(&a.s, &plain_connect, &d), 0);
    end_free(&a);
    static const size_t sizes[] = {513, 20000};
    for (int i = 0; i < 2; i++) {
        end_init(&a, 1, NULL);
        end_init(&b, 2, &p);
        connect_with(&a, &b, &plain_connect, sizes[i]);
        told(&a, "refused 132 '' session: REFUSE, reason 'proposed protocol versions not supported' (132); ");
        told(&b, "");
        end_free(&a);
        end_free(&b);
    }
    buf_free(&d);
}

// More connect data than the called side will hold.
static void test_connect_data_limit(void **state) {
    (void)state;
    struct end a, b;
    struct session_params p;
    session_params_default(&p);
    p.collect_limit = 20000;
    end_init(&a, 1, NULL);
    end_init(&b, 2, &p);
    connect_with(&a, &b, &plain_connect, 20001);
    told(&a, "p_abort_ind 0 transport: DR, reason 'normal disconnect' (128); ");
    told(&b, "");
    assert_string_equal(b.s.error, "session: user data of the peer are larger than the limit");
    assert_true(session_over(&b.s));
    end_free(&a);
    end_free(&b);
}

// User data of every SPDU that has some, whole and in segments.
static void user_data_everywhere(uint16_t tsdu_max, size_t n) {
    struct end a, b;
    struct session_params p;
    session_params_default(&p);
    p.send_tsdu_max = tsdu_max != 0;
    p.tsdu_max_send = p.tsdu_max_receive = tsdu_max;
    p.collect_limit = 300000;
    pair_open(&a, &b, &p, &p, 64);
    a.keep = b.keep = a.quiet = b.quiet = true;
    struct end *const ends[2] = {&a, &b};
    for (int i = 0; i < 11; i++) {
        struct buf d = pattern(n);
        static const uint8_t from[11] = {1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1};
        struct end *x = ends[from[i]], *y = ends[1 - from[i]];
        struct session *s = &x->s;
        struct session_resume r = {bytes_str("B"), bytes_str("A"), 1, true, {0}, {0}, {0}, {0}, {0}};
        buf_clear(&y->data);
        y->n_told = 0;
        int e = i == 0   ? session_token_please_req(s, SESSION_TOKEN_DATA, &d)
                : i == 1 ? session_activity_start_req(s, bytes_str("A"), &d)
                : i == 2 ? session_sync_minor_req(s, true, NULL, &d)
                : i == 3 ? session_sync_minor_rsp(s, 1, &d)
                : i == 4 ? session_activity_end_req(s, NULL, &d)
                : i == 5 ? session_activity_end_rsp(s, &d)
                : i == 6 ? session_activity_resume_req(s, &r, &d)
                : i == 7 ? session_u_exception_req(s, 1, &d)
                : i == 8 ? session_activity_discard_req(s, 0)
                : i == 9 ? session_release_req(s, &d)
                         : session_release_rsp(s, &d);
        assert_int_equal(e, 0);
        pump(&a, &b, 100);
        if (i == 8) {
            assert_int_equal(session_activity_discard_rsp(&b.s), 0);
            pump(&a, &b, 100);
        } else {
            assert_int_equal(d.len, 0);
            assert_int_equal(y->n_told, 1);
            assert_pattern(&y->data, n);
        }
        buf_free(&d);
    }
    assert_int_equal(a.n_aborts + b.n_aborts, 0);
    assert_true(session_over(&a.s) && session_over(&b.s));
    end_free(&a);
    end_free(&b);
    pair_open(&a, &b, &p, &p, 64); // and an abort
    b.keep = b.quiet = true;
    struct buf d = pattern(n);
    assert_int_equal(session_u_abort_req(&a.s, &d), 0);
    pump(&a, &b, 100);
    assert_int_equal(b.n_aborts, 1);
    assert_pattern(&b.data, n);
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

static void test_user_data_everywhere(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 80, 200, 1000, 65000, 65600, 200000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        user_data_everywhere(0, sizes[i]);
        user_data_everywhere(96, sizes[i] % 5000);
        user_data_everywhere(2041, sizes[i]);
    }
}

static void segments(uint16_t max, size_t size) {
    struct end a, b;
    struct session_params p;
    struct buf d = {0};
    session_params_default(&p);
    p.send_tsdu_max = true;
    p.tsdu_max_send = p.tsdu_max_receive = max;
    pair_open(&a, &b, &p, &p, 64);
    assert_int_equal(a.s.tsdu_max, max);
    assert_int_equal(b.s.tsdu_max_in, max);
    assert_int_equal(session_activity_start_req(&a.s, bytes_str("A"), NULL), 0);
    pump(&a, &b, 64);
    for (size_t i = 0; i < size; i++)
        buf_append_u8(&d, (uint8_t)(i * 31 + i / 256));
    assert_int_equal(session_data_req(&a.s, &d), 0);
    size_t n_tsdus = size == 0 ? 1 : (size + max - 8) / (size_t)(max - 7);
    assert_int_equal(a.out.len, size + n_tsdus * (7 + 7));
    pump(&a, &b, 11);
    assert_int_equal(b.n_data, 1);
    assert_int_equal(b.data.len, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(buf_bytes(&b.data).p[i], (uint8_t)(i * 31 + i / 256));
    assert_int_equal(b.n_aborts, 0);
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

static void test_segments(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 56, 57, 58, 114, 115, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        segments(64, sizes[i]);
    segments(2041, 5000);
}

// An SSDU in pieces is one SSDU at the other side, whatever the pieces and the TSDU size are.
static void test_pieces(void **state) {
    (void)state;
    static const size_t sizes[][4] = {{0, 0, 0, 0}, {0, 5, 0, 0}, {1, 1, 1, 1}, {57, 58, 114, 0}, {3000, 0, 1, 5000}};
    static const uint16_t tsdu_max[] = {0, 64, 2041};
    for (size_t i = 0; i < 3 * sizeof sizes / sizeof sizes[0]; i++) {
        const size_t *n = sizes[i / 3], total = n[0] + n[1] + n[2] + n[3];
        struct end a, b;
        struct buf left = pattern(total), d = text("x");
        pair_in_activity(&a, &b, tsdu_max[i % 3]);
        assert_int_equal(session_data_piece_req(&b.s, bytes_str("x"), false), ERR_STATE);
        for (int k = 0; k < 4; k++) {
            assert_int_equal(session_data_piece_req(&a.s, bytes_of(buf_bytes(&left).p, n[k]), k == 3), 0);
            buf_consume(&left, n[k]);
            if (k < 3 && left.len < total) {
                assert_int_equal(session_data_req(&a.s, &d), ERR_BUSY);
                assert_int_equal(session_sync_minor_req(&a.s, true, NULL, NULL), ERR_BUSY);
                assert_int_equal(session_activity_end_req(&a.s, NULL, NULL), ERR_BUSY);
                assert_int_equal(session_token_give_req(&a.s, 1), ERR_BUSY);
            }
            assert_true((session_pending(&a.s) > 0) == (n[k] > 0 || k == 3));
            pump(&a, &b, 11);
            assert_int_equal(b.n_data, k == 3);
        }
        assert_pattern(&b.data, total);
        assert_int_equal(session_sync_minor_req(&a.s, true, NULL, NULL), 0);
        pump(&a, &b, 11);
        assert_int_equal(a.n_aborts + b.n_aborts, 0);
        buf_free(&left);
        buf_free(&d);
        end_free(&a);
        end_free(&b);
    }
}

// What happens to an SSDU that was begun when its activity is broken by either side, or the connection ends.
static void piece_breaks(uint16_t tsdu_max, int how) {
    struct end a, b;
    struct buf d = text("after");
    pair_in_activity(&a, &b, tsdu_max);
    assert_int_equal(session_data_piece_req(&a.s, bytes_str("begun, "), false), 0);
    pump(&a, &b, 5);
    if (how == 0) { // we interrupt: where the SSDU is one TSDU, that has to be ended first
        assert_int_equal(session_activity_interrupt_req(&a.s, 5), tsdu_max ? 0 : ERR_BUSY);
        if (!tsdu_max) {
            assert_int_equal(session_data_piece_req(&a.s, (struct bytes){0}, true), 0);
            assert_int_equal(session_activity_interrupt_req(&a.s, 5), 0);
        }
        pump(&a, &b, 5);
        assert_int_equal(session_activity_interrupt_rsp(&b.s), 0);
    } else if (how == 1) { // the peer reports an exception, we discard
        assert_int_equal(session_u_exception_req(&b.s, 1, NULL), 0);
        pump(&a, &b, 5);
        told(&a, "u_exception 1 ''; ");
        assert_int_equal(session_data_piece_req(&a.s, bytes_str("more"), true), ERR_STATE);
        assert_int_equal(session_activity_discard_req(&a.s, 0), 0);
        pump(&a, &b, 5);
        assert_int_equal(session_activity_discard_rsp(&b.s), 0);
    } else if (how == 2) {
        assert_int_equal(session_u_abort_req(&a.s, NULL), 0);
        pump(&a, &b, 5);
        told(&b, tsdu_max ? "u_abort_ind ''; " : "p_abort_ind 0 transport: DR, reason 'normal disconnect' (128); ");
        assert_true(session_over(&a.s) && session_over(&b.s) && tp0_over(&a.tp));
    } else { // the peer breaks the protocol
        tsdu_hex(&a, "6300");
        assert_int_equal(a.n_aborts, 1);
        assert_int_equal(tp0_over(&a.tp), tsdu_max == 0);
    }
    pump(&a, &b, 5);
    if (how < 2) {
        buf_clear(&b.data);
        b.n_data = 0;
        assert_int_equal(session_activity_start_req(&a.s, bytes_str("B"), NULL), 0);
        assert_int_equal(session_data_req(&a.s, &d), 0);
        pump(&a, &b, 5);
        assert_int_equal(b.n_data, 1);
        assert_memory_equal(buf_bytes(&b.data).p, "after", 5);
        assert_int_equal(b.data.len, 5);
        assert_int_equal(a.n_aborts + b.n_aborts, 0);
    }
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

static void test_piece_breaks(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) {
        piece_breaks(0, how);
        piece_breaks(200, how);
    }
}

// One SSDU of 200 MB, which is one TSDU, through buffers that never hold more than a piece.
static void test_large_ssdu(void **state) {
    (void)state;
    enum { PIECE = 65536, PIECES = 3200 };
    static uint8_t octets[PIECE];
    struct end a, b;
    size_t got = 0, most = 0;
    pair_in_activity(&a, &b, 0);
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(session_data_piece_req(&a.s, bytes_of(octets, PIECE), i == PIECES - 1), 0);
        most = a.out.cap > most ? a.out.cap : most;
        pump(&a, &b, 100000);
        most = b.data.cap + b.s.rx.params.cap > most ? b.data.cap + b.s.rx.params.cap : most;
        assert_int_equal(b.n_data, i == PIECES - 1);
        got += b.data.len;
        buf_clear(&b.data);
    }
    assert_int_equal(got, (size_t)PIECE * PIECES);
    assert_true(most < 4 * PIECE);
    end_free(&a);
    end_free(&b);
}

static void test_tsdu_max_negotiated(void **state) {
    (void)state;
    struct end a, b;
    struct session_params pa, pb;
    session_params_default(&pa);
    session_params_default(&pb);
    pa.send_tsdu_max = pb.send_tsdu_max = true;
    pa.tsdu_max_send = 2041;
    pa.tsdu_max_receive = 0;
    pb.tsdu_max_send = 500;
    pb.tsdu_max_receive = 1000;
    pair_open(&a, &b, &pa, &pb, 64);
    assert_int_equal(a.s.tsdu_max, 1000);
    assert_int_equal(b.s.tsdu_max_in, 1000);
    assert_int_equal(b.s.tsdu_max, 500);
    assert_int_equal(a.s.tsdu_max_in, 500);
    // What does not fit and cannot be segmented, as in version 1, is refused to the user.
    struct buf d = pattern(200);
    struct session_params v1 = pb;
    end_free(&a);
    end_free(&b);
    v1.versions = SESSION_VERSION_1;
    v1.tsdu_max_receive = 128;
    pair_open(&a, &b, &pa, &v1, 64);
    assert_int_equal(session_activity_start_req(&a.s, bytes_str("A"), &d), ERR_LIMIT);
    assert_int_equal(d.len, 200);
    end_free(&a);
    end_free(&b);
    pb.send_tsdu_max = false; // the captured peer: no answer, no segmenting
    pair_open(&a, &b, &pa, &pb, 64);
    assert_int_equal(a.s.tsdu_max, 0);
    assert_int_equal(b.s.tsdu_max, 0);
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

// Whatever allocation fails while data overflow, are segmented and go in pieces: no crash, no leak, at most one abort a
// side; in the end none fails and all goes through.
static bool memory_fails_at(unsigned long n) {
    struct end a, b;
    struct session_params p;
    session_params_default(&p);
    p.send_tsdu_max = true;
    p.tsdu_max_send = p.tsdu_max_receive = 300;
    end_init(&a, 1, &p);
    end_init(&b, 2, &p);
    a.quiet = b.quiet = true;
    struct buf connect = pattern(15000), answer = pattern(5000), start = pattern(1000), piece = pattern(700);
    mem_fail_at(n);
    bool ok = session_connect_req(&a.s, &plain_connect, &connect) == 0;
    pump(&a, &b, 1000);
    ok = ok && session_connect_rsp(&b.s, &plain_connect, &answer) == 0;
    pump(&a, &b, 1000);
    ok = ok && session_activity_start_req(&a.s, bytes_str("A"), &start) == 0;
    ok = ok && session_data_piece_req(&a.s, buf_bytes(&piece), false) == 0;
    pump(&a, &b, 1000);
    ok = ok && session_data_piece_req(&a.s, buf_bytes(&piece), true) == 0;
    pump(&a, &b, 1000);
    mem_fail_at(0);
    ok = ok && b.n_data == 1 && a.n_aborts + b.n_aborts == 0;
    assert_true(a.n_aborts <= 1 && b.n_aborts <= 1);
    buf_free(&connect);
    buf_free(&answer);
    buf_free(&start);
    buf_free(&piece);
    end_free(&a);
    end_free(&b);
    return ok;
}

static void test_memory(void **state) {
    (void)state;
    unsigned long n = 1, failures = 0;
    for (unsigned in_a_row = 0; in_a_row < 20 && n < 1000; n++) {
        bool ok = memory_fails_at(n);
        failures += !ok;
        in_a_row = ok ? in_a_row + 1 : 0;
    }
    assert_true(n < 1000 && failures > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_data),
        cmocka_unit_test(test_connect_data_version_1),
        cmocka_unit_test(test_connect_data_limit),
        cmocka_unit_test(test_user_data_everywhere),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_piece_breaks),
        cmocka_unit_test(test_large_ssdu),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_tsdu_max_negotiated),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
