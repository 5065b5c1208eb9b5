// SPDX-License-Identifier: BSD-2-Clause
// How an old open stack, which recovers nothing, refuses to: RTORJ cannot-recover to an association that is to be
// recovered, an exception report to an ACTIVITY RESUME. Its answers as octets, with indefinite lengths; both modes. Our
// sender takes each as: begin anew.
#include "tests/unit/rfc1006_stack_util.h"

#define OCTETS(s) bytes_of((const uint8_t *)(s), sizeof(s) - 1)

static struct stack_params params(enum rtse_mode mode) {
    struct stack_params p;
    stack_params_default(&p);
    p.mode = mode;
    p.protocol = mode == RTSE_X410 ? RTSE_PROTOCOL_P1_1988 : 0;
    p.checkpoint = 1;
    p.tp_reference = 0x6543;
    return p;
}

static void inject(struct side *d, struct bytes tsdu) {
    struct buf b = {0};
    size_t n = 7 + tsdu.n;
    const uint8_t head[] = {3, 0, (uint8_t)(n >> 8), (uint8_t)n, 2, 0xf0, 0x80};
    buf_append(&b, head, sizeof head);
    buf_append(&b, tsdu.p, tsdu.n);
    stack_input(d->s, *d->now, buf_bytes(&b));
    buf_free(&b);
}

// What waits begins with this TSDU; it is taken away.
static void expect_sent(struct side *d, struct bytes begin) {
    struct bytes out = buf_bytes(stack_output(d->s));
    assert_true(out.n >= 7 + begin.n);
    assert_memory_equal(out.p + 7, begin.p, begin.n);
    buf_clear(stack_output(d->s));
    stack_output_drained(d->s, *d->now);
}

static void test_recovery_is_refused(void **state) {
    (void)state;
    static const char normal[] =
        "\x0c\x64\x11\x01\x01\x32\x5f\x02"                                                         // REFUSE, with data:
        "\x30\x80\xa5\x1b\x30\x07\x80\x01\x00\x81\x02\x51\x01\x30\x07\x80\x01\x00\x81\x02\x51\x01" // CPR
        "\x30\x07\x80\x01\x00\x81\x02\x51\x01\x61\x80\x30\x80\x02\x01\x01\xa0\x80"                 //
        "\x61\x80\xa1\x06\x06\x04\x56\x00\x01\x06\xa2\x03\x02\x01\x01\xa3\x05\xa1\x03\x02\x01\x01\xbe\x80" // AARE
        "\x28\x80\x02\x01\x03\xa0\x80\xb2\x80\x80\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"         // RTORJ
        "\x00\x00\x00\x00\x00\x00\x00\x00";
    for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++) {
        struct stack_params p = params((enum rtse_mode)mode);
        uint64_t now = 1000;
        struct side d = {.now = &now};
        const struct rtse_session_id lost = {
            .user = {0x14, 1, 'x'}, .n_user = 3, .common = {0x17, 1, 'y'}, .n_common = 3};
        d.s = stack_new_initiator(&p, &side_user, &d);
        assert_int_equal(stack_rt_recover_req(d.s, now, &lost), 0);
        buf_clear(stack_output(d.s));
        stack_input(d.s, now, OCTETS("\x03\x00\x00\x0e\x09\xd0\x65\x43\x65\x4b\x00\xc0\x01\x0b"));
        expect_sent(&d, OCTETS("\x0d")); // CONNECT
        if (mode == RTSE_X410)
            inject(&d, OCTETS("\x0c\x0b\x11\x01\x01\x32\x06\x02\x31\x03\x80\x01\x01"));
        else
            inject(&d, bytes_of((const uint8_t *)normal, sizeof normal - 1));
        assert_int_equal(d.opens_cnf, 1);
        assert_false(d.accepted);
        assert_int_equal(d.failure.layer, STACK_RTSE);
        assert_int_equal(d.failure.reason, RTSE_REFUSE_CANNOT_RECOVER);
        assert_true(d.failure.by_peer);
        assert_non_null(strstr(d.failure.text, "cannot recover"));
        stack_transport_closed(d.s, now, NULL);
        assert_int_equal(d.closed, 1);
        assert_int_equal(d.aborts, 0);
        side_free(&d);
    }
}

static void test_resumption_is_refused(void **state) {
    (void)state;
    for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++) {
        struct stack_params p = params((enum rtse_mode)mode);
        struct pair *pair = pair_new(&p, &p);
        struct rtse_recovery old = {.activity_id = {2, 1, 9},
                                    .n_activity_id = 3,
                                    .mode = (enum rtse_mode)mode,
                                    .serial = 1,
                                    .octets_confirmed = 1000,
                                    .stream = 1024};
        old.session =
            (struct rtse_session_id){.user = {0x14, 1, 'x'}, .n_user = 3, .common = {0x17, 1, 'y'}, .n_common = 3};
        pair_open(pair);
        pair->a.total = 20000;
        assert_int_equal(stack_rt_resume_req(pair->a.s, pair->now, &old, 20000, 0), 0);
        expect_sent(&pair->a, OCTETS("\x01\x00\x1d")); // ACTIVITY RESUME
        buf_clear(stack_output(pair->a.s));
        inject(&pair->a, OCTETS("\x02\x00\x30\x03\x32\x01\x06")); // EXCEPTION DATA, unrecoverable procedural error
        expect_sent(&pair->a, OCTETS("\x01\x00\x39"));            // ACTIVITY DISCARD
        assert_int_equal(pair->a.cnf_bad, 0);
        inject(&pair->a, OCTETS("\x02\x00\x3a\x00")); // its acknowledgement
        assert_int_equal(pair->a.cnf_bad, 1);
        assert_false(pair->a.resumable);
        assert_true(pair->a.failure.by_peer);
        assert_int_equal(pair->a.failure.reason, RTSE_EXCEPTION_UNRECOVERABLE_PROCEDURE_ERROR);
        pair->a.sent = 0;
        assert_int_equal(stack_rt_transfer_req(pair->a.s, pair->now, 20000, 0), 0);
        expect_sent(&pair->a, OCTETS("\x01\x00\x2d")); // ACTIVITY START, on the same association
        assert_int_equal(pair->a.aborts, 0);
        pair_free(pair);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recovery_is_refused),
                                       cmocka_unit_test(test_resumption_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
