// SPDX-License-Identifier: BSD-2-Clause
// What the files of the downgrading share among themselves; nobody else includes it.
#ifndef X400_DOWNGRADE_INTERNAL_H
#define X400_DOWNGRADE_INTERNAL_H

#include "x400/downgrade.h"

// The members of a Heading or IPN of 1988 as those of 1984, DER around what stays, appended.
// ERR_SYNTAX, ERR_NOMEM; a notification also DOWNGRADE_REFUSED with *why.
int downgrade_heading(const struct downgrade_options *o, struct bytes members, struct buf *out);
int downgrade_notification(const struct downgrade_options *o, struct bytes members, struct buf *out, const char **why);

#endif
