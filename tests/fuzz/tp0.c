// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: what the network gives to TPKT and transport class 0. The first octet of an input says which side is
// tested and how its user answers, the rest is the stream. It is given whole and once more in odd pieces: both must
// send the same, tell the same and end the same.
#include "rfc1006/tp0.h"
#include "tests/fuzz/fuzz.h"

enum { CALLING = 1, HOLD = 2, REFUSE = 4, ANSWER_DATA = 8, SEND_SIZE = 16, PREFERRED = 32, CALL_BACK = 64 };

struct side {
    struct tp0 t;
    struct buf out, data;
    uint8_t how;
    unsigned told, ssdus, ended; // indications; TSDUs; disconnect indications
};

static void connect_ind(void *user, const struct tp0_connect *c) {
    struct side *s = user;
    s->told++;
    require(!s->ended && c->tpdu_size >= 128 && c->tpdu_size <= TP0_SIZE_DEFAULT);
    if (s->how & REFUSE)
        tp0_disconnect_req(&s->t, TP0_REASON_ADDRESS_UNKNOWN);
    else if (!(s->how & HOLD))
        tp0_connect_rsp(&s->t);
}

static void connect_cnf(void *user, const struct tp0_connect *c) {
    struct side *s = user;
    s->told++;
    require(!s->ended && c->tpdu_size >= 128 && c->tpdu_size <= TP0_SIZE_DEFAULT);
}

static void data_ind(void *user, struct bytes piece, bool last) {
    struct side *s = user;
    require(!s->ended && (last || piece.n > 0));
    buf_append(&s->data, piece.p, piece.n);
    s->ssdus += last;
    if (last && (s->how & ANSWER_DATA))
        tp0_data_piece_req(&s->t, (struct bytes){0}, bytes_str("answer"), s->ssdus % 2);
    if (last && (s->how & CALL_BACK) && s->ssdus == 3)
        tp0_disconnect_req(&s->t, TP0_REASON_NORMAL);
}

static void disconnect_ind(void *user, const struct tp0_disconnect *d) {
    struct side *s = user;
    require(!s->ended && d->text != NULL && d->text[0] != 0);
    s->ended++;
}

static const struct tp0_user user = {connect_ind, connect_cnf, data_ind, disconnect_ind};

static void feed(struct side *s, uint8_t how, struct bytes in, bool whole) {
    *s = (struct side){.how = how};
    const struct tp0_params p = {.local_ref = 1,
                                 .tpdu_size = how & HOLD ? 4000 : 0,
                                 .send_size = how & SEND_SIZE,
                                 .send_preferred = how & PREFERRED};
    tp0_init(&s->t, &p, &user, s, &s->out);
    if (how & CALLING)
        tp0_connect_req(&s->t);
    for (size_t step = 1; in.n > 0 && !tp0_over(&s->t); step = step % 7 + 1) {
        size_t n = whole || step > in.n ? in.n : step;
        int r = tp0_input(&s->t, bytes_of(in.p, n));
        require(r == 0 || tp0_over(&s->t));
        in = bytes_of(in.p + n, in.n - n);
    }
    tp0_network_closed(&s->t, NULL);
    require(tp0_over(&s->t));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct side a, b;
    if (size < 1)
        return 0;
    struct bytes in = bytes_of(data + 1, size - 1);
    feed(&a, data[0], in, true);
    feed(&b, data[0], in, false);
    require(bytes_equal(buf_bytes(&a.out), buf_bytes(&b.out)) && bytes_equal(buf_bytes(&a.data), buf_bytes(&b.data)));
    require(a.told == b.told && a.ssdus == b.ssdus && a.ended == b.ended && strcmp(a.t.error, b.t.error) == 0);
    buf_free(&a.out);
    buf_free(&a.data);
    buf_free(&b.out);
    buf_free(&b.data);
    return 0;
}
