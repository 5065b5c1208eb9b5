// SPDX-License-Identifier: BSD-2-Clause
// Transport class 0: two sides back to back, TPDUs of the captures, size negotiation, and peers that misbehave.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "rfc1006/tp0.h"

struct side {
    struct tp0 t;
    struct buf out, in;
    int connected, indicated, disconnected, ended;
    uint32_t size;
    uint8_t reason, refuse; // refuse: answer of connect_ind when not 0
    bool hold;              // connect_ind does not answer
    bool by_peer;
    char called[40], text[200];
};

static void on_connect_ind(void *user, const struct tp0_connect *c) {
    struct side *s = user;
    s->indicated++;
    s->size = c->tpdu_size;
    snprintf(s->called, sizeof s->called, "%.*s", (int)c->called_tsel.n,
             c->called_tsel.p ? (const char *)c->called_tsel.p : "");
    if (s->refuse)
        assert_int_equal(tp0_disconnect_req(&s->t, s->refuse), 0);
    else if (!s->hold)
        assert_int_equal(tp0_connect_rsp(&s->t), 0);
}

static void on_connect_cnf(void *user, const struct tp0_connect *c) {
    struct side *s = user;
    s->connected++;
    s->size = c->tpdu_size;
}

static void on_data_ind(void *user, struct bytes piece, bool last) {
    struct side *s = user;
    buf_append(&s->in, piece.p, piece.n);
    s->ended += last;
}

static void on_disconnect_ind(void *user, const struct tp0_disconnect *d) {
    struct side *s = user;
    s->disconnected++;
    s->reason = d->reason;
    s->by_peer = d->by_peer;
    snprintf(s->text, sizeof s->text, "%s", d->text);
}

static const struct tp0_user user = {on_connect_ind, on_connect_cnf, on_data_ind, on_disconnect_ind};

static void side_init(struct side *s, const struct tp0_params *p) {
    *s = (struct side){0};
    tp0_init(&s->t, p, &user, s, &s->out);
}

static void side_free(struct side *s) {
    buf_free(&s->out);
    buf_free(&s->in);
}

// Moves octets both ways, `slice` at a time, until there are none.
static void pump(struct side *a, struct side *b, size_t slice) {
    for (int turns = 0; (a->out.len || b->out.len) && turns < 1000000; turns++) {
        struct side *from = a->out.len ? a : b, *to = a->out.len ? b : a;
        size_t n = from->out.len < slice ? from->out.len : slice;
        tp0_input(&to->t, bytes_of(buf_bytes(&from->out).p, n));
        buf_consume(&from->out, n);
    }
    assert_int_equal(a->out.len + b->out.len, 0);
}

static size_t hex(const char *text, uint8_t *out) {
    size_t n = 0;
    for (unsigned v; sscanf(text, "%2x", &v) == 1; text += 2)
        out[n++] = (uint8_t)v;
    return n;
}

static void assert_out(struct side *s, const char *text) {
    uint8_t want[300];
    size_t n = hex(text, want);
    assert_int_equal(s->out.len, n);
    assert_memory_equal(buf_bytes(&s->out).p, want, n);
    buf_clear(&s->out);
}

static int feed(struct side *s, const char *text) {
    uint8_t in[300];
    size_t n = hex(text, in);
    return tp0_input(&s->t, bytes_of(in, n));
}

// The transport part of p1-88-normal, both sides, to the octet.
static void test_capture(void **state) {
    (void)state;
    struct side a, b;
    struct buf d = {0};
    side_init(&a, &(struct tp0_params){
                      .local_ref = 0x654a, .tpdu_size = 2048, .send_size = true, .called_tsel = bytes_str("592")});
    side_init(&b, &(struct tp0_params){.local_ref = 0x654b, .tpdu_size = 2048, .send_size = true});
    assert_int_equal(tp0_connect_req(&a.t), 0);
    assert_out(&a, "030000130ee00000654a00c203353932c0010b");
    assert_int_equal(feed(&b, "030000130ee00000654a00c203353932c0010b"), 0);
    assert_string_equal(b.called, "592");
    assert_out(&b, "0300000e09d0654a654b00c0010b");
    assert_int_equal(feed(&a, "0300000e09d0654a654b00c0010b"), 0);
    assert_int_equal(a.connected, 1);
    assert_int_equal(a.size, 2048);
    buf_append(&d, "\x02\x00\x2a\x03\x2a\x01\x31", 7);
    assert_int_equal(tp0_data_req(&b.t, &d), 0);
    assert_int_equal(d.len, 0);
    assert_out(&b, "0300000e02f08002002a032a0131");
    assert_int_equal(tp0_disconnect_req(&a.t, TP0_REASON_NORMAL), 0);
    assert_out(&a, "0300000b0680654b654a80");
    assert_true(tp0_over(&a.t));
    assert_int_equal(feed(&b, "0300000b0680654b654a80"), 0);
    assert_int_equal(b.disconnected, 1);
    assert_string_equal(b.text, "transport: DR, reason 'normal disconnect' (128)");
    buf_free(&d);
    side_free(&a);
    side_free(&b);
}

