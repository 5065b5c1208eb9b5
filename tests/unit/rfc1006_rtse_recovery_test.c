// SPDX-License-Identifier: BSD-2-Clause
// Interrupted transfers: resumed on the same association and on one that recovers it, in both modes, by either side;
// confirmations that were lost; every way in which a receiver cannot go on, and what the sender hears; what is kept,
// stored and read back.
#include "tests/unit/rfc1006_stack_util.h"

enum { TOTAL = 20000 };

static struct stack_params params(enum rtse_mode mode, uint32_t checkpoint, uint32_t window) {
    struct stack_params p;
    stack_params_default(&p);
    p.mode = mode;
    p.checkpoint = checkpoint;
    p.window = window;
    return p;
}

static struct pair *opened(const struct stack_params *d) {
    struct pair *p = pair_new(d, d);
    pair_open(p);
    assert_true(p->a.accepted);
    p->a.total = p->b.total = TOTAL;
    return p;
}

// Both lose the connection; what either had under way to the other is gone. What they keep goes into the recovery of
// the sides, stored and read back.
static void cut(struct pair *p) {
    struct side *both[] = {&p->a, &p->b};
    for (int i = 0; i < 2; i++) {
        struct buf stored = {0};
        struct rtse_recovery kept;
        buf_clear(stack_output(both[i]->s));
        stack_transport_closed(both[i]->s, p->now, "connection reset");
        assert_int_equal(both[i]->closed, 1);
        if (stack_recovery(both[i]->s, &kept) == ERR_OK) {
            assert_int_equal(rtse_recovery_put(&stored, &kept), 0);
            assert_int_equal(rtse_recovery_get(buf_bytes(&stored), &both[i]->recovery), 0);
        }
        buf_free(&stored);
        stack_free(both[i]->s);
        both[i]->s = NULL;
    }
}

static void again(struct pair *p, const struct stack_params *d) {
    p->a.s = stack_new_initiator(d, &side_user, &p->a);
    p->b.s = stack_new_responder(d, &side_user, &p->b);
    p->a.opens_cnf = p->a.closed = p->b.closed = p->a.aborts = p->b.aborts = 0;
    p->a.accepted = false;
    p->a.cnf_ok = p->a.cnf_bad = p->b.ends_ok = p->b.ends_bad = 0;
}

// A new association in place of the lost one; the receiver has what it kept.
static void recover(struct pair *p, const struct stack_params *d) {
    static struct rtse_recovery kept;
    kept = p->b.recovery;
    p->b.kept = &kept;
    again(p, d);
    p->b.recovers_ind = p->b.resumes_ind = 0;
    assert_int_equal(stack_rt_recover_req(p->a.s, p->now, &p->a.recovery.session), 0);
    pair_run(p);
    assert_int_equal(p->b.recovers_ind, 1);
}

// The sender goes on behind what was confirmed to it.
static int resume(struct pair *p) {
    p->a.sent = p->a.recovery.octets_confirmed;
    int err = stack_rt_resume_req(p->a.s, p->now, &p->a.recovery, TOTAL, 0);
    if (err == ERR_OK)
        pair_run(p);
    return err;
}

static void expect_whole(struct pair *p) {
    assert_int_equal(p->a.cnf_ok, 1);
    assert_int_equal(p->b.ends_ok, 1);
    assert_int_equal(p->b.received, TOTAL);
    assert_false(p->b.pattern_bad);
    assert_int_equal(p->a.aborts + p->b.aborts + p->a.cnf_bad + p->b.ends_bad, 0);
    struct rtse_recovery r;
    assert_int_equal(stack_recovery(p->a.s, &r), ERR_ABSENT);
    assert_int_equal(stack_recovery(p->b.s, &r), ERR_ABSENT);
}

