// SPDX-License-Identifier: BSD-2-Clause
// What asn1c makes of our modules: its mended defects, a reference peer's PDUs, hostile ones, short memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "asn1/asn1c_util.h"
#include "asn1/gen/asn1_all_types.h"
#include "base/mem.h"

#define B(...) bytes_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static bool text_is(struct bytes b, const char *s) {
    return bytes_equal(b, bytes_str(s));
}

// Hex digits of a file; lines with # are comments.
static struct buf read_hex(const char *path) {
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char line[256];
    struct buf b = {0};
    while (fgets(line, sizeof line, f) != NULL) {
        unsigned v;
        for (char *p = line; *p != '#' && sscanf(p, "%2x", &v) == 1; p += 2)
            assert_int_equal(buf_append_u8(&b, (uint8_t)v), ERR_OK);
    }
    fclose(f);
    assert_true(b.len > 0);
    return b;
}

static void *decode(asn_TYPE_descriptor_t *type, struct bytes in) {
    void *v = NULL;
    assert_int_equal(asn1_decode(type, in, NULL, &v, NULL), ERR_OK);
    assert_non_null(v);
    return v;
}

static void assert_refused(asn_TYPE_descriptor_t *type, struct bytes in, int err) {
    void *v = &v;
    assert_int_equal(asn1_decode(type, in, NULL, &v, NULL), err);
    assert_null(v);
}

// ---- the mended defects; where tlv_check would step in before, asn1c's decoder is called bare ----

static void a_choice_ends_in_two_zeros(void **state) {
    (void)state;
    static const uint8_t hostile[] = {0x61, 0x80, 0x13, 0x02, 'd', 'e', 0x00, 0x05};
    alarm(10); // the unmended decoder never returns
    void *v = NULL;
    asn_dec_rval_t r = ber_decode(NULL, &asn_DEF_CountryName, &v, hostile, sizeof hostile);
    alarm(0);
    assert_int_equal(r.code, RC_FAIL);
    asn1_free(&asn_DEF_CountryName, v);
    assert_refused(&asn_DEF_CountryName, bytes_of(hostile, sizeof hostile), ERR_SYNTAX);
    CountryName_t *c = decode(&asn_DEF_CountryName, B(0x61, 0x80, 0x13, 0x02, 'd', 'e', 0x00, 0x00));
    assert_true(text_is(ASN1_BYTES(c->choice.iso_3166_alpha2_code), "de"));
    asn1_free(&asn_DEF_CountryName, c);
}

static void segments_of_strings_are_octet_strings(void **state) {
    (void)state;
    MTAName_t *n = decode(&asn_DEF_MTAName, B(0x36, 0x80, 0x04, 0x01, 'a', 0x24, 0x03, 0x04, 0x01, 'b', 0x00, 0x00));
    assert_true(text_is(ASN1_BYTES(*n), "ab"));
    asn1_free(&asn_DEF_MTAName, n);
    ContentIdentifier_t *id = decode(&asn_DEF_ContentIdentifier, B(0x6A, 0x06, 0x04, 0x01, 'x', 0x04, 0x01, 'y'));
    assert_true(text_is(ASN1_BYTES(*id), "xy"));
    asn1_free(&asn_DEF_ContentIdentifier, id);
    SubjectField_t *s =
        decode(&asn_DEF_SubjectField, B(0x30, 0x80, 0x34, 0x80, 0x04, 0x01, 'q', 0x00, 0x00, 0x00, 0x00));
    assert_true(text_is(ASN1_BYTES(s->value), "q"));
    asn1_free(&asn_DEF_SubjectField, s);
    Criticality_t *c = decode(&asn_DEF_Criticality, B(0x23, 0x80, 0x03, 0x02, 0x05, 0xA0, 0x00, 0x00));
    assert_true(bytes_equal(ASN1_BYTES(*c), B(0xA0)));
    assert_int_equal(c->bits_unused, 5);
    asn1_free(&asn_DEF_Criticality, c);
    assert_refused(&asn_DEF_MTAName, B(0x36, 0x03, 0x16, 0x01, 'a'), ERR_SYNTAX); // the string's own tag
    assert_refused(&asn_DEF_ContentIdentifier, B(0x6A, 0x03, 0x6A, 0x01, 'x'), ERR_SYNTAX);
    assert_refused(&asn_DEF_Criticality, B(0x23, 0x04, 0x04, 0x02, 0x05, 0xA0), ERR_SYNTAX);
}

