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

// Each reason of a DR is given and understood, in words of its own; one that nobody knows is given by its number.
static void test_refusal_reasons(void **state) {
    (void)state;
    static const uint8_t reasons[] = {0, 1, 2, 3, 128, 129, 130, 131, 132, 133, 135, 136, 138, 77};
    for (size_t i = 0; i < sizeof reasons; i++) {
        struct side a, b;
        char want[120];
        side_init(&a, &(struct tp0_params){.local_ref = 5});
        side_init(&b, &(struct tp0_params){.local_ref = 6});
        b.hold = true;
        assert_int_equal(tp0_connect_req(&a.t), 0);
        pump(&a, &b, 1);
        assert_int_equal(tp0_disconnect_req(&b.t, reasons[i]), 0);
        pump(&a, &b, 1);
        snprintf(want, sizeof want, "transport: DR, reason '%s' (%u)", tp0_reason_text(reasons[i]), reasons[i]);
        assert_string_equal(a.text, want);
        assert_int_equal(a.reason, reasons[i]);
        assert_true(a.by_peer && a.disconnected == 1);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(tp0_reason_text(reasons[k]), tp0_reason_text(reasons[i]));
        side_free(&a);
        side_free(&b);
    }
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
    assert_int_equal(b.disconnected, 1);
    assert_string_equal(b.text, "transport: CR proposes class 4, class 0 is not offered");
    assert_true(tp0_over(&b.t));
    side_free(&b);
    static const struct {
        const char *cr;
        bool good;
    } cases[] = {{"0300000e09e00000000940c70100", true},    // class 4, or 0
                 {"0300000f0ae00000000920c7023110", false}, // class 2, or 3 or 1
                 {"0300000f0ae00000000920c7023100", true},  // class 2, or 3 or 0
                 {"0300000b06e00000000920", false},         // class 2 alone
                 {"0300000b06e00000000910", true},          // class 1 alone: 0 will do
                 {"0300000b06e00000000901", true},          // options are for other classes
                 {"0300000d08e00000000920c700", false}};    // class 2, or none
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        side_init(&b, &(struct tp0_params){.local_ref = 2});
        assert_int_equal(feed(&b, cases[i].cr), 0);
        assert_int_equal(b.indicated, cases[i].good);
        assert_int_equal(b.disconnected, !cases[i].good);
        assert_out(&b, cases[i].good ? "0300000b06d00009000200" : "0300000b06800009000082");
        side_free(&b);
    }
}

// The preferred maximum size (0xF0): any multiple of 128, when both sides know it; else the codes.
static void test_preferred(void **state) {
    (void)state;
    static const struct {
        uint32_t a, b;
        bool preferred, answer;
        uint32_t agreed;
    } cases[] = {{30000, 65531, true, true, 29952}, {65531, 30000, true, true, 29952},
                 {65531, 65531, true, true, 65408}, {128, 65531, true, true, 128},
                 {65531, 130, true, true, 128},     {30000, 65531, true, false, 16384},
                 {30000, 65531, false, true, 16384}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side a, b;
        side_init(
            &a, &(struct tp0_params){
                    .local_ref = 1, .tpdu_size = cases[i].a, .send_size = true, .send_preferred = cases[i].preferred});
        side_init(&b, &(struct tp0_params){.local_ref = 2, .tpdu_size = cases[i].b, .send_size = cases[i].answer});
        assert_int_equal(tp0_connect_req(&a.t), 0);
        pump(&a, &b, 1);
        assert_int_equal(a.connected, 1);
        assert_int_equal(a.size, cases[i].agreed);
        assert_int_equal(b.size, cases[i].agreed);
        side_free(&a);
        side_free(&b);
    }
    static const struct {
        const char *cr;
        uint32_t size; // 0: refused
    } wire[] = {{"0300000e09e00000000900f00101", 128},
                {"0300000f0ae00000000900f0020100", 32768},
                {"030000110ce00000000900f00400000200", 65408}, // 65,536 is above what a TPKT carries
                {"030000110ce00000000900f004ffffffff", 65408},
                {"030000110ce00000000900c0010bf00110", 2048},
                {"030000120de00000000900f0050000000001", 0},
                {"0300000e09e00000000900f00100", 0},
                {"0300000d08e00000000900f000", 0}};
    for (size_t i = 0; i < sizeof wire / sizeof wire[0]; i++) {
        struct side b;
        side_init(&b, &(struct tp0_params){.local_ref = 2, .send_size = true});
        assert_int_equal(feed(&b, wire[i].cr), wire[i].size ? 0 : ERR_SYNTAX);
        assert_int_equal(b.indicated, wire[i].size != 0);
        assert_int_equal(b.size, wire[i].size);
        side_free(&b);
    }
    struct side a;
    side_init(&a, &(struct tp0_params){.local_ref = 1, .tpdu_size = 40000, .send_size = true, .send_preferred = true});
    assert_int_equal(tp0_connect_req(&a.t), 0);
    assert_out(&a, "03000012"
                   "0de00000000100"
                   "c0010f"
                   "f0020138");
    assert_int_equal(feed(&a, "0300000b06d00001000900"), 0); // neither answered: the code stands
    assert_int_equal(a.size, 32768);
    side_free(&a);
}