static void test_interrupted_and_resumed(void **state) {
    (void)state;
    for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++) {
        struct stack_params d = params((enum rtse_mode)mode, 1, 3);
        struct pair *p = opened(&d);
        p->b.hold_checkpoints = true;
        pair_transfer(p, TOTAL);
        assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, 2), 0);
        pair_run(p);
        assert_int_equal(p->a.last_serial, 2);
        assert_int_equal(stack_transfer_interrupt(p->a.s, p->now), 0);
        pair_run(p);
        assert_int_equal(p->a.cnf_bad, 1);
        assert_true(p->a.resumable);
        assert_int_equal(p->b.ends_bad, 1);
        assert_true(p->b.resumable);
        assert_non_null(strstr(p->b.failure.text, "interrupted"));
        uint64_t before = 2 * 1024 - (mode == RTSE_NORMAL ? 12 : 0); // 28 82 xx xx 02 01 05 a0 83 xx xx: 11 or 12
        assert_true(p->a.recovery.octets_confirmed == before || p->a.recovery.octets_confirmed == before + 1);
        assert_int_equal(p->b.recovery.octets_confirmed, p->a.recovery.octets_confirmed);
        struct rtse_recovery kept = p->b.recovery;
        p->b.kept = &kept;
        p->b.hold_checkpoints = false;
        p->a.cnf_bad = p->b.ends_bad = p->b.checkpoints_ind = 0;
        assert_int_equal(resume(p), 0);
        assert_int_equal(p->b.resumes_ind, 1);
        assert_int_equal(p->b.begins, 1);
        assert_int_equal(p->b.asked.serial, 2);
        assert_int_equal(p->b.checkpoints_ind, (TOTAL + 12 - 1) / 1024 - 2);
        expect_whole(p);
        p->a.cnf_ok = p->b.ends_ok = 0;
        pair_transfer(p, TOTAL); // and after it, the next one
        assert_int_equal(p->b.begins, 2);
        expect_whole(p);
        pair_free(p);
    }
}

// Nothing was confirmed: there is nothing to go on from.
static void test_nothing_confirmed(void **state) {
    (void)state;
    struct stack_params d = params(RTSE_NORMAL, 1, 3);
    struct pair *p = opened(&d);
    p->b.hold_checkpoints = true;
    pair_transfer(p, TOTAL);
    assert_int_equal(stack_transfer_interrupt(p->a.s, p->now), 0);
    pair_run(p);
    assert_int_equal(p->a.cnf_bad, 1);
    assert_false(p->a.resumable);
    assert_false(p->b.resumable);
    assert_int_equal(p->a.recovery.serial, 0);
    assert_int_equal(resume(p), ERR_STATE);
    p->b.hold_checkpoints = false;
    p->a.cnf_bad = p->b.ends_bad = 0;
    pair_transfer(p, TOTAL); // from the start
    expect_whole(p);
    pair_free(p);
}

static void test_association_recovered(void **state) {
    (void)state;
    for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++)
        for (uint32_t known = 1; known <= 3; known++)
            for (uint32_t checkpoint = 0; checkpoint <= 3; checkpoint++) {
                struct stack_params d = params((enum rtse_mode)mode, 1, 3), other = d;
                other.checkpoint = checkpoint;
                struct pair *p = opened(&d);
                p->b.hold_checkpoints = true;
                pair_transfer(p, TOTAL);
                assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, known), 0);
                pair_run(p);
                assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, 3), 0); // this one is lost, when it is another
                cut(p);
                assert_int_equal(p->a.recovery.serial, known);
                assert_int_equal(p->b.recovery.serial, 3);
                recover(p, &other);
                assert_true(p->a.accepted);
                assert_int_equal(p->a.user_data.len, 0);
                p->b.hold_checkpoints = false;
                p->b.checkpoints_ind = 0;
                assert_int_equal(resume(p), 0);
                assert_int_equal(p->b.asked.serial, known);
                expect_whole(p);
                assert_int_equal(p->b.begins, 1);
                pair_free(p);
            }
}

// Cut again and again, after each confirmed point: it ends nevertheless, and each octet is handed up once.
static void test_cut_many_times(void **state) {
    (void)state;
    for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++)
        for (uint32_t lost = 0; lost < 3; lost++) {
            struct stack_params d = params((enum rtse_mode)mode, 1, 3);
            struct pair *p = opened(&d);
            unsigned cuts = 0;
            p->b.hold_checkpoints = true;
            pair_transfer(p, TOTAL);
            while (p->b.ends_ok == 0) {
                uint32_t last = p->b.last_serial;
                assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, last - lost), 0);
                pair_run(p);
                stack_checkpoint_rsp(p->b.s, p->now, p->b.last_serial); // its confirmation is lost
                if (p->b.ends_ok > 0)
                    break;
                cut(p);
                recover(p, &d);
                assert_true(p->a.accepted);
                assert_int_equal(resume(p), 0);
                assert_true(++cuts < 50);
            }
            assert_true(cuts >= 3);
            assert_int_equal(p->b.begins, 1);
            expect_whole(p);
            pair_free(p);
        }
}

