// SPDX-License-Identifier: BSD-2-Clause
// Captures of another implementation against this stack, from both sides: given the capture's references, selectors,
// bind data and APDU, what is sent must be what the capture holds, octet for octet where the encoding rules are the
// same (we write definite lengths and leave defaults out), else value for value. All three modes: 1988 normal, 1988
// X.410, 1984. And no truncation or flipped bit of a captured stream may do harm, or go unnoticed.
#include "tests/unit/rfc1006_stack_util.h"

#include "tests/pcap.h"

#define SMALL "tests/data/p1-88-normal.pcap"
#define LARGE "tests/data/p1-88-normal-100k.pcap"
#define X410 "tests/data/p1-88-x410mode.pcap"
#define SMALL_84 "tests/data/p1-84.pcap"
#define LARGE_84 "tests/data/p1-84-100k.pcap"

struct replay {
    struct pcap pcap;
    int protocol; // 0: normal mode
    const char *called_tsel;
    struct buf apdu;
    struct bytes argument, result; // the bind's
    uint16_t references[2];
    uint8_t user_reference[4], common_reference[15];
};

// ---- reading the capture, without the code under test ----

static struct bytes find(struct bytes in, const void *what, size_t n) {
    const uint8_t *at = memmem(in.p, in.n, what, n);
    assert_non_null(at);
    return bytes_of(at, in.n - (size_t)(at - in.p));
}

// The contents of the RTTR in a TPKT, as this peer writes it; p NULL when it is no DT SPDU.
static struct bytes rttr_of(struct bytes tpkt) {
    static const uint8_t head[] = {0x02, 0xf0, 0x80, 0x01, 0x00, 0x01, 0x00, 0x61, 0x80,
                                   0x30, 0x80, 0x02, 0x01, 0x03, 0xa0, 0x80, 0x04};
    if (tpkt.n < 40 || memcmp(tpkt.p + 4, head, sizeof head) != 0)
        return bytes_of(NULL, 0);
    const uint8_t *p = tpkt.p + 4 + sizeof head;
    size_t octets = *p < 0x80 ? 0 : *p & 0x7f, len = octets == 0 ? *p : 0;
    for (size_t i = 0; i < octets; i++)
        len = len << 8 | p[1 + i];
    return bytes_of(p + 1 + octets, len);
}

// The bind of X.410 mode: bare, in connection data of this tag.
static struct bytes bare_bind(struct bytes in, const char *tag) {
    struct bytes b = find(in, tag, 5);
    return bytes_of(b.p + 4, 22);
}

// The slice of the APDU in a TPKT of X.410 mode.
static struct bytes slice_of(struct bytes tpkt) {
    static const uint8_t head[] = {0x02, 0xf0, 0x80, 0x01, 0x00, 0x01, 0x00};
    bool data = tpkt.n > 4 + sizeof head && memcmp(tpkt.p + 4, head, sizeof head) == 0;
    return data ? bytes_of(tpkt.p + 4 + sizeof head, tpkt.n - 4 - sizeof head) : bytes_of(NULL, 0);
}

static void replay_open_x410(struct replay *r) {
    struct bytes a = buf_bytes(&r->pcap.stream[0]), b = buf_bytes(&r->pcap.stream[1]), tpkt;
    r->argument = bare_bind(a, "\xa3\x18\xa0\x16\xa1");
    r->result = bare_bind(b, "\xa2\x18\xa0\x16\xa1");
    while ((tpkt = pcap_tpkt(&a)).p != NULL)
        buf_append(&r->apdu, slice_of(tpkt).p, slice_of(tpkt).n);
    assert_true(r->apdu.len > 500);
}

