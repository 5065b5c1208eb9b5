// SPDX-License-Identifier: BSD-2-Clause
// For the tests of the session layer: two sides back to back in memory, each noting what it is told as words.
#ifndef RFC1006_SESSION_PAIR_H
#define RFC1006_SESSION_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "rfc1006/session.h"

struct end {
    struct tp0 tp;
    struct session s;
    struct buf out, data;
    char log[4096];                // what was told since the last check: "name args; "
    struct session_connect answer; // of connect_ind, when auto_accept
    bool auto_accept, auto_ack, quiet;
    size_t n_data, n_aborts;
    bool keep;     // user data of any primitive go to `data`, and ...
    size_t n_told; // ... the primitives that may have some are counted
    bool tsel_wrong;
    const struct fsm_row *row; // of the last step seen by the trace
    size_t n_steps;
};

__attribute__((format(printf, 2, 3))) static inline void note(struct end *e, const char *fmt, ...) {
    size_t n = strlen(e->log);
    if (e->quiet)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->log + n, sizeof e->log - n, fmt, ap);
    va_end(ap);
}

#define DATA(b) (int)(b).n, (b).p ? (const char *)(b).p : ""

static inline void keep(struct end *e, struct bytes ud) {
    e->n_told++;
    if (e->keep)
        buf_append(&e->data, ud.p, ud.n);
}

static inline void on_connect_ind(void *user, const struct session_connect *c) {
    struct end *e = user;
    keep(e, c->user_data);
    note(e, "connect_ind %#x v%u '%.*s'; ", c->requirements, c->version, DATA(c->user_data));
    if (e->auto_accept)
        assert_int_equal(session_connect_rsp(&e->s, &e->answer, NULL), 0);
}

static inline void on_connect_cnf(void *user, const struct session_connect *c) {
    struct end *e = user;
    keep(e, c->user_data);
    if (c->refused)
        note(e, "refused %u '%.*s' %s; ", c->reason, DATA(c->user_data), c->text);
    else
        note(e, "connect_cnf %#x v%u '%.*s'; ", c->requirements, c->version, DATA(c->user_data));
}

static inline void on_release_ind(void *user, struct bytes ud) {
    keep(user, ud);
    note(user, "release_ind '%.*s'; ", DATA(ud));
}
static inline void on_release_cnf(void *user, struct bytes ud) {
    keep(user, ud);
    note(user, "release_cnf '%.*s'; ", DATA(ud));
}

static inline void on_u_abort_ind(void *user, struct bytes ud) {
    struct end *e = user;
    e->n_aborts++;
    keep(e, ud);
    note(e, "u_abort_ind '%.*s'; ", DATA(ud));
}

static inline void on_p_abort_ind(void *user, const struct session_p_abort *a) {
    struct end *e = user;
    e->n_aborts++;
    note(e, "p_abort_ind %d %s; ", a->reason, a->text);
}

static inline void on_data_ind(void *user, struct bytes piece, bool last) {
    struct end *e = user;
    buf_append(&e->data, piece.p, piece.n);
    if (last) {
        e->n_data++;
        note(e, "data %zu; ", e->data.len);
    }
}

static inline void on_token_please_ind(void *user, uint8_t tokens, struct bytes ud) {
    keep(user, ud);
    note(user, "please %#x '%.*s'; ", tokens, DATA(ud));
}
static inline void on_token_give_ind(void *user, uint8_t tokens) {
    note(user, "give %#x; ", tokens);
}
static inline void on_control_give_ind(void *user) {
    note(user, "control; ");
}

static inline void on_sync_minor_ind(void *user, uint32_t serial, bool explicit_cnf, struct bytes ud) {
    struct end *e = user;
    keep(e, ud);
    note(e, "minor_ind %u %s '%.*s'; ", serial, explicit_cnf ? "explicit" : "optional", DATA(ud));
    if (e->auto_ack)
        session_sync_minor_rsp(&e->s, serial, NULL);
}

static inline void on_sync_minor_cnf(void *user, uint32_t serial, struct bytes ud) {
    keep(user, ud);
    note(user, "minor_cnf %u '%.*s'; ", serial, DATA(ud));
}

