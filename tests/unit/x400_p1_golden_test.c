// SPDX-License-Identifier: BSD-2-Clause
// Golden PDUs: envelopes that use every field, encoded to the octets of tests/data/p1-golden-*.hex, decoded from them,
// and encoded again the same. tests/p1-tshark.sh shows the same files to another implementation. With P1_GOLDEN=1 in
// the environment the files are written instead of compared.
#include "x400_p1_util.h"

#include "x400/report.h"

enum { NOW = 1795170876 }; // 2026-11-20 10:34:36

static struct p1_envelope *message(struct arena *a) {
    struct p1_envelope *e = sample(a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_REPORT | P1_ORIGINATOR_REPORT);
    static struct bytes oids[1], bilateral[1];
    oids[0] = hex(a, "2a864886f70d");
    e->original_eits = (struct p1_eits){.present = true, .built_in = 1 << 2, .extended = oids, .n_extended = 1};
    e->priority = P1_URGENT;
    e->indicators.set = P1_DISCLOSURE_OF_OTHER_RECIPIENTS | P1_ALTERNATE_RECIPIENT_ALLOWED;
    e->deferred = p1_time_of(NOW + 3600);
    bilateral[0] = hex(a, "3011 6104 1302 4742 6206 1304 54455354 0401 41");
    e->bilateral = bilateral;
    e->n_bilateral = 1;
    struct trace_element rerouted = {.domain = hex(a, DOMAIN_A),
                                     .arrival = p1_time_of(NOW + 5),
                                     .routing = TRACE_REROUTED,
                                     .attempted = hex(a, DOMAIN_B),
                                     .deferred = p1_time_of(NOW + 3600),
                                     .converted = {.present = true, .built_in = 1 << 5},
                                     .other_actions = {.set = TRACE_REDIRECTED}};
    assert_int_equal(trace_add(a, &e->trace, &rerouted, false), 0);
    struct trace_element here = {
        .domain = hex(a, DOMAIN_A), .mta_name = bytes_str("MTA-A"), .arrival = p1_time_of(NOW)};
    assert_int_equal(p1_internal_trace_add(a, &e->extensions, &here), 0);
    assert_int_equal(p1_extension_set(a, &e->extensions, P1_EXT_CONTENT_CORRELATOR, hex(a, "1603 636f72")), 0);
    assert_int_equal(
        p1_extension_set(a, &e->extensions, P1_EXT_LATEST_DELIVERY_TIME, hex(a, "170d 3236313132313130333433365a")), 0);
    assert_int_equal(p1_extension_set(a, &e->extensions, P1_EXT_DL_EXPANSION_PROHIBITED, hex(a, "0a0101")), 0);
    struct p1_history_entry list = {.name = hex(a, SMITH), .time = p1_time_of(NOW)};
    assert_int_equal(p1_history_set(a, &e->extensions, P1_EXT_DL_EXPANSION_HISTORY, &(struct p1_history){&list, 1}), 0);
    struct p1_history_entry intended = {.name = hex(a, JONES), .time = p1_time_of(NOW), .reason = 1};
    struct p1_recipient *p = &e->recipient[0];
    assert_int_equal(p1_history_set(a, &p->extensions, P1_EXT_REDIRECTION_HISTORY, &(struct p1_history){&intended, 1}),
                     0);
    assert_int_equal(p1_extension_set(a, &p->extensions, P1_EXT_REQUESTED_DELIVERY_METHOD, hex(a, "3003 020101")), 0);
    p->explicit_conversion = 11;
    e->recipient[1].indicators.set = P1_MTA_NON_DELIVERY_REPORT | P1_ORIGINATOR_NON_DELIVERY_REPORT;
    return e;
}

static struct p1_envelope *probe(struct arena *a) {
    struct p1_envelope *e = sample(a, P1_PROBE, P1_RESPONSIBILITY | P1_MTA_REPORT | P1_ORIGINATOR_REPORT);
    e->has_content_length = true;
    e->content_length = 100000;
    e->content_type = (struct p1_content_type){.present = true, .oid = hex(a, "56060a01")}; // 2.6.6.10.1
    e->indicators.set = P1_ALTERNATE_RECIPIENT_ALLOWED;
    return e;
}