static void replay_open(struct replay *r, const char *path) {
    static const uint8_t external[] = {0x28, 0x80, 0x02, 0x01, 0x05, 0xa0, 0x80};
    struct buf joined = {0};
    *r = (struct replay){0};
    pcap_read(&r->pcap, path);
    struct bytes a = buf_bytes(&r->pcap.stream[0]), b = buf_bytes(&r->pcap.stream[1]), tpkt;
    r->references[0] = (uint16_t)(a.p[8] << 8 | a.p[9]);
    r->references[1] = (uint16_t)(b.p[8] << 8 | b.p[9]);
    struct bytes cn = find(a, "\x01\x17\x0a\x04", 4);
    memcpy(r->user_reference, cn.p + 4, 4);
    memcpy(r->common_reference, cn.p + 10, 15);
    r->called_tsel = strcmp(path, SMALL) == 0 || strcmp(path, LARGE) == 0 ? "592"
                     : strcmp(path, X410) == 0                            ? "593"
                                                                          : "591";
    r->protocol = r->called_tsel[2] == '2'   ? 0
                  : r->called_tsel[2] == '3' ? RTSE_PROTOCOL_P1_1988
                                             : RTSE_PROTOCOL_P1_1984;
    if (r->protocol != 0) {
        replay_open_x410(r);
        return;
    }
    r->argument = find(a, "\xb0\x16\xa1\x14", 4);
    r->argument.n = 24;
    r->result = find(b, "\xb1\x16\xa1\x14", 4);
    r->result.n = 24;
    while ((tpkt = pcap_tpkt(&a)).p != NULL) {
        struct bytes slice = rttr_of(tpkt);
        if (slice.p != NULL)
            assert_int_equal(buf_append(&joined, slice.p, slice.n), 0);
    }
    assert_true(joined.len > 500);
    assert_memory_equal(buf_bytes(&joined).p, external, sizeof external);
    assert_memory_equal(buf_bytes(&joined).p + joined.len - 4, "\0\0\0\0", 4);
    buf_append(&r->apdu, buf_bytes(&joined).p + sizeof external, joined.len - sizeof external - 4);
    buf_free(&joined);
}

static void replay_close(struct replay *r) {
    pcap_free(&r->pcap);
    buf_free(&r->apdu);
}

static struct stack_params replay_params(struct replay *r, int side) {
    struct stack_params p;
    stack_params_default(&p);
    p.tpdu_size = 2048;
    p.tp_reference = r->references[side];
    p.reference.user = bytes_of(r->user_reference, 4);
    p.reference.common = bytes_of(r->common_reference, 15);
    if (side == 0) {
        p.called.tsel = bytes_str(r->called_tsel);
        p.mode = r->protocol == 0 ? RTSE_NORMAL : RTSE_X410;
        p.protocol = r->protocol;
        p.tsdu_to_responder = p.tsdu_to_initiator = 2041;
        p.checkpoint = 63;
        p.window = 3;
    } else {
        if (r->protocol == 0)
            p.called.ssel = bytes_of("", 0);
        p.reference = (struct stack_reference){{NULL, 0}, {NULL, 0}, {NULL, 0}}; // the peer's are given back
        p.checkpoint = 1;
        p.window = 3;
    }
    return p;
}

// ---- comparing ----

// BER in, appended with definite lengths; leaves out what both 63 and 1 K proposals say beyond the defaults.
static void definite(struct bytes in, uint8_t parent, struct buf *out) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes whole, value;
    int err;
    while ((err = tlv_next(&c, &t, &whole, &value)) == ERR_OK) {
        if ((parent == 0xb0 && bytes_equal(whole, bytes_of("\x82\x01\x00", 3))) ||
            (parent == 0xb1 && bytes_equal(whole, bytes_of("\x81\x01\x03", 3))) ||
            (parent == 0xa1 && bytes_equal(whole, bytes_of("\x82\x01\x00", 3))) ||
            (parent == 0xa1 && bytes_equal(whole, bytes_of("\x81\x01\x03", 3))))
            continue;
        if (parent == 0xa1 && bytes_equal(whole, bytes_of("\x84\x02\x0c\x00", 4)))
            value.n = 1; // that peer's way to write 12
        else if (parent == 0xa1 && bytes_equal(whole, bytes_of("\x84\x01\x0c", 3)))
            value = bytes_of("\x0c", 1);
        size_t from = out->len;
        if (t.constructed)
            definite(value, whole.p[0], out);
        else
            assert_int_equal(buf_append(out, value.p, value.n), 0);
        assert_int_equal(tlv_wrap(out, from, t.cls, t.constructed, t.tag), 0);
    }
    assert_int_equal(err, ERR_ABSENT);
}

static size_t spdu_length(const uint8_t *p, size_t *header) {
    *header = p[0] == 0xff ? 3 : 1;
    return p[0] == 0xff ? (size_t)(p[1] << 8 | p[2]) : p[0];
}

