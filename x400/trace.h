// SPDX-License-Identifier: BSD-2-Clause
// TraceInformation and InternalTraceInformation (X.411, module MTAAbstractService): who handled a message, when, and
// what he did. Elements that others wrote are relayed to the octet. One struct serves both kinds; mta_name is set only
// in the internal one.
#ifndef X400_TRACE_H
#define X400_TRACE_H

#include "x400/p1_value.h"

enum trace_routing { TRACE_RELAYED = 0, TRACE_REROUTED = 1 };
enum { TRACE_REDIRECTED = 1 << 0, TRACE_DL_OPERATION = 1 << 1 }; // OtherActions

struct trace_element {
    struct bytes domain;   // GlobalDomainIdentifier TLV
    struct bytes mta_name; // IA5 text; p NULL in TraceInformation
    struct p1_time arrival;
    int routing;            // enum trace_routing
    struct bytes attempted; // GlobalDomainIdentifier TLV or, in the internal trace, also an MTA name's IA5String TLV
    struct p1_time deferred;
    struct p1_eits converted;
    struct p1_bits other_actions;
    struct bytes raw; // the element as received, encoded as it is; p NULL when made or changed here
};

struct trace {
    struct trace_element *element; // oldest first
    size_t n;
};

// value: the members of the SEQUENCE OF. Elements are allocated in the arena and point into value.
int trace_decode(struct arena *a, struct bytes value, bool internal, struct trace *out, struct p1_fault *fault);
int trace_encode(struct buf *b, const struct trace *t, bool internal); // the members, without the outer tag

// Adds e (whose octets must live as long as the arena) at the end. Where the last element is of the same domain (in the
// internal trace: the same MTA), nothing is added but what e says more is merged into that element: a domain has one
// element a visit. A rerouting always adds an element of its own (inferred). ERR_LIMIT: ub-transfers are there already.
int trace_add(struct arena *a, struct trace *t, const struct trace_element *e, bool internal);
// The same, and an element more in any case.
int trace_append(struct arena *a, struct trace *t, const struct trace_element *e);

// For loop detection: visits of this domain (and MTA, when its name is not NULL), not counting a visit that is the
// last.
size_t trace_visits(const struct trace *t, struct bytes domain, const char *mta_name);
// The last element that is ours was rerouted, or redirected / expanded a list: a return may be no loop.
const struct trace_element *trace_last_of(const struct trace *t, struct bytes domain, const char *mta_name);

// Same domain (mts_domain_equal); what is malformed is compared by its octets.
bool trace_domain_equal(struct bytes a, struct bytes b);

// "C=GB;A=TEST;P=PPA [MTA] 2026-11-20T10:34:36Z relayed, attempted C=..;A=.., deferred until …, redirected", one line
// an element.
int trace_print(struct buf *b, const struct trace *t);

#endif
