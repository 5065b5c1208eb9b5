// SPDX-License-Identifier: BSD-2-Clause
// The daemon has two halves: what lives as long as the process (events, sockets, stacks, names, configuration), and
// this one, which lives while the spool is ours: spool, file threads, queue, peers and their associations, deliveries,
// interrupted transfers.
//
//   waiting ──► opening ──► serving ──► closing ──► waiting again, or ended
//
//   waiting   for the kernel's lock that another daemon has (tried again every 200 ms at first, then every second: the
//             kernel tells nobody that a lock is free), or for a full disk; a spool that follows a stack also for that
//             stack's address, and for its folder, which is then never made: its file system may not be mounted
//   opening   by a thread of its own, since a check after an unclean stop, or a storage that hangs, takes its time
//   closing   in order: associations are released, at most for 13 s. At once, when the address has gone: they are cut
//             off. What is on its way to the disk gets there in both cases, and what was interrupted can be resumed
//
// Whatever happens meanwhile (the address comes back while the spool is still being closed) is looked at when the step
// that was begun is done. Loop thread only; times are UTC milliseconds.
#ifndef MTA_LIFE_H
#define MTA_LIFE_H

#include "mta/mta.h"
#include "mta/spool_lock.h"

struct life; // m->life

enum life_state { LIFE_WAITING, LIFE_OPENING, LIFE_SERVING, LIFE_CLOSING, LIFE_ENDED };
const char *life_state_word(enum life_state s); // "waiting", "opening", "serving", "closing", "ended"

struct life_status {
    enum life_state state;
    int64_t since;             // of the state
    char why[SPOOL_WHY];       // what is waited for, or why it is being closed, in words; "": serving
    struct spool_owner holder; // of the lock that is waited for; its host is "" when nobody has it
};

struct life_user {
    void (*changed)(void *ctx, const struct life_status *s); // state or why
    void (*fatal)(void *ctx, const char *what);              // there can be no spool: the daemon cannot go on
    void (*ended)(void *ctx);                                // after life_stop
};

struct life *life_new(struct mta *m, const struct life_user *u, void *ctx); // NULL: no memory
void life_start(struct life *l);
void life_look(struct life *l); // something changed that may matter: a stack, the configuration. Acts from the loop
// The daemon ends: closes in order, then `ended`. Asked again: at once.
void life_stop(struct life *l);
// When the loop runs no more: closes what is open. NULL is allowed, here and below.
void life_finish(struct life *l);
void life_free(struct life *l);

const struct life_status *life_status(const struct life *l);
bool life_has_spool(const struct life *l); // queue and peers are there: serving, or closing still
bool life_opens(const struct life *l);     // it is being opened: who needs it may as well wait
// The spool follows that stack, and is not closed yet: who puts the stack on standby waits for that.
bool life_gives_up(const struct life *l, const char *stack);

#endif
