// SPDX-License-Identifier: BSD-2-Clause
// A connection that is watched: TPKTs, TPDUs, TSDUs and SPDUs as they pass. What is malformed is told and the next TPKT
// or TSDU taken up; after octets that are missing or are no TPKT, the next thing that looks like one.
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "rfc1006/pdu_private.h"

enum { CODE_DT = 0xf0, EOT = 0x80, NOT_JOINED = 255 };

void pdu_emit(struct pdu_side *s, struct pdu *p) {
    p->to = s->at;
    if (s->w->user->pdu != NULL)
        s->w->user->pdu(s->w->ctx, p);
    pdu_free(p);
}

static void say(struct pdu_side *s, enum stack_layer layer, const char *name, uint64_t from, const char *fault) {
    struct pdu p;
    pdu_init(&p, layer, s->index, name);
    p.from = from;
    pdu_fault(&p, s->at, "%s", fault);
    pdu_emit(s, &p);
}

static int keep(struct pdu_side *s, struct buf *b, const void *p, size_t n) {
    int err = buf_append(b, p, n);
    if (err < 0)
        s->w->err = err;
    return err;
}

// ---- session ----

// User data in one piece go up at once, those in segments with the last of them.
static void user_data(struct pdu_side *s, bool first, const struct spdu *spdu) {
    bool begins = (spdu->enclosure & ENCLOSURE_BEGIN) != 0, ends = (spdu->enclosure & ENCLOSURE_END) != 0;
    bool overflow = first && s->si == SI_CN && spdu_has(spdu, PI_DATA_OVERFLOW);
    if (first && s->si == SI_CDO && s->joined_si == SI_CN)
        begins = false;
    else if (overflow)
        begins = true, ends = false;
    if (begins && ends) {
        pdu_upper_user_data(s, s->si, first, spdu->user_data);
        return;
    }
    if (begins) {
        buf_clear(&s->joined);
        s->joined_si = s->si;
    }
    if (s->joined_si == NOT_JOINED)
        return; // of something whose beginning was not seen
    if (s->joined.len + spdu->user_data.n > PDU_JOINED_MAX) {
        say(s, STACK_SESSION, spdu_name(s->joined_si, first), s->spdu_at, "its user data in segments are too long");
        s->joined_si = NOT_JOINED;
    } else if (keep(s, &s->joined, spdu->user_data.p, spdu->user_data.n) == ERR_OK && ends) {
        uint8_t si = s->joined_si;
        s->joined_si = NOT_JOINED;
        pdu_upper_user_data(s, si, first, buf_bytes(&s->joined));
        buf_clear(&s->joined);
    }
}

static void data_begin(struct pdu_side *s, const struct spdu *spdu) {
    s->phase = SPDU_DATA;
    s->ssdu_end = (spdu->enclosure & ENCLOSURE_END) != 0;
    if ((spdu->enclosure & ENCLOSURE_BEGIN) != 0 || !s->ssdu_open)
        pdu_upper_data_begin(s);
    s->ssdu_open = true;
}

// An SPDU is complete but for the user information of a DT.
static void spdu_done(struct pdu_side *s) {
    struct spdu spdu;
    struct pdu p;
    char why[120];
    bool first = s->first, category_0 = first && (s->si == SI_GT || s->si == SI_PT);
    pdu_init(&p, STACK_SESSION, s->index, spdu_name(s->si, first));
    p.from = s->spdu_at;
    s->phase = SPDU_SI;
    s->first = false;
    int err = spdu_read(s->si, buf_bytes(&s->params), &spdu, why, sizeof why);
    if (err < 0) {
        pdu_fault(&p, s->at, "%s", why);
        pdu_emit(s, &p);
        if (!first && s->si == SI_DT)
            s->phase = SPDU_LOST;
        return;
    }
    s->prefix = category_0 && s->params.len == 0;
    if (s->prefix) { // only what is in front of others: told if nothing follows
        pdu_free(&p);
        return;
    }
    pdu_spdu(&p, s->si, first, &spdu);
    pdu_emit(s, &p);
    if (!first && s->si == SI_DT) {
        data_begin(s, &spdu);
        return;
    }
    pdu_upper_spdu(s, s->si, first, &spdu);
    user_data(s, first, &spdu);
}

