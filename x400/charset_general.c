// SPDX-License-Identifier: BSD-2-Clause
// General text (X.420) and T.61 as streams. Both are ISO 2022: up to four graphic sets G0..G3 are designated by escape
// sequences, one of them is invoked into the left half of the code table (octets 20-7F), one into the right (A0-FF).
// What is read: designations of the sets in the table below, locking and single shifts, and the switch to UTF-8 and
// back. Announcers and designations of control sets are passed over. A set that is not in the table shows U+FFFD.
// A general text begins with ASCII in G0 and the first right half that its parameters name in G1, because many senders
// leave out the escape sequence; T.61 begins with its own two sets. What is written: one designation, then the text.
#include "x400/charset.h"

#include <iconv.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "x400/charset_sets.h"

enum { REPLACEMENT = 0xFFFD, ESC = 0x1B, NONE = 0 };

// ISO 8859 in the order in which charset_smallest tries them: the parts that most systems know come first.
static const unsigned right_halves[] = {100, 101, 148, 144, 126, 127, 138, 109, 110, 157, 166, 179, 199, 203, 226};

// One character of two octets in the encoding of cd; NONE: there is none.
static uint32_t convert_wide(iconv_t cd, const uint8_t octets[2]) {
    uint8_t wide[8];
    char *in = (char *)(uintptr_t)octets, *to = (char *)wide; // iconv's interface lacks the const
    size_t n = 2, room = sizeof wide;
    iconv(cd, NULL, NULL, NULL, NULL);
    if (iconv(cd, &in, &n, &to, &room) == (size_t)-1 || iconv(cd, NULL, NULL, &to, &room) == (size_t)-1 || room != 4)
        return NONE;
    return (uint32_t)wide[0] << 24 | (uint32_t)wide[1] << 16 | (uint32_t)wide[2] << 8 | wide[3];
}

// ---- writing ----

// The octet for a character in ASCII and a right half (NULL: ASCII alone); 0: there is none.
static uint8_t encode_one(const struct charset_set *s, uint32_t c) {
    if (c < 0x80)
        return c == ESC || c == 0x0E || c == 0x0F ? 0 : (uint8_t)c;
    return s == NULL || c < 0xA0 ? 0 : charset_set_octet(s, c);
}

static bool set_holds(const struct charset_set *s, struct bytes utf8) {
    const char *p = (const char *)utf8.p, *end = p + utf8.n;
    while (p < end)
        if (encode_one(s, charset_utf8_next(&p, end)) == 0)
            return false;
    return true;
}

unsigned charset_smallest(struct bytes utf8) {
    if (set_holds(NULL, utf8))
        return 6;
    for (size_t i = 0; i < sizeof right_halves / sizeof *right_halves; i++)
        if (set_holds(charset_set_find(right_halves[i]), utf8))
            return right_halves[i];
    return 0;
}

int charset_general_encode(struct bytes utf8, unsigned registration, struct buf *out) {
    const struct charset_set *s = registration == 6 ? NULL : charset_set_find(registration);
    if (registration != 6 && (s == NULL || !s->is96))
        return ERR_SYNTAX;
    const char *p = (const char *)utf8.p, *end = p + utf8.n;
    size_t before = out->len;
    int r = buf_reserve(out, utf8.n + 3);
    if (r == 0 && s != NULL)
        r = buf_append(out, (const uint8_t[]){ESC, '-', (uint8_t)s->final}, 3);
    while (r == 0 && p < end) {
        uint8_t octet = encode_one(s, charset_utf8_next(&p, end));
        r = octet == 0 ? ERR_SYNTAX : buf_append_u8(out, octet);
    }
    if (r != 0)
        out->len = before;
    return r;
}

// ---- reading ----

struct charset_decoder {
    enum charset_kind kind;
    const struct charset_set *g[4]; // designated; NULL: none, or one that is not known
    uint8_t left, right;            // which of them is invoked where
    uint8_t single;                 // 2 or 3: for the next character only
    bool utf8;                      // switched by ESC % G
    uint8_t accent;                 // waits for its letter, as an octet of the right half
    uint8_t held[8];                // an escape sequence or a character in part
    size_t n_held;
    unsigned long lost;
    struct {
        const struct charset_set *set;
        iconv_t cd;
    } wide[CHARSET_WIDE_SETS]; // those that were met
    size_t n_wide;
};

