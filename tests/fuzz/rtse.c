// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: RTSE. The first octet of an input chooses a decoder (RTSE's APDUs, identifiers, what is stored of a
// recovery), or an association between two stacks, mode, dialogue and side; then the rest is a list of items for that
// side: TSDUs of the peer (an octet below 0xE0: so many octets follow; 0xE0: two octets of length), or what its user
// does. Octets of an APDU come in order and are counted; whatever comes, the owner hears the end once.
#include "rfc1006/rtse_codec.h"
#include "rfc1006/stack.h"
#include "tests/fuzz/fuzz.h"

struct side {
    struct stack *s;
    bool hold, open, receiving, resumed, over;
    uint64_t octets;
    struct rtse_recovery kept;
    uint32_t serial;
    unsigned closed;
};

enum { NOW = 1000 };

static void open_ind(void *user, const struct stack_open *o) {
    struct side *d = user;
    look(o->user_data);
    d->open = stack_rt_open_rsp(d->s, NOW, bytes_of("\xb1\x02\x05", 4)) == ERR_OK;
}
static void open_cnf(void *user, const struct stack_open_result *r) {
    ((struct side *)user)->open = r->accepted;
}
static void begin(void *user, int32_t context) {
    struct side *d = user;
    (void)context;
    require(d->open && !d->over);
    d->receiving = true;
    d->octets = 0;
}
static void data(void *user, struct bytes piece) {
    struct side *d = user;
    require(d->receiving && !d->over && piece.n > 0);
    look(piece);
    d->octets += piece.n;
}
static void checkpoint(void *user, uint32_t serial, uint64_t octets) {
    struct side *d = user;
    require(octets == (d->receiving ? d->octets : 0));
    d->serial = serial;
    if (!d->hold)
        stack_checkpoint_rsp(d->s, NOW, serial);
    stack_recovery(d->s, &d->kept);
}
static void end(void *user, const struct stack_transfer_end *e) {
    struct side *d = user;
    require(!d->over && (e->ok || e->failure.text[0] != '\0'));
    if (e->ok)
        require(e->octets == d->octets);
    d->kept = *e->recovery;
    d->receiving = false;
    if (e->ok && !d->hold)
        stack_transfer_rsp(d->s, NOW);
}
static void resume_ind(void *user, const struct rtse_recovery *old) {
    struct side *d = user;
    struct rtse_recovery state = d->kept;
    if (d->hold && old->serial % 2)
        stack_resume_refuse(d->s, NOW, old->serial % 4 == 1 ? RTSE_RESUME_COMPLETED : RTSE_RESUME_UNKNOWN);
    else if (stack_resume_rsp(d->s, NOW, &state) == ERR_OK) {
        require(old->serial > 0 && old->serial <= state.serial);
        d->receiving = true;
        d->octets = state.octets_confirmed;
    }
}
static void ready(void *user, size_t room) {
    static const uint8_t zero[1000];
    struct side *d = user;
    stack_transfer_data(d->s, NOW, bytes_of(zero, room < sizeof zero ? room : sizeof zero));
}
static void transfer_cnf(void *user, const struct stack_transfer_end *e) {
    struct side *d = user;
    require(!d->over && (e->ok || e->failure.text[0] != '\0'));
    d->kept = *e->recovery;
}
static void turn_please(void *user, uint32_t priority) {
    struct side *d = user;
    if (priority % 2)
        stack_turn_give(d->s, NOW);
}
static void turn_give(void *user) {
    require(stack_turn(((struct side *)user)->s));
}
static void close_ind(void *user) {
    struct side *d = user;
    stack_rt_close_rsp(d->s, NOW);
    d->over = true;
}
static void close_cnf(void *user) {
    ((struct side *)user)->over = true;
}
static void abort_ind(void *user, const struct stack_failure *f) {
    struct side *d = user;
    require(!d->over && f->text[0] != '\0' && f->cause != NULL);
    d->over = true;
}
static void closed(void *user) {
    require(((struct side *)user)->closed++ == 0);
}

static const struct stack_user side_user = {.rt_open_ind = open_ind,
                                            .rt_open_cnf = open_cnf,
                                            .rt_transfer_begin = begin,
                                            .rt_transfer_data = data,
                                            .rt_checkpoint_ind = checkpoint,
                                            .rt_transfer_end = end,
                                            .rt_resume_ind = resume_ind,
                                            .rt_ready = ready,
                                            .rt_transfer_cnf = transfer_cnf,
                                            .rt_turn_please_ind = turn_please,
                                            .rt_turn_give_ind = turn_give,
                                            .rt_close_ind = close_ind,
                                            .rt_close_cnf = close_cnf,
                                            .abort_ind = abort_ind,
                                            .closed = closed};

static bool move(struct side *from, struct side *to) {
    struct buf *out = stack_output(from->s);
    uint8_t octets[2000];
    size_t n = out->len < sizeof octets ? out->len : sizeof octets;
    if (n == 0)
        return false;
    memcpy(octets, buf_bytes(out).p, n);
    buf_consume(out, n);
    stack_input(to->s, NOW, bytes_of(octets, n));
    return true;
}

