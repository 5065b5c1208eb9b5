// SPDX-License-Identifier: BSD-2-Clause
// TraceInformationElement is a SEQUENCE of the domain and a SET of what it did; the internal one has the MTA's name
// between them. Decoded elements keep their octets and are written back as they came, unless trace_add changed them.
#include "x400/trace.h"

#include <ctype.h>
#include <strings.h>

#include "x400/mtsid.h"
#include "x400/p1_names.h"
#include "x400/p1_walk.h"

// ---- decoding ----

static int get_arrival(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    (void)whole;
    return p1_get_time(r->a, t, value, &((struct trace_element *)out)->arrival);
}

static int get_deferred(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    (void)whole;
    return p1_get_time(r->a, t, value, &((struct trace_element *)out)->deferred);
}

static int get_routing(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    (void)r, (void)whole;
    return p1_get_code(t, value, TRACE_REROUTED, &((struct trace_element *)out)->routing);
}

static int get_attempted(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    (void)t, (void)value;
    struct trace_element *e = out;
    if (e->attempted.p != NULL)
        return p1_fail(r, ERR_SYNTAX, "both an MTA and a domain");
    e->attempted = whole;
    return 0;
}

static int get_converted(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    (void)t, (void)value;
    return p1_get_eits(r->a, whole, &((struct trace_element *)out)->converted);
}

static int get_actions(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    (void)r, (void)whole;
    return p1_get_bits(t, value, &((struct trace_element *)out)->other_actions);
}

// DomainSuppliedInformation; MTASuppliedInformation has one member more, the last.
static const struct p1_member supplied[] = {
    {TLV_CONTEXT, 0, true, "arrival-time", get_arrival},
    {TLV_CONTEXT, 2, true, "routing-action", get_routing},
    {TLV_APPLICATION, 3, false, "attempted-domain", get_attempted},
    {TLV_CONTEXT, 1, false, "deferred-time", get_deferred},
    {TLV_APPLICATION, 5, false, "converted-encoded-information-types", get_converted},
    {TLV_CONTEXT, 3, false, "other-actions", get_actions},
    {TLV_UNIVERSAL, TLV_IA5_STRING, false, "attempted-mta", get_attempted},
};

static int get_element(struct p1_reader *r, struct bytes whole, struct bytes value, struct trace_element *e,
                       bool internal) {
    struct cursor c = cursor_of(value);
    struct tlv t;
    struct bytes v;
    e->raw = whole;
    if (tlv_next(&c, &t, &e->domain, NULL) < 0 || !tlv_is(&t, TLV_APPLICATION, 3) || !t.constructed)
        return p1_fail(r, ERR_SYNTAX, "global-domain-identifier: is missing");
    if (internal) {
        if (tlv_next(&c, &t, NULL, &v) < 0 || !tlv_is(&t, TLV_UNIVERSAL, TLV_IA5_STRING))
            return p1_fail(r, ERR_SYNTAX, "mta-name: is missing");
        int err = p1_get_text(r, &t, v, 1024, &e->mta_name);
        if (err < 0)
            return p1_at(r, err, "mta-name");
    }
    const char *name = internal ? "mta-supplied-information" : "domain-supplied-information";
    if (tlv_next(&c, &t, NULL, &v) < 0 || !tlv_is(&t, TLV_UNIVERSAL, TLV_SET) || !t.constructed)
        return p1_fail(r, ERR_SYNTAX, "%s: is missing", name);
    if (cursor_left(&c) > 0)
        return p1_fail(r, ERR_SYNTAX, "an element has more members than three");
    struct p1_table table = {supplied, sizeof supplied / sizeof *supplied - !internal};
    struct bytes *unknown = NULL; // kept in raw
    size_t n_unknown = 0;
    return p1_at(r, p1_walk_set(r, v, table, e, &unknown, &n_unknown), "%s", name);
}

static int get_external(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    return t->constructed ? get_element(r, whole, value, out, false) : ERR_SYNTAX;
}

static int get_internal(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    return t->constructed ? get_element(r, whole, value, out, true) : ERR_SYNTAX;
}

