// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: a whole responder, from TPKT to RTSE, fed with what a caller sends. The first octet of an input says how
// its owner answers. The stream is given whole and once more in odd pieces: the owner must hear the same, and the peer
// get the same octets unless it is aborted.
#include "rfc1006/stack.h"
#include "tests/fuzz/upper.h"

enum { REFUSE = 1, REFUSE_DATA = 2, HOLD = 4, REFUSE_TRANSFER = 8, TWO_WAY = 16, SELECTORS = 32, RECOVER = 64 };

struct side {
    struct stack *s;
    uint8_t how;
    struct buf log, apdu;
    unsigned closed;
    bool over;
};

enum { NOW = 1000 };

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
        stack_rt_open_rsp(d->s, NOW, bytes_str("\xb1\x02\x30"));
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
static void ready(void *user, size_t room) {
    (void)user;
    (void)room;
}
static void transfer_cnf(void *user, const struct stack_transfer_end *e) {
    (void)e;
    note(user, 'T');
}
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

static void run(struct side *d, uint8_t how, struct bytes in, size_t piece, struct buf *sent) {
    static const struct stack_user user = {.address_ind = address,
                                           .rt_open_ind = open_ind,
                                           .rt_transfer_begin = begin,
                                           .rt_transfer_data = data,
                                           .rt_checkpoint_ind = checkpoint,
                                           .rt_transfer_end = end,
                                           .rt_resume_ind = resume_ind,
                                           .rt_ready = ready,
                                           .rt_transfer_cnf = transfer_cnf,
                                           .rt_close_ind = close_ind,
                                           .abort_ind = abort_ind,
                                           .closed = closed};
    struct stack_params p;
    stack_params_default(&p);
    p.tp_reference = 77;
    p.refuse_two_way_alternate = !(how & TWO_WAY);
    p.max_connect_data = 5000;
    *d = (struct side){.how = how};
    d->s = stack_new_responder(&p, &user, d);
    require(d->s != NULL);
    while (in.n > 0) {
        stack_input(d->s, NOW, take_some(&in, piece));
        struct buf *out = stack_output(d->s);
        buf_append(sent, buf_bytes(out).p, out->len);
        buf_clear(out);
    }
    stack_transport_closed(d->s, NOW, NULL);
    require(stack_closed(d->s) && d->closed == 1);
    stack_free(d->s);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct bytes in = bytes_of(octets, size);
    uint8_t how = take(&in);
    struct side whole, pieces;
    struct buf sent = {0}, sent_too = {0};
    run(&whole, how, in, in.n + 1, &sent);
    run(&pieces, how, in, 1 + how % 11, &sent_too);
    require(bytes_equal(buf_bytes(&whole.log), buf_bytes(&pieces.log)));
    size_t both = whole.apdu.len < pieces.apdu.len ? whole.apdu.len : pieces.apdu.len;
    require(both == 0 || memcmp(buf_bytes(&whole.apdu).p, buf_bytes(&pieces.apdu).p, both) == 0);
    require(whole.over == pieces.over);
    if (!whole.over) { // else octets in the same piece as the fault may be gone, and of two faults either is the first
        require(whole.apdu.len == pieces.apdu.len);
        require(bytes_equal(buf_bytes(&sent), buf_bytes(&sent_too)));
    }
    buf_free(&whole.log);
    buf_free(&whole.apdu);
    buf_free(&pieces.log);
    buf_free(&pieces.apdu);
    buf_free(&sent);
    buf_free(&sent_too);
    return 0;
}