static void what_follows_an_unknown_element_stays(void **state) {
    (void)state;
    // RLRQ: reason, an unknown [13], user-information.
    ACSE_apdu_t *a = decode(&asn_DEF_ACSE_apdu, B(0x62, 0x12, 0x80, 0x01, 0x1E, 0x8D, 0x01, 0x07, 0xBE, 0x0A, 0x28,
                                                  0x08, 0x02, 0x01, 0x03, 0xA0, 0x03, 0x02, 0x01, 0x09));
    assert_int_equal(*a->choice.rlrq.reason, 30);
    assert_non_null(a->choice.rlrq.user_information);
    assert_int_equal(a->choice.rlrq.user_information->list.count, 1);
    asn1_free(&asn_DEF_ACSE_apdu, a);
    // AARQ: an unknown [14] behind the mandatory part, with 15 optional members to come.
    a = decode(&asn_DEF_ACSE_apdu, B(0x60, 0x19, 0xA1, 0x06, 0x06, 0x04, 0x56, 0x00, 0x01, 0x06, 0xAE, 0x03, 0x02, 0x01,
                                     0x01, 0xBE, 0x0A, 0x28, 0x08, 0x02, 0x01, 0x03, 0xA0, 0x03, 0x02, 0x01, 0x09));
    assert_non_null(a->choice.aarq.user_information);
    asn1_free(&asn_DEF_ACSE_apdu, a);
}

static void a_bit_string_has_seven_unused_bits_at_most(void **state) {
    (void)state;
    assert_refused(&asn_DEF_Criticality, B(0x03, 0x02, 0xFF, 0xA0), ERR_SYNTAX);
    assert_refused(&asn_DEF_Criticality, B(0x03, 0x02, 0x08, 0xA0), ERR_SYNTAX);
    asn1_free(&asn_DEF_Criticality, decode(&asn_DEF_Criticality, B(0x03, 0x02, 0x07, 0x80)));
}

// EXPLICIT tags over simple types inside elements of indefinite length, which ACSE has.
static void explicit_tags_mix_with_indefinite_lengths(void **state) {
    (void)state;
    struct bytes mixed = B(0x61, 0x80, 0xA1, 0x80, 0x06, 0x04, 0x56, 0x00, 0x01, 0x06, 0x00, 0x00, 0xA2, 0x80, 0x02,
                           0x01, 0x01, 0x00, 0x00, 0xA3, 0x80, 0xA1, 0x03, 0x02, 0x01, 0x0D, 0x00, 0x00, 0x00, 0x00);
    AARE_apdu_t *a = decode(&asn_DEF_AARE_apdu, mixed);
    assert_true(bytes_equal(ASN1_BYTES(a->application_context_name.value), B(0x56, 0x00, 0x01, 0x06)));
    assert_int_equal(a->result.value, 1);
    assert_int_equal(a->result_source_diagnostic.choice.acse_service_user.value, 13);
    struct buf b = {0};
    assert_int_equal(asn1_encode(&asn_DEF_AARE_apdu, a, &b), ERR_OK);
    struct bytes want = B(0x61, 0x14, 0xA1, 0x06, 0x06, 0x04, 0x56, 0x00, 0x01, 0x06, 0xA2, 0x03, 0x02, 0x01, 0x01,
                          0xA3, 0x05, 0xA1, 0x03, 0x02, 0x01, 0x0D);
    assert_true(bytes_equal(buf_bytes(&b), want));
    asn1_free(&asn_DEF_AARE_apdu, a);
    buf_free(&b);
}

