// SPDX-License-Identifier: BSD-2-Clause
// Golden SPDUs: what each primitive sends, to the octet, and what its receiver hears of it. Then the same SPDUs as a
// hostile peer would send them: cut anywhere, with every length lying, with parameters repeated, nested and unknown,
// octet by octet.
#include "rfc1006/session_fsm.h"
#include "rfc1006_session_pair.h"

// --- golden

// The TSDU that waits in the output is this one; it is moved to the other side, which tells its user this.
static void sends(struct end *from, struct end *to, const char *hex_tsdu, const char *what) {
    uint8_t want[400];
    size_t n = hex(hex_tsdu, want);
    struct bytes out = buf_bytes(&from->out);
    assert_int_equal(out.n, n + 7);
    assert_memory_equal(out.p + 7, want, n);
    tp0_input(&to->tp, out);
    buf_clear(&from->out);
    told(to, what);
}

static void golden_connect(struct end *a, struct end *b, bool refused) {
    struct buf d = text("hello");
    const struct session_connect c = {.requirements = SESSION_FU_RTSE,
                                      .calling_ref = bytes_str("ref"),
                                      .common_ref = bytes_str("co"),
                                      .additional_ref = bytes_of("", 0),
                                      .calling_ssel = bytes_str("c"),
                                      .called_ssel = bytes_of("", 0)};
    const struct session_connect yes = {.requirements = SESSION_FU_RTSE, .called_ref = bytes_str("me")};
    const struct session_connect no = {.refused = true, .reason = SESSION_REFUSED_WITH_DATA};
    end_init(a, 1, NULL);
    end_init(b, 2, NULL);
    assert_int_equal(session_connect_req(&a->s, &c, &d), 0);
    tp0_input(&b->tp, buf_bytes(&a->out)); // CR
    buf_clear(&a->out);
    tp0_input(&a->tp, buf_bytes(&b->out)); // CC
    buf_clear(&b->out);
    sends(a, b,
          "0d28"
          "010b0a03726566" // connection identifier: calling reference
          "0b02636f"       // common reference
          "0c00"           // additional reference
          "0509130100"     // connect/accept: no extended concatenation
          "160103"         // versions 1 and 2
          "1a0100"         // all tokens: initiator
          "14020249"
          "330163"
          "3400"
          "c10568656c6c6f",
          "connect_ind 0x249 v2 'hello'; ");
    buf_append_str(&d, "ok");
    assert_int_equal(session_connect_rsp(&b->s, refused ? &no : &yes, &d), 0);
    if (refused)
        sends(b, a,
              "0c08"
              "110101"
              "3203026f6b",
              "refused 2 'ok' session: REFUSE, reason 'rejection by called SS-user' (2); ");
    else
        sends(b, a,
              "0e19"
              "0104"
              "09026d65"
              "0509130100"
              "160102"
              "1a0100"
              "14020249"
              "c1026f6b",
              "connect_cnf 0x249 v2 'ok'; ");
    buf_free(&d);
}

