// SPDX-License-Identifier: BSD-2-Clause
// Presentation data values in all their forms, cut anywhere; the PPDUs, against the types that asn1c makes of the
// standard's module; the state table.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "asn1/asn1c_util.h"
#include "asn1/gen/ARP-PPDU.h"
#include "asn1/gen/ARU-PPDU.h"
#include "asn1/gen/CP-normal.h"
#include "asn1/gen/CP-type.h"
#include "asn1/gen/CPA-PPDU.h"
#include "asn1/gen/CPA-normal.h"
#include "asn1/gen/CPR-PPDU.h"
#include "asn1/gen/Context-definition-list.h"
#include "asn1/gen/Context-result-list.h"
#include "base/err.h"
#include "rfc1006/presentation.h"
#include "tests/unit/rfc1006_fsm_util.h"
#include "tests/unit/rfc1006_lower_util.h"

static const uint8_t oid_a[] = {0x52, 1, 0, 1}, oid_b[] = {0x56, 0, 2, 12};

#define OCTETS(s)                                                                                                      \
    { (const uint8_t *)(s), sizeof(s) - 1 }
#define HEX(s) bytes_of(s, sizeof(s) - 1)

// ---- presentation data values ----

struct seen {
    char log[256]; // "<context" at a begin, hexadecimal octets, ">" at an end
    size_t n;
};

static int seen_begin(void *ctx, int64_t context) {
    struct seen *s = ctx;
    s->n += (size_t)snprintf(s->log + s->n, sizeof s->log - s->n, "<%d:", (int)context);
    return 0;
}
static int seen_data(void *ctx, struct bytes piece) {
    struct seen *s = ctx;
    assert_true(piece.n > 0);
    for (size_t i = 0; i < piece.n; i++)
        s->n += (size_t)snprintf(s->log + s->n, sizeof s->log - s->n, "%02x", piece.p[i]);
    return 0;
}
static int seen_end(void *ctx) {
    struct seen *s = ctx;
    s->n += (size_t)snprintf(s->log + s->n, sizeof s->log - s->n, ">");
    return 0;
}
static const struct pdv_user seen_user = {seen_begin, seen_data, seen_end};

static int feed_cut(enum pdv_kind kind, struct bytes in, size_t piece, struct seen *s) {
    struct pdv_stream p;
    int err = 0;
    *s = (struct seen){{0}, 0};
    pdv_stream_init(&p, kind, &seen_user, s);
    for (size_t at = 0; at < in.n && err == 0; at += piece) {
        uint8_t copy[64]; // so that reading behind a piece is seen
        size_t n = in.n - at < piece ? in.n - at : piece;
        uint8_t *from = copy + sizeof copy - n;
        memcpy(from, in.p + at, n);
        err = pdv_stream_feed(&p, bytes_of(from, n));
    }
    if (err == 0)
        err = pdv_stream_end(&p);
    pdv_stream_free(&p);
    return err;
}

