// SPDX-License-Identifier: BSD-2-Clause
// Connections that are watched: PDUs in words, whatever pieces they come in; segments and overflow joined; resumed
// transfers once; octets that are missing, wrong or no TPKT at all.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "rfc1006/pdu.h"
#include "tests/pcap.h"

struct seen {
    struct buf text;   // a line a PDU and an event
    struct buf octets; // of transfers
    unsigned faults, binds;
    uint64_t fault_at;
};

static void on_pdu(void *ctx, const struct pdu *p) {
    struct seen *s = ctx;
    buf_printf(&s->text, "%u %s ", p->side, pdu_layer_name(p->layer));
    assert_int_equal(pdu_line(p, &s->text), 0);
    buf_append_u8(&s->text, '\n');
    if (p->fault != NULL)
        s->fault_at = p->fault_at;
    s->faults += p->fault != NULL;
}
static void on_bind(void *ctx, unsigned side, enum rtse_mode mode, int apdu, struct bytes value) {
    struct seen *s = ctx;
    s->binds++;
    buf_printf(&s->text, "%u bind %d in mode %d: %zu octets\n", side, apdu, (int)mode, value.n);
}
static void on_begin(void *ctx, const struct pdu_transfer *t) {
    struct seen *s = ctx;
    buf_printf(&s->text, "%u transfer%s%s\n", t->side, t->resumed ? " resumed" : "", t->whole ? "" : " in its middle");
}
static void on_data(void *ctx, const struct pdu_transfer *t, struct bytes piece) {
    struct seen *s = ctx;
    (void)t;
    buf_append(&s->octets, piece.p, piece.n);
}
static void on_end(void *ctx, const struct pdu_transfer *t, enum pdu_transfer_end how) {
    static const char *const ends[] = {"done", "interrupted", "discarded", "lost"};
    struct seen *s = ctx;
    buf_printf(&s->text, "%u transfer %s: %llu octets\n", t->side, ends[how], (unsigned long long)t->octets);
}
static const struct pdu_watch_user user = {
    .pdu = on_pdu, .bind = on_bind, .transfer_begin = on_begin, .transfer_data = on_data, .transfer_end = on_end};

static void seen_free(struct seen *s) {
    buf_free(&s->text);
    buf_free(&s->octets);
}

static void assert_seen(struct seen *s, const char *text) {
    const char *all = buf_cstr(&s->text);
    if (all == NULL || strstr(all, text) == NULL)
        fail_msg("there is no \"%s\" in:\n%s", text, all);
}

static void assert_octets(const struct seen *s, const char *text) {
    assert_int_equal(s->octets.len, strlen(text));
    assert_memory_equal(buf_bytes(&s->octets).p, text, strlen(text));
}

// ---- octets made by hand ----

static void tpkt(struct pdu_watch *w, unsigned side, const void *tpdu, size_t n) {
    uint8_t packet[4096] = {3, 0, (uint8_t)((n + 4) >> 8), (uint8_t)(n + 4)};
    assert_true(n + 4 <= sizeof packet);
    memcpy(packet + 4, tpdu, n);
    assert_int_equal(pdu_watch_input(w, side, bytes_of(packet, n + 4)), 0);
}

// A DT TPDU with a whole TSDU.
static void dt(struct pdu_watch *w, unsigned side, const void *tsdu, size_t n) {
    uint8_t tpdu[2048] = {2, 0xf0, 0x80};
    memcpy(tpdu + 3, tsdu, n);
    tpkt(w, side, tpdu, n + 3);
}
#define DT(w, side, literal) dt(w, side, literal, sizeof(literal) - 1)
#define TPDU(w, side, literal) tpkt(w, side, literal, sizeof(literal) - 1)

static struct pdu_watch *x410(struct seen *s) {
    struct pdu_watch *w = pdu_watch_new(&user, s);
    assert_non_null(w);
    pdu_watch_assume(w, RTSE_X410, RTSE_PROTOCOL_P1_1988);
    return w;
}

