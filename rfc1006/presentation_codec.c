// SPDX-License-Identifier: BSD-2-Clause
// By hand with asn1/tlv rather than through a compiled decoder: the PPDUs are a few fields around User-data that must
// keep their octets, and peers write them in definite and indefinite form. Tags as in ISO8823-PRESENTATION; checked
// against Wireshark's dissector and captures. Read and not used: default context, requirements, nominated contexts,
// extensions.
#include "rfc1006/presentation_codec.h"

static const uint8_t ber_oid[] = {0x51, 0x01}; // 2.1.1

// ---- decoding ----

int presentation_get_int(struct bytes v, int *out) {
    int64_t i;
    if (tlv_get_int(v, &i) < 0 || i < 0 || i > INT32_MAX)
        return ERR_SYNTAX;
    *out = (int)i;
    return ERR_OK;
}

int presentation_get_version(const struct tlv *t, struct bytes v, bool *version_1) {
    uint32_t bits;
    if (t->constructed || tlv_get_bits(v, &bits) < 0)
        return ERR_SYNTAX;
    *version_1 = bits & 1;
    return ERR_OK;
}

static int definition_decode(struct bytes item, struct presentation_context *c) {
    struct cursor cur = cursor_of(item);
    struct tlv t;
    struct bytes id, syntaxes, oid;
    int n;
    if (tlv_expect(&cur, TLV_UNIVERSAL, TLV_INTEGER, &t, &id) != ERR_OK || presentation_get_int(id, &n) < 0 ||
        tlv_expect(&cur, TLV_UNIVERSAL, TLV_OID, &t, &c->abstract_syntax) != ERR_OK ||
        tlv_expect(&cur, TLV_UNIVERSAL, TLV_SEQUENCE, &t, &syntaxes) != ERR_OK)
        return ERR_SYNTAX;
    c->id = n;
    cur = cursor_of(syntaxes);
    int err;
    while ((err = tlv_next(&cur, &t, NULL, &oid)) == ERR_OK)
        c->ber |= bytes_equal(oid, bytes_of(ber_oid, sizeof ber_oid));
    return err == ERR_ABSENT ? ERR_OK : ERR_SYNTAX;
}

static int result_decode(struct bytes item, struct presentation_context *c) {
    struct tlv t;
    struct bytes v;
    int n;
    if (tlv_find(item, TLV_CONTEXT, 0, &t, &v) != ERR_OK || presentation_get_int(v, &n) < 0 ||
        n > PRESENTATION_PROVIDER_REJECTION)
        return ERR_SYNTAX;
    c->result = (uint8_t)n;
    int err = tlv_find(item, TLV_CONTEXT, 2, &t, &v);
    if (err == ERR_ABSENT)
        return ERR_OK;
    if (err < 0 || presentation_get_int(v, &n) < 0)
        return ERR_SYNTAX;
    c->reason = (int8_t)(n > 127 ? 0 : n);
    return ERR_OK;
}

static int list_decode(struct bytes list, int (*item_decode)(struct bytes, struct presentation_context *),
                       struct presentation_ppdu *out) {
    struct cursor c = cursor_of(list);
    struct tlv t;
    struct bytes v;
    int err;
    while ((err = tlv_next(&c, &t, NULL, &v)) == ERR_OK) {
        struct presentation_context item = {.reason = -1};
        if (!tlv_is(&t, TLV_UNIVERSAL, TLV_SEQUENCE) || item_decode(v, &item) < 0)
            return ERR_SYNTAX;
        if (out->n_contexts >= PRESENTATION_CONTEXTS)
            return ERR_LIMIT;
        out->contexts[out->n_contexts++] = item;
    }
    return err == ERR_ABSENT ? ERR_OK : ERR_SYNTAX;
}

