// SPDX-License-Identifier: BSD-2-Clause
// Times in all the forms that peers write, trace elements, who was here before.
#include "x400_p1_util.h"

enum { NOW = 1795170876 }; // 2026-11-20 10:34:36

static void parses(const char *text, int64_t want) {
    int64_t got = 0;
    assert_int_equal(p1_time_parse(bytes_str(text), &got), 0);
    assert_int_equal(got, want);
}

static void times_in_every_form(void **state) {
    (void)state;
    parses("261120103436Z", NOW);
    parses("2611201034Z", NOW - 36);
    parses("261120113436+0100", NOW);
    parses("2611200504-0530", NOW - 36);
    parses("261120103436", NOW); // without a zone, as old peers write it
    parses("2611201034", NOW - 36);
    parses("000101000000Z", 946684800);
    parses("240229000000Z", 1709164800);
    parses("750101000000Z", 3313526400); // 2075
    parses("760101000000Z", 189302400);  // 1976
    parses("991231235959Z", 946684799);
}

static void bad_times_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "26112010343",
                                      "261320103436Z",
                                      "261100103436Z",
                                      "250229000000Z",
                                      "261120243436Z",
                                      "261120106036Z",
                                      "261120103461Z",
                                      "261120103436+01",
                                      "261120103436+2400",
                                      "261120103436Zx",
                                      "26112010343xZ",
                                      "-61120103436Z"};
    int64_t t;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (p1_time_parse(bytes_str(bad[i]), &t) == 0)
            fail_msg("\"%s\" was accepted", bad[i]);
}

static void times_are_written(void **state) {
    (void)state;
    char utc[14], iso[21];
    assert_int_equal(p1_time_text(NOW, utc), 0);
    assert_string_equal(utc, "261120103436Z");
    assert_int_equal(p1_time_iso(NOW, iso), 0);
    assert_string_equal(iso, "2026-11-20T10:34:36Z");
    assert_int_equal(p1_time_iso(-1, iso), 0);
    assert_string_equal(iso, "1969-12-31T23:59:59Z");
    assert_int_equal(p1_time_text(INT64_MAX, utc), ERR_LIMIT);
    assert_int_equal(p1_time_text(189302399, utc), ERR_LIMIT); // 1975 would be read as 2075
    assert_int_equal(p1_time_text(3345062400, utc), ERR_LIMIT);
    assert_int_equal(p1_time_text(3345062399, utc), 0);
    assert_string_equal(utc, "751231235959Z");
    for (int64_t t = 189302400; t < 3313526400; t += 86400 * 13 + 3601) { // there and back
        int64_t back;
        assert_int_equal(p1_time_text(t, utc), 0);
        assert_int_equal(p1_time_parse(bytes_str(utc), &back), 0);
        assert_int_equal(back, t);
    }
}

static struct trace_element visit(struct arena *a, const char *domain, const char *mta) {
    struct trace_element e = {.domain = hex(a, domain), .arrival = p1_time_of(NOW)};
    if (mta != NULL)
        e.mta_name = bytes_str(mta);
    return e;
}

static void elements_encode_as_the_standard_says(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0};
    struct trace t = {NULL, 0};
    struct trace_element e = visit(&a, DOMAIN_A, NULL);
    assert_int_equal(trace_add(&a, &t, &e, false), 0);
    assert_int_equal(trace_encode(&b, &t, false), 0);
    assert_bytes(buf_bytes(&b), hex(&a, "3029" DOMAIN_A "3112 800d 3236313132303130333433365a 820100"));
    buf_clear(&b);
    e.routing = TRACE_REROUTED;
    e.attempted = hex(&a, DOMAIN_B);
    e.deferred = p1_time_of(NOW + 60);
    e.converted = (struct p1_eits){.present = true, .built_in = 1 << 2};
    e.other_actions.set = TRACE_REDIRECTED | TRACE_DL_OPERATION;
    assert_int_equal(trace_add(&a, &t, &e, false), 0);
    assert_int_equal(t.n, 2);
    assert_int_equal(trace_encode(&b, &t, false), 0);
    struct trace back;
    assert_int_equal(trace_decode(&a, buf_bytes(&b), false, &back, NULL), 0);
    assert_int_equal(back.n, 2);
    assert_int_equal(back.element[1].routing, TRACE_REROUTED);
    assert_bytes(back.element[1].attempted, hex(&a, DOMAIN_B));
    assert_int_equal(back.element[1].deferred.seconds, NOW + 60);
    assert_int_equal(back.element[1].converted.built_in, 1 << 2);
    assert_int_equal(back.element[1].other_actions.set, 3);
    struct buf text = {0};
    assert_int_equal(trace_print(&text, &back), 0);
    assert_string_equal(buf_cstr(&text),
                        "C=GB;A=TEST;P=PPA 2026-11-20T10:34:36Z relayed\n"
                        "C=GB;A=TEST;P=PPA 2026-11-20T10:34:36Z rerouted, attempted C=GB;A=TEST;P=PPB, deferred until "
                        "2026-11-20T10:35:36Z, converted to ia5-text, redirected, list expanded\n");
    buf_free(&text);
    buf_free(&b);
    arena_free(&a);
}

