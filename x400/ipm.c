// SPDX-License-Identifier: BSD-2-Clause
// Decodes headings and notifications, by hand over the TLV reader: they are SETs in any order, of which members that
// are not known are passed over, as later editions have added some.
#include "x400/ipm.h"

#include <string.h>

#include "x400/ipm_internal.h"
#include "x400/p1_value.h"

enum {
    LIST_MAX = 40000,      // members of one list, a little over the recipients that P1 allows
    STRING_MAX = 64 * 1024 // octets of one string of a heading
};

// One member that is being decoded.
struct member {
    struct tlv t;
    struct bytes whole, value;
};

static int member_next(struct cursor *c, struct member *m) {
    int err = tlv_next(c, &m->t, &m->whole, &m->value);
    return err == ERR_SHORT ? ERR_SYNTAX : err; // within a value that is complete
}

const char *ipm_string(struct arena *a, enum charset_kind kind, struct bytes in) {
    struct buf b = {0};
    char *s = NULL;
    if (charset_decode(kind, NULL, 0, in, &b) == ERR_OK) {
        s = arena_strndup(a, b.len > 0 ? (const char *)b.mem + b.off : "", b.len);
        for (size_t i = 0; s != NULL && i < b.len; i++)
            if (s[i] == 0)
                s[i] = '?';
    }
    buf_free(&b);
    return s;
}

static int get_string(struct arena *a, const struct member *m, enum charset_kind kind, const char **out) {
    struct bytes s;
    int err = tlv_string(a, &m->t, m->value, STRING_MAX, &s);
    if (err < 0)
        return err;
    *out = ipm_string(a, kind, s);
    return *out == NULL ? ERR_NOMEM : ERR_OK;
}

const char *ipm_oid_string(struct arena *a, struct bytes value) {
    char text[400];
    return arena_strdup(a, tlv_oid_text(value, text, sizeof text) == ERR_OK ? text : "?");
}

// Times are not worth refusing a message for: what cannot be read is absent.
static int get_time(struct arena *a, const struct member *m, int64_t *out) {
    struct bytes s;
    int err = tlv_string(a, &m->t, m->value, 64, &s);
    if (err == ERR_NOMEM)
        return err;
    if (err < 0 || p1_time_parse(s, out) < 0)
        *out = 0;
    return ERR_OK;
}

static int get_int(const struct member *m, int64_t *v) {
    if (m->t.constructed)
        return ERR_SYNTAX;
    int err = tlv_get_int(m->value, v);
    return err == ERR_LIMIT ? ERR_SYNTAX : err;
}

static int copy_name(struct arena *a, const struct member *m, struct bytes *out) {
    *out = arena_bytes(a, m->whole);
    return out->p == NULL ? ERR_NOMEM : ERR_OK;
}

// ---- IPMIdentifier, ORDescriptor, RecipientSpecifier: value is what is inside the tag ----

static int id_decode(struct arena *a, struct bytes value, struct ipm_id *id) {
    struct cursor c = cursor_of(value);
    struct member m;
    int err;
    while ((err = member_next(&c, &m)) == ERR_OK) {
        if (tlv_is(&m.t, TLV_APPLICATION, 0))
            err = copy_name(a, &m, &id->user);
        else if (tlv_is(&m.t, TLV_UNIVERSAL, TLV_PRINTABLE_STRING))
            err = get_string(a, &m, CHARSET_IA5, &id->local);
        if (err < 0)
            return err;
    }
    if (err != ERR_ABSENT)
        return err;
    if (id->local == NULL)
        id->local = "";
    return ERR_OK;
}

static int descriptor_decode(struct arena *a, struct bytes value, struct ipm_descriptor *d) {
    struct cursor c = cursor_of(value);
    struct member m;
    int err;
    while ((err = member_next(&c, &m)) == ERR_OK) {
        if (tlv_is(&m.t, TLV_APPLICATION, 0))
            err = copy_name(a, &m, &d->formal_name);
        else if (tlv_is(&m.t, TLV_CONTEXT, 0))
            err = get_string(a, &m, CHARSET_T61, &d->free_form_name);
        else if (tlv_is(&m.t, TLV_CONTEXT, 1))
            err = get_string(a, &m, CHARSET_IA5, &d->telephone_number);
        if (err < 0)
            return err;
    }
    return err == ERR_ABSENT ? ERR_OK : err;
}

