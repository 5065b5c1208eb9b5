// SPDX-License-Identifier: BSD-2-Clause
// Headings and notifications for people, a line each.
#include <string.h>

#include "base/err.h"
#include "x400/ipm_internal.h"
#include "x400/oraddr.h"
#include "x400/p1_value.h"

// A peer's text on one line: its control characters become blanks.
static int put_text(struct buf *out, const char *text) {
    struct bytes in = bytes_str(text);
    size_t from = out->len;
    int err = buf_append(out, in.p, in.n);
    for (size_t i = from; err == ERR_OK && i < out->len; i++) {
        uint8_t *c = out->mem + out->off + i;
        if (*c < 0x20 || *c == 0x7F)
            *c = ' ';
        else if (*c == 0xC2 && i + 1 < out->len && c[1] < 0xA0) // C1
            c[0] = c[1] = ' ';
    }
    return err;
}

static int put_line(struct buf *out, const char *name, const char *text) {
    int err = buf_printf(out, "%s: ", name);
    if (err == ERR_OK)
        err = put_text(out, text);
    return err < 0 ? err : buf_append_str(out, "\n");
}

static int put_name(struct buf *out, struct bytes name) {
    struct arena a = {0};
    struct or_address address;
    int err = or_name_decode(&a, name, &address, NULL);
    const char *text = err == ERR_OK ? or_address_print(&a, &address, OR_SLASH) : NULL;
    if (err == ERR_OK && text == NULL)
        err = ERR_NOMEM;
    if (err != ERR_NOMEM)
        err = put_text(out, text != NULL ? text : "(address that cannot be read)");
    arena_free(&a);
    return err;
}

int ipm_descriptor_print(const struct ipm_descriptor *d, struct buf *out) {
    size_t from = out->len;
    int err = d->free_form_name != NULL ? put_text(out, d->free_form_name) : ERR_OK;
    if (err == ERR_OK && d->formal_name.n > 0) {
        bool brackets = out->len > from;
        err = buf_append_str(out, brackets ? " <" : "");
        if (err == ERR_OK)
            err = put_name(out, d->formal_name);
        if (err == ERR_OK)
            err = buf_append_str(out, brackets ? ">" : "");
    }
    if (err == ERR_OK && d->telephone_number != NULL) {
        err = buf_append_str(out, out->len > from ? ", tel. " : "tel. ");
        if (err == ERR_OK)
            err = put_text(out, d->telephone_number);
    }
    return err;
}

int ipm_id_print(const struct ipm_id *id, struct buf *out) {
    int err = put_text(out, id->local != NULL ? id->local : "");
    if (err < 0 || id->user.n == 0)
        return err;
    err = buf_append_str(out, " of ");
    return err < 0 ? err : put_name(out, id->user);
}

int ipm_time_print(int64_t t, struct buf *out) {
    char text[21];
    return p1_time_iso(t, text) < 0 ? ERR_SYNTAX : buf_append_str(out, text);
}

static int put_time_line(struct buf *out, const char *name, int64_t t) {
    if (t == 0)
        return ERR_OK;
    int err = buf_printf(out, "%s: ", name);
    if (err == ERR_OK)
        err = ipm_time_print(t, out);
    return err < 0 ? err : buf_append_str(out, "\n");
}

static int put_descriptor_line(struct buf *out, const char *name, const struct ipm_descriptor *d) {
    int err = buf_printf(out, "%s: ", name);
    if (err == ERR_OK)
        err = ipm_descriptor_print(d, out);
    return err < 0 ? err : buf_append_str(out, "\n");
}

static int put_descriptor_lines(struct buf *out, const char *name, const struct ipm_descriptor *list, size_t n) {
    int err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        err = put_descriptor_line(out, name, &list[i]);
    return err;
}

static int put_recipient_lines(struct buf *out, const char *name, const struct ipm_recipient *list, size_t n) {
    int err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        const struct ipm_recipient *r = &list[i];
        err = buf_printf(out, "%s: ", name);
        if (err == ERR_OK)
            err = ipm_descriptor_print(&r->recipient, out);
        if (err == ERR_OK)
            err = buf_printf(out, "%s%s%s%s\n",
                             r->notification_requests & IPM_REQUEST_RN ? " (receipt notification wanted)" : "",
                             r->notification_requests & IPM_REQUEST_NRN ? " (non-receipt notification wanted)" : "",
                             r->notification_requests & IPM_REQUEST_RETURN ? " (return of the message wanted)" : "",
                             r->reply_requested ? " (reply wanted)" : "");
    }
    return err;
}

static int put_id_line(struct buf *out, const char *name, const struct ipm_id *id) {
    if (id->local == NULL)
        return ERR_OK;
    int err = buf_printf(out, "%s: ", name);
    if (err == ERR_OK)
        err = ipm_id_print(id, out);
    return err < 0 ? err : buf_append_str(out, "\n");
}

static int put_id_lines(struct buf *out, const char *name, const struct ipm_id *list, size_t n) {
    int err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        err = put_id_line(out, name, &list[i]);
    return err;
}