static void length_done(struct pdu_side *s) {
    buf_clear(&s->params);
    s->phase = SPDU_PARAMS;
    if (s->li == 0)
        spdu_done(s);
}

static void length_octet(struct pdu_side *s, uint8_t octet) {
    if (s->li_octets == 0) {
        s->li = octet;
        s->li_octets = octet == 255 ? 1 : 0;
        if (octet == 255)
            s->li = 0;
        else
            length_done(s);
        return;
    }
    s->li = s->li << 8 | octet;
    if (++s->li_octets == 3) {
        s->li_octets = 0;
        length_done(s);
    }
}

static void tsdu_input(struct pdu_side *s, struct bytes in) {
    while (in.n > 0 && s->w->err == ERR_OK) {
        size_t n = 1;
        switch (s->phase) {
        case SPDU_SI:
            s->spdu_at = s->in_at + (uint64_t)(in.p - s->in);
            s->si = *in.p;
            s->li_octets = 0;
            s->prefix = false;
            s->phase = SPDU_LI;
            break;
        case SPDU_LI: length_octet(s, *in.p); break;
        case SPDU_PARAMS:
            n = s->li - s->params.len < in.n ? s->li - s->params.len : in.n;
            if (keep(s, &s->params, in.p, n) == ERR_OK && s->params.len == s->li)
                spdu_done(s);
            break;
        case SPDU_DATA:
            n = in.n;
            pdu_upper_data(s, in);
            break;
        case SPDU_LOST: n = in.n; break;
        }
        in = bytes_of(in.p + n, in.n - n);
    }
}

static void tsdu_end(struct pdu_side *s) {
    struct pdu p;
    s->tsdu_open = false;
    if (s->phase == SPDU_LI || s->phase == SPDU_PARAMS)
        say(s, STACK_SESSION, spdu_name(s->si, s->first), s->spdu_at, "the TSDU ends before this SPDU does");
    else if (s->phase == SPDU_SI && s->first)
        say(s, STACK_SESSION, "TSDU", s->tpkt_at, "there is no SPDU in it");
    else if (s->phase == SPDU_SI && s->prefix) {
        pdu_init(&p, STACK_SESSION, s->index, spdu_name(s->si, true));
        p.from = s->spdu_at;
        pdu_emit(s, &p);
    } else if (s->phase == SPDU_DATA && s->ssdu_end) {
        s->ssdu_open = false;
        pdu_upper_data_end(s);
    }
}

// ---- transport ----

static void tpdu_head_done(struct pdu_side *s) {
    struct pdu p;
    uint8_t code = s->head[1] & 0xf0;
    pdu_init(&p, STACK_TRANSPORT, s->index, "TPDU");
    p.from = s->tpkt_at;
    p.to = s->at;
    pdu_tpdu(&p, bytes_of(s->head, s->need_head));
    bool dt = code == CODE_DT && p.fault == NULL;
    if (dt)
        pdu_put(&p, "octets", "%zu", s->payload - s->need_head);
    pdu_emit(s, &p);
    s->tpdu = dt ? TPDU_DATA : TPDU_SKIP;
    if (!dt)
        return;
    s->eot = (s->head[2] & EOT) != 0;
    if (!s->tsdu_open) {
        s->tsdu_open = s->first = true;
        s->prefix = false;
        s->phase = SPDU_SI;
    }
}

static int on_tpkt(void *user, size_t size) {
    struct pdu_side *s = user;
    s->tpkt_new = true;
    s->payload = size;
    s->tpdu = TPDU_HEAD;
    s->n_head = 0;
    s->need_head = 1;
    return ERR_OK;
}