// ---- a reference peer ----

// The value that the only presentation data value, the only EXTERNAL in it, and so on, carry.
static struct bytes aarq_of(struct CP_normal *n) {
    assert_int_equal(n->user_data->present, User_data_PR_fully_encoded_data);
    PDV_list_t *pdv = n->user_data->choice.fully_encoded_data.list.array[0];
    assert_int_equal(pdv->presentation_context_identifier, 1);
    return ASN1_BYTES(pdv->presentation_data_values.choice.single_ASN1_type);
}

static void a_bind_is_read_layer_by_layer(void **state) {
    (void)state;
    struct buf in = read_hex("tests/data/asn1/p1-88-normal-cp.hex");
    CP_type_t *cp = decode(&asn_DEF_CP_type, buf_bytes(&in));
    assert_int_equal(cp->mode_selector.mode_value, 1);
    assert_int_equal(cp->normal_mode_parameters->presentation_context_definition_list->list.count, 3);
    ACSE_apdu_t *acse = decode(&asn_DEF_ACSE_apdu, aarq_of(cp->normal_mode_parameters));
    assert_int_equal(acse->present, ACSE_apdu_PR_aarq);
    struct ExternalValue *ext = acse->choice.aarq.user_information->list.array[0];
    assert_int_equal(*ext->indirect_reference, 3);
    RTSE_apdus_t *rtse = decode(&asn_DEF_RTSE_apdus, ASN1_BYTES(ext->encoding.choice.single_ASN1_type));
    assert_int_equal(rtse->present, RTSE_apdus_PR_rtorq_apdu);
    assert_int_equal(*rtse->choice.rtorq_apdu.checkpointSize, 63);
    assert_null(rtse->choice.rtorq_apdu.windowSize);
    assert_int_equal(*rtse->choice.rtorq_apdu.dialogueMode, 0);
    struct bytes open = ASN1_BYTES(rtse->choice.rtorq_apdu.connectionDataRQ.choice.open), bind;
    struct cursor c = cursor_of(open);
    struct tlv t;
    assert_int_equal(tlv_expect(&c, TLV_CONTEXT, 16, &t, &bind), ERR_OK);
    MTABindArgument_t *arg = decode(&asn_DEF_MTABindArgument, bind);
    assert_true(text_is(ASN1_BYTES(arg->choice.authenticated.initiator_name), "MTA-PPA"));
    Password_t *p = &arg->choice.authenticated.initiator_credentials.choice.simple;
    assert_int_equal(p->present, Password_PR_octet_string);
    assert_true(text_is(ASN1_BYTES(p->choice.octet_string), "secretA"));
    asn1_free(&asn_DEF_MTABindArgument, arg);
    asn1_free(&asn_DEF_RTSE_apdus, rtse);
    asn1_free(&asn_DEF_ACSE_apdu, acse);
    asn1_free(&asn_DEF_CP_type, cp);
    buf_free(&in);
}

static void an_acceptance_is_written_to_the_octet(void **state) {
    (void)state;
    struct buf in = read_hex("tests/data/asn1/p1-88-normal-cpa.hex"), out = {0};
    CPA_PPDU_t *cpa = decode(&asn_DEF_CPA_PPDU, buf_bytes(&in));
    assert_int_equal(asn1_encode(&asn_DEF_CPA_PPDU, cpa, &out), ERR_OK);
    assert_true(bytes_equal(buf_bytes(&in), buf_bytes(&out)));
    asn1_free(&asn_DEF_CPA_PPDU, cpa);
    buf_free(&in);
    buf_free(&out);
}

static MTS_APDU_t *capture_apdu(void) {
    struct buf in = read_hex("tests/data/asn1/p1-88-normal-external.hex");
    ExternalValue_t *ext = decode(&asn_DEF_ExternalValue, buf_bytes(&in));
    assert_int_equal(*ext->indirect_reference, 5);
    MTS_APDU_t *apdu = decode(&asn_DEF_MTS_APDU, ASN1_BYTES(ext->encoding.choice.single_ASN1_type));
    asn1_free(&asn_DEF_ExternalValue, ext);
    buf_free(&in);
    return apdu;
}

