// SPDX-License-Identifier: BSD-2-Clause
// ACSE's APDUs against the types that asn1c makes of the standard's module and against captured octets; the state
// table.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "asn1/asn1c_util.h"
#include "asn1/gen/ACSE-apdu.h"
#include "base/err.h"
#include "rfc1006/acse.h"
#include "tests/unit/rfc1006_fsm_util.h"
#include "tests/unit/rfc1006_lower_util.h"

static const uint8_t context[] = {0x56, 0, 1, 6};

static void encode(struct buf *b, const struct acse_apdu *a, const void *info, size_t n) {
    buf_clear(b);
    assert_int_equal(buf_append(b, info, n), 0);
    assert_int_equal(acse_apdu_encode(b, a), 0);
}

// The standard's module reads what we write and writes the same; cut short, it is nothing.
static void check(const struct buf *b, ACSE_apdu_PR present) {
    struct buf again = {0};
    struct acse_apdu out;
    void *v = NULL;
    assert_int_equal(asn1_decode(&asn_DEF_ACSE_apdu, buf_bytes(b), NULL, &v, NULL), 0);
    assert_int_equal(((ACSE_apdu_t *)v)->present, present);
    assert_int_equal(asn1_encode(&asn_DEF_ACSE_apdu, v, &again), 0);
    assert_int_equal(again.len, b->len);
    assert_memory_equal(buf_bytes(&again).p, buf_bytes(b).p, b->len);
    for (size_t n = 0; n < b->len; n++)
        assert_int_equal(acse_apdu_decode(bytes_of(buf_bytes(b).p, n), &out), ERR_SYNTAX);
    asn1_free(&asn_DEF_ACSE_apdu, v);
    buf_free(&again);
}

static void test_associate(void **state) {
    (void)state;
    struct acse_apdu in = {.kind = ACSE_AARQ, .application_context = bytes_of(context, 4), .user_context = 3}, out;
    struct buf b = {0};
    in.implementation = bytes_str("x400d 1.0");
    encode(&b, &in, "\xb0\x00", 2);
    check(&b, ACSE_apdu_PR_aarq);
    assert_int_equal(acse_apdu_decode(buf_bytes(&b), &out), 0);
    assert_int_equal(out.kind, ACSE_AARQ);
    assert_true(out.version_1);
    assert_true(bytes_equal(out.application_context, in.application_context));
    assert_true(bytes_equal(out.implementation, in.implementation));
    assert_int_equal(out.user_context, 3);
    assert_int_equal(out.user_information.n, 2);
    in = (struct acse_apdu){.kind = ACSE_AARE,
                            .application_context = bytes_of(context, 4),
                            .result = ACSE_REJECTED_TRANSIENT,
                            .source = ACSE_SERVICE_PROVIDER,
                            .diagnostic = 2};
    encode(&b, &in, NULL, 0);
    check(&b, ACSE_apdu_PR_aare);
    assert_int_equal(acse_apdu_decode(buf_bytes(&b), &out), 0);
    assert_int_equal(out.result, ACSE_REJECTED_TRANSIENT);
    assert_int_equal(out.source, ACSE_SERVICE_PROVIDER);
    assert_int_equal(out.diagnostic, 2);
    assert_null(out.user_information.p);
    assert_null(out.implementation.p);
    buf_free(&b);
}

static void test_release_and_abort(void **state) {
    (void)state;
    struct acse_apdu out;
    struct buf b = {0};
    encode(&b, &(struct acse_apdu){.kind = ACSE_RLRQ}, NULL, 0);
    check(&b, ACSE_apdu_PR_rlrq);
    assert_int_equal(b.len, 5);
    assert_memory_equal(buf_bytes(&b).p, "\x62\x03\x80\x01\x00", 5); // as captured
    encode(&b, &(struct acse_apdu){.kind = ACSE_RLRE}, NULL, 0);
    check(&b, ACSE_apdu_PR_rlre);
    assert_memory_equal(buf_bytes(&b).p, "\x63\x03\x80\x01\x00", 5);
    encode(&b, &(struct acse_apdu){.kind = ACSE_ABRT, .abort_source = 1, .user_context = 3}, "\xb6\x00", 2);
    check(&b, ACSE_apdu_PR_abrt);
    assert_int_equal(acse_apdu_decode(buf_bytes(&b), &out), 0);
    assert_int_equal(out.abort_source, 1);
    assert_int_equal(out.user_information.n, 2);
    buf_free(&b);
}

