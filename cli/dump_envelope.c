// SPDX-License-Identifier: BSD-2-Clause
// P1 envelopes as a tree: every field that X.411 lists; members and extensions that it does not list as octets.
#include <string.h>

#include "base/err.h"
#include "cli/dump.h"
#include "x400/mtsid.h"
#include "x400/oraddr.h"
#include "x400/p1_deviation.h"
#include "x400/p1_names.h"

static void dump_put_orname(const struct dump *d, json_t *o, const char *key, struct bytes name) {
    struct or_address address;
    const char *why = NULL;
    struct arena *a = d->c->arena;
    if (name.p == NULL)
        return;
    if (or_name_decode(a, name, &address, &why) != ERR_OK) {
        struct buf b = {0};
        buf_printf(&b, "unreadable (%s): ", why == NULL ? "malformed" : why);
        for (size_t k = 0; k < name.n && k < 64; k++)
            buf_printf(&b, "%02x", name.p[k]);
        dump_put_buf(o, key, &b);
        return;
    }
    dump_put(o, key, or_address_print(a, &address, OR_SLASH));
}

static void put_identifier(const struct dump *d, json_t *o, const char *key, struct bytes tlv) {
    struct mts_id id;
    if (tlv.p != NULL && mts_id_decode(tlv, &id, NULL) == ERR_OK)
        dump_put(o, key, mts_id_print(d->c->arena, &id));
    else
        dump_put_hex(o, key, tlv);
}

static void put_octets(json_t *o, const char *key, const struct bytes *tlv, size_t n) {
    json_t *list = json_array();
    for (size_t k = 0; k < n; k++) {
        json_t *one = json_object();
        dump_put_hex(one, "octets", tlv[k]);
        json_array_append_new(list, one);
    }
    dump_put_list(o, key, list);
}

static void put_eits(json_t *o, const char *key, const struct p1_eits *e) {
    struct buf b = {0};
    if (e->present && p1_print_eits(&b, e) == ERR_OK)
        dump_put_buf(o, key, &b);
    buf_free(&b);
}

// A name with its number, or the number alone.
static void put_code(json_t *o, const char *key, const char *name, int code) {
    char text[120];
    snprintf(text, sizeof text, name == NULL ? "%.0s%d" : "%s (%d)", name == NULL ? "" : name, code);
    dump_put(o, key, text);
}

// ---- trace and extensions ----

static json_t *dump_trace(const struct trace *t) {
    struct buf b = {0};
    json_t *list = json_array();
    const char *text = trace_print(&b, t) == ERR_OK ? buf_cstr(&b) : NULL;
    while (text != NULL && *text != 0) {
        size_t n = strcspn(text, "\n");
        json_array_append_new(list, dump_bytes(bytes_of(text, n)));
        text += n + (text[n] == '\n');
    }
    buf_free(&b);
    return list;
}

static void put_history(const struct dump *d, json_t *o, const struct p1_extensions *x, int type) {
    struct p1_history h;
    json_t *list = json_array();
    if (p1_history(d->c->arena, x, type, &h) == ERR_OK)
        for (size_t k = 0; k < h.n; k++) {
            json_t *one = json_object();
            dump_put_orname(d, one, "name", h.entry[k].name);
            dump_put_time(one, "time", &h.entry[k].time);
            if (type == P1_EXT_REDIRECTION_HISTORY)
                put_code(one, "reason", p1_redirection_reason_name(h.entry[k].reason), h.entry[k].reason);
            json_array_append_new(list, one);
        }
    dump_put_list(o, "value", list);
}

static void put_reporting_mta(const struct dump *d, json_t *o, const struct p1_extensions *x) {
    struct bytes domain, mta;
    struct mts_domain md;
    if (p1_extension_reporting_mta(d->c->arena, x, &domain, &mta) != ERR_OK)
        return;
    if (mts_domain_decode(domain, &md, NULL) == ERR_OK)
        dump_put(o, "domain", mts_domain_print(d->c->arena, &md));
    dump_put_bytes(o, "value", mta);
}

static void put_methods(const struct dump *d, json_t *o, const struct p1_extensions *x) {
    const int *v;
    size_t n;
    json_t *list = json_array();
    if (p1_extension_methods(d->c->arena, x, &v, &n) == ERR_OK)
        for (size_t k = 0; k < n; k++) {
            const char *name = p1_delivery_method_name(v[k]);
            json_array_append_new(list, name == NULL ? json_integer(v[k]) : json_string(name));
        }
    dump_put_list(o, "value", list);
}

