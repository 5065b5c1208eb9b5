// SPDX-License-Identifier: BSD-2-Clause
// The stack in trouble: each allocation of a whole association failing in turn, and owners that do anything at any
// time, also from within callbacks. Nothing may crash, leak or hang, and the owner always hears the end.
#include "base/mem.h"
#include "rfc1006/stack_private.h"
#include "tests/unit/rfc1006_stack_util.h"

static struct stack_params small(void) {
    struct stack_params p;
    stack_params_default(&p);
    p.checkpoint = 1;
    p.window = 2;
    return p;
}

// ---- memory ----

// An association with a transfer, whose nth allocation fails. True when there were fewer.
static bool associate_without_memory(unsigned long n) {
    struct stack_params d = small();
    struct pair *p = pair_new(&d, &d);
    p->b.checks_pattern = true;
    p->a.total = p->b.total = 9000;
    p->a.no_memory = p->b.no_memory = true;
    mem_fail_at(n);
    int err = stack_rt_open_req(p->a.s, p->now, bytes_of(bind_argument, sizeof bind_argument));
    pair_run(p);
    if (err == 0 && p->a.accepted)
        err = stack_rt_transfer_req(p->a.s, p->now, 9000, 0);
    pair_run(p);
    if (err == 0 && p->a.cnf_ok == 1)
        stack_rt_close_req(p->a.s, p->now);
    pair_run(p);
    mem_fail_at(0);
    bool whole = p->a.closes_cnf == 1;
    if (whole) {
        assert_int_equal(p->b.received, 9000);
        assert_false(p->b.pattern_bad);
    } else if (err == 0 && p->a.opens_cnf == 1 && p->a.accepted) {
        assert_true(p->a.aborts == 1 || p->b.aborts == 1 || p->a.cnf_bad == 1 || p->a.cnf_ok == 1);
    }
    stack_transport_closed(p->a.s, p->now, NULL); // whatever it was, this ends it
    stack_transport_closed(p->b.s, p->now, NULL);
    assert_int_equal(p->b.closed, 1);
    assert_int_equal(p->a.closed, err == ERR_NOMEM && p->a.opens_cnf == 0 ? p->a.closed : 1);
    pair_free(p);
    return whole;
}

static void test_each_allocation_fails(void **state) {
    (void)state;
    unsigned whole = 0, broken = 0;
    for (unsigned long n = 1; n < 400 && whole < 60; n++)
        *(associate_without_memory(n) ? &whole : &broken) += 1;
    assert_true(broken > 10); // the failures were felt
    assert_true(whole >= 60); // and the last runs had none
}

static void test_new_without_memory(void **state) {
    (void)state;
    struct stack_params d = small();
    d.called.tsel = bytes_str("T");
    unsigned failed = 0;
    for (unsigned long n = 1; n < 10; n++) {
        mem_fail_at(n);
        struct stack *s = stack_new_initiator(&d, &side_user, NULL);
        failed += s == NULL;
        stack_free(s);
        mem_fail_at(0);
    }
    assert_true(failed >= 2 && failed < 9);
}

// ---- owners that do anything ----

struct monkey {
    struct side side; // what side_user records; first, so that its callbacks serve
    unsigned *seed, mischief;
    uint64_t *now;
    bool dead;
    struct rtse_recovery kept;
};

static void transfer(struct monkey *m) {
    uint64_t total = 12 + (uint64_t)rand_r(m->seed) % 9000, before = m->side.total, sent = m->side.sent;
    m->side.total = total;
    m->side.sent = 0;
    if (stack_rt_transfer_req(m->side.s, *m->now, total, 0) < 0) {
        m->side.total = before;
        m->side.sent = sent;
    }
}

// Sometimes it does not answer now; perhaps later.
static bool absent(struct monkey *m) {
    return (unsigned)rand_r(m->seed) % 500 < m->mischief;
}

static void resume(struct monkey *m) {
    uint64_t sent = m->side.sent;
    stack_recovery(m->side.s, &m->kept);
    m->side.sent = m->kept.octets_confirmed;
    if (stack_rt_resume_req(m->side.s, *m->now, &m->kept, m->side.total, 0) < 0)
        m->side.sent = sent;
}