static void transport(void **state) {
    (void)state;
    struct seen s = {0};
    struct pdu_watch *w = x410(&s);
    TPDU(w, 0, "\x18\xe0\0\0\x12\x34\0\xc0\1\x0b\xc1\2AB\xc2\3\0\1\2\xf0\1\x10\x99\1\7");
    assert_seen(&s,
                "0 transport CR TPDU: dst-ref 0x0000, src-ref 0x1234, class 0, tpdu-size 2048, calling-tsel \"AB\", "
                "called-tsel 0x000102, preferred-tpdu-size 2048, parameter 0x99 of 1 octets\n");
    TPDU(w, 1, "\6\x80\x12\x34\0\0\3");
    assert_seen(&s, "1 transport DR TPDU: dst-ref 0x1234, src-ref 0x0000, reason 3 (address unknown)\n");
    TPDU(w, 1, "\x08\x70\x12\x34\2\xc1\2\x02\xf0");
    assert_seen(&s, "1 transport ER TPDU: dst-ref 0x1234, cause 2 (invalid TPDU type), rejected-tpdu 0x02f0\n");
    assert_int_equal(s.faults, 0);
    TPDU(w, 1, "\2\x60\0");
    assert_seen(&s, "MALFORMED: TPDU code 0x60 is none of class 0");
    TPDU(w, 1, "\x09\xd0\0\0\0\0\0\xc0\5\1");
    assert_seen(&s, "CC TPDU: dst-ref 0x0000, src-ref 0x0000, class 0; MALFORMED: a parameter is longer");
    TPDU(w, 1, "\x40\xf0\x80");
    assert_seen(&s, "its header is longer than its TPKT");
    assert_int_equal(s.faults, 3);
    DT(w, 1, "\x1a\0"); // and it goes on
    assert_seen(&s, "1 session ABORT ACCEPT (AA)\n");
    pdu_watch_free(w);
    seen_free(&s);
}

static void activities(void **state) {
    (void)state;
    struct seen s = {0};
    struct pdu_watch *w = x410(&s);
    DT(w, 0, "\1\0\x2d\5\x29\3\2\1\7");
    assert_seen(&s, "ACTIVITY START (AS): activity 7\n0 transfer\n");
    DT(w, 0, "\1\0\1\0abc");
    assert_seen(&s, "0 session DATA TRANSFER (DT)\n0 rtse RTTR (bare): octets 3\n");
    DT(w, 0,
       "\1\0\x31\3\x2a\1"
       "1");
    assert_seen(&s, "MINOR SYNC POINT (MIP): serial 1\n");
    DT(w, 0, "\1\0\1\3\x19\1\1def"); // an SSDU in three segments
    DT(w, 0, "\1\0\1\3\x19\1\0gh");
    DT(w, 0, "\1\0\1\3\x19\1\2i");
    assert_seen(&s, "DATA TRANSFER (DT): enclosure middle end\n0 rtse RTTR (bare): octets 6\n");
    DT(w, 0, "\1\0\x19\3\x32\1\0");
    assert_seen(&s, "ACTIVITY INTERRUPT (AI): reason 0 (non-specific error)\n0 transfer interrupted: 9 octets\n");
    DT(w, 1, "\1\0\x1a\0");
    assert_seen(&s, "1 session ACTIVITY INTERRUPT ACK (AIA)\n");
    DT(w, 0, "\1\0\x39\0"); // there is none to be discarded
    assert_seen(&s, "ACTIVITY DISCARD (AD)");
    assert_null(strstr(buf_cstr(&s.text), "transfer discarded"));
    // Resumed behind point 1: what comes again is passed over.
    DT(w, 0,
       "\1\0\x1d\x0f\x21\5\x29\3\2\1\7\x29\3\2\1\x08\x2a\1"
       "1");
    assert_seen(&s, "ACTIVITY RESUME (AR): activity 8, old-activity 7, serial 1\n"
                    "0 rtse transfer resumed: after-checkpoint 1, begun on this association\n0 transfer resumed\n");
    DT(w, 0, "\1\0\1\0defghijk");
    DT(w, 0,
       "\1\0\x29\3\x2a\1"
       "2");
    assert_seen(&s, "ACTIVITY END (AE): serial 2\n0 transfer done: 11 octets\n");
    assert_octets(&s, "abcdefghijk");
    // Resumed from another connection: octets of its middle are not given.
    DT(w, 0,
       "\1\0\x1d\x15\x21\x0b\x29\3\2\1\5\x0a\4\x14\2vm\x29\3\2\1\6\x2a\1"
       "4");
    assert_seen(&s, "old-activity 5, old-calling-reference T61String \"vm\", serial 4\n"
                    "0 rtse transfer resumed: after-checkpoint 4, begun on one that was not seen\n"
                    "0 transfer resumed in its middle\n");
    DT(w, 0, "\1\0\1\0xyz");
    DT(w, 0, "\1\0\x39\0");
    assert_seen(&s, "transfer discarded: 0 octets\n");
    assert_octets(&s, "abcdefghijk");
    DT(w, 1, "\2\3\x10\1\x15");
    assert_seen(&s, "1 session PLEASE TOKENS (PT): tokens data synchronize-minor major/activity\n");
    DT(w, 0, "\1\3\x10\1\x15");
    assert_seen(&s, "0 session GIVE TOKENS (GT): tokens data synchronize-minor major/activity\n");
    assert_int_equal(s.faults, 0);
    pdu_watch_free(w);
    seen_free(&s);
}

