// SPDX-License-Identifier: BSD-2-Clause
// envelope.json: what the envelope said, for programs. Addresses are written /G=…/S=…/C=…/, times as
// 2026-11-20T10:34:36Z, codes with their number and the name that X.411 gives it. A name that is not there was absent
// in the envelope.
#include "mta/local_internal.h"

#include "x400/charset.h"
#include "x400/mtsid.h"
#include "x400/p1_names.h"
#include "x400/report.h"

enum { OTHER_RECIPIENTS_MAX = 1000 }; // so that a message to very many does not grow with their square

// ---- values ----

void json_put(struct json_maker *j, json_t *object, const char *key, json_t *value) {
    if (json_object_set_new(object, key, value) < 0)
        j->failed = true;
}

void json_add(struct json_maker *j, json_t *array, json_t *value) {
    if (json_array_append_new(array, value) < 0)
        j->failed = true;
}

json_t *json_octets(struct json_maker *j, struct bytes text) {
    json_t *v = json_stringn(text.n > 0 ? (const char *)text.p : "", text.n);
    if (v != NULL)
        return v;
    struct buf b = {0};
    if (charset_decode(CHARSET_UTF8, NULL, 0, text, &b) == ERR_OK)
        v = json_stringn((const char *)buf_bytes(&b).p, b.len);
    buf_free(&b);
    j->failed |= v == NULL;
    return v;
}

void json_put_text(struct json_maker *j, json_t *object, const char *key, const char *text) {
    if (text != NULL)
        json_put(j, object, key, json_octets(j, bytes_str(text)));
}

static void put_octets(struct json_maker *j, json_t *object, const char *key, struct bytes text) {
    if (text.p != NULL)
        json_put(j, object, key, json_octets(j, text));
}

void json_put_time(struct json_maker *j, json_t *object, const char *key, int64_t seconds) {
    char iso[21];
    if (seconds != 0 && p1_time_iso(seconds, iso) == 0)
        json_put_text(j, object, key, iso);
}

static void put_time(struct json_maker *j, json_t *object, const char *key, const struct p1_time *t) {
    if (t->present)
        json_put_time(j, object, key, t->seconds);
}

json_t *json_orname(struct json_maker *j, struct bytes name) {
    return json_octets(j, bytes_str(mta_orname_text(j->a, name)));
}

static json_t *identifier(struct json_maker *j, struct bytes tlv) {
    struct mts_id id;
    const char *text = mts_id_decode(tlv, &id, NULL) == ERR_OK ? mts_id_print(j->a, &id) : "(unreadable)";
    return text == NULL ? NULL : json_octets(j, bytes_str(text));
}

static json_t *oid(struct json_maker *j, struct bytes value) {
    char text[256];
    return json_octets(j, bytes_str(tlv_oid_text(value, text, sizeof text) == 0 ? text : "(malformed)"));
}

// {"number": 22, "name": "interpersonal-messaging-1988"}
static json_t *code(struct json_maker *j, int number, const char *name) {
    json_t *o = json_object();
    json_put(j, o, "number", json_integer(number));
    json_put_text(j, o, "name", name);
    return o;
}

static void put_content_type(struct json_maker *j, json_t *object, const struct p1_content_type *t) {
    if (!t->present)
        return;
    json_t *o = t->oid.n > 0 ? json_object() : code(j, t->built_in, p1_content_type_name(t->built_in));
    if (t->oid.n > 0)
        json_put(j, o, "oid", oid(j, t->oid));
    json_put(j, object, "content_type", o);
}

static void put_eits(struct json_maker *j, json_t *object, const char *key, const struct p1_eits *e) {
    if (!e->present)
        return;
    json_t *list = json_array();
    for (int bit = 0; bit < 32; bit++) {
        const char *name = p1_eit_name(bit);
        if ((e->built_in & (UINT32_C(1) << bit)) != 0)
            json_add(j, list, name != NULL ? json_string(name) : json_sprintf("bit %d", bit));
    }
    for (size_t i = 0; i < e->n_extended; i++)
        json_add(j, list, oid(j, e->extended[i]));
    json_put(j, object, key, list);
}

// ---- trace and histories ----

static json_t *domain_or_mta(struct json_maker *j, struct bytes tlv) {
    struct mts_domain d;
    struct cursor c = cursor_of(tlv);
    struct tlv t;
    struct bytes mta;
    if (mts_domain_decode(tlv, &d, NULL) == ERR_OK) {
        const char *text = mts_domain_print(j->a, &d);
        return text == NULL ? NULL : json_octets(j, bytes_str(text));
    }
    if (tlv_next(&c, &t, NULL, &mta) == ERR_OK && tlv_is(&t, TLV_UNIVERSAL, TLV_IA5_STRING))
        return json_octets(j, mta);
    return json_string("(unreadable)");
}

