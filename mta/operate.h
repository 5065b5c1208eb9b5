// SPDX-License-Identifier: BSD-2-Clause
// Which messages of the queue a command means: by identifiers, or by criteria that must all hold.
#ifndef MTA_OPERATE_H
#define MTA_OPERATE_H

#include "mta/control.h"
#include "mta/queue.h"

struct selection {
    const json_t *ids; // array of numbers (message) or texts (MTS identifiers); NULL: not by identifier
    const char *peer, *from, *to, *priority;
    int64_t arrived_before; // UTC ms, 0: any
    bool all;
};
void selection_read(const struct request *r, struct selection *s);
bool selection_has(const struct selection *s, const struct item *i);

// Loads the configuration again; NULL and the errors as text (mem_free) when it has any. main.c.
struct mta;
int mta_reload(struct mta *m, bool dry_run, struct buf *out);

#endif
