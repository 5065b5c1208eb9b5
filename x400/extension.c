// SPDX-License-Identifier: BSD-2-Clause
// The table of standard extensions with the criticality that X.411 recommends and the places where its lists have them,
// the ExtensionField itself, and the question which critical one is not understood. Interpreted are: reassignment,
// expansion and loss prohibitions, latest delivery time, delivery methods, alternate recipient, correlator, the
// histories, list and MTA names of reports, internal trace (extension_value.c). Security and physical delivery are
// relayed and handed over.
#include "x400/extension.h"

#include "x400/p1_walk.h"

enum {
    M = P1_IN_MESSAGE,
    MR = P1_IN_MESSAGE_RECIPIENT,
    P = P1_IN_PROBE,
    PR = P1_IN_PROBE_RECIPIENT,
    R = P1_IN_REPORT,
    RC = P1_IN_REPORT_CONTENT,
    RR = P1_IN_REPORT_RECIPIENT,
    SUB = P1_FOR_SUBMISSION,
    DEL = P1_FOR_DELIVERY
};

// The last column: what prohibits something we never do, what concerns physical delivery only, and what two users do
// end to end is satisfied by delivering. A security label or a proof of delivery is not.
static const struct p1_extension_info extensions[] = {
    {"recipient-reassignment-prohibited", 1, DEL, M | P, true},
    {"originator-requested-alternate-recipient", 2, SUB, MR | PR, true},
    {"dl-expansion-prohibited", 3, DEL, M | P, true},
    {"conversion-with-loss-prohibited", 4, DEL, M | P, true},
    {"latest-delivery-time", 5, DEL, M, true},
    {"requested-delivery-method", 6, 0, MR | PR, true},
    {"physical-forwarding-prohibited", 7, DEL, MR, true},
    {"physical-forwarding-address-request", 8, DEL, MR, true},
    {"physical-delivery-modes", 9, DEL, MR, true},
    {"registered-mail-type", 10, DEL, MR, true},
    {"recipient-number-for-advice", 11, DEL, MR, true},
    {"physical-rendition-attributes", 12, DEL, MR | PR, true},
    {"originator-return-address", 13, 0, M, true},
    {"physical-delivery-report-request", 14, DEL, MR, true},
    {"originator-certificate", 15, 0, M | P, true},
    {"message-token", 16, DEL, MR, true},
    {"content-confidentiality-algorithm-identifier", 17, DEL, M, true},
    {"content-integrity-check", 18, DEL, MR, true},
    {"message-origin-authentication-check", 19, DEL, M, true},
    {"message-security-label", 20, DEL, M | P | R, false},
    {"proof-of-submission-request", 21, SUB, 0, false},
    {"proof-of-delivery-request", 22, DEL, MR, false},
    {"content-correlator", 23, 0, M | P | RC, true},
    {"probe-origin-authentication-check", 24, DEL, P, true},
    {"redirection-history", 25, 0, MR | PR | R | RR, true},
    {"dl-expansion-history", 26, 0, M, true},
    {"physical-forwarding-address", 27, 0, RR, true},
    {"recipient-certificate", 28, 0, MR | RR, true},
    {"proof-of-delivery", 29, 0, RR, true},
    {"originator-and-DL-expansion-history", 30, 0, R, true},
    {"reporting-DL-name", 31, 0, R, true},
    {"reporting-MTA-certificate", 32, DEL, R, true},
    {"report-origin-authentication-check", 33, DEL, R, true},
    {"originating-MTA-certificate", 34, 0, 0, true},
    {"proof-of-submission", 35, 0, 0, true},
    {"forwarding-request", 36, 0, 0, true},
    {"trace-information", 37, 0, 0, true},
    {"internal-trace-information", 38, 0, M | P | R, true},
    {"reporting-MTA-name", 39, 0, R, true},
    {"multiple-originator-certificates", 40, 0, M, true},
    {"blind-copy-recipients", 41, 0, MR, true},
    {"dl-exempted-recipients", 42, 0, M, true},
    {"body-part-encryption-token", 43, 0, MR, true},
    {"forwarded-content-token", 44, 0, MR, true},
    {"certificate-selectors", 45, 0, M, true},
    {"certificate-selectors-override", 46, 0, MR, true},
};