static void test_completed_before(void **state) {
    (void)state;
    static const struct {
        enum rtse_mode mode;
        int protocol;
    } cases[] = {{RTSE_NORMAL, 0}, {RTSE_X410, RTSE_PROTOCOL_P1_1988}, {RTSE_X410, RTSE_PROTOCOL_P1_1984}};
    for (size_t i = 0; i < 3; i++) {
        struct stack_params d = params(cases[i].mode, 1, 3);
        d.protocol = cases[i].protocol;
        struct pair *p = opened(&d);
        p->b.hold_end = true;
        pair_transfer(p, TOTAL);
        assert_int_equal(p->b.ends_ok, 1);
        cut(p); // the responsibility is taken, the sender does not know
        p->b.was_completed = true;
        recover(p, &d);
        assert_int_equal(resume(p), 0);
        bool told = cases[i].protocol != RTSE_PROTOCOL_P1_1984; // which has no word for it
        assert_int_equal(p->a.cnf_ok, told);
        assert_int_equal(p->a.cnf_bad, !told);
        assert_int_equal(p->a.aborts, told);
        assert_int_equal(p->b.ends_ok, 0);
        if (told)
            assert_int_equal(p->a.failure.reason, RTSE_ABORT_TRANSFER_COMPLETED);
        assert_false(p->a.resumable && p->a.cnf_bad);
        pair_free(p);
    }
}

// What the sender gives up when its confirmation is under way already.
static void test_given_up_too_late(void **state) {
    (void)state;
    for (int discard = 0; discard < 2; discard++)
        for (int old = 0; old < 2; old++) {
            struct stack_params d = params(old ? RTSE_X410 : RTSE_NORMAL, 1, 3);
            d.protocol = RTSE_PROTOCOL_P1_1984;
            struct pair *p = opened(&d);
            p->b.hold_end = true;
            pair_transfer(p, TOTAL);
            struct rtse_recovery done = p->b.recovery;
            assert_int_equal(stack_transfer_rsp(p->b.s, p->now), 0);
            assert_int_equal(
                discard ? stack_transfer_discard(p->a.s, p->now) : stack_transfer_interrupt(p->a.s, p->now), 0);
            pair_run(p);
            bool told = discard && !old;
            assert_int_equal(p->a.cnf_ok, told); // by RTAB, which ends the association
            assert_int_equal(p->a.cnf_bad, !told);
            assert_int_equal(p->a.aborts, told);
            assert_int_equal(p->b.aborts, told);
            assert_int_equal(p->b.ends_ok, 1);
            assert_int_equal(p->b.ends_bad, 0);
            if (!discard) {
                assert_true(p->a.resumable);
                p->b.kept = &done;
                p->b.was_completed = true;
                p->a.cnf_bad = 0;
                assert_int_equal(resume(p), 0);
                assert_int_equal(p->a.cnf_ok, !old);
            }
            pair_free(p);
        }
}

// The receiver knows the association but not the activity, or not so much of it: an exception report, a discard, and
// the association serves for the transfer from the start.
static void test_cannot_resume(void **state) {
    (void)state;
    for (int how = 0; how < 5; how++) {
        struct stack_params d = params(RTSE_NORMAL, 1, 3);
        struct pair *p = opened(&d);
        p->b.hold_checkpoints = true;
        pair_transfer(p, TOTAL);
        assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, 2), 0);
        pair_run(p);
        cut(p);
        switch (how) {
        case 0: p->b.recovery.activity_id[2]++; break;   // another activity
        case 1: p->b.recovery.serial = 1; break;         // the sender is ahead
        case 2: p->b.recovery.mark.valid = false; break; // it cannot be gone on from there
        case 3: p->b.recovery.mode = RTSE_X410; break;
        default: p->b.recovery.serial = 2 + RTSE_POINTS; break; // so far ahead that it has forgotten point 2
        }
        recover(p, &d);
        assert_true(p->a.accepted);
        p->b.hold_checkpoints = false;
        assert_int_equal(resume(p), 0);
        assert_int_equal(p->b.resumes_ind, 1);
        assert_int_equal(p->a.cnf_bad, 1);
        assert_false(p->a.resumable);
        assert_int_equal(p->a.failure.reason, RTSE_EXCEPTION_UNRECOVERABLE_PROCEDURE_ERROR);
        assert_true(p->a.failure.by_peer);
        p->a.cnf_bad = 0;
        p->b.pattern_bad = false;
        pair_transfer(p, TOTAL);
        expect_whole(p);
        pair_free(p);
    }
}

