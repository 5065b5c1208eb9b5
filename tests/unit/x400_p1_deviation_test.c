// SPDX-License-Identifier: BSD-2-Clause
// What a peer may send although X.411 forbids it is relayed, and told; nothing is told of what is right.
#include "base/mem.h"
#include "x400/mtsid.h"
#include "x400/oraddr.h"
#include "x400/p1_deviation.h"
#include "x400_p1_util.h"

static struct p1_envelope *captured(struct arena *a) {
    struct p1_envelope *e;
    struct p1_fault fault;
    assert_int_equal(p1_decode(a, hex_file(a, "tests/data/p1-message.hex"), &e, &fault), 0);
    return e;
}

static struct p1_deviation *deviations(struct arena *a, const struct p1_envelope *e, size_t want) {
    struct p1_deviation *list;
    size_t n;
    assert_int_equal(p1_deviations(a, e, 0, &list, &n), 0);
    for (size_t i = want; i < n; i++)
        fprintf(stderr, "%s: %s\n", list[i].field, list[i].reason);
    assert_int_equal(n, want);
    return list;
}

static void assert_deviates(const struct p1_deviation *d, const char *field, const char *reason) {
    assert_string_equal(d->field, field);
    assert_string_equal(d->reason, reason);
}

// The same envelope as a peer would send it.
static struct p1_envelope *sent(struct arena *a, const struct p1_envelope *e) {
    struct buf b = {0};
    struct p1_envelope *out;
    struct p1_fault fault;
    assert_int_equal(p1_encode(&b, e), 0);
    struct bytes octets = arena_bytes(a, buf_bytes(&b));
    buf_free(&b);
    if (p1_decode(a, octets, &out, &fault) != 0)
        fail_msg("%s", fault.text);
    return out;
}

static void captured_messages_deviate_nowhere(void **state) {
    (void)state;
    static const char *const files[] = {"tests/data/p1-message.hex", "tests/data/p1-golden-message.hex",
                                        "tests/data/p1-golden-probe.hex", "tests/data/p1-golden-delivery.hex",
                                        "tests/data/p1-golden-non-delivery.hex"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct arena a = {0};
        struct p1_envelope *e;
        struct p1_fault fault;
        assert_int_equal(p1_decode(&a, hex_file(&a, files[i]), &e, &fault), 0);
        deviations(&a, e, 0);
        arena_free(&a);
    }
}

// Relayed to the octet, and told.
static void every_field_is_told(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = captured(&a);
    // a local identifier of 34 characters and a PRMD of 17
    e->identifier = hex(&a, "6447 6321 6104 1302 4742 6206 1304 54455354 13 11 4142434445464748494a4b4c4d4e4f5051"
                            "16 22 30313233343536373839303132333435363738393031323334353637383930313233");
    e->originator = hex(&a, "6010 300e 6104 1302 4742 a506 8004 535f4954"); // S_IT
    e->content_identifier = bytes_str("12345678901234567");
    e->deferred = (struct p1_time){true, 1795170876, bytes_str("261120103436")};
    e->trace.element[0].domain = hex(&a, "630c 6104 1302 4742 6204 1302 4121"); // A!
    e->trace.element[0].raw = bytes_of(NULL, 0);
    e->n_recipients = 1;
    e->recipient[0].name = hex(&a, "600e 300c 6104 1302 4742 a504 8002 5cc3");
    e = sent(&a, e);
    struct p1_deviation *d = deviations(&a, e, 6);
    assert_deviates(&d[0], "message-identifier", "private-domain-name has 17 characters, more than the 16 allowed");
    assert_deviates(&d[1], "originator-name", "surname: character 2 is not one of PrintableString");
    assert_deviates(&d[2], "content-identifier", "content-identifier has 17 characters, more than the 16 allowed");
    assert_deviates(&d[3], "deferred-delivery-time", "the time has no zone and was read as UTC");
    assert_deviates(&d[4], "trace-information[0].global-domain-identifier",
                    "administration-domain-name: character 2 is not one of PrintableString");
    assert_deviates(&d[5], "per-recipient-fields[0].recipient-name",
                    "surname: character 1 is not one of PrintableString");
    arena_free(&a);
}