static inline void on_activity_start_ind(void *user, struct bytes id, struct bytes ud) {
    keep(user, ud);
    note(user, "start '%.*s' '%.*s'; ", DATA(id), DATA(ud));
}

static inline void on_activity_resume_ind(void *user, const struct session_resume *r) {
    keep(user, r->user_data);
    note(user, "resume '%.*s' of '%.*s' from %u %s '%.*s' '%.*s' '%.*s' '%.*s'; ", DATA(r->new_id), DATA(r->old_id),
         r->serial, r->same_connection ? "here" : "elsewhere", DATA(r->calling_ref), DATA(r->called_ref),
         DATA(r->common_ref), DATA(r->user_data));
}

static inline void on_activity_interrupt_ind(void *user, uint8_t reason) {
    note(user, "interrupt_ind %u; ", reason);
}
static inline void on_activity_interrupt_cnf(void *user) {
    note(user, "interrupt_cnf; ");
}
static inline void on_activity_discard_ind(void *user, uint8_t reason) {
    note(user, "discard_ind %u; ", reason);
}
static inline void on_activity_discard_cnf(void *user) {
    note(user, "discard_cnf; ");
}

static inline void on_activity_end_ind(void *user, uint32_t serial, struct bytes ud) {
    struct end *e = user;
    keep(e, ud);
    note(e, "end_ind %u '%.*s'; ", serial, DATA(ud));
    if (e->auto_ack)
        session_activity_end_rsp(&e->s, NULL);
}

static inline void on_activity_end_cnf(void *user, uint32_t serial, struct bytes ud) {
    keep(user, ud);
    note(user, "end_cnf %u '%.*s'; ", serial, DATA(ud));
}

static inline void on_u_exception_ind(void *user, uint8_t reason, struct bytes ud) {
    keep(user, ud);
    note(user, "u_exception %u '%.*s'; ", reason, DATA(ud));
}
static inline void on_p_exception_ind(void *user) {
    note(user, "p_exception; ");
}

static const struct session_user end_user = {on_connect_ind,
                                             on_connect_cnf,
                                             on_release_ind,
                                             on_release_cnf,
                                             on_u_abort_ind,
                                             on_p_abort_ind,
                                             on_data_ind,
                                             on_token_please_ind,
                                             on_token_give_ind,
                                             on_control_give_ind,
                                             on_sync_minor_ind,
                                             on_sync_minor_cnf,
                                             on_activity_start_ind,
                                             on_activity_resume_ind,
                                             on_activity_interrupt_ind,
                                             on_activity_interrupt_cnf,
                                             on_activity_discard_ind,
                                             on_activity_discard_cnf,
                                             on_activity_end_ind,
                                             on_activity_end_cnf,
                                             on_u_exception_ind,
                                             on_p_exception_ind};

static inline uint8_t accept_tsel(void *ctx, const struct tp0_connect *c) {
    (void)c;
    return ((struct end *)ctx)->tsel_wrong ? TP0_REASON_ADDRESS_UNKNOWN : 0;
}

static inline void on_trace(void *ctx, const struct fsm *f, uint8_t state, uint8_t event, const struct fsm_row *row) {
    struct end *e = ctx;
    (void)f;
    (void)state;
    (void)event;
    e->row = row;
    e->n_steps++;
}

static inline void end_init(struct end *e, uint16_t ref, const struct session_params *p) {
    struct session_params params;
    *e = (struct end){.answer = {.requirements = SESSION_FU_RTSE}};
    if (p != NULL)
        params = *p;
    else
        session_params_default(&params);
    params.accept_transport = accept_tsel;
    params.accept_ctx = e;
    session_init(&e->s, &params, &end_user, e, &e->tp);
    e->s.fsm.trace = on_trace;
    e->s.fsm.trace_ctx = e;
    tp0_init(&e->tp, &(struct tp0_params){.local_ref = ref, .tpdu_size = 2048, .send_size = true}, &session_tp0_user,
             &e->s, &e->out);
}

static inline void end_free(struct end *e) {
    session_free(&e->s);
    buf_free(&e->out);
    buf_free(&e->data);
}

