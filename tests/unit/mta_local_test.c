// SPDX-License-Identifier: BSD-2-Clause
// Local delivery: what an item holds, what is delivered without one, what is refused.
#include "tests/unit/mta_local_util.h"

#include "mta/codes.h"

static const char *const to_smith[] = {SMITH, NULL};

static json_t *only_item(struct world *w, const char *folder, char item[300]) {
    char names[1][300];
    assert_int_equal(list(w, folder, names, 1), 1);
    memcpy(item, names[0], 300);
    return envelope_of(w, item);
}

static void test_message(void **state) {
    (void)state;
    static const char *const to[] = {SMITH, BROWN, JONES, NULL};
    static const char *const files[] = {"../../x", "envelope.json", "CONTENT.BER", "body-1.txt", "a\\b\\x", "..", NULL};
    static const char *const stored[] = {"x",   "envelope-2.json", "CONTENT-2.BER", "part-5-body-1.txt",
                                         "x-2", "part-7.bin"};
    struct world w;
    struct arena a = {0};
    struct buf content = {0};
    world_make(&w);
    world_start(&w, true);
    interpersonal(&a, "caf\xc3\xa9\r\n", files, 100, &content);
    struct admitted x = world_admit(&w, letter(&w, P1_MESSAGE, to, WANT_FAILURE), buf_bytes(&content));
    world_settle(&w);
    char items[3][300];
    assert_int_equal(list(&w, "b/new", items, 3), 2);
    assert_int_equal(entries(&w, "b/tmp"), 0);
    assert_int_equal(entries(&w, "a/new"), 1);
    bool smith = false, brown = false;
    uint8_t octets[100];
    memset(octets, 'x', sizeof octets);
    for (int k = 0; k < 2; k++) {
        json_t *e = envelope_of(&w, items[k]);
        expect_number(e, "version", 1);
        expect_text(e, "kind", "message");
        expect_text(e, "id", x.id);
        expect_text(e, "originator", JONES);
        const char *me = json_string_value(at(e, "recipient"));
        smith |= strcmp(me, SMITH) == 0;
        brown |= strcmp(me, BROWN) == 0;
        assert_null(at(e, "other_recipients"));
        expect_number(e, "content_type.number", 22);
        expect_text(e, "content_identifier", "a test");
        expect_text(e, "priority", "urgent");
        expect_text(e, "encoded_information_types.0", "ia5-text");
        expect_number(e, "content_length", (json_int_t)content.len);
        expect_text(e, "report_request.originator", "non-delivery-report");
        expect_text(e, "trace.0.domain", "/PRMD=PPA/ADMD=TEST/C=GB/");
        expect_text(e, "internal_trace.0.mta", "MTA-A");
        assert_int_equal(strlen(json_string_value(at(e, "delivery_time"))), 20);
        expect_text(e, "heading.subject",
                    "Gr\xc3\xbc\xc3\x9f"
                    "e");
        expect_text(e, "heading.from.address", JONES);
        expect_text(e, "heading.from.name", "J. Jones");
        expect_text(e, "heading.to.0.address", SMITH);
        expect_text(e, "heading.importance", "high");
        expect_text(e, "heading.this_ipm.local", "17");
        assert_int_equal(json_array_size(at(e, "parts")), 7);
        expect_text(e, "parts.0.file", "body-1.txt");
        expect_number(e, "parts.0.size", 7);
        expect_file(&w, items[k], "body-1.txt", bytes_str("caf\xc3\xa9\r\n"));
        expect_file(&w, items[k], "content.ber", buf_bytes(&content));
        for (int f = 0; f < 6; f++) {
            char path[40];
            snprintf(path, sizeof path, "parts.%d.file", f + 1);
            expect_text(e, path, stored[f]);
            expect_file(&w, items[k], stored[f], bytes_of(octets, 100));
        }
        assert_null(at(e, "content_error"));
        assert_int_equal(entries(&w, items[k]), 9); // envelope, content, text, six files
        json_decref(e);
    }
    assert_true(smith && brown);
    assert_int_equal(events_seen(&w, EV_DELIVERED), 3);
    world_stop(&w);
    world_remove(&w);
    buf_free(&content);
    arena_free(&a);
}

