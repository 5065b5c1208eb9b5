// SPDX-License-Identifier: BSD-2-Clause
// The daemon's stacks (assoc/stacks.h), and what follows when one of them comes, goes, or is told to go: events,
// associations released in order or dropped at once, peers called again. They live as long as the process; while the
// spool is not ours they are held, and there are no peers.
#ifndef MTA_AMGR_STACKS_H
#define MTA_AMGR_STACKS_H

#include <sys/queue.h>

#include "assoc/stacks.h"
#include "mta/mta.h"

struct link;
struct peer;

struct amgr_stack {
    LIST_ENTRY(amgr_stack) link;
    struct mta *m;
    struct held_conf *held; // that it was made from
    const struct conf_stack *conf;
    struct assoc_stack *stack;
    enum assoc_stack_state state;                        // as it was looked at last
    enum assoc_stack_reason reason;                      // the same
    bool told_standby;                                   // by an event, and not yet that it is active again
    char told_error[ASSOC_TEXT];                         // by event 9321
    struct net_address listening[ASSOC_STACK_ADDRESSES]; // told by event 20013
    size_t n_listening;
    LIST_HEAD(, stack_asked) asked; // commands that wait for its associations to end
    struct loop_timer *patience;    // for them; NULL: memory was short
    bool aborted;                   // patience was over: what is left then is cut off
};

// Makes the stacks of m->conf and of what it names, held. m->env.stacks is there. NULL: no memory.
struct amgr_stacks *amgr_stacks_new(struct mta *m);
void amgr_stacks_free(struct amgr_stacks *s); // NULL is allowed. Commands that wait are answered
// The spool is ours (hold false), or not: why, in words. Associations are not touched.
void amgr_stacks_hold(struct amgr_stacks *s, bool hold, const char *why);
// m->conf has changed: stacks that are the same go on, others begin anew. Associations are released in
// order when their stack is not configured any more.
void amgr_stacks_reload(struct amgr_stacks *s);

struct amgr_stack *amgr_stack_find(const struct amgr_stacks *s, const char *name); // NULL: there is none

// The operator's word. Standby: its associations are released, those that are busy when their transfer ended, and
// aborted after STACK_PATIENCE_MS and cut off STACK_ABORT_MS later; `done` is called when the last one ended. Active:
// `done` is called at once; its status tells whether it is, and if not why. error: NULL, or why the word was not taken.
// done may be called before this returns, and always once.
enum { STACK_PATIENCE_MS = 10000, STACK_ABORT_MS = 3000 };
struct amgr_stack_ended { // open associations
    size_t released, cut_off;
};
typedef void (*amgr_stack_done)(void *arg, const struct assoc_stack_status *status,
                                const struct amgr_stack_ended *ended, const char *error);
void amgr_stack_set(struct amgr_stacks *s, const char *name, bool standby, amgr_stack_done done, void *arg);

// ---- association manager ----
void amgr_stacks_check_ended(struct amgr_stacks *s); // an association did, or the spool was closed: commands may wait
// Whether a call to it can be made over one of its stacks. why (may be NULL): which are not there, and the reasons.
bool peer_has_stack(const struct peer *p, char why[ASSOC_TEXT]);
// A call over a stack came to this, for `show stacks`.
void stack_note_out(const struct link *l, const char *result);

#endif