static void extensions_and_probes_are_looked_at(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0};
    struct p1_envelope *e = captured(&a);
    char name[41], text[513];
    memset(name, 'M', 40);
    memset(text, 'c', sizeof text);
    name[40] = '\0';
    e->type = P1_PROBE;
    e->has_content_length = true;
    e->content_length = INT64_C(3000000000);
    struct trace_element here = e->trace.element[0];
    here.raw = bytes_of(NULL, 0);
    here.mta_name = bytes_str(name);
    without(&e->extensions, P1_EXT_INTERNAL_TRACE);
    assert_int_equal(p1_internal_trace_add(&a, &e->extensions, &here), 0);
    assert_int_equal(tlv_put(&b, TLV_UNIVERSAL, false, TLV_IA5_STRING, bytes_of(text, sizeof text)), 0);
    assert_int_equal(p1_extension_set(&a, &e->extensions, P1_EXT_CONTENT_CORRELATOR, buf_bytes(&b)), 0);
    struct p1_deviation *d = deviations(&a, sent(&a, e), 3);
    assert_deviates(&d[0], "content-length", "content-length is 3000000000, not from 0 to 2147483647");
    assert_deviates(&d[1], "internal-trace-information[0].mta-name",
                    "mta-name has 40 characters, more than the 32 allowed");
    assert_deviates(&d[2], "content-correlator", "content-correlator has 513 characters, more than the 512 allowed");
    buf_free(&b);
    arena_free(&a);
}

static void a_name_that_cannot_be_read_is_told(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = captured(&a);
    e->recipient[0].name = hex(&a, "6003 020105");
    struct p1_deviation *d = deviations(&a, sent(&a, e), 1);
    assert_deviates(&d[0], "per-recipient-fields[0].recipient-name",
                    "the standard attributes are missing from the O/R address");
    arena_free(&a);
}

static void the_list_is_bounded(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = captured(&a);
    struct p1_recipient bad = e->recipient[0];
    struct p1_deviation *list;
    size_t n;
    bad.name = hex(&a, "6003 020105");
    e->n_recipients = 1000;
    e->recipient = arena_array(&a, 1000, sizeof bad);
    for (size_t i = 0; i < 1000; i++)
        e->recipient[i] = bad;
    deviations(&a, e, P1_DEVIATIONS_MAX);
    assert_int_equal(p1_deviations(&a, e, 1, &list, &n), 0);
    assert_int_equal(n, 1);
    assert_string_equal(list[0].field, "per-recipient-fields[0].recipient-name");
    arena_free(&a);
}

static void short_memory_ends_well(void **state) {
    (void)state;
    int err = ERR_NOMEM;
    for (unsigned long k = 1; err != 0 && k < 200; k++) {
        struct arena a = {0};
        struct p1_envelope *e = captured(&a);
        struct p1_deviation *list;
        size_t n = 1;
        e->recipient[0].name = hex(&a, "6003 020105");
        struct arena out = {0};
        mem_fail_at(k);
        err = p1_deviations(&out, e, 0, &list, &n);
        mem_fail_at(0);
        assert_true(err == 0 || err == ERR_NOMEM);
        assert_int_equal(n, err == 0);
        arena_free(&out);
        arena_free(&a);
    }
    assert_int_equal(err, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_messages_deviate_nowhere),
        cmocka_unit_test(every_field_is_told),
        cmocka_unit_test(extensions_and_probes_are_looked_at),
        cmocka_unit_test(a_name_that_cannot_be_read_is_told),
        cmocka_unit_test(the_list_is_bounded),
        cmocka_unit_test(short_memory_ends_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