static void connect_pair(struct side *a, struct side *b, uint32_t size_a, uint32_t size_b) {
    side_init(a, &(struct tp0_params){.local_ref = 1, .tpdu_size = size_a, .send_size = true});
    side_init(b, &(struct tp0_params){.local_ref = 2, .tpdu_size = size_b, .send_size = true});
    assert_int_equal(tp0_connect_req(&a->t), 0);
    pump(a, b, 1);
    assert_int_equal(a->connected, 1);
    assert_int_equal(a->size, b->size);
}

static void test_sizes(void **state) {
    (void)state;
    static const struct {
        uint32_t a, b, agreed;
    } cases[] = {{128, 65531, 128}, {65531, 128, 128}, {2048, 8192, 2048}, {8192, 2048, 2048}, {3000, 0, 2048},
                 {0, 0, 65531},     {65536, 0, 65531}, {1, 0, 128},        {16384, 0, 16384},  {0, 40000, 32768}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side a, b;
        connect_pair(&a, &b, cases[i].a, cases[i].b);
        assert_int_equal(a.size, cases[i].agreed);
        side_free(&a);
        side_free(&b);
    }
}

static void test_size_codes(void **state) {
    (void)state;
    for (int code = 0; code < 256; code++) {
        struct side b;
        uint8_t cr[] = {3, 0, 0, 14, 9, 0xE0, 0, 0, 0, 7, 0, 0xC0, 1, (uint8_t)code};
        side_init(&b, &(struct tp0_params){.local_ref = 2, .send_size = true});
        int r = tp0_input(&b.t, bytes_of(cr, sizeof cr));
        if (code >= 7 && code <= 16) {
            assert_int_equal(r, 0);
            assert_int_equal(b.size, code == 16 ? 65531 : 1 << code);
        } else {
            assert_int_equal(r, ERR_SYNTAX);
            assert_int_equal(b.indicated, 0);
            assert_true(tp0_over(&b.t));
            assert_out(&b, "0300000b068000070000"
                           "8a");
        }
        side_free(&b);
    }
}

// TSDUs around the segment size, in slices of every kind.
static void test_segments(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 124, 125, 126, 250, 251, 1000, 70000};
    static const size_t slices[] = {1, 3, 7, 127, 4096};
    uint8_t *data = test_malloc(70000);
    for (size_t i = 0; i < 70000; i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t k = 0; k < sizeof slices / sizeof slices[0]; k++) {
            struct side a, b;
            struct buf d = {0};
            connect_pair(&a, &b, 128, 128);
            buf_append(&d, data, sizes[i]);
            assert_int_equal(tp0_data_req(&a.t, &d), 0);
            size_t packets = sizes[i] == 0 ? 1 : (sizes[i] + 124) / 125;
            assert_int_equal(a.out.len, sizes[i] + packets * 7);
            pump(&a, &b, slices[k]);
            assert_int_equal(b.in.len, sizes[i]);
            if (sizes[i])
                assert_memory_equal(buf_bytes(&b.in).p, data, sizes[i]);
            assert_int_equal(b.ended, 1);
            buf_free(&d);
            side_free(&a);
            side_free(&b);
        }
    test_free(data);
}

static void test_refused(void **state) {
    (void)state;
    struct side a, b;
    side_init(&a, &(struct tp0_params){.local_ref = 5, .called_tsel = bytes_str("WRONG")});
    side_init(&b, &(struct tp0_params){.local_ref = 6});
    b.refuse = TP0_REASON_ADDRESS_UNKNOWN;
    assert_int_equal(tp0_connect_req(&a.t), 0);
    pump(&a, &b, 1);
    assert_string_equal(b.called, "WRONG");
    assert_int_equal(a.connected, 0);
    assert_int_equal(a.disconnected, 1);
    assert_true(a.by_peer);
    assert_int_equal(a.reason, TP0_REASON_ADDRESS_UNKNOWN);
    assert_string_equal(a.text, "transport: DR, reason 'address unknown' (3)");
    assert_true(tp0_over(&a.t) && tp0_over(&b.t));
    assert_int_equal(b.disconnected, 0);
    side_free(&a);
    side_free(&b);
}