static const struct {
    enum pdv_kind kind;
    struct bytes in;
    const char *seen;
} good[] = {
    {PDV_USER_DATA,
     OCTETS("\x61\x0c\x30\x0a\x02\x01\x03\xa0\x05\x04\x03"
            "abc"),
     "<3:0403616263>"},
    {PDV_USER_DATA,
     OCTETS("\x61\x80\x30\x80\x02\x01\x03\xa0\x80\x04\x03"
            "abc\0\0\0\0\0\0"),
     "<3:0403616263>"},
    {PDV_USER_DATA,
     OCTETS("\x61\x80\x30\x80\x06\x02\x51\x01\x02\x01\x03\xa0\x80\x24\x80\x04\x01"
            "a\x04\x02"
            "bc\0\0\0\0\0\0\0\0"),
     "<3:2480040161040262630000>"},
    {PDV_USER_DATA,
     OCTETS("\x61\x0c\x30\x0a\x02\x01\x03\x81\x05\x04\x03"
            "abc"),
     "<3:0403616263>"},
    {PDV_USER_DATA,
     OCTETS("\x61\x10\x30\x0e\x02\x01\x03\xa1\x09\x04\x02\x04\x03\x04\x03"
            "abc"),
     "<3:0403616263>"},
    {PDV_USER_DATA,
     OCTETS("\x61\x0d\x30\x0b\x02\x01\x03\x82\x06\x00\x04\x03"
            "abc"),
     "<3:0403616263>"},
    {PDV_USER_DATA,
     OCTETS("\x40\x05\x04\x03"
            "abc"),
     "<-1:0403616263>"},
    {PDV_USER_DATA,
     OCTETS("\x60\x80\x04\x02\x04\x03\x04\x03"
            "abc\0\0"),
     "<-1:0403616263>"},
    {PDV_USER_DATA,
     OCTETS("\x61\x14\x30\x08\x02\x01\x03\xa0\x03\x04\x01"
            "a\x30\x08\x02\x01\x05\xa0\x03\x04\x01"
            "b"),
     "<3:040161><5:040162>"},
    {PDV_USER_DATA,
     OCTETS("\x61\x0c\x30\x0a\x02\x03\x01\x11\x71\xa0\x03\x04\x01"
            "a"),
     "<70001:040161>"},
    {PDV_EXTERNAL,
     OCTETS("\x28\x08\x02\x01\x05\xa0\x03\x04\x01"
            "a"),
     "<5:040161>"},
    {PDV_EXTERNAL,
     OCTETS("\x28\x80\x06\x02\x51\x01\x02\x01\x05\x07\x01x\xa0\x80\x30\x80\x04\x01"
            "a\0\0\0\0\0\0"),
     "<5:30800401610000>"},
    {PDV_EXTERNAL, OCTETS("\x28\x05\x06\x01\x51\xa0\x00"), "<-1:>"},
    {PDV_EXTERNAL,
     OCTETS("\x28\x08\x02\x01\x05\x81\x03\x04\x01"
            "a"),
     "<5:040161>"},
    {PDV_EXTERNAL,
     OCTETS("\x28\x09\x02\x01\x05\x82\x04\x00\x04\x01"
            "a"),
     "<5:040161>"},
};

static void test_pdv_forms_cut_anywhere(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (size_t piece = 1; piece <= good[i].in.n; piece++) {
            struct seen s;
            assert_int_equal(feed_cut(good[i].kind, good[i].in, piece, &s), 0);
            assert_string_equal(s.log, good[i].seen);
        }
}

// Read up to each octet, what is noted there goes into another stream, which reads the rest.
static void test_pdv_gone_on_elsewhere(void **state) {
    (void)state;
    unsigned marked = 0;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (size_t at = 0; at <= good[i].in.n; at++) {
            struct seen s = {{0}, 0};
            struct pdv_stream first, second;
            struct pdv_mark m, again;
            pdv_stream_init(&first, good[i].kind, &seen_user, &s);
            pdv_stream_init(&second, good[i].kind, &seen_user, &s);
            assert_int_equal(pdv_stream_feed(&first, bytes_of(good[i].in.p, at)), 0);
            pdv_stream_mark(&first, &m);
            if (m.valid) {
                assert_int_equal(pdv_stream_restore(&second, &m), 0);
                pdv_stream_mark(&second, &again);
                assert_memory_equal(&m, &again, sizeof m);
                assert_int_equal(pdv_stream_feed(&second, bytes_of(good[i].in.p + at, good[i].in.n - at)), 0);
                assert_int_equal(pdv_stream_end(&second), 0);
                assert_string_equal(s.log, good[i].seen);
                marked++;
            }
            pdv_stream_free(&first);
            pdv_stream_free(&second);
        }
    assert_true(marked > 150); // all but inside of contexts and syntaxes
    struct pdv_stream p;
    struct pdv_mark m = {.valid = true, .depth = PDV_MARK_DEPTH + 1, .form = 3};
    pdv_stream_init(&p, PDV_EXTERNAL, &seen_user, NULL);
    assert_int_equal(pdv_stream_restore(&p, &m), ERR_SYNTAX);
    m.depth = 0;
    m.in_primitive = true;
    assert_int_equal(pdv_stream_restore(&p, &m), ERR_SYNTAX);
    m.in_primitive = false;
    m.raw_open = true;
    m.raw_from = 1;
    assert_int_equal(pdv_stream_restore(&p, &m), ERR_SYNTAX);
    m.valid = false;
    m.raw_from = 0;
    assert_int_equal(pdv_stream_restore(&p, &m), ERR_SYNTAX);
    pdv_stream_free(&p);
}

static void test_pdv_cut_short(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (size_t n = 1; n < good[i].in.n; n++) {
            struct seen s;
            int err = feed_cut(good[i].kind, bytes_of(good[i].in.p, n), 5, &s);
            assert_true(err == ERR_SHORT || err == ERR_SYNTAX);
        }
}