static void assert_message(const MTS_APDU_t *apdu) {
    assert_int_equal(apdu->present, MTS_APDU_PR_message);
    const MessageTransferEnvelope_t *e = &apdu->choice.message.envelope;
    assert_true(text_is(ASN1_BYTES(e->message_identifier.local_identifier), "ppa.test.923:20.10.26.10.34.36"));
    const BuiltInStandardAttributes_t *o = &e->originator_name.built_in_standard_attributes;
    assert_true(text_is(ASN1_BYTES(o->country_name->choice.iso_3166_alpha2_code), "GB"));
    assert_true(text_is(ASN1_BYTES(o->administration_domain_name->choice.printable), "TEST"));
    assert_true(text_is(ASN1_BYTES(o->private_domain_name->choice.printable), "PPA"));
    assert_true(text_is(ASN1_BYTES(*o->organization_name), "ALPHA"));
    assert_true(text_is(ASN1_BYTES(o->personal_name->surname), "jones"));
    assert_int_equal(e->content_type.choice.built_in, 22);
    assert_null(e->priority);
    assert_int_equal(e->trace_information.list.count, 2);
    assert_int_equal(e->trace_information.list.array[0]->domain_supplied_information.routing_action, 0);
    assert_int_equal(e->extensions->list.count, 2);
    assert_int_equal(e->per_recipient_fields.list.count, 1);
    const PerRecipientMessageTransferFields_t *r = e->per_recipient_fields.list.array[0];
    assert_int_equal(r->originally_specified_recipient_number, 1);
    assert_true(bytes_equal(ASN1_BYTES(r->per_recipient_indicators), B(0xA8, 0x00)));
    assert_true(text_is(ASN1_BYTES(*r->recipient_name.built_in_standard_attributes.organization_name), "BETA"));
    assert_int_equal(apdu->choice.message.content.size, 241);
}

static void a_message_is_read_and_written(void **state) {
    (void)state;
    MTS_APDU_t *apdu = capture_apdu();
    assert_message(apdu);
    struct buf b = {0}, again = {0};
    assert_int_equal(asn1_encode(&asn_DEF_MTS_APDU, apdu, &b), ERR_OK);
    MTS_APDU_t *back = decode(&asn_DEF_MTS_APDU, buf_bytes(&b));
    assert_message(back);
    assert_int_equal(asn1_encode(&asn_DEF_MTS_APDU, back, &again), ERR_OK);
    assert_true(bytes_equal(buf_bytes(&b), buf_bytes(&again)));
    InformationObject_t *io = decode(&asn_DEF_InformationObject, ASN1_BYTES(apdu->choice.message.content));
    assert_int_equal(io->present, InformationObject_PR_ipm);
    assert_true(text_is(ASN1_BYTES(io->choice.ipm.heading.subject->value), "cap 88 normal"));
    assert_int_equal(*io->choice.ipm.heading.importance, 1);
    assert_int_equal(io->choice.ipm.body->list.count, 1);
    assert_true(text_is(ASN1_BYTES(io->choice.ipm.body->list.array[0]->choice.ia5_text.data), "Hello from PP A\r\n"));
    asn1_free(&asn_DEF_InformationObject, io);
    asn1_free(&asn_DEF_MTS_APDU, apdu);
    asn1_free(&asn_DEF_MTS_APDU, back);
    buf_free(&b);
    buf_free(&again);
}

// ---- hostile input, short memory ----

static struct buf message_der(void) {
    MTS_APDU_t *apdu = capture_apdu();
    struct buf b = {0};
    assert_int_equal(asn1_encode(&asn_DEF_MTS_APDU, apdu, &b), ERR_OK);
    asn1_free(&asn_DEF_MTS_APDU, apdu);
    return b;
}

