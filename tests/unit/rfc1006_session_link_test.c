// SPDX-License-Identifier: BSD-2-Clause
// Two sessions joined by a link that splits, merges and delays at random, with users that ask for whatever comes to
// their mind. What one side sends the other can always take: there is no protocol error, data arrive in order and whole
// or not at all, and whenever nothing is on its way both sides hold the same of tokens, activity and serial numbers.
// SEEDS=n in the environment runs so many seeds, FIRST=n begins there: FIRST=n SEEDS=1 replays one.
#include <stdlib.h>

#include "rfc1006/session_fsm.h"
#include "rfc1006_session_pair.h"

enum { SEEDS = 500, STEPS = 400, SSDU_MAX = 3000 };

struct side {
    struct tp0 tp;
    struct session s;
    struct buf out, in;         // to the link; of the SSDU being received
    uint32_t sent, got, broken; // SSDUs of data begun; the number of the last one that came
    size_t left;                // octets of the SSDU being sent still to go
    unsigned aborts, told;
    bool protocol_error, lost;
};

struct world {
    struct side side[2];
    uint64_t random;
    uint32_t seed;
    bool aborted;
    unsigned calls, done;
};

static uint32_t draw(struct world *w, uint32_t below) {
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)(w->random >> 33) % below;
}

// Octet k of the n-th SSDU: four of its number, then a pattern.
static uint8_t octet_of(uint32_t n, size_t k) {
    return (uint8_t)(k < 4 ? n >> (8 * k) : n * 31 + k);
}

static void data_ind(void *user, struct bytes piece, bool last) {
    struct side *x = user;
    buf_append(&x->in, piece.p, piece.n);
    if (!last)
        return;
    struct bytes b = buf_bytes(&x->in);
    assert_true(b.n >= 4);
    uint32_t n = (uint32_t)(b.p[0] | b.p[1] << 8 | b.p[2] << 16);
    assert_true(n > x->got); // in order, though some may be missing: their activity was broken
    x->got = n;
    for (size_t k = 0; k < b.n; k++)
        assert_int_equal(b.p[k], octet_of(n, k));
    assert_int_equal(b.n, 4 + n * 7919 % SSDU_MAX); // whole
    buf_clear(&x->in);
}

static void p_abort_ind(void *user, const struct session_p_abort *a) {
    struct side *x = user;
    x->aborts++;
    x->protocol_error |= a->reason == SESSION_ABORT_PROTOCOL_ERROR || a->reason == SESSION_ABORT_PROTOCOL_ERROR_PEER ||
                         a->reason == SESSION_ABORT_RESTRICTION;
    if (x->protocol_error)
        print_error("%s\n", a->text);
}
static void u_abort_ind(void *user, struct bytes ud) {
    (void)ud;
    ((struct side *)user)->aborts++;
}
static void connect_cnf(void *user, const struct session_connect *c) {
    ((struct side *)user)->lost |= c->refused;
}

// An activity that is broken, or an exception, takes the SSDU that was on its way with it.
static void forget(struct side *x) {
    buf_clear(&x->in);
    x->told++;
}
static void broken_ind(void *user, uint8_t reason) {
    (void)reason;
    forget(user);
}
static void broken_cnf(void *user) {
    forget(user);
}
static void exception_ind(void *user, uint8_t reason, struct bytes ud) {
    (void)reason;
    (void)ud;
    forget(user);
}
static void token_give_ind(void *user, uint8_t tokens) {
    if (tokens & SESSION_TOKEN_DATA)
        forget(user); // perhaps after an exception that we reported
}

static const struct session_user side_user = {.connect_cnf = connect_cnf,
                                              .u_abort_ind = u_abort_ind,
                                              .p_abort_ind = p_abort_ind,
                                              .data_ind = data_ind,
                                              .token_give_ind = token_give_ind,
                                              .activity_interrupt_ind = broken_ind,
                                              .activity_interrupt_cnf = broken_cnf,
                                              .activity_discard_ind = broken_ind,
                                              .activity_discard_cnf = broken_cnf,
                                              .u_exception_ind = exception_ind};

