// SPDX-License-Identifier: BSD-2-Clause
// The values of the extensions that an MTA itself reads and writes.
#include "x400/extension.h"
#include "x400/p1_walk.h"

static int value_of(const struct p1_extensions *x, int type, struct tlv *t, struct bytes *value) {
    const struct p1_extension *e = p1_extension_find(x, type);
    if (e == NULL || e->value.p == NULL)
        return ERR_ABSENT;
    struct cursor c = cursor_of(e->value);
    int err = tlv_next(&c, t, NULL, value);
    return err < 0 || cursor_left(&c) > 0 ? ERR_SYNTAX : 0;
}

int p1_extension_code(const struct p1_extensions *x, int type, int *v) {
    struct tlv t;
    struct bytes value;
    int err = value_of(x, type, &t, &value);
    if (err < 0)
        return err;
    if (!tlv_is(&t, TLV_UNIVERSAL, TLV_ENUMERATED) && !tlv_is(&t, TLV_UNIVERSAL, TLV_INTEGER))
        return ERR_SYNTAX;
    return p1_get_code(&t, value, P1_UB_INTEGER_OPTIONS, v);
}

int p1_extension_time(struct arena *a, const struct p1_extensions *x, int type, struct p1_time *v) {
    struct tlv t;
    struct bytes value;
    int err = value_of(x, type, &t, &value);
    if (err < 0)
        return err;
    return tlv_is(&t, TLV_UNIVERSAL, TLV_UTC_TIME) ? p1_get_time(a, &t, value, v) : ERR_SYNTAX;
}

static int get_method(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    (void)r, (void)whole;
    return p1_get_code(t, value, P1_UB_INTEGER_OPTIONS, out);
}

int p1_extension_methods(struct arena *a, const struct p1_extensions *x, const int **v, size_t *n) {
    struct tlv t;
    struct bytes value;
    struct p1_fault fault;
    struct p1_reader r = {a, &fault};
    int err = value_of(x, P1_EXT_REQUESTED_DELIVERY_METHOD, &t, &value);
    if (err < 0)
        return err;
    if (!tlv_is(&t, TLV_UNIVERSAL, TLV_SEQUENCE))
        return ERR_SYNTAX;
    return p1_walk_list(&r, value, TLV_UNIVERSAL, TLV_INTEGER, P1_UB_INTEGER_OPTIONS, sizeof **v, get_method, v, n);
}

int p1_extension_text(struct arena *a, const struct p1_extensions *x, int type, struct bytes *v) {
    struct tlv t;
    int err = value_of(x, type, &t, v);
    if (err < 0)
        return err;
    if (!tlv_is(&t, TLV_UNIVERSAL, TLV_IA5_STRING) && !tlv_is(&t, TLV_UNIVERSAL, TLV_OCTET_STRING))
        return ERR_SYNTAX;
    return t.constructed ? tlv_string(a, &t, *v, 64 * 1024, v) : 0;
}

int p1_extension_orname(const struct p1_extensions *x, int type, struct bytes *v) {
    struct tlv t;
    struct bytes value;
    int err = value_of(x, type, &t, &value);
    if (err < 0)
        return err;
    *v = p1_extension_find(x, type)->value;
    return tlv_is(&t, TLV_APPLICATION, 0) && t.constructed ? 0 : ERR_SYNTAX;
}

int p1_extension_reporting_mta(struct arena *a, const struct p1_extensions *x, struct bytes *domain,
                               struct bytes *mta) {
    struct tlv t;
    struct bytes value;
    int err = value_of(x, P1_EXT_REPORTING_MTA_NAME, &t, &value);
    if (err < 0)
        return err;
    struct cursor c = cursor_of(value);
    if (!t.constructed || tlv_next(&c, &t, domain, NULL) < 0 || !tlv_is(&t, TLV_APPLICATION, 3) ||
        tlv_next(&c, &t, NULL, mta) < 0 || !tlv_is(&t, TLV_UNIVERSAL, TLV_IA5_STRING))
        return ERR_SYNTAX;
    return t.constructed ? tlv_string(a, &t, *mta, 1024, mta) : 0;
}

int p1_internal_trace(struct arena *a, const struct p1_extensions *x, struct trace *out) {
    struct tlv t;
    struct bytes value;
    int err = value_of(x, P1_EXT_INTERNAL_TRACE, &t, &value);
    if (err < 0)
        return err;
    if (!tlv_is(&t, TLV_UNIVERSAL, TLV_SEQUENCE))
        return ERR_SYNTAX;
    return trace_decode(a, value, true, out, NULL);
}

