// SPDX-License-Identifier: BSD-2-Clause
// RTSE's APDUs against the types that asn1c makes of the standard's module; its state table; and a responder fed with
// hand-made SPDUs: every legal way to write a transferred APDU, and what breaks the rules.
#include "tests/unit/rfc1006_stack_util.h"

#include "asn1/asn1c_util.h"
#include "asn1/gen/RTSE-apdus.h"
#include "rfc1006/rtse_codec.h"
#include "rfc1006/rtse_pm.h"
#include "tests/unit/rfc1006_fsm_util.h"
#include "tests/unit/rfc1006_lower_util.h"

// ---- APDUs ----

static void round_trip(const struct rtse_apdu *in, RTSE_apdus_PR present, const char *octets, size_t n) {
    struct buf b = {0}, again = {0};
    struct rtse_apdu out;
    void *v = NULL;
    assert_int_equal(rtse_apdu_encode(&b, in), 0);
    assert_int_equal(b.len, n);
    assert_memory_equal(buf_bytes(&b).p, octets, n);
    assert_int_equal(asn1_decode(&asn_DEF_RTSE_apdus, buf_bytes(&b), NULL, &v, NULL), 0);
    assert_int_equal(((RTSE_apdus_t *)v)->present, present);
    assert_int_equal(asn1_encode(&asn_DEF_RTSE_apdus, v, &again), 0);
    assert_int_equal(again.len, n);
    assert_memory_equal(buf_bytes(&again).p, octets, n);
    asn1_free(&asn_DEF_RTSE_apdus, v);
    assert_int_equal(rtse_apdu_decode(buf_bytes(&b), &out), 0);
    assert_int_equal(out.kind, in->kind);
    assert_int_equal(out.checkpoint, in->checkpoint);
    assert_int_equal(out.window, in->window);
    assert_int_equal(out.dialogue, in->dialogue);
    assert_int_equal(out.reason, in->reason);
    assert_true(bytes_equal(out.user_data, in->user_data));
    for (size_t i = 0; i < b.len; i++)
        assert_int_equal(rtse_apdu_decode(bytes_of(buf_bytes(&b).p, i), &out), ERR_SYNTAX);
    buf_free(&b);
    buf_free(&again);
}

static void test_apdus(void **state) {
    (void)state;
    struct bytes ud = bytes_of("\xb0\x00", 2), none = {NULL, 0};
    round_trip(
        &(struct rtse_apdu){
            .kind = RTSE_RTORQ, .checkpoint = 30, .window = 5, .dialogue = 1, .reason = -1, .user_data = ud},
        RTSE_apdus_PR_rtorq_apdu, "\xb0\x0f\x80\x01\x1e\x81\x01\x05\x82\x01\x01\xa3\x04\xa0\x02\xb0\x00", 17);
    round_trip(
        &(struct rtse_apdu){.kind = RTSE_RTORQ, .window = 3, .reason = -1, .user_data = ud}, // defaults are left out
        RTSE_apdus_PR_rtorq_apdu, "\xb0\x06\xa3\x04\xa0\x02\xb0\x00", 8);
    round_trip(&(struct rtse_apdu){.kind = RTSE_RTOAC, .checkpoint = 300, .window = 1, .reason = -1, .user_data = ud},
               RTSE_apdus_PR_rtoac_apdu, "\xb1\x0d\x80\x02\x01\x2c\x81\x01\x01\xa2\x04\xa0\x02\xb0\x00", 15);
    round_trip(&(struct rtse_apdu){.kind = RTSE_RTORJ, .window = 3, .reason = 2, .user_data = none},
               RTSE_apdus_PR_rtorj_apdu, "\xb2\x03\x80\x01\x02", 5);
    round_trip(&(struct rtse_apdu){.kind = RTSE_RTORJ, .window = 3, .reason = -1, .user_data = ud},
               RTSE_apdus_PR_rtorj_apdu, "\xb2\x04\xa1\x02\xb0\x00", 6);
    round_trip(&(struct rtse_apdu){.kind = RTSE_RTAB, .window = 3, .reason = 4, .user_data = none},
               RTSE_apdus_PR_rtab_apdu, "\xb6\x03\x80\x01\x04", 5);
    round_trip(&(struct rtse_apdu){.kind = RTSE_RTAB, .window = 3, .reason = 0, .user_data = none},
               RTSE_apdus_PR_rtab_apdu, "\xb6\x00", 2);
    struct rtse_apdu out;
    assert_int_equal(rtse_apdu_decode(bytes_of("\xb0\x06\xa3\x04\xa1\x02\x05\x00", 8), &out), 0);
    assert_true(out.recover);
    assert_int_equal(rtse_apdu_decode(bytes_of("\xb0\x03\x80\x01\x01", 5), &out), ERR_SYNTAX); // no connection data
    assert_int_equal(rtse_apdu_decode(bytes_of("\xb0\x09\x80\x01\xff\xa3\x04\xa0\x02\xb0\x00", 11), &out),
                     ERR_SYNTAX); // -1 K
    assert_int_equal(rtse_apdu_decode(bytes_of("\xb3\x00", 2), &out), ERR_SYNTAX);
    assert_int_equal(rtse_apdu_decode(bytes_of("\x02\x01\x05", 3), &out), ERR_SYNTAX);
}

