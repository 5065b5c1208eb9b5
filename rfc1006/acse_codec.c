// SPDX-License-Identifier: BSD-2-Clause
#include "rfc1006/acse_codec.h"

#include "rfc1006/presentation_codec.h"
#include "rfc1006/presentation_pdv.h"

enum { TAG_IMPLEMENTATION = 29, TAG_USER_INFORMATION = 30 };

// The one member of an explicitly tagged value.
static int inner(struct bytes v, enum tlv_class cls, uint32_t tag, struct bytes *out) {
    struct cursor c = cursor_of(v);
    struct tlv t;
    return tlv_expect(&c, cls, tag, &t, out) == ERR_OK ? ERR_OK : ERR_SYNTAX;
}

static int user_information(struct bytes list, struct acse_apdu *out) {
    struct cursor c = cursor_of(list);
    struct tlv t;
    struct bytes whole;
    int err = tlv_next(&c, &t, &whole, NULL);
    if (err == ERR_ABSENT)
        return ERR_OK;
    return err < 0 ? ERR_SYNTAX : pdv_external(whole, &out->user_context, &out->user_information);
}

static int diagnostic(struct bytes choice, struct acse_apdu *out) {
    struct cursor c = cursor_of(choice);
    struct tlv t;
    struct bytes v;
    if (tlv_next(&c, &t, NULL, &v) != ERR_OK || t.cls != TLV_CONTEXT || t.tag < 1 || t.tag > 2 ||
        inner(v, TLV_UNIVERSAL, TLV_INTEGER, &v) < 0)
        return ERR_SYNTAX;
    out->source = (int)t.tag;
    return presentation_get_int(v, &out->diagnostic);
}

static int associate_member(const struct tlv *t, struct bytes v, struct acse_apdu *out) {
    switch (t->tag) {
    case 0: return presentation_get_version(t, v, &out->version_1);
    case 1: return inner(v, TLV_UNIVERSAL, TLV_OID, &out->application_context);
    case 2:
        if (out->kind != ACSE_AARE)
            return ERR_OK; // called AP title
        return inner(v, TLV_UNIVERSAL, TLV_INTEGER, &v) < 0 ? ERR_SYNTAX : presentation_get_int(v, &out->result);
    case 3: return out->kind == ACSE_AARE ? diagnostic(v, out) : ERR_OK; // called AE qualifier
    case TAG_IMPLEMENTATION: out->implementation = v; return t->constructed ? ERR_SYNTAX : ERR_OK;
    default: return ERR_OK;
    }
}

int acse_apdu_decode(struct bytes in, struct acse_apdu *out) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes list, v;
    int err;
    *out = (struct acse_apdu){.version_1 = true, .user_context = PDV_NO_CONTEXT};
    if (tlv_check(in, NULL, NULL) < 0 || tlv_next(&c, &t, NULL, &list) != ERR_OK || t.cls != TLV_APPLICATION ||
        t.tag > ACSE_ABRT || !t.constructed)
        return ERR_SYNTAX;
    out->kind = (enum acse_kind)t.tag;
    c = cursor_of(list);
    while ((err = tlv_next(&c, &t, NULL, &v)) == ERR_OK) {
        if (t.cls != TLV_CONTEXT)
            return ERR_SYNTAX;
        if (t.tag == TAG_USER_INFORMATION)
            err = user_information(v, out);
        else if (out->kind <= ACSE_AARE)
            err = associate_member(&t, v, out);
        else if (out->kind == ACSE_ABRT && t.tag == 0)
            err = presentation_get_int(v, &out->abort_source);
        if (err < 0)
            return ERR_SYNTAX;
    }
    bool whole =
        out->kind > ACSE_AARE || (out->application_context.p != NULL && (out->kind == ACSE_AARQ || out->source != 0));
    return err == ERR_ABSENT && whole ? ERR_OK : ERR_SYNTAX;
}

static int put_explicit_int(struct buf *b, uint32_t tag, int v) {
    size_t from = b->len;
    int err = tlv_put_int(b, TLV_UNIVERSAL, TLV_INTEGER, v);
    return err == ERR_OK ? tlv_wrap(b, from, TLV_CONTEXT, true, tag) : err;
}

// The members before implementation and user information.
static int head_encode(struct buf *h, const struct acse_apdu *a) {
    size_t from = h->len;
    if (a->kind == ACSE_RLRQ || a->kind == ACSE_RLRE)
        return tlv_put_int(h, TLV_CONTEXT, 0, 0); // normal
    if (a->kind == ACSE_ABRT)
        return tlv_put_int(h, TLV_CONTEXT, 0, a->abort_source);
    int err = tlv_put(h, TLV_UNIVERSAL, false, TLV_OID, a->application_context);
    if (err == ERR_OK)
        err = tlv_wrap(h, from, TLV_CONTEXT, true, 1);
    if (err == ERR_OK && a->kind == ACSE_AARE) {
        err = put_explicit_int(h, 2, a->result);
        from = h->len;
        if (err == ERR_OK)
            err = put_explicit_int(h, (uint32_t)a->source, a->diagnostic);
        if (err == ERR_OK)
            err = tlv_wrap(h, from, TLV_CONTEXT, true, 3);
    }
    if (err == ERR_OK && a->implementation.p != NULL)
        err = tlv_put(h, TLV_CONTEXT, false, TAG_IMPLEMENTATION, a->implementation);
    return err;
}

int acse_apdu_encode(struct buf *b, const struct acse_apdu *a) {
    struct buf head = {0};
    int err = head_encode(&head, a);
    if (err == ERR_OK && b->len > 0) {
        err = pdv_wrap_external(b, (int32_t)a->user_context, true);
        if (err == ERR_OK)
            err = tlv_wrap(b, 0, TLV_CONTEXT, true, TAG_USER_INFORMATION);
    }
    if (err == ERR_OK)
        err = buf_prepend(b, head.mem + head.off, head.len);
    buf_free(&head);
    return err == ERR_OK ? tlv_wrap(b, 0, TLV_APPLICATION, true, (uint32_t)a->kind) : err;
}

const char *acse_diagnostic_text(int source, int d) {
    static const char *const user[] = {
        "no diagnostic",
        "no reason given",
        "application context name not supported",
        "calling AP title not recognized",
        "calling AP invocation identifier not recognized",
        "calling AE qualifier not recognized",
        "calling AE invocation identifier not recognized",
        "called AP title not recognized",
        "called AP invocation identifier not recognized",
        "called AE qualifier not recognized",
        "called AE invocation identifier not recognized",
        "authentication mechanism name not recognized",
        "authentication mechanism name required",
        "authentication failure",
        "authentication required",
    };
    static const char *const provider[] = {"no diagnostic", "no reason given", "no common ACSE version"};
    size_t n = source == ACSE_SERVICE_USER ? sizeof user / sizeof *user : sizeof provider / sizeof *provider;
    if (d < 0 || (size_t)d >= n)
        return "unknown diagnostic";
    return source == ACSE_SERVICE_USER ? user[d] : provider[d];
}