// Moves octets both ways, at most `slice` at a time, until there are none.
static inline void pump(struct end *a, struct end *b, size_t slice) {
    for (int turns = 0; (a->out.len || b->out.len) && turns < 1000000; turns++) {
        struct end *from = a->out.len ? a : b, *to = a->out.len ? b : a;
        size_t n = from->out.len < slice ? from->out.len : slice;
        tp0_input(&to->tp, bytes_of(buf_bytes(&from->out).p, n));
        buf_consume(&from->out, n);
    }
    assert_int_equal(a->out.len + b->out.len, 0);
}

static inline void told(struct end *e, const char *want) {
    assert_string_equal(e->log, want);
    e->log[0] = 0;
}

static inline struct buf text(const char *s) {
    struct buf b = {0};
    buf_append_str(&b, s);
    return b;
}

static const struct session_connect plain_connect = {.requirements = SESSION_FU_RTSE};

// Two sides with an open session connection, all tokens with `a`.
static inline void pair_open(struct end *a, struct end *b, const struct session_params *pa,
                             const struct session_params *pb, size_t slice) {
    end_init(a, 1, pa);
    end_init(b, 2, pb);
    b->auto_accept = true;
    assert_int_equal(session_connect_req(&a->s, &plain_connect, NULL), 0);
    pump(a, b, slice);
    a->log[0] = b->log[0] = 0;
    assert_string_equal(fsm_state_name(&a->s.fsm), "STA713 data transfer");
    assert_string_equal(fsm_state_name(&b->s.fsm), "STA713 data transfer");
}

static inline void connect_with(struct end *a, struct end *b, const struct session_connect *c, size_t n_data) {
    struct buf d = {0};
    for (size_t i = 0; i < n_data; i++)
        buf_append_u8(&d, 'x');
    assert_int_equal(session_connect_req(&a->s, c, n_data ? &d : NULL), 0);
    assert_int_equal(d.len, 0);
    pump(a, b, 7);
    buf_free(&d);
}

// Two sides inside an activity, with this TSDU size.
static inline void pair_in_activity(struct end *a, struct end *b, uint16_t tsdu_max) {
    struct session_params p;
    session_params_default(&p);
    p.send_tsdu_max = tsdu_max != 0;
    p.tsdu_max_send = p.tsdu_max_receive = tsdu_max;
    p.answer_ms = 300;
    pair_open(a, b, &p, &p, 64);
    assert_int_equal(session_activity_start_req(&a->s, bytes_str("A"), NULL), 0);
    pump(a, b, 64);
    a->log[0] = b->log[0] = 0;
}

static inline size_t hex(const char *t, uint8_t *out) {
    size_t n = 0;
    for (unsigned v; sscanf(t, "%2x", &v) == 1; t += 2)
        out[n++] = (uint8_t)v;
    return n;
}

// A TSDU given to a side as its peer would send it.
static inline void tsdu_input(struct end *e, const uint8_t *p, size_t n) {
    struct buf b = {0};
    tpkt_header_append(&b, n + 3);
    buf_append(&b, "\x02\xf0\x80", 3);
    buf_append(&b, p, n);
    tp0_input(&e->tp, buf_bytes(&b));
    buf_free(&b);
}

static inline void tsdu_hex(struct end *e, const char *t) {
    uint8_t in[1024];
    tsdu_input(e, in, hex(t, in));
}

// A responder whose transport connection is open, waiting for a CN; an initiator that waits for its AC.
static inline void responder_ready(struct end *e, const struct session_params *p) {
    uint8_t in[32];
    end_init(e, 2, p);
    tp0_input(&e->tp, bytes_of(in, hex("0300000b06e00000000100", in)));
    buf_clear(&e->out);
}

static inline void initiator_waiting(struct end *e, const struct session_params *p) {
    uint8_t in[32];
    end_init(e, 1, p);
    assert_int_equal(session_connect_req(&e->s, &plain_connect, NULL), 0);
    tp0_input(&e->tp, bytes_of(in, hex("0300000b06d00001000900", in)));
    buf_clear(&e->out);
}

#endif
