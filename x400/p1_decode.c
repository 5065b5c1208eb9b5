// SPDX-License-Identifier: BSD-2-Clause
// Decoding of MTS-APDUs by tables of SET members over asn1/tlv.h, not by a compiled decoder: a relay keeps names, trace
// elements, extensions and unknown members as the octets they were, views give that without a copy, and one walk costs
// a few allocations in the message's arena. It also takes the old form of an extension's type, which a compiled decoder
// refuses. All standard fields of X.411 (1999) are read. A member that no table lists is kept and relayed. Inside an
// O/R name nothing is checked here but the outer structure: a malformed recipient is one recipient's non-delivery, not
// the message's. Identifiers are checked whole (x400/mtsid.h).
#include "x400/mtsid.h"
#include "x400/p1.h"
#include "x400/p1_walk.h"

enum { HEAD_ELEMENTS_MAX = 4 * 1000 * 1000 };

static struct p1_envelope *env(void *out) {
    return out;
}
static struct p1_recipient *rcpt(void *out) {
    return out;
}

// A row's function need not look at all that it is given.
#define GETTER(name)                                                                                                   \
    static int name(__attribute__((unused)) struct p1_reader *r, __attribute__((unused)) const struct tlv *t,          \
                    __attribute__((unused)) struct bytes whole, __attribute__((unused)) struct bytes value, void *out)

// ---- names and identifiers ----

static int keep_constructed(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value,
                            struct bytes *out) {
    if (!t->constructed || value.n == 0)
        return p1_fail(r, ERR_SYNTAX, "is not a sequence of members");
    *out = whole;
    return 0;
}

// An ORName under another (IMPLICIT, one octet) tag becomes one under its own, as all of the program knows it.
static int keep_retagged(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value,
                         struct bytes *out) {
    int err = keep_constructed(r, t, whole, value, out);
    if (err < 0)
        return err;
    struct bytes copy = arena_bytes(r->a, whole);
    if (copy.p == NULL)
        return ERR_NOMEM;
    *(uint8_t *)copy.p = 0x60;
    *out = copy;
    return 0;
}

static int get_identifier(struct p1_reader *r, struct bytes whole, struct bytes *out) {
    struct mts_id id;
    const char *why = "malformed";
    int err = mts_id_decode(whole, &id, &why);
    *out = whole;
    return err < 0 ? p1_fail(r, err, "%s", why) : 0;
}

// ---- fields of more than one envelope ----

GETTER(get_mts_id) {
    return get_identifier(r, whole, &env(out)->identifier);
}
GETTER(get_originator) {
    return keep_constructed(r, t, whole, value, &env(out)->originator);
}
GETTER(get_original_eits) {
    return p1_get_eits(r->a, whole, &env(out)->original_eits);
}
GETTER(get_indicators) {
    return p1_get_bits(t, value, &env(out)->indicators);
}
GETTER(get_deferred) {
    return p1_get_time(r->a, t, value, &env(out)->deferred);
}
GETTER(get_content_id) {
    return p1_get_text(r, t, value, 1024, &env(out)->content_identifier);
}

GETTER(get_content_type) {
    struct p1_content_type *ct = &env(out)->content_type;
    if (ct->present)
        return p1_fail(r, ERR_SYNTAX, "stands twice");
    ct->present = true;
    if (tlv_is(t, TLV_APPLICATION, 6))
        return p1_get_code(t, value, P1_UB_CODES, &ct->built_in);
    ct->oid = value;
    return t->constructed || value.n == 0 ? ERR_SYNTAX : 0;
}

GETTER(get_priority) {
    return p1_get_code(t, value, P1_URGENT, &env(out)->priority);
}

GETTER(get_content_length) {
    env(out)->has_content_length = true;
    int err = t->constructed ? ERR_SYNTAX : tlv_get_int(value, &env(out)->content_length);
    return err == 0 && env(out)->content_length < 0 ? p1_fail(r, ERR_SYNTAX, "is negative") : err;
}

GETTER(get_whole) {
    *(struct bytes *)out = whole;
    return 0;
}

