// SPDX-License-Identifier: BSD-2-Clause
// Encodes headings in DER, after asking the table of bounds (asn1/validate.h) about every text in them.
#include <stdio.h>
#include <string.h>

#include "asn1/validate.h"
#include "x400/ipm_internal.h"
#include "x400/p1_value.h"

// ---- bounds ----

static int check(enum validate_field f, enum validate_type type, const char *text, char *why) {
    return text == NULL ? 0 : validate_string(f, type, bytes_str(text), why);
}

static int check_ids(const struct ipm_id *list, size_t n, char *why) {
    int err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        err = check(VALIDATE_IPM_IDENTIFIER, VALIDATE_PRINTABLE, list[i].local, why);
    return err;
}

static int check_descriptor(const struct ipm_descriptor *d, char *why) {
    int err = check(VALIDATE_FREE_FORM_NAME, VALIDATE_TELETEX, d->free_form_name, why);
    return err < 0 ? err : check(VALIDATE_TELEPHONE_NUMBER, VALIDATE_PRINTABLE, d->telephone_number, why);
}

static int check_descriptors(const struct ipm_descriptor *list, size_t n, char *why) {
    int err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        err = check_descriptor(&list[i], why);
    return err;
}

static int check_recipients(const struct ipm_recipient *list, size_t n, char *why) {
    int err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        err = check_descriptor(&list[i].recipient, why);
    return err;
}

static int check_people(const struct ipm_heading *h, char *why) {
    int err = check_descriptors(h->originator, h->originator != NULL, why);
    if (err == ERR_OK)
        err = check_descriptors(h->authorizing_users, h->n_authorizing_users, why);
    if (err == ERR_OK)
        err = check_recipients(h->primary, h->n_primary, why);
    if (err == ERR_OK)
        err = check_recipients(h->copy, h->n_copy, why);
    if (err == ERR_OK)
        err = check_recipients(h->blind_copy, h->n_blind_copy, why);
    return err < 0 ? err : check_descriptors(h->reply_recipients, h->n_reply_recipients, why);
}

int ipm_heading_check(const struct ipm_heading *h, char *why) {
    if (h->this_ipm.local == NULL) {
        if (why != NULL)
            snprintf(why, VALIDATE_WHY_MAX, "this-IPM is missing");
        return ERR_SYNTAX;
    }
    int err = check_ids(&h->this_ipm, 1, why);
    if (err == ERR_OK)
        err = check_ids(&h->replied_to, 1, why);
    if (err == ERR_OK)
        err = check_ids(h->obsoleted, h->n_obsoleted, why);
    if (err == ERR_OK)
        err = check_ids(h->related, h->n_related, why);
    if (err == ERR_OK)
        err = check_people(h, why);
    if (err == ERR_OK)
        err = check(VALIDATE_SUBJECT, VALIDATE_UNIVERSAL, h->subject, why);
    for (size_t i = 0; i < h->n_languages && err == ERR_OK; i++)
        err = check(VALIDATE_LANGUAGE, VALIDATE_PRINTABLE, h->languages[i], why);
    return err;
}

// ---- strings ----

// The nearest that T.61 has, at most max characters: what it lacks becomes a question mark.
static int t61_nearest(const char *text, size_t max, struct buf *out) {
    const char *p = text, *end = text + strlen(text);
    int err = ERR_OK;
    for (size_t n = 0; p < end && n < max && err == ERR_OK; n++) {
        const char *start = p;
        charset_utf8_next(&p, end);
        char one[8] = {0};
        memcpy(one, start, (size_t)(p - start) < sizeof one ? (size_t)(p - start) : sizeof one - 1);
        err = charset_utf8_to_t61(one, out);
        if (err == ERR_SYNTAX)
            err = buf_append_u8(out, '?');
    }
    return err;
}

static int put_t61(struct buf *b, enum tlv_class cls, uint32_t tag, const char *text, size_t max) {
    size_t from = b->len;
    int err = t61_nearest(text, max, b);
    return err < 0 ? err : tlv_wrap(b, from, cls, false, tag);
}

static int put_time(struct buf *b, uint32_t tag, int64_t t) {
    char text[14];
    if (t == 0)
        return ERR_OK;
    if (p1_time_text(t, text) < 0)
        return ERR_SYNTAX;
    return tlv_put(b, TLV_CONTEXT, false, tag, bytes_str(text));
}