// A CN whose user data overflow into CONNECT DATA OVERFLOW.
static void overflow(void **state) {
    (void)state;
    static const char cp[] = "\x31\x16\xa0\3\x80\1\0\xa1\x0f\x80\1\1\x82\1\0\xa3\4\xa0\2\5\0\x84\1\x0c";
    struct seen s = {0};
    struct pdu_watch *w = pdu_watch_new(&user, &s);
    uint8_t cn[64] = {13, 0}, cdo[64] = {15, 0};
    size_t first = 10, rest = sizeof cp - 1 - first, n = 2, m = 2;
    memcpy(cn + n, "\x14\2\2\x49\x3c\1\1\xc2", 8), n += 8;
    cn[n++] = (uint8_t)first;
    memcpy(cn + n, cp, first), n += first;
    cn[1] = (uint8_t)(n - 2);
    memcpy(cdo + m, "\x19\1\2\xc1", 4), m += 4;
    cdo[m++] = (uint8_t)rest;
    memcpy(cdo + m, cp + first, rest), m += rest;
    cdo[1] = (uint8_t)(m - 2);
    dt(w, 0, cn, n);
    assert_seen(&s, "data-overflow more user data follow");
    assert_null(strstr(buf_cstr(&s.text), "presentation"));
    DT(w, 1, "\x10\0");
    dt(w, 0, cdo, m);
    assert_seen(&s, "0 presentation CP: mode X.410, user-data 15 octets\n0 rtse RTORQ: checkpoint-size 1 K");
    assert_int_equal(s.binds, 1);
    pdu_watch_free(w);
    seen_free(&s);
}

static void gaps(void **state) {
    (void)state;
    struct seen s = {0};
    struct pdu_watch *w = x410(&s);
    DT(w, 0, "\1\0\x2d\5\x29\3\2\1\7");
    // Inside a TPKT: its end is known.
    assert_int_equal(pdu_watch_input(w, 0, bytes_of("\3\0\0\x15\2\xf0\x80\1\0\1\0abcd", 15)), 0);
    pdu_watch_gap(w, 0, 6);
    DT(w, 0,
       "\1\0\x29\3\x2a\1"
       "2");
    assert_seen(&s, "ACTIVITY END (AE): serial 2\n0 transfer lost: 4 octets\n");
    // Across the end of one: the next that looks like one.
    DT(w, 0, "\1\0\x2d\5\x29\3\2\1\x08");
    assert_int_equal(pdu_watch_input(w, 0, bytes_of("\3\0\1\0\2\xf0\x80\x0d\xff", 9)), 0);
    pdu_watch_gap(w, 0, 300);
    assert_seen(&s, "octets of it are missing");
    assert_int_equal(pdu_watch_input(w, 0, bytes_of("noise\3\0\0\3\3\3\0\0", 13)), 0);
    DT(w, 0, "\1\0\x19\3\x32\1\0");
    assert_seen(&s, "ACTIVITY INTERRUPT (AI)");
    // No TPKT at all.
    unsigned before = s.faults;
    uint64_t at = pdu_watch_offset(w, 0);
    assert_int_equal(pdu_watch_input(w, 0, bytes_of("GET / HTTP/1.1\r\n\r\n", 18)), 0);
    assert_int_equal(s.faults, before + 1);
    assert_int_equal(s.fault_at, at);
    DT(w, 0, "\x0a\0");
    assert_seen(&s, "DISCONNECT (DN)");
    assert_int_equal(pdu_watch_input(w, 0, bytes_of("\3\0\0\x40\2\xf0\x80\1", 8)), 0);
    pdu_watch_end(w, 0);
    assert_seen(&s, "the connection ends in it, 56 octets before its end");
    pdu_watch_free(w);
    seen_free(&s);
}