static void act(struct monkey *m) {
    struct stack *s = m->side.s;
    uint8_t octets[300] = {0};
    if ((unsigned)rand_r(m->seed) % 1000 >= m->mischief)
        return;
    switch (rand_r(m->seed) % 22) {
    case 0: stack_u_abort(s, *m->now); break;
    case 1: stack_p_abort(s, *m->now, RTSE_ABORT_TEMPORARY_PROBLEM); break;
    case 2: stack_rt_close_req(s, *m->now); break;
    case 3: stack_rt_close_rsp(s, *m->now); break;
    case 4: stack_transfer_discard(s, *m->now); break;
    case 5: stack_transfer_refuse(s, *m->now, RTSE_EXCEPTION_NON_SPECIFIC); break;
    case 6: stack_transfer_rsp(s, *m->now); break;
    case 7: stack_checkpoint_rsp(s, *m->now, (uint32_t)rand_r(m->seed) % 5); break;
    case 8: transfer(m); break;
    case 9: stack_transfer_data(s, *m->now, bytes_of(octets, (size_t)rand_r(m->seed) % sizeof octets)); break;
    case 10: stack_rt_open_rsp(s, *m->now, bytes_of(bind_result, sizeof bind_result)); break;
    case 11: stack_rt_open_refuse(s, *m->now, bytes_of(NULL, 0), RTSE_REFUSE_BUSY); break;
    case 12: stack_tick(s, *m->now); break;
    case 13: stack_tick(s, *m->now += 20000); break;
    case 14: stack_rt_open_req(s, *m->now, bytes_of(bind_argument, sizeof bind_argument)); break;
    case 15: stack_output_drained(s, *m->now); break;
    case 16: stack_turn_please(s, *m->now, (uint32_t)rand_r(m->seed)); break;
    case 17: stack_turn_give(s, *m->now); break;
    case 18: stack_transfer_interrupt(s, *m->now); break;
    case 19: resume(m); break;
    case 20: stack_resume_rsp(s, *m->now, &m->kept); break;
    case 21: stack_resume_refuse(s, *m->now, (enum rtse_no_resume)(rand_r(m->seed) % 2)); break;
    }
}

static void m_open_ind(void *u, const struct stack_open *o) {
    struct monkey *m = u;
    (void)o;
    m->side.opens_ind++;
    act(m);
    if (!absent(m))
        stack_rt_open_rsp(m->side.s, *m->now, bytes_of(bind_result, sizeof bind_result));
    act(m);
}
static void m_open_cnf(void *u, const struct stack_open_result *r) {
    struct monkey *m = u;
    side_open_cnf(u, r);
    act(m);
}
static void m_begin(void *u, int32_t context) {
    (void)context;
    act(u);
}
static void m_data(void *u, struct bytes piece) {
    ((struct monkey *)u)->side.received += piece.n;
    act(u);
}
static void m_checkpoint_ind(void *u, uint32_t serial, uint64_t octets) {
    struct monkey *m = u;
    (void)octets;
    act(m);
    stack_checkpoint_rsp(m->side.s, *m->now, serial);
    act(m);
}
static void m_checkpoint_cnf(void *u, uint32_t serial, uint64_t octets) {
    (void)serial;
    (void)octets;
    act(u);
}
static void m_end(void *u, const struct stack_transfer_end *e) {
    struct monkey *m = u;
    act(m);
    if (e->ok && !absent(m))
        stack_transfer_rsp(m->side.s, *m->now);
    act(m);
}
static void m_ready(void *u, size_t room) {
    struct monkey *m = u;
    uint8_t octets[700] = {0};
    size_t n = (size_t)rand_r(m->seed) % sizeof octets;
    n = n < room ? n : room;
    for (size_t i = 0; i < n; i++)
        octets[i] = pattern_octet(m->side.total, m->side.sent + i);
    m->side.sent += n;
    if (stack_transfer_data(m->side.s, *m->now, bytes_of(octets, n)) < 0)
        m->side.sent -= n;
    act(m);
}
static void m_resume_ind(void *u, const struct rtse_recovery *old) {
    struct monkey *m = u;
    (void)old;
    act(m);
    stack_recovery(m->side.s, &m->kept);
    stack_resume_rsp(m->side.s, *m->now, &m->kept);
    act(m);
}
static void m_turn_please(void *u, uint32_t priority) {
    struct monkey *m = u;
    (void)priority;
    stack_turn_give(m->side.s, *m->now);
    act(m);
}
static void m_turn_give(void *u) {
    act(u);
}
static void m_cnf(void *u, const struct stack_transfer_end *e) {
    (void)e;
    act(u);
}
static void m_close_ind(void *u) {
    struct monkey *m = u;
    act(m);
    m->side.closes_ind++;
    if (!absent(m))
        stack_rt_close_rsp(m->side.s, *m->now);
}
static void m_close_cnf(void *u) {
    ((struct monkey *)u)->side.closes_cnf++;
    act(u);
}
static void m_abort(void *u, const struct stack_failure *f) {
    side_abort(u, f);
    act(u);
}
static void m_closed(void *u) {
    struct monkey *m = u;
    assert_false(m->dead);
    m->dead = true;
    act(m);
}

