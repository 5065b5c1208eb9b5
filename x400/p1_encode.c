// SPDX-License-Identifier: BSD-2-Clause
// Encoding of MTS-APDUs: DER around what is relayed to the octet, members of a SET in the order of their tags. Two
// things are BER only: extensions keep the order of their sender, and the returned content of a report comes last in
// its SET, so that all content is sent after everything else. Defaults (normal priority, no indicators, no extensions)
// are left out.
#include "x400/p1.h"

static int put_unknown(struct buf *b, const struct bytes *unknown, size_t n) {
    int err = 0;
    for (size_t i = 0; i < n && err == 0; i++)
        err = p1_put_raw(b, unknown[i]);
    return err;
}

// IMPLICIT [tag] instead of the ORName's own tag.
static int put_retagged(struct buf *b, struct bytes orname, uint8_t tag) {
    if (orname.n == 0)
        return ERR_STATE;
    int err = buf_append_u8(b, tag);
    return err < 0 ? err : buf_append(b, orname.p + 1, orname.n - 1);
}

static int put_content_type(struct buf *b, const struct p1_content_type *t) {
    if (!t->present)
        return 0;
    if (t->oid.n > 0)
        return tlv_put(b, TLV_UNIVERSAL, false, TLV_OID, t->oid);
    return tlv_put_int(b, TLV_APPLICATION, 6, t->built_in);
}

static int put_trace(struct buf *b, const struct trace *t) {
    size_t from = b->len;
    int err = trace_encode(b, t, false);
    return err < 0 ? err : tlv_wrap(b, from, TLV_APPLICATION, true, 9);
}

static int put_extensions(struct buf *b, const struct p1_extensions *x, uint32_t tag) {
    size_t from = b->len;
    if (x->n == 0)
        return 0;
    int err = p1_extensions_encode(b, x);
    return err < 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, tag);
}

static int put_bilateral(struct buf *b, const struct p1_envelope *e) {
    size_t from = b->len;
    if (e->n_bilateral == 0)
        return 0;
    int err = put_unknown(b, e->bilateral, e->n_bilateral);
    return err < 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, 1);
}

static int put_content_id(struct buf *b, struct bytes id) {
    return id.p == NULL ? 0 : tlv_put(b, TLV_APPLICATION, false, 10, id);
}

static int put_indicators(struct buf *b, const struct p1_bits *i) {
    return i->set == 0 && i->raw.p == NULL ? 0 : p1_put_bits(b, TLV_APPLICATION, 8, i, 0);
}

// ---- messages and probes ----

static int put_recipient(struct buf *b, const struct p1_recipient *p) {
    size_t from = b->len;
    int err = p1_put_raw(b, p->name);
    if (err == 0)
        err = tlv_put_int(b, TLV_CONTEXT, 0, p->number);
    if (err == 0)
        err = p1_put_bits(b, TLV_CONTEXT, 1, &p->indicators, 8);
    if (err == 0 && p->explicit_conversion != P1_NO_CONVERSION)
        err = tlv_put_int(b, TLV_CONTEXT, 2, p->explicit_conversion);
    if (err == 0)
        err = put_extensions(b, &p->extensions, 3);
    if (err == 0)
        err = put_unknown(b, p->unknown, p->n_unknown);
    return err < 0 ? err : tlv_wrap(b, from, TLV_UNIVERSAL, true, TLV_SET);
}

static int put_recipients(struct buf *b, const struct p1_envelope *e, uint32_t tag,
                          int (*put)(struct buf *, const struct p1_recipient *)) {
    size_t from = b->len;
    int err = 0;
    for (size_t i = 0; i < e->n_recipients && err == 0; i++)
        err = put(b, &e->recipient[i]);
    return err < 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, tag);
}