int trace_decode(struct arena *a, struct bytes value, bool internal, struct trace *out, struct p1_fault *fault) {
    struct p1_fault ignored;
    struct p1_reader r = {a, fault != NULL ? fault : &ignored};
    r.fault->text[0] = '\0';
    return p1_walk_list(&r, value, TLV_UNIVERSAL, TLV_SEQUENCE, P1_UB_TRANSFERS, sizeof *out->element,
                        internal ? get_internal : get_external, &out->element, &out->n);
}

// ---- encoding ----

static int put_element(struct buf *b, const struct trace_element *e, bool internal) {
    if (e->raw.p != NULL)
        return p1_put_raw(b, e->raw);
    size_t from = b->len, set;
    int err = p1_put_raw(b, e->domain);
    if (err == 0 && internal)
        err = tlv_put(b, TLV_UNIVERSAL, false, TLV_IA5_STRING, e->mta_name);
    set = b->len;
    // In the order of DER: universal, application, context.
    if (err == 0 && e->attempted.p != NULL)
        err = p1_put_raw(b, e->attempted);
    if (err == 0 && e->converted.present)
        err = p1_put_eits(b, &e->converted);
    if (err == 0)
        err = p1_put_time(b, TLV_CONTEXT, 0, &e->arrival);
    if (err == 0 && e->deferred.present)
        err = p1_put_time(b, TLV_CONTEXT, 1, &e->deferred);
    if (err == 0)
        err = tlv_put_int(b, TLV_CONTEXT, 2, e->routing);
    if (err == 0 && e->other_actions.set != 0)
        err = p1_put_bits(b, TLV_CONTEXT, 3, &e->other_actions, 0);
    if (err == 0)
        err = tlv_wrap(b, set, TLV_UNIVERSAL, true, TLV_SET);
    return err < 0 ? err : tlv_wrap(b, from, TLV_UNIVERSAL, true, TLV_SEQUENCE);
}

int trace_encode(struct buf *b, const struct trace *t, bool internal) {
    int err = 0;
    for (size_t i = 0; i < t->n && err == 0; i++)
        err = put_element(b, &t->element[i], internal);
    return err;
}

// ---- domains ----

static struct bytes trimmed(struct bytes b) {
    while (b.n > 0 && b.p[0] == ' ')
        b.p++, b.n--;
    while (b.n > 0 && b.p[b.n - 1] == ' ')
        b.n--;
    return b;
}

static bool same_text(struct bytes a, struct bytes b) {
    return a.n == b.n && (a.n == 0 || strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0);
}

bool trace_domain_equal(struct bytes a, struct bytes b) {
    struct mts_domain x, y;
    if (mts_domain_decode(a, &x, NULL) < 0 || mts_domain_decode(b, &y, NULL) < 0)
        return bytes_equal(a, b);
    return mts_domain_equal(&x, &y);
}

static bool is_of(const struct trace_element *e, struct bytes domain, const char *mta_name) {
    return (mta_name == NULL || same_text(trimmed(e->mta_name), trimmed(bytes_str(mta_name)))) &&
           trace_domain_equal(e->domain, domain);
}

// ---- growing and asking ----

// A new array with room for one more: the old one may be shared with other copies of the envelope.
static int own_elements(struct arena *a, struct trace *t) {
    struct trace_element *copy = arena_array(a, t->n + 1, sizeof *copy);
    if (copy == NULL)
        return ERR_NOMEM;
    if (t->n > 0)
        memcpy(copy, t->element, t->n * sizeof *copy);
    t->element = copy;
    return 0;
}

int trace_append(struct arena *a, struct trace *t, const struct trace_element *e) {
    if (t->n >= P1_UB_TRANSFERS)
        return ERR_LIMIT;
    int err = own_elements(a, t);
    if (err == 0)
        t->element[t->n++] = *e;
    return err;
}