GETTER(get_bilateral) {
    struct p1_envelope *e = env(out);
    return !t->constructed ? ERR_SYNTAX
                           : p1_walk_list(r, value, TLV_UNIVERSAL, TLV_SEQUENCE, P1_UB_TRANSFERS, sizeof *e->bilateral,
                                          get_whole, &e->bilateral, &e->n_bilateral);
}

static int get_trace_into(struct p1_reader *r, const struct tlv *t, struct bytes value, struct trace *out) {
    int err = t->constructed ? trace_decode(r->a, value, false, out, r->fault) : ERR_SYNTAX;
    return err == 0 && out->n == 0 ? p1_fail(r, ERR_SYNTAX, "is empty") : err;
}

static int get_extensions_into(struct p1_reader *r, const struct tlv *t, struct bytes value,
                               struct p1_extensions *out) {
    return t->constructed ? p1_extensions_decode(r->a, value, out, r->fault) : ERR_SYNTAX;
}

GETTER(get_trace) {
    return get_trace_into(r, t, value, &env(out)->trace);
}
GETTER(get_extensions) {
    return get_extensions_into(r, t, value, &env(out)->extensions);
}

// ---- recipients of messages and probes ----

GETTER(get_recipient_name) {
    return keep_constructed(r, t, whole, value, &rcpt(out)->name);
}
GETTER(get_recipient_indicators) {
    return p1_get_bits(t, value, &rcpt(out)->indicators);
}
GETTER(get_recipient_extensions) {
    return get_extensions_into(r, t, value, &rcpt(out)->extensions);
}

GETTER(get_number) {
    int err = p1_get_code(t, value, P1_UB_RECIPIENTS, &rcpt(out)->number);
    return err == 0 && rcpt(out)->number == 0 ? p1_fail(r, ERR_LIMIT, "is 0") : err;
}

GETTER(get_conversion) {
    return p1_get_code(t, value, P1_UB_INTEGER_OPTIONS, &rcpt(out)->explicit_conversion);
}

static const struct p1_member recipient_members[] = {
    {TLV_APPLICATION, 0, true, "recipient-name", get_recipient_name},
    {TLV_CONTEXT, 0, true, "originally-specified-recipient-number", get_number},
    {TLV_CONTEXT, 1, true, "per-recipient-indicators", get_recipient_indicators},
    {TLV_CONTEXT, 2, false, "explicit-conversion", get_conversion},
    {TLV_CONTEXT, 3, false, "extensions", get_recipient_extensions},
};

GETTER(get_recipient) {
    struct p1_recipient *p = out;
    p->explicit_conversion = P1_NO_CONVERSION;
    p->fate.diagnostic = P1_NO_DIAGNOSTIC;
    return !t->constructed ? ERR_SYNTAX
                           : p1_walk_set(r, value, P1_TABLE(recipient_members), out, &p->unknown, &p->n_unknown);
}

static int get_recipients_with(struct p1_reader *r, const struct tlv *t, struct bytes value, struct p1_envelope *e,
                               p1_get_fn *get) {
    int err = !t->constructed ? ERR_SYNTAX
                              : p1_walk_list(r, value, TLV_UNIVERSAL, TLV_SET, P1_UB_RECIPIENTS, sizeof *e->recipient,
                                             get, &e->recipient, &e->n_recipients);
    return err == 0 && e->n_recipients == 0 ? p1_fail(r, ERR_SYNTAX, "is empty") : err;
}

GETTER(get_recipients) {
    return get_recipients_with(r, t, value, out, get_recipient);
}

// ---- MessageTransferEnvelope, ProbeTransferEnvelope ----

static const struct p1_member message_members[] = {
    {TLV_APPLICATION, 4, true, "message-identifier", get_mts_id},
    {TLV_APPLICATION, 0, true, "originator-name", get_originator},
    {TLV_APPLICATION, 5, false, "original-encoded-information-types", get_original_eits},
    {TLV_APPLICATION, 6, false, "content-type", get_content_type},
    {TLV_UNIVERSAL, TLV_OID, false, "content-type", get_content_type},
    {TLV_APPLICATION, 10, false, "content-identifier", get_content_id},
    {TLV_APPLICATION, 7, false, "priority", get_priority},
    {TLV_APPLICATION, 8, false, "per-message-indicators", get_indicators},
    {TLV_CONTEXT, 0, false, "deferred-delivery-time", get_deferred},
    {TLV_CONTEXT, 1, false, "per-domain-bilateral-information", get_bilateral},
    {TLV_APPLICATION, 9, true, "trace-information", get_trace},
    {TLV_CONTEXT, 3, false, "extensions", get_extensions},
    {TLV_CONTEXT, 2, true, "per-recipient-fields", get_recipients},
};