struct charset_decoder *charset_decoder_new(enum charset_kind kind, const unsigned *registrations, size_t n) {
    struct charset_decoder *d = mem_calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->kind = kind;
    d->right = 1;
    d->utf8 = kind == CHARSET_UTF8;
    d->g[0] = charset_set_find(kind == CHARSET_T61 ? 102 : 6);
    d->g[1] = kind == CHARSET_T61 ? charset_set_find(103) : NULL;
    bool ascii = false;
    const struct charset_set *national = NULL;
    for (size_t i = 0; kind == CHARSET_GENERAL && i < n; i++) {
        const struct charset_set *s = charset_set_find(registrations[i]);
        if (s == NULL || s->wide != NULL)
            continue;
        ascii = ascii || s->registration == 6;
        if (s->right && d->g[1] == NULL)
            d->g[1] = s;
        else if (!s->right && national == NULL)
            national = s;
    }
    if (!ascii && national != NULL)
        d->g[0] = national;
    return d;
}

void charset_decoder_free(struct charset_decoder *d) {
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->n_wide; i++)
        if (d->wide[i].cd != (iconv_t)-1)
            iconv_close(d->wide[i].cd);
    mem_free(d);
}

unsigned long charset_decoder_lost(const struct charset_decoder *d) {
    return d->lost;
}

// The two octets held, in a set of that kind. What iconv opened stays open: a text may go to and fro between sets.
static uint32_t wide_character(struct charset_decoder *d, const struct charset_set *s) {
    size_t i = 0;
    while (i < d->n_wide && d->wide[i].set != s)
        i++;
    if (i == d->n_wide) {
        d->wide[i].set = s;
        d->wide[i].cd = iconv_open("UTF-32BE", s->wide);
        d->n_wide++;
    }
    return d->wide[i].cd == (iconv_t)-1 ? NONE : convert_wide(d->wide[i].cd, d->held);
}

static int put(struct charset_decoder *d, uint32_t c, struct buf *out) {
    if (c == NONE) {
        d->lost++;
        c = REPLACEMENT;
    }
    return charset_utf8_put(out, c);
}

// An accent that nothing can take is shown by itself.
static int flush_accent(struct charset_decoder *d, struct buf *out) {
    if (d->accent == 0)
        return 0;
    d->accent = 0;
    return put(d, NONE, out);
}

// The accent that waits, with the octet after it.
static int put_accented(struct charset_decoder *d, uint8_t letter, struct buf *out) {
    uint32_t c = charset_accented(d->accent, letter);
    d->accent = 0;
    if (c != NONE)
        return put(d, c, out);
    int r = put(d, NONE, out);
    return r != 0 ? r : put(d, letter, out);
}

// A graphic octet, low or high, of the set that is invoked for it.
static int put_graphic(struct charset_decoder *d, uint8_t octet, struct buf *out) {
    unsigned which = d->single != 0 ? d->single : octet < 0x80 ? d->left : d->right;
    const struct charset_set *s = d->g[which];
    uint8_t low = octet & 0x7F;
    if (s != NULL && s->wide != NULL) {
        d->held[d->n_held++] = low | 0x80;
        if (d->n_held < 2)
            return 0;
        d->n_held = 0;
    }
    d->single = 0;
    bool blank = octet == 0x20 && (s == NULL || !s->is96);
    if (d->accent != 0 && (blank || (s != NULL && low == octet && !s->is96 && s->wide == NULL)))
        return put_accented(d, octet, out);
    int r = flush_accent(d, out);
    if (r != 0)
        return r;
    if (blank)
        return put(d, ' ', out);
    if (s == NULL)
        return put(d, NONE, out);
    if (charset_is_accent(s, low)) {
        d->accent = low | 0x80;
        return 0;
    }
    return put(d, s->wide != NULL ? wide_character(d, s) : charset_set_character(s, low), out);
}

// A whole escape sequence: held[0] is ESC, the last octet its final.
static int escape(struct charset_decoder *d, struct buf *out) {
    const uint8_t *e = d->held;
    uint8_t kind = e[1], final = e[d->n_held - 1];
    size_t n = d->n_held;
    d->n_held = 0;
    if (n == 2) {
        switch (kind) {
        case 'N': d->single = 2; return 0;
        case 'O': d->single = 3; return 0;
        case 'n': d->left = 2; return 0;
        case 'o': d->left = 3; return 0;
        case '~': d->right = 1; return 0;
        case '}': d->right = 2; return 0;
        case '|': d->right = 3; return 0;
        default: return put(d, NONE, out);
        }
    }
    if (kind == '%') {
        d->utf8 = final != '@'; // ESC % G, ESC % / G, H, I
        return 0;
    }
    if (kind == ' ' || kind == '!' || kind == '"' || kind == '&')
        return 0; // announcer, control sets, revision
    bool wide = kind == '$';
    uint8_t into = !wide ? kind : n == 3 ? '(' : e[2]; // ESC $ F is the old short form for G0
    if (into >= '(' && into <= '+')
        d->g[into - '('] = charset_set_designated((char) final, false, wide);
    else if (into >= '-' && into <= '/')
        d->g[into - ','] = charset_set_designated((char) final, true, wide);
    else
        return put(d, NONE, out);
    return 0;
}

