// SPDX-License-Identifier: BSD-2-Clause
// P1 of 1984: what an independent MTA sent (captures) is split, decoded and encoded, and what is downgraded is read by
// the compiler's codec for the types of 1984, which refuse everything that 1988 added. Golden PDUs are those of 1988
// downgraded, in tests/data/p1-84-golden-*.hex, which tests/p1-tshark.sh shows to another implementation; with
// P1_GOLDEN=1 in the environment they are written instead of compared.
#include "x400_p1_util.h"

#include "asn1/asn1c_util.h"
#include "asn1/gen/MPDU84.h"
#include "tests/pcap.h"
#include "x400/bind.h"
#include "x400/downgrade.h"
#include "x400/p1_stream.h"

static const struct downgrade_options plain = {0};

// The APDU that the caller sent in X.410 mode: TPKT, DT of class 0, GIVE TOKENS with DATA TRANSFER, and its slices.
static struct bytes captured(struct arena *a, const char *path) {
    struct pcap c;
    struct buf tsdu = {0}, apdu = {0};
    pcap_read(&c, path);
    struct bytes octets = buf_bytes(&c.stream[0]), t;
    while ((t = pcap_tpkt(&octets)).p != NULL) {
        if ((t.p[5] & 0xF0) != 0xF0)
            continue;
        assert_int_equal(buf_append(&tsdu, t.p + 7, t.n - 7), 0);
        if (!(t.p[6] & 0x80))
            continue;
        struct bytes s = buf_bytes(&tsdu);
        if (s.n >= 4 && memcmp(s.p, "\x01\x00\x01\x00", 4) == 0)
            assert_int_equal(buf_append(&apdu, s.p + 4, s.n - 4), 0);
        buf_clear(&tsdu);
    }
    struct bytes out = arena_bytes(a, buf_bytes(&apdu));
    assert_non_null(out.p);
    buf_free(&tsdu);
    buf_free(&apdu);
    pcap_free(&c);
    return out;
}

// The DER of an MPDU by the compiler's codec; p NULL: it is none.
static struct bytes der84(struct arena *a, struct bytes mpdu) {
    void *v = NULL;
    struct buf b = {0};
    struct bytes out = {NULL, 0};
    if (asn1_decode(&asn_DEF_MPDU84, mpdu, NULL, &v, NULL) == 0) {
        assert_int_equal(asn1_encode(&asn_DEF_MPDU84, v, &b), 0);
        out = arena_bytes(a, buf_bytes(&b));
    }
    asn1_free(&asn_DEF_MPDU84, v);
    buf_free(&b);
    return out;
}

static struct p1_envelope *downgraded(struct arena *a, const struct p1_envelope *e) {
    struct downgrade d;
    assert_int_equal(downgrade_envelope(a, &plain, e, &d), 0);
    assert_non_null(d.envelope);
    return d.envelope;
}

// ---- the captures ----

static void check_captured(struct arena *a, struct bytes apdu, const char *surname, const char *id, size_t content) {
    struct p1_envelope *e = decoded(a, apdu);
    struct buf ours = {0}, again = {0};
    assert_int_equal(e->type, P1_MESSAGE);
    assert_int_equal(e->content_type.built_in, P1_CONTENT_IPM_1984);
    assert_int_equal(e->original_eits.built_in, 1 << 2);
    assert_text(e->content_identifier, id);
    assert_int_equal(e->indicators.set, P1_ALTERNATE_RECIPIENT_ALLOWED | P1_CONTENT_RETURN_REQUEST);
    assert_int_equal(e->extensions.n, 0);
    assert_int_equal(e->n_unknown, 0);
    assert_int_equal(e->trace.n, 2);
    assert_int_equal(e->n_recipients, 1);
    assert_int_equal(e->recipient[0].number, 1);
    assert_int_equal(e->recipient[0].indicators.set,
                     P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT | P1_ORIGINATOR_NON_DELIVERY_REPORT);
    struct or_address to;
    assert_int_equal(or_name_decode(a, e->recipient[0].name, &to, NULL), 0);
    assert_string_equal(or_address_get(&to, OR_SURNAME), surname);
    assert_int_equal(e->content.n, content);
    // Our encoding is the DER of what was sent, whether it is relayed as it is or downgraded, which finds nothing to
    // do.
    struct bytes der = der84(a, apdu);
    assert_non_null(der.p);
    put_whole(&ours, e, e->content);
    assert_bytes(der84(a, buf_bytes(&ours)), der);
    put_whole(&again, downgraded(a, e), e->content);
    assert_bytes(buf_bytes(&again), der);
    buf_free(&ours);
    buf_free(&again);
}