static void truncated_and_changed_octets_do_no_harm(void **state) {
    (void)state;
    struct buf b = message_der();
    for (size_t n = 0; n < b.len; n++)
        assert_refused(&asn_DEF_MTS_APDU, bytes_of(buf_bytes(&b).p, n), ERR_SHORT);
    unsigned long accepted = 0, refused = 0;
    for (size_t i = 0; i < b.len; i++) {
        uint8_t *at = b.mem + b.off + i, was = *at;
        static const uint8_t changes[] = {0x01, 0x20, 0x80, 0xFF};
        for (size_t k = 0; k < sizeof changes; k++) {
            *at = was ^ changes[k];
            void *v;
            if (asn1_decode(&asn_DEF_MTS_APDU, buf_bytes(&b), NULL, &v, NULL) == ERR_OK)
                accepted++;
            else
                refused++;
            asn1_free(&asn_DEF_MTS_APDU, v);
        }
        *at = was;
    }
    assert_true(accepted > 0 && refused > 0);
    buf_append_u8(&b, 0); // an octet behind it
    assert_refused(&asn_DEF_MTS_APDU, buf_bytes(&b), ERR_SYNTAX);
    void *v;
    size_t used;
    assert_int_equal(asn1_decode(&asn_DEF_MTS_APDU, buf_bytes(&b), NULL, &v, &used), ERR_OK);
    assert_int_equal(used, b.len - 1);
    asn1_free(&asn_DEF_MTS_APDU, v);
    buf_free(&b);
}

// Messages forwarded in messages: { { heading, { [9] { { }, { heading, ...
static void depth_is_limited(void **state) {
    (void)state;
    struct bytes heading = B(0x31, 0x07, 0x6B, 0x05, 0x13, 0x03, 'a', 'b', 'c');
    struct buf b = {0};
    for (int level = 1; level <= 40; level++) {
        if (level > 1) {
            assert_int_equal(buf_prepend(&b, "\x31\x00", 2), ERR_OK);
            assert_int_equal(tlv_wrap(&b, 0, TLV_CONTEXT, true, 9), ERR_OK);
        }
        assert_int_equal(tlv_wrap(&b, 0, TLV_UNIVERSAL, true, TLV_SEQUENCE), ERR_OK); // body
        assert_int_equal(buf_prepend(&b, heading.p, heading.n), ERR_OK);
        assert_int_equal(tlv_wrap(&b, 0, TLV_UNIVERSAL, true, TLV_SEQUENCE), ERR_OK);
        struct buf whole = {0};
        assert_int_equal(buf_append(&whole, buf_bytes(&b).p + 0, b.len), ERR_OK);
        // As a choice: [0] IMPLICIT in place of the SEQUENCE's identifier.
        whole.mem[whole.off] = 0xA0;
        if (level <= 20)
            asn1_free(&asn_DEF_InformationObject, decode(&asn_DEF_InformationObject, buf_bytes(&whole)));
        if (level >= 22)
            assert_refused(&asn_DEF_InformationObject, buf_bytes(&whole), ERR_LIMIT);
        struct tlv_limits deep = {.depth = TLV_DEPTH_MAX}; // also at the greatest depth there is, the stack suffices
        void *v;
        assert_int_equal(asn1_decode(&asn_DEF_InformationObject, buf_bytes(&whole), &deep, &v, NULL), ERR_OK);
        asn1_free(&asn_DEF_InformationObject, v);
        buf_free(&whole);
    }
    buf_free(&b);
}

static void short_memory_is_an_error(void **state) {
    (void)state;
    struct buf b = message_der();
    void *v;
    unsigned long n = 1;
    for (int err = ERR_NOMEM; err != ERR_OK; n++) {
        mem_fail_at(n);
        err = asn1_decode(&asn_DEF_MTS_APDU, buf_bytes(&b), NULL, &v, NULL);
        mem_fail_at(0);
        assert_true(err == ERR_OK || (err == ERR_NOMEM && v == NULL));
    }
    assert_true(n > 50);
    struct buf out = {0};
    mem_fail_at(1);
    assert_int_equal(asn1_encode(&asn_DEF_MTS_APDU, v, &out), ERR_NOMEM);
    mem_fail_at(0);
    assert_int_equal(out.len, 0);
    assert_int_equal(asn1_encode(&asn_DEF_MTS_APDU, v, &out), ERR_OK);
    assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&b)));
    asn1_free(&asn_DEF_MTS_APDU, v);
    buf_free(&b);
    buf_free(&out);
}