// Titles, qualifiers, authentication and members of later editions are read over; indefinite lengths are as good.
static void test_tolerated(void **state) {
    (void)state;
    static const uint8_t aarq[] = {0x60, 0x80, 0x80, 0x02, 0x07, 0x80, 0xa1, 0x80, 0x06, 0x04, 0x56, 0x00, 0x01, 0x06,
                                   0x00, 0x00, 0xa2, 0x80, 0x30, 0x00, 0x00, 0x00, 0xa3, 0x03, 0x02, 0x01, 0x05, 0x8a,
                                   0x02, 0x07, 0x80, 0xac, 0x03, 0x80, 0x01, 0x61, 0xbe, 0x80, 0x28, 0x80, 0x02, 0x01,
                                   0x03, 0xa0, 0x80, 0xb0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
    struct acse_apdu out;
    assert_int_equal(acse_apdu_decode(bytes_of(aarq, sizeof aarq), &out), 0);
    assert_int_equal(out.kind, ACSE_AARQ);
    assert_int_equal(out.user_context, 3);
    assert_int_equal(out.user_information.n, 2);
    assert_int_equal(out.user_information.p[0], 0xb0);
}

static void test_bad(void **state) {
    (void)state;
    static const struct {
        const char *octets;
        size_t n;
    } bad[] = {
        {"\x60\x00", 2},                                                      // no application context
        {"\x61\x0d\xa1\x06\x06\x04\x56\x00\x01\x06\xa2\x03\x02\x01\x00", 15}, // AARE without diagnostic
        {"\x65\x00", 2},                                                      // no such APDU
        {"\x40\x00", 2},                                                      // primitive
        {"\x62\x03\xbe\x01\x05", 5},                                          // user information that is none
        {"\x60\x0a\xa1\x06\x06\x04\x56\x00\x01\x06\x05\x00", 12},             // a member that is not tagged
        {"\x60\x0a\xa1\x06\x02\x04\x56\x00\x01\x06\x85\x00", 12},             // not an object identifier
    };
    struct acse_apdu out;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(acse_apdu_decode(bytes_of(bad[i].octets, bad[i].n), &out), ERR_SYNTAX);
}

static void heard_abort(void *user, const struct stack_failure *f, struct bytes info) {
    assert_true(f->text[0] != '\0');
    assert_null(info.p);
    ++*(unsigned *)user;
}

static void test_states(void **state) {
    (void)state;
    static const struct acse_user up = {.abort_ind = heard_abort};
    struct lower l;
    struct acse a;
    unsigned told = 0;
    lower_init(&l, &acse_presentation_user, &a, NULL, NULL);
    acse_init(&a, &l.p, &up, &told);
    fsm_check_rows(&acse_fsm);
    unsigned pairs = fsm_walk_unlisted(&a.fsm, fsm_event_named(&acse_fsm, "AARQ"), 0, &told);
    assert_int_equal(pairs + acse_fsm.n_rows, acse_fsm.n_states * acse_fsm.n_events);
    assert_int_equal(told, 5 * 9 - 5 * 2 - 5);
    lower_free(&l);
}

struct heard {
    unsigned associated, aborted;
    char text[160];
};

static void heard_associate(void *user, const struct acse_associate *as) {
    (void)as;
    ((struct heard *)user)->associated++;
}
static void heard_end(void *user, const struct stack_failure *f, struct bytes info) {
    struct heard *h = user;
    (void)info;
    h->aborted++;
    memcpy(h->text, f->text, sizeof h->text);
}

// An AARQ that proposes version 2 alone has no common version with us; one that proposes both has.
static void test_versions(void **state) {
    (void)state;
    static const struct acse_user up = {.associate_ind = heard_associate, .abort_ind = heard_end};
    for (int both = 0; both < 2; both++) {
        const uint8_t aarq[] = {0x60, 12, 0x80, 2, 6, both ? 0xc0 : 0x40, 0xa1, 6, 0x06, 4, 0x56, 0, 1, 6};
        struct lower l;
        struct acse a;
        struct heard h = {.associated = 0};
        lower_init(&l, &acse_presentation_user, &a, NULL, NULL);
        acse_init(&a, &l.p, &up, &h);
        acse_presentation_user.connect_ind(
            &a, &(struct presentation_connect){.context = 1, .user_data = bytes_of(aarq, sizeof aarq)});
        assert_int_equal(h.associated, both);
        assert_int_equal(h.aborted, !both);
        if (!both)
            assert_non_null(strstr(h.text, "no common ACSE version"));
        lower_free(&l);
    }
}

static void test_texts(void **state) {
    (void)state;
    for (int source = 0; source < 4; source++)
        for (int d = -1; d < 40; d++)
            assert_true(strlen(acse_diagnostic_text(source, d)) > 5);
    assert_string_equal(acse_diagnostic_text(1, 2), "application context name not supported");
    assert_string_equal(acse_diagnostic_text(2, 2), "no common ACSE version");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_associate), cmocka_unit_test(test_release_and_abort),
        cmocka_unit_test(test_tolerated), cmocka_unit_test(test_bad),
        cmocka_unit_test(test_states),    cmocka_unit_test(test_versions),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