static struct p1_envelope *report(struct arena *a, bool delivered) {
    struct p1_envelope *subject = message(a), *out = NULL;
    subject->recipient[0].indicators.set |= P1_MTA_NON_DELIVERY_REPORT; // audited
    struct p1_fate fates[2] = {{.delivered = true, .delivery_time = p1_time_of(NOW + 60), .user_type = 1},
                               {.reason = 1, .diagnostic = 0}};
    struct p1_eits *converted = arena_alloc(a, sizeof *converted);
    assert_non_null(converted);
    *converted = (struct p1_eits){.present = true, .built_in = 1 << 5};
    struct report_item items[2] = {
        {.recipient = 0, .fate = fates[!delivered], .supplementary = "seen by the golden test", .converted = converted},
        {.recipient = 1, .fate = fates[1]}};
    struct report_maker m = {hex(a, ID_R), hex(a, DOMAIN_B), "MTA-B", NOW + 10, NOW + 61};
    assert_int_equal(report_make(a, subject, &m, items, delivered ? 1 : 2, &out), 0);
    return out;
}

static void write_golden(const char *path, struct bytes b) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "# Written by x400_p1_golden_test with P1_GOLDEN=1.\n");
    for (size_t i = 0; i < b.n; i++)
        fprintf(f, "%02x%s", b.p[i], i % 32 == 31 || i + 1 == b.n ? "\n" : "");
    fclose(f);
}

static void golden(struct arena *a, const char *name, const struct p1_envelope *e, struct bytes content) {
    char path[128];
    struct buf b = {0}, again = {0};
    snprintf(path, sizeof path, "tests/data/p1-golden-%s.hex", name);
    put_whole(&b, e, content);
    if (getenv("P1_GOLDEN") != NULL)
        write_golden(path, buf_bytes(&b));
    struct bytes want = hex_file(a, path);
    assert_bytes(buf_bytes(&b), want);
    struct p1_envelope *d = decoded(a, want);
    assert_bytes(d->content, content);
    put_whole(&again, d, content);
    assert_bytes(buf_bytes(&again), want);
    buf_free(&b);
    buf_free(&again);
}

static void golden_message(void **state) {
    (void)state;
    struct arena a = {0};
    golden(&a, "message", message(&a), hex_file(&a, "tests/data/p22-ipm.hex"));
    struct p1_envelope *d = decoded(&a, hex_file(&a, "tests/data/p1-golden-message.hex"));
    assert_int_equal(d->priority, P1_URGENT);
    assert_int_equal(d->deferred.seconds, NOW + 3600);
    assert_int_equal(d->n_bilateral, 1);
    assert_int_equal(d->original_eits.n_extended, 1);
    assert_int_equal(d->trace.n, 2);
    assert_int_equal(d->extensions.n, 5);
    assert_int_equal(d->recipient[0].explicit_conversion, 11);
    assert_int_equal(d->recipient[0].extensions.n, 2);
    assert_int_equal(d->recipient[1].indicators.set, P1_MTA_NON_DELIVERY_REPORT | P1_ORIGINATOR_NON_DELIVERY_REPORT);
    arena_free(&a);
}

static void golden_probe(void **state) {
    (void)state;
    struct arena a = {0};
    golden(&a, "probe", probe(&a), bytes_of(NULL, 0));
    struct p1_envelope *d = decoded(&a, hex_file(&a, "tests/data/p1-golden-probe.hex"));
    assert_true(d->has_content_length);
    assert_int_equal(d->content_length, 100000);
    assert_bytes(d->content_type.oid, hex(&a, "56060a01"));
    arena_free(&a);
}

static void golden_reports(void **state) {
    (void)state;
    struct arena a = {0};
    golden(&a, "delivery", report(&a, true), bytes_of(NULL, 0));
    golden(&a, "non-delivery", report(&a, false), hex_file(&a, "tests/data/p22-ipm.hex"));
    struct p1_envelope *d = decoded(&a, hex_file(&a, "tests/data/p1-golden-non-delivery.hex"));
    assert_int_equal(d->n_recipients, 2);
    assert_int_equal(d->report->intermediate.n, 2);
    assert_bytes(d->recipient[0].intended, hex(&a, JONES));
    arena_free(&a);
}