// What looks like TPKTs and is none, again and again in one read, needs no stack for each.
static void noise(void **state) {
    (void)state;
    struct seen s = {0};
    struct pdu_watch *w = x410(&s);
    struct buf b = {0};
    for (unsigned i = 0; i < 60000; i++)
        assert_int_equal(buf_append(&b, "\3\0\0\7\2\xf0\x80!", 8), 0);
    assert_int_equal(pdu_watch_input(w, 0, buf_bytes(&b)), 0);
    assert_int_equal(s.faults, 2 * 60000); // an empty TSDU, and what is no TPKT
    pdu_watch_free(w);
    buf_free(&b);
    seen_free(&s);
}

// ---- captures ----

static const char *const captures[] = {"tests/data/p1-88-normal.pcap", "tests/data/p1-88-x410mode.pcap",
                                       "tests/data/p1-84.pcap"};

static struct seen watch_streams(const struct pcap *c, size_t step) {
    struct seen s = {0};
    struct pdu_watch *w = pdu_watch_new(&user, &s);
    assert_non_null(w);
    for (unsigned side = 0; side < 2; side++)
        for (size_t at = 0; at < c->stream[side].len; at += step) {
            struct bytes b = buf_bytes(&c->stream[side]);
            assert_int_equal(pdu_watch_input(w, side, bytes_of(b.p + at, b.n - at < step ? b.n - at : step)), 0);
        }
    pdu_watch_end(w, 0);
    pdu_watch_end(w, 1);
    pdu_watch_free(w);
    return s;
}

static void in_any_pieces(void **state) {
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct pcap c;
        pcap_read(&c, captures[k]);
        struct seen whole = watch_streams(&c, 1 << 20);
        assert_int_equal(whole.faults, 0);
        assert_int_equal(whole.binds, 2);
        assert_seen(&whole, "transfer done");
        assert_true(whole.octets.len > 500);
        for (size_t step = 1; step < 9; step++) {
            struct seen pieces = watch_streams(&c, step);
            assert_string_equal(buf_cstr(&pieces.text), buf_cstr(&whole.text));
            assert_true(bytes_equal(buf_bytes(&pieces.octets), buf_bytes(&whole.octets)));
            seen_free(&pieces);
        }
        seen_free(&whole);
        pcap_free(&c);
    }
}

// No password, in any form, is in what is said of a connect.
static void no_secrets(void **state) {
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct pcap c;
        pcap_read(&c, captures[k]);
        struct seen s = watch_streams(&c, 1 << 20);
        assert_null(strstr(buf_cstr(&s.text), "secret"));
        assert_null(strstr(buf_cstr(&s.text), "736563726574"));
        seen_free(&s);
        pcap_free(&c);
    }
}

static void damaged(void **state) {
    (void)state;
    unsigned long faults = 0;
    srand(4);
    for (size_t k = 0; k < 3; k++) {
        struct pcap c;
        pcap_read(&c, captures[k]);
        for (unsigned side = 0; side < 2; side++) {
            struct buf *b = &c.stream[side];
            for (size_t at = 0; at < b->len; at++) {
                uint8_t *p = b->mem + b->off + at, was = *p;
                *p = (uint8_t)rand();
                struct seen s = watch_streams(&c, 1 << 20);
                faults += s.faults;
                seen_free(&s);
                *p = was;
            }
            for (size_t n = b->len; b->len > 0; b->len--, n--) {
                struct seen s = watch_streams(&c, 700);
                faults += s.faults;
                seen_free(&s);
            }
        }
        pcap_free(&c);
    }
    assert_true(faults > 2000);
}

// Every request for memory fails once: the watch ends with ERR_NOMEM or goes on, and nothing is lost.
static void no_memory(void **state) {
    (void)state;
    struct pcap c;
    pcap_read(&c, captures[0]);
    unsigned refused = 0;
    static const struct pdu_watch_user quiet = {.bind = NULL};
    for (unsigned long n = 1; n < 200; n++) {
        mem_fail_at(n);
        struct pdu_watch *w = pdu_watch_new(&quiet, NULL);
        int err = w == NULL ? ERR_NOMEM : ERR_OK;
        for (unsigned side = 0; side < 2 && err == ERR_OK; side++)
            err = pdu_watch_input(w, side, buf_bytes(&c.stream[side]));
        refused += err == ERR_NOMEM;
        pdu_watch_free(w);
    }
    mem_fail_at(0);
    assert_true(refused > 2);
    pcap_free(&c);
}