// The members of MessageTransferEnvelope and ProbeTransferEnvelope.
static int put_envelope(struct buf *b, const struct p1_envelope *e) {
    bool message = e->type == P1_MESSAGE;
    int err = e->content_type.oid.n > 0 ? put_content_type(b, &e->content_type) : 0;
    if (err == 0)
        err = p1_put_raw(b, e->originator);
    if (err == 0)
        err = p1_put_raw(b, e->identifier);
    if (err == 0 && e->original_eits.present)
        err = p1_put_eits(b, &e->original_eits);
    if (err == 0 && e->content_type.oid.n == 0)
        err = put_content_type(b, &e->content_type);
    if (err == 0 && message && e->priority != P1_NORMAL)
        err = tlv_put_int(b, TLV_APPLICATION, 7, e->priority);
    if (err == 0)
        err = put_indicators(b, &e->indicators);
    if (err == 0)
        err = put_trace(b, &e->trace);
    if (err == 0)
        err = put_content_id(b, e->content_identifier);
    if (err == 0 && message && e->deferred.present)
        err = p1_put_time(b, TLV_CONTEXT, 0, &e->deferred);
    if (err == 0 && !message && e->has_content_length)
        err = tlv_put_int(b, TLV_CONTEXT, 0, e->content_length);
    if (err == 0)
        err = put_bilateral(b, e);
    if (err == 0)
        err = put_recipients(b, e, 2, put_recipient);
    if (err == 0)
        err = put_extensions(b, &e->extensions, 3);
    return err < 0 ? err : put_unknown(b, e->unknown, e->n_unknown);
}

// ---- reports ----

static int put_fate(struct buf *b, const struct p1_fate *f) {
    size_t from = b->len;
    int err;
    if (f->delivered) {
        err = p1_put_time(b, TLV_CONTEXT, 0, &f->delivery_time);
        if (err == 0 && f->user_type != 0)
            err = tlv_put_int(b, TLV_CONTEXT, 1, f->user_type);
    } else {
        err = tlv_put_int(b, TLV_CONTEXT, 0, f->reason);
        if (err == 0 && f->diagnostic != P1_NO_DIAGNOSTIC)
            err = tlv_put_int(b, TLV_CONTEXT, 1, f->diagnostic);
    }
    if (err == 0)
        err = tlv_wrap(b, from, TLV_CONTEXT, true, f->delivered ? 0 : 1);
    return err < 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, 1);
}

static int put_last_trace(struct buf *b, const struct p1_recipient *p) {
    size_t from = b->len;
    int err = p->converted.present ? p1_put_eits(b, &p->converted) : 0;
    if (err == 0)
        err = p1_put_time(b, TLV_CONTEXT, 0, &p->arrival);
    if (err == 0)
        err = put_fate(b, &p->fate);
    return err < 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, 3);
}

static int put_reported(struct buf *b, const struct p1_recipient *p) {
    size_t from = b->len;
    int err = put_retagged(b, p->name, 0xA0);
    if (err == 0)
        err = tlv_put_int(b, TLV_CONTEXT, 1, p->number);
    if (err == 0)
        err = p1_put_bits(b, TLV_CONTEXT, 2, &p->indicators, 8);
    if (err == 0)
        err = put_last_trace(b, p);
    if (err == 0 && p->intended.p != NULL)
        err = put_retagged(b, p->intended, 0xA4);
    if (err == 0 && p->supplementary.p != NULL)
        err = tlv_put(b, TLV_CONTEXT, false, 5, p->supplementary);
    if (err == 0)
        err = put_extensions(b, &p->extensions, 6);
    if (err == 0)
        err = put_unknown(b, p->unknown, p->n_unknown);
    return err < 0 ? err : tlv_wrap(b, from, TLV_UNIVERSAL, true, TLV_SET);
}

static int put_report_envelope(struct buf *b, const struct p1_envelope *e) {
    size_t from = b->len;
    int err = p1_put_raw(b, e->originator);
    if (err == 0)
        err = p1_put_raw(b, e->identifier);
    if (err == 0)
        err = put_trace(b, &e->trace);
    if (err == 0)
        err = put_extensions(b, &e->extensions, 1);
    if (err == 0)
        err = put_unknown(b, e->unknown, e->n_unknown);
    return err < 0 ? err : tlv_wrap(b, from, TLV_UNIVERSAL, true, TLV_SET);
}

