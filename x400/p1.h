// SPDX-License-Identifier: BSD-2-Clause
// The MTS-APDU (X.411, module MTAAbstractService): messages, probes and reports between MTAs, as plain structs in an
// arena.
//
// The "head" of an APDU is all of it but the content (of a message) or the returned content (of a report): what the
// splitter (p1_stream.h) collects, what is decoded, and what a spool keeps. It is itself the BER encoding of the APDU
// with the content left out; a whole APDU decodes as well, and then `content` is a view of its content.
//
// What was received and not changed is encoded again to the octet (names, identifiers, trace elements, extensions,
// bilateral information, unknown members); the wrapping around it becomes DER.
#ifndef X400_P1_H
#define X400_P1_H

#include "x400/extension.h"
#include "x400/p1_value.h"
#include "x400/trace.h"

enum p1_type { P1_MESSAGE = 0, P1_REPORT = 1, P1_PROBE = 2 }; // the context tags of MTS-APDU
enum p1_priority { P1_NORMAL = 0, P1_NON_URGENT = 1, P1_URGENT = 2 };

// PerMessageIndicators
enum {
    P1_DISCLOSURE_OF_OTHER_RECIPIENTS = 1 << 0,
    P1_IMPLICIT_CONVERSION_PROHIBITED = 1 << 1,
    P1_ALTERNATE_RECIPIENT_ALLOWED = 1 << 2,
    P1_CONTENT_RETURN_REQUEST = 1 << 3,
    P1_SERVICE_MESSAGE = 1 << 7
};
// PerRecipientIndicators. Bits 1 and 2 together ask for an audited report.
enum {
    P1_RESPONSIBILITY = 1 << 0,
    P1_MTA_REPORT = 1 << 1,
    P1_MTA_NON_DELIVERY_REPORT = 1 << 2,
    P1_ORIGINATOR_REPORT = 1 << 3,
    P1_ORIGINATOR_NON_DELIVERY_REPORT = 1 << 4
};

enum { P1_NO_DIAGNOSTIC = -1, P1_NO_CONVERSION = -1 };

// ReportType: what became of the message for one recipient.
struct p1_fate {
    bool delivered;
    struct p1_time delivery_time; // of a delivery
    int user_type;                // TypeOfMTSUser of a delivery, 0 public
    int reason;                   // NonDeliveryReasonCode
    int diagnostic;               // NonDeliveryDiagnosticCode or P1_NO_DIAGNOSTIC
};

// PerRecipientMessageTransferFields, PerRecipientProbeTransferFields, PerRecipientReportTransferFields.
struct p1_recipient {
    struct bytes name; // ORName TLV, tag 60 also in reports (where the wire has A0); in reports the actual recipient
    int number;        // originally-specified-recipient-number
    struct p1_bits indicators;
    int explicit_conversion; // or P1_NO_CONVERSION; not in reports
    struct p1_extensions extensions;
    // Reports only: last-trace-information and what follows.
    struct p1_time arrival;
    struct p1_eits converted;
    struct p1_fate fate;
    struct bytes intended;      // originally-intended-recipient-name, ORName TLV; p NULL: absent
    struct bytes supplementary; // PrintableString text; p NULL: absent
    struct bytes *unknown;      // TLVs of members that no standard lists, relayed
    size_t n_unknown;
};

// ReportTransferContent without its recipients, which are in the envelope's array.
struct p1_report_content {
    struct bytes subject; // MTSIdentifier TLV of the message or probe
    struct trace intermediate;
    struct bytes additional; // additional-information TLV [2]; p NULL: absent
    struct p1_extensions extensions;
    struct bytes *unknown;
    size_t n_unknown;
};

struct p1_envelope {
    enum p1_type type;
    struct bytes identifier; // MTSIdentifier TLV of the message, probe or report
    struct bytes originator; // ORName TLV; of a report: report-destination-name
    struct p1_eits original_eits;
    struct p1_content_type content_type;
    struct bytes content_identifier; // text; p NULL: absent
    int priority;                    // enum p1_priority; messages
    struct p1_bits indicators;       // messages and probes
    struct p1_time deferred;         // deferred-delivery-time; messages
    bool has_content_length;         // probes
    int64_t content_length;
    struct bytes *bilateral; // PerDomainBilateralInformation TLVs; messages and probes
    size_t n_bilateral;
    struct trace trace;
    struct p1_extensions extensions;
    struct p1_recipient *recipient;
    size_t n_recipients;
    struct bytes *unknown;
    size_t n_unknown;
    struct p1_report_content *report; // NULL unless type is P1_REPORT
    // A view of the content (message) or returned content (report) when a whole APDU was decoded and held it as a
    // primitive octet string, or a copy when it came in segments; p NULL: none.
    struct bytes content;
};

// apdu: a head or a whole APDU (see above), which must live as long as the arena. fault may be NULL.
// ERR_SYNTAX, ERR_SHORT, ERR_LIMIT (a bound of the standard, or the arena's), ERR_NOMEM.
int p1_decode(struct arena *a, struct bytes apdu, struct p1_envelope **out, struct p1_fault *fault);

// The head, appended: for the spool.
int p1_encode(struct buf *b, const struct p1_envelope *e);

// What goes on the wire before the content octets, appended; nothing follows them. content_len P1_NO_CONTENT: none
// (probes, reports without returned content). total (may be NULL): octets of the whole APDU, content included.
#define P1_NO_CONTENT UINT64_MAX
int p1_apdu_header(struct buf *b, const struct p1_envelope *e, uint64_t content_len, uint64_t *total);

// The envelope copied shallowly with its own array of recipients, so that one copy a next hop can be changed: only the
// recipients listed keep responsibility, the others are told as not ours. ERR_NOMEM.
int p1_split(struct arena *a, const struct p1_envelope *e, const size_t *responsible, size_t n,
             struct p1_envelope **out);

// Octets to be hashed for the recognition of a duplicate: identifier, responsible recipients, trace, redirection and
// list history, in a canonical encoding. Appended.
int p1_fingerprint(struct buf *b, const struct p1_envelope *e);

// A new envelope, empty but for its type, in the arena; a report has its content. NULL when memory is short.
struct p1_envelope *p1_envelope_new(struct arena *a, enum p1_type type);

#endif