static void test_pdv_bad(void **state) {
    (void)state;
    static const struct {
        enum pdv_kind kind;
        struct bytes in;
    } bad[] = {
        {PDV_USER_DATA, OCTETS("\x30\x08\x30\x06\x02\x01\x03\xa0\x01\x05\x00")},         // not User-data
        {PDV_USER_DATA, OCTETS("\x61\x07\x30\x05\xa0\x03\x04\x01\x61")},                 // no context
        {PDV_USER_DATA, OCTETS("\x61\x05\x30\x03\x02\x01\x03")},                         // no value
        {PDV_USER_DATA, OCTETS("\x61\x07\x30\x05\x02\x01\x03\xa0\x00")},                 // an empty one
        {PDV_USER_DATA, OCTETS("\x61\x0b\x30\x09\x02\x01\x03\xa0\x04\x05\x00\x05\x00")}, // two in one
        {PDV_USER_DATA, OCTETS("\x61\x0d\x30\x0b\x02\x01\x03\xa0\x02\x05\x00\xa0\x02\x05\x00")},
        {PDV_USER_DATA, OCTETS("\x61\x0c\x30\x0a\x02\x01\x03\x02\x01\x03\xa0\x02\x05\x00")},     // two contexts
        {PDV_USER_DATA, OCTETS("\x61\x0a\x30\x08\x02\x01\x03\x82\x03\x04\x04\x10")},             // unused bits
        {PDV_USER_DATA, OCTETS("\x61\x09\x30\x07\x02\x01\x03\x80\x02\x05\x00")},                 // [0] primitive
        {PDV_USER_DATA, OCTETS("\x61\x09\x30\x07\x02\x01\xff\xa0\x02\x05\x00")},                 // a negative context
        {PDV_USER_DATA, OCTETS("\x61\x0d\x30\x0b\x02\x05\x01\x00\x00\x00\x00\xa0\x02\x05\x00")}, // ... a huge one
        {PDV_USER_DATA, OCTETS("\x61\x09\x30\x07\x02\x01\x03\xa3\x02\x05\x00")},                 // an unknown form
        {PDV_USER_DATA, OCTETS("\x61\x09\x30\x07\x02\x01\x03\xa0\x02\x05\x00\x00")},             // octets behind it
        {PDV_USER_DATA, OCTETS("\x61\x0b\x30\x09\x02\x01\x03\xa1\x04\x0c\x02\x61\x61")}, // segments of another type
        {PDV_EXTERNAL, OCTETS("\x30\x08\x02\x01\x05\xa0\x03\x04\x01\x61")},
        {PDV_EXTERNAL, OCTETS("\x28\x03\x02\x01\x05")},
        {PDV_EXTERNAL, OCTETS("\x28\x80\x02\x01\x05\x00\x00")},
        {PDV_EXTERNAL, OCTETS("\x28\x85\xff\xff\xff\xff\xff\x02\x01\x05\xa0\x03\x04\x01\x61")},
        {PDV_EXTERNAL, OCTETS("\x28\x89\x01\xff\xff\xff\xff\xff\xff\xff\xff\x02\x01\x05")},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (size_t piece = 1; piece <= bad[i].in.n; piece += 3) {
            struct seen s;
            if (feed_cut(bad[i].kind, bad[i].in, piece, &s) >= 0)
                fail_msg("bad value %zu was taken: %s", i, s.log);
        }
}

// The readers of whole values agree with the streaming one.
static void test_pdv_whole(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct bytes value = {NULL, 0};
        int64_t context = 99;
        char text[128];
        int err = good[i].kind == PDV_USER_DATA ? pdv_first(good[i].in, &context, &value)
                                                : pdv_external(good[i].in, &context, &value);
        if (err < 0)
            continue; // segments, which connect data do not have
        int n = snprintf(text, sizeof text, "<%d:", (int)context);
        for (size_t k = 0; k < value.n; k++)
            n += snprintf(text + n, sizeof text - (size_t)n, "%02x", value.p[k]);
        snprintf(text + n, sizeof text - (size_t)n, ">");
        assert_int_equal(strncmp(text, good[i].seen, strlen(text)), 0);
    }
}

