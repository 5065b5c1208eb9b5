// SPDX-License-Identifier: BSD-2-Clause
// Local delivery: takes the jobs of the directories' hops out of the queue, writes the item of each recipient
// (deliver_dir.h), and settles it. An item holds envelope.json, content.ber, and of an interpersonal message body-N.txt
// for each text and each attachment under its own safe name.
#ifndef MTA_LOCAL_H
#define MTA_LOCAL_H

#include "mta/queue.h"

struct local *local_new(struct mta *m);
// At the start, before the queue is served: publishes what was committed but perhaps not renamed, settles nothing
// itself (the recipient is delivered then, and `done` recipients are told through the spool's intents), and removes
// what is left over in tmp/.
int local_recover(struct local *l);
void local_start(struct local *l);  // serves the hops of the configuration's directories
void local_reload(struct local *l); // the configuration has changed
void local_free(struct local *l);   // nothing may be under way any more
size_t local_running(const struct local *l);

#endif
