// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: the TSDUs that a session gets, and what its user asks for in between. An input is a list of items: an
// octet below 0xC0 is the length of a TSDU, which follows; from 0xC0 up it is a request of the user. The first octet of
// all says which side is tested. Every TSDU comes in two halves. Whatever comes, the session stays in one piece.
#include "rfc1006/session_fsm.h"
#include "tests/fuzz/fuzz.h"

enum { CALLING = 1, VERSION_1 = 2, TSDU_MAX = 4, EXTENDED = 8, OPEN = 16, CONNECT_DATA = 32 };
enum { COLLECT_LIMIT = 5000, FIRST_REQUEST = 0xC0 };

struct side {
    struct tp0 tp;
    struct session s;
    struct buf out;
    bool known; // to the user: it asked for the connection, or heard of it
    unsigned ended;
};

static void alive(void *user) {
    struct side *x = user;
    require(x->known && !x->ended);
}

static void connect_ind(void *user, const struct session_connect *c) {
    struct side *x = user;
    require(!x->known);
    x->known = true;
    look(c->calling_ssel), look(c->called_ssel), look(c->calling_ref), look(c->common_ref), look(c->additional_ref);
    look(c->user_data);
    require(c->user_data.n <= COLLECT_LIMIT);
}
static void connect_cnf(void *user, const struct session_connect *c) {
    struct side *x = user;
    alive(user);
    look(c->called_ref), look(c->user_data);
    x->ended += c->refused;
}
static void release_ind(void *user, struct bytes ud) {
    alive(user);
    look(ud);
}
static void release_cnf(void *user, struct bytes ud) {
    alive(user);
    look(ud);
    ((struct side *)user)->ended++;
}
static void u_abort_ind(void *user, struct bytes ud) {
    release_cnf(user, ud);
}
static void p_abort_ind(void *user, const struct session_p_abort *a) {
    require(a->text != NULL && a->text[0] != 0);
    release_cnf(user, (struct bytes){0});
}
static void data_ind(void *user, struct bytes piece, bool last) {
    alive(user);
    require(last || piece.n > 0);
    look(piece);
}
static void token_please_ind(void *user, uint8_t tokens, struct bytes ud) {
    alive(user);
    require(tokens != 0);
    look(ud);
}
static void token_give_ind(void *user, uint8_t tokens) {
    alive(user);
    require(tokens != 0);
}
static void sync_minor_ind(void *user, uint32_t serial, bool explicit_cnf, struct bytes ud) {
    alive(user);
    require(serial <= SPDU_SERIAL_MAX);
    look(ud);
    if (explicit_cnf)
        session_sync_minor_rsp(&((struct side *)user)->s, serial, NULL);
}
static void serial_ind(void *user, uint32_t serial, struct bytes ud) {
    alive(user);
    require(serial <= SPDU_SERIAL_MAX);
    look(ud);
}
static void activity_start_ind(void *user, struct bytes id, struct bytes ud) {
    alive(user);
    look(id), look(ud);
}
static void activity_resume_ind(void *user, const struct session_resume *r) {
    alive(user);
    look(r->new_id), look(r->old_id), look(r->calling_ref), look(r->called_ref), look(r->common_ref);
    look(r->additional_ref), look(r->user_data);
}
static void reason_ind(void *user, uint8_t reason) {
    alive(user);
    require(session_exception_text(reason) != NULL);
}
static void u_exception_ind(void *user, uint8_t reason, struct bytes ud) {
    reason_ind(user, reason);
    look(ud);
}

static const struct session_user user = {
    connect_ind,        connect_cnf,         release_ind,     release_cnf, u_abort_ind,    p_abort_ind,
    data_ind,           token_please_ind,    token_give_ind,  alive,       sync_minor_ind, serial_ind,
    activity_start_ind, activity_resume_ind, reason_ind,      alive,       reason_ind,     alive,
    serial_ind,         serial_ind,          u_exception_ind, alive};