static void test_pdv_wrap(void **state) {
    (void)state;
    static const int32_t ids[] = {1, 127, 128, 255, 256, 32767, 32768, 8388607, 8388608, INT32_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct buf b = {0};
        struct bytes value;
        int64_t context;
        assert_int_equal(buf_append(&b, "\x04\x01\x61", 3), 0);
        assert_int_equal(pdv_wrap_user_data(&b, ids[i]), 0);
        assert_int_equal(pdv_first(buf_bytes(&b), &context, &value), 0);
        assert_int_equal(context, ids[i]);
        assert_int_equal(value.n, 3);
        buf_clear(&b);
        assert_int_equal(pdv_put_external_header(&b, ids[i], 3), 0);
        assert_int_equal(buf_append(&b, "\x04\x01\x61", 3), 0);
        assert_int_equal(pdv_external(buf_bytes(&b), &context, &value), 0);
        assert_int_equal(context, ids[i]);
        assert_int_equal(value.n, 3);
        buf_free(&b);
    }
}

// ---- PPDUs ----

static struct presentation_ppdu sample(void) {
    return (struct presentation_ppdu){
        .calling_psel = bytes_of("CALL", 4),
        .called_psel = bytes_of("", 0),
        .n_contexts = 2,
        .contexts =
            {{1, {oid_a, sizeof oid_a}, true, PRESENTATION_ACCEPTANCE, -1},
             {3, {oid_b, sizeof oid_b}, true, PRESENTATION_PROVIDER_REJECTION, PRESENTATION_REJECT_ABSTRACT_SYNTAX}},
        .provider_reason = -1,
    };
}

static struct buf user_data(void) {
    struct buf b = {0};
    assert_int_equal(buf_append(&b, "\x05\x00", 2), 0);
    assert_int_equal(pdv_wrap_user_data(&b, 1), 0);
    return b;
}

// What we write, the standard's module reads and writes the same; what it reads, we read the same.
static void check_der(asn_TYPE_descriptor_t *type, const struct buf *b, void **value) {
    struct buf again = {0};
    assert_int_equal(asn1_decode(type, buf_bytes(b), NULL, value, NULL), 0);
    assert_int_equal(asn1_encode(type, *value, &again), 0);
    assert_int_equal(again.len, b->len);
    assert_memory_equal(buf_bytes(&again).p, buf_bytes(b).p, b->len);
    buf_free(&again);
}

static void test_cp(void **state) {
    (void)state;
    struct presentation_ppdu in = sample(), out;
    struct buf b = user_data();
    void *v = NULL;
    assert_int_equal(presentation_cp_encode(&b, &in), 0);
    check_der(&asn_DEF_CP_type, &b, &v);
    const CP_type_t *cp = v;
    assert_int_equal(cp->normal_mode_parameters->presentation_context_definition_list->list.count, 2);
    assert_memory_equal(cp->normal_mode_parameters->calling_presentation_selector->buf, "CALL", 4);
    assert_int_equal(cp->normal_mode_parameters->called_presentation_selector->size, 0);
    assert_int_equal(presentation_cp_decode(buf_bytes(&b), &out), 0);
    assert_true(out.normal_mode && out.version_1);
    assert_true(bytes_equal(out.calling_psel, in.calling_psel));
    assert_true(out.called_psel.p != NULL && out.called_psel.n == 0);
    assert_int_equal(out.n_contexts, 2);
    assert_int_equal(out.contexts[1].id, 3);
    assert_true(out.contexts[1].ber);
    assert_true(bytes_equal(out.contexts[1].abstract_syntax, in.contexts[1].abstract_syntax));
    assert_int_equal(out.user_data.n, 11);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(presentation_cp_decode(bytes_of(buf_bytes(&b).p, n), &out), ERR_SYNTAX);
    asn1_free(&asn_DEF_CP_type, v);
    buf_free(&b);
}

