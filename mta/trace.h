// SPDX-License-Identifier: BSD-2-Clause
// Traces of peers, asked for over the control socket and taken from there in batches; see trace.c.
#ifndef MTA_TRACE_H
#define MTA_TRACE_H

#include "mta/mta.h"

struct traces *traces_new(struct mta *m); // NULL: no memory
void traces_free(struct traces *t);       // after the control sockets; NULL is allowed

#endif
