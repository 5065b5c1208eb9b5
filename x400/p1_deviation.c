// SPDX-License-Identifier: BSD-2-Clause
// Looked at are names and identifiers, trace and internal trace, texts, times and the length of a probe's content.
// Extensions other than the internal trace and the content correlator are left to those who read their values.
#include "x400/p1_deviation.h"

#include <stdarg.h>
#include <stdio.h>

#include "x400/mtsid.h"
#include "x400/oraddr.h"

struct finder {
    struct arena *a;
    struct p1_deviation *list;
    size_t n, max;
    const char *prefix; // "per-recipient-fields", and the number of one; NULL: of the envelope
    size_t at;
    int err; // sticky
};

static bool done(const struct finder *f) {
    return f->err < 0 || f->n == f->max;
}

static void found(struct finder *f, const char *field, const char *reason) {
    if (done(f))
        return;
    struct p1_deviation *d = &f->list[f->n];
    d->field =
        f->prefix == NULL ? arena_strdup(f->a, field) : arena_printf(f->a, "%s[%zu].%s", f->prefix, f->at, field);
    d->reason = arena_strdup(f->a, reason);
    if (d->field == NULL || d->reason == NULL)
        f->err = ERR_NOMEM;
    else
        f->n++;
}

static void look_text(struct finder *f, const char *field, enum validate_field rule, enum validate_type type,
                      struct bytes text) {
    char why[VALIDATE_WHY_MAX];
    if (text.p != NULL && validate_string(rule, type, text, why) < 0)
        found(f, field, why);
}

static void look_time(struct finder *f, const char *field, const struct p1_time *t) {
    struct bytes s = t->text;
    if (s.n > 0 && s.p[s.n - 1] != 'Z' && memchr(s.p, '+', s.n) == NULL && memchr(s.p, '-', s.n) == NULL)
        found(f, field, "the time has no zone and was read as UTC");
}

static void look_name(struct finder *f, const char *field, struct bytes name) {
    struct arena scratch = {0};
    struct or_address address = {0};
    const char *why = NULL;
    int err = name.p == NULL ? 0 : or_name_decode(&scratch, name, &address, &why);
    if (err == ERR_NOMEM)
        f->err = err;
    else if (err < 0 || address.deviation != NULL)
        found(f, field, err < 0 ? why : address.deviation);
    arena_free(&scratch);
}

static void look_id(struct finder *f, const char *field, struct bytes tlv) {
    struct mts_id id;
    char why[VALIDATE_WHY_MAX];
    if (tlv.p != NULL && mts_id_decode(tlv, &id, NULL) == 0 && mts_id_check(&id, why) < 0)
        found(f, field, why);
}

static void look_domain(struct finder *f, const char *field, struct bytes tlv) {
    struct mts_domain d;
    char why[VALIDATE_WHY_MAX];
    const char *wrong = why;
    int err = mts_domain_decode(tlv, &d, &wrong);
    if (err < 0 || mts_domain_check(&d, why) < 0)
        found(f, field, err < 0 ? wrong : why);
}

static void look_trace(struct finder *f, const char *name, const struct trace *t) {
    struct finder inside = *f;
    inside.prefix = name;
    for (inside.at = 0; inside.at < t->n && !done(&inside); inside.at++) {
        const struct trace_element *e = &t->element[inside.at];
        look_domain(&inside, "global-domain-identifier", e->domain);
        look_text(&inside, "mta-name", VALIDATE_MTA_NAME, VALIDATE_IA5, e->mta_name);
        look_time(&inside, "arrival-time", &e->arrival);
        look_time(&inside, "deferred-time", &e->deferred);
    }
    f->n = inside.n;
    f->err = inside.err;
}

static void look_internal_trace(struct finder *f, const struct p1_extensions *x) {
    struct arena scratch = {0};
    struct trace t = {NULL, 0};
    int err = p1_internal_trace(&scratch, x, &t);
    if (err == 0)
        look_trace(f, "internal-trace-information", &t);
    else if (err == ERR_NOMEM)
        f->err = err;
    else if (err != ERR_ABSENT)
        found(f, "internal-trace-information", "the extension's value is malformed");
    arena_free(&scratch);
}

static void look_correlator(struct finder *f, const struct p1_extensions *x) {
    const struct p1_extension *e = p1_extension_find(x, P1_EXT_CONTENT_CORRELATOR);
    struct arena scratch = {0};
    struct bytes text;
    if (e != NULL && p1_extension_text(&scratch, x, P1_EXT_CONTENT_CORRELATOR, &text) == 0) {
        bool ia5 = (e->value.p[0] & 0x1F) == TLV_IA5_STRING;
        look_text(f, "content-correlator", VALIDATE_CONTENT_CORRELATOR, ia5 ? VALIDATE_IA5 : VALIDATE_OCTETS, text);
    }
    arena_free(&scratch);
}

static void look_recipients(struct finder *f, const struct p1_envelope *e) {
    bool report = e->type == P1_REPORT;
    f->prefix = "per-recipient-fields";
    for (f->at = 0; f->at < e->n_recipients && !done(f); f->at++) {
        const struct p1_recipient *p = &e->recipient[f->at];
        look_name(f, report ? "actual-recipient-name" : "recipient-name", p->name);
        look_name(f, "originally-intended-recipient-name", p->intended);
        look_text(f, "supplementary-information", VALIDATE_SUPPLEMENTARY_INFORMATION, VALIDATE_PRINTABLE,
                  p->supplementary);
        look_time(f, "arrival-time", &p->arrival);
        look_time(f, "message-delivery-time", &p->fate.delivery_time);
    }
    f->prefix = NULL;
}

int p1_deviations(struct arena *a, const struct p1_envelope *e, size_t max, struct p1_deviation **list, size_t *n) {
    static const char *const identifiers[] = {"message-identifier", "report-identifier", "probe-identifier"};
    struct finder f = {.a = a, .max = max == 0 || max > P1_DEVIATIONS_MAX ? P1_DEVIATIONS_MAX : max};
    struct p1_deviation room[P1_DEVIATIONS_MAX];
    char why[VALIDATE_WHY_MAX];
    f.list = room;
    look_id(&f, identifiers[e->type], e->identifier);
    look_name(&f, e->type == P1_REPORT ? "report-destination-name" : "originator-name", e->originator);
    look_text(&f, "content-identifier", VALIDATE_CONTENT_IDENTIFIER, VALIDATE_PRINTABLE, e->content_identifier);
    look_time(&f, "deferred-delivery-time", &e->deferred);
    if (e->has_content_length && validate_number(VALIDATE_CONTENT_LENGTH, e->content_length, why) < 0)
        found(&f, "content-length", why);
    look_trace(&f, "trace-information", &e->trace);
    look_internal_trace(&f, &e->extensions);
    look_correlator(&f, &e->extensions);
    if (e->report != NULL) {
        look_id(&f, "subject-identifier", e->report->subject);
        look_trace(&f, "subject-intermediate-trace-information", &e->report->intermediate);
        look_correlator(&f, &e->report->extensions);
    }
    look_recipients(&f, e);
    *n = f.err < 0 ? 0 : f.n;
    *list = *n == 0 ? NULL : arena_array(a, *n, sizeof **list);
    if (*n > 0 && *list == NULL)
        return ERR_NOMEM;
    if (*n > 0)
        memcpy(*list, room, *n * sizeof *room);
    return f.err;
}
