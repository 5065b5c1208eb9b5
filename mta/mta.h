// SPDX-License-Identifier: BSD-2-Clause
// What the parts of the daemon share. The way of a message through them:
//
//   transfer_in, submit, report ─► admit (trace, loop, duplicate, routing; one transaction) ─► queue (a job a next hop)
//     ─► amgr + transfer_out (a peer) or local (a directory) ─► settle (fates, reports; one transaction)
//
// Everything here belongs to the loop's thread; the disk is touched by the spool's and the file threads only.
#ifndef MTA_MTA_H
#define MTA_MTA_H

#include <sys/queue.h>

#include "assoc/accept.h"
#include "assoc/assoc.h"
#include "base/event.h"
#include "base/loop.h"
#include "conf/conf.h"
#include "mta/content_file.h"
#include "mta/events.h"
#include "mta/spool.h"
#include "x400/p1.h"

struct queue;
struct amgr;
struct amgr_stacks;
struct local;
struct control;
struct traces;
struct resume_in;
struct resume_out;
struct life;
struct settling;
struct submission;

struct mta {
    struct loop *loop;
    struct assoc_env env;
    struct events *events;
    struct held_conf *held;  // the configuration in force; who keeps pointers into it takes a reference
    const struct conf *conf; // the same, held->conf
    struct life *life;
    struct amgr *amgr;
    struct amgr_stacks *stacks;
    struct control *control;
    struct traces *traces;
    // While the spool is ours (life.h), else NULL:
    struct assoc_accept *accept; // the names of `accept from`, of conf; NULL also: no memory, they allow nothing
    struct spool *spool;
    struct file_thread *files;       // of contents from and to peers
    struct file_thread *submissions; // reads the files of local users, who may make that slow (a FUSE mount)
    struct queue *queue;
    struct local *local;
    struct resume_in *resume_in;   // what peers may go on with
    struct resume_out *resume_out; // what we may go on with
    struct arena arena;            // of what follows
    struct bytes domain;           // our GlobalDomainIdentifier TLV
    uint32_t made;                 // local identifiers made by this run
    size_t n_reporting; // fates with their envelope in memory; those in the list wait for their turn (settle.c)
    struct settling *reports_waiting, *reports_last;
    LIST_HEAD(, settling) settlings;    // all of them
    LIST_HEAD(, submission) submitting; // contents of local users that are being copied
    bool no_space;                      // below the reserve: nothing new is taken
    bool stopping;                      // the spool is being closed: nothing new is begun
    bool foreground;                    // events go to standard error, whatever the configuration says
    int64_t started;                    // UTC ms
};

// A configuration, counted: associations and listeners may outlive a reload.
struct held_conf {
    unsigned refs;
    struct conf *conf;
};
struct held_conf *held_conf_new(struct conf *c); // takes c over; NULL: no memory, c is the caller's
struct held_conf *held_conf_ref(struct held_conf *h);
void held_conf_unref(struct held_conf *h); // NULL is allowed

// A decoded head with the arena that it lives in, counted: several next hops and a report share one.
struct opened {
    unsigned refs;
    struct arena arena;
    struct p1_envelope *env;
};
enum { OPENED_LIMIT = 64 * 1024 * 1024 }; // of the arena: the largest head decodes into less
// Copies head and decodes it. NULL and the fault's text when it cannot.
struct opened *opened_new(struct bytes head, struct p1_fault *fault);
int opened_decode(struct bytes head, struct opened **out, struct p1_fault *fault); // the same, with p1_decode's result
struct opened *opened_empty(void); // an arena without an envelope yet; NULL: no memory
struct opened *opened_ref(struct opened *o);
void opened_unref(struct opened *o); // NULL is allowed

// A new MTSIdentifier of ours: TLV in the arena. p NULL when memory is short.
struct bytes mta_identifier(struct mta *m, struct arena *a);
// Its own trace element for something that arrived at `arrival` (seconds UTC).
struct trace_element mta_trace_element(const struct mta *m, int64_t arrival);

// The file of a content that no row names any more goes, soon; while stopping it is left to the next start, which
// sweeps.
void mta_content_delete(struct mta *m, const struct content_ref *content);

const char *mta_orname_text(struct arena *a, struct bytes name); // "/C=GB/…/"; "(unreadable)"; never NULL
const char *mta_kind_text(enum spool_kind k);                    // "message", "probe", "report"
const char *mta_priority_text(int priority);                     // "normal", "non-urgent", "urgent"

#endif