static const struct p1_member probe_members[] = {
    {TLV_APPLICATION, 4, true, "probe-identifier", get_mts_id},
    {TLV_APPLICATION, 0, true, "originator-name", get_originator},
    {TLV_APPLICATION, 5, false, "original-encoded-information-types", get_original_eits},
    {TLV_APPLICATION, 6, false, "content-type", get_content_type},
    {TLV_UNIVERSAL, TLV_OID, false, "content-type", get_content_type},
    {TLV_APPLICATION, 10, false, "content-identifier", get_content_id},
    {TLV_CONTEXT, 0, false, "content-length", get_content_length},
    {TLV_APPLICATION, 8, false, "per-message-indicators", get_indicators},
    {TLV_CONTEXT, 1, false, "per-domain-bilateral-information", get_bilateral},
    {TLV_APPLICATION, 9, true, "trace-information", get_trace},
    {TLV_CONTEXT, 3, false, "extensions", get_extensions},
    {TLV_CONTEXT, 2, true, "per-recipient-fields", get_recipients},
};

// ---- Report ----

static const struct p1_member report_envelope_members[] = {
    {TLV_APPLICATION, 4, true, "report-identifier", get_mts_id},
    {TLV_APPLICATION, 0, true, "report-destination-name", get_originator},
    {TLV_APPLICATION, 9, true, "trace-information", get_trace},
    {TLV_CONTEXT, 1, false, "extensions", get_extensions},
};

GETTER(get_actual_name) {
    return keep_retagged(r, t, whole, value, &rcpt(out)->name);
}
GETTER(get_intended_name) {
    return keep_retagged(r, t, whole, value, &rcpt(out)->intended);
}
GETTER(get_arrival) {
    return p1_get_time(r->a, t, value, &rcpt(out)->arrival);
}
GETTER(get_converted) {
    return p1_get_eits(r->a, whole, &rcpt(out)->converted);
}
GETTER(get_supplementary) {
    return p1_get_text(r, t, value, 4096, &rcpt(out)->supplementary);
}

GETTER(get_delivery_time) {
    return p1_get_time(r->a, t, value, &((struct p1_fate *)out)->delivery_time);
}
GETTER(get_user_type) {
    return p1_get_code(t, value, P1_UB_INTEGER_OPTIONS, &((struct p1_fate *)out)->user_type);
}
GETTER(get_reason) {
    return p1_get_code(t, value, P1_UB_CODES, &((struct p1_fate *)out)->reason);
}
GETTER(get_diagnostic) {
    return p1_get_code(t, value, P1_UB_CODES, &((struct p1_fate *)out)->diagnostic);
}

static const struct p1_member delivery_members[] = {
    {TLV_CONTEXT, 0, true, "message-delivery-time", get_delivery_time},
    {TLV_CONTEXT, 1, false, "type-of-MTS-user", get_user_type},
};
static const struct p1_member non_delivery_members[] = {
    {TLV_CONTEXT, 0, true, "non-delivery-reason-code", get_reason},
    {TLV_CONTEXT, 1, false, "non-delivery-diagnostic-code", get_diagnostic},
};

// ReportType: a CHOICE, so its tag [1] in last-trace-information is EXPLICIT.
GETTER(get_report_type) {
    struct p1_fate *fate = &rcpt(out)->fate;
    struct cursor c = cursor_of(value);
    struct tlv choice;
    if (!t->constructed || tlv_next(&c, &choice, NULL, &value) < 0 || cursor_left(&c) > 0 || !choice.constructed ||
        choice.cls != TLV_CONTEXT || choice.tag > 1)
        return p1_fail(r, ERR_SYNTAX, "neither delivery nor non-delivery");
    fate->delivered = choice.tag == 0;
    struct bytes *unknown = NULL; // of no standard, and not relayed
    size_t n_unknown = 0;
    struct p1_table table = fate->delivered ? P1_TABLE(delivery_members) : P1_TABLE(non_delivery_members);
    return p1_at(r, p1_walk_set(r, value, table, fate, &unknown, &n_unknown), "%s",
                 fate->delivered ? "delivery" : "non-delivery");
}

