// SPDX-License-Identifier: BSD-2-Clause
// Delivery and non-delivery reports on messages and probes (X.411): who is to be told, and the report
// itself.
#ifndef X400_REPORT_H
#define X400_REPORT_H

#include "x400/p1.h"

// A report with this fate has to be generated for the recipient: asked for by the originating MTA or by the originator.
// A non-delivery is reported always, whatever the bits say.
bool report_wanted(const struct p1_recipient *r, const struct p1_fate *fate);
// A report that came back to the originating MTA is to be shown to the originator.
bool report_for_originator(const struct p1_recipient *r);
// Content is returned: asked for, a message, and something in it was not delivered.
bool report_returns_content(const struct p1_envelope *report, const struct p1_envelope *subject);

// What becomes of one recipient of the subject.
struct report_item {
    size_t recipient; // index in the subject
    struct p1_fate fate;
    const char *supplementary;       // text for people, NULL: none; made printable and cut to 256 characters
    const struct p1_eits *converted; // NULL: no conversion
};

struct report_maker {
    struct bytes identifier; // MTSIdentifier TLV of the report
    struct bytes domain;     // our GlobalDomainIdentifier TLV
    const char *mta_name;    // ours, for the internal trace and reporting-MTA-name
    int64_t arrival;         // when the subject arrived here
    int64_t now;
};

// Builds the report for those items that are wanted (report_wanted). It shares octets with the subject, whose arena
// must live as long. ERR_ABSENT: nobody wants one; ERR_STATE: the subject is a report, on which none is ever made;
// ERR_NOMEM.
int report_make(struct arena *a, const struct p1_envelope *subject, const struct report_maker *m,
                const struct report_item *item, size_t n, struct p1_envelope **out);

#endif
