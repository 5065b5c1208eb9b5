// SPDX-License-Identifier: BSD-2-Clause
// The two dialogues: who may send and who may release, the turn asked for and given, in both modes; the dialogue that a
// side does not want is refused.
#include "tests/unit/rfc1006_stack_util.h"

static struct stack_params two_way(enum rtse_mode mode) {
    struct stack_params p;
    stack_params_default(&p);
    p.mode = mode;
    p.dialogue = RTSE_TWO_WAY_ALTERNATE;
    p.refuse_two_way_alternate = false;
    p.checkpoint = 1;
    return p;
}

static struct pair *opened(const struct stack_params *d) {
    struct pair *p = pair_new(d, d);
    p->piece_max = 50;
    p->a.checks_pattern = true;
    pair_open(p);
    assert_true(p->a.accepted);
    return p;
}

// A transfer by either side.
static void send(struct pair *p, struct side *from, uint64_t total) {
    struct side *to = from == &p->a ? &p->b : &p->a;
    from->total = to->total = total;
    from->sent = 0;
    from->cnf_ok = to->ends_ok = 0;
    assert_int_equal(stack_rt_transfer_req(from->s, p->now, total, 0), 0);
    pair_run(p);
    assert_int_equal(from->cnf_ok, 1);
    assert_int_equal(to->ends_ok, 1);
    assert_int_equal(to->received, total);
    assert_false(to->pattern_bad);
}

static void test_turn_by_turn(void **state) {
    (void)state;
    for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++) {
        struct stack_params d = two_way((enum rtse_mode)mode);
        struct pair *p = opened(&d);
        assert_int_equal(stack_negotiated(p->a.s)->rtse.dialogue, RTSE_TWO_WAY_ALTERNATE);
        assert_int_equal(stack_negotiated(p->b.s)->rtse.dialogue, RTSE_TWO_WAY_ALTERNATE);
        assert_true(stack_turn(p->a.s));
        assert_false(stack_turn(p->b.s));
        for (int round = 0; round < 3; round++) {
            struct side *has = round % 2 ? &p->b : &p->a, *wants = round % 2 ? &p->a : &p->b;
            uint32_t priority = round == 1 ? 70000 : (uint32_t)round;
            assert_int_equal(stack_rt_transfer_req(wants->s, p->now, 100, 0), ERR_STATE);
            assert_int_equal(stack_turn_give(wants->s, p->now), ERR_STATE);
            assert_int_equal(stack_turn_please(has->s, p->now, 1), ERR_STATE);
            send(p, has, 5000);
            unsigned before = has->turns_wanted;
            assert_int_equal(stack_turn_please(wants->s, p->now, priority), 0);
            pair_run(p);
            assert_int_equal(has->turns_wanted, before + 1);
            assert_int_equal(has->priority, priority);
            before = wants->turns;
            assert_int_equal(stack_turn_give(has->s, p->now), 0);
            assert_false(stack_turn(has->s));
            assert_int_equal(stack_rt_transfer_req(has->s, p->now, 100, 0), ERR_STATE);
            pair_run(p);
            assert_int_equal(wants->turns, before + 1);
            assert_true(stack_turn(wants->s));
            send(p, wants, 3000);
        }
        // The responder has it now: the association's initiator, who alone releases, must get it back.
        assert_true(stack_turn(p->b.s));
        assert_int_equal(stack_rt_close_req(p->a.s, p->now), ERR_STATE);
        assert_int_equal(stack_rt_close_req(p->b.s, p->now), ERR_STATE);
        assert_int_equal(stack_turn_please(p->a.s, p->now, 0), 0);
        pair_run(p);
        assert_int_equal(p->b.priority, 0);
        assert_int_equal(stack_turn_give(p->b.s, p->now), 0);
        pair_run(p);
        assert_int_equal(stack_rt_close_req(p->a.s, p->now), 0);
        pair_run(p);
        assert_int_equal(p->a.closes_cnf, 1);
        assert_int_equal(p->a.aborts + p->b.aborts, 0);
        pair_free(p);
    }
}

// Asking during a transfer, at each of its steps; the turn is not given before the transfer's end.
static void test_asked_during_a_transfer(void **state) {
    (void)state;
    for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++)
        for (int held = 0; held < 3; held++) {
            struct stack_params d = two_way((enum rtse_mode)mode);
            struct pair *p = opened(&d);
            p->b.hold_checkpoints = held == 0;
            p->b.hold_end = held == 1;
            pair_transfer(p, held == 2 ? 0 : 9000);
            assert_int_equal(stack_turn_please(p->b.s, p->now, 3), 0);
            pair_run(p);
            assert_int_equal(p->a.turns_wanted, 1);
            assert_int_equal(p->a.priority, 3);
            assert_int_equal(stack_turn_give(p->a.s, p->now), held == 2 ? 0 : ERR_STATE);
            p->b.hold_checkpoints = p->b.hold_end = false;
            if (held == 0)
                assert_int_equal(stack_checkpoint_rsp(p->b.s, p->now, p->b.last_serial), 0);
            else if (held == 1)
                assert_int_equal(stack_transfer_rsp(p->b.s, p->now), 0);
            pair_run(p);
            assert_int_equal(p->a.cnf_ok, 1);
            if (held != 2)
                assert_int_equal(stack_turn_give(p->a.s, p->now), 0);
            pair_run(p);
            send(p, &p->b, 4000);
            assert_int_equal(p->a.aborts + p->b.aborts, 0);
            pair_free(p);
        }
}

