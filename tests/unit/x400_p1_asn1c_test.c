// SPDX-License-Identifier: BSD-2-Clause
// The same PDUs through the compiler's codec, made from our own ASN.1 modules: it reads what we write, and its DER is
// our encoding but for two things that BER leaves open and we use: the order of extensions is that of their sender, and
// the returned content of a report comes last.
#include "x400_p1_util.h"

#include "asn1/asn1c_util.h"
#include "asn1/gen/MTS-APDU.h"

static int by_octets(const void *x, const void *y) {
    struct bytes a = ((const struct p1_extension *)x)->raw, b = ((const struct p1_extension *)y)->raw;
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order != 0 ? order : a.n < b.n ? -1 : a.n > b.n;
}

static void sort_set(struct p1_extensions *x) {
    if (x->n > 1)
        qsort(x->item, x->n, sizeof *x->item, by_octets);
}

static void sort_extensions(struct p1_envelope *e) {
    sort_set(&e->extensions);
    for (size_t i = 0; i < e->n_recipients; i++)
        sort_set(&e->recipient[i].extensions);
}

static void compiled_codec_agrees(void **state) {
    (void)state;
    static const char *const names[] = {"message", "probe", "delivery", "non-delivery"};
    assert_int_equal(asn1_init(), 0);
    for (int i = 0; i < 4; i++) {
        struct arena a = {0};
        struct buf ours = {0}, theirs = {0};
        char path[128];
        void *v = NULL;
        uint64_t total;
        snprintf(path, sizeof path, "tests/data/p1-golden-%s.hex", names[i]);
        struct bytes golden = hex_file(&a, path);
        struct p1_envelope *e = decoded(&a, golden);
        assert_int_equal(asn1_decode(&asn_DEF_MTS_APDU, golden, NULL, &v, NULL), 0);
        asn1_free(&asn_DEF_MTS_APDU, v);
        sort_extensions(e);
        bool message = e->type == P1_MESSAGE;
        assert_int_equal(p1_apdu_header(&ours, e, message ? e->content.n : P1_NO_CONTENT, &total), 0);
        assert_int_equal(buf_append(&ours, e->content.p, message ? e->content.n : 0), 0);
        assert_int_equal(asn1_decode(&asn_DEF_MTS_APDU, buf_bytes(&ours), NULL, &v, NULL), 0);
        assert_int_equal(asn1_encode(&asn_DEF_MTS_APDU, v, &theirs), 0);
        assert_bytes(buf_bytes(&theirs), buf_bytes(&ours));
        asn1_free(&asn_DEF_MTS_APDU, v);
        buf_free(&ours);
        buf_free(&theirs);
        arena_free(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiled_codec_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