// One member of the normal-mode parameters. v is its value, whole its encoding.
static int parameter_decode(const struct tlv *t, struct bytes v, struct bytes whole, struct presentation_ppdu *out) {
    if (t->cls == TLV_APPLICATION && t->tag <= 1) {
        out->user_data = whole;
        return ERR_OK;
    }
    if (t->cls != TLV_CONTEXT)
        return ERR_SYNTAX;
    switch (t->tag) {
    case 0: return presentation_get_version(t, v, &out->version_1);
    case 1:
    case 2:
    case 3: // responding
        if (t->constructed)
            return ERR_SYNTAX;
        *(t->tag == 1 ? &out->calling_psel : &out->called_psel) = v;
        return ERR_OK;
    case 4: return list_decode(v, definition_decode, out);
    case 5: return list_decode(v, result_decode, out);
    case 10: return presentation_get_int(v, &out->provider_reason);
    default: return ERR_OK;
    }
}

static int parameters_decode(struct bytes list, struct presentation_ppdu *out) {
    struct cursor c = cursor_of(list);
    struct tlv t;
    struct bytes whole, v;
    int err;
    while ((err = tlv_next(&c, &t, &whole, &v)) == ERR_OK)
        if ((err = parameter_decode(&t, v, whole, out)) < 0)
            return err;
    return err == ERR_ABSENT ? ERR_OK : ERR_SYNTAX;
}

// A SET of mode-selector [0] and normal-mode-parameters [2] (or x410-mode-parameters [1]).
static int connect_decode(struct bytes in, struct presentation_ppdu *out) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes set, mode, value, parameters;
    int n;
    *out = (struct presentation_ppdu){.version_1 = true, .provider_reason = -1, .event = -1};
    if (tlv_check(in, NULL, NULL) < 0 || tlv_expect(&c, TLV_UNIVERSAL, TLV_SET, &t, &set) != ERR_OK || !t.constructed ||
        tlv_find(set, TLV_CONTEXT, 0, &t, &mode) != ERR_OK || tlv_find(mode, TLV_CONTEXT, 0, &t, &value) != ERR_OK ||
        presentation_get_int(value, &n) < 0)
        return ERR_SYNTAX;
    if (n > 1 || tlv_find(set, TLV_CONTEXT, n == 1 ? 2 : 1, &t, &parameters) != ERR_OK || !t.constructed)
        return ERR_SYNTAX;
    out->normal_mode = n == 1;
    if (out->normal_mode)
        return parameters_decode(parameters, out);
    out->user_data = parameters;
    return ERR_OK;
}

int presentation_cp_decode(struct bytes in, struct presentation_ppdu *out) {
    return connect_decode(in, out);
}
int presentation_cpa_decode(struct bytes in, struct presentation_ppdu *out) {
    return connect_decode(in, out);
}

int presentation_cpr_decode(struct bytes in, struct presentation_ppdu *out) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes list;
    *out = (struct presentation_ppdu){.version_1 = true, .provider_reason = -1, .event = -1};
    if (tlv_check(in, NULL, NULL) < 0 || tlv_next(&c, &t, NULL, &list) != ERR_OK || !t.constructed)
        return ERR_SYNTAX;
    if (tlv_is(&t, TLV_UNIVERSAL, TLV_SET)) { // X.410 mode
        out->user_data = list;
        return ERR_OK;
    }
    out->normal_mode = true;
    return tlv_is(&t, TLV_UNIVERSAL, TLV_SEQUENCE) ? parameters_decode(list, out) : ERR_SYNTAX;
}

int presentation_abort_decode(struct bytes in, enum presentation_abort_kind *kind, struct presentation_ppdu *out) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes list, whole, v;
    int err;
    *out = (struct presentation_ppdu){.normal_mode = true, .version_1 = true, .provider_reason = -1, .event = -1};
    if (tlv_check(in, NULL, NULL) < 0 || tlv_next(&c, &t, NULL, &list) != ERR_OK || !t.constructed)
        return ERR_SYNTAX;
    *kind = tlv_is(&t, TLV_UNIVERSAL, TLV_SEQUENCE) ? PRESENTATION_ARP : PRESENTATION_ARU;
    if (tlv_is(&t, TLV_UNIVERSAL, TLV_SET)) { // X.410 mode
        out->normal_mode = false;
        out->user_data = list;
        return ERR_OK;
    }
    if (*kind == PRESENTATION_ARU && !tlv_is(&t, TLV_CONTEXT, 0))
        return ERR_SYNTAX;
    c = cursor_of(list);
    while ((err = tlv_next(&c, &t, &whole, &v)) == ERR_OK) {
        if (*kind == PRESENTATION_ARP && t.cls == TLV_CONTEXT && t.tag <= 1) {
            if (presentation_get_int(v, t.tag == 0 ? &out->provider_reason : &out->event) < 0)
                return ERR_SYNTAX;
        } else if (*kind == PRESENTATION_ARU && t.cls == TLV_APPLICATION && t.tag <= 1) {
            out->user_data = whole;
        }
    }
    return err == ERR_ABSENT ? ERR_OK : ERR_SYNTAX;
}

