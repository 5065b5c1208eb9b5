// SPDX-License-Identifier: BSD-2-Clause
// Addresses and envelopes from 1988 to 1984 and back: what is mapped, dropped, refused and left out.
#include "x400_p1_util.h"

#include "asn1/asn1c_util.h"
#include "asn1/gen/MPDU84.h"
#include "asn1/gen/ORName84.h"
#include "base/mem.h"
#include "x400/downgrade.h"

static const struct downgrade_options plain = {0}, strict = {.strict = true};

static struct or_address address(struct arena *a, const char *text) {
    struct or_address x;
    struct or_error error;
    if (or_address_parse(a, text, &x, &error) != 0)
        fail_msg("%s: %s", text, error.what);
    return x;
}

static struct bytes name_of(struct arena *a, const char *text) {
    struct or_address x = address(a, text);
    struct buf b = {0};
    assert_int_equal(or_name_encode(&x, &b), 0);
    struct bytes out = arena_bytes(a, buf_bytes(&b));
    buf_free(&b);
    return out;
}

static const char *text_of(struct arena *a, struct bytes name) {
    struct or_address x;
    assert_int_equal(or_name_decode(a, name, &x, NULL), 0);
    return or_address_print(a, &x, OR_SEMICOLON);
}

static bool is_84(struct bytes name) {
    void *v = NULL;
    int err = asn1_decode(&asn_DEF_ORName84, name, NULL, &v, NULL);
    asn1_free(&asn_DEF_ORName84, v);
    return err == 0;
}

// ---- addresses ----

#define AT "C=GB;A=TEST;P=PPA;O=ALPHA"

// to NULL: refused. back: whether the address comes out again by upgrading.
static const struct {
    const char *from, *to, *relayed;
    bool back;
} table[] = {
    {AT ";S=jones", AT ";S=jones", AT ";S=jones", true},
    {AT ";CN=Postmaster", AT ";DDA:Common=Postmaster", AT ";DDA:Common=Postmaster", true},
    {AT ";CN=Post;DDA:dept=x", AT ";DDA:dept=x;DDA:Common=Post", AT ";DDA:dept=x;DDA:Common=Post", false},
    {AT ";CN=Post;DDA:COMMON=Post", AT ";DDA:COMMON=Post", AT ";DDA:COMMON=Post", true},
    // Another form beside the printable one says the same.
    {AT ";S=Mueller*Müller", AT ";S=Mueller", AT ";S=Mueller", false},
    {AT ";CN=Mueller*Müller", AT ";DDA:Common=Mueller", AT ";DDA:Common=Mueller", false},
    {AT ";CN=Post;DDA:common=other", NULL,
     "C=GB;A=TEST;O=RELAY;DDA:X400-88=/DD.common=other/CN=Post/O=ALPHA/P=PPA/A=TEST/C=GB/", true},
    {AT ";CN=x;DDA:a=1;DDA:b=2;DDA:c=3;DDA:d=4", NULL,
     "C=GB;A=TEST;O=RELAY;DDA:X400-88=/DD.d=4/DD.c=3/DD.b=2/DD.a=1/CN=x/O=ALPHA/P=PPA/A=TEST/C=GB/", true},
    {AT ";S=*Müller", NULL, "*", true},
    {AT ";CN=*Müller", NULL, "*", true},
    {"C=US;A=ZZ;P=XX;PD-SN=bureau;PD-S=Empire State Building", NULL, "*", true},
    {"C=GB;A=TEST;X.121=234219200300;T-TY=tlx", NULL, "*", true},
};
enum { ROWS = sizeof table / sizeof *table };