static int put_people(const struct ipm_heading *h, struct buf *out) {
    int err = h->originator != NULL ? put_descriptor_line(out, "From", h->originator) : ERR_OK;
    if (err == ERR_OK)
        err = put_descriptor_lines(out, "Authorized-by", h->authorizing_users, h->n_authorizing_users);
    if (err == ERR_OK)
        err = put_recipient_lines(out, "To", h->primary, h->n_primary);
    if (err == ERR_OK)
        err = put_recipient_lines(out, "Cc", h->copy, h->n_copy);
    if (err == ERR_OK)
        err = put_recipient_lines(out, "Bcc", h->blind_copy, h->n_blind_copy);
    if (err == ERR_OK)
        err = put_descriptor_lines(out, "Reply-to", h->reply_recipients, h->n_reply_recipients);
    return err;
}

static int put_references(const struct ipm_heading *h, struct buf *out) {
    int err = put_id_line(out, "Message-id", &h->this_ipm);
    if (err == ERR_OK)
        err = put_id_line(out, "In-reply-to", &h->replied_to);
    if (err == ERR_OK)
        err = put_id_lines(out, "Obsoletes", h->obsoleted, h->n_obsoleted);
    if (err == ERR_OK)
        err = put_id_lines(out, "Related-to", h->related, h->n_related);
    if (err == ERR_OK)
        err = put_time_line(out, "Expires", h->expiry_time);
    return err < 0 ? err : put_time_line(out, "Reply-by", h->reply_time);
}

static int put_qualities(const struct ipm_heading *h, struct buf *out) {
    static const char *const sensitivities[] = {"", "personal", "private", "company-confidential"};
    int err = ERR_OK;
    if (h->importance != IPM_IMPORTANCE_NORMAL)
        err = put_line(out, "Importance", h->importance == IPM_IMPORTANCE_HIGH ? "high" : "low");
    if (err == ERR_OK && h->sensitivity != IPM_SENSITIVITY_NONE)
        err = put_line(out, "Sensitivity", sensitivities[h->sensitivity]);
    if (err == ERR_OK && h->auto_forwarded)
        err = put_line(out, "Auto-forwarded", "yes");
    if (err == ERR_OK && h->auto_submitted != IPM_NOT_AUTO_SUBMITTED)
        err =
            put_line(out, "Auto-submitted", h->auto_submitted == IPM_AUTO_REPLIED ? "auto-replied" : "auto-generated");
    if (err == ERR_OK && h->incomplete_copy)
        err = put_line(out, "Incomplete-copy", "yes");
    for (size_t i = 0; i < h->n_languages && err == ERR_OK; i++)
        err = put_line(out, "Language", h->languages[i]);
    for (size_t i = 0; i < h->n_extensions && err == ERR_OK; i++)
        err = put_line(out, "Extension", h->extensions[i].oid);
    return err;
}

int ipm_heading_print(const struct ipm_heading *h, struct buf *out) {
    int err = put_people(h, out);
    if (err == ERR_OK && h->subject != NULL)
        err = put_line(out, "Subject", h->subject);
    if (err == ERR_OK)
        err = put_references(h, out);
    return err < 0 ? err : put_qualities(h, out);
}

static int put_non_receipt(const struct ipm_notification *n, struct buf *out) {
    static const char *const discards[] = {"it had expired", "it was obsoleted",
                                           "the user's subscription was terminated", "it was deleted"};
    int err = put_line(out, "Non-receipt",
                       n->non_receipt_reason == 1   ? "the message was auto-forwarded"
                       : n->non_receipt_reason == 0 ? "the message was discarded"
                                                    : "reason unknown");
    if (err == ERR_OK && n->discard_reason >= 0)
        err = put_line(out, "Discarded-because", n->discard_reason < 4 ? discards[n->discard_reason] : "unknown");
    if (err == ERR_OK && n->auto_forward_comment != NULL)
        err = put_line(out, "Comment", n->auto_forward_comment);
    return err;
}

int ipm_notification_print(const struct ipm_notification *n, struct buf *out) {
    int err = ERR_OK;
    if (n->type == IPM_NON_RECEIPT) {
        err = put_non_receipt(n, out);
    } else if (n->type == IPM_RECEIPT) {
        err = put_line(out, "Receipt", n->automatic ? "acknowledged automatically" : "acknowledged by the recipient");
        if (err == ERR_OK)
            err = put_time_line(out, "Receipt-time", n->receipt_time);
        if (err == ERR_OK && n->supplementary != NULL)
            err = put_line(out, "Supplementary-information", n->supplementary);
    } else {
        err = put_line(out, "Notification", "of another type");
    }
    if (err == ERR_OK)
        err = put_id_line(out, "Subject-message", &n->subject_ipm);
    if (err == ERR_OK && n->originator != NULL)
        err = put_descriptor_line(out, "Notification-from", n->originator);
    if (err == ERR_OK && n->intended_recipient != NULL)
        err = put_descriptor_line(out, "Intended-recipient", n->intended_recipient);
    return err;
}