static void test_disclosed(void **state) {
    (void)state;
    static const char *const to[] = {SMITH, NOBODY, NULL};
    struct world w;
    char item[300];
    world_make(&w);
    world_start(&w, true);
    struct opened *o = letter(&w, P1_MESSAGE, to, WANT_NONE);
    o->env->indicators.set = P1_DISCLOSURE_OF_OTHER_RECIPIENTS;
    o->env->content_identifier = bytes_of("\xff\x01z", 3); // not what X.411 allows
    world_admit(&w, o, bytes_str("x"));
    world_settle(&w);
    json_t *e = only_item(&w, "b/new", item);
    assert_int_equal(json_array_size(at(e, "other_recipients")), 1);
    expect_text(e, "other_recipients.0", NOBODY);
    expect_text(e, "content_identifier", "\xef\xbf\xbd\x01z");
    json_decref(e);
    world_stop(&w);
    world_remove(&w);
}

// P2, contents that are not what they say, and other content types.
static void deliver_content(int type, struct bytes content, const char *error, const char *heading_subject) {
    struct world w;
    char item[300];
    world_make(&w);
    world_start(&w, true);
    struct opened *o = letter(&w, P1_MESSAGE, to_smith, WANT_NONE);
    o->env->content_type.built_in = type;
    world_admit(&w, o, content);
    world_settle(&w);
    json_t *e = only_item(&w, "b/new", item);
    expect_number(e, "content_type.number", type);
    expect_file(&w, item, "content.ber", content);
    if (error != NULL)
        expect_text(e, "content_error", error);
    else
        assert_null(at(e, "content_error"));
    if (heading_subject != NULL)
        expect_text(e, "heading.subject", heading_subject);
    else
        assert_null(at(e, "heading"));
    json_decref(e);
    world_stop(&w);
    world_remove(&w);
}

static void test_contents(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf ipm = {0};
    static const char *const files[] = {"one.bin", NULL};
    interpersonal(&a, "hello", files, 100000, &ipm);
    struct bytes whole = buf_bytes(&ipm);
    const char *subject = "Gr\xc3\xbc\xc3\x9f"
                          "e";
    deliver_content(P1_CONTENT_IPM_1984, whole, NULL, subject);
    deliver_content(P1_CONTENT_IPM_1988, bytes_of(whole.p, whole.n - 1),
                    "the content ends before the interpersonal message does", subject);
    deliver_content(P1_CONTENT_IPM_1988, bytes_str("no message"), "the content is not an interpersonal message", NULL);
    deliver_content(P1_CONTENT_IPM_1988, bytes_str(""), "the content ends before the interpersonal message does", NULL);
    deliver_content(P1_CONTENT_EDI, whole, NULL, NULL);
    buf_free(&ipm);
    arena_free(&a);
}

// What was readable of a damaged message is there, and says that it is not all.
static void test_cut_short(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf ipm = {0};
    static const char *const files[] = {"one.bin", NULL};
    struct world w;
    char item[300];
    world_make(&w);
    world_start(&w, true);
    interpersonal(&a, "hello", files, 3000000, &ipm);
    world_admit(&w, letter(&w, P1_MESSAGE, to_smith, WANT_NONE), bytes_of(buf_bytes(&ipm).p, ipm.len - 1000000));
    world_settle(&w);
    json_t *e = only_item(&w, "b/new", item);
    expect_text(e, "parts.1.file", "one.bin");
    assert_true(json_is_true(at(e, "parts.1.incomplete")));
    size_t n = 0;
    char *text = slurp(&w, item, "one.bin", &n);
    assert_non_null(text);
    assert_int_equal(n, json_integer_value(at(e, "parts.1.size")));
    assert_true(n < 3000000 && n > 1000000);
    free(text);
    json_decref(e);
    world_stop(&w);
    world_remove(&w);
    buf_free(&ipm);
    arena_free(&a);
}