// ---- encoding ----

static int definition_encode(struct buf *b, const struct presentation_context *c) {
    size_t item = b->len;
    int err = tlv_put_int(b, TLV_UNIVERSAL, TLV_INTEGER, c->id);
    if (err == ERR_OK)
        err = tlv_put(b, TLV_UNIVERSAL, false, TLV_OID, c->abstract_syntax);
    size_t syntaxes = b->len;
    if (err == ERR_OK)
        err = tlv_put(b, TLV_UNIVERSAL, false, TLV_OID, bytes_of(ber_oid, sizeof ber_oid));
    if (err == ERR_OK)
        err = tlv_wrap(b, syntaxes, TLV_UNIVERSAL, true, TLV_SEQUENCE);
    return err == ERR_OK ? tlv_wrap(b, item, TLV_UNIVERSAL, true, TLV_SEQUENCE) : err;
}

static int result_encode(struct buf *b, const struct presentation_context *c) {
    size_t item = b->len;
    int err = tlv_put_int(b, TLV_CONTEXT, 0, c->result);
    if (err == ERR_OK && c->result == PRESENTATION_ACCEPTANCE)
        err = tlv_put(b, TLV_CONTEXT, false, 1, bytes_of(ber_oid, sizeof ber_oid));
    if (err == ERR_OK && c->result != PRESENTATION_ACCEPTANCE && c->reason >= 0)
        err = tlv_put_int(b, TLV_CONTEXT, 2, c->reason);
    return err == ERR_OK ? tlv_wrap(b, item, TLV_UNIVERSAL, true, TLV_SEQUENCE) : err;
}

static int list_encode(struct buf *b, uint32_t tag, const struct presentation_ppdu *p,
                       int (*item_encode)(struct buf *, const struct presentation_context *)) {
    size_t list = b->len;
    int err = ERR_OK;
    for (size_t i = 0; i < p->n_contexts && err == ERR_OK; i++)
        err = item_encode(b, &p->contexts[i]);
    return err == ERR_OK ? tlv_wrap(b, list, TLV_CONTEXT, true, tag) : err;
}

// Puts the octets of `head` before those of b, with an enclosing header, and frees head.
static int enclose(struct buf *b, struct buf *head, int err, enum tlv_class cls, uint32_t tag) {
    if (err == ERR_OK && head->len > 0)
        err = buf_prepend(b, head->mem + head->off, head->len);
    buf_free(head);
    return err == ERR_OK ? tlv_wrap(b, 0, cls, true, tag) : err;
}

static int connect_encode(struct buf *b, struct buf *head, int err) {
    static const uint8_t mode[] = {0xa0, 3, 0x80, 1, 1}; // normal-mode
    err = enclose(b, head, err, TLV_CONTEXT, 2);
    if (err == ERR_OK)
        err = buf_prepend(b, mode, sizeof mode);
    return err == ERR_OK ? tlv_wrap(b, 0, TLV_UNIVERSAL, true, TLV_SET) : err;
}

static int selector_encode(struct buf *b, uint32_t tag, struct bytes sel) {
    return sel.p == NULL ? ERR_OK : tlv_put(b, TLV_CONTEXT, false, tag, sel);
}