static void test_cpa_and_cpr(void **state) {
    (void)state;
    struct presentation_ppdu in = sample(), out;
    struct buf b = user_data();
    void *v = NULL;
    assert_int_equal(presentation_cpa_encode(&b, &in), 0);
    check_der(&asn_DEF_CPA_PPDU, &b, &v);
    const CPA_PPDU_t *cpa = v;
    assert_int_equal(cpa->normal_mode_parameters->presentation_context_definition_result_list->list.count, 2);
    assert_int_equal(presentation_cpa_decode(buf_bytes(&b), &out), 0);
    assert_int_equal(out.contexts[0].result, PRESENTATION_ACCEPTANCE);
    assert_int_equal(out.contexts[1].result, PRESENTATION_PROVIDER_REJECTION);
    assert_int_equal(out.contexts[1].reason, PRESENTATION_REJECT_ABSTRACT_SYNTAX);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(presentation_cpa_decode(bytes_of(buf_bytes(&b).p, n), &out), ERR_SYNTAX);
    asn1_free(&asn_DEF_CPA_PPDU, v);
    buf_clear(&b);
    v = NULL;
    in.provider_reason = 3;
    assert_int_equal(presentation_cpr_encode(&b, &in), 0);
    check_der(&asn_DEF_CPR_PPDU, &b, &v);
    assert_int_equal(((CPR_PPDU_t *)v)->present, CPR_PPDU_PR_normal_mode_parameters);
    assert_int_equal(presentation_cpr_decode(buf_bytes(&b), &out), 0);
    assert_int_equal(out.provider_reason, 3);
    assert_null(out.user_data.p);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(presentation_cpr_decode(bytes_of(buf_bytes(&b).p, n), &out), ERR_SYNTAX);
    asn1_free(&asn_DEF_CPR_PPDU, v);
    buf_free(&b);
}

static void test_many_contexts(void **state) {
    (void)state;
    struct presentation_ppdu in = sample(), out;
    struct buf b = user_data();
    for (size_t i = in.n_contexts; i < PRESENTATION_CONTEXTS; i++) {
        in.contexts[i] = in.contexts[0];
        in.contexts[i].id = (int32_t)(2 * i + 101);
    }
    in.n_contexts = PRESENTATION_CONTEXTS;
    assert_int_equal(presentation_cp_encode(&b, &in), 0);
    assert_int_equal(presentation_cp_decode(buf_bytes(&b), &out), 0);
    assert_int_equal(out.n_contexts, PRESENTATION_CONTEXTS);
    assert_int_equal(out.contexts[PRESENTATION_CONTEXTS - 1].id, 2 * (PRESENTATION_CONTEXTS - 1) + 101);
    buf_clear(&b); // one more than that
    const uint8_t one[] = {0x30, 0x03, 0x80, 0x01, 0x02};
    for (int i = 0; i <= PRESENTATION_CONTEXTS; i++)
        assert_int_equal(buf_append(&b, one, sizeof one), 0);
    assert_int_equal(tlv_wrap(&b, 0, TLV_CONTEXT, true, 5), 0);
    assert_int_equal(tlv_wrap(&b, 0, TLV_CONTEXT, true, 2), 0);
    assert_int_equal(buf_prepend(&b, "\xa0\x03\x80\x01\x01", 5), 0);
    assert_int_equal(tlv_wrap(&b, 0, TLV_UNIVERSAL, true, TLV_SET), 0);
    assert_int_equal(presentation_cpa_decode(buf_bytes(&b), &out), ERR_LIMIT);
    buf_free(&b);
}

static void test_aborts(void **state) {
    (void)state;
    struct presentation_ppdu out;
    enum presentation_abort_kind kind;
    struct buf b = user_data();
    void *v = NULL;
    assert_int_equal(presentation_aru_encode(&b, 1), 0);
    check_der(&asn_DEF_ARU_PPDU, &b, &v);
    assert_int_equal(((ARU_PPDU_t *)v)->present, ARU_PPDU_PR_normal_mode_parameters);
    asn1_free(&asn_DEF_ARU_PPDU, v);
    assert_int_equal(presentation_abort_decode(buf_bytes(&b), &kind, &out), 0);
    assert_int_equal(kind, PRESENTATION_ARU);
    assert_int_equal(out.user_data.n, 11);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(presentation_abort_decode(bytes_of(buf_bytes(&b).p, n), &kind, &out), ERR_SYNTAX);
    buf_clear(&b);
    v = NULL;
    assert_int_equal(presentation_arp_encode(&b, 2, 7), 0);
    check_der(&asn_DEF_ARP_PPDU, &b, &v);
    asn1_free(&asn_DEF_ARP_PPDU, v);
    assert_int_equal(presentation_abort_decode(buf_bytes(&b), &kind, &out), 0);
    assert_int_equal(kind, PRESENTATION_ARP);
    assert_int_equal(out.provider_reason, 2);
    assert_int_equal(out.event, 7);
    buf_free(&b);
}