static void what_a_peer_sent(void **state) {
    (void)state;
    struct arena a = {0};
    check_captured(&a, captured(&a, "tests/data/p1-84.pcap"), "smith", "cap 84", 236);
    check_captured(&a, captured(&a, "tests/data/p1-84-100k.pcap"), "smith", "big 84", 107687);
    arena_free(&a);
}

struct split {
    struct arena a;
    struct bytes head;
    struct buf content;
};
static int on_head(void *ctx, enum p1_type type, struct bytes head) {
    struct split *s = ctx;
    assert_int_equal(type, P1_MESSAGE);
    s->head = arena_bytes(&s->a, head);
    return 0;
}
static int on_content(void *ctx, struct bytes piece) {
    return buf_append(&((struct split *)ctx)->content, piece.p, piece.n);
}

static void split_in(struct bytes apdu, size_t piece, struct bytes content) {
    static const struct p1_stream_user user = {on_head, on_content};
    struct split got = {0};
    struct p1_stream *s = p1_stream_new(&user, &got, 0);
    assert_non_null(s);
    for (size_t at = 0; at < apdu.n; at += piece)
        assert_int_equal(p1_stream_feed(s, bytes_of(apdu.p + at, piece < apdu.n - at ? piece : apdu.n - at)), 0);
    assert_true(p1_stream_complete(s));
    assert_bytes(buf_bytes(&got.content), content);
    assert_int_equal(decoded(&got.a, got.head)->n_recipients, 1);
    p1_stream_free(s);
    buf_free(&got.content);
    arena_free(&got.a);
}

static void the_splitter_takes_them_in_any_pieces(void **state) {
    (void)state;
    struct arena a = {0};
    struct bytes small = captured(&a, "tests/data/p1-84.pcap"), large = captured(&a, "tests/data/p1-84-100k.pcap");
    struct bytes content = decoded(&a, small)->content;
    for (size_t piece = 1; piece <= small.n; piece++)
        split_in(small, piece, content);
    content = decoded(&a, large)->content;
    split_in(large, 1, content);
    split_in(large, 1024, content);
    split_in(large, large.n, content);
    arena_free(&a);
}

static void damaged_ones_do_no_harm(void **state) {
    (void)state;
    struct arena a = {0};
    struct bytes apdu = captured(&a, "tests/data/p1-84.pcap");
    size_t refused = 0;
    for (size_t n = 0; n < apdu.n; n++) {
        struct arena one = {0};
        struct p1_envelope *e;
        uint8_t *cut = malloc(n + 1); // so that reading beyond it shows
        assert_non_null(cut);
        memcpy(cut, apdu.p, n);
        assert_true(p1_decode(&one, bytes_of(cut, n), &e, NULL) < 0);
        free(cut);
        arena_free(&one);
    }
    uint8_t *copy = malloc(apdu.n);
    assert_non_null(copy);
    for (size_t bit = 0; bit < apdu.n * 8; bit++) {
        struct arena one = {0};
        struct p1_envelope *e;
        struct downgrade d;
        struct buf b = {0};
        memcpy(copy, apdu.p, apdu.n);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (p1_decode(&one, bytes_of(copy, apdu.n), &e, NULL) < 0) {
            refused++;
        } else {
            assert_int_equal(upgrade_envelope(&one, &plain, e), 0);
            assert_int_equal(downgrade_envelope(&one, &plain, e, &d), 0);
            if (d.envelope != NULL)
                assert_int_equal(p1_encode(&b, d.envelope), 0);
        }
        buf_free(&b);
        arena_free(&one);
    }
    assert_in_range(refused, 500, apdu.n * 8 - 500); // both were tried
    free(copy);
    arena_free(&a);
}

// ---- the bind ----