int trace_add(struct arena *a, struct trace *t, const struct trace_element *e, bool internal) {
    struct trace_element *last = t->n > 0 ? &t->element[t->n - 1] : NULL;
    bool again = last != NULL && e->routing != TRACE_REROUTED && trace_domain_equal(last->domain, e->domain) &&
                 (!internal || same_text(trimmed(last->mta_name), trimmed(e->mta_name)));
    if (!again)
        return trace_append(a, t, e);
    if (!e->deferred.present && !e->converted.present && (e->other_actions.set & ~last->other_actions.set) == 0)
        return 0;
    if (own_elements(a, t) < 0)
        return ERR_NOMEM;
    last = &t->element[t->n - 1];
    last->raw = (struct bytes){NULL, 0};
    if (e->deferred.present)
        last->deferred = e->deferred;
    if (e->converted.present)
        last->converted = e->converted;
    last->other_actions.set |= e->other_actions.set;
    return 0;
}

size_t trace_visits(const struct trace *t, struct bytes domain, const char *mta_name) {
    size_t visits = 0;
    bool in = false;
    for (size_t i = 0; i < t->n; i++) {
        bool ours = is_of(&t->element[i], domain, mta_name);
        visits += in && !ours;
        in = ours;
    }
    return visits;
}

const struct trace_element *trace_last_of(const struct trace *t, struct bytes domain, const char *mta_name) {
    for (size_t i = t->n; i-- > 0;)
        if (is_of(&t->element[i], domain, mta_name))
            return &t->element[i];
    return NULL;
}

// ---- printing ----

// Octets for people: what is not printable ASCII becomes a question mark.
static int print_text(struct buf *b, struct bytes s) {
    for (size_t i = 0; i < s.n; i++) {
        int err = buf_append_u8(b, s.p[i] >= 0x20 && s.p[i] < 0x7F ? s.p[i] : '?');
        if (err < 0)
            return err;
    }
    return 0;
}

static int print_domain(struct buf *b, struct bytes tlv) {
    struct cursor c = cursor_of(tlv);
    struct tlv t;
    struct bytes mta;
    struct mts_domain d;
    if (tlv_next(&c, &t, NULL, &mta) == 0 && tlv_is(&t, TLV_UNIVERSAL, TLV_IA5_STRING))
        return print_text(b, mta);
    if (mts_domain_decode(tlv, &d, NULL) < 0)
        return buf_append_str(b, "malformed domain");
    int err = buf_append_str(b, "C=");
    if (err == 0)
        err = print_text(b, bytes_str(d.country));
    if (err == 0 && (err = buf_append_str(b, ";A=")) == 0)
        err = print_text(b, bytes_str(d.admd));
    if (err < 0 || !d.has_prmd || (err = buf_append_str(b, ";P=")) < 0)
        return err;
    return print_text(b, bytes_str(d.prmd));
}

static int print_element(struct buf *b, const struct trace_element *e) {
    char when[21], until[21] = "";
    p1_time_iso(e->arrival.seconds, when);
    int err = print_domain(b, e->domain);
    if (err == 0 && e->mta_name.p != NULL && (err = buf_append_str(b, " [")) == 0 &&
        (err = print_text(b, e->mta_name)) == 0)
        err = buf_append_str(b, "]");
    if (err == 0)
        err = buf_printf(b, " %s %s", when, p1_routing_name(e->routing));
    if (err == 0 && e->attempted.p != NULL && (err = buf_append_str(b, ", attempted ")) == 0)
        err = print_domain(b, e->attempted);
    if (err == 0 && e->deferred.present) {
        p1_time_iso(e->deferred.seconds, until);
        err = buf_printf(b, ", deferred until %s", until);
    }
    if (err == 0 && e->converted.present && (err = buf_append_str(b, ", converted to ")) == 0)
        err = p1_print_eits(b, &e->converted);
    if (err == 0 && (e->other_actions.set & TRACE_REDIRECTED))
        err = buf_append_str(b, ", redirected");
    if (err == 0 && (e->other_actions.set & TRACE_DL_OPERATION))
        err = buf_append_str(b, ", list expanded");
    return err < 0 ? err : buf_append_str(b, "\n");
}

int trace_print(struct buf *b, const struct trace *t) {
    int err = 0;
    for (size_t i = 0; i < t->n && err == 0; i++)
        err = print_element(b, &t->element[i]);
    return err;
}
