// SPDX-License-Identifier: BSD-2-Clause
// ExtensionField (X.411, module MTSAbstractService): the standard extensions by number, private ones by OBJECT
// IDENTIFIER, each with its criticality. What is not changed here is relayed to the octet, also when it is not
// understood. A type is read as [0] INTEGER and as the old [0] { INTEGER }; what we write ourselves has the standard
// form.
#ifndef X400_EXTENSION_H
#define X400_EXTENSION_H

#include "x400/p1_value.h"
#include "x400/trace.h"

enum p1_extension_type {
    P1_EXT_PRIVATE = 0,
    P1_EXT_RECIPIENT_REASSIGNMENT_PROHIBITED = 1,
    P1_EXT_ORIGINATOR_REQUESTED_ALTERNATE_RECIPIENT = 2,
    P1_EXT_DL_EXPANSION_PROHIBITED = 3,
    P1_EXT_CONVERSION_WITH_LOSS_PROHIBITED = 4,
    P1_EXT_LATEST_DELIVERY_TIME = 5,
    P1_EXT_REQUESTED_DELIVERY_METHOD = 6,
    P1_EXT_MESSAGE_TOKEN = 16,
    P1_EXT_MESSAGE_SECURITY_LABEL = 20,
    P1_EXT_PROOF_OF_DELIVERY_REQUEST = 22,
    P1_EXT_CONTENT_CORRELATOR = 23,
    P1_EXT_REDIRECTION_HISTORY = 25,
    P1_EXT_DL_EXPANSION_HISTORY = 26,
    P1_EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY = 30,
    P1_EXT_REPORTING_DL_NAME = 31,
    P1_EXT_TRACE = 37,
    P1_EXT_INTERNAL_TRACE = 38,
    P1_EXT_REPORTING_MTA_NAME = 39,
    P1_EXT_LAST = 46
};

// Criticality, and where an extension may stand.
enum { P1_FOR_SUBMISSION = 1 << 0, P1_FOR_TRANSFER = 1 << 1, P1_FOR_DELIVERY = 1 << 2 };
enum p1_extension_place {
    P1_IN_MESSAGE = 1 << 0,
    P1_IN_MESSAGE_RECIPIENT = 1 << 1,
    P1_IN_PROBE = 1 << 2,
    P1_IN_PROBE_RECIPIENT = 1 << 3,
    P1_IN_REPORT = 1 << 4,
    P1_IN_REPORT_CONTENT = 1 << 5,
    P1_IN_REPORT_RECIPIENT = 1 << 6
};

struct p1_extension_info {
    const char *name;
    uint8_t number;
    uint8_t criticality; // recommended
    uint8_t places;      // enum p1_extension_place, or-ed; 0: not in P1
    bool deliverable;    // an MTA that delivers obeys it, or has nothing to do but hand it over
};
const struct p1_extension_info *p1_extension_info(int type); // NULL when there is none

struct p1_extension {
    int type;             // standard number, or P1_EXT_PRIVATE
    struct bytes oid;     // of a private one: contents of the OBJECT IDENTIFIER
    uint32_t criticality; // P1_FOR_*, or-ed
    struct bytes value;   // TLV; p NULL when absent
    struct bytes raw;     // the ExtensionField TLV as received; p NULL when made here
};
struct p1_extensions {
    struct p1_extension *item;
    size_t n;
};

// members: of the SET OF. A type that stands there twice is ERR_SYNTAX.
int p1_extensions_decode(struct arena *a, struct bytes members, struct p1_extensions *out, struct p1_fault *fault);
int p1_extensions_encode(struct buf *b, const struct p1_extensions *x); // the members

const struct p1_extension *p1_extension_find(const struct p1_extensions *x, int type);
// Replaces or adds a standard extension with its recommended criticality; value is copied.
int p1_extension_set(struct arena *a, struct p1_extensions *x, int type, struct bytes value);
// The first one that is critical for `stage` (one of P1_FOR_*) and not understood for it; NULL: none.
const struct p1_extension *p1_extension_unsupported(const struct p1_extensions *x, uint32_t stage);
int p1_extension_name(struct buf *b, const struct p1_extension *e); // "latest-delivery-time", "standard 99", "1.2.3"

// ---- values; ERR_ABSENT when the extension is not there ----
int p1_extension_code(const struct p1_extensions *x, int type, int *v); // 1, 3, 4, 22: INTEGER or ENUMERATED
int p1_extension_time(struct arena *a, const struct p1_extensions *x, int type, struct p1_time *v); // 5
int p1_extension_methods(struct arena *a, const struct p1_extensions *x, const int **v, size_t *n); // 6
int p1_extension_text(struct arena *a, const struct p1_extensions *x, int type, struct bytes *v);   // 23: octets or IA5
int p1_extension_orname(const struct p1_extensions *x, int type, struct bytes *v);                  // 2, 31: ORName TLV
int p1_extension_reporting_mta(struct arena *a, const struct p1_extensions *x, struct bytes *domain, struct bytes *mta);

// InternalTraceInformation (38) and its growth by one visit of ours (see trace_add).
int p1_internal_trace(struct arena *a, const struct p1_extensions *x, struct trace *out);
int p1_internal_trace_add(struct arena *a, struct p1_extensions *x, const struct trace_element *e);

// One entry of RedirectionHistory (25), DLExpansionHistory (26) or OriginatorAndDLExpansionHistory (30).
struct p1_history_entry {
    struct bytes name; // ORName TLV: intended recipient, list, or originator
    struct p1_time time;
    int reason;       // RedirectionReason; 25 only
    struct bytes raw; // as received
};
struct p1_history {
    struct p1_history_entry *entry; // oldest first
    size_t n;
};
int p1_history(struct arena *a, const struct p1_extensions *x, int type, struct p1_history *out);
// ERR_LIMIT: longer than X.411 allows.
int p1_history_set(struct arena *a, struct p1_extensions *x, int type, const struct p1_history *h);

#endif