static void put_value(const struct dump *d, json_t *o, const struct p1_extensions *x, int type) {
    struct p1_time time = {0};
    struct trace trace;
    struct bytes b = {0};
    int code;
    switch (type) {
    case P1_EXT_RECIPIENT_REASSIGNMENT_PROHIBITED:
    case P1_EXT_DL_EXPANSION_PROHIBITED:
    case P1_EXT_CONVERSION_WITH_LOSS_PROHIBITED:
    case P1_EXT_PROOF_OF_DELIVERY_REQUEST:
        if (p1_extension_code(x, type, &code) == ERR_OK)
            json_object_set_new(o, "value", json_integer(code));
        break;
    case P1_EXT_LATEST_DELIVERY_TIME:
        if (p1_extension_time(d->c->arena, x, type, &time) == ERR_OK)
            dump_put_time(o, "value", &time);
        break;
    case P1_EXT_REQUESTED_DELIVERY_METHOD: put_methods(d, o, x); break;
    case P1_EXT_CONTENT_CORRELATOR:
        if (p1_extension_text(d->c->arena, x, type, &b) == ERR_OK)
            dump_put_bytes(o, "value", b);
        break;
    case P1_EXT_ORIGINATOR_REQUESTED_ALTERNATE_RECIPIENT:
    case P1_EXT_REPORTING_DL_NAME:
        if (p1_extension_orname(x, type, &b) == ERR_OK)
            dump_put_orname(d, o, "value", b);
        break;
    case P1_EXT_REDIRECTION_HISTORY:
    case P1_EXT_DL_EXPANSION_HISTORY:
    case P1_EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY: put_history(d, o, x, type); break;
    case P1_EXT_INTERNAL_TRACE:
        if (p1_internal_trace(d->c->arena, x, &trace) == ERR_OK)
            dump_put_list(o, "value", dump_trace(&trace));
        break;
    case P1_EXT_REPORTING_MTA_NAME: put_reporting_mta(d, o, x); break;
    default: break;
    }
}

static void put_criticality(json_t *o, uint32_t bits) {
    static const char *const names[] = {"submission", "transfer", "delivery"};
    json_t *list = json_array();
    for (int k = 0; k < 3; k++)
        if (bits & (UINT32_C(1) << k))
            json_array_append_new(list, json_string(names[k]));
    dump_put_list(o, "critical_for", list);
}

static json_t *dump_extensions(const struct dump *d, const struct p1_extensions *x) {
    json_t *list = json_array();
    for (size_t k = 0; k < x->n; k++) {
        const struct p1_extension *e = &x->item[k];
        struct buf name = {0};
        json_t *o = json_object();
        if (p1_extension_name(&name, e) == ERR_OK)
            dump_put_bytes(o, "name", buf_bytes(&name));
        buf_free(&name);
        put_criticality(o, e->criticality);
        put_value(d, o, x, e->type);
        if (json_object_get(o, "value") == NULL) // not understood, or not of its type
            dump_put_hex(o, "octets", e->value);
        json_array_append_new(list, o);
    }
    return list;
}

// ---- recipients ----

static const char *report_text(uint32_t bits, uint32_t report, uint32_t non_delivery) {
    return bits & report         ? (bits & non_delivery ? "audited" : "delivery")
           : bits & non_delivery ? "non-delivery"
                                 : "none";
}