static void test_golden_connect(void **state) {
    (void)state;
    struct end a, b;
    golden_connect(&a, &b, true);
    assert_true(session_over(&a.s));
    end_free(&a);
    end_free(&b);
    golden_connect(&a, &b, false);
    struct buf d = text("bye");
    assert_int_equal(session_u_abort_req(&b.s, &d), 0);
    sends(&b, &a,
          "1908"
          "110103"
          "c103627965",
          "u_abort_ind 'bye'; ");
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

static void test_golden_tokens(void **state) {
    (void)state;
    struct end a, b;
    struct buf d = text("now");
    golden_connect(&a, &b, false);
    assert_int_equal(session_token_please_req(&b.s, 0x15, &d), 0);
    sends(&b, &a,
          "0208"
          "100115"
          "c1036e6f77",
          "please 0x15 'now'; ");
    assert_int_equal(session_token_give_req(&a.s, 0x05), 0);
    sends(&a, &b, "0103100105", "give 0x5; ");
    assert_int_equal(session_token_give_req(&b.s, 0x05), 0);
    sends(&b, &a, "0103100105", "give 0x5; ");
    assert_int_equal(session_control_give_req(&a.s), 0);
    sends(&a, &b, "1500", "control; ");
    sends(&b, &a, "1600", "");
    assert_int_equal(b.s.tokens, 0x15);
    assert_int_equal(session_release_req(&b.s, NULL), 0);
    sends(&b, &a, "0903110101", "release_ind ''; ");
    buf_append_str(&d, "go");
    assert_int_equal(session_release_rsp(&a.s, &d), 0);
    sends(&a, &b,
          "0a04"
          "c102676f",
          "release_cnf 'go'; ");
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

static void test_golden_activity(void **state) {
    (void)state;
    struct end a, b;
    struct buf d = text("d");
    golden_connect(&a, &b, false);
    assert_int_equal(session_activity_start_req(&a.s, bytes_str("A"), &d), 0);
    sends(&a, &b,
          "0100"
          "2d06"
          "290141"
          "c10164",
          "start 'A' 'd'; ");
    buf_append_str(&d, "data");
    assert_int_equal(session_data_req(&a.s, &d), 0);
    sends(&a, &b,
          "0100"
          "0100"
          "64617461",
          "data 4; ");
    buf_append_str(&d, "m");
    assert_int_equal(session_sync_minor_req(&a.s, true, NULL, &d), 0);
    sends(&a, &b,
          "0100"
          "3106"
          "2a0131"
          "c1016d",
          "minor_ind 1 explicit 'm'; ");
    buf_append_str(&d, "y");
    assert_int_equal(session_sync_minor_rsp(&b.s, 1, &d), 0);
    sends(&b, &a,
          "0200"
          "3206"
          "2a0131"
          "2e0179",
          "minor_cnf 1 'y'; ");
    assert_int_equal(session_sync_minor_req(&a.s, false, NULL, NULL), 0);
    sends(&a, &b,
          "0100"
          "3106"
          "0f0101"
          "2a0132",
          "minor_ind 2 optional ''; ");
    buf_append_str(&d, "e");
    assert_int_equal(session_activity_end_req(&a.s, NULL, &d), 0);
    sends(&a, &b,
          "0100"
          "2906"
          "2a0133"
          "c10165",
          "end_ind 3 'e'; ");
    assert_int_equal(session_activity_end_rsp(&b.s, NULL), 0);
    sends(&b, &a,
          "0200"
          "2a03"
          "2a0133",
          "end_cnf 3 ''; ");
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

static void test_golden_breaks(void **state) {
    (void)state;
    struct end a, b;
    struct buf d = {0};
    struct session_resume r = {bytes_str("C"), bytes_str("B"), 9,   false, bytes_str("x"),
                               bytes_str("y"), bytes_str("z"), {0}, {0}};
    golden_connect(&a, &b, false);
    assert_int_equal(session_activity_resume_req(&a.s, &r, NULL), 0);
    sends(&a, &b,
          "0100"
          "1d14"
          "210f"
          "090179"
          "0a0178"
          "0b017a"
          "290142"
          "2a0139"
          "290143",
          "resume 'C' of 'B' from 9 elsewhere 'x' 'y' 'z' ''; ");
    assert_int_equal(session_activity_interrupt_req(&a.s, 5), 0);
    sends(&a, &b,
          "0100"
          "1903320105",
          "interrupt_ind 5; ");
    assert_int_equal(session_activity_interrupt_rsp(&b.s), 0);
    sends(&b, &a,
          "0200"
          "1a00",
          "interrupt_cnf; ");
    r.same_connection = true;
    assert_int_equal(session_activity_resume_req(&a.s, &r, NULL), 0);
    sends(&a, &b,
          "0100"
          "1d0b"
          "2106"
          "290142"
          "2a0139"
          "290143",
          "resume 'C' of 'B' from 9 here '' '' '' ''; ");
    buf_append_str(&d, "u");
    assert_int_equal(session_u_exception_req(&b.s, 1, &d), 0);
    sends(&b, &a,
          "0200"
          "3006"
          "320101"
          "c10175",
          "u_exception 1 'u'; ");
    assert_int_equal(session_activity_discard_req(&a.s, SESSION_REASON_ABSENT), 0);
    sends(&a, &b,
          "0100"
          "3900",
          "discard_ind 255; ");
    assert_int_equal(session_activity_discard_rsp(&b.s), 0);
    sends(&b, &a,
          "0200"
          "3a00",
          "discard_cnf; ");
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

// CONNECT DATA OVERFLOW: the CN carries 10,240 octets, the rest follows the OVERFLOW ACCEPT.
static void test_golden_overflow(void **state) {
    (void)state;
    struct end a, b;
    struct buf d = {0};
    for (int i = 0; i < 10243; i++)
        buf_append_u8(&d, i < 10240 ? 'x' : (uint8_t)('a' + i - 10240));
    end_init(&a, 1, NULL);
    end_init(&b, 2, NULL);
    b.quiet = b.keep = true;
    assert_int_equal(session_connect_req(&a.s, &plain_connect, &d), 0);
    tp0_input(&b.tp, buf_bytes(&a.out));
    buf_clear(&a.out);
    tp0_input(&a.tp, buf_bytes(&b.out));
    buf_clear(&b.out);
    struct buf cn = {0}; // the TSDU of the CN, out of its TPDUs of 2,048 octets
    for (struct bytes left = buf_bytes(&a.out); left.n > 0;) {
        size_t n = (size_t)left.p[2] << 8 | left.p[3];
        buf_append(&cn, left.p + 7, n - 7);
        left = bytes_of(left.p + n, left.n - n);
    }
    uint8_t head[64];
    size_t n = hex("0dff2816"
                   "0509130100160102"
                   "1a0100"
                   "14020249"
                   "3c0101"
                   "c2ff2800",
                   head);
    assert_int_equal(cn.len, n + 10240);
    assert_memory_equal(buf_bytes(&cn).p, head, n);
    tp0_input(&b.tp, buf_bytes(&a.out));
    buf_clear(&a.out);
    sends(&b, &a,
          "1003"
          "160102",
          "");
    sends(&a, &b,
          "0f08"
          "190102"
          "c103616263",
          "");
    assert_int_equal(b.s.fsm.state, STA08);
    assert_int_equal(b.data.len, 10243);
    assert_memory_equal(buf_bytes(&b.data).p + 10239, "xabc", 4);
    buf_free(&cn);
    buf_free(&d);
    end_free(&a);
    end_free(&b);
}

// --- hostile

static const struct home { // where an SPDU is welcome: the receiver's state, tokens and variables; V(M) is 2, V(A) 1
    uint8_t state, tokens;
    bool activity, vsc;
    const char *tsdu, *told;
} homes[] = {
    {STA01C, 0, false, false,
     "0d22"
     "0109"
     "0a027265"
     "0b0163"
     "0c00"
     "0509"
     "130100"
     "160103"
     "1a0100"
     "14020249"
     "330163"
     "c103666f6f",
     "connect_ind 0x249 v2 'foo'; "},
    {STA02A, 0, false, false,
     "0e15"
     "0509130100160102"
     "1a0100"
     "14020249"
     "100101"
     "c1017a",
     "connect_cnf 0x249 v2 'z'; please 0x1 ''; "},
    {STA02A, 0, false, false,
     "0c0b"
     "110101"
     "160102"
     "3203026e6f",
     "refused 2 'no' session: REFUSE, reason 'rejection by called SS-user' (2); "},
    {STA02B, 0, false, false,
     "1009"
     "150400000000"
     "160102",
     ""},
    {STA01D, 0, false, false,
     "0f08"
     "190102"
     "c103616263",
     "connect_ind 0x249 v2 'abc'; "},
    {STA713, 0, false, false,
     "0906"
     "110101"
     "c10178",
     "release_ind 'x'; "},
    {STA03, 0x15, false, false,
     "0a03"
     "c10178",
     "release_cnf 'x'; "},
    {STA713, 0, false, false,
     "1906"
     "110103"
     "c10178",
     "u_abort_ind 'x'; "},
    {STA713, 0, false, false,
     "0103"
     "100115",
     "give 0x15; "},
    {STA713, 0x15, false, false,
     "0206"
     "100101"
     "c10178",
     "please 0x1 'x'; "},
    {STA713, 0, false, false, "1500", "control; "},
    {STA18, 0x15, false, false, "1600", ""},
    {STA713, 0, true, false,
     "0100"
     "0103"
     "190103"
     "6162",
     "data 2; "},
    {STA713, 0, true, false,
     "0100"
     "3109"
     "0f0101"
     "2a0132"
     "c10178",
     "minor_ind 2 optional 'x'; "},
    {STA713, 0x15, true, false,
     "0200"
     "3206"
     "2a0131"
     "2e0178",
     "minor_cnf 1 'x'; "},
    {STA713, 0, false, false,
     "0100"
     "2d06"
     "290141"
     "c10178",
     "start 'A' 'x'; "},
    {STA713, 0, false, false,
     "0100"
     "1d17"
     "210f"
     "090179"
     "0a0178"
     "0b017a"
     "290142"
     "2a0139"
     "290143"
     "c10178",
     "resume 'C' of 'B' from 9 elsewhere 'x' 'y' 'z' 'x'; "},
    {STA713, 0, true, false,
     "0100"
     "1903"
     "320105",
     "interrupt_ind 5; "},
    {STA05B, 0x15, true, false,
     "0200"
     "1a00",
     "interrupt_cnf; "},
    {STA713, 0, true, false,
     "0100"
     "3903"
     "320106",
     "discard_ind 6; "},
    {STA05C, 0x15, true, false,
     "0200"
     "3a00",
     "discard_cnf; "},
    {STA713, 0, true, false,
     "0100"
     "2906"
     "2a0132"
     "c10178",
     "end_ind 2 'x'; "},
    {STA04B, 0x15, true, false,
     "0200"
     "2a06"
     "2a0131"
     "c10178",
     "end_cnf 1 'x'; "},
    {STA713, 0x15, true, false,
     "0200"
     "3006"
     "320101"
     "c10178",
     "u_exception 1 'x'; "},
    {STA713, 0x15, true, false,
     "0200"
     "0003"
     "310100",
     "p_exception; "},
};
enum { N_HOMES = sizeof homes / sizeof homes[0] };

static void at_home(struct end *e, const struct home *h) {
    static const uint8_t cn[] = {5, 9, 19, 1, 0, 22, 1, 2, 26, 1, 0, 20, 2, 2, 0x49};
    responder_ready(e, NULL);
    e->s.version = h->state == STA01C || h->state == STA02A || h->state == STA02B ? 0 : 2;
    e->s.proposed_versions = 3;
    e->s.initiator = h->state == STA02A || h->state == STA02B;
    e->s.requirements = e->s.proposed_fus = SESSION_FU_RTSE;
    e->s.fsm.state = h->state;
    e->s.tokens = h->tokens;
    e->s.activity = h->activity;
    e->s.vsc = h->vsc;
    e->s.vm = 2;
    e->s.va = 1;
    if (h->state == STA01D)
        session_rx_keep(&e->s, EV_CDO, bytes_of(cn, sizeof cn), (struct bytes){0});
    if (h->state == STA02B)
        buf_append_str(&e->s.connect_rest, "rest");
}

// Whatever came, the session is in one piece: a known state, at most one abort, and then the parser is at rest.
static void in_one_piece(struct end *e) {
    assert_true(e->s.fsm.state < SESSION_N_STATES);
    assert_true(e->n_aborts <= 1);
    assert_true(e->s.rx.phase == RX_SI || session_over(&e->s));
    assert_true(e->s.rx.params.len <= SPDU_LENGTH_MAX);
}

static bool fed(const struct home *h, const uint8_t *tsdu, size_t n) {
    struct end e;
    at_home(&e, h);
    tsdu_input(&e, tsdu, n);
    in_one_piece(&e);
    bool as_told = strcmp(e.log, h->told) == 0;
    end_free(&e);
    return as_told;
}

static void test_at_home(void **state) {
    (void)state;
    for (size_t i = 0; i < N_HOMES; i++) {
        uint8_t tsdu[400];
        size_t n = hex(homes[i].tsdu, tsdu);
        if (!fed(&homes[i], tsdu, n))
            fail_msg("%s", homes[i].tsdu);
        struct end e; // and octet by octet, each in a TPDU of its own
        at_home(&e, &homes[i]);
        for (size_t k = 0; k < n; k++) {
            const uint8_t tpdu[8] = {3, 0, 0, 8, 2, 0xF0, k + 1 == n ? 0x80 : 0, tsdu[k]};
            for (size_t o = 0; o < sizeof tpdu; o++)
                assert_int_equal(tp0_input(&e.tp, bytes_of(tpdu + o, 1)), 0);
        }
        in_one_piece(&e);
        told(&e, homes[i].told);
        end_free(&e);
    }
}

static size_t own_head(const uint8_t *tsdu) { // where the SPDU of interest begins
    return tsdu[0] <= 2 && tsdu[1] == 0 ? 2 : 0;
}

// Cut at every octet, with the SPDU's length as it was and made to agree; and with every length an octet can say.
static void test_lengths_lie(void **state) {
    (void)state;
    size_t same = 0, cases = 0;
    for (size_t i = 0; i < N_HOMES; i++) {
        uint8_t tsdu[400], cut[400];
        size_t n = hex(homes[i].tsdu, tsdu), at = own_head(tsdu);
        for (size_t k = 0; k < n; k++, cases += 2) {
            memcpy(cut, tsdu, n);
            bool data = tsdu[at] == SI_DT && at == 2; // its information has no length
            if (fed(&homes[i], cut, k) && !data && homes[i].told[0] != 0)
                fail_msg("%s cut to %zu octets is taken", homes[i].tsdu, k);
            if (k >= at + 2)
                cut[at + 1] = (uint8_t)(k - at - 2);
            same += fed(&homes[i], cut, k);
        }
        for (size_t k = 0; k < n; k++)
            for (int v = 0; v < 256; v++, cases++) {
                memcpy(cut, tsdu, n);
                cut[k] = (uint8_t)v;
                same += fed(&homes[i], cut, n);
            }
    }
    assert_true(cases > 60000 && same > cases / 100 && same < cases / 2);
}

// Parameters of the SPDU put into another SPDU length: `extra` behind them.
static size_t with_extra(uint8_t *out, const uint8_t *tsdu, size_t n, const uint8_t *extra, size_t n_extra,
                         bool front) {
    size_t at = own_head(tsdu), params = tsdu[at + 1], head = at + 2, total = params + n_extra, w = 0;
    memcpy(out, tsdu, at + 1);
    w = at + 1;
    if (total < 255)
        out[w++] = (uint8_t)total;
    else {
        out[w++] = 255;
        out[w++] = (uint8_t)(total >> 8);
        out[w++] = (uint8_t)total;
    }
    if (front) {
        memcpy(out + w, extra, n_extra);
        w += n_extra;
    }
    memcpy(out + w, tsdu + head, params);
    w += params;
    if (!front) {
        memcpy(out + w, extra, n_extra);
        w += n_extra;
    }
    memcpy(out + w, tsdu + head + params, n - head - params);
    return w + n - head - params;
}

// Parameters that nobody knows are ignored wherever they stand, repeated ones count once, groups inside groups are
// looked into no deeper than the standard has them.
static void test_extra_parameters(void **state) {
    (void)state;
    for (size_t i = 0; i < N_HOMES; i++) {
        static const uint8_t unknown[] = {200, 3, 1, 2, 3, 199, 0, 63, 255, 0, 2, 9, 9};
        uint8_t tsdu[400], bad[70000], nest[60000];
        size_t n = hex(homes[i].tsdu, tsdu), at = own_head(tsdu), params = tsdu[at + 1];
        assert_true(fed(&homes[i], bad, with_extra(bad, tsdu, n, unknown, sizeof unknown, false)));
        assert_true(fed(&homes[i], bad, with_extra(bad, tsdu, n, unknown, sizeof unknown, true)));
        assert_true(fed(&homes[i], bad, with_extra(bad, tsdu, n, tsdu + at + 2, params, false))); // everything twice
        memset(nest, 0, sizeof nest);
        for (size_t k = 0; k + 3 < 3000; k += 4) { // groups in groups, three octets of length each
            size_t left = 3000 - k - 4;
            nest[k] = k % 8 ? PGI_CONNECTION_ID : PGI_LINKING;
            nest[k + 1] = 255;
            nest[k + 2] = (uint8_t)(left >> 8);
            nest[k + 3] = (uint8_t)left;
        }
        fed(&homes[i], bad, with_extra(bad, tsdu, n, nest, 3000, true));
        for (size_t k = 0; k + 3 < sizeof nest; k += 3) // twenty thousand small ones
            memcpy(nest + k, "\x10\x01\x40", 3);
        fed(&homes[i], bad, with_extra(bad, tsdu, n, nest, sizeof nest, true));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_connect),  cmocka_unit_test(test_golden_tokens),
        cmocka_unit_test(test_golden_activity), cmocka_unit_test(test_golden_breaks),
        cmocka_unit_test(test_golden_overflow), cmocka_unit_test(test_at_home),
        cmocka_unit_test(test_lengths_lie),     cmocka_unit_test(test_extra_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