static json_t *trace_json(struct json_maker *j, const struct trace *t) {
    json_t *list = json_array();
    for (size_t i = 0; i < t->n; i++) {
        const struct trace_element *e = &t->element[i];
        json_t *o = json_object();
        json_put(j, o, "domain", domain_or_mta(j, e->domain));
        put_octets(j, o, "mta", e->mta_name);
        put_time(j, o, "arrival", &e->arrival);
        json_put_text(j, o, "routing", p1_routing_name(e->routing));
        if (e->attempted.p != NULL)
            json_put(j, o, "attempted", domain_or_mta(j, e->attempted));
        put_time(j, o, "deferred", &e->deferred);
        put_eits(j, o, "converted", &e->converted);
        if ((e->other_actions.set & TRACE_REDIRECTED) != 0)
            json_put(j, o, "redirected", json_true());
        if ((e->other_actions.set & TRACE_DL_OPERATION) != 0)
            json_put(j, o, "list_expanded", json_true());
        json_add(j, list, o);
    }
    return list;
}

static void put_traces(struct json_maker *j, json_t *object, const struct p1_envelope *e) {
    struct trace internal = {0};
    json_put(j, object, "trace", trace_json(j, &e->trace));
    if (p1_internal_trace(j->a, &e->extensions, &internal) == ERR_OK)
        json_put(j, object, "internal_trace", trace_json(j, &internal));
}

static void put_history(struct json_maker *j, json_t *object, const char *key, const struct p1_extensions *x,
                        int type) {
    struct p1_history h = {0};
    if (p1_history(j->a, x, type, &h) != ERR_OK || h.n == 0)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < h.n; i++) {
        json_t *o = json_object();
        json_put(j, o, "name", json_orname(j, h.entry[i].name));
        put_time(j, o, "time", &h.entry[i].time);
        if (type == P1_EXT_REDIRECTION_HISTORY)
            json_put(j, o, "reason", code(j, h.entry[i].reason, p1_redirection_reason_name(h.entry[i].reason)));
        json_add(j, list, o);
    }
    json_put(j, object, key, list);
}

static void put_extensions(struct json_maker *j, json_t *object, const char *key, const struct p1_extensions *x) {
    if (x->n == 0)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < x->n; i++) {
        struct buf b = {0};
        if (p1_extension_name(&b, &x->item[i]) != ERR_OK)
            j->failed = true;
        json_add(j, list, json_octets(j, buf_bytes(&b)));
        buf_free(&b);
    }
    json_put(j, object, key, list);
}

// ---- messages ----

static json_t *report_request(struct json_maker *j, uint32_t bits) {
    static const char *const mta[] = {"none", "report", "non-delivery-report", "audited-report"};
    static const char *const originator[] = {"none", "report", "non-delivery-report", "report"};
    json_t *o = json_object();
    json_put_text(j, o, "originator", originator[bits / P1_ORIGINATOR_REPORT & 3]);
    json_put_text(j, o, "originating_mta", mta[bits / P1_MTA_REPORT & 3]);
    return o;
}

static void put_indicators(struct json_maker *j, json_t *object, uint32_t bits) {
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {{P1_DISCLOSURE_OF_OTHER_RECIPIENTS, "disclosure-of-other-recipients"},
                 {P1_IMPLICIT_CONVERSION_PROHIBITED, "implicit-conversion-prohibited"},
                 {P1_ALTERNATE_RECIPIENT_ALLOWED, "alternate-recipient-allowed"},
                 {P1_CONTENT_RETURN_REQUEST, "content-return-request"},
                 {P1_SERVICE_MESSAGE, "service-message"}};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((bits & names[i].bit) != 0)
            json_add(j, list, json_string(names[i].name));
    json_put(j, object, "indicators", list);
}

static void put_other_recipients(struct json_maker *j, json_t *object, const struct p1_envelope *e, size_t me) {
    json_t *list = json_array();
    size_t n = 0;
    for (size_t i = 0; i < e->n_recipients; i++)
        if (i != me && n++ < OTHER_RECIPIENTS_MAX)
            json_add(j, list, json_orname(j, e->recipient[i].name));
    json_put(j, object, "other_recipients", list);
    if (n > OTHER_RECIPIENTS_MAX)
        json_put(j, object, "other_recipients_left_out", json_integer((json_int_t)(n - OTHER_RECIPIENTS_MAX)));
}

