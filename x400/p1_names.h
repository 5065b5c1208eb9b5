// SPDX-License-Identifier: BSD-2-Clause
// The names that X.411 gives to the numbers in P1. Functions return NULL for a number without a name.
#ifndef X400_P1_NAMES_H
#define X400_P1_NAMES_H

#include "x400/p1.h"

const char *p1_type_name(int type);                 // "message", "report", "probe"
const char *p1_priority_name(int priority);         // "normal", "non-urgent", "urgent"
const char *p1_reason_name(int reason);             // "unable-to-transfer"
const char *p1_diagnostic_name(int diagnostic);     // "unrecognised-OR-name"
const char *p1_content_type_name(int built_in);     // "interpersonal-messaging-1988"
const char *p1_eit_name(int bit);                   // "ia5-text"
const char *p1_routing_name(int routing);           // "relayed", "rerouted"
const char *p1_user_type_name(int type);            // "public"
const char *p1_redirection_reason_name(int reason); // "recipient-assigned-alternate-recipient"
const char *p1_conversion_name(int conversion);     // explicit conversion: "ia5-text-to-teletex"
const char *p1_delivery_method_name(int method);    // "mhs-delivery"
int p1_priority_of(const char *name);               // -1: none has this name

// Appended, for people: "reason (number)"; a content type or EITs with their OBJECT IDENTIFIERs in dotted form.
int p1_print_content_type(struct buf *b, const struct p1_content_type *t);
int p1_print_eits(struct buf *b, const struct p1_eits *e);
int p1_print_fate(struct buf *b, const struct p1_fate *f);

#endif