static int feed_escape(struct charset_decoder *d, uint8_t octet, struct buf *out) {
    bool intermediate = octet >= 0x20 && octet < 0x30;
    if (d->n_held < sizeof d->held)
        d->held[d->n_held++] = octet;
    if (intermediate && d->n_held < sizeof d->held)
        return 0;
    if (octet >= 0x30 && octet < 0x7F)
        return escape(d, out);
    d->n_held = 0; // no escape sequence
    return put(d, NONE, out);
}

static int feed_utf8(struct charset_decoder *d, uint8_t octet, struct buf *out) {
    if (octet < 0x80 || octet >= 0xC0) { // begins another: what was held stays incomplete
        for (size_t n = d->n_held; n > 0; n--)
            if (put(d, NONE, out) != 0)
                return ERR_NOMEM;
        d->n_held = 0;
    }
    d->held[d->n_held++] = octet;
    uint8_t first = d->held[0];
    size_t want = first >= 0xF0 && first <= 0xF4  ? 4
                  : first >= 0xE0 && first < 0xF0 ? 3
                  : first >= 0xC2 && first < 0xE0 ? 2
                                                  : 1;
    if (d->n_held < want)
        return 0;
    const char *p = (const char *)d->held, *end = p + d->n_held;
    int r = 0;
    while (r == 0 && p < end) {
        const char *at = p;
        uint32_t c = charset_utf8_next(&p, end);
        r = put(d, c == REPLACEMENT && p - at == 1 ? NONE : c, out);
    }
    d->n_held = 0;
    return r;
}

static int feed_control(struct charset_decoder *d, uint8_t octet, struct buf *out) {
    int r = flush_accent(d, out);
    if (r != 0)
        return r;
    d->single = 0;
    switch (octet) {
    case ESC: d->held[d->n_held++] = ESC; return 0;
    case 0x0E: d->left = 1; return 0;
    case 0x0F: d->left = 0; return 0;
    case 0x8E: d->single = 2; return 0;
    case 0x8F: d->single = 3; return 0;
    default: return octet < 0x80 ? buf_append_u8(out, octet) : put(d, NONE, out);
    }
}

// ISO 2022, octet by octet.
static int feed_one(struct charset_decoder *d, uint8_t octet, struct buf *out) {
    if (d->n_held > 0 && d->held[0] == ESC)
        return feed_escape(d, octet, out);
    if (d->utf8 && octet != ESC)
        return feed_utf8(d, octet, out);
    if ((octet & 0x7F) >= 0x20)
        return put_graphic(d, octet, out);
    for (; d->n_held > 0; d->n_held--) // half a character before a control
        if (put(d, NONE, out) != 0)
            return ERR_NOMEM;
    return feed_control(d, octet, out);
}

static int feed_octet(struct charset_decoder *d, uint8_t octet, struct buf *out) {
    switch (d->kind) {
    case CHARSET_LATIN1: return charset_utf8_put(out, octet);
    case CHARSET_UTF8: return feed_utf8(d, octet, out);
    case CHARSET_IA5: return octet < 0x80 ? buf_append_u8(out, octet) : put(d, NONE, out);
    default: return feed_one(d, octet, out);
    }
}

int charset_decoder_feed(struct charset_decoder *d, struct bytes piece, bool last, struct buf *out) {
    int r = buf_reserve(out, piece.n);
    for (size_t i = 0; r == 0 && i < piece.n; i++)
        r = feed_octet(d, piece.p[i], out);
    if (r != 0 || !last)
        return r;
    for (; r == 0 && d->n_held > 0; d->n_held--)
        r = put(d, NONE, out);
    return r != 0 ? r : flush_accent(d, out);
}

int charset_decode(enum charset_kind kind, const unsigned *registrations, size_t n, struct bytes in, struct buf *out) {
    struct charset_decoder *d = charset_decoder_new(kind, registrations, n);
    size_t before = out->len;
    int r = d == NULL ? ERR_NOMEM : charset_decoder_feed(d, in, true, out);
    charset_decoder_free(d);
    if (r != 0)
        out->len = before;
    return r;
}