static void members_that_no_standard_lists_are_relayed(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = sample(&a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT);
    struct bytes odd = hex(&a, "bf8f 0103 020105"), odd2 = hex(&a, "8901ff");
    e->unknown = &odd;
    e->n_unknown = 1;
    e->recipient[1].unknown = &odd2;
    e->recipient[1].n_unknown = 1;
    struct buf b = {0}, again = {0};
    put_whole(&b, e, bytes_str("x"));
    struct p1_envelope *d = decoded(&a, buf_bytes(&b));
    assert_int_equal(d->n_unknown, 1);
    assert_bytes(d->unknown[0], odd);
    assert_bytes(d->recipient[1].unknown[0], odd2);
    put_whole(&again, d, bytes_str("x"));
    assert_bytes(buf_bytes(&again), buf_bytes(&b));
    buf_free(&b);
    buf_free(&again);
    arena_free(&a);
}

static void a_copy_a_next_hop(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = sample(&a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT), *copy;
    size_t second = 1, out_of_range = 2;
    assert_int_equal(p1_split(&a, e, &second, 1, &copy), 0);
    assert_int_equal(copy->recipient[0].indicators.set, P1_MTA_NON_DELIVERY_REPORT);
    assert_int_equal(copy->recipient[1].indicators.set, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT);
    assert_int_equal(e->recipient[0].indicators.set, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT);
    assert_int_equal(p1_split(&a, e, &out_of_range, 1, &copy), ERR_STATE);
    arena_free(&a);
}

static struct bytes fingerprint(struct arena *a, const struct p1_envelope *e) {
    struct buf b = {0};
    assert_int_equal(p1_fingerprint(&b, e), 0);
    struct bytes out = arena_bytes(a, buf_bytes(&b));
    buf_free(&b);
    return out;
}

static void fingerprints_tell_transfers_apart(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = message(&a), *other;
    struct bytes first = fingerprint(&a, e);
    struct buf b = {0};
    put_whole(&b, e, bytes_str("x"));
    assert_bytes(fingerprint(&a, decoded(&a, buf_bytes(&b))), first);
    // Encoded otherwise it is the same.
    struct bytes id = e->identifier;
    e->identifier = hex(&a, "6480 6380 6104 1302 4742 6206 1304 54455354 1381 03 505041 0000 1603 6d2d31 0000");
    assert_bytes(fingerprint(&a, e), first);
    e->identifier = hex(&a, ID_R);
    assert_false(bytes_equal(fingerprint(&a, e), first));
    e->identifier = id;
    e->priority = P1_NON_URGENT; // not part of it
    assert_bytes(fingerprint(&a, e), first);
    size_t both[] = {0, 1};
    assert_int_equal(p1_split(&a, e, both, 2, &other), 0);
    assert_false(bytes_equal(fingerprint(&a, other), first));
    other = message(&a);
    struct trace_element visit = {.domain = hex(&a, DOMAIN_B), .arrival = p1_time_of(NOW)};
    assert_int_equal(trace_add(&a, &other->trace, &visit, false), 0);
    assert_false(bytes_equal(fingerprint(&a, other), first));
    other = message(&a);
    without(&other->extensions, P1_EXT_DL_EXPANSION_HISTORY);
    assert_false(bytes_equal(fingerprint(&a, other), first));
    other = message(&a);
    without(&other->recipient[0].extensions, P1_EXT_REDIRECTION_HISTORY);
    assert_false(bytes_equal(fingerprint(&a, other), first));
    buf_free(&b);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_message),    cmocka_unit_test(golden_probe),
        cmocka_unit_test(golden_reports),    cmocka_unit_test(members_that_no_standard_lists_are_relayed),
        cmocka_unit_test(a_copy_a_next_hop), cmocka_unit_test(fingerprints_tell_transfers_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