static int put_id(struct buf *b, enum tlv_class cls, uint32_t tag, const struct ipm_id *id) {
    size_t from = b->len;
    int err = tlv_put(b, TLV_UNIVERSAL, false, TLV_PRINTABLE_STRING, bytes_str(id->local));
    if (err == ERR_OK)
        err = buf_append(b, id->user.p, id->user.n);
    return err < 0 ? err : tlv_wrap(b, from, cls, true, tag);
}

static int put_descriptor(struct buf *b, enum tlv_class cls, uint32_t tag, const struct ipm_descriptor *d) {
    size_t from = b->len;
    int err = buf_append(b, d->formal_name.p, d->formal_name.n);
    if (err == ERR_OK && d->free_form_name != NULL)
        err = put_t61(b, TLV_CONTEXT, 0, d->free_form_name, SIZE_MAX);
    if (err == ERR_OK && d->telephone_number != NULL)
        err = tlv_put(b, TLV_CONTEXT, false, 1, bytes_str(d->telephone_number));
    return err < 0 ? err : tlv_wrap(b, from, cls, true, tag);
}

static int put_recipients(struct buf *b, uint32_t tag, const struct ipm_recipient *list, size_t n) {
    size_t from = b->len;
    int err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        const struct ipm_recipient *r = &list[i];
        size_t one = b->len;
        err = put_descriptor(b, TLV_CONTEXT, 0, &r->recipient);
        if (err == ERR_OK && r->notification_requests != 0)
            err = tlv_put_bits(b, TLV_CONTEXT, 1, r->notification_requests);
        if (err == ERR_OK && r->reply_requested)
            err = tlv_put_bool(b, TLV_CONTEXT, 2, true);
        if (err == ERR_OK)
            err = buf_append(b, r->extensions.p, r->extensions.n);
        if (err == ERR_OK)
            err = tlv_wrap(b, one, TLV_UNIVERSAL, true, TLV_SET);
    }
    return err < 0 || n == 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, tag);
}

static int put_descriptors(struct buf *b, uint32_t tag, const struct ipm_descriptor *list, size_t n) {
    size_t from = b->len;
    int err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        err = put_descriptor(b, TLV_UNIVERSAL, TLV_SET, &list[i]);
    return err < 0 || n == 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, tag);
}

static int put_ids(struct buf *b, uint32_t tag, const struct ipm_id *list, size_t n) {
    size_t from = b->len;
    int err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        err = put_id(b, TLV_APPLICATION, 11, &list[i]);
    return err < 0 || n == 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, tag);
}

// The subject in T.61; what that cannot say whole goes into the extension as well.
static bool subject_fits(const char *subject) {
    return check(VALIDATE_SUBJECT, VALIDATE_TELETEX, subject, NULL) == ERR_OK && charset_is_teletex(subject);
}

static int put_subject(struct buf *b, const char *subject) {
    size_t from = b->len;
    unsigned most = validate_bound(VALIDATE_SUBJECT, VALIDATE_TELETEX);
    int err = put_t61(b, TLV_UNIVERSAL, TLV_T61_STRING, subject, most);
    return err < 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, 8);
}

// ---- extensions ----

static int put_extension(struct buf *b, const char *oid, struct bytes value) {
    size_t from = b->len;
    int err = tlv_put_oid(b, TLV_UNIVERSAL, TLV_OID, oid);
    if (err == ERR_OK)
        err = buf_append(b, value.p, value.n);
    return err < 0 ? err : tlv_wrap(b, from, TLV_UNIVERSAL, true, TLV_SEQUENCE);
}

static int put_languages(struct buf *b, const struct ipm_heading *h) {
    struct buf v = {0};
    int err = ERR_OK;
    for (size_t i = 0; i < h->n_languages && err == ERR_OK; i++)
        err = tlv_put(&v, TLV_UNIVERSAL, false, TLV_PRINTABLE_STRING, bytes_str(h->languages[i]));
    if (err == ERR_OK)
        err = tlv_wrap(&v, 0, TLV_UNIVERSAL, true, TLV_SET);
    if (err == ERR_OK)
        err = put_extension(b, IPM_OID_HEX_LANGUAGES, buf_bytes(&v));
    buf_free(&v);
    return err;
}