static void test_cannot_recover(void **state) {
    (void)state;
    for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++) {
        struct stack_params d = params((enum rtse_mode)mode, 1, 3);
        struct pair *p = opened(&d);
        p->b.hold_checkpoints = true;
        pair_transfer(p, TOTAL);
        assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, 2), 0);
        pair_run(p);
        cut(p);
        p->b.recovery.session.user[3]++; // it kept another one
        recover(p, &d);
        assert_false(p->a.accepted);
        assert_int_equal(p->a.failure.layer, STACK_RTSE);
        assert_int_equal(p->a.failure.reason, RTSE_REFUSE_CANNOT_RECOVER);
        assert_int_equal(p->a.closed + p->b.closed, 2);
        assert_int_equal(resume(p), ERR_STATE);
        pair_free(p);
    }
}

// A receiver in trouble that is not for good: interrupted, to be resumed; and once only, when that does not help.
static void test_exception_and_resumption(void **state) {
    (void)state;
    struct stack_params d = params(RTSE_NORMAL, 1, 3);
    struct pair *p = opened(&d);
    p->b.hold_checkpoints = true;
    pair_transfer(p, TOTAL);
    assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, 3), 0);
    pair_run(p);
    struct rtse_recovery kept;
    assert_int_equal(stack_recovery(p->b.s, &kept), 0);
    assert_int_equal(stack_transfer_refuse(p->b.s, p->now, RTSE_EXCEPTION_NON_SPECIFIC), 0);
    pair_run(p);
    assert_int_equal(p->a.cnf_bad, 1);
    assert_true(p->a.resumable);
    p->b.kept = &kept;
    assert_int_equal(resume(p), 0);
    assert_int_equal(p->b.resumes_ind, 1);
    assert_int_equal(stack_transfer_refuse(p->b.s, p->now, RTSE_EXCEPTION_NON_SPECIFIC), 0);
    pair_run(p);
    assert_int_equal(p->a.cnf_bad, 2);
    assert_false(p->a.resumable);
    p->b.hold_checkpoints = false;
    p->a.cnf_bad = 0;
    pair_transfer(p, TOTAL);
    expect_whole(p);
    pair_free(p);
}

// What a receiver stores before it confirms a point is what it would keep afterwards.
static void test_stored_before_confirmed(void **state) {
    (void)state;
    struct stack_params d = params(RTSE_NORMAL, 1, 3);
    struct pair *p = opened(&d);
    struct rtse_recovery before, after;
    p->b.hold_checkpoints = true;
    assert_int_equal(stack_recovery(p->b.s, &before), ERR_ABSENT);
    pair_transfer(p, TOTAL);
    assert_int_equal(stack_recovery(p->b.s, &before), 0);
    assert_int_equal(before.serial, 0);
    assert_int_equal(stack_recovery_at(p->b.s, 4, &before), ERR_ABSENT);
    assert_int_equal(stack_recovery_at(p->b.s, 2, &before), 0);
    assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, 2), 0);
    assert_int_equal(stack_recovery(p->b.s, &after), 0);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(after.serial, 2);
    assert_true(after.mark.valid);
    pair_free(p);
}