// CN and AC: the SPDU identifier, then all parameters in order; user data (193) by value.
static void expect_connect(struct bytes ours, struct bytes theirs) {
    struct bytes *both[] = {&ours, &theirs};
    struct buf data[2] = {{0}, {0}};
    size_t h, at[2], n[2];
    assert_memory_equal(ours.p + 4, theirs.p + 4, 4); // DT TPDU, SI
    for (int i = 0; i < 2; i++) {
        n[i] = spdu_length(both[i]->p + 8, &h);
        assert_int_equal(n[i], both[i]->n - 8 - h);
        at[i] = 8 + h;
    }
    while (at[0] < ours.n && at[1] < theirs.n) {
        uint8_t pi = theirs.p[at[1]];
        assert_int_equal(ours.p[at[0]], pi);
        for (int i = 0; i < 2; i++) {
            n[i] = spdu_length(both[i]->p + at[i] + 1, &h);
            at[i] += 1 + h;
            assert_true(at[i] + n[i] <= both[i]->n);
            if (pi == 193)
                definite(bytes_of(both[i]->p + at[i], n[i]), 0, &data[i]);
        }
        if (pi != 193) {
            assert_int_equal(n[0], n[1]);
            assert_memory_equal(ours.p + at[0], theirs.p + at[1], n[0]);
        }
        at[0] += n[0];
        at[1] += n[1];
    }
    assert_int_equal(at[0], ours.n);
    assert_int_equal(at[1], theirs.n);
    assert_true(data[0].len > 30);
    assert_int_equal(data[0].len, data[1].len);
    assert_memory_equal(buf_bytes(&data[0]).p, buf_bytes(&data[1]).p, data[0].len);
    buf_free(&data[0]);
    buf_free(&data[1]);
}

static void expect_same(struct bytes ours, struct bytes theirs) {
    assert_int_equal(ours.n, theirs.n);
    assert_memory_equal(ours.p, theirs.p, theirs.n);
}

static bool is_dt_spdu(struct bytes tpkt) {
    return tpkt.n > 20 && memcmp(tpkt.p + 4, "\x02\xf0\x80\x01\x00\x01\x00", 7) == 0;
}

// What a side sent against what its model in the capture sent.
static void expect_stream(struct bytes ours, struct bytes theirs, bool x410) {
    for (size_t i = 0;; i++) {
        struct bytes a = pcap_tpkt(&ours), b = pcap_tpkt(&theirs);
        assert_true((a.p == NULL) == (b.p == NULL));
        if (a.p == NULL)
            break;
        if (i == 1)
            expect_connect(a, b);
        else if (!x410 && is_dt_spdu(b))
            assert_true(is_dt_spdu(a));
        else
            expect_same(a, b);
    }
    assert_int_equal(ours.n, 0);
}

// ---- our responder, the captured initiator ----

static void replay_responder(const char *path, size_t piece_max) {
    struct replay r;
    replay_open(&r, path);
    struct stack_params params = replay_params(&r, 1);
    uint64_t now = 5000;
    struct side d = {.now = &now, .bind_result = r.result};
    struct buf sent = {0};
    unsigned seed = 7;
    d.s = stack_new_responder(&params, &side_user, &d);
    struct bytes in = buf_bytes(&r.pcap.stream[0]);
    while (in.n > 0) {
        size_t n = 1 + (size_t)rand_r(&seed) % piece_max;
        n = n < in.n ? n : in.n;
        stack_input(d.s, now, bytes_of(in.p, n));
        in = bytes_of(in.p + n, in.n - n);
    }
    expect_same(buf_bytes(&d.user_data), r.argument);
    assert_int_equal(buf_append(&sent, buf_bytes(stack_output(d.s)).p, stack_output(d.s)->len), 0);
    expect_stream(buf_bytes(&sent), buf_bytes(&r.pcap.stream[1]), r.protocol != 0);
    assert_int_equal(d.ends_ok, 1);
    assert_int_equal(d.begins, 1);
    assert_int_equal(d.context, r.protocol == 0 ? 5 : -1);
    assert_int_equal(d.mode, r.protocol == 0 ? RTSE_NORMAL : RTSE_X410);
    assert_int_equal(d.protocol, r.protocol);
    expect_same(buf_bytes(&d.apdu_received), buf_bytes(&r.apdu));
    assert_int_equal(d.checkpoints_ind, (r.apdu.len + (r.protocol == 0 ? 11 : 0) - 1) / 1024);
    assert_int_equal(d.checkpoint, 63);
    assert_int_equal(d.window, 3);
    assert_int_equal(d.closes_ind, 1);
    assert_int_equal(d.aborts, 0);
    assert_int_equal(d.closed, 1);
    buf_free(&sent);
    side_free(&d);
    replay_close(&r);
}

