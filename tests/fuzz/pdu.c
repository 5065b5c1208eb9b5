// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: a connection that is watched. An input is a list of items: an octet of whose bits the lowest is the
// side, the next two what happens there (octets, a gap, seeking, an assumption), and the others how much; then the
// octets. Whatever comes, every PDU can be shown, and transfers begin and end.
#include "rfc1006/pdu.h"
#include "tests/fuzz/fuzz.h"

enum { ANOTHER = 30, KEPT = 4 };

struct seen {
    bool open[2];
    struct pdu_kept *kept[KEPT];
    size_t n;
};

static void on_pdu(void *ctx, const struct pdu *p) {
    struct buf line = {0};
    (void)ctx;
    require(p->name != NULL && p->side < 2 && p->n <= PDU_FIELDS && p->from <= p->to);
    require(pdu_line(p, &line) == ERR_OK);
    look(buf_bytes(&line));
    require(p->fault == NULL || p->fault[0] != '\0');
    buf_free(&line);
}
static void on_bind(void *ctx, unsigned side, enum rtse_mode mode, int apdu, struct bytes value) {
    (void)ctx, (void)mode, (void)apdu;
    require(side < 2);
    look(value);
}
static void begin(void *ctx, const struct pdu_transfer *t) {
    struct seen *s = ctx;
    require(t->side < 2 && !s->open[t->side]);
    s->open[t->side] = true;
    look(t->id);
}
static void data(void *ctx, const struct pdu_transfer *t, struct bytes piece) {
    struct seen *s = ctx;
    require(s->open[t->side] && piece.n > 0);
    look(piece);
}
static void end(void *ctx, const struct pdu_transfer *t, enum pdu_transfer_end how) {
    struct seen *s = ctx;
    require(s->open[t->side] || how == PDU_TRANSFER_LOST);
    s->open[t->side] = false;
}
static void keep(void *ctx, const struct pdu_transfer *t, struct pdu_kept *kept) {
    struct seen *s = ctx;
    require(s->open[t->side] && kept != NULL);
    s->open[t->side] = false;
    pdu_kept_free(s->kept[s->n % KEPT]);
    s->kept[s->n++ % KEPT] = kept;
}
static const struct pdu_kept *find(void *ctx, const struct spdu *resume) {
    struct seen *s = ctx;
    for (size_t i = 0; i < KEPT; i++)
        if (s->kept[i] != NULL && pdu_kept_is(s->kept[i], resume))
            return s->kept[i];
    return NULL;
}
static const struct pdu_watch_user user = {.pdu = on_pdu,
                                           .bind = on_bind,
                                           .transfer_keep = keep,
                                           .transfer_find = find,
                                           .transfer_begin = begin,
                                           .transfer_data = data,
                                           .transfer_end = end};

static void over(struct pdu_watch *w, struct seen *s) {
    pdu_watch_end(w, 0);
    pdu_watch_end(w, 1);
    pdu_watch_free(w);
    s->open[0] = s->open[1] = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct bytes in = bytes_of(octets, size);
    struct seen s = {.open = {false}};
    struct pdu_watch *w = pdu_watch_new(&user, &s);
    require(w != NULL);
    while (in.n > 0) {
        uint8_t item = take(&in);
        unsigned side = item & 1;
        size_t n = (item >> 3) < 31 ? item >> 3 : (size_t)take(&in) << 8 | take(&in);
        uint64_t before = pdu_watch_offset(w, side);
        switch (item >> 1 & 3) {
        case 1: pdu_watch_gap(w, side, n); break;
        case 2:
            if (n == ANOTHER) {
                over(w, &s);
                w = pdu_watch_new(&user, &s);
                require(w != NULL);
            } else {
                pdu_watch_seek(w, side);
            }
            break;
        case 3: pdu_watch_assume(w, n & 1 ? RTSE_X410 : RTSE_NORMAL, n & 2 ? 1 : 12); break;
        default: {
            struct bytes piece = take_some(&in, n);
            require(pdu_watch_input(w, side, piece) == ERR_OK);
            require(pdu_watch_offset(w, side) == before + piece.n);
        }
        }
    }
    over(w, &s);
    for (size_t i = 0; i < KEPT; i++)
        pdu_kept_free(s.kept[i]);
    return 0;
}