// A CP in X.410 mode is seen as such; one without a mode is none.
static void test_modes(void **state) {
    (void)state;
    struct presentation_ppdu out;
    assert_int_equal(presentation_cp_decode(HEX("\x31\x0b\xa0\x03\x80\x01\x00\xa1\x04\xa3\x02\xa0\x00"), &out), 0);
    assert_false(out.normal_mode);
    assert_int_equal(presentation_cp_decode(HEX("\x31\x02\xa2\x00"), &out), ERR_SYNTAX);
    assert_int_equal(presentation_cp_decode(HEX("\x31\x05\xa0\x03\x80\x01\x01"), &out), ERR_SYNTAX);
    assert_int_equal(presentation_cp_decode(HEX("\x30\x07\xa0\x03\x80\x01\x01\xa2\x00"), &out), ERR_SYNTAX);
}

// ---- the state table ----

static void heard_abort(void *user, const struct stack_failure *f) {
    assert_true(f->text[0] != '\0');
    ++*(unsigned *)user;
}

static void test_states(void **state) {
    (void)state;
    static const struct presentation_acse_user up = {.p_abort_ind = heard_abort};
    struct lower l;
    unsigned told = 0;
    lower_init(&l, &up, &told, NULL, NULL);
    fsm_check_rows(&presentation_fsm);
    unsigned pairs = fsm_walk_unlisted(&l.p.fsm, fsm_event_named(&presentation_fsm, "CP"), 0, &told);
    assert_int_equal(pairs + presentation_fsm.n_rows, presentation_fsm.n_states * presentation_fsm.n_events);
    assert_int_equal(told, 17);
    lower_free(&l);
}

// ---- a responder and what it is offered ----

struct offered {
    unsigned connects, aborts;
    struct presentation_connect connect;
    uint8_t value[16];
};

static void offered_connect(void *user, const struct presentation_connect *c) {
    struct offered *o = user;
    o->connects++;
    o->connect = *c;
    assert_true(c->user_data.n <= sizeof o->value);
    memcpy(o->value, c->user_data.p, c->user_data.n);
}
static void offered_abort(void *user, const struct stack_failure *f) {
    (void)f;
    ((struct offered *)user)->aborts++;
}

// A CP for such a responder; contexts and user data as given.
static void offer(const struct presentation_ppdu *cp, struct bytes ud, struct offered *o) {
    static const struct presentation_acse_user up = {.connect_ind = offered_connect, .p_abort_ind = offered_abort};
    struct presentation_params params = {.supported = {{oid_a, sizeof oid_a}, {oid_b, sizeof oid_b}}};
    struct session_params sp;
    struct session session;
    struct presentation p;
    struct tp0 tp;
    struct buf out = {0}, b = {0};
    *o = (struct offered){.connects = 0};
    session_params_default(&sp);
    tp0_init(&tp, &(struct tp0_params){.local_ref = 1}, &session_tp0_user, &session, &out);
    session_init(&session, &sp, &presentation_session_user, &p, &tp);
    presentation_init(&p, &params, &session, &up, o, NULL, NULL);
    assert_int_equal(buf_append(&b, ud.p, ud.n), 0);
    assert_int_equal(presentation_cp_encode(&b, cp), 0);
    struct session_connect s = {.user_data = buf_bytes(&b)};
    presentation_session_user.connect_ind(&p, &s);
    buf_free(&b);
    presentation_free(&p);
    session_free(&session);
    buf_free(&out);
}

static void test_offers(void **state) {
    (void)state;
    static const uint8_t unknown[] = {0x56, 0, 2, 99};
    struct presentation_ppdu cp = {.n_contexts = 40};
    struct offered o;
    for (int32_t i = 0; i < 40; i++)
        cp.contexts[i] = (struct presentation_context){.id = 2 * i + 1, .abstract_syntax = {unknown, sizeof unknown}};
    cp.contexts[38].abstract_syntax = bytes_of(oid_b, sizeof oid_b);
    cp.contexts[39].abstract_syntax = bytes_of(oid_a, sizeof oid_a);
    cp.contexts[39].id = 70001;
    cp.contexts[20].abstract_syntax = bytes_of(oid_a, sizeof oid_a); // its identifier was proposed before
    cp.contexts[20].id = 1;
    offer(&cp,
          HEX("\x61\x0c\x30\x0a\x02\x03\x01\x11\x71\xa0\x03\x04\x01"
              "a"),
          &o);
    assert_int_equal(o.connects, 1);
    assert_int_equal(o.connect.n_contexts, 40);
    assert_int_equal(o.connect.context, 70001);
    for (int i = 0; i < 40; i++) {
        const struct presentation_context *c = &o.connect.contexts[i];
        assert_int_equal(c->result, i >= 38 ? PRESENTATION_ACCEPTANCE : PRESENTATION_PROVIDER_REJECTION);
        if (i < 38)
            assert_int_equal(c->reason,
                             i == 20 ? PRESENTATION_REJECT_NOT_SPECIFIED : PRESENTATION_REJECT_ABSTRACT_SYNTAX);
    }
}

