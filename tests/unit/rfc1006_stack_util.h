// SPDX-License-Identifier: BSD-2-Clause
// Two stacks joined in memory, for tests: everything that a stack tells its owner is recorded, and a side answers by
// itself as its settings say. The octets in between are cut into pieces of random size.
#ifndef TESTS_RFC1006_STACK_UTIL_H
#define TESTS_RFC1006_STACK_UTIL_H

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asn1/tlv.h"
#include "base/err.h"
#include "rfc1006/stack.h"

struct side {
    struct stack *s;
    uint64_t *now;
    // settings
    enum stack_answer answer_t, answer_s, answer_p;
    bool hold_open, hold_checkpoints, hold_end, hold_close, refuse_open, refuse_with_data;
    enum rtse_refuse refuse_reason;
    const struct rtse_recovery *kept; // NULL: nothing to resume
    bool was_completed;               // ... and it was received whole
    bool no_memory;                   // allocations are made to fail: an answer that does aborts the association
    bool checks_pattern;              // what is transferred is pattern_octet
    struct bytes bind_result;         // p NULL: an empty one
    struct bytes apdu;                // to send; p NULL: the pattern
    size_t give_max;                  // octets given at once, 0: all the room
    // what happened
    unsigned opens_ind, opens_cnf, begins, ends_ok, ends_bad, cnf_ok, cnf_bad, closes_ind, closes_cnf, aborts, closed;
    unsigned layers[STACK_N_LAYERS], checkpoints_ind, checkpoints_cnf;
    unsigned resumes_ind, recovers_ind, turns_wanted, turns;
    uint32_t priority;
    struct rtse_recovery asked; // by resume_ind
    uint32_t last_serial;
    uint64_t last_checkpoint_octets;
    bool accepted;
    int64_t context;
    struct stack_failure failure; // of a refusal, an abort, a transfer
    struct rtse_recovery recovery;
    bool resumable;
    uint64_t received, sent, total;
    bool pattern_bad;
    uint32_t checkpoint, window; // as indicated
    enum rtse_mode mode;
    int protocol;
    bool turn; // as indicated
    char implementation[400];
    struct buf user_data, apdu_received;
    size_t output_max;
};

static const uint8_t bind_argument[] = {0xb0, 0x02, 0x05, 0x00}, bind_result[] = {0xb1, 0x02, 0x05, 0x00},
                     bind_error[] = {0xb2, 0x03, 0x02, 0x01, 0x02};

// The APDU of a test: [0] { OCTET STRING } with a header of 4-octet lengths, so that 12 octets come before the pattern.
static inline uint8_t pattern_octet(uint64_t total, uint64_t at) {
    if (at < 12) {
        uint64_t outer = total - 6, inner = total - 12;
        const uint8_t head[12] = {
            0xa0, 0x84, (uint8_t)(outer >> 24), (uint8_t)(outer >> 16), (uint8_t)(outer >> 8), (uint8_t)outer,
            0x04, 0x84, (uint8_t)(inner >> 24), (uint8_t)(inner >> 16), (uint8_t)(inner >> 8), (uint8_t)inner};
        return head[at];
    }
    return (uint8_t)(at * 31 + (at >> 8) * 7);
}

// What a side answers must succeed, but for want of memory.
static inline void side_must(struct side *d, int err) {
    if (err == ERR_NOMEM && d->no_memory)
        stack_p_abort(d->s, *d->now, RTSE_ABORT_LOCAL_SYSTEM_PROBLEM);
    else
        assert_int_equal(err, 0);
}

static inline enum stack_answer side_address(void *user, enum stack_layer layer, const struct stack_address *called,
                                             const struct stack_address *calling) {
    struct side *d = user;
    (void)called;
    (void)calling;
    return layer == STACK_TRANSPORT ? d->answer_t : layer == STACK_SESSION ? d->answer_s : d->answer_p;
}

static inline void side_layer_up(void *user, enum stack_layer layer, const struct stack_negotiated *n) {
    struct side *d = user;
    (void)n;
    d->layers[layer]++;
}