static void put_message(struct json_maker *j, json_t *o, const struct item_facts *f, size_t recipient) {
    const struct p1_envelope *e = f->env;
    const struct p1_recipient *r = &e->recipient[recipient];
    json_put(j, o, "originator", json_orname(j, e->originator));
    json_put(j, o, "recipient", json_orname(j, r->name));
    json_put(j, o, "recipient_number", json_integer(r->number));
    if ((e->indicators.set & P1_DISCLOSURE_OF_OTHER_RECIPIENTS) != 0)
        put_other_recipients(j, o, e, recipient);
    put_content_type(j, o, &e->content_type);
    put_octets(j, o, "content_identifier", e->content_identifier);
    json_put_text(j, o, "priority", mta_priority_text(e->priority));
    put_eits(j, o, "encoded_information_types", &e->original_eits);
    json_put(j, o, "content_length", json_integer((json_int_t)f->content.length));
    if (e->trace.n > 0)
        put_time(j, o, "submission_time", &e->trace.element[0].arrival); // the first MTA's
    json_put_time(j, o, "arrival", f->arrived);
    json_put_time(j, o, "delivery_time", f->delivered);
    put_time(j, o, "deferred_until", &e->deferred);
    json_put(j, o, "report_request", report_request(j, r->indicators.set));
    put_indicators(j, o, e->indicators.set);
    put_traces(j, o, e);
    put_history(j, o, "redirection_history", &r->extensions, P1_EXT_REDIRECTION_HISTORY);
    put_history(j, o, "list_expansion_history", &e->extensions, P1_EXT_DL_EXPANSION_HISTORY);
    put_extensions(j, o, "extensions", &e->extensions);
    put_extensions(j, o, "recipient_extensions", &r->extensions);
}

// ---- reports ----

static json_t *reported(struct json_maker *j, const struct p1_recipient *r) {
    const struct p1_fate *f = &r->fate;
    json_t *o = json_object();
    json_put(j, o, "recipient", json_orname(j, r->name));
    json_put(j, o, "recipient_number", json_integer(r->number));
    if (r->intended.p != NULL)
        json_put(j, o, "intended_recipient", json_orname(j, r->intended));
    json_put_text(j, o, "result", f->delivered ? "delivered" : "failed");
    if (f->delivered) {
        put_time(j, o, "delivery_time", &f->delivery_time);
        json_put(j, o, "user_type", code(j, f->user_type, p1_user_type_name(f->user_type)));
    } else {
        json_put(j, o, "reason", code(j, f->reason, p1_reason_name(f->reason)));
        if (f->diagnostic != P1_NO_DIAGNOSTIC)
            json_put(j, o, "diagnostic", code(j, f->diagnostic, p1_diagnostic_name(f->diagnostic)));
    }
    put_octets(j, o, "supplementary_information", r->supplementary);
    put_time(j, o, "arrival", &r->arrival);
    put_eits(j, o, "converted", &r->converted);
    put_history(j, o, "redirection_history", &r->extensions, P1_EXT_REDIRECTION_HISTORY);
    return o;
}

static void put_report(struct json_maker *j, json_t *o, const struct item_facts *f) {
    const struct p1_envelope *e = f->env;
    json_t *list = json_array();
    json_put(j, o, "recipient", json_orname(j, e->originator)); // report-destination-name
    json_put(j, o, "subject", identifier(j, e->report->subject));
    for (size_t i = 0; i < e->n_recipients; i++)
        if (report_for_originator(&e->recipient[i]))
            json_add(j, list, reported(j, &e->recipient[i]));
    json_put(j, o, "recipients", list);
    put_content_type(j, o, &e->content_type);
    put_octets(j, o, "content_identifier", e->content_identifier);
    put_eits(j, o, "encoded_information_types", &e->original_eits);
    struct bytes correlator, domain, mta;
    if (p1_extension_text(j->a, &e->report->extensions, P1_EXT_CONTENT_CORRELATOR, &correlator) == ERR_OK)
        put_octets(j, o, "content_correlator", correlator);
    if (p1_extension_reporting_mta(j->a, &e->extensions, &domain, &mta) == ERR_OK) {
        json_put(j, o, "reporting_domain", domain_or_mta(j, domain));
        put_octets(j, o, "reporting_mta", mta);
    }
    if (f->content.length > 0) {
        json_put_text(j, o, "returned_content", ITEM_RETURNED);
        json_put(j, o, "returned_content_length", json_integer((json_int_t)f->content.length));
    }
    json_put_time(j, o, "arrival", f->arrived);
    json_put_time(j, o, "delivery_time", f->delivered);
    put_traces(j, o, e);
    if (e->report->intermediate.n > 0)
        json_put(j, o, "subject_trace", trace_json(j, &e->report->intermediate));
    put_history(j, o, "originator_and_list_expansion_history", &e->extensions,
                P1_EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY);
    put_extensions(j, o, "extensions", &e->extensions);
}

json_t *json_envelope(struct json_maker *j, const struct item_facts *f, size_t recipient) {
    bool report = f->env->type == P1_REPORT;
    json_t *o = json_object();
    json_put(j, o, "version", json_integer(1));
    json_put_text(j, o, "kind", report ? "report" : "message");
    json_put_text(j, o, "id", f->mts_id);
    if (report)
        put_report(j, o, f);
    else
        put_message(j, o, f, recipient);
    return o;
}
