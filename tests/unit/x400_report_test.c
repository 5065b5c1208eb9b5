// SPDX-License-Identifier: BSD-2-Clause
// Who gets a report, and what stands in it.
#include "x400_p1_util.h"

#include "x400/p1_names.h"
#include "x400/report.h"

enum { NOW = 1795170900, ARRIVAL = 1795170880 };

static struct report_maker maker(struct arena *a) {
    return (struct report_maker){
        .identifier = hex(a, ID_R), .domain = hex(a, DOMAIN_B), .mta_name = "MTA-B", .arrival = ARRIVAL, .now = NOW};
}

static const struct p1_fate delivery = {.delivered = true, .delivery_time = {true, NOW, {NULL, 0}}};
static const struct p1_fate failure = {.reason = 1, .diagnostic = 0};

// Made, encoded, decoded again: what a peer would see.
static struct p1_envelope *round_trip(struct arena *a, struct p1_envelope *r) {
    struct buf b = {0};
    assert_int_equal(p1_encode(&b, r), 0);
    struct bytes octets = arena_bytes(a, buf_bytes(&b));
    buf_free(&b);
    return decoded(a, octets);
}

static struct p1_envelope *made(struct arena *a, struct p1_envelope *subject, const struct report_item *item,
                                size_t n) {
    struct report_maker m = maker(a);
    struct p1_envelope *r = NULL;
    assert_int_equal(report_make(a, subject, &m, item, n, &r), 0);
    return round_trip(a, r);
}

static void a_non_delivery_says_why(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *m = sample(&a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT);
    assert_int_equal(p1_extension_set(&a, &m->extensions, P1_EXT_CONTENT_CORRELATOR, hex(&a, "1603 636f72")), 0);
    struct report_item item = {.recipient = 1, .fate = failure, .supplementary = "no route to S=\xC3\xA9@x"};
    struct p1_envelope *r = made(&a, m, &item, 1);
    assert_int_equal(r->type, P1_REPORT);
    assert_bytes(r->identifier, hex(&a, ID_R));
    assert_bytes(r->originator, hex(&a, JONES));
    assert_bytes(r->report->subject, m->identifier);
    assert_int_equal(r->report->intermediate.n, 0);
    assert_int_equal(r->content_type.built_in, P1_CONTENT_IPM_1988);
    assert_text(r->content_identifier, "golden");
    assert_int_equal(r->original_eits.built_in, 1 << 2);
    assert_int_equal(r->trace.n, 1);
    assert_bytes(r->trace.element[0].domain, hex(&a, DOMAIN_B));
    assert_int_equal(r->trace.element[0].arrival.seconds, NOW);
    struct bytes text, domain, mta;
    assert_int_equal(p1_extension_text(&a, &r->report->extensions, P1_EXT_CONTENT_CORRELATOR, &text), 0);
    assert_text(text, "cor");
    assert_int_equal(p1_extension_reporting_mta(&a, &r->extensions, &domain, &mta), 0);
    assert_text(mta, "MTA-B");
    assert_bytes(domain, hex(&a, DOMAIN_B));
    struct trace internal;
    assert_int_equal(p1_internal_trace(&a, &r->extensions, &internal), 0);
    assert_text(internal.element[0].mta_name, "MTA-B");
    assert_int_equal(r->n_recipients, 1);
    struct p1_recipient *p = &r->recipient[0];
    assert_bytes(p->name, hex(&a, JONES));
    assert_int_equal(p->number, 2);
    assert_int_equal(p->indicators.set, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT);
    assert_int_equal(p->arrival.seconds, ARRIVAL);
    assert_false(p->fate.delivered);
    assert_int_equal(p->fate.reason, 1);
    assert_int_equal(p->fate.diagnostic, 0);
    assert_null(p->intended.p);
    assert_text(p->supplementary, "no route to S=??x");
    arena_free(&a);
}

static void a_delivery_says_when(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *m = sample(&a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_REPORT | P1_ORIGINATOR_REPORT);
    struct report_item items[] = {{.recipient = 0, .fate = delivery}, {.recipient = 1, .fate = failure}};
    items[0].fate.user_type = 1;
    items[1].fate.diagnostic = P1_NO_DIAGNOSTIC;
    struct p1_eits converted = {.present = true, .built_in = 1 << 5};
    items[0].converted = &converted;
    struct p1_envelope *r = made(&a, m, items, 2);
    assert_int_equal(r->n_recipients, 2);
    assert_true(r->recipient[0].fate.delivered);
    assert_int_equal(r->recipient[0].fate.delivery_time.seconds, NOW);
    assert_int_equal(r->recipient[0].fate.user_type, 1);
    assert_int_equal(r->recipient[0].converted.built_in, 1 << 5);
    assert_false(r->recipient[1].fate.delivered);
    assert_int_equal(r->recipient[1].fate.diagnostic, P1_NO_DIAGNOSTIC);
    assert_null(r->recipient[1].supplementary.p);
    struct buf b = {0};
    assert_int_equal(p1_print_fate(&b, &r->recipient[0].fate), 0);
    assert_string_equal(buf_cstr(&b), "delivered at 2026-11-20T10:35:00Z to private (1)");
    buf_clear(&b);
    assert_int_equal(p1_print_fate(&b, &failure), 0);
    assert_string_equal(buf_cstr(&b), "not delivered: unable-to-transfer (1), unrecognised-OR-name (0)");
    buf_free(&b);
    arena_free(&a);
}