static void test_selectors(void **state) {
    (void)state;
    struct side a;
    uint8_t long_tsel[33] = {0};
    side_init(&a, &(struct tp0_params){.local_ref = 1, .calling_tsel = bytes_of(long_tsel, 33)});
    assert_int_equal(tp0_connect_req(&a.t), ERR_LIMIT);
    assert_int_equal(a.out.len, 0);
    side_init(
        &a, &(struct tp0_params){.local_ref = 1, .calling_tsel = bytes_of("", 0), .called_tsel = bytes_of("\xff", 1)});
    assert_int_equal(tp0_connect_req(&a.t), 0);
    assert_out(&a, "03000010"
                   "0be00000000100"
                   "c100"
                   "c201ff");
    side_free(&a);
}

static void test_classes(void **state) {
    (void)state;
    struct side b;
    side_init(&b, &(struct tp0_params){.local_ref = 2});
    assert_int_equal(feed(&b, "0300000b06e00000000940"), 0); // class 4 alone
    assert_out(&b, "0300000b06800009000082");
    assert_int_equal(b.indicated, 0);
    assert_true(tp0_over(&b.t));
    side_free(&b);
    side_init(&b, &(struct tp0_params){.local_ref = 2});
    assert_int_equal(feed(&b, "0300000e09e00000000940c70100"), 0); // class 4, or 0
    assert_int_equal(b.indicated, 1);
    side_free(&b);
}

static void test_unknown_parameters_ignored(void **state) {
    (void)state;
    struct side b;
    side_init(&b, &(struct tp0_params){.local_ref = 2});
    assert_int_equal(feed(&b, "030000140fe00000000900"
                              "f0020001"
                              "990141"
                              "c200"),
                     0);
    assert_int_equal(b.indicated, 1);
    side_free(&b);
}

// A CR cut or stretched in every way its own lengths can lie is an error, never an indication.
static void test_bad_lengths(void **state) {
    (void)state;
    uint8_t cr[] = {3, 0, 0, 19, 14, 0xE0, 0, 0, 0x65, 0x4a, 0, 0xC2, 3, '5', '9', '2', 0xC0, 1, 11};
    for (int li = 0; li < 256; li++) {
        struct side b;
        side_init(&b, &(struct tp0_params){.local_ref = 2});
        cr[4] = (uint8_t)li;
        int r = tp0_input(&b.t, bytes_of(cr, sizeof cr));
        // 6: no parameters; 11: up to the selector; 14: all. What follows the header is user data, which is skipped.
        bool good = li == 6 || li == 11 || li == 14;
        assert_int_equal(r, good ? 0 : ERR_SYNTAX);
        assert_int_equal(b.indicated, good);
        assert_true(good || tp0_over(&b.t));
        assert_true(good || strncmp(b.t.error, "transport: ", 11) == 0);
        side_free(&b);
    }
}

static void test_not_tpkt(void **state) {
    (void)state;
    struct side a, b;
    connect_pair(&a, &b, 0, 0);
    assert_int_equal(tp0_input(&b.t, bytes_str("GET /")), ERR_SYNTAX);
    assert_int_equal(b.disconnected, 1);
    assert_false(b.by_peer);
    assert_string_equal(b.text, "tpkt: version 71 where 3 was expected");
    assert_int_equal(b.out.len, 0);
    assert_int_equal(tp0_input(&b.t, bytes_str("more")), 0); // nobody listens any more
    assert_int_equal(b.disconnected, 1);
    side_free(&a);
    side_free(&b);
}

static void test_er(void **state) {
    (void)state;
    struct side a, b;
    connect_pair(&a, &b, 0, 0);
    assert_int_equal(feed(&a, "0300000b06600000000000"), ERR_SYNTAX); // AK is not of class 0
    assert_string_equal(a.text, "transport: TPDU code 0x6 is not of class 0");
    assert_out(&a, "03000012"
                   "0d70000202c107"
                   "06600000000000");
    side_free(&a);
    side_free(&b);
    connect_pair(&a, &b, 0, 0);
    assert_int_equal(feed(&b, "0300000907700001"
                              "02"),
                     ERR_SYNTAX); // its length indicator says more than there is
    side_free(&a);
    side_free(&b);
    connect_pair(&a, &b, 0, 0);
    assert_int_equal(feed(&b, "0300000904700001"
                              "02"),
                     0);
    assert_string_equal(b.text, "transport: ER, reject cause 'invalid TPDU type' (2)");
    assert_int_equal(b.disconnected, 1);
    side_free(&a);
    side_free(&b);
}