static void a_domain_has_one_element_a_visit(void **state) {
    (void)state;
    struct arena a = {0};
    struct trace t = {NULL, 0}, internal = {NULL, 0}, shared;
    struct trace_element e = visit(&a, DOMAIN_A, NULL), one = visit(&a, DOMAIN_A, "one"),
                         two = visit(&a, DOMAIN_A, "two");
    assert_int_equal(trace_add(&a, &t, &e, false), 0);
    shared = t;
    assert_int_equal(trace_add(&a, &t, &e, false), 0);
    assert_int_equal(t.n, 1);
    e.other_actions.set = TRACE_REDIRECTED;
    assert_int_equal(trace_add(&a, &t, &e, false), 0);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.element[0].other_actions.set, TRACE_REDIRECTED);
    assert_int_equal(shared.element[0].other_actions.set, 0); // a copy of the envelope is not changed with it
    assert_int_equal(trace_add(&a, &internal, &one, true), 0);
    assert_int_equal(trace_add(&a, &internal, &one, true), 0);
    assert_int_equal(trace_add(&a, &internal, &two, true), 0);
    assert_int_equal(internal.n, 2);
    arena_free(&a);
}

// P1 of 1984, which has no internal trace: an MTA has one.
static void an_element_is_appended_in_any_case(void **state) {
    (void)state;
    struct arena a = {0};
    struct trace t = {NULL, 0}, shared;
    struct trace_element e = visit(&a, DOMAIN_A, NULL);
    assert_int_equal(trace_append(&a, &t, &e), 0);
    shared = t;
    e.routing = TRACE_REROUTED;
    assert_int_equal(trace_append(&a, &t, &e), 0);
    assert_int_equal(t.n, 2);
    assert_int_equal(shared.n, 1);
    assert_int_equal(t.element[0].routing, TRACE_RELAYED);
    assert_int_equal(t.element[1].routing, TRACE_REROUTED);
    assert_int_equal(trace_visits(&t, e.domain, NULL), 0); // both are of the visit that is the last
    while (t.n < 512)
        assert_int_equal(trace_append(&a, &t, &e), 0);
    assert_int_equal(trace_append(&a, &t, &e), ERR_LIMIT);
    assert_int_equal(t.n, 512);
    arena_free(&a);
}

static void visits_are_counted(void **state) {
    (void)state;
    struct arena a = {0};
    struct trace t = {NULL, 0};
    struct bytes domain_a = hex(&a, DOMAIN_A);
    assert_int_equal(trace_visits(&t, domain_a, NULL), 0);
    struct trace_element e[] = {visit(&a, DOMAIN_A, "one"), visit(&a, DOMAIN_A, "two"), visit(&a, DOMAIN_B, "one"),
                                visit(&a, DOMAIN_A, "ONE ")};
    t = (struct trace){e, 2};
    assert_int_equal(trace_visits(&t, domain_a, NULL), 0); // it is in the domain
    assert_int_equal(trace_visits(&t, domain_a, "one"), 1);
    t.n = 3;
    assert_int_equal(trace_visits(&t, domain_a, NULL), 1);
    t.n = 4;
    assert_int_equal(trace_visits(&t, domain_a, NULL), 1);
    assert_int_equal(trace_visits(&t, domain_a, "one"), 1);
    assert_ptr_equal(trace_last_of(&t, domain_a, "two"), &e[1]);
    assert_ptr_equal(trace_last_of(&t, domain_a, NULL), &e[3]);
    assert_null(trace_last_of(&t, domain_a, "three"));
    arena_free(&a);
}

static void domains_compare_by_meaning(void **state) {
    (void)state;
    struct arena a = {0};
    struct bytes d = hex(&a, DOMAIN_A);
    assert_true(trace_domain_equal(d, hex(&a, "6313 6104 1302 6762 6206 1304 74657374 1303 707061"))); // small letters
    assert_true(trace_domain_equal(d, hex(&a, "6380 6180 1302 4742 0000 6208 1306 5445535420 20 1303 505041 0000")));
    assert_false(trace_domain_equal(d, hex(&a, DOMAIN_B)));
    assert_false(trace_domain_equal(d, hex(&a, "630e 6104 1302 4742 6206 1304 54455354"))); // no private domain
    assert_true(
        trace_domain_equal(hex(&a, "630a 6104 1302 4742 6202 1300"), hex(&a, "630b 6104 1302 4742 6203 1301 20")));
    arena_free(&a);
}

static void at_most_so_many_transfers(void **state) {
    (void)state;
    struct arena a = {0};
    struct trace t = {NULL, 0};
    struct trace_element e[2] = {visit(&a, DOMAIN_A, NULL), visit(&a, DOMAIN_B, NULL)};
    for (int i = 0; i < P1_UB_TRANSFERS; i++)
        assert_int_equal(trace_add(&a, &t, &e[i % 2], false), 0);
    assert_int_equal(trace_add(&a, &t, &e[0], false), ERR_LIMIT);
    assert_int_equal(t.n, P1_UB_TRANSFERS);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_in_every_form),
        cmocka_unit_test(bad_times_are_refused),
        cmocka_unit_test(times_are_written),
        cmocka_unit_test(elements_encode_as_the_standard_says),
        cmocka_unit_test(a_domain_has_one_element_a_visit),
        cmocka_unit_test(an_element_is_appended_in_any_case),
        cmocka_unit_test(visits_are_counted),
        cmocka_unit_test(domains_compare_by_meaning),
        cmocka_unit_test(at_most_so_many_transfers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
