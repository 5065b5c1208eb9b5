// SPDX-License-Identifier: BSD-2-Clause
// Extensions: the table, both forms of a type, what is not understood, values, histories.
#include "x400_p1_util.h"

static struct p1_extensions read_all(struct arena *a, const char *members) {
    struct p1_extensions x = {NULL, 0};
    struct p1_fault f;
    if (p1_extensions_decode(a, hex(a, members), &x, &f) < 0)
        fail_msg("%s", f.text);
    return x;
}

static void the_table_is_in_order(void **state) {
    (void)state;
    assert_null(p1_extension_info(0));
    assert_null(p1_extension_info(P1_EXT_LAST + 1));
    for (int i = 1; i <= P1_EXT_LAST; i++)
        assert_int_equal(p1_extension_info(i)->number, i);
    assert_string_equal(p1_extension_info(P1_EXT_INTERNAL_TRACE)->name, "internal-trace-information");
    assert_string_equal(p1_extension_info(P1_EXT_REPORTING_MTA_NAME)->name, "reporting-MTA-name");
    static const uint8_t for_delivery[] = {1, 3, 4, 5, 7, 8, 9, 10, 11, 12, 14, 16, 17, 18, 19, 20, 22, 24, 32, 33};
    for (int i = 1; i <= P1_EXT_LAST; i++) {
        bool want = memchr(for_delivery, i, sizeof for_delivery) != NULL;
        assert_int_equal((p1_extension_info(i)->criticality & P1_FOR_DELIVERY) != 0, want);
        assert_int_equal((p1_extension_info(i)->criticality & P1_FOR_SUBMISSION) != 0, i == 2 || i == 21);
        assert_int_equal(p1_extension_info(i)->criticality & P1_FOR_TRANSFER, 0);
    }
}

// Standard form, old form, private, one that no standard lists, one without value or criticality.
#define MIXED                                                                                                          \
    "3009 800117 a204 0402 6162"                                                                                       \
    "300f a003 020105 8102 0520 a204 1702 3030"                                                                        \
    "300d 8303 2a0304 8102 0640 a202 0500"                                                                             \
    "3009 800163 8102 0640 0500"                                                                                       \
    "3003 800103"

static void all_forms_decode_and_stay_as_they_are(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0};
    struct p1_extensions x = read_all(&a, MIXED);
    assert_int_equal(x.n, 5);
    assert_int_equal(x.item[0].type, 23);
    assert_int_equal(x.item[0].criticality, 0);
    assert_bytes(x.item[0].value, hex(&a, "0402 6162"));
    assert_int_equal(x.item[1].type, 5);
    assert_int_equal(x.item[1].criticality, P1_FOR_DELIVERY);
    assert_int_equal(x.item[2].type, P1_EXT_PRIVATE);
    assert_bytes(x.item[2].oid, hex(&a, "2a0304"));
    assert_int_equal(x.item[2].criticality, P1_FOR_TRANSFER);
    assert_int_equal(x.item[3].type, 99);
    assert_null(x.item[4].value.p);
    assert_int_equal(p1_extensions_encode(&b, &x), 0);
    assert_bytes(buf_bytes(&b), hex(&a, MIXED));
    buf_clear(&b);
    static const char *const names[] = {"content-correlator", "latest-delivery-time", "1.2.3.4", "standard 99",
                                        "dl-expansion-prohibited"};
    for (size_t i = 0; i < x.n; i++) {
        assert_int_equal(p1_extension_name(&b, &x.item[i]), 0);
        assert_string_equal(buf_cstr(&b), names[i]);
        buf_clear(&b);
    }
    buf_free(&b);
    arena_free(&a);
}

static void our_own_have_the_standard_form(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0};
    struct p1_extensions x = read_all(&a, "3033 a003 020117 a22c 042a" /* content-correlator, old form */
                                          "000000000000000000000000000000000000000000"
                                          "000000000000000000000000000000000000000000"),
                         shared = x;
    assert_int_equal(p1_extension_set(&a, &x, P1_EXT_LATEST_DELIVERY_TIME, hex(&a, "1702 3030")), 0);
    assert_int_equal(x.n, 2);
    assert_int_equal(shared.n, 1);
    assert_int_equal(p1_extension_set(&a, &x, P1_EXT_CONTENT_CORRELATOR, hex(&a, "160141")), 0);
    assert_int_equal(x.n, 2);
    assert_true(shared.item[0].raw.p != NULL); // a copy of the envelope is not changed with it
    assert_int_equal(p1_extensions_encode(&b, &x), 0);
    assert_bytes(buf_bytes(&b), hex(&a, "3008 800117 a203 160141"
                                        "300d 800105 8102 0520 a204 1702 3030"));
    assert_int_equal(p1_extension_set(&a, &x, 47, hex(&a, "0500")), ERR_STATE);
    buf_free(&b);
    arena_free(&a);
}

