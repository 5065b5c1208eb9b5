// SPDX-License-Identifier: BSD-2-Clause
// Headings and notifications as lines "Name: value", for tests and fuzz targets to compare. Memory is never short here.
#ifndef TESTS_X400_IPM_PRINT_H
#define TESTS_X400_IPM_PRINT_H

#include "base/buf.h"
#include "x400/ipm.h"

static inline void print_text(struct buf *out, const char *name, const char *text) {
    if (text != NULL)
        (void)buf_printf(out, "%s: %s\n", name, text);
}

static inline void print_people(struct buf *out, const char *name, const struct ipm_descriptor *d, size_t n) {
    for (size_t i = 0; i < n; i++) {
        (void)buf_printf(out, "%s: ", name);
        (void)ipm_descriptor_print(&d[i], out);
        (void)buf_append_str(out, "\n");
    }
}

static inline void print_recipients(struct buf *out, const char *name, const struct ipm_recipient *r, size_t n) {
    for (size_t i = 0; i < n; i++) {
        (void)buf_printf(out, "%s: ", name);
        (void)ipm_descriptor_print(&r[i].recipient, out);
        (void)buf_printf(out, "%s%s%s%s\n", r[i].notification_requests & IPM_REQUEST_RN ? " RN" : "",
                         r[i].notification_requests & IPM_REQUEST_NRN ? " NRN" : "",
                         r[i].notification_requests & IPM_REQUEST_RETURN ? " return" : "",
                         r[i].reply_requested ? " reply" : "");
    }
}

static inline void print_ids(struct buf *out, const char *name, const struct ipm_id *id, size_t n) {
    for (size_t i = 0; i < n && id[i].local != NULL; i++) {
        (void)buf_printf(out, "%s: ", name);
        (void)ipm_id_print(&id[i], out);
        (void)buf_append_str(out, "\n");
    }
}

static inline void print_time(struct buf *out, const char *name, int64_t t) {
    if (t == 0)
        return;
    (void)buf_printf(out, "%s: ", name);
    (void)ipm_time_print(t, out);
    (void)buf_append_str(out, "\n");
}

static inline void print_heading(struct buf *out, const struct ipm_heading *h) {
    print_people(out, "From", h->originator, h->originator != NULL);
    print_people(out, "Authorized-by", h->authorizing_users, h->n_authorizing_users);
    print_recipients(out, "To", h->primary, h->n_primary);
    print_recipients(out, "Cc", h->copy, h->n_copy);
    print_recipients(out, "Bcc", h->blind_copy, h->n_blind_copy);
    print_people(out, "Reply-to", h->reply_recipients, h->n_reply_recipients);
    print_text(out, "Subject", h->subject);
    print_ids(out, "Message-id", &h->this_ipm, 1);
    print_ids(out, "In-reply-to", &h->replied_to, 1);
    print_ids(out, "Obsoletes", h->obsoleted, h->n_obsoleted);
    print_ids(out, "Related-to", h->related, h->n_related);
    print_time(out, "Expires", h->expiry_time);
    print_time(out, "Reply-by", h->reply_time);
    if (h->importance != IPM_IMPORTANCE_NORMAL)
        print_text(out, "Importance", h->importance == IPM_IMPORTANCE_HIGH ? "high" : "low");
    if (h->sensitivity != IPM_SENSITIVITY_NONE)
        (void)buf_printf(out, "Sensitivity: %d\n", h->sensitivity);
    print_text(out, "Auto-forwarded", h->auto_forwarded ? "yes" : NULL);
    if (h->auto_submitted != IPM_NOT_AUTO_SUBMITTED)
        (void)buf_printf(out, "Auto-submitted: %d\n", h->auto_submitted);
    print_text(out, "Incomplete-copy", h->incomplete_copy ? "yes" : NULL);
    for (size_t i = 0; i < h->n_languages; i++)
        print_text(out, "Language", h->languages[i]);
    for (size_t i = 0; i < h->n_extensions; i++)
        print_text(out, "Extension", h->extensions[i].oid);
}

static inline void print_notification(struct buf *out, const struct ipm_notification *n) {
    if (n->type == IPM_NON_RECEIPT) {
        (void)buf_printf(out, "Non-receipt: %d, discarded: %d\n", n->non_receipt_reason, n->discard_reason);
        print_text(out, "Comment", n->auto_forward_comment);
    } else {
        print_text(out, "Notification", n->type != IPM_RECEIPT ? "other" : n->automatic ? "automatic" : "by hand");
        print_time(out, "Receipt-time", n->receipt_time);
        print_text(out, "Supplementary-information", n->supplementary);
    }
    print_ids(out, "Subject-message", &n->subject_ipm, 1);
    print_people(out, "Notification-from", n->originator, n->originator != NULL);
    print_people(out, "Intended-recipient", n->intended_recipient, n->intended_recipient != NULL);
}

#endif
