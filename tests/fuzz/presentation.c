// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: PPDUs and presentation data values. The first octet of an input says what the rest is. Values are read
// whole, in odd pieces, and in two halves by two readers of which the second goes on from the first one's mark: all
// must see the same.
#include "rfc1006/presentation_codec.h"
#include "rfc1006/presentation_pdv.h"
#include "tests/fuzz/fuzz.h"

struct seen {
    struct buf log; // 0xFE and the context at a begin, 0xFF at an end, octets between
};

static int seen_begin(void *ctx, int64_t context) {
    struct seen *s = ctx;
    buf_append_u8(&s->log, 0xfe);
    return buf_append_u32(&s->log, (uint32_t)context);
}
static int seen_data(void *ctx, struct bytes piece) {
    struct seen *s = ctx;
    require(piece.n > 0);
    return buf_append(&s->log, piece.p, piece.n);
}
static int seen_end(void *ctx) {
    return buf_append_u8(&((struct seen *)ctx)->log, 0xff);
}
static const struct pdv_user seen_user = {seen_begin, seen_data, seen_end};

static int read_in_pieces(enum pdv_kind kind, struct bytes in, size_t piece, struct seen *s) {
    struct pdv_stream p;
    int err = ERR_OK;
    pdv_stream_init(&p, kind, &seen_user, s);
    while (err == ERR_OK && in.n > 0)
        err = pdv_stream_feed(&p, take_some(&in, piece));
    if (err == ERR_OK)
        err = pdv_stream_end(&p);
    pdv_stream_free(&p);
    return err;
}

static int read_in_halves(enum pdv_kind kind, struct bytes in, size_t at, struct seen *s) {
    struct pdv_stream a, b;
    struct pdv_mark m;
    pdv_stream_init(&a, kind, &seen_user, s);
    pdv_stream_init(&b, kind, &seen_user, s);
    int err = pdv_stream_feed(&a, take_some(&in, at));
    if (err == ERR_OK) {
        pdv_stream_mark(&a, &m);
        struct pdv_stream *next = m.valid ? &b : &a;
        if (m.valid)
            require(pdv_stream_restore(&b, &m) == ERR_OK);
        err = pdv_stream_feed(next, in);
        if (err == ERR_OK)
            err = pdv_stream_end(next);
    }
    pdv_stream_free(&a);
    pdv_stream_free(&b);
    return err;
}

static void values(enum pdv_kind kind, uint8_t how, struct bytes in) {
    struct seen whole = {{0}}, pieces = {{0}}, halves = {{0}};
    int err = read_in_pieces(kind, in, in.n + 1, &whole);
    int err_pieces = read_in_pieces(kind, in, 1 + how % 7, &pieces);
    int err_halves = read_in_halves(kind, in, in.n == 0 ? 0 : how % in.n, &halves);
    require((err == ERR_OK) == (err_pieces == ERR_OK) && (err == ERR_OK) == (err_halves == ERR_OK));
    if (err == ERR_OK)
        require(bytes_equal(buf_bytes(&whole.log), buf_bytes(&pieces.log)) &&
                bytes_equal(buf_bytes(&whole.log), buf_bytes(&halves.log)));
    buf_free(&whole.log);
    buf_free(&pieces.log);
    buf_free(&halves.log);
    int64_t context;
    struct bytes value;
    if ((kind == PDV_USER_DATA ? pdv_first(in, &context, &value) : pdv_external(in, &context, &value)) == ERR_OK) {
        require(context >= -1 && context <= INT32_MAX);
        look(value);
    }
}

static void ppdu(uint8_t which, struct bytes in) {
    struct presentation_ppdu p;
    enum presentation_abort_kind kind;
    int err = which == 0   ? presentation_cp_decode(in, &p)
              : which == 1 ? presentation_cpa_decode(in, &p)
              : which == 2 ? presentation_cpr_decode(in, &p)
                           : presentation_abort_decode(in, &kind, &p);
    if (err < 0)
        return;
    look(p.calling_psel), look(p.called_psel), look(p.user_data);
    require(p.n_contexts <= PRESENTATION_CONTEXTS);
    for (size_t i = 0; i < p.n_contexts; i++) {
        look(p.contexts[i].abstract_syntax);
        require(presentation_rejection_text(p.contexts[i].reason) != NULL);
    }
    require(presentation_provider_reason_text(p.provider_reason) != NULL);
    require(presentation_abort_text(p.provider_reason) != NULL);
    if (which > 2)
        return;
    struct buf b = {0}; // what was read can be written again, and reads the same
    struct presentation_ppdu again;
    buf_append(&b, p.user_data.p, p.user_data.n);
    if (!p.normal_mode)
        require((which < 2 ? presentation_x410_connect_encode(&b) : presentation_x410_encode(&b)) == ERR_OK);
    else
        require((which == 0   ? presentation_cp_encode(&b, &p)
                 : which == 1 ? presentation_cpa_encode(&b, &p)
                              : presentation_cpr_encode(&b, &p)) == ERR_OK);
    require((which == 0   ? presentation_cp_decode(buf_bytes(&b), &again)
             : which == 1 ? presentation_cpa_decode(buf_bytes(&b), &again)
                          : presentation_cpr_decode(buf_bytes(&b), &again)) == ERR_OK);
    require(again.normal_mode == p.normal_mode && bytes_equal(again.user_data, p.user_data));
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes in = bytes_of(data, size);
    uint8_t what = take(&in) % 6;
    if (what < 4) {
        ppdu(what, in);
    } else {
        uint8_t how = take(&in);
        values(what == 4 ? PDV_USER_DATA : PDV_EXTERNAL, how, in);
    }
    return 0;
}