static int recipient_decode(struct arena *a, struct bytes value, struct ipm_recipient *r) {
    struct cursor c = cursor_of(value);
    struct member m;
    int err;
    while ((err = member_next(&c, &m)) == ERR_OK) {
        if (m.t.cls != TLV_CONTEXT)
            continue;
        switch (m.t.tag) {
        case 0: err = descriptor_decode(a, m.value, &r->recipient); break;
        case 1: err = m.t.constructed ? ERR_SYNTAX : tlv_get_bits(m.value, &r->notification_requests); break;
        case 2: err = m.t.constructed ? ERR_SYNTAX : tlv_get_bool(m.value, &r->reply_requested); break;
        case 3: err = copy_name(a, &m, &r->extensions); break;
        default: break;
        }
        if (err < 0)
            return err;
    }
    return err == ERR_ABSENT ? ERR_OK : err;
}

// ---- lists ----

// How many members a list has; checks that each is complete.
static int list_count(struct bytes value, size_t *n) {
    struct cursor c = cursor_of(value);
    struct member m;
    int err;
    for (*n = 0; (err = member_next(&c, &m)) == ERR_OK; ++*n)
        if (*n == LIST_MAX)
            return ERR_LIMIT;
    return err == ERR_ABSENT ? ERR_OK : err;
}

typedef int decode_member(struct arena *a, struct bytes value, void *out);

static int list_decode(struct arena *a, struct bytes value, size_t size, decode_member *decode, void **list,
                       size_t *n) {
    int err = list_count(value, n);
    if (err < 0 || *n == 0)
        return err;
    *list = arena_array(a, *n, size);
    if (*list == NULL)
        return ERR_NOMEM;
    struct cursor c = cursor_of(value);
    struct member m;
    for (size_t i = 0; i < *n && err == ERR_OK; i++) {
        err = member_next(&c, &m);
        if (err == ERR_OK)
            err = decode(a, m.value, (char *)*list + i * size);
    }
    return err;
}

static int any_id(struct arena *a, struct bytes value, void *out) {
    return id_decode(a, value, out);
}
static int any_descriptor(struct arena *a, struct bytes value, void *out) {
    return descriptor_decode(a, value, out);
}
static int any_recipient(struct arena *a, struct bytes value, void *out) {
    return recipient_decode(a, value, out);
}

static int ids(struct arena *a, struct bytes value, struct ipm_id **list, size_t *n) {
    void *p = NULL;
    int err = list_decode(a, value, sizeof **list, any_id, &p, n);
    *list = p;
    return err;
}

static int descriptors(struct arena *a, struct bytes value, struct ipm_descriptor **list, size_t *n) {
    void *p = NULL;
    int err = list_decode(a, value, sizeof **list, any_descriptor, &p, n);
    *list = p;
    return err;
}

static int recipients(struct arena *a, struct bytes value, struct ipm_recipient **list, size_t *n) {
    void *p = NULL;
    int err = list_decode(a, value, sizeof **list, any_recipient, &p, n);
    *list = p;
    return err;
}

static int one_descriptor(struct arena *a, struct bytes value, struct ipm_descriptor **out) {
    *out = arena_alloc(a, sizeof **out);
    return *out == NULL ? ERR_NOMEM : descriptor_decode(a, value, *out);
}

// ---- extensions ----

// The text of UniversalOrBMPString: SET { BMPString or UniversalString, language }.
static int ipm_ucs_decode(struct arena *a, struct bytes set_value, const char **out) {
    struct cursor c = cursor_of(set_value);
    struct member m;
    while (member_next(&c, &m) == ERR_OK) {
        if (m.t.cls != TLV_UNIVERSAL || (m.t.tag != 28 && m.t.tag != 30))
            continue;
        struct bytes s;
        struct buf b = {0};
        int err = tlv_string(a, &m.t, m.value, STRING_MAX, &s);
        if (err == ERR_OK)
            err = charset_ucs_to_utf8(s, m.t.tag == 28 ? 4 : 2, &b);
        if (err == ERR_OK && (*out = ipm_string(a, CHARSET_UTF8, buf_bytes(&b))) == NULL)
            err = ERR_NOMEM;
        buf_free(&b);
        return err;
    }
    return ERR_SYNTAX;
}

static int languages_decode(struct arena *a, struct bytes value, struct ipm_heading *h) {
    int err = list_count(value, &h->n_languages);
    if (err < 0 || h->n_languages == 0)
        return err;
    h->languages = arena_array(a, h->n_languages, sizeof *h->languages);
    if (h->languages == NULL)
        return ERR_NOMEM;
    struct cursor c = cursor_of(value);
    struct member m;
    for (size_t i = 0; i < h->n_languages && err == ERR_OK; i++) {
        err = member_next(&c, &m);
        if (err == ERR_OK)
            err = get_string(a, &m, CHARSET_IA5, &h->languages[i]);
    }
    return err;
}