static void test_responder_small(void **state) {
    (void)state;
    replay_responder(SMALL, 65536);
    replay_responder(SMALL, 1);
    replay_responder(SMALL, 100);
    replay_responder(X410, 65536);
    replay_responder(X410, 1);
    replay_responder(SMALL_84, 65536);
    replay_responder(SMALL_84, 1);
}

static void test_responder_large(void **state) {
    (void)state;
    replay_responder(LARGE, 65536);
    replay_responder(LARGE, 3000);
    replay_responder(LARGE, 7);
    replay_responder(LARGE_84, 65536);
    replay_responder(LARGE_84, 7);
}

// ---- our initiator, the captured responder ----

static void take_output(struct side *d, struct buf *sent) {
    struct buf *out = stack_output(d->s);
    assert_int_equal(buf_append(sent, buf_bytes(out).p, out->len), 0);
    buf_consume(out, out->len);
    stack_output_drained(d->s, *d->now);
}

static void replay_initiator(const char *path) {
    struct replay r;
    replay_open(&r, path);
    struct stack_params params = replay_params(&r, 0);
    uint64_t now = 5000;
    struct side d = {.now = &now, .apdu = buf_bytes(&r.apdu)};
    struct buf sent = {0};
    bool transferring = false, closing = false;
    d.s = stack_new_initiator(&params, &side_user, &d);
    assert_int_equal(stack_rt_open_req(d.s, now, r.argument), 0);
    take_output(&d, &sent);
    struct bytes in = buf_bytes(&r.pcap.stream[1]), tpkt;
    while ((tpkt = pcap_tpkt(&in)).p != NULL) {
        stack_input(d.s, now, tpkt);
        take_output(&d, &sent);
        if (d.accepted && !transferring) {
            transferring = true;
            expect_same(buf_bytes(&d.user_data), r.result);
            assert_int_equal(stack_rt_transfer_req(d.s, now, r.apdu.len, 0), 0);
            take_output(&d, &sent);
        }
        if (d.cnf_ok == 1 && !closing) {
            closing = true;
            assert_int_equal(stack_rt_close_req(d.s, now), 0);
            take_output(&d, &sent);
        }
    }
    assert_int_equal(d.cnf_ok, 1);
    assert_int_equal(d.closes_cnf, 1);
    assert_int_equal(d.aborts, 0);
    const struct stack_negotiated *n = stack_negotiated(d.s);
    assert_int_equal(n->rtse.checkpoint, 1);
    assert_int_equal(n->rtse.window, 3);
    assert_int_equal(n->session.version, 2);
    assert_int_equal(n->transport.tpdu_size, 2048);
    expect_stream(buf_bytes(&sent), buf_bytes(&r.pcap.stream[0]), r.protocol != 0);
    // And what we sent carries the APDU to the octet: our responder, which has just been proven, says so.
    struct stack_params rp = replay_params(&r, 1);
    struct side e = {.now = &now};
    e.s = stack_new_responder(&rp, &side_user, &e);
    stack_input(e.s, now, buf_bytes(&sent));
    assert_string_equal(e.failure.text, "");
    assert_int_equal(e.ends_ok, 1);
    expect_same(buf_bytes(&e.apdu_received), buf_bytes(&r.apdu));
    buf_free(&sent);
    side_free(&d);
    side_free(&e);
    replay_close(&r);
}

static void test_initiator_small(void **state) {
    (void)state;
    replay_initiator(SMALL);
    replay_initiator(X410);
    replay_initiator(SMALL_84);
}

static void test_initiator_large(void **state) {
    (void)state;
    replay_initiator(LARGE);
    replay_initiator(LARGE_84);
}

// ---- damage ----