// A TSDU sent in pieces arrives whole, whatever the pieces are; nothing else may be sent meanwhile.
static void test_pieces(void **state) {
    (void)state;
    static const size_t pieces[][5] = {{0}, {1, 0}, {0, 1}, {125, 125, 0}, {124, 126, 1, 250, 3}, {5, 0, 5, 0, 0}};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct side a, b;
        struct buf d = {0}, whole = {0};
        connect_pair(&a, &b, 128, 128);
        for (int k = 0; k < 5; k++) {
            uint8_t octets[300], head[3] = {(uint8_t)k, 'h', (uint8_t)i};
            for (size_t n = 0; n < pieces[i][k]; n++)
                octets[n] = (uint8_t)(n * 7 + (size_t)k);
            struct bytes h = bytes_of(head, k == 0 ? sizeof head : 0), p = bytes_of(octets, pieces[i][k]);
            buf_append(&whole, h.p, h.n);
            buf_append(&whole, p.p, p.n);
            assert_int_equal(tp0_data_piece_req(&a.t, h, p, k == 4), 0);
            assert_int_equal(tp0_sending(&a.t), k < 4);
            assert_int_equal(tp0_data_req(&a.t, &d), k < 4 ? ERR_BUSY : 0);
            assert_int_equal(b.ended, 0);
        }
        pump(&a, &b, 9);
        assert_int_equal(b.ended, 2); // and the empty one
        assert_int_equal(b.in.len, whole.len);
        assert_memory_equal(buf_bytes(&b.in).p, buf_bytes(&whole).p, whole.len);
        buf_free(&whole);
        side_free(&a);
        side_free(&b);
    }
}

// One TSDU of 200 MB through an output that never holds more than a piece and its headers.
static void test_large_tsdu(void **state) {
    (void)state;
    enum { PIECE = 65536, PIECES = 3200 };
    static uint8_t octets[PIECE];
    struct side a, b;
    size_t got = 0, most = 0;
    connect_pair(&a, &b, 0, 0);
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(tp0_data_piece_req(&a.t, (struct bytes){0}, bytes_of(octets, PIECE), i == PIECES - 1), 0);
        most = a.out.cap > most ? a.out.cap : most;
        assert_int_equal(tp0_input(&b.t, buf_bytes(&a.out)), 0);
        buf_clear(&a.out);
        assert_int_equal(b.ended, i == PIECES - 1);
        got += b.in.len;
        buf_clear(&b.in);
    }
    assert_int_equal(got, (size_t)PIECE * PIECES);
    assert_true(most < 4 * PIECE);
    side_free(&a);
    side_free(&b);
}

static void test_timer(void **state) {
    (void)state;
    struct side a;
    for (int called = 0; called < 2; called++) {
        side_init(&a, &(struct tp0_params){.local_ref = 1, .connect_ms = 500});
        if (!called)
            assert_int_equal(tp0_connect_req(&a.t), 0);
        assert_int_equal(tp0_deadline(&a.t), 1); // to be ticked, which starts it
        tp0_tick(&a.t, 1000);
        assert_int_equal(tp0_deadline(&a.t), 1500);
        assert_int_equal(feed(&a, "0300"), 0); // half a header does not help
        tp0_tick(&a.t, 1499);
        assert_int_equal(a.disconnected, 0);
        tp0_tick(&a.t, 1500);
        assert_int_equal(a.disconnected, 1);
        assert_string_equal(a.text, "transport: no connect TPDU from the peer within 500 ms");
        assert_true(tp0_over(&a.t));
        assert_int_equal(tp0_deadline(&a.t), 0);
        side_free(&a);
    }
    side_init(&a, &(struct tp0_params){.local_ref = 1, .connect_ms = 500});
    a.hold = true;
    tp0_tick(&a.t, 1000);
    assert_int_equal(feed(&a, "0300000b06e00000000900"), 0);
    assert_int_equal(tp0_deadline(&a.t), 0); // now it is our user's turn
    tp0_tick(&a.t, 9000);
    assert_int_equal(tp0_connect_rsp(&a.t), 0);
    tp0_tick(&a.t, 99000);
    assert_int_equal(a.disconnected, 0);
    side_free(&a);
}

// What is wrong before a caller is known is told too, so that its owner has words for it.
static void test_garbage_first(void **state) {
    (void)state;
    static const struct {
        const char *octets, *text;
    } cases[] = {{"16030102", "tpkt: version 22 where 3 was expected"},
                 {"03000006", "tpkt: length 6, less than the smallest packet of 7 octets"},
                 {"0300000702f080", "transport: protocol error, DT in state CLOSED"},
                 {"0300000b06a00000000900", "transport: TPDU code 0xA is not of class 0"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side b;
        side_init(&b, &(struct tp0_params){.local_ref = 2});
        assert_int_equal(feed(&b, cases[i].octets), ERR_SYNTAX);
        assert_int_equal(b.disconnected, 1);
        assert_false(b.by_peer);
        assert_string_equal(b.text, cases[i].text);
        assert_int_equal(b.out.len, 0);
        side_free(&b);
    }
}

static void test_unknown_parameters_ignored(void **state) {
    (void)state;
    struct side b;
    side_init(&b, &(struct tp0_params){.local_ref = 2});
    assert_int_equal(feed(&b, "030000140fe00000000900"
                              "e1020001"
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
            assert_int_equal(s.disconnected, st != 4 && (want != 0 || i == 2 || i == 4));
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
        cmocka_unit_test(test_refusal_reasons),
        cmocka_unit_test(test_selectors),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_preferred),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_large_tsdu),
        cmocka_unit_test(test_timer),
        cmocka_unit_test(test_garbage_first),
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