static const struct stack_user monkey_user = {
    .rt_open_ind = m_open_ind,
    .rt_open_cnf = m_open_cnf,
    .rt_transfer_begin = m_begin,
    .rt_transfer_data = m_data,
    .rt_checkpoint_ind = m_checkpoint_ind,
    .rt_transfer_end = m_end,
    .rt_resume_ind = m_resume_ind,
    .rt_turn_please_ind = m_turn_please,
    .rt_turn_give_ind = m_turn_give,
    .rt_ready = m_ready,
    .rt_checkpoint_cnf = m_checkpoint_cnf,
    .rt_transfer_cnf = m_cnf,
    .rt_close_ind = m_close_ind,
    .rt_close_cnf = m_close_cnf,
    .abort_ind = m_abort,
    .closed = m_closed,
};

static bool move(struct monkey *from, struct monkey *to, unsigned *seed, uint64_t now) {
    struct buf *out = stack_output(from->side.s);
    uint8_t piece[3000];
    size_t n = 1 + (size_t)rand_r(seed) % sizeof piece;
    n = n < out->len ? n : out->len;
    if (n == 0)
        return false;
    memcpy(piece, buf_bytes(out).p, n);
    buf_consume(out, n);
    if (from->mischief > 100 && rand_r(seed) % 60 == 0)
        piece[(size_t)rand_r(seed) % n] ^= (uint8_t)(1 << rand_r(seed) % 8);
    if (from->mischief > 100 && rand_r(seed) % 200 == 0)
        stack_transport_closed(to->side.s, now, "reset");
    stack_output_drained(from->side.s, now);
    stack_input(to->side.s, now, bytes_of(piece, n));
    return true;
}

// Rows of the state tables that were taken.
static unsigned rows_taken[3][256];
static const struct fsm_table *const tables[] = {&presentation_fsm, &acse_fsm, &rtse_fsm};

static void note_row(void *ctx, const struct fsm *f, uint8_t state, uint8_t event, const struct fsm_row *row) {
    (void)ctx;
    (void)state;
    (void)event;
    for (size_t i = 0; i < 3; i++)
        if (f->table == tables[i] && row != NULL)
            rows_taken[i][row - f->table->rows]++;
}

static void trace(struct stack *s) {
    s->presentation.fsm.trace = s->acse.fsm.trace = s->rtse.fsm.trace = note_row;
}

static void test_any_call_at_any_time(void **state) {
    (void)state;
    unsigned opened = 0, transferred = 0;
    for (unsigned run = 0; run < 4000; run++) {
        struct stack_params d = small();
        d.mode = run % 3 == 0 ? RTSE_X410 : RTSE_NORMAL;
        d.dialogue = run % 2 == 0 ? RTSE_TWO_WAY_ALTERNATE : RTSE_MONOLOGUE;
        d.refuse_two_way_alternate = false;
        d.checkpoint = run % 7 == 0 ? 0 : 1;
        unsigned seed = run * 7919 + 1;
        uint64_t now = 1000;
        struct monkey a = {.seed = &seed, .mischief = run % 4 * 60, .now = &now}, b = a;
        a.side.s = stack_new_initiator(&d, &monkey_user, &a);
        b.side.s = stack_new_responder(&d, &monkey_user, &b);
        trace(a.side.s);
        trace(b.side.s);
        stack_rt_open_req(a.side.s, now, bytes_of(bind_argument, sizeof bind_argument));
        for (int i = 0; i < 300; i++) {
            bool moved = move(&a, &b, &seed, now);
            moved |= move(&b, &a, &seed, now);
            act(&a);
            act(&b);
            if (!moved && i < 200) {
                transfer(&a);
                stack_tick(a.side.s, now += 10);
            }
            if (!moved && i >= 250)
                stack_rt_close_req(a.side.s, now);
        }
        opened += a.side.accepted;
        transferred += b.side.received > 0;
        stack_transport_closed(a.side.s, now, NULL);
        stack_transport_closed(b.side.s, now, NULL);
        assert_true(stack_closed(a.side.s) && a.dead);
        assert_true(stack_closed(b.side.s) && b.dead);
        assert_int_equal(stack_deadline(a.side.s), 0);
        side_free(&a.side);
        side_free(&b.side);
    }
    assert_true(opened > 1500); // most of the time something real went on
    assert_true(transferred > 1000);
    unsigned never = 0; // taken by other tests, or by a peer that breaks off while we answer
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < tables[i]->n_rows; k++)
            if (rows_taken[i][k] == 0 && never++ < 20)
                print_message("%s: never %s in %s\n", tables[i]->name, tables[i]->events[tables[i]->rows[k].event],
                              tables[i]->states[tables[i]->rows[k].state]);
    assert_true(never <= 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_new_without_memory),
        cmocka_unit_test(test_any_call_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