const struct p1_extension_info *p1_extension_info(int type) {
    return type >= 1 && type <= P1_EXT_LAST ? &extensions[type - 1] : NULL;
}

// ---- decoding ----

// A tagged primitive, or the same primitive inside the tag as if the tag were EXPLICIT, as old peers write it.
static int unwrap(const struct tlv *t, uint32_t universal, struct bytes *value) {
    struct cursor c = cursor_of(*value);
    struct tlv inner;
    if (!t->constructed)
        return 0;
    int err = tlv_expect(&c, TLV_UNIVERSAL, universal, &inner, value);
    return err < 0 || inner.constructed || cursor_left(&c) > 0 ? ERR_SYNTAX : 0;
}

static int get_type(struct p1_reader *r, const struct tlv *t, struct bytes value, struct p1_extension *e) {
    int64_t number;
    if (tlv_is(t, TLV_CONTEXT, 0)) {
        if (unwrap(t, TLV_INTEGER, &value) < 0 || tlv_get_int(value, &number) < 0)
            return p1_fail(r, ERR_SYNTAX, "type: the standard extension is not a number");
        if (number < 1 || number > P1_UB_CODES)
            return p1_fail(r, ERR_LIMIT, "type: %lld is no number of an extension", (long long)number);
        e->type = (int)number;
        return 0;
    }
    if (tlv_is(t, TLV_CONTEXT, 3) && unwrap(t, TLV_OID, &value) == 0 && value.n > 0) {
        e->type = P1_EXT_PRIVATE;
        e->oid = value;
        return 0;
    }
    return p1_fail(r, ERR_SYNTAX, "type: neither a standard extension nor an object identifier");
}

static int get_value(struct p1_reader *r, const struct tlv *t, struct bytes value, struct p1_extension *e) {
    struct cursor c = cursor_of(value);
    struct tlv inner;
    if (!t->constructed || tlv_next(&c, &inner, &e->value, NULL) < 0 || cursor_left(&c) > 0)
        return p1_fail(r, ERR_SYNTAX, "value: is not one element");
    return 0;
}

static int get_extension(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    struct p1_extension *e = out;
    struct cursor c = cursor_of(value);
    struct tlv m;
    struct bytes v;
    e->raw = whole;
    if (!t->constructed || tlv_next(&c, &m, NULL, &v) < 0)
        return p1_fail(r, ERR_SYNTAX, "type: is missing");
    int err = get_type(r, &m, v, e);
    while (err == 0 && (err = tlv_next(&c, &m, NULL, &v)) == 0) {
        struct p1_bits bits;
        if (tlv_is(&m, TLV_CONTEXT, 1)) {
            if ((err = p1_get_bits(&m, v, &bits)) < 0)
                return p1_at(r, err, "criticality");
            e->criticality = bits.set;
        } else if (tlv_is(&m, TLV_CONTEXT, 2)) {
            err = get_value(r, &m, v, e);
        }
    }
    return err == ERR_ABSENT ? 0 : err;
}

static int check_once(struct p1_reader *r, const struct p1_extensions *x) {
    uint64_t seen[P1_EXT_LAST / 64 + 1] = {0};
    for (size_t i = 0; i < x->n; i++) {
        const struct p1_extension *e = &x->item[i];
        bool twice = false;
        if (e->type >= 1 && e->type <= P1_EXT_LAST) {
            uint64_t bit = UINT64_C(1) << e->type % 64;
            twice = (seen[e->type / 64] & bit) != 0;
            seen[e->type / 64] |= bit;
        } else {
            for (size_t k = 0; k < i && !twice; k++)
                twice = x->item[k].type == e->type && bytes_equal(x->item[k].oid, e->oid);
        }
        if (twice)
            return p1_fail(r, ERR_SYNTAX, "[%zu]: an extension of this type stands there already", i);
    }
    return 0;
}

