// SPDX-License-Identifier: BSD-2-Clause
// The owner of a whole stack, for the fuzz targets that have one: he answers as the first octet of an input says, and
// notes what he hears, so that two runs can be compared.
#ifndef TESTS_FUZZ_OWNER_H
#define TESTS_FUZZ_OWNER_H

#include "rfc1006/stack.h"
#include "tests/fuzz/fuzz.h"

enum { REFUSE = 1, REFUSE_DATA = 2, HOLD = 4, REFUSE_TRANSFER = 8, TWO_WAY = 16, SELECTORS = 32, RECOVER = 64 };
enum { NOW = 1000 };

struct side {
    struct stack *s;
    unsigned how;
    uint32_t apdu_size; // initiator: of what he sends, 0: he closes at once
    struct buf log, apdu;
    unsigned closed;
    bool over;
};

static void note(struct side *d, char what) {
    require(d->closed == 0);
    buf_append_u8(&d->log, (uint8_t)what);
}

static enum stack_answer address(void *user, enum stack_layer layer, const struct stack_address *called,
                                 const struct stack_address *calling) {
    struct side *d = user;
    (void)calling;
    look(called->tsel), look(called->ssel), look(called->psel);
    return d->how & SELECTORS && layer == STACK_SESSION && called->ssel.n > 3 ? STACK_UNKNOWN : STACK_ACCEPT;
}
static void open_ind(void *user, const struct stack_open *o) {
    struct side *d = user;
    note(d, 'O');
    look(o->user_data);
    if (d->how & REFUSE || (o->recover != NULL && !(d->how & RECOVER)))
        stack_rt_open_refuse(d->s, NOW, bytes_of(NULL, 0), RTSE_REFUSE_VALIDATION_FAILURE);
    else if (d->how & REFUSE_DATA)
        stack_rt_open_refuse(d->s, NOW, bytes_str("\xb2\x03\x02\x01\x02"), RTSE_REFUSE_NONE);
    else
        stack_rt_open_rsp(d->s, NOW, bytes_of("\xb1\x02\x30", 4));
}
static void begin(void *user, int32_t context) {
    (void)context;
    note(user, 'B');
}
static void data(void *user, struct bytes piece) {
    struct side *d = user;
    require(piece.n > 0 && d->closed == 0);
    buf_append(&d->apdu, piece.p, piece.n);
}
static void checkpoint(void *user, uint32_t serial, uint64_t octets) {
    struct side *d = user;
    note(d, 'C');
    buf_append_u32(&d->log, (uint32_t)octets);
    if (!(d->how & HOLD))
        stack_checkpoint_rsp(d->s, NOW, serial);
}
static void end(void *user, const struct stack_transfer_end *e) {
    struct side *d = user;
    note(d, e->ok ? 'E' : 'e');
    if (e->ok && d->how & REFUSE_TRANSFER)
        stack_transfer_refuse(d->s, NOW, RTSE_EXCEPTION_LOCAL_USER_ERROR);
    else if (e->ok)
        stack_transfer_rsp(d->s, NOW);
}
static void resume_ind(void *user, const struct rtse_recovery *old) {
    struct side *d = user;
    struct rtse_recovery state = *old;
    note(d, 'R');
    stack_resume_rsp(d->s, NOW, &state);
}

// ---- the one who opens ----

static void done(struct side *d) {
    d->apdu_size = 0;
    if (d->how & TWO_WAY && stack_turn_give(d->s, NOW) == ERR_OK)
        note(d, 'G');
    else
        stack_rt_close_req(d->s, NOW);
}
static void open_cnf(void *user, const struct stack_open_result *r) {
    struct side *d = user;
    note(d, r->accepted ? 'o' : 'r');
    look(r->user_data);
    require(r->accepted || (r->failure.text[0] != '\0' && r->failure.cause != NULL));
    d->over = !r->accepted;
    if (r->accepted && (d->apdu_size == 0 || stack_rt_transfer_req(d->s, NOW, d->apdu_size, 0) < 0))
        done(d);
}
static void ready(void *user, size_t room) {
    static const uint8_t zero[4096];
    struct side *d = user;
    require(room <= sizeof zero && stack_transfer_data(d->s, NOW, bytes_of(zero, room)) == ERR_OK);
}
static void checkpoint_cnf(void *user, uint32_t serial, uint64_t octets) {
    struct side *d = user;
    note(d, 'c');
    require(serial > 0 && octets <= d->apdu_size);
}
static void transfer_cnf(void *user, const struct stack_transfer_end *e) {
    struct side *d = user;
    note(d, e->ok ? 'T' : 't');
    require(e->ok || e->failure.text[0] != '\0');
    done(d);
}
static void turn_please(void *user, uint32_t priority) {
    (void)priority;
    note(user, 'P');
}
static void turn_give(void *user) {
    struct side *d = user;
    note(d, 'g');
    require(stack_turn(d->s));
    stack_rt_close_req(d->s, NOW);
}
static void close_cnf(void *user) {
    struct side *d = user;
    note(d, 'f');
    d->over = true;
}