int presentation_cp_encode(struct buf *b, const struct presentation_ppdu *p) {
    struct buf head = {0};
    int err = selector_encode(&head, 1, p->calling_psel);
    if (err == ERR_OK)
        err = selector_encode(&head, 2, p->called_psel);
    if (err == ERR_OK)
        err = list_encode(&head, 4, p, definition_encode);
    return connect_encode(b, &head, err);
}

int presentation_cpa_encode(struct buf *b, const struct presentation_ppdu *p) {
    struct buf head = {0};
    int err = selector_encode(&head, 3, p->called_psel);
    if (err == ERR_OK)
        err = list_encode(&head, 5, p, result_encode);
    return connect_encode(b, &head, err);
}

int presentation_cpr_encode(struct buf *b, const struct presentation_ppdu *p) {
    struct buf head = {0};
    int err = selector_encode(&head, 3, p->called_psel);
    if (err == ERR_OK && p->n_contexts > 0)
        err = list_encode(&head, 5, p, result_encode);
    if (err == ERR_OK && p->provider_reason >= 0)
        err = tlv_put_int(&head, TLV_CONTEXT, 10, p->provider_reason);
    return enclose(b, &head, err, TLV_UNIVERSAL, TLV_SEQUENCE);
}

int presentation_aru_encode(struct buf *b, int32_t context) {
    static const uint8_t ber[] = {TLV_OID, 2, 0x51, 0x01};
    struct buf head = {0};
    int err = tlv_put_int(&head, TLV_UNIVERSAL, TLV_INTEGER, context);
    if (err == ERR_OK)
        err = buf_append(&head, ber, sizeof ber);
    if (err == ERR_OK)
        err = tlv_wrap(&head, 0, TLV_UNIVERSAL, true, TLV_SEQUENCE);
    if (err == ERR_OK)
        err = tlv_wrap(&head, 0, TLV_CONTEXT, true, 0);
    return enclose(b, &head, err, TLV_CONTEXT, 0);
}

int presentation_arp_encode(struct buf *b, int provider_reason, int event) {
    struct buf head = {0};
    int err = tlv_put_int(&head, TLV_CONTEXT, 0, provider_reason);
    if (err == ERR_OK && event >= 0)
        err = tlv_put_int(&head, TLV_CONTEXT, 1, event);
    return enclose(b, &head, err, TLV_UNIVERSAL, TLV_SEQUENCE);
}

int presentation_x410_connect_encode(struct buf *b) {
    static const uint8_t mode[] = {0xa0, 3, 0x80, 1, 0}; // x410-1984-mode
    int err = tlv_wrap(b, 0, TLV_CONTEXT, true, 1);
    if (err == ERR_OK)
        err = buf_prepend(b, mode, sizeof mode);
    return err == ERR_OK ? tlv_wrap(b, 0, TLV_UNIVERSAL, true, TLV_SET) : err;
}

int presentation_x410_encode(struct buf *b) {
    return tlv_wrap(b, 0, TLV_UNIVERSAL, true, TLV_SET);
}

// ---- texts ----

#define TEXT(table, i) ((size_t)(i) < sizeof(table) / sizeof *(table) ? (table)[i] : "unknown reason")

const char *presentation_provider_reason_text(int reason) {
    static const char *const text[] = {
        "reason not specified",           "temporary congestion",
        "local limit exceeded",           "called presentation address unknown",
        "protocol version not supported", "default context not supported",
        "user data not readable",         "no PSAP available",
    };
    return reason < 0 ? "no reason given" : TEXT(text, reason);
}

const char *presentation_abort_text(int reason) {
    static const char *const text[] = {
        "reason not specified",
        "unrecognized PPDU",
        "unexpected PPDU",
        "unexpected session service primitive",
        "unrecognized PPDU parameter",
        "unexpected PPDU parameter",
        "invalid PPDU parameter value",
    };
    return reason < 0 ? "no reason given" : TEXT(text, reason);
}

const char *presentation_rejection_text(int reason) {
    static const char *const text[] = {
        "reason not specified",
        "abstract syntax not supported",
        "proposed transfer syntaxes not supported",
        "local limit on the defined context set exceeded",
    };
    return reason < 0 ? "no reason given" : TEXT(text, reason);
}