static void inject(struct side *d, struct bytes tsdu) {
    uint8_t head[] = {3, 0, (uint8_t)((tsdu.n + 7) >> 8), (uint8_t)(tsdu.n + 7), 2, 0xf0, 0x80};
    stack_input(d->s, NOW, bytes_of(head, sizeof head));
    stack_input(d->s, NOW, bytes_of(tsdu.p, tsdu.n / 2));
    stack_input(d->s, NOW, bytes_of(tsdu.p + tsdu.n / 2, tsdu.n - tsdu.n / 2));
}

static void request(struct side *d, uint8_t which, uint8_t with) {
    struct stack *s = d->s;
    switch (which % 16) {
    case 1: stack_rt_transfer_req(s, NOW, with * 37u, 0); break;
    case 2: stack_rt_resume_req(s, NOW, &d->kept, with * 37u, 0); break;
    case 3: stack_transfer_discard(s, NOW); break;
    case 4: stack_transfer_interrupt(s, NOW); break;
    case 5: stack_checkpoint_rsp(s, NOW, with); break;
    case 6: stack_transfer_rsp(s, NOW); break;
    case 7: stack_transfer_refuse(s, NOW, (enum rtse_exception)(with % 7)); break;
    case 8: stack_turn_please(s, NOW, with); break;
    case 9: stack_turn_give(s, NOW); break;
    case 10: stack_rt_close_req(s, NOW); break;
    case 11: d->hold = with & 1; break;
    case 12: stack_output_drained(s, NOW); break;
    case 13: stack_tick(s, NOW + with * 1000u); break;
    case 14: stack_recovery(s, &d->kept); break;
    case 15: stack_recovery_at(s, with, &d->kept); break;
    default: break;
    }
}

static void association(uint8_t how, struct bytes in) {
    struct side a = {.closed = 0}, b = {.closed = 0}, *d = how & 8 ? &a : &b;
    struct stack_params p;
    stack_params_default(&p);
    p.mode = how & 1 ? RTSE_X410 : RTSE_NORMAL;
    p.dialogue = how & 2 ? RTSE_TWO_WAY_ALTERNATE : RTSE_MONOLOGUE;
    p.refuse_two_way_alternate = false;
    p.checkpoint = how & 4 ? 0 : 1;
    p.max_connect_data = 5000;
    a.s = stack_new_initiator(&p, &side_user, &a);
    b.s = stack_new_responder(&p, &side_user, &b);
    require(a.s != NULL && b.s != NULL);
    stack_rt_open_req(a.s, NOW, bytes_of("\xb0\x02\x05", 4));
    while (move(&a, &b) || move(&b, &a))
        continue;
    require(a.open && b.open);
    d->kept.serial = 0;
    while (in.n > 0) {
        uint8_t which = take(&in);
        if (which > 0xe0) {
            request(d, which, take(&in));
        } else {
            size_t n = which < 0xe0 ? which : (size_t)take(&in) << 8;
            inject(d, take_some(&in, which < 0xe0 ? n : n | take(&in)));
        }
        buf_clear(stack_output(d->s));
        stack_output_drained(d->s, NOW);
        require(d->closed == stack_closed(d->s));
    }
    stack_transport_closed(d->s, NOW, NULL);
    require(stack_closed(d->s) && d->closed == 1);
    stack_free(a.s);
    stack_free(b.s);
}

static void decoders(uint8_t which, struct bytes in) {
    static const enum rtse_kind kinds[] = {RTSE_RTORQ, RTSE_RTOAC, RTSE_RTORJ, RTSE_RTAB};
    struct rtse_apdu apdu;
    struct rtse_session_id id, again;
    struct rtse_recovery r, same;
    struct buf b = {0};
    if (which < 5 && (which == 4 ? rtse_apdu_decode(in, &apdu) : rtse_members_decode(kinds[which], in, &apdu)) == 0) {
        look(apdu.user_data), look(apdu.session_id);
        require(apdu.dialogue >= 0 && apdu.dialogue <= 1);
        require(rtse_members_encode(&b, &apdu) == ERR_OK);
    } else if (which == 5 && rtse_session_id_decode(in, &id) == ERR_OK) {
        require(rtse_session_id_encode(&b, &id) == ERR_OK);
        require(rtse_session_id_decode(buf_bytes(&b), &again) == ERR_OK && rtse_same_session(&id, &again));
    } else if (which == 6 && rtse_recovery_get(in, &r) == ERR_OK) {
        require(rtse_recovery_put(&b, &r) == ERR_OK && rtse_recovery_get(buf_bytes(&b), &same) == ERR_OK);
        require(rtse_same_activity(&r, &same) && r.serial == same.serial && r.stream == same.stream);
    }
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct bytes in = bytes_of(octets, size);
    uint8_t how = take(&in);
    if (how & 0x10)
        decoders(how & 7, in);
    else
        association(how, in);
    return 0;
}