// An extension that has a field of its own: 1 it was one, 0 it is kept as it is, or an error.
static int known_extension(struct arena *a, const struct ipm_extension *x, struct ipm_heading *h) {
    struct cursor c = cursor_of(x->value);
    struct member m = {0};
    if (strcmp(x->oid, IPM_OID_HEX_INCOMPLETE_COPY) == 0) {
        h->incomplete_copy = true;
        return 1;
    }
    if (member_next(&c, &m) < 0)
        return 0;
    if (strcmp(x->oid, IPM_OID_HEX_EXTENDED_SUBJECT) == 0 && tlv_is(&m.t, TLV_UNIVERSAL, TLV_SET)) {
        int err = ipm_ucs_decode(a, m.value, &h->subject);
        return err == ERR_NOMEM ? err : err == ERR_OK;
    }
    if (strcmp(x->oid, IPM_OID_HEX_LANGUAGES) == 0 && tlv_is(&m.t, TLV_UNIVERSAL, TLV_SET)) {
        int err = languages_decode(a, m.value, h);
        return err < 0 ? err : 1;
    }
    int64_t v;
    if (strcmp(x->oid, IPM_OID_HEX_AUTO_SUBMITTED) == 0 && get_int(&m, &v) == ERR_OK && v >= 0 && v <= 2) {
        h->auto_submitted = (enum ipm_auto_submitted)v;
        return 1;
    }
    return 0;
}

static int extensions_decode(struct arena *a, struct bytes value, struct ipm_heading *h) {
    size_t n;
    int err = list_count(value, &n);
    if (err < 0 || n == 0)
        return err;
    h->extensions = arena_array(a, n, sizeof *h->extensions);
    if (h->extensions == NULL)
        return ERR_NOMEM;
    struct cursor c = cursor_of(value);
    struct member m;
    while ((err = member_next(&c, &m)) == ERR_OK) {
        struct cursor in = cursor_of(m.value);
        struct tlv t;
        struct bytes oid;
        struct ipm_extension x = {0};
        if (!m.t.constructed || tlv_expect(&in, TLV_UNIVERSAL, TLV_OID, &t, &oid) < 0)
            return ERR_SYNTAX;
        x.oid = ipm_oid_string(a, oid);
        x.value = arena_bytes(a, bytes_of(in.p, cursor_left(&in)));
        if (x.oid == NULL || x.value.p == NULL)
            return ERR_NOMEM;
        err = known_extension(a, &x, h);
        if (err < 0)
            return err;
        if (err == 0)
            h->extensions[h->n_extensions++] = x;
    }
    return err == ERR_ABSENT ? ERR_OK : err;
}

// ---- heading ----

// subject is [8] EXPLICIT; some peers have been seen to write strings there that are not T.61 but say so.
static int subject_decode(struct arena *a, struct bytes value, struct ipm_heading *h) {
    struct cursor c = cursor_of(value);
    struct member m;
    if (member_next(&c, &m) < 0)
        return ERR_SYNTAX;
    bool utf8 = tlv_is(&m.t, TLV_UNIVERSAL, 12);
    bool ia5 = tlv_is(&m.t, TLV_UNIVERSAL, TLV_IA5_STRING) || tlv_is(&m.t, TLV_UNIVERSAL, TLV_PRINTABLE_STRING);
    return get_string(a, &m, utf8 ? CHARSET_UTF8 : ia5 ? CHARSET_IA5 : CHARSET_T61, &h->subject);
}

static int small_int(const struct member *m, int min, int max, int otherwise, int *out) {
    int64_t v;
    int err = get_int(m, &v);
    *out = err == ERR_OK && v >= min && v <= max ? (int)v : otherwise;
    return err;
}

static int heading_member(struct arena *a, const struct member *m, struct ipm_heading *h) {
    int v = 0, err = ERR_OK;
    switch (m->t.tag) {
    case 0: return one_descriptor(a, m->value, &h->originator);
    case 1: return descriptors(a, m->value, &h->authorizing_users, &h->n_authorizing_users);
    case 2: return recipients(a, m->value, &h->primary, &h->n_primary);
    case 3: return recipients(a, m->value, &h->copy, &h->n_copy);
    case 4: return recipients(a, m->value, &h->blind_copy, &h->n_blind_copy);
    case 5: return id_decode(a, m->value, &h->replied_to);
    case 6: return ids(a, m->value, &h->obsoleted, &h->n_obsoleted);
    case 7: return ids(a, m->value, &h->related, &h->n_related);
    case 8: return m->t.constructed ? subject_decode(a, m->value, h) : ERR_SYNTAX;
    case 9: return get_time(a, m, &h->expiry_time);
    case 10: return get_time(a, m, &h->reply_time);
    case 11: return descriptors(a, m->value, &h->reply_recipients, &h->n_reply_recipients);
    case 12:
        err = small_int(m, IPM_IMPORTANCE_LOW, IPM_IMPORTANCE_HIGH, IPM_IMPORTANCE_NORMAL, &v);
        h->importance = (enum ipm_importance)v;
        return err;
    case 13:
        err = small_int(m, IPM_PERSONAL, IPM_COMPANY_CONFIDENTIAL, IPM_COMPANY_CONFIDENTIAL, &v);
        h->sensitivity = (enum ipm_sensitivity)v; // an unknown one is treated as the strictest
        return err;
    case 14: return m->t.constructed ? ERR_SYNTAX : tlv_get_bool(m->value, &h->auto_forwarded);
    default: return ERR_OK;
    }
}