// The members of ReportTransferContent without the returned content.
static int put_report_content(struct buf *b, const struct p1_envelope *e) {
    const struct p1_report_content *c = e->report;
    int err = e->content_type.oid.n > 0 ? put_content_type(b, &e->content_type) : 0;
    if (err == 0)
        err = p1_put_raw(b, c->subject);
    if (err == 0 && e->original_eits.present)
        err = p1_put_eits(b, &e->original_eits);
    if (err == 0 && e->content_type.oid.n == 0)
        err = put_content_type(b, &e->content_type);
    if (err == 0 && c->intermediate.n > 0)
        err = put_trace(b, &c->intermediate);
    if (err == 0)
        err = put_content_id(b, e->content_identifier);
    if (err == 0)
        err = put_recipients(b, e, 0, put_reported);
    if (err == 0 && c->additional.p != NULL)
        err = p1_put_raw(b, c->additional);
    if (err == 0)
        err = put_extensions(b, &c->extensions, 3);
    return err < 0 ? err : put_unknown(b, c->unknown, c->n_unknown);
}

// ---- the APDU ----

// The header of an octet string of len octets that are sent later; none for P1_NO_CONTENT.
static int put_content_header(struct buf *b, enum tlv_class cls, uint32_t tag, uint64_t len) {
    return len == P1_NO_CONTENT ? 0 : tlv_put_header(b, cls, false, tag, len);
}

static uint64_t length_of(uint64_t len) {
    return len == P1_NO_CONTENT ? 0 : len;
}

// body becomes all that follows the APDU's own header, up to the content.
static int put_message_body(struct buf *body, const struct p1_envelope *e, uint64_t len) {
    int err = put_envelope(body, e);
    if (err == 0)
        err = tlv_wrap(body, 0, TLV_UNIVERSAL, true, TLV_SET);
    return err < 0 ? err : put_content_header(body, TLV_UNIVERSAL, TLV_OCTET_STRING, len);
}

static int put_report_body(struct buf *body, const struct p1_envelope *e, uint64_t len) {
    struct buf content = {0};
    int err = put_report_envelope(body, e);
    if (err == 0)
        err = put_report_content(&content, e);
    if (err == 0)
        err = put_content_header(&content, TLV_CONTEXT, 1, len);
    if (err == 0)
        err = tlv_put_header(body, TLV_UNIVERSAL, true, TLV_SET, content.len + length_of(len));
    if (err == 0)
        err = buf_append(body, content.mem + content.off, content.len);
    buf_free(&content);
    return err;
}

int p1_apdu_header(struct buf *b, const struct p1_envelope *e, uint64_t content_len, uint64_t *total) {
    struct buf body = {0};
    size_t before = b->len;
    int err;
    if (e->type == P1_PROBE && content_len != P1_NO_CONTENT)
        return ERR_STATE;
    if (content_len != P1_NO_CONTENT && content_len > INT64_MAX / 2)
        return ERR_LIMIT;
    if (e->type == P1_MESSAGE)
        err = put_message_body(&body, e, content_len);
    else if (e->type == P1_REPORT)
        err = put_report_body(&body, e, content_len);
    else
        err = put_envelope(&body, e);
    if (err == 0)
        err = tlv_put_header(b, TLV_CONTEXT, true, e->type, body.len + length_of(content_len));
    if (err == 0)
        err = buf_append(b, body.mem + body.off, body.len);
    if (err < 0)
        b->len = before;
    else if (total != NULL)
        *total = b->len - before + length_of(content_len);
    buf_free(&body);
    return err;
}

int p1_encode(struct buf *b, const struct p1_envelope *e) {
    return p1_apdu_header(b, e, P1_NO_CONTENT, NULL);
}

int p1_split(struct arena *a, const struct p1_envelope *e, const size_t *responsible, size_t n,
             struct p1_envelope **out) {
    struct p1_envelope *copy = arena_alloc(a, sizeof *copy);
    struct p1_recipient *recipient = arena_array(a, e->n_recipients, sizeof *recipient);
    if (copy == NULL || (recipient == NULL && e->n_recipients > 0))
        return ERR_NOMEM;
    *copy = *e;
    copy->recipient = recipient;
    for (size_t i = 0; i < e->n_recipients; i++) {
        recipient[i] = e->recipient[i];
        recipient[i].indicators.set &= ~(uint32_t)P1_RESPONSIBILITY;
    }
    for (size_t i = 0; i < n; i++) {
        if (responsible[i] >= e->n_recipients)
            return ERR_STATE;
        recipient[responsible[i]].indicators.set |= P1_RESPONSIBILITY;
    }
    *out = copy;
    return 0;
}