static const struct p1_member last_trace_members[] = {
    {TLV_CONTEXT, 0, true, "arrival-time", get_arrival},
    {TLV_APPLICATION, 5, false, "converted-encoded-information-types", get_converted},
    {TLV_CONTEXT, 1, true, "report-type", get_report_type},
};

GETTER(get_last_trace) {
    struct bytes *unknown = NULL;
    size_t n_unknown = 0;
    return !t->constructed ? ERR_SYNTAX
                           : p1_walk_set(r, value, P1_TABLE(last_trace_members), out, &unknown, &n_unknown);
}

static const struct p1_member reported_members[] = {
    {TLV_CONTEXT, 0, true, "actual-recipient-name", get_actual_name},
    {TLV_CONTEXT, 1, true, "originally-specified-recipient-number", get_number},
    {TLV_CONTEXT, 2, true, "per-recipient-indicators", get_recipient_indicators},
    {TLV_CONTEXT, 3, true, "last-trace-information", get_last_trace},
    {TLV_CONTEXT, 4, false, "originally-intended-recipient-name", get_intended_name},
    {TLV_CONTEXT, 5, false, "supplementary-information", get_supplementary},
    {TLV_CONTEXT, 6, false, "extensions", get_recipient_extensions},
};

GETTER(get_reported) {
    struct p1_recipient *p = out;
    p->explicit_conversion = P1_NO_CONVERSION;
    p->fate.diagnostic = P1_NO_DIAGNOSTIC;
    return !t->constructed ? ERR_SYNTAX
                           : p1_walk_set(r, value, P1_TABLE(reported_members), out, &p->unknown, &p->n_unknown);
}

GETTER(get_reporteds) {
    return get_recipients_with(r, t, value, out, get_reported);
}
GETTER(get_subject) {
    return get_identifier(r, whole, &env(out)->report->subject);
}
GETTER(get_intermediate) {
    return get_trace_into(r, t, value, &env(out)->report->intermediate);
}
GETTER(get_additional) {
    return get_whole(r, t, whole, value, &env(out)->report->additional);
}
GETTER(get_content_extensions) {
    return get_extensions_into(r, t, value, &env(out)->report->extensions);
}

GETTER(get_content) {
    struct p1_envelope *e = env(out);
    if (t->constructed)
        return tlv_string(r->a, t, value, SIZE_MAX, &e->content);
    e->content = value;
    return 0;
}

static const struct p1_member report_content_members[] = {
    {TLV_APPLICATION, 4, true, "subject-identifier", get_subject},
    {TLV_APPLICATION, 9, false, "subject-intermediate-trace-information", get_intermediate},
    {TLV_APPLICATION, 5, false, "original-encoded-information-types", get_original_eits},
    {TLV_APPLICATION, 6, false, "content-type", get_content_type},
    {TLV_UNIVERSAL, TLV_OID, false, "content-type", get_content_type},
    {TLV_APPLICATION, 10, false, "content-identifier", get_content_id},
    {TLV_CONTEXT, 1, false, "returned-content", get_content},
    {TLV_CONTEXT, 2, false, "additional-information", get_additional},
    {TLV_CONTEXT, 3, false, "extensions", get_content_extensions},
    {TLV_CONTEXT, 0, true, "per-recipient-fields", get_reporteds},
};

// ---- the APDUs ----

static bool next_set(struct cursor *c, struct bytes *value) {
    struct tlv t;
    return tlv_expect(c, TLV_UNIVERSAL, TLV_SET, &t, value) == ERR_OK && t.constructed;
}