// The question and the turn cross each other.
static void test_asked_and_given_at_once(void **state) {
    (void)state;
    struct stack_params d = two_way(RTSE_NORMAL);
    struct pair *p = opened(&d);
    assert_int_equal(stack_turn_give(p->a.s, p->now), 0);
    assert_int_equal(stack_turn_please(p->b.s, p->now, 1), 0);
    pair_run(p);
    assert_int_equal(p->a.turns_wanted, 0); // it has been given already
    assert_int_equal(p->b.turns, 1);
    send(p, &p->b, 2000);
    assert_int_equal(stack_turn_give(p->b.s, p->now), 0);
    pair_run(p);
    assert_int_equal(stack_turn_please(p->b.s, p->now, 1), 0); // and while it releases
    assert_int_equal(stack_rt_close_req(p->a.s, p->now), 0);
    pair_run(p);
    assert_int_equal(p->a.closes_cnf, 1);
    assert_int_equal(p->a.aborts + p->b.aborts, 0);
    pair_free(p);
}

static void test_initial_turn(void **state) {
    (void)state;
    for (int dialogue = RTSE_MONOLOGUE; dialogue <= RTSE_TWO_WAY_ALTERNATE; dialogue++)
        for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++) {
            struct stack_params d = two_way((enum rtse_mode)mode);
            d.dialogue = (enum rtse_dialogue)dialogue;
            d.initial_turn_responder = true;
            struct pair *p = opened(&d);
            assert_true(p->b.turn);
            assert_false(stack_turn(p->a.s));
            assert_int_equal(stack_rt_transfer_req(p->a.s, p->now, 100, 0), ERR_STATE);
            send(p, &p->b, 6000);
            if (dialogue == RTSE_MONOLOGUE) { // who never has the turn cannot release
                assert_int_equal(stack_turn_give(p->b.s, p->now), ERR_STATE);
                assert_int_equal(stack_turn_please(p->a.s, p->now, 0), ERR_STATE);
                assert_int_equal(stack_rt_close_req(p->b.s, p->now), 0);
                pair_run(p);
                assert_int_equal(p->a.closes_ind, 1);
                assert_int_equal(p->b.closes_cnf, 1);
            }
            assert_int_equal(p->a.aborts + p->b.aborts, 0);
            pair_free(p);
        }
}

static void test_refused_dialogues(void **state) {
    (void)state;
    for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++)
        for (int dialogue = RTSE_MONOLOGUE; dialogue <= RTSE_TWO_WAY_ALTERNATE; dialogue++) {
            struct stack_params a = two_way((enum rtse_mode)mode), b = a;
            a.dialogue = (enum rtse_dialogue)dialogue;
            b.refuse_monologue = dialogue == RTSE_MONOLOGUE;
            b.refuse_two_way_alternate = dialogue == RTSE_TWO_WAY_ALTERNATE;
            struct pair *p = pair_new(&a, &b);
            pair_open(p);
            assert_false(p->a.accepted);
            assert_int_equal(p->b.opens_ind, 0);
            assert_int_equal(p->a.failure.layer, STACK_RTSE);
            assert_int_equal(p->a.failure.reason, RTSE_REFUSE_DIALOGUE_MODE);
            assert_int_equal(p->b.aborts, 1);
            assert_non_null(strstr(p->b.failure.text, dialogue == RTSE_MONOLOGUE ? "monologue" : "two-way"));
            pair_free(p);
        }
}

// A monologue has neither questions nor gifts.
static void test_monologue(void **state) {
    (void)state;
    struct stack_params d;
    stack_params_default(&d);
    struct pair *p = opened(&d);
    assert_int_equal(stack_turn_please(p->b.s, p->now, 1), ERR_STATE);
    assert_int_equal(stack_turn_give(p->a.s, p->now), ERR_STATE);
    assert_int_equal(stack_rt_transfer_req(p->b.s, p->now, 12, 0), ERR_STATE);
    send(p, &p->a, 5000);
    // PLEASE TOKENS for the data token, from a peer that does not know that
    const uint8_t please[] = {3, 0, 0, 12, 2, 0xf0, 0x80, 2, 3, 16, 1, 1};
    stack_input(p->a.s, p->now, bytes_of(please, sizeof please));
    assert_int_equal(p->a.aborts, 1);
    assert_non_null(strstr(p->a.failure.text, "P-TOKEN-PLEASE"));
    pair_free(p);
}

// The receiver refuses a transfer and asks for the turn before the sender has given up: session does not take the
// question then, and it is asked when the activity is over.
static void test_asked_after_a_refusal(void **state) {
    (void)state;
    for (int mode = RTSE_NORMAL; mode <= RTSE_X410; mode++) {
        struct stack_params d = two_way((enum rtse_mode)mode);
        struct pair *p = opened(&d);
        p->b.hold_checkpoints = true;
        pair_transfer(p, 20000);
        assert_int_equal(stack_transfer_refuse(p->b.s, p->now, RTSE_EXCEPTION_NON_SPECIFIC), 0);
        assert_int_equal(stack_turn_please(p->b.s, p->now, 3), 0);
        pair_run(p);
        assert_int_equal(p->a.cnf_bad, 1);
        assert_int_equal(p->a.turns_wanted, 1);
        assert_int_equal(p->a.priority, 3);
        assert_int_equal(stack_turn_give(p->a.s, p->now), 0);
        pair_run(p);
        assert_true(stack_turn(p->b.s));
        assert_int_equal(p->a.aborts + p->b.aborts, 0);
        pair_free(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turn_by_turn),
        cmocka_unit_test(test_asked_during_a_transfer),
        cmocka_unit_test(test_asked_and_given_at_once),
        cmocka_unit_test(test_asked_after_a_refusal),
        cmocka_unit_test(test_initial_turn),
        cmocka_unit_test(test_refused_dialogues),
        cmocka_unit_test(test_monologue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