// ---- values made here ----

static void values_are_made_and_encoded(void **state) {
    (void)state;
    MTABindResult_t r = {.present = MTABindResult_PR_authenticated};
    assert_int_equal(ASN1_SET(r.choice.authenticated.responder_name, bytes_str("old")), ERR_OK);
    assert_int_equal(ASN1_SET(r.choice.authenticated.responder_name, bytes_str("MTA-B")), ERR_OK);
    struct buf b = {0};
    assert_int_equal(asn1_encode(&asn_DEF_MTABindResult, &r, &b), ERR_STATE); // no credentials yet
    assert_int_equal(b.len, 0);
    MTACredentials_t *c = &r.choice.authenticated.responder_credentials;
    c->present = MTACredentials_PR_simple;
    c->choice.simple.present = Password_PR_ia5_string;
    assert_int_equal(ASN1_SET(c->choice.simple.choice.ia5_string, bytes_str("pw")), ERR_OK);
    assert_int_equal(asn1_encode(&asn_DEF_MTABindResult, &r, &b), ERR_OK);
    assert_true(bytes_equal(buf_bytes(&b),
                            B(0xA1, 0x0D, 0x80, 0x05, 'M', 'T', 'A', '-', 'B', 0xA1, 0x04, 0x16, 0x02, 'p', 'w')));
    asn_DEF_MTABindResult.free_struct(&asn_DEF_MTABindResult, &r, 1);
    buf_clear(&b);
    RequestedDeliveryMethod_t methods = {0};
    static const long order[] = {3, 1, 2};
    for (size_t i = 0; i < 3; i++) {
        long *m = asn1_member(sizeof *m);
        assert_non_null(m);
        *m = order[i];
        assert_int_equal(asn1_list_add(&methods, &asn_DEF_NativeInteger, m), ERR_OK);
    }
    assert_int_equal(asn1_list_add(&methods, &asn_DEF_NativeInteger, NULL), ERR_NOMEM);
    assert_int_equal(asn1_encode(&asn_DEF_RequestedDeliveryMethod, &methods, &b), ERR_OK);
    assert_true(bytes_equal(buf_bytes(&b), B(0x30, 9, 2, 1, 3, 2, 1, 1, 2, 1, 2))); // a SEQUENCE OF keeps its order
    asn_DEF_RequestedDeliveryMethod.free_struct(&asn_DEF_RequestedDeliveryMethod, &methods, 1);
    buf_free(&b);
}

static int init(void **state) {
    (void)state;
    for (unsigned long n = 1; n <= 3; n++) { // and it fails in order
        mem_fail_at(n);
        int err = asn1_init();
        mem_fail_at(0);
        if (n == 1 && err != ERR_NOMEM)
            return -1;
    }
    return asn1_init();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_choice_ends_in_two_zeros),
        cmocka_unit_test(segments_of_strings_are_octet_strings),
        cmocka_unit_test(what_follows_an_unknown_element_stays),
        cmocka_unit_test(a_bit_string_has_seven_unused_bits_at_most),
        cmocka_unit_test(explicit_tags_mix_with_indefinite_lengths),
        cmocka_unit_test(a_bind_is_read_layer_by_layer),
        cmocka_unit_test(an_acceptance_is_written_to_the_octet),
        cmocka_unit_test(a_message_is_read_and_written),
        cmocka_unit_test(truncated_and_changed_octets_do_no_harm),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(short_memory_is_an_error),
        cmocka_unit_test(values_are_made_and_encoded),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