// ---- both ----

static void close_ind(void *user) {
    struct side *d = user;
    note(d, 'F');
    stack_rt_close_rsp(d->s, NOW);
}
static void abort_ind(void *user, const struct stack_failure *f) {
    struct side *d = user;
    note(d, 'A');
    require(!d->over && f->text[0] != '\0' && f->cause != NULL);
    d->over = true;
}
static void closed(void *user) {
    require(((struct side *)user)->closed++ == 0);
}

static const struct stack_user owner = {.address_ind = address,
                                        .rt_open_ind = open_ind,
                                        .rt_open_cnf = open_cnf,
                                        .rt_transfer_begin = begin,
                                        .rt_transfer_data = data,
                                        .rt_checkpoint_ind = checkpoint,
                                        .rt_transfer_end = end,
                                        .rt_resume_ind = resume_ind,
                                        .rt_ready = ready,
                                        .rt_checkpoint_cnf = checkpoint_cnf,
                                        .rt_transfer_cnf = transfer_cnf,
                                        .rt_turn_please_ind = turn_please,
                                        .rt_turn_give_ind = turn_give,
                                        .rt_close_ind = close_ind,
                                        .rt_close_cnf = close_cnf,
                                        .abort_ind = abort_ind,
                                        .closed = closed};

static void sent_away(struct side *d, struct buf *sent) {
    struct buf *out = stack_output(d->s);
    buf_append(sent, buf_bytes(out).p, out->len);
    buf_clear(out);
    stack_output_drained(d->s, NOW);
}

static void side_free(struct side *d) {
    stack_free(d->s);
    buf_free(&d->log);
    buf_free(&d->apdu);
}

// The octets up to the end of the next TPKT, or all when there is none.
static inline size_t one_tpkt(struct bytes b) {
    size_t n = b.n < 4 ? b.n : (size_t)(b.p[2] << 8 | b.p[3]);
    return n < 4 || n > b.n ? b.n : n;
}

// What the peer sent, by whole TPKTs and in pieces, to two owners of whom `make` makes each: they hear the same, and
// the peer gets the same octets unless it is aborted.
static inline void compare(struct bytes in, size_t piece, void (*make)(struct side *d, unsigned how), unsigned how) {
    struct side side[2];
    struct buf sent[2] = {{0}, {0}};
    for (int k = 0; k < 2; k++) {
        struct side *d = &side[k];
        struct bytes left = in;
        make(d, how);
        require(d->s != NULL);
        sent_away(d, &sent[k]);
        while (left.n > 0) {
            stack_input(d->s, NOW, take_some(&left, k == 0 ? one_tpkt(left) : piece));
            sent_away(d, &sent[k]);
        }
        stack_transport_closed(d->s, NOW, NULL);
        require(stack_closed(d->s) && d->closed == 1);
    }
    struct side *a = &side[0], *b = &side[1];
    require(bytes_equal(buf_bytes(&a->log), buf_bytes(&b->log)) && a->over == b->over);
    size_t both = a->apdu.len < b->apdu.len ? a->apdu.len : b->apdu.len;
    require(both == 0 || memcmp(buf_bytes(&a->apdu).p, buf_bytes(&b->apdu).p, both) == 0);
    if (!a->over) { // else octets in the same piece as the fault may be gone, and of two faults either is the first
        require(a->apdu.len == b->apdu.len);
        require(bytes_equal(buf_bytes(&sent[0]), buf_bytes(&sent[1])));
    }
    for (int k = 0; k < 2; k++) {
        side_free(&side[k]);
        buf_free(&sent[k]);
    }
}

#endif