// Replaces the extension's value by a SEQUENCE OF that b holds, and ends b.
static int set_list(struct arena *a, struct p1_extensions *x, int type, struct buf *b, int err) {
    if (err == 0)
        err = tlv_wrap(b, 0, TLV_UNIVERSAL, true, TLV_SEQUENCE);
    if (err == 0)
        err = p1_extension_set(a, x, type, buf_bytes(b));
    buf_free(b);
    return err;
}

int p1_internal_trace_add(struct arena *a, struct p1_extensions *x, const struct trace_element *e) {
    struct trace t = {NULL, 0};
    struct buf b = {0};
    int err = p1_internal_trace(a, x, &t);
    if (err == ERR_NOMEM)
        return err;
    if (err < 0)
        t = (struct trace){NULL, 0}; // none, or none that can be read: ours begins a new one
    err = trace_add(a, &t, e, true);
    if (err == 0)
        err = trace_encode(&b, &t, true);
    return set_list(a, x, P1_EXT_INTERNAL_TRACE, &b, err);
}

// ---- histories ----

static int get_name_time(struct p1_reader *r, struct bytes members, struct p1_history_entry *e) {
    struct cursor c = cursor_of(members);
    struct tlv t;
    struct bytes value;
    if (tlv_next(&c, &t, &e->name, NULL) < 0 || !tlv_is(&t, TLV_APPLICATION, 0) || !t.constructed)
        return p1_fail(r, ERR_SYNTAX, "name: is missing");
    if (tlv_next(&c, &t, NULL, &value) < 0 || !tlv_is(&t, TLV_UNIVERSAL, TLV_UTC_TIME))
        return p1_fail(r, ERR_SYNTAX, "time: is missing");
    return p1_at(r, p1_get_time(r->a, &t, value, &e->time), "time");
}

static int get_expansion(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    struct p1_history_entry *e = out;
    e->raw = whole;
    return t->constructed ? get_name_time(r, value, e) : ERR_SYNTAX;
}

static int get_redirection(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value,
                           void *out) {
    struct p1_history_entry *e = out;
    struct cursor c = cursor_of(value);
    struct tlv m;
    struct bytes v;
    e->raw = whole;
    if (!t->constructed || tlv_expect(&c, TLV_UNIVERSAL, TLV_SEQUENCE, &m, &v) < 0)
        return p1_fail(r, ERR_SYNTAX, "intended-recipient-name: is missing");
    int err = get_name_time(r, v, e);
    if (err < 0)
        return err;
    if (tlv_expect(&c, TLV_UNIVERSAL, TLV_ENUMERATED, &m, &v) < 0)
        return p1_fail(r, ERR_SYNTAX, "redirection-reason: is missing");
    return p1_at(r, p1_get_code(&m, v, P1_UB_CODES, &e->reason), "redirection-reason");
}

int p1_history(struct arena *a, const struct p1_extensions *x, int type, struct p1_history *out) {
    struct tlv t;
    struct bytes value;
    struct p1_fault fault = {""};
    struct p1_reader r = {a, &fault};
    int err = value_of(x, type, &t, &value);
    if (err < 0)
        return err;
    if (!tlv_is(&t, TLV_UNIVERSAL, TLV_SEQUENCE))
        return ERR_SYNTAX;
    return p1_walk_list(&r, value, TLV_UNIVERSAL, TLV_SEQUENCE, P1_UB_REDIRECTIONS + 1, sizeof *out->entry,
                        type == P1_EXT_REDIRECTION_HISTORY ? get_redirection : get_expansion, &out->entry, &out->n);
}

static int put_entry(struct buf *b, int type, const struct p1_history_entry *e) {
    if (e->raw.p != NULL)
        return p1_put_raw(b, e->raw);
    size_t from = b->len;
    int err = p1_put_raw(b, e->name);
    if (err == 0)
        err = p1_put_time(b, TLV_UNIVERSAL, TLV_UTC_TIME, &e->time);
    if (err == 0)
        err = tlv_wrap(b, from, TLV_UNIVERSAL, true, TLV_SEQUENCE);
    if (err < 0 || type != P1_EXT_REDIRECTION_HISTORY)
        return err;
    err = tlv_put_int(b, TLV_UNIVERSAL, TLV_ENUMERATED, e->reason);
    return err < 0 ? err : tlv_wrap(b, from, TLV_UNIVERSAL, true, TLV_SEQUENCE);
}

int p1_history_set(struct arena *a, struct p1_extensions *x, int type, const struct p1_history *h) {
    struct buf b = {0};
    if (h->n > P1_UB_REDIRECTIONS + (type == P1_EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY))
        return ERR_LIMIT;
    int err = 0;
    for (size_t i = 0; i < h->n && err == 0; i++)
        err = put_entry(&b, type, &h->entry[i]);
    return set_list(a, x, type, &b, err);
}
