// SPDX-License-Identifier: BSD-2-Clause
// The heading of an interpersonal message, and a notification, in envelope.json.
#include "mta/local_internal.h"

static json_t *descriptor(struct json_maker *j, const struct ipm_descriptor *d) {
    json_t *o = json_object();
    if (d->formal_name.n > 0)
        json_put(j, o, "address", json_orname(j, d->formal_name));
    json_put_text(j, o, "name", d->free_form_name);
    json_put_text(j, o, "telephone", d->telephone_number);
    return o;
}

static json_t *ipm_identifier(struct json_maker *j, const struct ipm_id *id) {
    json_t *o = json_object();
    if (id->user.n > 0)
        json_put(j, o, "user", json_orname(j, id->user));
    json_put_text(j, o, "local", id->local);
    return o;
}

static void put_identifiers(struct json_maker *j, json_t *o, const char *key, const struct ipm_id *id, size_t n) {
    if (n == 0)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_add(j, list, ipm_identifier(j, &id[i]));
    json_put(j, o, key, list);
}

static void put_descriptors(struct json_maker *j, json_t *o, const char *key, const struct ipm_descriptor *d,
                            size_t n) {
    if (n == 0)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_add(j, list, descriptor(j, &d[i]));
    json_put(j, o, key, list);
}

static json_t *recipient(struct json_maker *j, const struct ipm_recipient *r) {
    static const char *const requests[] = {"receipt", "non-receipt", "return-of-message"};
    json_t *o = descriptor(j, &r->recipient);
    if (r->reply_requested)
        json_put(j, o, "reply_requested", json_true());
    if (r->notification_requests == 0)
        return o;
    json_t *list = json_array();
    for (unsigned i = 0; i < 3; i++)
        if ((r->notification_requests & (1u << i)) != 0)
            json_add(j, list, json_string(requests[i]));
    json_put(j, o, "notification_requests", list);
    return o;
}

static void put_recipients(struct json_maker *j, json_t *o, const char *key, const struct ipm_recipient *r, size_t n) {
    if (n == 0)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_add(j, list, recipient(j, &r[i]));
    json_put(j, o, key, list);
}

static void put_flag(struct json_maker *j, json_t *o, const char *key, bool v) {
    if (v)
        json_put(j, o, key, json_true());
}

json_t *json_heading(struct json_maker *j, const struct ipm_heading *h) {
    static const char *const importance[] = {"low", "normal", "high"};
    static const char *const sensitivity[] = {"none", "personal", "private", "company-confidential"};
    static const char *const automatic[] = {NULL, "auto-generated", "auto-replied"};
    json_t *o = json_object();
    json_put_text(j, o, "subject", h->subject);
    if (h->originator != NULL)
        json_put(j, o, "from", descriptor(j, h->originator));
    put_descriptors(j, o, "authorizing_users", h->authorizing_users, h->n_authorizing_users);
    put_recipients(j, o, "to", h->primary, h->n_primary);
    put_recipients(j, o, "cc", h->copy, h->n_copy);
    put_recipients(j, o, "bcc", h->blind_copy, h->n_blind_copy);
    json_put_text(j, o, "importance", importance[h->importance]);
    json_put_text(j, o, "sensitivity", sensitivity[h->sensitivity]);
    if (h->this_ipm.local != NULL)
        json_put(j, o, "this_ipm", ipm_identifier(j, &h->this_ipm));
    if (h->replied_to.local != NULL)
        json_put(j, o, "in_reply_to", ipm_identifier(j, &h->replied_to));
    put_identifiers(j, o, "obsoletes", h->obsoleted, h->n_obsoleted);
    put_identifiers(j, o, "related", h->related, h->n_related);
    json_put_time(j, o, "expiry_time", h->expiry_time);
    json_put_time(j, o, "reply_time", h->reply_time);
    put_descriptors(j, o, "reply_to", h->reply_recipients, h->n_reply_recipients);
    put_flag(j, o, "auto_forwarded", h->auto_forwarded);
    put_flag(j, o, "incomplete_copy", h->incomplete_copy);
    json_put_text(j, o, "auto_submitted", automatic[h->auto_submitted]);
    if (h->n_languages > 0) {
        json_t *list = json_array();
        for (size_t i = 0; i < h->n_languages; i++)
            json_add(j, list, json_octets(j, bytes_str(h->languages[i])));
        json_put(j, o, "languages", list);
    }
    if (h->n_extensions > 0) {
        json_t *list = json_array();
        for (size_t i = 0; i < h->n_extensions; i++)
            json_add(j, list, json_octets(j, bytes_str(h->extensions[i].oid)));
        json_put(j, o, "extensions", list);
    }
    return o;
}

json_t *json_notification(struct json_maker *j, const struct ipm_notification *n) {
    static const char *const types[] = {"non-receipt", "receipt", "other"};
    static const char *const discarded[] = {"expired", "obsoleted", "subscription-terminated", "deleted"};
    json_t *o = json_object();
    json_put_text(j, o, "type", types[n->type]);
    json_put(j, o, "subject_ipm", ipm_identifier(j, &n->subject_ipm));
    if (n->originator != NULL)
        json_put(j, o, "from", descriptor(j, n->originator));
    if (n->intended_recipient != NULL)
        json_put(j, o, "intended_recipient", descriptor(j, n->intended_recipient));
    if (n->type == IPM_RECEIPT) {
        json_put_time(j, o, "receipt_time", n->receipt_time);
        put_flag(j, o, "automatic", n->automatic);
        json_put_text(j, o, "supplementary_information", n->supplementary);
    }
    if (n->type != IPM_NON_RECEIPT)
        return o;
    json_put_text(j, o, "reason", n->non_receipt_reason == 1 ? "auto-forwarded" : "discarded");
    if (n->discard_reason >= 0 && n->discard_reason < 4)
        json_put_text(j, o, "discard_reason", discarded[n->discard_reason]);
    json_put_text(j, o, "auto_forward_comment", n->auto_forward_comment);
    return o;
}
