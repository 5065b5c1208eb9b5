// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: a whole initiator, from TPKT to RTSE, that opens, transfers and closes, fed with what is answered. The
// first octet of an input chooses mode, dialogue, sizes, and what the rest is: the octets of the peer, given whole and
// once more in odd pieces; or changes to what a real responder sends (two octets: how far on; what; with which octet).
#include "tests/fuzz/owner.h"

enum { X410 = 1, PROTOCOL_1984 = 2, NO_CHECKPOINTS = 4, SMALL_TPDUS = 8, RECOVERS = 32, SENDS = 64, CHANGES = 128 };

static void params(struct stack_params *p, unsigned how) {
    stack_params_default(p);
    p->tp_reference = 77;
    p->mode = how & X410 ? RTSE_X410 : RTSE_NORMAL;
    p->protocol = how & PROTOCOL_1984 ? RTSE_PROTOCOL_P1_1984 : RTSE_PROTOCOL_P1_1988;
    p->dialogue = how & TWO_WAY ? RTSE_TWO_WAY_ALTERNATE : RTSE_MONOLOGUE;
    p->refuse_two_way_alternate = false;
    p->checkpoint = how & NO_CHECKPOINTS ? 0 : 1;
    p->tpdu_size = how & SMALL_TPDUS ? 128 : 0;
    p->max_connect_data = 5000;
}

static void make(struct side *d, unsigned how) {
    static const struct rtse_session_id old = {
        .user = {20, 1, 'x'}, .n_user = 3, .common = {23, 1, 'y'}, .n_common = 3};
    struct stack_params p;
    params(&p, how);
    *d = (struct side){.how = how & TWO_WAY, .apdu_size = how & SENDS ? 3000 : 0};
    d->s = stack_new_initiator(&p, &owner, d);
    require(d->s != NULL);
    require((how & RECOVERS ? stack_rt_recover_req(d->s, NOW, &old)
                            : stack_rt_open_req(d->s, NOW, bytes_of("\xb0\x02\x05", 4))) == ERR_OK);
}

// What was sent, with the next changes that fall into it.
static void change(struct buf *sent, struct bytes *changes, size_t *until, struct buf *out) {
    struct bytes left = buf_bytes(sent);
    while (left.n > 0) {
        struct bytes same = take_some(&left, *until);
        buf_append(out, same.p, same.n);
        *until -= same.n;
        if (*until > 0 || left.n == 0 || changes->n == 0) {
            if (changes->n == 0)
                *until = SIZE_MAX;
            continue;
        }
        uint8_t what = take(changes), with = take(changes);
        switch (what % 4) {
        case 0: buf_append_u8(out, take(&left) ^ with); break;
        case 1: buf_append_u8(out, with); break;
        case 2: take_some(&left, with); break;
        default: buf_append_u8(out, (uint8_t)(take(&left) + (what & 4 ? 1 : -1))); break;
        }
        *until = changes->n > 0 ? (size_t)take(changes) << 8 | take(changes) : SIZE_MAX;
    }
    buf_clear(sent);
}

static bool pass(struct side *from, struct side *to, struct bytes *changes, size_t *until) {
    struct buf sent = {0}, changed = {0};
    sent_away(from, &sent);
    bool any = sent.len > 0;
    if (changes != NULL)
        change(&sent, changes, until, &changed);
    struct buf *b = changes != NULL ? &changed : &sent;
    if (b->len > 0 && !stack_closed(to->s))
        stack_input(to->s, NOW, buf_bytes(b));
    buf_free(&sent);
    buf_free(&changed);
    return any;
}

static void changed_answers(unsigned how, struct bytes changes) {
    struct side a, b = {.how = TWO_WAY | RECOVER};
    struct stack_params p;
    size_t until = (size_t)take(&changes) << 8 | take(&changes);
    make(&a, how);
    params(&p, how);
    b.s = stack_new_responder(&p, &owner, &b);
    require(b.s != NULL);
    while (pass(&a, &b, NULL, NULL) || pass(&b, &a, &changes, &until))
        continue;
    stack_transport_closed(a.s, NOW, NULL);
    stack_transport_closed(b.s, NOW, NULL);
    require(stack_closed(a.s) && a.closed == 1 && stack_closed(b.s) && b.closed == 1);
    side_free(&a);
    side_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct bytes in = bytes_of(octets, size);
    uint8_t how = take(&in);
    if (how & CHANGES)
        changed_answers(how, in);
    else
        compare(in, 1 + how % 11, make, how);
    return 0;
}