// Every way to write the user data of a connect; and none that is readable in an accepted context: refused.
static void test_offered_user_data(void **state) {
    (void)state;
    static const struct {
        struct bytes user_data;
        bool good;
    } cases[] = {
        {OCTETS("\x61\x0a\x30\x08\x02\x01\x01\xa0\x03\x04\x01"
                "a"),
         true},
        {OCTETS("\x61\x80\x30\x80\x06\x02\x51\x01\x02\x01\x01\xa0\x80\x04\x01"
                "a\0\0\0\0\0\0"),
         true},
        {OCTETS("\x61\x0a\x30\x08\x02\x01\x01\x81\x03\x04\x01"
                "a"),
         true}, // octet-aligned
        {OCTETS("\x61\x80\x30\x80\x02\x01\x01\xa1\x80\x04\x02\x04\x01\x04\x01"
                "a\0\0\0\0\0\0"),
         true}, // ... in segments
        {OCTETS("\x61\x0b\x30\x09\x02\x01\x01\x82\x04\x00\x04\x01"
                "a"),
         true}, // arbitrary
        {OCTETS("\x40\x03\x04\x01"
                "a"),
         true}, // simply encoded
        {OCTETS("\x61\x14\x30\x08\x02\x01\x01\xa0\x03\x04\x01"
                "a\x30\x08\x02\x01\x03\xa0\x03\x04\x01"
                "b"),
         true}, // the first of two
        {OCTETS("\x61\x0a\x30\x08\x02\x01\x03\xa0\x03\x04\x01"
                "a"),
         false}, // a context that is not accepted
        {OCTETS("\x61\x0a\x30\x08\x02\x01\x07\xa0\x03\x04\x01"
                "a"),
         false}, // ... or not proposed
        {OCTETS("\x61\x05\x30\x03\x02\x01\x01"), false},
        {OCTETS("\x61\x00"), false},
    };
    struct presentation_ppdu cp = {.n_contexts = 2};
    cp.contexts[0] = (struct presentation_context){.id = 1, .abstract_syntax = {oid_a, sizeof oid_a}};
    cp.contexts[1] = (struct presentation_context){.id = 3, .abstract_syntax = {oid_b, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct offered o;
        offer(&cp, cases[i].user_data, &o);
        if (o.connects != cases[i].good || o.aborts == cases[i].good)
            fail_msg("case %zu: %u connects, %u aborts", i, o.connects, o.aborts);
        if (cases[i].good) {
            assert_int_equal(o.connect.user_data.n, 3);
            assert_memory_equal(o.value,
                                "\x04\x01"
                                "a",
                                3);
        }
    }
}

static void test_texts(void **state) {
    (void)state;
    for (int i = -1; i < 300; i++) {
        assert_true(strlen(presentation_provider_reason_text(i)) > 5);
        assert_true(strlen(presentation_abort_text(i)) > 5);
        assert_true(strlen(presentation_rejection_text(i)) > 5);
    }
    assert_string_equal(presentation_provider_reason_text(7), "no PSAP available");
    assert_string_equal(presentation_abort_text(6), "invalid PPDU parameter value");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pdv_forms_cut_anywhere),
        cmocka_unit_test(test_pdv_gone_on_elsewhere),
        cmocka_unit_test(test_pdv_cut_short),
        cmocka_unit_test(test_pdv_bad),
        cmocka_unit_test(test_pdv_whole),
        cmocka_unit_test(test_pdv_wrap),
        cmocka_unit_test(test_cp),
        cmocka_unit_test(test_cpa_and_cpr),
        cmocka_unit_test(test_many_contexts),
        cmocka_unit_test(test_aborts),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_offers),
        cmocka_unit_test(test_offered_user_data),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