static void test_network_closed(void **state) {
    (void)state;
    struct side a, b;
    connect_pair(&a, &b, 0, 0);
    tp0_network_closed(&a.t, "tcp: receive from 127.0.0.1:102: Connection reset by peer");
    assert_int_equal(a.disconnected, 1);
    assert_string_equal(
        a.text, "transport: network connection closed: tcp: receive from 127.0.0.1:102: Connection reset by peer");
    tp0_network_closed(&a.t, NULL);
    assert_int_equal(a.disconnected, 1);
    side_free(&a);
    side_free(&b);
}

// A CC for somebody else's CR.
static void test_wrong_reference(void **state) {
    (void)state;
    struct side a;
    side_init(&a, &(struct tp0_params){.local_ref = 5});
    assert_int_equal(tp0_connect_req(&a.t), 0);
    assert_int_equal(feed(&a, "0300000b06d00006000900"), ERR_SYNTAX);
    assert_string_equal(a.text, "transport: protocol error, CC in state WFCC");
    assert_int_equal(a.connected, 0);
    side_free(&a);
}

// Brings a side into each state.
static void reach(struct side *s, int state) {
    side_init(s, &(struct tp0_params){.local_ref = 5});
    if (state == 1 || state == 3)
        assert_int_equal(tp0_connect_req(&s->t), 0);
    if (state == 3)
        assert_int_equal(feed(s, "0300000b06d00005000900"), 0);
    if (state == 2) {
        s->hold = true;
        assert_int_equal(feed(s, "0300000b06e00000000900"), 0);
    }
    if (state == 4)
        assert_int_equal(tp0_disconnect_req(&s->t, 0), 0);
    assert_int_equal(s->t.fsm.state, state);
    buf_clear(&s->out);
}

// Every state with every TPDU and request: what is not in the table ends the connection, or is refused to our user.
static void test_walk(void **state) {
    (void)state;
    static const char *const tpdus[] = {"0300000b06e00000000900", "0300000b06d00005000900",
                                        "0300000b0680000500"
                                        "0980",
                                        "0300000802f08041",
                                        "0300000904700005"
                                        "00"};
    // what tp0_input returns: ' ' 0, 'E' ERR_SYNTAX; by state CLOSED, WFCC, WFTRESP, OPEN, OVER
    static const char *const results[] = {" EEE ", "E EE ", "E    ", "EEE  ", "E E  "};
    static const char requests[5][6] = {"0SSSS", "SS0SS", "SSS0S", "00000"}; // connect req, rsp, data, disconnect
    struct side s;
    for (int st = 0; st < 5; st++) {
        for (int i = 0; i < 5; i++) {
            reach(&s, st);
            int want = results[i][st] == 'E' ? ERR_SYNTAX : 0;
            if (feed(&s, tpdus[i]) != want)
                fail_msg("state %d, TPDU %d", st, i);
            assert_int_equal(s.disconnected, st != 0 && st != 4 && (want != 0 || i == 2 || i == 4));
            assert_true(want == 0 || tp0_over(&s.t));
            side_free(&s);
        }
        for (int i = 0; i < 4; i++) {
            struct buf d = {0};
            reach(&s, st);
            int r = i == 0   ? tp0_connect_req(&s.t)
                    : i == 1 ? tp0_connect_rsp(&s.t)
                    : i == 2 ? tp0_data_req(&s.t, &d)
                             : tp0_disconnect_req(&s.t, 128);
            if (r != (requests[i][st] == 'S' ? ERR_STATE : 0))
                fail_msg("state %d, request %d: %d", st, i, r);
            assert_int_equal(s.disconnected, 0);
            assert_true(r == 0 || (s.t.fsm.state == st && s.out.len == 0));
            buf_free(&d);
            side_free(&s);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capture),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_size_codes),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_selectors),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_unknown_parameters_ignored),
        cmocka_unit_test(test_bad_lengths),
        cmocka_unit_test(test_not_tpkt),
        cmocka_unit_test(test_er),
        cmocka_unit_test(test_network_closed),
        cmocka_unit_test(test_wrong_reference),
        cmocka_unit_test(test_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