static void request_bits_decide(void **state) {
    (void)state;
    static const struct {
        uint32_t bits;
        bool on_delivery, to_originator_delivery, to_originator_failure;
    } rows[] = {
        {P1_MTA_NON_DELIVERY_REPORT, false, false, false},
        {P1_MTA_NON_DELIVERY_REPORT | P1_ORIGINATOR_NON_DELIVERY_REPORT, false, false, true},
        {P1_MTA_REPORT | P1_ORIGINATOR_REPORT, true, true, true},
        {P1_MTA_REPORT | P1_ORIGINATOR_NON_DELIVERY_REPORT, true, false, true},
        {P1_MTA_NON_DELIVERY_REPORT | P1_ORIGINATOR_REPORT, true, true, true},
        {P1_MTA_REPORT | P1_MTA_NON_DELIVERY_REPORT, true, false, false},
        {0, false, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct p1_recipient p = {.indicators.set = rows[i].bits};
        assert_int_equal(report_wanted(&p, &delivery), rows[i].on_delivery);
        assert_true(report_wanted(&p, &failure));
        p.fate = delivery;
        assert_int_equal(report_for_originator(&p), rows[i].to_originator_delivery);
        p.fate = failure;
        assert_int_equal(report_for_originator(&p), rows[i].to_originator_failure);
    }
}

static void nobody_asked_and_never_on_a_report(void **state) {
    (void)state;
    struct arena a = {0};
    struct report_maker m = maker(&a);
    struct p1_envelope *r = NULL, *subject = sample(&a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT);
    struct report_item item = {.recipient = 0, .fate = delivery}, failed = {.recipient = 0, .fate = failure};
    assert_int_equal(report_make(&a, subject, &m, &item, 1, &r), ERR_ABSENT);
    assert_int_equal(report_make(&a, subject, &m, &item, 0, &r), ERR_ABSENT);
    struct p1_envelope *report = made(&a, subject, &failed, 1);
    assert_int_equal(report_make(&a, report, &m, &failed, 1, &r), ERR_STATE);
    failed.recipient = 2;
    assert_int_equal(report_make(&a, subject, &m, &failed, 1, &r), ERR_STATE);
    assert_null(r);
    arena_free(&a);
}

static void an_audited_report_carries_the_trace(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *m = sample(&a, P1_PROBE, P1_RESPONSIBILITY | P1_MTA_REPORT | P1_MTA_NON_DELIVERY_REPORT);
    struct report_item item = {.recipient = 0, .fate = delivery};
    struct p1_envelope *r = made(&a, m, &item, 1);
    assert_int_equal(r->report->intermediate.n, 1);
    assert_bytes(r->report->intermediate.element[0].domain, hex(&a, DOMAIN_A));
    assert_false(report_returns_content(r, m));
    arena_free(&a);
}

static void content_returns_only_when_asked_and_failed(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *m = sample(&a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_REPORT);
    struct report_item failed = {.recipient = 0, .fate = failure}, fine = {.recipient = 0, .fate = delivery};
    struct p1_envelope *ndr = made(&a, m, &failed, 1), *dr = made(&a, m, &fine, 1);
    assert_false(report_returns_content(ndr, m));
    m->indicators.set |= P1_CONTENT_RETURN_REQUEST;
    assert_true(report_returns_content(ndr, m));
    assert_false(report_returns_content(dr, m));
    arena_free(&a);
}

static void redirection_and_lists_lead_back(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *m = sample(&a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT);
    struct p1_history_entry intended = {.name = hex(&a, JONES), .time = p1_time_of(ARRIVAL)};
    struct p1_history_entry list = {.name = hex(&a, SMITH), .time = p1_time_of(ARRIVAL)};
    assert_int_equal(
        p1_history_set(&a, &m->recipient[0].extensions, P1_EXT_REDIRECTION_HISTORY, &(struct p1_history){&intended, 1}),
        0);
    assert_int_equal(p1_history_set(&a, &m->extensions, P1_EXT_DL_EXPANSION_HISTORY, &(struct p1_history){&list, 1}),
                     0);
    struct report_item item = {.recipient = 0, .fate = failure};
    struct p1_envelope *r = made(&a, m, &item, 1);
    assert_bytes(r->originator, hex(&a, SMITH));
    assert_bytes(r->recipient[0].intended, hex(&a, JONES));
    struct p1_history h;
    assert_int_equal(p1_history(&a, &r->recipient[0].extensions, P1_EXT_REDIRECTION_HISTORY, &h), 0);
    assert_int_equal(h.n, 1);
    assert_int_equal(p1_history(&a, &r->extensions, P1_EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY, &h), 0);
    assert_int_equal(h.n, 2);
    assert_bytes(h.entry[0].name, hex(&a, JONES));
    assert_int_equal(h.entry[0].time.seconds, 1795170876);
    assert_bytes(h.entry[1].name, hex(&a, SMITH));
    arena_free(&a);
}

// The longest chain of lists costs memory in proportion to its length.
static void many_lists_lead_back(void **state) {
    (void)state;
    struct arena a = {0}, small;
    struct report_maker m = maker(&a);
    struct report_item item = {.recipient = 0, .fate = failure};
    struct p1_envelope *subject = sample(&a, P1_MESSAGE, P1_MTA_NON_DELIVERY_REPORT), *r;
    struct p1_history lists = {arena_array(&a, P1_UB_REDIRECTIONS + 1, sizeof *lists.entry), P1_UB_REDIRECTIONS + 1}, h;
    for (size_t i = 0; i < lists.n; i++)
        lists.entry[i] = (struct p1_history_entry){.name = subject->recipient[0].name, .time = p1_time_of(NOW)};
    assert_int_equal(p1_history_set(&a, &subject->extensions, P1_EXT_DL_EXPANSION_HISTORY, &lists), ERR_LIMIT);
    lists.n--;
    assert_int_equal(p1_history_set(&a, &subject->extensions, P1_EXT_DL_EXPANSION_HISTORY, &lists), 0);
    arena_init(&small, 400 * 1024);
    assert_int_equal(report_make(&small, subject, &m, &item, 1, &r), 0);
    assert_int_equal(p1_history(&a, &r->extensions, P1_EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY, &h), 0);
    assert_int_equal(h.n, P1_UB_REDIRECTIONS + 1);
    assert_bytes(h.entry[0].name, subject->originator);
    assert_bytes(h.entry[P1_UB_REDIRECTIONS].name, subject->recipient[0].name);
    arena_free(&small);
    arena_free(&a);
}

static void long_supplements_are_cut(void **state) {
    (void)state;
    struct arena a = {0};
    char text[400];
    memset(text, 'x', sizeof text);
    text[399] = '\0';
    struct p1_envelope *m = sample(&a, P1_MESSAGE, P1_MTA_NON_DELIVERY_REPORT);
    struct report_item item = {.recipient = 0, .fate = failure, .supplementary = text};
    assert_int_equal(made(&a, m, &item, 1)->recipient[0].supplementary.n, P1_UB_SUPPLEMENTARY_INFO);
    arena_free(&a);
}

static void every_code_has_its_name(void **state) {
    (void)state;
    for (int i = 0; i <= 8; i++)
        assert_non_null(p1_reason_name(i));
    assert_null(p1_reason_name(9));
    for (int i = 0; i <= 78; i++)
        assert_non_null(p1_diagnostic_name(i));
    assert_null(p1_diagnostic_name(79));
    assert_null(p1_diagnostic_name(-1));
    static const struct {
        int code;
        const char *name;
    } rows[] = {{0, "unrecognised-OR-name"},
                {3, "loop-detected"},
                {7, "content-too-long"},
                {14, "protocol-violation"},
                {18, "unsupported-critical-function"},
                {27, "redirection-loop-detected"},
                {35, "undeliverable-mail-recipient-unknown"},
                {48, "unable-to-complete-transfer"},
                {49, "transfer-attempts-limit-reached"},
                {60, "unreliable-system"},
                {78, "unsupported-security-policy"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(p1_diagnostic_name(rows[i].code), rows[i].name);
    assert_int_equal(p1_priority_of("urgent"), P1_URGENT);
    assert_int_equal(p1_priority_of("fast"), -1);
    assert_null(p1_conversion_name(3));
    assert_string_equal(p1_conversion_name(17), "videotex-to-teletex");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_non_delivery_says_why),
        cmocka_unit_test(a_delivery_says_when),
        cmocka_unit_test(request_bits_decide),
        cmocka_unit_test(nobody_asked_and_never_on_a_report),
        cmocka_unit_test(an_audited_report_carries_the_trace),
        cmocka_unit_test(content_returns_only_when_asked_and_failed),
        cmocka_unit_test(redirection_and_lists_lead_back),
        cmocka_unit_test(many_lists_lead_back),
        cmocka_unit_test(long_supplements_are_cut),
        cmocka_unit_test(every_code_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
