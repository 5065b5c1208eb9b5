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
bool selection_read(struct request *r, struct selection *s); // false: it is too long, and refused
bool selection_has(const struct selection *s, const struct item *i);

// Loads the configuration again and puts it in force; dry_run: only says what would change. out gets the differences,
// or the errors (ERR_SYNTAX: the running configuration goes on). reload.c, as what follows.
int mta_reload(struct mta *m, bool dry_run, struct buf *out);
// Parts of it that the start needs as well: where events go, and our GlobalDomainIdentifier.
void reload_event_options(const struct mta *m, const struct conf *c, struct event_options *o);
int reload_domain(struct mta *m);

#endif