static int decode_message(struct p1_reader *r, struct bytes value, struct p1_envelope *e) {
    struct cursor c = cursor_of(value);
    struct tlv t;
    struct bytes v;
    if (!next_set(&c, &v))
        return p1_fail(r, ERR_SYNTAX, "envelope: is missing");
    int err = p1_walk_set(r, v, P1_TABLE(message_members), e, &e->unknown, &e->n_unknown);
    if (err < 0)
        return p1_at(r, err, "envelope");
    if (!e->content_type.present)
        return p1_fail(r, ERR_SYNTAX, "envelope.content-type: is missing");
    if ((err = tlv_next(&c, &t, NULL, &v)) == ERR_ABSENT)
        return 0; // a head
    if (err < 0 || !tlv_is(&t, TLV_UNIVERSAL, TLV_OCTET_STRING))
        return p1_fail(r, ERR_SYNTAX, "content: is not an OCTET STRING");
    if ((err = get_content(r, &t, v, v, e)) < 0)
        return p1_at(r, err, "content");
    return cursor_left(&c) > 0 ? p1_fail(r, ERR_SYNTAX, "more than envelope and content") : 0;
}

static int decode_probe(struct p1_reader *r, struct bytes value, struct p1_envelope *e) {
    int err = p1_walk_set(r, value, P1_TABLE(probe_members), e, &e->unknown, &e->n_unknown);
    if (err == 0 && !e->content_type.present)
        return p1_fail(r, ERR_SYNTAX, "content-type: is missing");
    return err;
}

static int decode_report(struct p1_reader *r, struct bytes value, struct p1_envelope *e) {
    struct cursor c = cursor_of(value);
    struct bytes v;
    if (!next_set(&c, &v))
        return p1_fail(r, ERR_SYNTAX, "envelope: is missing");
    int err = p1_walk_set(r, v, P1_TABLE(report_envelope_members), e, &e->unknown, &e->n_unknown);
    if (err < 0)
        return p1_at(r, err, "envelope");
    if (!next_set(&c, &v))
        return p1_fail(r, ERR_SYNTAX, "content: is missing");
    err = p1_walk_set(r, v, P1_TABLE(report_content_members), e, &e->report->unknown, &e->report->n_unknown);
    if (err < 0)
        return p1_at(r, err, "content");
    return cursor_left(&c) > 0 ? p1_fail(r, ERR_SYNTAX, "more than envelope and content") : 0;
}

struct p1_envelope *p1_envelope_new(struct arena *a, enum p1_type type) {
    struct p1_envelope *e = arena_alloc(a, sizeof *e);
    if (e == NULL)
        return NULL;
    e->type = type;
    if (type == P1_REPORT && (e->report = arena_alloc(a, sizeof *e->report)) == NULL)
        return NULL;
    return e;
}

int p1_decode(struct arena *a, struct bytes apdu, struct p1_envelope **out, struct p1_fault *fault) {
    struct p1_fault ignored;
    struct p1_reader r = {a, fault != NULL ? fault : &ignored};
    struct tlv_limits limits = {.depth = TLV_DEPTH_DEFAULT, .elements = HEAD_ELEMENTS_MAX};
    struct cursor c = cursor_of(apdu);
    struct tlv t;
    struct bytes value;
    uint64_t total;
    r.fault->text[0] = '\0';
    int err = tlv_check(apdu, &limits, &total);
    if (err < 0)
        return p1_fail(&r, err, "MTS-APDU: %s", err == ERR_SHORT ? "ends too early" : err_text(err));
    if (total != apdu.n)
        return p1_fail(&r, ERR_SYNTAX, "MTS-APDU: octets after its end");
    if ((err = tlv_next(&c, &t, NULL, &value)) < 0)
        return err;
    if (t.cls != TLV_CONTEXT || t.tag > 2 || !t.constructed)
        return p1_fail(&r, ERR_SYNTAX, "MTS-APDU: neither message [0], report [1] nor probe [2]");
    struct p1_envelope *e = p1_envelope_new(a, (enum p1_type)t.tag);
    if (e == NULL)
        return ERR_NOMEM;
    if (e->type == P1_MESSAGE)
        err = p1_at(&r, decode_message(&r, value, e), "message");
    else if (e->type == P1_REPORT)
        err = p1_at(&r, decode_report(&r, value, e), "report");
    else
        err = p1_at(&r, decode_probe(&r, value, e), "probe");
    *out = e;
    return err;
}