// Feeds octets to a side and then closes the connection: it must come to rest, and say why unless all went well.
static void feed_damaged(struct side *d, struct bytes octets) {
    uint64_t now = *d->now;
    stack_input(d->s, now, octets);
    stack_transport_closed(d->s, now, NULL);
    assert_int_equal(d->closed, 1);
    assert_true(stack_closed(d->s));
    bool well = d->closes_ind == 1 || d->closes_cnf == 1;
    bool refused = d->opens_cnf == 1 && !d->accepted;
    if (well + refused + d->aborts != 1)
        fail_msg("closed %u, aborted %u, refused %d: %s", d->closes_ind, d->aborts, refused, d->failure.text);
    if (!well)
        assert_true(strlen(d->failure.text) > 10);
}

static void damaged_responder(struct replay *r, struct bytes octets) {
    struct stack_params params = replay_params(r, 1);
    uint64_t now = 5000;
    struct side d = {.now = &now};
    d.s = stack_new_responder(&params, &side_user, &d);
    feed_damaged(&d, octets);
    side_free(&d);
}

static void damaged_initiator(struct replay *r, struct bytes octets) {
    struct stack_params params = replay_params(r, 0);
    uint64_t now = 5000;
    struct side d = {.now = &now, .apdu = buf_bytes(&r->apdu)};
    d.s = stack_new_initiator(&params, &side_user, &d);
    assert_int_equal(stack_rt_open_req(d.s, now, r->argument), 0);
    struct bytes cc = pcap_tpkt(&octets), ac = pcap_tpkt(&octets);
    if (cc.p != NULL)
        stack_input(d.s, now, cc);
    if (ac.p != NULL)
        stack_input(d.s, now, ac);
    if (d.accepted && stack_rt_transfer_req(d.s, now, r->apdu.len, 0) == 0) {
        struct bytes maa = pcap_tpkt(&octets);
        if (maa.p != NULL)
            stack_input(d.s, now, maa);
        if (d.cnf_ok)
            assert_int_equal(stack_rt_close_req(d.s, now), 0);
    }
    feed_damaged(&d, octets);
    side_free(&d);
}

static void test_truncations(void **state) {
    (void)state;
    static const char *const paths[] = {SMALL, X410, SMALL_84};
    for (size_t i = 0; i < 3; i++) {
        struct replay r;
        replay_open(&r, paths[i]);
        struct bytes a = buf_bytes(&r.pcap.stream[0]), b = buf_bytes(&r.pcap.stream[1]);
        for (size_t n = 0; n <= a.n; n++)
            damaged_responder(&r, bytes_of(a.p, n));
        for (size_t n = 0; n <= b.n; n++)
            damaged_initiator(&r, bytes_of(b.p, n));
        replay_close(&r);
    }
}

static void flip_bits(const char *path) {
    struct replay r;
    replay_open(&r, path);
    for (int side = 0; side < 2; side++) {
        struct bytes octets = buf_bytes(&r.pcap.stream[side]);
        uint8_t *copy = malloc(octets.n);
        memcpy(copy, octets.p, octets.n);
        for (size_t i = 0; i < octets.n * 8; i++) {
            copy[i / 8] ^= (uint8_t)(1u << i % 8);
            (side == 0 ? damaged_responder : damaged_initiator)(&r, bytes_of(copy, octets.n));
            copy[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        free(copy);
    }
    replay_close(&r);
}

static void test_bit_flips(void **state) {
    (void)state;
    flip_bits(SMALL);
    flip_bits(X410);
    flip_bits(SMALL_84);
}

static void damage(const char *path) {
    struct replay r;
    unsigned seed = 3;
    replay_open(&r, path);
    struct bytes octets = buf_bytes(&r.pcap.stream[0]);
    uint8_t *copy = malloc(octets.n);
    for (int i = 0; i < 300; i++) {
        memcpy(copy, octets.p, octets.n);
        for (int k = 0; k < 1 + i % 4; k++)
            copy[(size_t)rand_r(&seed) % octets.n] ^= (uint8_t)(1 + rand_r(&seed) % 255);
        damaged_responder(&r, bytes_of(copy, octets.n));
    }
    free(copy);
    replay_close(&r);
}

static void test_damage_in_a_large_transfer(void **state) {
    (void)state;
    damage(LARGE);
    damage(LARGE_84);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_responder_small),
        cmocka_unit_test(test_responder_large),
        cmocka_unit_test(test_initiator_small),
        cmocka_unit_test(test_initiator_large),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_bit_flips),
        cmocka_unit_test(test_damage_in_a_large_transfer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