static json_t *recipient(const struct dump *d, const struct p1_envelope *e, const struct p1_recipient *r) {
    json_t *o = json_object();
    uint32_t bits = r->indicators.set;
    bool audited = (bits & P1_MTA_REPORT) && (bits & P1_MTA_NON_DELIVERY_REPORT);
    struct buf fate = {0};
    json_object_set_new(o, "number", json_integer(r->number));
    dump_put_orname(d, o, e->type == P1_REPORT ? "actual_recipient" : "name", r->name);
    dump_put_orname(d, o, "intended_recipient", r->intended);
    if (e->type == P1_REPORT) {
        if (p1_print_fate(&fate, &r->fate) == ERR_OK)
            dump_put_bytes(o, "result", buf_bytes(&fate));
        dump_put_time(o, "arrival", &r->arrival);
        put_eits(o, "converted", &r->converted);
        dump_put_bytes(o, "supplementary", r->supplementary);
    }
    json_object_set_new(o, "responsibility", json_boolean(bits & P1_RESPONSIBILITY));
    dump_put(o, "mta_report", audited ? "audited" : report_text(bits, P1_MTA_REPORT, P1_MTA_NON_DELIVERY_REPORT));
    dump_put(o, "originator_report",
             bits & P1_ORIGINATOR_REPORT                ? "delivery"
             : bits & P1_ORIGINATOR_NON_DELIVERY_REPORT ? "non-delivery"
                                                        : "none");
    if (e->type != P1_REPORT && r->explicit_conversion != P1_NO_CONVERSION)
        put_code(o, "explicit_conversion", p1_conversion_name(r->explicit_conversion), r->explicit_conversion);
    dump_put_list(o, "extensions", dump_extensions(d, &r->extensions));
    put_octets(o, "unknown_members", r->unknown, r->n_unknown);
    buf_free(&fate);
    return o;
}

// ---- the whole ----

static void put_indicators(json_t *o, uint32_t bits) {
    static const char *const names[] = {"disclosure-of-other-recipients",
                                        "implicit-conversion-prohibited",
                                        "alternate-recipient-allowed",
                                        "content-return-request",
                                        "reserved",
                                        "bit-5",
                                        "bit-6",
                                        "service-message"};
    json_t *list = json_array();
    for (int k = 0; k < 8; k++)
        if (bits & (UINT32_C(1) << k))
            json_array_append_new(list, json_string(names[k]));
    dump_put_list(o, "indicators", list);
}

static void put_report(const struct dump *d, json_t *o, const struct p1_report_content *r) {
    put_identifier(d, o, "subject_identifier", r->subject);
    dump_put_list(o, "subject_trace", dump_trace(&r->intermediate));
    dump_put_hex(o, "additional_information", r->additional);
    dump_put_list(o, "report_extensions", dump_extensions(d, &r->extensions));
    put_octets(o, "unknown_report_members", r->unknown, r->n_unknown);
}

// Where X.411's bounds and character sets are broken: relayed all the same, but worth knowing when a peer refuses it.
static json_t *deviations(const struct dump *d, const struct p1_envelope *e) {
    json_t *list = json_array();
    struct p1_deviation *found;
    size_t n;
    if (p1_deviations(d->c->arena, e, 0, &found, &n) == ERR_OK)
        for (size_t k = 0; k < n; k++)
            json_array_append_new(list, json_sprintf("%s: %s", found[k].field, found[k].reason));
    return list;
}

json_t *dump_envelope(const struct dump *d, const struct p1_envelope *e) {
    json_t *o = json_object(), *recipients = json_array();
    struct buf type = {0};
    dump_put(o, "type", p1_type_name((int)e->type));
    put_identifier(d, o, "identifier", e->identifier);
    dump_put_orname(d, o, e->type == P1_REPORT ? "report_destination" : "originator", e->originator);
    if (e->type == P1_REPORT && e->report != NULL)
        put_report(d, o, e->report);
    if (e->content_type.present && p1_print_content_type(&type, &e->content_type) == ERR_OK)
        dump_put_bytes(o, "content_type", buf_bytes(&type));
    buf_free(&type);
    dump_put_bytes(o, "content_identifier", e->content_identifier);
    put_eits(o, "original_encoded_information_types", &e->original_eits);
    if (e->type == P1_MESSAGE)
        put_code(o, "priority", p1_priority_name(e->priority), e->priority);
    if (e->type != P1_REPORT)
        put_indicators(o, e->indicators.set);
    dump_put_time(o, "deferred_delivery_time", &e->deferred);
    if (e->has_content_length)
        json_object_set_new(o, "content_length", json_integer(e->content_length));
    put_octets(o, "bilateral_information", e->bilateral, e->n_bilateral);
    dump_put_list(o, "trace", dump_trace(&e->trace));
    dump_put_list(o, "extensions", dump_extensions(d, &e->extensions));
    for (size_t k = 0; k < e->n_recipients; k++)
        json_array_append_new(recipients, recipient(d, e, &e->recipient[k]));
    dump_put_list(o, "recipient", recipients);
    put_octets(o, "unknown_members", e->unknown, e->n_unknown);
    dump_put_list(o, "deviations", deviations(d, e));
    return o;
}