static void check_row(const char *from, const char *to, bool back, const struct downgrade_options *o) {
    struct arena a = {0};
    struct bytes in = name_of(&a, from), out, again;
    const char *why = NULL;
    int got = downgrade_name(&a, o, in, &out, &why);
    if (to == NULL) {
        if (got != DOWNGRADE_REFUSED || why == NULL)
            fail_msg("%s is not refused", from);
        arena_free(&a);
        return;
    }
    if (got != 0)
        fail_msg("%s: %s", from, why);
    if (strcmp(to, "*") != 0)
        assert_string_equal(text_of(&a, out), to);
    assert_true(is_84(out));
    if (strcmp(from, to) == 0)
        assert_ptr_equal(out.p, in.p);
    assert_int_equal(upgrade_name(&a, o, out, &again), 0);
    struct or_address x, y;
    assert_int_equal(or_name_decode(&a, in, &x, NULL), 0);
    assert_int_equal(or_name_decode(&a, again, &y, NULL), 0);
    if (back && strstr(from, "COMMON") == NULL)
        assert_string_equal(or_address_canonical(&a, &y), or_address_canonical(&a, &x));
    // Down once more, it is the same.
    assert_int_equal(downgrade_name(&a, o, again, &in, &why), 0);
    if (back && strstr(from, "COMMON") == NULL)
        assert_bytes(in, out);
    arena_free(&a);
}

static void addresses(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        check_row(table[i].from, table[i].to, table[i].back, &plain);
}

static void addresses_below_a_relay(void **state) {
    (void)state;
    struct arena a = {0};
    struct or_address relay = address(&a, "C=GB;A=TEST;O=RELAY");
    struct downgrade_options o = {.relay = &relay};
    for (size_t i = 0; i < ROWS; i++)
        check_row(table[i].from, table[i].relayed, table[i].back, &o);
    arena_free(&a);
}

static void strict_peers_get_no_mapping(void **state) {
    (void)state;
    struct arena a = {0};
    struct or_address relay = address(&a, "C=GB;A=TEST;O=RELAY");
    struct downgrade_options o = {.strict = true, .relay = &relay};
    struct bytes in = name_of(&a, AT ";CN=Postmaster"), out;
    const char *why = NULL;
    assert_int_equal(downgrade_name(&a, &o, in, &out, &why), DOWNGRADE_REFUSED);
    assert_non_null(strstr(why, "1988"));
    assert_int_equal(downgrade_name(&a, &strict, name_of(&a, AT ";S=Mueller*Müller"), &out, &why), 0);
    assert_string_equal(text_of(&a, out), AT ";S=Mueller");
    in = name_of(&a, AT ";DDA:Common=Postmaster");
    assert_int_equal(upgrade_name(&a, &o, in, &out), 0);
    assert_ptr_equal(out.p, in.p);
    arena_free(&a);
}

static void long_addresses_go_on_in_more_attributes(void **state) {
    (void)state;
    struct arena a = {0};
    struct or_address relay = address(&a, "C=GB;A=TEST;O=RELAY");
    struct downgrade_options o = {.relay = &relay};
    char text[700];
    snprintf(text, sizeof text, AT ";PD-SN=%s;PD-PN=%.30s;PD-S=%.30s;PD-B=%.30s;PD-R=%.30s", "bureau",
             "abcdefghij abcdefghij abcdefgh", "abcdefghij(abcdefghij)abcdefgh", "abcdefghij abcdefghij+abcdefgh",
             "abcdefghij/abcdefghij=abcdefgh");
    struct bytes out, back;
    const char *why = NULL;
    struct bytes in = name_of(&a, text);
    assert_int_equal(downgrade_name(&a, &o, in, &out, &why), 0);
    assert_true(is_84(out));
    struct or_address x;
    assert_int_equal(or_name_decode(&a, out, &x, NULL), 0);
    assert_string_equal(or_address_get(&x, OR_DD1_TYPE), "X400-88");
    assert_string_equal(or_address_get(&x, OR_DD2_TYPE), "X400-C1");
    assert_int_equal(strlen(or_address_get(&x, OR_DD1_VALUE)), 128);
    assert_non_null(strstr(or_address_get(&x, OR_DD1_VALUE), "(l)"));
    assert_int_equal(upgrade_name(&a, &o, out, &back), 0);
    assert_bytes(back, in);
    // In universal form it does not fit.
    static const char *const lines[] = {"PD-S", "PD-B", "PD-R", "PD-U", "PD-L"};
    size_t n = (size_t)snprintf(text, sizeof text, AT ";PD-SN=bureau");
    for (size_t i = 0; i < 5; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, ";%s=**%s", lines[i],
                              "\u0416\u0416\u0416\u0416\u0416\u0416\u0416\u0416\u0416\u0416\u0416\u0416\u0416\u0416");
    assert_int_equal(downgrade_name(&a, &o, name_of(&a, text), &out, &why), DOWNGRADE_REFUSED);
    arena_free(&a);
}

