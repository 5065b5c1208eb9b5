// SPDX-License-Identifier: BSD-2-Clause
// One APDU at a time over a bound association, to a peer (transfer_out) and from it (transfer_in). Both end by
// themselves; when the association goes away first, transfer_*_gone is called with what is known of it.
#ifndef MTA_TRANSFER_H
#define MTA_TRANSFER_H

#include "mta/amgr.h"
#include "mta/outgoing.h"

// What is spoken over an association, and how a peer of 1984 is to be treated.
void transfer_form(const struct link *l, struct outgoing_form *form);

// Takes the job; link_idle is called when it is over.
void transfer_out_start(struct link *l, struct job *j);
void transfer_out_confirmed(struct link *l, uint32_t serial); // a checkpoint
void transfer_out_ready(struct link *l, size_t room);
void transfer_out_done(struct link *l, const struct stack_transfer_end *end);
void transfer_out_gone(struct link *l, const struct assoc_failure *f); // f NULL: released in order
const char *transfer_out_mts_id(const struct link *l);                 // of what is being sent, NULL: nothing

void transfer_in_begin(struct link *l);
void transfer_in_data(struct link *l, struct bytes piece);
void transfer_in_checkpoint(struct link *l, uint32_t serial, uint64_t octets);
void transfer_in_end(struct link *l, const struct stack_transfer_end *end);
void transfer_in_resume(struct link *l, const struct rtse_recovery *old);
void transfer_in_gone(struct link *l, const char *why);

#endif