static void unsupported(const char *members, uint32_t stage, int want) {
    struct arena a = {0};
    struct p1_extensions x = read_all(&a, members);
    const struct p1_extension *e = p1_extension_unsupported(&x, stage);
    assert_int_equal(e == NULL ? -1 : e->type, want);
    arena_free(&a);
}

static void critical_ones_that_nobody_understands(void **state) {
    (void)state;
    unsupported(MIXED, P1_FOR_TRANSFER, P1_EXT_PRIVATE);
    unsupported(MIXED, P1_FOR_DELIVERY, -1);
    unsupported("300b 800163 8102 0640 a202 0500", P1_FOR_TRANSFER, 99);
    unsupported("300b 800163 8102 0520 a202 0500", P1_FOR_TRANSFER, -1);
    unsupported("300b 800163 8102 0520 a202 0500", P1_FOR_DELIVERY, 99);
    unsupported("300b 800163 8102 0700 a202 0500", P1_FOR_DELIVERY, -1);
    unsupported("300c 800116 8102 0520 a203 0a0101", P1_FOR_DELIVERY, 22); // proof of delivery cannot be given
    unsupported("300c 800101 8102 0520 a203 0a0101", P1_FOR_DELIVERY, -1);
    unsupported("300b 800114 8102 0520 a202 3100", P1_FOR_DELIVERY, 20); // nor a security label be obeyed
    unsupported("300b 800114 8102 0660 a202 3100", P1_FOR_TRANSFER, -1);
}

static void refused(const char *members, const char *why) {
    struct arena a = {0};
    struct p1_extensions x;
    struct p1_fault f;
    assert_true(p1_extensions_decode(&a, hex(&a, members), &x, &f) < 0);
    assert_string_equal(f.text, why);
    arena_free(&a);
}

static void malformed_ones_are_refused(void **state) {
    (void)state;
    refused("3000", "[0].type: is missing");
    refused("3100", "[0]: an element of class 0 tag 17 is not expected");
    refused("3003 810105", "[0].type: neither a standard extension nor an object identifier");
    refused("3002 8300", "[0].type: neither a standard extension nor an object identifier");
    refused("3006 a004 0402 0105", "[0].type: the standard extension is not a number");
    refused("300b 8009 010203040506070809", "[0].type: the standard extension is not a number");
    refused("3006 800105 810103", "[0].criticality: syntax error");
    refused("3005 800105 a200", "[0].value: is not one element");
    refused("3009 800105 a204 0500 0500", "[0].value: is not one element");
    refused("3003 800163 3003 800163", "[1]: an extension of this type stands there already");
    refused("3005 8303 2a0304 3005 8303 2a0304", "[1]: an extension of this type stands there already");
}