static inline void side_open_ind(void *user, const struct stack_open *o) {
    struct side *d = user;
    d->opens_ind++;
    d->checkpoint = o->checkpoint;
    d->window = o->window;
    d->mode = o->mode;
    d->protocol = o->protocol;
    d->turn = o->turn;
    assert_true(o->implementation.n < sizeof d->implementation);
    snprintf(d->implementation, sizeof d->implementation, "%.*s", (int)o->implementation.n,
             o->implementation.n == 0 ? "" : (const char *)o->implementation.p);
    buf_clear(&d->user_data);
    assert_true(buf_append(&d->user_data, o->user_data.p, o->user_data.n) == 0 || d->no_memory);
    if (d->hold_open)
        return;
    int err;
    if (o->recover != NULL) {
        d->recovers_ind++;
        assert_null(o->user_data.p);
        if (d->kept != NULL && rtse_same_session(o->recover, &d->kept->session))
            side_must(d, stack_rt_open_rsp(d->s, *d->now, o->user_data));
        else
            side_must(d, stack_rt_open_refuse(d->s, *d->now, o->user_data, RTSE_REFUSE_CANNOT_RECOVER));
        return;
    }
    if (d->refuse_with_data)
        err = stack_rt_open_refuse(d->s, *d->now, bytes_of(bind_error, sizeof bind_error), RTSE_REFUSE_NONE);
    else if (d->refuse_open)
        err = stack_rt_open_refuse(d->s, *d->now, bytes_of(NULL, 0), d->refuse_reason);
    else if (d->bind_result.p != NULL)
        err = stack_rt_open_rsp(d->s, *d->now, d->bind_result);
    else
        err = stack_rt_open_rsp(d->s, *d->now, bytes_of(bind_result, sizeof bind_result));
    side_must(d, err);
}

static inline void side_open_cnf(void *user, const struct stack_open_result *r) {
    struct side *d = user;
    d->opens_cnf++;
    d->accepted = r->accepted;
    d->failure = r->failure;
    buf_clear(&d->user_data);
    if (r->user_data.p != NULL)
        assert_true(buf_append(&d->user_data, r->user_data.p, r->user_data.n) == 0 || d->no_memory);
}

static inline void side_begin(void *user, int32_t context) {
    struct side *d = user;
    d->begins++;
    d->context = context;
    d->received = 0;
}

static inline void side_data(void *user, struct bytes piece) {
    struct side *d = user;
    if (d->checks_pattern)
        for (size_t i = 0; i < piece.n; i++)
            d->pattern_bad |= piece.p[i] != pattern_octet(d->total, d->received + i);
    else
        buf_append(&d->apdu_received, piece.p, piece.n);
    d->received += piece.n;
}

static inline void side_checkpoint_ind(void *user, uint32_t serial, uint64_t octets) {
    struct side *d = user;
    d->checkpoints_ind++;
    d->last_serial = serial;
    d->last_checkpoint_octets = octets;
    if (!d->hold_checkpoints)
        side_must(d, stack_checkpoint_rsp(d->s, *d->now, serial));
}

static inline void side_transfer_end(void *user, const struct stack_transfer_end *e) {
    struct side *d = user;
    *(e->ok ? &d->ends_ok : &d->ends_bad) += 1;
    d->recovery = *e->recovery;
    d->resumable = e->resumable;
    if (!e->ok)
        d->failure = e->failure;
    else if (!d->hold_end)
        side_must(d, stack_transfer_rsp(d->s, *d->now));
}

static inline void side_resume_ind(void *user, const struct rtse_recovery *old) {
    struct side *d = user;
    d->resumes_ind++;
    d->asked = *old;
    if (d->kept == NULL || !rtse_same_activity(old, d->kept))
        return; // no answer: unknown
    if (d->was_completed) {
        side_must(d, stack_resume_refuse(d->s, *d->now, RTSE_RESUME_COMPLETED));
        return;
    }
    if (stack_resume_rsp(d->s, *d->now, d->kept) == ERR_OK)
        d->received = d->kept->octets_confirmed;
}

static inline void side_turn_please(void *user, uint32_t priority) {
    struct side *d = user;
    d->turns_wanted++;
    d->priority = priority;
}

static inline void side_turn_give(void *user) {
    ((struct side *)user)->turns++;
}

static inline void side_ready(void *user, size_t room) {
    struct side *d = user;
    uint8_t piece[4096];
    assert_true(room > 0);
    while (room > 0) {
        size_t n = room < sizeof piece ? room : sizeof piece;
        if (d->give_max != 0 && n > d->give_max)
            n = d->give_max;
        for (size_t i = 0; i < n; i++)
            piece[i] = d->apdu.p != NULL ? d->apdu.p[d->sent + i] : pattern_octet(d->total, d->sent + i);
        side_must(d, stack_transfer_data(d->s, *d->now, bytes_of(piece, n)));
        d->sent += n;
        room -= n;
        if (d->give_max != 0)
            break; // the rest is asked for again
    }
    if (stack_output(d->s)->len > d->output_max)
        d->output_max = stack_output(d->s)->len;
}

