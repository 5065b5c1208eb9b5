// SPDX-License-Identifier: BSD-2-Clause
// The message of a real peer: every value, and what is relayed of it to the octet. Faults name their field.
#include "x400_p1_util.h"

#include "base/mem.h"

static const char *const captured = "tests/data/p1-message.hex";

static void values_of_a_captured_message(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = decoded(&a, hex_file(&a, captured));
    assert_int_equal(e->type, P1_MESSAGE);
    assert_bytes(e->identifier,
                 hex(&a, "6435" DOMAIN_A "161e 7070612e746573742e3932333a32302e31302e32362e31302e33342e3336"));
    assert_bytes(e->originator, hex(&a, JONES));
    assert_true(e->original_eits.present);
    assert_int_equal(e->original_eits.built_in, 1 << 2);
    assert_true(e->content_type.present);
    assert_int_equal(e->content_type.built_in, P1_CONTENT_IPM_1988);
    assert_text(e->content_identifier, "cap 88 normal");
    assert_int_equal(e->priority, P1_NORMAL);
    assert_int_equal(e->indicators.set, P1_ALTERNATE_RECIPIENT_ALLOWED | P1_CONTENT_RETURN_REQUEST);
    assert_false(e->deferred.present);
    assert_int_equal(e->n_bilateral, 0);
    assert_int_equal(e->n_unknown, 0);
    assert_int_equal(e->trace.n, 2);
    for (int i = 0; i < 2; i++) {
        assert_bytes(e->trace.element[i].domain, hex(&a, DOMAIN_A));
        assert_int_equal(e->trace.element[i].arrival.seconds, 1795170876); // 2026-11-20 10:34:36
        assert_int_equal(e->trace.element[i].routing, TRACE_RELAYED);
        assert_null(e->trace.element[i].attempted.p);
        assert_false(e->trace.element[i].converted.present);
    }
    assert_int_equal(e->content.n, 241);
    assert_int_equal(e->content.p[0], 0xA0);
    arena_free(&a);
}

static void extensions_of_a_captured_message(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = decoded(&a, hex_file(&a, captured));
    assert_int_equal(e->extensions.n, 2);
    assert_int_equal(e->extensions.item[0].type, P1_EXT_CONTENT_CORRELATOR);
    assert_int_equal(e->extensions.item[1].type, P1_EXT_INTERNAL_TRACE);
    struct bytes correlator;
    assert_int_equal(p1_extension_text(&a, &e->extensions, P1_EXT_CONTENT_CORRELATOR, &correlator), 0);
    assert_text(correlator, "Subject: cap 88 normal,\nTo: smith@ppb.test");
    struct trace internal;
    assert_int_equal(p1_internal_trace(&a, &e->extensions, &internal), 0);
    assert_int_equal(internal.n, 2);
    assert_text(internal.element[0].mta_name, "ppa.test");
    assert_int_equal(internal.element[1].arrival.seconds, 1795170876);
    arena_free(&a);
}

static void recipient_of_a_captured_message(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = decoded(&a, hex_file(&a, captured));
    assert_int_equal(e->n_recipients, 1);
    struct p1_recipient *p = &e->recipient[0];
    assert_bytes(p->name, hex(&a, SMITH));
    assert_int_equal(p->number, 1);
    assert_int_equal(p->indicators.set,
                     P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT | P1_ORIGINATOR_NON_DELIVERY_REPORT);
    assert_int_equal(p->explicit_conversion, P1_NO_CONVERSION);
    assert_int_equal(p->extensions.n, 0);
    arena_free(&a);
}

static bool contains(struct bytes all, struct bytes part) {
    return memmem(all.p, all.n, part.p, part.n) != NULL;
}

static void what_is_relayed_keeps_its_octets(void **state) {
    (void)state;
    struct arena a = {0};
    struct bytes apdu = hex_file(&a, captured);
    struct p1_envelope *e = decoded(&a, apdu);
    struct buf b = {0}, whole = {0};
    uint64_t total;
    assert_int_equal(p1_encode(&b, e), 0);
    struct bytes head = buf_bytes(&b);
    // Both extensions in the form of their sender, the bits with nine of them, the members as they came.
    assert_true(contains(head, hex(&a, "3033a003020117a22c042a")));
    assert_true(contains(head, hex(&a, "3073a003020126a26c306a")));
    assert_true(contains(head, hex(&a, "810307a800")));
    assert_true(contains(head, e->trace.element[0].raw));
    assert_true(contains(head, e->recipient[0].name));
    assert_int_equal(head.p[0], 0xA0);
    struct p1_envelope *again = decoded(&a, head);
    assert_null(again->content.p);
    assert_bytes(again->identifier, e->identifier);
    assert_bytes(again->extensions.item[1].raw, e->extensions.item[1].raw);
    // With its content behind the header it is a whole APDU of the length that was said.
    assert_int_equal(p1_apdu_header(&whole, e, e->content.n, &total), 0);
    assert_int_equal(buf_append(&whole, e->content.p, e->content.n), 0);
    assert_int_equal(total, whole.len);
    again = decoded(&a, buf_bytes(&whole));
    assert_bytes(again->content, e->content);
    buf_free(&b);
    buf_free(&whole);
    arena_free(&a);
}