static void test_stored_form(void **state) {
    (void)state;
    struct stack_params d = params(RTSE_NORMAL, 1, 3);
    struct pair *p = opened(&d);
    struct rtse_recovery kept, got;
    struct buf b = {0};
    p->b.hold_checkpoints = true;
    pair_transfer(p, TOTAL);
    assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, 3), 0);
    assert_int_equal(stack_recovery(p->b.s, &kept), 0);
    assert_int_equal(rtse_recovery_put(&b, &kept), 0);
    assert_int_equal(rtse_recovery_get(buf_bytes(&b), &got), 0);
    assert_memory_equal(&kept, &got, sizeof got);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(rtse_recovery_get(bytes_of(buf_bytes(&b).p, n), &got), ERR_SYNTAX);
    buf_append_u8(&b, 0);
    assert_int_equal(rtse_recovery_get(buf_bytes(&b), &got), ERR_SYNTAX);
    b.len--;
    buf_bytes(&b);
    b.mem[b.off] = 2; // another version
    assert_int_equal(rtse_recovery_get(buf_bytes(&b), &got), ERR_SYNTAX);
    b.mem[b.off] = 1;
    // Whatever becomes of the octets, what is read of them does no harm to one who resumes from it.
    for (size_t i = 1; i < b.len; i++)
        for (unsigned bit = 0; bit < 8; bit += 3) {
            b.mem[b.off + i] ^= (uint8_t)(1u << bit);
            if (rtse_recovery_get(buf_bytes(&b), &got) == ERR_OK) {
                struct pair *q = opened(&d);
                q->b.hold_checkpoints = true;
                pair_transfer(q, TOTAL);
                assert_int_equal(stack_checkpoint_rsp(q->b.s, q->now, 2), 0);
                pair_run(q);
                cut(q);
                got.session = q->b.recovery.session;
                memcpy(got.activity_id, q->b.recovery.activity_id, sizeof got.activity_id);
                got.n_activity_id = q->b.recovery.n_activity_id;
                q->b.recovery = got;
                recover(q, &d);
                resume(q);
                pair_free(q);
            }
            b.mem[b.off + i] ^= (uint8_t)(1u << bit);
        }
    buf_free(&b);
    pair_free(p);
}

static void test_same_session(void **state) {
    (void)state;
    struct rtse_session_id a = {.user = {0x14, 2, 'v', 'k'}, .n_user = 4, .common = {0x17, 1, '2'}, .n_common = 3},
                           b = a;
    assert_true(rtse_same_session(&a, &b));
    b.user[0] = 0x04; // OCTET STRING for T61String
    assert_true(rtse_same_session(&a, &b));
    b.user[3] = 'l';
    assert_false(rtse_same_session(&a, &b));
    b = a;
    b.n_common = 0;
    assert_false(rtse_same_session(&a, &b));
    b = a;
    b.n_additional = 1;
    assert_false(rtse_same_session(&a, &b));
}

// A transfer that makes no progress ends the association, and goes on after its recovery.
static void test_no_progress(void **state) {
    (void)state;
    struct stack_params d = params(RTSE_NORMAL, 1, 3);
    d.no_progress_ms = 30000;
    struct pair *p = opened(&d);
    p->b.hold_checkpoints = true;
    pair_transfer(p, TOTAL);
    p->now += 20000;
    assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, 2), 0);
    pair_run(p);
    p->now += 29999;
    stack_tick(p->a.s, p->now);
    assert_int_equal(p->a.aborts, 0);
    stack_tick(p->b.s, p->now + 1000000); // its own user is late: no fault of the sender
    assert_int_equal(p->b.aborts, 0);
    p->now += 1;
    assert_int_equal(stack_deadline(p->a.s), p->now);
    stack_tick(p->a.s, p->now);
    assert_int_equal(p->a.aborts, 1);
    assert_non_null(strstr(p->a.failure.text, "no progress for 30 s"));
    struct buf *out = stack_output(p->a.s);
    stack_input(p->b.s, p->now, buf_bytes(out));
    assert_int_equal(p->b.aborts, 1);
    assert_int_equal(p->b.failure.reason, RTSE_ABORT_TEMPORARY_PROBLEM);
    cut(p);
    recover(p, &d);
    p->b.hold_checkpoints = false;
    assert_int_equal(resume(p), 0);
    expect_whole(p);
    pair_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interrupted_and_resumed),
        cmocka_unit_test(test_nothing_confirmed),
        cmocka_unit_test(test_association_recovered),
        cmocka_unit_test(test_cut_many_times),
        cmocka_unit_test(test_completed_before),
        cmocka_unit_test(test_given_up_too_late),
        cmocka_unit_test(test_cannot_resume),
        cmocka_unit_test(test_cannot_recover),
        cmocka_unit_test(test_exception_and_resumption),
        cmocka_unit_test(test_stored_before_confirmed),
        cmocka_unit_test(test_stored_form),
        cmocka_unit_test(test_same_session),
        cmocka_unit_test(test_no_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
