// SPDX-License-Identifier: BSD-2-Clause
// Local delivery: takes the jobs of the directories' hops out of the queue, writes the item of each recipient
// (deliver_dir.h), and settles it. An item holds envelope.json, content.ber, and of an interpersonal message body-N.txt
// for each text and each attachment under its own safe name; of a report it holds envelope.json, and
// returned-content.ber when content came back.
//
// The order at the start: spool_open → local_recover → spool_load and queue_add → spool_start → local_start. At the
// end: m->stopping is set, local_stop; when local_running says 0 (or all of it is to end anyhow) local_finish,
// file_thread_free, spool_close, local_free, queue_free.
#ifndef MTA_LOCAL_H
#define MTA_LOCAL_H

#include "mta/queue.h"

struct local *local_new(struct mta *m); // after spool_open. NULL: no memory, or no thread
// Before spool_start and before the queue is filled: notes the deliveries that were committed but perhaps not finished,
// and removes what else is left over in the directories' tmp/. Blocking. An error of the spool, or ERR_NOMEM.
int local_recover(struct local *l);
// Finishes what local_recover noted (m->queue has the items now), and serves the hops of the configuration's
// directories.
void local_start(struct local *l);
void local_reload(struct local *l); // the configuration has changed
// Nothing more is begun, and what is under way ends at its next step: an item without a committed intent is given back,
// one with it is finished at the next start.
void local_stop(struct local *l);
size_t local_running(const struct local *l); // deliveries under way, without those that wait to be tried again
void local_finish(
    struct local *l); // what its threads have begun is ended, and they with it. NULL is allowed, here and below
void local_free(struct local *l);

#endif