static void what_is_not_the_relays_stays(void **state) {
    (void)state;
    struct arena a = {0};
    struct or_address relay = address(&a, "C=GB;A=TEST;O=RELAY");
    struct downgrade_options o = {.relay = &relay};
    static const char *const same[] = {
        "C=GB;A=TEST;O=RELAY;DDA:X400-88=no address", "C=GB;A=TEST;O=RELAY;DDA:X400-88=/C=GB/(999)",
        "C=GB;A=TEST;O=RELAY;DDA:X400-88=/C=GB/(",    "C=GB;A=TEST;O=OTHER;DDA:X400-88=/CN=x/A=TEST/C=GB/",
        "C=GB;A=TEST;O=RELAY;DDA:X400-C1=/A=TEST/",   "C=GB;A=TEST;O=RELAY",
        "C=GB;A=TEST;CN=one;DDA:Common=two",          "C=GB;A=TEST;DDA:Common=one;DDA:dept=x",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct bytes in = name_of(&a, same[i]), out;
        assert_int_equal(upgrade_name(&a, &o, in, &out), 0);
        assert_ptr_equal(out.p, in.p);
    }
    struct bytes broken = hex(&a, "6003 3001 ff"), out;
    const char *why = NULL;
    assert_int_equal(upgrade_name(&a, &o, broken, &out), 0);
    assert_ptr_equal(out.p, broken.p);
    assert_int_equal(downgrade_name(&a, &o, broken, &out, &why), DOWNGRADE_REFUSED);
    assert_non_null(why);
    arena_free(&a);
}

// ---- envelopes ----

enum { ASKED = P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT };

static struct downgrade down(struct arena *a, const struct p1_envelope *e) {
    struct downgrade d;
    assert_int_equal(downgrade_envelope(a, &plain, e, &d), 0);
    if (d.envelope != NULL) {
        struct buf b = {0};
        void *v = NULL;
        assert_int_equal(p1_apdu_header(&b, d.envelope, d.envelope->type == P1_MESSAGE ? 0 : P1_NO_CONTENT, NULL), 0);
        assert_int_equal(asn1_decode(&asn_DEF_MPDU84, buf_bytes(&b), NULL, &v, NULL), 0);
        asn1_free(&asn_DEF_MPDU84, v);
        buf_free(&b);
    }
    return d;
}

static void add_extension(struct arena *a, struct p1_extensions *x, int type, uint32_t criticality, const char *value) {
    assert_int_equal(p1_extension_set(a, x, type == P1_EXT_PRIVATE ? 46 : type, hex(a, value)), 0);
    struct p1_extension *e = &x->item[x->n - 1];
    e->criticality = criticality;
    if (type == P1_EXT_PRIVATE) {
        e->type = P1_EXT_PRIVATE;
        e->oid = hex(a, "2b0c02");
    }
}