int p1_extensions_decode(struct arena *a, struct bytes members, struct p1_extensions *out, struct p1_fault *fault) {
    struct p1_fault ignored;
    struct p1_reader r = {a, fault != NULL ? fault : &ignored};
    r.fault->text[0] = '\0';
    int err = p1_walk_list(&r, members, TLV_UNIVERSAL, TLV_SEQUENCE, P1_UB_EXTENSIONS, sizeof *out->item, get_extension,
                           &out->item, &out->n);
    return err < 0 ? err : check_once(&r, out);
}

// ---- encoding ----

static int put_extension(struct buf *b, const struct p1_extension *e) {
    if (e->raw.p != NULL)
        return p1_put_raw(b, e->raw);
    size_t from = b->len;
    int err =
        e->type == P1_EXT_PRIVATE ? tlv_put(b, TLV_CONTEXT, false, 3, e->oid) : tlv_put_int(b, TLV_CONTEXT, 0, e->type);
    if (err == 0 && e->criticality != 0)
        err = p1_put_bits(b, TLV_CONTEXT, 1, &(struct p1_bits){e->criticality, {NULL, 0}}, 0);
    if (err == 0 && e->value.p != NULL)
        err = tlv_put(b, TLV_CONTEXT, true, 2, e->value);
    return err < 0 ? err : tlv_wrap(b, from, TLV_UNIVERSAL, true, TLV_SEQUENCE);
}

int p1_extensions_encode(struct buf *b, const struct p1_extensions *x) {
    int err = 0;
    for (size_t i = 0; i < x->n && err == 0; i++)
        err = put_extension(b, &x->item[i]);
    return err;
}

// ---- asking and changing ----

const struct p1_extension *p1_extension_find(const struct p1_extensions *x, int type) {
    for (size_t i = 0; i < x->n; i++)
        if (x->item[i].type == type)
            return &x->item[i];
    return NULL;
}

int p1_extension_set(struct arena *a, struct p1_extensions *x, int type, struct bytes value) {
    const struct p1_extension_info *info = p1_extension_info(type);
    if (info == NULL)
        return ERR_STATE;
    struct p1_extension e = {.type = type, .criticality = info->criticality, .value = arena_bytes(a, value)};
    size_t at = 0;
    while (at < x->n && x->item[at].type != type)
        at++;
    // A new array: the old one may be shared with other copies of the envelope.
    size_t n = at < x->n ? x->n : x->n + 1;
    struct p1_extension *item = arena_array(a, n, sizeof *item);
    if (item == NULL || e.value.p == NULL)
        return ERR_NOMEM;
    if (x->n > 0)
        memcpy(item, x->item, x->n * sizeof *item);
    item[at] = e;
    *x = (struct p1_extensions){item, n};
    return 0;
}

const struct p1_extension *p1_extension_unsupported(const struct p1_extensions *x, uint32_t stage) {
    for (size_t i = 0; i < x->n; i++) {
        const struct p1_extension_info *info = p1_extension_info(x->item[i].type);
        if (!(x->item[i].criticality & stage))
            continue;
        if (info == NULL || (stage == P1_FOR_DELIVERY && !info->deliverable))
            return &x->item[i];
    }
    return NULL;
}

int p1_extension_name(struct buf *b, const struct p1_extension *e) {
    const struct p1_extension_info *info = p1_extension_info(e->type);
    char oid[256];
    if (info != NULL)
        return buf_append_str(b, info->name);
    if (e->type != P1_EXT_PRIVATE)
        return buf_printf(b, "standard %d", e->type);
    return buf_append_str(b, tlv_oid_text(e->oid, oid, sizeof oid) == 0 ? oid : "malformed object identifier");
}