// Whatever a peer sends, decoding ends, and says why when it fails. Every input is copied, so that reading behind it
// shows.
static const char *const files[] = {"tests/data/p1-message.hex", "tests/data/p1-golden-message.hex",
                                    "tests/data/p1-golden-probe.hex", "tests/data/p1-golden-delivery.hex",
                                    "tests/data/p1-golden-non-delivery.hex"};
enum { N_FILES = sizeof files / sizeof *files };

static void truncations_of(struct bytes apdu) {
    for (size_t n = 0; n < apdu.n; n++) {
        struct arena a = {0};
        struct p1_envelope *e;
        struct p1_fault fault;
        uint8_t *cut = malloc(n > 0 ? n : 1);
        assert_non_null(cut);
        memcpy(cut, apdu.p, n);
        assert_int_equal(p1_decode(&a, bytes_of(cut, n), &e, &fault), ERR_SHORT);
        assert_string_equal(fault.text, "MTS-APDU: ends too early");
        free(cut);
        arena_free(&a);
    }
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    struct arena keep = {0};
    for (int i = 0; i < N_FILES; i++)
        truncations_of(hex_file(&keep, files[i]));
    arena_free(&keep);
}

// True when it was refused. What is accepted can be relayed, and is then accepted again.
static bool survives(struct bytes apdu) {
    struct arena a = {0};
    struct p1_envelope *e, *again;
    struct p1_fault fault;
    struct buf b = {0}, print = {0};
    struct trace internal;
    int err = p1_decode(&a, apdu, &e, &fault);
    if (err < 0) {
        assert_true(strlen(fault.text) > 10);
        assert_null(strstr(fault.text, "..")); // a path without holes
    } else {
        assert_int_equal(p1_encode(&b, e), 0);
        assert_int_equal(p1_decode(&a, buf_bytes(&b), &again, &fault), 0);
        assert_int_equal(again->n_recipients, e->n_recipients);
        assert_int_equal(trace_print(&print, &e->trace), 0);
        if (p1_internal_trace(&a, &e->extensions, &internal) == 0)
            assert_int_equal(trace_print(&print, &internal), 0);
        buf_clear(&b);
        assert_int_equal(p1_fingerprint(&b, e), 0);
    }
    buf_free(&b);
    buf_free(&print);
    arena_free(&a);
    return err < 0;
}

static void every_flipped_bit_ends_well(void **state) {
    (void)state;
    struct arena keep = {0};
    for (int i = 0; i < N_FILES; i++) {
        struct bytes apdu = hex_file(&keep, files[i]);
        size_t refused = 0;
        uint8_t *copy = malloc(apdu.n);
        assert_non_null(copy);
        for (size_t bit = 0; bit < apdu.n * 8; bit++) {
            memcpy(copy, apdu.p, apdu.n);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            refused += survives(bytes_of(copy, apdu.n));
        }
        free(copy);
        assert_in_range(refused, apdu.n, apdu.n * 7);
    }
    arena_free(&keep);
}

static void short_memory_ends_well(void **state) {
    (void)state;
    struct arena keep = {0};
    struct bytes apdu = hex_file(&keep, captured);
    struct trace_element here = {
        .domain = hex(&keep, DOMAIN_B), .mta_name = bytes_str("MTA-B"), .arrival = p1_time_of(1795170900)};
    int err = ERR_NOMEM;
    unsigned long nth = 0;
    while (err == ERR_NOMEM && nth < 1000) {
        struct arena a = {0};
        struct buf b = {0};
        struct p1_envelope *e = NULL;
        mem_fail_at(++nth);
        err = p1_decode(&a, apdu, &e, NULL);
        if (err == 0)
            err = p1_internal_trace_add(&a, &e->extensions, &here);
        if (err == 0)
            err = p1_encode(&b, e);
        if (err == 0)
            err = p1_fingerprint(&b, e);
        mem_fail_at(0);
        buf_free(&b);
        arena_free(&a);
    }
    assert_int_equal(err, 0);
    assert_in_range(nth, 5, 999);
    arena_free(&keep);
}

static void refused(const char *text, const char *fault_text, int want) {
    struct arena a = {0};
    struct p1_envelope *e;
    struct p1_fault fault;
    int err = p1_decode(&a, hex(&a, text), &e, &fault);
    assert_string_equal(fault.text, fault_text);
    assert_int_equal(err, want);
    arena_free(&a);
}