static void tpdu_end(struct pdu_side *s) {
    if (s->tpdu == TPDU_HEAD)
        say(s, STACK_TRANSPORT, "TPDU", s->tpkt_at, "its header is longer than its TPKT");
    else if (s->tpdu == TPDU_DATA && s->eot && s->tsdu_open)
        tsdu_end(s);
    s->tpkt_next = s->tpkt_at + TPKT_HEADER + s->payload;
}

static int on_payload(void *user, struct bytes piece, bool last) {
    struct pdu_side *s = user;
    uint64_t at = s->in_at + (uint64_t)(piece.p - s->in);
    if (s->tpkt_new)
        s->tpkt_at = at < TPKT_HEADER ? 0 : at - TPKT_HEADER;
    s->tpkt_new = false;
    s->at = at + piece.n;
    while (piece.n > 0 && s->tpdu == TPDU_HEAD) {
        s->head[s->n_head++] = *piece.p++;
        piece.n--;
        s->need_head = (size_t)s->head[0] + 1;
        if (s->need_head < 3) // LI 255 is reserved, and makes a header of 256 octets: read like any other
            s->need_head = 3;
        if (s->n_head == s->need_head)
            tpdu_head_done(s);
    }
    if (s->tpdu == TPDU_DATA && piece.n > 0)
        tsdu_input(s, piece);
    if (last)
        tpdu_end(s);
    return s->w->err;
}

// ---- octets ----

int pdu_looks_like_tpkt(struct bytes b) {
    static const uint8_t codes[] = {0xe0, 0xd0, 0x80, 0x70, 0xf0};
    bool known = false;
    if (b.n > 0 && b.p[0] != 3)
        return 0;
    if (b.n < PDU_LOOK)
        return -1;
    size_t size = (size_t)b.p[2] << 8 | b.p[3];
    for (size_t i = 0; i < sizeof codes; i++)
        known |= (b.p[5] & 0xf0) == codes[i];
    if (size < TPKT_MIN || !known || (size_t)b.p[4] + 5 > size || b.p[4] < 2)
        return 0;
    return b.p[5] != CODE_DT || (b.p[4] == 2 && (b.p[6] & ~EOT) == 0);
}

static void feed(struct pdu_side *s, struct bytes in, uint64_t at);

// Passes over octets until some look like a TPKT, and reads these. How many of `in` were taken.
static size_t seek(struct pdu_side *s, struct bytes in, uint64_t at) {
    for (size_t i = 0; i < in.n; i++) {
        s->look[s->n_look++] = in.p[i];
        if (s->n_look < PDU_LOOK)
            continue;
        if (pdu_looks_like_tpkt(bytes_of(s->look, PDU_LOOK)) == 1) {
            s->seeking = false;
            s->n_look = 0;
            s->tpkt = (struct tpkt){0};
            s->tpkt_next = at + i + 1 - PDU_LOOK;
            feed(s, bytes_of(s->look, PDU_LOOK), s->tpkt_next);
            return i + 1;
        }
        memmove(s->look, s->look + 1, --s->n_look);
    }
    return in.n;
}

// How many of `in` were read before it was seen that they are no TPKTs; all, when they are.
static size_t read_tpkts(struct pdu_side *s, struct bytes in, uint64_t at) {
    static const struct tpkt_user up = {on_tpkt, on_payload};
    s->in = in.p;
    s->in_at = at;
    if (tpkt_input(&s->tpkt, in, &up, s) == ERR_OK || s->w->err < 0)
        return in.n;
    s->at = s->tpkt_next + 1 > at ? s->tpkt_next + 1 : at; // one octet on
    struct pdu p;
    pdu_init(&p, STACK_TRANSPORT, s->index, "TPKT");
    p.from = s->tpkt_next;
    pdu_fault(&p, s->tpkt_next, "%s", s->tpkt.error);
    pdu_emit(s, &p);
    uint64_t from = s->at;
    pdu_watch_seek(s->w, s->index);
    return from - at < in.n ? (size_t)(from - at) : in.n;
}