// UniversalOrBMPString.
static int put_extended_subject(struct buf *b, const char *subject) {
    struct buf v = {0};
    int err = charset_utf8_to_ucs(subject, 2, &v);
    uint32_t tag = 30; // BMPString
    if (err == ERR_SYNTAX) {
        err = charset_utf8_to_ucs(subject, 4, &v);
        tag = 28; // UniversalString
    }
    if (err == ERR_OK)
        err = tlv_wrap(&v, 0, TLV_UNIVERSAL, false, tag);
    if (err == ERR_OK)
        err = tlv_wrap(&v, 0, TLV_UNIVERSAL, true, TLV_SET);
    if (err == ERR_OK)
        err = put_extension(b, IPM_OID_HEX_EXTENDED_SUBJECT, buf_bytes(&v));
    buf_free(&v);
    return err;
}

static int put_extensions(struct buf *b, const struct ipm_heading *h) {
    size_t from = b->len;
    int err = ERR_OK;
    if (h->incomplete_copy)
        err = put_extension(b, IPM_OID_HEX_INCOMPLETE_COPY, bytes_of(NULL, 0));
    if (err == ERR_OK && h->n_languages > 0)
        err = put_languages(b, h);
    if (err == ERR_OK && h->auto_submitted != IPM_NOT_AUTO_SUBMITTED) {
        uint8_t value[] = {TLV_ENUMERATED, 1, (uint8_t)h->auto_submitted};
        err = put_extension(b, IPM_OID_HEX_AUTO_SUBMITTED, bytes_of(value, sizeof value));
    }
    if (err == ERR_OK && h->subject != NULL && !subject_fits(h->subject))
        err = put_extended_subject(b, h->subject);
    for (size_t i = 0; i < h->n_extensions && err == ERR_OK; i++)
        err = put_extension(b, h->extensions[i].oid, h->extensions[i].value);
    return err < 0 || b->len == from ? err : tlv_wrap(b, from, TLV_CONTEXT, true, 15);
}

// ---- heading ----

static int put_people(struct buf *b, const struct ipm_heading *h) {
    int err = put_id(b, TLV_APPLICATION, 11, &h->this_ipm);
    if (err == ERR_OK && h->originator != NULL)
        err = put_descriptor(b, TLV_CONTEXT, 0, h->originator);
    if (err == ERR_OK)
        err = put_descriptors(b, 1, h->authorizing_users, h->n_authorizing_users);
    if (err == ERR_OK)
        err = put_recipients(b, 2, h->primary, h->n_primary);
    if (err == ERR_OK)
        err = put_recipients(b, 3, h->copy, h->n_copy);
    if (err == ERR_OK)
        err = put_recipients(b, 4, h->blind_copy, h->n_blind_copy);
    return err;
}

static int put_references(struct buf *b, const struct ipm_heading *h) {
    int err = h->replied_to.local != NULL ? put_id(b, TLV_CONTEXT, 5, &h->replied_to) : ERR_OK;
    if (err == ERR_OK)
        err = put_ids(b, 6, h->obsoleted, h->n_obsoleted);
    if (err == ERR_OK)
        err = put_ids(b, 7, h->related, h->n_related);
    return err;
}

static int put_rest(struct buf *b, const struct ipm_heading *h) {
    int err = h->subject != NULL ? put_subject(b, h->subject) : ERR_OK;
    if (err == ERR_OK)
        err = put_time(b, 9, h->expiry_time);
    if (err == ERR_OK)
        err = put_time(b, 10, h->reply_time);
    if (err == ERR_OK)
        err = put_descriptors(b, 11, h->reply_recipients, h->n_reply_recipients);
    if (err == ERR_OK && h->importance != IPM_IMPORTANCE_NORMAL)
        err = tlv_put_int(b, TLV_CONTEXT, 12, (int64_t)h->importance);
    if (err == ERR_OK && h->sensitivity != IPM_SENSITIVITY_NONE)
        err = tlv_put_int(b, TLV_CONTEXT, 13, (int64_t)h->sensitivity);
    if (err == ERR_OK && h->auto_forwarded)
        err = tlv_put_bool(b, TLV_CONTEXT, 14, true);
    return err < 0 ? err : put_extensions(b, h);
}

int ipm_heading_encode(const struct ipm_heading *h, struct buf *out) {
    size_t from = out->len;
    int err = ipm_heading_check(h, NULL);
    if (err == ERR_OK)
        err = put_people(out, h);
    if (err == ERR_OK)
        err = put_references(out, h);
    if (err == ERR_OK)
        err = put_rest(out, h);
    if (err == ERR_OK)
        err = tlv_wrap(out, from, TLV_UNIVERSAL, true, TLV_SET);
    if (err < 0)
        out->len = from;
    return err;
}