static void ask(struct side *x, uint8_t what) {
    const struct session_connect yes = {.requirements = 0xFFFF, .has_initial_serial = true, .initial_serial = 1};
    const struct session_connect no = {.refused = true, .reason = SESSION_REFUSED_WITH_DATA};
    const struct session_resume r = {
        .new_id = bytes_str("n"), .old_id = bytes_str("o"), .serial = 3, .same_connection = true};
    struct session *s = &x->s;
    struct buf d = {0};
    static const uint8_t octets[300];
    buf_append(&d, octets, what & 0x20 ? sizeof octets : 3);
    bool ends = false;
    switch (what & 0x1F) {
    case 0: session_connect_rsp(s, &yes, &d); break;
    case 1: ends = session_connect_rsp(s, &no, &d) == 0; break;
    case 2: session_release_req(s, &d); break;
    case 3: ends = session_release_rsp(s, &d) == 0; break;
    case 4: ends = session_u_abort_req(s, &d) == 0; break;
    case 5: session_data_req(s, &d); break;
    case 6: session_data_piece_req(s, buf_bytes(&d), false); break;
    case 7: session_data_piece_req(s, buf_bytes(&d), true); break;
    case 8: session_token_please_req(s, 0x15, &d); break;
    case 9: session_token_please_req(s, 0x01, &d); break;
    case 10: session_token_give_req(s, 0x01); break;
    case 11: session_token_give_req(s, 0x15); break;
    case 12: session_control_give_req(s); break;
    case 13: session_sync_minor_req(s, true, NULL, &d); break;
    case 14: session_sync_minor_rsp(s, s->vm - 1, &d); break;
    case 15: session_activity_start_req(s, bytes_str("A"), &d); break;
    case 16: session_activity_resume_req(s, &r, &d); break;
    case 17: session_activity_interrupt_req(s, 1); break;
    case 18: session_activity_interrupt_rsp(s); break;
    case 19: session_activity_discard_req(s, 1); break;
    case 20: session_activity_discard_rsp(s); break;
    case 21: session_activity_end_req(s, NULL, &d); break;
    case 22: session_activity_end_rsp(s, &d); break;
    case 23: session_u_exception_req(s, 1, &d); break;
    case 24: session_tick(s, s->deadline ? s->deadline : 1); break;
    default: session_tick(s, 1); break;
    }
    x->ended |= ends;
    buf_free(&d);
}

// A TSDU as transport gives it: in two pieces.
static void tsdu_input(struct side *x, struct bytes b) {
    uint8_t head[7] = {3, 0, 0, 0, 2, 0xF0, 0x80};
    size_t n = b.n + sizeof head, half = b.n / 2;
    head[2] = (uint8_t)(n >> 8);
    head[3] = (uint8_t)n;
    tp0_input(&x->tp, bytes_of(head, sizeof head));
    tp0_input(&x->tp, bytes_of(b.p, half));
    tp0_input(&x->tp, bytes_of(b.p + half, b.n - half));
}

static void in_one_piece(const struct side *x) {
    const struct session *s = &x->s;
    require(s->fsm.state < SESSION_N_STATES && x->ended <= 1 + !x->known);
    require(s->rx.phase == RX_SI || session_over(s));
    require(s->rx.seg_data.len <= COLLECT_LIMIT && s->rx.params.len <= COLLECT_LIMIT);
    require((s->tokens & ~session_available(s->requirements)) == 0);
}

static void begin(struct side *x, uint8_t how) {
    static const uint8_t cr[] = {3, 0, 0, 11, 6, 0xE0, 0, 0, 0, 9, 0}, cc[] = {3, 0, 0, 11, 6, 0xD0, 0, 1, 0, 9, 0};
    struct session_params p;
    struct buf d = {0};
    session_params_default(&p);
    p.collect_limit = COLLECT_LIMIT;
    p.extended_concatenation = how & EXTENDED;
    p.versions = how & VERSION_1 ? SESSION_VERSION_1 : 3;
    p.send_tsdu_max = how & TSDU_MAX;
    p.tsdu_max_send = p.tsdu_max_receive = 100;
    session_init(&x->s, &p, &user, x, &x->tp);
    tp0_init(&x->tp, &(struct tp0_params){.local_ref = 1}, &session_tp0_user, &x->s, &x->out);
    if (how & CALLING) {
        x->known = true;
        static const uint8_t much[11000];
        if ((how & CONNECT_DATA) && !(how & VERSION_1))
            buf_append(&d, much, sizeof much);
        session_connect_req(&x->s, &(struct session_connect){.requirements = SESSION_FU_RTSE}, &d);
    }
    tp0_input(&x->tp, how & CALLING ? bytes_of(cc, sizeof cc) : bytes_of(cr, sizeof cr));
    static const uint8_t cn[] = "\x0d\x11\x05\x0b\x13\x01\x00\x15\x04\x00\x64\x00\x64\x16\x01\x03\x14\x02\x02\x49";
    static const uint8_t ac[] = "\x0e\x11\x05\x0b\x13\x01\x00\x15\x04\x00\x64\x00\x64\x16\x01\x03\x14\x02\x02\x49";
    if (how & OPEN) {
        tsdu_input(x, bytes_of(how & CALLING ? ac : cn, sizeof cn - 1));
        if (!(how & CALLING))
            ask(x, 0);
    }
    buf_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct side x = {0};
    if (size < 1)
        return 0;
    begin(&x, data[0]);
    for (struct bytes in = bytes_of(data + 1, size - 1); in.n > 0 && !session_over(&x.s);) {
        uint8_t first = in.p[0];
        in = bytes_of(in.p + 1, in.n - 1);
        if (first >= FIRST_REQUEST) {
            ask(&x, first & 0x3F);
        } else {
            size_t n = first < in.n ? first : in.n;
            tsdu_input(&x, bytes_of(in.p, n));
            in = bytes_of(in.p + n, in.n - n);
        }
        in_one_piece(&x);
        buf_clear(&x.out);
    }
    tp0_network_closed(&x.tp, NULL);
    require(session_over(&x.s));
    session_free(&x.s);
    buf_free(&x.out);
    return 0;
}