static void binds_stand_bare(void **state) {
    (void)state;
    static const struct {
        const char *octets, *name, *password;
        enum bind_form form;
        bool result;
    } seen[] = {
        // p1-84.pcap, p1-88-x410mode.pcap: PConnect and PAccept
        {"a114 8007 4d54412d505041 a109 1607 73656372657441", "MTA-PPA", "secretA", BIND_IA5, false},
        {"a114 8007 4d54412d505042 a109 1607 73656372657442", "MTA-PPB", "secretB", BIND_IA5, true},
        {"a114 8007 4d54412d505041 a109 0407 73656372657441", "MTA-PPA", "secretA", BIND_OCTETS, false},
        {"a114 8007 4d54412d505042 a109 0407 73656372657442", "MTA-PPB", "secretB", BIND_OCTETS, true},
    };
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        struct arena a = {0};
        struct buf b = {0};
        struct bind_info got;
        int error;
        struct bytes octets = hex(&a, seen[i].octets);
        assert_int_equal(seen[i].result ? bind_result_decode(&a, octets, false, &got, &error, NULL)
                                        : bind_argument_decode(&a, octets, false, &got, NULL),
                         0);
        assert_int_equal(got.form, seen[i].form);
        assert_text(got.name, seen[i].name);
        assert_true(bind_password_is(&got, bytes_str(seen[i].password)));
        assert_int_equal(seen[i].result ? bind_result_encode(&b, &got, false) : bind_argument_encode(&b, &got, false),
                         0);
        assert_bytes(buf_bytes(&b), octets);
        // In the normal mode's wrapping it is refused, and the other way round.
        assert_true(bind_argument_decode(&a, octets, true, &got, NULL) < 0);
        buf_free(&b);
        arena_free(&a);
    }
}

// ---- golden ----

static void write_golden(const char *path, struct bytes b) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "# Written by x400_p1_1984_test with P1_GOLDEN=1.\n");
    for (size_t i = 0; i < b.n; i++)
        fprintf(f, "%02x%s", b.p[i], i % 32 == 31 || i + 1 == b.n ? "\n" : "");
    fclose(f);
}

// What can be downgraded of the golden PDU of 1988.
static struct p1_envelope *golden88(struct arena *a, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "tests/data/p1-golden-%s.hex", name);
    struct bytes apdu = hex_file(a, path);
    assert_null(der84(a, apdu).p); // the types of 1984 refuse what is of 1988
    struct p1_envelope *e = decoded(a, apdu);
    if (e->type != P1_REPORT) {
        e->content_type = (struct p1_content_type){.present = true, .built_in = P1_CONTENT_IPM_1988};
        e->recipient[0].explicit_conversion = 0;
        without(&e->extensions, P1_EXT_LATEST_DELIVERY_TIME);
        without(&e->extensions, P1_EXT_DL_EXPANSION_PROHIBITED);
    }
    return e;
}

static void golden(const char *name, struct bytes content) {
    struct arena a = {0};
    struct buf b = {0}, again = {0};
    char path[128];
    snprintf(path, sizeof path, "tests/data/p1-84-golden-%s.hex", name);
    struct p1_envelope *e = downgraded(&a, golden88(&a, name));
    put_whole(&b, e, content);
    if (getenv("P1_GOLDEN") != NULL)
        write_golden(path, buf_bytes(&b));
    struct bytes want = hex_file(&a, path);
    assert_bytes(buf_bytes(&b), want);
    assert_non_null(der84(&a, want).p);
    // The returned content stands last in its SET; all else is DER.
    if (e->type != P1_REPORT || content.p == NULL)
        assert_bytes(der84(&a, want), want);
    // It reads back, and once more there is nothing to do.
    struct p1_envelope *d = decoded(&a, want);
    assert_int_equal(upgrade_envelope(&a, &plain, d), 0);
    put_whole(&again, downgraded(&a, d), content);
    assert_bytes(buf_bytes(&again), want);
    buf_free(&b);
    buf_free(&again);
    arena_free(&a);
}

static void golden_pdus(void **state) {
    (void)state;
    struct arena a = {0};
    struct bytes content = hex_file(&a, "tests/data/p22-ipm.hex");
    golden("message", content);
    golden("probe", bytes_of(NULL, 0));
    golden("delivery", bytes_of(NULL, 0));
    golden("non-delivery", content);
    arena_free(&a);
}

static int setup(void **state) {
    (void)state;
    return asn1_init();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_peer_sent),
        cmocka_unit_test(the_splitter_takes_them_in_any_pieces),
        cmocka_unit_test(damaged_ones_do_no_harm),
        cmocka_unit_test(binds_stand_bare),
        cmocka_unit_test(golden_pdus),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