static void feed(struct pdu_side *s, struct bytes in, uint64_t at) {
    while (in.n > 0 && s->w->err >= 0) {
        size_t n = s->seeking ? seek(s, in, at) : read_tpkts(s, in, at);
        in = bytes_of(in.p + n, in.n - n);
        at += n;
    }
}

// What was being read is broken off.
static void tsdu_lost(struct pdu_side *s) {
    if (s->tsdu_open && (s->phase == SPDU_LI || s->phase == SPDU_PARAMS))
        say(s, STACK_SESSION, spdu_name(s->si, s->first), s->spdu_at, "octets of it are missing");
    if (s->tsdu_open && s->phase == SPDU_DATA)
        s->ssdu_open = false;
    s->phase = SPDU_LOST;
    s->joined_si = NOT_JOINED;
    pdu_upper_lost(s);
}

void pdu_watch_seek(struct pdu_watch *w, unsigned side) {
    struct pdu_side *s = &w->side[side];
    if (s->heard && !s->seeking)
        tsdu_lost(s);
    s->tsdu_open = false;
    s->seeking = true;
    s->n_look = 0;
}

int pdu_watch_input(struct pdu_watch *w, unsigned side, struct bytes octets) {
    struct pdu_side *s = &w->side[side];
    uint64_t at = s->offset;
    s->heard = true;
    s->offset += octets.n;
    feed(s, octets, at);
    return w->err;
}

void pdu_watch_gap(struct pdu_watch *w, unsigned side, uint64_t octets) {
    struct pdu_side *s = &w->side[side];
    s->offset += octets;
    s->at = s->offset;
    bool inside = !s->seeking && s->tpkt.left > 0 && octets > 0 && octets <= s->tpkt.left && s->tpdu != TPDU_HEAD;
    if (!inside) {
        pdu_watch_seek(w, side);
        return;
    }
    if (s->tpdu == TPDU_DATA)
        tsdu_lost(s);
    s->tpkt.left -= (size_t)octets;
    if (s->tpkt.left == 0)
        tpdu_end(s);
}

void pdu_watch_end(struct pdu_watch *w, unsigned side) {
    struct pdu_side *s = &w->side[side];
    char text[80];
    if (!s->seeking && (s->tpkt.left > 0 || s->tpkt.n_header > 0)) {
        snprintf(text, sizeof text, "the connection ends in it, %zu octets before its end", s->tpkt.left);
        say(s, STACK_TRANSPORT, "TPKT", s->tpkt.left > 0 ? s->tpkt_at : s->tpkt_next,
            s->tpkt.left > 0 ? text : "the connection ends in its header");
    } else if (!s->seeking && s->tsdu_open)
        say(s, STACK_TRANSPORT, "TSDU", s->tpkt_at, "the connection ends before its last TPDU");
    s->tpkt = (struct tpkt){0};
    s->tsdu_open = false;
    s->seeking = true;
    if (w->side[!side].seeking || !w->side[!side].heard)
        pdu_upper_end(w);
}

uint64_t pdu_watch_offset(const struct pdu_watch *w, unsigned side) {
    return w->side[side].offset;
}

struct pdu_watch *pdu_watch_new(const struct pdu_watch_user *u, void *ctx) {
    struct pdu_watch *w = mem_calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->user = u;
    w->ctx = ctx;
    for (unsigned i = 0; i < 2; i++) {
        w->side[i].w = w;
        w->side[i].index = i;
        w->side[i].joined_si = NOT_JOINED;
    }
    pdu_upper_init(w);
    return w;
}

void pdu_watch_free(struct pdu_watch *w) {
    if (w == NULL)
        return;
    pdu_upper_free(w);
    for (unsigned i = 0; i < 2; i++) {
        buf_free(&w->side[i].params);
        buf_free(&w->side[i].joined);
    }
    mem_free(w);
}