static void test_texts(void **state) {
    (void)state;
    for (int i = -1; i < 300; i++) {
        assert_true(strlen(rtse_refuse_text(i)) >= 4);
        assert_true(strlen(rtse_abort_text(i)) >= 4);
    }
    assert_string_equal(rtse_refuse_text(2), "validation failure");
    assert_string_equal(rtse_abort_text(7), "transfer completed");
}

static void heard_abort(void *user, const struct stack_failure *f) {
    assert_int_equal(f->layer, STACK_RTSE);
    assert_non_null(strstr(f->text, "protocol error"));
    ++*(unsigned *)user;
}

static void test_states(void **state) {
    (void)state;
    static const struct rtse_user up = {.abort_ind = heard_abort};
    struct rtse_params rp = {.checkpoint = 1, .window = 1};
    struct lower l;
    struct acse a;
    struct rtse r;
    unsigned told = 0;
    lower_init(&l, &acse_presentation_user, &a, &rtse_presentation_user, &r);
    acse_init(&a, &l.p, &rtse_acse_user, &r);
    rtse_init(&r, &rp, true, &a, &l.p, &l.out, &up, &told);
    fsm_check_rows(&rtse_fsm);
    unsigned pairs = fsm_walk_unlisted(&r.fsm, fsm_event_named(&rtse_fsm, "A-ASSOCIATE indication"), 0, &told);
    assert_int_equal(pairs + rtse_fsm.n_rows, rtse_fsm.n_states * rtse_fsm.n_events);
    assert_true(told > 100);
    rtse_free(&r);
    lower_free(&l);
}

// ---- hand-made SPDUs ----

#define OCTETS(s)                                                                                                      \
    { (const uint8_t *)(s), sizeof(s) - 1 }
static const struct bytes activity_start = OCTETS("\x01\x00\x2d\x05\x29\x03\x02\x01\x01"),
                          activity_end = OCTETS("\x01\x00\x29\x03\x2a\x01\x31"),
                          data_prefix = OCTETS("\x01\x00\x01\x00");

static struct pair *opened(void) {
    struct stack_params d;
    stack_params_default(&d);
    struct pair *p = pair_new(&d, &d);
    p->b.checks_pattern = false;
    pair_open(p);
    assert_true(p->a.accepted);
    return p;
}

// One TSDU to a side, in pieces.
static void inject(struct side *d, struct bytes spdu, struct bytes more, size_t piece) {
    struct buf b = {0};
    size_t n = 7 + spdu.n + more.n;
    const uint8_t head[] = {3, 0, (uint8_t)(n >> 8), (uint8_t)n, 2, 0xf0, 0x80};
    buf_append(&b, head, sizeof head);
    buf_append(&b, spdu.p, spdu.n);
    buf_append(&b, more.p, more.n);
    struct bytes in = buf_bytes(&b);
    while (in.n > 0) {
        size_t k = in.n < piece ? in.n : piece;
        stack_input(d->s, *d->now, bytes_of(in.p, k));
        in = bytes_of(in.p + k, in.n - k);
    }
    buf_free(&b);
}

static const struct bytes nothing = {NULL, 0};