static struct buf some(struct world *w, uint32_t most) {
    struct buf b = {0};
    for (uint32_t n = draw(w, 4) ? 0 : draw(w, most); n > 0; n--)
        buf_append_u8(&b, (uint8_t)n);
    return b;
}

// A piece of data: of a new SSDU, or of the one begun.
static int data_piece(struct world *w, struct side *x) {
    uint8_t octets[4 + SSDU_MAX];
    uint32_t n = x->left ? x->sent : x->sent + 1;
    size_t total = 4 + n * 7919 % SSDU_MAX, left = x->left ? x->left : total, most = draw(w, 3) ? left : 200;
    size_t size = 1 + draw(w, (uint32_t)(most < left ? most : left));
    for (size_t k = 0; k < size; k++)
        octets[k] = octet_of(n, total - left + k);
    int r = session_data_piece_req(&x->s, bytes_of(octets, size), size == left);
    if (r == 0) {
        x->sent = n;
        x->left = left - size;
    }
    return r;
}

// We break it ourselves.
static int breaking(struct side *x, int result) {
    if (result == 0)
        forget(x);
    return result;
}

static int ask(struct world *w, struct side *x, struct buf *d) {
    struct session *s = &x->s;
    const struct session_connect yes = {.requirements = 0xFFFF, .has_initial_serial = true, .initial_serial = 1};
    const struct session_resume r = {
        .new_id = bytes_str("n"), .old_id = bytes_str("o"), .serial = draw(w, 9), .same_connection = true};
    switch (draw(w, 24)) {
    case 0: return session_connect_rsp(s, &yes, d);
    case 1: return session_token_please_req(s, (uint8_t)draw(w, 0x16), d);
    case 2:
    case 3: return session_token_give_req(s, (uint8_t)draw(w, 0x16));
    case 4: return draw(w, 3) ? ERR_STATE : session_control_give_req(s);
    case 5:
    case 6: return session_sync_minor_req(s, draw(w, 2), NULL, d);
    case 7:
    case 8: return s->vm == 0 ? ERR_STATE : session_sync_minor_rsp(s, s->vm - 1 - draw(w, 2), d);
    case 9:
    case 10: return session_activity_start_req(s, bytes_str("A"), d);
    case 11: return session_activity_resume_req(s, &r, d);
    case 12: return draw(w, 3) ? ERR_STATE : breaking(x, session_activity_interrupt_req(s, 0));
    case 13: return session_activity_interrupt_rsp(s);
    case 14: return draw(w, 3) ? ERR_STATE : breaking(x, session_activity_discard_req(s, 0));
    case 15: return session_activity_discard_rsp(s);
    case 16: return draw(w, 3) ? ERR_STATE : session_activity_end_req(s, NULL, d);
    case 17: return session_activity_end_rsp(s, d);
    case 18: return draw(w, 3) ? ERR_STATE : breaking(x, session_u_exception_req(s, 1, d));
    case 19: return draw(w, 40) ? ERR_STATE : session_release_req(s, d);
    case 20: return session_release_rsp(s, d);
    default: return data_piece(w, x);
    }
}

// When the SSDU begun is no more (its activity was broken), the user begins anew.
static void ask_something(struct world *w, struct side *x) {
    struct buf d = some(w, 400);
    size_t before = d.len;
    int r = ask(w, x, &d);
    w->calls++;
    w->done += r == 0;
    if (!x->s.sending)
        x->left = 0;
    assert_true(r == 0 || r == ERR_STATE || r == ERR_BUSY || r == ERR_LIMIT);
    assert_true(r == 0 || d.len == before);
    buf_free(&d);
}

static void move_octets(struct world *w, int from, size_t most) {
    struct side *x = &w->side[from], *y = &w->side[1 - from];
    size_t n = x->out.len < most ? x->out.len : most;
    struct buf b = {0}; // what moves is a copy: the receiver's user may send
    buf_append(&b, buf_bytes(&x->out).p, n);
    buf_consume(&x->out, n);
    if (n > 0)
        tp0_input(&y->tp, buf_bytes(&b));
    buf_free(&b);
    if (!y->s.sending)
        y->left = 0;
}