// Several slices of the file thread.
static void test_large(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf ipm = {0};
    static const char *const files[] = {"big.bin", NULL};
    static const char *const to[] = {SMITH, BROWN, NULL};
    struct world w;
    char items[2][300];
    world_make(&w);
    world_start(&w, true);
    interpersonal(&a, "hello", files, 20000000, &ipm);
    world_admit(&w, letter(&w, P1_MESSAGE, to, WANT_NONE), buf_bytes(&ipm));
    world_settle(&w);
    assert_int_equal(list(&w, "b/new", items, 2), 2);
    for (int k = 0; k < 2; k++) {
        json_t *e = envelope_of(&w, items[k]);
        expect_number(e, "parts.1.size", 20000000);
        expect_number(e, "parts.1.declared_size", 20000000);
        expect_file(&w, items[k], "content.ber", buf_bytes(&ipm));
        json_decref(e);
    }
    world_stop(&w);
    world_remove(&w);
    buf_free(&ipm);
    arena_free(&a);
}

static void test_reports(void **state) {
    (void)state;
    static const char *const to[] = {SMITH, NOBODY, NULL};
    struct world w;
    char item[300];
    world_make(&w);
    world_start(&w, true);
    struct opened *o = letter(&w, P1_MESSAGE, to, WANT_FAILURE);
    o->env->indicators.set = P1_CONTENT_RETURN_REQUEST;
    struct admitted x = world_admit(&w, o, bytes_str("returned"));
    world_settle(&w);
    json_t *e = only_item(&w, "a/new", item);
    expect_text(e, "kind", "report");
    expect_text(e, "subject", x.id);
    assert_string_not_equal(json_string_value(at(e, "id")), x.id);
    expect_text(e, "recipient", JONES);
    assert_int_equal(json_array_size(at(e, "recipients")), 1);
    expect_text(e, "recipients.0.recipient", NOBODY);
    expect_text(e, "recipients.0.result", "failed");
    expect_number(e, "recipients.0.reason.number", 1);
    expect_text(e, "recipients.0.reason.name", "unable-to-transfer");
    expect_number(e, "recipients.0.diagnostic.number", 0);
    expect_text(e, "recipients.0.diagnostic.name", "unrecognised-OR-name");
    assert_non_null(strstr(json_string_value(at(e, "recipients.0.supplementary_information")), "no route"));
    expect_text(e, "reporting_mta", "MTA-A");
    expect_text(e, "content_identifier", "a test");
    expect_text(e, "returned_content", "returned-content.ber");
    expect_file(&w, item, "returned-content.ber", bytes_str("returned"));
    assert_int_equal(entries(&w, item), 2);
    json_decref(e);
    world_stop(&w);
    world_remove(&w);
}

// The time of delivery in the item and in the report is the same.
static void test_delivery_report(void **state) {
    (void)state;
    struct world w;
    char item[300];
    world_make(&w);
    world_start(&w, true);
    world_admit(&w, letter(&w, P1_MESSAGE, to_smith, WANT_REPORT), bytes_str("x"));
    world_settle(&w);
    json_t *message = only_item(&w, "b/new", item), *e = only_item(&w, "a/new", item);
    expect_text(e, "recipients.0.result", "delivered");
    expect_text(e, "recipients.0.delivery_time", json_string_value(at(message, "delivery_time")));
    expect_text(e, "recipients.0.user_type.name", "public");
    assert_null(at(e, "returned_content"));
    json_decref(message);
    json_decref(e);
    world_stop(&w);
    world_remove(&w);
}

// A report that the originator did not ask for ends here, and so does the item.
static void test_quiet_report(void **state) {
    (void)state;
    static const char *const to[] = {NOBODY, NULL};
    struct world w;
    world_make(&w);
    world_start(&w, true);
    world_admit(&w, letter(&w, P1_MESSAGE, to, WANT_NONE), bytes_str("x"));
    world_settle(&w);
    assert_int_equal(events_seen(&w, EV_REPORTED), 1);
    assert_int_equal(events_seen(&w, EV_DELIVERED), 0);
    assert_int_equal(entries(&w, "a/new"), 0);
    world_stop(&w);
    world_start(&w, true); // nothing of it comes back
    assert_int_equal(queue_items(w.m.queue), 0);
    world_stop(&w);
    world_remove(&w);
}