int ipm_heading_decode(struct arena *a, struct bytes value, struct ipm_heading *h) {
    *h = (struct ipm_heading){.importance = IPM_IMPORTANCE_NORMAL, .members = value};
    struct cursor c = cursor_of(value);
    struct member m;
    struct bytes extensions = {0};
    int err;
    while ((err = member_next(&c, &m)) == ERR_OK) {
        if (tlv_is(&m.t, TLV_APPLICATION, 11))
            err = id_decode(a, m.value, &h->this_ipm);
        else if (tlv_is(&m.t, TLV_CONTEXT, 15))
            extensions = m.value; // last, as the extended subject replaces the subject
        else if (m.t.cls == TLV_CONTEXT)
            err = heading_member(a, &m, h);
        if (err < 0)
            return err == ERR_SHORT ? ERR_SYNTAX : err;
    }
    if (err != ERR_ABSENT)
        return err;
    err = extensions_decode(a, extensions, h);
    return err == ERR_SHORT ? ERR_SYNTAX : err;
}

// ---- notifications ----

static int non_receipt_member(struct arena *a, const struct member *m, struct ipm_notification *n) {
    switch (m->t.tag) {
    case 0: return small_int(m, 0, 32767, 32767, &n->non_receipt_reason);
    case 1: return small_int(m, 0, 32767, 32767, &n->discard_reason);
    case 2: return get_string(a, m, CHARSET_IA5, &n->auto_forward_comment);
    case 3: return copy_name(a, &(struct member){.whole = m->value}, &n->returned_ipm);
    default: return ERR_OK;
    }
}

static int receipt_member(struct arena *a, const struct member *m, struct ipm_notification *n) {
    int v, err;
    switch (m->t.tag) {
    case 0: return get_time(a, m, &n->receipt_time);
    case 1:
        err = small_int(m, 0, 1, 0, &v);
        n->automatic = v == 1;
        return err;
    case 2: return get_string(a, m, CHARSET_IA5, &n->supplementary);
    default: return ERR_OK;
    }
}

static int choice_decode(struct arena *a, struct bytes value, struct ipm_notification *n) {
    struct cursor outer = cursor_of(value);
    struct member choice, m;
    int err = member_next(&outer, &choice);
    if (err < 0 || choice.t.cls != TLV_CONTEXT || choice.t.tag > IPM_OTHER_NOTIFICATION || !choice.t.constructed)
        return ERR_SYNTAX;
    n->type = (enum ipm_notification_type)choice.t.tag;
    struct cursor c = cursor_of(choice.value);
    while ((err = member_next(&c, &m)) == ERR_OK) {
        if (m.t.cls != TLV_CONTEXT || n->type == IPM_OTHER_NOTIFICATION)
            continue;
        err = n->type == IPM_RECEIPT ? receipt_member(a, &m, n) : non_receipt_member(a, &m, n);
        if (err < 0)
            return err;
    }
    return err == ERR_ABSENT ? ERR_OK : err;
}

int ipm_notification_decode(struct arena *a, struct bytes value, struct ipm_notification *n) {
    *n = (struct ipm_notification){.discard_reason = -1, .members = value};
    struct cursor c = cursor_of(value);
    struct member m;
    bool choice = false;
    int err;
    while ((err = member_next(&c, &m)) == ERR_OK) {
        if (tlv_is(&m.t, TLV_APPLICATION, 11)) {
            err = id_decode(a, m.value, &n->subject_ipm);
        } else if (tlv_is(&m.t, TLV_CONTEXT, 0)) {
            err = choice_decode(a, m.value, n);
            choice = true;
        } else if (tlv_is(&m.t, TLV_CONTEXT, 1)) {
            err = one_descriptor(a, m.value, &n->originator);
        } else if (tlv_is(&m.t, TLV_CONTEXT, 2)) {
            err = one_descriptor(a, m.value, &n->intended_recipient);
        }
        if (err < 0)
            return err == ERR_SHORT ? ERR_SYNTAX : err;
    }
    if (err != ERR_ABSENT)
        return err;
    return choice ? ERR_OK : ERR_SYNTAX;
}