// The APDU is always 04 03 "abc".
static void test_ways_to_write_an_apdu(void **state) {
    (void)state;
    static const struct {
        struct bytes user_data[3];
        int context;
    } ways[] = {
        {{OCTETS("\x61\x15\x30\x13\x02\x01\x03\xa0\x0e\x04\x0c\x28\x0a\x02\x01\x05\xa0\x05\x04\x03"
                 "abc")},
         5},
        {{OCTETS("\x61\x80\x30\x80\x02\x01\x03\xa0\x80\x04\x10\x28\x80\x02\x01\x05\xa0\x80\x04\x03"
                 "abc\0\0\0\0\0\0\0\0\0\0")},
         5},
        {{OCTETS("\x61\x80\x30\x80\x02\x01\x03\xa0\x80\x24\x80\x04\x05\x28\x0a\x02\x01\x05\x04\x07\xa0\x05\x04\x03"
                 "abc\0\0\0\0\0\0\0\0")},
         5}, // RTTR in segments
        {{OCTETS("\x61\x15\x30\x13\x02\x01\x03\x81\x0e\x04\x0c\x28\x0a\x02\x01\x05\xa0\x05\x04\x03"
                 "abc")},
         5}, // octet-aligned
        {{OCTETS("\x61\x16\x30\x14\x02\x01\x03\x82\x0f\x00\x04\x0c\x28\x0a\x02\x01\x05\xa0\x05\x04\x03"
                 "abc")},
         5}, // arbitrary
        {{OCTETS("\x40\x0e\x04\x0c\x28\x0a\x02\x01\x05\xa0\x05\x04\x03"
                 "abc")},
         5}, // simply encoded
        {{OCTETS("\x61\x19\x30\x17\x02\x01\x03\xa0\x12\x04\x10\x28\x0e\x06\x02\x51\x01\x02\x01\x05\xa0\x05\x04\x03"
                 "abc")},
         5}, // direct reference
        {{OCTETS("\x61\x15\x30\x13\x02\x01\x03\xa0\x0e\x04\x0c\x28\x0a\x02\x01\x05\x81\x05\x04\x03"
                 "abc")},
         5}, // an octet-aligned EXTERNAL
        {{OCTETS("\x61\x12\x30\x10\x02\x01\x03\xa0\x0b\x04\x09\x28\x07\xa0\x05\x04\x03"
                 "abc")},
         -1}, // without context
        {{OCTETS("\x61\x0a\x30\x08\x02\x01\x03\xa0\x03\x04\x01\x28"),
          OCTETS("\x61\x0f\x30\x0d\x02\x01\x03\xa0\x08\x04\x06\x0a\x02\x01\x05\xa0\x05"),
          OCTETS("\x61\x0e\x30\x0c\x02\x01\x03\xa0\x07\x04\x05\x04\x03"
                 "abc")},
         5}, // three RTTRs
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        for (size_t piece = 1; piece < 60; piece += 4) {
            struct pair *p = opened();
            inject(&p->b, activity_start, nothing, piece);
            for (size_t k = 0; k < 3 && ways[i].user_data[k].p != NULL; k++)
                inject(&p->b, data_prefix, ways[i].user_data[k], piece);
            inject(&p->b, activity_end, nothing, piece);
            if (p->b.ends_ok != 1)
                fail_msg("way %zu cut at %zu: %s", i, piece, p->b.failure.text);
            assert_int_equal(p->b.begins, 1);
            assert_int_equal(p->b.context, ways[i].context);
            assert_int_equal(p->b.apdu_received.len, 5);
            assert_memory_equal(buf_bytes(&p->b.apdu_received).p,
                                "\x04\x03"
                                "abc",
                                5);
            pair_free(p);
        }
}

// The association is aborted, both sides hear why.
static void expect_abort(struct pair *p, const char *words) {
    assert_int_equal(p->b.aborts, 1);
    if (strstr(p->b.failure.text, words) == NULL)
        fail_msg("'%s' does not say '%s'", p->b.failure.text, words);
    pair_run(p);
    assert_int_equal(p->a.aborts, 1);
    assert_true(p->a.failure.by_peer);
    assert_int_equal(p->a.closed, 1);
    assert_int_equal(p->b.closed, 1);
    assert_int_equal(p->b.ends_ok, 0);
    pair_free(p);
}

static void test_bad_apdus(void **state) {
    (void)state;
    static const struct {
        struct bytes user_data;
        const char *words;
    } bad[] = {
        {OCTETS("\x61\x09\x30\x07\x02\x01\x03\xa0\x02\x05\x00"), "RTTR"}, // NULL
        {OCTETS("\x61\x0a\x30\x08\x02\x01\x03\xa0\x03\x04\x01\x30"),
         "middle of its"}, // see below: the header of a SEQUENCE
        {OCTETS("\x61\x0b\x30\x09\x02\x01\x03\xa0\x04\x04\x02\x30\x00"), "EXTERNAL"},
        {OCTETS("\x61\x0a\x30\x08\x02\x01\x05\xa0\x03\x04\x01\x28"), "context"},        // the user's context
        {OCTETS("\x61\x0a\x30\x08\x02\x01\x07\xa0\x03\x04\x01\x28"), "cannot be read"}, // one that is not defined
        {OCTETS("\x61\x15\x30\x13\x02\x01\x03\xa0\x0e\x04\x0c\x28\x0a\x02\x01\x07\xa0\x05\x04\x03"
                "abc"),
         "EXTERNAL"},
        {OCTETS("\x61\x16\x30\x14\x02\x01\x03\xa0\x0f\x04\x0d\x28\x0a\x02\x01\x05\xa0\x05\x04\x03"
                "abcd"),
         "EXTERNAL"}, // more behind it
        {OCTETS("\x61\x14\x30\x12\x02\x01\x03\xa0\x0d\x04\x0b\x28\x0a\x02\x01\x05\xa0\x05\x04\x03"
                "ab"),
         "middle of its"},
        {OCTETS("\x61\x30\x30"), "cannot be read"},
        {OCTETS("\x00"), "cannot be read"},
        {OCTETS("\x40\x03\x04\x05\x28"), "RTTR is cut"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pair *p = opened();
        inject(&p->b, activity_start, nothing, 1000);
        inject(&p->b, data_prefix, bad[i].user_data, 3);
        if (p->b.aborts == 0)
            inject(&p->b, activity_end, nothing, 1000);
        expect_abort(p, bad[i].words);
    }
}

static void test_out_of_turn(void **state) {
    (void)state;
    static const struct {
        struct bytes spdu;
        const char *words;
    } wrong[] = {
        {OCTETS("\x01\x00\x01\x00\x61\x0a\x30\x08\x02\x01\x03\xa0\x03\x04\x01\x28"), ""}, // data outside of an activity
        {OCTETS("\x01\x00\x31\x03\x2a\x01\x31"), ""},
        {OCTETS("\x01\x00\x29\x03\x2a\x01\x31"), ""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct pair *p = opened();
        inject(&p->b, wrong[i].spdu, nothing, 1000);
        expect_abort(p, wrong[i].words);
    }
    struct pair *p = opened(); // control, which a monologue keeps
    inject(&p->b, (struct bytes)OCTETS("\x15\x00"), nothing, 1000);
    assert_int_equal(p->b.aborts, 1);
    assert_non_null(strstr(p->b.failure.text, "P-CONTROL-GIVE"));
    pair_free(p);
}

// A sender that ignores the window: some do by one; one that ignores it altogether is stopped.
static void test_window_ignored(void **state) {
    (void)state;
    struct pair *p = opened();
    const unsigned tolerated = 2 * 5 + 2;
    p->b.hold_checkpoints = true;
    inject(&p->b, activity_start, nothing, 1000);
    inject(&p->b, data_prefix, (struct bytes)OCTETS("\x61\x0a\x30\x08\x02\x01\x03\xa0\x03\x04\x01\x28"), 1000);
    for (unsigned serial = 1; serial <= tolerated + 1; serial++) {
        uint8_t sync[16];
        char digits[8];
        size_t n = (size_t)snprintf(digits, sizeof digits, "%u", serial);
        memcpy(sync, "\x01\x00\x31", 3);
        sync[3] = (uint8_t)(n + 2);
        sync[4] = 0x2a;
        sync[5] = (uint8_t)n;
        memcpy(sync + 6, digits, n);
        assert_int_equal(p->b.aborts, 0);
        inject(&p->b, bytes_of(sync, 6 + n), nothing, 1000);
    }
    assert_int_equal(p->b.checkpoints_ind, tolerated);
    expect_abort(p, "synchronization points open, the window is 5");
}

// An old activity to be resumed: the exception report, and the association goes on after the discard.
static void test_resume_is_refused(void **state) {
    (void)state;
    struct pair *p = opened();
    // ACTIVITY RESUME: the linking information (old activity identifier, serial number), the new identifier
    inject(&p->b,
           (struct bytes)OCTETS(
               "\x01\x00\x1d\x15\x21\x0e\x0a\x03\x14\x01\x61\x29\x03\x02\x01\x01\x2a\x02\x31\x32\x29\x03\x02\x01\x02"),
           nothing, 1000);
    assert_int_equal(p->b.aborts, 0);
    struct bytes out = buf_bytes(stack_output(p->b.s));
    assert_true(out.n >= 7 + 2);
    assert_non_null(memmem(out.p, out.n, "\x30", 1)); // EXCEPTION DATA
    buf_consume(stack_output(p->b.s), out.n);
    inject(&p->b, (struct bytes)OCTETS("\x01\x00\x39\x03\x32\x01\x05"), nothing, 1000); // ACTIVITY DISCARD
    assert_int_equal(p->b.aborts, 0);
    assert_int_equal(p->b.begins + p->b.ends_bad, 0);
    inject(&p->b, activity_start, nothing, 1000);
    assert_int_equal(p->b.aborts, 0);
    pair_free(p);
}

// ---- RT-OPEN, by an initiator of other ways ----

// The responder gets what our initiator sends, with some octets replaced by as many others.
static void opened_with(const void *from, const void *to, size_t n, struct pair **out) {
    struct stack_params d;
    stack_params_default(&d);
    d.checkpoint = 1;
    d.window = 3;
    struct pair *p = pair_new(&d, &d);
    assert_int_equal(stack_rt_open_req(p->a.s, p->now, bytes_of(bind_argument, sizeof bind_argument)), 0);
    assert_true(pair_move(p, &p->a, &p->b));
    assert_true(pair_move(p, &p->b, &p->a));
    struct buf *b = stack_output(p->a.s);
    uint8_t *at = memmem(b->mem + b->off, b->len, from, n);
    assert_non_null(at);
    memcpy(at, to, n);
    pair_run(p);
    *out = p;
}

static void test_recover_and_two_way(void **state) {
    (void)state;
    struct pair *p;
    opened_with("\x80\x01\x01\xa3", "\x82\x01\x01\xa3", 4, &p); // dialogueMode twa in place of checkpointSize 1
    assert_int_equal(p->b.opens_ind, 0);
    assert_int_equal(p->b.aborts, 1);
    assert_non_null(strstr(p->b.failure.text, "two-way alternate"));
    assert_false(p->a.accepted);
    assert_int_equal(p->a.failure.layer, STACK_RTSE);
    assert_int_equal(p->a.failure.reason, RTSE_REFUSE_DIALOGUE_MODE);
    assert_true(strlen(p->a.failure.cause) > 0);
    pair_free(p);
    opened_with("\xa3\x06\xa0\x04\xb0\x02\x05\x00", "\xa3\x06\xa1\x04\x14\x00\x17\x00", 8, &p); // recover
    assert_int_equal(p->b.recovers_ind, 1);
    assert_false(p->a.accepted);
    assert_int_equal(p->a.failure.reason, RTSE_REFUSE_CANNOT_RECOVER);
    assert_int_equal(p->a.failure.layer, STACK_RTSE);
    pair_free(p);
    opened_with("\xa3\x06\xa0\x04\xb0\x02\x05\x00", "\xa5\x06\xa0\x04\xb0\x02\x05\x00", 8, &p); // no connection data
    assert_int_equal(p->b.aborts, 1);
    assert_non_null(strstr(p->b.failure.text, "RTORQ"));
    assert_false(p->a.accepted);
    assert_int_equal(p->a.failure.reason, RTSE_ABORT_PROTOCOL_ERROR);
    pair_free(p);
}

static void test_defaults_agreed(void **state) {
    (void)state;
    static const struct {
        uint32_t a_checkpoint, b_checkpoint, a_window, b_window, checkpoint, window;
    } cases[] = {
        {30, 10, 5, 3, 10, 3},
        {10, 30, 3, 5, 10, 3},
        {0, 30, 5, 5, 0, 5},
        {30, 0, 5, 5, 0, 5},
        {1, 1, 0, 5, 1, 1},
        {1, 1, 5, 0, 1, 1},
        {1, 1, 999, 999, 1, RTSE_WINDOW_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stack_params a, b;
        stack_params_default(&a);
        b = a;
        a.checkpoint = cases[i].a_checkpoint;
        b.checkpoint = cases[i].b_checkpoint;
        a.window = cases[i].a_window;
        b.window = cases[i].b_window;
        struct pair *p = pair_new(&a, &b);
        pair_open(p);
        for (int side = 0; side < 2; side++) {
            const struct stack_negotiated *n = stack_negotiated(side ? p->b.s : p->a.s);
            assert_int_equal(n->rtse.checkpoint, cases[i].checkpoint);
            assert_int_equal(n->rtse.window, cases[i].window);
        }
        pair_free(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apdus),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_ways_to_write_an_apdu),
        cmocka_unit_test(test_bad_apdus),
        cmocka_unit_test(test_out_of_turn),
        cmocka_unit_test(test_window_ignored),
        cmocka_unit_test(test_resume_is_refused),
        cmocka_unit_test(test_recover_and_two_way),
        cmocka_unit_test(test_defaults_agreed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