static void test_probe(void **state) {
    (void)state;
    struct world w;
    char item[300];
    world_make(&w);
    world_start(&w, true);
    struct opened *o = letter(&w, P1_PROBE, to_smith, WANT_REPORT);
    struct admitted x = world_admit(&w, o, bytes_str(""));
    world_settle(&w);
    assert_int_equal(entries(&w, "b/new"), 0);
    json_t *e = only_item(&w, "a/new", item);
    expect_text(e, "subject", x.id);
    expect_text(e, "recipients.0.result", "delivered");
    json_decref(e);
    world_stop(&w);
    world_remove(&w);
}

static void critical(struct opened *o, struct p1_extensions *x) {
    x->item = arena_array(&o->arena, 1, sizeof *x->item);
    x->n = 1;
    x->item[0] = (struct p1_extension){.type = 99, .criticality = P1_FOR_DELIVERY, .value = bytes_of("\x05\x00", 2)};
}

// Expects that smith gets nothing and jones is told why; brown, if there is one, has his.
static void refused(struct world *w, struct opened *o, int diagnostic, size_t delivered) {
    char item[300];
    world_admit(w, o, bytes_str("x"));
    world_settle(w);
    assert_int_equal(entries(w, "b/new"), delivered);
    json_t *e = only_item(w, "a/new", item);
    assert_int_equal(json_array_size(at(e, "recipients")), o->env->n_recipients - delivered);
    expect_text(e, "recipients.0.recipient", SMITH);
    expect_text(e, "recipients.0.result", "failed");
    expect_number(e, "recipients.0.reason.number", CODE_UNABLE_TO_TRANSFER);
    expect_number(e, "recipients.0.diagnostic.number", diagnostic);
    json_decref(e);
    world_stop(w);
    world_remove(w);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const both[] = {SMITH, BROWN, NULL};
    for (int k = 0; k < 4; k++) {
        struct world w;
        world_make(&w);
        world_start(&w, true);
        struct opened *o = opened_ref(letter(&w, k == 3 ? P1_PROBE : P1_MESSAGE, both, WANT_FAILURE));
        if (k == 0) {
            critical(o, &o->env->extensions);
            refused(&w, o, CODE_UNSUPPORTED_CRITICAL_FUNCTION, 0);
        } else if (k == 1) {
            critical(o, &o->env->recipient[0].extensions);
            refused(&w, o, CODE_UNSUPPORTED_CRITICAL_FUNCTION, 1);
        } else if (k == 2) {
            struct bytes past = bytes_of("\x17\x0d"
                                         "200101000000Z",
                                         15);
            assert_int_equal(p1_extension_set(&o->arena, &o->env->extensions, P1_EXT_LATEST_DELIVERY_TIME, past),
                             ERR_OK);
            refused(&w, o, CODE_MAXIMUM_TIME_EXPIRED, 0);
        } else {
            critical(o, &o->env->extensions);
            refused(&w, o, CODE_UNSUPPORTED_CRITICAL_FUNCTION, 0);
        }
        opened_unref(o);
    }
}

// A latest delivery time still to come, and extensions that nobody has to understand.
static void test_extensions(void **state) {
    (void)state;
    struct world w;
    char item[300];
    world_make(&w);
    world_start(&w, true);
    struct opened *o = letter(&w, P1_MESSAGE, to_smith, WANT_FAILURE);
    critical(o, &o->env->recipient[0].extensions);
    o->env->recipient[0].extensions.item[0].criticality = 0;
    struct bytes future = bytes_of("\x17\x0d"
                                   "700101000000Z",
                                   15);
    assert_int_equal(p1_extension_set(&o->arena, &o->env->extensions, P1_EXT_LATEST_DELIVERY_TIME, future), ERR_OK);
    world_admit(&w, o, bytes_str("x"));
    world_settle(&w);
    json_t *e = only_item(&w, "b/new", item);
    expect_text(e, "recipient_extensions.0", "standard 99");
    expect_text(e, "extensions.0", "latest-delivery-time");
    json_decref(e);
    world_stop(&w);
    world_remove(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),         cmocka_unit_test(test_disclosed),    cmocka_unit_test(test_contents),
        cmocka_unit_test(test_cut_short),       cmocka_unit_test(test_large),        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_delivery_report), cmocka_unit_test(test_quiet_report), cmocka_unit_test(test_probe),
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_extensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