// ---- transfers that go on in another connection ----

struct keeper {
    struct seen seen; // first: what the other callbacks get
    struct pdu_kept *kept;
};
static void on_keep(void *ctx, const struct pdu_transfer *t, struct pdu_kept *kept) {
    struct keeper *k = ctx;
    buf_printf(&k->seen.text, "%u transfer kept: %llu octets\n", t->side, (unsigned long long)t->octets);
    assert_null(k->kept);
    k->kept = kept;
}
static const struct pdu_kept *on_find(void *ctx, const struct spdu *resume) {
    struct keeper *k = ctx;
    return k->kept != NULL && pdu_kept_is(k->kept, resume) ? k->kept : NULL;
}
static const struct pdu_watch_user keeping = {.pdu = on_pdu,
                                              .transfer_keep = on_keep,
                                              .transfer_find = on_find,
                                              .transfer_begin = on_begin,
                                              .transfer_data = on_data,
                                              .transfer_end = on_end};

// A connection of X.410 mode with the calling reference "vm".
static struct pdu_watch *connection(struct keeper *k) {
    struct pdu_watch *w = pdu_watch_new(&keeping, k);
    assert_non_null(w);
    pdu_watch_assume(w, RTSE_X410, 12);
    DT(w, 0, "\x0d\x0a\1\4\x0a\2vm\x14\2\2\x49");
    return w;
}

static void kept(void **state) {
    (void)state;
    struct keeper k = {0};
    struct pdu_watch *w = connection(&k);
    DT(w, 0, "\1\0\x2d\5\x29\3\2\1\7");
    DT(w, 0, "\1\0\1\0abc");
    pdu_watch_end(w, 0);
    pdu_watch_end(w, 1);
    assert_null(k.kept); // no checkpoint: there is nothing to go on from
    assert_seen(&k.seen, "0 transfer lost: 3 octets");
    pdu_watch_free(w);
    w = connection(&k);
    buf_clear(&k.seen.octets);
    DT(w, 0, "\1\0\x2d\5\x29\3\2\1\7");
    DT(w, 0, "\1\0\1\0abc");
    DT(w, 0,
       "\1\0\x31\3\x2a\1"
       "1");
    DT(w, 0, "\1\0\1\0def");
    pdu_watch_end(w, 0);
    pdu_watch_end(w, 1);
    pdu_watch_free(w);
    assert_seen(&k.seen, "0 transfer kept: 6 octets");
    // Another activity of that connection, and the same of another connection: not this one.
    w = connection(&k);
    DT(w, 0,
       "\1\0\x1d\x13\x21\x09\x29\3\2\1\6\x0a\2vm\x29\3\2\1\6\x2a\1"
       "1");
    DT(w, 0, "\1\0\x39\0");
    DT(w, 0,
       "\1\0\x1d\x13\x21\x09\x29\3\2\1\7\x0a\2mv\x29\3\2\1\6\x2a\1"
       "1");
    DT(w, 0, "\1\0\x39\0");
    assert_null(strstr(buf_cstr(&k.seen.text), "begun on one before"));
    assert_octets(&k.seen, "abcdef");
    // This one, behind its point: what comes again is passed over.
    DT(w, 0,
       "\1\0\x1d\x13\x21\x09\x29\3\2\1\7\x0a\2vm\x29\3\2\1\x08\x2a\1"
       "1");
    assert_seen(&k.seen, "0 transfer resumed\n0 rtse transfer resumed: after-checkpoint 1, begun on one before\n");
    DT(w, 0, "\1\0\1\0defgh");
    DT(w, 0,
       "\1\0\x29\3\x2a\1"
       "2");
    assert_seen(&k.seen, "0 transfer done: 8 octets\n");
    assert_octets(&k.seen, "abcdefgh");
    assert_int_equal(k.seen.faults, 0);
    pdu_kept_free(k.kept);
    pdu_watch_free(w);
    seen_free(&k.seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transport),  cmocka_unit_test(activities), cmocka_unit_test(overflow),
        cmocka_unit_test(gaps),       cmocka_unit_test(noise),      cmocka_unit_test(in_any_pieces),
        cmocka_unit_test(no_secrets), cmocka_unit_test(damaged),    cmocka_unit_test(no_memory),
        cmocka_unit_test(kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