#define TRACE_A "6929 3027" DOMAIN_A "3110 800d 3236313132303130333433365a"
static void faults_name_their_field(void **state) {
    (void)state;
    refused("a300", "MTS-APDU: neither message [0], report [1] nor probe [2]", ERR_SYNTAX);
    refused("a000 00", "MTS-APDU: octets after its end", ERR_SYNTAX);
    refused("a000", "message.envelope: is missing", ERR_SYNTAX);
    refused("a002 1100", "message.envelope: is missing", ERR_SYNTAX); // a primitive SET is none
    refused("a102 1100", "report.envelope: is missing", ERR_SYNTAX);
    refused("a002 3100", "message.envelope.message-identifier: is missing", ERR_SYNTAX);
    refused("a080 3180 " ID_M "6000 0000 0000", "message.envelope.originator-name: is not a sequence of members",
            ERR_SYNTAX);
    refused("a080 3180 " ID_M ID_M "0000 0000", "message.envelope.message-identifier: stands twice", ERR_SYNTAX);
    refused("a080 3180 6404 1602 6162 0000 0000",
            "message.envelope.message-identifier: the global domain identifier of an MTS identifier is missing",
            ERR_SYNTAX);
    refused("a080 3180 470103 0000 0000", "message.envelope.priority: a limit is exceeded", ERR_LIMIT);
    refused("a080 3180 48020930 0000 0000", "message.envelope.per-message-indicators: syntax error", ERR_SYNTAX);
    refused("a080 3180 800d 3236313332303130333433365a 0000 0000",
            "message.envelope.deferred-delivery-time: syntax error", ERR_SYNTAX);
    refused("a080 3180 a280 3180 8001ff 0000 0000 0000 0000",
            "message.envelope.per-recipient-fields[0].originally-specified-recipient-number: a limit is exceeded",
            ERR_LIMIT);
    refused("a080 3180 a280 3180 " SMITH "800101 0000 0000 0000 0000",
            "message.envelope.per-recipient-fields[0].per-recipient-indicators: is missing", ERR_SYNTAX);
    refused("a080 3180 a280 0000 0000 0000", "message.envelope.per-recipient-fields: is empty", ERR_SYNTAX);
    refused("a080 3180 a380 3003 800117 3003 800117 0000 0000 0000",
            "message.envelope.extensions[1]: an extension of this type stands there already", ERR_SYNTAX);
    refused("a080 3180 a380 3005 a003 020100 0000 0000 0000",
            "message.envelope.extensions[0].type: 0 is no number of an extension", ERR_LIMIT);
    refused("a080 3180 6980 3080" DOMAIN_A "3100 0000 0000 0000 0000",
            "message.envelope.trace-information[0].domain-supplied-information.arrival-time: is missing", ERR_SYNTAX);
}

static void counts_are_bounded(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0};
    struct p1_envelope *e, *out;
    struct p1_fault fault;
    e = sample(&a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT);
    struct p1_recipient first = e->recipient[0];
    e->n_recipients = P1_UB_RECIPIENTS + 1;
    e->recipient = arena_array(&a, e->n_recipients, sizeof first);
    assert_non_null(e->recipient);
    for (size_t i = 0; i < e->n_recipients; i++)
        e->recipient[i] = first;
    assert_int_equal(p1_encode(&b, e), 0);
    assert_int_equal(p1_decode(&a, buf_bytes(&b), &out, &fault), ERR_LIMIT);
    assert_string_equal(fault.text,
                        "message.envelope.per-recipient-fields: 32768 elements, more than the standard's 32767");
    buf_clear(&b);
    e->n_recipients--;
    assert_int_equal(p1_encode(&b, e), 0);
    assert_int_equal(p1_decode(&a, buf_bytes(&b), &out, &fault), 0);
    assert_int_equal(out->n_recipients, P1_UB_RECIPIENTS);
    assert_bytes(out->recipient[P1_UB_RECIPIENTS - 1].name, hex(&a, SMITH));
    struct arena small;
    arena_init(&small, 100 * 1024);
    assert_int_equal(p1_decode(&small, buf_bytes(&b), &out, &fault), ERR_NOMEM);
    arena_free(&small);
    buf_free(&b);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_a_captured_message),    cmocka_unit_test(extensions_of_a_captured_message),
        cmocka_unit_test(recipient_of_a_captured_message), cmocka_unit_test(what_is_relayed_keeps_its_octets),
        cmocka_unit_test(every_truncation_is_refused),     cmocka_unit_test(every_flipped_bit_ends_well),
        cmocka_unit_test(faults_name_their_field),         cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(short_memory_ends_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
