// SPDX-License-Identifier: BSD-2-Clause
// Interpersonal messages (X.420: content types 22, P2 of 1988 and later, called P22 here; and 2, P2 of 1984): heading,
// notifications and what a body part says about itself, as plain structs in the caller's arena. Tags and object
// identifiers follow the ASN.1 modules of X.420 (06/1999) and the 1984 P2 module; the clauses were not read.
// Bodies are never held in memory: see ipm_stream.h.
// Text is UTF-8 and NUL-terminated. Optional text is NULL when absent. A field that does not decode makes its function
// fail with ERR_SYNTAX; unknown members and extensions are no fault, extensions are kept raw.
#ifndef X400_IPM_H
#define X400_IPM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

// ORName fields hold a complete encoding, header and all, as P1's do (x400/oraddr.h reads and makes them).

// IPMIdentifier.
struct ipm_id {
    struct bytes user; // ORName; n is 0: absent
    const char *local; // user-relative-identifier; may be empty, NULL when the whole identifier is absent
};

// ORDescriptor.
struct ipm_descriptor {
    struct bytes formal_name; // ORName; n is 0: absent
    const char *free_form_name;
    const char *telephone_number;
};

enum { IPM_REQUEST_RN = 1, IPM_REQUEST_NRN = 2, IPM_REQUEST_RETURN = 4 }; // NotificationRequests

// RecipientSpecifier.
struct ipm_recipient {
    struct ipm_descriptor recipient;
    uint32_t notification_requests; // IPM_REQUEST_*
    bool reply_requested;
    struct bytes extensions; // recipient-extensions [3] as sent, header and all; n is 0: absent
};

enum ipm_importance { IPM_IMPORTANCE_LOW, IPM_IMPORTANCE_NORMAL, IPM_IMPORTANCE_HIGH };
enum ipm_sensitivity { IPM_SENSITIVITY_NONE, IPM_PERSONAL, IPM_PRIVATE, IPM_COMPANY_CONFIDENTIAL };
enum ipm_auto_submitted { IPM_NOT_AUTO_SUBMITTED, IPM_AUTO_GENERATED, IPM_AUTO_REPLIED };

// IPMSExtension.
struct ipm_extension {
    const char *oid;    // dotted
    struct bytes value; // encoded, header and all; n is 0: NULL by default
};

// Heading. In lists p may be NULL when n is 0. Times are seconds since 1970 UTC, 0: absent.
struct ipm_heading {
    struct ipm_id this_ipm;
    struct ipm_descriptor *originator; // NULL: absent
    struct ipm_descriptor *authorizing_users;
    size_t n_authorizing_users;
    struct ipm_recipient *primary, *copy, *blind_copy;
    size_t n_primary, n_copy, n_blind_copy;
    struct ipm_id replied_to; // local NULL: absent
    struct ipm_id *obsoleted, *related;
    size_t n_obsoleted, n_related;
    const char *subject; // the extended-subject's text when that extension is there and decodes
    int64_t expiry_time, reply_time;
    struct ipm_descriptor *reply_recipients;
    size_t n_reply_recipients;
    enum ipm_importance importance;
    enum ipm_sensitivity sensitivity;
    bool auto_forwarded;
    bool incomplete_copy;   // extension 2.6.1.5.0
    const char **languages; // extension 2.6.1.5.1
    size_t n_languages;
    enum ipm_auto_submitted auto_submitted; // extension 2.6.1.5.2
    struct ipm_extension *extensions;       // all others
    size_t n_extensions;
    struct bytes members; // of the SET as decoded, a view of what was given
};

// IPN, in 1984 the status report.
enum ipm_notification_type { IPM_NON_RECEIPT, IPM_RECEIPT, IPM_OTHER_NOTIFICATION };
struct ipm_notification {
    enum ipm_notification_type type;
    struct ipm_id subject_ipm;
    struct ipm_descriptor *originator;         // NULL: absent
    struct ipm_descriptor *intended_recipient; // NULL: the originator
    int64_t receipt_time;                      // receipts
    bool automatic;                            // acknowledgment-mode
    const char *supplementary;                 // suppl-receipt-info
    int non_receipt_reason;                    // 0 discarded, 1 auto-forwarded
    int discard_reason; // -1 absent, 0 expired, 1 obsoleted, 2 subscription terminated, 3 deleted
    const char *auto_forward_comment;
    struct bytes returned_ipm; // the members of an IPM, for ipm_heading_decode of the first; n is 0: absent
    struct bytes members;      // of the SET as decoded, a view of what was given
};

// value: the members of the Heading SET. Allocations stay within the arena's limit.
int ipm_heading_decode(struct arena *a, struct bytes value, struct ipm_heading *h);
// Whether all texts keep the bounds and sets of X.420, as they must to be sent; results and why as of validate_string.
int ipm_heading_check(const struct ipm_heading *h, char *why);
// The Heading SET appended to out. Text that T.61 cannot express is sent with its nearest form and, for the subject,
// whole in the extended-subject extension. The result of the check, ERR_SYNTAX (a time out of range) or ERR_NOMEM.
int ipm_heading_encode(const struct ipm_heading *h, struct buf *out);

// value: the members of the IPN SET.
int ipm_notification_decode(struct arena *a, struct bytes value, struct ipm_notification *n);

// Readable text appended, without newline; control characters of the peer never reach the reader raw.
int ipm_descriptor_print(const struct ipm_descriptor *d, struct buf *out);
int ipm_id_print(const struct ipm_id *id, struct buf *out);
int ipm_time_print(int64_t t, struct buf *out); // 2026-11-20T10:34:36Z

// ---- file names ----
enum { IPM_FILENAME_MAX = 200 }; // octets

// A name that can be created in a directory of ours: the last component of raw (both kinds of slashes separate), valid
// UTF-8 without control characters, no leading dot or blank, at most IPM_FILENAME_MAX octets cut at a character, the
// extension kept; fallback when nothing is left. NULL: memory is short.
const char *ipm_safe_filename(struct arena *a, const char *raw, const char *fallback);

// Makes names different from one another, compared without regard to the case of ASCII letters, by a number before the
// extension: report.pdf, report-2.pdf. Zero-initialised is empty; memory is the arena's.
struct ipm_filename_set {
    const char **names;
    size_t n, cap;
};
const char *ipm_unique_filename(struct arena *a, struct ipm_filename_set *set, const char *raw, const char *fallback);

#endif