static void drain(struct world *w) {
    for (int i = 0; w->side[0].out.len + w->side[1].out.len > 0; i = 1 - i)
        move_octets(w, i, 1 + draw(w, 5000));
}

// Nothing is on its way: both sides hold the same.
static void agree(const struct world *w) {
    const struct session *a = &w->side[0].s, *b = &w->side[1].s;
    if (a->fsm.state != STA713 || b->fsm.state != STA713)
        return;
    assert_int_equal(a->requirements, b->requirements);
    assert_int_equal(a->tokens & b->tokens, 0);
    assert_int_equal(a->tokens | b->tokens, session_available(a->requirements));
    assert_int_equal(a->activity, b->activity);
    if (a->activity || !(a->requirements & SESSION_FU_ACTIVITY)) // else the next activity sets it
        assert_int_equal(a->vm, b->vm);
    assert_int_equal(a->tsdu_max, b->tsdu_max_in);
}

static void begin(struct world *w) {
    static const uint16_t fus[] = {0x0249, 0x0249, 0x0249, 0x0209, 0x0009, 0x0041, 0x0001};
    static const uint16_t sizes[] = {0, 0, 128, 300, 2041};
    struct session_params p;
    session_params_default(&p);
    p.collect_limit = 100000;
    for (int i = 0; i < 2; i++) {
        struct side *x = &w->side[i];
        p.send_tsdu_max = draw(w, 3) != 0;
        p.tsdu_max_send = sizes[draw(w, 5)];
        p.tsdu_max_receive = sizes[draw(w, 5)];
        session_init(&x->s, &p, &side_user, x, &x->tp);
        const struct tp0_params tp = {.local_ref = (uint16_t)(i + 1),
                                      .tpdu_size = 128 << draw(w, 10),
                                      .send_size = draw(w, 2),
                                      .send_preferred = draw(w, 2)};
        tp0_init(&x->tp, &tp, &session_tp0_user, &x->s, &x->out);
    }
    struct buf d = some(w, 30000);
    const struct session_connect c = {.requirements = fus[draw(w, 7)],
                                      .token_setting = (uint8_t)(draw(w, 3) | draw(w, 3) << 2 | draw(w, 3) << 4),
                                      .has_initial_serial = true,
                                      .initial_serial = 1};
    assert_int_equal(session_connect_req(&w->side[0].s, &c, &d), 0);
    buf_free(&d);
}

static unsigned one(uint32_t seed) {
    struct world w = {.seed = seed, .random = seed * 0x9E3779B97F4A7C15u + 1};
    begin(&w);
    for (int step = 0; step < STEPS; step++) {
        int i = (int)draw(&w, 2);
        if (draw(&w, 2))
            for (int k = 0, done = (int)w.done; k < 8 && done == (int)w.done; k++)
                ask_something(&w, &w.side[i]);
        else
            move_octets(&w, i, 1 + draw(&w, draw(&w, 3) ? 4000 : 10));
        if (draw(&w, 30) == 0) {
            drain(&w);
            agree(&w);
        }
    }
    drain(&w);
    agree(&w);
    session_u_abort_req(&w.side[draw(&w, 2)].s, NULL);
    drain(&w);
    for (int i = 0; i < 2; i++) {
        struct side *x = &w.side[i];
        if (x->protocol_error || x->aborts > 1 || !session_over(&x->s) || !tp0_over(&x->tp))
            fail_msg("seed %u, side %d: state %s, %u aborts", seed, i, fsm_state_name(&x->s.fsm), x->aborts);
        session_free(&x->s);
        buf_free(&x->out);
        buf_free(&x->in);
    }
    return w.done;
}

static void test_seeds(void **state) {
    (void)state;
    const char *first = getenv("FIRST"), *count = getenv("SEEDS");
    uint32_t from = first ? (uint32_t)atoi(first) : 1, n = count ? (uint32_t)atoi(count) : SEEDS;
    unsigned done = 0;
    for (uint32_t seed = from; seed < from + n; seed++)
        done += one(seed);
    assert_true(n < SEEDS || done > n * 20); // the users were not refused all the time
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