static void extensions_are_dropped_or_refuse(void **state) {
    (void)state;
    static const struct {
        int type;
        uint32_t criticality;
        const char *value;
        bool refused;
    } rows[] = {
        {P1_EXT_INTERNAL_TRACE, 0, "3000", false},
        {P1_EXT_CONTENT_CORRELATOR, P1_FOR_SUBMISSION, "1601 41", false},
        {P1_EXT_LATEST_DELIVERY_TIME, P1_FOR_DELIVERY, "170d 3236313132313130333433365a", true},
        {P1_EXT_LATEST_DELIVERY_TIME, 0, "170d 3236313132313130333433365a", false},
        {P1_EXT_DL_EXPANSION_PROHIBITED, P1_FOR_DELIVERY, "0a0101", true},
        {P1_EXT_DL_EXPANSION_PROHIBITED, P1_FOR_DELIVERY, "0a0100", false},
        {P1_EXT_CONVERSION_WITH_LOSS_PROHIBITED, P1_FOR_DELIVERY, "0a0100", false},
        {P1_EXT_RECIPIENT_REASSIGNMENT_PROHIBITED, P1_FOR_DELIVERY, "0a0101", true},
        {P1_EXT_MESSAGE_SECURITY_LABEL, P1_FOR_DELIVERY, "3100", true},
        {P1_EXT_PRIVATE, P1_FOR_TRANSFER, "0500", true},
        {P1_EXT_PRIVATE, 0, "0500", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena a = {0};
        struct p1_envelope *e = sample(&a, P1_MESSAGE, ASKED);
        add_extension(&a, &e->extensions, rows[i].type, rows[i].criticality, rows[i].value);
        struct downgrade d = down(&a, e);
        assert_int_equal(d.envelope == NULL, rows[i].refused);
        assert_int_equal(d.n_refused, rows[i].refused ? 2 : 0);
        if (rows[i].refused)
            assert_non_null(strstr(d.refused[0], "is critical for "));
        else
            assert_int_equal(d.envelope->extensions.n, 0);
        assert_int_equal(e->extensions.n, 1); // the original stays
        // Of one recipient: the other one is not concerned.
        e = sample(&a, P1_MESSAGE, ASKED);
        add_extension(&a, &e->recipient[1].extensions, rows[i].type, rows[i].criticality, rows[i].value);
        d = down(&a, e);
        assert_non_null(d.envelope);
        assert_null(d.refused[0]);
        assert_int_equal(d.refused[1] != NULL, rows[i].refused);
        assert_int_equal(d.envelope->n_recipients, 2);
        assert_int_equal(d.envelope->recipient[1].indicators.set, rows[i].refused ? P1_MTA_NON_DELIVERY_REPORT : ASKED);
        arena_free(&a);
    }
}

static void recipients_one_by_one(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = sample(&a, P1_MESSAGE, ASKED);
    // The first has no form in 1984, the second has.
    e->recipient[0].name = name_of(&a, AT ";S=*Müller");
    e->recipient[1].name = name_of(&a, AT ";CN=Postmaster");
    struct downgrade d = down(&a, e);
    assert_non_null(d.refused[0]);
    assert_null(d.refused[1]);
    assert_int_equal(d.n_refused, 1);
    assert_int_equal(d.envelope->n_recipients, 1);
    assert_int_equal(d.envelope->recipient[0].number, 2);
    assert_string_equal(text_of(&a, d.envelope->recipient[0].name), AT ";DDA:Common=Postmaster");
    assert_true(d.convert_content);
    assert_int_equal(d.envelope->content_type.built_in, P1_CONTENT_IPM_1984);
    assert_int_equal(e->content_type.built_in, P1_CONTENT_IPM_1988);
    // One that is not ours is left out and not refused; with nobody left there is nothing to send.
    e->recipient[0].indicators.set = 0;
    d = down(&a, e);
    assert_int_equal(d.n_refused, 0);
    assert_int_equal(d.envelope->n_recipients, 1);
    e->recipient[1].explicit_conversion = 11;
    d = down(&a, e);
    assert_null(d.envelope);
    assert_int_equal(d.n_refused, 1);
    assert_non_null(strstr(d.refused[1], "conversion"));
    arena_free(&a);
}

static void what_refuses_all(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = sample(&a, P1_MESSAGE, ASKED);
    e->recipient[1].indicators.set = 0;
    e->originator = name_of(&a, AT ";S=*Müller");
    struct downgrade d = down(&a, e);
    assert_null(d.envelope);
    assert_int_equal(d.n_refused, 1); // only ours are told
    assert_non_null(d.refused[0]);
    assert_null(d.refused[1]);
    e = sample(&a, P1_PROBE, ASKED);
    e->content_type = (struct p1_content_type){.present = true, .oid = hex(&a, "56060a01")};
    d = down(&a, e);
    assert_null(d.envelope);
    assert_int_equal(d.n_refused, 2);
    arena_free(&a);
}

static void fields_of_1988_go(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = sample(&a, P1_MESSAGE, ASKED);
    struct bytes oids[] = {hex(&a, "56030405"), hex(&a, "28ce2507010006"), hex(&a, "28ce250701008064"),
                           hex(&a, "2a03")};
    struct bytes bilateral[] = {hex(&a, "3011 6104 1302 4742 6206 1304 54455354 0401 41"),
                                hex(&a, "3010 6104 1302 4742 3005 8001 20 8100 0401 41"), hex(&a, "3000")};
    struct bytes odd = hex(&a, "bf8f0103020105");
    e->original_eits = (struct p1_eits){.present = true, .extended = oids, .n_extended = 2};
    e->indicators.set = P1_CONTENT_RETURN_REQUEST | P1_SERVICE_MESSAGE;
    e->bilateral = bilateral;
    e->n_bilateral = 3;
    e->unknown = e->recipient[0].unknown = &odd;
    e->n_unknown = e->recipient[0].n_unknown = 1;
    struct trace_element again = {.domain = hex(&a, DOMAIN_B),
                                  .arrival = p1_time_of(1795170877),
                                  .converted = {.present = true, .extended = oids + 2, .n_extended = 2},
                                  .other_actions = {.set = TRACE_REDIRECTED | TRACE_DL_OPERATION}};
    assert_int_equal(trace_add(&a, &e->trace, &again, false), 0);
    struct downgrade d = down(&a, e);
    assert_int_equal(d.envelope->original_eits.built_in, 1 << 5 | 1 << 2);
    assert_int_equal(d.envelope->indicators.set, P1_CONTENT_RETURN_REQUEST);
    assert_int_equal(d.envelope->n_bilateral, 1);
    assert_bytes(d.envelope->bilateral[0], bilateral[0]);
    assert_int_equal(d.envelope->trace.n, 2);
    assert_int_equal(d.envelope->trace.element[1].converted.built_in, 1 << 0);
    assert_int_equal(d.envelope->trace.element[1].other_actions.set, 0);
    assert_int_equal(e->trace.element[1].other_actions.set, TRACE_REDIRECTED | TRACE_DL_OPERATION);
    downgrade_set_eits(d.envelope, 1 << 2);
    assert_int_equal(d.envelope->original_eits.built_in, 1 << 2);
    arena_free(&a);
}

// A report by smith's MTA to jones.
static struct p1_envelope *report(struct arena *a) {
    struct p1_envelope *e = sample(a, P1_REPORT, ASKED);
    e->report->subject = hex(a, ID_M);
    e->identifier = hex(a, ID_R);
    for (size_t i = 0; i < 2; i++) {
        e->recipient[i].arrival = p1_time_of(1795170876);
        e->recipient[i].fate = (struct p1_fate){.reason = 1, .diagnostic = 0};
    }
    return e;
}

static void reports(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = report(&a);
    add_extension(&a, &e->extensions, P1_EXT_PRIVATE, P1_FOR_TRANSFER, "0500"); // no reason to lose a report
    e->recipient[0].fate = (struct p1_fate){.reason = 5, .diagnostic = 47};
    e->recipient[1].fate = (struct p1_fate){.delivered = true, .delivery_time = p1_time_of(1795170876), .user_type = 3};
    e->recipient[1].intended = name_of(&a, AT ";S=*Müller");
    struct downgrade d = down(&a, e);
    assert_true(d.convert_content);
    assert_int_equal(d.envelope->extensions.n, 0);
    assert_false(d.envelope->content_type.present);
    const struct p1_recipient *p = d.envelope->recipient;
    assert_int_equal(p[0].fate.reason, 1);
    assert_int_equal(p[0].fate.diagnostic, P1_NO_DIAGNOSTIC);
    assert_text(p[0].supplementary, "restricted-delivery, unable-to-downgrade");
    assert_int_equal(p[1].fate.user_type, 0);
    assert_null(p[1].intended.p);
    // What 1984 knew stays.
    e = report(&a);
    e->recipient[0].fate = (struct p1_fate){.reason = 2, .diagnostic = 11};
    e->recipient[1].name = name_of(&a, AT ";S=*Müller");
    d = down(&a, e);
    assert_int_equal(d.envelope->n_recipients, 1);
    assert_int_equal(d.envelope->recipient[0].fate.diagnostic, 11);
    assert_null(d.envelope->recipient[0].supplementary.p);
    // Nothing to tell, or nobody.
    e->recipient[0].name = e->recipient[1].name;
    d = down(&a, e);
    assert_null(d.envelope);
    assert_int_equal(d.n_refused, 1);
    assert_non_null(d.refused[0]);
    e = report(&a);
    e->originator = name_of(&a, AT ";S=*Müller");
    assert_null(down(&a, e).envelope);
    arena_free(&a);
}

static void from_1984(void **state) {
    (void)state;
    struct arena a = {0};
    struct p1_envelope *e = report(&a);
    struct bytes odd = hex(&a, "3100"); // seen from the EAN package
    e->originator = name_of(&a, AT ";DDA:Common=Postmaster");
    e->recipient[0].name = name_of(&a, AT ";DDA:common=One");
    e->recipient[0].intended = name_of(&a, AT ";DDA:Common=Two");
    e->unknown = &odd;
    e->n_unknown = 1;
    assert_int_equal(upgrade_envelope(&a, &plain, e), 0);
    assert_string_equal(text_of(&a, e->originator), AT ";CN=Postmaster");
    assert_string_equal(text_of(&a, e->recipient[0].name), AT ";CN=One");
    assert_string_equal(text_of(&a, e->recipient[0].intended), AT ";CN=Two");
    assert_bytes(e->recipient[1].name, hex(&a, JONES));
    assert_int_equal(e->n_unknown, 0);
    arena_free(&a);
}

// Each request for memory refused in turn: the result is that, and nothing else, until all are granted.
static void memory_short(void **state) {
    (void)state;
    struct arena a = {0};
    struct or_address relay = address(&a, "C=GB;A=TEST;O=RELAY");
    struct downgrade_options o = {.relay = &relay};
    struct p1_envelope *e = sample(&a, P1_MESSAGE, ASKED), *r = report(&a);
    e->recipient[0].name = name_of(&a, AT ";S=*Müller");
    e->recipient[1].name = name_of(&a, AT ";CN=Postmaster");
    r->recipient[0].fate = (struct p1_fate){.reason = 5, .diagnostic = 47};
    add_extension(&a, &e->recipient[1].extensions, P1_EXT_MESSAGE_SECURITY_LABEL, P1_FOR_DELIVERY, "3100");
    int err = ERR_NOMEM;
    unsigned long n = 0;
    while (err == ERR_NOMEM && ++n < 1000) {
        struct arena one = {0};
        struct downgrade d;
        mem_fail_at(n);
        err = downgrade_envelope(&one, &o, e, &d);
        if (err == 0)
            err = downgrade_envelope(&one, &o, r, &d);
        mem_fail_at(0);
        arena_free(&one);
    }
    assert_int_equal(err, 0);
    assert_in_range(n, 20, 900);
    struct downgrade d;
    assert_int_equal(downgrade_envelope(&a, &o, e, &d), 0);
    struct p1_envelope *back = arena_alloc(&a, sizeof *back);
    struct p1_recipient *to = arena_array(&a, 2, sizeof *to);
    for (n = 0, err = ERR_NOMEM; err == ERR_NOMEM && ++n < 1000;) {
        struct arena one = {0};
        *back = *d.envelope;
        back->recipient = to;
        memcpy(to, d.envelope->recipient, 2 * sizeof *to);
        mem_fail_at(n);
        err = upgrade_envelope(&one, &o, back);
        mem_fail_at(0);
        if (err == 0)
            assert_bytes(to[0].name, e->recipient[0].name);
        arena_free(&one);
    }
    assert_int_equal(err, 0);
    assert_in_range(n, 10, 900);
    arena_free(&a);
}

static int setup(void **state) {
    (void)state;
    return asn1_init();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(addresses_below_a_relay),
        cmocka_unit_test(strict_peers_get_no_mapping),
        cmocka_unit_test(long_addresses_go_on_in_more_attributes),
        cmocka_unit_test(what_is_not_the_relays_stays),
        cmocka_unit_test(extensions_are_dropped_or_refuse),
        cmocka_unit_test(recipients_one_by_one),
        cmocka_unit_test(what_refuses_all),
        cmocka_unit_test(fields_of_1988_go),
        cmocka_unit_test(reports),
        cmocka_unit_test(from_1984),
        cmocka_unit_test(memory_short),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