static void values_are_read(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_extensions x = read_all(&a, "3008 800101 a203 0a0101"
                                          "3014 800105 a20f 170d 3236313132303130333433365a"
                                          "300d 800106 a208 3006 020101 020102"
                                          "300a 800117 a205 1603 636f72");
    int code;
    struct p1_time t;
    const int *methods;
    size_t n;
    struct bytes text;
    assert_int_equal(p1_extension_code(&x, 1, &code), 0);
    assert_int_equal(code, 1);
    assert_int_equal(p1_extension_code(&x, 3, &code), ERR_ABSENT);
    assert_int_equal(p1_extension_code(&x, 5, &code), ERR_SYNTAX);
    assert_int_equal(p1_extension_time(&a, &x, 5, &t), 0);
    assert_int_equal(t.seconds, 1795170876);
    assert_int_equal(p1_extension_time(&a, &x, 1, &t), ERR_SYNTAX);
    assert_int_equal(p1_extension_methods(&a, &x, &methods, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(methods[1], 2);
    assert_int_equal(p1_extension_text(&a, &x, 23, &text), 0);
    assert_text(text, "cor");
    assert_int_equal(p1_extension_orname(&x, 2, &text), ERR_ABSENT);
    assert_int_equal(p1_extension_orname(&x, 1, &text), ERR_SYNTAX);
    arena_free(&a);
}

static void histories_keep_their_entries(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_extensions x = {NULL, 0};
    struct p1_history h;
    struct p1_time at = p1_time_of(1795170876);
    struct p1_history_entry e[P1_UB_REDIRECTIONS + 1] = {{.name = hex(&a, SMITH), .time = at, .reason = 2},
                                                         {.name = hex(&a, JONES), .time = at}};
    assert_int_equal(p1_history(&a, &x, P1_EXT_REDIRECTION_HISTORY, &h), ERR_ABSENT);
    assert_int_equal(p1_history_set(&a, &x, P1_EXT_REDIRECTION_HISTORY, &(struct p1_history){e, 2}), 0);
    assert_int_equal(p1_history(&a, &x, P1_EXT_REDIRECTION_HISTORY, &h), 0);
    assert_int_equal(h.n, 2);
    assert_bytes(h.entry[0].name, hex(&a, SMITH));
    assert_int_equal(h.entry[0].reason, 2);
    assert_bytes(h.entry[1].name, hex(&a, JONES));
    assert_bytes(h.entry[1].raw, hex(&a, "303d 3038" JONES "170d 3236313132303130333433365a 0a0100"));
    assert_int_equal(p1_history_set(&a, &x, P1_EXT_DL_EXPANSION_HISTORY, &(struct p1_history){e + 1, 1}), 0);
    assert_int_equal(p1_history(&a, &x, P1_EXT_DL_EXPANSION_HISTORY, &h), 0);
    assert_bytes(h.entry[0].raw, hex(&a, "3038" JONES "170d 3236313132303130333433365a"));
    for (size_t i = 2; i <= P1_UB_REDIRECTIONS; i++)
        e[i] = e[1];
    assert_int_equal(p1_history_set(&a, &x, P1_EXT_REDIRECTION_HISTORY, &(struct p1_history){e, P1_UB_REDIRECTIONS}),
                     0);
    assert_int_equal(
        p1_history_set(&a, &x, P1_EXT_REDIRECTION_HISTORY, &(struct p1_history){e, P1_UB_REDIRECTIONS + 1}), ERR_LIMIT);
    arena_free(&a);
}

static void internal_trace_grows_over_what_came(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = decoded(&a, hex_file(&a, "tests/data/p1-message.hex"));
    struct trace_element here = {
        .domain = hex(&a, DOMAIN_B), .mta_name = bytes_str("MTA-B"), .arrival = p1_time_of(1795170900)};
    struct trace t;
    assert_int_equal(p1_internal_trace(&a, &e->extensions, &t), 0);
    struct bytes first = t.element[0].raw;
    assert_int_equal(p1_internal_trace_add(&a, &e->extensions, &here), 0);
    assert_int_equal(p1_internal_trace(&a, &e->extensions, &t), 0);
    assert_int_equal(t.n, 3);
    assert_bytes(t.element[0].raw, first);
    assert_text(t.element[2].mta_name, "MTA-B");
    assert_int_equal(t.element[2].arrival.seconds, 1795170900);
    // One that cannot be read does not keep ours from being written.
    struct p1_extensions bad = read_all(&a, "3007 800126 a202 0500");
    assert_int_equal(p1_internal_trace(&a, &bad, &t), ERR_SYNTAX);
    assert_int_equal(p1_internal_trace_add(&a, &bad, &here), 0);
    assert_int_equal(p1_internal_trace(&a, &bad, &t), 0);
    assert_int_equal(t.n, 1);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_in_order),          cmocka_unit_test(all_forms_decode_and_stay_as_they_are),
        cmocka_unit_test(our_own_have_the_standard_form), cmocka_unit_test(critical_ones_that_nobody_understands),
        cmocka_unit_test(malformed_ones_are_refused),     cmocka_unit_test(values_are_read),
        cmocka_unit_test(histories_keep_their_entries),   cmocka_unit_test(internal_trace_grows_over_what_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