static inline void side_checkpoint_cnf(void *user, uint32_t serial, uint64_t octets) {
    struct side *d = user;
    d->checkpoints_cnf++;
    d->last_serial = serial;
    d->last_checkpoint_octets = octets;
}

static inline void side_transfer_cnf(void *user, const struct stack_transfer_end *e) {
    struct side *d = user;
    *(e->ok ? &d->cnf_ok : &d->cnf_bad) += 1;
    d->recovery = *e->recovery;
    d->resumable = e->resumable;
    if (!e->ok)
        d->failure = e->failure;
}

static inline void side_close_ind(void *user) {
    struct side *d = user;
    d->closes_ind++;
    if (!d->hold_close)
        side_must(d, stack_rt_close_rsp(d->s, *d->now));
}

static inline void side_close_cnf(void *user) {
    ((struct side *)user)->closes_cnf++;
}

static inline void side_abort(void *user, const struct stack_failure *f) {
    struct side *d = user;
    d->aborts++;
    d->failure = *f;
    assert_true(f->text[0] != '\0');
    assert_non_null(f->cause);
}

static inline void side_closed(void *user) {
    ((struct side *)user)->closed++;
}

static const struct stack_user side_user = {
    .address_ind = side_address,
    .layer_up = side_layer_up,
    .rt_open_ind = side_open_ind,
    .rt_open_cnf = side_open_cnf,
    .rt_transfer_begin = side_begin,
    .rt_transfer_data = side_data,
    .rt_checkpoint_ind = side_checkpoint_ind,
    .rt_transfer_end = side_transfer_end,
    .rt_resume_ind = side_resume_ind,
    .rt_turn_please_ind = side_turn_please,
    .rt_turn_give_ind = side_turn_give,
    .rt_ready = side_ready,
    .rt_checkpoint_cnf = side_checkpoint_cnf,
    .rt_transfer_cnf = side_transfer_cnf,
    .rt_close_ind = side_close_ind,
    .rt_close_cnf = side_close_cnf,
    .abort_ind = side_abort,
    .closed = side_closed,
};

struct pair {
    struct side a, b; // initiator, responder
    uint64_t now;
    unsigned seed;
    size_t piece_max; // of the octets in between, 0: as they come
};

static inline struct pair *pair_new(const struct stack_params *a, const struct stack_params *b) {
    struct pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->now = 1000;
    p->seed = 1;
    p->a.now = p->b.now = &p->now;
    p->a.s = stack_new_initiator(a, &side_user, &p->a);
    p->b.s = stack_new_responder(b, &side_user, &p->b);
    assert_non_null(p->a.s);
    assert_non_null(p->b.s);
    p->b.checks_pattern = true;
    return p;
}

static inline void side_free(struct side *d) {
    stack_free(d->s);
    buf_free(&d->user_data);
    buf_free(&d->apdu_received);
}

static inline void pair_free(struct pair *p) {
    side_free(&p->a);
    side_free(&p->b);
    free(p);
}

// Moves some octets; false when there were none.
static inline bool pair_move(struct pair *p, struct side *from, struct side *to) {
    struct buf *out = stack_output(from->s);
    uint8_t piece[65536];
    if (out->len == 0)
        return false;
    size_t n = p->piece_max == 0 ? out->len : 1 + (size_t)rand_r(&p->seed) % p->piece_max;
    n = n < out->len ? n : out->len;
    n = n < sizeof piece ? n : sizeof piece;
    memcpy(piece, buf_bytes(out).p, n);
    buf_consume(out, n);
    stack_output_drained(from->s, p->now);
    stack_input(to->s, p->now, bytes_of(piece, n));
    return true;
}

// Until nothing moves any more. A side whose work is done and whose output is drained closes the connection.
static inline void pair_run(struct pair *p) {
    bool moved = true;
    while (moved) {
        moved = pair_move(p, &p->a, &p->b);
        moved |= pair_move(p, &p->b, &p->a);
        if (!moved && (stack_closed(p->a.s) != stack_closed(p->b.s))) {
            struct side *other = stack_closed(p->a.s) ? &p->b : &p->a;
            stack_transport_closed(other->s, p->now, NULL);
            moved = stack_closed(other->s);
        }
    }
}

static inline void pair_open(struct pair *p) {
    assert_int_equal(stack_rt_open_req(p->a.s, p->now, bytes_of(bind_argument, sizeof bind_argument)), 0);
    pair_run(p);
}

static inline void pair_transfer(struct pair *p, uint64_t total) {
    p->a.total = p->b.total = total;
    p->a.sent = 0;
    assert_int_equal(stack_rt_transfer_req(p->a.s, p->now, total, 0), 0);
    pair_run(p);
}

#endif
