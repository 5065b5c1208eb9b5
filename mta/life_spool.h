// SPDX-License-Identifier: BSD-2-Clause
// A spool is opened by a thread, so that the loop goes on: events that it raises come in the loop. Its events for the
// operator, and what is loaded from it.
#ifndef MTA_LIFE_SPOOL_H
#define MTA_LIFE_SPOOL_H

#include "mta/mta.h"

struct opener;
// The options' `event` is called in the loop, from opener_turn; their `owner` is ours. `notify` is called from the
// thread. NULL: no memory, or no thread.
struct opener *opener_new(const struct spool_options *o, void (*notify)(void *arg), void *arg);
bool opener_turn(struct opener *p); // raises events; true: the thread is done
// Waits for the thread. What spool_open said: *spool is set when it is ERR_OK.
int opener_free(struct opener *p, struct spool **spool, char why[SPOOL_WHY], struct spool_owner *holder);

void life_spool_event(struct mta *m, const struct spool_event *e); // as an event for the operator
// Fills the queue, and the transfers that can be resumed.
int life_spool_load(struct mta *m, spool_message_cb load_one);

#endif
